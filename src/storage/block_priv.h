/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block - an immutable file with the samples of a range of time, mapped
 *
 * Opening reads one frame. The index is checked, and mended where it can be, when the block is
 * first asked; chunks are checked whenever they are read. Nothing in the file is trusted: what does
 * not make sense is left out and told to the damage function. Counted; any thread.
 */
#ifndef TOCSIN_STORAGE_BLOCK_PRIV_H
#define TOCSIN_STORAGE_BLOCK_PRIV_H

#include <stdatomic.h>

#include "base/thread.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "storage/block_format_priv.h"
#include "storage/section_file_priv.h"
#include "storage/select_priv.h"
#include "storage/stones_priv.h"

#define BLOCK_TOLD_MAX 16 /* damaged chunks of one block are told one by one up to here */

/* Is told once per find, by any thread. */
struct damage_face {
    void *self;
    void (*told)(void *self, const char *text);
};

struct block {
    _Atomic uint32_t refs;
    uint64_t number;
    char *path;
    struct section_file file;
    struct block_info info;
    const struct damage_face *damage;
    atomic_bool unmergeable; /* its index is damaged: merging would lose what can be mended */
    struct lock checking;
    atomic_bool checked;
    bool index_lost;               /* set before `checked`: labels are held against their hash */
    uint64_t told[BLOCK_TOLD_MAX]; /* checking: places of damaged chunks that were told about */
    size_t n_told;
};

/* -EBADMSG and others when the file cannot be used at all. */
int block_open(const char *path, uint64_t number, const struct damage_face *damage,
               struct block **ret, struct err *err);
struct block *block_ref(struct block *b);
void block_unref(struct block *b);

/* The least number of the blocks that it comes from, or its own. */
uint64_t block_age(const struct block *b);

/* Has to be called before any of the following. */
void block_prepare(struct block *b);

void block_index_face(const struct block *b,
                      struct index_face *ret); /* ids are ordinals, in order of labels */

/* Labels of a series. False when its entry or a text is not readable. */
bool block_label_set(const struct block *b, uint32_t ordinal, uint64_t *ret_hash,
                     struct label_set **ret);

/* A series' entry, read step by step. */
struct block_entry {
    uint64_t hash;
    size_t n_pairs;
    struct wire pairs;  /* where their numbers begin */
    struct wire chunks; /* where the entries of chunks begin, after their count */
    uint64_t n_chunks;
};
bool block_entry(const struct block *b, uint32_t ordinal, struct block_entry *ret);
/* Where its entry begins in the section of series; the ordinal is one of the section of places. */
uint32_t block_entry_begin(const struct block *b, uint32_t ordinal);

/* A pair by its number; false when there is none. */
bool block_pair(const struct block *b, pair_no no, struct label *ret);
size_t block_pair_count(const struct block *b);

uint32_t block_symbol_count(const struct block *b);
bool block_symbol(const struct block *b, uint32_t no, struct str *ret);

/* The list of series of a pair: bytes [from, to) of the section of postings, as the pairs say. */
struct block_postings {
    uint32_t count;
    uint64_t from, to;
};
struct block_postings block_pair_postings(const struct block *b, pair_no pair);

bool block_has_samples(const struct block *b, uint32_t ordinal, unix_ms from, unix_ms to);

/* The same without the samples that are deleted: whether a chunk may hold others. */
bool block_shows(const struct block *b, uint32_t ordinal, unix_ms from, unix_ms to,
                 struct stone_span deleted);

struct block_chunk {
    unix_ms min, max;
    uint64_t at, len;
};

/* The next one of a series, from the wire of its entry; `c` holds the one before, all zeroes at the
 * first. */
bool block_next_chunk(struct wire *w, bool first, struct block_chunk *c);

/* Adds the samples of [from, to] of one chunk. False when it is damaged; nothing is added then. */
bool block_add_chunk(const struct block *b, const struct block_chunk *e, unix_ms from, unix_ms to,
                     struct columns *c);

/* Adds the samples of [from, to]; chunks that are damaged are left out. */
void block_read(struct block *b, uint32_t ordinal, unix_ms from, unix_ms to, struct columns *c);

#endif
