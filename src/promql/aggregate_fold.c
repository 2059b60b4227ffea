/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregations that take one row after the other and keep a few numbers a step
 */
#include <math.h>
#include <string.h>

#include "promql/aggregate_priv.h"
#include "promql/range_priv.h"

enum seen {
    SEEN_FLOAT = 1,
    SEEN_HISTOGRAM = 2,
    SEEN_MISFIT = 4,  /* histograms that do not fit each other */
    SEEN_OVERFLOW = 8 /* of avg: the sum grew beyond all doubles, `a` is the mean from here on */
};

/* One group over all steps. What a, b and count mean is the operation's matter. */
struct fold {
    struct row result; /* its values are `a` */
    double *a, *b, *count;
    unsigned char *seen;
    struct hist_acc **hists; /* NULL until the first histogram */
};

typedef void fold_row(struct eval *e, const struct aggregation *agg, struct fold *f,
                      const struct row *row);

/* ---- count, group */

static void fold_count(struct eval *e, const struct aggregation *agg, struct fold *f,
                       const struct row *row)
{
    size_t n = agg->grid->n;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1))
        f->a[k]++;
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        f->result.present[w] |= row->present[w];
}

static void fold_group(struct eval *e, const struct aggregation *agg, struct fold *f,
                       const struct row *row)
{
    size_t n = agg->grid->n;

    for (size_t k = 0; k < n; k++)
        f->a[k] = 1;
    for (size_t w = 0; w < ROW_WORDS(n); w++)
        f->result.present[w] |= row->present[w];
}

/* ---- min, max */

static void fold_extreme(struct eval *e, const struct aggregation *agg, struct fold *f,
                         const struct row *row, double sign)
{
    size_t n = agg->grid->n;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        double v = row->values[k];

        if (row_hist(row, k)) {
            note_histogram_ignored(e, agg);
            continue;
        }
        if (!row_has(&f->result, k) || sign * v > sign * f->a[k] || isnan(f->a[k]))
            row_set(&f->result, k, v);
    }
}

static void fold_max(struct eval *e, const struct aggregation *agg, struct fold *f,
                     const struct row *row)
{
    fold_extreme(e, agg, f, row, 1);
}

static void fold_min(struct eval *e, const struct aggregation *agg, struct fold *f,
                     const struct row *row)
{
    fold_extreme(e, agg, f, row, -1);
}

/* ---- stddev, stdvar: `a` is the sum of squared differences from the mean `b` */

static void fold_variance(struct eval *e, const struct aggregation *agg, struct fold *f,
                          const struct row *row)
{
    size_t n = agg->grid->n;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        double v = row->values[k], delta;

        if (row_hist(row, k)) {
            note_histogram_ignored(e, agg);
            continue;
        }
        f->result.present[k / 64] |= UINT64_C(1) << (k % 64);
        if (f->count[k]++ == 0) {
            f->b[k] = v;
            f->a[k] = isfinite(v) ? 0 : NAN;
            continue;
        }
        delta = v - f->b[k];
        f->b[k] += delta / f->count[k];
        f->a[k] += delta * (v - f->b[k]);
    }
}

/* ---- sum, avg */

static void note_misfit_of(struct eval *e, const struct aggregation *agg, struct fold *f, size_t k,
                           enum hist_fit fit)
{
    if (fit == HIST_FIT)
        return;
    note_misfit(e, agg->node->aggregate.arg, fit, STR(""));
    f->seen[k] |= SEEN_MISFIT;
}

/* count 0: a sum; else the mean of so many. */
static void fold_histogram(struct eval *e, const struct aggregation *agg, struct fold *f, size_t k,
                           const struct histogram *h, double count)
{
    bool first = !(f->seen[k] & (SEEN_FLOAT | SEEN_HISTOGRAM));

    f->seen[k] |= SEEN_HISTOGRAM;
    if (f->seen[k] & (SEEN_FLOAT | SEEN_MISFIT))
        return; /* there will be no result */
    if (!f->hists)
        f->hists = arena_array(e->arena, agg->grid->n, sizeof *f->hists);
    if (first) {
        f->hists[k] = arena_alloc(e->arena, sizeof **f->hists);
        hist_acc_init(f->hists[k], e->arena);
        hist_acc_set(f->hists[k], h);
    } else {
        note_misfit_of(e, agg, f, k,
                       count > 0 ? hist_acc_average(f->hists[k], h, count)
                                 : hist_acc_add(f->hists[k], h));
    }
}

typedef double lanes __attribute__((vector_size(2 * sizeof(double)), aligned(8)));
typedef int64_t lane_bits __attribute__((vector_size(2 * sizeof(int64_t)), aligned(8)));

static inline lanes lanes_abs(lanes v)
{
    return (lanes)((lane_bits)v & INT64_MAX);
}

static inline lanes lanes_choose(lane_bits mask, lanes yes, lanes no)
{
    return (lanes)((mask & (lane_bits)yes) | (~mask & (lane_bits)no));
}

/* add_exactly() for n sums side by side. */
static void add_all_exactly(const double *inc, size_t n, double *sum, double *lost)
{
    size_t k = 0;

    for (; k + 2 <= n; k += 2) {
        lanes v = *(const lanes *)(const void *)(inc + k), s = *(lanes *)(void *)(sum + k);
        lanes t = s + v, large = (s - t) + v, small = (v - t) + s;
        lanes l = *(lanes *)(void *)(lost + k) +
                  lanes_choose(lanes_abs(s) >= lanes_abs(v), large, small);
        lane_bits infinite = (lane_bits)(lanes_abs(t) == (lanes){INFINITY, INFINITY});

        *(lanes *)(void *)(lost + k) = (lanes)(~infinite & (lane_bits)l);
        *(lanes *)(void *)(sum + k) = t;
    }
    for (; k < n; k++)
        add_exactly(inc[k], &sum[k], &lost[k]);
}

static bool row_is_full(const struct row *row, size_t n)
{
    return row_count(row, n) == n;
}

static void fold_sum(struct eval *e, const struct aggregation *agg, struct fold *f,
                     const struct row *row)
{
    size_t n = agg->grid->n;

    for (size_t w = 0; w < ROW_WORDS(n); w++)
        f->result.present[w] |= row->present[w];
    if (!row->hists && row_is_full(row, n)) {
        for (size_t k = 0; k < n; k++)
            f->seen[k] |= SEEN_FLOAT;
        add_all_exactly(row->values, n, f->a, f->b);
        return;
    }
    if (!row->hists) {
        for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
            f->seen[k] |= SEEN_FLOAT;
            add_exactly(row->values[k], &f->a[k], &f->b[k]);
        }
        return;
    }
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        if (row->hists[k]) {
            fold_histogram(e, agg, f, k, row->hists[k], 0);
        } else {
            f->seen[k] |= SEEN_FLOAT;
            add_exactly(row->values[k], &f->a[k], &f->b[k]);
        }
    }
}

static void average_in(struct fold *f, size_t k, double v)
{
    double count = f->count[k], sum = f->a[k], lost = f->b[k];

    f->seen[k] |= SEEN_FLOAT;
    if (!(f->seen[k] & SEEN_OVERFLOW)) {
        add_exactly(v, &sum, &lost);
        if (!isinf(sum) || count == 1) {
            f->a[k] = sum;
            f->b[k] = lost;
            return;
        }
        f->seen[k] |= SEEN_OVERFLOW;
        f->a[k] /= count - 1;
        f->b[k] /= count - 1;
    }
    f->a[k] *= (count - 1) / count;
    f->b[k] *= (count - 1) / count;
    add_exactly(v / count, &f->a[k], &f->b[k]);
}

static void fold_avg(struct eval *e, const struct aggregation *agg, struct fold *f,
                     const struct row *row)
{
    size_t n = agg->grid->n;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        f->result.present[k / 64] |= UINT64_C(1) << (k % 64);
        f->count[k]++;
        if (row_hist(row, k))
            fold_histogram(e, agg, f, k, row->hists[k], f->count[k]);
        else
            average_in(f, k, row->values[k]);
    }
}

/* ---- results */

static void finish_sum(struct eval *e, const struct aggregation *agg, struct fold *f)
{
    size_t n = agg->grid->n;
    bool is_avg = agg->node->aggregate.op == AGG_AVG;

    for (size_t k = row_next(&f->result, n, 0); k < n; k = row_next(&f->result, n, k + 1)) {
        if ((f->seen[k] & SEEN_FLOAT) && (f->seen[k] & SEEN_HISTOGRAM)) {
            note_warn(e, agg->node->aggregate.arg,
                      "encountered a mix of histograms and floats for aggregation");
            row_unset(&f->result, k);
        } else if (f->seen[k] & SEEN_MISFIT) {
            row_unset(&f->result, k);
        } else if (f->seen[k] & SEEN_HISTOGRAM) {
            hist_acc_compact(f->hists[k]);
            row_set_hist(e, &f->result, n, k, hist_acc_get(f->hists[k]));
        } else if (is_avg && !(f->seen[k] & SEEN_OVERFLOW)) {
            f->a[k] = f->a[k] / f->count[k] + f->b[k] / f->count[k];
        } else {
            f->a[k] += f->b[k];
        }
    }
}

static void finish_variance(struct eval *e, const struct aggregation *agg, struct fold *f)
{
    size_t n = agg->grid->n;

    for (size_t k = row_next(&f->result, n, 0); k < n; k = row_next(&f->result, n, k + 1)) {
        f->a[k] /= f->count[k];
        if (agg->node->aggregate.op == AGG_STDDEV)
            f->a[k] = sqrt(f->a[k]);
    }
}

static const struct operation {
    fold_row *row;
    void (*finish)(struct eval *e, const struct aggregation *agg, struct fold *f);
} operations[] = {
    [AGG_SUM] = {fold_sum, finish_sum},
    [AGG_AVG] = {fold_avg, finish_sum},
    [AGG_COUNT] = {fold_count},
    [AGG_MIN] = {fold_min},
    [AGG_MAX] = {fold_max},
    [AGG_GROUP] = {fold_group},
    [AGG_STDDEV] = {fold_variance, finish_variance},
    [AGG_STDVAR] = {fold_variance, finish_variance},
};

static int folds_new(struct eval *e, const struct aggregation *agg, struct fold **ret,
                     struct err *err)
{
    struct fold *folds = arena_array(e->arena, agg->n_groups + 1, sizeof *folds);
    enum promql_aggregate op = agg->node->aggregate.op;
    bool variance = op == AGG_STDDEV || op == AGG_STDVAR, sum = op == AGG_SUM || op == AGG_AVG;
    size_t n = agg->grid->n;

    for (size_t g = 0; g < agg->n_groups; g++) {
        struct fold *f = &folds[g];
        int r = eval_check(e, n, err);

        if (r < 0)
            return r;
        f->result = row_new(e, n);
        f->a = f->result.values;
        if (sum || variance)
            f->b = arena_array(e->arena, n, sizeof *f->b);
        if (op == AGG_AVG || variance)
            f->count = arena_array(e->arena, n, sizeof *f->count);
        if (sum)
            f->seen = arena_array(e->arena, n, 1);
    }
    *ret = folds;
    return 0;
}

int aggregate_fold(struct eval *e, struct aggregation *a, struct vec **ret, struct err *err)
{
    const struct operation *op = &operations[a->node->aggregate.op];
    struct row lent = row_new(e, a->grid->n);
    struct vec *v = vec_new(e, a->grid, a->n_groups);
    struct fold *folds;
    int r = folds_new(e, a, &folds, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < a->arg->n; i++) {
        const struct row *row;

        r = vec_row(e, a->arg, i, &lent, &row, err);
        if (r == 0)
            r = eval_check(e, a->grid->n, err);
        if (r < 0)
            return r;
        op->row(e, a, &folds[a->group_of[i]], row);
    }
    v->rows = arena_array(e->arena, a->n_groups + 1, sizeof *v->rows);
    v->metrics = a->groups;
    for (size_t g = 0; g < a->n_groups; g++) {
        if (op->finish)
            op->finish(e, a, &folds[g]);
        v->rows[g] = folds[g].result;
        r = eval_hold(e, row_samples(&v->rows[g], a->grid->n), err);
        if (r < 0)
            return r;
    }
    *ret = v;
    return 0;
}
