/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <stdlib.h>

#include <event2/event.h>

#include "base/mem.h"
#include "net/http_client_priv.h"

#define IDLE_MAX                                                                                   \
    1000L /* connections that are kept for reuse; libcurl's own measure is far too small */

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;   /* libcurl's */
    struct http_call *calls;    /* with the multi handle */
    struct http_call *failed;   /* could not be started and are to be told */
    struct loop_timer *failing; /* set while there are such */
    bool in_done;               /* a callback runs: the client must not be freed */
};

/* A socket that libcurl wants watched. */
struct watch {
    struct http_client *client;
    struct event *event;
};

/* ---- calls --------------------------------------------------------------------------------- */

static void link_call(struct http_call **list, struct http_call *call)
{
    call->next = *list;
    if (call->next)
        call->next->prev = call;
    *list = call;
}

static void unlink_call(struct http_call **list, struct http_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        *list = call->next;
    if (call->next)
        call->next->prev = call->prev;
    call->prev = call->next = NULL;
}

static void free_call(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    curl_slist_free_all(call->recipients);
    buf_free(&call->mail);
    free(call->peer);
    free(call->proxy);
    buf_free(&call->body);
    free(call);
}

static struct str header_in(CURL *easy, const char *name)
{
    struct curl_header *h;

    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return STR("");
    return str_c(h->value);
}

static mono_ns duration(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, what, &us);
    return us * 1000;
}

static void read_response(struct http_call *call, struct http_response *ret)
{
    CURL *easy = call->easy;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct http_response){
        .status = (int)status,
        .content_type = header_in(easy, "Content-Type"),
        .retry_after = header_in(easy, "Retry-After"),
        .wanted_header = call->wanted_header ? header_in(easy, call->wanted_header) : STR(""),
        .body = call->body,
        .t_total = duration(easy, CURLINFO_TOTAL_TIME_T),
        .t_resolve = duration(easy, CURLINFO_NAMELOOKUP_TIME_T),
        .t_connect = duration(easy, CURLINFO_CONNECT_TIME_T),
        .t_tls = duration(easy, CURLINFO_APPCONNECT_TIME_T),
        .t_first_byte = duration(easy, CURLINFO_STARTTRANSFER_TIME_T),
    };
}

static void tell(struct http_call *call, struct http_response *response, const struct err *err)
{
    struct http_client *c = call->client;

    c->in_done = true;
    call->ended = true;
    call->done(response, err, call->arg);
    c->in_done = false;
}

static void finish(struct http_call *call, CURLcode code)
{
    struct http_response response;
    struct err err = {0};

    unlink_call(&call->client->calls, call);
    curl_multi_remove_handle(call->client->multi, call->easy);
    if (call->facts)
        http_facts_fill(call);
    if (code == CURLE_OK) {
        read_response(call, &response);
        tell(call, &response, NULL);
        call->body = response.body; /* it may have been taken */
    } else {
        http_words(call, code, &err);
        tell(call, NULL, &err);
    }
    free_call(call);
}

/* A callback may start and cancel calls: libcurl is asked anew after each. */
static void reap(struct http_client *c)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(c->multi, &left))) {
        char *call = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        must(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK);
        finish((struct http_call *)(void *)call, m->data.result);
    }
}

/* One at a time: a callback that tries again at once must not keep the loop from its other work. */
static void tell_failed(void *arg)
{
    struct http_client *c = arg;
    struct http_call *call = c->failed;

    if (!call)
        return;
    unlink_call(&c->failed, call);
    if (c->failed)
        loop_timer_after(c->failing, 0);
    tell(call, NULL, &call->failed);
    free_call(call);
}

struct http_call *http_call_begin(struct http_client *c, struct http_call *take_call, int set_up,
                                  http_done *done, void *arg)
{
    MUST_BE_ON(c->loop);
    take_call->client = c;
    take_call->done = done;
    take_call->arg = arg;
    if (set_up < 0) {
        link_call(&c->failed, take_call);
        loop_timer_after(c->failing, 0);
    } else {
        link_call(&c->calls, take_call);
        must(curl_multi_add_handle(c->multi, take_call->easy) == CURLM_OK);
    }
    return take_call;
}

struct http_call *http_call_start(struct http_client *c, const struct http_request *r,
                                  http_done *done, void *arg)
{
    struct http_call *call = mem_zalloc(sizeof *call);

    return http_call_begin(c, call, http_setup(call, r, &call->failed), done, arg);
}

void http_call_cancel(struct http_call *call)
{
    struct http_client *c = call->client;

    MUST_BE_ON(c->loop);
    must(!call->ended);
    if (call->failed.code) {
        unlink_call(&c->failed, call);
    } else {
        unlink_call(&c->calls, call);
        curl_multi_remove_handle(c->multi, call->easy);
    }
    free_call(call);
}

/* ---- libcurl on the loop ------------------------------------------------------------------- */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct http_client *c = ((struct watch *)arg)->client; /* the watch may end below */
    int ready = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(c->multi, fd, ready, &running);
    reap(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client, void *known)
{
    struct http_client *c = client;
    struct watch *w = known;
    short events = EV_PERSIST;

    if (w)
        event_free(w->event);
    if (what == CURL_POLL_REMOVE) {
        free(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!w) {
        w = mem_zalloc(sizeof *w);
        w->client = c;
        curl_multi_assign(c->multi, fd, w);
    }
    events |= (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    must((w->event = event_new(loop_base(c->loop), fd, events, on_ready, w)));
    must(event_add(w->event, NULL) == 0);
    return 0;
}

static int on_timer_wanted(CURLM *multi, long ms, void *client)
{
    struct http_client *c = client;

    if (ms < 0)
        loop_timer_cancel(c->timer);
    else
        loop_timer_after(c->timer, ms);
    return 0;
}

static void on_timer(void *arg)
{
    struct http_client *c = arg;
    int running;

    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(c);
}

struct http_client *http_client_new(struct loop *l)
{
    struct http_client *c = mem_zalloc(sizeof *c);

    c->loop = l;
    c->timer = loop_timer_new(l, on_timer, c);
    c->failing = loop_timer_new(l, tell_failed, c);
    must((c->multi = curl_multi_init()));
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, IDLE_MAX);
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    MUST_BE_ON(c->loop);
    must(!c->in_done);
    while (c->calls)
        http_call_cancel(c->calls);
    while (c->failed)
        http_call_cancel(c->failed);
    curl_multi_cleanup(c->multi);
    loop_timer_free(c->timer);
    loop_timer_free(c->failing);
    free(c);
}

/* ---- for programs without a loop ----------------------------------------------------------- */

struct fetch {
    struct loop *loop;
    struct http_response *ret;
    struct err *err;
    int result;
};

static void take_response(struct http_response *response, const struct err *err, void *arg)
{
    struct fetch *f = arg;

    if (response) {
        *f->ret = *response;
        f->ret->content_type.p = str_dup(response->content_type);
        f->ret->retry_after.p = str_dup(response->retry_after);
        f->ret->wanted_header.p = str_dup(response->wanted_header);
        response->body = (struct buf){0};
    } else {
        f->result = err_set(f->err, err->code, "%s", err->msg);
    }
    loop_stop(f->loop);
}

int http_fetch(const struct http_request *r, struct http_response *ret, struct err *err)
{
    struct fetch f = {.loop = loop_new(), .ret = ret, .err = err};
    struct http_client *c = http_client_new(f.loop);

    http_call_start(c, r, take_response, &f);
    loop_run(f.loop);
    http_client_free(c);
    loop_free(f.loop);
    return f.result;
}

void http_response_deinit(struct http_response *r)
{
    free((char *)(uintptr_t)r->content_type.p);
    free((char *)(uintptr_t)r->retry_after.p);
    free((char *)(uintptr_t)r->wanted_header.p);
    buf_free(&r->body);
    *r = (struct http_response){0};
}
