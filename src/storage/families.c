/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/families_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

void families_init(struct families *f)
{
    *f = (struct families){0};
    lock_init(&f->lock);
}

void families_deinit(struct families *f)
{
    struct family *x;

    for (size_t i = 0; (x = map_next(&f->by_name, &i));)
        free(x);
    map_deinit(&f->by_name);
    lock_deinit(&f->lock);
}

/* ---- telling ------------------------------------------------------------------------------- */

static uint64_t hash_of(struct str name)
{
    return hash_bytes(name.p, name.len);
}

static bool has_name(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, ((const struct family *)value)->m.family);
}

static struct str cut(struct str s, size_t max)
{
    return str_n(s.len ? s.p : "", s.len > max ? str_utf8_prefix(s, max) : s.len);
}

/* As it is kept: too long texts are cut. */
static struct metric_metadata bounded(const struct metric_metadata *m)
{
    return (struct metric_metadata){m->family, m->type, cut(m->help, METADATA_HELP_MAX),
                                    cut(m->unit, METADATA_UNIT_MAX)};
}

static bool is_kept(const struct metric_metadata *m)
{
    return m->family.len > 0 && m->family.len <= METADATA_FAMILY_MAX;
}

static void unlink_family(struct families *f, struct family *x)
{
    *(x->older ? &x->older->newer : &f->oldest) = x->newer;
    *(x->newer ? &x->newer->older : &f->newest) = x->older;
}

static void link_newest(struct families *f, struct family *x)
{
    x->newer = NULL;
    x->older = f->newest;
    *(f->newest ? &f->newest->newer : &f->oldest) = x;
    f->newest = x;
}

static void forget(struct families *f, struct family *x)
{
    map_remove(&f->by_name, hash_of(x->m.family), has_name, &x->m.family);
    unlink_family(f, x);
    f->bytes -= x->bytes;
    free(x);
}

static bool says_the_same(const struct family *x, const struct metric_metadata *m)
{
    return x->m.type == m->type && str_eq(x->m.help, m->help) && str_eq(x->m.unit, m->unit);
}

bool families_is_news(struct families *f, const struct metric_metadata *told)
{
    struct metric_metadata m = bounded(told);
    struct family *x;

    if (!is_kept(&m))
        return false;
    WITH_LOCK(&f->lock);
    x = map_get(&f->by_name, hash_of(m.family), has_name, &m.family);
    if (!x || !says_the_same(x, &m))
        return true;
    unlink_family(f, x);
    link_newest(f, x);
    return false;
}

static struct str put_text(char **at, struct str s)
{
    struct str copy = str_n(*at, s.len);

    memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

static struct family *make_family(const struct metric_metadata *m)
{
    size_t bytes = sizeof(struct family) + m->family.len + m->help.len + m->unit.len;
    struct family *x = mem_zalloc(bytes);
    char *at = (char *)(x + 1);

    x->bytes = bytes;
    x->m.type = m->type;
    x->m.family = put_text(&at, m->family);
    x->m.help = put_text(&at, m->help);
    x->m.unit = put_text(&at, m->unit);
    return x;
}

void families_tell(struct families *f, const struct metric_metadata *told)
{
    struct metric_metadata m = bounded(told);
    struct family *x;

    if (!is_kept(&m))
        return;
    WITH_LOCK(&f->lock);
    x = map_get(&f->by_name, hash_of(m.family), has_name, &m.family);
    if (x)
        forget(f, x);
    x = make_family(&m);
    map_add(&f->by_name, hash_of(x->m.family), x);
    link_newest(f, x);
    f->bytes += x->bytes;
    while (f->by_name.n > FAMILIES_MAX || f->bytes > FAMILIES_BYTES_MAX)
        forget(f, f->oldest);
}

/* ---- reading ------------------------------------------------------------------------------- */

size_t families_count(struct families *f, size_t *ret_bytes)
{
    WITH_LOCK(&f->lock);
    *ret_bytes = f->bytes + f->by_name.cap * sizeof(struct map_slot);
    return f->by_name.n;
}

void families_walk(struct families *f, void (*cb)(const struct metric_metadata *m, void *arg),
                   void *arg)
{
    WITH_LOCK(&f->lock);
    for (const struct family *x = f->oldest; x; x = x->newer)
        cb(&x->m, arg);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp((*(struct family *const *)a)->m.family, (*(struct family *const *)b)->m.family);
}

void families_each(void *families, struct str family,
                   void (*cb)(const struct metric_metadata *m, void *arg), void *arg)
{
    struct families *f = families;
    struct family **copies = NULL, *x;
    size_t n = 0, cap = 0;

    {
        WITH_LOCK(&f->lock);
        if (family.p) {
            x = map_get(&f->by_name, hash_of(family), has_name, &family);
            if (x)
                *VEC_PUSH(copies, n, cap) = make_family(&x->m);
        } else {
            for (x = f->oldest; x; x = x->newer)
                *VEC_PUSH(copies, n, cap) = make_family(&x->m);
        }
    }
    if (n > 1)
        qsort(copies, n, sizeof *copies, compare_names);
    for (size_t i = 0; i < n; i++) {
        cb(&copies[i]->m, arg);
        free(copies[i]);
    }
    free(copies);
}
