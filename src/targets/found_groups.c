/* SPDX-License-Identifier: Apache-2.0 */
/*
 * found_groups - target groups as text, YAML or JSON (which is YAML, too)
 *
 *     - targets: ["192.0.2.7:9100", ...]      addresses, each becomes one target
 *       labels: {rack: "7", ...}              of all of them; may be absent
 */
#include <ctype.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "targets/targets_priv.h"

void found_groups_free(struct found_group *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i].n; k++)
            free(groups[i].addresses[k]);
        free(groups[i].addresses);
        label_set_unref(groups[i].labels);
    }
    free(groups);
}

static int parse_label(const struct yaml_doc *doc, const struct yaml_node *name,
                       const struct yaml_node *value, struct label_builder *b, struct err *err)
{
    if (!label_name_is_valid(name->text))
        return yaml_error(doc, name, err, "\"%s\" is not a valid label name", name->text.p);
    if (yaml_is_null(value))
        return 0;
    if (value->kind != YAML_SCALAR)
        return yaml_error(doc, value, err, "expected text as value of label \"%s\"", name->text.p);
    label_builder_set(b, name->text, value->text);
    return 0;
}

static int parse_labels(const struct yaml_doc *doc, const struct yaml_node *node,
                        struct label source, const struct label_set **ret, struct err *err)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    if (!yaml_is_null(node) && node->kind != YAML_MAPPING)
        return yaml_error(doc, node, err, "expected a mapping of labels");
    if (node && node->n >= LABEL_COUNT_MAX)
        return yaml_error(doc, node, err, "%zu labels are too many, expected fewer than %d",
                          node->n, LABEL_COUNT_MAX);
    for (size_t i = 0; !yaml_is_null(node) && i < node->n; i++) {
        int r = parse_label(doc, node->keys[i], node->values[i], &b, err);

        if (r < 0)
            return r;
    }
    label_builder_set(&b, source.name, source.value);
    *ret = label_builder_build(&b);
    return 0;
}

static int parse_addresses(const struct yaml_doc *doc, const struct yaml_node *node,
                           struct found_group *g, struct err *err)
{
    if (yaml_is_null(node))
        return 0;
    if (node->kind != YAML_SEQUENCE)
        return yaml_error(doc, node, err, "expected a list of addresses");
    g->addresses = mem_array(node->n, sizeof *g->addresses);
    for (size_t i = 0; i < node->n; i++) {
        if (node->values[i]->kind != YAML_SCALAR)
            return yaml_error(doc, node->values[i], err, "expected an address");
        g->addresses[g->n++] = str_dup(node->values[i]->text);
    }
    return 0;
}

/* What g holds after a failure is freed by the caller. */
static int parse_group(const struct yaml_doc *doc, const struct yaml_node *node,
                       struct label source, struct found_group *g, struct err *err)
{
    int r;

    if (node->kind != YAML_MAPPING)
        return yaml_error(doc, node, err, "expected a target group with targets and labels");
    for (size_t i = 0; i < node->n; i++)
        if (!str_eq(node->keys[i]->text, STR("targets")) &&
            !str_eq(node->keys[i]->text, STR("labels")))
            return yaml_error(doc, node->keys[i], err,
                              "unknown key \"%s\", expected targets or labels",
                              node->keys[i]->text.p);
    r = parse_labels(doc, yaml_get(node, "labels"), source, &g->labels, err);
    return r < 0 ? r : parse_addresses(doc, yaml_get(node, "targets"), g, err);
}

int found_groups_parse(const char *name, struct label source, struct str text,
                       struct found_group **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *root = NULL;
    struct found_group *groups = NULL;
    size_t n = 0, cap = 0;
    int r = yaml_parse(name, text, &doc, err);

    if (r < 0)
        return r;
    if (yaml_count(doc) > 1)
        return yaml_error(doc, yaml_root(doc, 1), err, "expected one document");
    if (yaml_count(doc) == 1)
        root = yaml_root(doc, 0);
    if (!yaml_is_null(root) && root->kind != YAML_SEQUENCE)
        return yaml_error(doc, root, err, "expected a list of target groups");
    for (size_t i = 0; r == 0 && !yaml_is_null(root) && i < root->n; i++)
        r = parse_group(doc, root->values[i], source, VEC_PUSH(groups, n, cap), err);
    if (r < 0) {
        found_groups_free(groups, n);
        return r;
    }
    *ret = groups;
    *ret_n = n;
    return 0;
}

/* ---- groups of one ------------------------------------------------------------------------- */

struct found_group found_group_of_one(char *take_address, const struct label_builder *labels)
{
    struct found_group g = {mem_array(1, sizeof *g.addresses), 1, label_builder_build(labels)};

    g.addresses[0] = take_address;
    return g;
}

void found_add_host(struct buf *out, struct str host)
{
    buf_addf(out, str_find(host, STR(":")) < host.len ? "[%.*s]" : "%.*s", STR_ARG(host));
}

void found_add_label_part(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        buf_add_byte(out, isalnum((unsigned char)name.p[i]) ? name.p[i] : '_');
}

void found_put(struct label_builder *b, const char *name, struct str value)
{
    label_builder_set(b, str_c(name), value);
}

void found_put_text(struct label_builder *b, const char *name, const struct json *v)
{
    found_put(b, name, json_text(v));
}

struct members {
    struct label_builder *b;
    const char *prefix;
    found_put_value *put_value;
};

static bool put_member(struct str key, const struct json *v, void *arg)
{
    const struct members *m = arg;
    CLEANUP(buf_free) struct buf name = {0};

    buf_add_c(&name, m->prefix);
    found_add_label_part(&name, key);
    m->put_value(m->b, name.p, v);
    return true;
}

void found_put_members(struct label_builder *b, const char *prefix, const struct json *object,
                       found_put_value *put_value)
{
    json_each(object, put_member, &(struct members){b, prefix, put_value});
}

/* ---- what one source gives ----------------------------------------------------------------- */

static uint64_t hash_groups(const struct found_group *groups, size_t n)
{
    uint64_t h = n;

    for (size_t i = 0; i < n; i++) {
        h = hash_mix(hash_mix(h, label_set_hash(groups[i].labels)), groups[i].n);
        for (size_t k = 0; k < groups[i].n; k++)
            h = hash_mix(h, hash_bytes(groups[i].addresses[k], strlen(groups[i].addresses[k])));
    }
    return h;
}

bool found_take(struct found *f, struct found_group *take_groups, size_t n)
{
    uint64_t hash = hash_groups(take_groups, n);
    bool is_news = hash != f->hash && (n > 0 || f->n > 0);

    found_deinit(f);
    *f = (struct found){take_groups, n, hash};
    return is_news;
}

void found_deinit(struct found *f)
{
    found_groups_free(f->groups, f->n);
    *f = (struct found){0};
}
