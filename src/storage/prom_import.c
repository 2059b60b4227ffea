/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a Prometheus block to one of ours. The series are gone through twice: first for the pairs of
 * labels, which a block begins with, then for the samples.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/late_block_priv.h"
#include "storage/prom_block_priv.h"
#include "storage/prom_imported_priv.h"
#include "storage/samples_priv.h"

struct import {
    struct storage *st;
    const struct prom_import_options *o;
    struct prom_block *from;
    uint64_t *keys; /* pairs: name in the upper half, value in the lower; sorted */
    size_t n_keys, cap_keys, sorted_keys;
    struct label *pairs; /* the same as texts */
    struct prom_series series;
    struct columns columns;
    struct prom_counts counts;
};

static void import_deinit(struct import *im)
{
    prom_block_free(im->from);
    free(im->keys);
    free(im->pairs);
    prom_series_deinit(&im->series);
    columns_deinit(&im->columns);
}

/* ---- pairs --------------------------------------------------------------------------------- */

static int compare_keys(const void *pa, const void *pb)
{
    uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

    return (a > b) - (a < b);
}

static uint64_t key_of(struct prom_pair p)
{
    return (uint64_t)p.name << 32 | p.value;
}

static void sort_keys(struct import *im)
{
    size_t n = 0;

    if (im->n_keys > 0)
        qsort(im->keys, im->n_keys, sizeof *im->keys, compare_keys);
    for (size_t i = 0; i < im->n_keys; i++)
        if (i == 0 || im->keys[i] != im->keys[n - 1])
            im->keys[n++] = im->keys[i];
    im->n_keys = im->sorted_keys = n;
}

#define KEYS_UNSORTED_MAX                                                                          \
    ((size_t)1 << 20) /* doubles are thrown out when there are so many new ones */

static int note_pairs(struct import *im, struct err *err)
{
    struct prom_series before = {0};
    int r = 0;

    for (uint32_t i = 0; i < im->from->index.n_series && r == 0; i++) {
        struct prom_series *s = &im->series, swap;

        r = prom_index_series(&im->from->index, i, s, err);
        if (r == 0 && i > 0 &&
            prom_labels_cmp(before.labels, before.n_labels, s->labels, s->n_labels) >= 0)
            r = err_set(err, -EBADMSG, "series %u: not in order", s->number);
        for (size_t k = 0; r == 0 && k < s->n_labels; k++)
            *VEC_PUSH(im->keys, im->n_keys, im->cap_keys) = key_of(s->labels[k]);
        if (im->n_keys - im->sorted_keys > KEYS_UNSORTED_MAX)
            sort_keys(im);
        swap = before;
        before = *s;
        *s = swap;
    }
    prom_series_deinit(&before);
    if (r < 0)
        return err_in(err, r, "index");
    sort_keys(im);
    im->pairs = mem_array(im->n_keys + 1, sizeof *im->pairs);
    for (size_t i = 0; i < im->n_keys; i++)
        im->pairs[i] = (struct label){im->from->index.symbols[im->keys[i] >> 32],
                                      im->from->index.symbols[(uint32_t)im->keys[i]]};
    return 0;
}

/* ---- samples ------------------------------------------------------------------------------- */

/* w NULL: only counts. */
static void write_series(struct import *im, struct block_writer *w)
{
    const struct prom_series *s = &im->series;
    struct label labels[LABEL_COUNT_MAX];
    uint32_t pairs[LABEL_COUNT_MAX];
    struct label_set *set;

    for (size_t i = 0; i < s->n_labels; i++) {
        uint64_t key = key_of(s->labels[i]);
        const uint64_t *found = bsearch(&key, im->keys, im->n_keys, sizeof *im->keys, compare_keys);

        pairs[i] = (uint32_t)(found - im->keys);
        labels[i] = im->pairs[pairs[i]];
    }
    if (w) {
        set = label_set_new(labels, s->n_labels);
        block_writer_series(w, label_set_stable_hash(set), pairs, s->n_labels);
        block_writer_samples(w, &im->columns);
        block_writer_series_end(w);
        label_set_unref(set);
    }
    im->counts.series++;
    im->counts.samples += im->columns.n;
    for (size_t i = 0; im->columns.histograms && i < im->columns.n; i++)
        im->counts.histograms += im->columns.histograms[i] != NULL;
}

static int write_all(void *self, struct block_writer *w, struct err *err)
{
    struct import *im = self;

    for (uint32_t i = 0; i < im->from->index.n_series; i++) {
        int r = prom_index_series(&im->from->index, i, &im->series, err);

        if (r < 0)
            return err_in(err, r, "index");
        r = prom_block_samples(im->from, &im->series, &im->columns, err);
        if (r < 0)
            return r;
        if (im->columns.n > 0)
            write_series(im, w);
        if (im->o->progress)
            im->o->progress(im->o->progress_arg, im->from->dir, i + 1, im->from->index.n_series);
    }
    return 0;
}

/* Whether the block was imported before. A memory that is lost is told, and no reason to stop. */
static bool is_known(const struct import *im)
{
    struct err err = {0};
    bool known = false;

    if (!im->st || !im->from->meta.ulid[0])
        return false;
    if (prom_imported_has(im->st, str_c(im->from->meta.ulid), &known, &err) < 0 && im->o->report)
        buf_addf(im->o->report, "%s\n", err.msg);
    return known;
}

static int take_samples(struct import *im, struct err *err)
{
    int r = note_pairs(im, err);

    if (r < 0)
        return r;
    if (im->o->dry_run)
        return write_all(im, NULL, err);
    r = late_block_write(im->st, im->pairs, im->n_keys, write_all, im, err);
    if (r < 0)
        return r;
    return im->from->meta.ulid[0] ? prom_imported_add(im->st, str_c(im->from->meta.ulid), err) : 0;
}

void prom_counts_add(struct prom_counts *sum, const struct prom_counts *more)
{
    sum->blocks += more->blocks;
    sum->series += more->series;
    sum->samples += more->samples;
    sum->histograms += more->histograms;
    sum->exemplars += more->exemplars;
    sum->families += more->families;
    sum->known += more->known;
    sum->blocks_known += more->blocks_known;
}

int prom_import_block(struct storage *st, const char *dir, const struct prom_import_options *o,
                      struct prom_counts *counts, struct err *err)
{
    CLEANUP(import_deinit) struct import im = {.st = st, .o = o};
    int r = prom_block_open(dir, &im.from, err);

    if (r == 0 && is_known(&im)) {
        counts->blocks_known++;
        if (o->report)
            buf_addf(o->report, "%s: already imported\n", dir);
        return 0;
    }
    if (r == 0)
        r = take_samples(&im, err);
    if (r < 0)
        return err_in(err, r, "%s", dir);
    im.counts.blocks = im.counts.series > 0;
    prom_counts_add(counts, &im.counts);
    return 0;
}
