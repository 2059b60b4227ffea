/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_format - what writer and reader of blocks agree on
 *
 * Byte tables: docs/formats/storage.md, "Blocks".
 */
#ifndef TOCSIN_STORAGE_BLOCK_FORMAT_PRIV_H
#define TOCSIN_STORAGE_BLOCK_FORMAT_PRIV_H

#include <stdbool.h>

#include "base/clock.h"
#include "storage/wire_priv.h"

#define BLOCK_KIND        'B'
#define BLOCK_VERSION     1
#define BLOCK_PARENTS_MAX 32
#define BLOCK_CHUNK_SAMPLES                                                                        \
    1024 /* samples of one chunk at most: what a query decodes to see one of them */

enum block_section {
    BLOCK_TIMES,
    BLOCK_SYMBOLS,
    BLOCK_PAIRS,
    BLOCK_POSTINGS,
    BLOCK_PLACES,
    BLOCK_SERIES,
    BLOCK_SECTIONS,
};

enum block_chunk_kind {
    CHUNK_FLOATS,       /* column of times, column of values */
    CHUNK_SHARED_TIMES, /* place of the column of times in its section, column of values */
    CHUNK_HISTOGRAMS,
};

enum block_flags {
    BLOCK_LATE = 1, /* of samples that came late: its times overlap those of other blocks */
};

#define BLOCK_PAIR_BYTES 16
#define BLOCK_META_BYTES (60 + 8 * BLOCK_PARENTS_MAX)

struct block_info {
    unix_ms min_time, max_time; /* of its samples */
    uint64_t series, samples, chunks;
    uint32_t level; /* 1: cut from the head; one more than the highest parent otherwise */
    uint32_t flags;
    uint32_t n_parents;
    uint64_t parents[BLOCK_PARENTS_MAX]; /* numbers of the blocks that this one replaces */
};

void block_info_put(const struct block_info *info, uint8_t out[BLOCK_META_BYTES]);
bool block_info_get(const uint8_t *in, struct block_info *ret);

#endif
