/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_file - which files are read, and what each document in them is
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rules/load_priv.h"

static bool is_manifest(const struct yaml_node *root)
{
    return yaml_get(root, "kind") || yaml_get(root, "apiVersion");
}

static void load_manifest(struct loading *l, const struct yaml_doc *doc,
                          const struct yaml_node *manifest, const char *file)
{
    const struct yaml_node *items = yaml_get(manifest, "items"), *at = yaml_get(manifest, "kind");
    struct str kind = load_text(l, doc, at);

    if (load_is_kubesphere(kind))
        load_kubesphere(l, doc, manifest, file);
    else if (str_eq(kind, STR("PrometheusRule")))
        load_prometheus_rule(l, doc, manifest, file);
    else if (str_has_suffix(kind, STR("List")) && items && items->kind == YAML_SEQUENCE)
        for (size_t i = 0; i < items->n; i++)
            load_manifest(l, doc, items->values[i], file);
    else
        load_problem(l, doc, at ? at : manifest,
                     "found kind \"%.*s\", expected RuleGroup, ClusterRuleGroup, GlobalRuleGroup, "
                     "PrometheusRule or a List of them",
                     STR_ARG(kind));
}

static void load_documents(struct loading *l, const struct yaml_doc *doc, const char *path)
{
    for (size_t i = 0; i < yaml_count(doc); i++) {
        const struct yaml_node *root = yaml_root(doc, i);

        if (yaml_is_null(root))
            continue;
        if (is_manifest(root))
            load_manifest(l, doc, root, path);
        else if (l->single && yaml_get(root, "alert"))
            load_single_rule(l, doc, root, path);
        else
            load_prometheus(l, doc, root, path);
    }
}

void load_file(struct loading *l, const char *path)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err = {0};

    if (yaml_parse_file(path, &doc, &err) < 0)
        load_problem_line(l, err.msg);
    else
        load_documents(l, doc, path);
}

void load_rule_text(struct loading *l, const char *file, struct str text)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err err = {0};

    if (yaml_parse(file, text, &doc, &err) < 0)
        load_problem_line(l, err.msg);
    else
        load_documents(l, doc, file);
}

static bool was_read(const struct loading *l, const char *path)
{
    for (size_t i = 0; i < l->n_files; i++)
        if (strcmp(l->files[i], path) == 0)
            return true;
    return false;
}

/* A folder that is not there may come later; one that may not be read would hide its rules. */
static int stop_unless_absent(const char *path, int error)
{
    (void)path;
    return error != ENOENT;
}

void load_glob(struct loading *l, const char *pattern)
{
    /* A pattern that matches nothing is fine, a name that is not there is told when it is read. */
    int flags = strpbrk(pattern, "*?[") ? 0 : GLOB_NOCHECK;
    glob_t found = {0};
    int r = glob(pattern, flags, stop_unless_absent, &found);

    if (r != 0 && r != GLOB_NOMATCH) {
        CLEANUP(buf_free) struct buf line = {0};

        buf_addf(&line, "%s: %s", pattern,
                 r == GLOB_ABORTED ? "a folder on the way to it cannot be read" : "out of memory");
        load_problem_line(l, line.p);
    }
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
        if (was_read(l, found.gl_pathv[i]))
            continue;
        *VEC_PUSH(l->files, l->n_files, l->cap_files) = mem_strdup(found.gl_pathv[i]);
        load_file(l, found.gl_pathv[i]);
    }
    globfree(&found);
}
