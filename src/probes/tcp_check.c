/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_check - a connection, with TLS when it is to have it, and the lines that are expected and sent on it
 *
 *     resolve ─▶ connect (─▶ TLS) ─▶ step after step of query_response ─▶ page
 */
#include "probes/probes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/regex.h"
#include "net/stream.h"
#include "probes/check_priv.h"
#include "probes/http_check_priv.h"

#define LINE_MAX_BYTES 65536 /* of a line that a peer sends */

struct tcp_check {
    struct check check; /* first */
    const struct config_tcp_check *config;
    char *host;
    int port;

    /* the fetch under way */
    struct stream *stream;
    struct tls_facts tls;
    bool opened; /* the connection stands */
    bool failed_by_pattern, failed_by_bytes;
    size_t step;             /* of query_response */
    struct regex *matched;   /* the last pattern that was found, or NULL, */
    struct buf matched_line; /* and where */
};

static struct tcp_check *of(struct check *c)
{
    return (struct tcp_check *)c;
}

/* ---- query_response ------------------------------------------------------------------------ */

/* ${1} stands for what the last pattern found. */
static struct str expand(struct tcp_check *t, const char *text)
{
    CLEANUP(buf_free) struct buf out = {0};

    if (!t->matched || !regex_expand(t->matched, buf_str(&t->matched_line), str_c(text), &out))
        return str_c(text);
    return arena_str(&t->check.page.arena, buf_str(&out));
}

static void note_labels(struct tcp_check *t, const struct config_query_response *q)
{
    struct label *labels = arena_array(&t->check.page.arena, q->n_labels, sizeof *labels);

    for (size_t i = 0; i < q->n_labels; i++)
        labels[i] = (struct label){str_c(q->labels[i].name), expand(t, q->labels[i].value)};
    if (q->n_labels)
        metric_page_gauge(&t->check.page, "probe_expect_info", 1, labels, q->n_labels);
}

/* Looks at the lines that are there. 1: one matches; 0: none so far; negative: the check failed. */
static int take_line(struct tcp_check *t, const struct config_query_response *q)
{
    struct str in;
    size_t end;

    for (in = stream_input(t->stream); (end = str_find(in, STR("\n"))) < in.len;
         in = stream_input(t->stream)) {
        struct str line = str_n(in.p, end);
        bool found;

        if (line.len && line.p[line.len - 1] == '\r')
            line.len--;
        found = regex_match(q->expect, line);
        if (found) {
            buf_reset(&t->matched_line);
            buf_add_str(&t->matched_line, line);
            t->matched = q->expect;
        }
        stream_consume(t->stream, end + 1);
        if (found) {
            note_labels(t, q);
            return 1;
        }
    }
    if (in.len <= LINE_MAX_BYTES)
        return 0;
    check_failf(&t->check, "expect", -E2BIG, "the peer sends a line of more than %d bytes",
                LINE_MAX_BYTES);
    return -E2BIG;
}

static int take_bytes(struct tcp_check *t, const struct config_query_response *q)
{
    struct str in = stream_input(t->stream), want = str_c(q->expect_bytes);

    if (in.len < want.len)
        return 0;
    if (!str_has_prefix(in, want)) {
        t->failed_by_bytes = true;
        check_failf(&t->check, "expect", -EPROTO, "the peer sends other bytes than expect_bytes");
        return -EPROTO;
    }
    stream_consume(t->stream, want.len);
    return 1;
}

static void send_line(struct tcp_check *t, const char *text)
{
    stream_write(t->stream, expand(t, text));
    stream_write(t->stream, STR("\n"));
}

static void trace_expected(const struct tcp_check *t, const struct config_query_response *q)
{
    CLEANUP(buf_free) struct buf words = {0};

    if (!t->check.trace || (!q->expect && !q->expect_bytes))
        return;
    buf_addf(&words, "expect " STR_FMT,
             STR_ARG(q->expect ? regex_pattern(q->expect) : str_c(q->expect_bytes)));
    page_trace_add(t->check.trace, words.p, "");
}

/* Goes on as far as what came allows. */
static void advance(struct tcp_check *t)
{
    const struct config_tcp_check *c = t->config;
    struct tls_options options;
    struct err err = {0};

    for (; t->step < c->n_query_response; t->step++) {
        const struct config_query_response *q = &c->query_response[t->step];
        int r = q->expect ? take_line(t, q) : q->expect_bytes ? take_bytes(t, q) : 1;

        if (r <= 0)
            return;
        trace_expected(t, q);
        if (q->send)
            send_line(t, q->send);
        if (!q->starttls)
            continue;
        t->step++;
        check_await(&t->check, "tls", "TLS handshake");
        options = check_tls_options(&c->tls, t->host);
        if (stream_start_tls(t->stream, &options, &t->tls, check_time_left(&t->check), &err) < 0)
            check_fail(&t->check, "tls", &err);
        return;
    }
    check_pass(&t->check);
}

/* ---- the stream ---------------------------------------------------------------------------- */

static void on_open(struct stream *s, void *arg)
{
    struct tcp_check *t = arg;

    page_trace_add(t->check.trace,
                   t->opened                ? "TLS handshake"
                   : t->config->tls.enabled ? "connect, TLS handshake"
                                            : "connect",
                   "");
    t->opened = true;
    check_await(&t->check, "expect", "what query_response expects");
    advance(t);
}

static void on_data(struct stream *s, void *arg)
{
    struct tcp_check *t = arg;

    if (!t->check.ended)
        advance(t);
}

static void on_closed(struct stream *s, const struct err *err, void *arg)
{
    struct tcp_check *t = arg;

    if (t->check.ended)
        return;
    if (err->code == 0 && t->opened) {
        t->failed_by_pattern = true;
        check_failf(&t->check, "expect", -EPROTO,
                    "the peer closed the connection before step %zu of query_response",
                    t->step + 1);
    } else {
        check_fail(&t->check, str_has_prefix(str_c(err->msg), STR("TLS")) ? "tls" : "connect", err);
    }
}

static void on_address(struct check *c, const struct ip_address *a)
{
    static const struct stream_events events = {on_open, on_data, on_closed};
    struct tcp_check *t = of(c);
    struct stream_options o = {
        .host = a->text,
        .port = t->port,
        .source = t->config->source_ip_address,
        .tls = check_tls_options(&t->config->tls, t->host),
        .facts = &t->tls,
        .connect_timeout = check_time_left(c),
    };

    t->stream = stream_open(c->loop, &o, &events, t);
}

/* ---- a fetch ------------------------------------------------------------------------------- */

static void begin(struct check *c)
{
    struct tcp_check *t = of(c);

    tls_facts_deinit(&t->tls);
    t->opened = t->failed_by_pattern = t->failed_by_bytes = false;
    t->step = 0;
    t->matched = NULL;
    if (check_address(str_c(c->target->address), 0, &t->host, &t->port))
        check_resolve(c, t->host, &t->config->ip, on_address);
    else
        check_failf(&t->check, "address", -EINVAL, "\"%.200s\" is no address, expected HOST:PORT",
                    c->target->address);
}

static void drop(struct check *c)
{
    stream_free(TAKE(of(c)->stream));
}

static void finish(struct check *c)
{
    struct tcp_check *t = of(c);

    if (t->opened) {
        check_gauge(c, "probe_failed_due_to_regex", t->failed_by_pattern);
        check_gauge(c, "probe_failed_due_to_bytes", t->failed_by_bytes);
    }
    tls_facts_page(&t->tls, &c->page, false);
}

static void free_check(struct check *c)
{
    struct tcp_check *t = of(c);

    tls_facts_deinit(&t->tls);
    buf_free(&t->matched_line);
    free(t->host);
    free(t);
}

static const struct check_kind kind = {begin, drop, free_check, finish};

static void *open_check(struct loop *l, const struct target *target)
{
    struct tcp_check *t = mem_zalloc(sizeof *t);

    check_init(&t->check, &kind, l, target);
    t->config = target->job->tcp_check;
    return t;
}

const struct page_source probe_tcp_check_source = CHECK_SOURCE(open_check);
