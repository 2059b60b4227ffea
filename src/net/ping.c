/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ping.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/mem.h"
#include "net/crypto.h"
#include "net/lookup.h"
#include "net/loop_priv.h"
#include "net/ping_priv.h"
#include "net/sockaddr_priv.h"

#define HEADER_SIZE    8
#define IP4_HEADER_MAX 60
#define PACKET_MAX     (IP4_HEADER_MAX + HEADER_SIZE + PING_PAYLOAD_MAX)

int (*ping_socket)(int family, int type, int protocol) = socket;

struct ping {
    ping_done *done;
    void *arg;
    int fd;
    struct event *readable;
    struct ping_words words;
    struct buf payload;
    mono_ns sent;
    char packet[PACKET_MAX]; /* what was received */
};

/* ---- bytes --------------------------------------------------------------------------------- */

/* The sum of RFC 1071. For IPv6, and for datagram sockets, the kernel puts its own there. */
static unsigned checksum(struct str bytes)
{
    unsigned sum = 0;

    for (size_t i = 0; i < bytes.len; i++)
        sum += (unsigned)(uint8_t)bytes.p[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void put_16(char *p, unsigned v)
{
    p[0] = (char)(v >> 8);
    p[1] = (char)v;
}

void ping_request_add(struct buf *out, const struct ping_words *w)
{
    char head[HEADER_SIZE] = {0};
    size_t start = out->len;

    head[0] = (char)(w->version == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
    put_16(head + 4, w->id);
    put_16(head + 6, w->sequence);
    buf_add(out, head, sizeof head);
    buf_add_str(out, w->payload);
    put_16(out->p + start + 2, checksum(str_n(out->p + start, out->len - start)));
}

bool ping_is_reply(struct str packet, const struct ping_words *w)
{
    const int type = w->version == 4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
    size_t skip = w->raw && w->version == 4 && packet.len ? (size_t)(packet.p[0] & 0xf) * 4 : 0;
    char head[4];

    if (packet.len < skip + HEADER_SIZE)
        return false;
    packet = str_n(packet.p + skip, packet.len - skip);
    put_16(head, w->id);
    put_16(head + 2, w->sequence);
    return (uint8_t)packet.p[0] == type && packet.p[1] == 0 &&
           (!w->raw || memcmp(packet.p + 4, head, 2) == 0) &&
           memcmp(packet.p + 6, head + 2, 2) == 0 &&
           str_eq(str_n(packet.p + HEADER_SIZE, packet.len - HEADER_SIZE), w->payload);
}

/* ---- the socket ---------------------------------------------------------------------------- */

static int not_allowed(struct err *err)
{
    return err_set(err, -EPERM,
                   "ICMP is not allowed here: put group %d of this program into "
                   "net.ipv4.ping_group_range (sysctl), or give it CAP_NET_RAW. "
                   "不允许发送 ICMP：请用 sysctl 让 net.ipv4.ping_group_range 包含本程序的组 %d，"
                   "或授予 CAP_NET_RAW",
                   (int)getegid(), (int)getegid());
}

static int open_socket(struct ping *p, struct err *err)
{
    int family = p->words.version == 4 ? AF_INET : AF_INET6;
    int protocol = p->words.version == 4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
    const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

    p->fd = ping_socket(family, SOCK_DGRAM | flags, protocol);
    if (p->fd >= 0)
        return 0;
    p->words.raw = true;
    p->fd = ping_socket(family, SOCK_RAW | flags, protocol);
    if (p->fd >= 0)
        return 0;
    return errno == EPERM || errno == EACCES ? not_allowed(err)
                                             : err_set(err, -errno, "socket of ICMP: %m");
}

struct setting {
    int level, name, value;
    bool wanted;
};

/* What hosts on the way answer comes as an error of the socket. */
static int set_up_socket(struct ping *p, const struct ping_options *o, struct err *err)
{
    const struct setting four[] = {
        {IPPROTO_IP, IP_RECVTTL, 1, true},
        {IPPROTO_IP, IP_RECVERR, 1, true},
        {IPPROTO_IP, IP_TTL, o->ttl, o->ttl > 0},
        {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, o->dont_fragment},
    };
    const struct setting six[] = {
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, true},
        {IPPROTO_IPV6, IPV6_RECVERR, 1, true},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, o->ttl, o->ttl > 0},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, o->dont_fragment},
    };
    const struct setting *all = p->words.version == 4 ? four : six;

    for (size_t i = 0; i < ARRAY_LEN(four); i++)
        if (all[i].wanted &&
            setsockopt(p->fd, all[i].level, all[i].name, &all[i].value, sizeof(int)) < 0)
            return err_set(err, -errno, "settings of the ICMP socket: %m");
    return 0;
}

/* A connected socket takes packets from nobody else. */
static int aim(struct ping *p, const struct ping_options *o, struct err *err)
{
    struct socket_address to, source;

    if (!socket_address_set(&to, o->to->text, 0))
        return err_set(err, -EINVAL, "\"%s\" is no address in digits", o->to->text);
    if (o->source && (!socket_address_set(&source, o->source, 0) ||
                      bind(p->fd, (const struct sockaddr *)&source.sa, source.len) < 0))
        return err_set(err, -errno, "source %s: %m", o->source);
    if (connect(p->fd, (const struct sockaddr *)&to.sa, to.len) < 0)
        return err_set(err, -errno, "ping %s: %m", o->to->text);
    return 0;
}

static int send_request(struct ping *p, const struct ping_options *o, struct err *err)
{
    CLEANUP(buf_free) struct buf packet = {0};

    ping_request_add(&packet, &p->words);
    p->sent = clock_mono_ns();
    if (send(p->fd, packet.p, packet.len, MSG_NOSIGNAL) < 0)
        return err_set(err, -errno, "ping %s with %zu bytes: %m", o->to->text, o->payload);
    return 0;
}

/* ---- the reply ----------------------------------------------------------------------------- */

static int hop_limit_of(struct msghdr *m)
{
    int limit = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&limit, CMSG_DATA(c), sizeof limit);
    return limit;
}

/* Packets that are not the reply are passed over: a raw socket sees all that the host sends. */
static void on_packet(evutil_socket_t fd, short what, void *arg)
{
    struct ping *p = arg;
    struct iovec room = {p->packet, sizeof p->packet};
    char control[256];
    struct msghdr m = {.msg_iov = &room,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    struct err err = {0};

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        err_set(&err, -errno, "a host on the way answers: %m");
    else if (!ping_is_reply(str_n(p->packet, (size_t)n), &p->words))
        return;
    event_del(p->readable);
    p->done(n < 0 ? -1 : hop_limit_of(&m), n < 0 ? &err : NULL, p->arg);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* Random, so that a late reply to somebody else is not taken for ours. */
static void choose_words(struct ping *p, const struct ping_options *o)
{
    crypto_random(&p->words.id, sizeof p->words.id);
    crypto_random(&p->words.sequence, sizeof p->words.sequence);
    crypto_random(buf_room(&p->payload, o->payload), o->payload);
    p->payload.len = o->payload;
    p->words.payload = buf_str(&p->payload);
}

int ping_start(struct loop *l, const struct ping_options *o, ping_done *done, void *arg,
               struct ping **ret, struct err *err)
{
    struct ping *p = mem_zalloc(sizeof *p);
    int r;

    MUST_BE_ON(l);
    must(o->payload <= PING_PAYLOAD_MAX);
    p->done = done;
    p->arg = arg;
    p->words.version = o->to->version;
    choose_words(p, o);
    r = open_socket(p, err);
    if (r == 0)
        r = set_up_socket(p, o, err);
    if (r == 0)
        r = aim(p, o, err);
    if (r == 0)
        r = send_request(p, o, err);
    if (r < 0) {
        ping_free(p);
        return r;
    }
    must((p->readable = event_new(loop_base(l), p->fd, EV_READ | EV_PERSIST, on_packet, p)));
    must(event_add(p->readable, NULL) == 0);
    *ret = p;
    return 0;
}

void ping_free(struct ping *p)
{
    if (!p)
        return;
    if (p->readable)
        event_free(p->readable);
    if (p->fd >= 0)
        close(p->fd);
    buf_free(&p->payload);
    free(p);
}

mono_ns ping_sent(const struct ping *p)
{
    return p->sent;
}
