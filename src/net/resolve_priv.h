/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_priv - host names to addresses, without blocking the loop
 *
 * getaddrinfo() is what follows the machine's own rules (hosts file, nsswitch), and it blocks: it
 * runs on threads of its own, at most RESOLVE_THREADS in the process, which end when there is
 * nothing to look up. What does not find a free one waits. Addresses in digits need none of this,
 * but come the same way.
 */
#ifndef TOCSIN_NET_RESOLVE_PRIV_H
#define TOCSIN_NET_RESOLVE_PRIV_H

#include "base/err.h"
#include "net/loop.h"

struct addrinfo;
struct resolve;

#define RESOLVE_THREADS 4

/* addresses is borrowed for the call and NULL when there are none; then err says "resolve x: ...".
 */
typedef void resolve_done(const struct addrinfo *addresses, const struct err *err, void *arg);

/* Calls done once, later, on the loop's thread, unless cancelled; then the resolve is gone. */
struct resolve *resolve_start(struct loop *l, const char *host, int port, resolve_done *done,
                              void *arg);
void resolve_cancel(struct resolve *r); /* NULL is fine; not after done was called */

#endif
