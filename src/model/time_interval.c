/* SPDX-License-Identifier: Apache-2.0 */
#include "model/time_interval.h"

#include "base/zone.h"

static bool contains(const struct time_ranges *r, int value)
{
    for (size_t i = 0; i < r->n; i++)
        if (value >= r->ranges[i].begin && value <= r->ranges[i].end)
            return true;
    return !r->given;
}

static bool contains_minute(const struct time_ranges *r, int minute)
{
    for (size_t i = 0; i < r->n; i++)
        if (minute >= r->ranges[i].begin && minute < r->ranges[i].end)
            return true;
    return !r->given;
}

static int month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return lengths[month - 1] + (month == 2 && leap);
}

/* A range that begins behind the end of the month is empty, one that ends there is cut. */
static bool contains_day(const struct time_ranges *r, const struct civil *c)
{
    int length = month_length(c->year, c->month);

    for (size_t i = 0; i < r->n; i++) {
        int begin = r->ranges[i].begin, end = r->ranges[i].end;

        if (begin < 0)
            begin += length + 1;
        if (end < 0)
            end += length + 1;
        if (c->day >= begin && c->day <= end)
            return true;
    }
    return !r->given;
}

bool time_interval_contains(const struct time_interval *i, unix_ns t)
{
    int64_t seconds = t / NS_PER_S - (t % NS_PER_S < 0);
    struct civil c;

    civil_of_unix(seconds + zone_at(i->zone, seconds).offset, 0, &c);
    return contains_minute(&i->times, c.hour * 60 + c.minute) &&
           contains(&i->weekdays, c.weekday) && contains_day(&i->days, &c) &&
           contains(&i->months, c.month) && contains(&i->years, c.year);
}
