/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head_read - what a query sees of the head
 *
 * A mark names the samples of one series that were there at one moment. What the series gets later
 * is not shown with that mark.
 */
#ifndef TOCSIN_STORAGE_HEAD_READ_PRIV_H
#define TOCSIN_STORAGE_HEAD_READ_PRIV_H

#include "storage/head_priv.h"
#include "storage/stones_priv.h"

struct head_mark {
    unix_ms last_t;
    uint64_t late; /* late samples with lower numbers are seen */
};

/* apply, for reading. False when the series has no sample in [from, to]. */
bool head_mark(const struct head *h, series_id id, unix_ms from, unix_ms to, struct head_mark *ret);

/* apply, for reading; the series has samples in [from, to]. Whether all of them are deleted. */
bool head_all_deleted(const struct head *h, series_id id, unix_ms from, unix_ms to,
                      struct stone_span deleted);

/* apply, for reading, and commit. Covers what the series has of [from, to] at this moment. */
struct stone head_stone(const struct head *h, series_id id, unix_ms from, unix_ms to);

/* The last sample that the mark shows, when it is a float in [from, to], was not written to a block
 * and nothing came after it. False: head_read() tells. Takes `apply` for a moment. */
bool head_newest(struct head *h, series_id id, const struct head_mark *mark, unix_ms cut,
                 unix_ms from, unix_ms to, unix_ms *ret_t, double *ret_v);

/*
 * Adds what [from, to] holds and is not deleted. Samples that came in order are taken from `cut` on: the older ones
 * are in blocks. Takes `apply` for a moment. The view of the mark lives, so no chunk that it needs
 * is freed. `soon` is a series that is read a few calls later, or 0: its chunks are fetched into the
 * processor's cache meanwhile.
 */
void head_read(struct head *h, series_id id, const struct head_mark *mark, unix_ms cut,
               unix_ms from, unix_ms to, struct stone_span deleted, series_id soon,
               struct columns *c);

#endif
