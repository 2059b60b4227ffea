/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge - blocks become one block, in the background at a bounded pace
 */
#ifndef TOCSIN_STORAGE_MERGE_PRIV_H
#define TOCSIN_STORAGE_MERGE_PRIV_H

#include "storage/section_file_priv.h"
#include "storage/storage_priv.h"

/* How much of the machine a merge may take: it works for MERGE_WORK_MS, then rests for as long as it
 * worked; and what it wrote is brought to the disk every MERGE_SYNC_BYTES, so that no great flood of
 * it comes at the end. */
#define MERGE_WORK_MS    50
#define MERGE_SYNC_BYTES ((uint64_t)16 << 20)

/* One place is left for the oldest block that the parents come from. */
#define MERGE_BLOCKS_MAX (BLOCK_PARENTS_MAX - 1)

struct merge_pace {
    bool rests;           /* else it goes on: somebody waits for it */
    int64_t worked_since; /* monotonic ms */
    int64_t others_due;   /* monotonic ms: then the other works have their turn */
    uint64_t synced;      /* bytes of the file */
};

/* Merges blocks, or writes one anew without what is deleted. Not under the turn. What could not be
 * published since the blocks have changed meanwhile is no error. Chunks that are damaged are left
 * out; a block whose index is damaged is -EBADMSG, or, when lenient, gives what can be read. */
int merge_blocks(struct storage *st, struct block *const *parents, size_t n, bool lenient,
                 struct merge_pace *pace, struct err *err);

/* merge_plan.c. Called after each series. -ECANCELED when the storage closes. */
int merge_pause(struct storage *st, struct merge_pace *pace, struct section_writer *w,
                struct err *err);

/* merge_plan.c. The blocks to be merged next, in `out` (of MERGE_BLOCKS_MAX); 0: none. */
size_t merge_choose(const struct view *v, dur_ms retention, struct block **out);

#endif
