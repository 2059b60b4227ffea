/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eval_priv - what the files of the evaluator share: grid, row, vector, range vector
 *
 * Every node of the expression is evaluated once for all steps of its grid. Its value is a struct
 * vec: series, each with one row of values over the steps. A vec is either computed (rows are
 * there) or lazy: fill() writes row i into memory that the caller lends. So `sum(abs(rate(x[5m])))`
 * works through one row at a time: the selector reads the samples of a series, rate() slides a
 * window over them, abs() changes the row in place and sum() adds it to its groups. Only who needs
 * all rows at once keeps them.
 *
 * All memory but that of struct columns and label sets comes from the arena of the query.
 */
#ifndef TOCSIN_PROMQL_EVAL_PRIV_H
#define TOCSIN_PROMQL_EVAL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "model/label_set.h"
#include "model/ports.h"
#include "promql/ast.h"
#include "promql/functions_table.h"
#include "promql/histogram_math.h"
#include "promql/promql.h"

/* ---- time */

/* Times from outside are cut here, so that offsets and ranges can be added without overflow. */
#define EVAL_TIME_MAX (INT64_MAX / 4)

/* The steps of an evaluation: start, start + step, ... n of them. */
struct grid {
    unix_ms start;
    dur_ms step; /* > 0 */
    size_t n;    /* > 0 but for a subquery without any step in its range */
};

static inline unix_ms grid_at(const struct grid *g, size_t k)
{
    return g->start + (int64_t)k * g->step;
}

/* ---- rows */

/* Values of one series over the steps. Bit k of `present` tells whether there is one at step k;
 * what stands in values[k] otherwise is a number without meaning. Bits from n on are 0. */
struct row {
    double *values;
    uint64_t *present;
    const struct histogram **hists; /* NULL: floats only; else NULL where step k is a float */
    const struct histogram **hist_room;
};

#define ROW_WORDS(n) (((n) + 63) / 64)

static inline bool row_has(const struct row *r, size_t k)
{
    return r->present[k / 64] >> (k % 64) & 1;
}

static inline const struct histogram *row_hist(const struct row *r, size_t k)
{
    return r->hists ? r->hists[k] : NULL;
}

static inline void row_set(struct row *r, size_t k, double v)
{
    r->values[k] = v;
    r->present[k / 64] |= UINT64_C(1) << (k % 64);
}

/* Of steps [from, to), whose values are there. */
static inline void row_set_present(struct row *r, size_t from, size_t to)
{
    for (size_t k = from; k < to;) {
        size_t end = (k | 63) + 1 < to ? (k | 63) + 1 : to;

        r->present[k / 64] |= UINT64_MAX >> (64 - (end - k)) << (k % 64);
        k = end;
    }
}

static inline void row_unset(struct row *r, size_t k)
{
    r->present[k / 64] &= ~(UINT64_C(1) << (k % 64));
}

/* Walks the steps that have a value: for (size_t k = row_next(r, n, 0); k < n; k = row_next(r, n, k
 * + 1)) */
static inline size_t row_next(const struct row *r, size_t n, size_t k)
{
    uint64_t word;

    if (k >= n)
        return n;
    word = r->present[k / 64] >> (k % 64);
    if (word)
        return k + (size_t)__builtin_ctzll(word);
    for (size_t w = k / 64 + 1; w < ROW_WORDS(n); w++)
        if (r->present[w])
            return w * 64 + (size_t)__builtin_ctzll(r->present[w]);
    return n;
}

/* ---- series */

enum name_fate {
    NAME_STAYS,
    NAME_GONE,  /* the labels are seen without __name__, __type__ and __unit__ */
    NAME_LATER, /* seen with them, but they go at the end (delayed name removal) */
};

struct metric {
    const struct label_set *labels; /* kept by the query */
    enum name_fate name;
};

struct eval;
struct vec;

typedef int vec_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err);

/* An instant vector over all steps. No two series of a finished vec look the same, but for those
 * with NAME_LATER. It may be the value of several nodes: of an argument nothing is changed but that
 * it becomes computed. */
struct vec {
    const struct grid *grid;
    size_t n;
    struct metric *metrics;
    struct row *rows; /* NULL: lazy */
    vec_fill *fill;   /* writes all of row i: each bit and what it stands for */
    void *self;       /* of fill */
};

/* ---- range vectors */

/* All samples of one series that its windows may show, staleness markers left out. */
struct track {
    size_t n, nh;
    const unix_ms *t, *ht; /* of floats, of histograms; ascending */
    const double *v;
    const struct histogram *const *h;
};

struct ranges;
typedef int ranges_load(struct eval *e, struct ranges *r, size_t i, struct err *err);

struct ranges {
    const struct promql_node *node; /* the selector or subquery */
    size_t n;
    struct metric *metrics;
    dur_ms range, offset;
    bool fixed; /* by @ */
    unix_ms at;
    ranges_load *load; /* sets `track` to series i; it stays until the next load */
    void *self;
    struct track track;
};

/* The part of the track in (start, end]. */
struct window {
    size_t n, nh;
    const unix_ms *t, *ht;
    const double *v;
    const struct histogram *const *h;
    unix_ms start, end;
    unix_ms now;  /* the step */
    size_t first; /* index of t[0] in the track */
};

struct window_cursor {
    size_t lo, hi, hlo, hhi;
};

/* ---- the evaluation */

struct notes; /* promql/annotations.h */

/* How often a sample that is looked at counts in the statistics, and as of which step. Prometheus
 * counts what does not depend on the step at each step, a subquery that is the whole query at its
 * end, and a subquery in a function not at all: the function counts its windows. */
struct counting {
    enum { COUNT_AT_STEP, COUNT_AT_ALL_STEPS, COUNT_AT_END } at;
    size_t times;
};

struct selected {
    struct selection *selection;
    const struct promql_node *selector; /* of the expression that made it; or NULL */
    unix_ms from, to;
};

/* One evaluation on one thread, but for `ahead`. What is shared with others is read only. */
struct eval {
    const struct promql_expr *expr;
    const struct series_reader *reader;
    struct promql_options opts; /* defaults filled in */
    unix_ms start, end;         /* of the query, for @ start() and @ end() */
    mono_ns deadline;
    struct arena *arena;
    struct notes *notes;
    struct promql_stats *stats;

    struct columns columns;      /* what a selector reads, one series at a time */
    struct hist_acc acc;         /* for sums that are done before the next begins */
    struct hist_buckets buckets; /* likewise */

    struct selected *selections; /* to be released at the end: they own labels */
    size_t n_selections, cap_selections;
    struct ahead *ahead;             /* reads the selection that is gone through now, or NULL */
    struct standing *standing;       /* of a question that is asked again, or NULL */
    const struct label_set **labels; /* references to be given back at the end */
    size_t n_labels, cap_labels;
    struct shared **shared; /* what was computed of twins */
    size_t n_shared, cap_shared;

    struct explain *explain;  /* NULL: nobody asks what it costs */
    struct counting counting; /* of the selectors and range functions that are set up now */
    size_t steps;             /* of the query */

    size_t held;   /* samples in rows that are kept, as the limit counts them */
    uint64_t work; /* since the last look at clock and cancellation */
};

/* eval.c: values of nodes. Each runs for all steps of the grid, which must live as long as the
 * value. */
int eval_vector(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct vec **ret, struct err *err);
int eval_scalar(struct eval *e, const struct promql_node *node, const struct grid *grid,
                double **ret, struct err *err); /* the caller may change what it gets */
int eval_ranges(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct ranges **ret, struct err *err);

/* Tells whether to go on: 0, -ETIMEDOUT, -ECANCELED, -E2BIG. `steps` is the work since the last
 * call. */
int eval_check(struct eval *e, size_t steps, struct err *err);
int eval_hold(struct eval *e, size_t samples, struct err *err); /* counts samples that are kept */
int eval_too_many(struct err *err);
void eval_count(struct eval *e, struct counting c, size_t k,
                uint64_t samples); /* looked at, at step k */
void eval_count_steps(struct eval *e, struct counting c, size_t from, size_t to,
                      uint64_t samples); /* at each of the steps [from, to) */

/* shared.c: nodes that have a twin. */
struct shared_before { /* the first of them is set up */
    uint64_t samples;
    size_t notes;
};
bool shared_find(struct eval *e, const struct promql_node *node, const struct grid *grid,
                 struct vec **ret);
/* Keeps the value of a node for its twins, if it is fit. */
int shared_offer(struct eval *e, const struct promql_node *node, const struct grid *grid,
                 struct shared_before before, struct vec *v, struct err *err);

/* select.c */
int eval_select(struct eval *e, const struct matcher *const *matchers, size_t n_matchers,
                unix_ms from, unix_ms to, struct selection **ret,
                struct err *err); /* released at the end */
int eval_selector(struct eval *e, const struct promql_node *node, const struct grid *grid,
                  bool timestamps, struct vec **ret,
                  struct err *err); /* timestamps: of the samples, as values */
/* The times (in seconds) of the samples that count at each step, for matchers that are in no
 * expression. */
int eval_sample_times(struct eval *e, const struct matcher *const *matchers, size_t n_matchers,
                      const struct grid *grid, struct vec **ret, struct err *err);
int eval_matrix(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct ranges **ret, struct err *err);
int eval_subquery(struct eval *e, const struct promql_node *node, const struct grid *grid,
                  struct ranges **ret, struct err *err);

/* End of the window of step k; it reaches back by range, its left end excluded. */
static inline unix_ms window_end(const struct ranges *r, const struct grid *grid, size_t k)
{
    return (r->fixed ? r->at : grid_at(grid, k)) - r->offset;
}

/* Windows only move forward: each end of the cursor passes over every sample once. */
static inline void window_slide(const unix_ms *t, size_t n, unix_ms start, unix_ms end, size_t *lo,
                                size_t *hi)
{
    while (*lo < n && t[*lo] <= start)
        (*lo)++;
    if (*hi < *lo)
        *hi = *lo;
    while (*hi < n && t[*hi] <= end)
        (*hi)++;
}

/* window.c */
void ranges_window(const struct ranges *r, const struct grid *grid, size_t k,
                   struct window_cursor *c, struct window *ret);
/* First and last time that any window shows; false: there is no window. */
bool ranges_span(const struct ranges *r, const struct grid *grid, unix_ms *ret_from,
                 unix_ms *ret_to);

/* vec.c */
struct row row_new(struct eval *e, size_t n);
void row_clear(struct row *r, size_t n); /* no values at all */
void row_set_hist(struct eval *e, struct row *r, size_t n, size_t k, const struct histogram *h);
void row_copy(struct eval *e, struct row *to, const struct row *from, size_t n);
bool row_is_empty(const struct row *r, size_t n);
size_t row_count(const struct row *r, size_t n);
size_t row_samples(const struct row *r, size_t n); /* as the limit counts them */

struct vec *vec_new(struct eval *e, const struct grid *grid, size_t n); /* metrics zeroed, lazy */
struct vec *vec_over(struct eval *e, const struct vec *arg, vec_fill *fill,
                     void *self); /* same series */
int vec_fill_row(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err);
/* Row i: the one that is kept, or `lent` filled. */
int vec_row(struct eval *e, struct vec *v, size_t i, struct row *lent, const struct row **ret,
            struct err *err);
int vec_compute(struct eval *e, struct vec *v, struct err *err); /* lazy no more */
struct vec *vec_repeat(struct eval *e, struct vec *once, const struct grid *grid);

/* The name is gone from all series. Where that makes two the same: refuse, or merge them when at no
 * step both have a value. */
enum on_clash { CLASH_REFUSE, CLASH_MERGE };
int vec_drop_name(struct eval *e, struct vec *v, enum on_clash on_clash, struct err *err);
int vec_drop_name_finally(struct eval *e, struct vec *v, struct err *err);
int vec_unclash(struct eval *e, struct vec *v, enum on_clash on_clash, struct err *err);

/* metric.c */
struct str metric_get(const struct metric *m, struct str name);
bool label_is_reserved(struct str name); /* __name__, __type__, __unit__ */
const struct label_set *metric_labels(struct eval *e, const struct metric *m); /* as seen, kept */
const struct label_set *eval_keep(struct eval *e, const struct label_set *take_labels);
void metric_print(struct eval *e, const struct metric *m,
                  struct buf *out); /* {__name__="a", b="c"} */
bool labels_contain(const struct promql_labels *labels, struct str name);

/* Hash and equality of the part of a label set that `on` and `by` (only these labels) or `ignoring`
 * and `without` (all but these) leave. `without` drops __name__ too, `ignoring` all reserved
 * labels. */
enum part_drops { PART_DROPS_NONE, PART_DROPS_NAME, PART_DROPS_RESERVED };
struct labels_part {
    const struct promql_labels *labels;
    bool only;
    enum part_drops drops; /* besides the labels, of !only */
};
uint64_t metric_part_hash(const struct metric *m, const struct labels_part *part);
bool metric_part_eq(const struct metric *a, const struct metric *b, const struct labels_part *part);
const struct label_set *metric_part_labels(struct eval *e, const struct metric *m,
                                           const struct labels_part *part); /* kept */

/* Gives equal parts the same number, from 0 in order of first appearance. The metrics must stay. */
struct numbering;
struct numbering *numbering_new(struct eval *e, const struct labels_part *part);
size_t numbering_add(struct numbering *nb, const struct metric *m);        /* finds or makes */
size_t numbering_find(const struct numbering *nb, const struct metric *m); /* SIZE_MAX: none */
size_t numbering_count(const struct numbering *nb);
const struct metric *numbering_first(const struct numbering *nb, size_t id);
void numbering_free(struct numbering *nb);
DEFINE_FREEP(numbering, struct numbering)

/* The nodes of the language, by file */
int eval_aggregate(struct eval *e, const struct promql_node *node, const struct grid *grid,
                   struct vec **ret, struct err *err);
int eval_binary(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct vec **ret, struct err *err);
int eval_call(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err);
int eval_scalar_call(struct eval *e, const struct promql_node *node, const struct grid *grid,
                     double **ret, struct err *err);
double scalar_operate(enum promql_op op, double a, double b);

#endif
