/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load - rule files to groups: finding them, checking every rule, noting all that is wrong
 */
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "rules/rules_priv.h"

/* ---- problems -------------------------------------------------------------------------------------------------- */

void load_problem(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at, const char *fmt, ...)
{
    struct buf words = {0};
    struct err err = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    yaml_error(doc, at, &err, "%s", words.p);
    if (l->problems.len)
        buf_add_byte(&l->problems, '\n');
    buf_add_c(&l->problems, err.msg);
    buf_free(&words);
}

int load_duration(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *node, dur_ms *ret)
{
    struct err err = {0};

    if (yaml_is_null(node))
        return 0;
    if (node->kind != YAML_SCALAR) {
        load_problem(l, doc, node, "expected a duration like 30s");
        return -EINVAL;
    }
    if (duration_parse(node->text.p, node->text.len, ret, &err) < 0) {
        load_problem(l, doc, node, "found \"%s\", expected a duration like 30s: %s", node->text.p, err.msg);
        return -EINVAL;
    }
    return 0;
}

/* ---- freeing --------------------------------------------------------------------------------------------------- */

static void texts_free(struct rule_texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->items[i].name);
        free(t->items[i].text);
        template_unref(t->items[i].template);
    }
    free(t->items);
}

static void rule_deinit(struct rule *rule)
{
    alerts_clear(rule);
    outputs_free(rule);
    promql_query_free(rule->prepared);
    promql_expr_free(rule->expr);
    texts_free(&rule->labels);
    texts_free(&rule->annotations);
    label_set_unref(rule->label_set);
    label_set_unref(rule->annotation_set);
    free(rule->last_error);
    free(rule->query);
    free(rule->name);
}

void group_free(struct group *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_rules; i++)
        rule_deinit(&g->rules[i]);
    free(g->rules);
    free(g->text);
    free(g->file);
    free(g->name);
    lock_deinit(&g->lock);
    free(g);
}

void group_list_deinit(struct group_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        group_free(l->items[i]);
    free(l->items);
    *l = (struct group_list){0};
}

/* ---- groups and rules ------------------------------------------------------------------------------------------ */

struct group *load_begin_group(struct loading *l, const struct yaml_doc *doc, const struct yaml_node *at,
                               const char *file, struct str name)
{
    struct group *g;

    for (size_t i = 0; i < l->groups.n; i++)
        if (strcmp(l->groups.items[i]->file, file) == 0 && str_eq_c(name, l->groups.items[i]->name)) {
            load_problem(l, doc, at, "groupname: \"%.*s\" is repeated in the same file", STR_ARG(name));
            return NULL;
        }
    g = mem_zalloc(sizeof *g);
    g->file = mem_strdup(file);
    g->name = str_dup(name);
    g->interval = l->interval;
    g->query_offset = l->query_offset;
    g->last_evaluation = UNIX_NS_ZERO;
    lock_init(&g->lock);
    *VEC_PUSH(l->groups.items, l->groups.n, l->groups.cap) = g;
    return g;
}

static void add_texts(struct loading *l, const struct yaml_doc *doc, const struct rule_spec *spec, const char *where,
                      bool annotations, struct rule_texts *ret)
{
    const struct label *from = annotations ? spec->annotations : spec->labels;
    size_t n = annotations ? spec->n_annotations : spec->n_labels;
    const char *what = annotations ? "annotation" : "label";

    for (size_t i = 0; i < n; i++) {
        struct rule_text *t;
        struct err err = {0};

        if (!label_name_is_valid(from[i].name) || (!annotations && str_eq(from[i].name, LABEL_NAME))) {
            load_problem(l, doc, spec->at, "%s: invalid %s name: %.*s", where, what, STR_ARG(from[i].name));
            continue;
        }
        t = VEC_PUSH(ret->items, ret->n, ret->cap);
        t->name = str_dup(from[i].name);
        t->text = str_dup(from[i].value);
        if (spec->alerting &&
            template_parse_alert(l->templates, spec->name, from[i].value, &t->template, &err) < 0)
            load_problem(l, doc, spec->at, "%s: %s \"%s\": %s", where, what, t->name, err.msg);
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

void load_rule(struct loading *l, struct group *g, const struct yaml_doc *doc, const struct rule_spec *spec,
               const char *where)
{
    struct promql_expr *expr = NULL;
    struct err err = {0};
    struct buf text = {0};
    struct rule *rule;

    if (str_trim(spec->expr).len == 0)
        load_problem(l, doc, spec->at, "%s: field 'expr' must be set in rule", where);
    else if (promql_parse(spec->expr, NULL, &expr, &err) < 0)
        load_problem(l, doc, spec->expr_at ? spec->expr_at : spec->at, "%s: could not parse expression: %s", where,
                     err.msg);
    else if (expr->root->type != PROMQL_VECTOR && expr->root->type != PROMQL_SCALAR)
        load_problem(l, doc, spec->expr_at ? spec->expr_at : spec->at,
                     "%s: expected an expression of type instant vector or scalar, found %s", where,
                     promql_type_text(expr->root->type));

    rule = VEC_PUSH(g->rules, g->n_rules, g->cap_rules);
    rule->alerting = spec->alerting;
    rule->name = str_dup(spec->name);
    rule->hold = spec->hold;
    rule->keep_firing_for = spec->keep_firing_for;
    rule->last_error = mem_strdup("");
    rule->last_evaluation = UNIX_NS_ZERO;
    rule->writes = true;
    add_texts(l, doc, spec, where, false, &rule->labels);
    add_texts(l, doc, spec, where, true, &rule->annotations);
    rule->label_set = label_set_of_texts(&rule->labels);
    rule->annotation_set = label_set_of_texts(&rule->annotations);
    rule->expr = expr;
    if (expr)
        promql_print(expr->root, &text);
    rule->query = buf_take(&text);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static bool is_manifest(const struct yaml_node *root)
{
    return root->kind == YAML_MAPPING && yaml_get(root, "kind") && yaml_get(root, "apiVersion");
}

void load_file(struct loading *l, const char *path)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err = {0};

    if (yaml_parse_file(path, &doc, &err) < 0) {
        buf_addf(&l->problems, "%s%s", l->problems.len ? "\n" : "", err.msg);
        return;
    }
    for (size_t i = 0; i < yaml_count(doc); i++) {
        const struct yaml_node *root = yaml_root(doc, i);

        if (yaml_is_null(root))
            continue;
        if (is_manifest(root))
            load_kubesphere(l, doc, root, path);
        else
            load_prometheus(l, doc, root, path);
    }
}

void load_glob(struct loading *l, const char *pattern)
{
    glob_t found;

    /* A pattern that matches nothing is fine: rules may come later. A plain name that is not there is told. */
    if (glob(pattern, strpbrk(pattern, "*?[") ? 0 : GLOB_NOCHECK, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        load_file(l, found.gl_pathv[i]);
    globfree(&found);
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    int c = strcmp(x->file, y->file);

    return c ? c : strcmp(x->name, y->name);
}

/* Two groups are equal when their texts are. JSON, because its quoting keeps neighbours apart. */
static char *describe(const struct group *g)
{
    struct buf out = {0};
    struct json_writer w;

    json_writer_init(&w, &out, JSON_PLAIN);
    json_array_begin(&w);
    json_i64(&w, g->interval);
    json_i64(&w, g->query_offset);
    json_i64(&w, g->limit);
    for (size_t i = 0; i < g->n_rules; i++) {
        const struct rule *rule = &g->rules[i];
        const struct rule_texts *parts[] = {&rule->labels, &rule->annotations};

        json_c(&w, rule->alerting ? "alert" : "record");
        json_c(&w, rule->name);
        json_c(&w, rule->query);
        json_i64(&w, rule->hold);
        json_i64(&w, rule->keep_firing_for);
        for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
            json_array_begin(&w);
            for (size_t k = 0; k < parts[p]->n; k++) {
                json_c(&w, parts[p]->items[k].name);
                json_c(&w, parts[p]->items[k].text);
            }
            json_array_end(&w);
        }
    }
    json_array_end(&w);
    return buf_take(&out);
}

int load_finish(struct loading *l, struct err *err)
{
    if (l->problems.len)
        return err_set(err, -EINVAL, "%s", l->problems.p);
    if (l->groups.n)
        qsort(l->groups.items, l->groups.n, sizeof *l->groups.items, compare_groups);
    for (size_t i = 0; i < l->groups.n; i++)
        l->groups.items[i]->text = describe(l->groups.items[i]);
    return 0;
}
