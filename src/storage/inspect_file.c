/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks and images: each series is read once, with all of its chunks, and counted to its codec and
 * to the name of its metric. The metrics of a file are kept in a table until its end.
 */
#include "storage/inspect_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/matcher.h"
#include "storage/block_priv.h"
#include "storage/column_priv.h"
#include "storage/image_walk_priv.h"
#include "storage/samples_priv.h"

struct metric_entry {
    struct storage_metric m;
    struct str name;
};

struct file_walk {
    const struct storage_inspect *o;
    struct inspected *ret;
    struct map metrics; /* struct metric_entry, by name */
    struct columns columns;

    /* the series at hand */
    const struct label_set *labels;
    struct metric_entry *metric;
    bool wanted;
};

/* ---- series and chunks --------------------------------------------------------------------- */

static bool is_metric(const void *key, const void *value)
{
    const struct metric_entry *e = value;

    return str_eq(*(const struct str *)key, e->name);
}

static struct metric_entry *metric_of(struct file_walk *w, struct str name)
{
    uint64_t hash = hash_bytes(name.p, name.len);
    struct metric_entry *e = map_get(&w->metrics, hash, is_metric, &name);

    if (e)
        return e;
    e = mem_zalloc(sizeof *e);
    e->m.name = str_dup(name);
    e->name = str_n(e->m.name, name.len);
    map_add(&w->metrics, hash, e);
    return e;
}

static void begin_series(struct file_walk *w, const struct label_set *labels)
{
    w->labels = labels;
    w->metric = metric_of(w, label_set_get(labels, LABEL_NAME));
    w->metric->m.series++;
    w->wanted = w->o->n_matchers > 0;
    for (size_t i = 0; i < w->o->n_matchers && w->wanted; i++)
        w->wanted = matcher_matches_set(w->o->matchers[i], labels);
}

static void add_amount(struct storage_amount *sum, const struct storage_chunk *c)
{
    sum->chunks++;
    sum->samples += c->samples;
    sum->bytes += c->len;
}

static void add_chunk(struct file_walk *w, struct storage_chunk c)
{
    struct storage_file *f = &w->ret->f;

    add_amount(&f->chunks, &c);
    add_amount(&f->codecs[c.codec], &c);
    add_amount(&w->metric->m.of, &c);
    f->damaged += c.codec == STORAGE_CODEC_NONE;
    f->samples += c.samples;
    if (c.samples > 0)
        inspect_time(f, c.from, c.to);
    if (!w->wanted)
        return;
    c.series = label_set_ref(w->labels);
    *VEC_PUSH(w->ret->found, w->ret->n_found, w->ret->cap_found) = c;
}

static enum storage_codec codec_of_values(unsigned kind)
{
    static const enum storage_codec codecs[] = {
        [VALUES_CONSTANT] = STORAGE_CODEC_CONSTANT,
        [VALUES_PLAIN] = STORAGE_CODEC_PLAIN,
        [VALUES_DELTA] = STORAGE_CODEC_DIFFERENCES,
        [VALUES_XOR] = STORAGE_CODEC_XOR,
    };

    return kind < ARRAY_LEN(codecs) ? codecs[kind] : STORAGE_CODEC_NONE;
}

/* ---- the largest metrics ------------------------------------------------------------------- */

static int more_series(const void *pa, const void *pb)
{
    const struct storage_metric *a = pa, *b = pb;

    if (a->series != b->series)
        return a->series < b->series ? 1 : -1;
    return strcmp(a->name, b->name);
}

static int more_bytes(const void *pa, const void *pb)
{
    const struct storage_metric *a = pa, *b = pb;

    if (a->of.bytes != b->of.bytes)
        return a->of.bytes < b->of.bytes ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void end_walk(struct file_walk *w)
{
    struct inspected *ret = w->ret;
    struct metric_entry *e;
    size_t top;

    for (size_t i = 0; (e = map_next(&w->metrics, &i));) {
        *VEC_PUSH(ret->metrics, ret->n_metrics, ret->cap_metrics) = e->m;
        free(e);
    }
    map_deinit(&w->metrics);
    columns_deinit(&w->columns);
    top = w->o->top < ret->n_metrics ? w->o->top : ret->n_metrics;
    ret->by_bytes = mem_array(ret->n_metrics, sizeof *ret->by_bytes);
    if (ret->n_metrics > 0) {
        memcpy(ret->by_bytes, ret->metrics, ret->n_metrics * sizeof *ret->by_bytes);
        qsort(ret->by_bytes, ret->n_metrics, sizeof *ret->by_bytes, more_bytes);
        qsort(ret->metrics, ret->n_metrics, sizeof *ret->metrics, more_series);
    }
    ret->f.by_series = ret->metrics;
    ret->f.by_bytes = ret->by_bytes;
    ret->f.n_by_series = ret->f.n_by_bytes = top;
    ret->f.found = ret->found;
    ret->f.n_found = ret->n_found;
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* Of a chunk that was read before, and so is a good one. */
static enum storage_codec codec_of_block_chunk(const struct block *b, const struct block_chunk *c)
{
    struct wire w = wire_of(b->file.map + c->at + 4, (size_t)c->len - 4);
    unix_ms times[CHUNK_MAX];
    unsigned kind = wire_u8(&w);
    size_t n = (size_t)wire_uvarint(&w);

    switch (kind) {
    case CHUNK_FLOATS: (void)column_get_times(&w, c->min, n, times); break;
    case CHUNK_SHARED_TIMES: (void)wire_uvarint(&w); break;
    default: return STORAGE_CODEC_HISTOGRAM;
    }
    return codec_of_values(column_values_kind(wire_u8(&w)));
}

static void walk_block_series(struct file_walk *w, struct block *b, uint32_t ordinal)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    struct block_chunk c = {0};
    struct label_set *set;
    struct block_entry e;
    uint64_t hash, i = 0;

    if (!block_entry(b, ordinal, &e) || !block_label_set(b, ordinal, &hash, &set)) {
        w->ret->f.damaged++;
        return;
    }
    labels = set;
    begin_series(w, labels);
    for (; i < e.n_chunks && block_next_chunk(&e.chunks, i == 0, &c); i++) {
        struct storage_chunk seen = {
            .codec = STORAGE_CODEC_NONE, .from = c.min, .to = c.max, .at = c.at, .len = c.len};

        samples_begin(&w->columns);
        if (block_add_chunk(b, &c, INT64_MIN, INT64_MAX, &w->columns)) {
            seen.codec = codec_of_block_chunk(b, &c);
            seen.samples = w->columns.n;
        }
        add_chunk(w, seen);
    }
    w->ret->f.damaged += i < e.n_chunks;
}

static void no_words(void *self, const char *text)
{
    /* What is damaged is counted, and told by verify. */
}

int inspect_block(const struct storage_inspect *o, const char *path, struct inspected *ret,
                  struct err *err)
{
    static const char *const names[] = {"times",    "symbols", "pairs",
                                        "postings", "places",  "series"};
    static const struct damage_face quiet = {NULL, no_words};
    struct file_walk w = {.o = o, .ret = ret};
    struct block *b;
    int r = block_open(path, 1, &quiet, &b, err);

    if (r < 0)
        return r;
    inspect_sections(&b->file, names, ARRAY_LEN(names), ret);
    block_prepare(b);
    ret->f.series = b->info.series;
    ret->f.level = b->info.level;
    ret->f.late = (b->info.flags & BLOCK_LATE) != 0;
    ret->parents = mem_array(b->info.n_parents, sizeof *ret->parents);
    for (uint32_t i = 0; i < b->info.n_parents; i++)
        ret->parents[i] = b->info.parents[i];
    ret->f.parents = ret->parents;
    ret->f.n_parents = b->info.n_parents;
    for (uint32_t i = 0; i < b->info.series && i < section_len(&b->file, BLOCK_PLACES) / 4; i++)
        walk_block_series(&w, b, i);
    end_walk(&w);
    block_unref(b);
    return 0;
}

/* ---- images -------------------------------------------------------------------------------- */

static enum storage_codec codec_of_image_chunk(const struct image_chunk *c)
{
    struct wire w = wire_of(c->bytes, c->len);
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];

    if (!image_chunk_read(c, times, values))
        return STORAGE_CODEC_NONE;
    if (c->histograms)
        return STORAGE_CODEC_HISTOGRAM;
    if (c->open)
        return STORAGE_CODEC_OPEN;
    (void)column_get_times(&w, c->first_t, c->n, times);
    return codec_of_values(column_values_kind(wire_u8(&w)));
}

static void add_image_chunk(struct file_walk *w, const uint8_t *map, const struct image_chunk *c)
{
    enum storage_codec codec = codec_of_image_chunk(c);

    add_chunk(w, (struct storage_chunk){.codec = codec,
                                        .from = c->first_t,
                                        .to = c->last_t,
                                        .samples = codec == STORAGE_CODEC_NONE ? 0 : c->n,
                                        .at = (uint64_t)(c->bytes - map),
                                        .len = c->len});
}

static void walk_image_series(struct file_walk *w, const struct image_walk *m, uint32_t no)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = NULL;
    struct image_series e;
    struct image_chunk c;
    struct label_set *set;
    uint32_t i = 0;

    if (!image_walk_series(m, no, &e) || !image_walk_labels(m, &e, &set)) {
        w->ret->f.damaged++;
        return;
    }
    labels = set;
    begin_series(w, labels);
    for (; i < e.sealed && image_sealed_get(&e.chunks, &c); i++)
        add_image_chunk(w, m->file.map, &c);
    if (i == e.sealed && e.tip.n > 0 && image_open_get(&e, e.chunks, &c))
        add_image_chunk(w, m->file.map, &c);
    else
        w->ret->f.damaged += i < e.sealed || e.tip.n > 0;
}

static void count_image(const struct image_walk *m, struct storage_file *f)
{
    struct wire stones = image_walk_section(m, IMAGE_STONES),
                extras = image_walk_section(m, IMAGE_EXTRAS);

    f->series = m->meta.series;
    f->segment = m->meta.segment;
    f->cut = m->meta.cut;
    f->late_samples = m->meta.late;
    f->samples += m->meta.late;
    f->deletes = wire_left(&stones) > 0 ? wire_uvarint(&stones) : 0;
    f->damaged += !inspect_record(extras.p, wire_left(&extras), f);
}

int inspect_image(const struct storage_inspect *o, const char *path, struct inspected *ret,
                  struct err *err)
{
    static const char *const names[] = {"series", "places",  "symbols", "pairs",
                                        "late",   "deletes", "extras"};
    struct file_walk w = {.o = o, .ret = ret};
    struct section_damage d = {0};
    struct image_walk m;
    bool frame_damaged;
    int r = image_walk_open(path, &m, &frame_damaged, err);

    if (r < 0)
        return r;
    inspect_sections(&m.file, names, ARRAY_LEN(names), ret);
    for (uint32_t i = 0; i < m.file.frame.n_sections; i++)
        section_check(&m.file, i, &d);
    ret->f.damaged += !image_walk_symbols(&m);
    count_image(&m, &ret->f);
    for (uint32_t i = 0; i < m.meta.series; i++)
        walk_image_series(&w, &m, i);
    end_walk(&w);
    image_walk_close(&m);
    return 0;
}
