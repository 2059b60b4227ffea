/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#define RULES "groups:\n- name: g\n  rules:\n"

/* ---- the life of an alert */

static void an_alert_is_pending_then_firing_then_resolved(void **state)
{
    struct world w;

    world_init(&w, RULES "  - alert: Hot\n    expr: temp > 30\n    for: 2m\n"
                         "    labels: {severity: page}\n    annotations: {summary: it is hot}\n");
    world_step_does(&w, "");
    world_zero(&w);
    world_set(&w, "temp{room=\"a\"}", 31);
    world_step_does(
        &w,
        "0 ALERTS_FOR_STATE{alertname=\"Hot\", room=\"a\", severity=\"page\"} @0\n"
        "0 ALERTS{alertname=\"Hot\", alertstate=\"pending\", room=\"a\", severity=\"page\"} 1\n");
    world_shows(&w, "g/Hot pending ok\n"
                    "  {alertname=\"Hot\", room=\"a\", severity=\"page\"} {summary=\"it is hot\"} "
                    "pending since 0 value 31\n");
    world_set(&w, "temp{room=\"a\"}", 32);
    world_step_does(
        &w,
        "60 ALERTS_FOR_STATE{alertname=\"Hot\", room=\"a\", severity=\"page\"} @0\n"
        "60 ALERTS{alertname=\"Hot\", alertstate=\"pending\", room=\"a\", severity=\"page\"} 1\n");
    world_step_does(
        &w,
        "120 ALERTS_FOR_STATE{alertname=\"Hot\", room=\"a\", severity=\"page\"} @0\n"
        "120 ALERTS{alertname=\"Hot\", alertstate=\"firing\", room=\"a\", severity=\"page\"} 1\n"
        "120 ALERTS{alertname=\"Hot\", alertstate=\"pending\", room=\"a\", severity=\"page\"} stale\n"
        "120 tells {alertname=\"Hot\", cluster=\"ours\", room=\"a\", severity=\"page\", "
        "site=\"hz\"} {summary=\"it is hot\"} from 120 to 360\n");
    world_shows(&w, "g/Hot firing ok\n"
                    "  {alertname=\"Hot\", room=\"a\", severity=\"page\"} {summary=\"it is hot\"} "
                    "firing since 0 value 32\n");
    world_set(&w, "temp{room=\"a\"}", 20);
    world_step_does(
        &w,
        "180 ALERTS_FOR_STATE{alertname=\"Hot\", room=\"a\", severity=\"page\"} stale\n"
        "180 ALERTS{alertname=\"Hot\", alertstate=\"firing\", room=\"a\", severity=\"page\"} stale\n"
        "180 tells {alertname=\"Hot\", cluster=\"ours\", room=\"a\", severity=\"page\", "
        "site=\"hz\"} {summary=\"it is hot\"} from 120 to 180\n");
    world_shows(&w, "g/Hot inactive ok\n");
    world_deinit(&w);
}

static void without_for_an_alert_fires_in_the_first_run(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    world_step_does(&w,
                    "0 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                    "0 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
                    "0 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 240\n");
    world_deinit(&w);
}

static void a_pending_alert_that_goes_is_forgotten_and_begins_anew(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 2m}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    world_set(&w, "up", 1);
    world_step_does(&w, "60 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
                        "60 ALERTS{alertname=\"A\", alertstate=\"pending\"} stale\n");
    world_set(&w, "up", 0);
    world_step_does(&w, "120 ALERTS_FOR_STATE{alertname=\"A\"} @120\n"
                        "120 ALERTS{alertname=\"A\", alertstate=\"pending\"} 1\n");
    world_shows(&w, "g/A pending ok\n  {alertname=\"A\"} {} pending since 120 value 0\n");
    world_deinit(&w);
}

static void a_resolved_alert_is_told_for_fifteen_minutes(void **state)
{
    struct world w;
    int told = 0;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    w.options.resend_delay = 59000; /* in each run */
    world_start(&w);
    world_run(&w, 0, "up", 0);
    for (int t = 60; t <= 1200; t += 60) {
        char line[100];

        buf_reset(&w.lines);
        world_run(&w, t, "up", 1);
        snprintf(line, sizeof line,
                 "%d tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 60\n", t);
        if (strstr(w.lines.p, line)) {
            assert_true(t <= 60 + 15 * 60);
            told++;
        }
    }
    assert_int_equal(told, 16);
    world_deinit(&w);
}

static void a_resolved_alert_that_comes_back_is_a_new_one(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    world_set(&w, "up", 1);
    world_step(&w);
    world_set(&w, "up", 0);
    world_step_does(
        &w, "120 ALERTS_FOR_STATE{alertname=\"A\"} @120\n"
            "120 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
            "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 120 to 360\n");
    world_deinit(&w);
}

static void keep_firing_for_bridges_gaps(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, keep_firing_for: 2m}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    world_set(&w, "up", 1);
    world_step_does(&w, "60 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                        "60 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    world_shows(&w, "g/A firing ok\n  {alertname=\"A\"} {} firing since 0 value 0 kept since 60\n");
    world_step_does(
        &w, "120 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
            "120 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
            "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 360\n");
    /* it comes back: the time begins anew */
    world_set(&w, "up", 0);
    world_step_does(&w, "180 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                        "180 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    world_shows(&w, "g/A firing ok\n  {alertname=\"A\"} {} firing since 0 value 0\n");
    world_set(&w, "up", 1);
    world_step(&w);
    world_step(&w);
    world_shows(&w,
                "g/A firing ok\n  {alertname=\"A\"} {} firing since 0 value 0 kept since 240\n");
    world_step_does(
        &w, "360 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
            "360 ALERTS{alertname=\"A\", alertstate=\"firing\"} stale\n"
            "360 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 360\n");
    world_deinit(&w);
}

static void keep_firing_for_is_not_for_pending_alerts(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 5m, keep_firing_for: 5m}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    world_set(&w, "up", 1);
    world_step(&w);
    world_shows(&w, "g/A inactive ok\n");
    world_deinit(&w);
}

static void each_label_set_has_a_life_of_its_own(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 1m}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step(&w);
    world_shows(&w, "g/A firing ok\n"
                    "  {alertname=\"A\", i=\"a\"} {} firing since 0 value 0\n"
                    "  {alertname=\"A\", i=\"b\"} {} pending since 60 value 0\n");
    world_deinit(&w);
}

/* ---- labels and annotations */

static void templates_see_the_sample_and_the_site(void **state)
{
    struct world w;

    world_init(
        &w, RULES
        "  - alert: A\n    expr: up == 0\n"
        "    labels:\n"
        "      where: '{{ $labels.zone }}-{{ $externalLabels.site }}'\n"
        "      zone: '{{ if false }}gone{{ end }}'\n"
        "      alertname: mine\n"
        "      metric: '{{ $labels.__name__ }}'\n"
        "    annotations:\n"
        "      value: '{{ $value }} {{ humanize 12345.0 }}'\n"
        "      url: '{{ $externalURL }}'\n"
        "      other: '{{ with query \"load\" }}{{ . | first | value }} {{ (first .).Labels.h "
        "}}{{ end }}'\n"
        "      none: '{{ $labels.nothing }}'\n");
    world_set(&w, "load{h=\"x\"}", 7);
    world_set(&w, "up{zone=\"z\"}", 0);
    world_step(&w);
    world_shows(&w,
                "g/A firing ok\n"
                "  {alertname=\"A\", metric=\"up\", where=\"z-hz\"} {other=\"7 x\", "
                "url=\"http://tocsin.site:9090\", value=\"0 12.35k\"} firing since 0 value 0\n");
    world_deinit(&w);
}

static void a_failing_template_says_so_and_the_alert_fires(void **state)
{
    struct world w;

    world_init(&w, RULES "  - alert: A\n    expr: up == 0\n"
                         "    labels: {l: '{{ first (query \"nothing\") }}'}\n"
                         "    annotations: {a: '{{ query \"up{\" }}', b: fine}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    world_shows(
        &w,
        "g/A firing ok\n"
        "  {alertname=\"A\", l=\"<error expanding template: error executing template __alert_A: "
        "template: __alert_A:1:115: executing \\\"__alert_A\\\" at <first (query \\\"nothing\\\")>: "
        "error calling first: first() called on vector with no elements>\"} "
        "{a=\"<error expanding template: error executing template __alert_A: template: "
        "__alert_A:1:115: executing \\\"__alert_A\\\" at <query \\\"up{\\\">: error calling query: "
        "1:4: parse error: unexpected end of input inside braces>\", b=\"fine\"} "
        "firing since 0 value 0\n");
    world_deinit(&w);
}

static void annotations_and_value_follow_the_newest_run(void **state)
{
    struct world w;

    world_init(&w, RULES
               "  - {alert: A, expr: up < 5, annotations: {v: '{{ $value }}', time: '{{ query "
               "\"up\" | first | value }}'}}\n");
    world_set(&w, "up", 1);
    world_step(&w);
    world_set(&w, "up", 2);
    world_step(&w);
    world_shows(&w, "g/A firing ok\n"
                    "  {alertname=\"A\"} {time=\"2\", v=\"2\"} firing since 0 value 2\n");
    world_deinit(&w);
}

static void labels_of_the_group_are_those_of_its_rules(void **state)
{
    struct world w;

    world_init(&w, "groups:\n- name: g\n  labels: {team: ops, l: '{{ $value }}'}\n  rules:\n"
                   "  - {alert: A, expr: up == 0, labels: {team: db}}\n"
                   "  - {record: r, expr: up}\n");
    world_set(&w, "up", 0);
    world_step_does(&w, "0 ALERTS_FOR_STATE{alertname=\"A\", l=\"0\", team=\"db\"} @0\n"
                        "0 ALERTS{alertname=\"A\", alertstate=\"firing\", l=\"0\", team=\"db\"} 1\n"
                        "0 r{l=\"{{ $value }}\", team=\"ops\"} 0\n"
                        "0 tells {alertname=\"A\", cluster=\"ours\", l=\"0\", site=\"hz\", "
                        "team=\"db\"} {} from 0 to 240\n");
    world_deinit(&w);
}

static void external_labels_do_not_replace_those_of_the_alert(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, labels: {cluster: theirs}}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "tells {alertname=\"A\", cluster=\"theirs\", site=\"hz\"}"));
    world_deinit(&w);
}

/* ---- what makes a run fail */

static void two_alerts_of_one_label_set_are_an_error_and_change_nothing(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, labels: {i: x}}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step_does(&w, "");
    world_shows(&w,
                "g/A firing err \"vector contains metrics with the same labelset after applying "
                "alert labels\"\n"
                "  {alertname=\"A\", i=\"x\"} {} firing since 0 value 0\n");
    world_end(&w, "up{i=\"b\"}");
    world_step_does(
        &w,
        "120 ALERTS_FOR_STATE{alertname=\"A\", i=\"x\"} @0\n"
        "120 ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"x\"} 1\n"
        "120 tells {alertname=\"A\", cluster=\"ours\", i=\"x\", site=\"hz\"} {} from 0 to 360\n");
    world_shows(&w, "g/A firing ok\n  {alertname=\"A\", i=\"x\"} {} firing since 0 value 0\n");
    world_deinit(&w);
}

static void more_alerts_than_the_limit_are_an_error_and_all_are_forgotten(void **state)
{
    struct world w;

    world_init(&w, "groups:\n- name: g\n  limit: 1\n  rules:\n  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step_does(&w, "");
    world_shows(&w, "g/A inactive err \"exceeded limit of 1 with 2 alerts\"\n");
    world_end(&w, "up{i=\"a\"}");
    world_step_does(
        &w,
        "120 ALERTS_FOR_STATE{alertname=\"A\", i=\"a\"} stale\n"
        "120 ALERTS_FOR_STATE{alertname=\"A\", i=\"b\"} @120\n"
        "120 ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"a\"} stale\n"
        "120 ALERTS{alertname=\"A\", alertstate=\"firing\", i=\"b\"} 1\n"
        "120 tells {alertname=\"A\", cluster=\"ours\", i=\"b\", site=\"hz\"} {} from 120 to 360\n");
    world_deinit(&w);
}

static void a_resolved_alert_does_not_count_towards_the_limit(void **state)
{
    struct world w;

    world_init(&w, "groups:\n- name: g\n  limit: 1\n  rules:\n  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"a\"}", 1);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step(&w);
    world_shows(&w, "g/A firing ok\n  {alertname=\"A\", i=\"b\"} {} firing since 60 value 0\n");
    world_deinit(&w);
}

static void a_failing_query_keeps_the_alert_firing_and_told(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    world_step(&w);
    w.store.fail_read = -EIO;
    world_step_does(&w, "");
    world_shows(&w, "g/A firing err \"the disk is on fire\"\n"
                    "  {alertname=\"A\"} {} firing since 0 value 0\n");
    world_step_does(
        &w, "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 360\n");
    w.store.fail_read = 0;
    world_set(&w, "up", 1);
    world_step_does(
        &w, "180 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
            "180 ALERTS{alertname=\"A\", alertstate=\"firing\"} stale\n"
            "180 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 180\n");
    world_shows(&w, "g/A inactive ok\n");
    world_deinit(&w);
}

/* ---- telling */

static void what_fires_is_told_again_when_the_resend_delay_is_over(void **state)
{
    struct world w;

    world_init_with(
        &w, WORLD_CONFIG,
        "groups:\n- name: g\n  interval: 20s\n  rules:\n  - {alert: A, expr: up == 0}\n");
    w.quiet = true;
    world_zero(&w);
    for (int i = 0; i < 13; i++) {
        world_set(&w, "up", 0);
        world_step(&w);
    }
    /* At 0, 80, 160, 240: more than a minute after the time before. */
    assert_int_equal(w.posts, 4);
    world_deinit(&w);
}

/* A post is a write to disk: one for all rules of a run, unless they may not wait. */
static void rules_of_a_run_tell_together(void **state)
{
    static const struct {
        dur_ms within;
        size_t posts;
    } cases[] = {{60000, 1}, {0, 3}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        world_init(&w, RULES "  - {alert: A, expr: up == 0}\n  - {alert: B, expr: up == 0}\n"
                             "  - {alert: C, expr: up == 0}\n");
        w.options.tell_within = cases[i].within;
        world_start(&w);
        world_set(&w, "up{i=\"1\"}", 0);
        world_set(&w, "up{i=\"2\"}", 0);
        world_step(&w);
        assert_int_equal(w.posts, cases[i].posts);
        world_step(&w);
        assert_int_equal(w.posts, cases[i].posts); /* what was told is not due again */
        world_deinit(&w);
    }
}

static void the_end_is_four_of_the_longer_of_resend_delay_and_interval_ahead(void **state)
{
    static const struct {
        const char *interval, *ends;
    } cases[] = {{"15s", "from 0 to 240\n"}, {"1m", "from 0 to 240\n"}, {"5m", "from 0 to 1200\n"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0};
        struct world w;

        buf_addf(&text,
                 "groups:\n- name: g\n  interval: %s\n  rules:\n  - {alert: A, expr: up == 0}\n",
                 cases[i].interval);
        world_init(&w, text.p);
        world_set(&w, "up", 0);
        world_step(&w);
        assert_true(str_has_suffix(buf_str(&w.lines), str_c(cases[i].ends)));
        world_deinit(&w);
    }
}

static int look_at_url(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                       struct err *err)
{
    buf_addf(self, "%s\n", alerts[0]->generator_url);
    return 0;
}

static void an_alert_links_to_the_graph_of_its_expression(void **state)
{
    CLEANUP(buf_free) struct buf urls = {0};
    struct world w;

    world_init(&w, RULES "  - alert: A\n    expr: up{a=\"x y\"}==0 and on() vector(1)\n");
    w.options.alerts = (struct alert_sink){&urls, look_at_url};
    world_start(&w);
    world_set(&w, "up{a=\"x y\"}", 0);
    world_step(&w);
    assert_string_equal(
        urls.p,
        "http://tocsin.site:9090/graph?g0.expr=up%7Ba%3D%22x+y%22%7D+%3D%3D+0+and+on+%28%29+"
        "vector%281%29&g0.tab=1\n");
    world_deinit(&w);
}

static void what_routing_does_not_take_is_told_in_the_next_run(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    w.fail_posts = 1;
    world_step_does(&w, "0 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                        "0 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n");
    world_step_does(&w,
                    "60 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                    "60 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
                    "60 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 300\n");
    /* the end, too */
    world_set(&w, "up", 1);
    w.fail_posts = 1;
    world_step_does(&w, "120 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
                        "120 ALERTS{alertname=\"A\", alertstate=\"firing\"} stale\n");
    world_step_does(
        &w, "180 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 120\n");
    world_deinit(&w);
}

static void an_alert_of_which_only_the_end_could_be_told_is_told_as_resolved(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0}\n");
    world_set(&w, "up", 0);
    w.fail_posts = 1;
    world_step(&w);
    world_set(&w, "up", 1);
    world_step(&w);
    assert_non_null(strstr(
        w.lines.p, "60 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {} from 0 to 60"));
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_is_pending_then_firing_then_resolved),
        cmocka_unit_test(without_for_an_alert_fires_in_the_first_run),
        cmocka_unit_test(a_pending_alert_that_goes_is_forgotten_and_begins_anew),
        cmocka_unit_test(a_resolved_alert_is_told_for_fifteen_minutes),
        cmocka_unit_test(a_resolved_alert_that_comes_back_is_a_new_one),
        cmocka_unit_test(keep_firing_for_bridges_gaps),
        cmocka_unit_test(keep_firing_for_is_not_for_pending_alerts),
        cmocka_unit_test(each_label_set_has_a_life_of_its_own),
        cmocka_unit_test(templates_see_the_sample_and_the_site),
        cmocka_unit_test(a_failing_template_says_so_and_the_alert_fires),
        cmocka_unit_test(annotations_and_value_follow_the_newest_run),
        cmocka_unit_test(labels_of_the_group_are_those_of_its_rules),
        cmocka_unit_test(external_labels_do_not_replace_those_of_the_alert),
        cmocka_unit_test(two_alerts_of_one_label_set_are_an_error_and_change_nothing),
        cmocka_unit_test(more_alerts_than_the_limit_are_an_error_and_all_are_forgotten),
        cmocka_unit_test(a_resolved_alert_does_not_count_towards_the_limit),
        cmocka_unit_test(a_failing_query_keeps_the_alert_firing_and_told),
        cmocka_unit_test(what_fires_is_told_again_when_the_resend_delay_is_over),
        cmocka_unit_test(rules_of_a_run_tell_together),
        cmocka_unit_test(the_end_is_four_of_the_longer_of_resend_delay_and_interval_ahead),
        cmocka_unit_test(an_alert_links_to_the_graph_of_its_expression),
        cmocka_unit_test(what_routing_does_not_take_is_told_in_the_next_run),
        cmocka_unit_test(an_alert_of_which_only_the_end_could_be_told_is_told_as_resolved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
