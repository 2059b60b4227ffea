/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - what each node of an expression cost, written down while it is evaluated
 *
 * Only when struct promql_options asks for it: the values of a node are then wrapped, so that who
 * reads them passes by a clock and a counter. Times are those of a node with all below it.
 */
#ifndef TOCSIN_PROMQL_EXPLAIN_H
#define TOCSIN_PROMQL_EXPLAIN_H

#include "promql/eval_priv.h"

struct explain {
    struct promql_plan_node *
        *nodes; /* in the arena of the result, in order of evaluation: parents first */
    size_t n, cap;
    unsigned depth; /* of the node under way */
    struct arena *arena;
};

/* Between a node's begin and end its children are set up. All accept e->explain == NULL. */
struct promql_plan_node *explain_begin(struct eval *e, const struct promql_node *node,
                                       const struct grid *grid, mono_ns *ret_began);
void explain_shared(struct promql_plan_node *p); /* a twin has computed it */
void explain_end(struct eval *e, struct promql_plan_node *p, mono_ns began);

/* As explain_end(); the value goes on under the eyes of the plan. */
struct vec *explain_vector(struct eval *e, struct promql_plan_node *p, mono_ns began,
                           struct vec *v);
struct ranges *explain_ranges(struct eval *e, struct promql_plan_node *p, mono_ns began,
                              struct ranges *r);

#endif
