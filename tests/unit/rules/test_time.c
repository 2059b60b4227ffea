/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#include <math.h>

#include "base/json.h"
#include "tests/unit/conformance.h"

#define RULES "groups:\n- name: g\n  rules:\n"

/* ---- what the alert of the only rule is like */

static void keep_first_alert(const struct rule_group_view *g, void *arg)
{
    if (g->rules[0].n_alerts == 1)
        *(struct rule_alert_view *)arg = g->rules[0].alerts[0];
}

/* Second since which it is active; NAN: there is none. Whole seconds are what the series keeps. */
static double active_second(const struct world *w)
{
    struct rule_alert_view a = {0};

    rules_each_group(w->rules, keep_first_alert, &a);
    return a.labels ? ceil(world_seconds(w, a.active_at)) : NAN;
}

static bool is_firing(const struct world *w)
{
    struct rule_alert_view a = {0};

    rules_each_group(w->rules, keep_first_alert, &a);
    return a.state == RULE_FIRING;
}

/* ---- the schedule */

static void groups_run_where_prometheus_runs_them(void **state)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    const struct json *groups;

    if (!conformance_read("rules/hash_vectors.json", &text)) {
        print_message("conformance/rules/hash_vectors.json is not there\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    groups = json_get(doc, "groups");
    assert_int_equal(json_len(groups), 2);
    for (size_t i = 0; i < json_len(groups); i++) {
        const struct json *g = json_at(groups, i);
        struct str interval = json_text(json_get(g, "interval"));
        unix_ns offset = llround(json_double(json_get(g, "offset_ms")) * 1e6);
        CLEANUP(buf_free) struct buf rules = {0};
        dur_ms ms = 0;
        struct world w;

        assert_true(str_eq(json_text(json_get(g, "file")), STR("rules.yml")));
        assert_int_equal(duration_parse(interval.p, interval.len, &ms, NULL), 0);
        buf_addf(&rules, "groups: [{name: %s, interval: %s}]\n", json_text(json_get(g, "name")).p,
                 interval.p);
        world_init_with(&w, WORLD_CONFIG, rules.p);
        assert_int_equal(w.wake % (ms * NS_PER_MS), offset);
        assert_in_range(w.wake, w.now + 1, w.now + 2 * ms * NS_PER_MS);
        world_step(&w);
        assert_int_equal(w.wake, w.now + ms * NS_PER_MS);
        world_deinit(&w);
    }
}

static void the_first_run_is_a_whole_interval_after_the_one_before_the_start(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {record: five, expr: 5}\n");
    /* started just before a time of the schedule, and at it */
    w.now = w.wake - 1;
    world_start(&w);
    assert_int_equal(w.wake, w.now + 1);
    w.now = w.wake;
    world_start(&w);
    assert_int_equal(w.wake, w.now + 60 * NS_PER_S);
    world_deinit(&w);
}

static void a_clock_that_was_never_set_is_a_clock(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {record: five, expr: 5}\n");
    w.now = 0;
    world_start(&w);
    assert_in_range(w.wake, 1, 60 * NS_PER_S);
    world_deinit(&w);
}

static void without_groups_nobody_has_to_call(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, "groups: []\n");
    assert_true(w.wake == INT64_MAX);
    world_deinit(&w);
}

static double metric(const char *line)
{
    CLEANUP(buf_free) struct buf page = {0};
    const char *at;

    selfmetrics_write(&page);
    at = strstr(page.p, line);
    return at ? atof(at + strlen(line)) : 0;
}

#define G(name) name "{rule_group=\"rules.yml;g\"} "

static void runs_that_were_missed_are_counted_and_left_out(void **state)
{
    double missed = metric(G("prometheus_rule_group_iterations_missed_total"));
    double runs = metric(G("prometheus_rule_group_iterations_total"));
    double rules = metric(G("prometheus_rule_evaluations_total"));
    struct world w;

    world_init_with(&w, WORLD_CONFIG,
                    RULES "  - {record: five, expr: 5}\n  - {record: six, expr: 6}\n");
    world_step(&w);
    w.wake += 150 * NS_PER_S; /* the caller is late */
    buf_reset(&w.lines);
    world_step(&w);
    /* as if it came at 180, the last time of the schedule */
    world_expect(&w, "180 five 5\n180 six 6\n");
    assert_int_equal(w.wake, w.zero + 240 * NS_PER_S);
    assert_true(metric(G("prometheus_rule_group_iterations_missed_total")) == missed + 2);
    assert_true(metric(G("prometheus_rule_group_iterations_total")) == runs + 2);
    assert_true(metric(G("prometheus_rule_evaluations_total")) == rules + 4);
    world_deinit(&w);
}

static void failures_are_counted_by_group(void **state)
{
    double before = metric(G("prometheus_rule_evaluation_failures_total"));
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {record: five, expr: 5}\n");
    w.fail_series = 1;
    world_step(&w);
    world_step(&w);
    assert_true(metric(G("prometheus_rule_evaluation_failures_total")) == before + 1);
    world_deinit(&w);
}

static void names_in_metrics_are_quoted(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, "groups:\n- name: \"a\\\"b\\\\c\\nd\"\n");
    world_step(&w);
    assert_true(metric("prometheus_rule_group_iterations_total{rule_group=\"rules.yml;a\\\"b\\\\c"
                       "\\nd\"} ") == 1);
    world_deinit(&w);
}

/* ---- a clock that jumps */

static void a_clock_set_back_delays_no_run(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: five, expr: 5}\n");
    world_step(&w);
    w.now -= 3600 * NS_PER_S;
    w.wake = rules_tick(w.rules, w.now);
    assert_in_range(w.wake, w.now + 1, w.now + 60 * NS_PER_S);
    assert_int_equal((w.zero - w.wake) % (60 * NS_PER_S), 0);
    world_deinit(&w);
}

static void a_clock_set_back_a_little_repeats_no_run(void **state)
{
    struct world w;
    unix_ns next;

    world_init(&w, RULES "  - {record: five, expr: 5}\n");
    world_step(&w);
    next = w.wake;
    assert_int_equal(rules_tick(w.rules, w.now - 1), next);
    assert_int_equal(rules_tick(w.rules, w.now - 50 * NS_PER_S), next);
    assert_int_equal(rules_tick(w.rules, w.now), next);
    world_deinit(&w);
}

/* Workers read the clock at slightly different times. */
static void a_worker_that_comes_with_an_earlier_time_drops_no_run_that_is_due(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: five, expr: 5}\n");
    w.now = w.wake - 2;
    rules_tick(w.rules, w.now + 1);
    rules_tick(w.rules, w.now);
    world_step_does(&w, "0 five 5\n");
    /* one came at the time of the run, but found nothing to do; another has not heard of it */
    rules_tick(w.rules, w.wake - 1);
    rules_tick(w.rules, w.wake - 2);
    world_step_does(&w, "60 five 5\n");
    world_deinit(&w);
}

static void after_a_clock_was_set_back_alerts_go_on(void **state)
{
    struct world w;
    const unix_ns back = 3600 * NS_PER_S;

    /* one that is pending, one that fires */
    world_init(&w, "groups:\n- {name: a, rules: [{alert: A, expr: up == 0, for: 2m}]}\n"
                   "- {name: b, rules: [{alert: B, expr: up == 0}]}\n");
    world_run(&w, 59, "up", 0);
    w.now -= back;
    w.zero -= back;
    w.wake = rules_tick(w.rules, w.now);
    for (size_t i = 0; i < w.n_series; i++)
        w.series[i].newest -= back / NS_PER_MS; /* of storage is not spoken here */
    buf_reset(&w.lines);
    world_run(&w, 59 + 60, "up", 0);
    /* told at once, not after an hour */
    assert_non_null(strstr(w.lines.p, "tells {alertname=\"B\""));
    assert_null(strstr(w.lines.p, "tells {alertname=\"A\""));
    world_run(&w, 59 + 240, "up", 0);
    assert_non_null(strstr(w.lines.p, "tells {alertname=\"A\""));
    world_deinit(&w);
}

static void an_alert_that_ends_after_the_clock_was_set_back_is_told_so(void **state)
{
    struct world w;
    char *ended;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, keep_firing_for: 90s}\n");
    world_run(&w, 0, "up", 0);
    world_run(&w, 60, "up", 1); /* kept since 60 */
    w.now -= 3600 * NS_PER_S;
    w.zero -= 3600 * NS_PER_S;
    w.wake = rules_tick(w.rules, w.now);
    buf_reset(&w.lines);
    world_run(&w, 300, "up", 1);
    ended = strstr(w.lines.p, "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from");
    assert_non_null(ended);
    assert_non_null(strstr(w.lines.p, "240 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} "
                                      "{} from 120 to 240"));
    world_deinit(&w);
}

/* An end in the future would make it firing again. */
static void the_end_of_a_resolved_alert_is_never_in_the_future(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_run(&w, 0, "up", 0);
    world_run(&w, 60, "up", 1);
    w.now -= 3600 * NS_PER_S;
    w.zero -= 3600 * NS_PER_S;
    w.wake = rules_tick(w.rules, w.now);
    buf_reset(&w.lines);
    world_run(&w, 120, "up", 1);
    world_expect(&w,
                 "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 120 to 120\n");
    world_deinit(&w);
}

static void a_clock_set_forward_fires_what_is_pending(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 10m}\n");
    world_run(&w, 60, "up", 0);
    w.wake += 3600 * NS_PER_S;
    world_set(&w, "up", 0);
    world_step(&w);
    assert_true(is_firing(&w));
    assert_int_equal(w.wake, w.zero + (60 + 3600 + 120) * NS_PER_S);
    world_deinit(&w);
}

/* ---- restart */

#define SLOW RULES "  - {alert: A, expr: up == 0, for: 30m, labels: {sev: x}}\n"

/* Stops after `ran` seconds of the alert being there, starts `out` seconds later, and lets it run
 * up to and with the run after which state is restored. */
static void restart(struct world *w, const char *rules, double ran, double out)
{
    world_init(w, rules);
    world_run(w, ran, "up", 0);
    w->now += (unix_ns)out * NS_PER_S;
    unix_ns zero = w->zero;
    world_start(w);
    w->zero = zero;
    world_set(w, "up", 0);
    world_step(w);
    world_set(w, "up", 0);
    world_step(w);
}

static void the_outage_does_not_count_towards_for(void **state)
{
    struct world w;

    restart(&w, SLOW, 600, 300);
    /* last written at 600, restored at 1020: seven minutes later than it was */
    assert_true(world_seconds(&w, w.now) == 1020);
    assert_true(active_second(&w) == 420);
    world_run(&w, 420 + 1799, "up", 0);
    assert_false(is_firing(&w));
    world_run(&w, 420 + 1801, "up", 0);
    assert_true(is_firing(&w));
    world_deinit(&w);
}

static void an_alert_that_would_fire_soon_gets_the_grace_period(void **state)
{
    struct world w;

    /* five minutes were left: it gets ten from now on */
    restart(&w, SLOW, 1500, 60);
    assert_true(world_seconds(&w, w.now) == 1680);
    assert_true(active_second(&w) == 1680 + 600 - 1800);
    world_deinit(&w);
}

static void an_alert_that_fired_fires_again_at_once(void **state)
{
    struct world w;

    restart(&w, SLOW, 2400, 300);
    assert_false(is_firing(&w));
    assert_true(active_second(&w) == 0);
    world_run(&w, world_seconds(&w, w.wake), "up", 0);
    assert_true(is_firing(&w));
    world_deinit(&w);
}

static void after_a_long_outage_all_begins_anew(void **state)
{
    struct world w;

    restart(&w, SLOW, 600, 3600);
    assert_true(active_second(&w) > 600);
    world_deinit(&w);
}

static void within_the_tolerated_outage_state_is_restored(void **state)
{
    struct world w;

    restart(&w, SLOW, 600, 3600 - 180);
    assert_true(active_second(&w) == world_seconds(&w, w.now) - 600);
    world_deinit(&w);
}

static void a_for_shorter_than_the_grace_period_is_not_restored(void **state)
{
    struct world w;

    restart(&w, RULES "  - {alert: A, expr: up == 0, for: 9m}\n", 120, 60);
    assert_true(active_second(&w) == 240); /* its first run after the start */
    world_deinit(&w);
    /* eight minutes were left: it gets ten from 300 on */
    restart(&w, RULES "  - {alert: A, expr: up == 0, for: 10m}\n", 120, 60);
    assert_true(active_second(&w) == 300);
    world_deinit(&w);
}

/* The newest sample is what counts, whatever came before it. */
static void restores_only_what_can_be_true(void **state)
{
    static const struct {
        double v;
        bool restored;
    } cases[] = {{NAN, false}, {INFINITY, false}, {-INFINITY, false},
                 {-1, false},  {1e300, false},    {0, true}};

    for (size_t i = 0; i <= ARRAY_LEN(cases); i++) {
        const struct label_set *ls = world_labels("ALERTS_FOR_STATE{alertname=\"A\",sev=\"x\"}");
        struct world w;

        world_init_with(&w, WORLD_CONFIG, SLOW);
        memory_reader_add(&w.store, ls, unix_ms_of_ns(w.now) - 1,
                          i < ARRAY_LEN(cases) ? cases[i].v : stale_nan(), NULL);
        world_run(&w, 60, "up", 0);
        assert_true((active_second(&w) < -1) == (i < ARRAY_LEN(cases) && cases[i].restored));
        label_set_unref(ls);
        world_deinit(&w);
    }
}

static void restores_each_alert_by_its_own_labels(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 30m}\n"
                         "  - {alert: B, expr: up == 0, for: 30m}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step(&w);
    world_start(&w);
    w.zero = w.wake;
    world_set(&w, "up{i=\"b\"}", 0);
    world_set(&w, "up{i=\"c\"}", 0);
    world_step(&w);
    world_step(&w);
    world_set(&w, "up{i=\"a\"}", 1);
    /* b and a began at -60 and -120; a minute was lost with the restart. Their seconds are cut. */
    rules_each_group(w.rules, world_add_view, (buf_reset(&w.lines), &w));
    assert_non_null(strstr(w.lines.p, "{alertname=\"A\", i=\"a\"} {} pending since -"));
    assert_non_null(strstr(w.lines.p, "{alertname=\"B\", i=\"b\"} {} pending since 59."));
    assert_non_null(strstr(w.lines.p, "{alertname=\"A\", i=\"c\"} {} pending since 0 "));
    world_deinit(&w);
}

static void no_alert_series_are_written_before_state_is_restored(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    /* but the alert is told */
    world_step_does(&w,
                    "0 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 240\n");
    world_step_does(&w, "");
    world_step_does(
        &w, "120 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
            "120 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
            "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 360\n");
    world_deinit(&w);
}

static void what_cannot_be_restored_goes_on_without(void **state)
{
    struct world w;

    world_init(&w, SLOW);
    world_run(&w, 600, "up", 0);
    world_start(&w);
    world_set(&w, "up", 0);
    world_step(&w);
    world_set(&w, "up", 0);
    w.store.fail_read = 0;
    w.fail_restore = true;
    world_step(&w);
    w.fail_restore = false;
    assert_true(active_second(&w) == 0);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "120 ALERTS{alertname=\"A\", alertstate=\"pending\""));
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_run_where_prometheus_runs_them),
        cmocka_unit_test(the_first_run_is_a_whole_interval_after_the_one_before_the_start),
        cmocka_unit_test(a_clock_that_was_never_set_is_a_clock),
        cmocka_unit_test(without_groups_nobody_has_to_call),
        cmocka_unit_test(runs_that_were_missed_are_counted_and_left_out),
        cmocka_unit_test(failures_are_counted_by_group),
        cmocka_unit_test(names_in_metrics_are_quoted),
        cmocka_unit_test(a_clock_set_back_delays_no_run),
        cmocka_unit_test(a_clock_set_back_a_little_repeats_no_run),
        cmocka_unit_test(a_worker_that_comes_with_an_earlier_time_drops_no_run_that_is_due),
        cmocka_unit_test(after_a_clock_was_set_back_alerts_go_on),
        cmocka_unit_test(an_alert_that_ends_after_the_clock_was_set_back_is_told_so),
        cmocka_unit_test(the_end_of_a_resolved_alert_is_never_in_the_future),
        cmocka_unit_test(a_clock_set_forward_fires_what_is_pending),
        cmocka_unit_test(the_outage_does_not_count_towards_for),
        cmocka_unit_test(an_alert_that_would_fire_soon_gets_the_grace_period),
        cmocka_unit_test(an_alert_that_fired_fires_again_at_once),
        cmocka_unit_test(after_a_long_outage_all_begins_anew),
        cmocka_unit_test(within_the_tolerated_outage_state_is_restored),
        cmocka_unit_test(a_for_shorter_than_the_grace_period_is_not_restored),
        cmocka_unit_test(restores_only_what_can_be_true),
        cmocka_unit_test(restores_each_alert_by_its_own_labels),
        cmocka_unit_test(no_alert_series_are_written_before_state_is_restored),
        cmocka_unit_test(what_cannot_be_restored_goes_on_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
