/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

#define MAP_LEAST 16 /* slots of the first table */

void map_deinit(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}

/* Where a hash would like to be. Multiplied, because callers may hash by counting. */
static size_t home(const struct map *m, uint64_t hash)
{
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (m->cap - 1);
}

/* The slot of the key, or the free slot at which the search for it ended. */
static size_t find(const struct map *m, uint64_t hash, map_eq *eq, const void *key)
{
    size_t i = home(m, hash);

    while (m->slots[i].value && !(m->slots[i].hash == hash && eq(key, m->slots[i].value)))
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *map_get(const struct map *m, uint64_t hash, map_eq *eq, const void *key)
{
    return m->cap ? m->slots[find(m, hash, eq, key)].value : NULL;
}

static void put(struct map *m, uint64_t hash, void *value)
{
    size_t i = home(m, hash);

    while (m->slots[i].value)
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (struct map_slot){hash, value};
}

void map_add(struct map *m, uint64_t hash, void *value)
{
    struct map old = *m;

    must(value);
    if ((m->n + 1) * 4 > m->cap * 3) {
        m->cap = old.cap ? 2 * old.cap : MAP_LEAST;
        m->slots = mem_array(m->cap, sizeof *m->slots);
        for (size_t i = 0; i < old.cap; i++)
            if (old.slots[i].value)
                put(m, old.slots[i].hash, old.slots[i].value);
        free(old.slots);
    }
    put(m, hash, value);
    m->n++;
}

void *map_remove(struct map *m, uint64_t hash, map_eq *eq, const void *key)
{
    size_t mask = m->cap - 1, hole, i;
    void *value;

    if (m->cap == 0)
        return NULL;
    hole = find(m, hash, eq, key);
    value = m->slots[hole].value;
    if (!value)
        return NULL;
    /* Move up those behind the hole that would not be found across it: no grave is needed. */
    for (i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t from_home = (i - home(m, m->slots[i].hash)) & mask;

        if (from_home >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0, NULL};
    m->n--;
    return value;
}

void *map_next(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        void *value = m->slots[(*i)++].value;

        if (value)
            return value;
    }
    return NULL;
}
