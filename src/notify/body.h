/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - what the webhook bodies have in common
 */
#ifndef TOCSIN_NOTIFY_BODY_H
#define TOCSIN_NOTIFY_BODY_H

#include "base/json.h"
#include "model/label_set.h"
#include "model/ports.h"

/* What all n sets share; get(alert) gives the set of an alert. Returns a new reference. */
struct label_set *body_common(const struct alert *const *alerts, size_t n,
                              const struct label_set *(*get)(const struct alert *a));

/* "firing" when any of them does, else "resolved". */
const char *body_status(const struct alert *const *alerts, size_t n, unix_ns now);

const struct label_set *body_labels(const struct alert *a);
const struct label_set *body_annotations(const struct alert *a);

/* startsAt; endsAt as the far ends expect it: the zero time while the alert fires. */
void body_add_times(struct json_writer *w, const struct alert *a, unix_ns now);

#endif
