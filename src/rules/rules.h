/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - asks PromQL on a clock: rule groups, recording rules, pending and firing state
 *
 * Comes in: rule files of Prometheus, PrometheusRule, and KubeSphere's RuleGroup, ClusterRuleGroup
 * and GlobalRuleGroup. Goes out: alerts to the alert sink, samples (recorded series, ALERTS,
 * ALERTS_FOR_STATE) to the sample sink. Time is a parameter.
 *
 * Any number of worker threads may call rules_tick(); a group is evaluated by one of them at a
 * time. One thread reloads and frees; when it frees nobody else may be in here.
 */
#ifndef TOCSIN_RULES_RULES_H
#define TOCSIN_RULES_RULES_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "promql/promql.h"
#include "rules/backtest.h"  /* for who tries rules on what is stored */
#include "rules/catalogue.h" /* for who shows or fills in ready rules */
#include "rules/lint.h"      /* for who asks what is odd about rules */

struct config;
struct rules;

struct rules_options {
    struct series_reader reader;
    struct sample_sink samples;
    struct alert_sink alerts; /* post NULL: nobody is told */
    const char *external_url; /* without a slash at its end */
    dur_ms lookback;          /* of instant selectors; 5m */
    dur_ms query_timeout;     /* these three as in struct promql_options */
    size_t query_max_samples, query_max_memory;
    struct promql_features features;                 /* of expressions in rules and templates */
    bool delayed_name_removal, type_and_unit_labels; /* as in struct promql_options */
    bool strict;         /* rule files may have nothing that Prometheus does not have */
    dur_ms resend_delay; /* 1m */
    dur_ms tell_within;  /* that an alert may wait for those of the next rules of its group; 0: it
                           does not */
    dur_ms for_grace_period;     /* 10m */
    dur_ms for_outage_tolerance; /* 1h */
};

/* Loads the rule files that the configuration names. A file or manifest that is wrong fails the
 * whole with FILE:LINE:COL in err: the caller keeps the configuration it has. */
int rules_new(const struct rules_options *o, const struct config *config, unix_ns now,
              struct rules **ret, struct err *err);
void rules_free(struct rules *r);

/* The same for a running one: unchanged groups go on undisturbed; of changed groups rules with
 * equal name and labels keep their state; series of vanished rules get staleness markers. On
 * failure nothing changes. */
int rules_reload(struct rules *r, const struct config *config, unix_ns now, struct err *err);

/* Evaluates what is due at `now`; returns when it next wants to be called (INT64_MAX: there are no
 * groups). A reload may make that earlier: call again after it. */
unix_ns rules_tick(struct rules *r, unix_ns now);

/* ---- looking in, for the API: all is borrowed for the call and consistent within a group */

enum rule_health { RULE_UNKNOWN, RULE_OK, RULE_ERR };
enum rule_state { RULE_INACTIVE, RULE_PENDING, RULE_FIRING };

struct rule_alert_view {
    const struct label_set *labels, *annotations;
    enum rule_state state; /* pending or firing */
    unix_ns active_at;
    unix_ns keep_firing_since; /* UNIX_NS_ZERO: not */
    double value;
};

struct rule_view {
    bool alerting;
    const char *name;  /* alert or record */
    const char *query; /* canonical text; of KubeSphere's rules the one that KubeSphere shows */
    dur_ms hold, keep_firing_for;
    const struct label_set *labels;
    const struct label_set *annotations; /* as written, templates not expanded */
    enum rule_health health;
    const char *last_error; /* "" when there is none */
    double evaluation_seconds;
    unix_ns last_evaluation; /* UNIX_NS_ZERO: never */
    enum rule_state state;   /* the highest of its alerts */
    const struct rule_alert_view *alerts;
    size_t n_alerts;
};

struct rule_group_view {
    const char *name, *file;
    dur_ms interval;
    int64_t limit;
    double evaluation_seconds;
    unix_ns last_evaluation;
    const struct rule_view *rules;
    size_t n_rules;
};

/* Groups sorted by file, then name. Any thread; cb must not call in here. `file` of a manifest has
 * its namespace behind it where groups of one name may meet. */
void rules_each_group(struct rules *r, void (*cb)(const struct rule_group_view *g, void *arg),
                      void *arg);

/* ---- checking files, without running anything ---------------------------------------------- */

/* Parses one file. Returns the number of rules in it, or a negative errno with "FILE:LINE:COL: ..."
 * in err (all that is wrong, one line each, as far as ERR_MSG_MAX reaches). features may be NULL:
 * nothing experimental. */
int rules_check_file(const char *path, const struct promql_features *features, struct err *err);

/* ---- unit tests of rules, in the format of `promtool test rules` (prometheus.md 3.6) -------- */

/* The difference of what was expected and what came, a line each: ' ' is in both, '-' was expected
 * only, '+' came only. */
struct rule_test_line {
    char mark;
    const char *text;
};

struct rule_test_failure {
    const char *test;    /* its name, "" when it has none */
    int line, column;    /* of the expectation in the file */
    bool alert;          /* else: an expression */
    const char *subject; /* name of the alert, or the expression */
    dur_ms at;           /* since the beginning of the test */
    const char *error;   /* why there is nothing to compare; NULL: see the lines */
    const struct rule_test_line *lines;
    size_t n_lines;
};

struct rule_test_options {
    /* Gives an empty store for one test, and takes it back. */
    int (*open)(void *self, struct sample_sink *samples, struct series_reader *reader,
                struct err *err);
    void (*close)(void *self);
    void (*failed)(void *self, const struct rule_test_failure *f); /* borrowed for the call */
    void *self;

    const char *const *run; /* only tests whose name one of these regular expressions matches */
    size_t n_run;           /* 0: all */
    bool ignore_unknown_fields;
    struct promql_features features;                 /* of the expressions of rules and tests */
    bool delayed_name_removal, type_and_unit_labels; /* as in struct promql_options */
};

struct rule_test_counts {
    unsigned passed, failed; /* tests */
};

/* Runs the tests of a file, each with an empty store and from 1970-01-01 on. 0, also when some
 * failed; -EINVAL with FILE:LINE:COL when the file or a rule file is wrong, others when the store
 * failed. */
int rules_test_file(const char *path, const struct rule_test_options *o,
                    struct rule_test_counts *ret, struct err *err);

#endif
