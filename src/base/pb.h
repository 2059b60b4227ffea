/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pb - reads protobuf's wire format where it lies, copying nothing; and writes what little we send
 *
 * A message is a row of fields, each a key (number << 3 | type) and what its type says:
 *
 *     0  a varint: seven bits a byte, the lowest first, at most ten bytes
 *     1  eight bytes, the lowest first
 *     2  a varint, and as many bytes: text, a message, or numbers that are packed
 *     5  four bytes, the lowest first
 *
 * A caller takes field by field and goes by the key, so that number and type are checked at once:
 *
 *     struct pb p = pb_of(bytes);
 *     struct pb_field f;
 *
 *     while (pb_next(&p, &f))
 *         switch (f.key) {
 *         case PB_KEY(1, PB_BYTES): name = f.bytes; break;
 *         case PB_KEY(2, PB_VARINT): t = (int64_t)f.value; break;
 *         default: pb_skip(&p, &f, 2);
 *         }
 *     if (p.broken)
 *         ...
 *
 * What is broken ends the row and stays broken. Nesting is as deep as the caller has functions for.
 */
#ifndef TOCSIN_BASE_PB_H
#define TOCSIN_BASE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum pb_type { PB_VARINT, PB_FIXED64, PB_BYTES, PB_FIXED32 = 5 };

#define PB_KEY(number, type) ((uint64_t)(number) << 3 | (type))
#define PB_NUMBER_MAX        ((1u << 29) - 1) /* of a field */

struct pb {
    const unsigned char *p, *end; /* what was not read yet */
    bool broken;
};

struct pb_field {
    uint64_t key;
    uint64_t value;   /* of a varint or fixed one */
    struct str bytes; /* of PB_BYTES: within the message */
};

static inline struct pb pb_of(struct str message)
{
    const unsigned char *p = (const unsigned char *)message.p;

    return (struct pb){p, p ? p + message.len : p, false};
}

/* The next field; false at the end, or when what follows is no field. */
bool pb_next_slow(struct pb *r, struct pb_field *ret);

static inline bool pb_next(struct pb *r, struct pb_field *ret)
{
    size_t left = (size_t)(r->end - r->p);

    /* Nearly all fields of a request: numbers below 16, fewer than 128 bytes. */
    if (left >= 2 && (r->p[0] & 0x87) == PB_BYTES && r->p[0] >= PB_KEY(1, 0) && r->p[1] < 0x80 &&
        r->p[1] <= left - 2) {
        ret->key = r->p[0];
        ret->bytes = str_n((const char *)r->p + 2, r->p[1]);
        r->p += 2 + r->p[1];
        return true;
    }
    return pb_next_slow(r, ret);
}

/* For a field that the caller does not know. It may have any number above `known`; up to there a
 * field came in a type that it must not have, and the message is broken. */
void pb_skip(struct pb *r, const struct pb_field *f, unsigned known);

bool pb_read_varint(struct pb *r, uint64_t *ret);  /* one of packed numbers; false as pb_next() */
bool pb_read_fixed64(struct pb *r, uint64_t *ret); /* likewise */

void pb_break(struct pb *r); /* the caller found that the message means nothing */

/* Appends a field of text or of a message. */
void pb_add_bytes(struct buf *out, unsigned number, struct str bytes);

static inline int64_t pb_zigzag(uint64_t v) /* of sint32 and sint64 */
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
