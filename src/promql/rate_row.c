/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate(), increase() and delta() of a series of floats, all steps in one go
 *
 * Step by step it is what range_rate() computes, to the last bit. Most of what the stretching needs
 * depends on four whole numbers only (how many samples, and where the first and last one stand in
 * the window), and these repeat from step to step as samples come at an even pace: then it is kept.
 */
#include <math.h>

#include "promql/range_priv.h"

/* Where the samples stand in a window, and what follows from it. */
struct reach {
    size_t n;
    dur_ms to_first, between, to_end; /* start to first, first to last, last to end */
    double sampled, to_start, after;  /* seconds; `after` is what the end adds */
    double factor;                    /* when the counter was not zero within to_start */
};

static void reach_set(struct reach *r, double seconds)
{
    double average, to_end = (double)r->to_end / 1000;

    r->sampled = (double)r->between / 1000;
    average = r->sampled / (double)(r->n - 1);
    r->to_start = (double)r->to_first / 1000;
    if (r->to_start >= average * 1.1)
        r->to_start = average / 2;
    r->after = to_end >= average * 1.1 ? average / 2 : to_end;
    r->factor = (r->sampled + r->to_start + r->after) / r->sampled / seconds;
}

/* The factor for a counter that stood at `first` and grew by inc > 0 afterwards. As a quotient of
 * at least one makes no number smaller, it need not be computed to see that zero is far away. */
static double counter_factor(const struct reach *r, double first, double inc, double seconds)
{
    double to_zero;

    if (first >= inc && r->sampled >= r->to_start)
        return r->factor;
    to_zero = r->sampled * (first / inc);
    if (!(to_zero < r->to_start))
        return r->factor;
    return (r->sampled + to_zero + r->after) / r->sampled / seconds;
}

/* By how much the counter grew in [lo, hi] of the track: the difference, and what it stood at before
 * each reset, added in order of time. */
static double increase_in(struct range_call *c, const double *v, size_t lo, size_t hi)
{
    double inc = v[hi] - v[lo];

    while (c->next_reset < c->n_resets && c->resets[c->next_reset] <= lo)
        c->next_reset++;
    for (size_t i = c->next_reset; i < c->n_resets && c->resets[i] <= hi; i++)
        inc += v[c->resets[i] - 1];
    return inc;
}

int rate_row(struct eval *e, struct range_call *c, const struct grid *grid, struct row *row,
             bool *ret_any, struct err *err)
{
    const struct track track = c->ranges->track;
    const unix_ms *t = track.t;
    dur_ms range = c->ranges->range;
    double seconds = c->is_rate ? (double)range / 1000 : 1;
    struct reach reach = {0};
    size_t lo = 0, hi = 0;

    for (size_t k = 0; k < grid->n; k++) {
        unix_ms end = window_end(c->ranges, grid, k), start = end - range;
        dur_ms to_first, between, to_end;
        double inc, factor;
        size_t n;
        int r;

        window_slide(t, track.n, start, end, &lo, &hi);
        n = hi - lo;
        eval_count(e, c->counting, k, n);
        if (n < 2)
            continue;
        r = c->n_resets > 0 ? eval_check(e, n, err) : 0; /* there may be many in a long window */
        if (r < 0)
            return r;
        to_first = t[lo] - start;
        between = t[hi - 1] - t[lo];
        to_end = end - t[hi - 1];
        if (n != reach.n || to_first != reach.to_first || between != reach.between ||
            to_end != reach.to_end) {
            reach = (struct reach){n, to_first, between, to_end, 0, 0, 0, 0};
            reach_set(&reach, seconds);
        }
        inc = increase_in(c, track.v, lo, hi - 1);
        factor = reach.factor;
        if (c->is_counter && inc > 0 && track.v[lo] >= 0)
            factor = counter_factor(&reach, track.v[lo], inc, seconds);
        row_set(row, k, inc * factor);
        *ret_any = true;
    }
    return 0;
}
