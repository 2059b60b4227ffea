/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/histogram_math.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/sample.h"
#include "promql/histogram_priv.h"

bool hist_is_custom(const struct histogram *h)
{
    return h->schema == HISTOGRAM_CUSTOM_SCHEMA;
}

bool hist_is_stale(const struct histogram *h)
{
    return is_stale(h->sum);
}

size_t hist_samples(const struct histogram *h)
{
    size_t bytes = sizeof *h + ((size_t)h->n_positive_spans + h->n_negative_spans) * 8 +
                   ((size_t)h->n_positive + h->n_negative + h->n_bounds) * 8;

    return (bytes + 8) / 16;
}

/* ---- one side of buckets */

static void side_reserve(struct hist_side *s, struct arena *arena, size_t cap)
{
    int32_t *index;
    double *count;

    if (cap <= s->cap)
        return;
    if (cap < 2 * s->cap)
        cap = 2 * s->cap;
    index = arena_alloc(arena, cap * sizeof *index);
    count = arena_alloc(arena, cap * sizeof *count);
    if (s->n) {
        memcpy(index, s->index, s->n * sizeof *index);
        memcpy(count, s->count, s->n * sizeof *count);
    }
    s->index = index;
    s->count = count;
    s->cap = cap;
}

static void side_set(struct hist_side *s, struct arena *arena, const struct histogram_span *spans,
                     uint32_t n_spans, const double *counts, uint32_t n)
{
    struct hist_cursor c = hist_cursor_make(spans, n_spans, counts, n, 0);

    s->n = 0;
    side_reserve(s, arena, n);
    while (hist_cursor_next(&c)) {
        s->index[s->n] = c.index;
        s->count[s->n++] = c.count;
    }
}

static size_t side_missing(const struct hist_side *s, const struct hist_side *other)
{
    size_t missing = 0, i = 0;

    for (size_t j = 0; j < other->n; j++) {
        while (i < s->n && s->index[i] < other->index[j])
            i++;
        missing += i == s->n || s->index[i] != other->index[j];
    }
    return missing;
}

/* Merges from the back, so that the old buckets move out of the way before they are overwritten. */
static void side_add(struct hist_side *s, struct arena *arena, const struct hist_side *other,
                     double factor)
{
    size_t i = s->n, j = other->n, to = s->n + side_missing(s, other);

    side_reserve(s, arena, to);
    s->n = to;
    while (j > 0) {
        if (i > 0 && s->index[i - 1] >= other->index[j - 1]) {
            double v = s->count[--i];
            int32_t index = s->index[i];

            if (index == other->index[j - 1])
                v += factor * other->count[--j];
            s->index[--to] = index;
            s->count[to] = v;
        } else {
            s->index[--to] = other->index[--j];
            s->count[to] = factor * other->count[j];
        }
    }
}

static void side_reduce(struct hist_side *s, int shift)
{
    size_t to = 0;

    for (size_t i = 0; i < s->n; i++) {
        int32_t index = hist_index_reduce(s->index[i], shift);

        if (to > 0 && s->index[to - 1] == index) {
            s->count[to - 1] += s->count[i];
        } else {
            s->index[to] = index;
            s->count[to++] = s->count[i];
        }
    }
    s->n = to;
}

static void side_compact(struct hist_side *s)
{
    size_t to = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->count[i] == 0)
            continue;
        s->index[to] = s->index[i];
        s->count[to++] = s->count[i];
    }
    s->n = to;
}

static void side_scale(struct hist_side *s, double factor)
{
    for (size_t i = 0; i < s->n; i++)
        s->count[i] *= factor;
}

/* ---- zero buckets */

/*
 * Moves the buckets of one side that lie below *threshold into *zero_count. A populated bucket that
 * the threshold cuts through widens it. True: it was widened, the other side must be looked at
 * again.
 */
static bool side_into_zero(struct hist_side *s, int32_t schema, double *threshold,
                           double *zero_count)
{
    size_t i = 0;
    bool widened = false;

    for (; i < s->n && hist_bound((int64_t)s->index[i] - 1, schema) < *threshold; i++) {
        double upper = hist_bound(s->index[i], schema);

        *zero_count += s->count[i];
        if (upper > *threshold) {
            if (s->count[i] != 0) {
                *threshold = upper;
                widened = true;
            }
            i++;
            break;
        }
    }
    if (i > 0) {
        memmove(s->index, s->index + i, (s->n - i) * sizeof *s->index);
        memmove(s->count, s->count + i, (s->n - i) * sizeof *s->count);
        s->n -= i;
    }
    return widened;
}

static void acc_widen_zero(struct hist_acc *acc, double threshold)
{
    bool widened = true;

    while (widened) {
        widened = side_into_zero(&acc->positive, acc->schema, &threshold, &acc->zero_count);
        if (side_into_zero(&acc->negative, acc->schema, &threshold, &acc->zero_count))
            widened = true;
    }
    acc->zero_threshold = threshold;
}

/* Each widening of one side may ask for a wider zero bucket of the other; both grow, so it ends. */
static void reconcile_zero(struct hist_acc *a, struct hist_acc *b)
{
    while (a->zero_threshold != b->zero_threshold) {
        if (a->zero_threshold < b->zero_threshold)
            acc_widen_zero(a, b->zero_threshold);
        else if (b->zero_threshold < a->zero_threshold)
            acc_widen_zero(b, a->zero_threshold);
        else
            return; /* NaN */
    }
}

/* ---- the accumulator */

void hist_acc_init(struct hist_acc *acc, struct arena *arena)
{
    *acc = (struct hist_acc){.arena = arena};
}

void hist_acc_set(struct hist_acc *acc, const struct histogram *h)
{
    acc->schema = h->schema;
    acc->hint = h->hint;
    acc->zero_threshold = h->zero_threshold;
    acc->zero_count = h->zero_count;
    acc->count = h->count;
    acc->sum = h->sum;
    acc->bounds = h->bounds;
    acc->n_bounds = h->n_bounds;
    side_set(&acc->positive, acc->arena, h->positive_spans, h->n_positive_spans, h->positive,
             h->n_positive);
    side_set(&acc->negative, acc->arena, h->negative_spans, h->n_negative_spans, h->negative,
             h->n_negative);
}

void hist_acc_reduce(struct hist_acc *acc, int32_t schema)
{
    if (acc->schema == HISTOGRAM_CUSTOM_SCHEMA || schema >= acc->schema)
        return;
    side_reduce(&acc->positive, acc->schema - schema);
    side_reduce(&acc->negative, acc->schema - schema);
    acc->schema = schema;
}

static enum hist_fit acc_fits(const struct hist_acc *acc, const struct histogram *h)
{
    if ((acc->schema == HISTOGRAM_CUSTOM_SCHEMA) != hist_is_custom(h))
        return HIST_MIXED_SCHEMAS;
    if (hist_is_custom(h) && !hist_same_bounds(acc->bounds, acc->n_bounds, h->bounds, h->n_bounds))
        return HIST_DIFFERENT_BOUNDS;
    return HIST_FIT;
}

static enum counter_reset_hint hint_of_sum(enum counter_reset_hint a, enum counter_reset_hint b)
{
    if (a == b)
        return a;
    return a == RESET_GAUGE || b == RESET_GAUGE ? RESET_GAUGE : RESET_UNKNOWN;
}

/* acc += factor * h */
static enum hist_fit acc_combine(struct hist_acc *acc, const struct histogram *h, double factor)
{
    struct hist_acc other;
    enum hist_fit fit = acc_fits(acc, h);

    if (fit != HIST_FIT)
        return fit;
    other = (struct hist_acc){
        .arena = acc->arena, .positive = acc->spare_positive, .negative = acc->spare_negative};
    hist_acc_set(&other, h);
    if (!hist_is_custom(h)) {
        reconcile_zero(acc, &other);
        hist_acc_reduce(acc, other.schema);
        hist_acc_reduce(&other, acc->schema);
        acc->zero_count += factor * other.zero_count;
    }
    acc->count += factor * other.count;
    acc->sum += factor * other.sum;
    side_add(&acc->positive, acc->arena, &other.positive, factor);
    side_add(&acc->negative, acc->arena, &other.negative, factor);
    acc->spare_positive = other.positive;
    acc->spare_negative = other.negative;
    return HIST_FIT;
}

enum hist_fit hist_acc_add(struct hist_acc *acc, const struct histogram *h)
{
    enum hist_fit fit = acc_combine(acc, h, 1);

    if (fit == HIST_FIT)
        acc->hint = hint_of_sum(acc->hint, h->hint);
    return fit;
}

enum hist_fit hist_acc_sub(struct hist_acc *acc, const struct histogram *h)
{
    return acc_combine(acc, h, -1);
}

enum hist_fit hist_acc_average(struct hist_acc *acc, const struct histogram *h, double count)
{
    enum counter_reset_hint hint = acc->hint;
    enum hist_fit fit = acc_fits(acc, h);

    if (fit != HIST_FIT)
        return fit;
    hist_acc_mul(acc, (count - 1) / count);
    fit = acc_combine(acc, h, 1 / count);
    acc->hint = hint_of_sum(hint, h->hint);
    return fit;
}

void hist_acc_mul(struct hist_acc *acc, double factor)
{
    acc->zero_count *= factor;
    acc->count *= factor;
    acc->sum *= factor;
    side_scale(&acc->positive, factor);
    side_scale(&acc->negative, factor);
}

void hist_acc_div(struct hist_acc *acc, double divisor)
{
    acc->zero_count /= divisor;
    acc->count /= divisor;
    acc->sum /= divisor;
    if (divisor == 0) {
        acc->positive.n = 0;
        acc->negative.n = 0;
    }
    for (size_t i = 0; i < acc->positive.n; i++)
        acc->positive.count[i] /= divisor;
    for (size_t i = 0; i < acc->negative.n; i++)
        acc->negative.count[i] /= divisor;
}

void hist_acc_compact(struct hist_acc *acc)
{
    side_compact(&acc->positive);
    side_compact(&acc->negative);
}

static void side_get(const struct hist_side *s, struct arena *arena,
                     const struct histogram_span **ret_spans, uint32_t *ret_n_spans,
                     const double **ret_counts, uint32_t *ret_n)
{
    struct histogram_span *spans;
    double *counts;
    uint32_t n_spans = 0;
    int64_t next = 0;

    *ret_n_spans = *ret_n = 0;
    *ret_spans = NULL;
    *ret_counts = NULL;
    if (s->n == 0)
        return;
    for (size_t i = 0; i < s->n; i++)
        n_spans += i == 0 || s->index[i] != s->index[i - 1] + 1;
    spans = arena_array(arena, n_spans, sizeof *spans);
    counts = arena_array(arena, s->n, sizeof *counts);
    memcpy(counts, s->count, s->n * sizeof *counts);
    *ret_n_spans = n_spans;
    n_spans = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (i == 0 || s->index[i] != next)
            spans[n_spans++].offset = (int32_t)(s->index[i] - next);
        spans[n_spans - 1].length++;
        next = (int64_t)s->index[i] + 1;
    }
    *ret_spans = spans;
    *ret_counts = counts;
    *ret_n = (uint32_t)s->n;
}

struct histogram *hist_acc_get(const struct hist_acc *acc)
{
    struct histogram *h = arena_zalloc(acc->arena, sizeof *h);

    h->schema = acc->schema;
    h->hint = acc->hint;
    h->zero_threshold = acc->zero_threshold;
    h->zero_count = acc->zero_count;
    h->count = acc->count;
    h->sum = acc->sum;
    h->bounds = acc->bounds;
    h->n_bounds = acc->n_bounds;
    side_get(&acc->positive, acc->arena, &h->positive_spans, &h->n_positive_spans, &h->positive,
             &h->n_positive);
    side_get(&acc->negative, acc->arena, &h->negative_spans, &h->n_negative_spans, &h->negative,
             &h->n_negative);
    return h;
}
