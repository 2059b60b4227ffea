/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerting - the state machine of an alert rule (prometheus.md 3.3)
 *
 *              result         `for` is over         no result          15 min
 *     not there ────▶ pending ─────────────▶ firing ───────────▶ resolved ──────▶ not there
 *         ▲             │                    │  ▲
 *         └──no result──┘                    └──┘ keep_firing_for
 *
 * The identity of an alert is its label set; annotations and value follow the newest run.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "rules/rules_priv.h"

static void alert_free(struct active_alert *a)
{
    label_set_unref(a->labels);
    label_set_unref(a->annotations);
    for (size_t i = 0; i < ALERT_SERIES; i++)
        label_set_unref(a->written[i]);
    free(a);
}

void alerts_clear(struct rule *rule)
{
    struct active_alert *a;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));)
        alert_free(a);
    map_deinit(&rule->alerts);
}

static struct active_alert *find(const struct rule *rule, const struct label_set *labels)
{
    return map_get(&rule->alerts, label_set_hash(labels), same_labels, labels);
}

/* ---- the result: made whole before any state is touched, so that a faulty one changes nothing */

struct found {
    struct label_set *labels, *annotations;
    double value;
};

struct found_list {
    struct found *items;
    size_t n;
};

static void found_list_deinit(struct found_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        label_set_unref(l->items[i].labels);
        label_set_unref(l->items[i].annotations);
    }
    free(l->items);
}

static int find_all(struct rules *r, const struct group *g, const struct rule *rule,
                    const struct promql_result *result, unix_ns ts, struct found_list *ret,
                    struct err *err)
{
    CLEANUP(map_deinit) struct map seen = {0};

    ret->items = mem_array(result->n, sizeof *ret->items);
    while (ret->n < result->n) {
        const struct promql_series *s = &result->series[ret->n];
        struct found *f = &ret->items[ret->n++];
        uint64_t hash;

        alert_expand(r, g, rule, s, ts, &f->labels, &f->annotations);
        f->value = s->values[0];
        hash = label_set_hash(f->labels);
        if (map_get(&seen, hash, same_labels, f->labels))
            return err_set(err, -EINVAL,
                           "vector contains metrics with the same labelset after "
                           "applying alert labels");
        map_add(&seen, hash, f);
    }
    return 0;
}

/* ---- one step */

void alert_meet(struct active_alert *a, double value, uint64_t run, unix_ns ts)
{
    if (a->state == RULE_INACTIVE) {
        a->state = RULE_PENDING;
        a->active_at = ts;
        a->fired_at = a->resolved_at = UNIX_NS_ZERO;
        a->keep_firing_since = a->last_sent_at = UNIX_NS_ZERO;
    }
    a->value = value;
    a->run = run;
}

static void take_found(struct rule *rule, struct found *f, unix_ns ts)
{
    struct active_alert *a = find(rule, f->labels);

    if (!a) {
        a = mem_zalloc(sizeof *a);
        a->labels = label_set_ref(f->labels);
        map_add(&rule->alerts, label_set_hash(f->labels), a);
    }
    label_set_unref(a->annotations);
    a->annotations = TAKE(f->annotations);
    alert_meet(a, f->value, rule->run, ts);
}

static void not_after(unix_ns *t, unix_ns now)
{
    if (*t > now)
        *t = now;
}

/* When the clock was set back nothing may wait until it comes round again. */
static void stay_in_the_past(struct active_alert *a, unix_ns ts)
{
    not_after(&a->active_at, ts);
    not_after(&a->fired_at, ts);
    not_after(&a->resolved_at, ts);
    not_after(&a->keep_firing_since, ts);
    if (a->last_sent_at > ts)
        a->last_sent_at = UNIX_NS_ZERO;
}

static bool keeps_firing(const struct rule *rule, struct active_alert *a, unix_ns ts)
{
    if (a->state != RULE_FIRING || rule->keep_firing_for == 0)
        return false;
    if (a->keep_firing_since == UNIX_NS_ZERO)
        a->keep_firing_since = ts;
    return ts - a->keep_firing_since < rule->keep_firing_for * NS_PER_MS;
}

bool alert_step(const struct rule *rule, struct active_alert *a, unix_ns ts)
{
    stay_in_the_past(a, ts);
    if (a->run == rule->run) {
        a->keep_firing_since = UNIX_NS_ZERO;
        if (a->state == RULE_PENDING && ts - a->active_at >= rule->hold * NS_PER_MS) {
            a->state = RULE_FIRING;
            a->fired_at = ts;
        }
        return true;
    }
    if (a->state == RULE_PENDING)
        return false;
    if (keeps_firing(rule, a, ts))
        return true;
    if (a->state == RULE_FIRING) {
        a->state = RULE_INACTIVE;
        a->resolved_at = ts;
    }
    return ts - a->resolved_at <= RESOLVED_RETENTION;
}

/* Returns how many alerts are pending or firing. */
static int64_t step_all(struct rule *rule, unix_ns ts)
{
    CLEANUP(mem_freep) struct active_alert **gone = NULL;
    struct active_alert *a;
    size_t n_gone = 0, cap_gone = 0;
    int64_t active = 0;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        if (!alert_step(rule, a, ts))
            *VEC_PUSH(gone, n_gone, cap_gone) = a;
        else
            active += a->state != RULE_INACTIVE;
    }
    for (size_t i = 0; i < n_gone; i++) {
        map_remove(&rule->alerts, label_set_hash(gone[i]->labels), same_labels, gone[i]->labels);
        alert_free(gone[i]);
    }
    return active;
}

/* ---- ALERTS and ALERTS_FOR_STATE */

static const struct label_set *series_labels(struct active_alert *a, enum alert_series which)
{
    CLEANUP(label_builder_deinit) struct label_builder lb = {0};

    if (a->written[which])
        return a->written[which];
    label_builder_init(&lb, a->labels);
    label_builder_set(&lb, LABEL_NAME,
                      which == ALERT_FOR_STATE ? STR("ALERTS_FOR_STATE") : STR("ALERTS"));
    if (which != ALERT_FOR_STATE)
        label_builder_set(&lb, STR("alertstate"),
                          which == ALERT_FIRING ? STR("firing") : STR("pending"));
    a->written[which] = label_builder_build(&lb);
    return a->written[which];
}

static int write_alert(struct rules *r, struct rule *rule, struct batch *b, struct active_alert *a,
                       unix_ms t, struct err *err)
{
    struct sample_row present = {.t = t, .v = 1};
    struct sample_row since = {.t = t, .v = (double)(a->active_at / NS_PER_S)};
    enum alert_series state = a->state == RULE_FIRING ? ALERT_FIRING : ALERT_PENDING;
    int status = output_add(r, rule, b, series_labels(a, state), &present, err);

    if (status < 0)
        return status;
    return output_add(r, rule, b, series_labels(a, ALERT_FOR_STATE), &since, err);
}

/* ---- one run */

int alerting_apply(struct rules *r, struct group *g, struct rule *rule,
                   const struct promql_result *result, unix_ns ts, struct batch *b, struct err *err)
{
    CLEANUP(found_list_deinit) struct found_list found = {0};
    CLEANUP(mem_freep) struct promql_series *firing = NULL;
    struct promql_result part = *result;
    struct active_alert *a;
    int64_t active;
    int status;

    if (rule_measures(rule)) {
        measured_split(r, g, rule, result, ts, &part);
        firing = part.series;
    }
    status = find_all(r, g, rule, &part, ts, &found, err);
    if (status < 0)
        return status;
    lock_take(&g->lock);
    for (size_t i = 0; i < found.n; i++)
        take_found(rule, &found.items[i], ts);
    measured_keep(rule);
    active = step_all(rule, ts);
    if (g->limit > 0 && active > g->limit) {
        alerts_clear(rule);
        status = err_set(err, -E2BIG, "exceeded limit of %lld with %lld alerts",
                         (long long)g->limit, (long long)active);
    }
    lock_give(&g->lock);
    measured_resolved(r, g, rule, ts);
    for (size_t i = 0; rule->writes && status == 0 && (a = map_next(&rule->alerts, &i));)
        if (a->state != RULE_INACTIVE)
            status = write_alert(r, rule, b, a, unix_ms_of_ns(ts) - g->query_offset, err);
    return status;
}

/* ---- restart */

/* When the alert became active, by what was last written about it at `written`. */
static unix_ns restored_time(const struct rules *r, const struct rule *rule, unix_ns active,
                             unix_ns written, unix_ns ts)
{
    int64_t hold = rule->hold * NS_PER_MS, grace = r->options.for_grace_period * NS_PER_MS;
    int64_t remaining = hold - (written - active);

    if (remaining <= 0)
        return active; /* it was firing, and fires in the next run */
    if (remaining < grace)
        return ts + grace - hold;
    return active + (ts - written); /* the outage does not count */
}

static struct active_alert *find_pending(const struct rule *rule, const struct label_set *series)
{
    CLEANUP(label_builder_deinit) struct label_builder lb = {0};
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    struct active_alert *a;

    label_builder_init(&lb, series);
    label_builder_del(&lb, LABEL_NAME);
    labels = label_builder_build(&lb);
    a = find(rule, labels);
    return a && a->state == RULE_PENDING ? a : NULL;
}

static void restore_one(struct rules *r, struct group *g, const struct rule *rule,
                        struct active_alert *a, unix_ms t, double v, unix_ns ts)
{
    unix_ns written = unix_ns_of_ms(t), restored;

    /* Anybody may have written the series. This leaves out the staleness marker, too. */
    if (!(v >= 0 && v <= (double)t / 1000))
        return;
    restored = restored_time(r, rule, (unix_ns)v * NS_PER_S, written, ts);
    lock_take(&g->lock);
    a->active_at = restored;
    lock_give(&g->lock);
}

static int restore_from(struct rules *r, struct group *g, struct rule *rule,
                        const struct selection *found, unix_ms from, unix_ms to, unix_ns ts,
                        struct err *err)
{
    const struct series_reader *reader = &r->options.reader;
    struct columns c = {0};
    int status = 0;

    for (size_t i = 0; i < found->n && status == 0; i++) {
        struct active_alert *a = find_pending(rule, found->labels[i]);

        if (a)
            status = reader->read(found, i, from, to, &c, err);
        if (a && status == 0 && c.n > 0)
            restore_one(r, g, rule, a, c.times[c.n - 1], c.values[c.n - 1], ts);
    }
    columns_deinit(&c);
    return status;
}

/* Looks for the newest ALERTS_FOR_STATE of every alert within the tolerated outage. A `for` shorter
 * than the grace period is not worth it. */
void alerting_restore(struct rules *r, struct group *g, struct rule *rule, unix_ns ts)
{
    const struct series_reader *reader = &r->options.reader;
    CLEANUP(matcher_freep) struct matcher *name = NULL;
    CLEANUP(matcher_freep) struct matcher *alert = NULL;
    struct selection *found = NULL;
    unix_ms to = unix_ms_of_ns(ts), from = to - r->options.for_outage_tolerance;
    struct err err = {0};
    int status;

    if (!rule->alerting || rule->alerts.n == 0 || rule->hold < r->options.for_grace_period)
        return;
    matcher_new(MATCH_EQ, LABEL_NAME, STR("ALERTS_FOR_STATE"), &name, NULL);
    matcher_new(MATCH_EQ, STR("alertname"), str_c(rule->name), &alert, NULL);
    status = reader->select(reader->self, (const struct matcher *const[]){name, alert}, 2, from, to,
                            &found, &err);
    if (status == 0) {
        status = restore_from(r, g, rule, found, from, to, ts, &err);
        reader->release(found);
    }
    if (status < 0)
        log_event(LOG_ERROR, "alert_state_not_restored", "group", g->name, "rule", rule->name,
                  "error", err.msg, NULL);
}
