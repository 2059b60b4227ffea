/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pb.h"

#define VARINT_BYTES_MAX 10 /* 64 bits at seven a byte */

void pb_break(struct pb *r)
{
    r->broken = true;
    r->p = r->end;
}

bool pb_read_varint(struct pb *r, uint64_t *ret)
{
    uint64_t v = 0;

    if (r->p == r->end)
        return false;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && r->p < r->end; i++) {
        unsigned char byte = *r->p++;

        if (i == VARINT_BYTES_MAX - 1 && byte > 1) /* the tenth has one bit left */
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    pb_break(r);
    return false;
}

static bool read_fixed(struct pb *r, unsigned n, uint64_t *ret)
{
    uint64_t v = 0;

    if (r->p == r->end)
        return false;
    if ((size_t)(r->end - r->p) < n) {
        pb_break(r);
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)r->p[i] << (8 * i);
    r->p += n;
    *ret = v;
    return true;
}

bool pb_read_fixed64(struct pb *r, uint64_t *ret)
{
    return read_fixed(r, 8, ret);
}

static bool read_bytes(struct pb *r, struct str *ret)
{
    uint64_t n;

    if (!pb_read_varint(r, &n))
        return false;
    if (n > (size_t)(r->end - r->p)) {
        pb_break(r);
        return false;
    }
    *ret = str_n((const char *)r->p, (size_t)n);
    r->p += n;
    return true;
}

bool pb_next_slow(struct pb *r, struct pb_field *ret)
{
    bool ok;

    if (!pb_read_varint(r, &ret->key))
        return false;
    if (ret->key < PB_KEY(1, 0) || ret->key > PB_KEY(PB_NUMBER_MAX, 7)) {
        pb_break(r);
        return false;
    }
    switch (ret->key & 7) {
    case PB_VARINT: ok = pb_read_varint(r, &ret->value); break;
    case PB_FIXED64: ok = read_fixed(r, 8, &ret->value); break;
    case PB_BYTES: ok = read_bytes(r, &ret->bytes); break;
    case PB_FIXED32: ok = read_fixed(r, 4, &ret->value); break;
    default: ok = false; /* groups: no format of today has them */
    }
    if (!ok)
        pb_break(r); /* also when the message ends behind the key */
    return ok;
}

void pb_skip(struct pb *r, const struct pb_field *f, unsigned known)
{
    if (f->key < PB_KEY(known + 1, 0))
        pb_break(r);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void add_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_byte(out, (char)(v | 0x80));
    buf_add_byte(out, (char)v);
}

void pb_add_bytes(struct buf *out, unsigned number, struct str bytes)
{
    add_varint(out, PB_KEY(number, PB_BYTES));
    add_varint(out, bytes.len);
    buf_add_str(out, bytes);
}
