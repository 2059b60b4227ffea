/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights - the least that an account needs, in the words of the server that is to grant it
 */
#include "base/buf.h"
#include "probes/mysql_priv.h"
#include "probes/probes.h"

#define ACCOUNT "tocsin" /* where the configuration names none */

/* ---- MySQL, MariaDB ------------------------------------------------------------------------------- */

static const struct grant {
    unsigned bit;
    const char *mysql, *mariadb; /* of MariaDB since 10.5 */
    const char *on;
} grants[] = {
    {GRANT_PROCESS, "PROCESS", "PROCESS", "*.*"},
    {GRANT_REPLICA_STATUS, "REPLICATION CLIENT", "SLAVE MONITOR", "*.*"},
    {GRANT_BINLOG, "REPLICATION CLIENT", "BINLOG MONITOR", "*.*"},
    {GRANT_REPLICAS, "REPLICATION SLAVE", "REPLICATION MASTER ADMIN", "*.*"},
    {GRANT_SELECT_ALL, "SELECT", "SELECT", "*.*"},
    {GRANT_PERFORMANCE_SCHEMA, "SELECT", "SELECT", "performance_schema.*"},
    {GRANT_SYS, "SELECT, EXECUTE", "SELECT, EXECUTE", "sys.*"},
    {GRANT_USERS, "SELECT", "SELECT", "mysql.user"},
};

static unsigned rights_of(uint64_t collectors)
{
    unsigned bits = 0;

    for (int c = 0; c < MYSQL_COLLECTORS_N; c++)
        if (collectors >> c & 1)
            bits |= mysql_collector_kinds[c].grants;
    return bits;
}

static void add_account(struct buf *out, const struct config_mysql *m)
{
    mysql_quote(out, m->username ? m->username : ACCOUNT);
    buf_add_c(out, "@'%'");
}

static void add_grant(struct buf *out, const struct config_mysql *m, const char *what,
                      const char *on)
{
    buf_addf(out, "GRANT %s ON %s TO ", what, on);
    add_account(out, m);
    buf_add_c(out, ";\n");
}

static void add_identifier(struct buf *out, const char *name)
{
    buf_add_byte(out, '`');
    for (; *name; name++)
        buf_addf(out, *name == '`' ? "``" : "%c", *name);
    buf_add_byte(out, '`');
}

void probe_mysql_grants(const struct config_mysql *m, bool mariadb, struct buf *out)
{
    unsigned bits = rights_of(m->collectors);
    const char *before = "";

    buf_add_c(out, "CREATE USER ");
    add_account(out, m);
    buf_add_c(out, " IDENTIFIED BY '<password>' WITH MAX_USER_CONNECTIONS 3;\n");
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        const struct grant *g = &grants[i];
        const char *what = mariadb ? g->mariadb : g->mysql;

        if (!(bits & g->bit) || strcmp(what, before) == 0)
            continue;
        if (strcmp(g->on, "*.*") == 0) /* old MySQLs know one name for two rights */
            before = what;
        else if (bits & GRANT_SELECT_ALL && strcmp(what, "SELECT") == 0)
            continue;
        add_grant(out, m, what, g->on);
    }
    if (bits & GRANT_HEARTBEAT && !(bits & GRANT_SELECT_ALL)) {
        CLEANUP(buf_free) struct buf on = {0};

        add_identifier(&on, m->heartbeat_database);
        buf_add_byte(&on, '.');
        add_identifier(&on, m->heartbeat_table);
        add_grant(out, m, "SELECT", on.p);
    }
}

/* ---- Redis ------------------------------------------------------------------------------------------ */

void probe_redis_acl(const struct config_redis *r, struct buf *out)
{
    const char *name = r->username ? r->username : ACCOUNT;

    buf_addf(out,
             "ACL SETUSER %s on >PASSWORD resetkeys resetchannels -@all +info +client|setname"
             "%s +latency|latest +latency|histogram +slowlog|len +slowlog|get +cluster|info\n",
             name, r->config_metrics ? " +config|get" : "");
    buf_addf(out,
             "# Sentinel:\n"
             "ACL SETUSER %s on >PASSWORD resetkeys resetchannels -@all +info +client|setname"
             " +sentinel|masters +sentinel|ckquorum +sentinel|sentinels +sentinel|slaves\n",
             name);
}
