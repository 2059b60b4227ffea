/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: which file evaluates which function, and the functions that are nobody else's
 */
#include <errno.h>
#include <math.h>

#include "promql/functions_priv.h"

int call_over_vector(struct eval *e, const struct promql_node *arg, const struct grid *grid,
                     vec_fill *fill, void *self, struct vec **ret_arg, struct vec **ret,
                     struct err *err)
{
    int r = eval_vector(e, arg, grid, ret_arg, err);

    if (r < 0)
        return r;
    *ret = vec_over(e, *ret_arg, fill, self);
    return vec_drop_name(e, *ret, CLASH_MERGE, err);
}

void row_drop_hists(struct row *row, size_t n)
{
    if (!row->hists)
        return;
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1))
        if (row->hists[k])
            row_unset(row, k);
    row->hists = NULL;
}

/* ---- vector(s): one series without labels */

static int vector_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    const double *values = v->self;

    row_clear(row, v->grid->n);
    for (size_t k = 0; k < v->grid->n; k++)
        row_set(row, k, values[k]);
    return 0;
}

struct vec *vec_of_scalar(struct eval *e, const struct grid *grid, double *values)
{
    struct vec *v = vec_new(e, grid, 1);

    v->metrics[0].labels = eval_keep(e, label_set_empty());
    v->fill = vector_fill;
    v->self = values;
    return v;
}

static int call_vector(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       struct vec **ret, struct err *err)
{
    double *values;
    int r = eval_scalar(e, node->call.args[0], grid, &values, err);

    if (r == 0)
        *ret = vec_of_scalar(e, grid, values);
    return r;
}

static const struct {
    enum promql_function_id id;
    call_fn *call;
} calls[] = {
    {FN_ABSENT, call_absent},
    {FN_ABSENT_OVER_TIME, call_absent_over_time},
    {FN_CLAMP, call_clamp},
    {FN_CLAMP_MAX, call_clamp},
    {FN_CLAMP_MIN, call_clamp},
    {FN_HISTOGRAM_FRACTION, call_histogram_fraction},
    {FN_HISTOGRAM_QUANTILE, call_histogram_quantile},
    {FN_INFO, call_info},
    {FN_LABEL_JOIN, call_label_join},
    {FN_LABEL_REPLACE, call_label_replace},
    {FN_ROUND, call_round},
    {FN_SORT, call_sort},
    {FN_SORT_DESC, call_sort},
    {FN_SORT_BY_LABEL, call_sort_by_label},
    {FN_SORT_BY_LABEL_DESC, call_sort_by_label},
    {FN_TIMESTAMP, call_timestamp},
    {FN_VECTOR, call_vector},
};

int eval_call(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err)
{
    enum promql_function_id id = node->call.fn->id;

    if (function_takes_range(id))
        return call_over_range(e, node, grid, ret, err);
    if (function_is_math(id))
        return call_math(e, node, grid, ret, err);
    if (function_is_date(id))
        return call_date(e, node, grid, ret, err);
    if (function_is_histogram_value(id))
        return call_histogram_value(e, node, grid, ret, err);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].id == id)
            return calls[i].call(e, node, grid, ret, err);
    return err_set(err, -EINVAL, "%s() does not give a vector", node->call.fn->name);
}

/* ---- scalars */

/* The one float at each step, or NaN when there is none or more than one. */
static int scalar_of_vector(struct eval *e, const struct promql_node *arg, const struct grid *grid,
                            double *values, struct err *err)
{
    unsigned char *seen = arena_array(e->arena, grid->n, 1);
    struct row lent = row_new(e, grid->n);
    struct vec *v;
    int r = eval_vector(e, arg, grid, &v, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < v->n; i++) {
        const struct row *row;

        r = vec_row(e, v, i, &lent, &row, err);
        if (r < 0)
            return r;
        for (size_t k = row_next(row, grid->n, 0); k < grid->n; k = row_next(row, grid->n, k + 1)) {
            if (row_hist(row, k))
                continue;
            values[k] = seen[k] ? NAN : row->values[k];
            seen[k] = 1;
        }
    }
    for (size_t k = 0; k < grid->n; k++)
        if (!seen[k])
            values[k] = NAN;
    return 0;
}

int eval_scalar_call(struct eval *e, const struct promql_node *node, const struct grid *grid,
                     double **ret, struct err *err)
{
    double *values = arena_array(e->arena, grid->n, sizeof *values);

    *ret = values;
    switch (node->call.fn->id) {
    case FN_TIME:
        for (size_t k = 0; k < grid->n; k++)
            values[k] = (double)grid_at(grid, k) / 1000;
        return 0;
    case FN_PI:
        for (size_t k = 0; k < grid->n; k++)
            values[k] = M_PI;
        return 0;
    case FN_SCALAR: return scalar_of_vector(e, node->call.args[0], grid, values, err);
    default: return err_set(err, -EINVAL, "%s() does not give a scalar", node->call.fn->name);
    }
}
