/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>

#include "base/defs.h"
#include "model/histogram.h"
#include "model/sample.h"

#define MOST 9007199254740992.0 /* 2^53 */

/* Which of the numbers is told, one at a time. */
static void a_histogram_is_an_integer_one_when_all_its_counts_are_whole(void **state)
{
    static const struct {
        double v;
        enum histogram_kind kind;
    } cases[] = {
        {0, HISTOGRAM_INTEGER},      {3, HISTOGRAM_INTEGER},      {MOST, HISTOGRAM_INTEGER},
        {MOST + 2, HISTOGRAM_FLOAT}, {2.5, HISTOGRAM_FLOAT},      {-1, HISTOGRAM_FLOAT},
        {NAN, HISTOGRAM_FLOAT},      {INFINITY, HISTOGRAM_FLOAT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int place = 0; place < 6; place++) {
            double positive[2] = {1, 1}, negative[2] = {1, 1};
            struct histogram h = {.sum = 0.5,
                                  .n_positive = 2,
                                  .n_negative = 2,
                                  .positive = positive,
                                  .negative = negative};
            double *places[] = {&h.count,     &h.zero_count, &positive[0],
                                &positive[1], &negative[0],  &negative[1]};

            *places[place] = cases[i].v;
            h.kind = cases[i].kind == HISTOGRAM_FLOAT ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT;
            histogram_make_integer(&h);
            assert_int_equal(h.kind, cases[i].kind);
            h.sum = stale_nan(); /* then its counts mean nothing */
            histogram_make_integer(&h);
            assert_int_equal(h.kind, HISTOGRAM_INTEGER);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_is_an_integer_one_when_all_its_counts_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
