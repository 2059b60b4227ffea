/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no_data - rules that are asked for what they measure, not for what passes their threshold
 *
 * That way a label set whose value is fine is told from one whose series are gone. Two things need
 * it: `no_data: fire` and `keep`, and $resolvedValue. A label set is remembered for a while after it
 * was seen last; what was gone before the program started is not known.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "rules/rules_priv.h"

/* What was measured of the label set of an alert, whether it fires or not. */
struct measured {
    const struct label_set *labels; /* of the alert */
    const struct label_set *series; /* of the value, for templates */
    double value;
    unix_ns at;
    uint64_t run;
};

static void measured_free(struct measured *m)
{
    label_set_unref(m->labels);
    label_set_unref(m->series);
    free(m);
}

void measured_clear(struct rule *rule)
{
    struct measured *m;

    for (size_t i = 0; (m = map_next(&rule->measured, &i));)
        measured_free(m);
    map_deinit(&rule->measured);
}

static struct measured *find(const struct rule *rule, const struct label_set *labels)
{
    return map_get(&rule->measured, label_set_hash(labels), same_labels, labels);
}

static void remember(struct rules *r, const struct group *g, struct rule *rule,
                     const struct promql_series *s, unix_ns ts)
{
    struct label_set *made = NULL;
    struct measured *m;

    alert_expand(r, g, rule, s, ts, &made, NULL);
    CLEANUP(label_set_unrefp) const struct label_set *labels = made;
    m = find(rule, labels);
    if (!m) {
        m = mem_zalloc(sizeof *m);
        m->labels = label_set_ref(labels);
        map_add(&rule->measured, label_set_hash(labels), m);
    }
    label_set_unref(m->series);
    m->series = label_set_ref(s->labels);
    m->value = s->values[0];
    m->at = ts;
    m->run = rule->run;
}

/* What was not measured for long; without `no_data`, what was not measured in this run. */
static void forget_old(struct rule *rule, unix_ns ts)
{
    CLEANUP(mem_freep) struct measured **old = NULL;
    struct measured *m;
    size_t n = 0, cap = 0;

    for (size_t i = 0; (m = map_next(&rule->measured, &i));) {
        if (m->at > ts)
            m->at = ts; /* the clock was set back */
        if (m->run != rule->run && (rule->no_data == NO_DATA_OK || ts - m->at > NO_DATA_MEMORY))
            *VEC_PUSH(old, n, cap) = m;
    }
    for (size_t i = 0; i < n; i++) {
        map_remove(&rule->measured, label_set_hash(old[i]->labels), same_labels, old[i]->labels);
        measured_free(old[i]);
    }
}

/* The gone ones as elements of the result, with the value that they had last. */
static void add_gone(const struct rule *rule, unix_ms *t, struct promql_result *ret, size_t *cap)
{
    const struct measured *m;

    for (size_t i = 0; (m = map_next(&rule->measured, &i));)
        if (m->run != rule->run)
            *VEC_PUSH(ret->series, ret->n, *cap) = (struct promql_series){
                .labels = m->series, .n = 1, .times = t, .values = &m->value};
}

void measured_split(struct rules *r, const struct group *g, struct rule *rule,
                    const struct promql_result *result, unix_ns ts, struct promql_result *ret)
{
    const struct threshold *t = &rule->threshold;
    size_t cap = 0;

    *ret = *result;
    ret->series = NULL;
    ret->n = 0;
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];

        if (s->histograms && s->histograms[0])
            continue;
        remember(r, g, rule, s, ts);
        if (threshold_passes(t->op, s->values[0], t->value))
            *VEC_PUSH(ret->series, ret->n, cap) = *s;
    }
    forget_old(rule, ts);
    if (rule->no_data == NO_DATA_FIRE)
        add_gone(rule, &ret->time, ret, &cap);
}

void measured_keep(struct rule *rule)
{
    const struct measured *m;
    struct active_alert *a;

    for (size_t i = 0; rule->no_data == NO_DATA_KEEP && (a = map_next(&rule->alerts, &i));) {
        m = find(rule, a->labels);
        if (a->state == RULE_FIRING && m && m->run != rule->run)
            a->run = rule->run;
    }
}

void measured_resolved(struct rules *r, struct group *g, struct rule *rule, unix_ns ts)
{
    struct active_alert *a;

    if (!rule->tells_resolved)
        return;
    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        const struct measured *m = find(rule, a->labels);
        struct label_set *annotations;

        if (a->state != RULE_INACTIVE || a->resolved_at != ts || !m || m->run != rule->run)
            continue;
        annotations = alert_annotate_resolved(r, g, rule, m->series, a->value, m->value, ts);
        lock_take(&g->lock);
        label_set_unref(a->annotations);
        a->annotations = annotations;
        lock_give(&g->lock);
    }
}
