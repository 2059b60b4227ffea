/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: a folder that is a data directory of its own, with hard links to files that do not
 * change any more: blocks, the tombstones, and for the head its image and the segments of the log
 * behind it, which end where the snapshot was taken.
 *
 * It is made under a temporary name and renamed: it is there as a whole or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"

#include "storage/section_file_priv.h"
#include "storage/storage_priv.h"

#define SNAPSHOTS "snapshots"

struct snapshot {
    struct storage *st;
    struct buf parent; /* where snapshots are */
    struct buf name;
    struct buf root; /* while it is made */
    struct buf dir;  /* in it, that of the storage */
    bool skip_head;
};

static void snapshot_deinit(struct snapshot *s)
{
    buf_free(&s->parent);
    buf_free(&s->name);
    buf_free(&s->root);
    buf_free(&s->dir);
}

static void add_parent(const struct storage *st, struct buf *out)
{
    const char *slash = strrchr(st->dir, '/');

    if (slash)
        buf_addf(out, "%.*s/" SNAPSHOTS, (int)(slash - st->dir), st->dir);
    else
        buf_addf(out, SNAPSHOTS);
}

/* <data>/tsdb makes <data>/snapshots/<time>-<random>/tsdb. */
static int name_all(struct snapshot *s, struct err *err)
{
    const char *slash = strrchr(s->st->dir, '/');
    time_t now = (time_t)(clock_unix_ms() / 1000);
    char text[32];
    uint64_t id;
    struct tm tm;

    if (getrandom(&id, sizeof id, 0) != sizeof id)
        return err_set(err, -EIO, "no random number for its name: %m");
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &tm);
    buf_addf(&s->name, "%s-%016llx", text, (unsigned long long)id);
    add_parent(s->st, &s->parent);
    buf_addf(&s->root, "%s/%s" TEMPORARY_SUFFIX, s->parent.p, s->name.p);
    buf_addf(&s->dir, "%s/%s", s->root.p, slash ? slash + 1 : s->st->dir);
    return 0;
}

static int make_folder(struct snapshot *s, const char *path, struct err *err)
{
    const struct file_ops *ops = s->st->ops;
    int r = ops->make_dir(ops->self, path);

    return r < 0 ? err_set(err, r, "make folder %s: %s", path, strerror(-r)) : 0;
}

/* Links one file, if there is such a one or `must_be` says that there has to be. */
static int link_file(struct snapshot *s, const char *folder, uint64_t number, bool must_be,
                     struct err *err)
{
    const struct file_ops *ops = s->st->ops;
    CLEANUP(buf_free) struct buf from = {0}, to = {0};
    int r;

    storage_path(s->st, folder, number, &from);
    buf_addf(&to, "%s/%s/%08llu", s->dir.p, folder, (unsigned long long)number);
    r = ops->link(ops->self, from.p, to.p);
    if (r == -ENOENT && !must_be)
        return 0;
    return r < 0 ? err_set(err, r, "link %s: %s", from.p, strerror(-r)) : 0;
}

/* turn. The image is written now; commits that come meanwhile are in the segments behind it, of
 * which the last one is closed here. *ret_end is the first segment that does not belong to it. */
static int close_head(struct storage *st, uint64_t *ret_end, struct err *err)
{
    int r = storage_write_image(st, err);

    if (r < 0)
        return r;
    {
        WITH_LOCK(&st->head.commit);
        uint64_t since = st->log.bytes_since;

        *ret_end = log_turn(&st->log);
        st->log.bytes_since = since;
    }
    return log_sync(&st->log, err);
}

static int link_head(struct snapshot *s, struct err *err)
{
    uint64_t end = 0;
    int r = close_head(s->st, &end, err);

    if (r == 0)
        r = link_file(s, STORAGE_FOLDER_HEAD, s->st->image_number, true, err);
    for (uint64_t n = s->st->image_number; n < end && r == 0; n++)
        r = link_file(s, STORAGE_FOLDER_LOG, n, false, err);
    return r;
}

static int link_all(struct snapshot *s, struct err *err)
{
    const struct view *v = s->st->views.current;
    int r = 0;

    for (size_t i = 0; i < v->n_blocks && r == 0; i++)
        r = link_file(s, STORAGE_FOLDER_BLOCKS, v->blocks[i]->number, true, err);
    if (r == 0 && s->st->stones_number > 0)
        r = link_file(s, STORAGE_FOLDER_STONES, s->st->stones_number, true, err);
    return r == 0 && !s->skip_head ? link_head(s, err) : r;
}

void storage_sweep_snapshots(const struct storage *st)
{
    CLEANUP(buf_free) struct buf parent = {0}, path = {0};
    const struct dirent *e;
    DIR *d;

    add_parent(st, &parent);
    d = opendir(parent.p);
    while (d && (e = readdir(d)))
        if (str_has_suffix(str_c(e->d_name), STR(TEMPORARY_SUFFIX))) {
            buf_reset(&path);
            buf_addf(&path, "%s/%s", parent.p, e->d_name);
            file_remove_tree(path.p);
        }
    if (d)
        closedir(d);
}

static int make(struct snapshot *s, struct err *err)
{
    static const char *const folders[] = {STORAGE_FOLDER_LOG, STORAGE_FOLDER_HEAD,
                                          STORAGE_FOLDER_BLOCKS, STORAGE_FOLDER_STONES};
    const struct file_ops *ops = s->st->ops;
    CLEANUP(buf_free) struct buf path = {0};
    int r = make_folder(s, s->parent.p, err);

    if (r == 0)
        r = make_folder(s, s->root.p, err);
    if (r == 0)
        r = make_folder(s, s->dir.p, err);
    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", s->dir.p, folders[i]);
        r = make_folder(s, path.p, err);
    }
    if (r == 0)
        r = link_all(s, err);
    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", s->dir.p, folders[i]);
        r = ops->sync_dir(ops->self, path.p);
        if (r < 0)
            err_set(err, r, "sync %s: %s", path.p, strerror(-r));
    }
    return r;
}

static int install(struct snapshot *s, struct err *err)
{
    const struct file_ops *ops = s->st->ops;
    CLEANUP(buf_free) struct buf path = {0};
    int r = ops->sync_dir(ops->self, s->dir.p);

    buf_addf(&path, "%s/%s", s->parent.p, s->name.p);
    if (r == 0)
        r = ops->sync_dir(ops->self, s->root.p);
    if (r == 0)
        r = ops->rename(ops->self, s->root.p, path.p);
    if (r == 0)
        r = ops->sync_dir(ops->self, s->parent.p);
    return r < 0 ? err_set(err, r, "make %s: %s", path.p, strerror(-r)) : 0;
}

int storage_snapshot(struct storage *st, bool skip_head, struct buf *ret_name, struct err *err)
{
    WITH_LOCK(&st->turn);
    CLEANUP(snapshot_deinit) struct snapshot s = {.st = st, .skip_head = skip_head};
    int r = name_all(&s, err);

    if (r < 0)
        return err_in(err, r, "snapshot");
    r = make(&s, err);
    if (r == 0)
        r = install(&s, err);
    if (r < 0) {
        file_remove_tree(s.root.p);
        return err_in(err, r, "snapshot");
    }
    buf_add_str(ret_name, buf_str(&s.name));
    return 0;
}
