/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - numbers as bytes, the way all files of storage have them
 *
 * Fixed numbers are little-endian; uvarint is LEB128 (7 bits a byte, least first, at most 10
 * bytes); svarint is the same of the zigzag of a signed number. A struct wire reads foreign bytes:
 * whatever is wrong sets `bad`, yields zeroes from then on, and is checked once at the end.
 */
#ifndef TOCSIN_STORAGE_WIRE_PRIV_H
#define TOCSIN_STORAGE_WIRE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define UVARINT_MAX 10 /* bytes of the longest one */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files of storage are little-endian");

static inline uint16_t get_u16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t get_u32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t get_u64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint8_t *put_u16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline uint8_t *put_uvarint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)v | 0x80;
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline uint8_t *put_svarint(uint8_t *p, int64_t v)
{
    return put_uvarint(p, zigzag(v));
}

static inline unsigned uvarint_len(uint64_t v)
{
    return v == 0 ? 1 : (unsigned)(70 - __builtin_clzll(v)) / 7;
}

static inline unsigned bit_width(uint64_t v)
{
    return v == 0 ? 0 : (unsigned)(64 - __builtin_clzll(v));
}

static inline void buf_add_uvarint(struct buf *b, uint64_t v)
{
    uint8_t t[UVARINT_MAX];

    buf_add(b, t, (size_t)(put_uvarint(t, v) - t));
}

static inline void buf_add_svarint(struct buf *b, int64_t v)
{
    buf_add_uvarint(b, zigzag(v));
}

static inline void buf_add_u32(struct buf *b, uint32_t v)
{
    buf_add(b, &v, sizeof v);
}

static inline void buf_add_u64(struct buf *b, uint64_t v)
{
    buf_add(b, &v, sizeof v);
}

struct wire {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct wire wire_of(const void *p, size_t len)
{
    return (struct wire){p, (const uint8_t *)p + len, false};
}

static inline size_t wire_left(const struct wire *w)
{
    return (size_t)(w->end - w->p);
}

/* The next n bytes, or NULL (and bad) when there are not that many. */
static inline const uint8_t *wire_bytes(struct wire *w, size_t n)
{
    const uint8_t *p = w->p;

    if (w->bad || wire_left(w) < n) {
        w->bad = true;
        return NULL;
    }
    w->p += n;
    return p;
}

static inline uint8_t wire_u8(struct wire *w)
{
    const uint8_t *p = wire_bytes(w, 1);

    return p ? *p : 0;
}

static inline uint16_t wire_u16(struct wire *w)
{
    const uint8_t *p = wire_bytes(w, 2);

    return p ? get_u16(p) : 0;
}

static inline uint32_t wire_u32(struct wire *w)
{
    const uint8_t *p = wire_bytes(w, 4);

    return p ? get_u32(p) : 0;
}

static inline uint64_t wire_u64(struct wire *w)
{
    const uint8_t *p = wire_bytes(w, 8);

    return p ? get_u64(p) : 0;
}

static inline uint64_t wire_uvarint(struct wire *w)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = wire_u8(w);

        if (w->bad)
            return 0;
        v |= shift < 63 ? (uint64_t)(b & 0x7f) << shift : (uint64_t)(b & 1) << 63;
        if (b < 0x80)
            return v;
    }
    w->bad = true;
    return 0;
}

static inline int64_t wire_svarint(struct wire *w)
{
    return unzigzag(wire_uvarint(w));
}

static inline struct str wire_str(struct wire *w) /* uvarint length, bytes */
{
    uint64_t n = wire_uvarint(w);
    const uint8_t *p = n <= wire_left(w) ? wire_bytes(w, (size_t)n) : wire_bytes(w, SIZE_MAX);

    return p ? str_n((const char *)p, (size_t)n) : STR_NONE;
}

#endif
