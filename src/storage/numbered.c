/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/numbered_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "storage/section_file_priv.h"

static int compare(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

    return (a > b) - (a < b);
}

static void remove_temporary(const char *dir, const char *name, const struct file_ops *ops)
{
    struct buf path = {0};

    buf_addf(&path, "%s/%s", dir, name);
    (void)ops->unlink(ops->self, path.p);
    buf_free(&path);
}

int numbered_list(const char *dir, const struct file_ops *ops, struct numbered *ret,
                  struct err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    *ret = (struct numbered){0};
    if (!d)
        return err_set(err, -errno, "open folder %s: %m", dir);
    while ((e = readdir(d))) {
        struct str name = str_c(e->d_name);
        uint64_t number;

        if (str_has_suffix(name, STR(TEMPORARY_SUFFIX)))
            remove_temporary(dir, e->d_name, ops);
        else if (num_parse_u64(name, &number) && number > 0)
            *VEC_PUSH(ret->v, ret->n, ret->cap) = number;
    }
    closedir(d);
    if (ret->n > 0)
        qsort(ret->v, ret->n, sizeof *ret->v, compare);
    return 0;
}

void numbered_deinit(struct numbered *s)
{
    free(s->v);
    *s = (struct numbered){0};
}
