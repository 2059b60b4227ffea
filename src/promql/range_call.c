/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "promql/functions_priv.h"
#include "promql/range_priv.h"

static const struct range_function {
    enum promql_function_id id;
    range_fn *fn;
    bool is_rate, is_counter, keeps_name;
    void (*begin)(struct eval *e, struct range_call *c);
    void (*end)(struct eval *e, struct range_call *c, bool floats);
    range_row_fn *row;
} functions[] = {
    {FN_RATE, range_rate, true, true, .begin = rate_begin, .end = rate_end, .row = rate_row},
    {FN_INCREASE, range_rate, false, true, .begin = rate_begin, .end = rate_end, .row = rate_row},
    {FN_DELTA, range_rate, .row = rate_row},
    {FN_IRATE, range_irate, .is_rate = true},
    {FN_IDELTA, range_irate},
    {FN_CHANGES, range_changes},
    {FN_RESETS, range_resets},
    {FN_COUNT_OVER_TIME, range_count},
    {FN_PRESENT_OVER_TIME, range_present},
    {FN_LAST_OVER_TIME, range_last, .keeps_name = true},
    {FN_TS_OF_LAST_OVER_TIME, range_ts_of_last},
    {FN_SUM_OVER_TIME, range_sum},
    {FN_AVG_OVER_TIME, range_avg},
    {FN_MIN_OVER_TIME, range_min, .begin = order_begin},
    {FN_MAX_OVER_TIME, range_max, .begin = order_begin},
    {FN_TS_OF_MIN_OVER_TIME, range_ts_of_min},
    {FN_TS_OF_MAX_OVER_TIME, range_ts_of_max},
    {FN_STDDEV_OVER_TIME, range_stddev},
    {FN_STDVAR_OVER_TIME, range_stdvar},
    {FN_QUANTILE_OVER_TIME, range_quantile, .begin = order_begin},
    {FN_MAD_OVER_TIME, range_mad, .begin = order_begin},
    {FN_DERIV, range_deriv},
    {FN_PREDICT_LINEAR, range_predict_linear},
    {FN_DOUBLE_EXPONENTIAL_SMOOTHING, range_smoothing},
};

static const struct range_function *find(enum promql_function_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (functions[i].id == id)
            return &functions[i];
    return NULL;
}

bool function_takes_range(enum promql_function_id id)
{
    return find(id) != NULL;
}

static uint64_t window_samples(const struct window *w)
{
    uint64_t n = w->n;

    for (size_t i = 0; i < w->nh; i++)
        n += hist_samples(w->h[i]);
    return n;
}

static int fill_by_steps(struct eval *e, struct range_call *c, const struct grid *grid,
                         struct row *row, bool *ret_floats, struct err *err)
{
    struct window_cursor cursor = {0};
    size_t n = grid->n;

    for (size_t k = 0; k < n; k++) {
        struct answer answer = {0};
        struct window w;
        int r;

        ranges_window(c->ranges, grid, k, &cursor, &w);
        if (w.n + w.nh == 0)
            continue;
        eval_count(e, c->counting, k, window_samples(&w));
        r = eval_check(e, w.n + w.nh, err); /* one series with long windows can take minutes */
        if (r < 0)
            return r;
        r = c->fn(e, c, &w, k, &answer, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (answer.h)
            row_set_hist(e, row, n, k, answer.h);
        else
            row_set(row, k, answer.v);
        *ret_floats |= !answer.h;
    }
    return 0;
}

static int range_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct range_call *c = v->self;
    size_t n = v->grid->n;
    bool floats = false;
    int r = c->ranges->load(e, c->ranges, i, err);

    row_clear(row, n);
    if (r < 0 || c->ranges->track.n + c->ranges->track.nh == 0)
        return r;
    c->metric = c->ranges->metrics[i];
    c->name = metric_get(&c->metric, LABEL_NAME);
    if (c->begin)
        c->begin(e, c);
    r = c->row && c->ranges->track.nh == 0 ? c->row(e, c, v->grid, row, &floats, err)
                                           : fill_by_steps(e, c, v->grid, row, &floats, err);
    if (r < 0)
        return r;
    if (c->end)
        c->end(e, c, floats);
    return eval_check(e, n, err);
}

/* Sets c->ranges, c->scalars and where they stand from the arguments of the call. */
static int take_arguments(struct eval *e, const struct promql_node *node, const struct grid *grid,
                          struct range_call *c, struct err *err)
{
    size_t scalars = 0;

    for (size_t i = 0; i < node->call.n_args; i++) {
        const struct promql_node *arg = promql_unparen(node->call.args[i]);
        int r;

        if (arg->type == PROMQL_MATRIX) {
            c->at = arg;
            r = eval_ranges(e, arg, grid, &c->ranges, err);
        } else {
            c->args[scalars] = arg;
            r = eval_scalar(e, arg, grid, &c->scalars[scalars++], err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int call_over_range(struct eval *e, const struct promql_node *node, const struct grid *grid,
                    struct vec **ret, struct err *err)
{
    const struct range_function *f = find(node->call.fn->id);
    struct range_call *c = arena_zalloc(e->arena, sizeof *c);
    struct vec *v;
    int r = take_arguments(e, node, grid, c, err);

    if (r < 0)
        return r;
    c->fn = f->fn;
    c->row = f->row;
    c->is_rate = f->is_rate;
    c->is_counter = f->is_counter;
    c->begin = f->begin;
    c->end = f->end;
    c->steps = grid->n;
    c->counting = e->counting;
    v = vec_new(e, grid, c->ranges->n);
    for (size_t i = 0; i < v->n; i++)
        v->metrics[i] = c->ranges->metrics[i];
    v->fill = range_fill;
    v->self = c;
    *ret = v;
    return f->keeps_name ? 0 : vec_drop_name(e, v, CLASH_REFUSE, err);
}

int call_absent_over_time(struct eval *e, const struct promql_node *node, const struct grid *grid,
                          struct vec **ret, struct err *err)
{
    const struct promql_node *arg = promql_unparen(node->call.args[0]);
    struct row there = row_new(e, grid->n);
    struct ranges *ranges;
    int r = eval_ranges(e, arg, grid, &ranges, err);

    for (size_t i = 0; r == 0 && i < ranges->n; i++) {
        struct window_cursor cursor = {0};

        r = ranges->load(e, ranges, i, err);
        for (size_t k = 0; r == 0 && k < grid->n; k++) {
            struct window w;

            ranges_window(ranges, grid, k, &cursor, &w);
            eval_count(e, e->counting, k, window_samples(&w));
            if (w.n + w.nh)
                row_set(&there, k, 1);
        }
    }
    return r < 0 ? r : absence(e, arg, grid, &there, ret);
}
