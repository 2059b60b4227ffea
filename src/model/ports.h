/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ports - the joints of the house: structs of functions that app/ plugs together
 *
 * A room that uses a port does not know who is behind it. `self` is passed back as it is. All functions may
 * be called by any thread unless the port says otherwise.
 */
#ifndef TOCSIN_MODEL_PORTS_H
#define TOCSIN_MODEL_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "model/alert.h"
#include "model/metadata.h"

struct buf;
struct histogram;
struct label_set;
struct matcher;

/* ---- sample sink: scrape, probes, rules, remote write -> storage --------------------------- */

typedef uint64_t series_ref; /* 0 is none */

struct sample_row {
    series_ref ref;
    unix_ms t;
    double v;                  /* when h is NULL */
    const struct histogram *h; /* borrowed for the call */
};

enum sample_verdict {
    SAMPLE_STORED,
    SAMPLE_SAME,          /* same time and bits as the newest one: nothing to do */
    SAMPLE_OUT_OF_ORDER,  /* before the newest sample of its series */
    SAMPLE_DUPLICATE,     /* same time, other value */
    SAMPLE_OUT_OF_BOUNDS, /* older than what storage still takes */
    SAMPLE_TOO_OLD,       /* outside the out-of-order window */
    SAMPLE_TOO_NEW,       /* more than ten minutes ahead of the clock */
    SAMPLE_UNKNOWN_REF,   /* the series was dropped since: ask for a new reference */
};

enum commit_flags {
    COMMIT_SKIP_BAD = 0,       /* bad rows are left out, the rest is stored */
    COMMIT_ALL_OR_NOTHING = 1, /* the first bad row refuses the whole batch (-EINVAL) */
};

/* One measurement that stands for others, with a trace id or the like. */
struct exemplar_row {
    series_ref ref;
    const struct label_set *labels; /* borrowed for the call */
    unix_ms t;
    bool has_time; /* the sender gave t; else it is the time of the sample */
    double v;
};

/* All of it becomes durable together, or nothing. */
struct sample_batch {
    const struct sample_row *rows;
    size_t n_rows;
    const struct exemplar_row *exemplars; /* bad ones are left out, whatever the flags say */
    size_t n_exemplars;
    const struct metric_metadata *metadata; /* of a family told twice the last one counts */
    size_t n_metadata;
};

struct sample_sink {
    void *self;

    /* The reference of a series, made when it is new. Got once per label set and kept by the sender until a
     * commit says SAMPLE_UNKNOWN_REF. -ENOSPC past the series budget. */
    int (*series)(void *self, const struct label_set *labels, series_ref *ret, struct err *err);

    /*
     * Commits n rows: after 0 they survive kill -9 and a query may show them; after an error none of
     * them is there. `verdicts` (n of them, or NULL) tells what became of each row.
     */
    int (*commit)(void *self, const struct sample_row *rows, size_t n, enum commit_flags flags,
                  enum sample_verdict *verdicts, struct err *err);

    /* The same with exemplars and metadata. NULL: the sink keeps neither; sample_sink_commit_batch()
     * minds that. *ret_exemplars (or NULL) is how many were taken. */
    int (*commit_batch)(void *self, const struct sample_batch *b, enum commit_flags flags,
                        enum sample_verdict *verdicts, size_t *ret_exemplars, struct err *err);
    bool keeps_exemplars; /* false: the sender need not read them */

    /* series(), for what the house says itself: up and scrape_*, what rules write. No budget refuses
     * it. NULL: there is no difference; sample_sink_own_series() minds that. */
    int (*own_series)(void *self, const struct label_set *labels, series_ref *ret, struct err *err);
};

static inline int sample_sink_own_series(const struct sample_sink *s,
                                         const struct label_set *labels, series_ref *ret,
                                         struct err *err)
{
    return (s->own_series ? s->own_series : s->series)(s->self, labels, ret, err);
}

static inline int sample_sink_commit_batch(const struct sample_sink *s,
                                           const struct sample_batch *b, enum commit_flags flags,
                                           enum sample_verdict *verdicts, size_t *ret_exemplars,
                                           struct err *err)
{
    if (s->commit_batch)
        return s->commit_batch(s->self, b, flags, verdicts, ret_exemplars, err);
    if (ret_exemplars)
        *ret_exemplars = 0;
    return s->commit(s->self, b->rows, b->n_rows, flags, verdicts, err);
}

/* ---- series reader: promql, api <- storage, remote ----------------------------------------- */

/* Samples of one series as columns. Owned by the caller, who zeroes it once and uses it again and again;
 * the reader grows it. Free with columns_deinit(). Staleness markers are included. */
struct columns {
    size_t n, cap;
    unix_ms *times;                      /* ascending */
    double *values;                      /* the value, or NaN where histograms[i] is not NULL */
    const struct histogram **histograms; /* NULL when all n are floats; owned by `hold` */
    void *hold;                          /* memory of the histograms, private to the reader */
    void (*hold_free)(void *hold);
};

void columns_reserve(struct columns *c, size_t n); /* room for n in times and values */
void columns_deinit(struct columns *c);

/* What a select found: label sets in Prometheus' order, stable until release. Implementations embed it. */
struct selection {
    const struct series_reader *reader;
    size_t n;
    const struct label_set *const *labels;
};

struct series_reader {
    void *self;

    /* Series that match all matchers and may have samples in [from, to] (milliseconds, both included). */
    int (*select)(void *self, const struct matcher *const *matchers, size_t n_matchers,
                  unix_ms from, unix_ms to, struct selection **ret, struct err *err);

    /* Sets *ret to the samples of series i in [from, to]. Threads may read different series of one
     * selection at the same time, each with columns of its own. */
    int (*read)(const struct selection *s, size_t i, unix_ms from, unix_ms to, struct columns *ret,
                struct err *err);

    void (*release)(struct selection *s); /* NULL is fine */

    /* Names of labels, or values of one label, that occur in series which match (n_matchers may be 0) and
     * may have samples in [from, to]: calls cb for each, sorted, without doubles. */
    int (*label_names)(void *self, const struct matcher *const *matchers, size_t n_matchers,
                       unix_ms from, unix_ms to, void (*cb)(struct str name, void *arg), void *arg,
                       struct err *err);
    int (*label_values)(void *self, struct str name, const struct matcher *const *matchers,
                        size_t n_matchers, unix_ms from, unix_ms to,
                        void (*cb)(struct str value, void *arg), void *arg, struct err *err);

    /*
     * For who asks the same again and again; both are NULL with a reader that offers no such thing.
     *
     * park: the selection is not read until it is renewed or released. It holds nothing back
     * meanwhile, and may be released when its reader is gone already.
     * renew: true when the parked selection is now what select() would find at this moment with
     * the same matchers and this range. False when it found something else, or might: the
     * selection can only be released.
     */
    void (*park)(struct selection *s);
    bool (*renew)(struct selection *s, const struct matcher *const *matchers, size_t n_matchers,
                  unix_ms from, unix_ms to);

    /*
     * For who wants the present only. True: *t and *v are the last sample in [from, to] that read()
     * would give, a float or a staleness marker. False: it is not at hand, or there is none. May be
     * NULL.
     */
    bool (*newest)(const struct selection *s, size_t i, unix_ms from, unix_ms to, unix_ms *t,
                   double *v);
};

/* ---- exemplars and metadata: api <- storage ------------------------------------------------ */

struct exemplar {
    const struct label_set *labels;
    unix_ms t;
    double v;
};

struct matcher_list {
    const struct matcher *const *matchers;
    size_t n;
};

struct exemplar_reader {
    void *self;

    /* Calls cb for every series that matches one of the n_lists lists and has exemplars in [from, to],
     * in Prometheus' order; its exemplars ascend in time. No lock is held meanwhile. */
    void (*each)(void *self, const struct matcher_list *lists, size_t n_lists, unix_ms from,
                 unix_ms to,
                 void (*cb)(const struct label_set *series, const struct exemplar *exemplars,
                            size_t n, void *arg),
                 void *arg);
};

struct metadata_reader {
    void *self;

    /* Calls cb with what is known of a family (family.p NULL: of all, sorted by name), the newest that
     * was told. What cb gets is valid for the call; no lock is held meanwhile. */
    void (*each)(void *self, struct str family,
                 void (*cb)(const struct metric_metadata *m, void *arg), void *arg);
};

/* ---- alert sink: rules, api -> alerts ------------------------------------------------------ */

struct alert_sink {
    void *self;

    /* Takes n alerts (borrowed for the call). After 0 they are on disk and will be notified about. */
    int (*post)(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                struct err *err);
};

/* ---- message sink: alerts -> notify -------------------------------------------------------- */

/* One notification: these alerts of one group, for one integration of one receiver. */
struct notification {
    const char *receiver;  /* name */
    int integration;       /* which one of the receiver's: CHANNEL_ID() of config.h */
    const char *group_key; /* Alertmanager's group key text */
    const struct label_set *group_labels;
    const struct str
        *group_by; /* names the route groups by (KubeSphere's body shows also absent ones) */
    size_t n_group_by;
    const struct alert *const *alerts; /* firing and resolved, in the order to be shown */
    size_t n_alerts;
    unix_ns now;        /* of the flush: decides which alerts are resolved */
    const char *reason; /* why now, in Alertmanager's words: "first notification", ... */
};

struct message_sink {
    void *self;

    /* Takes n notifications (borrowed for the call): after 0 all of them are in the outbox, on disk. */
    int (*put)(void *self, const struct notification *ns, size_t n, struct err *err);
};

/* ---- keeper: alerts, notify -> state ------------------------------------------------------- */

/* Small records that must not be lost, in named tables. state/ keeps them in SQLite. */
struct keeper_op {
    const char *table; /* a fixed word of the caller: "outbox", "nflog", "alert" ... */
    struct str key;
    struct str value; /* .p == NULL: delete */
};

struct keeper {
    void *self;

    /* Carries out n operations in order, all or none. After 0 they are on disk. */
    int (*write)(void *self, const struct keeper_op *ops, size_t n, struct err *err);

    /* Calls cb for every record of a table in order of keys, until cb returns non-zero. */
    int (*each)(void *self, const char *table,
                int (*cb)(struct str key, struct str value, void *arg), void *arg, struct err *err);
};

#endif
