/* SPDX-License-Identifier: Apache-2.0 */
#include "api/backtest.h"

#include <errno.h>
#include <math.h>

#include "api/api_priv.h"
#include "api/backtest_priv.h"
#include "base/num.h"
#include "rules/rules.h"

#define SINCE_MS INT64_C(7 * 86400 * 1000) /* the span when none is said */

/* ---- what is asked for --------------------------------------------------------------------- */

/* A number, with a unit of sizes behind it or a percent sign. */
static bool parse_threshold(struct str s, double *ret)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"KB", 0x1p10},  {"MB", 0x1p20},  {"GB", 0x1p30},  {"TB", 0x1p40}, {"KiB", 0x1p10},
                 {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"%", 1},       {"", 1}};
    size_t i = 0;

    while (!str_has_suffix(s, str_c(units[i].unit)))
        i++;
    s = str_trim(str_n(s.p, s.len - strlen(units[i].unit)));
    if (!num_parse_double(s, ret) || !isfinite(*ret))
        return false;
    *ret *= units[i].factor;
    return true;
}

int backtest_parse_thresholds(struct str text, double ret[BACKTEST_THRESHOLDS_MAX], struct err *err)
{
    int n = 0;

    while (text.len > 0) {
        struct str one = str_trim(str_cut(&text, ','));

        if (n == BACKTEST_THRESHOLDS_MAX - 1)
            return err_set(err, -EINVAL, "more than %d thresholds", BACKTEST_THRESHOLDS_MAX - 1);
        if (!parse_threshold(one, &ret[n++]))
            return err_set(err, -EINVAL,
                           "found \"%.*s\", expected a number such as 200MB, 0.5 or 85%%",
                           STR_ARG(one));
    }
    return n;
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static void add_alerts(struct json_writer *w, const struct backtest_rule *r)
{
    json_key_c(w, "alerts");
    json_array_begin(w);
    for (size_t i = 0; i < r->n_alerts; i++) {
        const struct backtest_alert *a = &r->alerts[i];

        json_object_begin(w);
        api_kv_labels(w, "labels", a->labels);
        api_kv_time(w, "pendingAt", a->pending_at);
        api_kv_time(w, "firingAt", a->fired_at);
        if (a->ended_at != UNIX_NS_ZERO)
            api_kv_time(w, "endedAt", a->ended_at);
        api_kv_number(w, "peak", a->peak);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_measured(struct json_writer *w, const struct backtest_rule *r)
{
    json_kv_c(w, "measured", r->measured);
    json_kv_c(w, "operator", r->op);
    json_kv_c(w, "unit", r->bytes ? "bytes" : "");
    json_kv_i64(w, "values", (int64_t)r->values);
    json_key_c(w, "quantiles");
    json_array_begin(w);
    for (size_t i = 0; i < BACKTEST_QUANTILES && r->values; i++) {
        json_object_begin(w);
        api_kv_number(w, "quantile", r->quantiles[i].q);
        api_kv_number(w, "value", r->quantiles[i].value);
        json_object_end(w);
    }
    json_array_end(w);
    json_key_c(w, "thresholds");
    json_array_begin(w);
    for (size_t i = 0; i < r->n_thresholds; i++) {
        json_object_begin(w);
        api_kv_number(w, "threshold", r->thresholds[i].value);
        json_kv_i64(w, "fired", (int64_t)r->thresholds[i].fired);
        json_kv_bool(w, "own", r->thresholds[i].own);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_rule(struct json_writer *w, const struct backtest_rule *r)
{
    json_object_begin(w);
    json_kv_c(w, "group", r->group);
    json_kv_c(w, "name", r->name);
    json_kv_c(w, "query", r->query);
    api_kv_number(w, "duration", (double)r->hold / 1000);
    api_kv_number(w, "keepFiringFor", (double)r->keep_firing_for / 1000);
    api_kv_number(w, "step", (double)r->step / 1000);
    json_kv_i64(w, "runs", (int64_t)r->runs);
    json_kv_i64(w, "failedRuns", (int64_t)r->failed);
    if (r->error)
        json_kv_c(w, "error", r->error);
    json_kv_i64(w, "fired", (int64_t)r->fired);
    json_kv_i64(w, "pendingOnly", (int64_t)r->pending_only);
    add_alerts(w, r);
    if (r->measured)
        add_measured(w, r);
    json_object_end(w);
}

static void add_told(struct json_writer *w, const struct told *t)
{
    json_key_c(w, "notifications");
    json_object_begin(w);
    json_kv_i64(w, "total", (int64_t)t->messages);
    json_kv_i64(w, "resolved", (int64_t)t->resolved);
    json_kv_c(w, "routes", t->configured ? "configured" : "default");
    json_kv_bool(w, "complete", t->complete);
    json_key_c(w, "receivers");
    json_array_begin(w);
    for (size_t i = 0; i < t->n; i++) {
        json_object_begin(w);
        json_kv_c(w, "name", t->receivers[i].name);
        json_kv_i64(w, "total", (int64_t)t->receivers[i].messages);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

int backtest_write(const char *file, struct str rules, const struct backtest_options *o,
                   struct json_writer *w, struct err *err)
{
    CLEANUP(backtest_freep) struct backtest *b = NULL;
    CLEANUP(told_deinit) struct told told = {0};
    dur_ms timeout = o->promql.timeout ? o->promql.timeout : PROMQL_TIMEOUT_MS;
    mono_ns deadline = clock_mono_ns() + timeout * NS_PER_MS;
    int status = rules_backtest(file, rules, o, &b, err);

    if (status == 0)
        status = backtest_tell(b, o, deadline, &told, err);
    if (status < 0)
        return status;
    json_object_begin(w);
    api_kv_time(w, "from", unix_ns_of_ms(o->from));
    api_kv_time(w, "to", unix_ns_of_ms(o->to));
    json_key_c(w, "rules");
    json_array_begin(w);
    for (size_t i = 0; i < b->n; i++)
        add_rule(w, &b->rules[i]);
    json_array_end(w);
    json_kv_i64(w, "recordingRules", (int64_t)b->recording);
    add_told(w, &told);
    json_object_end(w);
    return 0;
}

/* ---- the handler --------------------------------------------------------------------------- */

static int read_span(const struct request *r, struct backtest_options *o, struct answer *a)
{
    dur_ms since;

    if (api_param_time(r, "until", clock_unix_ms(), &o->to, a) < 0 ||
        api_param_duration(r, "since", SINCE_MS, &since, a) < 0 ||
        api_param_duration(r, "step", 0, &o->step, a) < 0)
        return -1;
    if (since <= 0 || o->step < 0 || o->to < since)
        return api_fail(a, API_BAD_DATA,
                        "since must be positive, step not negative, and the span after 1970");
    o->from = o->to - since;
    return 0;
}

static int fail(const struct err *err, struct answer *a)
{
    return api_fail(a,
                    err->code == -EINVAL      ? API_BAD_DATA
                    : err->code == -ETIMEDOUT ? API_TIMEOUT
                    : err->code == -ECANCELED ? API_CANCELED
                    : err->code == -E2BIG     ? API_EXECUTION
                                              : API_INTERNAL,
                    "%s", err->msg);
}

int api_backtest(const struct request *r, struct answer *a)
{
    double thresholds[BACKTEST_THRESHOLDS_MAX];
    struct backtest_options o = {.reader = r->api->reader,
                                 .features = r->api->features,
                                 .external_url = r->api->external_url,
                                 .thresholds = thresholds};
    struct err err = {0};
    mono_ns waited;
    int status = backtest_parse_thresholds(api_param(r, "thresholds"), thresholds, &err);

    if (status < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"thresholds\": %s", err.msg);
    o.n_thresholds = (size_t)status;
    if (read_span(r, &o, a) < 0 || api_query_options(r, &o.promql, a) < 0 ||
        api_take_turn(r, &o.promql, &waited, a) < 0)
        return -1;
    o.config = r->api->config(r->api->self);
    status = backtest_write("rules", http_body(r->http), &o, &a->w, &err);
    config_unref(o.config);
    gate_leave(r->gate);
    return status < 0 ? fail(&err, a) : 0;
}
