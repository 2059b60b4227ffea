/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of io.prometheus.client.MetricFamily messages, each behind its length as a varint:
 *
 *     MetricFamily  1 name   2 help   3 type: 0 counter 1 gauge 2 summary 3 untyped 4 histogram
 *                   5 gauge histogram   4 Metric*   5 unit
 *     Metric        1 LabelPair*   2 Gauge   3 Counter   4 Summary   5 Untyped   7 Histogram
 *                   6 int64 milliseconds
 *     LabelPair     1 name   2 value
 *     Gauge, Counter, Untyped   1 double   2 Exemplar (of a counter)
 *     Summary       1 uint64 count   2 double sum   3 Quantile*
 *     Quantile      1 double quantile   2 double value
 *     Histogram     1 uint64 count   4 double count   2 double sum   3 Bucket*   and, when native,
 *                   5 sint32 schema   6 double zero threshold   7 uint64 zero count   8 double
 *                   zero count   9 BucketSpan* 10 sint64* deltas 11 double* counts of the negative
 *                   side   12, 13, 14 the same of the positive one   16 Exemplar*
 *     Bucket        1 uint64 cumulative count   4 double   2 double upper bound   3 Exemplar
 *     Exemplar      1 LabelPair*   2 double value   3 Timestamp: 1 int64 seconds   2 int32 nanos
 *
 * It becomes a page in OpenMetrics text, which a scraper takes like any other; native histograms
 * become lines of a second page, with their number in the place of the value.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/pb.h"
#include "model/exposition.h"
#include "model/histogram_wire.h"
#include "model/sample.h"
#include "scrape/scrape_priv.h"

#define PROTO_TEXT_MAX                                                                             \
    ((size_t)512 << 20) /* of a page; text is a few times as long as the message */
#define PROTO_MEMORY_MAX ((size_t)256 << 20) /* of the histograms of a page */

enum proto_type {
    PROTO_COUNTER,
    PROTO_GAUGE,
    PROTO_SUMMARY,
    PROTO_UNTYPED,
    PROTO_HISTOGRAM,
    PROTO_GAUGE_HISTOGRAM,
    PROTO_TYPES
};

static const enum metric_type types[PROTO_TYPES] = {
    [PROTO_COUNTER] = METRIC_COUNTER,     [PROTO_GAUGE] = METRIC_GAUGE,
    [PROTO_SUMMARY] = METRIC_SUMMARY,     [PROTO_UNTYPED] = METRIC_UNKNOWN,
    [PROTO_HISTOGRAM] = METRIC_HISTOGRAM, [PROTO_GAUGE_HISTOGRAM] = METRIC_GAUGEHISTOGRAM,
};

/* The family and metric at hand. */
struct writer {
    struct proto_page *page;
    const struct proto_options *o;
    struct str name;
    uint64_t type;
    struct label *labels; /* one more has room: le or quantile */
    size_t n_labels, cap_labels;
    bool has_time;
    int64_t time;
    struct buf series; /* name with a suffix */
};

/* ---- small messages ------------------------------------------------------------------------ */

static double double_field(const struct pb_field *f)
{
    return double_of_bits(f->value);
}

static void read_label(struct pb *p, struct str bytes, struct label *ret)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;

    *ret = (struct label){STR(""), STR("")};
    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_BYTES): ret->name = f.bytes; break;
        case PB_KEY(2, PB_BYTES): ret->value = f.bytes; break;
        default: pb_skip(&q, &f, 2);
        }
    if (q.broken)
        pb_break(p);
}

/* Milliseconds; the half one behind them keeps a reader of seconds from rounding down to the one
 * before. */
static void add_seconds(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000, rest = ms % 1000;

    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    buf_addf(out, "%lld.%03lld5", (long long)seconds, (long long)rest);
}

struct exemplar_read {
    bool is_there;
    struct label labels[LABEL_COUNT_MAX];
    size_t n;
    double value;
    bool has_time;
    int64_t seconds, nanos;
};

static void read_timestamp(struct pb *p, struct str bytes, struct exemplar_read *x)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;

    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT): x->seconds = (int64_t)f.value; break;
        case PB_KEY(2, PB_VARINT): x->nanos = (int64_t)f.value; break;
        default: pb_skip(&q, &f, 2);
        }
    if (q.broken)
        pb_break(p);
    x->has_time = llabs(x->seconds) < INT64_C(1) << 40 && x->nanos >= 0 && x->nanos < 1000000000;
}

static void read_exemplar(struct pb *p, struct str bytes, struct exemplar_read *x)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;

    x->is_there = true;
    x->n = 0;
    x->has_time = false;
    x->value = 0;
    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_BYTES):
            if (x->n < LABEL_COUNT_MAX)
                read_label(&q, f.bytes, &x->labels[x->n++]);
            break;
        case PB_KEY(2, PB_FIXED64): x->value = double_field(&f); break;
        case PB_KEY(3, PB_BYTES): read_timestamp(&q, f.bytes, x); break;
        default: pb_skip(&q, &f, 3);
        }
    if (q.broken)
        pb_break(p);
}

/* ---- lines --------------------------------------------------------------------------------- */

/* As a sample whose name is cut off again: an exemplar has labels in braces and no name. */
static void add_exemplar(struct buf *out, const struct exemplar_read *x)
{
    CLEANUP(buf_free) struct buf line = {0};

    exposition_sample_labels(&line, STR("x"), x->labels, x->n, x->value);
    buf_add_c(out, x->n > 0 ? " # " : " # {}");
    buf_add(out, line.p + 1, line.len - 2);
    if (x->has_time) {
        buf_add_byte(out, ' ');
        add_seconds(out, x->seconds * 1000 + x->nanos / 1000000);
    }
}

/* One line; `extra` is the name of the label in labels[n_labels], or NULL. */
static void add_line(struct writer *w, struct buf *out, const char *suffix, bool extra,
                     double value, const struct exemplar_read *x)
{
    buf_reset(&w->series);
    buf_add_str(&w->series, w->name);
    buf_add_c(&w->series, suffix);
    exposition_sample_labels(out, buf_str(&w->series), w->labels, w->n_labels + extra, value);
    out->len--; /* its newline */
    if (w->has_time) {
        buf_add_byte(out, ' ');
        add_seconds(out, w->time);
    }
    if (x && x->is_there)
        add_exemplar(out, x);
    buf_add_byte(out, '\n');
}

/* With le or quantile. */
static void add_bound_line(struct writer *w, const char *suffix, const char *label, double bound,
                           double value, const struct exemplar_read *x)
{
    CLEANUP(buf_free) struct buf text = {0};

    num_add_short(&text, bound);
    w->labels[w->n_labels] = (struct label){str_c(label), buf_str(&text)};
    add_line(w, &w->page->text, suffix, true, value, x);
}

/* ---- values -------------------------------------------------------------------------------- */

static void take_simple(struct writer *w, struct pb *p, struct str bytes, struct exemplar_read *x)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;
    double value = 0;

    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_FIXED64): value = double_field(&f); break;
        case PB_KEY(2, PB_BYTES): read_exemplar(&q, f.bytes, x); break;
        default: pb_skip(&q, &f, 2);
        }
    if (q.broken)
        pb_break(p);
    add_line(w, &w->page->text, "", false, value, x);
}

static void take_quantile(struct writer *w, struct pb *p, struct str bytes)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;
    double quantile = 0, value = 0;

    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_FIXED64): quantile = double_field(&f); break;
        case PB_KEY(2, PB_FIXED64): value = double_field(&f); break;
        default: pb_skip(&q, &f, 2);
        }
    if (q.broken)
        pb_break(p);
    add_bound_line(w, "", "quantile", quantile, value, NULL);
}

static void take_summary(struct writer *w, struct pb *p, struct str bytes)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;
    double count = 0, sum = 0;

    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT): count = (double)f.value; break;
        case PB_KEY(2, PB_FIXED64): sum = double_field(&f); break;
        case PB_KEY(3, PB_BYTES): take_quantile(w, &q, f.bytes); break;
        default: pb_skip(&q, &f, 3);
        }
    if (q.broken)
        pb_break(p);
    add_line(w, &w->page->text, "_sum", false, sum, NULL);
    add_line(w, &w->page->text, "_count", false, count, NULL);
}

/* ---- histograms ---------------------------------------------------------------------------- */

static void take_bucket(struct writer *w, struct pb *p, struct str bytes, bool *has_last,
                        struct exemplar_read *x)
{
    struct pb q = pb_of(bytes);
    struct pb_field f;
    double count = 0, bound = 0;

    x->is_there = false;
    while (pb_next(&q, &f))
        switch (f.key) {
        case PB_KEY(1, PB_VARINT): count = (double)f.value; break;
        case PB_KEY(4, PB_FIXED64): count = double_field(&f); break;
        case PB_KEY(2, PB_FIXED64): bound = double_field(&f); break;
        case PB_KEY(3, PB_BYTES): read_exemplar(&q, f.bytes, x); break;
        default: pb_skip(&q, &f, 4);
        }
    if (q.broken)
        pb_break(p);
    *has_last |= bound == INFINITY;
    add_bound_line(w, "_bucket", "le", bound, count, x);
}

static void take_classic(struct writer *w, struct pb *p, struct str bytes,
                         const struct histogram_wire *h, struct exemplar_read *x)
{
    double count = h->is_float ? double_of_bits(h->count_bits) : (double)h->count;
    struct pb q = pb_of(bytes);
    bool has_last = false;
    struct pb_field f;

    while (pb_next(&q, &f))
        if (f.key == PB_KEY(3, PB_BYTES))
            take_bucket(w, &q, f.bytes, &has_last, x);
    if (q.broken)
        pb_break(p);
    if (!has_last)
        add_bound_line(w, "_bucket", "le", INFINITY, count, NULL);
    add_line(w, &w->page->text, "_sum", false, double_of_bits(h->sum_bits), NULL);
    add_line(w, &w->page->text, "_count", false, count, NULL);
}

static void *alloc(void *arg, size_t n, size_t size)
{
    struct proto_page *page = arg;
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > PROTO_MEMORY_MAX ||
        page->arena.used > PROTO_MEMORY_MAX - bytes)
        return NULL;
    return arena_array(&page->arena, n, size);
}

static int take_native(struct writer *w, const struct histogram_wire *h,
                       const struct exemplar_read *x, struct err *err)
{
    struct proto_page *page = w->page;
    struct histogram *made = alloc(page, 1, sizeof *made);
    const char *fault = NULL;

    if (!made || histogram_wire_make(h, alloc, page, made, &fault) < 0)
        return err_set(err, -E2BIG, "the histograms of the page take more than %zu bytes",
                       PROTO_MEMORY_MAX);
    if (fault)
        return err_set(err, -EINVAL, "%.*s: %s", STR_ARG(w->name), fault);
    if (w->type == PROTO_GAUGE_HISTOGRAM)
        made->hint = RESET_GAUGE;
    add_line(w, &page->natives, "", false, (double)page->n_histograms, x);
    *VEC_PUSH(page->histograms, page->n_histograms, page->cap_histograms) = made;
    return 0;
}

/* Spans, a zero bucket or a threshold make it native; a native one without observations has a span
 * of no length. */
static bool is_native(const struct histogram_wire *h)
{
    return h->positive.n_spans > 0 || h->negative.n_spans > 0 || h->zero_count > 0 ||
           double_of_bits(h->zero_count_bits) > 0 || double_of_bits(h->threshold_bits) > 0;
}

static void read_histogram_field(struct pb *p, const struct pb_field *f, struct histogram_wire *h,
                                 struct exemplar_read *x, bool *has_buckets)
{
    switch (f->key) {
    case PB_KEY(1, PB_VARINT): h->count = f->value; break;
    case PB_KEY(4, PB_FIXED64):
        h->count_bits = f->value;
        h->is_float |= double_field(f) > 0;
        break;
    case PB_KEY(2, PB_FIXED64): h->sum_bits = f->value; break;
    case PB_KEY(3, PB_BYTES): *has_buckets = true; break;
    case PB_KEY(5, PB_VARINT): h->schema = (int32_t)pb_zigzag(f->value); break;
    case PB_KEY(6, PB_FIXED64): h->threshold_bits = f->value; break;
    case PB_KEY(7, PB_VARINT): h->zero_count = f->value; break;
    case PB_KEY(8, PB_FIXED64): h->zero_count_bits = f->value; break;
    case PB_KEY(9, PB_BYTES): histogram_wire_span(p, &h->negative, f->bytes); break;
    case PB_KEY(10, PB_VARINT):
    case PB_KEY(10, PB_BYTES): histogram_wire_numbers(p, &h->negative.deltas, f, false); break;
    case PB_KEY(11, PB_FIXED64):
    case PB_KEY(11, PB_BYTES): histogram_wire_numbers(p, &h->negative.counts, f, true); break;
    case PB_KEY(12, PB_BYTES): histogram_wire_span(p, &h->positive, f->bytes); break;
    case PB_KEY(13, PB_VARINT):
    case PB_KEY(13, PB_BYTES): histogram_wire_numbers(p, &h->positive.deltas, f, false); break;
    case PB_KEY(14, PB_FIXED64):
    case PB_KEY(14, PB_BYTES): histogram_wire_numbers(p, &h->positive.counts, f, true); break;
    case PB_KEY(16, PB_BYTES): read_exemplar(p, f->bytes, x); break;
    default: pb_skip(p, f, 14);
    }
}

static int take_histogram(struct writer *w, struct pb *p, struct str bytes, struct exemplar_read *x,
                          struct err *err)
{
    CLEANUP(histogram_wire_deinit) struct histogram_wire h = {0};
    struct pb q = pb_of(bytes);
    bool has_buckets = false, native;
    struct pb_field f;
    int r = 0;

    while (pb_next(&q, &f)) {
        read_histogram_field(&q, &f, &h, x, &has_buckets);
        if (histogram_wire_is_too_large(&h))
            return err_set(err, -E2BIG, "a histogram with too many buckets");
    }
    if (q.broken)
        pb_break(p);
    native = w->o->native_histograms && is_native(&h);
    if (native && !q.broken)
        r = take_native(w, &h, x, err);
    if (!native || (has_buckets && w->o->classic_too))
        take_classic(w, p, bytes, &h, x);
    return r;
}

/* ---- metrics and families ------------------------------------------------------------------ */

static int take_value(struct writer *w, struct pb *p, const struct pb_field *f, struct err *err)
{
    struct exemplar_read x;

    x.is_there = false;
    switch (f->key) {
    case PB_KEY(2, PB_BYTES):
    case PB_KEY(3, PB_BYTES):
    case PB_KEY(5, PB_BYTES): take_simple(w, p, f->bytes, &x); break;
    case PB_KEY(4, PB_BYTES): take_summary(w, p, f->bytes); break;
    default: return take_histogram(w, p, f->bytes, &x, err);
    }
    return 0;
}

/* Which field of a Metric has the value. */
static unsigned value_field(uint64_t type)
{
    static const unsigned fields[PROTO_TYPES] = {
        [PROTO_COUNTER] = 3, [PROTO_GAUGE] = 2,     [PROTO_SUMMARY] = 4,
        [PROTO_UNTYPED] = 5, [PROTO_HISTOGRAM] = 7, [PROTO_GAUGE_HISTOGRAM] = 7,
    };

    return fields[type];
}

static int take_metric(struct writer *w, struct pb *p, struct str bytes, struct err *err)
{
    struct pb q = pb_of(bytes);
    struct pb_field f, value = {0};
    int r = 0;

    w->n_labels = 0;
    w->has_time = false;
    while (pb_next(&q, &f)) {
        if (f.key == PB_KEY(1, PB_BYTES)) {
            if (w->n_labels > LABEL_COUNT_MAX)
                return err_set(err, -E2BIG, "more than %d labels", LABEL_COUNT_MAX);
            read_label(&q, f.bytes, VEC_PUSH(w->labels, w->n_labels, w->cap_labels));
        } else if (f.key == PB_KEY(6, PB_VARINT)) {
            w->time = (int64_t)f.value;
            w->has_time = w->time != 0;
        } else if (f.key == PB_KEY(value_field(w->type), PB_BYTES)) {
            value = f;
        } else {
            pb_skip(&q, &f, 0);
        }
    }
    (void)VEC_PUSH(w->labels, w->n_labels, w->cap_labels); /* room for le or quantile */
    w->n_labels--;
    if (q.broken)
        pb_break(p);
    if (value.key != 0 && !q.broken)
        r = take_value(w, p, &value, err);
    return r;
}

static void describe(struct writer *w, struct str help, struct str unit)
{
    struct buf *out = &w->page->text;

    if (help.len > 0)
        exposition_openmetrics_meta(out, "HELP", w->name, help);
    exposition_openmetrics_meta(out, "TYPE", w->name, str_c(metric_type_name(types[w->type])));
    if (unit.len > 0 && str_has_suffix(w->name, unit) && w->name.len > unit.len &&
        w->name.p[w->name.len - unit.len - 1] == '_')
        exposition_openmetrics_meta(out, "UNIT", w->name, unit);
}

/* Name and type may come behind the metrics, so the message is walked twice. */
static int take_family(struct writer *w, struct str bytes, struct err *err)
{
    struct pb p = pb_of(bytes);
    struct str help = STR(""), unit = STR("");
    struct pb_field f;
    int r = 0;

    w->name = STR("");
    w->type = PROTO_COUNTER;
    while (pb_next(&p, &f))
        switch (f.key) {
        case PB_KEY(1, PB_BYTES): w->name = f.bytes; break;
        case PB_KEY(2, PB_BYTES): help = f.bytes; break;
        case PB_KEY(3, PB_VARINT): w->type = f.value; break;
        case PB_KEY(4, PB_BYTES): break;
        case PB_KEY(5, PB_BYTES): unit = f.bytes; break;
        default: pb_skip(&p, &f, 5);
        }
    if (p.broken)
        return err_set(err, -EINVAL, "a metric family is broken");
    if (w->name.len == 0 || !str_is_utf8(w->name))
        return err_set(err, -EINVAL, "a metric family without a name");
    if (w->type >= PROTO_TYPES)
        return err_set(err, -EINVAL, "%.*s has an unknown type", STR_ARG(w->name));
    describe(w, help, unit);
    p = pb_of(bytes);
    while (r == 0 && pb_next(&p, &f)) {
        if (f.key == PB_KEY(4, PB_BYTES))
            r = take_metric(w, &p, f.bytes, err);
        if (r == 0 && w->page->text.len + w->page->natives.len > PROTO_TEXT_MAX)
            r = err_set(err, -E2BIG, "the page is too large");
    }
    return r < 0 ? r : p.broken ? err_set(err, -EINVAL, "%.*s is broken", STR_ARG(w->name)) : 0;
}

int proto_page_read(struct str page, const struct proto_options *o, struct proto_page *ret,
                    struct err *err)
{
    struct writer w = {.page = ret, .o = o};
    struct pb p = pb_of(page);
    uint64_t len;
    int r = 0;

    *ret = (struct proto_page){0};
    arena_init(&ret->arena, 0);
    while (r == 0 && p.p < p.end) {
        if (!pb_read_varint(&p, &len) || len > (uint64_t)(p.end - p.p)) {
            r = err_set(err, -EINVAL, "the page ends within a metric family");
            break;
        }
        r = take_family(&w, str_n((const char *)p.p, (size_t)len), err);
        p.p += len;
    }
    buf_add_c(&ret->text, "# EOF\n");
    buf_add_c(&ret->natives, "# EOF\n");
    free(w.labels);
    buf_free(&w.series);
    return r;
}

void proto_page_deinit(struct proto_page *p)
{
    buf_free(&p->text);
    buf_free(&p->natives);
    free(p->histograms);
    arena_deinit(&p->arena);
}
