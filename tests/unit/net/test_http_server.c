/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/gzip.h"
#include "base/mem.h"
#include "net/http_server.h"
#include "tests/unit/net/peer.h"

#define MAX_BODY        ((size_t)4 << 20)
#define MAX_HEADER      ((size_t)16 << 10)
#define MAX_CONNECTIONS 400
#define LARGE           ((size_t)3 << 20)

struct site {
    struct http_server *server;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open; /* lets /block go on */
    atomic_int blocked, answered, saw_gone;
    struct http_exchange *later; /* set before `answered` counts it */
};

static void open_gate(struct site *s)
{
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_cond_broadcast(&s->opened);
    pthread_mutex_unlock(&s->lock);
}

static void await(atomic_int *counter, int value)
{
    for (int i = 0; atomic_load(counter) < value; i++) {
        must(i < PEER_PATIENCE_S * 200);
        peer_nap(5);
    }
}

/* ---- handlers ------------------------------------------------------------------------------ */

static void block(struct http_exchange *x, struct site *s)
{
    atomic_fetch_add(&s->blocked, 1);
    pthread_mutex_lock(&s->lock);
    while (!s->open)
        pthread_cond_wait(&s->opened, &s->lock);
    pthread_mutex_unlock(&s->lock);
    http_reply_text(x, 200, "went on\n");
}

static void wait_for_end_of_peer(struct http_exchange *x, struct site *s)
{
    atomic_fetch_add(&s->blocked, 1);
    for (int i = 0; !http_client_gone(x) && i < PEER_PATIENCE_S * 200; i++)
        peer_nap(5);
    atomic_fetch_add(&s->saw_gone, http_client_gone(x));
    http_reply_text(x, 200, "to nobody\n");
}

static void tell_params(struct http_exchange *x)
{
    struct buf out = {0};
    struct str v;

    for (size_t i = 0; (v = http_param(x, "a", i)).p; i++)
        buf_addf(&out, "[" STR_FMT "]", STR_ARG(v));
    http_reply(x, 200, "text/plain", &out);
}

static void tell_request(struct http_exchange *x)
{
    struct buf out = {0};
    struct str own = http_header_in(x, "x-own");

    buf_addf(&out,
             STR_FMT " " STR_FMT " ? " STR_FMT " from " STR_FMT " own=" STR_FMT " absent=%d body=",
             STR_ARG(http_method(x)), STR_ARG(http_path(x)), STR_ARG(http_query(x)),
             STR_ARG(http_peer(x)), STR_ARG(own), http_header_in(x, "X-Absent").p == NULL);
    buf_add_str(&out, http_body(x));
    http_header_out(x, "X-Answer", "yes");
    http_header_out(x, "X-Split", "a\r\nX-Evil: b");
    http_reply(x, 200, "text/plain", &out);
}

static void answer_large(struct http_exchange *x, const char *type)
{
    struct buf out = {0};

    memset(buf_room(&out, LARGE), 'x', LARGE);
    out.len = LARGE;
    http_reply(x, 200, type, &out);
}

static void handler(struct http_exchange *x, void *arg)
{
    struct site *s = arg;
    struct str path = http_path(x);

    if (str_eq(path, STR("/block")))
        block(x, s);
    else if (str_eq(path, STR("/gone")))
        wait_for_end_of_peer(x, s);
    else if (str_eq(path, STR("/params")))
        tell_params(x);
    else if (str_eq(path, STR("/large")))
        answer_large(x, "text/plain");
    else if (str_eq(path, STR("/image")))
        answer_large(x, "image/png");
    else if (str_eq(path, STR("/none")))
        http_reply(x, 204, NULL, NULL);
    else if (str_eq(path, STR("/later")))
        http_defer(s->later = x);
    else if (!str_eq(path, STR("/silent")))
        tell_request(x);
    atomic_fetch_add(&s->answered, 1);
}

static bool quick(struct http_exchange *x, void *arg)
{
    if (!str_eq(http_path(x), STR("/-/healthy")))
        return false;
    http_reply_text(x, 200, "healthy\n");
    return true;
}

static void start_at(struct site *s, const char *address, int workers, dur_ms read_timeout)
{
    struct err err = {0};
    struct http_server_options o = {
        .addresses = &address,
        .n_addresses = 1,
        .workers = workers,
        .max_body = MAX_BODY,
        .max_header = MAX_HEADER,
        .max_connections = MAX_CONNECTIONS,
        .read_timeout = read_timeout,
        .handler = handler,
        .quick = quick,
        .arg = s,
    };

    *s = (struct site){.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};
    assert_int_equal(http_server_start(&o, &s->server, &err), 0);
    s->port = http_server_port(s->server, 0);
}

static void start(struct site *s, int workers)
{
    start_at(s, "127.0.0.1:0", workers, 20000);
}

/* Sends a request on a connection of its own and gives the whole answer. */
static char *ask(struct site *s, const char *request)
{
    struct buf in = {0};
    int fd = peer_dial(s->port);

    peer_send(fd, request);
    peer_read_answer(fd, &in);
    close(fd);
    return buf_take(&in);
}

static void assert_answer(struct site *s, const char *request, const char *expected)
{
    CLEANUP(mem_freep) char *answer = ask(s, request);

    if (!strstr(answer, expected))
        fail_msg("expected \"%s\" in the answer to %s:\n%s", expected, request, answer);
}

#define GET(path, headers) "GET " path " HTTP/1.1\r\nHost: t\r\n" headers "\r\n"

/* ---- requests and answers ------------------------------------------------------------------ */

static void a_handler_sees_the_request_and_its_answer_arrives(void **state)
{
    struct site s;
    CLEANUP(mem_freep) char *answer = NULL;

    start(&s, 2);
    assert_answer(&s, GET("/a%20b%2Fc+d?q=%41&r", "X-OWN: v w\r\n"),
                  "GET /a b/c+d ? q=%41&r from 127.0.0.1 own=v w absent=1 body=");
    assert_answer(&s, "GET http://other/x?y HTTP/1.1\r\nHost: t\r\n\r\n", "GET /x ? y from");
    assert_answer(&s, "GET /x?match[]={a=\"b\"} HTTP/1.1\r\nHost: t\r\n\r\n",
                  "/x ? match[]={a=\"b\"} from");
    answer = ask(&s, GET("/x", ""));
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer, "X-Answer: yes\r\n"));
    assert_non_null(strstr(answer, "Content-Type: text/plain\r\n"));
    assert_null(strstr(answer, "X-Evil")); /* a value with a line break is left out */
    http_server_stop(s.server);
}

static void all_methods_of_the_apis_are_heard(void **state)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    struct site s;

    start(&s, 1);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char request[128];

        snprintf(request, sizeof request,
                 "%s /m HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc", methods[i]);
        assert_answer(&s, request, " /m ? ");
        assert_answer(&s, request, methods[i]);
        assert_answer(&s, request, "body=abc");
    }
    assert_answer(&s, "TRACE / HTTP/1.1\r\nHost: t\r\n\r\n", "501 ");
    assert_answer(&s, "GET / HTTP/1.1\r\nHost: t\r\nno header\r\n\r\n", "400 ");
    http_server_stop(s.server);
}

static void an_answer_to_head_has_the_length_and_no_body(void **state)
{
    struct site s;
    struct buf in = {0};
    int fd;

    start(&s, 1);
    fd = peer_dial(s.port);
    peer_send(fd, "HEAD /large HTTP/1.1\r\nHost: t\r\n\r\n" GET("/none", "Connection: close\r\n"));
    peer_read_all(fd, &in);
    assert_non_null(strstr(in.p, "Content-Length: 3145728\r\n"));
    assert_non_null(strstr(in.p, "\r\n\r\nHTTP/1.1 204 ")); /* the next answer follows at once */
    buf_free(&in);
    close(fd);
    http_server_stop(s.server);
}

static void parameters_come_from_the_form_first_then_from_the_url(void **state)
{
    static const struct {
        const char *query, *type, *body, *expected;
    } cases[] = {
        {"a=1&b=2&a=3", "text/plain", "a=9", "\r\n\r\n[1][3]"},
        {"a=1", "application/x-www-form-urlencoded", "a=9&a=8", "\r\n\r\n[9][8][1]"},
        {"a=1", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=9", "\r\n\r\n[9][1]"},
        {"a=x+y%2B%e5%86%85", "", "", "\r\n\r\n[x y+内]"},
        {"%61=q&a&a=&&=7", "", "", "\r\n\r\n[q][][]"},
        {"a=100%&a=%4&a=%zz1&a==", "", "", "\r\n\r\n[100%][%4][%zz1][=]"},
        {"b=1", "", "", "Content-Length: 0\r\n"},
    };
    struct site s;

    start(&s, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[512];

        snprintf(
            request, sizeof request,
            "POST /params?%s HTTP/1.1\r\nHost: t\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
            cases[i].query, cases[i].type, strlen(cases[i].body), cases[i].body);
        assert_answer(&s, request, cases[i].expected);
    }
    assert_answer(
        &s,
        "DELETE /params?a=1 HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 3\r\n\r\na=9",
        "\r\n\r\n[1]"); /* as in Go: only POST, PUT and PATCH have forms */
    http_server_stop(s.server);
}

static void large_bodies_are_compressed_for_those_who_accept_it(void **state)
{
    static const struct {
        const char *request;
        bool compressed;
    } cases[] = {
        {GET("/large", ""), false},
        {GET("/large", "Accept-Encoding: gzip\r\n"), true},
        {GET("/large", "Accept-Encoding: br, GZIP;q=0.5\r\n"), true},
        {GET("/large", "Accept-Encoding: gzip;q=0, br\r\n"), false},
        {GET("/large", "Accept-Encoding: gzip; q=0.00, deflate;q=1\r\n"), false},
        {GET("/large", "Accept-Encoding: xgzip\r\n"), false},
        {GET("/image", "Accept-Encoding: gzip\r\n"), false},
        {GET("/small", "Accept-Encoding: gzip\r\n"), false},
    };
    struct site s;

    start(&s, 2);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_freep) char *answer = ask(&s, cases[i].request);

        if ((strstr(answer, "Content-Encoding: gzip") != NULL) != cases[i].compressed)
            fail_msg("%s", cases[i].request);
    }
    http_server_stop(s.server);
}

static void a_compressed_body_is_the_body(void **state)
{
    struct site s;
    struct buf in = {0}, out = {0};
    struct err err = {0};
    size_t head;
    int fd;

    start(&s, 1);
    fd = peer_dial(s.port);
    peer_send(fd, GET("/large", "Accept-Encoding: gzip\r\n"));
    assert_true(peer_read_answer(fd, &in));
    assert_non_null(strstr(in.p, "Vary: Accept-Encoding\r\n"));
    head = str_find(buf_str(&in), STR("\r\n\r\n")) + 4;
    assert_int_equal(gzip_inflate(str_n(in.p + head, in.len - head), LARGE, &out, &err), 0);
    assert_int_equal(out.len, LARGE);
    buf_free(&in);
    buf_free(&out);
    close(fd);
    http_server_stop(s.server);
}

static void a_handler_that_forgets_to_answer_is_answered_for(void **state)
{
    struct site s;

    start(&s, 1);
    assert_answer(&s, GET("/silent", ""), "500 ");
    assert_answer(&s, GET("/after", ""), "200 OK");
    http_server_stop(s.server);
}

static void answer_later(void *arg)
{
    struct http_exchange *x = arg;

    http_reply_text(x, 200, "later\n");
    http_release(x);
}

static void an_answer_that_comes_later_holds_no_worker(void **state)
{
    CLEANUP(buf_free) struct buf in = {0};
    struct thread t;
    struct site s;
    int fd;

    start(&s, 1);
    fd = peer_dial(s.port);
    peer_send(fd, GET("/later", ""));
    await(&s.answered, 1);
    assert_answer(&s, GET("/other", ""), "200 OK");
    thread_start(&t, "later", answer_later, s.later);
    thread_join(&t);
    assert_true(peer_read_answer(fd, &in));
    assert_non_null(strstr(in.p, "later\n"));
    close(fd);
    http_server_stop(s.server);
}

static void an_answer_that_comes_later_may_find_nobody(void **state)
{
    struct site s;
    int fd;

    start(&s, 1);
    fd = peer_dial(s.port);
    peer_send(fd, GET("/later", ""));
    await(&s.answered, 1);
    close(fd);
    peer_nap(50);
    answer_later(s.later);
    http_server_stop(s.server);
}

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct site s;
    int fd;

    start(&s, 2);
    fd = peer_dial(s.port);
    for (int i = 0; i < 50; i++) {
        struct buf in = {0};

        peer_send(fd, GET("/again", ""));
        assert_true(peer_read_answer(fd, &in));
        assert_non_null(strstr(in.p, "GET /again"));
        buf_free(&in);
    }
    close(fd);
    http_server_stop(s.server);
}

static void requests_sent_in_one_go_are_answered_in_their_order(void **state)
{
    struct site s;
    struct buf in = {0};
    char *one, *two, *three;
    int fd;

    start(&s, 4);
    fd = peer_dial(s.port);
    peer_send(fd, GET("/one", "") GET("/two", "") GET("/three", "Connection: close\r\n"));
    peer_read_all(fd, &in);
    one = strstr(in.p, "GET /one");
    two = strstr(in.p, "GET /two");
    three = strstr(in.p, "GET /three");
    assert_true(one && two && three && one < two && two < three);
    buf_free(&in);
    close(fd);
    http_server_stop(s.server);
}

/* ---- limits -------------------------------------------------------------------------------- */

static void bodies_and_headers_have_a_largest_size(void **state)
{
    struct site s;
    struct buf request = {0};

    start(&s, 1);
    buf_addf(&request, "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", MAX_BODY + 1);
    assert_answer(&s, request.p, "413 ");
    buf_reset(&request);
    buf_add_c(&request, "GET / HTTP/1.1\r\nHost: t\r\nX-Long: ");
    for (size_t i = 0; i < MAX_HEADER; i++)
        buf_add_byte(&request, 'x');
    buf_add_c(&request, "\r\n\r\n");
    assert_answer(&s, request.p, "400 ");
    buf_free(&request);
    http_server_stop(s.server);
}

static void a_body_of_the_largest_size_arrives_whole(void **state)
{
    struct site s;
    struct buf request = {0};
    CLEANUP(mem_freep) char *answer = NULL;

    start(&s, 1);
    buf_addf(&request, "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", MAX_BODY);
    memset(buf_room(&request, MAX_BODY), 'b', MAX_BODY);
    request.len += MAX_BODY;
    request.p[request.len] = '\0';
    answer = ask(&s, request.p);
    assert_int_equal(strlen(strstr(answer, "body=") + 5), MAX_BODY);
    buf_free(&request);
    http_server_stop(s.server);
}

static void a_chunked_body_arrives_whole(void **state)
{
    struct site s;

    start(&s, 1);
    assert_answer(&s,
                  "POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
                  "body=abcdefg");
    http_server_stop(s.server);
}

static void who_sends_too_slowly_is_cut_off_in_spite_of_every_byte(void **state)
{
    struct site s;
    int fd;
    bool ended = false;

    start_at(&s, "127.0.0.1:0", 1, 300);
    fd = peer_dial(s.port);
    peer_send(fd, "GET / HTTP/1.1\r\nX-Slow: ");
    for (int i = 0; i < 60 && !ended; i++) { /* 1.8 s, a byte every 30 ms */
        char c;

        peer_nap(30);
        peer_send(fd, "x");
        ended = recv(fd, &c, 1, MSG_DONTWAIT) == 0;
    }
    assert_true(ended);
    close(fd);
    http_server_stop(s.server);
}

static void idle_connections_are_closed_and_working_ones_are_not(void **state)
{
    struct site s;
    struct buf in = {0};
    int idle, busy;

    start_at(&s, "127.0.0.1:0", 1, 200);
    idle = peer_dial(s.port);
    busy = peer_dial(s.port);
    peer_send(busy, GET("/block", ""));
    await(&s.blocked, 1);
    assert_true(peer_sees_end(idle));
    peer_nap(400);
    open_gate(&s);
    assert_true(peer_read_answer(busy, &in));
    assert_non_null(strstr(in.p, "went on"));
    buf_free(&in);
    close(idle);
    close(busy);
    http_server_stop(s.server);
}

/* The receive buffer is kept small, so that the answer cannot lie in the kernel; not tiny, for what lies
 * in the sender's comes through its window in the end. */
static void a_client_that_does_not_read_its_answer_is_cut_off(void **state)
{
    struct site s;
    struct buf in = {0};
    int fd, small = 65536, large = 4 << 20;

    start_at(&s, "127.0.0.1:0", 1, 300);
    fd = peer_dial(s.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 4; i++)
        peer_send(fd, GET("/large", ""));
    await(&s.answered, 1);
    peer_nap(900);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    peer_read_all(fd, &in);
    assert_true(in.len < 4 * LARGE);
    assert_answer(&s, GET("/x", ""), "200 OK");
    buf_free(&in);
    close(fd);
    http_server_stop(s.server);
}

static void a_slow_reader_that_goes_on_reading_gets_all(void **state)
{
    struct site s;
    struct buf in = {0};
    size_t got = 0;
    ssize_t n = 1;
    int fd, small = 65536;

    start_at(&s, "127.0.0.1:0", 1, 300);
    fd = peer_dial(s.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_send(fd, GET("/large", "Connection: close\r\n"));
    for (int i = 0; n > 0; i++) {
        buf_reset(&in);
        n = recv(fd, buf_room(&in, 131072), 131072, 0);
        got += n > 0 ? (size_t)n : 0;
        if (i < 40)
            peer_nap(20); /* 0.8 s in all, longer than the time-out */
    }
    assert_true(got > LARGE);
    buf_free(&in);
    close(fd);
    http_server_stop(s.server);
}

static void connections_beyond_the_limit_wait_until_others_close(void **state)
{
    struct site s;
    int fds[MAX_CONNECTIONS + 1];
    struct buf in = {0};

    start(&s, 1);
    for (int round = 0; round < 3;
         round++) { /* closed ones no longer count, whether they asked or not */
        for (int i = 0; i <= MAX_CONNECTIONS; i++)
            fds[i] = peer_dial(s.port);
        peer_send(fds[MAX_CONNECTIONS], GET("/late", ""));
        peer_nap(100);
        assert_int_equal(recv(fds[MAX_CONNECTIONS], &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK), -1);
        for (int i = 0; i < MAX_CONNECTIONS; i++)
            close(fds[i]);
        buf_reset(&in);
        assert_true(peer_read_answer(fds[MAX_CONNECTIONS], &in));
        close(fds[MAX_CONNECTIONS]);
    }
    buf_free(&in);
    http_server_stop(s.server);
}

/* ---- workers ------------------------------------------------------------------------------- */

static void health_is_answered_while_every_worker_is_busy(void **state)
{
    struct site s;
    int fd[2];

    start(&s, 2);
    for (int i = 0; i < 2; i++) {
        fd[i] = peer_dial(s.port);
        peer_send(fd[i], GET("/block", ""));
    }
    await(&s.blocked, 2);
    assert_answer(&s, GET("/-/healthy", ""), "healthy");
    open_gate(&s);
    for (int i = 0; i < 2; i++) {
        struct buf in = {0};

        assert_true(peer_read_answer(fd[i], &in));
        buf_free(&in);
        close(fd[i]);
    }
    http_server_stop(s.server);
}

static void requests_past_the_queue_get_503_and_the_others_their_answer(void **state)
{
    struct site s;
    int fds[MAX_CONNECTIONS - 1], refused = 0, served = 0;

    start(&s, 1);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = peer_dial(s.port);
        peer_send(fds[i], GET("/block", "Connection: close\r\n"));
    }
    await(&s.blocked, 1);
    peer_nap(200);
    open_gate(&s);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        struct buf in = {0};

        peer_read_all(fds[i], &in);
        served += in.p && strstr(in.p, "went on") != NULL;
        refused += in.p && strstr(in.p, "HTTP/1.1 503 ") && strstr(in.p, "Retry-After: 1\r\n");
        buf_free(&in);
        close(fds[i]);
    }
    assert_true(refused > 0);
    assert_true(served > 100);
    assert_int_equal(served + refused, ARRAY_LEN(fds));
    http_server_stop(s.server);
}

static void a_handler_can_see_that_its_client_hung_up(void **state)
{
    struct site s;

    start(&s, 2);
    for (int reset = 0; reset < 2; reset++) {
        struct linger abort = {.l_onoff = 1};
        int fd = peer_dial(s.port);

        peer_send(fd, GET("/gone", ""));
        await(&s.blocked, reset + 1);
        if (reset)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        close(fd);
        await(&s.saw_gone, reset + 1);
    }
    assert_answer(&s, GET("/x", ""), "200 OK");
    http_server_stop(s.server);
}

static void a_client_that_closes_its_direction_only_still_gets_its_answer(void **state)
{
    struct site s;
    struct buf in = {0};
    int fd;

    start(&s, 2);
    for (int i = 0; i < 20; i++) {
        fd = peer_dial(s.port);
        buf_reset(&in);
        peer_send(fd, i % 2 ? GET("/large", "") : GET("/gone", ""));
        shutdown(fd, SHUT_WR);
        peer_read_all(fd, &in);
        assert_non_null(strstr(in.p, i % 2 ? "Content-Length: 3145728" : "to nobody"));
        assert_true(i % 2 == 0 || in.len > LARGE);
        close(fd);
    }
    buf_free(&in);
    http_server_stop(s.server);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Client and server share the descriptors of this process. */
static void without_descriptors_the_server_waits_and_goes_on(void **state)
{
    struct site s;
    struct rlimit before, few;
    struct buf in = {0};
    int first, second;
    double cpu;

    start(&s, 1);
    first = peer_dial(s.port);
    peer_nap(50);
    second = dup(first); /* the lowest free one */
    close(second);
    must(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = (rlim_t)second + 1;
    must(setrlimit(RLIMIT_NOFILE, &few) == 0);
    second = peer_dial(s.port);
    peer_send(second, GET("/late", ""));
    cpu = cpu_seconds();
    peer_nap(400);
    cpu = cpu_seconds() - cpu;
    assert_int_equal(recv(second, &(char){0}, 1, MSG_DONTWAIT), -1);
    close(first);
    assert_true(peer_read_answer(second, &in));
    must(setrlimit(RLIMIT_NOFILE, &before) == 0);
    assert_non_null(strstr(in.p, "GET /late"));
    assert_true(cpu < 0.2);
    buf_free(&in);
    close(second);
    http_server_stop(s.server);
}

/* ---- start and stop ------------------------------------------------------------------------ */

static void stop_in_background(void *arg)
{
    http_server_stop(((struct site *)arg)->server);
}

static void a_stop_finishes_what_is_being_answered_and_refuses_the_rest(void **state)
{
    struct site s;
    struct thread t;
    struct buf in = {0};
    int busy, waiting, idle, fd;

    start(&s, 1);
    busy = peer_dial(s.port);
    waiting = peer_dial(s.port);
    idle = peer_dial(s.port);
    peer_send(busy, GET("/block", ""));
    await(&s.blocked, 1);
    peer_send(waiting, GET("/block", ""));
    peer_nap(100);
    thread_start(&t, "stopper", stop_in_background, &s);
    assert_true(peer_sees_end(idle));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(
        connect(fd,
                (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET,
                                                         .sin_port = htons((uint16_t)s.port),
                                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                sizeof(struct sockaddr_in)),
        -1);
    close(fd);
    open_gate(&s);
    peer_read_all(busy, &in);
    assert_non_null(strstr(in.p, "went on"));
    buf_reset(&in);
    peer_read_all(waiting, &in);
    assert_non_null(strstr(in.p, "503 "));
    thread_join(&t);
    buf_free(&in);
    close(busy);
    close(waiting);
    close(idle);
}

static void a_stop_does_not_wait_for_ever_for_who_does_not_read(void **state)
{
    struct site s;
    int fd, small = 4096;
    mono_ns began;

    start(&s, 1);
    fd = peer_dial(s.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 4; i++)
        peer_send(fd, GET("/large", ""));
    await(&s.answered, 1);
    began = clock_mono_ns();
    http_server_stop(s.server);
    assert_true(clock_mono_ns() - began < 10 * NS_PER_S);
    close(fd);
}

static void a_stop_under_fire_hangs_nobody(void **state)
{
    struct site s;
    struct thread t;
    int fds[50];

    start(&s, 3);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = peer_dial(s.port);
        peer_send(fds[i], GET("/large", "") GET("/x", ""));
    }
    thread_start(&t, "stopper", stop_in_background, &s);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        assert_true(peer_sees_end(fds[i]));
        close(fds[i]);
    }
    thread_join(&t);
}

static void a_taken_port_is_told_with_its_address(void **state)
{
    struct site s;
    char address[32], expected[80];
    const char *addresses[2] = {"127.0.0.1:0", address};
    struct http_server_options o = {.addresses = addresses,
                                    .n_addresses = 2,
                                    .workers = 1,
                                    .max_connections = 1,
                                    .read_timeout = 1000,
                                    .handler = handler};
    struct http_server *server = NULL;
    struct err err = {0};

    start(&s, 1);
    snprintf(address, sizeof address, "127.0.0.1:%d", s.port);
    snprintf(expected, sizeof expected, "listen on %s: Address already in use", address);
    assert_int_equal(http_server_start(&o, &server, &err), -EADDRINUSE);
    assert_string_equal(err.msg, expected);
    assert_null(server);
    http_server_stop(s.server);
    http_server_stop(NULL);
}

static void addresses_are_read_as_go_reads_them(void **state)
{
    static const struct {
        const char *address;
        int code;
        const char *why;
    } cases[] = {
        {"127.0.0.1:0", 0, NULL},
        {":0", 0, NULL},
        {"localhost:0", 0, NULL},
        {"127.0.0.1", -EINVAL, "listen on 127.0.0.1: expected HOST:PORT"},
        {"127.0.0.1:65536", -EINVAL, "expected HOST:PORT"},
        {"127.0.0.1:http", -EINVAL, "expected HOST:PORT"},
        {"::1:9090", -EINVAL, "brackets"},
        {"no_such_host_.invalid.:1", -EADDRNOTAVAIL, "listen on no_such_host_.invalid.:1: "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_server_options o = {.addresses = &cases[i].address,
                                        .n_addresses = 1,
                                        .workers = 1,
                                        .max_connections = 1,
                                        .read_timeout = 1000,
                                        .handler = handler};
        struct http_server *server = NULL;
        struct err err = {0};

        assert_int_equal(http_server_start(&o, &server, &err), cases[i].code);
        if (cases[i].why && !strstr(err.msg, cases[i].why))
            fail_msg("%s: %s", cases[i].address, err.msg);
        http_server_stop(server);
    }
}

static void a_socket_for_all_addresses_names_ipv4_peers_plainly(void **state)
{
    struct site s;

    start_at(&s, ":0", 1, 20000);
    assert_answer(&s, GET("/x", ""), "from 127.0.0.1 ");
    http_server_stop(s.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_sees_the_request_and_its_answer_arrives),
        cmocka_unit_test(all_methods_of_the_apis_are_heard),
        cmocka_unit_test(an_answer_to_head_has_the_length_and_no_body),
        cmocka_unit_test(parameters_come_from_the_form_first_then_from_the_url),
        cmocka_unit_test(large_bodies_are_compressed_for_those_who_accept_it),
        cmocka_unit_test(a_compressed_body_is_the_body),
        cmocka_unit_test(a_handler_that_forgets_to_answer_is_answered_for),
        cmocka_unit_test(an_answer_that_comes_later_holds_no_worker),
        cmocka_unit_test(an_answer_that_comes_later_may_find_nobody),
        cmocka_unit_test(a_connection_serves_one_request_after_the_other),
        cmocka_unit_test(requests_sent_in_one_go_are_answered_in_their_order),
        cmocka_unit_test(bodies_and_headers_have_a_largest_size),
        cmocka_unit_test(a_body_of_the_largest_size_arrives_whole),
        cmocka_unit_test(a_chunked_body_arrives_whole),
        cmocka_unit_test(who_sends_too_slowly_is_cut_off_in_spite_of_every_byte),
        cmocka_unit_test(idle_connections_are_closed_and_working_ones_are_not),
        cmocka_unit_test(a_client_that_does_not_read_its_answer_is_cut_off),
        cmocka_unit_test(a_slow_reader_that_goes_on_reading_gets_all),
        cmocka_unit_test(connections_beyond_the_limit_wait_until_others_close),
        cmocka_unit_test(health_is_answered_while_every_worker_is_busy),
        cmocka_unit_test(requests_past_the_queue_get_503_and_the_others_their_answer),
        cmocka_unit_test(a_handler_can_see_that_its_client_hung_up),
        cmocka_unit_test(a_client_that_closes_its_direction_only_still_gets_its_answer),
        cmocka_unit_test(without_descriptors_the_server_waits_and_goes_on),
        cmocka_unit_test(a_stop_finishes_what_is_being_answered_and_refuses_the_rest),
        cmocka_unit_test(a_stop_does_not_wait_for_ever_for_who_does_not_read),
        cmocka_unit_test(a_stop_under_fire_hangs_nobody),
        cmocka_unit_test(a_taken_port_is_told_with_its_address),
        cmocka_unit_test(addresses_are_read_as_go_reads_them),
        cmocka_unit_test(a_socket_for_all_addresses_names_ipv4_peers_plainly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
