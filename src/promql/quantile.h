/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantile - quantiles of histograms, and the part of the observations between two values
 *
 * Within a bucket observations are taken to be spread evenly: over its width, or, in the
 * exponential buckets of native histograms, over the logarithm of its width.
 */
#ifndef TOCSIN_PROMQL_QUANTILE_H
#define TOCSIN_PROMQL_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>

#include "promql/histogram_math.h"

struct bucket { /* of a classic histogram: count of observations up to `upper` */
    double upper, count;
};

/* Buckets sorted by upper bound; changed on the way (equal bounds are added up, decreases removed).
 * *forced: a decrease that rounding does not explain was removed. */
double bucket_quantile(double q, struct bucket *b, size_t n, bool *forced);
double bucket_fraction(double lower, double upper, struct bucket *b, size_t n);

enum nan_effect { NAN_NONE, NAN_RESULT, NAN_SKEW }; /* what NaN observations did to the result */

double hist_quantile(double q, const struct histogram *h, struct hist_buckets *room,
                     enum nan_effect *effect);
double hist_fraction(double lower, double upper, const struct histogram *h,
                     struct hist_buckets *room);

/* Variance of the observations, each taken to be in the middle of its bucket. */
double hist_variance(const struct histogram *h, struct hist_buckets *room);

#endif
