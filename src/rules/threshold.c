/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threshold - an expression without its comparison
 *
 * Only a comparison at the root, or on the left of the `and` and `unless` at the root, is one that
 * decides by itself whether an element is in the result: there `(x > 5) and y` is `(x and y) > 5`.
 */
#include "rules/threshold_priv.h"

#include <math.h>

#include "base/num.h"

static bool is_arithmetic(enum promql_op op)
{
    return op == OP_ADD || op == OP_SUB || op == OP_MUL || op == OP_DIV;
}

/* A number, or what is computed of numbers only. */
static bool number_of(const struct promql_node *n, double *ret)
{
    double a, b;

    switch (n->kind) {
    case NODE_NUMBER: *ret = n->number.v; return true;
    case NODE_PAREN: return number_of(n->paren, ret);
    case NODE_UNARY:
        if (!number_of(n->unary.arg, &a))
            return false;
        *ret = n->unary.op == OP_SUB ? -a : a;
        return true;
    case NODE_BINARY:
        if (!is_arithmetic(n->binary.op) || !number_of(n->binary.lhs, &a) ||
            !number_of(n->binary.rhs, &b))
            return false;
        *ret = n->binary.op == OP_ADD   ? a + b
               : n->binary.op == OP_SUB ? a - b
               : n->binary.op == OP_MUL ? a * b
                                        : a / b;
        return true;
    default: return false;
    }
}

bool threshold_is_upper(enum promql_op op)
{
    return op == OP_GT || op == OP_GE;
}

bool threshold_is_order(enum promql_op op)
{
    return op == OP_GT || op == OP_GE || op == OP_LT || op == OP_LE;
}

static bool is_comparison(enum promql_op op)
{
    return threshold_is_order(op) || op == OP_EQ || op == OP_NE;
}

/* `5 < x` is `x > 5`. */
static enum promql_op turned(enum promql_op op)
{
    switch (op) {
    case OP_GT: return OP_LT;
    case OP_GE: return OP_LE;
    case OP_LT: return OP_GT;
    case OP_LE: return OP_GE;
    default: return op;
    }
}

/* The comparison and what it compares with the number; NULL: there is none. */
static const struct promql_node *find_comparison(const struct promql_node *n, struct threshold *ret,
                                                 const struct promql_node **ret_measured)
{
    while (n->kind == NODE_PAREN ||
           (n->kind == NODE_BINARY && (n->binary.op == OP_AND || n->binary.op == OP_UNLESS)))
        n = n->kind == NODE_PAREN ? n->paren : n->binary.lhs;
    if (n->kind != NODE_BINARY || !is_comparison(n->binary.op) || n->binary.return_bool)
        return NULL;
    ret->op = n->binary.op;
    *ret_measured = n->binary.lhs;
    if (number_of(n->binary.rhs, &ret->value))
        return n;
    ret->op = turned(n->binary.op);
    *ret_measured = n->binary.rhs;
    return number_of(n->binary.lhs, &ret->value) ? n : NULL;
}

/* The text with what is measured, and `behind` after it, where the comparison stands. */
static int put_instead(const struct promql_expr *expr, const struct promql_node *comparison,
                       const struct promql_node *measured, struct str behind,
                       const struct promql_features *features, struct promql_expr **ret)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str all = expr->text;

    buf_add(&text, all.p, comparison->start);
    buf_add_byte(&text, '(');
    buf_add(&text, all.p + measured->start, measured->end - measured->start);
    buf_add_byte(&text, ')');
    buf_add_str(&text, behind);
    buf_add(&text, all.p + comparison->end, all.len - comparison->end);
    return promql_parse(buf_str(&text), features, ret, NULL);
}

bool threshold_find(const struct promql_expr *expr, const struct promql_features *features,
                    struct threshold *ret)
{
    const struct promql_node *measured, *c = find_comparison(expr->root, ret, &measured);

    ret->measured = NULL;
    return c && measured->type == PROMQL_VECTOR && isfinite(ret->value) &&
           put_instead(expr, c, measured, STR(""), features, &ret->measured) == 0;
}

int threshold_replace(const struct promql_expr *expr, const struct promql_features *features,
                      double value, struct promql_expr **ret)
{
    CLEANUP(buf_free) struct buf behind = {0};
    struct threshold t;
    const struct promql_node *measured, *c = find_comparison(expr->root, &t, &measured);

    buf_addf(&behind, " %s ", promql_op_text(t.op));
    num_add_short(&behind, value);
    return put_instead(expr, c, measured, buf_str(&behind), features, ret);
}
