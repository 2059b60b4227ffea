/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client - HTTP requests that do not block; over libcurl's multi interface
 *
 * One client per loop; calls are made and answered on its thread. Only http and https are spoken. Every
 * call has a total deadline and a limit for the body. Connections are kept and reused.
 */
#ifndef TOCSIN_NET_HTTP_CLIENT_H
#define TOCSIN_NET_HTTP_CLIENT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/duration.h"
#include "model/peer.h"
#include "net/loop.h"
#include "net/tls_facts.h"

struct http_client;
struct http_call;

/*
 * What a check wants to know of an exchange besides the answer, and also when none came. Owned by the
 * caller, filled before done is called. Zeroed is empty; http_facts_deinit() in the end.
 */
struct http_facts {
    int status;             /* 0: no answer began */
    int version;            /* 10, 11, 20 */
    struct buf headers;     /* of the answer: "Name: value\n" each */
    char *redirect;         /* the URL that the answer leads to; NULL */
    int64_t content_length; /* -1: not told */
    uint64_t body_bytes;    /* after decompression */
    struct tls_facts tls;
    mono_ns t_resolve, t_connect, t_tls, t_first_byte,
        t_total; /* since the start; 0: not reached */
};

struct http_request {
    const char *method; /* "GET", "POST" ... */
    const char *url;
    const struct http_options *options; /* NULL: defaults */
    const struct http_header *headers;  /* further headers of this request */
    size_t n_headers;
    struct str body; /* sent when .p is not NULL; copied */
    dur_ms timeout;  /* for all of it; > 0 */
    size_t max_body; /* bytes of the answer, after decompression; more is an error */
    bool accept_gzip;
    bool http2;                /* offer it over TLS */
    bool http2_only;           /* and without TLS speak it from the first byte */
    bool discard_body;         /* it is counted only */
    const char *wanted_header; /* of the answer, besides the usual ones; NULL: none. A literal */
    const char *address;       /* connect there, without resolving the host; NULL: resolve it */
    struct http_facts *facts;  /* the call gets a connection of its own then; NULL: not wanted */

    /* Gets the body of a 2xx as it comes, which then has no limit and is not in the response. May
     * not touch the client; false ends the call with -ECANCELED. NULL: all at the end. */
    bool (*on_data)(struct str bytes, void *arg);
};

struct http_response {
    int status;
    struct str content_type;  /* "" when absent */
    struct str retry_after;   /* "" when absent */
    struct str wanted_header; /* likewise */
    struct buf body;
    mono_ns t_total, t_resolve, t_connect, t_tls, t_first_byte; /* since the start */
};

/*
 * The end of a call. response is NULL when no answer came; then err says why in words ("connect to
 * 127.0.0.1:8060: Connection refused") with err->code -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH (name
 * unknown), -EPROTO (TLS), -E2BIG (body), -ECANCELED (on_data said so) or -EIO. Both are borrowed for the call.
 */
typedef void http_done(struct http_response *response, const struct err *err, void *arg);

struct http_client *http_client_new(struct loop *l);
void http_client_free(
    struct http_client *c); /* calls under way are dropped without their callback */

/* Starts a request; done is called exactly once, later, unless the call is cancelled. */
struct http_call *http_call_start(struct http_client *c, const struct http_request *r,
                                  http_done *done, void *arg);
void http_call_cancel(struct http_call *call);

/* The same for programs without a loop (the command line): waits for the answer. */
int http_fetch(const struct http_request *r, struct http_response *ret, struct err *err);
void http_response_deinit(struct http_response *r);
void http_facts_deinit(struct http_facts *f);

#endif
