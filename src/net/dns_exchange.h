/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_exchange - one message to one name server, and what comes back
 *
 * By UDP, TCP or TLS. It has no deadline but that of the connection: whoever asks has a timer.
 * Callbacks come on the loop's thread; after on_failed nothing more is called. The owner may free the
 * exchange at any time, also inside a callback.
 */
#ifndef TOCSIN_NET_DNS_EXCHANGE_H
#define TOCSIN_NET_DNS_EXCHANGE_H

#include "base/err.h"
#include "base/str.h"
#include "model/duration.h"
#include "model/peer.h"
#include "net/loop.h"

struct dns_exchange;
struct tls_facts;

struct dns_exchange_options {
    const char *address; /* in digits */
    int port;
    const char *source; /* an address of this machine, in digits; NULL: the kernel's choice */
    bool tcp;
    struct tls_options tls; /* of tcp, when enabled */
    struct tls_facts *facts;
    dur_ms connect_timeout; /* of tcp, the handshake of TLS included */
};

struct dns_exchange_events {
    void (*on_sent)(void *arg); /* the connection of tcp stands; NULL: not wanted */

    /* One message. By UDP it may be anybody's guess: whoever does not know it goes on waiting. */
    void (*on_message)(struct str message, void *arg);
    void (*on_failed)(const struct err *err, void *arg);
};

/* Sends a copy of the message. Negative errno when that fails at once; *ret is untouched then. */
int dns_exchange_start(struct loop *l, const struct dns_exchange_options *o, struct str message,
                       const struct dns_exchange_events *e, void *arg, struct dns_exchange **ret,
                       struct err *err);
void dns_exchange_free(struct dns_exchange *x); /* NULL is fine */

/* When the connection stood and the message was on its way; 0: not yet. */
mono_ns dns_exchange_sent(const struct dns_exchange *x);

#endif
