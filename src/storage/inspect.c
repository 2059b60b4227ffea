/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/inspect_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "storage/block_priv.h"
#include "storage/image_priv.h"
#include "storage/stones_file_priv.h"
#include "storage/storage_priv.h"
#include "storage/verify_priv.h"

const char *storage_codec_name(enum storage_codec codec)
{
    static const char *const names[STORAGE_CODECS] = {
        [STORAGE_CODEC_CONSTANT] = "constant",
        [STORAGE_CODEC_PLAIN] = "plain",
        [STORAGE_CODEC_DIFFERENCES] = "differences",
        [STORAGE_CODEC_XOR] = "xor",
        [STORAGE_CODEC_HISTOGRAM] = "histogram",
        [STORAGE_CODEC_OPEN] = "open",
        [STORAGE_CODEC_NONE] = "damaged",
    };

    return names[codec];
}

const char *storage_file_kind_name(enum storage_file_kind kind)
{
    static const char *const names[STORAGE_FILE_KINDS] = {
        [STORAGE_FILE_BLOCK] = "block",
        [STORAGE_FILE_IMAGE] = "image",
        [STORAGE_FILE_LOG] = "log",
        [STORAGE_FILE_OTHER] = "other",
        [STORAGE_FILE_TOMBSTONES] = "tombstones",
    };

    return names[kind];
}

void inspected_deinit(struct inspected *i)
{
    for (size_t k = 0; k < i->n_metrics; k++)
        free(i->metrics[k].name);
    for (size_t k = 0; k < i->n_found; k++)
        label_set_unref(i->found[k].series);
    free(i->metrics);
    free(i->by_bytes);
    free(i->found);
    free(i->parents);
}

void inspect_time(struct storage_file *f, unix_ms from, unix_ms to)
{
    f->from = from < f->from ? from : f->from;
    f->to = to > f->to ? to : f->to;
}

/* ---- sections ------------------------------------------------------------------------------ */

static void count_damaged(void *arg, enum section_part part, uint64_t at, size_t len)
{
    ++*(uint64_t *)arg;
}

void inspect_sections(const struct section_file *file, const char *const *names, size_t n_names,
                      struct inspected *ret)
{
    ret->f.version = file->frame.version;
    ret->f.frame_damaged = section_file_frames(file) != FRAMES_GOOD;
    ret->f.sections = ret->sections;
    ret->f.n_sections = file->frame.n_sections;
    for (uint32_t i = 0; i < file->frame.n_sections; i++) {
        struct storage_section *s = &ret->sections[i];

        *s = (struct storage_section){.name = i < n_names ? names[i] : "",
                                      .at = file->frame.sections[i].at,
                                      .len = file->frame.sections[i].len};
        section_scan(file, i, count_damaged, &s->damaged);
    }
}

/* ---- the log ------------------------------------------------------------------------------- */

static void count_series(void *self, uint32_t id, const struct label *labels, size_t n)
{
    ((struct storage_file *)self)->series++;
}

static void count_sample(void *self, bool late, uint32_t id, unix_ms t, double v)
{
    struct storage_file *f = self;

    f->samples++;
    f->late_samples += late;
    inspect_time(f, t, t);
}

static void count_histogram(void *self, bool late, uint32_t id, unix_ms t,
                            const struct histogram *h)
{
    count_sample(self, late, id, t, 0);
}

static void count_delete(void *self, uint32_t id, unix_ms from, unix_ms to)
{
    ((struct storage_file *)self)->deletes++;
}

static void count_exemplar(void *self, const struct logged_exemplar *e)
{
    ((struct storage_file *)self)->exemplars++;
}

static void count_family(void *self, const struct metric_metadata *m)
{
    ((struct storage_file *)self)->families++;
}

bool inspect_record(const uint8_t *sections, size_t len, struct storage_file *f)
{
    const struct log_visitor v = {.self = f,
                                  .series = count_series,
                                  .sample = count_sample,
                                  .histogram = count_histogram,
                                  .deleted = count_delete,
                                  .exemplar = count_exemplar,
                                  .metadata = count_family};

    return log_record_visit(sections, len, &v);
}

static int inspect_log(const struct storage_inspect *o, const char *path, struct inspected *ret,
                       struct err *err)
{
    CLEANUP(buf_free) struct buf bytes = {0};
    const char *name = strrchr(path, '/');
    struct storage_file *f = &ret->f;
    uint64_t number = 0;
    struct log_scan scan;
    int r = file_read(path, SEGMENT_BYTES_MAX, &bytes, err);

    if (r < 0)
        return r;
    (void)num_parse_u64(str_c(name ? name + 1 : path), &number);
    log_scan_segment((const uint8_t *)bytes.p, bytes.len, number, &scan);
    f->version = bytes.len >= LOG_SEGMENT_HEAD ? get_u32((const uint8_t *)bytes.p + 8) : 0;
    f->frame_damaged = scan.head_damaged;
    f->damaged = scan.damaged + (bytes.len > LOG_SEGMENT_HEAD && scan.end < bytes.len);
    for (size_t i = 0; i < scan.n; i++) {
        f->commits++;
        f->damaged += !inspect_record((const uint8_t *)bytes.p + scan.records[i].at,
                                      scan.records[i].len, f);
    }
    log_scan_deinit(&scan);
    return 0;
}

/* ---- tombstones ---------------------------------------------------------------------------- */

static int inspect_stones(const struct storage_inspect *o, const char *path, struct inspected *ret,
                          struct err *err)
{
    static const char *const names[] = {"tombstones"};
    struct section_file file;
    struct section_damage d = {0};
    bool frame_damaged;
    int r = section_file_open(path, STONES_KIND, STONES_VERSION, &file, &frame_damaged, err);

    if (r < 0)
        return r;
    inspect_sections(&file, names, ARRAY_LEN(names), ret);
    if (file.frame.n_sections == 1) {
        section_check(&file, 0, &d);
        ret->f.damaged += !stones_bytes_count(section_at(&file, 0), section_len(&file, 0),
                                              &ret->f.deletes);
    }
    section_file_close(&file);
    return 0;
}

static int inspect_nothing(const struct storage_inspect *o, const char *path, struct inspected *ret,
                           struct err *err)
{
    return 0;
}

/* ---- one file ------------------------------------------------------------------------------ */

static void inspect_file(const struct storage_inspect *o, const char *path, const char *file,
                         enum storage_file_kind kind, bool being_written)
{
    static int (*const how[STORAGE_FILE_KINDS])(const struct storage_inspect *, const char *,
                                                struct inspected *, struct err *) = {
        [STORAGE_FILE_BLOCK] = inspect_block,   [STORAGE_FILE_IMAGE] = inspect_image,
        [STORAGE_FILE_LOG] = inspect_log,       [STORAGE_FILE_TOMBSTONES] = inspect_stones,
        [STORAGE_FILE_OTHER] = inspect_nothing,
    };
    CLEANUP(inspected_deinit)
    struct inspected i = {.f = {.file = file,
                                .kind = kind,
                                .problem = "",
                                .being_written = being_written,
                                .from = INT64_MAX,
                                .to = INT64_MIN}};
    struct err err = {0};
    struct stat st;

    if (stat(path, &st) < 0)
        return; /* merged or retired while its name was read */
    i.f.bytes = (uint64_t)st.st_size;
    if (!being_written && how[kind](o, path, &i, &err) < 0)
        i.f.problem = err.msg;
    o->file(o->arg, &i.f);
}

/* What a file is, by its first bytes, or when these are damaged by its last frame. */
static enum storage_file_kind kind_of(const char *path)
{
    static const struct {
        char magic[9];
        enum storage_file_kind kind;
    } table[] = {
        {"TOCSIN\0B", STORAGE_FILE_BLOCK},
        {"TOCSIN\0H", STORAGE_FILE_IMAGE},
        {"TOCSIN\0T", STORAGE_FILE_TOMBSTONES},
        {"TOCSINL\0", STORAGE_FILE_LOG},
    };
    enum storage_file_kind kind = STORAGE_FILE_OTHER;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t places[] = {0, end - FRAME_BYTES};

    for (size_t p = 0; p < ARRAY_LEN(places) && kind == STORAGE_FILE_OTHER; p++) {
        char begin[8];

        if (places[p] < 0 || pread(fd, begin, sizeof begin, places[p]) != sizeof begin)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
            if (memcmp(begin, table[i].magic, sizeof begin) == 0)
                kind = table[i].kind;
    }
    if (fd >= 0)
        close(fd);
    return kind;
}

/* ---- folders ------------------------------------------------------------------------------- */

static int is_no_dot(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* Names of numbers are as long as each other, so that their order is that of the numbers. The newest
 * segment of the log is being written while the folder is in use. */
static int inspect_folder(const struct storage_inspect *o, const char *dir, const char *folder,
                          enum storage_file_kind kind, bool in_use, struct err *err)
{
    CLEANUP(buf_free) struct buf at = {0};
    struct dirent **names = NULL;
    int n;

    buf_addf(&at, "%s/%s", dir, folder);
    n = scandir(at.p, &names, is_no_dot, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", at.p);
    for (int i = 0; i < n; i++) {
        CLEANUP(buf_free) struct buf path = {0};
        bool numbered = strspn(names[i]->d_name, "0123456789") == strlen(names[i]->d_name);
        bool written = in_use && kind == STORAGE_FILE_LOG && i + 1 == n;

        buf_addf(&path, "%s/%s", at.p, names[i]->d_name);
        inspect_file(o, path.p, path.p + strlen(dir) + 1, numbered ? kind : STORAGE_FILE_OTHER,
                     written);
        free(names[i]);
    }
    free(names);
    return 0;
}

static int inspect_rest(const struct storage_inspect *o, const char *dir, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_no_dot, alphasort);

    if (n < 0)
        return err_set(err, -errno, "%s: %m", dir);
    for (int i = 0; i < n; i++) {
        CLEANUP(buf_free) struct buf path = {0};
        struct stat st;

        buf_addf(&path, "%s/%s", dir, names[i]->d_name);
        if (stat(path.p, &st) == 0 && S_ISREG(st.st_mode))
            inspect_file(o, path.p, path.p + strlen(dir) + 1, STORAGE_FILE_OTHER, false);
        free(names[i]);
    }
    free(names);
    return 0;
}

static int inspect_all(const struct storage_inspect *o, const char *dir, bool in_use,
                       struct err *err)
{
    static const struct {
        const char *folder;
        enum storage_file_kind kind;
    } folders[] = {
        {STORAGE_FOLDER_BLOCKS, STORAGE_FILE_BLOCK},
        {STORAGE_FOLDER_STONES, STORAGE_FILE_TOMBSTONES},
        {STORAGE_FOLDER_HEAD, STORAGE_FILE_IMAGE},
        {STORAGE_FOLDER_LOG, STORAGE_FILE_LOG},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++)
        r = inspect_folder(o, dir, folders[i].folder, folders[i].kind, in_use, err);
    return r == 0 ? inspect_rest(o, dir, err) : r;
}

int storage_inspect(const char *path, const struct storage_inspect *o, bool *ret_in_use,
                    struct err *err)
{
    struct stat st;
    int fd = -1, r;

    *ret_in_use = false;
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "%s: %m", path);
    if (!S_ISDIR(st.st_mode)) {
        inspect_file(o, path, path, kind_of(path), false);
        return 0;
    }
    r = verify_share_lock(path, &fd, err);
    *ret_in_use = r == -EBUSY;
    if (r == 0 || *ret_in_use)
        r = inspect_all(o, path, *ret_in_use, err);
    if (fd >= 0)
        close(fd);
    return r;
}
