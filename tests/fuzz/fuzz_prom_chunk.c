/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunk of Prometheus: the first byte is the encoding. What is taken is in order of time; what is
 * written again reads the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "model/histogram.h"
#include "storage/histogram_code_priv.h"
#include "storage/prom_chunk_priv.h"
#include "storage/samples_priv.h"

/* As far as a chunk of export would go; and that there is nothing but the hint that reads otherwise. */
static void write_histograms_again(const struct columns *c)
{
    struct columns again = {0};
    struct buf b = {0};
    size_t n = 1;

    while (n < c->n && prom_histogram_goes_on(c->histograms[n - 1], c->histograms[n]))
        n++;
    prom_histogram_put(c->times, c->histograms, n, &b);
    samples_begin(&again);
    must(prom_chunk_read(prom_encoding_of(c->histograms[0]), buf_str(&b), &again));
    must(again.n == n && memcmp(again.times, c->times, n * sizeof *c->times) == 0);
    for (size_t i = 0; i < n; i++) {
        struct histogram h = *c->histograms[i];

        h.hint = again.histograms[i]->hint;
        must(histogram_same(&h, again.histograms[i]));
    }
    buf_free(&b);
    columns_deinit(&again);
}

static void write_again(const struct columns *c)
{
    struct columns again = {0};
    struct buf b = {0};

    prom_xor_put(c->times, c->values, c->n, &b);
    samples_begin(&again);
    must(prom_chunk_read(PROM_XOR, buf_str(&b), &again));
    must(again.n == c->n);
    must(memcmp(again.times, c->times, c->n * sizeof *c->times) == 0);
    must(memcmp(again.values, c->values, c->n * sizeof *c->values) == 0);
    buf_free(&b);
    columns_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct columns c = {0};
    enum prom_encoding encoding;

    if (size < 1)
        return 0;
    encoding = (enum prom_encoding)(PROM_XOR + data[0] % 3);
    samples_begin(&c);
    if (prom_chunk_read(encoding, str_n((const char *)data + 1, size - 1), &c)) {
        must(c.n > 0);
        for (size_t i = 1; i < c.n; i++)
            must(c.times[i] > c.times[i - 1]);
        if (encoding == PROM_XOR)
            write_again(&c);
        else
            write_histograms_again(&c);
    }
    columns_deinit(&c);
    return 0;
}
