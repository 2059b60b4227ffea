/* SPDX-License-Identifier: Apache-2.0 */
/*
 * range_priv - functions of a range vector: what each is given, and what it answers
 *
 * A function is called once for every step at which its window holds at least one sample. It sees
 * the window and the track behind it, so that it can prepare something for the whole series in
 * begin().
 */
#ifndef TOCSIN_PROMQL_RANGE_PRIV_H
#define TOCSIN_PROMQL_RANGE_PRIV_H

#include "promql/annotations.h"
#include "promql/eval_priv.h"

struct order_statistics;
struct range_call;

struct answer {
    double v;
    const struct histogram *h; /* in the arena; NULL: v */
};

/* 1: *ret is set; 0: nothing at this step; negative: error. */
typedef int range_fn(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                     struct answer *ret, struct err *err);

/* All steps of the track at once, where it has floats only; sets *ret_any when there was an answer.
 */
typedef int range_row_fn(struct eval *e, struct range_call *c, const struct grid *grid,
                         struct row *row, bool *ret_any, struct err *err);

struct range_call {
    range_fn *fn;
    range_row_fn *row; /* NULL: step by step with fn */
    size_t steps;
    struct counting counting;
    void (*begin)(struct eval *e, struct range_call *c); /* a new track; may be NULL */
    void (*end)(struct eval *e, struct range_call *c,
                bool floats); /* after it; floats: any was answered */
    struct ranges *ranges;
    const struct promql_node *at; /* the range argument, for annotations */
    const struct promql_node *args[2];
    double *scalars[2];   /* other arguments by step */
    struct metric metric; /* of the track */
    struct str name;      /* its name, "" when it is gone */
    /* per second; counts resets, else plain difference */
    bool is_rate, is_counter;
    /* of rate(): where the counter starts again, as indices into the track, and the first within
     * the window */
    size_t *resets;
    size_t n_resets, cap_resets, next_reset;
    struct order_statistics *order; /* of min, max and quantile: order_statistics.c */
};

range_fn range_rate, range_irate, range_changes, range_resets;
range_fn range_count, range_present, range_last, range_ts_of_last, range_sum, range_avg, range_min,
    range_max, range_ts_of_min, range_ts_of_max, range_stddev, range_stdvar, range_quantile,
    range_mad;
range_fn range_deriv, range_predict_linear, range_smoothing;

/* False: there are no floats. Says so when there are histograms beside them. */
bool floats_of(struct eval *e, struct range_call *c, const struct window *w);

range_row_fn rate_row;

void order_begin(struct eval *e, struct range_call *c);
void rate_begin(struct eval *e, struct range_call *c);
void rate_end(struct eval *e, struct range_call *c, bool floats);

/* Sum with a running compensation of what rounding lost (Neumaier); *sum + *lost is the result. */
static inline void add_exactly(double inc, double *sum, double *lost)
{
    double t = *sum + inc;

    if (__builtin_isinf(t))
        *lost = 0;
    else if (__builtin_fabs(*sum) >= __builtin_fabs(inc))
        *lost += (*sum - t) + inc;
    else
        *lost += (inc - t) + *sum;
    *sum = t;
}

/* Interpolated quantile of n > 0 values, NaN being the least. Changes their order. */
double quantile_of(double q, double *values, size_t n);

/* The warning that q asks for, if it does. */
void check_quantile(struct eval *e, const struct promql_node *at, double q);

#endif
