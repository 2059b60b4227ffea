/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the HTTP server. evhttp reads and writes them, but leaves open what a public port
 * needs:
 *
 *  - it does not count connections, so every one gets an entry here, from its bufferevent (evhttp
 * asks for that first) to its close callback; at the limit the listening sockets rest and the
 * kernel queues;
 *  - its time-outs start anew with every byte, and run while an answer is written. Here a request
 * has to be complete `read_timeout` after its first byte, and an answer may not stand still for as
 * long;
 *  - it reads nothing while a request is handled, so it does not see a peer hang up. An event of
 * ours does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "net/http_server_priv.h"

#define SWEEP_LEAST_MS  10
#define SWEEP_MOST_MS   1000
#define ACCEPT_PAUSE_MS 100 /* until accept() is tried again when descriptors ran out */
#define INPUT_SLACK                                                                                \
    ((size_t)64 << 10) /* bytes that may come behind one request of the largest size */

SELFMETRIC(rests, METRIC_COUNTER, "tocsin_http_accept_rests_total", NULL,
           "How often no connection was accepted for a while: too many, or no descriptors.");

/* libevent gives the error callback of a listening socket its own argument, evhttp's. */
static _Thread_local struct http_server *server_here;

/* ---- accepting and resting ----------------------------------------------------------------- */

static void rest(struct http_server *s)
{
    if (s->conns.paused)
        return;
    s->conns.paused = true;
    selfmetric_add(&rests, 1);
    for (size_t i = 0; i < s->n_listeners; i++)
        evconnlistener_disable(s->listeners[i].listener);
}

static void accept_again(void *arg)
{
    struct http_server *s = arg;

    if (!s->conns.paused || s->stopping || s->conns.n >= s->o.max_connections)
        return;
    s->conns.paused = false;
    for (size_t i = 0; i < s->n_listeners; i++)
        evconnlistener_enable(s->listeners[i].listener);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    rest(server_here);
    loop_timer_after(server_here->conns.accept_again, ACCEPT_PAUSE_MS);
}

/* ---- life of a connection ------------------------------------------------------------------ */

static uint64_t hash_pointer(const void *p)
{
    return hash_bytes(&p, sizeof p);
}

static bool has_evcon(const void *key, const void *value)
{
    return ((const struct http_conn *)value)->evcon == key;
}

static void enter(struct http_conn *c, enum conn_state state)
{
    c->state = state;
    c->since = clock_mono_ns();
}

static void on_input(struct evbuffer *b, const struct evbuffer_cb_info *change, void *arg)
{
    struct http_conn *c = arg;

    if (c->state == CONN_IDLE && change->n_added > 0)
        enter(c, CONN_READING);
}

static void on_output(struct evbuffer *b, const struct evbuffer_cb_info *change, void *arg)
{
    struct http_conn *c = arg;

    if (c->state == CONN_WRITING && change->n_deleted > 0)
        c->since = clock_mono_ns();
}

static void arm_sweep(struct http_server *s)
{
    dur_ms d = s->o.read_timeout / 4;

    d = d < SWEEP_LEAST_MS ? SWEEP_LEAST_MS : d > SWEEP_MOST_MS ? SWEEP_MOST_MS : d;
    loop_timer_after(s->conns.sweep, d);
}

/* evhttp asks for the bufferevent of a connection that it has accepted. */
static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
    struct http_server *s = arg;
    struct http_conn *c = mem_zalloc(sizeof *c);

    c->server = s;
    must((c->bev = bufferevent_socket_new(base, -1, 0)));
    bufferevent_incref(c->bev); /* until it is adopted */
    /* evhttp reads on while it writes an error page of its own: what comes then must have an end.
     */
    bufferevent_setwatermark(c->bev, EV_READ, 0, s->o.max_header + s->o.max_body + INPUT_SLACK);
    must(evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c));
    must(evbuffer_add_cb(bufferevent_get_output(c->bev), on_output, c));
    enter(c, CONN_IDLE);

    c->next = s->conns.first;
    if (c->next)
        c->next->prev = c;
    s->conns.first = c;
    c->next_new = s->conns.newborn;
    s->conns.newborn = c;
    event_active(s->conns.adopt, EV_READ, 0);
    if (s->conns.n++ == 0)
        arm_sweep(s);
    if (s->conns.n >= s->o.max_connections)
        rest(s);
    return c->bev;
}

static void conn_free(struct http_conn *c)
{
    struct http_conns *all = &c->server->conns;

    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    evbuffer_remove_cb(bufferevent_get_output(c->bev), on_output, c);
    if (c->gone)
        event_free(c->gone);
    if (c->prev)
        c->prev->next = c->next;
    else
        all->first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    all->n--;
    accept_again(c->server);
    free(c);
}

/* An answer that was on its way is done with, whether it arrived or not. */
static void let_go(struct http_conn *c)
{
    struct http_exchange *x = TAKE(c->exchange);
    bool sent_off = c->state == CONN_WRITING;

    x->conn = NULL;
    atomic_store(&x->gone, true); /* of no meaning to an answer that is out */
    c->server->conns.exchanges--;
    if (sent_off)
        http_exchange_unref(x);
    http_server_check_stopped(c->server);
}

static void on_closed(struct evhttp_connection *evcon, void *arg)
{
    struct http_conn *c = arg;

    map_remove(&c->server->conns.by_evcon, hash_pointer(evcon), has_evcon, evcon);
    if (c->exchange)
        let_go(c);
    conn_free(c);
}

/*
 * evhttp has no callback that tells the connection object of a new connection before its first
 * request is complete. But the argument that it gives to the bufferevent's callbacks is that
 * object. This runs after the accept callback has returned and before anything is read.
 */
static void adopt_newborn(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s = arg;
    struct http_conn *c;

    while ((c = s->conns.newborn)) {
        struct bufferevent *bev = c->bev;
        void *evcon = NULL;

        s->conns.newborn = c->next_new;
        bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
        c->evcon = evcon;
        if (evcon) {
            map_add(&s->conns.by_evcon, hash_pointer(evcon), c);
            evhttp_connection_set_closecb(c->evcon, on_closed, c);
            setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        }
        if (!evcon) /* closed before it began */
            conn_free(c);
        bufferevent_decref(bev);
    }
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static void sweep(void *arg)
{
    struct http_server *s = arg;
    mono_ns oldest = clock_mono_ns() - s->o.read_timeout * NS_PER_MS;
    struct http_conn *c, *next;

    for (c = s->conns.first; c; c = next) {
        next = c->next;
        if (c->state != CONN_HANDLING && c->since < oldest && c->evcon)
            evhttp_connection_free(c->evcon);
    }
    if (s->conns.n > 0)
        arm_sweep(s);
}

void http_conns_close_waiting(struct http_server *s)
{
    struct http_conn *c, *next;

    for (c = s->conns.first; c; c = next) {
        next = c->next;
        if (!c->exchange && c->evcon)
            evhttp_connection_free(c->evcon);
    }
}

/* ---- exchanges ----------------------------------------------------------------------------- */

/* Something happened at a socket that nobody reads from: an end, an error, or the next request
 * already. */
static void on_peer_stirs(evutil_socket_t fd, short what, void *arg)
{
    struct http_conn *c = arg;
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if ((what & EV_CLOSED) || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        atomic_store(&c->exchange->gone, true);
}

/* Not persistent: the socket stays ready, and the loop would spin. */
static void watch_peer(struct http_conn *c)
{
    if (!c->gone)
        must((c->gone = event_new(loop_base(c->server->loop), bufferevent_getfd(c->bev),
                                  EV_READ | EV_CLOSED, on_peer_stirs, c)));
    must(event_add(c->gone, NULL) == 0);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct http_server *s = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    struct http_conn *c = map_get(&s->conns.by_evcon, hash_pointer(evcon), has_evcon, evcon);
    struct http_exchange *x = http_exchange_new(s, req);

    must(c && !c->exchange);
    c->exchange = x;
    x->conn = c;
    enter(c, CONN_HANDLING);
    s->conns.exchanges++;
    watch_peer(c);
    http_server_take(s, x);
}

static void on_sent(struct evhttp_request *req, void *arg)
{
    struct http_conn *c = arg;

    let_go(c);
    enter(c, evbuffer_get_length(bufferevent_get_input(c->bev)) > 0 ? CONN_READING : CONN_IDLE);
}

static void free_body(const void *bytes, size_t n, void *arg)
{
    free(arg);
}

/* A name or value with a line break would end the headers early: evhttp refuses it, it is left out.
 */
static void add_headers(struct http_exchange *x, bool close)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(x->req);

    for (size_t i = 0; i < x->n_headers_out; i++)
        evhttp_add_header(out, x->headers_out[i].name, x->headers_out[i].value);
    if (close)
        evhttp_add_header(out, "Connection", "close");
}

void http_conn_send(void *exchange)
{
    struct http_exchange *x = exchange;
    struct http_conn *c = x->conn;
    struct evbuffer *body = NULL;
    size_t n = x->body_out.len;

    if (!c) {
        http_exchange_unref(x);
        return;
    }
    event_del(c->gone);
    enter(c, CONN_WRITING);
    add_headers(x, c->server->stopping);
    if (str_eq(x->method, STR("HEAD"))) {
        char length[24];

        snprintf(length, sizeof length, "%zu", n);
        evhttp_add_header(evhttp_request_get_output_headers(x->req), "Content-Length", length);
    } else if (n > 0) {
        char *bytes = buf_take(&x->body_out);

        must((body = evbuffer_new()));
        must(evbuffer_add_reference(body, bytes, n, free_body, bytes) == 0);
    }
    evhttp_request_set_on_complete_cb(x->req, on_sent, c);
    evhttp_send_reply(x->req, x->status, NULL, body);
    /* evhttp would read on, and drop the answer of a client that has only closed its own direction.
     * A client that is gone altogether is seen by writing. evhttp reads again when the answer is
     * out. */
    bufferevent_disable(c->bev, EV_READ);
    if (body)
        evbuffer_free(body);
}

/* ---- start and end ------------------------------------------------------------------------- */

static void know_server(void *arg)
{
    server_here = arg;
}

void http_conns_init(struct http_server *s)
{
    struct event_base *base = loop_base(s->loop);

    must((s->http = evhttp_new(base)));
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(s->http, (ev_ssize_t)s->o.max_header);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)s->o.max_body);
    evhttp_set_default_content_type(s->http, NULL);
    evhttp_set_bevcb(s->http, on_accepted, s);
    evhttp_set_gencb(s->http, on_request, s);
    must((s->conns.adopt = event_new(base, -1, 0, adopt_newborn, s)));
    s->conns.sweep = loop_timer_new(s->loop, sweep, s);
    s->conns.accept_again = loop_timer_new(s->loop, accept_again, s);
    loop_post(s->loop, know_server, s);
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct http_listener *l = &s->listeners[i];

        must((l->bound = evhttp_bind_listener(s->http, l->listener)));
        evconnlistener_set_error_cb(l->listener, on_accept_error);
    }
}

void http_conns_deinit(struct http_server *s)
{
    if (s->http) {
        adopt_newborn(-1, 0,
                      s);     /* those that came as the loop ended have to be known to be freed */
        evhttp_free(s->http); /* closes the connections, and the sockets that still listen */
    }
    loop_timer_free(s->conns.sweep);
    loop_timer_free(s->conns.accept_again);
    if (s->conns.adopt)
        event_free(s->conns.adopt);
    map_deinit(&s->conns.by_evcon);
}
