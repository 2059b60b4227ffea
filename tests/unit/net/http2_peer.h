/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_peer - a server of HTTP/2 as far as one request needs it, over a socket or over TLS
 *
 * Headers of answers are written uncompressed (RFC 7541, 6.2.2). Those of a request are handed over as they
 * came: whether they hold some bytes is all that can be told.
 */
#ifndef TOCSIN_TESTS_UNIT_NET_HTTP2_PEER_H
#define TOCSIN_TESTS_UNIT_NET_HTTP2_PEER_H

#include <openssl/ssl.h>

#include "tests/unit/net/peer.h"

enum { HTTP2_DATA, HTTP2_HEADERS, HTTP2_SETTINGS = 4, HTTP2_PING = 6, HTTP2_GOAWAY = 7 };
enum { HTTP2_ACK = 1, HTTP2_END_STREAM = 1, HTTP2_END_HEADERS = 4 };

struct http2_peer {
    int fd;
    SSL *ssl; /* NULL: in clear */
    void (*on_headers)(struct http2_peer *p, struct str headers);
    void (*on_body)(struct http2_peer *p, uint8_t stream, struct str body); /* the last piece */
};

static inline bool http2_get(struct http2_peer *c, void *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t r = c->ssl ? SSL_read(c->ssl, (char *)to + got, (int)(n - got))
                           : read(c->fd, (char *)to + got, n - got);

        if (r <= 0)
            return false;
        got += (size_t)r;
    }
    return true;
}

static inline void http2_put(struct http2_peer *c, int type, int flags, uint8_t stream,
                             struct str payload)
{
    CLEANUP(buf_free) struct buf frame = {0};
    char head[9] = {(char)(payload.len >> 16),
                    (char)(payload.len >> 8),
                    (char)payload.len,
                    (char)type,
                    (char)flags,
                    0,
                    0,
                    0,
                    (char)stream};

    buf_add(&frame, head, sizeof head);
    buf_add_str(&frame, payload);
    if (c->ssl)
        SSL_write(c->ssl, frame.p, (int)frame.len);
    else
        send(c->fd, frame.p, frame.len, MSG_NOSIGNAL);
}

/* A header as a literal with its own name. */
static inline void http2_header_add(struct buf *b, const char *name, const char *value)
{
    buf_add_byte(b, 0);
    buf_add_byte(b, (char)strlen(name));
    buf_add_c(b, name);
    buf_add_byte(b, (char)strlen(value));
    buf_add_c(b, value);
}

static inline void http2_serve(struct http2_peer *c)
{
    char preface[24], head[9];

    if (!http2_get(c, preface, sizeof preface) ||
        memcmp(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24))
        return;
    http2_put(c, HTTP2_SETTINGS, 0, 0, STR(""));
    while (http2_get(c, head, sizeof head)) {
        CLEANUP(buf_free) struct buf payload = {0};
        size_t len = (size_t)(uint8_t)head[1] << 8 | (uint8_t)head[2];

        if (!http2_get(c, buf_room(&payload, len + 1), len))
            return;
        payload.len = len;
        if (head[3] == HTTP2_SETTINGS && !(head[4] & HTTP2_ACK))
            http2_put(c, HTTP2_SETTINGS, HTTP2_ACK, 0, STR(""));
        else if (head[3] == HTTP2_HEADERS)
            c->on_headers(c, buf_str(&payload));
        if (head[3] == HTTP2_HEADERS && (head[4] & HTTP2_END_STREAM))
            c->on_body(c, (uint8_t)head[8], STR(""));
        else if (head[3] == HTTP2_DATA && (head[4] & HTTP2_END_STREAM))
            c->on_body(c, (uint8_t)head[8], buf_str(&payload));
        else if (head[3] == HTTP2_GOAWAY)
            return;
    }
}

/* For SSL_CTX_set_alpn_select_cb(). */
static inline int http2_choose(SSL *ssl, const unsigned char **out, unsigned char *len,
                               const unsigned char *in, unsigned in_len, void *arg)
{
    *out = (const unsigned char *)"h2";
    *len = 2;
    return SSL_TLSEXT_ERR_OK;
}

#endif
