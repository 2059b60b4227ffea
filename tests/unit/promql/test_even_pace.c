/* SPDX-License-Identifier: Apache-2.0 */
/* Samples at an even pace take another way through rate(): each step has the bits of a query of its
 * own, whatever the pace, the phase, and where the series begins and ends. */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "promql/promql.h"
#include "tests/support/memory_reader.h"

#define GAP     INT64_C(15000)
#define SAMPLES 60
#define BEGIN   (20 * GAP + 1234)
#define STEPS   130

/* `uneven` samples are a millisecond late. */
static void load(struct memory_reader *store, size_t uneven)
{
    static const struct {
        const char *is;
        double first, slope;
        size_t reset;
    } series[] = {
        {"plain", 1e6, 7, SIZE_MAX},      {"near_zero", 0, 3, SIZE_MAX},
        {"below_zero", -50, 1, SIZE_MAX}, {"falls", 5, 11.5, 13},
        {"still", 42, 0, SIZE_MAX},
    };

    for (size_t i = 0; i < ARRAY_LEN(series); i++) {
        struct label l[] = {{STR("__name__"), STR("m_total")}, {STR("is"), str_c(series[i].is)}};
        CLEANUP(label_set_unrefp) const struct label_set *labels = label_set_new(l, 2);

        for (size_t k = 0; k < SAMPLES; k++)
            memory_reader_add(store, labels, BEGIN + (unix_ms)k * GAP + (k == uneven),
                              series[i].first + series[i].slope * (double)(k % series[i].reset),
                              NULL);
    }
}

static struct promql_expr *parse(const char *text)
{
    struct promql_features features = {false, false};
    struct promql_expr *expr;

    assert_int_equal(promql_parse(str_c(text), &features, &expr, NULL), 0);
    return expr;
}

static const struct promql_series *find(const struct promql_result *r, const struct label_set *l)
{
    for (size_t i = 0; i < r->n; i++)
        if (label_set_eq(r->series[i].labels, l))
            return &r->series[i];
    return NULL;
}

/* Returns how many points were compared. */
static size_t compare(struct memory_reader *store, const char *text, unix_ms start, dur_ms step)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = parse(text);
    CLEANUP(promql_result_freep) struct promql_result *range = NULL;
    const struct series_reader *reader = memory_reader_port(store);
    size_t points = 0, seen = 0;

    assert_int_equal(
        promql_range(expr, reader, NULL, start, start + (STEPS - 1) * step, step, &range, NULL), 0);
    for (size_t i = 0; i < range->n; i++)
        points += range->series[i].n;
    for (unix_ms t = start; t < start + STEPS * step; t += step) {
        CLEANUP(promql_result_freep) struct promql_result *one = NULL;

        assert_int_equal(promql_instant(expr, reader, NULL, t, &one, NULL), 0);
        for (size_t i = 0; i < one->n; i++, seen++) {
            const struct promql_series *s = find(range, one->series[i].labels);
            size_t k = 0;

            while (s && k < s->n && s->times[k] != t)
                k++;
            if (!s || k == s->n || memcmp(&s->values[k], one->series[i].values, sizeof(double)))
                fail_msg("%s from %lld by %lld at %lld", text, (long long)start, (long long)step,
                         (long long)t);
        }
    }
    assert_int_equal(seen, points);
    return points;
}

static void each_step_has_the_bits_of_a_query_of_its_own(void **state)
{
    static const char *const texts[] = {
        "rate(m_total[1m])",           "increase(m_total[100s])",
        "delta(m_total[31s])",         "rate(m_total[5m] offset 40s)",
        "increase(m_total[16s])",      "rate(m_total[1m] @ 600)",
        "sum_over_time(m_total[50s])", "avg_over_time(m_total[2m])",
    };
    static const dur_ms steps[] = {GAP, 2 * GAP, 4 * GAP, 7000};
    size_t points = 0;

    for (size_t uneven = 30; uneven <= SAMPLES; uneven += 30) {
        struct memory_reader store = {0};

        load(&store, uneven);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            for (size_t k = 0; k < ARRAY_LEN(steps); k++)
                for (unix_ms start = BEGIN - 10 * GAP; start < BEGIN + 30 * GAP;
                     start += 7 * GAP + 617)
                    points += compare(&store, texts[i], start, steps[k]);
        memory_reader_clear(&store);
    }
    assert_true(points > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_has_the_bits_of_a_query_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
