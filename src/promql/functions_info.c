/* SPDX-License-Identifier: Apache-2.0 */
/*
 * info(v, selector): adds labels of info series, which say in their labels what a target is
 *
 * Series and info series belong together when instance and job are the same. Of info series of one
 * name that were there one after the other, the one with the newest sample counts at each step; so
 * a series may get other labels from step to step.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "model/matcher.h"
#include "promql/functions_priv.h"

static const struct promql_labels identity = {(struct str[]){{"instance", 8}, {"job", 3}}, 2};
static const struct labels_part by_identity = {.labels = &identity, .only = true};
static const struct promql_labels name_and_identity = {
    (struct str[]){{"__name__", 8}, {"instance", 8}, {"job", 3}}, 3};
static const struct labels_part by_name_and_identity = {.labels = &name_and_identity, .only = true};

struct result {
    struct metric metric;
    struct row row;
};

struct info {
    struct eval *e;
    const struct grid *grid;
    const struct promql_node *selector; /* second argument, or NULL */
    struct vec *base, *infos;
    size_t *identity_of; /* of each info series: number of its instance and job */
    size_t *kind_of;     /* and of its name, instance and job */
    size_t *candidates;  /* info series for the base series at hand */
    size_t n_candidates;
    size_t *chosen, *before; /* one candidate of each kind, at this step and at the one before */
    size_t n_chosen, n_before;
    struct numbering *seen; /* of results, by labels */
    struct result **results;
    size_t cap_results;
};

static bool is_name(const struct matcher *m)
{
    return str_eq(m->name, LABEL_NAME);
}

/* ---- finding info series */

/* The matchers of the selector, with that for target_info when it names no metric. */
static int find_infos(struct info *in, struct err *err)
{
    size_t given = in->selector ? in->selector->vector.n_matchers : 0, n = 0;
    const struct matcher **all = arena_array(in->e->arena, given + 1, sizeof *all);
    CLEANUP(matcher_freep) struct matcher *by_default = NULL;
    bool named = false;
    int r = matcher_new(MATCH_EQ, LABEL_NAME, STR("target_info"), &by_default, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < given; i++) {
        all[n] = in->selector->vector.matchers[i];
        named |= is_name(all[n++]);
    }
    if (!named)
        all[n++] = by_default;
    r = eval_sample_times(in->e, all, n, in->grid, &in->infos, err);
    return r < 0 ? r : vec_compute(in->e, in->infos, err);
}

/* Series that are info series themselves stay as they are. */
static bool is_info(const struct info *in, const struct metric *m)
{
    struct str name = metric_get(m, LABEL_NAME);

    if (!in->selector)
        return str_eq(name, STR("target_info"));
    for (size_t i = 0; i < in->selector->vector.n_matchers; i++)
        if (is_name(in->selector->vector.matchers[i]) &&
            matcher_matches(in->selector->vector.matchers[i], name))
            return true;
    return false;
}

/* May this label be added? All may, unless the selector lists some. */
static bool is_asked_for(const struct info *in, struct str name)
{
    bool any = false;

    for (size_t i = 0; in->selector && i < in->selector->vector.n_matchers; i++) {
        const struct matcher *m = in->selector->vector.matchers[i];

        if (is_name(m))
            continue;
        any = true;
        if (str_eq(m->name, name))
            return true;
    }
    return !any;
}

static bool needs_info(const struct info *in)
{
    for (size_t i = 0; in->selector && i < in->selector->vector.n_matchers; i++) {
        const struct matcher *m = in->selector->vector.matchers[i];

        if (!is_name(m) && !matcher_matches(m, STR("")))
            return true;
    }
    return false;
}

/* ---- one step of one series */

/* At which time info series c was last seen at step k, as the comparison needs it. */
static double seen_at(const struct info *in, size_t c, size_t k)
{
    return in->infos->rows[c].values[k];
}

static int refuse_two(const struct info *in, size_t a, size_t b, size_t k, struct err *err)
{
    CLEANUP(buf_free) struct buf text = {0}, text2 = {0};

    metric_print(in->e, &in->infos->metrics[a], &text);
    metric_print(in->e, &in->infos->metrics[b], &text2);
    return err_set(err, -EINVAL,
                   "found duplicate series for info metric: existing %s @ %lld, new %s @ %lld",
                   text.p, (long long)(seen_at(in, a, k) * 1000), text2.p,
                   (long long)(seen_at(in, b, k) * 1000));
}

static int choose(struct info *in, size_t k, struct err *err)
{
    in->n_chosen = 0;
    for (size_t i = 0; i < in->n_candidates; i++) {
        size_t c = in->candidates[i], j = 0;

        if (!row_has(&in->infos->rows[c], k))
            continue;
        while (j < in->n_chosen && in->kind_of[in->chosen[j]] != in->kind_of[c])
            j++;
        if (j == in->n_chosen)
            in->chosen[in->n_chosen++] = c;
        else if (seen_at(in, in->chosen[j], k) == seen_at(in, c, k))
            return refuse_two(in, in->chosen[j], c, k, err);
        else if (seen_at(in, in->chosen[j], k) < seen_at(in, c, k))
            in->chosen[j] = c;
    }
    return 0;
}

static int add_labels(struct info *in, const struct metric *base, const struct metric *info,
                      struct label_builder *added, struct err *err)
{
    for (size_t i = 0; i < label_set_count(info->labels); i++) {
        struct label l = label_set_at(info->labels, i);
        struct str other = label_builder_get(added, l.name);

        if (str_eq(l.name, LABEL_NAME) || !is_asked_for(in, l.name))
            continue;
        if (other.len > 0 && !str_eq(other, l.value))
            return err_set(err, -EINVAL, "conflicting label: " STR_FMT, STR_ARG(l.name));
        if (metric_get(base, l.name).len == 0)
            label_builder_set(added, l.name, l.value);
    }
    return 0;
}

/* 1: *ret is the metric with the labels of the chosen ones; 0: the series is left out. */
static int enriched(struct info *in, const struct metric *base, struct metric *ret, struct err *err)
{
    struct label_builder added = {0}, b;
    int r = 0;

    for (size_t j = 0; r == 0 && j < in->n_chosen; j++)
        r = add_labels(in, base, &in->infos->metrics[in->chosen[j]], &added, err);
    if (r == 0 && (added.n > 0 || !needs_info(in))) {
        label_builder_init(&b, metric_labels(in->e, base));
        for (size_t i = 0; i < added.n; i++)
            label_builder_set(&b, added.labels[i].name, added.labels[i].value);
        ret->labels = eval_keep(in->e, label_builder_build(&b));
        ret->name = base->name == NAME_LATER ? NAME_LATER : NAME_STAYS;
        label_builder_deinit(&b);
        r = 1;
    }
    label_builder_deinit(&added);
    return r;
}

static struct result *result_of(struct info *in, const struct metric *metric)
{
    struct result *result = arena_zalloc(in->e->arena, sizeof *result);
    size_t n = numbering_count(in->seen), id;

    result->metric = *metric;
    id = numbering_add(in->seen, &result->metric);
    if (id < n)
        return in->results[id];
    result->row = row_new(in->e, in->grid->n);
    *VEC_PUSH(in->results, n, in->cap_results) = result;
    return result;
}

static int put(struct info *in, struct result *result, const struct row *row, size_t k,
               struct err *err)
{
    if (row_has(&result->row, k))
        return err_set(err, -EINVAL, "vector cannot contain metrics with the same labelset");
    if (row_hist(row, k))
        row_set_hist(in->e, &result->row, in->grid->n, k, row->hists[k]);
    else
        row_set(&result->row, k, row->values[k]);
    return 0;
}

static bool chosen_as_before(struct info *in)
{
    if (in->n_before == in->n_chosen &&
        memcmp(in->before, in->chosen, in->n_chosen * sizeof *in->chosen) == 0)
        return true;
    memcpy(in->before, in->chosen, in->n_chosen * sizeof *in->chosen);
    in->n_before = in->n_chosen;
    return false;
}

/* ---- all series */

static void find_candidates(struct info *in, const struct numbering *identities,
                            const struct metric *m)
{
    size_t id = numbering_find(identities, m);

    in->n_candidates = 0;
    if (metric_get(m, STR("instance")).len + metric_get(m, STR("job")).len == 0)
        return;
    for (size_t c = 0; id != SIZE_MAX && c < in->infos->n; c++)
        if (in->identity_of[c] == id)
            in->candidates[in->n_candidates++] = c;
}

static int enrich_series(struct info *in, size_t i, struct err *err)
{
    const struct row *row = &in->base->rows[i];
    bool leave = is_info(in, &in->base->metrics[i]);
    struct result *result = NULL;
    size_t n = in->grid->n;

    in->n_before = SIZE_MAX;
    if (leave)
        in->n_candidates = 0;
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        struct metric metric = in->base->metrics[i];
        int r = choose(in, k, err);

        if (r == 0 && !chosen_as_before(in)) {
            r = leave ? 1 : enriched(in, &in->base->metrics[i], &metric, err);
            result = r == 1 ? result_of(in, &metric) : NULL;
        }
        if (r >= 0 && result)
            r = put(in, result, row, k, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int enrich_all(struct info *in, struct err *err)
{
    CLEANUP(numbering_freep) struct numbering *identities = numbering_new(in->e, &by_identity);
    CLEANUP(numbering_freep) struct numbering *kinds = numbering_new(in->e, &by_name_and_identity);
    size_t n = in->infos->n;
    struct arena *arena = in->e->arena;

    in->identity_of = arena_array(arena, n + 1, sizeof *in->identity_of);
    in->kind_of = arena_array(arena, n + 1, sizeof *in->kind_of);
    in->candidates = arena_array(arena, n + 1, sizeof *in->candidates);
    in->chosen = arena_array(arena, n + 1, sizeof *in->chosen);
    in->before = arena_array(arena, n + 1, sizeof *in->before);
    for (size_t c = 0; c < n; c++) {
        in->identity_of[c] = numbering_add(identities, &in->infos->metrics[c]);
        in->kind_of[c] = numbering_add(kinds, &in->infos->metrics[c]);
    }
    for (size_t i = 0; i < in->base->n; i++) {
        int r;

        find_candidates(in, identities, &in->base->metrics[i]);
        r = enrich_series(in, i, err);
        if (r == 0)
            r = eval_check(in->e, in->grid->n + n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int call_info(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err)
{
    static const struct promql_labels none = {0};
    static const struct labels_part whole = {.labels = &none};
    CLEANUP(numbering_freep) struct numbering *seen = numbering_new(e, &whole);
    struct info in = {.e = e, .grid = grid, .seen = seen};
    struct vec *v;
    int r;

    if (node->call.n_args > 1)
        in.selector = promql_unparen(node->call.args[1]);
    r = eval_vector(e, node->call.args[0], grid, &in.base, err);
    if (r == 0)
        r = vec_compute(e, in.base, err);
    if (r == 0)
        r = find_infos(&in, err);
    if (r == 0)
        r = enrich_all(&in, err);
    if (r == 0) {
        v = vec_new(e, grid, numbering_count(seen));
        v->rows = arena_array(e->arena, v->n + 1, sizeof *v->rows);
        for (size_t i = 0; i < v->n; i++) {
            v->metrics[i] = in.results[i]->metric;
            v->rows[i] = in.results[i]->row;
        }
        *ret = v;
    }
    mem_freep(&in.results);
    return r;
}
