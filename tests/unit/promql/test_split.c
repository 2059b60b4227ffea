/* SPDX-License-Identifier: Apache-2.0 */
/* A range query over several threads has the bits, the notes and the errors of one thread. */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/crew.h"
#include "promql/promql.h"
#include "tests/support/promql_random.h"
#include "tests/support/promql_reference.h"
#include "tests/support/promql_same.h"
#include "tests/support/promql_versus.h"

#define QUERIES 1500
#define STEPS   300
#define STEP    INT64_C(1700)

static int ask(struct memory_reader *store, struct str text, struct crew *crew, size_t max_samples,
               struct promql_result **ret, struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct promql_features features = {true, true};
    struct promql_options o = {.crew = crew, .max_samples = max_samples};
    int r = promql_parse(text, &features, &expr, err);

    if (r == 0 && expr->root->type != PROMQL_VECTOR)
        r = -ENOTSUP;
    return r < 0 ? r
                 : promql_range(expr, memory_reader_port(store), &o, 0, (STEPS - 1) * STEP, STEP,
                                ret, err);
}

static void threads_do_not_change_a_bit(void **state)
{
    struct memory_reader store = {0};
    struct crew *crew = crew_new(3);
    CLEANUP(buf_free) struct buf text = {0};
    size_t answered = 0, points = 0;

    (void)state;
    versus_load(&store);
    for (uint64_t seed = 1; seed <= QUERIES; seed++) {
        CLEANUP(promql_result_freep) struct promql_result *one = NULL;
        CLEANUP(promql_result_freep) struct promql_result *many = NULL;
        struct promql_random r = {.state = seed * UINT64_C(0x9e3779b97f4a7c15)};
        struct err e1 = {0}, e2 = {0};
        int r1, r2;

        buf_reset(&text);
        promql_random_query(&r, &text);
        r1 = ask(&store, buf_str(&text), NULL, 0, &one, &e1);
        r2 = ask(&store, buf_str(&text), crew, 0, &many, &e2);
        if (r1 != r2 || (r1 < 0 && strcmp(e1.msg, e2.msg) != 0) ||
            (r1 == 0 && (!promql_same_result(one, many) ||
                         /* a partner may be in one part only */
                         many->stats.samples_read > one->stats.samples_read)))
            fail_msg("seed %llu: %s", (unsigned long long)seed, text.p);
        answered += r1 == 0;
        for (size_t i = 0; r1 == 0 && i < one->n; i++)
            points += one->series[i].n;
    }
    assert_int_equal(crew_busy(crew), 0);
    crew_free(crew);
    assert_true(answered > QUERIES / 2 && points > QUERIES);
    memory_reader_clear(&store);
}

/* The share of a part is smaller than the limit: what fits as a whole must be answered. */
static void limits_are_those_of_the_whole(void **state)
{
    struct memory_reader store = {0};
    struct crew *crew = crew_new(3);
    struct str text = STR("sort(a) or b or c");
    bool refused = false, answered = false;

    (void)state;
    versus_load(&store);
    for (size_t max = 310; max < 20000; max += max / 7) {
        CLEANUP(promql_result_freep) struct promql_result *one = NULL;
        CLEANUP(promql_result_freep) struct promql_result *many = NULL;
        struct err err = {0};
        int r1 = ask(&store, text, NULL, max, &one, &err);
        int r2 = ask(&store, text, crew, max, &many, &err);

        assert_int_equal(r1, r2);
        refused |= r1 < 0;
        answered |= r1 == 0;
    }
    assert_true(refused && answered);
    crew_free(crew);
    memory_reader_clear(&store);
}

static void rest(void *arg)
{
}

static void a_crew_that_is_busy_is_not_waited_for(void **state)
{
    struct memory_reader store = {0};
    struct crew *crew = crew_new(2);
    struct crew_job jobs[2];
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;

    (void)state;
    versus_load(&store);
    assert_int_equal(crew_take(crew, 5), 2);
    assert_int_equal(ask(&store, STR("a"), crew, 0, &result, NULL), 0);
    assert_int_equal(crew_busy(crew), 2);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        crew_run(crew, &jobs[i], rest, NULL);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        crew_join(crew, &jobs[i]);
    crew_free(crew);
    memory_reader_clear(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(limits_are_those_of_the_whole),
        cmocka_unit_test(a_crew_that_is_busy_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
