/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/exemplars_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/matcher.h"
#include "model/sample.h"

void exemplars_init(struct exemplars *x, size_t max)
{
    *x = (struct exemplars){.max = max};
    lock_init(&x->lock);
}

void exemplars_reset_counters(struct exemplars *x)
{
    x->appended = 0;
    x->out_of_order = 0;
}

static void free_series(struct exemplar_series *s)
{
    label_set_unref(s->labels);
    free(s);
}

void exemplars_deinit(struct exemplars *x)
{
    struct exemplar_series *s;

    for (size_t i = 0; (s = map_next(&x->by_series, &i));)
        free_series(s);
    map_deinit(&x->by_series);
    for (size_t i = 0; i < x->n; i++)
        label_set_unref(x->slots[i].e.labels);
    free(x->slots);
    lock_deinit(&x->lock);
}

/* ---- judging ------------------------------------------------------------------------------- */

static bool is_owner(const void *key, const void *value)
{
    const struct exemplar_owner *o = key;
    const struct exemplar_series *s = value;

    if (o->id != 0 && s->id == o->id)
        return true;
    return o->labels && label_set_eq(o->labels, s->labels);
}

static struct exemplar_series *find(struct exemplars *x, const struct exemplar_owner *o)
{
    return map_get(&x->by_series, o->hash, is_owner, o);
}

bool exemplars_know(struct exemplars *x, const struct exemplar_owner *o)
{
    WITH_LOCK(&x->lock);
    return find(x, o) != NULL;
}

const struct label_set *exemplars_series(struct exemplars *x, const struct exemplar_owner *o)
{
    WITH_LOCK(&x->lock);
    const struct exemplar_series *s = find(x, o);

    return s ? label_set_ref(s->labels) : NULL;
}

/* Characters, as far as it matters: bytes that continue one do not count. */
static size_t count_characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool is_too_long(const struct label_set *labels)
{
    size_t n = 0;

    for (size_t i = 0; i < label_set_count(labels); i++) {
        struct label l = label_set_at(labels, i);

        n += count_characters(l.name) + count_characters(l.value);
    }
    return n > EXEMPLAR_LABELS_MAX;
}

/* Two without a time of their own are the same whenever they were read. */
static bool is_same(const struct exemplar_slot *a, const struct exemplar_row *b)
{
    return ((!a->has_time && !b->has_time) || a->e.t == b->t) &&
           double_bits(a->e.v) == double_bits(b->v) && label_set_eq(a->e.labels, b->labels);
}

/* Those of one time are in order by value, then by labels; as buckets of one histogram come. */
static bool is_before(const struct exemplar_row *a, const struct exemplar *b)
{
    if (a->t != b->t)
        return a->t < b->t;
    if (a->v != b->v)
        return a->v < b->v;
    return label_set_stable_hash(a->labels) < label_set_stable_hash(b->labels);
}

static enum exemplar_verdict judge(const struct exemplars *x, const struct exemplar_series *s,
                                   const struct exemplar_row *e)
{
    const struct exemplar_slot *newest = s ? &x->slots[s->newest] : NULL;

    if (x->max == 0)
        return EXEMPLAR_OFF;
    if (newest && is_same(newest, e))
        return EXEMPLAR_SAME;
    if (is_too_long(e->labels))
        return EXEMPLAR_TOO_LONG;
    return newest && is_before(e, &newest->e) ? EXEMPLAR_OUT_OF_ORDER : EXEMPLAR_NEW;
}

enum exemplar_verdict exemplars_judge(struct exemplars *x, const struct exemplar_owner *o,
                                      const struct exemplar_row *e)
{
    WITH_LOCK(&x->lock);
    return judge(x, x->max ? find(x, o) : NULL, e);
}

/* ---- adding -------------------------------------------------------------------------------- */

static bool is_series(const void *key, const void *value)
{
    return key == value;
}

/* Empties the slot that is to be filled: it holds the oldest of all, so of its series, too. */
static void evict(struct exemplars *x)
{
    struct exemplar_slot *slot = &x->slots[x->next];
    struct exemplar_series *s = slot->series;

    label_set_unref(slot->e.labels);
    s->oldest = slot->after;
    if (--s->n == 0) {
        map_remove(&x->by_series, s->hash, is_series, s);
        free_series(s);
    }
}

static void make_room(struct exemplars *x)
{
    if (x->n == x->max) {
        evict(x);
        return;
    }
    x->n++;
    if (x->n > x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 64;

        x->cap = cap < x->max ? cap : x->max;
        x->slots = mem_resize(x->slots, x->cap, sizeof *x->slots);
    }
}

static struct exemplar_series *make_series(struct exemplars *x, const struct exemplar_owner *o)
{
    struct exemplar_series *s = mem_zalloc(sizeof *s);

    s->labels = label_set_ref(o->labels);
    s->hash = o->hash;
    map_add(&x->by_series, s->hash, s);
    return s;
}

enum exemplar_verdict exemplars_add(struct exemplars *x, const struct exemplar_owner *o,
                                    const struct exemplar_row *e)
{
    WITH_LOCK(&x->lock);
    struct exemplar_series *s = x->max ? find(x, o) : NULL;
    enum exemplar_verdict v = judge(x, s, e);

    if (v == EXEMPLAR_OUT_OF_ORDER)
        x->out_of_order++;
    if (v != EXEMPLAR_NEW)
        return v;
    if (!s)
        s = make_series(x, o);
    s->n++; /* before the eviction, which may be about its only one */
    make_room(x);
    x->slots[x->next] = (struct exemplar_slot){
        .series = s, .e = {label_set_ref(e->labels), e->t, e->v}, .has_time = e->has_time};
    if (s->n == 1)
        s->oldest = x->next;
    else
        x->slots[s->newest].after = x->next;
    s->newest = x->next;
    if (o->id)
        s->id = o->id;
    x->next = (x->next + 1) % x->max;
    x->appended++;
    return v;
}

/* ---- reading ------------------------------------------------------------------------------- */

void exemplars_walk(struct exemplars *x,
                    void (*cb)(const struct label_set *series, const struct exemplar_row *e,
                               void *arg),
                    void *arg)
{
    WITH_LOCK(&x->lock);
    for (size_t i = 0; i < x->n; i++) {
        const struct exemplar_slot *s = &x->slots[x->n < x->max ? i : (x->next + i) % x->max];
        const struct exemplar_row row = {
            .labels = s->e.labels, .t = s->e.t, .v = s->e.v, .has_time = s->has_time};

        cb(s->series->labels, &row, arg);
    }
}

/* What was found of one series; copied under the lock, with references. */
struct found {
    const struct label_set *labels;
    struct exemplar *exemplars;
    size_t n;
};

static bool matches_one(const struct label_set *ls, const struct matcher_list *lists, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (matchers_match(lists[i].matchers, lists[i].n, ls))
            return true;
    return false;
}

static struct found copy(const struct exemplars *x, const struct exemplar_series *s, unix_ms from,
                         unix_ms to)
{
    struct found f = {.exemplars = mem_array(s->n, sizeof *f.exemplars)};
    size_t slot = s->oldest;

    for (size_t i = 0; i < s->n; i++, slot = x->slots[slot].after) {
        struct exemplar e = x->slots[slot].e;

        if (e.t < from || e.t > to)
            continue;
        e.labels = label_set_ref(e.labels);
        f.exemplars[f.n++] = e;
    }
    if (f.n > 0)
        f.labels = label_set_ref(s->labels);
    return f;
}

static int compare_found(const void *a, const void *b)
{
    return label_set_cmp(((const struct found *)a)->labels, ((const struct found *)b)->labels);
}

void exemplars_each(void *exemplars, const struct matcher_list *lists, size_t n_lists, unix_ms from,
                    unix_ms to,
                    void (*cb)(const struct label_set *series, const struct exemplar *exemplars,
                               size_t n, void *arg),
                    void *arg)
{
    struct exemplars *x = exemplars;
    const struct exemplar_series *s;
    struct found *all = NULL;
    size_t n = 0, cap = 0;

    {
        WITH_LOCK(&x->lock);
        for (size_t i = 0; (s = map_next(&x->by_series, &i));) {
            struct found f;

            if (!matches_one(s->labels, lists, n_lists))
                continue;
            f = copy(x, s, from, to);
            if (f.n > 0)
                *VEC_PUSH(all, n, cap) = f;
            else
                free(f.exemplars);
        }
    }
    if (n > 0)
        qsort(all, n, sizeof *all, compare_found);
    for (size_t i = 0; i < n; i++) {
        cb(all[i].labels, all[i].exemplars, all[i].n, arg);
        for (size_t k = 0; k < all[i].n; k++)
            label_set_unref(all[i].exemplars[k].labels);
        free(all[i].exemplars);
        label_set_unref(all[i].labels);
    }
    free(all);
}
