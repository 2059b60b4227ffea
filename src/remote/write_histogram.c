/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native histograms of remote write: whole ones (counts are integers, a bucket is its difference to
 * the one before) and float ones (counts and buckets as they are). Which of both says field 1 or 2.
 *
 *     Histogram    1 uint64 count | 2 double count   3 double sum   4 sint32 schema
 *                  5 double zero threshold   6 uint64 zero count | 7 double zero count
 *                  8 BucketSpan* negative    9 sint64* deltas   10 double* counts
 *                  11 BucketSpan* positive   12 sint64* deltas  13 double* counts
 *                  14 reset hint   15 int64 milliseconds   16 double* bounds of the custom schema
 *     BucketSpan   1 sint32 offset   2 uint32 length
 *
 * What must hold of one that is stored is what Prometheus wants of it: see check().
 */
#include "remote/write_request_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pb.h"
#include "model/sample.h"

#define SCHEMA_LEAST        (-4)
#define SCHEMA_MOST         8
#define HISTOGRAM_PARTS_MAX ((size_t)1 << 15) /* buckets or spans of a side; storage takes fewer */

/* A repeated field of numbers: bits of doubles, or varints as they are. */
struct numbers {
    uint64_t *v;
    size_t n, cap;
};

struct side {
    struct histogram_span *spans;
    size_t n_spans, cap_spans;
    struct numbers deltas, counts;
};

/* The message as it came. */
struct raw {
    bool is_float;
    uint64_t count, zero_count; /* whole */
    uint64_t count_bits, zero_count_bits, sum_bits, threshold_bits;
    int32_t schema;
    uint64_t hint;
    unix_ms t;
    struct side negative, positive;
    struct numbers bounds;
};

static void side_deinit(struct side *s)
{
    free(s->spans);
    free(s->deltas.v);
    free(s->counts.v);
}

static void raw_deinit(struct raw *raw)
{
    side_deinit(&raw->negative);
    side_deinit(&raw->positive);
    free(raw->bounds.v);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* One number, or as many as are packed. */
static void add_numbers(struct pb *message, struct numbers *to, const struct pb_field *f,
                        bool fixed)
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

static void add_span(struct pb *message, struct side *side, struct str bytes)
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

static bool is_too_large(const struct side *s)
{
    return s->n_spans > HISTOGRAM_PARTS_MAX || s->deltas.n > HISTOGRAM_PARTS_MAX ||
           s->counts.n > HISTOGRAM_PARTS_MAX;
}

static void read_field(struct pb *p, const struct pb_field *f, struct raw *raw)
{
    switch (f->key) {
    case PB_KEY(1, PB_VARINT):
        raw->count = f->value;
        raw->is_float = false;
        break;
    case PB_KEY(2, PB_FIXED64):
        raw->count_bits = f->value;
        raw->is_float = true;
        break;
    case PB_KEY(3, PB_FIXED64): raw->sum_bits = f->value; break;
    case PB_KEY(4, PB_VARINT): raw->schema = (int32_t)pb_zigzag(f->value); break;
    case PB_KEY(5, PB_FIXED64): raw->threshold_bits = f->value; break;
    case PB_KEY(6, PB_VARINT): raw->zero_count = f->value; break;
    case PB_KEY(7, PB_FIXED64): raw->zero_count_bits = f->value; break;
    case PB_KEY(8, PB_BYTES): add_span(p, &raw->negative, f->bytes); break;
    case PB_KEY(9, PB_VARINT):
    case PB_KEY(9, PB_BYTES): add_numbers(p, &raw->negative.deltas, f, false); break;
    case PB_KEY(10, PB_FIXED64):
    case PB_KEY(10, PB_BYTES): add_numbers(p, &raw->negative.counts, f, true); break;
    case PB_KEY(11, PB_BYTES): add_span(p, &raw->positive, f->bytes); break;
    case PB_KEY(12, PB_VARINT):
    case PB_KEY(12, PB_BYTES): add_numbers(p, &raw->positive.deltas, f, false); break;
    case PB_KEY(13, PB_FIXED64):
    case PB_KEY(13, PB_BYTES): add_numbers(p, &raw->positive.counts, f, true); break;
    case PB_KEY(14, PB_VARINT): raw->hint = f->value; break;
    case PB_KEY(15, PB_VARINT): raw->t = (int64_t)f->value; break;
    case PB_KEY(16, PB_FIXED64):
    case PB_KEY(16, PB_BYTES): add_numbers(p, &raw->bounds, f, true); break;
    default: pb_skip(p, f, 16);
    }
}

static int read_raw(struct str message, struct raw *raw, struct err *err)
{
    struct pb p = pb_of(message);
    struct pb_field f;

    while (pb_next(&p, &f)) {
        read_field(&p, &f, raw);
        if (is_too_large(&raw->negative) || is_too_large(&raw->positive) ||
            raw->bounds.n > HISTOGRAM_PARTS_MAX)
            return err_set(err, -E2BIG, "a histogram with more than %zu buckets",
                           HISTOGRAM_PARTS_MAX);
    }
    return p.broken ? write_request_broken(err) : 0;
}

/* ---- what must hold ------------------------------------------------------------------------ */

static const char *check_spans(const struct side *s, size_t n_buckets)
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

static const char *check_bounds(const struct raw *raw, size_t n_positive, double zero_count)
{
    double before = -INFINITY;
    int64_t end = 0;

    if (zero_count != 0 || double_of_bits(raw->threshold_bits) != 0)
        return "a histogram with bounds of its own has no zero bucket";
    if (raw->negative.n_spans || raw->negative.deltas.n || raw->negative.counts.n)
        return "a histogram with bounds of its own has no negative buckets";
    for (size_t i = 0; i < raw->bounds.n; i++) {
        double bound = double_of_bits(raw->bounds.v[i]);

        if (!(bound > before) || bound == INFINITY)
            return "the bounds of a histogram do not ascend";
        before = bound;
    }
    for (size_t i = 0; i < raw->positive.n_spans; i++) {
        if (raw->positive.spans[i].offset < 0)
            return "spans of a histogram overlap";
        end += raw->positive.spans[i].offset + (int64_t)raw->positive.spans[i].length;
    }
    return end <= (int64_t)raw->bounds.n + 1 ? NULL : "a histogram has more buckets than bounds";
}

static const char *check(const struct raw *raw, const struct write_histogram *w)
{
    const char *fault = check_spans(&raw->negative, w->h.n_negative);

    if (!fault)
        fault = check_spans(&raw->positive, w->h.n_positive);
    if (fault)
        return fault;
    if (raw->schema == HISTOGRAM_CUSTOM_SCHEMA)
        return check_bounds(raw, w->h.n_positive, w->h.zero_count);
    if (raw->schema < SCHEMA_LEAST || raw->schema > SCHEMA_MOST)
        return "a histogram has an unknown schema";
    return raw->bounds.n == 0 ? NULL : "a histogram with bounds has another schema";
}

/* ---- making it ----------------------------------------------------------------------------- */

/* Sums up deltas into counts. *total is the number of observations in them. */
static const char *add_up(const struct numbers *deltas, double *counts, uint64_t *total)
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

static const char *set_whole(const struct raw *raw, struct histogram *h, double *negative,
                             double *positive)
{
    uint64_t total = raw->zero_count;
    const char *fault = add_up(&raw->negative.deltas, negative, &total);

    if (!fault)
        fault = add_up(&raw->positive.deltas, positive, &total);
    h->count = (double)raw->count;
    h->zero_count = (double)raw->zero_count;
    if (fault)
        return fault;
    /* Observations of NaN are in no bucket, and make the sum NaN. */
    if (isnan(h->sum) ? total > raw->count : total != raw->count)
        return "the buckets of a histogram are not what it counts";
    histogram_make_integer(h);
    return NULL;
}

static const char *set_floats(const struct numbers *from, double *counts)
{
    const char *fault = NULL;

    for (size_t i = 0; i < from->n; i++) {
        counts[i] = double_of_bits(from->v[i]);
        if (counts[i] < 0)
            fault = "a bucket of a histogram is negative";
    }
    return fault;
}

static const char *set_float(const struct raw *raw, struct histogram *h, double *negative,
                             double *positive)
{
    const char *fault = set_floats(&raw->negative.counts, negative);
    const char *other = set_floats(&raw->positive.counts, positive);

    h->count = double_of_bits(raw->count_bits);
    h->zero_count = double_of_bits(raw->zero_count_bits);
    return fault ? fault : other;
}

static const struct histogram_span *keep_spans(struct write_request *q, const struct side *s)
{
    struct histogram_span *spans = write_request_alloc(q, s->n_spans, sizeof *spans);

    if (spans && s->n_spans)
        memcpy(spans, s->spans, s->n_spans * sizeof *spans);
    return spans;
}

static const double *keep_bounds(struct write_request *q, const struct numbers *from)
{
    double *bounds = write_request_alloc(q, from->n, sizeof *bounds);

    for (size_t i = 0; bounds && i < from->n; i++)
        bounds[i] = double_of_bits(from->v[i]);
    return bounds;
}

static int make(struct write_request *q, const struct raw *raw, const struct write_histogram **ret,
                struct err *err)
{
    struct write_histogram *w = write_request_alloc(q, 1, sizeof *w);
    const struct side *neg = &raw->negative, *pos = &raw->positive;
    size_t n_negative = raw->is_float ? neg->counts.n : neg->deltas.n;
    size_t n_positive = raw->is_float ? pos->counts.n : pos->deltas.n;
    double *negative = write_request_alloc(q, n_negative, sizeof *negative);
    double *positive = write_request_alloc(q, n_positive, sizeof *positive);
    const struct histogram_span *negative_spans = keep_spans(q, neg);
    const struct histogram_span *positive_spans = keep_spans(q, pos);
    const double *bounds = keep_bounds(q, &raw->bounds);

    if (!w || !negative || !positive || !negative_spans || !positive_spans || !bounds)
        return err_set(err, -E2BIG, "the histograms of a request take more than %zu bytes",
                       REQUEST_MEMORY_MAX);
    w->h = (struct histogram){
        .schema = raw->schema,
        .hint = raw->hint <= RESET_GAUGE ? (enum counter_reset_hint)raw->hint : RESET_UNKNOWN,
        .zero_threshold = double_of_bits(raw->threshold_bits),
        .sum = double_of_bits(raw->sum_bits),
        .n_negative_spans = (uint32_t)neg->n_spans,
        .n_positive_spans = (uint32_t)pos->n_spans,
        .n_negative = (uint32_t)n_negative,
        .n_positive = (uint32_t)n_positive,
        .n_bounds = (uint32_t)raw->bounds.n,
        .negative_spans = negative_spans,
        .positive_spans = positive_spans,
        .negative = negative,
        .positive = positive,
        .bounds = bounds,
    };
    w->fault = raw->is_float ? set_float(raw, &w->h, negative, positive)
                             : set_whole(raw, &w->h, negative, positive);
    if (!w->fault)
        w->fault = check(raw, w);
    *ret = w;
    return 0;
}

int write_histogram_read(struct write_request *q, struct str message, unix_ms *ret_t,
                         const struct write_histogram **ret, struct err *err)
{
    CLEANUP(raw_deinit) struct raw raw = {0};
    int r = read_raw(message, &raw, err);

    if (r == 0)
        r = make(q, &raw, ret, err);
    if (r == 0)
        *ret_t = raw.t;
    return r;
}
