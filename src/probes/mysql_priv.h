/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_priv - how a MySQL is asked and how its answers become samples
 *
 *     mysql_page     runs the collectors of a configuration, each on its own, and writes the page
 *     mysql_rules    which statement each collector asks and which column becomes which metric
 *     mysql_rows     carries such a rule out
 *     mysql_status   what comes as names and values: status, variables, replication
 *     mysql_special  what no rule can say: histograms, texts, sums over rows
 *
 * A collector asks through struct mysql_asker, so that tests answer from recordings. Everything a
 * collector puts on the page lives in the page's arena. One thread at a time.
 */
#ifndef TOCSIN_PROBES_MYSQL_PRIV_H
#define TOCSIN_PROBES_MYSQL_PRIV_H

#include "base/err.h"
#include "config/config.h"
#include "probes/page_priv.h"

#define MYSQL_MEMORY_MAX (64u << 20) /* bytes of all answers of a scrape, and of the page's lines */

/* What a statement gave. */
struct mysql_table {
    const struct str *columns; /* their names */
    struct str *cells;         /* row by row; .p == NULL: NULL */
    size_t n_columns, n_rows, cap_rows;
    bool cut; /* there were more rows than were wanted */
};

struct mysql_server {
    bool mariadb;
    int version; /* 80028 is 8.0.28 */
};

/* Reads @@version. */
struct mysql_server mysql_server_of(struct str version);

struct mysql_asker {
    void *self;

    /* Asks for at most rows_max rows, which live in the arena. 0; or -EREMOTEIO when the server
     * refused the statement, *number is its error then; or another code when there is no going on. */
    int (*ask)(void *self, const char *sql, size_t rows_max, struct arena *a,
               struct mysql_table *ret, unsigned *number, struct err *err);

    /* A collector is over; why: "" when it did not fail. NULL: nobody wants to know. */
    void (*step)(void *self, const char *name, const char *why);
};

/* A scrape under way. */
struct mysql_scrape {
    const struct mysql_asker *asker;
    const struct config_mysql *config;
    struct mysql_server server;
    struct metric_page *page;
    unsigned number; /* the server's error of the statement that was refused last */
    bool cut;        /* the collector that runs left out rows */
};

int mysql_ask(struct mysql_scrape *s, const char *sql, struct mysql_table *ret, struct err *err);
/* The same for what grows with the site: tables, users, processes. rows_limit holds. */
int mysql_ask_long(struct mysql_scrape *s, const char *sql, struct mysql_table *ret,
                   struct err *err);

/* The number of a column, in any case; -1: there is none. */
int mysql_column(const struct mysql_table *t, const char *name);
/* A cell by name, STR_NONE when there is no such column or it is NULL. */
struct str mysql_cell(const struct mysql_table *t, size_t row, const char *column);

/* A value as status and variables write it: numbers, yes and no, dates. False: none of these. */
bool mysql_value(struct str text, double *ret);
/* "2006-01-02 15:04:05.000000" (UTC) as seconds of Unix time. */
bool mysql_time(struct str text, double *ret);
/* A metric's name: prefix and key, lower case, other characters than letters, digits as _. */
char *mysql_name(struct mysql_scrape *s, const char *prefix, struct str key);

/* A text for a statement, in quotes. */
void mysql_quote(struct buf *sql, const char *text);

/* ---- rules --------------------------------------------------------------------------------- */

/* `column` may be an expression: "ifnull(ENGINE, 'NONE') AS ENGINE". */
struct row_label {
    const char *label, *column;
};

enum row_value { ROW_NUMBER, ROW_TIME, ROW_ONE /* 1, whatever the column holds */ };

struct row_metric {
    const char *column, *metric;
    enum metric_type type;
    double divisor;            /* 0: as it is */
    const char *label, *value; /* one more label, or NULL */
    const char *suffix;        /* of a summary: "_sum"; NULL: none */
    enum row_value kind;
    bool zero; /* 0 stands for a column that this server does not have: it is not asked for */
};

#define ROW_LABELS_MAX 8 /* most: table_version has six */

struct row_rule {
    const char *from; /* what follows FROM */
    const struct row_label *labels;
    size_t n_labels;
    const struct row_metric *metrics;
    size_t n_metrics;
    const struct row_rule *also; /* what else is made of the same rows */
};

/* Asks for a rule's columns. `behind` follows its FROM (" WHERE ..."), or is "". */
int mysql_ask_rows(struct mysql_scrape *s, const struct row_rule *rule, const char *behind,
                   struct mysql_table *ret, struct err *err);
void mysql_emit_rows(struct mysql_scrape *s, const struct row_rule *rule,
                     const struct mysql_table *t);
int mysql_collect_rows(struct mysql_scrape *s, const struct row_rule *rule, const char *behind,
                       struct err *err); /* both */

/* ---- collectors ---------------------------------------------------------------------------- */

typedef int mysql_collect(struct mysql_scrape *s, struct err *err);

/* What an account needs, besides logging in. */
enum mysql_grant {
    GRANT_NOTHING = 0,
    GRANT_PROCESS = 1,
    GRANT_REPLICA_STATUS = 2, /* REPLICATION CLIENT; MariaDB since 10.5: SLAVE MONITOR */
    GRANT_BINLOG = 4,         /* REPLICATION CLIENT; MariaDB since 10.5: BINLOG MONITOR */
    GRANT_REPLICAS = 8,       /* REPLICATION SLAVE; MariaDB since 10.5: REPLICATION MASTER ADMIN */
    GRANT_SELECT_ALL = 16,    /* SELECT ON *.*: information_schema shows what one may read */
    GRANT_PERFORMANCE_SCHEMA = 32,
    GRANT_SYS = 64,
    GRANT_USERS = 128,     /* mysql.user */
    GRANT_HEARTBEAT = 256, /* the heartbeat table */
};

struct mysql_collector_kind {
    int least; /* version since which it is asked */
    unsigned grants;
    const struct row_rule *rule; /* or */
    mysql_collect *collect;
};

extern const struct mysql_collector_kind mysql_collector_kinds[MYSQL_COLLECTORS_N];

extern const struct row_rule mysql_statements_rule, mysql_statements_old_rule, mysql_tables_rule,
    mysql_file_instances_rule, mysql_memory_rule, mysql_user_rule, mysql_replica_host_rule;

mysql_collect mysql_collect_global_status, mysql_collect_global_variables,
    mysql_collect_slave_status, mysql_collect_slave_hosts, mysql_collect_binlog_size,
    mysql_collect_engine_innodb, mysql_collect_engine_tokudb, mysql_collect_heartbeat,
    mysql_collect_processlist, mysql_collect_query_response_time, mysql_collect_innodb_metrics,
    mysql_collect_tablespaces, mysql_collect_tables, mysql_collect_user_stats,
    mysql_collect_client_stats, mysql_collect_table_stats, mysql_collect_schema_stats,
    mysql_collect_replica_host, mysql_collect_rocksdb, mysql_collect_user, mysql_collect_statements,
    mysql_collect_file_instances, mysql_collect_memory, mysql_collect_group_members;

/* The numbers of SHOW ENGINE INNODB STATUS. */
void mysql_innodb_status(struct metric_page *page, struct str text);

/* ---- the page ------------------------------------------------------------------------------ */

/* What is kept from scrape to scrape of one target. */
struct mysql_memory {
    mono_ns refused[MYSQL_COLLECTORS_N]; /* when; 0: it was not */
};

/* Runs the collectors. 0, or a negative code when there is no going on: then the page holds what
 * came before. */
int mysql_collect_all(struct mysql_scrape *s, struct mysql_memory *m, struct err *err);

/* Of a server that cannot be asked: mysql_up 0. */
void mysql_page_up(struct metric_page *page, bool up, double connect_seconds);

#endif
