/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role - a thread that owns something which wants to be called at times
 *
 * The rooms rules, alerts and notify know no clock: each has a tick function that is told `now` and
 * answers when it next wants to be called. A role is the thread that does so on the real clock.
 * Other threads wake it early or have it run a function of theirs.
 */
#ifndef TOCSIN_APP_ROLE_H
#define TOCSIN_APP_ROLE_H

#include "base/clock.h"
#include "net/loop.h"

struct role;

typedef unix_ns role_tick(void *arg, unix_ns now);

struct role *role_new(const char *name, role_tick *tick, void *arg);
struct loop *role_loop(struct role *r);

/* When the wall clock leaps ahead (leap.h) the role does not tick for as long as `hold` says, in
 * nanoseconds; errands are run all the same. Before role_start(). */
void role_hold_after_leap(struct role *r, int64_t (*hold)(void *arg));
void role_start(struct role *r); /* ticks for the first time at once */
void role_stop(
    struct role *r); /* joins; NULL or not started is fine; role_run() fails from now on */
void role_free(struct role *r);

void role_wake(struct role *r); /* tick soon; any thread */

/* Runs fn(arg) on the role's thread, then ticks; returns when fn has returned. Any thread, its own
 * too. -ESHUTDOWN when the role has been stopped: fn was not run. */
int role_run(struct role *r, void (*fn)(void *arg), void *arg);

#endif
