/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an expression to a result: sets an evaluation up, runs it, and takes out of it what the
 * caller keeps.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/label_set.h"
#include "promql/ahead_priv.h"
#include "promql/annotations.h"
#include "promql/explain.h"
#include "promql/query_priv.h"

#define BYTES_PER_SAMPLE 24 /* a value, its share of bookkeeping, and a copy in the result */
#define BYTES_BESIDE     ((size_t)64 << 20) /* labels and tables of a query at its sample limit */

/* What a standing query keeps from one evaluation to the next. There may be ten thousand of them.
 */
#define KEEP_BYTES   ((size_t)16 << 10)
#define KEEP_SAMPLES 512

/* ---- life */

void query_init(struct promql_query *q, const struct promql_expr *expr,
                const struct promql_options *opts)
{
    struct promql_options *o = &q->opts;

    *q = (struct promql_query){.expr = expr};
    if (opts)
        *o = *opts;
    if (o->lookback <= 0)
        o->lookback = PROMQL_LOOKBACK_MS;
    if (o->timeout <= 0)
        o->timeout = PROMQL_TIMEOUT_MS;
    if (o->subquery_step <= 0)
        o->subquery_step = PROMQL_SUBQUERY_STEP_MS;
    if (o->max_samples == 0)
        o->max_samples = PROMQL_MAX_SAMPLES;
    if (o->max_bytes == 0)
        o->max_bytes = o->max_samples * BYTES_PER_SAMPLE + BYTES_BESIDE;
    arena_init(&q->arena, o->max_bytes);
}

void query_deinit(struct promql_query *q)
{
    standing_deinit(&q->standing);
    arena_deinit(&q->arena);
    columns_deinit(&q->columns);
    hist_buckets_deinit(&q->buckets);
}

struct promql_query *promql_prepare(const struct promql_expr *expr,
                                    const struct promql_options *opts)
{
    struct promql_query *q = mem_alloc(sizeof *q);

    query_init(q, expr, opts);
    q->stands = true;
    return q;
}

void promql_query_free(struct promql_query *q)
{
    if (!q)
        return;
    query_deinit(q);
    mem_freep(&q);
}

void promql_result_free(struct promql_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->n; i++)
        label_set_unref(result->series[i].labels);
    arena_deinit(&result->arena);
    mem_freep(&result);
}

/* ---- taking out what the caller keeps */

struct taker {
    struct eval *e;
    const struct grid *grid;
    struct promql_result *result;
    unix_ms *times; /* of all steps, shared by the series that have them all */
};

static const struct histogram *const *take_histograms(struct taker *tk, const struct row *row,
                                                      size_t n, size_t points)
{
    const struct histogram **h = arena_array(&tk->result->arena, points, sizeof *h);
    size_t to = 0;

    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1), to++)
        if (row->hists[k])
            h[to] = hist_copy(&tk->result->arena, row->hists[k]);
    return h;
}

static void take_row(struct taker *tk, const struct label_set *labels, const struct row *row)
{
    size_t n = tk->grid->n, points = row_count(row, n), to = 0;
    struct promql_series *s = &tk->result->series[tk->result->n++];
    double *values = arena_alloc(&tk->result->arena, points * sizeof *values);
    unix_ms *times = tk->times;

    if (points == n) {
        memcpy(values, row->values, n * sizeof *values);
    } else {
        times = arena_alloc(&tk->result->arena, points * sizeof *times);
        for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1), to++) {
            times[to] = tk->times[k];
            values[to] = row->values[k];
        }
    }
    s->labels = label_set_ref(labels);
    s->n = points;
    s->times = times;
    s->values = values;
    if (row->hists)
        s->histograms = take_histograms(tk, row, n, points);
}

static struct taker taker_make(struct eval *e, const struct grid *grid,
                               struct promql_result *result, size_t n_series)
{
    struct taker tk = {e, grid, result, arena_alloc(&result->arena, grid->n * sizeof(unix_ms))};

    for (size_t k = 0; k < grid->n; k++)
        tk.times[k] = grid_at(grid, k);
    result->series = arena_array(&result->arena, n_series ? n_series : 1, sizeof *result->series);
    return tk;
}

static int take_vector(struct eval *e, const struct promql_node *root, const struct grid *grid,
                       struct promql_result *result, struct err *err)
{
    struct taker tk;
    struct row lent;
    struct vec *v;
    int r = eval_vector(e, root, grid, &v, err);

    if (r == 0)
        r = vec_drop_name_finally(e, v, err);
    if (r < 0)
        return r;
    tk = taker_make(e, grid, result, v->n);
    lent = row_new(e, grid->n);
    for (size_t i = 0; i < v->n; i++) {
        const struct row *row;

        r = vec_row(e, v, i, &lent, &row, err);
        if (r == 0)
            r = eval_hold(e, v->rows ? 0 : row_samples(row, grid->n), err);
        if (r == 0)
            r = eval_check(e, grid->n, err);
        if (r < 0)
            return r;
        if (!row_is_empty(row, grid->n))
            take_row(&tk, metric_labels(e, &v->metrics[i]), row);
    }
    return 0;
}

static int take_scalar(struct eval *e, const struct promql_node *root, const struct grid *grid,
                       struct promql_result *result, struct err *err)
{
    struct taker tk;
    struct row row;
    double *values;
    int r = eval_scalar(e, root, grid, &values, err);

    if (r == 0)
        r = eval_hold(e, grid->n, err);
    if (r < 0)
        return r;
    tk = taker_make(e, grid, result, 1);
    row = row_new(e, grid->n);
    for (size_t k = 0; k < grid->n; k++)
        row_set(&row, k, values[k]);
    take_row(&tk, eval_keep(e, label_set_empty()), &row);
    return 0;
}

/* Floats and histograms of a track in order of time. */
static void take_track(struct promql_result *result, const struct label_set *labels,
                       const struct track *track)
{
    struct promql_series *s = &result->series[result->n++];
    size_t n = track->n + track->nh, i = 0, j = 0;
    unix_ms *times = arena_array(&result->arena, n, sizeof *times);
    double *values = arena_array(&result->arena, n, sizeof *values);
    const struct histogram **h = track->nh ? arena_array(&result->arena, n, sizeof *h) : NULL;

    for (size_t k = 0; k < n; k++) {
        if (j == track->nh || (i < track->n && track->t[i] < track->ht[j])) {
            times[k] = track->t[i];
            values[k] = track->v[i++];
        } else {
            times[k] = track->ht[j];
            values[k] = NAN;
            h[k] = hist_copy(&result->arena, track->h[j++]);
        }
    }
    *s = (struct promql_series){label_set_ref(labels), n, times, values, h};
}

static uint64_t track_samples(const struct track *track)
{
    uint64_t n = track->n;

    for (size_t i = 0; i < track->nh; i++)
        n += hist_samples(track->h[i]);
    return n;
}

static int take_matrix(struct eval *e, const struct promql_node *root, const struct grid *grid,
                       struct promql_result *result, struct err *err)
{
    bool subquery = promql_unparen((struct promql_node *)root)->kind == NODE_SUBQUERY;
    struct ranges *ranges;
    int r;

    if (subquery)
        e->counting.at = COUNT_AT_END;
    r = eval_ranges(e, root, grid, &ranges, err);

    if (r < 0)
        return r;
    result->series = arena_array(&result->arena, ranges->n ? ranges->n : 1, sizeof *result->series);
    for (size_t i = 0; i < ranges->n; i++) {
        struct metric m = ranges->metrics[i];

        r = ranges->load(e, ranges, i, err);
        if (r == 0)
            r = eval_hold(e, ranges->track.n + ranges->track.nh, err);
        if (r < 0)
            return r;
        if (!subquery)
            eval_count(e, e->counting, 0, track_samples(&ranges->track));
        if (m.name == NAME_LATER)
            m.name = NAME_GONE;
        if (ranges->track.n + ranges->track.nh > 0)
            take_track(result, metric_labels(e, &m), &ranges->track);
    }
    return 0;
}

static int by_labels(const void *a, const void *b)
{
    return label_set_cmp(((const struct promql_series *)a)->labels,
                         ((const struct promql_series *)b)->labels);
}

static int sort_result(struct promql_result *result, struct err *err)
{
    mono_ns began = clock_mono_ns();
    bool sorted = true;

    for (size_t i = 1; sorted && i < result->n; i++)
        sorted = by_labels(&result->series[i - 1], &result->series[i]) <= 0;
    if (!sorted)
        qsort(result->series, result->n, sizeof *result->series, by_labels);
    result->stats.sort = clock_mono_ns() - began;
    for (size_t i = 1; i < result->n; i++)
        if (label_set_eq(result->series[i - 1].labels, result->series[i].labels))
            return err_set(err, -EINVAL, "vector cannot contain metrics with the same labelset");
    return 0;
}

/* ---- running */

static int evaluate(struct eval *e, const struct grid *grid, struct promql_result *result,
                    struct err *err)
{
    const struct promql_node *root = e->expr->root;
    int r;

    switch (root->type) {
    case PROMQL_VECTOR: r = take_vector(e, root, grid, result, err); break;
    case PROMQL_SCALAR: r = take_scalar(e, root, grid, result, err); break;
    case PROMQL_MATRIX: r = take_matrix(e, root, grid, result, err); break;
    default:
        result->text = arena_str(&result->arena,
                                 promql_unparen((struct promql_node *)root)->string);
        return 0;
    }
    /* The last look: a short query that was canceled or ran out of memory has not looked before. */
    if (r == 0)
        r = eval_check(e, UINT32_MAX, err);
    return r == 0 && result->type == PROMQL_MATRIX ? sort_result(result, err) : r;
}

static void take_notes(struct notes *notes, struct promql_result *result)
{
    result->annotations = arena_array(&result->arena, notes->n ? notes->n : 1,
                                      sizeof *result->annotations);
    for (size_t i = 0; i < notes->n; i++)
        result->annotations[i] = *notes->list[i];
    result->n_annotations = notes->n;
}

static void take_plan(struct explain *x, struct promql_result *result)
{
    result->n_plan = x->n;
    result->plan = arena_array(&result->arena, x->n ? x->n : 1, sizeof(struct promql_plan_node *));
    if (x->n)
        memcpy(result->plan, x->nodes, x->n * sizeof(struct promql_plan_node *));
    mem_freep(&x->nodes);
}

/* What the columns hold may belong to what was selected: it goes first. */
static void eval_deinit(struct eval *e, struct promql_query *q)
{
    struct columns *c = &e->columns;

    ahead_end(e->ahead);
    if (c->hold && c->hold_free)
        c->hold_free(c->hold);
    c->hold = NULL;
    c->hold_free = NULL;
    c->histograms = NULL;
    c->n = 0;
    for (size_t i = 0; i < e->n_selections; i++)
        e->reader->release(e->selections[i].selection);
    mem_freep(&e->selections);
    standing_park(&q->standing);
    for (size_t i = 0; i < e->n_labels; i++)
        label_set_unref(e->labels[i]);
    mem_freep(&e->labels);
    mem_freep(&e->shared);
    q->columns = e->columns;
    q->buckets = e->buckets;
    if (q->columns.cap > KEEP_SAMPLES)
        columns_deinit(&q->columns);
    if (q->buckets.cap > KEEP_SAMPLES)
        hist_buckets_deinit(&q->buckets);
    if (q->arena.used > KEEP_BYTES) {
        arena_deinit(&q->arena);
        arena_init(&q->arena, q->opts.max_bytes);
    } else {
        arena_reset(&q->arena);
    }
}

int query_run(struct promql_query *q, const struct series_reader *reader, const struct grid *grid,
              unix_ms start, unix_ms end, bool instant, struct promql_result **ret, struct err *err)
{
    CLEANUP(promql_result_freep) struct promql_result *result = mem_zalloc(sizeof *result);
    struct notes notes = {.arena = &result->arena};
    struct explain explain = {.arena = &result->arena};
    mono_ns began = clock_mono_ns();
    struct eval e = {
        .expr = q->expr,
        .reader = reader,
        .opts = q->opts,
        .start = start,
        .end = end,
        .deadline = began + q->opts.timeout * NS_PER_MS,
        .arena = &q->arena,
        .notes = &notes,
        .stats = &result->stats,
        .columns = q->columns,
        .buckets = q->buckets,
        .standing = q->stands && instant ? &q->standing : NULL,
        .counting = {.times = 1},
        .steps = grid->n,
        .explain = q->opts.explain ? &explain : NULL,
    };
    int r;

    if (q->expr->refusal)
        return err_set(err, -EINVAL, "%s", q->expr->refusal);
    arena_init(&result->arena, 0);
    hist_acc_init(&e.acc, e.arena);
    if (q->opts.per_step_stats) {
        result->stats.samples_per_step = arena_array(&result->arena, grid->n, sizeof(uint64_t));
        result->stats.n_steps = grid->n;
        result->stats.first_step = grid->start;
        result->stats.step = grid->step;
    }
    result->type = instant ? q->expr->root->type : PROMQL_MATRIX;
    result->time = grid->start;
    r = evaluate(&e, grid, result, err);
    take_notes(&notes, result);
    take_plan(&explain, result);
    notes_deinit(&notes);
    result->stats.bytes_peak = q->arena.used + result->arena.used;
    result->stats.total = clock_mono_ns() - began;
    eval_deinit(&e, q);
    if (r < 0)
        return r;
    *ret = TAKE(result);
    return 0;
}

static unix_ms cut(unix_ms t)
{
    return t > EVAL_TIME_MAX ? EVAL_TIME_MAX : t < -EVAL_TIME_MAX ? -EVAL_TIME_MAX : t;
}

int promql_query_instant(struct promql_query *q, const struct series_reader *reader, unix_ms t,
                         struct promql_result **ret, struct err *err)
{
    struct grid grid = {cut(t), 1, 1};

    return query_run(q, reader, &grid, grid.start, grid.start, true, ret, err);
}

int promql_query_range(struct promql_query *q, const struct series_reader *reader, unix_ms start,
                       unix_ms end, dur_ms step, struct promql_result **ret, struct err *err)
{
    enum promql_type type = q->expr->root->type;
    struct grid grid = {cut(start), step > 0 ? step : 1, 1};
    int status;

    if (type != PROMQL_SCALAR && type != PROMQL_VECTOR)
        return err_set(err, -EINVAL,
                       "invalid expression type \"%s\" for range query, must be Scalar or instant "
                       "Vector",
                       promql_type_text(type));
    end = cut(end);
    if (end < grid.start)
        return err_set(err, -EINVAL, "end of the range is before its start");
    if (step <= 0 && end > grid.start)
        return err_set(err, -EINVAL, "step of the range is not positive");
    if ((uint64_t)(end - grid.start) / (uint64_t)grid.step >= q->opts.max_samples)
        return eval_too_many(err);
    grid.n = (size_t)((end - grid.start) / grid.step) + 1;
    if (!q->opts.explain && query_run_split(q, reader, &grid, end, ret, &status, err))
        return status;
    return query_run(q, reader, &grid, grid.start, end, false, ret, err);
}

int promql_instant(const struct promql_expr *expr, const struct series_reader *reader,
                   const struct promql_options *opts, unix_ms t, struct promql_result **ret,
                   struct err *err)
{
    struct promql_query q;
    int r;

    query_init(&q, expr, opts);
    r = promql_query_instant(&q, reader, t, ret, err);
    query_deinit(&q);
    return r;
}

int promql_range(const struct promql_expr *expr, const struct series_reader *reader,
                 const struct promql_options *opts, unix_ms start, unix_ms end, dur_ms step,
                 struct promql_result **ret, struct err *err)
{
    struct promql_query q;
    int r;

    query_init(&q, expr, opts);
    r = promql_query_range(&q, reader, start, end, step, ret, err);
    query_deinit(&q);
    return r;
}
