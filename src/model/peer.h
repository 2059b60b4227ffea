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

/* Kinds of records of DNS, by their numbers. */
enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_MX = 15, DNS_AAAA = 28, DNS_SRV = 33 };

#endif
