/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest_priv - what values were seen; for the backtest only
 */
#ifndef TOCSIN_RULES_BACKTEST_PRIV_H
#define TOCSIN_RULES_BACKTEST_PRIV_H

#include "rules/backtest.h"
#include "rules/threshold_priv.h"

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
