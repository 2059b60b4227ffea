/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - what all loaders do alike: noting problems, reading values, checking rules
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "rules/load_priv.h"

#define PROBLEMS_MAX (ERR_MSG_MAX - 32) /* bytes shown; the rest is for how many are not */

/* ---- problems */

void load_problem_line(struct loading *l, const char *line)
{
    struct buf *out = &l->problems;

    l->n_problems++;
    if (l->n_hidden > 0 || (out->len > 0 && out->len + 1 + strlen(line) > PROBLEMS_MAX)) {
        l->n_hidden++;
        return;
    }
    if (out->len > 0)
        buf_add_byte(out, '\n');
    buf_add_c(out, line);
}

void load_problem(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at,
                  const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf words = {.max = ERR_MSG_MAX};
    struct err err = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    yaml_error(doc, at, &err, "%s", words.p);
    load_problem_line(l, err.msg);
}

/* ---- values */

struct str load_text(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return STR_NONE;
    if (node->kind != YAML_SCALAR)
        load_problem(l, doc, node, "found a %s, expected text",
                     node->kind == YAML_MAPPING ? "mapping" : "list");
    else if (str_find(node->text, STR("\0")) < node->text.len)
        load_problem(l, doc, node, "found a text with a zero byte in it");
    else
        return node->text;
    return STR_NONE;
}

void load_duration(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node,
                   dur_ms *ret)
{
    struct str text = load_text(l, doc, node);
    struct err err = {0};

    if (text.len > 0 && duration_parse(text.p, text.len, ret, &err) < 0)
        load_problem(l, doc, node, "found \"%.*s\", expected a duration like 30s: %s",
                     STR_ARG(text), err.msg);
}

void load_check_keys(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *mapping,
                     const char *const *known, const char *what)
{
    for (size_t i = 0; i < mapping->n; i++) {
        CLEANUP(buf_free) struct buf list = {0};
        struct str key = mapping->keys[i]->text;
        size_t k = 0;

        while (known[k] && !str_eq_c(key, known[k]))
            k++;
        if (known[k])
            continue;
        for (k = 0; known[k]; k++)
            buf_addf(&list, "%s%s", k ? ", " : "", known[k]);
        load_problem(l, doc, mapping->keys[i], "field %.*s not found in %s, expected one of %s",
                     STR_ARG(key), what, list.p);
    }
}

/* ---- labels and annotations */

static struct spec_text *find_text(const struct spec_texts *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->items[i].name, name))
            return &t->items[i];
    return NULL;
}

void spec_texts_set(struct spec_texts *t, struct str name, struct str value,
                    const struct yaml_node *at)
{
    struct spec_text *item = find_text(t, name);

    if (!item)
        item = VEC_PUSH(t->items, t->n, t->cap);
    *item = (struct spec_text){name, value, at};
}

struct str spec_texts_get(const struct spec_texts *t, struct str name)
{
    const struct spec_text *item = find_text(t, name);

    return item ? item->value : STR_NONE;
}

void spec_texts_deinit(struct spec_texts *t)
{
    free(t->items);
}

void load_texts(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *mapping,
                const char *what, struct spec_texts *ret)
{
    if (yaml_is_null(mapping))
        return;
    if (mapping->kind != YAML_MAPPING) {
        load_problem(l, doc, mapping, "expected a mapping of %s to texts", what);
        return;
    }
    if (mapping->n > TEXTS_MAX) {
        load_problem(l, doc, mapping, "found %zu %s, more than %d", mapping->n, what, TEXTS_MAX);
        return;
    }
    for (size_t i = 0; i < mapping->n; i++)
        spec_texts_set(ret, load_text(l, doc, mapping->keys[i]),
                       load_text(l, doc, mapping->values[i]), mapping->values[i]);
}

/* ---- groups */

struct group_key {
    const char *file;
    struct str name;
};

static bool group_has_key(const void *key, const void *value)
{
    const struct group_key *k = key;
    const struct group *g = value;

    return strcmp(k->file, g->file) == 0 && str_eq_c(k->name, g->name);
}

struct group *load_begin_group(struct loading *l, const struct yaml_doc *doc,
                               const struct yaml_node *at, const char *file, struct str name)
{
    struct group_key key = {file, name};
    uint64_t hash = hash_mix(hash_bytes(file, strlen(file)), hash_bytes(name.p, name.len));
    struct group *g;

    if (map_get(&l->by_key, hash, group_has_key, &key)) {
        load_problem(l, doc, at, "groupname: \"%.*s\" is repeated in the same file", STR_ARG(name));
        return NULL;
    }
    g = mem_zalloc(sizeof *g);
    g->file = mem_strdup(file);
    g->name = str_dup(name);
    g->interval = g->subquery_step = l->interval;
    g->query_offset = l->query_offset;
    g->last_evaluation = UNIX_NS_ZERO;
    lock_init(&g->lock);
    *VEC_PUSH(l->groups.items, l->groups.n, l->groups.cap) = g;
    map_add(&l->by_key, hash, g);
    return g;
}

void load_interval(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node,
                   struct group *g)
{
    dur_ms interval = 0;

    load_duration(l, doc, node, &interval);
    if (interval > INTERVAL_MAX_MS)
        load_problem(l, doc, node, "interval of group \"%s\" is longer than a year", g->name);
    else if (interval > 0)
        g->interval = interval;
}

void load_place(const struct group *g, size_t number, struct str rule, char out[PLACE_TEXT_MAX])
{
    struct str group = str_c(g->name);

    snprintf(out, PLACE_TEXT_MAX, "group \"%.*s\", rule %zu, \"%.*s\"",
             (int)str_utf8_prefix(group, 80), group.p, number, (int)str_utf8_prefix(rule, 120),
             rule.len ? rule.p : "");
}

/* ---- rules */

static struct promql_expr *read_expr(struct loading *l, const struct yaml_doc *doc,
                                     const struct rule_spec *spec, const char *place)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    const struct yaml_node *at = spec->expr_at ? spec->expr_at : spec->at;
    struct err err = {0};

    if (str_trim(spec->expr).len == 0)
        load_problem(l, doc, spec->at, "%s: field 'expr' must be set in rule", place);
    else if (str_find(spec->expr, STR("\0")) < spec->expr.len)
        load_problem(l, doc, at, "%s: a zero byte in the expression", place);
    else if (promql_parse(spec->expr, &l->features, &expr, &err) < 0)
        load_problem(l, doc, at, "%s: could not parse expression: %s", place, err.msg);
    else if (expr->root->type != PROMQL_VECTOR && expr->root->type != PROMQL_SCALAR)
        load_problem(l, doc, at, "%s: expected an instant vector or a scalar, found a %s", place,
                     promql_type_text(expr->root->type));
    else
        return TAKE(expr);
    return NULL;
}

static void add_texts(struct loading *l, const struct yaml_doc *doc, const struct rule_spec *spec,
                      const char *place, bool annotations, struct rule_texts *ret)
{
    const struct spec_texts *from = annotations ? &spec->annotations : &spec->labels;
    const char *what = annotations ? "annotation" : "label";
    int (*parse_text)(struct template_set *, struct str, struct str, struct template **,
                      struct err *) = l->strict || !annotations ? template_parse_alert
                                                                : template_parse_alert_resolving;

    for (size_t i = 0; i < from->n; i++) {
        const struct spec_text *s = &from->items[i];
        const struct yaml_node *at = s->at ? s->at : spec->at;
        struct rule_text *t;
        struct err err = {0};

        if (!label_name_is_valid(s->name) || (!annotations && str_eq(s->name, LABEL_NAME))) {
            load_problem(l, doc, at, "%s: invalid %s name: %.*s", place, what, STR_ARG(s->name));
            continue;
        }
        t = VEC_PUSH(ret->items, ret->n, ret->cap);
        t->name = str_dup(s->name);
        t->text = str_dup(s->value);
        if (spec->alerting && str_find(s->value, STR("{{")) < s->value.len &&
            parse_text(l->templates, spec->name, s->value, &t->template, &err) < 0)
            load_problem(l, doc, at, "%s: %s \"%s\": %s", place, what, t->name, err.msg);
    }
}

static struct label_set *label_set_of_texts(const struct rule_texts *t)
{
    struct label_builder b = {0};
    struct label_set *ls;

    for (size_t i = 0; i < t->n; i++)
        label_builder_set(&b, str_c(t->items[i].name), str_c(t->items[i].text));
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

/* Labels that follow the value make a new label set of each value: none is ever gone. */
static bool labels_follow_value(const struct rule *rule)
{
    for (size_t i = 0; i < rule->labels.n; i++) {
        struct str text = str_c(rule->labels.items[i].text);

        if (str_find(text, STR("{{")) < text.len && str_find(text, STR("alue")) < text.len)
            return true;
    }
    return false;
}

static void find_threshold(struct loading *l, const struct yaml_doc *doc,
                           const struct rule_spec *spec, const char *place, struct rule *rule)
{
    const char *word = spec->no_data ? "no_data" : "$resolvedValue";

    rule->no_data = spec->no_data;
    for (size_t i = 0; i < rule->annotations.n && spec->alerting && !l->strict; i++)
        rule->tells_resolved |= template_tells_resolved(str_c(rule->annotations.items[i].text));
    if (!rule->expr || (!rule->no_data && !rule->tells_resolved))
        return;
    if (!threshold_find(rule->expr, &l->features, &rule->threshold))
        load_problem(l, doc, spec->at,
                     "%s: %s needs an expression that compares with a number, such as x > 5", place,
                     word);
    else if (labels_follow_value(rule))
        load_problem(l, doc, spec->at, "%s: %s needs labels that do not depend on the value", place,
                     word);
}

void load_rule(struct loading *l, struct group *g, const struct yaml_doc *doc,
               const struct rule_spec *spec, const char *place)
{
    struct promql_expr *expr = read_expr(l, doc, spec, place);
    struct rule *rule = VEC_PUSH(g->rules, g->n_rules, g->cap_rules);
    const struct yaml_node *at = spec->expr_at ? spec->expr_at : spec->at;
    struct buf query = {0};

    rule->line = at->line;
    rule->column = at->column;
    rule->alerting = spec->alerting;
    rule->name = str_dup(spec->name);
    rule->hold = spec->hold;
    rule->keep_firing_for = spec->keep_firing_for;
    rule->last_error = mem_strdup("");
    rule->last_evaluation = UNIX_NS_ZERO;
    rule->writes = true;
    add_texts(l, doc, spec, place, false, &rule->labels);
    add_texts(l, doc, spec, place, true, &rule->annotations);
    rule->label_set = label_set_of_texts(&rule->labels);
    rule->annotation_set = label_set_of_texts(&rule->annotations);
    rule->expr = expr;
    find_threshold(l, doc, spec, place, rule);
    if (spec->verbatim)
        buf_add_str(&query, str_trim(spec->expr));
    else if (expr)
        promql_print(expr->root, &query);
    rule->query = buf_take(&query);
}

/* ---- the end */

static void add_rule_text(struct json_writer *w, const struct rule *rule)
{
    const struct rule_texts *parts[] = {&rule->labels, &rule->annotations};

    json_c(w, rule->alerting ? "alert" : "record");
    json_c(w, rule->name);
    json_c(w, rule->query);
    json_i64(w, rule->hold);
    json_i64(w, rule->keep_firing_for);
    json_i64(w, rule->no_data);
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        json_array_begin(w);
        for (size_t k = 0; k < parts[p]->n; k++) {
            json_c(w, parts[p]->items[k].name);
            json_c(w, parts[p]->items[k].text);
        }
        json_array_end(w);
    }
}

/* Two groups are equal when their texts are. JSON, because its quoting keeps neighbours apart. */
static char *describe(const struct group *g)
{
    struct buf out = {0};
    struct json_writer w;

    json_writer_init(&w, &out, JSON_PLAIN);
    json_array_begin(&w);
    json_i64(&w, g->interval);
    json_i64(&w, g->subquery_step);
    json_i64(&w, g->query_offset);
    json_i64(&w, g->limit);
    for (size_t i = 0; i < g->n_rules; i++)
        add_rule_text(&w, &g->rules[i]);
    json_array_end(&w);
    return buf_take(&out);
}

int load_finish(struct loading *l, struct group_list *ret, struct err *err)
{
    if (l->n_hidden > 0)
        return err_set(err, -EINVAL, "%s\nand %zu more", l->problems.p, l->n_hidden);
    if (l->n_problems > 0)
        return err_set(err, -EINVAL, "%s", l->problems.p);
    if (l->groups.n > 0)
        qsort(l->groups.items, l->groups.n, sizeof *l->groups.items, compare_groups);
    for (size_t i = 0; i < l->groups.n; i++)
        l->groups.items[i]->text = describe(l->groups.items[i]);
    *ret = l->groups;
    l->groups = (struct group_list){0};
    return 0;
}

void loading_deinit(struct loading *l)
{
    group_list_deinit(&l->groups);
    map_deinit(&l->by_key);
    for (size_t i = 0; i < l->n_files; i++)
        free(l->files[i]);
    free(l->files);
    buf_free(&l->problems);
}
