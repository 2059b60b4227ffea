/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage_priv - the whole of it, for the files that do its background work
 */
#ifndef TOCSIN_STORAGE_STORAGE_PRIV_H
#define TOCSIN_STORAGE_STORAGE_PRIV_H

#include "storage/commit_priv.h"
#include "storage/storage.h"
#include "storage/view_priv.h"

#define STORAGE_FOLDER_DAMAGED "damaged" /* what repairing has put aside; nobody reads it */
#define STORAGE_FOLDER_LOG     "log"
#define STORAGE_FOLDER_HEAD    "head"
#define STORAGE_FOLDER_BLOCKS  "blocks"
#define STORAGE_FOLDER_STONES  "tombstones"

/* What can fail for want of a disk, each on its own. */
enum storage_work {
    WORK_LOG,
    WORK_SYNC,
    WORK_CUT,
    WORK_IMAGE,
    WORK_RETENTION,
    WORK_MERGE,
    STORAGE_WORKS
};

#define STORAGE_PROBLEM_MAX 256 /* bytes kept of it, as in storage_stats */

struct storage {
    struct storage_options o;
    const struct file_ops *ops;
    char *dir;
    int lock_fd;

    struct head head;
    struct log log;
    struct committer committer;
    struct budget budget;
    struct exemplars exemplars;
    struct families families;
    struct views views;
    struct damage_face damage;
    bool opening;       /* storage_open() is at work, alone */
    struct buf *report; /* while it is; or NULL */
    struct sample_sink sink;
    struct series_reader reader;
    struct exemplar_reader exemplar_reader;
    struct metadata_reader metadata_reader;

    struct lock merging; /* one thread looks for blocks to merge at a time; taken before the turn */
    struct lock turn; /* one turn of the background work at a time; taken before all other locks */
    uint64_t next_block;    /* turn */
    uint64_t stones_number; /* turn: file of tombstones, 0 is none */
    uint64_t image_number;  /* turn: 0 is none */
    uint64_t first_segment; /* turn: older ones are removed */
    bool trim_due;          /* turn: the head was cut and has not been trimmed since */
    atomic_bool
        image_due; /* written under turn: the log alone cannot be trusted, or is mostly in blocks */
    _Atomic bool log_suspect; /* a sync failed: what it was about is only in memory for sure */
    _Atomic uint64_t image_bytes, cuts, cuts_failed, damaged, series_removed;
    _Atomic uint64_t deletes, merges, merges_failed;
    struct {
        uint64_t *v;
        size_t n, cap;
    } doomed; /* turn: blocks that were merged and whose files are still to be removed */
    _Atomic int64_t retention_time;
    _Atomic uint64_t retention_bytes;

    struct lock problem_lock;
    char problems[STORAGE_WORKS]
                 [STORAGE_PROBLEM_MAX]; /* problem_lock: why it failed the last time */
    atomic_bool has_problem[STORAGE_WORKS];

    /* threads */
    struct lock wake_lock;
    pthread_cond_t wake;
    bool stop; /* wake_lock */
    atomic_bool started, turn_asked;
    struct thread sync_thread, compact_thread;
};

/* Told to on_event, and the counters. `fmt` without a newline. */
void storage_tell(struct storage *st, enum storage_event what, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* A path below the folder of the storage. */
void storage_path(const struct storage *st, const char *folder, uint64_t number, struct buf *out);

/* cut.c; turn. Cuts blocks from the head while it spans too much. */
int storage_cut(struct storage *st, struct err *err);
void storage_trim(struct storage *st); /* frees what blocks have, when no query needs it */

/* image.c; turn. Writes the head to a file and removes the part of the log that it makes needless.
 */
int storage_write_image(struct storage *st, struct err *err);

/* replay.c; at the start, alone. Brings back the head from the image and the log. */
int storage_replay(struct storage *st, struct err *err);

/* retention.c; turn. */
int storage_retain(struct storage *st, struct err *err);
int storage_open_blocks(struct storage *st, struct err *err);

/* merge_plan.c; not under the turn. Merges blocks until there is nothing to merge, after a merge that
 * another thread has at work. It rests half of the time, or holds whoever waits up no longer than it
 * must. */
int storage_merge(struct storage *st, bool rests, struct err *err);
/* merge.c; turn. Removes the files of blocks that were merged. While one is left, no block may go:
 * it may be the one that says so. */
int storage_sweep(struct storage *st, struct err *err);

/* snapshot.c; at the start. Removes what is left of snapshots that were not completed. */
void storage_sweep_snapshots(const struct storage *st);

/* storage.c, for long works of the `compact` thread. */
bool storage_wait(struct storage *st, dur_ms ms); /* true: the storage closes */
bool storage_is_stopping(struct storage *st);
void storage_other_works(struct storage *st); /* one turn of everything but merging */

/* stones_file.c; turn. What is deleted of the blocks of `v`, with `changes` instead of what v says,
 * goes to disk: when it returns, it is there. Views are the caller's to change. */
int storage_write_stones(struct storage *st, const struct view *v,
                         const struct stones_change *changes, size_t n, struct err *err);
/* At the start, when the blocks are open: the current view gets what is on disk. */
int storage_load_stones(struct storage *st, struct err *err);

/* reader.c */
void storage_reader_init(struct storage *st);

#endif
