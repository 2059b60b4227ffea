/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leap - a wall clock that leaps ahead must not end what fires
 *
 * A clock that was set hours ahead, or a virtual machine that slept, leaves a gap: for a while there
 * are no fresh samples, and the ends of alerts seem to have passed. Whoever concludes something from
 * that would tell people that all is well, and a moment later that it is not. So after a leap the
 * rules wait until every target was scraped twice (rate() needs two samples), and the alerts until
 * the rules have told what still fires.
 */
#ifndef TOCSIN_APP_LEAP_H
#define TOCSIN_APP_LEAP_H

#include <stdbool.h>

#include "base/clock.h"

struct config;

#define LEAP_NS (30 * NS_PER_S) /* less is a clock that is being adjusted, or a busy machine */

struct leap_watch {
    bool begun;
    unix_ns wall;
    mono_ns mono;
};

/* Whether the wall clock leapt ahead of the monotonic one by LEAP_NS or more since the last call. */
bool leap_seen(struct leap_watch *w, unix_ns wall, mono_ns mono);

/* How long rules wait after a leap: two of the longest scrape intervals, within limits. */
int64_t leap_hold_rules_ns(const struct config *c);
/* The alerts wait a little longer. */
int64_t leap_hold_alerts_ns(const struct config *c);

#endif
