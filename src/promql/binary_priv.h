/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binary_priv - operators between rows, and between vectors whose series find each other by labels
 */
#ifndef TOCSIN_PROMQL_BINARY_PRIV_H
#define TOCSIN_PROMQL_BINARY_PRIV_H

#include "promql/eval_priv.h"

struct operation {
    const struct promql_node *node;
    enum promql_op op;
    bool return_bool;
    bool keeps_right; /* a comparison that filters shows the right operand: the left one is a scalar
                       */
};

/* out = left op right where both have a value. out shares nothing with the operands. */
void combine_rows(struct eval *e, const struct operation *op, const struct row *left,
                  const struct row *right, size_t n, struct row *out);

int binary_match(struct eval *e, const struct operation *op, const struct grid *grid,
                 struct vec *lhs, struct vec *rhs, struct vec **ret, struct err *err);
int binary_set(struct eval *e, const struct promql_node *node, const struct grid *grid,
               struct vec *lhs, struct vec *rhs, struct vec **ret, struct err *err);

#endif
