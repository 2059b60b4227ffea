/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes - asks Redis itself and yields the page that redis_exporter would serve
 *
 * A probe is a page source (targets/targets.h): it keeps one connection per target, asks on it, and writes
 * the answers as an exposition page with the exporter's metric names, so that dashboards and rules written for
 * those keep working. Turning replies into a page is a pure function, tested against recordings.
 */
#ifndef TOCSIN_PROBES_PROBES_H
#define TOCSIN_PROBES_PROBES_H

#include "targets/targets.h"

extern const struct page_source probe_redis_source;

/* What a Redis answered, as far as it was asked and allowed. Texts may be STR_NONE. */
struct redis_replies {
    struct str info;                  /* of INFO ALL */
    const struct str *config;         /* name, value, name, value ... of CONFIG GET */
    size_t n_config;
    int64_t slowlog_len;              /* -1: not known */
    double ping_seconds, total_seconds; /* durations of PING and of the whole probe */
    const char *error;                /* why redis_up is 0; NULL: it is 1 */
};

/* Appends the page. Unknown INFO lines are left out; nothing in the replies can make it fail. */
void redis_page(const struct redis_replies *r, const char *address, struct buf *out);

#endif
