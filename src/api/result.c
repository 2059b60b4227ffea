/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result - what PromQL found as Prometheus' JSON (prometheus.md 1.3)
 *
 *     vector   [{"metric":{...},"value":[1435781451.781,"1"]}, ...]
 *     matrix   [{"metric":{...},"values":[[T,"V"],...],"histograms":[[T,H],...]}, ...]
 *     scalar   [T,"V"]         string  [T,"text"]
 *     H        {"count":"10","sum":"20","buckets":[[RULE,"LOWER","UPPER","COUNT"],...]}
 *
 * Results can be large: this writes into the buffer directly.
 */
#include "api/api_priv.h"
#include "base/num.h"

/* Seconds; three decimals unless they are all zero. */
static void add_seconds(struct buf *out, unix_ms t)
{
    uint64_t ms = t < 0 ? -(uint64_t)t : (uint64_t)t;
    unsigned rest = (unsigned)(ms % 1000);

    if (t < 0)
        buf_add_byte(out, '-');
    num_add_i64(out, (int64_t)(ms / 1000));
    if (rest) {
        const char text[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                              (char)('0' + rest % 10)};

        buf_add(out, text, sizeof text);
    }
}

static void add_quoted(struct buf *out, double v)
{
    buf_add_byte(out, '"');
    num_add_sample(out, v);
    buf_add_byte(out, '"');
}

static void add_point(struct buf *out, unix_ms t, double v)
{
    buf_add_byte(out, '[');
    add_seconds(out, t);
    buf_add_byte(out, ',');
    add_quoted(out, v);
    buf_add_byte(out, ']');
}

/* 0: (lower, upper]; 1: [lower, upper); 2: open; 3: closed at both ends. */
static int bucket_rule(const struct hist_bucket *b)
{
    if (b->lower_inclusive)
        return b->upper_inclusive ? 3 : 1;
    return b->upper_inclusive ? 0 : 2;
}

static void add_buckets(struct buf *out, const struct histogram *h)
{
    struct hist_buckets bs = {0};
    bool any = false;

    hist_buckets_fill(&bs, h);
    for (size_t i = 0; i < bs.n; i++) {
        if (bs.b[i].count == 0)
            continue;
        buf_addf(out, "%s[%d,", any ? "," : ",\"buckets\":[", bucket_rule(&bs.b[i]));
        add_quoted(out, bs.b[i].lower);
        buf_add_byte(out, ',');
        add_quoted(out, bs.b[i].upper);
        buf_add_byte(out, ',');
        add_quoted(out, bs.b[i].count);
        buf_add_byte(out, ']');
        any = true;
    }
    if (any)
        buf_add_byte(out, ']');
    hist_buckets_deinit(&bs);
}

static void add_histogram(struct buf *out, unix_ms t, const struct histogram *h)
{
    buf_add_byte(out, '[');
    add_seconds(out, t);
    buf_add_c(out, ",{\"count\":");
    add_quoted(out, h->count);
    buf_add_c(out, ",\"sum\":");
    add_quoted(out, h->sum);
    add_buckets(out, h);
    buf_add_c(out, "}]");
}

static bool is_histogram(const struct promql_series *s, size_t i)
{
    return s->histograms && s->histograms[i];
}

/* Those of a series that are histograms, or those that are none. */
static void add_points(struct buf *out, const struct promql_series *s, bool histograms)
{
    bool any = false;

    for (size_t i = 0; i < s->n; i++) {
        if (is_histogram(s, i) != histograms)
            continue;
        buf_add_c(out, any ? "," : histograms ? ",\"histograms\":[" : ",\"values\":[");
        if (histograms)
            add_histogram(out, s->times[i], s->histograms[i]);
        else
            add_point(out, s->times[i], s->values[i]);
        any = true;
    }
    if (any)
        buf_add_byte(out, ']');
}

static void add_series(struct buf *out, const struct promql_series *s, bool matrix)
{
    buf_add_c(out, "{\"metric\":");
    label_set_add_json(s->labels, out);
    if (matrix) {
        add_points(out, s, false);
        add_points(out, s, true);
    } else if (is_histogram(s, 0)) {
        buf_add_c(out, ",\"histogram\":");
        add_histogram(out, s->times[0], s->histograms[0]);
    } else {
        buf_add_c(out, ",\"value\":");
        add_point(out, s->times[0], s->values[0]);
    }
    buf_add_byte(out, '}');
}

void api_add_result(struct buf *out, const struct promql_result *r, size_t n)
{
    if (r->type == PROMQL_SCALAR) {
        add_point(out, r->time, r->series[0].values[0]);
        return;
    }
    buf_add_byte(out, '[');
    if (r->type == PROMQL_STRING) {
        add_seconds(out, r->time);
        buf_add_byte(out, ',');
        json_add_string(out, r->text, JSON_HTML_SAFE);
    }
    for (size_t i = 0; i < n && i < r->n; i++) {
        if (i)
            buf_add_byte(out, ',');
        add_series(out, &r->series[i], r->type == PROMQL_MATRIX);
    }
    buf_add_byte(out, ']');
}

/* ---- exemplars ----------------------------------------------------------------------------- */

static void add_exemplar(struct json_writer *w, const struct exemplar *e)
{
    CLEANUP(buf_free) struct buf value = {0}, time = {0};

    add_quoted(&value, e->v);
    add_seconds(&time, e->t);
    json_object_begin(w);
    api_kv_labels(w, "labels", e->labels);
    json_key_c(w, "value");
    json_raw(w, buf_str(&value));
    json_key_c(w, "timestamp");
    json_raw(w, buf_str(&time));
    json_object_end(w);
}

void api_add_exemplars(struct json_writer *w, const struct label_set *series,
                       const struct exemplar *exemplars, size_t n)
{
    json_object_begin(w);
    api_kv_labels(w, "seriesLabels", series);
    json_key_c(w, "exemplars");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        add_exemplar(w, &exemplars[i]);
    json_array_end(w);
    json_object_end(w);
}
