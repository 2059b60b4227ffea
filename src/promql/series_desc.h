/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series_desc - a series and its values as tests write them: `up{job="a"} 0+1x10 _ stale
 * {{sum:1}}x3`
 *
 * The notation of `load` lines and expected results in expression tests and in rule unit tests. The
 * k-th value belongs to the k-th step.
 *
 *     _          no sample              _x4      four of them
 *     1.5        a number               1x4      1 1 1 1 1, one more than said
 *     1+2x3      1 3 5 7                10-2x2   10 8 6
 *     stale      staleness marker       {{..}}   histogram, with x, + and - like numbers
 */
#ifndef TOCSIN_PROMQL_SERIES_DESC_H
#define TOCSIN_PROMQL_SERIES_DESC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/histogram.h"

#define SERIES_DESC_TEXT_MAX   (1u << 20)   /* bytes of one line */
#define SERIES_DESC_MEMORY_MAX (256u << 20) /* bytes; histograms multiply */
#define SERIES_DESC_VALUES_MAX 1000000      /* values of one line, all repetitions written out */

struct label_set;

struct series_value {
    bool omitted;
    double v;                          /* stale_nan() for a staleness marker */
    const struct histogram *histogram; /* NULL: a float */
};

struct series_desc {
    const struct label_set *metric; /* one reference */
    struct series_value *values;    /* in the arena, the histograms too */
    size_t n, cap;
    struct arena arena;
};

/* -EINVAL: "LINE:COL: parse error: TEXT". -E2BIG: too many values. */
int series_desc_parse(struct str text, struct series_desc **ret, struct err *err);
void series_desc_free(struct series_desc *d);
DEFINE_FREEP(series_desc, struct series_desc)

/* A metric alone, `up{job="a"}`, as expected samples of rule unit tests have it. A new reference.
 */
int promql_parse_metric(struct str text, const struct label_set **ret, struct err *err);

#endif
