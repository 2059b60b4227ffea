/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/must.h"
#include "net/tls_priv.h"

#define DNS_NAMES_MAX 4096 /* bytes of names that are kept: they become a label's value */

void tls_facts_deinit(struct tls_facts *f)
{
    free(f->fingerprint);
    free(f->subject);
    free(f->issuer);
    free(f->serial);
    free(f->names);
    *f = (struct tls_facts){0};
}

static int64_t expiry_of(const X509 *x)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static int64_t earliest_of(STACK_OF(X509) * chain, int64_t earliest)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int64_t t = expiry_of(sk_X509_value(chain, i));

        earliest = t < earliest ? t : earliest;
    }
    return earliest;
}

static char *name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct buf out = {0};
    char *p;
    long n;

    must(bio);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    n = BIO_get_mem_data(bio, &p);
    buf_add(&out, p, (size_t)n);
    BIO_free(bio);
    return buf_take(&out);
}

static char *serial_text(X509 *x)
{
    struct buf out = {0};
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    const char *digits = hex ? hex : "";

    while (digits[0] == '0' && digits[1])
        digits++;
    for (; *digits; digits++)
        buf_add_byte(&out, *digits >= 'A' && *digits <= 'F' ? (char)(*digits + 32) : *digits);
    OPENSSL_free(hex);
    BN_free(n);
    buf_add_c(&out, "");
    return buf_take(&out);
}

static char *fingerprint_text(const X509 *x)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buf out = {0};
    unsigned n = 0;

    if (X509_digest(x, EVP_sha256(), digest, &n) != 1)
        n = 0;
    for (unsigned i = 0; i < n; i++)
        buf_addf(&out, "%02x", digest[i]);
    buf_add_c(&out, "");
    return buf_take(&out);
}

static char *dns_names(X509 *x)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct buf out = {0};

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

        if (kind != GEN_DNS || out.len + (size_t)ASN1_STRING_length(s) >= DNS_NAMES_MAX)
            continue;
        if (out.len)
            buf_add_byte(&out, ',');
        buf_add(&out, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    }
    GENERAL_NAMES_free(names);
    buf_add_c(&out, "");
    return buf_take(&out);
}

void tls_facts_read(struct tls_facts *f, X509 *server, STACK_OF(X509) * sent)
{
    tls_facts_deinit(f);
    f->seen = true;
    f->earliest_expiry = earliest_of(sent, expiry_of(server));
    f->fingerprint = fingerprint_text(server);
    f->subject = name_text(X509_get_subject_name(server));
    f->issuer = name_text(X509_get_issuer_name(server));
    f->serial = serial_text(server);
    f->names = dns_names(server);
}

/* OpenSSL says TLSv1.3, and plain TLSv1 for the first. */
static void read_session(struct tls_facts *f, SSL *ssl)
{
    const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
    const char *version = SSL_get_version(ssl), *name;

    if (!cipher)
        cipher = SSL_get_current_cipher(ssl);
    name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    snprintf(f->cipher, sizeof f->cipher, "%s", name ? name : "");
    if (strncmp(version, "TLSv", 4) == 0)
        snprintf(f->version, sizeof f->version, "TLS %s%s", version + 4,
                 strchr(version, '.') ? "" : ".0");
}

/* OpenSSL asks this in place of its own verification. */
static int verify_and_note(X509_STORE_CTX *x, void *arg)
{
    struct tls_facts *f = arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    int ok;

    tls_facts_read(f, X509_STORE_CTX_get0_cert(x), X509_STORE_CTX_get0_untrusted(x));
    read_session(f, ssl);
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
        return 1;
    ok = X509_verify_cert(x);
    f->verified = ok == 1;
    if (f->verified)
        f->chain_expiry = earliest_of(X509_STORE_CTX_get0_chain(x), INT64_MAX);
    return ok;
}

void tls_facts_watch(struct tls_facts *f, SSL_CTX *c)
{
    SSL_CTX_set_cert_verify_callback(c, verify_and_note, f);
}
