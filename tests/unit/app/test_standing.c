/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standing questions against a real storage: whatever happens to the series, the answer is the one
 * that somebody gets who asks for the first time.
 */
#include <string.h>

#include "promql/promql.h"
#include "tests/unit/storage/storage_fixture.h"

#define SERIES 24

static const char *const questions[] = {
    "m{job=\"a\"} > 40",
    "m",
    "m{job=~\"a|b\",i!=\"3\"}",
    "m{none=\"\"} and on (i) m{job=\"b\"}",
    "sum by (job) (rate(m[5m]))",
    "m offset 10m",
    "m offset 100m",
    "m - m",
    "m @ 1700010000",
    "max_over_time(m{job=\"c\"}[2m:20s])",
    "absent(m{job=\"z\"})",
    "count({__name__=~\"m|n\"})",
};

struct renewals {
    size_t asked, renewed;
    size_t newest, at_hand; /* newest samples asked for, got */
};

static struct renewals seen;

static bool counted_renew(struct selection *s, const struct matcher *const *ms, size_t n,
                          unix_ms from, unix_ms to)
{
    bool r = s->reader->renew(s, ms, n, from, to);

    seen.asked++;
    seen.renewed += r;
    return r;
}

static bool counted_newest(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                           unix_ms *t, double *v)
{
    bool r = s->reader->newest(s, i, from, to, t, v);

    seen.newest++;
    seen.at_hand += r;
    return r;
}

struct world {
    struct dice dice;
    struct storage *st;
    char *dir;
    struct series_reader reader, plain; /* with all it offers; who asks for the first time, and
                                           reads every sample */
    unix_ms now;
    series_ref refs[SERIES]; /* 0: not made yet */
    struct selection *guest; /* of a query that takes long: what was cut is not freed meanwhile */
    struct promql_expr *exprs[ARRAY_LEN(questions)];
    struct promql_query *standing[ARRAY_LEN(questions)];
};

static void world_init(struct world *w, uint64_t seed)
{
    struct storage_options o = manual_options();
    struct err err = {0};

    o.retention_time = 0;
    *w = (struct world){.dice = {seed}, .dir = folder_new(), .now = T0};
    w->st = must_open(w->dir, &o, NULL);
    w->reader = *storage_reader(w->st);
    w->reader.renew = counted_renew;
    w->reader.newest = counted_newest;
    w->plain = *storage_reader(w->st);
    w->plain.newest = NULL;
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        if (promql_parse(str_c(questions[i]), NULL, &w->exprs[i], &err) < 0)
            fail_msg("%s: %s", questions[i], err.msg);
        w->standing[i] = promql_prepare(w->exprs[i], NULL);
    }
}

static void world_deinit(struct world *w)
{
    w->reader.release(w->guest);
    must_close(w->st); /* what stands is released after its storage */
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        promql_query_free(w->standing[i]);
        promql_expr_free(w->exprs[i]);
    }
    folder_remove(w->dir);
    free(w->dir);
}

static void make(struct world *w, size_t i)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    char no[16];

    snprintf(no, sizeof no, "%zu", i / 3);
    labels = labels_of("__name__", i % 7 == 6 ? "n" : "m", "job",
                       i % 3 == 0   ? "a"
                       : i % 3 == 1 ? "b"
                                    : "z",
                       "i", no, NULL);
    w->refs[i] = ref_of(w->st, labels);
}

static void append(struct world *w, size_t i)
{
    double v = dice_below(&w->dice, 12) == 0 ? stale_nan() : (double)dice_below(&w->dice, 100);
    unix_ms late = dice_below(&w->dice, 30) == 0 ? 2 * MINUTE : 0;

    if (w->refs[i] == 0)
        make(w, i);
    if (put(w->st, w->refs[i], w->now - late, v) == SAMPLE_UNKNOWN_REF) {
        make(w, i);
        put(w->st, w->refs[i], w->now, v);
    }
}

static void delete_some(struct world *w)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct err err = {0};
    char no[16];

    snprintf(no, sizeof no, "%u", (unsigned)dice_below(&w->dice, SERIES / 3));
    matcher_new(MATCH_EQ, STR("i"), str_c(no), &m, NULL);
    if (storage_delete(w->st, (const struct matcher *const *)&m, 1,
                       w->now - (unix_ms)dice_below(&w->dice, 10) * MINUTE, w->now, &err) < 0)
        fail_msg("delete: %s", err.msg);
}

/* Most steps are what most steps are in life: a sample each, nothing else. */
static void happen(struct world *w)
{
    size_t known = 1 + (size_t)((w->now - T0) / (5 * MINUTE)) % SERIES;

    w->now += 15 * SECOND;
    if (dice_below(&w->dice, 60) == 0)
        w->now += (unix_ms)dice_below(&w->dice, 90) * MINUTE;
    for (size_t i = 0; i < known; i++)
        if (dice_below(&w->dice, 25) != 0)
            append(w, i);
    if (dice_below(&w->dice, 25) == 0)
        append(w, dice_below(&w->dice, SERIES));
    if (dice_below(&w->dice, 40) == 0)
        delete_some(w);
    if (dice_below(&w->dice, 10) == 0)
        must_tick(w->st);
    if (dice_below(&w->dice, 30) == 0) {
        w->reader.release(w->guest);
        w->guest = w->guest ? NULL : pick(w->st, MATCH_EQ, "job", "a", T0, w->now);
    }
}

static void same_series(const char *question, const struct promql_series *a,
                        const struct promql_series *b)
{
    if (!label_set_eq(a->labels, b->labels))
        fail_msg("%s: other labels", question);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->values, b->values, a->n * sizeof *a->values);
    assert_memory_equal(a->times, b->times, a->n * sizeof *a->times);
}

static void ask_both(struct world *w, size_t i)
{
    CLEANUP(promql_result_freep) struct promql_result *again = NULL;
    CLEANUP(promql_result_freep) struct promql_result *first = NULL;
    unix_ms t = w->now - (dice_below(&w->dice, 4) == 0 ? MINUTE : 0);
    struct err err = {0};

    if (promql_query_instant(w->standing[i], &w->reader, t, &again, &err) < 0)
        fail_msg("standing %s: %s", questions[i], err.msg);
    if (promql_instant(w->exprs[i], &w->plain, NULL, t, &first, &err) < 0)
        fail_msg("%s: %s", questions[i], err.msg);
    if (again->n != first->n)
        fail_msg("%s at %lld: %zu series instead of %zu", questions[i], (long long)t, again->n,
                 first->n);
    for (size_t k = 0; k < first->n; k++)
        same_series(questions[i], &again->series[k], &first->series[k]);
}

static void a_standing_question_is_answered_like_a_new_one(void **state)
{
    struct storage_stats stats;
    uint64_t cuts = 0, removed = 0;

    seen = (struct renewals){0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world w;

        world_init(&w, seed);
        for (int step = 0; step < 400; step++) {
            happen(&w);
            for (size_t i = 0; i < ARRAY_LEN(questions); i++)
                if (dice_below(&w.dice, 3) != 0)
                    ask_both(&w, i);
        }
        storage_stats(w.st, &stats);
        cuts += stats.cuts;
        removed += stats.series_removed;
        world_deinit(&w);
    }
    print_message("# %zu of %zu renewed, %llu cuts, %llu series removed\n", seen.renewed,
                  seen.asked, (unsigned long long)cuts, (unsigned long long)removed);
    /* It was about something. */
    assert_true(cuts > 0 && removed > 0);
    assert_true(seen.renewed > seen.asked / 2 && seen.renewed < seen.asked);
    assert_true(seen.at_hand > seen.newest / 4 && seen.at_hand < seen.newest);
}

static void make_others(struct world *w, size_t n, const char *name)
{
    static unsigned made;

    for (size_t i = 0; i < n; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
        char no[16];

        snprintf(no, sizeof no, "%u", made++);
        labels = labels_of("__name__", name, "job", "a", "new", no, NULL);
        put(w->st, ref_of(w->st, labels), w->now, 1);
    }
}

/* A thousand series that come at once, as those of alerts do, do not concern who asks for others;
 * of one that does he is told. */
static void many_newcomers_of_other_names_are_no_reason_to_select_again(void **state)
{
    struct world w;

    world_init(&w, 5);
    w.now += MINUTE;
    append(&w, 0);
    append(&w, 1);
    w.now += 2 * MINUTE; /* so that both are there a minute ago, too */
    ask_both(&w, 1);
    for (int round = 0; round < 3; round++) {
        w.now += 15 * SECOND;
        append(&w, 0);
        make_others(&w, 1000, "other");
        seen = (struct renewals){0};
        ask_both(&w, 1);
        assert_int_equal(seen.asked, 1);
        assert_int_equal(seen.renewed, 1);
    }
    make_others(&w, 1, "m");
    seen = (struct renewals){0};
    ask_both(&w, 1);
    assert_int_equal(seen.renewed, 0);
    world_deinit(&w);
}

/* Nothing of what a parked selection saw is kept from being freed. */
static void a_parked_selection_holds_nothing_back(void **state)
{
    struct world w;
    struct storage_stats after;

    world_init(&w, 9);
    for (int step = 0; step < 8 * 60; step++) {
        w.now += MINUTE;
        append(&w, 0);
        append(&w, 1);
        if (step == 60)
            ask_both(&w, 1);
        if (step % 10 == 0)
            must_tick(w.st);
    }
    storage_stats(w.st, &after);
    assert_true(after.cuts > 1);
    /* At most three hours of two series, and what one turn lags behind. */
    assert_true(after.samples < (uint64_t)2 * 4 * 60);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standing_question_is_answered_like_a_new_one),
        cmocka_unit_test(many_newcomers_of_other_names_are_no_reason_to_select_again),
        cmocka_unit_test(a_parked_selection_holds_nothing_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
