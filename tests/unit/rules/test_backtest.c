/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "tests/unit/rules/world.h"

#define STEP_MS 60000
#define RUNS    240
#define SERIES  5

/* ---- a span of history --------------------------------------------------------------------- */

#define HISTORY_START (T0 / NS_PER_MS / STEP_MS * STEP_MS)

struct history {
    struct memory_reader store;
    struct config *config;
    struct backtest_options options;
};

static void history_init(struct history *h, unix_ms runs)
{
    *h = (struct history){.config = world_config(WORLD_CONFIG)};
    h->options = (struct backtest_options){.config = h->config,
                                           .external_url = "",
                                           .from = HISTORY_START,
                                           .to = HISTORY_START + (runs - 1) * STEP_MS};
}

static void history_deinit(struct history *h)
{
    memory_reader_clear(&h->store);
    config_unref(h->config);
}

/* What run number `run` sees. */
static void history_set(struct history *h, const char *series, size_t run, double v)
{
    const struct label_set *ls = world_labels(series);

    memory_reader_add(&h->store, ls, HISTORY_START + (unix_ms)run * STEP_MS - 1, v, NULL);
    label_set_unref(ls);
}

/* One value a run. */
static void history_fill(struct history *h, const char *series, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        history_set(h, series, i, values[i]);
}

static struct backtest *history_try(struct history *h, const char *rules)
{
    struct backtest *b = NULL;
    struct err err = {0};

    h->options.reader = *memory_reader_port(&h->store);
    if (rules_backtest("rules", str_c(rules), &h->options, &b, &err) < 0)
        fail_msg("%s", err.msg);
    return b;
}

static double run_of(unix_ns t)
{
    return (double)(t / NS_PER_MS - HISTORY_START) / STEP_MS;
}

/* `LABELS pending P firing F ended E peak V`, the numbers of runs; E -1: it fires at the end. */
static void print_alerts(const struct backtest_rule *r, struct buf *out)
{
    char **lines = mem_array(r->n_alerts, sizeof *lines);

    for (size_t i = 0; i < r->n_alerts; i++) {
        const struct backtest_alert *a = &r->alerts[i];
        struct buf line = {0};

        buf_addf(&line, "%04g ", run_of(a->fired_at));
        label_set_print(a->labels, &line);
        buf_addf(&line, " pending %g firing %g ended %g peak %g", run_of(a->pending_at),
                 run_of(a->fired_at), a->ended_at == UNIX_NS_ZERO ? -1 : run_of(a->ended_at),
                 a->peak);
        lines[i] = buf_take(&line);
    }
    qsort(lines, r->n_alerts, sizeof *lines, compare_lines);
    for (size_t i = 0; i < r->n_alerts; i++) {
        buf_addf(out, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
}

static void expect_alerts(const struct backtest_rule *r, const char *lines)
{
    CLEANUP(buf_free) struct buf out = {0};

    print_alerts(r, &out);
    assert_string_equal(out.p ? out.p : "", lines);
}

/* ---- what is told -------------------------------------------------------------------------- */

static void each_alert_tells_pending_firing_end_and_peak(void **state)
{
    static const double values[] = {1, 6, 7, 9, 8, 1, 6, 1, 1, 6, 6, 8};
    struct history h;
    struct backtest *b;

    history_init(&h, ARRAY_LEN(values));
    history_fill(&h, "x{i=\"a\"}", values, ARRAY_LEN(values));
    b = history_try(&h, "groups: [{name: g, rules: [{alert: Hot, expr: x > 5, for: 2m, labels: "
                        "{severity: page}}, {record: r, expr: x}]}]");
    assert_int_equal(b->n, 1);
    assert_int_equal(b->recording, 1);
    assert_int_equal(b->rules[0].runs, ARRAY_LEN(values));
    assert_int_equal(b->rules[0].fired, 2);
    assert_int_equal(b->rules[0].pending_only, 1);
    expect_alerts(&b->rules[0], "0003 {alertname=\"Hot\", i=\"a\", severity=\"page\"} pending 1 "
                                "firing 3 ended 5 peak 9\n"
                                "0011 {alertname=\"Hot\", i=\"a\", severity=\"page\"} pending 9 "
                                "firing 11 ended -1 peak 8\n");
    backtest_free(b);
    history_deinit(&h);
}

static void low_values_have_the_least_as_peak(void **state)
{
    static const double values[] = {9, 3, 1, 2, 9};
    struct history h;
    struct backtest *b;

    history_init(&h, ARRAY_LEN(values));
    history_fill(&h, "x", values, ARRAY_LEN(values));
    b = history_try(&h, "{\"alert\": \"Low\", \"expr\": \"x < 5\"}");
    expect_alerts(&b->rules[0], "0001 {alertname=\"Low\"} pending 1 firing 1 ended 4 peak 1\n");
    backtest_free(b);
    history_deinit(&h);
}

static void a_faulty_run_changes_nothing_and_is_told(void **state)
{
    struct history h;
    struct backtest *b;

    history_init(&h, 4);
    for (size_t i = 0; i < 4; i++) {
        history_set(&h, "x{i=\"a\"}", i, 9);
        history_set(&h, "x{i=\"b\"}", i, i == 2 ? 9 : 1);
    }
    b = history_try(&h, "{alert: Hot, expr: x > 5, labels: {i: same}}");
    assert_int_equal(b->rules[0].failed, 1);
    assert_non_null(strstr(b->rules[0].error, "same labelset"));
    expect_alerts(&b->rules[0],
                  "0000 {alertname=\"Hot\", i=\"same\"} pending 0 firing 0 ended -1 peak 9\n");
    backtest_free(b);
    history_deinit(&h);
}

static void a_query_that_fails_in_one_run_fails_in_that_only(void **state)
{
    struct history h;
    struct backtest *b;

    history_init(&h, 200);
    for (size_t i = 0; i < 200; i++) {
        history_set(&h, "x{i=\"a\"}", i, 9);
        history_set(&h, "y{i=\"a\", k=\"1\"}", i, 1);
        history_set(&h, "y{i=\"a\", k=\"2\"}", i, i == 77 ? 1 : stale_nan());
    }
    b = history_try(&h, "{alert: Hot, expr: x * on(i) y > 5}");
    assert_int_equal(b->rules[0].runs, 200);
    assert_int_equal(b->rules[0].failed, 1);
    expect_alerts(&b->rules[0],
                  "0000 {alertname=\"Hot\", i=\"a\"} pending 0 firing 0 ended -1 peak 9\n");
    backtest_free(b);
    history_deinit(&h);
}

static void a_wrong_rule_is_refused_with_its_place(void **state)
{
    struct history h;
    struct backtest *b = NULL;
    struct err err = {0};

    history_init(&h, 4);
    h.options.reader = *memory_reader_port(&h.store);
    assert_int_equal(rules_backtest("f", STR("{alert: Hot, expr: 'x >'}"), &h.options, &b, &err),
                     -EINVAL);
    assert_non_null(strstr(err.msg, "f:1:"));
    history_deinit(&h);
}

static void who_is_gone_stops_it(void **state)
{
    static const double values[] = {9, 9};
    atomic_bool cancel = true;
    struct backtest *b = NULL;
    struct history h;
    struct err err = {0};

    history_init(&h, ARRAY_LEN(values));
    history_fill(&h, "x", values, ARRAY_LEN(values));
    h.options.reader = *memory_reader_port(&h.store);
    h.options.promql.cancel = &cancel;
    assert_int_equal(rules_backtest("f", STR("{alert: Hot, expr: x > 5}"), &h.options, &b, &err),
                     -ECANCELED);
    history_deinit(&h);
}

/* ---- thresholds ---------------------------------------------------------------------------- */

static void thresholds_are_found_where_they_decide_by_themselves(void **state)
{
    static const struct {
        const char *expr, *measured;
    } cases[] = {
        {"x > 5", "x"},       {"5 <= x", "x"},
        {"x > -2 * 3", "x"},  {"(rate(x[5m]) * 100) >= 5", "rate(x[5m]) * 100"},
        {"((x > 5))", "x"},   {"x > 5 and y < 3 unless z", "(x) and y < 3 unless z"},
        {"x == 5", NULL},     {"x > bool 5", NULL},
        {"x > y", NULL},      {"x > 5 or y > 3", NULL},
        {"sum(x > 5)", NULL}, {"absent(x)", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf rule = {0};
        struct history h;
        struct backtest *b;

        history_init(&h, 1);
        history_set(&h, "x", 0, 1);
        buf_addf(&rule, "{alert: A, expr: '%s'}", cases[i].expr);
        b = history_try(&h, rule.p);
        if (cases[i].measured)
            assert_string_equal(b->rules[0].measured, cases[i].measured);
        else
            assert_null(b->rules[0].measured);
        backtest_free(b);
        history_deinit(&h);
    }
}

static void other_thresholds_are_chosen_by_what_was_seen(void **state)
{
    struct history h;
    struct backtest *b;
    const struct backtest_rule *r;

    history_init(&h, 1000);
    for (size_t i = 0; i < 1000; i++)
        history_set(&h, "x_bytes", i, (double)(i + 1) * (1 << 20));
    b = history_try(&h, "{alert: A, expr: x_bytes > 200 * 1024 * 1024}");
    r = &b->rules[0];
    assert_true(r->bytes);
    assert_int_equal(r->values, 1000);
    assert_true(r->quantiles[0].value == 1 << 20 && r->quantiles[6].value == 1000.0 * (1 << 20));
    assert_true(fabs(r->quantiles[1].value / (500.0 * (1 << 20)) - 1) < 0.01);
    for (size_t i = 0; i < r->n_thresholds; i++) {
        assert_int_equal(r->thresholds[i].own, r->thresholds[i].value == 200.0 * (1 << 20));
        assert_int_equal(r->thresholds[i].fired, r->thresholds[i].value < 1000.0 * (1 << 20));
        assert_true(i == 0 || r->thresholds[i].value > r->thresholds[i - 1].value);
        assert_true(fmod(r->thresholds[i].value, 1 << 20) == 0);
    }
    assert_int_equal(r->n_thresholds, 5); /* 200, 900, 950, 990, 1000 MiB */
    backtest_free(b);
    history_deinit(&h);
}

/* ---- it is what the running rules do ------------------------------------------------------- */

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

struct seen {
    const struct label_set *labels;
    double pending, fired, ended, peak; /* runs */
    bool firing, here;
};

/* What alerts the running rule has, put together from one look after each run. */
struct watcher {
    struct seen items[20000];
    size_t n;
    double run, runs;
    unsigned failed;
    bool low;
};

static struct seen *seen_get(struct watcher *w, const struct label_set *labels, double pending)
{
    struct seen *s;

    for (size_t i = 0; i < w->n; i++)
        if (w->items[i].ended < 0 && label_set_eq(w->items[i].labels, labels) &&
            w->items[i].pending == pending)
            return &w->items[i];
    assert_true(w->n < ARRAY_LEN(w->items));
    s = &w->items[w->n++];
    *s = (struct seen){label_set_ref(labels), pending, -1, -1, NAN, false, false};
    return s;
}

static void watch(const struct rule_group_view *g, void *arg)
{
    struct watcher *w = arg;
    const struct rule_view *v = &g->rules[0];

    w->failed += v->health == RULE_ERR;
    for (size_t i = 0; i < w->n; i++)
        w->items[i].here = false;
    for (size_t i = 0; i < v->n_alerts; i++) {
        const struct rule_alert_view *a = &v->alerts[i];
        double pending = round((double)(g->last_evaluation - a->active_at) / NS_PER_MS / STEP_MS);
        struct seen *s = seen_get(w, a->labels, w->run - pending);

        s->here = true;
        if (isnan(s->peak) || (w->low ? a->value < s->peak : a->value > s->peak))
            s->peak = a->value;
        if (a->state == RULE_FIRING && !s->firing) {
            s->firing = true;
            s->fired = w->run;
        }
    }
    for (size_t i = 0; i < w->n; i++)
        if (!w->items[i].here && w->items[i].ended < 0)
            w->items[i].ended = w->run;
}

static void print_watched(struct watcher *w, struct buf *out)
{
    struct backtest_rule r = {0};

    for (size_t i = 0; i < w->n; i++) {
        struct seen *s = &w->items[i];
        const unix_ns zero = unix_ns_of_ms(HISTORY_START);

        if (s->firing)
            *VEC_PUSH(r.alerts, r.n_alerts, r.cap_alerts) = (struct backtest_alert){
                s->labels, zero + (unix_ns)s->pending * STEP_MS * NS_PER_MS,
                zero + (unix_ns)s->fired * STEP_MS * NS_PER_MS,
                s->ended < 0 ? UNIX_NS_ZERO : zero + (unix_ns)s->ended * STEP_MS * NS_PER_MS,
                s->peak};
    }
    print_alerts(&r, out);
    free(r.alerts);
    for (size_t i = 0; i < w->n; i++)
        label_set_unref(w->items[i].labels);
}

/* The same values for both, each at its own time. */
static void feed(struct world *w, struct history *h, size_t run, double *level)
{
    for (size_t i = 0; i < SERIES; i++) {
        CLEANUP(buf_free) struct buf x = {0}, y = {0};
        double v;

        level[i] += (double)draw(5) - 2;
        level[i] = level[i] < 0 ? 0 : level[i] > 9 ? 9 : level[i];
        v = draw(12) ? level[i] : stale_nan();
        buf_addf(&x, "x{i=\"%zu\"}", i);
        buf_addf(&y, "y{i=\"%zu\"}", i);
        world_set(w, x.p, v);
        history_set(h, x.p, run, v);
        v = (double)draw(3);
        world_set(w, y.p, v);
        history_set(h, y.p, run, v);
    }
}

static const char *const rules_to_compare[] = {
    "expr: x > 5, for: 2m",
    "expr: x > 5, keep_firing_for: 3m",
    ("expr: x >= 6, for: 1m, keep_firing_for: 2m, labels: {where: '{{ $labels.i }}-{{ "
     "$externalLabels.site }}'}"),
    "expr: x > 6, labels: {v: '{{ $value }}'}",
    "expr: x > 7, labels: {i: same}, for: 1m",
    "expr: 3 > x, for: 3m",
    "expr: x > 4 and y > 0, for: 1m",
    "expr: x * on(i) y > 8",
    "expr: sum(x) > 20, for: 2m",
    "expr: x > y * 3, for: 1m",
    "expr: 'absent(x{i=\"1\"})'",
    "expr: 'max_over_time(x[5m]) - min_over_time(x[5m]) > 7', keep_firing_for: 5m",
};

static void compare_one(const char *body, int limit)
{
    CLEANUP(buf_free) struct buf rules = {0}, live = {0}, tried = {0};
    struct watcher *watcher = mem_zalloc(sizeof *watcher);
    double level[SERIES] = {4, 4, 4, 4, 4};
    struct history h;
    struct backtest *b;
    struct world w;

    buf_addf(&rules, "groups: [{name: g, limit: %d, rules: [{alert: A, %s}]}]\n", limit, body);
    world_init(&w, rules.p);
    w.quiet = true;
    history_init(&h, RUNS);
    watcher->low = strstr(body, "3 > x") != NULL;
    for (size_t run = 0; run < RUNS; run++) {
        feed(&w, &h, run, level);
        world_step(&w);
        watcher->run = (double)run;
        rules_each_group(w.rules, watch, watcher);
    }
    b = history_try(&h, rules.p);
    print_watched(watcher, &live);
    print_alerts(&b->rules[0], &tried);
    assert_string_equal(tried.p ? tried.p : "", live.p ? live.p : "");
    assert_int_equal(b->rules[0].failed, watcher->failed);
    free(watcher);
    backtest_free(b);
    history_deinit(&h);
    world_deinit(&w);
}

static void a_backtest_finds_what_the_running_rules_found(void **state)
{
    for (uint64_t i = 0; i < ARRAY_LEN(rules_to_compare); i++) {
        seed = 7 + i;
        compare_one(rules_to_compare[i], 0);
    }
    seed = 99;
    compare_one("expr: x > 5, for: 1m", 2);
}

static void another_threshold_fires_as_often_as_the_rule_with_it(void **state)
{
    static const double thresholds[] = {2, 4, 7};
    double level[SERIES] = {4, 4, 4, 4, 4};
    struct history h;
    struct world w;
    struct backtest *b;

    seed = 5;
    world_init(&w, "groups: [{name: g, rules: [{record: r, expr: x}]}]\n");
    history_init(&h, RUNS);
    for (size_t run = 0; run < RUNS; run++)
        feed(&w, &h, run, level);
    h.options.thresholds = thresholds;
    h.options.n_thresholds = ARRAY_LEN(thresholds);
    b = history_try(&h, "{alert: A, expr: x > 5, for: 1m, keep_firing_for: 1m, labels: {v: '{{ "
                        "printf \"%.0f\" $value }}'}}");
    assert_int_equal(b->rules[0].n_thresholds, 4);
    for (size_t i = 0; i < 4; i++) {
        CLEANUP(buf_free) struct buf rule = {0};
        struct backtest *alone;

        buf_addf(&rule,
                 "{alert: A, expr: x > %g, for: 1m, keep_firing_for: 1m, labels: {v: '{{ printf "
                 "\"%%.0f\" $value }}'}}",
                 b->rules[0].thresholds[i].value);
        alone = history_try(&h, rule.p);
        assert_true(alone->rules[0].fired > 0);
        assert_int_equal(b->rules[0].thresholds[i].fired, alone->rules[0].fired);
        backtest_free(alone);
    }
    backtest_free(b);
    history_deinit(&h);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_alert_tells_pending_firing_end_and_peak),
        cmocka_unit_test(low_values_have_the_least_as_peak),
        cmocka_unit_test(a_faulty_run_changes_nothing_and_is_told),
        cmocka_unit_test(a_query_that_fails_in_one_run_fails_in_that_only),
        cmocka_unit_test(a_wrong_rule_is_refused_with_its_place),
        cmocka_unit_test(who_is_gone_stops_it),
        cmocka_unit_test(thresholds_are_found_where_they_decide_by_themselves),
        cmocka_unit_test(other_thresholds_are_chosen_by_what_was_seen),
        cmocka_unit_test(a_backtest_finds_what_the_running_rules_found),
        cmocka_unit_test(another_threshold_fires_as_often_as_the_rule_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
