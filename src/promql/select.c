/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/sample.h"
#include "promql/ahead_priv.h"
#include "promql/eval_priv.h"
#include "promql/standing_priv.h"

/* ---- asking the reader */

int eval_select(struct eval *e, const struct matcher *const *matchers, size_t n_matchers,
                unix_ms from, unix_ms to, struct selection **ret, struct err *err)
{
    const struct series_reader *reader = e->reader;
    mono_ns began = clock_mono_ns();
    int r = reader->select(reader->self, matchers, n_matchers, from, to, ret, err);

    e->stats->select += clock_mono_ns() - began;
    if (r < 0)
        return r;
    *VEC_PUSH(e->selections, e->n_selections,
              e->cap_selections) = (struct selected){.selection = *ret, .from = from, .to = to};
    e->stats->series_read += (*ret)->n;
    return 0;
}

static bool same_matchers(const struct promql_node *a, const struct promql_node *b)
{
    if (a->vector.n_matchers != b->vector.n_matchers)
        return false;
    for (size_t i = 0; i < a->vector.n_matchers; i++)
        if (matcher_cmp(a->vector.matchers[i], b->vector.matchers[i]) != 0)
            return false;
    return true;
}

/* What another selector of the expression has found; or NULL. */
static struct selection *selected_before(const struct eval *e, const struct promql_node *selector,
                                         unix_ms from, unix_ms to)
{
    for (size_t i = 0; i < e->n_selections; i++) {
        const struct selected *s = &e->selections[i];

        if (s->selector && s->from == from && s->to == to && same_matchers(s->selector, selector))
            return s->selection;
    }
    return NULL;
}

/* Of a selector that is written in the expression: its matchers are the same ones every time. */
static int select_again(struct eval *e, const struct promql_node *selector, unix_ms from,
                        unix_ms to, struct selection **ret, struct err *err)
{
    const struct matcher *const *ms = (const struct matcher *const *)selector->vector.matchers;
    size_t n = selector->vector.n_matchers;
    mono_ns began = clock_mono_ns();
    int r;

    *ret = e->standing ? standing_renew(e->standing, e->reader, ms, n, from, to) : NULL;
    if (!*ret)
        *ret = selected_before(e, selector, from, to);
    if (*ret) {
        e->stats->select += clock_mono_ns() - began;
        e->stats->series_read += (*ret)->n;
        return 0;
    }
    r = eval_select(e, ms, n, from, to, ret, err);
    if (r < 0)
        return r;
    if (e->standing && standing_keep(e->standing, e->reader, ms, *ret))
        e->n_selections--;
    else
        e->selections[e->n_selections - 1].selector = selector;
    return 0;
}

/* At its first series a selection gets a helper, if the one before it needs none any more. */
static bool was_read_ahead(struct eval *e, const struct selection *s, size_t i, unix_ms from,
                           unix_ms to)
{
    if (i == 0 && !e->explain) {
        ahead_end(e->ahead);
        e->ahead = ahead_begin(e->opts.crew, s, from, to);
    }
    return ahead_is_of(e->ahead, s, from, to) && ahead_take(e->ahead, i, &e->columns);
}

static int read_series(struct eval *e, const struct selection *s, size_t i, unix_ms from,
                       unix_ms to, struct err *err)
{
    int r = was_read_ahead(e, s, i, from, to) ? 0
                                              : e->reader->read(s, i, from, to, &e->columns, err);

    if (r < 0)
        return r;
    r = eval_hold(e, e->columns.n, err);
    e->held -= r < 0 ? 0 : e->columns.n;
    return r < 0 ? r : eval_check(e, e->columns.n + 16, err);
}

static struct metric *metrics_of(struct eval *e, const struct selection *s)
{
    struct metric *metrics = arena_array(e->arena, s->n ? s->n : 1, sizeof *metrics);

    for (size_t i = 0; i < s->n; i++)
        metrics[i].labels = s->labels[i];
    return metrics;
}

/* Where @ fixes a selector; false: it moves with the steps. */
static bool shift_is_fixed(const struct eval *e, const struct promql_time_shift *shift,
                           unix_ms *ret)
{
    *ret = shift->at == AT_TIME ? shift->at_ms : shift->at == AT_START ? e->start : e->end;
    if (*ret > EVAL_TIME_MAX)
        *ret = EVAL_TIME_MAX;
    if (*ret < -EVAL_TIME_MAX)
        *ret = -EVAL_TIME_MAX;
    return shift->at != AT_NONE;
}

/* ---- instant selectors */

struct source {
    struct selection *selection;
    struct ranges ranges; /* its windows are the look-back of each step */
    bool timestamps, floats_only;
    struct counting counting;
    unix_ms from, to;
};

/* Histograms belong to the columns, which the next series uses again: what a row shows is copied,
 * once when several steps show the same. */
static void pick(struct eval *e, struct row *row, size_t n, size_t k, const struct source *s,
                 size_t at, size_t *last)
{
    const struct columns *c = &e->columns;
    const struct histogram *h = c->histograms ? c->histograms[at] : NULL;

    if (s->timestamps) {
        row_set(row, k, (double)c->times[at] / 1000);
    } else if (!h) {
        row_set(row, k, c->values[at]);
    } else {
        if (k > 0 && *last == at && row_hist(row, k - 1))
            h = row->hists[k - 1];
        else
            h = hist_copy(e->arena, h);
        row_set_hist(e, row, n, k, h);
    }
    *last = at;
    eval_count(e, s->counting, k, h && !s->timestamps ? hist_samples(h) : 1);
}

static bool ends_series(const struct columns *c, size_t at)
{
    const struct histogram *h = c->histograms ? c->histograms[at] : NULL;

    return h ? hist_is_stale(h) : is_stale(c->values[at]);
}

static int refuse_histograms(struct eval *e, const struct metric *m, struct err *err)
{
    CLEANUP(buf_free) struct buf b = {0};

    metric_print(e, m, &b);
    return err_set(err, -EINVAL, "this should be an info metric, with float samples: %s", b.p);
}

/* The present sample of series i, when it can be had without reading those before it. */
static bool source_newest(struct eval *e, const struct source *s, const struct vec *v, size_t i,
                          struct row *row)
{
    const struct series_reader *reader = e->reader;
    unix_ms t;
    double value;

    if (v->grid->n != 1 || !reader->newest ||
        !reader->newest(s->selection, i, s->from, s->to, &t, &value))
        return false;
    if (!is_stale(value)) {
        row_set(row, 0, s->timestamps ? (double)t / 1000 : value);
        eval_count(e, s->counting, 0, 1);
    }
    return true;
}

static int source_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct source *s = v->self;
    const struct columns *c = &e->columns;
    const struct ranges *look = &s->ranges;
    size_t n = v->grid->n, next = 0, last = SIZE_MAX;
    int r;

    row_clear(row, n);
    if (source_newest(e, s, v, i, row))
        return eval_check(e, 1, err);
    r = read_series(e, s->selection, i, s->from, s->to, err);
    if (r < 0)
        return r;
    if (s->floats_only && c->histograms && c->n > 0)
        return refuse_histograms(e, &v->metrics[i], err);
    for (size_t k = 0; k < n; k++) {
        unix_ms ref = (look->fixed ? look->at : grid_at(v->grid, k)) - look->offset;

        while (next < c->n && c->times[next] <= ref)
            next++;
        if (next > 0 && c->times[next - 1] > ref - look->range && !ends_series(c, next - 1))
            pick(e, row, n, k, s, next - 1, &last);
    }
    return 0;
}

static struct vec *source_vec(struct eval *e, struct source *s, const struct grid *grid)
{
    struct vec *v = arena_zalloc(e->arena, sizeof *v);

    *v = (struct vec){.n = s->selection->n, .grid = grid, .fill = source_fill, .self = s};
    v->metrics = metrics_of(e, s->selection);
    return v;
}

int eval_selector(struct eval *e, const struct promql_node *node, const struct grid *grid,
                  bool timestamps, struct vec **ret, struct err *err)
{
    struct source *s = arena_zalloc(e->arena, sizeof *s);
    int r;

    s->timestamps = timestamps;
    s->counting = e->counting;
    s->ranges.range = e->opts.lookback;
    s->ranges.offset = node->vector.shift.offset;
    s->ranges.fixed = shift_is_fixed(e, &node->vector.shift, &s->ranges.at);
    ranges_span(&s->ranges, grid, &s->from, &s->to);
    r = select_again(e, node, s->from, s->to, &s->selection, err);
    if (r == 0)
        *ret = source_vec(e, s, grid);
    return r;
}

int eval_sample_times(struct eval *e, const struct matcher *const *matchers, size_t n_matchers,
                      const struct grid *grid, struct vec **ret, struct err *err)
{
    struct source *s = arena_zalloc(e->arena, sizeof *s);
    int r;

    s->timestamps = true;
    s->floats_only = true;
    s->counting = e->counting;
    s->ranges.range = e->opts.lookback;
    ranges_span(&s->ranges, grid, &s->from, &s->to);
    r = eval_select(e, matchers, n_matchers, s->from, s->to, &s->selection, err);
    if (r == 0)
        *ret = source_vec(e, s, grid);
    return r;
}

/* ---- range selectors */

struct matrix_source {
    struct selection *selection;
    unix_ms from, to;
    unix_ms *ht; /* room for the times of histograms */
    const struct histogram **h;
    size_t cap;
};

static void reserve_histograms(struct eval *e, struct matrix_source *s, size_t n)
{
    if (n <= s->cap)
        return;
    s->cap = n;
    s->ht = arena_array(e->arena, n, sizeof *s->ht);
    s->h = arena_array(e->arena, n, sizeof *s->h);
}

/* Whether one is a NaN, as markers are: beyond infinity when seen as whole numbers. All at once,
 * which takes no branch. */
static bool has_nan(const double *v, size_t n)
{
    uint64_t signs = 0;

    for (size_t i = 0; i < n; i++)
        signs |= double_bits(INFINITY) - (double_bits(v[i]) & (UINT64_MAX >> 1));
    return signs >> 63;
}

/* Moves the samples of the columns together: floats to the front, histograms aside, markers
 * nowhere. */
static void split_columns(struct columns *c, struct matrix_source *s, struct track *track)
{
    size_t n = 0, nh = 0;

    if (!c->histograms && !has_nan(c->values, c->n)) {
        *track = (struct track){.n = c->n, .t = c->times, .v = c->values};
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        const struct histogram *h = c->histograms ? c->histograms[i] : NULL;

        if (h && !hist_is_stale(h)) {
            s->ht[nh] = c->times[i];
            s->h[nh++] = h;
        } else if (!h && !is_stale(c->values[i])) {
            c->times[n] = c->times[i];
            c->values[n++] = c->values[i];
        }
    }
    *track = (struct track){n, nh, c->times, s->ht, c->values, s->h};
}

static int matrix_load(struct eval *e, struct ranges *r, size_t i, struct err *err)
{
    struct matrix_source *s = r->self;
    int code = read_series(e, s->selection, i, s->from, s->to, err);

    if (code < 0)
        return code;
    if (e->columns.histograms)
        reserve_histograms(e, s, e->columns.n);
    split_columns(&e->columns, s, &r->track);
    return 0;
}

int eval_matrix(struct eval *e, const struct promql_node *node, const struct grid *grid,
                struct ranges **ret, struct err *err)
{
    const struct promql_node *selector = node->matrix.vector;
    struct ranges *ranges = arena_zalloc(e->arena, sizeof *ranges);
    struct matrix_source *s = arena_zalloc(e->arena, sizeof *s);
    int r;

    ranges->node = node;
    ranges->range = node->matrix.range;
    ranges->offset = selector->vector.shift.offset;
    ranges->fixed = shift_is_fixed(e, &selector->vector.shift, &ranges->at);
    ranges->load = matrix_load;
    ranges->self = s;
    if (ranges_span(ranges, grid, &s->from, &s->to)) {
        r = select_again(e, selector, s->from, s->to, &s->selection, err);
        if (r < 0)
            return r;
        ranges->n = s->selection->n;
        ranges->metrics = metrics_of(e, s->selection);
    }
    *ret = ranges;
    return 0;
}

/* ---- subqueries */

struct subquery {
    struct grid grid; /* of the inner expression */
    struct vec *inner;
    struct row row;
    unix_ms *t, *ht;
    double *v;
    const struct histogram **h;
};

/* Between the steps of a subquery anything may have happened: a histogram's word that there was no
 * reset, or one, holds no longer. */
static const struct histogram *without_hint(struct eval *e, const struct histogram *h)
{
    struct histogram *c;

    if (h->hint != RESET_YES && h->hint != RESET_NO)
        return h;
    c = arena_alloc(e->arena, sizeof *c);
    *c = *h;
    c->hint = RESET_UNKNOWN;
    return c;
}

static int subquery_load(struct eval *e, struct ranges *ranges, size_t i, struct err *err)
{
    struct subquery *s = ranges->self;
    size_t n = 0, nh = 0, steps = s->grid.n;
    const struct row *row;
    int r = vec_row(e, s->inner, i, &s->row, &row, err);

    if (r == 0)
        r = eval_check(e, steps, err);
    if (r < 0)
        return r;
    if (row->hists && !s->h) {
        s->ht = arena_array(e->arena, steps, sizeof *s->ht);
        s->h = arena_array(e->arena, steps, sizeof *s->h);
    }
    for (size_t k = row_next(row, steps, 0); k < steps; k = row_next(row, steps, k + 1)) {
        if (row_hist(row, k)) {
            s->ht[nh] = grid_at(&s->grid, k);
            s->h[nh++] = without_hint(e, row->hists[k]);
        } else {
            s->t[n] = grid_at(&s->grid, k);
            s->v[n++] = row->values[k];
        }
    }
    ranges->track = (struct track){n, nh, s->t, s->ht, s->v, s->h};
    return 0;
}

/* Inner steps are multiples of the step since the epoch, whatever the query's own steps are. */
static int inner_grid(struct eval *e, const struct promql_node *node, const struct ranges *ranges,
                      const struct grid *grid, struct grid *ret, struct err *err)
{
    dur_ms step = node->subquery.step ? node->subquery.step : e->opts.subquery_step;
    unix_ms from, to, first;

    *ret = (struct grid){.step = step};
    if (!ranges_span(ranges, grid, &from, &to))
        return 0;
    from--; /* the left end itself, which is excluded */
    first = from / step * step;
    if (first <= from)
        first += step;
    ret->start = first;
    if (first > to)
        return 0;
    if ((uint64_t)(to - first) / (uint64_t)step >= e->opts.max_samples)
        return eval_too_many(err);
    ret->n = (size_t)((to - first) / step) + 1;
    return 0;
}

int eval_subquery(struct eval *e, const struct promql_node *node, const struct grid *grid,
                  struct ranges **ret, struct err *err)
{
    struct ranges *ranges = arena_zalloc(e->arena, sizeof *ranges);
    struct subquery *s = arena_zalloc(e->arena, sizeof *s);
    struct counting counting = e->counting;
    int r;

    ranges->node = node;
    ranges->range = node->subquery.range;
    ranges->offset = node->subquery.shift.offset;
    ranges->fixed = shift_is_fixed(e, &node->subquery.shift, &ranges->at);
    ranges->load = subquery_load;
    ranges->self = s;
    r = inner_grid(e, node, ranges, grid, &s->grid, err);
    if (r < 0)
        return r;
    if (s->grid.n > 0) {
        if (counting.at != COUNT_AT_END)
            e->counting.times = 0;
        r = eval_vector(e, node->subquery.arg, &s->grid, &s->inner, err);
        e->counting = counting;
        if (r < 0)
            return r;
        ranges->n = s->inner->n;
        ranges->metrics = s->inner->metrics;
        s->row = row_new(e, s->grid.n);
        s->t = arena_array(e->arena, s->grid.n, sizeof *s->t);
        s->v = arena_array(e->arena, s->grid.n, sizeof *s->v);
    }
    *ret = ranges;
    return 0;
}
