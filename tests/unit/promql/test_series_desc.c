/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "model/label_set.h"
#include "model/sample.h"
#include "promql/histogram_math.h"
#include "promql/series_desc.h"

/* The metric and its values, as the notation itself has them; histograms by hist_print(). */
static void print_series(const struct series_desc *d, struct buf *out)
{
    label_set_print(d->metric, out);
    for (size_t i = 0; i < d->n; i++) {
        const struct series_value *v = &d->values[i];

        buf_add_byte(out, ' ');
        if (v->omitted)
            buf_add_byte(out, '_');
        else if (v->histogram)
            hist_print(v->histogram, out);
        else if (is_stale(v->v))
            buf_add_c(out, "stale");
        else
            num_add_f(out, v->v);
    }
}

static void reads_metric_and_values(void **state)
{
    static const struct {
        const char *text, *series;
    } cases[] = {
        {"up", "up"},
        {"up 1", "up 1"},
        {"up{}  \t1 2  ", "up 1 2"},
        {"{a=\"b\"} 1", "{a=\"b\"} 1"},
        {"up{b='c',a=\"\\n\",} 1", "up{a=\"\\n\", b=\"c\"} 1"},
        {"{\"my.up\",\"a.b\"=\"c\"} 1", "{\"my.up\", \"a.b\"=\"c\"} 1"},
        {"sum{by=\"x\"} 1", "sum{by=\"x\"} 1"},
        {"job:up:sum 1", "job:up:sum 1"},
        {"up 1.5 -2 +3 .5 1e3 Inf -Inf NaN", "up 1.5 -2 3 0.5 1000 +Inf -Inf NaN"},
        {"up 5m", "up 300"},
        {"up 1x3", "up 1 1 1 1"},
        {"up -1+2x3 10-2x2", "up -1 1 3 5 10 8 6"},
        {"up 1+0x0", "up 1"},
        {"up 0x4", "up 0 0 0 0 0"},
        {"up _ 1 _x3", "up _ 1 _ _ _"},
        {"up 1 stale 2", "up 1 stale 2"},
        {"up {{}}", "up {count:0, sum:0}"},
        {"up {{sum:3 count:2 buckets:[1 1]}}", "up {count:2, sum:3, (0.5,1]:1, (1,2]:1}"},
        {"up {{count:1}}+{{count:2}}x2", "up {count:1, sum:0} {count:3, sum:0} {count:5, sum:0}"},
        {"up {{count:5}}-{{count:2}}x1 1", "up {count:5, sum:0} {count:3, sum:0} 1"},
        {"up {{count:5}}x1", "up {count:5, sum:0} {count:5, sum:0}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct series_desc *d = NULL;
        struct err err = {0};
        struct buf out = {0};

        if (series_desc_parse(str_c(cases[i].text), &d, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        print_series(d, &out);
        assert_string_equal(out.p, cases[i].series);
        buf_free(&out);
        series_desc_free(d);
    }
}

static void reads_each_member_of_a_histogram(void **state)
{
    struct series_desc *d = NULL;
    const struct histogram *h;

    assert_int_equal(
        series_desc_parse(
            STR("{} {{schema:-53 sum:-1.5 count:4 custom_values:[1 2.5] buckets:[1 2 1] "
                "offset:0 z_bucket:3 z_bucket_w:0.001 n_buckets:[-1 Inf] "
                "n_offset:-2 counter_reset_hint:not_reset}}"),
            &d, NULL),
        0);
    assert_int_equal(d->n, 1);
    h = d->values[0].histogram;
    assert_int_equal(h->schema, HISTOGRAM_CUSTOM_SCHEMA);
    assert_true(h->sum == -1.5 && h->count == 4);
    assert_true(h->zero_count == 3 && h->zero_threshold == 0.001);
    assert_int_equal(h->n_bounds, 2);
    assert_true(h->bounds[1] == 2.5);
    assert_int_equal(h->n_positive, 3);
    assert_int_equal(h->positive_spans[0].length, 3);
    assert_int_equal(h->n_negative, 2);
    assert_true(h->negative[0] == -1 && isinf(h->negative[1]));
    assert_int_equal(h->negative_spans[0].offset, -2);
    assert_int_equal(h->hint, RESET_NO);
    series_desc_free(d);
}

static void says_where_and_why_a_text_is_no_series(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"up{a}", "1:5: parse error: unexpected \"}\" in label set, expected \"=\""},
        {"up{a=b}", "1:6: parse error: unexpected identifier \"b\" in label set, expected string"},
        {"up{=}", "1:4: parse error: unexpected \"=\" in label set, expected identifier or \"}\""},
        {"up{a='b' c='d'}", "1:10: parse error: unexpected identifier \"c\" in label set, "
                            "expected \",\" or \"}\""},
        {"up 1+1", "1:7: parse error: unexpected end of input in series values"},
        {"up 1 old", "1:6: parse error: unexpected identifier \"old\" in series values, expected "
                     "number or \"stale\""},
        {"up 1 sum", "1:6: parse error: unexpected <aggr:sum> in series values"},
        {"up 1x1.5", "1:6: parse error: invalid repetition in series values: "
                     "strconv.ParseUint: parsing \"1.5\": invalid syntax"},
        {"up 1 ?", "1:6: parse error: unexpected character in series sequence: '?'"},
        {"up _-2", "1:5: parse error: unexpected <op:-> in series values"},
        {"up 5mm", "1:4: parse error: bad number or duration syntax: \"5mm\""},
        {"{} {{foo:1}}", "1:6: parse error: bad histogram descriptor found: \"foo\""},
        {"{} {{sum :1}}", "1:6: parse error: missing `:` for histogram descriptor"},
        {"{} {{sum:1", "1:11: parse error: histogram description incomplete unexpected: "
                       "'\xef\xbf\xbd'"},
        {"{} {{sum:1 1}}", "1:12: parse error: unexpected number \"1\" in histogram description, "
                           "expected histogram description key, e.g. buckets:[5 10 7]"},
        {"{} {{sum:1 sum:2}}", "1:1: parse error: duplicate key \"sum\" in histogram"},
        {"{} {{buckets:[1,2]}}",
         "1:16: parse error: invalid character in buckets description: ','"},
        {"{} {{buckets:[]}}", "1:15: parse error: unexpected \"]\" in series values"},
        {"{} {{schema:9}}", "1:13: parse error: number 9 is not between -53 and 8"},
        {"{} {{schema:-5}}", "1:14: parse error: there is no schema -5"},
        {"{} {{schema:1}}+{{}}x1", "1:22: parse error: error combining histograms: cannot merge "
                                   "from schema 0 to 1"},
        {"{} {{schema:-53 custom_values:[1]}}+{{schema:-53 custom_values:[2]}}x1",
         "1:70: parse error: error combining histograms: the custom buckets have different "
         "bounds"},
        {"{} {{schema:-53}}+{{}}x1", "1:24: parse error: error combining histograms: exponential "
                                     "and custom buckets do not mix"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct series_desc *d = NULL;
        struct err err = {0};

        assert_int_equal(series_desc_parse(str_c(cases[i].text), &d, &err), -EINVAL);
        assert_null(d);
        assert_string_equal(err.msg, cases[i].why);
    }
}

static void does_not_let_repetitions_fill_the_memory(void **state)
{
    static const char *const cases[] = {"up 1x9999999", "up _x18446744073709551615",
                                        "up {{}}x1000000", "up 1x999999 1x1"};
    struct series_desc *d = NULL;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(series_desc_parse(str_c(cases[i]), &d, &err), -E2BIG);
        assert_string_equal(err.msg, "series has more than 1000000 values");
    }
}

static void reads_a_metric_alone(void **state)
{
    const struct label_set *metric = NULL;
    struct err err = {0};
    struct buf out = {0};

    assert_int_equal(promql_parse_metric(STR("up{job=\"a\"}"), &metric, NULL), 0);
    label_set_print(metric, &out);
    assert_string_equal(out.p, "up{job=\"a\"}");
    label_set_unref(metric);
    buf_free(&out);
    assert_int_equal(promql_parse_metric(STR("up 1"), &metric, &err), -EINVAL);
    assert_string_equal(err.msg, "1:4: parse error: unexpected number \"1\"");
    assert_int_equal(promql_parse_metric(STR("up{job=~\"a\"}"), &metric, &err), -EINVAL);
    assert_string_equal(err.msg,
                        "1:7: parse error: unexpected <op:=~> in label set, expected \"=\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_metric_and_values),
        cmocka_unit_test(reads_each_member_of_a_histogram),
        cmocka_unit_test(says_where_and_why_a_text_is_no_series),
        cmocka_unit_test(does_not_let_repetitions_fill_the_memory),
        cmocka_unit_test(reads_a_metric_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
