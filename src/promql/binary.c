/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "promql/binary_priv.h"
#include "promql/functions_priv.h"

double scalar_operate(enum promql_op op, double a, double b)
{
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MOD: return fmod(a, b);
    case OP_POW: return pow(a, b);
    case OP_ATAN2: return atan2(a, b);
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_LE: return a <= b;
    case OP_LT: return a < b;
    case OP_GE: return a >= b;
    case OP_GT: return a > b;
    default: return NAN; /* set operators have no scalars */
    }
}

/* ---- a vector and a scalar */

struct with_scalar {
    struct operation op;
    struct vec *vec;
    struct row lent;
    struct row scalar; /* the scalar as a row, with a value at every step */
    bool scalar_left;
};

static int with_scalar_fill(struct eval *e, struct vec *v, size_t i, struct row *row,
                            struct err *err)
{
    struct with_scalar *s = v->self;
    const struct row *operand;
    int r = vec_row(e, s->vec, i, &s->lent, &operand, err);

    if (r < 0)
        return r;
    if (s->scalar_left)
        combine_rows(e, &s->op, &s->scalar, operand, v->grid->n, row);
    else
        combine_rows(e, &s->op, operand, &s->scalar, v->grid->n, row);
    return 0;
}

static int eval_with_scalar(struct eval *e, const struct promql_node *node, const struct grid *grid,
                            struct vec **ret, struct err *err)
{
    const struct promql_node *lhs = node->binary.lhs, *rhs = node->binary.rhs;
    struct with_scalar *s = arena_zalloc(e->arena, sizeof *s);
    double *values;
    int r;

    s->scalar_left = lhs->type == PROMQL_SCALAR;
    s->op = (struct operation){node, node->binary.op, node->binary.return_bool, s->scalar_left};
    r = eval_scalar(e, s->scalar_left ? lhs : rhs, grid, &values, err);
    if (r == 0)
        r = eval_vector(e, s->scalar_left ? rhs : lhs, grid, &s->vec, err);
    if (r < 0)
        return r;
    s->lent = row_new(e, grid->n);
    s->scalar = row_new(e, grid->n);
    for (size_t k = 0; k < grid->n; k++)
        row_set(&s->scalar, k, values[k]);
    *ret = vec_over(e, s->vec, with_scalar_fill, s);
    if (promql_op_is_comparison(s->op.op) && !s->op.return_bool)
        return 0;
    return vec_drop_name(e, *ret, CLASH_MERGE, err);
}

int eval_binary(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct vec **ret, struct err *err)
{
    struct operation op = {node, node->binary.op, node->binary.return_bool, false};
    struct vec *lhs, *rhs;
    int r;

    if (node->binary.lhs->type == PROMQL_SCALAR || node->binary.rhs->type == PROMQL_SCALAR)
        return eval_with_scalar(e, node, grid, ret, err);
    r = eval_vector(e, node->binary.lhs, grid, &lhs, err);
    if (r == 0)
        r = eval_vector(e, node->binary.rhs, grid, &rhs, err);
    if (r < 0)
        return r;
    if (promql_op_is_set(op.op))
        return binary_set(e, node, grid, lhs, rhs, ret, err);
    return binary_match(e, &op, grid, lhs, rhs, ret, err);
}
