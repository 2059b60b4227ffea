/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest - the span in pieces, each a range query, and the runs of each piece one after the other
 *
 * A rule is put through in several versions at once that differ in their threshold: number 0 is the
 * rule as it stands, whose alerts are written down; of the others only what fires is counted.
 */
#include "rules/backtest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "rules/backtest_priv.h"
#include "rules/load_priv.h"

#define FIRST_PIECE 64    /* runs; how many series there are shows then */
#define PIECE_MAX   16384 /* runs */
#define VERSIONS    (BACKTEST_THRESHOLDS_MAX + 1)

/* A label set that is an alert, or was: in each version. */
struct subject {
    const struct label_set *labels;
    bool rests;                  /* is on the list of those that may be forgotten */
    enum rule_state before;      /* the step of the version at hand, and ... */
    bool stays;                  /* ... whether it is an alert after it */
    uint32_t live;               /* bits of the versions that have it among their alerts */
    uint32_t seen;               /* number of the version that met it last in this run, from 1 */
    uint64_t seen_run;           /* that run */
    double peak;                 /* of version 0 */
    size_t told;                 /* place of it among the alerts that are listed, from 1; 0: none */
    struct active_alert state[]; /* by version */
};

struct version {
    double threshold;
    uint64_t fired;
    struct subject **live;
    size_t n_live, cap_live;
};

struct trial {
    const struct backtest_options *o;
    struct rules *rules;
    const struct group *group;
    struct rule *rule;
    struct backtest_rule *out;
    mono_ns deadline;

    const struct promql_expr *expr;    /* asked: the rule's, or what it measures */
    const struct threshold *threshold; /* NULL: every element of the result fires */
    struct version versions[VERSIONS];
    size_t n_versions;
    double loosest;              /* threshold: what does not pass it passes none */
    bool writes_down;            /* alerts of version 0, and values */
    struct value_counts *values; /* NULL: not counted */
    struct map subjects;         /* by label set */
    size_t subject_size;
    struct subject **resting;
    size_t n_resting, cap_resting;
    bool by_series; /* labels of an alert depend on those of its series only */
};

/* ---- subjects ------------------------------------------------------------------------------ */

static void subject_free(struct subject *s)
{
    label_set_unref(s->labels);
    free(s);
}

static int subject_get(struct trial *t, const struct promql_series *s, unix_ns ts,
                       struct subject **ret, struct err *err)
{
    struct label_set *made = NULL;
    struct subject *found;
    uint64_t hash;

    alert_expand(t->rules, t->group, t->rule, s, ts, &made, NULL);
    CLEANUP(label_set_unrefp) const struct label_set *labels = made;
    hash = label_set_hash(labels);
    found = map_get(&t->subjects, hash, same_labels, labels);
    if (!found) {
        if ((t->subjects.n + 1) * t->subject_size > BACKTEST_STATE_MAX)
            return err_set(err, -E2BIG, "rule \"%s\" has more than %zu alerts at a time",
                           t->rule->name, t->subjects.n);
        found = mem_zalloc(t->subject_size);
        found->labels = label_set_ref(labels);
        map_add(&t->subjects, hash, found);
    }
    *ret = found;
    return 0;
}

/* Where labels follow the value there is no end of them: what is no alert any more goes, but not
 * before the run is over, because other versions may have met it. */
static void subject_rest(struct trial *t, struct subject *s)
{
    if (t->by_series || s->live || s->rests)
        return;
    s->rests = true;
    *VEC_PUSH(t->resting, t->n_resting, t->cap_resting) = s;
}

static void forget_resting(struct trial *t)
{
    for (size_t i = 0; i < t->n_resting; i++) {
        struct subject *s = t->resting[i];

        s->rests = false;
        if (s->live)
            continue;
        map_remove(&t->subjects, label_set_hash(s->labels), same_labels, s->labels);
        subject_free(s);
    }
    t->n_resting = 0;
}

static bool is_plain_path(struct str s)
{
    static const char *const roots[] = {"$labels.", ".Labels.", "$externalLabels.",
                                        ".ExternalLabels."};
    size_t root = 0;

    for (size_t i = 0; i < ARRAY_LEN(roots); i++)
        if (str_has_prefix(s, str_c(roots[i])))
            root = strlen(roots[i]);
    return root > 0 && label_name_is_valid(str_n(s.p + root, s.len - root)) &&
           !memchr(s.p + root, '.', s.len - root);
}

/* Whether a label's template has nothing in its braces but names of labels. */
static bool is_of_labels(struct str text)
{
    size_t open, close;

    while ((open = str_find(text, STR("{{"))) < text.len) {
        text = str_n(text.p + open + 2, text.len - open - 2);
        close = str_find(text, STR("}}"));
        if (close >= text.len || !is_plain_path(str_trim(str_n(text.p, close))))
            return false;
        text = str_n(text.p + close + 2, text.len - close - 2);
    }
    return true;
}

static bool labels_are_by_series(const struct rule *rule)
{
    for (size_t i = 0; i < rule->labels.n; i++)
        if (!is_of_labels(str_c(rule->labels.items[i].text)))
            return false;
    return true;
}

/* ---- what version 0 does is written down --------------------------------------------------- */

static bool is_higher(const struct trial *t, double v, double than)
{
    return t->threshold && !threshold_is_upper(t->threshold->op) ? v < than : v > than;
}

static void note_met(struct trial *t, struct subject *s, bool begins, double v)
{
    if (begins || is_higher(t, v, s->peak) || isnan(s->peak))
        s->peak = v;
    if (begins)
        s->told = 0;
    else if (s->told)
        t->out->alerts[s->told - 1].peak = s->peak;
}

static void note_fired(struct trial *t, struct subject *s)
{
    struct backtest_rule *out = t->out;
    const struct active_alert *a = &s->state[0];

    out->fired++;
    if (out->n_alerts == BACKTEST_ALERTS_MAX)
        return;
    *VEC_PUSH(out->alerts, out->n_alerts,
              out->cap_alerts) = (struct backtest_alert){.labels = label_set_ref(s->labels),
                                                         .pending_at = a->active_at,
                                                         .fired_at = a->fired_at,
                                                         .ended_at = UNIX_NS_ZERO,
                                                         .peak = s->peak};
    s->told = out->n_alerts;
}

static void note_end(struct trial *t, struct subject *s, unix_ns ts)
{
    if (s->told)
        t->out->alerts[s->told - 1].ended_at = ts;
    s->told = 0;
}

static void note_failed(struct trial *t, const char *words)
{
    if (!t->writes_down)
        return;
    t->out->failed++;
    if (!t->out->error)
        t->out->error = mem_strdup(words);
}

/* ---- one run ------------------------------------------------------------------------------- */

struct met {
    struct subject *subject;
    double value;
};

struct run_results {
    struct met *items;
    size_t n, cap;
};

static bool passes(const struct trial *t, size_t k, double v)
{
    return !t->threshold || threshold_passes(t->threshold->op, v, t->versions[k].threshold);
}

/* A result with one label set twice changes nothing. */
static bool has_doubles(const struct trial *t, size_t k, const struct run_results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct subject *s = r->items[i].subject;

        if (!passes(t, k, r->items[i].value))
            continue;
        if (s->seen == k + 1 && s->seen_run == t->rule->run)
            return true;
        s->seen = (uint32_t)k + 1;
        s->seen_run = t->rule->run;
    }
    return false;
}

static void meet_all(struct trial *t, size_t k, const struct run_results *r, unix_ns ts)
{
    struct version *v = &t->versions[k];

    for (size_t i = 0; i < r->n; i++) {
        struct subject *s = r->items[i].subject;
        struct active_alert *a = &s->state[k];

        if (!passes(t, k, r->items[i].value))
            continue;
        if (k == 0 && t->writes_down)
            note_met(t, s, a->state == RULE_INACTIVE, r->items[i].value);
        alert_meet(a, r->items[i].value, t->rule->run, ts);
        if (!(s->live & 1u << k)) {
            s->live |= 1u << k;
            *VEC_PUSH(v->live, v->n_live, v->cap_live) = s;
        }
    }
}

static void note_change(struct trial *t, size_t k, struct subject *s, unix_ns ts)
{
    enum rule_state after = s->state[k].state;
    bool written = k == 0 && t->writes_down;

    if (s->before == RULE_PENDING && after == RULE_FIRING) {
        t->versions[k].fired++;
        if (written)
            note_fired(t, s);
    } else if (written && s->before == RULE_FIRING && after == RULE_INACTIVE) {
        note_end(t, s, ts);
    } else if (written && s->before == RULE_PENDING && !s->stays) {
        t->out->pending_only++;
    }
}

/* Returns how many are pending or firing. */
static int64_t step_all(struct trial *t, size_t k, unix_ns ts)
{
    const struct version *v = &t->versions[k];
    int64_t active = 0;

    for (size_t i = 0; i < v->n_live; i++) {
        struct subject *s = v->live[i];

        s->before = s->state[k].state;
        s->stays = alert_step(t->rule, &s->state[k], ts);
        active += s->stays && s->state[k].state != RULE_INACTIVE;
    }
    return active;
}

static void forget(struct trial *t, size_t k, struct subject *s)
{
    s->state[k] = (struct active_alert){0};
    s->live &= ~(1u << k);
    subject_rest(t, s);
}

static void settle(struct trial *t, size_t k, unix_ns ts)
{
    struct version *v = &t->versions[k];
    size_t kept = 0;

    for (size_t i = 0; i < v->n_live; i++) {
        struct subject *s = v->live[i];

        note_change(t, k, s, ts);
        if (s->stays)
            v->live[kept++] = s;
        else
            forget(t, k, s);
    }
    v->n_live = kept;
}

/* What is beyond the limit of its group loses all alerts, and nobody hears of those that would have
 * begun to fire. */
static void clear_all(struct trial *t, size_t k, unix_ns ts)
{
    struct version *v = &t->versions[k];

    for (size_t i = 0; i < v->n_live; i++) {
        if (k == 0 && t->writes_down)
            note_end(t, v->live[i], ts);
        forget(t, k, v->live[i]);
    }
    v->n_live = 0;
}

static void run_version(struct trial *t, size_t k, const struct run_results *r, unix_ns ts)
{
    struct err err = {0};
    int64_t active;

    if (has_doubles(t, k, r)) {
        if (k == 0)
            note_failed(t, "vector contains metrics with the same labelset after applying alert "
                           "labels");
        return;
    }
    meet_all(t, k, r, ts);
    active = step_all(t, k, ts);
    if (t->group->limit == 0 || active <= t->group->limit) {
        settle(t, k, ts);
        return;
    }
    clear_all(t, k, ts);
    err_set(&err, -E2BIG, "exceeded limit of %lld with %lld alerts", (long long)t->group->limit,
            (long long)active);
    if (k == 0)
        note_failed(t, err.msg);
}

/* ---- a piece of the span ------------------------------------------------------------------- */

struct cursor {
    size_t next;
    struct subject *subject; /* with by_series, once it is known */
};

static bool is_histogram(const struct promql_series *s, size_t i)
{
    return s->histograms && s->histograms[i];
}

/* The element of a series in one run, as instant queries have it. */
static int take_point(struct trial *t, const struct promql_series *s, size_t i, struct cursor *c,
                      unix_ns ts, struct run_results *r, struct err *err)
{
    struct promql_series one = {.labels = s->labels,
                                .n = 1,
                                .times = &s->times[i],
                                .values = &s->values[i],
                                .histograms = is_histogram(s, i) ? &s->histograms[i] : NULL};
    struct subject *subject = c->subject;
    double v = s->values[i];
    int status;

    if (t->threshold && is_histogram(s, i))
        return 0;
    if (t->values)
        value_counts_add(t->values, v);
    if (t->threshold && !threshold_passes(t->threshold->op, v, t->loosest))
        return 0;
    if (!subject) {
        status = subject_get(t, &one, ts, &subject, err);
        if (status < 0)
            return status;
        c->subject = t->by_series ? subject : NULL;
    }
    *VEC_PUSH(r->items, r->n, r->cap) = (struct met){subject, v};
    return 0;
}

static bool is_cancelled(const struct trial *t)
{
    const atomic_bool *cancel = t->o->promql.cancel;

    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static int take_piece(struct trial *t, const struct promql_result *result, unix_ms from, unix_ms to,
                      struct err *err)
{
    CLEANUP(mem_freep) struct cursor *cursors = mem_array(result->n, sizeof *cursors);
    CLEANUP(mem_freep) struct met *items = NULL;
    struct run_results r = {0};
    int status = 0;

    for (unix_ms at = from; at <= to && status == 0; at += t->out->step) {
        unix_ns ts = unix_ns_of_ms(at);

        if (is_cancelled(t)) {
            status = err_set(err, -ECANCELED, "canceled");
            break;
        }
        r.n = 0;
        t->rule->run++;
        for (size_t i = 0; i < result->n && status == 0; i++) {
            const struct promql_series *s = &result->series[i];
            struct cursor *c = &cursors[i];

            if (c->next < s->n && s->times[c->next] == at - t->group->query_offset)
                status = take_point(t, s, c->next++, c, ts, &r, err);
        }
        for (size_t k = 0; k < t->n_versions && status == 0; k++)
            run_version(t, k, &r, ts);
        forget_resting(t);
    }
    items = r.items;
    return status;
}

static int ask(struct trial *t, unix_ms from, unix_ms to, struct promql_result **ret,
               struct err *err)
{
    struct promql_options o = t->o->promql;

    o.timeout = (t->deadline - clock_mono_ns()) / NS_PER_MS;
    if (o.timeout <= 0)
        return err_set(err, -ETIMEDOUT, "the backtest took too long");
    o.subquery_step = t->group->subquery_step;
    return promql_range(t->expr, &t->o->reader, &o, from - t->group->query_offset,
                        to - t->group->query_offset, t->out->step, ret, err);
}

/* A query that fails may do so because of one of its runs: the piece is halved until it is that. */
static int run_span(struct trial *t, unix_ms first, unix_ms last, struct err *err)
{
    dur_ms step = t->out->step;
    int64_t piece = FIRST_PIECE;

    for (unix_ms at = first; at <= last;) {
        CLEANUP(promql_result_freep) struct promql_result *result = NULL;
        unix_ms to = (last - at) / step < piece ? last : at + (piece - 1) * step;
        struct err why = {0};
        int status = ask(t, at, to, &result, &why);

        if ((status == -E2BIG || status == -EINVAL) && to > at) {
            piece = (to - at) / step / 2 + 1;
            continue;
        }
        if (status == -E2BIG || status == -EINVAL) {
            t->rule->run++;
            note_failed(t, why.msg);
            at += step;
            continue;
        }
        if (status < 0)
            return err_set(err, status, "%s", why.msg);
        status = take_piece(t, result, at, to, err);
        if (status < 0)
            return status;
        piece = BACKTEST_POINTS / (int64_t)(result->n + 1);
        piece = piece < 1 ? 1 : piece > PIECE_MAX ? PIECE_MAX : piece;
        at = to + step;
    }
    return 0;
}

/* ---- one pass over the span ---------------------------------------------------------------- */

static void set_versions(struct trial *t, const double *thresholds, size_t n)
{
    t->n_versions = n;
    t->subject_size = sizeof(struct subject) + n * sizeof(struct active_alert);
    for (size_t k = 0; k < n; k++) {
        t->versions[k] = (struct version){.threshold = thresholds[k]};
        if (k == 0 || threshold_passes(t->threshold->op, thresholds[k], t->loosest))
            continue;
        t->loosest = thresholds[k];
    }
}

static void pass_deinit(struct trial *t)
{
    struct subject *s;

    for (size_t i = 0; (s = map_next(&t->subjects, &i));)
        subject_free(s);
    map_deinit(&t->subjects);
    t->subjects = (struct map){0};
    for (size_t k = 0; k < t->n_versions; k++)
        free(t->versions[k].live);
    t->n_versions = 0;
}

/* Runs are at multiples of the step, so that the same span has the same runs always. */
static int pass(struct trial *t, const double *thresholds, size_t n, struct err *err)
{
    dur_ms step = t->out->step;
    unix_ms first = t->o->from + (step - t->o->from % step) % step;
    unix_ms last = t->o->to - t->o->to % step;
    int status;

    t->loosest = thresholds[0];
    set_versions(t, thresholds, n);
    t->rule->run = 0;
    if (first > last)
        return 0;
    if (t->writes_down)
        t->out->runs = (uint64_t)((last - first) / step) + 1;
    if ((last - first) / step >= BACKTEST_RUNS_MAX)
        return err_set(err, -E2BIG, "%lld runs, more than %d; take a larger step or a shorter span",
                       (long long)((last - first) / step + 1), BACKTEST_RUNS_MAX);
    status = run_span(t, first, last, err);
    return status;
}

/* ---- thresholds ---------------------------------------------------------------------------- */

static int compare_thresholds(const void *a, const void *b)
{
    double x = ((const struct backtest_threshold *)a)->value;
    double y = ((const struct backtest_threshold *)b)->value;

    return x < y ? -1 : x > y;
}

static void list_thresholds(struct trial *t)
{
    struct backtest_rule *out = t->out;

    for (size_t k = 0; k < t->n_versions && out->n_thresholds < BACKTEST_THRESHOLDS_MAX; k++)
        out->thresholds[out->n_thresholds++] = (struct backtest_threshold){
            t->versions[k].threshold, t->versions[k].fired,
            t->versions[k].threshold == t->threshold->value};
    qsort(out->thresholds, out->n_thresholds, sizeof *out->thresholds, compare_thresholds);
}

static void add_new(double *list, size_t *n, double v)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == v)
            return;
    if (*n < BACKTEST_THRESHOLDS_MAX)
        list[(*n)++] = v;
}

/* The half of the distribution where the rule is to fire. */
static void list_quantiles(struct backtest_rule *out, const struct value_counts *values, bool upper)
{
    static const double shares[BACKTEST_QUANTILES] = {0, 0.5, 0.9, 0.95, 0.99, 0.999, 1};

    out->values = values->n;
    for (size_t i = 0; i < BACKTEST_QUANTILES && values->n; i++) {
        double q = upper ? shares[i] : 1 - shares[BACKTEST_QUANTILES - 1 - i];

        out->quantiles[i] = (struct backtest_quantile){q, value_counts_quantile(values, q)};
    }
}

/* Not the extremes, which one odd value makes, and not what is there half of the time. */
static bool is_of_interest(double q)
{
    return q > 0 && q < 1 && q != 0.5;
}

/* What passes none of the thresholds need not be asked for. */
static int ask_for_loosest(struct trial *t, const double *list, size_t n, struct promql_expr **ret,
                           struct err *err)
{
    double loosest = list[0];
    int status;

    for (size_t i = 1; i < n; i++)
        if (!threshold_passes(t->threshold->op, list[i], loosest))
            loosest = list[i];
    status = threshold_replace(t->rule->expr, &t->o->features, loosest, ret);
    t->expr = *ret;
    return status < 0 ? err_set(err, status, "the expression with another threshold") : 0;
}

static int try_thresholds(struct trial *t, struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct backtest_rule *out = t->out;
    double list[BACKTEST_THRESHOLDS_MAX] = {t->threshold->value};
    size_t n = 1;
    int status;

    for (size_t i = 0; i < t->o->n_thresholds; i++)
        add_new(list, &n, t->o->thresholds[i]);
    for (size_t i = 0; i < BACKTEST_QUANTILES && out->values && !t->o->n_thresholds; i++)
        if (is_of_interest(out->quantiles[i].q))
            add_new(list, &n, round_for_people(out->quantiles[i].value, out->bytes));
    pass_deinit(t);
    t->writes_down = false;
    t->values = NULL;
    status = ask_for_loosest(t, list, n, &expr, err);
    if (status == 0)
        status = pass(t, list, n, err);
    if (status == 0)
        list_thresholds(t);
    return status;
}

/* ---- one rule ------------------------------------------------------------------------------ */

static void describe_measured(struct trial *t)
{
    const struct promql_node *n = t->threshold->measured->root;
    struct buf text = {0};

    while (n->kind == NODE_PAREN)
        n = n->paren;
    promql_print(n, &text);
    t->out->measured = buf_take(&text);
    t->out->op = promql_op_text(t->threshold->op);
    t->out->bytes = strstr(t->out->measured, "bytes") != NULL;
}

static int try_rule(struct trial *t, struct err *err)
{
    struct threshold threshold = {0};
    struct value_counts values = {0};
    int status;

    t->expr = t->rule->expr;
    t->writes_down = true;
    t->by_series = labels_are_by_series(t->rule);
    if (threshold_find(t->rule->expr, &t->o->features, &threshold) &&
        threshold_is_order(threshold.op)) {
        t->threshold = &threshold;
        t->expr = threshold.measured;
        t->values = &values;
        describe_measured(t);
    }
    status = pass(t, &threshold.value, 1, err);
    if (status == 0 && t->threshold) {
        list_quantiles(t->out, &values, threshold_is_upper(threshold.op));
        status = try_thresholds(t, err);
    }
    pass_deinit(t);
    free(t->resting);
    value_counts_deinit(&values);
    promql_expr_free(threshold.measured);
    return status;
}

static int try_group(const struct backtest_options *o, struct rules *r, const struct group *g,
                     mono_ns deadline, struct backtest *b, struct err *err)
{
    int status = 0;

    for (size_t i = 0; i < g->n_rules && status == 0; i++) {
        struct rule *rule = &g->rules[i];
        struct trial t = {.o = o, .rules = r, .group = g, .rule = rule, .deadline = deadline};

        if (!rule->alerting) {
            b->recording++;
            continue;
        }
        t.out = VEC_PUSH(b->rules, b->n, b->cap);
        *t.out = (struct backtest_rule){.group = mem_strdup(g->name),
                                        .name = mem_strdup(rule->name),
                                        .query = mem_strdup(rule->query),
                                        .hold = rule->hold,
                                        .keep_firing_for = rule->keep_firing_for,
                                        .step = o->step ? o->step : g->interval};
        status = try_rule(&t, err);
        if (status < 0)
            err_in(err, status, "rule \"%s\"", rule->name);
    }
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

void backtest_free(struct backtest *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++) {
        struct backtest_rule *r = &b->rules[i];

        for (size_t k = 0; k < r->n_alerts; k++)
            label_set_unref(r->alerts[k].labels);
        free(r->alerts);
        free(r->measured);
        free(r->error);
        free(r->query);
        free(r->name);
        free(r->group);
    }
    free(b->rules);
    free(b);
}

int rules_backtest(const char *file, struct str text, const struct backtest_options *o,
                   struct backtest **ret, struct err *err)
{
    CLEANUP(backtest_freep) struct backtest *b = mem_zalloc(sizeof *b);
    CLEANUP(mem_freep) char *url = mem_strdup(o->external_url);
    struct template_set *templates = template_set_new(&template_prometheus_functions);
    struct rules r = {.options = {.reader = o->reader,
                                  .lookback = o->promql.lookback,
                                  .query_timeout = o->promql.timeout,
                                  .query_max_samples = o->promql.max_samples,
                                  .query_max_memory = o->promql.max_bytes,
                                  .features = o->features},
                      .external_url = url,
                      .templates = templates,
                      .config = o->config};
    struct loading l = {.templates = templates,
                        .features = o->features,
                        .interval = o->config->evaluation_interval,
                        .query_offset = o->config->rule_query_offset,
                        .single = true};
    dur_ms timeout = o->promql.timeout ? o->promql.timeout : PROMQL_TIMEOUT_MS;
    mono_ns deadline = clock_mono_ns() + timeout * NS_PER_MS;
    struct group_list groups = {0};
    int status;

    load_rule_text(&l, file, text);
    status = load_finish(&l, &groups, err);
    for (size_t i = 0; i < groups.n && status == 0; i++)
        status = try_group(o, &r, groups.items[i], deadline, b, err);
    group_list_deinit(&groups);
    loading_deinit(&l);
    template_set_unref(templates);
    if (status < 0)
        return status;
    *ret = TAKE(b);
    return 0;
}
