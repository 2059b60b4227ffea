/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment of Prometheus' log as if all its checksums were right. What is told must make sense.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "base/must.h"
#include "model/histogram.h"
#include "model/metadata.h"
#include "storage/prom_chunk_priv.h"
#include "storage/prom_wal_priv.h"

static int check_series(void *self, uint64_t ref, const struct label *labels, size_t n,
                        struct err *err)
{
    must(n > 0 && n <= LABEL_COUNT_MAX);
    for (size_t i = 0; i < n; i++) {
        must(labels[i].name.len > 0 && str_is_utf8(labels[i].value));
        must(i == 0 || str_cmp(labels[i - 1].name, labels[i].name) < 0);
    }
    return 0;
}

static uint64_t buckets_of(const struct histogram_span *spans, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += spans[i].length;
    return sum;
}

static int check_sample(void *self, uint64_t ref, unix_ms t, double v, const struct histogram *h,
                        struct err *err)
{
    double sum = 0;

    must(t >= -PROM_TIME_MAX && t <= PROM_TIME_MAX);
    if (!h)
        return 0;
    must(buckets_of(h->positive_spans, h->n_positive_spans) == h->n_positive);
    must(buckets_of(h->negative_spans, h->n_negative_spans) == h->n_negative);
    for (uint32_t i = 0; i < h->n_positive; i++)
        sum += h->positive[i];
    for (uint32_t i = 0; i < h->n_negative; i++)
        sum += h->negative[i];
    for (uint32_t i = 0; i < h->n_bounds; i++)
        sum += h->bounds[i];
    *(volatile double *)self = sum; /* every number has been read */
    return 0;
}

static int check_exemplar(void *self, uint64_t ref, const struct label *labels, size_t n, unix_ms t,
                          double v, struct err *err)
{
    must(t >= -PROM_TIME_MAX && t <= PROM_TIME_MAX);
    return n > 0 ? check_series(self, ref, labels, n, err) : 0;
}

static int check_metadata(void *self, uint64_t ref, struct metric_metadata *m, struct err *err)
{
    must(m->type < METRIC_TYPES && str_is_utf8(m->help) && str_is_utf8(m->unit));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double sum = 0;
    const struct prom_wal_face face = {.self = &sum,
                                       .series = check_series,
                                       .sample = check_sample,
                                       .exemplar = check_exemplar,
                                       .metadata = check_metadata};
    struct prom_wal w = {.bytes = {(const char *)data, size}, .unchecked = true};
    struct err err = {0};
    struct str record;
    int r;

    while ((r = prom_wal_next(&w, &record, &err)) > 0 || r == -ENOTSUP) {
        must(w.at <= size && w.record_at < w.at);
        if (r > 0 && prom_wal_record(record, &face, &err) < 0)
            must(err.msg[0] != '\0');
    }
    must(r == 0 || err.msg[0] != '\0');
    prom_wal_deinit(&w);
    return 0;
}
