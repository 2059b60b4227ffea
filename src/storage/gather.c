/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/gather_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "storage/late_block_priv.h"
#include "storage/samples_priv.h"

struct gathered {
    const struct label_set *labels;
    struct columns c;
    bool unordered; /* samples came that were not behind the ones before */
};

static bool has_labels(const void *key, const void *value)
{
    return label_set_eq(key, ((const struct gathered *)value)->labels);
}

struct gathered *gather_series(struct gather *g, const struct label_set *labels)
{
    uint64_t hash = label_set_hash(labels);
    struct gathered *s = map_get(&g->by_labels, hash, has_labels, labels);

    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    s->labels = label_set_ref(labels);
    map_add(&g->by_labels, hash, s);
    *VEC_PUSH(g->series, g->n, g->cap) = s;
    return s;
}

const struct label_set *gathered_labels(const struct gathered *s)
{
    return s->labels;
}

void gather_deinit(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        label_set_unref(g->series[i]->labels);
        columns_deinit(&g->series[i]->c);
        free(g->series[i]);
    }
    free(g->series);
    map_deinit(&g->by_labels);
}

static size_t size_of(const struct histogram *h)
{
    return sizeof(unix_ms) + sizeof(double) +
           (h ? sizeof *h + (h->n_positive + h->n_negative + h->n_bounds) * sizeof(double) : 0);
}

int gather_add(struct gather *g, struct gathered *s, unix_ms t, double v, const struct histogram *h,
               struct err *err)
{
    struct columns *c = &s->c;

    s->unordered = s->unordered || (c->n > 0 && t <= c->times[c->n - 1]);
    samples_add(c, t, v, h);
    g->bytes += size_of(h);
    return g->bytes < (g->bytes_max ? g->bytes_max : GATHER_BYTES_MAX) ? 0 : gather_flush(g, err);
}

/* ---- what the storage has ------------------------------------------------------------------ */

static int compare_series(const void *pa, const void *pb)
{
    const struct gathered *const *a = pa, *const *b = pb;

    return label_set_cmp((*a)->labels, (*b)->labels);
}

/* Puts each series in order, and all of them; says from when to when they have samples. */
static void put_in_order(struct gather *g, unix_ms *ret_from, unix_ms *ret_to)
{
    *ret_from = INT64_MAX;
    *ret_to = INT64_MIN;
    if (g->n_sorted < g->n)
        qsort(g->series, g->n, sizeof(struct gathered *), compare_series);
    g->n_sorted = g->n;
    for (size_t i = 0; i < g->n; i++) {
        struct gathered *s = g->series[i];
        size_t before = s->c.n;

        if (s->unordered)
            samples_sort(&s->c, 0);
        s->unordered = false;
        g->counts.known += before - s->c.n;
        if (s->c.n == 0)
            continue;
        *ret_from = s->c.times[0] < *ret_from ? s->c.times[0] : *ret_from;
        *ret_to = s->c.times[s->c.n - 1] > *ret_to ? s->c.times[s->c.n - 1] : *ret_to;
    }
}

/* Leaves out of c what `have` has at the same time. Both are ascending. */
static size_t leave_out(struct columns *c, const struct columns *have)
{
    size_t n = 0, k = 0, before = c->n;

    for (size_t i = 0; i < c->n; i++) {
        while (k < have->n && have->times[k] < c->times[i])
            k++;
        if (k < have->n && have->times[k] == c->times[i])
            continue;
        c->times[n] = c->times[i];
        c->values[n] = c->values[i];
        if (c->histograms)
            c->histograms[n] = c->histograms[i];
        n++;
    }
    c->n = n;
    return before - n;
}

/* Both the selection and the series are in order of labels. */
static int leave_out_all(struct gather *g, const struct selection *have, struct err *err)
{
    struct columns c = {0};
    size_t k = 0;
    int r = 0;

    for (size_t i = 0; i < g->n && r == 0; i++) {
        struct gathered *s = g->series[i];

        while (k < have->n && label_set_cmp(have->labels[k], s->labels) < 0)
            k++;
        if (k == have->n)
            break;
        if (s->c.n == 0 || !label_set_eq(have->labels[k], s->labels))
            continue;
        r = have->reader->read(have, k, s->c.times[0], s->c.times[s->c.n - 1], &c, err);
        if (r == 0)
            g->counts.known += leave_out(&s->c, &c);
    }
    columns_deinit(&c);
    return r;
}

static int leave_out_known(struct gather *g, unix_ms from, unix_ms to, struct err *err)
{
    const struct series_reader *reader;
    struct selection *have = NULL;
    int r;

    if (from > to || !g->st)
        return 0;
    reader = storage_reader(g->st);
    r = reader->select(reader->self, NULL, 0, from, to, &have, err);
    if (r == 0)
        r = leave_out_all(g, have, err);
    reader->release(have);
    return r;
}

/* ---- the block ----------------------------------------------------------------------------- */

struct pairs {
    struct label *v; /* sorted, without doubles */
    size_t n, cap;
};

static int compare_pairs(const void *pa, const void *pb)
{
    const struct label *a = pa, *b = pb;
    int r = str_cmp(a->name, b->name);

    return r ? r : str_cmp(a->value, b->value);
}

#define PAIRS_UNSORTED_MAX ((size_t)1 << 20) /* so many new ones, and doubles are thrown out */

static void sort_pairs(struct pairs *p)
{
    size_t n = 0;

    if (p->n > 0)
        qsort(p->v, p->n, sizeof *p->v, compare_pairs);
    for (size_t i = 0; i < p->n; i++)
        if (i == 0 || compare_pairs(&p->v[i], &p->v[n - 1]) != 0)
            p->v[n++] = p->v[i];
    p->n = n;
}

static void list_pairs(const struct gather *g, struct pairs *p)
{
    size_t sorted = 0;

    for (size_t i = 0; i < g->n; i++) {
        const struct label_set *labels = g->series[i]->labels;

        for (size_t k = 0; g->series[i]->c.n > 0 && k < label_set_count(labels); k++)
            *VEC_PUSH(p->v, p->n, p->cap) = label_set_at(labels, k);
        if (p->n - sorted > PAIRS_UNSORTED_MAX) {
            sort_pairs(p);
            sorted = p->n;
        }
    }
    sort_pairs(p);
}

struct filling {
    const struct gather *g;
    const struct pairs *pairs;
};

static int fill(void *self, struct block_writer *w, struct err *err)
{
    const struct filling *f = self;
    uint32_t numbers[LABEL_COUNT_MAX];

    for (size_t i = 0; i < f->g->n; i++) {
        const struct gathered *s = f->g->series[i];
        size_t n = label_set_count(s->labels);

        if (s->c.n == 0)
            continue;
        for (size_t k = 0; k < n; k++) {
            struct label l = label_set_at(s->labels, k);
            const struct label *found = bsearch(&l, f->pairs->v, f->pairs->n, sizeof l,
                                                compare_pairs);

            numbers[k] = (uint32_t)(found - f->pairs->v);
        }
        block_writer_series(w, label_set_stable_hash(s->labels), numbers, n);
        block_writer_samples(w, &s->c);
        block_writer_series_end(w);
    }
    return 0;
}

static void count(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct columns *c = &g->series[i]->c;

        g->counts.series += c->n > 0;
        g->counts.samples += c->n;
        for (size_t k = 0; c->histograms && k < c->n; k++)
            g->counts.histograms += c->histograms[k] != NULL;
    }
}

static void drop_samples(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        columns_deinit(&g->series[i]->c);
        g->series[i]->c = (struct columns){0};
    }
    g->bytes = 0;
}

int gather_flush(struct gather *g, struct err *err)
{
    struct pairs pairs = {0};
    unix_ms from, to;
    int r;

    put_in_order(g, &from, &to);
    r = leave_out_known(g, from, to, err);
    if (r == 0)
        list_pairs(g, &pairs);
    if (r == 0 && (g->dry_run || pairs.n == 0))
        r = pairs.n > 0;
    else if (r == 0)
        r = late_block_write(g->st, pairs.v, pairs.n, fill, &(struct filling){g, &pairs}, err);
    free(pairs.v);
    if (r < 0)
        return r;
    g->counts.blocks += (unsigned)r;
    count(g);
    drop_samples(g);
    return 0;
}
