/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - how to talk to another system: TLS and HTTP options as the configuration says them
 *
 * Plain data between config, which decodes it, and net, which carries it out. Zeroed is a plain
 * client. A secret is given as text or as a file; a file is read each time it is used, so a rotated
 * secret takes effect at once.
 */
#ifndef TOCSIN_MODEL_PEER_H
#define TOCSIN_MODEL_PEER_H

#include <stdbool.h>
#include <stddef.h>

/* Prometheus' tls_config. */
struct tls_options {
    bool enabled;        /* of streams; HTTP goes by the URL's scheme */
    const char *ca_file; /* NULL: the system's */
    const char *ca;      /* PEM text, instead of ca_file */
    const char *cert_file, *cert;
    const char *key_file, *key;
    const char *server_name; /* NULL: the host that is connected to */
    bool insecure_skip_verify;
    int min_version, max_version; /* 0, or 10, 11, 12, 13 for TLS 1.0 ... 1.3 */
};

struct http_header {
    const char *name, *value;
};

/* Prometheus' http_config. At most one kind of authentication is set. */
struct http_options {
    struct tls_options tls;
    const char *basic_username, *basic_username_file, *basic_password, *basic_password_file;
    const char *authorization_type; /* NULL: Bearer */
    const char *authorization_credentials, *authorization_credentials_file;
    const char *proxy_url, *no_proxy;
    const struct http_header *headers; /* sent with every request */
    size_t n_headers;
    bool follow_redirects; /* at most 10, and never from https to http with credentials */
};

/* When a connection to a mail server is encrypted. */
enum smtp_tls {
    SMTP_TLS_BY_PORT,    /* from its start on port 465, else as SMTP_TLS_LATER */
    SMTP_TLS_FROM_START, /* as RFC 8314 has it */
    SMTP_TLS_LATER,      /* with STARTTLS, unless no_tls_needed */
};

/* The way to a mail server that takes mail in, as Alertmanager's email_configs has it. */
struct smtp_options {
    const char *smarthost;                /* host:port */
    const char *hello;                    /* who we say we are */
    const char *username;                 /* NULL: no authentication */
    const char *identity;                 /* whom we act for; NULL: the user */
    const char *password, *password_file; /* for PLAIN and LOGIN */
    const char *secret, *secret_file;     /* for CRAM-MD5 */
    enum smtp_tls implicit_tls;
    bool no_tls_needed; /* STARTTLS is not asked for */
    struct tls_options tls;
};

/* Kinds of records of DNS, by their numbers. */
enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_MX = 15, DNS_AAAA = 28, DNS_SRV = 33 };

#endif
