/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "base/num.h"
#include "model/sample.h"
#include "tests/promqltest/promqltest.h"

#define EPSILON 1e-6

bool same_float(double a, double b, double epsilon)
{
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);

    if (is_stale(a) || is_stale(b))
        return is_stale(a) && is_stale(b);
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return difference < epsilon * DBL_MIN;
    return difference / fmin(sum, DBL_MAX) < epsilon;
}

static size_t next_full(const struct hist_buckets *bs, size_t i)
{
    while (i < bs->n && bs->b[i].count == 0)
        i++;
    return i;
}

static bool same_buckets(const struct hist_buckets *a, const struct hist_buckets *b, double epsilon)
{
    size_t i = next_full(a, 0), j = next_full(b, 0);

    while (i < a->n && j < b->n) {
        if (a->b[i].lower != b->b[j].lower || a->b[i].upper != b->b[j].upper ||
            !same_float(a->b[i].count, b->b[j].count, epsilon))
            return false;
        i = next_full(a, i + 1);
        j = next_full(b, j + 1);
    }
    return i == a->n && j == b->n;
}

bool same_histogram(const struct histogram *a, const struct histogram *b, double epsilon)
{
    struct hist_buckets ba = {0}, bb = {0};
    bool same = a->schema == b->schema && a->zero_threshold == b->zero_threshold &&
                a->n_bounds == b->n_bounds && same_float(a->count, b->count, epsilon) &&
                same_float(a->sum, b->sum, epsilon) &&
                same_float(a->zero_count, b->zero_count, epsilon);

    for (uint32_t i = 0; same && i < a->n_bounds; i++)
        same = a->bounds[i] == b->bounds[i];
    hist_buckets_fill(&ba, a);
    hist_buckets_fill(&bb, b);
    same = same && same_buckets(&ba, &bb, epsilon);
    hist_buckets_deinit(&ba);
    hist_buckets_deinit(&bb);
    return same;
}

void print_value(struct buf *out, double v, const struct histogram *h)
{
    if (h) {
        buf_addf(out, "schema:%d ", h->schema);
        hist_print(h, out);
    } else {
        num_add_short(out, v);
    }
}

void print_result(struct buf *out, const struct promql_result *result)
{
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];

        buf_add_c(out, "    ");
        label_set_print(s->labels, out);
        for (size_t k = 0; k < s->n; k++) {
            buf_add_byte(out, ' ');
            print_value(out, s->values[k], s->histograms ? s->histograms[k] : NULL);
            buf_addf(out, "@%lld", (long long)s->times[k]);
        }
        buf_add_byte(out, '\n');
    }
    for (size_t i = 0; i < result->n_annotations; i++)
        buf_addf(out, "    %s\n", result->annotations[i].text);
}

static bool same_point(const struct series_value *want, const struct promql_series *s, size_t k)
{
    const struct histogram *h = s->histograms ? s->histograms[k] : NULL;

    if (!want->histogram != !h)
        return false;
    return h ? same_histogram(want->histogram, h, EPSILON)
             : same_float(want->v, s->values[k], EPSILON);
}

static const struct series_desc *find_expected(const struct eval_block *b,
                                               const struct label_set *ls)
{
    for (size_t i = 0; i < b->n; i++)
        if (label_set_eq(b->series[i].desc->metric, ls))
            return b->series[i].desc;
    return NULL;
}

/* Compares all points of a series, or those at *only, with the values at start, start + step ... */
static bool series_fits(const struct series_desc *want, const struct promql_series *s,
                        unix_ms start, dur_ms step_ms, const unix_ms *only)
{
    size_t k = 0;

    for (size_t step = 0; step < want->n; step++) {
        unix_ms t = start + (unix_ms)step * step_ms;

        while (only && k < s->n && s->times[k] < t)
            k++;
        if (want->values[step].omitted) {
            if (k < s->n && s->times[k] == t)
                return false;
            continue;
        }
        if (k == s->n || s->times[k] != t || !same_point(&want->values[step], s, k))
            return false;
        k++;
    }
    return only || k == s->n;
}

static bool has_point(const struct promql_series *s, const unix_ms *only)
{
    if (!only)
        return true;
    for (size_t k = 0; k < s->n; k++)
        if (s->times[k] == *only)
            return true;
    return false;
}

static bool has_expected_points(const struct series_desc *d)
{
    for (size_t k = 0; k < d->n; k++)
        if (!d->values[k].omitted)
            return true;
    return false;
}

static bool scalar_fits(const struct eval_block *b, const struct promql_result *result,
                        const unix_ms *only, struct buf *report)
{
    bool found = false;

    for (size_t i = 0; i < result->n; i++)
        for (size_t k = 0; k < result->series[i].n; k++)
            if (!only || result->series[i].times[k] == *only)
                found |= same_float(result->series[i].values[k], b->scalar_value, EPSILON);
    if (result->n == 1 && found && (only || result->type == PROMQL_SCALAR))
        return true;
    buf_addf(report, "  expected the scalar %g\n", b->scalar_value);
    return false;
}

static bool order_fits(const struct eval_block *b, const struct promql_result *result,
                       struct buf *report)
{
    for (size_t i = 0; i < result->n && i < b->n; i++) {
        if (label_set_eq(result->series[i].labels, b->series[i].desc->metric))
            continue;
        buf_addf(report, "  order differs at %zu\n", i);
        return false;
    }
    return true;
}

static bool is_sorted(const struct promql_result *result, struct buf *report)
{
    for (size_t i = 1; i < result->n; i++) {
        if (label_set_cmp(result->series[i - 1].labels, result->series[i].labels) < 0)
            continue;
        buf_add_c(report, "  range result is not sorted\n");
        return false;
    }
    return true;
}

bool result_fits(const struct eval_block *b, const struct promql_result *result,
                 const unix_ms *only, struct buf *report)
{
    unix_ms start = result->type == PROMQL_MATRIX ? b->start : result->time;
    size_t seen = 0, expected = 0;
    bool fits = true;

    if (b->scalar)
        return scalar_fits(b, result, only, report);
    for (size_t i = 0; i < result->n; i++) {
        const struct promql_series *s = &result->series[i];
        const struct series_desc *want = find_expected(b, s->labels);

        if (!has_point(s, only))
            continue;
        seen++;
        if (want && series_fits(want, s, start, b->step, only))
            continue;
        buf_add_c(report, want ? "  values differ: " : "  unexpected series: ");
        label_set_print(s->labels, report);
        buf_add_byte(report, '\n');
        fits = false;
    }
    for (size_t i = 0; i < b->n; i++)
        expected += has_expected_points(b->series[i].desc);
    if (seen != expected) {
        buf_addf(report, "  expected %zu series, got %zu\n", expected, seen);
        fits = false;
    }
    if (b->ordered && !only)
        fits &= order_fits(b, result, report);
    if (result->type == PROMQL_MATRIX)
        fits &= is_sorted(result, report);
    return fits;
}
