/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget - how many series the head may have, of all and of each job, and who asked for more
 *
 * A label whose values never repeat makes a series for each of them, until memory is gone. Past its
 * budget a new series is refused, those that are there go on. What was refused is remembered by
 * target, with the label that seems to be the cause.
 *
 * A series belongs to the job that its label `job` names. The limits are guarded by the head's index
 * lock, what was refused by a lock of its own, taken after it.
 */
#ifndef TOCSIN_STORAGE_BUDGET_PRIV_H
#define TOCSIN_STORAGE_BUDGET_PRIV_H

#include "base/thread.h"
#include "storage/head_priv.h"
#include "storage/storage.h"

#define REFUSALS_MAX 64 /* targets that are named; of more, those refused last */

struct refusal {
    char *job, *instance, *metric, *label;
    uint64_t values, refused;
    unix_ms last, looked; /* when something was refused; when `label` was found */
    bool of_job;
};

struct budget {
    struct head *head;
    uint64_t total; /* index; 0: no limit */
    struct job_limit {
        char *job;
        uint64_t limit;
    } * jobs; /* index */
    size_t n_jobs;
    _Atomic uint64_t refused;
    _Atomic unix_ms last; /* 0: never */

    struct lock lock;
    struct refusal refusals[REFUSALS_MAX];
    size_t n_refusals;
};

void budget_init(struct budget *b, struct head *h, uint64_t total);
void budget_deinit(struct budget *b);
void budget_set(struct budget *b, const struct config *c);

/* index, for reading. 0 when there is room for one more series of these labels, or -ENOSPC. */
int budget_check(const struct budget *b, const struct label_set *labels, struct err *err);

/* It was refused. No lock of the head is held. */
void budget_note(struct budget *b, const struct label_set *labels, unix_ms now);

void budget_view(struct budget *b, struct storage_budget *ret);

#endif
