/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_priv - how the files about native histograms walk buckets
 */
#ifndef TOCSIN_PROMQL_HISTOGRAM_PRIV_H
#define TOCSIN_PROMQL_HISTOGRAM_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "model/histogram.h"

/* The bucket that bucket `index` falls into when the schema is lowered by `shift`. */
static inline int32_t hist_index_reduce(int32_t index, int shift)
{
    return (int32_t)((((int64_t)index - 1) >> shift) + 1);
}

/* Upper bound of exponential bucket `index`, 2^(index * 2^-schema). */
double hist_bound(int64_t index, int32_t schema);

bool hist_same_bounds(const double *a, uint32_t n_a, const double *b, uint32_t n_b);

/* Walks one side's buckets upwards; those that `shift` makes one are added up. */
struct hist_cursor {
    const struct histogram_span *spans;
    const double *counts;
    uint32_t n_spans, n, span, in_span, pos;
    int64_t next; /* index of counts[pos] before reduction */
    int shift;
    int32_t index; /* of the bucket that hist_cursor_next() found */
    double count;
};

struct hist_cursor hist_cursor_make(const struct histogram_span *spans, uint32_t n_spans,
                                    const double *counts, uint32_t n, int shift);
bool hist_cursor_next(struct hist_cursor *c);

#endif
