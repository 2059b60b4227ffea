/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions_table - the signature of every PromQL function of Prometheus 3.5
 *
 * What the parser needs: names, types, how many arguments. What they compute is in functions*.c,
 * which finds its code by `id`, the line of the function in functions.def.
 */
#ifndef TOCSIN_PROMQL_FUNCTIONS_TABLE_H
#define TOCSIN_PROMQL_FUNCTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "promql/ast.h"

#define PROMQL_FUNCTION_ARGS_MAX 5 /* declared types; label_replace has the most */

/* FN_ABS, FN_ABSENT ... FN_YEAR, in the order of the table; FN_COUNT is their number. */
enum promql_function_id {
#define FUNCTION(id, ...) FN_##id,
#include "promql/functions.def"
#undef FUNCTION
    FN_COUNT
};

struct promql_function {
    enum promql_function_id id;
    const char *name;
    enum promql_type args[PROMQL_FUNCTION_ARGS_MAX];
    size_t n_args;
    int variadic; /* 0: exactly n_args; 1: the last may be left out; -1: it may be left out or
                     repeat */
    enum promql_type ret;
    bool experimental;
};

const struct promql_function *promql_function_find(struct str name); /* NULL: there is none */
const struct promql_function *promql_function_at(enum promql_function_id id);

#endif
