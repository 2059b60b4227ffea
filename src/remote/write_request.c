/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prometheus.WriteRequest, as far as it matters here:
 *
 *     WriteRequest   1 TimeSeries*   3 MetricMetadata*
 *     TimeSeries     1 Label*   2 Sample*   3 Exemplar*   4 Histogram*
 *     Label          1 name   2 value
 *     Sample         1 double value   2 int64 milliseconds
 *     Exemplar       1 Label*   2 double value   3 int64 milliseconds
 *     MetricMetadata 1 type   2 name of the family   4 help   5 unit
 */
#include "remote/write_request_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pb.h"
#include "model/sample.h"

#define KEEP_ROWS  ((size_t)1 << 16) /* memory of a larger request is given back */
#define KEEP_BYTES ((size_t)4 << 20)

void write_request_init(struct write_request *q)
{
    *q = (struct write_request){0};
    arena_init(&q->arena, 0); /* write_request_alloc() keeps the limit */
}

void write_request_deinit(struct write_request *q)
{
    free(q->series);
    free(q->rows);
    free(q->labels);
    free(q->exemplars);
    free(q->metadata);
    arena_deinit(&q->arena);
}

void write_request_reset(struct write_request *q)
{
    if (q->cap_rows > KEEP_ROWS || q->cap_series > KEEP_ROWS || q->cap_exemplars > KEEP_ROWS ||
        q->cap_metadata > KEEP_ROWS || q->arena.used > KEEP_BYTES) {
        write_request_deinit(q);
        write_request_init(q);
        return;
    }
    q->n_series = q->n_rows = q->n_exemplars = q->n_metadata = 0;
    arena_reset(&q->arena);
}

void *write_request_alloc(struct write_request *q, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > REQUEST_MEMORY_MAX ||
        q->arena.used > REQUEST_MEMORY_MAX - bytes)
        return NULL;
    return arena_array(&q->arena, n, size);
}

int write_request_broken(struct err *err)
{
    return err_set(err, -EBADMSG, "the body is no remote write message");
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int add_row(struct write_request *q, struct sample_row row, struct err *err)
{
    if (q->n_rows == REQUEST_SAMPLES_MAX)
        return err_set(err, -E2BIG, "more than %zu samples in one request", REQUEST_SAMPLES_MAX);
    *VEC_PUSH(q->rows, q->n_rows, q->cap_rows) = row;
    return 0;
}

int write_request_add_sample(struct write_request *q, struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    struct sample_row row = {0};
    struct pb_field f;

    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_FIXED64): row.v = double_of_bits(f.value); break;
        case PB_KEY(2, PB_VARINT): row.t = (int64_t)f.value; break;
        default: pb_skip(&p, &f, 2);
        }
    return p.broken ? write_request_broken(err) : add_row(q, row, err);
}

int write_request_add_histogram(struct write_request *q, struct str message, struct err *err)
{
    const struct write_histogram *h;
    struct sample_row row = {0};
    int r = write_histogram_read(q, message, &row.t, &h, err);

    if (r < 0)
        return r;
    row.h = &h->h;
    return add_row(q, row, err);
}

int write_request_add_exemplar(struct write_request *q, struct write_exemplar e, struct err *err)
{
    if (!q->keep_exemplars)
        return 0;
    if (q->n_exemplars == REQUEST_SAMPLES_MAX)
        return err_set(err, -E2BIG, "more than %zu exemplars in one request", REQUEST_SAMPLES_MAX);
    e.series = q->n_series; /* which the series at hand becomes when it ends */
    *VEC_PUSH(q->exemplars, q->n_exemplars, q->cap_exemplars) = e;
    return 0;
}

/* What says nothing would wipe out what is known. */
int write_request_add_metadata(struct write_request *q, struct metric_metadata m, struct err *err)
{
    if (m.type >= METRIC_TYPES)
        m.type = METRIC_UNKNOWN;
    if (m.type == METRIC_UNKNOWN && m.help.len == 0 && m.unit.len == 0)
        return 0;
    if (!str_is_utf8(m.family) || !str_is_utf8(m.help) || !str_is_utf8(m.unit))
        return 0;
    if (q->n_metadata == REQUEST_SAMPLES_MAX)
        return err_set(err, -E2BIG, "more than %zu metadata in one request", REQUEST_SAMPLES_MAX);
    *VEC_PUSH(q->metadata, q->n_metadata, q->cap_metadata) = m;
    return 0;
}

static int read_metadata(struct write_request *q, struct str message, struct err *err)
{
    struct metric_metadata m = {.family = STR(""), .help = STR(""), .unit = STR("")};
    struct pb p = pb_of(message);
    struct pb_field f;

    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT):
            m.type = f.value < METRIC_TYPES ? (enum metric_type)f.value : METRIC_UNKNOWN;
            break;
        case PB_KEY(2, PB_BYTES): m.family = f.bytes; break;
        case PB_KEY(4, PB_BYTES): m.help = f.bytes; break;
        case PB_KEY(5, PB_BYTES): m.unit = f.bytes; break;
        default: pb_skip(&p, &f, 5);
        }
    return p.broken ? write_request_broken(err) : write_request_add_metadata(q, m, err);
}

/* ---- series -------------------------------------------------------------------------------- */

/* Senders write the labels of a series in one go; those that come apart are put together. */
static int add_label(struct write_request *q, struct str *labels, struct str field, struct err *err)
{
    char *both;

    if (labels->len == 0) {
        *labels = field;
        return 0;
    }
    if (labels->p + labels->len == field.p) {
        labels->len += field.len;
        return 0;
    }
    both = write_request_alloc(q, labels->len + field.len, 1);
    if (!both)
        return err_set(err, -E2BIG, "labels lie scattered over too large a message");
    memcpy(both, labels->p, labels->len);
    memcpy(both + labels->len, field.p, field.len);
    *labels = str_n(both, labels->len + field.len);
    return 0;
}

void write_request_end_series(struct write_request *q, struct str labels, size_t first_row)
{
    size_t n = q->n_rows - first_row;
    bool has_exemplars = q->n_exemplars > 0 &&
                         q->exemplars[q->n_exemplars - 1].series == q->n_series;

    if (n > 0 || has_exemplars)
        *VEC_PUSH(q->series, q->n_series, q->cap_series) = (struct write_series){
            .labels = labels,
            .key = hash_bytes_128(labels.p, labels.len),
            .n_rows = n,
            .has_exemplars = has_exemplars};
}

static int read_exemplar(struct write_request *q, struct str message, struct err *err)
{
    struct write_exemplar e = {.labels = STR("")};
    struct pb p = pb_of(message);
    const char *at = message.p;
    struct pb_field f;
    int r = 0;

    while (r == 0 && pb_next(&p, &f)) {
        const char *end = (const char *)p.p;

        switch (f.key) {
        case PB_KEY(1, PB_BYTES):
            r = add_label(q, &e.labels, str_n(at, (size_t)(end - at)), err);
            break;
        case PB_KEY(2, PB_FIXED64): e.v = double_of_bits(f.value); break;
        case PB_KEY(3, PB_VARINT): e.t = (int64_t)f.value; break;
        default: pb_skip(&p, &f, 3);
        }
        at = end;
    }
    if (r == 0 && p.broken)
        r = write_request_broken(err);
    return r < 0 ? r : write_request_add_exemplar(q, e, err);
}

static int read_series(struct write_request *q, struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    struct str labels = STR("");
    size_t first_row = q->n_rows;
    const char *at = message.p;
    struct pb_field f;
    int r = 0;

    while (r == 0 && pb_next(&p, &f)) {
        const char *end = (const char *)p.p;

        switch (f.key) {
        case PB_KEY(1, PB_BYTES):
            r = add_label(q, &labels, str_n(at, (size_t)(end - at)), err);
            break;
        case PB_KEY(2, PB_BYTES): r = write_request_add_sample(q, f.bytes, err); break;
        case PB_KEY(3, PB_BYTES): r = read_exemplar(q, f.bytes, err); break;
        case PB_KEY(4, PB_BYTES): r = write_request_add_histogram(q, f.bytes, err); break;
        default: pb_skip(&p, &f, 4);
        }
        at = end;
    }
    if (r == 0 && p.broken)
        r = write_request_broken(err);
    if (r == 0)
        write_request_end_series(q, labels, first_row);
    return r;
}

int write_request_read(struct write_request *q, struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    struct pb_field f;
    int r = 0;

    while (r == 0 && pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_BYTES): r = read_series(q, f.bytes, err); break;
        case PB_KEY(3, PB_BYTES): r = read_metadata(q, f.bytes, err); break;
        default: pb_skip(&p, &f, 1);
        }
    return r == 0 && p.broken ? write_request_broken(err) : r;
}

/* ---- labels -------------------------------------------------------------------------------- */

static bool read_label(struct str message, struct label *ret)
{
    struct pb p = pb_of(message);
    struct pb_field f;

    *ret = (struct label){STR(""), STR("")};
    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_BYTES): ret->name = f.bytes; break;
        case PB_KEY(2, PB_BYTES): ret->value = f.bytes; break;
        default: pb_skip(&p, &f, 2);
        }
    return !p.broken;
}

static int compare_names(const void *pa, const void *pb)
{
    const struct label *a = pa, *b = pb;

    return str_cmp(a->name, b->name);
}

static void sort_labels(struct write_request *q)
{
    for (size_t i = 1; i < q->n_labels; i++)
        if (compare_names(&q->labels[i - 1], &q->labels[i]) > 0) {
            qsort(q->labels, q->n_labels, sizeof *q->labels, compare_names);
            return;
        }
}

int write_request_read_labels(struct write_request *q, struct str fields, struct err *err)
{
    struct pb p = pb_of(fields);
    struct pb_field f;

    q->n_labels = 0;
    while (q->n_labels <= LABEL_COUNT_MAX && pb_next(&p, &f))
        if (!read_label(f.bytes, VEC_PUSH(q->labels, q->n_labels, q->cap_labels)))
            return write_request_broken(err);
    sort_labels(q);
    return 0;
}
