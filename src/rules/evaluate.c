/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evaluate - one run of a group: its rules in order, each seeing what those before it wrote
 *
 * The query runs without a lock; what it found is taken over under the group's lock, so that whoever looks in sees
 * a rule before or after the run, never in between.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

SELFMETRIC(evaluations, METRIC_COUNTER, "prometheus_rule_evaluations_total", NULL, "Rules evaluated.");
SELFMETRIC(failures, METRIC_COUNTER, "prometheus_rule_evaluation_failures_total", NULL, "Rules that were in error.");

/* The series of a recording rule: the rule's name, its labels over those of the result. */
static struct label_set *recorded_labels(const struct rule *rule, const struct label_set *of_result)
{
    struct label_builder b;
    struct label_set *ls;

    label_builder_init(&b, of_result);
    label_builder_set(&b, LABEL_NAME, str_c(rule->name));
    for (size_t i = 0; i < rule->labels.n; i++)
        label_builder_set(&b, str_c(rule->labels.items[i].name), str_c(rule->labels.items[i].text));
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static int record_one(struct rules *r, struct rule *rule, const struct promql_series *s, unix_ms t, struct batch *b,
                      struct err *err)
{
    struct label_set *ls = recorded_labels(rule, s->labels);
    const struct output *o = map_get(&rule->outputs, label_set_hash(ls), same_labels, ls);
    int status;

    if (o && o->run == rule->run)
        status = err_set(err, -EINVAL,
                         "vector contains metrics with the same labelset after applying rule labels");
    else
        status = output_add(r, rule, b, ls, t, s->values[0], err);
    if (status == 0 && s->histograms)
        b->rows[b->n - 1].h = s->histograms[0];
    label_set_unref(ls);
    return status;
}

static int record(struct rules *r, struct group *g, struct rule *rule, const struct promql_result *result, unix_ns ts,
                  struct batch *b, struct err *err)
{
    if (g->limit > 0 && result->n > (size_t)g->limit)
        return err_set(err, -E2BIG, "exceeded limit of %lld with %zu series", (long long)g->limit, result->n);
    for (size_t i = 0; i < result->n; i++) {
        int status = record_one(r, rule, &result->series[i], unix_ms_of_ns(ts) - g->query_offset, b, err);

        if (status < 0)
            return status;
    }
    return 0;
}

static int query(struct rules *r, struct group *g, struct rule *rule, unix_ns ts, struct promql_result **ret,
                 struct err *err)
{
    struct promql_options o = {.lookback = r->options.lookback};

    if (!rule->prepared)
        rule->prepared = promql_prepare(rule->expr, &o);
    return promql_query_instant(rule->prepared, &r->options.reader, unix_ms_of_ns(ts) - g->query_offset, ret, err);
}

static void note_result(struct rule *rule, const struct err *err, unix_ns ts, double seconds)
{
    selfmetric_add(&evaluations, 1);
    selfmetric_add(&failures, err->code != 0);
    /* Told when it begins; while it lasts the API shows it. */
    if (err->code && rule->health != RULE_ERR)
        log_event(LOG_WARN, "rule_failed", "rule", rule->name, "error", err->msg, NULL);
    rule->health = err->code ? RULE_ERR : RULE_OK;
    free(rule->last_error);
    rule->last_error = mem_strdup(err->code ? err->msg : "");
    rule->evaluation_seconds = seconds;
    rule->last_evaluation = ts;
}

/* When a run fails its outputs keep the mark of the run before: they did not end. */
static void keep_outputs(struct rule *rule)
{
    struct output *o;

    for (size_t i = 0; (o = map_next(&rule->outputs, &i));)
        o->run = rule->run;
}

static void evaluate_rule(struct rules *r, struct group *g, struct rule *rule, unix_ns ts)
{
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    mono_ns begin = clock_mono_ns();
    struct batch b = {0};
    struct err err = {0};
    int status = query(r, g, rule, ts, &result, &err);

    lock_take(&g->lock);
    rule->run++;
    if (status == 0)
        status = rule->alerting ? alerting_apply(r, g, rule, result, ts, &b, &err)
                                : record(r, g, rule, result, ts, &b, &err);
    if (status < 0) {
        b.n = 0;
        keep_outputs(rule);
    } else if (!rule->alerting || rule->writes) {
        output_commit(r, rule, &b, unix_ms_of_ns(ts) - g->query_offset, &err);
    }
    note_result(rule, &err, ts, (double)(clock_mono_ns() - begin) / 1e9);
    lock_give(&g->lock);
    free(b.rows);
    free(b.outputs);
    /* Only this worker changes alerts, so reading them needs no lock; routing may wait for the disk. */
    if (rule->alerting)
        alerting_send(r, g, rule, ts);
}

/* State is restored after the second run of a start: by then every alert that is still there is known. */
static void restore_when_due(struct rules *r, struct group *g, unix_ns ts)
{
    if (g->restore_after == 0 || --g->restore_after > 0)
        return;
    lock_take(&g->lock);
    for (size_t i = 0; i < g->n_rules; i++) {
        alerting_restore(r, &g->rules[i], ts);
        g->rules[i].writes = true;
    }
    lock_give(&g->lock);
}

void group_evaluate(struct rules *r, struct group *g, unix_ns ts)
{
    mono_ns begin = clock_mono_ns();

    for (size_t i = 0; i < g->n_rules; i++)
        evaluate_rule(r, g, &g->rules[i], ts);
    restore_when_due(r, g, ts);
    lock_take(&g->lock);
    g->evaluation_seconds = (double)(clock_mono_ns() - begin) / 1e9;
    g->last_evaluation = ts;
    lock_give(&g->lock);
}
