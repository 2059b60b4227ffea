/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - reads the templates that the binary carries; they are ours, so that a fault in them
 * is one of ours
 */
#include "rules/catalogue.h"

#include <stdlib.h>

#include "base/embedded.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/yaml.h"

extern const struct embedded_file catalogue_files[];

struct catalogue {
    struct yaml_doc **docs; /* own the texts */
    size_t n_docs, cap_docs;
    struct rule_template *templates;
    size_t n, cap;
};

static struct str text(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);

    must(node && node->kind == YAML_SCALAR);
    return node->text;
}

static struct bilingual both(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);

    return (struct bilingual){text(node, "en"), text(node, "zh")};
}

static void add_param(struct rule_template *t, const struct yaml_node *node)
{
    struct template_param *p = VEC_PUSH(t->params, t->n_params, t->cap_params);
    struct str type = text(node, "type");

    *p = (struct template_param){.name = text(node, "name"),
                                 .type = str_eq(type, STR("number"))     ? PARAM_NUMBER
                                         : str_eq(type, STR("duration")) ? PARAM_DURATION
                                                                         : PARAM_MATCHERS,
                                 .unit = text(node, "unit"),
                                 .standard = text(node, "default"),
                                 .label = both(node, "label")};
}

static void add_template(struct catalogue *c, const struct yaml_node *root,
                         const struct yaml_node *node)
{
    struct rule_template *t = VEC_PUSH(c->templates, c->n, c->cap);
    const struct yaml_node *params = yaml_get(node, "params"), *needs = yaml_get(node, "needs");

    *t = (struct rule_template){.id = text(node, "id"),
                                .component = text(root, "component"),
                                .title = both(root, "title"),
                                .alert = text(node, "alert"),
                                .severity = text(node, "severity"),
                                .hold = text(node, "for"),
                                .expr = text(node, "expr"),
                                .summary = both(node, "summary"),
                                .message = both(node, "message"),
                                .action = both(node, "action")};
    for (size_t i = 0; i < params->n; i++)
        add_param(t, params->values[i]);
    for (size_t i = 0; needs && i < needs->n; i++)
        *VEC_PUSH(t->needs, t->n_needs, t->cap_needs) = needs->values[i]->text;
}

struct catalogue *catalogue_new(void)
{
    struct catalogue *c = mem_zalloc(sizeof *c);

    for (const struct embedded_file *f = catalogue_files; f->name; f++) {
        struct yaml_doc *doc = NULL;
        const struct yaml_node *root, *templates;

        must(yaml_parse(f->name, f->content, &doc, NULL) == 0);
        *VEC_PUSH(c->docs, c->n_docs, c->cap_docs) = doc;
        root = yaml_root(doc, 0);
        templates = yaml_get(root, "templates");
        for (size_t i = 0; i < templates->n; i++)
            add_template(c, root, templates->values[i]);
    }
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->templates[i].params);
        free(c->templates[i].needs);
    }
    for (size_t i = 0; i < c->n_docs; i++)
        yaml_doc_free(c->docs[i]);
    free(c->templates);
    free(c->docs);
    free(c);
}

size_t catalogue_count(const struct catalogue *c)
{
    return c->n;
}

const struct rule_template *catalogue_at(const struct catalogue *c, size_t i)
{
    return &c->templates[i];
}

const struct rule_template *catalogue_find(const struct catalogue *c, struct str id)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->templates[i].id, id))
            return &c->templates[i];
    return NULL;
}
