/* SPDX-License-Identifier: Apache-2.0 */
/*
 * am_priv - what the files of Alertmanager's face share
 *
 * Its errors come in two shapes: what the request layer refuses (media type, syntax, schema) is an
 * object {"code", "message"}, what a handler refuses is a JSON string.
 */
#ifndef TOCSIN_API_AM_PRIV_H
#define TOCSIN_API_AM_PRIV_H

#include "alerts/alerts.h"
#include "api/api_priv.h"
#include "model/matcher.h"

/* Codes of the request layer beside HTTP's. */
#define AM_WRONG_FORMAT 601
#define AM_REQUIRED     602
#define AM_TOO_FEW      612

void am_refuse(struct http_exchange *x, int status, int code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void am_error(struct http_exchange *x, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
void am_reply(struct http_exchange *x, struct buf *take_body); /* 200 and JSON */
void am_reply_nothing(struct http_exchange *x, int status);

/* Whether the body says that it is JSON; else it is refused. */
bool am_takes_json(struct http_exchange *x);

bool am_param_bool(const struct request *r, const char *name, bool standard);

/* Matchers of a repeatable parameter; false when one cannot be read: that was answered. `what` goes
 * before the words, or NULL. */
struct am_matchers {
    struct matcher **ms;
    size_t n, cap;
};
bool am_param_matchers(const struct request *r, const char *name, const char *what,
                       struct am_matchers *ret);
void am_matchers_deinit(struct am_matchers *m);

void am_kv_time(struct json_writer *w, const char *key, unix_ns t); /* milliseconds, in quotes */
/* A point in time as clients send it; none (absent, empty, Go's zero) gives UNIX_NS_ZERO. */
bool am_read_time(const struct json *v, unix_ns *ret);
const char *am_json_kind(const struct json *v); /* in Go's words: "number", "object" ... */

/* Runs fn on the thread of the alerts; false when that is gone: answered. */
bool am_run(const struct request *r, void (*fn)(void *arg), void *arg);

typedef void am_handler(const struct request *r);
am_handler am_get_alerts, am_post_alerts, am_get_groups; /* am_alerts.c, am_post.c */
am_handler am_get_silences, am_post_silences;            /* am_silences.c */
void am_get_silence(const struct request *r, struct str id);
void am_delete_silence(const struct request *r, struct str id);

#endif
