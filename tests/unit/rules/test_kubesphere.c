/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#include "tests/unit/conformance.h"

/* One line a rule: its expression, then its labels. */
static void add_rules(const struct rule_group_view *g, void *arg)
{
    struct buf *out = arg;

    for (size_t i = 0; i < g->n_rules; i++) {
        buf_addf(out, "%s ", g->rules[i].query);
        label_set_print(g->rules[i].labels, out);
        buf_add_byte(out, '\n');
    }
}

static void add_expressions(const struct rule_group_view *g, void *arg)
{
    for (size_t i = 0; i < g->n_rules; i++)
        buf_addf(arg, "%s\n", g->rules[i].query);
}

static char *translate(const char *manifests,
                       void (*add)(const struct rule_group_view *g, void *arg))
{
    struct world w;
    struct buf out = {0};

    world_init_with(&w, WORLD_CONFIG, manifests);
    rules_each_group(w.rules, add, &out);
    world_deinit(&w);
    return buf_take(&out);
}

static void assert_translates(const char *manifests, const char *rules)
{
    CLEANUP(mem_freep) char *got = translate(manifests, add_rules);

    assert_string_equal(got, rules);
}

#define HEAD(kind)                                                                                 \
    "apiVersion: alerting.kubesphere.io/v2beta1\n"                                                 \
    "kind: " kind "\n"                                                                             \
    "metadata: {name: grp, namespace: demo, labels: {alerting.kubesphere.io/enable: \"true\"}}\n"  \
    "spec:\n"                                                                                      \
    "  rules:\n"

/* ---- labels */

static void a_rule_has_the_labels_of_its_level(void **state)
{
    static const struct {
        const char *kind, *expr, *labels;
    } cases[] = {
        {"RuleGroup", "up{namespace=\"demo\"} == 0",
         "alerttype=\"metric\", namespace=\"demo\", rule_group=\"grp\", rule_id=\"i\", "
         "rule_level=\"namespace\", rule_type=\"custom\", severity=\"critical\", team=\"a\""},
        {"ClusterRuleGroup", "up == 0",
         "alerttype=\"metric\", rule_group=\"grp\", rule_id=\"i\", rule_level=\"cluster\", "
         "rule_type=\"custom\", severity=\"critical\", team=\"a\""},
        {"GlobalRuleGroup", "up == 0",
         "alerttype=\"metric\", rule_group=\"grp\", rule_id=\"i\", rule_level=\"global\", "
         "rule_type=\"custom\", severity=\"critical\", team=\"a\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(
            &text,
            HEAD("%s") "  - {alert: A, expr: up == 0, severity: critical, labels: {rule_id: i, "
                       "team: a}}\n",
            cases[i].kind);
        buf_addf(&want, "%s {%s}\n", cases[i].expr, cases[i].labels);
        assert_translates(text.p, want.p);
    }
}

static void labels_of_the_level_replace_those_of_the_user(void **state)
{
    assert_translates(
        HEAD("RuleGroup") "  - {alert: A, expr: up, severity: critical, labels: {severity: info, "
                          "rule_id: i, rule_level: x, namespace: x, rule_group: x, alerttype: x, "
                          "rule_type: x, cluster: mine}}\n",
        "up{namespace=\"demo\"} {alerttype=\"metric\", cluster=\"mine\", namespace=\"demo\", "
        "rule_group=\"grp\", rule_id=\"i\", rule_level=\"namespace\", rule_type=\"custom\", "
        "severity=\"critical\"}\n");
    /* without the field the label stays */
    assert_translates(
        HEAD("ClusterRuleGroup") "  - {alert: A, expr: up, labels: {severity: info, rule_id: i, "
                                 "namespace: x}}\n",
        "up {alerttype=\"metric\", namespace=\"x\", rule_group=\"grp\", rule_id=\"i\", "
        "rule_level=\"cluster\", rule_type=\"custom\", severity=\"info\"}\n");
}

static void a_rule_with_a_builder_is_a_template(void **state)
{
    assert_translates(
        HEAD("ClusterRuleGroup") "  - alert: A\n    expr: ignored > 1\n    labels: {rule_id: i}\n"
                                 "    exprBuilder: {node: {names: [n], comparator: '>', "
                                 "metricThreshold: {cpu: {load1m: 2}}}}\n",
        "node:load1:ratio{node=\"n\"} > 2 {alerttype=\"metric\", rule_group=\"grp\", "
        "rule_id=\"i\", rule_level=\"cluster\", rule_type=\"template\"}\n");
}

/* ---- rule_id */

static char *rule_ids(const char *manifests)
{
    return translate(manifests, add_rules);
}

/* The rule_id in line n of what rule_ids() gave. */
static struct str id_of(const char *lines, size_t n)
{
    const char *at = lines;

    for (size_t i = 0; i <= n; i++)
        at = strstr(at, "rule_id=\"") + 9;
    return str_n(at, strcspn(at, "\""));
}

static void an_id_is_derived_from_what_names_the_rule(void **state)
{
    CLEANUP(mem_freep) char *one = rule_ids(HEAD("ClusterRuleGroup") "  - {alert: A, expr: up}\n");
    CLEANUP(mem_freep)
    char *more = rule_ids(
        HEAD("ClusterRuleGroup") "  - {alert: B, expr: up}\n  - {alert: A, expr: down}\n"
                                 "  - {alert: A, expr: up}\n");
    CLEANUP(mem_freep)
    char *without_first = rule_ids(
        HEAD("ClusterRuleGroup") "  - {alert: A, expr: down, disable: true}\n"
                                 "  - {alert: A, expr: up}\n");
    CLEANUP(mem_freep)
    char *global = rule_ids(HEAD("GlobalRuleGroup") "  - {alert: A, expr: up}\n");
    CLEANUP(mem_freep)
    char *empty = rule_ids(
        HEAD("ClusterRuleGroup") "  - {alert: A, expr: up, labels: {rule_id: ''}}\n");
    struct str id = id_of(one, 0);

    /* Stable over versions: alerts are known by it. */
    assert_int_equal(id.len, 36);
    assert_true(str_eq_c(id, "aba28c8d-d720-8d20-9ffa-1d71f7824af4"));
    assert_true(str_eq(id_of(more, 1), id));  /* its place does not matter */
    assert_false(str_eq(id_of(more, 0), id)); /* its name does */
    assert_false(str_eq(id_of(more, 2), id)); /* of two of one name each has its own */
    assert_true(str_eq(id_of(without_first, 0), id_of(more, 2)));
    assert_false(str_eq(id_of(global, 0), id));
    assert_true(str_eq(id_of(empty, 0), id));
}

/* ---- enforced matchers */

static void assert_expressions(const char *manifests, const char *expressions)
{
    CLEANUP(mem_freep) char *got = translate(manifests, add_expressions);

    assert_string_equal(got, expressions);
}

static void a_rule_of_a_namespace_sees_only_that_namespace(void **state)
{
    static const struct {
        const char *expr, *narrowed;
    } cases[] = {
        {"up", "up{namespace=\"demo\"}"},
        {"up{namespace=\"other\"} > 1", "up{namespace=\"demo\"} > 1"},
        {"up{namespace=~\".*\",namespace!=\"x\",z=\"1\",a=\"2\"}",
         "up{a=\"2\",namespace=\"demo\",z=\"1\"}"},
        {"sum by(pod) (rate(x[90s])) / on (pod) y",
         "sum by (pod) (rate(x{namespace=\"demo\"}[1m30s])) "
         "/ on (pod) y{namespace=\"demo\"}"},
        {"max_over_time((a + b)[1h:5m])",
         "max_over_time((a{namespace=\"demo\"} + b{namespace=\"demo\"})[1h:5m])"},
        {"topk(scalar(k), a)", "topk(scalar(k), a{namespace=\"demo\"})"},
        {"absent(up)", "absent(up{namespace=\"demo\"})"},
        {"a # comment\n  >   b", "a{namespace=\"demo\"} > b{namespace=\"demo\"}"},
        {"1 > bool 0.5", "1 > bool 0.5"},
        /* numbers as Go's %v writes them */
        {"up > 1048576", "up{namespace=\"demo\"} > 1.048576e+06"},
        {"up > 999999", "up{namespace=\"demo\"} > 999999"},
        {"up > 1000000", "up{namespace=\"demo\"} > 1e+06"},
        {"up > 209715200", "up{namespace=\"demo\"} > 2.097152e+08"},
        {"up > 0.0001", "up{namespace=\"demo\"} > 0.0001"},
        {"up > 0.00001", "up{namespace=\"demo\"} > 1e-05"},
        {"up > 0x10", "up{namespace=\"demo\"} > 16"},
        {"clamp(up, -1e9, Inf)", "clamp(up{namespace=\"demo\"}, -1e+09, +Inf)"},
        {"quantile(0.99, up) > 1e6", "quantile(0.99, up{namespace=\"demo\"}) > 1e+06"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_add_c(&text, HEAD("RuleGroup") "  - alert: A\n    expr: \"");
        for (const char *p = cases[i].expr; *p; p++)
            buf_addf(&text, *p == '"' ? "\\%c" : *p == '\n' ? "\\n" : "%c", *p);
        buf_add_c(&text, "\"\n");
        buf_addf(&want, "%s\n", cases[i].narrowed);
        assert_expressions(text.p, want.p);
    }
}

static void an_expression_of_a_cluster_stays_as_it_is_written(void **state)
{
    assert_expressions(HEAD("ClusterRuleGroup") "  - alert: A\n    expr: |\n"
                                                "      up{b=\"1\",a=\"2\"}   # why\n"
                                                "        > 1048576\n"
                                                "  - {alert: B, expr: 1000000}\n",
                       "up{b=\"1\",a=\"2\"}   # why\n  > 1048576\n1000000\n");
}

static void a_global_rule_is_narrowed_by_its_selectors(void **state)
{
    static const struct {
        const char *selectors, *expr;
    } cases[] = {
        /* nothing to enforce: as it is written */
        {"", "up{cluster='c'}   > 1000000"},
        {"clusterSelector: ~, namespaceSelector: {}", "up{cluster='c'}   > 1000000"},
        {"clusterSelector: {inValues: []}", "up{cluster='c'}   > 1000000"},
        {"clusterSelector: {inValues: [host]}", "up{cluster=\"host\"} > 1e+06"},
        {"clusterSelector: {inValues: [host, member1]}", "up{cluster=~\"(host|member1)\"} > 1e+06"},
        {"namespaceSelector: {inValues: [a.b, c]}",
         "up{cluster=\"c\",namespace=~\"(a.b|c)\"} > 1e+06"},
        {"clusterSelector: {matcher: {type: '=', value: m}}", "up{cluster=\"m\"} > 1e+06"},
        {"clusterSelector: {matcher: {type: '!=', value: m}}", "up{cluster!=\"m\"} > 1e+06"},
        {"clusterSelector: {matcher: {type: '=~', value: 'm.*'}}", "up{cluster=~\"m.*\"} > 1e+06"},
        {"clusterSelector: {matcher: {type: '!~', value: 'm.*'}}", "up{cluster!~\"m.*\"} > 1e+06"},
        {"clusterSelector: {matcher: {type: '='}}", "up{cluster=\"\"} > 1e+06"},
        /* inValues win */
        {"clusterSelector: {inValues: [a], matcher: {type: '!=', value: m}}",
         "up{cluster=\"a\"} > 1e+06"},
        {"clusterSelector: {inValues: [a]}, namespaceSelector: {matcher: {type: '=~', value: "
         "'prod-.*'}}",
         "up{cluster=\"a\",namespace=~\"prod-.*\"} > 1e+06"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(
            &text,
            HEAD("GlobalRuleGroup") "  - {alert: A, expr: \"up{cluster='c'}   > 1000000\"%s%s}\n",
            *cases[i].selectors ? ", " : "", cases[i].selectors);
        buf_addf(&want, "%s\n", cases[i].expr);
        assert_expressions(text.p, want.p);
    }
}

/* ---- builders */

static void a_node_builder_asks_for_each_metric_of_the_table(void **state)
{
    static const struct {
        const char *threshold, *metric;
    } cases[] = {
        {"cpu: {utilization: 1}", "node:node_cpu_utilisation:avg1m"},
        {"cpu: {load1m: 1}", "node:load1:ratio"},
        {"cpu: {load5m: 1}", "node:load5:ratio"},
        {"cpu: {load15m: 1}", "node:load15:ratio"},
        {"memory: {utilization: 1}", "node:node_memory_utilisation:"},
        {"memory: {available: 1}", "node:node_memory_bytes_available:sum"},
        {"network: {transmittedRate: 1}", "node:node_net_bytes_transmitted:sum_irate"},
        {"network: {receivedRate: 1}", "node:node_net_bytes_received:sum_irate"},
        {"disk: {spaceUtilization: 1}", "node:disk_space_utilization:ratio"},
        {"disk: {spaceAvailable: 1}", "node:disk_space_available:"},
        {"disk: {inodeUtilization: 1}", "node:disk_inode_utilization:ratio"},
        {"disk: {iopsRead: 1}", "node:data_volume_iops_reads:sum"},
        {"disk: {iopsWrite: 1}", "node:data_volume_iops_writes:sum"},
        {"disk: {throughputRead: 1}", "node:data_volume_throughput_bytes_read:sum"},
        {"disk: {throughputWrite: 1}", "node:data_volume_throughput_bytes_write:sum"},
        {"pod: {utilization: 1}", "node:pod_utilization:ratio"},
        {"pod: {abnormalRatio: 1}", "node:pod_abnormal:ratio"},
        /* of several the first of the table */
        {"pod: {utilization: 7}, cpu: {load15m: 1, load5m: ~}", "node:load15:ratio"},
        {"cpu: ~, pod: {utilization: 1}", "node:pod_utilization:ratio"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(&text,
                 HEAD("ClusterRuleGroup") "  - alert: A\n    exprBuilder: {node: {names: [n], "
                                          "comparator: '<=', metricThreshold: {%s}}}\n",
                 cases[i].threshold);
        buf_addf(&want, "%s{node=\"n\"} <= 1\n", cases[i].metric);
        assert_expressions(text.p, want.p);
    }
}

static void a_workload_builder_asks_for_each_metric_of_the_table(void **state)
{
    static const struct {
        const char *kind, *threshold, *metric;
    } cases[] = {
        {"Deployment", "cpu: {usage: 1}", "namespace:workload_cpu_usage:sum"},
        {"Deployment", "memory: {usage: 1}", "namespace:workload_memory_usage:sum"},
        {"Deployment", "memory: {usageWoCache: 1}", "namespace:workload_memory_usage_wo_cache:sum"},
        {"StatefulSet", "network: {transmittedRate: 1}",
         "namespace:workload_net_bytes_transmitted:sum_irate"},
        {"StatefulSet", "network: {receivedRate: 1}",
         "namespace:workload_net_bytes_received:sum_irate"},
        {"Deployment", "replica: {unavailableRatio: 1}",
         "namespace:deployment_unavailable_replicas:ratio"},
        {"StatefulSet", "replica: {unavailableRatio: 1}",
         "namespace:statefulset_unavailable_replicas:ratio"},
        {"DaemonSet", "replica: {unavailableRatio: 1}",
         "namespace:daemonset_unavailable_replicas:ratio"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(&text,
                 HEAD("RuleGroup") "  - alert: A\n    exprBuilder: {workload: {kind: %s, names: "
                                   "[w], comparator: '>', metricThreshold: {%s}}}\n",
                 cases[i].kind, cases[i].threshold);
        buf_addf(&want, "%s{namespace=\"demo\",workload=\"%s:w\"} > 1\n", cases[i].metric,
                 cases[i].kind);
        assert_expressions(text.p, want.p);
    }
}

static void a_builder_writes_its_threshold_as_go_does(void **state)
{
    static const struct {
        const char *threshold, *text;
    } cases[] = {
        {"100", "100"},
        {"0.9", "0.9"},
        {"123456", "123456"},
        {"1000000", "1e+06"},
        {"1048576", "1.048576e+06"},
        {"209715200", "2.097152e+08"},
        {"0.0001", "0.0001"},
        {"0.00001", "1e-05"},
        {"-3", "-3"},
        {"0", "0"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(
            &text,
            HEAD("ClusterRuleGroup") "  - alert: A\n    exprBuilder: {node: {names: [n], "
                                     "comparator: '>', metricThreshold: {cpu: {load1m: %s}}}}\n",
            cases[i].threshold);
        buf_addf(&want, "node:load1:ratio{node=\"n\"} > %s\n", cases[i].text);
        assert_expressions(text.p, want.p);
    }
}

static void a_builder_of_several_names_matches_any_of_them(void **state)
{
    assert_expressions(HEAD("ClusterRuleGroup") "  - alert: A\n    exprBuilder: {node: {names: "
                                                "[node1, node2], comparator: '>=', "
                                                "metricThreshold: {cpu: {utilization: 0.9}}}}\n",
                       "node:node_cpu_utilisation:avg1m{node=~\"(node1|node2)\"} >= 0.9\n");
    assert_expressions(
        HEAD("RuleGroup") "  - alert: A\n    exprBuilder: {workload: {kind: Deployment, names: "
                          "[web, api], comparator: '>', metricThreshold: {memory: {usage: "
                          "1048576}}}}\n",
        "namespace:workload_memory_usage:sum{namespace=\"demo\",workload=~\"Deployment:(web|api)\"}"
        " > 1.048576e+06\n");
}

static void a_scoped_builder_narrows_to_what_its_scopes_name(void **state)
{
    static const struct {
        const char *rule, *expr;
    } cases[] = {
        {"exprBuilder: {node: {names: [{cluster: c1, names: [a]}], comparator: '>', "
         "metricThreshold: {cpu: {load1m: 1}}}}",
         "node:load1:ratio{cluster=\"c1\",node=\"a\"} > 1"},
        /* all names, all clusters, each once */
        {"exprBuilder: {node: {names: [{cluster: c1, names: [a, b]}, {cluster: c2, names: [b, c]}, "
         "{cluster: c1, names: [d]}], comparator: '>', metricThreshold: {cpu: {load1m: 1}}}}",
         "node:load1:ratio{cluster=~\"(c1|c2)\",node=~\"(a|b|c|d)\"} > 1"},
        {"exprBuilder: {workload: {kind: Deployment, names: [{cluster: c, namespace: n, names: "
         "[a]}, {cluster: c, namespace: m, names: [a]}], comparator: '>', metricThreshold: {cpu: "
         "{usage: 1}}}}",
         "namespace:workload_cpu_usage:sum{cluster=\"c\",namespace=~\"(n|m)\",workload=\"Deployment"
         ":a\"} > 1"},
        /* scopes replace a selector, but only of what they name */
        {"clusterSelector: {inValues: [x]}, namespaceSelector: {inValues: [y]}, exprBuilder: {node: "
         "{names: [{cluster: c, names: [a]}], comparator: '>', metricThreshold: {cpu: {load1m: "
         "1}}}}",
         "node:load1:ratio{cluster=\"c\",namespace=\"y\",node=\"a\"} > 1"},
        {"clusterSelector: {inValues: [x]}, exprBuilder: {workload: {kind: Deployment, names: "
         "[{namespace: n, names: [a]}], comparator: '>', metricThreshold: {cpu: {usage: 1}}}}",
         "namespace:workload_cpu_usage:sum{cluster=\"x\",namespace=\"n\",workload=\"Deployment:a\"} "
         "> 1"},
        /* a node is in no namespace */
        {"exprBuilder: {node: {names: [{cluster: c, namespace: n, names: [a]}], comparator: '>', "
         "metricThreshold: {cpu: {load1m: 1}}}}",
         "node:load1:ratio{cluster=\"c\",node=\"a\"} > 1"},
        /* plain names are taken, too */
        {"exprBuilder: {node: {names: [a, b], comparator: '>', metricThreshold: {cpu: {load1m: "
         "1}}}}",
         "node:load1:ratio{node=~\"(a|b)\"} > 1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};

        buf_addf(&text, HEAD("GlobalRuleGroup") "  - {alert: A, %s}\n", cases[i].rule);
        buf_addf(&want, "%s\n", cases[i].expr);
        assert_expressions(text.p, want.p);
    }
}

/* ---- groups */

static void add_group(const struct rule_group_view *g, void *arg)
{
    buf_addf(arg, "%s %s %lld:", g->file, g->name, (long long)g->interval);
    for (size_t i = 0; i < g->n_rules; i++)
        buf_addf(arg, " %s/%lld", g->rules[i].name, (long long)g->rules[i].hold);
    buf_add_byte(arg, '\n');
}

static void a_group_has_its_interval_or_that_of_the_configuration(void **state)
{
    static const struct {
        const char *interval;
        long long ms;
    } cases[] = {{"30s", 30000}, {"''", 60000}, {"~", 60000}, {"0", 60000}, {"1h", 3600000}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf text = {0}, want = {0};
        CLEANUP(mem_freep) char *got = NULL;

        buf_addf(&text,
                 HEAD("ClusterRuleGroup") "  - {alert: A, expr: up, for: 90s}\n  interval: %s\n",
                 cases[i].interval);
        buf_addf(&want, "rules.yml grp %lld: A/90000\n", cases[i].ms);
        got = translate(text.p, add_group);
        assert_string_equal(got, want.p);
    }
}

static void groups_of_a_list_are_told_apart_by_kind_and_namespace(void **state)
{
#define ITEM(kind, ns)                                                                             \
    "- {apiVersion: alerting.kubesphere.io/v2beta1, kind: " kind ", metadata: {name: grp, "        \
    "namespace: " ns ", labels: {alerting.kubesphere.io/enable: \"true\"}}, spec: {rules: "        \
    "[{alert: A, expr: up}]}}\n"
    CLEANUP(mem_freep)
    char *got = translate("apiVersion: v1\nkind: List\nitems:\n" ITEM("RuleGroup", "b")
                              ITEM("RuleGroup", "a") ITEM("ClusterRuleGroup", "a")
                                  ITEM("GlobalRuleGroup", "a"),
                          add_group);

    assert_string_equal(got, "rules.yml grp 60000: A/0\n"
                             "rules.yml/GlobalRuleGroup grp 60000: A/0\n"
                             "rules.yml/a grp 60000: A/0\n"
                             "rules.yml/b grp 60000: A/0\n");
}

/* ---- the samples of the specification */

static char *read_shared(const char *name)
{
    CLEANUP(buf_free) struct buf path = {0}, text = {0};

    buf_addf(&path, "../spec/kubesphere/%s", name);
    if (!conformance_read(path.p, &text)) {
        print_message("spec/kubesphere/%s is not there\n", name);
        return NULL;
    }
    return buf_take(&text);
}

static void the_samples_become_what_kubesphere_makes_of_them(void **state)
{
    static const struct {
        const char *file, *expr;
    } cases[] = {
        {"rulegroups/sample-clusterrulegroup-node-template.yaml",
         "node:node_cpu_utilisation:avg1m{node=~\"(node1|node2)\"} >= 0.9\n"},
        {"rulegroups/sample-clusterrulegroup-redis.yaml",
         "redis_memory_used_bytes{job=\"redis-dev\"} > 209715200\n"},
        {"rulegroups/sample-globalrulegroup.yaml",
         "increase(kube_pod_container_status_restarts_total{cluster=~\"(host|member1)\",namespace=~"
         "\"prod-.*\"}[5m]) > 3\n"},
        {"rulegroups/sample-rulegroup-workload-template.yaml",
         "namespace:workload_memory_usage:sum{namespace=\"demo\",workload=\"Deployment:web-v1\"} > "
         "1.048576e+06\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_freep) char *text = read_shared(cases[i].file);

        if (!text)
            skip();
        assert_expressions(text, cases[i].expr);
    }
}

/* Name, interval, `for`, labels and annotations of all rules. */
static void add_all(const struct rule_group_view *g, void *arg)
{
    struct buf *out = arg;

    add_group(g, arg);
    for (size_t i = 0; i < g->n_rules; i++) {
        buf_addf(out, "%s ", g->rules[i].query);
        label_set_print(g->rules[i].labels, out);
        label_set_print(g->rules[i].annotations, out);
        buf_add_byte(out, '\n');
    }
}

static void the_founding_rule_is_the_same_as_what_the_controller_generates(void **state)
{
    CLEANUP(mem_freep) char *group = read_shared("rulegroups/sample-clusterrulegroup-redis.yaml");
    CLEANUP(mem_freep)
    char *generated = read_shared("prometheusrules/sample-generated-cluster-level.yaml");
    CLEANUP(mem_freep) char *mine = NULL;
    CLEANUP(mem_freep) char *theirs = NULL;

    if (!group || !generated)
        skip();
    mine = translate(group, add_all);
    theirs = translate(generated, add_all);
    assert_true(
        str_has_prefix(str_c(theirs), STR("rules.yml/PrometheusRule/kubesphere-monitoring-system/"
                                          "alertrules-cl-0 ")));
    /* All but the place, and the canonical form is the same as the written one. */
    assert_string_equal(strchr(mine, ' '), strchr(theirs, ' '));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_has_the_labels_of_its_level),
        cmocka_unit_test(labels_of_the_level_replace_those_of_the_user),
        cmocka_unit_test(a_rule_with_a_builder_is_a_template),
        cmocka_unit_test(an_id_is_derived_from_what_names_the_rule),
        cmocka_unit_test(a_rule_of_a_namespace_sees_only_that_namespace),
        cmocka_unit_test(an_expression_of_a_cluster_stays_as_it_is_written),
        cmocka_unit_test(a_global_rule_is_narrowed_by_its_selectors),
        cmocka_unit_test(a_node_builder_asks_for_each_metric_of_the_table),
        cmocka_unit_test(a_workload_builder_asks_for_each_metric_of_the_table),
        cmocka_unit_test(a_builder_writes_its_threshold_as_go_does),
        cmocka_unit_test(a_builder_of_several_names_matches_any_of_them),
        cmocka_unit_test(a_scoped_builder_narrows_to_what_its_scopes_name),
        cmocka_unit_test(a_group_has_its_interval_or_that_of_the_configuration),
        cmocka_unit_test(groups_of_a_list_are_told_apart_by_kind_and_namespace),
        cmocka_unit_test(the_samples_become_what_kubesphere_makes_of_them),
        cmocka_unit_test(the_founding_rule_is_the_same_as_what_the_controller_generates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
