/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_labels - do the two sides of an operator find each other?
 *
 * Of every part of an expression the names of the labels that its series may have are worked out:
 * from by() and on(), and with a reader from the series that are there. Where that is not known
 * nothing is said.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/ports.h"
#include "rules/lint_priv.h"

struct names {
    bool known;
    struct str *items; /* texts of the tree or in the arena */
    size_t n, cap;
};

static void names_free(struct names *s)
{
    free(s->items);
}

static bool has(const struct names *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->items[i], name))
            return true;
    return false;
}

static bool listed(const struct promql_labels *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->names[i], name))
            return true;
    return false;
}

/* Keeps those that are in the list, or those that are not. */
static void keep(struct names *s, const struct promql_labels *list, bool those_in)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (listed(list, s->items[i]) == those_in)
            s->items[n++] = s->items[i];
    s->n = n;
}

static void set_to(struct names *s, const struct promql_labels *list)
{
    s->known = true;
    s->n = 0;
    for (size_t i = 0; i < list->n; i++)
        *VEC_PUSH(s->items, s->n, s->cap) = list->names[i];
}

/* ---- of the parts -------------------------------------------------------------------------- */

struct listing {
    struct lint *l;
    struct names *names;
};

static void add_name(struct str name, void *arg)
{
    struct listing *g = arg;

    if (!str_eq(name, LABEL_NAME))
        *VEC_PUSH(g->names->items, g->names->n, g->names->cap) = arena_str(&g->l->arena, name);
}

static void names_of(struct lint *l, const struct promql_node *n, struct names *ret);

/* Of a selector without series nothing is known; another check tells that it has none. */
static void of_selector(struct lint *l, const struct promql_node *n, struct names *ret)
{
    const struct series_reader *r = l->o->reader;
    struct listing g = {l, ret};

    if (!r || l->status < 0)
        return;
    l->status = r->label_names(r->self, (const struct matcher *const *)n->vector.matchers,
                               n->vector.n_matchers, l->o->from, l->o->to, add_name, &g, l->err);
    ret->known = l->status == 0 && ret->n > 0;
}

static void of_aggregate(struct lint *l, const struct promql_node *n, struct names *ret)
{
    enum promql_aggregate op = n->aggregate.op;

    if (op == AGG_COUNT_VALUES)
        return;
    names_of(l, n->aggregate.arg, ret);
    if (op == AGG_TOPK || op == AGG_BOTTOMK || op == AGG_LIMITK || op == AGG_LIMIT_RATIO)
        return;
    if (n->aggregate.without)
        keep(ret, &n->aggregate.grouping, false);
    else if (ret->known)
        keep(ret, &n->aggregate.grouping, true);
    else
        set_to(ret, &n->aggregate.grouping);
}

static void of_call(struct lint *l, const struct promql_node *n, struct names *ret)
{
    static struct str le = STR("le");
    const struct promql_labels bucket = {&le, 1};

    switch (n->call.fn->id) {
    case FN_ABSENT:
    case FN_ABSENT_OVER_TIME:
    case FN_INFO:
    case FN_LABEL_JOIN:
    case FN_LABEL_REPLACE: return;
    case FN_VECTOR: ret->known = true; return;
    default: break;
    }
    for (size_t i = 0; i < n->call.n_args; i++)
        if (n->call.args[i]->type == PROMQL_VECTOR || n->call.args[i]->type == PROMQL_MATRIX) {
            names_of(l, n->call.args[i], ret);
            break;
        }
    if (n->call.fn->id == FN_HISTOGRAM_QUANTILE)
        keep(ret, &bucket, false);
}

static void of_binary(struct lint *l, const struct promql_node *n, struct names *ret)
{
    const struct promql_matching *m = &n->binary.matching;

    if (!n->binary.has_matching) {
        names_of(l, n->binary.lhs->type == PROMQL_VECTOR ? n->binary.lhs : n->binary.rhs, ret);
        return;
    }
    if (n->binary.op == OP_OR || m->card == CARD_MANY_TO_ONE || m->card == CARD_ONE_TO_MANY)
        return;
    if (m->on && !promql_op_is_set(n->binary.op)) {
        set_to(ret, &m->labels);
        return;
    }
    names_of(l, n->binary.lhs, ret);
    if (!promql_op_is_set(n->binary.op))
        keep(ret, &m->labels, false);
}

static void names_of(struct lint *l, const struct promql_node *n, struct names *ret)
{
    switch (n->kind) {
    case NODE_PAREN: names_of(l, n->paren, ret); break;
    case NODE_UNARY: names_of(l, n->unary.arg, ret); break;
    case NODE_VECTOR: of_selector(l, n, ret); break;
    case NODE_MATRIX: of_selector(l, n->matrix.vector, ret); break;
    case NODE_SUBQUERY: names_of(l, n->subquery.arg, ret); break;
    case NODE_AGGREGATE: of_aggregate(l, n, ret); break;
    case NODE_CALL: of_call(l, n, ret); break;
    case NODE_BINARY: of_binary(l, n, ret); break;
    default: break;
    }
}

/* ---- the sides ----------------------------------------------------------------------------- */

/* A label that takes part in the matching and that only one side has. */
static bool lone_label(const struct promql_matching *m, const struct names *a,
                       const struct names *b, struct str *ret)
{
    for (size_t i = 0; i < a->n; i++)
        if (listed(&m->labels, a->items[i]) == m->on && !has(b, a->items[i])) {
            *ret = a->items[i];
            return true;
        }
    return false;
}

/* Labels of a side that the matching leaves out: they tell its series apart, not the partners. */
static bool has_more(const struct promql_matching *m, const struct names *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (listed(&m->labels, s->items[i]) != m->on)
            return true;
    return false;
}

static void judge(struct lint *l, const struct promql_node *n, const struct names *a,
                  const struct names *b)
{
    const struct promql_matching *m = &n->binary.matching;
    struct str label;

    if (lone_label(m, a, b, &label) || lone_label(m, b, a, &label))
        lint_found_node(l, LINT_JOIN, n, arena_strdup(&l->arena, label));
    else if (m->card == CARD_ONE_TO_ONE && has_more(m, a) && has_more(m, b))
        lint_found_node(l, LINT_MANY, n, "group_left, group_right");
}

static bool is_grouped(const struct promql_node *node)
{
    const struct promql_node *n = promql_unparen((struct promql_node *)node);

    return n->kind == NODE_AGGREGATE && !n->aggregate.without;
}

static bool is_selector(const struct promql_node *node)
{
    const struct promql_node *n = promql_unparen((struct promql_node *)node);

    return n->kind == NODE_VECTOR ||
           (n->kind == NODE_CALL && n->call.n_args > 0 && n->call.args[0]->kind == NODE_MATRIX);
}

/* An aggregation over one label hardly ever meets a selector with all its labels. */
static void judge_by_shape(struct lint *l, const struct promql_node *n)
{
    const struct promql_matching *m = &n->binary.matching;

    if (m->on || m->labels.n > 0)
        return;
    if ((is_grouped(n->binary.lhs) && is_selector(n->binary.rhs)) ||
        (is_grouped(n->binary.rhs) && is_selector(n->binary.lhs)))
        lint_found_node(l, LINT_MANY, n, "by()");
}

static int see_join(struct promql_node *n, struct promql_node *const *parents, size_t n_parents,
                    void *arg)
{
    struct lint *l = arg;
    struct names a = {0}, b = {0};

    /* With `or` and `unless` a side without a partner is what is meant. */
    if (n->kind != NODE_BINARY || !n->binary.has_matching || n->binary.op == OP_OR ||
        n->binary.op == OP_UNLESS)
        return l->status;
    names_of(l, n->binary.lhs, &a);
    names_of(l, n->binary.rhs, &b);
    if (a.known && b.known && l->status == 0)
        judge(l, n, &a, &b);
    else if (l->status == 0)
        judge_by_shape(l, n);
    names_free(&a);
    names_free(&b);
    return l->status;
}

void lint_join(struct lint *l)
{
    if (l->on[LINT_JOIN] || l->on[LINT_MANY])
        promql_walk(l->rule->expr->root, see_join, l);
}
