/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zone_rule_priv.h"

#include "base/clock.h"

#define DAY_SECONDS 86400

static bool take(struct str *s, char c)
{
    if (s->len == 0 || s->p[0] != c)
        return false;
    *s = str_n(s->p + 1, s->len - 1);
    return true;
}

static bool take_number(struct str *s, int max, int *ret)
{
    int v = 0;
    size_t n = 0;

    for (; n < s->len && n < 4 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    *s = str_n(s->p + n, s->len - n);
    *ret = v;
    return n > 0 && v <= max;
}

/* Letters, or anything between < and >. */
static bool take_name(struct str *s, struct str *ret)
{
    size_t n = 0;

    if (take(s, '<')) {
        while (n < s->len && s->p[n] != '>')
            n++;
        *ret = str_n(s->p, n);
        *s = str_n(s->p + n, s->len - n);
        return take(s, '>') && n > 0;
    }
    while (n < s->len && ((s->p[n] | 32) >= 'a' && (s->p[n] | 32) <= 'z'))
        n++;
    *ret = str_n(s->p, n);
    *s = str_n(s->p + n, s->len - n);
    return n >= 3;
}

/* [+-]h[h][:mm[:ss]] */
static bool take_time(struct str *s, int32_t *ret)
{
    int sign = take(s, '-') ? -1 : 1, h, m = 0, sec = 0;

    if (sign == 1)
        take(s, '+');
    if (!take_number(s, 167, &h))
        return false;
    if (take(s, ':') && !take_number(s, 59, &m))
        return false;
    if (take(s, ':') && !take_number(s, 59, &sec))
        return false;
    *ret = sign * (h * 3600 + m * 60 + sec);
    return true;
}

static bool take_change(struct str *s, struct zone_change *c)
{
    *c = (struct zone_change){.seconds = 2 * 3600};
    if (take(s, 'M')) {
        c->kind = CHANGE_MONTH;
        if (!take_number(s, 12, &c->month) || c->month < 1 || !take(s, '.') ||
            !take_number(s, 5, &c->week) || c->week < 1 || !take(s, '.') ||
            !take_number(s, 6, &c->weekday))
            return false;
    } else {
        c->kind = take(s, 'J') ? CHANGE_DAY_NO_LEAP : CHANGE_DAY;
        if (!take_number(s, 365, &c->day))
            return false;
    }
    return !take(s, '/') || take_time(s, &c->seconds);
}

bool zone_rule_parse(struct str s, struct zone_rule *ret)
{
    struct zone_rule r = {.dst_name = STR("")};

    if (!take_name(&s, &r.name) || !take_time(&s, &r.offset))
        return false;
    r.offset = -r.offset;
    if (s.len > 0) {
        if (!take_name(&s, &r.dst_name))
            return false;
        r.dst_offset = r.offset + 3600;
        if (s.len > 0 && s.p[0] != ',') {
            if (!take_time(&s, &r.dst_offset))
                return false;
            r.dst_offset = -r.dst_offset;
        }
        if (s.len == 0) /* POSIX leaves this open; everybody takes the rule of the USA */
            s = STR(",M3.2.0,M11.1.0");
        if (!take(&s, ',') || !take_change(&s, &r.begin) || !take(&s, ',') ||
            !take_change(&s, &r.end))
            return false;
    }
    if (s.len > 0)
        return false;
    *ret = r;
    return true;
}

static int64_t days_of(int year, int month, int day)
{
    struct civil c = {.year = year, .month = month, .day = day};

    return civil_to_unix(&c) / DAY_SECONDS;
}

/* The instant of the change in that year, as wall time of standard time's clock at offset 0. */
static int64_t change_in(const struct zone_change *c, int year)
{
    int64_t first = days_of(year, 1, 1), day;

    if (c->kind == CHANGE_DAY) {
        day = first + c->day;
    } else if (c->kind == CHANGE_DAY_NO_LEAP) {
        bool leap = days_of(year, 3, 1) - first == 60;

        day = first + c->day - 1 + (leap && c->day >= 60);
    } else {
        int64_t next_month = days_of(year, c->month + 1, 1);
        int weekday;

        day = days_of(year, c->month, 1);
        weekday = (int)((day % 7 + 7 + 4) % 7); /* 1 January 1970 was a Thursday */
        day += (c->weekday - weekday + 7) % 7 + (c->week - 1) * 7;
        while (day >= next_month)
            day -= 7;
    }
    return day * DAY_SECONDS + c->seconds;
}

struct zone_moment zone_rule_at(const struct zone_rule *r, int64_t t)
{
    struct zone_moment standard = {r->offset, false, r->name};
    struct zone_moment summer = {r->dst_offset, true, r->dst_name};
    struct civil c;
    int64_t begin, end;
    bool in_summer;

    if (r->dst_name.len == 0)
        return standard;
    civil_of_unix(t + r->offset, 0, &c);
    begin = change_in(&r->begin, c.year) - r->offset;
    end = change_in(&r->end, c.year) - r->dst_offset;
    /* South of the equator summer begins before the year ends. */
    in_summer = begin < end ? t >= begin && t < end : t >= begin || t < end;
    return in_summer ? summer : standard;
}
