/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql_reference - PromQL evaluated the slow and obvious way, to hold the evaluator against
 *
 *     struct reference r = {.store = &store, .start = t, .end = t};
 *     struct reference_vector v = reference_ask(&r, expr->root, t);
 *     if (r.status == 0) ... v.s[0 .. v.n) ...
 *     reference_clear(&r);
 *
 * One step at a time, every series looked at for every selector, every label set made anew, every
 * pair compared with every other. It shares the parser's tree with src/promql and nothing else.
 *
 * Covered are floats, without delayed name removal: selectors, offset and @, ranges, subqueries,
 * staleness, aggregations, binary operators with all their matching, and the functions of
 * promql_reference_functions.h. What is not covered, native histograms above all, sets the status to
 * -ENOTSUP; what PromQL refuses sets it to -EINVAL.
 */
#ifndef TOCSIN_TESTS_SUPPORT_PROMQL_REFERENCE_H
#define TOCSIN_TESTS_SUPPORT_PROMQL_REFERENCE_H

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/sample.h"
#include "promql/ast.h"
#include "tests/support/memory_reader.h"

#define REFERENCE_LOOKBACK_MS      (5 * 60 * 1000)
#define REFERENCE_SUBQUERY_STEP_MS (60 * 1000)
#define REFERENCE_WORK_MAX         200000 /* samples and pairs looked at: beyond it is -ENOTSUP */

struct reference {
    struct memory_reader *store;
    unix_ms start, end; /* of the query, for @ start() and @ end() */
    unsigned nudge;     /* unless 0: the last bits of what is rounded are other ones */
    int status;
    size_t work;
    struct arena arena;
    const struct label_set **kept; /* every label set that was made */
    size_t n_kept, cap_kept;
};

struct reference_sample {
    const struct label_set *labels;
    double v;
};

struct reference_vector {
    struct reference_sample *s;
    size_t n, cap;
};

/* The window of one series. */
struct reference_points {
    const struct label_set *labels;
    unix_ms *t;
    double *v;
    size_t n, cap;
};

struct reference_windows {
    struct reference_points *s;
    size_t n, cap;
    unix_ms start, end; /* (start, end] */
};

/* ---- small things --------------------------------------------------------------------------- */

static inline void reference_stop(struct reference *r, int status)
{
    if (r->status == 0)
        r->status = status;
}

static inline void reference_clear(struct reference *r)
{
    for (size_t i = 0; i < r->n_kept; i++)
        label_set_unref(r->kept[i]);
    free(r->kept);
    arena_deinit(&r->arena);
    *r = (struct reference){.store = r->store};
}

static inline const struct label_set *reference_build(struct reference *r, struct label_builder *b)
{
    const struct label_set *ls = label_builder_build(b);

    label_builder_deinit(b);
    *VEC_PUSH(r->kept, r->n_kept, r->cap_kept) = ls;
    return ls;
}

/* A copy with twice the room, when there is none left. */
static inline void *reference_room(struct reference *r, void *list, size_t n, size_t *cap,
                                   size_t size)
{
    void *more;

    if (++r->work > REFERENCE_WORK_MAX)
        reference_stop(r, -ENOTSUP);
    if (n < *cap)
        return list;
    *cap = n ? 2 * n : 4;
    more = arena_array(&r->arena, *cap, size);
    if (n)
        memcpy(more, list, n * size);
    return more;
}

static inline void reference_push(struct reference *r, struct reference_vector *to,
                                  const struct label_set *labels, double v)
{
    to->s = reference_room(r, to->s, to->n, &to->cap, sizeof *to->s);
    to->s[to->n++] = (struct reference_sample){labels, v};
}

static inline void reference_push_point(struct reference *r, struct reference_points *to, unix_ms t,
                                        double v)
{
    size_t cap = to->cap;

    to->t = reference_room(r, to->t, to->n, &cap, sizeof *to->t);
    to->v = reference_room(r, to->v, to->n, &to->cap, sizeof *to->v);
    to->t[to->n] = t;
    to->v[to->n++] = v;
}

static inline struct reference_points *reference_window_of(struct reference *r,
                                                           struct reference_windows *w,
                                                           const struct label_set *labels)
{
    for (size_t i = 0; i < w->n; i++)
        if (label_set_eq(w->s[i].labels, labels))
            return &w->s[i];
    w->s = reference_room(r, w->s, w->n, &w->cap, sizeof *w->s);
    w->s[w->n] = (struct reference_points){.labels = labels};
    return &w->s[w->n++];
}

static inline const struct label_set *reference_nameless(struct reference *r,
                                                         const struct label_set *ls)
{
    struct label_builder b = {0};

    label_builder_init(&b, ls);
    label_builder_del(&b, STR("__name__"));
    label_builder_del(&b, STR("__type__"));
    label_builder_del(&b, STR("__unit__"));
    return reference_build(r, &b);
}

static inline bool reference_lists(const struct promql_labels *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->names[i], name))
            return true;
    return false;
}

static inline const struct label_set *reference_only(struct reference *r,
                                                     const struct label_set *ls,
                                                     const struct promql_labels *list)
{
    struct label_builder b = {0};

    for (size_t i = 0; i < list->n; i++)
        label_builder_set(&b, list->names[i], label_set_get(ls, list->names[i]));
    return reference_build(r, &b);
}

static inline const struct label_set *reference_without(struct reference *r,
                                                        const struct label_set *ls,
                                                        const struct promql_labels *list)
{
    struct label_builder b = {0};

    label_builder_init(&b, ls);
    for (size_t i = 0; i < list->n; i++)
        label_builder_del(&b, list->names[i]);
    return reference_build(r, &b);
}

/* No two samples of a vector may have the same labels. */
static inline void reference_refuse_twins(struct reference *r, const struct reference_vector *v)
{
    r->work += v->n * v->n;
    for (size_t i = 0; i < v->n; i++)
        for (size_t j = 0; j < i; j++)
            if (label_set_eq(v->s[i].labels, v->s[j].labels))
                reference_stop(r, -EINVAL);
}

static inline struct reference_vector reference_vector(struct reference *r,
                                                       const struct promql_node *node, unix_ms t);
static inline double reference_scalar(struct reference *r, const struct promql_node *node,
                                      unix_ms t);
static inline struct reference_vector reference_call(struct reference *r,
                                                     const struct promql_node *node, unix_ms t);
static inline double reference_scalar_call(struct reference *r, const struct promql_node *node,
                                           unix_ms t);

static inline const struct promql_node *reference_bare(const struct promql_node *node)
{
    while (node->kind == NODE_PAREN)
        node = node->paren;
    return node;
}

/* ---- selectors ------------------------------------------------------------------------------ */

static inline unix_ms reference_shifted(const struct reference *r,
                                        const struct promql_time_shift *shift, unix_ms t)
{
    switch (shift->at) {
    case AT_TIME: t = shift->at_ms; break;
    case AT_START: t = r->start; break;
    case AT_END: t = r->end; break;
    case AT_NONE: break;
    }
    return t - shift->offset;
}

static inline int reference_series_cmp(const void *a, const void *b)
{
    return label_set_cmp((*(struct memory_series *const *)a)->labels,
                         (*(struct memory_series *const *)b)->labels);
}

/* All series that a selector matches, in order of labels. */
static inline struct memory_series **reference_matching(struct reference *r,
                                                        const struct promql_node *node,
                                                        size_t *ret_n)
{
    struct memory_series **found = arena_array(&r->arena, r->store->n + 1, sizeof *found);
    size_t n = 0;

    for (size_t i = 0; i < r->store->n; i++) {
        struct memory_series *s = r->store->series[i];
        bool matches = true;

        for (size_t k = 0; k < node->vector.n_matchers; k++)
            matches &= matcher_matches(node->vector.matchers[k],
                                       label_set_get(s->labels, node->vector.matchers[k]->name));
        if (matches)
            found[n++] = s;
    }
    qsort(found, n, sizeof *found, reference_series_cmp);
    *ret_n = n;
    return found;
}

/* The sample that counts at t, or NULL. */
static inline const struct memory_sample *reference_newest(struct reference *r,
                                                           const struct memory_series *s, unix_ms t)
{
    const struct memory_sample *newest = NULL;

    for (size_t i = 0; i < s->n; i++)
        if (s->samples[i].t <= t && s->samples[i].t > t - REFERENCE_LOOKBACK_MS)
            newest = &s->samples[i];
    if (newest && newest->h)
        reference_stop(r, -ENOTSUP);
    return newest && is_stale(newest->v) ? NULL : newest;
}

/* Values, or when they were taken. */
static inline struct reference_vector reference_selector(struct reference *r,
                                                         const struct promql_node *node, unix_ms t,
                                                         bool times)
{
    struct reference_vector v = {0};
    size_t n;
    struct memory_series **series = reference_matching(r, node, &n);

    for (size_t i = 0; i < n; i++) {
        const struct memory_sample *s = reference_newest(
            r, series[i], reference_shifted(r, &node->vector.shift, t));

        if (s)
            reference_push(r, &v, series[i]->labels, times ? (double)s->t / 1000 : s->v);
    }
    return v;
}

static inline struct reference_windows reference_matrix(struct reference *r,
                                                        const struct promql_node *node, unix_ms t)
{
    struct reference_windows w = {0};
    size_t n;
    struct memory_series **series = reference_matching(r, node->matrix.vector, &n);

    w.end = reference_shifted(r, &node->matrix.vector->vector.shift, t);
    w.start = w.end - node->matrix.range;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < series[i]->n; k++) {
            const struct memory_sample *s = &series[i]->samples[k];

            if (s->t <= w.start || s->t > w.end)
                continue;
            if (s->h)
                reference_stop(r, -ENOTSUP);
            if (!is_stale(s->v))
                reference_push_point(r, reference_window_of(r, &w, series[i]->labels), s->t, s->v);
        }
    return w;
}

/* Inner times are the multiples of the step within the window. */
static inline struct reference_windows reference_subquery(struct reference *r,
                                                          const struct promql_node *node, unix_ms t)
{
    struct reference_windows w = {0};
    dur_ms step = node->subquery.step ? node->subquery.step : REFERENCE_SUBQUERY_STEP_MS;
    unix_ms at;

    w.end = reference_shifted(r, &node->subquery.shift, t);
    w.start = w.end - node->subquery.range;
    for (at = w.start / step * step; at <= w.start; at += step)
        ;
    for (; at <= w.end && r->status == 0; at += step) {
        struct reference_vector v = reference_vector(r, node->subquery.arg, at);

        if (++r->work > REFERENCE_WORK_MAX)
            reference_stop(r, -ENOTSUP);
        for (size_t i = 0; i < v.n; i++)
            reference_push_point(r, reference_window_of(r, &w, v.s[i].labels), at, v.s[i].v);
    }
    return w;
}

static inline struct reference_windows reference_windows(struct reference *r,
                                                         const struct promql_node *node, unix_ms t)
{
    node = reference_bare(node);
    return node->kind == NODE_MATRIX ? reference_matrix(r, node, t)
                                     : reference_subquery(r, node, t);
}

/* ---- operators ------------------------------------------------------------------------------ */

static inline double reference_operate(enum promql_op op, double a, double b)
{
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_MOD: return fmod(a, b);
    case OP_POW: return pow(a, b);
    case OP_ATAN2: return atan2(a, b);
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_LE: return a <= b;
    case OP_LT: return a < b;
    case OP_GE: return a >= b;
    case OP_GT: return a > b;
    default: return NAN;
    }
}

static inline bool reference_compares(enum promql_op op)
{
    return op == OP_EQ || op == OP_NE || op == OP_LE || op == OP_LT || op == OP_GE || op == OP_GT;
}

static inline struct reference_vector reference_with_scalar(struct reference *r,
                                                            const struct promql_node *node,
                                                            unix_ms t)
{
    bool left = node->binary.lhs->type == PROMQL_SCALAR;
    bool filters = reference_compares(node->binary.op) && !node->binary.return_bool;
    double scalar = reference_scalar(r, left ? node->binary.lhs : node->binary.rhs, t);
    struct reference_vector in = reference_vector(r, left ? node->binary.rhs : node->binary.lhs, t);
    struct reference_vector out = {0};

    for (size_t i = 0; i < in.n; i++) {
        double v = left ? reference_operate(node->binary.op, scalar, in.s[i].v)
                        : reference_operate(node->binary.op, in.s[i].v, scalar);

        if (!filters)
            reference_push(r, &out, reference_nameless(r, in.s[i].labels), v);
        else if (v != 0)
            reference_push(r, &out, in.s[i].labels, in.s[i].v);
    }
    reference_refuse_twins(r, &out);
    return out;
}

/* What two samples must have in common to meet. */
static inline const struct label_set *reference_key(struct reference *r,
                                                    const struct promql_matching *m,
                                                    const struct label_set *ls)
{
    if (m->on)
        return reference_only(r, ls, &m->labels);
    return reference_without(r, reference_nameless(r, ls), &m->labels);
}

static inline const struct label_set **reference_keys(struct reference *r,
                                                      const struct promql_matching *m,
                                                      const struct reference_vector *v)
{
    const struct label_set **keys = arena_array(&r->arena, v->n + 1, sizeof *keys);

    for (size_t i = 0; i < v->n; i++)
        keys[i] = reference_key(r, m, v->s[i].labels);
    return keys;
}

static inline bool reference_has(const struct label_set *const *keys, size_t n,
                                 const struct label_set *key)
{
    for (size_t i = 0; i < n; i++)
        if (label_set_eq(keys[i], key))
            return true;
    return false;
}

static inline struct reference_vector reference_set(struct reference *r,
                                                    const struct promql_node *node,
                                                    const struct reference_vector *a,
                                                    const struct reference_vector *b)
{
    const struct label_set **ka = reference_keys(r, &node->binary.matching, a);
    const struct label_set **kb = reference_keys(r, &node->binary.matching, b);
    struct reference_vector out = {0};

    r->work += a->n * b->n;
    for (size_t i = 0; i < a->n; i++)
        if (node->binary.op == OP_OR ||
            reference_has(kb, b->n, ka[i]) == (node->binary.op == OP_AND))
            reference_push(r, &out, a->s[i].labels, a->s[i].v);
    for (size_t i = 0; node->binary.op == OP_OR && i < b->n; i++)
        if (!reference_has(ka, a->n, kb[i]))
            reference_push(r, &out, b->s[i].labels, b->s[i].v);
    reference_refuse_twins(r, &out);
    return out;
}

static inline const struct label_set *reference_joined(struct reference *r,
                                                       const struct promql_node *node,
                                                       const struct label_set *many,
                                                       const struct label_set *one)
{
    const struct promql_matching *m = &node->binary.matching;
    bool keeps_name = reference_compares(node->binary.op) && !node->binary.return_bool;
    struct label_builder b = {0};

    if (!keeps_name)
        many = reference_nameless(r, many);
    if (m->card == CARD_ONE_TO_ONE)
        many = m->on ? reference_only(r, many, &m->labels) : reference_without(r, many, &m->labels);
    label_builder_init(&b, many);
    for (size_t i = 0; i < m->include.n; i++)
        label_builder_set(&b, m->include.names[i], label_set_get(one, m->include.names[i]));
    return reference_build(r, &b);
}

/* Two results of one key: they may not be, or not with equal labels. */
static inline void reference_refuse_pairs(struct reference *r, const struct promql_node *node,
                                          const struct reference_vector *out,
                                          const struct label_set *const *keys)
{
    bool one_to_one = node->binary.matching.card == CARD_ONE_TO_ONE;

    for (size_t i = 0; i < out->n; i++)
        for (size_t j = 0; j < i; j++)
            if (label_set_eq(keys[i], keys[j]) &&
                (one_to_one || label_set_eq(out->s[i].labels, out->s[j].labels)))
                reference_stop(r, -EINVAL);
}

static inline struct reference_vector reference_join(struct reference *r,
                                                     const struct promql_node *node,
                                                     const struct reference_vector *lhs,
                                                     const struct reference_vector *rhs)
{
    bool swapped = node->binary.matching.card == CARD_ONE_TO_MANY;
    const struct reference_vector *many = swapped ? rhs : lhs, *one = swapped ? lhs : rhs;
    const struct label_set **km = reference_keys(r, &node->binary.matching, many);
    const struct label_set **ko = reference_keys(r, &node->binary.matching, one);
    const struct label_set **of_out = arena_array(&r->arena, many->n + 1, sizeof *of_out);
    bool filters = reference_compares(node->binary.op) && !node->binary.return_bool;
    struct reference_vector out = {0};

    if (many->n == 0 || one->n == 0)
        return out;
    r->work += many->n * one->n;
    for (size_t i = 0; i < one->n; i++)
        if (reference_has(ko, i, ko[i]))
            reference_stop(r, -EINVAL);
    for (size_t i = 0; i < many->n; i++)
        for (size_t j = 0; j < one->n; j++) {
            double a = swapped ? one->s[j].v : many->s[i].v;
            double b = swapped ? many->s[i].v : one->s[j].v;
            double v = reference_operate(node->binary.op, a, b);

            if (!label_set_eq(km[i], ko[j]) || (filters && v == 0))
                continue;
            of_out[out.n] = km[i];
            reference_push(r, &out, reference_joined(r, node, many->s[i].labels, one->s[j].labels),
                           filters ? a : v);
            break;
        }
    reference_refuse_pairs(r, node, &out, of_out);
    reference_refuse_twins(r, &out);
    return out;
}

static inline struct reference_vector reference_binary(struct reference *r,
                                                       const struct promql_node *node, unix_ms t)
{
    struct reference_vector a, b;

    if (node->binary.lhs->type == PROMQL_SCALAR || node->binary.rhs->type == PROMQL_SCALAR)
        return reference_with_scalar(r, node, t);
    a = reference_vector(r, node->binary.lhs, t);
    b = reference_vector(r, node->binary.rhs, t);
    return node->binary.op == OP_AND || node->binary.op == OP_OR || node->binary.op == OP_UNLESS
               ? reference_set(r, node, &a, &b)
               : reference_join(r, node, &a, &b);
}

/* ---- numbers of many ------------------------------------------------------------------------ */

static inline int reference_double_cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x); /* NaN first */
    return (x > y) - (x < y);
}

/* v as an arithmetic of other rounding might have it: an answer that then differs is an accident. */
static inline double reference_rounded(const struct reference *r, double v, double with)
{
    uint64_t bits;

    if (r->nudge == 0)
        return v;
    memcpy(&bits, &with, sizeof bits);
    bits = (bits + r->nudge) * UINT64_C(0x9e3779b97f4a7c15);
    return v * (1 + DBL_EPSILON * ((double)(bits >> 60) - 7.5)) +
           (v == 0 ? DBL_MIN * (double)(bits >> 62) : 0);
}

static inline double reference_quantile(struct reference *r, double phi, const double *v, size_t n)
{
    double *sorted = arena_array(&r->arena, n, sizeof *sorted);
    double rank = phi * (double)(n - 1);
    size_t lower, upper;

    if (isnan(phi))
        return NAN;
    if (phi < 0 || phi > 1)
        return phi < 0 ? -INFINITY : INFINITY;
    memcpy(sorted, v, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, reference_double_cmp);
    lower = (size_t)floor(rank);
    upper = lower + 1 < n ? lower + 1 : n - 1;
    return reference_rounded(
        r, sorted[lower] * (1 - (rank - (double)lower)) + sorted[upper] * (rank - (double)lower),
        sorted[n - 1]);
}

static inline double reference_sum(const double *v, size_t n)
{
    long double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += v[i];
    return (double)sum;
}

static inline double reference_variance(struct reference *r, const double *v, size_t n)
{
    long double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++)
        mean += v[i];
    mean /= (long double)n;
    for (size_t i = 0; i < n; i++)
        sum += (v[i] - mean) * (v[i] - mean);
    return reference_rounded(r, (double)(sum / (long double)n), v[0] + v[n - 1]);
}

/* The least or greatest that is no number too small or large: NaN only when all are. */
static inline double reference_extreme(const double *v, size_t n, bool greatest)
{
    double best = NAN;

    for (size_t i = 0; i < n; i++)
        if (isnan(best) || (greatest ? v[i] > best : v[i] < best))
            best = v[i];
    return best;
}

/* ---- aggregations --------------------------------------------------------------------------- */

struct reference_group {
    const struct label_set *labels;
    struct reference_vector members;
};

static inline double reference_fold(struct reference *r, enum promql_aggregate op, double param,
                                    const double *v, size_t n)
{
    switch (op) {
    case AGG_SUM: return reference_sum(v, n);
    case AGG_AVG: return reference_rounded(r, reference_sum(v, n) / (double)n, v[0]);
    case AGG_COUNT:
    case AGG_COUNT_VALUES: return (double)n;
    case AGG_MIN: return reference_extreme(v, n, false);
    case AGG_MAX: return reference_extreme(v, n, true);
    case AGG_GROUP: return 1;
    case AGG_STDDEV: return sqrt(reference_variance(r, v, n));
    case AGG_STDVAR: return reference_variance(r, v, n);
    case AGG_QUANTILE: return reference_quantile(r, param, v, n);
    default: reference_stop(r, -ENOTSUP); return NAN;
    }
}

/* a goes before b */
static inline bool reference_ahead(double a, double b, bool greatest)
{
    if (isnan(a) || isnan(b))
        return !isnan(a) && isnan(b);
    return greatest ? a > b : a < b;
}

/* Which of equals stay at the border is nobody's promise: not covered. */
static inline void reference_pick(struct reference *r, const struct reference_vector *in,
                                  double param, bool greatest, struct reference_vector *out)
{
    size_t k;

    if (isnan(param) || param >= 9.2e18 || param <= -9.2e18) {
        reference_stop(r, -EINVAL);
        return;
    }
    k = param < 1 ? 0 : (size_t)param;
    for (size_t i = 0; i < in->n; i++) {
        size_t ahead = 0, equal = 0;

        for (size_t j = 0; j < in->n; j++) {
            ahead += reference_ahead(in->s[j].v, in->s[i].v, greatest);
            equal += !reference_ahead(in->s[j].v, in->s[i].v, greatest) &&
                     !reference_ahead(in->s[i].v, in->s[j].v, greatest);
        }
        if (ahead < k && ahead + equal > k)
            reference_stop(r, -ENOTSUP);
        if (ahead < k)
            reference_push(r, out, in->s[i].labels, in->s[i].v);
    }
}

/* count_values is count after each sample got its value as a label, which takes part in the grouping. */
static inline void reference_label_values(struct reference *r, struct str name,
                                          struct reference_vector *in)
{
    if (!label_name_is_valid(name))
        reference_stop(r, -EINVAL);
    for (size_t i = 0; r->status == 0 && i < in->n; i++) {
        double v = in->s[i].v;
        struct label_builder b = {0};
        char text[32];

        if (v != floor(v) || fabs(v) > 1e15) /* its shortest text is more than one line of code */
            reference_stop(r, -ENOTSUP);
        snprintf(text, sizeof text, "%.0f", v);
        label_builder_init(&b, in->s[i].labels);
        label_builder_set(&b, name, str_c(text));
        in->s[i].labels = reference_build(r, &b);
    }
}

/* What the group of a sample is called. `value` is the label of count_values, or empty. */
static inline const struct label_set *reference_group_key(struct reference *r,
                                                          const struct promql_node *node,
                                                          struct str value,
                                                          const struct label_set *ls)
{
    const struct promql_labels *list = &node->aggregate.grouping;
    struct label_builder b = {0};

    label_builder_init(&b, node->aggregate.without ? reference_without(r, ls, list)
                                                   : reference_only(r, ls, list));
    if (node->aggregate.without)
        label_builder_del(&b, STR("__name__"));
    else if (value.len)
        label_builder_set(&b, value, label_set_get(ls, value));
    return reference_build(r, &b);
}

static inline void reference_group_answer(struct reference *r, const struct promql_node *node,
                                          double param, const struct reference_group *g,
                                          struct reference_vector *out)
{
    double *values = arena_array(&r->arena, g->members.n, sizeof *values);

    for (size_t i = 0; i < g->members.n; i++)
        values[i] = g->members.s[i].v;
    switch (node->aggregate.op) {
    case AGG_TOPK: reference_pick(r, &g->members, param, true, out); break;
    case AGG_BOTTOMK: reference_pick(r, &g->members, param, false, out); break;
    default:
        reference_push(r, out, g->labels,
                       reference_fold(r, node->aggregate.op, param, values, g->members.n));
    }
}

static inline struct reference_vector reference_aggregate(struct reference *r,
                                                          const struct promql_node *node, unix_ms t)
{
    struct reference_vector in = reference_vector(r, node->aggregate.arg, t), out = {0};
    struct reference_group *groups = arena_array(&r->arena, in.n + 1, sizeof *groups);
    struct str value = STR_NONE;
    double param = NAN;
    size_t n = 0;

    if (node->aggregate.param && node->aggregate.param->type == PROMQL_SCALAR)
        param = reference_scalar(r, node->aggregate.param, t);
    if (node->aggregate.op == AGG_COUNT_VALUES) {
        value = reference_bare(node->aggregate.param)->string;
        reference_label_values(r, value, &in);
    }
    for (size_t i = 0; i < in.n; i++) {
        const struct label_set *key = reference_group_key(r, node, value, in.s[i].labels);
        size_t g = 0;

        while (g < n && !label_set_eq(groups[g].labels, key))
            g++;
        groups[g].labels = key;
        n += g == n;
        reference_push(r, &groups[g].members, in.s[i].labels, in.s[i].v);
    }
    for (size_t g = 0; g < n && r->status == 0; g++)
        reference_group_answer(r, node, param, &groups[g], &out);
    reference_refuse_twins(r, &out);
    return out;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static inline struct reference_vector reference_negated(struct reference *r,
                                                        const struct promql_node *node, unix_ms t)
{
    struct reference_vector v = reference_vector(r, node->unary.arg, t);

    for (size_t i = 0; node->unary.op == OP_SUB && i < v.n; i++)
        v.s[i] = (struct reference_sample){reference_nameless(r, v.s[i].labels), -v.s[i].v};
    reference_refuse_twins(r, &v);
    return v;
}

static inline struct reference_vector reference_vector(struct reference *r,
                                                       const struct promql_node *node, unix_ms t)
{
    struct reference_vector none = {0};

    if (r->status < 0)
        return none;
    if (r->work > REFERENCE_WORK_MAX) {
        reference_stop(r, -ENOTSUP);
        return none;
    }
    switch (node->kind) {
    case NODE_PAREN: return reference_vector(r, node->paren, t);
    case NODE_UNARY: return reference_negated(r, node, t);
    case NODE_BINARY: return reference_binary(r, node, t);
    case NODE_AGGREGATE: return reference_aggregate(r, node, t);
    case NODE_CALL: return reference_call(r, node, t);
    case NODE_VECTOR: return reference_selector(r, node, t, false);
    default: reference_stop(r, -ENOTSUP); return none;
    }
}

static inline double reference_scalar(struct reference *r, const struct promql_node *node,
                                      unix_ms t)
{
    if (r->status < 0)
        return NAN;
    switch (node->kind) {
    case NODE_NUMBER: return node->number.v;
    case NODE_PAREN: return reference_scalar(r, node->paren, t);
    case NODE_UNARY:
        return node->unary.op == OP_SUB ? -reference_scalar(r, node->unary.arg, t)
                                        : reference_scalar(r, node->unary.arg, t);
    case NODE_BINARY:
        return reference_operate(node->binary.op, reference_scalar(r, node->binary.lhs, t),
                                 reference_scalar(r, node->binary.rhs, t));
    case NODE_CALL: return reference_scalar_call(r, node, t);
    default: reference_stop(r, -ENOTSUP); return NAN;
    }
}

/* The value of an expression at t; of a scalar one sample without labels. */
static inline struct reference_vector reference_ask(struct reference *r,
                                                    const struct promql_node *node, unix_ms t)
{
    struct reference_vector v = {0};

    if (node->type == PROMQL_SCALAR) {
        struct label_builder none = {0};

        reference_push(r, &v, reference_build(r, &none), reference_scalar(r, node, t));
    } else if (node->type == PROMQL_VECTOR) {
        v = reference_vector(r, node, t);
        reference_refuse_twins(r, &v);
    } else {
        reference_stop(r, -ENOTSUP);
    }
    return v;
}

#include "tests/support/promql_reference_functions.h"

#endif
