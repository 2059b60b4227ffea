/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of the head: all its series and the samples that no block has, in one section file of
 * kind 'H' and version 1, so that the log before it can go and a start has little to replay.
 *
 * It is written while commits go on. The log is turned first; each series is copied whole, some
 * hundred at a time; so a series may have more in the image than when the log was turned, and
 * replaying the later segments skips what is there already (replay.c). Byte table:
 * docs/formats/storage.md, "Head image".
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"
#include "storage/replay_priv.h"
#include "storage/section_file_priv.h"
#include "storage/storage_priv.h"

#define IMAGE_KIND       'H'
#define IMAGE_VERSION    1
#define SERIES_AT_A_TIME 256 /* under one hold of a lock */
#define SERIES_BYTES     48
#define HASH_AT          16 /* in a series */
#define PREFETCH_SERIES  16 /* ahead */
#define CHUNK_HEAD       20
#define IMAGE_META_BYTES 56

enum image_section {
    IMAGE_CHUNKS,  /* of one series after the other: sealed ones, oldest first, then the open one */
    IMAGE_SYMBOLS, /* u32 length of each text; then the texts */
    IMAGE_PAIRS,   /* two u32: numbers of symbols */
    IMAGE_SERIES,  /* SERIES_BYTES each, by number of the series */
    IMAGE_LABELS,  /* u32: numbers of pairs, of one series after the other */
    IMAGE_LATE,
    IMAGE_SECTIONS,
};

struct image_meta {
    uint64_t segment; /* the log from this one on is needed besides */
    uint32_t next_id;
    uint32_t symbols, pairs, series;
    unix_ms cut;
    unix_ms valid_from;
    uint64_t late;
};

static void put_meta(const struct image_meta *m, uint8_t out[IMAGE_META_BYTES])
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

static struct image_meta get_meta(const uint8_t *in)
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

/* ---- writing ------------------------------------------------------------------------------- */

struct image_writer {
    struct storage *st;
    struct section_writer file;
    struct image_meta meta;
    unix_ms cut;
    struct buf chunks; /* those of the series copied under one hold of the lock */
    struct buf symbols, texts, pairs, series, labels, late; /* sections, written at the end */
    uint32_t *pair_numbers; /* of the head's pairs in the image, plus 1 */
    uint32_t *symbol_numbers;
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
    buf_add(&w->chunks, head, sizeof head);
    buf_add(&w->chunks, s->bytes, s->len);
}

/* apply, for reading. Returns how many. */
static uint32_t copy_sealed(struct image_writer *w, const struct series *s)
{
    const struct pool *pool = w->st->head.pool;
    struct ids refs = {0};
    uint32_t n;

    for (pool_ref ref = s->sealed; ref;) {
        const struct sealed *c = (const struct sealed *)(const void *)pool_at(pool, ref);

        if (c->last_t < w->cut)
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
    struct buf samples = {0};
    uint64_t n = 0;
    unix_ms before = 0;

    for (uint32_t i = 0; l && i < l->n; i++) {
        const struct late_sample *s = &l->samples[i];

        if (s->t < w->cut && l->dropped + i < l->written)
            continue; /* in a block */
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
    bool open = s->tip.n > 0 && s->tip.last_t >= w->cut;
    size_t chunks = w->chunks.len;
    uint32_t sealed = copy_sealed(w, s);
    uint8_t entry[SERIES_BYTES], *p = entry;

    if (open)
        buf_add(&w->chunks, pool_at(h->pool, s->open), s->tip.len);
    p = put_u32(p, id);
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
    put_u32(p, (uint32_t)(w->chunks.len - chunks));
    buf_add(&w->series, entry, sizeof entry);
    for (size_t i = 0; i < s->n_labels; i++)
        buf_add_u32(&w->labels, number_of_pair(w, pairs[i]));
    if (s->tip.state & SERIES_LATE)
        copy_late(w, id);
    w->meta.series++;
}

static void copy_all(struct image_writer *w)
{
    struct head *h = &w->st->head;

    section_begin(&w->file);
    for (series_id id = 1; id != 0;) {
        buf_reset(&w->chunks);
        {
            WITH_READ(&h->index);
            WITH_READ(&h->apply);

            for (int i = 0; i < SERIES_AT_A_TIME && (id = head_next(h, id)) != 0; i++, id++)
                copy_series(w, id);
            w->meta.next_id =
                h->next_id; /* of the last turn: no series with a lower number was missed */
        }
        section_write_buf(&w->file, &w->chunks);
    }
    section_end(&w->file);
}

static void write_sections(struct image_writer *w)
{
    const struct buf *bufs[] = {&w->pairs, &w->series, &w->labels, &w->late};

    section_begin(&w->file);
    section_write_buf(&w->file, &w->symbols);
    section_write_buf(&w->file, &w->texts);
    section_end(&w->file);
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++) {
        section_begin(&w->file);
        section_write_buf(&w->file, bufs[i]);
        section_end(&w->file);
    }
}

static void writer_deinit(struct image_writer *w)
{
    struct buf *bufs[] = {&w->chunks, &w->symbols, &w->texts, &w->pairs,
                          &w->series, &w->labels,  &w->late};

    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_free(bufs[i]);
    free(w->pair_numbers);
    free(w->symbol_numbers);
    section_writer_abort(&w->file);
}

static int write_file(struct image_writer *w, const char *path, struct err *err)
{
    uint8_t meta[IMAGE_META_BYTES];
    int r = section_writer_open(&w->file, w->st->ops, path, IMAGE_KIND, IMAGE_VERSION, err);

    if (r < 0)
        return r;
    copy_all(w);
    write_sections(w);
    w->st->image_bytes = w->file.at;
    put_meta(&w->meta, meta);
    return section_writer_finish(&w->file, meta, sizeof meta, err);
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
    struct image_writer w = {.st = st, .cut = st->views.current->cut};
    bool suspect = atomic_exchange(&st->log_suspect, false);
    struct buf path = {0};
    int r;

    {
        WITH_LOCK(&st->head.commit);
        w.meta.segment = log_turn(&st->log);
        w.meta.valid_from = st->head.valid_from;
    }
    w.meta.cut = w.cut;
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

/* ---- loading ------------------------------------------------------------------------------- */

struct image {
    struct section_file file;
    struct image_meta meta;
    bool lossy;     /* pages are lost: nothing is believed unseen */
    pair_no *pairs; /* of the head, by number of the image; PAIR_NONE where it is not readable */
};

static struct wire section(const struct image *m, enum image_section i)
{
    return wire_of(section_at(&m->file, i), section_len(&m->file, i));
}

static void check_sections(struct image *m, struct replay *r)
{
    struct section_damage d = {0};

    for (unsigned i = 0; i < IMAGE_SECTIONS; i++)
        section_check(&m->file, i, &d);
    if (d.restored > 0)
        replay_report(r, "image of the head: %zu damaged pages were restored from parity",
                      d.restored);
    if (d.lost > 0)
        replay_report(r, "image of the head: %zu pages are damaged, what they held is lost",
                      d.lost);
    m->lossy = d.lost > 0;
}

static struct str *load_symbols(const struct image *m)
{
    struct str *symbols = mem_array(m->meta.symbols, sizeof *symbols);
    struct wire w = section(m, IMAGE_SYMBOLS);
    const uint8_t *lengths = wire_bytes(&w, 4 * (size_t)m->meta.symbols);

    for (size_t i = 0; lengths && i < m->meta.symbols; i++) {
        uint32_t len = get_u32(lengths + 4 * i);
        const uint8_t *p = wire_bytes(&w, len);

        symbols[i] = p ? str_n((const char *)p, len) : STR_NONE;
    }
    return symbols;
}

static void load_pairs(struct image *m, struct head *h)
{
    struct str *symbols = load_symbols(m);
    struct wire w = section(m, IMAGE_PAIRS);

    m->pairs = mem_array(m->meta.pairs, sizeof *m->pairs);
    for (size_t i = 0; i < m->meta.pairs; i++) {
        uint32_t name = wire_u32(&w), value = wire_u32(&w);
        bool good = !w.bad && name < m->meta.symbols && value < m->meta.symbols &&
                    symbols[name].len > 0 && symbols[value].len > 0;

        m->pairs[i] = good ? symbols_make_pair(&h->symbols, symbols[name], symbols[value])
                           : PAIR_NONE;
    }
    free(symbols);
}

/* The numbers of a series' pairs in the head. False when one is not readable. */
static bool load_labels(const struct image *m, struct wire *w, size_t n, pair_no *out)
{
    bool good = true;

    for (size_t i = 0; i < n; i++) {
        uint32_t no = wire_u32(w);

        out[i] = !w->bad && no < m->meta.pairs ? m->pairs[no] : PAIR_NONE;
        good = good && out[i] != PAIR_NONE;
    }
    return good && n > 0;
}

static bool chunk_is_good(const struct sealed *s)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];
    struct histogram histograms[OPEN_SAMPLES_MAX];
    struct wire w = wire_of(s->bytes, s->len);
    struct arena a;
    bool good;

    if (s->n == 0 || s->n > OPEN_SAMPLES_MAX)
        return false;
    if (!(s->class & SEALED_HISTOGRAMS))
        return column_get_times(&w, s->first_t, s->n, times) && column_get_values(&w, s->n, values);
    arena_init(&a, 0);
    good = histogram_chunk_read(s->bytes, s->len, s->n, times, histograms, &a);
    arena_deinit(&a);
    return good;
}

static bool open_is_good(const struct tip *tip, const uint8_t *bytes)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];
    struct histogram histograms[OPEN_SAMPLES_MAX];
    struct arena a;
    bool good;

    if (tip->n > OPEN_SAMPLES_MAX || tip->decimals > DECIMALS_MAX)
        return false;
    if (!(tip->state & SERIES_HISTOGRAMS))
        return open_chunk_read(bytes, tip->len, tip->n, times, values);
    arena_init(&a, 0);
    good = histogram_chunk_read(bytes, tip->len, tip->n, times, histograms, &a);
    arena_deinit(&a);
    return good;
}

/* Chunks of one series; `w` ends with them. */
static bool load_chunks(const struct image *m, struct head *h, struct series *s, struct wire w,
                        uint32_t sealed)
{
    union {
        struct sealed chunk;
        uint8_t room[POOL_PIECE_MAX];
    } u;

    for (uint32_t i = 0; i < sealed; i++) {
        const uint8_t *bytes;

        u.chunk.len = wire_u16(&w);
        u.chunk.n = wire_u8(&w);
        u.chunk.class = wire_u8(&w);
        u.chunk.first_t = (unix_ms)wire_u64(&w);
        u.chunk.last_t = (unix_ms)wire_u64(&w);
        bytes = wire_bytes(&w, u.chunk.len);
        if (!bytes || sizeof u.chunk + u.chunk.len > sizeof u.room)
            return false;
        memcpy(u.chunk.bytes, bytes, u.chunk.len);
        if (m->lossy && !chunk_is_good(&u.chunk))
            return false;
        head_add_sealed(h, s, &u.chunk);
        h->n_samples += u.chunk.n;
    }
    if (s->tip.n > 0) {
        if (wire_left(&w) != s->tip.len || (m->lossy && !open_is_good(&s->tip, w.p)))
            return false;
        head_add_open(h, s, w.p);
    }
    return true;
}

static bool load_series(struct image *m, struct replay *r, struct wire *entries,
                        struct wire *labels, struct wire *chunks)
{
    struct head *h = &r->st->head;
    series_id id = wire_u32(entries);
    size_t n = wire_u16(entries);
    struct tip tip = {0};
    pair_no pairs[LABEL_COUNT_MAX];
    const uint8_t *bytes;
    struct series *s;
    uint32_t sealed, len;
    uint64_t hash;

    tip.state = wire_u8(entries);
    tip.n = wire_u8(entries);
    tip.decimals = wire_u8(entries);
    tip.flags = wire_u8(entries);
    tip.len = wire_u16(entries);
    tip.step = wire_u32(entries);
    hash = wire_u64(entries);
    tip.last_t = (unix_ms)wire_u64(entries);
    tip.last_bits = wire_u64(entries);
    sealed = wire_u32(entries);
    len = wire_u32(entries);
    bytes = wire_bytes(chunks, len);
    if (entries->bad || !bytes || n > LABEL_COUNT_MAX || !load_labels(m, labels, n, pairs))
        return false;
    if (id < h->next_id || id > SERIES_ID_MAX)
        return false; /* not above the one before */
    s = head_series(h, head_add_pairs(h, id, pairs, n, hash));
    tip.state = (uint8_t)(tip.state | SERIES_LOGGED);
    s->tip = tip;
    if (!load_chunks(m, h, s, wire_of(bytes, len), sealed)) {
        s->tip.n = 0;
        s->tip.len = 0;
        return false;
    }
    head_restored(h, id, s);
    return true;
}

static void load_all_series(struct image *m, struct replay *r)
{
    struct wire entries = section(m, IMAGE_SERIES), labels = section(m, IMAGE_LABELS);
    struct wire chunks = section(m, IMAGE_CHUNKS);
    uint32_t bad = 0;

    head_reserve(&r->st->head, m->meta.series);
    for (uint32_t i = 0; i < m->meta.series; i++) {
        if (i + PREFETCH_SERIES < m->meta.series)
            head_prefetch_place(&r->st->head,
                                get_u64(entries.p + PREFETCH_SERIES * SERIES_BYTES + HASH_AT));
        bad += !load_series(m, r, &entries, &labels, &chunks);
    }
    if (bad > 0)
        replay_report(r, "image of the head: %u series, or samples of them, are not readable", bad);
}

static void load_late(const struct image *m, struct replay *r)
{
    struct wire w = section(m, IMAGE_LATE);
    struct head *h = &r->st->head;
    struct arena a;

    arena_init(&a, 0);
    while (!w.bad && w.p < w.end) {
        uint64_t id = wire_uvarint(&w), n = wire_uvarint(&w), t = 0;
        struct series *s = id <= SERIES_ID_MAX ? head_series(h, (series_id)id) : NULL;

        for (; n > 0 && !w.bad; n--) {
            struct histogram v;

            t += (uint64_t)wire_svarint(&w);
            if (wire_u8(&w) == 0) {
                double f = double_of_bits(wire_u64(&w));

                if (s && !w.bad)
                    head_append_late(h, (series_id)id, s, (unix_ms)t, f);
            } else if (!histogram_get(&w, NULL, &a, &v)) {
                w.bad = true;
            } else if (s) {
                head_append_late_histogram(h, (series_id)id, s, (unix_ms)t, &v);
            }
            arena_reset(&a);
        }
    }
    arena_deinit(&a);
    if (w.bad)
        replay_report(r, "image of the head: late samples are not readable");
}

static bool meta_makes_sense(const struct image *m)
{
    return m->file.frame.n_sections == IMAGE_SECTIONS &&
           section_len(&m->file, IMAGE_SERIES) == (size_t)m->meta.series * SERIES_BYTES &&
           section_len(&m->file, IMAGE_PAIRS) == (size_t)m->meta.pairs * 8 &&
           section_len(&m->file, IMAGE_SYMBOLS) / 4 >= m->meta.symbols;
}

int image_load(struct replay *r, const char *path, uint64_t *ret_segment, struct err *err)
{
    struct image m = {0};
    bool frame_damaged = false;
    struct head *h = &r->st->head;
    int k = section_file_open(path, IMAGE_KIND, IMAGE_VERSION, &m.file, &frame_damaged, err);

    if (k < 0)
        return k;
    m.meta = get_meta(m.file.frame.meta);
    if (!meta_makes_sense(&m)) {
        section_file_close(&m.file);
        return err_set(err, -EBADMSG, "its frame makes no sense");
    }
    if (frame_damaged)
        replay_report(r,
                      "image of the head: one of its two frames is damaged, the other one is used");
    check_sections(&m, r);
    load_pairs(&m, h);
    load_all_series(&m, r);
    load_late(&m, r);
    if (h->next_id < m.meta.next_id && m.meta.next_id <= SERIES_ID_MAX)
        h->next_id = m.meta.next_id;
    if (!m.lossy)
        r->known_below = m.meta.next_id;
    r->cut = m.meta.cut > r->cut ? m.meta.cut : r->cut;
    h->valid_from = m.meta.valid_from > h->valid_from ? m.meta.valid_from : h->valid_from;
    r->st->image_bytes = m.file.len;
    *ret_segment = m.meta.segment;
    free(m.pairs);
    section_file_close(&m.file);
    return 0;
}
