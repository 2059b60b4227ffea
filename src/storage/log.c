/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/log_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "storage/log_record_priv.h"

void log_init(struct log *l, const struct file_ops *ops, const char *dir, uint64_t number,
              uint64_t bytes)
{
    *l = (struct log){.ops = ops, .dir = mem_strdup(dir), .current = {-1, number}, .syncable = -1};
    l->bytes = bytes;
    lock_init(&l->lists);
    lock_init(&l->turn);
}

void log_deinit(struct log *l)
{
    for (size_t i = 0; i < l->n_retired; i++)
        l->ops->close(l->ops->self, l->retired[i].fd);
    if (l->current.fd >= 0)
        l->ops->close(l->ops->self, l->current.fd);
    free(l->retired);
    free(l->dir);
    lock_deinit(&l->lists);
    lock_deinit(&l->turn);
}

void log_segment_path(const struct log *l, uint64_t number, struct buf *out)
{
    buf_addf(out, "%s/%08llu", l->dir, (unsigned long long)number);
}

/* ---- appending ----------------------------------------------------------------------------- */

static void retire(struct log *l)
{
    if (l->current.fd < 0)
        return;
    WITH_LOCK(&l->lists);
    *VEC_PUSH(l->retired, l->n_retired, l->cap_retired) = l->current;
    l->syncable = -1;
    l->current = (struct log_file){-1, l->current.number + 1};
    l->at = 0;
}

static int begin_segment(struct log *l, struct err *err)
{
    uint8_t head[LOG_SEGMENT_HEAD];
    struct buf path = {0};
    int fd, r;

    log_segment_path(l, l->current.number, &path);
    log_segment_head(l->current.number, head);
    r = fd = l->ops->create(l->ops->self, path.p);
    if (fd >= 0) {
        r = l->ops->write(l->ops->self, fd, head, sizeof head, 0);
        if (r < 0) {
            l->ops->close(l->ops->self, fd);
            l->ops->unlink(l->ops->self, path.p);
        }
    }
    if (r < 0)
        err_set(err, r, "make %s: %m", path.p);
    buf_free(&path);
    if (r < 0)
        return r;
    l->at = sizeof head;
    l->bytes += sizeof head;
    WITH_LOCK(&l->lists);
    l->current.fd = l->syncable = fd;
    l->folder_changed = true;
    return 0;
}

static int check_room(const struct log *l, struct err *err)
{
    int64_t room;

    if (l->kept_free == 0 || !l->ops->free_bytes)
        return 0;
    room = l->ops->free_bytes(l->ops->self, l->dir);
    if (room >= 0 && (uint64_t)room < l->kept_free)
        return err_set(err, -ENOSPC,
                       "the disk of %s is full: its last %llu MiB are kept for alerts and messages",
                       l->dir, (unsigned long long)(l->kept_free >> 20));
    return 0;
}

int log_append(struct log *l, const void *record, size_t len, struct err *err)
{
    int r = check_room(l, err);

    if (r < 0)
        return r;
    if (l->at >= LOG_SEGMENT_BYTES)
        retire(l);
    if (l->current.fd < 0) {
        r = begin_segment(l, err);
        if (r < 0)
            return r;
    }
    r = l->ops->write(l->ops->self, l->current.fd, record, len, l->at);
    if (r < 0) {
        /* What came to the disk is no good record; cut off, it is no damage either at the next
         * start. */
        (void)l->ops->truncate(l->ops->self, l->current.fd, l->at);
        err_set(err, r, "write segment %08llu: %m", (unsigned long long)l->current.number);
        if (r != -ENOSPC && r != -EDQUOT)
            retire(l); /* a place that cannot be written: try another one */
        return r;
    }
    l->at += len;
    l->bytes += len;
    l->bytes_since += len;
    WITH_LOCK(&l->lists);
    l->dirty = true;
    return 0;
}

void log_take_back(struct log *l, size_t len)
{
    if (l->current.fd < 0)
        return;
    l->at -= len;
    l->bytes -= len;
    (void)l->ops->truncate(l->ops->self, l->current.fd, l->at);
    retire(l);
}

uint64_t log_turn(struct log *l)
{
    retire(l);
    l->bytes_since = 0;
    return l->current.number;
}

/* ---- syncing ------------------------------------------------------------------------------- */

bool log_is_dirty(struct log *l)
{
    WITH_LOCK(&l->lists);
    return l->dirty || l->n_retired > 0;
}

/* What there is to sync at this moment. The retired files are the caller's now. */
struct sync_work {
    struct log_file *retired;
    size_t n_retired;
    int current;
    bool folder;
};

static struct sync_work take_work(struct log *l)
{
    WITH_LOCK(&l->lists);
    struct sync_work w = {TAKE(l->retired), l->n_retired, l->dirty ? l->syncable : -1,
                          l->folder_changed};

    l->n_retired = l->cap_retired = 0;
    l->dirty = false;
    l->folder_changed = false;
    return w;
}

static void work_failed(struct log *l, bool folder)
{
    WITH_LOCK(&l->lists);
    l->dirty = true;
    l->folder_changed = l->folder_changed || folder;
}

int log_sync(struct log *l, struct err *err)
{
    WITH_LOCK(&l->turn);
    struct sync_work w = take_work(l);
    int r = 0;

    for (size_t i = 0; i < w.n_retired; i++) {
        int k = l->ops->sync(l->ops->self, w.retired[i].fd);

        /* It cannot be tried again: the system has dropped what it could not write. The caller
         * makes an image of the head instead, which holds all of it. */
        l->ops->close(l->ops->self, w.retired[i].fd);
        r = r < 0 ? r : k;
    }
    free(w.retired);
    if (w.current >= 0) {
        int k = l->ops->sync(l->ops->self, w.current);

        r = r < 0 ? r : k;
    }
    if (w.folder) {
        int k = l->ops->sync_dir(l->ops->self, l->dir);

        r = r < 0 ? r : k;
    }
    l->syncs++;
    if (r < 0) {
        work_failed(l, w.folder);
        return err_set(err, r, "sync the log in %s: %m", l->dir);
    }
    return 0;
}

/* ---- removing ------------------------------------------------------------------------------ */

int log_remove(struct log *l, uint64_t from, uint64_t before, struct err *err)
{
    int r = 0;

    for (uint64_t n = from; n < before; n++) {
        struct buf path = {0};
        struct stat st;
        int k = 0;

        log_segment_path(l, n, &path);
        if (stat(path.p, &st) == 0) {
            k = l->ops->unlink(l->ops->self, path.p);
            if (k == 0)
                l->bytes -= (uint64_t)st.st_size;
        }
        if (k < 0 && r == 0)
            r = err_set(err, k, "remove %s: %m", path.p);
        buf_free(&path);
    }
    return r;
}
