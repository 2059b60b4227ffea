/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_index - the index of a Prometheus block: symbols, series, where their chunks are
 *
 * Works on bytes that somebody else keeps. Nothing in them is trusted: every error is -EBADMSG (or
 * -ENOTSUP for another version) with the place in words. One thread.
 */
#ifndef TOCSIN_STORAGE_PROM_INDEX_PRIV_H
#define TOCSIN_STORAGE_PROM_INDEX_PRIV_H

#include "base/clock.h"
#include "base/err.h"
#include "storage/wire_priv.h"

#define PROM_ULID_LEN       26 /* letters of a block's name */
#define PROM_INDEX_MAGIC    UINT32_C(0xbaaad700)
#define PROM_INDEX_VERSION  2
#define PROM_INDEX_HEAD     5  /* bytes: magic, version */
#define PROM_INDEX_TOC      52 /* bytes: six offsets, checksum */
#define PROM_SERIES_ALIGN   16 /* a series' number is its place divided by this */
#define PROM_CHUNKS_MAGIC   UINT32_C(0x85bd40dd)
#define PROM_CHUNKS_VERSION 1
#define PROM_CHUNKS_HEAD    8 /* bytes: magic, version, three zeroes */
#define PROM_DELETED_MAGIC  UINT32_C(0x0130ba30)
#define PROM_DELETED_HEAD   5

struct prom_index {
    struct str bytes;
    bool unchecked; /* checksums are not compared: for fuzzing what stands behind them */
    struct str *symbols;
    size_t n_symbols;
    const uint8_t *series; /* their numbers, four bytes each */
    uint32_t n_series;
};

struct prom_pair {
    uint32_t name, value; /* symbols; they are in order of texts */
};

struct prom_chunk_ref {
    unix_ms min, max;
    uint64_t at; /* number of the file from 0, times 2^32, plus place in it */
};

/* One series. Zeroed once and used again and again. */
struct prom_series {
    uint32_t number;
    struct prom_pair *labels;
    size_t n_labels, cap_labels;
    struct prom_chunk_ref *chunks; /* ascending, without overlaps */
    size_t n_chunks, cap_chunks;
};

/* x->bytes and x->unchecked are set. */
int prom_index_open(struct prom_index *x, struct err *err);
void prom_index_deinit(struct prom_index *x); /* not the bytes */

int prom_index_series(const struct prom_index *x, uint32_t i, struct prom_series *ret,
                      struct err *err);
void prom_series_deinit(struct prom_series *s);
void prom_series_print(const struct prom_index *x, const struct prom_series *s, struct buf *out);

/* Prometheus' order of label sets. */
int prom_labels_cmp(const struct prom_pair *a, size_t n_a, const struct prom_pair *b, size_t n_b);

/* Big-endian numbers, which only Prometheus' files have. */
static inline uint32_t wire_be32(struct wire *w)
{
    return __builtin_bswap32(wire_u32(w));
}

static inline uint64_t wire_be64(struct wire *w)
{
    return __builtin_bswap64(wire_u64(w));
}

static inline void buf_add_be32(struct buf *b, uint32_t v)
{
    buf_add_u32(b, __builtin_bswap32(v));
}

static inline void buf_add_be64(struct buf *b, uint64_t v)
{
    buf_add_u64(b, __builtin_bswap64(v));
}

#endif
