/* SPDX-License-Identifier: Apache-2.0 */
/* A query that a helper reads for has the bits, the notes and the errors of one that reads alone. */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/crew.h"
#include "model/sample.h"
#include "promql/promql.h"
#include "tests/support/memory_reader.h"
#include "tests/support/promql_same.h"

#define SERIES  2100
#define SAMPLES 40
#define STEP    INT64_C(15000)
#define NOW     ((SAMPLES - 1) * STEP)
#define ROUNDS  8

static const char *const queries[] = {
    "m",
    "m > 1000",
    "rate(m[5m])",
    "sum by (job) (rate(m[5m]))",
    "topk(7, m)",
    "sum by (job) (rate(m[5m])) / sum by (job) (rate(other[5m]))",
    "m * on (i) group_left other",
    "max_over_time(sum by (job) (m)[5m:15s])",
    "quantile_over_time(0.9, m[10m] offset 1m)",
    "m @ 60 - m",
    "histogram_count(m)",
};

/* Some series end with a marker, some have gaps, every 40th has a histogram in between. */
static void load(struct memory_reader *store)
{
    static const struct histogram h = {.count = 3, .sum = 4.5, .zero_count = 3};

    for (size_t i = 0; i < SERIES; i++) {
        char number[16];
        struct label l[] = {{STR("__name__"), i % 3 ? STR("m") : STR("other")},
                            {STR("i"), {number, 0}},
                            {STR("job"), i % 5 ? STR("a") : STR("b")}};
        CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;

        l[1].value.len = (size_t)snprintf(number, sizeof number, "%zu", i / 3);
        labels = label_set_new(l, ARRAY_LEN(l));
        for (size_t k = 0; k < SAMPLES; k++) {
            if ((i + k) % 11 == 0)
                continue;
            if (i % 40 == 1 && k % 13 == 0)
                memory_reader_add(store, labels, (unix_ms)k * STEP, NAN, &h);
            else
                memory_reader_add(store, labels, (unix_ms)k * STEP,
                                  i % 31 == 2 && k == SAMPLES - 1 ? stale_nan() : (double)(i * k),
                                  NULL);
        }
    }
}

static int ask(struct memory_reader *store, const char *text, struct crew *crew, size_t max_samples,
               struct promql_result **ret, struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct promql_features features = {true, true};
    struct promql_options o = {.crew = crew, .max_samples = max_samples};
    int r = promql_parse(str_c(text), &features, &expr, err);

    return r < 0 ? r : promql_instant(expr, memory_reader_port(store), &o, NOW, ret, err);
}

static void a_helper_does_not_change_a_bit(void **state)
{
    struct memory_reader store = {0};
    struct crew *crew = crew_new(2);

    load(&store);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        CLEANUP(promql_result_freep) struct promql_result *alone = NULL;

        assert_int_equal(ask(&store, queries[i], NULL, 0, &alone, NULL), 0);
        assert_true(alone->n > 0);
        for (size_t k = 0; k < ROUNDS; k++) {
            CLEANUP(promql_result_freep) struct promql_result *helped = NULL;

            assert_int_equal(ask(&store, queries[i], crew, 0, &helped, NULL), 0);
            if (!promql_same_result(alone, helped) ||
                alone->stats.samples_read != helped->stats.samples_read)
                fail_msg("%s", queries[i]);
            assert_int_equal(crew_busy(crew), 0);
        }
    }
    crew_free(crew);
    memory_reader_clear(&store);
}

static void what_fails_fails_as_it_does_alone(void **state)
{
    struct memory_reader store = {0};
    struct crew *crew = crew_new(1);

    load(&store);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        for (int fault = 0; fault < 2; fault++) {
            CLEANUP(promql_result_freep) struct promql_result *alone = NULL;
            CLEANUP(promql_result_freep) struct promql_result *helped = NULL;
            struct err e1 = {0}, e2 = {0};
            int r1, r2;

            store.fail_read = fault ? -EIO : 0;
            r1 = ask(&store, queries[i], NULL, fault ? 0 : 700, &alone, &e1);
            r2 = ask(&store, queries[i], crew, fault ? 0 : 700, &helped, &e2);
            assert_int_equal(r1, r2);
            assert_string_equal(e1.msg, e2.msg);
            assert_true(r1 < 0 || !fault);
            assert_int_equal(crew_busy(crew), 0);
        }
    crew_free(crew);
    memory_reader_clear(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_helper_does_not_change_a_bit),
        cmocka_unit_test(what_fails_fails_as_it_does_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
