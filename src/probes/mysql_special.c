/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_special - collectors that need more than a rule (exporters.md 2.3)
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include <mysqld_error.h>

#include "base/num.h"
#include "probes/mysql_priv.h"

static struct str first_cell(const struct mysql_table *t)
{
    return t->n_rows && t->n_columns ? t->cells[0] : STR_NONE;
}

static bool number_of(const struct mysql_table *t, size_t row, const char *column, double *ret)
{
    struct str cell = mysql_cell(t, row, column);

    return cell.p && num_parse_double(str_trim(cell), ret);
}

static struct str without_prefix(struct str s, const char *prefix)
{
    struct str p = str_c(prefix);

    return p.len && str_has_prefix(s, p) ? str_n(s.p + p.len, s.len - p.len) : s;
}

/* ---- the binary log ------------------------------------------------------------------------- */

int mysql_collect_binlog_size(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table on = {0}, t = {0};
    double total = 0, size, number;
    int r = mysql_ask(s, "SELECT @@log_bin", &on, err);

    if (r < 0 || !str_eq(first_cell(&on), STR("1")))
        return r;
    r = mysql_ask(s, "SHOW BINARY LOGS", &t, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < t.n_rows; i++)
        if (number_of(&t, i, "File_size", &size))
            total += size;
    metric_page_gauge(s->page, "mysql_binlog_size_bytes", total, NO_LABELS);
    metric_page_gauge(s->page, "mysql_binlog_files", (double)t.n_rows, NO_LABELS);
    if (t.n_rows) {
        struct str name = mysql_cell(&t, t.n_rows - 1, "Log_name");

        str_cut(&name, '.');
        if (num_parse_double(name, &number))
            metric_page_gauge(s->page, "mysql_binlog_file_number", number, NO_LABELS);
    }
    return 0;
}

/* ---- engines --------------------------------------------------------------------------------- */

/* Takes a number and the words behind it off the front: "3 queries inside InnoDB". */
static bool cut_count(struct str *line, struct str words, double *ret)
{
    struct str rest = *line, number = str_cut(&rest, ' ');

    if (!num_parse_double(number, ret) || !str_has_prefix(rest, words))
        return false;
    *line = str_n(rest.p + words.len, rest.len - words.len);
    return true;
}

void mysql_innodb_status(struct metric_page *page, struct str text)
{
    double a, b;

    while (text.len) {
        struct str line = str_trim(str_cut(&text, '\n')), rest = line;

        if (cut_count(&rest, STR("queries inside InnoDB, "), &a) &&
            cut_count(&rest, STR("queries in queue"), &b)) {
            metric_page_gauge(page, "mysql_engine_innodb_queries_inside_innodb", a, NO_LABELS);
            metric_page_gauge(page, "mysql_engine_innodb_queries_in_queue", b, NO_LABELS);
        }
        if (cut_count(&line, STR("read views open inside InnoDB"), &a))
            metric_page_gauge(page, "mysql_engine_innodb_read_views_open_inside_innodb", a,
                              NO_LABELS);
    }
}

int mysql_collect_engine_innodb(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask(s, "SHOW ENGINE INNODB STATUS", &t, err);

    if (r == 0 && t.n_rows)
        mysql_innodb_status(s->page, mysql_cell(&t, 0, "Status"));
    return r;
}

/* TokuDB's words as a name: signs between words go, + and / are "and". */
static char *tokudb_name(struct mysql_scrape *s, struct str key)
{
    CLEANUP(buf_free) struct buf name = {0};

    for (size_t i = 0; i < key.len; i++)
        if (strchr("+/", key.p[i]))
            buf_add_c(&name, "and");
        else if (!strchr(">,:()", key.p[i]))
            buf_add_byte(&name, key.p[i]);
    return mysql_name(s, "mysql_engine_tokudb_", buf_str(&name));
}

int mysql_collect_engine_tokudb(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask(s, "SHOW ENGINE TOKUDB STATUS", &t, err);
    double v;

    for (size_t i = 0; r == 0 && t.n_columns >= 3 && i < t.n_rows; i++)
        if (mysql_value(t.cells[i * t.n_columns + 2], &v))
            metric_page_add(s->page, tokudb_name(s, t.cells[i * t.n_columns + 1]), METRIC_UNKNOWN,
                            "", v, NO_LABELS);
    return r;
}

/* ---- the heartbeat table --------------------------------------------------------------------- */

static void quote_name(struct buf *sql, const char *name)
{
    buf_add_byte(sql, '`');
    for (; *name; name++)
        buf_addf(sql, *name == '`' ? "``" : "%c", *name);
    buf_add_byte(sql, '`');
}

int mysql_collect_heartbeat(struct mysql_scrape *s, struct err *err)
{
    CLEANUP(buf_free) struct buf sql = {0};
    struct mysql_table t = {0};
    double v;
    int r;

    buf_addf(&sql, "SELECT UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP(%s), server_id FROM ",
             s->config->heartbeat_utc ? "UTC_TIMESTAMP(6)" : "NOW(6)");
    quote_name(&sql, s->config->heartbeat_database);
    buf_add_byte(&sql, '.');
    quote_name(&sql, s->config->heartbeat_table);
    r = mysql_ask(s, sql.p, &t, err);
    for (size_t i = 0; r == 0 && t.n_columns >= 3 && i < t.n_rows; i++) {
        const struct str *row = &t.cells[i * t.n_columns];

        if (num_parse_double(row[0], &v))
            metric_page_gauge(s->page, "mysql_heartbeat_stored_timestamp_seconds", v,
                              LABELS({STR("server_id"), row[2]}));
        if (num_parse_double(row[1], &v))
            metric_page_gauge(s->page, "mysql_heartbeat_now_timestamp_seconds", v,
                              LABELS({STR("server_id"), row[2]}));
    }
    return r;
}

/* ---- processes -------------------------------------------------------------------------------- */

/* A state as a label value: "Waiting for table; lock" is waiting_for_table_lock. */
static struct str state_word(struct mysql_scrape *s, struct str text)
{
    CLEANUP(buf_free) struct buf word = {0};

    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == ' ' || text.p[i] == '-')
            buf_add_byte(&word, '_');
        else if (!strchr(";,:.()", text.p[i]))
            buf_add_byte(&word, (char)tolower((unsigned char)text.p[i]));
    return word.len ? arena_str(&s->page->arena, buf_str(&word)) : STR("unknown");
}

struct sum {
    struct str a, b;
    double processes, seconds;
};

struct sums {
    struct sum *items;
    size_t n;
};

static void add_to(struct sums *sums, struct str a, struct str b, double processes, double seconds)
{
    size_t i = 0;

    while (i < sums->n && !(str_eq(sums->items[i].a, a) && str_eq(sums->items[i].b, b)))
        i++;
    if (i == sums->n)
        sums->items[sums->n++] = (struct sum){a, b, 0, 0};
    sums->items[i].processes += processes;
    sums->items[i].seconds += seconds;
}

static void emit_states(struct mysql_scrape *s, const struct sums *sums)
{
    for (size_t i = 0; i < sums->n; i++) {
        const struct sum *x = &sums->items[i];

        metric_page_gauge(s->page, "mysql_info_schema_processlist_threads", x->processes,
                          LABELS({STR("command"), x->a}, {STR("state"), x->b}));
        metric_page_gauge(s->page, "mysql_info_schema_processlist_seconds", x->seconds,
                          LABELS({STR("command"), x->a}, {STR("state"), x->b}));
    }
}

static void emit_processes(struct mysql_scrape *s, const struct sums *sums, const char *metric,
                           const char *label)
{
    for (size_t i = 0; i < sums->n; i++)
        metric_page_gauge(s->page, metric, sums->items[i].processes,
                          LABELS({str_c(label), sums->items[i].a}));
}

static struct sums new_sums(struct mysql_scrape *s, size_t most)
{
    return (struct sums){arena_array(&s->page->arena, most + 1, sizeof(struct sum)), 0};
}

int mysql_collect_processlist(struct mysql_scrape *s, struct err *err)
{
    CLEANUP(buf_free) struct buf sql = {0};
    struct sums states, users, hosts;
    struct mysql_table t = {0};
    int r;

    buf_addf(&sql,
             "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS host, COALESCE(command, '') AS "
             "command, COALESCE(state, '') AS state, COUNT(*) AS processes, SUM(time) AS seconds "
             "FROM information_schema.processlist WHERE ID != connection_id() AND TIME >= %" PRIu64
             " GROUP BY user, host, command, state",
             s->config->processlist_min_time);
    r = mysql_ask_long(s, sql.p, &t, err);
    if (r < 0)
        return r;
    states = new_sums(s, t.n_rows);
    users = new_sums(s, t.n_rows);
    hosts = new_sums(s, t.n_rows);
    for (size_t i = 0; i < t.n_rows; i++) {
        struct str host = mysql_cell(&t, i, "host");
        double n = 0, seconds = 0;

        number_of(&t, i, "processes", &n);
        number_of(&t, i, "seconds", &seconds);
        add_to(&states, state_word(s, mysql_cell(&t, i, "command")),
               state_word(s, mysql_cell(&t, i, "state")), n, seconds);
        add_to(&users, mysql_cell(&t, i, "user"), STR(""), n, 0);
        add_to(&hosts, host.len ? host : STR("unknown"), STR(""), n, 0);
    }
    emit_states(s, &states);
    if (s->config->processlist_by_user)
        emit_processes(s, &users, "mysql_info_schema_processlist_processes_by_user", "mysql_user");
    if (s->config->processlist_by_host)
        emit_processes(s, &hosts, "mysql_info_schema_processlist_processes_by_host", "client_host");
    return 0;
}

/* ---- response times ---------------------------------------------------------------------------- */

/* Rows are (upper bound, count, total time); the last bound is "TOO LONG". */
static void emit_response_times(struct mysql_scrape *s, const struct mysql_table *t,
                                const char *metric)
{
    double count = 0, sum = 0, bound, n, total;

    for (size_t i = 0; i < t->n_rows; i++) {
        if (!number_of(t, i, "COUNT", &n))
            continue;
        count += n;
        if (number_of(t, i, "TOTAL", &total))
            sum += total;
        if (number_of(t, i, "TIME", &bound))
            metric_page_add(s->page, metric, METRIC_HISTOGRAM, "_bucket", count,
                            LABELS({STR("le"), metric_page_number(s->page, bound)}));
    }
    metric_page_add(s->page, metric, METRIC_HISTOGRAM, "_bucket", count,
                    LABELS({STR("le"), STR("+Inf")}));
    metric_page_add(s->page, metric, METRIC_HISTOGRAM, "_sum", sum, NO_LABELS);
    metric_page_add(s->page, metric, METRIC_HISTOGRAM, "_count", count, NO_LABELS);
}

/* MariaDB with its plugin and Percona Server have it; only the latter parts reading from writing. */
int mysql_collect_query_response_time(struct mysql_scrape *s, struct err *err)
{
    static const struct {
        const char *sql, *metric;
    } tables[] = {
        {"SELECT TIME, COUNT, TOTAL FROM INFORMATION_SCHEMA.QUERY_RESPONSE_TIME",
         "mysql_info_schema_query_response_time_seconds"},
        {"SELECT TIME, COUNT, TOTAL FROM INFORMATION_SCHEMA.QUERY_RESPONSE_TIME_READ",
         "mysql_info_schema_read_query_response_time_seconds"},
        {"SELECT TIME, COUNT, TOTAL FROM INFORMATION_SCHEMA.QUERY_RESPONSE_TIME_WRITE",
         "mysql_info_schema_write_query_response_time_seconds"},
    };
    struct mysql_table on = {0};
    int r = mysql_ask(s, "SELECT @@query_response_time_stats", &on, err);

    if (r == -EREMOTEIO)
        return 0; /* there is no such variable */
    if (r < 0 || !str_eq(first_cell(&on), STR("1")))
        return r;
    for (size_t i = 0; i < (s->server.mariadb ? 1 : ARRAY_LEN(tables)); i++) {
        struct mysql_table t = {0};

        r = mysql_ask(s, tables[i].sql, &t, err);
        if (r == -EREMOTEIO && i > 0)
            continue;
        if (r < 0)
            return r;
        emit_response_times(s, &t, tables[i].metric);
    }
    return 0;
}

/* ---- InnoDB -------------------------------------------------------------------------------------- */

#define INNODB_METRICS "mysql_info_schema_innodb_metrics_"

static bool cut_prefix(struct str *s, struct str prefix)
{
    if (!str_has_prefix(*s, prefix))
        return false;
    *s = str_n(s->p + prefix.len, s->len - prefix.len);
    return true;
}

/* The counters of single page types and states are one metric with a label. True: it was one. */
static bool innodb_page_metric(struct mysql_scrape *s, struct str subsystem, struct str name,
                               double v)
{
    if (str_eq(subsystem, STR("buffer_page_io"))) {
        bool read = cut_prefix(&name, STR("buffer_page_read_"));

        if (read || cut_prefix(&name, STR("buffer_page_written_")))
            metric_page_counter(s->page,
                                read ? INNODB_METRICS "buffer_page_read_total"
                                     : INNODB_METRICS "buffer_page_written_total",
                                v, LABELS({STR("type"), name}));
        return true;
    }
    if (!str_eq(subsystem, STR("buffer")) || !cut_prefix(&name, STR("buffer_pool_pages_")))
        return false;
    if (str_eq(name, STR("dirty")))
        metric_page_gauge(s->page, INNODB_METRICS "buffer_pool_dirty_pages", v, NO_LABELS);
    else if (!str_eq(name, STR("total")))
        metric_page_gauge(s->page, INNODB_METRICS "buffer_pool_pages", v,
                          LABELS({STR("state"), name}));
    return true;
}

static void innodb_metric(struct mysql_scrape *s, const struct mysql_table *t, size_t row)
{
    struct str name = mysql_cell(t, row, "name"), subsystem = mysql_cell(t, row, "subsystem");
    struct str type = mysql_cell(t, row, "type");
    char *metric;
    bool counter;
    double v;

    if (!number_of(t, row, "count", &v) || innodb_page_metric(s, subsystem, name, v))
        return;
    counter = (str_eq(type, STR("counter")) || str_eq(type, STR("status_counter"))) && v >= 0;
    metric = arena_printf(&s->page->arena, INNODB_METRICS "%.*s_%.*s%s", STR_ARG(subsystem),
                          STR_ARG(name), counter ? "_total" : "");
    for (char *c = metric; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '_'; /* case stays here: "Buffer_..." */
    metric_page_add(s->page, metric, counter ? METRIC_COUNTER : METRIC_GAUGE, "", v, NO_LABELS);
}

int mysql_collect_innodb_metrics(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table column = {0}, t = {0};
    bool by_enabled;
    int r = mysql_ask(s,
                      "SELECT column_name FROM information_schema.columns WHERE table_schema = "
                      "'information_schema' AND table_name = 'INNODB_METRICS' AND column_name IN "
                      "('status', 'enabled') LIMIT 1",
                      &column, err);

    if (r < 0)
        return r;
    by_enabled = first_cell(&column).len == 7; /* MariaDB's ENABLED, or STATUS */
    r = mysql_ask(s,
                  by_enabled ? "SELECT name, subsystem, type, count FROM "
                               "information_schema.innodb_metrics WHERE enabled = 1"
                             : "SELECT name, subsystem, type, count FROM "
                               "information_schema.innodb_metrics WHERE status = 'enabled'",
                  &t, err);
    for (size_t i = 0; r == 0 && i < t.n_rows; i++)
        innodb_metric(s, &t, i);
    return r;
}

static void emit_tablespaces(struct mysql_scrape *s, const struct mysql_table *t)
{
    double v;

    for (size_t i = 0; i < t->n_rows; i++) {
        struct str name = mysql_cell(t, i, "NAME");

        if (number_of(t, i, "SPACE", &v))
            metric_page_gauge(s->page, "mysql_info_schema_innodb_tablespace_space_info", v,
                              LABELS({STR("file_format"), mysql_cell(t, i, "FILE_FORMAT")},
                                     {STR("row_format"), mysql_cell(t, i, "ROW_FORMAT")},
                                     {STR("space_type"), mysql_cell(t, i, "SPACE_TYPE")},
                                     {STR("tablespace_name"), name}));
        if (number_of(t, i, "FILE_SIZE", &v))
            metric_page_gauge(s->page, "mysql_info_schema_innodb_tablespace_file_size_bytes", v,
                              LABELS({STR("tablespace_name"), name}));
        if (number_of(t, i, "ALLOCATED_SIZE", &v))
            metric_page_gauge(s->page, "mysql_info_schema_innodb_tablespace_allocated_size_bytes",
                              v, LABELS({STR("tablespace_name"), name}));
    }
}

/* The table lost SYS_ from its name in MySQL 8 and the type of a space in MariaDB 10.5; only MySQL
 * 5.7 and old MariaDB have a file format. */
int mysql_collect_tablespaces(struct mysql_scrape *s, struct err *err)
{
    bool old_mysql = !s->server.mariadb && s->server.version < 80000;
    bool typed = !s->server.mariadb || s->server.version < 100500;
    CLEANUP(buf_free) struct buf sql = {0};
    struct mysql_table t = {0};
    int r;

    buf_addf(&sql,
             "SELECT SPACE, NAME, %s AS FILE_FORMAT, ifnull(ROW_FORMAT, 'NONE') AS ROW_FORMAT",
             old_mysql ? "FILE_FORMAT" : "'NONE'");
    if (typed)
        buf_add_c(&sql, ", ifnull(SPACE_TYPE, 'NONE') AS SPACE_TYPE");
    buf_addf(&sql, ", FILE_SIZE, ALLOCATED_SIZE FROM information_schema.%s LIMIT %" PRIu64,
             old_mysql || s->server.mariadb ? "INNODB_SYS_TABLESPACES" : "INNODB_TABLESPACES",
             s->config->rows_limit + 1);
    r = mysql_ask_long(s, sql.p, &t, err);
    if (r == 0)
        emit_tablespaces(s, &t);
    return r;
}

/* ---- tables --------------------------------------------------------------------------------------- */

static void add_list(struct buf *sql, const char *const *names, size_t n)
{
    buf_add_byte(sql, '(');
    for (size_t i = 0; i < n; i++) {
        buf_add_c(sql, i ? ", " : "");
        mysql_quote(sql, names[i]);
    }
    buf_add_byte(sql, ')');
}

int mysql_collect_tables(struct mysql_scrape *s, struct err *err)
{
    static const char *const own[] = {"mysql", "performance_schema", "information_schema", "sys"};
    const struct config_mysql *c = s->config;
    CLEANUP(buf_free) struct buf where = {0};

    buf_addf(&where, " WHERE TABLE_SCHEMA %s", c->n_tables_databases ? "IN " : "NOT IN ");
    if (c->n_tables_databases)
        add_list(&where, c->tables_databases, c->n_tables_databases);
    else
        add_list(&where, own, ARRAY_LEN(own));
    return mysql_collect_rows(s, &mysql_tables_rule, where.p, err);
}

/* ---- user statistics: one column one metric --------------------------------------------------------- */

/* Columns whose metrics are not called like them with _total behind. */
static const struct {
    const char *column, *metric;
    enum metric_type type;
} odd_columns[] = {
    {"TOTAL_CONNECTIONS", "total_connections", METRIC_COUNTER},
    {"CONCURRENT_CONNECTIONS", "concurrent_connections", METRIC_GAUGE},
    {"CONNECTED_TIME", "connected_time_seconds_total", METRIC_COUNTER},
    {"BUSY_TIME", "busy_seconds_total", METRIC_COUNTER},
    {"CPU_TIME", "cpu_time_seconds_total", METRIC_COUNTER},
};

static void emit_statistic(struct mysql_scrape *s, const char *prefix, struct str column, double v,
                           const struct label *labels)
{
    /* a column that the exporter knows of clients only */
    bool unknown = strstr(prefix, "user_") && str_eq(column, STR("MAX_STATEMENT_TIME_EXCEEDED"));
    char *name;

    for (size_t i = 0; i < ARRAY_LEN(odd_columns); i++)
        if (str_eq_c(column, odd_columns[i].column)) {
            metric_page_add(s->page,
                            arena_printf(&s->page->arena, "%s%s", prefix, odd_columns[i].metric),
                            odd_columns[i].type, "", v, labels, 1);
            return;
        }
    name = mysql_name(s, prefix, column);
    metric_page_add(s->page, unknown ? name : arena_printf(&s->page->arena, "%s_total", name),
                    unknown ? METRIC_UNKNOWN : METRIC_COUNTER, "", v, labels, 1);
}

/* They are kept when the variable is ON; where it does not exist they do not either. */
static int statistics_are_kept(struct mysql_scrape *s, bool *ret, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask(s,
                      "SHOW GLOBAL VARIABLES WHERE Variable_Name='userstat' OR "
                      "Variable_Name='userstat_running'",
                      &t, err);

    *ret = r == 0 && str_eq(mysql_cell(&t, 0, "Value"), STR("ON"));
    return r;
}

static int collect_statistics(struct mysql_scrape *s, const char *table, const char *prefix,
                              const char *label, struct err *err)
{
    struct mysql_table t = {0};
    bool kept;
    int r = statistics_are_kept(s, &kept, err);

    if (r < 0 || !kept)
        return r;
    r = mysql_ask_long(
        s, arena_printf(&s->page->arena, "SELECT * FROM information_schema.%s", table), &t, err);
    for (size_t i = 0; r == 0 && i < t.n_rows; i++)
        for (size_t c = 1; c < t.n_columns; c++) {
            struct label who = {str_c(label), t.cells[i * t.n_columns]};
            double v;

            if (num_parse_double(t.cells[i * t.n_columns + c], &v))
                emit_statistic(s, prefix, t.columns[c], v, &who);
        }
    return r;
}

int mysql_collect_user_stats(struct mysql_scrape *s, struct err *err)
{
    return collect_statistics(s, "user_statistics", "mysql_info_schema_user_statistics_", "user",
                              err);
}

int mysql_collect_client_stats(struct mysql_scrape *s, struct err *err)
{
    return collect_statistics(s, "client_statistics", "mysql_info_schema_client_statistics_",
                              "client", err);
}

static int collect_if_kept(struct mysql_scrape *s, const struct row_rule *rule, const char *behind,
                           struct err *err)
{
    bool kept;
    int r = statistics_are_kept(s, &kept, err);

    return r < 0 || !kept ? r : mysql_collect_rows(s, rule, behind, err);
}

int mysql_collect_table_stats(struct mysql_scrape *s, struct err *err)
{
    static const struct row_label labels[] = {{"schema", "TABLE_SCHEMA"}, {"table", "TABLE_NAME"}};
    static const struct row_metric metrics[] = {
        {"ROWS_READ", "mysql_info_schema_table_statistics_rows_read_total", METRIC_COUNTER},
        {"ROWS_CHANGED", "mysql_info_schema_table_statistics_rows_changed_total", METRIC_COUNTER},
        {"ROWS_CHANGED_X_INDEXES",
         "mysql_info_schema_table_statistics_rows_changed_x_indexes_total", METRIC_COUNTER},
    };
    static const struct row_rule rule = {"information_schema.table_statistics", labels,
                                         ARRAY_LEN(labels), metrics, ARRAY_LEN(metrics)};

    return collect_if_kept(s, &rule, "", err);
}

int mysql_collect_schema_stats(struct mysql_scrape *s, struct err *err)
{
    static const struct row_label labels[] = {{"schema", "TABLE_SCHEMA"}};
    static const struct row_metric metrics[] = {
        {"SUM(ROWS_READ) AS ROWS_READ", "mysql_info_schema_schema_statistics_rows_read_total",
         METRIC_COUNTER},
        {"SUM(ROWS_CHANGED) AS ROWS_CHANGED",
         "mysql_info_schema_schema_statistics_rows_changed_total", METRIC_COUNTER},
        {"SUM(ROWS_CHANGED_X_INDEXES) AS ROWS_CHANGED_X_INDEXES",
         "mysql_info_schema_schema_statistics_rows_changed_x_indexes_total", METRIC_COUNTER},
    };
    static const struct row_rule rule = {"information_schema.TABLE_STATISTICS", labels,
                                         ARRAY_LEN(labels), metrics, ARRAY_LEN(metrics)};

    return collect_if_kept(s, &rule, " GROUP BY TABLE_SCHEMA", err);
}

/* ---- servers of others -------------------------------------------------------------------------------- */

/* Aurora's; others do not have the table, which is no failure. */
int mysql_collect_replica_host(struct mysql_scrape *s, struct err *err)
{
    int r = mysql_collect_rows(s, &mysql_replica_host_rule, "", err);

    return r == -EREMOTEIO && s->number == ER_UNKNOWN_TABLE ? 0 : r;
}

/* The MyRocks counters that the exporter shows, under the same words. */
static const char *const rocksdb_counters[] = {
    "USER_KEY_COMPARISON_COUNT",
    "BLOCK_CACHE_HIT_COUNT",
    "BLOCK_READ_COUNT",
    "BLOCK_READ_BYTE",
    "GET_READ_BYTES",
    "MULTIGET_READ_BYTES",
    "ITER_READ_BYTES",
    "INTERNAL_KEY_SKIPPED_COUNT",
    "INTERNAL_DELETE_SKIPPED_COUNT",
    "INTERNAL_RECENT_SKIPPED_COUNT",
    "INTERNAL_MERGE_COUNT",
    "GET_FROM_MEMTABLE_COUNT",
    "SEEK_ON_MEMTABLE_COUNT",
    "NEXT_ON_MEMTABLE_COUNT",
    "PREV_ON_MEMTABLE_COUNT",
    "SEEK_CHILD_SEEK_COUNT",
    "BLOOM_MEMTABLE_HIT_COUNT",
    "BLOOM_MEMTABLE_MISS_COUNT",
    "BLOOM_SST_HIT_COUNT",
    "BLOOM_SST_MISS_COUNT",
    "KEY_LOCK_WAIT_COUNT",
    "IO_BYTES_WRITTEN",
    "IO_BYTES_READ",
};

int mysql_collect_rocksdb(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask_long(s,
                           "SELECT TABLE_SCHEMA, TABLE_NAME, ifnull(PARTITION_NAME, '') AS part, "
                           "STAT_TYPE, VALUE FROM information_schema.ROCKSDB_PERF_CONTEXT",
                           &t, err);
    double v;

    for (size_t i = 0; r == 0 && i < t.n_rows; i++)
        for (size_t k = 0; k < ARRAY_LEN(rocksdb_counters); k++)
            if (str_eq_c(mysql_cell(&t, i, "STAT_TYPE"), rocksdb_counters[k]) &&
                number_of(&t, i, "VALUE", &v))
                metric_page_counter(s->page,
                                    mysql_name(s, "mysql_info_schema_rocksdb_perf_context_",
                                               str_c(rocksdb_counters[k])),
                                    v,
                                    LABELS({STR("part"), mysql_cell(&t, i, "part")},
                                           {STR("schema"), mysql_cell(&t, i, "TABLE_SCHEMA")},
                                           {STR("table"), mysql_cell(&t, i, "TABLE_NAME")}));
    return r;
}

/* ---- accounts ------------------------------------------------------------------------------------------ */

static void emit_privileges(struct mysql_scrape *s, const struct mysql_table *t)
{
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        size_t row = i / t->n_columns;
        struct str column = t->columns[i % t->n_columns], v = t->cells[i];

        if (str_has_suffix(column, STR("_priv")) && v.len == 1 && strchr("YN", v.p[0]))
            metric_page_gauge(s->page, mysql_name(s, "mysql_mysql_", column), v.p[0] == 'Y',
                              LABELS({STR("hostmask"), mysql_cell(t, row, "Host")},
                                     {STR("mysql_user"), mysql_cell(t, row, "User")}));
    }
}

int mysql_collect_user(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_collect_rows(s, &mysql_user_rule, "", err);

    if (r < 0 || !s->config->user_privileges)
        return r;
    /* by name, so that no column with secrets leaves the server */
    r = mysql_ask_long(
        s,
        "SELECT user AS User, host AS Host, Select_priv, Insert_priv, Update_priv, "
        "Delete_priv, Create_priv, Drop_priv, Reload_priv, Shutdown_priv, Process_priv, "
        "File_priv, Grant_priv, References_priv, Index_priv, Alter_priv, Show_db_priv, "
        "Super_priv, Create_tmp_table_priv, Lock_tables_priv, Execute_priv, "
        "Repl_slave_priv, Repl_client_priv, Create_view_priv, Show_view_priv, "
        "Create_routine_priv, Alter_routine_priv, Create_user_priv, Event_priv, "
        "Trigger_priv, Create_tablespace_priv FROM mysql.user",
        &t, err);
    if (r == 0)
        emit_privileges(s, &t);
    return r;
}

/* ---- performance_schema ------------------------------------------------------------------------------------ */

static void cut_texts(struct mysql_table *t, const char *column, size_t characters)
{
    int c = mysql_column(t, column);

    for (size_t i = 0; c >= 0 && i < t->n_rows; i++) {
        struct str *cell = &t->cells[i * t->n_columns + (size_t)c], rest = *cell;
        uint32_t code;

        for (size_t n = 0; n < characters && rest.len; n++) {
            size_t used = str_utf8_next(rest, &code);

            rest = str_n(rest.p + used, rest.len - used);
        }
        cell->len -= rest.len;
    }
}

static void cut_prefixes(struct mysql_table *t, const char *column, const char *prefix)
{
    int c = mysql_column(t, column);

    for (size_t i = 0; c >= 0 && i < t->n_rows; i++) {
        struct str *cell = &t->cells[i * t->n_columns + (size_t)c];

        *cell = without_prefix(*cell, prefix);
    }
}

int mysql_collect_statements(struct mysql_scrape *s, struct err *err)
{
    static const char *const own[] = {"mysql", "performance_schema", "information_schema", ""};
    const struct config_mysql *c = s->config;
    bool new = !s->server.mariadb && s->server.version >= 80028;
    const struct row_rule *rule = new ? &mysql_statements_rule : &mysql_statements_old_rule;
    uint64_t limit = c->statements_limit < c->rows_limit ? c->statements_limit : c->rows_limit;
    CLEANUP(buf_free) struct buf where = {0};
    struct mysql_table t = {0};
    int r;

    buf_add_c(&where, " WHERE SCHEMA_NAME NOT IN ");
    add_list(&where, own, ARRAY_LEN(own));
    if (c->n_statements_exclude_schemas) {
        buf_add_c(&where, " AND SCHEMA_NAME NOT IN ");
        add_list(&where, c->statements_exclude_schemas, c->n_statements_exclude_schemas);
    }
    buf_addf(&where,
             " AND LAST_SEEN > DATE_SUB(NOW(), INTERVAL %" PRId64
             " SECOND) ORDER BY SUM_TIMER_WAIT DESC LIMIT %" PRIu64,
             c->statements_time_limit / 1000, limit);
    r = mysql_ask_rows(s, rule, where.p, &t, err);
    if (r < 0)
        return r;
    cut_texts(&t, "DIGEST_TEXT", c->statements_text_limit);
    mysql_emit_rows(s, rule, &t);
    return 0;
}

int mysql_collect_file_instances(struct mysql_scrape *s, struct err *err)
{
    CLEANUP(buf_free) struct buf where = {0};
    struct mysql_table t = {0};
    int r;

    buf_add_c(&where, " WHERE FILE_NAME REGEXP ");
    mysql_quote(&where, s->config->files_filter);
    r = mysql_ask_rows(s, &mysql_file_instances_rule, where.p, &t, err);
    if (r < 0)
        return r;
    cut_prefixes(&t, "FILE_NAME", s->config->files_remove_prefix);
    mysql_emit_rows(s, &mysql_file_instances_rule, &t);
    return 0;
}

int mysql_collect_memory(struct mysql_scrape *s, struct err *err)
{
    struct mysql_table t = {0};
    int r = mysql_ask_rows(s, &mysql_memory_rule, " WHERE COUNT_ALLOC > 0", &t, err);

    if (r < 0)
        return r;
    cut_prefixes(&t, "EVENT_NAME", s->config->memory_remove_prefix);
    mysql_emit_rows(s, &mysql_memory_rule, &t);
    return 0;
}

#define GROUP_COLUMNS_MAX 16 /* there are eight */

/* Every column is a label: they differ from version to version. */
int mysql_collect_group_members(struct mysql_scrape *s, struct err *err)
{
    struct label labels[GROUP_COLUMNS_MAX];
    struct mysql_table t = {0};
    int r = mysql_ask(s, "SELECT * FROM performance_schema.replication_group_members", &t, err);

    for (size_t i = 0; r == 0 && t.n_columns <= GROUP_COLUMNS_MAX && i < t.n_rows; i++) {
        for (size_t c = 0; c < t.n_columns; c++)
            labels[c] = (struct label){str_c(mysql_name(s, "", t.columns[c])),
                                       t.cells[i * t.n_columns + c]};
        metric_page_gauge(s->page, "mysql_perf_schema_replication_group_member_info", 1, labels,
                          t.n_columns);
    }
    return r;
}
