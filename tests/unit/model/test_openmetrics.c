/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "model/exposition.h"

static const struct {
    const char *text, *open; /* open NULL: the page is bad */
} cases[] = {
    {"", "# EOF\n"},
    {"# TYPE a gauge\na 1\na{b=\"c\\\"d\"} 2.5\n",
     "# TYPE a gauge\na 1\na{b=\"c\\\"d\"} 2.5\n# EOF\n"},
    {"# TYPE a_total counter\na_total 1e+06\n", "# TYPE a counter\na_total 1e+06\n# EOF\n"},
    {"# TYPE a counter\na 1\n", "# TYPE a unknown\na 1\n# EOF\n"},
    {"# TYPE a untyped\na NaN\n", "# TYPE a unknown\na NaN\n# EOF\n"},
    {"a +Inf\n", "a +Inf\n# EOF\n"},
    {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 2\na_count 1\n",
     "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 2\na_count 1\n# EOF\n"},
    {"# HELP a Of it.\n# TYPE a gauge\n\n# words\na 1 1700000000123\n",
     "# TYPE a gauge\na 1 1700000000.123\n# EOF\n"},
    {"a 1 2 3\n", NULL},
};

static void a_page_becomes_openmetrics_with_the_same_series(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf out = {0};
        struct err err = {0};
        int r = exposition_openmetrics(str_c(cases[i].text), &out, &err);

        if (!cases[i].open) {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_int_equal(r, 0);
        assert_string_equal(out.p, cases[i].open);
    }
}

static void what_is_written_is_read_again(void **state)
{
    struct exposition_reader reader;
    struct exposition_entry e;
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};
    int n = 0;

    assert_int_equal(exposition_openmetrics(STR("# TYPE a_total counter\na_total{x=\"\\\\\"} 1\n"
                                                "# TYPE b summary\nb{quantile=\"0.5\"} 1\nb_sum "
                                                "1\nb_count 1\n"),
                                            &out, &err),
                     0);
    exposition_reader_init(&reader, buf_str(&out), EXPOSITION_OPENMETRICS);
    do {
        if (exposition_next(&reader, &e, &err) < 0)
            fail_msg("%s", err.msg);
        n += e.kind == EXPOSITION_SERIES;
    } while (e.kind != EXPOSITION_END);
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_becomes_openmetrics_with_the_same_series),
        cmocka_unit_test(what_is_written_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
