/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata - metadata, targets/metadata
 *
 * What the targets say now comes first; the storage remembers families that none of them has.
 */
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "scrape/scrape.h"
#include "storage/storage.h"

/* -1: none is set. */
static int read_count(const struct request *r, const char *name, int64_t *ret, struct answer *a)
{
    struct str s = api_param(r, name);

    *ret = -1;
    if (s.len && !num_parse_i64(s, ret))
        return api_fail(a, API_BAD_DATA, "%s must be a number", name);
    return 0;
}

static void add_words(struct json_writer *w, const struct metric_metadata *m)
{
    json_kv_c(w, "type", metric_type_name(m->type));
    json_kv_str(w, "help", m->help);
    json_kv_str(w, "unit", m->unit);
}

/* ---- of targets ---------------------------------------------------------------------------- */

struct telling {
    struct json_writer *w;
    struct str metric;
    const struct promql_expr *selector; /* NULL: all targets */
    int64_t limit, n;
};

static bool is_meant(const struct telling *t, const struct label_set *target)
{
    const struct promql_node *s = t->selector ? t->selector->root : NULL;

    return !s || matchers_match((const struct matcher *const *)s->vector.matchers,
                                s->vector.n_matchers, target);
}

static void tell_target(const struct target_status *st, void *arg)
{
    struct telling *t = arg;

    if ((t->limit >= 0 && t->n >= t->limit) || !is_meant(t, st->target->labels))
        return;
    for (size_t i = 0; i < st->n_metadata; i++) {
        const struct metric_metadata *m = &st->metadata[i];

        if (t->metric.len && !str_eq(t->metric, m->family))
            continue;
        json_object_begin(t->w);
        api_kv_labels(t->w, "target", st->target->labels);
        if (!t->metric.len)
            json_kv_str(t->w, "metric", m->family);
        add_words(t->w, m);
        json_object_end(t->w);
        t->n++;
    }
}

int api_targets_metadata(const struct request *r, struct answer *a)
{
    CLEANUP(promql_expr_freep) struct promql_expr *selector = NULL;
    struct telling t = {.w = &a->w, .metric = api_param(r, "metric")};
    struct str match = api_param(r, "match_target");
    struct err err = {0};

    if (read_count(r, "limit", &t.limit, a) < 0)
        return -1;
    if (match.len && promql_parse_selector(match, &selector, &err) < 0)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"match_target\": %s", err.msg);
    t.selector = selector;
    json_array_begin(&a->w);
    scrape_each(r->api->scrape, tell_target, &t);
    json_array_end(&a->w);
    return 0;
}

/* ---- of metrics ---------------------------------------------------------------------------- */

struct metric {
    struct str name;
    struct metric_metadata *v; /* what is said of it, each once */
    size_t n, cap;
};

struct metrics {
    struct arena texts;
    struct map by_name;
    struct metric **list;
    size_t n, cap;
    struct str asked;   /* "": all */
    int64_t per_metric; /* words on each; not above 0: all */
};

static bool has_name(const void *key, const void *value)
{
    return str_eq(*(const struct str *)key, ((const struct metric *)value)->name);
}

static struct metric *metric_of(struct metrics *all, struct str name)
{
    uint64_t hash = hash_bytes(name.p, name.len);
    struct metric *m = map_get(&all->by_name, hash, has_name, &name);

    if (!m) {
        m = arena_zalloc(&all->texts, sizeof *m);
        m->name = arena_str(&all->texts, name);
        map_add(&all->by_name, hash, m);
        *VEC_PUSH(all->list, all->n, all->cap) = m;
    }
    return m;
}

static void take_word(struct metrics *all, struct metric *m, const struct metric_metadata *word)
{
    if (all->per_metric > 0 && m->n >= (size_t)all->per_metric)
        return;
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].type == word->type && str_eq(m->v[i].help, word->help) &&
            str_eq(m->v[i].unit, word->unit))
            return;
    *VEC_PUSH(m->v, m->n, m->cap) = (struct metric_metadata){m->name, word->type,
                                                             arena_str(&all->texts, word->help),
                                                             arena_str(&all->texts, word->unit)};
}

static void take_target(const struct target_status *st, void *arg)
{
    struct metrics *all = arg;

    for (size_t i = 0; i < st->n_metadata; i++)
        if (!all->asked.len || str_eq(all->asked, st->metadata[i].family))
            take_word(all, metric_of(all, st->metadata[i].family), &st->metadata[i]);
}

static void take_stored(const struct metric_metadata *m, void *arg)
{
    struct metrics *all = arg;
    uint64_t hash = hash_bytes(m->family.p, m->family.len);

    if (!map_get(&all->by_name, hash, has_name, &m->family))
        take_word(all, metric_of(all, m->family), m);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp((*(struct metric *const *)a)->name, (*(struct metric *const *)b)->name);
}

static void add_metric(struct json_writer *w, const struct metric *m)
{
    json_key(w, m->name);
    json_array_begin(w);
    for (size_t i = 0; i < m->n; i++) {
        json_object_begin(w);
        json_kv_c(w, "type", metric_type_name(m->v[i].type));
        json_kv_str(w, "unit", m->v[i].unit);
        json_kv_str(w, "help", m->v[i].help);
        json_object_end(w);
    }
    json_array_end(w);
}

static void metrics_deinit(struct metrics *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->list[i]->v);
    free(all->list);
    map_deinit(&all->by_name);
    arena_deinit(&all->texts);
}

int api_metadata(const struct request *r, struct answer *a)
{
    struct metrics all = {.asked = api_param(r, "metric")};
    const struct metadata_reader *stored = storage_metadata(r->api->storage);
    int64_t limit;

    if (read_count(r, "limit", &limit, a) < 0 ||
        read_count(r, "limit_per_metric", &all.per_metric, a) < 0)
        return -1;
    arena_init(&all.texts, SIZE_MAX);
    scrape_each(r->api->scrape, take_target, &all);
    stored->each(stored->self, all.asked.len ? all.asked : STR_NONE, take_stored, &all);
    if (all.n)
        qsort(all.list, all.n, sizeof *all.list, compare_names);
    json_object_begin(&a->w);
    for (size_t i = 0; i < all.n && (limit < 0 || i < (size_t)limit); i++)
        add_metric(&a->w, all.list[i]);
    json_object_end(&a->w);
    metrics_deinit(&all);
    return 0;
}
