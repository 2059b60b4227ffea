/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "storage/prom_block_writer_priv.h"

#define POSTINGS_ALIGN 4

/* The index as it goes to the file. */
struct out {
    FILE *f;
    uint64_t at;
    bool too_large; /* a section of 4 GiB or more */
    struct buf body;
};

static void put(struct out *o, const void *p, size_t n)
{
    fwrite(p, 1, n, o->f);
    o->at += n;
}

static void pad(struct out *o, unsigned align)
{
    static const char zeroes[PROM_SERIES_ALIGN];

    put(o, zeroes, (size_t)(-o->at & (align - 1)));
}

static void put_be32(struct out *o, uint32_t v)
{
    v = __builtin_bswap32(v);
    put(o, &v, sizeof v);
}

/* o->body with its length before and its checksum behind it; returns where it is. */
static uint64_t put_section(struct out *o)
{
    uint64_t at = o->at;

    o->too_large = o->too_large || o->body.len > UINT32_MAX;
    put_be32(o, (uint32_t)o->body.len);
    put(o, o->body.p, o->body.len);
    put_be32(o, hash_crc32c(0, o->body.p, o->body.len));
    buf_reset(&o->body);
    return at;
}

static void add_text(struct buf *b, struct str s)
{
    buf_add_uvarint(b, s.len);
    buf_add_str(b, s);
}

/* ---- symbols ------------------------------------------------------------------------------- */

static int compare_symbols(const void *pa, const void *pb)
{
    const struct prom_symbol *a = *(struct prom_symbol *const *)pa,
                             *b = *(struct prom_symbol *const *)pb;

    return str_cmp(a->text, b->text);
}

/* Sorts the symbols and gives the labels their new numbers. */
static void put_symbols(struct prom_block_writer *w, struct out *o)
{
    uint32_t *rank = mem_array(w->n_symbols + 1, sizeof *rank);

    if (w->n_symbols > 0)
        qsort(w->symbols, w->n_symbols, sizeof(struct prom_symbol *), compare_symbols);
    buf_add_be32(&o->body, (uint32_t)w->n_symbols);
    for (size_t i = 0; i < w->n_symbols; i++) {
        rank[w->symbols[i]->seen] = (uint32_t)i;
        add_text(&o->body, w->symbols[i]->text);
    }
    put_section(o);
    for (size_t i = 0; i < w->n_labels; i++) {
        w->labels[i].name = rank[w->labels[i].name];
        w->labels[i].value = rank[w->labels[i].value];
    }
    free(rank);
}

/* ---- series -------------------------------------------------------------------------------- */

static void add_chunks(struct buf *b, const struct prom_chunk_ref *c, uint32_t n)
{
    buf_add_uvarint(b, n);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0)
            buf_add_svarint(b, c[i].min);
        else
            buf_add_uvarint(b, (uint64_t)(c[i].min - c[i - 1].max));
        buf_add_uvarint(b, (uint64_t)(c[i].max - c[i].min));
        if (i == 0)
            buf_add_uvarint(b, c[i].at);
        else
            buf_add_svarint(b, (int64_t)(c[i].at - c[i - 1].at));
    }
}

static void put_series(struct prom_block_writer *w, struct out *o)
{
    for (size_t i = 0; i < w->n_series; i++) {
        struct prom_written *s = &w->series[i];
        const struct prom_pair *labels = w->labels + s->labels;
        uint8_t len[UVARINT_MAX];

        pad(o, PROM_SERIES_ALIGN);
        s->number = (uint32_t)(o->at / PROM_SERIES_ALIGN);
        o->too_large = o->too_large || o->at / PROM_SERIES_ALIGN > UINT32_MAX;
        buf_add_uvarint(&o->body, s->n_labels);
        for (uint32_t k = 0; k < s->n_labels; k++) {
            buf_add_uvarint(&o->body, labels[k].name);
            buf_add_uvarint(&o->body, labels[k].value);
        }
        add_chunks(&o->body, w->chunks + s->chunks, s->n_chunks);
        put(o, len, (size_t)(put_uvarint(len, o->body.len) - len));
        put(o, o->body.p, o->body.len);
        put_be32(o, hash_crc32c(0, o->body.p, o->body.len));
        buf_reset(&o->body);
    }
}

/* ---- postings ------------------------------------------------------------------------------ */

struct posting {
    struct prom_pair pair;
    uint32_t series; /* number */
};

static int compare_postings(const void *pa, const void *pb)
{
    const struct posting *a = pa, *b = pb;

    if (a->pair.name != b->pair.name)
        return a->pair.name < b->pair.name ? -1 : 1;
    if (a->pair.value != b->pair.value)
        return a->pair.value < b->pair.value ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static struct posting *sorted_postings(const struct prom_block_writer *w)
{
    struct posting *ps = mem_array(w->n_labels + 1, sizeof *ps);
    size_t n = 0;

    for (size_t i = 0; i < w->n_series; i++)
        for (uint32_t k = 0; k < w->series[i].n_labels; k++)
            ps[n++] = (struct posting){w->labels[w->series[i].labels + k], w->series[i].number};
    if (n > 0)
        qsort(ps, n, sizeof *ps, compare_postings);
    return ps;
}

/* Where the postings of the pair at i end. */
static size_t pair_end(const struct posting *ps, size_t n, size_t i)
{
    size_t end = i + 1;

    while (end < n && ps[end].pair.name == ps[i].pair.name &&
           ps[end].pair.value == ps[i].pair.value)
        end++;
    return end;
}

/* The values of each name, which readers of old look at, and a table of where they are. */
static void put_names(const struct prom_block_writer *w, struct out *o, const struct posting *ps,
                      struct buf *table)
{
    uint32_t n_names = 0;
    size_t n = w->n_labels, end;

    for (size_t i = 0; i < n; i = end) {
        CLEANUP(buf_free) struct buf values = {0};
        uint32_t n_values = 0;

        for (end = i; end < n && ps[end].pair.name == ps[i].pair.name; end = pair_end(ps, n, end)) {
            buf_add_be32(&values, ps[end].pair.value);
            n_values++;
        }
        buf_add_be32(&o->body, 1);
        buf_add_be32(&o->body, n_values);
        buf_add_str(&o->body, buf_str(&values));
        pad(o, POSTINGS_ALIGN);
        buf_add_uvarint(table, 1);
        add_text(table, w->symbols[ps[i].pair.name]->text);
        buf_add_uvarint(table, put_section(o));
        n_names++;
    }
    n_names = __builtin_bswap32(n_names);
    memcpy(table->p, &n_names, sizeof n_names);
}

static void put_postings(const struct prom_block_writer *w, struct out *o, const struct posting *ps,
                         struct buf *table)
{
    uint32_t n_lists = 1;
    size_t n = w->n_labels, end;

    buf_add_be32(&o->body, (uint32_t)w->n_series);
    for (size_t i = 0; i < w->n_series; i++)
        buf_add_be32(&o->body, w->series[i].number);
    buf_add_uvarint(table, 2);
    add_text(table, STR(""));
    add_text(table, STR(""));
    buf_add_uvarint(table, put_section(o));
    for (size_t i = 0; i < n; i = end, n_lists++) {
        end = pair_end(ps, n, i);
        buf_add_be32(&o->body, (uint32_t)(end - i));
        for (size_t k = i; k < end; k++)
            buf_add_be32(&o->body, ps[k].series);
        pad(o, POSTINGS_ALIGN);
        buf_add_uvarint(table, 2);
        add_text(table, w->symbols[ps[i].pair.name]->text);
        add_text(table, w->symbols[ps[i].pair.value]->text);
        buf_add_uvarint(table, put_section(o));
    }
    n_lists = __builtin_bswap32(n_lists);
    memcpy(table->p, &n_lists, sizeof n_lists);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static uint64_t put_table(struct out *o, struct buf *take_table)
{
    buf_add_str(&o->body, buf_str(take_table));
    buf_free(take_table);
    return put_section(o);
}

int prom_index_write(struct prom_block_writer *w, FILE *f, struct err *err)
{
    struct out o = {.f = f};
    struct buf names = {0}, lists = {0};
    uint64_t toc[6];
    struct posting *ps;

    buf_add_be32(&names, 0); /* how many entries, known at the end */
    buf_add_be32(&lists, 0);
    buf_add_be32(&o.body, PROM_INDEX_MAGIC);
    buf_add_byte(&o.body, PROM_INDEX_VERSION);
    put(&o, o.body.p, o.body.len);
    buf_reset(&o.body);
    toc[0] = o.at;
    put_symbols(w, &o);
    pad(&o, PROM_SERIES_ALIGN);
    toc[1] = o.at;
    put_series(w, &o);
    ps = sorted_postings(w);
    pad(&o, POSTINGS_ALIGN);
    toc[2] = o.at;
    put_names(w, &o, ps, &names);
    pad(&o, POSTINGS_ALIGN);
    toc[4] = o.at;
    put_postings(w, &o, ps, &lists);
    free(ps);
    toc[3] = put_table(&o, &names);
    toc[5] = put_table(&o, &lists);
    for (size_t i = 0; i < ARRAY_LEN(toc); i++)
        buf_add_be64(&o.body, toc[i]);
    buf_add_be32(&o.body, hash_crc32c(0, o.body.p, o.body.len));
    put(&o, o.body.p, o.body.len);
    buf_free(&o.body);
    return o.too_large ? err_set(err, -E2BIG, "the index is too large for the format") : 0;
}
