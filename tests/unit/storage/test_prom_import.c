/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples from elsewhere: gathered in any order, read from OpenMetrics text.
 */
#include "tests/unit/storage/extras.h"

#include <errno.h>

#include "base/file.h"
#include "storage/gather_priv.h"
#include "storage/prom_extras_priv.h"

/* A folder, a storage in it, and what an import of a text said. */
struct scene {
    char *folder;
    struct storage *st;
    struct prom_counts counts;
    struct err err;
};

static void begin(struct scene *s)
{
    struct storage_options o = manual_options();
    struct buf path = {0};

    o.exemplars_max = STORAGE_EXEMPLARS_ALL;
    *s = (struct scene){.folder = folder_new()};
    buf_addf(&path, "%s/tsdb", s->folder);
    s->st = must_open(path.p, &o, NULL);
    buf_free(&path);
}

static void end(struct scene *s)
{
    must_close(s->st);
    folder_remove(s->folder);
    free(s->folder);
}

static int import_text(struct scene *s, struct str text, const struct prom_import_options *o)
{
    struct buf path = {0};
    int r;

    buf_addf(&path, "%s/text", s->folder);
    assert_int_equal(file_write_atomic(path.p, text, NULL), 0);
    s->counts = (struct prom_counts){0};
    s->err.msg[0] = '\0';
    r = prom_import_openmetrics(s->st, path.p, o, &s->counts, &s->err);
    buf_free(&path);
    return r;
}

/* All samples of the storage, one a line. */
static char *dump(const struct scene *s)
{
    struct selection *found = pick(s->st, MATCH_NE, "__name__", "", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    struct buf out = {0};

    for (size_t i = 0; i < found->n; i++) {
        read_series(found, i, INT64_MIN, INT64_MAX, &c);
        for (size_t k = 0; k < c.n; k++) {
            label_set_print(found->labels[i], &out);
            buf_addf(&out, " %g %lld\n", c.values[k], (long long)c.times[k]);
        }
    }
    columns_deinit(&c);
    found->reader->release(found);
    return buf_take(&out);
}

static void assert_dump(const struct scene *s, const char *expected)
{
    char *text = dump(s);

    assert_string_equal(text, expected);
    free(text);
}

static const struct prom_import_options plain;

/* ---- text
 * ----------------------------------------------------------------------------------
 */

static void samples_come_in_any_order(void **state)
{
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s,
                                 STR("# TYPE b gauge\n"
                                     "b{x=\"1\"} 3 30\nb{x=\"2\"} 1 10\nb{x=\"1\"} 1 10.5\n"
                                     "b{x=\"1\"} 2 20\na 4 5 # {t=\"x\"} 1 5\n# EOF\n"),
                                 &plain),
                     0);
    assert_dump(&s, "a 4 5000\nb{x=\"1\"} 1 10500\nb{x=\"1\"} 2 20000\nb{x=\"1\"} 3 30000\n"
                    "b{x=\"2\"} 1 10000\n");
    assert_int_equal(s.counts.blocks, 1);
    assert_int_equal(s.counts.series, 3);
    assert_int_equal(s.counts.samples, 5);
    end(&s);
}

static void what_is_there_stays_and_is_counted(void **state)
{
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s, STR("a 1 10\na 2 20\n# EOF\n"), &plain), 0);
    assert_int_equal(import_text(&s, STR("a 7 20\na 3 30\na 8 30\nb 1 20\n# EOF\n"), &plain), 0);
    assert_dump(&s, "a 1 10000\na 2 20000\na 3 30000\nb 1 20000\n");
    assert_int_equal(s.counts.samples, 2);
    assert_int_equal(s.counts.known, 2);
    assert_int_equal(import_text(&s, STR("a 1 10\nb 1 20\n# EOF\n"), &plain), 0);
    assert_int_equal(s.counts.samples, 0);
    assert_int_equal(s.counts.blocks, 0);
    assert_int_equal(s.counts.known, 2);
    end(&s);
}

static void a_faulty_file_is_refused_as_a_whole_with_its_line(void **state)
{
    static const struct {
        struct str text;
        const char *words;
    } cases[] = {
        {STR("a 1 10\na 2\n# EOF\n"), "/text:2: expected a time"},
        {STR("a 1 10\n\na{b=c} 2 20\n# EOF\n"), "/text:3: expected a label value"},
        {STR("a 1 10\n"), "/text:1: page does not end with # EOF"},
        {STR(""), "/text:0: page does not end with # EOF"},
        {STR("a 1 10\n# EOF\na 2 20\n"), "there is more after # EOF"},
        {STR("a 1 9e15\n# EOF\n"), "/text:1: the time is beyond"},
    };
    struct scene s;

    begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(import_text(&s, cases[i].text, &plain) < 0);
        if (!strstr(s.err.msg, cases[i].words))
            fail_msg("case %zu: %s", i, s.err.msg);
        assert_dump(&s, "");
    }
    end(&s);
}

static void a_label_is_put_on_every_series(void **state)
{
    const struct label labels[] = {{STR("site"), STR("north")}, {STR("x"), STR("new")}};
    const struct prom_import_options o = {.labels = labels, .n_labels = 2};
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s, STR("a{x=\"old\"} 1 1\nb 2 1\n# EOF\n"), &o), 0);
    assert_dump(&s, "a{site=\"north\", x=\"new\"} 1 1000\nb{site=\"north\", "
                    "x=\"new\"} 2 1000\n");
    end(&s);
}

static void a_dry_run_counts_and_stores_nothing(void **state)
{
    const struct prom_import_options o = {.dry_run = true};
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s, STR("a 1 10\n# EOF\n"), &plain), 0);
    assert_int_equal(import_text(&s, STR("a 1 10\na 1 20\n# EOF\n"), &o), 0);
    assert_int_equal(s.counts.samples, 1);
    assert_int_equal(s.counts.known, 1);
    assert_dump(&s, "a 1 10000\n");
    end(&s);
}

static void lines_are_counted_over_windows_and_bounds_stay_as_written(void **state)
{
    struct buf text = {0};
    struct scene s;
    char *all;
    const size_t n = 60000;

    begin(&s);
    buf_add_c(&text, "# TYPE a histogram\n");
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "a_bucket{le=\"%d\"} %zu %zu\n", i % 2 ? 1 : 2, i, i);
    assert_true(text.len > 3 << 19); /* more than one window */
    buf_add_c(&text, "x\n");
    assert_true(import_text(&s, buf_str(&text), &plain) < 0);
    assert_non_null(strstr(s.err.msg, "/text:60002: "));
    text.len -= 2;
    buf_add_c(&text, "# EOF\n");
    assert_int_equal(import_text(&s, buf_str(&text), &plain), 0);
    assert_int_equal(s.counts.series, 2);
    assert_int_equal(s.counts.samples, n);
    all = dump(&s);
    assert_non_null(strstr(all, "le=\"1\""));
    assert_null(strstr(all, "le=\"1.0\""));
    free(all);
    buf_add_c(&text, "\n");
    assert_true(import_text(&s, buf_str(&text), &plain) < 0);
    buf_free(&text);
    end(&s);
}

/* The first window ends behind # EOF. */
static void nothing_may_stand_in_the_window_behind_the_end(void **state)
{
    const size_t window = 1 << 20;
    struct buf text = {0};
    struct scene s;

    begin(&s);
    buf_add_c(&text, "a 1 1\n");
    while (text.len < window - 6)
        buf_add_byte(&text, '\n');
    buf_add_c(&text, "# EOF\n");
    assert_int_equal(import_text(&s, buf_str(&text), &plain), 0);
    buf_add_c(&text, "a 2 2\n");
    assert_int_equal(import_text(&s, buf_str(&text), &plain), -EINVAL);
    assert_non_null(strstr(s.err.msg, "there is more after # EOF"));
    buf_free(&text);
    end(&s);
}

static void a_line_without_end_takes_no_memory_for_ever(void **state)
{
    struct buf text = {0};
    struct scene s;

    begin(&s);
    buf_add_c(&text, "a 1 1\n");
    memset(buf_room(&text, 5 << 20), 'x', 5 << 20);
    text.len += 5 << 20;
    assert_int_equal(import_text(&s, buf_str(&text), &plain), -E2BIG);
    buf_free(&text);
    end(&s);
}

/* ---- besides samples
 * --------------------------------------------------------------------------------
 */

static const char extras[] =
    "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n# HELP h_seconds How \"long\"\\n?\n"
    "h_seconds_bucket{le=\"1\"} 1 10 # {trace=\"a\"} 0.5 9.25\n"
    "h_seconds_bucket{le=\"+Inf\"} 1 10 # {trace=\"b\"} 0.5\n"
    "h_seconds_bucket{le=\"1\"} 2 20 # {trace=\"c\"} 0.75 19\n"
    "h_seconds_bucket{le=\"1\"} 3 30 # {trace=\"of no time\"} 0.75 1e13\n"
    "# TYPE g gauge\ng 1 10\n# EOF\n";

static void exemplars_and_comments_of_a_text_are_kept(void **state)
{
    const struct label label = {STR("site"), STR("hz")};
    const struct prom_import_options o = {.labels = &label, .n_labels = 1};
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s, str_c(extras), &o), 0);
    assert_int_equal(s.counts.exemplars, 3);
    assert_int_equal(s.counts.families, 2);
    assert_extras(s.st, "h_seconds_bucket{le=\"+Inf\", site=\"hz\"} [10000 0.5 {trace=\"b\"}]\n"
                        "h_seconds_bucket{le=\"1\", site=\"hz\"} [9250 0.5 {trace=\"a\"}] "
                        "[19000 0.75 {trace=\"c\"}]\n"
                        "g gauge '' ''\n"
                        "h_seconds histogram 'How \"long\"\n?' 'seconds'\n");
    end(&s);
}

static void a_dry_run_counts_them_and_keeps_none(void **state)
{
    const struct prom_import_options o = {.dry_run = true};
    struct scene s;

    begin(&s);
    assert_int_equal(import_text(&s, str_c(extras), &o), 0);
    assert_int_equal(s.counts.exemplars, 3);
    assert_int_equal(s.counts.families, 2);
    assert_extras(s.st, "");
    end(&s);
}

static void what_is_known_already_stays(void **state)
{
    CLEANUP(label_set_unrefp)
    const struct label_set *series = labels_of("__name__", "h_seconds_bucket", "le", "1", NULL);
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("trace", "own", NULL);
    const struct metric_metadata own = {STR("h_seconds"), METRIC_HISTOGRAM, STR("of our own"),
                                        STR("")};
    struct scene s;

    begin(&s);
    const struct exemplar_row e = {
        .ref = ref_of(s.st, series), .labels = labels, .t = 15000, .v = 2, .has_time = true};
    const struct sample_row row = {.ref = e.ref, .t = T0};
    const struct sample_batch b = {&row, 1, &e, 1, &own, 1};

    assert_int_equal(
        sample_sink_commit_batch(storage_sink(s.st), &b, COMMIT_SKIP_BAD, NULL, NULL, &s.err), 0);
    assert_int_equal(import_text(&s, str_c(extras), &plain), 0);
    assert_int_equal(s.counts.exemplars, 2); /* the one that is older than ours is left out */
    assert_int_equal(s.counts.families, 1);
    assert_extras(s.st, "h_seconds_bucket{le=\"+Inf\"} [10000 0.5 {trace=\"b\"}]\n"
                        "h_seconds_bucket{le=\"1\"} [15000 2 {trace=\"own\"}] "
                        "[19000 0.75 {trace=\"c\"}]\n"
                        "g gauge '' ''\nh_seconds histogram 'of our own' ''\n");
    end(&s);
}

/* More than one record of both; of exemplars the newest, in the room that is left. */
static void an_import_fills_the_room_that_is_left_with_the_newest(void **state)
{
    const size_t n = PROM_EXEMPLARS_MAX + 300, families = 2500;
    struct buf text = {0};
    struct storage_stats stats;
    struct scene s;

    begin(&s);
    assert_int_equal(
        import_text(&s, STR("# TYPE own gauge\nown 1 1 # {t=\"own\"} 1\n# EOF\n"), &plain), 0);
    assert_int_equal(s.counts.families, 1);
    for (size_t i = 0; i < families; i++)
        buf_addf(&text, "# TYPE m%zu gauge\n", i);
    buf_add_c(&text, "# TYPE c counter\n");
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "c_total{x=\"%zu\"} 1 %zu # {} %zu\n", i / 1000, i + 1, i);
    buf_add_c(&text, "# EOF\n");
    assert_int_equal(import_text(&s, buf_str(&text), &plain), 0);
    storage_stats(s.st, &stats);
    assert_int_equal(stats.exemplars, PROM_EXEMPLARS_MAX);
    assert_int_equal(s.counts.exemplars, PROM_EXEMPLARS_MAX - 1);
    assert_int_equal(s.counts.families, families + 1);
    buf_reset(&text);
    write_extras(s.st, &text);
    assert_non_null(strstr(text.p, "{t=\"own\"}"));
    assert_null(strstr(text.p, "[1000 0 {}]"));
    assert_non_null(strstr(text.p, "[302000 301 {}]"));
    assert_non_null(strstr(text.p, "m2499 gauge"));
    buf_free(&text);
    end(&s);
}

/* ---- gather
 * --------------------------------------------------------------------------------
 */

/* Every few samples are a block: it looks the same to a reader. */
static void it_makes_no_difference_how_often_a_block_is_made(void **state)
{
    char *first = NULL;

    for (size_t bytes_max = 1; bytes_max < 20000; bytes_max *= 19) {
        struct scene s;
        struct dice d = {5};
        struct gather g = {0};
        char *text;

        begin(&s);
        g.st = s.st;
        g.bytes_max = bytes_max;
        for (int i = 0; i < 300; i++) {
            char name[8];
            struct label_set *labels;

            snprintf(name, sizeof name, "m%d", (int)dice_below(&d, 9));
            labels = labels_of("__name__", name, "x", "y", NULL);
            assert_int_equal(gather_add(&g, gather_series(&g, labels),
                                        T0 + (unix_ms)dice_below(&d, 50), i, NULL, NULL),
                             0);
            label_set_unref(labels);
        }
        assert_int_equal(gather_flush(&g, NULL), 0);
        assert_int_equal(g.counts.samples + g.counts.known, 300);
        gather_deinit(&g);
        text = dump(&s);
        if (first)
            assert_string_equal(text, first);
        free(first);
        first = text;
        end(&s);
    }
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_in_any_order),
        cmocka_unit_test(what_is_there_stays_and_is_counted),
        cmocka_unit_test(a_faulty_file_is_refused_as_a_whole_with_its_line),
        cmocka_unit_test(a_label_is_put_on_every_series),
        cmocka_unit_test(a_dry_run_counts_and_stores_nothing),
        cmocka_unit_test(lines_are_counted_over_windows_and_bounds_stay_as_written),
        cmocka_unit_test(nothing_may_stand_in_the_window_behind_the_end),
        cmocka_unit_test(a_line_without_end_takes_no_memory_for_ever),
        cmocka_unit_test(exemplars_and_comments_of_a_text_are_kept),
        cmocka_unit_test(a_dry_run_counts_them_and_keeps_none),
        cmocka_unit_test(what_is_known_already_stays),
        cmocka_unit_test(an_import_fills_the_room_that_is_left_with_the_newest),
        cmocka_unit_test(it_makes_no_difference_how_often_a_block_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
