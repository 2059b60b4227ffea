/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tombstones as they are in files and images: read, they are within bounds; what was read and joined
 * is the same when it was written and read once more.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "storage/stones_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire w = wire_of(data, size);
    struct stone *v = NULL;
    struct stones *s;
    size_t n = 0, cap = 0, again = 0;
    struct buf b = {0};

    (void)stones_get(&w, wire_uvarint(&w), &v, &n, &cap);
    s = stones_join(NULL, v, n);
    if (s) {
        stones_put(s->v, s->n, &b);
        w = wire_of(b.p, b.len);
        must(stones_get(&w, s->n, &v, &n, &cap));
        again = n - s->n;
        for (size_t i = 0; i < s->n; i++)
            must(v[again + i].series == s->v[i].series && v[again + i].from == s->v[i].from &&
                 v[again + i].to == s->v[i].to);
        must(stones_of(s, s->v[0].series).n > 0);
        must(stones_cover(stones_of(s, s->v[0].series), s->v[0].from, s->v[0].to));
    }
    stones_unref(s);
    buf_free(&b);
    free(v);
    return 0;
}
