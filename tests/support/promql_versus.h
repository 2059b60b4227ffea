/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promql_versus - one expression, evaluated by src/promql and by the reference, must be the same
 *
 * Asked as instant queries at each step and as one range query. Values are equal within 1e-12 of
 * themselves, or 1e-12 where two close numbers were subtracted.
 */
#ifndef TOCSIN_TESTS_SUPPORT_PROMQL_VERSUS_H
#define TOCSIN_TESTS_SUPPORT_PROMQL_VERSUS_H

#include "promql/promql.h"
#include "tests/support/promql_random.h"
#include "tests/support/promql_reference.h"

#define VERSUS_TOLERANCE 1e-12
#define VERSUS_NUDGES    4

struct versus_tally {
    size_t compared, points; /* answers, and values in them */
    size_t refused, not_covered;
};

/* The series of promql_random.h. */
static inline void versus_load(struct memory_reader *store)
{
    for (size_t i = 0; i < ARRAY_LEN(promql_random_series); i++) {
        struct series_desc *d = NULL;

        must(series_desc_parse(str_c(promql_random_series[i]), &d, NULL) == 0);
        for (size_t k = 0; k < d->n; k++)
            if (!d->values[k].omitted)
                memory_reader_add(store, d->metric, (unix_ms)k * PROMQL_RANDOM_SERIES_STEP_MS,
                                  d->values[k].v, NULL);
        series_desc_free(d);
    }
}

static inline bool versus_same(double a, double b)
{
    double most = fabs(a) > fabs(b) ? fabs(a) : fabs(b);

    return a == b || (isnan(a) && isnan(b)) ||
           fabs(a - b) <= VERSUS_TOLERANCE * (most > 1 ? most : 1);
}

/* The value of a series of the result at t; false: there is none. */
static inline bool versus_find(const struct promql_result *result, const struct label_set *labels,
                               unix_ms t, double *ret)
{
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];

        if (result->type != PROMQL_SCALAR && !label_set_eq(s->labels, labels))
            continue;
        for (size_t k = 0; k < s->n; k++)
            if (s->times[k] == t && !(s->histograms && s->histograms[k])) {
                *ret = s->values[k];
                return true;
            }
    }
    return false;
}

static inline size_t versus_count(const struct promql_result *result, unix_ms t)
{
    size_t n = 0;

    for (size_t i = 0; i < result->n; i++)
        for (size_t k = 0; k < result->series[i].n; k++)
            n += result->series[i].times[k] == t;
    return n;
}

static inline bool versus_fits(const struct promql_result *got, const struct reference_vector *want,
                               unix_ms t, struct buf *report)
{
    bool fits = versus_count(got, t) == want->n;

    for (size_t i = 0; i < want->n; i++) {
        double v;

        fits &= versus_find(got, want->s[i].labels, t, &v) && versus_same(v, want->s[i].v);
    }
    if (fits)
        return true;
    buf_addf(report, "at %lld ms, expected %zu, found %zu:\n", (long long)t, want->n,
             versus_count(got, t));
    for (size_t i = 0; i < want->n; i++) {
        double v = NAN;
        bool found = versus_find(got, want->s[i].labels, t, &v);

        buf_add_c(report, "  ");
        label_set_print(want->s[i].labels, report);
        buf_addf(report, " expected %.17g, found %s%.17g\n", want->s[i].v, found ? "" : "none ", v);
    }
    return false;
}

/* Whether the answer hangs on the last bits of numbers that were rounded on the way, as that of
 * changes() over a standard deviation does. Nobody's answer is the right one then. */
static inline bool versus_is_accident(struct memory_reader *store, const struct promql_expr *expr,
                                      unix_ms t, unix_ms start, unix_ms end,
                                      const struct reference_vector *want)
{
    bool accident = false;

    for (unsigned nudge = 1; nudge <= VERSUS_NUDGES && !accident; nudge++) {
        struct reference r = {.store = store, .start = start, .end = end, .nudge = nudge};
        struct reference_vector other = reference_ask(&r, expr->root, t);

        accident = r.status < 0 || other.n != want->n;
        for (size_t i = 0; !accident && i < want->n; i++)
            accident = !label_set_eq(other.s[i].labels, want->s[i].labels) ||
                       !versus_same(other.s[i].v, want->s[i].v);
        reference_clear(&r);
    }
    return accident;
}

/* Duplicates that only arise between steps are refused in a range and fine at each step. */
static inline bool versus_is_twins(const struct err *err)
{
    return strstr(err->msg, "same labelset") != NULL;
}

/* Of one step. *ret_whole: the reference has an answer, so that a range may be compared, too. */
static inline bool versus_step(struct memory_reader *store, const struct promql_expr *expr,
                               unix_ms t, const struct promql_result *range, unix_ms start,
                               unix_ms end, struct versus_tally *tally, struct buf *report)
{
    struct reference r = {.store = store, .start = start, .end = end};
    struct reference_vector want = reference_ask(&r, expr->root, t);
    bool fits = true;

    if (r.status == 0 && range) {
        tally->compared++;
        tally->points += want.n;
        fits = versus_fits(range, &want, t, report) ||
               versus_is_accident(store, expr, t, start, end, &want);
    }
    tally->not_covered += r.status == -ENOTSUP;
    if (r.status == -EINVAL && range) {
        buf_addf(report, "at %lld ms: expected a refusal\n", (long long)t);
        fits = false;
    }
    reference_clear(&r);
    return fits;
}

static inline bool versus_instant(struct memory_reader *store, const struct promql_expr *expr,
                                  unix_ms t, struct versus_tally *tally, struct buf *report)
{
    CLEANUP(promql_result_freep) struct promql_result *got = NULL;
    struct reference r = {.store = store, .start = t, .end = t};
    struct reference_vector want = reference_ask(&r, expr->root, t);
    struct err err = {0};
    int code = promql_instant(expr, memory_reader_port(store), NULL, t, &got, &err);
    bool fits = true;

    if (r.status == -ENOTSUP) {
        tally->not_covered++;
    } else if (code < 0) {
        tally->refused++;
        fits = r.status == -EINVAL || versus_is_twins(&err);
        if (!fits)
            buf_addf(report, "at %lld ms: refused: %s\n", (long long)t, err.msg);
    } else if (r.status < 0) {
        buf_addf(report, "at %lld ms: expected a refusal\n", (long long)t);
        fits = false;
    } else {
        tally->compared++;
        tally->points += want.n;
        fits = versus_fits(got, &want, t, report) ||
               versus_is_accident(store, expr, t, t, t, &want);
    }
    reference_clear(&r);
    return fits;
}

/* Whether both agree about the text; `report` tells where they do not. It must parse. */
static inline bool versus(struct memory_reader *store, struct str text, unix_ms start, dur_ms step,
                          size_t steps, struct versus_tally *tally, struct buf *report)
{
    static const struct promql_features features = {true, true};
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *range = NULL;
    unix_ms end = start + (dur_ms)(steps - 1) * step;
    struct err err = {0};
    bool fits = true;
    int code;

    if (promql_parse(text, &features, &expr, &err) < 0) {
        buf_add_c(report, err.msg);
        return false;
    }
    if (expr->root->type != PROMQL_SCALAR && expr->root->type != PROMQL_VECTOR)
        return true;
    for (size_t k = 0; fits && k < steps; k++)
        fits = versus_instant(store, expr, start + (dur_ms)k * step, tally, report);
    code = promql_range(expr, memory_reader_port(store), NULL, start, end, step, &range, &err);
    tally->refused += code < 0;
    for (size_t k = 0; fits && code == 0 && k < steps; k++)
        fits = versus_step(store, expr, start + (dur_ms)k * step, range, start, end, tally, report);
    return fits;
}

#endif
