/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#define RULES "groups:\n- name: g\n  rules:\n"
#define ALERT "  - {alert: A, expr: up == 0, for: 5m}\n"

/* Two runs with everything at work, of which nothing is of interest. */
static void begin(struct world *w, const char *rules)
{
    world_init(w, rules);
    world_run(w, 60, "up", 0);
    buf_reset(&w->lines);
}

static void reload(struct world *w, const char *rules)
{
    struct err err = {0};

    if (world_reload(w, rules, &err) < 0)
        fail_msg("%s", err.msg);
}

static void an_equal_group_goes_on_untouched(void **state)
{
    struct world w;
    unix_ns wake;

    begin(&w, RULES ALERT "  - {record: r, expr: up}\n");
    wake = w.wake;
    /* written in another way */
    reload(&w,
           "# changed\ngroups: [{name: g, rules: [{alert: A, expr: 'up==0', for: 300s}, {record: "
           "r, expr: 'up # !'}]}]\n");
    world_expect(&w, "");
    assert_int_equal(w.wake, wake);
    world_shows(&w, "g/A pending ok\n  {alertname=\"A\"} {} pending since 0 value 0\n"
                    "g/r inactive ok\n");
    world_deinit(&w);
}

static void a_run_that_is_due_is_not_lost_over_a_reload(void **state)
{
    static const char *const rules[] = {ALERT, "  - {alert: A, expr: up == 0, for: 7m}\n"};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        CLEANUP(buf_free) struct buf text = {0};
        struct world w;

        buf_addf(&text, RULES "%s", rules[i]);
        begin(&w, RULES ALERT);
        world_set(&w, "up", 0);
        w.now = w.wake + 5 * NS_PER_S;
        reload(&w, text.p);
        world_expect(&w, "120 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
                         "120 ALERTS{alertname=\"A\", alertstate=\"pending\"} 1\n");
        world_deinit(&w);
    }
}

static void a_changed_rule_keeps_its_state_by_name_and_labels(void **state)
{
    struct world w;

    begin(&w, RULES ALERT "  - {record: r, expr: up}\n");
    reload(&w, RULES "  - {record: r, expr: up + 1}\n  - {alert: New, expr: up == 7}\n"
                     "  - {alert: A, expr: up <= 0, for: 2m, annotations: {a: b}}\n");
    world_expect(&w, "");
    world_shows(&w, "g/r inactive ok\ng/New inactive unknown\n"
                    "g/A pending ok\n  {alertname=\"A\"} {} pending since 0 value 0\n");
    world_set(&w, "up", 0);
    world_step_does(
        &w,
        "120 r 1\n"
        "120 ALERTS_FOR_STATE{alertname=\"A\"} @0\n"
        "120 ALERTS{alertname=\"A\", alertstate=\"firing\"} 1\n"
        "120 ALERTS{alertname=\"A\", alertstate=\"pending\"} stale\n"
        "120 tells {alertname=\"A\", cluster=\"ours\", site=\"hz\"} {a=\"b\"} from 120 to 360\n");
    world_deinit(&w);
}

static void describe(const struct rule_group_view *g, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%lld %lld:", (long long)g->interval, (long long)g->limit);
    for (size_t i = 0; i < g->n_rules; i++) {
        const struct rule_view *v = &g->rules[i];

        buf_addf(out, " %s %s %s %lld %lld ", v->alerting ? "alert" : "record", v->name, v->query,
                 (long long)v->hold, (long long)v->keep_firing_for);
        label_set_print(v->labels, out);
        label_set_print(v->annotations, out);
    }
}

static void each_part_of_a_group_can_be_changed(void **state)
{
    static const char *const rules[] = {
        "groups: [{name: g, rules: [{alert: A, expr: up}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: down}]}]\n",
        "groups: [{name: g, rules: [{alert: B, expr: down}]}]\n",
        "groups: [{name: g, rules: [{record: B, expr: down}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, for: 5m}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, keep_firing_for: 5m}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, labels: {a: b}}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, labels: {a: c}}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: c}}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: d}}]}]\n",
        "groups: [{name: g, limit: 5, rules: [{alert: A, expr: up}]}]\n",
        "groups: [{name: g, interval: 5s, rules: [{alert: A, expr: up}]}]\n",
        "groups: [{name: g, labels: {a: b}, rules: [{alert: A, expr: up}]}]\n",
        "groups: [{name: g, rules: [{alert: A, expr: up}, {alert: A, expr: up}]}]\n",
    };
    struct world w;

    world_init_with(&w, WORLD_CONFIG, "groups: []\n");
    for (size_t i = 1; i < ARRAY_LEN(rules); i++) {
        CLEANUP(buf_free) struct buf had = {0}, has = {0}, fresh = {0};

        reload(&w, rules[0]);
        rules_each_group(w.rules, describe, &had);
        reload(&w, rules[i]);
        rules_each_group(w.rules, describe, &has);
        assert_string_not_equal(had.p, has.p);
        /* the same as after a start */
        world_start(&w);
        rules_each_group(w.rules, describe, &fresh);
        assert_string_equal(has.p, fresh.p);
    }
    world_deinit(&w);
}

static void another_interval_of_the_configuration_counts_for_subqueries(void **state)
{
    struct config *c = world_config("global: {evaluation_interval: 10s}\nrule_files: ['*.yml']\n");
    struct world w;

    world_init(&w, "groups:\n- name: g\n  interval: 1m\n  rules:\n"
                   "  - {record: n, expr: 'count_over_time(vector(1)[1m:])'}\n");
    world_step_does(&w, "0 n 1\n");
    config_unref(w.config);
    w.config = c;
    assert_int_equal(rules_reload(w.rules, c, w.now, NULL), 0);
    world_step_does(&w, "60 n 6\n");
    world_deinit(&w);
}

static void a_rule_with_other_labels_is_another_rule(void **state)
{
    struct world w;

    begin(&w, RULES ALERT "  - {record: r, expr: up, labels: {a: b}}\n");
    reload(&w, RULES "  - {alert: A, expr: up == 0, for: 5m, labels: {a: b}}\n"
                     "  - {record: r, expr: up}\n  - {alert: r, expr: up, labels: {a: b}}\n");
    world_expect(&w, "60.001 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
                     "60.001 ALERTS{alertname=\"A\", alertstate=\"pending\"} stale\n"
                     "60.001 r{a=\"b\"} stale\n");
    world_shows(&w, "g/A inactive unknown\ng/r inactive unknown\ng/r inactive unknown\n");
    world_deinit(&w);
}

static void rules_of_one_name_keep_their_state_in_order(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: 'up{i=\"a\"} == 0', for: 5m}\n"
                         "  - {alert: A, expr: 'up{i=\"b\"} == 0', for: 5m}\n");
    world_set(&w, "up{i=\"a\"}", 0);
    world_step(&w);
    world_set(&w, "up{i=\"b\"}", 0);
    world_step(&w);
    reload(&w, RULES "  - {alert: A, expr: 'up{i=\"a\"} == 0', for: 6m}\n"
                     "  - {alert: A, expr: 'up{i=\"b\"} == 0', for: 6m}\n"
                     "  - {alert: A, expr: 'up{i=\"c\"} == 0', for: 6m}\n");
    world_shows(&w, "g/A pending ok\n  {alertname=\"A\", i=\"a\"} {} pending since 0 value 0\n"
                    "g/A pending ok\n  {alertname=\"A\", i=\"b\"} {} pending since 60 value 0\n"
                    "g/A inactive unknown\n");
    world_deinit(&w);
}

static void series_of_a_group_that_is_gone_end_behind_its_last_run(void **state)
{
    struct world w;

    begin(&w, RULES ALERT "  - {record: r, expr: up}\n");
    w.now += 20 * NS_PER_S;
    reload(&w, "groups: []\n");
    world_expect(&w, "80 ALERTS_FOR_STATE{alertname=\"A\"} stale\n"
                     "80 ALERTS{alertname=\"A\", alertstate=\"pending\"} stale\n80 r stale\n");
    assert_true(w.wake == INT64_MAX);
    world_shows(&w, "");
    world_deinit(&w);
}

static void they_end_even_when_the_clock_was_set_back(void **state)
{
    struct world w;

    begin(&w, RULES "  - {record: r, expr: up}\n");
    w.now -= 3600 * NS_PER_S;
    reload(&w, "groups: []\n");
    world_expect(&w, "60.001 r stale\n");
    world_deinit(&w);
}

static void a_group_that_never_ran_ends_without_a_word(void **state)
{
    struct world w;

    world_init_with(&w, WORLD_CONFIG, RULES "  - {record: r, expr: up}\n");
    w.commits = 0;
    reload(&w, "groups: []\n");
    assert_int_equal(w.commits, 0);
    world_deinit(&w);
}

static void a_group_that_is_renamed_begins_anew(void **state)
{
    struct world w;

    begin(&w, RULES ALERT);
    reload(&w, "groups:\n- name: h\n  rules:\n" ALERT);
    world_shows(&w, "h/A inactive unknown\n");
    world_set(&w, "up", 0);
    /* and writes at once: only a start has something to restore */
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "ALERTS{alertname=\"A\", alertstate=\"pending\"} 1\n"));
    world_deinit(&w);
}

static void groups_come_go_and_stay_independently(void **state)
{
#define ONE(name, value) "- {name: " name ", rules: [{record: " name ", expr: " value "}]}\n"
    struct world w;

    begin(&w, "groups:\n" ONE("b", "1") ONE("d", "1") ONE("f", "1"));
    world_step(&w);
    reload(&w, "groups:\n" ONE("a", "1") ONE("b", "1") ONE("c", "1") ONE("d", "2") ONE("e", "1"));
    world_shows(&w, "a/a inactive unknown\nb/b inactive ok\nc/c inactive unknown\n"
                    "d/d inactive ok\ne/e inactive unknown\n");
    for (int i = 0; i < 5; i++)
        world_step(&w);
    world_shows(&w, "a/a inactive ok\nb/b inactive ok\nc/c inactive ok\nd/d inactive ok\n"
                    "e/e inactive ok\n");
    reload(&w, "groups:\n" ONE("c", "1"));
    world_step(&w);
    world_shows(&w, "c/c inactive ok\n");
    world_deinit(&w);
}

static void a_group_with_another_interval_follows_it_from_then_on(void **state)
{
    struct world w;

    begin(&w, RULES ALERT);
    reload(&w, "groups:\n- name: g\n  interval: 10s\n  rules:\n" ALERT);
    assert_in_range(w.wake, w.now + 1, w.now + 10 * NS_PER_S);
    world_shows(&w, "g/A pending ok\n  {alertname=\"A\"} {} pending since 0 value 0\n");
    world_deinit(&w);
}

static void a_bad_file_changes_nothing(void **state)
{
    struct world w;
    struct err err = {0};
    unix_ns wake;

    begin(&w, RULES ALERT "  - {record: r, expr: up}\n");
    wake = w.wake;
    assert_int_equal(world_reload(&w, RULES "  - {alert: A, expr: up ==}\n", &err), -EINVAL);
    assert_string_equal(err.msg, "rules.yml:4:22: group \"g\", rule 1, \"A\": could not parse "
                                 "expression: 1:6: parse error: unexpected end of input");
    world_expect(&w, "");
    assert_int_equal(w.wake, wake);
    world_shows(&w, "g/A pending ok\n  {alertname=\"A\"} {} pending since 0 value 0\n"
                    "g/r inactive ok\n");
    world_deinit(&w);
}

static void a_new_configuration_counts_for_groups_that_stay(void **state)
{
    struct config *c;
    struct world w;
    struct err err = {0};

    begin(&w,
          RULES "  - {alert: A, expr: up == 0, annotations: {s: '{{ $externalLabels.site }}'}}\n");
    c = world_config("global: {evaluation_interval: 1m, external_labels: {site: sh}}\n"
                     "rule_files: ['*.yml']\n");
    assert_int_equal(rules_reload(w.rules, c, w.now, &err), 0);
    config_unref(w.config);
    w.config = c;
    world_set(&w, "up", 0);
    world_step(&w);
    assert_non_null(
        strstr(w.lines.p, "120 tells {alertname=\"A\", site=\"sh\"} {s=\"sh\"} from 0 to 360"));
    world_deinit(&w);
}

static void a_reload_before_state_is_restored_forgets_neither(void **state)
{
    struct world w;

    world_init(&w, RULES "  - {alert: A, expr: up == 0, for: 30m}\n");
    world_run(&w, 600, "up", 0);
    world_start(&w);
    world_set(&w, "up", 0);
    world_step(&w);
    reload(&w, RULES "  - {alert: A, expr: up == 0, for: 30m, annotations: {a: b}}\n");
    world_set(&w, "up", 0);
    buf_reset(&w.lines);
    world_step(&w); /* restores, and has written nothing */
    world_expect(&w, "");
    world_set(&w, "up", 0);
    world_step(&w);
    /* 600 seconds were spent; the two runs after the start are the outage */
    assert_non_null(strstr(w.lines.p, "120 ALERTS_FOR_STATE{alertname=\"A\"} @-540\n"));
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_group_goes_on_untouched),
        cmocka_unit_test(a_run_that_is_due_is_not_lost_over_a_reload),
        cmocka_unit_test(a_changed_rule_keeps_its_state_by_name_and_labels),
        cmocka_unit_test(each_part_of_a_group_can_be_changed),
        cmocka_unit_test(another_interval_of_the_configuration_counts_for_subqueries),
        cmocka_unit_test(a_rule_with_other_labels_is_another_rule),
        cmocka_unit_test(rules_of_one_name_keep_their_state_in_order),
        cmocka_unit_test(series_of_a_group_that_is_gone_end_behind_its_last_run),
        cmocka_unit_test(they_end_even_when_the_clock_was_set_back),
        cmocka_unit_test(a_group_that_never_ran_ends_without_a_word),
        cmocka_unit_test(a_group_that_is_renamed_begins_anew),
        cmocka_unit_test(groups_come_go_and_stay_independently),
        cmocka_unit_test(a_group_with_another_interval_follows_it_from_then_on),
        cmocka_unit_test(a_bad_file_changes_nothing),
        cmocka_unit_test(a_new_configuration_counts_for_groups_that_stay),
        cmocka_unit_test(a_reload_before_state_is_restored_forgets_neither),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
