/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One allocation a set: the header, 2 n ends, then all names and values one after the other.
 *
 *     ends   7 10 15 ...      string i begins where string i - 1 ends; names are even, values odd
 *     bytes  alertnameRedis...
 *
 * Ends and bytes lie together, so that two equal sets are two equal pieces of memory.
 */
#include "model/label_set.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/quote.h"

#define SORT_ON_STACK                                                                              \
    64 /* labels; nearly all sets are smaller, and then insertion sorts fastest                    \
        */

struct label_set {
    _Atomic uint32_t refs;
    uint32_t n;
    uint64_t hash;
    uint32_t ends[]; /* 2 n of them, then the bytes */
};

static const char *bytes_of(const struct label_set *ls)
{
    return (const char *)(ls->ends + 2 * ls->n);
}

static size_t body_size(const struct label_set *ls)
{
    return 2 * ls->n * sizeof *ls->ends + (ls->n ? ls->ends[2 * ls->n - 1] : 0);
}

/* ---- making -------------------------------------------------------------------------------- */

/* By name; labels of one name stay in the order in which they came. */
static int compare_places(const void *pa, const void *pb)
{
    const struct label *a = *(const struct label *const *)pa, *b = *(const struct label *const *)pb;
    int r = str_cmp(a->name, b->name);

    return r ? r : (a > b) - (a < b);
}

static void sort_labels(const struct label **places, size_t n)
{
    if (n > SORT_ON_STACK) {
        qsort(places, n, sizeof *places, compare_places);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct label *moved = places[i];
        size_t j = i;

        for (; j > 0 && compare_places(&places[j - 1], &moved) > 0; j--)
            places[j] = places[j - 1];
        places[j] = moved;
    }
}

/* Sorts, keeps the last of each name, drops empty values. Returns how many are left. */
static size_t tidy(const struct label *labels, size_t n, const struct label **places)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        places[i] = &labels[i];
    sort_labels(places, n);
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n || !str_eq(places[i]->name, places[i + 1]->name);

        if (last && places[i]->value.len > 0)
            places[kept++] = places[i];
    }
    return kept;
}

static void put(struct label_set *ls, size_t i, size_t *at, struct str s)
{
    if (s.len > 0)
        memcpy((char *)(ls->ends + 2 * ls->n) + *at, s.p, s.len);
    *at += s.len;
    ls->ends[i] = (uint32_t)*at;
}

static struct label_set *pack(const struct label *const *places, size_t n)
{
    size_t total = 0, at = 0;
    struct label_set *ls;

    for (size_t i = 0; i < n; i++)
        total += places[i]->name.len + places[i]->value.len;
    must(total < UINT32_MAX && n < UINT32_MAX / 2);
    ls = mem_alloc(sizeof *ls + 2 * n * sizeof *ls->ends + total);
    ls->refs = 1;
    ls->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        put(ls, 2 * i, &at, places[i]->name);
        put(ls, 2 * i + 1, &at, places[i]->value);
    }
    ls->hash = hash_bytes(ls->ends, body_size(ls));
    return ls;
}

/* As those of a series come that is known: there is nothing to sort and nothing to leave out. */
static bool is_tidy(const struct label *labels, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i].value.len == 0 || (i > 0 && str_cmp(labels[i - 1].name, labels[i].name) >= 0))
            return false;
    return true;
}

struct label_set *label_set_new(const struct label *labels, size_t n)
{
    const struct label *small[SORT_ON_STACK], **places = small;
    CLEANUP(mem_freep) const struct label **large = NULL;

    if (n > SORT_ON_STACK)
        places = large = mem_array(n, sizeof *large);
    if (!is_tidy(labels, n))
        return pack(places, tidy(labels, n, places));
    for (size_t i = 0; i < n; i++)
        places[i] = &labels[i];
    return pack(places, n);
}

struct label_set *label_set_empty(void)
{
    return pack(NULL, 0);
}

struct label_set *label_set_ref(const struct label_set *const_ls)
{
    struct label_set *ls = (struct label_set *)(uintptr_t)const_ls; /* only the count changes */

    atomic_fetch_add_explicit(&ls->refs, 1, memory_order_relaxed);
    return ls;
}

void label_set_unref(const struct label_set *const_ls)
{
    struct label_set *ls = (struct label_set *)(uintptr_t)const_ls;

    if (ls && atomic_fetch_sub_explicit(&ls->refs, 1, memory_order_acq_rel) == 1)
        free(ls);
}

/* ---- looking ------------------------------------------------------------------------------- */

size_t label_set_count(const struct label_set *ls)
{
    return ls->n;
}

static struct str string_at(const struct label_set *ls, size_t i)
{
    uint32_t from = i ? ls->ends[i - 1] : 0;

    return str_n(bytes_of(ls) + from, ls->ends[i] - from);
}

struct label label_set_at(const struct label_set *ls, size_t i)
{
    return (struct label){string_at(ls, 2 * i), string_at(ls, 2 * i + 1)};
}

struct str label_set_get(const struct label_set *ls, struct str name)
{
    for (size_t i = 0; i < ls->n; i++)
        if (str_eq(string_at(ls, 2 * i), name))
            return string_at(ls, 2 * i + 1);
    return STR("");
}

uint64_t label_set_hash(const struct label_set *ls)
{
    return ls->hash;
}

bool label_set_eq(const struct label_set *a, const struct label_set *b)
{
    if (a == b)
        return true;
    return a->hash == b->hash && a->n == b->n && body_size(a) == body_size(b) &&
           memcmp(a->ends, b->ends, body_size(a)) == 0;
}

int label_set_cmp(const struct label_set *a, const struct label_set *b)
{
    size_t common = a->n < b->n ? a->n : b->n;

    for (size_t i = 0; i < 2 * common; i++) {
        int r = str_cmp(string_at(a, i), string_at(b, i));

        if (r != 0)
            return r;
    }
    return (a->n > b->n) - (a->n < b->n);
}

/* A length below 255 is one byte, a longer one 0xff and three bytes, lowest first. */
static void add_prefixed(struct buf *out, struct str s)
{
    unsigned char head[4] = {0xff, (unsigned char)s.len, (unsigned char)(s.len >> 8),
                             (unsigned char)(s.len >> 16)};

    if (s.len < 255)
        buf_add_byte(out, (char)s.len);
    else
        buf_add(out, head, sizeof head);
    buf_add_str(out, s);
}

uint64_t label_set_stable_hash(const struct label_set *ls)
{
    CLEANUP(buf_free) struct buf text = {0};

    for (size_t i = 0; i < 2 * ls->n; i++)
        add_prefixed(&text, string_at(ls, i));
    return hash_xxh64(buf_str(&text).p, text.len);
}

/* ---- printing ------------------------------------------------------------------------------ */

void label_set_print(const struct label_set *ls, struct buf *out)
{
    struct str name = label_set_get(ls, LABEL_NAME);
    bool bare = name.len > 0 && metric_name_is_legacy(name);
    const char *between = "";

    if (bare)
        buf_add_str(out, name);
    if (bare && ls->n == 1)
        return;
    buf_add_byte(out, '{');
    if (name.len > 0 && !bare) {
        quote_add_go(out, name);
        between = ", ";
    }
    for (size_t i = 0; i < ls->n; i++) {
        struct label l = label_set_at(ls, i);

        if (str_eq(l.name, LABEL_NAME))
            continue;
        buf_add_c(out, between);
        between = ", ";
        if (label_name_is_legacy(l.name))
            buf_add_str(out, l.name);
        else
            quote_add_go(out, l.name);
        buf_add_byte(out, '=');
        quote_add_go(out, l.value);
    }
    buf_add_byte(out, '}');
}

/* When nothing has to be escaped: one look at all bytes, one reservation. */
static void add_plain_json(const struct label_set *ls, struct buf *out)
{
    const char *bytes = bytes_of(ls);
    size_t from = 0;
    char *p = buf_room(out, ls->ends[2 * ls->n - 1] + 6 * (size_t)ls->n + 1);

    for (uint32_t i = 0; i < 2 * ls->n; i++) {
        size_t n = ls->ends[i] - from;

        *p++ = i == 0 ? '{' : i % 2 ? ':' : ',';
        *p++ = '"';
        memcpy(p, bytes + from, n);
        p += n;
        *p++ = '"';
        from += n;
    }
    *p++ = '}';
    *p = '\0';
    out->len = (size_t)(p - out->p);
}

void label_set_add_json(const struct label_set *ls, struct buf *out)
{
    if (ls->n > 0 && out->max == 0 && json_is_plain(str_n(bytes_of(ls), ls->ends[2 * ls->n - 1]))) {
        add_plain_json(ls, out);
        return;
    }
    buf_add_byte(out, '{');
    for (size_t i = 0; i < ls->n; i++) {
        struct label l = label_set_at(ls, i);

        if (i > 0)
            buf_add_byte(out, ',');
        json_add_string(out, l.name, JSON_PLAIN);
        buf_add_byte(out, ':');
        json_add_string(out, l.value, JSON_PLAIN);
    }
    buf_add_byte(out, '}');
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_legacy(struct str name, bool colon)
{
    if (name.len == 0 || (name.p[0] >= '0' && name.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];

        if (!is_letter(c) && !(c >= '0' && c <= '9') && !(colon && c == ':'))
            return false;
    }
    return true;
}

bool label_name_is_valid(struct str name)
{
    return name.len > 0 && str_is_utf8(name);
}

bool label_name_is_legacy(struct str name)
{
    return is_legacy(name, false);
}

bool metric_name_is_legacy(struct str name)
{
    return is_legacy(name, true);
}
