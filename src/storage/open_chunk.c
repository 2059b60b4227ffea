/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/open_chunk_priv.h"

#include <math.h>

#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/wire_priv.h"

/*
 * A token is a byte whose low two bits say what follows, its upper six are a small number:
 *
 *   RUN    n-1         the last value again, n times, at the last step
 *   STEP   difference  in tens of 10^-decimals to the value before, at the last step
 *   SHIFT  difference  as STEP; first an svarint by which the step is longer than the last one
 *   OTHER  0           decimals change: one byte, how many; the difference is to 0; then a token
 *          1           eight bytes, the value; at the last step
 *          2           an svarint as with SHIFT, then eight bytes
 *
 * A difference is its zigzag when that is below INLINE_MAX, else INLINE_MAX + k - 1 and k bytes of
 * it.
 */
enum token { TOKEN_RUN, TOKEN_STEP, TOKEN_SHIFT, TOKEN_OTHER };
enum token_other { OTHER_DECIMALS, OTHER_RAW, OTHER_RAW_SHIFT };

#define INLINE_MAX 48
#define RUN_MAX    64

bool open_chunk_takes(const struct tip *tip, unix_ms t)
{
    return tip->n == 0 || (tip->n < OPEN_SAMPLES_MAX && t - tip->last_t <= INT32_MAX);
}

/* How v is best written; *m is set unless it is raw. Looks for other decimals only after a value
 * that had some: a series of measurements with seventeen digits would search at every sample. */
static bool choose_decimals(const struct tip *tip, double v, unsigned *e, int64_t *m)
{
    *e = tip->decimals;
    if (decimal_of(v, *e, m))
        return true;
    if (tip->flags & TIP_RAW || !isfinite(v))
        return false;
    for (*e = 0; *e <= DECIMALS_MAX; ++*e)
        if (*e != tip->decimals && decimal_of(v, *e, m))
            return true;
    return false;
}

static int64_t last_whole(const struct tip *tip)
{
    int64_t m = 0;

    if (tip->n == 0 || tip->flags & TIP_RAW)
        return 0;
    must(decimal_of(double_of_bits(tip->last_bits), tip->decimals, &m));
    return m;
}

static uint8_t *put_value(uint8_t *p, int64_t m, int64_t before, int64_t more)
{
    uint64_t z = zigzag((int64_t)((uint64_t)m - (uint64_t)before));
    unsigned bytes = (bit_width(z) + 7) / 8,
             small = z < INLINE_MAX ? (unsigned)z : INLINE_MAX + bytes - 1;

    *p++ = (uint8_t)((more ? TOKEN_SHIFT : TOKEN_STEP) | small << 2);
    if (more)
        p = put_svarint(p, more);
    if (z < INLINE_MAX)
        return p;
    put_u64(p, z); /* the token has room for the bytes too many */
    return p + bytes;
}

static uint8_t *put_raw(uint8_t *p, double v, int64_t more)
{
    *p++ = (uint8_t)(TOKEN_OTHER | (more ? OTHER_RAW_SHIFT : OTHER_RAW) << 2);
    if (more)
        p = put_svarint(p, more);
    return put_u64(p, double_bits(v));
}

size_t open_chunk_append(struct tip *tip, unix_ms t, double v, uint8_t *last_byte, uint8_t *token)
{
    bool first = tip->n == 0, raw;
    int64_t step = first ? 0 : t - tip->last_t, more = first ? 0 : step - tip->step, m, before;
    uint8_t *p = token;
    unsigned e;

    if (first) {
        tip->decimals = 0;
        tip->flags = 0;
        tip->len = 0;
        p = put_u64(p, (uint64_t)t);
    }
    if (!first && more == 0 && double_bits(v) == tip->last_bits) {
        tip->n++;
        tip->last_t = t;
        if (tip->flags & TIP_RUN && *last_byte >> 2 < RUN_MAX - 1) {
            *last_byte += 1 << 2;
            return 0;
        }
        tip->flags |= TIP_RUN;
        *p = TOKEN_RUN;
        tip->len++;
        return 1;
    }
    raw = !choose_decimals(tip, v, &e, &m);
    if (raw) {
        p = put_raw(p, v, more);
    } else {
        before = last_whole(tip);
        if (e != tip->decimals) {
            *p++ = TOKEN_OTHER | OTHER_DECIMALS << 2;
            *p++ = (uint8_t)e;
            before = 0;
            tip->decimals = (uint8_t)e;
        }
        p = put_value(p, m, before, more);
    }
    tip->flags = raw ? TIP_RAW : 0;
    tip->n++;
    tip->step = (uint32_t)step;
    tip->last_t = t;
    tip->last_bits = double_bits(v);
    tip->len = (uint16_t)(tip->len + (p - token));
    return (size_t)(p - token);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct cursor {
    struct wire w;
    uint64_t t, step; /* unsigned: foreign numbers may wrap; the step to the first sample is 0 */
    uint64_t m;       /* what the next difference is to */
    unsigned decimals;
    double v;
};

static bool read_difference(struct cursor *c, unsigned small)
{
    uint64_t z = small;

    if (small >= INLINE_MAX) {
        unsigned bytes = small - INLINE_MAX + 1;
        const uint8_t *p = bytes <= 8 ? wire_bytes(&c->w, bytes) : NULL;

        if (!p)
            return false;
        z = 0;
        memcpy(&z, p, bytes);
    }
    c->m += (uint64_t)unzigzag(z);
    c->v = decimal_value((int64_t)c->m, c->decimals);
    return true;
}

static bool read_raw(struct cursor *c)
{
    c->v = double_of_bits(wire_u64(&c->w));
    c->m = 0;
    return !c->w.bad;
}

static bool read_decimals(struct cursor *c)
{
    unsigned e = wire_u8(&c->w);

    if (c->w.bad || e > DECIMALS_MAX)
        return false;
    c->decimals = e;
    c->m = 0;
    return true;
}

/* Reads tokens up to the end of one that yields a sample; *ret is how many samples it stands for.
 */
static bool read_token(struct cursor *c, size_t *ret)
{
    for (;;) {
        unsigned token = wire_u8(&c->w), small = token >> 2;

        if (c->w.bad)
            return false;
        *ret = 1;
        switch ((enum token)(token & 3)) {
        case TOKEN_RUN: *ret = small + 1; return true;
        case TOKEN_STEP: return read_difference(c, small);
        case TOKEN_SHIFT:
            c->step += (uint64_t)wire_svarint(&c->w);
            return read_difference(c, small);
        case TOKEN_OTHER: break;
        }
        if (small == OTHER_RAW_SHIFT)
            c->step += (uint64_t)wire_svarint(&c->w);
        if (small == OTHER_RAW || small == OTHER_RAW_SHIFT)
            return read_raw(c);
        if (small != OTHER_DECIMALS || !read_decimals(c))
            return false;
    }
}

/* Where samples go that are not before `from`. */
struct kept {
    unix_ms from;
    unix_ms *times;
    double *values;
    size_t n;
};

static void keep(struct kept *k, uint64_t t, double v)
{
    k->times[k->n] = (unix_ms)t;
    k->values[k->n++] = v;
}

/* Most tokens are differences at the last step: reads up to n of them without a branch on how long
 * they are, for which there have to be eight bytes to look at. Returns how many. */
static size_t read_steps(struct cursor *c, size_t n, struct kept *k)
{
    static const uint64_t masks[] = {0,
                                     0xff,
                                     0xffff,
                                     0xffffff,
                                     UINT32_MAX,
                                     UINT64_MAX >> 24,
                                     UINT64_MAX >> 16,
                                     UINT64_MAX >> 8,
                                     UINT64_MAX};
    const uint8_t *p = c->w.p;
    size_t i;

    for (i = 0; i < n && p < c->w.end && (*p & 3) == TOKEN_STEP; i++) {
        unsigned small = *p >> 2, bytes = small < INLINE_MAX ? 0 : small - INLINE_MAX + 1;
        bool at_end = c->w.end - p <= 8;
        uint64_t z = 0;

        if (bytes > (at_end ? 0 : 8))
            break;
        if (!at_end)
            z = get_u64(p + 1) & masks[bytes];
        p += 1 + bytes;
        c->m += (uint64_t)unzigzag(bytes ? z : small);
        c->t += c->step;
        if ((unix_ms)c->t >= k->from)
            keep(k, c->t, decimal_value((int64_t)c->m, c->decimals));
    }
    if (i > 0)
        c->v = decimal_value((int64_t)c->m, c->decimals);
    c->w.p = p;
    return i;
}

bool open_chunk_read(const uint8_t *bytes, size_t len, size_t n, unix_ms from, unix_ms *times,
                     double *values, size_t *ret_n)
{
    struct cursor c = {.w = wire_of(bytes, len)};
    struct kept k = {from, times, values, 0};

    c.t = wire_u64(&c.w);
    for (size_t i = 0; i < n;) {
        size_t count;

        i += read_steps(&c, n - i, &k);
        if (i == n)
            break;
        if (!read_token(&c, &count) || count > n - i)
            return false;
        for (; count > 0; count--, i++) {
            c.t += c.step;
            if ((unix_ms)c.t >= from)
                keep(&k, c.t, c.v);
        }
    }
    *ret_n = k.n;
    return !c.w.bad && c.w.p == c.w.end;
}
