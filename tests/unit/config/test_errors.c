/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "config/config.h"

#define JOB(words)   "scrape_configs: [{job_name: a, " words "}]"
#define STEP(words)  JOB("relabel_configs: [{" words "}]")
#define HOOK(words)  "route: {receiver: d}\nreceivers: [{name: d, webhook_configs: [{" words "}]}]"
#define CHILD(words) "route: {receiver: d, routes: [{" words "}]}\nreceivers: [{name: d}]"
#define ROOT(words)  "route: {receiver: d, " words "}\nreceivers: [{name: d}]"

#define MAIL(keys) "route: {receiver: d}\nreceivers: [{name: d, email_configs: [{" keys "}]}]"

static const struct {
    const char *yaml, *why;
} cases[] = {
    /* decoding: all at once, in the order of the file */
    {"foo: 1",
     "f:1:1: unknown key \"foo\", expected one of global, scrape_configs, scrape_config_files, "
     "rule_files, storage, runtime, alerting, route, receivers, inhibit_rules, time_intervals, mute_time_intervals, templates"},
    {"scrape_config: []", "f:1:1: unknown key \"scrape_config\", did you mean \"scrape_configs\"?"},
    {"global:\n  scrape_intervall: 1s\n",
     "f:2:3: unknown key \"scrape_intervall\" in global, did you mean "
     "\"scrape_interval\"?"},
    {"scrape_configs:\n- job_name: a\n- job_name: b\n  metric_path: /\n",
     "f:4:3: unknown key \"metric_path\" in scrape_configs[1], did you mean \"metrics_path\"?"},
    {JOB("honor_labels: maybe"),
     "f:1:46: scrape_configs[0].honor_labels: found \"maybe\", expected true or false"},
    {JOB("honor_labels: 'true'"),
     "f:1:46: scrape_configs[0].honor_labels: found the text \"true\", expected true or false"},
    {JOB("honor_labels: [true]"),
     "f:1:46: scrape_configs[0].honor_labels: found a list, expected true or false"},
    {JOB("sample_limit: -1"),
     "f:1:46: scrape_configs[0].sample_limit: found \"-1\", expected a whole number"},
    {JOB("sample_limit: 1.5"),
     "f:1:46: scrape_configs[0].sample_limit: found \"1.5\", expected a whole number"},
    {JOB("sample_limit: 99999999999999999999"),
     "f:1:46: scrape_configs[0].sample_limit: found \"99999999999999999999\", expected a whole number"},
    {JOB("body_size_limit: 100"),
     "f:1:49: scrape_configs[0].body_size_limit: found \"100\", expected a size such as "
     "100MB: units: unknown unit  in 100"},
    {JOB("body_size_limit: 1gb"),
     "f:1:49: scrape_configs[0].body_size_limit: found \"1gb\", expected a size such as "
     "100MB: units: unknown unit gb in 1gb"},
    {JOB("body_size_limit: MB"),
     "f:1:49: scrape_configs[0].body_size_limit: found \"MB\", expected a size such as "
     "100MB"},
    {JOB("body_size_limit: 8EB"),
     "f:1:49: scrape_configs[0].body_size_limit: found \"8EB\", expected a size below 8EB"},
    {JOB("scrape_interval: 5"),
     "f:1:49: scrape_configs[0].scrape_interval: not a valid duration string: \"5\" (byte 1: "
     "expected a number and a unit), expected something like 30s or 1h30m"},
    {JOB("scrape_interval: ''"),
     "f:1:49: scrape_configs[0].scrape_interval: empty duration string, expected something like 30s or 1h30m"},
    {JOB("params: {a: b}"), "f:1:44: scrape_configs[0].params: found \"b\", expected a list"},
    {JOB("metrics_path: {a: b}"),
     "f:1:46: scrape_configs[0].metrics_path: found a mapping, expected a text"},
    {JOB("metrics_path: \"a\\0b\""),
     "f:1:46: scrape_configs[0].metrics_path: found a zero byte in a text"},
    {"rule_files: a", "f:1:13: rule_files: found \"a\", expected a list"},
    {"rule_files: [a, ~]", "f:1:17: rule_files[1]: found nothing, expected a text"},
    {"scrape_configs: {}", "f:1:17: scrape_configs: found a mapping, expected a list"},
    {"[]", "f:1:1: found a list, expected a mapping"},
    {"word", "f:1:1: found \"word\", expected a mapping"},
    {"a: 1\nglobal: {scrape_interval: x, b: 2}\nrule_files: 5",
     "f:2:27: global.scrape_interval: not a valid duration string: \"x\" (byte 1: expected a number and a unit), "
     "expected something like 30s or 1h30m\n"
     "f:2:30: unknown key \"b\" in global, expected one of scrape_interval, scrape_timeout, evaluation_interval, "
     "rule_query_offset, external_labels, body_size_limit, sample_limit, target_limit, label_limit, "
     "label_name_length_limit, label_value_length_limit, scrape_protocols, always_scrape_classic_histograms, "
     "resolve_timeout, http_config, slack_api_url, slack_api_url_file, slack_app_token, slack_app_token_file, "
     "slack_app_url, pagerduty_url, opsgenie_api_url ...\n"
     "f:1:1: unknown key \"a\", expected one of global, scrape_configs, scrape_config_files, rule_files, storage, "
     "runtime, alerting, route, receivers, inhibit_rules, time_intervals, mute_time_intervals, templates\n"
     "f:3:13: rule_files: found \"5\", expected a list"},

    /* known, but not carried out; what asks for nothing is no reason to refuse a file */
    {"remote_write: [{url: 'http://a'}]",
     "f:1:1: \"remote_write\" is known to Prometheus but not carried out by this "
     "version"},
    {"tracing: {}",
     "f:1:1: \"tracing\" is known to Prometheus but not carried out by this version"},
    {JOB("nomad_sd_configs: [{server: a}]"),
     "f:1:32: \"nomad_sd_configs\" is known to Prometheus but not carried out by "
     "this version"},
    {JOB("http_check: {fail_if_body_json_matches_cel: a}"),
     "f:1:45: \"fail_if_body_json_matches_cel\" is known to blackbox_exporter but not carried out "
     "by this version"},
    {JOB("spring: {base_path: actuator}"),
     "f:1:52: base_path: found \"actuator\", expected a path such as /actuator"},
    {JOB("spring: {scheme: ftp}"), "f:1:49: scheme: found \"ftp\", expected http or https"},
    {JOB("spring: {health: false, metrics: false}"),
     "f:1:65: metrics and health are both false: nothing would be asked"},
    {JOB("basic_auth: {username: u, password: p}, spring: {}"),
     "f:1:44: \"basic_auth\" speaks of HTTP, but this job asks an actuator itself: user, password "
     "and TLS stand inside of spring:"},
    {JOB("http_check: {valid_status_codes: [99]}"),
     "f:1:66: scrape_configs[0].http_check.valid_status_codes: found \"99\", expected a status code, 100 to 999"},
    {JOB("http_check: {valid_http_versions: [HTTP/3]}"),
     "f:1:67: valid_http_versions: found \"HTTP/3\", expected HTTP/1.0, HTTP/1.1 or HTTP/2.0"},
    {JOB("http_check: {fail_if_header_matches: [{header: a}]}"), "f:1:70: regexp must be set"},
    {JOB("http_check: {fail_if_header_matches: [{regexp: a}]}"), "f:1:70: header name must be set"},
    {JOB("http_check: {fail_if_body_matches_regexp: ['(']}"),
     "f:1:75: scrape_configs[0].http_check.fail_if_body_matches_regexp: \"(\" is no regular expression: missing ): ("},
    {JOB("http_check: {fail_if_ssl: true, fail_if_not_ssl: true}"),
     "f:1:58: fail_if_ssl and fail_if_not_ssl: then every answer fails"},
    {JOB("http_check: {method: 'G ET'}"), "f:1:53: method: \"G ET\" is no method of HTTP"},
    {JOB("http_check: {headers: {'A b': c}}"),
     "f:1:55: scrape_configs[0].http_check.headers: \"A b\" is no name of an HTTP header"},
    {JOB("http_check: {headers: {A: \"b\\nc\"}}"),
     "f:1:58: scrape_configs[0].http_check.headers: the value of header \"A\" has a line break"},
    {JOB("http_check: {compression: br}"),
     "f:1:58: scrape_configs[0].http_check.compression: found \"br\", expected gzip or identity (br and deflate are not carried out)"},
    {JOB("http_check: {preferred_ip_protocol: ip5}"),
     "f:1:68: scrape_configs[0].http_check.preferred_ip_protocol: found \"ip5\", expected ip4 or ip6"},
    {JOB("http_check: {body: a, body_file: b}"),
     "f:1:65: at most one of body & body_file must be configured"},
    {JOB("http_check: {enable_http3: true}"),
     "f:1:45: \"enable_http3\" is known to blackbox_exporter but not carried out by this version"},
    {JOB("tcp_check: {source_ip_address: localhost}"),
     "f:1:63: scrape_configs[0].tcp_check.source_ip_address: found \"localhost\", expected an IP address in digits"},
    {JOB("dns_check: "), "f:1:43: query_name must be set for dns_check"},
    {JOB("dns_check: {query_type: A}"), "f:1:43: query_name must be set for dns_check"},
    {JOB("dns_check: {query_name: a, query_type: AB}"),
     "f:1:71: scrape_configs[0].dns_check.query_type: found \"AB\", expected a type of records: A, AAAA, SOA, MX, TXT ..."},
    {JOB("dns_check: {query_name: a, query_class: XX}"),
     "f:1:72: scrape_configs[0].dns_check.query_class: found \"XX\", expected a class of records: IN, CH ..."},
    {JOB("dns_check: {query_name: a, valid_rcodes: [NOERROR, NOPE]}"),
     "f:1:83: scrape_configs[0].dns_check.valid_rcodes: found \"NOPE\", expected a code of an answer: NOERROR, NXDOMAIN, REFUSED ..."},
    {JOB("dns_check: {query_name: a, transport_protocol: tls}"),
     "f:1:79: scrape_configs[0].dns_check.transport_protocol: found \"tls\", expected udp or tcp"},
    {JOB("dns_check: {query_name: a, dns_over_tls: true}"),
     "f:1:73: dns_over_tls needs transport_protocol: tcp"},
    {JOB("icmp_check: {payload_size: 65508}"),
     "f:1:59: payload_size: at most 65507 bytes go into a packet"},
    {JOB("process_check: {}"), "f:1:47: process_check needs one of pid_file, name, command_line"},
    {JOB("process_check: {name: \"\"}"),
     "f:1:47: process_check needs one of pid_file, name, command_line"},
    {JOB("grpc_check: {metadata: {A: b}}"),
     "f:1:56: scrape_configs[0].grpc_check.metadata: \"A\" is no name of metadata: small letters, digits, -_."},
    {JOB("grpc_check: {metadata: {grpc-x: b}}"),
     "f:1:56: scrape_configs[0].grpc_check.metadata: \"grpc-x\" is no name of metadata: small letters, digits, -_."},
    {JOB("icmp_check: {ttl: 256}"), "f:1:50: ttl: at most 255"},
    {JOB("tcp_check: {query_response: [{}]}"),
     "f:1:61: a step needs one of expect, expect_bytes, send, starttls"},
    {JOB("tcp_check: {query_response: [{send: a, labels: [{name: b}]}]}"),
     "f:1:79: labels need an expect in the same step"},
    {JOB("tcp_check: {query_response: [{expect: a, labels: [{name: 1b}]}]}"),
     "f:1:89: name of a label: letters, digits and _, no digit at the beginning"},
    {JOB("tcp_check: {query_response: [{expect: a, expect_bytes: b}]}"),
     "f:1:87: at most one of expect & expect_bytes must be configured"},
    {JOB("tcp_check: {tls: true, query_response: [{starttls: true}]}"),
     "f:1:72: starttls: the connection has TLS already"},
    {JOB("tls_check: {tls: true}"),
     "f:1:44: unknown key \"tls\" in scrape_configs[0].tls_check, expected one of preferred_ip_protocol, ip_protocol_fallback, tls_config"},
    {JOB("http_check: {}, redis: {}"),
     "f:1:44: a job asks either by redis or by http_check: make two jobs of it"},
    {JOB("http_check: {}, basic_auth: {username: a}"),
     "f:1:60: \"basic_auth\" speaks of HTTP, but this job asks a web server itself: user, password and TLS stand inside of http_check:"},
    {JOB("mysql: {collect: [info_schema.tabels]}"),
     "f:1:50: \"info_schema.tabels\" is no collector: they are named as in mysqld_exporter, for "
     "example info_schema.tables"},
    {JOB("mysql: {rows_limit: 0}"), "f:1:52: rows_limit is 1 to 100000"},
    {JOB("mysql: {password: a, password_file: b}"),
     "f:1:68: at most one of password & password_file must be configured"},
    {JOB("oauth2: {client_id: a}"),
     "f:1:32: \"oauth2\" is known to Prometheus but not carried out by this version"},
    {JOB("metric_name_validation_scheme: legacy"),
     "f:1:63: \"metric_name_validation_scheme: legacy\" is known to Prometheus but not carried out by this version, "
     "expected utf8"},
    {JOB("convert_classic_histograms_to_nhcb: yes"),
     "f:1:68: \"convert_classic_histograms_to_nhcb: yes\" is known to Prometheus but not carried out by this version, "
     "expected false"},
    {"alerting: {alertmanagers: [{static_configs: [{targets: [a]}]}]}",
     "f:1:28: \"alertmanagers\" is known to Prometheus but not carried out by this version"},
    {"alerting: {alertmanagers: [{static_configs: [], scheme: https}]}",
     "f:1:28: \"alertmanagers\" is known to Prometheus but not carried out by this version"},
    {"route: {receiver: d}\nreceivers: [{name: d, sns_configs: [{topic_arn: a}]}]",
     "f:2:23: \"sns_configs\" is known to Alertmanager but not carried out by this version"},
    {"route: {receiver: d}\nreceivers: [{name: d, slack_configs: [{channel: a}]}]",
     "f:2:39: no Slack API URL nor App token set either inline or in a file"},
    {"route: {receiver: d}\nreceivers: [{name: d, slack_configs: [{api_url: 'http://a', "
     "update_message: yes}]}]",
     "f:2:77: \"update_message: yes\" is known to Alertmanager but not carried out by this version, "
     "expected false"},
    {"route: {receiver: d}\nreceivers: [{name: d, telegram_configs: [{bot_token: t, chat_id: x}]}]",
     "f:2:66: receivers[0].telegram_configs[0].chat_id: found \"x\", expected a whole number"},
    {"route: {receiver: d}\nreceivers: [{name: d, telegram_configs: [{bot_token: t}]}]",
     "f:2:42: missing chat_id or chat_id_file on telegram_config"},
    {"route: {receiver: d}\nreceivers: [{name: d, jira_configs: [{project: P, issue_type: T}]}]",
     "f:2:38: no global Jira Cloud URL set"},
    {"route: {receiver: d}\nreceivers: [{name: d, pagerduty_configs: [{client: c}]}]",
     "f:2:43: missing service or routing key in PagerDuty config"},
    {"route: {receiver: d}\nreceivers: [{name: d, pagerduty_configs: [{routing_key: k, details: "
     "[a]}]}]",
     "f:2:69: receivers[0].pagerduty_configs[0].details: found a list, expected a mapping"},
    {MAIL("html: x"), "f:2:39: missing to address in email config"},
    {MAIL("to: a@b"), "f:2:39: no global SMTP smarthost set"},
    {MAIL("to: a@b, smarthost: 'h:25'"), "f:2:39: no global SMTP from set"},
    {MAIL("to: a@b, auth_secret: a, auth_secret_file: b"),
     "f:2:83: at most one of auth_secret & auth_secret_file must be configured"},
    {MAIL("to: a@b, headers: {a: b, A: c}"), "f:2:58: duplicate header \"A\" in email config"},
    {MAIL("to: a@b, headers: {'a b': c}"),
     "f:2:59: receivers[0].email_configs[0].headers: \"a b\" cannot be the name of a header"},
    {MAIL("to: a@b, threading: {enabled: true, thread_by_date: weekly}"),
     "f:2:92: threading.thread_by_date must be either 'none' or 'daily'"},
    {MAIL("to: a@b, headers: {references: a}, threading: {enabled: true, thread_by_date: none}"),
     "f:2:58: threading makes References and In-Reply-To itself: they cannot stand in headers"},
    {CHILD("mute_time_intervals: [a]"), "f:1:54: undefined time interval \"a\" used in route"},

    /* global */
    {"global: {scrape_interval: 5s, scrape_timeout: 10s}",
     "f:1:47: global scrape timeout greater than scrape interval"},
    {"global: {external_labels: {'': x}}",
     "f:1:28: global.external_labels: \"\" is not a valid label name"},
    {"global:\n  external_labels: {!!binary \"/w==\": x}",
     "f:2:21: tag \"tag:yaml.org,2002:binary\" is not supported"},
    {"global: {smtp_smarthost: 'h:'}",
     "f:1:26: global.smtp_smarthost: address \"h:\": port cannot be empty"},
    {"global: {smtp_auth_password: a, smtp_auth_password_file: b}",
     "f:1:58: at most one of smtp_auth_password & smtp_auth_password_file must be configured"},
    {"global: {slack_api_url: 'http://a', slack_app_token: b}",
     "f:1:9: at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be "
     "configured"},
    {"global: {scrape_protocols: [PrometheusProto, x]}",
     "f:1:46: scrape_protocols: unknown scrape protocol \"x\", supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 "
     "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for global config"},
    {"rule_files: [a/*.yml, 'a/*/b']", "f:1:23: invalid rule file path \"a/*/b\""},

    /* scrape jobs */
    {"scrape_configs: [{honor_labels: true}]", "f:1:18: job_name is empty"},
    {"scrape_configs: [~]", "f:1:18: empty or null scrape config section"},
    {"scrape_configs: [{job_name: a}, {job_name: a}]",
     "f:1:44: found multiple scrape configs with job name \"a\""},
    {JOB("scrape_interval: 5s, scrape_timeout: 6s"),
     "f:1:69: scrape timeout greater than scrape interval for scrape config with job name \"a\""},
    {JOB("scrape_protocols: [PrometheusProto, PrometheusProto]"),
     "f:1:68: duplicated protocol in scrape_protocols, got [PrometheusProto PrometheusProto] for scrape config with "
     "job name \"a\""},
    {JOB("fallback_scrape_protocol: x"),
     "f:1:58: invalid fallback_scrape_protocol for scrape config with job name \"a\": unknown scrape protocol x, "
     "supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 "
     "PrometheusText1.0.0]"},
    {JOB("scheme: ftp"), "f:1:40: scheme: found \"ftp\", expected http or https"},
    {JOB("static_configs: [~]"), "f:1:49: empty or null section in static_configs"},
    {JOB("static_configs: [{targets: ['http://a:1']}]"),
     "f:1:60: \"http://a:1\" is not a valid hostname, expected host:port"},
    {JOB("static_configs: [{labels: {'': b}}]"),
     "f:1:59: scrape_configs[0].static_configs[0].labels: \"\" is not a valid label name"},
    {JOB("file_sd_configs: [{files: []}]"),
     "f:1:50: file service discovery config must contain at least one path name"},
    {JOB("file_sd_configs: [{files: [a.txt]}]"),
     "f:1:59: path name \"a.txt\" is not valid for file discovery"},
    {JOB("file_sd_configs: [{files: ['*/a.yml']}]"),
     "f:1:59: path name \"*/a.yml\" is not valid for file discovery"},
    {JOB("dns_sd_configs: [{type: A}]"),
     "f:1:49: DNS-SD config must contain at least one SRV record name"},
    {JOB("dns_sd_configs: [{names: [a], type: A}]"),
     "f:1:49: a port is required in DNS-SD configs for all record types except SRV"},
    {JOB("dns_sd_configs: [{names: [a], port: 65536}]"), "f:1:68: found 65536, expected a port"},
    {JOB("dns_sd_configs: [{names: [a], type: TXT}]"),
     "f:1:68: scrape_configs[0].dns_sd_configs[0].type: invalid DNS-SD records type TXT, expected "
     "SRV, A, AAAA, MX or NS"},
    {JOB("kubernetes_sd_configs: [{}]"),
     "f:1:56: role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"},
    {JOB("kubernetes_sd_configs: [{role: pods}]"),
     "f:1:63: scrape_configs[0].kubernetes_sd_configs[0].role: unknown Kubernetes SD role \"pods\", "
     "expected node, service, pod, endpoints, endpointslice or ingress"},
    {JOB("kubernetes_sd_configs: [{role: pod, follow_redirects: false}]"),
     "f:1:86: to use custom HTTP client configuration please provide the 'api_server' URL "
     "explicitly"},
    {JOB("kubernetes_sd_configs: [{role: pod, api_server: 'http://a', namespaces: {own_namespace: "
         "true}}]"),
     "f:1:104: cannot use 'api_server' and 'namespaces.own_namespace' simultaneously"},
    {JOB("kubernetes_sd_configs: [{role: pod, selectors: [{role: node}]}]"),
     "f:1:80: pod role supports only pod selectors"},
    {JOB("kubernetes_sd_configs: [{role: pod, selectors: [{role: pod}, {role: pod}]}]"),
     "f:1:93: duplicated selector role: pod"},
    {JOB("kubernetes_sd_configs: [{role: pod, selectors: [{label: a=b}]}]"),
     "f:1:80: a selector needs the role that it chooses from"},
    {JOB("kubernetes_sd_configs: [{role: pod, kubeconfig_file: a}]"),
     "f:1:68: \"kubeconfig_file\" is known to Prometheus but not carried out by this version"},
    {JOB("eureka_sd_configs: [{refresh_interval: 1m}]"),
     "f:1:52: eureka_sd: empty or null eureka server"},
    {JOB("eureka_sd_configs: [{server: 'http://a/eureka', refresh_interval: 0s}]"),
     "f:1:98: refresh_interval cannot be zero"},
    {JOB("http_sd_configs: [{refresh_interval: 1m}]"), "f:1:50: URL is missing"},
    {JOB("http_sd_configs: [{url: 'ftp://a/b'}]"),
     "f:1:56: scrape_configs[0].http_sd_configs[0].url: URL scheme must be 'http' or 'https'"},
    {JOB("http_sd_configs: [{url: 'http:///b'}]"),
     "f:1:56: scrape_configs[0].http_sd_configs[0].url: host is missing in URL"},
    {JOB("http_sd_configs: [{url: 'http://a/b', refresh_interval: 0s}]"),
     "f:1:88: refresh_interval cannot be zero"},
    {JOB("http_sd_configs: [~]"), "f:1:50: empty or null section in http_sd_configs"},
    {JOB("file_sd_configs: [{files: [a.yml], refresh_interval: 0s}]"),
     "f:1:85: refresh_interval cannot be zero"},
    {"scrape_config_files: ['a/*/b']", "f:1:23: invalid scrape config file path \"a/*/b\""},

    /* redis */
    {JOB("redis: {}, metrics_path: /x"),
     "f:1:57: \"metrics_path\" speaks of HTTP, but this job asks Redis itself: user, password and TLS stand inside of "
     "redis:"},
    {JOB("redis: , basic_auth: {username: u}"),
     "f:1:53: \"basic_auth\" speaks of HTTP, but this job asks Redis itself: user, password and TLS stand inside of "
     "redis:"},
    {JOB("redis: {password: a, password_file: b}"),
     "f:1:68: at most one of password & password_file must be configured"},
    {JOB("redis: {tls: false, tls_config: {}}"),
     "f:1:45: tls is false, but there is a tls_config: leave one out"},
    {JOB("redis: {user: a}"),
     "f:1:40: unknown key \"user\" in scrape_configs[0].redis, expected one of username, "
     "password, password_file, tls, tls_config, connect_timeout, config_metrics"},
    {JOB("redis: {tls_config: {cert: a}}"),
     "f:1:52: exactly one of key or key_file must be configured when a client certificate is configured"},

    /* HTTP and TLS */
    {JOB("bearer_token: a, bearer_token_file: b"),
     "f:1:46: at most one of bearer_token & bearer_token_file must be configured"},
    {JOB("bearer_token: a, basic_auth: {username: u}"),
     "f:1:61: at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"},
    {JOB("bearer_token: a, authorization: {credentials: u}"),
     "f:1:64: authorization is not compatible with bearer_token & bearer_token_file"},
    {JOB("basic_auth: {username: u}, authorization: {credentials: c}"),
     "f:1:74: at most one of basic_auth, oauth2 & authorization must be configured"},
    {JOB("authorization: {type: BASIC}"),
     "f:1:54: authorization type cannot be set to \"basic\", use \"basic_auth\" instead"},
    {JOB("authorization: {credentials: a, credentials_file: b}"),
     "f:1:47: at most one of authorization credentials & credentials_file must be configured"},
    {JOB("basic_auth: {username: a, username_file: b}"),
     "f:1:44: at most one of basic_auth username & username_file must be configured"},
    {JOB("basic_auth: {password: a, password_file: b}"),
     "f:1:44: at most one of basic_auth password & password_file must be configured"},
    {JOB("no_proxy: a"), "f:1:42: if no_proxy is configured, proxy_url must also be configured"},
    {JOB("http_headers: {Host: {values: [a]}}"),
     "f:1:47: scrape_configs[0].http_headers: setting header \"Host\" is not allowed"},
    {JOB("http_headers: {'a b': {values: [a]}}"),
     "f:1:47: scrape_configs[0].http_headers: \"a b\" is no name of an HTTP header"},
    {JOB("http_headers: {a: {values: [\"x\\r\\ny\"]}}"),
     "f:1:47: scrape_configs[0].http_headers: the value of header \"a\" has a line break"},
    {JOB("tls_config: {ca: a, ca_file: b}"),
     "f:1:49: at most one of ca and ca_file must be configured"},
    {JOB("tls_config: {cert: a, cert_file: b}"),
     "f:1:51: at most one of cert and cert_file must be configured"},
    {JOB("tls_config: {key: a, key_file: b}"),
     "f:1:50: at most one of key and key_file must be configured"},
    {JOB("tls_config: {key: a}"),
     "f:1:44: exactly one of cert or cert_file must be configured when a client key is configured"},
    {JOB("tls_config: {min_version: TLS9}"),
     "f:1:58: scrape_configs[0].tls_config.min_version: unknown TLS version: "
     "TLS9, expected TLS10, TLS11, TLS12 or TLS13"},
    {JOB("tls_config: {min_version: TLS13, max_version: TLS12}"),
     "f:1:78: tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified"},

    /* relabelling */
    {JOB("relabel_configs: [~]"), "f:1:50: empty or null target relabeling rule in scrape config"},
    {JOB("metric_relabel_configs: [~]"),
     "f:1:57: empty or null metric relabeling rule in scrape config"},
    {STEP(""), "f:1:50: relabel configuration for replace action requires 'target_label' value"},
    {STEP("action: "), "f:1:59: relabel action cannot be empty"},
    {STEP("action: ''"),
     "f:1:59: scrape_configs[0].relabel_configs[0].action: relabel action cannot be empty"},
    {STEP("action: foo"),
     "f:1:59: scrape_configs[0].relabel_configs[0].action: unknown relabel action \"foo\""},
    {STEP("action: hashmod, target_label: a"),
     "f:1:50: relabel configuration for hashmod requires non-zero modulus"},
    {STEP("action: hashmod, modulus: 3"),
     "f:1:50: relabel configuration for hashmod action requires 'target_label' value"},
    {STEP("source_labels: [''], target_label: a"), "f:1:66: \"\" is not a valid label name"},
    {STEP("regex: '(', target_label: a"),
     "f:1:58: scrape_configs[0].relabel_configs[0].regex: \"(\" is no regular "
     "expression: missing ): ("},
    {STEP("action: Lowercase, target_label: a, replacement: b"),
     "f:1:100: 'replacement' can not be set for lowercase action"},
    {STEP("action: labelmap, replacement: "),
     "f:1:82: \"\" is invalid 'replacement' for labelmap action"},
    {STEP("action: keepequal, target_label: a, separator: ','"),
     "f:1:50: keepequal action requires only 'source_labels' and `target_label`, and no other fields"},
    {STEP("action: dropequal, target_label: a, regex: b"),
     "f:1:50: dropequal action requires only 'source_labels' and `target_label`, and no other fields"},
    {STEP("action: labeldrop, source_labels: [a]"),
     "f:1:50: labeldrop action requires only 'regex', and no other fields"},
    {STEP("action: labelkeep, modulus: 1"),
     "f:1:50: labelkeep action requires only 'regex', and no other fields"},

    /* routes */
    {"receivers: [{name: d}]", "f:1:1: no routes provided"},
    {"route:\n", "f:1:7: no routes provided"},
    {"inhibit_rules: [{}]", "f:1:1: no routes provided"},
    {"templates: [a]", "f:1:1: no routes provided"},
    {"route: {}\nreceivers: [{name: d}]", "f:1:8: root route must specify a default receiver"},
    {"route: {receiver: x}\nreceivers: [{name: d}]",
     "f:1:19: undefined receiver \"x\" used in route"},
    {CHILD("receiver: x"), "f:1:42: undefined receiver \"x\" used in route"},
    {ROOT("matchers: [a=b]"), "f:1:32: root route must not have any matchers"},
    {ROOT("match: {a: b}"), "f:1:29: root route must not have any matchers"},
    {ROOT("continue: true"), "f:1:32: cannot have continue in root route"},
    {ROOT("group_interval: 0s"), "f:1:38: group_interval cannot be zero"},
    {CHILD("repeat_interval: 0s"), "f:1:49: repeat_interval cannot be zero"},
    {ROOT("group_by: [a, b, a]"), "f:1:39: duplicated label \"a\" in group_by"},
    {ROOT("group_by: ['']"), "f:1:33: invalid label name \"\" in group_by list"},
    {ROOT("group_by: ['...', a]"),
     "f:1:32: cannot have wildcard group_by (`...`) and other labels at the same time"},
    {CHILD("matchers: 'a=b'"),
     "f:1:42: route.routes[0].matchers: found the text \"a=b\", expected a list"},
    {CHILD("matchers: ['a']"), "f:1:43: route.routes[0].matchers: bad matcher format: a"},
    {CHILD("matchers: ['a=~\"(\"']"),
     "f:1:43: route.routes[0].matchers: error parsing regexp: missing ): ("},
    {CHILD("match: {a-b: c}"), "f:1:40: route.routes[0].match: invalid label name \"a-b\""},
    {CHILD("match_re: {a: '('}"),
     "f:1:46: route.routes[0].match_re: error parsing regexp: missing ): ^(?:()$"},
    {CHILD("match_re: {a: }"), "f:1:43: route.routes[0].match_re: invalid regexp value for \"a\""},
    {"route: {receiver: d}\nreceivers: [{name: d}]\ninhibit_rules: [{equal: ['']}]",
     "f:3:26: invalid label name \"\" in equal list"},

    /* receivers */
    {"route: {receiver: d}\nreceivers: [{}]", "f:2:13: missing name in receiver"},
    {"route: {receiver: d}\nreceivers: [~]",
     "f:2:13: found nothing, expected a receiver with a name"},
    {"route: {receiver: d}\nreceivers: [{name: d}, {name: d}]",
     "f:2:31: notification config name \"d\" is not unique"},
    {"route: {receiver: d}\nreceivers: [{name: d, labels: {name: e}}]",
     "f:2:31: receiver label \"name\" must match receiver name \"d\", got \"e\""},
    {"route: {receiver: d}\nreceivers: [{name: d, webhook_configs: [~]}]",
     "f:2:41: missing webhook config"},
    {HOOK(""), "f:2:41: one of url or url_file must be configured"},
    {HOOK("url: 'http://a', url_file: b"),
     "f:2:69: at most one of url & url_file must be configured"},
    {HOOK("url: 'ftp://a'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: unsupported scheme \"ftp\" for "
     "URL, expected http:// or https://"},
    {HOOK("url: 'http://'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: missing host for URL"},
    {HOOK("url: 'http://u@:80/'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: missing host for URL"},
    {HOOK("url: 'http://a:b/'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: host and port are not valid"},
    {HOOK("url: 'http://a b'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: blanks and control "
     "characters must be written as %XX"},
    {HOOK("url: 'http://a', timeout: 1d"),
     "f:2:68: receivers[0].webhook_configs[0].timeout: found \"1d\", expected a duration of at most 292 years such as "
     "10s, 1m0.5s or 500ms"},
    {HOOK("url: 'http://a', format: kubesphere, payload: 1"),
     "f:2:67: at most one of payload & format must be configured"},
    {HOOK("url: 'http://a', method: HEAD"),
     "f:2:67: receivers[0].webhook_configs[0].method: found \"HEAD\", expected POST, PUT, PATCH, GET or "
     "DELETE"},
    {HOOK("url: 'http://a', headers: {content-length: 1}"),
     "f:2:68: setting header \"Content-Length\" is not allowed"},
    {HOOK("url: 'http://a', sign: {header: a}"),
     "f:2:65: one of secret or secret_file must be configured"},
    {HOOK("url: 'http://a', sign: {secret: a, header: 'a b'}"),
     "f:2:65: \"a b\" cannot be the name of a header here"},
    {HOOK("url: 'http://a', format: slack"),
     "f:2:67: receivers[0].webhook_configs[0].format: found \"slack\", expected "
     "alertmanager or kubesphere"},
    {HOOK("url: 'http://a', cluster: c"),
     "f:2:68: \"cluster\" has a meaning only with \"format: kubesphere\""},
    /* the wrong kind of value, for readers that have their own way */
    {JOB("relabel_configs: [{regex: [a]}]"),
     "f:1:58: scrape_configs[0].relabel_configs[0].regex: found a list, expected a text"},
    {JOB("relabel_configs: [{action: {}}]"),
     "f:1:59: scrape_configs[0].relabel_configs[0].action: found a mapping, expected a text"},
    {JOB("params: [a]"), "f:1:40: scrape_configs[0].params: found a list, expected a mapping"},
    {JOB("static_configs: [{labels: a}]"),
     "f:1:58: scrape_configs[0].static_configs[0].labels: found \"a\", expected a mapping"},
    {JOB("static_configs: [{labels: {a: []}}]"),
     "f:1:62: scrape_configs[0].static_configs[0].labels: found a list, expected a text"},
    {JOB("http_headers: a"),
     "f:1:46: scrape_configs[0].http_headers: found \"a\", expected a mapping"},
    {JOB("proxy_url: [a]"), "f:1:43: scrape_configs[0].proxy_url: found a list, expected a text"},
    {JOB("scrape_interval: [a]"),
     "f:1:49: scrape_configs[0].scrape_interval: found a list, expected a text"},
    {JOB("body_size_limit: {}"),
     "f:1:49: scrape_configs[0].body_size_limit: found a mapping, expected a text"},
    {JOB("native_histogram_min_bucket_factor: x"),
     "f:1:68: scrape_configs[0].native_histogram_min_bucket_factor: found \"x\", expected a number"},
    {JOB("metrics_path: a, honor_labels: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
     "f:1:63: scrape_configs[0].honor_labels: found "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"..., expected true or false"},
    {CHILD("matchers: [[a]]"), "f:1:43: route.routes[0].matchers: found a list, expected a text"},
    {CHILD("match: a"), "f:1:39: route.routes[0].match: found \"a\", expected a mapping"},
    {CHILD("match: {a: []}"), "f:1:43: route.routes[0].match: found a list, expected a text"},
    {HOOK("url: [a]"),
     "f:2:47: receivers[0].webhook_configs[0].url: found a list, expected a text"},
    {HOOK("url: 'http://a', timeout: [a]"),
     "f:2:68: receivers[0].webhook_configs[0].timeout: found a list, expected a text"},
    {HOOK("url: 'http://[::1/'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: host and port are not valid"},
    {HOOK("url: 'http://[::1]x/'"),
     "f:2:47: receivers[0].webhook_configs[0].url: invalid URL: host and port are not valid"},
    {"alerting: {alertmanagers: a}",
     "f:1:27: alerting.alertmanagers: found \"a\", expected a list"},
    {"global: {smtp_smarthost: [a]}",
     "f:1:26: global.smtp_smarthost: found a list, expected a text"},
    {"scrape_config_files: [[a]]", "f:1:23: found a list, expected a text"},
};

static void every_error_names_its_place_and_what_was_expected(void **unused)
{
    size_t wrong = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct config *c = NULL;
        int r = config_parse("f", str_c(cases[i].yaml), &c, &err);

        if (r == -EINVAL && !c && strcmp(err.msg, cases[i].why) == 0)
            continue;
        print_message("%s\n  is      %d %s\n  must be %s\n", cases[i].yaml, r, err.msg,
                      cases[i].why);
        config_unref(c);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void a_file_with_many_faults_tells_the_first_and_how_many_there_are(void **unused)
{
    struct buf yaml = {0};
    struct err err = {0};
    struct config *c;
    const char *end;

    for (int i = 0; i < 50; i++)
        buf_addf(&yaml, "unknown_%d: 1\n", i);
    assert_int_equal(config_parse("f", buf_str(&yaml), &c, &err), -EINVAL);
    assert_ptr_equal(strstr(err.msg, "f:1:1: unknown key \"unknown_0\""), err.msg);
    end = strrchr(err.msg, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\nand 46 more errors");
    buf_free(&yaml);
}

static void aliases_cannot_make_a_small_file_large(void **unused)
{
    struct buf yaml = {0};
    struct err err = {0};
    struct config *c;

    buf_add_c(&yaml, "rule_files: [&a \"");
    for (int i = 0; i < 1 << 20; i++)
        buf_add_byte(&yaml, 'x');
    buf_add_c(&yaml, "\"");
    for (int i = 0; i < 100; i++)
        buf_add_c(&yaml, ", *a");
    buf_add_c(&yaml, "]");
    assert_int_equal(config_parse("f", buf_str(&yaml), &c, &err), -E2BIG);
    assert_string_equal(err.msg, "f: more than 67108864 bytes after aliases are expanded");
    buf_free(&yaml);
}

static void lists_of_labels_have_a_limit(void **unused)
{
    static const struct {
        const char *before, *after, *why;
    } lists[] = {
        {"global: {external_labels: {", "}}",
         "f:1:27: global.external_labels: 1025 labels are more than 1024"},
        {"receivers: [{name: d}]\nroute: {receiver: d, group_by: [", "]}",
         "f:2:32: 1025 labels in group_by are more than 1024"},
    };

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        struct buf yaml = {0};
        struct err err = {0};
        struct config *c;

        buf_add_c(&yaml, lists[k].before);
        for (int i = 0; i < 1025; i++)
            buf_addf(&yaml, k == 0 ? "l%d: x, " : "l%d, ", i);
        buf_add_c(&yaml, lists[k].after);
        assert_int_equal(config_parse("f", buf_str(&yaml), &c, &err), -EINVAL);
        assert_string_equal(err.msg, lists[k].why);
        buf_free(&yaml);
    }
}

static void compiled_patterns_have_a_limit(void **unused)
{
    struct buf yaml = {0};
    struct err err = {0};
    struct config *c;

    buf_add_c(&yaml, "route: {receiver: d, routes: [{match: {a: b}}");
    for (int i = 0; i < 20000; i++)
        buf_add_c(&yaml, ", {match: {a: b}}");
    buf_add_c(&yaml, "]}\nreceivers: [{name: d}]");
    assert_int_equal(config_parse("f", buf_str(&yaml), &c, &err), -EINVAL);
    assert_non_null(strstr(err.msg, ": more than 20000 relabel steps and matchers"));
    buf_free(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_names_its_place_and_what_was_expected),
        cmocka_unit_test(a_file_with_many_faults_tells_the_first_and_how_many_there_are),
        cmocka_unit_test(aliases_cannot_make_a_small_file_large),
        cmocka_unit_test(lists_of_labels_have_a_limit),
        cmocka_unit_test(compiled_patterns_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
