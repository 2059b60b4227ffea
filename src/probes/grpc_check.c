/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_check - one call of grpc.health.v1.Health/Check, over TLS or in clear
 *
 *     resolve ─▶ POST over HTTP/2 ─▶ trailers: grpc-status ─▶ message: is it serving? ─▶ page
 */
#include "probes/probes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_client.h"
#include "probes/check_priv.h"
#include "probes/grpc_message_priv.h"
#include "probes/http_check_priv.h"

#define REPLY_MAX   65536 /* bytes; two are usual */
#define HEADERS_MAX 64    /* of a request, those of the configuration and ours */
#define HTTP_2      20

struct grpc_check {
    struct check check; /* first */
    const struct config_grpc_check *config;
    char *host;
    int port;

    /* the fetch under way */
    struct http_client *client;
    struct http_call *call;
    struct http_facts facts;
    mono_ns began;
    double check_seconds;
    int code;   /* of gRPC */
    int health; /* enum grpc_health; -1: the server did not tell */
};

static struct grpc_check *of(struct check *c)
{
    return (struct grpc_check *)c;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static int code_of(const struct err *err)
{
    return err->code == -ETIMEDOUT ? GRPC_DEADLINE
           : err->code == -E2BIG   ? GRPC_INTERNAL
                                   : GRPC_UNAVAILABLE;
}

static void judge(struct grpc_check *g, struct str body)
{
    CLEANUP(buf_free) struct buf words = {0};
    struct err err = {0};

    g->code = grpc_status_read(buf_str(&g->facts.headers), g->facts.status, &words);
    if (g->code != GRPC_OK) {
        check_failf(&g->check, "status", -EPROTO, "the server answers %s (%d)%s%s",
                    grpc_code_name(g->code), g->code, words.len ? ": " : "",
                    words.len ? words.p : "");
        return;
    }
    g->health = grpc_health_reply_read(body, &err);
    if (g->health < 0) {
        g->code = GRPC_INTERNAL;
        check_fail(&g->check, "answer", &err);
    } else if (g->health != HEALTH_SERVING) {
        check_failf(&g->check, "health", -EPROTO, "the server says that %s is %s",
                    g->config->service ? g->config->service : "it", grpc_health_names[g->health]);
    } else {
        check_pass(&g->check);
    }
}

/* The first bytes of HTTP/2 are no answer yet, other than libcurl counts them. */
static const char *failed_step(const struct grpc_check *g, const struct err *err)
{
    const char *step = http_failed_step(&g->facts, g->config->tls.enabled, err);

    return strcmp(step, "body") == 0 ? "answer" : step;
}

static void on_answer(struct http_response *response, const struct err *err, void *arg)
{
    struct grpc_check *g = arg;

    g->call = NULL;
    g->check_seconds = (double)(clock_mono_ns() - g->began) / 1e9;
    if (!response) {
        g->code = code_of(err);
        check_fail(&g->check, failed_step(g, err), err);
    } else if (g->facts.version != HTTP_2) {
        g->code = GRPC_UNAVAILABLE;
        check_failf(&g->check, "answer", -EPROTO, "%s port %d does not speak HTTP/2", g->host,
                    g->port);
    } else {
        judge(g, buf_str(&response->body));
    }
}

/* ---- the call ------------------------------------------------------------------------------ */

static size_t add_headers(const struct grpc_check *g, const char *timeout, struct http_header *to)
{
    size_t n = 0;

    to[n++] = (struct http_header){"Content-Type", "application/grpc"};
    to[n++] = (struct http_header){"TE", "trailers"};
    to[n++] = (struct http_header){"User-Agent", "tocsin"};
    to[n++] = (struct http_header){"grpc-timeout", timeout};
    for (size_t i = 0; i < g->config->n_metadata && n < HEADERS_MAX; i++)
        to[n++] = g->config->metadata[i];
    return n;
}

static void on_address(struct check *c, const struct ip_address *a)
{
    struct grpc_check *g = of(c);
    CLEANUP(buf_free) struct buf url = {0}, message = {0}, timeout = {0};
    struct http_header headers[HEADERS_MAX];
    const struct http_options options = {.tls = g->config->tls};
    dur_ms left = check_time_left(c);

    buf_addf(&url, strchr(g->host, ':') ? "%s://[%s]:%d%s" : "%s://%s:%d%s",
             options.tls.enabled ? "https" : "http", g->host, g->port,
             "/grpc.health.v1.Health/Check");
    buf_addf(&timeout, "%" PRId64 "m", left);
    grpc_health_request_add(&message, g->config->service);
    g->began = clock_mono_ns();
    g->client = http_client_new(c->loop);
    g->call = http_call_start(g->client,
                              &(struct http_request){
                                  .method = "POST",
                                  .url = url.p,
                                  .options = &options,
                                  .headers = headers,
                                  .n_headers = add_headers(g, timeout.p, headers),
                                  .body = buf_str(&message),
                                  .timeout = left,
                                  .max_body = REPLY_MAX,
                                  .http2 = true,
                                  .http2_only = true,
                                  .address = a->text,
                                  .facts = &g->facts,
                              },
                              on_answer, g);
}

/* ---- a fetch ------------------------------------------------------------------------------- */

static void begin(struct check *c)
{
    struct grpc_check *g = of(c);

    http_facts_deinit(&g->facts);
    g->check_seconds = 0;
    g->code = GRPC_OK;
    g->health = -1;
    if (check_address(str_c(c->target->address), 0, &g->host, &g->port))
        check_resolve(c, g->host, &g->config->ip, on_address);
    else
        check_failf(c, "address", -EINVAL, "\"%.200s\" is no address, expected HOST:PORT",
                    c->target->address);
}

static void drop(struct check *c)
{
    http_client_free(TAKE(of(c)->client)); /* and with it the call */
    of(c)->call = NULL;
}

static void finish(struct check *c)
{
    struct grpc_check *g = of(c);
    const struct check_phase phases[] = {{"resolve", c->resolve_seconds},
                                         {"check", g->check_seconds}};

    check_phases(c, "probe_grpc_duration_seconds", phases, ARRAY_LEN(phases));
    check_gauge(c, "probe_grpc_ssl", g->facts.tls.version[0] != 0);
    check_gauge(c, "probe_grpc_status_code", g->code);
    for (int i = 0; i < GRPC_HEALTHS; i++)
        metric_page_gauge(&c->page, "probe_grpc_healthcheck_response", g->health == i,
                          LABELS({STR("serving_status"), str_c(grpc_health_names[i])}));
    tls_facts_page(&g->facts.tls, &c->page, false);
}

static void free_check(struct check *c)
{
    struct grpc_check *g = of(c);

    http_facts_deinit(&g->facts);
    free(g->host);
    free(g);
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *target)
{
    struct grpc_check *g = mem_zalloc(sizeof *g);

    check_init(&g->check, &kind, l, target);
    g->config = target->job->grpc_check;
    return g;
}

const struct page_source probe_grpc_check_source = CHECK_SOURCE(open_check);
