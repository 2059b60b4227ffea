/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/crew.h"
#include "base/mem.h"
#include "base/thread.h"
#include "model/selfmetrics.h"
#include "probes/probes.h"

#define BODY_MAX        (32u << 20) /* bytes; Prometheus' limit for the largest of its bodies */
#define HEADER_MAX      (1u << 20)  /* bytes; long match[] lists come in the URL */
#define CONNECTIONS_MAX 512
#define READ_TIMEOUT_MS (5 * 60 * 1000)

SELFMETRIC(requests, METRIC_COUNTER, "tocsin_http_requests_total", NULL, "Requests answered.");

struct api {
    struct api_options options;
    struct http_server *server;
    struct gate *gate;
    struct prober *prober; /* asks for /probe */
    struct crew *crew;     /* helps queries and writes; one less than there are cores */
};

/* ---- errors, warnings ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    int status;
} errors[] = {
    [API_BAD_DATA] = {"bad_data", 400}, [API_EXECUTION] = {"execution", 422},
    [API_CANCELED] = {"canceled", 499}, [API_TIMEOUT] = {"timeout", 503},
    [API_INTERNAL] = {"internal", 500}, [API_UNAVAILABLE] = {"unavailable", 500},
};

int api_fail(struct answer *a, enum api_error error, const char *fmt, ...)
{
    va_list ap;

    a->error = error;
    va_start(ap, fmt);
    vsnprintf(a->words, sizeof a->words, fmt, ap);
    va_end(ap);
    return -1;
}

static char *print(const char *fmt, va_list ap)
{
    struct buf text = {0};

    buf_vaddf(&text, fmt, ap);
    return buf_take(&text);
}

void api_warn(struct answer *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    *VEC_PUSH(a->warnings, a->n_warnings, a->cap_warnings) = print(fmt, ap);
    va_end(ap);
}

void api_inform(struct answer *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    *VEC_PUSH(a->infos, a->n_infos, a->cap_infos) = print(fmt, ap);
    va_end(ap);
}

void api_warn_truncated(struct answer *a)
{
    api_warn(a, "results truncated due to limit");
}

/* ---- the envelope -------------------------------------------------------------------------- */

static void begin_answer(struct answer *a)
{
    json_writer_init(&a->w, &a->body, JSON_HTML_SAFE);
    json_object_begin(&a->w);
    json_kv_c(&a->w, "status", "success");
    json_key_c(&a->w, "data");
}

static void become_error(struct answer *a)
{
    buf_reset(&a->body);
    json_writer_init(&a->w, &a->body, JSON_HTML_SAFE);
    json_object_begin(&a->w);
    json_kv_c(&a->w, "status", "error");
    json_kv_c(&a->w, "errorType", errors[a->error].name);
    json_kv_c(&a->w, "error", a->words);
}

/* Frees the texts. */
static void add_texts(struct json_writer *w, const char *key, char **texts, size_t n)
{
    if (n) {
        json_key_c(w, key);
        json_array_begin(w);
        for (size_t i = 0; i < n; i++) {
            json_c(w, texts[i]);
            free(texts[i]);
        }
        json_array_end(w);
    }
    free(texts);
}

static void run_handler(const struct request *r, api_handler *handler)
{
    struct answer a = {0};
    int status = 200;

    begin_answer(&a);
    if (handler(r, &a) < 0) {
        become_error(&a);
        status = errors[a.error].status;
    } else if (a.no_data) {
        buf_free(&a.body);
        http_reply(r->http, 204, NULL, NULL);
        return;
    }
    add_texts(&a.w, "warnings", a.warnings, a.n_warnings);
    add_texts(&a.w, "infos", a.infos, a.n_infos);
    json_object_end(&a.w);
    http_reply(r->http, status, "application/json", &a.body);
}

/* ---- answers without an envelope ----------------------------------------------------------- */

void api_refuse_method(struct http_exchange *x, const char *allowed)
{
    http_header_out(x, "Allow", allowed);
    http_header_out(x, "X-Content-Type-Options", "nosniff");
    http_reply_text(x, 405, "Method Not Allowed\n");
}

void api_not_found(struct http_exchange *x)
{
    http_header_out(x, "X-Content-Type-Options", "nosniff");
    http_reply_text(x, 404, "404 page not found\n");
}

void api_not_ready(struct http_exchange *x)
{
    http_header_out(x, "X-Prometheus-Stopping", "false");
    http_reply_text(x, 503, "Service Unavailable");
}

/* ---- routing ------------------------------------------------------------------------------- */

static int series_delete(const struct request *r, struct answer *a)
{
    return api_fail(a, API_INTERNAL, "not implemented");
}

static const struct route {
    const char *path; /* behind /api/v1/ */
    api_handler *get, *post, *delete, *put;
} routes[] = {
    {"query", api_query, api_query, NULL},
    {"query_range", api_query_range, api_query_range, NULL},
    {"query_exemplars", api_query_exemplars, api_query_exemplars, NULL},
    {"format_query", api_format_query, api_format_query, NULL},
    {"parse_query", api_parse_query, api_parse_query, NULL},
    {"series", api_series, api_series, series_delete},
    {"labels", api_labels, api_labels, NULL},
    {"targets", api_targets, NULL, NULL},
    {"targets/metadata", api_targets_metadata, NULL, NULL},
    {"targets/relabel_steps", api_relabel_steps, NULL, NULL},
    {"metadata", api_metadata, NULL, NULL},
    {"scrape_pools", api_scrape_pools, NULL, NULL},
    {"rules", api_rules, NULL, NULL},
    {"rules/templates", api_templates, NULL, NULL}, /* these three are tocsin's own */
    {"rules/templates/render", api_render_template, NULL, NULL},
    {"rules/backtest", NULL, api_backtest, NULL},
    {"alerts", api_alerts, NULL, NULL},
    {"status/config", api_status_config, NULL, NULL},
    {"status/flags", api_status_flags, NULL, NULL},
    {"status/runtimeinfo", api_status_runtimeinfo, NULL, NULL},
    {"status/buildinfo", api_status_buildinfo, NULL, NULL},
    {"status/tsdb", api_status_tsdb, NULL, NULL},
    {"status/walreplay", api_status_walreplay, NULL, NULL},
    {"alertmanagers", api_alertmanagers, NULL, NULL},
    {"admin/tsdb/delete_series", NULL, api_delete_series, NULL, api_delete_series},
    {"admin/tsdb/clean_tombstones", NULL, api_clean_tombstones, NULL, api_clean_tombstones},
    {"admin/tsdb/compact", NULL, api_compact, NULL, api_compact}, /* tocsin's own */
    {"admin/tsdb/snapshot", NULL, api_snapshot, NULL, api_snapshot},
};

/* Behind /api/tocsin/v1/, with answers in Prometheus' envelope. */
static const struct route explain_query = {"explain", api_explain_query, api_explain_query, NULL};

static const struct route label_values = {"label/<name>/values", api_label_values, NULL, NULL};

/* The <name> of label/<name>/values; .p NULL: the path is not of that form. */
static struct str label_of_path(struct str path)
{
    const struct str head = STR("label/"), tail = STR("/values");

    if (!str_has_prefix(path, head) || !str_has_suffix(path, tail) ||
        path.len <= head.len + tail.len)
        return STR_NONE;
    return str_n(path.p + head.len, path.len - head.len - tail.len);
}

static const struct route *find_route(struct str path, struct str *ret_label)
{
    *ret_label = label_of_path(path);
    if (ret_label->p)
        return &label_values;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eq_c(path, routes[i].path))
            return &routes[i];
    return NULL;
}

static api_handler *handler_of(const struct route *route, struct str method)
{
    if (str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")))
        return route->get;
    if (str_eq(method, STR("POST")))
        return route->post;
    if (str_eq(method, STR("PUT")))
        return route->put;
    return str_eq(method, STR("DELETE")) ? route->delete : NULL;
}

static void refuse_method(struct http_exchange *x, const struct route *route)
{
    char allowed[64];

    snprintf(allowed, sizeof allowed, "%s%sOPTIONS%s%s", route->delete ? "DELETE, " : "",
             route->get ? "GET, " : "", route->post ? ", POST" : "", route->put ? ", PUT" : "");
    api_refuse_method(x, allowed);
}

/* Any origin may read, as in Prometheus without --web.cors.origin. */
void api_allow_origin(struct http_exchange *x)
{
    struct str origin = http_header_in(x, "Origin");

    http_header_out(x, "Vary", "Origin");
    if (!origin.len)
        return;
    CLEANUP(mem_freep) char *text = str_dup(origin);
    http_header_out(x, "Access-Control-Allow-Origin", text);
    http_header_out(x, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    http_header_out(x, "Access-Control-Allow-Headers",
                    "Accept, Authorization, Content-Type, Origin");
    http_header_out(x, "Access-Control-Expose-Headers", "Date");
}

/* NULL: there is no such path. */
static void answer_route(struct request *r, const struct route *route)
{
    struct str method = http_method(r->http);
    api_handler *handler;

    if (str_eq(method, STR("OPTIONS"))) {
        api_allow_origin(r->http);
        http_reply(r->http, 204, NULL, NULL);
        return;
    }
    if (!route) {
        api_not_found(r->http);
        return;
    }
    handler = handler_of(route, method);
    if (!handler) {
        refuse_method(r->http, route);
    } else if (!r->api->ready(r->api->self)) {
        api_not_ready(r->http);
    } else {
        api_allow_origin(r->http);
        run_handler(r, handler);
    }
}

static void answer_v1(struct request *r, struct str path)
{
    if (str_eq(path, STR("write")) && !str_eq(http_method(r->http), STR("OPTIONS")))
        api_write(r);
    else
        answer_route(r, find_route(path, &r->label));
}

static void handle(struct http_exchange *x, void *arg)
{
    struct api *api = arg;
    struct request r = {.whole = api,
                        .api = &api->options,
                        .gate = api->gate,
                        .crew = api->crew,
                        .prober = api->prober,
                        .http = x};
    const struct str prefix = STR("/api/v1/"), am_prefix = STR("/api/v2/");
    struct str path = http_path(x);

    selfmetric_add(&requests, 1);
    if (str_has_prefix(path, am_prefix))
        am_answer(&r, str_n(path.p + am_prefix.len, path.len - am_prefix.len));
    else if (str_eq(path, STR(EXPLAIN_PATH)))
        explain_answer(&r);
    else if (str_eq(path, STR(EXPLAIN_QUERY_PATH)))
        answer_route(&r, &explain_query);
    else if (str_has_prefix(path, prefix))
        answer_v1(&r, str_n(path.p + prefix.len, path.len - prefix.len));
    else if (push_is_path(path))
        push_answer(&r);
    else if (!plain_answer(&r))
        api_not_found(x);
}

static bool handle_quick(struct http_exchange *x, void *arg)
{
    struct api *api = arg;
    struct request r = {.whole = api, .api = &api->options, .http = x};

    return plain_quick(&r);
}

/* ---- life ---------------------------------------------------------------------------------- */

int api_start(const struct api_options *o, struct api **ret, struct err *err)
{
    struct api *a = mem_zalloc(sizeof *a);
    struct http_server_options s = {
        .addresses = o->listen_addresses,
        .n_addresses = o->n_listen_addresses,
        .workers = o->workers,
        .max_body = BODY_MAX,
        .max_header = HEADER_MAX,
        .max_connections = CONNECTIONS_MAX,
        .read_timeout = READ_TIMEOUT_MS,
        .handler = handle,
        .quick = handle_quick,
        .arg = a,
    };
    int r;

    a->options = *o;
    a->gate = gate_new((size_t)o->query_max_concurrency);
    a->prober = prober_new();
    a->crew = crew_new(thread_cores() - 1);
    r = http_server_start(&s, &a->server, err);
    if (r < 0) {
        prober_close(a->prober);
        prober_free(a->prober);
        crew_free(a->crew);
        gate_free(a->gate);
        free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    prober_close(a->prober); /* first: the server waits for its answers */
    http_server_stop(a->server);
    prober_free(a->prober);
    crew_free(a->crew);
    gate_free(a->gate);
    free(a);
}

int api_port(const struct api *a, size_t i)
{
    return http_server_port(a->server, i);
}
