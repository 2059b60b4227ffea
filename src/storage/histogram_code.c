/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/histogram_code_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "storage/column_priv.h"

/* First byte of a histogram. */
enum histogram_flags {
    HAS_LAYOUT = 1, /* layout follows; else it is that of the one before */
    HINT_SHIFT = 1, /* two bits: enum counter_reset_hint */
    STALE = 8,      /* the series ended; nothing follows, and only INTEGER stands beside it */
    INTEGER = 16,   /* enum histogram_kind */
};

bool histogram_is_stale(const struct histogram *h)
{
    return is_stale(h->sum);
}

static bool same_spans(const struct histogram_span *a, const struct histogram_span *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].offset != b[i].offset || a[i].length != b[i].length)
            return false;
    return true;
}

static bool same_layout(const struct histogram *a, const struct histogram *b)
{
    return a->schema == b->schema &&
           double_bits(a->zero_threshold) == double_bits(b->zero_threshold) &&
           a->n_positive_spans == b->n_positive_spans &&
           a->n_negative_spans == b->n_negative_spans && a->n_positive == b->n_positive &&
           a->n_negative == b->n_negative && a->n_bounds == b->n_bounds &&
           same_spans(a->positive_spans, b->positive_spans, a->n_positive_spans) &&
           same_spans(a->negative_spans, b->negative_spans, a->n_negative_spans) &&
           (a->n_bounds == 0 || memcmp(a->bounds, b->bounds, a->n_bounds * sizeof *a->bounds) == 0);
}

/* ---- writing ------------------------------------------------------------------------------- */

/* A whole number is its difference to the one before, times two; anything else a 1 and its bits. */
static void put_number(struct buf *out, double v, double before)
{
    int64_t m, last = 0;

    if (decimal_of(v, 0, &m)) {
        (void)decimal_of(before, 0, &last);
        if (llabs(m) < INT64_C(1) << 60 && llabs(last) < INT64_C(1) << 60) {
            buf_add_uvarint(out, zigzag(m - last) << 1);
            return;
        }
    }
    buf_add_uvarint(out, 1);
    buf_add_u64(out, double_bits(v));
}

static void put_numbers(struct buf *out, const double *v, const double *before, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        put_number(out, v[i], before ? before[i] : 0);
}

static void put_spans(struct buf *out, const struct histogram_span *s, uint32_t n)
{
    buf_add_uvarint(out, n);
    for (uint32_t i = 0; i < n; i++) {
        buf_add_svarint(out, s[i].offset);
        buf_add_uvarint(out, s[i].length);
    }
}

static void put_layout(struct buf *out, const struct histogram *h)
{
    buf_add_svarint(out, h->schema);
    buf_add_u64(out, double_bits(h->zero_threshold));
    put_spans(out, h->positive_spans, h->n_positive_spans);
    put_spans(out, h->negative_spans, h->n_negative_spans);
    buf_add_uvarint(out, h->n_positive);
    buf_add_uvarint(out, h->n_negative);
    buf_add_uvarint(out, h->n_bounds);
    for (uint32_t i = 0; i < h->n_bounds; i++)
        buf_add_u64(out, double_bits(h->bounds[i]));
}

void histogram_put(const struct histogram *h, const struct histogram *before, struct buf *out)
{
    static const struct histogram nothing;
    bool stale = histogram_is_stale(h);
    bool layout = !stale && !(before && !histogram_is_stale(before) && same_layout(h, before));
    const struct histogram *to = layout || !before ? &nothing : before;
    unsigned kind = h->kind == HISTOGRAM_INTEGER ? INTEGER : 0;

    if (stale) {
        buf_add_byte(out, (char)(STALE | kind));
        return;
    }
    buf_add_byte(out, (char)((layout ? HAS_LAYOUT : 0) | (unsigned)h->hint << HINT_SHIFT | kind));
    if (layout)
        put_layout(out, h);
    put_number(out, h->count, to->count);
    put_number(out, h->zero_count, to->zero_count);
    put_number(out, h->sum, to->sum);
    put_numbers(out, h->positive, to->positive, h->n_positive);
    put_numbers(out, h->negative, to->negative, h->n_negative);
}

/* ---- reading ------------------------------------------------------------------------------- */

static double get_number(struct wire *w, double before)
{
    uint64_t head = wire_uvarint(w);
    int64_t last = 0;

    if (head & 1)
        return double_of_bits(wire_u64(w));
    if (!decimal_of(before, 0, &last) || llabs(last) >= INT64_C(1) << 60)
        last = 0;
    return (double)(int64_t)((uint64_t)last + (uint64_t)unzigzag(head >> 1));
}

static const double *get_numbers(struct wire *w, const double *before, uint32_t n, struct arena *a)
{
    double *v = arena_array(a, n, sizeof *v);

    for (uint32_t i = 0; i < n; i++)
        v[i] = get_number(w, before ? before[i] : 0);
    return v;
}

/* A count of things that take at least one byte each: what is left bounds what is allocated. */
static uint32_t get_count(struct wire *w, size_t bytes_each)
{
    uint64_t n = wire_uvarint(w);

    if (n > wire_left(w) / bytes_each) {
        w->bad = true;
        return 0;
    }
    return (uint32_t)n;
}

static const struct histogram_span *get_spans(struct wire *w, struct arena *a, uint32_t *ret_n)
{
    uint32_t n = get_count(w, 2);
    struct histogram_span *s = arena_array(a, n, sizeof *s);

    for (uint32_t i = 0; i < n; i++) {
        s[i].offset = (int32_t)wire_svarint(w);
        s[i].length = (uint32_t)wire_uvarint(w);
    }
    *ret_n = n;
    return s;
}

static void get_layout(struct wire *w, struct arena *a, struct histogram *h)
{
    double *bounds;

    h->schema = (int32_t)wire_svarint(w);
    h->zero_threshold = double_of_bits(wire_u64(w));
    h->positive_spans = get_spans(w, a, &h->n_positive_spans);
    h->negative_spans = get_spans(w, a, &h->n_negative_spans);
    h->n_positive = get_count(w, 1);
    h->n_negative = get_count(w, 1);
    h->n_bounds = get_count(w, sizeof(double));
    bounds = arena_array(a, h->n_bounds, sizeof *bounds);
    for (uint32_t i = 0; i < h->n_bounds; i++)
        bounds[i] = double_of_bits(wire_u64(w));
    h->bounds = bounds;
}

bool histogram_get(struct wire *w, const struct histogram *before, struct arena *a,
                   struct histogram *ret)
{
    static const struct histogram nothing;
    unsigned head = wire_u8(w);
    struct histogram h = {.sum = stale_nan()};

    if (w->bad)
        return false;
    if (head & STALE) {
        h.kind = head & INTEGER ? HISTOGRAM_INTEGER : HISTOGRAM_FLOAT;
        *ret = h;
        return true;
    }
    if (head & HAS_LAYOUT) {
        get_layout(w, a, &h);
        before = &nothing;
    } else {
        if (!before)
            return false;
        h = *before;
    }
    /* Each number takes a byte at least: no need to allocate for a count that cannot be true. */
    if (w->bad || (uint64_t)h.n_positive + h.n_negative > wire_left(w))
        return false;
    h.hint = (head >> HINT_SHIFT) & 3;
    h.count = get_number(w, before->count);
    h.zero_count = get_number(w, before->zero_count);
    h.sum = get_number(w, before->sum);
    h.positive = get_numbers(w, before->positive, h.n_positive, a);
    h.negative = get_numbers(w, before->negative, h.n_negative, a);
    if (w->bad)
        return false;
    h.kind = HISTOGRAM_FLOAT;
    if (head & INTEGER)
        histogram_make_integer(&h);
    *ret = h;
    return true;
}

/* ---- copies -------------------------------------------------------------------------------- */

bool histogram_same(const struct histogram *a, const struct histogram *b)
{
    struct buf x = {0}, y = {0};
    bool same;

    histogram_put(a, NULL, &x);
    histogram_put(b, NULL, &y);
    same = str_eq(buf_str(&x), buf_str(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

static const void *add_array(char **at, const void *from, size_t n, size_t size)
{
    void *to = *at;

    if (n > 0)
        memcpy(to, from, n * size);
    *at += n * size;
    return to;
}

struct histogram_own *histogram_copy(const struct histogram *h)
{
    size_t doubles = (size_t)h->n_positive + h->n_negative + h->n_bounds;
    size_t spans = (size_t)h->n_positive_spans + h->n_negative_spans;
    struct histogram_own *own = mem_alloc(sizeof *own + doubles * sizeof(double) +
                                          spans * sizeof(struct histogram_span));
    char *at = (char *)(own + 1);

    own->h = *h;
    own->h.positive = add_array(&at, h->positive, h->n_positive, sizeof(double));
    own->h.negative = add_array(&at, h->negative, h->n_negative, sizeof(double));
    own->h.bounds = add_array(&at, h->bounds, h->n_bounds, sizeof(double));
    own->h.positive_spans = add_array(&at, h->positive_spans, h->n_positive_spans,
                                      sizeof *h->positive_spans);
    own->h.negative_spans = add_array(&at, h->negative_spans, h->n_negative_spans,
                                      sizeof *h->negative_spans);
    return own;
}
