/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "tests/unit/net/certs.h"
#include "tests/unit/net/http2_peer.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/probes/checking.h"

#define PATIENCE 5000

static struct cert ours, theirs, server;
static struct buf asked; /* headers of the last request, under lock */
static struct lock asked_lock = LOCK_INIT;

/* ---- answers ------------------------------------------------------------------------------- */

static const struct {
    const char *service;
    const char *status;  /* grpc-status; NULL: none */
    const char *message; /* grpc-message */
    struct str body;
    const char *http; /* NULL: 200 */
} answers[] = {
    {"", "0", NULL, {"\0\0\0\0\2\x08\1", 7}, NULL},
    {"shop.Orders", "0", NULL, {"\0\0\0\0\2\x08\1", 7}, NULL},
    {"shop.Mail", "0", NULL, {"\0\0\0\0\2\x08\2", 7}, NULL},
    {"shop.None", "5", "unknown service", {NULL, 0}, NULL},
    {"shop.Odd", "0", NULL, {"\0\0\0\0\2\x08\x7f", 7}, NULL},
    {"shop.Empty", "0", NULL, {NULL, 0}, NULL},
    {"shop.Gateway", NULL, NULL, {NULL, 0}, "503"},
};

static void answer(struct http2_peer *c, uint8_t stream, struct str request)
{
    struct str service = request.len > 7 ? str_n(request.p + 7, request.len - 7) : STR("");
    CLEANUP(buf_free) struct buf head = {0}, trailers = {0};

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (!str_eq_c(service, answers[i].service))
            continue;
        http2_header_add(&head, ":status", answers[i].http ? answers[i].http : "200");
        http2_header_add(&head, "content-type", "application/grpc");
        if (answers[i].status)
            http2_header_add(&trailers, "grpc-status", answers[i].status);
        if (answers[i].message)
            http2_header_add(&trailers, "grpc-message", answers[i].message);
        if (!answers[i].body.p) { /* all at once */
            buf_add_str(&head, buf_str(&trailers));
            http2_put(c, HTTP2_HEADERS, HTTP2_END_STREAM | HTTP2_END_HEADERS, stream,
                      buf_str(&head));
            return;
        }
        http2_put(c, HTTP2_HEADERS, HTTP2_END_HEADERS, stream, buf_str(&head));
        http2_put(c, HTTP2_DATA, 0, stream, answers[i].body);
        http2_put(c, HTTP2_HEADERS, HTTP2_END_STREAM | HTTP2_END_HEADERS, stream,
                  buf_str(&trailers));
        return;
    } /* others wait for ever */
}

static void note_request(struct http2_peer *c, struct str headers)
{
    WITH_LOCK(&asked_lock);
    buf_reset(&asked);
    buf_add_str(&asked, headers);
}

static void serve_clear(int fd, void *arg)
{
    http2_serve(&(struct http2_peer){.fd = fd, .on_headers = note_request, .on_body = answer});
}

static void serve_tls(SSL *ssl, void *arg)
{
    http2_serve(&(struct http2_peer){.ssl = ssl, .on_headers = note_request, .on_body = answer});
}

static void serve_http1(int fd, void *arg)
{
    char piece[512];

    if (read(fd, piece, sizeof piece) > 0)
        dprintf(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

static void serve_tls_http1(SSL *ssl, void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char piece[512];

    if (SSL_read(ssl, piece, sizeof piece) > 0)
        SSL_write(ssl, answer, sizeof answer - 1);
}

/* ---- asking -------------------------------------------------------------------------------- */

static struct config_grpc_check asking(const char *service)
{
    struct config_grpc_check c = config_grpc_check_defaults;

    c.ip.preferred = 4;
    c.service = service;
    return c;
}

static void check(int port, const struct config_grpc_check *c, dur_ms timeout)
{
    const struct config_scrape job = {.kind = JOB_GRPC_CHECK, .grpc_check = c};
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    check_target(&probe_grpc_check_source, &job, address, timeout);
}

static void pages_are_those_of_blackbox_exporter(void **state)
{
    static const struct {
        const char *service, *recording;
    } cases[] = {
        {NULL, "grpc-all"},
        {"shop.Orders", "grpc-serving"},
        {"shop.Mail", "grpc-notserving"},
        {"shop.None", "grpc-unknown-service"},
    };
    struct config_grpc_check c = asking(NULL);
    int port, fd = peer_bind(&port);
    struct peer p;

    peer_start(&p, serve_clear, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        c = asking(cases[i].service);
        check(p.port, &c, PATIENCE);
        assert_as_recorded(cases[i].recording);
    }
    peer_stop(&p);
    check(port, &c, PATIENCE);
    assert_as_recorded("grpc-refused");
    assert_failed_at("connect", "Connection refused");
    close(fd);
}

static void what_fails_says_why(void **state)
{
    static const struct {
        const char *service, *step, *words;
        double code;
    } cases[] = {
        {"shop.Mail", "health", "shop.Mail is NOT_SERVING", 0},
        {"shop.None", "status", "NOT_FOUND (5): unknown service", 5},
        {"shop.Odd", "answer", "no HealthCheckResponse", 13},
        {"shop.Empty", "answer", "no message", 13},
        {"shop.Gateway", "status", "UNAVAILABLE (14): status 503 of HTTP", 14},
    };
    struct config_grpc_check c;
    struct peer p;

    peer_start(&p, serve_clear, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        c = asking(cases[i].service);
        check(p.port, &c, PATIENCE);
        assert_failed_at(cases[i].step, cases[i].words);
        assert_value("probe_grpc_status_code", cases[i].code);
    }
    c = asking("shop.Silent");
    check(p.port, &c, 200);
    assert_failed_at("answer", "within 200ms");
    assert_value("probe_grpc_status_code", 4);
    peer_stop(&p);
    peer_start(&p, serve_http1, NULL);
    check(p.port, &c, PATIENCE);
    assert_value("probe_success", 0);
    assert_value("probe_grpc_status_code", 14);
    peer_stop(&p);
}

static bool was_sent(struct str bytes)
{
    WITH_LOCK(&asked_lock);
    return str_find(buf_str(&asked), bytes) < asked.len;
}

static void metadata_is_sent_with_the_call(void **state)
{
    /* "/grpc.health.v1.Health/Check" and "monitoring" in the code of RFC 7541, appendix B */
    const struct str
        path = STR(
            "\x62\x6b\x2b\x22\xf3\x94\x74\x26\x75\xfb\x85\x7c\x65\x1d\x09\x9d\x8b\xd3\x94\x9d\x7f"),
        tenant = STR("\xa4\xf5\x19\x27\xb0\xd5\x4d");
    const struct http_header metadata = {"x-tenant", "monitoring"};
    struct config_grpc_check c = asking(NULL);
    struct peer p;

    peer_start(&p, serve_clear, NULL);
    check(p.port, &c, PATIENCE);
    assert_true(was_sent(path));
    assert_false(was_sent(tenant));
    c.metadata = &metadata;
    c.n_metadata = 1;
    check(p.port, &c, PATIENCE);
    assert_true(was_sent(tenant));
    peer_stop(&p);
}

static void over_tls_the_server_has_to_be_the_one_and_speak_http_2(void **state)
{
    struct config_grpc_check c = asking("shop.Orders");
    struct tls_peer p;
    double expiry;

    c.tls.enabled = true;
    c.tls.ca = ours.pem;
    tls_peer_start(&p, &server, NULL, serve_tls, NULL);
    SSL_CTX_set_alpn_select_cb(p.ssl_ctx, http2_choose, NULL);
    check(p.peer.port, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_grpc_ssl", 1);
    assert_value("probe_tls_version_info{version=\"TLS 1.3\"}", 1);
    assert_true(page_value(buf_str(&page), "probe_ssl_earliest_cert_expiry", &expiry));
    c.tls.ca = theirs.pem;
    check(p.peer.port, &c, PATIENCE);
    assert_failed_at("tls", "certificate");
    assert_value("probe_ssl_earliest_cert_expiry", expiry);
    assert_value("probe_grpc_status_code", 14);
    tls_peer_stop(&p);
    c.tls.ca = ours.pem;
    tls_peer_start(&p, &server, NULL, serve_tls_http1, NULL);
    check(p.peer.port, &c, PATIENCE);
    assert_failed_at("answer", "does not speak HTTP/2");
    assert_value("probe_grpc_status_code", 14);
    tls_peer_stop(&p);
}

static int make_certs(void **state)
{
    ours = cert_new("our authority", NULL, NULL);
    theirs = cert_new("their authority", NULL, NULL);
    server = cert_new("server", "IP:127.0.0.1", &ours);
    return 0;
}

static int drop_certs(void **state)
{
    cert_deinit(&ours);
    cert_deinit(&theirs);
    cert_deinit(&server);
    buf_free(&page);
    buf_free(&asked);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_those_of_blackbox_exporter),
        cmocka_unit_test(what_fails_says_why),
        cmocka_unit_test(metadata_is_sent_with_the_call),
        cmocka_unit_test(over_tls_the_server_has_to_be_the_one_and_speak_http_2),
    };

    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
