/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_chunk - the histograms of a series, one after the other
 *
 * The same bytes while they grow, sealed, and in blocks: the first time (eight bytes), then for
 * each sample but the first an svarint by which the step is longer than the last one, and the
 * histogram as its difference to the one before.
 */
#ifndef TOCSIN_STORAGE_HISTOGRAM_CHUNK_PRIV_H
#define TOCSIN_STORAGE_HISTOGRAM_CHUNK_PRIV_H

#include "storage/histogram_code_priv.h"
#include "storage/open_chunk_priv.h"

/* Appends to `out` what a sample adds behind the tip. The tip stays as it is. */
void histogram_chunk_append(const struct tip *tip, unix_ms t, const struct histogram *v,
                            const struct histogram *before, struct buf *out);

/* Reads n samples; arrays of the histograms come from the arena. False when the bytes are no such
 * chunk. */
bool histogram_chunk_read(const uint8_t *bytes, size_t len, size_t n, unix_ms *times,
                          struct histogram *histograms, struct arena *a);

#endif
