/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup - the one address of a host that a check is to use
 *
 * By the machine's own rules (hosts file, nsswitch), without blocking the loop. Callbacks come on
 * the loop's thread.
 */
#ifndef TOCSIN_NET_LOOKUP_H
#define TOCSIN_NET_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"

struct ip_address {
    int version; /* 4 or 6 */
    uint8_t bytes[16];
    char text[46];
};

struct lookup;

/* a is NULL when there is none; then err says "resolve x: ...". */
typedef void lookup_done(const struct ip_address *a, const struct err *err, void *arg);

/* The first address of the preferred version, 4 or 6; with fallback else one of the other. Calls
 * done once, later, unless cancelled; then the lookup is gone. */
struct lookup *lookup_start(struct loop *l, const char *host, int preferred, bool fallback,
                            lookup_done *done, void *arg);
void lookup_cancel(struct lookup *k); /* NULL is fine; not after done was called */

static inline int ip_address_length(const struct ip_address *a)
{
    return a->version == 4 ? 4 : 16;
}

#endif
