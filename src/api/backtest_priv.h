/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest_priv - what would have been told of the alerts of a backtest
 */
#ifndef TOCSIN_API_BACKTEST_PRIV_H
#define TOCSIN_API_BACKTEST_PRIV_H

#include "api/backtest.h"

struct told_receiver {
    char *name;
    uint64_t messages;
};

struct told {
    uint64_t messages, resolved; /* all; those in which nothing fired any more */
    bool configured;             /* by the routes of the configuration; else grouped by alertname */
    bool complete;               /* false: it took too long, the rest of the span is missing */
    struct told_receiver *receivers;
    size_t n, cap;
};

/* Puts the alerts that are listed through routing: the real one, with nothing on disk and nobody to
 * hear. Stops at `deadline` and when it is cancelled. */
int backtest_tell(const struct backtest *b, const struct backtest_options *o, mono_ns deadline,
                  struct told *ret, struct err *err);
void told_deinit(struct told *t);

#endif
