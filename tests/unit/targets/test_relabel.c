/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>

#include "base/json.h"
#include "tests/unit/conformance.h"
#include "tests/unit/targets/setup.h"

/* ---- our own cases ------------------------------------------------------------------------- */

/* `steps` are the lines of metric_relabel_configs; they start from {a="foo", b="Bar", c="foo"}. */
static const struct {
    const char *steps;
    const char *labels; /* NULL: dropped, */
    int by;             /* by this step */
} cases[] = {
    /* replace */
    {"{source_labels: [a], target_label: d}", "{a=\"foo\", b=\"Bar\", c=\"foo\", d=\"foo\"}"},
    {"{source_labels: [a, b], separator: '/', target_label: a}",
     "{a=\"foo/Bar\", b=\"Bar\", c=\"foo\"}"},
    {"{source_labels: [x, a], target_label: d}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\", d=\";foo\"}"}, /* an absent label is empty */
    {"{target_label: d, replacement: x}", "{a=\"foo\", b=\"Bar\", c=\"foo\", d=\"x\"}"},
    {"{source_labels: [a], regex: 'o', target_label: d, replacement: x}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\"}"}, /* anchored */
    {"{source_labels: [a], regex: 'f(.)(?P<rest>.*)', target_label: '${1}x', replacement: '$rest$$'}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\", ox=\"o$\"}"},
    {"{source_labels: [a], target_label: d, replacement: '$1x'}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},                            /* a group named 1x */
    {"{target_label: a, replacement: ''}", "{b=\"Bar\", c=\"foo\"}"}, /* empty removes */
    {"{source_labels: [a], regex: 'x?(f?).*', target_label: '${2}', replacement: x}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\"}"}, /* no label without a name */
    /* lowercase, uppercase */
    {"{source_labels: [b], action: lowercase, target_label: b}",
     "{a=\"foo\", b=\"bar\", c=\"foo\"}"},
    {"{source_labels: [a, b], separator: '内存é', action: uppercase, target_label: b}",
     "{a=\"foo\", b=\"FOO内存éBAR\", c=\"foo\"}"},
    /* keep, drop */
    {"{source_labels: [a], regex: f.*, action: keep}", "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    {"{source_labels: [a], regex: f, action: keep}", NULL, 0},
    {"{source_labels: [a], regex: f.*, action: drop}", NULL, 0},
    {"{source_labels: [a], regex: f, action: drop}", "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    {"{source_labels: [x], regex: '', action: keep}", "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    /* keepequal, dropequal */
    {"{source_labels: [a], target_label: c, action: keepequal}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    {"{source_labels: [a], target_label: b, action: keepequal}", NULL, 0},
    {"{source_labels: [a], target_label: c, action: dropequal}", NULL, 0},
    {"{source_labels: [a], target_label: b, action: dropequal}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    {"{source_labels: [x], target_label: y, action: dropequal}", NULL, 0},
    /* hashmod: MD5("foo") ends with edef654fccc4a4d8 */
    {"{source_labels: [a], target_label: d, modulus: 1000, action: hashmod}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\", d=\"696\"}"},
    /* labelmap, labeldrop, labelkeep */
    {"{regex: '(a|b)', replacement: 'x_$1', action: labelmap}",
     "{a=\"foo\", b=\"Bar\", c=\"foo\", x_a=\"foo\", x_b=\"Bar\"}"},
    {"{regex: 'a', replacement: 'b', action: labelmap}", "{a=\"foo\", b=\"foo\", c=\"foo\"}"},
    {"{regex: 'a', replacement: '${2}', action: labelmap}", "{a=\"foo\", b=\"Bar\", c=\"foo\"}"},
    {"{regex: '[ab]', action: labeldrop}", "{c=\"foo\"}"},
    {"{regex: '[ab]', action: labelkeep}", "{a=\"foo\", b=\"Bar\"}"},
    {"{regex: 'nothing', action: labelkeep}", "{}"},
    /* several: in order, each sees what those before it left, the one that drops is told */
    {"{target_label: a, replacement: new}\n    - {source_labels: [a], target_label: d}",
     "{a=\"new\", b=\"Bar\", c=\"foo\", d=\"new\"}"},
    {"{target_label: a, replacement: new}\n    - {source_labels: [a], regex: new, action: drop}",
     NULL, 1},
};

static struct config *with_steps(const char *steps)
{
    CLEANUP(buf_free) struct buf yaml = {0};

    buf_addf(&yaml, "scrape_configs:\n- job_name: x\n  metric_relabel_configs:\n    - %s\n", steps);
    return configure(yaml.p);
}

static void every_action_does_what_it_says(void **state)
{
    const struct label from[] = {
        {STR("a"), STR("foo")}, {STR("b"), STR("Bar")}, {STR("c"), STR("foo")}};
    struct label_set *start = label_set_new(from, ARRAY_LEN(from));

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = with_steps(cases[i].steps);
        struct label_builder b;
        struct label_set *got;
        int by;

        label_builder_init(&b, start);
        by = relabel(&b, c->scrapes[0].metric_relabel, c->scrapes[0].n_metric_relabel);
        if (by != (cases[i].labels ? -1 : cases[i].by))
            fail_msg("%s: dropped by %d", cases[i].steps, by);
        got = label_builder_build(&b);
        if (cases[i].labels) {
            CLEANUP(mem_freep) char *text = text_of(got);

            if (strcmp(text, cases[i].labels) != 0)
                fail_msg("%s: got %s, expected %s", cases[i].steps, text, cases[i].labels);
        }
        label_set_unref(got);
        label_builder_deinit(&b);
        config_unref(c);
    }
    label_set_unref(start);
}

/* ---- Prometheus' cases --------------------------------------------------------------------- */

/* Strings of JSON are strings of YAML. */
static bool add_field(struct str key, const struct json *v, void *arg)
{
    struct buf *out = arg;

    json_add_string(out, key, JSON_PLAIN);
    buf_add_c(out, ": ");
    if (json_type_of(v) == JSON_NUMBER) {
        buf_addf(out, "%lld", (long long)json_int(v));
    } else if (json_type_of(v) == JSON_ARRAY) {
        buf_add_c(out, "[");
        for (size_t i = 0; i < json_len(v); i++) {
            json_add_string(out, json_text(json_at(v, i)), JSON_PLAIN);
            buf_add_c(out, ", ");
        }
        buf_add_c(out, "]");
    } else {
        json_add_string(out, json_text(v), JSON_PLAIN);
    }
    buf_add_c(out, ", ");
    return true;
}

static struct config *config_of_steps(const struct json *steps)
{
    CLEANUP(buf_free) struct buf yaml = {0};

    buf_add_c(&yaml, "scrape_configs:\n- job_name: x\n  metric_relabel_configs:\n");
    for (size_t i = 0; i < json_len(steps); i++) {
        buf_add_c(&yaml, "  - {");
        json_each(json_at(steps, i), add_field, &yaml);
        buf_add_c(&yaml, "}\n");
    }
    return configure(yaml.p);
}

static bool add_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static struct label_set *labels_of(const struct json *object)
{
    struct label_builder b = {0};
    struct label_set *ls;

    json_each(object, add_label, &b);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static void run_case(const struct json *one, size_t number)
{
    struct config *c = config_of_steps(json_get(one, "relabel_configs"));
    struct label_set *input = labels_of(json_get(one, "input")), *got;
    struct label_set *expected = labels_of(json_get(one, "output"));
    struct label_builder b;
    bool dropped;

    label_builder_init(&b, input);
    dropped = relabel(&b, c->scrapes[0].metric_relabel, c->scrapes[0].n_metric_relabel) >= 0;
    if (dropped != json_is_true(json_get(one, "dropped")))
        fail_msg("case %zu: dropped: %d", number, dropped);
    got = label_builder_build(&b);
    if (!dropped && !label_set_eq(got, expected))
        fail_msg("case %zu: got %s, expected %s", number, text_of(got), text_of(expected));
    label_set_unref(got);
    label_set_unref(expected);
    label_set_unref(input);
    label_builder_deinit(&b);
    config_unref(c);
}

static void all_cases_of_prometheus_come_out_the_same(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct json *all = NULL;

    if (!conformance_read("config/relabel.json", &text)) {
        print_message("# conformance/config/relabel.json is not here\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &all, NULL), 0);
    for (size_t i = 0; i < json_len(all); i++)
        run_case(json_at(all, i), i);
    print_message("# relabel.json: %zu cases\n", json_len(all));
    assert_true(json_len(all) > 0);
    json_doc_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_does_what_it_says),
        cmocka_unit_test(all_cases_of_prometheus_come_out_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
