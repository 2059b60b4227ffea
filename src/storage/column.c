/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/column_priv.h"

#include <math.h>

#include "base/must.h"
#include "model/sample.h"
#include "storage/pack_priv.h"

enum times_kind { TIMES_REGULAR, TIMES_LINEAR, TIMES_DELTA };

#define VALUES_SPECIAL                                                                             \
    8 /* flag beside the kind: a list of values that the column does not hold   \
                          */
#define FRAME_OUTLIERS 0x80 /* flag beside the width */
#define OUTLIERS_SIDE  3    /* looked for at each end of a frame */

const double decimal_powers[DECIMALS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

#define EXACT_MAX 9007199254740992.0    /* 2^53 */
#define WHOLE_MAX 2305843009213693952.0 /* 2^61: the difference of two fits in 64 bits */

bool decimal_of(double v, unsigned e, int64_t *ret)
{
    double scaled = v * decimal_powers[e];
    int64_t m;

    if (!(fabs(scaled) < (e == 0 ? WHOLE_MAX : EXACT_MAX)))
        return false;
    m = (int64_t)(scaled + (scaled < 0 ? -0.5 : 0.5));
    if (double_bits(decimal_value(m, e)) != double_bits(v))
        return false;
    *ret = m;
    return true;
}

/* ---- frames -------------------------------------------------------------------------------- */

struct frame {
    int64_t least; /* of those that are no outliers */
    unsigned width;
    unsigned n_outliers;
    uint8_t outliers[2 * OUTLIERS_SIDE]; /* positions */
    size_t bytes;
};

/* The positions of the three least and the three greatest numbers. */
struct extremes {
    uint8_t low[OUTLIERS_SIDE + 1], high[OUTLIERS_SIDE + 1];
};

static void find_extremes(const int64_t *d, size_t n, struct extremes *x)
{
    unsigned n_low = 0, n_high = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned k;

        if (n_low <= OUTLIERS_SIDE || d[i] < d[x->low[OUTLIERS_SIDE]]) {
            k = n_low <= OUTLIERS_SIDE ? n_low++ : OUTLIERS_SIDE;
            for (; k > 0 && d[i] < d[x->low[k - 1]]; k--)
                x->low[k] = x->low[k - 1];
            x->low[k] = (uint8_t)i;
        }
        if (n_high <= OUTLIERS_SIDE || d[i] > d[x->high[OUTLIERS_SIDE]]) {
            k = n_high <= OUTLIERS_SIDE ? n_high++ : OUTLIERS_SIDE;
            for (; k > 0 && d[i] > d[x->high[k - 1]]; k--)
                x->high[k] = x->high[k - 1];
            x->high[k] = (uint8_t)i;
        }
    }
}

static size_t outlier_bytes(int64_t d, int64_t least)
{
    return 1 + uvarint_len(zigzag((int64_t)((uint64_t)d - (uint64_t)least)));
}

/* What the frame costs when the n_low least and n_high greatest numbers are outliers. */
static void try_frame(const int64_t *d, size_t n, const struct extremes *x, unsigned n_low,
                      unsigned n_high, struct frame *best)
{
    struct frame f = {.least = d[x->low[n_low]]};

    f.width = bit_width((uint64_t)d[x->high[n_high]] - (uint64_t)f.least);
    f.bytes = uvarint_len(zigzag(f.least)) + 1 + pack_bytes(n, f.width) + (n_low + n_high > 0);
    for (unsigned k = 0; k < n_low; k++)
        f.bytes += outlier_bytes(d[x->low[k]], f.least);
    for (unsigned k = 0; k < n_high; k++)
        f.bytes += outlier_bytes(d[x->high[k]], f.least);
    if (f.bytes >= best->bytes)
        return;
    for (unsigned k = 0; k < n_low; k++)
        f.outliers[f.n_outliers++] = x->low[k];
    for (unsigned k = 0; k < n_high; k++)
        f.outliers[f.n_outliers++] = x->high[k];
    *best = f;
}

/* Below this many numbers, or when all lie this close, outliers cannot pay. */
#define OUTLIERS_FROM  16
#define OUTLIERS_WIDTH 2

static void plan_frame(const int64_t *d, size_t n, struct frame *f)
{
    int64_t least = d[0], most = d[0];
    struct extremes x;

    for (size_t i = 1; i < n; i++) {
        least = d[i] < least ? d[i] : least;
        most = d[i] > most ? d[i] : most;
    }
    *f = (struct frame){.least = least, .width = bit_width((uint64_t)most - (uint64_t)least)};
    f->bytes = uvarint_len(zigzag(least)) + 1 + pack_bytes(n, f->width);
    if (n < OUTLIERS_FROM || f->width <= OUTLIERS_WIDTH)
        return;
    find_extremes(d, n, &x);
    for (unsigned low = 0; low <= OUTLIERS_SIDE; low++)
        for (unsigned high = low == 0; high <= OUTLIERS_SIDE; high++)
            try_frame(d, n, &x, low, high, f);
}

static uint8_t *put_frame(const int64_t *d, size_t n, const struct frame *f, uint8_t *p)
{
    uint64_t above[FRAME_MAX];

    p = put_svarint(p, f->least);
    *p++ = (uint8_t)(f->width | (f->n_outliers > 0 ? FRAME_OUTLIERS : 0));
    for (size_t i = 0; i < n; i++)
        above[i] = (uint64_t)d[i] - (uint64_t)f->least;
    for (unsigned k = 0; k < f->n_outliers; k++)
        above[f->outliers[k]] = 0;
    pack_put(above, n, f->width, p);
    p += pack_bytes(n, f->width);
    if (f->n_outliers == 0)
        return p;
    *p++ = (uint8_t)f->n_outliers;
    for (unsigned k = 0; k < f->n_outliers; k++) {
        *p++ = f->outliers[k];
        p = put_svarint(p, (int64_t)((uint64_t)d[f->outliers[k]] - (uint64_t)f->least));
    }
    return p;
}

/* Sets above[i] to the differences to *least; not when *flat, then all are nought: counters that
 * grow evenly, times without jitter. */
static bool get_frame(struct wire *w, size_t n, int64_t *least, bool *flat, uint64_t *above)
{
    unsigned width, outliers;
    const uint8_t *bits;

    *least = wire_svarint(w);
    width = wire_u8(w);
    outliers = width & FRAME_OUTLIERS;
    width &= ~(unsigned)FRAME_OUTLIERS;
    if (width > 64)
        return false;
    bits = wire_bytes(w, pack_bytes(n, width));
    if (!bits)
        return false;
    *flat = width == 0 && !outliers;
    if (*flat)
        return !w->bad;
    pack_get(bits, w->end, n, width, above);
    if (outliers) {
        for (unsigned k = wire_u8(w); k > 0 && !w->bad; k--) {
            uint8_t at = wire_u8(w);

            if (at >= n)
                return false;
            above[at] = (uint64_t)wire_svarint(w);
        }
    }
    return !w->bad;
}

#define RAMP_STEP 8 /* numbers that the inner loop below makes at a time, as vectors */

/* out[i] = from + i * step. Unsigned: foreign numbers may wrap, and are seen later. */
static void ramp(uint64_t from, uint64_t step, size_t n, uint64_t *out)
{
    uint64_t ahead[RAMP_STEP];
    size_t i = 0;

    for (size_t j = 0; j < RAMP_STEP; j++)
        ahead[j] = j * step;
    for (; i + RAMP_STEP <= n; i += RAMP_STEP, from += RAMP_STEP * step)
        for (size_t j = 0; j < RAMP_STEP; j++)
            out[i + j] = from + ahead[j];
    for (; i < n; i++, from += step)
        out[i] = from;
}

/* out[i] = from + the first i + 1 of d. */
static void running_sum(uint64_t from, const uint64_t *d, size_t n, uint64_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = from += d[i];
}

/* Bytes that any column of n numbers fits in: 10 a number and the heads of the frames. */
static size_t column_room(size_t n)
{
    return 64 + 10 * n +
           (n / FRAME_MAX + 1) * (UVARINT_MAX + 2 + 2 * OUTLIERS_SIDE * (UVARINT_MAX + 1));
}

static size_t frames_bytes(const int64_t *d, size_t n)
{
    size_t sum = 0;
    struct frame f;

    for (size_t i = 0; i < n; i += FRAME_MAX) {
        plan_frame(d + i, n - i < FRAME_MAX ? n - i : FRAME_MAX, &f);
        sum += f.bytes;
    }
    return sum;
}

static uint8_t *put_frames(const int64_t *d, size_t n, uint8_t *p)
{
    struct frame f;

    for (size_t i = 0; i < n; i += FRAME_MAX) {
        size_t k = n - i < FRAME_MAX ? n - i : FRAME_MAX;

        plan_frame(d + i, k, &f);
        p = put_frame(d + i, k, &f, p);
    }
    return p;
}

/* ---- times --------------------------------------------------------------------------------- */

static void put_done(struct buf *out, const uint8_t *end)
{
    out->len = (size_t)((const char *)end - out->p);
    out->p[out->len] = '\0';
}

void column_put_times(const unix_ms *t, size_t n, struct buf *out)
{
    int64_t delta[CHUNK_MAX], off[CHUNK_MAX], step;
    bool regular = true;
    uint8_t *p;

    must(n > 0 && n <= CHUNK_MAX);
    p = (uint8_t *)buf_room(out, column_room(n));
    step = n > 1 ? t[1] - t[0] : 0;
    for (size_t i = 1; i < n; i++) {
        delta[i - 1] = t[i] - t[i - 1];
        regular = regular && delta[i - 1] == step;
    }
    if (regular) {
        *p++ = TIMES_REGULAR;
        put_done(out, put_uvarint(p, (uint64_t)step));
        return;
    }
    step = (t[n - 1] - t[0] + (int64_t)(n - 1) / 2) / (int64_t)(n - 1);
    for (size_t i = 1; i < n; i++)
        off[i - 1] = t[i] - t[0] - step * (int64_t)i;
    if (frames_bytes(off, n - 1) + uvarint_len((uint64_t)step) < frames_bytes(delta, n - 1)) {
        *p++ = TIMES_LINEAR;
        p = put_frames(off, n - 1, put_uvarint(p, (uint64_t)step));
    } else {
        *p++ = TIMES_DELTA;
        p = put_frames(delta, n - 1, p);
    }
    put_done(out, p);
}

/* One frame of times, the first of them number i. Returns false when it is none. */
static bool get_times_frame(struct wire *w, enum times_kind kind, uint64_t first, uint64_t step,
                            size_t i, size_t n, uint64_t *out)
{
    uint64_t above[FRAME_MAX], before = out[-1];
    int64_t least;
    bool flat;

    if (!get_frame(w, n, &least, &flat, above))
        return false;
    if (kind == TIMES_LINEAR) {
        ramp(first + step * i + (uint64_t)least, step, n, out);
        for (size_t j = 0; !flat && j < n; j++)
            out[j] += above[j];
    } else if (flat) {
        ramp(before + (uint64_t)least, (uint64_t)least, n, out);
    } else {
        for (size_t j = 0; j < n; j++)
            above[j] += (uint64_t)least;
        running_sum(before, above, n, out);
    }
    return true;
}

bool column_get_times(struct wire *w, unix_ms first, size_t n, unix_ms *out)
{
    unsigned kind = wire_u8(w);
    uint64_t step = kind == TIMES_DELTA ? 0 : wire_uvarint(w);
    uint64_t *t = (uint64_t *)out;

    if (w->bad || kind > TIMES_DELTA || n == 0)
        return false;
    if (kind == TIMES_REGULAR) {
        ramp((uint64_t)first, step, n, t);
        return n == 1 || out[n - 1] > first;
    }
    out[0] = first;
    for (size_t i = 1; i < n; i += FRAME_MAX)
        if (!get_times_frame(w, kind, (uint64_t)first, step, i,
                             n - i < FRAME_MAX ? n - i : FRAME_MAX, t + i))
            return false;
    return true;
}

/* ---- values -------------------------------------------------------------------------------- */

/* A column as whole numbers m / 10^e, and the places where it has something else. */
struct decimals {
    unsigned e;
    size_t n_special;
    uint16_t special[CHUNK_MAX / 8 + 4]; /* more of them, and the column is not decimal */
    int64_t m[CHUNK_MAX];
};

/* The least e' > e that v is a decimal of. */
static bool find_decimals(double v, unsigned e, unsigned *ret)
{
    int64_t m;

    if (!(fabs(v) < EXACT_MAX))
        return false;
    while (++e <= DECIMALS_MAX)
        if (decimal_of(v, e, &m)) {
            *ret = e;
            return true;
        }
    return false;
}

/* Special places repeat their neighbour, which costs nothing. */
static void fill_special(struct decimals *d, size_t n)
{
    size_t k = 0;
    int64_t last = 0;

    while (k < d->n_special && d->special[k] == k)
        k++;
    if (k < n)
        last = d->m[k];
    for (size_t i = 0; i < k; i++)
        d->m[i] = last;
    for (size_t i = k; i < n; i++) {
        if (k < d->n_special && d->special[k] == i)
            d->m[i] = last, k++;
        last = d->m[i];
    }
}

static bool to_decimals(const double *v, size_t n, struct decimals *d)
{
    size_t most = n / 8 + 2;

    d->e = 0;
    d->n_special = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned e;

        if (decimal_of(v[i], d->e, &d->m[i]))
            continue;
        if (find_decimals(v[i], d->e, &e)) {
            /* All over again with more digits: what was a decimal before is one now, unless too
             * large. */
            d->e = e;
            d->n_special = 0;
            i = SIZE_MAX;
            continue;
        }
        if (d->n_special == most)
            return false;
        d->special[d->n_special++] = (uint16_t)i;
    }
    fill_special(d, n);
    return true;
}

static size_t xor_bytes(const double *v, size_t n)
{
    size_t sum = 8;

    for (size_t i = 1; i < n; i += FRAME_MAX) {
        size_t k = n - i < FRAME_MAX ? n - i : FRAME_MAX;
        uint64_t any = 0;

        for (size_t j = i; j < i + k; j++)
            any |= double_bits(v[j]) ^ double_bits(v[j - 1]);
        sum += 2 + (any ? pack_bytes(k, bit_width(any) - (unsigned)__builtin_ctzll(any)) : 0);
    }
    return sum;
}

static uint8_t *put_xor(const double *v, size_t n, uint8_t *p)
{
    *p++ = VALUES_XOR;
    p = put_u64(p, double_bits(v[0]));
    for (size_t i = 1; i < n; i += FRAME_MAX) {
        size_t k = n - i < FRAME_MAX ? n - i : FRAME_MAX;
        uint64_t x[FRAME_MAX], any = 0;
        unsigned low, width;

        for (size_t j = 0; j < k; j++)
            any |= x[j] = double_bits(v[i + j]) ^ double_bits(v[i + j - 1]);
        low = any ? (unsigned)__builtin_ctzll(any) : 0;
        width = bit_width(any >> low);
        for (size_t j = 0; j < k; j++)
            x[j] >>= low;
        *p++ = (uint8_t)width;
        *p++ = (uint8_t)low;
        pack_put(x, k, width, p);
        p += pack_bytes(k, width);
    }
    return p;
}

static bool get_xor(struct wire *w, size_t n, double *out)
{
    uint64_t bits = wire_u64(w), x[FRAME_MAX];

    out[0] = double_of_bits(bits);
    for (size_t i = 1; i < n; i += FRAME_MAX) {
        size_t k = n - i < FRAME_MAX ? n - i : FRAME_MAX;
        unsigned width = wire_u8(w), low = wire_u8(w);
        const uint8_t *p = width + low <= 64 ? wire_bytes(w, pack_bytes(k, width)) : NULL;

        if (!p)
            return false;
        pack_get(p, w->end, k, width, x);
        low &= 63; /* 64 only with width 0 */
        for (size_t j = 0; j < k; j++)
            out[i + j] = double_of_bits(bits ^= x[j] << low);
    }
    return !w->bad;
}

static uint8_t *put_special(const double *v, const struct decimals *d, uint8_t *p)
{
    size_t before = 0;

    if (d->n_special == 0)
        return p;
    p = put_uvarint(p, d->n_special);
    for (size_t k = 0; k < d->n_special; k++) {
        p = put_uvarint(p, d->special[k] - before);
        p = put_u64(p, double_bits(v[d->special[k]]));
        before = d->special[k];
    }
    return p;
}

static bool get_special(struct wire *w, size_t n, double *out)
{
    uint64_t count = wire_uvarint(w), at = 0;

    for (; count > 0 && !w->bad; count--) {
        uint64_t bits, gap = wire_uvarint(w);

        bits = wire_u64(w);
        if (w->bad || gap >= n || at + gap >= n)
            return false;
        at += gap;
        out[at] = double_of_bits(bits);
    }
    return !w->bad;
}

/* Bits that are set in any of them. */
static uint64_t all_bits(const int64_t *d, size_t n)
{
    uint64_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= (uint64_t)d[i];
    return any;
}

void column_put_values(const double *v, size_t n, struct buf *out)
{
    int64_t delta[CHUNK_MAX], off[CHUNK_MAX];
    struct decimals d;
    unsigned shift, special;
    uint64_t bits;
    size_t by_delta, by_off;
    enum values_kind kind;
    uint8_t *p;

    must(n > 0 && n <= CHUNK_MAX);
    p = (uint8_t *)buf_room(out, column_room(n));
    if (!to_decimals(v, n, &d)) {
        put_done(out, put_xor(v, n, p));
        return;
    }
    for (size_t i = 1; i < n; i++) {
        delta[i - 1] = d.m[i] - d.m[i - 1];
        off[i - 1] = d.m[i] - d.m[0];
    }
    bits = all_bits(delta, n - 1);
    shift = bits ? (unsigned)__builtin_ctzll(bits) : 0; /* divides the sums of them too */
    for (size_t i = 0; shift > 0 && i < n - 1; i++) {
        delta[i] >>= shift;
        off[i] >>= shift;
    }
    by_delta = frames_bytes(delta, n - 1);
    by_off = frames_bytes(off, n - 1);
    special = d.n_special > 0 ? VALUES_SPECIAL : 0;
    if ((by_off < by_delta ? by_off : by_delta) > xor_bytes(v, n)) {
        put_done(out, put_xor(v, n, p));
        return;
    }
    kind = by_off < by_delta ? VALUES_PLAIN : VALUES_DELTA;
    if (bits == 0)
        kind = VALUES_CONSTANT;
    *p++ = (uint8_t)(kind | special | d.e << 4);
    p = put_svarint(p, d.m[0]);
    if (kind != VALUES_CONSTANT) {
        *p++ = (uint8_t)shift;
        p = put_frames(kind == VALUES_PLAIN ? off : delta, n - 1, p);
    }
    put_done(out, put_special(v, &d, p));
}

/* Whole numbers within +-2^51 become doubles by having the bits of 1.5 * 2^52 added, and that number
 * taken away: two instructions that work on vectors, where the conversion itself does not. */
#define SMALL_HALF  (UINT64_C(1) << 51)
#define SMALL_BITS  UINT64_C(0x4338000000000000)
#define SMALL_VALUE 6755399441055744.0

static bool all_small(const uint64_t *m, size_t n)
{
    uint64_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= m[i] + SMALL_HALF;
    return any < 2 * SMALL_HALF;
}

static void to_doubles(const uint64_t *m, size_t n, double *out)
{
    if (!all_small(m, n)) {
        for (size_t i = 0; i < n; i++)
            out[i] = (double)(int64_t)m[i];
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = double_of_bits(m[i] + SMALL_BITS) - SMALL_VALUE;
}

static void scale(const uint64_t *m, size_t n, unsigned e, double *out)
{
    double by = decimal_powers[e];

    to_doubles(m, n, out);
    for (size_t i = 0; e > 0 && i < n; i++)
        out[i] /= by;
}

/* One frame of whole numbers. `first` and `before`: the first of the column, the one before. */
static bool get_whole_frame(struct wire *w, enum values_kind kind, uint64_t first, uint64_t before,
                            unsigned shift, size_t n, uint64_t *out)
{
    uint64_t above[FRAME_MAX], low;
    int64_t least;
    bool flat;

    if (!get_frame(w, n, &least, &flat, above))
        return false;
    low = (uint64_t)least << shift;
    if (flat) {
        if (kind == VALUES_PLAIN)
            ramp(first + low, 0, n, out);
        else
            ramp(before + low, low, n, out);
        return true;
    }
    for (size_t i = 0; i < n; i++)
        above[i] = low + (above[i] << shift);
    if (kind == VALUES_DELTA)
        running_sum(before, above, n, out);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = first + above[i];
    return true;
}

static bool get_decimals(struct wire *w, enum values_kind kind, unsigned e, size_t n, double *out)
{
    uint64_t m[FRAME_MAX], first = (uint64_t)wire_svarint(w), before = first;
    unsigned shift;

    out[0] = decimal_value((int64_t)first, e);
    if (kind == VALUES_CONSTANT) {
        for (size_t i = 1; i < n; i++)
            out[i] = out[0];
        return !w->bad;
    }
    shift = wire_u8(w);
    if (shift > 63)
        return false;
    for (size_t i = 1; i < n; i += FRAME_MAX) {
        size_t k = n - i < FRAME_MAX ? n - i : FRAME_MAX;

        if (!get_whole_frame(w, kind, first, before, shift, k, m))
            return false;
        before = m[k - 1];
        scale(m, k, e, out + i);
    }
    return !w->bad;
}

bool column_get_values(struct wire *w, size_t n, double *out)
{
    unsigned head = wire_u8(w), kind = column_values_kind((uint8_t)head), e = head >> 4;

    if (w->bad || n == 0 || kind > VALUES_XOR)
        return false;
    if (kind == VALUES_XOR)
        return get_xor(w, n, out);
    if (!get_decimals(w, kind, e, n, out))
        return false;
    return !(head & VALUES_SPECIAL) || get_special(w, n, out);
}
