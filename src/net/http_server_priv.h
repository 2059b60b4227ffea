/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server_priv - the parts of the HTTP server
 *
 *     http_listen    addresses, sockets that listen
 *     http_conn      connections and evhttp, the I/O thread's side of an exchange
 *     http_exchange  the request as a handler sees it, the answer as it gives it
 *     http_server    threads, the queue between them, start and stop
 *
 * Objects of libevent are touched on the I/O thread only. An exchange is made there, goes through
 * the queue to a worker, and its answer is posted back; each side holds a reference.
 */
#ifndef TOCSIN_NET_HTTP_SERVER_PRIV_H
#define TOCSIN_NET_HTTP_SERVER_PRIV_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/thread.h"
#include "net/form_priv.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop_priv.h"

struct bufferevent;
struct event;
struct evconnlistener;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;

#define HTTP_QUEUE_MAX 256 /* requests that wait for a worker; past it they get 503 */

/* ---- connections: I/O thread only ---------------------------------------------------------- */

enum conn_state {
    CONN_IDLE,     /* no byte of the next request has come */
    CONN_READING,  /* a request is on its way in */
    CONN_HANDLING, /* it is complete, somebody works on the answer */
    CONN_WRITING,  /* the answer is on its way out */
};

struct http_conn {
    struct http_server *server;
    struct bufferevent *bev;
    struct evhttp_connection *evcon;
    struct event *gone;             /* watches for the end of the peer while CONN_HANDLING */
    struct http_exchange *exchange; /* of CONN_HANDLING and CONN_WRITING */
    enum conn_state state;
    mono_ns since; /* of the state; CONN_WRITING: the last byte that went out */
    struct http_conn *prev, *next;
    struct http_conn *next_new;
};

struct http_conns {
    struct http_conn *first;
    struct http_conn *newborn; /* not yet known by evcon */
    struct map by_evcon;
    int n;
    int exchanges;            /* requests that came and whose answer is not out */
    struct event *adopt;      /* active when there are newborn ones */
    struct loop_timer *sweep; /* set while there are connections */
    struct loop_timer *accept_again;
    bool paused; /* the listening sockets rest: too many connections or no descriptors */
};

void http_conns_init(struct http_server *s);
void http_conns_deinit(struct http_server *s);
void http_conns_close_waiting(struct http_server *s); /* those that nobody answers */
void http_conn_send(void *exchange);                  /* a post: the answer is complete */

/* ---- exchanges ----------------------------------------------------------------------------- */

struct http_exchange {
    struct http_server *server;
    atomic_int refs;  /* the I/O thread's and the handler's */
    atomic_bool gone; /* the peer hung up */

    /* I/O thread only */
    struct http_conn *conn; /* NULL: the connection is closed, and with it req */
    struct evhttp_request *req;
    struct http_exchange *next; /* in the queue, under its lock */

    /* handler's thread only, from here to there by the queue and by the post of the answer */
    struct arena arena; /* all texts below */
    struct str method, path, query, peer;
    struct http_header *headers;
    size_t n_headers;
    struct buf body;
    struct form form;
    bool form_read, answered;
    bool deferred; /* somebody else answers; read and written by the worker only */

    int status;
    struct http_header *headers_out; /* names and values are in the arena */
    size_t n_headers_out, cap_headers_out;
    struct buf body_out;
};

struct http_exchange *http_exchange_new(struct http_server *s, struct evhttp_request *req);
void http_exchange_unref(struct http_exchange *x);

/* ---- listening ----------------------------------------------------------------------------- */

/* A socket that listens on HOST:PORT; -errno with words. *ret_port is what the kernel gave for port
 * 0. */
int http_listen(const char *address, int *ret_fd, int *ret_port, struct err *err);

/* ---- the server ---------------------------------------------------------------------------- */

struct http_listener {
    struct evconnlistener *listener; /* I/O thread */
    struct evhttp_bound_socket *bound;
    int port;
};

/* One that waits lies on a stack: the one that ran last has its memory in the cache yet, and those
 * below it need none for long. */
struct http_worker {
    struct http_server *server;
    struct thread thread;
    pthread_cond_t wake;
    struct http_exchange *given; /* under lock */
    struct http_worker *below;   /* on the stack; under lock */
};

struct http_server {
    struct http_server_options o; /* without the addresses */
    struct loop *loop;            /* of the I/O thread */
    struct evhttp *http;
    struct http_listener *listeners;
    size_t n_listeners;
    struct thread io;
    struct http_worker *workers;
    int n_workers; /* under lock; when closed no more are added */
    struct http_conns conns;
    struct loop_timer
        *last_call;    /* I/O thread: the longest time to bring out answers when stopping */
    bool stopping;     /* I/O thread */
    bool workers_done; /* I/O thread: no answer will be added */

    /* any thread, under lock */
    struct lock lock;
    struct http_worker *idle;            /* the stack of those that wait */
    struct http_exchange *first, **last; /* exchanges that wait: nobody is idle then */
    size_t n_queued;
    bool closed;
};

/* I/O thread: a request came. Gives it to a worker, or answers that there is no room. */
void http_server_take(struct http_server *s, struct http_exchange *x);
void http_server_check_stopped(struct http_server *s); /* I/O thread: an answer is out */

#endif
