/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block from several: series by series in the order of labels, samples joined as a reader joins
 * them, without what is deleted. In memory are the index of the new block and the samples of one
 * series; samples are read and written as they come.
 *
 * Nothing is locked meanwhile. The new block takes the place of its parents under the turn, if they
 * and their tombstones are still what they were; then their files go. It names them: a start that
 * finds both leaves the parents out (retention.c). A parent that could not be removed keeps all of
 * this work waiting, for a block that names it must not go before it.
 */
#include "storage/merge_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/block_writer_priv.h"
#include "storage/samples_priv.h"

/* ---- labels -------------------------------------------------------------------------------- */

/* A parent, read series by series. */
struct source {
    struct block *block;
    const struct stones *deleted;
    uint32_t *pairs;  /* number in the new block + 1 by number in this one; 0: in no series */
    bool *unreadable; /* by ordinal; NULL: none is */
    uint32_t next;    /* ordinal of the next series */
    bool at_end;
    uint64_t hash; /* of the series at hand */
    uint32_t at;   /* its ordinal */
    uint32_t labels[LABEL_COUNT_MAX];
    size_t n_labels;
};

struct merge {
    struct storage *st;
    struct view *view;
    struct source *sources; /* in the order of the view */
    size_t n;
    struct label *labels; /* of the new block; texts are those of the parents */
    size_t n_labels, cap_labels;
    struct merge_pace *pace;
    bool lenient;
};

static bool is_shown(const struct source *s, uint32_t ordinal)
{
    return !(s->unreadable && s->unreadable[ordinal]) &&
           block_shows(s->block, ordinal, INT64_MIN, INT64_MAX, stones_of(s->deleted, ordinal));
}

/* Of a damaged block those series go on whose labels are what they were: block_label_set() holds them
 * against their hash. */
static void mark_unreadable(struct source *s)
{
    s->unreadable = mem_array((size_t)s->block->info.series, sizeof *s->unreadable);
    for (uint32_t i = 0; i < s->block->info.series; i++) {
        struct label_set *labels = NULL;
        uint64_t hash;

        s->unreadable[i] = !block_label_set(s->block, i, &hash, &labels);
        label_set_unref(labels);
    }
}

/* Marks the pairs that series have which go on. -EBADMSG: a block that is damaged stays as it is. */
static int mark_pairs(struct source *s, struct err *err)
{
    size_t n = block_pair_count(s->block);

    s->pairs = mem_array(n, sizeof *s->pairs);
    for (uint32_t i = 0; i < s->block->info.series; i++) {
        struct block_entry e;
        uint64_t pair = 0;

        if (s->unreadable && s->unreadable[i])
            continue;
        if (!block_entry(s->block, i, &e))
            return err_set(err, -EBADMSG, "a series is not readable");
        if (!is_shown(s, i))
            continue;
        for (size_t k = 0; k < e.n_pairs; k++) {
            pair += wire_uvarint(&e.pairs);
            if (pair >= n)
                return err_set(err, -EBADMSG, "a label is not readable");
            s->pairs[pair] = 1;
        }
    }
    return 0;
}

static int compare_labels(const struct label *a, const struct label *b)
{
    int r = str_cmp(a->name, b->name);

    return r ? r : str_cmp(a->value, b->value);
}

/* The next marked pair of a source from *at on. False at the end, or when it is not readable. */
static bool next_pair(const struct source *s, size_t *at, struct label *ret)
{
    size_t n = block_pair_count(s->block);

    while (*at < n && !s->pairs[*at])
        ++*at;
    return *at < n && block_pair(s->block, (pair_no)*at, ret);
}

/* Merges the pairs of all sources, each of which has them in order, and numbers them. */
static int join_pairs(struct merge *m, struct err *err)
{
    size_t *at = mem_array(m->n, sizeof *at);
    int r = 0;

    for (;;) {
        struct label least, l;
        bool any = false;

        for (size_t i = 0; i < m->n; i++)
            if (next_pair(&m->sources[i], &at[i], &l) && (!any || compare_labels(&l, &least) < 0)) {
                least = l;
                any = true;
            }
        if (!any)
            break;
        if (m->n_labels > 0 && compare_labels(&m->labels[m->n_labels - 1], &least) >= 0) {
            r = err_set(err, -EBADMSG, "labels are not in order");
            break;
        }
        *VEC_PUSH(m->labels, m->n_labels, m->cap_labels) = least;
        for (size_t i = 0; i < m->n; i++)
            if (next_pair(&m->sources[i], &at[i], &l) && compare_labels(&l, &least) == 0)
                m->sources[i].pairs[at[i]++] = (uint32_t)m->n_labels;
    }
    for (size_t i = 0; i < m->n && r == 0; i++)
        if (at[i] < block_pair_count(m->sources[i].block))
            r = err_set(err, -EBADMSG, "a label is not readable");
    free(at);
    return r;
}

/* ---- series -------------------------------------------------------------------------------- */

static int compare_series(const struct source *a, const struct source *b)
{
    for (size_t i = 0; i < a->n_labels && i < b->n_labels; i++)
        if (a->labels[i] != b->labels[i])
            return a->labels[i] < b->labels[i] ? -1 : 1;
    return (a->n_labels > b->n_labels) - (a->n_labels < b->n_labels);
}

/* Goes to the next series that has anything left. */
static int advance(struct source *s, struct err *err)
{
    struct source before;
    struct block_entry e;
    uint64_t pair = 0;
    bool first = s->next == 0;

    before.n_labels = s->n_labels;
    memcpy(before.labels, s->labels, s->n_labels * sizeof *s->labels);
    while (s->next < s->block->info.series && !is_shown(s, s->next))
        s->next++;
    s->at_end = s->next == s->block->info.series;
    if (s->at_end)
        return 0;
    s->at = s->next++;
    if (!block_entry(s->block, s->at, &e))
        return err_set(err, -EBADMSG, "a series is not readable");
    s->hash = e.hash;
    s->n_labels = e.n_pairs;
    for (size_t i = 0; i < e.n_pairs; i++) {
        pair += wire_uvarint(&e.pairs);
        s->labels[i] = s->pairs[pair] - 1; /* mark_pairs() has seen that it is there */
    }
    if (!first && before.n_labels > 0 && compare_series(&before, s) >= 0)
        return err_set(err, -EBADMSG, "series are not in order");
    return 0;
}

static const struct source *least_of(const struct merge *m)
{
    const struct source *least = NULL;

    for (size_t i = 0; i < m->n; i++)
        if (!m->sources[i].at_end && (!least || compare_series(&m->sources[i], least) < 0))
            least = &m->sources[i];
    return least;
}

/* Reads the series `of` from all that have it. */
static void read_all(const struct merge *m, const struct source *of, bool *has, struct columns *c)
{
    samples_begin(c);
    for (size_t i = 0; i < m->n; i++) {
        const struct source *s = &m->sources[i];
        size_t start = c->n;

        has[i] = !s->at_end && compare_series(s, of) == 0;
        if (!has[i])
            continue;
        block_read(s->block, s->at, INT64_MIN, INT64_MAX, c);
        stones_apply(stones_of(s->deleted, s->at), c, start);
        samples_join(c, start);
    }
}

static int write_series(struct merge *m, struct block_writer *w, struct err *err)
{
    bool *has = mem_array(m->n, sizeof *has);
    const struct source *s;
    struct columns c = {0};
    int r = 0;

    for (size_t i = 0; i < m->n && r == 0; i++)
        r = advance(&m->sources[i], err);
    while (r == 0 && (s = least_of(m))) {
        read_all(m, s, has, &c);
        if (c.n > 0) {
            block_writer_series(w, s->hash, s->labels, s->n_labels);
            block_writer_samples(w, &c);
            block_writer_series_end(w);
        }
        for (size_t i = 0; i < m->n && r == 0; i++)
            if (has[i])
                r = advance(&m->sources[i], err);
        if (r == 0)
            r = merge_pause(m->st, m->pace, &w->file, err);
    }
    columns_deinit(&c);
    free(has);
    return r;
}

/* ---- the block ----------------------------------------------------------------------------- */

/* Besides its parents it names the oldest block that it comes from: that is its place among late
 * blocks (view.c), so that of two samples at one time the same one is shown as before. */
static struct block_info info_of(const struct merge *m)
{
    struct block_info info = {.flags = m->sources[0].block->info.flags};
    uint64_t age = UINT64_MAX;
    bool named = false;

    for (size_t i = 0; i < m->n; i++) {
        const struct block *b = m->sources[i].block;

        info.level = b->info.level > info.level ? b->info.level : info.level;
        info.flags &= b->info.flags;
        info.parents[info.n_parents++] = b->number;
        age = block_age(b) < age ? block_age(b) : age;
    }
    for (size_t i = 0; i < m->n; i++)
        named = named || info.parents[i] == age;
    if (!named)
        info.parents[info.n_parents++] = age;
    info.level += m->n > 1;
    return info;
}

/* *ret is NULL when nothing is left. */
static int write_block(struct merge *m, uint64_t number, struct block **ret, struct err *err)
{
    struct block_info info = info_of(m);
    CLEANUP(buf_free) struct buf path = {0};
    struct block_writer w;
    int r;

    *ret = NULL;
    storage_path(m->st, STORAGE_FOLDER_BLOCKS, number, &path);
    r = block_writer_open(&w, m->st->ops, path.p, m->labels, m->n_labels, err);
    if (r < 0)
        return r;
    r = write_series(m, &w, err);
    if (r < 0 || w.info.series == 0) {
        block_writer_abort(&w);
        return r;
    }
    r = block_writer_finish(&w, &info, err);
    return r < 0 ? r : block_open(path.p, number, &m->st->damage, ret, err);
}

static int merge_begin(struct merge *m, struct block *const *parents, size_t n, struct err *err)
{
    int r = 0;

    m->sources = mem_array(n, sizeof *m->sources);
    for (size_t i = 0; i < m->view->n_blocks; i++)
        for (size_t k = 0; k < n; k++)
            if (m->view->blocks[i] == parents[k])
                m->sources[m->n++] = (struct source){.block = parents[k],
                                                     .deleted = m->view->stones[i]};
    for (size_t i = 0; i < m->n && r == 0; i++) {
        block_prepare(m->sources[i].block);
        if (m->lenient)
            mark_unreadable(&m->sources[i]);
        r = m->sources[i].block->index_lost && !m->lenient
                ? err_set(err, -EBADMSG, "its index is damaged")
                : mark_pairs(&m->sources[i], err);
        if (r < 0) {
            m->sources[i].block->unmergeable = true;
            err_in(err, r, "block %08llu", (unsigned long long)m->sources[i].block->number);
        }
    }
    return r < 0 ? r : join_pairs(m, err);
}

static void merge_deinit(struct merge *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->sources[i].pairs);
        free(m->sources[i].unreadable);
    }
    free(m->sources);
    free(m->labels);
    view_give(m->view);
}

/* turn. Whether the parents are in the current view with the same tombstones. */
static bool still_holds(const struct merge *m)
{
    const struct view *v = m->st->views.current;
    size_t n = 0;

    for (size_t i = 0; i < v->n_blocks; i++)
        for (size_t k = 0; k < m->n; k++)
            n += v->blocks[i] == m->sources[k].block && v->stones[i] == m->sources[k].deleted;
    return n == m->n;
}

int storage_sweep(struct storage *st, struct err *err)
{
    int r = 0;

    while (st->doomed.n > 0 && r == 0) {
        uint64_t number = st->doomed.v[st->doomed.n - 1];
        struct buf path = {0};

        storage_path(st, STORAGE_FOLDER_BLOCKS, number, &path);
        r = st->ops->unlink(st->ops->self, path.p);
        if (r == -ENOENT)
            r = 0;
        if (r < 0)
            err_set(err, r, "remove %s: %s", path.p, strerror(-r));
        else
            st->doomed.n--;
        buf_free(&path);
    }
    return r;
}

/* turn. take_block may be NULL: nothing was left of the parents. */
static int publish(struct merge *m, struct block *take_block, struct err *err)
{
    struct block **parents = mem_array(m->n, sizeof(struct block *));
    struct storage *st = m->st;

    for (size_t i = 0; i < m->n; i++) {
        parents[i] = m->sources[i].block;
        *VEC_PUSH(st->doomed.v, st->doomed.n, st->doomed.cap) = parents[i]->number;
    }
    views_change(&st->views, parents, m->n, &take_block, take_block != NULL, false, 0);
    free(parents);
    st->merges++;
    storage_tell(st, STORAGE_INFO, "%zu blocks were merged into one: %llu samples of %llu series",
                 m->n, take_block ? (unsigned long long)take_block->info.samples : 0,
                 take_block ? (unsigned long long)take_block->info.series : 0);
    return storage_sweep(st, err);
}

static void throw_away(struct storage *st, struct block *b)
{
    if (!b)
        return;
    (void)st->ops->unlink(st->ops->self, b->path);
    block_unref(b);
}

int merge_blocks(struct storage *st, struct block *const *parents, size_t n, bool lenient,
                 struct merge_pace *pace, struct err *err)
{
    CLEANUP(merge_deinit) struct merge m = {.st = st, .pace = pace, .lenient = lenient};
    struct block *block = NULL;
    uint64_t number;
    int r;

    m.view = view_take(&st->views);
    {
        WITH_LOCK(&st->turn);
        number = st->next_block++;
    }
    r = merge_begin(&m, parents, n, err);
    if (m.n < n) /* one of them is gone since they were chosen */
        return 0;
    if (r == 0)
        r = write_block(&m, number, &block, err);
    if (r == 0) {
        WITH_LOCK(&st->turn);
        if (still_holds(&m))
            return publish(&m, block, err);
        throw_away(st, block);
        return 0;
    }
    if (r != -ECANCELED)
        st->merges_failed++;
    return r == -ECANCELED ? 0 : err_in(err, r, "merge %zu blocks", n);
}
