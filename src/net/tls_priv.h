/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_priv - a TLS session of a client as struct tls_options describes it; over OpenSSL
 */
#ifndef TOCSIN_NET_TLS_PRIV_H
#define TOCSIN_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "base/err.h"
#include "model/peer.h"
#include "net/tls_facts.h"

struct buf;

/*
 * A session that will accept a certificate of `host` (or o->server_name) only. Files are read now.
 * Returns 0, or -errno with words: "TLS: ca_file x: no certificate in it".
 */
int tls_session_new(const struct tls_options *o, const char *host, SSL **ret, struct err *err);

/* Why a handshake failed: what was wrong with the certificate, or OpenSSL's reason for
 * `openssl_error`. */
void tls_add_reason(const SSL *ssl, unsigned long openssl_error, struct buf *out);

/* Notes in f what the handshakes of c show; f lives longer than they do. */
void tls_facts_watch(struct tls_facts *f, SSL_CTX *c);
/* What can be told of a server's certificate and of all that it sent. */
void tls_facts_read(struct tls_facts *f, X509 *server, STACK_OF(X509) * sent);

#endif
