/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs - authorities and certificates made for one test run, and a TLS server that shows them
 */
#ifndef TOCSIN_TESTS_UNIT_NET_CERTS_H
#define TOCSIN_TESTS_UNIT_NET_CERTS_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/unit/net/peer.h"

struct cert {
    X509 *x509;
    EVP_PKEY *key;
    char *pem, *key_pem;
};

static inline char *cert_text(X509 *x509, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct buf out = {0};
    char *p;
    long n;

    if (x509)
        must(PEM_write_bio_X509(bio, x509) == 1);
    else
        must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    n = BIO_get_mem_data(bio, &p);
    buf_add(&out, p, (size_t)n);
    BIO_free(bio);
    return buf_take(&out);
}

static inline void cert_extend(X509 *x509, int what, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, what, value);

    must(e && X509_add_ext(x509, e, -1) == 1);
    X509_EXTENSION_free(e);
}

/* Signed by issuer, or by itself when that is NULL: then it is an authority. */
static inline struct cert cert_new(const char *name, const char *subject_alt,
                                   const struct cert *issuer)
{
    static long serial;
    struct cert c = {.x509 = X509_new(), .key = EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(c.x509);

    must(c.key && X509_set_version(c.x509, 2) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
                               0);
    X509_set_issuer_name(c.x509, issuer ? X509_get_subject_name(issuer->x509) : subject);
    X509_set_pubkey(c.x509, c.key);
    cert_extend(c.x509, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (subject_alt)
        cert_extend(c.x509, NID_subject_alt_name, subject_alt);
    must(X509_sign(c.x509, issuer ? issuer->key : c.key, EVP_sha256()) > 0);
    c.pem = cert_text(c.x509, NULL);
    c.key_pem = cert_text(NULL, c.key);
    return c;
}

static inline void cert_deinit(struct cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    free(c->pem);
    free(c->key_pem);
}

/* ---- a server ------------------------------------------------------------------------------ */

struct tls_peer {
    struct peer peer;
    SSL_CTX *ssl_ctx;
    void (*serve)(SSL *ssl, void *arg); /* after a handshake that went well */
    void *arg;
    atomic_int served;
};

static inline void tls_peer_serve(int fd, void *arg)
{
    struct tls_peer *p = arg;
    SSL *ssl = SSL_new(p->ssl_ctx);

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        atomic_fetch_add(&p->served, 1);
        p->serve(ssl, p->arg);
    }
    ERR_clear_error();
    SSL_free(ssl);
}

/* client_ca: clients must show a certificate of this authority; NULL: they need none. */
static inline void tls_peer_start(struct tls_peer *p, const struct cert *own,
                                  const struct cert *client_ca, void (*serve)(SSL *ssl, void *arg),
                                  void *arg)
{
    *p = (struct tls_peer){.serve = serve, .arg = arg, .ssl_ctx = SSL_CTX_new(TLS_server_method())};
    must(SSL_CTX_use_certificate(p->ssl_ctx, own->x509) == 1);
    must(SSL_CTX_use_PrivateKey(p->ssl_ctx, own->key) == 1);
    if (client_ca) {
        must(X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ssl_ctx), client_ca->x509) == 1);
        SSL_CTX_set_verify(p->ssl_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    peer_start(&p->peer, tls_peer_serve, p);
}

static inline void tls_peer_stop(struct tls_peer *p)
{
    peer_stop(&p->peer);
    SSL_CTX_free(p->ssl_ctx);
}

#endif
