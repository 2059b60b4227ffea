/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotations - warnings and infos of an evaluation, in Prometheus' words
 *
 * Annotations of the same text are one. They are kept with the place of the node that they are
 * about.
 */
#ifndef TOCSIN_PROMQL_ANNOTATIONS_H
#define TOCSIN_PROMQL_ANNOTATIONS_H

#include "base/map.h"
#include "base/num.h"
#include "promql/eval_priv.h"

#define NOTE_TEXT_MAX 4096  /* bytes; metric names are that long only by mistake */
#define NOTES_MAX     10000 /* of one evaluation: more than anybody reads */

struct notes {
    struct arena *arena; /* of the result */
    struct map seen;
    struct promql_annotation **list;
    size_t n, cap;
};

void notes_deinit(struct notes *notes);

void note_warn(struct eval *e, const struct promql_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void note_info(struct eval *e, const struct promql_node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void note_number(struct eval *e, const struct promql_node *at, const char *words,
                 double v); /* warns */

/* Each about the series of this name ("" when it is gone). */
typedef void note_metric(struct eval *e, const struct promql_node *at, struct str metric);
note_metric note_mixed_samples, note_mixed_histograms, note_not_counter, note_not_gauge,
    note_mixed_schemas, note_different_bounds, note_no_counter_name, note_forced_monotonic,
    note_histograms_ignored, note_quantile_is_nan, note_quantile_is_skewed, note_fraction_has_nan;

void note_misfit(struct eval *e, const struct promql_node *at, enum hist_fit fit,
                 struct str metric);
void note_bad_bucket(struct eval *e, const struct promql_node *at, struct str le,
                     struct str metric);
void note_no_counter_type(struct eval *e, const struct promql_node *at, struct str type,
                          struct str metric);

#endif
