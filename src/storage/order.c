/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label by label, from the first: series are dealt out to groups by the pair that they have there,
 * the groups are put in order, and each is sorted on from the next label. So of many series the
 * texts of a few different pairs are compared, not those of every two series.
 */
#include "storage/order_priv.h"

#include <stdlib.h>

#include "base/mem.h"

#define FEW 8 /* are sorted by comparing them */

struct item {
    const pair_no *pairs;
    size_t n;
    series_id id;
};

struct group {
    pair_no pair; /* PAIR_NONE: those that have no more labels, which come first */
    struct label label;
    size_t n, at; /* where its next item goes */
};

struct order {
    const struct head *h;
    struct item *items, *dealt;
    struct group *groups;
    uint32_t *table; /* group + 1 by pair */
};

static pair_no pair_at(const struct item *it, size_t depth)
{
    return depth < it->n ? it->pairs[depth] : PAIR_NONE;
}

static void sort_few(const struct order *o, struct item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct item moved = items[i];
        size_t k = i;

        for (; k > 0 && head_compare_labels(o->h, items[k - 1].id, moved.id) > 0; k--)
            items[k] = items[k - 1];
        items[k] = moved;
    }
}

static bool share_pair(const struct item *items, size_t n, size_t depth)
{
    pair_no pair = pair_at(&items[0], depth);

    for (size_t i = 1; i < n; i++)
        if (pair_at(&items[i], depth) != pair)
            return false;
    return pair != PAIR_NONE;
}

/* The place of the pair's group in a table of mask + 1 places, or the free place for it. */
static uint32_t *place_of(const struct order *o, pair_no pair, size_t mask)
{
    size_t i = (pair * UINT32_C(2654435761) >> 8) & mask;

    while (o->table[i] && o->groups[o->table[i] - 1].pair != pair)
        i = (i + 1) & mask;
    return &o->table[i];
}

static int compare_groups(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    int r;

    if (a->pair == PAIR_NONE || b->pair == PAIR_NONE)
        return (a->pair != PAIR_NONE) - (b->pair != PAIR_NONE);
    r = str_cmp(a->label.name, b->label.name);
    return r ? r : str_cmp(a->label.value, b->label.value);
}

static size_t make_groups(struct order *o, const struct item *items, size_t n, size_t depth,
                          size_t mask)
{
    size_t n_groups = 0;

    memset(o->table, 0, (mask + 1) * sizeof *o->table);
    for (size_t i = 0; i < n; i++) {
        pair_no pair = pair_at(&items[i], depth);
        uint32_t *place = place_of(o, pair, mask);

        if (!*place) {
            struct group *g = &o->groups[n_groups++];

            *g = (struct group){.pair = pair};
            if (pair != PAIR_NONE)
                g->label = head_label(o->h, items[i].id, depth);
            *place = (uint32_t)n_groups;
        }
        o->groups[*place - 1].n++;
    }
    return n_groups;
}

/* Puts items next to each other whose pair at that depth is the same, in the order of the pairs. */
static void deal(struct order *o, struct item *items, size_t n, size_t depth)
{
    size_t mask = 15, at = 0, n_groups;

    while (mask + 1 < 2 * n)
        mask = 2 * mask + 1;
    n_groups = make_groups(o, items, n, depth, mask);
    qsort(o->groups, n_groups, sizeof *o->groups, compare_groups);
    memset(o->table, 0, (mask + 1) * sizeof *o->table);
    for (size_t i = 0; i < n_groups; i++) {
        *place_of(o, o->groups[i].pair, mask) = (uint32_t)i + 1;
        o->groups[i].at = at;
        at += o->groups[i].n;
    }
    for (size_t i = 0; i < n; i++)
        o->dealt[o->groups[*place_of(o, pair_at(&items[i], depth), mask) - 1].at++] = items[i];
    memcpy(items, o->dealt, n * sizeof *items);
}

/* Items that are the same up to depth. */
static void sort_from(struct order *o, struct item *items, size_t n, size_t depth)
{
    if (n <= FEW) {
        sort_few(o, items, n);
        return;
    }
    while (share_pair(items, n, depth))
        depth++;
    deal(o, items, n, depth);
    for (size_t from = 0, end; from < n; from = end) {
        pair_no pair = pair_at(&items[from], depth);

        for (end = from + 1; end < n && pair_at(&items[end], depth) == pair; end++)
            ;
        if (end - from > 1 && pair != PAIR_NONE)
            sort_from(o, items + from, end - from, depth + 1);
    }
}

void order_by_labels(const struct head *h, series_id *ids, size_t n)
{
    CLEANUP(mem_freep) struct item *items = mem_array(2 * n, sizeof *items);
    CLEANUP(mem_freep) struct group *groups = mem_array(n, sizeof *groups);
    CLEANUP(mem_freep) uint32_t *table = mem_array(4 * n + 16, sizeof *table);
    struct order o = {h, items, items + n, groups, table};

    for (size_t i = 0; i < n; i++)
        items[i] = (struct item){head_pairs(h, ids[i]), head_series(h, ids[i])->n_labels, ids[i]};
    sort_from(&o, items, n, 0);
    for (size_t i = 0; i < n; i++)
        ids[i] = items[i].id;
}
