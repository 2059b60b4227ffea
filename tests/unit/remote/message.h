/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - writes remote write messages for tests, field by field
 */
#ifndef TOCSIN_TESTS_UNIT_REMOTE_MESSAGE_H
#define TOCSIN_TESTS_UNIT_REMOTE_MESSAGE_H

#include <snappy-c.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/pb.h"
#include "model/sample.h"

static inline void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_byte(out, (char)(v | 0x80));
    buf_add_byte(out, (char)v);
}

static inline void put_int(struct buf *out, unsigned number, uint64_t v)
{
    put_varint(out, PB_KEY(number, PB_VARINT));
    put_varint(out, v);
}

static inline uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline void put_bits(struct buf *out, double v)
{
    uint64_t bits = double_bits(v);

    for (unsigned i = 0; i < 8; i++)
        buf_add_byte(out, (char)(bits >> (8 * i)));
}

static inline void put_double(struct buf *out, unsigned number, double v)
{
    put_varint(out, PB_KEY(number, PB_FIXED64));
    put_bits(out, v);
}

static inline void put_text(struct buf *out, unsigned number, struct str s)
{
    put_varint(out, PB_KEY(number, PB_BYTES));
    put_varint(out, s.len);
    buf_add_str(out, s);
}

/* Puts `message` as a field and empties it. */
static inline void put_message(struct buf *out, unsigned number, struct buf *message)
{
    put_text(out, number, buf_str(message));
    buf_free(message);
}

static inline void put_label(struct buf *series, const char *name, const char *value)
{
    struct buf label = {0};

    put_text(&label, 1, str_c(name));
    put_text(&label, 2, str_c(value));
    put_message(series, 1, &label);
}

/* "__name__=up,job=x": one label after the other. */
static inline void put_labels(struct buf *series, const char *labels)
{
    struct str rest = str_c(labels);

    while (rest.len > 0) {
        struct str value = str_cut(&rest, ','), name = str_cut(&value, '=');
        struct buf label = {0};

        put_text(&label, 1, name);
        put_text(&label, 2, value);
        put_message(series, 1, &label);
    }
}

static inline void put_sample(struct buf *series, double v, int64_t t)
{
    struct buf sample = {0};

    put_double(&sample, 1, v);
    put_int(&sample, 2, (uint64_t)t);
    put_message(series, 2, &sample);
}

/* A series of one sample. */
static inline void put_series(struct buf *request, const char *labels, double v, int64_t t)
{
    struct buf series = {0};

    put_labels(&series, labels);
    put_sample(&series, v, t);
    put_message(request, 1, &series);
}

/* Replaces the message by its snappy block. */
static inline void compress(struct buf *message)
{
    struct buf out = {0};
    size_t n = snappy_max_compressed_length(message->len);

    must(snappy_compress(buf_str(message).p, message->len, buf_room(&out, n), &n) == SNAPPY_OK);
    out.len = n;
    buf_free(message);
    *message = out;
}

#endif
