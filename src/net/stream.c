/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/loop_priv.h"
#include "net/resolve_priv.h"
#include "net/sockaddr_priv.h"
#include "net/tls_priv.h"

#define ADDRESSES_MAX    8                   /* of a name; more are not tried */
#define INPUT_MAX        ((size_t)256 << 20) /* bytes that the owner has not consumed */
#define OUTPUT_MAX       ((size_t)64 << 20)  /* bytes that the peer has not taken */
#define ADDRESS_TEXT_MAX 80 /* bytes of an address in digits, with the name of an interface */
#define MOVED_LEAST      ((size_t)65536) /* consumed bytes before the rest is moved to the front */

struct stream {
    struct loop *loop;
    struct stream_events events;
    void *arg;
    enum { START, RESOLVE, CONNECT, HANDSHAKE, OPEN, CLOSED } step;

    char *host; /* NULL: a unix socket */
    int port;
    struct socket_address addresses[ADDRESSES_MAX]; /* those of the host; of a unix socket one */
    size_t n_addresses, next_address;
    struct socket_address source;      /* len 0: the kernel's choice */
    char peer[256 + ADDRESS_TEXT_MAX]; /* of the attempt; a longer name is cut */

    struct loop_timer *timer; /* START and failed: at once; until OPEN: the end of a step */
    dur_ms timeout;
    mono_ns deadline;
    struct err failed; /* code not 0: is told when the timer fires */
    struct err first;  /* what the first address said */

    struct resolve *resolve;  /* RESOLVE */
    int fd;                   /* CONNECT, -1 else: the bufferevent owns it */
    struct event *connecting; /* CONNECT */
    bool tls;
    SSL *ssl;                /* with TLS, until HANDSHAKE: then the bufferevent owns it */
    struct bufferevent *bev; /* HANDSHAKE and OPEN */
    struct buf out;          /* written before OPEN */
    struct buf in;
    size_t consumed; /* bytes at the front of in */
};

static void connect_next(struct stream *s);

/* ---- the end ------------------------------------------------------------------------------- */

static void drop_connection(struct stream *s)
{
    if (s->connecting)
        event_free(TAKE(s->connecting));
    if (s->bev)
        bufferevent_free(TAKE(s->bev));
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* Nothing may be done with s after this: the owner may have freed it. */
static void close_with(struct stream *s, const struct err *why)
{
    struct err err = *why; /* it may lie in s */

    drop_connection(s);
    loop_timer_cancel(s->timer);
    s->step = CLOSED;
    s->events.on_closed(s, &err, s->arg);
}

/* ---- open ---------------------------------------------------------------------------------- */

static void become_open(struct stream *s)
{
    if (!s->failed.code)
        loop_timer_cancel(s->timer);
    s->step = OPEN;
    if (s->out.len > 0)
        bufferevent_write(s->bev, s->out.p, s->out.len);
    buf_free(&s->out);
    s->events.on_open(s, s->arg);
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct stream *s = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(input);
    struct err err = {0};

    if (n > INPUT_MAX - (s->in.len - s->consumed)) {
        err_set(&err, -E2BIG, "read: more than %zu bytes that make no whole answer", INPUT_MAX);
        close_with(s, &err);
        return;
    }
    must(evbuffer_remove(input, buf_room(&s->in, n), n) == (int)n);
    s->in.len += n;
    s->events.on_data(s, s->arg);
}

static void say_handshake(struct stream *s, struct err *err)
{
    CLEANUP(buf_free)
    struct buf reason = {0};

    tls_add_reason(bufferevent_openssl_get_ssl(s->bev), bufferevent_get_openssl_error(s->bev),
                   &reason);
    err_set(err, -EPROTO, "TLS handshake: %s", reason.p);
}

/* A server that refuses our certificate says so, and hangs up. Who is just writing sees the latter
 * first. */
static unsigned long last_words(struct stream *s)
{
    SSL *ssl = bufferevent_openssl_get_ssl(s->bev);
    char byte;

    ERR_clear_error();
    return SSL_read(ssl, &byte, 1) > 0 ? 0 : ERR_get_error();
}

static void say_broken(struct stream *s, short what, int os_errno, struct err *err)
{
    const char *step = what & BEV_EVENT_WRITING ? "write" : "read";
    unsigned long code = s->tls ? bufferevent_get_openssl_error(s->bev) : 0;
    const char *reason = code ? ERR_reason_error_string(code)
                              : NULL; /* none for errors of the socket */

    if (s->tls && !reason && (what & BEV_EVENT_WRITING) && (code = last_words(s)) != 0)
        reason = ERR_reason_error_string(code);
    if (reason)
        err_set(err, -EPROTO, "%s: TLS: %s", step, reason);
    else
        err_set(err, os_errno ? -os_errno : -EIO, "%s: %s", step,
                os_errno ? strerrordesc_np(os_errno) : "the connection broke");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    int os_errno = EVUTIL_SOCKET_ERROR();
    struct stream *s = arg;
    struct err err = {0};

    if (what & BEV_EVENT_CONNECTED) {
        become_open(s);
        return;
    }
    if (s->step == HANDSHAKE)
        say_handshake(s, &err);
    else if (!(what & BEV_EVENT_EOF))
        say_broken(s, what, os_errno, &err);
    close_with(s, &err);
}

/* The TCP connection stands. */
static void take_connection(struct stream *s)
{
    struct event_base *base = loop_base(s->loop);
    int fd = s->fd;

    s->fd = -1;
    if (s->tls) {
        s->step = HANDSHAKE;
        must((s->bev = bufferevent_openssl_socket_new(
                  base, fd, TAKE(s->ssl), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)));
        loop_timer_after_ns(s->timer, s->deadline - clock_mono_ns());
    } else {
        must((s->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE)));
    }
    bufferevent_setcb(s->bev, on_readable, NULL, on_event, s);
    must(bufferevent_enable(s->bev, EV_READ | EV_WRITE) == 0);
    if (!s->tls)
        become_open(s);
}

/* ---- connecting ---------------------------------------------------------------------------- */

static void name_peer(struct stream *s, const struct socket_address *a)
{
    char digits[ADDRESS_TEXT_MAX];

    if (!s->host || getnameinfo((const struct sockaddr *)&a->sa, a->len, digits, sizeof digits,
                                NULL, 0, NI_NUMERICHOST) != 0)
        return;
    if (strcmp(digits, s->host) != 0)
        snprintf(s->peer, sizeof s->peer, "%.240s:%d (%s)", s->host, s->port, digits);
    else
        snprintf(s->peer, sizeof s->peer, strchr(digits, ':') ? "[%s]:%d" : "%s:%d", digits,
                 s->port);
}

static void give_up_address(struct stream *s, const struct err *why)
{
    if (!s->first.code)
        s->first = *why;
    drop_connection(s);
    if (s->next_address < s->n_addresses)
        connect_next(s);
    else
        close_with(s, &s->first);
}

static void say_connect(struct stream *s, int os_errno, struct err *err)
{
    err_set(err, -os_errno, "connect to %s: %m", s->peer);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    struct err err = {0};
    int os_errno = 0;
    socklen_t len = sizeof os_errno;

    event_free(TAKE(s->connecting));
    must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_errno, &len) == 0);
    if (os_errno == 0) {
        take_connection(s);
        return;
    }
    say_connect(s, os_errno, &err);
    give_up_address(s, &err);
}

/* Each address gets its share of the time that is left, so that a dead one does not eat all of it.
 */
static void connect_next(struct stream *s)
{
    const struct socket_address *a = &s->addresses[s->next_address];
    int64_t share = (s->deadline - clock_mono_ns()) / (int64_t)(s->n_addresses - s->next_address);
    struct err err = {0};

    s->step = CONNECT;
    s->next_address++;
    name_peer(s, a);
    loop_timer_after_ns(s->timer, share);
    s->fd = socket_open(a, SOCK_STREAM, &s->source);
    if (s->fd < 0)
        errno = -s->fd;
    if (s->fd >= 0 && s->host)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (s->fd >= 0 && connect(s->fd, (const struct sockaddr *)&a->sa, a->len) == 0) {
        take_connection(s);
    } else if (s->fd >= 0 && errno == EINPROGRESS) {
        must((s->connecting = event_new(loop_base(s->loop), s->fd, EV_WRITE, on_connected, s)));
        must(event_add(s->connecting, NULL) == 0);
    } else {
        say_connect(s, errno, &err);
        give_up_address(s, &err);
    }
}

static void on_resolved(const struct addrinfo *list, const struct err *err, void *arg)
{
    struct stream *s = arg;

    s->resolve = NULL;
    if (err) {
        close_with(s, err);
        return;
    }
    for (; list && s->n_addresses < ADDRESSES_MAX; list = list->ai_next) {
        struct socket_address *a = &s->addresses[s->n_addresses++];

        memcpy(&a->sa, list->ai_addr, list->ai_addrlen);
        a->len = list->ai_addrlen;
    }
    connect_next(s);
}

/* ---- the timer ----------------------------------------------------------------------------- */

static void say_timeout(struct stream *s, struct err *err)
{
    CLEANUP(buf_free)
    struct buf limit = {0};

    duration_print(s->timeout, &limit);
    if (s->step == RESOLVE)
        err_set(err, -ETIMEDOUT, "resolve %s: no answer within %s", s->host, limit.p);
    else if (s->step == HANDSHAKE)
        err_set(err, -ETIMEDOUT, "TLS handshake: no answer within %s", limit.p);
    else
        err_set(err, -ETIMEDOUT, "connect to %s: no answer within %s", s->peer, limit.p);
}

static void on_timer(void *arg)
{
    struct stream *s = arg;
    struct err err = {0};

    if (s->failed.code) {
        close_with(s, &s->failed);
    } else if (s->step == START) {
        connect_next(s);
    } else {
        say_timeout(s, &err);
        resolve_cancel(TAKE(s->resolve));
        if (s->step == CONNECT)
            give_up_address(s, &err);
        else
            close_with(s, &err);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

static int set_unix_address(struct stream *s, const char *path, struct err *err)
{
    struct sockaddr_un *sun = (struct sockaddr_un *)&s->addresses[0].sa;
    size_t n = strlen(path);

    snprintf(s->peer, sizeof s->peer, "%s", path);
    if (n >= sizeof sun->sun_path)
        return err_set(err, -ENAMETOOLONG, "connect to %s: %m", s->peer);
    sun->sun_family = AF_UNIX;
    memcpy(sun->sun_path, path, n + 1);
    s->addresses[0].len = sizeof *sun;
    s->n_addresses = 1;
    return 0;
}

static int make_session(struct stream *s, const struct tls_options *o, struct tls_facts *facts,
                        struct err *err)
{
    int r = tls_session_new(o, s->host, &s->ssl, err);

    if (r == 0 && facts)
        tls_facts_watch(facts, SSL_get_SSL_CTX(s->ssl));
    return r;
}

static int prepare(struct stream *s, const struct stream_options *o, struct err *err)
{
    int r = 0;

    if (o->unix_path)
        r = set_unix_address(s, o->unix_path, err);
    else
        s->host = mem_strdup(o->host);
    if (r == 0 && o->source && !socket_address_set(&s->source, o->source, 0))
        r = err_set(err, -EINVAL, "source \"%.60s\" is no address in digits", o->source);
    return r == 0 && s->tls ? make_session(s, &o->tls, o->facts, err) : r;
}

struct stream *stream_open(struct loop *l, const struct stream_options *o,
                           const struct stream_events *e, void *arg)
{
    struct stream *s = mem_zalloc(sizeof *s);

    MUST_BE_ON(l);
    must((o->unix_path || o->host) && o->connect_timeout > 0);
    s->loop = l;
    s->events = *e;
    s->arg = arg;
    s->fd = -1;
    s->port = o->port;
    s->tls = o->tls.enabled;
    s->timeout = o->connect_timeout;
    s->deadline = clock_mono_ns() + s->timeout * NS_PER_MS;
    s->timer = loop_timer_new(l, on_timer, s);
    if (prepare(s, o, &s->failed) < 0) {
        loop_timer_after(s->timer, 0);
    } else if (s->host) {
        s->step = RESOLVE;
        s->resolve = resolve_start(l, s->host, s->port, on_resolved, s);
        loop_timer_after(s->timer, s->timeout);
    } else {
        loop_timer_after(s->timer, 0);
    }
    return s;
}

/* The socket changes its bufferevent. Bytes that are on their way in came without TLS: whoever sent them
 * must not have them taken for what the peer says within. */
int stream_start_tls(struct stream *s, const struct tls_options *o, struct tls_facts *facts,
                     dur_ms timeout, struct err *err)
{
    int r;

    MUST_BE_ON(s->loop);
    must(s->step == OPEN && !s->tls);
    r = make_session(s, o, facts, err);
    if (r < 0)
        return r;
    s->fd = bufferevent_getfd(s->bev);
    must(bufferevent_setfd(s->bev, -1) == 0);
    bufferevent_free(TAKE(s->bev));
    buf_reset(&s->in);
    s->consumed = 0;
    s->tls = true;
    s->timeout = timeout;
    s->deadline = clock_mono_ns() + timeout * NS_PER_MS;
    take_connection(s);
    return 0;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    MUST_BE_ON(s->loop);
    resolve_cancel(s->resolve);
    drop_connection(s);
    SSL_free(s->ssl);
    loop_timer_free(s->timer);
    buf_free(&s->out);
    buf_free(&s->in);
    free(s->host);
    free(s);
}

/* ---- bytes --------------------------------------------------------------------------------- */

void stream_write(struct stream *s, struct str bytes)
{
    size_t waiting = s->bev && s->step == OPEN ? evbuffer_get_length(bufferevent_get_output(s->bev))
                                               : s->out.len;

    MUST_BE_ON(s->loop);
    if (s->step == CLOSED || s->failed.code || bytes.len == 0)
        return;
    if (bytes.len > OUTPUT_MAX - waiting) {
        err_set(&s->failed, -ENOBUFS, "write: the peer has not taken %zu bytes", waiting);
        loop_timer_after(s->timer, 0);
    } else if (s->step == OPEN) {
        bufferevent_write(s->bev, bytes.p, bytes.len);
    } else {
        buf_add_str(&s->out, bytes);
    }
}

struct str stream_input(struct stream *s)
{
    return s->in.p ? str_n(s->in.p + s->consumed, s->in.len - s->consumed) : STR("");
}

/* The rest is moved when it is the smaller part, so that every byte is moved a bounded number of
 * times. */
void stream_consume(struct stream *s, size_t n)
{
    size_t rest;

    must(n <= s->in.len - s->consumed);
    s->consumed += n;
    rest = s->in.len - s->consumed;
    if (rest > 0 && (s->consumed < MOVED_LEAST || rest > s->consumed))
        return;
    if (rest > 0)
        memmove(s->in.p, s->in.p + s->consumed, rest);
    s->in.len = rest;
    s->consumed = 0;
}
