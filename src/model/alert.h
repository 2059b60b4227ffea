/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert - what rules hand to routing and routing hands to notify: Alertmanager's alert
 *
 * Immutable and counted. Its identity is its label set.
 */
#ifndef TOCSIN_MODEL_ALERT_H
#define TOCSIN_MODEL_ALERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

struct label_set;

struct alert {
    uint32_t refs;
    const struct label_set *labels;
    const struct label_set *annotations;
    unix_ns starts_at;
    unix_ns ends_at;     /* firing while now is before it; UNIX_NS_ZERO: no end known */
    unix_ns updated_at;  /* when it was last reported */
    bool timed_out;      /* ends_at was set for want of news, not by the sender */
    char *generator_url; /* "" when unknown */
};

/* Takes its own references to the sets and copies the URL (NULL: ""). Returns a reference. */
struct alert *alert_new(const struct label_set *labels, const struct label_set *annotations,
                        unix_ns starts_at, unix_ns ends_at, unix_ns updated_at,
                        const char *generator_url);
struct alert *alert_ref(const struct alert *a);
void alert_unref(const struct alert *a);

bool alert_is_resolved(const struct alert *a, unix_ns now); /* ends_at is known and not after now */
struct str alert_name(const struct alert *a);               /* its label alertname */

/* Alertmanager's fingerprint: FNV-1a 64 over name 0xff value 0xff of the sorted labels. */
uint64_t alert_fingerprint(const struct label_set *labels);

#endif
