/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world - the rules room with a reader, a sample sink and an alert sink in memory, in a folder of
 * its own, on a clock that the test moves
 *
 * What goes out is written down, one line each, with the seconds since world_zero():
 *
 *     60 ALERTS{alertname="Hot", alertstate="pending"} 1
 *     60 ALERTS_FOR_STATE{alertname="Hot"} @60                values of this one are times
 *     60 up:sum{} stale
 *     60 tells {alertname="Hot", site="hz"} {summary="it is hot"} from 60 to 300
 *
 * sorted within one commit or post, because rules keep their alerts in no order.
 */
#ifndef TOCSIN_TESTS_UNIT_RULES_WORLD_H
#define TOCSIN_TESTS_UNIT_RULES_WORLD_H

#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "config/config.h"
#include "model/sample.h"
#include "model/selfmetrics.h"
#include "promql/promql.h"
#include "rules/rules.h"
#include "tests/support/memory_reader.h"

#define T0 (INT64_C(1770192688) * NS_PER_S) /* 2026-02-04T08:11:28Z */

#define WORLD_CONFIG                                                                               \
    "global: {evaluation_interval: 1m, external_labels: {site: hz, cluster: ours}}\n"              \
    "rule_files: ['*.yml']\n"

struct known_series {
    const struct label_set *labels;
    unix_ms newest;
    double newest_value;
};

struct world {
    char folder[32];
    int home; /* where the process stood before */
    struct config *config;
    struct rules *rules;
    struct rules_options options;
    unix_ns now, wake, zero;

    struct memory_reader store;  /* what the sink takes is there for the reader */
    struct known_series *series; /* by reference - 1 */
    size_t n_series, cap_series;
    series_ref first_ref;                      /* those below were dropped */
    int fail_series, fail_commits, fail_posts; /* so many fail; -1: all */
    bool fail_restore;                         /* looking for ALERTS_FOR_STATE fails */
    size_t commits, posts;
    bool quiet; /* nothing is written down */

    struct buf lines;
};

/* ---- writing down -------------------------------------------------------------------------- */

static inline int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void add_sorted(struct world *w, char **lines, size_t n)
{
    qsort(lines, n, sizeof *lines, compare_lines);
    for (size_t i = 0; i < n; i++) {
        if (!w->quiet)
            buf_addf(&w->lines, "%s\n", lines[i]);
        free(lines[i]);
    }
    free(lines);
}

static inline double world_seconds(const struct world *w, unix_ns t)
{
    return (double)(t / NS_PER_MS - w->zero / NS_PER_MS) / 1000;
}

static inline char *sample_line(const struct world *w, const struct label_set *ls,
                                const struct sample_row *row)
{
    struct buf b = {0};

    buf_addf(&b, "%g ", world_seconds(w, unix_ns_of_ms(row->t)));
    label_set_print(ls, &b);
    if (row->h)
        buf_add_c(&b, " histogram");
    else if (is_stale(row->v))
        buf_add_c(&b, " stale");
    else if (str_eq(label_set_get(ls, LABEL_NAME), STR("ALERTS_FOR_STATE")))
        buf_addf(&b, " @%g", row->v - (double)(w->zero / NS_PER_S));
    else
        buf_addf(&b, " %g", row->v);
    return buf_take(&b);
}

static inline char *alert_line(const struct world *w, const struct alert *a, unix_ns now)
{
    struct buf b = {0};

    buf_addf(&b, "%g tells ", world_seconds(w, now));
    label_set_print(a->labels, &b);
    buf_add_byte(&b, ' ');
    label_set_print(a->annotations, &b);
    buf_addf(&b, " from %g to %g", world_seconds(w, a->starts_at), world_seconds(w, a->ends_at));
    return buf_take(&b);
}

/* ---- the ports ----------------------------------------------------------------------------- */

static inline bool fails(int *count)
{
    bool f = *count != 0;

    *count -= *count > 0;
    return f;
}

static inline int world_series(void *self, const struct label_set *labels, series_ref *ret,
                               struct err *err)
{
    struct world *w = self;
    struct known_series *s;

    if (fails(&w->fail_series))
        return err_set(err, -ENOSPC, "too many series");
    for (size_t i = w->first_ref; i < w->n_series; i++)
        if (label_set_eq(w->series[i].labels, labels)) {
            *ret = i + 1;
            return 0;
        }
    s = VEC_PUSH(w->series, w->n_series, w->cap_series);
    *s = (struct known_series){label_set_ref(labels), INT64_MIN, 0};
    *ret = w->n_series;
    return 0;
}

static inline enum sample_verdict world_take(struct world *w, const struct sample_row *row)
{
    struct known_series *s;

    if (row->ref <= w->first_ref || row->ref > w->n_series)
        return SAMPLE_UNKNOWN_REF;
    s = &w->series[row->ref - 1];
    if (row->t < s->newest)
        return SAMPLE_OUT_OF_ORDER;
    if (row->t == s->newest)
        return double_bits(row->v) == double_bits(s->newest_value) ? SAMPLE_SAME : SAMPLE_DUPLICATE;
    s->newest = row->t;
    s->newest_value = row->v;
    memory_reader_add(&w->store, s->labels, row->t, row->v, row->h);
    return SAMPLE_STORED;
}

static inline int world_commit(void *self, const struct sample_row *rows, size_t n,
                               enum commit_flags flags, enum sample_verdict *verdicts,
                               struct err *err)
{
    struct world *w = self;
    char **lines = mem_array(n, sizeof *lines);
    size_t n_lines = 0;

    assert_true(n > 0);
    assert_int_equal(flags, COMMIT_SKIP_BAD);
    if (fails(&w->fail_commits)) {
        free(lines);
        return err_set(err, -EIO, "the disk is full");
    }
    w->commits++;
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = world_take(w, &rows[i]);
        if (verdicts[i] == SAMPLE_STORED)
            lines[n_lines++] = sample_line(w, w->series[rows[i].ref - 1].labels, &rows[i]);
    }
    add_sorted(w, lines, n_lines);
    return 0;
}

static inline int world_post(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                             struct err *err)
{
    struct world *w = self;
    char **lines = mem_array(n, sizeof *lines);

    assert_true(n > 0);
    if (fails(&w->fail_posts)) {
        free(lines);
        return err_set(err, -EIO, "the disk is full");
    }
    w->posts++;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(alerts[i]->updated_at, now);
        lines[i] = alert_line(w, alerts[i], now);
    }
    add_sorted(w, lines, n);
    return 0;
}

/* Whether a select is the one by which alerts are restored. */
static inline int world_select(void *self, const struct matcher *const *matchers, size_t n,
                               unix_ms from, unix_ms to, struct selection **ret, struct err *err)
{
    struct world *w = CONTAINER_OF((struct memory_reader *)self, struct world, store);

    if (w->fail_restore && n == 2 && str_eq(matchers[0]->value, STR("ALERTS_FOR_STATE")))
        return err_set(err, -EIO, "the disk is on fire");
    return memory_select(self, matchers, n, from, to, ret, err);
}

/* ---- files --------------------------------------------------------------------------------- */

static inline void world_write(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    assert_int_equal(fclose(f), 0);
}

static inline void world_enter_folder(struct world *w)
{
    w->home = open(".", O_RDONLY | O_DIRECTORY);
    strcpy(w->folder, "/tmp/tocsin-rules-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(chdir(w->folder), 0);
}

static inline void world_leave_folder(struct world *w)
{
    char command[64];

    assert_int_equal(fchdir(w->home), 0);
    close(w->home);
    snprintf(command, sizeof command, "rm -r %s", w->folder);
    assert_int_equal(system(command), 0);
}

/* ---- life ---------------------------------------------------------------------------------- */

static inline struct config *world_config(const char *text)
{
    struct config *c = NULL;
    struct err err = {0};

    if (config_parse("tocsin.yml", str_c(text), &c, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

/* Starts at w->now, or starts again: the store stays. */
static inline void world_start(struct world *w)
{
    struct err err = {0};

    rules_free(w->rules);
    w->rules = NULL;
    w->options.reader = *memory_reader_port(&w->store);
    w->options.reader.select = world_select;
    if (rules_new(&w->options, w->config, w->now, &w->rules, &err) < 0)
        fail_msg("%s", err.msg);
    w->wake = rules_tick(w->rules, w->now);
    w->zero = w->wake;
}

/* One run of everything that is next. */
static inline void world_step(struct world *w)
{
    unix_ns next;

    assert_true(w->wake >= w->now);
    w->now = w->wake;
    next = rules_tick(w->rules, w->now);
    assert_true(next > w->now);
    w->wake = next;
}

/* Zero is the next run. */
static inline void world_zero(struct world *w)
{
    w->zero = w->wake;
    buf_reset(&w->lines);
}

static inline void world_init_with(struct world *w, const char *config, const char *rules)
{
    *w = (struct world){.now = T0};
    w->options = (struct rules_options){.samples = {w, world_series, world_commit},
                                        .alerts = {w, world_post},
                                        .external_url = "http://tocsin.site:9090",
                                        .lookback = 5 * 60 * 1000,
                                        .resend_delay = 60 * 1000,
                                        .tell_within = 60 * 60 * 1000,
                                        .for_grace_period = 10 * 60 * 1000,
                                        .for_outage_tolerance = 60 * 60 * 1000};
    world_enter_folder(w);
    world_write("rules.yml", rules);
    w->config = world_config(config);
    world_start(w);
}

/* With the two runs behind it before which no ALERTS series are written. */
static inline void world_init(struct world *w, const char *rules)
{
    world_init_with(w, WORLD_CONFIG, rules);
    world_step(w);
    world_step(w);
    world_zero(w);
}

static inline void world_deinit(struct world *w)
{
    rules_free(w->rules);
    config_unref(w->config);
    memory_reader_clear(&w->store);
    for (size_t i = 0; i < w->n_series; i++)
        label_set_unref(w->series[i].labels);
    free(w->series);
    buf_free(&w->lines);
    world_leave_folder(w);
}

static inline int world_reload(struct world *w, const char *rules, struct err *err)
{
    int r;

    world_write("rules.yml", rules);
    r = rules_reload(w->rules, w->config, w->now, err);
    w->wake = rules_tick(w->rules, w->now);
    return r;
}

/* ---- what is measured ---------------------------------------------------------------------- */

static inline const struct label_set *world_labels(const char *selector)
{
    struct promql_expr *e = NULL;
    struct label_builder b = {0};
    struct label_set *ls;
    struct err err = {0};

    if (promql_parse_selector(str_c(selector), &e, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < e->root->vector.n_matchers; i++)
        label_builder_set(&b, e->root->vector.matchers[i]->name,
                          e->root->vector.matchers[i]->value);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    promql_expr_free(e);
    return ls;
}

/* What the next run sees, until it is set anew, ended, or five minutes old. */
static inline void world_set(struct world *w, const char *series, double v)
{
    const struct label_set *ls = world_labels(series);

    memory_reader_add(&w->store, ls, unix_ms_of_ns(w->wake) - 1, v, NULL);
    label_set_unref(ls);
}

/* Runs up to that second, with the series at v before each of them. */
static inline void world_run(struct world *w, double seconds, const char *series, double v)
{
    while (world_seconds(w, w->wake) <= seconds) {
        world_set(w, series, v);
        world_step(w);
    }
}

static inline void world_end(struct world *w, const char *series)
{
    world_set(w, series, stale_nan());
}

/* ---- comparing ----------------------------------------------------------------------------- */

static inline void world_expect(struct world *w, const char *lines)
{
    assert_string_equal(w->lines.p ? w->lines.p : "", lines);
    buf_reset(&w->lines);
}

/* A run, and all that it does. */
static inline void world_step_does(struct world *w, const char *lines)
{
    buf_reset(&w->lines);
    world_step(w);
    world_expect(w, lines);
}

/* ---- looking in ---------------------------------------------------------------------------- */

static inline const char *state_word(enum rule_state s)
{
    static const char *const words[] = {"inactive", "pending", "firing"};

    return words[s];
}

/* Appends `group/rule STATE HEALTH "error" [LABELS ANNOTATIONS STATE since T value V]...` lines. */
static inline void add_view(const struct rule_group_view *g, struct world *w)
{
    for (size_t i = 0; i < g->n_rules; i++) {
        const struct rule_view *v = &g->rules[i];
        static const char *const health[] = {"unknown", "ok", "err"};

        buf_addf(&w->lines, "%s/%s %s %s", g->name, v->name, state_word(v->state),
                 health[v->health]);
        if (v->last_error[0])
            buf_addf(&w->lines, " \"%s\"", v->last_error);
        buf_add_byte(&w->lines, '\n');
        for (size_t k = 0; k < v->n_alerts; k++) {
            const struct rule_alert_view *a = &v->alerts[k];

            buf_add_c(&w->lines, "  ");
            label_set_print(a->labels, &w->lines);
            buf_add_byte(&w->lines, ' ');
            label_set_print(a->annotations, &w->lines);
            buf_addf(&w->lines, " %s since %g value %g", state_word(a->state),
                     world_seconds(w, a->active_at), a->value);
            if (a->keep_firing_since != UNIX_NS_ZERO)
                buf_addf(&w->lines, " kept since %g", world_seconds(w, a->keep_firing_since));
            buf_add_byte(&w->lines, '\n');
        }
    }
}

static inline void world_add_view(const struct rule_group_view *g, void *arg)
{
    add_view(g, arg);
}

static inline void world_shows(struct world *w, const char *lines)
{
    buf_reset(&w->lines);
    rules_each_group(w->rules, world_add_view, w);
    world_expect(w, lines);
}

#endif
