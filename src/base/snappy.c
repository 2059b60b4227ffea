/* SPDX-License-Identifier: Apache-2.0 */
#include "base/snappy.h"

#include <errno.h>

#include <snappy-c.h>

/* The densest element, three bytes long, stands for 64 bytes: what says more of itself lies. */
#define RATIO_MAX 22

static int broken(struct err *err)
{
    return err_set(err, -EBADMSG, "it is no snappy block");
}

int snappy_block_read(struct str in, size_t max, struct buf *out, struct err *err)
{
    size_t n;

    buf_reset(out);
    if (in.len == 0 || snappy_uncompressed_length(in.p, in.len, &n) != SNAPPY_OK)
        return broken(err);
    if (n > max)
        return err_set(err, -E2BIG, "it has %zu bytes decompressed, more than %zu", n, max);
    if (n / RATIO_MAX > in.len)
        return broken(err);
    if (snappy_uncompress(in.p, in.len, buf_room(out, n), &n) != SNAPPY_OK)
        return broken(err);
    out->len = n;
    return 0;
}
