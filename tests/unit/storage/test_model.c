/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage against a model that anybody can see to be right: per series a sorted array. Random
 * commits of floats and histograms with good and bad rows, staleness markers, cuts, images, deletes, merges, clean and unclean restarts, old selections
 * kept open, snapshots; answers are equal all the time.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <string.h>

#include "model/histogram.h"
#include "model/sample.h"

#define SERIES_MAX 48
#define KEPT_MAX   3
#define TICK       (37 * SECOND)

struct model_series {
    struct label_set *labels;
    series_ref ref; /* 0: to be asked for */
    struct sample *samples;
    size_t n, cap;
    bool has_last;
    unix_ms last_t; /* newest in order */
    uint64_t last_bits;
};

struct kept {
    struct selection *selection;
    unix_ms from, to;
    size_t n;
    size_t counts[SERIES_MAX]; /* samples that each series had, by place in the selection */
    struct sample *samples[SERIES_MAX];
};

struct world {
    char *dir, *other;
    struct storage *st;
    struct storage_options o;
    struct dice dice;
    struct model_series series[SERIES_MAX];
    size_t n_series;
    unix_ms clock;
    unix_ms newest; /* of all in order; INT64_MIN: none */
    struct kept kept[KEPT_MAX];
};

/* ---- histograms ---------------------------------------------------------------------------- */

/* One series in five has histograms. Which one it is, is a number: the model keeps that in the place
 * of a value, the histogram has it as its sum. */
#define HISTOGRAM_ONE_IN 5
#define HISTOGRAMS       600

struct made {
    struct histogram h;
    struct histogram_span spans[2];
    double counts[4], bounds[3];
};

static bool has_histograms(size_t place)
{
    return place % HISTOGRAM_ONE_IN == HISTOGRAM_ONE_IN - 1;
}

/* Of whole counts, of others, with own bounds; layouts and kinds change now and then. */
static void make_histogram(struct made *m, double number)
{
    bool stale = is_stale(number);
    int k = stale ? 0 : (int)number, kind = k / 100 % 3;
    uint32_t n = kind == 2 ? 4 : 3;

    *m = (struct made){.spans = {{k / 50 % 2, 1}, {2, 2}}, .bounds = {0.5, 1, 2.5}};
    for (uint32_t i = 0; i < n; i++)
        m->counts[i] = k * (i + 1) + (kind == 1 ? 0.25 : 0);
    m->h = (struct histogram){.schema = kind == 2 ? HISTOGRAM_CUSTOM_SCHEMA : k / 300,
                              .hint = RESET_GAUGE,
                              .zero_threshold = kind == 2 ? 0 : 1e-3,
                              .zero_count = kind == 2 ? 0 : k,
                              .count = 20.0 * k + 1,
                              .sum = number,
                              .n_positive_spans = kind == 2 ? 1 : 2,
                              .n_positive = n,
                              .n_bounds = kind == 2 ? 3 : 0,
                              .positive_spans = m->spans,
                              .positive = m->counts,
                              .bounds = m->bounds};
    if (kind == 2)
        m->spans[0] = (struct histogram_span){0, 4};
    if (k / 10 % 2)
        histogram_make_integer(&m->h);
}

/* What the model has for a sample that was read. */
static double number_of(const struct columns *c, size_t i)
{
    const struct histogram *h = c->histograms ? c->histograms[i] : NULL;
    struct made m;

    if (!h || is_stale(h->sum))
        return h ? h->sum : c->values[i];
    make_histogram(&m, h->sum);
    assert_int_equal(h->schema, m.h.schema);
    assert_int_equal(h->kind, m.h.kind);
    assert_int_equal(h->hint, RESET_GAUGE);
    assert_true(h->zero_threshold == m.h.zero_threshold && h->zero_count == m.h.zero_count);
    assert_true(h->count == m.h.count);
    assert_int_equal(h->n_negative, 0);
    assert_int_equal(h->n_positive, m.h.n_positive);
    assert_int_equal(h->n_positive_spans, m.h.n_positive_spans);
    assert_int_equal(h->n_bounds, m.h.n_bounds);
    assert_memory_equal(h->positive, m.counts, h->n_positive * sizeof *h->positive);
    assert_memory_equal(h->positive_spans, m.spans, h->n_positive_spans * sizeof *m.spans);
    if (h->n_bounds > 0)
        assert_memory_equal(h->bounds, m.bounds, h->n_bounds * sizeof *h->bounds);
    return h->sum;
}

/* ---- the model ----------------------------------------------------------------------------- */

static void model_insert(struct model_series *s, unix_ms t, double v)
{
    size_t i = s->n;

    while (i > 0 && s->samples[i - 1].t >= t)
        i--;
    if (i < s->n && s->samples[i].t == t)
        return; /* the first one stays */
    (void)VEC_PUSH(s->samples, s->n, s->cap);
    memmove(s->samples + i + 1, s->samples + i, (s->n - 1 - i) * sizeof *s->samples);
    s->samples[i] = (struct sample){t, v};
}

static enum sample_verdict model_judge(const struct world *w, const struct model_series *s,
                                       unix_ms newest, unix_ms t, double v, bool *late)
{
    unix_ms valid = newest - HOUR, window = w->o.out_of_order_window;

    *late = false;
    if (window == 0 && t < valid)
        return SAMPLE_OUT_OF_BOUNDS;
    if (t >= valid) {
        if (!s->has_last || t > s->last_t)
            return SAMPLE_STORED;
        if (t == s->last_t)
            return double_bits(v) == s->last_bits ? SAMPLE_SAME : SAMPLE_DUPLICATE;
    }
    *late = true;
    if (window > 0)
        return t >= newest - window ? SAMPLE_STORED : SAMPLE_TOO_OLD;
    return t < valid ? SAMPLE_OUT_OF_BOUNDS : SAMPLE_OUT_OF_ORDER;
}

/* ---- steps --------------------------------------------------------------------------------- */

static void ask_for_refs(struct world *w)
{
    for (size_t i = 0; i < w->n_series; i++)
        if (w->series[i].ref == 0)
            w->series[i].ref = ref_of(w->st, w->series[i].labels);
}

static void new_series(struct world *w)
{
    char a[16], b[16];

    if (w->n_series == SERIES_MAX)
        return;
    snprintf(a, sizeof a, "%zu", w->n_series);
    snprintf(b, sizeof b, "%zu", w->n_series % 5);
    w->series[w->n_series++].labels = labels_of("__name__", "m", "i", a, "mod", b, NULL);
}

static void commit_some(struct world *w)
{
    struct sample_row rows[96];
    struct made made[96];
    enum sample_verdict want[96], got[96];
    size_t place[96], n = 1 + dice_below(&w->dice, 96);
    unix_ms newest = w->newest, first_newest;
    struct err err = {0};
    bool late;

    ask_for_refs(w);
    w->clock += dice_below(&w->dice, 4) * TICK;
    for (size_t i = 0; i < n; i++) {
        unix_ms back = dice_below(&w->dice, 8) == 0 /* to a time where there may be a sample */
                           ? (unix_ms)dice_below(&w->dice, 3 * HOUR / TICK) * TICK
                           : 0;

        place[i] = dice_below(&w->dice, w->n_series);
        rows[i] = (struct sample_row){w->series[place[i]].ref,
                                      w->clock - back + (unix_ms)(i / 16) * SECOND,
                                      dice_value(&w->dice), NULL};
        if (place[i] % 3 == 0 &&
            w->series[place[i]].has_last) /* two kinds of series there are most of */
            rows[i].v = double_of_bits(w->series[place[i]].last_bits) +
                        (place[i] % 2 && dice_below(&w->dice, 20) == 0);
        if (has_histograms(place[i]))
            rows[i].v = (double)dice_below(&w->dice, HISTOGRAMS);
        if (dice_below(&w->dice, 20) == 0)
            rows[i].v = stale_nan();
        if (dice_below(&w->dice, 10) == 0 && w->series[place[i]].has_last) {
            rows[i].t = w->series[place[i]].last_t;
            rows[i].v = double_of_bits(w->series[place[i]].last_bits);
        }
        if (has_histograms(place[i])) {
            make_histogram(&made[i], rows[i].v);
            rows[i].h = &made[i].h;
        }
    }
    first_newest = newest == INT64_MIN ? rows[0].t : newest;
    for (size_t i = 0; i < n; i++) {
        struct model_series *s = &w->series[place[i]];

        want[i] = model_judge(w, s, first_newest, rows[i].t, rows[i].v, &late);
        if (want[i] != SAMPLE_STORED)
            continue;
        model_insert(s, rows[i].t, rows[i].v);
        if (late)
            continue;
        s->has_last = true;
        s->last_t = rows[i].t;
        s->last_bits = double_bits(rows[i].v);
        if (rows[i].t > w->newest)
            w->newest = rows[i].t;
    }
    if (commit(w->st, rows, n, COMMIT_SKIP_BAD, got, &err) < 0)
        fail_msg("commit: %s", err.msg);
    for (size_t i = 0; i < n; i++) {
        if (got[i] == SAMPLE_UNKNOWN_REF) /* removed since: its samples are all in blocks */
            fail_msg("a reference that was asked for just now is unknown");
        if (got[i] != want[i])
            fail_msg("row %zu: verdict %d, should be %d", i, got[i], want[i]);
    }
}

static bool in_model(const struct world *w, const struct label_set *labels, size_t *ret)
{
    for (size_t i = 0; i < w->n_series; i++)
        if (label_set_eq(w->series[i].labels, labels)) {
            *ret = i;
            return true;
        }
    return false;
}

static void compare_samples(const struct sample *want, size_t n, const struct columns *got,
                            const char *what)
{
    if (got->n != n)
        fail_msg("%s: %zu samples, should be %zu", what, got->n, n);
    for (size_t i = 0; i < n; i++)
        if (got->times[i] != want[i].t || double_bits(number_of(got, i)) != double_bits(want[i].v))
            fail_msg("%s: sample %zu differs", what, i);
}

static bool matches(const struct model_series *s, enum matcher_type type, const char *name,
                    const char *value)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;

    assert_int_equal(matcher_new(type, str_c(name), str_c(value), &m, NULL), 0);
    return matcher_matches_set(m, s->labels);
}

static void query_in(struct world *w, struct storage *st)
{
    static const struct {
        enum matcher_type type;
        const char *name, *value;
    } questions[] = {
        {MATCH_EQ, "__name__", "m"}, {MATCH_EQ, "mod", "3"},     {MATCH_NE, "mod", "1"},
        {MATCH_RE, "i", "1|2|3|44"}, {MATCH_RE, "i", ".*7"},     {MATCH_NRE, "i", "1.*"},
        {MATCH_EQ, "absent", ""},    {MATCH_RE, "absent", ".+"}, {MATCH_NRE, "mod", "0|4"},
    };
    size_t q = dice_below(&w->dice, ARRAY_LEN(questions)), n = 0;
    unix_ms to = w->clock - (unix_ms)dice_below(&w->dice, 6 * HOUR);
    unix_ms from = to - (unix_ms)dice_below(&w->dice, 8 * HOUR);
    struct selection *s;
    struct columns c = {0};
    bool seen[SERIES_MAX] = {false};

    if (dice_below(&w->dice, 3) == 0) {
        from = INT64_MIN;
        to = INT64_MAX;
    }
    s = pick(st, questions[q].type, questions[q].name, questions[q].value, from, to);
    for (size_t i = 0; i < s->n; i++) {
        struct model_series *m;
        size_t place = 0, low = 0, high;

        if (!in_model(w, s->labels[i], &place))
            fail_msg("a series that nobody made");
        m = &w->series[place];
        assert_true(matches(m, questions[q].type, questions[q].name, questions[q].value));
        if (i > 0)
            assert_true(label_set_cmp(s->labels[i - 1], s->labels[i]) < 0);
        seen[place] = true;
        while (low < m->n && m->samples[low].t < from)
            low++;
        high = low;
        while (high < m->n && m->samples[high].t <= to)
            high++;
        read_series(s, i, from, to, &c);
        compare_samples(m->samples + low, high - low, &c, "query");
    }
    for (size_t i = 0; i < w->n_series; i++) {
        const struct model_series *m = &w->series[i];

        for (n = 0; n < m->n && !seen[i]; n++)
            if (m->samples[n].t >= from && m->samples[n].t <= to &&
                matches(m, questions[q].type, questions[q].name, questions[q].value))
                fail_msg("a series is missing");
    }
    columns_deinit(&c);
    s->reader->release(s);
}

static void query(struct world *w)
{
    query_in(w, w->st);
}

/* A snapshot answers as the storage does at this moment. */
static void snapshot(struct world *w)
{
    struct storage_options o = w->o;
    struct buf name = {0}, path = {0};
    struct err err = {0};
    struct storage *st;

    if (storage_snapshot(w->st, false, &name, &err) < 0)
        fail_msg("snapshot: %s", err.msg);
    buf_addf(&path, "%s/snapshots/%s/tsdb", w->dir, name.p);
    st = must_open(path.p, &o, NULL);
    for (int i = 0; i < 8; i++)
        query_in(w, st);
    must_close(st);
    buf_reset(&path);
    buf_addf(&path, "%s/snapshots", w->dir);
    folder_remove(path.p);
    buf_free(&path);
    buf_free(&name);
}

/* ---- deletes ------------------------------------------------------------------------------- */

static void model_delete(struct model_series *s, unix_ms from, unix_ms to)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->samples[i].t < from || s->samples[i].t > to)
            s->samples[kept++] = s->samples[i];
    s->n = kept;
}

/* A few series and hours most of the time, all of it sometimes. */
static void delete_some(struct world *w)
{
    static const char *const names[] = {"i", "mod", "__name__"};
    static const char *const values[] = {"7", "3|[12][0-9]", "m"};
    size_t k = dice_below(&w->dice, 12) == 0 ? 2 : dice_below(&w->dice, 2);
    const char *value = k == 0 && dice_below(&w->dice, 2) ? values[1] : values[k];
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    unix_ms to = w->clock - (unix_ms)dice_below(&w->dice, 9 * HOUR);
    unix_ms from = to - (unix_ms)dice_below(&w->dice, 4 * HOUR);
    struct err err = {0};

    if (dice_below(&w->dice, 4) == 0)
        to = INT64_MAX;
    if (dice_below(&w->dice, 8) == 0)
        from = INT64_MIN;
    assert_int_equal(matcher_new(MATCH_RE, str_c(names[k]), str_c(value), &m, NULL), 0);
    if (storage_delete(w->st, (const struct matcher *const *)&m, 1, from, to, &err) < 0)
        fail_msg("delete: %s", err.msg);
    for (size_t i = 0; i < w->n_series; i++)
        if (matcher_matches_set(m, w->series[i].labels))
            model_delete(&w->series[i], from, to);
}

static void clean(struct world *w)
{
    struct err err = {0};

    if (storage_clean_tombstones(w->st, &err) < 0)
        fail_msg("clean: %s", err.msg);
}

/* ---- selections that are kept: what they show does not change ------------------------------ */

static void kept_release(struct kept *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->samples[i]);
    if (k->selection)
        k->selection->reader->release(k->selection);
    *k = (struct kept){0};
}

static void keep(struct world *w)
{
    struct kept *k = &w->kept[dice_below(&w->dice, KEPT_MAX)];
    struct columns c = {0};

    kept_release(k);
    k->from = INT64_MIN;
    k->to = INT64_MAX;
    k->selection = pick(w->st, MATCH_EQ, "__name__", "m", k->from, k->to);
    k->n = k->selection->n;
    for (size_t i = 0; i < k->n; i++) {
        read_series(k->selection, i, k->from, k->to, &c);
        k->counts[i] = c.n;
        k->samples[i] = mem_array(c.n, sizeof **k->samples);
        for (size_t j = 0; j < c.n; j++)
            k->samples[i][j] = (struct sample){c.times[j], number_of(&c, j)};
    }
    columns_deinit(&c);
}

static void look_at_kept(struct world *w)
{
    struct kept *k = &w->kept[dice_below(&w->dice, KEPT_MAX)];
    struct columns c = {0};

    for (size_t i = 0; i < k->n; i++) {
        read_series(k->selection, i, k->from, k->to, &c);
        compare_samples(k->samples[i], k->counts[i], &c, "kept selection");
    }
    columns_deinit(&c);
}

/* ---- restarts ------------------------------------------------------------------------------ */

/* In a folder of the folder: snapshots are made beside it. */
static struct storage *open_in(struct world *w, struct buf *report)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/tsdb", w->dir);
    return must_open(path.p, &w->o, report);
}

static void reopen(struct world *w, bool clean)
{
    struct buf report = {0};

    for (size_t i = 0; i < KEPT_MAX; i++)
        kept_release(&w->kept[i]);
    if (!clean)
        folder_copy(w->dir, w->other);
    must_close(w->st);
    if (!clean) {
        char *dir = w->dir;

        w->dir = w->other;
        w->other = dir;
    }
    w->st = open_in(w, &report);
    assert_string_equal(report.p ? report.p : "", "");
    buf_free(&report);
    for (size_t i = 0; i < w->n_series; i++)
        w->series[i].ref = 0;
}

static void step(struct world *w)
{
    if (dice_below(&w->dice, 60) == 0)
        clean(w);
    if (dice_below(&w->dice, 100) == 0)
        snapshot(w);
    switch (dice_below(&w->dice, 40)) {
    case 0: reopen(w, true); break;
    case 1: reopen(w, false); break;
    case 2:
    case 3:
    case 4:
        must_tick(w->st);
        /* References may be gone now; senders ask again when they are told so, here always. */
        for (size_t i = 0; i < w->n_series; i++)
            w->series[i].ref = 0;
        break;
    case 5: new_series(w); break;
    case 6: keep(w); break;
    case 7: look_at_kept(w); break;
    case 8: w->clock += (unix_ms)dice_below(&w->dice, 40 * MINUTE / TICK) * TICK; break;
    case 9: delete_some(w); break;
    case 10:
    case 11:
    case 12: query(w); break;
    default: commit_some(w); break;
    }
}

static void run(uint64_t seed, dur_ms window, int steps)
{
    struct world w = {.dir = folder_new(),
                      .other = folder_new(),
                      .dice = {seed},
                      .clock = T0,
                      .newest = INT64_MIN};

    w.o = manual_options();
    w.o.out_of_order_window = window;
    for (int i = 0; i < 12; i++)
        new_series(&w);
    w.st = open_in(&w, NULL);
    for (int i = 0; i < steps; i++)
        step(&w);
    for (size_t i = 0; i < KEPT_MAX; i++)
        kept_release(&w.kept[i]);
    must_close(w.st);
    for (size_t i = 0; i < w.n_series; i++) {
        label_set_unref(w.series[i].labels);
        free(w.series[i].samples);
    }
    folder_remove(w.dir);
    folder_remove(w.other);
    free(w.dir);
    free(w.other);
}

static int steps_wanted(void)
{
    const char *s = getenv("TOCSIN_STEPS"); /* more, for whoever hunts something */

    return s ? atoi(s) : 300;
}

static void answers_are_those_of_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed, 0, steps_wanted());
}

static void answers_are_those_of_the_model_with_late_samples(void **state)
{
    for (uint64_t seed = 11; seed <= 13; seed++)
        run(seed, 2 * HOUR, steps_wanted());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_model),
        cmocka_unit_test(answers_are_those_of_the_model_with_late_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
