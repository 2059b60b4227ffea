/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns_exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/loop_priv.h"
#include "net/sockaddr_priv.h"
#include "net/stream.h"

#define UDP_MAX 4096 /* bytes; 512 are usual, what is cut off is a broken answer */

struct dns_exchange {
    struct dns_exchange_events events;
    void *arg;
    mono_ns sent;
    int fd; /* UDP, -1: none */
    struct event *readable;
    struct stream *stream; /* TCP */
    struct buf message;    /* for it */
};

void dns_exchange_free(struct dns_exchange *x)
{
    if (!x)
        return;
    if (x->readable)
        event_free(x->readable);
    if (x->fd >= 0)
        close(x->fd);
    stream_free(x->stream);
    buf_free(&x->message);
    free(x);
}

mono_ns dns_exchange_sent(const struct dns_exchange *x)
{
    return x->sent;
}

/* ---- TCP: the message with its length before it -------------------------------------------- */

static void on_tcp_open(struct stream *s, void *arg)
{
    struct dns_exchange *x = arg;
    const char length[2] = {(char)(x->message.len >> 8), (char)x->message.len};

    x->sent = clock_mono_ns();
    stream_write(s, str_n(length, 2));
    stream_write(s, buf_str(&x->message));
    if (x->events.on_sent)
        x->events.on_sent(x->arg);
}

/* Only the first message is looked at: there was one question. */
static void on_tcp_data(struct stream *s, void *arg)
{
    struct dns_exchange *x = arg;
    struct str in = stream_input(s);
    size_t len = in.len < 2 ? 0 : (size_t)((uint8_t)in.p[0] << 8 | (uint8_t)in.p[1]);

    if (in.len >= 2 && in.len - 2 >= len)
        x->events.on_message(str_n(in.p + 2, len), x->arg);
}

static void on_tcp_closed(struct stream *s, const struct err *err, void *arg)
{
    struct dns_exchange *x = arg;
    struct err why = *err;

    if (!why.code)
        err_set(&why, -EPROTO, "closed by the server");
    x->events.on_failed(&why, x->arg);
}

static void open_stream(struct dns_exchange *x, struct loop *l,
                        const struct dns_exchange_options *o)
{
    static const struct stream_events events = {
        .on_open = on_tcp_open, .on_data = on_tcp_data, .on_closed = on_tcp_closed};

    x->stream = stream_open(l,
                            &(struct stream_options){.host = o->address,
                                                     .port = o->port,
                                                     .source = o->source,
                                                     .tls = o->tls,
                                                     .facts = o->facts,
                                                     .connect_timeout = o->connect_timeout},
                            &events, x);
}

/* ---- UDP ----------------------------------------------------------------------------------- */

static void on_udp_data(evutil_socket_t fd, short what, void *arg)
{
    char bytes[UDP_MAX];
    struct dns_exchange *x = arg;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    struct err err = {0};

    if (n >= 0) {
        x->events.on_message(str_n(bytes, (size_t)n), x->arg);
    } else if (errno != EAGAIN && errno != EINTR) {
        err_set(&err, -errno, "%m");
        x->events.on_failed(&err, x->arg);
    }
}

/* A connected socket takes datagrams from nobody else, and the kernel chooses a port at random. */
static int open_udp(struct dns_exchange *x, struct loop *l, const struct dns_exchange_options *o,
                    struct err *err)
{
    struct socket_address to, source = {0};

    if (!socket_address_set(&to, o->address, o->port) ||
        (o->source && !socket_address_set(&source, o->source, 0)))
        return err_set(err, -EINVAL, "no address in digits");
    x->fd = socket_open(&to, SOCK_DGRAM, &source);
    if (x->fd < 0)
        return err_set(err, x->fd, "socket%s%s: %s", o->source ? " with the address " : "",
                       o->source ? o->source : "", strerrordesc_np(-x->fd));
    if (connect(x->fd, (const struct sockaddr *)&to.sa, to.len) < 0 ||
        send(x->fd, x->message.p, x->message.len, MSG_NOSIGNAL) < 0)
        return err_set(err, -errno, "%m");
    x->sent = clock_mono_ns();
    must((x->readable = event_new(loop_base(l), x->fd, EV_READ | EV_PERSIST, on_udp_data, x)));
    must(event_add(x->readable, NULL) == 0);
    return 0;
}

int dns_exchange_start(struct loop *l, const struct dns_exchange_options *o, struct str message,
                       const struct dns_exchange_events *e, void *arg, struct dns_exchange **ret,
                       struct err *err)
{
    struct dns_exchange *x = mem_zalloc(sizeof *x);
    int r = 0;

    MUST_BE_ON(l);
    *x = (struct dns_exchange){.events = *e, .arg = arg, .fd = -1};
    buf_add_str(&x->message, message);
    if (o->tcp)
        open_stream(x, l, o);
    else
        r = open_udp(x, l, o, err);
    if (r < 0)
        dns_exchange_free(x);
    else
        *ret = x;
    return r;
}
