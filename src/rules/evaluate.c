/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evaluate - one run of a group: its rules in order, each seeing what those before it wrote
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

/* The series of a recording rule: the rule's name, its labels over those of the result. */
static const struct label_set *recorded_labels(const struct rule *rule,
                                               const struct label_set *of_result)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    label_builder_init(&b, of_result);
    label_builder_set(&b, LABEL_NAME, str_c(rule->name));
    for (size_t i = 0; i < rule->labels.n; i++)
        label_builder_set(&b, str_c(rule->labels.items[i].name), str_c(rule->labels.items[i].text));
    return label_builder_build(&b);
}

static int record_one(struct rules *r, struct rule *rule, const struct promql_series *s, unix_ms t,
                      struct batch *b, struct err *err)
{
    CLEANUP(label_set_unrefp) const struct label_set *ls = recorded_labels(rule, s->labels);
    const struct output *o = map_get(&rule->outputs, label_set_hash(ls), same_labels, ls);
    struct sample_row sample = {.t = t, .v = s->values[0]};

    if (o && o->run == rule->run)
        return err_set(err, -EINVAL,
                       "vector contains metrics with the same labelset after "
                       "applying rule labels");
    if (s->histograms)
        sample.h = s->histograms[0];
    return output_add(r, rule, b, ls, &sample, err);
}

static int record(struct rules *r, const struct group *g, struct rule *rule,
                  const struct promql_result *result, unix_ms t, struct batch *b, struct err *err)
{
    int status = 0;

    if (g->limit > 0 && result->n > (size_t)g->limit)
        return err_set(err, -E2BIG, "exceeded limit of %lld with %zu series", (long long)g->limit,
                       result->n);
    for (size_t i = 0; status == 0 && i < result->n; i++)
        status = record_one(r, rule, &result->series[i], t, b, err);
    return status;
}

struct promql_options rules_asking(const struct rules *r, const struct group *g)
{
    return (struct promql_options){
        .lookback = r->options.lookback,
        .subquery_step = g->subquery_step,
        .timeout = r->options.query_timeout,
        .max_samples = r->options.query_max_samples,
        .max_bytes = r->options.query_max_memory,
        .delayed_name_removal = r->options.delayed_name_removal,
        .type_and_unit_labels = r->options.type_and_unit_labels,
    };
}

static int query(struct rules *r, const struct group *g, struct rule *rule, unix_ms t,
                 struct promql_result **ret, struct err *err)
{
    struct promql_options o = rules_asking(r, g);

    if (!rule->prepared)
        rule->prepared = promql_prepare(rule_measures(rule) ? rule->threshold.measured : rule->expr,
                                        &o);
    return promql_query_instant(rule->prepared, &r->options.reader, t, ret, err);
}

/* Asks, takes the answer over, writes. What fails changes nothing that was written before. */
static int evaluate(struct rules *r, struct group *g, struct rule *rule, unix_ns ts,
                    struct err *err)
{
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    CLEANUP(batch_deinit) struct batch b = {0};
    unix_ms t = unix_ms_of_ns(ts) - g->query_offset;
    int status = query(r, g, rule, t, &result, err);

    rule->run++;
    if (status == 0)
        status = rule->alerting ? alerting_apply(r, g, rule, result, ts, &b, err)
                                : record(r, g, rule, result, t, &b, err);
    return status < 0 ? status : output_commit(r, rule, &b, t, err);
}

static void note(struct group *g, struct rule *rule, int status, const struct err *err, unix_ns ts,
                 mono_ns took)
{
    selfmetric_add(g->evaluations, 1);
    selfmetric_add(g->failures, status < 0);
    /* Told when it begins; while it lasts, the API shows it. */
    if (status < 0 && rule->health != RULE_ERR)
        log_event(LOG_WARN, "rule_failed", "group", g->name, "rule", rule->name, "error", err->msg,
                  NULL);
    lock_take(&g->lock);
    rule->health = status < 0 ? RULE_ERR : RULE_OK;
    free(rule->last_error);
    rule->last_error = mem_strdup(status < 0 ? err->msg : "");
    rule->evaluation_seconds = (double)took / NS_PER_S;
    rule->last_evaluation = ts;
    lock_give(&g->lock);
}

static void evaluate_rule(struct rules *r, struct group *g, struct rule *rule, unix_ns ts,
                          struct telling *telling)
{
    mono_ns begin = clock_mono_ns();
    struct err err = {0};
    int status = evaluate(r, g, rule, ts, &err);

    if (status < 0 && !err.msg[0])
        err_set(&err, status, "%m");
    note(g, rule, status, &err, ts, clock_mono_ns() - begin);
    if (rule->alerting)
        alerting_tell(r, g, rule, ts, telling);
}

/* State is restored after the second run of a start: by then every alert that is still there is
 * known. */
static void restore_when_due(struct rules *r, struct group *g, unix_ns ts)
{
    if (g->restore_after == 0 || --g->restore_after > 0)
        return;
    for (size_t i = 0; i < g->n_rules; i++) {
        alerting_restore(r, g, &g->rules[i], ts);
        g->rules[i].writes = true;
    }
}

void group_evaluate(struct rules *r, struct group *g, unix_ns ts)
{
    mono_ns begin = clock_mono_ns();
    struct telling telling = {0};

    selfmetric_add(g->iterations, 1);
    for (size_t i = 0; i < g->n_rules; i++)
        evaluate_rule(r, g, &g->rules[i], ts, &telling);
    alerting_tell_end(r, g, ts, &telling);
    restore_when_due(r, g, ts);
    lock_take(&g->lock);
    g->evaluation_seconds = (double)(clock_mono_ns() - begin) / NS_PER_S;
    g->last_evaluation = ts;
    lock_give(&g->lock);
}
