/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/histogram_chunk_priv.h"

void histogram_chunk_append(const struct tip *tip, unix_ms t, const struct histogram *v,
                            const struct histogram *before, struct buf *out)
{
    if (tip->n == 0)
        buf_add_u64(out, (uint64_t)t);
    else
        buf_add_svarint(out, t - tip->last_t - tip->step);
    histogram_put(v, before, out);
}

bool histogram_chunk_read(const uint8_t *bytes, size_t len, size_t n, unix_ms *times,
                          struct histogram *histograms, struct arena *a)
{
    struct wire w = wire_of(bytes, len);
    uint64_t t = 0, step = 0; /* unsigned: foreign numbers may wrap */

    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            t = wire_u64(&w);
        else
            t += step += (uint64_t)wire_svarint(&w);
        times[i] = (unix_ms)t;
        if (!histogram_get(&w, i ? &histograms[i - 1] : NULL, a, &histograms[i]))
            return false;
    }
    return !w.bad && w.p == w.end;
}
