/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregations that look at all values of one step: topk, bottomk, limitk, limit_ratio, quantile
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "promql/aggregate_priv.h"
#include "promql/range_priv.h"

/* A vector with the series of arg and no value yet. Most series are never picked: they share a row.
 */
static struct vec *vec_to_pick_into(struct eval *e, const struct aggregation *a)
{
    struct vec *v = vec_over(e, a->arg, NULL, NULL);
    struct row none = row_new(e, a->grid->n);

    v->rows = arena_array(e->arena, v->n + 1, sizeof *v->rows);
    for (size_t i = 0; i < v->n; i++)
        v->rows[i] = none;
    v->self = none.values; /* tells the shared row from others */
    return v;
}

static void pick(struct eval *e, const struct aggregation *a, struct vec *v, size_t i, size_t k)
{
    const struct row *row = &a->arg->rows[i];

    if (v->rows[i].values == v->self)
        v->rows[i] = row_new(e, a->grid->n);
    if (row_hist(row, k))
        row_set_hist(e, &v->rows[i], a->grid->n, k, row->hists[k]);
    else
        row_set(&v->rows[i], k, row->values[k]);
}

/* How many to pick at each step. */
static int counts_of_param(const struct aggregation *a, struct err *err)
{
    for (size_t k = 0; k < a->grid->n; k++) {
        double v = a->param[k];

        if (!(v >= -0x1p63 && v < 0x1p63)) {
            char text[NUM_TEXT_MAX];

            return err_set(err, -EINVAL, "Scalar value %.*s overflows int64",
                           (int)num_format_short(v, text), text);
        }
    }
    return 0;
}

/* ---- topk, bottomk */

struct candidate {
    double v; /* negated for bottomk: the greatest wins */
    size_t series;
};

/* A heap with the worst on top. Which of several equals is thrown out depends on how the heap moves
 * them, so it moves as Go's container/heap does. */
struct heap {
    struct candidate *c;
    size_t n;
};

static bool is_worse(const struct candidate *a, const struct candidate *b)
{
    return isnan(a->v) || a->v < b->v;
}

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate c = *a;

    *a = *b;
    *b = c;
}

static void heap_push(struct heap *h, struct candidate c)
{
    size_t j = h->n++;

    h->c[j] = c;
    while (j > 0) {
        size_t parent = (j - 1) / 2;

        if (!is_worse(&h->c[j], &h->c[parent]))
            break;
        swap(&h->c[j], &h->c[parent]);
        j = parent;
    }
}

static void heap_replace_top(struct heap *h, struct candidate c)
{
    size_t i = 0;

    h->c[0] = c;
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->n)
            return;
        if (child + 1 < h->n && is_worse(&h->c[child + 1], &h->c[child]))
            child++;
        if (!is_worse(&h->c[child], &h->c[i]))
            return;
        swap(&h->c[i], &h->c[child]);
        i = child;
    }
}

static void heap_offer(struct heap *h, struct candidate c, int64_t limit)
{
    if ((int64_t)h->n < limit)
        heap_push(h, c);
    else if (h->c[0].v < c.v || (isnan(h->c[0].v) && !isnan(c.v)))
        heap_replace_top(h, c);
}

/* Best first, in place; equals stay in the order of the heap. Heaps of a step are small. */
static void heap_sort(struct heap *h)
{
    for (size_t i = 1; i < h->n; i++)
        for (size_t j = i; j > 0 && is_worse(&h->c[j - 1], &h->c[j]) && !isnan(h->c[j].v); j--)
            swap(&h->c[j - 1], &h->c[j]);
}

static struct heap *heaps_new(struct eval *e, const struct aggregation *a)
{
    struct heap *heaps = arena_array(e->arena, a->n_groups + 1, sizeof *heaps);
    struct candidate *room = arena_array(e->arena, a->arg->n + 1, sizeof *room);

    for (size_t i = 0; i < a->arg->n; i++)
        heaps[a->group_of[i]].n++;
    for (size_t g = 0; g < a->n_groups; g++) {
        heaps[g].c = room;
        room += heaps[g].n;
    }
    return heaps;
}

static void fill_heaps(struct eval *e, const struct aggregation *a, struct heap *heaps, size_t k)
{
    double sign = a->node->aggregate.op == AGG_BOTTOMK ? -1 : 1;
    int64_t limit = (int64_t)a->param[k];

    for (size_t g = 0; g < a->n_groups; g++)
        heaps[g].n = 0;
    for (size_t i = 0; limit > 0 && i < a->arg->n; i++) {
        const struct row *row = &a->arg->rows[i];

        if (!row_has(row, k))
            continue;
        if (row_hist(row, k))
            note_histogram_ignored(e, a);
        else
            heap_offer(&heaps[a->group_of[i]], (struct candidate){sign * row->values[k], i}, limit);
    }
}

/* Of a single step the order is a result too. */
static void order_by_heaps(struct eval *e, const struct aggregation *a, struct heap *heaps,
                           struct vec *v)
{
    struct metric *metrics = arena_array(e->arena, v->n + 1, sizeof *metrics);
    struct row *rows = arena_array(e->arena, v->n + 1, sizeof *rows);
    size_t to = 0;

    for (size_t g = 0; g < a->n_groups; g++) {
        heap_sort(&heaps[g]);
        for (size_t j = 0; j < heaps[g].n; j++, to++) {
            metrics[to] = v->metrics[heaps[g].c[j].series];
            rows[to] = v->rows[heaps[g].c[j].series];
        }
    }
    v->metrics = metrics;
    v->rows = rows;
    v->n = to;
}

int aggregate_topk(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    struct heap *heaps;
    int r = counts_of_param(a, err);

    if (r == 0)
        r = vec_compute(e, a->arg, err);
    if (r < 0)
        return r;
    heaps = heaps_new(e, a);
    *ret = vec_to_pick_into(e, a);
    for (size_t k = 0; k < a->grid->n; k++) {
        fill_heaps(e, a, heaps, k);
        for (size_t g = 0; g < a->n_groups; g++)
            for (size_t j = 0; j < heaps[g].n; j++)
                pick(e, a, *ret, heaps[g].c[j].series, k);
        r = eval_check(e, a->arg->n, err);
        if (r < 0)
            return r;
    }
    if (a->grid->n == 1)
        order_by_heaps(e, a, heaps, *ret);
    return 0;
}

/* ---- limitk, limit_ratio */

int aggregate_limitk(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    int64_t *picked = arena_array(e->arena, a->n_groups + 1, sizeof *picked);
    int r = counts_of_param(a, err);

    if (r == 0)
        r = vec_compute(e, a->arg, err);
    if (r < 0)
        return r;
    *ret = vec_to_pick_into(e, a);
    for (size_t k = 0; k < a->grid->n; k++) {
        memset(picked, 0, a->n_groups * sizeof *picked);
        for (size_t i = 0; i < a->arg->n; i++)
            if (row_has(&a->arg->rows[i], k) && picked[a->group_of[i]]++ < (int64_t)a->param[k])
                pick(e, a, *ret, i, k);
        r = eval_check(e, a->arg->n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The ratio within its bounds; says so when it was not. */
static double ratio_of(struct eval *e, const struct aggregation *a, double ratio)
{
    double capped = ratio > 1 ? 1 : ratio < -1 ? -1 : ratio;
    struct buf b = {0};

    if (capped == ratio)
        return ratio;
    num_add_short(&b, ratio);
    note_warn(e, a->node->aggregate.param,
              "ratio value should be between -1 and 1, got %s, capping to %g", b.p, capped);
    buf_free(&b);
    return capped;
}

/* Whether a series is picked depends on its labels alone: r and r - 1 share all series out between
 * them. */
int aggregate_limit_ratio(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    double *ratios = arena_array(e->arena, a->grid->n, sizeof *ratios);
    int r = vec_compute(e, a->arg, err);

    if (r < 0)
        return r;
    for (size_t k = 0; k < a->grid->n; k++) {
        if (isnan(a->param[k]))
            return err_set(err, -EINVAL, "Ratio value NaN is NaN");
        ratios[k] = ratio_of(e, a, a->param[k]);
    }
    *ret = vec_to_pick_into(e, a);
    for (size_t i = 0; i < a->arg->n; i++) {
        const struct label_set *labels = metric_labels(e, &a->arg->metrics[i]);
        double offset = (double)label_set_stable_hash(labels) / 0x1p64;

        for (size_t k = 0; k < a->grid->n; k++)
            if (row_has(&a->arg->rows[i], k) && ratios[k] != 0 &&
                (ratios[k] > 0 ? offset < ratios[k] : offset >= 1 + ratios[k]))
                pick(e, a, *ret, i, k);
        r = eval_check(e, a->grid->n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- quantile */

/* Series of each group, one group after the other: members[starts[g]] to members[starts[g + 1]]. */
static void members_by_group(struct eval *e, const struct aggregation *a, size_t **ret_members,
                             size_t **ret_starts)
{
    size_t *members = arena_array(e->arena, a->arg->n + 1, sizeof *members);
    size_t *starts = arena_array(e->arena, a->n_groups + 2, sizeof *starts);

    for (size_t i = 0; i < a->arg->n; i++)
        starts[a->group_of[i] + 2]++;
    for (size_t g = 2; g < a->n_groups + 2; g++)
        starts[g] += starts[g - 1];
    for (size_t i = 0; i < a->arg->n; i++)
        members[starts[a->group_of[i] + 1]++] = i;
    *ret_members = members;
    *ret_starts = starts;
}

static size_t values_at(struct eval *e, const struct aggregation *a, const size_t *members,
                        size_t n, size_t k, double *values)
{
    size_t to = 0;

    for (size_t m = 0; m < n; m++) {
        const struct row *row = &a->arg->rows[members[m]];

        if (!row_has(row, k))
            continue;
        if (row_hist(row, k))
            note_histogram_ignored(e, a);
        else
            values[to++] = row->values[k];
    }
    return to;
}

int aggregate_quantile(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    struct vec *v = vec_new(e, a->grid, a->n_groups);
    size_t *members, *starts;
    double *values;
    int r = vec_compute(e, a->arg, err);

    if (r < 0)
        return r;
    for (size_t k = 0; k < a->grid->n; k++)
        check_quantile(e, promql_unparen(a->node->aggregate.param), a->param[k]);
    members_by_group(e, a, &members, &starts);
    values = arena_array(e->arena, a->arg->n + 1, sizeof *values);
    v->metrics = a->groups;
    v->rows = arena_array(e->arena, a->n_groups + 1, sizeof *v->rows);
    for (size_t g = 0; g < a->n_groups; g++) {
        size_t size = starts[g + 1] - starts[g];

        v->rows[g] = row_new(e, a->grid->n);
        for (size_t k = 0; k < a->grid->n; k++) {
            size_t n = values_at(e, a, members + starts[g], size, k, values);

            if (n > 0)
                row_set(&v->rows[g], k, quantile_of(a->param[k], values, n));
            r = eval_check(e, size, err);
            if (r < 0)
                return r;
        }
    }
    *ret = v;
    return 0;
}
