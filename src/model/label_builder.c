/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels in the order in which they were first set; sets are small, so that looking through all of
 * them is the fastest search. Strings lie in chunks that never move.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "model/label_set.h"

#define CHUNK_LEAST ((size_t)1024) /* bytes: one holds all strings of most sets */

struct label_builder_chunk {
    struct label_builder_chunk *next;
    size_t used, size;
    char bytes[];
};

void label_builder_init(struct label_builder *b, const struct label_set *from)
{
    *b = (struct label_builder){0};
    for (size_t i = 0; from && i < label_set_count(from); i++) {
        struct label l = label_set_at(from, i);

        label_builder_set(b, l.name, l.value);
    }
}

void label_builder_deinit(struct label_builder *b)
{
    struct label_builder_chunk *next;

    for (struct label_builder_chunk *c = b->chunks; c; c = next) {
        next = c->next;
        free(c);
    }
    free(b->labels);
    *b = (struct label_builder){0};
}

static struct str keep(struct label_builder *b, struct str s)
{
    struct label_builder_chunk *c = b->chunks;
    char *p;

    if (!c || c->size - c->used < s.len) {
        size_t size = s.len > CHUNK_LEAST ? s.len : CHUNK_LEAST;

        c = mem_alloc(sizeof *c + size);
        *c = (struct label_builder_chunk){b->chunks, 0, size};
        b->chunks = c;
    }
    p = c->bytes + c->used;
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    c->used += s.len;
    return str_n(p, s.len);
}

static struct label *find(const struct label_builder *b, struct str name)
{
    for (size_t i = 0; i < b->n; i++)
        if (str_eq(b->labels[i].name, name))
            return &b->labels[i];
    return NULL;
}

void label_builder_set(struct label_builder *b, struct str name, struct str value)
{
    struct label *l;

    if (value.len == 0) {
        label_builder_del(b, name);
        return;
    }
    l = find(b, name);
    if (!l) {
        struct str kept_name = keep(b, name);

        l = VEC_PUSH(b->labels, b->n, b->cap);
        l->name = kept_name;
    }
    l->value = keep(b, value);
}

void label_builder_del(struct label_builder *b, struct str name)
{
    struct label *l = find(b, name);

    if (l)
        *l = b->labels[--b->n];
}

struct str label_builder_get(const struct label_builder *b, struct str name)
{
    const struct label *l = find(b, name);

    return l ? l->value : STR("");
}

struct label_set *label_builder_build(const struct label_builder *b)
{
    return label_set_new(b->labels, b->n);
}
