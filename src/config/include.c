/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scrape jobs of the file, and of the files that scrape_config_files names, as one array. Those
 * files have scrape_configs and nothing else; paths in them are relative to themselves.
 */
#include "config/config_priv.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"

#define CONFIG_FILES_MAX 1000 /* files that scrape_config_files names */

struct job_list {
    const struct yaml_doc *doc;
    const char *folder;
    const struct yaml_node *list;
};

struct job_lists {
    struct job_list *lists;
    size_t n, cap;
};

static void job_lists_deinit(struct job_lists *l)
{
    free(l->lists);
}

static const struct field included_fields[] = {
    {.key = "scrape_configs", .kind = FIELD_READ_BEFORE}};
static const struct block included_block = {.name = "scrape_config_files", FIELDS(included_fields)};

static void set_where(struct decoder *d, const char *where)
{
    buf_reset(&d->where);
    buf_add_c(&d->where, where);
}

static void add_list(struct decoder *d, const struct yaml_node *root, const char *folder,
                     struct job_lists *out)
{
    const struct yaml_node *list = yaml_get(root, "scrape_configs");

    set_where(d, "scrape_configs");
    if (!yaml_is_null(list) && is_list(d, list))
        *VEC_PUSH(out->lists, out->n, out->cap) = (struct job_list){d->doc, folder, list};
    set_where(d, "");
}

static void include_file(struct decoder *d, const struct yaml_node *at, const char *path,
                         struct job_lists *out)
{
    const struct yaml_doc *outside = d->doc;
    const char *slash = strrchr(path, '/');
    const struct yaml_node *root;
    struct yaml_doc *doc;
    struct err why = {0};
    struct stat st;

    if (d->n_docs == CONFIG_FILES_MAX) {
        decoder_wrong_bare(d, at, "scrape_config_files names more than %d files", CONFIG_FILES_MAX);
        return;
    }
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
        decoder_wrong_bare(d, at, "scrape_config_files: %s is no file", path);
        return;
    }
    if (yaml_parse_file(path, &doc, &why) < 0) {
        decoder_wrong_bare(d, at, "scrape_config_files: %s", why.msg);
        return;
    }
    *VEC_PUSH(d->docs, d->n_docs, d->cap_docs) = doc;
    root = yaml_root(doc, 0);
    if (root && expanded_bytes(root) > CONFIG_EXPANDED_MAX) {
        decoder_wrong_bare(d, at,
                           "scrape_config_files: %s: more than %u bytes after aliases are expanded",
                           path, CONFIG_EXPANDED_MAX);
        return;
    }
    d->doc = doc;
    decode_block(d, &included_block, root, d->config, NULL);
    add_list(d, root, slash ? decoder_text(d, str_n(path, (size_t)(slash - path))) : ".", out);
    d->doc = outside;
}

static void include_glob(struct decoder *d, const struct yaml_node *at, struct job_lists *out)
{
    glob_t found = {0};

    if (!is_text(d, at))
        return;
    if (!glob_is_in_last_part(at->text)) {
        decoder_wrong_bare(d, at, "invalid scrape config file path %s", shown(d, at->text));
        return;
    }
    if (glob(decoder_path(d, at->text), 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            include_file(d, at, found.gl_pathv[i], out);
    globfree(&found);
}

static void include_all(struct decoder *d, const struct yaml_node *globs, struct job_lists *out)
{
    if (yaml_is_null(globs))
        return;
    set_where(d, "scrape_config_files");
    if (is_list(d, globs))
        for (size_t i = 0; i < globs->n; i++) {
            set_where(d, "");
            include_glob(d, globs->values[i], out);
        }
    set_where(d, "");
}

void decode_jobs(struct decoder *d, const struct yaml_node *root)
{
    CLEANUP(job_lists_deinit)
    struct job_lists all = {0};
    struct config *c = d->config;
    const struct yaml_doc *doc = d->doc;
    const char *folder = d->folder;
    size_t n = 0;

    if (!root || root->kind != YAML_MAPPING)
        return;
    add_list(d, root, folder, &all);
    include_all(d, yaml_get(root, "scrape_config_files"), &all);
    for (size_t i = 0; i < all.n; i++)
        n += all.lists[i].list->n;
    c->scrapes = arena_array(&c->arena, n + 1, sizeof *c->scrapes);
    for (size_t i = 0; i < all.n; i++) {
        d->doc = all.lists[i].doc;
        d->folder = all.lists[i].folder;
        set_where(d, "scrape_configs");
        decode_elements(d, &scrape_block, "empty or null scrape config section", all.lists[i].list,
                        c->scrapes + c->n_scrapes, c);
        c->n_scrapes += all.lists[i].list->n;
    }
    d->doc = doc;
    d->folder = folder;
    set_where(d, "");
}
