/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/view_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

static struct view *view_new(struct views *vs, unix_ms cut)
{
    struct view *v = mem_zalloc(sizeof *v);

    v->of = vs;
    v->refs = 1;
    v->cut = cut;
    return v;
}

static void view_free(struct view *v)
{
    for (size_t i = 0; i < v->n_blocks; i++)
        block_unref(v->blocks[i]);
    for (size_t i = 0; i < v->n_blocks; i++)
        stones_unref(v->stones[i]);
    stones_unref(v->head_stones);
    free(v->stones);
    free(v->blocks);
    free(v);
}

void views_init(struct views *vs)
{
    lock_init(&vs->lock);
    vs->current = view_new(vs, INT64_MIN);
}

void views_deinit(struct views *vs)
{
    if (!vs->current)
        return;
    must(vs->current->refs == 1 && !vs->current->next);
    view_free(vs->current);
    lock_deinit(&vs->lock);
    vs->current = NULL;
}

struct view *view_take(struct views *vs)
{
    WITH_LOCK(&vs->lock);
    vs->current->refs++;
    return vs->current;
}

/* lock. Takes the view off the list; it is the caller's to free. */
static struct view *unlink_unused(struct views *vs, struct view *v)
{
    struct view **link = &vs->current;

    if (--v->refs > 0)
        return NULL;
    while (*link != v)
        link = &(*link)->next;
    *link = v->next;
    return v;
}

void view_give(struct view *v)
{
    struct view *unused;

    if (!v)
        return;
    {
        WITH_LOCK(&v->of->lock);
        unused = unlink_unused(v->of, v);
    }
    if (unused)
        view_free(unused);
}

static bool is_among(const struct block *b, struct block *const *set, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (set[i] == b)
            return true;
    return false;
}

/* Late ones last, and they by age: of two samples at one time, the reader keeps the one that it meets
 * first. */
static int compare_blocks(const void *pa, const void *pb)
{
    const struct block *a = *(struct block *const *)pa, *b = *(struct block *const *)pb;
    bool late_a = a->info.flags & BLOCK_LATE, late_b = b->info.flags & BLOCK_LATE;
    uint64_t age_a = block_age(a), age_b = block_age(b);

    if (late_a != late_b)
        return late_a - late_b;
    if (!late_a && a->info.min_time != b->info.min_time)
        return a->info.min_time < b->info.min_time ? -1 : 1;
    return age_a < age_b ? -1 : age_a > age_b;
}

/* What is deleted of blocks goes with them. */
static void inherit_stones(struct view *v, const struct view *old)
{
    v->stones = mem_array(v->n_blocks, sizeof(struct stones *));
    for (size_t i = 0; i < v->n_blocks; i++)
        for (size_t k = 0; k < old->n_blocks; k++)
            if (old->blocks[k] == v->blocks[i])
                v->stones[i] = stones_ref(old->stones[k]);
    v->head_stones = stones_ref(old->head_stones);
}

/* lock. Puts v, whose blocks are there, in the place of the current view; returns what has to be
 * freed. */
static struct view *replace(struct views *vs, struct view *v)
{
    struct view *old = vs->current;

    inherit_stones(v, old);
    v->next = old;
    vs->current = v;
    return unlink_unused(vs, old);
}

void views_change(struct views *vs, struct block *const *drop, size_t n_drop,
                  struct block *const *take_add, size_t n_add, bool is_cut, unix_ms cut)
{
    struct view *v = view_new(vs, cut), *old, *unused;

    {
        WITH_LOCK(&vs->lock);
        old = vs->current;
        v->blocks = mem_array(old->n_blocks + n_add, sizeof(struct block *));
        for (size_t i = 0; i < old->n_blocks; i++)
            if (!is_among(old->blocks[i], drop, n_drop))
                v->blocks[v->n_blocks++] = block_ref(old->blocks[i]);
        for (size_t i = 0; i < n_add; i++)
            v->blocks[v->n_blocks++] = take_add[i];
        qsort(v->blocks, v->n_blocks, sizeof *v->blocks, compare_blocks);
        v->cut = is_cut ? cut : old->cut;
        v->cuts = old->cuts + is_cut;
        unused = replace(vs, v);
    }
    if (unused)
        view_free(unused);
}

static void set_stones(struct view *v, const struct stones_change *c)
{
    struct stones **place = c->block ? NULL : &v->head_stones;

    for (size_t i = 0; i < v->n_blocks && !place; i++)
        if (v->blocks[i] == c->block)
            place = &v->stones[i];
    must(place);
    stones_unref(*place);
    *place = c->take;
}

void views_set_stones(struct views *vs, const struct stones_change *changes, size_t n)
{
    struct view *v = view_new(vs, 0), *old, *unused;

    {
        WITH_LOCK(&vs->lock);
        old = vs->current;
        v->blocks = mem_array(old->n_blocks, sizeof(struct block *));
        for (; v->n_blocks < old->n_blocks; v->n_blocks++)
            v->blocks[v->n_blocks] = block_ref(old->blocks[v->n_blocks]);
        v->cut = old->cut;
        v->cuts = old->cuts;
        unused = replace(vs, v);
        for (size_t i = 0; i < n; i++)
            set_stones(v, &changes[i]);
    }
    if (unused)
        view_free(unused);
}

bool views_all_cut(struct views *vs)
{
    WITH_LOCK(&vs->lock);
    for (const struct view *v = vs->current->next; v; v = v->next)
        if (v->cuts != vs->current->cuts)
            return false;
    return true;
}
