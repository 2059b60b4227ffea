/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push - PUT, POST and DELETE of /metrics/job/...: what batch jobs push, as to a Pushgateway
 */
#include "api/api_priv.h"
#include "base/log.h"
#include "base/mem.h"
#include "remote/remote.h"

static bool read_method(struct http_exchange *x, enum push_method *ret)
{
    static const struct {
        const char *name;
        enum push_method method;
    } methods[] = {{"PUT", PUSH_REPLACE}, {"POST", PUSH_ADD}, {"DELETE", PUSH_DELETE}};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq_c(http_method(x), methods[i].name)) {
            *ret = methods[i].method;
            return true;
        }
    return false;
}

bool push_is_path(struct str path)
{
    return str_has_prefix(path, STR("/metrics/job/")) ||
           str_has_prefix(path, STR("/metrics/job@base64/"));
}

static void log_refusal(struct http_exchange *x, const char *why)
{
    CLEANUP(mem_freep) char *peer = str_dup(http_peer(x)), *path = str_dup(http_path(x));

    log_event(LOG_WARN, "push_refused", "from", peer, "path", path, "why", why, NULL);
}

void push_answer(const struct request *r)
{
    const struct str prefix = STR("/metrics/");
    struct http_exchange *x = r->http;
    struct str path = http_path(x);
    struct push_request q = {.path = str_n(path.p + prefix.len, path.len - prefix.len),
                             .body = http_body(x),
                             .content_encoding = http_header_in(x, "Content-Encoding")};
    CLEANUP(buf_free) struct buf text = {0};
    int status;

    if (!read_method(x, &q.method)) {
        api_refuse_method(x, "DELETE, POST, PUT");
        return;
    }
    if (!r->api->ready(r->api->self)) {
        api_not_ready(x);
        return;
    }
    if (!r->api->push) {
        http_reply_text(x, 404, "pushing needs to be enabled with --web.enable-push-receiver\n");
        return;
    }
    status = push_gateway_take(r->api->push, &q, clock_unix_ns(), &text);
    if (status >= 300)
        log_refusal(x, text.p);
    if (text.len > 0)
        buf_add_byte(&text, '\n');
    http_reply_text(x, status, text.len > 0 ? text.p : "");
}
