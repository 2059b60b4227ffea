/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "tests/unit/conformance.h"
#include "tests/unit/targets/setup.h"

/* ---- one target ---------------------------------------------------------------------------- */

/* The lines of one scrape job; the target that comes of it. */
static const struct {
    const char *job;
    const char *labels, *address, *url; /* NULL: not looked at */
} one_target[] = {
    /* defaults, instance */
    {"{static_configs: [{targets: ['h:9100']}]}", "{instance=\"h:9100\", job=\"j\"}", "h:9100",
     "http://h:9100/metrics"},
    {"{scheme: https, metrics_path: /probe, static_configs: [{targets: [h]}]}",
     "{instance=\"h\", job=\"j\"}", "h", "https://h/probe"},
    {"{static_configs: [{targets: ['h:1'], labels: {instance: own, job: mine, rack: r7}}]}",
     "{instance=\"own\", job=\"mine\", rack=\"r7\"}", NULL, NULL},
    /* labels with two underscores stay inside */
    {"{static_configs: [{targets: ['h:1'], labels: {__tmp: x, _one: y, __meta_z: w}}]}",
     "{_one=\"y\", instance=\"h:1\", job=\"j\"}", NULL, NULL},
    /* a group's label wins over the job's setting */
    {"{static_configs: [{targets: ['h:1'], labels: {__metrics_path__: /own, __scheme__: https}}]}",
     NULL, NULL, "https://h:1/own"},
    /* the target's own address wins over a label of that name */
    {"{static_configs: [{targets: ['h:1'], labels: {__address__: 'other:2'}}]}", NULL, "h:1", NULL},
    /* relabelling changes scheme, path, address, and makes labels of them */
    {"{static_configs: [{targets: ['h:1']}], relabel_configs: ["
     "{target_label: __scheme__, replacement: https}, {target_label: __metrics_path__, replacement: /x},"
     "{source_labels: [__address__], target_label: node},"
     "{target_label: __address__, replacement: 'proxy:9115'}]}",
     "{instance=\"proxy:9115\", job=\"j\", node=\"h:1\"}", "proxy:9115", "https://proxy:9115/x"},
    {"{static_configs: [{targets: ['h:1']}], relabel_configs: ["
     "{source_labels: [__scrape_interval__, __scrape_timeout__], target_label: times}]}",
     "{instance=\"h:1\", job=\"j\", times=\"1m;10s\"}", NULL, NULL},
    /* __meta_ labels are there for relabelling */
    {"{static_configs: [{targets: ['h:1'], labels: {__meta_z: w}}], relabel_configs: ["
     "{regex: __meta_(.*), action: labelmap}]}",
     "{instance=\"h:1\", job=\"j\", z=\"w\"}", NULL, NULL},
    /* parameters: sorted, escaped, all values; __param_x is the first of them */
    {"{params: {module: [a b, 'c&d'], at: [1]}, static_configs: [{targets: ['h:1']}]}", NULL, NULL,
     "http://h:1/metrics?at=1&module=a+b&module=c%26d"},
    {"{params: {target: [x, y]}, static_configs: [{targets: [h]}], relabel_configs: ["
     "{source_labels: [__address__], target_label: __param_target}]}",
     NULL, NULL, "http://h/metrics?target=h&target=y"},
    {"{static_configs: [{targets: [h]}], relabel_configs: ["
     "{source_labels: [__address__], target_label: __param_target}]}",
     NULL, NULL, "http://h/metrics?target=h"},
    {"{params: {target: [x, y]}, static_configs: [{targets: [h]}], relabel_configs: ["
     "{regex: __param_target, action: labeldrop}]}",
     NULL, NULL,
     "http://h/metrics?target=x&target=y"}, /* the job's own are not lost with the label */
    {"{params: {e: ['']}, static_configs: [{targets: [h]}]}", NULL, NULL, "http://h/metrics?e="},
    {"{params: {e: []}, static_configs: [{targets: [h]}]}", NULL, NULL, "http://h/metrics"},
    /* a path is no query, and begins with a slash */
    {"{metrics_path: '/a b?c=d%20', static_configs: [{targets: [h]}]}", NULL, NULL,
     "http://h/a%20b%3Fc=d%2520"},
    {"{metrics_path: 'm/-_.~$&+,:;=@!', static_configs: [{targets: [h]}]}", NULL, NULL,
     "http://h/m/-_.~$&+,:;=@%21"},
    {"{static_configs: [{targets: ['[::1]:9100']}]}", NULL, "[::1]:9100",
     "http://[::1]:9100/metrics"},
    /* Redis: with and without port, sockets, URLs */
    {"{redis: {}, static_configs: [{targets: [192.0.2.7]}]}",
     "{instance=\"192.0.2.7:6379\", job=\"j\"}", "192.0.2.7:6379", "redis://192.0.2.7:6379"},
    {"{redis: {}, static_configs: [{targets: ['r:7000']}]}", NULL, "r:7000", "redis://r:7000"},
    {"{redis: {}, static_configs: [{targets: ['[::1]']}]}", NULL, "[::1]:6379",
     "redis://[::1]:6379"},
    {"{redis: {}, static_configs: [{targets: ['[::1]:7']}]}", NULL, "[::1]:7", "redis://[::1]:7"},
    {"{redis: {}, static_configs: [{targets: [/run/redis.sock]}]}",
     "{instance=\"/run/redis.sock\", job=\"j\"}", "/run/redis.sock", "unix:///run/redis.sock"},
    {"{redis: {}, static_configs: [{targets: ['rediss://r:7000']}]}", NULL, "rediss://r:7000",
     "rediss://r:7000"},
};

static char *job_with(const char *job)
{
    struct buf yaml = {0};

    /* the job is a mapping in braces: its name goes in first */
    buf_addf(&yaml, "scrape_configs:\n- {job_name: j, %s\n", job + 1);
    return buf_take(&yaml);
}

static void a_target_gets_labels_address_and_url(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(one_target); i++) {
        CLEANUP(mem_freep) char *yaml = job_with(one_target[i].job);
        struct target_list *l = list_of(yaml, NULL);

        assert_int_equal(l->n_targets, 1);
        if (one_target[i].labels)
            assert_labels(l->targets[0].labels, one_target[i].labels);
        if (one_target[i].address)
            assert_string_equal(l->targets[0].address, one_target[i].address);
        if (one_target[i].url)
            assert_string_equal(l->targets[0].url, one_target[i].url);
        assert_null(l->targets[0].refused);
        target_list_unref(l);
    }
}

static void what_was_discovered_is_kept_as_it_was_before_relabelling(void **state)
{
    struct target_list *l = list_of(
        "scrape_configs:\n"
        "- job_name: j\n"
        "  params: {m: [x]}\n"
        "  static_configs: [{targets: ['h:1'], labels: {__meta_a: b, team: pay}}]\n"
        "  relabel_configs: [{target_label: team, replacement: z}]\n",
        NULL);

    assert_labels(l->targets[0].discovered,
                  "{__address__=\"h:1\", __meta_a=\"b\", __metrics_path__=\"/metrics\", "
                  "__param_m=\"x\", __scheme__=\"http\", __scrape_interval__=\"1m\", "
                  "__scrape_timeout__=\"10s\", job=\"j\", team=\"pay\"}");
    target_list_unref(l);
}

static void interval_and_timeout_come_from_their_labels(void **state)
{
    struct target_list *l = list_of(
        "scrape_configs:\n"
        "- job_name: j\n"
        "  scrape_interval: 30s\n"
        "  scrape_timeout: 5s\n"
        "  static_configs:\n"
        "  - targets: [a]\n"
        "  - targets: [b]\n"
        "    labels: {__scrape_interval__: 1m30s, __scrape_timeout__: 1m30s}\n",
        NULL);

    assert_int_equal(l->targets[0].interval, 30000);
    assert_int_equal(l->targets[0].timeout, 5000);
    assert_int_equal(l->targets[1].interval, 90000);
    assert_int_equal(l->targets[1].timeout, 90000);
    target_list_unref(l);
}

/* ---- no target ----------------------------------------------------------------------------- */

static const struct {
    const char *job;
    int step;
    const char *error; /* part of it; NULL: there is none */
} no_target[] = {
    {"{static_configs: [{targets: [h]}], relabel_configs: [{target_label: a, replacement: b}, "
     "{source_labels: [a], regex: b, action: drop}]}",
     1, NULL},
    {"{static_configs: [{targets: ['']}]}", -1, "no address"},
    {"{static_configs: [{targets: [h]}], relabel_configs: [{target_label: __address__, "
     "replacement: ''}]}",
     -1, "no address"},
    {"{redis: {}, static_configs: [{targets: ['']}]}", -1, "no address"},
    {"{static_configs: [{targets: [h]}], relabel_configs: [{target_label: __address__, "
     "replacement: 'http://h/m'}]}",
     -1, "\"http://h/m\" is not a valid hostname"},
    {"{static_configs: [{targets: ['h?x']}]}", -1, "\"h?x\" is not a valid hostname"},
    {"{static_configs: [{targets: ['a b']}]}", -1, "\"a b\" is not a valid hostname"},
    {"{static_configs: [{targets: ['me:pw@h']}]}", -1, "is not a valid hostname"},
    {"{static_configs: [{targets: [h], labels: {__scrape_interval__: soon}}]}", -1,
     "error parsing scrape interval \"soon\""},
    {"{static_configs: [{targets: [h], labels: {__scrape_interval__: '0'}}]}", -1,
     "scrape interval cannot be 0"},
    {"{static_configs: [{targets: [h], labels: {__scrape_timeout__: -1s}}]}", -1,
     "error parsing scrape timeout \"-1s\""},
    {"{static_configs: [{targets: [h], labels: {__scrape_timeout__: 0s}}]}", -1,
     "scrape timeout cannot be 0"},
    {"{static_configs: [{targets: [h], labels: {__scrape_timeout__: 61s}}]}", -1,
     "scrape timeout cannot be greater than scrape interval (\"61s\" > \"1m\")"},
};

static void what_cannot_be_a_target_is_dropped_with_a_reason_that_is_told(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(no_target); i++) {
        CLEANUP(mem_freep) char *yaml = job_with(no_target[i].job);
        CLEANUP(buf_free) struct buf complaints = {0};
        struct target_list *l = list_of(yaml, &complaints);

        assert_int_equal(l->n_targets, 0);
        assert_int_equal(l->n_dropped, 1);
        assert_ptr_equal(l->dropped[0].job, &l->config->scrapes[0]);
        assert_int_equal(l->dropped[0].step, no_target[i].step);
        assert_true(label_set_get(l->dropped[0].discovered, STR("job")).len > 0);
        if (no_target[i].error) {
            assert_has(l->dropped[0].error, no_target[i].error);
            assert_has(complaints.p, no_target[i].error);
            assert_has(complaints.p, "job j");
        } else {
            assert_null(l->dropped[0].error);
            assert_int_equal(complaints.len, 0); /* as the configuration wants it */
        }
        target_list_unref(l);
    }
}

static void equal_targets_of_a_job_are_one(void **state)
{
    struct target_list *l = list_of("scrape_configs:\n"
                                    "- job_name: one\n"
                                    "  static_configs:\n"
                                    "  - targets: [a, b, a]\n"
                                    "  - targets: [a, c]\n"
                                    "  - targets: [c]\n"
                                    "    labels: {rack: r7}\n" /* another one */
                                    "- job_name: two\n"
                                    "  static_configs: [{targets: [a]}]\n",
                                    NULL);
    static const char *const urls[] = {"http://a/metrics", "http://b/metrics", "http://c/metrics",
                                       "http://c/metrics", "http://a/metrics"};

    assert_int_equal(l->n_targets, ARRAY_LEN(urls));
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        assert_string_equal(l->targets[i].url, urls[i]);
    assert_int_equal(l->n_dropped, 0);
    target_list_unref(l);
}

static const char limited[] = "scrape_configs:\n"
                              "- job_name: earlier\n"
                              "  static_configs: [{targets: [x, y, z]}]\n"
                              "- job_name: many\n"
                              "  target_limit: %d\n"
                              "  static_configs: [{targets: [a, b, a, c]}]\n" /* three */
                              "- job_name: other\n"
                              "  static_configs: [{targets: [a]}]\n";

static void past_its_limit_all_targets_of_a_job_are_refused_and_no_others(void **state)
{
    CLEANUP(buf_free) struct buf yaml = {0}, complaints = {0};
    struct target_list *l;

    buf_addf(&yaml, limited, 3);
    l = list_of(yaml.p, &complaints);
    assert_int_equal(l->n_targets, 7);
    for (size_t i = 0; i < 7; i++)
        assert_null(l->targets[i].refused);
    assert_int_equal(complaints.len, 0);
    target_list_unref(l);

    buf_reset(&yaml);
    buf_addf(&yaml, limited, 2);
    l = list_of(yaml.p, &complaints);
    assert_int_equal(l->n_targets, 7); /* they count as down, they do not vanish */
    for (size_t i = 0; i < 7; i++)
        if (i < 3 || i == 6)
            assert_null(l->targets[i].refused);
        else
            assert_string_equal(l->targets[i].refused,
                                "target_limit exceeded (number of targets: 3, limit: 2)");
    assert_has(complaints.p, "job many: target_limit exceeded");
    target_list_unref(l);
}

/* ---- identity ------------------------------------------------------------------------------ */

static const char before[] = "scrape_configs:\n"
                             "- job_name: j\n"
                             "  static_configs: [{targets: [h], labels: {rack: r7}}]\n";

/* Lines added to the job above, or another whole; whether a running target has to notice. */
static const struct {
    const char *change;
    bool matters;
} changes[] = {
    {"", false},
    /* who is watched */
    {"  metrics_path: /m", true},
    {"  scheme: https", true},
    {"  params: {a: [b]}", true},
    {"  scrape_interval: 59s", true},
    {"  scrape_timeout: 9s", true},
    {"  relabel_configs: [{target_label: x, replacement: y}]", true},
    {"  relabel_configs: [{target_label: __tmp, replacement: y}]", true},
    {"  relabel_configs: [{target_label: __meta_tmp, replacement: y}]", false},
    {"  relabel_configs: [{source_labels: [job], regex: k, action: drop}]", false},
    {"  target_limit: 7", false},
    /* what becomes of its page */
    {"  honor_labels: true", true},
    {"  honor_timestamps: false", true},
    {"  track_timestamps_staleness: true", true},
    {"  fallback_scrape_protocol: PrometheusText0.0.4", true},
    {"  body_size_limit: 1MB", true},
    {"  sample_limit: 7", true},
    {"  label_limit: 7", true},
    {"  label_name_length_limit: 7", true},
    {"  label_value_length_limit: 7", true},
    {"  metric_relabel_configs: [{regex: x, action: labeldrop}]", true},
    /* how it is asked */
    {"  enable_compression: false", true},
    {"  follow_redirects: false", true},
    {"  proxy_url: http://p:3128", true},
    {"  basic_auth: {username: u}", true},
    {"  basic_auth: {username: u, password: p}", true},
    {"  basic_auth: {username: u, password_file: p}", true},
    {"  basic_auth: {username_file: u, password: p}", true},
    {"  authorization: {credentials: s}", true},
    {"  authorization: {credentials_file: s}", true},
    {"  authorization: {type: Basic2, credentials: s}", true},
    {"  http_headers: {X-A: {values: [b]}}", true},
    {"  tls_config: {ca_file: a}", true},
    {"  tls_config: {cert_file: a, key_file: b}", true},
    {"  tls_config: {server_name: a}", true},
    {"  tls_config: {insecure_skip_verify: true}", true},
    {"  tls_config: {min_version: TLS12}", true},
    {"  tls_config: {max_version: TLS12}", true},
    {"  redis: {}", true},
    {"  redis: {username: u}", true},
    {"  redis: {password: p}", true},
    {"  redis: {password_file: p}", true},
    {"  redis: {connect_timeout: 1s}", true},
    {"  redis: {config_metrics: false}", true},
    {"  redis: {tls_config: {}}", true},
    {"  redis: {tls_config: {server_name: a}}", true},
    {"  http_check: {}", true},
    {"  http_check: {valid_status_codes: [200]}", true},
    {"  http_check: {basic_auth: {username: u, password: p}}", true},
    {"  tcp_check: {}", true},
    {"  tls_check: {}", true},
    {"  mysql: {}", true},
    {"  mysql: {rows_limit: 5}", true},
    {"  spring: {}", true},
    {"  spring: {health: false}", true},
    {"  spring: {basic_auth: {username: u, password: p}}", true},
    /* not of this job */
    {"- job_name: k\n  static_configs: [{targets: [h]}]", false},
    {"global: {evaluation_interval: 5s}", false},
};

static uint64_t identity_with(const char *change)
{
    CLEANUP(buf_free) struct buf yaml = {0};
    struct target_list *l;
    uint64_t identity;

    buf_addf(&yaml, "%s%s\n", before, change);
    l = list_of(yaml.p, NULL);
    assert_true(l->n_targets > 0);
    identity = l->targets[0].identity;
    target_list_unref(l);
    return identity;
}

static void identity_changes_exactly_with_what_matters_to_a_scrape(void **state)
{
    uint64_t seen[ARRAY_LEN(changes)], plain = identity_with("");

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        seen[i] = identity_with(changes[i].change);
        if ((seen[i] != plain) != changes[i].matters)
            fail_msg("%s: identity %s", changes[i].change, seen[i] == plain ? "stays" : "changes");
        for (size_t k = 0; changes[i].matters && k < i; k++)
            if (seen[k] == seen[i])
                fail_msg("%s looks like %s", changes[i].change, changes[k].change);
    }
}

static void identity_changes_with_every_field_of_a_step(void **state)
{
    static const char *const steps[] = {
        "{source_labels: [a], target_label: b}",
        "{source_labels: [a, c], target_label: b}",
        "{source_labels: [c], target_label: b}",
        "{source_labels: [a], target_label: c}",
        "{source_labels: [a], target_label: b, separator: x}",
        "{source_labels: [a], target_label: b, regex: x}",
        "{source_labels: [a], target_label: b, replacement: x}",
        "{source_labels: [a], target_label: b, action: uppercase}",
        "{source_labels: [a], target_label: b, action: hashmod, modulus: 2}",
        "{source_labels: [a], target_label: b, action: hashmod, modulus: 3}",
        "{source_labels: [a], target_label: b}, {source_labels: [a], target_label: b}",
    };
    uint64_t seen[ARRAY_LEN(steps)];

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        CLEANUP(buf_free) struct buf change = {0};

        buf_addf(&change, "  metric_relabel_configs: [%s]", steps[i]);
        seen[i] = identity_with(change.p);
        for (size_t k = 0; k < i; k++)
            if (seen[k] == seen[i])
                fail_msg("%s looks like %s", steps[i], steps[k]);
    }
}

static void a_running_target_notices_the_limit_and_its_end(void **state)
{
    CLEANUP(buf_free) struct buf low = {0}, high = {0};
    struct target_list *a, *b;

    buf_addf(&low, limited, 2);
    buf_addf(&high, limited, 3);
    a = list_of(low.p, NULL);
    b = list_of(high.p, NULL);
    assert_true(a->targets[3].identity != b->targets[3].identity);
    assert_true(a->targets[6].identity == b->targets[6].identity);
    target_list_unref(a);
    target_list_unref(b);
}

/* ---- spreading ----------------------------------------------------------------------------- */

static uint64_t seed_of(const char *host, const char *labels)
{
    uint64_t h = hash_fnv1a_64(FNV64_INIT, host, strlen(host));

    return hash_fnv1a_64(h, labels, strlen(labels));
}

/* The vectors were taken on a host that calls itself localhost, so that its seed is put in the
 * place of ours. */
static double offset_ms(const struct target *t, const char *fqdn, const char *labels)
{
    char host[256] = "";
    uint64_t hash;

    gethostname(host, sizeof host - 1);
    hash = t->hash ^ seed_of(host, labels) ^ seed_of(fqdn, labels);
    return (double)(hash % (uint64_t)(t->interval * NS_PER_MS)) / 1e6;
}

static void targets_are_spread_as_prometheus_spreads_them(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    const struct json *all, *cases;
    struct json *doc = NULL;
    struct target_list *l;

    if (!conformance_read("rules/hash_vectors.json", &text)) {
        print_message("# conformance/rules/hash_vectors.json is not here\n");
        skip();
    }
    l = list_of("global:\n"
                "  scrape_interval: 3s\n"
                "  scrape_timeout: 2s\n"
                "  external_labels: {cluster: demo, replica: '0'}\n"
                "scrape_configs:\n"
                "- job_name: app\n"
                "  static_configs: [{targets: ['127.0.0.1:19199'], labels: {team: pay}}]\n"
                "- job_name: broken\n"
                "  metrics_path: /bad\n"
                "  static_configs: [{targets: ['127.0.0.1:19199']}]\n"
                "- job_name: err500\n"
                "  metrics_path: /500\n"
                "  static_configs: [{targets: ['127.0.0.1:19199']}]\n",
                NULL);
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    all = json_get(doc, "targets");
    cases = json_get(all, "cases");
    assert_int_equal(json_len(cases), l->n_targets);
    for (size_t i = 0; i < l->n_targets; i++) {
        const struct json *one = json_at(cases, i);

        assert_true(str_eq_c(json_text(json_get(one, "job")), l->targets[i].job->job_name));
        assert_true(fabs(offset_ms(&l->targets[i], json_text(json_get(all, "fqdn")).p,
                                   json_text(json_get(all, "external_labels")).p) -
                         json_double(json_get(one, "offset_ms"))) < 1e-6);
    }
    target_list_unref(l);
    json_doc_free(doc);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void a_list_outlives_the_room_and_the_configuration(void **state)
{
    struct config *c = configure(before);
    struct targets *t = targets_new(c, 0, NULL, NULL);
    struct target_list *l = targets_list(t), *again = target_list_ref(l);
    bool changed = true;

    assert_int_equal(targets_tick(t, 1000, &changed), INT64_MAX); /* nothing can change */
    assert_false(changed);
    config_unref(c);
    targets_free(t);
    target_list_unref(again);
    assert_string_equal(l->targets[0].job->job_name, "j");
    target_list_unref(l);
    target_list_unref(NULL);
    targets_free(NULL);
}

static void a_new_configuration_makes_a_new_list(void **state)
{
    struct config *a = configure(before), *b = configure("scrape_configs:\n"
                                                         "- job_name: k\n"
                                                         "  static_configs: [{targets: [x, y]}]\n");
    struct targets *t = targets_new(a, 0, NULL, NULL);
    struct target_list *old = targets_list(t), *new;

    config_unref(a);
    targets_reconfigure(t, b, 0);
    config_unref(b);
    new = targets_list(t);
    assert_int_equal(old->n_targets, 1);
    assert_int_equal(new->n_targets, 2);
    target_list_unref(old);
    target_list_unref(new);
    targets_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_gets_labels_address_and_url),
        cmocka_unit_test(what_was_discovered_is_kept_as_it_was_before_relabelling),
        cmocka_unit_test(interval_and_timeout_come_from_their_labels),
        cmocka_unit_test(what_cannot_be_a_target_is_dropped_with_a_reason_that_is_told),
        cmocka_unit_test(equal_targets_of_a_job_are_one),
        cmocka_unit_test(past_its_limit_all_targets_of_a_job_are_refused_and_no_others),
        cmocka_unit_test(identity_changes_exactly_with_what_matters_to_a_scrape),
        cmocka_unit_test(identity_changes_with_every_field_of_a_step),
        cmocka_unit_test(a_running_target_notices_the_limit_and_its_end),
        cmocka_unit_test(targets_are_spread_as_prometheus_spreads_them),
        cmocka_unit_test(a_list_outlives_the_room_and_the_configuration),
        cmocka_unit_test(a_new_configuration_makes_a_new_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
