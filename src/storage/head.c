/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of the head, in the order in which they may be taken:
 *
 *     commit   a mutex: one commit at a time, from judging the rows over writing the log to
 * appending. The log is one file and a commit is all or nothing, so commits follow each other in
 * any case; and with one thread at it, a sample costs 50 to 100 ns, which is more samples a second
 * than the parsers before it deliver on the cores of a site's server. Sharding would buy nothing
 *              but a merge of verdicts.
 *     index    read-write: labels, symbols, postings, hash table, rows. For writing only while a
 * series is made or removed, so never on the way of a sample whose series is known. apply
 * read-write: the samples. For writing only while a commit whose record is in the log already
 *              appends, and while chunks are freed; never across a system call. Readers copy the
 * end of one series at a time under it, and decode without it.
 *
 * No half commits: a selection notes, under one hold of `apply`, the time of the newest sample of
 * each of its series (and how many late ones there are), and later shows nothing beyond. Times of a
 * series only grow, so this one number names the state at that moment.
 *
 * Who appends need not hold `index`: a series reference was handed out under it, and a row, once it
 * is on its shelf, stays there until all its series are removed, which takes all three locks.
 */
#include "storage/head_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "storage/histogram_code_priv.h"

#define TABLE_LEAST 1024 /* slots of the table by hash */

static void rwlock_init(pthread_rwlock_t *l)
{
    pthread_rwlockattr_t attr;

    /* Queries that come without pause must not keep samples out. */
    must(pthread_rwlockattr_init(&attr) == 0);
    must(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    must(pthread_rwlock_init(l, &attr) == 0);
    pthread_rwlockattr_destroy(&attr);
}

pthread_rwlock_t *rw_take(pthread_rwlock_t *l, bool write)
{
    must((write ? pthread_rwlock_wrlock(l) : pthread_rwlock_rdlock(l)) == 0);
    return l;
}

void head_init(struct head *h)
{
    *h = (struct head){.next_id = 1, .min_time = TIME_NONE_MIN, .max_time = TIME_NONE_MAX};
    h->valid_from = INT64_MIN;
    lock_init(&h->commit);
    rwlock_init(&h->apply);
    rwlock_init(&h->index);
    h->pool = pool_new();
}

void head_deinit(struct head *h)
{
    for (size_t i = 0; i < SHELVES && h->shelves[i]; i++) {
        for (size_t k = 0; k < SHELF_ROWS; k++)
            if (h->shelves[i][k]) {
                free(h->shelves[i][k]->labels);
                free(h->shelves[i][k]);
            }
        free(h->shelves[i]);
    }
    head_samples_deinit(h);
    symbols_deinit(&h->symbols);
    free(h->by_hash);
    pool_free(h->pool);
    pthread_rwlock_destroy(&h->index);
    pthread_rwlock_destroy(&h->apply);
    lock_deinit(&h->commit);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static struct series_row *row_of(const struct head *h, series_id id)
{
    struct series_row **shelf = h->shelves[id >> (ROW_SERIES_LOG2 + SHELF_ROWS_LOG2)];

    return shelf ? shelf[(id >> ROW_SERIES_LOG2) & (SHELF_ROWS - 1)] : NULL;
}

struct series *head_series(const struct head *h, series_id id)
{
    struct series_row *row = id < h->next_id ? row_of(h, id) : NULL;
    struct series *s = row ? &row->series[id & (ROW_SERIES - 1)] : NULL;

    return s && s->n_labels ? s : NULL;
}

void head_prefetch(const struct head *h, series_id id)
{
    const struct series_row *row = id < h->next_id ? row_of(h, id) : NULL;

    if (row)
        __builtin_prefetch(&row->series[id & (ROW_SERIES - 1)], 1);
}

void head_prefetch_open(const struct head *h, series_id id)
{
    const struct series *s = head_series(h, id);

    if (s && s->open)
        __builtin_prefetch(pool_at(h->pool, s->open) + s->tip.len, 1);
}

static struct series_row *make_row(struct head *h, series_id id)
{
    struct series_row ***shelf = &h->shelves[id >> (ROW_SERIES_LOG2 + SHELF_ROWS_LOG2)], **row;

    if (!*shelf)
        *shelf = mem_array(SHELF_ROWS, sizeof **shelf);
    row = &(*shelf)[(id >> ROW_SERIES_LOG2) & (SHELF_ROWS - 1)];
    if (!*row) {
        void *p;

        must(posix_memalign(&p, sizeof(struct series), sizeof **row) == 0);
        memset(p, 0, sizeof **row);
        *row = p;
    }
    return *row;
}

series_id head_next(const struct head *h, series_id from)
{
    series_id end = h->next_id;

    while (from < end) {
        if (!row_of(h, from))
            from = (from | (ROW_SERIES - 1)) + 1;
        else if (head_series(h, from))
            return from;
        else
            from++;
    }
    return 0;
}

/* ---- the table of series by hash ----------------------------------------------------------- */

static size_t home(const struct head *h, uint64_t hash)
{
    return (size_t)hash & (h->cap_by_hash - 1);
}

static void place_id(struct head *h, series_id id, uint64_t hash)
{
    size_t i = home(h, hash);

    while (h->by_hash[i])
        i = (i + 1) & (h->cap_by_hash - 1);
    h->by_hash[i] = id;
}

static void resize_table(struct head *h, size_t cap)
{
    size_t old_cap = h->cap_by_hash;
    series_id *old = h->by_hash;

    h->cap_by_hash = cap;
    h->by_hash = mem_array(cap, sizeof *h->by_hash);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            place_id(h, old[i], head_series(h, old[i])->hash);
    free(old);
}

static void make_place(struct head *h)
{
    if ((h->n_series + 1) * 4 > h->cap_by_hash * 3)
        resize_table(h, h->cap_by_hash ? 2 * h->cap_by_hash : TABLE_LEAST);
}

#define PLACE_AT_A_TIME 16 /* their memory is asked for before the first of them is placed */

void head_make_table(struct head *h)
{
    size_t cap = TABLE_LEAST;

    while (h->n_series * 4 > cap * 3)
        cap *= 2;
    must(!h->by_hash);
    resize_table(h, cap);
    for (series_id id = 1; id != 0;) {
        series_id ids[PLACE_AT_A_TIME];
        size_t n = 0;

        for (; n < PLACE_AT_A_TIME && (id = head_next(h, id)) != 0; id++) {
            __builtin_prefetch(&h->by_hash[home(h, head_series(h, id)->hash)], 1);
            ids[n++] = id;
        }
        for (size_t i = 0; i < n; i++)
            place_id(h, ids[i], head_series(h, ids[i])->hash);
    }
}

static bool labels_equal(const struct head *h, series_id id, const struct label_set *labels)
{
    size_t n = label_set_count(labels);

    if (head_series(h, id)->n_labels != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct label a = head_label(h, id, i), b = label_set_at(labels, i);

        if (!str_eq(a.value, b.value) || !str_eq(a.name, b.name))
            return false;
    }
    return true;
}

series_id head_find(const struct head *h, const struct label_set *labels, uint64_t hash)
{
    if (h->cap_by_hash == 0)
        return 0;
    for (size_t i = home(h, hash); h->by_hash[i]; i = (i + 1) & (h->cap_by_hash - 1)) {
        const struct series *s = head_series(h, h->by_hash[i]);

        if (s->hash == hash && labels_equal(h, h->by_hash[i], labels))
            return h->by_hash[i];
    }
    return 0;
}

static void remove_from_table(struct head *h, series_id id, uint64_t hash)
{
    size_t mask = h->cap_by_hash - 1, hole = home(h, hash);

    while (h->by_hash[hole] != id)
        hole = (hole + 1) & mask;
    /* Move up those behind the hole that would not be found across it. */
    for (size_t i = (hole + 1) & mask; h->by_hash[i]; i = (i + 1) & mask) {
        size_t from_home = (i - home(h, head_series(h, h->by_hash[i])->hash)) & mask;

        if (from_home >= ((i - hole) & mask)) {
            h->by_hash[hole] = h->by_hash[i];
            hole = i;
        }
    }
    h->by_hash[hole] = 0;
}

/* ---- series -------------------------------------------------------------------------------- */

series_id head_add_pairs(struct head *h, series_id id, const pair_no *pairs, size_t n,
                         uint64_t hash)
{
    struct series_row *row;
    struct series *s;

    if (id == 0)
        id = h->next_id;
    if (id > SERIES_ID_MAX)
        return 0;
    row = make_row(h, id);
    s = &row->series[id & (ROW_SERIES - 1)];
    must(id >= h->next_id && n > 0 && n <= UINT16_MAX && row->n_labels + n <= UINT32_MAX);
    s->hash = hash;
    s->n_labels = (uint16_t)n;
    s->labels = (uint32_t)row->n_labels;
    s->tip.last_t = TIME_NONE_MAX;
    s->first_t = TIME_NONE_MIN;
    for (size_t i = 0; i < n; i++)
        *VEC_PUSH(row->labels, row->n_labels, row->cap_labels) = pairs[i];
    if ((id & (ROW_SERIES - 1)) == ROW_SERIES - 1) { /* none comes after the last of a row */
        row->labels = mem_resize(row->labels, row->n_labels, sizeof *row->labels);
        row->cap_labels = row->n_labels;
    }
    row->live++;
    h->n_series++;
    h->next_id = id + 1;
    return id;
}

void head_add_postings(struct head *h, series_id from, series_id before)
{
    while (from < before) {
        const struct series_row *row = row_of(h, from);
        const struct series *s = row ? &row->series[from & (ROW_SERIES - 1)] : NULL;

        for (size_t i = 0; s && i < s->n_labels; i++)
            symbols_add_series(&h->symbols, row->labels[s->labels + i], from);
        from = row ? from + 1 : (from | (ROW_SERIES - 1)) + 1;
    }
}

series_id head_add(struct head *h, series_id id, const struct label_set *labels, uint64_t hash)
{
    pair_no pairs[LABEL_COUNT_MAX];
    size_t n = label_set_count(labels);

    must(n <= LABEL_COUNT_MAX);
    if (id > SERIES_ID_MAX || h->next_id > SERIES_ID_MAX)
        return 0;
    make_place(h);
    for (size_t i = 0; i < n; i++) {
        struct label l = label_set_at(labels, i);

        pairs[i] = symbols_make_pair(&h->symbols, l.name, l.value);
    }
    id = head_add_pairs(h, id, pairs, n, hash);
    if (id != 0) {
        head_add_postings(h, id, id + 1);
        place_id(h, id, hash);
    }
    return id;
}

static void drop_row(struct head *h, series_id id)
{
    struct series_row **row = &h->shelves[id >> (ROW_SERIES_LOG2 + SHELF_ROWS_LOG2)]
                                         [(id >> ROW_SERIES_LOG2) & (SHELF_ROWS - 1)];

    free((*row)->labels);
    free(*row);
    *row = NULL;
}

static void collect_pairs(const struct head *h, const struct ids *gone, struct ids *pairs)
{
    for (size_t i = 0; i < gone->n; i++) {
        const struct series *s = head_series(h, gone->v[i]);

        for (size_t k = 0; k < s->n_labels; k++)
            ids_push(pairs, head_pairs(h, gone->v[i])[k]);
    }
    ids_settle(pairs);
}

void head_remove(struct head *h, const struct ids *gone)
{
    struct ids pairs = {0};

    collect_pairs(h, gone, &pairs);
    for (size_t i = 0; i < pairs.n; i++)
        symbols_drop_series(&h->symbols, pairs.v[i], gone);
    ids_deinit(&pairs);
    for (size_t i = 0; i < gone->n; i++) {
        struct series *s = head_series(h, gone->v[i]);
        struct series_row *row = row_of(h, gone->v[i]);

        must(s->tip.n == 0 && !s->sealed && !(s->tip.state & SERIES_LATE));
        head_forget_histogram(h, gone->v[i]);
        if (s->open)
            pool_put(h->pool, s->open, s->tip.piece_class);
        remove_from_table(h, gone->v[i], s->hash);
        memset(s, 0, sizeof *s);
        h->n_series--;
        /* The last row is kept: new series will go there. */
        if (--row->live == 0 && gone->v[i] >> ROW_SERIES_LOG2 != h->next_id >> ROW_SERIES_LOG2)
            drop_row(h, gone->v[i]);
    }
}

/* ---- labels -------------------------------------------------------------------------------- */

const pair_no *head_pairs(const struct head *h, series_id id)
{
    return row_of(h, id)->labels + head_series(h, id)->labels;
}

static struct label label_of_pair(const struct head *h, pair_no no)
{
    const struct pair *p = h->symbols.pairs[no];

    return (struct label){symbol_str(p->name), symbol_str(p->value)};
}

struct label head_label(const struct head *h, series_id id, size_t i)
{
    return label_of_pair(h, head_pairs(h, id)[i]);
}

struct label_set *head_label_set(const struct head *h, series_id id)
{
    const pair_no *pairs = head_pairs(h, id);
    size_t n = head_series(h, id)->n_labels;
    struct label small[64], *labels = small;
    CLEANUP(mem_freep) struct label *large = NULL;

    if (n > ARRAY_LEN(small))
        labels = large = mem_array(n, sizeof *labels);
    for (size_t i = 0; i < n; i++)
        labels[i] = label_of_pair(h, pairs[i]);
    return label_set_new(labels, n);
}

int head_compare_labels(const struct head *h, series_id a, series_id b)
{
    size_t n_a = head_series(h, a)->n_labels, n_b = head_series(h, b)->n_labels;
    const pair_no *pairs_a = head_pairs(h, a), *pairs_b = head_pairs(h, b);

    for (size_t i = 0; i < n_a && i < n_b; i++) {
        struct label x, y;
        int r;

        if (pairs_a[i] == pairs_b[i]) /* nearly all labels of neighbours: no look at their texts */
            continue;
        x = label_of_pair(h, pairs_a[i]);
        y = label_of_pair(h, pairs_b[i]);
        r = str_cmp(x.name, y.name);
        return r ? r : str_cmp(x.value, y.value);
    }
    return (n_a > n_b) - (n_a < n_b);
}

/* ---- for select ---------------------------------------------------------------------------- */

static pair_no face_find(const void *self, struct str name, struct str value)
{
    return symbols_find_pair(&((const struct head *)self)->symbols, name, value);
}

static size_t face_value_count(const void *self, struct str name)
{
    const struct label_name *ln = symbols_find_name(&((const struct head *)self)->symbols, name);

    return ln ? ln->n : 0;
}

static void face_each_value(const void *self, struct str name,
                            void (*cb)(void *arg, pair_no pair, struct str value), void *arg)
{
    const struct head *h = self;
    const struct label_name *ln = symbols_find_name(&h->symbols, name);

    for (size_t i = 0; ln && i < ln->n; i++)
        cb(arg, ln->pairs[i], symbol_str(h->symbols.pairs[ln->pairs[i]]->value));
}

static size_t face_pair_size(const void *self, pair_no pair)
{
    return ((const struct head *)self)->symbols.pairs[pair]->series.n;
}

static void face_pair_ids(const void *self, pair_no pair, struct ids *out)
{
    postings_read(&((const struct head *)self)->symbols.pairs[pair]->series, out);
}

static void face_all_ids(const void *self, struct ids *out)
{
    const struct head *h = self;

    for (series_id id = 1; (id = head_next(h, id)); id++)
        ids_push(out, id);
}

static size_t face_all_count(const void *self)
{
    return ((const struct head *)self)->n_series;
}

static bool face_label_of(const void *self, uint32_t id, struct str name, pair_no *ret_pair,
                          struct str *ret_value)
{
    const struct head *h = self;
    const pair_no *pairs = head_pairs(h, id);
    size_t n = head_series(h, id)->n_labels;

    for (size_t i = 0; i < n; i++) {
        const struct pair *p = h->symbols.pairs[pairs[i]];

        if (str_eq(symbol_str(p->name), name)) {
            *ret_pair = pairs[i];
            *ret_value = symbol_str(p->value);
            return true;
        }
    }
    return false;
}

series_id head_newest_with(const struct head *h, struct str name, struct str value)
{
    pair_no pair = symbols_find_pair(&h->symbols, name, value);

    return pair == PAIR_NONE ? 0 : h->symbols.pairs[pair]->series.last;
}

void head_index_face(const struct head *h, struct index_face *ret)
{
    *ret = (struct index_face){h,
                               face_find,
                               face_value_count,
                               face_each_value,
                               face_pair_size,
                               face_pair_ids,
                               face_all_ids,
                               face_all_count,
                               face_label_of};
}
