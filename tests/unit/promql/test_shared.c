/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in an expression several times is computed once, and nobody can tell by the answer.
 * Statistics by step have each computed for itself: that is what is compared with.
 */
#include "tests/unit/promql/ask.h"

#define MINUTE 60000

static const char series[] = "a{i=\"1\"} 1 2 3 5 8 13 21 34 55\n"
                             "a{i=\"2\"} 2 1 _ 4 3 3 9 1 1\n"
                             "b{i=\"1\",j=\"x\"} 7 7 8 9 1 2 3 stale 4\n"
                             "b{i=\"2\",j=\"y\"} 1 1 1 1 2 2 2 2 2\n"
                             "c_total{i=\"1\"} 0+3x8\n"
                             "h{i=\"1\"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x8\n";

static size_t selects, reads;
static struct series_reader counted;

static int counted_select(void *self, const struct matcher *const *ms, size_t n, unix_ms from,
                          unix_ms to, struct selection **ret, struct err *err)
{
    int r = memory_reader_port(self)->select(self, ms, n, from, to, ret, err);

    selects++;
    return r;
}

static int counted_read(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                        struct columns *ret, struct err *err)
{
    reads++;
    return s->reader->read(s, i, from, to, ret, err);
}

static struct promql_result *run(struct memory_reader *m, const char *query, bool range, bool apart,
                                 bool delayed)
{
    struct promql_features features = {true, true};
    struct promql_options o = {.per_step_stats = apart, .delayed_name_removal = delayed};
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct promql_result *result = NULL;
    struct err err = {0};
    int r = promql_parse(str_c(query), &features, &expr, &err);

    counted = *memory_reader_port(m);
    counted.select = counted_select;
    counted.read = counted_read;
    selects = reads = 0;
    if (r == 0)
        r = range ? promql_range(expr, &counted, &o, MINUTE, 8 * MINUTE, 30000, &result, &err)
                  : promql_instant(expr, &counted, &o, 6 * MINUTE, &result, &err);
    buf_reset(&ask_text);
    if (r < 0)
        buf_addf(&ask_text, "error: %s\n", err.msg);
    else
        ask_print(result);
    return result;
}

static const struct {
    const char *query;
    size_t selects, reads; /* of an instant query */
} questions[] = {
    {"sum(a) + sum(a)", 1, 2},
    {"sum(a) / (sum(a) + sum(b))", 2, 4},
    {"a / (a + on (i) b)", 2, 4},
    {"(a > 2) or (a < 2) or a", 1, 2},
    {"rate(c_total[3m]) > 0.01 and rate(c_total[3m]) < 1", 1, 1},
    {"abs(-a) + abs(-a)", 1, 2},
    {"-a - -a", 1, 2},
    {"topk(1, sum by (i) (a)) + on (i) group_right () (sum by (i) (a))", 1, 2},
    {"max_over_time(a[2m]) - max_over_time(a[3m])", 2, 4}, /* other windows: other samples */
    {"sum_over_time(a[2m]) - max_over_time(a[2m])", 1, 4}, /* found once, read by each */
    {"a - a offset 1m", 2, 4},
    {"a @ 120 + a @ 120", 1, 2},
    {"sum(a @ 120) + sum(a @ 120) + sum(a)", 2, 4},
    {"sum(h) + sum(h)", 1, 1},
    {"histogram_quantile(0.5, h) + histogram_quantile(0.5, h)", 1, 1},
    {"max_over_time((a + a)[3m:1m]) + max_over_time((a + a)[3m:1m]) + a", 2, 4},
    {"label_replace(a, \"k\", \"$1\", \"i\", \"(.)\") * label_replace(a, \"k\", \"$1\", \"i\", "
     "\"(.)\")",
     1, 2},
    /* The same on other steps; on the same steps, but counted in another way. */
    {"max_over_time((-a)[3m:1m]) + sum_over_time((-a)[5m:1m])", 2, 4},
    {"sum(a) + max_over_time(sum(a)[30s:30s])", 1, 4},
    /* Each says so with its own place. */
    {"rate(a[3m]) + rate(a[3m])", 1, 4},
    {"sum(rate(a[3m])) + sum(rate(a[3m]))", 1, 4},
    /* Names go, series meet, rows are sorted: of the result, not of what others ask for again. */
    {"abs(a) + on (i) group_left () a", 1, 2},
    {"sort_desc(a) and a", 1, 2},
    {"label_replace(a, \"i\", \"9\", \"i\", \"1\") or a", 1, 2},
    {"{__name__=~\"a|b\"} and {__name__=~\"a|b\"}", 1, 4},
    {"sum({__name__=~\"a|b\"}) + sum(abs({__name__=~\"a|b\"}) or {__name__=~\"a|b\"})", 1, 4},
};

static void what_is_shared_answers_as_if_it_were_not(void **state)
{
    struct memory_reader m = {0};

    ask_load(&m, MINUTE, series);
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        for (int how = 0; how < 4; how++) {
            bool range = how & 1, delayed = how & 2;
            CLEANUP(promql_result_freep) struct promql_result *apart = NULL;
            CLEANUP(promql_result_freep) struct promql_result *shared = NULL;
            CLEANUP(buf_free) struct buf expected = {0};
            const char *query = questions[i].query;

            apart = run(&m, query, range, true, delayed);
            buf_add_str(&expected, buf_str(&ask_text));
            shared = run(&m, query, range, false, delayed);
            if (!str_eq(buf_str(&expected), buf_str(&ask_text)))
                fail_msg("%s: %s instead of %s", query, ask_text.p, expected.p);
            if (!apart)
                continue;
            assert_int_equal(shared->stats.samples_read, apart->stats.samples_read);
            if (!range && (selects != questions[i].selects || reads != questions[i].reads))
                fail_msg("%s: %zu selected, %zu read", query, selects, reads);
        }
    }
    memory_reader_clear(&m);
}

/* Rows of what is large are not kept: the limit is on series times steps. */
static void what_is_large_is_computed_each(void **state)
{
    struct memory_reader m = {0};
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    CLEANUP(buf_free) struct buf lines = {0};

    for (int i = 0; i < 5000; i++)
        buf_addf(&lines, "a{i=\"%d\"} 0+1x8\n", i);
    ask_load(&m, MINUTE, lines.p);
    result = run(&m, "a + a", true, false, false); /* 15 steps */
    assert_int_equal(selects, 1);
    assert_int_equal(reads, 2 * 5000);
    promql_result_freep(&result);
    result = run(&m, "a + a", false, false, false);
    assert_int_equal(reads, 5000);
    memory_reader_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shared_answers_as_if_it_were_not),
        cmocka_unit_test(what_is_large_is_computed_each),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);

    buf_free(&ask_text);
    return r;
}
