/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "net/http_client.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/net/resolver.h"

static struct cert ours, theirs, server, client;
static char ca_path[64];

static int make_certs(void **state)
{
    struct err err = {0};

    ours = cert_new("our authority", NULL, NULL);
    theirs = cert_new("their authority", NULL, NULL);
    server = cert_new("server", "DNS:good.test,IP:127.0.0.1", &ours);
    client = cert_new("client", NULL, &ours);
    snprintf(ca_path, sizeof ca_path, "/tmp/tocsin-http-ca-%d.pem", getpid());
    must(file_write_atomic(ca_path, str_c(ours.pem), &err) == 0);
    return 0;
}

static int drop_certs(void **state)
{
    unlink(ca_path);
    cert_deinit(&ours);
    cert_deinit(&theirs);
    cert_deinit(&server);
    cert_deinit(&client);
    return 0;
}

/* Answers with what it was asked for: the name in the handshake and the Host header. */
static void answer(SSL *ssl, void *arg)
{
    const char *location = arg, *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), *host;
    struct buf in = {0}, out = {0}, body = {0};
    char piece[4096];
    int n;

    while ((n = SSL_read(ssl, piece, sizeof piece)) > 0) {
        buf_add(&in, piece, (size_t)n);
        if (!strstr(in.p, "\r\n\r\n"))
            continue;
        host = strstr(in.p, "Host: ");
        buf_addf(&body, "sni=%s %.*s", sni ? sni : "none", (int)strcspn(host, "\r"), host);
        if (location)
            buf_addf(&out, "HTTP/1.1 302 Found\r\nLocation: %s\r\n", location);
        else
            buf_addf(&out, "HTTP/1.1 200 OK\r\n");
        buf_addf(&out, "Content-Length: %zu\r\n\r\n%s", body.len, body.p);
        SSL_write(ssl, out.p, (int)out.len);
        buf_reset(&in);
        buf_reset(&out);
        buf_reset(&body);
    }
    buf_free(&in);
    buf_free(&out);
    buf_free(&body);
}

static int fetch(const char *url, const struct http_options *o, struct http_response *ret,
                 struct err *err)
{
    struct http_request r = {
        .method = "GET", .url = url, .options = o, .timeout = 5000, .max_body = 65536};

    *err = (struct err){0};
    return http_fetch(&r, ret, err);
}

static void a_server_is_accepted_only_if_its_certificate_is_for_it(void **state)
{
    struct {
        const char *host;
        struct tls_options tls;
        const char *sni;   /* NULL: is refused */
        const char *words; /* then */
    } cases[] = {
        {"127.0.0.1", {.ca = ours.pem}, "none", NULL},
        {"127.0.0.1", {.ca_file = ca_path}, "none", NULL},
        {"good.test", {.ca = ours.pem}, "good.test", NULL},
        {"other.test", {.ca = ours.pem, .server_name = "good.test"}, "good.test", NULL},
        {"127.0.0.1", {.ca = ours.pem, .server_name = "good.test"}, "good.test", NULL},
        {"other.test", {.ca = ours.pem, .server_name = "127.0.0.1"}, "none", NULL},
        {"other.test", {.insecure_skip_verify = true}, "other.test", NULL},
        {"good.test", {.ca = ours.pem, .min_version = 13}, "good.test", NULL},
        {"good.test", {.ca = ours.pem, .max_version = 12}, "good.test", NULL},
        {"other.test", {.ca = ours.pem}, NULL, "no alternative certificate subject name matches"},
        {"127.0.0.1", {.ca = ours.pem, .server_name = "bad.test"}, NULL, "'bad.test'"},
        {"good.test", {.ca = theirs.pem}, NULL, "certificate problem: unable to get local issuer"},
        {"good.test", {0}, NULL, "certificate problem: unable to get local issuer"},
        {"good.test", {.ca_file = "/nonexistent/ca.pem"}, NULL, "/nonexistent/ca.pem"},
        {"good.test", {.ca = ours.pem, .cert = "x", .key = "y"}, NULL, "TLS: good.test:"},
    };
    struct tls_peer p;

    tls_peer_start(&p, &server, NULL, answer, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_options o = {.tls = cases[i].tls};
        struct http_response response = {0};
        struct err err;
        char url[64], expected[128];
        int r;

        snprintf(url, sizeof url, "https://%s:%d/x", cases[i].host, p.peer.port);
        r = fetch(url, &o, &response, &err);
        if (cases[i].sni) {
            if (r < 0)
                fail_msg("case %zu: %s", i, err.msg);
            snprintf(expected, sizeof expected, "sni=%s Host: %s:%d", cases[i].sni, cases[i].host,
                     p.peer.port);
            assert_string_equal(response.body.p, expected);
            assert_true(response.t_tls > response.t_connect && response.t_connect > 0);
        } else {
            assert_int_equal(r, -EPROTO);
            assert_true(str_has_prefix(str_c(err.msg), STR("TLS: ")));
            if (!strstr(err.msg, cases[i].words))
                fail_msg("case %zu: %s", i, err.msg);
        }
        http_response_deinit(&response);
    }
    tls_peer_stop(&p);
}

static void a_server_may_want_a_certificate_too(void **state)
{
    struct tls_peer p;
    char url[64];

    tls_peer_start(&p, &server, &ours, answer, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.peer.port);
    for (int with = 0; with < 2; with++) {
        struct http_options o = {.tls = {.ca = ours.pem,
                                         .cert = with ? client.pem : NULL,
                                         .key = with ? client.key_pem : NULL}};
        struct http_response response = {0};
        struct err err;

        assert_int_equal(fetch(url, &o, &response, &err) == 0, with);
        assert_int_equal(response.status, with ? 200 : 0);
        assert_int_equal(atomic_load(&p.served), with);
        http_response_deinit(&response);
    }
    tls_peer_stop(&p);
}

static void versions_that_are_not_allowed_are_not_spoken(void **state)
{
    static const struct {
        int server_version;
        struct tls_options tls;
        bool answers;
    } cases[] = {
        {TLS1_2_VERSION, {.min_version = 13}, false}, {TLS1_2_VERSION, {0}, true},
        {TLS1_3_VERSION, {.max_version = 12}, false}, {TLS1_1_VERSION, {0}, false},
        {TLS1_1_VERSION, {.min_version = 10}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_options o = {.tls = cases[i].tls};
        struct http_response response = {0};
        struct tls_peer p;
        struct err err;
        char url[64];

        tls_peer_start(&p, &server, NULL, answer, NULL);
        SSL_CTX_set_security_level(p.ssl_ctx, 0);
        SSL_CTX_set_min_proto_version(p.ssl_ctx, cases[i].server_version);
        SSL_CTX_set_max_proto_version(p.ssl_ctx, cases[i].server_version);
        o.tls.ca = ours.pem;
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.peer.port);
        if ((fetch(url, &o, &response, &err) == 0) != cases[i].answers)
            fail_msg("case %zu: %s", i, err.msg);
        http_response_deinit(&response);
        tls_peer_stop(&p);
    }
}

static void plain(int fd, void *arg)
{
    struct buf in = {0};

    peer_read_to(fd, &in, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
    buf_free(&in);
}

static void credentials_are_not_redirected_from_https_to_http(void **state)
{
    struct {
        struct http_options o;
        const char *user; /* in the URL */
        bool followed;
    } cases[] = {
        {{.follow_redirects = true}, "", true},
        {{.follow_redirects = true, .basic_username = "u"}, "", false},
        {{.follow_redirects = true, .authorization_credentials = "t"}, "", false},
        {{.follow_redirects = true}, "u:p@", false},
        {{.follow_redirects = true, .tls = {.cert = client.pem, .key = client.key_pem}}, "", false},
    };
    struct tls_peer p;
    struct peer end;
    char location[64], url[64];

    peer_start(&end, plain, NULL);
    snprintf(location, sizeof location, "http://127.0.0.1:%d/", end.port);
    tls_peer_start(&p, &server, NULL, answer, location);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response response = {0};
        struct err err;
        int r;

        cases[i].o.tls.ca = ours.pem;
        snprintf(url, sizeof url, "https://%s127.0.0.1:%d/", cases[i].user, p.peer.port);
        r = fetch(url, &cases[i].o, &response, &err);
        if ((r == 0) != cases[i].followed)
            fail_msg("case %zu: %s", i, err.msg);
        if (r < 0)
            assert_non_null(strstr(err.msg, "redirects from https to http"));
        http_response_deinit(&response);
    }
    assert_int_equal(atomic_load(&end.accepted), 1);
    tls_peer_stop(&p);
    peer_stop(&end);
}

static void keep_silent(int fd, void *arg)
{
    peer_sees_end(fd);
}

static void a_handshake_has_a_deadline(void **state)
{
    struct peer p;
    struct http_response response = {0};
    struct err err = {0};
    struct http_request r = {.method = "GET", .timeout = 300, .max_body = 1};
    char url[64];

    peer_start(&p, keep_silent, NULL);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", p.port);
    r.url = url;
    assert_int_equal(http_fetch(&r, &response, &err), -ETIMEDOUT);
    if (!strstr(err.msg, "TLS: 127.0.0.1:"))
        fail_msg("%s", err.msg);
    assert_non_null(strstr(err.msg, ": no answer within 300ms"));
    peer_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_accepted_only_if_its_certificate_is_for_it),
        cmocka_unit_test(a_server_may_want_a_certificate_too),
        cmocka_unit_test(versions_that_are_not_allowed_are_not_spoken),
        cmocka_unit_test(credentials_are_not_redirected_from_https_to_http),
        cmocka_unit_test(a_handshake_has_a_deadline),
    };

    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
