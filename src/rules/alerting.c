/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerting - the state machine of an alert rule (prometheus.md 3.3)
 *
 *     not there ──result──▶ pending ──`for` is over──▶ firing ──no result──▶ resolved ──15 min──▶ not there
 *                              └──no result──▶ not there     └─keep_firing_for─┘
 *
 * The identity of an alert is its label set; annotations and value follow the newest run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/quote.h"
#include "config/config.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

#define TEXT_MAX    (1u << 20) /* bytes of one expanded label or annotation */
#define SCRATCH_MAX (64u << 20)

SELFMETRIC(template_failures, METRIC_COUNTER, "tocsin_rule_template_failures_total", NULL,
           "Labels and annotations that could not be expanded; the text says why.");
SELFMETRIC(post_failures, METRIC_COUNTER, "tocsin_rule_alerts_not_taken_total", NULL,
           "Alerts that routing could not take (disk); they are reported again in the next run.");

static void alert_free(struct active_alert *a)
{
    label_set_unref(a->labels);
    label_set_unref(a->annotations);
    free(a);
}

void alerts_clear(struct rule *rule)
{
    struct active_alert *a;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));)
        alert_free(a);
    map_deinit(&rule->alerts);
    rule->alerts = (struct map){0};
}

/* ---- templates ------------------------------------------------------------------------------------------------------- */

struct asking {
    struct rules *rules;
    unix_ms t;
};

/* {{ query "expr" }}: an instant vector at the time of the run. */
static int template_query(void *self, struct str text, struct arena *arena, struct tmpl_list *ret, struct err *err)
{
    const struct asking *ask = self;
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o = {.lookback = ask->rules->options.lookback};
    struct tmpl_value *items;
    int r = promql_parse(text, NULL, &expr, err);

    if (r == 0)
        r = promql_instant(expr, &ask->rules->options.reader, &o, ask->t, &result, err);
    if (r < 0)
        return r;
    if (result->type != PROMQL_VECTOR && result->type != PROMQL_SCALAR)
        return err_set(err, -EINVAL, "query result is not a vector or scalar");
    items = arena_array(arena, result->n, sizeof *items);
    for (size_t i = 0; i < result->n; i++) {
        /* The values outlive the result: its label sets and histograms are copied. */
        if (result->series[i].histograms && result->series[i].histograms[0]) {
            struct buf hist = {0};

            hist_print(result->series[i].histograms[0], &hist);
            items[i] = tmpl_sample_histogram(arena, result->series[i].labels, arena_str(arena, buf_str(&hist)));
            buf_free(&hist);
        } else {
            items[i] = tmpl_sample(arena, result->series[i].labels, result->series[i].values[0]);
        }
    }
    *ret = (struct tmpl_list){items, result->n};
    return 0;
}

static void expand(struct rules *r, const struct rule_texts *texts, const struct template_alert *data, unix_ns ts,
                   struct label_builder *b)
{
    struct asking ask = {r, unix_ms_of_ns(ts)};
    struct tmpl_env env = {.now = ts, .query = template_query, .query_self = &ask};
    struct arena arena;

    arena_init(&arena, SCRATCH_MAX);
    for (size_t i = 0; i < texts->n; i++) {
        struct buf text = {.max = TEXT_MAX};

        if (template_expand_alert(texts->items[i].template, data, &env, &arena, &text) < 0)
            selfmetric_add(&template_failures, 1);
        label_builder_set(b, str_c(texts->items[i].name), buf_str(&text));
        buf_free(&text);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

static void describe_value(const struct promql_series *s, struct buf *text, struct template_alert *data)
{
    if (s->histograms && s->histograms[0]) {
        hist_print(s->histograms[0], text);
        data->value = tmpl_histogram(buf_str(text));
    } else {
        data->value = tmpl_float(s->values[0]);
    }
}

/* Label set and annotations of the alert that one sample of the result stands for. */
static void make_sets(struct rules *r, const struct rule *rule, const struct promql_series *s, unix_ns ts,
                      struct label_set **ret_labels, struct label_set **ret_annotations)
{
    struct label_set *none = label_set_empty();
    const struct label_set *of_result = s->labels ? s->labels : none;
    struct template_alert data = {.labels = of_result,
                                  .external_labels = r->config->external_labels,
                                  .external_url = str_c(r->external_url)};
    struct label_builder b;
    struct buf text = {0};

    describe_value(s, &text, &data);
    label_builder_init(&b, of_result);
    label_builder_del(&b, LABEL_NAME);
    expand(r, &rule->labels, &data, ts, &b);
    label_builder_set(&b, STR("alertname"), str_c(rule->name));
    *ret_labels = label_builder_build(&b);
    label_builder_deinit(&b);

    label_builder_init(&b, NULL);
    expand(r, &rule->annotations, &data, ts, &b);
    *ret_annotations = label_builder_build(&b);
    label_builder_deinit(&b);
    label_set_unref(none);
    buf_free(&text);
}

/* ---- one run --------------------------------------------------------------------------------------------------------- */

static struct active_alert *find(const struct rule *rule, const struct label_set *labels)
{
    return map_get(&rule->alerts, label_set_hash(labels), same_labels, labels);
}

/* What the result of a run stands for: made whole before any state is touched, so that a faulty result changes
 * nothing. */
struct found {
    struct label_set *labels, *annotations;
    double value;
};

static void found_free(struct found *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        label_set_unref(f[i].labels);
        label_set_unref(f[i].annotations);
    }
    free(f);
}

static int make_all(struct rules *r, const struct rule *rule, const struct promql_result *result, unix_ns ts,
                    struct found **ret, struct err *err)
{
    struct found *f = mem_array(result->n, sizeof *f);
    struct map seen = {0};
    int status = 0;
    size_t n = 0;

    while (n < result->n && status == 0) {
        const struct promql_series *s = &result->series[n];
        uint64_t hash;

        make_sets(r, rule, s, ts, &f[n].labels, &f[n].annotations);
        f[n].value = s->values[0];
        hash = label_set_hash(f[n].labels);
        if (map_get(&seen, hash, same_labels, f[n].labels))
            status = err_set(err, -EINVAL,
                             "vector contains metrics with the same labelset after applying alert labels");
        else
            map_add(&seen, hash, &f[n]);
        n++;
    }
    map_deinit(&seen);
    if (status < 0)
        found_free(f, n);
    else
        *ret = f;
    return status;
}

/* Takes over annotations and value; an alert that was resolved begins anew. */
static void take_found(struct rule *rule, struct found *f, unix_ns ts)
{
    struct active_alert *a = find(rule, f->labels);

    if (!a) {
        a = mem_zalloc(sizeof *a);
        a->labels = label_set_ref(f->labels);
        map_add(&rule->alerts, label_set_hash(f->labels), a);
    }
    if (!a->annotations || a->state == RULE_INACTIVE) {
        a->state = RULE_PENDING;
        a->active_at = ts;
        a->fired_at = a->resolved_at = a->keep_firing_since = a->last_sent_at = UNIX_NS_ZERO;
    }
    label_set_unref(a->annotations);
    a->annotations = TAKE(f->annotations);
    a->value = f->value;
    a->run = rule->run;
}

/* Returns false when the alert is to be forgotten. */
static bool step(const struct rule *rule, struct active_alert *a, unix_ns ts)
{
    int64_t keep = rule->keep_firing_for * NS_PER_MS;

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
    if (a->state == RULE_FIRING && keep > 0) {
        if (a->keep_firing_since == UNIX_NS_ZERO)
            a->keep_firing_since = ts;
        if (ts - a->keep_firing_since < keep)
            return true;
    }
    if (a->state == RULE_FIRING) {
        a->state = RULE_INACTIVE;
        a->resolved_at = ts;
    }
    return ts - a->resolved_at <= RESOLVED_RETENTION;
}

static int64_t step_all(struct rule *rule, unix_ns ts)
{
    struct active_alert **gone = NULL, *a;
    size_t n_gone = 0, cap_gone = 0;
    int64_t active = 0;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        if (!step(rule, a, ts))
            *VEC_PUSH(gone, n_gone, cap_gone) = a;
        else
            active += a->state != RULE_INACTIVE;
    }
    for (size_t i = 0; i < n_gone; i++) {
        map_remove(&rule->alerts, label_set_hash(gone[i]->labels), same_labels, gone[i]->labels);
        alert_free(gone[i]);
    }
    free(gone);
    return active;
}

static int write_series(struct rules *r, struct rule *rule, struct batch *b, const struct active_alert *a,
                        const char *name, const char *state, unix_ms t, double v, struct err *err)
{
    struct label_builder lb;
    struct label_set *ls;
    int status;

    label_builder_init(&lb, a->labels);
    label_builder_set(&lb, LABEL_NAME, str_c(name));
    if (state)
        label_builder_set(&lb, STR("alertstate"), str_c(state));
    ls = label_builder_build(&lb);
    label_builder_deinit(&lb);
    status = output_add(r, rule, b, ls, t, v, err);
    label_set_unref(ls);
    return status;
}

static int write_all(struct rules *r, struct rule *rule, struct batch *b, unix_ms t, struct err *err)
{
    struct active_alert *a;
    int status;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        if (a->state == RULE_INACTIVE)
            continue;
        status = write_series(r, rule, b, a, "ALERTS", a->state == RULE_FIRING ? "firing" : "pending", t, 1, err);
        if (status == 0)
            status = write_series(r, rule, b, a, "ALERTS_FOR_STATE", NULL, t, (double)(a->active_at / NS_PER_S), err);
        if (status < 0)
            return status;
    }
    return 0;
}

int alerting_apply(struct rules *r, struct group *g, struct rule *rule, const struct promql_result *result,
                   unix_ns ts, struct batch *b, struct err *err)
{
    struct found *found = NULL;
    int status = make_all(r, rule, result, ts, &found, err);
    int64_t active;

    if (status < 0)
        return status;
    for (size_t i = 0; i < result->n; i++)
        take_found(rule, &found[i], ts);
    found_free(found, result->n);
    active = step_all(rule, ts);
    if (g->limit > 0 && active > g->limit) {
        alerts_clear(rule);
        return err_set(err, -E2BIG, "exceeded limit of %lld with %lld alerts", (long long)g->limit,
                       (long long)active);
    }
    return rule->writes ? write_all(r, rule, b, unix_ms_of_ns(ts) - g->query_offset, err) : 0;
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

static bool is_due(const struct rules *r, const struct active_alert *a, unix_ns ts)
{
    if (a->state == RULE_PENDING)
        return false;
    if (a->last_sent_at == UNIX_NS_ZERO || (a->state == RULE_INACTIVE && a->resolved_at > a->last_sent_at))
        return true;
    return a->last_sent_at + r->options.resend_delay * NS_PER_MS < ts;
}

static char *generator_url(const struct rules *r, const struct rule *rule)
{
    struct buf url = {0};

    buf_addf(&url, "%s/graph?g0.expr=", r->external_url);
    quote_add_url(&url, str_c(rule->query));
    buf_add_c(&url, "&g0.tab=1");
    return buf_take(&url);
}

static struct alert *make_alert(const struct rules *r, const struct group *g, const struct active_alert *a, unix_ns ts,
                                const char *url)
{
    const struct label_set *external = r->config->external_labels;
    int64_t keep = g->interval > r->options.resend_delay ? g->interval : r->options.resend_delay;
    struct label_builder b;
    struct label_set *labels;
    struct alert *alert;

    label_builder_init(&b, a->labels);
    for (size_t i = 0; i < label_set_count(external); i++)
        if (label_builder_get(&b, label_set_at(external, i).name).len == 0)
            label_builder_set(&b, label_set_at(external, i).name, label_set_at(external, i).value);
    labels = label_builder_build(&b);
    label_builder_deinit(&b);
    alert = alert_new(labels, a->annotations, a->fired_at,
                      a->state == RULE_INACTIVE ? a->resolved_at : ts + 4 * keep * NS_PER_MS, ts, url);
    label_set_unref(labels);
    return alert;
}

/* An alert counts as sent only when the sink took it: what could not be taken is due again in the next run. */
void alerting_send(struct rules *r, struct group *g, struct rule *rule, unix_ns ts)
{
    struct active_alert **due = NULL, *a;
    const struct alert **list;
    size_t n = 0, cap = 0;
    struct err err = {0};
    CLEANUP(mem_freep) char *url = NULL;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));)
        if (is_due(r, a, ts))
            *VEC_PUSH(due, n, cap) = a;
    if (n == 0)
        return;
    url = generator_url(r, rule);
    list = mem_array(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = make_alert(r, g, due[i], ts, url);
    if (r->options.alerts.post(r->options.alerts.self, list, n, ts, &err) == 0) {
        for (size_t i = 0; i < n; i++)
            due[i]->last_sent_at = ts;
    } else {
        selfmetric_add(&post_failures, (int64_t)n);
        log_event(LOG_ERROR, "alerts_not_taken", "rule", rule->name, "error", err.msg, NULL);
    }
    for (size_t i = 0; i < n; i++)
        alert_unref(list[i]);
    free(list);
    free(due);
}

/* ---- restart --------------------------------------------------------------------------------------------------------- */

/* The newest ALERTS_FOR_STATE of an alert, when it was written within the tolerated outage and did not end. */
static bool last_state(struct rules *r, const struct active_alert *a, unix_ns ts, unix_ns *ret_written,
                       unix_ns *ret_active)
{
    const struct series_reader *reader = &r->options.reader;
    unix_ms to = unix_ms_of_ns(ts), from = to - r->options.for_outage_tolerance;
    struct matcher *name = NULL, *alert = NULL;
    struct selection *found = NULL;
    struct columns c = {0};
    struct label_builder b;
    struct label_set *wanted;
    bool any = false;

    label_builder_init(&b, a->labels);
    label_builder_set(&b, LABEL_NAME, STR("ALERTS_FOR_STATE"));
    wanted = label_builder_build(&b);
    label_builder_deinit(&b);
    matcher_new(MATCH_EQ, LABEL_NAME, STR("ALERTS_FOR_STATE"), &name, NULL);
    matcher_new(MATCH_EQ, STR("alertname"), label_set_get(a->labels, STR("alertname")), &alert, NULL);
    if (reader->select(reader->self, (const struct matcher *const[]){name, alert}, 2, from, to, &found, NULL) == 0) {
        for (size_t i = 0; i < found->n && !any; i++) {
            if (!label_set_eq(found->labels[i], wanted))
                continue;
            if (reader->read(found, i, from, to, &c, NULL) == 0 && c.n && !is_stale(c.values[c.n - 1])) {
                *ret_written = unix_ns_of_ms(c.times[c.n - 1]);
                *ret_active = (unix_ns)c.values[c.n - 1] * NS_PER_S;
                any = true;
            }
        }
        reader->release(found);
    }
    columns_deinit(&c);
    matcher_free(name);
    matcher_free(alert);
    label_set_unref(wanted);
    return any;
}

void alerting_restore(struct rules *r, struct rule *rule, unix_ns ts)
{
    int64_t hold = rule->hold * NS_PER_MS, grace = r->options.for_grace_period * NS_PER_MS;
    struct active_alert *a;

    if (!rule->alerting || rule->hold < r->options.for_grace_period)
        return;
    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        unix_ns written, active;
        int64_t remaining;

        if (!last_state(r, a, ts, &written, &active))
            continue;
        remaining = hold - (written - active);
        if (remaining <= 0)
            a->active_at = active;
        else if (remaining < grace)
            a->active_at = ts + grace - hold;
        else
            a->active_at = active + (ts - written);
    }
}
