/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest - rules on stored history as JSON: for the API and for who has no server
 *
 * POST /api/v1/rules/backtest has a rule file, or one rule, as its body; docs/formats/backtest.md
 * describes what is answered.
 */
#ifndef TOCSIN_API_BACKTEST_H
#define TOCSIN_API_BACKTEST_H

#include "rules/rules.h"

struct json_writer;

/* Reads "150MB,0.5" as numbers; a size may have its unit. Returns how many, or -EINVAL. */
int backtest_parse_thresholds(struct str text, double ret[BACKTEST_THRESHOLDS_MAX],
                              struct err *err);

/* Runs the rules and the notifications that would have come of them, and writes one object. Failures
 * as those of rules_backtest(), with nothing written. */
int backtest_write(const char *file, struct str rules, const struct backtest_options *o,
                   struct json_writer *w, struct err *err);

#endif
