/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "base/regex.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/probes/checking.h"

#define PATIENCE 5000

static struct cert ours, theirs, server;

static void check(int port, const struct config_tcp_check *c, dur_ms timeout)
{
    const struct config_scrape job = {.kind = JOB_TCP_CHECK, .tcp_check = c};
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    check_target(&probe_tcp_check_source, &job, address, timeout);
}

static struct config_tcp_check plain(void)
{
    struct config_tcp_check c = config_tcp_check_defaults;

    c.ip.preferred = 4;
    return c;
}

static struct regex *pattern(const char *text)
{
    struct regex *r;

    assert_int_equal(regex_new(str_c(text), REGEX_SEARCH, &r, NULL), 0);
    return r;
}

/* ---- servers ------------------------------------------------------------------------------- */

/* Reads a line; false when the peer is gone. */
static bool read_line(int fd, char *line, size_t size)
{
    size_t n = 0;

    while (n + 1 < size && read(fd, line + n, 1) == 1)
        if (line[n++] == '\n') {
            line[n] = 0;
            return true;
        }
    return false;
}

static void serve_redis(int fd, void *arg)
{
    char line[256];

    while (read_line(fd, line, sizeof line))
        dprintf(fd, strncmp(line, "PING", 4) == 0 ? "+PONG\r\n" : "-ERR\r\n");
}

static void serve_mail(int fd, void *arg)
{
    char line[256];

    dprintf(fd, "220-hello\r\n220 mail.example.test ESMTP\r\n");
    while (read_line(fd, line, sizeof line)) {
        dprintf(fd, "250 %s", line);
        if (strncmp(line, "QUIT", 4) == 0)
            return;
    }
}

static void serve_and_go(int fd, void *arg)
{
    dprintf(fd, "bye\n");
}

/* In clear until STARTTLS, and something that must not be taken for an answer within. */
static void serve_starttls(int fd, void *arg)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl;
    char line[256];

    must(SSL_CTX_use_certificate(ctx, server.x509) == 1);
    must(SSL_CTX_use_PrivateKey(ctx, server.key) == 1);
    ssl = SSL_new(ctx);
    dprintf(fd, "220 x\r\n");
    if (read_line(fd, line, sizeof line) && strcmp(line, "STARTTLS\n") == 0) {
        dprintf(fd, "220 go\r\nclear\r\n");
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, line, sizeof line) > 0)
            SSL_write(ssl, "secret\r\n", 8);
    }
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void serve_tls(SSL *ssl, void *arg)
{
    char byte;

    SSL_read(ssl, &byte, 1);
}

/* ---- what it says -------------------------------------------------------------------------- */

static void an_open_port_passes_and_a_closed_one_fails(void **state)
{
    struct config_tcp_check c = plain();
    struct peer p;
    int port, fd = peer_bind(&port);

    check(port, &c, PATIENCE);
    assert_failed_at("connect", "Connection refused");
    assert_steps("resolve | connect");
    assert_true(str_has_prefix(buf_str(&failure), STR("connect to 127.0.0.1:")));
    assert_as_recorded("tcp-closed");
    close(fd);
    peer_start(&p, serve_redis, NULL);
    check(p.port, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_as_recorded("tcp-open");
    peer_stop(&p);
}

static void a_dialogue_goes_step_by_step(void **state)
{
    struct config_text_pair answer = {"answer", "${1}"}, host = {"host", "${1}"};
    struct config_query_response redis[] = {
        {.send = "PING"}, {.expect = pattern("^[+](PONG)"), .labels = &answer, .n_labels = 1}};
    struct config_query_response mail[] = {
        {.expect = pattern("^220 ([^ ]+) ESMTP"), .labels = &host, .n_labels = 1},
        {.send = "EHLO ${1}\r"},
        {.expect = pattern("^250 EHLO mail.example.test$")},
        {.send = "QUIT\r"}};
    struct config_tcp_check c = plain();
    struct peer p;

    c.query_response = redis;
    c.n_query_response = ARRAY_LEN(redis);
    peer_start(&p, serve_redis, NULL);
    check(p.port, &c, PATIENCE);
    assert_as_recorded("tcp-redis-ping");
    assert_steps("resolve | connect | expect ^[+](PONG)");
    assert_int_equal(failure.len, 0);
    assert_value("probe_expect_info{answer=\"PONG\"}", 1);
    peer_stop(&p);
    c.query_response = mail;
    c.n_query_response = ARRAY_LEN(mail);
    peer_start(&p, serve_mail, NULL);
    check(p.port, &c, PATIENCE);
    assert_as_recorded("tcp-smtp");
    assert_value("probe_success", 1);
    peer_stop(&p);
    regex_free(redis[1].expect);
    regex_free(mail[0].expect);
    regex_free(mail[2].expect);
}

static void what_is_expected_and_does_not_come_fails(void **state)
{
    struct config_query_response hello = {.expect = pattern("^HELLO")},
                                 bytes[] = {{.expect_bytes = "by"}, {.expect_bytes = "no"}};
    struct config_tcp_check c = plain();
    struct peer p;

    c.query_response = &hello;
    c.n_query_response = 1;
    peer_start(&p, serve_redis, NULL); /* waits for us */
    check(p.port, &c, 200);
    assert_failed_at("expect", "no answer within 200ms");
    assert_as_recorded("tcp-redis-badexpect");
    peer_stop(&p);
    peer_start(&p, serve_and_go, NULL);
    check(p.port, &c, PATIENCE);
    assert_failed_at("expect", "closed the connection before step 1");
    assert_value("probe_failed_due_to_regex", 1);
    c.query_response = bytes;
    c.n_query_response = 2;
    check(p.port, &c, PATIENCE);
    assert_failed_at("expect", "other bytes");
    assert_value("probe_failed_due_to_bytes", 1);
    peer_stop(&p);
    regex_free(hello.expect);
}

static void tls_is_verified_and_its_certificate_is_seen(void **state)
{
    struct config_tcp_check c = config_tls_check_defaults;
    struct tls_peer p;
    double expiry;

    c.ip.preferred = 4;
    tls_peer_start(&p, &server, NULL, serve_tls, NULL);
    c.tls.ca = ours.pem;
    check(p.peer.port, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_tls_version_info{version=\"TLS 1.3\"}", 1);
    assert_true(page_value(buf_str(&page), "probe_ssl_earliest_cert_expiry", &expiry));
    c.tls.ca = theirs.pem;
    check(p.peer.port, &c, PATIENCE);
    assert_failed_at("tls", "certificate: ");
    assert_value("probe_ssl_earliest_cert_expiry", expiry);
    tls_peer_stop(&p);
}

static void goes_over_to_tls_and_takes_nothing_from_before(void **state)
{
    struct config_query_response steps[] = {
        {.expect = pattern("^220")}, {.send = "STARTTLS"}, {.expect = pattern("^220 go")},
        {.starttls = true},          {.send = "EHLO"},     {.expect = pattern("^secret|^clear")},
        {.expect = pattern("never")}};
    struct config_tcp_check c = plain();
    struct peer p;

    c.tls.ca = ours.pem;
    c.query_response = steps;
    c.n_query_response = ARRAY_LEN(steps) - 1;
    peer_start(&p, serve_starttls, NULL);
    check(p.port, &c, PATIENCE);
    assert_value("probe_success", 1);
    assert_value("probe_tls_version_info{version=\"TLS 1.3\"}", 1);
    regex_free(steps[5].expect);
    steps[5].expect = pattern("^clear");
    check(p.port, &c, PATIENCE);
    assert_failed_at("expect", "before step 6");
    c.tls.ca = theirs.pem;
    check(p.port, &c, PATIENCE);
    assert_failed_at("tls", "certificate: ");
    peer_stop(&p);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        regex_free(steps[i].expect);
}

static void an_address_without_a_port_is_told(void **state)
{
    static const char *const bad[] = {"localhost", "localhost:", ":1", "a:70000", "[::1]", "a:1x"};
    struct config_tcp_check c = plain();
    const struct config_scrape job = {.kind = JOB_TCP_CHECK, .tcp_check = &c};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_target(&probe_tcp_check_source, &job, bad[i], PATIENCE);
        assert_failed_at("address", "expected HOST:PORT");
    }
}

static int make_certs(void **state)
{
    ours = cert_new("our authority", NULL, NULL);
    theirs = cert_new("their authority", NULL, NULL);
    server = cert_new("server", "DNS:good.test,IP:127.0.0.1", &ours);
    return 0;
}

static int drop_certs(void **state)
{
    cert_deinit(&ours);
    cert_deinit(&theirs);
    cert_deinit(&server);
    buf_free(&page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_port_passes_and_a_closed_one_fails),
        cmocka_unit_test(a_dialogue_goes_step_by_step),
        cmocka_unit_test(what_is_expected_and_does_not_come_fails),
        cmocka_unit_test(tls_is_verified_and_its_certificate_is_seen),
        cmocka_unit_test(goes_over_to_tls_and_takes_nothing_from_before),
        cmocka_unit_test(an_address_without_a_port_is_told),
    };

    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
