/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_priv - an aggregation while it runs: which series belong to which group
 */
#ifndef TOCSIN_PROMQL_AGGREGATE_PRIV_H
#define TOCSIN_PROMQL_AGGREGATE_PRIV_H

#include "promql/annotations.h"
#include "promql/eval_priv.h"

struct aggregation {
    const struct promql_node *node;
    const struct grid *grid;
    struct vec *arg;
    double *param;    /* by step, of those that have a number as parameter */
    size_t *group_of; /* of each series of arg */
    size_t n_groups;
    struct metric *groups; /* their labels, in order of first appearance */
};

/* Says once that histograms are left out. */
void note_histogram_ignored(struct eval *e, const struct aggregation *a);

/* aggregate_fold.c: sum, avg, count, min, max, group, stddev, stdvar */
int aggregate_fold(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err);

/* aggregate_pick.c: those that need all values of a step at once; aggregate_values.c */
int aggregate_topk(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err);
int aggregate_limitk(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err);
int aggregate_limit_ratio(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err);
int aggregate_quantile(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err);
int aggregate_count_values(struct eval *e, struct aggregation *a, struct vec **ret,
                           struct err *err);

#endif
