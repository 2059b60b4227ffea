/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the sections of an image agree with each other. The first fault of a section is told. What
 * a start reads without looking, since the checksums are good, is looked at here.
 */
#include "storage/verify_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "storage/column_priv.h"
#include "storage/histogram_code_priv.h"
#include "storage/image_walk_priv.h"
#include "storage/stones_priv.h"

static void tell(const struct file_check *c, enum image_section section, const char *why)
{
    const struct frame_section *s = &c->file->frame.sections[section];

    if (why)
        verify_found(
            c->v, c->name,
            &(struct storage_find){.at = s->at, .len = s->len, .part = PART_INDEX, .detail = why});
}

struct image_check {
    const struct file_check *c;
    struct image_walk w;
    uint64_t at;   /* where the next series has to begin */
    uint32_t last; /* number of the series before */
    uint32_t *ids; /* of all series, ascending */
    size_t n_ids, cap_ids;
};

/* ---- series -------------------------------------------------------------------------------- */

static bool ascend(const unix_ms *times, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (times[i - 1] >= times[i])
            return false;
    return true;
}

/* *before is the time of the newest sample so far. */
static const char *judge_chunk(struct image_check *k, const struct image_chunk *c, unix_ms *before)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];

    k->c->v->counts->chunks++;
    if (!image_chunk_read(c, times, values))
        return "series: a chunk is not readable";
    if (times[0] != c->first_t || times[c->n - 1] != c->last_t)
        return "series: the times of a chunk are not what its head says";
    if (!ascend(times, c->n) || times[0] <= *before)
        return "series: samples are not in order";
    *before = c->last_t;
    return NULL;
}

static const char *judge_chunks(struct image_check *k, const struct image_series *e)
{
    struct wire w = e->chunks;
    unix_ms before = INT64_MIN;
    struct image_chunk c;
    const char *why = NULL;

    for (uint32_t i = 0; i < e->sealed && !why; i++)
        why = image_sealed_get(&w, &c) ? judge_chunk(k, &c, &before)
                                       : "series: more chunks than bytes";
    if (why)
        return why;
    if (e->tip.n == 0)
        return wire_left(&w) > 0        ? "series: more bytes than chunks"
               : e->tip.last_t < before ? "series: the newest sample is not the last one"
                                        : NULL;
    return image_open_get(e, w, &c) ? judge_chunk(k, &c, &before)
                                    : "series: the open chunk is not as long as its series says";
}

static const char *judge_labels(const struct image_check *k, const struct image_series *e)
{
    struct wire numbers = e->labels;
    struct label before = {0}, l;
    struct label_set *labels;
    bool good;

    for (size_t i = 0; i < e->n_labels; i++) {
        if (!image_walk_pair(&k->w, wire_u32(&numbers), &l))
            return "series: a pair that is not there";
        if (i > 0 && str_cmp(before.name, l.name) >= 0)
            return "series: labels are not in order";
        before = l;
    }
    good = e->n_labels > 0 && image_walk_labels(&k->w, e, &labels);
    if (!good)
        return "series: one without labels";
    good = label_set_stable_hash(labels) == e->hash;
    label_set_unref(labels);
    return good ? NULL : "series: a hash that is not that of the labels";
}

static const char *judge_series(struct image_check *k, uint32_t i)
{
    const uint8_t *section = section_at(k->c->file, IMAGE_SERIES);
    struct image_series e;
    const char *why;

    if (!image_walk_series(&k->w, i, &e))
        return "places: a series lies outside";
    if ((uint64_t)(e.bytes - section) != k->at)
        return "places: not the begin of a series";
    if (e.id <= k->last || e.id >= k->w.meta.next_id)
        return "series: numbers are not in order";
    if (e.tip.state & ~(unsigned)SERIES_HISTOGRAMS)
        return "series: flags that there are not";
    k->last = *VEC_PUSH(k->ids, k->n_ids, k->cap_ids) = e.id;
    k->at = (uint64_t)(e.chunks.end - section + SERIES_ALIGN - 1) / SERIES_ALIGN * SERIES_ALIGN;
    why = judge_labels(k, &e);
    return why ? why : judge_chunks(k, &e);
}

static const char *judge_all_series(struct image_check *k)
{
    const char *why = NULL;

    for (uint32_t i = 0; i < k->w.meta.series && !why; i++)
        why = judge_series(k, i);
    if (!why && k->at != section_len(k->c->file, IMAGE_SERIES))
        why = "series: more than the places name";
    return why;
}

static const char *judge_pairs(const struct image_check *k)
{
    struct label l;

    for (uint32_t i = 0; i < k->w.meta.pairs; i++)
        if (!image_walk_pair(&k->w, i, &l))
            return "pairs: a symbol that is not there";
    return NULL;
}

/* ---- late samples, deletes, exemplars and metadata ----------------------------------------- */

static int compare_ids(const void *pa, const void *pb)
{
    const uint32_t *a = pa, *b = pb;

    return (*a > *b) - (*a < *b);
}

static bool has_series(const struct image_check *k, uint64_t id)
{
    uint32_t key = (uint32_t)id;

    return id <= UINT32_MAX && k->n_ids > 0 &&
           bsearch(&key, k->ids, k->n_ids, sizeof key, compare_ids);
}

static bool pass_late(struct wire *w, struct arena *a)
{
    struct histogram h;
    unsigned kind;

    (void)wire_svarint(w);
    kind = wire_u8(w);
    if (kind == 0)
        (void)wire_u64(w);
    else if (kind > 1 || !histogram_get(w, NULL, a, &h))
        return false;
    arena_reset(a);
    return !w->bad;
}

static const char *judge_late(const struct image_check *k)
{
    struct wire w = image_walk_section(&k->w, IMAGE_LATE);
    uint64_t before = 0, sum = 0;
    const char *why = NULL;
    struct arena a;

    arena_init(&a, 0);
    while (w.p < w.end && !why) {
        uint64_t id = wire_uvarint(&w), n = wire_uvarint(&w);

        if (w.bad || n == 0)
            why = "late samples: not readable";
        else if (id <= before || !has_series(k, id))
            why = "late samples: of a series that is not there, or not in order";
        before = id;
        sum += n;
        for (; n > 0 && !why; n--)
            if (!pass_late(&w, &a))
                why = "late samples: not readable";
    }
    arena_deinit(&a);
    return why ? why : sum == k->w.meta.late ? NULL : "late samples: not as many as the frame says";
}

static const char *judge_stones(const struct image_check *k)
{
    struct wire w = image_walk_section(&k->w, IMAGE_STONES);
    struct stone *v = NULL;
    size_t n = 0, cap = 0;
    const char *why = NULL;

    if (!stones_get(&w, wire_uvarint(&w), &v, &n, &cap) || wire_left(&w) > 0)
        why = "deletes: not as many as their count says, or not readable";
    for (size_t i = 0; i < n && !why; i++) {
        if (v[i].series == 0 || v[i].series >= k->w.meta.next_id)
            why = "deletes: of a series that is not there";
        else if (i > 0 && v[i - 1].series == v[i].series && v[i - 1].from > v[i].from)
            why = "deletes: not in order";
    }
    free(v);
    return why;
}

void verify_image_sense(const struct file_check *c, const struct image_meta *meta)
{
    struct image_check k = {.c = c, .w = {.file = *c->file, .meta = *meta}};
    struct wire extras = image_walk_section(&k.w, IMAGE_EXTRAS);

    if (!image_walk_symbols(&k.w))
        tell(c, IMAGE_SYMBOLS, "symbols: not as many bytes as the texts have");
    tell(c, IMAGE_PAIRS, judge_pairs(&k));
    tell(c, IMAGE_SERIES, judge_all_series(&k));
    tell(c, IMAGE_LATE, judge_late(&k));
    if (c->file->frame.n_sections > IMAGE_STONES)
        tell(c, IMAGE_STONES, judge_stones(&k));
    if (c->file->frame.n_sections > IMAGE_EXTRAS)
        tell(c, IMAGE_EXTRAS, verify_record_sense(extras.p, wire_left(&extras), NULL));
    free(k.w.texts);
    free(k.ids);
}
