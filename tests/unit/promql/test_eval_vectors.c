/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregation and operators between vectors
 */
#include "tests/unit/promql/ask.h"

#define MIN INT64_C(60000)

static void aggregations_group_by_labels(void **state)
{
    static const struct ask_case cases[] = {
        {"sum(x)", 0, "{} 10\n"},
        {"sum by (a) (x)", 0, "{a=\"1\"} 3\n{a=\"2\"} 7\n"},
        {"sum by (a, none) (x)", 0, "{a=\"1\"} 3\n{a=\"2\"} 7\n"},
        {"sum without (b) (x)", 0, "{a=\"1\"} 3\n{a=\"2\"} 7\n"},
        {"sum without () (x{a=\"1\"})", 0, "{a=\"1\", b=\"p\"} 1\n{a=\"1\", b=\"q\"} 2\n"},
        {"avg by (a) (x)", 0, "{a=\"1\"} 1.5\n{a=\"2\"} 3.5\n"},
        {"min(x)", 0, "{} 1\n"},
        {"max(x)", 0, "{} 4\n"},
        {"count(x)", 0, "{} 4\n"},
        {"group(x)", 0, "{} 1\n"},
        {"stdvar(x)", 0, "{} 1.25\n"},
        {"stddev(x{a=\"1\"})", 0, "{} 0.5\n"},
        {"quantile(0.5, x)", 0, "{} 2.5\n"},
        {"quantile(-1, x)", 0,
         "{} -Inf\nPromQL warning: quantile value should be between 0 and 1, got -1 (1:10)\n"},
        {"sum(none)", 0, ""},
        {"count(none)", 0, ""},
        {"max(holes)", 0, "{} 2\n"}, /* NaN only where there is nothing else */
        {"max(holes{a=\"1\"})", 0, "{} NaN\n"},
        {"sum(large)", 0, "{} 2\n"},       /* what rounding loses comes back */
        {"avg(huge)", 0, "{} 1.5e+308\n"}, /* also when the sum is beyond all doubles */
        {"stdvar(holes)", 0, "{} NaN\n"},
    };

    ask_cases(
        "x{a=\"1\",b=\"p\"} 1\n x{a=\"1\",b=\"q\"} 2\n x{a=\"2\",b=\"p\"} 3\n x{a=\"2\",b=\"q\"} 4\n"
        " holes{a=\"1\"} NaN\n holes{a=\"2\"} 2\n"
        " large{a=\"1\"} 1e100\n large{a=\"2\"} 2\n large{a=\"3\"} -1e100\n"
        " huge{a=\"1\"} 1.5e308\n huge{a=\"2\"} 1.5e308\n huge{a=\"3\"} 1.5e308",
        cases, ARRAY_LEN(cases));
}

static void the_best_are_shown_in_order(void **state)
{
    static const struct ask_case cases[] = {
        {"topk(2, x)", 0, "x{a=\"4\"} 5\nx{a=\"2\"} 4\n"},
        {"bottomk(2, x)", 0, "x{a=\"5\"} 1\nx{a=\"1\"} 3\n"},
        {"topk(9, x)", 0,
         "x{a=\"4\"} 5\nx{a=\"2\"} 4\nx{a=\"1\"} 3\nx{a=\"5\"} 1\nx{a=\"3\"} NaN\n"},
        {"bottomk(9, x)", 0,
         "x{a=\"5\"} 1\nx{a=\"1\"} 3\nx{a=\"2\"} 4\nx{a=\"4\"} 5\nx{a=\"3\"} NaN\n"},
        {"topk(0, x)", 0, ""},
        {"topk(-1, x)", 0, ""},
        {"topk(NaN, x)", 0, "error: Scalar value NaN overflows int64"},
        {"topk(1e20, x)", 0, "error: Scalar value 1e+20 overflows int64"},
        {"topk(1.9, x)", 0, "x{a=\"4\"} 5\n"},
        {"topk by (g) (1, y)", 0, "y{a=\"2\", g=\"1\"} 2\ny{a=\"3\", g=\"2\"} 9\n"},
        {"limitk(2, x)", 0, "x{a=\"1\"} 3\nx{a=\"2\"} 4\n"},
        {"count(limit_ratio(0.5, x)) + count(limit_ratio(-0.5, x))", 0, "{} 5\n"},
        {"count(limit_ratio(2, x))", 0,
         "{} 5\nPromQL warning: ratio value should be between -1 and 1, got 2, capping to 1 (1:19)\n"},
        {"count_values(\"v\", y)", 0, "{v=\"1\"} 2\n{v=\"2\"} 1\n{v=\"9\"} 1\n"},
        {"count_values by (g) (\"v\", y)", 0,
         "{g=\"1\", v=\"1\"} 1\n{g=\"1\", v=\"2\"} 1\n{g=\"2\", v=\"9\"} 1\n{g=\"2\", v=\"1\"} 1\n"},
        {"count_values without (a) (\"g\", y)", 0, "{g=\"1\"} 2\n{g=\"2\"} 1\n{g=\"9\"} 1\n"},
        {"count_values(\"\", y)", 0, "error: invalid label name \"\""},
    };
    struct memory_reader m = {0};

    ask_cases(
        "x{a=\"1\"} 3\n x{a=\"2\"} 4\n x{a=\"3\"} NaN\n x{a=\"4\"} 5\n x{a=\"5\"} 1\n"
        " y{g=\"1\",a=\"1\"} 1\n y{g=\"1\",a=\"2\"} 2\n y{g=\"2\",a=\"3\"} 9\n y{g=\"2\",a=\"4\"} 1",
        cases, ARRAY_LEN(cases));
    ask_load(&m, MIN, "x{a=\"1\"} 1 5\n x{a=\"2\"} 2 4\n k 1 2");
    assert_string_equal(ask_range(&m, NULL, "topk(scalar(k), x)", 0, MIN, MIN),
                        "x{a=\"1\"} 5@60\nx{a=\"2\"} 2@0 4@60\n");
    memory_reader_clear(&m);
}

static void vectors_meet_by_labels(void **state)
{
    static const struct ask_case cases[] = {
        {"l - r", 0, "{a=\"1\"} -9\n{a=\"2\"} -18\n"},
        {"l + on (a) r", 0, "{a=\"1\"} 11\n{a=\"2\"} 22\n"},
        {"l < r", 0, "l{a=\"1\"} 1\nl{a=\"2\"} 2\n"},
        {"l < bool r", 0, "{a=\"1\"} 1\n{a=\"2\"} 1\n"},
        {"l > on (a) r", 0, ""},
        {"l < on (a) r", 0, "{a=\"1\"} 1\n{a=\"2\"} 2\n"},
        {"many * on (a) group_left l", 0,
         "{a=\"1\", b=\"p\"} 5\n{a=\"1\", b=\"q\"} 6\n{a=\"2\", b=\"p\"} 14\n"},
        {"many * ignoring (b) group_left l", 0,
         "{a=\"1\", b=\"p\"} 5\n{a=\"1\", b=\"q\"} 6\n{a=\"2\", b=\"p\"} 14\n"},
        {"l - on (a) group_right many", 0,
         "{a=\"1\", b=\"p\"} -4\n{a=\"1\", b=\"q\"} -5\n{a=\"2\", b=\"p\"} -5\n"},
        {"l < on (a) group_right many", 0,
         "many{a=\"1\", b=\"p\"} 1\nmany{a=\"1\", b=\"q\"} 1\nmany{a=\"2\", b=\"p\"} 2\n"},
        {"many * on (a) group_left (v) meta", 0,
         "{a=\"1\", b=\"p\", v=\"x\"} 5\n{a=\"1\", b=\"q\", v=\"x\"} 6\n"},
        {"many + on (a) l", 0,
         "error: multiple matches for labels: many-to-one matching must be explicit "
         "(group_left/group_right)"},
        {"l + on (a) many", 0,
         "error: found duplicate series for the match group {a=\"1\"} on the right hand-side of the "
         "operation: [{__name__=\"many\", a=\"1\", b=\"q\"}, {__name__=\"many\", a=\"1\", b=\"p\"}];many-to-many "
         "matching not allowed: matching labels must be unique on one side"},
        {"many * on (a) group_left (b) meta", 0,
         "error: multiple matches for labels: grouping labels must ensure unique matches"},
        {"none + on () many", 0, ""}, /* nobody asks an empty vector's partner who it is */
        {"many and on (a) meta", 0, "many{a=\"1\", b=\"p\"} 5\nmany{a=\"1\", b=\"q\"} 6\n"},
        {"many unless on (a) meta", 0, "many{a=\"2\", b=\"p\"} 7\n"},
        {"meta or on (a) many", 0, "meta{a=\"1\", v=\"x\"} 1\nmany{a=\"2\", b=\"p\"} 7\n"},
        {"l and none", 0, ""},
        {"l or l", 0, "l{a=\"1\"} 1\nl{a=\"2\"} 2\n"},
        {"3 < l or 3 > l", 0, "l{a=\"1\"} 1\nl{a=\"2\"} 2\n"},
        {"l ^ 2 % 3", 0, "{a=\"1\"} 1\n{a=\"2\"} 1\n"},
    };

    ask_cases("l{a=\"1\"} 1\n l{a=\"2\"} 2\n r{a=\"1\"} 10\n r{a=\"2\"} 20\n r{a=\"3\"} 30\n"
              " many{a=\"1\",b=\"p\"} 5\n many{a=\"1\",b=\"q\"} 6\n many{a=\"2\",b=\"p\"} 7\n"
              " meta{a=\"1\",v=\"x\"} 1",
              cases, ARRAY_LEN(cases));
}

/* Which of two series is the partner may change from step to step. */
static void partners_can_take_turns(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MIN,
             "l{a=\"1\"} 1 1 1\n r{a=\"1\",pod=\"x\"} 10 stale\n r{a=\"1\",pod=\"y\"} _ _ 20");
    assert_string_equal(ask_range(&m, NULL, "l + ignoring (pod) r", 0, 2 * MIN, MIN),
                        "{a=\"1\"} 11@0 21@120\n");
    assert_string_equal(ask_range(&m, NULL, "r + ignoring (pod) l", 0, 2 * MIN, MIN),
                        "{a=\"1\"} 11@0 21@120\n");
    assert_string_equal(
        ask_range(&m, NULL, "l * ignoring (pod) group_left (pod) r", 0, 2 * MIN, MIN),
        "{a=\"1\", pod=\"x\"} 10@0\n{a=\"1\", pod=\"y\"} 20@120\n");
    assert_string_equal(ask_range(&m, NULL, "l and ignoring (pod) r", 0, 2 * MIN, MIN),
                        "l{a=\"1\"} 1@0 1@120\n");
    assert_string_equal(ask_range(&m, NULL, "l unless ignoring (pod) r", 0, 2 * MIN, MIN),
                        "l{a=\"1\"} 1@60\n");
    assert_string_equal(
        ask_range(&m, NULL, "r or ignoring (pod) l", 0, 2 * MIN, MIN),
        "l{a=\"1\"} 1@60\nr{a=\"1\", pod=\"x\"} 10@0\nr{a=\"1\", pod=\"y\"} 20@120\n");
    memory_reader_clear(&m);
}

/* More than one word of the bitmap, with holes at its seams. */
static void rows_may_be_longer_than_a_word(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, 1000, "x _x62 1 stale 3 _x60 4 stale 6\n y 1+1x200");
    assert_string_equal(ask_range(&m, NULL, "x", 61000, 66000, 1000), "x 1@62 3@64 3@65 3@66\n");
    assert_string_equal(ask_range(&m, NULL, "count_over_time((x > 1)[200s:1s])", 0, 130000, 130000),
                        "{} 66@130\n");
    assert_string_equal(ask_range(&m, NULL, "sum(y > 63 and y < 67)", 0, 130000, 1000),
                        "{} 64@63 65@64 66@65\n");
    assert_string_equal(ask_range(&m, NULL, "absent(x)", 120000, 128000, 1000), "{} 1@126\n");
    memory_reader_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregations_group_by_labels),
        cmocka_unit_test(the_best_are_shown_in_order),
        cmocka_unit_test(vectors_meet_by_labels),
        cmocka_unit_test(partners_can_take_turns),
        cmocka_unit_test(rows_may_be_longer_than_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, ask_forget);
}
