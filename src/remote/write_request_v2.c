/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.prometheus.write.v2.Request: labels are numbers of a table of strings that the request carries.
 *
 *     Request      4 string*   5 TimeSeries*
 *     TimeSeries   1 uint32* numbers of strings: name, value, name, value ...   2 Sample*
 *                  3 Histogram*   4 Exemplar*   5 Metadata   6 start time (not kept)
 *     Exemplar     1 uint32* as above   2 double value   3 int64 milliseconds
 *     Metadata     1 type   3 number of help   4 number of unit
 *
 * Sample and Histogram are those of 1.0.
 */
#include "remote/write_request_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pb.h"
#include "model/sample.h"

#define SYMBOLS_MAX ((size_t)1 << 20) /* strings of one request: as many as it may have samples */

struct refs {
    uint64_t *v;
    size_t n, cap;
};

struct reader {
    struct write_request *q;
    struct str *symbols;
    size_t n_symbols, cap_symbols;

    struct refs series, exemplar; /* of the one at hand */
    struct buf labels;
};

static void reader_deinit(struct reader *r)
{
    free(r->symbols);
    free(r->series.v);
    free(r->exemplar.v);
    buf_free(&r->labels);
}

static int read_symbols(struct reader *r, struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    struct pb_field f;

    while (pb_next(&p, &f)) {
        if (f.key != PB_KEY(4, PB_BYTES))
            continue;
        if (r->n_symbols == SYMBOLS_MAX)
            return err_set(err, -E2BIG, "more than %zu strings in one request", SYMBOLS_MAX);
        *VEC_PUSH(r->symbols, r->n_symbols, r->cap_symbols) = f.bytes;
    }
    return p.broken ? write_request_broken(err) : 0;
}

/* ---- labels -------------------------------------------------------------------------------- */

static void read_refs(struct refs *r, struct pb *message, const struct pb_field *f)
{
    struct pb p = pb_of(f->bytes);
    uint64_t v = f->value;

    if ((f->key & 7) == PB_VARINT) {
        *VEC_PUSH(r->v, r->n, r->cap) = v;
        return;
    }
    /* Two too many are enough to see that it is too many. */
    while (r->n < 2 * (LABEL_COUNT_MAX + 1) && pb_read_varint(&p, &v))
        *VEC_PUSH(r->v, r->n, r->cap) = v;
    if (p.broken)
        pb_break(message);
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;

    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static void add_key(struct buf *out, uint64_t key, uint64_t len)
{
    buf_add_byte(out, (char)key);
    for (; len >= 0x80; len >>= 7)
        buf_add_byte(out, (char)(len | 0x80));
    buf_add_byte(out, (char)len);
}

static size_t text_size(struct str s)
{
    return 1 + varint_size(s.len) + s.len;
}

/* Writes the labels as 1.0 would have sent them. */
static int make_labels(struct reader *r, const struct refs *refs, struct str *ret, struct err *err)
{
    char *kept;

    if (refs->n % 2)
        return err_set(err, -EBADMSG, "a series with a label that has no value");
    buf_reset(&r->labels);
    for (size_t i = 0; i < refs->n; i += 2) {
        struct str name, value;

        if (refs->v[i] >= r->n_symbols || refs->v[i + 1] >= r->n_symbols)
            return err_set(err, -EBADMSG, "a label refers to a string that is not there");
        name = r->symbols[refs->v[i]];
        value = r->symbols[refs->v[i + 1]];
        add_key(&r->labels, PB_KEY(1, PB_BYTES), text_size(name) + text_size(value));
        add_key(&r->labels, PB_KEY(1, PB_BYTES), name.len);
        buf_add_str(&r->labels, name);
        add_key(&r->labels, PB_KEY(2, PB_BYTES), value.len);
        buf_add_str(&r->labels, value);
        if (r->labels.len > REQUEST_MEMORY_MAX)
            break; /* write_request_alloc() will say so */
    }
    kept = write_request_alloc(r->q, r->labels.len, 1);
    if (!kept)
        return err_set(err, -E2BIG, "the labels of a request take more than %zu bytes",
                       REQUEST_MEMORY_MAX);
    memcpy(kept, buf_str(&r->labels).p, r->labels.len);
    *ret = str_n(kept, r->labels.len);
    return 0;
}

/* ---- exemplars, metadata ------------------------------------------------------------------- */

static int read_exemplar(struct reader *r, struct str message, struct err *err)
{
    struct write_exemplar e = {0};
    struct pb p = pb_of(message);
    struct pb_field f;
    int res;

    r->exemplar.n = 0;
    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT):
        case PB_KEY(1, PB_BYTES): read_refs(&r->exemplar, &p, &f); break;
        case PB_KEY(2, PB_FIXED64): e.v = double_of_bits(f.value); break;
        case PB_KEY(3, PB_VARINT): e.t = (int64_t)f.value; break;
        default: pb_skip(&p, &f, 3);
        }
    if (p.broken)
        return write_request_broken(err);
    if (!r->q->keep_exemplars)
        return 0;
    res = make_labels(r, &r->exemplar, &e.labels, err);
    return res < 0 ? res : write_request_add_exemplar(r->q, e, err);
}

static int read_metadata(struct reader *r, struct str message, struct metric_metadata *ret,
                         struct err *err)
{
    uint64_t help = 0, unit = 0;
    struct pb p = pb_of(message);
    struct pb_field f;

    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT):
            ret->type = f.value < METRIC_TYPES ? (enum metric_type)f.value : METRIC_UNKNOWN;
            break;
        case PB_KEY(3, PB_VARINT): help = f.value; break;
        case PB_KEY(4, PB_VARINT): unit = f.value; break;
        default: pb_skip(&p, &f, 4);
        }
    if (p.broken)
        return write_request_broken(err);
    if ((help && help >= r->n_symbols) || (unit && unit >= r->n_symbols))
        return err_set(err, -EBADMSG, "metadata refer to a string that is not there");
    ret->help = help ? r->symbols[help] : STR("");
    ret->unit = unit ? r->symbols[unit] : STR("");
    return 0;
}

/* Series of a family follow each other, mostly, and say the same of it. */
static int add_metadata(struct reader *r, struct metric_metadata *m, struct err *err)
{
    const struct metric_metadata *last = r->q->n_metadata ? &r->q->metadata[r->q->n_metadata - 1]
                                                          : NULL;

    m->family = STR("");
    for (size_t i = 0; i < r->series.n; i += 2)
        if (str_eq(r->symbols[r->series.v[i]], LABEL_NAME))
            m->family = metric_family_of(r->symbols[r->series.v[i + 1]], m->type);
    if (last && last->type == m->type && last->help.p == m->help.p && last->unit.p == m->unit.p &&
        str_eq(last->family, m->family))
        return 0;
    return write_request_add_metadata(r->q, *m, err);
}

/* ---- series -------------------------------------------------------------------------------- */

static int read_series(struct reader *r, struct str message, struct err *err)
{
    struct pb p = pb_of(message);
    size_t first_row = r->q->n_rows;
    struct metric_metadata m = {.help = STR(""), .unit = STR("")};
    struct str labels;
    struct pb_field f;
    int res = 0;

    r->series.n = 0;
    while (res == 0 && pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT):
        case PB_KEY(1, PB_BYTES): read_refs(&r->series, &p, &f); break;
        case PB_KEY(2, PB_BYTES): res = write_request_add_sample(r->q, f.bytes, err); break;
        case PB_KEY(3, PB_BYTES): res = write_request_add_histogram(r->q, f.bytes, err); break;
        case PB_KEY(4, PB_BYTES): res = read_exemplar(r, f.bytes, err); break;
        case PB_KEY(5, PB_BYTES): res = read_metadata(r, f.bytes, &m, err); break;
        case PB_KEY(6, PB_VARINT): break;
        default: pb_skip(&p, &f, 6);
        }
    if (res == 0 && p.broken)
        res = write_request_broken(err);
    if (res == 0)
        res = make_labels(r, &r->series, &labels, err);
    if (res == 0)
        res = add_metadata(r, &m, err);
    if (res == 0)
        write_request_end_series(r->q, labels, first_row);
    return res;
}

int write_request_read_v2(struct write_request *q, struct str message, struct err *err)
{
    CLEANUP(reader_deinit) struct reader r = {.q = q};
    int res = read_symbols(&r, message, err);
    struct pb p = pb_of(message);
    struct pb_field f;

    while (res == 0 && pb_next(&p, &f))
        if (f.key == PB_KEY(5, PB_BYTES))
            res = read_series(&r, f.bytes, err);
    return res;
}
