/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/file_ops_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int result(int r)
{
    return r < 0 ? -errno : r;
}

static int sys_create(void *self, const char *path)
{
    return result(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
}

static int sys_write(void *self, int fd, const void *p, size_t n, uint64_t at)
{
    const char *from = p;

    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        if (done == 0)
            return -ENOSPC;
        from += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}

static int sys_truncate(void *self, int fd, uint64_t len)
{
    return result(ftruncate(fd, (off_t)len));
}

static int sys_sync(void *self, int fd)
{
    return result(fdatasync(fd));
}

static int sys_close(void *self, int fd)
{
    return result(close(fd));
}

static int sys_rename(void *self, const char *from, const char *to)
{
    return result(rename(from, to));
}

static int sys_unlink(void *self, const char *path)
{
    return result(unlink(path));
}

static int sys_make_dir(void *self, const char *path)
{
    int r = result(mkdir(path, 0750));

    return r == -EEXIST ? 0 : r;
}

static int sys_sync_dir(void *self, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = result(fsync(fd));
    close(fd);
    return r;
}

static int64_t sys_free_bytes(void *self, const char *path)
{
    struct statvfs v;

    return statvfs(path, &v) < 0 ? -errno : (int64_t)(v.f_bavail * v.f_frsize);
}

static int sys_link(void *self, const char *from, const char *to)
{
    return result(link(from, to));
}

const struct file_ops file_ops_system = {
    NULL,       sys_create, sys_write,    sys_truncate, sys_sync, sys_close,
    sys_rename, sys_unlink, sys_make_dir, sys_sync_dir, sys_link, sys_free_bytes,
};
