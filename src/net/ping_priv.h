/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ping_priv - the bytes of an echo request and of what comes back (RFC 792, RFC 4443)
 *
 *     type:8 code:8 checksum:16 id:16 sequence:16 payload      big endian
 *
 * A raw socket of IPv4 gets the packet with the header of IP before it.
 */
#ifndef TOCSIN_NET_PING_PRIV_H
#define TOCSIN_NET_PING_PRIV_H

#include "base/buf.h"

struct ping_words {
    int version; /* of IP */
    bool raw;    /* the id is ours, and IPv4 has its header */
    uint16_t id, sequence;
    struct str payload;
};

void ping_request_add(struct buf *out, const struct ping_words *w);
bool ping_is_reply(struct str packet, const struct ping_words *w);

/* socket(); tests have one that is not allowed to. */
extern int (*ping_socket)(int family, int type, int protocol);

#endif
