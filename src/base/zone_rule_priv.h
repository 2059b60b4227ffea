/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone_rule - what POSIX calls a TZ string: the offsets of a zone for all years to come
 *
 *     CST-8      <+0530>-5:30      CET-1CEST,M3.5.0,M10.5.0/3
 *
 * Name and offset (hours west of Greenwich) of standard time, name and perhaps offset of summer
 * time, its first and last day and the time of the day.
 */
#ifndef TOCSIN_BASE_ZONE_RULE_PRIV_H
#define TOCSIN_BASE_ZONE_RULE_PRIV_H

#include "base/zone.h"

struct zone_change {
    enum { CHANGE_MONTH, CHANGE_DAY, CHANGE_DAY_NO_LEAP } kind; /* Mm.w.d, n, Jn */
    int month, week, weekday; /* of CHANGE_MONTH; week 5 is the last one */
    int day;                  /* of the year: from 0, or from 1 and without 29 February */
    int32_t seconds;          /* after midnight, wall time */
};

struct zone_rule {
    struct str name, dst_name; /* borrowed from the text; dst_name.len == 0: no summer time */
    int32_t offset, dst_offset;
    struct zone_change begin, end;
};

bool zone_rule_parse(struct str text, struct zone_rule *ret);
struct zone_moment zone_rule_at(const struct zone_rule *r, int64_t unix_seconds);

#endif
