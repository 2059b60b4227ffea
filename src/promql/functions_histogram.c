/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of histograms: of the native ones, which are values, and of the classic ones, which are
 * a set of series that differ in the label le only
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "promql/annotations.h"
#include "promql/functions_priv.h"
#include "promql/quantile.h"
#include "promql/range_priv.h"

/* ---- histogram_count() and others that need one native histogram and nothing else */

typedef double value_fn(struct eval *e, const struct histogram *h);

static double count(struct eval *e, const struct histogram *h)
{
    return h->count;
}

static double sum(struct eval *e, const struct histogram *h)
{
    return h->sum;
}

static double average(struct eval *e, const struct histogram *h)
{
    return h->sum / h->count;
}

static double stdvar(struct eval *e, const struct histogram *h)
{
    return hist_variance(h, &e->buckets);
}

static double stddev(struct eval *e, const struct histogram *h)
{
    return sqrt(hist_variance(h, &e->buckets));
}

static const struct {
    enum promql_function_id id;
    value_fn *fn;
} functions[] = {
    {FN_HISTOGRAM_COUNT, count},   {FN_HISTOGRAM_SUM, sum},       {FN_HISTOGRAM_AVG, average},
    {FN_HISTOGRAM_STDVAR, stdvar}, {FN_HISTOGRAM_STDDEV, stddev},
};

static value_fn *find(enum promql_function_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (functions[i].id == id)
            return functions[i].fn;
    return NULL;
}

bool function_is_histogram_value(enum promql_function_id id)
{
    return find(id) != NULL;
}

struct value_call {
    struct vec *arg;
    value_fn *fn;
};

static int value_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct value_call *c = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, c->arg, i, row, err);

    if (r < 0)
        return r;
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        if (row_hist(row, k))
            row->values[k] = c->fn(e, row->hists[k]);
        else
            row_unset(row, k);
    }
    row->hists = NULL;
    return 0;
}

int call_histogram_value(struct eval *e, const struct promql_node *node, const struct grid *grid,
                         struct vec **ret, struct err *err)
{
    struct value_call *c = arena_zalloc(e->arena, sizeof *c);

    c->fn = find(node->call.fn->id);
    return call_over_vector(e, node->call.args[0], grid, value_fill, c, &c->arg, ret, err);
}

/* ---- histogram_quantile(), histogram_fraction() */

/* Series of one classic histogram, by bound. A native series of the same labels stands beside them.
 */
struct member {
    size_t group, series;
    double upper;
};

struct buckets_call {
    struct eval *e;
    const struct grid *grid;
    const struct promql_node *at; /* the argument, for annotations */
    struct vec *arg;
    bool is_fraction;
    double *q, *upper; /* quantile; or lower and upper bound */
    struct member *members;
    size_t n_members;
    struct bucket *room;         /* for the buckets of one histogram at one step */
    const struct metric *firsts; /* one series of each group */
    size_t n_groups;
    struct row *classic;  /* where each group has buckets; afterwards its results */
    struct row *native;   /* results of each series */
    size_t *native_group; /* group of the same labels, or SIZE_MAX */
};

static int by_group_and_bound(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->upper != y->upper)
        return x->upper < y->upper ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

static bool has_float(const struct row *row, size_t n)
{
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1))
        if (!row_hist(row, k))
            return true;
    return false;
}

static const struct promql_labels le_only = {&(struct str){"le", 2}, 1};
static const struct labels_part all_but_le = {.labels = &le_only};

/* Sorts the series into groups that differ in nothing but le. */
static void group_series(struct buckets_call *c)
{
    struct vec *v = c->arg;
    CLEANUP(numbering_freep) struct numbering *nb = numbering_new(c->e, &all_but_le);
    struct metric *firsts;

    for (size_t i = 0; i < v->n; i++) {
        struct str le = metric_get(&v->metrics[i], STR("le"));
        struct member *m = &c->members[c->n_members];

        c->native_group[i] = SIZE_MAX;
        if (!has_float(&v->rows[i], c->grid->n))
            continue;
        if (!num_parse_double(le, &m->upper)) {
            note_bad_bucket(c->e, c->at, le, metric_get(&v->metrics[i], LABEL_NAME));
            continue;
        }
        m->group = numbering_add(nb, &v->metrics[i]);
        m->series = i;
        c->n_members++;
    }
    for (size_t i = 0; i < v->n; i++)
        if (v->rows[i].hists && metric_get(&v->metrics[i], STR("le")).len == 0)
            c->native_group[i] = numbering_find(nb, &v->metrics[i]);
    qsort(c->members, c->n_members, sizeof *c->members, by_group_and_bound);
    c->n_groups = numbering_count(nb);
    firsts = arena_array(c->e->arena, c->n_groups + 1, sizeof *firsts);
    for (size_t g = 0; g < c->n_groups; g++)
        firsts[g] = *numbering_first(nb, g);
    c->firsts = firsts;
}

static double of_classic(struct buckets_call *c, size_t k, size_t n, struct str name)
{
    bool forced;
    double v;

    if (c->is_fraction)
        return bucket_fraction(c->q[k], c->upper[k], c->room, n);
    v = bucket_quantile(c->q[k], c->room, n, &forced);
    if (forced)
        note_forced_monotonic(c->e, c->at, name);
    return v;
}

/* members[first, last) are one group */
static void evaluate_group(struct buckets_call *c, size_t first, size_t last)
{
    size_t g = c->members[first].group;
    struct str name = metric_get(&c->firsts[g], LABEL_NAME);

    for (size_t k = 0; k < c->grid->n; k++) {
        size_t n = 0;

        for (size_t m = first; m < last; m++) {
            const struct row *row = &c->arg->rows[c->members[m].series];

            if (row_has(row, k) && !row_hist(row, k))
                c->room[n++] = (struct bucket){c->members[m].upper, row->values[k]};
        }
        if (n > 0)
            row_set(&c->classic[g], k, of_classic(c, k, n, name));
    }
}

static double of_native(struct buckets_call *c, size_t k, const struct histogram *h,
                        struct str name)
{
    enum nan_effect effect;
    double v;

    if (c->is_fraction) {
        if (isnan(h->sum))
            note_fraction_has_nan(c->e, c->at, name);
        return hist_fraction(c->q[k], c->upper[k], h, &c->e->buckets);
    }
    v = hist_quantile(c->q[k], h, &c->e->buckets, &effect);
    if (effect == NAN_RESULT)
        note_quantile_is_nan(c->e, c->at, name);
    if (effect == NAN_SKEW)
        note_quantile_is_skewed(c->e, c->at, name);
    return v;
}

static void evaluate_native(struct buckets_call *c, size_t i)
{
    const struct row *row = &c->arg->rows[i];
    struct row *classic = c->native_group[i] == SIZE_MAX ? NULL : &c->classic[c->native_group[i]];
    struct str name = metric_get(&c->arg->metrics[i], LABEL_NAME);
    size_t n = c->grid->n;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1)) {
        if (!row->hists[k])
            continue;
        if (classic && row_has(classic, k)) {
            note_mixed_histograms(c->e, c->at, name);
            row_unset(classic, k);
            continue;
        }
        row_set(&c->native[i], k, of_native(c, k, row->hists[k], name));
    }
}

static const struct label_set *without_le(struct eval *e, const struct metric *m)
{
    return metric_part_labels(e, m, &all_but_le);
}

static struct vec *collect(struct buckets_call *c)
{
    struct vec *v = vec_new(c->e, c->grid, c->n_groups + c->arg->n);

    v->rows = arena_array(c->e->arena, v->n + 1, sizeof *v->rows);
    v->n = 0;
    for (size_t g = 0; g < c->n_groups; g++) {
        if (row_is_empty(&c->classic[g], c->grid->n))
            continue;
        v->metrics[v->n].labels = without_le(c->e, &c->firsts[g]);
        v->metrics[v->n].name = c->firsts[g].name == NAME_LATER ? NAME_LATER : NAME_STAYS;
        v->rows[v->n++] = c->classic[g];
    }
    for (size_t i = 0; i < c->arg->n; i++) {
        if (!c->arg->rows[i].hists)
            continue;
        v->metrics[v->n] = c->arg->metrics[i];
        v->rows[v->n++] = c->native[i];
    }
    return v;
}

static int evaluate_buckets(struct buckets_call *c, struct vec **ret, struct err *err)
{
    struct eval *e = c->e;
    struct vec *arg = c->arg;
    int r = vec_compute(e, arg, err);

    if (r < 0)
        return r;
    c->members = arena_array(e->arena, arg->n + 1, sizeof *c->members);
    c->native_group = arena_array(e->arena, arg->n + 1, sizeof *c->native_group);
    c->native = arena_array(e->arena, arg->n + 1, sizeof *c->native);
    c->room = arena_array(e->arena, arg->n + 1, sizeof *c->room);
    group_series(c);
    c->classic = arena_array(e->arena, c->n_groups + 1, sizeof *c->classic);
    for (size_t g = 0; r == 0 && g < c->n_groups; g++) {
        c->classic[g] = row_new(e, c->grid->n);
        r = eval_check(e, c->grid->n, err);
    }
    if (r < 0)
        return r;
    for (size_t first = 0, last; first < c->n_members; first = last) {
        for (last = first + 1; last < c->n_members; last++)
            if (c->members[last].group != c->members[first].group)
                break;
        evaluate_group(c, first, last);
        r = eval_check(e, c->grid->n * (last - first), err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < arg->n; i++) {
        if (!arg->rows[i].hists)
            continue;
        c->native[i] = row_new(e, c->grid->n);
        evaluate_native(c, i);
        r = eval_check(e, c->grid->n, err);
        if (r < 0)
            return r;
    }
    *ret = collect(c);
    r = vec_drop_name(e, *ret, CLASH_MERGE, err);
    return r < 0 ? r : vec_unclash(e, *ret, CLASH_MERGE, err);
}

int call_histogram_quantile(struct eval *e, const struct promql_node *node, const struct grid *grid,
                            struct vec **ret, struct err *err)
{
    struct buckets_call c = {.e = e, .grid = grid, .at = promql_unparen(node->call.args[1])};
    int r = eval_scalar(e, node->call.args[0], grid, &c.q, err);

    if (r == 0)
        r = eval_vector(e, c.at, grid, &c.arg, err);
    if (r < 0)
        return r;
    for (size_t k = 0; k < grid->n; k++)
        check_quantile(e, promql_unparen(node->call.args[0]), c.q[k]);
    return evaluate_buckets(&c, ret, err);
}

int call_histogram_fraction(struct eval *e, const struct promql_node *node, const struct grid *grid,
                            struct vec **ret, struct err *err)
{
    struct buckets_call c = {
        .e = e, .grid = grid, .at = promql_unparen(node->call.args[2]), .is_fraction = true};
    int r = eval_scalar(e, node->call.args[0], grid, &c.q, err);

    if (r == 0)
        r = eval_scalar(e, node->call.args[1], grid, &c.upper, err);
    if (r == 0)
        r = eval_vector(e, c.at, grid, &c.arg, err);
    return r < 0 ? r : evaluate_buckets(&c, ret, err);
}
