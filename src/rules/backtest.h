/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest - alert rules over stored history, as if they had been there
 *
 * Each alerting rule of a rule file is asked for the whole span by range queries, and what comes is
 * put through the state machine that the running rules have. Recording rules are not run: an alert
 * sees of their series what is stored. What fired before the span begins with it.
 *
 * A comparison with a number (`x > 200`, also in front of `and` and `unless`) is taken apart: the
 * left side is what is measured, and the same history is put through the rule with other numbers.
 * Quantiles of what was measured are within 1 %; the least and the greatest value are exact.
 *
 * Memory: what one piece of the span has (BACKTEST_POINTS values, or one run where that has more),
 * and a few hundred bytes for each label set that was an alert. Any thread; nothing is shared.
 */
#ifndef TOCSIN_RULES_BACKTEST_H
#define TOCSIN_RULES_BACKTEST_H

#include "model/ports.h"
#include "promql/promql.h"

#define BACKTEST_POINTS         (1u << 20)   /* values of one piece of the span */
#define BACKTEST_RUNS_MAX       5000000      /* of one rule */
#define BACKTEST_ALERTS_MAX     10000        /* of one rule are listed; all are counted */
#define BACKTEST_STATE_MAX      (256u << 20) /* bytes of what is remembered about label sets */
#define BACKTEST_THRESHOLDS_MAX 16           /* that one rule is tried with */
#define BACKTEST_QUANTILES      7

struct config;

struct backtest_options {
    struct series_reader reader;
    struct promql_options promql; /* timeout is that of the whole */
    struct promql_features features;
    const struct config *config; /* whose external labels and intervals count */
    const char *external_url;
    unix_ms from, to;
    dur_ms step; /* between runs; 0: the interval of each group */
    /* To try instead of those that are chosen by what was measured. */
    const double *thresholds;
    size_t n_thresholds;
};

/* One that fired. */
struct backtest_alert {
    const struct label_set *labels;
    unix_ns pending_at, fired_at, ended_at; /* UNIX_NS_ZERO: it fired at the end of the span */
    double peak; /* greatest value while it was pending or firing; least, where low ones fire */
};

struct backtest_threshold {
    double value;
    uint64_t fired;
    bool own; /* that of the rule */
};

struct backtest_quantile {
    double q, value;
};

struct backtest_rule {
    char *group, *name, *query;
    dur_ms hold, keep_firing_for, step;
    uint64_t runs, failed; /* whole numbers of them; those whose query or result was faulty */
    char *error;           /* of the first one; NULL: none */
    uint64_t fired, pending_only;
    struct backtest_alert *alerts; /* by time of firing */
    size_t n_alerts, cap_alerts;

    char *measured;  /* NULL: there is no threshold to turn; what follows is empty */
    const char *op;  /* "<", ">=" */
    bool bytes;      /* what is measured is a size */
    uint64_t values; /* measured */
    struct backtest_quantile quantiles[BACKTEST_QUANTILES];        /* with values > 0 */
    struct backtest_threshold thresholds[BACKTEST_THRESHOLDS_MAX]; /* ascending */
    size_t n_thresholds;
};

struct backtest {
    struct backtest_rule *rules; /* alerting ones */
    size_t n, cap;
    size_t recording; /* rules that were left out */
};

/* `text` is a rule file or manifest as in rules.h, or one alerting rule by itself, YAML or JSON;
 * `file` names it in messages. -EINVAL with all that is wrong in it; -ETIMEDOUT, -ECANCELED, -E2BIG
 * and what the reader said. */
int rules_backtest(const char *file, struct str text, const struct backtest_options *o,
                   struct backtest **ret, struct err *err);
void backtest_free(struct backtest *b);
DEFINE_FREEP(backtest, struct backtest)

#endif
