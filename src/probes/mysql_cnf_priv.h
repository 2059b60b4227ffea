/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_cnf_priv - user, password and TLS of a my.cnf file
 *
 * A section [client.x] has what it does not say itself from [client]. Keys that are not about
 * logging in are left alone, as are !include lines.
 */
#ifndef TOCSIN_PROBES_MYSQL_CNF_PRIV_H
#define TOCSIN_PROBES_MYSQL_CNF_PRIV_H

#include "base/arena.h"
#include "base/err.h"

#define MYSQL_CNF_MAX (1u << 20) /* bytes of the file */

/* What is not said is NULL. */
struct mysql_cnf {
    const char *user, *password, *socket;
    const char *ssl_ca, *ssl_cert, *ssl_key;
    bool ssl_skip_verify;
};

/* Texts live in the arena. -ENOENT with words when there is no such section. */
int mysql_cnf_parse(struct str text, const char *section, struct arena *a, struct mysql_cnf *ret,
                    struct err *err);

#endif
