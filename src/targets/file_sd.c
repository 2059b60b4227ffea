/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_sd - target groups in files
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
    if (found_groups_parse(f->path, (struct label){STR("__meta_filepath"), str_c(f->path)}, text,
                           &groups, &n, &err) < 0) {
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
