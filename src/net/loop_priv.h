/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_priv - what the other files of this room need of a loop
 */
#ifndef TOCSIN_NET_LOOP_PRIV_H
#define TOCSIN_NET_LOOP_PRIV_H

#include <sys/time.h>

#include "net/loop.h"

struct event_base;

struct event_base *loop_base(struct loop *l);

/* Rounded up, so that a timer never fires early; below 0 counts as 0, and there is an upper end. */
struct timeval timeval_of_ns(int64_t ns);

/* Prepares the libraries once in a process: locks of libevent, libcurl's globals, SIGPIPE ignored.
 */
void net_init(void);

#endif
