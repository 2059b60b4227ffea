/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - a sample sink that judges as Prometheus does and keeps what it took as lines of text
 */
#ifndef TOCSIN_TESTS_UNIT_REMOTE_SINK_H
#define TOCSIN_TESTS_UNIT_REMOTE_SINK_H

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "model/histogram.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "model/sample.h"

#define SINK_RANGE_MS 3600000 /* how far behind the newest sample of all one may be */
#define SINK_AHEAD_MS 600000

struct sink_series {
    char *text;
    bool gone; /* its reference is unknown, and a new one is given when it is asked for */
    unix_ms t;
    double v;
};

struct sink {
    struct lock lock;
    unix_ms now, newest;
    struct sink_series *series; /* reference - 1 is the place */
    size_t n, cap;
    struct buf stored; /* "name{labels} value @time\n" */
    struct buf
        extras; /* the same of exemplars, with their labels before the value; "family type help\n" */
    size_t asked, commits;
    int series_fails, commit_fails; /* codes to fail with */
    bool forgetful;                 /* every commit says that the references are unknown */
};

static inline int sink_ask(void *self, const struct label_set *labels, series_ref *ret,
                           struct err *err)
{
    struct sink *s = self;
    CLEANUP(buf_free) struct buf text = {0};
    struct sink_series *made;

    WITH_LOCK(&s->lock);
    s->asked++;
    if (s->series_fails)
        return err_set(err, s->series_fails, "no series for you");
    label_set_print(labels, &text);
    for (size_t i = 0; i < s->n; i++)
        if (!s->series[i].gone && strcmp(s->series[i].text, text.p) == 0) {
            *ret = i + 1;
            return 0;
        }
    made = VEC_PUSH(s->series, s->n, s->cap);
    made->text = buf_take(&text);
    made->t = INT64_MIN;
    *ret = s->n;
    return 0;
}

/* One number stands for a histogram: enough to tell two apart. */
static inline double sink_value(const struct sample_row *row)
{
    return row->h ? row->h->count : row->v;
}

static inline enum sample_verdict sink_judge(const struct sink *s, const struct sink_series *state,
                                             unix_ms newest, const struct sample_row *row)
{
    const struct sink_series *own;

    if (s->forgetful || row->ref == 0 || row->ref > s->n || state[row->ref - 1].gone)
        return SAMPLE_UNKNOWN_REF;
    own = &state[row->ref - 1];
    if (row->t > s->now + SINK_AHEAD_MS)
        return SAMPLE_TOO_NEW;
    if (row->t < newest - SINK_RANGE_MS)
        return SAMPLE_OUT_OF_BOUNDS;
    if (row->t > own->t)
        return SAMPLE_STORED;
    if (row->t < own->t)
        return SAMPLE_OUT_OF_ORDER;
    return double_bits(sink_value(row)) == double_bits(own->v) ? SAMPLE_SAME : SAMPLE_DUPLICATE;
}

static inline void sink_add_numbers(struct buf *out, const char *name, const double *v, size_t n)
{
    buf_addf(out, " %s", name);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, " %g", v[i]);
}

static inline void sink_add_spans(struct buf *out, const char *name, const struct histogram_span *v,
                                  size_t n)
{
    buf_addf(out, " %s", name);
    for (size_t i = 0; i < n; i++)
        buf_addf(out, " %d:%u", v[i].offset, v[i].length);
}

static inline void sink_add_row(struct buf *out, const struct sample_row *row)
{
    const struct histogram *h = row->h;

    if (!h) {
        buf_addf(out, " %g", row->v);
    } else {
        buf_addf(out, " {%sschema %d hint %d count %g sum %g zero %g below %g",
                 h->kind == HISTOGRAM_INTEGER ? "integer " : "", h->schema, (int)h->hint, h->count,
                 h->sum, h->zero_count, h->zero_threshold);
        sink_add_spans(out, "spans", h->negative_spans, h->n_negative_spans);
        sink_add_numbers(out, "negative", h->negative, h->n_negative);
        sink_add_spans(out, "spans", h->positive_spans, h->n_positive_spans);
        sink_add_numbers(out, "positive", h->positive, h->n_positive);
        sink_add_numbers(out, "bounds", h->bounds, h->n_bounds);
        buf_add_c(out, "}");
    }
    buf_addf(out, " @%lld\n", (long long)row->t);
}

static inline int sink_commit(void *self, const struct sample_row *rows, size_t n,
                              enum commit_flags flags, enum sample_verdict *verdicts,
                              struct err *err)
{
    struct sink *s = self;
    CLEANUP(buf_free) struct buf lines = {0};
    struct sink_series *state;
    unix_ms newest;

    WITH_LOCK(&s->lock);
    s->commits++;
    if (s->commit_fails)
        return err_set(err, s->commit_fails, "no commit for you");
    newest = s->newest;
    state = mem_array(s->n + 1, sizeof *state);
    if (s->n)
        memcpy(state, s->series, s->n * sizeof *state);
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = sink_judge(s, state, newest, &rows[i]);
        if (verdicts[i] == SAMPLE_STORED) {
            state[rows[i].ref - 1].t = rows[i].t;
            state[rows[i].ref - 1].v = sink_value(&rows[i]);
            s->newest = s->newest > rows[i].t ? s->newest : rows[i].t;
            buf_add_c(&lines, state[rows[i].ref - 1].text);
            sink_add_row(&lines, &rows[i]);
        } else if (verdicts[i] != SAMPLE_SAME && flags & COMMIT_ALL_OR_NOTHING) {
            free(state);
            s->newest = newest;
            return err_set(err, -EINVAL, "sample %zu is bad", i);
        }
    }
    free(s->series);
    s->series = state;
    s->cap = s->n + 1;
    buf_add_str(&s->stored, buf_str(&lines));
    return 0;
}

static inline int sink_commit_batch(void *self, const struct sample_batch *b,
                                    enum commit_flags flags, enum sample_verdict *verdicts,
                                    size_t *ret_exemplars, struct err *err)
{
    struct sink *s = self;
    int r = sink_commit(self, b->rows, b->n_rows, flags, verdicts, err);

    if (r < 0)
        return r;
    WITH_LOCK(&s->lock);
    *ret_exemplars = 0;
    for (size_t i = 0; i < b->n_exemplars; i++) {
        const struct exemplar_row *e = &b->exemplars[i];

        if (s->series[e->ref - 1].gone)
            continue;
        buf_addf(&s->extras, "%s ", s->series[e->ref - 1].text);
        label_set_print(e->labels, &s->extras);
        buf_addf(&s->extras, " %g @%lld\n", e->v, (long long)e->t);
        ++*ret_exemplars;
    }
    for (size_t i = 0; i < b->n_metadata; i++)
        buf_addf(&s->extras, STR_FMT " %s " STR_FMT "|" STR_FMT "\n",
                 STR_ARG(b->metadata[i].family), metric_type_name(b->metadata[i].type),
                 STR_ARG(b->metadata[i].help), STR_ARG(b->metadata[i].unit));
    return 0;
}

static inline void sink_init(struct sink *s, unix_ms now)
{
    *s = (struct sink){.now = now, .newest = INT64_MIN / 2};
    lock_init(&s->lock);
}

static inline struct sample_sink sink_port(struct sink *s)
{
    return (struct sample_sink){s, sink_ask, sink_commit, sink_commit_batch, true};
}

static inline void sink_forget_all(struct sink *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->series[i].gone = true;
}

static inline void sink_deinit(struct sink *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->series[i].text);
    free(s->series);
    buf_free(&s->stored);
    buf_free(&s->extras);
    lock_deinit(&s->lock);
}

#endif
