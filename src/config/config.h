/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the one YAML file, checked, as immutable structs
 *
 * Keys are prometheus.yml's and alertmanager.yml's side by side (they only share `global`), plus
 * tocsin's own words: `redis:` and `mysql:` in a scrape job, `format:` in a webhook. A configuration is counted
 * and never changes: a reload makes a new one, and if that is refused the old one stays in force.
 * Every struct is zero-terminated text and plain numbers, owned by the configuration's arena.
 *
 * Unknown keys are errors. Keys that Prometheus or Alertmanager know and tocsin does not yet carry
 * out are refused by name, never silently ignored. Messages: "FILE:LINE:COL: found ..., expected
 * ...".
 */
#ifndef TOCSIN_CONFIG_CONFIG_H
#define TOCSIN_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config_channels.h"
#include "model/duration.h"
#include "model/label_set.h"
#include "model/matcher.h"
#include "model/peer.h"
#include "model/time_interval.h"

/* ---- prometheus.yml ------------------------------------------------------------------------ */

enum relabel_action {
    RELABEL_REPLACE,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEPEQUAL,
    RELABEL_DROPEQUAL,
    RELABEL_HASHMOD,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
};

extern const char *const relabel_action_names[]; /* by enum relabel_action, as in the file */

struct config_relabel {
    const char **source_labels;
    size_t n_source_labels;
    const char *separator;    /* ";" */
    const char *target_label; /* "" */
    struct regex *regex;      /* anchored */
    uint64_t modulus;
    const char *replacement; /* "$1" */
    enum relabel_action action;
    int line; /* where it stands, for telling why a target was dropped */
};

struct config_static_group {
    const char **targets;
    size_t n_targets;
    const struct label_set *labels;
};

struct config_file_sd {
    const char **files; /* globs, resolved against the configuration's folder */
    size_t n_files;
    dur_ms refresh_interval; /* 5m */
};

/* What every kind of discovery that asks somebody has; the first member of its struct. */
struct config_sd {
    uint64_t settings; /* of the block as it is written: what has equal ones is one discovery */
    const char *place; /* FILE:LINE, for words */
    dur_ms refresh_interval;
};

/* A URL that answers with target groups. */
struct config_http_sd {
    struct config_sd sd; /* refresh_interval: 1m */
    const char *url;
    struct http_options http;
};

/* Names in DNS whose records tell hosts and ports. */
struct config_dns_sd {
    struct config_sd sd; /* refresh_interval: 30s */
    const char **names;
    size_t n_names;
    enum dns_type type;   /* SRV */
    uint64_t port;        /* 0: of the SRV records */
    const char **servers; /* own: address or address:port; none: those of the machine */
    size_t n_servers;
};

/* Objects of Kubernetes; also which of them become targets. */
enum kube_role {
    KUBE_NODE,
    KUBE_SERVICE,
    KUBE_POD,
    KUBE_ENDPOINTS,
    KUBE_ENDPOINTSLICE,
    KUBE_INGRESS,
    KUBE_ROLES,
};

struct config_kube_selector {
    enum kube_role role;
    const char *label, *field;
};

struct config_kube_sd {
    struct config_sd sd;
    const char *api_server; /* NULL: the cluster that we run in */
    enum kube_role role;
    const char **namespaces; /* none: all */
    size_t n_namespaces;
    bool own_namespace;                     /* besides these */
    struct config_kube_selector *selectors; /* at most one a role */
    size_t n_selectors;
    bool attach_node;
    struct http_options http;
};

struct config_text_pair {
    const char *name, *value;
};

struct config_consul_sd {
    struct config_sd sd;                                             /* refresh_interval: 30s */
    const char *server;                                              /* "localhost:8500" */
    const char *path_prefix;                                         /* "/consul"; NULL */
    const char *scheme;                                              /* "http" */
    const char *token, *datacenter, *namespace, *partition, *filter; /* NULL: none */
    const char *username, *password;
    const char *tag_separator;     /* "," */
    const char **services, **tags; /* none: all */
    size_t n_services, n_tags;
    struct config_text_pair *node_meta;
    size_t n_node_meta;
    bool allow_stale;
    struct http_options http;
};

struct config_nacos_sd {
    struct config_sd sd;   /* refresh_interval: 30s */
    const char *server;    /* http://HOST:8848/nacos */
    const char *namespace; /* its id; "": public */
    const char *group;     /* "DEFAULT_GROUP" */
    const char **services; /* none: all of the group */
    size_t n_services;
    const char *username, *password; /* NULL: no login */
    struct http_options http;
};

struct config_eureka_sd {
    struct config_sd sd; /* refresh_interval: 30s */
    const char *server;  /* http://HOST:8761/eureka */
    struct http_options http;
};

enum job_kind {
    JOB_HTTP,
    JOB_REDIS,
    JOB_MYSQL,
    JOB_HTTP_CHECK,
    JOB_TCP_CHECK,
    JOB_DNS_CHECK,
    JOB_ICMP_CHECK,
    JOB_GRPC_CHECK,
    JOB_PROCESS_CHECK,
    JOB_SPRING,
};
#define JOB_KINDS (JOB_SPRING + 1)

/* The `redis:` block: asks Redis itself instead of scraping an exporter. */
struct config_redis {
    const char *username; /* ACL user, or NULL */
    const char *password, *password_file;
    struct tls_options tls;
    dur_ms connect_timeout; /* 0: the scrape timeout */
    bool config_metrics;    /* CONFIG GET maxmemory and others; default true */
};

/* What a MySQL is asked for, named as the switches of mysqld_exporter. X(word, name). */
#define MYSQL_COLLECTORS(X)                                                                        \
    X(AUTO_INCREMENT, "auto_increment.columns")                                                    \
    X(BINLOG_SIZE, "binlog_size")                                                                  \
    X(ENGINE_INNODB, "engine_innodb_status")                                                       \
    X(ENGINE_TOKUDB, "engine_tokudb_status")                                                       \
    X(GLOBAL_STATUS, "global_status")                                                              \
    X(GLOBAL_VARIABLES, "global_variables")                                                        \
    X(HEARTBEAT, "heartbeat")                                                                      \
    X(CLIENT_STATS, "info_schema.clientstats")                                                     \
    X(INNODB_CMP, "info_schema.innodb_cmp")                                                        \
    X(INNODB_CMPMEM, "info_schema.innodb_cmpmem")                                                  \
    X(INNODB_METRICS, "info_schema.innodb_metrics")                                                \
    X(INNODB_TABLESPACES, "info_schema.innodb_tablespaces")                                        \
    X(PROCESSLIST, "info_schema.processlist")                                                      \
    X(QUERY_RESPONSE_TIME, "info_schema.query_response_time")                                      \
    X(REPLICA_HOST, "info_schema.replica_host")                                                    \
    X(ROCKSDB, "info_schema.rocksdb_perf_context")                                                 \
    X(SCHEMA_STATS, "info_schema.schemastats")                                                     \
    X(TABLES, "info_schema.tables")                                                                \
    X(TABLE_STATS, "info_schema.tablestats")                                                       \
    X(USER_STATS, "info_schema.userstats")                                                         \
    X(USER, "mysql.user")                                                                          \
    X(EVENTS_STATEMENTS, "perf_schema.eventsstatements")                                           \
    X(EVENTS_STATEMENTS_SUM, "perf_schema.eventsstatementssum")                                    \
    X(EVENTS_WAITS, "perf_schema.eventswaits")                                                     \
    X(FILE_EVENTS, "perf_schema.file_events")                                                      \
    X(FILE_INSTANCES, "perf_schema.file_instances")                                                \
    X(INDEX_IO_WAITS, "perf_schema.indexiowaits")                                                  \
    X(MEMORY_EVENTS, "perf_schema.memory_events")                                                  \
    X(APPLIER_STATUS, "perf_schema.replication_applier_status_by_worker")                          \
    X(GROUP_MEMBER_STATS, "perf_schema.replication_group_member_stats")                            \
    X(GROUP_MEMBERS, "perf_schema.replication_group_members")                                      \
    X(TABLE_IO_WAITS, "perf_schema.tableiowaits")                                                  \
    X(TABLE_LOCKS, "perf_schema.tablelocks")                                                       \
    X(SLAVE_HOSTS, "slave_hosts")                                                                  \
    X(SLAVE_STATUS, "slave_status")                                                                \
    X(USER_SUMMARY, "sys.user_summary")

#define MYSQL_COLLECTOR_WORD(word, name) MYSQL_##word,
enum mysql_collector { MYSQL_COLLECTORS(MYSQL_COLLECTOR_WORD) MYSQL_COLLECTORS_N };
#undef MYSQL_COLLECTOR_WORD
extern const char *const mysql_collector_names[MYSQL_COLLECTORS_N];
#define MYSQL_BIT(word) (UINT64_C(1) << MYSQL_##word)
#define MYSQL_DEFAULT_COLLECTORS                                                                   \
    (MYSQL_BIT(GLOBAL_STATUS) | MYSQL_BIT(GLOBAL_VARIABLES) | MYSQL_BIT(SLAVE_STATUS) |            \
     MYSQL_BIT(INNODB_CMP) | MYSQL_BIT(INNODB_CMPMEM) | MYSQL_BIT(QUERY_RESPONSE_TIME))

/* The `mysql:` block: asks MySQL or MariaDB itself instead of scraping an exporter. */
struct config_mysql {
    const char *username, *password, *password_file;
    const char *my_cnf, *my_cnf_section; /* user, password, socket, ssl-* of a file; "client" */
    struct tls_options tls;
    dur_ms connect_timeout;   /* 0: the scrape timeout */
    dur_ms lock_wait_timeout; /* 2s; 0: the server's */
    dur_ms statement_timeout; /* 0: the scrape timeout */
    const char **collect, **no_collect;
    size_t n_collect, n_no_collect;
    uint64_t collectors; /* from both: bits of enum mysql_collector */
    uint64_t rows_limit; /* of one answer; what is beyond is left out and told */
    const char *heartbeat_database, *heartbeat_table;
    bool heartbeat_utc;
    uint64_t processlist_min_time;
    bool processlist_by_user, processlist_by_host;
    const char **tables_databases; /* none: all but the server's own */
    size_t n_tables_databases;
    uint64_t statements_limit, statements_text_limit;
    dur_ms statements_time_limit;
    const char **statements_exclude_schemas;
    size_t n_statements_exclude_schemas;
    const char *files_filter, *files_remove_prefix, *memory_remove_prefix;
    bool user_privileges;
};
extern const struct config_mysql config_mysql_defaults;

/* Which of a host's addresses a check uses. */
struct config_ip_choice {
    int preferred; /* 4 or 6 (6) */
    bool fallback; /* else one of the other kind (true) */
};

struct config_header_pattern {
    const char *header;
    struct regex *regex; /* found anywhere in the value */
    bool allow_missing;
};

/* The `http_check:` block: the keys of a blackbox_exporter's http module. */
struct config_http_check {
    uint64_t *valid_status_codes; /* none: 200 to 299 */
    size_t n_valid_status_codes;
    const char **valid_http_versions; /* none: all */
    size_t n_valid_http_versions;
    struct config_ip_choice ip;
    bool fail_if_ssl, fail_if_not_ssl, enable_http2;
    const char *method; /* "GET" */
    const struct http_header *headers;
    size_t n_headers;
    struct regex **body_matches, **body_not_matches; /* found anywhere: failed; not found: failed */
    size_t n_body_matches, n_body_not_matches;
    struct config_header_pattern *header_matches, *header_not_matches;
    size_t n_header_matches, n_header_not_matches;
    const char *body, *body_file;
    bool gzip;
    uint64_t body_size_limit; /* 0: none but our own */
    struct http_options http;
};
extern const struct config_http_check config_http_check_defaults;

/* One step of a dialogue: what it awaits comes before what it sends, and that before TLS. */
struct config_query_response {
    struct regex *expect;     /* found anywhere in a line; NULL: nothing is awaited */
    const char *expect_bytes; /* or these */
    const char *send;         /* a line; ${1} of what was found last; NULL: nothing */
    bool starttls;
    struct config_text_pair *labels; /* of probe_expect_info, expanded like send */
    size_t n_labels;
};

/* The `tcp_check:` block: the keys of a blackbox_exporter's tcp module; and the `tls_check:` block,
 * which has TLS always. */
struct config_tcp_check {
    struct config_ip_choice ip;
    const char *source_ip_address; /* NULL: the kernel's choice */
    struct tls_options tls;
    struct config_query_response *query_response;
    size_t n_query_response;
};
extern const struct config_tcp_check config_tcp_check_defaults, config_tls_check_defaults;

/* What records of one section of an answer have to look like; patterns are found anywhere in the line. */
struct config_record_rules {
    struct regex **matches;      /* a record matches one: failed */
    struct regex **all_match;    /* a record does not match one: failed */
    struct regex **not_matches;  /* the same, or there are no records: failed */
    struct regex **none_matches; /* no record matches any: failed */
    size_t n_matches, n_all_match, n_not_matches, n_none_matches;
};

/* The `dns_check:` block: the keys of a blackbox_exporter's dns module. */
struct config_dns_check {
    struct config_ip_choice ip;
    const char *source_ip_address; /* NULL: the kernel's choice */
    bool tcp;
    struct tls_options tls; /* of tcp */
    const char *query_name;
    int query_type, query_class; /* ANY, IN */
    bool recursion_desired;      /* true */
    uint64_t *valid_rcodes;      /* none: NOERROR */
    size_t n_valid_rcodes;
    struct config_record_rules answer, authority, additional;
};
extern const struct config_dns_check config_dns_check_defaults;

/* The `icmp_check:` block: the keys of a blackbox_exporter's icmp module. */
struct config_icmp_check {
    struct config_ip_choice ip;
    const char *source_ip_address; /* NULL: the kernel's choice */
    bool dont_fragment;
    uint64_t payload_size; /* bytes; 0: as many as blackbox_exporter sends */
    uint64_t ttl;          /* 0: the kernel's */
};
extern const struct config_icmp_check config_icmp_check_defaults;

/* The `grpc_check:` block: the keys of a blackbox_exporter's grpc module. */
struct config_grpc_check {
    struct config_ip_choice ip;
    const char *service; /* NULL or "": the server as a whole */
    struct tls_options tls;
    const struct http_header *metadata;
    size_t n_metadata;
};
extern const struct config_grpc_check config_grpc_check_defaults;

/* The `process_check:` block: which processes of this machine. All that is given has to hold. */
struct config_process_check {
    const char *pid_file;
    const char *name;           /* that of the kernel, or of the program as it was called */
    struct regex *command_line; /* found anywhere in it */
};
extern const struct config_process_check config_process_check_defaults;

/* The `spring:` block: the metrics and the health of a Spring Boot service's actuator. */
struct config_spring {
    const char *base_path; /* "/actuator"; "" is the root */
    const char *scheme;    /* "http" */
    bool metrics, health;  /* what is asked (both) */
    struct http_options http;
};
extern const struct config_spring config_spring_defaults;

/* What /probe may ask besides a job's targets: a host or a network, and ports. */
struct config_allow {
    struct str host; /* "NAME", "*.NAME", "*"; of no version only */
    int version;     /* 4 or 6: address counts, its first bits */
    uint8_t address[16];
    unsigned bits;
    unsigned first_port, last_port;
};

struct config_param {
    const char *name;
    const char **values;
    size_t n_values;
};

struct config_scrape {
    const char *job_name;
    enum job_kind kind;
    dur_ms scrape_interval, scrape_timeout;
    const char *metrics_path; /* "/metrics" */
    const char *scheme;       /* "http" */
    struct config_param *params;
    size_t n_params;
    bool honor_labels, honor_timestamps, track_timestamps_staleness, enable_compression;
    const char *fallback_scrape_protocol; /* NULL, or the name as in Prometheus */
    const char **scrape_protocols; /* such names, the one liked best first; none: the usual */
    size_t n_scrape_protocols;
    bool always_scrape_classic_histograms;                /* beside native ones */
    uint64_t body_size_limit, sample_limit, target_limit; /* 0: none */
    uint64_t label_limit, label_name_length_limit, label_value_length_limit;
    uint64_t series_budget; /* in memory at once, of all targets together */
    struct http_options http;
    struct config_redis redis;                        /* of JOB_REDIS */
    struct config_mysql mysql;                        /* of JOB_MYSQL */
    const struct config_http_check *http_check;       /* of JOB_HTTP_CHECK, else NULL */
    const struct config_tcp_check *tcp_check;         /* of JOB_TCP_CHECK, else NULL */
    const struct config_dns_check *dns_check;         /* of JOB_DNS_CHECK, else NULL */
    const struct config_icmp_check *icmp_check;       /* of JOB_ICMP_CHECK, else NULL */
    const struct config_grpc_check *grpc_check;       /* of JOB_GRPC_CHECK, else NULL */
    const struct config_process_check *process_check; /* of JOB_PROCESS_CHECK, else NULL */
    const struct config_spring *spring;               /* of JOB_SPRING, else NULL */
    uint64_t probe_settings; /* of the block that makes it no JOB_HTTP, as it is written */
    struct config_allow *probe_allow;
    size_t n_probe_allow;
    struct config_static_group *static_groups;
    size_t n_static_groups;
    struct config_file_sd *file_sds;
    size_t n_file_sds;
    struct config_http_sd *http_sds;
    size_t n_http_sds;
    struct config_dns_sd *dns_sds;
    size_t n_dns_sds;
    struct config_kube_sd *kube_sds;
    size_t n_kube_sds;
    struct config_eureka_sd *eureka_sds;
    size_t n_eureka_sds;
    struct config_nacos_sd *nacos_sds;
    size_t n_nacos_sds;
    struct config_consul_sd *consul_sds;
    size_t n_consul_sds;
    struct config_relabel *relabel, *metric_relabel;
    size_t n_relabel, n_metric_relabel;
    int line;
};

/* ---- alertmanager.yml ---------------------------------------------------------------------- */

/* A name for times; it contains an instant when one of its intervals does. */
struct config_time_interval {
    const char *name;
    struct time_interval *intervals;
    size_t n_intervals;
};

/* Intervals that a route names. */
struct config_interval_names {
    const char **names; /* as written */
    size_t n_names;
    const struct config_time_interval **intervals; /* the same, n_names of them */
};

struct config_route {
    const char *receiver; /* inherited values are filled in */
    const char **group_by;
    size_t n_group_by;
    bool group_by_all;         /* '...' */
    struct matcher **matchers; /* of all forms together, sorted by name, value, type */
    size_t n_matchers;
    bool continues;
    dur_ms group_wait, group_interval, repeat_interval;
    struct config_interval_names mute, active; /* not inherited; active: empty means always */
    struct config_route *routes;               /* children */
    size_t n_routes;
    const char *key; /* canonical matcher lists from the root: {}/{team="x"} */
    const char *id;  /* the same with each one's number among its siblings: {}/{team="x"}/0 */
    int line;
};

struct config_inhibit {
    const char *name; /* or NULL */
    struct matcher **source, **target;
    size_t n_source, n_target;
    const char **equal;
    size_t n_equal;
};

enum webhook_format {
    WEBHOOK_ALERTMANAGER, /* Alertmanager's version 4 body */
    WEBHOOK_KUBESPHERE,   /* notification-manager's body */
};

#define WEBHOOK_HEADERS_MAX 12 /* of its own, besides those of http_config and a signature */

struct config_webhook {
    bool send_resolved;         /* true */
    const char *url, *url_file; /* templates, where they have {{ */
    enum webhook_format format;
    const char
        *cluster; /* kubesphere: value of the label `cluster` where an alert has none; "default" */
    uint64_t max_alerts; /* 0: all */
    dur_ms timeout;      /* 0: NOTIFY's own limit */
    const char *method;  /* "POST" */
    /* At most one in the place of a body of `format`: any YAML as JSON text whose strings are templates, or
     * one template. */
    const char *payload, *body;
    const char *content_type;          /* "application/json" */
    const struct http_header *headers; /* values are templates */
    size_t n_headers;
    const char *sign_secret, *sign_secret_file; /* NULL: not signed */
    const char *sign_header;                    /* gets sha256=HEX */
    const char
        *sign_timestamp_header; /* "": none; else it is signed too, with a dot before the body */
    struct http_options http;
    int line;
};

/* A robot in a chat group of WeCom, DingTalk or Feishu. */
struct config_robot {
    bool send_resolved; /* true */
    const char *webhook_url, *webhook_url_file;
    const char *secret, *secret_file; /* DingTalk, Feishu: what it signs with; NULL: it does not */
    bool text;                        /* plain text; else markdown, at Feishu a card */
    bool english;                     /* the stock texts; else Chinese */
    const char *title, *message;      /* templates; NULL: the stock texts */
    const char *keyword;              /* stands in every message; NULL: none */
    const char **at_users, **at_mobiles;
    size_t n_at_users, n_at_mobiles;
    bool at_all;
    struct http_options http;
    int line;
};

/* Mail, with Alertmanager's keys. */
struct config_email {
    bool send_resolved;                /* false */
    const char *to, *from;             /* templates: lists of addresses, `from` of one */
    const struct http_header *headers; /* values are templates */
    size_t n_headers;
    const char *html, *text;     /* templates; "": no such part */
    bool threaded, thread_daily; /* mails of a group (and day) refer to the same one */
    struct smtp_options smtp;    /* global's are taken over already */
    int line;
};

/* Numbers that stay: they are on disk, see CHANNEL_ID(). */
enum channel_kind {
    CHANNEL_WEBHOOK = 0,
    CHANNEL_WECOM_ROBOT = 1,
    CHANNEL_DINGTALK = 2,
    CHANNEL_FEISHU = 3,
    CHANNEL_EMAIL = 4,
    CHANNEL_SLACK = 5,
    CHANNEL_MATTERMOST = 6,
    CHANNEL_ROCKETCHAT = 7,
    CHANNEL_TELEGRAM = 8,
    CHANNEL_DISCORD = 9,
    CHANNEL_MSTEAMS = 10,
    CHANNEL_MSTEAMSV2 = 11,
    CHANNEL_PAGERDUTY = 12,
    CHANNEL_OPSGENIE = 13,
    CHANNEL_PUSHOVER = 14,
    CHANNEL_WEBEX = 15,
    CHANNEL_VICTOROPS = 16,
    CHANNEL_WECHAT = 17,
    CHANNEL_JIRA = 18,
    CHANNEL_KINDS,
};

/* What an integration of a receiver is called in records: its kind and its place among those of
 * that kind, so that others may be added without a change of names. */
#define CHANNEL_ID(kind, index) ((int)(kind) << 16 | (int)(index))

struct config_channel {
    enum channel_kind kind;
    const char *kind_name; /* "webhook", "dingtalk": of its key without _configs */
    int id, index;
    bool send_resolved;
    const void *settings; /* struct config_webhook, config_robot, config_email ...: by kind */
};

/* The blocks of one kind. Each begins with `bool send_resolved`. */
struct config_blocks {
    void *first;
    size_t n;
};

struct config_receiver {
    const char *name;
    const struct label_set *labels; /* as written, plus `name`; shown, without effect on delivery */
    struct config_blocks blocks[CHANNEL_KINDS];
    struct config_channel *channels; /* all of them */
    size_t n_channels;
    int line;
};

/* ---- the whole ----------------------------------------------------------------------------- */

struct config_owned; /* what the arena cannot free */

struct config {
    uint32_t refs;
    struct arena arena;
    struct config_owned *owned;
    const char *path;   /* of the file, "" when parsed from memory */
    const char *folder; /* relative paths are relative to it */
    const char *text;   /* the file with secrets as <secret>, for status/config */

    /* global */
    dur_ms scrape_interval, scrape_timeout, evaluation_interval, rule_query_offset, resolve_timeout;
    const struct label_set *external_labels;

    const char *
        *rule_files; /* globs, resolved against folder: rule files and rule group manifests */
    size_t n_rule_files;
    struct config_scrape *scrapes;
    size_t n_scrapes;
    dur_ms out_of_order_time_window; /* storage.tsdb */
    uint64_t series_budget;          /* storage.tsdb; 0: none */
    uint64_t max_exemplars;          /* storage.exemplars; only with their feature */

    struct config_route
        *route; /* NULL: there is no alertmanager part; alerts are evaluated and shown only */
    struct config_receiver *receivers;
    size_t n_receivers;
    struct config_inhibit *inhibits;
    size_t n_inhibits;
    struct config_time_interval *time_intervals, *old_time_intervals; /* mute_time_intervals */
    size_t n_time_intervals, n_old_time_intervals;
    const char **templates; /* globs, resolved */
    size_t n_templates;
};

/* Reads, decodes and checks a file. On failure err holds all that is wrong up to ERR_MSG_MAX, one
 * line each. */
int config_load(const char *path, struct config **ret, struct err *err);
int config_parse(const char *path_for_messages, struct str text, struct config **ret,
                 struct err *err);

struct config *config_ref(const struct config *c);
void config_unref(const struct config *c); /* NULL is fine */
static inline void config_unrefp(struct config **p)
{
    config_unref(*p);
}

/* Alertmanager's matcher syntax, one string of a `matchers` list: appends to *list (heap array of
 * *n). */
int config_parse_matchers(struct str text, struct matcher ***list, size_t *n, struct err *err);

/* Whether probe_allow of a job has this host, as it is written (no brackets), and port. */
bool config_allows(const struct config_scrape *job, struct str host, unsigned port);

/* Exactly one, as a filter of the API: a comma belongs to its value. */
int config_parse_matcher(struct str text, struct matcher **ret, struct err *err);

#endif
