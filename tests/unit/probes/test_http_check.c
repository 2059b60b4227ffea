/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "base/regex.h"
#include "probes/http_check_priv.h"
#include "probes/probes.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/http2_peer.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/probes/checking.h"

#define PATIENCE 5000

/* ---- a web server -------------------------------------------------------------------------- */

static const struct {
    const char *path, *answer;
} answers[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\nX-Cache: HIT\r\n"
            "Content-Length: 15\r\n\r\n{\"status\":\"UP\"}"},
    {"/down", "HTTP/1.1 503 No\r\nContent-Length: 17\r\n\r\n{\"status\":\"DOWN\"}"},
    {"/404", "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnone"},
    {"/r1", "HTTP/1.1 302 Found\r\nLocation: /r2\r\nContent-Length: 0\r\n\r\n"},
    {"/r2", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
    {"/away",
     "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/ok\r\nContent-Length: 0\r\n\r\n"},
    {"/moved", "HTTP/1.1 303 See\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {"/same", "HTTP/1.1 307 See\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
    {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
    {"/old", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
    {"http://portal.invalid/ok", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, /* of a proxy */
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
};

static struct peer web;
static struct buf request; /* the last one, under the lock */
static struct lock request_lock = LOCK_INIT;

static void set_request(struct str text)
{
    WITH_LOCK(&request_lock);
    buf_reset(&request);
    buf_add_str(&request, text);
}

/* Whether the last request has these words. */
static bool was_asked(const char *words)
{
    WITH_LOCK(&request_lock);
    return strstr(request.p, words) != NULL;
}

static void serve(int fd, void *arg)
{
    CLEANUP(buf_free) struct buf head = {0};
    char piece[4096];
    ssize_t n;

    while (!head.p || !strstr(head.p, "\r\n\r\n")) {
        if ((n = read(fd, piece, sizeof piece)) <= 0)
            return;
        buf_add(&head, piece, (size_t)n);
    }
    set_request(buf_str(&head));
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        CLEANUP(buf_free) struct buf first = {0};

        buf_addf(&first, " %s HTTP/", answers[i].path);
        if (!strstr(head.p, first.p))
            continue;
        if (strcmp(answers[i].path, "/away") == 0)
            dprintf(fd, answers[i].answer, web.port);
        else
            dprintf(fd, "%s", answers[i].answer);
        return;
    }
    while (read(fd, piece, sizeof piece) > 0) /* /slow: says nothing */
        ;
}

static int start_web(void **state)
{
    peer_start(&web, serve, NULL);
    return 0;
}

static int stop_web(void **state)
{
    peer_stop(&web);
    buf_free(&request);
    return 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

static void check(const char *url, const struct config_http_check *config, dur_ms timeout)
{
    const struct config_scrape job = {.kind = JOB_HTTP_CHECK, .http_check = config};

    check_target(&probe_http_check_source, &job, url, timeout);
}

static void check_path(const char *path, const struct config_http_check *config)
{
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", web.port, path);
    check(url, config, PATIENCE);
}

static struct config_http_check plain(void)
{
    struct config_http_check c = config_http_check_defaults;

    c.ip.preferred = 4;
    return c;
}

/* ---- as blackbox_exporter ------------------------------------------------------------------ */

static struct config_http_check recorded_module(const char *name)
{
    static uint64_t only_302[] = {302}, up_or_down[] = {200, 503};
    static struct regex *up[1];
    struct config_http_check c = plain();

    if (!up[0])
        assert_int_equal(regex_new(STR("\"status\":\"UP\""), REGEX_SEARCH, &up[0], NULL), 0);
    if (strcmp(name, "http-noredirect") == 0) {
        c.http.follow_redirects = false;
        c.valid_status_codes = only_302;
        c.n_valid_status_codes = 1;
    } else if (strncmp(name, "http-body", 9) == 0) {
        c.valid_status_codes = up_or_down;
        c.n_valid_status_codes = 2;
        c.body_not_matches = up;
        c.n_body_not_matches = 1;
    } else if (strcmp(name, "http-need-ssl") == 0) {
        c.fail_if_not_ssl = true;
    }
    return c;
}

static void writes_the_series_that_blackbox_exporter_writes(void **state)
{
    static const struct {
        const char *name, *path;
    } cases[] = {
        {"http-ok", "/ok"},        {"http-503", "/down"},   {"http-404", "/404"},
        {"http-redirect2", "/r1"}, {"http-loop", "/loop"},  {"http-noredirect", "/r1"},
        {"http-timeout", "/slow"}, {"http-body-up", "/ok"}, {"http-body-down", "/down"},
        {"http-need-ssl", "/ok"},  {"http-refused", NULL},  {"http-noname", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_http_check c = recorded_module(cases[i].name);
        CLEANUP(buf_free) struct buf path = {0}, recorded = {0};
        char url[128];

        buf_addf(&path, "exporters/blackbox-0.28/%s.prom", cases[i].name);
        buf_add_c(&recorded, "\n");
        if (!conformance_read(path.p, &recorded))
            skip();
        if (cases[i].path && cases[i].path[0])
            snprintf(url, sizeof url, "http://127.0.0.1:%d%s", web.port, cases[i].path);
        else
            snprintf(url, sizeof url, "%s",
                     cases[i].path ? "http://no-such-host.invalid/" : "http://127.0.0.1:9/");
        check(url, &c, strcmp(cases[i].name, "http-timeout") == 0 ? 300 : PATIENCE);
        assert_same_lines(buf_str(&recorded), buf_str(&page), cases[i].name);
        assert_same_lines(buf_str(&page), buf_str(&recorded), cases[i].name);
    }
}

/* ---- what passes and what does not --------------------------------------------------------- */

static void says_at_which_step_a_check_failed_and_why(void **state)
{
    struct config_http_check c = plain();
    int redirects = 0;
    char url[128];

    check_path("/ok", &c);
    assert_steps("resolve | connect | answer | body");
    assert_int_equal(failure.len, 0);
    check_path("/404", &c);
    assert_failed_at("status", "status 404, expected 200 to 299");
    assert_steps("resolve | connect | answer | body | status");
    check_path("/loop", &c);
    assert_failed_at("redirect", "more than 10 redirects");
    check_path("/cut", &c);
    assert_failed_at("body", "the answer ended early");
    check("http://127.0.0.1:9/", &c, PATIENCE);
    assert_failed_at("connect", "Connection refused");
    assert_steps("resolve | connect");
    check("http://no-such-host.invalid/", &c, PATIENCE);
    assert_failed_at("resolve", "no-such-host.invalid");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", web.port);
    check(url, &c, 200);
    assert_failed_at("answer", "no answer within 200ms");
    assert_steps("resolve | connect | answer");
    check_path("/r1", &c);
    for (size_t i = 0; i < told.n; i++)
        redirects += str_has_prefix(str_c(told.steps[i].name),
                                    STR("302, redirect to http://127.0.0.1:"));
    assert_int_equal(redirects, 2);
    c.body_size_limit = 10;
    check_path("/ok", &c);
    assert_failed_at("body", "larger than 10 bytes");
    c.body_file = "/no/such/file";
    check_path("/ok", &c);
    assert_failed_at("body_file", "No such file");
}

static void headers_have_to_match(void **state)
{
    struct config_header_pattern p = {.header = "x-cache"};
    struct config_http_check c = plain();

    assert_int_equal(regex_new(STR("H.T"), REGEX_SEARCH, &p.regex, NULL), 0);
    c.header_matches = &p;
    c.n_header_matches = 1;
    check_path("/ok", &c);
    assert_failed_at("headers", "header x-cache matches");
    assert_value("probe_failed_due_to_regex", 1);
    check_path("/chunked", &c);
    assert_failed_at("headers", "no header x-cache");
    p.allow_missing = true;
    check_path("/chunked", &c);
    assert_value("probe_success", 1);
    assert_value("probe_http_content_length", -1);
    assert_value("probe_http_uncompressed_body_length", 3);
    c.header_not_matches = TAKE(c.header_matches);
    c.n_header_not_matches = 1;
    c.n_header_matches = 0;
    check_path("/ok", &c);
    assert_value("probe_success", 1);
    regex_free(p.regex);
}

static void bodies_and_versions_have_to_match(void **state)
{
    const char *versions[] = {"HTTP/1.1"};
    struct config_http_check c = plain();
    struct regex *pattern;

    assert_int_equal(regex_new(STR("UP"), REGEX_SEARCH, &pattern, NULL), 0);
    c.body_matches = &pattern;
    c.n_body_matches = 1;
    check_path("/ok", &c);
    assert_failed_at("body", "the body matches");
    check_path("/chunked", &c);
    assert_value("probe_success", 1);
    c.n_body_matches = 0;
    c.valid_http_versions = versions;
    c.n_valid_http_versions = 1;
    check_path("/ok", &c);
    assert_value("probe_success", 1);
    check_path("/old", &c);
    assert_failed_at("version", "HTTP/1.0");
    assert_value("probe_http_version", 1);
    regex_free(pattern);
}

static void sends_what_the_configuration_says(void **state)
{
    const struct http_header headers[] = {{"X-Site", "a"}, {"User-Agent", "us"}};
    struct config_http_check c = plain();

    c.method = "POST";
    c.body = "{\"a\":1}";
    c.headers = headers;
    c.n_headers = 2;
    c.http.basic_username = "u";
    c.http.basic_password = "p";
    c.gzip = true;
    check_path("/ok", &c);
    assert_true(was_asked("POST /ok HTTP/1.1\r\n"));
    assert_true(was_asked("X-Site: a\r\n"));
    assert_true(was_asked("User-Agent: us\r\n"));
    assert_false(was_asked("tocsin"));
    assert_true(was_asked("Authorization: Basic dTpw\r\n"));
    assert_true(was_asked("Accept-Encoding: gzip\r\n"));
    assert_true(was_asked("Content-Length: 7\r\n"));
    check_path("/same", &c); /* 307 */
    assert_true(was_asked("POST /ok HTTP/1.1\r\n"));
    check_path("/moved", &c); /* 303 */
    assert_true(was_asked("GET /ok HTTP/1.1\r\n"));
    assert_false(was_asked("Content-Length: 7\r\n"));
    assert_true(was_asked("Authorization: Basic dTpw\r\n"));
}

static void another_host_gets_none_of_the_credentials(void **state)
{
    const struct http_header headers[] = {{"Authorization", "Bearer geheim"}, {"X-Site", "a"}};
    struct config_http_check c = plain();

    c.http.basic_username = "u";
    c.http.basic_password = "p";
    check_path("/away", &c);
    assert_value("probe_success", 1);
    assert_true(was_asked("Host: localhost:"));
    assert_false(was_asked("Authorization"));
    c.http.basic_username = c.http.basic_password = NULL;
    c.headers = headers;
    c.n_headers = 2;
    check_path("/away", &c);
    assert_false(was_asked("geheim"));
    assert_true(was_asked("X-Site: a\r\n"));
}

static void a_check_can_be_dropped_while_it_waits(void **state)
{
    struct config_http_check c = plain();
    struct config_scrape job = {.kind = JOB_HTTP_CHECK, .http_check = &c};
    char url[128];
    struct target t = {.job = &job, .url = url, .address = url};
    struct loop *l = loop_new();
    void *session;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", web.port);
    session = probe_http_check_source.open(l, &t);
    answered = 0;
    probe_http_check_source.fetch(session, PATIENCE, on_page, l);
    probe_http_check_source.close(session);
    loop_free(l);
    assert_int_equal(answered, 0);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void answer_ok(SSL *ssl, void *arg)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char piece[4096];

    if (SSL_read(ssl, piece, sizeof piece) > 0)
        SSL_write(ssl, ok, sizeof ok - 1);
}

static void assert_series_begins(const char *series)
{
    CLEANUP(buf_free) struct buf line = {0};

    buf_addf(&line, "\n%s", series);
    if (!strstr(page.p, line.p))
        fail_msg("no %s in%s", series, page.p);
}

static void certificates_are_shown_also_when_they_are_refused(void **state)
{
    struct cert ours = cert_new("our authority", NULL, NULL);
    struct cert theirs = cert_new("their authority", NULL, NULL);
    struct cert server = cert_new("server", "DNS:good.test,DNS:b.test,IP:127.0.0.1", &ours);
    struct config_http_check c = plain();
    struct tls_peer p;
    char url[128];
    double expiry, chain;

    tls_peer_start(&p, &server, NULL, answer_ok, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.peer.port);
    c.http.tls.ca = ours.pem;
    check(url, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_http_ssl", 1);
    assert_value("probe_tls_version_info{version=\"TLS 1.3\"}", 1);
    assert_series_begins("probe_tls_cipher_info{cipher=\"TLS_AES_256_GCM_SHA384\"} 1");
    assert_true(page_value(buf_str(&page), "probe_ssl_earliest_cert_expiry", &expiry));
    assert_true(
        page_value(buf_str(&page), "probe_ssl_last_chain_expiry_timestamp_seconds", &chain));
    assert_true(chain > 1e9 && chain <= expiry);
    assert_non_null(strstr(page.p, "subjectalternative=\"good.test,b.test\""));

    c.http.tls.ca = theirs.pem; /* unknown to them: refused, and seen all the same */
    check(url, &c, PATIENCE);
    assert_failed_at("tls", "certificate");
    assert_value("probe_ssl_earliest_cert_expiry", expiry);
    assert_value("probe_ssl_last_chain_expiry_timestamp_seconds", -62135596800.0);

    c.http.tls = (struct tls_options){.insecure_skip_verify = true};
    check(url, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_ssl_earliest_cert_expiry", expiry);
    assert_value("probe_ssl_last_chain_expiry_timestamp_seconds", -62135596800.0);

    c.fail_if_ssl = true;
    check(url, &c, PATIENCE);
    assert_failed_at("tls", "fail_if_ssl");
    tls_peer_stop(&p);
    cert_deinit(&server);
    cert_deinit(&theirs);
    cert_deinit(&ours);
}

static int free_page(void **state)
{
    buf_free(&page);
    return stop_web(state);
}

/* ---- other ways ---------------------------------------------------------------------------- */

static void ignore_headers(struct http2_peer *p, struct str headers)
{
}

static void answer_http2(struct http2_peer *p, uint8_t stream, struct str body)
{
    CLEANUP(buf_free) struct buf head = {0};

    http2_header_add(&head, ":status", "200");
    http2_header_add(&head, "x-cache", "HIT");
    http2_put(p, HTTP2_HEADERS, HTTP2_END_HEADERS, stream, buf_str(&head));
    http2_put(p, HTTP2_DATA, HTTP2_END_STREAM, stream, STR("{\"status\":\"UP\"}"));
}

static void serve_http2(SSL *ssl, void *arg)
{
    http2_serve(
        &(struct http2_peer){.ssl = ssl, .on_headers = ignore_headers, .on_body = answer_http2});
}

static void http_2_is_spoken_where_it_is_offered_and_wanted(void **state)
{
    struct cert ca = cert_new("authority", NULL, NULL),
                server = cert_new("server", "IP:127.0.0.1", &ca);
    struct regex *up;
    struct config_header_pattern hit = {.header = "X-Cache"};
    struct config_http_check c = plain();
    const char *const one[] = {"HTTP/1.1"}, *const two[] = {"HTTP/2.0"};
    struct tls_peer p;
    char url[64];

    assert_int_equal(regex_new(STR("\"UP\""), REGEX_SEARCH, &up, NULL), 0);
    assert_int_equal(regex_new(STR("^HIT$"), REGEX_SEARCH, &hit.regex, NULL), 0);
    tls_peer_start(&p, &server, NULL, serve_http2, NULL);
    SSL_CTX_set_alpn_select_cb(p.ssl_ctx, http2_choose, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.peer.port);
    c.http.tls.ca = ca.pem;
    c.body_not_matches = &up;
    c.n_body_not_matches = 1;
    c.header_not_matches = &hit;
    c.n_header_not_matches = 1;
    c.valid_http_versions = (const char **)(uintptr_t)two;
    c.n_valid_http_versions = 1;
    check(url, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_http_version", 2);
    assert_value("probe_http_status_code", 200);
    assert_value("probe_http_uncompressed_body_length", 15);
    c.valid_http_versions = (const char **)(uintptr_t)one;
    check(url, &c, PATIENCE);
    assert_failed_at("version", "HTTP/2.0");
    tls_peer_stop(&p);
    tls_peer_start(&p, &server, NULL, answer_ok, NULL); /* this one does not offer it */
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.peer.port);
    c.n_body_not_matches = c.n_header_not_matches = 0;
    check(url, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_http_version", 1.1);
    tls_peer_stop(&p);
    regex_free(up);
    regex_free(hit.regex);
    cert_deinit(&server);
    cert_deinit(&ca);
}

/* The proxy is our web server: what it gets is the whole URL, of a name that nobody here can look up. */
static void through_a_proxy_it_is_the_proxy_that_knows_the_name(void **state)
{
    struct config_http_check c = plain();
    char proxy[64];
    int port, fd = peer_bind(&port);

    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", web.port);
    c.http.proxy_url = proxy;
    check("http://portal.invalid/ok", &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_http_status_code", 200);
    assert_true(was_asked("GET http://portal.invalid/ok HTTP/1.1\r\n"));
    assert_true(was_asked("Host: portal.invalid\r\n"));
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", port);
    check("http://portal.invalid/ok", &c, PATIENCE);
    assert_failed_at("connect", "through proxy");
    close(fd);
}

/* A listening socket of ::1, or -1 where there is no IPv6. */
static int listen_on_six(int *ret_port)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&sa, len) < 0) {
        close(fd);
        return -1;
    }
    must(getsockname(fd, (struct sockaddr *)&sa, &len) == 0 && listen(fd, 4) == 0);
    *ret_port = ntohs(sa.sin6_port);
    return fd;
}

static void serve_six(void *arg)
{
    int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    peer_patience(fd);
    serve(fd, NULL);
    close(fd);
}

static void ipv6_is_asked_by_address(void **state)
{
    struct config_http_check c = config_http_check_defaults;
    struct thread thread;
    char url[64];
    int port = 0, fd = listen_on_six(&port);

    if (fd < 0) {
        print_message("no IPv6 here\n");
        skip();
    }
    thread_start(&thread, "six", serve_six, &fd);
    snprintf(url, sizeof url, "http://[::1]:%d/ok", port);
    check(url, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_ip_protocol", 6);
    snprintf(url, sizeof url, "Host: [::1]:%d\r\n", port);
    assert_true(was_asked(url));
    thread_join(&thread);
    close(fd);
    c.ip.preferred = 4;
    c.ip.fallback = false;
    check("http://[::1]:1/ok", &c, PATIENCE);
    assert_failed_at("resolve", "it has no IPv4 address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_series_that_blackbox_exporter_writes),
        cmocka_unit_test(says_at_which_step_a_check_failed_and_why),
        cmocka_unit_test(headers_have_to_match),
        cmocka_unit_test(bodies_and_versions_have_to_match),
        cmocka_unit_test(sends_what_the_configuration_says),
        cmocka_unit_test(another_host_gets_none_of_the_credentials),
        cmocka_unit_test(a_check_can_be_dropped_while_it_waits),
        cmocka_unit_test(certificates_are_shown_also_when_they_are_refused),
        cmocka_unit_test(http_2_is_spoken_where_it_is_offered_and_wanted),
        cmocka_unit_test(through_a_proxy_it_is_the_proxy_that_knows_the_name),
        cmocka_unit_test(ipv6_is_asked_by_address),
    };

    return cmocka_run_group_tests(tests, start_web, free_page);
}
