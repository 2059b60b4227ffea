/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exemplars - the newest exemplars of all series, in a ring
 *
 * When the ring is full a new one takes the place of the oldest, whosever it is. Exemplars outlive
 * the series in the head that they belong to: the ring has the labels itself. In memory, and in the
 * log and the image (docs/formats/storage.md, sections 7 and 8).
 *
 * Any thread may read. Judging and adding: under the head's commit lock, or at the start, alone.
 */
#ifndef TOCSIN_STORAGE_EXEMPLARS_PRIV_H
#define TOCSIN_STORAGE_EXEMPLARS_PRIV_H

#include "base/map.h"
#include "base/thread.h"
#include "model/label_set.h"
#include "model/ports.h"

#define EXEMPLAR_LABELS_MAX 128 /* characters of all its names and values together: OpenMetrics */

enum exemplar_verdict {
    EXEMPLAR_NEW,
    EXEMPLAR_SAME,         /* as the newest of its series: usual, every page has it again */
    EXEMPLAR_OUT_OF_ORDER, /* before the newest of its series */
    EXEMPLAR_TOO_LONG,     /* its labels are */
    EXEMPLAR_OFF,          /* none are kept */
};

struct exemplar_series {
    const struct label_set *labels; /* a reference */
    uint64_t hash;                  /* label_set_stable_hash() */
    uint32_t id;           /* of the series in the head that it was told for last; 0: none */
    size_t oldest, newest; /* slots */
    size_t n;
};

struct exemplar_slot {
    struct exemplar_series *series;
    struct exemplar e; /* labels: a reference */
    bool has_time;
    size_t after; /* slot of the next one of the series, when this is not its newest */
};

struct exemplars {
    struct lock lock;
    size_t max; /* 0: none are kept; immutable */
    struct map by_series;
    struct exemplar_slot *slots;
    size_t n, cap; /* slots in use, made: the ring grows up to `max` */
    size_t next;   /* the slot to be filled */
    _Atomic uint64_t appended, out_of_order;
};

void exemplars_init(struct exemplars *x, size_t max);
void exemplars_deinit(struct exemplars *x);
void exemplars_reset_counters(struct exemplars *x); /* what the log told does not count */

/* Whose exemplar it is. `labels` may be NULL while the ring knows the series by its number. */
struct exemplar_owner {
    const struct label_set *labels;
    uint64_t hash;
    uint32_t id; /* 0: not known */
};

/* Whether the ring knows the series by its number, so that nobody has to put its labels together. */
bool exemplars_know(struct exemplars *x, const struct exemplar_owner *o);

enum exemplar_verdict exemplars_judge(struct exemplars *x, const struct exemplar_owner *o,
                                      const struct exemplar_row *e);

/* Judges and adds. */
enum exemplar_verdict exemplars_add(struct exemplars *x, const struct exemplar_owner *o,
                                    const struct exemplar_row *e);

/* Its series' labels: a new reference, NULL when it is not known. */
const struct label_set *exemplars_series(struct exemplars *x, const struct exemplar_owner *o);

/* Calls cb for all, oldest first, with the lock held: the order in which they were added. */
void exemplars_walk(struct exemplars *x,
                    void (*cb)(const struct label_set *series, const struct exemplar_row *e,
                               void *arg),
                    void *arg);

/* exemplar_reader.each */
void exemplars_each(void *exemplars, const struct matcher_list *lists, size_t n_lists, unix_ms from,
                    unix_ms to,
                    void (*cb)(const struct label_set *series, const struct exemplar *exemplars,
                               size_t n, void *arg),
                    void *arg);

#endif
