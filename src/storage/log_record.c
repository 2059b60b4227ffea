/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment: 32 bytes of header ("TOCSINL\0", version u32, zero u32, number u64, zero u32, CRC-32C of
 * the 28 before), then records, each at a multiple of 8:
 *
 *     0  2  0xa10c
 *     2  2  zero
 *     4  4  length of the sections
 *     8  4  CRC-32C of the sections
 *    12  4  CRC-32C of the 12 bytes before
 *    16     sections, zeroes up to a multiple of 8
 *
 * Section: kind u8, length u32, then entries to its end:
 *
 *     series     uvarint number, uvarint count, that many times name and value (uvarint length,
 * bytes) floats     a byte, then what it says follows: bits 0-3  the value: 0-7 a whole number, its
 * zigzag in so many bytes; 8 the eight bytes of any other; 9 a staleness marker bit  4    0: the
 * time of the entry before; 1: svarint, the difference to it bits 5-7  the series: 1-7 the
 * difference to the entry before; 0: svarint, the difference histograms svarint series difference,
 * svarint time difference, the histogram (histogram_code.c)
 *     deletes    uvarint series difference, svarint differences of the two ends of the time
 *     exemplars  labels of the series, svarint time difference, u64 bits of the value, u8 1: the time
 *                is its own; its labels
 *     metadata   u8 type, then name, help, unit (uvarint length, bytes)
 *
 * Labels are a uvarint count, then as in series.
 * Differences of the first entry of a section are to 0.
 */
#include "storage/log_record_priv.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_code_priv.h"

#define RECORD_MAGIC  0xa10cu
#define SEGMENT_MAGIC "TOCSINL"
#define SECTION_HEAD  5
#define SECTION_SPLIT ((size_t)1 << 30) /* then another one of its kind: of images only */

enum float_bits {
    VALUE_BITS = 0x0f,
    VALUE_WHOLE_MAX = 7,
    VALUE_RAW = 8,
    VALUE_STALE = 9,
    HAS_TIME = 0x10,
    SERIES_SHIFT = 5,
    SERIES_NEAR_MAX = 7,
};

/* ---- writing ------------------------------------------------------------------------------- */

void log_segment_head(uint64_t number, uint8_t out[LOG_SEGMENT_HEAD])
{
    memset(out, 0, LOG_SEGMENT_HEAD);
    memcpy(out, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC);
    put_u32(out + 8, LOG_SEGMENT_VERSION);
    put_u64(out + 16, number);
    put_u32(out + 28, hash_crc32c(0, out, 28));
}

void log_record_begin(struct log_record *r)
{
    buf_reset(&r->bytes);
    memset(buf_room(&r->bytes, LOG_RECORD_HEAD), 0, LOG_RECORD_HEAD);
    r->bytes.len = LOG_RECORD_HEAD;
    r->section = 0;
}

static void end_section(struct log_record *r)
{
    if (r->section)
        put_u32((uint8_t *)r->bytes.p + r->section + 1,
                (uint32_t)(r->bytes.len - r->section - SECTION_HEAD));
    r->section = 0;
}

static void open_section(struct log_record *r, enum log_section kind)
{
    if (r->section && (uint8_t)r->bytes.p[r->section] == kind &&
        r->bytes.len - r->section < SECTION_SPLIT)
        return;
    end_section(r);
    r->section = r->bytes.len;
    buf_add_byte(&r->bytes, (char)kind);
    buf_add_u32(&r->bytes, 0);
    r->last_id = 0;
    r->last_t = 0;
    r->last_to = 0;
}

static void put_text(struct buf *b, struct str s)
{
    buf_add_uvarint(b, s.len);
    buf_add_str(b, s);
}

void log_record_series(struct log_record *r, uint32_t id, const struct label *labels, size_t n)
{
    open_section(r, LOG_SERIES);
    buf_add_uvarint(&r->bytes, id);
    buf_add_uvarint(&r->bytes, n);
    for (size_t i = 0; i < n; i++) {
        put_text(&r->bytes, labels[i].name);
        put_text(&r->bytes, labels[i].value);
    }
}

#define FLOAT_ROOM (1 + 2 * UVARINT_MAX + 8)

static unsigned put_value(uint8_t *p, double v, unsigned *ret_len)
{
    int64_t m;

    if (decimal_of(v, 0, &m)) {
        uint64_t z = zigzag(m);
        unsigned bytes = (bit_width(z) + 7) / 8;

        if (bytes <= VALUE_WHOLE_MAX) {
            put_u64(p, z);
            *ret_len = bytes;
            return bytes;
        }
    }
    if (is_stale(v)) {
        *ret_len = 0;
        return VALUE_STALE;
    }
    put_u64(p, double_bits(v));
    *ret_len = 8;
    return VALUE_RAW;
}

void log_record_float(struct log_record *r, bool late, uint32_t id, unix_ms t, double v)
{
    uint8_t *begin, *p, value[8] = {0};
    unsigned head, value_len, near;

    open_section(r, late ? LOG_LATE_FLOATS : LOG_FLOATS);
    begin = (uint8_t *)buf_room(&r->bytes, FLOAT_ROOM);
    p = begin + 1;
    head = put_value(value, v, &value_len);
    near = id > r->last_id && id - r->last_id <= SERIES_NEAR_MAX ? id - r->last_id : 0;
    head |= near << SERIES_SHIFT;
    if (!near)
        p = put_svarint(p, (int64_t)id - r->last_id);
    if (t != r->last_t) {
        head |= HAS_TIME;
        p = put_svarint(p, t - r->last_t);
    }
    memcpy(p, value, 8); /* there is room for the bytes too many */
    *begin = (uint8_t)head;
    r->bytes.len += (size_t)(p - begin) + value_len;
    r->last_id = id;
    r->last_t = t;
}

void log_record_histogram(struct log_record *r, bool late, uint32_t id, unix_ms t,
                          const struct histogram *h)
{
    open_section(r, late ? LOG_LATE_HISTOGRAMS : LOG_HISTOGRAMS);
    buf_add_svarint(&r->bytes, (int64_t)id - r->last_id);
    buf_add_svarint(&r->bytes, t - r->last_t);
    histogram_put(h, NULL, &r->bytes);
    r->last_id = id;
    r->last_t = t;
}

void log_record_delete(struct log_record *r, uint32_t id, unix_ms from, unix_ms to)
{
    open_section(r, LOG_DELETES);
    buf_add_uvarint(&r->bytes, id - r->last_id);
    buf_add_svarint(&r->bytes, from - r->last_t);
    buf_add_svarint(&r->bytes, to - r->last_to);
    r->last_id = id;
    r->last_t = from;
    r->last_to = to;
}

static void put_labels(struct buf *b, const struct label_set *ls)
{
    size_t n = label_set_count(ls);

    buf_add_uvarint(b, n);
    for (size_t i = 0; i < n; i++) {
        struct label l = label_set_at(ls, i);

        put_text(b, l.name);
        put_text(b, l.value);
    }
}

void log_record_exemplar(struct log_record *r, const struct label_set *series,
                         const struct exemplar_row *e)
{
    open_section(r, LOG_EXEMPLARS);
    put_labels(&r->bytes, series);
    buf_add_svarint(&r->bytes, e->t - r->last_t);
    buf_add_u64(&r->bytes, double_bits(e->v));
    buf_add_byte(&r->bytes, e->has_time);
    put_labels(&r->bytes, e->labels);
    r->last_t = e->t;
}

void log_record_metadata(struct log_record *r, const struct metric_metadata *m)
{
    open_section(r, LOG_METADATA);
    buf_add_byte(&r->bytes, (char)m->type);
    put_text(&r->bytes, m->family);
    put_text(&r->bytes, m->help);
    put_text(&r->bytes, m->unit);
}

bool log_record_is_empty(const struct log_record *r)
{
    return r->bytes.len == LOG_RECORD_HEAD;
}

size_t log_record_sections(struct log_record *r)
{
    end_section(r);
    return r->bytes.len - LOG_RECORD_HEAD;
}

void log_record_end(struct log_record *r)
{
    uint8_t *p;
    size_t len = log_record_sections(r);

    while (r->bytes.len % LOG_RECORD_ALIGN != 0)
        buf_add_byte(&r->bytes, '\0');
    p = (uint8_t *)r->bytes.p;
    put_u16(p, RECORD_MAGIC);
    put_u16(p + 2, 0);
    put_u32(p + 4, (uint32_t)len);
    put_u32(p + 8, hash_crc32c(0, p + LOG_RECORD_HEAD, len));
    put_u32(p + 12, hash_crc32c(0, p, 12));
}

/* ---- finding records ----------------------------------------------------------------------- */

void log_scan_deinit(struct log_scan *s)
{
    free(s->records);
    *s = (struct log_scan){0};
}

/* Bytes that the good record at p takes, 0 when there is none. */
static size_t record_at(const uint8_t *p, size_t left, struct log_extent *e)
{
    uint32_t len;
    size_t all;

    if (left < LOG_RECORD_HEAD || get_u16(p) != RECORD_MAGIC ||
        get_u32(p + 12) != hash_crc32c(0, p, 12))
        return 0;
    len = get_u32(p + 4);
    all = (LOG_RECORD_HEAD + (size_t)len + LOG_RECORD_ALIGN - 1) / LOG_RECORD_ALIGN *
          LOG_RECORD_ALIGN;
    if (len > LOG_RECORD_MAX || all > left ||
        get_u32(p + 8) != hash_crc32c(0, p + LOG_RECORD_HEAD, len))
        return 0;
    *e = (struct log_extent){LOG_RECORD_HEAD, len};
    return all;
}

static bool segment_head_is_good(const uint8_t *p, size_t len, uint64_t number)
{
    uint8_t should[LOG_SEGMENT_HEAD];

    log_segment_head(number, should);
    return len >= LOG_SEGMENT_HEAD && memcmp(p, should, LOG_SEGMENT_HEAD) == 0;
}

void log_scan_segment(const uint8_t *p, size_t len, uint64_t number, struct log_scan *ret)
{
    size_t at = LOG_SEGMENT_HEAD;

    *ret = (struct log_scan){.end = LOG_SEGMENT_HEAD};
    ret->head_damaged = !segment_head_is_good(p, len, number);
    while (at < len) {
        struct log_extent e;
        size_t n = record_at(p + at, len - at, &e);

        if (n == 0) {
            at += LOG_RECORD_ALIGN;
            continue;
        }
        if (at > ret->end) {
            ret->damaged++;
            ret->damaged_bytes += at - ret->end;
        }
        e.at += at;
        *VEC_PUSH(ret->records, ret->n, ret->cap) = e;
        at += n;
        ret->end = at;
    }
}

/* ---- reading a record ---------------------------------------------------------------------- */

static bool read_labels(struct wire *w, struct label labels[LABEL_COUNT_MAX], size_t *ret_n)
{
    uint64_t n = wire_uvarint(w);

    if (w->bad || n > LABEL_COUNT_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        labels[i].name = wire_str(w);
        labels[i].value = wire_str(w);
    }
    *ret_n = (size_t)n;
    return !w->bad;
}

static bool visit_series(struct wire *w, const struct log_visitor *v)
{
    struct label labels[LABEL_COUNT_MAX];

    while (w->p < w->end) {
        uint64_t id = wire_uvarint(w);
        size_t n;

        if (w->bad || id == 0 || id > UINT32_MAX || !read_labels(w, labels, &n))
            return false;
        v->series(v->self, (uint32_t)id, labels, n);
    }
    return true;
}

static bool read_value(struct wire *w, unsigned kind, double *ret)
{
    const uint8_t *p;
    uint64_t z = 0;

    if (kind == VALUE_STALE) {
        *ret = stale_nan();
        return true;
    }
    if (kind > VALUE_RAW || !(p = wire_bytes(w, kind)))
        return false;
    memcpy(&z, p, kind);
    *ret = kind == VALUE_RAW ? double_of_bits(z) : (double)unzigzag(z);
    return true;
}

static bool visit_floats(struct wire *w, bool late, const struct log_visitor *v)
{
    uint64_t id = 0, t = 0; /* unsigned: foreign numbers may wrap */
    double value;

    while (w->p < w->end) {
        unsigned head = wire_u8(w), near = head >> SERIES_SHIFT;

        id += near ? near : (uint64_t)wire_svarint(w);
        if (head & HAS_TIME)
            t += (uint64_t)wire_svarint(w);
        if (!read_value(w, head & VALUE_BITS, &value) || w->bad || id == 0 || id > UINT32_MAX)
            return false;
        v->sample(v->self, late, (uint32_t)id, (unix_ms)t, value);
    }
    return true;
}

static bool visit_histograms(struct wire *w, bool late, const struct log_visitor *v)
{
    uint64_t id = 0, t = 0;
    struct arena a;
    bool good = true;

    arena_init(&a, 0);
    while (good && w->p < w->end) {
        struct histogram h;

        id += (uint64_t)wire_svarint(w);
        t += (uint64_t)wire_svarint(w);
        good = !w->bad && id > 0 && id <= UINT32_MAX && histogram_get(w, NULL, &a, &h);
        if (good)
            v->histogram(v->self, late, (uint32_t)id, (unix_ms)t, &h);
        arena_reset(&a);
    }
    arena_deinit(&a);
    return good;
}

static bool visit_deletes(struct wire *w, const struct log_visitor *v)
{
    uint64_t id = 0, from = 0, to = 0;

    while (w->p < w->end) {
        id += wire_uvarint(w);
        from += (uint64_t)wire_svarint(w);
        to += (uint64_t)wire_svarint(w);
        if (w->bad || id == 0 || id > UINT32_MAX)
            return false;
        v->deleted(v->self, (uint32_t)id, (unix_ms)from, (unix_ms)to);
    }
    return true;
}

static bool visit_exemplars(struct wire *w, const struct log_visitor *v)
{
    struct label series[LABEL_COUNT_MAX], labels[LABEL_COUNT_MAX];
    struct logged_exemplar e = {.series = series, .labels = labels};
    uint64_t t = 0;

    while (w->p < w->end) {
        if (!read_labels(w, series, &e.n_series) || e.n_series == 0)
            return false;
        t += (uint64_t)wire_svarint(w);
        e.t = (unix_ms)t;
        e.v = double_of_bits(wire_u64(w));
        e.has_time = wire_u8(w) != 0;
        if (!read_labels(w, labels, &e.n_labels))
            return false;
        v->exemplar(v->self, &e);
    }
    return true;
}

static bool visit_metadata(struct wire *w, const struct log_visitor *v)
{
    while (w->p < w->end) {
        unsigned type = wire_u8(w);
        struct metric_metadata m = {.type = (enum metric_type)type};

        m.family = wire_str(w);
        m.help = wire_str(w);
        m.unit = wire_str(w);
        if (w->bad || type >= METRIC_TYPES)
            return false;
        v->metadata(v->self, &m);
    }
    return true;
}

static bool visit_section(unsigned kind, struct wire *w, const struct log_visitor *v)
{
    switch (kind) {
    case LOG_SERIES: return !v->series || visit_series(w, v);
    case LOG_FLOATS:
    case LOG_LATE_FLOATS: return !v->sample || visit_floats(w, kind == LOG_LATE_FLOATS, v);
    case LOG_HISTOGRAMS:
    case LOG_LATE_HISTOGRAMS:
        return !v->histogram || visit_histograms(w, kind == LOG_LATE_HISTOGRAMS, v);
    case LOG_DELETES: return !v->deleted || visit_deletes(w, v);
    case LOG_EXEMPLARS: return !v->exemplar || visit_exemplars(w, v);
    case LOG_METADATA: return !v->metadata || visit_metadata(w, v);
    default: return false;
    }
}

bool log_record_visit(const uint8_t *sections, size_t len, const struct log_visitor *v)
{
    struct wire w = wire_of(sections, len);

    while (w.p < w.end) {
        unsigned kind = wire_u8(&w);
        uint32_t n = wire_u32(&w);
        const uint8_t *p = wire_bytes(&w, n);
        struct wire section;

        if (!p)
            return false;
        section = wire_of(p, n);
        if (!visit_section(kind, &section, v))
            return false;
    }
    return true;
}
