/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Least, greatest and middle values of windows that slide: what is known of the last window is not
 * worked out again for the next
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "promql/range_priv.h"

#define SELECT_ROUNDS_MAX                                                                          \
    64 /* of halving; more means values against which halving does not help  \
                              */

struct order_statistics {
    /* of min and max: indices into the track whose values none behind them outdoes, from head to
     * tail */
    size_t *queue;
    size_t head, tail, next; /* next: the first index that was not looked at */
    /* of quantiles: the values of track[from, to) in order */
    double *sorted;
    size_t from, to;
    size_t cap;
};

void order_begin(struct eval *e, struct range_call *c)
{
    struct order_statistics *o = c->order;
    size_t n = c->ranges->track.n;

    if (!o)
        o = c->order = arena_zalloc(e->arena, sizeof *o);
    o->head = o->tail = o->next = o->from = o->to = 0;
    if (n <= o->cap)
        return;
    o->cap = 2 * n;
    o->queue = arena_array(e->arena, o->cap, sizeof *o->queue);
    o->sorted = arena_array(e->arena, o->cap, sizeof *o->sorted);
}

/* ---- min_over_time(), max_over_time() */

/* The earliest of the greatest values (of the least, if sign is -1); NaN only where there is
 * nothing else. */
static double extreme(struct range_call *c, const struct window *w, double sign)
{
    struct order_statistics *o = c->order;
    const double *v = c->ranges->track.v;

    if (o->next < w->first)
        o->next = w->first;
    for (; o->next < w->first + w->n; o->next++) {
        if (isnan(v[o->next]))
            continue;
        while (o->tail > o->head && sign * v[o->queue[o->tail - 1]] < sign * v[o->next])
            o->tail--;
        o->queue[o->tail++] = o->next;
    }
    while (o->head < o->tail && o->queue[o->head] < w->first)
        o->head++;
    return o->head < o->tail ? v[o->queue[o->head]] : w->v[0];
}

int range_min(struct eval *e, struct range_call *c, const struct window *w, size_t k,
              struct answer *ret, struct err *err)
{
    if (!floats_of(e, c, w))
        return 0;
    ret->v = extreme(c, w, -1);
    return 1;
}

int range_max(struct eval *e, struct range_call *c, const struct window *w, size_t k,
              struct answer *ret, struct err *err)
{
    if (!floats_of(e, c, w))
        return 0;
    ret->v = extreme(c, w, 1);
    return 1;
}

/* ---- quantiles of values in no order */

static bool is_less(double a, double b)
{
    return isnan(b) ? false : isnan(a) || a < b;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return is_less(y, x) - is_less(x, y);
}

static void swap(double *a, double *b)
{
    double c = *a;

    *a = *b;
    *b = c;
}

static double middle_of(double a, double b, double c)
{
    if (is_less(b, a))
        swap(&a, &b);
    return is_less(c, a) ? a : is_less(c, b) ? c : b;
}

/* Moves values so that v[k] is what it would be if they were sorted, and none behind it is less. */
static void select_nth(double *v, size_t n, size_t k)
{
    size_t lo = 0, hi = n - 1;

    for (int round = 0; lo < hi; round++) {
        double pivot = middle_of(v[lo], v[lo + (hi - lo) / 2], v[hi]);
        size_t i = lo, j = hi;

        if (round == SELECT_ROUNDS_MAX) {
            qsort(v + lo, hi - lo + 1, sizeof *v, compare);
            return;
        }
        while (i <= j) {
            while (is_less(v[i], pivot))
                i++;
            while (is_less(pivot, v[j]))
                j--;
            if (i > j)
                break;
            swap(&v[i++], &v[j]);
            if (j == 0)
                break;
            j--;
        }
        if (k <= j)
            hi = j;
        else if (k >= i)
            lo = i;
        else
            return;
    }
}

/* The place of a quantile among n sorted values: between ret_low and the next one, `weight` of the
 * way. */
static double place_of(double q, size_t n, size_t *ret_low)
{
    double rank = q * (double)(n - 1);

    *ret_low = (size_t)fmax(0, floor(rank));
    return rank - floor(rank);
}

static bool is_outside(double q, double *ret)
{
    *ret = isnan(q) ? NAN : q < 0 ? -INFINITY : INFINITY;
    return !(q >= 0 && q <= 1);
}

double quantile_of(double q, double *values, size_t n)
{
    double weight, next, outside;
    size_t low;

    if (is_outside(q, &outside))
        return outside;
    weight = place_of(q, n, &low);
    select_nth(values, n, low);
    next = values[low + 1 < n ? low + 1 : low];
    for (size_t i = low + 1; i < n; i++)
        if (is_less(values[i], next))
            next = values[i];
    return values[low] * (1 - weight) + next * weight;
}

void check_quantile(struct eval *e, const struct promql_node *at, double q)
{
    if (!(q >= 0 && q <= 1))
        note_number(e, at, "quantile value should be between 0 and 1, got ", q);
}

/* ---- quantiles of windows */

/* Where v stands, or would stand, among n sorted values. */
static size_t find(const double *sorted, size_t n, double v)
{
    size_t lo = 0;

    while (n > 0) {
        size_t half = n / 2;

        if (is_less(sorted[lo + half], v)) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

static void take_out(double *sorted, size_t n, double v)
{
    size_t at = find(sorted, n, v);

    memmove(sorted + at, sorted + at + 1, (n - at - 1) * sizeof *sorted);
}

static void put_in(double *sorted, size_t n, double v)
{
    size_t at = find(sorted, n, v);

    memmove(sorted + at + 1, sorted + at, (n - at) * sizeof *sorted);
    sorted[at] = v;
}

/* Brings the sorted values from the last window to this one. */
static void slide_to(struct order_statistics *o, const double *v, const struct window *w)
{
    size_t from = w->first, to = w->first + w->n;
    size_t n = o->to - o->from;

    if (from >= o->to || (from - o->from) + (to - o->to) > w->n / 2) {
        memcpy(o->sorted, w->v, w->n * sizeof *w->v);
        qsort(o->sorted, w->n, sizeof *o->sorted, compare);
    } else {
        for (size_t i = o->from; i < from; i++)
            take_out(o->sorted, n--, v[i]);
        for (size_t i = o->to; i < to; i++)
            put_in(o->sorted, n++, v[i]);
    }
    o->from = from;
    o->to = to;
}

static double window_quantile(struct range_call *c, const struct window *w, double q)
{
    struct order_statistics *o = c->order;
    double weight, outside;
    size_t low;

    if (c->steps == 1) {
        memcpy(o->sorted, w->v, w->n * sizeof *w->v);
        return quantile_of(q, o->sorted, w->n);
    }
    slide_to(o, c->ranges->track.v, w);
    if (is_outside(q, &outside))
        return outside;
    weight = place_of(q, w->n, &low);
    return o->sorted[low] * (1 - weight) + o->sorted[low + 1 < w->n ? low + 1 : low] * weight;
}

int range_quantile(struct eval *e, struct range_call *c, const struct window *w, size_t k,
                   struct answer *ret, struct err *err)
{
    if (!floats_of(e, c, w))
        return 0;
    check_quantile(e, c->args[0], c->scalars[0][k]);
    ret->v = window_quantile(c, w, c->scalars[0][k]);
    return 1;
}

int range_mad(struct eval *e, struct range_call *c, const struct window *w, size_t k,
              struct answer *ret, struct err *err)
{
    double *v = c->order->sorted, median;

    if (!floats_of(e, c, w))
        return 0;
    memcpy(v, w->v, w->n * sizeof *v);
    median = quantile_of(0.5, v, w->n);
    for (size_t i = 0; i < w->n; i++)
        v[i] = fabs(v[i] - median);
    ret->v = quantile_of(0.5, v, w->n);
    return 1;
}
