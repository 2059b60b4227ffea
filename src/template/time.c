/* SPDX-License-Identifier: Apache-2.0 */
#include "template/time_priv.h"

#include <errno.h>

#include "base/num.h"
#include "base/zone.h"
#include "template/text_priv.h"

#define SECONDS_MAX   (INT64_C(1) << 52) /* of a point in time: 140 million years both ways */
#define DATE_STEP_MAX 100000 /* years that AddDate adds at once; days and months likewise */

static void print_month(const struct tmpl_value *v, struct buf *out)
{
    if (v->i >= 1 && v->i <= 12)
        buf_add_c(out, time_months[v->i - 1]);
    else
        buf_addf(out, "%%!Month(%lld)", (long long)v->i);
}

static void print_weekday(const struct tmpl_value *v, struct buf *out)
{
    if (v->i >= 0 && v->i <= 6)
        buf_add_c(out, time_weekdays[v->i]);
    else
        buf_addf(out, "%%!Weekday(%lld)", (long long)v->i);
}

static void print_zone(const struct tmpl_value *v, struct buf *out)
{
    buf_add_str(out, zone_name(v->object));
}

static int call_string(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    c->self.type->print(&c->self, &b);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static const struct tmpl_func string_method[] = {{.name = "String", .fn = call_string}};

static const struct tmpl_type type_month = {.name = "time.Month",
                                            .kind = TMPL_INT,
                                            .methods = string_method,
                                            .n_methods = 1,
                                            .print = print_month};
static const struct tmpl_type type_weekday = {.name = "time.Weekday",
                                              .kind = TMPL_INT,
                                              .methods = string_method,
                                              .n_methods = 1,
                                              .print = print_weekday};
static const struct tmpl_type type_location = {.name = "time.Location",
                                               .kind = TMPL_OBJECT,
                                               .pointer = true,
                                               .methods = string_method,
                                               .n_methods = 1,
                                               .print = print_zone};

/* ---- durations ----------------------------------------------------------------------------- */

static void print_duration(const struct tmpl_value *v, struct buf *out)
{
    text_add_duration(out, v->i);
}

static struct tmpl_value int64_value(int64_t i)
{
    return (struct tmpl_value){.type = &tmpl_type_int64, .i = i};
}

/* Whole part and rest apart, as Go does it: fewer digits are lost. */
static double parts_of(int64_t ns, int64_t unit)
{
    return (double)(ns / unit) + (double)(ns % unit) / (double)unit;
}

#define DURATION_METHOD(name, value)                                                               \
    static int name(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)                  \
    {                                                                                              \
        int64_t ns = c->self.i;                                                                    \
                                                                                                   \
        *ret = (value);                                                                            \
        return 0;                                                                                  \
    }

DURATION_METHOD(duration_hours, tmpl_float(parts_of(ns, 3600 * NS_PER_S)))
DURATION_METHOD(duration_minutes, tmpl_float(parts_of(ns, 60 * NS_PER_S)))
DURATION_METHOD(duration_seconds, tmpl_float(parts_of(ns, NS_PER_S)))
DURATION_METHOD(duration_milliseconds, int64_value(ns / NS_PER_MS))
DURATION_METHOD(duration_microseconds, int64_value(ns / 1000))
DURATION_METHOD(duration_nanoseconds, int64_value(ns))
DURATION_METHOD(duration_abs, tmpl_duration(ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns))

static int duration_truncate(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    int64_t ns = c->self.i, m = c->args[0].i;

    *ret = tmpl_duration(m > 0 ? ns - ns % m : ns);
    return 0;
}

/* To the nearest multiple, halves away from zero; at the ends of the range it stops there. */
static int duration_round(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    int64_t ns = c->self.i, m = c->args[0].i, rest;
    __int128 v = ns;

    if (m > 0) {
        rest = ns % m;
        v -= rest;
        if (rest < 0 ? (__int128)-rest * 2 >= m : (__int128)rest * 2 >= m)
            v += rest < 0 ? -m : m;
        v = v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : v;
    }
    *ret = tmpl_duration((int64_t)v);
    return 0;
}

static const struct tmpl_func duration_methods[] = {
    {.name = "Abs", .fn = duration_abs},
    {.name = "Hours", .fn = duration_hours},
    {.name = "Microseconds", .fn = duration_microseconds},
    {.name = "Milliseconds", .fn = duration_milliseconds},
    {.name = "Minutes", .fn = duration_minutes},
    {.name = "Nanoseconds", .fn = duration_nanoseconds},
    {.name = "Round", .fn = duration_round, .params = {&tmpl_type_duration}},
    {.name = "Seconds", .fn = duration_seconds},
    {.name = "String", .fn = call_string},
    {.name = "Truncate", .fn = duration_truncate, .params = {&tmpl_type_duration}},
};

const struct tmpl_type tmpl_type_duration = {.name = "time.Duration",
                                             .kind = TMPL_INT,
                                             .methods = duration_methods,
                                             .n_methods = ARRAY_LEN(duration_methods),
                                             .print = print_duration};

/* ---- points in time ------------------------------------------------------------------------ */

struct tmpl_value tmpl_time(struct arena *a, struct tmpl_time t)
{
    struct tmpl_time *copy = arena_alloc(a, sizeof *copy);

    *copy = t;
    return tmpl_object(&tmpl_type_time, copy);
}

struct tmpl_time tmpl_time_of_ns(unix_ns t)
{
    int64_t seconds = t / NS_PER_S;
    int32_t nanos = (int32_t)(t % NS_PER_S);

    if (t == UNIX_NS_ZERO)
        return (struct tmpl_time){.seconds = GO_ZERO_SECONDS};
    if (nanos < 0) {
        seconds--;
        nanos += (int32_t)NS_PER_S;
    }
    return (struct tmpl_time){.seconds = seconds, .nanos = nanos};
}

static __int128 total_ns(const struct tmpl_time *t)
{
    return (__int128)t->seconds * NS_PER_S + t->nanos;
}

static int set_total_ns(__int128 ns, const struct zone *zone, struct tmpl_time *ret,
                        struct err *err)
{
    __int128 seconds = ns / NS_PER_S, nanos = ns % NS_PER_S;

    if (nanos < 0) {
        seconds--;
        nanos += NS_PER_S;
    }
    if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX)
        return err_set(err, -ERANGE, "time out of range");
    *ret = (struct tmpl_time){(int64_t)seconds, (int32_t)nanos, zone};
    return 0;
}

int64_t time_sub(const struct tmpl_time *t, const struct tmpl_time *u)
{
    __int128 d = total_ns(t) - total_ns(u);

    return d > INT64_MAX ? INT64_MAX : d < INT64_MIN ? INT64_MIN : (int64_t)d;
}

int time_add(const struct tmpl_time *t, int64_t ns, struct tmpl_time *ret, struct err *err)
{
    return set_total_ns(total_ns(t) + ns, t->zone, ret, err);
}

static void print_time(const struct tmpl_value *v, struct buf *out)
{
    time_add_string(out, time_of(v));
}

static void json_time(const struct tmpl_value *v, struct buf *out)
{
    buf_add_byte(out, '"');
    time_add_layout(out, time_of(v), STR("2006-01-02T15:04:05.999999999Z07:00"));
    buf_add_byte(out, '"');
}

static void local_civil(const struct tmpl_time *t, struct civil *ret)
{
    civil_of_unix(t->seconds + zone_at(t->zone, t->seconds).offset, t->nanos, ret);
}

/* Methods without arguments that give a part of the local date. */
#define CIVIL_METHOD(name, value)                                                                  \
    static int name(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)                  \
    {                                                                                              \
        struct civil civil;                                                                        \
                                                                                                   \
        local_civil(time_of(&c->self), &civil);                                                    \
        *ret = (value);                                                                            \
        return 0;                                                                                  \
    }

#define TYPED_INT(t, v) ((struct tmpl_value){.type = (t), .i = (v)})

CIVIL_METHOD(time_year, tmpl_int(civil.year))
CIVIL_METHOD(time_month, TYPED_INT(&type_month, civil.month))
CIVIL_METHOD(time_day, tmpl_int(civil.day))
CIVIL_METHOD(time_hour, tmpl_int(civil.hour))
CIVIL_METHOD(time_minute, tmpl_int(civil.minute))
CIVIL_METHOD(time_second, tmpl_int(civil.second))
CIVIL_METHOD(time_weekday, TYPED_INT(&type_weekday, civil.weekday))
CIVIL_METHOD(time_year_day, tmpl_int(civil.yearday))

/* Methods of one other time, or none. */
#define TIME_METHOD(name, value)                                                                   \
    static int name(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)                  \
    {                                                                                              \
        const struct tmpl_time *t = time_of(&c->self);                                             \
        const struct tmpl_time *u = c->n > 0 ? time_of(&c->args[0]) : t;                           \
                                                                                                   \
        *ret = (value);                                                                            \
        (void)u;                                                                                   \
        return 0;                                                                                  \
    }

TIME_METHOD(time_before, tmpl_bool(total_ns(t) < total_ns(u)))
TIME_METHOD(time_after, tmpl_bool(total_ns(t) > total_ns(u)))
TIME_METHOD(time_equal, tmpl_bool(total_ns(t) == total_ns(u)))
TIME_METHOD(time_compare, tmpl_int((total_ns(t) > total_ns(u)) - (total_ns(t) < total_ns(u))))
TIME_METHOD(time_sub_method, tmpl_duration(time_sub(t, u)))
TIME_METHOD(time_is_zero, tmpl_bool(t->seconds == GO_ZERO_SECONDS && t->nanos == 0))
TIME_METHOD(time_nanosecond, tmpl_int(t->nanos))
TIME_METHOD(time_unix, int64_value(t->seconds))
TIME_METHOD(time_unix_milli, int64_value(t->seconds * 1000 + t->nanos / NS_PER_MS))
TIME_METHOD(time_unix_micro, int64_value((int64_t)(total_ns(t) / 1000)))
TIME_METHOD(time_unix_nano, int64_value((int64_t)total_ns(t)))
TIME_METHOD(time_location, tmpl_object(&type_location, t->zone))
TIME_METHOD(time_is_dst, tmpl_bool(zone_at(t->zone, t->seconds).dst))
TIME_METHOD(time_utc, tmpl_time(c->arena, (struct tmpl_time){t->seconds, t->nanos, NULL}))
TIME_METHOD(time_local, tmpl_time(c->arena, (struct tmpl_time){t->seconds, t->nanos, zone_local()}))

static int time_in(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_time *t = time_of(&c->self);

    *ret = tmpl_time(c->arena, (struct tmpl_time){t->seconds, t->nanos, c->args[0].object});
    return 0;
}

static int time_add_method(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_time t;
    int r = time_add(time_of(&c->self), c->args[0].i, &t, err);

    if (r == 0)
        *ret = tmpl_time(c->arena, t);
    return r;
}

static int step(int64_t v)
{
    return (int)(v > DATE_STEP_MAX ? DATE_STEP_MAX : v < -DATE_STEP_MAX ? -DATE_STEP_MAX : v);
}

static int time_add_date(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    const struct tmpl_time *t = time_of(&c->self);
    struct civil civil;
    int64_t wall, guess;

    local_civil(t, &civil);
    if (civil.year > 100000000 || civil.year < -100000000)
        return err_set(err, -ERANGE, "time out of range");
    civil.year += step(c->args[0].i);
    civil.month += step(c->args[1].i);
    civil.day += step(c->args[2].i);
    wall = civil_to_unix(&civil);
    /* The wall clock's offset is known only once the instant is: the second guess is right. */
    guess = wall - zone_at(t->zone, wall).offset;
    guess = wall - zone_at(t->zone, guess).offset;
    *ret = tmpl_time(c->arena, (struct tmpl_time){guess, t->nanos, t->zone});
    return 0;
}

/* Multiples of d are counted from Go's zero time. */
static int time_to_multiple(struct tmpl_call *c, bool nearest, struct tmpl_value *ret,
                            struct err *err)
{
    const struct tmpl_time *t = time_of(&c->self);
    __int128 d = c->args[0].i, ns = total_ns(t), rest;
    struct tmpl_time out = *t;
    int r = 0;

    if (d > 0) {
        rest = (ns - (__int128)GO_ZERO_SECONDS * NS_PER_S) % d;
        if (rest < 0)
            rest += d;
        ns -= rest;
        if (nearest && rest * 2 >= d)
            ns += d;
        r = set_total_ns(ns, t->zone, &out, err);
    }
    if (r == 0)
        *ret = tmpl_time(c->arena, out);
    return r;
}

static int time_truncate(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return time_to_multiple(c, false, ret, err);
}

static int time_round(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    return time_to_multiple(c, true, ret, err);
}

static int time_format(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {.max = TMPL_STRING_MAX};

    time_add_layout(&b, time_of(&c->self), c->args[0].s);
    return tmpl_take_buf(c->arena, &b, ret, err);
}

static const struct tmpl_func time_methods[] = {
    {.name = "Add", .fn = time_add_method, .params = {&tmpl_type_duration}},
    {.name = "AddDate",
     .fn = time_add_date,
     .params = {&tmpl_type_int, &tmpl_type_int, &tmpl_type_int}},
    {.name = "After", .fn = time_after, .params = {&tmpl_type_time}},
    {.name = "Before", .fn = time_before, .params = {&tmpl_type_time}},
    {.name = "Compare", .fn = time_compare, .params = {&tmpl_type_time}},
    {.name = "Day", .fn = time_day},
    {.name = "Equal", .fn = time_equal, .params = {&tmpl_type_time}},
    {.name = "Format", .fn = time_format, .params = {&tmpl_type_string}},
    {.name = "Hour", .fn = time_hour},
    {.name = "In", .fn = time_in, .params = {&type_location}},
    {.name = "IsDST", .fn = time_is_dst},
    {.name = "IsZero", .fn = time_is_zero},
    {.name = "Local", .fn = time_local},
    {.name = "Location", .fn = time_location},
    {.name = "Minute", .fn = time_minute},
    {.name = "Month", .fn = time_month},
    {.name = "Nanosecond", .fn = time_nanosecond},
    {.name = "Round", .fn = time_round, .params = {&tmpl_type_duration}},
    {.name = "Second", .fn = time_second},
    {.name = "String", .fn = call_string},
    {.name = "Sub", .fn = time_sub_method, .params = {&tmpl_type_time}},
    {.name = "Truncate", .fn = time_truncate, .params = {&tmpl_type_duration}},
    {.name = "UTC", .fn = time_utc},
    {.name = "Unix", .fn = time_unix},
    {.name = "UnixMicro", .fn = time_unix_micro},
    {.name = "UnixMilli", .fn = time_unix_milli},
    {.name = "UnixNano", .fn = time_unix_nano},
    {.name = "Weekday", .fn = time_weekday},
    {.name = "Year", .fn = time_year},
    {.name = "YearDay", .fn = time_year_day},
};

const struct tmpl_type tmpl_type_time = {.name = "time.Time",
                                         .kind = TMPL_OBJECT,
                                         .methods = time_methods,
                                         .n_methods = ARRAY_LEN(time_methods),
                                         .print = print_time,
                                         .json = json_time};
