/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_chunk_priv.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/histogram.h"
#include "model/sample.h"
#include "storage/wire_priv.h"

#define LEAD_MAX 31 /* five bits */

void bits_put(struct bits_out *b, uint64_t v, unsigned n)
{
    while (n > 0) {
        unsigned take;

        if (b->free == 0) {
            buf_add_byte(b->out, 0);
            b->free = 8;
        }
        take = n < b->free ? n : b->free;
        b->out->p[b->out->len - 1] |= (char)((v >> (n - take) & ((1u << take) - 1))
                                             << (b->free - take));
        b->free -= take;
        n -= take;
    }
}

static void put_uvarint_bits(struct bits_out *b, uint64_t v)
{
    uint8_t bytes[UVARINT_MAX];
    size_t n = (size_t)(put_uvarint(bytes, v) - bytes);

    for (size_t i = 0; i < n; i++)
        bits_put(b, bytes[i], 8);
}

/* Whether v is in -(2^(bits-1)-1) ... 2^(bits-1). */
static bool fits(int64_t v, unsigned bits)
{
    return bits == 64 || (v > -(INT64_C(1) << (bits - 1)) && v <= INT64_C(1) << (bits - 1));
}

/* Ones that tell the width, a zero unless it is the last width, the number. */
static void put_by_width(struct bits_out *b, int64_t v, const uint8_t *widths, unsigned n_widths)
{
    unsigned k = 0;

    if (v != 0)
        for (k = 1; !fits(v, widths[k]); k++)
            ;
    bits_put(b, UINT64_MAX, k);
    if (k < n_widths - 1)
        bits_put(b, 0, 1);
    bits_put(b, (uint64_t)v, widths[k]);
}

struct xor_out {
    uint64_t bits;
    unsigned lead, trail;
    bool window;
};

static void put_xor(struct bits_out *b, struct xor_out *x, double v)
{
    uint64_t d = double_bits(v) ^ x->bits;
    unsigned lead, trail;

    x->bits = double_bits(v);
    bits_put(b, d != 0, 1);
    if (d == 0)
        return;
    lead = (unsigned)__builtin_clzll(d);
    trail = (unsigned)__builtin_ctzll(d);
    lead = lead > LEAD_MAX ? LEAD_MAX : lead;
    if (x->window && lead >= x->lead && trail >= x->trail) {
        bits_put(b, 0, 1);
    } else {
        x->window = true;
        x->lead = lead;
        x->trail = trail;
        bits_put(b, 1, 1);
        bits_put(b, lead, 5);
        bits_put(b, 64 - lead - trail, 6); /* 64 becomes 0 */
    }
    bits_put(b, d >> x->trail, 64 - x->lead - x->trail);
}

static void put_count(struct buf *out, size_t n)
{
    buf_add_byte(out, (char)(n >> 8));
    buf_add_byte(out, (char)n);
}

/* ---- floats -------------------------------------------------------------------------------- */

void prom_xor_put(const unix_ms *times, const double *values, size_t n, struct buf *out)
{
    static const uint8_t widths[] = {0, 14, 17, 20, 64};
    struct bits_out b = {.out = out};
    struct xor_out x = {.bits = double_bits(values[0])};

    put_count(out, n);
    put_uvarint_bits(&b, zigzag(times[0]));
    bits_put(&b, x.bits, 64);
    for (size_t i = 1; i < n; i++) {
        int64_t step = times[i] - times[i - 1];

        if (i == 1)
            put_uvarint_bits(&b, (uint64_t)step);
        else
            put_by_width(&b, step - (times[i - 1] - times[i - 2]), widths, ARRAY_LEN(widths));
        put_xor(&b, &x, values[i]);
    }
}

/* ---- histograms ---------------------------------------------------------------------------- */

static const uint8_t varbit_widths[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

static void put_varbit_int(struct bits_out *b, int64_t v)
{
    put_by_width(b, v, varbit_widths, ARRAY_LEN(varbit_widths));
}

static void put_varbit_uint(struct bits_out *b, uint64_t v)
{
    unsigned k = 0, n = bit_width(v);

    while (varbit_widths[k] < n)
        k++;
    bits_put(b, UINT64_MAX, k);
    if (k < ARRAY_LEN(varbit_widths) - 1)
        bits_put(b, 0, 1);
    bits_put(b, v, varbit_widths[k]);
}

static void put_threshold(struct bits_out *b, double v)
{
    int exponent;

    if (v == 0) {
        bits_put(b, 0, 8);
    } else if (frexp(v, &exponent) == 0.5 && exponent >= -242 && exponent <= 11) {
        bits_put(b, (uint64_t)(exponent + 243), 8);
    } else {
        bits_put(b, 255, 8);
        bits_put(b, double_bits(v), 64);
    }
}

static void put_spans(struct bits_out *b, const struct histogram_span *spans, uint32_t n)
{
    put_varbit_uint(b, n);
    for (uint32_t i = 0; i < n; i++) {
        put_varbit_uint(b, spans[i].length);
        put_varbit_int(b, spans[i].offset);
    }
}

#define THOUSANDTHS_MAX 33554430 /* of a bound that is written as a number of them */

static void put_bounds(struct bits_out *b, const struct histogram *h)
{
    put_varbit_uint(b, h->n_bounds);
    for (uint32_t i = 0; i < h->n_bounds; i++) {
        double t = h->bounds[i] * 1000;

        if (t >= 0 && t <= THOUSANDTHS_MAX && t == floor(t) && t / 1000 == h->bounds[i]) {
            put_varbit_uint(b, (uint64_t)t + 1);
        } else {
            bits_put(b, 0, 1);
            bits_put(b, double_bits(h->bounds[i]), 64);
        }
    }
}

static void put_layout(struct bits_out *b, const struct histogram *h)
{
    static const uint8_t flags[] = {
        [RESET_UNKNOWN] = 0, [RESET_NO] = 1, [RESET_YES] = 2, [RESET_GAUGE] = 3};

    bits_put(b, (uint64_t)flags[h->hint] << 6, 8);
    put_threshold(b, h->zero_threshold);
    put_varbit_int(b, h->schema);
    put_spans(b, h->positive_spans, h->n_positive_spans);
    put_spans(b, h->negative_spans, h->n_negative_spans);
    if (h->schema == HISTOGRAM_CUSTOM_SCHEMA)
        put_bounds(b, h);
}

/* A whole number as the change of its change; all of it begins at 0. */
struct whole_out {
    int64_t value, step;
};

static void put_whole(struct bits_out *b, struct whole_out *w, int64_t v, size_t i)
{
    int64_t step = i ? v - w->value : 0;

    put_varbit_int(b, i ? step - w->step : v);
    *w = (struct whole_out){v, step};
}

/* A count of observations: the first one has no sign. */
static void put_total(struct bits_out *b, struct whole_out *w, double v, size_t i)
{
    if (i > 0) {
        put_whole(b, w, (int64_t)v, i);
    } else {
        put_varbit_uint(b, (uint64_t)v);
        w->value = (int64_t)v;
    }
}

/* Each bucket as its difference to the one before it. */
static void put_whole_buckets(struct bits_out *b, struct whole_out *w, const double *v, uint32_t n,
                              size_t i)
{
    int64_t before = 0;

    for (uint32_t k = 0; k < n; k++) {
        put_whole(b, &w[k], (int64_t)v[k] - before, i);
        before = (int64_t)v[k];
    }
}

static void put_float(struct bits_out *b, struct xor_out *x, double v, size_t i)
{
    if (i > 0) {
        put_xor(b, x, v);
    } else {
        x->bits = double_bits(v);
        bits_put(b, x->bits, 64);
    }
}

/* A stale one behind others has no buckets, and its counts go on as they were. */
static void put_integers(struct bits_out *b, const unix_ms *times,
                         const struct histogram *const *hs, size_t n)
{
    uint32_t n_positive = hs[0]->n_positive;
    CLEANUP(mem_freep)
    struct whole_out *w = mem_array((size_t)n_positive + hs[0]->n_negative + 1, sizeof *w);
    struct whole_out t = {0}, count = {0}, zero = {0};
    struct xor_out sum = {0};

    for (size_t i = 0; i < n; i++) {
        const struct histogram *h = hs[i];

        put_whole(b, &t, times[i], i);
        if (i > 0 && is_stale(h->sum)) {
            put_varbit_int(b, 0);
            put_varbit_int(b, 0);
            put_float(b, &sum, h->sum, i);
            continue;
        }
        put_total(b, &count, h->count, i);
        put_total(b, &zero, h->zero_count, i);
        put_float(b, &sum, h->sum, i);
        put_whole_buckets(b, w, h->positive, h->n_positive, i);
        put_whole_buckets(b, w + n_positive, h->negative, h->n_negative, i);
    }
}

static void put_floats(struct bits_out *b, const unix_ms *times, const struct histogram *const *hs,
                       size_t n)
{
    size_t n_buckets = (size_t)hs[0]->n_positive + hs[0]->n_negative;
    CLEANUP(mem_freep) struct xor_out *x = mem_array(n_buckets + 3, sizeof *x);
    struct whole_out t = {0};

    for (size_t i = 0; i < n; i++) {
        const struct histogram *h = hs[i];
        struct xor_out *to = x + 3;

        put_whole(b, &t, times[i], i);
        put_float(b, &x[0], h->count, i);
        put_float(b, &x[1], h->zero_count, i);
        put_float(b, &x[2], h->sum, i);
        for (uint32_t k = 0; k < h->n_positive; k++)
            put_float(b, to++, h->positive[k], i);
        for (uint32_t k = 0; k < h->n_negative; k++)
            put_float(b, to++, h->negative[k], i);
    }
}

enum prom_encoding prom_encoding_of(const struct histogram *h)
{
    return !h ? PROM_XOR : h->kind == HISTOGRAM_INTEGER ? PROM_HISTOGRAM : PROM_FLOAT_HISTOGRAM;
}

void prom_histogram_put(const unix_ms *times, const struct histogram *const *hs, size_t n,
                        struct buf *out)
{
    struct bits_out b = {.out = out};

    put_count(out, n);
    put_layout(&b, hs[0]);
    if (prom_encoding_of(hs[0]) == PROM_HISTOGRAM)
        put_integers(&b, times, hs, n);
    else
        put_floats(&b, times, hs, n);
}

static bool same_spans(const struct histogram_span *a, uint32_t n_a, const struct histogram_span *b,
                       uint32_t n_b)
{
    if (n_a != n_b)
        return false;
    for (uint32_t i = 0; i < n_a; i++)
        if (a[i].offset != b[i].offset || a[i].length != b[i].length)
            return false;
    return true;
}

static bool same_layout(const struct histogram *a, const struct histogram *b)
{
    return a->schema == b->schema && a->zero_threshold == b->zero_threshold &&
           a->n_bounds == b->n_bounds &&
           (a->n_bounds == 0 ||
            memcmp(a->bounds, b->bounds, a->n_bounds * sizeof *a->bounds) == 0) &&
           same_spans(a->positive_spans, a->n_positive_spans, b->positive_spans,
                      b->n_positive_spans) &&
           same_spans(a->negative_spans, a->n_negative_spans, b->negative_spans,
                      b->n_negative_spans);
}

static bool none_falls(const double *a, const double *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!(b[i] >= a[i]))
            return false;
    return true;
}

bool prom_histogram_goes_on(const struct histogram *a, const struct histogram *b)
{
    if (a->kind != b->kind)
        return false;
    if (is_stale(a->sum) || is_stale(b->sum))
        return is_stale(b->sum);
    if (!same_layout(a, b))
        return false;
    if (a->hint == RESET_GAUGE || b->hint == RESET_GAUGE)
        return a->hint == b->hint;
    return b->hint != RESET_YES && b->count >= a->count && b->zero_count >= a->zero_count &&
           none_falls(a->positive, b->positive, a->n_positive) &&
           none_falls(a->negative, b->negative, a->n_negative);
}
