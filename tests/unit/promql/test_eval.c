/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/promql/ask.h"

#include <errno.h>

#define MIN INT64_C(60000)

static void a_selector_looks_back_five_minutes_but_not_to_the_left_end(void **state)
{
    static const struct ask_case cases[] = {
        {"x", 0, "x 1\n"},
        {"x", 59999, "x 1\n"},
        {"x", MIN, "x 2\n"},
        {"x", 6 * MIN - 1, "x 2\n"},
        {"x", 6 * MIN, ""},
        {"x", -1, ""},
        {"gone", MIN, ""},                 /* a staleness marker ends the series at once */
        {"gone", 2 * MIN, "gone 3\n"},     /* and it may come back */
        {"x offset 1m", 6 * MIN, "x 2\n"}, /* from 1m on there is nothing older to be seen */
        {"x offset -1m", 0, "x 2\n"},
        {"x @ 0", 60 * MIN, "x 1\n"},
        {"x @ 120 offset 1m", 60 * MIN, "x 2\n"},
        {"x @ end()", 60 * MIN, ""},
        {"timestamp(x)", 3 * MIN, "{} 60\n"}, /* of the sample */
        {"timestamp((x @ 61))", 9 * MIN, "{} 60\n"},
        {"timestamp(-x)", 3 * MIN, "{} 180\n"}, /* of the step: it is computed */
    };

    ask_cases("x 1 2\n gone 1 stale 3", cases, ARRAY_LEN(cases));
}

static void a_range_is_open_to_the_left_and_skips_markers(void **state)
{
    static const struct ask_case cases[] = {
        {"x[2m]", 3 * MIN, "x 3@120 4@180\n"},
        {"x[2m1ms]", 3 * MIN, "x 2@60 3@120 4@180\n"},
        {"x[1m] offset 1m", 3 * MIN, "x 3@120\n"},
        {"x[1m] @ 60", 3 * MIN, "x 2@60\n"},
        {"count_over_time(gone[10m])", 3 * MIN, "{} 2\n"},
        {"x[1m:30s]", 3 * MIN, "x 3@150 4@180\n"}, /* 150: the sample of 120 */
        {"x[1m:40s]", 3 * MIN, "x 3@160\n"},       /* steps are multiples of 40 s since the epoch */
        {"x[2m:]", 3 * MIN, "x 3@120 4@180\n"},    /* default step of a minute */
        {"x[10s:1m]", 3 * MIN + 30000, ""},
        {"-x[1m:1m]", 3 * MIN,
         "error: 1:1: parse error: unary expression only allowed on expressions of "
         "type scalar or instant vector, got \"range vector\""},
    };

    ask_cases("x 1 2 3 4\n gone 1 stale 3", cases, ARRAY_LEN(cases));
}

static void a_range_query_has_its_points_at_its_steps(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MIN, "x{a=\"2\"} 1 2 _ _ _ _ _ _ 9\n x{a=\"1\"} 5 stale 7");
    assert_string_equal(ask_range(&m, NULL, "x", 0, 9 * MIN, 3 * MIN),
                        "x{a=\"1\"} 5@0 7@180 7@360\n"
                        "x{a=\"2\"} 1@0 2@180 9@540\n");
    assert_string_equal(ask_range(&m, NULL, "x @ start()", MIN, 3 * MIN, MIN),
                        "x{a=\"2\"} 2@60 2@120 2@180\n");
    assert_string_equal(ask_range(&m, NULL, "x{a=\"1\"} @ end()", 0, MIN + 30000, MIN), "");
    assert_string_equal(ask_range(&m, NULL, "sum(x)", 0, 2 * MIN, MIN), "{} 6@0 2@60 9@120\n");
    assert_string_equal(ask_range(&m, NULL, "time() / 60", 0, 2 * MIN, MIN), "{} 0@0 1@60 2@120\n");
    assert_string_equal(ask_range(&m, NULL, "vector(1)", MIN, MIN, 0), "{} 1@60\n");
    assert_string_equal(
        ask_range(&m, NULL, "x[1m]", 0, MIN, MIN),
        "error: invalid expression type \"range vector\" for range query, must be Scalar "
        "or instant Vector");
    assert_string_equal(ask_range(&m, NULL, "x", MIN, 0, MIN),
                        "error: end of the range is before its start");
    assert_string_equal(ask_range(&m, NULL, "x", 0, MIN, 0),
                        "error: step of the range is not positive");
    memory_reader_clear(&m);
}

static void results_have_the_type_of_the_expression(void **state)
{
    static const struct ask_case cases[] = {
        {"1 + 1", 0, "2\n"},
        {"\"text\"", 0, "text\n"},
        {"(\"in parentheses\")", 0, "in parentheses\n"},
        {"vector(3)", 0, "{} 3\n"},
        {"scalar(x)", 0, "1\n"},
        {"pi() > bool 3", 0, "1\n"},
        {"-(2 ^ 3 ^ 2)", 0, "-512\n"},
        {"7 % 4 - 5 / 2", 0, "0.5\n"},
        {"0 / 0", 0, "NaN\n"},
        {"1 atan2 0", 0, "1.5707963267948966\n"},
    };

    ask_cases("x 1", cases, ARRAY_LEN(cases));
}

static void a_name_goes_where_the_value_is_another(void **state)
{
    static const struct ask_case cases[] = {
        {"+a_total", 0, "a_total{l=\"1\"} 1\n"},
        {"-a_total", 0, "{l=\"1\"} -1\n"},
        {"abs(a_total)", 0, "{l=\"1\"} 1\n"},
        {"a_total > 0", 0, "a_total{l=\"1\"} 1\n"},
        {"a_total > bool 0", 0, "{l=\"1\"} 1\n"},
        {"a_total * 2", 0, "{l=\"1\"} 2\n"},
        {"a_total and b_total", 0, "a_total{l=\"1\"} 1\n"},
        {"last_over_time(a_total[1m])", 0, "a_total{l=\"1\"} 1\n"},
        {"max_over_time(a_total[1m])", 0, "{l=\"1\"} 1\n"},
        {"sum by (__name__) ({l=\"1\"})", 0, "a_total 1\nb_total 2\n"},
        {"sum without (l) (a_total)", 0, "{} 1\n"},
        {"topk(1, a_total)", 0, "a_total{l=\"1\"} 1\n"},
        {"-{l=\"1\"}", 0, "error: vector cannot contain metrics with the same labelset"},
        {"abs({l=\"1\"})", 0, "error: vector cannot contain metrics with the same labelset"},
        {"{l=\"1\"} + 1", 0, "error: vector cannot contain metrics with the same labelset"},
        {"rate({l=\"1\"}[1m])", 0, ""},
        {"count_over_time({l=\"1\"}[1m])", 0,
         "error: vector cannot contain metrics with the same labelset"},
        {"label_replace({l=\"1\"}, \"__name__\", \"c\", \"\", \"\")", 0,
         "error: vector cannot contain metrics with the same labelset"},
        {"label_replace(-a_total, \"__name__\", \"c\", \"\", \"\")", 0, "c{l=\"1\"} -1\n"},
        {"-typed", 0, "{} -1\n"},
    };

    ask_cases(
        "a_total{l=\"1\"} 1\n b_total{l=\"1\"} 2\n typed{__type__=\"gauge\",__unit__=\"s\"} 1",
        cases, ARRAY_LEN(cases));
}

/* Two series that become one are no error when they are never there at the same step. */
static void series_that_take_turns_are_merged(void **state)
{
    struct memory_reader m = {0};
    struct promql_options later = {.delayed_name_removal = true};

    ask_load(&m, MIN, "a{l=\"1\"} 1 stale\n b{l=\"1\"} _ 2");
    assert_string_equal(ask_range(&m, NULL, "abs({l=\"1\"})", 0, MIN, MIN), "{l=\"1\"} 1@0 2@60\n");
    assert_string_equal(ask_range(&m, NULL, "{l=\"1\"} * 10", 0, MIN, MIN),
                        "{l=\"1\"} 10@0 20@60\n");
    assert_string_equal(ask_range(&m, NULL, "last_over_time({l=\"1\"}[30s]) or b", 0, MIN, MIN),
                        "a{l=\"1\"} 1@0\nb{l=\"1\"} 2@60\n");
    assert_string_equal(ask_range(&m, NULL, "count_over_time({l=\"1\"}[30s])", 0, MIN, MIN),
                        "error: vector cannot contain metrics with the same labelset");
    assert_string_equal(ask_instant(&m, &later, "-a", 0), "{l=\"1\"} -1\n");
    assert_string_equal(ask_instant(&m, &later, "sum by (__name__) (abs({l=\"1\"}))", 0), "{} 1\n");
    assert_string_equal(
        ask_instant(&m, &later, "label_replace(abs(a), \"n\", \"$1\", \"__name__\", \"(.+)\")", 0),
        "{l=\"1\", n=\"a\"} 1\n");
    memory_reader_clear(&m);
}

static void what_does_not_depend_on_the_step_is_asked_once(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MIN, "x{a=\"1\"} 1+1x20\n x{a=\"2\"} 1+1x20");
    m.reads = 0;
    ask_range(&m, NULL, "rate(x[5m]) + on (a) x", 0, 20 * MIN, 1000);
    assert_int_equal(m.reads, 4); /* two series for each selector, whatever the number of steps */
    m.reads = 0;
    assert_string_equal(ask_range(&m, NULL, "sum(x @ 60) + vector(time()) * 0", 0, 2 * MIN, MIN),
                        "{} 4@0 4@60 4@120\n");
    assert_int_equal(m.reads, 2);
    memory_reader_clear(&m);
}

static void a_prepared_question_can_be_asked_again(void **state)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_query_freep) struct promql_query *q = NULL;
    struct memory_reader m = {0};
    struct err err = {0};

    ask_load(&m, MIN, "x 1 2 3\n h {{count:1 sum:1 buckets:[1]}}x3");
    assert_int_equal(promql_parse(STR("{__name__=~\"x|h\"}"), NULL, &expr, &err), 0);
    q = promql_prepare(expr, NULL);
    for (int i = 0; i < 3; i++) {
        struct promql_result *result = NULL;

        assert_int_equal(promql_query_instant(q, memory_reader_port(&m), i * MIN, &result, &err),
                         0);
        assert_int_equal(result->n, 2);
        assert_non_null(result->series[0].histograms[0]);
        assert_true(result->series[0].histograms[0]->count == 1);
        assert_true(result->series[1].values[0] == i + 1);
        promql_result_free(result);
    }
    memory_reader_clear(&m);
}

static void a_question_over_its_limit_is_refused(void **state)
{
    static const char words[] =
        "error: query processing would load too many samples into memory in query execution";
    struct promql_options few = {.max_samples = 10};
    struct memory_reader m = {0};

    ask_load(&m, MIN, "x{a=\"1\"} 1+1x20\n x{a=\"2\"} 1+1x20");
    assert_string_equal(ask_range(&m, &few, "x", 0, 4 * MIN, MIN),
                        "x{a=\"1\"} 1@0 2@60 3@120 4@180 5@240\n"
                        "x{a=\"2\"} 1@0 2@60 3@120 4@180 5@240\n");
    assert_string_equal(ask_range(&m, &few, "x", 0, 5 * MIN, MIN), words);
    assert_string_equal(ask_instant(&m, &few, "x[11m]", 20 * MIN), words);
    assert_string_equal(ask_instant(&m, &few, "sum_over_time(x[11m:1m])", 20 * MIN), words);
    assert_string_equal(ask_instant(&m, &few, "sum(sum_over_time(x[10m]))", 20 * MIN), "{} 330\n");
    assert_string_equal(ask_range(&m, &few, "vector(1)", 0, 10 * MIN, MIN), words);
    memory_reader_clear(&m);
}

static void a_question_can_be_stopped(void **state)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    atomic_bool cancel = true;
    struct promql_options canceled = {.cancel = &cancel}, small = {.max_bytes = 64};
    struct promql_result *result = NULL;
    struct memory_reader m = {0};
    struct err err = {0};

    ask_load(&m, MIN, "x 1+1x20");
    assert_int_equal(promql_parse(STR("sum_over_time(x[10m:1ms])"), NULL, &expr, &err), 0);
    assert_int_equal(
        promql_instant(expr, memory_reader_port(&m), &canceled, 20 * MIN, &result, &err),
        -ECANCELED);
    assert_string_equal(err.msg, "query was canceled in expression evaluation");
    assert_int_equal(promql_instant(expr, memory_reader_port(&m),
                                    &(struct promql_options){.timeout = 1}, 20 * MIN, &result,
                                    &err),
                     -ETIMEDOUT);
    assert_string_equal(err.msg, "query timed out in expression evaluation");
    assert_int_equal(promql_instant(expr, memory_reader_port(&m), &small, 20 * MIN, &result, &err),
                     -E2BIG);
    assert_string_equal(err.msg, "query needs more than 64 bytes of memory");
    assert_null(result);
    memory_reader_clear(&m);
}

static void the_reason_of_the_reader_is_passed_on(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MIN, "x 1");
    m.fail_read = -EIO;
    assert_string_equal(ask_instant(&m, NULL, "sum(rate(x[5m])) + 1", 0),
                        "error: the disk is on fire");
    memory_reader_clear(&m);
}

static void times_beyond_reason_do_no_harm(void **state)
{
    static const struct ask_case cases[] = {
        {"x", INT64_MAX, ""},
        {"x", INT64_MIN, ""},
        {"x @ 9e15", 0, ""},
        {"sum_over_time(x[290y] offset -289y)", 0, "{} 1\n"},
        {"x @ 9e15 offset 290y", 0, ""},
    };

    ask_cases("x 1", cases, ARRAY_LEN(cases));
}

static void what_a_query_answers_is_a_float_histogram(void **state)
{
    static const char *const queries[] = {"h",      "h[10m]", "last_over_time(h[10m])",
                                          "sum(h)", "h + h",  "rate(h[10m])"};
    struct memory_reader m = {0};
    struct series_desc *d = NULL;
    struct err err = {0};

    assert_int_equal(series_desc_parse(STR("h {{count:1 sum:1 buckets:[1]}}x3"), &d, &err), 0);
    for (size_t k = 0; k < d->n; k++) {
        struct histogram h = *d->values[k].histogram;

        h.kind = HISTOGRAM_INTEGER;
        memory_reader_add(&m, d->metric, (unix_ms)k * MIN, 0, &h);
    }
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
        CLEANUP(promql_query_freep) struct promql_query *q = NULL;
        struct promql_result *result = NULL;

        assert_int_equal(promql_parse(str_c(queries[i]), NULL, &expr, &err), 0);
        q = promql_prepare(expr, NULL);
        assert_int_equal(promql_query_instant(q, memory_reader_port(&m), 3 * MIN, &result, &err),
                         0);
        assert_int_equal(result->n, 1);
        for (size_t k = 0; k < result->series[0].n; k++)
            assert_int_equal(result->series[0].histograms[k]->kind, HISTOGRAM_FLOAT);
        promql_result_free(result);
    }
    series_desc_free(d);
    memory_reader_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_query_answers_is_a_float_histogram),
        cmocka_unit_test(a_selector_looks_back_five_minutes_but_not_to_the_left_end),
        cmocka_unit_test(a_range_is_open_to_the_left_and_skips_markers),
        cmocka_unit_test(a_range_query_has_its_points_at_its_steps),
        cmocka_unit_test(results_have_the_type_of_the_expression),
        cmocka_unit_test(a_name_goes_where_the_value_is_another),
        cmocka_unit_test(series_that_take_turns_are_merged),
        cmocka_unit_test(what_does_not_depend_on_the_step_is_asked_once),
        cmocka_unit_test(a_prepared_question_can_be_asked_again),
        cmocka_unit_test(a_question_over_its_limit_is_refused),
        cmocka_unit_test(a_question_can_be_stopped),
        cmocka_unit_test(the_reason_of_the_reader_is_passed_on),
        cmocka_unit_test(times_beyond_reason_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, ask_forget);
}
