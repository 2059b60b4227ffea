/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_block - a Prometheus block as it lies on disk, for reading: index, chunks, deletions
 *
 * The files are mapped. Nothing in them is trusted; -EBADMSG says in words which file and where. A
 * block is for one thread.
 */
#ifndef TOCSIN_STORAGE_PROM_BLOCK_PRIV_H
#define TOCSIN_STORAGE_PROM_BLOCK_PRIV_H

#include "base/defs.h"
#include "model/ports.h"
#include "storage/prom_index_priv.h"

/* Samples of [min, max] of a series were deleted. */
struct prom_deleted {
    uint64_t series;
    unix_ms min, max;
};

/* What meta.json says. */
struct prom_meta {
    char ulid[PROM_ULID_LEN + 1]; /* "" when there is none */
    unix_ms min, end;             /* of samples; the end is not included */
    bool is_late;                 /* its samples came out of order: later ones may be elsewhere */
};

int prom_meta_read(const char *dir, struct prom_meta *ret, struct err *err);

struct prom_block {
    char *dir;
    struct prom_meta meta;
    struct prom_index index;
    struct str *files; /* of chunks, in order of their numbers */
    size_t n_files, cap_files;
    struct prom_deleted *deleted; /* in order of series */
    size_t n_deleted, cap_deleted;
};

int prom_block_open(const char *dir, struct prom_block **ret, struct err *err);
void prom_block_free(struct prom_block *b);
DEFINE_FREEP(prom_block, struct prom_block)

/* Sets *ret to all samples of a series that were not deleted. */
int prom_block_samples(const struct prom_block *b, const struct prom_series *s, struct columns *ret,
                       struct err *err);

#endif
