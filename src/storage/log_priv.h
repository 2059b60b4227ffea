/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - the segments that commits are written to
 *
 * A record is written before its samples are seen by anybody, and is good or absent as a whole; a
 * write that failed half-way is cut off again. Segments are numbered files in a folder of their
 * own; after a start writing goes on in a new one. A segment is made when the first record comes,
 * so that a full disk does not keep the program from starting.
 *
 * Appending and turning: under the head's commit lock. Syncing: any thread.
 */
#ifndef TOCSIN_STORAGE_LOG_PRIV_H
#define TOCSIN_STORAGE_LOG_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/thread.h"
#include "storage/file_ops_priv.h"

#define LOG_SEGMENT_BYTES ((uint64_t)64 << 20) /* then a new one is begun */

struct log_file {
    int fd;
    uint64_t number;
};

struct log {
    const struct file_ops *ops;
    char *dir;
    uint64_t
        kept_free; /* with less free bytes on the disk nothing is appended; 0: until it is full */

    /* commit */
    struct log_file current; /* fd -1: to be made */
    uint64_t at;             /* its length */

    /* lists */
    struct lock lists;
    struct log_file *retired; /* full, not synced yet */
    size_t n_retired, cap_retired;
    int syncable; /* current.fd */
    bool folder_changed;
    bool dirty;

    struct lock turn; /* one thread syncs at a time; taken before `lists` */

    _Atomic uint64_t bytes;       /* of all segments */
    _Atomic uint64_t bytes_since; /* appended since the last log_turn() */
    _Atomic uint64_t syncs;
};

/* Writing will begin in segment `number`; `bytes` are in older ones. The folder exists. */
void log_init(struct log *l, const struct file_ops *ops, const char *dir, uint64_t number,
              uint64_t bytes);
void log_deinit(struct log *l); /* closes; does not sync */

void log_segment_path(const struct log *l, uint64_t number, struct buf *out);

/* Appends a record. After an error nothing of it is there. */
int log_append(struct log *l, const void *record, size_t len, struct err *err);

/* Takes the last record back, `len` bytes long: its commit failed at the sync. */
void log_take_back(struct log *l, size_t len);

/* Lets the next record begin a new segment and returns its number: all records so far are in lower
 * ones. */
uint64_t log_turn(struct log *l);

bool log_is_dirty(struct log *l); /* something was appended since the last sync */
int log_sync(struct log *l, struct err *err);

/* Removes segments from..before-1; the count of bytes follows. */
int log_remove(struct log *l, uint64_t from, uint64_t before, struct err *err);

#endif
