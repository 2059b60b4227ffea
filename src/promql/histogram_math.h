/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_math - sums, differences and comparisons of native histograms
 *
 * A struct histogram never changes. Who adds works in a struct hist_acc, which holds one histogram
 * with its buckets spelt out, and takes the result out with hist_acc_get(). An accumulator and
 * everything taken out of it live in the arena that the accumulator was made with; it may be set
 * again and again, and then uses its memory again.
 *
 * Two histograms of different resolution meet at the lower one, two of different zero buckets at
 * the wider. Exponential and custom buckets never meet, and custom buckets only with the same
 * bounds.
 */
#ifndef TOCSIN_PROMQL_HISTOGRAM_MATH_H
#define TOCSIN_PROMQL_HISTOGRAM_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/histogram.h"

enum hist_fit {
    HIST_FIT,
    HIST_MIXED_SCHEMAS,    /* exponential and custom buckets */
    HIST_DIFFERENT_BOUNDS, /* custom buckets, but not the same */
};

struct hist_side { /* buckets of one sign, ascending */
    int32_t *index;
    double *count;
    size_t n, cap;
};

struct hist_acc {
    struct arena *arena;
    int32_t schema;
    enum counter_reset_hint hint;
    double zero_threshold, zero_count, count, sum;
    struct hist_side positive, negative;
    struct hist_side spare_positive, spare_negative; /* where an addend is spelt out */
    const double *bounds; /* borrowed from what it was set to or met first */
    uint32_t n_bounds;
};

void hist_acc_init(struct hist_acc *acc, struct arena *arena);
void hist_acc_set(struct hist_acc *acc, const struct histogram *h);
enum hist_fit hist_acc_add(struct hist_acc *acc, const struct histogram *h);
enum hist_fit hist_acc_sub(struct hist_acc *acc, const struct histogram *h);
/* Makes the mean of count - 1 histograms that of count of them, h being the new one. */
enum hist_fit hist_acc_average(struct hist_acc *acc, const struct histogram *h, double count);
void hist_acc_mul(struct hist_acc *acc, double factor);
void hist_acc_div(struct hist_acc *acc,
                  double divisor); /* by 0: buckets are gone, the rest ±Inf or NaN */
void hist_acc_reduce(struct hist_acc *acc,
                     int32_t schema);        /* to a lower resolution; higher: nothing */
void hist_acc_compact(struct hist_acc *acc); /* leaves out empty buckets */
struct histogram *hist_acc_get(const struct hist_acc *acc);

/* Deep. All that PromQL hands out is a copy, and of float kind, as Prometheus records it. */
struct histogram *hist_copy(struct arena *arena, const struct histogram *h);
bool hist_equal(const struct histogram *a, const struct histogram *b); /* bits and layout */
bool hist_is_custom(const struct histogram *h);
bool hist_is_stale(const struct histogram *h);

/* Did the counter start again between prev and h? Decided by the hint of h, else by any decrease.
 */
bool hist_is_reset(const struct histogram *h, const struct histogram *prev);

/* What it takes in memory, in samples of 16 bytes: the measure of the sample limit. */
size_t hist_samples(const struct histogram *h);

struct hist_bucket {
    double lower, upper, count;
    bool lower_inclusive, upper_inclusive;
};

/* Buckets spelt out, from the lowest to the highest, the zero bucket among them when it is not
 * empty. */
struct hist_buckets {
    struct hist_bucket *b;
    size_t n, cap;
};

void hist_buckets_fill(struct hist_buckets *bs,
                       const struct histogram *h); /* uses the memory again */
void hist_buckets_deinit(struct hist_buckets *bs);

/* {count:4, sum:5, [-2,-1):1, (0.5,1]:3}, the text of count_values() and of logs. */
void hist_print(const struct histogram *h, struct buf *out);

#endif
