/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/sample.h"
#include "promql/histogram_math.h"
#include "promql/histogram_priv.h"

#define FINEST_SCHEMA 8

/*
 * The bounds of the format are not the nearest doubles to the powers of two, but what its first
 * program had computed. Clients compare them as text, so they are told apart here: for each bound
 * of schema 8 in [0.5, 1) the number of units in the last place by which it lies below the nearest
 * double, plus one.
 */
static const char bound_error[] =
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344";

static double fractions[1 << FINEST_SCHEMA];

static void fractions_fill(void)
{
    for (int i = 0; i < 1 << FINEST_SCHEMA; i++)
        fractions[i] = (double)exp2l(i / 256.0L - 1) - (bound_error[i] - '1') * 0x1p-53;
}

double hist_bound(int64_t index, int32_t schema)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int64_t exp;
    double fraction = 0.5;

    if (schema < 0) {
        exp = index * (1 << -schema) + 1;
    } else {
        pthread_once(&once, fractions_fill);
        fraction = fractions[(index & ((1 << schema) - 1)) << (FINEST_SCHEMA - schema)];
        exp = (index >> schema) + 1;
    }
    if (fraction == 0.5 && exp == DBL_MAX_EXP + 1)
        return DBL_MAX; /* the last bucket of finite values; the next one counts infinities */
    if (exp > DBL_MAX_EXP + 1)
        exp = DBL_MAX_EXP + 2;
    else if (exp < -2000)
        exp = -2000;
    return ldexp(fraction, (int)exp);
}

bool hist_same_bounds(const double *a, uint32_t n_a, const double *b, uint32_t n_b)
{
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0);
}

/* ---- cursor */

struct hist_cursor hist_cursor_make(const struct histogram_span *spans, uint32_t n_spans,
                                    const double *counts, uint32_t n, int shift)
{
    return (struct hist_cursor){
        .spans = spans, .n_spans = n_spans, .counts = counts, .n = n, .shift = shift};
}

/* Enters the span of the next bucket; false: there is none. */
static bool cursor_seek(struct hist_cursor *c)
{
    while (c->span < c->n_spans) {
        if (c->in_span == 0)
            c->next += c->spans[c->span].offset;
        if (c->in_span < c->spans[c->span].length)
            return c->pos < c->n;
        c->span++;
        c->in_span = 0;
    }
    return false;
}

static double cursor_step(struct hist_cursor *c)
{
    c->next++;
    if (++c->in_span == c->spans[c->span].length) {
        c->span++;
        c->in_span = 0;
    }
    return c->counts[c->pos++];
}

bool hist_cursor_next(struct hist_cursor *c)
{
    if (!cursor_seek(c))
        return false;
    c->index = hist_index_reduce((int32_t)c->next, c->shift);
    c->count = cursor_step(c);
    if (c->shift == 0)
        return true;
    for (;;) {
        struct hist_cursor ahead = *c;

        if (!cursor_seek(&ahead) || hist_index_reduce((int32_t)ahead.next, c->shift) != c->index)
            return true;
        ahead.count += cursor_step(&ahead);
        *c = ahead;
    }
}

/* ---- resets */

static struct hist_cursor cursor_of(const struct histogram *h, bool positive, int32_t schema)
{
    int shift = hist_is_custom(h) ? 0 : h->schema - schema;

    if (positive)
        return hist_cursor_make(h->positive_spans, h->n_positive_spans, h->positive, h->n_positive,
                                shift);
    return hist_cursor_make(h->negative_spans, h->n_negative_spans, h->negative, h->n_negative,
                            shift);
}

/* Has any bucket outside the zero bucket of h fewer observations than it had in prev? */
static bool side_is_reset(const struct histogram *h, const struct histogram *prev, bool positive)
{
    struct hist_cursor now = cursor_of(h, positive, h->schema);
    struct hist_cursor was = cursor_of(prev, positive, h->schema);
    bool more = hist_cursor_next(&now);

    while (hist_cursor_next(&was)) {
        if (!hist_is_custom(h) && hist_bound(was.index, h->schema) <= h->zero_threshold)
            continue;
        while (more && now.index < was.index)
            more = hist_cursor_next(&now);
        if (!more || now.index != was.index) {
            if (was.count > 0)
                return true;
        } else if (now.count < was.count) {
            return true;
        }
    }
    return false;
}

/* Observations that prev would have in a zero bucket as wide as `threshold`; false: it would be
 * cut. */
static bool zero_count_at(const struct histogram *prev, double threshold, double *ret)
{
    double zero = prev->zero_count;

    for (int positive = 0; positive <= 1; positive++) {
        struct hist_cursor c = cursor_of(prev, positive, prev->schema);

        while (hist_cursor_next(&c) && hist_bound((int64_t)c.index - 1, prev->schema) < threshold) {
            zero += c.count;
            if (c.count != 0 && hist_bound(c.index, prev->schema) > threshold)
                return false;
        }
    }
    *ret = zero;
    return true;
}

bool hist_is_reset(const struct histogram *h, const struct histogram *prev)
{
    double zero = prev->zero_count;

    if (h->hint == RESET_YES || h->hint == RESET_NO)
        return h->hint == RESET_YES;
    if (h->count < prev->count)
        return true;
    if (hist_is_custom(h) != hist_is_custom(prev) || h->schema > prev->schema)
        return true;
    if (hist_is_custom(h)) {
        if (!hist_same_bounds(h->bounds, h->n_bounds, prev->bounds, prev->n_bounds))
            return true;
    } else {
        if (h->zero_threshold < prev->zero_threshold)
            return true;
        if (h->zero_threshold > prev->zero_threshold &&
            !zero_count_at(prev, h->zero_threshold, &zero))
            return true;
        if (h->zero_count < zero)
            return true;
    }
    return side_is_reset(h, prev, true) || side_is_reset(h, prev, false);
}

/* ---- equality and copies */

static bool same_bits(const double *a, uint32_t n_a, const double *b, uint32_t n_b)
{
    return hist_same_bounds(a, n_a, b, n_b);
}

static bool side_equal(const struct histogram *a, const struct histogram *b, bool positive)
{
    struct hist_cursor ca = cursor_of(a, positive, a->schema);
    struct hist_cursor cb = cursor_of(b, positive, b->schema);

    for (;;) {
        bool more_a = hist_cursor_next(&ca), more_b = hist_cursor_next(&cb);

        if (!more_a || !more_b)
            return more_a == more_b;
        if (ca.index != cb.index)
            return false;
    }
}

bool hist_equal(const struct histogram *a, const struct histogram *b)
{
    return a->schema == b->schema && double_bits(a->count) == double_bits(b->count) &&
           double_bits(a->sum) == double_bits(b->sum) && a->zero_threshold == b->zero_threshold &&
           double_bits(a->zero_count) == double_bits(b->zero_count) &&
           hist_same_bounds(a->bounds, a->n_bounds, b->bounds, b->n_bounds) &&
           same_bits(a->positive, a->n_positive, b->positive, b->n_positive) &&
           same_bits(a->negative, a->n_negative, b->negative, b->n_negative) &&
           side_equal(a, b, true) && side_equal(a, b, false);
}

static const void *copy_of(struct arena *arena, const void *p, size_t n, size_t size)
{
    void *q;

    if (n == 0)
        return NULL;
    q = arena_alloc(arena, n * size);
    memcpy(q, p, n * size);
    return q;
}

struct histogram *hist_copy(struct arena *arena, const struct histogram *h)
{
    struct histogram *c = arena_alloc(arena, sizeof *c);

    *c = *h;
    c->kind = HISTOGRAM_FLOAT;
    c->positive_spans = copy_of(arena, h->positive_spans, h->n_positive_spans,
                                sizeof *h->positive_spans);
    c->negative_spans = copy_of(arena, h->negative_spans, h->n_negative_spans,
                                sizeof *h->negative_spans);
    c->positive = copy_of(arena, h->positive, h->n_positive, sizeof *h->positive);
    c->negative = copy_of(arena, h->negative, h->n_negative, sizeof *h->negative);
    c->bounds = copy_of(arena, h->bounds, h->n_bounds, sizeof *h->bounds);
    return c;
}

/* ---- buckets spelt out */

static struct hist_bucket *push(struct hist_buckets *bs)
{
    return VEC_PUSH(bs->b, bs->n, bs->cap);
}

static void push_custom(struct hist_buckets *bs, const struct histogram *h)
{
    struct hist_cursor c = cursor_of(h, true, h->schema);

    while (hist_cursor_next(&c)) {
        struct hist_bucket *b = push(bs);
        int64_t i = c.index;

        b->lower = i <= 0 || i > h->n_bounds ? -INFINITY : h->bounds[i - 1];
        b->upper = i < 0 || i >= h->n_bounds ? INFINITY : h->bounds[i];
        b->count = c.count;
        b->lower_inclusive = i == 0;
        b->upper_inclusive = true;
    }
}

static void push_negative(struct hist_buckets *bs, const struct histogram *h)
{
    struct hist_cursor c = cursor_of(h, false, h->schema);

    while (hist_cursor_next(&c)) {
        struct hist_bucket *b = push(bs);

        b->lower = -hist_bound(c.index, h->schema);
        b->upper = -hist_bound((int64_t)c.index - 1, h->schema);
        b->count = c.count;
        b->lower_inclusive = true;
    }
    for (size_t i = 0, j = bs->n; i + 1 < j; i++) {
        struct hist_bucket swap = bs->b[i];

        bs->b[i] = bs->b[--j];
        bs->b[j] = swap;
    }
}

void hist_buckets_fill(struct hist_buckets *bs, const struct histogram *h)
{
    struct hist_cursor c = cursor_of(h, true, h->schema);

    bs->n = 0;
    if (hist_is_custom(h)) {
        push_custom(bs, h);
        return;
    }
    push_negative(bs, h);
    if (h->zero_count > 0)
        *push(bs) = (struct hist_bucket){-h->zero_threshold, h->zero_threshold, h->zero_count, true,
                                         true};
    while (hist_cursor_next(&c)) {
        struct hist_bucket *b = push(bs);

        b->lower = hist_bound((int64_t)c.index - 1, h->schema);
        b->upper = hist_bound(c.index, h->schema);
        b->count = c.count;
        b->upper_inclusive = true;
    }
}

void hist_buckets_deinit(struct hist_buckets *bs)
{
    mem_freep(&bs->b);
    *bs = (struct hist_buckets){0};
}

void hist_print(const struct histogram *h, struct buf *out)
{
    struct hist_buckets bs = {0};

    hist_buckets_fill(&bs, h);
    buf_add_c(out, "{count:");
    num_add_short(out, h->count);
    buf_add_c(out, ", sum:");
    num_add_short(out, h->sum);
    for (size_t i = 0; i < bs.n; i++) {
        const struct hist_bucket *b = &bs.b[i];
        if (b->count == 0)
            continue;
        buf_add_c(out, b->lower_inclusive ? ", [" : ", (");
        num_add_short(out, b->lower);
        buf_add_byte(out, ',');
        num_add_short(out, b->upper);
        buf_add_c(out, b->upper_inclusive ? "]:" : "):");
        num_add_short(out, b->count);
    }
    buf_add_byte(out, '}');
    hist_buckets_deinit(&bs);
}
