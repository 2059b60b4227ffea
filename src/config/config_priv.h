/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_priv - the blocks of the file, and what makes a configuration of them
 */
#ifndef TOCSIN_CONFIG_CONFIG_PRIV_H
#define TOCSIN_CONFIG_CONFIG_PRIV_H

#include "config/decode_priv.h"

/* ---- blocks -------------------------------------------------------------------------------- */

extern const struct block top_block, global_block, http_block, tls_block, mysql_block;
extern const struct block http_check_block, tcp_check_block, tls_check_block, dns_check_block,
    icmp_check_block, grpc_check_block, process_check_block, spring_block;

#define MYSQL_DEFAULTS                                                                             \
    {                                                                                              \
        .my_cnf_section = "client", .lock_wait_timeout = 2000,                                     \
        .collectors = MYSQL_DEFAULT_COLLECTORS, .rows_limit = 10000,                               \
        .heartbeat_database = "heartbeat", .heartbeat_table = "heartbeat",                         \
        .processlist_by_user = true, .processlist_by_host = true, .statements_limit = 250,         \
        .statements_text_limit = 120, .statements_time_limit = 86400 * 1000, .files_filter = ".*", \
        .files_remove_prefix = "/var/lib/mysql/", .memory_remove_prefix = "memory/",               \
    }
extern const struct block scrape_block, relabel_block, http_sd_block, dns_sd_block,
    kubernetes_sd_block, eureka_sd_block, consul_sd_block, nacos_sd_block;
extern const struct block email_block, global_smtp_block;
extern const struct block slack_block, mattermost_block, rocketchat_block;
#define SLACK_POST_URL "https://slack.com/api/chat.postMessage" /* of applications */
extern const struct block telegram_block, discord_block, msteams_block, msteamsv2_block,
    webex_block, pushover_block, wechat_block;
extern const struct block pagerduty_block, opsgenie_block, victorops_block, jira_block;
extern const struct block root_route_block, inhibit_block, receiver_block, time_interval_block;

/* Both lists of jobs: scrape_configs, and those in the files that scrape_config_files names. */
void decode_jobs(struct decoder *d, const struct yaml_node *root);

field_reader read_labels;                      /* const struct label_set * */
field_reader read_any;                         /* const char *: any YAML, as JSON text */
field_reader read_object;                      /* the same, of a mapping */
field_reader read_header_texts;                /* const struct http_header *, and their number */
bool http_header_is_reserved(struct str name); /* the client itself is responsible for it */
/* Takes `global`'s http_config when the block has none of its own. */
void take_http(struct decoder *d, const struct yaml_node *node, struct http_options *http);
/* An address that others are put behind, with a slash at its end or without. */
const char *with_slash(struct decoder *d, const char *url, bool slash);

field_reader read_probe_allow; /* struct config_allow *: probe_allow.c */

/* scrape_protocols of a job or of `global`; suffix ends the messages. */
int check_protocols(struct decoder *d, const struct yaml_node *block, const char *suffix);

/* Notes the names of all time intervals: missing ones and those given twice are errors. */
int check_interval_names(struct decoder *d, const struct yaml_node *root);
/* Finds what a route names under `key`. */
int resolve_intervals(struct decoder *d, const struct yaml_node *route, const char *key,
                      struct config_interval_names *names);

/* ---- matchers.c ---------------------------------------------------------------------------- */

void matchers_sort(struct matcher **ms, size_t n);
void matchers_print(struct matcher *const *ms, size_t n, struct buf *out); /* {a="b",c=~"d"} */

/* ---- config.c ------------------------------------------------------------------------------ */

enum owned_kind { OWNED_REGEX, OWNED_MATCHER, OWNED_LABELS };
void config_own(struct config *c, enum owned_kind kind, const void *what);

/* ---- text.c -------------------------------------------------------------------------------- */

/* The document again, in block style and without comments; secrets as <secret>. */
void config_write_text(struct decoder *d, const struct yaml_node *root, struct buf *out);

#endif
