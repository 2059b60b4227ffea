/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_check - one HTTP request, redirects included, measured and judged
 *
 *     resolve ─▶ request ─▶ (redirect: request ...) ─▶ judge ─▶ page
 *
 * Redirects are followed here, not by the client, so that each hop is measured. A hop to another
 * host gets none of the credentials.
 */
#include "probes/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "probes/check_priv.h"
#include "probes/http_check_priv.h"

#define REDIRECTS_MAX 10
#define HEADERS_MAX   64          /* of a request, those of the configuration and ours */
#define BODY_MAX      (16u << 20) /* bytes that are kept for patterns */
#define COUNTED_MAX   (1u << 30)  /* bytes that are counted only */

struct http_check {
    struct check check; /* first */
    const struct config_http_check *config;
    struct http_client *client; /* while a fetch is under way */
    struct http_call *call;
    struct http_outcome outcome;

    /* of this hop */
    char *url;
    char address[46]; /* of the first host; "": not known */
    bool get;         /* a redirect turned the method into GET */
    bool elsewhere;   /* a redirect led to another host */
    struct buf body;  /* to be sent */
};

static struct http_check *of(struct check *c)
{
    return (struct http_check *)c;
}

/* ---- URLs ---------------------------------------------------------------------------------- */

static bool is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

/* host:port of a URL, with what may stand before an @ left out. */
static struct str authority_of(const char *url)
{
    struct str rest = str_c(url);
    size_t at = str_find(rest, STR("://")), end = 0;

    rest = at < rest.len ? str_n(rest.p + at + 3, rest.len - at - 3) : rest;
    while (end < rest.len && !strchr("/?#", rest.p[end]))
        end++;
    rest.len = end;
    at = str_find(rest, STR("@"));
    return at < rest.len ? str_n(rest.p + at + 1, rest.len - at - 1) : rest;
}

static struct str host_of(const char *url)
{
    struct str rest = authority_of(url);

    if (rest.len && rest.p[0] == '[') {
        rest = str_n(rest.p + 1, rest.len - 1);
        return str_cut(&rest, ']');
    }
    return str_cut(&rest, ':');
}

/* ---- a hop --------------------------------------------------------------------------------- */

static void on_answer(struct http_response *response, const struct err *err, void *arg);

/* Where a header of the configuration says who asks, another host is not told. */
static bool is_private_header(const char *name)
{
    return strcasecmp(name, "Authorization") == 0 || strcasecmp(name, "Cookie") == 0 ||
           strcasecmp(name, "Host") == 0;
}

static size_t add_headers(const struct http_check *h, struct http_header *to)
{
    bool agent = false;
    size_t n = 0;

    for (size_t i = 0; i < h->config->n_headers && n < HEADERS_MAX - 1; i++) {
        const struct http_header *one = &h->config->headers[i];

        agent = agent || strcasecmp(one->name, "User-Agent") == 0;
        if (!h->elsewhere || !is_private_header(one->name))
            to[n++] = *one;
    }
    if (!agent)
        to[n++] = (struct http_header){"User-Agent", "tocsin"};
    return n;
}

static struct http_options options_of(const struct http_check *h)
{
    struct http_options o = h->config->http;

    o.follow_redirects = false;
    if (!h->elsewhere)
        return o;
    o.basic_username = o.basic_username_file = NULL;
    o.authorization_credentials = o.authorization_credentials_file = NULL;
    o.tls.cert = o.tls.cert_file = o.tls.key = o.tls.key_file = NULL;
    o.tls.server_name = NULL;
    o.headers = NULL;
    o.n_headers = 0;
    return o;
}

static bool wants_body(const struct config_http_check *c)
{
    return c->n_body_matches || c->n_body_not_matches;
}

static void ask(struct http_check *h)
{
    const struct config_http_check *c = h->config;
    struct http_header headers[HEADERS_MAX];
    struct http_options options = options_of(h);
    size_t most = wants_body(c) ? BODY_MAX : COUNTED_MAX;

    h->outcome.https = is_https(h->url);
    h->call = http_call_start(
        h->client,
        &(struct http_request){
            .method = h->get ? "GET" : c->method,
            .url = h->url,
            .options = &options,
            .headers = headers,
            .n_headers = add_headers(h, headers),
            .body = h->get || (!c->body && !c->body_file) ? STR_NONE : buf_str(&h->body),
            .timeout = check_time_left(&h->check),
            .max_body = c->body_size_limit && c->body_size_limit < most ? c->body_size_limit : most,
            .accept_gzip = c->gzip,
            .http2 = c->enable_http2,
            .discard_body = !wants_body(c),
            .address = h->address[0] ? h->address : NULL,
            .facts = &h->outcome.facts,
        },
        on_answer, h);
}

static void on_address(struct check *c, const struct ip_address *a)
{
    struct http_check *h = of(c);

    h->outcome.resolved = true;
    strcpy(h->address, a->text);
    ask(h);
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* Steps of a hop, as far as it came. */
static void trace_hop(const struct http_check *h, bool answered)
{
    struct page_trace *t = h->check.trace;
    const struct http_facts *f = &h->outcome.facts;
    mono_ns ready = f->t_tls > f->t_connect ? f->t_tls : f->t_connect;

    if (f->t_connect > 0)
        page_trace_took(t, "connect", "", f->t_connect - f->t_resolve);
    if (f->t_tls > f->t_connect)
        page_trace_took(t, "TLS handshake", "", f->t_tls - f->t_connect);
    if (f->t_first_byte > 0)
        page_trace_took(t, "answer", "", f->t_first_byte - ready);
    if (answered && f->t_total > f->t_first_byte)
        page_trace_took(t, "body", "", f->t_total - f->t_first_byte);
}

static void trace_redirect(const struct http_check *h, const char *to)
{
    CLEANUP(buf_free) struct buf words = {0};

    buf_addf(&words, "%d, redirect to %s", h->outcome.facts.status, to);
    page_trace_add(h->check.trace, words.p, "");
}

/* ---- redirects ----------------------------------------------------------------------------- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 307 and 308 keep the method and the body; the others make a GET of all but HEAD. */
static void follow(struct http_check *h)
{
    char *next = TAKE(h->outcome.facts.redirect);
    int status = h->outcome.facts.status;
    struct err err = {0};

    if (h->outcome.redirects > REDIRECTS_MAX) {
        free(next);
        err_set(&err, -EPROTO, "more than %d redirects", REDIRECTS_MAX);
        check_fail(&h->check, "redirect", &err);
        return;
    }
    if (!str_eq_nocase(authority_of(next), authority_of(h->url)) ||
        is_https(next) != is_https(h->url))
        h->elsewhere = true;
    if (!str_eq_nocase(host_of(next), host_of(h->url)))
        h->address[0] = 0;
    if (status < 307 && strcmp(h->config->method, "HEAD") != 0)
        h->get = true;
    trace_redirect(h, next);
    free(h->url);
    h->url = next;
    ask(h);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void on_answer(struct http_response *response, const struct err *err, void *arg)
{
    struct http_check *h = arg;
    struct http_outcome *o = &h->outcome;
    struct err why = {0};
    const char *step;

    h->call = NULL;
    http_outcome_add_phases(o);
    trace_hop(h, response != NULL);
    if (!response) {
        check_fail(&h->check, http_failed_step(&o->facts, o->https, err), err);
        return;
    }
    if (is_redirect(o->facts.status) && o->facts.redirect) {
        o->redirects++; /* counted also when it is not followed, as blackbox_exporter does */
        if (h->config->http.follow_redirects) {
            follow(h);
            return;
        }
    }
    o->answered = true;
    if (http_outcome_judge(o, h->config, buf_str(&response->body), &step, &why) < 0)
        check_fail(&h->check, step, &why);
    else
        check_pass(&h->check);
}

/* ---- a fetch ------------------------------------------------------------------------------- */

static int read_body(struct http_check *h, struct err *err)
{
    const struct config_http_check *c = h->config;

    buf_reset(&h->body);
    if (c->body_file)
        return file_read(c->body_file, BODY_MAX, &h->body, err);
    buf_add_c(&h->body, c->body ? c->body : "");
    return 0;
}

static void reset(struct http_check *h)
{
    http_facts_deinit(&h->outcome.facts);
    h->outcome = (struct http_outcome){0};
    free(h->url);
    h->url = mem_strdup(h->check.target->url);
    h->address[0] = 0;
    h->get = h->elsewhere = false;
}

static void begin(struct check *c)
{
    struct http_check *h = of(c);
    CLEANUP(mem_freep) char *host = NULL;
    struct err err = {0};

    reset(h);
    h->client = http_client_new(c->loop);
    if (read_body(h, &err) < 0) {
        check_fail(c, "body_file", &err);
    } else if (h->config->http.proxy_url) { /* it is the proxy that looks the name up */
        h->outcome.resolved = true;
        ask(h);
    } else {
        host = str_dup(host_of(h->url));
        check_resolve(c, host, &h->config->ip, on_address);
    }
}

static void drop(struct check *c)
{
    http_client_free(TAKE(of(c)->client)); /* and with it the call */
    of(c)->call = NULL;
}

static void finish(struct check *c)
{
    of(c)->outcome.seconds[PHASE_RESOLVE] += c->resolve_seconds;
    http_outcome_page(&of(c)->outcome, &c->page);
}

static void free_check(struct check *c)
{
    struct http_check *h = of(c);

    http_facts_deinit(&h->outcome.facts);
    free(h->url);
    buf_free(&h->body);
    free(h);
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *t)
{
    struct http_check *h = mem_zalloc(sizeof *h);

    check_init(&h->check, &kind, l, t);
    h->config = t->job->http_check;
    return h;
}

const struct page_source probe_http_check_source = CHECK_SOURCE(open_check);
