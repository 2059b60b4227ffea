/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_kubesphere - RuleGroup, ClusterRuleGroup and GlobalRuleGroup, as KubeSphere 3.4 translates
 * them
 *
 * Source: kubesphere.md section 1. Per rule, in this order, later steps overwriting labels of the
 * same name:
 *
 *     severity      the field, into the label
 *     selectors     clusterSelector and namespaceSelector of a global rule, enforced in the
 * expression level         rule_level; of a RuleGroup also its namespace, enforced and as a label
 *     marks         rule_group, alerttype="metric", rule_type="template" with a builder, else
 * "custom"
 *
 * One difference: KubeSphere gives a rule without label rule_id a random one and stores it. A file
 * cannot be written back, and an id that changes at every start would make each alert a new one, so
 * ours is derived from what names the rule.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "rules/load_priv.h"

#define API_GROUP STR("alerting.kubesphere.io/")
#define RULES_MAX 40 /* of one group: KubeSphere's own limit */

enum level { LEVEL_NAMESPACE, LEVEL_CLUSTER, LEVEL_GLOBAL };

static const char *const manifest_keys[] = {"apiVersion", "kind",   "metadata",
                                            "spec",       "status", NULL};
static const char *const spec_keys[] = {"interval", "partial_response_strategy", "rules", NULL};
static const char *const node_keys[] = {"names", "comparator", "metricThreshold", NULL};
static const char *const workload_keys[] = {"kind", "names", "comparator", "metricThreshold", NULL};
static const char *const selector_keys[] = {"inValues", "matcher", NULL};

#define RULE_KEYS                                                                                  \
    "alert", "expr", "exprBuilder", "for", "severity", "labels", "annotations", "disable"

static const struct level_words {
    const char *kind, *label;
    const char *rule_keys[12], *builder_keys[3];
    const char *no_expr; /* KubeSphere's words */
} levels[] = {
    [LEVEL_NAMESPACE] = {"RuleGroup",
                         "namespace",
                         {RULE_KEYS, NULL},
                         {"workload", NULL},
                         "one of 'expr' and 'exprBuilder.workload' must be set for a RuleGroup"},
    [LEVEL_CLUSTER] = {"ClusterRuleGroup",
                       "cluster",
                       {RULE_KEYS, NULL},
                       {"node", NULL},
                       "one of 'expr' and 'exprBuilder.node' must be set for a ClusterRuleGroup"},
    [LEVEL_GLOBAL] = {"GlobalRuleGroup",
                      "global",
                      {RULE_KEYS, "clusterSelector", "namespaceSelector", NULL},
                      {"node", "workload", NULL},
                      "'expr' must be set for a GlobalRuleGroup"},
};

struct manifest {
    struct loading *l;
    const struct yaml_doc *doc;
    enum level level;
    struct str namespace, name;
    struct group *group;
};

static struct str text(struct manifest *m, const struct yaml_node *node)
{
    return load_text(m->l, m->doc, node);
}

/* In any of YAML's words for it. */
static bool is_true(struct manifest *m, const struct yaml_node *node)
{
    CLEANUP(buf_free) struct buf json = {0};

    if (yaml_is_null(node))
        return false;
    yaml_to_json(node, &json);
    if (str_eq(buf_str(&json), STR("true")))
        return true;
    if (!str_eq(buf_str(&json), STR("false")))
        load_problem(m->l, m->doc, node, "expected true or false");
    return false;
}

/* ---- builders */

/* The member of exprBuilder that is set, and which of the two it is. */
static const struct yaml_node *builder_of(const struct manifest *m, const struct yaml_node *rule,
                                          bool *ret_node)
{
    const struct yaml_node *builder = yaml_get(rule, "exprBuilder");
    const struct yaml_node *node = yaml_get(builder, "node");
    const struct yaml_node *workload = yaml_get(builder, "workload");

    *ret_node = m->level != LEVEL_NAMESPACE && !yaml_is_null(node);
    if (*ret_node)
        return node;
    return m->level != LEVEL_CLUSTER && !yaml_is_null(workload) ? workload : NULL;
}

/* false: there is no builder, `expr` counts. */
static bool build_expr(struct manifest *m, const struct yaml_node *rule, const char *place,
                       struct buf *ret)
{
    bool is_node;
    const struct yaml_node *builder = builder_of(m, rule, &is_node), *at = builder;
    const struct yaml_node *all = yaml_get(rule, "exprBuilder");
    struct err err = {0};
    int r;

    if (!yaml_is_null(all) && all->kind == YAML_MAPPING)
        load_check_keys(m->l, m->doc, all, levels[m->level].builder_keys, "an exprBuilder");
    if (!builder)
        return false;
    if (builder->kind == YAML_MAPPING)
        load_check_keys(m->l, m->doc, builder, is_node ? node_keys : workload_keys,
                        is_node ? "a node builder" : "a workload builder");
    r = is_node ? expr_builder_node(builder, ret, &at, &err)
                : expr_builder_workload(builder, ret, &at, &err);
    if (r < 0)
        load_problem(m->l, m->doc, at, "%s: %s", place, err.msg);
    return true;
}

/* ---- narrowing the expression */

static int enforce_names(struct promql_expr *e, const char *label, const struct name_list *names,
                         struct err *err)
{
    CLEANUP(buf_free) struct buf value = {0};
    int r;

    name_list_print(names, &value);
    r = promql_enforce_matcher(e, names->n == 1 ? MATCH_EQ : MATCH_RE, str_c(label),
                               buf_str(&value), err);
    return r < 0 ? r : 1;
}

static int enforce_matcher(struct manifest *m, struct promql_expr *e, const char *label,
                           const struct yaml_node *matcher, struct err *err)
{
    struct str type = text(m, yaml_get(matcher, "type"));
    struct str value = text(m, yaml_get(matcher, "value"));
    int r;

    if (yaml_is_null(matcher))
        return 0;
    for (enum matcher_type t = MATCH_EQ; t <= MATCH_NRE; t++)
        if (str_eq_c(type, matcher_op(t))) {
            r = promql_enforce_matcher(e, t, str_c(label), value, err);
            return r < 0 ? r : 1;
        }
    return err_set(err, -EINVAL, "matcher type \"%.*s\" is none of = != =~ !~", STR_ARG(type));
}

/* What the scopes of a builder name; what they do not name is left to the selector, of which
 * inValues win over a matcher. Returns how many matchers were enforced. */
static int enforce_selector(struct manifest *m, struct promql_expr *e, const char *label,
                            const struct yaml_node *scopes, const struct yaml_node *selector,
                            struct err *err)
{
    CLEANUP(name_list_deinit) struct name_list names = {0};
    const struct yaml_node *values = yaml_get(selector, "inValues");

    for (size_t i = 0; scopes && i < scopes->n && names.n <= BUILDER_NAMES_MAX; i++) {
        struct str name = text(m, yaml_get(scopes->values[i], label));

        if (name.len > 0)
            name_list_add_new(&names, name);
    }
    if (names.n == 0 && !yaml_is_null(values) && values->kind == YAML_SEQUENCE)
        for (size_t i = 0; i < values->n; i++)
            name_list_add(&names, text(m, values->values[i]));
    if (names.n > BUILDER_NAMES_MAX)
        return err_set(err, -E2BIG, "more than %d values of %s", BUILDER_NAMES_MAX, label);
    if (names.n > 0)
        return enforce_names(e, label, &names, err);
    return enforce_matcher(m, e, label, yaml_get(selector, "matcher"), err);
}

static int enforce_global(struct manifest *m, struct promql_expr *e, const struct yaml_node *rule,
                          struct err *err)
{
    static const struct {
        const char *label, *selector;
        bool of_node; /* scopes of a node builder name it, too */
    } parts[] = {{"cluster", "clusterSelector", true}, {"namespace", "namespaceSelector", false}};
    bool is_node;
    const struct yaml_node *scopes = yaml_get(builder_of(m, rule, &is_node), "names");
    int n = 0, r = 0;

    if (scopes && scopes->kind != YAML_SEQUENCE)
        scopes = NULL;
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(parts); i++) {
        const struct yaml_node *selector = yaml_get(rule, parts[i].selector);

        if (selector && selector->kind == YAML_MAPPING)
            load_check_keys(m->l, m->doc, selector, selector_keys, parts[i].selector);
        r = enforce_selector(m, e, parts[i].label, is_node && !parts[i].of_node ? NULL : scopes,
                             selector, err);
        n += r;
    }
    return r < 0 ? r : n;
}

/* An expression with enforced matchers is printed anew, in KubeSphere's way; any other stays as it
 * is written. */
static void narrow(struct manifest *m, const struct yaml_node *rule, const char *place,
                   struct buf *expr)
{
    CLEANUP(promql_expr_freep) struct promql_expr *e = NULL;
    struct err err = {0};
    struct name_list namespace = {&m->namespace, 1, 1};
    int r;

    if (m->level == LEVEL_CLUSTER || promql_parse(buf_str(expr), &m->l->features, &e, NULL) < 0)
        return; /* load_rule() tells what is wrong with it */
    r = m->level == LEVEL_NAMESPACE ? enforce_names(e, "namespace", &namespace, &err)
                                    : enforce_global(m, e, rule, &err);
    if (r < 0)
        load_problem(m->l, m->doc, rule, "%s: %s", place, err.msg);
    if (r <= 0)
        return;
    buf_reset(expr);
    promql_shorten_numbers(e);
    promql_print(e->root, expr);
}

/* ---- labels */

/* A version 8 UUID (RFC 9562: of one's own making). `twins` rules of this name stand before. */
static void derive_rule_id(const struct manifest *m, struct str rule, size_t twins, char out[37])
{
    CLEANUP(buf_free) struct buf name = {0};
    uint64_t a, b;

    buf_addf(&name, "%s/%.*s/%.*s/%.*s/%zu", levels[m->level].kind, STR_ARG(m->namespace),
             STR_ARG(m->name), STR_ARG(rule), twins);
    a = hash_xxh64(name.p, name.len);
    b = hash_fnv1a_64(FNV64_INIT, name.p, name.len);
    snprintf(out, 37, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
             0x8000 | ((unsigned)(b >> 48) & 0x3fff), (unsigned long long)b & 0xffffffffffff);
}

static size_t twins_before(const struct yaml_node *rules, size_t i)
{
    const struct yaml_node *name = yaml_get(rules->values[i], "alert");
    size_t n = 0;

    for (size_t k = 0; k < i; k++) {
        const struct yaml_node *other = yaml_get(rules->values[k], "alert");

        n += other && other->kind == YAML_SCALAR && str_eq(other->text, name->text);
    }
    return n;
}

static void set_own(struct spec_texts *labels, const char *name, struct str value)
{
    spec_texts_set(labels, str_c(name), value, NULL);
}

static void add_labels(struct manifest *m, const struct yaml_node *rule, struct spec_texts *labels)
{
    struct str severity = text(m, yaml_get(rule, "severity"));
    bool is_node;

    if (severity.len > 0)
        set_own(labels, "severity", severity);
    set_own(labels, "rule_level", str_c(levels[m->level].label));
    if (m->level == LEVEL_NAMESPACE)
        set_own(labels, "namespace", m->namespace);
    set_own(labels, "rule_group", m->name);
    set_own(labels, "alerttype", STR("metric"));
    set_own(labels, "rule_type", builder_of(m, rule, &is_node) ? STR("template") : STR("custom"));
}

/* ---- rules */

/* The expression to be evaluated; empty, and noted, when there is none. */
static void read_expr(struct manifest *m, const struct yaml_node *rule, const char *place,
                      struct rule_spec *spec, struct buf *expr)
{
    bool is_node;
    size_t before = m->l->n_problems;

    spec->expr_at = yaml_get(rule, "expr");
    if (build_expr(m, rule, place, expr))
        spec->expr_at = builder_of(m, rule, &is_node);
    else
        buf_add_str(expr, text(m, spec->expr_at));
    if (str_trim(buf_str(expr)).len > 0)
        narrow(m, rule, place, expr);
    else if (m->l->n_problems == before)
        load_problem(m->l, m->doc, rule, "%s: %s", place, levels[m->level].no_expr);
}

static void load_one_rule(struct manifest *m, const struct yaml_node *rules, size_t i)
{
    const struct yaml_node *node = rules->values[i];
    struct rule_spec spec = {.alerting = true, .verbatim = true, .at = node};
    CLEANUP(buf_free) struct buf expr = {0};
    char place[PLACE_TEXT_MAX], id[37];

    if (node->kind != YAML_MAPPING) {
        load_problem(m->l, m->doc, node, "expected a rule");
        return;
    }
    if (is_true(m, yaml_get(node, "disable")))
        return;
    load_check_keys(m->l, m->doc, node, levels[m->level].rule_keys, "a rule");
    spec.name = text(m, yaml_get(node, "alert"));
    load_place(m->group, i + 1, spec.name, place);
    if (spec.name.len == 0) {
        load_problem(m->l, m->doc, node, "%s: 'alert' cannot be empty", place);
        return;
    }
    load_duration(m->l, m->doc, yaml_get(node, "for"), &spec.hold);
    load_texts(m->l, m->doc, yaml_get(node, "labels"), "labels", &spec.labels);
    load_texts(m->l, m->doc, yaml_get(node, "annotations"), "annotations", &spec.annotations);
    if (spec_texts_get(&spec.labels, STR("rule_id")).len == 0) {
        derive_rule_id(m, spec.name, twins_before(rules, i), id);
        set_own(&spec.labels, "rule_id", str_c(id));
    }
    add_labels(m, node, &spec.labels);
    read_expr(m, node, place, &spec, &expr);
    spec.expr = buf_str(&expr);
    if (str_trim(spec.expr).len > 0)
        load_rule(m->l, m->group, m->doc, &spec, place);
    spec_texts_deinit(&spec.labels);
    spec_texts_deinit(&spec.annotations);
}

/* ---- groups */

bool load_is_kubesphere(struct str kind)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (str_eq_c(kind, levels[i].kind))
            return true;
    return false;
}

/* Groups of one name, but of different kinds or namespaces, must not be taken for one. */
static void add_place(const struct manifest *m, const char *file, struct buf *out)
{
    buf_add_c(out, file);
    if (m->level == LEVEL_NAMESPACE)
        buf_addf(out, "/%.*s", STR_ARG(m->namespace));
    if (m->level == LEVEL_GLOBAL)
        buf_addf(out, "/%s", levels[m->level].kind);
}

/* Reads what names the group; false when something is missing. */
static bool read_identity(struct manifest *m, const struct yaml_node *manifest)
{
    const struct yaml_node *metadata = yaml_get(manifest, "metadata");
    const struct yaml_node *version = yaml_get(manifest, "apiVersion");
    const char *kind = levels[m->level].kind;
    size_t before = m->l->n_problems;

    if (!str_has_prefix(text(m, version), API_GROUP))
        load_problem(m->l, m->doc, version ? version : manifest,
                     "%s: expected apiVersion alerting.kubesphere.io/v2beta1", kind);
    load_check_keys(m->l, m->doc, manifest, manifest_keys, kind);
    m->name = text(m, yaml_get(metadata, "name"));
    if (m->level == LEVEL_NAMESPACE)
        m->namespace = text(m, yaml_get(metadata, "namespace"));
    if (m->name.len == 0)
        load_problem(m->l, m->doc, manifest, "%s: expected metadata.name", kind);
    else if (m->level == LEVEL_NAMESPACE && m->namespace.len == 0)
        load_problem(m->l, m->doc, metadata, "%s \"%.*s\": expected metadata.namespace", kind,
                     STR_ARG(m->name));
    return m->l->n_problems == before;
}

static const struct yaml_node *read_rules(struct manifest *m, const struct yaml_node *manifest)
{
    const struct yaml_node *spec = yaml_get(manifest, "spec"), *rules = yaml_get(spec, "rules");

    if (!yaml_is_null(spec) && spec->kind == YAML_MAPPING)
        load_check_keys(m->l, m->doc, spec, spec_keys, "spec");
    if (yaml_is_null(rules) || rules->kind != YAML_SEQUENCE) {
        load_problem(m->l, m->doc, spec ? spec : manifest,
                     "%s \"%.*s\": expected spec.rules, a list", levels[m->level].kind,
                     STR_ARG(m->name));
        return NULL;
    }
    if (rules->n > RULES_MAX) {
        load_problem(m->l, m->doc, rules,
                     "the rule group has %zu rules, exceeding the max count (%d)", rules->n,
                     RULES_MAX);
        return NULL;
    }
    return rules;
}

void load_kubesphere(struct loading *l, const struct yaml_doc *doc,
                     const struct yaml_node *manifest, const char *file)
{
    struct manifest m = {.l = l, .doc = doc};
    const struct yaml_node *metadata = yaml_get(manifest, "metadata"), *rules;
    const struct yaml_node *enabled = yaml_get(yaml_get(metadata, "labels"),
                                               "alerting.kubesphere.io/enable");
    CLEANUP(buf_free) struct buf place = {0};

    while (!str_eq_c(yaml_get(manifest, "kind")->text, levels[m.level].kind))
        m.level++;
    if (!read_identity(&m, manifest))
        return;
    rules = read_rules(&m, manifest);
    if (!rules || !str_eq(text(&m, enabled), STR("true")))
        return;
    add_place(&m, file, &place);
    m.group = load_begin_group(l, doc, yaml_get(metadata, "name"), place.p, m.name);
    if (!m.group)
        return;
    load_interval(l, doc, yaml_get(yaml_get(manifest, "spec"), "interval"), m.group);
    for (size_t i = 0; i < rules->n; i++)
        load_one_rule(&m, rules, i);
}
