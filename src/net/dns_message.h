/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_message - a question to a name server as bytes, and its answer as lines of a zone file
 *
 * For whoever wants to see all that a server said; whoever wants the records of a name takes dns.h.
 * A record is "NAME\tTTL\tCLASS\tTYPE\tDATA", as dig prints it; data of a type that has no form of its
 * own here is "\# LENGTH HEX" (RFC 3597). Pure functions: any thread may call them.
 */
#ifndef TOCSIN_NET_DNS_MESSAGE_H
#define TOCSIN_NET_DNS_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };
#define DNS_SECTIONS 3
#define DNS_TYPE_SOA 6

struct dns_question {
    const char *name; /* a dot at its end or not; "." is the root */
    unsigned type, class;
    bool recurse; /* the server is to ask others */
};

struct dns_reply {
    int code; /* model/dns_names.h: DNS_CODES */
    struct str *records[DNS_SECTIONS];
    size_t n[DNS_SECTIONS];
    uint32_t serial; /* of the last SOA among the answers; 0: there is none */
};

/* Appends the question. -EINVAL: no name for DNS. */
int dns_question_add(struct buf *out, uint16_t id, const struct dns_question *q, struct err *err);

/* Reads the answer to that question; texts live in the arena. *ret is untouched on failure: -EBADMSG
 * when it is an answer to something else, -EPROTO when it is broken, -E2BIG when the arena is full. */
int dns_reply_read(struct str message, uint16_t id, const struct dns_question *q,
                   struct arena *arena, struct dns_reply *ret, struct err *err);

#endif
