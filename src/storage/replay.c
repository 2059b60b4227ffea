/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes over the segments behind the image: the first checks them and collects the labels of
 * series, so that a damaged record with labels costs nothing when they were told again in the next
 * one; the second appends the samples. What the head has already (the image was written while
 * commits went on) or a block has is skipped: in order is only what is newer than the newest sample
 * of its series.
 */
#include "storage/replay_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/sample.h"
#include "storage/head_read_priv.h"
#include "storage/histogram_code_priv.h"
#include "storage/image_priv.h"
#include "storage/numbered_priv.h"

void replay_report(struct replay *r, const char *fmt, ...)
{
    struct buf text = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    r->st->damage.told(r->st->damage.self, text.p);
    buf_free(&text);
}

/* ---- series -------------------------------------------------------------------------------- */

static void collect_told(void *self, uint32_t id, const struct label *labels, size_t n)
{
    struct replay *r = self;

    if (id < r->known_below || head_series(&r->st->head, id)) /* the image has it */
        return;
    /* Told the second time, in the order of the first: not worth reading, unless that was lost. */
    if (r->again < r->n_told && r->told[r->again].id == id) {
        r->again++;
        return;
    }
    if (id <= SERIES_ID_MAX && n > 0)
        *VEC_PUSH(r->told, r->n_told, r->cap_told) = (struct told_series){id,
                                                                          label_set_new(labels, n)};
}

static int compare_told(const void *pa, const void *pb)
{
    const struct told_series *a = pa, *b = pb;

    return (a->id > b->id) - (a->id < b->id);
}

static void sort_told(struct replay *r)
{
    size_t n = 0;
    bool sorted = true;

    for (size_t i = 1; i < r->n_told && sorted; i++)
        sorted = r->told[i - 1].id < r->told[i].id;
    if (!sorted)
        qsort(r->told, r->n_told, sizeof *r->told, compare_told);
    for (size_t i = 0; i < r->n_told; i++) {
        if (n > 0 && r->told[n - 1].id == r->told[i].id)
            label_set_unref(r->told[i].labels);
        else
            r->told[n++] = r->told[i];
    }
    r->n_told = n;
}

static void add_alias(struct replay *r, series_id id, series_id is)
{
    *VEC_PUSH(r->alias_list, r->n_aliases, r->cap_aliases) = (struct series_alias){id, is};
}

/* With its own number, when that is above all there are; else with the next one. */
static void make_series(struct replay *r, const struct told_series *t)
{
    struct head *h = &r->st->head;
    uint64_t hash = label_set_stable_hash(t->labels);
    series_id is = head_find(h, t->labels, hash);

    if (!is) {
        is = head_add(h, t->id >= h->next_id ? t->id : 0, t->labels, hash);
        if (is == t->id) /* under another number the log does not know it */
            head_series(h, is)->tip.state |= SERIES_LOGGED;
    }
    if (is && is != t->id)
        add_alias(r, t->id, is);
}

static int compare_alias_list(const void *pa, const void *pb)
{
    const struct series_alias *a = pa, *b = pb;

    return (a->id > b->id) - (a->id < b->id);
}

/* Makes the series that only the log tells. With lower numbers than those of the image are only
 * such as a damaged image has lost; they get new numbers, last. */
static void make_told(struct replay *r)
{
    series_id next = r->st->head.next_id;

    for (int lost = 0; lost < 2; lost++)
        for (size_t i = 0; i < r->n_told; i++) {
            const struct told_series *t = &r->told[i];

            if ((t->id < next) == lost && t->id >= r->known_below &&
                !head_series(&r->st->head, t->id))
                make_series(r, t);
        }
    if (r->n_aliases > 0)
        qsort(r->alias_list, r->n_aliases, sizeof *r->alias_list, compare_alias_list);
}

static int compare_aliases(const void *key, const void *p)
{
    series_id a = *(const series_id *)key, b = ((const struct series_alias *)p)->id;

    return (a > b) - (a < b);
}

static struct series *series_of(struct replay *r, series_id *id)
{
    struct series *s = head_series(&r->st->head, *id);
    const struct series_alias *a;

    if (s || r->n_aliases == 0)
        return s;
    a = bsearch(id, r->alias_list, r->n_aliases, sizeof *a, compare_aliases);
    if (!a)
        return NULL;
    *id = a->is;
    return head_series(&r->st->head, a->is);
}

/* ---- samples ------------------------------------------------------------------------------- */

static bool is_deleted(const struct replay *r, series_id id, unix_ms t, uint64_t serial)
{
    for (size_t i = 0; i < r->n_stones; i++)
        if (r->stones[i].series == id &&
            stones_cover_late((struct stone_span){&r->stones[i], 1}, t, serial))
            return true;
    return false;
}

/* Has it, and not only one that was deleted. */
static bool has_late(const struct replay *r, series_id id, unix_ms t)
{
    const struct late *l = head_late(&r->st->head, id);

    for (uint32_t i = 0; l && i < l->n; i++)
        if (l->samples[i].t == t && !is_deleted(r, id, t, l->samples[i].serial))
            return true;
    return false;
}

/* NULL: the sample is not needed, or nobody knows whose it is. */
static struct series *wanted(struct replay *r, bool late, series_id *id, unix_ms t)
{
    struct series *s = series_of(r, id);

    r->samples++;
    if (!s) {
        r->unknown += *id >= r->known_below;
        return NULL;
    }
    if (late)
        return has_late(r, *id, t) ? NULL : s;
    return t > s->tip.last_t && t >= r->cut ? s : NULL;
}

static void replay_sample(void *self, bool late, uint32_t id, unix_ms t, double v)
{
    struct replay *r = self;
    struct series *s = wanted(r, late, &id, t);

    if (s && late)
        head_append_late(&r->st->head, id, s, t, v);
    else if (s)
        head_append(&r->st->head, s, t, v);
}

static void replay_histogram(void *self, bool late, uint32_t id, unix_ms t,
                             const struct histogram *v)
{
    struct replay *r = self;
    struct series *s = wanted(r, late, &id, t);

    if (s && late)
        head_append_late_histogram(&r->st->head, id, s, t, v);
    else if (s)
        head_append_histogram(&r->st->head, id, s, t, v);
}

static void replay_deleted(void *self, uint32_t id, unix_ms from, unix_ms to)
{
    struct replay *r = self;

    if (series_of(r, &id))
        *VEC_PUSH(r->stones, r->n_stones, r->cap_stones) = head_stone(&r->st->head, id, from, to);
}

static void set_stones(struct replay *r)
{
    struct stones_change c = {.take = stones_join(NULL, r->stones, r->n_stones)};

    views_set_stones(&r->st->views, &c, 1);
}

/* ---- exemplars and metadata ---------------------------------------------------------------- */

static void replay_exemplar(void *self, const struct logged_exemplar *e)
{
    struct replay *r = self;
    CLEANUP(label_set_unrefp)
    const struct label_set *series = label_set_new(e->series, e->n_series);
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = label_set_new(e->labels, e->n_labels);
    const struct exemplar_owner o = {series, label_set_stable_hash(series), 0};

    (void)exemplars_add(
        &r->st->exemplars, &o,
        &(struct exemplar_row){.labels = labels, .t = e->t, .v = e->v, .has_time = e->has_time});
}

static void replay_metadata(void *self, const struct metric_metadata *m)
{
    families_tell(&((struct replay *)self)->st->families, m);
}

struct log_visitor replay_extras(struct replay *r)
{
    return (struct log_visitor){.self = r,
                                .exemplar = r->st->exemplars.max > 0 ? replay_exemplar : NULL,
                                .metadata = replay_metadata};
}

/* ---- segments ------------------------------------------------------------------------------ */

struct segment {
    uint64_t number;
    char *path;
    uint8_t *map; /* NULL: empty, or not readable */
    size_t len;
    struct log_scan scan;
};

static int map_segment(struct segment *s, struct err *err)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC), r = 0;
    struct stat st;

    if (fd < 0)
        return err_set(err, -errno, "open: %m");
    if (fstat(fd, &st) < 0)
        r = err_set(err, -errno, "stat: %m");
    else if (st.st_size > 0) {
        s->len = (size_t)st.st_size;
        s->map = mmap(NULL, s->len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (s->map == MAP_FAILED) {
            s->map = NULL;
            r = err_set(err, -errno, "map: %m");
        }
    }
    close(fd);
    return r;
}

static void cut_tail(struct replay *r, const struct segment *s)
{
    const struct file_ops *ops = r->st->ops;
    size_t tail = s->len - s->scan.end;
    int fd = open(s->path, O_WRONLY | O_CLOEXEC);

    replay_report(r, "log segment %08llu: its last %zu bytes are torn or damaged and were cut off",
                  (unsigned long long)s->number, tail);
    if (fd < 0)
        return; /* reported again the next time, which is all that is amiss */
    (void)ops->truncate(ops->self, fd, s->scan.end);
    ops->close(ops->self, fd);
}

static void scan_segment(struct replay *r, struct segment *s)
{
    const struct log_visitor v = {.self = r, .series = collect_told};

    log_scan_segment(s->map, s->len, s->number, &s->scan);
    if (s->scan.head_damaged && s->len >= LOG_SEGMENT_HEAD)
        replay_report(r, "log segment %08llu: its header is damaged",
                      (unsigned long long)s->number);
    if (s->scan.damaged > 0)
        replay_report(
            r, "log segment %08llu: %zu places (%zu bytes) are damaged; the records there are lost",
            (unsigned long long)s->number, s->scan.damaged, s->scan.damaged_bytes);
    if (s->len > s->scan.end)
        cut_tail(r, s);
    for (size_t i = 0; i < s->scan.n; i++)
        (void)log_record_visit(s->map + s->scan.records[i].at, s->scan.records[i].len, &v);
}

static void replay_segment(struct replay *r, const struct segment *s)
{
    struct log_visitor v = replay_extras(r);

    v.sample = replay_sample;
    v.histogram = replay_histogram;
    v.deleted = replay_deleted;

    for (size_t i = 0; i < s->scan.n; i++)
        if (!log_record_visit(s->map + s->scan.records[i].at, s->scan.records[i].len, &v))
            replay_report(r,
                          "log segment %08llu: the record at %zu makes no sense from some place on",
                          (unsigned long long)s->number, s->scan.records[i].at);
}

static void segment_deinit(struct segment *s)
{
    if (s->map)
        munmap(s->map, s->len);
    log_scan_deinit(&s->scan);
    free(s->path);
}

static void scan_segments(struct replay *r, struct segment *segments, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = {0};

        if (i > 0 && segments[i].number != segments[i - 1].number + 1)
            replay_report(r, "log segment %08llu: the one before it is missing",
                          (unsigned long long)segments[i].number);
        if (map_segment(&segments[i], &err) < 0)
            replay_report(r, "log segment %08llu: %s", (unsigned long long)segments[i].number,
                          err.msg);
        if (segments[i].map)
            scan_segment(r, &segments[i]);
    }
    sort_told(r);
}

/* ---- all ----------------------------------------------------------------------------------- */

/* The newest image that can be read. 0: there is none. */
static uint64_t load_image(struct replay *r, const struct numbered *images, uint64_t *ret_segment)
{
    *ret_segment = 0;
    for (size_t i = images->n; i > 0; i--) {
        struct buf path = {0};
        struct err err = {0};
        int k;

        storage_path(r->st, STORAGE_FOLDER_HEAD, images->v[i - 1], &path);
        k = image_load(r, path.p, ret_segment, &err);
        buf_free(&path);
        if (k == 0)
            return images->v[i - 1];
        replay_report(r, "image of the head %08llu: %s; it is left out",
                      (unsigned long long)images->v[i - 1], err.msg);
    }
    return 0;
}

/* Removes images and segments that the image in use makes needless: a crash came before they were.
 */
static void remove_needless(struct replay *r, const struct numbered *images,
                            const struct numbered *segments, uint64_t image, uint64_t segment)
{
    const struct file_ops *ops = r->st->ops;

    for (int k = 0; k < 2; k++) {
        const struct numbered *files = k ? segments : images;

        for (size_t i = 0; i < files->n && files->v[i] < (k ? segment : image); i++) {
            struct buf path = {0};

            storage_path(r->st, k ? STORAGE_FOLDER_LOG : STORAGE_FOLDER_HEAD, files->v[i], &path);
            (void)ops->unlink(ops->self, path.p);
            buf_free(&path);
        }
    }
}

static void replay_log(struct replay *r, const struct numbered *files, uint64_t first)
{
    struct storage *st = r->st;
    struct segment *segments = mem_array(files->n, sizeof *segments);
    uint64_t next = first > 0 ? first : 1, bytes = 0;
    size_t n = 0;
    struct buf folder = {0};

    for (size_t i = 0; i < files->n; i++) {
        struct buf path = {0};

        if (files->v[i] < first)
            continue;
        storage_path(st, STORAGE_FOLDER_LOG, files->v[i], &path);
        segments[n++] = (struct segment){.number = files->v[i], .path = buf_take(&path)};
    }
    scan_segments(r, segments, n);
    make_told(r);
    for (size_t i = 0; i < n; i++) {
        replay_segment(r, &segments[i]);
        bytes += segments[i].scan.end;
        next = segments[i].number + 1;
        segment_deinit(&segments[i]);
    }
    st->first_segment = n > 0 ? files->v[files->n - n] : next;
    free(segments);
    buf_addf(&folder, "%s/" STORAGE_FOLDER_LOG, st->dir);
    log_init(&st->log, st->ops, folder.p, next, bytes);
    buf_free(&folder);
    st->log.bytes_since = bytes;
    st->log.kept_free = st->o.kept_free;
}

static int list_folder(const struct storage *st, const char *name, struct numbered *ret,
                       struct err *err)
{
    struct buf path = {0};
    int k;

    buf_addf(&path, "%s/%s", st->dir, name);
    k = numbered_list(path.p, st->ops, ret, err);
    buf_free(&path);
    return k;
}

static void replay_deinit(struct replay *r)
{
    for (size_t i = 0; i < r->n_told; i++)
        label_set_unref(r->told[i].labels);
    free(r->told);
    free(r->alias_list);
    free(r->stones);
}

int storage_replay(struct storage *st, struct err *err)
{
    struct replay r = {.st = st, .cut = st->views.current->cut};
    struct numbered images = {0}, segments = {0};
    uint64_t segment = 0;
    int k = list_folder(st, STORAGE_FOLDER_HEAD, &images, err);

    if (k == 0)
        k = list_folder(st, STORAGE_FOLDER_LOG, &segments, err);
    if (k == 0) {
        st->image_number = load_image(&r, &images, &segment);
        remove_needless(&r, &images, &segments, st->image_number, segment);
        replay_log(&r, &segments, segment);
        if (r.unknown > 0)
            replay_report(&r, "log: %llu samples are lost, the labels of their series were damaged",
                          (unsigned long long)r.unknown);
        if (st->head.valid_from < r.cut)
            st->head.valid_from = r.cut;
        views_change(&st->views, NULL, 0, NULL, 0, true, r.cut);
        set_stones(&r);
    }
    replay_deinit(&r);
    numbered_deinit(&images);
    numbered_deinit(&segments);
    return k;
}
