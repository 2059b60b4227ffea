/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sd - target groups in files, YAML or JSON (which is YAML, too)
 *
 * Files are looked at every few seconds and read when their time, size or inode changed. A file
 * that cannot be read or parsed keeps the targets it had; a file that is gone has none.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static int parse_labels(const struct yaml_doc *doc, const struct yaml_node *node,
                        struct label_builder *b, struct err *err)
{
    if (yaml_is_null(node))
        return 0;
    if (node->kind != YAML_MAPPING)
        return yaml_error(doc, node, err, "expected a mapping of labels");
    for (size_t i = 0; i < node->n; i++) {
        if (node->values[i]->kind != YAML_SCALAR)
            return yaml_error(doc, node->values[i], err, "expected text as value of label \"%s\"",
                              node->keys[i]->text.p);
        label_builder_set(b, node->keys[i]->text, node->values[i]->text);
    }
    return 0;
}

static int parse_group(const struct yaml_doc *doc, const struct yaml_node *node, const char *path,
                       struct found_group *g, struct err *err)
{
    const struct yaml_node *targets;
    struct label_builder b = {0};
    int r = 0;

    if (node->kind != YAML_MAPPING)
        return yaml_error(doc, node, err, "expected a target group with targets and labels");
    for (size_t i = 0; i < node->n; i++)
        if (!str_eq(node->keys[i]->text, STR("targets")) &&
            !str_eq(node->keys[i]->text, STR("labels")))
            return yaml_error(doc, node->keys[i], err,
                              "unknown key \"%s\", expected targets or labels",
                              node->keys[i]->text.p);
    targets = yaml_get(node, "targets");
    if (!yaml_is_null(targets) && targets->kind != YAML_SEQUENCE)
        return yaml_error(doc, targets, err, "expected a list of addresses");
    r = parse_labels(doc, yaml_get(node, "labels"), &b, err);
    label_builder_set(&b, STR("__meta_filepath"), str_c(path));
    g->labels = label_builder_build(&b);
    label_builder_deinit(&b);
    g->addresses = mem_array(targets ? targets->n : 0, sizeof *g->addresses);
    for (size_t i = 0; r == 0 && !yaml_is_null(targets) && i < targets->n; i++) {
        if (targets->values[i]->kind != YAML_SCALAR)
            r = yaml_error(doc, targets->values[i], err, "expected an address");
        else
            g->addresses[g->n++] = str_dup(targets->values[i]->text);
    }
    return r;
}

int sd_file_parse(const char *path, struct found_group **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *root;
    struct found_group *groups = NULL;
    size_t n = 0, cap = 0;
    int r = yaml_parse_file(path, &doc, err);

    if (r < 0)
        return r;
    root = yaml_count(doc) ? yaml_root(doc, 0) : NULL;
    if (!yaml_is_null(root) && root->kind != YAML_SEQUENCE)
        return yaml_error(doc, root, err, "expected a list of target groups");
    for (size_t i = 0; r == 0 && !yaml_is_null(root) && i < root->n; i++)
        r = parse_group(doc, root->values[i], path, VEC_PUSH(groups, n, cap), err);
    if (r < 0) {
        found_groups_free(groups, n);
        return r;
    }
    *ret = groups;
    *ret_n = n;
    return 0;
}

static void sd_file_clear(struct sd_file *f)
{
    found_groups_free(f->groups, f->n_groups);
    free(f->path);
}

static struct sd_file *find_file(struct file_sd *sd, const char *path)
{
    for (size_t i = 0; i < sd->n; i++)
        if (strcmp(sd->files[i].path, path) == 0)
            return &sd->files[i];
    return NULL;
}

static bool refresh_file(struct file_sd *sd, const char *path,
                         void (*complain)(const char *words, void *arg), void *arg)
{
    struct sd_file *f = find_file(sd, path);
    struct found_group *groups = NULL;
    size_t n = 0;
    struct err err = {0};
    struct stat st;
    int64_t mtime;

    if (stat(path, &st) < 0)
        return false;
    mtime = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
    if (!f) {
        f = VEC_PUSH(sd->files, sd->n, sd->cap);
        f->path = mem_strdup(path);
    } else if (f->mtime_ns == mtime && f->size == st.st_size && f->inode == st.st_ino) {
        return false;
    }
    f->mtime_ns = mtime;
    f->size = st.st_size;
    f->inode = st.st_ino;
    if (sd_file_parse(path, &groups, &n, &err) < 0) {
        complain(err.msg, arg);
        return false;
    }
    found_groups_free(f->groups, f->n_groups);
    f->groups = groups;
    f->n_groups = n;
    return true;
}

static bool forget_vanished(struct file_sd *sd)
{
    bool changed = false;
    size_t kept = 0;
    struct stat st;

    for (size_t i = 0; i < sd->n; i++) {
        if (stat(sd->files[i].path, &st) < 0 && errno == ENOENT) {
            sd_file_clear(&sd->files[i]);
            changed = true;
        } else {
            sd->files[kept++] = sd->files[i];
        }
    }
    sd->n = kept;
    return changed;
}

bool file_sd_refresh(struct file_sd *sd, void (*complain)(const char *words, void *arg), void *arg)
{
    bool changed = forget_vanished(sd);

    for (size_t i = 0; i < sd->config->n_files; i++) {
        glob_t found;

        if (glob(sd->config->files[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++)
            changed = refresh_file(sd, found.gl_pathv[k], complain, arg) || changed;
        globfree(&found);
    }
    return changed;
}

void file_sd_deinit(struct file_sd *sd)
{
    for (size_t i = 0; i < sd->n; i++)
        sd_file_clear(&sd->files[i]);
    free(sd->files);
}
