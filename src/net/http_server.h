/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server - listens, reads requests, has worker threads answer them; over libevent's evhttp
 *
 * One I/O thread ("http") owns the sockets; `workers` threads ("api-N") run the handler, which may block on
 * a query. A handler sees a complete request and answers exactly once. When all workers are busy requests
 * wait in a bounded queue; past it they get 503. Paths that must answer while every worker is busy (health
 * checks) can be given to the I/O thread by `quick`.
 */
#ifndef TOCSIN_NET_HTTP_SERVER_H
#define TOCSIN_NET_HTTP_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/duration.h"

struct http_server;
struct http_exchange;

typedef void http_handler(struct http_exchange *x, void *arg);

struct http_server_options {
    const char *const *addresses; /* "127.0.0.1:9090", "[::1]:9090", ":9090" */
    size_t n_addresses;
    int workers;       /* at most; each is started when all before it are busy */
    size_t max_body;   /* bytes */
    size_t max_header; /* bytes */
    int max_connections;
    dur_ms read_timeout; /* of idle connections and slow senders */
    http_handler *handler;
    bool (*quick)(struct http_exchange *x,
                  void *arg); /* true: answered; runs on the I/O thread; may be NULL */
    void *arg;
};

/* Binds all addresses before it returns: -EADDRINUSE with words, and so on. */
int http_server_start(const struct http_server_options *o, struct http_server **ret,
                      struct err *err);
void http_server_stop(
    struct http_server *s); /* finishes what is being answered, closes, joins, frees */
int http_server_port(const struct http_server *s, size_t i); /* of address i, useful after port 0 */

/* ---- the request --------------------------------------------------------------------------- */
struct str http_method(const struct http_exchange *x);
struct str http_path(const struct http_exchange *x);                        /* percent-decoded */
struct str http_query(const struct http_exchange *x);                       /* raw, after the "?" */
struct str http_header_in(const struct http_exchange *x, const char *name); /* .p NULL: absent */
struct str http_body(const struct http_exchange *x); /* gunzipped is up to the handler */
struct str http_peer(const struct http_exchange *x); /* "127.0.0.1" */

/* The i-th value of a parameter, from a form body first, then the URL; .p NULL when there is none. */
struct str http_param(const struct http_exchange *x, const char *name, size_t i);

bool http_client_gone(const struct http_exchange *x); /* the peer hung up: a long answer may stop */
const atomic_bool *http_client_gone_flag(
    const struct http_exchange *x); /* the same, to be watched */

/* ---- the answer ---------------------------------------------------------------------------- */
/* Before http_reply(). A header with a line break in it is left out. */
void http_header_out(struct http_exchange *x, const char *name, const char *value);
/* Takes the bytes of the body (NULL: none) and leaves it empty. Compresses it when the client accepts that. The
 * handler may go on reading the request until it returns. One that gives no answer is answered for, with 500. */
void http_reply(struct http_exchange *x, int status, const char *content_type,
                struct buf *take_body);
/* In a handler: the answer comes later, from any thread, which calls http_release() behind its
 * http_reply(). It has to come before http_server_stop(). */
void http_defer(struct http_exchange *x);
void http_release(struct http_exchange *x);
void http_reply_text(struct http_exchange *x, int status,
                     const char *text); /* text/plain; charset=utf-8 */

#endif
