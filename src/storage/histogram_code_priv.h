/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram_code - native histograms as bytes
 *
 * A histogram is written as its differences to the one before it in the chunk, or to nothing. Byte
 * table: docs/formats/storage.md, "Histogram". All bits of all numbers come back. Pure functions.
 */
#ifndef TOCSIN_STORAGE_HISTOGRAM_CODE_PRIV_H
#define TOCSIN_STORAGE_HISTOGRAM_CODE_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/histogram.h"
#include "storage/wire_priv.h"

#define HISTOGRAM_BYTES_MAX 30000 /* written alone: a chunk of it fits in a piece of the pool */

/* Appends it. `before` may be NULL. */
void histogram_put(const struct histogram *h, const struct histogram *before, struct buf *out);

/* Reads one written after `before`. Its arrays come from the arena, or are those of `before`. */
bool histogram_get(struct wire *w, const struct histogram *before, struct arena *a,
                   struct histogram *ret);

bool histogram_is_stale(const struct histogram *h);
bool histogram_same(const struct histogram *a, const struct histogram *b); /* bit by bit */

/* A copy in one piece of memory. */
struct histogram_own {
    struct histogram h;
};
struct histogram_own *histogram_copy(const struct histogram *h); /* free() it */

#endif
