/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head - the series that are written to and their newest samples, in memory
 *
 * The locks are told at the top of head.c. Functions say which of them the caller holds.
 */
#ifndef TOCSIN_STORAGE_HEAD_PRIV_H
#define TOCSIN_STORAGE_HEAD_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/thread.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "storage/open_chunk_priv.h"
#include "storage/pool_priv.h"
#include "storage/symbols_priv.h"

typedef uint32_t series_id; /* from 1, never used twice while the process runs */

#define TIME_NONE_MIN INT64_MAX /* least and greatest time of nothing */
#define TIME_NONE_MAX INT64_MIN

#define SERIES_ID_MAX   UINT32_C(0xfffffff0)
#define ROW_SERIES_LOG2 10
#define ROW_SERIES      (1u << ROW_SERIES_LOG2)
#define SHELF_ROWS_LOG2 10
#define SHELF_ROWS      (1u << SHELF_ROWS_LOG2)
#define SHELVES         (1u << (32 - ROW_SERIES_LOG2 - SHELF_ROWS_LOG2))

enum series_state {
    SERIES_LOGGED = 1,     /* its labels are in the log or in the image */
    SERIES_HISTOGRAMS = 2, /* the open chunk holds histograms */
    SERIES_LATE = 4,       /* has samples in head.late */
    SERIES_IDLE = 8,       /* had no sample at the last clean-up: the next one removes it */
};

/* One line of the processor's cache: appending to a million series in turn is a miss each, not two.
 */
struct series {
    struct tip tip;    /* apply */
    unix_ms first_t;   /* apply: of the oldest sample in memory, TIME_NONE_MIN: there is none */
    uint64_t hash;     /* label_set_stable_hash() of its labels; immutable */
    pool_ref open;     /* apply: bytes of the open chunk */
    pool_ref sealed;   /* apply: newest sealed chunk */
    uint32_t labels;   /* place of its pairs in the row; immutable */
    uint16_t n_labels; /* immutable; 0: there is no such series (any more) */
    uint16_t batch;    /* commit: number of the one that took samples for it last */
};
_Static_assert(sizeof(struct series) == 64, "a series is one cache line");

struct series_row {
    struct series series[ROW_SERIES];
    pair_no *labels; /* index */
    size_t n_labels, cap_labels;
    uint32_t made, live; /* series of the row that were made, that still live */
};

/* A sealed chunk in the pool. */
struct sealed {
    pool_ref older;
    uint16_t len;
    uint8_t n;     /* samples, at most OPEN_SAMPLES_MAX */
    uint8_t class; /* of the piece; with SEALED_HISTOGRAMS */
    unix_ms first_t, last_t;
    uint8_t bytes[]; /* two columns, or an open chunk of histograms as it was */
};

#define SEALED_HISTOGRAMS 0x80

/* Samples that came late, in the order in which they came. */
struct late_sample {
    unix_ms t;
    uint64_t bits;                   /* of the value, when it is no histogram */
    struct histogram_own *histogram; /* or NULL */
    uint64_t serial;                 /* of all late samples of the head */
};

struct late {
    series_id id;
    uint32_t n, cap;
    uint64_t dropped; /* before samples[0]: sample i is the late sample number dropped + i of the
                         series */
    uint64_t
        written; /* numbers below this are in a block, if they lie before the time of that cut */
    struct late_sample *samples;
};

struct head {
    struct lock commit;
    pthread_rwlock_t apply, index;

    struct series_row *
        *shelves[SHELVES];        /* index; a pointer once there stays until the row is dead */
    _Atomic uint32_t next_id;     /* index */
    series_id *by_hash;           /* index: open addressing, 0 is free */
    size_t n_series, cap_by_hash; /* index */
    struct symbols symbols;       /* index */

    struct pool *pool;                  /* apply */
    struct map late;                    /* apply: struct late, by series */
    struct map histograms;              /* apply: struct histogram_tip, by series */
    uint64_t late_samples;              /* apply */
    uint64_t late_serial;               /* apply: of the next late sample */
    uint64_t n_chunks, n_samples;       /* apply: samples appended and not trimmed, near enough */
    _Atomic unix_ms min_time, max_time; /* written under apply; of samples that came in order */
    unix_ms valid_from;                 /* commit: older samples are in blocks, none comes here */
};

void head_init(struct head *h);
void head_deinit(struct head *h);

/* Hold a read-write lock until the end of the enclosing block. */
#define WITH_READ(rw)              WITH_RW_1(rw, false, __LINE__)
#define WITH_WRITE(rw)             WITH_RW_1(rw, true, __LINE__)
#define WITH_RW_1(rw, write, line) WITH_RW_2(rw, write, line)
#define WITH_RW_2(rw, write, line)                                                                 \
    CLEANUP(rw_give) pthread_rwlock_t *with_rw_##line = rw_take(rw, write);                        \
    (void)with_rw_##line

pthread_rwlock_t *rw_take(pthread_rwlock_t *l, bool write); /* returns l */
static inline void rw_give(pthread_rwlock_t **l)
{
    pthread_rwlock_unlock(*l);
}

/* ---- series -------------------------------------------------------------------------------- */

/* NULL when there is no such series (any more). Any lock, or the caller knows that the series
 * lives. */
struct series *head_series(const struct head *h, series_id id);

/* Ask for the memory of a series, of the end of its open chunk, before it is needed. */
void head_prefetch(const struct head *h, series_id id);
void head_prefetch_open(const struct head *h, series_id id);

/* index, for reading. 0: there is none. */
series_id head_find(const struct head *h, const struct label_set *labels, uint64_t hash);

/* index, for writing; the labels are not there yet. `id` 0 takes the next number, else it is above
 * all that there are (the start restores series with the numbers they had). 0 when there are too
 * many. */
series_id head_add(struct head *h, series_id id, const struct label_set *labels, uint64_t hash);

/* The start's way: series by the numbers of their pairs; later their postings, ascending (rows that
 * are complete, while another thread adds series in higher ones); when all are there, the table by
 * hash. */
series_id head_add_pairs(struct head *h, series_id id, const pair_no *pairs, size_t n,
                         uint64_t hash);
void head_add_postings(struct head *h, series_id from, series_id before);
void head_make_table(struct head *h);

/* index, for reading. The series live. */
const pair_no *head_pairs(const struct head *h,
                          series_id id); /* one per label, ascending by name */
struct label head_label(const struct head *h, series_id id, size_t i);
struct label_set *head_label_set(const struct head *h, series_id id);    /* a new reference */
int head_compare_labels(const struct head *h, series_id a, series_id b); /* Prometheus' order */

/* The newest series that carries the label; 0 when none does. */
series_id head_newest_with(const struct head *h, struct str name, struct str value);

void head_index_face(const struct head *h,
                     struct index_face *ret); /* for select_ids(); index, for reading */

/* Series that live, from `from` on, walked by number: for (id = 1; (id = head_next(h, id)); id++).
 */
series_id head_next(const struct head *h, series_id from);

/* Forgets series (ascending numbers) that have no samples. commit, and apply and index for writing.
 */
void head_remove(struct head *h, const struct ids *gone);

void head_samples_deinit(struct head *h);

/* ---- samples: apply, for writing ----------------------------------------------------------- */

void head_append(struct head *h, struct series *s, unix_ms t,
                 double v); /* t is above s->tip.last_t */
void head_append_histogram(struct head *h, series_id id, struct series *s, unix_ms t,
                           const struct histogram *v);
void head_append_late(struct head *h, series_id id, struct series *s, unix_ms t, double v);
void head_append_late_histogram(struct head *h, series_id id, struct series *s, unix_ms t,
                                const struct histogram *v);

/* Puts a chunk in front of what the series has; the start does so with the chunks of the image. */
void head_add_sealed(struct head *h, struct series *s, const struct sealed *chunk);

/* Gives a series of the image the bytes of its open chunk, as its tip describes it; then, when all
 * its chunks are there, what is not in the image: times, its last histogram. */
void head_add_open(struct head *h, struct series *s, const uint8_t *bytes);
void head_restored(struct head *h, series_id id, struct series *s);

/* Frees what a block holds now: chunks that end before t, late samples before t that were written.
 */
void head_trim(struct head *h, series_id id, struct series *s, unix_ms t);
void head_forget_histogram(struct head *h, series_id id);

/* ---- samples: apply, for reading ----------------------------------------------------------- */

/* The newest histogram of a series, or NULL when its newest sample is a float. */
const struct histogram *head_last_histogram(const struct head *h, series_id id,
                                            const struct series *s);

const struct late *head_late(const struct head *h, series_id id); /* or NULL */

/* Time of the oldest sample in order in a chunk that reaches to `from`, but not less than `from`.
 */
unix_ms head_oldest(const struct head *h, const struct series *s, unix_ms from);

#endif
