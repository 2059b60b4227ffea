/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_prometheus - rule files of Prometheus: groups, strict about every key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/yaml.h"
#include "rules/rules_priv.h"

static const char *const file_keys[] = {"groups", NULL};
static const char *const group_keys[] = {"name", "interval", "query_offset", "limit", "labels", "rules", NULL};
static const char *const rule_keys[] = {"record", "alert",       "expr", "for", "keep_firing_for",
                                        "labels", "annotations", NULL};

static void check_keys(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node,
                       const char *const *known, const char *what)
{
    for (size_t i = 0; i < node->n; i++) {
        struct buf list = {0};
        bool ok = false;

        for (size_t k = 0; known[k]; k++) {
            ok = ok || str_eq_c(node->keys[i]->text, known[k]);
            buf_addf(&list, "%s%s", k ? ", " : "", known[k]);
        }
        if (!ok)
            load_problem(l, doc, node->keys[i], "field %s not found in a %s, expected one of %s",
                         node->keys[i]->text.p, what, list.p);
        buf_free(&list);
    }
}

/* The text of a scalar; STR_NONE when absent; a problem when it is a list or mapping. */
static struct str text_of(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return STR_NONE;
    if (node->kind != YAML_SCALAR) {
        load_problem(l, doc, node, "expected text");
        return STR_NONE;
    }
    return node->text;
}

static void add_map(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node, struct label **labels,
                    size_t *n, size_t *cap)
{
    if (yaml_is_null(node))
        return;
    if (node->kind != YAML_MAPPING) {
        load_problem(l, doc, node, "expected a mapping of names to texts");
        return;
    }
    for (size_t i = 0; i < node->n; i++) {
        struct label mine = {node->keys[i]->text, text_of(l, doc, node->values[i])};
        size_t k = 0;

        while (k < *n && !str_eq((*labels)[k].name, mine.name))
            k++;
        if (k == *n)
            (void)VEC_PUSH(*labels, *n, *cap);
        (*labels)[k] = mine;
    }
}

/* What must hold between the fields of a rule; the words are Prometheus'. */
static bool check_fields(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node, struct str record,
                         struct str alert, const char *where)
{
    static const char *const alert_only[] = {"annotations", "for", "keep_firing_for"};
    size_t before = l->problems.len;

    if (record.len && alert.len)
        load_problem(l, doc, node, "%s: only one of 'record' and 'alert' must be set", where);
    if (!record.len && !alert.len)
        load_problem(l, doc, node, "%s: one of 'record' or 'alert' must be set", where);
    for (size_t i = 0; record.len && i < ARRAY_LEN(alert_only); i++)
        if (!yaml_is_null(yaml_get(node, alert_only[i])))
            load_problem(l, doc, yaml_get(node, alert_only[i]), "%s: invalid field '%s' in recording rule", where,
                         alert_only[i]);
    if (record.len && str_find(record, STR("{")) < record.len)
        load_problem(l, doc, node, "%s: braces present in the recording rule name; should it be in expr?: %.*s",
                     where, STR_ARG(record));
    else if (record.len && !label_name_is_valid(record))
        load_problem(l, doc, node, "%s: invalid recording rule name: %.*s", where, STR_ARG(record));
    return l->problems.len == before;
}

static void load_one_rule(struct loading *l, struct group *g, const struct yaml_doc *doc, const struct yaml_node *node,
                          const struct yaml_node *group_labels, size_t number)
{
    struct str record, alert, name;
    struct rule_spec spec = {.at = node, .expr_at = yaml_get(node, "expr")};
    size_t cap_labels = 0, cap_annotations = 0;
    char where[256];

    if (node->kind != YAML_MAPPING) {
        load_problem(l, doc, node, "group \"%s\", rule %zu: expected a rule", g->name, number);
        return;
    }
    check_keys(l, doc, node, rule_keys, "rule");
    record = text_of(l, doc, yaml_get(node, "record"));
    alert = text_of(l, doc, yaml_get(node, "alert"));
    name = alert.len ? alert : record;
    snprintf(where, sizeof where, "group \"%.80s\", rule %zu, \"%.*s\"", g->name, number,
             (int)str_utf8_prefix(name, 120), name.len ? name.p : "");
    if (!check_fields(l, doc, node, record, alert, where))
        return;
    spec.alerting = alert.len != 0;
    spec.name = name;
    spec.expr = text_of(l, doc, spec.expr_at);
    load_duration(l, doc, yaml_get(node, "for"), &spec.hold);
    load_duration(l, doc, yaml_get(node, "keep_firing_for"), &spec.keep_firing_for);
    add_map(l, doc, group_labels, &spec.labels, &spec.n_labels, &cap_labels);
    add_map(l, doc, yaml_get(node, "labels"), &spec.labels, &spec.n_labels, &cap_labels);
    add_map(l, doc, yaml_get(node, "annotations"), &spec.annotations, &spec.n_annotations, &cap_annotations);
    load_rule(l, g, doc, &spec, where);
    free(spec.labels);
    free(spec.annotations);
}

static void load_group(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node, const char *file)
{
    const struct yaml_node *limit, *rules;
    struct str name;
    struct group *g;

    if (node->kind != YAML_MAPPING) {
        load_problem(l, doc, node, "expected a group with name and rules");
        return;
    }
    check_keys(l, doc, node, group_keys, "group");
    name = text_of(l, doc, yaml_get(node, "name"));
    if (name.len == 0) {
        load_problem(l, doc, node, "Groupname must not be empty");
        return;
    }
    g = load_begin_group(l, doc, yaml_get(node, "name"), file, name);
    if (!g)
        return;
    load_duration(l, doc, yaml_get(node, "interval"), &g->interval);
    if (g->interval <= 0)
        g->interval = l->interval;
    load_duration(l, doc, yaml_get(node, "query_offset"), &g->query_offset);
    limit = yaml_get(node, "limit");
    if (!yaml_is_null(limit) && !num_parse_i64(text_of(l, doc, limit), &g->limit))
        load_problem(l, doc, limit, "expected a number as limit");
    rules = yaml_get(node, "rules");
    if (!yaml_is_null(rules) && rules->kind != YAML_SEQUENCE)
        load_problem(l, doc, rules, "expected a list of rules");
    else if (!yaml_is_null(rules))
        for (size_t i = 0; i < rules->n; i++)
            load_one_rule(l, g, doc, rules->values[i], yaml_get(node, "labels"), i + 1);
}

void load_prometheus(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *root, const char *file)
{
    const struct yaml_node *groups;

    if (root->kind != YAML_MAPPING) {
        load_problem(l, doc, root, "expected a rule file: `groups:` or a manifest with `kind:`");
        return;
    }
    check_keys(l, doc, root, file_keys, "rule file");
    groups = yaml_get(root, "groups");
    if (yaml_is_null(groups))
        return;
    if (groups->kind != YAML_SEQUENCE) {
        load_problem(l, doc, groups, "expected a list of groups");
        return;
    }
    for (size_t i = 0; i < groups->n; i++)
        load_group(l, doc, groups->values[i], file);
}
