/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_address_priv - where a Redis listens, as people write it
 */
#ifndef TOCSIN_PROBES_REDIS_ADDRESS_PRIV_H
#define TOCSIN_PROBES_REDIS_ADDRESS_PRIV_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define REDIS_PORT 6379 /* when none is written */

struct redis_address {
    char *host; /* without brackets; NULL when there is a unix_path */
    int port;
    char *unix_path;
    bool tls; /* the scheme asks for it */
};

/* Forms: see probes.h. -EINVAL with words, and *ret as it was. */
int redis_address_parse(struct str text, struct redis_address *ret, struct err *err);
void redis_address_deinit(struct redis_address *a);

#endif
