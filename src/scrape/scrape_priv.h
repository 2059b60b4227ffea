/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape_priv - for the files of scrape/ only
 */
#ifndef TOCSIN_SCRAPE_SCRAPE_PRIV_H
#define TOCSIN_SCRAPE_SCRAPE_PRIV_H

#include "scrape/scrape.h"

/* The new target goes on where the old one of the same labels stopped: its series are not new to
 * it. */
void scraper_inherit(struct scraper *s, struct scraper *from);

/* The page source of JOB_HTTP. It uses one client per loop: http_source_begin() makes it on the
 * loop's thread, http_source_end() frees it there when the last session is closed. */
extern const struct page_source http_source;
void http_source_begin(struct loop *l, const char *user_agent);
void http_source_end(void);

/* The next tick of a target strictly after `after`, both in ns since 1970: ticks are `hash mod
 * interval` after multiples of the interval. */
unix_ns scrape_next_tick(unix_ns after, dur_ms interval, uint64_t hash);

#endif
