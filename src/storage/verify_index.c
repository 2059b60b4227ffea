/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the sections of a block agree with each other: what refers to something refers to what is
 * there, what has an order has it, and each list has as many as its count says. The first fault of a
 * section is told; what is behind it cannot be judged.
 *
 * Postings are read beside the series: these come in order, so each list must name next the series
 * that is at hand, and be at its end when all series were seen.
 */
#include "storage/verify_priv.h"

#include <stdlib.h>

#include "base/mem.h"
#include "storage/block_priv.h"

static void tell(const struct file_check *c, unsigned section, const char *why)
{
    const struct frame_section *s = &c->file->frame.sections[section];

    verify_found(
        c->v, c->name,
        &(struct storage_find){.at = s->at, .len = s->len, .part = PART_INDEX, .detail = why});
}

/* ---- symbols, pairs ------------------------------------------------------------------------ */

static const char *judge_symbols(const struct block *b)
{
    size_t len = section_len(&b->file, BLOCK_SYMBOLS), bytes = 0;
    uint32_t n = block_symbol_count(b);
    struct str before = STR_NONE, text;

    for (uint32_t i = 0; i < n; i++) {
        if (!block_symbol(b, i, &text))
            return "symbols: a text lies outside";
        if (i > 0 && str_cmp(before, text) >= 0)
            return "symbols: texts are not in order";
        before = text;
        bytes += text.len;
    }
    return len == 4 + 4 * (size_t)n + bytes ? NULL : "symbols: the count of texts differs";
}

static const char *judge_pairs(const struct block *b)
{
    size_t n = block_pair_count(b);
    struct label before = {0}, l;

    if (section_len(&b->file, BLOCK_PAIRS) != n * BLOCK_PAIR_BYTES)
        return "pairs: half a pair";
    for (size_t i = 0; i < n; i++) {
        int order = -1;

        if (!block_pair(b, (pair_no)i, &l))
            return "pairs: a symbol that is not there";
        if (l.name.len == 0 || l.value.len == 0)
            return "pairs: an empty name or value";
        if (i > 0 && (order = str_cmp(before.name, l.name)) == 0)
            order = str_cmp(before.value, l.value);
        if (order >= 0)
            return "pairs: not in order";
        before = l;
    }
    return NULL;
}

/* ---- postings, series ---------------------------------------------------------------------- */

/* The list of one pair, as far as it was read. */
struct posting {
    struct wire w;
    uint32_t left; /* series that it has to name yet */
    uint64_t at;   /* the last one that it named */
    bool begun;
};

struct index_walk {
    const struct block *b;
    struct posting *postings;
    size_t n_pairs;
    pair_no *before, *now; /* pairs of the series before and of the one at hand */
    size_t n_before, n_now;
    uint64_t end; /* of the entry before */
};

static const char *begin_postings(struct index_walk *k)
{
    uint64_t len = section_len(&k->b->file, BLOCK_POSTINGS), from = 0;

    k->postings = mem_array(k->n_pairs, sizeof *k->postings);
    for (size_t i = 0; i < k->n_pairs; i++) {
        struct block_postings p = block_pair_postings(k->b, (pair_no)i);

        if (p.from != from || p.to < p.from || p.to > len)
            return "pairs: lists of series overlap or lie outside";
        k->postings[i] = (struct posting){
            .w = wire_of(section_at(&k->b->file, BLOCK_POSTINGS) + p.from, (size_t)(p.to - p.from)),
            .left = p.count,
        };
        from = p.to;
    }
    return from == len ? NULL : "postings: more than the pairs name";
}

/* Whether the list names the series next. */
static bool posting_names(struct posting *p, uint32_t ordinal)
{
    uint64_t gap;

    if (p->left == 0)
        return false;
    gap = wire_uvarint(&p->w);
    p->left--;
    if (p->w.bad || (p->begun && gap == 0))
        return false;
    p->at += gap;
    p->begun = true;
    return p->at == ordinal;
}

static const char *judge_labels(struct index_walk *k, uint32_t ordinal, struct block_entry *e)
{
    struct label before = {0}, l;
    uint64_t pair = 0;

    k->n_now = e->n_pairs;
    for (size_t i = 0; i < e->n_pairs; i++) {
        pair += wire_uvarint(&e->pairs);
        if (pair >= k->n_pairs || !block_pair(k->b, (pair_no)pair, &l))
            return "series: a pair that is not there";
        if (i > 0 && str_cmp(before.name, l.name) >= 0)
            return "series: labels are not in order";
        if (!posting_names(&k->postings[pair], ordinal))
            return "postings: not those that the series have";
        k->now[i] = (pair_no)pair;
        before = l;
    }
    return NULL;
}

static bool is_behind(const struct index_walk *k)
{
    size_t n = k->n_before < k->n_now ? k->n_before : k->n_now;

    for (size_t i = 0; i < n; i++)
        if (k->before[i] != k->now[i])
            return k->before[i] < k->now[i];
    return k->n_before < k->n_now;
}

static const char *judge_entry(struct index_walk *k, uint32_t ordinal, struct block_entry *e)
{
    const uint8_t *section = section_at(&k->b->file, BLOCK_SERIES);
    struct block_chunk chunk = {0};
    pair_no *swap = k->before;
    const char *why;

    if (block_entry_begin(k->b, ordinal) != k->end)
        return "places: not the begin of an entry";
    why = judge_labels(k, ordinal, e);
    if (why)
        return why;
    if (ordinal > 0 && !is_behind(k))
        return "series: not in order";
    for (uint64_t i = 0; i < e->n_chunks; i++)
        if (!block_next_chunk(&e->chunks, i == 0, &chunk))
            return "series: an entry is cut off";
    if (e->n_chunks == 0)
        return "series: one without samples";
    k->end = (uint64_t)(e->chunks.p - section);
    k->before = k->now;
    k->n_before = k->n_now;
    k->now = swap;
    return NULL;
}

static const char *judge_series(struct index_walk *k)
{
    uint32_t n = (uint32_t)(section_len(&k->b->file, BLOCK_PLACES) / 4);
    struct block_entry e;
    const char *why = NULL;

    for (uint32_t i = 0; i < n && !why; i++)
        why = block_entry(k->b, i, &e) ? judge_entry(k, i, &e) : "series: an entry lies outside";
    if (!why && k->end != section_len(&k->b->file, BLOCK_SERIES))
        why = "series: more than the places name";
    for (size_t i = 0; i < k->n_pairs && !why; i++)
        if (k->postings[i].left > 0 || wire_left(&k->postings[i].w) > 0)
            why = "postings: not those that the series have";
    return why;
}

void verify_block_index(const struct file_check *c, const struct block *b)
{
    pair_no lists[2][LABEL_COUNT_MAX];
    struct index_walk k = {
        .b = b, .n_pairs = block_pair_count(b), .before = lists[0], .now = lists[1]};
    const char *why = judge_symbols(b);

    if (why)
        tell(c, BLOCK_SYMBOLS, why);
    else if ((why = judge_pairs(b)) || (why = begin_postings(&k)))
        tell(c, BLOCK_PAIRS, why);
    else if ((why = judge_series(&k)))
        tell(c, BLOCK_SERIES, why);
    free(k.postings);
}
