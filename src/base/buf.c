/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

#define BUF_LEAST 64 /* bytes of the first allocation */

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->p)
        b->p[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
    size_t need, cap;

    must(n < SIZE_MAX / 2 && b->len < SIZE_MAX / 2);
    need = b->len + n + 1;
    if (need > b->cap) {
        cap = b->cap ? b->cap + b->cap / 2 : BUF_LEAST;
        if (cap < need)
            cap = need;
        b->p = mem_resize(b->p, cap, 1);
        b->cap = cap;
    }
    return b->p + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (b->max > 0 && n > b->max - (b->len < b->max ? b->len : b->max)) {
        n = b->len < b->max ? b->max - b->len : 0;
        b->overflow = true;
    }
    if (n == 0)
        return;
    memcpy(buf_room(b, n), p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.len);
}

void buf_add_c(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_byte(struct buf *b, char c)
{
    if (b->len + 1 < b->cap && b->max == 0) {
        b->p[b->len++] = c;
        b->p[b->len] = '\0';
        return;
    }
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
    char small[256]; /* most pieces fit; a longer one is formatted twice */
    CLEANUP(mem_freep) char *large = NULL;
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(small, sizeof small, fmt, ap);
    must(n >= 0);
    if ((size_t)n >= sizeof small) {
        large = mem_alloc((size_t)n + 1);
        vsnprintf(large, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    buf_add(b, large ? large : small, (size_t)n);
}

void buf_add_utf8(struct buf *b, uint32_t c)
{
    char out[4];
    size_t n = 0;

    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else {
        if (c < 0x800) {
            out[n++] = (char)(0xc0 | c >> 6);
        } else {
            if (c < 0x10000) {
                out[n++] = (char)(0xe0 | c >> 12);
            } else {
                out[n++] = (char)(0xf0 | c >> 18);
                out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
            }
            out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        }
        out[n++] = (char)(0x80 | (c & 0x3f));
    }
    buf_add(b, out, n);
}

char *buf_take(struct buf *b)
{
    char *p = b->p ? b->p : mem_strdup("");

    *b = (struct buf){.max = b->max};
    return p;
}
