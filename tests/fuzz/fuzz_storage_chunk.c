/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of all kinds: first byte the kind, second and third how many samples, the rest is the
 * chunk. A column that was read is written again and must say the same.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"
#include "storage/open_chunk_priv.h"

static void look_at_values(const uint8_t *p, size_t size, size_t n)
{
    double *v = mem_array(n, sizeof *v), *again = mem_array(n, sizeof *again);
    struct wire w = wire_of(p, size);
    struct buf b = {0};

    if (column_get_values(&w, n, v)) {
        column_put_values(v, n, &b);
        w = wire_of(b.p, b.len);
        must(column_get_values(&w, n, again));
        for (size_t i = 0; i < n; i++)
            must(double_bits(v[i]) == double_bits(again[i]));
    }
    buf_free(&b);
    free(v);
    free(again);
}

static bool is_ascending(const unix_ms *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t[i] < -TIME_ABS_MAX || t[i] > TIME_ABS_MAX || (i > 0 && t[i] <= t[i - 1]))
            return false;
    return true;
}

static void look_at_times(const uint8_t *p, size_t size, size_t n)
{
    unix_ms *t = mem_array(n, sizeof *t), *again = mem_array(n, sizeof *again);
    struct wire w = wire_of(p, size);
    struct buf b = {0};

    if (column_get_times(&w, INT64_C(1700006400000), n, t) && is_ascending(t, n)) {
        column_put_times(t, n, &b);
        w = wire_of(b.p, b.len);
        must(column_get_times(&w, t[0], n, again));
        for (size_t i = 0; i < n; i++)
            must(t[i] == again[i]);
    }
    buf_free(&b);
    free(t);
    free(again);
}

static void look_at_open_chunk(const uint8_t *p, size_t size, size_t n)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];

    unix_ms part_times[OPEN_SAMPLES_MAX];
    double part[OPEN_SAMPLES_MAX];
    size_t all, some;

    n %= OPEN_SAMPLES_MAX + 1;
    if (!open_chunk_read(p, size, n, INT64_MIN, times, values, &all) || n == 0)
        return;
    must(all == n && open_chunk_read(p, size, n, times[n / 2], part_times, part, &some));
    must(some <= n);
    for (size_t i = 0, k = 0; i < n; i++)
        if (times[i] >= times[n / 2]) {
            must(part_times[k] == times[i] && double_bits(part[k]) == double_bits(values[i]));
            k++;
        }
}

static void look_at_histograms(const uint8_t *p, size_t size, size_t n)
{
    unix_ms *t = mem_array(n, sizeof *t);
    struct histogram *h = mem_array(n, sizeof *h), again;
    struct buf b = {0};
    struct wire w;
    struct arena a;

    arena_init(&a, 0);
    if (histogram_chunk_read(p, size, n, t, h, &a))
        for (size_t i = 0; i < n && i < 4; i++) {
            buf_reset(&b);
            histogram_put(&h[i], NULL, &b);
            w = wire_of(b.p, b.len);
            must(histogram_get(&w, NULL, &a, &again));
            must(again.kind == h[i].kind);
            must(histogram_is_stale(&h[i]) ? histogram_is_stale(&again)
                                           : histogram_same(&h[i], &again));
        }
    arena_deinit(&a);
    buf_free(&b);
    free(t);
    free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n;

    if (size < 3)
        return 0;
    n = 1 + get_u16(data + 1) % CHUNK_MAX;
    switch (data[0] % 4) {
    case 0: look_at_values(data + 3, size - 3, n); break;
    case 1: look_at_times(data + 3, size - 3, n); break;
    case 2: look_at_open_chunk(data + 3, size - 3, n); break;
    case 3: look_at_histograms(data + 3, size - 3, n); break;
    }
    return 0;
}
