/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address_priv - where a Redis or a MySQL listens, as people write it
 */
#ifndef TOCSIN_PROBES_ADDRESS_PRIV_H
#define TOCSIN_PROBES_ADDRESS_PRIV_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum server_kind { SERVER_REDIS, SERVER_MYSQL };

struct server_address {
    char *host; /* without brackets; NULL when there is a unix_path */
    int port;
    char *unix_path;
    bool tls; /* the scheme asks for it */
};

/* Forms: see probes.h. -EINVAL with words, and *ret as it was. */
int server_address_parse(enum server_kind kind, struct str text, struct server_address *ret,
                         struct err *err);
void server_address_deinit(struct server_address *a);

#endif
