/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql_reference_functions - the functions of promql_reference.h; included by it only
 *
 * Written from the description of each function (spec: prometheus.md 2.7 to 2.9), one after the other.
 */
#ifndef TOCSIN_TESTS_SUPPORT_PROMQL_REFERENCE_FUNCTIONS_H
#define TOCSIN_TESTS_SUPPORT_PROMQL_REFERENCE_FUNCTIONS_H

#include <time.h>

#include "base/num.h"
#include "base/regex.h"
#include "promql/functions_table.h"

/* ---- windows: each returns false when there is no value ------------------------------------- */

static inline bool reference_increase(struct reference *r, const struct reference_points *p,
                                      const struct reference_windows *w, bool counter,
                                      bool per_second, double *ret)
{
    double result, sampled, average, to_start, to_end, factor;

    if (p->n < 2)
        return false;
    result = p->v[p->n - 1] - p->v[0];
    for (size_t i = 1; counter && i < p->n; i++)
        if (p->v[i] < p->v[i - 1])
            result += p->v[i - 1];
    sampled = (double)(p->t[p->n - 1] - p->t[0]) / 1000;
    average = sampled / (double)(p->n - 1);
    to_start = (double)(p->t[0] - w->start) / 1000;
    to_end = (double)(w->end - p->t[p->n - 1]) / 1000;
    if (to_start >= 1.1 * average)
        to_start = average / 2;
    if (counter && result > 0 && p->v[0] >= 0 && sampled * (p->v[0] / result) < to_start)
        to_start = sampled * (p->v[0] / result);
    if (to_end >= 1.1 * average)
        to_end = average / 2;
    factor = (sampled + to_start + to_end) / sampled;
    if (per_second)
        factor /= (double)(w->end - w->start) / 1000;
    *ret = reference_rounded(r, result * factor, p->v[0]);
    return true;
}

static inline bool reference_last_two(const struct reference_points *p, bool rate, double *ret)
{
    double a, b;

    if (p->n < 2 || p->t[p->n - 1] == p->t[p->n - 2])
        return false;
    a = p->v[p->n - 2];
    b = p->v[p->n - 1];
    *ret = rate && b < a ? b : b - a;
    if (rate)
        *ret /= (double)(p->t[p->n - 1] - p->t[p->n - 2]) / 1000;
    return true;
}

/* Least squares of values over seconds since `origin`. */
static inline bool reference_line(const struct reference_points *p, unix_ms origin,
                                  double *ret_slope, double *ret_intercept)
{
    long double n = (long double)p->n, sx = 0, sy = 0, sxy = 0, sxx = 0, slope;
    bool constant = true;

    if (p->n < 2)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        long double x = (long double)(p->t[i] - origin) / 1000;

        constant &= p->v[i] == p->v[0];
        sx += x;
        sy += p->v[i];
        sxy += x * p->v[i];
        sxx += x * x;
    }
    slope = (sxy - sx * sy / n) / (sxx - sx * sx / n);
    *ret_slope = (double)slope;
    *ret_intercept = (double)(sy / n - slope * sx / n);
    if (constant) {
        *ret_slope = isinf(p->v[0]) ? NAN : 0;
        *ret_intercept = isinf(p->v[0]) ? NAN : p->v[0];
    }
    return true;
}

static inline bool reference_smoothed(struct reference *r, const struct reference_points *p,
                                      double sf, double tf, double *ret)
{
    double before = 0, level, trend;

    if (!(sf > 0 && sf < 1) || !(tf > 0 && tf < 1)) {
        reference_stop(r, -EINVAL);
        return false;
    }
    if (p->n < 2)
        return false;
    level = p->v[0];
    trend = p->v[1] - p->v[0];
    for (size_t i = 1; i < p->n; i++) {
        double next;

        if (i > 1)
            trend = tf * (level - before) + (1 - tf) * trend;
        next = sf * p->v[i] + (1 - sf) * (level + trend);
        before = level;
        level = next;
    }
    *ret = reference_rounded(r, level, p->v[0]);
    return true;
}

static inline double reference_count_changes(const struct reference_points *p, bool only_falls)
{
    double n = 0;

    for (size_t i = 1; i < p->n; i++) {
        double a = p->v[i - 1], b = p->v[i];

        n += only_falls ? b < a : a != b && !(isnan(a) && isnan(b));
    }
    return n;
}

static inline double reference_mad(struct reference *r, const struct reference_points *p)
{
    double *off = arena_array(&r->arena, p->n, sizeof *off);
    double median = reference_quantile(r, 0.5, p->v, p->n);

    for (size_t i = 0; i < p->n; i++)
        off[i] = fabs(p->v[i] - median);
    return reference_quantile(r, 0.5, off, p->n);
}

/* When the last of the least or greatest values was. */
static inline double reference_when(const struct reference_points *p, bool greatest)
{
    size_t best = 0;

    for (size_t i = 1; i < p->n; i++)
        if (isnan(p->v[best]) || (greatest ? p->v[i] >= p->v[best] : p->v[i] <= p->v[best]))
            best = i;
    return (double)p->t[best] / 1000;
}

/* One window; a and b are the scalar arguments in their order. */
static inline bool reference_over(struct reference *r, enum promql_function_id id,
                                  const struct reference_points *p,
                                  const struct reference_windows *w, double a, double b, unix_ms t,
                                  double *ret)
{
    double slope = 0, intercept = 0;

    switch (id) {
    case FN_RATE: return reference_increase(r, p, w, true, true, ret);
    case FN_INCREASE: return reference_increase(r, p, w, true, false, ret);
    case FN_DELTA: return reference_increase(r, p, w, false, false, ret);
    case FN_IRATE: return reference_last_two(p, true, ret);
    case FN_IDELTA: return reference_last_two(p, false, ret);
    case FN_CHANGES: *ret = reference_count_changes(p, false); return true;
    case FN_RESETS: *ret = reference_count_changes(p, true); return true;
    case FN_COUNT_OVER_TIME: *ret = (double)p->n; return true;
    case FN_PRESENT_OVER_TIME: *ret = 1; return true;
    case FN_LAST_OVER_TIME: *ret = p->v[p->n - 1]; return true;
    case FN_SUM_OVER_TIME: *ret = reference_sum(p->v, p->n); return true;
    case FN_AVG_OVER_TIME:
        *ret = reference_rounded(r, reference_sum(p->v, p->n) / (double)p->n, p->v[0]);
        return true;
    case FN_MIN_OVER_TIME: *ret = reference_extreme(p->v, p->n, false); return true;
    case FN_MAX_OVER_TIME: *ret = reference_extreme(p->v, p->n, true); return true;
    case FN_TS_OF_LAST_OVER_TIME: *ret = (double)p->t[p->n - 1] / 1000; return true;
    case FN_TS_OF_MIN_OVER_TIME: *ret = reference_when(p, false); return true;
    case FN_TS_OF_MAX_OVER_TIME: *ret = reference_when(p, true); return true;
    case FN_STDVAR_OVER_TIME: *ret = reference_variance(r, p->v, p->n); return true;
    case FN_STDDEV_OVER_TIME: *ret = sqrt(reference_variance(r, p->v, p->n)); return true;
    case FN_QUANTILE_OVER_TIME: *ret = reference_quantile(r, a, p->v, p->n); return true;
    case FN_MAD_OVER_TIME: *ret = reference_mad(r, p); return true;
    case FN_DOUBLE_EXPONENTIAL_SMOOTHING: return reference_smoothed(r, p, a, b, ret);
    case FN_DERIV:
        if (!reference_line(p, p->t[0], &slope, &intercept))
            return false;
        *ret = reference_rounded(r, slope, p->v[0]);
        return true;
    case FN_PREDICT_LINEAR:
        if (!reference_line(p, t, &slope, &intercept))
            return false;
        *ret = reference_rounded(r, slope * a + intercept, p->v[0]);
        return true;
    default: reference_stop(r, -ENOTSUP); return false;
    }
}

static inline struct reference_vector reference_over_windows(struct reference *r,
                                                             const struct promql_node *node,
                                                             unix_ms t)
{
    enum promql_function_id id = node->call.fn->id;
    struct reference_windows w = {0};
    struct reference_vector out = {0};
    double scalars[2] = {0, 0};
    size_t n = 0;

    for (size_t i = 0; i < node->call.n_args; i++)
        if (node->call.args[i]->type == PROMQL_MATRIX)
            w = reference_windows(r, node->call.args[i], t);
        else
            scalars[n++] = reference_scalar(r, node->call.args[i], t);
    for (size_t i = 0; i < w.n; i++) {
        double v;

        if (w.s[i].n == 0 || !reference_over(r, id, &w.s[i], &w, scalars[0], scalars[1], t, &v))
            continue;
        reference_push(
            r, &out, id == FN_LAST_OVER_TIME ? w.s[i].labels : reference_nameless(r, w.s[i].labels),
            v);
    }
    reference_refuse_twins(r, &out);
    return out;
}

/* ---- one value after the other -------------------------------------------------------------- */

static inline double reference_date(enum promql_function_id id, double seconds)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    time_t t = (time_t)seconds;
    struct tm tm;
    int year;

    gmtime_r(&t, &tm);
    year = tm.tm_year + 1900;
    switch (id) {
    case FN_MINUTE: return tm.tm_min;
    case FN_HOUR: return tm.tm_hour;
    case FN_DAY_OF_WEEK: return tm.tm_wday;
    case FN_DAY_OF_MONTH: return tm.tm_mday;
    case FN_DAY_OF_YEAR: return tm.tm_yday + 1;
    case FN_MONTH: return tm.tm_mon + 1;
    case FN_DAYS_IN_MONTH:
        return days[tm.tm_mon] +
               (tm.tm_mon == 1 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)));
    default: return year;
    }
}

static inline bool reference_is_date(enum promql_function_id id)
{
    return id == FN_MINUTE || id == FN_HOUR || id == FN_DAY_OF_WEEK || id == FN_DAY_OF_MONTH ||
           id == FN_DAY_OF_YEAR || id == FN_MONTH || id == FN_DAYS_IN_MONTH || id == FN_YEAR;
}

/* NaN when one is, unless the other is beyond all: as Go has it. */
static inline double reference_lesser(double a, double b)
{
    if (a == -INFINITY || b == -INFINITY)
        return -INFINITY;
    return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}

static inline double reference_greater(double a, double b)
{
    return -reference_lesser(-a, -b);
}

/* a and b are the scalar arguments. */
static inline double reference_of_one(struct reference *r, enum promql_function_id id, double v,
                                      double a, double b)
{
    if (reference_is_date(id)) {
        if (!(fabs(v) < 1e11))
            reference_stop(r, -ENOTSUP);
        return r->status < 0 ? NAN : reference_date(id, v);
    }
    switch (id) {
    case FN_ABS: return fabs(v);
    case FN_CEIL: return ceil(v);
    case FN_FLOOR: return floor(v);
    case FN_EXP: return exp(v);
    case FN_SQRT: return sqrt(v);
    case FN_LN: return log(v);
    case FN_LOG2: return log2(v);
    case FN_LOG10: return log10(v);
    case FN_SGN: return v > 0 ? 1 : v < 0 ? -1 : v;
    case FN_SIN: return sin(v);
    case FN_COS: return cos(v);
    case FN_TAN: return tan(v);
    case FN_ASIN: return asin(v);
    case FN_ACOS: return acos(v);
    case FN_ATAN: return atan(v);
    case FN_SINH: return sinh(v);
    case FN_COSH: return cosh(v);
    case FN_TANH: return tanh(v);
    case FN_ASINH: return asinh(v);
    case FN_ACOSH: return acosh(v);
    case FN_ATANH: return atanh(v);
    case FN_DEG: return v * 180 / M_PI;
    case FN_RAD: return v * M_PI / 180;
    case FN_ROUND: return floor(v * (1 / a) + 0.5) / (1 / a);
    case FN_CLAMP: return reference_greater(a, reference_lesser(b, v));
    case FN_CLAMP_MIN: return reference_greater(a, v);
    case FN_CLAMP_MAX: return reference_lesser(a, v);
    default: reference_stop(r, -ENOTSUP); return NAN;
    }
}

static inline struct reference_vector reference_over_values(struct reference *r,
                                                            const struct promql_node *node,
                                                            unix_ms t)
{
    enum promql_function_id id = node->call.fn->id;
    struct reference_vector in = {0}, out = {0};
    double scalars[2] = {1, 0}; /* round() without a second argument rounds to 1 */

    if (node->call.n_args == 0) {
        struct label_builder none = {0};

        reference_push(r, &in, reference_build(r, &none), (double)t / 1000);
    } else {
        in = reference_vector(r, node->call.args[0], t);
    }
    for (size_t i = 1; i < node->call.n_args && i < 3; i++)
        scalars[i - 1] = reference_scalar(r, node->call.args[i], t);
    if (id == FN_CLAMP && scalars[0] > scalars[1])
        return out;
    for (size_t i = 0; i < in.n; i++)
        reference_push(r, &out, reference_nameless(r, in.s[i].labels),
                       reference_of_one(r, id, in.s[i].v, scalars[0], scalars[1]));
    reference_refuse_twins(r, &out);
    return out;
}

/* ---- labels --------------------------------------------------------------------------------- */

static inline struct str reference_text(const struct promql_node *node, size_t i)
{
    return reference_bare(node->call.args[i])->string;
}

static inline struct reference_vector reference_label_replace(struct reference *r,
                                                              const struct promql_node *node,
                                                              unix_ms t)
{
    struct str to = reference_text(node, 1), from = reference_text(node, 3);
    struct reference_vector v = reference_vector(r, node->call.args[0], t);
    CLEANUP(regex_freep) struct regex *re = NULL;

    if (!label_name_is_valid(to) ||
        regex_new(reference_text(node, 4), REGEX_ANCHORED, &re, NULL) < 0) {
        reference_stop(r, -EINVAL);
        return v;
    }
    for (size_t i = 0; i < v.n; i++) {
        CLEANUP(buf_free) struct buf value = {0};
        struct label_builder b = {0};

        if (!regex_expand(re, label_set_get(v.s[i].labels, from), reference_text(node, 2), &value))
            continue;
        label_builder_init(&b, v.s[i].labels);
        label_builder_set(&b, to, buf_str(&value));
        v.s[i].labels = reference_build(r, &b);
    }
    reference_refuse_twins(r, &v);
    return v;
}

static inline struct reference_vector reference_label_join(struct reference *r,
                                                           const struct promql_node *node,
                                                           unix_ms t)
{
    struct reference_vector v = reference_vector(r, node->call.args[0], t);

    for (size_t i = 0; i < v.n; i++) {
        CLEANUP(buf_free) struct buf value = {0};
        struct label_builder b = {0};

        for (size_t k = 3; k < node->call.n_args; k++) {
            if (k > 3)
                buf_add(&value, reference_text(node, 2).p, reference_text(node, 2).len);
            buf_add(&value, label_set_get(v.s[i].labels, reference_text(node, k)).p,
                    label_set_get(v.s[i].labels, reference_text(node, k)).len);
        }
        label_builder_init(&b, v.s[i].labels);
        label_builder_set(&b, reference_text(node, 1), buf_str(&value));
        v.s[i].labels = reference_build(r, &b);
    }
    reference_refuse_twins(r, &v);
    return v;
}

/* The label set that absence shows: what the selector says must be equal, once. */
static inline const struct label_set *reference_absent_labels(struct reference *r,
                                                              const struct promql_node *node)
{
    struct label_builder b = {0};

    node = reference_bare(node);
    if (node->kind == NODE_MATRIX)
        node = node->matrix.vector;
    for (size_t i = 0; node->kind == NODE_VECTOR && i < node->vector.n_matchers; i++) {
        const struct matcher *m = node->vector.matchers[i];
        size_t times = 0;

        for (size_t k = 0; k < node->vector.n_matchers; k++)
            times += str_eq(node->vector.matchers[k]->name, m->name);
        if (times == 1 && m->type == MATCH_EQ && !str_eq(m->name, LABEL_NAME))
            label_builder_set(&b, m->name, m->value);
    }
    return reference_build(r, &b);
}

static inline struct reference_vector reference_absent(struct reference *r,
                                                       const struct promql_node *node, unix_ms t)
{
    const struct promql_node *arg = node->call.args[0];
    struct reference_vector out = {0};
    size_t n = 0;

    if (arg->type == PROMQL_MATRIX) {
        struct reference_windows w = reference_windows(r, arg, t);

        for (size_t i = 0; i < w.n; i++)
            n += w.s[i].n;
    } else {
        n = reference_vector(r, arg, t).n;
    }
    if (n == 0)
        reference_push(r, &out, reference_absent_labels(r, arg), 1);
    return out;
}

static inline struct reference_vector reference_timestamp(struct reference *r,
                                                          const struct promql_node *node, unix_ms t)
{
    const struct promql_node *arg = reference_bare(node->call.args[0]);
    struct reference_vector v = arg->kind == NODE_VECTOR ? reference_selector(r, arg, t, true)
                                                         : reference_vector(r, arg, t);

    for (size_t i = 0; i < v.n; i++)
        v.s[i] = (struct reference_sample){reference_nameless(r, v.s[i].labels),
                                           arg->kind == NODE_VECTOR ? v.s[i].v : (double)t / 1000};
    reference_refuse_twins(r, &v);
    return v;
}

/* ---- classic histograms --------------------------------------------------------------------- */

struct reference_bucket {
    double le, count;
};

static inline int reference_bucket_cmp(const void *a, const void *b)
{
    const struct reference_bucket *x = a, *y = b;

    return (x->le > y->le) - (x->le < y->le);
}

/* Differences that small are noise of the arithmetic that made the counts. */
static inline bool reference_almost(double a, double b)
{
    double sum = fabs(a) + fabs(b);

    return a == b || fabs(a - b) / (sum < 1.7e308 ? sum : 1.7e308) < 1e-12;
}

static inline double reference_bucket_quantile(double phi, struct reference_bucket *b, size_t n)
{
    size_t m = 0, i = 0;
    double rank, lower, below;

    if (isnan(phi))
        return NAN;
    if (phi < 0 || phi > 1)
        return phi < 0 ? -INFINITY : INFINITY;
    qsort(b, n, sizeof *b, reference_bucket_cmp);
    if (b[n - 1].le != INFINITY)
        return NAN;
    for (size_t k = 1; k < n; k++) /* equal bounds become one */
        if (b[k].le == b[m].le)
            b[m].count += b[k].count;
        else
            b[++m] = b[k];
    n = m + 1;
    for (size_t k = 1; k < n; k++)
        if (b[k].count < b[k - 1].count || reference_almost(b[k].count, b[k - 1].count))
            b[k].count = b[k - 1].count;
    if (n < 2 || b[n - 1].count == 0)
        return NAN;
    rank = phi * b[n - 1].count;
    while (i < n - 1 && !(b[i].count >= rank))
        i++;
    if (i == n - 1)
        return b[n - 2].le;
    if (i == 0 && b[0].le <= 0)
        return b[0].le;
    lower = i ? b[i - 1].le : 0;
    below = i ? b[i - 1].count : 0;
    return lower + (b[i].le - lower) * ((rank - below) / (b[i].count - below));
}

static inline struct reference_vector reference_histogram_quantile(struct reference *r,
                                                                   const struct promql_node *node,
                                                                   unix_ms t)
{
    double phi = reference_scalar(r, node->call.args[0], t);
    struct reference_vector in = reference_vector(r, node->call.args[1], t), out = {0};
    const struct label_set **keys = arena_array(&r->arena, in.n + 1, sizeof *keys);
    struct reference_bucket *b = arena_array(&r->arena, in.n + 1, sizeof *b);
    double *le = arena_array(&r->arena, in.n + 1, sizeof *le);
    struct str name = STR("le");
    const struct promql_labels labels = {&name, 1};

    for (size_t i = 0; i < in.n; i++) {
        keys[i] = reference_without(r, reference_nameless(r, in.s[i].labels), &labels);
        if (!num_parse_double(label_set_get(in.s[i].labels, name), &le[i]))
            keys[i] = NULL; /* no bucket */
    }
    for (size_t i = 0; i < in.n; i++) {
        size_t n = 0;
        bool first = true;

        for (size_t k = 0; keys[i] && k < in.n; k++) {
            if (!keys[k] || !label_set_eq(keys[i], keys[k]))
                continue;
            first &= k >= i;
            b[n++] = (struct reference_bucket){le[k], in.s[k].v};
        }
        if (keys[i] && first)
            reference_push(r, &out, keys[i], reference_bucket_quantile(phi, b, n));
    }
    reference_refuse_twins(r, &out);
    return out;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static inline struct reference_vector reference_call(struct reference *r,
                                                     const struct promql_node *node, unix_ms t)
{
    struct reference_vector out = {0};

    switch (node->call.fn->id) {
    case FN_ABSENT:
    case FN_ABSENT_OVER_TIME: return reference_absent(r, node, t);
    case FN_TIMESTAMP: return reference_timestamp(r, node, t);
    case FN_LABEL_REPLACE: return reference_label_replace(r, node, t);
    case FN_LABEL_JOIN: return reference_label_join(r, node, t);
    case FN_HISTOGRAM_QUANTILE: return reference_histogram_quantile(r, node, t);
    case FN_SORT:
    case FN_SORT_DESC:
    case FN_SORT_BY_LABEL:
    case FN_SORT_BY_LABEL_DESC: return reference_vector(r, node->call.args[0], t);
    case FN_VECTOR: {
        struct label_builder none = {0};

        reference_push(r, &out, reference_build(r, &none),
                       reference_scalar(r, node->call.args[0], t));
        return out;
    }
    case FN_HISTOGRAM_AVG:
    case FN_HISTOGRAM_COUNT:
    case FN_HISTOGRAM_FRACTION:
    case FN_HISTOGRAM_STDDEV:
    case FN_HISTOGRAM_STDVAR:
    case FN_HISTOGRAM_SUM:
    case FN_INFO: reference_stop(r, -ENOTSUP); return out;
    default: break;
    }
    for (size_t i = 0; i < node->call.n_args; i++)
        if (node->call.args[i]->type == PROMQL_MATRIX)
            return reference_over_windows(r, node, t);
    return reference_over_values(r, node, t);
}

static inline double reference_scalar_call(struct reference *r, const struct promql_node *node,
                                           unix_ms t)
{
    struct reference_vector v;

    switch (node->call.fn->id) {
    case FN_TIME: return (double)t / 1000;
    case FN_PI: return M_PI;
    case FN_SCALAR:
        v = reference_vector(r, node->call.args[0], t);
        return v.n == 1 ? v.s[0].v : NAN;
    default: reference_stop(r, -ENOTSUP); return NAN;
    }
}

#endif
