/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_kubesphere - RuleGroup, ClusterRuleGroup and GlobalRuleGroup manifests, as KubeSphere 3.4 translates them
 *
 * Source: kubesphere.md section 1. Per rule, in this order, later steps overwriting labels of the same name:
 *
 *     severity      the field, into the label
 *     selectors     clusterSelector and namespaceSelector of a global rule, enforced in the expression
 *     level         rule_level; of a RuleGroup also its namespace, enforced and as a label
 *     marks         rule_group, alerttype="metric", rule_type="template" with a builder, "custom" without
 *
 * One difference: KubeSphere gives a rule without label rule_id a random one and stores it. A file cannot be written
 * back, and an id that changes at every start would make each alert a new one, so ours is derived from kind,
 * namespace, group, rule name and place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "rules/rules_priv.h"

#define RULES_MAX  40 /* of one group: KubeSphere's own limit */
#define LABELS_MAX 128

enum level { LEVEL_NAMESPACE, LEVEL_CLUSTER, LEVEL_GLOBAL };

static const struct {
    const char *kind, *label;
} levels[] = {
    [LEVEL_NAMESPACE] = {"RuleGroup", "namespace"},
    [LEVEL_CLUSTER] = {"ClusterRuleGroup", "cluster"},
    [LEVEL_GLOBAL] = {"GlobalRuleGroup", "global"},
};

struct manifest {
    struct loading *l;
    const struct yaml_doc *doc;
    enum level level;
    struct str namespace, name;
    struct group *group;
};

static struct str text(const struct yaml_node *node)
{
    return yaml_is_null(node) || node->kind != YAML_SCALAR ? STR_NONE : node->text;
}

/* ---- labels ------------------------------------------------------------------------------------------------------- */

struct labels {
    struct label items[LABELS_MAX];
    size_t n;
};

static void set_label(struct labels *ls, struct str name, struct str value)
{
    size_t i = 0;

    while (i < ls->n && !str_eq(ls->items[i].name, name))
        i++;
    if (i < LABELS_MAX)
        ls->items[i] = (struct label){name, value};
    if (i == ls->n && i < LABELS_MAX)
        ls->n++;
}

static bool read_map(struct manifest *m, const struct yaml_node *node, const char *what, struct labels *ret)
{
    if (yaml_is_null(node))
        return true;
    if (node->kind != YAML_MAPPING || node->n > LABELS_MAX) {
        load_problem(m->l, m->doc, node, "expected a mapping of at most %d %s", LABELS_MAX, what);
        return false;
    }
    for (size_t i = 0; i < node->n; i++)
        set_label(ret, node->keys[i]->text, text(node->values[i]));
    return true;
}

/* A version 8 UUID (RFC 9562: own construction) of what names the rule. */
static void derive_rule_id(const struct manifest *m, struct str rule, size_t number, char out[37])
{
    struct buf name = {0};
    uint64_t a, b;

    buf_addf(&name, "%s/%.*s/%.*s/%.*s/%zu", levels[m->level].kind, STR_ARG(m->namespace), STR_ARG(m->name),
             STR_ARG(rule), number);
    a = hash_xxh64(name.p, name.len);
    b = hash_fnv1a_64(FNV64_INIT, name.p, name.len);
    snprintf(out, 37, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff,
             (unsigned)a & 0xfff, 0x8000 | ((unsigned)(b >> 48) & 0x3fff), (unsigned long long)b & 0xffffffffffff);
    buf_free(&name);
}

/* ---- expression ---------------------------------------------------------------------------------------------------- */

/* inValues of one value is an equality, of several a list; they win over a matcher. */
static int enforce_selector(struct manifest *m, struct promql_expr *e, const struct yaml_node *selector,
                            struct str label, struct err *err)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    const struct yaml_node *values = yaml_get(selector, "inValues"), *matcher = yaml_get(selector, "matcher");
    CLEANUP(buf_free) struct buf list = {0};

    if (!yaml_is_null(values) && values->kind == YAML_SEQUENCE && values->n) {
        if (values->n == 1)
            return promql_enforce_matcher(e, MATCH_EQ, label, text(values->values[0]), err);
        for (size_t i = 0; i < values->n; i++)
            buf_addf(&list, "%s%.*s", i ? "|" : "(", STR_ARG(text(values->values[i])));
        buf_add_byte(&list, ')');
        return promql_enforce_matcher(e, MATCH_RE, label, buf_str(&list), err);
    }
    if (yaml_is_null(matcher))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (str_eq_c(text(yaml_get(matcher, "type")), ops[i]))
            return promql_enforce_matcher(e, (enum matcher_type)i, label, text(yaml_get(matcher, "value")), err);
    return err_set(err, -EINVAL, "matcher type \"%.*s\" is none of = != =~ !~",
                   STR_ARG(text(yaml_get(matcher, "type"))));
}

/* A scoped builder narrows to the clusters and namespaces that its scopes name. */
static int enforce_scopes(struct promql_expr *e, const struct yaml_node *scopes, const char *field, struct str label,
                          struct err *err)
{
    CLEANUP(buf_free) struct buf list = {0};
    struct str only = STR_NONE;
    size_t n = 0;

    for (size_t i = 0; !yaml_is_null(scopes) && i < scopes->n; i++) {
        struct str value = text(yaml_get(scopes->values[i], field));
        bool seen = false;

        for (size_t k = 0; k < i; k++)
            seen = seen || str_eq(value, text(yaml_get(scopes->values[k], field)));
        if (!value.len || seen)
            continue;
        only = value;
        buf_addf(&list, "%s%.*s", n++ ? "|" : "(", STR_ARG(value));
    }
    if (n <= 1)
        return n ? promql_enforce_matcher(e, MATCH_EQ, label, only, err) : 0;
    buf_add_byte(&list, ')');
    return promql_enforce_matcher(e, MATCH_RE, label, buf_str(&list), err);
}

static int enforce_global(struct manifest *m, struct promql_expr *e, const struct yaml_node *rule, struct err *err)
{
    const struct yaml_node *builder = yaml_get(rule, "exprBuilder");
    const struct yaml_node *node = yaml_get(builder, "node"), *workload = yaml_get(builder, "workload");
    const struct yaml_node *scopes = yaml_get(node ? node : workload, "names");
    int r;

    if (!yaml_is_null(scopes) && scopes->kind == YAML_SEQUENCE) {
        r = enforce_scopes(e, scopes, "cluster", STR("cluster"), err);
        return r < 0 || !workload ? r : enforce_scopes(e, scopes, "namespace", STR("namespace"), err);
    }
    r = enforce_selector(m, e, yaml_get(rule, "clusterSelector"), STR("cluster"), err);
    return r < 0 ? r : enforce_selector(m, e, yaml_get(rule, "namespaceSelector"), STR("namespace"), err);
}

/* The expression that is evaluated; false when a problem was noted. Cluster level: copied as it is. */
static bool narrow(struct manifest *m, const struct yaml_node *rule, struct buf *expr, const char *where)
{
    CLEANUP(promql_expr_freep) struct promql_expr *e = NULL;
    struct err err = {0};
    int r;

    if (m->level == LEVEL_CLUSTER || str_trim(buf_str(expr)).len == 0)
        return true;
    if (promql_parse(buf_str(expr), NULL, &e, &err) < 0)
        return true; /* load_rule() tells it */
    r = m->level == LEVEL_NAMESPACE ? promql_enforce_matcher(e, MATCH_EQ, STR("namespace"), m->namespace, &err)
                                    : enforce_global(m, e, rule, &err);
    if (r < 0) {
        load_problem(m->l, m->doc, rule, "%s: %s", where, err.msg);
        return false;
    }
    buf_reset(expr);
    promql_print(e->root, expr);
    return true;
}

static bool build_expr(struct manifest *m, const struct yaml_node *rule, struct buf *expr, const char *where)
{
    static const char *const missing[] = {
        [LEVEL_NAMESPACE] = "one of 'expr' and 'exprBuilder.workload' must be set for a RuleGroup",
        [LEVEL_CLUSTER] = "one of 'expr' and 'exprBuilder.node' must be set for a ClusterRuleGroup",
        [LEVEL_GLOBAL] = "'expr' must be set for a GlobalRuleGroup",
    };
    const struct yaml_node *builder = yaml_get(rule, "exprBuilder");

    if (m->level != LEVEL_NAMESPACE && yaml_get(builder, "node"))
        expr_builder_node(yaml_get(builder, "node"), expr);
    else if (m->level != LEVEL_CLUSTER && yaml_get(builder, "workload"))
        expr_builder_workload(yaml_get(builder, "workload"), expr);
    else
        buf_add_str(expr, text(yaml_get(rule, "expr")));
    if (str_trim(buf_str(expr)).len == 0) {
        load_problem(m->l, m->doc, rule, "%s: %s", where, missing[m->level]);
        return false;
    }
    return narrow(m, rule, expr, where);
}

static bool has_builder(const struct manifest *m, const struct yaml_node *rule)
{
    const struct yaml_node *builder = yaml_get(rule, "exprBuilder");

    return (m->level != LEVEL_NAMESPACE && yaml_get(builder, "node")) ||
           (m->level != LEVEL_CLUSTER && yaml_get(builder, "workload"));
}

/* ---- rules ---------------------------------------------------------------------------------------------------------- */

static void add_level_labels(const struct manifest *m, const struct yaml_node *rule, struct labels *ls)
{
    struct str severity = text(yaml_get(rule, "severity"));

    if (severity.len)
        set_label(ls, STR("severity"), severity);
    set_label(ls, STR("rule_level"), str_c(levels[m->level].label));
    if (m->level == LEVEL_NAMESPACE)
        set_label(ls, STR("namespace"), m->namespace);
    set_label(ls, STR("rule_group"), m->name);
    set_label(ls, STR("alerttype"), STR("metric"));
    set_label(ls, STR("rule_type"), has_builder(m, rule) ? STR("template") : STR("custom"));
}

static struct str label_value(const struct labels *ls, struct str name)
{
    for (size_t i = 0; i < ls->n; i++)
        if (str_eq(ls->items[i].name, name))
            return ls->items[i].value;
    return STR_NONE;
}

static void load_one_rule(struct manifest *m, const struct yaml_node *node, size_t number)
{
    struct labels labels = {.n = 0}, annotations = {.n = 0};
    CLEANUP(buf_free) struct buf expr = {0};
    struct str name = text(yaml_get(node, "alert"));
    struct rule_spec spec = {.alerting = true, .name = name, .at = node, .expr_at = yaml_get(node, "expr")};
    char where[256], id[37];

    snprintf(where, sizeof where, "group \"%.*s\", rule %zu, \"%.*s\"", (int)str_utf8_prefix(m->name, 80), m->name.p,
             number, (int)str_utf8_prefix(name, 120), name.len ? name.p : "");
    if (str_eq(text(yaml_get(node, "disable")), STR("true")))
        return;
    if (name.len == 0) {
        load_problem(m->l, m->doc, node, "%s: 'alert' cannot be empty", where);
        return;
    }
    if (!read_map(m, yaml_get(node, "labels"), "labels", &labels) ||
        !read_map(m, yaml_get(node, "annotations"), "annotations", &annotations) ||
        !build_expr(m, node, &expr, where))
        return;
    if (label_value(&labels, STR("rule_id")).len == 0) {
        derive_rule_id(m, name, number, id);
        set_label(&labels, STR("rule_id"), str_c(id));
    }
    add_level_labels(m, node, &labels);
    spec.expr = buf_str(&expr);
    spec.labels = labels.items;
    spec.n_labels = labels.n;
    spec.annotations = annotations.items;
    spec.n_annotations = annotations.n;
    if (text(yaml_get(node, "for")).len)
        load_duration(m->l, m->doc, yaml_get(node, "for"), &spec.hold);
    load_rule(m->l, m->group, m->doc, &spec, where);
}

static bool find_level(const struct yaml_node *manifest, enum level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_c(text(yaml_get(manifest, "kind")), levels[i].kind)) {
            *ret = (enum level)i;
            return true;
        }
    return false;
}

/* Groups of one name in different namespaces must not be taken for one. */
static struct group *begin_group(struct manifest *m, const struct yaml_node *at, const char *file)
{
    struct buf place = {0};
    struct group *g;

    buf_add_c(&place, file);
    if (m->level == LEVEL_NAMESPACE)
        buf_addf(&place, "/%.*s", STR_ARG(m->namespace));
    g = load_begin_group(m->l, m->doc, at, place.p, m->name);
    buf_free(&place);
    return g;
}

static void load_one(struct manifest *m, const struct yaml_node *manifest, const char *file)
{
    const struct yaml_node *metadata = yaml_get(manifest, "metadata"), *spec = yaml_get(manifest, "spec");
    const struct yaml_node *rules = yaml_get(spec, "rules"), *interval = yaml_get(spec, "interval");
    struct str enabled = text(yaml_get(yaml_get(metadata, "labels"), "alerting.kubesphere.io/enable"));

    m->name = text(yaml_get(metadata, "name"));
    m->namespace = text(yaml_get(metadata, "namespace"));
    if (m->name.len == 0) {
        load_problem(m->l, m->doc, manifest, "%s: expected metadata.name", levels[m->level].kind);
        return;
    }
    if (m->level == LEVEL_NAMESPACE && m->namespace.len == 0) {
        load_problem(m->l, m->doc, metadata, "RuleGroup \"%s\": expected metadata.namespace", m->name.p);
        return;
    }
    if (yaml_is_null(rules) || rules->kind != YAML_SEQUENCE) {
        load_problem(m->l, m->doc, spec ? spec : manifest, "%s \"%s\": expected spec.rules, a list",
                     levels[m->level].kind, m->name.p);
        return;
    }
    if (rules->n > RULES_MAX) {
        load_problem(m->l, m->doc, rules, "the rule group has %zu rules, exceeding the max count (%d)", rules->n,
                     RULES_MAX);
        return;
    }
    if (!str_eq(enabled, STR("true")))
        return;
    m->group = begin_group(m, yaml_get(metadata, "name"), file);
    if (!m->group)
        return;
    if (text(interval).len)
        load_duration(m->l, m->doc, interval, &m->group->interval);
    for (size_t i = 0; i < rules->n; i++) {
        if (rules->values[i]->kind == YAML_MAPPING)
            load_one_rule(m, rules->values[i], i + 1);
        else
            load_problem(m->l, m->doc, rules->values[i], "expected a rule");
    }
}

void load_kubesphere(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *manifest, const char *file)
{
    struct manifest m = {.l = l, .doc = doc};
    const struct yaml_node *items = yaml_get(manifest, "items");
    struct str kind = text(yaml_get(manifest, "kind"));

    if (find_level(manifest, &m.level))
        load_one(&m, manifest, file);
    else if (str_has_suffix(kind, STR("List")) && !yaml_is_null(items) && items->kind == YAML_SEQUENCE)
        for (size_t i = 0; i < items->n; i++)
            load_kubesphere(l, doc, items->values[i], file);
    else
        load_problem(l, doc, yaml_get(manifest, "kind"),
                     "found kind \"%.*s\", expected RuleGroup, ClusterRuleGroup, GlobalRuleGroup or a List of them",
                     STR_ARG(kind));
}
