/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native histograms of remote write: whole ones (counts are integers, a bucket is its difference to
 * the one before) and float ones (counts and buckets as they are). Which of both says field 1 or 2.
 *
 *     Histogram    1 uint64 count | 2 double count   3 double sum   4 sint32 schema
 *                  5 double zero threshold   6 uint64 zero count | 7 double zero count
 *                  8 BucketSpan* negative    9 sint64* deltas   10 double* counts
 *                  11 BucketSpan* positive   12 sint64* deltas  13 double* counts
 *                  14 reset hint   15 int64 milliseconds   16 double* bounds of the custom schema
 *     BucketSpan   1 sint32 offset   2 uint32 length
 */
#include "remote/write_request_priv.h"

#include <errno.h>

#include "base/pb.h"
#include "model/histogram_wire.h"

/* The message as it came. */
struct raw {
    struct histogram_wire w;
    uint64_t hint;
    unix_ms t;
};

static void raw_deinit(struct raw *raw)
{
    histogram_wire_deinit(&raw->w);
}

static void read_field(struct pb *p, const struct pb_field *f, struct raw *raw)
{
    struct histogram_wire *w = &raw->w;

    switch (f->key) {
    case PB_KEY(1, PB_VARINT):
        w->count = f->value;
        w->is_float = false;
        break;
    case PB_KEY(2, PB_FIXED64):
        w->count_bits = f->value;
        w->is_float = true;
        break;
    case PB_KEY(3, PB_FIXED64): w->sum_bits = f->value; break;
    case PB_KEY(4, PB_VARINT): w->schema = (int32_t)pb_zigzag(f->value); break;
    case PB_KEY(5, PB_FIXED64): w->threshold_bits = f->value; break;
    case PB_KEY(6, PB_VARINT): w->zero_count = f->value; break;
    case PB_KEY(7, PB_FIXED64): w->zero_count_bits = f->value; break;
    case PB_KEY(8, PB_BYTES): histogram_wire_span(p, &w->negative, f->bytes); break;
    case PB_KEY(9, PB_VARINT):
    case PB_KEY(9, PB_BYTES): histogram_wire_numbers(p, &w->negative.deltas, f, false); break;
    case PB_KEY(10, PB_FIXED64):
    case PB_KEY(10, PB_BYTES): histogram_wire_numbers(p, &w->negative.counts, f, true); break;
    case PB_KEY(11, PB_BYTES): histogram_wire_span(p, &w->positive, f->bytes); break;
    case PB_KEY(12, PB_VARINT):
    case PB_KEY(12, PB_BYTES): histogram_wire_numbers(p, &w->positive.deltas, f, false); break;
    case PB_KEY(13, PB_FIXED64):
    case PB_KEY(13, PB_BYTES): histogram_wire_numbers(p, &w->positive.counts, f, true); break;
    case PB_KEY(14, PB_VARINT): raw->hint = f->value; break;
    case PB_KEY(15, PB_VARINT): raw->t = (int64_t)f->value; break;
    case PB_KEY(16, PB_FIXED64):
    case PB_KEY(16, PB_BYTES): histogram_wire_numbers(p, &w->bounds, f, true); break;
    default: pb_skip(p, f, 16);
    }
}

static int read_raw(struct str message, struct raw *raw, struct err *err)
{
    struct pb p = pb_of(message);
    struct pb_field f;

    while (pb_next(&p, &f)) {
        read_field(&p, &f, raw);
        if (histogram_wire_is_too_large(&raw->w))
            return err_set(err, -E2BIG, "a histogram with more than %zu buckets",
                           HISTOGRAM_PARTS_MAX);
    }
    return p.broken ? write_request_broken(err) : 0;
}

static void *alloc(void *arg, size_t n, size_t size)
{
    return write_request_alloc(arg, n, size);
}

static int make(struct write_request *q, const struct raw *raw, const struct write_histogram **ret,
                struct err *err)
{
    struct write_histogram *w = write_request_alloc(q, 1, sizeof *w);

    if (!w || histogram_wire_make(&raw->w, alloc, q, &w->h, &w->fault) < 0)
        return err_set(err, -E2BIG, "the histograms of a request take more than %zu bytes",
                       REQUEST_MEMORY_MAX);
    if (raw->hint <= RESET_GAUGE)
        w->h.hint = (enum counter_reset_hint)raw->hint;
    *ret = w;
    return 0;
}

int write_histogram_read(struct write_request *q, struct str message, unix_ms *ret_t,
                         const struct write_histogram **ret, struct err *err)
{
    CLEANUP(raw_deinit) struct raw raw = {0};
    int r = read_raw(message, &raw, err);

    if (r == 0)
        r = make(q, &raw, ret, err);
    if (r == 0)
        *ret_t = raw.t;
    return r;
}
