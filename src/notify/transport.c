/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport - requests of channels through net/http_client.h
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "net/http_client.h"
#include "net/mail.h"
#include "notify/notify.h"

#define ANSWER_MAX 65536 /* bytes of a far end's answer; it is only quoted in messages */

struct http_transport {
    struct http_client *client;
    struct sending *first; /* under way */
};

struct sending {
    struct http_transport *transport;
    struct http_call *call;
    outgoing_done *done;
    void *arg;
    struct sending *prev, *next;
};

static struct sending *sending_new(struct http_transport *t, outgoing_done *done, void *arg)
{
    struct sending *s = mem_zalloc(sizeof *s);

    *s = (struct sending){.transport = t, .done = done, .arg = arg, .next = t->first};
    if (s->next)
        s->next->prev = s;
    t->first = s;
    return s;
}

static void sending_free(struct sending *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->transport->first = s->next;
    if (s->next)
        s->next->prev = s->prev;
    free(s);
}

static void on_done(struct http_response *response, const struct err *err, void *arg)
{
    struct sending *s = arg;

    if (response)
        s->done(response->status, buf_str(&response->body), NULL, s->arg);
    else
        s->done(0, STR_NONE, err, s->arg);
    sending_free(s);
}

#define HEADERS_MAX 16 /* of one request; a channel has two or three of its own */

static size_t list_headers(const struct outgoing *o, struct http_header *headers)
{
    size_t n = 0;

    headers[n++] = (struct http_header){"User-Agent", "tocsin/" TOCSIN_VERSION};
    if (o->content_type)
        headers[n++] = (struct http_header){"Content-Type", o->content_type};
    must(o->n_headers <= HEADERS_MAX - n);
    for (size_t i = 0; i < o->n_headers; i++)
        headers[n++] = o->headers[i];
    return n;
}

static void send_request(void *self, const struct outgoing *o, outgoing_done *done, void *arg)
{
    struct http_header headers[HEADERS_MAX];
    size_t n_headers = list_headers(o, headers);
    struct sending *s = sending_new(self, done, arg);

    if (o->smtp) {
        s->call = mail_call_start(s->transport->client,
                                  &(struct mail_request){.smtp = o->smtp,
                                                         .envelope = o->envelope,
                                                         .message = o->body,
                                                         .timeout = o->timeout},
                                  on_done, s);
        return;
    }
    s->call = http_call_start(s->transport->client,
                              &(struct http_request){.method = o->method,
                                                     .url = o->url,
                                                     .options = o->http,
                                                     .headers = headers,
                                                     .n_headers = n_headers,
                                                     .body = o->body,
                                                     .timeout = o->timeout,
                                                     .max_body = ANSWER_MAX},
                              on_done, s);
}

struct transport notify_http_transport_new(struct http_client *client)
{
    struct http_transport *t = mem_zalloc(sizeof *t);

    t->client = client;
    return (struct transport){.self = t, .send = send_request};
}

void notify_http_transport_free(struct transport *transport)
{
    struct http_transport *t = transport->self;
    struct err err = {0};

    if (!t)
        return;
    err_set(&err, -ECANCELED, "stopping");
    while (t->first) {
        http_call_cancel(t->first->call);
        on_done(NULL, &err, t->first);
    }
    free(t);
    *transport = (struct transport){0};
}
