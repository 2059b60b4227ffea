/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__ /* told by those above */
#include <malloc.h>
#endif

#include "base/must.h"

static size_t product(size_t n, size_t size)
{
    size_t bytes;

    must(!__builtin_mul_overflow(n, size, &bytes));
    return bytes ? bytes : 1; /* so that NULL always means failure */
}

void *mem_alloc(size_t size)
{
    void *p = malloc(product(size, 1));

    must(p);
    return p;
}

void *mem_zalloc(size_t size)
{
    return mem_array(size, 1);
}

void *mem_array(size_t n, size_t size)
{
    void *p = calloc(product(n, size), 1);

    must(p);
    return p;
}

void *mem_resize(void *p, size_t n, size_t size)
{
    p = realloc(p, product(n, size));
    must(p);
    return p;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy;

    must(len < SIZE_MAX);
    copy = mem_alloc(len + 1);
    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void mem_freep(void *pp)
{
    void *p;

    memcpy(&p, pp, sizeof p); /* pp points to a pointer of any type */
    free(p);
}

void *mem_grow(void *items, size_t *cap, size_t size)
{
    size_t more = *cap ? 2 * *cap : 8;

    must(more > *cap);
    items = mem_resize(items, more, size);
    *cap = more;
    return items;
}

#define ARENAS_LEAST 4
#define ARENAS_MOST  8

void mem_few_arenas(void)
{
#ifdef __GLIBC__
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    mallopt(M_ARENA_MAX, cores < ARENAS_LEAST  ? ARENAS_LEAST
                         : cores > ARENAS_MOST ? ARENAS_MOST
                                               : (int)cores);
#endif
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
