/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_writer - makes a block
 *
 * First all label pairs, sorted by name and value; then the series in the order of their labels,
 * each with the numbers of its pairs and its chunks in order of time. Chunks go to the file as they
 * come; the index is kept in memory (about 80 bytes a series) and written at the end. One thread.
 */
#ifndef TOCSIN_STORAGE_BLOCK_WRITER_PRIV_H
#define TOCSIN_STORAGE_BLOCK_WRITER_PRIV_H

#include "model/label_set.h"
#include "model/ports.h"
#include "storage/block_format_priv.h"
#include "storage/section_file_priv.h"
#include "storage/symbols_priv.h"

struct block_writer {
    struct section_writer file;
    struct block_info info;
    const struct label *pairs; /* borrowed */
    size_t n_pairs;
    struct postings *postings; /* of each pair */
    struct buf series;         /* section: entries */
    struct buf places;         /* section: begin of each entry */
    struct buf times;          /* section: columns of times that several chunks have */
    struct map by_times;
    struct buf chunk; /* the one being made */

    /* the series being written */
    struct buf chunks; /* their entries */
    uint64_t n_chunks;
    unix_ms last_max;
    uint64_t last_end;
    bool too_large;
};

int block_writer_open(struct block_writer *w, const struct file_ops *ops, const char *path,
                      const struct label *pairs, size_t n_pairs, struct err *err);

void block_writer_series(struct block_writer *w, uint64_t hash, const uint32_t *pairs, size_t n);
/* All samples of a series, ascending; cut into chunks by the writer, at changes between floats and
 * histograms too. A series without samples must not be begun. */
void block_writer_samples(struct block_writer *w, const struct columns *c);
void block_writer_series_end(struct block_writer *w);

/* Completes the file. info gives what the writer does not know: level, flags, parents. */
int block_writer_finish(struct block_writer *w, const struct block_info *info, struct err *err);
void block_writer_abort(struct block_writer *w);

#endif
