/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/block_writer_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"

#define SHARED_FROM 7 /* bytes: a shorter column of times costs less than its place */
#define SHARED_MAX                                                                                 \
    ((size_t)64 * 1024 *                                                                           \
     1024) /* bytes of shared columns; a block without rhythm has no use for more */

_Static_assert(BLOCK_META_BYTES <= FRAME_META_MAX, "what is known of a block fits in its frame");

void block_info_put(const struct block_info *info, uint8_t out[BLOCK_META_BYTES])
{
    uint8_t *p = out;

    p = put_u64(p, (uint64_t)info->min_time);
    p = put_u64(p, (uint64_t)info->max_time);
    p = put_u64(p, info->series);
    p = put_u64(p, info->samples);
    p = put_u64(p, info->chunks);
    p = put_u32(p, info->level);
    p = put_u32(p, info->flags);
    p = put_u64(p, 0);
    p = put_u32(p, info->n_parents);
    for (size_t i = 0; i < BLOCK_PARENTS_MAX; i++)
        p = put_u64(p, i < info->n_parents ? info->parents[i] : 0);
}

bool block_info_get(const uint8_t *in, struct block_info *ret)
{
    struct wire w = wire_of(in, BLOCK_META_BYTES);

    *ret = (struct block_info){0};
    ret->min_time = (unix_ms)wire_u64(&w);
    ret->max_time = (unix_ms)wire_u64(&w);
    ret->series = wire_u64(&w);
    ret->samples = wire_u64(&w);
    ret->chunks = wire_u64(&w);
    ret->level = wire_u32(&w);
    ret->flags = wire_u32(&w);
    (void)wire_u64(&w);
    ret->n_parents = wire_u32(&w);
    if (ret->n_parents > BLOCK_PARENTS_MAX || ret->series > UINT32_MAX)
        return false;
    for (size_t i = 0; i < ret->n_parents; i++)
        ret->parents[i] = wire_u64(&w);
    return true;
}

int block_writer_open(struct block_writer *w, const struct file_ops *ops, const char *path,
                      const struct label *pairs, size_t n_pairs, struct err *err)
{
    int r;

    *w = (struct block_writer){.pairs = pairs, .n_pairs = n_pairs};
    w->info.min_time = INT64_MAX;
    w->info.max_time = INT64_MIN;
    w->postings = mem_array(n_pairs, sizeof *w->postings);
    r = section_writer_open(&w->file, ops, path, BLOCK_KIND, BLOCK_VERSION, err);
    if (r < 0)
        block_writer_abort(w);
    return r;
}

void block_writer_abort(struct block_writer *w)
{
    section_writer_abort(&w->file);
    for (size_t i = 0; w->postings && i < w->n_pairs; i++)
        free(w->postings[i].bytes);
    free(w->postings);
    w->postings = NULL;
    map_deinit(&w->by_times);
    buf_free(&w->series);
    buf_free(&w->places);
    buf_free(&w->times);
    buf_free(&w->chunk);
    buf_free(&w->chunks);
}

/* ---- series -------------------------------------------------------------------------------- */

void block_writer_series(struct block_writer *w, uint64_t hash, const uint32_t *pairs, size_t n)
{
    uint32_t before = 0;

    w->too_large = w->too_large || w->series.len > UINT32_MAX || w->info.series == UINT32_MAX;
    buf_add_u32(&w->places, (uint32_t)w->series.len);
    buf_add_u64(&w->series, hash);
    buf_add_uvarint(&w->series, n);
    for (size_t i = 0; i < n; i++) {
        buf_add_uvarint(&w->series, pairs[i] - before);
        before = pairs[i];
        postings_add(&w->postings[pairs[i]], (uint32_t)w->info.series);
    }
    w->info.series++;
    w->n_chunks = 0;
    buf_reset(&w->chunks);
}

void block_writer_series_end(struct block_writer *w)
{
    must(w->n_chunks > 0);
    buf_add_uvarint(&w->series, w->n_chunks);
    buf_add(&w->series, w->chunks.p, w->chunks.len);
    w->info.chunks += w->n_chunks;
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* The entry of a chunk says where it is, relative to the one before it in the series. */
static void add_entry(struct block_writer *w, unix_ms min, unix_ms max, uint64_t at, uint64_t len)
{
    if (w->n_chunks++ == 0) {
        buf_add_svarint(&w->chunks, min);
        buf_add_uvarint(&w->chunks, at);
    } else {
        buf_add_uvarint(&w->chunks, (uint64_t)(min - w->last_max));
        buf_add_uvarint(&w->chunks, at - w->last_end);
    }
    buf_add_uvarint(&w->chunks, (uint64_t)(max - min));
    buf_add_uvarint(&w->chunks, len);
    w->last_max = max;
    w->last_end = at + len;
    w->info.min_time = min < w->info.min_time ? min : w->info.min_time;
    w->info.max_time = max > w->info.max_time ? max : w->info.max_time;
}

/* w->chunk holds its body from byte 4 on. */
static void write_chunk(struct block_writer *w, unix_ms min, unix_ms max, size_t n)
{
    uint64_t at = w->file.at;

    put_u32((uint8_t *)w->chunk.p, hash_crc32c(0, w->chunk.p + 4, w->chunk.len - 4));
    section_write_buf(&w->file, &w->chunk);
    add_entry(w, min, max, at, w->chunk.len);
    w->info.samples += n;
}

static void begin_chunk(struct block_writer *w, enum block_chunk_kind kind, size_t n)
{
    buf_reset(&w->chunk);
    buf_add_u32(&w->chunk, 0);
    buf_add_byte(&w->chunk, (char)kind);
    buf_add_uvarint(&w->chunk, n);
}

struct times_key {
    const struct buf *section;
    struct str column;
};

/* Values of the map are places in the section, plus one. Columns have no length there: their reader
 * knows where they end. */
static bool is_column(const void *key, const void *value)
{
    const struct times_key *k = key;
    size_t at = (uintptr_t)value - 1;

    return k->column.len <= k->section->len - at &&
           memcmp(k->section->p + at, k->column.p, k->column.len) == 0;
}

/* Where the column is in the section of times; puts it there when it is not. */
static size_t share_times(struct block_writer *w, struct str column)
{
    uint64_t hash = hash_bytes(column.p, column.len);
    struct times_key key = {&w->times, column};
    void *found = map_get(&w->by_times, hash, is_column, &key);
    size_t at = found ? (uintptr_t)found - 1 : w->times.len;

    if (!found) {
        buf_add(&w->times, column.p, column.len);
        map_add(&w->by_times, hash, (void *)(uintptr_t)(at + 1));
    }
    return at;
}

static void add_floats(struct block_writer *w, const unix_ms *times, const double *values, size_t n)
{
    struct buf column = {0};

    column_put_times(times, n, &column);
    if (column.len >= SHARED_FROM && w->times.len < SHARED_MAX) {
        begin_chunk(w, CHUNK_SHARED_TIMES, n);
        buf_add_uvarint(&w->chunk, share_times(w, buf_str(&column)));
    } else {
        begin_chunk(w, CHUNK_FLOATS, n);
        buf_add(&w->chunk, column.p, column.len);
    }
    buf_free(&column);
    column_put_values(values, n, &w->chunk);
    write_chunk(w, times[0], times[n - 1], n);
}

static void add_histograms(struct block_writer *w, const unix_ms *times,
                           const struct histogram *const *hs, size_t n)
{
    struct tip tip = {0};

    begin_chunk(w, CHUNK_HISTOGRAMS, n);
    for (size_t i = 0; i < n; i++) {
        histogram_chunk_append(&tip, times[i], hs[i], i ? hs[i - 1] : NULL, &w->chunk);
        tip.step = (uint32_t)(i ? times[i] - times[i - 1] : 0);
        tip.last_t = times[i];
        tip.n = 1;
    }
    write_chunk(w, times[0], times[n - 1], n);
}

/* Samples from `from` on that go into one chunk: of one kind, and of a run that is cut evenly. */
static size_t chunk_end(const struct columns *c, size_t from, bool histograms)
{
    size_t run = from, n, parts;

    while (run < c->n && (c->histograms && c->histograms[run]) == histograms &&
           (run == from || c->times[run] - c->times[run - 1] <= INT32_MAX))
        run++;
    n = run - from;
    parts = (n + BLOCK_CHUNK_SAMPLES - 1) / BLOCK_CHUNK_SAMPLES;
    return from + (n + parts - 1) / parts;
}

void block_writer_samples(struct block_writer *w, const struct columns *c)
{
    for (size_t from = 0, to; from < c->n; from = to) {
        bool histograms = c->histograms && c->histograms[from];

        to = chunk_end(c, from, histograms);
        if (histograms)
            add_histograms(w, c->times + from, c->histograms + from, to - from);
        else
            add_floats(w, c->times + from, c->values + from, to - from);
    }
}

/* ---- index --------------------------------------------------------------------------------- */

static int compare_strs(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t sorted_symbols(const struct block_writer *w, struct str *out)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < w->n_pairs; i++) {
        if (i == 0 || !str_eq(w->pairs[i].name, w->pairs[i - 1].name))
            out[n++] = w->pairs[i].name;
        out[n++] = w->pairs[i].value;
    }
    qsort(out, n, sizeof *out, compare_strs);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(out[i], out[kept - 1]))
            out[kept++] = out[i];
    return kept;
}

static uint32_t symbol_number(const struct str *symbols, size_t n, struct str s)
{
    const struct str *found = bsearch(&s, symbols, n, sizeof *symbols, compare_strs);

    return (uint32_t)(found - symbols);
}

static void write_symbols(struct block_writer *w, const struct str *symbols, size_t n)
{
    struct buf ends = {0};
    size_t end = 0;

    buf_add_u32(&ends, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        end += symbols[i].len;
        buf_add_u32(&ends, (uint32_t)end);
    }
    w->too_large = w->too_large || end > UINT32_MAX;
    section_begin(&w->file);
    section_write_buf(&w->file, &ends);
    for (size_t i = 0; i < n; i++)
        section_write(&w->file, symbols[i].p, symbols[i].len);
    section_end(&w->file);
    buf_free(&ends);
}

/* Postings are written one after the other; the entry of a pair says where its own begin. */
static void write_pairs(struct block_writer *w, const struct str *symbols, size_t n,
                        struct buf *postings)
{
    section_begin(&w->file);
    for (size_t i = 0; i < w->n_pairs; i++) {
        const struct postings *p = &w->postings[i];
        uint8_t entry[BLOCK_PAIR_BYTES], *e = entry;

        e = put_u32(e, symbol_number(symbols, n, w->pairs[i].name));
        e = put_u32(e, symbol_number(symbols, n, w->pairs[i].value));
        e = put_u32(e, p->n);
        put_u32(e, (uint32_t)postings->len);
        section_write(&w->file, entry, sizeof entry);
        if (p->n == 1)
            buf_add_uvarint(postings, p->last);
        else
            buf_add(postings, p->bytes, p->len);
    }
    section_end(&w->file);
    w->too_large = w->too_large || postings->len > UINT32_MAX;
}

static void write_section(struct block_writer *w, const struct buf *b)
{
    section_begin(&w->file);
    section_write_buf(&w->file, b);
    section_end(&w->file);
}

static void write_index(struct block_writer *w)
{
    struct str *symbols = mem_array(2 * w->n_pairs, sizeof *symbols);
    struct buf postings = {0};
    size_t n = sorted_symbols(w, symbols);

    write_section(w, &w->times);
    write_symbols(w, symbols, n);
    write_pairs(w, symbols, n, &postings);
    write_section(w, &postings);
    write_section(w, &w->places);
    write_section(w, &w->series);
    buf_free(&postings);
    free(symbols);
}

int block_writer_finish(struct block_writer *w, const struct block_info *info, struct err *err)
{
    uint8_t meta[BLOCK_META_BYTES];
    int r;

    w->info.level = info->level;
    w->info.flags = info->flags;
    w->info.n_parents = info->n_parents;
    memcpy(w->info.parents, info->parents, sizeof info->parents);
    write_index(w);
    if (w->too_large) {
        block_writer_abort(w);
        return err_set(err, -E2BIG, "the index of the block is larger than 4 GiB");
    }
    block_info_put(&w->info, meta);
    r = section_writer_finish(&w->file, meta, sizeof meta, err);
    block_writer_abort(w);
    return r;
}
