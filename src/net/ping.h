/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ping - one echo request to an address, and the reply
 *
 * By a datagram socket of ICMP, which needs no privilege where the kernel's net.ipv4.ping_group_range
 * has the group of the process; else by a raw socket, which needs CAP_NET_RAW. It has no deadline:
 * whoever asks has a timer. Callbacks come on the loop's thread.
 */
#ifndef TOCSIN_NET_PING_H
#define TOCSIN_NET_PING_H

#include "base/clock.h"
#include "base/err.h"
#include "net/loop.h"

#define PING_PAYLOAD_MAX 65507 /* bytes: a packet of IPv4 without both headers */

struct ping;
struct ip_address;

struct ping_options {
    const struct ip_address *to;
    const char *source; /* an address of this machine, in digits; NULL: the kernel's choice */
    size_t payload;     /* bytes behind the header */
    bool dont_fragment;
    int ttl; /* 0: the kernel's */
};

/* hop_limit: of the reply's packet, -1 when the kernel did not tell. Or err: what a host on the way
 * answers ("No route to host"). The owner may free the ping in it. */
typedef void ping_done(int hop_limit, const struct err *err, void *arg);

/* Sends the request and calls done once, later, or never. Fails with -EPERM when neither socket is
 * allowed, in words that say what to do. *ret is set only on success. */
int ping_start(struct loop *l, const struct ping_options *o, ping_done *done, void *arg,
               struct ping **ret, struct err *err);
void ping_free(struct ping *p); /* NULL is fine */

mono_ns ping_sent(const struct ping *p); /* when the request went out */

#endif
