/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sort() and its like: only a vector of one step has an order
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "promql/functions_priv.h"

struct sorted {
    struct vec *arg;
    bool drop_hists;
};

static int sorted_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct sorted *s = v->self;
    int r = vec_fill_row(e, s->arg, i, row, err);

    if (r == 0 && s->drop_hists)
        row_drop_hists(row, v->grid->n);
    return r;
}

static int vec_to_sort(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       bool drop_hists, struct vec **ret, struct err *err)
{
    struct sorted *s = arena_zalloc(e->arena, sizeof *s);
    int r = eval_vector(e, node->call.args[0], grid, &s->arg, err);

    if (r < 0)
        return r;
    s->drop_hists = drop_hists;
    *ret = vec_over(e, s->arg, sorted_fill, s);
    return grid->n == 1 ? vec_compute(e, *ret, err) : 0;
}

struct entry {
    struct metric metric;
    struct row row;
    size_t pos;
};

typedef int compare_entries(const void *a, const void *b, void *arg);

static void sort_vec(struct eval *e, struct vec *v, compare_entries *compare, void *arg)
{
    struct entry *entries = arena_array(e->arena, v->n ? v->n : 1, sizeof *entries);

    for (size_t i = 0; i < v->n; i++)
        entries[i] = (struct entry){v->metrics[i], v->rows[i], i};
    qsort_r(entries, v->n, sizeof *entries, compare, arg);
    for (size_t i = 0; i < v->n; i++) {
        v->metrics[i] = entries[i].metric;
        v->rows[i] = entries[i].row;
    }
}

/* ---- by value; NaN last, whichever the direction */

static int by_value(const void *a, const void *b, void *arg)
{
    const struct entry *x = a, *y = b;
    double vx = x->row.values[0], vy = y->row.values[0];
    int order = isnan(vx) || isnan(vy) ? 0 : (vx > vy) - (vx < vy);

    if (isnan(vx) != isnan(vy))
        return isnan(vx) ? 1 : -1;
    if (order)
        return *(const bool *)arg ? -order : order;
    return (x->pos > y->pos) - (x->pos < y->pos);
}

int call_sort(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err)
{
    bool down = node->call.fn->id == FN_SORT_DESC;
    int r = vec_to_sort(e, node, grid, true, ret, err);

    if (r == 0 && grid->n == 1)
        sort_vec(e, *ret, by_value, &down);
    return r;
}

/* ---- by labels */

struct by_labels {
    const struct promql_node *node;
    bool down;
};

static size_t run_length(struct str s, bool *ret_digits)
{
    size_t n = 1;

    *ret_digits = s.p[0] >= '0' && s.p[0] <= '9';
    while (n < s.len && (s.p[n] >= '0' && s.p[n] <= '9') == *ret_digits)
        n++;
    return n;
}

/* Numbers by length without leading zeroes, then by digits. */
static int compare_digits(struct str a, struct str b)
{
    while (a.len > 1 && *a.p == '0')
        a = str_n(a.p + 1, a.len - 1);
    while (b.len > 1 && *b.p == '0')
        b = str_n(b.p + 1, b.len - 1);
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return str_cmp(a, b);
}

/* As people sort: x9 before x10. Runs of digits are numbers. */
static int compare_naturally(struct str a, struct str b)
{
    while (a.len && b.len) {
        bool digits_a, digits_b;
        struct str x = str_n(a.p, run_length(a, &digits_a)),
                   y = str_n(b.p, run_length(b, &digits_b));
        int order = digits_a && digits_b ? compare_digits(x, y) : str_cmp(x, y);

        if (order)
            return order;
        a = str_n(a.p + x.len, a.len - x.len);
        b = str_n(b.p + y.len, b.len - y.len);
    }
    return (a.len > 0) - (b.len > 0);
}

static int by_labels(const void *a, const void *b, void *arg)
{
    const struct by_labels *by = arg;
    const struct entry *x = a, *y = b;
    int order = 0;

    for (size_t i = 1; !order && i < by->node->call.n_args; i++) {
        struct str name = promql_unparen(by->node->call.args[i])->string;

        order = compare_naturally(metric_get(&x->metric, name), metric_get(&y->metric, name));
    }
    if (!order)
        order = label_set_cmp(x->metric.labels, y->metric.labels);
    return by->down ? -order : order;
}

int call_sort_by_label(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       struct vec **ret, struct err *err)
{
    struct by_labels by = {node, node->call.fn->id == FN_SORT_BY_LABEL_DESC};
    int r = vec_to_sort(e, node, grid, false, ret, err);

    if (r < 0 || grid->n > 1)
        return r;
    for (size_t i = 0; i < (*ret)->n; i++) {
        struct metric *m = &(*ret)->metrics[i];

        m->labels = metric_labels(e, m); /* as they are shown, to compare them directly */
        if (m->name == NAME_GONE)
            m->name = NAME_STAYS;
    }
    sort_vec(e, *ret, by_labels, &by);
    return 0;
}
