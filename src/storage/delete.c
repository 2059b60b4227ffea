/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting series. Nothing is written anew: tombstones say which samples are not shown any more,
 * those of blocks in a file (stones_file.c), those of the head in the log and, from the next one on,
 * in the image. Merging leaves the samples out.
 *
 * A delete holds the turn. So no image is being written, and what the image has is older than every
 * delete in the log behind it; that is what replay.c relies on. For the same reason an image that is
 * due is written first: without it the log would bring late samples back that are in blocks.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/column_priv.h"
#include "storage/head_read_priv.h"
#include "storage/storage_priv.h"

struct delete
{
    struct storage *st;
    struct view *view;
    const struct matcher *const *ms;
    size_t n_ms;
    unix_ms from, to;
    struct stones_change *changes; /* of blocks, then of the head */
    size_t n;
    struct stone *found; /* of one source */
    size_t n_found, cap_found;
};

/* ---- blocks -------------------------------------------------------------------------------- */

static void look_into_block(struct delete *d, struct block *b, const struct stones *old)
{
    struct index_face face;
    struct ids ids = {0};

    d->n_found = 0;
    if (b->info.min_time > d->to || b->info.max_time < d->from)
        return;
    block_prepare(b);
    block_index_face(b, &face);
    select_ids(&face, d->ms, d->n_ms, &ids);
    for (size_t i = 0; i < ids.n; i++)
        if (block_shows(b, ids.v[i], d->from, d->to, stones_of(old, ids.v[i])))
            *VEC_PUSH(d->found, d->n_found, d->cap_found) = (struct stone){ids.v[i], d->from, d->to,
                                                                           INT64_MAX, 0};
    ids_deinit(&ids);
}

static int delete_in_blocks(struct delete *d, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < d->view->n_blocks; i++) {
        const struct stones *old = d->view->stones[i];

        look_into_block(d, d->view->blocks[i], old);
        if (d->n_found > 0)
            d->changes[d->n++] = (struct stones_change){d->view->blocks[i],
                                                        stones_join(old, d->found, d->n_found)};
    }
    if (d->n > 0)
        r = storage_write_stones(d->st, d->view, d->changes, d->n, err);
    if (r < 0) {
        while (d->n > 0)
            stones_unref(d->changes[--d->n].take);
    }
    return r;
}

/* ---- the head ------------------------------------------------------------------------------ */

/* commit. */
static void look_into_head(struct delete *d)
{
    struct head *h = &d->st->head;
    const struct stones *old = d->view->head_stones;
    CLEANUP(ids_deinit) struct ids ids = {0};
    struct index_face face;
    struct head_mark mark;

    WITH_READ(&h->index);
    head_index_face(h, &face);
    select_ids(&face, d->ms, d->n_ms, &ids);
    WITH_READ(&h->apply);
    d->n_found = 0;
    for (size_t i = 0; i < ids.n; i++)
        if (head_mark(h, ids.v[i], d->from, d->to, &mark) &&
            !head_all_deleted(h, ids.v[i], d->from, d->to, stones_of(old, ids.v[i])))
            *VEC_PUSH(d->found, d->n_found, d->cap_found) = head_stone(h, ids.v[i], d->from, d->to);
}

/* commit. On the disk before it returns; when that fails, not in the log either. */
static int log_deletes(struct delete *d, struct err *err)
{
    struct log *l = &d->st->log;
    struct log_record record = {0};
    int r;

    log_record_begin(&record);
    for (size_t i = 0; i < d->n_found; i++)
        log_record_delete(&record, d->found[i].series, d->found[i].from, d->found[i].to);
    log_record_end(&record);
    if (record.bytes.len > LOG_RECORD_MAX)
        r = err_set(err, -E2BIG, "a delete of %zu series takes too large a record", d->n_found);
    else
        r = log_append(l, record.bytes.p, record.bytes.len, err);
    if (r == 0) {
        r = log_sync(l, err);
        if (r < 0)
            log_take_back(l, record.bytes.len);
    }
    buf_free(&record.bytes);
    return r;
}

static int delete_in_head(struct delete *d, struct err *err)
{
    WITH_LOCK(&d->st->head.commit);
    int r;

    look_into_head(d);
    if (d->n_found == 0)
        return 0;
    r = log_deletes(d, err);
    if (r == 0)
        d->changes[d->n++] = (struct stones_change){
            NULL, stones_join(d->view->head_stones, d->found, d->n_found)};
    return r;
}

/* ---- both ---------------------------------------------------------------------------------- */

int storage_delete(struct storage *st, const struct matcher *const *ms, size_t n_ms, unix_ms from,
                   unix_ms to, struct err *err)
{
    WITH_LOCK(&st->turn);
    struct delete d = {.st = st, .ms = ms, .n_ms = n_ms};
    int r = 0;

    d.from = from < -TIME_ABS_MAX ? -TIME_ABS_MAX : from;
    d.to = to > TIME_ABS_MAX ? TIME_ABS_MAX : to;
    if (d.from > d.to)
        return 0;
    if (st->image_due || st->log_suspect)
        r = storage_write_image(st, err);
    if (r ==
        0) /* a block that is replaced may come back at a start, but its tombstones would not */
        r = storage_sweep(st, err);
    if (r < 0)
        return err_in(err, r, "delete series");
    d.view = view_take(&st->views);
    d.changes = mem_array(d.view->n_blocks + 1, sizeof *d.changes);
    r = delete_in_blocks(&d, err);
    if (r == 0)
        r = delete_in_head(&d, err);
    /* What is on the disk holds, though the rest failed: it would after a restart. */
    if (d.n > 0)
        views_set_stones(&st->views, d.changes, d.n);
    st->deletes += r == 0;
    view_give(d.view);
    free(d.changes);
    free(d.found);
    return r < 0 ? err_in(err, r, "delete series") : 0;
}
