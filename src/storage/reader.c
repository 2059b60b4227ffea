/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series reader: head and blocks as one.
 *
 * A selection finds the series of every source and joins those with the same labels by hash; where
 * it has to read each of them is a chain of parts. What a series has is read part by part in order
 * of time, and put in order where parts overlap: a block of late samples does, and so does the head
 * after a crash between a cut and its image.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "storage/head_read_priv.h"
#include "storage/order_priv.h"
#include "storage/samples_priv.h"
#include "storage/storage_priv.h"

#define SERIES_AT_A_TIME  1024  /* under one hold of a lock */
#define SORTED_UNDER_LOCK 16384 /* series: about 10 ms */
#define NO_PART           UINT32_MAX
#define READ_SOON         3    /* series further on, which is made ready for being read */
#define STANDING_MAX      4096 /* series of the head that match, where they are remembered */
#define NEW_SERIES_MAX    256  /* since then, that are looked at one by one */

/* A series in one block. */
struct part {
    uint32_t block; /* in the view */
    uint32_t ordinal;
    uint32_t next; /* part of the same series, in a later block */
};

struct picked {
    const struct label_set *labels;
    uint64_t hash;
    series_id id; /* in the head; 0: not there */
    struct head_mark mark;
    uint32_t first, last; /* parts */
};

struct found {
    struct selection selection;
    struct storage *st;
    struct view *view;
    struct picked *picked;
    size_t n, cap;
    struct part *parts;
    size_t n_parts, cap_parts;
    const struct label_set **labels; /* selection.labels */

    /* So that it can be renewed: the series of the head that match, with samples in the range or
     * not, in order of labels. */
    struct ids matching;
    bool knows_matching;
    series_id seen; /* series from this one on were made later */

    /* while it is made */
    uint32_t *table; /* by hash: place in picked + 1 */
    size_t table_cap;
    bool sorted; /* picked is in order of labels */
};

/* ---- joining by labels --------------------------------------------------------------------- */

static void table_put(struct found *f, size_t place)
{
    size_t i = (size_t)f->picked[place].hash & (f->table_cap - 1);

    while (f->table[i])
        i = (i + 1) & (f->table_cap - 1);
    f->table[i] = (uint32_t)place + 1;
}

static void table_make_room(struct found *f, size_t more)
{
    size_t cap = f->table_cap ? f->table_cap : 64;

    while (cap < 2 * (f->n + more))
        cap *= 2;
    if (cap == f->table_cap)
        return;
    free(f->table);
    f->table = mem_array(cap, sizeof *f->table);
    f->table_cap = cap;
    for (size_t i = 0; i < f->n; i++)
        table_put(f, i);
}

static struct picked *pick(struct found *f, const struct label_set *take_labels, uint64_t hash)
{
    struct picked *p = VEC_PUSH(f->picked, f->n, f->cap);

    *p = (struct picked){.labels = take_labels, .hash = hash, .first = NO_PART, .last = NO_PART};
    return p;
}

static bool has_labels_of(const struct picked *p, const struct block *b,
                          const struct block_entry *e)
{
    struct wire w = e->pairs;
    uint64_t pair = 0;

    if (label_set_count(p->labels) != e->n_pairs)
        return false;
    for (size_t i = 0; i < e->n_pairs; i++) {
        struct label mine = label_set_at(p->labels, i), l;

        pair += wire_uvarint(&w);
        if (pair >= PAIR_NONE || !block_pair(b, (pair_no)pair, &l) ||
            !str_eq(l.value, mine.value) || !str_eq(l.name, mine.name))
            return false;
    }
    return true;
}

static struct picked *find_picked(const struct found *f, const struct block *b,
                                  const struct block_entry *e)
{
    size_t mask = f->table_cap - 1;

    for (size_t i = (size_t)e->hash & mask; f->table[i]; i = (i + 1) & mask) {
        struct picked *p = &f->picked[f->table[i] - 1];

        if (p->hash == e->hash && has_labels_of(p, b, e))
            return p;
    }
    return NULL;
}

/* ---- selecting ----------------------------------------------------------------------------- */

/* apply, for reading. */
static bool has_samples(const struct found *f, series_id id, unix_ms from, unix_ms to,
                        struct head_mark *ret)
{
    const struct head *h = &f->st->head;

    return head_mark(h, id, from, to, ret) &&
           !head_all_deleted(h, id, from, to, stones_of(f->view->head_stones, id));
}

/* index, for reading. Keeps the series that have samples in the range, and notes what they have:
 * all under one hold of `apply`, so that no half commit is seen. */
static void mark_series(const struct found *f, struct ids *ids, unix_ms from, unix_ms to,
                        struct head_mark **ret)
{
    struct head_mark *marks = mem_array(ids->n, sizeof *marks);
    size_t n = 0;

    WITH_READ(&f->st->head.apply);
    for (size_t i = 0; i < ids->n; i++)
        if (has_samples(f, ids->v[i], from, to, &marks[n]))
            ids->v[n++] = ids->v[i];
    ids->n = n;
    *ret = marks;
}

/* index, for reading. */
static void pick_from_head(struct found *f, series_id id, const struct head_mark *mark)
{
    const struct head *h = &f->st->head;
    const struct series *s = head_series(h, id);
    struct picked *p;

    if (!s)
        return; /* it only had late samples, which are in blocks of the view by now */
    p = pick(f, head_label_set(h, id), s->hash);
    p->id = id;
    p->mark = *mark;
}

/* index, for reading. */
static void remember_matching(struct found *f, const struct ids *ids)
{
    if (ids->n > STANDING_MAX)
        return;
    for (size_t i = 0; i < ids->n; i++)
        ids_push(&f->matching, ids->v[i]);
    f->seen = f->st->head.next_id;
    f->knows_matching = true;
}

/* Sorting and copying the labels of very many series takes long: who wants to make a series
 * meanwhile gets in between, and sorting is done at the end, which is slower but without the
 * lock. */
static void pick_at_leisure(struct found *f, const struct ids *ids, const struct head_mark *marks)
{
    for (size_t i = 0; i < ids->n;) {
        WITH_READ(&f->st->head.index);
        for (size_t k = 0; k < SERIES_AT_A_TIME && i < ids->n; k++, i++)
            pick_from_head(f, ids->v[i], &marks[i]);
    }
    f->sorted = false;
}

static void select_in_head(struct found *f, const struct matcher *const *ms, size_t n_ms,
                           unix_ms from, unix_ms to)
{
    struct head *h = &f->st->head;
    CLEANUP(ids_deinit) struct ids ids = {0};
    CLEANUP(mem_freep) struct head_mark *marks = NULL;
    struct index_face face;
    bool few;

    {
        WITH_READ(&h->index);
        head_index_face(h, &face);
        select_ids(&face, ms, n_ms, &ids);
        few = ids.n <= SORTED_UNDER_LOCK;
        if (few)
            order_by_labels(h, ids.v, ids.n);
        remember_matching(f, &ids);
        mark_series(f, &ids, from, to, &marks);
        if (few) {
            for (size_t i = 0; i < ids.n; i++)
                pick_from_head(f, ids.v[i], &marks[i]);
            return;
        }
    }
    pick_at_leisure(f, &ids, marks);
}

static void add_part(struct found *f, struct picked *p, uint32_t block, uint32_t ordinal)
{
    uint32_t no = (uint32_t)f->n_parts;

    *VEC_PUSH(f->parts, f->n_parts, f->cap_parts) = (struct part){block, ordinal, NO_PART};
    if (p->last == NO_PART)
        p->first = no;
    else
        f->parts[p->last].next = no;
    p->last = no;
}

static void select_in_block(struct found *f, uint32_t no, const struct matcher *const *ms,
                            size_t n_ms, unix_ms from, unix_ms to)
{
    struct block *b = f->view->blocks[no];
    struct ids ids = {0};
    struct index_face face;
    size_t before = f->n;

    block_prepare(b);
    block_index_face(b, &face);
    select_ids(&face, ms, n_ms, &ids);
    table_make_room(f, ids.n);
    for (size_t i = 0; i < ids.n; i++) {
        struct block_entry e;
        struct label_set *labels;
        struct picked *p;
        uint64_t hash;

        if (!block_shows(b, ids.v[i], from, to, stones_of(f->view->stones[no], ids.v[i])) ||
            !block_entry(b, ids.v[i], &e))
            continue;
        p = find_picked(f, b, &e);
        if (!p) {
            if (!block_label_set(b, ids.v[i], &hash, &labels))
                continue; /* of an index that is damaged, and was told about */
            p = pick(f, labels, hash);
            table_put(f, f->n - 1);
        }
        add_part(f, p, no, ids.v[i]);
    }
    f->sorted = f->sorted && (before == 0 || f->n == before);
    ids_deinit(&ids);
}

static int compare_picked(const void *pa, const void *pb)
{
    return label_set_cmp(((const struct picked *)pa)->labels, ((const struct picked *)pb)->labels);
}

static int reader_select(void *self, const struct matcher *const *ms, size_t n_ms, unix_ms from,
                         unix_ms to, struct selection **ret, struct err *err)
{
    struct storage *st = self;
    struct found *f = mem_zalloc(sizeof *f);

    f->st = st;
    f->sorted = true;
    f->view = view_take(&st->views);
    select_in_head(f, ms, n_ms, from, to);
    for (size_t i = 0; i < f->view->n_blocks; i++)
        if (f->view->blocks[i]->info.min_time <= to && f->view->blocks[i]->info.max_time >= from)
            select_in_block(f, (uint32_t)i, ms, n_ms, from, to);
    free(TAKE(f->table));
    if (!f->sorted)
        qsort(f->picked, f->n, sizeof *f->picked, compare_picked);
    f->labels = mem_array(f->n, sizeof *f->labels);
    for (size_t i = 0; i < f->n; i++)
        f->labels[i] = f->picked[i].labels;
    f->selection = (struct selection){&st->reader, f->n, f->labels};
    *ret = &f->selection;
    return 0;
}

static void reader_release(struct selection *s)
{
    struct found *f;

    if (!s)
        return;
    f = CONTAINER_OF(s, struct found, selection);
    for (size_t i = 0; i < f->n; i++)
        label_set_unref(f->labels[i]);
    free(f->labels);
    free(f->picked);
    free(f->parts);
    ids_deinit(&f->matching);
    view_give(f->view);
    free(f);
}

/* ---- standing selections ------------------------------------------------------------------- */

static void reader_park(struct selection *s)
{
    struct found *f = CONTAINER_OF(s, struct found, selection);

    view_give(f->view);
    f->view = NULL;
}

/* index, for reading. */
static bool matches_all(const struct head *h, series_id id, const struct matcher *const *ms,
                        size_t n_ms)
{
    size_t n = head_series(h, id)->n_labels;

    for (size_t i = 0; i < n_ms; i++) {
        struct str value = STR("");

        for (size_t k = 0; k < n; k++)
            if (str_eq(head_label(h, id, k).name, ms[i]->name))
                value = head_label(h, id, k).value;
        if (!matcher_matches(ms[i], value))
            return false;
    }
    return true;
}

/* index, for reading. Whether series that carry what the matchers demand were made since: the name
 * of the metric mostly tells that none was. */
static bool may_have_newcomers(const struct found *f, const struct matcher *const *ms, size_t n_ms)
{
    for (size_t i = 0; i < n_ms; i++)
        if (ms[i]->type == MATCH_EQ && ms[i]->value.len > 0 &&
            head_newest_with(&f->st->head, ms[i]->name, ms[i]->value) < f->seen)
            return false;
    return true;
}

/* index, for reading. Whether one of the series that were made since may belong to it. */
static bool has_newcomers(struct found *f, const struct matcher *const *ms, size_t n_ms)
{
    const struct head *h = &f->st->head;
    series_id end = h->next_id;

    if (end == f->seen)
        return false;
    if (!may_have_newcomers(f, ms, n_ms)) {
        f->seen = end;
        return false;
    }
    if (end - f->seen > NEW_SERIES_MAX)
        return true;
    for (series_id id = f->seen; id < end; id++)
        if (head_series(h, id) && matches_all(h, id, ms, n_ms))
            return true;
    f->seen = end;
    return false;
}

/* apply, for reading. Notes anew what the series have; false when others than then have samples in
 * the range. Numbers are not used twice: a series that was removed just has none. */
static bool marks_again(struct found *f, unix_ms from, unix_ms to)
{
    size_t k = 0;

    for (size_t i = 0; i < f->matching.n; i++) {
        series_id id = f->matching.v[i];
        bool then = k < f->n && f->picked[k].id == id;
        struct head_mark mark;

        if (has_samples(f, id, from, to, &mark) != then)
            return false;
        if (then)
            f->picked[k++].mark = mark;
    }
    return true;
}

static bool concerns_blocks(const struct view *v, unix_ms from, unix_ms to)
{
    for (size_t i = 0; i < v->n_blocks; i++)
        if (v->blocks[i]->info.min_time <= to && v->blocks[i]->info.max_time >= from)
            return true;
    return false;
}

/* Only of what is in the head alone: questions about the newest samples. As in a select the view
 * comes first: what is cut after it was taken is still in the head. */
static bool reader_renew(struct selection *s, const struct matcher *const *ms, size_t n_ms,
                         unix_ms from, unix_ms to)
{
    struct found *f = CONTAINER_OF(s, struct found, selection);

    if (!f->knows_matching || f->n_parts > 0)
        return false;
    f->view = view_take(&f->st->views);
    if (concerns_blocks(f->view, from, to))
        return false;
    WITH_READ(&f->st->head.index);
    if (has_newcomers(f, ms, n_ms))
        return false;
    WITH_READ(&f->st->head.apply);
    return marks_again(f, from, to);
}

static int reader_read(const struct selection *s, size_t i, unix_ms from, unix_ms to,
                       struct columns *ret, struct err *err)
{
    const struct found *f = CONTAINER_OF((struct selection *)s, struct found, selection);
    const struct picked *p = &f->picked[i];
    size_t start;

    samples_begin(ret);
    for (uint32_t no = p->first; no != NO_PART; no = f->parts[no].next) {
        const struct part *part = &f->parts[no];

        start = ret->n;
        block_read(f->view->blocks[part->block], part->ordinal, from, to, ret);
        stones_apply(stones_of(f->view->stones[part->block], part->ordinal), ret, start);
        samples_join(ret, start);
    }
    if (p->id != 0) {
        start = ret->n;
        head_read(&f->st->head, p->id, &p->mark, f->view->cut, from, to,
                  stones_of(f->view->head_stones, p->id),
                  i + READ_SOON < f->n ? f->picked[i + READ_SOON].id : 0, ret);
        samples_join(ret, start);
    }
    return 0;
}

/* Imported samples may be newer than those of the head; deletes are left to reader_read(). */
static bool reader_newest(const struct selection *s, size_t i, unix_ms from, unix_ms to, unix_ms *t,
                          double *v)
{
    const struct found *f = CONTAINER_OF((struct selection *)s, struct found, selection);
    const struct picked *p = &f->picked[i];

    if (p->id == 0 || stones_of(f->view->head_stones, p->id).n > 0)
        return false;
    for (uint32_t no = p->first; no != NO_PART; no = f->parts[no].next)
        if (f->view->blocks[f->parts[no].block]->info.max_time >= p->mark.last_t)
            return false;
    return head_newest(&f->st->head, p->id, &p->mark, f->view->cut, from, to, t, v);
}

/* ---- names and values of labels ------------------------------------------------------------ */

struct texts {
    struct arena arena;
    struct str *v;
    size_t n, cap;
};

static void add_text(struct texts *t, struct str s)
{
    *VEC_PUSH(t->v, t->n, t->cap) = arena_str(&t->arena, s);
}

static int compare_strs(const void *pa, const void *pb)
{
    return str_cmp(*(const struct str *)pa, *(const struct str *)pb);
}

static void tell_texts(struct texts *t, void (*cb)(struct str s, void *arg), void *arg)
{
    if (t->n > 0)
        qsort(t->v, t->n, sizeof *t->v, compare_strs);
    for (size_t i = 0; i < t->n; i++)
        if (i == 0 || !str_eq(t->v[i], t->v[i - 1]))
            cb(t->v[i], arg);
    free(t->v);
    arena_deinit(&t->arena);
}

/* What is asked of each source. */
struct asked {
    struct storage *st;
    struct view *view;
    const struct matcher *const *ms;
    size_t n_ms;
    unix_ms from, to;
    struct str name; /* of values; .p NULL: the names are wanted */
    struct texts *out;
};

static void add_value(void *arg, pair_no pair, struct str value)
{
    add_text(arg, value);
}

static void add_names_of_head(const struct head *h, struct texts *out)
{
    const struct label_name *n;

    for (size_t i = 0; (n = map_next(&h->symbols.names, &i));)
        add_text(out, symbol_str(n->symbol));
}

static void add_names_of_block(const struct block *b, struct texts *out)
{
    struct str last = STR_NONE;
    struct label l;

    for (pair_no no = 0; block_pair(b, no, &l); no++) {
        if (last.p == l.name.p) /* a symbol of the block: the same one */
            continue;
        add_text(out, l.name);
        last = l.name;
    }
}

/* index, for reading. Pairs that the series have, each once. */
static void add_from_head(const struct asked *a, const struct ids *ids)
{
    const struct head *h = &a->st->head;
    struct ids pairs = {0};

    for (size_t i = 0; i < ids->n; i++) {
        size_t n = head_series(h, ids->v[i])->n_labels;

        for (size_t k = 0; k < n; k++)
            ids_push(&pairs, head_pairs(h, ids->v[i])[k]);
    }
    ids_settle(&pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        const struct pair *p = h->symbols.pairs[pairs.v[i]];

        if (!a->name.p)
            add_text(a->out, symbol_str(p->name));
        else if (str_eq(symbol_str(p->name), a->name))
            add_text(a->out, symbol_str(p->value));
    }
    ids_deinit(&pairs);
}

static void ask_head(const struct asked *a)
{
    struct head *h = &a->st->head;
    CLEANUP(ids_deinit) struct ids ids = {0};
    struct index_face face;
    struct head_mark mark;
    size_t n = 0;

    WITH_READ(&h->index);
    head_index_face(h, &face);
    if (a->n_ms == 0 && h->min_time <= a->to && h->max_time >= a->from) {
        if (a->name.p)
            face.each_value(face.self, a->name, add_value, a->out);
        else
            add_names_of_head(h, a->out);
        return;
    }
    select_ids(&face, a->ms, a->n_ms, &ids);
    {
        WITH_READ(&h->apply);
        for (size_t i = 0; i < ids.n; i++)
            if (head_mark(h, ids.v[i], a->from, a->to, &mark) &&
                !head_all_deleted(h, ids.v[i], a->from, a->to,
                                  stones_of(a->view->head_stones, ids.v[i])))
                ids.v[n++] = ids.v[i];
    }
    ids.n = n;
    add_from_head(a, &ids);
}

static void add_from_block(const struct asked *a, const struct block *b,
                           const struct stones *deleted, const struct ids *ids)
{
    struct ids pairs = {0};
    struct label l;

    for (size_t i = 0; i < ids->n; i++) {
        struct block_entry e;
        uint64_t pair = 0;

        if (!block_shows(b, ids->v[i], a->from, a->to, stones_of(deleted, ids->v[i])) ||
            !block_entry(b, ids->v[i], &e))
            continue;
        for (size_t k = 0; k < e.n_pairs; k++) {
            pair += wire_uvarint(&e.pairs);
            ids_push(&pairs, (uint32_t)pair);
        }
    }
    ids_settle(&pairs);
    for (size_t i = 0; i < pairs.n; i++) {
        if (!block_pair(b, pairs.v[i], &l))
            continue;
        if (!a->name.p)
            add_text(a->out, l.name);
        else if (str_eq(l.name, a->name))
            add_text(a->out, l.value);
    }
    ids_deinit(&pairs);
}

static void ask_block(const struct asked *a, struct block *b, const struct stones *deleted)
{
    struct index_face face;
    struct ids ids = {0};

    if (b->info.min_time > a->to || b->info.max_time < a->from)
        return;
    block_prepare(b);
    block_index_face(b, &face);
    if (a->n_ms > 0) {
        select_ids(&face, a->ms, a->n_ms, &ids);
        add_from_block(a, b, deleted, &ids);
        ids_deinit(&ids);
    } else if (a->name.p) {
        face.each_value(face.self, a->name, add_value, a->out);
    } else {
        add_names_of_block(b, a->out);
    }
}

static int ask(struct asked *a, void (*cb)(struct str s, void *arg), void *arg)
{
    struct texts out = {0};

    arena_init(&out.arena, 0);
    a->out = &out;
    a->view = view_take(&a->st->views);
    ask_head(a);
    for (size_t i = 0; i < a->view->n_blocks; i++)
        ask_block(a, a->view->blocks[i], a->view->stones[i]);
    view_give(a->view);
    tell_texts(&out, cb, arg);
    return 0;
}

static int reader_label_names(void *self, const struct matcher *const *ms, size_t n_ms,
                              unix_ms from, unix_ms to, void (*cb)(struct str name, void *arg),
                              void *arg, struct err *err)
{
    struct asked a = {.st = self, .ms = ms, .n_ms = n_ms, .from = from, .to = to};

    return ask(&a, cb, arg);
}

static int reader_label_values(void *self, struct str name, const struct matcher *const *ms,
                               size_t n_ms, unix_ms from, unix_ms to,
                               void (*cb)(struct str value, void *arg), void *arg, struct err *err)
{
    struct asked a = {.st = self, .ms = ms, .n_ms = n_ms, .from = from, .to = to, .name = name};

    if (name.len == 0)
        return 0;
    return ask(&a, cb, arg);
}

void storage_reader_init(struct storage *st)
{
    st->reader = (struct series_reader){
        st,
        reader_select,
        reader_read,
        reader_release,
        reader_label_names,
        reader_label_values,
        reader_park,
        reader_renew,
        reader_newest,
    };
}
