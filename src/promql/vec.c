/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "promql/eval_priv.h"

/* ---- rows */

struct row row_new(struct eval *e, size_t n)
{
    return (struct row){
        .values = arena_array(e->arena, n ? n : 1, sizeof(double)),
        .present = arena_array(e->arena, ROW_WORDS(n) + 1, sizeof(uint64_t)),
    };
}

void row_clear(struct row *r, size_t n)
{
    memset(r->present, 0, ROW_WORDS(n) * sizeof *r->present);
    r->hists = NULL;
}

void row_set_hist(struct eval *e, struct row *r, size_t n, size_t k, const struct histogram *h)
{
    if (!r->hists) {
        if (!r->hist_room)
            r->hist_room = arena_array(e->arena, n, sizeof *r->hist_room);
        else
            memset(r->hist_room, 0, n * sizeof *r->hist_room);
        r->hists = r->hist_room;
    }
    r->hists[k] = h;
    row_set(r, k, NAN);
}

void row_copy(struct eval *e, struct row *to, const struct row *from, size_t n)
{
    memcpy(to->values, from->values, n * sizeof *to->values);
    memcpy(to->present, from->present, ROW_WORDS(n) * sizeof *to->present);
    to->hists = NULL;
    if (!from->hists)
        return;
    if (!to->hist_room)
        to->hist_room = arena_array(e->arena, n, sizeof *to->hist_room);
    memcpy(to->hist_room, from->hists, n * sizeof *to->hist_room);
    to->hists = to->hist_room;
}

size_t row_count(const struct row *r, size_t n)
{
    size_t count = 0;

    for (size_t w = 0; w < ROW_WORDS(n); w++)
        count += (size_t)__builtin_popcountll(r->present[w]);
    return count;
}

bool row_is_empty(const struct row *r, size_t n)
{
    return row_next(r, n, 0) == n;
}

size_t row_samples(const struct row *r, size_t n)
{
    size_t count = row_count(r, n);

    if (!r->hists)
        return count;
    for (size_t k = row_next(r, n, 0); k < n; k = row_next(r, n, k + 1))
        if (r->hists[k])
            count += hist_samples(r->hists[k]) - 1;
    return count;
}

/* ---- vectors */

struct vec *vec_new(struct eval *e, const struct grid *grid, size_t n)
{
    struct vec *v = arena_zalloc(e->arena, sizeof *v);

    v->grid = grid;
    v->n = n;
    v->metrics = arena_array(e->arena, n ? n : 1, sizeof *v->metrics);
    return v;
}

struct vec *vec_over(struct eval *e, const struct vec *arg, vec_fill *fill, void *self)
{
    struct vec *v = vec_new(e, arg->grid, arg->n);

    if (arg->n)
        memcpy(v->metrics, arg->metrics, arg->n * sizeof *v->metrics);
    v->fill = fill;
    v->self = self;
    return v;
}

int vec_fill_row(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    if (v->rows) {
        row_copy(e, row, &v->rows[i], v->grid->n);
        return 0;
    }
    return v->fill(e, v, i, row, err);
}

int vec_row(struct eval *e, struct vec *v, size_t i, struct row *lent, const struct row **ret,
            struct err *err)
{
    int r = 0;

    if (v->rows) {
        *ret = &v->rows[i];
        return 0;
    }
    r = v->fill(e, v, i, lent, err);
    *ret = lent;
    return r;
}

int vec_compute(struct eval *e, struct vec *v, struct err *err)
{
    size_t steps = v->grid->n;
    struct row *rows, spare, none;
    int r;

    if (v->rows)
        return 0;
    rows = arena_array(e->arena, v->n ? v->n : 1, sizeof *rows);
    spare = row_new(e, steps);
    none = row_new(e, steps); /* shared by all that are empty; nobody writes into it */
    for (size_t i = 0; i < v->n; i++) {
        r = v->fill(e, v, i, &spare, err);
        if (r == 0)
            r = eval_hold(e, row_samples(&spare, steps), err);
        if (r == 0)
            r = eval_check(e, steps, err);
        if (r < 0)
            return r;
        if (row_is_empty(&spare, steps)) {
            rows[i] = none;
            continue;
        }
        rows[i] = spare;
        spare = row_new(e, steps);
    }
    v->rows = rows;
    return 0;
}

/* ---- names that go */

/* The name of a series and whether it has __type__ or __unit__. Labels are sorted: these come
 * first. */
static struct str name_of(const struct label_set *ls, bool *metadata)
{
    struct str name = STR_NONE;

    *metadata = false;
    for (size_t i = 0, n = label_set_count(ls); i < n; i++) {
        struct label l = label_set_at(ls, i);

        if (l.name.len == 0 || l.name.p[0] > '_')
            break;
        if (str_eq(l.name, LABEL_NAME))
            name = l.value;
        else if (label_is_reserved(l.name))
            *metadata = true;
    }
    return name;
}

/* Could two series look the same without their names? Not when all have the same, or none any more.
 */
static bool may_clash(const struct vec *v)
{
    struct str name = STR_NONE, other;
    size_t gone = 0;
    bool metadata;

    for (size_t i = 0; i < v->n; i++) {
        if (v->metrics[i].name == NAME_GONE) {
            gone++;
            continue;
        }
        other = name_of(v->metrics[i].labels, &metadata);
        if (i == 0)
            name = other;
        if (gone || metadata || !str_eq(name, other))
            return v->n > 1;
    }
    return gone > 0 && gone < v->n;
}

int vec_drop_name(struct eval *e, struct vec *v, enum on_clash on_clash, struct err *err)
{
    bool clash = !e->opts.delayed_name_removal && may_clash(v);

    for (size_t i = 0; i < v->n; i++)
        if (v->metrics[i].name == NAME_STAYS)
            v->metrics[i].name = e->opts.delayed_name_removal ? NAME_LATER : NAME_GONE;
    return clash ? vec_unclash(e, v, on_clash, err) : 0;
}

int vec_drop_name_finally(struct eval *e, struct vec *v, struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < v->n; i++) {
        if (v->metrics[i].name != NAME_LATER)
            continue;
        v->metrics[i].name = NAME_GONE;
        any = true;
    }
    return any ? vec_unclash(e, v, CLASH_REFUSE, err) : 0;
}

static int refuse_clash(struct err *err)
{
    return err_set(err, -EINVAL, "vector cannot contain metrics with the same labelset");
}

/* Lays row `from` over row `to`, which has values at other steps. */
static void row_merge(struct eval *e, struct row *to, const struct row *from, size_t n)
{
    for (size_t k = row_next(from, n, 0); k < n; k = row_next(from, n, k + 1)) {
        if (row_hist(from, k))
            row_set_hist(e, to, n, k, from->hists[k]);
        else
            row_set(to, k, from->values[k]);
    }
}

static bool rows_overlap(const struct row *a, const struct row *b, size_t n)
{
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        if (a->present[w] & b->present[w])
            return true;
    return false;
}

/* Series i looks like series `first`: afterwards first has the values of both. */
static int join_rows(struct eval *e, struct vec *v, size_t first, size_t i, enum on_clash on_clash,
                     struct err *err)
{
    size_t n = v->grid->n;

    if (row_is_empty(&v->rows[i], n))
        return 0;
    if (row_is_empty(&v->rows[first], n)) {
        v->rows[first] = v->rows[i];
        return 0;
    }
    if (on_clash == CLASH_REFUSE || rows_overlap(&v->rows[first], &v->rows[i], n))
        return refuse_clash(err);
    row_merge(e, &v->rows[first], &v->rows[i], n);
    return 0;
}

static const struct promql_labels no_labels = {0};

int vec_unclash(struct eval *e, struct vec *v, enum on_clash on_clash, struct err *err)
{
    static const struct labels_part whole = {.labels = &no_labels};
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(e, &whole);
    size_t *ids = arena_array(e->arena, v->n ? v->n : 1, sizeof *ids);
    struct metric *metrics;
    int r;

    for (size_t i = 0; i < v->n; i++)
        ids[i] = numbering_add(nb, &v->metrics[i]);
    if (numbering_count(nb) == v->n)
        return 0;
    r = vec_compute(e, v, err);
    if (r < 0)
        return r;
    metrics = arena_array(e->arena, v->n, sizeof *metrics);
    for (size_t i = 0, next = 0; i < v->n; i++) {
        if (ids[i] == next) {
            metrics[next] = v->metrics[i];
            v->rows[next++] = v->rows[i];
        } else {
            r = join_rows(e, v, ids[i], i, on_clash, err);
            if (r < 0)
                return r;
        }
    }
    v->metrics = metrics;
    v->n = numbering_count(nb);
    return 0;
}

/* ---- the same value at all steps */

struct repeat {
    struct vec *once;
    struct row row;
};

static int repeat_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct repeat *s = v->self;
    const struct row *one;
    size_t n = v->grid->n;
    int r = vec_row(e, s->once, i, &s->row, &one, err);

    if (r < 0)
        return r;
    row_clear(row, n);
    if (!row_has(one, 0))
        return 0;
    for (size_t k = 0; k < n; k++) {
        if (row_hist(one, 0))
            row_set_hist(e, row, n, k, one->hists[0]);
        else
            row_set(row, k, one->values[0]);
    }
    return 0;
}

struct vec *vec_repeat(struct eval *e, struct vec *once, const struct grid *grid)
{
    struct vec *v = arena_zalloc(e->arena, sizeof *v);
    struct repeat *s = arena_zalloc(e->arena, sizeof *s);

    *s = (struct repeat){once, row_new(e, 1)};
    *v = (struct vec){
        .grid = grid, .n = once->n, .metrics = once->metrics, .fill = repeat_fill, .self = s};
    return v;
}
