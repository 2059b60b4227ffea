/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest_priv - taking a threshold out of an expression, and what values were seen; for the
 * backtest only
 */
#ifndef TOCSIN_RULES_BACKTEST_PRIV_H
#define TOCSIN_RULES_BACKTEST_PRIV_H

#include "rules/backtest.h"

/* ---- backtest_threshold.c */

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
bool threshold_is_upper(enum promql_op op); /* high values fire */

static inline bool threshold_passes(enum promql_op op, double v, double value)
{
    switch (op) {
    case OP_GT: return v > value;
    case OP_GE: return v >= value;
    case OP_LT: return v < value;
    default: return v <= value;
    }
}

/* ---- backtest_values.c: how often which value was seen, in 4 MB */

struct value_counts {
    uint64_t *buckets; /* NULL: nothing was counted */
    uint64_t n;        /* without NaN */
    double least, greatest;
};

void value_counts_add(struct value_counts *c, double v);
double value_counts_quantile(const struct value_counts *c, double q); /* n > 0 */
void value_counts_deinit(struct value_counts *c);

/* v in two figures; of a size in those of KiB, MiB and so on. */
double round_for_people(double v, bool bytes);

#endif
