/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver - names for tests, without a network: a getaddrinfo() that comes before libc's
 *
 *     good.test, other.test   127.0.0.1
 *     two.test                127.0.0.2, then 127.0.0.1
 *     unknown.test            is unknown at once
 *     slow.test               takes SLOW_MS to be unknown
 */
#ifndef TOCSIN_TESTS_UNIT_NET_RESOLVER_H
#define TOCSIN_TESTS_UNIT_NET_RESOLVER_H

#include <dlfcn.h>
#include <netdb.h>

#include "tests/unit/net/peer.h"

#define SLOW_MS 1500

static atomic_int slow_now, slow_most; /* look-ups of slow.test at a time */

static inline void be_slow(void)
{
    int now = atomic_fetch_add(&slow_now, 1) + 1, most = atomic_load(&slow_most);

    while (now > most && !atomic_compare_exchange_weak(&slow_most, &most, now))
        ;
    peer_nap(SLOW_MS);
    atomic_fetch_sub(&slow_now, 1);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    must(next);
    if (hints && hints->ai_flags & AI_NUMERICHOST)
        return next(node, service, hints, ret);
    if (node && strcmp(node, "slow.test") == 0) {
        be_slow();
        return EAI_NONAME;
    }
    if (node &&
        strcmp(node, "two.test") == 0) { /* glibc allocates every element of the list by itself */
        int code = next("127.0.0.2", service, hints, ret);

        return code ? code : next("127.0.0.1", service, hints, &(*ret)->ai_next);
    }
    if (node && strcmp(node, "unknown.test") == 0)
        return EAI_NONAME;
    if (node && (strcmp(node, "good.test") == 0 || strcmp(node, "other.test") == 0))
        node = "127.0.0.1";
    return next(node, service, hints, ret);
}

#endif
