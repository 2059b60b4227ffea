/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_chunk_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/histogram.h"
#include "model/sample.h"
#include "storage/samples_priv.h"

struct bits_in {
    const uint8_t *p;
    uint64_t at, end; /* bits */
    bool bad;         /* yields zeroes from then on */
};

static uint64_t get(struct bits_in *b, unsigned n)
{
    uint64_t v = 0;

    if (b->bad || b->end - b->at < n) {
        b->bad = true;
        return 0;
    }
    while (n > 0) {
        unsigned left = 8 - (unsigned)(b->at & 7), take = n < left ? n : left;
        uint8_t byte = (uint8_t)(b->p[b->at >> 3] << (8 - left));

        v = v << take | byte >> (8 - take);
        b->at += take;
        n -= take;
    }
    return v;
}

static uint64_t get_uvarint(struct bits_in *b)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70 && !b->bad; shift += 7) {
        uint64_t byte = get(b, 8);

        v |= shift < 63 ? (byte & 0x7f) << shift : (byte & 1) << 63;
        if (byte < 0x80)
            return v;
    }
    b->bad = true;
    return 0;
}

/* How many ones stand there, up to max; a zero behind fewer of them is taken too. */
static unsigned get_ones(struct bits_in *b, unsigned max)
{
    unsigned n = 0;

    while (n < max && get(b, 1))
        n++;
    return n;
}

/* A number of that many bits in the range -(2^(bits-1)-1) ... 2^(bits-1). */
static int64_t get_signed(struct bits_in *b, unsigned bits)
{
    uint64_t v = bits ? get(b, bits) : 0;

    if (bits > 0 && bits < 64 && v > UINT64_C(1) << (bits - 1))
        v -= UINT64_C(1) << bits;
    return (int64_t)v;
}

static const uint8_t varbit_widths[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};
#define VARBIT_ONES 8

static int64_t get_varbit_int(struct bits_in *b)
{
    return get_signed(b, varbit_widths[get_ones(b, VARBIT_ONES)]);
}

static uint64_t get_varbit_uint(struct bits_in *b)
{
    unsigned bits = varbit_widths[get_ones(b, VARBIT_ONES)];

    return bits ? get(b, bits) : 0;
}

/* A value as its difference in bits to the one before. */
struct xor_in {
    uint64_t bits;
    uint8_t lead, width; /* of the window; width 0: there was none yet */
};

static double get_xor(struct bits_in *b, struct xor_in *x)
{
    if (get(b, 1)) {
        if (get(b, 1)) {
            x->lead = (uint8_t)get(b, 5);
            x->width = (uint8_t)get(b, 6);
            x->width = x->width ? x->width : 64;
        }
        if (x->width == 0 || x->lead + x->width > 64)
            b->bad = true;
        else
            x->bits ^= get(b, x->width) << (64 - x->lead - x->width);
    }
    return double_of_bits(x->bits);
}

/* Whether a sample may have this time. */
static bool time_is_good(const struct columns *c, int64_t t)
{
    return t >= -PROM_TIME_MAX && t <= PROM_TIME_MAX && (c->n == 0 || t > c->times[c->n - 1]);
}

/* ---- floats -------------------------------------------------------------------------------- */

static bool read_floats(struct bits_in *b, size_t n, struct columns *c)
{
    static const uint8_t widths[] = {0, 14, 17, 20, 64};
    uint64_t t = 0, step = 0;
    struct xor_in x = {0};
    double v;

    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            t = (uint64_t)unzigzag(get_uvarint(b));
            x.bits = get(b, 64);
            v = double_of_bits(x.bits);
        } else {
            if (i == 1)
                step = get_uvarint(b);
            else
                step += (uint64_t)get_signed(b, widths[get_ones(b, ARRAY_LEN(widths) - 1)]);
            t += step;
            v = get_xor(b, &x);
        }
        if (b->bad || !time_is_good(c, (int64_t)t))
            return false;
        samples_add(c, (int64_t)t, v, NULL);
    }
    return true;
}

/* ---- histograms ---------------------------------------------------------------------------- */

struct layout {
    struct histogram h; /* counts point to `counts` */
    struct histogram_span *spans;
    double *bounds, *counts;
    size_t n_buckets;
};

static void layout_deinit(struct layout *l)
{
    free(l->spans);
    free(l->bounds);
    free(l->counts);
}

static double get_threshold(struct bits_in *b)
{
    unsigned code = (unsigned)get(b, 8);

    return code == 0 ? 0 : code == 255 ? double_of_bits(get(b, 64)) : ldexp(0.5, (int)code - 243);
}

/* Appends spans to l->spans, which holds n of them. */
static uint32_t get_spans(struct bits_in *b, struct layout *l, uint32_t n, uint32_t *ret_buckets)
{
    uint64_t more = get_varbit_uint(b), buckets = 0;

    if (more > PROM_BUCKETS_MAX) {
        b->bad = true;
        return 0;
    }
    l->spans = mem_resize(l->spans, n + (size_t)more + 1, sizeof *l->spans);
    for (uint64_t i = 0; i < more && !b->bad; i++) {
        uint64_t length = get_varbit_uint(b);
        int64_t offset = get_varbit_int(b);

        b->bad = b->bad || length > PROM_BUCKETS_MAX || offset < INT32_MIN || offset > INT32_MAX;
        buckets += length;
        b->bad = b->bad || buckets > PROM_BUCKETS_MAX;
        l->spans[n + i] = (struct histogram_span){(int32_t)offset, (uint32_t)length};
    }
    *ret_buckets = (uint32_t)buckets;
    return (uint32_t)more;
}

/* A bound that is a whole number of thousandths is that number plus one; others follow a 0. */
static void get_bounds(struct bits_in *b, struct layout *l)
{
    uint64_t n = get_varbit_uint(b);

    if (n > PROM_BUCKETS_MAX) {
        b->bad = true;
        return;
    }
    l->bounds = mem_array((size_t)n + 1, sizeof *l->bounds);
    for (uint64_t i = 0; i < n && !b->bad; i++) {
        uint64_t v = get_varbit_uint(b);

        l->bounds[i] = v ? (double)(v - 1) / 1000 : double_of_bits(get(b, 64));
    }
    l->h.n_bounds = (uint32_t)n;
}

static void get_layout(struct bits_in *b, struct layout *l)
{
    static const enum counter_reset_hint hints[] = {RESET_UNKNOWN, RESET_NO, RESET_YES,
                                                    RESET_GAUGE};
    int64_t schema;

    l->h.hint = hints[get(b, 8) >> 6];
    l->h.zero_threshold = get_threshold(b);
    schema = get_varbit_int(b);
    l->h.schema = (int32_t)schema;
    b->bad = b->bad || ((schema < -4 || schema > 8) && schema != HISTOGRAM_CUSTOM_SCHEMA);
    l->h.n_positive_spans = get_spans(b, l, 0, &l->h.n_positive);
    l->h.n_negative_spans = get_spans(b, l, l->h.n_positive_spans, &l->h.n_negative);
    if (schema == HISTOGRAM_CUSTOM_SCHEMA)
        get_bounds(b, l);
    if (b->bad)
        return; /* before anything is as large as it says */
    l->n_buckets = (size_t)l->h.n_positive + l->h.n_negative;
    l->counts = mem_array(l->n_buckets + 1, sizeof *l->counts);
    l->h.positive_spans = l->spans;
    l->h.negative_spans = l->spans ? l->spans + l->h.n_positive_spans : NULL;
    l->h.bounds = l->bounds;
    l->h.positive = l->counts;
    l->h.negative = l->counts + l->h.n_positive;
}

/* A stale one says only that. */
static void add_histogram(struct columns *c, int64_t t, struct layout *l)
{
    const struct histogram stale = {.kind = l->h.kind, .sum = stale_nan(), .hint = l->h.hint};

    samples_add(c, t, 0, is_stale(l->h.sum) ? &stale : &l->h);
    if (l->h.hint != RESET_GAUGE)
        l->h.hint = RESET_NO; /* a reset would have begun a chunk */
}

/* A stale one has none, unless the layout is its own. */
static bool has_buckets(const struct layout *l, size_t i)
{
    return i == 0 || !is_stale(l->h.sum);
}

/* A whole number, as the change of its change. */
struct whole {
    uint64_t value, step;
};

static uint64_t get_whole(struct bits_in *b, struct whole *w, size_t i)
{
    uint64_t d = (uint64_t)get_varbit_int(b);

    w->step = i == 1 ? d : w->step + d;
    w->value += w->step;
    return w->value;
}

/* Each bucket is written as its difference to the one before it, separately above and below zero. */
static bool sum_buckets(struct layout *l, const struct whole *deltas)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < l->n_buckets; k++) {
        sum = (k == l->h.n_positive ? 0 : sum) + deltas[k].value;
        l->counts[k] = (double)sum;
        if ((int64_t)sum < 0)
            return false;
    }
    return true;
}

static bool read_histograms(struct bits_in *b, size_t n, struct layout *l, struct columns *c)
{
    CLEANUP(mem_freep) struct whole *deltas = mem_array(l->n_buckets + 1, sizeof *deltas);
    struct whole t = {0}, count = {0}, zero = {0};
    struct xor_in sum = {0};

    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            t.value = (uint64_t)get_varbit_int(b);
            count.value = get_varbit_uint(b);
            zero.value = get_varbit_uint(b);
            sum.bits = get(b, 64);
            l->h.sum = double_of_bits(sum.bits);
        } else {
            get_whole(b, &t, i);
            get_whole(b, &count, i);
            get_whole(b, &zero, i);
            l->h.sum = get_xor(b, &sum);
        }
        for (size_t k = 0; k < l->n_buckets && has_buckets(l, i) && !b->bad; k++) {
            if (i == 0)
                deltas[k].value = (uint64_t)get_varbit_int(b);
            else
                get_whole(b, &deltas[k], i);
        }
        l->h.count = (double)count.value;
        l->h.zero_count = (double)zero.value;
        if (b->bad || !time_is_good(c, (int64_t)t.value) ||
            (!sum_buckets(l, deltas) && !is_stale(l->h.sum)))
            return false;
        histogram_make_integer(&l->h);
        add_histogram(c, (int64_t)t.value, l);
    }
    return true;
}

static double get_float(struct bits_in *b, struct xor_in *x, size_t i)
{
    if (i > 0)
        return get_xor(b, x);
    x->bits = get(b, 64);
    return double_of_bits(x->bits);
}

static bool read_float_histograms(struct bits_in *b, size_t n, struct layout *l, struct columns *c)
{
    CLEANUP(mem_freep) struct xor_in *buckets = mem_array(l->n_buckets + 1, sizeof *buckets);
    struct xor_in count = {0}, zero = {0}, sum = {0};
    struct whole t = {0};

    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            t.value = (uint64_t)get_varbit_int(b);
        else
            get_whole(b, &t, i);
        l->h.count = get_float(b, &count, i);
        l->h.zero_count = get_float(b, &zero, i);
        l->h.sum = get_float(b, &sum, i);
        for (size_t k = 0; k < l->n_buckets && has_buckets(l, i) && !b->bad; k++)
            l->counts[k] = get_float(b, &buckets[k], i);
        if (b->bad || !time_is_good(c, (int64_t)t.value))
            return false;
        add_histogram(c, (int64_t)t.value, l);
    }
    return true;
}

/* ---- chunks -------------------------------------------------------------------------------- */

bool prom_chunk_read(enum prom_encoding encoding, struct str data, struct columns *c)
{
    struct bits_in b = {.p = (const uint8_t *)data.p, .end = (uint64_t)data.len * 8};
    size_t n = (size_t)get(&b, 16);
    CLEANUP(layout_deinit) struct layout l = {0};

    if (b.bad || n == 0)
        return false;
    if (encoding == PROM_XOR)
        return read_floats(&b, n, c);
    get_layout(&b, &l);
    if (b.bad)
        return false;
    return encoding == PROM_HISTOGRAM ? read_histograms(&b, n, &l, c)
                                      : read_float_histograms(&b, n, &l, c);
}
