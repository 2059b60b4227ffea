/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <errno.h>

#include "config/config.h"

#define NOW far_future(NULL)

struct site {
    char *folder;
    struct storage *st;
};

static void begin(struct site *s)
{
    struct storage_options o = manual_options();

    s->folder = folder_new();
    assert_int_equal(storage_open(s->folder, &o, &s->st, NULL, NULL), 0);
}

static void end(struct site *s)
{
    assert_int_equal(storage_close(s->st, NULL), 0);
    folder_remove(s->folder);
    free(s->folder);
}

static void set_total(struct site *s, uint64_t n)
{
    storage_set_budget(s->st, &(struct config){.series_budget = n});
}

/* A series metric{job,instance="i",path=<n>}. */
static int ask(struct site *s, const char *metric, const char *job, unsigned n, struct err *err)
{
    const struct sample_sink *sink = storage_sink(s->st);
    char path[32];
    series_ref ref;

    snprintf(path, sizeof path, "/%u", n);
    {
        struct label labels[] = {{STR("__name__"), str_c(metric)},
                                 {STR("code"), n % 2 ? STR("200") : STR("500")},
                                 {STR("instance"), STR("i")},
                                 {STR("job"), str_c(job)},
                                 {STR("path"), str_c(path)}};
        CLEANUP(label_set_unrefp)
        const struct label_set *ls = label_set_new(labels, ARRAY_LEN(labels));

        return sink->series(sink->self, ls, &ref, err);
    }
}

static void a_budget_of_all_refuses_what_is_new_and_nothing_else(void **state)
{
    CLEANUP(end) struct site s = {0};
    struct err err = {0};

    begin(&s);
    set_total(&s, 2);
    assert_int_equal(ask(&s, "m", "a", 1, NULL), 0);
    assert_int_equal(ask(&s, "m", "b", 2, NULL), 0);
    assert_int_equal(ask(&s, "m", "b", 3, &err), -ENOSPC);
    assert_string_equal(err.msg, "the budget of 2 series is used up");
    assert_int_equal(ask(&s, "m", "a", 1, NULL), 0);
    set_total(&s, 0);
    assert_int_equal(ask(&s, "m", "b", 3, NULL), 0);
}

static void a_budget_of_a_job_leaves_other_jobs_alone(void **state)
{
    struct config_scrape jobs[] = {{.job_name = "a", .series_budget = 1},
                                   {.job_name = "b"},
                                   {.job_name = "c", .series_budget = 5}};
    CLEANUP(end) struct site s = {0};
    struct err err = {0};
    struct storage_budget b;

    begin(&s);
    storage_set_budget(s.st, &(struct config){.scrapes = jobs, .n_scrapes = 3});
    assert_int_equal(ask(&s, "m", "a", 1, NULL), 0);
    assert_int_equal(ask(&s, "m", "a", 2, &err), -ENOSPC);
    assert_string_equal(err.msg, "the budget of 1 series of job \"a\" is used up");
    assert_int_equal(ask(&s, "m", "b", 1, NULL), 0);
    assert_int_equal(ask(&s, "m", "b", 2, NULL), 0);

    storage_budget(s.st, &b);
    assert_int_equal(b.n_jobs, 2);
    assert_string_equal(b.jobs[0].job, "a");
    assert_int_equal(b.jobs[0].used, 1);
    assert_int_equal(b.jobs[1].used, 0);
    assert_int_equal(b.used, 3);
    assert_int_equal(b.refused, 1);
    assert_true(b.refusals[0].of_job);
    storage_budget_free(&b);
}

static void what_the_house_says_itself_is_not_refused(void **state)
{
    CLEANUP(end) struct site s = {0};
    CLEANUP(label_set_unrefp) const struct label_set *up = labels_of("__name__", "up", NULL);
    const struct sample_sink *sink;
    series_ref ref = 0;

    begin(&s);
    set_total(&s, 1);
    assert_int_equal(ask(&s, "m", "a", 1, NULL), 0);
    sink = storage_sink(s.st);
    assert_int_equal(sink->series(sink->self, up, &ref, NULL), -ENOSPC);
    assert_int_equal(sample_sink_own_series(sink, up, &ref, NULL), 0);
    assert_int_not_equal(ref, 0);
}

static void the_label_that_changes_is_named(void **state)
{
    CLEANUP(end) struct site s = {0};
    struct storage_budget b;

    begin(&s);
    set_total(&s, 100);
    for (unsigned i = 0; i < 110; i++)
        assert_int_equal(ask(&s, "http_requests", "shop", i, NULL), i < 100 ? 0 : -ENOSPC);
    storage_budget(s.st, &b);
    assert_int_equal(b.n_refusals, 1);
    assert_string_equal(b.refusals[0].job, "shop");
    assert_string_equal(b.refusals[0].instance, "i");
    assert_string_equal(b.refusals[0].metric, "http_requests");
    assert_string_equal(b.refusals[0].label, "path");
    assert_int_equal(b.refusals[0].values, 100);
    assert_int_equal(b.refusals[0].refused, 10);
    assert_false(b.refusals[0].of_job);
    assert_true(b.last_refused == NOW);
    storage_budget_free(&b);
}

static void metric_names_that_change_are_named_too(void **state)
{
    CLEANUP(end) struct site s = {0};
    struct storage_budget b;
    char metric[32];

    begin(&s);
    set_total(&s, 50);
    for (unsigned i = 0; i < 51; i++) {
        snprintf(metric, sizeof metric, "user_%u_seen", i);
        ask(&s, metric, "shop", i % 3, NULL);
    }
    storage_budget(s.st, &b);
    assert_string_equal(b.refusals[0].label, "__name__");
    storage_budget_free(&b);
}

static void of_values_that_are_all_known_the_label_with_the_most_is_named(void **state)
{
    CLEANUP(end) struct site s = {0};
    struct storage_budget b;

    begin(&s);
    for (unsigned i = 0; i < 10; i++)
        ask(&s, "m", "shop", i, NULL);
    ask(&s, "n", "shop", 3, NULL);
    ask(&s, "n", "shop", 5, NULL);
    set_total(&s, 12);
    assert_int_equal(ask(&s, "n", "shop", 8, NULL), -ENOSPC);
    storage_budget(s.st, &b);
    assert_string_equal(b.refusals[0].label, "path");
    storage_budget_free(&b);
}

static void of_many_targets_those_refused_last_are_named(void **state)
{
    CLEANUP(end) struct site s = {0};
    struct storage_budget b;
    char job[32];

    begin(&s);
    set_total(&s, 1);
    ask(&s, "m", "first", 0, NULL);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(job, sizeof job, "job-%u", i);
        assert_int_equal(ask(&s, "m", job, 1, NULL), -ENOSPC);
    }
    storage_budget(s.st, &b);
    assert_int_equal(b.n_refusals, 64);
    assert_int_equal(b.refused, 100);
    storage_budget_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_of_all_refuses_what_is_new_and_nothing_else),
        cmocka_unit_test(a_budget_of_a_job_leaves_other_jobs_alone),
        cmocka_unit_test(what_the_house_says_itself_is_not_refused),
        cmocka_unit_test(the_label_that_changes_is_named),
        cmocka_unit_test(metric_names_that_change_are_named_too),
        cmocka_unit_test(of_values_that_are_all_known_the_label_with_the_most_is_named),
        cmocka_unit_test(of_many_targets_those_refused_last_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
