/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - query, query_range, format_query, parse_query: parameters in, PromQL's result out
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/num.h"
#include "promql/promql.h"

#define POINTS_MAX 11000 /* of one series of a range query */

/* ---- writing results
 * ---------------------------------------------------------------------------------------------- */

static void add_seconds(struct buf *out, unix_ms t)
{
    if (t % 1000 == 0)
        buf_addf(out, "%lld", (long long)(t / 1000));
    else
        buf_addf(out, "%s%lld.%03lld", t < 0 ? "-" : "", (long long)(t < 0 ? -t : t) / 1000,
                 (long long)(t < 0 ? -t : t) % 1000);
}

static void add_point(struct buf *out, unix_ms t, double v)
{
    buf_add_byte(out, '[');
    add_seconds(out, t);
    buf_add_c(out, ",\"");
    num_add_sample(out, v);
    buf_add_c(out, "\"]");
}

static void add_quoted(struct buf *out, double v)
{
    buf_add_byte(out, '"');
    num_add_sample(out, v);
    buf_add_byte(out, '"');
}

/* 0: (lower, upper]; 1: [lower, upper); 2: open; 3: closed at both ends. */
static int bucket_rule(const struct hist_bucket *b)
{
    if (b->lower_inclusive)
        return b->upper_inclusive ? 3 : 1;
    return b->upper_inclusive ? 0 : 2;
}

static void add_histogram(struct buf *out, unix_ms t, const struct histogram *h)
{
    struct hist_buckets bs = {0};
    bool any = false;

    buf_add_byte(out, '[');
    add_seconds(out, t);
    buf_add_c(out, ",{\"count\":");
    add_quoted(out, h->count);
    buf_add_c(out, ",\"sum\":");
    add_quoted(out, h->sum);
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
    hist_buckets_deinit(&bs);
    buf_add_c(out, any ? "]}]" : "}]");
}

static bool is_histogram(const struct promql_series *s, size_t i)
{
    return s->histograms && s->histograms[i];
}

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

static void add_result(struct buf *out, const struct promql_result *r, size_t shown)
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
    for (size_t i = 0; i < shown; i++) {
        if (i)
            buf_add_byte(out, ',');
        add_series(out, &r->series[i], r->type == PROMQL_MATRIX);
    }
    buf_add_byte(out, ']');
}

static void add_stats(struct buf *out, const struct promql_stats *s)
{
    const struct {
        const char *name;
        mono_ns ns;
    } timings[] = {{"evalTotalTime", s->total},
                   {"resultSortTime", s->sort},
                   {"queryPreparationTime", s->select},
                   {"innerEvalTime", s->total - s->select - s->sort},
                   {"execQueueTime", 0},
                   {"execTotalTime", s->total}};

    buf_add_c(out, ",\"stats\":{\"timings\":{");
    for (size_t i = 0; i < ARRAY_LEN(timings); i++)
        buf_addf(out, "%s\"%s\":%.9f", i ? "," : "", timings[i].name, (double)timings[i].ns / 1e9);
    buf_addf(out, "},\"samples\":{\"totalQueryableSamples\":%llu,\"peakSamples\":%zu}}",
             (unsigned long long)s->samples_read, s->samples_peak);
}

/* ---- annotations
 * ---------------------------------------------------------------------------------------------------
 */

static void add_annotation(char **texts, size_t *n, size_t *omitted,
                           const struct promql_annotation *from)
{
    char *text;

    if (*n == ANSWER_TEXTS_MAX) {
        ++*omitted;
        return;
    }
    if (from->line ? asprintf(&text, "%s (%u:%u)", from->text, from->line, from->col)
                   : asprintf(&text, "%s", from->text) < 0)
        texts[(*n)++] = text;
}

static void add_omitted(char **texts, size_t *n, size_t omitted, const char *what)
{
    if (omitted && asprintf(&texts[*n], "%zu more %s annotations omitted", omitted, what) >= 0)
        ++*n;
}

static void add_annotations(struct answer *a, const struct promql_result *r)
{
    size_t warnings_omitted = 0, infos_omitted = 0;

    for (size_t i = 0; i < r->n_annotations; i++)
        if (r->annotations[i].warning)
            add_annotation(a->warnings, &a->n_warnings, &warnings_omitted, &r->annotations[i]);
        else
            add_annotation(a->infos, &a->n_infos, &infos_omitted, &r->annotations[i]);
    add_omitted(a->warnings, &a->n_warnings, warnings_omitted, "warning");
    add_omitted(a->infos, &a->n_infos, infos_omitted, "info");
}

/* ---- handlers
 * -------------------------------------------------------------------------------------------------------
 */

static int parse(const struct request *r, struct promql_expr **ret, struct answer *a)
{
    struct err err = {0};

    if (promql_parse(api_param(r, "query"), NULL, ret, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"query\": %s", err.msg);
    return 0;
}

static int query_options(const struct request *r, struct promql_options *ret, struct answer *a)
{
    struct str timeout = api_param(r, "timeout");
    dur_ms asked;

    *ret = (struct promql_options){.lookback = r->api->lookback,
                                   .timeout = r->api->query_timeout,
                                   .max_samples = (size_t)r->api->query_max_samples};
    if (api_param_duration(r, "timeout", ret->timeout, &asked, a) < 0 ||
        api_param_duration(r, "lookback_delta", ret->lookback, &ret->lookback, a) < 0)
        return -1;
    if (timeout.len && asked <= 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"query\": context deadline exceeded");
    if (asked < ret->timeout)
        ret->timeout = asked;
    return 0;
}

static int query_failed(const struct err *err, struct answer *a)
{
    return api_fail(a,
                    err->code == -ETIMEDOUT                       ? API_TIMEOUT
                    : err->code == -ECANCELED                     ? API_CANCELED
                    : err->code == -EINVAL || err->code == -E2BIG ? API_EXECUTION
                                                                  : API_INTERNAL,
                    "%s", err->msg);
}

static void write_answer(const struct request *r, const struct promql_result *result, size_t limit,
                         struct answer *a)
{
    size_t shown = limit && limit < result->n ? limit : result->n;

    buf_addf(&a->data, "{\"resultType\":\"%s\",\"result\":", promql_type_name(result->type));
    add_result(&a->data, result, shown);
    if (api_param(r, "stats").len)
        add_stats(&a->data, &result->stats);
    buf_add_byte(&a->data, '}');
    add_annotations(a, result);
    if (shown < result->n && a->n_warnings < ANSWER_TEXTS_MAX)
        a->warnings[a->n_warnings++] = mem_strdup("results truncated due to limit");
}

int api_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o;
    struct err err = {0};
    size_t limit;
    unix_ms t;

    if (api_param_limit(r, "limit", &limit, a) < 0 ||
        api_param_time(r, "time", clock_unix_ms(), &t, a) < 0 || query_options(r, &o, a) < 0 ||
        parse(r, &expr, a) < 0)
        return -1;
    if (promql_instant(expr, &r->api->reader, &o, t, &result, &err) < 0)
        return query_failed(&err, a);
    write_answer(r, result, limit, a);
    return 0;
}

/* Parameters of a range are required; an absent one is told like one that cannot be parsed. */
static int range_times(const struct request *r, unix_ms *start, unix_ms *end, dur_ms *step,
                       struct answer *a)
{
    struct err err = {0};

    if (api_parse_time(api_param(r, "start"), start, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"start\": %s", err.msg);
    if (api_parse_time(api_param(r, "end"), end, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"end\": %s", err.msg);
    if (*end < *start)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"end\": end timestamp must not be before start time");
    if (api_parse_duration(api_param(r, "step"), step, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"step\": %s", err.msg);
    if (*step <= 0)
        return api_fail(
            a, API_BAD_DATA,
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. "
            "Try a positive integer");
    if ((*end - *start) / *step > POINTS_MAX)
        return api_fail(
            a, API_BAD_DATA,
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
            "resolution (?step=XX)");
    return 0;
}

int api_query_range(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o;
    struct err err = {0};
    size_t limit;
    unix_ms start, end;
    dur_ms step;

    if (range_times(r, &start, &end, &step, a) < 0 || api_param_limit(r, "limit", &limit, a) < 0 ||
        query_options(r, &o, a) < 0 || parse(r, &expr, a) < 0)
        return -1;
    if (expr->root->type != PROMQL_SCALAR && expr->root->type != PROMQL_VECTOR)
        return api_fail(
            a, API_BAD_DATA,
            "invalid parameter \"query\": invalid expression type \"%s\" for range query, must be Scalar "
            "or instant Vector",
            promql_type_text(expr->root->type));
    if (promql_range(expr, &r->api->reader, &o, start, end, step, &result, &err) < 0)
        return query_failed(&err, a);
    write_answer(r, result, limit, a);
    return 0;
}

int api_format_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};

    if (parse(r, &expr, a) < 0)
        return -1;
    promql_print_pretty(expr->root, PROMQL_PRETTY_WIDTH, &text);
    json_add_string(&a->data, buf_str(&text), JSON_HTML_SAFE);
    return 0;
}

int api_parse_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;

    if (parse(r, &expr, a) < 0)
        return -1;
    promql_print_json(expr->root, &a->data);
    return 0;
}
