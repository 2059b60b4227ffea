/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/regex.h"
#include "config/config.h"

static struct config *parse(const char *yaml)
{
    struct err err = {0};
    struct config *c = NULL;

    if (config_parse("/etc/tocsin/tocsin.yml", str_c(yaml), &c, &err) < 0)
        fail_msg("%s\nin:\n%s", err.msg, yaml);
    return c;
}

static void a_configuration_lives_until_its_last_reference_is_gone(void **unused)
{
    struct config *c = parse(
        "scrape_configs: [{job_name: a, relabel_configs: [{target_label: b}]}]");
    struct config *other = config_ref(c);

    assert_ptr_equal(other, c);
    config_unref(c);
    assert_string_equal(other->scrapes[0].job_name, "a"); /* the address sanitizer watches */
    config_unref(other);
    config_unref(NULL);
}

static void an_empty_file_is_a_configuration_with_all_defaults(void **unused)
{
    static const char *const empty[] = {"", "# nothing\n", "global:\n", "---\n",
                                        "scrape_configs:\nrule_files: []\n"};

    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct config *c = parse(empty[i]);

        assert_int_equal(c->scrape_interval, 60000);
        assert_int_equal(c->scrape_timeout, 10000);
        assert_int_equal(c->evaluation_interval, 60000);
        assert_int_equal(c->rule_query_offset, 0);
        assert_int_equal(c->resolve_timeout, 300000);
        assert_int_equal(label_set_count(c->external_labels), 0);
        assert_int_equal(c->out_of_order_time_window, 0);
        assert_int_equal(c->n_scrapes, 0);
        assert_null(c->route);
        assert_string_equal(c->folder, "/etc/tocsin");
        assert_string_equal(c->path, "");
        config_unref(c);
    }
}

static void a_job_has_the_defaults_of_prometheus(void **unused)
{
    struct config *c = parse("# first\nscrape_configs:\n- job_name: a\n");
    const struct config_scrape *s = &c->scrapes[0];

    assert_int_equal(c->n_scrapes, 1);
    assert_string_equal(s->job_name, "a");
    assert_int_equal(s->kind, JOB_HTTP);
    assert_int_equal(s->scrape_interval, 60000);
    assert_int_equal(s->scrape_timeout, 10000);
    assert_string_equal(s->metrics_path, "/metrics");
    assert_string_equal(s->scheme, "http");
    assert_false(s->honor_labels);
    assert_true(s->honor_timestamps);
    assert_false(s->track_timestamps_staleness);
    assert_true(s->enable_compression);
    assert_null(s->fallback_scrape_protocol);
    assert_true(s->http.follow_redirects);
    assert_false(s->http.tls.enabled);
    assert_null(s->http.authorization_type);
    assert_int_equal(s->line, 3);
    config_unref(c);
}

static void jobs_inherit_times_and_limits_wherever_global_stands(void **unused)
{
    struct config *c = parse(
        "scrape_configs:\n"
        "- {job_name: a}\n"
        "- {job_name: b, scrape_interval: 5s, sample_limit: 7}\n"
        "- {job_name: c, scrape_timeout: 20s, body_size_limit: 1KB}\n"
        "global: {scrape_interval: 30s, scrape_timeout: 15s, body_size_limit: 2MB,\n"
        "         sample_limit: 1_000, target_limit: 0x10, label_limit: 1e1,\n"
        "         label_name_length_limit: 010, label_value_length_limit: 5}\n");
    const struct config_scrape *s = c->scrapes;

    assert_int_equal(s[0].scrape_interval, 30000);
    assert_int_equal(s[0].scrape_timeout, 15000);
    assert_int_equal(s[0].body_size_limit, 2 << 20);
    assert_int_equal(s[0].sample_limit, 1000);
    assert_int_equal(s[0].target_limit, 16);
    assert_int_equal(s[0].label_limit, 10);
    assert_int_equal(s[0].label_name_length_limit, 8);
    assert_int_equal(s[0].label_value_length_limit, 5);
    /* A global timeout above the job's own interval is cut, not refused. */
    assert_int_equal(s[1].scrape_interval, 5000);
    assert_int_equal(s[1].scrape_timeout, 5000);
    assert_int_equal(s[1].sample_limit, 7);
    assert_int_equal(s[2].scrape_timeout, 20000);
    assert_int_equal(s[2].body_size_limit, 1024);
    config_unref(c);
}

static void sizes_are_powers_of_1024(void **unused)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {
        {"0", 0},
        {"100B", 100},
        {"1KB", 1024},
        {"1KiB", 1024},
        {"1.5MB", 3 << 19},
        {"1GB512MB", 1610612736},
        {"2TB", 1ull << 41},
        {"'15MB'", 15u << 20},
        {"7EB", 7ull << 60},
    };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char yaml[128];
        struct config *c;

        snprintf(yaml, sizeof yaml, "scrape_configs: [{job_name: a, body_size_limit: %s}]",
                 sizes[i].text);
        c = parse(yaml);
        assert_int_equal(c->scrapes[0].body_size_limit, sizes[i].bytes);
        config_unref(c);
    }
}

static void truth_has_the_words_of_yaml_1_1(void **unused)
{
    static const char *const words[2][4] = {{"false", "no", "Off", "n"},
                                            {"TRUE", "yes", "ON", "y"}};

    for (size_t v = 0; v < 2; v++)
        for (size_t i = 0; i < ARRAY_LEN(words[v]); i++) {
            char yaml[128];
            struct config *c;

            snprintf(yaml, sizeof yaml,
                     "scrape_configs: [{job_name: a, honor_labels: %s, honor_timestamps: %s}]",
                     words[v][i], words[v][i]);
            c = parse(yaml);
            assert_int_equal(c->scrapes[0].honor_labels, v);
            assert_int_equal(c->scrapes[0].honor_timestamps, v);
            config_unref(c);
        }
}

static void a_job_keeps_params_headers_targets_and_files(void **unused)
{
    struct config *c = parse(
        "scrape_configs:\n"
        "- job_name: a\n"
        "  fallback_scrape_protocol: PrometheusText0.0.4\n"
        "  params: {module: [http_2xx, b], empty: }\n"
        "  http_headers: {X-A: {values: [v1, v2], secrets: [s]}, X-B: {values: [1]}}\n"
        "  proxy_url: http://p:3128\n"
        "  no_proxy: 10.0.0.0/8\n"
        "  static_configs:\n"
        "  - targets: [b:1, c:2]\n"
        "    labels: {dc: one, none: , n: 0x10}\n"
        "  - targets:\n"
        "  file_sd_configs:\n"
        "  - files: [t/*.json, /abs/./x/../a.yml, ./b.yaml]\n"
        "  - {files: [c.yml], refresh_interval: 30s}\n");
    const struct config_scrape *s = &c->scrapes[0];

    assert_string_equal(s->fallback_scrape_protocol, "PrometheusText0.0.4");
    assert_int_equal(s->n_params, 2);
    assert_string_equal(s->params[0].name, "module");
    assert_int_equal(s->params[0].n_values, 2);
    assert_string_equal(s->params[0].values[1], "b");
    assert_int_equal(s->params[1].n_values, 0);
    assert_int_equal(s->http.n_headers, 4);
    assert_string_equal(s->http.headers[1].name, "X-A");
    assert_string_equal(s->http.headers[1].value, "v2");
    assert_string_equal(s->http.headers[2].value, "s");
    assert_string_equal(s->http.headers[3].name, "X-B");
    assert_string_equal(s->http.proxy_url, "http://p:3128");
    assert_string_equal(s->http.no_proxy, "10.0.0.0/8");
    assert_int_equal(s->n_static_groups, 2);
    assert_int_equal(s->static_groups[0].n_targets, 2);
    assert_string_equal(s->static_groups[0].targets[1], "c:2");
    assert_int_equal(label_set_count(s->static_groups[0].labels), 2);
    assert_true(str_eq_c(label_set_get(s->static_groups[0].labels, STR("n")), "0x10"));
    assert_int_equal(s->static_groups[1].n_targets, 0);
    assert_int_equal(label_set_count(s->static_groups[1].labels), 0);
    assert_int_equal(s->n_file_sds, 2);
    assert_string_equal(s->file_sds[0].files[0], "/etc/tocsin/t/*.json");
    assert_string_equal(s->file_sds[0].files[1], "/abs/a.yml");
    assert_string_equal(s->file_sds[0].files[2], "/etc/tocsin/b.yaml");
    assert_int_equal(s->file_sds[0].refresh_interval, 300000);
    assert_int_equal(s->file_sds[1].refresh_interval, 30000);
    config_unref(c);
}

static void authorization_has_one_form_however_it_is_written(void **unused)
{
    struct config *c = parse(
        "scrape_configs:\n"
        "- {job_name: a, bearer_token: t}\n"
        "- {job_name: b, bearer_token_file: t}\n"
        "- {job_name: c, authorization: {credentials: t}}\n"
        "- {job_name: d, authorization: {type: Token, credentials_file: /t}}\n"
        "- {job_name: e, basic_auth: {username: u, password_file: p},\n"
        "   tls_config: {insecure_skip_verify: true, min_version: TLS12, ca_file: ca}}\n");
    const struct http_options *h;

    assert_string_equal(c->scrapes[0].http.authorization_type, "Bearer");
    assert_string_equal(c->scrapes[0].http.authorization_credentials, "t");
    assert_string_equal(c->scrapes[1].http.authorization_type, "Bearer");
    assert_string_equal(c->scrapes[1].http.authorization_credentials_file, "/etc/tocsin/t");
    assert_string_equal(c->scrapes[2].http.authorization_type, "Bearer");
    assert_string_equal(c->scrapes[3].http.authorization_type, "Token");
    assert_string_equal(c->scrapes[3].http.authorization_credentials_file, "/t");
    h = &c->scrapes[4].http;
    assert_null(h->authorization_type);
    assert_string_equal(h->basic_username, "u");
    assert_string_equal(h->basic_password_file, "/etc/tocsin/p");
    assert_true(h->tls.enabled);
    assert_true(h->tls.insecure_skip_verify);
    assert_int_equal(h->tls.min_version, 12);
    assert_int_equal(h->tls.max_version, 0);
    assert_string_equal(h->tls.ca_file, "/etc/tocsin/ca");
    config_unref(c);
}

static void a_redis_block_makes_a_native_job(void **unused)
{
    struct config *c = parse(
        "scrape_configs:\n"
        "- {job_name: a, redis: }\n"
        "- {job_name: b, redis: {username: u, password: p, tls: true, connect_timeout: 2s,\n"
        "                        config_metrics: false}, static_configs: [{targets: ['h:6379']}]}\n"
        "- {job_name: c, redis: {password_file: pw, tls_config: {server_name: n}}}\n");
    const struct config_scrape *s = c->scrapes;

    assert_int_equal(s[0].kind, JOB_REDIS);
    assert_false(s[0].redis.tls.enabled);
    assert_true(s[0].redis.config_metrics);
    assert_int_equal(s[0].redis.connect_timeout, 0);
    assert_int_equal(s[1].kind, JOB_REDIS);
    assert_string_equal(s[1].redis.username, "u");
    assert_string_equal(s[1].redis.password, "p");
    assert_true(s[1].redis.tls.enabled);
    assert_int_equal(s[1].redis.connect_timeout, 2000);
    assert_false(s[1].redis.config_metrics);
    assert_string_equal(s[1].static_groups[0].targets[0], "h:6379");
    assert_string_equal(s[2].redis.password_file, "/etc/tocsin/pw");
    assert_true(s[2].redis.tls.enabled);
    assert_string_equal(s[2].redis.tls.server_name, "n");
    config_unref(c);
}

static void relabel_steps_have_their_defaults_and_empty_means_empty(void **unused)
{
    struct config *c = parse(
        "scrape_configs:\n"
        "- job_name: a\n"
        "  relabel_configs:\n"
        "  - target_label: a\n"
        "  - {target_label: a, replacement: , separator: , regex: }\n"
        "  - {action: HashMod, modulus: 8, target_label: b, source_labels: [x, y]}\n"
        "  metric_relabel_configs:\n"
        "  - {action: drop, source_labels: [__name__], regex: go_.*}\n"
        "  - {target_label: '-${3}', regex: 1}\n");
    const struct config_relabel *r = c->scrapes[0].relabel, *m = c->scrapes[0].metric_relabel;

    assert_int_equal(c->scrapes[0].n_relabel, 3);
    assert_int_equal(r[0].action, RELABEL_REPLACE);
    assert_string_equal(r[0].separator, ";");
    assert_string_equal(r[0].replacement, "$1");
    assert_true(str_eq_c(regex_pattern(r[0].regex), "(.*)"));
    assert_int_equal(r[0].line, 4);
    assert_string_equal(r[1].separator, "");
    assert_string_equal(r[1].replacement, "");
    assert_true(str_eq_c(regex_pattern(r[1].regex), ""));
    assert_int_equal(r[2].action, RELABEL_HASHMOD);
    assert_int_equal(r[2].modulus, 8);
    assert_int_equal(r[2].n_source_labels, 2);
    assert_int_equal(c->scrapes[0].n_metric_relabel, 2);
    assert_int_equal(m[0].action, RELABEL_DROP);
    assert_true(regex_match(m[0].regex, STR("go_info")));
    assert_false(regex_match(m[0].regex, STR("my_go_info")));
    assert_true(regex_match(m[1].regex, STR("1")));
    config_unref(c);
}

static void only_external_labels_read_the_environment(void **unused)
{
    struct config *c;
    const struct label_set *l;

    setenv("TOCSIN_TEST_SITE", "north", 1);
    unsetenv("TOCSIN_TEST_NONE");
    c = parse("global:\n"
              "  external_labels:\n"
              "    a: $TOCSIN_TEST_SITE\n"
              "    b: x-${TOCSIN_TEST_SITE}y\n"
              "    c: $$5 $ ${TOCSIN_TEST_NONE}.\n"
              "    d: $TOCSIN_TEST_NONE\n"
              "    e: ${}a${b\n"
              "    f: a$\n"
              "scrape_configs: [{job_name: $TOCSIN_TEST_SITE}]\n");
    l = c->external_labels;
    assert_int_equal(label_set_count(l), 5);
    assert_true(str_eq_c(label_set_get(l, STR("a")), "north"));
    assert_true(str_eq_c(label_set_get(l, STR("b")), "x-northy"));
    assert_true(str_eq_c(label_set_get(l, STR("c")), "$5 $ ."));
    assert_true(str_eq_c(label_set_get(l, STR("e")), "ab"));
    assert_true(str_eq_c(label_set_get(l, STR("f")), "a$"));
    assert_string_equal(c->scrapes[0].job_name, "$TOCSIN_TEST_SITE");
    config_unref(c);
}

static void what_asks_for_nothing_is_no_reason_to_refuse_a_file(void **unused)
{
    static const char *const files[] = {
        /* as it comes with Prometheus */
        "global: {scrape_interval: 15s, evaluation_interval: 15s}\n"
        "alerting:\n  alertmanagers:\n    - static_configs:\n        - targets:\n          # - alertmanager:9093\n"
        "rule_files:\n  # - first.rules\n"
        "scrape_configs:\n  - job_name: prometheus\n    static_configs:\n      - targets: ['localhost:9090']\n"
        "        labels: {app: prometheus}\n",
        "alerting: {}\nremote_write: []\nremote_read:\ntracing:\notlp:\ntime_intervals: []\n",
        "alerting: {alertmanagers: [], alert_relabel_configs: []}",
        "runtime: {gogc: 75}\nstorage: {exemplars: {max_exemplars: 0}, tsdb: {out_of_order_time_window: 30m}}",
        "global: {scrape_protocols: [PrometheusText0.0.4], keep_dropped_targets: 5,\n"
        " always_scrape_classic_histograms: true, convert_classic_histograms_to_nhcb: no,\n"
        " metric_name_validation_scheme: utf8, metric_name_escaping_scheme: allow-utf-8,\n"
        " smtp_smarthost: 'h:25', smtp_from: a@b, smtp_auth_password: p, smtp_tls_config: {ca_file: a},\n"
        " slack_api_url: 'http://a', slack_app_url: 'http://a', slack_app_token: t, telegram_bot_token: t}",
        "scrape_configs: [{job_name: a, enable_http2: false, proxy_from_environment: false, dns_sd_configs: [],\n"
        " native_histogram_bucket_limit: 100, native_histogram_min_bucket_factor: 1.1, mysql: }]",
        "route: {receiver: d, mute_time_intervals: [], routes: }\nreceivers: [{name: d, email_configs: []}]\n"
        "inhibit_rules:\n-\n",
        "route: {receiver: d}\nreceivers: [{name: d}]\n---\nanything: else\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        config_unref(parse(files[i]));
}

static void routes_inherit_and_have_canonical_keys(void **unused)
{
    struct config *c = parse(
        "route:\n"
        "  receiver: d\n"
        "  group_by: [b, a]\n"
        "  repeat_interval: 1h\n"
        "  routes:\n"
        "  - matchers: ['z=~\"x|y\"', 'a!=\"1\"']\n"
        "    match_re: {team: c.*}\n"
        "    match: {q: 'a\"b\\c'}\n"
        "    continue: yes\n"
        "    group_wait: 0s\n"
        "    group_by: []\n"
        "    routes:\n"
        "    - {receiver: e, group_by: ['...'], matchers: ['\"a b\"=\"c\\td\"']}\n"
        "    - {group_by: }\n"
        "  - group_interval: 1m\n"
        "receivers: [{name: d}, {name: e, labels: {team: x}}]\n"
        "inhibit_rules:\n"
        "- {name: n, source_matchers: ['b=1', 'a=2'], target_match: {c: d}, equal: [x, 集群]}\n"
        "-\n"
        "templates: [t/*.tmpl]\n");
    const struct config_route *root = c->route, *one = &root->routes[0], *two = &one->routes[0];

    assert_string_equal(root->key, "{}");
    assert_int_equal(root->group_wait, 30000);
    assert_int_equal(root->group_interval, 300000);
    assert_int_equal(root->repeat_interval, 3600000);
    assert_int_equal(root->n_group_by, 2);
    assert_string_equal(root->group_by[0], "b");
    assert_int_equal(root->line, 2);

    assert_string_equal(one->key, "{}/{a!=\"1\",q=\"a\\\"b\\\\c\",team=~\"^(?:c.*)$\",z=~\"x|y\"}");
    assert_int_equal(one->n_matchers, 4);
    assert_true(one->continues);
    assert_string_equal(one->receiver, "d");
    assert_int_equal(one->group_wait, 0);
    assert_int_equal(one->group_interval, 300000);
    assert_int_equal(one->repeat_interval, 3600000);
    assert_int_equal(one->n_group_by, 0);
    assert_false(one->group_by_all);

    assert_string_equal(two->receiver, "e");
    assert_true(two->group_by_all);
    assert_int_equal(two->n_group_by, 0);
    assert_string_equal(strrchr(two->key, '/'), "/{\"a b\"=\"c\\td\"}");
    assert_int_equal(two->group_wait, 0);
    assert_int_equal(one->routes[1].n_group_by, 0); /* null inherits: here nothing */
    assert_false(one->routes[1].group_by_all);

    assert_string_equal(root->routes[1].key, "{}/{}");
    assert_int_equal(root->routes[1].n_group_by, 2);
    assert_int_equal(root->routes[1].group_interval, 60000);

    assert_int_equal(c->n_receivers, 2);
    assert_int_equal(label_set_count(c->receivers[1].labels), 2);
    assert_true(str_eq_c(label_set_get(c->receivers[1].labels, STR("name")), "e"));
    assert_int_equal(c->n_inhibits, 2);
    assert_string_equal(c->inhibits[0].name, "n");
    assert_int_equal(c->inhibits[0].n_source, 2);
    assert_true(str_eq_c(c->inhibits[0].source[0]->name, "a"));
    assert_int_equal(c->inhibits[0].n_target, 1);
    assert_int_equal(c->inhibits[0].n_equal, 2);
    assert_int_equal(c->inhibits[1].n_source, 0);
    assert_string_equal(c->templates[0], "/etc/tocsin/t/*.tmpl");
    config_unref(c);
}

static void webhooks_have_alertmanagers_fields_and_our_own(void **unused)
{
    struct config *c = parse(
        "global: {http_config: {proxy_url: 'http://p', follow_redirects: false}}\n"
        "route: {receiver: d}\n"
        "receivers:\n"
        "- name: d\n"
        "  webhook_configs:\n"
        "  - url: http://a/x?y=1\n"
        "  - url_file: /u\n"
        "    send_resolved: no\n"
        "    max_alerts: 5\n"
        "    timeout: 1m0.5s\n"
        "    format: kubesphere\n"
        "    cluster: east\n"
        "    http_config: {authorization: {credentials: t}}\n"
        "  - {url: <secret>, format: kubesphere, http_config: }\n"
        "  - {url: 'https://u:p@[::1]:443?x', format: alertmanager}\n");
    const struct config_webhook *w = c->receivers[0].blocks[CHANNEL_WEBHOOK].first;

    assert_int_equal(c->receivers[0].n_channels, 4);
    assert_string_equal(w[0].url, "http://a/x?y=1");
    assert_true(w[0].send_resolved);
    assert_int_equal(w[0].format, WEBHOOK_ALERTMANAGER);
    assert_int_equal(w[0].max_alerts, 0);
    assert_int_equal(w[0].timeout, 0);
    assert_int_equal(w[0].line, 6);
    assert_string_equal(w[0].http.proxy_url, "http://p");
    assert_false(w[0].http.follow_redirects);

    assert_null(w[1].url);
    assert_string_equal(w[1].url_file, "/u");
    assert_false(w[1].send_resolved);
    assert_int_equal(w[1].max_alerts, 5);
    assert_int_equal(w[1].timeout, 60500);
    assert_int_equal(w[1].format, WEBHOOK_KUBESPHERE);
    assert_string_equal(w[1].cluster, "east");
    /* An own http_config takes nothing from the global one. */
    assert_null(w[1].http.proxy_url);
    assert_true(w[1].http.follow_redirects);
    assert_string_equal(w[1].http.authorization_credentials, "t");

    assert_string_equal(w[2].url, "<secret>");
    assert_string_equal(w[2].cluster, "default");
    assert_string_equal(w[2].http.proxy_url, "http://p");
    assert_string_equal(w[3].url, "https://u:p@[::1]:443?x");
    assert_int_equal(w[3].format, WEBHOOK_ALERTMANAGER);
    config_unref(c);
}

static void timeouts_of_integrations_are_gos_durations(void **unused)
{
    static const struct {
        const char *text;
        dur_ms ms;
    } timeouts[] = {
        {"5s", 5000}, {"1h2m3s4ms", 3723004}, {"1.5s", 1500}, {"0", 0},        {"1us", 1},
        {"5", 1},     {"5000000", 5},         {"100µs", 1},   {"2s1m", 62000}, {"'10s'", 10000}};

    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
        char yaml[256];
        struct config *c;

        snprintf(yaml, sizeof yaml,
                 "route: {receiver: d}\n"
                 "receivers: [{name: d, webhook_configs: [{url: 'http://a', timeout: %s}]}]",
                 timeouts[i].text);
        c = parse(yaml);
        assert_int_equal(
            ((const struct config_webhook *)c->receivers[0].channels[0].settings)->timeout,
            timeouts[i].ms);
        config_unref(c);
    }
}

/* ---- files ------------------------------------------------------------------------------------
 */

static char folder[] = "/tmp/tocsin-config-XXXXXX";

static void put(const char *name, const char *content)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, str_c(content), NULL), 0);
}

static const char *in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **unused)
{
    if (!mkdtemp(folder))
        return -1;
    return file_make_dirs(in_folder("jobs"), NULL);
}

static int remove_folder(void **unused)
{
    static const char *const names[] = {"main.yml", "secret", "jobs/a.yml", "jobs/b.yml", "jobs"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

static void jobs_come_from_included_files_too(void **unused)
{
    struct err err = {0};
    struct config *c = NULL;

    put("main.yml",
        "global: {scrape_interval: 7s}\nscrape_config_files: ['jobs/*.yml']\nscrape_configs: [{job_name: m}]\n");
    put("jobs/a.yml", "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.yml]}]}]\n");
    put("jobs/b.yml",
        "scrape_configs:\n- {job_name: b1, basic_auth: {password: hidden}}\n- {job_name: b2}\n");
    assert_int_equal(config_load(in_folder("main.yml"), &c, &err), 0);
    assert_string_equal(c->path, in_folder("main.yml"));
    assert_int_equal(c->n_scrapes, 4);
    assert_string_equal(c->scrapes[0].job_name, "m");
    assert_string_equal(c->scrapes[1].job_name, "a");
    assert_int_equal(c->scrapes[1].scrape_interval, 7000);
    assert_string_equal(c->scrapes[1].file_sds[0].files[0], in_folder("jobs/x.yml"));
    assert_string_equal(c->scrapes[3].job_name, "b2");
    config_unref(c);
}

static void errors_in_included_files_name_that_file(void **unused)
{
    static const struct {
        const char *b, *why;
    } files[] = {
        {"scrape_configs: [{job_name: a}]\n",
         "jobs/b.yml:1:29: found multiple scrape configs with job name \"a\""},
        {"scrape_configs: [{job_name: b, foo_bar_baz: 1}]\n",
         "jobs/b.yml:1:32: unknown key \"foo_bar_baz\" in "
         "scrape_configs[0], expected one of job_name, "},
        {"scrape_configs: 5\n", "jobs/b.yml:1:17: scrape_configs: found \"5\", expected a list"},
        {"global: {}\n", "jobs/b.yml:1:1: unknown key \"global\", expected one of scrape_configs"},
        {"a: [\n", "main.yml:1:23: scrape_config_files: "},
    };

    put("main.yml", "scrape_config_files: [jobs/*.yml]\n");
    put("jobs/a.yml", "scrape_configs: [{job_name: a}]\n");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct err err = {0};
        struct config *c = NULL;
        char begin[1024];

        put("jobs/b.yml", files[i].b);
        assert_int_equal(config_load(in_folder("main.yml"), &c, &err), -EINVAL);
        snprintf(begin, sizeof begin, "%s/%s", folder, files[i].why);
        if (strncmp(err.msg, begin, strlen(begin)) != 0)
            fail_msg("%s\nmust begin with %s", err.msg, begin);
    }
}

static void a_secret_is_given_directly_or_read_from_its_file_without_the_line_end(void **unused)
{
    struct buf out = {0};
    struct err err = {0};

    put("secret", "s3cret \n");
    assert_int_equal(secret_read("direct", NULL, &out, NULL), 0);
    assert_string_equal(out.p, "direct");
    buf_reset(&out);
    assert_int_equal(secret_read(NULL, in_folder("secret"), &out, NULL), 0);
    assert_string_equal(out.p, "s3cret");
    buf_reset(&out);
    assert_int_equal(secret_read(NULL, NULL, &out, NULL), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(secret_read(NULL, in_folder("none"), &out, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "none"));
    buf_free(&out);
}

static void a_file_that_is_not_there_says_so(void **unused)
{
    struct err err = {0};
    struct config *c;

    assert_int_equal(config_load(in_folder("none.yml"), &c, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "none.yml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_lives_until_its_last_reference_is_gone),
        cmocka_unit_test(an_empty_file_is_a_configuration_with_all_defaults),
        cmocka_unit_test(a_job_has_the_defaults_of_prometheus),
        cmocka_unit_test(jobs_inherit_times_and_limits_wherever_global_stands),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(truth_has_the_words_of_yaml_1_1),
        cmocka_unit_test(a_job_keeps_params_headers_targets_and_files),
        cmocka_unit_test(authorization_has_one_form_however_it_is_written),
        cmocka_unit_test(a_redis_block_makes_a_native_job),
        cmocka_unit_test(relabel_steps_have_their_defaults_and_empty_means_empty),
        cmocka_unit_test(only_external_labels_read_the_environment),
        cmocka_unit_test(what_asks_for_nothing_is_no_reason_to_refuse_a_file),
        cmocka_unit_test(routes_inherit_and_have_canonical_keys),
        cmocka_unit_test(webhooks_have_alertmanagers_fields_and_our_own),
        cmocka_unit_test(timeouts_of_integrations_are_gos_durations),
        cmocka_unit_test(jobs_come_from_included_files_too),
        cmocka_unit_test(errors_in_included_files_name_that_file),
        cmocka_unit_test(a_secret_is_given_directly_or_read_from_its_file_without_the_line_end),
        cmocka_unit_test(a_file_that_is_not_there_says_so),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
