/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_file_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

int prom_file_map(const char *dir, const char *name, struct str *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct stat st;
    void *p = NULL;
    int fd, r = 0;

    buf_addf(&path, "%s/%s", dir, name);
    fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "open: %m");
    if (fstat(fd, &st) < 0)
        r = err_set(err, -errno, "stat: %m");
    else if (!S_ISREG(st.st_mode))
        r = err_set(err, -EINVAL, "it is no file");
    else if (st.st_size > 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            r = err_set(err, -errno, "map: %m");
    }
    close(fd);
    if (r == 0)
        *ret = str_n(p, p ? (size_t)st.st_size : 0);
    return r;
}

void prom_file_unmap(struct str bytes)
{
    if (bytes.p)
        munmap((void *)bytes.p, bytes.len);
}
