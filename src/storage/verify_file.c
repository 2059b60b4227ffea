/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section files. Their bytes are tiled: a frame; in a block, chunks; then sections with their parity
 * and checksums, each at a multiple of 8; the frame again. What lies between is filling, and zero.
 * A byte that nothing of this covers is a find of its own.
 */
#include "storage/verify_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "storage/block_priv.h"
#include "storage/image_walk_priv.h"
#include "storage/samples_priv.h"
#include "storage/stones_file_priv.h"

#define ALIGN 8

static void tell(const struct file_check *c, enum storage_part part, uint64_t at, uint64_t len,
                 const char *detail)
{
    verify_found(c->v, c->name,
                 &(struct storage_find){.at = at, .len = len, .part = part, .detail = detail});
}

static void section_found(void *arg, enum section_part part, uint64_t at, size_t len)
{
    static const enum storage_part parts[] = {
        [SECTION_PAGE_LOST] = PART_PAGE_LOST,   [SECTION_PAGE_HELD] = PART_PAGE_HELD,
        [SECTION_PAGE_SUM] = PART_PAGE_SUM,     [SECTION_PARITY] = PART_PARITY,
        [SECTION_PARITY_SUM] = PART_PARITY_SUM,
    };

    tell(arg, parts[part], at, len, "");
}

static void check_frames(const struct file_check *c)
{
    uint64_t last = c->file->len - FRAME_BYTES;

    switch (section_file_frames(c->file)) {
    case FRAMES_GOOD: return;
    case FRAMES_FIRST_BAD: tell(c, PART_FRAME, 0, FRAME_BYTES, ""); return;
    case FRAMES_LAST_BAD: tell(c, PART_FRAME, last, FRAME_BYTES, ""); return;
    case FRAMES_DIFFER: tell(c, PART_FRAME, 0, FRAME_BYTES, "the two frames differ"); return;
    }
}

/* Bytes [from, to) must be filling: less than eight zeroes. */
static void check_filling(const struct file_check *c, uint64_t from, uint64_t to)
{
    if (from > to || to - from >= ALIGN) {
        tell(c, PART_HOLE, from, from > to ? 0 : to - from, "");
        return;
    }
    for (uint64_t i = from; i < to; i++)
        if (c->file->map[i] != 0) {
            tell(c, PART_FILLING, from, to - from, "");
            return;
        }
}

/* All but what stands before the first section. */
static void check_sections(const struct file_check *c)
{
    const struct file_frame *f = &c->file->frame;

    for (uint32_t i = 0; i < f->n_sections; i++) {
        uint64_t next = i + 1 < f->n_sections ? f->sections[i + 1].at : c->file->len - FRAME_BYTES;

        section_scan(c->file, i, section_found, (void *)c);
        check_filling(c, section_end_at(c->file, i), next);
    }
    if (f->n_sections == 0)
        tell(c, PART_INDEX, 0, FRAME_BYTES, "no sections");
}

static uint64_t first_section(const struct file_check *c)
{
    return c->file->frame.n_sections > 0 ? c->file->frame.sections[0].at
                                         : c->file->len - FRAME_BYTES;
}

static void tell_unusable(struct verify *v, const char *name, const struct err *err)
{
    verify_found(v, name,
                 &(struct storage_find){
                     .part = err->code == -EPROTONOSUPPORT ? PART_NEWER : PART_FILE,
                     .detail = err->msg,
                 });
}

static void add_path(const struct verify *v, const char *name, struct buf *out)
{
    buf_addf(out, "%s/%s", v->dir, name);
}

/* ---- blocks -------------------------------------------------------------------------------- */

struct extent {
    uint64_t at, len;
};

struct block_check {
    struct file_check c;
    struct block *b;
    struct extent *extents;
    size_t n, cap;
    uint64_t samples;
    unix_ms min, max; /* of all chunks */
    bool lossy;       /* a chunk was damaged: its samples are not counted */
    struct columns columns;
};

static void tell_chunk(const struct block_check *k, uint32_t ordinal, const struct block_chunk *e)
{
    struct label_set *labels = NULL;
    uint64_t hash;

    (void)block_label_set(k->b, ordinal, &hash, &labels);
    verify_found(k->c.v, k->c.name,
                 &(struct storage_find){.at = e->at,
                                        .len = e->len,
                                        .part = PART_CHUNK,
                                        .series = labels,
                                        .from = e->min,
                                        .to = e->max,
                                        .detail = ""});
    label_set_unref(labels);
}

static bool labels_are_good(const struct block *b, uint32_t ordinal)
{
    struct label_set *labels = NULL;
    uint64_t hash;
    bool good = block_label_set(b, ordinal, &hash, &labels) &&
                label_set_stable_hash(labels) == hash;

    label_set_unref(labels);
    return good;
}

/* The chunk's samples are in k->columns; the series has others up to `before`. */
static void check_times(struct block_check *k, const struct block_chunk *e, unix_ms before)
{
    const unix_ms *t = k->columns.times;
    size_t n = k->columns.n;
    const char *why = t[0] != e->min || t[n - 1] != e->max
                          ? "the times of a chunk are not what its entry says"
                      : t[0] <= before ? "the chunks of a series overlap in time"
                                       : NULL;

    for (size_t i = 1; i < n && !why; i++)
        if (t[i - 1] >= t[i])
            why = "the samples of a chunk are not in order";
    if (why)
        tell(&k->c, PART_INDEX, e->at, e->len, why);
    k->samples += n;
}

static void check_series(struct block_check *k, uint32_t ordinal)
{
    struct block_chunk chunk = {0};
    unix_ms before = INT64_MIN;
    struct block_entry e;
    uint64_t i = 0;

    if (!block_entry(k->b, ordinal, &e) || !labels_are_good(k->b, ordinal)) {
        tell(&k->c, PART_INDEX, 0, 0, "a series is not readable");
        return;
    }
    for (; i < e.n_chunks && block_next_chunk(&e.chunks, i == 0, &chunk); i++) {
        *VEC_PUSH(k->extents, k->n, k->cap) = (struct extent){chunk.at, chunk.len};
        samples_begin(&k->columns);
        k->c.v->counts->chunks++;
        k->min = chunk.min < k->min ? chunk.min : k->min;
        k->max = chunk.max > k->max ? chunk.max : k->max;
        if (block_add_chunk(k->b, &chunk, INT64_MIN, INT64_MAX, &k->columns)) {
            check_times(k, &chunk, before);
        } else {
            k->lossy = true;
            tell_chunk(k, ordinal, &chunk);
        }
        before = chunk.max;
    }
    if (i < e.n_chunks)
        tell(&k->c, PART_INDEX, 0, 0, "the chunks of a series are not readable");
}

static int compare_extents(const void *pa, const void *pb)
{
    const struct extent *a = pa, *b = pb;

    return (a->at > b->at) - (a->at < b->at);
}

/* The chunks follow each other from the frame to the first section. */
static void check_tiles(struct block_check *k)
{
    uint64_t at = FRAME_BYTES, end = first_section(&k->c);

    if (k->n > 0)
        qsort(k->extents, k->n, sizeof *k->extents, compare_extents);
    for (size_t i = 0; i < k->n; i++) {
        const struct extent *e = &k->extents[i];

        if (e->at < at || e->at > end || e->len > end - e->at) {
            tell(&k->c, PART_INDEX, e->at, e->len, "chunks overlap or lie outside");
            return;
        }
        if (e->at > at)
            tell(&k->c, PART_HOLE, at, e->at - at, "");
        at = e->at + e->len;
    }
    check_filling(&k->c, at, end);
}

static void check_counts(const struct block_check *k)
{
    const struct block_info *info = &k->b->info;

    if (section_len(&k->b->file, BLOCK_PLACES) != 4 * info->series || info->chunks != k->n ||
        (!k->lossy && info->samples != k->samples))
        tell(&k->c, PART_COUNTS, 0, FRAME_BYTES, "");
    else if (k->n > 0 && (info->min_time != k->min || info->max_time != k->max))
        tell(&k->c, PART_COUNTS, 0, FRAME_BYTES, "times");
    for (uint32_t i = 0; i < info->n_parents; i++)
        if (info->parents[i] == 0 || info->parents[i] >= k->b->number)
            tell(&k->c, PART_INDEX, 0, FRAME_BYTES, "a block that cannot be its parent");
}

/* Those that both the frame and the index know of. */
static uint32_t series_of(const struct block *b)
{
    size_t places = section_len(&b->file, BLOCK_PLACES) / 4;

    return (uint32_t)(b->info.series < places ? b->info.series : places);
}

static void told(void *self, const char *text)
{
    /* verify tells the same with the place, and so has no use for what the reader says */
}

void verify_block(struct verify *v, const char *name, uint64_t number)
{
    static const struct damage_face quiet = {NULL, told};
    CLEANUP(buf_free) struct buf path = {0};
    struct block_check k = {.c = {.v = v, .name = name}, .min = INT64_MAX, .max = INT64_MIN};
    struct err err = {0};

    add_path(v, name, &path);
    if (block_open(path.p, number, &quiet, &k.b, &err) < 0) {
        tell_unusable(v, name, &err);
        return;
    }
    k.c.file = &k.b->file;
    check_frames(&k.c);
    check_sections(&k.c);
    block_prepare(k.b); /* restores, in memory, what parity can */
    if (!k.b->index_lost)
        verify_block_index(&k.c, k.b);
    for (uint32_t i = 0; i < series_of(k.b); i++)
        check_series(&k, i);
    check_tiles(&k);
    check_counts(&k);
    columns_deinit(&k.columns);
    free(k.extents);
    block_unref(k.b);
}

/* ---- images, tombstones -------------------------------------------------------------------- */

static void check_plain(const struct file_check *c)
{
    check_frames(c);
    check_filling(c, FRAME_BYTES, first_section(c));
    check_sections(c);
}

static bool open_file(struct verify *v, const char *name, char kind, uint32_t version,
                      struct section_file *ret)
{
    CLEANUP(buf_free) struct buf path = {0};
    bool frame_damaged;
    struct err err = {0};

    add_path(v, name, &path);
    if (section_file_open(path.p, kind, version, ret, &frame_damaged, &err) == 0)
        return true;
    tell_unusable(v, name, &err);
    return false;
}

void verify_image(struct verify *v, const char *name, uint64_t *ret_segment)
{
    struct section_file file;
    struct section_damage d = {0};
    struct file_check c = {v, name, &file};
    struct image_meta meta;

    if (!open_file(v, name, IMAGE_KIND, IMAGE_VERSION, &file))
        return;
    meta = image_meta_get(file.frame.meta);
    if (!image_meta_makes_sense(&file, &meta)) {
        tell(&c, PART_FILE, 0, 0, "its frame makes no sense");
        section_file_close(&file);
        return;
    }
    check_plain(&c);
    for (uint32_t i = 0; i < file.frame.n_sections; i++)
        section_check(&file, i, &d);
    if (d.lost == 0)
        verify_image_sense(&c, &meta);
    *ret_segment = meta.segment;
    v->known.below = meta.next_id;
    section_file_close(&file);
}

void verify_stones(struct verify *v, const char *name)
{
    struct section_file file;
    struct section_damage d = {0};

    if (!open_file(v, name, STONES_KIND, STONES_VERSION, &file))
        return;
    check_plain(&(struct file_check){v, name, &file});
    if (file.frame.n_sections == 1) {
        section_check(&file, 0, &d);
        if (d.lost == 0 && !stones_bytes_are_good(section_at(&file, 0), section_len(&file, 0)))
            tell(&(struct file_check){v, name, &file}, PART_INDEX, file.frame.sections[0].at,
                 section_len(&file, 0), "");
    }
    section_file_close(&file);
}
