/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_wire - native histograms as protobuf messages carry them, checked and put into memory
 *
 * Remote write, protobuf pages and OTLP number their fields differently and mean the same: spans, and
 * buckets as differences of whole numbers or as they are. A reader fills a zeroed struct
 * histogram_wire field by field, looks after its size, and has a struct histogram made of it.
 */
#ifndef TOCSIN_MODEL_HISTOGRAM_WIRE_H
#define TOCSIN_MODEL_HISTOGRAM_WIRE_H

#include <stdbool.h>

#include "base/pb.h"
#include "model/histogram.h"

#define HISTOGRAM_PARTS_MAX ((size_t)1 << 15) /* buckets or spans of a side; storage takes fewer */

/* A repeated field of numbers: bits of doubles, or varints as they are. */
struct histogram_numbers {
    uint64_t *v;
    size_t n, cap;
};

struct histogram_side {
    struct histogram_span *spans;
    size_t n_spans, cap_spans;
    struct histogram_numbers deltas, counts;
};

struct histogram_wire {
    bool is_float;              /* counts and buckets are `counts`, not sums of `deltas` */
    uint64_t count, zero_count; /* whole */
    uint64_t count_bits, zero_count_bits, sum_bits, threshold_bits; /* of doubles */
    int32_t schema;
    struct histogram_side negative, positive;
    struct histogram_numbers bounds;
};

void histogram_wire_deinit(struct histogram_wire *w);

/* Adds one number, or as many as are packed; a BucketSpan {1 sint32 offset, 2 uint32 length}. What is
 * broken breaks `message`. */
void histogram_wire_numbers(struct pb *message, struct histogram_numbers *to,
                            const struct pb_field *f, bool fixed);
void histogram_wire_span(struct pb *message, struct histogram_side *side, struct str bytes);

/* To be asked after each field, which may bring more than there should be. */
bool histogram_wire_is_too_large(const struct histogram_wire *w);

/*
 * Makes *ret, whose parts are in memory of `alloc` (zeroed; NULL: there is no more), with an unknown
 * hint. *ret_fault says what keeps it from being stored, as Prometheus wants it; NULL: nothing.
 * -E2BIG when there is no memory.
 */
int histogram_wire_make(const struct histogram_wire *w,
                        void *(*alloc)(void *arg, size_t n, size_t size), void *arg,
                        struct histogram *ret, const char **ret_fault);

#endif
