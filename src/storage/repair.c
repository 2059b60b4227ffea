/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is damaged is put aside first: blocks, images and tombstones as second names of the same file
 * (they are replaced, never changed), the log as a copy (a start cuts its torn end off). When an
 * image or a segment is damaged, all of both is put aside, since the new image replaces all of it.
 *
 * Then the storage opens, which reads all that can be read; damaged blocks are written anew as a
 * merge of one; tombstones and image are written; files that cannot be used are removed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "storage/merge_priv.h"
#include "storage/storage_priv.h"
#include "storage/verify_priv.h"

struct damaged_file {
    char *name; /* below the folder of the storage */
    bool unusable;
};

struct repair {
    const char *dir;
    const struct storage_repair *o;
    struct damaged_file *files; /* each once */
    size_t n, cap;
    bool newer; /* there is a file of a newer program */
    bool tombstones, head;
    struct buf kept; /* path of the folder */
};

static bool is_below(const char *file, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(file, folder, n) == 0 && file[n] == '/';
}

/* ---- what is damaged ----------------------------------------------------------------------- */

static void note(void *arg, const struct storage_find *f)
{
    struct repair *r = arg;
    struct damaged_file *last = r->n > 0 ? &r->files[r->n - 1] : NULL;

    r->o->found(r->o->arg, f);
    if (!storage_part_is_damage(f->part))
        return;
    r->newer = r->newer || f->part == PART_NEWER;
    r->tombstones = r->tombstones || is_below(f->file, STORAGE_FOLDER_STONES);
    r->head = r->head || is_below(f->file, STORAGE_FOLDER_HEAD) ||
              is_below(f->file, STORAGE_FOLDER_LOG);
    if (!last || strcmp(last->name, f->file) != 0) { /* finds of a file come one after the other */
        last = VEC_PUSH(r->files, r->n, r->cap);
        last->name = mem_strdup(f->file);
    }
    last->unusable = last->unusable || f->part == PART_FILE;
}

static enum storage_repair_act act_of(const struct damaged_file *f)
{
    if (is_below(f->name, STORAGE_FOLDER_LOG))
        return REPAIR_IMAGE;
    if (is_below(f->name, STORAGE_FOLDER_HEAD))
        return f->unusable ? REPAIR_LEAVE_OUT : REPAIR_IMAGE;
    if (is_below(f->name, STORAGE_FOLDER_STONES))
        return REPAIR_REWRITE;
    if (is_below(f->name, STORAGE_FOLDER_BLOCKS))
        return f->unusable ? REPAIR_LEAVE_OUT : REPAIR_REWRITE;
    return REPAIR_EMPTY;
}

static void tell_acts(const struct repair *r)
{
    for (size_t i = 0; i < r->n; i++)
        r->o->act(r->o->arg, r->files[i].name, act_of(&r->files[i]));
}

/* ---- putting aside ------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, struct err *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    int k = file_read(from, SEGMENT_BYTES_MAX, &bytes, err);

    return k < 0 ? k : file_write_atomic(to, buf_str(&bytes), err);
}

static int put_aside(const struct repair *r, const char *file, bool copied, struct err *err)
{
    const struct file_ops *ops = &file_ops_system;
    CLEANUP(buf_free) struct buf from = {0};
    CLEANUP(buf_free) struct buf to = {0};
    int k;

    buf_addf(&from, "%s/%s", r->dir, file);
    buf_addf(&to, "%s/%s", r->kept.p, file);
    if (access(from.p, F_OK) < 0 || access(to.p, F_OK) == 0)
        return 0; /* a missing segment; or it is there already */
    if (copied)
        return copy_file(from.p, to.p, err);
    k = ops->link(ops->self, from.p, to.p);
    return k < 0 ? err_set(err, k, "link %s to %s: %s", from.p, to.p, strerror(-k)) : 0;
}

static int is_no_dot(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int put_folder_aside(const struct repair *r, const char *folder, bool copied,
                            struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct dirent **names = NULL;
    int n, k = 0;

    buf_addf(&path, "%s/%s", r->dir, folder);
    n = scandir(path.p, &names, is_no_dot, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", path.p);
    for (int i = 0; i < n; i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", folder, names[i]->d_name);
        if (k == 0)
            k = put_aside(r, path.p, copied, err);
        free(names[i]);
    }
    free(names);
    return k;
}

static int make_kept(struct repair *r, struct err *err)
{
    static const char *const folders[] = {STORAGE_FOLDER_BLOCKS, STORAGE_FOLDER_STONES,
                                          STORAGE_FOLDER_HEAD, STORAGE_FOLDER_LOG};
    int k = 0;

    buf_addf(&r->kept, "%s/" STORAGE_FOLDER_DAMAGED "/%lld", r->dir, (long long)clock_unix_ms());
    for (size_t i = 0; i < ARRAY_LEN(folders) && k == 0; i++) {
        CLEANUP(buf_free) struct buf path = {0};

        buf_addf(&path, "%s/%s", r->kept.p, folders[i]);
        k = file_make_dirs(path.p, err);
    }
    return k;
}

static int keep(struct repair *r, struct err *err)
{
    int k = make_kept(r, err);

    if (k == 0 && r->head)
        k = put_folder_aside(r, STORAGE_FOLDER_HEAD, false, err);
    if (k == 0 && r->head)
        k = put_folder_aside(r, STORAGE_FOLDER_LOG, true, err);
    for (size_t i = 0; i < r->n && k == 0; i++)
        k = put_aside(r, r->files[i].name, act_of(&r->files[i]) == REPAIR_EMPTY, err);
    return k;
}

/* ---- repairing ----------------------------------------------------------------------------- */

static struct block *block_of(const struct view *v, const char *file)
{
    uint64_t number;

    if (!num_parse_u64(str_c(file + strlen(STORAGE_FOLDER_BLOCKS "/")), &number))
        return NULL;
    for (size_t i = 0; i < v->n_blocks; i++)
        if (v->blocks[i]->number == number)
            return v->blocks[i];
    return NULL; /* replaced by a merged one, and gone at the start */
}

static int rewrite_block(struct storage *st, const char *file, struct err *err)
{
    struct view *v = view_take(&st->views);
    struct block *b = block_of(v, file);
    struct merge_pace pace = {0};
    int k = b ? merge_blocks(st, &b, 1, true, &pace, err) : 0;

    view_give(v);
    return k;
}

static int remove_unusable(const struct repair *r, const char *file, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", r->dir, file);
    if (unlink(path.p) < 0 && errno != ENOENT)
        return err_set(err, -errno, "remove %s: %m", path.p);
    return 0;
}

static int empty_file(const struct repair *r, const char *file, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", r->dir, file);
    return truncate(path.p, 0) < 0 ? err_set(err, -errno, "empty %s: %m", path.p) : 0;
}

static int repair_files(const struct repair *r, struct storage *st, struct err *err)
{
    int k = 0;

    for (size_t i = 0; i < r->n && k == 0; i++) {
        const char *file = r->files[i].name;

        switch (act_of(&r->files[i])) {
        case REPAIR_REWRITE:
            if (is_below(file, STORAGE_FOLDER_BLOCKS))
                k = rewrite_block(st, file, err);
            break;
        case REPAIR_LEAVE_OUT: k = remove_unusable(r, file, err); break;
        case REPAIR_EMPTY: k = empty_file(r, file, err); break;
        default: break;
        }
    }
    return k;
}

static int write_stones(struct storage *st, struct err *err)
{
    struct view *v = view_take(&st->views);
    int k;

    {
        WITH_LOCK(&st->turn);
        k = storage_write_stones(st, v, NULL, 0, err);
    }
    view_give(v);
    return k;
}

static int write_image(struct storage *st, struct err *err)
{
    WITH_LOCK(&st->turn);
    return storage_write_image(st, err);
}

static int repair_all(const struct repair *r, struct err *err)
{
    struct storage_options o;
    struct storage *st;
    struct err own = {0};
    int k, closed;

    storage_options_default(&o);
    o.exemplars_max = STORAGE_EXEMPLARS_ALL;
    o.manual = true;
    k = storage_open(r->dir, &o, &st, NULL, err);
    if (k < 0)
        return k;
    k = repair_files(r, st, err);
    if (k == 0 && r->tombstones)
        k = write_stones(st, err);
    if (k == 0 && r->head)
        k = write_image(st, err);
    closed = storage_close(st, &own);
    return k < 0 ? k : closed < 0 ? err_set(err, closed, "%s", own.msg) : 0;
}

static void repair_deinit(struct repair *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->files[i].name);
    free(r->files);
    buf_free(&r->kept);
}

int storage_repair(const char *dir, const struct storage_repair *o, struct storage_verified *ret,
                   struct storage_verified *ret_after, struct buf *ret_kept, struct err *err)
{
    CLEANUP(repair_deinit) struct repair r = {.dir = dir, .o = o};
    int k = storage_verify(dir, note, &r, ret, err);

    if (k < 0)
        return k;
    *ret_after = *ret;
    if (r.newer)
        return err_set(err, -EPROTONOSUPPORT, "there are files of a newer tocsin: use that one");
    tell_acts(&r);
    if (o->dry_run || ret->damaged == 0)
        return 0;
    k = keep(&r, err);
    if (k < 0)
        return err_in(err, k, "nothing was changed");
    k = repair_all(&r, err);
    if (k < 0)
        return err_in(err, k, "damaged files are in %s", r.kept.p);
    buf_add_str(ret_kept, buf_str(&r.kept));
    return storage_verify(dir, o->found, o->arg, ret_after, err);
}
