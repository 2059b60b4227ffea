/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Prometheus has in its head, from its log. The log is gone through twice: first for what
 * was deleted, then for the samples, which are gathered per label set, and for exemplars and metadata.
 *
 * A number may stand for another series after a restart of Prometheus: what counts is the record of
 * series before the sample. So the second time numbers are learnt anew.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "storage/gather_priv.h"
#include "storage/prom_block_priv.h"
#include "storage/prom_extras_priv.h"
#include "storage/prom_file_priv.h"
#include "storage/prom_imported_priv.h"
#include "storage/prom_wal_files_priv.h"
#include "storage/prom_wal_priv.h"

/* A series as the log names it. */
struct wal_ref {
    uint64_t ref;
    struct gathered *series;
};

struct wal_deleted {
    const struct gathered *series;
    unix_ms min, max;
};

struct wal_import {
    const char *dir;
    const struct prom_import_options *o;
    struct gather gather;
    struct prom_extras extras;
    struct prom_segments segments;
    struct map refs;
    struct wal_deleted *deleted; /* in order of series */
    size_t n_deleted, cap_deleted;
    unix_ms from; /* what is older is in blocks that are imported; but for late samples */
    bool first;   /* of the two times */
    const struct prom_segment *at;
    uint64_t done; /* bytes */
    uint64_t nameless, unread;
    unsigned n_damaged; /* segments */
};

static void forget_refs(struct wal_import *im)
{
    struct wal_ref *r;

    for (size_t i = 0; (r = map_next(&im->refs, &i));)
        free(r);
    map_deinit(&im->refs);
    im->refs = (struct map){0};
}

static void wal_import_deinit(struct wal_import *im)
{
    forget_refs(im);
    free(im->deleted);
    prom_segments_deinit(&im->segments);
    gather_deinit(&im->gather);
    prom_extras_deinit(&im->extras);
}

/* ---- records ------------------------------------------------------------------------------- */

static bool is_ref(const void *key, const void *value)
{
    return *(const uint64_t *)key == ((const struct wal_ref *)value)->ref;
}

static struct wal_ref *find_ref(const struct wal_import *im, uint64_t ref)
{
    return map_get(&im->refs, hash_bytes(&ref, sizeof ref), is_ref, &ref);
}

static int take_series(void *self, uint64_t ref, const struct label *labels, size_t n,
                       struct err *err)
{
    struct wal_import *im = self;
    struct label_set *set = label_set_new(labels, n);
    struct wal_ref *r = find_ref(im, ref);

    if (label_set_count(set) > 0) {
        if (!r) {
            r = mem_zalloc(sizeof *r);
            r->ref = ref;
            map_add(&im->refs, hash_bytes(&ref, sizeof ref), r);
        }
        r->series = gather_series(&im->gather, set);
    }
    label_set_unref(set);
    return 0;
}

static int take_deleted(void *self, uint64_t ref, unix_ms min, unix_ms max, struct err *err)
{
    struct wal_import *im = self;
    const struct wal_ref *r = find_ref(im, ref);

    if (r)
        *VEC_PUSH(im->deleted, im->n_deleted, im->cap_deleted) = (struct wal_deleted){r->series,
                                                                                      min, max};
    return 0;
}

static int compare_deleted(const void *pa, const void *pb)
{
    uintptr_t a = (uintptr_t)((const struct wal_deleted *)pa)->series;
    uintptr_t b = (uintptr_t)((const struct wal_deleted *)pb)->series;

    return (a > b) - (a < b);
}

static bool is_deleted(const struct wal_import *im, const struct gathered *s, unix_ms t)
{
    size_t low = 0, high = im->n_deleted;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if ((uintptr_t)im->deleted[mid].series < (uintptr_t)s)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < im->n_deleted && im->deleted[low].series == s; low++)
        if (t >= im->deleted[low].min && t <= im->deleted[low].max)
            return true;
    return false;
}

static int take_sample(void *self, uint64_t ref, unix_ms t, double v, const struct histogram *h,
                       struct err *err)
{
    struct wal_import *im = self;
    const struct wal_ref *r = find_ref(im, ref);

    if (t < im->from && !im->at->is_late) {
        im->gather.counts.known++;
        return 0;
    }
    if (!r) {
        im->nameless++;
        return 0;
    }
    return is_deleted(im, r->series, t) ? 0 : gather_add(&im->gather, r->series, t, v, h, err);
}

static int take_exemplar(void *self, uint64_t ref, const struct label *labels, size_t n, unix_ms t,
                         double v, struct err *err)
{
    struct wal_import *im = self;
    const struct wal_ref *r = find_ref(im, ref);
    struct label_set *set;

    if (!r)
        return 0; /* its samples are told */
    set = label_set_new(labels, n);
    prom_extras_exemplar(&im->extras, gathered_labels(r->series), &(struct exemplar){set, t, v});
    label_set_unref(set);
    return 0;
}

static int take_metadata(void *self, uint64_t ref, struct metric_metadata *m, struct err *err)
{
    struct wal_import *im = self;
    const struct wal_ref *r = find_ref(im, ref);

    if (r) {
        m->family = metric_family_of(label_set_get(gathered_labels(r->series), LABEL_NAME),
                                     m->type);
        prom_extras_metadata(&im->extras, m);
    }
    return 0;
}

/* ---- segments ------------------------------------------------------------------------------ */

static void tell(const struct wal_import *im, const struct err *why, const char *cost)
{
    if (im->o->report && !im->first)
        buf_addf(im->o->report, "%s/%s: %s%s\n", im->dir, im->at->name, why->msg, cost);
}

/* Damage ends a segment. A record that is whole but makes no sense costs only itself. */
static int take_records(struct wal_import *im, struct prom_wal *w, struct err *err)
{
    static const struct prom_wal_face faces[] = {
        {.series = take_series,
         .sample = take_sample,
         .exemplar = take_exemplar,
         .metadata = take_metadata},
        {.series = take_series, .deleted = take_deleted},
    };
    struct prom_wal_face face = faces[im->first];
    struct err why = {0};
    struct str record;
    int r;

    face.self = im;
    while ((r = prom_wal_next(w, &record, &why)) != 0) {
        if (r > 0) {
            r = prom_wal_record(record, &face, &why);
            if (r < 0 && r != -EBADMSG)
                return err_set(err, r, "%s", why.msg);
        } else if (r != -ENOTSUP) {
            break;
        }
        if (r == 0)
            continue;
        if (im->unread++ == 0 && r < 0)
            tell(im, &why, "");
    }
    if (r == -ENODATA && im->at->is_last) {
        tell(im, &why, ", as after a kill; that record is left out");
    } else if (r < 0) {
        tell(im, &why, "; the rest of this segment is left out");
        im->n_damaged++;
    }
    return 0;
}

static int take_segment(struct wal_import *im, struct err *err)
{
    CLEANUP(prom_wal_deinit) struct prom_wal w = {0};
    struct err why = {0};
    int r;

    if (prom_file_map(im->dir, im->at->name, &w.bytes, &why) < 0) {
        tell(im, &why, "; this segment is left out");
        im->n_damaged++;
        return 0;
    }
    r = take_records(im, &w, err);
    prom_file_unmap(w.bytes);
    im->done += im->at->bytes;
    if (im->o->progress)
        im->o->progress(im->o->progress_arg, im->dir, im->done, 2 * im->segments.bytes);
    return r;
}

static int take_all(struct wal_import *im, bool first, struct err *err)
{
    int r = 0;

    forget_refs(im);
    im->first = first;
    im->n_damaged = 0;
    im->unread = 0;
    for (size_t i = 0; i < im->segments.n && r == 0; i++) {
        im->at = &im->segments.v[i];
        r = take_segment(im, err);
    }
    return r;
}

/* ---- the directory ------------------------------------------------------------------------- */

/* Whether the samples of a block are in the storage, or would be by now in a dry run. */
static bool is_imported(const struct wal_import *im, const struct prom_meta *meta)
{
    bool known = false;

    if (im->o->dry_run)
        return true;
    (void)prom_imported_has(im->gather.st, str_c(meta->ulid), &known, NULL);
    return known;
}

static int is_no_dot(const struct dirent *d)
{
    return d->d_name[0] != '.' && !strstr(d->d_name, ".tmp");
}

/* Prometheus takes no sample before the end of its newest block, but for late ones. */
static int find_end_of_blocks(struct wal_import *im, struct err *err)
{
    struct dirent **names = NULL;
    int n = scandir(im->dir, &names, is_no_dot, NULL);

    if (n < 0)
        return err_set(err, -errno, "%m");
    for (int i = 0; i < n; i++) {
        CLEANUP(buf_free) struct buf path = {0};
        struct prom_meta meta;

        buf_addf(&path, "%s/%s", im->dir, names[i]->d_name);
        if (prom_meta_read(path.p, &meta, NULL) == 0 && !meta.is_late && meta.end > im->from &&
            is_imported(im, &meta))
            im->from = meta.end;
        free(names[i]);
    }
    free(names);
    return 0;
}

static void tell_what_is_lost(const struct wal_import *im)
{
    if (!im->o->report)
        return;
    if (im->nameless > 0)
        buf_addf(im->o->report,
                 "%s: %llu samples of series whose labels are not in the log are left out\n",
                 im->dir, (unsigned long long)im->nameless);
    if (im->unread > 0)
        buf_addf(im->o->report, "%s: %llu records of the log could not be read\n", im->dir,
                 (unsigned long long)im->unread);
}

static int take_log(struct wal_import *im, struct err *err)
{
    int r = prom_segments_find(im->dir, &im->segments, im->o->report, err);

    if (r == 0)
        r = find_end_of_blocks(im, err);
    if (r == 0)
        r = take_all(im, true, err);
    if (im->n_deleted > 0)
        qsort(im->deleted, im->n_deleted, sizeof *im->deleted, compare_deleted);
    if (r == 0)
        r = take_all(im, false, err);
    if (r == 0)
        r = gather_flush(&im->gather, err);
    if (r == 0)
        r = prom_extras_flush(&im->extras, im->o->dry_run ? NULL : im->gather.st,
                              &im->gather.counts, err);
    return r;
}

int prom_import_wal(struct storage *st, const char *dir, const struct prom_import_options *o,
                    struct prom_counts *counts, struct err *err)
{
    CLEANUP(wal_import_deinit)
    struct wal_import im = {
        .dir = dir, .o = o, .gather = {.st = st, .dry_run = o->dry_run}, .from = INT64_MIN};
    int r;

    prom_extras_init(&im.extras, st);
    r = take_log(&im, err);
    prom_counts_add(counts, &im.gather.counts); /* after an error too: these are stored */
    if (r < 0)
        return err_in(err, r, "%s", dir);
    tell_what_is_lost(&im);
    if (im.n_damaged > 0)
        return err_set(err, -EBADMSG, "%s: %u segments of the log are damaged", dir, im.n_damaged);
    return 0;
}

int prom_data_lock(const char *dir, int *ret, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0};
    int fd;

    buf_addf(&path, "%s/lock", dir);
    fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_set(err, -errno, "%s: %m", path.p);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int e = errno;

        close(fd);
        return e == EWOULDBLOCK
                   ? err_set(err, -EBUSY, "%s: a Prometheus runs on it, stop it first", dir)
                   : err_set(err, -e, "%s: %m", path.p);
    }
    *ret = fd;
    return 0;
}
