/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/block_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "storage/column_priv.h"
#include "storage/samples_priv.h"

static void tell(const struct block *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void tell(const struct block *b, const char *fmt, ...)
{
    struct buf text = {0};
    va_list ap;

    buf_addf(&text, "block %08llu: ", (unsigned long long)b->number);
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    b->damage->told(b->damage->self, text.p);
    buf_free(&text);
}

int block_open(const char *path, uint64_t number, const struct damage_face *damage,
               struct block **ret, struct err *err)
{
    struct block *b = mem_zalloc(sizeof *b);
    bool frame_damaged = false;
    int r;

    b->refs = 1;
    b->number = number;
    b->path = mem_strdup(path);
    b->damage = damage;
    lock_init(&b->checking);
    r = section_file_open(path, BLOCK_KIND, BLOCK_VERSION, &b->file, &frame_damaged, err);
    if (r == 0 && (b->file.frame.n_sections != BLOCK_SECTIONS ||
                   !block_info_get(b->file.frame.meta, &b->info)))
        r = err_set(err, -EBADMSG, "its frame makes no sense");
    if (r < 0) {
        block_unref(b);
        return r;
    }
    if (frame_damaged)
        tell(b, "one of its two frames is damaged, the other one is used");
    *ret = b;
    return 0;
}

struct block *block_ref(struct block *b)
{
    b->refs++;
    return b;
}

void block_unref(struct block *b)
{
    if (!b || --b->refs > 0)
        return;
    section_file_close(&b->file);
    lock_deinit(&b->checking);
    free(b->path);
    free(b);
}

uint64_t block_age(const struct block *b)
{
    uint64_t least = b->number;

    for (uint32_t i = 0; i < b->info.n_parents; i++)
        least = b->info.parents[i] < least ? b->info.parents[i] : least;
    return least;
}

/* Returns true to the one thread that checked. */
static bool check_index(struct block *b, struct section_damage *ret)
{
    WITH_LOCK(&b->checking);
    if (b->checked)
        return false;
    for (unsigned i = 0; i < BLOCK_SECTIONS; i++)
        section_check(&b->file, i, ret);
    b->index_lost = ret->lost > 0;
    b->checked = true;
    return true;
}

void block_prepare(struct block *b)
{
    struct section_damage d = {0};

    if (b->checked || !check_index(b, &d))
        return;
    if (d.restored > 0)
        tell(b, "%zu damaged pages of the index were restored from parity", d.restored);
    if (d.lost > 0)
        tell(b, "%zu pages of the index are damaged; series may be missing", d.lost);
}

/* ---- symbols and pairs --------------------------------------------------------------------- */

uint32_t block_symbol_count(const struct block *b)
{
    return section_len(&b->file, BLOCK_SYMBOLS) >= 4 ? get_u32(section_at(&b->file, BLOCK_SYMBOLS))
                                                     : 0;
}

bool block_symbol(const struct block *b, uint32_t no, struct str *ret)
{
    const uint8_t *s = section_at(&b->file, BLOCK_SYMBOLS);
    size_t len = section_len(&b->file, BLOCK_SYMBOLS), texts;
    uint32_t n = block_symbol_count(b), from, to;

    texts = 4 + 4 * (size_t)n;
    if (no >= n || texts > len)
        return false;
    from = no ? get_u32(s + 4 * (size_t)no) : 0;
    to = get_u32(s + 4 + 4 * (size_t)no);
    if (from > to || to > len - texts)
        return false;
    *ret = str_n((const char *)s + texts + from, to - from);
    return true;
}

size_t block_pair_count(const struct block *b)
{
    return section_len(&b->file, BLOCK_PAIRS) / BLOCK_PAIR_BYTES;
}

static const uint8_t *pair_entry(const struct block *b, pair_no no)
{
    return section_at(&b->file, BLOCK_PAIRS) + (size_t)no * BLOCK_PAIR_BYTES;
}

bool block_pair(const struct block *b, pair_no no, struct label *ret)
{
    return no < block_pair_count(b) && block_symbol(b, get_u32(pair_entry(b, no)), &ret->name) &&
           block_symbol(b, get_u32(pair_entry(b, no) + 4), &ret->value);
}

/* The first pair not before (name, value). */
static pair_no first_pair(const struct block *b, struct str name, struct str value)
{
    pair_no low = 0, high = (pair_no)block_pair_count(b);

    while (low < high) {
        pair_no mid = low + (high - low) / 2;
        struct label l;
        int r = -1; /* an unreadable one: go on somehow, it ends */

        if (block_pair(b, mid, &l)) {
            r = str_cmp(l.name, name);
            r = r ? r : str_cmp(l.value, value);
        }
        if (r < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static pair_no face_find(const void *self, struct str name, struct str value)
{
    pair_no no = first_pair(self, name, value);
    struct label l;

    return block_pair(self, no, &l) && str_eq(l.name, name) && str_eq(l.value, value) ? no
                                                                                      : PAIR_NONE;
}

/* Past the last pair of a name: the first one of "name\0", which is the next text that can be a
 * name. */
static pair_no last_pair(const struct block *b, struct str name)
{
    struct buf next = {0};
    pair_no no;

    buf_add_str(&next, name);
    buf_add_byte(&next, '\0');
    no = first_pair(b, buf_str(&next), STR(""));
    buf_free(&next);
    return no;
}

static size_t face_value_count(const void *self, struct str name)
{
    pair_no first = first_pair(self, name, STR("")), last = last_pair(self, name);

    return last > first ? last - first : 0;
}

static void face_each_value(const void *self, struct str name,
                            void (*cb)(void *arg, pair_no pair, struct str value), void *arg)
{
    struct label l;

    for (pair_no no = first_pair(self, name, STR(""));
         block_pair(self, no, &l) && str_eq(l.name, name); no++)
        cb(arg, no, l.value);
}

static size_t face_pair_size(const void *self, pair_no pair)
{
    return get_u32(pair_entry(self, pair) + 8);
}

struct block_postings block_pair_postings(const struct block *b, pair_no pair)
{
    struct block_postings p = {.count = get_u32(pair_entry(b, pair) + 8),
                               .from = get_u32(pair_entry(b, pair) + 12),
                               .to = section_len(&b->file, BLOCK_POSTINGS)};

    if (pair + 1 < block_pair_count(b))
        p.to = get_u32(pair_entry(b, pair + 1) + 12);
    return p;
}

static void face_pair_ids(const void *self, pair_no pair, struct ids *out)
{
    const struct block *b = self;
    struct block_postings p = block_pair_postings(b, pair);

    if (p.from > p.to || p.to > section_len(&b->file, BLOCK_POSTINGS) ||
        !ids_read_deltas(out, section_at(&b->file, BLOCK_POSTINGS) + p.from,
                         (size_t)(p.to - p.from), p.count, b->info.series))
        tell(b, "the list of series of one label is not readable");
}

static void face_all_ids(const void *self, struct ids *out)
{
    const struct block *b = self;

    for (uint32_t i = 0; i < b->info.series; i++)
        ids_push(out, i);
}

static size_t face_all_count(const void *self)
{
    return (size_t)((const struct block *)self)->info.series;
}

/* ---- series -------------------------------------------------------------------------------- */

uint32_t block_entry_begin(const struct block *b, uint32_t ordinal)
{
    return get_u32(section_at(&b->file, BLOCK_PLACES) + 4 * (size_t)ordinal);
}

bool block_entry(const struct block *b, uint32_t ordinal, struct block_entry *ret)
{
    const uint8_t *places = section_at(&b->file, BLOCK_PLACES);
    size_t n = section_len(&b->file, BLOCK_PLACES) / 4, len = section_len(&b->file, BLOCK_SERIES);
    struct wire w;
    uint32_t at;

    if (ordinal >= n || (at = get_u32(places + 4 * (size_t)ordinal)) > len)
        return false;
    w = wire_of(section_at(&b->file, BLOCK_SERIES) + at, len - at);
    ret->hash = wire_u64(&w);
    ret->n_pairs = (size_t)wire_uvarint(&w);
    ret->pairs = w;
    if (ret->n_pairs > LABEL_COUNT_MAX)
        return false;
    for (size_t i = 0; i < ret->n_pairs; i++)
        (void)wire_uvarint(&w);
    ret->n_chunks = wire_uvarint(&w);
    ret->chunks = w;
    return !w.bad;
}

bool block_label_set(const struct block *b, uint32_t ordinal, uint64_t *ret_hash,
                     struct label_set **ret)
{
    CLEANUP(label_set_unrefp) const struct label_set *set = NULL;
    struct label labels[LABEL_COUNT_MAX];
    struct block_entry e;
    uint64_t pair = 0;

    if (!block_entry(b, ordinal, &e))
        return false;
    for (size_t i = 0; i < e.n_pairs; i++) {
        pair += wire_uvarint(&e.pairs);
        if (pair >= PAIR_NONE || !block_pair(b, (pair_no)pair, &labels[i]))
            return false;
    }
    set = label_set_new(labels, e.n_pairs);
    if (b->index_lost && label_set_stable_hash(set) != e.hash)
        return false;
    *ret_hash = e.hash;
    *ret = label_set_ref(set);
    return true;
}

static bool face_label_of(const void *self, uint32_t id, struct str name, pair_no *ret_pair,
                          struct str *ret_value)
{
    struct block_entry e;
    uint64_t pair = 0;
    struct label l;

    if (!block_entry(self, id, &e))
        return false;
    for (size_t i = 0; i < e.n_pairs; i++) {
        pair += wire_uvarint(&e.pairs);
        if (pair >= PAIR_NONE || !block_pair(self, (pair_no)pair, &l))
            return false;
        if (str_eq(l.name, name)) {
            *ret_pair = (pair_no)pair;
            *ret_value = l.value;
            return true;
        }
    }
    return false;
}

void block_index_face(const struct block *b, struct index_face *ret)
{
    *ret = (struct index_face){b,
                               face_find,
                               face_value_count,
                               face_each_value,
                               face_pair_size,
                               face_pair_ids,
                               face_all_ids,
                               face_all_count,
                               face_label_of};
}

/* ---- samples ------------------------------------------------------------------------------- */

bool block_next_chunk(struct wire *w, bool first, struct block_chunk *c)
{
    uint64_t end = c->at + c->len;

    if (first) {
        c->min = wire_svarint(w);
        c->at = wire_uvarint(w);
    } else {
        c->min = (unix_ms)((uint64_t)c->max + wire_uvarint(w));
        c->at = end + wire_uvarint(w);
    }
    c->max = (unix_ms)((uint64_t)c->min + wire_uvarint(w));
    c->len = wire_uvarint(w);
    return !w->bad;
}

bool block_shows(const struct block *b, uint32_t ordinal, unix_ms from, unix_ms to,
                 struct stone_span deleted)
{
    struct block_chunk c = {0};
    struct block_entry e;

    if (!block_entry(b, ordinal, &e))
        return false;
    for (uint64_t i = 0; i < e.n_chunks && block_next_chunk(&e.chunks, i == 0, &c); i++)
        if (c.min <= to && c.max >= from &&
            !stones_cover(deleted, c.min > from ? c.min : from, c.max < to ? c.max : to))
            return true;
    return false;
}

bool block_has_samples(const struct block *b, uint32_t ordinal, unix_ms from, unix_ms to)
{
    return block_shows(b, ordinal, from, to, (struct stone_span){0});
}

static bool add_shared(const struct block *b, struct wire *w, const struct block_chunk *e, size_t n,
                       unix_ms from, unix_ms to, struct columns *c)
{
    uint64_t at = wire_uvarint(w), len = section_len(&b->file, BLOCK_TIMES);
    struct wire times;

    if (w->bad || at > len)
        return false;
    times = wire_of(section_at(&b->file, BLOCK_TIMES) + at, (size_t)(len - at));
    return samples_add_two_columns(c, &times, w, e->min, n, from, to);
}

bool block_add_chunk(const struct block *b, const struct block_chunk *e, unix_ms from, unix_ms to,
                     struct columns *c)
{
    const uint8_t *p = b->file.map + e->at;
    struct wire w;
    uint64_t n;
    unsigned kind;

    if (e->at > b->file.len || e->len < 6 || e->len > b->file.len - e->at ||
        get_u32(p) != hash_crc32c(0, p + 4, (size_t)e->len - 4))
        return false;
    w = wire_of(p + 4, (size_t)e->len - 4);
    kind = wire_u8(&w);
    n = wire_uvarint(&w);
    if (w.bad || n == 0 || n > CHUNK_MAX)
        return false;
    switch (kind) {
    case CHUNK_FLOATS: return samples_add_columns(c, &w, e->min, (size_t)n, from, to);
    case CHUNK_SHARED_TIMES: return add_shared(b, &w, e, (size_t)n, from, to, c);
    case CHUNK_HISTOGRAMS:
        return samples_add_histogram_chunk(c, w.p, wire_left(&w), (size_t)n, from, to);
    default: return false;
    }
}

/* Whether a damaged chunk is to be told about: once, and not too many of them. */
static bool is_news(struct block *b, const struct block_chunk *e)
{
    WITH_LOCK(&b->checking);
    for (size_t i = 0; i < b->n_told; i++)
        if (b->told[i] == e->at)
            return false;
    if (b->n_told == BLOCK_TOLD_MAX)
        return false;
    b->told[b->n_told++] = e->at;
    return true;
}

void block_read(struct block *b, uint32_t ordinal, unix_ms from, unix_ms to, struct columns *c)
{
    struct block_chunk chunk = {0};
    struct block_entry e;

    if (!block_entry(b, ordinal, &e))
        return;
    for (uint64_t i = 0; i < e.n_chunks && block_next_chunk(&e.chunks, i == 0, &chunk); i++) {
        if (chunk.max < from)
            continue;
        if (chunk.min > to)
            break;
        if (!block_add_chunk(b, &chunk, from, to, c) && is_news(b, &chunk))
            tell(b, "a chunk of %llu bytes at %llu is damaged, its samples are lost",
                 (unsigned long long)chunk.len, (unsigned long long)chunk.at);
    }
}
