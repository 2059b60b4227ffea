/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: a byte that says the kind, then
 *
 *     1 series      BE64 ref, uvarint labels, name and value of each; again and again
 *     2 samples     BE64 ref, BE64 time; then svarint distance to that ref, to that time, 64 bits
 *     3 deletions   BE64 ref, svarint first, svarint last time; again and again
 *     4 exemplars   like samples, but behind the 64 bits uvarint labels, name and value of each
 *     6 metadata    uvarint ref, u8 type, uvarint fields, name and text of each; again and again
 *     7, 9          histograms like samples, but with a histogram instead of 64 bits
 *     8, 10         the same with float counts
 *     5             places in chunks_head: not wanted here
 */
#include <errno.h>
#include <math.h>

#include "model/histogram.h"
#include "model/metadata.h"
#include "model/sample.h"
#include "storage/prom_chunk_priv.h"
#include "storage/prom_index_priv.h"
#include "storage/prom_wal_priv.h"

enum kind {
    KIND_SERIES = 1,
    KIND_SAMPLES = 2,
    KIND_DELETED = 3,
    KIND_EXEMPLARS = 4,
    KIND_PLACES = 5,
    KIND_METADATA = 6,
    KIND_HISTOGRAMS = 7,
    KIND_FLOAT_HISTOGRAMS = 8,
    KIND_CUSTOM_HISTOGRAMS = 9,
    KIND_CUSTOM_FLOAT_HISTOGRAMS = 10,
};

static int nonsense(const char *what, struct err *err)
{
    return err_set(err, -EBADMSG, "a record of %s makes no sense", what);
}

/* ---- series -------------------------------------------------------------------------------- */

static bool label_is_good(const struct label *labels, size_t i)
{
    const struct label *l = &labels[i];

    return l->name.len > 0 && str_is_utf8(l->name) && str_is_utf8(l->value) &&
           (i == 0 || str_cmp(labels[i - 1].name, l->name) < 0);
}

/* False when they make no sense. */
static bool read_labels(struct wire *w, struct label *labels, size_t *ret_n)
{
    uint64_t n = wire_uvarint(w);

    if (w->bad || n > LABEL_COUNT_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        labels[i].name = wire_str(w);
        labels[i].value = wire_str(w);
        if (w->bad || !label_is_good(labels, i))
            return false;
    }
    *ret_n = (size_t)n;
    return true;
}

static int read_series(struct wire *w, const struct prom_wal_face *face, struct err *err)
{
    struct label labels[LABEL_COUNT_MAX];
    int r = 0;

    while (wire_left(w) > 0 && r == 0) {
        uint64_t ref = wire_be64(w);
        size_t n;

        if (!read_labels(w, labels, &n) || n == 0)
            return nonsense("series", err);
        if (face->series)
            r = face->series(face->self, ref, labels, n, err);
    }
    return r;
}

static int read_deleted(struct wire *w, const struct prom_wal_face *face, struct err *err)
{
    int r = 0;

    while (wire_left(w) > 0 && r == 0) {
        uint64_t ref = wire_be64(w);
        unix_ms min = wire_svarint(w), max = wire_svarint(w);

        if (w->bad)
            return nonsense("deletions", err);
        if (face->deleted)
            r = face->deleted(face->self, ref, min, max, err);
    }
    return r;
}

/* ---- samples ------------------------------------------------------------------------------- */

static double wire_double(struct wire *w)
{
    return double_of_bits(wire_be64(w));
}

struct histogram_memory {
    struct histogram_span spans[2 * PROM_BUCKETS_MAX];
    double counts[2 * PROM_BUCKETS_MAX];
    double bounds[PROM_BUCKETS_MAX];
};

/* Returns how many there are; sets how many buckets they stand for. */
static uint32_t read_spans(struct wire *w, struct histogram_span *spans, uint32_t *ret_buckets)
{
    uint64_t n = wire_uvarint(w), buckets = 0;

    w->bad = w->bad || n > PROM_BUCKETS_MAX;
    for (uint64_t i = 0; i < n && !w->bad; i++) {
        int64_t offset = wire_svarint(w);
        uint64_t length = wire_uvarint(w);

        w->bad = w->bad || offset < INT32_MIN || offset > INT32_MAX || length > PROM_BUCKETS_MAX;
        buckets += length;
        w->bad = w->bad || buckets > PROM_BUCKETS_MAX;
        spans[i] = (struct histogram_span){(int32_t)offset, (uint32_t)length};
    }
    *ret_buckets = w->bad ? 0 : (uint32_t)buckets;
    return w->bad ? 0 : (uint32_t)n;
}

/* A stale one may have none of its buckets. Whole counts are differences to the one before. */
static void read_counts(struct wire *w, double *counts, uint32_t *n, bool floats, bool is_stale_one)
{
    uint64_t there = wire_uvarint(w), sum = 0;

    w->bad = w->bad || (there != *n && !is_stale_one) || there > PROM_BUCKETS_MAX;
    for (uint64_t i = 0; i < there && !w->bad; i++) {
        if (floats) {
            counts[i] = wire_double(w);
            continue;
        }
        sum += (uint64_t)wire_svarint(w);
        counts[i] = (double)sum;
        w->bad = w->bad || ((int64_t)sum < 0 && !is_stale_one);
    }
}

static void read_bounds(struct wire *w, struct histogram *h, double *bounds)
{
    uint64_t n = wire_uvarint(w);

    w->bad = w->bad || n > PROM_BUCKETS_MAX;
    for (uint64_t i = 0; i < n && !w->bad; i++)
        bounds[i] = wire_double(w);
    h->n_bounds = w->bad ? 0 : (uint32_t)n;
}

static struct histogram read_histogram(struct wire *w, bool floats, struct histogram_memory *m)
{
    /* in the order of the numbers that Prometheus writes */
    static const enum counter_reset_hint hints[] = {RESET_UNKNOWN, RESET_YES, RESET_NO,
                                                    RESET_GAUGE};
    struct histogram h = {.hint = hints[wire_u8(w) & 3]};
    int64_t schema = wire_svarint(w);
    bool stale;

    h.schema = (int32_t)schema;
    w->bad = w->bad || ((schema < -4 || schema > 8) && schema != HISTOGRAM_CUSTOM_SCHEMA);
    h.zero_threshold = wire_double(w);
    h.zero_count = floats ? wire_double(w) : (double)wire_uvarint(w);
    h.count = floats ? wire_double(w) : (double)wire_uvarint(w);
    h.sum = wire_double(w);
    stale = is_stale(h.sum);
    h.n_positive_spans = read_spans(w, m->spans, &h.n_positive);
    h.n_negative_spans = read_spans(w, m->spans + PROM_BUCKETS_MAX, &h.n_negative);
    read_counts(w, m->counts, &h.n_positive, floats, stale);
    read_counts(w, m->counts + PROM_BUCKETS_MAX, &h.n_negative, floats, stale);
    if (schema == HISTOGRAM_CUSTOM_SCHEMA)
        read_bounds(w, &h, m->bounds);
    h.positive_spans = m->spans;
    h.negative_spans = m->spans + PROM_BUCKETS_MAX;
    h.positive = m->counts;
    h.negative = m->counts + PROM_BUCKETS_MAX;
    h.bounds = m->bounds;
    if (stale)
        h = (struct histogram){.sum = h.sum, .hint = h.hint};
    if (!floats)
        histogram_make_integer(&h);
    return h;
}

/* Of which series, and when. A record begins with a place, the others are told by their distance to
 * it; an empty record has none. */
struct place {
    uint64_t ref;
    unix_ms t;
    bool makes_sense;
};

static void read_place(struct wire *w, struct place *ret)
{
    if (wire_left(w) == 0)
        return;
    ret->ref = wire_be64(w);
    ret->t = (unix_ms)wire_be64(w);
}

static struct place next_place(struct wire *w, const struct place *first)
{
    uint64_t ref = first->ref + (uint64_t)wire_svarint(w);
    unix_ms t = (unix_ms)((uint64_t)first->t + (uint64_t)wire_svarint(w));

    return (struct place){ref, t, t >= -PROM_TIME_MAX && t <= PROM_TIME_MAX};
}

static int read_samples(struct wire *w, enum kind kind, const struct prom_wal_face *face,
                        struct err *err)
{
    bool floats = kind == KIND_FLOAT_HISTOGRAMS || kind == KIND_CUSTOM_FLOAT_HISTOGRAMS;
    struct histogram_memory memory;
    struct place first = {0};
    int r = 0;

    read_place(w, &first);
    while (r == 0 && !w->bad && wire_left(w) > 0) {
        struct place at = next_place(w, &first);
        struct histogram h;
        double v = NAN;

        if (kind == KIND_SAMPLES)
            v = wire_double(w);
        else
            h = read_histogram(w, floats, &memory);
        if (w->bad || !at.makes_sense)
            return nonsense(kind == KIND_SAMPLES ? "samples" : "histograms", err);
        if (face->sample)
            r = face->sample(face->self, at.ref, at.t, v, kind == KIND_SAMPLES ? NULL : &h, err);
    }
    return w->bad ? nonsense("samples", err) : r;
}

/* ---- exemplars, metadata --------------------------------------------------------------------- */

static int read_exemplars(struct wire *w, const struct prom_wal_face *face, struct err *err)
{
    struct label labels[LABEL_COUNT_MAX];
    struct place first = {0};
    int r = 0;

    read_place(w, &first);
    while (r == 0 && !w->bad && wire_left(w) > 0) {
        struct place at = next_place(w, &first);
        double v = wire_double(w);
        size_t n;

        if (!read_labels(w, labels, &n) || !at.makes_sense)
            return nonsense("exemplars", err);
        if (face->exemplar)
            r = face->exemplar(face->self, at.ref, labels, n, at.t, v, err);
    }
    return w->bad ? nonsense("exemplars", err) : r;
}

static int read_metadata(struct wire *w, const struct prom_wal_face *face, struct err *err)
{
    int r = 0;

    while (r == 0 && wire_left(w) > 0) {
        uint64_t ref = wire_uvarint(w);
        uint8_t type = wire_u8(w);
        struct metric_metadata m = {.type = type < METRIC_TYPES ? (enum metric_type)type
                                                                : METRIC_UNKNOWN,
                                    .family = STR(""),
                                    .help = STR(""),
                                    .unit = STR("")};

        for (uint64_t n = wire_uvarint(w); n > 0 && !w->bad; n--) {
            struct str name = wire_str(w), text = wire_str(w);

            if (!w->bad && str_eq(name, STR("HELP")))
                m.help = text;
            else if (!w->bad && str_eq(name, STR("UNIT")))
                m.unit = text;
        }
        if (w->bad || !str_is_utf8(m.help) || !str_is_utf8(m.unit))
            return nonsense("metadata", err);
        if (face->metadata)
            r = face->metadata(face->self, ref, &m, err);
    }
    return r;
}

int prom_wal_record(struct str record, const struct prom_wal_face *face, struct err *err)
{
    struct wire w = wire_of(record.p, record.len);
    uint8_t kind = wire_u8(&w);

    switch (kind) {
    case KIND_SERIES: return read_series(&w, face, err);
    case KIND_DELETED: return read_deleted(&w, face, err);
    case KIND_SAMPLES:
    case KIND_HISTOGRAMS:
    case KIND_FLOAT_HISTOGRAMS:
    case KIND_CUSTOM_HISTOGRAMS:
    case KIND_CUSTOM_FLOAT_HISTOGRAMS: return read_samples(&w, kind, face, err);
    case KIND_EXEMPLARS: return read_exemplars(&w, face, err);
    case KIND_METADATA: return read_metadata(&w, face, err);
    case KIND_PLACES: return 0;
    default: return 1;
    }
}
