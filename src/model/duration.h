/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duration - lengths of time as people write them: 15s, 1h30m, 500ms
 *
 * The grammar is that of Prometheus configuration files: <count><unit> pairs, units from long to
 * short and each at most once; no sign, no fraction, no space. A lone "0" needs no unit.
 *
 *     y = 365d   w = 7d   d = 24h   h = 60m   m = 60s   s = 1000ms   ms
 *
 * Pure functions of their arguments: any thread may call them.
 */
#ifndef TOCSIN_MODEL_DURATION_H
#define TOCSIN_MODEL_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;

typedef int64_t dur_ms; /* a length of time; a point in time is unix_ms */

#define DURATION_MAX_MS INT64_C(9223372036854) /* 292 years, the limit that Prometheus has */

/*
 * Reads all `len` bytes of `text`. Returns 0 and sets *ret; or returns -EINVAL (not a duration) or
 * -ERANGE (above DURATION_MAX_MS), leaves *ret as it was, and tells `err` (may be NULL) why.
 */
int duration_parse(const char *text, size_t len, dur_ms *ret, struct err *err);

/* The canonical form: 90s -> 1m30s, 24h -> 1d, 7d -> 1w, 0 -> 0s. d must not be negative. */
void duration_print(dur_ms d, struct buf *out);

#endif
