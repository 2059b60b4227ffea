/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/head_read_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/histogram_code_priv.h"
#include "storage/samples_priv.h"

bool head_mark(const struct head *h, series_id id, unix_ms from, unix_ms to, struct head_mark *ret)
{
    const struct series *s = head_series(h, id);
    const struct late *l;

    if (!s || s->first_t == TIME_NONE_MIN || s->first_t > to)
        return false;
    l = s->tip.state & SERIES_LATE ? head_late(h, id) : NULL;
    if (!l && s->tip.last_t < from)
        return false;
    *ret = (struct head_mark){s->tip.last_t, l ? l->dropped + l->n : 0};
    return true;
}

bool head_all_deleted(const struct head *h, series_id id, unix_ms from, unix_ms to,
                      struct stone_span deleted)
{
    const struct series *s = head_series(h, id);
    const struct late *l;
    unix_ms low, high;

    if (deleted.n == 0)
        return false;
    low = from > s->first_t ? from : s->first_t;
    high = to < s->tip.last_t ? to : s->tip.last_t;
    if (low <= high && !stones_cover(deleted, low, high))
        return false;
    l = s->tip.state & SERIES_LATE ? head_late(h, id) : NULL;
    for (uint32_t i = 0; l && i < l->n; i++)
        if (l->samples[i].t >= from && l->samples[i].t <= to &&
            !stones_cover_late(deleted, l->samples[i].t, l->samples[i].serial))
            return false;
    return true;
}

struct stone head_stone(const struct head *h, series_id id, unix_ms from, unix_ms to)
{
    return (struct stone){id, from, to, head_series(h, id)->tip.last_t, h->late_serial};
}

/* What reading a series needs, copied under the lock. Sealed chunks do not change, and those that
 * reach into the view are not freed while it lives: they can be read after it. */
struct end {
    struct ids sealed; /* references to those that reach into [from, to], newest first */
    struct tip tip;
    uint8_t *open; /* of POOL_PIECE_MAX bytes */
};

static const struct sealed *sealed_at(const struct head *h, pool_ref ref)
{
    return (const struct sealed *)(const void *)pool_at(h->pool, ref);
}

static void copy_references(const struct head *h, pool_ref newest, unix_ms from, unix_ms to,
                            struct ids *out)
{
    for (pool_ref ref = newest; ref; ref = sealed_at(h, ref)->older) {
        if (sealed_at(h, ref)->last_t < from)
            break;
        if (sealed_at(h, ref)->first_t <= to)
            ids_push(out, ref);
    }
}

static void copy_late(const struct head *h, series_id id, uint64_t before, unix_ms from, unix_ms to,
                      struct stone_span deleted, struct columns *c)
{
    const struct late *l = head_late(h, id);

    for (uint32_t i = 0; l && i < l->n && l->dropped + i < before; i++) {
        const struct late_sample *s = &l->samples[i];

        if (s->t >= from && s->t <= to && !stones_cover_late(deleted, s->t, s->serial))
            samples_add(c, s->t, double_of_bits(s->bits), s->histogram ? &s->histogram->h : NULL);
    }
}

static void copy_end(const struct head *h, series_id id, unix_ms low, unix_ms high, struct end *e)
{
    const struct series *s = head_series(h, id);

    /* A series whose only samples were late ones may be gone: then the view has them in a block. */
    if (!s || low > high)
        return;
    e->tip = s->tip;
    copy_references(h, s->sealed, low, high, &e->sealed);
    if (s->tip.n > 0)
        memcpy(e->open, pool_at(h->pool, s->open), s->tip.len);
}

static void add_sealed(const struct sealed *s, unix_ms from, unix_ms to, struct columns *c)
{
    struct wire w = wire_of(s->bytes, s->len);

    if (s->class & SEALED_HISTOGRAMS)
        must(samples_add_histogram_chunk(c, s->bytes, s->len, s->n, from, to));
    else
        must(samples_add_columns(c, &w, s->first_t, s->n, from, to));
}

static void add_open(const struct end *e, unix_ms from, unix_ms to, struct columns *c)
{
    if (e->tip.n == 0 || e->tip.last_t < from)
        return;
    if (e->tip.state & SERIES_HISTOGRAMS)
        must(samples_add_histogram_chunk(c, e->open, e->tip.len, e->tip.n, from, to));
    else
        must(samples_add_open_chunk(c, e->open, e->tip.len, e->tip.n, from, to));
}

/* Where a chunk lies is seldom in the cache, and waiting for it is most of what reading a few
 * samples of it costs. */
static void prefetch_chunks(const struct head *h, series_id id)
{
    const struct series *s = id ? head_series(h, id) : NULL;

    if (s && s->sealed)
        __builtin_prefetch(sealed_at(h, s->sealed));
    if (s && s->open)
        __builtin_prefetch(pool_at(h->pool, s->open));
}

void head_read(struct head *h, series_id id, const struct head_mark *mark, unix_ms cut,
               unix_ms from, unix_ms to, struct stone_span deleted, series_id soon,
               struct columns *c)
{
    unix_ms low = from > cut ? from : cut, high = to < mark->last_t ? to : mark->last_t;
    struct columns late = {0};
    size_t start = c->n;
    uint8_t open[POOL_PIECE_MAX];
    struct end e = {.open = open};

    {
        WITH_READ(&h->apply);
        prefetch_chunks(h, soon);
        copy_end(h, id, low, high, &e);
        if (mark->late > 0)
            copy_late(h, id, mark->late, from, to, deleted, &late);
    }
    if (low <= high) {
        while (e.sealed.n > 0)
            add_sealed(sealed_at(h, e.sealed.v[--e.sealed.n]), low, high, c);
        add_open(&e, low, high, c);
        stones_apply(deleted, c, start);
        samples_join(c, start);
    }
    ids_deinit(&e.sealed);
    if (late.n > 0) {
        start = c->n;
        for (size_t i = 0; i < late.n; i++)
            samples_add(c, late.times[i], late.values[i],
                        late.histograms ? late.histograms[i] : NULL);
        samples_sort(c, start);
        samples_join(c, start);
    }
    columns_deinit(&late);
}

bool head_newest(struct head *h, series_id id, const struct head_mark *mark, unix_ms cut,
                 unix_ms from, unix_ms to, unix_ms *ret_t, double *ret_v)
{
    unix_ms low = from > cut ? from : cut;

    WITH_READ(&h->apply);
    const struct series *s = head_series(h, id);

    if (!s || s->tip.last_t != mark->last_t || s->tip.last_t < low || s->tip.last_t > to ||
        s->tip.state & SERIES_HISTOGRAMS)
        return false;
    *ret_t = s->tip.last_t;
    *ret_v = double_of_bits(s->tip.last_bits);
    return true;
}
