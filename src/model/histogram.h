/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram - a native histogram value
 *
 * Counts are doubles, for PromQL computes with those. The kind says as what it came and is handed on: an
 * integer histogram has whole counts up to HISTOGRAM_WHOLE_MAX, which a double holds exactly; what PromQL
 * makes is a float histogram. Exponential schemas -4..8: bucket i covers (2^((i-1)*2^-n), 2^(i*2^-n)];
 * schema -53 has its upper bounds in `bounds`. Spans tell which buckets are there; counts are absolute, in
 * the order of the spans. A stale histogram has a `sum` of STALE_NAN_BITS.
 */
#ifndef TOCSIN_MODEL_HISTOGRAM_H
#define TOCSIN_MODEL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_CUSTOM_SCHEMA (-53)
#define HISTOGRAM_WHOLE_MAX     (UINT64_C(1) << 53)

enum histogram_kind { HISTOGRAM_FLOAT, HISTOGRAM_INTEGER };

enum counter_reset_hint { RESET_UNKNOWN, RESET_YES, RESET_NO, RESET_GAUGE };

struct histogram_span {
    int32_t offset; /* gap to the span before it, or start index of the first */
    uint32_t length;
};

struct histogram {
    int32_t schema;
    enum histogram_kind kind;
    enum counter_reset_hint hint;
    double zero_threshold;
    double zero_count;
    double count;
    double sum;
    uint32_t n_positive_spans, n_negative_spans, n_positive, n_negative, n_bounds;
    const struct histogram_span *positive_spans, *negative_spans;
    const double *positive, *negative; /* counts of buckets */
    const double *bounds;              /* of the custom schema, ascending, without +Inf */
};

/* Sets the kind: integer when all counts may be those of an integer histogram, else float. A reader
 * of integer histograms calls it once the counts are in place; a stale one has no counts. */
void histogram_make_integer(struct histogram *h);

#endif
