/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - a sample sink that keeps what it is given as lines of text, newest last
 */
#ifndef TOCSIN_TESTS_UNIT_SCRAPE_SINK_H
#define TOCSIN_TESTS_UNIT_SCRAPE_SINK_H

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/histogram.h"
#include "model/ports.h"
#include "model/sample.h"

#define SINK_REF_STEP 1000 /* references made after a forgetting are higher than all before */

struct sink_series {
    series_ref ref;
    char *text;
};

struct sink {
    struct sink_series *series;
    size_t n, cap;
    struct buf stored; /* "name{labels} value @time\n" */
    struct buf told;   /* metadata: "name type 'help' 'unit'\n" */
    series_ref first_known;
    size_t asked; /* calls of series() */
    size_t commits;
    size_t budget; /* series; 0: no limit */
    bool broken;   /* refuses commits */
};

static inline int sink_ask(void *self, const struct label_set *labels, series_ref *ret,
                           struct err *err)
{
    struct sink *s = self;
    struct buf text = {0};

    s->asked++;
    label_set_print(labels, &text);
    for (size_t i = 0; i < s->n; i++)
        if (s->series[i].ref >= s->first_known && strcmp(s->series[i].text, text.p) == 0) {
            *ret = s->series[i].ref;
            buf_free(&text);
            return 0;
        }
    if (s->budget && s->n >= s->budget) {
        buf_free(&text);
        return err_set(err, -ENOSPC, "series budget spent");
    }
    *ret = s->first_known + s->n + 1;
    *VEC_PUSH(s->series, s->n, s->cap) = (struct sink_series){*ret, buf_take(&text)};
    return 0;
}

static inline const char *sink_text(const struct sink *s, series_ref ref)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->series[i].ref == ref)
            return s->series[i].text;
    must(!"a reference that was never given");
    return NULL;
}

static inline int sink_commit(void *self, const struct sample_row *rows, size_t n,
                              enum commit_flags flags, enum sample_verdict *verdicts,
                              struct err *err)
{
    struct sink *s = self;

    s->commits++;
    if (s->broken)
        return err_set(err, -ENOSPC, "disk full");
    for (size_t i = 0; i < n; i++) {
        const char *text = sink_text(s, rows[i].ref);

        verdicts[i] = rows[i].ref < s->first_known ? SAMPLE_UNKNOWN_REF : SAMPLE_STORED;
        if (verdicts[i] == SAMPLE_UNKNOWN_REF)
            continue;
        if (rows[i].h)
            buf_addf(&s->stored, "%s histogram of %g @%lld\n", text, rows[i].h->count,
                     (long long)rows[i].t);
        else if (is_stale(rows[i].v))
            buf_addf(&s->stored, "%s stale @%lld\n", text, (long long)rows[i].t);
        else
            buf_addf(&s->stored, "%s %g @%lld\n", text, rows[i].v, (long long)rows[i].t);
    }
    return 0;
}

static inline int sink_commit_batch(void *self, const struct sample_batch *b,
                                    enum commit_flags flags, enum sample_verdict *verdicts,
                                    size_t *ret_exemplars, struct err *err)
{
    struct sink *s = self;
    int r = sink_commit(self, b->rows, b->n_rows, flags, verdicts, err);

    for (size_t i = 0; r == 0 && i < b->n_metadata; i++)
        buf_addf(&s->told, STR_FMT " %s '" STR_FMT "' '" STR_FMT "'\n",
                 STR_ARG(b->metadata[i].family), metric_type_name(b->metadata[i].type),
                 STR_ARG(b->metadata[i].help), STR_ARG(b->metadata[i].unit));
    for (size_t i = 0; r == 0 && i < b->n_exemplars; i++) {
        const struct exemplar_row *e = &b->exemplars[i];

        buf_addf(&s->told, "%s # ", sink_text(s, e->ref));
        label_set_print(e->labels, &s->told);
        buf_addf(&s->told, " %g @%lld%s\n", e->v, (long long)e->t, e->has_time ? " own" : "");
    }
    return r;
}

static inline struct sample_sink sink_port(struct sink *s)
{
    return (struct sample_sink){
        .self = s, .series = sink_ask, .commit = sink_commit, .commit_batch = sink_commit_batch};
}

static inline void sink_forget(struct sink *s)
{
    s->first_known += SINK_REF_STEP;
}

static inline void sink_free(struct sink *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->series[i].text);
    free(s->series);
    buf_free(&s->stored);
    buf_free(&s->told);
}

#endif
