/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/gzip.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "tests/unit/net/peer.h"
#include "tests/unit/net/resolver.h"

#define PATIENCE ((dur_ms)10000)
#define LARGE    ((size_t)3 << 20)
#define MAX_BODY ((size_t)8 << 20)

/* ---- a client and its last answer ---------------------------------------------------------- */

struct user {
    struct loop *loop;
    struct http_client *client;
    int answers, wanted; /* the loop stops when so many have come */
    int status;
    struct buf body;
    char type[64], retry_after[64];
    struct err err;
};

static void on_done(struct http_response *response, const struct err *err, void *arg)
{
    struct user *u = arg;

    u->status = 0;
    u->err = err ? *err : (struct err){0};
    if (response) {
        u->status = response->status;
        buf_reset(&u->body);
        buf_add_str(&u->body, buf_str(&response->body));
        snprintf(u->type, sizeof u->type, STR_FMT, STR_ARG(response->content_type));
        snprintf(u->retry_after, sizeof u->retry_after, STR_FMT, STR_ARG(response->retry_after));
        must(response->t_total >= response->t_first_byte && response->t_first_byte > 0);
    }
    if (++u->answers == u->wanted)
        loop_stop(u->loop);
}

static void user_init(struct user *u)
{
    *u = (struct user){.loop = loop_new(), .wanted = 1};
    u->client = http_client_new(u->loop);
}

static void user_deinit(struct user *u)
{
    http_client_free(u->client);
    loop_free(u->loop);
    buf_free(&u->body);
}

/* One request from start to end: 0, or the code of its error. */
static int ask(struct user *u, const struct http_request *r)
{
    u->answers = 0;
    http_call_start(u->client, r, on_done, u);
    assert_int_equal(u->answers, 0); /* never at once */
    loop_run(u->loop);
    return u->err.code;
}

static struct http_request get(const char *url)
{
    return (struct http_request){
        .method = "GET", .url = url, .timeout = PATIENCE, .max_body = MAX_BODY};
}

static void assert_words(const struct user *u, const char *expected)
{
    if (!strstr(u->err.msg, expected))
        fail_msg("expected \"%s\" in \"%s\"", expected, u->err.msg);
}

/* ---- a server that follows a script -------------------------------------------------------- */

struct script {
    struct peer peer;
    struct buf request; /* the last one */
    const char *answer; /* to every request */
    size_t padding;     /* bytes of x after it */
    struct str bytes;   /* after these */
    bool once;          /* closes after an answer */
    char url[64];
};

/* The last request is replaced by the next one when that is complete. */
static bool read_request(int fd, struct script *s)
{
    struct buf in = {0};
    size_t head, length;
    const char *at;

    if (!peer_read_to(fd, &in, "\r\n\r\n")) {
        buf_free(&in);
        return false;
    }
    head = str_find(buf_str(&in), STR("\r\n\r\n")) + 4;
    at = strstr(in.p, "Content-Length: ");
    length = at ? strtoul(at + 16, NULL, 10) : 0;
    while (in.len < head + length) {
        ssize_t n = recv(fd, buf_room(&in, 65536), 65536, 0);

        must(n > 0);
        in.len += (size_t)n;
        in.p[in.len] = '\0';
    }
    buf_free(&s->request);
    s->request = in;
    return true;
}

static void play(int fd, void *arg)
{
    struct script *s = arg;
    struct buf out = {0};

    while (read_request(fd, s)) {
        buf_reset(&out);
        buf_add_c(&out, s->answer);
        memset(buf_room(&out, s->padding), 'x', s->padding);
        out.len += s->padding;
        buf_add_str(&out, s->bytes);
        for (size_t at = 0; at < out.len;) {
            ssize_t n = send(fd, out.p + at, out.len - at, MSG_NOSIGNAL);

            if (n <= 0)
                break;
            at += (size_t)n;
        }
        if (s->once)
            break;
    }
    buf_free(&out);
}

static void script_start(struct script *s, const char *answer)
{
    *s = (struct script){.answer = answer};
    peer_start(&s->peer, play, s);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/x", s->peer.port);
}

static void script_stop(struct script *s)
{
    peer_stop(&s->peer);
    buf_free(&s->request);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

/* ---- what goes out ------------------------------------------------------------------------- */

static void a_plain_request_says_no_more_than_it_must(void **state)
{
    struct user u;
    struct script s;
    struct http_request r;
    char expected[128];

    user_init(&u);
    script_start(&s, OK_ANSWER);
    r = get(s.url);
    assert_int_equal(ask(&u, &r), 0);
    assert_int_equal(u.status, 200);
    assert_string_equal(u.body.p, "ok");
    assert_string_equal(u.type, "text/plain");
    assert_string_equal(u.retry_after, "");
    snprintf(expected, sizeof expected,
             "GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n\r\n", s.peer.port);
    assert_string_equal(s.request.p, expected);
    user_deinit(&u);
    script_stop(&s);
}

static void headers_and_credentials_go_out(void **state)
{
    struct user u;
    struct script s;
    const struct http_header always[] = {{"X-One", "1"}, {"Accept", "a/b"}, {"X-Empty", ""}};
    const struct http_header now[] = {{"x-one", "2"}, {"Content-Type", "c/d"}};
    struct http_options o = {.headers = always,
                             .n_headers = ARRAY_LEN(always),
                             .basic_username = "u",
                             .basic_password = "p:q"};
    struct http_request r;

    user_init(&u);
    script_start(&s, OK_ANSWER);
    r = get(s.url);
    r.options = &o;
    r.headers = now;
    r.n_headers = ARRAY_LEN(now);
    assert_int_equal(ask(&u, &r), 0);
    assert_null(strstr(s.request.p, "X-One: 1")); /* the request's own one replaces it */
    assert_non_null(strstr(s.request.p, "x-one: 2\r\n"));
    assert_non_null(strstr(s.request.p, "Accept: a/b\r\n"));
    assert_non_null(strstr(s.request.p, "X-Empty:\r\n"));
    assert_non_null(strstr(s.request.p, "Content-Type: c/d\r\n"));
    assert_non_null(strstr(s.request.p, "Authorization: Basic dTpwOnE=\r\n"));
    o.basic_username = NULL;
    o.authorization_credentials = "t";
    assert_int_equal(ask(&u, &r), 0);
    assert_non_null(strstr(s.request.p, "Authorization: Bearer t\r\n"));
    assert_null(strstr(s.request.p, "Basic"));
    o.authorization_credentials = NULL;
    o.authorization_credentials_file = "/nonexistent/token";
    assert_int_equal(ask(&u, &r), -ENOENT);
    assert_words(&u, "/nonexistent/token");
    user_deinit(&u);
    script_stop(&s);
}

static void no_header_can_smuggle_in_another_one(void **state)
{
    static const struct http_header bad[] = {
        {"X", "a\r\nX-Evil: b"}, {"X", "a\nb"}, {"X\r\nY", "a"}, {"X: a", "b"}, {"", "b"}};
    struct user u;
    struct script s;

    user_init(&u);
    script_start(&s, OK_ANSWER);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_request r = get(s.url);

        r.headers = &bad[i];
        r.n_headers = 1;
        assert_int_equal(ask(&u, &r), -EIO);
        assert_words(&u, "header ");
    }
    assert_int_equal(atomic_load(&s.peer.accepted), 0);
    user_deinit(&u);
    script_stop(&s);
}

static void methods_and_bodies_go_out_as_they_are(void **state)
{
    static const struct {
        const char *method;
        struct str body;
        const char *line, *length;
    } cases[] = {
        {"GET", {NULL, 0}, "GET /x HTTP/1.1\r\n", NULL},
        {"GET", {"a\0b", 3}, "GET /x HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"HEAD", {NULL, 0}, "HEAD /x HTTP/1.1\r\n", NULL},
        {"POST", {NULL, 0}, "POST /x HTTP/1.1\r\n", "Content-Length: 0\r\n"},
        {"POST", {"abc", 3}, "POST /x HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"PUT", {"abc", 3}, "PUT /x HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"PUT", {"", 0}, "PUT /x HTTP/1.1\r\n", "Content-Length: 0\r\n"},
        {"PATCH", {"abc", 3}, "PATCH /x HTTP/1.1\r\n", "Content-Length: 3\r\n"},
        {"DELETE", {NULL, 0}, "DELETE /x HTTP/1.1\r\n", NULL},
    };
    struct user u;
    struct script s;

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request r;
        struct str sent;

        script_start(&s, strcmp(cases[i].method, "HEAD") == 0
                             ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                             : OK_ANSWER);
        r = get(s.url);
        r.method = cases[i].method;
        r.body = cases[i].body;
        assert_int_equal(ask(&u, &r), 0);
        assert_ptr_equal(strstr(s.request.p, cases[i].line), s.request.p);
        if (cases[i].length)
            assert_non_null(strstr(s.request.p, cases[i].length));
        else
            assert_null(strstr(s.request.p, "Content-Length"));
        assert_null(strstr(s.request.p, "Content-Type"));
        sent = str_n(s.request.p + s.request.len - cases[i].body.len, cases[i].body.len);
        assert_true(str_eq(sent, cases[i].body));
        script_stop(&s);
    }
    user_deinit(&u);
}

static void a_large_body_goes_out_without_waiting_for_leave(void **state)
{
    struct user u;
    struct script s;
    struct http_request r;
    CLEANUP(mem_freep) char *body = mem_alloc(LARGE);

    memset(body, 'b', LARGE);
    user_init(&u);
    script_start(&s, OK_ANSWER);
    r = get(s.url);
    r.method = "POST";
    r.body = str_n(body, LARGE);
    assert_int_equal(ask(&u, &r), 0);
    assert_null(strstr(s.request.p, "Expect"));
    assert_memory_equal(s.request.p + s.request.len - LARGE, body, LARGE);
    user_deinit(&u);
    script_stop(&s);
}

static void the_environment_names_no_proxy_but_the_options_do(void **state)
{
    struct user u;
    struct script s;
    struct http_options o = {0};
    struct http_request r;
    char proxy[64];

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    user_init(&u);
    script_start(&s, OK_ANSWER);
    s.once = true;
    r = get(s.url);
    assert_int_equal(ask(&u, &r), 0);
    snprintf(proxy, sizeof proxy, "http://user:secret@127.0.0.1:%d", s.peer.port);
    o.proxy_url = proxy;
    r = get("http://unknown.test/y");
    r.options = &o;
    assert_int_equal(ask(&u, &r), 0);
    assert_ptr_equal(strstr(s.request.p, "GET http://unknown.test/y HTTP/1.1\r\n"), s.request.p);
    o.no_proxy = "unknown.test";
    assert_int_equal(ask(&u, &r), -EHOSTUNREACH);
    o.no_proxy = NULL;
    o.proxy_url = "http://user:secret@127.0.0.1:1";
    assert_int_equal(ask(&u, &r), -ECONNREFUSED);
    assert_string_equal(u.err.msg,
                        "connect to unknown.test:80 through proxy 127.0.0.1:1: Connection refused");
    unsetenv("http_proxy");
    user_deinit(&u);
    script_stop(&s);
}

/* ---- what comes back ----------------------------------------------------------------------- */

static void a_body_may_be_as_large_as_the_limit_and_not_larger(void **state)
{
    static const char *const heads[] = {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"};
    struct user u;

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct script s;
        struct http_request r;
        char expected[96];

        script_start(&s, heads[i]);
        s.padding = 100000;
        s.once = true;
        r = get(s.url);
        r.max_body = 100000;
        assert_int_equal(ask(&u, &r), 0);
        assert_int_equal(u.body.len, 100000);
        r.max_body = 99999;
        assert_int_equal(ask(&u, &r), -E2BIG);
        snprintf(expected, sizeof expected, "127.0.0.1:%d: the answer is larger than 99999 bytes",
                 s.peer.port);
        assert_string_equal(u.err.msg, expected);
        script_stop(&s);
    }
    user_deinit(&u);
}

static void a_compressed_body_counts_by_what_it_becomes(void **state)
{
    struct user u;
    struct script s;
    struct buf plain = {0}, small = {0}, head = {0};
    struct http_request r;

    memset(buf_room(&plain, LARGE), 'z', LARGE);
    plain.len = LARGE;
    gzip_deflate(buf_str(&plain), &small);
    buf_addf(&head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             small.len);
    user_init(&u);
    script_start(&s, head.p);
    s.bytes = buf_str(&small);
    r = get(s.url);
    r.accept_gzip = true;
    assert_int_equal(ask(&u, &r), 0);
    assert_non_null(strstr(s.request.p, "Accept-Encoding: gzip\r\n"));
    assert_true(str_eq(buf_str(&u.body), buf_str(&plain)));
    r.max_body = LARGE - 1;
    assert_int_equal(ask(&u, &r), -E2BIG);
    r.max_body = LARGE;
    r.accept_gzip = false; /* then it is passed on as it came */
    assert_int_equal(ask(&u, &r), 0);
    assert_null(strstr(s.request.p, "Accept-Encoding"));
    assert_int_equal(u.body.len, small.len);
    user_deinit(&u);
    script_stop(&s);
    buf_free(&plain);
    buf_free(&small);
    buf_free(&head);
}

static void an_unhappy_status_is_an_answer_too(void **state)
{
    struct user u;
    struct script s;
    struct http_request r;

    user_init(&u);
    script_start(&s, "HTTP/1.1 429 Slow Down\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n");
    r = get(s.url);
    assert_int_equal(ask(&u, &r), 0);
    assert_int_equal(u.status, 429);
    assert_string_equal(u.retry_after, "120");
    assert_string_equal(u.type, "");
    user_deinit(&u);
    script_stop(&s);
}

static void connections_are_used_again_to_many_peers_at_a_time(void **state)
{
    struct user u;
    struct script s[12];

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        script_start(&s[i], OK_ANSWER);
    for (size_t i = 0; i < 3 * ARRAY_LEN(s); i++) {
        struct http_request r = get(s[i % ARRAY_LEN(s)].url);

        assert_int_equal(ask(&u, &r), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        assert_int_equal(atomic_load(&s[i].peer.accepted), 1);
        script_stop(&s[i]);
    }
    user_deinit(&u);
}

static void a_connection_that_died_meanwhile_is_made_anew(void **state)
{
    struct user u;
    struct script s;
    struct http_request r;

    user_init(&u);
    script_start(&s, OK_ANSWER);
    s.once = true; /* closes without having said so */
    r = get(s.url);
    r.method = "POST";
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&u, &r), 0);
    assert_int_equal(atomic_load(&s.peer.accepted), 5);
    user_deinit(&u);
    script_stop(&s);
}

#define REDIRECT(code, to)                                                                         \
    "HTTP/1.1 " code " Moved\r\nLocation: " to "\r\nContent-Length: 0\r\n\r\n"

static void redirects_are_followed_only_when_told_and_not_for_ever(void **state)
{
    struct user u;
    struct script s, end;
    struct http_options o = {0};
    struct http_request r;
    char answer[128], expected[64];

    user_init(&u);
    script_start(&end, OK_ANSWER);
    snprintf(answer, sizeof answer, REDIRECT("302", "%s"), end.url);
    script_start(&s, answer);
    r = get(s.url);
    r.options = &o;
    assert_int_equal(ask(&u, &r), 0);
    assert_int_equal(u.status, 302);
    o.follow_redirects = true;
    o.authorization_credentials = "t";
    assert_int_equal(ask(&u, &r), 0);
    assert_int_equal(u.status, 200);
    assert_null(strstr(end.request.p, "Bearer")); /* another server has no business with it */
    script_stop(&s);

    script_start(&s, REDIRECT("302", "/again"));
    r = get(s.url);
    r.options = &o;
    assert_int_equal(ask(&u, &r), -EIO);
    snprintf(expected, sizeof expected, "127.0.0.1:%d: more than 10 redirects", s.peer.port);
    assert_string_equal(u.err.msg, expected);
    script_stop(&s);

    script_start(&s, REDIRECT("302", "http://unknown.test/"));
    r = get(s.url);
    r.options = &o;
    assert_int_equal(ask(&u, &r), -EHOSTUNREACH);
    assert_words(&u, "resolve unknown.test: ");
    script_stop(&s);

    script_start(&s, REDIRECT("302", "file:///etc/passwd"));
    r = get(s.url);
    r.options = &o;
    assert_int_equal(ask(&u, &r), -EIO);
    assert_words(&u, "neither http nor https");
    script_stop(&s);
    script_stop(&end);
    user_deinit(&u);
}

static void a_redirected_post_becomes_a_get_or_stays_one_by_its_code(void **state)
{
    struct user u;
    struct script s, end;
    struct http_options o = {.follow_redirects = true};
    struct http_request r;
    char answer[128];

    user_init(&u);
    script_start(&end, OK_ANSWER);
    for (int i = 0; i < 2; i++) {
        snprintf(answer, sizeof answer, i ? REDIRECT("307", "%s") : REDIRECT("303", "%s"), end.url);
        script_start(&s, answer);
        r = get(s.url);
        r.options = &o;
        r.method = "POST";
        r.body = STR("abc");
        assert_int_equal(ask(&u, &r), 0);
        assert_ptr_equal(strstr(end.request.p, i ? "POST /x" : "GET /x"), end.request.p);
        script_stop(&s);
    }
    script_stop(&end);
    user_deinit(&u);
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void a_refused_connection_is_told_with_its_address(void **state)
{
    struct user u;
    struct http_request r;
    int port, fd = peer_bind(&port);
    char url[64], expected[96];

    user_init(&u);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/token", port);
    snprintf(expected, sizeof expected, "connect to 127.0.0.1:%d: Connection refused", port);
    r = get(url);
    assert_int_equal(ask(&u, &r), -ECONNREFUSED);
    assert_string_equal(u.err.msg, expected);
    user_deinit(&u);
    close(fd);
}

static void a_name_that_is_unknown_is_told(void **state)
{
    struct user u;
    struct http_request r = get("http://unknown.test:8060/token");

    user_init(&u);
    assert_int_equal(ask(&u, &r), -EHOSTUNREACH);
    assert_string_equal(u.err.msg, "resolve unknown.test: the name is not known");
    user_deinit(&u);
}

/* Counts while the loop is free to. */
struct pulse {
    struct loop_timer *timer;
    mono_ns last, longest;
};

static void beat(void *arg)
{
    struct pulse *p = arg;
    mono_ns now = clock_mono_ns();

    if (p->last && now - p->last > p->longest)
        p->longest = now - p->last;
    p->last = now;
    loop_timer_after(p->timer, 10);
}

static void a_slow_resolver_blocks_neither_the_loop_nor_the_deadline(void **state)
{
    struct user u;
    struct pulse p = {0};
    struct http_request r = get("http://slow.test/");
    mono_ns start = clock_mono_ns();
    struct http_call *call;

    user_init(&u);
    p.timer = loop_timer_new(u.loop, beat, &p);
    loop_timer_after(p.timer, 0);
    r.timeout = 200;
    assert_int_equal(ask(&u, &r), -ETIMEDOUT);
    assert_string_equal(u.err.msg, "resolve slow.test: no answer within 200ms");
    call = http_call_start(u.client, &r, on_done, &u);
    http_call_cancel(call);
    http_call_start(u.client, &r, on_done, &u);
    http_client_free(u.client);
    assert_true(clock_mono_ns() - start < SLOW_MS * NS_PER_MS);
    assert_true(p.longest < SLOW_MS / 2 * NS_PER_MS);
    loop_timer_free(p.timer);
    u.client = NULL;
    user_deinit(&u);
    peer_nap(SLOW_MS); /* the resolver's threads end, so that nothing of theirs counts as lost */
}

static void keep_silent(int fd, void *arg)
{
    peer_sees_end(fd);
}

static void trickle(int fd, void *arg)
{
    struct buf in = {0};

    peer_read_to(fd, &in, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
            break;
        peer_nap(20);
    }
    buf_free(&in);
}

static void every_wait_has_an_end_and_says_how_far_it_came(void **state)
{
    static const struct {
        void (*serve)(int fd, void *arg);
        const char *expected;
    } cases[] = {
        {keep_silent, "no answer within 300ms"},
        {trickle, "the answer was not complete within 300ms, "},
    };
    struct user u;

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer p;
        struct http_request r;
        char url[64];
        mono_ns start = clock_mono_ns();

        peer_start(&p, cases[i].serve, NULL);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", p.port);
        r = get(url);
        r.timeout = 300;
        assert_int_equal(ask(&u, &r), -ETIMEDOUT);
        assert_words(&u, cases[i].expected);
        assert_words(&u, "127.0.0.1:");
        assert_true(clock_mono_ns() - start < 1500 * NS_PER_MS);
        peer_stop(&p);
    }
    user_deinit(&u);
}

static void answers_that_are_none_are_told(void **state)
{
    static const struct {
        const char *answer, *expected;
    } cases[] = {
        {"", "closed the connection without an answer"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "the answer ended early"},
        {"+PONG\r\n", "127.0.0.1:"},
    };
    struct user u;

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script s;
        struct http_request r;

        script_start(&s, cases[i].answer);
        s.once = true;
        r = get(s.url);
        assert_int_equal(ask(&u, &r), -EIO);
        assert_words(&u, cases[i].expected);
        script_stop(&s);
    }
    user_deinit(&u);
}

static void urls_that_cannot_be_are_told_later_and_not_shown(void **state)
{
    static const struct {
        const char *url, *expected;
    } cases[] = {
        {"ftp://secret.example/", "URL: \"ftp\" is neither http nor https"},
        {"file:///etc/passwd", "URL: "},
        {"", "URL: "},
        {"http://", "URL: "},
        {"http://a:99999/secret", "URL: "},
        {"not a url secret", "URL: "},
    };
    struct user u;

    user_init(&u);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request r = get(cases[i].url);

        assert_int_equal(ask(&u, &r), -EIO);
        assert_words(&u, cases[i].expected);
        assert_null(strstr(u.err.msg, "secret"));
    }
    u.answers = 0;
    u.wanted = 3;
    for (int i = 0; i < u.wanted; i++) {
        struct http_request r = get("");

        http_call_start(u.client, &r, on_done, &u);
    }
    loop_run(u.loop); /* each of several is told */
    user_deinit(&u);
}

/* ---- calls and callbacks ------------------------------------------------------------------- */

static void many_calls_at_once_are_all_answered(void **state)
{
    struct user u;
    struct script s[4];

    user_init(&u);
    u.wanted = 80;
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        script_start(&s[i], OK_ANSWER);
    for (int i = 0; i < u.wanted; i++) {
        struct http_request r = get(s[i % 4].url);

        s[i % 4].once = true; /* these peers serve one connection after the other */
        http_call_start(u.client, &r, on_done, &u);
    }
    loop_run(u.loop);
    assert_int_equal(u.answers, u.wanted);
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        script_stop(&s[i]);
    user_deinit(&u);
}

struct chain {
    struct user *u;
    struct http_request *r;
    struct http_call *other;
    int left;
};

static void start_next_and_cancel_other(struct http_response *response, const struct err *err,
                                        void *arg)
{
    struct chain *c = arg;

    must(response != NULL);
    if (c->other)
        http_call_cancel(TAKE(c->other));
    if (--c->left > 0)
        http_call_start(c->u->client, c->r, start_next_and_cancel_other, c);
    else
        loop_stop(c->u->loop);
}

static void must_not_be_called(struct http_response *response, const struct err *err, void *arg)
{
    must_failed("a cancelled call was answered", __FILE__, __LINE__, __func__);
}

static void a_callback_may_start_and_cancel_calls(void **state)
{
    struct user u;
    struct script s;
    struct peer silent;
    struct http_request r, to_silent, bad = get("ftp://x/");
    struct chain c;
    char url[64];

    user_init(&u);
    script_start(&s, OK_ANSWER);
    peer_start(&silent, keep_silent, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", silent.port);
    r = get(s.url);
    to_silent = get(url);
    c = (struct chain){&u, &r, http_call_start(u.client, &to_silent, must_not_be_called, NULL), 5};
    http_call_start(u.client, &r, start_next_and_cancel_other, &c);
    http_call_cancel(http_call_start(u.client, &bad, must_not_be_called, NULL));
    loop_run(u.loop);
    assert_int_equal(c.left, 0);
    http_call_start(u.client, &to_silent, must_not_be_called, NULL);
    http_call_start(u.client, &bad, must_not_be_called, NULL);
    user_deinit(&u); /* what is under way is dropped */
    peer_stop(&silent);
    script_stop(&s);
}

static void a_program_without_a_loop_can_fetch(void **state)
{
    struct script s;
    struct http_request r;
    struct http_response response = {0};
    struct err err = {0};

    script_start(&s, OK_ANSWER);
    r = get(s.url);
    assert_int_equal(http_fetch(&r, &response, &err), 0);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body.p, "ok");
    assert_true(str_eq(response.content_type, STR("text/plain")));
    http_response_deinit(&response);
    http_response_deinit(&response); /* twice is fine */
    script_stop(&s);
    assert_int_equal(http_fetch(&r, &response, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.msg, "Connection refused"));
    assert_int_equal(response.status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_says_no_more_than_it_must),
        cmocka_unit_test(headers_and_credentials_go_out),
        cmocka_unit_test(no_header_can_smuggle_in_another_one),
        cmocka_unit_test(methods_and_bodies_go_out_as_they_are),
        cmocka_unit_test(a_large_body_goes_out_without_waiting_for_leave),
        cmocka_unit_test(the_environment_names_no_proxy_but_the_options_do),
        cmocka_unit_test(a_body_may_be_as_large_as_the_limit_and_not_larger),
        cmocka_unit_test(a_compressed_body_counts_by_what_it_becomes),
        cmocka_unit_test(an_unhappy_status_is_an_answer_too),
        cmocka_unit_test(connections_are_used_again_to_many_peers_at_a_time),
        cmocka_unit_test(a_connection_that_died_meanwhile_is_made_anew),
        cmocka_unit_test(redirects_are_followed_only_when_told_and_not_for_ever),
        cmocka_unit_test(a_redirected_post_becomes_a_get_or_stays_one_by_its_code),
        cmocka_unit_test(a_refused_connection_is_told_with_its_address),
        cmocka_unit_test(a_name_that_is_unknown_is_told),
        cmocka_unit_test(a_slow_resolver_blocks_neither_the_loop_nor_the_deadline),
        cmocka_unit_test(every_wait_has_an_end_and_says_how_far_it_came),
        cmocka_unit_test(answers_that_are_none_are_told),
        cmocka_unit_test(urls_that_cannot_be_are_told_later_and_not_shown),
        cmocka_unit_test(many_calls_at_once_are_all_answered),
        cmocka_unit_test(a_callback_may_start_and_cancel_calls),
        cmocka_unit_test(a_program_without_a_loop_can_fetch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
