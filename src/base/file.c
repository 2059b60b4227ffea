/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define DIR_MODE   0750
#define FILE_MODE  0640
#define WALK_FDS   16    /* folders that are open while a tree is walked */
#define READ_PIECE 65536 /* bytes asked for at once: files in /proc do not tell their size */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int read_all(int fd, size_t max, struct buf *out, struct err *err)
{
    size_t total = 0;

    for (;;) {
        ssize_t n = read(fd, buf_room(out, READ_PIECE), READ_PIECE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, -errno, "read: %m");
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > max)
            return err_set(err, -E2BIG, "larger than %zu bytes", max);
        out->len += (size_t)n;
        out->p[out->len] = '\0';
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len_before = out->len;
    int r;

    if (fd < 0) {
        r = -errno;
        return err_set(err, r, "%s: %m", path);
    }
    r = read_all(fd, max, out, err);
    if (r < 0) {
        out->len = len_before;
        return err_in(err, r, "%s", path);
    }
    return 0;
}

static int write_all(int fd, struct str content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.p, content.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        content.p += n;
        content.len -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Makes a rename in the folder of `path` last. */
static int sync_folder(const char *path)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(path);
    CLEANUP(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int file_write_atomic(const char *path, struct str content, struct err *err)
{
    CLEANUP(buf_free) struct buf beside = {0};
    CLEANUP(close_fd) int fd = -1;
    int r;

    buf_addf(&beside, "%s.XXXXXX", path);
    fd = mkostemp(beside.p, O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        return err_set(err, r, "%s: %m", beside.p);
    }
    r = fchmod(fd, FILE_MODE) < 0 ? -errno : write_all(fd, content);
    if (r == 0 && rename(beside.p, path) < 0)
        r = -errno;
    if (r < 0) {
        unlink(beside.p);
        return err_set(err, r, "%s: %m", path);
    }
    r = sync_folder(path);
    if (r < 0)
        return err_set(err, r, "%s: sync folder: %m", path);
    return 0;
}

int file_make_dirs(const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(path);
    struct stat st;

    for (char *p = copy; *p;) {
        char cut;

        p += strspn(p, "/");
        p += strcspn(p, "/");
        cut = *p;
        *p = '\0';
        if (*copy && mkdir(copy, DIR_MODE) < 0 && errno != EEXIST)
            return err_set(err, -errno, "%s: %m", copy);
        *p = cut;
    }
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "%s: %m", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "%s: %m", path);
    return 0;
}

int secret_read(const char *direct, const char *file, struct buf *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf content = {0};
    int r;

    if (direct && *direct) {
        buf_add_c(ret, direct);
        return 0;
    }
    if (!file || !*file)
        return 0;
    r = file_read(file, SECRET_MAX, &content, err);
    if (r == 0)
        buf_add_str(ret, str_trim(buf_str(&content)));
    return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void file_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
}
