/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one thread's event loop: timers, messages from other threads, sockets; over libevent
 *
 * A loop belongs to the thread that runs it. Only loop_post() and loop_stop() may be called by others;
 * everything else, and every callback, is on the loop's thread. Once a loop is being torn down nothing
 * posted is run any more.
 */
#ifndef TOCSIN_NET_LOOP_H
#define TOCSIN_NET_LOOP_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/must.h"
#include "model/duration.h"

struct loop;
struct loop_timer;

struct loop *loop_new(void);
void loop_free(struct loop *l);
void loop_run(struct loop *l);  /* returns after loop_stop() */
void loop_stop(struct loop *l); /* any thread; also before loop_run() */

/* Runs fn(arg) on the loop soon, in the order of posting. Any thread. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

bool loop_is_mine(const struct loop *l); /* the calling thread runs l, or nobody runs it */
#define MUST_BE_ON(l) must(loop_is_mine(l))

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */
void loop_timer_after(struct loop_timer *t,
                      dur_ms d); /* once, replaces an earlier setting; d may be 0 */
void loop_timer_after_ns(struct loop_timer *t, int64_t ns);
void loop_timer_cancel(struct loop_timer *t);

/* Calls fn(signal, arg) on the loop for a signal of the process. main's loop only. */
void loop_on_signal(struct loop *l, int signal, void (*fn)(int signal, void *arg), void *arg);

#endif
