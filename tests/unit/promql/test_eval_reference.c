/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evaluator against the reference of tests/support: random expressions, each asked at several
 * times and as a range.
 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>

#include "promql/promql.h"
#include "tests/support/promql_random.h"
#include "tests/support/promql_reference.h"
#include "tests/support/promql_versus.h"

#define QUERIES       6000
#define DIFFERING_MAX 20 /* told before it gives up */
#define START         INT64_C(90000)
#define STEP          INT64_C(75000)
#define STEPS         6

static void random_expressions_have_the_answers_of_the_reference(void **state)
{
    struct memory_reader store = {0};
    struct versus_tally tally = {0};
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf report = {0};
    size_t differing = 0;

    versus_load(&store);
    for (uint64_t seed = 1; seed <= QUERIES && differing < DIFFERING_MAX; seed++) {
        struct promql_random r = {.state = seed * UINT64_C(0x9e3779b97f4a7c15)};

        buf_reset(&text);
        buf_reset(&report);
        promql_random_query(&r, &text);
        if (versus(&store, buf_str(&text), START, STEP, STEPS, &tally, &report))
            continue;
        differing++;
        print_error("seed %llu: " STR_FMT "\n" STR_FMT "\n", (unsigned long long)seed,
                    STR_ARG(buf_str(&text)), STR_ARG(buf_str(&report)));
    }
    print_message("%zu answers with %zu values, %zu refused by both, %zu not covered\n",
                  tally.compared, tally.points, tally.refused, tally.not_covered);
    memory_reader_clear(&store);
    assert_int_equal(differing, 0);
    /* Most must be real answers, or the test has stopped testing. */
    assert_true(tally.compared > tally.refused + tally.not_covered);
    assert_true(tally.points > QUERIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_expressions_have_the_answers_of_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
