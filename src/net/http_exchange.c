/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/gzip.h"
#include "base/mem.h"
#include "net/http_server_priv.h"

#define GZIP_LEAST 1024 /* bytes; below, the header would eat what compression saves */

/* ---- taking the request over --------------------------------------------------------------- */

static struct str method_name(enum evhttp_cmd_type type)
{
    static const struct {
        enum evhttp_cmd_type type;
        struct str name;
    } methods[] = {
        {EVHTTP_REQ_GET, STR("GET")},       {EVHTTP_REQ_POST, STR("POST")},
        {EVHTTP_REQ_HEAD, STR("HEAD")},     {EVHTTP_REQ_PUT, STR("PUT")},
        {EVHTTP_REQ_DELETE, STR("DELETE")}, {EVHTTP_REQ_OPTIONS, STR("OPTIONS")},
        {EVHTTP_REQ_PATCH, STR("PATCH")},
    };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (methods[i].type == type)
            return methods[i].name;
    must_failed("method is one of the allowed ones", __FILE__, __LINE__, __func__);
}

static void copy_headers(struct http_exchange *x, struct evkeyvalq *headers)
{
    struct evkeyval *h;
    size_t n = 0;

    TAILQ_FOREACH(h, headers, next)
    n++;
    x->headers = arena_array(&x->arena, n, sizeof *x->headers);
    TAILQ_FOREACH(h, headers, next)
    x->headers[x->n_headers++] = (struct http_header){arena_strdup(&x->arena, str_c(h->key)),
                                                      arena_strdup(&x->arena, str_c(h->value))};
}

static void take_body(struct http_exchange *x, struct evbuffer *in)
{
    size_t n = evbuffer_get_length(in);

    if (n == 0)
        return;
    must(evbuffer_remove(in, buf_room(&x->body, n), n) == (int)n);
    x->body.len = n;
    x->body.p[n] = '\0';
}

static struct str peer_of(struct http_exchange *x, struct evhttp_request *req)
{
    static const struct str mapped = STR("::ffff:"); /* IPv4 on a socket for both families */
    char *address;
    ev_uint16_t port;
    struct str s;

    evhttp_connection_get_peer(evhttp_request_get_connection(req), &address, &port);
    s = str_c(address);
    if (str_has_prefix(s, mapped) && memchr(s.p, '.', s.len))
        s = str_n(s.p + mapped.len, s.len - mapped.len);
    return arena_str(&x->arena, s);
}

struct http_exchange *http_exchange_new(struct http_server *s, struct evhttp_request *req)
{
    struct http_exchange *x = mem_zalloc(sizeof *x);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    struct str path = str_c(evhttp_uri_get_path(uri)), query = str_c(evhttp_uri_get_query(uri));

    x->server = s;
    atomic_init(&x->refs, 2);
    x->req = req;
    arena_init(&x->arena, 0); /* bounded by the limits of header and body */
    x->method = method_name(evhttp_request_get_command(req));
    x->path = path.len ? percent_decode(&x->arena, arena_str(&x->arena, path), false) : STR("/");
    x->query = arena_str(&x->arena, query);
    x->peer = peer_of(x, req);
    copy_headers(x, evhttp_request_get_input_headers(req));
    take_body(x, evhttp_request_get_input_buffer(req));
    return x;
}

void http_exchange_unref(struct http_exchange *x)
{
    if (atomic_fetch_sub(&x->refs, 1) > 1)
        return;
    free(x->headers_out);
    form_deinit(&x->form);
    buf_free(&x->body);
    buf_free(&x->body_out);
    arena_deinit(&x->arena);
    free(x);
}

/* ---- what a handler reads ------------------------------------------------------------------ */

struct str http_method(const struct http_exchange *x)
{
    return x->method;
}

struct str http_path(const struct http_exchange *x)
{
    return x->path;
}

struct str http_query(const struct http_exchange *x)
{
    return x->query;
}

struct str http_header_in(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_headers; i++)
        if (strcasecmp(x->headers[i].name, name) == 0)
            return str_c(x->headers[i].value);
    return STR_NONE;
}

struct str http_body(const struct http_exchange *x)
{
    return buf_str(&x->body);
}

struct str http_peer(const struct http_exchange *x)
{
    return x->peer;
}

bool http_client_gone(const struct http_exchange *x)
{
    return atomic_load(&x->gone);
}

const atomic_bool *http_client_gone_flag(const struct http_exchange *x)
{
    return &x->gone;
}

static bool body_is_form(const struct http_exchange *x)
{
    struct str type = http_header_in(x, "Content-Type");

    return (str_eq(x->method, STR("POST")) || str_eq(x->method, STR("PUT")) ||
            str_eq(x->method, STR("PATCH"))) &&
           str_eq_nocase(str_trim(str_cut(&type, ';')), STR("application/x-www-form-urlencoded"));
}

struct str http_param(const struct http_exchange *x, const char *name, size_t i)
{
    struct http_exchange *mine = (struct http_exchange *)(uintptr_t)x; /* read once, on first use */

    if (!x->form_read) {
        if (body_is_form(x))
            form_add(&mine->form, &mine->arena, http_body(x));
        form_add(&mine->form, &mine->arena, x->query);
        mine->form_read = true;
    }
    return form_get(&x->form, str_c(name), i);
}

/* ---- the answer ---------------------------------------------------------------------------- */

void http_header_out(struct http_exchange *x, const char *name, const char *value)
{
    struct http_header *h;

    must(!x->answered);
    h = VEC_PUSH(x->headers_out, x->n_headers_out, x->cap_headers_out);
    h->name = arena_strdup(&x->arena, str_c(name));
    h->value = arena_strdup(&x->arena, str_c(value));
}

static bool has_header_out(const struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < x->n_headers_out; i++)
        if (strcasecmp(x->headers_out[i].name, name) == 0)
            return true;
    return false;
}

/* The q of an accepted encoding, as of RFC 9110: "q=0" and "q=0.000" refuse it. */
static bool is_zero_weight(struct str s)
{
    if (!str_has_prefix(s, STR("q=")))
        return false;
    for (size_t i = 2; i < s.len; i++)
        if (s.p[i] >= '1' && s.p[i] <= '9')
            return false;
    return true;
}

/* "gzip" among the accepted encodings, and not with a weight of 0. */
static bool accepts_gzip(const struct http_exchange *x)
{
    struct str accept = http_header_in(x, "Accept-Encoding");

    while (accept.len > 0) {
        struct str weight = str_cut(&accept, ','), name = str_trim(str_cut(&weight, ';'));

        if (str_eq_nocase(name, STR("gzip")))
            return !is_zero_weight(str_trim(weight));
    }
    return false;
}

/* Formats that are compressed in themselves. */
static bool is_dense(struct str type)
{
    static const struct str dense[] = {STR("image/"), STR("font/"), STR("application/gzip"),
                                       STR("application/zip")};

    for (size_t i = 0; i < ARRAY_LEN(dense); i++)
        if (str_has_prefix(type, dense[i]))
            return !str_has_prefix(type, STR("image/svg"));
    return false;
}

static void compress_body(struct http_exchange *x, struct str type)
{
    struct buf small = {0};

    if (x->body_out.len <= GZIP_LEAST || has_header_out(x, "Content-Encoding") || is_dense(type))
        return;
    http_header_out(x, "Vary", "Accept-Encoding");
    if (!accepts_gzip(x))
        return;
    gzip_deflate(buf_str(&x->body_out), &small);
    buf_free(&x->body_out);
    x->body_out = small;
    http_header_out(x, "Content-Encoding", "gzip");
}

void http_reply(struct http_exchange *x, int status, const char *content_type,
                struct buf *take_body)
{
    must(!x->answered);
    x->status = status;
    if (take_body) {
        x->body_out = *take_body;
        *take_body = (struct buf){0};
    }
    if (content_type && x->body_out.len > 0)
        http_header_out(x, "Content-Type", content_type);
    compress_body(x, str_c(content_type ? content_type : ""));
    x->answered = true;
    loop_post(x->server->loop, http_conn_send, x);
}

void http_defer(struct http_exchange *x)
{
    must(!x->answered && !x->deferred);
    x->deferred = true;
    atomic_fetch_add(&x->refs, 1);
}

void http_release(struct http_exchange *x)
{
    must(x->answered);
    http_exchange_unref(x);
}

void http_reply_text(struct http_exchange *x, int status, const char *text)
{
    struct buf body = {0};

    buf_add_c(&body, text);
    http_reply(x, status, "text/plain; charset=utf-8", &body);
}
