/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql_random - random expressions that parse, over the series of promql_random_series[]
 *
 *     struct promql_random r = {.state = seed};
 *     promql_random_query(&r, &text);
 *
 * The same seed gives the same text with any compiler.
 */
#ifndef TOCSIN_TESTS_SUPPORT_PROMQL_RANDOM_H
#define TOCSIN_TESTS_SUPPORT_PROMQL_RANDOM_H

#include <stdint.h>

#include "base/buf.h"
#include "base/defs.h"

#define PROMQL_RANDOM_DEPTH 4 /* of expressions within each other */

/* One sample every 30 s. Whole numbers, so that sums are exact in any order. */
static const char *const promql_random_series[] = {
    "a{job=\"x\",instance=\"1\",zone=\"n\"} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    "a{job=\"x\",instance=\"2\",zone=\"s\"} 3 1 4 1 5 9 2 6 5 3 5 8 9 7 9 3 2 3 8 4",
    "a{job=\"y\",instance=\"1\",zone=\"n\"} 10 _ 12 stale _ 7 8 9 _x6 5 6 7 8 9 1",
    "a{job=\"y\",instance=\"3\"} -1 -2 -3 NaN -5 -6 Inf 0 1 2 3 -Inf 5 6 7 8 9 10 11 12",
    "b{job=\"x\",instance=\"1\"} 5x19",
    "b{job=\"x\",instance=\"2\"} 2 4 8 16 32 64 128 256 512 1024 1 1 1 1 1 _ 1 1 1 1",
    "b{job=\"z\",instance=\"9\"} _ _ _ 1 2 3 stale _ _ 4 5 6",
    "c_total{job=\"x\",instance=\"1\"} 0+7x9 3+5x9",
    "c_total{job=\"x\",instance=\"2\"} 100+13x6 5+11x12",
    "c_total{job=\"y\",instance=\"1\"} 0 0 0 0 1 1 1 9 9 9 2 2 stale _ 4 8 15 16 23 42",
    "d_bucket{job=\"x\",le=\"1\"} 0+1x19",
    "d_bucket{job=\"x\",le=\"5\"} 0+3x19",
    "d_bucket{job=\"x\",le=\"+Inf\"} 0+4x19",
    "d_bucket{job=\"y\",le=\"-1\"} 1+1x19",
    "d_bucket{job=\"y\",le=\"2.5\"} 3+1x19",
    "d_bucket{job=\"y\",le=\"+Inf\"} 3+2x19",
    "one 1 1 2 3 5 8 13 21 34 55 89 144 233 377 610 987 1597 2584 4181 6765",
};
#define PROMQL_RANDOM_SERIES_STEP_MS 30000

struct promql_random {
    uint64_t state; /* not 0 */
};

static inline uint32_t promql_random_below(struct promql_random *r, uint32_t n)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (uint32_t)((r->state >> 32) % n);
}

static inline const char *promql_random_of(struct promql_random *r, const char *const *list,
                                           size_t n)
{
    return list[promql_random_below(r, (uint32_t)n)];
}

#define PROMQL_RANDOM_OF(r, ...)                                                                   \
    promql_random_of(r, (const char *const[]){__VA_ARGS__},                                        \
                     ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static inline void promql_random_vector(struct promql_random *r, unsigned depth, struct buf *out);
static inline void promql_random_scalar(struct promql_random *r, unsigned depth, struct buf *out);

static inline void promql_random_shift(struct promql_random *r, struct buf *out)
{
    if (promql_random_below(r, 5) == 0)
        buf_addf(out, " offset %s", PROMQL_RANDOM_OF(r, "1m", "30s", "-2m", "45s", "4m"));
    if (promql_random_below(r, 8) == 0)
        buf_addf(out, " @ %s", PROMQL_RANDOM_OF(r, "300", "120.5", "start()", "end()", "0", "600"));
}

static inline void promql_random_name(struct promql_random *r, struct buf *out)
{
    static const char *const names[] = {"a", "a", "b", "c_total", "d_bucket", "one"};
    static const char *const matchers[] = {
        "job=\"x\"",          "job!=\"x\"", "instance=\"1\"",   "job=~\"x|y\"",
        "instance!~\"[23]\"", "zone=\"\"",  "nothing=\"here\"", "zone=~\".+\""};

    buf_add_c(out, promql_random_of(r, names, ARRAY_LEN(names)));
    if (promql_random_below(r, 3) == 0)
        buf_addf(out, "{%s}", promql_random_of(r, matchers, ARRAY_LEN(matchers)));
}

static inline void promql_random_matrix(struct promql_random *r, unsigned depth, struct buf *out)
{
    if (depth > 1 && promql_random_below(r, 4) == 0) {
        buf_add_byte(out, '(');
        promql_random_vector(r, depth - 1, out);
        buf_addf(out, ")[%s:%s]", PROMQL_RANDOM_OF(r, "2m", "3m30s", "5m"),
                 PROMQL_RANDOM_OF(r, "30s", "1m", "47s", ""));
    } else {
        promql_random_name(r, out);
        buf_addf(out, "[%s]", PROMQL_RANDOM_OF(r, "1m", "2m", "90s", "5m", "30s", "10m"));
    }
    promql_random_shift(r, out);
}

static inline void promql_random_of_range(struct promql_random *r, unsigned depth, struct buf *out)
{
    const char *name = PROMQL_RANDOM_OF(
        r, "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "count_over_time",
        "present_over_time", "last_over_time", "sum_over_time", "avg_over_time", "min_over_time",
        "max_over_time", "ts_of_last_over_time", "ts_of_min_over_time", "ts_of_max_over_time",
        "stddev_over_time", "stdvar_over_time", "mad_over_time", "deriv", "absent_over_time",
        "quantile_over_time", "predict_linear", "double_exponential_smoothing");

    buf_addf(out, "%s(", name);
    if (strcmp(name, "quantile_over_time") == 0)
        buf_addf(out, "%s, ", PROMQL_RANDOM_OF(r, "0.5", "0.9", "0", "1", "-1", "2", "0.33"));
    promql_random_matrix(r, depth, out);
    if (strcmp(name, "predict_linear") == 0)
        buf_addf(out, ", %s", PROMQL_RANDOM_OF(r, "60", "-30", "3600"));
    if (strcmp(name, "double_exponential_smoothing") == 0)
        buf_add_c(out, ", 0.3, 0.6");
    buf_add_byte(out, ')');
}

static inline void promql_random_grouping(struct promql_random *r, struct buf *out)
{
    static const char *const groupings[] = {
        "",       " by (job)",          " without (instance)", " by (job, zone)",
        " by ()", " without (job, le)", " by (__name__)",      " by (nothing, instance)"};

    buf_add_c(out, promql_random_of(r, groupings, ARRAY_LEN(groupings)));
}

static inline void promql_random_aggregate(struct promql_random *r, unsigned depth, struct buf *out)
{
    const char *name = PROMQL_RANDOM_OF(r, "sum", "avg", "count", "min", "max", "group", "stddev",
                                        "stdvar", "topk", "bottomk", "quantile", "count_values");

    buf_add_c(out, name);
    promql_random_grouping(r, out);
    buf_add_c(out, " (");
    if (strcmp(name, "topk") == 0 || strcmp(name, "bottomk") == 0)
        buf_addf(out, "%s, ", PROMQL_RANDOM_OF(r, "1", "2", "3", "0", "-1", "1.7"));
    if (strcmp(name, "quantile") == 0)
        buf_addf(out, "%s, ", PROMQL_RANDOM_OF(r, "0.5", "0.1", "1", "-0.5", "1.5"));
    if (strcmp(name, "count_values") == 0)
        buf_addf(out, "\"%s\", ", PROMQL_RANDOM_OF(r, "v", "job"));
    promql_random_vector(r, depth - 1, out);
    buf_add_byte(out, ')');
}

static inline void promql_random_of_vector(struct promql_random *r, unsigned depth, struct buf *out)
{
    const char *name = PROMQL_RANDOM_OF(
        r, "abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn", "sin", "cos",
        "atan", "deg", "rad", "round", "timestamp", "absent", "sort", "sort_desc", "hour", "minute",
        "day_of_week", "year", "clamp", "clamp_min", "clamp_max", "label_replace", "label_join",
        "histogram_quantile", "histogram_quantile");

    buf_addf(out, "%s(", name);
    if (strcmp(name, "histogram_quantile") == 0) {
        buf_addf(out, "%s, ", PROMQL_RANDOM_OF(r, "0.5", "0.9", "0.01", "1", "0", "-1"));
        buf_add_c(out, PROMQL_RANDOM_OF(r, "d_bucket)", "rate(d_bucket[2m]))",
                                        "sum by (le) (d_bucket))", "d_bucket offset 1m)"));
        return;
    }
    promql_random_vector(r, depth - 1, out);
    if (strcmp(name, "clamp") == 0)
        buf_addf(out, ", %s", PROMQL_RANDOM_OF(r, "1, 5", "-2, 2", "5, 1", "0, NaN"));
    if (strcmp(name, "clamp_min") == 0 || strcmp(name, "clamp_max") == 0)
        buf_addf(out, ", %s", PROMQL_RANDOM_OF(r, "3", "-1", "1 + 1"));
    if (strcmp(name, "label_replace") == 0)
        buf_addf(out, ", %s",
                 PROMQL_RANDOM_OF(r, "\"new\", \"$1-x\", \"job\", \"(.*)\"",
                                  "\"job\", \"\", \"zone\", \"n\"",
                                  "\"instance\", \"i$1\", \"instance\", \"(1|2)\""));
    if (strcmp(name, "label_join") == 0)
        buf_add_c(out, ", \"both\", \"-\", \"job\", \"instance\"");
    buf_add_byte(out, ')');
}

static inline void promql_random_binary(struct promql_random *r, unsigned depth, struct buf *out)
{
    const char *op = PROMQL_RANDOM_OF(r, "+", "-", "*", "/", "%", "==", "!=", "<", ">",
                                      "<=", ">=", "and", "or", "unless", "atan2");
    bool set = op[0] == 'o' || op[0] == 'u' || strcmp(op, "and") == 0;
    bool compares = strchr("=!<>", op[0]) != NULL;
    uint32_t kind = promql_random_below(r, 6);

    buf_add_byte(out, '(');
    promql_random_vector(r, depth - 1, out);
    buf_addf(out, " %s ", op);
    if (compares && promql_random_below(r, 3) == 0)
        buf_add_c(out, "bool ");
    if (kind < 4) {
        if (kind > 0)
            buf_addf(out, "%s ",
                     PROMQL_RANDOM_OF(r, "on (job)", "ignoring (zone)", "on (job, instance)",
                                      "ignoring (zone, instance)", "on ()", "on (instance)"));
        if (kind > 1 && !set)
            buf_addf(out, "%s ",
                     PROMQL_RANDOM_OF(r, "group_left ()", "group_right ()", "group_left (zone)",
                                      "group_right (zone)"));
        promql_random_vector(r, depth - 1, out);
    } else if (set) {
        promql_random_vector(r, depth - 1, out);
    } else {
        promql_random_scalar(r, depth - 1, out);
    }
    buf_add_byte(out, ')');
}

static inline void promql_random_scalar(struct promql_random *r, unsigned depth, struct buf *out)
{
    uint32_t kind = promql_random_below(r, 6);

    if (depth > 0 && kind == 0) {
        buf_add_c(out, "scalar(");
        promql_random_vector(r, depth - 1, out);
        buf_add_byte(out, ')');
    } else if (depth > 0 && kind == 1) {
        buf_add_byte(out, '(');
        promql_random_scalar(r, depth - 1, out);
        buf_addf(out, " %s ", PROMQL_RANDOM_OF(r, "+", "-", "*", "/", "^", "> bool"));
        promql_random_scalar(r, depth - 1, out);
        buf_add_byte(out, ')');
    } else {
        buf_add_c(out, PROMQL_RANDOM_OF(r, "1", "2", "-3", "0.5", "time()", "pi()", "0", "7"));
    }
}

static inline void promql_random_vector(struct promql_random *r, unsigned depth, struct buf *out)
{
    switch (depth ? promql_random_below(r, 10) : 0) {
    case 0:
        promql_random_name(r, out);
        promql_random_shift(r, out);
        break;
    case 1:
    case 2:
    case 3: promql_random_of_range(r, depth, out); break;
    case 4:
    case 5: promql_random_aggregate(r, depth, out); break;
    case 6: promql_random_of_vector(r, depth, out); break;
    case 7:
        buf_add_c(out, "-(");
        promql_random_vector(r, depth - 1, out);
        buf_add_byte(out, ')');
        break;
    default: promql_random_binary(r, depth, out);
    }
}

static inline void promql_random_query(struct promql_random *r, struct buf *out)
{
    if (promql_random_below(r, 12) == 0)
        promql_random_scalar(r, PROMQL_RANDOM_DEPTH, out);
    else
        promql_random_vector(r, PROMQL_RANDOM_DEPTH, out);
}

#endif
