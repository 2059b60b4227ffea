/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that make one float of one float. Histograms vanish.
 */
#include <math.h>

#include "promql/functions_priv.h"

typedef double math_fn(double v);

static double sgn(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double degrees(double v)
{
    return v * 180 / M_PI;
}

static double radians(double v)
{
    return v * M_PI / 180;
}

static const struct {
    enum promql_function_id id;
    math_fn *fn;
} functions[] = {
    {FN_ABS, fabs},    {FN_ACOS, acos},   {FN_ACOSH, acosh}, {FN_ASIN, asin}, {FN_ASINH, asinh},
    {FN_ATAN, atan},   {FN_ATANH, atanh}, {FN_CEIL, ceil},   {FN_COS, cos},   {FN_COSH, cosh},
    {FN_DEG, degrees}, {FN_EXP, exp},     {FN_FLOOR, floor}, {FN_LN, log},    {FN_LOG10, log10},
    {FN_LOG2, log2},   {FN_RAD, radians}, {FN_SGN, sgn},     {FN_SIN, sin},   {FN_SINH, sinh},
    {FN_SQRT, sqrt},   {FN_TAN, tan},     {FN_TANH, tanh},
};

static math_fn *find(enum promql_function_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (functions[i].id == id)
            return functions[i].fn;
    return NULL;
}

bool function_is_math(enum promql_function_id id)
{
    return find(id) != NULL;
}

struct math {
    struct vec *arg;
    math_fn *fn;
};

static int math_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct math *m = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, m->arg, i, row, err);

    if (r < 0)
        return r;
    row_drop_hists(row, n);
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1))
        row->values[k] = m->fn(row->values[k]);
    return 0;
}

int call_math(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err)
{
    struct math *m = arena_zalloc(e->arena, sizeof *m);

    m->fn = find(node->call.fn->id);
    return call_over_vector(e, node->call.args[0], grid, math_fill, m, &m->arg, ret, err);
}

/* ---- with numbers that may differ from step to step */

struct bounded {
    struct vec *arg;
    double *low, *high; /* NULL: none; of round(): `low` is what to round to */
};

/* Go's math.Min and math.Max: a NaN wins, but not over the infinity that nothing is beyond. */
static double least(double a, double b)
{
    if (a == -INFINITY || b == -INFINITY)
        return -INFINITY;
    return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}

static double greatest(double a, double b)
{
    if (a == INFINITY || b == INFINITY)
        return INFINITY;
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static int clamp_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct bounded *b = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, b->arg, i, row, err);

    if (r < 0)
        return r;
    row_drop_hists(row, n);
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        if (b->low && b->high && b->high[k] < b->low[k]) {
            row_unset(row, k);
            continue;
        }
        if (b->high)
            row->values[k] = least(b->high[k], row->values[k]);
        if (b->low)
            row->values[k] = greatest(b->low[k], row->values[k]);
    }
    return 0;
}

int call_clamp(struct eval *e, const struct promql_node *node, const struct grid *grid,
               struct vec **ret, struct err *err)
{
    struct bounded *b = arena_zalloc(e->arena, sizeof *b);
    enum promql_function_id id = node->call.fn->id;
    int r = 0;

    if (id != FN_CLAMP_MAX)
        r = eval_scalar(e, node->call.args[1], grid, &b->low, err);
    if (r == 0 && id != FN_CLAMP_MIN)
        r = eval_scalar(e, node->call.args[id == FN_CLAMP ? 2 : 1], grid, &b->high, err);
    if (r < 0)
        return r;
    return call_over_vector(e, node->call.args[0], grid, clamp_fill, b, &b->arg, ret, err);
}

/* Through the inverse, because 1/0.1 is exact where 0.1 is not. */
static int round_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct bounded *b = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, b->arg, i, row, err);

    if (r < 0)
        return r;
    row_drop_hists(row, n);
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        double inverse = b->low ? 1 / b->low[k] : 1;

        row->values[k] = floor(row->values[k] * inverse + 0.5) / inverse;
    }
    return 0;
}

int call_round(struct eval *e, const struct promql_node *node, const struct grid *grid,
               struct vec **ret, struct err *err)
{
    struct bounded *b = arena_zalloc(e->arena, sizeof *b);
    int r = node->call.n_args > 1 ? eval_scalar(e, node->call.args[1], grid, &b->low, err) : 0;

    if (r < 0)
        return r;
    return call_over_vector(e, node->call.args[0], grid, round_fill, b, &b->arg, ret, err);
}
