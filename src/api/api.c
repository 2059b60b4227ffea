/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/selfmetrics.h"

#define BODY_MAX                                                                                   \
    (32u << 20) /* bytes; Prometheus' limit for remote write, the largest of all bodies */
#define HEADER_MAX      (1u << 20) /* bytes; long match[] lists come in the URL */
#define CONNECTIONS_MAX 512
#define READ_TIMEOUT_MS (5 * 60 * 1000)

SELFMETRIC(requests, METRIC_COUNTER, "tocsin_http_requests_total", NULL, "Requests answered.");

struct api {
    struct api_options options;
    struct http_server *server;
};

enum { GET = 1, POST = 2, PUT = 4, DELETE = 8 };

static api_handler series_delete;

static const struct route {
    const char *path; /* behind /api/v1/ */
    unsigned methods;
    api_handler *handler;
} routes[] = {
    {"query", GET | POST, api_query},
    {"query_range", GET | POST, api_query_range},
    {"format_query", GET | POST, api_format_query},
    {"parse_query", GET | POST, api_parse_query},
    {"series", GET | POST, api_series},
    {"series", DELETE, series_delete},
    {"labels", GET | POST, api_labels},
    {"targets", GET, api_targets},
    {"scrape_pools", GET, api_scrape_pools},
    {"rules", GET, api_rules},
    {"alerts", GET, api_alerts},
    {"status/config", GET, api_status_config},
    {"status/flags", GET, api_status_flags},
    {"status/runtimeinfo", GET, api_status_runtimeinfo},
    {"status/buildinfo", GET, api_status_buildinfo},
    {"status/tsdb", GET, api_status_tsdb},
};

static const struct {
    const char *name;
    int status;
} errors[] = {
    [API_BAD_DATA] = {"bad_data", 400},   [API_EXECUTION] = {"execution", 422},
    [API_CANCELED] = {"canceled", 499},   [API_TIMEOUT] = {"timeout", 503},
    [API_INTERNAL] = {"internal", 500},   [API_UNAVAILABLE] = {"unavailable", 500},
    [API_NOT_FOUND] = {"not_found", 404},
};

static int series_delete(const struct request *r, struct answer *a)
{
    return api_fail(a, API_INTERNAL, "not implemented");
}

int api_fail(struct answer *a, enum api_error error, const char *fmt, ...)
{
    va_list ap;

    a->error = error;
    va_start(ap, fmt);
    vsnprintf(a->words, sizeof a->words, fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- the envelope
 * ---------------------------------------------------------------------------------------------- */

static void add_texts(struct json_writer *w, const char *key, char **texts, size_t n)
{
    if (n == 0)
        return;
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        json_c(w, texts[i]);
        free(texts[i]);
    }
    json_array_end(w);
}

static void reply(struct http_exchange *x, struct answer *a, int result)
{
    struct buf body = {0};
    struct json_writer w;

    json_writer_init(&w, &body, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_c(&w, "status", result < 0 ? "error" : "success");
    if (result < 0) {
        json_kv_c(&w, "errorType", errors[a->error].name);
        json_kv_c(&w, "error", a->words);
    } else {
        json_key_c(&w, "data");
        json_raw(&w, buf_str(&a->data));
    }
    add_texts(&w, "warnings", a->warnings, a->n_warnings);
    add_texts(&w, "infos", a->infos, a->n_infos);
    json_object_end(&w);
    buf_free(&a->data);
    http_reply(x, result < 0 ? errors[a->error].status : 200, "application/json", &body);
}

/* ---- routing
 * ---------------------------------------------------------------------------------------------------
 */

static unsigned method_bit(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")) ? GET
           : str_eq(method, STR("POST"))                             ? POST
           : str_eq(method, STR("PUT"))                              ? PUT
           : str_eq(method, STR("DELETE"))                           ? DELETE
                                                                     : 0;
}

static void allow_origin(struct http_exchange *x)
{
    struct str origin = http_header_in(x, "Origin");

    http_header_out(x, "Vary", "Origin");
    if (!origin.p)
        return;
    CLEANUP(mem_freep) char *text = str_dup(origin);
    http_header_out(x, "Access-Control-Allow-Origin", text);
    http_header_out(x, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    http_header_out(x, "Access-Control-Allow-Headers",
                    "Accept, Authorization, Content-Type, Origin");
    http_header_out(x, "Access-Control-Expose-Headers", "Date");
}

/* label/<name>/values; false: path is not of that form. */
static bool label_path(struct str path, struct str *ret_name)
{
    const struct str head = STR("label/"), tail = STR("/values");

    if (!str_has_prefix(path, head) || !str_has_suffix(path, tail) ||
        path.len <= head.len + tail.len)
        return false;
    *ret_name = str_n(path.p + head.len, path.len - head.len - tail.len);
    return true;
}

/* The handler of a path and method; NULL with *ret_known telling whether the path exists with
 * another method. */
static api_handler *find_handler(struct str path, unsigned method, bool *ret_known)
{
    *ret_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq_c(path, routes[i].path))
            continue;
        *ret_known = true;
        if (routes[i].methods & method)
            return routes[i].handler;
    }
    return NULL;
}

static void answer_v1(struct request *r, struct str path)
{
    struct str method = http_method(r->http);
    struct answer a = {0};
    bool known = false;
    api_handler *handler;

    if (str_eq(method, STR("OPTIONS"))) {
        struct buf none = {0};

        allow_origin(r->http);
        http_reply(r->http, 204, NULL, &none);
        return;
    }
    if (label_path(path, &r->label)) {
        known = true;
        handler = method_bit(method) == GET ? api_label_values : NULL;
    } else {
        handler = find_handler(path, method_bit(method), &known);
    }
    if (!handler) {
        http_reply_text(r->http, known ? 405 : 404,
                        known ? "Method Not Allowed\n" : "404 page not found\n");
        return;
    }
    allow_origin(r->http);
    if (!r->api->ready(r->api->self))
        reply(r->http, &a, api_fail(&a, API_UNAVAILABLE, "starting or stopping"));
    else
        reply(r->http, &a, handler(r, &a));
}

static void handle(struct http_exchange *x, void *arg)
{
    struct api *api = arg;
    struct request r = {.api = &api->options, .http = x};
    const struct str prefix = STR("/api/v1/");
    struct str path = http_path(x);

    selfmetric_add(&requests, 1);
    if (str_has_prefix(path, prefix))
        answer_v1(&r, str_n(path.p + prefix.len, path.len - prefix.len));
    else if (!plain_answer(&r))
        http_reply_text(x, 404, "404 page not found\n");
}

static bool handle_quick(struct http_exchange *x, void *arg)
{
    struct api *api = arg;
    struct request r = {.api = &api->options, .http = x};

    return plain_quick(&r);
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------
 */

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
    r = http_server_start(&s, &a->server, err);
    if (r < 0) {
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
    http_server_stop(a->server);
    free(a);
}

int api_port(const struct api *a, size_t i)
{
    return http_server_port(a->server, i);
}
