/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_priv - groups, rules and what they remember; for the files of rules/ only
 *
 * Who may touch what: a group that is being run belongs to its worker. What others look at (alerts,
 * health, times) the worker changes under group->lock and reads without; it never waits for
 * storage, a query or routing with the lock held. A reload changes all, with rules->lock held and
 * no group running; whoever looks in holds rules->lock, too.
 */
#ifndef TOCSIN_RULES_RULES_PRIV_H
#define TOCSIN_RULES_RULES_PRIV_H

#include "base/heap.h"
#include "base/map.h"
#include "base/thread.h"
#include "promql/promql.h"
#include "rules/rules.h"
#include "rules/threshold_priv.h"
#include "template/template.h"

#define RESOLVED_RETENTION (15 * 60 * NS_PER_S) /* how long a resolved alert is kept and resent */

#define NO_DATA_MEMORY (60 * 60 * NS_PER_S) /* how long a label set is known that is gone */

struct selfmetric;

/* ---- what is written down: made by loading, never changed */

struct rule_text {
    char *name;                /* of the label or annotation */
    char *text;                /* as written */
    struct template *template; /* NULL: taken as it is */
};

struct rule_texts {
    struct rule_text *items;
    size_t n, cap;
};

/* What becomes of label sets that were measured lately and whose series are gone. */
enum no_data {
    NO_DATA_OK,   /* nothing fires, as in Prometheus */
    NO_DATA_KEEP, /* what fires goes on */
    NO_DATA_FIRE, /* it counts as beyond the threshold */
};

/* ---- what a rule remembers */

/* A series that the rule writes. One that it does not write again in the next run ends there. */
struct output {
    const struct label_set *labels;
    series_ref ref;
    uint64_t run; /* in which it was last written */
    bool stored;  /* storage has samples of it, so that it has to end some day */
};

enum alert_series {
    ALERT_PENDING, /* ALERTS{alertstate="pending"} */
    ALERT_FIRING,
    ALERT_FOR_STATE,
    ALERT_SERIES
};

struct active_alert {
    const struct label_set *labels; /* its identity */
    const struct label_set *annotations;
    enum rule_state state; /* RULE_INACTIVE: resolved, and kept for a while */
    /* UNIX_NS_ZERO: it did not happen */
    unix_ns active_at, fired_at, resolved_at, keep_firing_since, last_sent_at;
    double value;
    uint64_t run; /* in which it was last among the results */
    const struct label_set
        *written[ALERT_SERIES]; /* the series about it, each from its first use */
};

struct rule {
    bool alerting;
    int line, column; /* of the expression in its file */
    char *name;
    struct promql_expr *expr;
    char *query;                   /* the expression as it is shown */
    struct promql_query *prepared; /* made by the first run */
    dur_ms hold, keep_firing_for;
    enum no_data no_data;
    bool tells_resolved;        /* an annotation has $resolvedValue */
    struct threshold threshold; /* with either of these, the rule is asked for what is measured */
    struct rule_texts labels, annotations;
    const struct label_set *label_set, *annotation_set; /* the same as written, to be shown */

    uint64_t run;
    bool writes;         /* false until it is known what there was before the restart */
    struct map outputs;  /* by label set */
    struct map measured; /* by label set; of a rule with a threshold */

    /* changed under group->lock */
    struct map alerts; /* by label set */
    enum rule_health health;
    char *last_error;
    double evaluation_seconds;
    unix_ns last_evaluation;
};

struct group {
    char *file, *name;
    dur_ms interval, subquery_step, query_offset;
    int64_t limit;
    struct rule *rules;
    size_t n_rules, cap_rules;
    char *text; /* everything above as one text: equal groups need no change */
    struct selfmetric *evaluations, *failures, *iterations, *missed;

    struct heap_node due;   /* under rules->lock */
    unsigned restore_after; /* runs until state is restored; 0: done */

    struct lock lock;
    double evaluation_seconds;
    unix_ns last_evaluation;
};

struct group_list {
    struct group **items;
    size_t n, cap;
};

struct rules {
    struct rules_options options;
    char *external_url;
    struct template_set *templates;

    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* under lock */
    const struct config *config; /* a run may read it: no reload while there is one */
    struct group_list groups;    /* by file, then name */
    struct heap due;
    unsigned running; /* groups being evaluated */
    bool paused;      /* a reload waits for them */
    unix_ns last_now;
};

/* ---- group.c */

void group_free(struct group *g);
void group_list_deinit(struct group_list *l);
int compare_groups(const void *a, const void *b); /* of struct group *, by file, then name */
void group_count(struct group *g);                /* finds or makes its metrics */

/* The last time of its schedule that is not after now. */
unix_ns group_last_run_time(const struct group *g, unix_ns now);

/* What `from` remembers goes on under the text of g, rule by rule. */
void group_inherit(struct group *g, struct group *from);

/* ---- evaluate.c */

void group_evaluate(struct rules *r, struct group *g, unix_ns ts); /* one run */
struct promql_options rules_asking(const struct rules *r,
                                   const struct group *g); /* how PromQL is asked */

/* ---- output.c: series that a rule writes */

struct batch {
    struct sample_row *rows;
    struct output **outputs; /* of each row */
    size_t n, cap, cap_outputs;
};

void batch_deinit(struct batch *b);

/* A sample of a series, for the batch of this run. */
int output_add(struct rules *r, struct rule *rule, struct batch *b, const struct label_set *labels,
               const struct sample_row *sample, struct err *err);
/* Ends the series that are not in the batch, and commits. */
int output_commit(struct rules *r, struct rule *rule, struct batch *b, unix_ms t, struct err *err);
/* Ends all series of a rule that is gone. */
void output_end_all(struct rules *r, struct rule *rule, unix_ms t);
void outputs_clear(struct rule *rule);

/* ---- alerting.c: the state machine */

/* The alert is among the results of a run. A new one, or one that was resolved, begins as pending. */
void alert_meet(struct active_alert *a, double value, uint64_t run, unix_ns ts);
/* What run rule->run at ts makes of it, whether it was met or not. False: it is to be forgotten. */
bool alert_step(const struct rule *rule, struct active_alert *a, unix_ns ts);

/* Takes the result at ts into the state of the rule and fills the batch. -errno with words: the
 * rule is in error. */
int alerting_apply(struct rules *r, struct group *g, struct rule *rule,
                   const struct promql_result *result, unix_ns ts, struct batch *b,
                   struct err *err);
void alerting_restore(struct rules *r, struct group *g, struct rule *rule, unix_ns ts);
void alerts_clear(struct rule *rule);

/* ---- alert_text.c: labels and annotations of an alert from those of a sample, by templates.
 * ret_annotations may be NULL: only the labels. */

void alert_expand(struct rules *r, const struct group *g, const struct rule *rule,
                  const struct promql_series *s, unix_ns ts, struct label_set **ret_labels,
                  struct label_set **ret_annotations);

/* The annotations of an alert that ends: of a series that had `value` when it fired last. */
struct label_set *alert_annotate_resolved(struct rules *r, const struct group *g,
                                          const struct rule *rule, const struct label_set *series,
                                          double value, double resolved_value, unix_ns ts);

/* ---- no_data.c: of rules that are asked for what they measure */

static inline bool rule_measures(const struct rule *rule)
{
    return rule->threshold.measured != NULL;
}

/* Of a result with all that was measured: the elements that fire, which borrow. ret->series is to be
 * freed. */
void measured_split(struct rules *r, const struct group *g, struct rule *rule,
                    const struct promql_result *result, unix_ns ts, struct promql_result *ret);
/* Before the step: what fires and is gone counts as met. */
void measured_keep(struct rule *rule);
/* After it, without the lock: the annotations of what was resolved now tell its value. */
void measured_resolved(struct rules *r, struct group *g, struct rule *rule, unix_ns ts);
void measured_clear(struct rule *rule);

/* ---- alert_send.c */

/* What the rules of one run of a group have to tell and was not handed over yet. */
struct telling {
    const struct alert **alerts;
    struct active_alert **of; /* that each of them tells */
    size_t n, cap, cap_of;
    mono_ns since; /* when the first of them came */
};

/* Adds what is due to be told of a rule, and hands over when it is time. */
void alerting_tell(struct rules *r, const struct group *g, struct rule *rule, unix_ns ts,
                   struct telling *t);
/* The run is over: hands over the rest. */
void alerting_tell_end(struct rules *r, const struct group *g, unix_ns ts, struct telling *t);

bool same_labels(const void *labels, const void *holder); /* map_eq of structs that begin with a
                                                             label set */

#endif
