/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the head to blocks. In order:
 *
 *  1. valid_from is raised to the end of the range (it is an hour behind the newest sample, so no
 * sender notices): from now on nothing in order comes into the range.
 *  2. The series with samples in the range, their labels and what late samples there are is noted,
 * a few hundred series at a time; then the block is written without any lock but the short ones of
 * reading.
 *  3. A new view is published: for whoever selects from now on, the range is in the block.
 *  4. When the views before it are gone, what the block has is freed (storage_trim).
 *
 * Late samples of older ranges go to blocks of their own, in the same view.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "storage/block_writer_priv.h"
#include "storage/head_read_priv.h"
#include "storage/samples_priv.h"
#include "storage/storage_priv.h"

#define SERIES_AT_A_TIME 512 /* under one hold of a lock */

/* Begin of the range of that length in which t lies. */
static unix_ms range_of(unix_ms t, dur_ms length)
{
    unix_ms r = t % length;

    return t - (r < 0 ? r + length : r);
}

/* ---- 2: what goes into a block ------------------------------------------------------------- */

struct cut_series {
    series_id id;
    uint32_t labels; /* place in cut.pairs */
    uint16_t n_labels;
    bool late; /* has samples that came late */
};

struct cut {
    struct storage *st;
    unix_ms from, to; /* [from, to) */
    bool late_only;
    struct cut_series *series;
    size_t n_series, cap_series;
    uint32_t *pairs; /* of all series: numbers of the head, later those of the block */
    size_t n_pairs, cap_pairs;
    struct label *labels; /* pairs of the block, sorted. Texts stay: only this thread removes any */
    size_t n_labels;
};

static void cut_deinit(struct cut *c)
{
    free(c->series);
    free(c->pairs);
    free(c->labels);
}

/* index and apply, for reading. */
static void note_series(struct cut *c, series_id id)
{
    const struct head *h = &c->st->head;
    const struct series *s = head_series(h, id);
    const struct late *late = head_late(h, id);
    const pair_no *pairs = head_pairs(h, id);
    struct head_mark mark;
    struct cut_series *cs;

    if (!head_mark(h, id, c->from, c->to - 1, &mark) || (c->late_only && !late))
        return;
    must(c->n_pairs + s->n_labels <= UINT32_MAX);
    cs = VEC_PUSH(c->series, c->n_series, c->cap_series);
    *cs = (struct cut_series){id, (uint32_t)c->n_pairs, s->n_labels, late != NULL};
    for (size_t i = 0; i < s->n_labels; i++)
        *VEC_PUSH(c->pairs, c->n_pairs, c->cap_pairs) = pairs[i];
}

static void note_all(struct cut *c)
{
    struct head *h = &c->st->head;

    for (series_id id = 1; id != 0;) {
        WITH_READ(&h->index);
        WITH_READ(&h->apply);

        for (int i = 0; i < SERIES_AT_A_TIME && (id = head_next(h, id)) != 0; i++, id++)
            note_series(c, id);
    }
}

struct ranked {
    struct label label;
    pair_no pair;
};

static int compare_ranked(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    int r = str_cmp(a->label.name, b->label.name);

    return r ? r : str_cmp(a->label.value, b->label.value);
}

/* The pairs that the series have, sorted; *ret_rank, by number of the head, says where each came to
 * stand. */
static void rank_pairs(struct cut *c, uint32_t **ret_rank)
{
    struct head *h = &c->st->head;
    struct ranked *ranked;
    size_t n_all, n = 0;
    uint32_t *rank;

    {
        WITH_READ(&h->index);
        n_all = h->symbols.n_pairs;
        rank = mem_array(n_all, sizeof *rank);
        for (size_t i = 0; i < c->n_pairs; i++)
            n += rank[c->pairs[i]]++ == 0;
        ranked = mem_array(n, sizeof *ranked);
        n = 0;
        for (size_t i = 0; i < n_all; i++)
            if (rank[i] > 0) {
                const struct pair *p = h->symbols.pairs[i];

                ranked[n++] = (struct ranked){{symbol_str(p->name), symbol_str(p->value)},
                                              (pair_no)i};
            }
    }
    qsort(ranked, n, sizeof *ranked, compare_ranked);
    c->labels = mem_array(n, sizeof *c->labels);
    c->n_labels = n;
    for (size_t i = 0; i < n; i++) {
        c->labels[i] = ranked[i].label;
        rank[ranked[i].pair] = (uint32_t)i;
    }
    free(ranked);
    *ret_rank = rank;
}

/* In the order of labels: the pairs are numbered in it, so no text is looked at. */
static int compare_series(const void *pa, const void *pb, void *arg)
{
    const struct cut_series *a = pa, *b = pb;
    const uint32_t *x = (const uint32_t *)arg + a->labels, *y = (const uint32_t *)arg + b->labels;

    for (size_t i = 0; i < a->n_labels && i < b->n_labels; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return (a->n_labels > b->n_labels) - (a->n_labels < b->n_labels);
}

static void sort_series(struct cut *c)
{
    uint32_t *rank;

    rank_pairs(c, &rank);
    for (size_t i = 0; i < c->n_pairs; i++)
        c->pairs[i] = rank[c->pairs[i]];
    free(rank);
    qsort_r(c->series, c->n_series, sizeof *c->series, compare_series, c->pairs);
}

/* ---- 2: writing it ------------------------------------------------------------------------- */

/* What the cut may show of a series: all in order, the range is closed; late ones that were
 * noted. */
static struct head_mark mark_of(struct cut *c, const struct cut_series *s)
{
    struct head_mark mark = {INT64_MAX, 0};

    if (s->late) {
        WITH_READ(&c->st->head.apply);
        mark.late = head_late(&c->st->head, s->id)->written;
    }
    return mark;
}

static void write_series(struct cut *c, struct block_writer *w)
{
    unix_ms cut = c->late_only ? INT64_MAX : c->st->views.current->cut;
    struct columns columns = {0};

    for (size_t i = 0; i < c->n_series; i++) {
        const struct cut_series *s = &c->series[i];
        struct head_mark mark = mark_of(c, s);

        samples_begin(&columns);
        head_read(&c->st->head, s->id, &mark, cut, c->from, c->to - 1,
                  stones_of(c->st->views.current->head_stones, s->id),
                  i + 1 < c->n_series ? s[1].id : 0, &columns);
        if (columns.n == 0)
            continue;
        block_writer_series(w, head_series(&c->st->head, s->id)->hash, c->pairs + s->labels,
                            s->n_labels);
        block_writer_samples(w, &columns);
        block_writer_series_end(w);
    }
    columns_deinit(&columns);
}

/* Pairs that turn out to be in no series would be empty lists; they are not, as a series that is
 * noted has samples nearly always, and an empty list does no harm. */
static int write_block(struct cut *c, struct block **ret, struct err *err)
{
    struct block_info info = {.level = 1, .flags = c->late_only ? BLOCK_LATE : 0};
    struct storage *st = c->st;
    struct block_writer w;
    struct buf path = {0};
    int r;

    storage_path(st, STORAGE_FOLDER_BLOCKS, st->next_block, &path);
    r = block_writer_open(&w, st->ops, path.p, c->labels, c->n_labels, err);
    if (r == 0) {
        write_series(c, &w);
        if (w.info.series == 0) {
            block_writer_abort(&w);
            *ret = NULL;
            buf_free(&path);
            return 0;
        }
        r = block_writer_finish(&w, &info, err);
    }
    if (r == 0)
        r = block_open(path.p, st->next_block, &st->damage, ret, err);
    if (r == 0)
        st->next_block++;
    buf_free(&path);
    return r;
}

static int make_block(struct storage *st, unix_ms from, unix_ms to, bool late_only,
                      struct block **ret, struct err *err)
{
    struct cut c = {.st = st, .from = from, .to = to, .late_only = late_only};
    int r = 0;

    *ret = NULL;
    note_all(&c);
    if (c.n_series > 0) {
        sort_series(&c);
        r = write_block(&c, ret, err);
    }
    cut_deinit(&c);
    return r;
}

/* ---- the whole cut ------------------------------------------------------------------------- */

struct range_set {
    unix_ms *begins;
    size_t n, cap;
};

static void add_range(struct range_set *set, unix_ms begin)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->begins[i] == begin)
            return;
    *VEC_PUSH(set->begins, set->n, set->cap) = begin;
}

/* Marks all late samples that are there now as written, and notes the ranges of two hours that have
 * any before `from`: what came late into the range that is cut goes to its block. */
static void note_late(struct head *h, unix_ms from, struct range_set *ranges)
{
    struct late *l;

    WITH_WRITE(&h->apply);
    for (size_t i = 0; (l = map_next(&h->late, &i));) {
        l->written = l->dropped + l->n;
        for (uint32_t k = 0; k < l->n; k++)
            if (l->samples[k].t < from)
                add_range(ranges, range_of(l->samples[k].t, BLOCK_RANGE_MS));
    }
}

static void forget_late(struct head *h)
{
    struct late *l;

    WITH_WRITE(&h->apply);
    for (size_t i = 0; (l = map_next(&h->late, &i));)
        l->written = 0;
}

/* Of [from, to) and of what came late before it. */
static int make_blocks(struct storage *st, unix_ms from, unix_ms to, struct block ***ret,
                       size_t *ret_n, struct err *err)
{
    struct range_set late = {0};
    struct block **blocks, *b;
    size_t n = 0;
    int r;

    note_late(&st->head, from, &late);
    blocks = mem_array(late.n + 1, sizeof *blocks);
    r = make_block(st, from, to, false, &b, err);
    if (b)
        blocks[n++] = b;
    for (size_t i = 0; i < late.n && r == 0; i++) {
        unix_ms end = late.begins[i] + BLOCK_RANGE_MS;

        r = make_block(st, late.begins[i], end < from ? end : from, true, &b, err);
        if (b)
            blocks[n++] = b;
    }
    free(late.begins);
    if (r < 0) {
        forget_late(&st->head);
        for (size_t i = 0; i < n; i++) {
            st->ops->unlink(st->ops->self, blocks[i]->path);
            block_unref(blocks[i]);
        }
        free(blocks);
        return r;
    }
    *ret = blocks;
    *ret_n = n;
    return 0;
}

static void close_range(struct head *h, unix_ms to)
{
    WITH_LOCK(&h->commit);
    if (h->valid_from < to)
        h->valid_from = to;
}

static int cut_one(struct storage *st, unix_ms from, unix_ms to, struct err *err)
{
    struct block **blocks;
    size_t n;
    int r;

    close_range(&st->head, to);
    r = make_blocks(st, from, to, &blocks, &n, err);
    if (r < 0) {
        st->cuts_failed++;
        return err_in(err, r, "cut a block from the head");
    }
    views_change(&st->views, NULL, 0, blocks, n, true, to);
    for (size_t i = 0; i < n; i++)
        storage_tell(
            st, STORAGE_INFO, "block %08llu: %llu samples of %llu series cut from the head",
            (unsigned long long)blocks[i]->number, (unsigned long long)blocks[i]->info.samples,
            (unsigned long long)blocks[i]->info.series);
    free(blocks);
    st->cuts++;
    st->trim_due = true;
    st->image_due = true;
    return 0;
}

/* The oldest sample in order that is not in a block. */
static unix_ms oldest_in_head(struct storage *st)
{
    struct head *h = &st->head;
    unix_ms cut = st->views.current->cut, least = TIME_NONE_MIN;

    for (series_id id = 1; id != 0;) {
        WITH_READ(&h->apply);
        for (int i = 0; i < SERIES_AT_A_TIME && (id = head_next(h, id)) != 0; i++, id++) {
            unix_ms t = head_oldest(h, head_series(h, id), cut);

            least = t < least ? t : least;
        }
    }
    return least < cut ? cut : least;
}

int storage_cut(struct storage *st, struct err *err)
{
    struct head *h = &st->head;

    if (h->max_time == TIME_NONE_MAX || h->max_time - h->min_time <= HEAD_SPAN_MS)
        return 0;
    for (;;) {
        unix_ms oldest = oldest_in_head(st), from = range_of(oldest, CUT_RANGE_MS);
        int r;

        if (oldest == TIME_NONE_MIN || h->max_time - from <= HEAD_SPAN_MS)
            return 0;
        r = cut_one(st, from, from + CUT_RANGE_MS, err);
        if (r < 0)
            return r;
        storage_trim(st); /* a long history that is pushed in must not pile up in memory */
    }
}

/* ---- 4 ------------------------------------------------------------------------------------- */

static bool is_empty(const struct series *s)
{
    return s->tip.n == 0 && !s->sealed && !(s->tip.state & SERIES_LATE);
}

/* commit and apply. Series without any sample go, but one that never had any only when it was so
 * the last time too: its sender may be about to commit. */
static void trim_series(struct head *h, series_id id, unix_ms cut, unix_ms *least, struct ids *gone)
{
    struct series *s = head_series(h, id);
    unix_ms oldest;

    head_trim(h, id, s, cut);
    if (!is_empty(s)) {
        s->tip.state &= (uint8_t)~SERIES_IDLE;
        oldest = head_oldest(h, s, cut);
        *least = oldest < *least ? oldest : *least;
    } else if (s->tip.last_t != TIME_NONE_MAX || s->tip.state & SERIES_IDLE) {
        ids_push(gone, id);
    } else {
        s->tip.state |= SERIES_IDLE;
    }
}

/* What is deleted of samples that the head does not have any more needs no mark. */
static void trim_stones(struct storage *st, unix_ms cut)
{
    const struct stones *s = st->views.current->head_stones;
    struct stones_change c = {0};
    struct stone *v;
    size_t n = 0;

    if (!s)
        return;
    v = mem_array(s->n, sizeof *v);
    WITH_READ(&st->head.apply);
    for (size_t i = 0; i < s->n; i++)
        if (head_series(&st->head, s->v[i].series) &&
            (s->v[i].to >= cut || head_late(&st->head, s->v[i].series)))
            v[n++] = s->v[i];
    if (n < s->n) {
        c.take = stones_join(NULL, v, n);
        views_set_stones(&st->views, &c, 1);
    }
    free(v);
}

static void remove_series(struct storage *st, struct ids *gone)
{
    struct head *h = &st->head;
    size_t n = 0;

    WITH_LOCK(&h->commit);
    WITH_WRITE(&h->index);
    WITH_WRITE(&h->apply);

    for (size_t i = 0; i < gone->n; i++) /* without those that got a sample just now */
        if (is_empty(head_series(h, gone->v[i])))
            gone->v[n++] = gone->v[i];
    gone->n = n;
    head_remove(h, gone);
    st->series_removed += n;
}

void storage_trim(struct storage *st)
{
    struct head *h = &st->head;
    unix_ms cut = st->views.current->cut, least = TIME_NONE_MIN;
    struct ids gone = {0};

    if (!st->trim_due || !views_all_cut(&st->views))
        return;
    st->trim_due = false;
    {
        WITH_LOCK(&h->commit);
        WITH_WRITE(&h->apply);
        h->min_time = TIME_NONE_MIN; /* what comes meanwhile lowers it */
    }
    for (series_id id = 1; id != 0;) {
        WITH_LOCK(&h->commit);
        WITH_WRITE(&h->apply);
        for (int i = 0; i < SERIES_AT_A_TIME && (id = head_next(h, id)) != 0; i++, id++)
            trim_series(h, id, cut, &least, &gone);
    }
    if (gone.n > 0)
        remove_series(st, &gone);
    ids_deinit(&gone);
    trim_stones(st, cut);
    WITH_LOCK(&h->commit);
    WITH_WRITE(&h->apply);
    if (least < h->min_time)
        h->min_time = least;
}
