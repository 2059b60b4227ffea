/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_json - alerts and label sets in JSON, as our records on disk and webhook bodies have them
 *
 * An alert is these members of an object, in this order:
 *
 *     "labels":{...},"annotations":{...},"startsAt":TIME,"endsAt":TIME,"updatedAt":TIME,"generatorURL":"...",
 *     "timedOut":false
 *
 * TIME is RFC 3339 with nanoseconds; Go's zero time stands for UNIX_NS_ZERO.
 */
#ifndef TOCSIN_MODEL_ALERT_JSON_H
#define TOCSIN_MODEL_ALERT_JSON_H

#include "base/json.h"
#include "model/alert.h"
#include "model/label_set.h"

void json_kv_time(struct json_writer *w, const char *key, unix_ns t);
void json_labels(struct json_writer *w, const struct label_set *ls); /* {"name":"value"}, sorted */
void json_kv_labels(struct json_writer *w, const char *key, const struct label_set *ls);
void json_alert(struct json_writer *w, const struct alert *a); /* into an object that is open */

/* Members of an object. Each returns 0 and sets *ret (a new reference), or -EBADMSG with words. */
int json_get_time(const struct json *object, const char *key, unix_ns *ret, struct err *err);
int json_get_labels(const struct json *object, const char *key, const struct label_set **ret,
                    struct err *err);
int json_get_alert(const struct json *object, struct alert **ret, struct err *err);

#endif
