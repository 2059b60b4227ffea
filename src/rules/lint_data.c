/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_data - does the site have what a rule selects?
 */
#include "model/ports.h"
#include "rules/lint_priv.h"

#define VALUES_SHOWN 8 /* of a label, in a message */

struct values {
    size_t n;
    struct buf list;
};

static void add_value(struct str value, void *arg)
{
    struct values *v = arg;

    if (v->n++ < VALUES_SHOWN)
        buf_addf(&v->list, "%s%.*s", v->list.len ? ", " : "", STR_ARG(value));
}

/* Values of a label among the series that match. */
static void values_of(struct lint *l, struct str label, const struct matcher *const *ms, size_t n,
                      struct values *ret)
{
    const struct series_reader *r = l->o->reader;

    *ret = (struct values){0};
    if (l->status == 0)
        l->status = r->label_values(r->self, label, ms, n, l->o->from, l->o->to, add_value, ret,
                                    l->err);
    if (ret->n > VALUES_SHOWN)
        buf_addf(&ret->list, " ... (%zu)", ret->n);
}

static bool any_series(struct lint *l, const struct matcher *const *ms, size_t n)
{
    struct values v;

    values_of(l, LABEL_NAME, ms, n, &v);
    buf_free(&v.list);
    return v.n > 0 || l->status < 0;
}

static const struct matcher *metric_of(const struct promql_node *vector)
{
    for (size_t i = 0; i < vector->vector.n_matchers; i++) {
        const struct matcher *m = vector->vector.matchers[i];

        if (str_eq(m->name, LABEL_NAME) && m->type == MATCH_EQ)
            return m;
    }
    return NULL;
}

/* Rules of these files make it, or every run of rules does. */
static bool is_made(const struct lint *l, struct str metric)
{
    if (str_eq(metric, STR("ALERTS")) || str_eq(metric, STR("ALERTS_FOR_STATE")))
        return true;
    for (size_t i = 0; i < l->groups.n; i++)
        for (size_t k = 0; k < l->groups.items[i]->n_rules; k++) {
            const struct rule *r = &l->groups.items[i]->rules[k];

            if (!r->alerting && str_eq_c(metric, r->name))
                return true;
        }
    return false;
}

/* The matcher that no series of the metric meets, or all together. */
static void tell_matcher(struct lint *l, const struct promql_node *vector,
                         const struct matcher *metric)
{
    CLEANUP(buf_free) struct buf detail = {0};

    for (size_t i = 0; i < vector->vector.n_matchers && l->status == 0; i++) {
        const struct matcher *m = vector->vector.matchers[i], *two[] = {metric, m};
        struct values v;

        if (m == metric || any_series(l, two, 2))
            continue;
        values_of(l, m->name, two, 1, &v);
        buf_addf(&detail, "%.*s: %s", STR_ARG(m->name), v.n ? v.list.p : "-");
        buf_free(&v.list);
        break;
    }
    if (detail.len == 0)
        buf_add_c(&detail, "{...}");
    if (l->status == 0)
        lint_found_node(l, LINT_LABEL, vector, detail.p);
}

/* Where nothing is a result, too: below absent(), beside `or` and behind `unless`. */
static bool may_be_absent(const struct promql_node *n, struct promql_node *const *parents,
                          size_t n_parents)
{
    for (size_t i = n_parents; i > 0; n = parents[--i]) {
        const struct promql_node *p = parents[i - 1];

        if (p->kind == NODE_CALL &&
            (p->call.fn->id == FN_ABSENT || p->call.fn->id == FN_ABSENT_OVER_TIME))
            return true;
        if (p->kind == NODE_BINARY &&
            (p->binary.op == OP_OR || (p->binary.op == OP_UNLESS && p->binary.rhs == n)))
            return true;
    }
    return false;
}

static int see_selector(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                        void *arg)
{
    struct lint *l = arg;
    const struct matcher *metric = n->kind == NODE_VECTOR ? metric_of(n) : NULL;

    if (!metric || is_made(l, metric->value) || may_be_absent(n, parents, n_parents) ||
        any_series(l, (const struct matcher *const *)n->vector.matchers, n->vector.n_matchers))
        return l->status;
    if (any_series(l, &metric, 1))
        tell_matcher(l, n, metric);
    else
        lint_found(l, LINT_METRIC, arena_strdup(&l->arena, metric->value), "");
    return l->status;
}

void lint_selectors(struct lint *l)
{
    if (l->o->reader && (l->on[LINT_METRIC] || l->on[LINT_LABEL]))
        promql_walk(l->rule->expr->root, see_selector, l);
}
