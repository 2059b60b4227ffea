/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prom_block_writer - makes a Prometheus block
 *
 * Series come in the order of their labels, each with all its samples. Chunks go to the file as
 * they come; symbols, series and postings are kept (16 bytes a label and 24 a chunk) and written at
 * the end. The folder has another name until it is complete, which Prometheus removes at a start.
 * One thread.
 */
#ifndef TOCSIN_STORAGE_PROM_BLOCK_WRITER_PRIV_H
#define TOCSIN_STORAGE_PROM_BLOCK_WRITER_PRIV_H

#include <stdio.h>

#include "base/map.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "storage/prom_index_priv.h"

struct prom_symbol {
    struct str text; /* owned by the struct: it stands behind it */
    uint32_t seen;   /* number in the order of coming */
};

struct prom_written {
    uint32_t labels, n_labels; /* in block.labels */
    uint64_t chunks;           /* in block.chunks */
    uint32_t n_chunks;
    uint32_t number; /* once the index is made */
};

struct prom_block_writer {
    char ulid[PROM_ULID_LEN + 1];
    char *dir, *dir_after; /* while it is made, and then */
    int error;             /* the first one of writing; negative errno */
    FILE *file;            /* of chunks */
    uint32_t n_files;
    uint64_t at; /* in the file */
    struct buf chunk;

    struct map by_text; /* struct prom_symbol */
    struct prom_symbol **symbols;
    size_t n_symbols, cap_symbols;
    struct prom_pair *labels; /* of all series: by `seen`, later by order of texts */
    size_t n_labels, cap_labels;
    struct prom_chunk_ref *chunks;
    size_t n_chunks, cap_chunks;
    struct prom_written *series;
    size_t n_series, cap_series;
    uint64_t samples;
    unix_ms min, max;
};

/* `out` exists. */
int prom_block_writer_open(struct prom_block_writer *w, const char *out, struct err *err);

/* c->n > 0. */
void prom_block_writer_series(struct prom_block_writer *w, const struct label_set *labels,
                              const struct columns *c);

/* Completes the block, syncs it and gives it its name. Ends the writer, after an error too. */
int prom_block_writer_finish(struct prom_block_writer *w, struct err *err);
void prom_block_writer_abort(struct prom_block_writer *w); /* removes what there is of it */

/* prom_index_write.c: the bytes of the index, written to f. -E2BIG, or 0; f keeps its own errors. */
int prom_index_write(struct prom_block_writer *w, FILE *f, struct err *err);

#endif
