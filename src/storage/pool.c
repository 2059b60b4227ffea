/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/pool_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/defs.h"
#include "base/mem.h"
#include "base/must.h"

#define UNIT_SHIFT  3
#define BRIEF_UNITS 2 /* steps of brief pieces: they grow, and each step is a copy */
#define PAGE_SHIFT  15
#define PAGE_BYTES  ((size_t)1 << PAGE_SHIFT)
#define UNITS_LOG2  (PAGE_SHIFT - UNIT_SHIFT)
#define UNITS       (1u << UNITS_LOG2)               /* of a page */
#define RANGE_MAX   ((size_t)1 << (32 + UNIT_SHIFT)) /* 32 GiB: what handles can name */
#define RANGE_LEAST ((size_t)1 << 28)  /* where the system forbids more addresses (ulimit -v) */
#define GROW_PAGES  32u                /* made usable at a time */
#define CLASSES     ARRAY_LEN(classes) /* of one lifetime */

/* Sizes in units. Sealed chunks of floats take 40 to 200 bytes: of those 3 to 8 bytes are
 * left unused on the average. */
static const uint16_t classes[] = {2,  3,  4,  5,  6,   7,   8,   9,   10,  11,  12,  13, 14,
                                   15, 16, 18, 20, 22,  24,  26,  28,  30,  32,  36,  40, 48,
                                   56, 64, 80, 96, 112, 128, 160, 192, 256, 512, 1024};
_Static_assert(2 * ARRAY_LEN(classes) <= 128, "a class leaves a bit of its byte to others");

struct page {
    uint32_t next,
        prev; /* among the pages of its class with a free slot, or among idle ones; 0 is none */
    uint16_t used;  /* slots given out */
    uint16_t fresh; /* slots that were never given out begin here, in units */
    uint16_t
        free; /* first slot that was given back, in units + 1; its first two bytes name the next */
    uint8_t class;
};

struct pool {
    uint8_t *base;
    size_t range;       /* addresses reserved from base on */
    struct page *pages; /* grows; only the thread that changes the pool looks at it */
    uint32_t n_pages;   /* made so far; page 0 is not used, so that no handle is 0 */
    size_t cap_pages;
    uint32_t usable;                       /* pages that may be written to */
    uint32_t idle;                         /* list of pages without slots */
    uint32_t open[2 * ARRAY_LEN(classes)]; /* of brief pieces, then of lasting ones */
    size_t bytes;
};

struct pool *pool_new(void)
{
    struct pool *p = mem_zalloc(sizeof *p);

    /* Addresses without access count against no limit but that of addresses. */
    for (p->range = RANGE_MAX; p->range >= RANGE_LEAST; p->range /= 2) {
        p->base = mmap(NULL, p->range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                       0);
        if (p->base != MAP_FAILED)
            break;
    }
    must(p->range >= RANGE_LEAST);
    p->n_pages = 1;
    p->cap_pages = GROW_PAGES;
    p->pages = mem_array(p->cap_pages, sizeof *p->pages);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    munmap(p->base, p->range);
    free(p->pages);
    free(p);
}

static uint16_t class_units(uint8_t class)
{
    return classes[class % CLASSES];
}

static uint8_t class_of(size_t size, enum pool_life life)
{
    size_t units = (size + (1u << UNIT_SHIFT) - 1) >> UNIT_SHIFT;
    uint8_t c = 0;

    must(size <= POOL_PIECE_MAX);
    if (life == POOL_BRIEF)
        units = (units + BRIEF_UNITS - 1) / BRIEF_UNITS * BRIEF_UNITS;
    while (classes[c] < units)
        c++;
    return (uint8_t)(life * CLASSES + c);
}

size_t pool_class_bytes(uint8_t class)
{
    return (size_t)class_units(class) << UNIT_SHIFT;
}

static void list_add(struct pool *p, uint32_t no)
{
    struct page *g = &p->pages[no];
    uint32_t *head = &p->open[g->class];

    g->prev = 0;
    g->next = *head;
    if (*head)
        p->pages[*head].prev = no;
    *head = no;
}

static void list_remove(struct pool *p, uint32_t no)
{
    struct page *g = &p->pages[no];

    if (g->prev)
        p->pages[g->prev].next = g->next;
    else
        p->open[g->class] = g->next;
    if (g->next)
        p->pages[g->next].prev = g->prev;
}

static uint32_t page_number(struct pool *p)
{
    uint32_t no = p->idle;

    if (no) {
        p->idle = p->pages[no].next;
        return no;
    }
    no = p->n_pages++;
    must((size_t)no << PAGE_SHIFT < p->range);
    if (no >= p->usable) {
        p->usable += GROW_PAGES;
        must(mprotect(p->base, (size_t)p->usable << PAGE_SHIFT, PROT_READ | PROT_WRITE) == 0);
    }
    if (no >= p->cap_pages) {
        p->cap_pages *= 2;
        p->pages = mem_resize(p->pages, p->cap_pages, sizeof *p->pages);
    }
    return no;
}

static uint32_t page_new(struct pool *p, uint8_t class)
{
    uint32_t no = page_number(p);

    p->pages[no] = (struct page){.class = class};
    p->bytes += PAGE_BYTES;
    list_add(p, no);
    return no;
}

static uint16_t *slot_link(const struct pool *p, uint32_t no, uint32_t unit)
{
    return (uint16_t *)(void *)(p->base + (((size_t)no << UNITS_LOG2 | unit) << UNIT_SHIFT));
}

static bool page_is_full(const struct page *g)
{
    return g->free == 0 && g->fresh + class_units(g->class) > UNITS;
}

pool_ref pool_get(struct pool *p, size_t size, enum pool_life life, uint8_t *ret_class)
{
    uint8_t class = class_of(size, life);
    uint32_t no = p->open[class] ? p->open[class] : page_new(p, class);
    struct page *g = &p->pages[no];
    uint32_t unit;

    if (g->free) {
        unit = g->free - 1u;
        g->free = *slot_link(p, no, unit);
    } else {
        unit = g->fresh;
        g->fresh = (uint16_t)(g->fresh + class_units(class));
    }
    g->used++;
    if (page_is_full(g))
        list_remove(p, no);
    *ret_class = class;
    return no << UNITS_LOG2 | unit;
}

void pool_put(struct pool *p, pool_ref ref, uint8_t class)
{
    uint32_t no = ref >> UNITS_LOG2, unit = ref & (UNITS - 1);
    struct page *g = &p->pages[no];

    must(g->class == class && g->used > 0);
    if (page_is_full(g))
        list_add(p, no);
    *slot_link(p, no, unit) = g->free;
    g->free = (uint16_t)(unit + 1);
    if (--g->used > 0)
        return;
    list_remove(p, no);
    madvise(p->base + ((size_t)no << PAGE_SHIFT), PAGE_BYTES, MADV_DONTNEED);
    p->bytes -= PAGE_BYTES;
    *g = (struct page){.next = p->idle};
    p->idle = no;
}

uint8_t *pool_at(const struct pool *p, pool_ref ref)
{
    return p->base + ((size_t)ref << UNIT_SHIFT);
}

size_t pool_bytes(const struct pool *p)
{
    return p->bytes;
}
