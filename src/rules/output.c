/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output - the series that a rule writes, and their ends
 *
 * A series that a rule wrote in its last successful run and does not write in this one gets a
 * staleness marker, so that nobody takes its last value for the present one.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

SELFMETRIC(refused, METRIC_COUNTER, "tocsin_rule_samples_refused_total", NULL,
           "Samples of rules that storage did not take: older than what it has, or too old.");

bool same_labels(const void *labels, const void *holder)
{
    return label_set_eq(labels, *(const struct label_set *const *)holder);
}

/* ---- the batch of a run */

void batch_deinit(struct batch *b)
{
    free(b->rows);
    free(b->outputs);
}

static void push(struct batch *b, struct output *o, const struct sample_row *sample)
{
    size_t n = b->n;

    *VEC_PUSH(b->outputs, n, b->cap_outputs) = o;
    *VEC_PUSH(b->rows, b->n, b->cap) = (struct sample_row){
        .ref = o->ref, .t = sample->t, .v = sample->v, .h = sample->h};
}

static struct output *find(const struct rule *rule, const struct label_set *labels)
{
    return map_get(&rule->outputs, label_set_hash(labels), same_labels, labels);
}

int output_add(struct rules *r, struct rule *rule, struct batch *b, const struct label_set *labels,
               const struct sample_row *sample, struct err *err)
{
    const struct sample_sink *s = &r->options.samples;
    struct output *o = find(rule, labels);
    series_ref ref;
    int status;

    if (!o) {
        status = sample_sink_own_series(s, labels, &ref, err);
        if (status < 0)
            return status;
        o = mem_zalloc(sizeof *o);
        o->labels = label_set_ref(labels);
        o->ref = ref;
        map_add(&rule->outputs, label_set_hash(labels), o);
    }
    o->run = rule->run;
    push(b, o, sample);
    return 0;
}

/* ---- committing */

/* Gets new references where storage dropped the series. Returns how many. */
static int renew(struct rules *r, struct batch *b, const enum sample_verdict *verdicts,
                 struct err *err)
{
    const struct sample_sink *s = &r->options.samples;
    int n = 0;

    for (size_t i = 0; i < b->n; i++) {
        struct output *o = b->outputs[i];
        int status;

        if (verdicts[i] != SAMPLE_UNKNOWN_REF)
            continue;
        status = sample_sink_own_series(s, o->labels, &o->ref, err);
        if (status < 0)
            return status;
        b->rows[i].ref = o->ref;
        n++;
    }
    return n;
}

static int commit(struct rules *r, struct batch *b, struct err *err)
{
    const struct sample_sink *s = &r->options.samples;
    CLEANUP(mem_freep) enum sample_verdict *verdicts = mem_array(b->n, sizeof *verdicts);
    int status;

    status = s->commit(s->self, b->rows, b->n, COMMIT_SKIP_BAD, verdicts, err);
    if (status == 0)
        status = renew(r, b, verdicts, err);
    /* What was stored the first time is met again as the same sample. */
    if (status > 0)
        status = s->commit(s->self, b->rows, b->n, COMMIT_SKIP_BAD, verdicts, err);
    for (size_t i = 0; status == 0 && i < b->n; i++) {
        if (verdicts[i] == SAMPLE_STORED || verdicts[i] == SAMPLE_SAME)
            b->outputs[i]->stored = true;
        else
            selfmetric_add(&refused, 1);
    }
    return status;
}

static void forget(struct rule *rule, struct output *o)
{
    map_remove(&rule->outputs, label_set_hash(o->labels), same_labels, o->labels);
    label_set_unref(o->labels);
    free(o);
}

int output_commit(struct rules *r, struct rule *rule, struct batch *b, unix_ms t, struct err *err)
{
    CLEANUP(mem_freep) struct output **ended = NULL;
    struct output *o;
    size_t n_ended = 0, cap_ended = 0;
    int status = 0;

    for (size_t i = 0; (o = map_next(&rule->outputs, &i));) {
        if (o->run == rule->run)
            continue;
        *VEC_PUSH(ended, n_ended, cap_ended) = o;
        if (o->stored)
            push(b, o, &(struct sample_row){.t = t, .v = stale_nan()});
    }
    if (b->n > 0)
        status = commit(r, b, err);
    /* When storage did not take them they end in the next run. */
    for (size_t i = 0; i < n_ended && status == 0; i++)
        forget(rule, ended[i]);
    return status;
}

void output_end_all(struct rules *r, struct rule *rule, unix_ms t)
{
    CLEANUP(batch_deinit) struct batch b = {0};

    rule->run++;
    output_commit(r, rule, &b, t, NULL);
}

void outputs_clear(struct rule *rule)
{
    struct output *o;

    for (size_t i = 0; (o = map_next(&rule->outputs, &i));) {
        label_set_unref(o->labels);
        free(o);
    }
    map_deinit(&rule->outputs);
}
