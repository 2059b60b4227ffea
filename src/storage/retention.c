/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks there are: found at the start, removed when they are too old or too much.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "storage/numbered_priv.h"
#include "storage/replay_priv.h"
#include "storage/storage_priv.h"

/* ---- the start ----------------------------------------------------------------------------- */

static bool is_replaced(const struct block *b, struct block *const *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < all[i]->info.n_parents; k++)
            if (all[i]->info.parents[k] == b->number)
                return true;
    return false;
}

/* Parents of a block are needless: the crash came after it was made and before they were removed.
 */
static size_t drop_replaced(struct storage *st, struct block **blocks, size_t n)
{
    bool *drop = mem_array(n, sizeof *drop);
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        drop[i] = is_replaced(blocks[i], blocks, n);
    for (size_t i = 0; i < n; i++) {
        if (drop[i]) {
            if (st->ops->unlink(st->ops->self, blocks[i]->path) < 0)
                *VEC_PUSH(st->doomed.v, st->doomed.n, st->doomed.cap) = blocks[i]->number;
            block_unref(blocks[i]);
        } else {
            blocks[kept++] = blocks[i];
        }
    }
    free(drop);
    return kept;
}

static size_t open_all(struct storage *st, const struct numbered *files, struct block **blocks)
{
    size_t n = 0;

    for (size_t i = 0; i < files->n; i++) {
        struct buf path = {0};
        struct err err = {0};

        storage_path(st, STORAGE_FOLDER_BLOCKS, files->v[i], &path);
        if (block_open(path.p, files->v[i], &st->damage, &blocks[n], &err) == 0) {
            n++;
        } else {
            err_in(&err, err.code, "block %08llu: it cannot be used and is left out",
                   (unsigned long long)files->v[i]);
            st->damage.told(st->damage.self, err.msg);
        }
        st->next_block = files->v[i] + 1;
        buf_free(&path);
    }
    return n;
}

int storage_open_blocks(struct storage *st, struct err *err)
{
    struct numbered files = {0};
    struct buf folder = {0};
    struct block **blocks;
    unix_ms cut = INT64_MIN;
    size_t n;
    int r;

    st->next_block = 1;
    buf_addf(&folder, "%s/" STORAGE_FOLDER_BLOCKS, st->dir);
    r = numbered_list(folder.p, st->ops, &files, err);
    buf_free(&folder);
    if (r < 0)
        return r;
    blocks = mem_array(files.n, sizeof *blocks);
    n = drop_replaced(st, blocks, open_all(st, &files, blocks));
    for (size_t i = 0; i < n; i++)
        if (!(blocks[i]->info.flags & BLOCK_LATE) && blocks[i]->info.max_time >= cut)
            cut = blocks[i]->info.max_time + 1;
    views_change(&st->views, NULL, 0, blocks, n, true, cut);
    free(blocks);
    numbered_deinit(&files);
    return 0;
}

/* ---- retention ----------------------------------------------------------------------------- */

static unix_ms newest_time(const struct view *v)
{
    unix_ms t = INT64_MIN;

    for (size_t i = 0; i < v->n_blocks; i++)
        t = v->blocks[i]->info.max_time > t ? v->blocks[i]->info.max_time : t;
    return t;
}

static int newest_first(const void *pa, const void *pb)
{
    const struct block *a = *(struct block *const *)pa, *b = *(struct block *const *)pb;

    return (a->info.max_time < b->info.max_time) - (a->info.max_time > b->info.max_time);
}

/* The blocks to remove, as Prometheus chooses them: too old, measured at the newest block; or,
 * newest first, where the sum with log and head passes the limit. Returns how many. */
static size_t choose(const struct storage *st, const struct view *v, struct block **out)
{
    uint64_t sum = st->log.bytes + st->image_bytes, limit = st->retention_bytes;
    unix_ms newest = newest_time(v), time = st->retention_time;
    struct block **sorted = mem_array(v->n_blocks, sizeof *sorted);
    size_t n = 0;

    for (size_t i = 0; i < v->n_blocks; i++)
        sorted[i] = v->blocks[i];
    qsort(sorted, v->n_blocks, sizeof *sorted, newest_first);
    for (size_t i = 0; i < v->n_blocks; i++) {
        sum += sorted[i]->file.len;
        if ((time > 0 && sorted[i]->info.max_time <= newest - time) || (limit > 0 && sum > limit))
            out[n++] = sorted[i];
    }
    free(sorted);
    return n;
}

int storage_retain(struct storage *st, struct err *err)
{
    struct view *v = view_take(&st->views);
    struct block **drop = mem_array(v->n_blocks, sizeof *drop);
    size_t n = choose(st, v, drop), removed = 0;
    int r = storage_sweep(st, err);

    for (size_t i = 0; i < n && st->doomed.n == 0; i++) {
        int k = st->ops->unlink(st->ops->self, drop[i]->path);

        if (k < 0)
            r = err_set(err, k, "remove %s: %m", drop[i]->path);
        else
            drop[removed++] = drop[i];
    }
    if (removed > 0) {
        views_change(&st->views, drop, removed, NULL, 0, false, 0);
        storage_tell(st, STORAGE_INFO, "%zu blocks were removed: the retention is over", removed);
    }
    free(drop);
    view_give(v);
    return r;
}
