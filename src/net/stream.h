/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - a client's byte stream to TCP, TLS or a unix socket
 *
 * Callbacks come on the loop's thread. After on_closed nothing more is called; the owner frees with
 * stream_free(), which it may do at any time, also inside a callback.
 */
#ifndef TOCSIN_NET_STREAM_H
#define TOCSIN_NET_STREAM_H

#include "base/err.h"
#include "base/str.h"
#include "model/duration.h"
#include "model/peer.h"
#include "net/loop.h"

struct stream;
struct tls_facts;

struct stream_options {
    const char *host; /* name or address; resolved without blocking the loop */
    int port;
    const char *source;    /* an address of this machine, in digits; NULL: the kernel's choice */
    const char *unix_path; /* instead of host and port */
    struct tls_options tls;
    struct tls_facts
        *facts; /* filled by handshakes, lives longer than the stream; NULL: not wanted */
    dur_ms connect_timeout; /* over name look-up, connect and TLS handshake */
};

struct stream_events {
    void (*on_open)(struct stream *s, void *arg);
    void (*on_data)(struct stream *s, void *arg); /* more bytes: see stream_input() */

    /* The peer closed (err->code 0), or something failed. Says which step: "resolve ...", "connect to
     * 192.0.2.7:6379: Connection refused", "TLS handshake: ...", "read: ...". */
    void (*on_closed)(struct stream *s, const struct err *err, void *arg);
};

/* Never fails at once: what goes wrong is told by on_closed. Copies what it needs of the options. */
struct stream *stream_open(struct loop *l, const struct stream_options *o,
                           const struct stream_events *e, void *arg);
void stream_free(struct stream *s);

/* Goes over to TLS on a connection that is open without it: on_open is called again when the
 * handshake is through, within `timeout`. What came before and was not consumed is dropped. facts
 * as in the options. On an error nothing happened. */
int stream_start_tls(struct stream *s, const struct tls_options *o, struct tls_facts *facts,
                     dur_ms timeout, struct err *err);

void stream_write(struct stream *s, struct str bytes); /* queued; also before on_open */
struct str stream_input(struct stream *s);             /* bytes received and not yet consumed */
void stream_consume(struct stream *s, size_t n);

#endif
