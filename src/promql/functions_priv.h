/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_priv - the kinds of functions, each evaluated by one file
 */
#ifndef TOCSIN_PROMQL_FUNCTIONS_PRIV_H
#define TOCSIN_PROMQL_FUNCTIONS_PRIV_H

#include "promql/eval_priv.h"

/* Evaluates one call to a vector. */
typedef int call_fn(struct eval *e, const struct promql_node *node, const struct grid *grid,
                    struct vec **ret, struct err *err);

bool function_takes_range(enum promql_function_id id); /* one that call_over_range() knows */
call_fn call_over_range, call_absent_over_time;        /* range_call.c */

/* functions_math.c: one float to one float */
bool function_is_math(enum promql_function_id id);
call_fn call_math, call_round, call_clamp;

/* functions_time.c */
bool function_is_date(enum promql_function_id id);
call_fn call_date, call_timestamp;

/* functions_label.c */
call_fn call_label_replace, call_label_join, call_sort, call_sort_by_label, call_absent, call_info;

/* The vector of absent(): 1 at each step that `there` has not, with the labels that the argument
 * asks for. */
int absence(struct eval *e, const struct promql_node *arg, const struct grid *grid,
            const struct row *there, struct vec **ret);

/* functions_histogram.c */
bool function_is_histogram_value(enum promql_function_id id);
call_fn call_histogram_value, call_histogram_quantile, call_histogram_fraction;

/* A vector over arg whose rows fill() writes, without name. */
int call_over_vector(struct eval *e, const struct promql_node *arg, const struct grid *grid,
                     vec_fill *fill, void *self, struct vec **ret_arg, struct vec **ret,
                     struct err *err); /* CLASH_MERGE */

struct vec *vec_of_scalar(struct eval *e, const struct grid *grid, double *values); /* vector(s) */
void row_drop_hists(struct row *row, size_t n); /* floats stay */

#endif
