/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_status - what a server gives as names and values (exporters.md 2.2, 2.4)
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "probes/mysql_priv.h"

/* ---- values -------------------------------------------------------------------------------- */

static bool is_one_of(struct str text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(text, str_c(words[i])))
            return true;
    return false;
}

#define DATE_TEXT_MAX 40 /* bytes; longer texts are no dates */

static double seconds_of(int year, int month, int day, int hour, int minute, int second)
{
    const struct civil c = {
        .year = year, .month = month, .day = day, .hour = hour, .minute = minute, .second = second};

    return (double)civil_to_unix(&c);
}

bool mysql_time(struct str text, double *ret)
{
    char copy[DATE_TEXT_MAX];
    int year, month, day, hour, minute, second, used = 0;
    double fraction = 0;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%4d-%2d-%2d %2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second,
               &used) != 6 ||
        month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59)
        return false;
    if (copy[used] == '.' &&
        !num_parse_double(str_n(copy + used, text.len - (size_t)used), &fraction))
        return false;
    if (copy[used] && copy[used] != '.')
        return false;
    *ret = seconds_of(year, month, day, hour, minute, second) + fraction;
    return true;
}

/* "Jan  2 15:04:05 2006 GMT", as OpenSSL writes the end of a certificate. */
static bool certificate_time(struct str text, double *ret)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char copy[DATE_TEXT_MAX], month[4], end = 0;
    int year, day, hour, minute, second;
    const char *at;

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    if (sscanf(copy, "%3s %2d %2d:%2d:%2d %4d GMT%c", month, &day, &hour, &minute, &second, &year,
               &end) != 6 ||
        !str_has_suffix(text, STR(" GMT")) || strlen(month) != 3)
        return false;
    at = strstr(months, month);
    if (!at || (at - months) % 3 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret = seconds_of(year, (int)(at - months) / 3 + 1, day, hour, minute, second);
    return true;
}

bool mysql_value(struct str text, double *ret)
{
    static const char *const ones[] = {"yes", "on", "primary"};
    static const char *const zeroes[] = {"no",         "off",         "disabled",
                                         "connecting", "non-primary", "disconnected"};

    if (text.len == 0)
        return false;
    if (is_one_of(text, ones, ARRAY_LEN(ones)))
        *ret = 1;
    else if (is_one_of(text, zeroes, ARRAY_LEN(zeroes)))
        *ret = 0;
    else
        return num_parse_double(text, ret) || mysql_time(text, ret) || certificate_time(text, ret);
    return true;
}

char *mysql_name(struct mysql_scrape *s, const char *prefix, struct str key)
{
    char *name = arena_printf(&s->page->arena, "%s%.*s", prefix, STR_ARG(key));

    for (char *c = name; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
    return name;
}

/* ---- texts that become labels --------------------------------------------------------------- */

struct text_item {
    const char *key;
    struct str value;
};

static struct str *find_text(struct text_item *items, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(key, str_c(items[i].key)))
            return &items[i].value;
    return NULL;
}

/* ---- SHOW GLOBAL STATUS --------------------------------------------------------------------- */

static const struct {
    struct str prefix;
    const char *metric, *label;
} status_groups[] = {
    {{"com_", 4}, "mysql_global_status_commands_total", "command"},
    {{"handler_", 8}, "mysql_global_status_handlers_total", "handler"},
    {{"connection_errors_", 18}, "mysql_global_status_connection_errors_total", "error"},
    {{"innodb_rows_", 12}, "mysql_global_status_innodb_row_ops_total", "operation"},
    {{"performance_schema_", 19},
     "mysql_global_status_performance_schema_lost_total",
     "instrumentation"},
};

static const struct str pages_prefix = {"innodb_buffer_pool_pages_", 25};

static void status_pages(struct mysql_scrape *s, struct str what, double v)
{
    static const char *const states[] = {"data", "free", "misc", "old"};

    if (str_eq(what, STR("total")))
        return;
    if (str_eq(what, STR("dirty")))
        metric_page_gauge(s->page, "mysql_global_status_buffer_pool_dirty_pages", v, NO_LABELS);
    else if (is_one_of(what, states, ARRAY_LEN(states)))
        metric_page_gauge(s->page, "mysql_global_status_buffer_pool_pages", v,
                          LABELS({STR("state"), what}));
    else
        metric_page_counter(s->page, "mysql_global_status_buffer_pool_page_changes_total", v,
                            LABELS({STR("operation"), what}));
}

static struct str behind(struct str s, struct str prefix)
{
    return str_n(s.p + prefix.len, s.len - prefix.len);
}

static void status_line(struct mysql_scrape *s, struct str key, double v)
{
    for (size_t i = 0; i < ARRAY_LEN(status_groups); i++)
        if (str_has_prefix(key, status_groups[i].prefix)) {
            metric_page_counter(
                s->page, status_groups[i].metric, v,
                LABELS({str_c(status_groups[i].label), behind(key, status_groups[i].prefix)}));
            return;
        }
    if (str_has_prefix(key, pages_prefix))
        status_pages(s, behind(key, pages_prefix), v);
    else
        metric_page_add(s->page, mysql_name(s, "mysql_global_status_", key), METRIC_UNKNOWN, "", v,
                        NO_LABELS);
}

/* "min/avg/max/deviation/number of samples". */
static void evs_latency(struct mysql_scrape *s, struct str text)
{
    static const char *const parts[] = {
        "mysql_galera_evs_repl_latency_min_seconds", "mysql_galera_evs_repl_latency_avg_seconds",
        "mysql_galera_evs_repl_latency_max_seconds", "mysql_galera_evs_repl_latency_stdev",
        "mysql_galera_evs_repl_latency_sample_size"};
    double v;

    for (size_t i = 0; i < ARRAY_LEN(parts) && text.len; i++)
        if (num_parse_double(str_trim(str_cut(&text, '/')), &v))
            metric_page_gauge(s->page, parts[i], v, NO_LABELS);
}

int mysql_collect_global_status(struct mysql_scrape *s, struct err *err)
{
    struct text_item texts[] = {{"wsrep_local_state_uuid"},
                                {"wsrep_cluster_state_uuid"},
                                {"wsrep_provider_version"},
                                {"wsrep_evs_repl_latency"}};
    struct mysql_table t = {0};
    int r = mysql_ask(s, "SHOW GLOBAL STATUS", &t, err);

    if (r < 0)
        return r;
    for (size_t i = 0; t.n_columns >= 2 && i < t.n_rows; i++) {
        struct str name = t.cells[i * t.n_columns], value = t.cells[i * t.n_columns + 1], *text;
        double v;

        if (mysql_value(value, &v))
            status_line(s, str_c(mysql_name(s, "", name)), v);
        else if ((text = find_text(texts, ARRAY_LEN(texts), name)))
            *text = value;
    }
    if (texts[0].value.len)
        metric_page_gauge(s->page, "mysql_galera_status_info", 1,
                          LABELS({STR("wsrep_cluster_state_uuid"), texts[1].value},
                                 {STR("wsrep_local_state_uuid"), texts[0].value},
                                 {STR("wsrep_provider_version"), texts[2].value}));
    evs_latency(s, texts[3].value);
    return 0;
}

/* ---- SHOW GLOBAL VARIABLES ------------------------------------------------------------------ */

enum variable_text {
    INNODB_VERSION,
    VERSION,
    VERSION_COMMENT,
    CLUSTER_NAME,
    PROVIDER_OPTIONS,
    ISOLATION,
    OLD_ISOLATION,
};

/* gcache.size of "a = b; gcache.size = 128M; ...". */
static void gcache_size(struct mysql_scrape *s, struct str options)
{
    while (options.len) {
        struct str value = str_cut(&options, ';'), key = str_trim(str_cut(&value, '='));
        double v, unit = 1;

        value = str_trim(value);
        if (!str_eq(key, STR("gcache.size")) || value.len == 0)
            continue;
        if (strchr("KMG", value.p[value.len - 1])) {
            char suffix = value.p[--value.len];

            unit = suffix == 'G' ? 1 << 30 : suffix == 'M' ? 1 << 20 : 1 << 10;
        }
        if (num_parse_double(value, &v))
            metric_page_gauge(s->page, "mysql_galera_gcache_size_bytes", v * unit, NO_LABELS);
    }
}

static void variable_texts(struct mysql_scrape *s, const struct text_item *texts)
{
    struct str level = texts[ISOLATION].value.len ? texts[ISOLATION].value
                                                  : texts[OLD_ISOLATION].value;

    metric_page_gauge(s->page, "mysql_version_info", 1,
                      LABELS({STR("innodb_version"), texts[INNODB_VERSION].value},
                             {STR("version"), texts[VERSION].value},
                             {STR("version_comment"), texts[VERSION_COMMENT].value}));
    if (level.len)
        metric_page_gauge(s->page, "mysql_transaction_isolation", 1, LABELS({STR("level"), level}));
    if (texts[CLUSTER_NAME].value.len)
        metric_page_gauge(s->page, "mysql_galera_variables_info", 1,
                          LABELS({STR("wsrep_cluster_name"), texts[CLUSTER_NAME].value}));
    gcache_size(s, texts[PROVIDER_OPTIONS].value);
}

int mysql_collect_global_variables(struct mysql_scrape *s, struct err *err)
{
    struct text_item texts[] = {[INNODB_VERSION] = {"innodb_version"},
                                [VERSION] = {"version"},
                                [VERSION_COMMENT] = {"version_comment"},
                                [CLUSTER_NAME] = {"wsrep_cluster_name"},
                                [PROVIDER_OPTIONS] = {"wsrep_provider_options"},
                                [ISOLATION] = {"transaction_isolation"},
                                [OLD_ISOLATION] = {"tx_isolation"}};
    struct mysql_table t = {0};
    int r = mysql_ask(s, "SHOW GLOBAL VARIABLES", &t, err);

    if (r < 0)
        return r;
    for (size_t i = 0; t.n_columns >= 2 && i < t.n_rows; i++) {
        struct str name = t.cells[i * t.n_columns], value = t.cells[i * t.n_columns + 1], *text;
        double v;

        if (mysql_value(value, &v))
            metric_page_gauge(s->page, mysql_name(s, "mysql_global_variables_", name), v,
                              NO_LABELS);
        else if ((text = find_text(texts, ARRAY_LEN(texts), name)))
            *text = value;
    }
    variable_texts(s, texts);
    return 0;
}

/* ---- replication ---------------------------------------------------------------------------- */

#define SLAVE_LABELS 4

/* The words since MySQL 8.4 and those that dashboards written before it know. */
static struct str old_words(struct mysql_scrape *s, const char *name)
{
    CLEANUP(buf_free) struct buf old = {0};
    struct str rest = str_c(name);

    while (rest.len) {
        struct str word = str_cut(&rest, '_');

        if (str_eq(word, STR("source")))
            word = STR("master");
        else if (str_eq(word, STR("replica")))
            word = STR("slave");
        buf_addf(&old, "%s%.*s", old.len ? "_" : "", STR_ARG(word));
    }
    return arena_str(&s->page->arena, buf_str(&old));
}

/* "domain-server-sequence,domain-server-sequence" of MariaDB. */
static void gtid_positions(struct mysql_scrape *s, const char *metric, struct str text,
                           struct label *labels)
{
    double v;

    while (text.len) {
        struct str rest = str_trim(str_cut(&text, ','));
        struct str domain = str_cut(&rest, '-'), server = str_cut(&rest, '-');

        labels[SLAVE_LABELS] = (struct label){STR("domain_id"), domain};
        labels[SLAVE_LABELS + 1] = (struct label){STR("server_id"), server};
        if (num_parse_double(rest, &v))
            metric_page_gauge(s->page, metric, v, labels, SLAVE_LABELS + 2);
    }
}

static void slave_row(struct mysql_scrape *s, const struct mysql_table *t, size_t row)
{
    struct str host = mysql_cell(t, row, "Master_Host"), uuid = mysql_cell(t, row, "Master_UUID");
    struct label labels[SLAVE_LABELS + 2] = {
        {STR("channel_name"), mysql_cell(t, row, "Channel_Name")},
        {STR("connection_name"), mysql_cell(t, row, "Connection_name")},
        {STR("master_host"), host.p ? host : mysql_cell(t, row, "Source_Host")},
        {STR("master_uuid"), uuid.p ? uuid : mysql_cell(t, row, "Source_UUID")},
    };

    for (size_t c = 0; c < t->n_columns; c++) {
        const char *name = mysql_name(s, "mysql_slave_status_", t->columns[c]);
        double v;

        if (!mysql_value(t->cells[row * t->n_columns + c], &v))
            continue;
        metric_page_add(s->page, name, METRIC_UNKNOWN, "", v, labels, SLAVE_LABELS);
        metric_page_add(s->page, arena_strdup(&s->page->arena, old_words(s, name)), METRIC_UNKNOWN,
                        "", v, labels, SLAVE_LABELS);
    }
    gtid_positions(s, "mysql_slave_status_gtid_io_pos", mysql_cell(t, row, "Gtid_IO_Pos"), labels);
    gtid_positions(s, "mysql_slave_status_gtid_slave_pos", mysql_cell(t, row, "Gtid_Slave_Pos"),
                   labels);
}

/* The exporter tries up to nine statements until one is understood; the version tells which. */
int mysql_collect_slave_status(struct mysql_scrape *s, struct err *err)
{
    const char *sql = s->server.mariadb            ? "SHOW ALL SLAVES STATUS"
                      : s->server.version >= 80400 ? "SHOW REPLICA STATUS"
                                                   : "SHOW SLAVE STATUS";
    struct mysql_table t = {0};
    int r = mysql_ask(s, sql, &t, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < t.n_rows; i++)
        slave_row(s, &t, i);
    return 0;
}

/* "Source" and "Replica" since MySQL 8.0.22; MariaDB keeps the old words. */
int mysql_collect_slave_hosts(struct mysql_scrape *s, struct err *err)
{
    bool new_words = !s->server.mariadb && s->server.version >= 80022;
    struct mysql_table t = {0};
    int r = mysql_ask(s, new_words ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS", &t, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < t.n_rows; i++) {
        struct str master = mysql_cell(&t, i, "Master_id"), uuid = mysql_cell(&t, i, "Slave_UUID");

        if (!master.p)
            master = mysql_cell(&t, i, "Source_Id");
        if (!uuid.p)
            uuid = mysql_cell(&t, i, "Replica_UUID");
        metric_page_gauge(
            s->page, "mysql_heartbeat_mysql_slave_hosts_info", 1,
            LABELS({STR("master_id"), master}, {STR("port"), mysql_cell(&t, i, "Port")},
                   {STR("server_id"), mysql_cell(&t, i, "Server_Id")},
                   {STR("slave_host"), mysql_cell(&t, i, "Host")}, {STR("slave_uuid"), uuid}));
    }
    return 0;
}
