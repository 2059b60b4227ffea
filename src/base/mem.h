/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem - allocation that cannot fail
 *
 * For sizes of ours. A size that comes from outside is checked against a named limit first. Out of
 * memory aborts: a half-working alarm system is worse than one that its supervisor restarts.
 */
#ifndef TOCSIN_BASE_MEM_H
#define TOCSIN_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                     /* not zeroed */
void *mem_zalloc(size_t size);                    /* zeroed */
void *mem_array(size_t n, size_t size);           /* zeroed, n * size checked for overflow */
void *mem_resize(void *p, size_t n, size_t size); /* realloc to n * size, checked */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len); /* zero-terminated copy of len bytes */
void mem_freep(void *pp);                     /* for CLEANUP(mem_freep) on any pointer */

/* What malloc keeps of freed memory, when the C library lets that be said. Each arena holds back some
 * of its own, and by default there are eight for a core: too many for a process that is to be small
 * (to be called before the first thread starts). And the system gets the free pages of all arenas
 * back when a large work is done: it takes milliseconds. */
void mem_few_arenas(void);
void mem_give_back(void);

/*
 * Makes room for one more element in a growing array: `VEC_PUSH(v->items, v->n, v->cap)` yields a
 * pointer to the new, zeroed last element. Capacity doubles from 8.
 */
#define VEC_PUSH(items, n, cap)                                                                    \
    __extension__({                                                                                \
        if ((n) == (cap))                                                                          \
            (items) = mem_grow((items), &(cap), sizeof *(items));                                  \
        __builtin_memset(&(items)[n], 0, sizeof *(items));                                         \
        &(items)[(n)++];                                                                           \
    })
void *mem_grow(void *items, size_t *cap, size_t size);

#endif
