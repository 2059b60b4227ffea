/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/prom_wal_files_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/num.h"

#define CHECKPOINT "checkpoint."

/* The number at the end of a name: decimal digits behind `prefix` and nothing else. -1: none. */
static int64_t number_of(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    int64_t number;

    if (strncmp(name, prefix, len) != 0)
        return -1;
    name += len;
    return *name && !name[strspn(name, "0123456789")] && num_parse_i64(str_c(name), &number)
               ? number
               : -1;
}

static int is_segment(const struct dirent *d)
{
    return number_of(d->d_name, "") >= 0;
}

static int is_checkpoint(const struct dirent *d)
{
    return number_of(d->d_name, CHECKPOINT) >= 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
    int64_t x = number_of((*a)->d_name, ""), y = number_of((*b)->d_name, "");

    return (x > y) - (x < y);
}

static void add(struct prom_segments *s, const char *dir, const char *folder, const char *name)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct buf short_path = {0};
    struct stat st;
    uint64_t bytes;

    buf_addf(&path, "%s/%s/%s", dir, folder, name);
    bytes = stat(path.p, &st) == 0 ? (uint64_t)st.st_size : 0;
    buf_addf(&short_path, "%s/%s", folder, name);
    *VEC_PUSH(s->v, s->n, s->cap) = (struct prom_segment){.name = buf_take(&short_path),
                                                          .bytes = bytes};
    s->bytes += bytes;
}

/* Adds the segments of a folder that have a number above `above`; none when there is no folder. */
static int add_folder(struct prom_segments *s, const char *dir, const char *folder, int64_t above,
                      struct buf *report, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct dirent **names = NULL;
    int64_t before = above;
    int n;

    buf_addf(&path, "%s/%s", dir, folder);
    n = scandir(path.p, &names, is_segment, by_number);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", path.p);
    for (int i = 0; i < n; i++) {
        int64_t number = number_of(names[i]->d_name, "");

        if (number > above) {
            if (report && before >= 0 && number != before + 1)
                buf_addf(report, "%s: segments %lld to %lld are missing\n", path.p,
                         (long long)before + 1, (long long)number - 1);
            before = number;
            add(s, dir, folder, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return 0;
}

/* *ret is -1 when there is none. */
static int newest_checkpoint(const char *dir, int64_t *ret, struct buf *ret_folder, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct dirent **names = NULL;
    int n;

    *ret = -1;
    buf_addf(&path, "%s/wal", dir);
    n = scandir(path.p, &names, is_checkpoint, NULL);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", path.p);
    for (int i = 0; i < n; i++) {
        int64_t number = number_of(names[i]->d_name, CHECKPOINT);

        if (number > *ret) {
            *ret = number;
            buf_reset(ret_folder);
            buf_addf(ret_folder, "wal/%s", names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return 0;
}

static int find(const char *dir, struct prom_segments *s, struct buf *report, struct err *err)
{
    CLEANUP(buf_free) struct buf folder = {0};
    int64_t checkpoint;
    size_t before;
    int r = newest_checkpoint(dir, &checkpoint, &folder, err);

    if (r == 0 && checkpoint >= 0)
        r = add_folder(s, dir, folder.p, -1, report, err);
    before = s->n;
    if (r == 0)
        r = add_folder(s, dir, "wal", checkpoint, report, err);
    if (s->n > before)
        s->v[s->n - 1].is_last = true;
    before = s->n;
    if (r == 0)
        r = add_folder(s, dir, "wbl", -1, report, err);
    for (size_t i = before; i < s->n; i++)
        s->v[i].is_late = true;
    if (s->n > before)
        s->v[s->n - 1].is_last = true;
    return r;
}

int prom_segments_find(const char *dir, struct prom_segments *ret, struct buf *report,
                       struct err *err)
{
    struct prom_segments s = {0};
    int r = find(dir, &s, report, err);

    if (r < 0)
        prom_segments_deinit(&s);
    else
        *ret = s;
    return r;
}

void prom_segments_deinit(struct prom_segments *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].name);
    free(s->v);
}
