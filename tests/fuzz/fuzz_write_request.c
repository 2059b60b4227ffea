/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of remote write. The first byte chooses 1.0 or 2.0. What was read adds up: each row
 * belongs to a series, and a histogram without a fault has the buckets that its spans speak of.
 */
#include "remote/write_request_priv.h"

#include "base/must.h"
#include "tests/fuzz/fuzz.h"

static void check_spans(const struct histogram_span *spans, uint32_t n, uint32_t n_buckets)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += spans[i].length;
    must(sum == n_buckets);
}

static void check_histogram(const struct histogram *h)
{
    double count = 0;

    check_spans(h->positive_spans, h->n_positive_spans, h->n_positive);
    check_spans(h->negative_spans, h->n_negative_spans, h->n_negative);
    for (uint32_t i = 0; i < h->n_positive; i++)
        count += h->positive[i];
    for (uint32_t i = 0; i < h->n_negative; i++)
        count += h->negative[i];
    must(!(count < 0));
    for (uint32_t i = 1; i < h->n_bounds; i++)
        must(h->bounds[i] > h->bounds[i - 1]);
}

static void check(struct write_request *q)
{
    size_t rows = 0;

    for (size_t i = 0; i < q->n_rows; i++)
        if (q->rows[i].h && !write_histogram_fault(&q->rows[i]))
            check_histogram(q->rows[i].h);
    for (size_t i = 0; i < q->n_series; i++) {
        must(q->series[i].n_rows > 0 || q->series[i].has_exemplars);
        rows += q->series[i].n_rows;
        if (write_request_read_labels(q, q->series[i].labels, NULL) < 0)
            continue;
        for (size_t k = 1; k < q->n_labels; k++)
            must(str_cmp(q->labels[k - 1].name, q->labels[k].name) <= 0);
    }
    must(rows == q->n_rows);
    for (size_t i = 0; i < q->n_exemplars; i++) {
        must(q->exemplars[i].series < q->n_series);
        (void)write_request_read_labels(q, q->exemplars[i].labels, NULL);
    }
    for (size_t i = 0; i < q->n_metadata; i++)
        must(q->metadata[i].type < METRIC_TYPES && str_is_utf8(q->metadata[i].help));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct write_request q;
    struct str message;
    int r;

    if (size == 0)
        return 0;
    message = str_n((const char *)data + 1, size - 1);
    write_request_init(&q);
    q.keep_exemplars = true;
    r = data[0] & 1 ? write_request_read_v2(&q, message, NULL)
                    : write_request_read(&q, message, NULL);
    if (r == 0)
        check(&q);
    write_request_deinit(&q);
    return 0;
}
