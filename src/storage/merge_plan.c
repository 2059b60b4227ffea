/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks are merged, and when.
 *
 *  1. Blocks that overlap: late samples and imports with what was there. A cluster is everything
 *     that overlaps, one over the other; it is merged whole, so that of two samples at one time the
 *     same one is shown as before.
 *  2. Ranges as Prometheus has them: 2 h, 6 h, 18 h, 54 h ... up to a tenth of the retention, 31 days
 *     at most; 2 h in any case, as the head is cut by the hour. Blocks inside of one range, aligned to it, become one when the range is complete: full,
 *     or with a block behind it.
 *  3. A block that is of the middle range at least and has lost one series in twenty is written anew.
 *
 * Blocks that reach into the time of the head are let alone: a merged block must not say that the
 * head was cut later than it was (retention.c). But late ones among themselves, as imports are, make
 * a late one, which says nothing of that.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/merge_priv.h"

#define RANGES_MAX      8
#define RANGE_STEP      3
#define RANGE_MAX_MS    ((dur_ms)31 * 24 * 60 * 60 * 1000)
#define DELETED_ONE_IN  20 /* series: more deleted ones, and the block is written anew */
#define OTHERS_EVERY_MS 5000

/* ---- choosing ------------------------------------------------------------------------------ */

struct candidates {
    struct block **v; /* by min_time */
    size_t n;
    unix_ms cut;
};

static int by_time(const void *pa, const void *pb)
{
    const struct block *a = *(struct block *const *)pa, *b = *(struct block *const *)pb;

    if (a->info.min_time != b->info.min_time)
        return a->info.min_time < b->info.min_time ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static unix_ms floor_to(unix_ms t, dur_ms range)
{
    unix_ms r = t % range;

    return t - (r < 0 ? r + range : r);
}

static dur_ms largest_range(dur_ms retention)
{
    dur_ms most = retention > 0 && retention / 10 < RANGE_MAX_MS ? retention / 10 : RANGE_MAX_MS;

    return most > BLOCK_RANGE_MS ? most : BLOCK_RANGE_MS;
}

/* The end of the cluster that begins at block i; *ret_max is the newest time in it. */
static size_t cluster_end(const struct candidates *c, size_t i, unix_ms *ret_max)
{
    size_t k = i + 1;

    *ret_max = c->v[i]->info.max_time;
    for (; k < c->n && c->v[k]->info.min_time <= *ret_max; k++)
        if (c->v[k]->info.max_time > *ret_max)
            *ret_max = c->v[k]->info.max_time;
    return k;
}

static bool may_merge(const struct candidates *c, size_t from, size_t to)
{
    bool late = true, before_head = true;

    for (size_t i = from; i < to; i++) {
        if (c->v[i]->unmergeable)
            return false;
        late = late && c->v[i]->info.flags & BLOCK_LATE;
        before_head = before_head && c->v[i]->info.max_time < c->cut;
    }
    return (late || before_head) && to - from <= MERGE_BLOCKS_MAX;
}

static size_t take(const struct candidates *c, size_t from, size_t to, struct block **out)
{
    for (size_t i = from; i < to; i++)
        out[i - from] = c->v[i];
    return to - from;
}

/* Of the clusters that are no longer than a merged block may be. */
static size_t choose_overlapping(const struct candidates *c, dur_ms most, struct block **out)
{
    for (size_t i = 0, k; i < c->n; i = k) {
        unix_ms max;

        k = cluster_end(c, i, &max);
        if (k - i > 1 && max - c->v[i]->info.min_time < most && may_merge(c, i, k))
            return take(c, i, k, out);
    }
    return 0;
}

static bool overlaps_next(const struct candidates *c, size_t from, size_t to)
{
    unix_ms max;

    while (from < to) {
        size_t k = cluster_end(c, from, &max);

        if (k - from > 1)
            return true;
        from = k;
    }
    return false;
}

static bool overlaps_before(const struct candidates *c, size_t from)
{
    for (size_t i = 0; i < from; i++)
        if (c->v[i]->info.max_time >= c->v[from]->info.min_time)
            return true;
    return false;
}

static size_t choose_in_range(const struct candidates *c, dur_ms range, struct block **out)
{
    for (size_t i = 0, k; i < c->n; i = k) {
        unix_ms begin = floor_to(c->v[i]->info.min_time, range), end = begin + range;
        bool full;

        for (k = i + 1; k < c->n && c->v[k]->info.max_time < end;)
            k++;
        full = floor_to(c->v[i]->info.min_time, CUT_RANGE_MS) == begin &&
               floor_to(c->v[k - 1]->info.max_time, CUT_RANGE_MS) + CUT_RANGE_MS == end;
        if (k - i > 1 && c->v[i]->info.max_time < end && (full || k < c->n) && may_merge(c, i, k) &&
            !overlaps_next(c, i, k) && !overlaps_before(c, i))
            return take(c, i, k, out);
    }
    return 0;
}

static uint64_t series_of(const struct stones *s)
{
    uint64_t n = 0;

    for (size_t i = 0; s && i < s->n; i++)
        n += i == 0 || s->v[i].series != s->v[i - 1].series;
    return n;
}

static size_t choose_deleted(const struct view *v, dur_ms middle, struct block **out)
{
    for (size_t i = 0; i < v->n_blocks; i++) {
        struct block *b = v->blocks[i];

        if (!b->unmergeable && b->info.max_time - b->info.min_time >= middle - BLOCK_RANGE_MS &&
            series_of(v->stones[i]) * DELETED_ONE_IN > b->info.series) {
            out[0] = b;
            return 1;
        }
    }
    return 0;
}

size_t merge_choose(const struct view *v, dur_ms retention, struct block **out)
{
    struct candidates c = {.n = v->n_blocks, .cut = v->cut};
    dur_ms ranges[RANGES_MAX], most = largest_range(retention);
    size_t n_ranges = 0, n;

    for (dur_ms r = BLOCK_RANGE_MS; r <= most && n_ranges < RANGES_MAX; r *= RANGE_STEP)
        ranges[n_ranges++] = r;
    c.v = mem_array(c.n, sizeof(struct block *));
    for (size_t i = 0; i < c.n; i++)
        c.v[i] = v->blocks[i];
    if (c.n > 0)
        qsort(c.v, c.n, sizeof(struct block *), by_time);
    n = choose_overlapping(&c, most, out);
    for (size_t i = 0; i < n_ranges && n == 0; i++)
        n = choose_in_range(&c, ranges[i], out);
    if (n == 0)
        n = choose_deleted(v, ranges[n_ranges / 2], out);
    free(c.v);
    return n;
}

/* ---- pace ---------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static int sync_file(struct merge_pace *pace, struct section_writer *w, struct err *err)
{
    int r;

    if (w->at - pace->synced < MERGE_SYNC_BYTES)
        return 0;
    pace->synced = w->at;
    r = w->ops->sync(w->ops->self, w->fd);
    return r < 0 ? err_set(err, r, "sync %s: %s", w->temporary, strerror(-r)) : 0;
}

int merge_pause(struct storage *st, struct merge_pace *pace, struct section_writer *w,
                struct err *err)
{
    int64_t now = now_ms(), worked;
    int r = sync_file(pace, w, err);

    if (r < 0 || !pace->rests)
        return r;
    worked = now - pace->worked_since;
    if (worked < MERGE_WORK_MS)
        return 0;
    if (storage_wait(st, worked))
        return err_set(err, -ECANCELED, "the storage closes");
    if (now >= pace->others_due) {
        storage_other_works(st);
        pace->others_due = now_ms() + OTHERS_EVERY_MS;
    }
    pace->worked_since = now_ms();
    return 0;
}

/* ---- turns --------------------------------------------------------------------------------- */

int storage_merge(struct storage *st, bool rests, struct err *err)
{
    WITH_LOCK(&st->merging);
    struct merge_pace pace = {.rests = rests, .worked_since = now_ms()};
    struct block *parents[MERGE_BLOCKS_MAX];
    struct view *v;
    size_t n;
    int r = 0;

    pace.others_due = now_ms() + OTHERS_EVERY_MS;
    do {
        {
            WITH_LOCK(&st->turn);
            r = storage_sweep(st, err);
        }
        if (r < 0)
            return r;
        v = view_take(&st->views);
        n = merge_choose(v, st->retention_time, parents);
        pace.synced = 0;
        if (n > 0)
            r = merge_blocks(st, parents, n, false, &pace, err);
        view_give(v);
    } while (n > 0 && r == 0 && !storage_is_stopping(st));
    return r;
}

int storage_clean_tombstones(struct storage *st, struct err *err)
{
    struct merge_pace pace = {0};
    struct err one = {0};
    struct view *v = view_take(&st->views);
    int r;

    {
        WITH_LOCK(&st->turn);
        r = storage_sweep(st, err);
    }
    for (size_t i = 0; i < v->n_blocks && (r == 0 || r == -EBADMSG); i++)
        if (v->stones[i]) {
            int k = merge_blocks(st, &v->blocks[i], 1, false, &pace, &one);

            if (k < 0) { /* one that is damaged keeps no other from being cleaned */
                r = k;
                *err = one;
            }
            pace.synced = 0;
        }
    view_give(v);
    if (r == 0) {
        WITH_LOCK(&st->turn);
        r = storage_write_stones(st, st->views.current, NULL, 0, err);
    }
    return r < 0 ? err_in(err, r, "clean tombstones") : 0;
}
