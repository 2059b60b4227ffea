/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_mysql - the `mysql:` block of a scrape job
 */
#include <stddef.h>

#include "config/config_priv.h"
#include "config/decode_priv.h"

#define COLLECTOR_NAME(word, name) [MYSQL_##word] = name,
const char *const mysql_collector_names[MYSQL_COLLECTORS_N] = {MYSQL_COLLECTORS(COLLECTOR_NAME)};

#define ROWS_LIMIT_MAX 100000 /* a page has at most half as many samples */

static int find_collector(struct str name)
{
    for (int i = 0; i < MYSQL_COLLECTORS_N; i++)
        if (str_eq_c(name, mysql_collector_names[i]))
            return i;
    return -1;
}

static int read_collectors(struct decoder *d, const struct yaml_node *list, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; !yaml_is_null(list) && i < list->n; i++) {
        int c = find_collector(list->values[i]->text);

        if (c < 0)
            return decoder_fail(d, list->values[i],
                                "%s is no collector: they are named as in mysqld_exporter, for "
                                "example info_schema.tables",
                                shown(d, list->values[i]->text));
        *ret |= UINT64_C(1) << c;
    }
    return 0;
}

static int check_tls(struct decoder *d, struct config_mysql *m, const struct yaml_node *node)
{
    const struct yaml_node *tls = yaml_get(node, "tls_config");

    if (has_key(node, "tls") && !m->tls.enabled && tls)
        return decoder_fail(d, place_of(node, "tls"),
                            "tls is false, but there is a tls_config: leave one out");
    if (is_given(m->tls.ca) || is_given(m->tls.cert) || is_given(m->tls.key))
        return decoder_fail(d, tls,
                            "of MySQL certificates and keys are files: ca_file, cert_file, "
                            "key_file");
    if (is_given(m->tls.server_name))
        return decoder_fail(d, tls,
                            "server_name cannot be set for MySQL: its certificate has to "
                            "be for the host that is connected to");
    m->tls.enabled = m->tls.enabled || has_key(node, "tls_config");
    return 0;
}

static int check_mysql(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_mysql *m = object;
    uint64_t on, off;
    int r;

    if (is_given(m->password) && is_given(m->password_file))
        return decoder_fail(d, place_of(node, "password_file"),
                            "at most one of password & password_file must be configured");
    if (m->rows_limit == 0 || m->rows_limit > ROWS_LIMIT_MAX)
        return decoder_fail(d, place_of(node, "rows_limit"), "rows_limit is 1 to %d",
                            ROWS_LIMIT_MAX);
    r = check_tls(d, m, node);
    if (r == 0)
        r = read_collectors(d, yaml_get(node, "collect"), &on);
    if (r == 0)
        r = read_collectors(d, yaml_get(node, "no_collect"), &off);
    if (r < 0)
        return r;
    m->collectors = (MYSQL_DEFAULT_COLLECTORS | on) & ~off;
    return 0;
}

#define M struct config_mysql
static const struct field fields[] = {
    TEXT("username", M, username),
    SECRET("password", M, password),
    PATH("password_file", M, password_file),
    PATH("my_cnf", M, my_cnf),
    TEXT("my_cnf_section", M, my_cnf_section),
    BOOL("tls", M, tls.enabled),
    BLOCK("tls_config", M, tls, &tls_block),
    DURATION("connect_timeout", M, connect_timeout),
    DURATION("lock_wait_timeout", M, lock_wait_timeout),
    DURATION("statement_timeout", M, statement_timeout),
    TEXTS("collect", M, collect),
    TEXTS("no_collect", M, no_collect),
    COUNT("rows_limit", M, rows_limit),
    TEXT("heartbeat_database", M, heartbeat_database),
    TEXT("heartbeat_table", M, heartbeat_table),
    BOOL("heartbeat_utc", M, heartbeat_utc),
    COUNT("processlist_min_time", M, processlist_min_time),
    BOOL("processlist_by_user", M, processlist_by_user),
    BOOL("processlist_by_host", M, processlist_by_host),
    TEXTS("tables_databases", M, tables_databases),
    COUNT("statements_limit", M, statements_limit),
    COUNT("statements_text_limit", M, statements_text_limit),
    DURATION("statements_time_limit", M, statements_time_limit),
    TEXTS("statements_exclude_schemas", M, statements_exclude_schemas),
    TEXT("files_filter", M, files_filter),
    TEXT("files_remove_prefix", M, files_remove_prefix),
    TEXT("memory_remove_prefix", M, memory_remove_prefix),
    BOOL("user_privileges", M, user_privileges),
};
#undef M

const struct config_mysql config_mysql_defaults = MYSQL_DEFAULTS;
const struct block mysql_block = {.name = "mysql", FIELDS(fields), .check = check_mysql};
