/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport - requests of channels through net/http_client.h
 *
 * Secrets in files are read for every attempt, so that a rotated one takes effect without a reload.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_client.h"
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

static int read_secrets(const struct config_http *h, struct buf *user, struct buf *password,
                        struct buf *authorization, struct err *err)
{
    int r;

    if ((r = config_secret(h->basic_username, h->basic_username_file, user, err)) < 0 ||
        (r = config_secret(h->basic_password, h->basic_password_file, password, err)) < 0)
        return r;
    if (h->authorization_credentials || h->authorization_credentials_file) {
        buf_addf(authorization, "%s ", h->authorization_type ? h->authorization_type : "Bearer");
        r = config_secret(h->authorization_credentials, h->authorization_credentials_file,
                          authorization, err);
    }
    return r;
}

static struct tls_options tls_of(const struct config_http *h)
{
    const struct config_tls *t = &h->tls;

    return (struct tls_options){
        .enabled = h->has_tls,
        .ca_file = t->ca_file,
        .ca = t->ca,
        .cert_file = t->cert_file,
        .cert = t->cert,
        .key_file = t->key_file,
        .key = t->key,
        .server_name = t->server_name,
        .insecure_skip_verify = t->insecure_skip_verify,
        .min_version = t->min_version,
        .max_version = t->max_version,
    };
}

static void send_request(void *self, const struct outgoing *o, outgoing_done *done, void *arg)
{
    const struct config_http *h = o->http;
    CLEANUP(buf_free)
    struct buf user = {0}, password = {0}, authorization = {0};
    struct http_header type = {"Content-Type", o->content_type};
    struct http_options options = {.tls = tls_of(h),
                                   .proxy_url = h->proxy_url,
                                   .no_proxy = h->no_proxy,
                                   .follow_redirects = h->follow_redirects};
    struct http_header *headers = mem_array(h->n_headers + 1, sizeof *headers);
    struct err err = {0};
    struct sending *s;

    if (read_secrets(h, &user, &password, &authorization, &err) < 0) {
        free(headers);
        done(0, STR_NONE, &err, arg);
        return;
    }
    for (size_t i = 0; i < h->n_headers; i++)
        headers[i] = (struct http_header){h->headers[i].name, h->headers[i].value};
    headers[h->n_headers] = (struct http_header){"User-Agent", "tocsin/" TOCSIN_VERSION};
    options.headers = headers;
    options.n_headers = h->n_headers + 1;
    options.basic_user = user.len ? user.p : NULL;
    options.basic_password = password.p;
    options.authorization = authorization.len ? authorization.p : NULL;
    s = sending_new(self, done, arg);
    s->call = http_call_start(s->transport->client,
                              &(struct http_request){.method = o->method,
                                                     .url = o->url,
                                                     .options = &options,
                                                     .headers = &type,
                                                     .n_headers = 1,
                                                     .body = o->body,
                                                     .timeout = o->timeout,
                                                     .max_body = ANSWER_MAX},
                              on_done, s);
    free(headers);
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
