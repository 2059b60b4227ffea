/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_shape - what an expression alone tells: comparisons that are missing or of the wrong kind,
 * ranges too short for the scrape interval, alerts that fall silent with their series
 */
#include "config/config.h"
#include "rules/lint_priv.h"

static bool is_call(const struct promql_node *n, enum promql_function_id id)
{
    return n->kind == NODE_CALL && n->call.fn->id == id;
}

static bool is_absent(const struct promql_node *n)
{
    return is_call(n, FN_ABSENT) || is_call(n, FN_ABSENT_OVER_TIME);
}

/* ---- bool ---------------------------------------------------------------------------------- */

/* Series of which sides are in the result of the whole: those whose `bool` counts. */
static void find_bool(struct lint *l, const struct promql_node *node)
{
    const struct promql_node *n = promql_unparen((struct promql_node *)node);

    if (n->kind != NODE_BINARY)
        return;
    if (n->binary.return_bool)
        lint_found_node(l, LINT_BOOL, n, "");
    else if (n->binary.op == OP_OR) {
        find_bool(l, n->binary.lhs);
        find_bool(l, n->binary.rhs);
    }
}

void lint_bool(struct lint *l)
{
    find_bool(l, l->rule->expr->root);
}

/* ---- no comparison ------------------------------------------------------------------------- */

static int see_filter(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                      void *arg)
{
    if (is_absent(n))
        return 1;
    return n->kind == NODE_BINARY &&
           ((promql_op_is_comparison(n->binary.op) && !n->binary.return_bool) ||
            n->binary.op == OP_AND || n->binary.op == OP_UNLESS);
}

bool lint_filters(const struct promql_node *root)
{
    return promql_walk((struct promql_node *)root, see_filter, NULL) != 0;
}

static int see_bool(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                    void *arg)
{
    return n->kind == NODE_BINARY && n->binary.return_bool;
}

/* Series that are only there while something is wrong. */
static bool is_state(const struct lint *l, struct str name)
{
    if (str_eq(name, STR("ALERTS")))
        return true;
    for (size_t i = 0; i < l->groups.n; i++)
        for (size_t k = 0; k < l->groups.items[i]->n_rules; k++) {
            const struct rule *r = &l->groups.items[i]->rules[k];

            if (!r->alerting && str_eq_c(name, r->name) && lint_filters(r->expr->root))
                return true;
        }
    return false;
}

struct states {
    const struct lint *l;
    bool any_series;
};

static int see_state(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                     void *arg)
{
    struct states *s = arg;

    if (n->kind != NODE_VECTOR)
        return 0;
    s->any_series = true;
    return is_state(s->l, n->vector.name);
}

/* Without series, as in vector(1), it is an alert that is meant to fire always. */
void lint_no_comparison(struct lint *l)
{
    struct promql_node *root = l->rule->expr->root;
    struct states s = {.l = l};

    if (lint_filters(root) || promql_walk(root, see_bool, NULL) ||
        promql_walk(root, see_state, &s) || !s.any_series)
        return;
    lint_found_node(l, LINT_NO_COMPARISON, root, "");
}

/* ---- counters ------------------------------------------------------------------------------ */

static bool is_counter(const struct promql_node *node)
{
    const struct promql_node *n = promql_unparen((struct promql_node *)node);

    return n->kind == NODE_VECTOR && str_has_suffix(n->vector.name, STR("_total"));
}

static bool is_number(const struct promql_node *node)
{
    return promql_unparen((struct promql_node *)node)->kind == NODE_NUMBER;
}

static int see_counter(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                       void *arg)
{
    enum promql_op op = n->kind == NODE_BINARY ? n->binary.op : OP_ADD;

    if (((op == OP_GT || op == OP_GE) && is_counter(n->binary.lhs) && is_number(n->binary.rhs)) ||
        ((op == OP_LT || op == OP_LE) && is_number(n->binary.lhs) && is_counter(n->binary.rhs)))
        lint_found_node(arg, LINT_COUNTER, n, "");
    return 0;
}

void lint_counter(struct lint *l)
{
    promql_walk(l->rule->expr->root, see_counter, l);
}

/* ---- ranges -------------------------------------------------------------------------------- */

static const struct matcher *equality(const struct promql_node *vector, const char *name)
{
    for (size_t i = 0; i < vector->vector.n_matchers; i++) {
        const struct matcher *m = vector->vector.matchers[i];

        if (m->type == MATCH_EQ && str_eq_c(m->name, name))
            return m;
    }
    return NULL;
}

/* That of the job which the selector names, else the shortest there is: only what is too short
 * for every job is told. */
static dur_ms scrape_interval(const struct config *c, const struct promql_node *vector)
{
    const struct matcher *job = equality(vector, "job");
    dur_ms shortest = c->n_scrapes ? c->scrapes[0].scrape_interval : c->scrape_interval;

    for (size_t i = 0; i < c->n_scrapes; i++) {
        dur_ms interval = c->scrapes[i].scrape_interval;

        if (job && str_eq_c(job->value, c->scrapes[i].job_name))
            return interval;
        if (interval < shortest)
            shortest = interval;
    }
    return shortest;
}

static bool needs_two(enum promql_function_id id)
{
    return id == FN_RATE || id == FN_IRATE || id == FN_INCREASE || id == FN_DELTA ||
           id == FN_IDELTA || id == FN_DERIV || id == FN_PREDICT_LINEAR || id == FN_CHANGES ||
           id == FN_RESETS;
}

static int see_range(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                     void *arg)
{
    struct lint *l = arg;
    CLEANUP(buf_free) struct buf text = {0};
    const struct promql_node *range;
    dur_ms interval;

    if (n->kind != NODE_CALL || !needs_two(n->call.fn->id))
        return 0;
    range = promql_unparen(n->call.args[0]);
    if (range->kind != NODE_MATRIX)
        return 0;
    interval = scrape_interval(l->o->config, range->matrix.vector);
    if (range->matrix.range >= 2 * interval)
        return 0;
    duration_print(interval, &text);
    lint_found_node(l, LINT_RANGE, n, text.p);
    return 0;
}

void lint_range(struct lint *l)
{
    if (l->o->config)
        promql_walk(l->rule->expr->root, see_range, l);
}

/* ---- absent -------------------------------------------------------------------------------- */

static bool is_up(struct str name)
{
    return str_eq(name, STR("up")) || str_eq(name, STR("probe_success")) ||
           str_has_suffix(name, STR("_up"));
}

static int see_absent_of(struct promql_node *n, struct promql_node *const *parents,
                         size_t n_parents, void *arg)
{
    const struct str *name = arg;

    if (n->kind != NODE_VECTOR || !str_eq(n->vector.name, *name))
        return 0;
    for (size_t i = 0; i < n_parents; i++)
        if (is_absent(parents[i]))
            return 1;
    return 0;
}

static bool has_absent(const struct lint *l, struct str name)
{
    for (size_t i = 0; i < l->groups.n; i++)
        for (size_t k = 0; k < l->groups.items[i]->n_rules; k++)
            if (promql_walk(l->groups.items[i]->rules[k].expr->root, see_absent_of, &name))
                return true;
    return false;
}

static bool names_something(const struct promql_node *vector)
{
    for (size_t i = 0; i < vector->vector.n_matchers; i++) {
        const struct matcher *m = vector->vector.matchers[i];

        if (m->type == MATCH_EQ && m->value.len > 0 && !str_eq(m->name, LABEL_NAME))
            return true;
    }
    return false;
}

/* Of a selector without a job or the like nothing in particular can be absent. */
static int see_down(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                    void *arg)
{
    struct lint *l = arg;
    const struct promql_node *side;
    CLEANUP(buf_free) struct buf selector = {0};

    if (n->kind != NODE_BINARY || n->binary.op != OP_EQ || !is_number(n->binary.rhs))
        return 0;
    side = promql_unparen(n->binary.lhs);
    if (side->kind != NODE_VECTOR || !is_up(side->vector.name) || !names_something(side) ||
        has_absent(l, side->vector.name))
        return 0;
    promql_print(side, &selector);
    lint_found_node(l, LINT_ABSENT, n, selector.p);
    return 0;
}

void lint_absent(struct lint *l)
{
    promql_walk(l->rule->expr->root, see_down, l);
}
