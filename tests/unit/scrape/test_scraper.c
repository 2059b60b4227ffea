/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/regex.h"
#include "scrape/scrape_priv.h"
#include "tests/unit/remote/message.h"
#include "tests/unit/scrape/sink.h"

#define DURATION_NS 250000000 /* 0.25 s */

struct world {
    struct config_scrape job;
    struct target target;
    struct sink sink;
    struct scraper *scraper;
    struct scrape_outcome o;
};

static void begin_with(struct world *w, const struct label *labels, size_t n)
{
    const struct sample_sink port = sink_port(&w->sink);

    w->target.job = &w->job;
    w->target.labels = label_set_new(labels, n);
    w->scraper = scraper_new(&w->target, &port);
}

static void begin(struct world *w)
{
    begin_with(w, (const struct label[]){{STR("job"), STR("j")}}, 1);
}

static void end(struct world *w)
{
    scraper_free(w->scraper);
    label_set_unref(w->target.labels);
    sink_free(&w->sink);
}

#define WORLD(...)                                                                                 \
    CLEANUP(end) struct world w = {.job = {.honor_timestamps = true, __VA_ARGS__}};                \
    begin(&w)

static void take(struct world *w, const char *page, unix_ms now)
{
    buf_reset(&w->sink.stored);
    scraper_take(w->scraper, str_c(page), EXPOSITION_TEXT, now, DURATION_NS, &w->o);
}

static void lose(struct world *w, unix_ms now)
{
    struct err err = {0};

    err_set(&err, -ECONNREFUSED, "connection refused");
    buf_reset(&w->sink.stored);
    scraper_fail(w->scraper, &err, now, DURATION_NS, &w->o);
}

static bool has(const struct world *w, const char *line)
{
    CLEANUP(buf_free) struct buf whole = {0}, all = {0};

    buf_addf(&whole, "\n%s\n", line);
    buf_addf(&all, "\n%s", w->sink.stored.p ? w->sink.stored.p : "");
    return str_find(buf_str(&all), buf_str(&whole)) < all.len;
}

static void assert_has(const struct world *w, const char *line)
{
    if (!has(w, line))
        fail_msg("expected \"%s\" in\n%s", line, w->sink.stored.p);
}

static void assert_lines(const struct world *w, size_t n)
{
    size_t lines = 0;

    for (size_t i = 0; i < w->sink.stored.len; i++)
        lines += w->sink.stored.p[i] == '\n';
    if (lines != n)
        fail_msg("expected %zu lines, not %zu:\n%s", n, lines, w->sink.stored.p);
}

#define REPORT_LINES 5

/* ---- what is written about the scrape itself ----------------------------------------------- */

static void a_page_is_stored_with_up_and_the_scrape_series(void **state)
{
    WORLD();

    take(&w, "# TYPE a gauge\na 1\nb{x=\"y\"} 2.5\n", 1000);
    assert_int_equal(w.o.err.code, 0);
    assert_has(&w, "a{job=\"j\"} 1 @1000");
    assert_has(&w, "b{job=\"j\", x=\"y\"} 2.5 @1000");
    assert_has(&w, "up{job=\"j\"} 1 @1000");
    assert_has(&w, "scrape_duration_seconds{job=\"j\"} 0.25 @1000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 2 @1000");
    assert_has(&w, "scrape_samples_post_metric_relabeling{job=\"j\"} 2 @1000");
    assert_has(&w, "scrape_series_added{job=\"j\"} 2 @1000");
    assert_lines(&w, 2 + REPORT_LINES);
    take(&w, "a 3\nb{x=\"y\"} 4\nc 5\n", 2000);
    assert_has(&w, "scrape_series_added{job=\"j\"} 1 @2000");
    assert_int_equal(w.sink.commits, 2); /* one batch a page */
}

static void a_target_without_a_page_is_down_and_says_why(void **state)
{
    WORLD();

    lose(&w, 1000);
    assert_int_equal(w.o.err.code, -ECONNREFUSED);
    assert_string_equal(w.o.err.msg, "connection refused");
    assert_has(&w, "up{job=\"j\"} 0 @1000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 0 @1000");
    assert_lines(&w, REPORT_LINES);
}

static void a_page_may_say_itself_that_its_target_is_down(void **state)
{
    struct err err = {0};
    WORLD();

    take(&w, "redis_up 1\nredis_memory_used_bytes 5\n", 1000);
    buf_reset(&w.sink.stored);
    err_set(&err, -ETIMEDOUT, "no answer");
    scraper_take_down(w.scraper, STR("redis_up 0\n"), EXPOSITION_TEXT, &err, 2000, DURATION_NS,
                      &w.o);
    assert_int_equal(w.o.err.code, -ETIMEDOUT);
    assert_string_equal(w.o.err.msg, "no answer");
    assert_has(&w, "redis_up{job=\"j\"} 0 @2000");
    assert_has(&w, "redis_memory_used_bytes{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} 0 @2000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 1 @2000");
    assert_lines(&w, 2 + REPORT_LINES);
}

/* ---- series that end ----------------------------------------------------------------------- */

static void a_series_that_vanishes_is_marked_once_and_may_come_back(void **state)
{
    WORLD();

    take(&w, "a 1\nb 2\n", 1000);
    take(&w, "b 3\n", 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_lines(&w, 2 + REPORT_LINES);
    take(&w, "b 4\n", 3000);
    assert_lines(&w, 1 + REPORT_LINES);
    take(&w, "a 5\nb 6\n", 4000);
    assert_has(&w, "a{job=\"j\"} 5 @4000");
    assert_has(&w, "scrape_series_added{job=\"j\"} 1 @4000");
}

static void all_series_end_when_the_target_is_down_and_up_does_not(void **state)
{
    WORLD();

    take(&w, "a 1\nb 2\n", 1000);
    lose(&w, 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "b{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} 0 @2000");
    lose(&w, 3000);
    assert_lines(&w, REPORT_LINES);
}

static void everything_ends_with_the_target(void **state)
{
    WORLD();

    take(&w, "a 1\n", 1000);
    buf_reset(&w.sink.stored);
    scraper_end(w.scraper, 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} stale @2000");
    assert_has(&w, "scrape_duration_seconds{job=\"j\"} stale @2000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} stale @2000");
    assert_has(&w, "scrape_samples_post_metric_relabeling{job=\"j\"} stale @2000");
    assert_has(&w, "scrape_series_added{job=\"j\"} stale @2000");
    assert_lines(&w, 1 + REPORT_LINES);
}

/* Another watch of the same series takes the place of the one before. */
static void be_inherited(struct world *w)
{
    const struct sample_sink port = sink_port(&w->sink);
    struct scraper *old = w->scraper;

    w->scraper = scraper_new(&w->target, &port);
    scraper_inherit(w->scraper, old);
    scraper_free(old);
}

static void an_heir_goes_on_with_the_series_of_the_target_before(void **state)
{
    WORLD();

    take(&w, "a 1\nb 2\n", 1000);
    be_inherited(&w);
    take(&w, "b 3\n", 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "scrape_series_added{job=\"j\"} 0 @2000");
}

static void an_heir_has_its_own_relabelling(void **state)
{
    const char *source[] = {"__name__"};
    struct config_relabel drop_b = {
        .source_labels = source, .n_source_labels = 1, .separator = ";", .action = RELABEL_DROP};
    WORLD();

    assert_int_equal(regex_new(STR("b"), REGEX_ANCHORED, &drop_b.regex, NULL), 0);
    take(&w, "a 1\nb 2\n", 1000);
    w.job.metric_relabel = &drop_b;
    w.job.n_metric_relabel = 1;
    be_inherited(&w);
    take(&w, "a 3\nb 4\n", 2000);
    assert_has(&w, "a{job=\"j\"} 3 @2000");
    assert_has(&w, "b{job=\"j\"} stale @2000");
    assert_lines(&w, 2 + REPORT_LINES);
    w.job.n_metric_relabel = 0;
    be_inherited(&w);
    take(&w, "a 5\nb 6\n", 3000);
    assert_has(&w, "b{job=\"j\"} 6 @3000"); /* dropped once is not dropped for ever */
    assert_has(&w, "scrape_series_added{job=\"j\"} 1 @3000");
    regex_free(drop_b.regex);
}

static void what_was_inherited_ends_when_the_heir_has_no_page(void **state)
{
    WORLD();

    take(&w, "a 1\nb 2\ntimed 3 700\n", 1000);
    be_inherited(&w);
    be_inherited(&w); /* the first heir was never scraped */
    lose(&w, 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "b{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} 0 @2000");
    assert_lines(&w, 2 + REPORT_LINES);
    lose(&w, 3000);
    assert_lines(&w, REPORT_LINES);
}

static void what_was_inherited_ends_when_the_first_page_is_bad_behind_it(void **state)
{
    WORLD();

    take(&w, "a 1\nb 2\n", 1000);
    be_inherited(&w);
    take(&w, "a 1\nthis is not a sample\n", 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "b{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} 0 @2000");
    assert_lines(&w, 2 + REPORT_LINES);
}

static void what_was_inherited_ends_with_the_heir(void **state)
{
    WORLD();

    take(&w, "a 1\n", 1000);
    be_inherited(&w);
    buf_reset(&w.sink.stored);
    scraper_end(w.scraper, 2000);
    assert_has(&w, "a{job=\"j\"} stale @2000");
    assert_has(&w, "up{job=\"j\"} stale @2000");
    assert_lines(&w, 1 + REPORT_LINES);
}

static void a_target_that_was_never_scraped_has_nothing_to_end(void **state)
{
    WORLD();

    scraper_end(w.scraper, 1000);
    assert_int_equal(w.sink.asked, 0);
    assert_int_equal(w.sink.commits, 0);
}

/* ---- times --------------------------------------------------------------------------------- */

static void times_on_the_page_are_honoured_unless_the_job_says_no(void **state)
{
    {
        WORLD();

        take(&w, "a 1 700\nb 2\n", 1000);
        assert_has(&w, "a{job=\"j\"} 1 @700");
        assert_has(&w, "b{job=\"j\"} 2 @1000");
        take(&w, "c 3\n", 2000); /* a series with its own times has no end that we know */
        assert_has(&w, "b{job=\"j\"} stale @2000");
        assert_false(has(&w, "a{job=\"j\"} stale @2000"));
    }
    {
        WORLD(.track_timestamps_staleness = true);

        take(&w, "a 1 700\n", 1000);
        take(&w, "b 2\n", 2000);
        assert_has(&w, "a{job=\"j\"} stale @2000");
    }
    {
        WORLD();

        w.job.honor_timestamps = false;
        take(&w, "a 1 700\n", 1000);
        assert_has(&w, "a{job=\"j\"} 1 @1000");
        take(&w, "b 2\n", 2000);
        assert_has(&w, "a{job=\"j\"} stale @2000");
    }
}

/* ---- labels -------------------------------------------------------------------------------- */

static void a_label_of_the_target_wins_and_the_scraped_one_is_kept_as_exported(void **state)
{
    WORLD();

    take(&w, "a{job=\"theirs\",exported_job=\"older\"} 1\nb{job=\"\"} 2\n", 1000);
    assert_has(&w,
               "a{exported_exported_job=\"theirs\", exported_job=\"older\", job=\"j\"} 1 @1000");
    assert_has(&w, "b{job=\"j\"} 2 @1000");
}

static void a_scraped_label_wins_when_the_job_honours_labels(void **state)
{
    WORLD(.honor_labels = true);

    take(&w, "a{job=\"theirs\"} 1\nb 2\n", 1000);
    assert_has(&w, "a{job=\"theirs\"} 1 @1000");
    assert_has(&w, "b{job=\"j\"} 2 @1000");
    assert_has(&w, "up{job=\"j\"} 1 @1000");
}

static void relabelling_drops_samples_and_renames_them_but_not_up(void **state)
{
    CLEANUP(regex_freep) struct regex *drop = NULL, *any = NULL;
    const char *name[] = {"__name__"};
    struct config_relabel steps[] = {
        {.source_labels = name, .n_source_labels = 1, .separator = ";", .action = RELABEL_DROP},
        {.separator = ";", .target_label = "site", .replacement = "s1", .action = RELABEL_REPLACE},
    };
    WORLD(.metric_relabel = steps, .n_metric_relabel = ARRAY_LEN(steps));

    assert_int_equal(regex_new(STR("go_.*|up"), REGEX_ANCHORED, &drop, NULL), 0);
    assert_int_equal(regex_new(STR("(.*)"), REGEX_ANCHORED, &any, NULL), 0);
    steps[0].regex = drop;
    steps[1].regex = any;
    take(&w, "go_x 1\na 2\ngo_y 3\n", 1000);
    assert_has(&w, "a{job=\"j\", site=\"s1\"} 2 @1000");
    assert_has(&w, "up{job=\"j\"} 1 @1000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 3 @1000");
    assert_has(&w, "scrape_samples_post_metric_relabeling{job=\"j\"} 1 @1000");
    assert_has(&w, "scrape_series_added{job=\"j\"} 1 @1000");
    assert_lines(&w, 1 + REPORT_LINES);
    take(&w, "b 4\n", 2000); /* what was dropped does not end */
    assert_lines(&w, 2 + REPORT_LINES);
}

/* ---- limits: nothing of such a page is stored ---------------------------------------------- */

static void a_page_beyond_a_limit_is_refused_whole(void **state)
{
    static const struct {
        struct config_scrape job;
        const char *page, *why;
    } cases[] = {
        {{.sample_limit = 2}, "a 1\nb 2\nc 3\n", "sample limit exceeded"},
        {{.label_limit = 3},
         "a 1\nb{x=\"1\",y=\"2\"} 2\n",
         "label_limit exceeded (metric: b, number of labels: 4, limit: 3)"},
        {{.label_name_length_limit = 8},
         "a 1\nb{long_name=\"1\"} 2\n",
         "label_name_length_limit exceeded (metric: b, label name: long_name, length: 9, limit: 8)"},
        {{.label_value_length_limit = 4},
         "a 1\nb{x=\"12345\"} 2\n",
         "label_value_length_limit exceeded (metric: b, label name: x, length: 5, limit: 4)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(end) struct world w = {.job = cases[i].job};

        begin(&w);
        take(&w, "z 0\n", 1000);
        take(&w, cases[i].page, 2000);
        assert_int_equal(w.o.err.code, -E2BIG);
        assert_string_equal(w.o.err.msg, cases[i].why);
        assert_has(&w, "z{job=\"j\"} stale @2000");
        assert_has(&w, "up{job=\"j\"} 0 @2000");
        assert_lines(&w, 1 + REPORT_LINES);
        take(&w, "z 9\n", 3000); /* and the next good one is taken */
        assert_has(&w, "z{job=\"j\"} 9 @3000");
        assert_has(&w, "up{job=\"j\"} 1 @3000");
    }
}

static void a_page_at_the_sample_limit_is_taken_as_relabelling_leaves_it(void **state)
{
    WORLD(.sample_limit = 2);

    take(&w, "a 1\nb 2\n", 1000);
    assert_int_equal(w.o.err.code, 0);
    take(&w, "a 1\nb 2\nc 3\n", 2000);
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 3 @2000"); /* shows how far it got */
    assert_has(&w, "scrape_samples_post_metric_relabeling{job=\"j\"} 3 @2000");
}

static void a_bad_page_is_refused_with_its_line(void **state)
{
    WORLD();

    take(&w, "a 1\nb two\n", 1000);
    assert_int_equal(w.o.err.code, -EINVAL);
    assert_non_null(strstr(w.o.err.msg, "line 2"));
    assert_has(&w, "up{job=\"j\"} 0 @1000");
    assert_false(has(&w, "a{job=\"j\"} 1 @1000"));
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 1 @1000");
}

static void beyond_the_budget_of_storage_only_new_series_are_left_out(void **state)
{
    WORLD();

    take(&w, "a 1\nc 1\n", 1000);
    w.sink.budget = w.sink.n;
    take(&w, "a 1\nb 2\nc 3\n", 2000);
    assert_int_equal(w.o.err.code, 0);
    assert_int_equal(w.o.refused, 1);
    assert_has(&w, "up{job=\"j\"} 1 @2000");
    assert_has(&w, "a{job=\"j\"} 1 @2000");
    assert_has(&w, "c{job=\"j\"} 3 @2000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 3 @2000");
    assert_has(&w, "scrape_samples_post_metric_relabeling{job=\"j\"} 2 @2000");
    assert_lines(&w, 2 + REPORT_LINES);
    w.sink.budget = 0; /* there is room again */
    take(&w, "a 1\nb 2\nc 3\n", 3000);
    assert_has(&w, "b{job=\"j\"} 2 @3000");
}

/* One family with one metric {path="/"}: a gauge of 5, or a native histogram of 3 observations. */
static void put_family(struct buf *page, const char *name, bool is_histogram)
{
    struct buf f = {0}, metric = {0}, value = {0}, span = {0};

    put_text(&f, 1, str_c(name));
    put_int(&f, 3, is_histogram ? 4 : 1);
    put_labels(&metric, "path=/");
    if (is_histogram) {
        put_int(&value, 1, 3);
        put_double(&value, 2, 9);
        put_int(&span, 2, 1);
        put_message(&value, 12, &span);
        put_int(&value, 13, zigzag(3));
    } else {
        put_double(&value, 1, 5);
    }
    put_message(&metric, is_histogram ? 7 : 2, &value);
    put_message(&f, 4, &metric);
    put_varint(page, f.len);
    buf_add_str(page, buf_str(&f));
    buf_free(&f);
}

static void take_proto(struct world *w, struct buf *page, unix_ms now)
{
    buf_reset(&w->sink.stored);
    scraper_take(w->scraper, buf_str(page), EXPOSITION_PROTOBUF, now, DURATION_NS, &w->o);
}

static void a_protobuf_page_is_stored_with_its_native_histograms(void **state)
{
    struct buf page = {0}, second = {0};
    WORLD();

    scraper_take_native(w.scraper);
    put_family(&page, "g", false);
    put_family(&second, "g", false);
    put_family(&page, "h", true);
    take_proto(&w, &page, 1000);
    assert_int_equal(w.o.err.code, 0);
    assert_has(&w, "g{job=\"j\", path=\"/\"} 5 @1000");
    assert_has(&w, "h{job=\"j\", path=\"/\"} histogram of 3 @1000");
    assert_has(&w, "scrape_samples_scraped{job=\"j\"} 2 @1000");
    assert_lines(&w, 2 + REPORT_LINES);
    take_proto(&w, &second, 2000);
    assert_has(&w, "h{job=\"j\", path=\"/\"} stale @2000");
    sink_forget(&w.sink);
    take_proto(&w, &page, 3000); /* once more, when storage had forgotten */
    assert_has(&w, "h{job=\"j\", path=\"/\"} histogram of 3 @3000");
    page.len--;
    take_proto(&w, &page, 4000);
    assert_int_equal(w.o.err.code, -EINVAL);
    assert_has(&w, "up{job=\"j\"} 0 @4000");
    assert_has(&w, "h{job=\"j\", path=\"/\"} stale @4000");
    buf_free(&page);
    buf_free(&second);
}

/* A page whose texts never come back must not make the memory of a target grow. */
static void dropped_texts_that_are_gone_are_forgotten(void **state)
{
    struct config_relabel drop = {.action = RELABEL_DROP, .separator = "", .target_label = ""};
    const char *name = "__name__";
    struct err err = {0};
    WORLD(.metric_relabel = &drop, .n_metric_relabel = 1);

    drop.source_labels = &name;
    drop.n_source_labels = 1;
    assert_int_equal(regex_new(STR("noise.*"), REGEX_ANCHORED, &drop.regex, &err), 0);
    take(&w, "a 1\nnoise1 1\n", 1000);
    assert_int_equal(scraper_texts(w.scraper), 2);
    take(&w, "a 1\nnoise2 1\n", 2000);
    assert_int_equal(scraper_texts(w.scraper), 2);
    regex_free(drop.regex);
}

/* ---- storage ------------------------------------------------------------------------------- */

static void a_series_is_asked_for_once(void **state)
{
    size_t asked;
    WORLD();

    take(&w, "a 1\nb{x=\"y\"} 2\n", 1000);
    asked = w.sink.asked;
    take(&w, "a 3\nb{x=\"y\"} 4\n", 2000);
    take(&w, "b{x=\"y\"} 5\na 6\n", 3000); /* another order */
    assert_int_equal(w.sink.asked, asked);
    assert_has(&w, "a{job=\"j\"} 6 @3000");
    assert_has(&w, "b{job=\"j\", x=\"y\"} 5 @3000");
    assert_lines(&w, 2 + REPORT_LINES);
}

static void references_that_storage_forgot_are_got_anew_within_the_page(void **state)
{
    WORLD();

    take(&w, "a 1\n", 1000);
    sink_forget(&w.sink);
    take(&w, "a 2\n", 2000);
    assert_has(&w, "a{job=\"j\"} 2 @2000");
    assert_has(&w, "up{job=\"j\"} 1 @2000");
    assert_lines(&w, 1 + REPORT_LINES);
}

static void up_is_not_lost_when_storage_forgot_and_the_target_is_down(void **state)
{
    WORLD();

    take(&w, "a 1\n", 1000);
    sink_forget(&w.sink);
    lose(&w, 2000);
    assert_has(&w, "up{job=\"j\"} 0 @2000");
    assert_lines(&w, REPORT_LINES);
}

static void a_refused_commit_is_an_error_of_the_scrape(void **state)
{
    WORLD();

    w.sink.broken = true;
    take(&w, "a 1\n", 1000);
    assert_int_equal(w.o.err.code, -ENOSPC);
    assert_string_equal(w.o.err.msg, "disk full");
    w.sink.broken = false;
    take(&w, "a 2\n", 2000);
    assert_int_equal(w.o.err.code, 0);
    assert_has(&w, "a{job=\"j\"} 2 @2000");
}

/* ---- metadata ------------------------------------------------------------------------------ */

static void assert_told(struct world *w, const char *expected)
{
    assert_string_equal(w->sink.told.p ? w->sink.told.p : "", expected);
    buf_reset(&w->sink.told);
}

static void what_a_page_says_of_its_metrics_is_told_when_it_changes(void **state)
{
    static const char first[] =
        "# HELP a one\\ntwo\n# TYPE a counter\na 1\n# TYPE b untyped\nb 1\n";
    WORLD();

    take(&w, first, 1000);
    assert_told(&w, "a counter 'one\ntwo' ''\nb unknown '' ''\n");
    take(&w, "# HELP a one\\ntwo\n# TYPE a counter\na 2\n# a comment\n# TYPE b untyped\nb 7\n",
         2000);
    assert_told(&w, "");
    take(&w, "# HELP a one\\ntwo\n# TYPE a gauge\na 1\n# TYPE b untyped\nb 1\n", 3000);
    assert_told(&w, "a gauge 'one\ntwo' ''\nb unknown '' ''\n");
    take(&w, "a 1\n", 4000);
    assert_told(&w, "");
    assert_null(scraper_metadata(w.scraper));
}

static void metadata_that_storage_refused_is_told_again(void **state)
{
    WORLD();

    w.sink.broken = true;
    take(&w, "# TYPE a gauge\na 1\n", 1000);
    assert_told(&w, "");
    w.sink.broken = false;
    take(&w, "# TYPE a gauge\na 1\n", 2000);
    assert_told(&w, "a gauge '' ''\n");
}

static void a_bad_page_and_a_lost_one_leave_the_metadata(void **state)
{
    WORLD();

    take(&w, "# TYPE a gauge\na 1\n", 1000);
    take(&w, "# TYPE b gauge\nb nonsense\n", 2000);
    lose(&w, 3000);
    assert_int_equal(scraper_metadata(w.scraper)->n, 1);
    assert_true(str_eq(scraper_metadata(w.scraper)->v[0].family, STR("a")));
}

static void openmetrics_tells_units(void **state)
{
    WORLD();

    scraper_take(w.scraper, STR("# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# EOF\n"),
                 EXPOSITION_OPENMETRICS, 1000, DURATION_NS, &w.o);
    assert_int_equal(w.o.err.code, 0);
    assert_told(&w, "a_seconds histogram '' 'seconds'\n");
}

static void exemplars_are_committed_with_the_samples_when_the_sink_keeps_them(void **state)
{
    static const char page[] = "a_bucket{le=\"1\"} 1 # {id=\"x\"} 0.5 1.5\n"
                               "a_bucket{le=\"2\"} 2 # {} 1.5\n# EOF\n";

    for (int kept = 0; kept < 2; kept++) {
        struct world w = {.job = {.honor_timestamps = true}};
        struct sample_sink port = sink_port(&w.sink);

        begin(&w);
        scraper_free(w.scraper);
        port.keeps_exemplars = kept;
        w.scraper = scraper_new(&w.target, &port);
        scraper_take(w.scraper, str_c(page), EXPOSITION_OPENMETRICS, 7000, DURATION_NS, &w.o);
        assert_int_equal(w.o.err.code, 0);
        assert_told(&w, kept ? "a_bucket{job=\"j\", le=\"1\"} # {id=\"x\"} 0.5 @1500 own\n"
                               "a_bucket{job=\"j\", le=\"2\"} # {} 1.5 @7000\n"
                             : "");
        end(&w);
    }
}

/* ---- ticks --------------------------------------------------------------------------------- */

static void ticks_lie_at_the_offset_of_the_target_within_each_interval(void **state)
{
    static const struct {
        unix_ns after;
        dur_ms interval;
        uint64_t hash;
        unix_ns next;
    } cases[] = {
        {0, 15000, 0, 15 * NS_PER_S},
        {0, 15000, 1, 1},
        {1, 15000, 1, 15 * NS_PER_S + 1}, /* strictly after */
        {100 * NS_PER_S, 15000, 7 * NS_PER_S, 112 * NS_PER_S},
        {100 * NS_PER_S, 15000, 22 * (uint64_t)NS_PER_S, 112 * NS_PER_S},
        {-5 * NS_PER_S, 10000, 0, 0}, /* a clock before 1970 */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(scrape_next_tick(cases[i].after, cases[i].interval, cases[i].hash),
                         cases[i].next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_stored_with_up_and_the_scrape_series),
        cmocka_unit_test(a_target_without_a_page_is_down_and_says_why),
        cmocka_unit_test(a_page_may_say_itself_that_its_target_is_down),
        cmocka_unit_test(a_series_that_vanishes_is_marked_once_and_may_come_back),
        cmocka_unit_test(all_series_end_when_the_target_is_down_and_up_does_not),
        cmocka_unit_test(everything_ends_with_the_target),
        cmocka_unit_test(an_heir_goes_on_with_the_series_of_the_target_before),
        cmocka_unit_test(an_heir_has_its_own_relabelling),
        cmocka_unit_test(what_was_inherited_ends_when_the_heir_has_no_page),
        cmocka_unit_test(what_was_inherited_ends_when_the_first_page_is_bad_behind_it),
        cmocka_unit_test(what_was_inherited_ends_with_the_heir),
        cmocka_unit_test(a_target_that_was_never_scraped_has_nothing_to_end),
        cmocka_unit_test(times_on_the_page_are_honoured_unless_the_job_says_no),
        cmocka_unit_test(a_label_of_the_target_wins_and_the_scraped_one_is_kept_as_exported),
        cmocka_unit_test(a_scraped_label_wins_when_the_job_honours_labels),
        cmocka_unit_test(relabelling_drops_samples_and_renames_them_but_not_up),
        cmocka_unit_test(a_page_beyond_a_limit_is_refused_whole),
        cmocka_unit_test(a_page_at_the_sample_limit_is_taken_as_relabelling_leaves_it),
        cmocka_unit_test(a_bad_page_is_refused_with_its_line),
        cmocka_unit_test(beyond_the_budget_of_storage_only_new_series_are_left_out),
        cmocka_unit_test(a_protobuf_page_is_stored_with_its_native_histograms),
        cmocka_unit_test(dropped_texts_that_are_gone_are_forgotten),
        cmocka_unit_test(a_series_is_asked_for_once),
        cmocka_unit_test(references_that_storage_forgot_are_got_anew_within_the_page),
        cmocka_unit_test(up_is_not_lost_when_storage_forgot_and_the_target_is_down),
        cmocka_unit_test(a_refused_commit_is_an_error_of_the_scrape),
        cmocka_unit_test(what_a_page_says_of_its_metrics_is_told_when_it_changes),
        cmocka_unit_test(metadata_that_storage_refused_is_told_again),
        cmocka_unit_test(a_bad_page_and_a_lost_one_leave_the_metadata),
        cmocka_unit_test(openmetrics_tells_units),
        cmocka_unit_test(exemplars_are_committed_with_the_samples_when_the_sink_keeps_them),
        cmocka_unit_test(ticks_lie_at_the_offset_of_the_target_within_each_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
