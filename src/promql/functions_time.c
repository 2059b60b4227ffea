/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minute(), hour(), day_of_week() ... of times given as values, in UTC; timestamp()
 */
#include <math.h>

#include "base/clock.h"
#include "promql/functions_priv.h"

/* The calendar repeats itself every 400 years. Reckoned within one such cycle, no date is too far
 * away. */
#define CYCLE_YEARS   400
#define CYCLE_SECONDS INT64_C(12622780800)

struct date {
    struct civil c; /* in the cycle of 1970 */
    double year;
};

typedef double date_fn(const struct date *d);

static double minute(const struct date *d)
{
    return d->c.minute;
}

static double hour(const struct date *d)
{
    return d->c.hour;
}

static double day_of_week(const struct date *d)
{
    return d->c.weekday;
}

static double day_of_month(const struct date *d)
{
    return d->c.day;
}

static double day_of_year(const struct date *d)
{
    return d->c.yearday;
}

static double month(const struct date *d)
{
    return d->c.month;
}

static double year(const struct date *d)
{
    return d->year;
}

static double days_in_month(const struct date *d)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = d->c.year;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return days[d->c.month - 1] + (d->c.month == 2 && leap);
}

static const struct {
    enum promql_function_id id;
    date_fn *fn;
} functions[] = {
    {FN_MINUTE, minute},
    {FN_HOUR, hour},
    {FN_DAY_OF_WEEK, day_of_week},
    {FN_DAY_OF_MONTH, day_of_month},
    {FN_DAY_OF_YEAR, day_of_year},
    {FN_DAYS_IN_MONTH, days_in_month},
    {FN_MONTH, month},
    {FN_YEAR, year},
};

static date_fn *find(enum promql_function_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (functions[i].id == id)
            return functions[i].fn;
    return NULL;
}

bool function_is_date(enum promql_function_id id)
{
    return find(id) != NULL;
}

struct dates {
    struct vec *arg;
    date_fn *fn;
};

/* What is no int64 counts as the last second there is: so it comes out of Go on amd64, where the
 * conversion gives the least one and the calendar goes once around. */
static double date_of(date_fn *fn, double seconds)
{
    int64_t whole = seconds > -0x1p63 && seconds < 0x1p63 ? (int64_t)seconds : INT64_MAX;
    int64_t cycle = whole / CYCLE_SECONDS, rest = whole % CYCLE_SECONDS;
    struct date d;

    if (rest < 0) {
        cycle--;
        rest += CYCLE_SECONDS;
    }
    civil_of_unix(rest, 0, &d.c);
    d.year = (double)d.c.year + CYCLE_YEARS * (double)cycle;
    return fn(&d);
}

static int date_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct dates *d = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, d->arg, i, row, err);

    if (r < 0)
        return r;
    row_drop_hists(row, n);
    for (size_t k = row_next(row, n, 0); k < n; k = row_next(row, n, k + 1))
        row->values[k] = date_of(d->fn, row->values[k]);
    return 0;
}

int call_date(struct eval *e, const struct promql_node *node, const struct grid *grid,
              struct vec **ret, struct err *err)
{
    struct dates *d = arena_zalloc(e->arena, sizeof *d);
    double *now;

    d->fn = find(node->call.fn->id);
    if (node->call.n_args > 0)
        return call_over_vector(e, node->call.args[0], grid, date_fill, d, &d->arg, ret, err);
    now = arena_array(e->arena, grid->n, sizeof *now);
    for (size_t k = 0; k < grid->n; k++)
        now[k] = (double)grid_at(grid, k) / 1000;
    d->arg = vec_of_scalar(e, grid, now);
    *ret = vec_over(e, d->arg, date_fill, d);
    return 0;
}

/* ---- timestamp() */

static int timestamp_fill(struct eval *e, struct vec *v, size_t i, struct row *row, struct err *err)
{
    struct vec *arg = v->self;
    size_t n = v->grid->n;
    int r = vec_fill_row(e, arg, i, row, err);

    if (r < 0)
        return r;
    row->hists = NULL;
    for (size_t k = 0; k < n; k++)
        row->values[k] = (double)grid_at(v->grid, k) / 1000;
    return 0;
}

/* Of a selector the times of its samples, of anything computed that of the step. */
int call_timestamp(struct eval *e, const struct promql_node *node, const struct grid *grid,
                   struct vec **ret, struct err *err)
{
    const struct promql_node *arg = promql_unparen(node->call.args[0]);
    struct vec *v;
    int r;

    if (arg->kind == NODE_VECTOR) {
        r = eval_selector(e, arg, grid, true, ret, err);
    } else {
        r = eval_vector(e, arg, grid, &v, err);
        if (r == 0)
            *ret = vec_over(e, v, timestamp_fill, v);
    }
    return r < 0 ? r : vec_drop_name(e, *ret, CLASH_MERGE, err);
}
