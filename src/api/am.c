/* SPDX-License-Identifier: Apache-2.0 */
/*
 * am - Alertmanager's API v2: paths, methods, errors, parameters, status, receivers
 */
#include "api/am_priv.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"

/* ---- answers ------------------------------------------------------------------------------- */

void am_reply(struct http_exchange *x, struct buf *take_body)
{
    buf_add_byte(take_body, '\n');
    http_reply(x, 200, "application/json", take_body);
}

void am_reply_nothing(struct http_exchange *x, int status)
{
    struct buf none = {0};

    http_reply(x, status, NULL, &none);
}

void am_refuse(struct http_exchange *x, int status, int code, const char *fmt, ...)
{
    CLEANUP(buf_free)
    struct buf words = {0};
    struct buf body = {0};
    struct json_writer w;
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    json_writer_init(&w, &body, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_kv_i64(&w, "code", code);
    json_kv_str(&w, "message", buf_str(&words));
    json_object_end(&w);
    http_reply(x, status, "application/json", &body);
}

void am_error(struct http_exchange *x, int status, const char *fmt, ...)
{
    CLEANUP(buf_free)
    struct buf words = {0};
    struct buf body = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    json_add_string(&body, buf_str(&words), JSON_HTML_SAFE);
    buf_add_byte(&body, '\n');
    http_reply(x, status, "application/json", &body);
}

void am_kv_time(struct json_writer *w, const char *key, unix_ns t)
{
    struct buf text = {0};

    if (t == UNIX_NS_ZERO)
        buf_add_c(&text, "0001-01-01T00:00:00.000Z");
    else
        time_add_rfc3339_ms(&text, unix_ms_of_ns(t));
    json_kv_str(w, key, buf_str(&text));
    buf_free(&text);
}

/* ---- requests ------------------------------------------------------------------------------ */

bool am_takes_json(struct http_exchange *x)
{
    struct str type = http_header_in(x, "Content-Type"), rest = type, name;

    name = str_trim(str_cut(&rest, ';'));
    if (str_eq_nocase(name, STR("application/json")))
        return true;
    am_refuse(x, 415, 415,
              "unsupported media type \"" STR_FMT "\", only [application/json] are allowed",
              STR_ARG(str_n(type.p ? type.p : "", type.len)));
    return false;
}

/* What is not one of these words is false, also nonsense. */
bool am_param_bool(const struct request *r, const char *name, bool standard)
{
    static const char *const words[] = {"true", "1",  "yes",      "ok",      "y",
                                        "t",    "on", "selected", "checked", "enabled"};
    struct str s = api_param(r, name);

    if (!s.p || s.len == 0)
        return standard;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(s, str_c(words[i])))
            return true;
    return false;
}

void am_matchers_deinit(struct am_matchers *m)
{
    for (size_t i = 0; i < m->n; i++)
        matcher_free(m->ms[i]);
    free(m->ms);
}

bool am_param_matchers(const struct request *r, const char *name, const char *what,
                       struct am_matchers *ret)
{
    for (size_t i = 0;; i++) {
        struct str text = http_param(r->http, name, i);
        struct matcher *m = NULL;
        struct err err = {0};

        if (!text.p)
            return true;
        if (i == API_SELECTORS_MAX)
            err_set(&err, -1, "more than %d matchers", API_SELECTORS_MAX);
        if (err.code < 0 || config_parse_matcher(text, &m, &err) < 0) {
            am_error(r->http, 400, "%s%s%s", what ? what : "", what ? ": " : "", err.msg);
            return false;
        }
        *VEC_PUSH(ret->ms, ret->n, ret->cap) = m;
    }
}

bool am_read_time(const struct json *v, unix_ns *ret)
{
    *ret = UNIX_NS_ZERO;
    if (!v || json_type_of(v) == JSON_NULL)
        return true;
    if (json_type_of(v) != JSON_STRING)
        return false;
    return json_text(v).len == 0 || time_parse_rfc3339(json_text(v), ret, NULL, NULL) == 0;
}

const char *am_json_kind(const struct json *v)
{
    switch (json_type_of(v)) {
    case JSON_NULL: return "null";
    case JSON_BOOL: return "bool";
    case JSON_NUMBER: return "number";
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    default: return "object";
    }
}

bool am_run(const struct request *r, void (*fn)(void *arg), void *arg)
{
    if (r->api->alerts && r->api->alerts_door.run(r->api->alerts_door.self, fn, arg) == 0)
        return true;
    am_error(r->http, 503, "stopping");
    return false;
}

/* ---- status, receivers --------------------------------------------------------------------- */

static void get_status(const struct request *r)
{
    const struct config *c = r->api->config(r->api->self);
    struct buf body = {0};
    struct json_writer w;

    json_writer_init(&w, &body, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "cluster");
    json_object_begin(&w);
    json_key_c(&w, "peers");
    json_array_begin(&w);
    json_array_end(&w);
    json_kv_c(&w, "status", "disabled");
    json_object_end(&w);
    json_key_c(&w, "config");
    json_object_begin(&w);
    json_kv_c(&w, "original", c->text);
    json_object_end(&w);
    am_kv_time(&w, "uptime", unix_ns_of_ms(r->api->started));
    json_key_c(&w, "versionInfo");
    status_add_build(&w);
    json_object_end(&w);
    config_unref(c);
    am_reply(r->http, &body);
}

static void get_receivers(const struct request *r)
{
    CLEANUP(am_matchers_deinit)
    struct am_matchers wanted = {0};
    const struct config *c;
    struct buf body = {0};
    struct json_writer w;

    if (!am_param_matchers(r, "receiver_matchers", "failed to parse receiver_matchers param",
                           &wanted))
        return;
    c = r->api->config(r->api->self);
    json_writer_init(&w, &body, JSON_HTML_SAFE);
    json_array_begin(&w);
    for (size_t i = 0; i < c->n_receivers; i++) {
        if (!matchers_match((const struct matcher *const *)wanted.ms, wanted.n,
                            c->receivers[i].labels))
            continue;
        json_object_begin(&w);
        api_kv_labels(&w, "labels", c->receivers[i].labels);
        json_kv_c(&w, "name", c->receivers[i].name);
        json_object_end(&w);
    }
    json_array_end(&w);
    config_unref(c);
    am_reply(r->http, &body);
}

/* ---- routing ------------------------------------------------------------------------------- */

static const struct am_route {
    const char *path;
    am_handler *get, *post;
} routes[] = {
    {"status", get_status, NULL},
    {"receivers", get_receivers, NULL},
    {"alerts", am_get_alerts, am_post_alerts},
    {"alerts/groups", am_get_groups, NULL},
    {"silences", am_get_silences, am_post_silences},
};

static void refuse_method(struct http_exchange *x, const char *allowed)
{
    struct str method = http_method(x);

    http_header_out(x, "Allow", allowed);
    am_refuse(x, 405, 405, "method " STR_FMT " is not allowed, but [%s] are", STR_ARG(method),
              allowed);
}

static bool is_get(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

static bool is_uuid(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = (char)(s.p[i] | 32);

        if (dash ? s.p[i] != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return s.len == SILENCE_ID_LEN;
}

static void answer_silence(const struct request *r, struct str id)
{
    struct str method = http_method(r->http);
    bool deletes = str_eq(method, STR("DELETE"));

    if (!deletes && !is_get(method))
        refuse_method(r->http, "DELETE,GET");
    else if (!is_uuid(id))
        am_refuse(r->http, 422, AM_WRONG_FORMAT,
                  "silenceID in path must be of type uuid: \"" STR_FMT "\"", STR_ARG(id));
    else if (deletes)
        am_delete_silence(r, id);
    else
        am_get_silence(r, id);
}

static void answer_route(const struct request *r, const struct am_route *route)
{
    struct str method = http_method(r->http);

    if (is_get(method))
        route->get(r);
    else if (route->post && str_eq(method, STR("POST")))
        route->post(r);
    else
        refuse_method(r->http, route->post ? "GET,POST" : "GET");
}

void am_answer(struct request *r, struct str path)
{
    const struct str silence = STR("silence/");

    api_allow_origin(r->http);
    http_header_out(r->http, "Cache-Control", "no-store");
    if (str_eq(http_method(r->http), STR("OPTIONS"))) {
        http_reply(r->http, 204, NULL, NULL);
        return;
    }
    if (!r->api->ready(r->api->self)) {
        api_not_ready(r->http);
        return;
    }
    if (str_has_prefix(path, silence)) {
        answer_silence(r, str_n(path.p + silence.len, path.len - silence.len));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (str_eq_c(path, routes[i].path)) {
            answer_route(r, &routes[i]);
            return;
        }
    am_refuse(r->http, 404, 404, "path /api/v2/" STR_FMT " was not found", STR_ARG(path));
}
