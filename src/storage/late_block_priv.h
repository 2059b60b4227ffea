/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late_block - a block of samples that come from elsewhere
 *
 * It is marked as one of late samples: so it may lie anywhere in time, and what the storage has at
 * the same time goes first.
 */
#ifndef TOCSIN_STORAGE_LATE_BLOCK_PRIV_H
#define TOCSIN_STORAGE_LATE_BLOCK_PRIV_H

#include "storage/block_writer_priv.h"
#include "storage/storage_priv.h"

/* Writes all series, in order of labels. */
typedef int late_block_fill(void *self, struct block_writer *w, struct err *err);

/* Takes the turn. Writes a block with these pairs (sorted) and shows it to readers. Returns 1; or 0
 * when `fill` wrote no series; nothing stays of a block that is empty or could not be completed. */
int late_block_write(struct storage *st, const struct label *pairs, size_t n_pairs,
                     late_block_fill *fill, void *self, struct err *err);

#endif
