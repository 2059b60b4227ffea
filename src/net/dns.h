/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns - records of a name, asked of name servers without blocking the loop
 *
 * For kinds of records that getaddrinfo() does not know. The machine's /etc/resolv.conf (nameserver,
 * search, ndots, timeout, attempts) is read anew for each question, unless servers are given. A name
 * that ends with a dot is asked as it is, others also with the domains of the search list. Questions
 * go by UDP, and by TCP when the answer is cut. No cache.
 */
#ifndef TOCSIN_NET_DNS_H
#define TOCSIN_NET_DNS_H

#include "base/err.h"
#include "model/peer.h"
#include "net/loop.h"

#define DNS_NAME_SIZE 1024 /* bytes as text: 255 on the wire, each \DDD at most */

struct dns_record {
    enum dns_type type;
    char name[DNS_NAME_SIZE]; /* an address, or the name it tells with a dot behind */
    uint16_t port;            /* of DNS_SRV */
};

/* n is 0 without an err when the name has no such record, or there is no such name. Borrowed for the
 * call. err: -ETIMEDOUT, -EPROTO, -ENOENT (no name server), in words. */
typedef void dns_done(const struct dns_record *records, size_t n, const struct err *err, void *arg);

struct dns_query;

/* Calls done once, later, unless cancelled; then the query is gone. servers: "192.0.2.53",
 * "192.0.2.53:5353", "[2001:db8::53]:53"; none: those of the machine. Nothing is borrowed. */
struct dns_query *dns_ask(struct loop *l, const char *name, enum dns_type type,
                          const char *const *servers, size_t n_servers, dns_done *done, void *arg);
void dns_cancel(struct dns_query *q); /* NULL is fine; not from within done */

#endif
