/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "base/must.h"

#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA    146097                /* 400 years */
#define GO_ZERO_SECONDS INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define FRACTION_DIGITS 9

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    must(clock_gettime(id, &ts) == 0);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

unix_ms clock_unix_ms(void)
{
    return unix_ms_of_ns(read_clock(CLOCK_REALTIME));
}

unix_ns clock_unix_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

mono_ns clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/*
 * Days from 1970-01-01 to the first of a month. Years are counted from March, so that the leap day
 * is the last of its year and the months before it have a regular rhythm: 153 days in five months.
 */
static int64_t days_to_month(int64_t year, int64_t month)
{
    int64_t y, era, year_of_era, from_march, day_of_year;

    year += floor_div(month - 1, 12);
    month = month - 1 - floor_div(month - 1, 12) * 12; /* from 0 */
    y = year - (month < 2);
    era = floor_div(y, 400);
    year_of_era = y - era * 400;
    from_march = month < 2 ? month + 10 : month - 2;
    day_of_year = (153 * from_march + 2) / 5;
    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468; /* days from 0000-03-01 to 1970-01-01 */
}

int64_t civil_to_unix(const struct civil *c)
{
    int64_t days = days_to_month(c->year, c->month) + c->day - 1;

    return days * SECONDS_PER_DAY + c->hour * INT64_C(3600) + c->minute * INT64_C(60) + c->second +
           floor_div(c->nanosecond, NS_PER_S);
}

void civil_of_unix(int64_t seconds, int nanosecond, struct civil *ret)
{
    int64_t days = floor_div(seconds, SECONDS_PER_DAY), era, year;
    int rest = (int)(seconds - days * SECONDS_PER_DAY), day_of_era, year_of_era, day_of_year,
        from_march;

    era = floor_div(days + 719468, DAYS_PER_ERA);
    day_of_era = (int)(days + 719468 - era * DAYS_PER_ERA);
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    from_march = (5 * day_of_year + 2) / 153;
    year = era * 400 + year_of_era + (from_march >= 10);
    *ret = (struct civil){
        .year = (int)year,
        .month = from_march < 10 ? from_march + 3 : from_march - 9,
        .day = day_of_year - (153 * from_march + 2) / 5 + 1,
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
        .nanosecond = nanosecond,
        .weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7), /* 1970-01-01 was a Thursday */
        .yearday = (int)(days - days_to_month(year, 1)) + 1,
    };
}

static char *put_digits(char *p, unsigned v, int digits)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + digits;
}

/* Date and time without fraction. Years have four digits at least. */
static void add_civil(struct buf *b, const struct civil *c)
{
    char out[sizeof "2006-01-02T15:04:05"], *p = out;

    if (c->year < 0 || c->year > 9999) {
        buf_addf(b, "%05d", c->year);
    } else {
        p = put_digits(p, (unsigned)c->year, 4);
    }
    *p++ = '-';
    p = put_digits(p, (unsigned)c->month, 2);
    *p++ = '-';
    p = put_digits(p, (unsigned)c->day, 2);
    *p++ = 'T';
    p = put_digits(p, (unsigned)c->hour, 2);
    *p++ = ':';
    p = put_digits(p, (unsigned)c->minute, 2);
    *p++ = ':';
    p = put_digits(p, (unsigned)c->second, 2);
    buf_add(b, out, (size_t)(p - out));
}

void time_add_rfc3339(struct buf *b, unix_ns t)
{
    int64_t seconds = t == UNIX_NS_ZERO ? GO_ZERO_SECONDS : floor_div(t, NS_PER_S);
    int ns = t == UNIX_NS_ZERO ? 0 : (int)((t % NS_PER_S + NS_PER_S) % NS_PER_S);
    int digits = FRACTION_DIGITS;
    char fraction[FRACTION_DIGITS];
    struct civil c;

    civil_of_unix(seconds, ns, &c);
    add_civil(b, &c);
    if (ns > 0) {
        put_digits(fraction, (unsigned)ns, FRACTION_DIGITS);
        while (fraction[digits - 1] == '0')
            digits--;
        buf_add_byte(b, '.');
        buf_add(b, fraction, (size_t)digits);
    }
    buf_add_byte(b, 'Z');
}

void time_add_rfc3339_ms(struct buf *b, unix_ms t)
{
    int64_t seconds = floor_div(t, 1000);
    char tail[] = ".000Z";
    struct civil c;

    civil_of_unix(seconds, 0, &c);
    add_civil(b, &c);
    put_digits(tail + 1, (unsigned)(t - seconds * 1000), 3);
    buf_add(b, tail, 5);
}

/* ---- reading: a cursor that remembers the first failure ------------------------------------ */

struct cursor {
    const char *p, *end;
    bool bad;
};

static int take_number(struct cursor *c, int digits, int least, int most)
{
    int v = 0;

    for (int i = 0; i < digits; i++) {
        if (c->p == c->end || *c->p < '0' || *c->p > '9') {
            c->bad = true;
            return least;
        }
        v = v * 10 + (*c->p++ - '0');
    }
    if (v < least || v > most)
        c->bad = true;
    return v;
}

static void take_char(struct cursor *c, char want)
{
    if (c->p < c->end && *c->p == want)
        c->p++;
    else
        c->bad = true;
}

/* Nanoseconds of ".123"; what is finer than a nanosecond is dropped. */
static int take_fraction(struct cursor *c)
{
    int ns = 0, digits = 0;

    if (c->p == c->end || *c->p != '.')
        return 0;
    for (c->p++; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, digits++)
        if (digits < FRACTION_DIGITS)
            ns = ns * 10 + (*c->p - '0');
    if (digits == 0)
        c->bad = true;
    for (; digits < FRACTION_DIGITS; digits++)
        ns *= 10;
    return ns;
}

/* Minutes east of Greenwich. Sets *ret_utc when it is written as "Z". */
static int take_zone(struct cursor *c, bool *ret_utc)
{
    int sign, minutes;

    *ret_utc = c->p < c->end && *c->p == 'Z';
    if (*ret_utc) {
        c->p++;
        return 0;
    }
    sign = c->p < c->end && *c->p == '-' ? -1 : 1;
    take_char(c, sign < 0 ? '-' : '+');
    minutes = 60 * take_number(c, 2, 0, 23);
    take_char(c, ':');
    return sign * (minutes + take_number(c, 2, 0, 59));
}

static int days_of_month(int year, int month)
{
    return (int)(days_to_month(year, month + 1) - days_to_month(year, month));
}

/* INT64_MIN itself is not a time: it stands for Go's zero. */
static int time_of_civil(const struct civil *t, int offset_min, unix_ns *ret)
{
    int64_t seconds = civil_to_unix(t) - offset_min * INT64_C(60), ns;

    if (seconds == GO_ZERO_SECONDS && t->nanosecond == 0) {
        *ret = UNIX_NS_ZERO;
        return 0;
    }
    if (seconds <
        0) { /* count the fraction down from the next second: the product stays in range */
        if (__builtin_mul_overflow(seconds + 1, NS_PER_S, &ns) ||
            __builtin_add_overflow(ns, t->nanosecond - NS_PER_S, &ns))
            return -ERANGE;
    } else if (__builtin_mul_overflow(seconds, NS_PER_S, &ns) ||
               __builtin_add_overflow(ns, t->nanosecond, &ns)) {
        return -ERANGE;
    }
    if (ns == UNIX_NS_ZERO)
        return -ERANGE;
    *ret = ns;
    return 0;
}

int time_parse_rfc3339(struct str s, unix_ns *ret, int *ret_offset_min, struct err *err)
{
    struct cursor c = {.p = s.p, .end = s.p + s.len};
    struct civil t = {0};
    int offset_min;
    bool utc;

    t.year = take_number(&c, 4, 0, 9999);
    take_char(&c, '-');
    t.month = take_number(&c, 2, 1, 12);
    take_char(&c, '-');
    t.day = take_number(&c, 2, 1, c.bad ? 31 : days_of_month(t.year, t.month));
    take_char(&c, 'T');
    t.hour = take_number(&c, 2, 0, 23);
    take_char(&c, ':');
    t.minute = take_number(&c, 2, 0, 59);
    take_char(&c, ':');
    t.second = take_number(&c, 2, 0, 59);
    t.nanosecond = take_fraction(&c);
    offset_min = take_zone(&c, &utc);
    if (c.bad || c.p != c.end)
        return err_set(err, -EINVAL,
                       "\"%.*s\" is no time, expected something like 2006-01-02T15:04:05Z",
                       (int)str_utf8_prefix(s, 64), s.p ? s.p : "");
    if (time_of_civil(&t, offset_min, ret) < 0)
        return err_set(err, -ERANGE, "%.*s is outside the years 1678 to 2262", (int)s.len, s.p);
    if (ret_offset_min)
        *ret_offset_min = utc ? -1 : offset_min;
    return 0;
}
