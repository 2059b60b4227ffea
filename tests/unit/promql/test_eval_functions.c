/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/unit/promql/ask.h"

#define MIN INT64_C(60000)

static void rate_stretches_to_the_window_but_not_below_zero(void **state)
{
    static const struct ask_case cases[] = {
        {"increase(c_total[2m])", 3 * MIN,
         "{} 60\n"}, /* 30 from 2m to 3m, stretched to 2 minutes */
        {"rate(c_total[2m])", 3 * MIN, "{} 0.5\n"},
        {"increase(c_total[1m])", 3 * MIN, ""},        /* one sample is no increase */
        {"increase(c_total[4m])", 3 * MIN, "{} 90\n"}, /* it was 0 at its first sample */
        /* 60 in a minute from 12 on: it was 0 at most 12 seconds before */
        {"increase(young_total[10m])", MIN, "{} 72\n"},
        {"delta(young_total[10m])", MIN,
         "{} 90\n"}, /* a gauge has no zero: half a distance before */
        {"increase(young_total[10m])", 9 * MIN, "{} 102\n"}, /* and half a distance after */
        {"rate(gauge[5m])", MIN,
         "{} 0.3\nPromQL info: metric might not be a counter, name does not end in "
         "_total/_sum/_count/_bucket: \"gauge\" (1:6)\n"},
    };

    ask_cases("c_total 0+30x10\n young_total 12 72\n gauge 60 120", cases, ARRAY_LEN(cases));
}

static void a_counter_that_falls_has_begun_again(void **state)
{
    static const struct ask_case cases[] = {
        {"increase(c_total[3m])", 4 * MIN, "{} 9\n"}, /* 7, 2, 6: 6 - 7 + 7, stretched by half */
        {"resets(c_total[5m])", 4 * MIN, "{} 1\n"},
        {"changes(c_total[5m])", 4 * MIN, "{} 4\n"},
        {"irate(c_total[5m])", 4 * MIN, "{} 0.06666666666666667\n"}, /* 4 a minute */
        {"irate(c_total[5m])", 3 * MIN, "{} 0.03333333333333333\n"}, /* 2 since it began again */
        {"idelta(c_total[5m])", 3 * MIN, "{} -5\n"},
    };
    struct memory_reader m = {0};

    ask_cases("c_total 0 5 7 2 6", cases, ARRAY_LEN(cases));
    /* Windows that slide over two resets see each of them only while it lies within. */
    ask_load(&m, MIN, "c_total 4 1 3 2 2 2");
    assert_string_equal(
        ask_range(&m, NULL, "increase(c_total[2m1s]) - delta(c_total[2m1s])", MIN, 5 * MIN, MIN),
        "{} 8.066666666666666@60 4.033333333333333@120 3.025@180 "
        "3.025@240 0@300\n");
    memory_reader_clear(&m);
}

static void functions_over_time_look_at_each_sample_of_the_window(void **state)
{
    static const struct ask_case cases[] = {
        {"sum_over_time(x[5m])", 4 * MIN, "{} 15\n"},
        {"avg_over_time(x[5m])", 4 * MIN, "{} 3\n"},
        {"min_over_time(x[5m])", 4 * MIN, "{} 1\n"},
        {"max_over_time(x[5m])", 4 * MIN, "{} 5\n"},
        {"count_over_time(x[5m])", 4 * MIN, "{} 5\n"},
        {"present_over_time(x[5m])", 4 * MIN, "{} 1\n"},
        {"stdvar_over_time(x[5m])", 4 * MIN, "{} 2\n"},
        {"stddev_over_time(x[5m])", 4 * MIN, "{} 1.4142135623730951\n"},
        {"quantile_over_time(0.3, x[5m])", 4 * MIN, "{} 2.2\n"},
        {"mad_over_time(x[5m])", 4 * MIN, "{} 1\n"},
        {"last_over_time(x[5m])", 4 * MIN, "x 2\n"},
        {"ts_of_max_over_time(x[5m])", 4 * MIN, "{} 120\n"},
        {"ts_of_min_over_time(x[5m])", 4 * MIN, "{} 60\n"},
        {"ts_of_last_over_time(x[5m])", 9 * MIN, ""},
        {"deriv(line[5m])", 4 * MIN, "{} 0.05\n"},
        {"predict_linear(line[5m], 60)", 4 * MIN, "{} 15\n"},
        {"deriv(x[1m])", 4 * MIN, ""},
        {"double_exponential_smoothing(line[5m], 0.5, 0.5)", 4 * MIN, "{} 12\n"},
        {"double_exponential_smoothing(line[5m], 1, 0.5)", 4 * MIN,
         "error: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000"},
        {"sum_over_time(large[5m])", 2 * MIN, "{} 2\n"}, /* what rounding loses comes back */
        {"avg_over_time(huge[5m])", 2 * MIN, "{} 1.5e+308\n"},
        {"min_over_time(holes[5m])", 2 * MIN, "{} 3\n"},
        {"max_over_time(holes[30s])", MIN, "{} NaN\n"},
    };

    ask_cases(
        "x 3 1 5 4 2\n line 0 3 6 9 12\n large 1e100 2 -1e100\n huge 1.5e308 1.5e308 1.5e308\n"
        " holes 3 NaN 4",
        cases, ARRAY_LEN(cases));
}

/* The sliding forms must give what looking at each window anew gives. */
static void sliding_windows_forget_nothing(void **state)
{
    static const char *const functions[] = {"quantile_over_time(0.7, x%s)", "max_over_time(x%s)",
                                            "min_over_time(x%s)"};
    struct memory_reader m = {0};
    struct str rest;

    ask_load(&m, 1000,
             "x 5 3 NaN 8 1 1 _ _ _ _ _ _ _ _ _ 9 2 2 NaN NaN 7 6 6 4 0 -1 3 5 5 2 8 1 stale 4");
    for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
        CLEANUP(buf_free) struct buf query = {0}, all = {0};

        buf_addf(&query, functions[f], "[7s]");
        buf_add_c(&all, ask_range(&m, NULL, query.p, 0, 40000, 1000));
        rest = buf_str(&all);
        str_cut(&rest, ' ');
        while (rest.len) {
            CLEANUP(buf_free) struct buf one = {0};
            struct str point = str_trim(str_cut(&rest, ' ')), value = str_cut(&point, '@');
            double at;

            assert_true(num_parse_double(point, &at));
            buf_addf(&one, "{} " STR_FMT "\n", STR_ARG(value));
            assert_string_equal(ask_instant(&m, NULL, query.p, (unix_ms)(at * 1000)), one.p);
        }
    }
    memory_reader_clear(&m);
}

static void absent_names_what_is_missing(void **state)
{
    static const struct ask_case cases[] = {
        {"absent(x)", 0, ""},
        {"absent(y)", 0, "{} 1\n"},
        {"absent(y{a=\"1\",b!=\"2\",c=~\"3\"})", 0, "{a=\"1\"} 1\n"},
        {"absent(y{a=\"1\",a=\"2\",b=\"3\"})", 0, "{b=\"3\"} 1\n"},
        {"absent(y{a=\"1\",a!=\"2\"})", 0, "{} 1\n"},
        {"absent(sum(y{a=\"1\"}))", 0, "{} 1\n"},
        {"absent_over_time(y{a=\"1\"}[5m])", 0, "{a=\"1\"} 1\n"},
        {"absent_over_time(x[5m])", 4 * MIN, ""},
        {"absent_over_time(x[5m])", 5 * MIN, "{} 1\n"},
    };

    ask_cases("x 1", cases, ARRAY_LEN(cases));
}

static void labels_can_be_written_anew(void **state)
{
    static const struct ask_case cases[] = {
        {"label_replace(x, \"c\", \"<$2$1>\", \"a\", \"(.)-(.)\")", 0,
         "x{a=\"1-2\", b=\"B\", c=\"<21>\"} 1\n"},
        {"label_replace(x, \"c\", \"$1\", \"a\", \"(.)\")", 0,
         "x{a=\"1-2\", b=\"B\"} 1\n"}, /* anchored */
        {"label_replace(x, \"b\", \"\", \"none\", \"\")", 0, "x{a=\"1-2\"} 1\n"},
        {"label_replace(x, \"b\", \"\", \"a\", \"(\")", 0,
         "error: invalid regular expression in label_replace(): ("},
        {"label_replace(x, \"\", \"\", \"a\", \"\")", 0,
         "error: invalid destination label name in label_replace(): "},
        {"label_join(x, \"c\", \"+\", \"a\", \"none\", \"b\")", 0,
         "x{a=\"1-2\", b=\"B\", c=\"1-2++B\"} 1\n"},
        {"label_join(x, \"b\", \"+\")", 0, "x{a=\"1-2\"} 1\n"},
    };

    ask_cases("x{a=\"1-2\",b=\"B\"} 1", cases, ARRAY_LEN(cases));
}

static void an_instant_vector_can_be_sorted(void **state)
{
    static const struct ask_case cases[] = {
        {"sort(x)", 0, "x{n=\"b10\"} 1\nx{n=\"b9\"} 2\nx{n=\"a\"} 3\nx{n=\"c\"} NaN\n"},
        {"sort_desc(x)", 0, "x{n=\"a\"} 3\nx{n=\"b9\"} 2\nx{n=\"b10\"} 1\nx{n=\"c\"} NaN\n"},
        {"sort_by_label(x, \"n\")", 0,
         "x{n=\"a\"} 3\nx{n=\"b9\"} 2\nx{n=\"b10\"} 1\nx{n=\"c\"} NaN\n"},
        {"sort_by_label_desc(x, \"n\")", 0,
         "x{n=\"c\"} NaN\nx{n=\"b10\"} 1\nx{n=\"b9\"} 2\nx{n=\"a\"} 3\n"},
    };

    ask_cases("x{n=\"a\"} 3\n x{n=\"b9\"} 2\n x{n=\"b10\"} 1\n x{n=\"c\"} NaN", cases,
              ARRAY_LEN(cases));
}

static void floats_have_their_arithmetic(void **state)
{
    static const struct ask_case cases[] = {
        {"round(x)", 0, "{} -2\n"}, /* ties go up */
        {"round(x, 0.2)", 0, "{} -2.4\n"},
        {"ceil(x)", 0, "{} -2\n"},
        {"floor(x)", 0, "{} -3\n"},
        {"sgn(x)", 0, "{} -1\n"},
        {"ln(x)", 0, "{} NaN\n"},
        {"clamp(x, -1, 1)", 0, "{} -1\n"},
        {"clamp(x, 1, -1)", 0, ""},
        {"clamp_min(x, NaN)", 0, "{} NaN\n"},
        {"clamp_max(x, -Inf)", 0, "{} -Inf\n"},
        {"deg(vector(pi()))", 0, "{} 180\n"},
        {"scalar(missing) + 1", 0, "NaN\n"},
    };

    ask_cases("x -2.5", cases, ARRAY_LEN(cases));
}

static void dates_are_those_of_the_calendar(void **state)
{
    static const struct ask_case cases[] = {
        {"year()", 951782400000, "{} 2000\n"}, /* 2000-02-29T00:00:00Z */
        {"month()", 951782400000, "{} 2\n"},
        {"day_of_month()", 951782400000, "{} 29\n"},
        {"day_of_week()", 951782400000, "{} 2\n"},
        {"day_of_year()", 951782400000, "{} 60\n"},
        {"days_in_month()", 951782400000, "{} 29\n"},
        {"days_in_month(vector(-2203977600))", 0, "{} 28\n"}, /* February 1900 */
        {"hour(vector(86399.9))", 0, "{} 23\n"},
        {"minute(vector(-1))", 0, "{} 59\n"},
        {"year(vector(1e15))", 0, "{} 3.1690708e+07\n"},
    };

    ask_cases("x 1", cases, ARRAY_LEN(cases));
}

/* What a Prometheus on amd64 says. */
static void dates_of_what_is_no_int64_are_those_of_its_last_second(void **state)
{
    static const char *const seconds[] = {"NaN", "Inf", "-Inf", "9.3e18", "-9.3e18"};
    static const struct {
        const char *name, *value;
    } last[] = {{"minute", "30"},       {"hour", "15"},
                {"day_of_week", "0"},   {"day_of_month", "4"},
                {"day_of_year", "339"}, {"days_in_month", "31"},
                {"month", "12"},        {"year", "2.92277026596e+11"}};
    static const struct ask_case within[] = {
        {"year(vector(9.2e18))", 0, "{} 2.91536396232e+11\n"},
        {"day_of_year(vector(-9.2e18))", 0, "{} 123\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(last); i++) {
        for (size_t k = 0; k < ARRAY_LEN(seconds); k++) {
            char query[64], wanted[64];
            const struct ask_case c = {query, 0, wanted};

            snprintf(query, sizeof query, "%s(vector(%s))", last[i].name, seconds[k]);
            snprintf(wanted, sizeof wanted, "{} %s\n", last[i].value);
            ask_cases("x 1", &c, 1);
        }
    }
    ask_cases("x 1", within, ARRAY_LEN(within));
}

static void classic_buckets_give_quantiles(void **state)
{
    static const struct ask_case cases[] = {
        {"histogram_quantile(0.5, a_bucket)", 0,
         "{} 1.5\n"}, /* rank 4 of 8: half of the way from 1 to 2 */
        {"histogram_quantile(0.1, a_bucket)", 0, "{} 0.4\n"}, /* the first bucket begins at 0 */
        {"histogram_quantile(0.99, a_bucket)", 0, "{} 2\n"},  /* beyond the last bound */
        {"histogram_quantile(0.5, a_bucket{le!=\"+Inf\"})", 0, "{} NaN\n"},
        {"histogram_quantile(2, a_bucket)", 0,
         "{} +Inf\nPromQL warning: quantile value should be between 0 and 1, got 2 (1:20)\n"},
        {"histogram_fraction(0.5, 2, a_bucket{le!=\"1\"})", 0, "{} NaN\n"},
        {"histogram_fraction(1, 2, a_bucket)", 0, "{} 0.5\n"},
        {"histogram_quantile(0.5, falling_bucket)", 0,
         "{} 0.5\nPromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
         "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric "
         "name \"falling_bucket\" (1:25)\n"},
        {"histogram_quantile(0.5, bad)", 0,
         "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" for metric name "
         "\"bad\" (1:25)\n"},
        {"histogram_quantile(0.5, {__name__=~\"a_bucket|falling_bucket\"})", 0,
         "error: vector cannot contain metrics with the same labelset"},
    };

    ask_cases(
        "a_bucket{le=\"1\"} 2\n a_bucket{le=\"2\"} 6\n a_bucket{le=\"+Inf\"} 8\n"
        " falling_bucket{le=\"1\"} 4\n falling_bucket{le=\"2\"} 3\n falling_bucket{le=\"+Inf\"} 4\n"
        " bad{le=\"x\"} 1",
        cases, ARRAY_LEN(cases));
}

static void native_histograms_are_values(void **state)
{
    static const struct ask_case cases[] = {
        {"h", 0, "h {count:4, sum:5, (0.5,1]:1, (1,2]:2, (2,4]:1}\n"},
        {"histogram_count(h)", 0, "{} 4\n"},
        {"histogram_avg(h)", 0, "{} 1.25\n"},
        {"histogram_quantile(0.5, h)", 0, "{} 1.4142135623730951\n"},
        {"histogram_fraction(1, 2, h)", 0, "{} 0.5\n"},
        {"histogram_count(x)", 0, ""},
        {"abs(h)", 0, ""},
        {"h * 2", 0, "{} {count:8, sum:10, (0.5,1]:2, (1,2]:4, (2,4]:2}\n"},
        {"-h", 0, "{} {count:-4, sum:-5, (0.5,1]:-1, (1,2]:-2, (2,4]:-1}\n"},
        {"h + h - h", 0, "{} {count:4, sum:5, (0.5,1]:1, (1,2]:2, (2,4]:1}\n"},
        {"h + x", 0,
         "PromQL info: incompatible sample types encountered for binary operator \"+\": histogram + float "
         "(1:1)\n"},
        {"h == h", 0, "h {count:4, sum:5, (0.5,1]:1, (1,2]:2, (2,4]:1}\n"},
        {"sum({__name__=~\"h|g\"})", 0, "{} {count:5, sum:7, (0.5,1]:1, (1,2]:3, (2,4]:1}\n"},
        {"sum({__name__=~\"h|x\"})", 0,
         "PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)\n"},
        {"sum({__name__=~\"h|custom\"})", 0,
         "PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas "
         "for metric name \"\" (1:5)\n"},
        {"max({__name__=~\"h|x\"})", 0,
         "{} 1\nPromQL info: ignored histogram in max aggregation (1:5)\n"},
        {"increase(h[2m])", MIN, "{} {count:4, sum:6, (0.5,1]:4}\n"},
        {"rate(mixed[2m])", MIN,
         "PromQL warning: encountered a mix of histograms and floats for metric name \"mixed\" (1:6)\n"},
        {"sum_over_time(h[5m])", MIN, "{} {count:10, sum:13, (0.5,1]:4, (1,2]:4, (2,4]:2}\n"},
        {"histogram_quantile(0.5, custom)", 0, "{} 7.5\n"},
    };

    ask_cases("h {{sum:5 count:4 buckets:[1 2 1]}} {{sum:8 count:6 buckets:[3 2 1]}}\n"
              " g {{sum:2 count:1 buckets:[1] offset:1}}\n"
              " custom {{schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 2 1]}}\n"
              " x 1\n mixed 1 {{}}",
              cases, ARRAY_LEN(cases));
}

static void info_adds_labels_of_its_target(void **state)
{
    static const struct ask_case cases[] = {
        {"info(m)", 0, "m{instance=\"i\", job=\"j\", os=\"linux\", version=\"1\"} 7\n"},
        {"info(m)", MIN,
         "m{instance=\"i\", job=\"j\", os=\"linux\", version=\"2\"} 8\n"}, /* the newer one */
        {"info(m, {version=~\".+\"})", 0, "m{instance=\"i\", job=\"j\", version=\"1\"} 7\n"},
        {"info(m, {none=~\".+\"})", 0, ""},
        {"info(m, {__name__=\"build\"})", 0, "m{branch=\"b\", instance=\"i\", job=\"j\"} 7\n"},
        {"info(n)", 0, "n{instance=\"i\", job=\"k\"} 1\n"},
        {"info(target_info{os=\"linux\"})", 0,
         "target_info{instance=\"i\", job=\"j\", os=\"linux\", version=\"1\"} 1\n"},
    };

    ask_cases("m{instance=\"i\",job=\"j\"} 7 8\n n{instance=\"i\",job=\"k\"} 1\n"
              " target_info{instance=\"i\",job=\"j\",os=\"linux\",version=\"1\"} 1\n"
              " target_info{instance=\"i\",job=\"j\",os=\"linux\",version=\"2\"} _ 1\n"
              " build{instance=\"i\",job=\"j\",branch=\"b\"} 1",
              cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_stretches_to_the_window_but_not_below_zero),
        cmocka_unit_test(a_counter_that_falls_has_begun_again),
        cmocka_unit_test(functions_over_time_look_at_each_sample_of_the_window),
        cmocka_unit_test(sliding_windows_forget_nothing),
        cmocka_unit_test(absent_names_what_is_missing),
        cmocka_unit_test(labels_can_be_written_anew),
        cmocka_unit_test(an_instant_vector_can_be_sorted),
        cmocka_unit_test(floats_have_their_arithmetic),
        cmocka_unit_test(dates_are_those_of_the_calendar),
        cmocka_unit_test(dates_of_what_is_no_int64_are_those_of_its_last_second),
        cmocka_unit_test(classic_buckets_give_quantiles),
        cmocka_unit_test(native_histograms_are_values),
        cmocka_unit_test(info_adds_labels_of_its_target),
    };

    return cmocka_run_group_tests(tests, NULL, ask_forget);
}
