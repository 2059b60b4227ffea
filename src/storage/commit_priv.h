/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit - the way of samples into the head: judged, logged, appended
 */
#ifndef TOCSIN_STORAGE_COMMIT_PRIV_H
#define TOCSIN_STORAGE_COMMIT_PRIV_H

#include "model/duration.h"
#include "model/histogram.h"
#include "storage/budget_priv.h"
#include "storage/exemplars_priv.h"
#include "storage/families_priv.h"
#include "storage/head_priv.h"
#include "storage/log_priv.h"
#include "storage/log_record_priv.h"

/* Two hours as in Prometheus: samples older than half of it are refused, larger blocks cover three
 * times as much each. The head is cut by the hour, aligned, so that it keeps one to two of them: a
 * sample is several times as dear there. The first merge makes two hours of two cuts. */
#define BLOCK_RANGE_MS  ((dur_ms)2 * 60 * 60 * 1000)
#define CUT_RANGE_MS    (BLOCK_RANGE_MS / 2)
#define HEAD_SPAN_MS    (CUT_RANGE_MS + BLOCK_RANGE_MS / 2) /* when it spans more, a block is cut */
#define AHEAD_MAX_MS    ((dur_ms)10 * 60 * 1000) /* further ahead of the clock: refused */
#define SERIES_TEXT_MAX ((size_t)1 << 20)        /* bytes of names and values of one series */

/* Rows that were found good. */
struct accepted {
    uint32_t row;
    series_id id;
};

struct commit_counters {
    _Atomic uint64_t appended, failed;
    _Atomic uint64_t verdicts[SAMPLE_UNKNOWN_REF + 1];
    _Atomic uint64_t series_created;
};

struct committer {
    struct head *head;
    struct log *log;
    struct exemplars *exemplars;
    struct families *families;
    dur_ms late_window;
    struct budget *budget;
    bool sync_each;
    unix_ms (*now)(void *now_arg);
    void *now_arg;
    struct commit_counters counters;

    /* commit: of the commit at hand, kept for its memory */
    struct accepted *rows;
    uint8_t *kinds; /* of each accepted row, enum row_kind */
    size_t n_rows, cap_rows, cap_kinds;
    struct map
        by_series; /* place in rows + 1 of the last one of a series, once a series came back */
    bool indexed;
    struct ids fresh; /* series whose labels the log does not have */
    struct ids
        again; /* those that the record before told: told twice, for the case that it is damaged */
    struct accepted *fresh_exemplars; /* place in the batch; and the series */
    size_t n_exemplars, cap_exemplars;
    bool has_news; /* of metadata */
    struct log_record record;
    uint16_t batch;
    unix_ms valid_from, newest, latest;   /* limits of this commit */
    struct histogram stale_histograms[2]; /* immutable; by enum histogram_kind */
};

void committer_init(struct committer *c, struct head *h, struct log *l);
void committer_deinit(struct committer *c);

/* The functions of the sample sink; `own` series are in no budget's way. */
int commit_series(struct committer *c, const struct label_set *labels, bool own, series_ref *ret,
                  struct err *err);
int commit_batch(struct committer *c, const struct sample_batch *b, enum commit_flags flags,
                 enum sample_verdict *verdicts, size_t *ret_exemplars, struct err *err);

/* Appends c->record, which is complete, to the log. Commit lock. */
int commit_write_record(struct committer *c, struct err *err);

/* commit_extras.c: exemplars and metadata of a commit; commit lock. First what is worth a record is
 * found, then told to it, and applied when it is in the log. Returns how many exemplars were taken. */
void extras_judge(struct committer *c, const struct sample_batch *b);
bool extras_have_news(const struct committer *c);
void extras_record(struct committer *c, const struct sample_batch *b);
size_t extras_apply(struct committer *c, const struct sample_batch *b);

/* Takes what `from` and `families` have and the committer's own have not: exemplars that are newer than
 * those of their series, families that are not known. Returns how many of both. */
int extras_take_over(struct committer *c, struct exemplars *from, struct families *families,
                     size_t *ret_exemplars, size_t *ret_families, struct err *err);

/* All exemplars and metadata, as sections of a record of their own: what an image has of them. */
void extras_put(struct committer *c, struct log_record *record);

#endif
