/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "promql/annotations.h"
#include "promql/eval_priv.h"
#include "promql/explain.h"

#define CHECK_EVERY                                                                                \
    16384 /* steps of work between two looks at the clock: some tens of microseconds */

/* ---- limits */

int eval_too_many(struct err *err)
{
    return err_set(err, -E2BIG,
                   "query processing would load too many samples into memory in query execution");
}

int eval_hold(struct eval *e, size_t samples, struct err *err)
{
    e->held += samples;
    if (e->held > e->stats->samples_peak)
        e->stats->samples_peak = e->held;
    return e->held > e->opts.max_samples ? eval_too_many(err) : 0;
}

void eval_count(struct eval *e, struct counting c, size_t k, uint64_t samples)
{
    uint64_t *per_step = e->stats->samples_per_step;

    samples *= c.times;
    e->stats->samples_read += samples;
    if (!per_step || samples == 0)
        return;
    switch (c.at) {
    case COUNT_AT_STEP: per_step[k] += samples; return;
    case COUNT_AT_END: per_step[e->steps - 1] += samples; return;
    case COUNT_AT_ALL_STEPS:
        for (size_t i = 0; i < e->steps; i++)
            per_step[i] += samples / e->steps;
        return;
    }
}

void eval_count_steps(struct eval *e, struct counting c, size_t from, size_t to, uint64_t samples)
{
    if (!e->stats->samples_per_step) {
        eval_count(e, c, from, samples * (to - from));
        return;
    }
    for (size_t k = from; k < to; k++)
        eval_count(e, c, k, samples);
}

/* The steps of the grid are as one. Returns how it was before. */
static struct counting count_all_steps(struct eval *e, const struct grid *grid)
{
    struct counting before = e->counting;

    e->counting.times *= grid->n;
    if (before.at == COUNT_AT_STEP)
        e->counting.at = COUNT_AT_ALL_STEPS;
    return before;
}

int eval_check(struct eval *e, size_t steps, struct err *err)
{
    if (e->arena->overflow)
        return err_set(err, -E2BIG, "query needs more than %zu bytes of memory", e->arena->max);
    e->work += steps;
    if (e->work < CHECK_EVERY)
        return 0;
    e->work = 0;
    if (e->opts.cancel && atomic_load_explicit(e->opts.cancel, memory_order_relaxed))
        return err_set(err, -ECANCELED, "query was canceled in expression evaluation");
    if (clock_mono_ns() > e->deadline)
        return err_set(err, -ETIMEDOUT, "query timed out in expression evaluation");
    return 0;
}

/* ---- vectors */

/* One step, whichever: for what does not depend on it. */
static const struct grid *grid_once(struct eval *e, const struct grid *grid)
{
    struct grid *once = arena_alloc(e->arena, sizeof *once);

    *once = (struct grid){grid->start, grid->step, 1};
    return once;
}

static int negation_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct vec *arg = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, arg, i, row, err);

    if (r < 0)
        return r;
    for (size_t k = 0; k < n; k++)
        row->values[k] = -row->values[k];
    for (size_t k = row->hists ? row_next(row, n, 0) : n; k < n; k = row_next(row, n, k + 1)) {
        if (!row->hists[k])
            continue;
        hist_acc_set(&e->acc, row->hists[k]);
        hist_acc_mul(&e->acc, -1);
        row->hists[k] = hist_acc_get(&e->acc);
    }
    return 0;
}

static int eval_negation(struct eval *e, const struct promql_node *node, const struct grid *grid,
                         struct vec **ret, struct err *err)
{
    struct vec *arg;
    int r = eval_vector(e, node->unary.arg, grid, &arg, err);

    if (r < 0 || node->unary.op == OP_ADD) {
        *ret = arg;
        return r;
    }
    *ret = vec_over(e, arg, negation_fill, arg);
    return vec_drop_name(e, *ret, CLASH_REFUSE, err);
}

static int vector_of(struct eval *e, const struct promql_node *node, const struct grid *grid,
                     struct vec **ret, struct err *err)
{
    switch (node->kind) {
    case NODE_PAREN: return eval_vector(e, node->paren, grid, ret, err);
    case NODE_UNARY: return eval_negation(e, node, grid, ret, err);
    case NODE_BINARY: return eval_binary(e, node, grid, ret, err);
    case NODE_AGGREGATE: return eval_aggregate(e, node, grid, ret, err);
    case NODE_CALL: return eval_call(e, node, grid, ret, err);
    case NODE_VECTOR: return eval_selector(e, node, grid, false, ret, err);
    default:
        return err_set(err, -EINVAL, "expected an instant vector, got %s",
                       promql_type_text(node->type));
    }
}

static int vector_over(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       struct vec **ret, struct err *err)
{
    struct counting counting;
    struct vec *once;
    int r = eval_check(e, 1, err);

    if (r < 0)
        return r;
    if (!node->step_invariant || grid->n == 1)
        return vector_of(e, node, grid, ret, err);
    counting = count_all_steps(e, grid);
    r = vector_of(e, node, grid_once(e, grid), &once, err);
    e->counting = counting;
    if (r < 0)
        return r;
    *ret = vec_repeat(e, once, grid);
    return 0;
}

int eval_vector(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct vec **ret, struct err *err)
{
    mono_ns began = 0;
    struct promql_plan_node *p = explain_begin(e, node, grid, &began);
    struct shared_before before = {e->stats->samples_read, e->notes->n};
    int r = 0;

    if (shared_find(e, node, grid, ret)) {
        explain_shared(p);
    } else {
        r = vector_over(e, node, grid, ret, err);
        if (r == 0)
            r = shared_offer(e, node, grid, before, *ret, err);
    }
    if (r == 0)
        *ret = explain_vector(e, p, began, *ret);
    return r;
}

/* ---- scalars */

static int scalar_of(struct eval *e, const struct promql_node *node, const struct grid *grid,
                     double **ret, struct err *err)
{
    double *a, *b;
    int r;

    switch (node->kind) {
    case NODE_NUMBER:
        *ret = arena_array(e->arena, grid->n, sizeof **ret);
        for (size_t k = 0; k < grid->n; k++)
            (*ret)[k] = node->number.v;
        return 0;
    case NODE_PAREN: return eval_scalar(e, node->paren, grid, ret, err);
    case NODE_UNARY:
        r = eval_scalar(e, node->unary.arg, grid, ret, err);
        for (size_t k = 0; r == 0 && node->unary.op == OP_SUB && k < grid->n; k++)
            (*ret)[k] = -(*ret)[k];
        return r;
    case NODE_BINARY:
        r = eval_scalar(e, node->binary.lhs, grid, &a, err);
        if (r == 0)
            r = eval_scalar(e, node->binary.rhs, grid, &b, err);
        for (size_t k = 0; r == 0 && k < grid->n; k++)
            a[k] = scalar_operate(node->binary.op, a[k], b[k]);
        *ret = r == 0 ? a : NULL;
        return r;
    case NODE_CALL: return eval_scalar_call(e, node, grid, ret, err);
    default:
        return err_set(err, -EINVAL, "expected a scalar, got %s", promql_type_text(node->type));
    }
}

static int scalar_over(struct eval *e, const struct promql_node *node, const struct grid *grid,
                       double **ret, struct err *err)
{
    struct counting counting;
    double *once;
    int r = eval_check(e, grid->n, err);

    if (r < 0)
        return r;
    if (!node->step_invariant || grid->n == 1 || node->kind == NODE_NUMBER)
        return scalar_of(e, node, grid, ret, err);
    counting = count_all_steps(e, grid);
    r = scalar_of(e, node, grid_once(e, grid), &once, err);
    e->counting = counting;
    if (r < 0)
        return r;
    *ret = arena_array(e->arena, grid->n, sizeof **ret);
    for (size_t k = 0; k < grid->n; k++)
        (*ret)[k] = once[0];
    return 0;
}

int eval_scalar(struct eval *e, const struct promql_node *node, const struct grid *grid,
                double **ret, struct err *err)
{
    mono_ns began = 0;
    struct promql_plan_node *p = explain_begin(e, node, grid, &began);
    int r = scalar_over(e, node, grid, ret, err);

    explain_end(e, p, began);
    return r;
}

/* ---- range vectors */

int eval_ranges(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct ranges **ret, struct err *err)
{
    struct promql_plan_node *p;
    mono_ns began = 0;
    int r;

    node = promql_unparen((struct promql_node *)node);
    if (node->kind != NODE_MATRIX && node->kind != NODE_SUBQUERY)
        return err_set(err, -EINVAL, "expected a range vector, got %s",
                       promql_type_text(node->type));
    p = explain_begin(e, node, grid, &began);
    r = node->kind == NODE_MATRIX ? eval_matrix(e, node, grid, ret, err)
                                  : eval_subquery(e, node, grid, ret, err);
    if (r == 0)
        *ret = explain_ranges(e, p, began, *ret);
    return r;
}
