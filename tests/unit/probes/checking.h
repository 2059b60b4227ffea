/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checking - one target asked by a check, and what its page has to say
 */
#ifndef TOCSIN_TESTS_UNIT_PROBES_CHECKING_H
#define TOCSIN_TESTS_UNIT_PROBES_CHECKING_H

#include <string.h>

#include "base/num.h"
#include "probes/probes.h"
#include "tests/unit/conformance.h"
#include "tests/unit/probes/page_value.h"

static struct buf page;
static int answered;
static struct page_trace told;
static struct buf failure; /* empty: it passed */

static inline void on_page(struct str text, enum exposition_format format, const struct err *err,
                           void *l)
{
    assert_null(err);
    answered++;
    buf_reset(&page);
    buf_add_c(&page, "\n");
    buf_add_str(&page, text);
    loop_stop(l);
}

static inline void check_target(const struct page_source *source, const struct config_scrape *job,
                                const char *address, dur_ms timeout)
{
    struct target t = {.job = job, .url = address, .address = address};
    struct loop *l = loop_new();
    void *session = source->open(l, &t);

    answered = 0;
    source->trace(session, &told);
    source->fetch(session, timeout, on_page, l);
    loop_run(l);
    buf_reset(&failure);
    source->failure(session, &failure);
    source->close(session);
    loop_free(l);
    assert_int_equal(answered, 1);
}

static inline void assert_value(const char *series, double want)
{
    double got;

    if (!page_value(buf_str(&page), series, &got))
        fail_msg("no %s in%s", series, page.p);
    if (got != want)
        fail_msg("%s is %g, not %g, in%s", series, got, want, page.p);
}

static inline void assert_failed_at(const char *step, const char *words)
{
    CLEANUP(buf_free) struct buf begin = {0};
    const char *line;

    assert_value("probe_success", 0);
    buf_addf(&begin, "probe_failure_info{step=\"%s\"", step);
    line = strstr(page.p, "probe_failure_info{");
    assert_non_null(line);
    if (strncmp(line, begin.p, begin.len) != 0 && !strstr(line, begin.p + 19))
        fail_msg("not at %s: %.200s", step, line);
    if (!strstr(line, words))
        fail_msg("no \"%s\" in %.200s", words, line);
    if (!failure.len || !strstr(failure.p, words))
        fail_msg("no \"%s\" in the failure %s", words, failure.p);
    assert_true(strstr(told.steps[told.n - 1].why, words));
}

/* The names of all steps, "a | b | c"; none failed but the last, and all together took no longer than
 * the whole. */
static inline void assert_steps(const char *want)
{
    CLEANUP(buf_free) struct buf got = {0};
    int64_t sum = 0;
    double all;

    for (size_t i = 0; i < told.n; i++) {
        buf_addf(&got, "%s%s", i ? " | " : "", told.steps[i].name);
        assert_true(i == told.n - 1 || !told.steps[i].why[0]);
        assert_true(told.steps[i].ns >= 0);
        sum += told.steps[i].ns;
    }
    assert_string_equal(got.p, want);
    assert_true(page_value(buf_str(&page), "probe_duration_seconds", &all));
    assert_true((double)sum / 1e9 <= all + 0.01);
}

/* ---- as blackbox_exporter ------------------------------------------------------------------ */

/* What depends on the clock. */
static inline bool is_time(struct str series)
{
    return str_find(series, STR("seconds")) < series.len &&
           str_find(series, STR("last_modified")) == series.len;
}

/* All lines of `all` but those of the failure are in `in`, types included, values too unless they are times. */
static inline void assert_same_lines(struct str all, struct str in, const char *what)
{
    while (all.len) {
        struct str line = str_cut(&all, '\n'), series = line;
        CLEANUP(buf_free) struct buf key = {0};
        double a, b;

        if (!line.len || str_has_prefix(line, STR("# HELP")) ||
            str_find(line, STR("probe_failure_info")) < line.len)
            continue;
        if (str_has_prefix(line, STR("# TYPE"))) {
            buf_addf(&key, "\n" STR_FMT "\n", STR_ARG(line));
            if (str_find(in, buf_str(&key)) == in.len)
                fail_msg("%s: missing %s", what, key.p);
            continue;
        }
        while (series.len && series.p[series.len - 1] != ' ')
            series.len--;
        series.len--;
        buf_addf(&key, STR_FMT, STR_ARG(series));
        if (!page_value(in, key.p, &b))
            fail_msg("%s: missing %s", what, key.p);
        assert_true(
            num_parse_double(str_n(line.p + series.len + 1, line.len - series.len - 1), &a));
        if (!is_time(series) && a != b)
            fail_msg("%s: %s: %g and %g", what, key.p, a, b);
    }
}

/* The page has what the recording has, and nothing else but what the failure adds. */
static inline void assert_as_recorded(const char *name)
{
    CLEANUP(buf_free) struct buf path = {0}, recorded = {0};

    buf_addf(&path, "exporters/blackbox-0.28/%s.prom", name);
    buf_add_c(&recorded, "\n");
    if (!conformance_read(path.p, &recorded))
        return;
    assert_same_lines(buf_str(&recorded), buf_str(&page), name);
    assert_same_lines(buf_str(&page), buf_str(&recorded), name);
}

#endif
