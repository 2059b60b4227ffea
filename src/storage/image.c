/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the image of the head. It is written while commits go on: the log is turned first, then
 * the series are copied whole, some hundred at a time. So a series may have more in the image than
 * when the log was turned, and replaying the later segments skips what is there already (replay.c).
 */
#include "storage/image_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "storage/histogram_code_priv.h"
#include "storage/section_file_priv.h"

#define SERIES_AT_A_TIME 256 /* under one hold of a lock */

void image_meta_put(const struct image_meta *m, uint8_t out[IMAGE_META_BYTES])
{
    uint8_t *p = out;

    memset(out, 0, IMAGE_META_BYTES);
    p = put_u64(p, m->segment);
    p = put_u32(p, m->next_id);
    p = put_u32(p, m->symbols);
    p = put_u32(p, m->pairs);
    p = put_u32(p, m->series);
    p = put_u64(p, (uint64_t)m->cut);
    p = put_u64(p, (uint64_t)m->valid_from);
    put_u64(p, m->late);
}

struct image_meta image_meta_get(const uint8_t *in)
{
    struct wire w = wire_of(in, IMAGE_META_BYTES);
    struct image_meta m;

    m.segment = wire_u64(&w);
    m.next_id = wire_u32(&w);
    m.symbols = wire_u32(&w);
    m.pairs = wire_u32(&w);
    m.series = wire_u32(&w);
    m.cut = (unix_ms)wire_u64(&w);
    m.valid_from = (unix_ms)wire_u64(&w);
    m.late = wire_u64(&w);
    return m;
}

struct image_writer {
    struct storage *st;
    struct section_writer file;
    struct image_meta meta;
    struct buf batch;                       /* series copied under one hold of the lock */
    struct buf places;                      /* section */
    uint64_t written;                       /* bytes of the section of series before the batch */
    struct buf symbols, texts, pairs, late; /* sections */
    uint32_t *pair_numbers;                 /* in the image, plus 1, by number of the head */
    uint32_t *symbol_numbers;
    struct log_record extras;
    size_t n_pair_numbers, n_symbol_numbers;
};

/* Numbers are given as series are copied; tables grow with those of the head. */
static void reach(uint32_t **numbers, size_t *n, size_t need)
{
    if (need <= *n)
        return;
    *numbers = mem_resize(*numbers, need, sizeof **numbers);
    memset(*numbers + *n, 0, (need - *n) * sizeof **numbers);
    *n = need;
}

static uint32_t number_of_symbol(struct image_writer *w, const struct symbol *s)
{
    if (w->symbol_numbers[s->no] == 0) {
        buf_add_u32(&w->symbols, s->len);
        buf_add(&w->texts, s->text, s->len);
        w->symbol_numbers[s->no] = ++w->meta.symbols;
    }
    return w->symbol_numbers[s->no] - 1;
}

/* index, for reading. */
static uint32_t number_of_pair(struct image_writer *w, pair_no no)
{
    const struct symbols *s = &w->st->head.symbols;

    reach(&w->pair_numbers, &w->n_pair_numbers, s->n_pairs);
    reach(&w->symbol_numbers, &w->n_symbol_numbers, s->n_numbers);
    if (w->pair_numbers[no] == 0) {
        buf_add_u32(&w->pairs, number_of_symbol(w, s->pairs[no]->name));
        buf_add_u32(&w->pairs, number_of_symbol(w, s->pairs[no]->value));
        w->pair_numbers[no] = ++w->meta.pairs;
    }
    return w->pair_numbers[no] - 1;
}

static void copy_chunk(struct image_writer *w, const struct sealed *s)
{
    uint8_t head[CHUNK_HEAD], *p = head;

    p = put_u16(p, s->len);
    *p++ = s->n;
    *p++ = s->class & SEALED_HISTOGRAMS;
    p = put_u64(p, (uint64_t)s->first_t);
    put_u64(p, (uint64_t)s->last_t);
    buf_add(&w->batch, head, sizeof head);
    buf_add(&w->batch, s->bytes, s->len);
}

/* apply, for reading. Returns how many. */
static uint32_t copy_sealed(struct image_writer *w, const struct series *s)
{
    const struct pool *pool = w->st->head.pool;
    struct ids refs = {0};
    uint32_t n;

    for (pool_ref ref = s->sealed; ref;) {
        const struct sealed *c = (const struct sealed *)(const void *)pool_at(pool, ref);

        if (c->last_t < w->meta.cut)
            break;
        ids_push(&refs, ref);
        ref = c->older;
    }
    n = (uint32_t)refs.n;
    while (refs.n > 0)
        copy_chunk(w, (const struct sealed *)(const void *)pool_at(pool, refs.v[--refs.n]));
    ids_deinit(&refs);
    return n;
}

static void copy_late(struct image_writer *w, series_id id)
{
    const struct late *l = head_late(&w->st->head, id);
    struct stone_span deleted = stones_of(w->st->views.current->head_stones, id);
    struct buf samples = {0};
    uint64_t n = 0;
    unix_ms before = 0;

    for (uint32_t i = 0; l && i < l->n; i++) {
        const struct late_sample *s = &l->samples[i];

        if (s->t < w->meta.cut && l->dropped + i < l->written)
            continue; /* in a block */
        if (stones_cover_late(deleted, s->t, s->serial))
            continue;
        buf_add_svarint(&samples, s->t - before);
        buf_add_byte(&samples, s->histogram != NULL);
        if (s->histogram)
            histogram_put(&s->histogram->h, NULL, &samples);
        else
            buf_add_u64(&samples, s->bits);
        before = s->t;
        n++;
    }
    if (n > 0) {
        buf_add_uvarint(&w->late, id);
        buf_add_uvarint(&w->late, n);
        buf_add(&w->late, samples.p, samples.len);
        w->meta.late += n;
    }
    buf_free(&samples);
}

/* index and apply, for reading. */
static void copy_series(struct image_writer *w, series_id id)
{
    const struct head *h = &w->st->head;
    const struct series *s = head_series(h, id);
    const pair_no *pairs = head_pairs(h, id);
    bool open = s->tip.n > 0 && s->tip.last_t >= w->meta.cut;
    size_t begin = w->batch.len, chunks;
    uint32_t sealed;
    uint8_t *p;

    buf_add_u32(&w->places, (uint32_t)((w->written + begin) / SERIES_ALIGN));
    memset(buf_room(&w->batch, SERIES_BYTES), 0, SERIES_BYTES);
    w->batch.len += SERIES_BYTES;
    for (size_t i = 0; i < s->n_labels; i++)
        buf_add_u32(&w->batch, number_of_pair(w, pairs[i]));
    chunks = w->batch.len;
    sealed = copy_sealed(w, s);
    if (open)
        buf_add(&w->batch, pool_at(h->pool, s->open), s->tip.len);
    p = put_u32((uint8_t *)w->batch.p + begin, id);
    p = put_u16(p, s->n_labels);
    *p++ = s->tip.state & SERIES_HISTOGRAMS;
    *p++ = open ? s->tip.n : 0;
    *p++ = s->tip.decimals;
    *p++ = s->tip.flags;
    p = put_u16(p, open ? s->tip.len : 0);
    p = put_u32(p, s->tip.step);
    p = put_u64(p, s->hash);
    p = put_u64(p, (uint64_t)s->tip.last_t);
    p = put_u64(p, s->tip.last_bits);
    p = put_u32(p, sealed);
    put_u32(p, (uint32_t)(w->batch.len - chunks));
    while (w->batch.len % SERIES_ALIGN != 0)
        buf_add_byte(&w->batch, '\0');
    if (s->tip.state & SERIES_LATE)
        copy_late(w, id);
    w->meta.series++;
}

static void copy_all(struct image_writer *w)
{
    struct head *h = &w->st->head;

    section_begin(&w->file);
    for (series_id id = 1; id != 0;) {
        buf_reset(&w->batch);
        {
            WITH_READ(&h->index);
            WITH_READ(&h->apply);

            for (int i = 0; i < SERIES_AT_A_TIME && (id = head_next(h, id)) != 0; i++, id++)
                copy_series(w, id);
            /* Of the last turn: no series with a lower number was missed. */
            w->meta.next_id = h->next_id;
        }
        section_write_buf(&w->file, &w->batch);
        w->written += w->batch.len;
    }
    section_end(&w->file);
}

/* turn: nothing is deleted meanwhile. */
static void put_stones(const struct image_writer *w, struct buf *out)
{
    const struct stones *s = w->st->views.current->head_stones;
    struct stone *v = mem_array(s ? s->n : 0, sizeof *v);
    size_t n = 0;

    for (size_t i = 0; s && i < s->n; i++)
        if (s->v[i].from <= s->v[i].last_t && s->v[i].to >= w->meta.cut)
            v[n++] = s->v[i];
    buf_add_uvarint(out, n);
    stones_put(v, n, out);
    free(v);
}

static void write_section(struct image_writer *w, const struct buf *first, const struct buf *second)
{
    section_begin(&w->file);
    section_write_buf(&w->file, first);
    if (second)
        section_write_buf(&w->file, second);
    section_end(&w->file);
}

static void writer_deinit(struct image_writer *w)
{
    struct buf *bufs[] = {&w->batch, &w->places, &w->symbols, &w->texts, &w->pairs, &w->late};

    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_free(bufs[i]);
    buf_free(&w->extras.bytes);
    free(w->pair_numbers);
    free(w->symbol_numbers);
    section_writer_abort(&w->file);
}

/* Of the moment when the log was turned: what came later is in the log behind it. */
static void write_extras(struct image_writer *w)
{
    section_begin(&w->file);
    section_write(&w->file, w->extras.bytes.p + LOG_RECORD_HEAD, log_record_sections(&w->extras));
    section_end(&w->file);
}

static int write_file(struct image_writer *w, const char *path, struct err *err)
{
    uint8_t meta[IMAGE_META_BYTES];
    struct buf stones = {0};
    uint64_t len;
    int r = section_writer_open(&w->file, w->st->ops, path, IMAGE_KIND, IMAGE_VERSION, err);

    if (r < 0)
        return r;
    copy_all(w);
    write_section(w, &w->places, NULL);
    write_section(w, &w->symbols, &w->texts);
    write_section(w, &w->pairs, NULL);
    write_section(w, &w->late, NULL);
    put_stones(w, &stones);
    write_section(w, &stones, NULL);
    buf_free(&stones);
    write_extras(w);
    if (w->written / SERIES_ALIGN > UINT32_MAX)
        return err_set(err, -E2BIG, "the head is larger than 16 GiB");
    image_meta_put(&w->meta, meta);
    len = w->file.at;
    r = section_writer_finish(&w->file, meta, sizeof meta, err);
    if (r == 0)
        w->st->image_bytes = len;
    return r;
}

/* The log before the image, and older images. What cannot be removed is needless only: it is tried
 * again the next time. */
static int remove_older(struct storage *st, uint64_t segment, struct err *err)
{
    struct buf path = {0};
    int r = log_remove(&st->log, st->first_segment, segment, err);

    if (st->image_number > 0 && st->image_number != segment) {
        storage_path(st, STORAGE_FOLDER_HEAD, st->image_number, &path);
        if (st->ops->unlink(st->ops->self, path.p) < 0 && r == 0)
            r = err_set(err, -EIO, "remove %s", path.p);
        buf_free(&path);
    }
    st->image_number = segment;
    if (r == 0)
        st->first_segment = segment;
    return r;
}

int storage_write_image(struct storage *st, struct err *err)
{
    struct image_writer w = {.st = st};
    bool suspect = atomic_exchange(&st->log_suspect, false);
    struct buf path = {0};
    int r;

    {
        WITH_LOCK(&st->head.commit);
        w.meta.segment = log_turn(&st->log);
        w.meta.valid_from = st->head.valid_from;
        extras_put(&st->committer, &w.extras);
    }
    w.meta.cut = st->views.current->cut;
    storage_path(st, STORAGE_FOLDER_HEAD, w.meta.segment, &path);
    r = write_file(&w, path.p, err);
    if (r == 0)
        r = remove_older(st, w.meta.segment, err);
    else if (suspect)
        st->log_suspect = true;
    st->image_due = r < 0;
    writer_deinit(&w);
    buf_free(&path);
    return r < 0 ? err_in(err, r, "image of the head") : 0;
}
