/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_prometheus - rule files of Prometheus, and the same in a PrometheusRule; strict about every
 * key
 */
#include <string.h>

#include "base/num.h"
#include "rules/load_priv.h"

static const char *const file_keys[] = {"groups", NULL};
static const char *const manifest_keys[] = {"apiVersion", "kind",   "metadata",
                                            "spec",       "status", NULL};
/* The last is of Thanos; it has no effect on one who reads a single store. */
static const char *const group_keys[] = {
    "name", "interval", "query_offset", "limit", "labels", "rules", "partial_response_strategy",
    NULL};
static const char *const strict_keys[] = {"record",          "alert",  "expr",        "for",
                                          "keep_firing_for", "labels", "annotations", NULL};
static const char *const rule_keys[] = {
    "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations", "no_data", NULL};

struct reading {
    struct loading *l;
    const struct yaml_doc *doc;
    const char *file;
    struct group *group;
    struct spec_texts labels; /* of the group */
};

static void problem_of_rule(struct reading *rd, const struct yaml_node *at, const char *place,
                            const char *words)
{
    load_problem(rd->l, rd->doc, at, "%s: %s", place, words);
}

/* The recording rule has what only alerts can have; an empty value counts as none. */
static void check_recording(struct reading *rd, const struct yaml_node *node,
                            const struct rule_spec *spec, const char *place)
{
    if (spec->annotations.n > 0)
        problem_of_rule(rd, yaml_get(node, "annotations"), place,
                        "invalid field 'annotations' in recording rule");
    if (spec->hold != 0)
        problem_of_rule(rd, yaml_get(node, "for"), place, "invalid field 'for' in recording rule");
    if (spec->keep_firing_for != 0)
        problem_of_rule(rd, yaml_get(node, "keep_firing_for"), place,
                        "invalid field 'keep_firing_for' in recording rule");
    if (memchr(spec->name.p, '{', spec->name.len) || memchr(spec->name.p, '}', spec->name.len))
        load_problem(rd->l, rd->doc, yaml_get(node, "record"),
                     "%s: braces present in the recording rule name; should it be in expr?: %.*s",
                     place, STR_ARG(spec->name));
}

static void load_no_data(struct reading *rd, const struct yaml_node *node, const char *place,
                         struct rule_spec *spec)
{
    static const char *const words[] = {
        [NO_DATA_OK] = "ok", [NO_DATA_KEEP] = "keep", [NO_DATA_FIRE] = "fire"};
    struct str word = load_text(rd->l, rd->doc, node);

    if (word.len == 0)
        return;
    if (!spec->alerting)
        problem_of_rule(rd, node, place, "invalid field 'no_data' in recording rule");
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(word, words[i])) {
            spec->no_data = (enum no_data)i;
            return;
        }
    load_problem(rd->l, rd->doc, node, "%s: no_data: found \"%.*s\", expected ok, keep or fire",
                 place, STR_ARG(word));
}

static void load_one_rule(struct reading *rd, const struct yaml_node *node, size_t number)
{
    struct rule_spec spec = {.at = node, .expr_at = yaml_get(node, "expr")};
    struct loading *l = rd->l;
    struct str record, alert;
    char place[PLACE_TEXT_MAX];

    if (node->kind != YAML_MAPPING) {
        load_problem(l, rd->doc, node, "group \"%s\", rule %zu: expected a mapping",
                     rd->group->name, number);
        return;
    }
    load_check_keys(l, rd->doc, node, l->strict ? strict_keys : rule_keys, "a rule");
    record = load_text(l, rd->doc, yaml_get(node, "record"));
    alert = load_text(l, rd->doc, yaml_get(node, "alert"));
    spec.alerting = alert.len > 0;
    spec.name = spec.alerting ? alert : record;
    load_place(rd->group, number, spec.name, place);
    if (record.len > 0 && alert.len > 0)
        problem_of_rule(rd, node, place, "only one of 'record' and 'alert' must be set");
    if (spec.name.len == 0)
        problem_of_rule(rd, node, place, "one of 'record' or 'alert' must be set");
    spec.expr = load_text(l, rd->doc, spec.expr_at);
    load_duration(l, rd->doc, yaml_get(node, "for"), &spec.hold);
    load_duration(l, rd->doc, yaml_get(node, "keep_firing_for"), &spec.keep_firing_for);
    if (!l->strict)
        load_no_data(rd, yaml_get(node, "no_data"), place, &spec);
    for (size_t i = 0; i < rd->labels.n; i++)
        spec_texts_set(&spec.labels, rd->labels.items[i].name, rd->labels.items[i].value,
                       rd->labels.items[i].at);
    load_texts(l, rd->doc, yaml_get(node, "labels"), "labels", &spec.labels);
    load_texts(l, rd->doc, yaml_get(node, "annotations"), "annotations", &spec.annotations);
    if (!spec.alerting && record.len > 0)
        check_recording(rd, node, &spec, place);
    load_rule(l, rd->group, rd->doc, &spec, place);
    spec_texts_deinit(&spec.labels);
    spec_texts_deinit(&spec.annotations);
}

static void load_rules(struct reading *rd, const struct yaml_node *rules)
{
    if (yaml_is_null(rules))
        return;
    if (rules->kind != YAML_SEQUENCE) {
        load_problem(rd->l, rd->doc, rules, "expected a list of rules");
        return;
    }
    for (size_t i = 0; i < rules->n; i++)
        load_one_rule(rd, rules->values[i], i + 1);
}

static void load_group(struct reading *rd, const struct yaml_node *node)
{
    struct loading *l = rd->l;
    const struct yaml_node *limit = yaml_get(node, "limit");
    struct str name, number;

    if (node->kind != YAML_MAPPING) {
        load_problem(l, rd->doc, node, "expected a group with name and rules");
        return;
    }
    load_check_keys(l, rd->doc, node, group_keys, "a group");
    name = load_text(l, rd->doc, yaml_get(node, "name"));
    if (name.len == 0) {
        load_problem(l, rd->doc, node, "Groupname must not be empty");
        return;
    }
    rd->group = load_begin_group(l, rd->doc, yaml_get(node, "name"), rd->file, name);
    if (!rd->group)
        return;
    load_interval(l, rd->doc, yaml_get(node, "interval"), rd->group);
    load_duration(l, rd->doc, yaml_get(node, "query_offset"), &rd->group->query_offset);
    number = load_text(l, rd->doc, limit);
    if (number.len > 0 && !num_parse_i64(number, &rd->group->limit))
        load_problem(l, rd->doc, limit, "found \"%.*s\", expected a whole number", STR_ARG(number));
    load_texts(l, rd->doc, yaml_get(node, "labels"), "labels", &rd->labels);
    load_rules(rd, yaml_get(node, "rules"));
    spec_texts_deinit(&rd->labels);
    rd->labels = (struct spec_texts){0};
}

static void load_groups(struct reading *rd, const struct yaml_node *root)
{
    const struct yaml_node *groups = yaml_get(root, "groups");

    load_check_keys(rd->l, rd->doc, root, file_keys, "a rule file");
    if (yaml_is_null(groups))
        return;
    if (groups->kind != YAML_SEQUENCE) {
        load_problem(rd->l, rd->doc, groups, "expected a list of groups");
        return;
    }
    for (size_t i = 0; i < groups->n; i++)
        load_group(rd, groups->values[i]);
}

void load_prometheus(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *root,
                     const char *file)
{
    struct reading rd = {.l = l, .doc = doc, .file = file};

    if (root->kind == YAML_MAPPING)
        load_groups(&rd, root);
    else
        load_problem(l, doc, root, "expected a rule file: `groups:` or a manifest with `kind:`");
}

void load_single_rule(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *rule,
                      const char *file)
{
    struct reading rd = {.l = l, .doc = doc, .file = file};

    rd.group = load_begin_group(l, doc, rule, file, STR(SINGLE_GROUP));
    if (rd.group)
        load_one_rule(&rd, rule, 1);
}

/* The same as a file of its own: two objects may have groups of one name. */
void load_prometheus_rule(struct loading *l, const struct yaml_doc *doc,
                          const struct yaml_node *manifest, const char *file)
{
    const struct yaml_node *metadata = yaml_get(manifest, "metadata");
    const struct yaml_node *spec = yaml_get(manifest, "spec");
    struct str namespace = load_text(l, doc, yaml_get(metadata, "namespace"));
    struct str name = load_text(l, doc, yaml_get(metadata, "name"));
    CLEANUP(buf_free) struct buf place = {0};
    struct reading rd = {.l = l, .doc = doc};

    load_check_keys(l, doc, manifest, manifest_keys, "a PrometheusRule");
    if (name.len == 0) {
        load_problem(l, doc, manifest, "PrometheusRule: expected metadata.name");
        return;
    }
    buf_addf(&place, "%s/PrometheusRule/%.*s%s%.*s", file, STR_ARG(namespace),
             namespace.len ? "/" : "", STR_ARG(name));
    rd.file = place.p;
    if (yaml_is_null(spec) || spec->kind != YAML_MAPPING)
        load_problem(l, doc, spec ? spec : manifest,
                     "PrometheusRule \"%.*s\": expected spec.groups", STR_ARG(name));
    else
        load_groups(&rd, spec);
}
