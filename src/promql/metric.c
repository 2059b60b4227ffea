/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/quote.h"
#include "promql/eval_priv.h"

bool label_is_reserved(struct str name)
{
    return name.len >= 8 && name.p[0] == '_' &&
           (str_eq(name, LABEL_NAME) || str_eq(name, STR("__type__")) ||
            str_eq(name, STR("__unit__")));
}

bool labels_contain(const struct promql_labels *labels, struct str name)
{
    for (size_t i = 0; i < labels->n; i++)
        if (str_eq(labels->names[i], name))
            return true;
    return false;
}

static bool hides(const struct metric *m, struct str name)
{
    return m->name == NAME_GONE && label_is_reserved(name);
}

struct str metric_get(const struct metric *m, struct str name)
{
    return hides(m, name) ? STR_NONE : label_set_get(m->labels, name);
}

static uint64_t label_hash(uint64_t h, struct label l)
{
    h = hash_mix(h, hash_bytes(l.name.p, l.name.len));
    return hash_mix(h, hash_bytes(l.value.p, l.value.len));
}

static bool part_drops(const struct labels_part *part, struct str name)
{
    if (part->drops == PART_DROPS_NAME && str_eq(name, LABEL_NAME))
        return true;
    if (part->drops == PART_DROPS_RESERVED && label_is_reserved(name))
        return true;
    return labels_contain(part->labels, name);
}

/* The next label from *i on that may be seen; false at the end. */
static bool next_label(const struct metric *m, const struct labels_part *part, size_t *i,
                       struct label *ret)
{
    for (size_t n = label_set_count(m->labels); *i < n; (*i)++) {
        *ret = label_set_at(m->labels, *i);
        if (hides(m, ret->name))
            continue;
        if (part_drops(part, ret->name))
            continue;
        (*i)++;
        return true;
    }
    return false;
}

static bool same_labels(const struct metric *a, const struct metric *b,
                        const struct labels_part *part)
{
    size_t i = 0, j = 0;
    struct label la, lb;

    for (;;) {
        bool more_a = next_label(a, part, &i, &la), more_b = next_label(b, part, &j, &lb);

        if (!more_a || !more_b)
            return more_a == more_b;
        if (!str_eq(la.name, lb.name) || !str_eq(la.value, lb.value))
            return false;
    }
}

const struct label_set *eval_keep(struct eval *e, const struct label_set *take_labels)
{
    *VEC_PUSH(e->labels, e->n_labels, e->cap_labels) = take_labels;
    return take_labels;
}

const struct label_set *metric_labels(struct eval *e, const struct metric *m)
{
    struct label_builder b;
    const struct label_set *ls;

    if (m->name != NAME_GONE)
        return m->labels;
    if (label_set_get(m->labels, LABEL_NAME).len == 0 &&
        label_set_get(m->labels, STR("__type__")).len == 0 &&
        label_set_get(m->labels, STR("__unit__")).len == 0)
        return m->labels;
    label_builder_init(&b, m->labels);
    label_builder_del(&b, LABEL_NAME);
    label_builder_del(&b, STR("__type__"));
    label_builder_del(&b, STR("__unit__"));
    ls = eval_keep(e, label_builder_build(&b));
    label_builder_deinit(&b);
    return ls;
}

/* The way Prometheus' messages have it: the name is a label like the others. */
void metric_print(struct eval *e, const struct metric *m, struct buf *out)
{
    const struct label_set *ls = metric_labels(e, m);

    buf_add_byte(out, '{');
    for (size_t i = 0; i < label_set_count(ls); i++) {
        struct label l = label_set_at(ls, i);

        if (i > 0)
            buf_add_c(out, ", ");
        if (label_name_is_legacy(l.name))
            buf_add_str(out, l.name);
        else
            quote_add_go(out, l.name);
        buf_add_byte(out, '=');
        quote_add_go(out, l.value);
    }
    buf_add_byte(out, '}');
}

/* ---- parts */

uint64_t metric_part_hash(const struct metric *m, const struct labels_part *part)
{
    struct label l;
    uint64_t h = 0;

    if (part->only) {
        for (size_t i = 0; i < part->labels->n; i++) {
            struct str v = metric_get(m, part->labels->names[i]);

            h = hash_mix(h, hash_bytes(v.p, v.len));
        }
        return h;
    }
    for (size_t i = 0; next_label(m, part, &i, &l);)
        h = label_hash(h, l);
    return h;
}

bool metric_part_eq(const struct metric *a, const struct metric *b, const struct labels_part *part)
{
    if (!part->only)
        return same_labels(a, b, part);
    for (size_t i = 0; i < part->labels->n; i++)
        if (!str_eq(metric_get(a, part->labels->names[i]), metric_get(b, part->labels->names[i])))
            return false;
    return true;
}

const struct label_set *metric_part_labels(struct eval *e, const struct metric *m,
                                           const struct labels_part *part)
{
    struct label_builder b = {0};
    const struct label_set *ls;
    struct label l;

    if (part->only) {
        for (size_t i = 0; i < part->labels->n; i++)
            label_builder_set(&b, part->labels->names[i], metric_get(m, part->labels->names[i]));
    } else {
        for (size_t i = 0; next_label(m, part, &i, &l);)
            label_builder_set(&b, l.name, l.value);
    }
    ls = eval_keep(e, label_builder_build(&b));
    label_builder_deinit(&b);
    return ls;
}

/* ---- numbering */

struct number {
    const struct metric *metric;
    size_t id;
};

struct numbering {
    struct map map;
    const struct labels_part *part;
    struct arena *arena;
    const struct metric **firsts;
    size_t n, cap;
};

struct key {
    const struct metric *metric;
    const struct labels_part *part;
};

static bool key_eq(const void *key, const void *value)
{
    const struct key *k = key;
    const struct number *number = value;

    return metric_part_eq(k->metric, number->metric, k->part);
}

struct numbering *numbering_new(struct eval *e, const struct labels_part *part)
{
    struct numbering *nb = mem_zalloc(sizeof *nb);

    nb->part = part;
    nb->arena = e->arena;
    return nb;
}

void numbering_free(struct numbering *nb)
{
    if (!nb)
        return;
    map_deinit(&nb->map);
    mem_freep(&nb->firsts);
    mem_freep(&nb);
}

size_t numbering_find(const struct numbering *nb, const struct metric *m)
{
    struct key key = {m, nb->part};
    const struct number *number = map_get(&nb->map, metric_part_hash(m, nb->part), key_eq, &key);

    return number ? number->id : SIZE_MAX;
}

size_t numbering_add(struct numbering *nb, const struct metric *m)
{
    struct key key = {m, nb->part};
    uint64_t hash = metric_part_hash(m, nb->part);
    struct number *number = map_get(&nb->map, hash, key_eq, &key);

    if (!number) {
        number = arena_alloc(nb->arena, sizeof *number);
        *number = (struct number){m, nb->n};
        *VEC_PUSH(nb->firsts, nb->n, nb->cap) = m;
        map_add(&nb->map, hash, number);
    }
    return number->id;
}

size_t numbering_count(const struct numbering *nb)
{
    return nb->n;
}

const struct metric *numbering_first(const struct numbering *nb, size_t id)
{
    return nb->firsts[id];
}
