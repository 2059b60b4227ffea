/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/promql/ask.h"
#include "tests/unit/promql/corpus.h"

#include <math.h>

/* ---- warnings and infos */

static void check_notes(const char *answer, const struct json *list)
{
    for (size_t i = 0; i < json_len(list); i++) {
        CLEANUP(buf_free) struct buf line = {0};

        buf_addf(&line, STR_FMT "\n", STR_ARG(json_text(json_at(list, i))));
        if (!strstr(answer, line.p))
            fail_msg("no \"%s\" in:\n%s", line.p, answer);
    }
}

static size_t count_notes(const char *answer)
{
    size_t n = 0;

    for (const char *p = answer; (p = strstr(p, "PromQL ")); p++)
        n++;
    return n;
}

static void annotations_have_the_words_and_places_of_prometheus(void **state)
{
    struct json *doc = corpus_open("annotations.json");

    for (size_t i = 0; i < json_len(doc); i++) {
        const struct json *c = json_at(doc, i);
        struct promql_options opts = {
            .type_and_unit_labels = json_is_true(json_get(c, "type_and_unit_labels"))};
        CLEANUP(buf_free) struct buf expr = {0}, data = {0};
        struct memory_reader m = {0};
        const char *answer;

        buf_add_str(&expr, json_text(json_get(c, "expr")));
        buf_add_str(&data, json_text(json_get(c, "data")));
        ask_load(&m, 60000, data.p);
        answer = ask_instant(&m, &opts, expr.p, 60000);
        check_notes(answer, json_get(c, "warnings"));
        check_notes(answer, json_get(c, "infos"));
        assert_int_equal(count_notes(answer),
                         json_len(json_get(c, "warnings")) + json_len(json_get(c, "infos")));
        memory_reader_clear(&m);
    }
    json_doc_free(doc);
}

/* ---- results with their times */

static void load_blocks(struct memory_reader *m, struct str text)
{
    CLEANUP(buf_free) struct buf lines = {0};
    dur_ms step = 0;

    while (text.len) {
        struct str line = str_trim(str_cut(&text, '\n'));

        if (!str_has_prefix(line, STR("load "))) {
            buf_addf(&lines, STR_FMT "\n", STR_ARG(line));
            continue;
        }
        if (lines.len)
            ask_load(m, step, lines.p);
        buf_reset(&lines);
        assert_int_equal(duration_parse(line.p + 5, line.len - 5, &step, NULL), 0);
    }
    ask_load(m, step, lines.p);
}

static void add_label(struct str key, const char *value, struct label_builder *b)
{
    label_builder_set(b, key, str_c(value));
}

static void load_by_hand(struct memory_reader *m)
{
    struct label_builder b = {0};
    struct label_set *ls;

    add_label(LABEL_NAME, "metric_neg", &b);
    ls = label_builder_build(&b);
    memory_reader_add(m, ls, -1000000, 1000, NULL);
    for (int t = -999; t <= 0; t++)
        memory_reader_add(m, ls, t * 1000, 1 - t, NULL);
    label_set_unref(ls);
    add_label(LABEL_NAME, "metric_timestamp", &b);
    ls = label_builder_build(&b);
    memory_reader_add(m, ls, 3600000, 1000, NULL);
    label_set_unref(ls);
    label_builder_deinit(&b);
}

static bool put_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static const struct promql_series *find_series(const struct promql_result *result,
                                               const struct json *metric)
{
    struct label_builder b = {0};
    struct label_set *ls;
    const struct promql_series *found = NULL;

    json_each(metric, put_label, &b);
    ls = label_builder_build(&b);
    for (size_t i = 0; i < result->n; i++)
        if (label_set_eq(result->series[i].labels, ls))
            found = &result->series[i];
    label_set_unref(ls);
    label_builder_deinit(&b);
    return found;
}

static void check_result(const struct promql_result *result, const struct json *want)
{
    const struct json *list = json_get(want, "result");

    assert_string_equal(promql_type_name(result->type),
                        str_eq_c(json_text(json_get(want, "resultType")), "vector") ? "vector"
                                                                                    : "matrix");
    assert_int_equal(result->n, json_len(list));
    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *one = json_at(list, i), *floats = json_get(one, "floats");
        const struct promql_series *s = find_series(result, json_get(one, "metric"));

        assert_non_null(s);
        if (!floats) {
            assert_true(s->values[0] == json_double(json_get(one, "value")));
            assert_int_equal(s->times[0], json_int(json_get(one, "t_ms")));
            continue;
        }
        assert_int_equal(s->n, json_len(floats));
        for (size_t k = 0; k < s->n; k++) {
            assert_int_equal(s->times[k], json_int(json_at(json_at(floats, k), 0)));
            assert_true(s->values[k] == json_double(json_at(json_at(floats, k), 1)));
        }
    }
}

static void raw_samples_and_fixed_times_are_those_of_prometheus(void **state)
{
    struct json *doc = corpus_open("engine_at_modifier.json");
    const struct json *cases = json_get(doc, "cases");
    struct memory_reader m = {0};

    load_blocks(&m, json_text(json_get(json_get(doc, "setup"), "load")));
    load_by_hand(&m);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *c = json_at(cases, i);
        unix_ms start = json_int(json_get(c, "start_s")) * 1000,
                end = json_int(json_get(c, "end_s")) * 1000;
        dur_ms step = json_int(json_get(c, "step_s")) * 1000;
        struct promql_result *result = NULL;
        struct promql_expr *expr = NULL;
        struct err err = {0};
        int r;

        if (json_type_of(json_get(c, "end_s")) != JSON_NUMBER)
            continue; /* a time written as a Go expression */
        r = promql_parse(json_text(json_get(c, "query")), NULL, &expr, &err);
        if (r == 0 && end)
            r = promql_range(expr, memory_reader_port(&m), NULL, start, end, step, &result, &err);
        else if (r == 0)
            r = promql_instant(expr, memory_reader_port(&m), NULL, start, &result, &err);
        if (r < 0)
            fail_msg(STR_FMT ": %s", STR_ARG(json_text(json_get(c, "query"))), err.msg);
        check_result(result, json_get(c, "expected"));
        promql_result_free(result);
        promql_expr_free(expr);
    }
    memory_reader_clear(&m);
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotations_have_the_words_and_places_of_prometheus),
        cmocka_unit_test(raw_samples_and_fixed_times_are_those_of_prometheus),
    };

    return cmocka_run_group_tests(tests, NULL, ask_forget);
}
