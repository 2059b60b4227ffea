/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/stones_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/column_priv.h"
#include "storage/samples_priv.h"

struct stones *stones_ref(struct stones *s)
{
    if (s)
        s->refs++;
    return s;
}

void stones_unref(struct stones *s)
{
    if (s && --s->refs == 0)
        free(s);
}

static int compare(const void *pa, const void *pb)
{
    const struct stone *a = pa, *b = pb;

    if (a->series != b->series)
        return a->series < b->series ? -1 : 1;
    return (a->from > b->from) - (a->from < b->from);
}

static bool covers(const struct stone *a, const struct stone *b)
{
    return a->series == b->series && a->from <= b->from && a->to >= b->to &&
           a->last_t >= b->last_t && a->late >= b->late;
}

struct stones *stones_join(const struct stones *s, const struct stone *more, size_t n)
{
    size_t old = s ? s->n : 0, all = old + n, kept = 0;
    struct stones *j;

    if (all == 0)
        return NULL;
    j = mem_zalloc(sizeof *j + all * sizeof *j->v);
    j->refs = 1;
    if (old > 0)
        memcpy(j->v, s->v, old * sizeof *j->v);
    if (n > 0)
        memcpy(j->v + old, more, n * sizeof *j->v);
    qsort(j->v, all, sizeof *j->v, compare);
    for (size_t i = 0; i < all; i++) {
        while (kept > 0 && covers(&j->v[i], &j->v[kept - 1]))
            kept--;
        if (kept == 0 || !covers(&j->v[kept - 1], &j->v[i]))
            j->v[kept++] = j->v[i];
    }
    j->n = kept;
    return j;
}

/* The first stone that is not of a lower series. */
static size_t first_of(const struct stones *s, uint64_t series)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->v[mid].series < series)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct stone_span stones_of(const struct stones *s, uint32_t series)
{
    size_t low, high;

    if (!s)
        return (struct stone_span){0};
    low = first_of(s, series);
    high = first_of(s, (uint64_t)series + 1);
    return (struct stone_span){s->v + low, high - low};
}

static unix_ms end_of(const struct stone *s)
{
    return s->to < s->last_t ? s->to : s->last_t;
}

bool stones_cover(struct stone_span s, unix_ms from, unix_ms to)
{
    for (size_t i = 0; i < s.n && from <= to; i++) {
        if (s.v[i].from > from)
            return false;
        if (end_of(&s.v[i]) >= to)
            return true;
        if (end_of(&s.v[i]) >= from)
            from = end_of(&s.v[i]) + 1;
    }
    return from > to;
}

bool stones_cover_late(struct stone_span s, unix_ms t, uint64_t serial)
{
    for (size_t i = 0; i < s.n; i++)
        if (t >= s.v[i].from && t <= s.v[i].to && serial < s.v[i].late)
            return true;
    return false;
}

void stones_apply(struct stone_span s, struct columns *c, size_t start)
{
    for (size_t i = 0; i < s.n; i++)
        samples_cut_out(c, start, s.v[i].from, end_of(&s.v[i]));
}

/* ---- bytes --------------------------------------------------------------------------------- */

void stones_put(const struct stone *v, size_t n, struct buf *out)
{
    struct stone before = {0};

    for (size_t i = 0; i < n; i++) {
        buf_add_uvarint(out, v[i].series - before.series);
        buf_add_svarint(out, v[i].from - before.from);
        buf_add_svarint(out, end_of(&v[i]) - before.to);
        before = v[i];
        before.to = end_of(&v[i]);
    }
}

bool stones_get(struct wire *w, uint64_t n, struct stone **v, size_t *ret_n, size_t *cap)
{
    uint64_t series = 0, from = 0, to = 0; /* unsigned: foreign numbers may wrap */

    for (uint64_t i = 0; i < n; i++) {
        struct stone s = {.last_t = INT64_MAX};

        series += wire_uvarint(w);
        from += (uint64_t)wire_svarint(w);
        to += (uint64_t)wire_svarint(w);
        s.series = (uint32_t)series;
        s.from = (unix_ms)from;
        s.to = (unix_ms)to;
        if (w->bad || series > UINT32_MAX || s.from > s.to || s.from < -TIME_ABS_MAX ||
            s.to > TIME_ABS_MAX)
            return false;
        *VEC_PUSH(*v, *ret_n, *cap) = s;
    }
    return true;
}
