/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/json.h"
#include "tests/unit/promql/ask.h"

#define MIN INT64_C(60000)

static const char series[] = "a{i=\"1\"} 0+1x10\n"
                             "a{i=\"2\"} 0+2x10\n"
                             "b{i=\"1\"} 5x10\n"
                             "h_bucket{le=\"1\"} 0+1x10\n"
                             "h_bucket{le=\"+Inf\"} 0+2x10\n";

/* Each node of the plan as "depth kind expr series/values/steps". */
static const char *plan_of(struct memory_reader *m, const char *query, unix_ms start, unix_ms end)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    struct promql_options o = {.explain = true};
    const struct json *nodes;
    struct json_writer w;

    assert_int_equal(promql_parse(str_c(query), NULL, &expr, NULL), 0);
    assert_int_equal(promql_range(expr, memory_reader_port(m), &o, start, end, MIN, &result, NULL),
                     0);
    json_writer_init(&w, &text, JSON_PLAIN);
    promql_plan_json(result, &w);
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    nodes = json_get(doc, "nodes");
    buf_reset(&ask_text);
    for (size_t i = 0; i < json_len(nodes); i++) {
        const struct json *n = json_at(nodes, i);

        assert_true(json_double(json_get(n, "seconds")) >= json_double(json_get(n, "ownSeconds")));
        assert_true(json_double(json_get(n, "seconds")) <= json_double(json_get(doc, "seconds")));
        buf_addf(&ask_text, "%lld " STR_FMT " " STR_FMT " %lld/%lld/%lld%s\n",
                 (long long)json_int(json_get(n, "depth")), STR_ARG(json_text(json_get(n, "kind"))),
                 STR_ARG(json_text(json_get(n, "expr"))),
                 (long long)json_int(json_get(n, "series")),
                 (long long)json_int(json_get(n, "values")),
                 (long long)json_int(json_get(n, "steps")), json_get(n, "shared") ? " shared" : "");
    }
    return buf_str(&ask_text).p;
}

static void the_plan_tells_what_each_node_touched(void **state)
{
    static const struct {
        const char *query, *plan;
    } cases[] = {
        {"sum(rate(a[2m])) / 2", "0 operator sum(rate(a[2m])) / 2 1/3/3\n"
                                 "1 number 2 0/0/1\n"
                                 "1 aggregation sum(rate(a[2m])) 1/3/3\n"
                                 "2 function rate(a[2m]) 2/6/3\n"
                                 "3 range selector a[2m] 2/8/3\n"},
        {"sum(b) / (sum(b))", "0 operator sum(b) / (sum(b)) 1/3/3\n"
                              "1 aggregation sum(b) 1/3/3\n"
                              "2 selector b 1/3/3\n"
                              "1 aggregation sum(b) 1/3/3 shared\n"},
        {"(a)", "0 selector a 2/6/3\n"},
        {"-b", "0 sign -b 1/3/3\n1 selector b 1/3/3\n"},
        {"a{i=\"9\"}", "0 selector a{i=\"9\"} 0/0/3\n"},
        {"max_over_time(b[2m:1m])", "0 function max_over_time(b[2m:1m]) 1/3/3\n"
                                    "1 subquery b[2m:1m] 1/4/3\n"
                                    "2 selector b 1/4/4\n"},
        {"a * on (i) b", "0 operator a * on (i) b 1/3/3\n"
                         "1 selector a 2/3/3\n"
                         "1 selector b 1/3/3\n"},
    };
    struct memory_reader m = {0};

    ask_load(&m, MIN, series);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(plan_of(&m, cases[i].query, 3 * MIN, 5 * MIN), cases[i].plan);
    memory_reader_clear(&m);
}

static void what_does_not_depend_on_the_step_is_evaluated_once(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MIN, series);
    assert_string_equal(plan_of(&m, "sum(a @ 120)", 3 * MIN, 5 * MIN),
                        "0 aggregation sum(a @ 120.000) 1/3/1\n1 selector a @ 120.000 2/2/1\n");
    memory_reader_clear(&m);
}

static void a_plan_changes_no_result(void **state)
{
    static const char *const queries[] = {
        "a",
        "sum by (i) (a)",
        "topk(1, a)",
        "sort_desc(a)",
        "quantile(0.5, a)",
        "count_values(\"v\", a)",
        "rate(a[3m])",
        "a + on (i) group_left () b",
        "a and on (i) b",
        "a or b",
        "a unless on (i) b",
        "histogram_quantile(0.5, h_bucket)",
        "quantile_over_time(0.5, a[3m])",
        "vector(scalar(b))",
        "max_over_time(rate(a[2m])[3m:30s])",
        "absent(a)",
        "absent_over_time(c[2m])",
        "time() + 1",
        "label_replace(a, \"x\", \"$1\", \"i\", \"(.*)\")",
        "timestamp(a)",
        "a @ 120 offset 1m",
        "deriv(a[3m])",
        "predict_linear(a[3m], 60)",
        "a > bool 3",
        "clamp(a, 1, 3)",
        "hour(a)",
    };
    struct promql_options with = {.explain = true};
    struct memory_reader m = {0};

    ask_load(&m, MIN, series);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        CLEANUP(mem_freep)
        char *plain = str_dup(str_c(ask_range(&m, NULL, queries[i], MIN, 8 * MIN, 30000)));

        assert_string_equal(ask_range(&m, &with, queries[i], MIN, 8 * MIN, 30000), plain);
    }
    memory_reader_clear(&m);
}

static void without_being_asked_there_is_no_plan(void **state)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct memory_reader m = {0};

    ask_load(&m, MIN, series);
    assert_int_equal(promql_parse(STR("sum(a)"), NULL, &expr, NULL), 0);
    assert_int_equal(promql_instant(expr, memory_reader_port(&m), NULL, MIN, &result, NULL), 0);
    assert_int_equal(result->n_plan, 0);
    memory_reader_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_tells_what_each_node_touched),
        cmocka_unit_test(what_does_not_depend_on_the_step_is_evaluated_once),
        cmocka_unit_test(a_plan_changes_no_result),
        cmocka_unit_test(without_being_asked_there_is_no_plan),
    };

    return cmocka_run_group_tests(tests, NULL, ask_forget);
}
