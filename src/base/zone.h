/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone - time zones by name: offset and abbreviation at any instant
 *
 * Read from the system's zoneinfo files (RFC 8536); where a host has none, the zones of China and
 * its neighbours are known anyway. Loaded once and kept for the life of the process. Any thread.
 */
#ifndef TOCSIN_BASE_ZONE_H
#define TOCSIN_BASE_ZONE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct zone;

struct zone_moment {
    int32_t offset; /* seconds east of Greenwich */
    bool dst;
    struct str abbreviation; /* "" when the zone is only an offset */
};

/* "", "UTC" give NULL, which is UTC; "Local" the host's own zone. -ENOENT: no such zone. */
int zone_find(struct str name, const struct zone **ret, struct err *err);
const struct zone *zone_local(void); /* of the host: TZ or /etc/localtime */
const struct zone *zone_fixed(struct arena *a, int32_t offset);
struct zone_moment zone_at(const struct zone *z, int64_t unix_seconds); /* NULL: UTC */
struct str zone_name(const struct zone *z);

/* Reads the bytes of a zoneinfo file: for the fuzzer too. Free with zone_free(). */
int zone_parse(struct str name, struct str file, struct zone **ret, struct err *err);
void zone_free(struct zone *z);

#endif
