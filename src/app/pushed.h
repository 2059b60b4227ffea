/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushed - commits what batch jobs pushed, as if it were the page of a target
 *
 * At every scrape interval of the configuration the page of all groups goes the way of a scraped one,
 * as that of a Pushgateway with honor_labels: labels stay as they were pushed, `up` and scrape_* have
 * the job "pushgateway", and a series that is gone gets a staleness marker.
 *
 * One thread.
 */
#ifndef TOCSIN_APP_PUSHED_H
#define TOCSIN_APP_PUSHED_H

#include "base/clock.h"
#include "model/duration.h"

struct push_gateway;
struct pushed;
struct sample_sink;

struct pushed *pushed_new(struct push_gateway *g, const struct sample_sink *sink);
void pushed_free(struct pushed *p); /* NULL is fine */

/* Commits the page, unless nothing was ever pushed. Returns when it wants to be called again. */
unix_ns pushed_tick(struct pushed *p, dur_ms interval, unix_ns now);

#endif
