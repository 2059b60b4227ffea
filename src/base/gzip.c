/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "base/must.h"

#define WINDOW_GZIP         (15 + 16) /* largest window, gzip header */
#define WINDOW_GZIP_OR_ZLIB (15 + 32) /* largest window, either header */
#define MEM_LEVEL           8         /* zlib's own default */
#define PIECE               ((size_t)65536)

static void end_inflate(z_stream *z)
{
    inflateEnd(z);
}

/* The next piece of input: zlib counts in unsigned ints. */
static void feed(z_stream *z, struct str *in)
{
    size_t n = in->len < UINT_MAX ? in->len : UINT_MAX;

    if (z->avail_in > 0)
        return;
    z->next_in = (Bytef *)(uintptr_t)in->p;
    z->avail_in = (uInt)n;
    in->p += n;
    in->len -= n;
}

/* Several gzip members one after the other are one stream (RFC 1952). */
static int inflate_all(z_stream *z, struct str in, size_t max, struct buf *out, struct err *err)
{
    size_t total = 0;
    int r;

    for (;;) {
        feed(z, &in);
        z->next_out = (Bytef *)buf_room(out, PIECE);
        z->avail_out = (uInt)PIECE;
        r = inflate(z, Z_NO_FLUSH);
        total += PIECE - z->avail_out;
        if (total > max)
            return err_set(err, -E2BIG, "decompressed body is larger than %zu bytes", max);
        out->len += PIECE - z->avail_out;
        out->p[out->len] = '\0';
        if (r == Z_STREAM_END && z->avail_in == 0 && in.len == 0)
            return 0;
        if (r == Z_STREAM_END)
            r = inflateReset(z);
        if (r == Z_BUF_ERROR || (r == Z_OK && z->avail_in == 0 && in.len == 0 && z->avail_out > 0))
            return err_set(err, -EINVAL, "compressed body ends early");
        if (r != Z_OK)
            return err_set(err, -EINVAL, "compressed body: %s", z->msg ? z->msg : "no gzip");
    }
}

int gzip_inflate(struct str in, size_t max, struct buf *out, struct err *err)
{
    CLEANUP(end_inflate) z_stream z = {0};
    size_t len_before = out->len;
    int r;

    must(inflateInit2(&z, WINDOW_GZIP_OR_ZLIB) == Z_OK);
    r = inflate_all(&z, in, max, out, err);
    if (r < 0)
        out->len = len_before;
    return r;
}

void gzip_deflate(struct str in, struct buf *out)
{
    z_stream z = {0};
    int r;

    must(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL, Z_DEFAULT_STRATEGY) ==
         Z_OK);
    do {
        feed(&z, &in);
        z.next_out = (Bytef *)buf_room(out, PIECE);
        z.avail_out = (uInt)PIECE;
        r = deflate(&z, in.len == 0 ? Z_FINISH : Z_NO_FLUSH);
        must(r == Z_OK || r == Z_STREAM_END);
        out->len += PIECE - z.avail_out;
        out->p[out->len] = '\0';
    } while (r != Z_STREAM_END);
    deflateEnd(&z);
}
