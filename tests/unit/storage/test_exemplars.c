/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/extras.h"

#include <string.h>

#include "base/buf.h"
#include "storage/exemplars_priv.h"
#include "storage/families_priv.h"
#include "storage/storage_priv.h"

/* ---- the ring against a naive list --------------------------------------------------------- */

#define MODEL_SERIES 5
#define MODEL_LABELS 3

struct plain {
    size_t series;
    struct exemplar_row row;
};

/* All that were ever taken, oldest first: the ring has the last `max` of them. */
struct model {
    struct plain *v;
    size_t n, cap, max;
};

static size_t model_begin(const struct model *m)
{
    return m->n > m->max ? m->n - m->max : 0;
}

static const struct exemplar_row *model_newest(const struct model *m, size_t series)
{
    for (size_t i = m->n; i > model_begin(m); i--)
        if (m->v[i - 1].series == series)
            return &m->v[i - 1].row;
    return NULL;
}

static enum exemplar_verdict model_add(struct model *m, size_t series, const struct exemplar_row *e)
{
    const struct exemplar_row *newest = model_newest(m, series);

    if (newest && newest->v == e->v && newest->labels == e->labels &&
        (newest->t == e->t || (!newest->has_time && !e->has_time)))
        return EXEMPLAR_SAME;
    if (newest && (e->t < newest->t || (e->t == newest->t && e->v < newest->v)))
        return EXEMPLAR_OUT_OF_ORDER;
    if (newest && e->t == newest->t && e->v == newest->v &&
        label_set_stable_hash(e->labels) < label_set_stable_hash(newest->labels))
        return EXEMPLAR_OUT_OF_ORDER;
    *VEC_PUSH(m->v, m->n, m->cap) = (struct plain){series, *e};
    return EXEMPLAR_NEW;
}

struct walked {
    const struct model *m;
    const struct label_set *const *series;
    size_t i;
};

static void compare_with_model(const struct label_set *series, const struct exemplar_row *e,
                               void *arg)
{
    struct walked *w = arg;
    const struct plain *p = &w->m->v[w->i++];

    assert_true(label_set_eq(series, w->series[p->series]));
    assert_true(label_set_eq(e->labels, p->row.labels));
    assert_int_equal(e->t, p->row.t);
    assert_true(e->v == p->row.v);
    assert_int_equal(e->has_time, p->row.has_time);
}

static void the_ring_keeps_what_a_list_would(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, 1000};
    const struct label_set *series[MODEL_SERIES], *labels[MODEL_LABELS];
    struct dice d = {1};

    for (size_t i = 0; i < MODEL_SERIES; i++)
        series[i] = labels_of("__name__", "m", "s", (const char[]){(char)('a' + (int)i), 0}, NULL);
    for (size_t i = 0; i < MODEL_LABELS; i++)
        labels[i] = labels_of("trace", (const char[]){(char)('x' + (int)i), 0}, NULL);
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct model m = {.max = sizes[k]};
        struct exemplars x;

        exemplars_init(&x, sizes[k]);
        for (int i = 0; i < 2000; i++) {
            size_t s = dice_below(&d, dice_below(&d, MODEL_SERIES) + 1);
            struct exemplar_owner o = {series[s], label_set_stable_hash(series[s]),
                                       dice_below(&d, 2) ? (uint32_t)s + 1 : 0};
            struct exemplar_row e = {.labels = labels[dice_below(&d, MODEL_LABELS)],
                                     .t = i + (unix_ms)dice_below(&d, 8),
                                     .v = (double)dice_below(&d, 3),
                                     .has_time = dice_below(&d, 2)};
            struct walked w = {&m, series, 0};
            enum exemplar_verdict want = sizes[k] == 0 ? EXEMPLAR_OFF : model_add(&m, s, &e);

            assert_int_equal(exemplars_judge(&x, &o, &e), want);
            assert_int_equal(exemplars_add(&x, &o, &e), want);
            w.i = model_begin(&m);
            if (i % 50 == 0) {
                exemplars_walk(&x, compare_with_model, &w);
                assert_int_equal(w.i, m.n);
            }
        }
        exemplars_deinit(&x);
        free(m.v);
    }
    for (size_t i = 0; i < MODEL_SERIES; i++)
        label_set_unref(series[i]);
    for (size_t i = 0; i < MODEL_LABELS; i++)
        label_set_unref(labels[i]);
}

static void labels_may_have_128_characters_whatever_bytes_they_take(void **state)
{
    char text[300] = "";
    const struct label_set *series = labels_of("__name__", "m", NULL);
    const struct exemplar_owner o = {series, label_set_stable_hash(series), 0};
    struct exemplars x;

    exemplars_init(&x, 4);
    for (int characters = 123; characters <= 124; characters++) {
        const struct label_set *labels;

        text[0] = '\0';
        for (int i = 0; i < characters; i++)
            strcat(text, "é");
        labels = labels_of("trace", text, NULL); /* five characters more */
        assert_int_equal(
            exemplars_add(&x, &o, &(struct exemplar_row){.labels = labels, .t = characters}),
            characters == 123 ? EXEMPLAR_NEW : EXEMPLAR_TOO_LONG);
        label_set_unref(labels);
    }
    exemplars_deinit(&x);
    label_set_unref(series);
}

/* ---- families ------------------------------------------------------------------------------ */

static struct metric_metadata family(const char *name, enum metric_type t, const char *help)
{
    return (struct metric_metadata){str_c(name), t, str_c(help), STR("")};
}

static void the_newest_word_on_a_family_counts(void **state)
{
    struct families f;
    struct buf got = {0};
    struct metric_metadata m = family("b", METRIC_COUNTER, "first");

    families_init(&f);
    assert_true(families_is_news(&f, &m));
    families_tell(&f, &m);
    assert_false(families_is_news(&f, &m));
    m.help = STR("second");
    assert_true(families_is_news(&f, &m));
    families_tell(&f, &m);
    m = family("a", METRIC_GAUGE, "");
    m.unit = STR("bytes");
    families_tell(&f, &m);
    families_each(&f, (struct str){0}, write_family, &got);
    assert_string_equal(got.p, "a gauge '' 'bytes'\nb counter 'second' ''\n");
    buf_reset(&got);
    families_each(&f, STR("b"), write_family, &got);
    assert_string_equal(got.p, "b counter 'second' ''\n");
    buf_free(&got);
    families_deinit(&f);
}

static void of_too_many_families_those_go_that_nobody_told_for_longest(void **state)
{
    struct families f;
    struct buf got = {0};
    size_t bytes;

    families_init(&f);
    for (size_t i = 0; i < FAMILIES_MAX + 2; i++) {
        char name[16];
        struct metric_metadata m;

        snprintf(name, sizeof name, "f%zu", i);
        m = family(name, METRIC_GAUGE, "");
        families_tell(&f, &m);
        m = family("f0", METRIC_GAUGE, ""); /* is told again and again: it stays */
        assert_false(families_is_news(&f, &m));
    }
    assert_int_equal(families_count(&f, &bytes), FAMILIES_MAX);
    families_each(&f, STR("f0"), write_family, &got);
    families_each(&f, STR("f1"), write_family, &got);
    families_each(&f, STR("f2"), write_family, &got);
    families_each(&f, STR("f3"), write_family, &got);
    assert_string_equal(got.p, "f0 gauge '' ''\nf3 gauge '' ''\n");
    buf_free(&got);
    families_deinit(&f);
}

static void families_hold_so_many_bytes_and_cut_long_help(void **state)
{
    struct families f;
    char *help = mem_alloc(METADATA_HELP_MAX + 10);

    memset(help, 'h', METADATA_HELP_MAX + 10);
    families_init(&f);
    for (size_t i = 0; i < FAMILIES_BYTES_MAX / METADATA_HELP_MAX + 10; i++) {
        char name[16];
        struct metric_metadata m;

        snprintf(name, sizeof name, "f%zu", i);
        m = (struct metric_metadata){str_c(name), METRIC_GAUGE, str_n(help, METADATA_HELP_MAX + 10),
                                     STR("")};
        assert_true(families_is_news(&f, &m));
        families_tell(&f, &m);
        assert_false(families_is_news(&f, &m)); /* as it was cut */
        assert_true(f.bytes <= FAMILIES_BYTES_MAX);
        assert_int_equal(f.newest->m.help.len, METADATA_HELP_MAX);
    }
    assert_true(f.bytes > FAMILIES_BYTES_MAX - 2 * METADATA_HELP_MAX);
    families_deinit(&f);
    free(help);
}

/* ---- through the storage ------------------------------------------------------------------- */

static void put_extras(struct storage *st, size_t series, unix_ms t, double v, const char *trace,
                       const char *help)
{
    char name[8] = {(char)('a' + (int)series)};
    CLEANUP(label_set_unrefp)
    const struct label_set *ls = labels_of("__name__", "m", "s", name, NULL);
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("trace", trace, NULL);
    series_ref ref = ref_of(st, ls);
    const struct sample_row row = {.ref = ref, .t = t, .v = v};
    const struct exemplar_row e = {.ref = ref, .labels = labels, .t = t, .v = v};
    const struct metric_metadata m = family("m", METRIC_HISTOGRAM, help);
    const struct sample_batch b = {&row, 1, &e, 1, &m, 1};
    struct err err = {0};

    if (sample_sink_commit_batch(storage_sink(st), &b, COMMIT_SKIP_BAD, NULL, NULL, &err) < 0)
        fail_msg("commit: %s", err.msg);
}

struct extras_world {
    char *dir, *copy;
    struct storage_options o;
    struct storage *st;
    struct buf want, got, report;
};

static void setup_world(struct extras_world *w, size_t max)
{
    *w = (struct extras_world){.dir = folder_new(), .copy = folder_new(), .o = manual_options()};
    w->o.exemplars_max = max;
    w->st = must_open(w->dir, &w->o, NULL);
}

static void teardown_world(struct extras_world *w)
{
    must_close(w->st);
    folder_remove(w->dir);
    folder_remove(w->copy);
    free(w->dir);
    free(w->copy);
    buf_free(&w->want);
    buf_free(&w->got);
    buf_free(&w->report);
}

/* Killed at this moment and started, it knows what it knew. */
static void kill_and_compare(struct extras_world *w)
{
    struct storage *st;

    write_extras(w->st, &w->want);
    folder_copy(w->dir, w->copy);
    st = must_open(w->copy, &w->o, &w->report);
    write_extras(st, &w->got);
    must_close(st);
    assert_string_equal(w->got.p, w->want.p);
    assert_int_equal(w->report.len, 0);
}

static void what_was_committed_is_there_after_a_kill_and_after_an_image(void **state)
{
    struct extras_world w;
    struct err err = {0};

    setup_world(&w, 10);
    for (int i = 0; i < 100; i++) {
        const char trace[] = {(char)('A' + i % 26), (char)('a' + i / 26), 0};

        put_extras(w.st, (size_t)(i * 7 % 5), T0 + i, i, trace, i < 50 ? "early" : "late");
        if (i % 9 == 0)
            kill_and_compare(&w);
        if (i % 31 == 30) {
            assert_int_equal(storage_write_image(w.st, &err), 0);
            kill_and_compare(&w);
        }
        if (i % 37 == 36) { /* a proper end writes an image */
            write_extras(w.st, &w.want);
            must_close(w.st);
            w.st = must_open(w.dir, &w.o, &w.report);
            write_extras(w.st, &w.got);
            assert_string_equal(w.got.p, w.want.p);
        }
    }
    assert_non_null(strstr(w.want.p, "m histogram 'late' ''"));
    teardown_world(&w);
}

static void exemplars_of_new_series_do_not_take_each_other_s_labels(void **state)
{
    struct extras_world w;
    struct exemplar_row rows[20];
    struct sample_batch b = {.exemplars = rows, .n_exemplars = ARRAY_LEN(rows)};
    char last[64];
    struct err err = {0};
    size_t taken = 0;

    setup_world(&w, 100);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[2] = {(char)('a' + (int)i), 0};
        const struct label_set *ls = labels_of("__name__", "m", "s", name, NULL);

        rows[i] = (struct exemplar_row){.ref = ref_of(w.st, ls),
                                        .labels = labels_of("trace", name, NULL),
                                        .t = T0,
                                        .v = (double)i};
        label_set_unref(ls);
    }
    assert_int_equal(
        sample_sink_commit_batch(storage_sink(w.st), &b, COMMIT_SKIP_BAD, NULL, &taken, &err), 0);
    assert_int_equal(taken, ARRAY_LEN(rows));
    kill_and_compare(&w);
    snprintf(last, sizeof last, "s=\"t\"} [%lld 19 {trace=\"t\"}]", (long long)T0);
    assert_non_null(strstr(w.got.p, last));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        label_set_unref(rows[i].labels);
    teardown_world(&w);
}

static void a_page_that_says_nothing_new_writes_nothing(void **state)
{
    struct extras_world w;
    struct storage_stats before, after;

    setup_world(&w, 10);
    put_extras(w.st, 0, T0, 1, "x", "help");
    storage_stats(w.st, &before);
    put_extras(w.st, 0, T0, 1, "x", "help");
    storage_stats(w.st, &after);
    assert_int_equal(after.log_bytes, before.log_bytes);
    assert_int_equal(after.exemplars, 1);
    assert_int_equal(after.exemplars_appended, 1);
    put_extras(w.st, 0, T0, 1, "x", "other");
    storage_stats(w.st, &after);
    assert_true(after.log_bytes > before.log_bytes);
    teardown_world(&w);
}

static void of_a_family_told_twice_in_a_commit_the_last_word_is_kept_on_disk_too(void **state)
{
    struct extras_world w;
    const struct metric_metadata m[] = {family("m", METRIC_GAUGE, "other"),
                                        family("m", METRIC_HISTOGRAM, "help")};
    const struct sample_batch b = {.metadata = m, .n_metadata = ARRAY_LEN(m)};
    struct err err = {0};

    setup_world(&w, 10);
    put_extras(w.st, 0, T0, 1, "x", "help");
    assert_int_equal(
        sample_sink_commit_batch(storage_sink(w.st), &b, COMMIT_SKIP_BAD, NULL, NULL, &err), 0);
    kill_and_compare(&w);
    assert_non_null(strstr(w.got.p, "m histogram 'help' ''"));
    teardown_world(&w);
}

static void a_storage_that_keeps_none_takes_none_and_forgets_old_ones(void **state)
{
    struct extras_world w;

    setup_world(&w, 10);
    put_extras(w.st, 0, T0, 1, "x", "help");
    must_close(w.st);
    w.o.exemplars_max = 0;
    w.st = must_open(w.dir, &w.o, &w.report);
    put_extras(w.st, 0, T0 + 1, 1, "y", "help");
    write_extras(w.st, &w.got);
    assert_string_equal(w.got.p, "m histogram 'help' ''\n");
    teardown_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ring_keeps_what_a_list_would),
        cmocka_unit_test(labels_may_have_128_characters_whatever_bytes_they_take),
        cmocka_unit_test(the_newest_word_on_a_family_counts),
        cmocka_unit_test(of_too_many_families_those_go_that_nobody_told_for_longest),
        cmocka_unit_test(families_hold_so_many_bytes_and_cut_long_help),
        cmocka_unit_test(what_was_committed_is_there_after_a_kill_and_after_an_image),
        cmocka_unit_test(exemplars_of_new_series_do_not_take_each_other_s_labels),
        cmocka_unit_test(a_page_that_says_nothing_new_writes_nothing),
        cmocka_unit_test(of_a_family_told_twice_in_a_commit_the_last_word_is_kept_on_disk_too),
        cmocka_unit_test(a_storage_that_keeps_none_takes_none_and_forgets_old_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
