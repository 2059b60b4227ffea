/* SPDX-License-Identifier: Apache-2.0 */
/*
 * result - what PromQL found as Prometheus' JSON (prometheus.md 1.3)
 *
 *     vector   [{"metric":{...},"value":[1435781451.781,"1"]}, ...]
 *     matrix   [{"metric":{...},"values":[[T,"V"],...],"histograms":[[T,H],...]}, ...]
 *     scalar   [T,"V"]         string  [T,"text"]
 *     H        {"count":"10","sum":"20","buckets":[[RULE,"LOWER","UPPER","COUNT"],...]}
 *
 * Results can be large: this writes into the buffer directly, and half of it on another core.
 */
#include "api/api_priv.h"
#include "base/crew.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/num.h"

#define TIME_PIECE_MAX 24 /* bytes of [T," with the longest T there is */
#define VALUES_KEY     ",\"values\":["
#define POINT_MAX      (TIME_PIECE_MAX + NUM_SAMPLE_MAX + 3)
/* Room that is made beforehand: pages that are new to a thread cost more than writing them. */
#define POINT_USUAL    32
#define POINTS_AT_ONCE 64    /* for which room is made together */
#define LABELS_COST    5     /* writing a label set takes as long as so many points */
#define COST_FOR_TWO   16384 /* below it a helper costs more than it saves */
#define STEPS_KEPT     4096  /* times whose text is kept; more would fall out of the cache anyhow */

/* ---- points -------------------------------------------------------------------------------- */

/* A time as it begins a point. All series of a range have the same times, or nearly. */
struct step {
    unix_ms t;
    size_t len;                /* 0: no time yet */
    char text[TIME_PIECE_MAX]; /* [T," */
};

/* What is written, and the text of the times that were written last, by the place in a series. */
struct writer {
    struct buf *out;
    struct step *steps;
    size_t n_steps; /* a power of two */
};

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

static void set_step(struct step *s, unix_ms t)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_add_byte(&text, '[');
    add_seconds(&text, t);
    buf_add_c(&text, ",\"");
    must(text.len <= sizeof s->text);
    s->t = t;
    s->len = text.len;
    memcpy(s->text, text.p, text.len);
}

/* There are POINT_MAX bytes at p; returns where the point ends. */
static char *put_point(const struct writer *w, size_t place, unix_ms t, double v, char *p)
{
    struct step *s = &w->steps[place & (w->n_steps - 1)];

    if (s->t != t || s->len == 0)
        set_step(s, t);
    memcpy(p, s->text, sizeof s->text); /* all of it, which takes no call */
    p += s->len;
    p += num_format_sample(v, p);
    *p++ = '"';
    *p++ = ']';
    return p;
}

static void add_point(const struct writer *w, unix_ms t, double v)
{
    char text[POINT_MAX];

    buf_add(w->out, text, (size_t)(put_point(w, 0, t, v, text) - text));
}

static void add_quoted(struct buf *out, double v)
{
    buf_add_byte(out, '"');
    num_add_sample(out, v);
    buf_add_byte(out, '"');
}

/* ---- histograms ---------------------------------------------------------------------------- */

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

/* ---- series -------------------------------------------------------------------------------- */

static bool is_histogram(const struct promql_series *s, size_t i)
{
    return s->histograms && s->histograms[i];
}

/* Those of a series that are no histograms. */
static void add_floats(const struct writer *w, const struct promql_series *s)
{
    struct buf *out = w->out;
    bool any = false;

    for (size_t from = 0; from < s->n; from += POINTS_AT_ONCE) {
        size_t end = s->n - from < POINTS_AT_ONCE ? s->n : from + POINTS_AT_ONCE;
        char *p = buf_room(out, POINTS_AT_ONCE * POINT_MAX + sizeof VALUES_KEY);

        for (size_t i = from; i < end; i++) {
            if (is_histogram(s, i))
                continue;
            if (!any)
                p = (char *)memcpy(p, VALUES_KEY, strlen(VALUES_KEY)) + strlen(VALUES_KEY);
            else
                *p++ = ',';
            p = put_point(w, i, s->times[i], s->values[i], p);
            any = true;
        }
        out->len = (size_t)(p - out->p);
    }
    if (any)
        buf_add_byte(out, ']');
}

static void add_histograms(struct buf *out, const struct promql_series *s)
{
    bool any = false;

    for (size_t i = 0; s->histograms && i < s->n; i++) {
        if (!s->histograms[i])
            continue;
        buf_add_c(out, any ? "," : ",\"histograms\":[");
        add_histogram(out, s->times[i], s->histograms[i]);
        any = true;
    }
    if (any)
        buf_add_byte(out, ']');
}

static void add_series(const struct writer *w, const struct promql_series *s, bool matrix)
{
    struct buf *out = w->out;

    buf_add_c(out, "{\"metric\":");
    label_set_add_json(s->labels, out);
    if (matrix) {
        add_floats(w, s);
        add_histograms(out, s);
    } else if (is_histogram(s, 0)) {
        buf_add_c(out, ",\"histogram\":");
        add_histogram(out, s->times[0], s->histograms[0]);
    } else {
        buf_add_c(out, ",\"value\":");
        add_point(w, s->times[0], s->values[0]);
    }
    buf_add_byte(out, '}');
}

/* ---- the result ---------------------------------------------------------------------------- */

/* Enough for the longest series. */
static size_t steps_needed(const struct promql_result *r)
{
    size_t most = 1, n = 1;

    for (size_t i = 0; i < r->n; i++)
        if (r->series[i].n > most)
            most = r->series[i].n;
    while (n < most && n < STEPS_KEPT)
        n *= 2;
    return n;
}

/* What writing series [from, to) costs, in points. */
static size_t cost_of(const struct promql_result *r, size_t from, size_t to)
{
    size_t cost = (to - from) * LABELS_COST;

    for (size_t i = from; i < to; i++)
        cost += r->series[i].n;
    return cost;
}

/* Some of the series, with commas in between. */
struct part {
    const struct promql_result *result;
    size_t from, to;
    struct buf *out;
};

static void add_part(void *arg)
{
    const struct part *p = arg;
    size_t n_steps = steps_needed(p->result);
    CLEANUP(mem_freep) struct step *steps = mem_zalloc(n_steps * sizeof *steps);
    const struct writer w = {.out = p->out, .steps = steps, .n_steps = n_steps};

    for (size_t i = p->from; i < p->to; i++) {
        if (i > p->from)
            buf_add_byte(p->out, ',');
        add_series(&w, &p->result->series[i], p->result->type == PROMQL_MATRIX);
    }
}

/* The place at which both halves cost the same, or nearly. */
static size_t middle_of(const struct promql_result *r, size_t n, size_t cost)
{
    size_t before = 0, i = 0;

    while (i < n && before < cost / 2)
        before += LABELS_COST + r->series[i++].n;
    return i;
}

/* Series of a vector or matrix. A helper writes the second half, when it is worth waking one. */
static void add_all_series(struct buf *out, const struct promql_result *r, size_t n,
                           struct crew *crew)
{
    CLEANUP(buf_free) struct buf second = {0};
    size_t cost = cost_of(r, 0, n);
    size_t middle = cost >= COST_FOR_TWO ? middle_of(r, n, cost) : n;
    struct part parts[] = {{r, 0, middle, out}, {r, middle, n, &second}};
    struct crew_job job;

    if (middle == n || crew_take(crew, 1) == 0) {
        parts[0].to = n;
        add_part(&parts[0]);
        return;
    }
    buf_room(out, cost * POINT_USUAL);
    buf_room(&second, cost / 2 * POINT_USUAL);
    crew_run(crew, &job, add_part, &parts[1]);
    add_part(&parts[0]);
    crew_join(crew, &job);
    buf_add_byte(out, ',');
    buf_add(out, second.p, second.len);
}

void api_add_result(struct buf *out, const struct promql_result *r, size_t n, struct crew *crew)
{
    must(out->max == 0); /* points are written past it */
    if (r->type == PROMQL_SCALAR || r->type == PROMQL_STRING) {
        buf_add_byte(out, '[');
        add_seconds(out, r->time);
        buf_add_byte(out, ',');
        if (r->type == PROMQL_SCALAR)
            add_quoted(out, r->series[0].values[0]);
        else
            json_add_string(out, r->text, JSON_HTML_SAFE);
    } else {
        buf_add_byte(out, '[');
        add_all_series(out, r, n < r->n ? n : r->n, crew);
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
