/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql_same - whether two results have the same series, notes and bits
 */
#ifndef TOCSIN_TESTS_SUPPORT_PROMQL_SAME_H
#define TOCSIN_TESTS_SUPPORT_PROMQL_SAME_H

#include <string.h>

#include "promql/promql.h"

static inline bool promql_same_series(const struct promql_series *a, const struct promql_series *b)
{
    if (!label_set_eq(a->labels, b->labels) || a->n != b->n || !a->histograms != !b->histograms)
        return false;
    for (size_t k = 0; k < a->n; k++) {
        const struct histogram *x = a->histograms ? a->histograms[k] : NULL;
        const struct histogram *y = b->histograms ? b->histograms[k] : NULL;

        if (a->times[k] != b->times[k] || !x != !y || (x && !hist_equal(x, y)) ||
            (!x && memcmp(&a->values[k], &b->values[k], sizeof(double)) != 0))
            return false;
    }
    return true;
}

static inline bool promql_has_note(const struct promql_result *r, const char *text)
{
    for (size_t i = 0; i < r->n_annotations; i++)
        if (strcmp(r->annotations[i].text, text) == 0)
            return true;
    return false;
}

static inline bool promql_same_result(const struct promql_result *a, const struct promql_result *b)
{
    bool same = a->n == b->n && a->type == b->type && a->n_annotations == b->n_annotations;

    for (size_t i = 0; same && i < a->n; i++)
        same = promql_same_series(&a->series[i], &b->series[i]);
    for (size_t i = 0; same && i < a->n_annotations; i++)
        same = promql_has_note(b, a->annotations[i].text);
    return same;
}

#endif
