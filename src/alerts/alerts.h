/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - holds what fires and decides who must hear of it, and when
 *
 * Alertmanager's dispatcher: alerts are merged by their labels, matched against the route tree,
 * collected in groups, and each group is flushed after group_wait, then every group_interval; what
 * has to be told goes to the message sink as one notification per integration. What was told is in
 * the notification log, so that a flush knows whether there is news.
 *
 * Time is a parameter: nothing here reads a clock or starts a thread. One thread owns a struct
 * alerts (in the program: "alerts"); the functions must not be called by two threads at once.
 *
 * Nothing is lost by kill -9: alerts_post() returns after the alerts are on disk, and a
 * notification counts as handed over only when the message sink has it on disk. What a crash in
 * between can cause is a second notification, never a missing one.
 */
#ifndef TOCSIN_ALERTS_ALERTS_H
#define TOCSIN_ALERTS_ALERTS_H

#include "base/clock.h"
#include "base/err.h"
#include "model/ports.h"

struct config;
struct config_receiver;
struct json_writer;
struct label_set;
struct matcher;
struct alerts;

/* Keeps a reference to config and copies the ports; reads alerts and notification log back from the
 * keeper (tables "alert" and "nflog") and rebuilds the groups. */
int alerts_new(const struct config *config, const struct keeper *keeper,
               const struct message_sink *messages, unix_ns now, struct alerts **ret,
               struct err *err);
void alerts_free(struct alerts *a);

/* Groups form, and none is flushed before then: at a start their sources may not all have reported
 * yet. What is due by then is flushed at once. */
void alerts_hold(struct alerts *a, unix_ns until);

/* What happens is not counted in the metrics of the program: it is a trial of what would be told. */
void alerts_rehearse(struct alerts *a);

/* A new configuration: groups are rebuilt from the stored alerts, the notification log stays. */
void alerts_reconfigure(struct alerts *a, const struct config *config, unix_ns now);

/* Takes n alerts as they were reported at `now` (Alertmanager's merge rules). On failure (the disk)
 * none of them was taken and the sender has to repeat, as rules do. */
int alerts_post(struct alerts *a, const struct alert *const *alerts, size_t n, unix_ns now,
                struct err *err);

/* Flushes the groups that are due at `now`. Call it whenever `now` has reached the time it returned
 * last, and after every alerts_post(). Returns when it next wants to be called; INT64_MAX: not
 * before the next post. */
unix_ns alerts_tick(struct alerts *a, unix_ns now);

/* ---- silences ------------------------------------------------------------------------------ */

#define SILENCE_ID_LEN       36        /* a UUID */
#define SILENCE_COUNT_MAX    20000     /* those that are over included, until they are forgotten */
#define SILENCE_MATCHERS_MAX 200       /* of one silence */
#define SILENCE_BYTES_MAX    (1 << 16) /* of one record: comment, matchers and annotations together */

enum silence_state { SILENCE_PENDING, SILENCE_ACTIVE, SILENCE_EXPIRED };

struct silence {
    char id[SILENCE_ID_LEN + 1];
    struct matcher **matchers; /* sorted; an alert that all of them match is silenced */
    size_t n_matchers;
    unix_ns starts_at, ends_at, updated_at;
    char *created_by, *comment;
    const struct label_set *annotations;
};

/* What somebody wants: texts are borrowed. */
struct silence_matcher {
    struct str name, value;
    bool regex, equal;
};
struct silence_wanted {
    struct str id; /* .len == 0: a new one; else the one that is to be changed */
    const struct silence_matcher *matchers;
    size_t n_matchers;
    unix_ns starts_at, ends_at;
    struct str created_by, comment;
    const struct label_set *annotations; /* NULL: none */
};

enum silence_state silence_state(const struct silence *s, unix_ns now);

/*
 * Makes or changes a silence; after 0 it is on disk. *ret_id tells its id, which is a new one when
 * the change is not possible in place (other matchers, another start, or it is over): then the old
 * one ends. -ENOENT: no such id; -EINVAL: it is no silence; -E2BIG: a limit.
 */
int alerts_set_silence(struct alerts *a, const struct silence_wanted *wanted, unix_ns now,
                       char ret_id[SILENCE_ID_LEN + 1], struct err *err);

/* Ends one now; one that is over stays as it is. -ENOENT: no such id. */
int alerts_expire_silence(struct alerts *a, struct str id, unix_ns now, struct err *err);

const struct silence *alerts_silence(const struct alerts *a, struct str id); /* NULL: none */
/* In no particular order. */
void alerts_each_silence(const struct alerts *a, void (*cb)(const struct silence *s, void *arg),
                         void *arg);

/* ---- looking in ---------------------------------------------------------------------------- */

enum alert_status { ALERT_ACTIVE, ALERT_SUPPRESSED };

struct alert_view {
    const struct alert *alert;
    uint64_t fingerprint;
    enum alert_status status;
    uint64_t inhibited_by;                    /* fingerprint of the source, 0: none */
    const struct silence *const *silenced_by; /* the active ones that match, by id */
    size_t n_silenced_by;
    const char *const *receivers; /* of the matching routes, in order */
    size_t n_receivers;
};

/* Calls cb for every alert that is not resolved at `now`, in order of fingerprints. */
void alerts_each(struct alerts *a, unix_ns now, void (*cb)(const struct alert_view *v, void *arg),
                 void *arg);

struct alert_group_view {
    const struct label_set *labels;
    const struct config_receiver *receiver_config;
    const char *route_id;
    const char *const *muted_by; /* names of the time intervals that mute the group now */
    size_t n_muted_by;
    const char *receiver;
    const char *group_key;
    unix_ns next_flush;
    const struct alert_view *alerts; /* in the order of messages; suppressed also when muted */
    size_t n_alerts;
};

/*
 * Writes an array with the story of each held alert that matches, those that ended in the last half
 * hour too: its times, what mutes it, its way through the route tree, and for each of its groups
 * when it is flushed next, what was told, and whether there is news. At most `most` of them; returns
 * how many match. The members are described in docs/formats/explain.md.
 */
size_t alerts_explain(struct alerts *a, const struct matcher *const *matchers, size_t n_matchers,
                      unix_ns now, size_t most, struct json_writer *w);
/* Only the way through the tree of a configuration. Any thread. */
void alerts_explain_routes(const struct config *config, const struct label_set *labels,
                           struct json_writer *w);

void alerts_each_group(struct alerts *a, unix_ns now,
                       void (*cb)(const struct alert_group_view *v, void *arg), void *arg);

#endif
