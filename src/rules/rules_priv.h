/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_priv - groups, rules and what they remember; for the files of rules/ only
 */
#ifndef TOCSIN_RULES_RULES_PRIV_H
#define TOCSIN_RULES_RULES_PRIV_H

#include "base/heap.h"
#include "base/map.h"
#include "base/thread.h"
#include "promql/promql.h"
#include "rules/rules.h"
#include "template/template.h"

#define RESOLVED_RETENTION (15 * 60 * NS_PER_S) /* how long a resolved alert is kept and sent again */

/* ---- what is written down: made by loading, never changed ---- */

struct rule_text {
    char *name;               /* of the label or annotation */
    char *text;               /* as written */
    struct template *template; /* of alerts; NULL: taken as it is */
};

struct rule_texts {
    struct rule_text *items;
    size_t n, cap;
};

/* ---- what a rule remembers ---- */

/* The series that a rule wrote in its last run: those not written again in the next one end there. */
struct output {
    const struct label_set *labels;
    series_ref ref;
    uint64_t run;
};

struct active_alert {
    const struct label_set *labels; /* its identity */
    const struct label_set *annotations;
    enum rule_state state; /* RULE_INACTIVE: resolved, and kept for a while */
    unix_ns active_at, fired_at, resolved_at, keep_firing_since, last_sent_at; /* UNIX_NS_ZERO: not */
    double value;
    uint64_t run; /* in which it was last among the results */
};

struct rule {
    bool alerting;
    char *name;
    struct promql_expr *expr;
    char *query; /* canonical text */
    struct promql_query *prepared;
    dur_ms hold, keep_firing_for;
    struct rule_texts labels, annotations;
    const struct label_set *label_set, *annotation_set; /* the same as written, for who looks in */

    /* of the worker that runs the group */
    uint64_t run;
    bool writes; /* restored, or nothing to restore: ALERTS series are written */

    /* under group->lock, changed by that worker only */
    struct map outputs; /* by label set */
    struct map alerts;  /* by label set */
    enum rule_health health;
    char *last_error;
    double evaluation_seconds;
    unix_ns last_evaluation;
};

struct group {
    char *file, *name;
    dur_ms interval;
    dur_ms query_offset;
    int64_t limit;
    struct rule *rules;
    size_t n_rules, cap_rules;
    char *text; /* everything above as one text: equal groups need no change */

    /* under rules->lock */
    struct heap_node due;

    /* of the worker that runs it */
    unsigned restore_after; /* runs until state is restored; 0: done */

    struct lock lock; /* results of the last run, for who looks in */
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
    struct config *config;
    struct group_list groups; /* sorted by file, then name */
    struct heap due;
    unsigned running; /* groups being evaluated */
    bool paused;      /* a reload is waiting for them */
    unix_ns last_now;
};

/* ---- load.c, load_prometheus.c, load_kubesphere.c ---- */

struct loading {
    struct template_set *templates;
    dur_ms interval; /* of groups that have none */
    dur_ms query_offset;
    struct group_list groups;
    struct buf problems; /* a line each */
};

struct yaml_doc;
struct yaml_node;

/* Notes "FILE:LINE:COL: words". */
void load_problem(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* All files of a glob; those of one path. Problems are noted, groups that are right are added. */
void load_glob(struct loading *l, const char *pattern);
void load_file(struct loading *l, const char *path);
void load_prometheus(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *root, const char *file);
void load_kubesphere(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *manifest,
                     const char *file);

/* A rule as loaders hand it over. Nodes are where the parts stand, for messages; they may be NULL. */
struct rule_spec {
    bool alerting;
    struct str name, expr;
    const struct yaml_node *at, *expr_at;
    dur_ms hold, keep_firing_for;
    struct label *labels, *annotations; /* in any order */
    size_t n_labels, n_annotations;
};

/* Starts a group; NULL when one of that file and name is there already (noted). */
struct group *load_begin_group(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at,
                               const char *file, struct str name);

/* Checks the rule and adds it to the group. `where` begins every message: group "g", rule 1, "name". */
void load_rule(struct loading *l, struct group *g, const struct yaml_doc *doc, const struct rule_spec *spec,
               const char *where);

int load_duration(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node, dur_ms *ret);
int load_finish(struct loading *l, struct err *err); /* sorts; -EINVAL with all problems, or 0 */
void group_free(struct group *g);
void group_list_deinit(struct group_list *l);

/* ---- expr_builder.c: KubeSphere's exprBuilder as PromQL ---- */

/* The built text, or nothing when the node says too little to build one. */
void expr_builder_node(const struct yaml_node *node, struct buf *out);
void expr_builder_workload(const struct yaml_node *workload, struct buf *out);

/* ---- evaluate.c ---- */

/* One run of a group at ts. */
void group_evaluate(struct rules *r, struct group *g, unix_ns ts);

/* ---- output.c: series that a rule writes ---- */

struct batch {
    struct sample_row *rows;
    struct output **outputs; /* of each row */
    size_t n, cap, cap_outputs;
};

/* A sample of a series, for the batch of this run. Takes no reference. */
int output_add(struct rules *r, struct rule *rule, struct batch *b, const struct label_set *labels, unix_ms t,
               double v, struct err *err);
/* Ends the series that were not written in this run; commits; forgets them. */
int output_commit(struct rules *r, struct rule *rule, struct batch *b, unix_ms t, struct err *err);
/* Ends all series of a rule that is gone. */
void output_end_all(struct rules *r, struct rule *rule, unix_ms t);
void outputs_free(struct rule *rule);

/* ---- alerting.c: the state machine ---- */

/* Takes the result of a rule at ts into its state and fills the batch. -errno with words: the rule is in error. */
int alerting_apply(struct rules *r, struct group *g, struct rule *rule, const struct promql_result *result,
                   unix_ns ts, struct batch *b, struct err *err);
/* Hands over what is due to be told. */
void alerting_send(struct rules *r, struct group *g, struct rule *rule, unix_ns ts);
void alerting_restore(struct rules *r, struct rule *rule, unix_ns ts);
void alerts_clear(struct rule *rule);

bool same_labels(const void *labels, const void *holder); /* map_eq of structs that begin with a label set */

#endif
