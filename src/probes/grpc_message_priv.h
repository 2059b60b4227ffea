/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_message_priv - the messages of grpc.health.v1.Health/Check, and what stands around them
 *
 *     message:  compressed:8 length:32 (big endian) bytes
 *     request:  field 1: service, text          reply: field 1: status, a number
 *
 * Pure functions.
 */
#ifndef TOCSIN_PROBES_GRPC_MESSAGE_PRIV_H
#define TOCSIN_PROBES_GRPC_MESSAGE_PRIV_H

#include "base/buf.h"
#include "base/err.h"

/* The codes of gRPC that are told apart here. */
enum grpc_code {
    GRPC_OK = 0,
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE = 4,
    GRPC_PERMISSION = 7,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
};

enum grpc_health { HEALTH_UNKNOWN, HEALTH_SERVING, HEALTH_NOT_SERVING, HEALTH_SERVICE_UNKNOWN };
#define GRPC_HEALTHS 4
extern const char *const grpc_health_names[GRPC_HEALTHS];

void grpc_health_request_add(struct buf *out, const char *service); /* service may be NULL */

/* The status in a reply: 0 .. GRPC_HEALTHS - 1, or -EPROTO. */
int grpc_health_reply_read(struct str body, struct err *err);

/* What a call ended with, by the headers and trailers ("Name: value\n" each) and the status of HTTP. The
 * words of the server, as far as it gave some, are appended to `words`. */
int grpc_status_read(struct str headers, int http_status, struct buf *words);

/* Name of a code: "UNAVAILABLE". */
const char *grpc_code_name(int code);

#endif
