/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "storage/prom_imported_priv.h"
#include "storage/section_file_priv.h"
#include "storage/storage_priv.h"

bool storage_part_is_damage(enum storage_part part)
{
    return part != PART_UNKNOWN && part != PART_TEMPORARY;
}

void verify_found(struct verify *v, const char *file, const struct storage_find *f)
{
    struct storage_find with_file = *f;

    with_file.file = file;
    if (storage_part_is_damage(f->part))
        v->counts->damaged++;
    else
        v->counts->notes++;
    v->found(v->arg, &with_file);
}

static void tell(struct verify *v, const char *file, enum storage_part part, uint64_t at,
                 uint64_t len, const char *detail)
{
    verify_found(v, file,
                 &(struct storage_find){.at = at, .len = len, .part = part, .detail = detail});
}

/* ---- the log ------------------------------------------------------------------------------- */

static void check_record(struct verify *v, const char *file, const uint8_t *bytes,
                         const struct log_extent *e, size_t end)
{
    const char *why = verify_record_sense(bytes + e->at, e->len, &v->known);
    size_t filling = e->at + e->len;

    v->counts->records++;
    if (why) {
        tell(v, file, PART_SENSE, e->at, e->len, why);
        v->known.uncertain = true; /* it may have told of series */
    }
    for (size_t i = filling; i < end; i++)
        if (bytes[i] != 0) {
            tell(v, file, PART_FILLING, filling, end - filling, "");
            return;
        }
}

static size_t record_end(const struct log_extent *e)
{
    return (e->at + e->len + LOG_RECORD_ALIGN - 1) / LOG_RECORD_ALIGN * LOG_RECORD_ALIGN;
}

static void check_segment_bytes(struct verify *v, const char *file, uint64_t number,
                                const uint8_t *p, size_t len)
{
    size_t at = LOG_SEGMENT_HEAD;
    struct log_scan scan;

    log_scan_segment(p, len, number, &scan);
    if (scan.head_damaged)
        tell(v, file, PART_SEGMENT_HEAD, 0, len < LOG_SEGMENT_HEAD ? len : LOG_SEGMENT_HEAD, "");
    for (size_t i = 0; i < scan.n; i++) {
        size_t begin = scan.records[i].at - LOG_RECORD_HEAD;

        if (begin > at) {
            v->known.uncertain = true;
            tell(v, file, PART_RECORDS, at, begin - at, "");
        }
        at = record_end(&scan.records[i]);
        check_record(v, file, p, &scan.records[i], at);
    }
    if (len > at) {
        v->known.uncertain = true;
        tell(v, file, PART_TAIL, at, len - at, "");
    }
    log_scan_deinit(&scan);
}

/* Which series the log may use is known from the first segment on that is needed, as long as nothing
 * of it is lost. */
static void verify_segment(struct verify *v, const char *file, uint64_t number)
{
    CLEANUP(buf_free) struct buf path = {0};
    CLEANUP(buf_free) struct buf bytes = {0};
    struct err err = {0};

    buf_addf(&path, "%s/%s", v->dir, file);
    if (number <= v->first)
        v->known.uncertain = number < v->first; /* of what the image has nothing is needed */
    else if (number != v->next)
        v->known.uncertain = true;
    v->next = number + 1;
    if (file_read(path.p, SEGMENT_BYTES_MAX, &bytes, &err) < 0) {
        v->known.uncertain = true;
        tell(v, file, PART_FILE, 0, 0, err.msg);
        return;
    }
    check_segment_bytes(v, file, number, (const uint8_t *)bytes.p, bytes.len);
}

/* ---- folders ------------------------------------------------------------------------------- */

struct numbers {
    uint64_t *v;
    size_t n, cap;
};

static int no_dots(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* A name as the storage gives it. */
static bool is_number(const char *name, uint64_t *ret)
{
    CLEANUP(buf_free) struct buf should = {0};

    if (!num_parse_u64(str_c(name), ret) || *ret == 0)
        return false;
    buf_addf(&should, "%08llu", (unsigned long long)*ret);
    return strcmp(should.p, name) == 0;
}

static void count_file(struct verify *v, const char *file, struct stat *st)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", v->dir, file);
    *st = (struct stat){0};
    (void)stat(path.p, st);
    v->counts->files++;
    v->counts->bytes += (uint64_t)st->st_size;
}

/* Adds the numbers, in order of names, which is theirs; tells what is no number. */
static int list(struct verify *v, const char *folder, struct numbers *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct dirent **names = NULL;
    int n;

    buf_addf(&path, "%s/%s", v->dir, folder);
    n = scandir(path.p, &names, no_dots, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", path.p);
    for (int i = 0; i < n; i++) {
        struct buf file = {0};
        uint64_t number;

        buf_addf(&file, "%s/%s", folder, names[i]->d_name);
        if (is_number(names[i]->d_name, &number))
            *VEC_PUSH(ret->v, ret->n, ret->cap) = number;
        else
            tell(v, file.p,
                 str_has_suffix(buf_str(&file), STR(TEMPORARY_SUFFIX)) ? PART_TEMPORARY
                                                                       : PART_UNKNOWN,
                 0, 0, "");
        buf_free(&file);
        free(names[i]);
    }
    free(names);
    return 0;
}

static int compare_numbers(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

    return (a > b) - (a < b);
}

/* Calls `check` for each file of the folder. The newest number, or 0, goes to *ret_newest. */
static int each_file(struct verify *v, const char *folder, struct numbers *numbers,
                     void (*check)(struct verify *v, const char *file, uint64_t number),
                     struct err *err)
{
    int r = list(v, folder, numbers, err);

    if (numbers->n > 0)
        qsort(numbers->v, numbers->n, sizeof *numbers->v, compare_numbers);
    for (size_t i = 0; i < numbers->n && r == 0; i++) {
        struct buf file = {0};
        struct stat st;

        buf_addf(&file, "%s/%08llu", folder, (unsigned long long)numbers->v[i]);
        count_file(v, file.p, &st);
        check(v, file.p, numbers->v[i]);
        buf_free(&file);
    }
    return r;
}

static void check_stones(struct verify *v, const char *file, uint64_t number)
{
    verify_stones(v, file);
}

/* The images; *ret_segment is what the newest one that can be used needs. */
static int check_images(struct verify *v, uint64_t *ret_segment, struct err *err)
{
    struct numbers numbers = {0};
    int r = list(v, STORAGE_FOLDER_HEAD, &numbers, err);

    *ret_segment = 0;
    for (size_t i = 0; i < numbers.n && r == 0; i++) {
        struct buf file = {0};
        struct stat st;

        buf_addf(&file, STORAGE_FOLDER_HEAD "/%08llu", (unsigned long long)numbers.v[i]);
        count_file(v, file.p, &st);
        verify_image(v, file.p, ret_segment);
        buf_free(&file);
    }
    free(numbers.v);
    return r;
}

static void tell_missing(struct verify *v, uint64_t number, const char *detail)
{
    CLEANUP(buf_free) struct buf file = {0};

    buf_addf(&file, STORAGE_FOLDER_LOG "/%08llu", (unsigned long long)number);
    tell(v, file.p, PART_MISSING, 0, 0, detail);
}

/* Segments follow each other; the first one is that of the image, or number 1. */
static int check_log(struct verify *v, uint64_t first, struct err *err)
{
    struct numbers numbers = {0};
    uint64_t next = first > 0 ? first : 1;
    int r;

    v->first = v->next = next;
    r = each_file(v, STORAGE_FOLDER_LOG, &numbers, verify_segment, err);

    for (size_t i = 0; i < numbers.n && r == 0; i++) {
        if (numbers.v[i] < first)
            continue;
        if (numbers.v[i] > next)
            tell_missing(v, next,
                         first == 0 && next == 1 ? "nor is there an image that replaces it" : "");
        next = numbers.v[i] + 1;
    }
    free(numbers.v);
    return r;
}

static int check_others(struct verify *v, struct err *err)
{
    static const char *const known[] = {STORAGE_FOLDER_LOG, STORAGE_FOLDER_HEAD,
                                        STORAGE_FOLDER_BLOCKS, STORAGE_FOLDER_STONES,
                                        STORAGE_FOLDER_DAMAGED};
    struct dirent **names = NULL;
    int n = scandir(v->dir, &names, no_dots, alphasort);

    if (n < 0)
        return err_set(err, -errno, "%s: %m", v->dir);
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        bool is_known = false;
        struct stat st;

        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            is_known = is_known || strcmp(name, known[k]) == 0;
        if (strcmp(name, "lock") == 0) {
            count_file(v, name, &st);
            if (st.st_size > 0)
                tell(v, name, PART_LOCK, 0, (uint64_t)st.st_size, "");
        } else if (strcmp(name, PROM_IMPORTED_FILE) == 0) {
            count_file(v, name, &st);
            if (prom_imported_check(v->dir, NULL) < 0)
                tell(v, name, PART_FILE, 0, (uint64_t)st.st_size, "");
        } else if (!is_known) {
            tell(v, name, PART_UNKNOWN, 0, 0, "");
        }
        free(names[i]);
    }
    free(names);
    return 0;
}

int verify_share_lock(const char *dir, int *ret_fd, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    int fd;

    buf_addf(&path, "%s/lock", dir);
    fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_set(err, -errno, "open %s: %m", path.p);
    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0) {
        int r = -errno;

        close(fd);
        return r == -EWOULDBLOCK ? err_set(err, -EBUSY, "%s is in use by another process", dir)
                                 : err_set(err, r, "lock %s: %m", path.p);
    }
    *ret_fd = fd;
    return 0;
}

static int check_all(struct verify *v, struct err *err)
{
    struct numbers numbers = {0};
    uint64_t segment;
    int r = check_others(v, err);

    if (r == 0)
        r = each_file(v, STORAGE_FOLDER_BLOCKS, &numbers, verify_block, err);
    numbers.n = 0;
    if (r == 0)
        r = each_file(v, STORAGE_FOLDER_STONES, &numbers, check_stones, err);
    free(numbers.v);
    if (r == 0)
        r = check_images(v, &segment, err);
    if (r == 0)
        r = check_log(v, segment, err);
    return r;
}

int storage_verify(const char *dir, void (*found)(void *arg, const struct storage_find *f),
                   void *arg, struct storage_verified *ret, struct err *err)
{
    struct verify v = {.dir = dir, .found = found, .arg = arg, .counts = ret};
    int fd = -1, r;

    *ret = (struct storage_verified){0};
    r = verify_share_lock(dir, &fd, err);
    if (r < 0)
        return r;
    r = check_all(&v, err);
    map_deinit(&v.known.told);
    if (fd >= 0)
        close(fd);
    return r;
}
