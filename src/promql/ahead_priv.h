/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ahead - a helper reads series of a large selection while the query works on others
 *
 * The query goes through a selection from the first series on, the helper from the last one back,
 * until they meet; who comes first to some series reads them. For queries of few steps, most of
 * whose time is spent on reading; those of many steps are split instead (split.c).
 */
#ifndef TOCSIN_PROMQL_AHEAD_PRIV_H
#define TOCSIN_PROMQL_AHEAD_PRIV_H

#include <stdbool.h>

#include "base/clock.h"

struct columns;
struct crew;
struct selection;
struct ahead;

/* NULL when the selection is small or the crew (NULL: there is none) has nobody free. What it
 * returns is to be ended before the selection goes. */
struct ahead *ahead_begin(struct crew *crew, const struct selection *s, unix_ms from, unix_ms to);
void ahead_end(struct ahead *a); /* NULL is fine */

/* Whether it reads this; false for NULL. */
bool ahead_is_of(const struct ahead *a, const struct selection *s, unix_ms from, unix_ms to);

/* Puts the samples of series i into `ret`. False: they are not there; the caller reads them. */
bool ahead_take(struct ahead *a, size_t i, struct columns *ret);

#endif
