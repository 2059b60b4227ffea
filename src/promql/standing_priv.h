/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing - what the selectors of a standing question found the last time
 *
 * Kept, by selector, from one evaluation to the next and parked in between. A selection is lent to
 * one selector at a time; one that cannot be renewed is released.
 */
#ifndef TOCSIN_PROMQL_STANDING_PRIV_H
#define TOCSIN_PROMQL_STANDING_PRIV_H

#include "model/ports.h"

struct standing_selection {
    const struct matcher *const *matchers; /* of the expression: they name the selector */
    struct selection *selection;
    bool lent;
};

struct standing {
    struct series_reader reader; /* that found them */
    struct standing_selection *items;
    size_t n, cap;
    size_t n_series; /* of all */
};

void standing_deinit(struct standing *st); /* nothing may be lent */

/* What the selector finds now, lent; or NULL: it has to be selected. */
struct selection *standing_renew(struct standing *st, const struct series_reader *reader,
                                 const struct matcher *const *matchers, size_t n_matchers,
                                 unix_ms from, unix_ms to);

/* Takes a selection over, lent to who made it. False: it is not to be kept. */
bool standing_keep(struct standing *st, const struct series_reader *reader,
                   const struct matcher *const *matchers, struct selection *take);

/* The evaluation is over: parks what was lent. */
void standing_park(struct standing *st);

#endif
