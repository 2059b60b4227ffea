/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samples - fills the columns that a reader lends with chunks from the head and from blocks
 *
 * samples_begin(), then any number of runs (samples_add_*() appends one and cuts it to a range of
 * times), after each of which samples_join() puts it in order with those before: of two samples at
 * the same time the one that was there first stays.
 */
#ifndef TOCSIN_STORAGE_SAMPLES_PRIV_H
#define TOCSIN_STORAGE_SAMPLES_PRIV_H

#include "model/histogram.h"
#include "model/ports.h"
#include "storage/wire_priv.h"

void samples_begin(struct columns *c);

/* A packed chunk of floats: both columns from w. False when the bytes are no columns; nothing is
 * added. */
bool samples_add_columns(struct columns *c, struct wire *w, unix_ms first, size_t n, unix_ms from,
                         unix_ms to);

/* The same, its times from a wire of their own. */
bool samples_add_two_columns(struct columns *c, struct wire *times, struct wire *values,
                             unix_ms first, size_t n, unix_ms from, unix_ms to);
bool samples_add_open_chunk(struct columns *c, const uint8_t *bytes, size_t len, size_t n,
                            unix_ms from, unix_ms to);
bool samples_add_histogram_chunk(struct columns *c, const uint8_t *bytes, size_t len, size_t n,
                                 unix_ms from, unix_ms to);

/* One sample; histogram (or NULL) is copied. */
void samples_add(struct columns *c, unix_ms t, double v, const struct histogram *histogram);

/* Sorts what was added from `start` on, which came in any order; the first one at a time stays. */
void samples_sort(struct columns *c, size_t start);

/* Takes what lies in [from, to] out of c[start..n), which is ascending. */
void samples_cut_out(struct columns *c, size_t start, unix_ms from, unix_ms to);

/* Both c[0..start) and c[start..n) are ascending: makes one of them. */
void samples_join(struct columns *c, size_t start);

#endif
