/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/ids_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/wire_priv.h"

void ids_deinit(struct ids *s)
{
    free(s->v);
    *s = (struct ids){0};
}

uint32_t *ids_room(struct ids *s, size_t n)
{
    if (s->cap - s->n < n) {
        size_t cap = s->cap ? s->cap : 16;

        while (cap - s->n < n)
            cap *= 2;
        s->v = mem_resize(s->v, cap, sizeof *s->v);
        s->cap = cap;
    }
    return s->v + s->n;
}

void ids_push(struct ids *s, uint32_t id)
{
    *ids_room(s, 1) = id;
    s->n++;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Through one bit per possible number: many lists with much in common are joined in linear time. */
static void settle_by_bits(struct ids *s, uint32_t most)
{
    size_t words = most / 64 + 1, n = 0;
    uint64_t *bits = mem_array(words, sizeof *bits);

    for (size_t i = 0; i < s->n; i++)
        bits[s->v[i] / 64] |= UINT64_C(1) << (s->v[i] % 64);
    for (size_t w = 0; w < words; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1)
            s->v[n++] = (uint32_t)(w * 64 + (unsigned)__builtin_ctzll(left));
    s->n = n;
    free(bits);
}

#define BITS_PER_NUMBER 256 /* with fewer numbers than a bit in this many, sorting is quicker */

void ids_settle(struct ids *s)
{
    bool ascending = true;
    uint32_t most = s->n ? s->v[0] : 0;
    size_t n = 0;

    for (size_t i = 1; i < s->n; i++) {
        ascending = ascending && s->v[i] > s->v[i - 1];
        most = s->v[i] > most ? s->v[i] : most;
    }
    if (ascending)
        return;
    if (most / BITS_PER_NUMBER < s->n) {
        settle_by_bits(s, most);
        return;
    }
    qsort(s->v, s->n, sizeof *s->v, compare);
    for (size_t i = 0; i < s->n; i++)
        if (n == 0 || s->v[n - 1] != s->v[i])
            s->v[n++] = s->v[i];
    s->n = n;
}

/* The first place from `at` on whose number is not below id, found in steps that double. */
static size_t seek(const struct ids *s, size_t at, uint32_t id)
{
    size_t step = 1, low, high;

    if (at >= s->n || s->v[at] >= id)
        return at;
    while (at + step < s->n && s->v[at + step] < id)
        step *= 2;
    low = at + step / 2;
    high = at + step < s->n ? at + step : s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->v[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool ids_has(const struct ids *s, uint32_t id)
{
    size_t at = seek(s, 0, id);

    return at < s->n && s->v[at] == id;
}

static void keep_if(struct ids *s, const struct ids *other, bool in)
{
    size_t n = 0, at = 0;

    for (size_t i = 0; i < s->n; i++) {
        at = seek(other, at, s->v[i]);
        if ((at < other->n && other->v[at] == s->v[i]) == in)
            s->v[n++] = s->v[i];
    }
    s->n = n;
}

void ids_intersect(struct ids *s, const struct ids *with)
{
    keep_if(s, with, true);
}

void ids_subtract(struct ids *s, const struct ids *what)
{
    keep_if(s, what, false);
}

bool ids_read_deltas(struct ids *s, const uint8_t *bytes, size_t len, size_t n, uint64_t limit)
{
    struct wire w = wire_of(bytes, len);
    uint32_t *out;
    uint64_t id = 0;

    if (n > len) /* a difference takes a byte at least; this also bounds what is allocated */
        return false;
    out = ids_room(s, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t more = w.p < w.end && *w.p < 0x80 ? *w.p++ : wire_uvarint(&w);

        id += more;
        if (w.bad || id >= limit || more >= limit || (i > 0 && more == 0))
            return false;
        out[i] = (uint32_t)id;
    }
    if (w.p != w.end)
        return false;
    s->n += n;
    return true;
}
