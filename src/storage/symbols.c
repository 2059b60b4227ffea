/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/symbols_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "storage/wire_priv.h"

/* ---- symbols ------------------------------------------------------------------------------- */

static bool is_text(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, symbol_str(value));
}

static struct symbol *find_symbol(const struct symbols *s, struct str text)
{
    return map_get(&s->by_text, hash_bytes(text.p, text.len), is_text, &text);
}

static uint32_t take_number(struct ids *unused, uint32_t *next)
{
    return unused->n > 0 ? unused->v[--unused->n] : (*next)++;
}

static struct symbol *make_symbol(struct symbols *s, struct str text)
{
    struct symbol *sym = find_symbol(s, text);

    if (sym)
        return sym;
    must(text.len <= UINT32_MAX);
    sym = mem_zalloc(sizeof *sym + text.len);
    sym->no = take_number(&s->free_symbols, &s->n_numbers);
    sym->len = (uint32_t)text.len;
    memcpy(sym->text, text.p, text.len);
    map_add(&s->by_text, hash_bytes(text.p, text.len), sym);
    s->bytes += sizeof *sym + text.len;
    return sym;
}

static void symbol_unuse(struct symbols *s, struct symbol *sym)
{
    struct str text = symbol_str(sym);

    if (--sym->pairs > 0)
        return;
    map_remove(&s->by_text, hash_bytes(text.p, text.len), is_text, &text);
    ids_push(&s->free_symbols, sym->no);
    s->bytes -= sizeof *sym + text.len;
    free(sym);
}

/* ---- label names --------------------------------------------------------------------------- */

static bool is_same(const void *key, const void *value)
{
    return ((const struct label_name *)value)->symbol == key;
}

static struct label_name *make_name(struct symbols *s, struct symbol *sym)
{
    if (!sym->name) {
        sym->name = mem_zalloc(sizeof *sym->name);
        sym->name->symbol = sym;
        map_add(&s->names, (uintptr_t)sym, sym->name);
    }
    return sym->name;
}

static void name_drop_pair(struct symbols *s, struct pair *p)
{
    struct label_name *name = p->name->name;

    name->pairs[p->place] = name->pairs[--name->n];
    s->pairs[name->pairs[p->place]]->place = p->place;
    if (name->n > 0)
        return;
    map_remove(&s->names, (uintptr_t)p->name, is_same, p->name);
    p->name->name = NULL;
    free(name->pairs);
    free(name);
}

const struct label_name *symbols_find_name(const struct symbols *s, struct str name)
{
    const struct symbol *sym = find_symbol(s, name);

    return sym ? sym->name : NULL;
}

/* ---- pairs --------------------------------------------------------------------------------- */

struct two_symbols {
    const struct symbol *name, *value;
};

static bool is_pair(const void *key, const void *value)
{
    const struct two_symbols *k = key;
    const struct pair *p = value;

    return p->name == k->name && p->value == k->value;
}

static uint64_t pair_hash(const struct two_symbols *k)
{
    return hash_mix((uintptr_t)k->name, (uintptr_t)k->value);
}

pair_no symbols_find_pair(const struct symbols *s, struct str name, struct str value)
{
    struct two_symbols k = {find_symbol(s, name), find_symbol(s, value)};
    const struct pair *p = NULL;

    if (k.name && k.value)
        p = map_get(&s->by_pair, pair_hash(&k), is_pair, &k);
    return p ? p->no : PAIR_NONE;
}

static pair_no number_of_pair(struct symbols *s)
{
    if (s->free_pairs.n > 0)
        return s->free_pairs.v[--s->free_pairs.n];
    must(s->n_pairs < PAIR_NONE);
    (void)VEC_PUSH(s->pairs, s->n_pairs, s->cap_pairs);
    return (pair_no)(s->n_pairs - 1);
}

pair_no symbols_make_pair(struct symbols *s, struct str name, struct str value)
{
    struct symbol *name_symbol = make_symbol(s, name), *value_symbol = make_symbol(s, value);
    struct two_symbols k = {name_symbol, value_symbol};
    struct pair *p = map_get(&s->by_pair, pair_hash(&k), is_pair, &k);
    struct label_name *ln;

    if (p)
        return p->no;
    p = mem_zalloc(sizeof *p);
    p->no = number_of_pair(s);
    p->name = name_symbol;
    p->value = value_symbol;
    p->name->pairs++;
    p->value->pairs++;
    s->pairs[p->no] = p;
    map_add(&s->by_pair, pair_hash(&k), p);
    ln = make_name(s, p->name);
    p->place = (uint32_t)ln->n;
    *VEC_PUSH(ln->pairs, ln->n, ln->cap) = p->no;
    s->bytes += sizeof *p;
    return p->no;
}

static void pair_free(struct symbols *s, struct pair *p)
{
    struct two_symbols k = {p->name, p->value};

    map_remove(&s->by_pair, pair_hash(&k), is_pair, &k);
    name_drop_pair(s, p);
    symbol_unuse(s, p->name);
    symbol_unuse(s, p->value);
    s->pairs[p->no] = NULL;
    ids_push(&s->free_pairs, p->no);
    s->bytes -= sizeof *p + p->series.cap;
    free(p->series.bytes);
    free(p);
}

/* ---- postings ------------------------------------------------------------------------------ */

static void postings_put(struct postings *p, uint32_t difference)
{
    uint8_t bytes[UVARINT_MAX];
    uint32_t n = (uint32_t)(put_uvarint(bytes, difference) - bytes);

    if (p->cap - p->len < n) {
        p->cap += p->cap / 4 +
                  16; /* a quarter: there may be hundreds of thousands of short lists */
        p->bytes = mem_resize(p->bytes, p->cap, 1);
    }
    memcpy(p->bytes + p->len, bytes, n);
    p->len += n;
}

void postings_add(struct postings *p, uint32_t id)
{
    must(p->n == 0 || id > p->last);
    if (p->n == 1)
        postings_put(p, p->last);
    if (p->n >= 1)
        postings_put(p, id - p->last);
    p->last = id;
    p->n++;
}

void postings_read(const struct postings *p, struct ids *out)
{
    if (p->n == 1)
        ids_push(out, p->last);
    else if (p->n > 1)
        must(ids_read_deltas(out, p->bytes, p->len, p->n, UINT64_C(1) << 32));
}

void symbols_add_series(struct symbols *s, pair_no pair, uint32_t id)
{
    struct pair *p = s->pairs[pair];
    uint32_t cap = p->series.cap;

    postings_add(&p->series, id);
    p->name->name->series++;
    s->bytes += p->series.cap - cap;
}

void symbols_drop_series(struct symbols *s, pair_no pair, const struct ids *gone)
{
    struct pair *p = s->pairs[pair];
    struct postings kept = {0};
    struct ids ids = {0};

    postings_read(&p->series, &ids);
    ids_subtract(&ids, gone);
    for (size_t i = 0; i < ids.n; i++)
        postings_add(&kept, ids.v[i]);
    p->name->name->series -= p->series.n - ids.n;
    ids_deinit(&ids);
    s->bytes += kept.cap - (uint64_t)p->series.cap;
    free(p->series.bytes);
    p->series = kept;
    if (kept.n == 0)
        pair_free(s, p);
}

void symbols_deinit(struct symbols *s)
{
    struct label_name *name;
    struct symbol *sym;

    for (size_t i = 0; i < s->n_pairs; i++)
        if (s->pairs[i]) {
            free(s->pairs[i]->series.bytes);
            free(s->pairs[i]);
        }
    for (size_t i = 0; (name = map_next(&s->names, &i));) {
        free(name->pairs);
        free(name);
    }
    for (size_t i = 0; (sym = map_next(&s->by_text, &i));)
        free(sym);
    map_deinit(&s->by_text);
    map_deinit(&s->by_pair);
    map_deinit(&s->names);
    ids_deinit(&s->free_pairs);
    ids_deinit(&s->free_symbols);
    free(s->pairs);
    *s = (struct symbols){0};
}
