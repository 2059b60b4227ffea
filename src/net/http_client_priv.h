/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_priv - the parts of the HTTP client
 *
 *     http_client    the multi handle on the loop, life of a call
 *     http_setup     from a request to the options of a transfer
 *     mail           the same for a mail
 *     http_words     from a failed transfer to words
 *     http_facts     what checks want to know of a transfer
 */
#ifndef TOCSIN_NET_HTTP_CLIENT_PRIV_H
#define TOCSIN_NET_HTTP_CLIENT_PRIV_H

#include <curl/curl.h>

#include "base/must.h"
#include "net/http_client.h"
#include "net/loop_priv.h"

#define HTTP_REDIRECTS_MAX 10

/* Sets an option of the transfer, which can only fail for want of memory or by a bug of ours. */
#define SET(call, option, value) must(curl_easy_setopt((call)->easy, option, value) == CURLE_OK)

struct http_call {
    struct http_client *client; /* owner; NULL while it is set up */
    struct http_call *prev, *next;
    http_done *done;
    void *arg;

    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char *peer;  /* host:port of the URL, for words */
    char *proxy; /* host:port, NULL: none */
    bool https;
    dur_ms timeout;
    size_t max_body;
    bool too_large, discard_body;
    const char *wanted_header; /* a literal, or NULL */
    uint64_t body_bytes;
    struct http_facts *facts; /* the caller's, or NULL */
    bool (*on_data)(struct str bytes, void *arg);
    bool unwanted;  /* it said false */
    bool tls_began; /* the connection stands, the handshake is under way */
    bool ended;     /* done was called or is being called */
    struct buf body;
    struct buf mail; /* what is sent, when it is one; then body is the server's last line */
    size_t mail_sent;
    int mail_fd; /* -1: not known which of its sockets is in use */
    struct curl_slist *recipients;
    char curl_words[CURL_ERROR_SIZE];
    struct err failed; /* code not 0: could not be started */
};

/* Sets all of call but client, done and arg. On failure call->easy may be there; http_call_free()
 * is due. */
int http_setup(struct http_call *call, const struct http_request *r, struct err *err);

/* Options of a call that has facts, and what they are in the end. */
void http_facts_setup(struct http_call *call);
void http_facts_fill(struct http_call *call);

/* Parts of it that a mail needs, too: what every transfer has; TLS; the URL, with another name for
 * the server's certificate or NULL. */
void http_set_basics(struct http_call *call);
void http_set_tls(struct http_call *call, const struct tls_options *t);
int http_set_server(struct http_call *call, const char *url, const char *server_name,
                    struct err *err);

/* Starts what was set up with this result. */
struct http_call *http_call_begin(struct http_client *c, struct http_call *take_call, int set_up,
                                  http_done *done, void *arg);

/* Why a transfer ended with `code`, for people. */
void http_words(struct http_call *call, CURLcode code, struct err *err);

#endif
