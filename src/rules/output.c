/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output - the series that a rule writes, and their ends
 *
 * A series that a rule wrote in its last successful run and does not write in this one gets a staleness marker, so
 * that nobody takes its last value for the present one.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "rules/rules_priv.h"

bool same_labels(const void *labels, const void *holder)
{
    return label_set_eq(labels, *(const struct label_set *const *)holder);
}

static void push(struct batch *b, struct output *o, unix_ms t, double v)
{
    size_t n = b->n;

    *VEC_PUSH(b->rows, b->n, b->cap) = (struct sample_row){.ref = o->ref, .t = t, .v = v};
    *VEC_PUSH(b->outputs, n, b->cap_outputs) = o;
}

int output_add(struct rules *r, struct rule *rule, struct batch *b, const struct label_set *labels, unix_ms t,
               double v, struct err *err)
{
    struct output *o = map_get(&rule->outputs, label_set_hash(labels), same_labels, labels);
    series_ref ref;
    int status;

    if (!o) {
        status = r->options.samples.series(r->options.samples.self, labels, &ref, err);
        if (status < 0)
            return status;
        o = mem_zalloc(sizeof *o);
        o->labels = label_set_ref(labels);
        o->ref = ref;
        map_add(&rule->outputs, label_set_hash(labels), o);
    }
    o->run = rule->run;
    push(b, o, t, v);
    return 0;
}

static void forget(struct rule *rule, struct output *o)
{
    map_remove(&rule->outputs, label_set_hash(o->labels), same_labels, o->labels);
    label_set_unref(o->labels);
    free(o);
}

/* Asks for new references where storage dropped the series; true when there was any. */
static bool renew(struct rules *r, struct batch *b, const enum sample_verdict *verdicts)
{
    bool any = false;

    for (size_t i = 0; i < b->n; i++) {
        struct output *o = b->outputs[i];

        if (verdicts[i] != SAMPLE_UNKNOWN_REF)
            continue;
        any = true;
        if (r->options.samples.series(r->options.samples.self, o->labels, &o->ref, NULL) == 0)
            b->rows[i].ref = o->ref;
    }
    return any;
}

static int commit(struct rules *r, struct batch *b, struct err *err)
{
    const struct sample_sink *s = &r->options.samples;
    enum sample_verdict *verdicts = mem_array(b->n, sizeof *verdicts);
    int status = 0;

    if (b->n) {
        status = s->commit(s->self, b->rows, b->n, COMMIT_SKIP_BAD, verdicts, err);
        /* What was stored the first time is met again as the same sample. */
        if (status == 0 && renew(r, b, verdicts))
            status = s->commit(s->self, b->rows, b->n, COMMIT_SKIP_BAD, verdicts, err);
    }
    free(verdicts);
    return status;
}

int output_commit(struct rules *r, struct rule *rule, struct batch *b, unix_ms t, struct err *err)
{
    struct output **ended = NULL, *o;
    size_t n_ended = 0, cap_ended = 0;
    int status;

    for (size_t i = 0; (o = map_next(&rule->outputs, &i));)
        if (o->run != rule->run)
            *VEC_PUSH(ended, n_ended, cap_ended) = o;
    for (size_t i = 0; i < n_ended; i++)
        push(b, ended[i], t, stale_nan());
    status = commit(r, b, err);
    /* When storage did not take them the series end in the next run. */
    for (size_t i = 0; i < n_ended && status == 0; i++)
        forget(rule, ended[i]);
    free(ended);
    return status;
}

static void batch_deinit(struct batch *b)
{
    free(b->rows);
    free(b->outputs);
}

void output_end_all(struct rules *r, struct rule *rule, unix_ms t)
{
    struct batch b = {0};

    rule->run++;
    output_commit(r, rule, &b, t, NULL);
    batch_deinit(&b);
}

void outputs_free(struct rule *rule)
{
    struct output *o;

    for (size_t i = 0; (o = map_next(&rule->outputs, &i));) {
        label_set_unref(o->labels);
        free(o);
    }
    map_deinit(&rule->outputs);
}
