/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/http.h>
#include <event2/listener.h>

#include "base/mem.h"
#include "model/selfmetrics.h"
#include "net/http_server_priv.h"

#define LAST_CALL_MS 3000 /* at a stop: for answers to reach clients that read slowly */

SELFMETRIC(
    refused, METRIC_COUNTER, "tocsin_http_requests_refused_total", NULL,
    "Requests that got 503 because no worker was free and too many waited, or because of a stop.");

/* ---- workers ------------------------------------------------------------------------------- */

static void refuse(struct http_exchange *x, const char *why)
{
    selfmetric_add(&refused, 1);
    http_header_out(x, "Retry-After", "1");
    http_reply_text(x, 503, why);
}

/* Runs the handler; its reference ends with it. */
static void handle(struct http_exchange *x, bool stopping)
{
    if (stopping)
        refuse(x, "stopping\n");
    else
        x->server->o.handler(x, x->server->o.arg);
    if (!x->deferred && !x->answered)
        http_reply_text(x, 500, "the handler gave no answer\n");
    http_exchange_unref(x);
}

/* Under the lock: the exchange that waits for the longest time. */
static struct http_exchange *take_queued(struct http_server *s)
{
    struct http_exchange *x = s->first;

    if (!x)
        return NULL;
    s->first = x->next;
    if (!s->first)
        s->last = &s->first;
    s->n_queued--;
    return x;
}

static struct http_exchange *next_exchange(struct http_worker *w, bool *ret_closed)
{
    struct http_server *s = w->server;

    WITH_LOCK(&s->lock);
    if (!w->given && !s->closed && !(w->given = take_queued(s))) {
        w->below = s->idle;
        s->idle = w;
        while (!w->given && !s->closed)
            pthread_cond_wait(&w->wake, &s->lock.m);
    }
    *ret_closed = s->closed;
    return w->given ? TAKE(w->given) : take_queued(s);
}

static void work(void *arg)
{
    struct http_worker *w = arg;
    struct http_exchange *x;
    bool stopping;

    while ((x = next_exchange(w, &stopping)))
        handle(x, stopping);
}

/* Under the lock. Its first exchange is x. */
static void start_worker(struct http_server *s, struct http_exchange *x)
{
    struct http_worker *w = &s->workers[s->n_workers++];
    char name[16]; /* what the kernel keeps of a thread's name */

    *w = (struct http_worker){.server = s, .given = x};
    must(pthread_cond_init(&w->wake, NULL) == 0);
    snprintf(name, sizeof name, "api-%d", s->n_workers);
    thread_start(&w->thread, name, work, w);
}

static bool enqueue(struct http_server *s, struct http_exchange *x)
{
    struct http_worker *w;

    WITH_LOCK(&s->lock);
    w = s->idle;
    if (s->closed || s->n_queued >= HTTP_QUEUE_MAX)
        return false;
    if (w) {
        s->idle = w->below;
        w->given = x;
        pthread_cond_signal(&w->wake);
    } else if (s->n_workers < s->o.workers) {
        start_worker(s, x);
    } else {
        *s->last = x;
        s->last = &x->next;
        s->n_queued++;
    }
    return true;
}

void http_server_take(struct http_server *s, struct http_exchange *x)
{
    if (s->o.quick && s->o.quick(x, s->o.arg)) {
        must(x->answered);
        http_exchange_unref(x);
        return;
    }
    must(!x->answered);
    if (!s->stopping && enqueue(s, x))
        return;
    refuse(x, s->stopping ? "stopping\n" : "all workers are busy and too many requests wait\n");
    http_exchange_unref(x);
}

/* ---- the I/O thread ------------------------------------------------------------------------ */

static void run_io(void *arg)
{
    loop_run(((struct http_server *)arg)->loop);
}

void http_server_check_stopped(struct http_server *s)
{
    if (s->workers_done && s->conns.exchanges == 0)
        loop_stop(s->loop);
}

static void stop_accepting(void *arg)
{
    struct http_server *s = arg;

    s->stopping = true;
    for (size_t i = 0; i < s->n_listeners; i++)
        evhttp_del_accept_socket(s->http, s->listeners[i].bound); /* frees the listener, too */
    http_conns_close_waiting(s);
}

static void end_waiting(void *arg)
{
    loop_stop(((struct http_server *)arg)->loop);
}

static void bring_out_answers(void *arg)
{
    struct http_server *s = arg;

    s->workers_done = true;
    loop_timer_after(s->last_call, LAST_CALL_MS);
    http_server_check_stopped(s);
}

/* ---- start and stop ------------------------------------------------------------------------ */

static int listen_on_all(struct http_server *s, const struct http_server_options *o,
                         struct err *err)
{
    s->listeners = mem_array(o->n_addresses, sizeof *s->listeners);
    for (size_t i = 0; i < o->n_addresses; i++) {
        struct http_listener *l = &s->listeners[i];
        int fd, r = http_listen(o->addresses[i], &fd, &l->port, err);

        if (r < 0)
            return r;
        must((l->listener = evconnlistener_new(loop_base(s->loop), NULL, NULL,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
                                               fd)));
        s->n_listeners++;
    }
    return 0;
}

static void free_server(struct http_server *s)
{
    if (!s->http) /* evhttp does not own them yet */
        for (size_t i = 0; i < s->n_listeners; i++)
            evconnlistener_free(s->listeners[i].listener);
    http_conns_deinit(s);
    loop_timer_free(s->last_call);
    loop_free(s->loop);
    free(s->listeners);
    for (int i = 0; i < s->n_workers; i++)
        pthread_cond_destroy(&s->workers[i].wake);
    free(s->workers);
    lock_deinit(&s->lock);
    free(s);
}

static void start_threads(struct http_server *s)
{
    s->workers = mem_array((size_t)s->o.workers, sizeof *s->workers);
    thread_start(&s->io, "http", run_io, s);
}

int http_server_start(const struct http_server_options *o, struct http_server **ret,
                      struct err *err)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    int r;

    must(o->n_addresses > 0 && o->workers > 0 && o->handler && o->max_connections > 0);
    must(o->read_timeout > 0 && o->max_body <= INT_MAX && o->max_header <= INT_MAX);
    s->o = *o;
    s->o.addresses = NULL; /* the caller's */
    s->o.n_addresses = 0;
    s->last = &s->first;
    lock_init(&s->lock);
    s->loop = loop_new();
    s->last_call = loop_timer_new(s->loop, end_waiting, s);
    r = listen_on_all(s, o, err);
    if (r < 0) {
        free_server(s);
        return r;
    }
    http_conns_init(s);
    start_threads(s);
    *ret = s;
    return 0;
}

/*
 * From the outside in: no new requests, then the handlers run to their end (those that wait are
 * refused), then their answers go out, then the sockets are closed.
 */
void http_server_stop(struct http_server *s)
{
    if (!s)
        return;
    loop_post(s->loop, stop_accepting, s);
    lock_take(&s->lock);
    s->closed = true;
    for (struct http_worker *w = s->idle; w; w = w->below)
        pthread_cond_signal(&w->wake);
    lock_give(&s->lock);
    for (int i = 0; i < s->n_workers; i++)
        thread_join(&s->workers[i].thread);
    loop_post(s->loop, bring_out_answers, s);
    thread_join(&s->io);
    free_server(s);
}

int http_server_port(const struct http_server *s, size_t i)
{
    must(i < s->n_listeners);
    return s->listeners[i].port;
}
