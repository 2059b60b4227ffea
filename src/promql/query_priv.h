/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_priv - one evaluation, for query.c and split.c
 */
#ifndef TOCSIN_PROMQL_QUERY_PRIV_H
#define TOCSIN_PROMQL_QUERY_PRIV_H

#include "promql/eval_priv.h"
#include "promql/standing_priv.h"

struct promql_query {
    const struct promql_expr *expr;
    struct promql_options opts;
    struct arena arena;
    struct columns columns;
    struct hist_buckets buckets;
    bool stands; /* it is asked again and again */
    struct standing standing;
};

void query_init(struct promql_query *q, const struct promql_expr *expr,
                const struct promql_options *opts);
void query_deinit(struct promql_query *q);

/* Evaluates at the steps of the grid; start and end are those of the query that they are part of. */
int query_run(struct promql_query *q, const struct series_reader *reader, const struct grid *grid,
              unix_ms start, unix_ms end, bool instant, struct promql_result **ret,
              struct err *err);

/* The same by several threads: false when that cannot be or did not work out, and nothing was done.
 */
bool query_run_split(struct promql_query *q, const struct series_reader *reader,
                     const struct grid *whole, unix_ms end, struct promql_result **ret,
                     int *ret_status, struct err *err);

#endif
