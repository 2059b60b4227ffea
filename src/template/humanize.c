/* SPDX-License-Identifier: Apache-2.0 */
#include "template/humanize_priv.h"

#include <errno.h>
#include <math.h>

#include "base/num.h"
#include "template/text_priv.h"
#include "template/time_priv.h"

int humanize_to_float(const struct tmpl_value *v, double *ret, struct err *err)
{
    switch (tmpl_kind(v)) {
    case TMPL_FLOAT: *ret = v->f; return 0;
    case TMPL_STRING: return text_parse_float(v->s, ret, err);
    case TMPL_INT:
        *ret = v->type == &tmpl_type_duration ? (double)v->i / NS_PER_S : (double)v->i;
        return 0;
    case TMPL_UINT: *ret = (double)v->u; return 0;
    default: break;
    }
    if (v->type == &tmpl_type_time) {
        *ret = (double)time_of(v)->seconds + time_of(v)->nanos / NS_PER_MS / 1000.0;
        return 0;
    }
    return err_set(err, -EINVAL, "can't convert %s to float", v->type ? v->type->name : "<nil>");
}

/* %.4g */
static void add_g4(struct buf *b, double v)
{
    if (isnan(v))
        buf_add_c(b, "NaN");
    else if (isinf(v))
        buf_add_c(b, v > 0 ? "+Inf" : "-Inf");
    else
        buf_addf(b, "%.4g", v);
}

static int finish(struct tmpl_call *c, struct buf *b, struct tmpl_value *ret, struct err *err)
{
    return tmpl_take_buf(c->arena, b, ret, err);
}

/* Multiplies v by 1000 until it reaches 1, and names what was done: m u n ... */
static const char *scale_small(double *v)
{
    static const char *const prefixes[] = {"m", "u", "n", "p", "f", "a", "z", "y"};
    const char *prefix = "";

    for (size_t i = 0; i < ARRAY_LEN(prefixes) && fabs(*v) < 1; i++) {
        prefix = prefixes[i];
        *v *= 1000;
    }
    return prefix;
}

static const char *scale_large(double *v, double by, const char *const prefixes[8])
{
    const char *prefix = "";

    for (size_t i = 0; i < 8 && fabs(*v) >= by; i++) {
        prefix = prefixes[i];
        *v /= by;
    }
    return prefix;
}

int humanize_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    static const char *const prefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    struct buf b = {0};
    const char *prefix = "";
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r < 0)
        return r;
    if (v != 0 && isfinite(v))
        prefix = fabs(v) >= 1 ? scale_large(&v, 1000, prefixes) : scale_small(&v);
    add_g4(&b, v);
    buf_add_c(&b, prefix);
    return finish(c, &b, ret, err);
}

int humanize1024_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    static const char *const prefixes[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    struct buf b = {0};
    const char *prefix = "";
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r < 0)
        return r;
    if (fabs(v) > 1 && isfinite(v))
        prefix = scale_large(&v, 1024, prefixes);
    add_g4(&b, v);
    buf_add_c(&b, prefix);
    return finish(c, &b, ret, err);
}

/* Whole seconds as Go converts them: what is too large becomes the smallest integer, and is then
 * printed with the minus signs that its remainders have. */
static int64_t whole_seconds(double v)
{
    return v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

static void add_long_duration(struct buf *b, double v)
{
    int64_t all, days, hours, minutes, seconds;

    if (v < 0) {
        buf_add_byte(b, '-');
        v = -v;
    }
    all = whole_seconds(v);
    seconds = all % 60;
    minutes = all / 60 % 60;
    hours = all / 3600 % 24;
    days = all / 86400;
    if (days)
        buf_addf(b, "%lldd ", (long long)days);
    if (days || hours)
        buf_addf(b, "%lldh ", (long long)hours);
    if (days || hours || minutes)
        buf_addf(b, "%lldm %llds", (long long)minutes, (long long)seconds);
    else
        buf_addf(b, "%.4gs", v);
}

int humanize_duration_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {0};
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r < 0)
        return r;
    if (!isfinite(v)) {
        add_g4(&b, v);
    } else if (fabs(v) >= 1) {
        add_long_duration(&b, v);
    } else {
        const char *prefix = v == 0 ? "" : scale_small(&v);

        add_g4(&b, v);
        buf_addf(&b, "%ss", prefix);
    }
    return finish(c, &b, ret, err);
}

int humanize_percentage_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {0};
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r < 0)
        return r;
    add_g4(&b, v * 100);
    buf_add_byte(&b, '%');
    return finish(c, &b, ret, err);
}

/* Seconds since 1970, cut to milliseconds. v is finite. */
static int float_to_time(double v, struct tmpl_time *ret, struct err *err)
{
    double ns = v * 1e9;
    char text[NUM_TEXT_MAX];

    if (ns >= 0x1p63 || ns < -0x1p63)
        return err_set(
            err, -ERANGE,
            "%.*s cannot be represented as a nanoseconds timestamp since it overflows int64",
            (int)num_format_short(v, text), text);
    *ret = tmpl_time_of_ns((int64_t)ns / NS_PER_MS * NS_PER_MS);
    return 0;
}

int humanize_timestamp_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct buf b = {0};
    struct tmpl_time t;
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r < 0)
        return r;
    if (!isfinite(v)) {
        add_g4(&b, v);
        return finish(c, &b, ret, err);
    }
    r = float_to_time(v, &t, err);
    if (r < 0)
        return r;
    time_add_string(&b, &t);
    return finish(c, &b, ret, err);
}

int humanize_to_time_fn(struct tmpl_call *c, struct tmpl_value *ret, struct err *err)
{
    struct tmpl_time t;
    double v;
    int r = humanize_to_float(&c->args[0], &v, err);

    if (r == 0 && !isfinite(v))
        r = err_set(err, -EINVAL, "value is NaN or Inf");
    if (r == 0)
        r = float_to_time(v, &t, err);
    if (r == 0)
        *ret = tmpl_time(c->arena, t);
    return r;
}
