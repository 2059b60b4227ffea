/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts_priv - what the files of this room share: alerts that are held, groups, the notification
 * log
 *
 * Everything belongs to the one thread that owns the struct alerts. Who owns what: the store owns
 * the held alerts, `groups` the groups, `log` the entries; everybody else points to them. A held
 * alert and a group point to each other (seat.group, group.members) and both ends are always
 * changed together, in group.c.
 */
#ifndef TOCSIN_ALERTS_ALERTS_PRIV_H
#define TOCSIN_ALERTS_ALERTS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alerts/alerts.h"
#include "base/heap.h"
#include "base/map.h"
#include "config/config.h"
#include "model/alert.h"
#include "model/label_set.h"

#define TABLE_ALERT   "alert"
#define TABLE_NFLOG   "nflog"
#define TABLE_SILENCE "silence"

#define SWEEP_INTERVAL (15 * 60 * NS_PER_S) /* between two looks for what may be forgotten */
#define GONE_REMEMBERED                                                                            \
    (30 * 60 * NS_PER_S) /* of an alert that is over: Prometheus repeats ends for 15 min */
#define TEXTS_INTERVAL                                                                             \
    (5 * 60 * NS_PER_S)                /* texts of firing alerts, which change with every value */
#define GAUGE_INTERVAL (5 * NS_PER_S)  /* counting all alerts by state is not free */
#define CLOCK_NOISE    (10 * NS_PER_S) /* a smaller step back is threads reading the clock at once */
#define BACKOFF_LEAST  (1 * NS_PER_S)  /* after a failure of sink or keeper, doubled up to ... */
#define BACKOFF_MOST   (15 * NS_PER_S) /* ... this: a disk with room again must be noticed soon */

/* A route that an alert matches, and its place there. */
struct seat {
    const struct config_route *route;
    struct group *group; /* NULL: not in a group now */
    bool told;           /* its end needs no more telling here; only while group is NULL */
};

/* Where a held alert stands among the sources of an inhibit rule. */
struct source_ref {
    struct inhibit_bucket *bucket;
    bool two_sided;
    size_t at;
};

/* One alert that is held, known by its labels. */
struct held {
    const struct label_set *labels; /* reference */
    const struct alert *alert; /* reference; NULL only between the first report and its commit */
    uint64_t fingerprint;
    uint64_t number;   /* of its record: they ascend, so that new records go to the table's end */
    uint64_t log_hash; /* stands for it in the notification log */

    struct seat *seats; /* one a matching route, in order */
    size_t n_seats;
    uint8_t *roles; /* of each inhibit rule, enum inhibit_role */
    struct source_ref *sources;
    size_t n_sources;

    struct held_silence **silences; /* that match, pending and expired ones too */
    size_t n_silences, silences_cap;
    uint64_t silences_seen; /* all up to this number have been looked at */

    bool gone; /* over and in no group any more: only remembered, to recognise a repeated end */
    unix_ns gone_at;

    bool saved_end; /* the record (there is one unless it is gone) says that it is resolved */
    bool dirty;     /* in alerts.dirty_alerts: a gone one is to be deleted, another one's end to be
                       saved */

    bool old_texts; /* the record has other annotations or another URL than the alert */

    const struct alert *posted; /* of the post under way: reference, or NULL */
    bool write_posted;
};

/* A silence that is kept. The held alerts that it matches point to it. */
struct held_silence {
    struct silence s;
    uint64_t number;           /* in order of creation, from 1 */
    struct silence_list *list; /* where it is found */
};

/* Silences that have one matcher name="value" in common, or those without such a matcher. */
struct silence_list {
    char *name, *value;             /* NULL: of those without */
    struct held_silence **silences; /* by number */
    size_t n, cap;
};

/* Alerts of one route with equal group labels, told together. */
struct group {
    const struct config_route *route;
    const struct config_receiver *receiver; /* NULL: nobody (a configuration without routes) */
    const struct label_set *labels;         /* reference */
    char *key;
    struct held **members;
    size_t n, cap;
    bool sorted;            /* members are in the order of messages */
    struct heap_node timer; /* due: the next flush */
    unsigned failures;      /* hand-overs of this group that failed since the last success */
};

/* What one integration was last told about one group. */
struct log_entry {
    char *key; /* <group key>:<receiver>/webhook/<number> */
    unix_ns time, expires;
    uint64_t *firing, *resolved; /* log hashes, ascending */
    size_t n_firing, n_resolved;
    bool dirty;  /* in alerts.dirty_entries */
    bool dead;   /* to be deleted; counts as absent */
    bool in_use; /* mark of the sweep */
};

struct alerts {
    const struct config *config; /* reference */
    struct keeper keeper;
    struct message_sink messages;

    struct map held;      /* by labels */
    uint64_t next_number; /* of a held alert */
    size_t n_present;     /* held alerts that are not gone */
    struct held **posted; /* of the post under way */
    size_t n_posted, posted_cap;

    struct map groups; /* by route and labels */
    struct heap timers;
    size_t n_failing; /* groups with failures */

    struct inhibit_rule *inhibits; /* one for each of the configuration */
    uint64_t generation;           /* changes whenever an alert may have begun to fire */

    struct map log; /* by key */

    struct map silences;            /* by id */
    struct map silence_lists;       /* by name and value */
    struct silence_list any_labels; /* those that no look-up finds */
    uint64_t newest_silence;        /* number of it */

    /* What the next write to the keeper has to carry. */
    struct held **dirty_alerts;
    size_t n_dirty_alerts, dirty_alerts_cap;
    struct log_entry **dirty_entries;
    size_t n_dirty_entries, dirty_entries_cap;
    unix_ns texts_due; /* when records with old texts are written; INT64_MAX: there is none */

    unix_ns last_now;
    bool ticked;           /* since alerts_new() */
    unsigned failures;     /* ticks in a row in which sink or keeper failed for all */
    unix_ns blocked_until; /* no hand-over before */
    unix_ns held_until;    /* the same, by alerts_hold() */
    bool reported;         /* that it fails */
    unix_ns next_sweep;
    unix_ns gauges_at; /* not before */
    bool gauges_stale;
    bool rehearses; /* nothing is counted */
};

/* t + d, the end of time when that is beyond it. */
static inline unix_ns later(unix_ns t, dur_ms d)
{
    int64_t ns, sum;

    if (__builtin_mul_overflow(d, NS_PER_MS, &ns) || __builtin_add_overflow(t, ns, &sum))
        return INT64_MAX;
    return sum;
}

/* t - ns, the beginning of time when that is before it. */
static inline unix_ns earlier(unix_ns t, int64_t ns)
{
    int64_t difference;

    return __builtin_sub_overflow(t, ns, &difference) ? INT64_MIN + 1 : difference;
}

static inline bool held_is_resolved(const struct held *h, unix_ns now)
{
    return h->gone || alert_is_resolved(h->alert, now);
}

/* ---- store.c: held alerts by label set ----------------------------------------------------- */

struct held *store_get(const struct alerts *a, const struct label_set *labels);
struct held *store_add(struct alerts *a, const struct label_set *labels);
/* For a record that is read back. NULL: its labels are taken. */
struct held *store_add_as(struct alerts *a, const struct label_set *labels, uint64_t number);
void store_remove(struct alerts *a, struct held *h); /* frees it */
void store_deinit(struct alerts *a);

/* Alertmanager's merge of a stored alert with a report that came after it. Returns a reference. */
const struct alert *alert_merge(const struct alert *old, const struct alert *report, unix_ns now);
const struct alert *alert_with_end(const struct alert *a, unix_ns ends_at, bool timed_out);
int alert_order(const struct alert *x, const struct alert *y); /* in messages */
int label_set_order(const struct label_set *x,
                    const struct label_set *y);                      /* of groups, same rule */
bool alert_same_texts(const struct alert *x, const struct alert *y); /* annotations and URL */
bool alert_same_end(const struct alert *x, const struct alert *y,
                    unix_ns now); /* and both resolved */

/* ---- route.c: which routes an alert takes, and the names of groups ------------------------- */

const struct config_route *route_root(const struct config *config);
/* Appends the routes that match, in order, to the growing array *seats. */
void route_match(const struct config_route *root, const struct label_set *labels,
                 struct seat **seats, size_t *n);
struct label_set *route_group_labels(const struct config_route *r, const struct label_set *labels);
char *route_group_key(const struct config_route *r, const struct label_set *group_labels);
const struct config_receiver *route_receiver(const struct config *config,
                                             const struct config_route *r);

/* ---- group.c: groups and their timers ------------------------------------------------------ */

void group_join(struct alerts *a, struct seat *seat, struct held *h, unix_ns now);
void group_hasten(struct alerts *a, struct group *g, unix_ns due);
void group_sort(struct group *g);
/* Removes the members that are resolved at `now`; frees the group when it is empty, else puts it
 * back into the timers with the given next flush. `muted(i)`: the end of member i was muted, so it
 * stays untold. */
void group_settle(struct alerts *a, struct group *g, const bool *muted, unix_ns now, unix_ns next);
struct group *group_due(struct alerts *a, unix_ns now); /* takes it out of the timers; NULL: none */
void group_put_back(struct alerts *a, struct group *g, unix_ns due); /* after group_due() */
void groups_clear(struct alerts *a);
void groups_shift(struct alerts *a, int64_t back_ns);

/* ---- nflog.c: the notification log --------------------------------------------------------- */

/* Log hashes of what passed the muting stages of a flush, ascending. */
struct hashes {
    uint64_t *firing, *resolved;
    size_t n_firing, n_resolved;
};

void nflog_key(const struct group *g, const struct config_channel *c, struct buf *ret);
struct log_entry *nflog_get(const struct alerts *a, struct str key); /* NULL: absent */
/* Why these have to be told now, or NULL when there is no news. e may be NULL. */
const char *nflog_news(const struct log_entry *e, const struct hashes *h, bool send_resolved,
                       dur_ms repeat, unix_ns now);
void nflog_set(struct alerts *a, struct str key, const struct hashes *h, dur_ms repeat,
               unix_ns now);
void nflog_load(struct alerts *a, struct log_entry *take_e); /* its key must not be there yet */
void nflog_sweep(struct alerts *a, unix_ns now);             /* marks what may be deleted */
void nflog_drop(struct alerts *a, struct log_entry *e);
void nflog_shift(struct alerts *a, int64_t back_ns);
void nflog_deinit(struct alerts *a);
void log_entry_free(struct log_entry *e);
DEFINE_FREEP(log_entry, struct log_entry)

/* ---- record.c: records as JSON, docs/formats/state-alerts.md ------------------------------- */

void record_alert_key(uint64_t number, uint64_t fingerprint, struct buf *out);
void record_alert(const struct alert *al, bool resolved, struct buf *out);
int record_alert_read(struct str key, struct str value, struct alert **ret, uint64_t *ret_number,
                      bool *ret_resolved, struct err *err);
void record_entry(const struct log_entry *e, struct buf *out);
void record_silence(const struct silence *s, struct buf *out);
int record_silence_read(struct str key, struct str value, struct held_silence **ret,
                        struct err *err);
int record_entry_read(struct str key, struct str value, struct log_entry **ret, struct err *err);

/* ---- journal.c: one write to the keeper for all that is pending ---------------------------- */

void journal_alert(struct alerts *a, struct held *h); /* delete it when gone, else save its end */
void journal_entry(struct alerts *a, struct log_entry *e);
/* Carries what is dirty and what was posted. On failure all of it stays pending. */
int journal_write(struct alerts *a, unix_ns now, struct err *err);
int journal_load(struct alerts *a, unix_ns now, struct err *err);

/* ---- inhibit.c ----------------------------------------------------------------------------- */

void inhibit_init(struct alerts *a);
void inhibit_deinit(struct alerts *a); /* all held alerts must have left */
void inhibit_enter(struct alerts *a, struct held *h);
void inhibit_leave(struct alerts *a, struct held *h);
const struct held *inhibit_source(const struct alerts *a, const struct held *h, unix_ns now);

/* ---- silence.c: making, changing, ending, forgetting --------------------------------------- */

struct held_silence *silence_get(const struct alerts *a, struct str id);
void silence_load(struct alerts *a,
                  struct held_silence *take_s); /* ids are keys: none comes twice */
void silences_sweep(struct alerts *a, unix_ns now);
/* The clock went back: what muted goes on muting. */
void silences_pull(struct alerts *a, unix_ns before, unix_ns now);
void silences_deinit(struct alerts *a);
void held_silence_free(struct held_silence *s);
DEFINE_FREEP(held_silence, struct held_silence)
/* An empty one that owns copies of the texts; the matchers are compiled and sorted. */
int held_silence_new(const struct silence_wanted *wanted, struct held_silence **ret,
                     struct err *err);

/* ---- silence_index.c: which silences match which alerts ------------------------------------ */

void silence_index_add(struct alerts *a, struct held_silence *s);
void silence_index_remove(struct alerts *a, struct held_silence *s); /* from the alerts too */
void silence_index_deinit(struct alerts *a);
/* Brings h->silences up to date. */
void silence_index_look(const struct alerts *a, struct held *h);
bool is_silenced(const struct alerts *a, struct held *h, unix_ns now);

/* ---- mute.c: the muting stages ------------------------------------------------------------- */

/* In the order of Alertmanager's pipeline; what one of them mutes is not shown to the later ones. */
enum mute_stage {
    NOT_MUTED,
    MUTED_BY_INHIBITION,
    MUTED_BY_ACTIVE_TIME, /* the route is told nothing outside of certain times */
    MUTED_BY_MUTE_TIME,   /* or within certain times */
    MUTED_BY_SILENCE,
    MUTE_STAGES,
};

/* What the time says about a whole group. */
enum mute_stage mute_by_time(const struct config_route *r, unix_ns now);
/* The first stage that mutes an alert of a group about which the time says `by_time`. */
enum mute_stage mute_stage_of(const struct alerts *a, struct held *h, enum mute_stage by_time,
                              unix_ns now);
/* Names of the intervals to show for it; room for all that the route names. Returns how many. */
size_t mute_names(const struct config_route *r, unix_ns now, const char **ret);

/* ---- flush.c ------------------------------------------------------------------------------- */

/* Flushes what is due and writes what is dirty, unless a failure not long ago forbids. */
void flush_tick(struct alerts *a, unix_ns now);

/* ---- metrics.c ----------------------------------------------------------------------------- */

void metrics_init(void); /* shows all of them from the start */
void metrics_received(const struct alerts *a, const struct alert *al, unix_ns now);
void metrics_suppressed(const struct alerts *a, enum mute_stage stage);
void metrics_handed_over(const struct alerts *a, size_t notifications);
void metrics_sink_failed(void);
void metrics_keeper_failed(void);
void metrics_record_damaged(void);
void metrics_clock_step(void);
void metrics_gauges(struct alerts *a, unix_ns now);

#endif
