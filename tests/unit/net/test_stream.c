/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/stream.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/net/resolver.h"

#define LARGE   ((size_t)8 << 20)
#define TIMEOUT ((dur_ms)5000)

/* ---- an owner of a stream ------------------------------------------------------------------ */

struct owner {
    struct loop *loop;
    struct stream *stream;
    int opened, closed;
    size_t wanted; /* input at which the loop stops */
    bool free_on_open, free_on_data;
    struct err err;
};

static void free_stream(struct owner *o)
{
    stream_free(TAKE(o->stream));
    loop_stop(o->loop);
}

static void on_open(struct stream *s, void *arg)
{
    struct owner *o = arg;

    must(!o->closed);
    o->opened++;
    if (o->free_on_open)
        free_stream(o);
    else if (o->wanted == 0)
        loop_stop(o->loop);
}

static void on_data(struct stream *s, void *arg)
{
    struct owner *o = arg;

    must(o->opened == 1 && !o->closed);
    if (o->free_on_data)
        free_stream(o);
    else if (o->wanted > 0 && stream_input(s).len >= o->wanted)
        loop_stop(o->loop);
}

static void on_closed(struct stream *s, const struct err *err, void *arg)
{
    struct owner *o = arg;

    o->closed++;
    o->err = *err;
    loop_stop(o->loop);
}

static const struct stream_events events = {on_open, on_data, on_closed};

/* Opens and runs until it is open, has the wanted input, or is closed. */
static void run(struct owner *o, const struct stream_options *options)
{
    o->stream = stream_open(o->loop, options, &events, o);
    assert_int_equal(o->closed, 0); /* never at once */
    loop_run(o->loop);
}

static void end(struct owner *o)
{
    stream_free(o->stream);
    loop_free(o->loop);
}

static void assert_closed(const struct owner *o, int code, const char *words)
{
    assert_int_equal(o->closed, 1);
    if (o->err.code != code || !strstr(o->err.msg, words))
        fail_msg("expected %d with \"%s\": %d \"%s\"", code, words, o->err.code, o->err.msg);
}

static struct stream_options to(const char *host, int port)
{
    return (struct stream_options){.host = host, .port = port, .connect_timeout = TIMEOUT};
}

/* ---- peers --------------------------------------------------------------------------------- */

static void echo(int fd, void *arg)
{
    CLEANUP(mem_freep) char *bytes = mem_alloc(65536);
    ssize_t n, sent;

    while ((n = recv(fd, bytes, 65536, 0)) > 0)
        for (ssize_t at = 0; at < n; at += sent)
            if ((sent = send(fd, bytes + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
                return;
}

static void echo_tls(SSL *ssl, void *arg)
{
    char bytes[16384];
    int n;

    while ((n = SSL_read(ssl, bytes, sizeof bytes)) > 0)
        if (SSL_write(ssl, bytes, n) != n)
            return;
}

static void keep_silent(int fd, void *arg)
{
    peer_sees_end(fd);
}

static void say_bye(int fd, void *arg)
{
    peer_send(fd, "bye");
}

static void reset(int fd, void *arg)
{
    struct linger abort = {.l_onoff = 1};
    char c;

    recv(fd, &c, 1, 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void what_was_written_before_it_was_open_comes_first(void **state)
{
    struct owner o = {.loop = loop_new(), .wanted = 6};
    struct peer p;
    struct stream_options options;

    peer_start(&p, echo, NULL);
    options = to("127.0.0.1", p.port);
    o.stream = stream_open(o.loop, &options, &events, &o);
    assert_int_equal(stream_input(o.stream).len, 0);
    stream_write(o.stream, STR("abc"));
    stream_write(o.stream, STR("def"));
    loop_run(o.loop);
    assert_int_equal(o.opened, 1);
    assert_true(str_eq(stream_input(o.stream), STR("abcdef")));
    stream_consume(o.stream, 2);
    assert_true(str_eq(stream_input(o.stream), STR("cdef")));
    o.wanted = 7;
    stream_write(o.stream, STR("ghi"));
    loop_run(o.loop);
    assert_true(str_eq(stream_input(o.stream), STR("cdefghi")));
    stream_consume(o.stream, 7);
    assert_int_equal(stream_input(o.stream).len, 0);
    end(&o);
    peer_stop(&p);
}

/* Takes the echo of counted numbers in pieces of odd sizes. */
struct counter {
    struct owner o;
    uint32_t next, last;
};

static void on_numbers(struct stream *s, void *arg)
{
    struct counter *c = arg;
    struct str in = stream_input(s);
    size_t whole = in.len / sizeof(uint32_t);

    if (whole > 1000)
        whole -= 777; /* leaves something behind */
    for (size_t i = 0; i < whole; i++) {
        uint32_t n;

        memcpy(&n, in.p + i * sizeof n, sizeof n);
        must(n == c->next++);
    }
    stream_consume(s, whole * sizeof(uint32_t));
    if (c->next == c->last)
        loop_stop(c->o.loop);
    else if (c->last - c->next <= 777)
        on_numbers(s, arg);
}

static void echo_numbers(const struct stream_options *options)
{
    static const struct stream_events counting = {on_open, on_numbers, on_closed};
    struct counter c = {.o = {.loop = loop_new(), .wanted = 1}, .last = LARGE / sizeof(uint32_t)};
    CLEANUP(mem_freep) uint32_t *numbers = mem_alloc(LARGE);

    for (uint32_t i = 0; i < c.last; i++)
        numbers[i] = i;
    c.o.stream = stream_open(c.o.loop, options, &counting, &c);
    stream_write(c.o.stream, str_n((const char *)numbers, LARGE));
    loop_run(c.o.loop);
    assert_int_equal(c.next, c.last);
    assert_int_equal(c.o.closed, 0);
    end(&c.o);
}

static void many_bytes_go_and_come_in_their_order(void **state)
{
    struct peer p;
    struct stream_options options;

    peer_start(&p, echo, NULL);
    options = to("127.0.0.1", p.port);
    echo_numbers(&options);
    peer_stop(&p);
}

static void a_unix_socket_is_spoken_to_by_its_path(void **state)
{
    char dir[] = "/tmp/tocsin-stream-XXXXXX", path[64];
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct peer p = {.serve = echo, .connection = -1};
    struct stream_options options = {.connect_timeout = TIMEOUT};
    struct owner o = {.loop = loop_new()}, absent = {.loop = loop_new()};

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    strcpy(sun.sun_path, path);
    p.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    lock_init(&p.lock);
    must(bind(p.fd, (struct sockaddr *)&sun, sizeof sun) == 0 && listen(p.fd, 4) == 0);
    thread_start(&p.thread, "peer", peer_run, &p);
    options.unix_path = path;
    run(&o, &options);
    o.wanted = 2;
    stream_write(o.stream, STR("hi"));
    loop_run(o.loop);
    assert_true(str_eq(stream_input(o.stream), STR("hi")));
    end(&o);
    peer_stop(&p);
    unlink(path);
    rmdir(dir);
    run(&absent, &options);
    snprintf(dir, sizeof dir, "%s", "connect to /tmp/");
    assert_closed(&absent, -ENOENT, "/s: No such file or directory");
    assert_closed(&absent, -ENOENT, dir);
    end(&absent);
}

static void a_unix_path_that_is_too_long_is_told(void **state)
{
    struct owner o = {.loop = loop_new()};
    char path[200];
    struct stream_options options = {.unix_path = path, .connect_timeout = TIMEOUT};

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    run(&o, &options);
    assert_closed(&o, -ENAMETOOLONG, "connect to xxx");
    end(&o);
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void a_refused_connection_is_told_with_name_and_address(void **state)
{
    static const struct {
        const char *host, *words;
    } cases[] = {
        {"127.0.0.1", "connect to 127.0.0.1:%d: Connection refused"},
        {"good.test", "connect to good.test:%d (127.0.0.1): Connection refused"},
    };
    int port, fd = peer_bind(&port);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owner o = {.loop = loop_new()};
        struct stream_options options = to(cases[i].host, port);
        char expected[96];

        snprintf(expected, sizeof expected, cases[i].words, port);
        run(&o, &options);
        assert_closed(&o, -ECONNREFUSED, expected);
        stream_write(o.stream, STR("to nobody")); /* is fine and does nothing */
        end(&o);
    }
    close(fd);
}

static void a_name_that_is_unknown_is_told(void **state)
{
    struct owner o = {.loop = loop_new()};
    struct stream_options options = to("unknown.test", 1);

    run(&o, &options);
    assert_closed(&o, -EHOSTUNREACH, "resolve unknown.test: Name or service not known");
    end(&o);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void slow_names_hold_up_nobody_else(void **state)
{
    enum { SLOW = 6 }; /* more than threads that look up */
    struct owner o = {.loop = loop_new()}, slow[SLOW] = {0};
    struct stream_options options = to("slow.test", 1);
    struct peer p;
    struct loop_timer *quiet;
    mono_ns start = clock_mono_ns();

    options.connect_timeout = 300;
    for (int i = 0; i < SLOW; i++) {
        slow[i].loop = o.loop;
        slow[i].stream = stream_open(o.loop, &options, &events, &slow[i]);
    }
    peer_start(&p, echo, NULL);
    options = to("127.0.0.1", p.port);
    run(&o, &options);
    assert_int_equal(o.opened, 1);
    stream_free(TAKE(slow[0].stream)); /* being looked up */
    stream_free(TAKE(slow[5].stream)); /* waits for that */
    for (int left = 4; left > 0; left--)
        loop_run(o.loop);
    for (int i = 1; i < 5; i++)
        assert_closed(&slow[i], -ETIMEDOUT, "resolve slow.test: no answer within 300ms");
    assert_true(clock_mono_ns() - start < SLOW_MS * NS_PER_MS);
    quiet = loop_timer_new(o.loop, stop_loop, o.loop);
    loop_timer_after(quiet, 2 * SLOW_MS + 100); /* all look-ups end meanwhile, and tell nobody */
    loop_run(o.loop);
    loop_timer_free(quiet);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(slow[i].closed, 1);
        stream_free(slow[i].stream);
    }
    assert_in_range(atomic_load(&slow_most), 1, 4);
    end(&o);
    peer_stop(&p);
}

static void a_name_with_a_dead_address_is_reached_by_the_next_one(void **state)
{
    struct owner o = {.loop = loop_new()}, refused = {.loop = loop_new()};
    struct peer p;
    struct stream_options options;
    char expected[96];

    peer_start(&p, echo, NULL);
    options = to("two.test", p.port);
    run(&o, &options);
    assert_int_equal(o.opened, 1);
    end(&o);
    peer_stop(&p);
    snprintf(expected, sizeof expected, "connect to two.test:%d (127.0.0.2): Connection refused",
             p.port);
    run(&refused, &options); /* the first address is the one that people know */
    assert_closed(&refused, -ECONNREFUSED, expected);
    end(&refused);
}

/* A socket whose queue of connections is full: the kernel drops what comes. */
static void a_peer_that_does_not_answer_is_given_up(void **state)
{
    struct owner o = {.loop = loop_new()};
    int port, fd = peer_bind(&port), fill[4];
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct stream_options options = to("127.0.0.1", port);
    char expected[96];

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(listen(fd, 0) == 0);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)&sa, sizeof sa);
    }
    peer_nap(50);
    options.connect_timeout = 300;
    run(&o, &options);
    snprintf(expected, sizeof expected, "connect to 127.0.0.1:%d: no answer within 300ms", port);
    assert_closed(&o, -ETIMEDOUT, expected);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        close(fill[i]);
    close(fd);
    end(&o);
}

static void a_peer_that_closes_is_no_error_and_its_last_words_are_kept(void **state)
{
    struct owner o = {.loop = loop_new(), .wanted = 100};
    struct peer p;
    struct stream_options options;

    peer_start(&p, say_bye, NULL);
    options = to("127.0.0.1", p.port);
    run(&o, &options);
    assert_closed(&o, 0, "");
    assert_true(str_eq(stream_input(o.stream), STR("bye")));
    end(&o);
    peer_stop(&p);
}

static void a_connection_that_breaks_is_told(void **state)
{
    struct owner o = {.loop = loop_new(), .wanted = 100};
    struct peer p;
    struct stream_options options;

    peer_start(&p, reset, NULL);
    options = to("127.0.0.1", p.port);
    o.stream = stream_open(o.loop, &options, &events, &o);
    stream_write(o.stream, STR("x"));
    loop_run(o.loop);
    assert_closed(&o, -ECONNRESET, "read: Connection reset by peer");
    end(&o);
    peer_stop(&p);
}

static void a_peer_that_takes_nothing_is_given_up(void **state)
{
    struct owner o = {.loop = loop_new(), .wanted = 100};
    CLEANUP(mem_freep) char *bytes = mem_zalloc(LARGE);
    struct peer p;
    struct stream_options options;

    peer_start(&p, keep_silent, NULL);
    options = to("127.0.0.1", p.port);
    o.stream = stream_open(o.loop, &options, &events, &o);
    for (int i = 0; i < 9; i++)
        stream_write(o.stream, str_n(bytes, LARGE));
    loop_run(o.loop);
    assert_closed(&o, -ENOBUFS, "write: the peer has not taken ");
    end(&o);
    peer_stop(&p);
}

static void an_owner_may_free_inside_its_callbacks(void **state)
{
    struct peer p;

    peer_start(&p, echo, NULL);
    for (int i = 0; i < 2; i++) {
        struct owner o = {
            .loop = loop_new(), .wanted = 100, .free_on_open = i == 0, .free_on_data = i == 1};
        struct stream_options options = to("127.0.0.1", p.port);

        o.stream = stream_open(o.loop, &options, &events, &o);
        stream_write(o.stream, STR("abc"));
        loop_run(o.loop);
        assert_null(o.stream);
        assert_int_equal(o.opened, 1);
        assert_int_equal(o.closed, 0);
        end(&o);
    }
    peer_stop(&p);
}

static void an_owner_may_free_before_anything_happened(void **state)
{
    struct loop *l = loop_new();
    struct owner o = {.loop = l};
    struct stream_options host = to("127.0.0.1", 1), name = to("good.test", 1),
                          path = {.unix_path = "/nonexistent", .connect_timeout = TIMEOUT},
                          bad = {.unix_path = "/x",
                                 .connect_timeout = TIMEOUT,
                                 .tls = {.enabled = true}};

    stream_free(stream_open(l, &host, &events, &o));
    stream_free(stream_open(l, &name, &events, &o));
    stream_free(stream_open(l, &path, &events, &o));
    stream_free(stream_open(l, &bad, &events, &o));
    stream_free(NULL);
    assert_int_equal(o.closed, 0);
    loop_free(l);
    peer_nap(50);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

/* Authorities and certificates of all TLS tests. */
static struct cert ours, theirs, server, client;
static char ca_path[64], broken_path[64];

static int make_certs(void **state)
{
    struct err err = {0};

    ours = cert_new("our authority", NULL, NULL);
    theirs = cert_new("their authority", NULL, NULL);
    server = cert_new("server", "DNS:good.test,IP:127.0.0.1", &ours);
    client = cert_new("client", NULL, &ours);
    snprintf(ca_path, sizeof ca_path, "/tmp/tocsin-ca-%d.pem", getpid());
    snprintf(broken_path, sizeof broken_path, "/tmp/tocsin-broken-%d.pem", getpid());
    must(file_write_atomic(ca_path, str_c(ours.pem), &err) == 0);
    must(file_write_atomic(broken_path, STR("no PEM at all\n"), &err) == 0);
    return 0;
}

static int drop_certs(void **state)
{
    unlink(ca_path);
    unlink(broken_path);
    cert_deinit(&ours);
    cert_deinit(&theirs);
    cert_deinit(&server);
    cert_deinit(&client);
    return 0;
}

static void a_server_is_accepted_only_if_its_certificate_is_for_it(void **state)
{
    struct {
        const char *host;
        struct tls_options tls;
        int code;
        const char *words; /* NULL: opens */
    } cases[] = {
        {"127.0.0.1", {.ca = ours.pem}, 0, NULL},
        {"127.0.0.1", {.ca_file = ca_path}, 0, NULL},
        {"good.test", {.ca = ours.pem}, 0, NULL},
        {"other.test", {.ca = ours.pem, .server_name = "good.test"}, 0, NULL},
        {"other.test", {.ca = ours.pem, .server_name = "127.0.0.1"}, 0, NULL},
        {"other.test", {.insecure_skip_verify = true}, 0, NULL},
        {"other.test", {.ca = ours.pem}, -EPROTO, "TLS handshake: certificate: hostname mismatch"},
        {"127.0.0.1",
         {.ca = ours.pem, .server_name = "127.0.0.2"},
         -EPROTO,
         "TLS handshake: certificate: IP address mismatch"},
        {"good.test",
         {.ca = theirs.pem},
         -EPROTO,
         "TLS handshake: certificate: unable to get local issuer"},
        {"good.test", {0}, -EPROTO, "TLS handshake: certificate: unable to get local issuer"},
        {"good.test", {.ca = ours.pem, .min_version = 13}, 0, NULL},
        {"good.test", {.ca = ours.pem, .min_version = 12, .max_version = 12}, 0, NULL},
    };
    struct tls_peer p;

    tls_peer_start(&p, &server, NULL, echo_tls, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owner o = {.loop = loop_new(), .wanted = 3};
        struct stream_options options = to(cases[i].host, p.peer.port);

        options.tls = cases[i].tls;
        options.tls.enabled = true;
        o.stream = stream_open(o.loop, &options, &events, &o);
        stream_write(o.stream, STR("abc"));
        loop_run(o.loop);
        if (cases[i].words)
            assert_closed(&o, cases[i].code, cases[i].words);
        else if (o.closed || !str_eq(stream_input(o.stream), STR("abc")))
            fail_msg("case %zu: %s", i, o.err.msg);
        end(&o);
    }
    tls_peer_stop(&p);
}

static void versions_that_are_not_allowed_are_not_spoken(void **state)
{
    static const struct {
        int server_version;
        struct tls_options tls;
        bool opens;
    } cases[] = {
        {TLS1_2_VERSION, {.min_version = 13}, false},
        {TLS1_2_VERSION, {0}, true},
        {TLS1_3_VERSION, {.max_version = 12}, false},
        {TLS1_3_VERSION, {.max_version = 13}, true},
        {TLS1_1_VERSION, {0}, false},
        {TLS1_1_VERSION, {.min_version = 10}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owner o = {.loop = loop_new()};
        struct tls_peer p;
        struct stream_options options;

        tls_peer_start(&p, &server, NULL, echo_tls, NULL);
        SSL_CTX_set_security_level(p.ssl_ctx, 0);
        SSL_CTX_set_min_proto_version(p.ssl_ctx, cases[i].server_version);
        SSL_CTX_set_max_proto_version(p.ssl_ctx, cases[i].server_version);
        options = to("127.0.0.1", p.peer.port);
        options.tls = cases[i].tls;
        options.tls.enabled = true;
        options.tls.ca = ours.pem;
        run(&o, &options);
        if (o.opened != cases[i].opens)
            fail_msg("case %zu: %s", i, o.err.msg);
        if (!cases[i].opens)
            assert_closed(&o, -EPROTO, "TLS handshake: ");
        end(&o);
        tls_peer_stop(&p);
    }
}

static void say_bye_tls(SSL *ssl, void *arg)
{
    SSL_write(ssl, "bye", 3);
}

static void a_server_may_hang_up_without_the_farewell_of_tls(void **state)
{
    struct owner o = {.loop = loop_new(), .wanted = 100};
    struct tls_peer p;
    struct stream_options options;

    tls_peer_start(&p, &server, NULL, say_bye_tls, NULL);
    options = to("127.0.0.1", p.peer.port);
    options.tls = (struct tls_options){.enabled = true, .ca = ours.pem};
    run(&o, &options);
    assert_closed(&o, 0, "");
    assert_true(str_eq(stream_input(o.stream), STR("bye")));
    end(&o);
    tls_peer_stop(&p);
}

static void many_bytes_go_and_come_through_tls(void **state)
{
    struct tls_peer p;
    struct stream_options options;

    tls_peer_start(&p, &server, NULL, echo_tls, NULL);
    options = to("127.0.0.1", p.peer.port);
    options.tls = (struct tls_options){.enabled = true, .ca = ours.pem};
    echo_numbers(&options);
    tls_peer_stop(&p);
}

static void a_server_may_want_a_certificate_too(void **state)
{
    struct tls_peer p;

    tls_peer_start(&p, &server, &ours, echo_tls, NULL);
    for (int with = 0; with < 2; with++) {
        struct owner o = {.loop = loop_new(), .wanted = 3};
        struct stream_options options = to("127.0.0.1", p.peer.port);

        options.tls = (struct tls_options){.enabled = true,
                                           .ca = ours.pem,
                                           .cert = with ? client.pem : NULL,
                                           .key = with ? client.key_pem : NULL};
        o.stream = stream_open(o.loop, &options, &events, &o);
        stream_write(o.stream, STR("abc"));
        loop_run(o.loop);
        if (with)
            assert_true(str_eq(stream_input(o.stream), STR("abc")));
        else
            assert_closed(&o, -EPROTO, "certificate required");
        end(&o);
    }
    tls_peer_stop(&p);
}

static void tls_files_that_cannot_be_used_are_named(void **state)
{
    struct {
        struct tls_options tls;
        const char *words;
    } cases[] = {
        {{.ca_file = "/nonexistent/ca.pem"}, "TLS: ca_file"},
        {{.ca_file = "/nonexistent/ca.pem"}, "/nonexistent/ca.pem"},
        {{.ca_file = broken_path}, ": no certificate in it"},
        {{.ca = "nothing"}, "TLS: ca: no certificate in it"},
        {{.ca = ours.pem, .cert = "x", .key = client.key_pem}, "TLS: cert: no certificate in it"},
        {{.ca = ours.pem, .cert = client.pem, .key = "x"}, "TLS: key: no private key in it"},
        {{.ca = ours.pem, .cert = client.pem, .key = server.key_pem},
         "does not belong to the certificate"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owner o = {.loop = loop_new()};
        struct stream_options options = to("127.0.0.1", 1);

        options.tls = cases[i].tls;
        options.tls.enabled = true;
        run(&o, &options);
        assert_true(o.err.code < 0);
        assert_closed(&o, o.err.code, cases[i].words);
        end(&o);
    }
}

static void a_unix_socket_with_tls_needs_a_name_to_verify(void **state)
{
    struct owner o = {.loop = loop_new()};
    struct stream_options options = {
        .unix_path = "/x", .connect_timeout = TIMEOUT, .tls = {.enabled = true, .ca = ours.pem}};

    run(&o, &options);
    assert_closed(&o, -EINVAL, "TLS: server_name is needed");
    end(&o);
}

static void a_handshake_has_a_deadline_and_wants_tls_to_answer(void **state)
{
    static const struct {
        void (*serve)(int fd, void *arg);
        int code;
        const char *words;
    } cases[] = {
        {keep_silent, -ETIMEDOUT, "TLS handshake: no answer within 300ms"},
        {say_bye, -EPROTO, "TLS handshake: "},
        {reset, -EPROTO, "TLS handshake: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct owner o = {.loop = loop_new()};
        struct peer p;
        struct stream_options options;

        peer_start(&p, cases[i].serve, NULL);
        options = to("127.0.0.1", p.port);
        options.connect_timeout = 300;
        options.tls = (struct tls_options){.enabled = true, .ca = ours.pem};
        run(&o, &options);
        assert_closed(&o, cases[i].code, cases[i].words);
        assert_int_equal(o.opened, 0);
        end(&o);
        peer_stop(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_before_it_was_open_comes_first),
        cmocka_unit_test(many_bytes_go_and_come_in_their_order),
        cmocka_unit_test(a_unix_socket_is_spoken_to_by_its_path),
        cmocka_unit_test(a_unix_path_that_is_too_long_is_told),
        cmocka_unit_test(a_refused_connection_is_told_with_name_and_address),
        cmocka_unit_test(a_name_that_is_unknown_is_told),
        cmocka_unit_test(slow_names_hold_up_nobody_else),
        cmocka_unit_test(a_name_with_a_dead_address_is_reached_by_the_next_one),
        cmocka_unit_test(a_peer_that_does_not_answer_is_given_up),
        cmocka_unit_test(a_peer_that_closes_is_no_error_and_its_last_words_are_kept),
        cmocka_unit_test(a_connection_that_breaks_is_told),
        cmocka_unit_test(a_peer_that_takes_nothing_is_given_up),
        cmocka_unit_test(an_owner_may_free_inside_its_callbacks),
        cmocka_unit_test(an_owner_may_free_before_anything_happened),
        cmocka_unit_test(a_server_is_accepted_only_if_its_certificate_is_for_it),
        cmocka_unit_test(versions_that_are_not_allowed_are_not_spoken),
        cmocka_unit_test(a_server_may_hang_up_without_the_farewell_of_tls),
        cmocka_unit_test(many_bytes_go_and_come_through_tls),
        cmocka_unit_test(a_server_may_want_a_certificate_too),
        cmocka_unit_test(tls_files_that_cannot_be_used_are_named),
        cmocka_unit_test(a_unix_socket_with_tls_needs_a_name_to_verify),
        cmocka_unit_test(a_handshake_has_a_deadline_and_wants_tls_to_answer),
    };

    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
