/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <errno.h>
#include <string.h>

#include "model/histogram.h"

struct world {
    char *dir;
    struct storage_options o;
    struct storage *st;
    struct label_set *a, *b;
    series_ref ref_a, ref_b;
};

static unix_ms at_t0(void *arg)
{
    return T0;
}

static void world_open(struct world *w)
{
    w->st = must_open(w->dir, &w->o, NULL);
    w->ref_a = ref_of(w->st, w->a);
    w->ref_b = ref_of(w->st, w->b);
}

static void world_init(struct world *w)
{
    *w = (struct world){.dir = folder_new(), .o = manual_options()};
    w->a = labels_of("__name__", "a", "job", "x", NULL);
    w->b = labels_of("__name__", "b", "job", "x", NULL);
    world_open(w);
}

static void world_deinit(struct world *w)
{
    if (w->st)
        must_close(w->st);
    label_set_unref(w->a);
    label_set_unref(w->b);
    folder_remove(w->dir);
    free(w->dir);
}

static void world_reopen(struct world *w)
{
    must_close(w->st);
    world_open(w);
}

/* The samples of series `name` as text: "t0+5=1 t0+7=2". */
static const char *shown(struct storage *st, const char *name, unix_ms from, unix_ms to)
{
    static char text[4096];
    struct selection *s = pick(st, MATCH_EQ, "__name__", name, from, to);
    struct columns c = {0};
    size_t len = 0;

    text[0] = '\0';
    assert_true(s->n <= 1);
    if (s->n == 1)
        read_series(s, 0, from, to, &c);
    for (size_t i = 0; i < c.n; i++) {
        if (c.histograms && c.histograms[i])
            len += (size_t)snprintf(text + len, sizeof text - len, "%lld=h%g ",
                                    (long long)(c.times[i] - T0), c.histograms[i]->sum);
        else
            len += (size_t)snprintf(text + len, sizeof text - len, "%lld=%g ",
                                    (long long)(c.times[i] - T0), c.values[i]);
    }
    columns_deinit(&c);
    s->reader->release(s);
    return text;
}

/* ---- what is taken and what is not --------------------------------------------------------- */

struct given {
    unix_ms t;
    double v;
    enum sample_verdict verdict;
};

static void judge_all(const struct given *g, size_t n, dur_ms window, unix_ms (*now)(void *arg))
{
    for (int restarts = 0; restarts < 2; restarts++) { /* the rules are the same after a restart */
        struct world w;

        world_init(&w);
        w.o.out_of_order_window = window;
        w.o.now = now;
        world_reopen(&w);
        for (size_t i = 0; i < n; i++) {
            enum sample_verdict got = put(w.st, w.ref_a, g[i].t, g[i].v);

            if (got != g[i].verdict)
                fail_msg("sample %zu: verdict %d, should be %d", i, got, g[i].verdict);
            if (restarts)
                world_reopen(&w);
        }
        world_deinit(&w);
    }
}

static void samples_are_judged_as_prometheus_does(void **state)
{
    const struct given cases[] = {
        {T0, 1, SAMPLE_STORED},
        {T0, 1, SAMPLE_SAME},
        {T0, 2, SAMPLE_DUPLICATE},
        {T0 - 1, 1, SAMPLE_OUT_OF_ORDER},
        {T0 - HOUR, 1, SAMPLE_OUT_OF_ORDER},
        {T0 - HOUR - 1, 1, SAMPLE_OUT_OF_BOUNDS},
        {T0 + 1, stale_nan(), SAMPLE_STORED},
        {T0 + 1, stale_nan(), SAMPLE_SAME},
        {T0 + 1, double_of_bits(NORMAL_NAN_BITS), SAMPLE_DUPLICATE},
        {T0 + 2, 0.0, SAMPLE_STORED},
        {T0 + 2, -0.0, SAMPLE_DUPLICATE}, /* other bits */
        {T0 + 3, 1, SAMPLE_STORED},
        {INT64_MIN, 1, SAMPLE_OUT_OF_BOUNDS},
        {INT64_MAX, 1, SAMPLE_TOO_NEW},
        {T0 + 10 * HOUR, 1, SAMPLE_STORED},
        {T0 + 4, 1, SAMPLE_OUT_OF_BOUNDS}, /* now far behind */
    };

    judge_all(cases, ARRAY_LEN(cases), 0, far_future);
}

static void late_samples_are_taken_within_the_window(void **state)
{
    const struct given cases[] = {
        {T0, 1, SAMPLE_STORED},
        {T0 - 1, 1, SAMPLE_STORED},
        {T0 - 2 * HOUR, 1, SAMPLE_STORED},
        {T0 - 2 * HOUR - 1, 1, SAMPLE_TOO_OLD},
        {T0, 2, SAMPLE_DUPLICATE},
        {T0, 1, SAMPLE_SAME},
        {T0 + HOUR, 1, SAMPLE_STORED},
        {T0 - 2 * HOUR, 1, SAMPLE_TOO_OLD},
    };

    judge_all(cases, ARRAY_LEN(cases), 2 * HOUR, far_future);
}

static void samples_ahead_of_the_clock_are_refused(void **state)
{
    const struct given cases[] = {
        {T0 + 10 * MINUTE + 1, 1, SAMPLE_TOO_NEW},
        {T0 + 10 * MINUTE, 1, SAMPLE_STORED},
    };

    judge_all(cases, ARRAY_LEN(cases), 0, at_t0);
}

static void a_commit_of_many_rows_judges_them_one_after_the_other(void **state)
{
    struct world w;
    enum sample_verdict got[9];
    struct err err = {0};

    world_init(&w);
    const struct sample_row rows[9] = {
        {w.ref_a, T0, 1, NULL},     {w.ref_b, T0, 5, NULL},     {w.ref_a, T0 + 2, 2, NULL},
        {w.ref_a, T0 + 1, 3, NULL}, {w.ref_b, T0, 5, NULL},     {w.ref_b, T0, 6, NULL},
        {12345, T0, 1, NULL},       {w.ref_a, T0 + 2, 2, NULL}, {w.ref_a, T0 + 3, 4, NULL},
    };
    static const enum sample_verdict want[9] = {
        SAMPLE_STORED,    SAMPLE_STORED,      SAMPLE_STORED, SAMPLE_OUT_OF_ORDER, SAMPLE_SAME,
        SAMPLE_DUPLICATE, SAMPLE_UNKNOWN_REF, SAMPLE_SAME,   SAMPLE_STORED,
    };

    assert_int_equal(commit(w.st, rows, 9, COMMIT_SKIP_BAD, got, &err), 0);
    for (int i = 0; i < 9; i++)
        assert_int_equal(got[i], want[i]);
    assert_string_equal(shown(w.st, "a", INT64_MIN, INT64_MAX), "0=1 2=2 3=4 ");
    assert_string_equal(shown(w.st, "b", INT64_MIN, INT64_MAX), "0=5 ");
    world_deinit(&w);
}

static void all_or_nothing_stores_nothing_when_one_row_is_bad(void **state)
{
    struct world w;
    enum sample_verdict got[3];
    struct err err = {0};

    world_init(&w);
    assert_int_equal(put(w.st, w.ref_b, T0, 5), SAMPLE_STORED);
    const struct sample_row rows[3] = {
        {w.ref_a, T0, 1, NULL},
        {w.ref_b, T0, 5, NULL}, /* the same again is not bad */
        {w.ref_b, T0 - 1, 5, NULL},
    };

    assert_int_equal(commit(w.st, rows, 3, COMMIT_ALL_OR_NOTHING, got, &err), -EINVAL);
    assert_int_equal(got[2], SAMPLE_OUT_OF_ORDER);
    assert_non_null(strstr(err.msg, "sample 3 of 3: out of order"));
    assert_string_equal(shown(w.st, "a", INT64_MIN, INT64_MAX), "");
    assert_int_equal(commit(w.st, rows, 2, COMMIT_ALL_OR_NOTHING, got, &err), 0);
    assert_string_equal(shown(w.st, "a", INT64_MIN, INT64_MAX), "0=1 ");
    assert_int_equal(commit(w.st, rows, 0, COMMIT_ALL_OR_NOTHING, NULL, &err), 0);
    world_deinit(&w);
}

static void a_reference_is_the_same_for_the_same_labels(void **state)
{
    struct world w;
    CLEANUP(label_set_unrefp)
    const struct label_set *again = labels_of("job", "x", "__name__", "a", NULL);
    CLEANUP(label_set_unrefp) const struct label_set *empty = label_set_empty();
    const struct sample_sink *sink;
    struct err err = {0};
    series_ref ref;

    world_init(&w);
    sink = storage_sink(w.st);
    assert_int_equal(ref_of(w.st, again), w.ref_a);
    assert_int_not_equal(w.ref_a, w.ref_b);
    assert_int_equal(sink->series(sink->self, empty, &ref, &err), -EINVAL);
    world_deinit(&w);
}

static void the_budget_of_series_is_kept(void **state)
{
    struct world w;
    CLEANUP(label_set_unrefp) const struct label_set *third = labels_of("__name__", "c", NULL);
    const struct sample_sink *sink;
    struct err err = {0};
    series_ref ref = 77;

    world_init(&w);
    w.o.series_budget = 2;
    world_reopen(&w);
    sink = storage_sink(w.st);
    assert_int_equal(sink->series(sink->self, third, &ref, &err), -ENOSPC);
    assert_int_equal(ref, 77);
    assert_int_equal(ref_of(w.st, w.a), w.ref_a); /* those that are there go on */
    world_deinit(&w);
}

/* ---- histograms ---------------------------------------------------------------------------- */

static void histograms_and_floats_of_one_series_come_back_in_order(void **state)
{
    static const struct histogram_span span = {0, 2};
    static const double buckets[] = {3, 4};
    struct histogram h = {.schema = 2,
                          .count = 7,
                          .sum = 1.5,
                          .n_positive_spans = 1,
                          .positive_spans = &span,
                          .n_positive = 2,
                          .positive = buckets};
    struct histogram other = h;
    struct world w;
    struct err err = {0};
    enum sample_verdict got[7];

    world_init(&w);
    other.sum = 2.5;
    const struct sample_row rows[7] = {
        {w.ref_a, T0, 1, NULL},     {w.ref_a, T0 + 1, 0, &h},
        {w.ref_a, T0 + 1, 0, &h},   {w.ref_a, T0 + 1, 0, &other},
        {w.ref_a, T0 + 1, 9, NULL}, {w.ref_a, T0 + 2, stale_nan(), NULL},
        {w.ref_a, T0 + 3, 4, NULL},
    };
    static const enum sample_verdict want[7] = {SAMPLE_STORED,    SAMPLE_STORED,    SAMPLE_SAME,
                                                SAMPLE_DUPLICATE, SAMPLE_DUPLICATE, SAMPLE_STORED,
                                                SAMPLE_STORED};

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 7 && round == 0; i++)
            assert_int_equal(commit(w.st, &rows[i], 1, COMMIT_SKIP_BAD, &got[i], &err), 0);
        for (int i = 0; i < 7 && round == 0; i++)
            assert_int_equal(got[i], want[i]);
        /* A float staleness marker after a histogram is a stale histogram. */
        assert_string_equal(shown(w.st, "a", INT64_MIN, INT64_MAX), "0=1 1=h1.5 2=hnan 3=4 ");
        world_reopen(&w);
    }
    world_deinit(&w);
}

static void a_staleness_marker_is_of_the_kind_of_what_it_ends(void **state)
{
    struct histogram h = {.schema = 2, .count = 7, .zero_count = 7, .sum = 1.5};
    struct world w;
    struct err err = {0};
    struct selection *s;
    struct columns c = {0};

    for (int kind = 0; kind < 2; kind++)
        for (int apart = 0; apart < 2; apart++) { /* in one commit, in one each */
            const struct sample_row *row;

            world_init(&w);
            h.kind = kind ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT;
            const struct sample_row rows[2] = {{w.ref_a, T0, 0, &h},
                                               {w.ref_a, T0 + 1, stale_nan(), NULL}};

            row = rows;
            assert_int_equal(commit(w.st, row, apart ? 1 : 2, COMMIT_SKIP_BAD, NULL, &err), 0);
            if (apart)
                assert_int_equal(commit(w.st, row + 1, 1, COMMIT_SKIP_BAD, NULL, &err), 0);
            world_reopen(&w);
            s = pick(w.st, MATCH_EQ, "__name__", "a", INT64_MIN, INT64_MAX);
            read_series(s, 0, INT64_MIN, INT64_MAX, &c);
            assert_int_equal(c.n, 2);
            for (size_t i = 0; i < 2; i++)
                assert_int_equal(c.histograms[i]->kind, h.kind);
            assert_true(is_stale(c.histograms[1]->sum));
            s->reader->release(s);
            world_deinit(&w);
        }
    columns_deinit(&c);
}

static void histograms_survive_cuts_and_restarts(void **state)
{
    static const struct histogram_span span = {0, 2};
    double buckets[] = {3, 4};
    struct histogram h = {.schema = 2,
                          .n_positive_spans = 1,
                          .positive_spans = &span,
                          .n_positive = 2,
                          .positive = buckets};
    struct world w;
    struct err err = {0};
    struct selection *s;
    struct columns c = {0};
    char *crashed = folder_new();
    int n = 5 * 60;

    world_init(&w);
    for (int i = 0; i < n; i++) {
        struct sample_row row = {w.ref_a, T0 + i * MINUTE, 0, &h};
        enum sample_verdict v;

        buckets[0] = i;
        h.count = i + 4;
        h.sum = i * 0.5;
        assert_int_equal(commit(w.st, &row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
        assert_int_equal(v, SAMPLE_STORED);
        if (i % 50 == 20)
            must_tick(w.st);
        if (i % 100 == 99) {
            folder_copy(w.dir, crashed);
            world_reopen(&w);
            row.t -= 1;
            assert_int_equal(commit(w.st, &row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
            assert_int_equal(v, SAMPLE_OUT_OF_ORDER);
            row.t += 1;
            assert_int_equal(commit(w.st, &row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
            assert_int_equal(v, SAMPLE_SAME);
        }
    }
    s = pick(w.st, MATCH_EQ, "__name__", "a", INT64_MIN, INT64_MAX);
    assert_int_equal(s->n, 1);
    read_series(s, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(c.times[i], T0 + i * MINUTE);
        assert_non_null(c.histograms[i]);
        assert_true(c.histograms[i]->count == i + 4 && c.histograms[i]->positive[0] == i);
    }
    read_series(s, 0, T0 + 100 * MINUTE, T0 + 200 * MINUTE, &c); /* the columns are used again */
    assert_int_equal(c.n, 101);
    assert_true(c.histograms[0]->count == 104);
    columns_deinit(&c);
    s->reader->release(s);
    folder_remove(crashed);
    free(crashed);
    world_deinit(&w);
}

static void late_histograms_are_kept_in_the_head_and_in_blocks(void **state)
{
    static const struct histogram_span span = {0, 2};
    static const double buckets[] = {3, 4};
    struct histogram h = {.schema = 2,
                          .sum = 5,
                          .n_positive_spans = 1,
                          .positive_spans = &span,
                          .n_positive = 2,
                          .positive = buckets};
    struct world w;
    struct err err = {0};
    struct storage_stats stats;
    enum sample_verdict v;

    world_init(&w);
    w.o.out_of_order_window = 10 * HOUR;
    world_reopen(&w);
    put(w.st, w.ref_a, T0 + 9 * HOUR, 1);
    const struct sample_row row = {w.ref_a, T0 + 2 * HOUR + 5, 0, &h},
                            float_row = {w.ref_a, T0 + 6, 7, NULL};

    assert_int_equal(commit(w.st, &row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
    assert_int_equal(v, SAMPLE_STORED);
    assert_int_equal(commit(w.st, &float_row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
    for (int round = 0; round < 4; round++) {
        assert_string_equal(shown(w.st, "a", INT64_MIN, T0 + 9 * HOUR),
                            "6=7 7200005=h5 32400000=1 ");
        if (round == 1) {
            put(w.st, w.ref_a, T0 + 15 * HOUR, 1);
            must_tick(w.st);
            storage_stats(w.st, &stats);
            /* One of what came in order, two of what came late, which are merged. */
            assert_int_equal(stats.blocks + stats.merges, 3);
        }
        if (round != 1)
            world_reopen(&w);
    }
    world_deinit(&w);
}

static void a_sample_in_order_is_not_replaced_by_a_late_one_of_the_same_time(void **state)
{
    struct world w;
    struct storage_stats stats;

    world_init(&w);
    w.o.out_of_order_window = 10 * HOUR;
    world_reopen(&w);
    put(w.st, w.ref_a, T0 + 10, 1);
    for (int i = 1; i < 5; i++)
        put(w.st, w.ref_a, T0 + i * HOUR, 1);
    must_tick(w.st); /* the samples in order are in a block */
    assert_int_equal(put(w.st, w.ref_a, T0 + 5, 7), SAMPLE_STORED);
    assert_int_equal(put(w.st, w.ref_a, T0 + 10, 99), SAMPLE_STORED);
    assert_int_equal(put(w.st, w.ref_a, T0 + 5, 88), SAMPLE_STORED);
    assert_string_equal(shown(w.st, "a", T0, T0 + 20), "5=7 10=1 ");
    put(w.st, w.ref_a, T0 + 8 * HOUR, 1);
    must_tick(w.st); /* the late ones are in another block, which begins before that one */
    storage_stats(w.st, &stats);
    assert_true(stats.blocks + stats.merges > 1);
    assert_string_equal(shown(w.st, "a", T0, T0 + 20), "5=7 10=1 ");
    world_reopen(&w);
    assert_string_equal(shown(w.st, "a", T0, T0 + 20), "5=7 10=1 ");
    world_deinit(&w);
}

static void a_late_sample_that_comes_between_cut_and_clean_up_is_kept(void **state)
{
    struct world w;
    struct selection *s;

    world_init(&w);
    w.o.out_of_order_window = 10 * HOUR;
    world_reopen(&w);
    put(w.st, w.ref_a, T0, 1);
    put(w.st, w.ref_a, T0 + 4 * HOUR, 1);
    put(w.st, w.ref_a, T0 + 1, 2);
    s = pick(w.st, MATCH_EQ, "job", "x", INT64_MIN, INT64_MAX);
    must_tick(w.st); /* cut; what the selection shows stays in memory */
    put(w.st, w.ref_a, T0 + 2, 3);
    s->reader->release(s);
    must_tick(w.st);
    assert_string_equal(shown(w.st, "a", T0, T0 + HOUR), "0=1 1=2 2=3 ");
    world_reopen(&w);
    assert_string_equal(shown(w.st, "a", T0, T0 + HOUR), "0=1 1=2 2=3 ");
    world_deinit(&w);
}

/* ---- half commits -------------------------------------------------------------------------- */

static void a_selection_does_not_show_what_came_after_it(void **state)
{
    struct world w;
    struct selection *s;
    struct columns c = {0};

    world_init(&w);
    w.o.out_of_order_window = HOUR;
    world_reopen(&w);
    put(w.st, w.ref_a, T0, 1);
    put(w.st, w.ref_a, T0 - 5, 1);
    s = pick(w.st, MATCH_EQ, "job", "x", INT64_MIN, INT64_MAX);
    assert_int_equal(s->n, 1); /* b has no sample yet */
    put(w.st, w.ref_a, T0 + 1, 2);
    put(w.st, w.ref_a, T0 - 3, 2);
    put(w.st, w.ref_b, T0, 3);
    read_series(s, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.times[0], T0 - 5);
    assert_int_equal(c.times[1], T0);
    s->reader->release(s);
    assert_string_equal(shown(w.st, "a", INT64_MIN, INT64_MAX), "-5=1 -3=2 0=1 1=2 ");
    columns_deinit(&c);
    world_deinit(&w);
}

static void the_newest_sample_is_at_hand_until_another_one_comes(void **state)
{
    struct world w;
    struct selection *s;
    unix_ms t = 0;
    double v = 0;

    world_init(&w);
    for (int i = 0; i < 200; i++)
        put(w.st, w.ref_a, T0 + i, i);
    s = pick(w.st, MATCH_EQ, "job", "x", T0, T0 + 300);
    assert_true(s->reader->newest(s, 0, T0, T0 + 300, &t, &v));
    assert_true(t == T0 + 199 && v == 199);
    assert_true(s->reader->newest(s, 0, T0 + 199, T0 + 199, &t, &v));
    assert_false(s->reader->newest(s, 0, T0 + 200, T0 + 300, &t, &v));
    assert_false(s->reader->newest(s, 0, T0, T0 + 198, &t, &v));
    put(w.st, w.ref_a, T0 + 200, 200);
    assert_false(s->reader->newest(s, 0, T0, T0 + 300, &t, &v));
    s->reader->release(s);
    world_deinit(&w);
}

static void ranges_include_both_ends(void **state)
{
    struct world w;

    world_init(&w);
    for (int i = 0; i < 10; i++)
        put(w.st, w.ref_a, T0 + i, i);
    assert_string_equal(shown(w.st, "a", T0 + 3, T0 + 5), "3=3 4=4 5=5 ");
    assert_string_equal(shown(w.st, "a", T0 + 9, T0 + 99), "9=9 ");
    assert_string_equal(shown(w.st, "a", T0 + 10, T0 + 99), "");
    assert_string_equal(shown(w.st, "a", T0 - 9, T0 - 1), "");
    assert_string_equal(shown(w.st, "a", T0 - 9, T0), "0=0 ");
    world_deinit(&w);
}

static void very_many_series_are_selected_in_order_too(void **state)
{
    struct world w;
    struct selection *s;
    struct columns c = {0};
    enum { MANY = 20000 };
    struct sample_row *rows = mem_array(MANY, sizeof *rows);
    struct err err = {0};

    world_init(&w);
    for (int i = 0; i < MANY; i++) {
        char text[16];
        CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;

        snprintf(text, sizeof text, "%d", (int)((unsigned)i * 7919u % MANY));
        labels = labels_of("__name__", "many", "i", text, NULL);
        rows[i] = (struct sample_row){ref_of(w.st, labels), T0, (unsigned)i * 7919u % MANY, NULL};
    }
    assert_int_equal(commit(w.st, rows, MANY, COMMIT_ALL_OR_NOTHING, NULL, &err), 0);
    s = pick(w.st, MATCH_EQ, "__name__", "many", INT64_MIN, INT64_MAX);
    assert_int_equal(s->n, MANY);
    for (size_t i = 0; i < s->n; i++) {
        char text[16];

        assert_true(i == 0 || label_set_cmp(s->labels[i - 1], s->labels[i]) < 0);
        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        assert_int_equal(c.n, 1);
        snprintf(text, sizeof text, "%.0f", c.values[0]);
        assert_true(str_eq_c(label_set_get(s->labels[i], STR("i")), text));
    }
    columns_deinit(&c);
    s->reader->release(s);
    free(rows);
    world_deinit(&w);
}

/* ---- names and values ---------------------------------------------------------------------- */

static void join_text(struct str s, void *arg)
{
    struct buf *b = arg;

    buf_addf(b, STR_FMT " ", STR_ARG(s));
}

static const char *values_of(struct storage *st, const char *name, const char *job, unix_ms from,
                             unix_ms to)
{
    static char text[512];
    const struct series_reader *r = storage_reader(st);
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct buf b = {0};

    buf_add_c(&b, "");
    if (job)
        assert_int_equal(matcher_new(MATCH_EQ, STR("job"), str_c(job), &m, NULL), 0);
    if (name)
        r->label_values(r->self, str_c(name), (const struct matcher *const *)&m, job != NULL, from,
                        to, join_text, &b, NULL);
    else
        r->label_names(r->self, (const struct matcher *const *)&m, job != NULL, from, to, join_text,
                       &b, NULL);
    snprintf(text, sizeof text, "%s", b.p ? b.p : "");
    buf_free(&b);
    return text;
}

static void label_names_and_values_are_those_of_head_and_blocks(void **state)
{
    struct world w;
    CLEANUP(label_set_unrefp)
    const struct label_set *other = labels_of("__name__", "c", "job", "y", "zone", "1", NULL);

    world_init(&w);
    put(w.st, ref_of(w.st, other), T0, 1);
    for (int i = 0; i < 150; i++)
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
    must_tick(w.st); /* c is in a block only */
    put(w.st, w.ref_b, T0 + 300 * MINUTE, 1);
    assert_string_equal(values_of(w.st, NULL, NULL, INT64_MIN, INT64_MAX), "__name__ job zone ");
    assert_string_equal(values_of(w.st, NULL, "x", INT64_MIN, INT64_MAX), "__name__ job ");
    assert_string_equal(values_of(w.st, "job", NULL, INT64_MIN, INT64_MAX), "x y ");
    assert_string_equal(values_of(w.st, "__name__", NULL, INT64_MIN, INT64_MAX), "a b c ");
    assert_string_equal(values_of(w.st, "__name__", "x", INT64_MIN, INT64_MAX), "a b ");
    assert_string_equal(values_of(w.st, "__name__", "x", T0, T0 + HOUR), "a ");
    assert_string_equal(values_of(w.st, "job", NULL, T0 + 4 * HOUR, INT64_MAX), "x ");
    assert_string_equal(values_of(w.st, "nothing", NULL, INT64_MIN, INT64_MAX), "");
    assert_string_equal(values_of(w.st, "job", "nobody", INT64_MIN, INT64_MAX), "");
    world_deinit(&w);
}

/* ---- cuts, retention, clean-up ------------------------------------------------------------- */

static void blocks_are_cut_and_memory_stays_bounded(void **state)
{
    struct world w;
    struct storage_stats s;

    world_init(&w);
    storage_set_retention(w.st, 39 * HOUR, 0); /* nothing is merged to more than two hours */
    for (int i = 0; i < 30 * 60; i++) {
        assert_int_equal(put(w.st, w.ref_a, T0 + i * MINUTE, i), SAMPLE_STORED);
        if (i % 10 == 0)
            must_tick(w.st);
        storage_stats(w.st, &s);
        assert_true(s.samples <= 140 + 128);
    }
    assert_int_equal(s.blocks, 14);
    assert_int_equal(s.cuts, 28);
    assert_true(s.max_time - s.min_time <= 2 * HOUR);
    assert_int_equal(s.lowest_time, T0);
    assert_true(s.log_bytes < 20000); /* the log is cut with them */
    world_reopen(&w);
    storage_stats(w.st, &s);
    assert_int_equal(s.blocks, 14);
    assert_int_equal(s.lowest_time, T0);
    world_deinit(&w);
}

static void old_blocks_go_by_time_and_by_size(void **state)
{
    struct world w;
    struct storage_stats s;

    world_init(&w);
    storage_set_retention(w.st, 39 * HOUR, 0); /* nothing is merged to more than two hours */
    for (int i = 0; i < 30 * 60; i++) {
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
        if (i % 60 == 0)
            must_tick(w.st);
    }
    storage_stats(w.st, &s);
    assert_int_equal(s.blocks, 14); /* the last of one hour */
    storage_set_retention(w.st, 10 * HOUR, 0);
    must_tick(w.st);
    storage_stats(w.st, &s);
    assert_int_equal(s.blocks, 5);
    storage_set_retention(w.st, 19 * HOUR, s.log_bytes + s.image_bytes + s.block_bytes - 1);
    must_tick(w.st);
    storage_stats(w.st, &s);
    assert_int_equal(s.blocks, 4);
    world_reopen(&w);
    storage_stats(w.st, &s);
    assert_int_equal(s.blocks, 4);
    world_deinit(&w);
}

static void series_without_samples_leave_the_head_and_come_back_under_new_references(void **state)
{
    struct world w;
    struct storage_stats s;
    enum sample_verdict v = SAMPLE_STORED;
    struct err err = {0};

    world_init(&w);
    put(w.st, w.ref_b, T0, 1);
    for (int i = 0; i < 6 * 60; i++) {
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
        if (i % 60 == 0)
            must_tick(w.st);
    }
    storage_stats(w.st, &s);
    assert_int_equal(s.series, 1);
    assert_int_equal(s.series_removed, 1);
    assert_int_equal(s.label_pairs, 2);
    const struct sample_row row = {w.ref_b, T0 + 360 * MINUTE, 1, NULL};
    assert_int_equal(commit(w.st, &row, 1, COMMIT_SKIP_BAD, &v, &err), 0);
    assert_int_equal(v, SAMPLE_UNKNOWN_REF);
    w.ref_b = ref_of(w.st, w.b);
    assert_int_equal(put(w.st, w.ref_b, T0 + 360 * MINUTE, 2), SAMPLE_STORED);
    assert_string_equal(shown(w.st, "b", INT64_MIN, INT64_MAX), "0=1 21600000=2 ");
    world_reopen(&w);
    assert_string_equal(shown(w.st, "b", INT64_MIN, INT64_MAX), "0=1 21600000=2 ");
    world_deinit(&w);
}

static void a_long_query_keeps_what_it_shows(void **state)
{
    struct world w;
    struct selection *s;
    struct columns c = {0};

    world_init(&w);
    assert_int_equal(put(w.st, w.ref_b, T0, 1), SAMPLE_STORED);
    for (int i = 0; i < 200; i++)
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
    s = pick(w.st, MATCH_EQ, "job", "x", INT64_MIN, INT64_MAX);
    for (int i = 200; i < 1000; i++) {
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
        if (i % 60 == 0)
            must_tick(w.st);
    }
    read_series(s, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 200);
    read_series(s, 1, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 1);
    s->reader->release(s);
    columns_deinit(&c);
    must_tick(w.st);
    world_deinit(&w);
}

static void a_crash_between_a_cut_and_its_image_doubles_nothing(void **state)
{
    struct world w;
    struct storage_stats s;
    struct selection *sel;
    struct columns c = {0};
    char *before = folder_new(), from[300], to[300];

    world_init(&w);
    for (int i = 0; i < 150; i++)
        put(w.st, w.ref_a, T0 + i * MINUTE, i);
    folder_copy(w.dir, before);
    must_tick(w.st); /* cuts [T0, T0 + 1 h) */
    snprintf(from, sizeof from, "%s/blocks/00000001", w.dir);
    snprintf(to, sizeof to, "%s/blocks/00000001", before);
    assert_int_equal(rename(from, to),
                     0); /* the block is there, log and image are those before it */
    storage_close(w.st, NULL);
    w.st = must_open(before, &w.o, NULL);
    storage_stats(w.st, &s);
    assert_int_equal(s.samples, 90); /* the others are not brought back into memory */
    assert_int_equal(s.min_time, T0 + HOUR);
    sel = pick(w.st, MATCH_EQ, "__name__", "a", INT64_MIN, INT64_MAX);
    read_series(sel, 0, INT64_MIN, INT64_MAX, &c);
    assert_int_equal(c.n, 150);
    sel->reader->release(sel);
    columns_deinit(&c);
    must_close(w.st);
    w.st = NULL;
    folder_remove(before);
    free(before);
    world_deinit(&w);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static void a_folder_is_opened_once(void **state)
{
    struct world w;
    struct storage *second;
    struct err err = {0};

    world_init(&w);
    assert_int_equal(storage_open(w.dir, &w.o, &second, NULL, &err), -EBUSY);
    assert_non_null(strstr(err.msg, "in use"));
    w.o.fsync_interval = -1;
    assert_int_equal(storage_open(w.dir, &w.o, &second, NULL, &err), -EINVAL);
    world_deinit(&w);
}

static void the_labels_of_the_head_are_counted(void **state)
{
    struct world w;
    struct storage_cardinality c;
    CLEANUP(label_set_unrefp)
    const struct label_set *third = labels_of("__name__", "b", "job", "long value", NULL);

    world_init(&w);
    put(w.st, ref_of(w.st, third), T0, 1);
    storage_cardinality(w.st, 2, &c);
    assert_int_equal(c.n_series_by_metric, 2);
    assert_string_equal(c.series_by_metric[0].name, "b");
    assert_int_equal(c.series_by_metric[0].value, 2);
    assert_string_equal(c.series_by_metric[1].name, "a");
    assert_int_equal(c.n_values_by_name, 2);
    assert_int_equal(c.values_by_name[0].value, 2);
    assert_string_equal(c.bytes_by_name[0].name, "job");
    assert_int_equal(c.bytes_by_name[0].value, 12);
    assert_int_equal(c.n_series_by_pair, 2);
    assert_int_equal(c.series_by_pair[0].value, 2);
    storage_cardinality_free(&c);
    storage_cardinality(w.st, 0, &c);
    assert_int_equal(c.n_series_by_pair, 0);
    storage_cardinality_free(&c);
    world_deinit(&w);
}

static void refused_samples_are_counted_by_reason(void **state)
{
    struct world w;
    struct storage_stats s;

    world_init(&w);
    put(w.st, w.ref_a, T0, 1);
    put(w.st, w.ref_a, T0, 2);
    put(w.st, w.ref_a, T0 - 1, 2);
    put(w.st, w.ref_a, T0 - 2 * HOUR, 2);
    put(w.st, 999, T0, 2);
    storage_stats(w.st, &s);
    assert_int_equal(s.appended, 1);
    assert_int_equal(s.duplicate, 1);
    assert_int_equal(s.out_of_order, 1);
    assert_int_equal(s.out_of_bounds, 1);
    assert_int_equal(s.unknown_ref, 1);
    assert_int_equal(s.series, 2);
    assert_int_equal(s.symbols, 5);
    assert_string_equal(s.problem, "");
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_judged_as_prometheus_does),
        cmocka_unit_test(late_samples_are_taken_within_the_window),
        cmocka_unit_test(samples_ahead_of_the_clock_are_refused),
        cmocka_unit_test(a_commit_of_many_rows_judges_them_one_after_the_other),
        cmocka_unit_test(all_or_nothing_stores_nothing_when_one_row_is_bad),
        cmocka_unit_test(a_reference_is_the_same_for_the_same_labels),
        cmocka_unit_test(the_budget_of_series_is_kept),
        cmocka_unit_test(histograms_and_floats_of_one_series_come_back_in_order),
        cmocka_unit_test(a_staleness_marker_is_of_the_kind_of_what_it_ends),
        cmocka_unit_test(histograms_survive_cuts_and_restarts),
        cmocka_unit_test(late_histograms_are_kept_in_the_head_and_in_blocks),
        cmocka_unit_test(a_sample_in_order_is_not_replaced_by_a_late_one_of_the_same_time),
        cmocka_unit_test(a_late_sample_that_comes_between_cut_and_clean_up_is_kept),
        cmocka_unit_test(a_selection_does_not_show_what_came_after_it),
        cmocka_unit_test(the_newest_sample_is_at_hand_until_another_one_comes),
        cmocka_unit_test(ranges_include_both_ends),
        cmocka_unit_test(very_many_series_are_selected_in_order_too),
        cmocka_unit_test(label_names_and_values_are_those_of_head_and_blocks),
        cmocka_unit_test(blocks_are_cut_and_memory_stays_bounded),
        cmocka_unit_test(old_blocks_go_by_time_and_by_size),
        cmocka_unit_test(series_without_samples_leave_the_head_and_come_back_under_new_references),
        cmocka_unit_test(a_long_query_keeps_what_it_shows),
        cmocka_unit_test(a_crash_between_a_cut_and_its_image_doubles_nothing),
        cmocka_unit_test(a_folder_is_opened_once),
        cmocka_unit_test(the_labels_of_the_head_are_counted),
        cmocka_unit_test(refused_samples_are_counted_by_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
