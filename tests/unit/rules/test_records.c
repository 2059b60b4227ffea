/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#define RULES "groups:\n- name: g\n  rules:\n"

/* ---- what is written */

static void a_recording_rule_writes_its_result_under_its_name_and_labels(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: 'up:x', expr: up * 2, labels: {l: new, gone: ''}}\n");
    world_set(&w, "up{i=\"a\",l=\"old\",gone=\"yes\"}", 3);
    world_set(&w, "up{i=\"b\"}", 4);
    world_step_does(&w, "0 up:x{i=\"a\", l=\"new\"} 6\n0 up:x{i=\"b\", l=\"new\"} 8\n");
    world_shows(&w, "g/up:x inactive ok\n");
    world_deinit(&w);
}

static void a_scalar_is_one_series_without_labels(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: five, expr: 2 + 3}\n  - {record: six, expr: 6, labels: {a: "
                         "b}}\n");
    world_step_does(&w, "0 five 5\n0 six{a=\"b\"} 6\n");
    world_deinit(&w);
}

static void a_scalar_alerts_as_well(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {alert: A, expr: 3}\n");
    world_step(&w);
    world_shows(&w, "g/A firing ok\n  {alertname=\"A\"} {} firing since 0 value 3\n");
    world_deinit(&w);
}

static void recording_rules_write_from_the_first_run_on(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {record: five, expr: 5}\n");
    world_step_does(&w, "0 five 5\n");
    world_deinit(&w);
}

static void rules_see_what_those_before_them_wrote_in_the_same_run(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: a, expr: up}\n  - {record: b, expr: a + 1}\n"
                         "  - {alert: A, expr: ALERTS == 1}\n  - {record: c, expr: ALERTS}\n");
    world_set(&w, "up", 1);
    world_step_does(&w, "0 a 1\n0 b 2\n");
    world_end(&w, "up");
    world_step_does(&w, "60 a stale\n60 b stale\n");
    world_deinit(&w);
}

static void samples_are_written_where_the_query_looked(void **state)
{
    struct world w;

    world_init(&w, "groups:\n- name: g\n  query_offset: 90s\n  rules:\n"
                   "  - {record: r, expr: up}\n  - {record: t, expr: time()}\n"
                   "  - {alert: A, expr: up == 1, annotations: {q: '{{ with query \"up\" }}{{ . | "
                   "first | value }}{{ end }}'}}\n");
    world_set(&w, "up", 1);
    w.quiet = true;
    world_step(&w);
    world_set(&w, "up", 2);
    world_step(&w);
    w.quiet = false;
    world_step_does(
        &w,
        "30 r 1\n"
        "30 t 1.77019e+09\n"
        "30 ALERTS_FOR_STATE{alertname=\"A\"} @120\n"
        "30 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
        /* the run is at 120: so say the alert, and what templates ask for */
        "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {q=\"2\"} from 120 to 360\n");
    world_deinit(&w);
}

static void the_offset_of_the_configuration_is_that_of_groups_without_one(void **state)
{
    struct world w;

    world_init_with(&w, "global: {rule_query_offset: 1m}\nrule_files: [rules.yml]\n",
                    "groups:\n- {name: a, rules: [{record: a, expr: 1}]}\n"
                    "- {name: b, query_offset: 0s, rules: [{record: b, expr: 1}]}\n");
    world_step(&w);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "-60 a 1\n"));
    assert_null(strstr(w.lines.p, "-60 b 1\n"));
    world_deinit(&w);
}

static void a_subquery_steps_by_the_interval_of_the_configuration(void **state)
{
    struct world w;

    world_init_with(&w, "global: {evaluation_interval: 10s}\nrule_files: [rules.yml]\n",
                    "groups:\n- name: g\n  interval: 1m\n  rules:\n  - {record: n, expr: "
                    "'count_over_time(vector(1)[1m:])'}\n");
    world_step_does(&w, "0 n 6\n");
    world_deinit(&w);
}

/* ---- ends */

static void a_series_that_is_not_written_again_ends(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n");
    world_set(&w, "up{i=\"a\"}", 1);
    world_set(&w, "up{i=\"b\"}", 1);
    world_step(&w);
    world_end(&w, "up{i=\"a\"}");
    world_step_does(&w, "60 r{i=\"a\"} stale\n60 r{i=\"b\"} 1\n");
    world_step_does(&w, "120 r{i=\"b\"} 1\n");
    world_set(&w, "up{i=\"a\"}", 2);
    world_step_does(&w, "180 r{i=\"a\"} 2\n180 r{i=\"b\"} 1\n");
    world_deinit(&w);
}

static void a_failing_run_ends_nothing(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n");
    world_set(&w, "up", 1);
    world_step(&w);
    w.store.fail_read = -EIO;
    world_step_does(&w, "");
    world_shows(&w, "g/r inactive err \"the disk is on fire\"\n");
    w.store.fail_read = 0;
    world_end(&w, "up");
    world_step_does(&w, "120 r stale\n");
    world_shows(&w, "g/r inactive ok\n");
    world_deinit(&w);
}

static int select_nothing_and_say_nothing(void *self, const struct matcher *const *matchers,
                                          size_t n_matchers, unix_ms from, unix_ms to,
                                          struct selection **ret, struct err *err)
{
    return -EIO;
}

static void an_error_without_words_is_an_error(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n");
    w.store.port.select = select_nothing_and_say_nothing;
    w.options.reader = w.store.port;
    rules_free(w.rules);
    w.rules = NULL;
    assert_int_equal(rules_new(&w.options, w.config, w.now, &w.rules, NULL), 0);
    world_step(&w);
    world_shows(&w, "g/r inactive err \"Input/output error\"\n");
    world_deinit(&w);
}

/* ---- errors */

static void two_results_of_one_label_set_are_an_error_and_nothing_is_written(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up, labels: {i: x}}\n");
    world_set(&w, "up{i=\"a\"}", 1);
    world_set(&w, "up{i=\"b\"}", 2);
    world_step_does(&w, "");
    world_shows(&w, "g/r inactive err \"vector contains metrics with the same labelset after "
                    "applying rule labels\"\n");
    /* nothing was written, so nothing ends */
    world_end(&w, "up{i=\"a\"}");
    world_end(&w, "up{i=\"b\"}");
    world_step_does(&w, "");
    world_shows(&w, "g/r inactive ok\n");
    world_deinit(&w);
}

static void more_series_than_the_limit_are_an_error_and_nothing_is_written(void **state)
{
    struct world w;

    world_init(&w, "groups:\n- name: g\n  limit: 1\n  rules:\n  - {record: r, expr: up}\n"
                   "  - {record: five, expr: 5}\n");
    world_set(&w, "up{i=\"a\"}", 1);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 2);
    world_step_does(&w, "60 five 5\n");
    world_shows(&w, "g/r inactive err \"exceeded limit of 1 with 2 series\"\ng/five inactive ok\n");
    world_end(&w, "up{i=\"a\"}");
    world_step_does(&w, "120 r{i=\"a\"} stale\n120 r{i=\"b\"} 2\n120 five 5\n");
    world_deinit(&w);
}

/* ---- storage */

static void what_storage_does_not_take_ends_or_is_written_in_the_next_run(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n");
    world_set(&w, "up", 1);
    w.fail_commits = 1;
    world_step_does(&w, "");
    world_shows(&w, "g/r inactive err \"the disk is full\"\n");
    world_step_does(&w, "60 r 1\n");
    world_end(&w, "up");
    w.fail_commits = 1;
    world_step_does(&w, "");
    world_step_does(&w, "180 r stale\n");
    world_deinit(&w);
}

static void without_room_for_a_series_the_rule_is_in_error(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n  - {alert: A, expr: up == 1}\n");
    world_set(&w, "up", 1);
    w.fail_series = -1;
    /* the alert is told nevertheless */
    world_step_does(&w,
                    "0 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 240\n");
    world_shows(&w, "g/r inactive err \"too many series\"\n"
                    "g/A firing err \"too many series\"\n"
                    "  {alertname=\"A\"} {} firing since 0 value 1\n");
    w.fail_series = 0;
    world_step_does(&w, "60 r 1\n60 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                        "60 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    world_deinit(&w);
}

static void a_series_that_storage_dropped_gets_a_new_reference(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: up}\n");
    world_set(&w, "up{i=\"a\"}", 1);
    world_set(&w, "up{i=\"b\"}", 1);
    world_step(&w);
    w.first_ref = w.n_series; /* forgets all */
    world_end(&w, "up{i=\"a\"}");
    world_step_does(&w, "60 r{i=\"a\"} stale\n60 r{i=\"b\"} 1\n");
    w.first_ref = w.n_series;
    w.fail_series = 1;
    world_step_does(&w, "");
    world_shows(&w, "g/r inactive err \"too many series\"\n");
    world_step_does(&w, "180 r{i=\"b\"} 1\n");
    world_deinit(&w);
}

static void a_run_without_results_commits_nothing(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: nothing}\n");
    w.commits = 0;
    world_step(&w);
    assert_int_equal(w.commits, 0);
    world_deinit(&w);
}

/* ---- histograms */

static void histograms_are_recorded_and_alert(void **state)
{
    static const double positive[] = {3, 1};
    static const struct histogram_span spans[] = {{0, 2}};
    const struct histogram h = {.count = 4,
                                .sum = 9,
                                .positive_spans = spans,
                                .n_positive_spans = 1,
                                .positive = positive,
                                .n_positive = 2};
    const struct label_set *ls = world_labels("lat");
    struct world w;

    world_init(&w, RULES "  - {record: r, expr: lat}\n"
                         "  - {alert: A, expr: lat, annotations: {v: '{{ $value }}', q: '{{ query "
                         "\"lat\" | first | value }}'}}\n");
    memory_reader_add(&w.store, ls, unix_ms_of_ns(w.wake) - 1, 0, &h);
    world_step_does(&w, "0 r histogram\n"
                        "0 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                        "0 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
                        "0 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} "
                        "{q=\"{count:4, sum:9, (0.5,1]:3, (1,2]:1}\", "
                        "v=\"{count:4, sum:9, (0.5,1]:3, (1,2]:1}\"} from 0 to 240\n");
    label_set_unref(ls);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_rule_writes_its_result_under_its_name_and_labels),
        cmocka_unit_test(a_scalar_is_one_series_without_labels),
        cmocka_unit_test(a_scalar_alerts_as_well),
        cmocka_unit_test(recording_rules_write_from_the_first_run_on),
        cmocka_unit_test(rules_see_what_those_before_them_wrote_in_the_same_run),
        cmocka_unit_test(samples_are_written_where_the_query_looked),
        cmocka_unit_test(the_offset_of_the_configuration_is_that_of_groups_without_one),
        cmocka_unit_test(a_subquery_steps_by_the_interval_of_the_configuration),
        cmocka_unit_test(a_series_that_is_not_written_again_ends),
        cmocka_unit_test(a_failing_run_ends_nothing),
        cmocka_unit_test(an_error_without_words_is_an_error),
        cmocka_unit_test(two_results_of_one_label_set_are_an_error_and_nothing_is_written),
        cmocka_unit_test(more_series_than_the_limit_are_an_error_and_nothing_is_written),
        cmocka_unit_test(what_storage_does_not_take_ends_or_is_written_in_the_next_run),
        cmocka_unit_test(without_room_for_a_series_the_rule_is_in_error),
        cmocka_unit_test(a_series_that_storage_dropped_gets_a_new_reference),
        cmocka_unit_test(a_run_without_results_commits_nothing),
        cmocka_unit_test(histograms_are_recorded_and_alert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
