/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - hash table from keys that live inside their values to those values
 *
 * Open addressing, power-of-two size, grows at 3/4. The table keeps (hash, value) pairs; the caller
 * gives the hash and a comparison of a key with a value. Values are not owned. A zeroed map is empty.
 */
#ifndef TOCSIN_BASE_MAP_H
#define TOCSIN_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_slot {
    uint64_t hash;
    void *value; /* NULL: free slot */
};

struct map {
    struct map_slot *slots;
    size_t n;   /* values in it */
    size_t cap; /* slots, 0 or a power of two */
};

typedef bool map_eq(const void *key, const void *value);

void map_deinit(struct map *m); /* frees the table */
void *map_get(const struct map *m, uint64_t hash, map_eq *eq, const void *key); /* NULL: absent */
void map_add(struct map *m, uint64_t hash, void *value); /* the key must not be in it yet */
void *map_remove(struct map *m, uint64_t hash, map_eq *eq, const void *key); /* what was removed */

/* Walks all values in no order: for (size_t i = 0; (v = map_next(m, &i));) Do not change m within. */
void *map_next(const struct map *m, size_t *i);

#endif
