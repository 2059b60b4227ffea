/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory of one unit of work, freed all at once
 *
 * Bump allocation in growing slabs. An arena has a maximum: beyond it arena_alloc() still returns
 * usable memory (so callers need no check), but `overflow` is set and the unit of work has to stop
 * with an error at its next check. One thread at a time.
 */
#ifndef TOCSIN_BASE_ARENA_H
#define TOCSIN_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"
#include "base/str.h"

struct arena_slab;

struct arena {
    struct arena_slab *slabs;
    char *next, *end;
    size_t used; /* bytes handed out since the last reset */
    size_t max;  /* 0: no limit */
    bool overflow;
};

void arena_init(struct arena *a, size_t max);
void arena_reset(struct arena *a);  /* forgets all, keeps the largest slab */
void arena_deinit(struct arena *a); /* frees all; safe on a zeroed arena */

void *arena_alloc(struct arena *a, size_t size);           /* aligned to 16, not zeroed */
void *arena_zalloc(struct arena *a, size_t size);          /* zeroed */
void *arena_array(struct arena *a, size_t n, size_t size); /* zeroed, overflow-checked */
char *arena_strdup(struct arena *a, struct str s);         /* zero-terminated copy */
struct str arena_str(struct arena *a, struct str s);       /* copy */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
