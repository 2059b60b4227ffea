/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_chunk - the samples of a Prometheus chunk as bits
 *
 * Bits go from the most significant one on. Nothing that is read is trusted. Pure functions.
 */
#ifndef TOCSIN_STORAGE_PROM_CHUNK_PRIV_H
#define TOCSIN_STORAGE_PROM_CHUNK_PRIV_H

#include <stdbool.h>

#include "base/buf.h"
#include "model/ports.h"

enum prom_encoding { PROM_XOR = 1, PROM_HISTOGRAM = 2, PROM_FLOAT_HISTOGRAM = 3 };

#define PROM_TIME_MAX (INT64_C(1) << 52) /* ms before and after 1970: 140 000 years */
#define PROM_BUCKETS_MAX                                                                           \
    2048 /* of one histogram; Prometheus merges buckets far below that. Spans and bounds too */

struct bits_out {
    struct buf *out;
    unsigned free; /* bits of the last byte that are not used yet */
};

void bits_put(struct bits_out *b, uint64_t v, unsigned n); /* the lowest n bits, n <= 64 */

/* Appends the samples of a chunk's data (what stands behind the encoding). False when they make no
 * sense, or are not behind what the columns have. */
bool prom_chunk_read(enum prom_encoding encoding, struct str data, struct columns *c);

/* Appends the data of n (1 to 65535) floats, ascending and less than 2^53 ms apart. */
void prom_xor_put(const unix_ms *times, const double *values, size_t n, struct buf *out);

/* The encoding of the chunk that begins with this sample; h is NULL when that is a float. */
enum prom_encoding prom_encoding_of(const struct histogram *h);

/* The same for histograms; all of one kind and layout, see prom_histogram_goes_on(). */
void prom_histogram_put(const unix_ms *times, const struct histogram *const *hs, size_t n,
                        struct buf *out);

/* Whether b may stand behind a in one chunk: same kind and layout, no counter reset. A staleness
 * marker may stand behind any of its kind, and nothing but others behind it. */
bool prom_histogram_goes_on(const struct histogram *a, const struct histogram *b);

#endif
