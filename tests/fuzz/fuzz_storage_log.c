/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a log segment: first as they are, then, as no checksum would be right, as the
 * sections of one record.
 */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "model/histogram.h"
#include "storage/log_record_priv.h"

struct seen {
    uint64_t samples;
};

static void see_labels(struct seen *seen, const struct label *labels, size_t n)
{
    must(n <= LABEL_COUNT_MAX);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < labels[i].name.len; k++)
            seen->samples += (uint8_t)labels[i].name.p[k];
        for (size_t k = 0; k < labels[i].value.len; k++)
            seen->samples += (uint8_t)labels[i].value.p[k];
    }
}

static void see_series(void *self, uint32_t id, const struct label *labels, size_t n)
{
    must(id > 0);
    see_labels(self, labels, n);
}

static void see_sample(void *self, bool late, uint32_t id, unix_ms t, double v)
{
    must(id > 0);
    ((struct seen *)self)->samples++;
}

static void see_histogram(void *self, bool late, uint32_t id, unix_ms t, const struct histogram *h)
{
    must(id > 0);
    for (uint32_t i = 0; i < h->n_positive; i++)
        ((struct seen *)self)->samples += h->positive[i] > 0;
    for (uint32_t i = 0; i < h->n_bounds; i++)
        ((struct seen *)self)->samples += h->bounds[i] > 0;
    for (uint32_t i = 0; i < h->n_negative_spans; i++)
        ((struct seen *)self)->samples += h->negative_spans[i].length;
}

static void see_delete(void *self, uint32_t id, unix_ms from, unix_ms to)
{
    must(id > 0);
    ((struct seen *)self)->samples++;
}

static void see_exemplar(void *self, const struct logged_exemplar *e)
{
    must(e->n_series > 0);
    see_labels(self, e->series, e->n_series);
    see_labels(self, e->labels, e->n_labels);
}

static void see_metadata(void *self, const struct metric_metadata *m)
{
    const struct label texts[] = {{m->family, m->help}, {m->unit, m->unit}};

    must((unsigned)m->type < METRIC_TYPES);
    see_labels(self, texts, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {0};
    const struct log_visitor v = {&seen,      see_series,   see_sample,  see_histogram,
                                  see_delete, see_exemplar, see_metadata};
    struct log_scan s;

    log_scan_segment(data, size, 1, &s);
    must(s.end <= size || s.end == LOG_SEGMENT_HEAD);
    for (size_t i = 0; i < s.n; i++) {
        must(s.records[i].at + s.records[i].len <= size);
        (void)log_record_visit(data + s.records[i].at, s.records[i].len, &v);
    }
    log_scan_deinit(&s);
    (void)log_record_visit(data, size, &v);
    return 0;
}
