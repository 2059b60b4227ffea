/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - how to talk TLS to a peer, as the configuration says it (Prometheus' tls_config)
 */
#ifndef TOCSIN_NET_TLS_H
#define TOCSIN_NET_TLS_H

#include <stdbool.h>

struct tls_options {
    bool enabled;
    const char *ca_file; /* NULL: the system's */
    const char *ca;      /* PEM text, instead of ca_file */
    const char *cert_file, *cert;
    const char *key_file, *key;
    const char *server_name; /* NULL: the host that is connected to */
    bool insecure_skip_verify;
    int min_version, max_version; /* 0, or 10, 11, 12, 13 for TLS 1.0 ... 1.3 */
};

#endif
