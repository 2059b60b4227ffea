/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_client_priv - one connection to a MySQL, over libmariadb's blocking calls
 *
 * Used by one thread at a time, except for mysql_client_interrupt(), which any may call.
 */
#ifndef TOCSIN_PROBES_MYSQL_CLIENT_PRIV_H
#define TOCSIN_PROBES_MYSQL_CLIENT_PRIV_H

#include "base/clock.h"
#include "model/duration.h"
#include "model/peer.h"
#include "probes/mysql_priv.h"

struct mysql_client_options {
    const char *host; /* NULL: unix_path */
    int port;
    const char *unix_path;
    const char *user, *password;
    struct tls_options tls;
    dur_ms connect_timeout, read_timeout;
};

struct mysql_client;

/*
 * Connects and logs in. Words say which step failed: "resolve h: ...", "connect to h:3306:
 * Connection refused", "TLS with h:3306: ...", "log in to h:3306: Access denied ...".
 */
int mysql_client_open(const struct mysql_client_options *o, struct mysql_client **ret,
                      struct err *err);
void mysql_client_free(struct mysql_client *c); /* NULL is fine */

/* As struct mysql_asker says. */
int mysql_client_ask(struct mysql_client *c, const char *sql, size_t rows_max, struct arena *a,
                     struct mysql_table *ret, unsigned *number, struct err *err);

/* Ends the connection under whoever waits for it. */
void mysql_client_interrupt(struct mysql_client *c);

#endif
