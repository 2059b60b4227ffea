/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols - the label names, values and pairs of the head, each once, and who carries them
 *
 * A symbol is a text, a pair is a name with a value, and has the ascending numbers of the series
 * that carry it (its postings, as uvarint differences: about a byte each). Numbers of pairs that
 * nobody carries any more are used again. Not locked: the head's index lock guards it.
 */
#ifndef TOCSIN_STORAGE_SYMBOLS_PRIV_H
#define TOCSIN_STORAGE_SYMBOLS_PRIV_H

#include "base/map.h"
#include "base/str.h"
#include "storage/select_priv.h"

struct symbol {
    uint32_t no;             /* below symbols.n_numbers, of this symbol alone while it lives */
    uint32_t pairs;          /* that use it, as name or value */
    struct label_name *name; /* when it is the name of a pair */
    uint32_t len;
    char text[];
};

/* What a symbol that is a label name has besides. */
struct label_name {
    struct symbol *symbol;
    pair_no *pairs;
    size_t n, cap;
    uint64_t series; /* that carry a label of this name */
};

/* Ascending numbers. A single one is kept in `last` alone. */
struct postings {
    uint8_t *bytes;
    uint32_t len, cap;
    uint32_t n;
    uint32_t last;
};

struct pair {
    pair_no no;
    uint32_t place; /* in the pairs of its name */
    struct symbol *name, *value;
    struct postings series;
};

struct symbols {
    struct map by_text;  /* struct symbol */
    struct map by_pair;  /* struct pair, by its two symbols */
    struct map names;    /* struct label_name, by its symbol */
    struct pair **pairs; /* by number; NULL where the number is free */
    size_t n_pairs, cap_pairs;
    struct ids free_pairs;   /* numbers */
    struct ids free_symbols; /* numbers */
    uint32_t n_numbers;      /* of symbols, free ones included */
    uint64_t bytes;          /* of texts and postings */
};

void symbols_deinit(struct symbols *s);

pair_no symbols_find_pair(const struct symbols *s, struct str name,
                          struct str value); /* or PAIR_NONE */
pair_no symbols_make_pair(struct symbols *s, struct str name, struct str value);
const struct label_name *symbols_find_name(const struct symbols *s, struct str name); /* or NULL */

static inline struct str symbol_str(const struct symbol *s)
{
    return str_n(s->text, s->len);
}

/* Adds a series, above all that the pair has. */
void symbols_add_series(struct symbols *s, pair_no pair, uint32_t id);

/* Takes the series of `gone` (ascending) off the pair; without any left, the pair is forgotten. */
void symbols_drop_series(struct symbols *s, pair_no pair, const struct ids *gone);

void postings_add(struct postings *p, uint32_t id);            /* above all that are there */
void postings_read(const struct postings *p, struct ids *out); /* appends */

#endif
