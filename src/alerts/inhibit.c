/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule mutes a target while some firing source has the same values of the labels in `equal`.
 * Sources stand in buckets by those values, so that a target looks into one bucket a rule. A target
 * that matches the source side too is muted only by sources that do not match the target side:
 * therefore a bucket has two lists.
 *
 * A look into a list stops at the first source that fires, and begins with the one found last; that
 * none fires is remembered until an alert changes. So a flush of n targets costs n steps, however
 * full the bucket is.
 */
#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

enum inhibit_role { ROLE_SOURCE = 1, ROLE_TARGET = 2 };

struct source_list {
    struct held **sources;
    size_t n, cap;
    size_t last_found;
    uint64_t quiet; /* generation in which no source fired */
};

struct inhibit_bucket {
    struct inhibit_rule *rule;
    const struct label_set *sample; /* a set with the values of this bucket; reference */
    uint64_t hash;
    struct source_list lists[2]; /* [1]: two-sided */
};

struct inhibit_rule {
    const struct config_inhibit *rule;
    struct map buckets;
};

struct bucket_id {
    const struct config_inhibit *rule;
    const struct label_set *labels;
};

static uint64_t values_hash(const struct config_inhibit *rule, const struct label_set *labels)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < rule->n_equal; i++) {
        struct str v = label_set_get(labels, str_c(rule->equal[i]));

        hash = hash_mix(hash, hash_bytes(v.len ? v.p : "", v.len));
    }
    return hash;
}

static bool has_values(const void *key, const void *value)
{
    const struct bucket_id *id = key;
    const struct inhibit_bucket *b = value;

    for (size_t i = 0; i < id->rule->n_equal; i++) {
        struct str name = str_c(id->rule->equal[i]);

        if (!str_eq(label_set_get(id->labels, name), label_set_get(b->sample, name)))
            return false;
    }
    return true;
}

void inhibit_init(struct alerts *a)
{
    size_t n = a->config->n_inhibits;

    a->inhibits = n > 0 ? mem_array(n, sizeof *a->inhibits) : NULL;
    for (size_t i = 0; i < n; i++)
        a->inhibits[i].rule = &a->config->inhibits[i];
}

void inhibit_deinit(struct alerts *a)
{
    for (size_t i = 0; a->inhibits && i < a->config->n_inhibits; i++) {
        must(a->inhibits[i].buckets.n == 0);
        map_deinit(&a->inhibits[i].buckets);
    }
    free(a->inhibits);
    a->inhibits = NULL;
}

static uint8_t roles_of(const struct config_inhibit *rule, const struct label_set *labels)
{
    uint8_t roles = 0;

    if (matchers_match((const struct matcher *const *)rule->source, rule->n_source, labels))
        roles |= ROLE_SOURCE;
    if (matchers_match((const struct matcher *const *)rule->target, rule->n_target, labels))
        roles |= ROLE_TARGET;
    return roles;
}

static struct inhibit_bucket *bucket_get(struct inhibit_rule *r, const struct label_set *labels)
{
    struct bucket_id id = {r->rule, labels};

    return map_get(&r->buckets, values_hash(r->rule, labels), has_values, &id);
}

static struct inhibit_bucket *bucket_make(struct inhibit_rule *r, const struct label_set *labels)
{
    struct inhibit_bucket *b = bucket_get(r, labels);

    if (b)
        return b;
    b = mem_zalloc(sizeof *b);
    b->rule = r;
    b->sample = label_set_ref(labels);
    b->hash = values_hash(r->rule, labels);
    map_add(&r->buckets, b->hash, b);
    return b;
}

void inhibit_enter(struct alerts *a, struct held *h)
{
    size_t n = a->config->n_inhibits;

    must(!h->roles);
    if (n == 0)
        return;
    h->roles = mem_array(n, sizeof *h->roles);
    for (size_t i = 0; i < n; i++) {
        struct inhibit_bucket *b;
        struct source_list *list;
        bool two_sided;

        h->roles[i] = roles_of(a->inhibits[i].rule, h->labels);
        if (!(h->roles[i] & ROLE_SOURCE))
            continue;
        two_sided = h->roles[i] & ROLE_TARGET;
        b = bucket_make(&a->inhibits[i], h->labels);
        list = &b->lists[two_sided];
        h->sources = mem_resize(h->sources, h->n_sources + 1, sizeof *h->sources);
        h->sources[h->n_sources++] = (struct source_ref){b, two_sided, list->n};
        *VEC_PUSH(list->sources, list->n, list->cap) = h;
    }
}

static void bucket_free(struct inhibit_bucket *b)
{
    struct bucket_id id = {b->rule->rule, b->sample};

    must(map_remove(&b->rule->buckets, b->hash, has_values, &id) == b);
    free(b->lists[0].sources);
    free(b->lists[1].sources);
    label_set_unref(b->sample);
    free(b);
}

/* The last source of the list moves into the place of the one that leaves. */
static void list_remove(struct source_ref ref)
{
    struct source_list *list = &ref.bucket->lists[ref.two_sided];
    struct held *moved = list->sources[--list->n];

    list->sources[ref.at] = moved;
    for (size_t i = 0; i < moved->n_sources; i++)
        if (moved->sources[i].bucket == ref.bucket)
            moved->sources[i].at = ref.at;
    if (ref.bucket->lists[0].n + ref.bucket->lists[1].n == 0)
        bucket_free(ref.bucket);
}

void inhibit_leave(struct alerts *a, struct held *h)
{
    while (h->n_sources > 0)
        list_remove(h->sources[--h->n_sources]);
    free(h->roles);
    h->roles = NULL;
}

static const struct held *firing_in(struct source_list *list, uint64_t generation, unix_ns now)
{
    if (list->quiet == generation)
        return NULL;
    for (size_t k = 0; k < list->n; k++) {
        size_t at = (list->last_found + k) % list->n;

        if (!held_is_resolved(list->sources[at], now)) {
            list->last_found = at;
            return list->sources[at];
        }
    }
    list->quiet = generation;
    return NULL;
}

const struct held *inhibit_source(const struct alerts *a, const struct held *h, unix_ns now)
{
    for (size_t i = 0; i < a->config->n_inhibits; i++) {
        struct inhibit_bucket *b = NULL;
        const struct held *source;

        if (h->roles[i] & ROLE_TARGET)
            b = bucket_get(&a->inhibits[i], h->labels);
        if (!b)
            continue;
        source = firing_in(&b->lists[0], a->generation, now);
        if (!source && !(h->roles[i] & ROLE_SOURCE))
            source = firing_in(&b->lists[1], a->generation, now);
        if (source)
            return source;
    }
    return NULL;
}
