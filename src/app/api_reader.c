/* SPDX-License-Identifier: Apache-2.0 */
#include "app/api_reader.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/quote.h"
#include "model/label_set.h"
#include "model/matcher.h"
#include "net/http_client.h"

#define LABELS_MAX (64u << 20) /* bytes of an answer */

static void add_time(struct buf *url, const char *name, unix_ms t)
{
    buf_addf(url, "&%s=%lld.%03d", name, (long long)(t / 1000), (int)(t % 1000));
}

/* As a selector that every version reads: {__name__="up",job=~"a|b"}. */
static void add_match(struct buf *url, const struct matcher *const *ms, size_t n)
{
    CLEANUP(buf_free) struct buf selector = {0};

    for (size_t i = 0; i < n; i++) {
        buf_add_byte(&selector, i ? ',' : '{');
        buf_addf(&selector, "%.*s%s", STR_ARG(ms[i]->name), matcher_op(ms[i]->type));
        quote_add_go(&selector, ms[i]->value);
    }
    if (n == 0)
        return;
    buf_add_byte(&selector, '}');
    buf_add_c(url, "&match[]=");
    quote_add_url(url, buf_str(&selector));
}

static int tell_each(struct str body, int status, void (*cb)(struct str s, void *arg), void *arg,
                     struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    const struct json *data;

    if (json_doc_parse(body, &doc, err) < 0)
        return err_in(err, -EPROTO, "HTTP status %d, not an API answer", status);
    if (!str_eq(json_text(json_get(doc, "status")), STR("success")))
        return err_set(err, -EPROTO, STR_FMT, STR_ARG(json_text(json_get(doc, "error"))));
    data = json_get(doc, "data");
    for (size_t i = 0; i < json_len(data); i++)
        cb(json_text(json_at(data, i)), arg);
    return 0;
}

static int ask(const struct api_reader *r, const char *path, const struct matcher *const *ms,
               size_t n, unix_ms from, unix_ms to, void (*cb)(struct str s, void *arg), void *arg,
               struct err *err)
{
    CLEANUP(buf_free) struct buf url = {0};
    struct http_response answer = {0};
    int status;

    buf_addf(&url, "%s%s?", r->url, path);
    add_time(&url, "start", from);
    add_time(&url, "end", to);
    add_match(&url, ms, n);
    status = http_fetch(&(struct http_request){.method = "GET",
                                               .url = url.p,
                                               .timeout = r->timeout,
                                               .max_body = LABELS_MAX,
                                               .accept_gzip = true},
                        &answer, err);
    if (status == 0) {
        status = tell_each(buf_str(&answer.body), answer.status, cb, arg, err);
        http_response_deinit(&answer);
    }
    return status < 0 ? err_in(err, status, "%s", r->url) : 0;
}

static int label_names(void *self, const struct matcher *const *ms, size_t n, unix_ms from,
                       unix_ms to, void (*cb)(struct str name, void *arg), void *arg,
                       struct err *err)
{
    return ask(self, "/api/v1/labels", ms, n, from, to, cb, arg, err);
}

static int label_values(void *self, struct str name, const struct matcher *const *ms, size_t n,
                        unix_ms from, unix_ms to, void (*cb)(struct str value, void *arg),
                        void *arg, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_add_c(&path, "/api/v1/label/");
    quote_add_url(&path, name);
    buf_add_c(&path, "/values");
    return ask(self, path.p, ms, n, from, to, cb, arg, err);
}

const struct series_reader *api_reader_port(struct api_reader *r)
{
    r->port = (struct series_reader){
        .self = r, .label_names = label_names, .label_values = label_values};
    return &r->port;
}
