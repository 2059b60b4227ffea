/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_facts - what a TLS handshake showed: version, cipher, and the certificates of the server
 *
 * They are read before the certificates are judged: also of a handshake that fails because one has
 * expired it is known when it did. Zeroed is empty and valid: no certificate was seen.
 */
#ifndef TOCSIN_NET_TLS_FACTS_H
#define TOCSIN_NET_TLS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct tls_facts {
    bool seen;               /* the server showed certificates */
    char version[16];        /* "TLS 1.3" */
    char cipher[64];         /* "TLS_AES_256_GCM_SHA384" */
    int64_t earliest_expiry; /* seconds of Unix time, of all certificates that it sent */
    bool verified;           /* a chain leads to an authority; the name is another matter */
    int64_t chain_expiry;    /* the earliest in that chain */
    /* of the server's own certificate */
    char *fingerprint;      /* SHA-256 in hex */
    char *subject, *issuer; /* CN=a,O=b */
    char *serial;           /* hex */
    char *names;            /* DNS names, with commas between */
};

void tls_facts_deinit(struct tls_facts *f);

#endif
