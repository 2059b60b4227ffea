/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

#define ARENA_ALIGN    16
#define ARENA_SLAB_MIN ((size_t)4096)
#define ARENA_SLAB_MAX                                                                             \
    ((size_t)1                                                                                     \
     << 20) /* slabs double up to here; a larger piece gets its own                      \
                       */
#define ARENA_PIECE_MAX (SIZE_MAX / 4)

struct arena_slab {
    struct arena_slab *next; /* older */
    size_t size;             /* of data */
    _Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

static void use_slab(struct arena *a, struct arena_slab *slab)
{
    a->next = slab ? slab->data : NULL;
    a->end = slab ? slab->data + slab->size : NULL;
}

void arena_reset(struct arena *a)
{
    struct arena_slab *largest = a->slabs, *next;

    for (struct arena_slab *s = a->slabs; s; s = s->next)
        if (s->size > largest->size)
            largest = s;
    for (struct arena_slab *s = a->slabs; s; s = next) {
        next = s->next;
        if (s != largest)
            free(s);
    }
    if (largest)
        largest->next = NULL;
    a->slabs = largest;
    a->used = 0;
    a->overflow = false;
    use_slab(a, largest);
}

void arena_deinit(struct arena *a)
{
    struct arena_slab *next;

    for (struct arena_slab *s = a->slabs; s; s = next) {
        next = s->next;
        free(s);
    }
    *a = (struct arena){.max = a->max};
}

static void add_slab(struct arena *a, size_t least)
{
    size_t size = a->slabs ? 2 * a->slabs->size : ARENA_SLAB_MIN;
    struct arena_slab *slab;

    if (size > ARENA_SLAB_MAX)
        size = ARENA_SLAB_MAX;
    if (size < least)
        size = least;
    slab = mem_alloc(sizeof *slab + size);
    slab->size = size;
    slab->next = a->slabs;
    a->slabs = slab;
    use_slab(a, slab);
}

void *arena_alloc(struct arena *a, size_t size)
{
    char *p;

    must(size <= ARENA_PIECE_MAX);
    size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (size == 0)
        size = ARENA_ALIGN; /* each piece has an address of its own */
    if ((size_t)(a->end - a->next) < size)
        add_slab(a, size);
    p = a->next;
    a->next += size;
    a->used += size;
    if (a->max > 0 && a->used > a->max)
        a->overflow = true;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);

    memset(p, 0, size);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    must(!__builtin_mul_overflow(n, size, &bytes));
    return arena_zalloc(a, bytes);
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *copy;

    must(s.len < ARENA_PIECE_MAX);
    copy = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.p, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return str_n(arena_strdup(a, s), s.len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256]; /* most texts fit; a longer one is formatted twice */
    va_list ap;
    char *out;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    must(n >= 0);
    if ((size_t)n < sizeof small)
        return arena_strdup(a, str_n(small, (size_t)n));
    out = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(out, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return out;
}
