/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stones - tombstones: which samples of which series were deleted
 *
 * A list is immutable and counted; deleting makes a new one, which a new view holds. So whoever
 * selected before a delete goes on seeing what he saw. A stone covers what was there when it was
 * set and nothing that comes later: of samples in order those up to last_t, of late ones those with
 * lower serial numbers.
 */
#ifndef TOCSIN_STORAGE_STONES_PRIV_H
#define TOCSIN_STORAGE_STONES_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "model/ports.h"
#include "storage/wire_priv.h"

struct stone {
    uint32_t series;  /* ordinal in a block, number in the head */
    unix_ms from, to; /* both included */
    unix_ms last_t;   /* head: later samples in order are not covered; else INT64_MAX */
    uint64_t late;    /* head: late samples with lower serials are covered */
};

struct stones {
    _Atomic uint32_t refs;
    size_t n;
    struct stone v[]; /* ascending by series, then by from */
};

/* Those of one series. */
struct stone_span {
    const struct stone *v;
    size_t n;
};

struct stones *stones_ref(struct stones *s); /* NULL is fine for both */
void stones_unref(struct stones *s);

/* Both together, sorted; those that another one covers are left out. NULL when there are none. */
struct stones *stones_join(const struct stones *s, const struct stone *more, size_t n);

struct stone_span stones_of(const struct stones *s, uint32_t series); /* NULL has none */

/* Whether all times of [from, to] are covered, for samples in order. */
bool stones_cover(struct stone_span s, unix_ms from, unix_ms to);
bool stones_cover_late(struct stone_span s, unix_ms t, uint64_t serial);

/* Takes the covered ones out of c[start..n), which came in order and are ascending. */
void stones_apply(struct stone_span s, struct columns *c, size_t start);

/* Series and times as bytes: byte table in docs/formats/storage.md, "Tombstones". */
void stones_put(const struct stone *v, size_t n, struct buf *out);
/* Adds them; false when the bytes make no sense. */
bool stones_get(struct wire *w, uint64_t n, struct stone **v, size_t *ret_n, size_t *cap);

#endif
