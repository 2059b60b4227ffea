/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event on standard error
 *
 *     2026-02-04T08:11:28.817Z warn  scrape  target_down target=192.0.2.7:6379 error="connection refused"
 *
 * or the same as JSON (--log.format json). `role` is the name of the calling thread, `event` a fixed
 * word, then key=value pairs written by the caller with LOG_* or as ready text. A line that repeats word
 * for word within a minute is folded and its count told when the minute is over.
 *
 * Any thread. base to promql do not log; whoever decides what happens next does.
 */
#ifndef TOCSIN_BASE_LOG_H
#define TOCSIN_BASE_LOG_H

#include <stdbool.h>

#include "base/defs.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_configure(enum log_level least, enum log_format format);
bool log_level_parse(struct str s, enum log_level *ret); /* debug info warn error */

/*
 * log_event(LOG_WARN, "target_down", "target", addr, "error", err.msg, NULL): pairs of zero-terminated
 * strings, closed by NULL. Values are quoted when needed.
 */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));

/* The same with one value formatted: log_eventf(LOG_INFO, "started", "url", "http://%s:%d", host, port). */
void log_eventf(enum log_level level, const char *event, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Tells the counts of folded lines whose minute is over. Each log_event() does so too; a main loop calls this
 * now and then, so that a count is told even when nothing else happens. */
void log_tick(void);

#endif
