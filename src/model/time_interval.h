/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_interval - hours, weekdays, days, months and years in which something holds
 *
 * An instant is inside when every field that is given contains its wall time in the interval's
 * zone; a field that is given as an empty list contains nothing, an interval without fields
 * contains everything. Immutable: any thread may ask.
 */
#ifndef TOCSIN_MODEL_TIME_INTERVAL_H
#define TOCSIN_MODEL_TIME_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct zone;

struct time_range {
    int begin, end; /* both included, but for the end of times */
};

struct time_ranges {
    bool given;
    struct time_range *ranges;
    size_t n;
};

struct time_interval {
    struct time_ranges times;    /* minutes after midnight, 0..1440, end excluded */
    struct time_ranges weekdays; /* 0 is Sunday */
    struct time_ranges days;   /* of the month; negative ones count from its end, -1 is the last */
    struct time_ranges months; /* from 1; numbers that no month has contain nothing */
    struct time_ranges years;
    const struct zone *zone; /* NULL: UTC; zones are never freed */
};

bool time_interval_contains(const struct time_interval *i, unix_ns t);

#endif
