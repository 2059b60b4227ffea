/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_source - asks a target's metrics path, as Prometheus does (prometheus.md 4.5)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "net/http_client.h"
#include "scrape/scrape_priv.h"

#define PAGE_MAX                                                                                   \
    (256u                                                                                          \
     << 20) /* bytes, when body_size_limit sets none: the loop's memory is shared by others   \
                  */

static const char accept[] =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/* One a thread: a loop's sessions share its connections. */
static _Thread_local struct http_client *client;
static _Thread_local const char *agent;

struct session {
    const struct target *target;
    struct http_call *call; /* under way */
    page_done *done;
    void *arg;
};

void http_source_begin(struct loop *l, const char *user_agent)
{
    client = http_client_new(l);
    agent = user_agent;
}

void http_source_end(void)
{
    http_client_free(client);
    client = NULL;
}

static void *http_open(struct loop *l, const struct target *t)
{
    struct session *s = mem_zalloc(sizeof *s);

    s->target = t;
    return s;
}

static void http_close(void *session)
{
    struct session *s = session;

    if (s->call)
        http_call_cancel(s->call);
    free(s);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool media_type_is(struct str type, struct str name)
{
    return type.len == name.len && strncasecmp(type.p, name.p, name.len) == 0;
}

/* Prometheus 3: a page whose type is not told or not known is refused, unless the job names a
 * fallback. */
static int choose_format(const struct config_scrape *job, struct str content_type,
                         enum exposition_format *ret, struct err *err)
{
    struct str rest = content_type, type = str_trim(str_cut(&rest, ';'));
    const char *fallback = job->fallback_scrape_protocol;

    if (media_type_is(type, STR("application/openmetrics-text"))) {
        *ret = EXPOSITION_OPENMETRICS;
        return 0;
    }
    if (media_type_is(type, STR("text/plain"))) {
        *ret = EXPOSITION_TEXT;
        return 0;
    }
    if (fallback) {
        *ret = strncmp(fallback, "OpenMetrics", 11) == 0 ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
        return 0;
    }
    if (type.len == 0)
        return err_set(
            err, -EPROTO,
            "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
            "specified for target");
    return err_set(
        err, -EPROTO,
        "received unsupported Content-Type \"%.*s\" and no fallback_scrape_protocol specified for target",
        STR_ARG(content_type));
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg)
{
    struct session *s = arg;
    enum exposition_format format = EXPOSITION_TEXT;
    struct err err = {0};

    s->call = NULL;
    if (!response)
        err = *failure;
    else if (response->status != 200)
        err_set(&err, -EPROTO, "server returned HTTP status %d", response->status);
    else
        choose_format(s->target->job, response->content_type, &format, &err);
    if (err.code == -E2BIG)
        err_set(&err, -E2BIG, "body size limit exceeded");
    s->done(err.code ? STR_NONE : buf_str(&response->body), format, err.code ? &err : NULL, s->arg);
}

/* ---- the question -------------------------------------------------------------------------- */

static void http_fetch_page(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;
    const struct config_scrape *job = s->target->job;
    char seconds[32];
    struct http_header headers[] = {{"Accept", accept},
                                    {"X-Prometheus-Scrape-Timeout-Seconds", seconds},
                                    {"User-Agent", agent}};

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
            .n_headers = ARRAY_LEN(headers),
            .timeout = timeout,
            .max_body = job->body_size_limit ? (size_t)job->body_size_limit : PAGE_MAX,
            .accept_gzip = job->enable_compression,
        },
        on_answer, s);
}

const struct page_source http_source = {
    .open = http_open, .fetch = http_fetch_page, .close = http_close};
