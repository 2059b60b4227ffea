/* SPDX-License-Identifier: Apache-2.0 */
#include "model/histogram_wire.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/sample.h"

#define SCHEMA_LEAST (-4)
#define SCHEMA_MOST  8

static void side_deinit(struct histogram_side *s)
{
    free(s->spans);
    free(s->deltas.v);
    free(s->counts.v);
}

void histogram_wire_deinit(struct histogram_wire *w)
{
    side_deinit(&w->negative);
    side_deinit(&w->positive);
    free(w->bounds.v);
}

/* ---- reading ------------------------------------------------------------------------------- */

void histogram_wire_numbers(struct pb *message, struct histogram_numbers *to,
                            const struct pb_field *f, bool fixed)
{
    struct pb p = pb_of(f->bytes);
    uint64_t v = f->value;

    if ((f->key & 7) != PB_BYTES) {
        *VEC_PUSH(to->v, to->n, to->cap) = v;
        return;
    }
    while (to->n <= HISTOGRAM_PARTS_MAX &&
           (fixed ? pb_read_fixed64(&p, &v) : pb_read_varint(&p, &v)))
        *VEC_PUSH(to->v, to->n, to->cap) = v;
    if (p.broken)
        pb_break(message);
}

void histogram_wire_span(struct pb *message, struct histogram_side *side, struct str bytes)
{
    struct histogram_span *span = VEC_PUSH(side->spans, side->n_spans, side->cap_spans);
    struct pb p = pb_of(bytes);
    struct pb_field f;

    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT): span->offset = (int32_t)pb_zigzag(f.value); break;
        case PB_KEY(2, PB_VARINT): span->length = (uint32_t)f.value; break;
        default: pb_skip(&p, &f, 2);
        }
    if (p.broken)
        pb_break(message);
}

static bool is_too_large(const struct histogram_side *s)
{
    return s->n_spans > HISTOGRAM_PARTS_MAX || s->deltas.n > HISTOGRAM_PARTS_MAX ||
           s->counts.n > HISTOGRAM_PARTS_MAX;
}

bool histogram_wire_is_too_large(const struct histogram_wire *w)
{
    return is_too_large(&w->negative) || is_too_large(&w->positive) ||
           w->bounds.n > HISTOGRAM_PARTS_MAX;
}

/* ---- what must hold ------------------------------------------------------------------------ */

static const char *check_spans(const struct histogram_side *s, size_t n_buckets)
{
    int64_t at = 0; /* index of the bucket behind the span */
    uint64_t n = 0;

    for (size_t i = 0; i < s->n_spans; i++) {
        if (i > 0 && s->spans[i].offset < 0)
            return "spans of a histogram overlap";
        at += s->spans[i].offset + (int64_t)s->spans[i].length;
        n += s->spans[i].length;
        if (at > INT32_MAX)
            return "a bucket of a histogram is beyond all numbers";
    }
    return n == n_buckets ? NULL : "spans of a histogram do not fit to its buckets";
}

static const char *check_bounds(const struct histogram_wire *w, size_t n_positive,
                                double zero_count)
{
    double before = -INFINITY;
    int64_t end = 0;

    if (zero_count != 0 || double_of_bits(w->threshold_bits) != 0)
        return "a histogram with bounds of its own has no zero bucket";
    if (w->negative.n_spans || w->negative.deltas.n || w->negative.counts.n)
        return "a histogram with bounds of its own has no negative buckets";
    for (size_t i = 0; i < w->bounds.n; i++) {
        double bound = double_of_bits(w->bounds.v[i]);

        if (!(bound > before) || bound == INFINITY)
            return "the bounds of a histogram do not ascend";
        before = bound;
    }
    for (size_t i = 0; i < w->positive.n_spans; i++) {
        if (w->positive.spans[i].offset < 0)
            return "spans of a histogram overlap";
        end += w->positive.spans[i].offset + (int64_t)w->positive.spans[i].length;
    }
    return end <= (int64_t)w->bounds.n + 1 ? NULL : "a histogram has more buckets than bounds";
}

static const char *check(const struct histogram_wire *w, const struct histogram *h)
{
    const char *fault = check_spans(&w->negative, h->n_negative);

    if (!fault)
        fault = check_spans(&w->positive, h->n_positive);
    if (fault)
        return fault;
    if (w->schema == HISTOGRAM_CUSTOM_SCHEMA)
        return check_bounds(w, h->n_positive, h->zero_count);
    if (w->schema < SCHEMA_LEAST || w->schema > SCHEMA_MOST)
        return "a histogram has an unknown schema";
    return w->bounds.n == 0 ? NULL : "a histogram with bounds has another schema";
}

/* ---- making it ----------------------------------------------------------------------------- */

/* Sums up deltas into counts. *total is the number of observations in them. */
static const char *add_up(const struct histogram_numbers *deltas, double *counts, uint64_t *total)
{
    int64_t v = 0;

    for (size_t i = 0; i < deltas->n; i++) {
        if (__builtin_add_overflow(v, pb_zigzag(deltas->v[i]), &v) || v < 0)
            return "a bucket of a histogram is negative";
        if (__builtin_add_overflow(*total, (uint64_t)v, total))
            return "a histogram counts too much";
        counts[i] = (double)v;
    }
    return NULL;
}

static const char *set_whole(const struct histogram_wire *w, struct histogram *h, double *negative,
                             double *positive)
{
    uint64_t total = w->zero_count;
    const char *fault = add_up(&w->negative.deltas, negative, &total);

    if (!fault)
        fault = add_up(&w->positive.deltas, positive, &total);
    h->count = (double)w->count;
    h->zero_count = (double)w->zero_count;
    if (fault)
        return fault;
    /* Observations of NaN are in no bucket, and make the sum NaN. */
    if (isnan(h->sum) ? total > w->count : total != w->count)
        return "the buckets of a histogram are not what it counts";
    histogram_make_integer(h);
    return NULL;
}

static const char *set_floats(const struct histogram_numbers *from, double *counts)
{
    const char *fault = NULL;

    for (size_t i = 0; i < from->n; i++) {
        counts[i] = double_of_bits(from->v[i]);
        if (counts[i] < 0)
            fault = "a bucket of a histogram is negative";
    }
    return fault;
}

static const char *set_float(const struct histogram_wire *w, struct histogram *h, double *negative,
                             double *positive)
{
    const char *fault = set_floats(&w->negative.counts, negative);
    const char *other = set_floats(&w->positive.counts, positive);

    h->count = double_of_bits(w->count_bits);
    h->zero_count = double_of_bits(w->zero_count_bits);
    return fault ? fault : other;
}

/* Of memory that was asked for; NULL when there is none. */
struct room {
    void *(*alloc)(void *arg, size_t n, size_t size);
    void *arg;
    bool is_full;
};

static void *get(struct room *r, size_t n, size_t size)
{
    void *p = r->is_full ? NULL : r->alloc(r->arg, n, size);

    r->is_full |= p == NULL;
    return p;
}

static const struct histogram_span *keep_spans(struct room *r, const struct histogram_side *s)
{
    struct histogram_span *spans = get(r, s->n_spans, sizeof *spans);

    if (spans && s->n_spans)
        memcpy(spans, s->spans, s->n_spans * sizeof *spans);
    return spans;
}

static const double *keep_bounds(struct room *r, const struct histogram_numbers *from)
{
    double *bounds = get(r, from->n, sizeof *bounds);

    for (size_t i = 0; bounds && i < from->n; i++)
        bounds[i] = double_of_bits(from->v[i]);
    return bounds;
}

int histogram_wire_make(const struct histogram_wire *w,
                        void *(*alloc)(void *arg, size_t n, size_t size), void *arg,
                        struct histogram *ret, const char **ret_fault)
{
    struct room r = {alloc, arg, false};
    size_t n_negative = w->is_float ? w->negative.counts.n : w->negative.deltas.n;
    size_t n_positive = w->is_float ? w->positive.counts.n : w->positive.deltas.n;
    double *negative = get(&r, n_negative, sizeof *negative);
    double *positive = get(&r, n_positive, sizeof *positive);
    struct histogram h = {
        .schema = w->schema,
        .hint = RESET_UNKNOWN,
        .zero_threshold = double_of_bits(w->threshold_bits),
        .sum = double_of_bits(w->sum_bits),
        .n_negative_spans = (uint32_t)w->negative.n_spans,
        .n_positive_spans = (uint32_t)w->positive.n_spans,
        .n_negative = (uint32_t)n_negative,
        .n_positive = (uint32_t)n_positive,
        .n_bounds = (uint32_t)w->bounds.n,
        .negative_spans = keep_spans(&r, &w->negative),
        .positive_spans = keep_spans(&r, &w->positive),
        .negative = negative,
        .positive = positive,
        .bounds = keep_bounds(&r, &w->bounds),
    };

    if (r.is_full)
        return -E2BIG;
    *ret_fault = w->is_float ? set_float(w, &h, negative, positive)
                             : set_whole(w, &h, negative, positive);
    if (!*ret_fault)
        *ret_fault = check(w, &h);
    *ret = h;
    return 0;
}
