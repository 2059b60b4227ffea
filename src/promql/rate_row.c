/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate(), increase() and delta() of a series of floats, all steps in one go
 *
 * Step by step it is what range_rate() computes, to the last bit. Most of what the stretching needs
 * depends on four whole numbers only (how many samples, and where the first and last one stand in
 * the window), and these repeat from step to step as samples come at an even pace: then it is kept.
 * Where the pace is even to the millisecond, no window need be looked for.
 */
#include <math.h>

#include "promql/range_priv.h"

#define PACE_STEPS_MIN 16 /* with fewer it is not worth a look */

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

/* The answer of a window that begins with `first` and in which the series grew by inc. */
static double stretched(const struct range_call *c, const struct reach *r, double first, double inc,
                        double seconds)
{
    bool may_be_zero = c->is_counter && inc > 0 && first >= 0;

    return inc * (may_be_zero ? counter_factor(r, first, inc, seconds) : r->factor);
}

/* What the growth is divided by. */
static double seconds_of(const struct range_call *c)
{
    return c->is_rate ? (double)c->ranges->range / 1000 : 1;
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

/* ---- step by step */

/* Steps [from, to). lo and hi stand where the window of an earlier step began and ended. */
static int slide(struct eval *e, struct range_call *c, const struct grid *grid, size_t from,
                 size_t to, size_t *lo, size_t *hi, struct row *row, struct err *err)
{
    const struct track track = c->ranges->track;
    const unix_ms *t = track.t;
    dur_ms range = c->ranges->range;
    double seconds = seconds_of(c);
    struct reach reach = {0};

    for (size_t k = from; k < to; k++) {
        unix_ms end = window_end(c->ranges, grid, k), start = end - range;
        dur_ms to_first, between, to_end;
        double inc;
        size_t n;
        int r;

        window_slide(t, track.n, start, end, lo, hi);
        n = *hi - *lo;
        eval_count(e, c->counting, k, n);
        if (n < 2)
            continue;
        r = c->n_resets > 0 ? eval_check(e, n, err) : 0; /* there may be many in a long window */
        if (r < 0)
            return r;
        to_first = t[*lo] - start;
        between = t[*hi - 1] - t[*lo];
        to_end = end - t[*hi - 1];
        if (n != reach.n || to_first != reach.to_first || between != reach.between ||
            to_end != reach.to_end) {
            reach = (struct reach){n, to_first, between, to_end, 0, 0, 0, 0};
            reach_set(&reach, seconds);
        }
        inc = increase_in(c, track.v, *lo, *hi - 1);
        row_set(row, k, stretched(c, &reach, track.v[*lo], inc, seconds));
    }
    return 0;
}

/* ---- at an even pace */

/* Samples come at an even pace that divides the step: the windows of all steps that lie within the
 * track hold equally many, which stand at the same places. */
struct pace {
    size_t from, to; /* these steps */
    size_t lo, n;    /* the window of the first of them */
    size_t stride;   /* by which it moves on */
    dur_ms gap;      /* between samples */
    dur_ms to_first; /* from the start of a window to its first sample */
};

static bool is_even(const unix_ms *t, size_t n, dur_ms gap)
{
    uint64_t differs = 0;

    for (size_t i = 1; i < n; i++)
        differs |= (uint64_t)(t[i] - t[i - 1]) ^ (uint64_t)gap;
    return differs == 0;
}

static bool pace_of(const struct range_call *c, const struct grid *grid, struct pace *ret)
{
    const struct track *track = &c->ranges->track;
    unix_ms start, end, before, after;
    dur_ms gap, step = grid->step;

    if (c->ranges->fixed || grid->n < PACE_STEPS_MIN || track->n < PACE_STEPS_MIN)
        return false;
    gap = track->t[1] - track->t[0];
    if (step % gap != 0 || !is_even(track->t, track->n, gap))
        return false;
    end = window_end(c->ranges, grid, 0);
    start = end - c->ranges->range;
    before = track->t[0] - gap; /* where samples would be if there were more */
    after = track->t[track->n - 1] + gap;
    *ret = (struct pace){.gap = gap, .stride = (size_t)(step / gap)};
    ret->from = start >= before ? 0 : (size_t)((before - start + step - 1) / step);
    ret->to = end >= after ? 0 : (size_t)((after - end + step - 1) / step);
    if (ret->to > grid->n)
        ret->to = grid->n;
    if (ret->from >= ret->to)
        return false;
    start += (dur_ms)ret->from * step;
    end += (dur_ms)ret->from * step;
    ret->lo = (size_t)((start - before) / gap);
    ret->n = (size_t)((end - before) / gap) - ret->lo;
    ret->to_first = before + (dur_ms)(ret->lo + 1) * gap - start;
    return ret->n >= 2;
}

static struct reach reach_of(const struct range_call *c, const struct pace *p)
{
    dur_ms between = (dur_ms)(p->n - 1) * p->gap;
    struct reach r = {p->n, p->to_first, between, c->ranges->range - p->to_first - between,
                      0,    0,           0,       0};

    reach_set(&r, c->is_rate ? (double)c->ranges->range / 1000 : 1);
    return r;
}

/* The same as slide() over the steps of the pace. */
static int stride(struct eval *e, struct range_call *c, const struct pace *p, struct row *row,
                  struct err *err)
{
    const double *v = c->ranges->track.v;
    const struct reach reach = reach_of(c, p);
    double seconds = seconds_of(c);

    for (size_t k = p->from, lo = p->lo; k < p->to; k++, lo += p->stride) {
        double inc = v[lo + p->n - 1] - v[lo];

        if (c->n_resets > 0) {
            int r = eval_check(e, p->n, err);

            if (r < 0)
                return r;
            inc = increase_in(c, v, lo, lo + p->n - 1);
        }
        row->values[k] = stretched(c, &reach, v[lo], inc, seconds);
    }
    row_set_present(row, p->from, p->to);
    eval_count_steps(e, c->counting, p->from, p->to, p->n);
    return 0;
}

int rate_row(struct eval *e, struct range_call *c, const struct grid *grid, struct row *row,
             bool *ret_any, struct err *err)
{
    size_t lo = 0, hi = 0;
    struct pace p;
    int r;

    if (pace_of(c, grid, &p)) {
        r = slide(e, c, grid, 0, p.from, &lo, &hi, row, err);
        if (r == 0)
            r = stride(e, c, &p, row, err);
        if (r == 0)
            r = slide(e, c, grid, p.to, grid->n, &lo, &hi, row, err);
    } else {
        r = slide(e, c, grid, 0, grid->n, &lo, &hi, row, err);
    }
    *ret_any = row_next(row, grid->n, 0) < grid->n;
    return r;
}
