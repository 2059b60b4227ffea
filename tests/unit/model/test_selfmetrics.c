/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/thread.h"
#include "model/selfmetrics.h"

SELFMETRIC(b_timeouts, METRIC_COUNTER, "tocsin_b_total", "reason=\"timeout\"", "Second in name.");
SELFMETRIC(b_refused, METRIC_COUNTER, "tocsin_b_total", "reason=\"refused\"", "Second in name.");
SELFMETRIC(a_size, METRIC_GAUGE, "a_size_bytes", NULL, "First in name.");
SELFMETRIC(unused, METRIC_GAUGE, "tocsin_unused", NULL, "Never touched.");
static struct selfmetric scaled = {
    .name = "tocsin_c_seconds_total", .type = METRIC_COUNTER, .scale = 0.001};

static double value_of(const struct buf *page, const char *series)
{
    const char *at = strstr(page->p, series);
    struct str line;
    double v = NAN;

    if (!at)
        fail_msg("no %s in %s", series, page->p);
    line = str_c(at + strlen(series));
    if (!num_parse_double(str_trim(str_cut(&line, '\n')), &v))
        fail_msg("no value of %s", series);
    return v;
}

static void families_are_sorted_and_told_once(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};

    selfmetric_add(&b_timeouts, 2);
    selfmetric_add(&b_timeouts, 1);
    selfmetric_add(&b_refused, 1);
    selfmetric_set(&a_size, -5);
    selfmetric_add(&scaled, 1500);
    selfmetrics_write(&page);
    assert_true(
        str_has_prefix(buf_str(&page), STR("# HELP a_size_bytes First in name.\n"
                                           "# TYPE a_size_bytes gauge\na_size_bytes -5\n")));
    assert_non_null(strstr(page.p,
                           "# HELP tocsin_b_total Second in name.\n# TYPE tocsin_b_total counter\n"
                           "tocsin_b_total{reason=\"refused\"} 1\n"
                           "tocsin_b_total{reason=\"timeout\"} 3\n"
                           "# TYPE tocsin_c_seconds_total counter\ntocsin_c_seconds_total 1.5\n"));
    assert_non_null(strstr(page.p, "\ntocsin_unused 0\n")); /* there before anybody counts */
}

static void labelled_metrics_are_found_again(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct selfmetric *m = selfmetric_labelled("tocsin_d_total", "receiver=\"x\"", METRIC_COUNTER,
                                               "h");

    selfmetric_add(m, 4);
    assert_ptr_equal(selfmetric_labelled("tocsin_d_total", "receiver=\"x\"", METRIC_COUNTER, "h"),
                     m);
    assert_ptr_not_equal(
        selfmetric_labelled("tocsin_d_total", "receiver=\"y\"", METRIC_COUNTER, "h"), m);
    selfmetrics_write(&page);
    assert_true(value_of(&page, "tocsin_d_total{receiver=\"x\"}") == 4);
    assert_true(value_of(&page, "tocsin_d_total{receiver=\"y\"}") == 0);
}

SELFMETRIC(shared, METRIC_COUNTER, "tocsin_shared_total", NULL, "Counted by many.");

static void count(void *arg)
{
    for (int i = 0; i < 1000; i++)
        selfmetric_add(&shared, 1);
}

static void threads_count_together(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct thread threads[4];
    const char *first;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_start(&threads[i], "count", count, NULL);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(&threads[i]);
    selfmetrics_write(&page);
    assert_true(value_of(&page, "\ntocsin_shared_total ") == 4000);
    first = strstr(page.p, "\ntocsin_shared_total ");
    assert_null(strstr(first + 1, "\ntocsin_shared_total "));
}

static void the_process_tells_about_itself(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    double now = (double)time(NULL);

    selfmetrics_write(&page);
    assert_true(value_of(&page, "\nprocess_resident_memory_bytes ") > 100000);
    assert_true(value_of(&page, "\nprocess_cpu_seconds_total ") > 0);
    assert_in_range((int)value_of(&page, "\nprocess_open_fds "), 3, 100);
    assert_true(fabs(now - value_of(&page, "\nprocess_start_time_seconds ")) < 100);
    assert_true(strstr(page.p, "process_") > strstr(page.p, "a_size_bytes"));
    assert_true(strstr(page.p, "process_") < strstr(page.p, "tocsin_"));
}

static void the_page_can_be_read_back(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct exposition_reader r;
    struct exposition_entry e;
    size_t series = 0;

    selfmetrics_write(&page);
    exposition_reader_init(&r, buf_str(&page), EXPOSITION_TEXT);
    do {
        assert_int_equal(exposition_next(&r, &e, NULL), 0);
        series += e.kind == EXPOSITION_SERIES;
    } while (e.kind != EXPOSITION_END);
    assert_true(series >= 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_sorted_and_told_once),
        cmocka_unit_test(labelled_metrics_are_found_again),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(the_process_tells_about_itself),
        cmocka_unit_test(the_page_can_be_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
