/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bytes that grow
 *
 * A buf that is all zeroes is empty and valid. It may have a limit: what would go beyond it is left
 * out and `overflow` is set, so that a writer checks once at its end. Always zero-terminated after
 * the first byte (the zero is not counted), so b.p can go to libc.
 */
#ifndef TOCSIN_BASE_BUF_H
#define TOCSIN_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t len;
    size_t cap;
    size_t max; /* 0: no limit */
    bool overflow;
};

void buf_free(struct buf *b);  /* frees the bytes and leaves an empty buf with the same limit */
void buf_reset(struct buf *b); /* empties, keeps the memory */
char *buf_room(struct buf *b, size_t n); /* space for n more bytes after len; caller adds to len */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_add_utf8(struct buf *b, uint32_t code_point);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->len};
}

char *buf_take(struct buf *b); /* hands over the zero-terminated bytes ("" when empty), empties b */

#endif
