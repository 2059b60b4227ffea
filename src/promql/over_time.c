/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that aggregate the samples of a window: ..._over_time()
 */
#include <math.h>

#include "promql/range_priv.h"

int range_count(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                struct answer *ret, struct err *err)
{
    ret->v = (double)(w->n + w->nh);
    return 1;
}

int range_present(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                  struct answer *ret, struct err *err)
{
    ret->v = 1;
    return 1;
}

static bool last_is_histogram(const struct window *w)
{
    return w->n == 0 || (w->nh > 0 && w->ht[w->nh - 1] >= w->t[w->n - 1]);
}

int range_last(struct eval *e, struct range_call *c, const struct window *w, size_t k,
               struct answer *ret, struct err *err)
{
    if (last_is_histogram(w))
        ret->h = hist_copy(e->arena, w->h[w->nh - 1]);
    else
        ret->v = w->v[w->n - 1];
    return 1;
}

int range_ts_of_last(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                     struct answer *ret, struct err *err)
{
    ret->v = (double)(last_is_histogram(w) ? w->ht[w->nh - 1] : w->t[w->n - 1]) / 1000;
    return 1;
}

/* ---- sum and average, of floats or of histograms, but not of both */

static int sum_histograms(struct eval *e, struct range_call *c, const struct window *w,
                          struct answer *ret)
{
    enum hist_fit fit = HIST_FIT;

    hist_acc_set(&e->acc, w->h[0]);
    for (size_t i = 1; fit == HIST_FIT && i < w->nh; i++)
        fit = hist_acc_add(&e->acc, w->h[i]);
    note_misfit(e, c->at, fit, c->name);
    if (fit != HIST_FIT)
        return 0;
    ret->h = hist_acc_get(&e->acc);
    return 1;
}

/*
 * add_exactly() for n values in a row, as long as all is finite. What an addition loses is a double
 * itself, which Knuth's two-sum finds without asking which summand is larger: the bits are the same.
 */
static bool add_finite(const double *v, size_t n, double *sum, double *lost)
{
    double s = *sum, l = *lost;

    for (size_t i = 0; i < n; i++) {
        double t = s + v[i], added = t - s;

        l += (s - (t - added)) + (v[i] - added);
        s = t;
    }
    if (!isfinite(s) || !isfinite(l))
        return false;
    *sum = s;
    *lost = l;
    return true;
}

int range_sum(struct eval *e, struct range_call *c, const struct window *w, size_t k,
              struct answer *ret, struct err *err)
{
    double sum = 0, lost = 0;

    if (w->n && w->nh) {
        note_mixed_samples(e, c->at, c->name);
        return 0;
    }
    if (w->nh)
        return sum_histograms(e, c, w, ret);
    if (!add_finite(w->v, w->n, &sum, &lost))
        for (size_t i = 0; i < w->n; i++)
            add_exactly(w->v[i], &sum, &lost);
    ret->v = isinf(sum) ? sum : sum + lost;
    return 1;
}

static int average_histograms(struct eval *e, struct range_call *c, const struct window *w,
                              struct answer *ret)
{
    enum hist_fit fit = HIST_FIT;

    hist_acc_set(&e->acc, w->h[0]);
    for (size_t i = 1; fit == HIST_FIT && i < w->nh; i++)
        fit = hist_acc_average(&e->acc, w->h[i], (double)i + 1);
    note_misfit(e, c->at, fit, c->name);
    if (fit != HIST_FIT)
        return 0;
    ret->h = hist_acc_get(&e->acc);
    return 1;
}

/* The sum divided by the count, unless the sum grows beyond all doubles: then the mean itself is
 * kept. */
static double average(const double *v, size_t n)
{
    double sum = v[0], lost = 0, mean = 0;
    bool incremental = false;

    if (add_finite(v + 1, n - 1, &sum, &lost))
        return sum / (double)n + lost / (double)n;
    for (size_t i = 1; i < n; i++) {
        double count = (double)i + 1, keep = (count - 1) / count;

        if (!incremental) {
            double new_sum = sum, new_lost = lost;

            add_exactly(v[i], &new_sum, &new_lost);
            if (!isinf(new_sum)) {
                sum = new_sum;
                lost = new_lost;
                continue;
            }
            incremental = true;
            mean = sum / (count - 1);
            lost /= count - 1;
        }
        mean *= keep;
        lost *= keep;
        add_exactly(v[i] / count, &mean, &lost);
    }
    return incremental ? mean + lost : sum / (double)n + lost / (double)n;
}

int range_avg(struct eval *e, struct range_call *c, const struct window *w, size_t k,
              struct answer *ret, struct err *err)
{
    if (w->n && w->nh) {
        note_mixed_samples(e, c->at, c->name);
        return 0;
    }
    if (w->nh)
        return average_histograms(e, c, w, ret);
    ret->v = average(w->v, w->n);
    return 1;
}

/* ---- those that look at floats only */

bool floats_of(struct eval *e, struct range_call *c, const struct window *w)
{
    if (w->n == 0)
        return false;
    if (w->nh)
        note_histograms_ignored(e, c->at, c->name);
    return true;
}

int range_ts_of_min(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                    struct answer *ret, struct err *err)
{
    size_t at = 0;

    if (!floats_of(e, c, w))
        return 0;
    for (size_t i = 1; i < w->n; i++)
        if (w->v[i] <= w->v[at] || isnan(w->v[at]))
            at = i;
    ret->v = (double)w->t[at] / 1000;
    return 1;
}

int range_ts_of_max(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                    struct answer *ret, struct err *err)
{
    size_t at = 0;

    if (!floats_of(e, c, w))
        return 0;
    for (size_t i = 1; i < w->n; i++)
        if (w->v[i] >= w->v[at] || isnan(w->v[at]))
            at = i;
    ret->v = (double)w->t[at] / 1000;
    return 1;
}

static double variance(const double *v, size_t n)
{
    double count = 0, mean = 0, mean_lost = 0, sum = 0, lost = 0;

    for (size_t i = 0; i < n; i++) {
        double delta = v[i] - (mean + mean_lost);

        count++;
        add_exactly(delta / count, &mean, &mean_lost);
        add_exactly(delta * (v[i] - (mean + mean_lost)), &sum, &lost);
    }
    return (sum + lost) / count;
}

int range_stdvar(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                 struct answer *ret, struct err *err)
{
    if (!floats_of(e, c, w))
        return 0;
    ret->v = variance(w->v, w->n);
    return 1;
}

int range_stddev(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                 struct answer *ret, struct err *err)
{
    if (!floats_of(e, c, w))
        return 0;
    ret->v = sqrt(variance(w->v, w->n));
    return 1;
}
