/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/series_cache_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

#define SLOTS_LEAST     1024
#define PREFETCH_SERIES 8 /* ahead: a slot is a miss of about 100 ns, a look takes a tenth of it */

void series_cache_init(struct series_cache *c, size_t max)
{
    *c = (struct series_cache){.max = max};
    must(pthread_rwlock_init(&c->lock, NULL) == 0);
}

void series_cache_deinit(struct series_cache *c)
{
    pthread_rwlock_destroy(&c->lock);
    free(c->slots);
}

/* The slot of the key, or the free one where it would be. */
static struct series_entry *find(const struct series_cache *c, struct hash128 key)
{
    size_t i = (size_t)key.low & (c->cap - 1);

    while (c->slots[i].ref && (c->slots[i].key.low != key.low || c->slots[i].key.high != key.high))
        i = (i + 1) & (c->cap - 1);
    return &c->slots[i];
}

size_t series_cache_get(struct series_cache *c, struct write_series *series, size_t n)
{
    size_t unknown = 0;

    must(pthread_rwlock_rdlock(&c->lock) == 0);
    for (size_t i = 0; i < n; i++) {
        if (i + PREFETCH_SERIES < n && c->cap > 0)
            __builtin_prefetch(&c->slots[series[i + PREFETCH_SERIES].key.low & (c->cap - 1)]);
        series[i].ref = c->cap > 0 ? find(c, series[i].key)->ref : 0;
        unknown += series[i].ref == 0;
    }
    must(pthread_rwlock_unlock(&c->lock) == 0);
    return unknown;
}

static void grow(struct series_cache *c)
{
    struct series_entry *old = c->slots;
    size_t old_cap = c->cap;

    c->cap = old_cap ? 2 * old_cap : SLOTS_LEAST;
    c->slots = mem_array(c->cap, sizeof *c->slots);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].ref)
            *find(c, old[i].key) = old[i];
    free(old);
}

static void clear(struct series_cache *c)
{
    free(c->slots);
    c->slots = NULL;
    c->n = c->cap = 0;
}

void series_cache_put(struct series_cache *c, const struct write_series *series, size_t n)
{
    must(pthread_rwlock_wrlock(&c->lock) == 0);
    for (size_t i = 0; i < n; i++) {
        struct series_entry *slot;

        if (!series[i].fresh || series[i].ref == 0)
            continue;
        if (c->n >= c->max)
            clear(c);
        if ((c->n + 1) * 4 > c->cap * 3)
            grow(c);
        slot = find(c, series[i].key);
        c->n += slot->ref == 0;
        *slot = (struct series_entry){series[i].key, series[i].ref};
    }
    must(pthread_rwlock_unlock(&c->lock) == 0);
}
