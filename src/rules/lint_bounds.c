/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_bounds - comparisons that are never or always true
 *
 * Every part of an expression gets the least and the greatest value it can have, as far as names
 * and functions tell: `up` is 0 or 1, a count is at least 1, a rate is not negative. What is not
 * known is anything. NaN is left aside: no comparison but != is true of it.
 */
#include <math.h>

#include "base/num.h"
#include "rules/lint_priv.h"

struct bounds {
    double lo, hi;
};

static const struct bounds anything = {-INFINITY, INFINITY};
static const struct bounds not_negative = {0, INFINITY};

static struct bounds bounds_of(const struct promql_node *n);

static struct bounds of_metric(struct str name)
{
    if (str_eq(name, STR("up")) || str_eq(name, STR("probe_success")) ||
        str_has_suffix(name, STR("_up")))
        return (struct bounds){0, 1};
    if (str_has_suffix(name, STR("_total")) || str_has_suffix(name, STR("_bytes")) ||
        str_has_suffix(name, STR("_count")) || str_has_suffix(name, STR("_bucket")))
        return not_negative;
    return anything;
}

static struct bounds of_call(const struct promql_node *n)
{
    switch (n->call.fn->id) {
    case FN_ABSENT:
    case FN_ABSENT_OVER_TIME:
    case FN_PRESENT_OVER_TIME: return (struct bounds){1, 1};
    case FN_COUNT_OVER_TIME: return (struct bounds){1, INFINITY};
    case FN_RATE:
    case FN_IRATE:
    case FN_INCREASE:
    case FN_CHANGES:
    case FN_RESETS:
    case FN_ABS:
    case FN_SQRT: return not_negative;
    case FN_AVG_OVER_TIME:
    case FN_MIN_OVER_TIME:
    case FN_MAX_OVER_TIME:
    case FN_LAST_OVER_TIME: return bounds_of(n->call.args[0]);
    default: return anything;
    }
}

static struct bounds of_aggregate(const struct promql_node *n)
{
    switch (n->aggregate.op) {
    case AGG_COUNT: return (struct bounds){1, INFINITY};
    case AGG_GROUP: return (struct bounds){1, 1};
    case AGG_STDDEV:
    case AGG_STDVAR: return not_negative;
    case AGG_SUM: return bounds_of(n->aggregate.arg).lo >= 0 ? not_negative : anything;
    case AGG_AVG:
    case AGG_MIN:
    case AGG_MAX:
    case AGG_TOPK:
    case AGG_BOTTOMK:
    case AGG_LIMITK:
    case AGG_LIMIT_RATIO: return bounds_of(n->aggregate.arg);
    default: return anything;
    }
}

/* Only of what is not negative on both sides: there the bounds need no case for each sign. */
static struct bounds of_arithmetic(const struct promql_node *n)
{
    struct bounds a = bounds_of(n->binary.lhs), b = bounds_of(n->binary.rhs);

    if (n->binary.has_matching && promql_op_is_set(n->binary.op))
        return anything;
    if (promql_op_is_comparison(n->binary.op))
        return n->binary.return_bool ? (struct bounds){0, 1} : a;
    if (!(a.lo >= 0 && b.lo >= 0))
        return anything;
    switch (n->binary.op) {
    case OP_ADD: return (struct bounds){a.lo + b.lo, a.hi + b.hi};
    case OP_MUL: return (struct bounds){a.lo * b.lo, a.hi > 0 && b.hi > 0 ? a.hi * b.hi : 0};
    case OP_DIV: return not_negative;
    default: return anything;
    }
}

static struct bounds bounds_of(const struct promql_node *n)
{
    struct bounds b;

    switch (n->kind) {
    case NODE_NUMBER: return (struct bounds){n->number.v, n->number.v};
    case NODE_PAREN: return bounds_of(n->paren);
    case NODE_UNARY:
        b = bounds_of(n->unary.arg);
        return n->unary.op == OP_SUB ? (struct bounds){0 - b.hi, 0 - b.lo} : b;
    case NODE_VECTOR: return of_metric(n->vector.name);
    case NODE_MATRIX: return of_metric(n->matrix.vector->vector.name);
    case NODE_SUBQUERY: return bounds_of(n->subquery.arg);
    case NODE_CALL: return of_call(n);
    case NODE_AGGREGATE: return of_aggregate(n);
    case NODE_BINARY: return of_arithmetic(n);
    default: return anything;
    }
}

static bool is_below(struct bounds a, struct bounds b) /* whatever they are */
{
    return a.hi < b.lo;
}

static bool is_not_above(struct bounds a, struct bounds b)
{
    return a.hi <= b.lo;
}

static bool is_always(enum promql_op op, struct bounds a, struct bounds b)
{
    switch (op) {
    case OP_LT: return is_below(a, b);
    case OP_LE: return is_not_above(a, b);
    case OP_GT: return is_below(b, a);
    case OP_GE: return is_not_above(b, a);
    case OP_EQ: return is_not_above(a, b) && is_not_above(b, a);
    case OP_NE: return is_below(a, b) || is_below(b, a);
    default: return false;
    }
}

static enum promql_op opposite(enum promql_op op)
{
    switch (op) {
    case OP_LT: return OP_GE;
    case OP_LE: return OP_GT;
    case OP_GT: return OP_LE;
    case OP_GE: return OP_LT;
    case OP_EQ: return OP_NE;
    default: return OP_EQ;
    }
}

static void print_bounds(struct bounds b, struct buf *out)
{
    if (b.lo == b.hi) {
        buf_addf(out, "%g", b.lo);
        return;
    }
    if (isfinite(b.lo))
        buf_addf(out, ">= %g", b.lo);
    if (isfinite(b.hi))
        buf_addf(out, "%s<= %g", isfinite(b.lo) ? ", " : "", b.hi);
    if (!isfinite(b.lo) && !isfinite(b.hi))
        buf_add_c(out, "-Inf ... +Inf");
}

static int see_comparison(struct promql_node *n, struct promql_node *const *parents,
                          size_t n_parents, void *arg)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct bounds a, b;

    if (n->kind != NODE_BINARY || !promql_op_is_comparison(n->binary.op))
        return 0;
    a = bounds_of(n->binary.lhs);
    b = bounds_of(n->binary.rhs);
    print_bounds(a, &text);
    if (is_always(opposite(n->binary.op), a, b))
        lint_found_node(arg, LINT_NEVER_TRUE, n, text.p);
    else if (is_always(n->binary.op, a, b))
        lint_found_node(arg, LINT_ALWAYS_TRUE, n, text.p);
    return 0;
}

void lint_constant(struct lint *l)
{
    promql_walk(l->rule->expr->root, see_comparison, l);
}
