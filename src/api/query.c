/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query - query, query_range, format_query, parse_query: parameters in, PromQL's result out
 *
 * Parameters are checked in the order in which Prometheus does, so that of two faults the same one
 * is told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/num.h"
#include "storage/storage.h"

#define POINTS_MAX      11000 /* of one series of a range query */
#define ANNOTATIONS_MAX 10    /* warnings, and infos, that an answer shows */

/* ---- parameters ---------------------------------------------------------------------------- */

static int parse(const struct request *r, struct promql_expr **ret, struct answer *a)
{
    struct err err = {0};

    if (promql_parse(api_param(r, "query"), &r->api->features, ret, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"query\": %s", err.msg);
    return 0;
}

static dur_ms evaluation_interval(const struct request *r)
{
    const struct config *c = r->api->config(r->api->self);
    dur_ms interval = c->evaluation_interval;

    config_unref(c);
    return interval;
}

static int read_lookback(const struct request *r, dur_ms *ret, struct answer *a)
{
    struct str text = api_param(r, "lookback_delta");
    struct err err = {0};
    dur_ms asked = 0;

    if (text.len && api_parse_duration(text, &asked, &err) < 0)
        return api_fail(a, API_BAD_DATA, "error parsing lookback delta duration: %s", err.msg);
    *ret = asked > 0 ? asked : r->api->lookback;
    return 0;
}

int api_query_options(const struct request *r, struct promql_options *ret, struct answer *a)
{
    dur_ms most = r->api->query_timeout > 0 ? r->api->query_timeout : PROMQL_TIMEOUT_MS, timeout;

    if (api_param_duration(r, "timeout", most, &timeout, a) < 0)
        return -1;
    *ret = (struct promql_options){.timeout = timeout < most ? timeout : most,
                                   .subquery_step = evaluation_interval(r),
                                   .max_samples = (size_t)r->api->query_max_samples,
                                   .max_bytes = (size_t)r->api->query_max_memory,
                                   .per_step_stats = r->api->per_step_stats &&
                                                     str_eq(api_param(r, "stats"), STR("all")),
                                   .delayed_name_removal = r->api->delayed_name_removal,
                                   .type_and_unit_labels = r->api->type_and_unit_labels,
                                   .crew = r->crew,
                                   .cancel = http_client_gone_flag(r->http)};
    if (read_lookback(r, &ret->lookback, a) < 0)
        return -1;
    if (timeout <= 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"query\": context deadline exceeded");
    return 0;
}

/* An absent parameter is told like one that cannot be parsed. */
static int range_time(const struct request *r, const char *name, unix_ms *ret, struct answer *a)
{
    struct err err = {0};

    if (api_parse_time(api_param(r, name), ret, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"%s\": %s", name, err.msg);
    return 0;
}

static int read_range(const struct request *r, unix_ms *start, unix_ms *end, dur_ms *step,
                      struct answer *a)
{
    struct err err = {0};

    if (range_time(r, "start", start, a) < 0 || range_time(r, "end", end, a) < 0)
        return -1;
    if (*end < *start)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"end\": end timestamp must not be before start time");
    if (api_parse_duration(api_param(r, "step"), step, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"step\": %s", err.msg);
    if (*step <= 0)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"step\": zero or negative query resolution step widths "
                        "are not accepted. Try a positive integer");
    if ((*end - *start) / *step > POINTS_MAX)
        return api_fail(a, API_BAD_DATA,
                        "exceeded maximum resolution of 11,000 points per timeseries. Try "
                        "decreasing the query resolution (?step=XX)");
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* The samples of each step as [seconds, count]. */
static void add_samples_per_step(struct json_writer *w, const struct promql_stats *s)
{
    json_key_c(w, "totalQueryableSamplesPerStep");
    json_array_begin(w);
    for (size_t k = 0; k < s->n_steps; k++) {
        json_raw(w, STR(""));
        buf_addf(w->out, "[");
        num_add_short(w->out, (double)(s->first_step + (int64_t)k * s->step) / 1000);
        buf_addf(w->out, ",%" PRIu64 "]", s->samples_per_step[k]);
    }
    json_array_end(w);
}

static void add_stats(struct json_writer *w, const struct promql_stats *s, mono_ns waited)
{
    mono_ns inner = s->total - s->select - s->sort;

    json_key_c(w, "stats");
    json_object_begin(w);
    json_key_c(w, "timings");
    json_object_begin(w);
    api_kv_number(w, "evalTotalTime", (double)s->total / 1e9);
    api_kv_number(w, "resultSortTime", (double)s->sort / 1e9);
    api_kv_number(w, "queryPreparationTime", (double)s->select / 1e9);
    api_kv_number(w, "innerEvalTime", (double)(inner > 0 ? inner : 0) / 1e9);
    api_kv_number(w, "execQueueTime", (double)waited / 1e9);
    api_kv_number(w, "execTotalTime", (double)(s->total + waited) / 1e9);
    json_object_end(w);
    json_key_c(w, "samples");
    json_object_begin(w);
    if (s->n_steps)
        add_samples_per_step(w, s);
    json_kv_i64(w, "totalQueryableSamples", (int64_t)s->samples_read);
    json_kv_i64(w, "peakSamples", (int64_t)s->samples_peak);
    json_object_end(w);
    json_object_end(w);
}

static void add_annotations(struct answer *a, const struct promql_result *r, bool warnings)
{
    void (*tell)(struct answer * a, const char *fmt, ...) = warnings ? api_warn : api_inform;
    size_t n = 0;

    for (size_t i = 0; i < r->n_annotations; i++) {
        const struct promql_annotation *at = &r->annotations[i];

        if (at->warning != warnings || n++ >= ANNOTATIONS_MAX)
            continue;
        if (at->line)
            tell(a, "%s (%u:%u)", at->text, at->line, at->col);
        else
            tell(a, "%s", at->text);
    }
    if (n > ANNOTATIONS_MAX)
        tell(a, "%zu more %s annotations omitted", n - ANNOTATIONS_MAX,
             warnings ? "warning" : "info");
}

static void write_answer(const struct request *r, const struct promql_result *result, size_t limit,
                         mono_ns waited, struct answer *a)
{
    struct json_writer *w = &a->w;

    json_object_begin(w);
    json_kv_c(w, "resultType", promql_type_name(result->type));
    json_key_c(w, "result");
    json_raw(w, STR(""));
    api_add_result(w->out, result, limit ? limit : SIZE_MAX, r->crew);
    if (api_param(r, "stats").len)
        add_stats(w, &result->stats, waited);
    json_object_end(w);
    add_annotations(a, result, true);
    add_annotations(a, result, false);
    if (limit && limit < result->n)
        api_warn_truncated(a);
}

static int query_failed(const struct err *err, struct answer *a)
{
    enum api_error kind = API_INTERNAL;

    switch (err->code) {
    case -ETIMEDOUT: kind = API_TIMEOUT; break;
    case -ECANCELED: kind = API_CANCELED; break;
    case -EINVAL:
    case -E2BIG: kind = API_EXECUTION; break;
    }
    return api_fail(a, kind, "%s", err->msg);
}

int api_take_turn(const struct request *r, struct promql_options *o, mono_ns *ret_waited,
                  struct answer *a)
{
    struct err err = {0};

    if (gate_enter(r->gate, o->timeout, o->cancel, ret_waited, &err) < 0)
        return query_failed(&err, a);
    o->timeout -= *ret_waited / NS_PER_MS;
    if (o->timeout < 1)
        o->timeout = 1; /* 0 would be the default */
    return 0;
}

/* ---- handlers ------------------------------------------------------------------------------ */

int api_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o;
    struct err err = {0};
    mono_ns waited;
    size_t limit;
    unix_ms t;
    int status;

    if (api_param_limit(r, "limit", &limit, a) < 0 ||
        api_param_time(r, "time", clock_unix_ms(), &t, a) < 0 || api_query_options(r, &o, a) < 0 ||
        parse(r, &expr, a) < 0 || api_take_turn(r, &o, &waited, a) < 0)
        return -1;
    status = promql_instant(expr, &r->api->reader, &o, t, &result, &err);
    gate_leave(r->gate);
    if (status < 0)
        return query_failed(&err, a);
    write_answer(r, result, limit, waited, a);
    return 0;
}

int api_query_range(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    struct promql_options o;
    struct err err = {0};
    mono_ns waited;
    size_t limit;
    unix_ms start, end;
    dur_ms step;
    int status;

    if (api_param_limit(r, "limit", &limit, a) < 0 || read_range(r, &start, &end, &step, a) < 0 ||
        api_query_options(r, &o, a) < 0 || parse(r, &expr, a) < 0)
        return -1;
    if (expr->root->type != PROMQL_SCALAR && expr->root->type != PROMQL_VECTOR)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"query\": invalid expression type \"%s\" for range "
                        "query, must be Scalar or instant Vector",
                        promql_type_text(expr->root->type));
    if (api_take_turn(r, &o, &waited, a) < 0)
        return -1;
    status = promql_range(expr, &r->api->reader, &o, start, end, step, &result, &err);
    gate_leave(r->gate);
    if (status < 0)
        return query_failed(&err, a);
    write_answer(r, result, limit, waited, a);
    return 0;
}

/* As query, or as query_range if there is a start or an end; but what it cost is the answer. */
int api_explain_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    bool range = api_param(r, "start").len > 0 || api_param(r, "end").len > 0;
    struct promql_options o;
    struct err err = {0};
    unix_ms start, end;
    dur_ms step = 0;
    mono_ns waited;
    int status;

    if ((range ? read_range(r, &start, &end, &step, a)
               : api_param_time(r, "time", clock_unix_ms(), &start, a)) < 0 ||
        api_query_options(r, &o, a) < 0 || parse(r, &expr, a) < 0 ||
        api_take_turn(r, &o, &waited, a) < 0)
        return -1;
    o.explain = true;
    status = range ? promql_range(expr, &r->api->reader, &o, start, end, step, &result, &err)
                   : promql_instant(expr, &r->api->reader, &o, start, &result, &err);
    gate_leave(r->gate);
    if (status < 0)
        return query_failed(&err, a);
    promql_plan_json(result, &a->w);
    return 0;
}

struct selected {
    struct matcher_list *lists;
    size_t n, cap;
};

static int take_selector(struct promql_node *node, struct promql_node *const *parents,
                         size_t n_parents, void *arg)
{
    struct selected *s = arg;

    if (node->kind == NODE_VECTOR)
        *VEC_PUSH(s->lists, s->n, s->cap) = (struct matcher_list){
            (const struct matcher *const *)node->vector.matchers, node->vector.n_matchers};
    return 0;
}

static void add_exemplars(const struct label_set *series, const struct exemplar *exemplars,
                          size_t n, void *writer)
{
    api_add_exemplars(writer, series, exemplars, n);
}

/* Of every series that a selector of the expression means, whatever the expression does with it. */
int api_query_exemplars(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    struct err err = {0};
    const struct exemplar_reader *reader;
    struct selected s = {0};
    unix_ms start, end;

    if (api_param_time(r, "start", API_TIME_MIN, &start, a) < 0 ||
        api_param_time(r, "end", API_TIME_MAX, &end, a) < 0)
        return -1;
    if (end < start)
        return api_fail(a, API_BAD_DATA, "end timestamp must not be before start timestamp");
    if (promql_parse(api_param(r, "query"), &r->api->features, &expr, &err) < 0)
        return api_fail(a, API_BAD_DATA, "%s", err.msg);
    reader = storage_exemplars(r->api->storage);
    promql_walk(expr->root, take_selector, &s);
    json_array_begin(&a->w);
    reader->each(reader->self, s.lists, s.n, start, end, add_exemplars, &a->w);
    json_array_end(&a->w);
    free(s.lists);
    return 0;
}

int api_format_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};

    if (parse(r, &expr, a) < 0)
        return -1;
    promql_print_pretty(expr->root, PROMQL_PRETTY_WIDTH, &text);
    json_str(&a->w, buf_str(&text));
    return 0;
}

int api_parse_query(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;

    if (parse(r, &expr, a) < 0)
        return -1;
    json_raw(&a->w, STR(""));
    promql_print_json(expr->root, &a->body);
    return 0;
}
