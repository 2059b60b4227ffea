/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - points in time
 *
 * unix_ms and unix_ns are wall time, for what people see and what is stored; mono_ns is for every
 * wait. Rules, alerts and notify read no clock: their caller tells them `now`.
 */
#ifndef TOCSIN_BASE_CLOCK_H
#define TOCSIN_BASE_CLOCK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef int64_t unix_ms; /* milliseconds since 1970-01-01T00:00:00Z */
typedef int64_t unix_ns; /* nanoseconds since then: years 1678 to 2262 */
typedef int64_t mono_ns; /* monotonic nanoseconds, meaningful only as differences */

#define UNIX_NS_ZERO INT64_MIN /* Go's zero time, written 0001-01-01T00:00:00Z */
#define NS_PER_MS    INT64_C(1000000)
#define NS_PER_S     INT64_C(1000000000)

unix_ms clock_unix_ms(void);
unix_ns clock_unix_ns(void);
mono_ns clock_mono_ns(void);

static inline unix_ns unix_ns_of_ms(unix_ms t)
{
    return t * NS_PER_MS;
}

/* Rounds towards minus infinity. UNIX_NS_ZERO must not be passed. */
static inline unix_ms unix_ms_of_ns(unix_ns t)
{
    return t / NS_PER_MS - (t % NS_PER_MS < 0);
}

struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int nanosecond;
    int weekday; /* 0 is Sunday */
    int yearday; /* from 1 */
};

void civil_of_unix(int64_t seconds, int nanosecond, struct civil *ret); /* in UTC, any year */
int64_t civil_to_unix(
    const struct civil *c); /* seconds; fields beyond their range are carried over */

/* RFC 3339 in UTC with nanoseconds, trailing zeroes of the fraction left out (Go's RFC3339Nano). */
void time_add_rfc3339(struct buf *b, unix_ns t);
void time_add_rfc3339_ms(struct buf *b, unix_ms t); /* always three decimals */

/* Reads RFC 3339 with any offset; -EINVAL with words, -ERANGE outside 1678..2262. The text of Go's zero
 * time gives UNIX_NS_ZERO. If ret_offset_min is not NULL it gets the zone offset in minutes, and -1 for
 * "Z" (the way Go's binary encoding of times writes UTC). */
int time_parse_rfc3339(struct str s, unix_ns *ret, int *ret_offset_min, struct err *err);

#endif
