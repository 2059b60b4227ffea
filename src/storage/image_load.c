/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/column_priv.h"
#include "storage/histogram_chunk_priv.h"
#include "storage/image_priv.h"
#include "storage/section_file_priv.h"

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

static uint32_t sections_of(const struct image *m)
{
    switch (m->file.frame.version) {
    case 1: return IMAGE_STONES;
    case 2: return IMAGE_EXTRAS;
    default: return IMAGE_SECTIONS;
    }
}

static void check_sections(struct image *m, struct replay *r)
{
    struct section_damage d = {0};

    for (unsigned i = 0; i < sections_of(m); i++)
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
    size_t n;
    bool good;

    if (tip->n > OPEN_SAMPLES_MAX || tip->decimals > DECIMALS_MAX)
        return false;
    if (!(tip->state & SERIES_HISTOGRAMS))
        return open_chunk_read(bytes, tip->len, tip->n, INT64_MIN, times, values, &n);
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

/* The head of a series, as its bytes say. */
static void read_series(struct wire *w, struct tip *tip, size_t *n_labels, uint64_t *hash,
                        uint32_t *sealed, uint32_t *chunk_bytes)
{
    *n_labels = wire_u16(w);
    *tip = (struct tip){0};
    tip->state = wire_u8(w);
    tip->n = wire_u8(w);
    tip->decimals = wire_u8(w);
    tip->flags = wire_u8(w);
    tip->len = wire_u16(w);
    tip->step = wire_u32(w);
    *hash = wire_u64(w);
    tip->last_t = (unix_ms)wire_u64(w);
    tip->last_bits = wire_u64(w);
    *sealed = wire_u32(w);
    *chunk_bytes = wire_u32(w);
}

static bool load_series(const struct image *m, struct head *h, uint64_t place)
{
    struct wire w = section(m, IMAGE_SERIES);
    pair_no pairs[LABEL_COUNT_MAX];
    const uint8_t *chunks;
    uint32_t sealed, bytes;
    struct series *s;
    struct tip tip;
    series_id id;
    uint64_t hash;
    size_t n;

    if (!wire_bytes(&w, place <= SIZE_MAX / SERIES_ALIGN ? (size_t)place * SERIES_ALIGN : SIZE_MAX))
        return false;
    id = wire_u32(&w);
    read_series(&w, &tip, &n, &hash, &sealed, &bytes);
    if (w.bad || n > LABEL_COUNT_MAX || !load_labels(m, &w, n, pairs))
        return false;
    chunks = wire_bytes(&w, bytes);
    if (!chunks || id < h->next_id || id > SERIES_ID_MAX) /* numbers ascend */
        return false;
    s = head_series(h, head_add_pairs(h, id, pairs, n, hash));
    tip.state = (uint8_t)(tip.state | SERIES_LOGGED);
    s->tip = tip;
    if (!load_chunks(m, h, s, wire_of(chunks, bytes), sealed)) {
        s->tip.n = 0;
        s->tip.len = 0;
        return false;
    }
    head_restored(h, id, s);
    return true;
}

/* ---- postings, on a thread of their own ---------------------------------------------------- */

/* Who carries a pair is a third of the work of a start, and needs nothing but the labels in the rows
 * that are complete. So another thread does it, some rows behind. */
struct postings_work {
    struct head *h;
    struct thread thread;
    pthread_cond_t more;
    struct lock lock;
    series_id before; /* lock: the rows of series below are complete */
    bool last;        /* lock: and there will be no others */
};

#define ROWS_AT_A_TIME 16 /* until the other thread is told of them */

static void add_postings(void *arg)
{
    struct postings_work *p = arg;
    series_id done = 0, before;
    bool last;

    do {
        {
            WITH_LOCK(&p->lock);
            while (p->before == done && !p->last)
                pthread_cond_wait(&p->more, &p->lock.m);
            before = p->before;
            last = p->last;
        }
        head_add_postings(p->h, done, before);
        done = before;
    } while (!last);
}

static void postings_ready(struct postings_work *p, series_id before, bool last)
{
    WITH_LOCK(&p->lock);
    p->before = before;
    p->last = last;
    pthread_cond_signal(&p->more);
}

static void postings_start(struct postings_work *p, struct head *h)
{
    *p = (struct postings_work){.h = h};
    lock_init(&p->lock);
    must(pthread_cond_init(&p->more, NULL) == 0);
    thread_start(&p->thread, "postings", add_postings, p);
}

static void postings_join(struct postings_work *p)
{
    thread_join(&p->thread);
    pthread_cond_destroy(&p->more);
    lock_deinit(&p->lock);
}

static void load_all_series(const struct image *m, struct replay *r)
{
    struct wire places = section(m, IMAGE_PLACES);
    struct head *h = &r->st->head;
    struct postings_work postings;
    series_id told = 0;
    uint32_t bad = 0;

    postings_start(&postings, h);
    for (uint32_t i = 0; i < m->meta.series; i++) {
        series_id row;

        bad += !load_series(m, h, wire_u32(&places));
        row = (h->next_id - 1) & ~(ROW_SERIES - 1); /* of the newest: it is not complete */
        if (row - told >= ROWS_AT_A_TIME * ROW_SERIES) {
            told = row;
            postings_ready(&postings, row, false);
        }
    }
    postings_ready(&postings, h->next_id, true);
    head_make_table(h);
    postings_join(&postings);
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

static void load_stones(const struct image *m, struct replay *r)
{
    struct wire w;

    if (m->file.frame.version < 2)
        return;
    w = section(m, IMAGE_STONES);
    if (!stones_get(&w, wire_uvarint(&w), &r->stones, &r->n_stones, &r->cap_stones))
        replay_report(r, "image of the head: what was deleted is not readable");
}

static bool meta_makes_sense(const struct image *m)
{
    return m->file.frame.n_sections == sections_of(m) &&
           section_len(&m->file, IMAGE_PLACES) == (size_t)m->meta.series * 4 &&
           section_len(&m->file, IMAGE_PAIRS) == (size_t)m->meta.pairs * 8 &&
           section_len(&m->file, IMAGE_SYMBOLS) / 4 >= m->meta.symbols;
}

static void load_extras(const struct image *m, struct replay *r)
{
    const struct log_visitor v = replay_extras(r);

    if (sections_of(m) > IMAGE_EXTRAS && !log_record_visit(section_at(&m->file, IMAGE_EXTRAS),
                                                           section_len(&m->file, IMAGE_EXTRAS), &v))
        replay_report(r,
                      "image of the head: exemplars and metadata make no sense from some place on");
}

int image_load(struct replay *r, const char *path, uint64_t *ret_segment, struct err *err)
{
    struct image m = {0};
    bool frame_damaged = false;
    struct head *h = &r->st->head;
    int k = section_file_open(path, IMAGE_KIND, IMAGE_VERSION, &m.file, &frame_damaged, err);

    if (k < 0)
        return k;
    m.meta = image_meta_get(m.file.frame.meta);
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
    load_stones(&m, r);
    load_extras(&m, r);
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
