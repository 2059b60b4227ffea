/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#define GROUP(rule) "groups: [{name: g, rules: [{alert: Hot, " rule "}]}]\n"

/* State of the one rule, "inactive", "pending" or "firing". */
static void note_state(const struct rule_group_view *g, void *arg)
{
    *(const char **)arg = state_word(g->rules[0].state);
}

static void expect_state(struct world *w, const char *word)
{
    const char *now = "";

    rules_each_group(w->rules, note_state, &now);
    assert_string_equal(now, word);
}

static void run_with(struct world *w, double v, const char *word)
{
    world_set(w, "x{i=\"a\"}", v);
    world_step(w);
    expect_state(w, word);
}

/* Runs without a value. */
static void run_without(struct world *w, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        world_step(w);
    expect_state(w, word);
}

static void without_a_word_what_is_gone_resolves(void **state)
{
    static const char *const rules[] = {GROUP("expr: x > 5"), GROUP("expr: x > 5, no_data: ok")};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct world w;

        world_init(&w, rules[i]);
        run_with(&w, 9, "firing");
        world_end(&w, "x{i=\"a\"}");
        run_without(&w, 1, "inactive");
        world_deinit(&w);
    }
}

static void keep_lets_fire_what_fired_for_an_hour(void **state)
{
    struct world w;

    world_init(&w, GROUP("expr: x > 5, no_data: keep"));
    run_with(&w, 9, "firing");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 60, "firing");
    run_without(&w, 1, "inactive");
    run_with(&w, 9, "firing");
    run_with(&w, 1, "inactive");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 2, "inactive");
    world_deinit(&w);
}

static void keep_does_not_keep_what_is_pending(void **state)
{
    struct world w;

    world_init(&w, GROUP("expr: x > 5, for: 5m, no_data: keep"));
    run_with(&w, 9, "pending");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 1, "inactive");
    world_deinit(&w);
}

static void fire_counts_what_is_gone_as_beyond_the_threshold(void **state)
{
    struct world w;

    world_init(&w, GROUP("expr: x == 0, for: 2m, no_data: fire, annotations: {s: '{{ $value }} of "
                         "{{ $labels.i }}'}"));
    run_with(&w, 1, "inactive");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 1, "pending");
    world_zero(&w);
    run_without(&w, 2, "firing");
    assert_non_null(strstr(w.lines.p, "{s=\"1 of a\"}"));
    run_with(&w, 1, "inactive");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 60, "firing");
    run_without(&w, 1, "inactive");
    world_deinit(&w);
}

static void a_reload_does_not_forget_what_was_measured(void **state)
{
    struct world w;
    struct err err = {0};

    world_init(&w, GROUP("expr: x > 5, no_data: fire"));
    run_with(&w, 1, "inactive");
    world_end(&w, "x{i=\"a\"}");
    assert_int_equal(world_reload(&w, GROUP("expr: x > 6, no_data: fire"), &err), 0);
    run_without(&w, 1, "firing");
    world_deinit(&w);
}

static void a_changed_word_is_a_changed_rule(void **state)
{
    struct world w;
    struct err err = {0};

    world_init(&w, GROUP("expr: x > 5"));
    run_with(&w, 9, "firing");
    assert_int_equal(world_reload(&w, GROUP("expr: x > 5, no_data: keep"), &err), 0);
    run_with(&w, 9, "firing");
    world_end(&w, "x{i=\"a\"}");
    run_without(&w, 3, "firing");
    world_deinit(&w);
}

static void the_end_tells_the_value_that_ended_it(void **state)
{
    struct world w;

    world_init(&w, GROUP("expr: x > 5, annotations: {s: '{{ $value }}{{ with $resolvedValue }} "
                         "then {{ . }}{{ end }}'}"));
    world_set(&w, "x{i=\"a\"}", 9);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "{s=\"9\"} from 0 to 240"));
    world_set(&w, "x{i=\"a\"}", 3);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "{s=\"9 then 3\"} from 0 to 60"));
    world_zero(&w);
    world_set(&w, "x{i=\"a\"}", 7);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "{s=\"7\"}"));
    world_end(&w, "x{i=\"a\"}"); /* no value ended it */
    world_zero(&w);
    world_step(&w);
    assert_non_null(strstr(w.lines.p, "{s=\"7\"}"));
    world_deinit(&w);
}

static void what_cannot_work_is_refused(void **state)
{
    static const struct {
        const char *rules, *words;
        bool strict;
    } cases[] = {
        {GROUP("expr: x > 5, no_data: never"), "expected ok, keep or fire", false},
        {GROUP("expr: absent(x), no_data: fire"), "no_data needs an expression", false},
        {GROUP("expr: x > y, annotations: {s: '{{ $resolvedValue }}'}"),
         "$resolvedValue needs an expression", false},
        {GROUP("expr: x > 5, no_data: keep, labels: {v: '{{ $value }}'}"),
         "labels that do not depend on the value", false},
        {GROUP("expr: x > 5, labels: {v: '{{ $resolvedValue }}'}"), "undefined variable", false},
        {"groups: [{name: g, rules: [{record: r, expr: x > 5, no_data: keep}]}]\n",
         "invalid field 'no_data'", false},
        {GROUP("expr: x > 5, no_data: ok"), "no_data", true},
        {GROUP("expr: x > 5, annotations: {s: '{{ $resolvedValue }}'}"), "undefined variable",
         true},
    };
    struct world w;

    world_init(&w, GROUP("expr: x > 5"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rules *r = NULL;
        struct err err = {0};

        w.options.strict = cases[i].strict;
        world_write("rules.yml", cases[i].rules);
        assert_int_equal(rules_new(&w.options, w.config, w.now, &r, &err), -EINVAL);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("%zu: %s", i, err.msg);
    }
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_what_is_gone_resolves),
        cmocka_unit_test(keep_lets_fire_what_fired_for_an_hour),
        cmocka_unit_test(keep_does_not_keep_what_is_pending),
        cmocka_unit_test(fire_counts_what_is_gone_as_beyond_the_threshold),
        cmocka_unit_test(a_reload_does_not_forget_what_was_measured),
        cmocka_unit_test(a_changed_word_is_a_changed_rule),
        cmocka_unit_test(the_end_tells_the_value_that_ended_it),
        cmocka_unit_test(what_cannot_work_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
