/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threshold_priv - an expression and the number that it is compared with, taken apart; for the files
 * of rules/ only
 */
#ifndef TOCSIN_RULES_THRESHOLD_PRIV_H
#define TOCSIN_RULES_THRESHOLD_PRIV_H

#include "promql/promql.h"

struct threshold {
    struct promql_expr *measured; /* the expression without its comparison; owned */
    enum promql_op op;            /* of measured against value */
    double value;
};

/* False: the expression has none that could be turned. */
bool threshold_find(const struct promql_expr *expr, const struct promql_features *features,
                    struct threshold *ret);
/* The expression, in which one was found, with another number. */
int threshold_replace(const struct promql_expr *expr, const struct promql_features *features,
                      double value, struct promql_expr **ret);
bool threshold_is_order(enum promql_op op); /* not == and != */
bool threshold_is_upper(enum promql_op op); /* high values fire */

static inline bool threshold_passes(enum promql_op op, double v, double value)
{
    switch (op) {
    case OP_GT: return v > value;
    case OP_GE: return v >= value;
    case OP_LT: return v < value;
    case OP_LE: return v <= value;
    case OP_EQ: return v == value;
    default: return v != value;
    }
}

#endif
