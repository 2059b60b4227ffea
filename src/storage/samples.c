/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/samples_priv.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"

/* columns.hold: the memory of the histograms. */
struct hold {
    struct arena arena;
    const struct histogram **places; /* columns.histograms, when there are any */
    size_t cap;
};

static void hold_free(void *p)
{
    struct hold *h = p;

    arena_deinit(&h->arena);
    free(h->places);
    free(h);
}

static struct hold *hold_of(struct columns *c)
{
    struct hold *h = c->hold;

    if (!h) {
        h = mem_zalloc(sizeof *h);
        arena_init(&h->arena, 0);
        c->hold = h;
        c->hold_free = hold_free;
    }
    return h;
}

void samples_begin(struct columns *c)
{
    if (c->hold && c->hold_free != hold_free) { /* another reader's */
        c->hold_free(c->hold);
        c->hold = NULL;
    }
    if (c->hold)
        arena_reset(&hold_of(c)->arena);
    c->n = 0;
    c->histograms = NULL;
}

/* Makes columns.histograms reach to c->cap, with nothing at the places that were not there before.
 */
static void reach(struct columns *c)
{
    struct hold *h = hold_of(c);
    size_t from = c->histograms ? h->cap : 0;

    if (c->histograms && h->cap >= c->cap)
        return;
    h->places = mem_resize(h->places, c->cap, sizeof *h->places);
    h->cap = c->cap;
    memset(h->places + from, 0, (h->cap - from) * sizeof *h->places);
    c->histograms = h->places;
}

static void reserve(struct columns *c, size_t n)
{
    columns_reserve(c, c->n + n);
    if (c->histograms)
        reach(c);
}

static size_t first_not_before(const unix_ms *t, size_t n, unix_ms limit)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (t[mid] < limit)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* n samples were written behind the last: keeps those in [from, to]. */
static void accept(struct columns *c, size_t n, unix_ms from, unix_ms to)
{
    unix_ms *t = c->times + c->n;
    size_t low = t[0] >= from ? 0 : first_not_before(t, n, from);
    size_t high = t[n - 1] <= to ? n : first_not_before(t, n, to + 1);

    if (high <= low)
        return;
    if (low > 0) {
        memmove(t, t + low, (high - low) * sizeof *t);
        memmove(c->values + c->n, c->values + c->n + low, (high - low) * sizeof *c->values);
        if (c->histograms)
            memmove(&c->histograms[c->n], &c->histograms[c->n + low],
                    (high - low) * sizeof *c->histograms);
    }
    c->n += high - low;
}

/* Floats where histograms of an earlier, longer run may have stood. */
static void no_histograms(struct columns *c, size_t n)
{
    if (c->histograms)
        memset(&c->histograms[c->n], 0, n * sizeof *c->histograms);
}

bool samples_add_two_columns(struct columns *c, struct wire *times, struct wire *values,
                             unix_ms first, size_t n, unix_ms from, unix_ms to)
{
    reserve(c, n);
    if (!column_get_times(times, first, n, c->times + c->n) ||
        !column_get_values(values, n, c->values + c->n))
        return false;
    no_histograms(c, n);
    accept(c, n, from, to);
    return true;
}

bool samples_add_columns(struct columns *c, struct wire *w, unix_ms first, size_t n, unix_ms from,
                         unix_ms to)
{
    return samples_add_two_columns(c, w, w, first, n, from, to);
}

bool samples_add_open_chunk(struct columns *c, const uint8_t *bytes, size_t len, size_t n,
                            unix_ms from, unix_ms to)
{
    size_t kept;

    reserve(c, n);
    if (n == 0 || !open_chunk_read(bytes, len, n, from, c->times + c->n, c->values + c->n, &kept))
        return false;
    no_histograms(c, kept);
    if (kept > 0)
        accept(c, kept, from, to);
    return true;
}

bool samples_add_histogram_chunk(struct columns *c, const uint8_t *bytes, size_t len, size_t n,
                                 unix_ms from, unix_ms to)
{
    struct arena *a = &hold_of(c)->arena;
    struct histogram *hs = n <= CHUNK_MAX ? arena_array(a, n, sizeof *hs) : NULL;

    reserve(c, n);
    reach(c);
    if (n == 0 || !hs || !histogram_chunk_read(bytes, len, n, c->times + c->n, hs, a))
        return false;
    for (size_t i = 0; i < n; i++) {
        c->values[c->n + i] = double_of_bits(NORMAL_NAN_BITS);
        c->histograms[c->n + i] = &hs[i];
    }
    accept(c, n, from, to);
    return true;
}

static const struct histogram *copy_to_arena(struct arena *a, const struct histogram *h)
{
    struct histogram *copy = arena_alloc(a, sizeof *copy);
    struct buf b = {0};
    struct wire w;

    histogram_put(h, NULL, &b);
    w = wire_of(b.p, b.len);
    if (!histogram_get(&w, NULL, a, copy))
        copy = NULL; /* does not happen: it was written above */
    buf_free(&b);
    return copy;
}

void samples_add(struct columns *c, unix_ms t, double v, const struct histogram *histogram)
{
    reserve(c, 1);
    if (histogram)
        reach(c);
    c->times[c->n] = t;
    c->values[c->n] = histogram ? double_of_bits(NORMAL_NAN_BITS) : v;
    if (c->histograms)
        c->histograms[c->n] = histogram ? copy_to_arena(&hold_of(c)->arena, histogram) : NULL;
    c->n++;
}

void samples_cut_out(struct columns *c, size_t start, unix_ms from, unix_ms to)
{
    size_t low, high, rest;

    if (from > to || start == c->n)
        return;
    low = start + first_not_before(c->times + start, c->n - start, from);
    high = start + first_not_before(c->times + start, c->n - start, to + 1);
    rest = c->n - high;
    if (low == high)
        return;
    memmove(c->times + low, c->times + high, rest * sizeof *c->times);
    memmove(c->values + low, c->values + high, rest * sizeof *c->values);
    if (c->histograms)
        memmove(&c->histograms[low], &c->histograms[high], rest * sizeof *c->histograms);
    c->n -= high - low;
}

/* ---- order --------------------------------------------------------------------------------- */

struct one {
    unix_ms t;
    double v;
    const struct histogram *h;
    size_t place; /* in the order in which they came */
};

static struct one one_at(const struct columns *c, size_t i)
{
    return (struct one){c->times[i], c->values[i], c->histograms ? c->histograms[i] : NULL, i};
}

static void put_one(struct columns *c, size_t i, const struct one *o)
{
    c->times[i] = o->t;
    c->values[i] = o->v;
    if (c->histograms)
        c->histograms[i] = o->h;
}

static int compare_ones(const void *pa, const void *pb)
{
    const struct one *a = pa, *b = pb;

    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

void samples_sort(struct columns *c, size_t start)
{
    size_t n = c->n - start, kept = start;
    struct one *all = mem_array(n, sizeof *all);

    for (size_t i = 0; i < n; i++)
        all[i] = one_at(c, start + i);
    qsort(all, n, sizeof *all, compare_ones);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || all[i].t != all[i - 1].t)
            put_one(c, kept++, &all[i]);
    c->n = kept;
    free(all);
}

void samples_join(struct columns *c, size_t start)
{
    size_t overlap, n_first, n, i = 0, k, at;
    struct one *first;

    if (start == 0 || start == c->n || c->times[start] > c->times[start - 1])
        return;
    /* Only what is not before the second run has to move; it is set aside and merged back. */
    overlap = first_not_before(c->times, start, c->times[start]);
    n_first = start - overlap;
    first = mem_array(n_first, sizeof *first);
    for (size_t j = 0; j < n_first; j++)
        first[j] = one_at(c, overlap + j);
    n = c->n;
    for (k = start, at = overlap; i < n_first || k < n; at++) {
        if (k == n || (i < n_first && first[i].t <= c->times[k])) {
            if (k < n && first[i].t == c->times[k])
                k++;
            put_one(c, at, &first[i++]);
        } else {
            struct one o = one_at(c, k++);

            put_one(c, at, &o);
        }
    }
    c->n = at;
    free(first);
}
