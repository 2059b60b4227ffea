/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "app/features.h"
#include "base/buf.h"

static void note(const char *name, const char *words, void *arg)
{
    buf_addf(arg, "%s: %s\n", name, words);
}

/* What is said about the lists, into `said`. */
static struct features read_lists(struct buf *said, const char *first, const char *second)
{
    struct flag_list list = {.items = {first, second}, .n = second ? 2 : 1};
    struct features f;

    setenv("LC_ALL", "C", 1);
    buf_reset(said);
    buf_add_c(said, "");
    features_read(&list, &f, note, said);
    return f;
}

static void each_name_of_promql_switches_its_own_on(void **state)
{
    CLEANUP(buf_free) struct buf said = {0};
    struct features f = read_lists(&said, "promql-experimental-functions", NULL);

    assert_true(f.promql.experimental_functions);
    assert_false(f.promql.duration_expressions || f.delayed_name_removal || f.per_step_stats ||
                 f.type_and_unit_labels);
    f = read_lists(&said, "promql-duration-expr, promql-delayed-name-removal,,",
                   "promql-per-step-stats");
    assert_true(f.promql.duration_expressions && f.delayed_name_removal && f.per_step_stats);
    assert_false(f.promql.experimental_functions || f.type_and_unit_labels);
    assert_int_equal(said.len, 0);
    f = read_lists(&said, "type-and-unit-labels", NULL);
    assert_true(f.type_and_unit_labels);
}

static void every_name_that_prometheus_knows_works_or_is_told_to_have_no_effect(void **state)
{
    static const char *const without_effect[] = {
        "memory-snapshot-on-shutdown",
        "extra-scrape-metrics",
        "metadata-wal-records",
        "auto-reload-config",
        "concurrent-rule-eval",
        "created-timestamp-zero-ingestion",
        "delayed-compaction",
        "old-ui",
        "otlp-deltatocumulative",
        "otlp-native-delta-ingestion",
        "use-uncached-io",
        "promql-at-modifier",
        "promql-negative-offset",
    };
    CLEANUP(buf_free) struct buf said = {0};

    for (size_t i = 0; i < ARRAY_LEN(without_effect); i++) {
        read_lists(&said, without_effect[i], NULL);
        if (!strstr(said.p, without_effect[i]) || !strstr(said.p, ": no effect: "))
            fail_msg("%s: said \"%s\"", without_effect[i], said.p);
    }
}

static void an_unknown_name_is_ignored_with_a_warning(void **state)
{
    CLEANUP(buf_free) struct buf said = {0};
    struct features f = read_lists(&said, "promql-telepathy,promql-duration-expr", NULL);

    assert_true(f.promql.duration_expressions);
    assert_string_equal(said.p, "promql-telepathy: unknown feature, it is ignored\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_of_promql_switches_its_own_on),
        cmocka_unit_test(every_name_that_prometheus_knows_works_or_is_told_to_have_no_effect),
        cmocka_unit_test(an_unknown_name_is_ignored_with_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
