/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_source - asks a target's metrics path, as Prometheus does (prometheus.md 4.5)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/quote.h"
#include "net/http_client.h"
#include "scrape/scrape_priv.h"

/* Bytes of a page whose job sets no body_size_limit: the memory is everybody's. */
#define PAGE_MAX (256u << 20)

/* What a job may ask for, by its name in scrape_protocols. The order is the usual one, but that
 * protobuf comes first when native histograms are wanted, and not at all otherwise. */
static const struct {
    const char *name, *type;
    enum exposition_format format;
} protocols[] = {
    {"PrometheusProto",
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
     EXPOSITION_PROTOBUF},
    {"OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
     EXPOSITION_OPENMETRICS},
    {"OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", EXPOSITION_OPENMETRICS},
    {"PrometheusText1.0.0", "text/plain;version=1.0.0;escaping=allow-utf-8", EXPOSITION_TEXT},
    {"PrometheusText0.0.4", "text/plain;version=0.0.4", EXPOSITION_TEXT},
};

/* One a thread: a loop's sessions share its connections. */
static _Thread_local struct http_client *client;
static _Thread_local const char *agent;
static _Thread_local bool proto_first;

struct session {
    const struct target *target;
    char *accept;
    struct http_call *call; /* under way */
    page_done *done;
    void *arg;
};

void http_source_begin(struct loop *l, const char *user_agent, bool wants_native)
{
    proto_first = wants_native;
    client = http_client_new(l);
    agent = user_agent;
}

void http_source_end(void)
{
    http_client_free(client);
    client = NULL;
}

static size_t protocol_of(const char *name)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(protocols) && strcmp(protocols[i].name, name) != 0)
        i++;
    return i;
}

/* As Prometheus weighs them: a tenth less each, and anything else as the last resort. */
static char *accept_of(const struct config_scrape *job)
{
    size_t first = proto_first ? 0 : 1, n = job->n_scrape_protocols;
    struct buf out = {0};

    if (n == 0)
        n = ARRAY_LEN(protocols) - first;
    for (size_t i = 0; i < n; i++) {
        size_t k = job->n_scrape_protocols ? protocol_of(job->scrape_protocols[i]) : first + i;

        buf_addf(&out, "%s;q=0.%zu,", protocols[k].type, n + 2 - i);
    }
    buf_addf(&out, "*/*;q=0.2");
    return buf_take(&out);
}

static void *http_open(struct loop *l, const struct target *t)
{
    struct session *s = mem_zalloc(sizeof *s);

    s->target = t;
    s->accept = accept_of(t->job);
    return s;
}

static void http_close(void *session)
{
    struct session *s = session;

    if (s->call)
        http_call_cancel(s->call);
    free(s->accept);
    free(s);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] == 127 || strchr("()<>@,;:\\\"/[]?=", s.p[i]))
            return false;
    return s.len > 0;
}

/* "text/plain", or one word alone. */
static bool is_media_type(struct str type)
{
    size_t slash = str_find(type, STR("/"));

    return is_token(str_n(type.p, slash)) &&
           (slash == type.len || is_token(str_n(type.p + slash + 1, type.len - slash - 1)));
}

/* Prometheus 3: a page whose type is not told or not known is refused, unless the job names a
 * fallback. */
static int refuse_type(struct str content_type, struct str type, struct err *err)
{
    CLEANUP(buf_free) struct buf quoted = {0};

    if (content_type.len == 0)
        return err_set(
            err, -EPROTO,
            "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
            "specified for target");
    quote_add_go(&quoted, content_type);
    if (!is_media_type(type))
        return err_set(err, -EPROTO,
                       "cannot parse Content-Type %s and no fallback_scrape_protocol for target",
                       quoted.p);
    return err_set(err, -EPROTO,
                   "received unsupported Content-Type %s and no fallback_scrape_protocol specified "
                   "for target",
                   quoted.p);
}

static int choose_format(const struct config_scrape *job, struct str content_type,
                         enum exposition_format *ret, struct err *err)
{
    struct str rest = content_type, type = str_trim(str_cut(&rest, ';'));
    const char *fallback = job->fallback_scrape_protocol;

    if (str_eq_nocase(type, STR("application/openmetrics-text")))
        *ret = EXPOSITION_OPENMETRICS;
    else if (str_eq_nocase(type, STR("text/plain")))
        *ret = EXPOSITION_TEXT;
    else if (str_eq_nocase(type, STR("application/vnd.google.protobuf")))
        *ret = EXPOSITION_PROTOBUF;
    else if (fallback)
        *ret = protocols[protocol_of(fallback)].format;
    else
        return refuse_type(content_type, type, err);
    return 0;
}

static void refuse_status(int status, struct err *err)
{
    const char *words = http_status_words(status);

    err_set(err, -EPROTO, "server returned HTTP status %d%s%s", status, *words ? " " : "", words);
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg)
{
    struct session *s = arg;
    enum exposition_format format = EXPOSITION_TEXT;
    struct err err = {0};

    s->call = NULL;
    if (!response && failure->code == -E2BIG)
        err_set(&err, -E2BIG, "body size limit exceeded");
    else if (!response)
        err = *failure;
    else if (response->status != 200)
        refuse_status(response->status, &err);
    else
        choose_format(s->target->job, response->content_type, &format, &err);
    s->done(err.code ? STR_NONE : buf_str(&response->body), format, err.code ? &err : NULL, s->arg);
}

/* ---- the question -------------------------------------------------------------------------- */

static void http_fetch_page(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;
    const struct config_scrape *job = s->target->job;
    char seconds[32];
    struct http_header headers[] = {
        {"Accept", s->accept},
        {"X-Prometheus-Scrape-Timeout-Seconds", seconds},
        {"User-Agent", agent},
        {"Accept-Encoding", "identity"}, /* where compression is on, the client says gzip itself */
    };

    snprintf(seconds, sizeof seconds, "%.15g", (double)timeout / 1000);
    s->done = done;
    s->arg = arg;
    s->call = http_call_start(
        client,
        &(struct http_request){
            .method = "GET",
            .url = s->target->url,
            .options = &job->http,
            .headers = headers,
            .n_headers = ARRAY_LEN(headers) - job->enable_compression,
            .timeout = timeout,
            .max_body = job->body_size_limit ? (size_t)job->body_size_limit : PAGE_MAX,
            .accept_gzip = job->enable_compression,
        },
        on_answer, s);
}

const struct page_source http_source = {
    .open = http_open, .fetch = http_fetch_page, .close = http_close};
