/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/must.h"
#include "net/tls_priv.h"

#define PEM_MAX                                                                                    \
    ((size_t)4 << 20) /* bytes of a file; the largest bundles of authorities have 0.3 MB */

static void free_bio(BIO **b)
{
    BIO_free(*b);
}

static void free_ssl_ctx(SSL_CTX **c)
{
    SSL_CTX_free(*c);
}

/* ---- PEM texts ----------------------------------------------------------------------------- */

struct pem {
    const char *what; /* as the configuration names it */
    const char *file, *text;
};

static int fail(const struct pem *p, int code, const char *why, struct err *err)
{
    if (p->text)
        return err_set(err, code, "TLS: %s: %s", p->what, why);
    return err_set(err, code, "TLS: %s_file %s: %s", p->what, p->file, why);
}

/* OpenSSL reads from memory, never from files: errors are ours then. The text must outlive the BIO.
 */
static int open_pem(const struct pem *p, struct buf *text, BIO **ret, struct err *err)
{
    int r;

    if (p->text) {
        buf_add_c(text, p->text);
    } else {
        r = file_read(p->file, PEM_MAX, text, err);
        if (r < 0)
            return err_in(err, r, "TLS: %s_file", p->what);
    }
    must((*ret = BIO_new_mem_buf(text->p ? text->p : "", (int)text->len)));
    return 0;
}

static bool is_given(const struct pem *p)
{
    return p->text || p->file;
}

/* Keys with a passphrase: OpenSSL would ask for it on the terminal. */
static int refuse_passphrase(char *out, int size, int writing, void *arg)
{
    return -1;
}

static int load_authorities(SSL_CTX *c, const struct pem *p, struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    CLEANUP(free_bio) BIO *bio = NULL;
    X509_STORE *store = SSL_CTX_get_cert_store(c);
    X509 *x;
    int n = 0, r = open_pem(p, &text, &bio, err);

    if (r < 0)
        return r;
    for (; (x = PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL)); n++) {
        X509_STORE_add_cert(store, x); /* one that is there already is no harm */
        X509_free(x);
    }
    ERR_clear_error();
    return n > 0 ? 0 : fail(p, -EINVAL, "no certificate in it", err);
}

/* The certificate comes first, then those that lead from it to an authority. */
static int load_certificate(SSL_CTX *c, const struct pem *p, struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    CLEANUP(free_bio) BIO *bio = NULL;
    X509 *x;
    int n = 0, ok = 1, r = open_pem(p, &text, &bio, err);

    if (r < 0)
        return r;
    for (; ok == 1 && (x = PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL)); n++) {
        ok = n == 0 ? SSL_CTX_use_certificate(c, x) : SSL_CTX_add1_chain_cert(c, x);
        X509_free(x);
    }
    if (ok != 1)
        return fail(p, -EINVAL, ERR_reason_error_string(ERR_get_error()), err);
    ERR_clear_error();
    return n > 0 ? 0 : fail(p, -EINVAL, "no certificate in it", err);
}

static int load_key(SSL_CTX *c, const struct pem *p, struct err *err)
{
    CLEANUP(buf_free)
    struct buf text = {0};
    CLEANUP(free_bio) BIO *bio = NULL;
    EVP_PKEY *key;
    int ok, r = open_pem(p, &text, &bio, err);

    if (r < 0)
        return r;
    key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
    ERR_clear_error();
    if (text.p)
        OPENSSL_cleanse(text.p, text.len);
    if (!key)
        return fail(p, -EINVAL, "no private key in it that needs no passphrase", err);
    ok = SSL_CTX_use_PrivateKey(c, key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok == 1 ? 0
                   : fail(p, -EINVAL, "the private key does not belong to the certificate", err);
}

/* ---- the session --------------------------------------------------------------------------- */

static int version_of(int v)
{
    return v == 10   ? TLS1_VERSION
           : v == 11 ? TLS1_1_VERSION
           : v == 12 ? TLS1_2_VERSION
           : v == 13 ? TLS1_3_VERSION
                     : 0;
}

static void set_versions(SSL_CTX *c, const struct tls_options *o)
{
    SSL_CTX_set_min_proto_version(c, o->min_version ? version_of(o->min_version) : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(c, version_of(o->max_version));
    if (o->min_version == 10 || o->min_version == 11)
        SSL_CTX_set_security_level(c, 0); /* their signatures are below Debian's level */
}

static int load_all(SSL_CTX *c, const struct tls_options *o, struct err *err)
{
    struct pem ca = {"ca", o->ca_file, o->ca}, cert = {"cert", o->cert_file, o->cert},
               key = {"key", o->key_file, o->key};
    int r = 0;

    if (is_given(&ca))
        r = load_authorities(c, &ca, err);
    else if (!o->insecure_skip_verify && SSL_CTX_set_default_verify_paths(c) != 1)
        r = err_set(err, -EIO, "TLS: the system's authorities cannot be read");
    if (r == 0 && is_given(&cert))
        r = load_certificate(c, &cert, err);
    if (r == 0 && is_given(&key))
        r = load_key(c, &key, err);
    return r;
}

static bool is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static int set_expected_name(SSL *ssl, const char *name, bool verify, struct err *err)
{
    int ok;

    if (is_address(name)) { /* has no place in SNI */
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name);
    }
    ERR_clear_error();
    if (ok != 1)
        return err_set(err, -EINVAL, "TLS: \"%s\" cannot be the name of a server", name);
    SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    return 0;
}

int tls_session_new(const struct tls_options *o, const char *host, SSL **ret, struct err *err)
{
    CLEANUP(free_ssl_ctx) SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    const char *name = o->server_name && o->server_name[0] ? o->server_name : host;
    SSL *ssl;
    int r;

    must(c);
    /* Many servers just hang up. Whether all came is known by the protocol within. */
    SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
    set_versions(c, o);
    r = load_all(c, o, err);
    if (r < 0)
        return r;
    if (!name && !o->insecure_skip_verify)
        return err_set(err, -EINVAL,
                       "TLS: server_name is needed to verify a server without a host name");
    must((ssl = SSL_new(c)));
    r = name ? set_expected_name(ssl, name, !o->insecure_skip_verify, err) : 0;
    if (r < 0) {
        SSL_free(ssl);
        return r;
    }
    *ret = ssl;
    return 0;
}

void tls_add_reason(const SSL *ssl, unsigned long openssl_error, struct buf *out)
{
    long verified = SSL_get_verify_result(ssl);
    const char *reason = ERR_reason_error_string(openssl_error);

    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && verified != X509_V_OK)
        buf_addf(out, "certificate: %s", X509_verify_cert_error_string(verified));
    else
        buf_add_c(out, reason ? reason : "the peer closed the connection");
}
