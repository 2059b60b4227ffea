/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_reader - a series reader over samples that a test puts in
 *
 *     struct memory_reader m = {0};
 *     memory_reader_add(&m, labels, 60000, 1.5, NULL);
 *     promql_instant(expr, memory_reader_port(&m), ...);
 *     memory_reader_clear(&m);
 *
 * Selects by looking at every series. Any thread may read what another one has put in before.
 */
#ifndef TOCSIN_TESTS_SUPPORT_MEMORY_READER_H
#define TOCSIN_TESTS_SUPPORT_MEMORY_READER_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/histogram.h"
#include "model/label_set.h"
#include "model/matcher.h"
#include "model/ports.h"

struct memory_sample {
    unix_ms t;
    double v;
    const struct histogram *h; /* in the arena of the reader */
};

struct memory_series {
    const struct label_set *labels; /* one reference */
    struct memory_sample *samples;  /* ascending */
    size_t n, cap;
};

struct memory_reader {
    struct memory_series **series;
    size_t n, cap;
    struct map by_labels;
    struct arena arena;
    struct series_reader port;
    atomic_size_t reads; /* how often samples of a series were asked for */
    int fail_read;       /* unless 0: what read() returns */
};

struct memory_selection {
    struct selection s;
    struct memory_reader *reader;
    struct memory_series **series;
    const struct label_set **labels;
};

__attribute__((unused)) static void memory_reader_clear(struct memory_reader *m)
{
    for (size_t i = 0; i < m->n; i++) {
        label_set_unref(m->series[i]->labels);
        free(m->series[i]->samples);
        free(m->series[i]);
    }
    free(m->series);
    map_deinit(&m->by_labels);
    arena_deinit(&m->arena);
    *m = (struct memory_reader){0};
}

static bool memory_series_is(const void *key, const void *value)
{
    return label_set_eq(key, ((const struct memory_series *)value)->labels);
}

__attribute__((unused)) static struct memory_series *memory_reader_series(
    struct memory_reader *m, const struct label_set *labels)
{
    uint64_t hash = label_set_hash(labels);
    struct memory_series *s = map_get(&m->by_labels, hash, memory_series_is, labels);

    if (!s) {
        s = mem_zalloc(sizeof *s);
        s->labels = label_set_ref(labels);
        *VEC_PUSH(m->series, m->n, m->cap) = s;
        map_add(&m->by_labels, hash, s);
    }
    return s;
}

static const void *memory_copy(struct arena *a, const void *p, size_t n, size_t size)
{
    void *q = arena_alloc(a, n * size + 1);

    if (n)
        memcpy(q, p, n * size);
    return q;
}

static const struct histogram *memory_histogram(struct arena *a, const struct histogram *h)
{
    struct histogram *c = arena_alloc(a, sizeof *c);

    *c = *h;
    c->positive_spans = memory_copy(a, h->positive_spans, h->n_positive_spans,
                                    sizeof *h->positive_spans);
    c->negative_spans = memory_copy(a, h->negative_spans, h->n_negative_spans,
                                    sizeof *h->negative_spans);
    c->positive = memory_copy(a, h->positive, h->n_positive, sizeof *h->positive);
    c->negative = memory_copy(a, h->negative, h->n_negative, sizeof *h->negative);
    c->bounds = memory_copy(a, h->bounds, h->n_bounds, sizeof *h->bounds);
    return c;
}

/* A sample at a time that is there already replaces the old one. */
__attribute__((unused)) static void memory_reader_add(struct memory_reader *m,
                                                      const struct label_set *labels, unix_ms t,
                                                      double v, const struct histogram *h)
{
    struct memory_series *s = memory_reader_series(m, labels);
    size_t at = s->n;

    while (at > 0 && s->samples[at - 1].t >= t)
        at--;
    if (at == s->n || s->samples[at].t != t) {
        VEC_PUSH(s->samples, s->n, s->cap);
        memmove(s->samples + at + 1, s->samples + at, (s->n - 1 - at) * sizeof *s->samples);
    }
    s->samples[at] = (struct memory_sample){t, v, h ? memory_histogram(&m->arena, h) : NULL};
}

static int memory_series_cmp(const void *a, const void *b)
{
    return label_set_cmp((*(struct memory_series *const *)a)->labels,
                         (*(struct memory_series *const *)b)->labels);
}

static bool memory_series_in(const struct memory_series *s, unix_ms from, unix_ms to)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->samples[i].t >= from && s->samples[i].t <= to)
            return true;
    return false;
}

static int memory_select(void *self, const struct matcher *const *matchers, size_t n_matchers,
                         unix_ms from, unix_ms to, struct selection **ret, struct err *err)
{
    struct memory_reader *m = self;
    struct memory_selection *found = mem_zalloc(sizeof *found);

    found->reader = m;
    found->series = mem_array(m->n + 1, sizeof *found->series);
    found->labels = mem_array(m->n + 1, sizeof *found->labels);
    for (size_t i = 0; i < m->n; i++)
        if (matchers_match(matchers, n_matchers, m->series[i]->labels) &&
            memory_series_in(m->series[i], from, to))
            found->series[found->s.n++] = m->series[i];
    qsort(found->series, found->s.n, sizeof *found->series, memory_series_cmp);
    for (size_t i = 0; i < found->s.n; i++)
        found->labels[i] = found->series[i]->labels;
    found->s.reader = &m->port;
    found->s.labels = found->labels;
    *ret = &found->s;
    return 0;
}

static int memory_read(const struct selection *selection, size_t i, unix_ms from, unix_ms to,
                       struct columns *ret, struct err *err)
{
    const struct memory_selection *found = (const struct memory_selection *)selection;
    const struct memory_series *s = found->series[i];
    const struct histogram **h = NULL;

    found->reader->reads++;
    if (found->reader->fail_read)
        return err_set(err, found->reader->fail_read, "the disk is on fire");
    columns_reserve(ret, s->n);
    if (ret->hold)
        ret->hold_free(ret->hold);
    ret->hold = NULL;
    ret->n = 0;
    for (size_t j = 0; j < s->n; j++) {
        if (s->samples[j].t < from || s->samples[j].t > to)
            continue;
        if (s->samples[j].h && !h)
            h = mem_array(s->n, sizeof *h);
        if (h)
            h[ret->n] = s->samples[j].h;
        ret->times[ret->n] = s->samples[j].t;
        ret->values[ret->n++] = s->samples[j].v;
    }
    ret->histograms = h;
    ret->hold = h;
    ret->hold_free = free;
    return 0;
}

static void memory_release(struct selection *s)
{
    struct memory_selection *found = (struct memory_selection *)s;

    if (!s)
        return;
    free(found->series);
    free(found->labels);
    free(found);
}

static int memory_str_cmp(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void memory_tell(struct str *found, size_t n, void (*cb)(struct str s, void *arg), void *arg)
{
    if (n)
        qsort(found, n, sizeof *found, memory_str_cmp);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(found[i], found[i - 1]))
            cb(found[i], arg);
    free(found);
}

static int memory_label_names(void *self, const struct matcher *const *ms, size_t n_ms,
                              unix_ms from, unix_ms to, void (*cb)(struct str name, void *arg),
                              void *arg, struct err *err)
{
    struct memory_reader *m = self;
    struct str *found = NULL;
    size_t n = 0, cap = 0;

    if (m->fail_read)
        return err_set(err, m->fail_read, "the disk is on fire");
    for (size_t i = 0; i < m->n; i++)
        if (matchers_match(ms, n_ms, m->series[i]->labels) &&
            memory_series_in(m->series[i], from, to))
            for (size_t k = 0; k < label_set_count(m->series[i]->labels); k++)
                *VEC_PUSH(found, n, cap) = label_set_at(m->series[i]->labels, k).name;
    memory_tell(found, n, cb, arg);
    return 0;
}

static int memory_label_values(void *self, struct str name, const struct matcher *const *ms,
                               size_t n_ms, unix_ms from, unix_ms to,
                               void (*cb)(struct str value, void *arg), void *arg, struct err *err)
{
    struct memory_reader *m = self;
    struct str *found = NULL;
    size_t n = 0, cap = 0;

    if (m->fail_read)
        return err_set(err, m->fail_read, "the disk is on fire");
    for (size_t i = 0; i < m->n; i++)
        if (matchers_match(ms, n_ms, m->series[i]->labels) &&
            memory_series_in(m->series[i], from, to) &&
            label_set_get(m->series[i]->labels, name).len > 0)
            *VEC_PUSH(found, n, cap) = label_set_get(m->series[i]->labels, name);
    memory_tell(found, n, cb, arg);
    return 0;
}

__attribute__((unused)) static const struct series_reader *memory_reader_port(
    struct memory_reader *m)
{
    m->port = (struct series_reader){.self = m,
                                     .select = memory_select,
                                     .read = memory_read,
                                     .release = memory_release,
                                     .label_names = memory_label_names,
                                     .label_values = memory_label_values};
    return &m->port;
}

#endif
