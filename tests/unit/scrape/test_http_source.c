/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "net/http_server.h"
#include "scrape/scrape_priv.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/scrape/sink.h"
#include "tests/unit/targets/setup.h"

#define TEXT "text/plain; version=0.0.4; charset=utf-8"
#define PAGE "m 1\nn{a=\"b\"} 2\n"

/* ---- the target ---------------------------------------------------------------------------- */

/* What the server has seen last, and how it answers. */
struct site {
    struct http_server *server;
    int port;

    /* under lock */
    struct lock lock;
    struct buf seen;  /* "Name: value" of the headers that matter, one a line */
    const char *type; /* NULL: no Content-Type */
    size_t padding;   /* bytes of comment behind the page */
    int requests;
};

static void keep_header(struct buf *out, const struct http_exchange *x, const char *name)
{
    struct str value = http_header_in(x, name);

    if (value.p)
        buf_addf(out, "%s: " STR_FMT "\n", name, STR_ARG(value));
}

static void keep_request(struct site *s, const struct http_exchange *x)
{
    static const char *const names[] = {"Accept",        "Accept-Encoding",
                                        "User-Agent",    "X-Prometheus-Scrape-Timeout-Seconds",
                                        "Authorization", "X-Site"};

    s->requests++;
    buf_reset(&s->seen);
    buf_addf(&s->seen, STR_FMT " " STR_FMT "?" STR_FMT "\n", STR_ARG(http_method(x)),
             STR_ARG(http_path(x)), STR_ARG(http_query(x)));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        keep_header(&s->seen, x, names[i]);
}

static void redirect(struct http_exchange *x, const char *to)
{
    http_header_out(x, "Location", to);
    http_reply_text(x, 302, "over there");
}

/* /status/N answers N, /from redirects to /metrics, /circle to itself, /wait does not answer. */
static void serve(struct http_exchange *x, void *arg)
{
    struct site *s = arg;
    struct str path = http_path(x);
    struct buf body = {0};
    const char *type;

    if (str_eq(path, STR("/wait")))
        while (!http_client_gone(x))
            peer_nap(2);
    if (str_eq(path, STR("/from")) || str_eq(path, STR("/circle"))) {
        redirect(x, str_eq(path, STR("/from")) ? "/metrics" : "/circle");
        return;
    }
    if (str_has_prefix(path, STR("/status/"))) {
        http_reply_text(x, atoi(path.p + strlen("/status/")), "no page");
        return;
    }
    lock_take(&s->lock);
    keep_request(s, x);
    buf_add_c(&body, PAGE);
    if (s->padding)
        buf_add_byte(&body, '#');
    for (size_t i = 1; i < s->padding; i++)
        buf_add_byte(&body, i + 1 < s->padding ? 'x' : '\n');
    type = s->type;
    lock_give(&s->lock);
    http_reply(x, 200, type, &body);
}

static void site_start(struct site *s)
{
    struct http_server_options o = {.addresses = (const char *const[]){"127.0.0.1:0"},
                                    .n_addresses = 1,
                                    .workers = 2,
                                    .max_body = 1 << 20,
                                    .max_header = 1 << 16,
                                    .max_connections = 32,
                                    .read_timeout = 30000,
                                    .handler = serve,
                                    .arg = s};
    struct err err = {0};

    *s = (struct site){.type = TEXT};
    lock_init(&s->lock);
    if (http_server_start(&o, &s->server, &err) < 0)
        fail_msg("%s", err.msg);
    s->port = http_server_port(s->server, 0);
}

static void site_stop(struct site *s)
{
    http_server_stop(s->server);
    buf_free(&s->seen);
    lock_deinit(&s->lock);
}

/* ---- the one who asks ---------------------------------------------------------------------- */

struct asked {
    struct loop *loop;
    bool done;
    struct buf page;
    enum exposition_format format;
    struct err err;
};

static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct asked *a = arg;

    must(!a->done);
    a->done = true;
    buf_reset(&a->page);
    buf_add_str(&a->page, page);
    a->format = format;
    a->err = err ? *err : (struct err){0};
    loop_stop(a->loop);
}

static struct target_list *job_for(int port, const char *settings)
{
    CLEANUP(buf_free) struct buf yaml = {0};

    buf_addf(
        &yaml,
        "scrape_configs:\n- job_name: j\n  static_configs: [{targets: [\"127.0.0.1:%d\"]}]\n%s",
        port, settings);
    return list_of(yaml.p, NULL);
}

/* Asks a target of a job with these settings once. */
static void ask(int port, const char *settings, dur_ms timeout, struct asked *ret)
{
    struct target_list *l = job_for(port, settings);
    void *session;

    buf_free(&ret->page);
    *ret = (struct asked){.loop = loop_new()};
    http_source_begin(ret->loop, "tocsin/9.9", false);
    session = http_source.open(ret->loop, &l->targets[0]);
    http_source.fetch(session, timeout, on_page, ret);
    loop_run(ret->loop);
    http_source.close(session);
    http_source_end();
    loop_free(ret->loop);
    target_list_unref(l);
}

#define PATIENCE ((dur_ms)20000)

#define SITE()                                                                                     \
    CLEANUP(site_stop) struct site s;                                                              \
    site_start(&s)
#define WORLD()                                                                                    \
    CLEANUP(asked_deinit) struct asked a = {0};                                                    \
    SITE()

static void asked_deinit(struct asked *a)
{
    buf_free(&a->page);
}

static void assert_page(const struct asked *a)
{
    assert_string_equal(a->err.msg, "");
    assert_int_equal(a->err.code, 0);
    assert_string_equal(a->page.p, PAGE);
}

/* ---- the question -------------------------------------------------------------------------- */

static void the_request_is_prometheus_request(void **state)
{
    WORLD();

    ask(s.port, "  metrics_path: /a/b\n  params: {m: [x, y]}\n", 2500, &a);
    /* 2.5 s are too short for a slow machine, so only the request counts */
    assert_string_equal(
        s.seen.p,
        "GET /a/b?m=x&m=y\n"
        "Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
        "*/*;q=0.2\n"
        "Accept-Encoding: gzip\n"
        "User-Agent: tocsin/9.9\n"
        "X-Prometheus-Scrape-Timeout-Seconds: 2.5\n");
}

static void scrape_protocols_are_asked_for_in_their_order(void **state)
{
    WORLD();

    ask(s.port, "  scrape_protocols: [PrometheusText0.0.4, PrometheusProto]\n", PATIENCE, &a);
    assert_page(&a);
    assert_has(s.seen.p, "Accept: text/plain;version=0.0.4;q=0.4,"
                         "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                         "encoding=delimited;q=0.3,*/*;q=0.2\n");
}

static void headers_credentials_and_compression_are_the_jobs(void **state)
{
    CLEANUP(buf_free) struct buf job = {0};
    char path[] = "/tmp/tocsin-test-http-source.XXXXXX";
    int file = mkstemp(path);
    WORLD();

    assert_true(file >= 0 && write(file, "s3cret\n", 7) == 7);
    close(file);
    ask(s.port, "  enable_compression: false\n  http_headers: {X-Site: {values: [s1]}}\n", PATIENCE,
        &a);
    assert_page(&a);
    assert_has(s.seen.p, "Accept-Encoding: identity\n");
    assert_has(s.seen.p, "X-Site: s1\n");
    ask(s.port, "  basic_auth: {username: u, password: p}\n", PATIENCE, &a);
    assert_page(&a);
    assert_has(s.seen.p, "Authorization: Basic dTpw\n");
    buf_addf(&job, "  authorization: {credentials_file: %s}\n", path);
    ask(s.port, job.p, PATIENCE, &a);
    assert_page(&a);
    assert_has(s.seen.p, "Authorization: Bearer s3cret\n");
    unlink(path);
    ask(s.port, job.p, PATIENCE, &a);
    assert_has(a.err.msg, "No such file or directory");
    assert_has(a.err.msg, path);
    assert_int_equal(s.requests, 3);
}

/* ---- the answer ---------------------------------------------------------------------------- */

#define FALLBACK(protocol) "  fallback_scrape_protocol: " protocol "\n"
#define TYPE_MISSING                                                                               \
    "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "      \
    "specified for target"
#define TYPE_UNKNOWN(type)                                                                         \
    "received unsupported Content-Type \"" type                                                    \
    "\" and no fallback_scrape_protocol specified for "                                            \
    "target"
#define TYPE_BAD(type)                                                                             \
    "cannot parse Content-Type \"" type "\" and no fallback_scrape_protocol for target"

static const struct {
    const char *type, *settings;
    enum exposition_format format;
    const char *error;
} types[] = {
    {TEXT, "", EXPOSITION_TEXT, NULL},
    {"TEXT/Plain", "", EXPOSITION_TEXT, NULL},
    {"text/plain ;version=1.0.0", "", EXPOSITION_TEXT, NULL},
    {"application/openmetrics-text; version=1.0.0; charset=utf-8", "", EXPOSITION_OPENMETRICS,
     NULL},
    /* what the page says goes before the fallback */
    {"application/openmetrics-text", FALLBACK("PrometheusText0.0.4"), EXPOSITION_OPENMETRICS, NULL},
    {TEXT, FALLBACK("OpenMetricsText1.0.0"), EXPOSITION_TEXT, NULL},
    {NULL, FALLBACK("PrometheusText0.0.4"), EXPOSITION_TEXT, NULL},
    {NULL, FALLBACK("OpenMetricsText0.0.1"), EXPOSITION_OPENMETRICS, NULL},
    {"text/html", FALLBACK("PrometheusText1.0.0"), EXPOSITION_TEXT, NULL},
    {"a b", FALLBACK("PrometheusText1.0.0"), EXPOSITION_TEXT, NULL},
    {NULL, "", 0, TYPE_MISSING},
    {"text/html; charset=\"utf-8\"", "", 0, TYPE_UNKNOWN("text/html; charset=\\\"utf-8\\\"")},
    {"text/plainer", "", 0, TYPE_UNKNOWN("text/plainer")},
    {"text", "", 0, TYPE_UNKNOWN("text")},
    {"text/", "", 0, TYPE_BAD("text/")},
    {"/plain", "", 0, TYPE_BAD("/plain")},
    {"text/plain html", "", 0, TYPE_BAD("text/plain html")},
    {"text/plain/html", "", 0, TYPE_BAD("text/plain/html")},
    {";version=1", "", 0, TYPE_BAD(";version=1")},
    {"application/vnd.google.protobuf;encoding=delimited", FALLBACK("PrometheusText0.0.4"),
     EXPOSITION_PROTOBUF, NULL},
    {NULL, FALLBACK("PrometheusProto"), EXPOSITION_PROTOBUF, NULL},
};

static void the_content_type_or_the_fallback_chooses_the_format(void **state)
{
    WORLD();

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        lock_take(&s.lock);
        s.type = types[i].type;
        lock_give(&s.lock);
        ask(s.port, types[i].settings, PATIENCE, &a);
        if (types[i].error) {
            assert_string_equal(a.err.msg, types[i].error);
            assert_int_equal(a.err.code, -EPROTO);
            assert_int_equal(a.page.len, 0);
            continue;
        }
        assert_page(&a);
        assert_int_equal(a.format, types[i].format);
    }
}

static void a_status_other_than_200_is_told_with_its_words(void **state)
{
    static const struct {
        const char *path, *error;
    } cases[] = {
        {"/status/500", "server returned HTTP status 500 Internal Server Error"},
        {"/status/503", "server returned HTTP status 503 Service Unavailable"},
        {"/status/404", "server returned HTTP status 404 Not Found"},
        {"/status/401", "server returned HTTP status 401 Unauthorized"},
        {"/status/201", "server returned HTTP status 201 Created"},
        {"/status/599", "server returned HTTP status 599"},
    };
    WORLD();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf job = {0};

        buf_addf(&job, "  metrics_path: %s\n", cases[i].path);
        ask(s.port, job.p, PATIENCE, &a);
        assert_string_equal(a.err.msg, cases[i].error);
        assert_int_equal(a.page.len, 0); /* else the page of an error would be stored */
    }
}

static void redirects_are_followed_unless_the_job_says_no(void **state)
{
    WORLD();

    ask(s.port, "  metrics_path: /from\n", PATIENCE, &a);
    assert_page(&a);
    assert_has(s.seen.p, "GET /metrics?\nAccept: application/openmetrics-text;version=1.0.0");
    ask(s.port, "  metrics_path: /from\n  follow_redirects: false\n", PATIENCE, &a);
    assert_string_equal(a.err.msg, "server returned HTTP status 302 Found");
    ask(s.port, "  metrics_path: /circle\n", PATIENCE, &a);
    assert_has(a.err.msg, "more than 10 redirects");
}

/* The server compresses from 1 KB on; the limit is of what comes out. */
static void a_body_is_taken_up_to_its_limit_after_decompression(void **state)
{
    char limit[40];
    const size_t size = strlen(PAGE) + 20000;
    WORLD();

    s.padding = 20000;
    ask(s.port, "", PATIENCE, &a);
    assert_int_equal(a.err.code, 0);
    assert_int_equal(a.page.len, size);
    assert_memory_equal(a.page.p, PAGE, strlen(PAGE));
    for (int compressed = 0; compressed < 2; compressed++) {
        const char *how = compressed ? "" : "  enable_compression: false\n";
        CLEANUP(buf_free) struct buf fits = {0}, short_by_one = {0};

        snprintf(limit, sizeof limit, "  body_size_limit: %zuB\n", size);
        buf_addf(&fits, "%s%s", limit, how);
        ask(s.port, fits.p, PATIENCE, &a);
        assert_int_equal(a.page.len, size);
        snprintf(limit, sizeof limit, "  body_size_limit: %zuB\n", size - 1);
        buf_addf(&short_by_one, "%s%s", limit, how);
        ask(s.port, short_by_one.p, PATIENCE, &a);
        assert_string_equal(a.err.msg, "body size limit exceeded");
        assert_int_equal(a.err.code, -E2BIG);
        assert_int_equal(a.page.len, 0);
    }
}

/* ---- no answer ----------------------------------------------------------------------------- */

static void a_target_that_does_not_answer_is_given_up_after_the_timeout(void **state)
{
    mono_ns from;
    WORLD();

    from = clock_mono_ns();
    ask(s.port, "  metrics_path: /wait\n", 200, &a);
    assert_true(clock_mono_ns() - from >= 200 * NS_PER_MS);
    assert_int_equal(a.err.code, -ETIMEDOUT);
    assert_has(a.err.msg, "no answer within 200ms");
}

static void a_refused_connection_is_told_with_its_address(void **state)
{
    CLEANUP(asked_deinit) struct asked a = {0};
    int port, fd = peer_bind(&port);
    char words[80];

    ask(port, "", PATIENCE, &a);
    snprintf(words, sizeof words, "connect to 127.0.0.1:%d: Connection refused", port);
    assert_string_equal(a.err.msg, words);
    assert_int_equal(a.err.code, -ECONNREFUSED);
    close(fd);
}

static void never_come(struct str page, enum exposition_format format, const struct err *err,
                       void *arg)
{
    fail_msg("a page of a session that was closed");
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static void a_session_may_be_closed_while_its_page_is_under_way(void **state)
{
    struct loop *loop = loop_new();
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    struct target_list *l;
    void *session;
    SITE();

    l = job_for(s.port, "");
    http_source_begin(loop, "tocsin/9.9", false);
    session = http_source.open(loop, &l->targets[0]);
    http_source.fetch(session, PATIENCE, never_come, NULL);
    http_source.close(session);
    session = http_source.open(loop, &l->targets[0]);
    http_source.fetch(session, PATIENCE, never_come, NULL);
    loop_timer_after(timer, 0);
    loop_run(loop); /* it has left by now */
    http_source.close(session);
    loop_timer_after(timer, 50);
    loop_run(loop);
    http_source_end();
    loop_timer_free(timer);
    loop_free(loop);
    target_list_unref(l);
}

/* ---- from end to end ----------------------------------------------------------------------- */

/* One sink for the two threads of a machine. */
static struct lock sink_lock = LOCK_INIT;

static int ask_locked(void *self, const struct label_set *labels, series_ref *ret, struct err *err)
{
    WITH_LOCK(&sink_lock);
    return sink_ask(self, labels, ret, err);
}

static int commit_locked(void *self, const struct sample_row *rows, size_t n,
                         enum commit_flags flags, enum sample_verdict *verdicts, struct err *err)
{
    WITH_LOCK(&sink_lock);
    return sink_commit(self, rows, n, flags, verdicts, err);
}

static size_t commits_of(struct sink *sink)
{
    WITH_LOCK(&sink_lock);
    return sink->commits;
}

static void a_machine_stores_the_pages_of_a_server(void **state)
{
    struct sink sink = {0};
    struct scrape *scrape;
    struct target_list *l;
    char line[80];
    SITE();

    l = job_for(s.port, "  scrape_interval: 100ms\n");
    scrape = scrape_new(&(struct scrape_options){
        .threads = 2,
        .sink = {.self = &sink, .series = ask_locked, .commit = commit_locked},
        .user_agent = "tocsin/9.9"});
    scrape_apply(scrape, l);
    target_list_unref(l);
    for (int i = 0; commits_of(&sink) < 3 && i < 10000; i++)
        peer_nap(2);
    scrape_free(scrape);
    snprintf(line, sizeof line, "n{a=\"b\", instance=\"127.0.0.1:%d\", job=\"j\"} 2 @", s.port);
    assert_has(sink.stored.p, line);
    snprintf(line, sizeof line, "up{instance=\"127.0.0.1:%d\", job=\"j\"} 1 @", s.port);
    assert_has(sink.stored.p, line);
    sink_free(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_prometheus_request),
        cmocka_unit_test(scrape_protocols_are_asked_for_in_their_order),
        cmocka_unit_test(headers_credentials_and_compression_are_the_jobs),
        cmocka_unit_test(the_content_type_or_the_fallback_chooses_the_format),
        cmocka_unit_test(a_status_other_than_200_is_told_with_its_words),
        cmocka_unit_test(redirects_are_followed_unless_the_job_says_no),
        cmocka_unit_test(a_body_is_taken_up_to_its_limit_after_decompression),
        cmocka_unit_test(a_target_that_does_not_answer_is_given_up_after_the_timeout),
        cmocka_unit_test(a_refused_connection_is_told_with_its_address),
        cmocka_unit_test(a_session_may_be_closed_while_its_page_is_under_way),
        cmocka_unit_test(a_machine_stores_the_pages_of_a_server),
    };

    log_configure(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
