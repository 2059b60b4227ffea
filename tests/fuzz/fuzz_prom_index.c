/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a Prometheus block as if all its checksums were right. What is taken must be in order.
 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "storage/prom_index_priv.h"

#define SERIES_LOOKED_AT 64

static void check_series(const struct prom_index *x, const struct prom_series *s)
{
    struct buf text = {0};

    must(s->n_labels > 0);
    for (size_t i = 0; i < s->n_labels; i++) {
        must(s->labels[i].name < x->n_symbols && s->labels[i].value < x->n_symbols);
        must(i == 0 || s->labels[i].name > s->labels[i - 1].name);
    }
    for (size_t i = 0; i < s->n_chunks; i++) {
        must(s->chunks[i].max >= s->chunks[i].min);
        must(i == 0 || s->chunks[i].min > s->chunks[i - 1].max);
    }
    prom_series_print(x, s, &text);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prom_index x = {.bytes = {(const char *)data, size}, .unchecked = true};
    struct prom_series s = {0};
    struct err err = {0};

    if (prom_index_open(&x, &err) < 0) {
        must(err.msg[0] != '\0');
        return 0;
    }
    for (size_t i = 1; i < x.n_symbols; i++)
        must(str_cmp(x.symbols[i - 1], x.symbols[i]) < 0);
    for (uint32_t i = 0; i < x.n_series && i < SERIES_LOOKED_AT; i++)
        if (prom_index_series(&x, i, &s, &err) == 0)
            check_series(&x, &s);
    prom_series_deinit(&s);
    prom_index_deinit(&x);
    return 0;
}
