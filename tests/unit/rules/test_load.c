/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rules/world.h"

#include <dirent.h>

#include "base/json.h"
#include "tests/unit/conformance.h"

/* ---- what is refused */

#define GROUP "groups:\n- name: g\n  rules:\n"
#define MANIFEST(kind, more)                                                                       \
    "apiVersion: alerting.kubesphere.io/v2beta1\nkind: " kind "\nmetadata:\n  name: g\n" more      \
    "  labels: {alerting.kubesphere.io/enable: \"true\"}\nspec:\n"

static const struct {
    const char *text, *message; /* "PLACE: words"; the file's name goes before each line */
} bad[] = {
    /* the file */
    {"groups: [", "2:1: did not find expected node content while parsing a flow node"},
    {"groups:\n- name: g\n  name: h\n", "3:3: key \"name\" is already set on line 2"},
    {"- a\n", "1:1: expected a rule file: `groups:` or a manifest with `kind:`"},
    {"groups: 5\n", "1:9: expected a list of groups"},
    {"group: []\n", "1:1: field group not found in a rule file, expected one of groups"},

    /* groups */
    {"groups: [a]\n", "1:10: expected a group with name and rules"},
    {"groups: [{rules: []}]\n", "1:10: Groupname must not be empty"},
    {"groups: [{name: [a]}]\n",
     "1:17: found a list, expected text\n1:10: Groupname must not be empty"},
    {"groups: [{name: \"a\\0b\"}]\n",
     "1:17: found a text with a zero byte in it\n1:10: Groupname must not be empty"},
    {"groups:\n- name: g\n- name: h\n- name: g\n",
     "4:9: groupname: \"g\" is repeated in the same file"},
    {"groups: [{name: a}]\n---\ngroups: [{name: a}]\n",
     "3:17: groupname: \"a\" is repeated in the same file"},
    {"groups: [{name: g, Rules: []}]\n",
     "1:20: field Rules not found in a group, expected one of name, interval, query_offset, limit, "
     "labels, rules, partial_response_strategy"},
    {"groups: [{name: g, rules: {}}]\n", "1:27: expected a list of rules"},
    {"groups: [{name: g, interval: 1 minute}]\n",
     "1:30: found \"1 minute\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {"groups: [{name: g, interval: -30s}]\n",
     "1:30: found \"-30s\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {"groups: [{name: g, interval: 300y}]\n",
     "1:30: found \"300y\", expected a duration like 30s: duration is longer than 292 years"},
    {"groups: [{name: g, interval: 2y}]\n", "1:30: interval of group \"g\" is longer than a year"},
    {"groups: [{name: g, interval: [1m]}]\n", "1:30: found a list, expected text"},
    {"groups: [{name: g, query_offset: x}]\n",
     "1:34: found \"x\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {"groups: [{name: g, limit: many}]\n", "1:27: found \"many\", expected a whole number"},
    {"groups: [{name: g, labels: [a]}]\n", "1:28: expected a mapping of labels to texts"},

    /* rules */
    {GROUP "  - up > 0\n", "4:5: group \"g\", rule 1: expected a mapping"},
    {GROUP "  - alert: A\n    exprr: up\n",
     "5:5: field exprr not found in a rule, expected one of record, alert, expr, for, "
     "keep_firing_for, labels, annotations, no_data\n"
     "4:5: group \"g\", rule 1, \"A\": field 'expr' must be set in rule"},
    {GROUP "  - expr: up\n",
     "4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"},
    {GROUP "  - alert: A\n    record: r\n    expr: up\n",
     "4:5: group \"g\", rule 1, \"A\": only one of 'record' and 'alert' must be set"},
    {GROUP "  - alert: A\n", "4:5: group \"g\", rule 1, \"A\": field 'expr' must be set in rule"},
    {GROUP "  - {alert: A, expr: ' '}\n",
     "4:5: group \"g\", rule 1, \"A\": field 'expr' must be set in rule"},
    {GROUP "  - {alert: A, expr: [up]}\n",
     "4:22: found a list, expected text\n"
     "4:5: group \"g\", rule 1, \"A\": field 'expr' must be set in rule"},
    {GROUP "  - alert: ok\n    expr: up\n  - alert: A\n    expr: up ==\n",
     "7:11: group \"g\", rule 2, \"A\": could not parse expression: 1:6: parse error: unexpected end "
     "of input"},
    {GROUP "  - alert: A\n    expr: up[5m]\n",
     "5:11: group \"g\", rule 1, \"A\": expected an instant vector or a scalar, found a range "
     "vector"},
    {GROUP "  - {alert: A, expr: \"'text'\"}\n",
     "4:22: group \"g\", rule 1, \"A\": expected an instant vector or a scalar, found a string"},
    {GROUP "  - {alert: A, expr: up, for: 5}\n",
     "4:31: found \"5\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {GROUP "  - {record: r, expr: up, for: 5m}\n",
     "4:32: group \"g\", rule 1, \"r\": invalid field 'for' in recording rule"},
    {GROUP "  - {record: r, expr: up, keep_firing_for: 5m}\n",
     "4:44: group \"g\", rule 1, \"r\": invalid field 'keep_firing_for' in recording rule"},
    {GROUP "  - {record: r, expr: up, annotations: {a: b}}\n",
     "4:40: group \"g\", rule 1, \"r\": invalid field 'annotations' in recording rule"},
    {GROUP "  - record: up{a=\"b\"}\n    expr: up\n",
     "4:13: group \"g\", rule 1, \"up{a=\"b\"}\": braces present in the recording rule name; should "
     "it be in expr?: up{a=\"b\"}"},
    {GROUP "  - record: up}\n    expr: up\n",
     "4:13: group \"g\", rule 1, \"up}\": braces present in the recording rule name; should it be in "
     "expr?: up}"},
    {GROUP "  - {alert: A, expr: up, labels: x}\n", "4:34: expected a mapping of labels to texts"},
    {GROUP "  - {alert: A, expr: up, labels: {a: {}}}\n", "4:38: found a mapping, expected text"},
    {GROUP "  - alert: A\n    expr: up\n    labels:\n      a: b\n      __name__: c\n",
     "8:17: group \"g\", rule 1, \"A\": invalid label name: __name__"},
    {GROUP "  - {alert: A, expr: up, annotations: {'': b}}\n",
     "4:44: group \"g\", rule 1, \"A\": invalid annotation name: "},
    {GROUP "  - alert: A\n    expr: up\n    labels:\n      x: '{{ $nothing }}'\n",
     "7:10: group \"g\", rule 1, \"A\": label \"x\": error parsing template __alert_A: template: "
     "__alert_A:1: undefined variable \"$nothing\""},
    {GROUP "  - alert: A\n    expr: up\n    annotations: {x: '{{ .Value '}\n",
     "6:22: group \"g\", rule 1, \"A\": annotation \"x\": error parsing template __alert_A: template: "
     "__alert_A:1: unclosed action"},
    /* the labels of a group are those of its rules */
    {"groups:\n- name: g\n  labels: {x: '{{ nothing }}'}\n  rules:\n  - {alert: A, expr: up}\n",
     "3:15: group \"g\", rule 1, \"A\": label \"x\": error parsing template __alert_A: template: "
     "__alert_A:1: function \"nothing\" not defined"},

    /* all of it is told */
    {GROUP "  - {alert: A, expr: up >}\n  - {record: B, for: 1m, expr: up}\n- rules: []\n",
     "4:22: group \"g\", rule 1, \"A\": could not parse expression: 1:5: parse error: unexpected end "
     "of input\n"
     "5:22: group \"g\", rule 2, \"B\": invalid field 'for' in recording rule\n"
     "6:3: Groupname must not be empty"},

    /* manifests */
    {"kind: Pod\napiVersion: v1\n",
     "1:7: found kind \"Pod\", expected RuleGroup, ClusterRuleGroup, GlobalRuleGroup, "
     "PrometheusRule or a List of them"},
    {"apiVersion: v1\n",
     "1:1: found kind \"\", expected RuleGroup, ClusterRuleGroup, GlobalRuleGroup, PrometheusRule or "
     "a List of them"},
    {"kind: List\napiVersion: v1\nitems:\n- kind: RuleGroup\n- 7\n",
     "4:3: RuleGroup: expected apiVersion alerting.kubesphere.io/v2beta1\n"
     "4:3: RuleGroup: expected metadata.name\n"
     "5:3: found kind \"\", expected RuleGroup, ClusterRuleGroup, GlobalRuleGroup, PrometheusRule or "
     "a List of them"},
    {"kind: ClusterRuleGroup\napiVersion: alerting.example.com/v1\nmetadata: {name: g}\n",
     "2:13: ClusterRuleGroup: expected apiVersion alerting.kubesphere.io/v2beta1"},
    {MANIFEST("RuleGroup", "") "  rules: []\n",
     "4:3: RuleGroup \"g\": expected metadata.namespace"},
    {MANIFEST("ClusterRuleGroup", "") "  interval: 1m\n",
     "7:3: ClusterRuleGroup \"g\": expected spec.rules, a list"},
    {"apiVersion: alerting.kubesphere.io/v2beta1\nkind: ClusterRuleGroup\nmetadata: {name: g}\n"
     "Spec: {}\n",
     "4:1: field Spec not found in ClusterRuleGroup, expected one of apiVersion, kind, metadata, "
     "spec, status"},
    {MANIFEST("ClusterRuleGroup", "") "  rules: []\n  every: 5m\n",
     "8:3: field every not found in spec, expected one of interval, partial_response_strategy, "
     "rules"},
    {MANIFEST("ClusterRuleGroup", "") "  rules: []\n  interval: often\n",
     "8:13: found \"often\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {MANIFEST("ClusterRuleGroup", "") "  rules: [A]\n", "7:11: expected a rule"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - expr: up\n",
     "8:5: group \"g\", rule 1, \"\": 'alert' cannot be empty"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, serverity: info}\n",
     "8:26: field serverity not found in a rule, expected one of alert, expr, exprBuilder, for, "
     "severity, labels, annotations, disable"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, clusterSelector: {}}\n",
     "8:26: field clusterSelector not found in a rule, expected one of alert, expr, exprBuilder, "
     "for, severity, labels, annotations, disable"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, disable: maybe}\n",
     "8:35: expected true or false"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, for: 5 min}\n",
     "8:31: found \"5 min\", expected a duration like 30s: byte 1: expected a number and a unit"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - alert: A\n    expr: |\n      up\n      > >\n",
     "9:11: group \"g\", rule 1, \"A\": could not parse expression: 2:3: parse error: unexpected "
     "<op:>>"},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A}\n",
     "8:5: group \"g\", rule 1, \"A\": one of 'expr' and 'exprBuilder.node' must be set for a "
     "ClusterRuleGroup"},
    {MANIFEST("RuleGroup", "  namespace: n\n") "  rules:\n  - {alert: A, exprBuilder: {}}\n",
     "9:5: group \"g\", rule 1, \"A\": one of 'expr' and 'exprBuilder.workload' must be set for a "
     "RuleGroup"},
    {MANIFEST("GlobalRuleGroup", "") "  rules:\n  - {alert: A, exprBuilder: {node: ~}}\n",
     "8:5: group \"g\", rule 1, \"A\": 'expr' must be set for a GlobalRuleGroup"},
    {MANIFEST("ClusterRuleGroup",
              "") "  rules:\n  - {alert: A, expr: up, annotations: {a: '{{'}}\n",
     "8:43: group \"g\", rule 1, \"A\": annotation \"a\": error parsing template __alert_A: template: "
     "__alert_A:1: unclosed action"},
    {MANIFEST(
         "ClusterRuleGroup",
         "") "  rules:\n  - {alert: A, exprBuilder: {workload: {kind: Deployment}}, expr: up}\n",
     "8:30: field workload not found in an exprBuilder, expected one of node"},
    {MANIFEST(
         "ClusterRuleGroup",
         "") "  rules:\n  - alert: A\n    exprBuilder:\n      node: {names: [a], comparator: '>', "
             "metricThreshold: {cpu: {utilisation: 1}}}\n",
     "10:67: group \"g\", rule 1, \"A\": metricThreshold.cpu.utilisation is not known, expected one "
     "of cpu.utilization, cpu.load1m, cpu.load5m, cpu.load15m, memory.utilization, "
     "memory.available, network.transmittedRate, network.receivedRate, disk.spaceUtilization, "
     "disk.spaceAvailable, disk.inodeUtilization, disk.iopsRead, disk.iopsWrite, "
     "disk.throughputRead, disk.throughputWrite, pod.utilization, pod.abnormalRatio"},
    {MANIFEST(
         "ClusterRuleGroup",
         "") "  rules:\n  - alert: A\n    exprBuilder:\n      node: {names: [a], comparator: '>', "
             "metricThreshold: {cpu: {utilization: 90%}}}\n",
     "10:80: group \"g\", rule 1, \"A\": metricThreshold.cpu.utilization: expected a number"},
    {MANIFEST(
         "ClusterRuleGroup",
         "") "  rules:\n  - alert: A\n    exprBuilder:\n      node: {names: [a], comparator: '>', "
             "metricThreshold: {cpu: 5}}\n",
     "10:66: group \"g\", rule 1, \"A\": metricThreshold.cpu: expected a name with a number"},
    {MANIFEST(
         "ClusterRuleGroup",
         "") "  rules:\n  - alert: A\n    exprBuilder:\n      node: {names: [a], comparator: more, "
             "metricThreshold: {cpu: {load1m: 1}}}\n",
     "10:13: group \"g\", rule 1, \"A\": could not parse expression: 1:28: parse error: unexpected "
     "identifier \"more\""},
    {MANIFEST("GlobalRuleGroup", "") "  rules:\n  - alert: A\n    expr: up\n    clusterSelector: "
                                     "{matcher: {type: '==', value: x}}\n",
     "8:5: group \"g\", rule 1, \"A\": matcher type \"==\" is none of = != =~ !~"},
    {MANIFEST("GlobalRuleGroup", "") "  rules:\n  - alert: A\n    expr: up\n    clusterSelector: "
                                     "{invalues: [x]}\n",
     "10:23: field invalues not found in clusterSelector, expected one of inValues, matcher"},
    {"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {}\nspec: {}\n",
     "1:1: PrometheusRule: expected metadata.name"},
    {"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: p}\nspec: x\n",
     "4:7: PrometheusRule \"p\": expected spec.groups"},
    {"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: p}\nspec:\n"
     "  groups:\n  - name: g\n    rules:\n    - alert: A\n      expr: up +\n",
     "9:13: group \"g\", rule 1, \"A\": could not parse expression: 1:5: parse error: unexpected end "
     "of input"},
};

/* The message, with the file before each line of it. */
static char *expected(const char *file, const char *message)
{
    struct buf b = {0};
    struct str rest = str_c(message);

    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');

        buf_addf(&b, "%s%s:%.*s", b.len ? "\n" : "", file, STR_ARG(line));
    }
    return buf_take(&b);
}

static void refuses_each_mistake_and_says_where_it_is(void **state)
{
    struct world w;
    size_t wrong = 0;

    world_enter_folder(&w);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *message = expected("bad.yml", bad[i].message);
        struct err err = {0};

        world_write("bad.yml", bad[i].text);
        if (rules_check_file("bad.yml", NULL, &err) != -EINVAL || strcmp(err.msg, message) != 0) {
            print_error("%s\nsays     %s\nnot      %s\n\n", bad[i].text, err.msg, message);
            wrong++;
        }
        free(message);
    }
    assert_int_equal(wrong, 0);
    world_leave_folder(&w);
}

static void refuses_more_rules_than_kubesphere_lets_a_group_have(void **state)
{
    struct world w;

    world_enter_folder(&w);
    for (int n = 40; n <= 41; n++) {
        CLEANUP(buf_free) struct buf text = {0};
        struct err err = {0};

        buf_add_c(&text, MANIFEST("ClusterRuleGroup", "") "  rules:\n");
        for (int i = 0; i < n; i++)
            buf_addf(&text, "  - {alert: A%d, expr: up}\n", i);
        world_write("r.yml", text.p);
        assert_int_equal(rules_check_file("r.yml", NULL, &err), n == 40 ? 40 : -EINVAL);
        if (n > 40)
            assert_string_equal(err.msg,
                                "r.yml:8:3: the rule group has 41 rules, exceeding the max "
                                "count (40)");
    }
    world_leave_folder(&w);
}

static void refuses_more_labels_than_a_rule_can_sensibly_have(void **state)
{
    struct world w;

    world_enter_folder(&w);
    for (int n = 256; n <= 257; n++) {
        CLEANUP(buf_free) struct buf text = {0};
        struct err err = {0};

        buf_add_c(&text, GROUP "  - alert: A\n    expr: up\n    labels:\n");
        for (int i = 0; i < n; i++)
            buf_addf(&text, "      l%d: x\n", i);
        world_write("r.yml", text.p);
        assert_int_equal(rules_check_file("r.yml", NULL, &err), n == 256 ? 1 : -EINVAL);
        if (n > 256)
            assert_string_equal(err.msg, "r.yml:7:7: found 257 labels, more than 256");
    }
    world_leave_folder(&w);
}

static void tells_how_many_problems_there_was_no_room_for(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct world w;
    struct err err = {0};
    size_t lines = 1;

    world_enter_folder(&w);
    buf_add_c(&text, GROUP);
    for (int i = 0; i < 100; i++)
        buf_addf(&text, "  - {alert: A%d, expr: up >}\n", i);
    world_write("r.yml", text.p);
    assert_int_equal(rules_check_file("r.yml", NULL, &err), -EINVAL);
    for (const char *p = err.msg; *p; p++)
        lines += *p == '\n';
    assert_true(lines > 5);
    text.len = 0;
    buf_addf(&text, "\nand %zu more", 100 - (lines - 1));
    assert_true(str_has_suffix(str_c(err.msg), buf_str(&text)));
    world_leave_folder(&w);
}

static void says_that_a_file_cannot_be_read(void **state)
{
    struct world w;
    struct err err = {0};

    world_enter_folder(&w);
    assert_int_equal(rules_check_file("absent.yml", NULL, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "absent.yml"));
    assert_non_null(strstr(err.msg, "No such file"));
    world_leave_folder(&w);
}

/* ---- what is taken */

static const struct {
    const char *text;
    int rules;
} good[] = {
    {"", 0},
    {"# nothing\n", 0},
    {"groups:\n", 0},
    {"groups: []\n", 0},
    {"groups: [{name: g}, {name: h, rules: ~}]\n", 0},
    {"groups: [{name: g, interval: 0s, limit: 5, query_offset: 1m, labels: {a: b}}]\n", 0},
    {GROUP "  - {record: 'a:b', expr: 1, labels: {x: '{{ not a template'}}\n", 1},
    {GROUP "  - {record: 'ü.ö', expr: up, for: 0s, annotations: {}}\n", 1},
    {GROUP "  - {alert: 'redis内存超过250MB', expr: \"up == 0\", for: 1m, keep_firing_for: 5m}\n",
     1},
    {GROUP "  - &a {alert: A, expr: up}\n  - *a\n  - {<<: *a, expr: down}\n", 3},
    {"groups: [{name: g, rules: [{record: a, expr: b}]}]\n---\n"
     "groups: [{name: h, rules: [{record: a, expr: b}]}]\n",
     2},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, for: '', severity: ''}\n",
     1},
    {MANIFEST("ClusterRuleGroup", "") "  interval: ''\n  rules:\n  - {alert: A, expr: 5}\n", 1},
    {MANIFEST("ClusterRuleGroup", "") "  interval: 0s\n  rules: [{alert: A, expr: up}]\n", 1},
    {MANIFEST("ClusterRuleGroup", "") "  rules:\n  - {alert: A, expr: up, disable: true}\n"
                                      "  - {alert: B, expr: up, disable: yes}\n"
                                      "  - {alert: C, expr: up, disable: false}\n",
     1},
    /* objects of an operator are files of their own */
    {"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
     "metadata: {name: p, namespace: n}\nspec:\n  groups:\n  - name: g\n"
     "    partial_response_strategy: warn\n    rules:\n    - {record: r, expr: 5}\n---\n"
     "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
     "metadata: {name: q}\nspec: {groups: [{name: g, interval: '', rules: "
     "[{alert: A, for: '', expr: up}]}]}\n",
     2},
    {"apiVersion: v1\nkind: List\nitems:\n- kind: RuleGroupList\n  items: []\n", 0},
};

static void takes_what_prometheus_and_kubesphere_take(void **state)
{
    struct world w;

    world_enter_folder(&w);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = {0};
        int n;

        world_write("good.yml", good[i].text);
        n = rules_check_file("good.yml", NULL, &err);
        if (n < 0)
            fail_msg("%s\n%s", err.msg, good[i].text);
        assert_int_equal(n, good[i].rules);
    }
    world_leave_folder(&w);
}

static void leaves_out_groups_that_are_not_enabled_by_the_very_word_true(void **state)
{
    static const char *const labels[] = {"{}",
                                         "{alerting.kubesphere.io/enable: \"false\"}",
                                         "{alerting.kubesphere.io/enable: \"True\"}",
                                         "{alerting.kubesphere.io/enable: \"yes\"}",
                                         "{alerting.kubesphere.io/enabled: \"true\"}",
                                         "~",
                                         "{alerting.kubesphere.io/enable: \"true\"}"};
    struct world w;

    world_enter_folder(&w);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        CLEANUP(buf_free) struct buf text = {0};

        buf_addf(&text,
                 "apiVersion: alerting.kubesphere.io/v2beta1\nkind: ClusterRuleGroup\n"
                 "metadata: {name: g, labels: %s}\nspec: {rules: [{alert: A, expr: up}]}\n",
                 labels[i]);
        world_write("g.yml", text.p);
        assert_int_equal(rules_check_file("g.yml", NULL, NULL), i == ARRAY_LEN(labels) - 1);
    }
    world_leave_folder(&w);
}

/* ---- the files of a configuration */

static void count_rules(const struct rule_group_view *g, void *arg)
{
    buf_addf(arg, "%s/%s %zu\n", g->file, g->name, g->n_rules);
}

static void reads_each_file_once_and_shows_groups_by_file_then_name(void **state)
{
    struct world w;
    CLEANUP(buf_free) struct buf seen = {0};

    world_init_with(&w, "rule_files: [rules.yml, './rules.yml', '*.yml', 'absent/*.yml']\n",
                    "groups:\n- name: z\n- name: b\n  rules: [{record: r, expr: up}]\n");
    rules_each_group(w.rules, count_rules, &seen);
    assert_string_equal(seen.p, "rules.yml/b 1\nrules.yml/z 0\n");
    world_write("a.yml", "groups: [{name: c}]\n");
    assert_int_equal(rules_reload(w.rules, w.config, w.now, NULL), 0);
    buf_reset(&seen);
    rules_each_group(w.rules, count_rules, &seen);
    assert_string_equal(seen.p, "a.yml/c 0\nrules.yml/b 1\nrules.yml/z 0\n");
    world_deinit(&w);
}

static void tells_what_is_wrong_in_all_files(void **state)
{
    struct world w;
    struct config *c;
    struct rules *rules = NULL;
    struct err err = {0};

    world_init_with(&w, WORLD_CONFIG, "groups: []\n");
    c = world_config("rule_files: ['*.yml', absent.yaml]\n");
    world_write("a.yml", "groups: [{}]\n");
    world_write("b.yml", "groupes: []\n");
    assert_int_equal(rules_new(&w.options, c, w.now, &rules, &err), -EINVAL);
    assert_null(rules);
    assert_string_equal(
        err.msg, "a.yml:1:10: Groupname must not be empty\n"
                 "b.yml:1:1: field groupes not found in a rule file, expected one of groups\n"
                 "absent.yaml: No such file or directory");
    config_unref(c);
    world_deinit(&w);
}

static void does_not_take_a_folder_that_it_may_not_read_for_an_empty_one(void **state)
{
    struct world w;
    struct config *c;
    struct rules *rules = NULL;
    struct err err = {0};

    world_init_with(&w, WORLD_CONFIG, "groups: []\n");
    /* A loop of links cannot be read by root either. */
    assert_int_equal(symlink("loop", "loop"), 0);
    c = world_config("rule_files: ['loop/*.yml']\n");
    assert_int_equal(rules_new(&w.options, c, w.now, &rules, &err), -EINVAL);
    assert_string_equal(err.msg, "loop/*.yml: a folder on the way to it cannot be read");
    config_unref(c);
    world_deinit(&w);
}

/* ---- the peers' files */

static char *shared_path(const char *name)
{
    const char *shared = getenv("TOCSIN_SHARED"), *source = getenv("TOCSIN_SOURCE");
    struct buf path = {0};

    if (shared)
        buf_addf(&path, "%s/%s", shared, name);
    else
        buf_addf(&path, "%s/../shared/%s", source ? source : ".", name);
    return buf_take(&path);
}

static struct json *conformance_json(const char *name)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct json *j = NULL;

    if (!conformance_read(name, &text)) {
        print_message("conformance/%s is not there\n", name);
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &j, NULL), 0);
    return j;
}

static void agrees_with_prometheus_about_its_rule_files(void **state)
{
    CLEANUP(json_doc_freep) struct json *cases = conformance_json("rules/index.json");

    assert_true(json_len(cases) > 10);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *c = json_at(cases, i);
        struct str file = json_text(json_get(c, "file"));
        bool ok = str_eq(json_text(json_get(c, "outcome")), STR("ok"));
        CLEANUP(buf_free) struct buf name = {0};
        CLEANUP(mem_freep) char *path = NULL;
        struct err err = {0};
        int n;

        buf_addf(&name, "conformance/rules/%.*s", STR_ARG(file));
        path = shared_path(name.p);
        n = rules_check_file(path, NULL, &err);
        if (ok != (n >= 0) || (!ok && !strstr(err.msg, json_text(json_get(c, "error_contains")).p)))
            fail_msg("%s: %d %s", path, n, err.msg);
    }
}

static void agrees_with_prometheus_about_templates(void **state)
{
    CLEANUP(json_doc_freep)
    struct json *cases = conformance_json("rules/rule_template_parsing.json");
    struct world w;

    assert_int_equal(json_len(cases), 4);
    world_enter_folder(&w);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *c = json_at(cases, i);

        world_write("r.yml", json_text(json_get(c, "ruleString")).p);
        assert_int_equal(rules_check_file("r.yml", NULL, NULL) >= 0,
                         json_is_true(json_get(c, "shouldPass")));
    }
    world_leave_folder(&w);
}

/* Checks all YAML files of a folder; returns the number of rules. */
static int check_folder(const char *name, int *ret_files)
{
    CLEANUP(mem_freep) char *folder = shared_path(name);
    DIR *d = opendir(folder);
    struct dirent *e;
    int rules = 0;

    if (!d) {
        print_message("%s is not there\n", folder);
        free(TAKE(folder)); /* skip() jumps over the clean-up */
        skip();
    }
    *ret_files = 0;
    while ((e = readdir(d))) {
        CLEANUP(buf_free) struct buf path = {0};
        struct err err = {0};
        int n;

        if (!strstr(e->d_name, ".yaml"))
            continue;
        buf_addf(&path, "%s/%s", folder, e->d_name);
        n = rules_check_file(path.p, NULL, &err);
        if (n < 0)
            fail_msg("%s", err.msg);
        rules += n;
        ++*ret_files;
    }
    closedir(d);
    return rules;
}

static void takes_the_rule_groups_that_kubesphere_ships(void **state)
{
    int files, rules = check_folder("spec/kubesphere/rulegroups", &files);

    assert_int_equal(files, 14);
    assert_int_equal(rules, 140 + 4); /* shipped ones and samples */
    rules = check_folder("spec/kubesphere/prometheusrules", &files);
    assert_int_equal(files, 10);
    assert_true(rules > 100);
}

static void takes_the_rules_that_come_with_the_project(void **state)
{
    CLEANUP(mem_freep) char *folder = shared_path("rules");
    static const char *const names[] = {"redis",       "mysql",        "host-process",
                                        "http-checks", "jvm-services", "tls"};

    if (access(folder, R_OK) != 0) {
        print_message("%s is not there\n", folder);
        free(TAKE(folder)); /* skip() jumps over the clean-up */
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(buf_free) struct buf path = {0};
        struct err err = {0};

        buf_addf(&path, "%s/%s.rules.yaml", folder, names[i]);
        if (rules_check_file(path.p, NULL, &err) <= 0)
            fail_msg("%s", err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_each_mistake_and_says_where_it_is),
        cmocka_unit_test(refuses_more_rules_than_kubesphere_lets_a_group_have),
        cmocka_unit_test(refuses_more_labels_than_a_rule_can_sensibly_have),
        cmocka_unit_test(tells_how_many_problems_there_was_no_room_for),
        cmocka_unit_test(says_that_a_file_cannot_be_read),
        cmocka_unit_test(takes_what_prometheus_and_kubesphere_take),
        cmocka_unit_test(leaves_out_groups_that_are_not_enabled_by_the_very_word_true),
        cmocka_unit_test(reads_each_file_once_and_shows_groups_by_file_then_name),
        cmocka_unit_test(tells_what_is_wrong_in_all_files),
        cmocka_unit_test(does_not_take_a_folder_that_it_may_not_read_for_an_empty_one),
        cmocka_unit_test(agrees_with_prometheus_about_its_rule_files),
        cmocka_unit_test(agrees_with_prometheus_about_templates),
        cmocka_unit_test(takes_the_rule_groups_that_kubesphere_ships),
        cmocka_unit_test(takes_the_rules_that_come_with_the_project),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
