/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "model/sample.h"
#include "storage/histogram_code_priv.h"
#include "storage/image_walk_priv.h"

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

    for (unsigned i = 0; i < image_sections_of(m->file.frame.version); i++)
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

static bool chunk_is_good(const struct image_chunk *c)
{
    unix_ms times[OPEN_SAMPLES_MAX];
    double values[OPEN_SAMPLES_MAX];

    return image_chunk_read(c, times, values);
}

/* Chunks of one series. */
static bool load_chunks(const struct image *m, struct head *h, struct series *s,
                        const struct image_series *e)
{
    union {
        struct sealed chunk;
        uint8_t room[POOL_PIECE_MAX];
    } u;
    struct wire w = e->chunks;
    struct image_chunk c;

    for (uint32_t i = 0; i < e->sealed; i++) {
        if (!image_sealed_get(&w, &c) || sizeof u.chunk + c.len > sizeof u.room ||
            (m->lossy && !chunk_is_good(&c)))
            return false;
        u.chunk = (struct sealed){.len = (uint16_t)c.len,
                                  .n = (uint8_t)c.n,
                                  .class = c.histograms ? SEALED_HISTOGRAMS : 0,
                                  .first_t = c.first_t,
                                  .last_t = c.last_t};
        memcpy(u.chunk.bytes, c.bytes, c.len);
        head_add_sealed(h, s, &u.chunk);
        h->n_samples += c.n;
    }
    if (e->tip.n > 0) {
        if (!image_open_get(e, w, &c) || (m->lossy && !chunk_is_good(&c)))
            return false;
        head_add_open(h, s, c.bytes);
    }
    return true;
}

static bool load_series(const struct image *m, struct head *h, uint32_t place)
{
    pair_no pairs[LABEL_COUNT_MAX];
    struct image_series e;
    struct series *s;

    if (!image_series_get(section(m, IMAGE_SERIES), place, &e) ||
        !load_labels(m, &e.labels, e.n_labels, pairs))
        return false;
    if (e.id < h->next_id || e.id > SERIES_ID_MAX) /* numbers ascend */
        return false;
    s = head_series(h, head_add_pairs(h, e.id, pairs, e.n_labels, e.hash));
    e.tip.state = (uint8_t)(e.tip.state | SERIES_LOGGED);
    s->tip = e.tip;
    if (!load_chunks(m, h, s, &e)) {
        s->tip.n = 0;
        s->tip.len = 0;
        return false;
    }
    head_restored(h, e.id, s);
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

static void load_extras(const struct image *m, struct replay *r)
{
    const struct log_visitor v = replay_extras(r);

    if (image_sections_of(m->file.frame.version) > IMAGE_EXTRAS &&
        !log_record_visit(section_at(&m->file, IMAGE_EXTRAS), section_len(&m->file, IMAGE_EXTRAS),
                          &v))
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
    if (!image_meta_makes_sense(&m.file, &m.meta)) {
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
