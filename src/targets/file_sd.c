/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sd - target groups in files, YAML or JSON (which is YAML, too)
 *
 *     - targets: ["192.0.2.7:9100", ...]      addresses, each becomes one target
 *       labels: {rack: "7", ...}              of all of them; may be absent
 *
 * Files are looked at every few seconds and read when their time, size or inode changed. One that
 * cannot be read or parsed keeps the targets it had, and that is told once per change; one that is
 * gone has none.
 */
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "targets/targets_priv.h"

#define YOUNG_NS (2 * NS_PER_S) /* far more than the steps in which file systems count time */

/* ---- one file's text ----------------------------------------------------------------------- */

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

static int parse_labels(const struct yaml_doc *doc, const struct yaml_node *node, const char *path,
                        const struct label_set **ret, struct err *err)
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
    label_builder_set(&b, STR("__meta_filepath"), str_c(path));
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
static int parse_group(const struct yaml_doc *doc, const struct yaml_node *node, const char *path,
                       struct found_group *g, struct err *err)
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
    r = parse_labels(doc, yaml_get(node, "labels"), path, &g->labels, err);
    return r < 0 ? r : parse_addresses(doc, yaml_get(node, "targets"), g, err);
}

int sd_file_parse(const char *path, struct str text, struct found_group **ret, size_t *ret_n,
                  struct err *err)
{
    CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *root = NULL;
    struct found_group *groups = NULL;
    size_t n = 0, cap = 0;
    int r = yaml_parse(path, text, &doc, err);

    if (r < 0)
        return r;
    if (yaml_count(doc) > 1)
        return yaml_error(doc, yaml_root(doc, 1), err, "expected one document");
    if (yaml_count(doc) == 1)
        root = yaml_root(doc, 0);
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

/* ---- the files ----------------------------------------------------------------------------- */

bool sd_config_names(const struct config_file_sd *c, const char *path)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (fnmatch(c->files[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    return false;
}

static bool is_named(const struct config *c, const char *path)
{
    for (size_t i = 0; i < c->n_scrapes; i++)
        for (size_t k = 0; k < c->scrapes[i].n_file_sds; k++)
            if (sd_config_names(&c->scrapes[i].file_sds[k], path))
                return true;
    return false;
}

static void add_file(struct sd_files *f, const char *path)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->files[i].path, path) == 0)
            return;
    VEC_PUSH(f->files, f->n, f->cap)->path = mem_strdup(path);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct sd_file *)a)->path, ((const struct sd_file *)b)->path);
}

static void find_new_files(struct sd_files *f, const struct config_file_sd *c)
{
    size_t before = f->n;

    for (size_t i = 0; i < c->n_files; i++) {
        glob_t found;

        if (glob(c->files[i], 0, NULL, &found) != 0)
            continue; /* nothing there now; known files are not forgotten because of it */
        for (size_t k = 0; k < found.gl_pathc; k++)
            add_file(f, found.gl_pathv[k]);
        globfree(&found);
    }
    if (f->n > before)
        qsort(f->files, f->n, sizeof *f->files, compare_paths);
}

/* A file that was changed a moment ago may be changed again without that its time shows it. */
static bool is_young(int64_t changed_ns)
{
    return clock_unix_ns() - changed_ns < YOUNG_NS;
}

/* Takes over its text if that is another than before; true when it did. */
static bool take_text(struct sd_file *f, struct str text, struct complaints complaints)
{
    CLEANUP(buf_free) struct buf words = {0};
    uint64_t hash = hash_bytes(text.p, text.len);
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;

    if (hash == f->text_hash)
        return false;
    f->text_hash = hash;
    if (sd_file_parse(f->path, text, &groups, &n, &err) < 0) {
        buf_addf(&words, "%s; the targets that it gave stay", err.msg);
        complaints.say(words.p, complaints.arg);
        return false;
    }
    found_groups_free(f->groups, f->n_groups);
    f->groups = groups;
    f->n_groups = n;
    return true;
}

/* True when its groups are new. */
static bool look_at(struct sd_file *f, const struct stat *st, struct complaints complaints)
{
    int64_t changed_ns = (int64_t)st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec;
    bool is_same = f->changed_ns == changed_ns && f->size == st->st_size && f->inode == st->st_ino;
    CLEANUP(buf_free) struct buf text = {0};
    struct err err = {0};
    int r;

    if (is_same && !f->again)
        return false;
    f->changed_ns = changed_ns;
    f->size = st->st_size;
    f->inode = st->st_ino;
    r = file_read(f->path, YAML_BYTES_MAX, &text, &err);
    f->again = r < 0 || is_young(changed_ns);
    if (r == 0)
        return take_text(f, buf_str(&text), complaints);
    if (!is_same)
        complaints.say(err.msg, complaints.arg);
    return false;
}

static void clear_file(struct sd_file *f)
{
    found_groups_free(f->groups, f->n_groups);
    free(f->path);
}

bool sd_files_refresh(struct sd_files *f, const struct config *c, struct complaints complaints)
{
    bool changed = false;
    size_t kept = 0;

    for (size_t i = 0; i < c->n_scrapes; i++)
        for (size_t k = 0; k < c->scrapes[i].n_file_sds; k++)
            find_new_files(f, &c->scrapes[i].file_sds[k]);
    for (size_t i = 0; i < f->n; i++) {
        struct sd_file *file = &f->files[i];
        struct stat st;
        bool seen = stat(file->path, &st) == 0;

        if ((!seen && (errno == ENOENT || errno == ENOTDIR)) || !is_named(c, file->path)) {
            changed = changed || file->n_groups > 0;
            clear_file(file);
            continue;
        }
        changed = (seen && look_at(file, &st, complaints)) || changed;
        f->files[kept++] = *file;
    }
    f->n = kept;
    return changed;
}

void sd_files_deinit(struct sd_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        clear_file(&f->files[i]);
    free(f->files);
}
