/* SPDX-License-Identifier: Apache-2.0 */
/* Names of operators, the walk through a tree, and the one change that a tree allows. */
#include "promql/ast.h"

#include "base/mem.h"
#include "model/label_set.h"

const char *promql_op_text(enum promql_op op)
{
    static const char *const texts[] = {
        [OP_ADD] = "+", [OP_SUB] = "-",   [OP_MUL] = "*",       [OP_DIV] = "/",
        [OP_MOD] = "%", [OP_POW] = "^",   [OP_ATAN2] = "atan2", [OP_EQ] = "==",
        [OP_NE] = "!=", [OP_LE] = "<=",   [OP_LT] = "<",        [OP_GE] = ">=",
        [OP_GT] = ">",  [OP_AND] = "and", [OP_OR] = "or",       [OP_UNLESS] = "unless",
    };

    return texts[op];
}

const char *promql_aggregate_text(enum promql_aggregate op)
{
    static const char *const texts[] = {
        [AGG_SUM] = "sum",
        [AGG_AVG] = "avg",
        [AGG_COUNT] = "count",
        [AGG_MIN] = "min",
        [AGG_MAX] = "max",
        [AGG_GROUP] = "group",
        [AGG_STDDEV] = "stddev",
        [AGG_STDVAR] = "stdvar",
        [AGG_TOPK] = "topk",
        [AGG_BOTTOMK] = "bottomk",
        [AGG_COUNT_VALUES] = "count_values",
        [AGG_QUANTILE] = "quantile",
        [AGG_LIMITK] = "limitk",
        [AGG_LIMIT_RATIO] = "limit_ratio",
    };

    return texts[op];
}

/* ---- walking */

struct walk {
    promql_visit *visit;
    void *arg;
    struct promql_node **parents; /* as many as the tree is deep */
    size_t n_parents;
};

static int walk_node(struct walk *w, struct promql_node *node);

static int walk_children(struct walk *w, struct promql_node *node)
{
    int r = 0;

    switch (node->kind) {
    case NODE_PAREN: return walk_node(w, node->paren);
    case NODE_UNARY: return walk_node(w, node->unary.arg);
    case NODE_MATRIX: return walk_node(w, node->matrix.vector);
    case NODE_SUBQUERY: return walk_node(w, node->subquery.arg);
    case NODE_BINARY:
        r = walk_node(w, node->binary.lhs);
        return r ? r : walk_node(w, node->binary.rhs);
    case NODE_AGGREGATE:
        if (node->aggregate.param)
            r = walk_node(w, node->aggregate.param);
        return r ? r : walk_node(w, node->aggregate.arg);
    case NODE_CALL:
        for (size_t i = 0; i < node->call.n_args && r == 0; i++)
            r = walk_node(w, node->call.args[i]);
        return r;
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_VECTOR:
    case NODE_DURATION: break;
    }
    return 0;
}

static int walk_node(struct walk *w, struct promql_node *node)
{
    int r = w->visit(node, w->parents, w->n_parents, w->arg);

    if (r)
        return r;
    w->parents[w->n_parents++] = node;
    r = walk_children(w, node);
    w->n_parents--;
    return r;
}

int promql_walk(struct promql_node *root, promql_visit *visit, void *arg)
{
    CLEANUP(mem_freep) struct promql_node **parents = mem_array(root->depth, sizeof *parents);
    struct walk w = {visit, arg, parents, 0};

    return walk_node(&w, root);
}

/* ---- enforcing a matcher */

struct enforce {
    struct promql_expr *expr;
    struct matcher *matcher;
};

static bool is_in_param(const struct promql_node *node, struct promql_node *const *parents,
                        size_t n)
{
    for (size_t i = n; i-- > 0; node = parents[i])
        if (parents[i]->kind == NODE_AGGREGATE && parents[i]->aggregate.param == node)
            return true;
    return false;
}

static int enforce_in(struct promql_node *node, struct promql_node *const *parents,
                      size_t n_parents, void *arg)
{
    const struct enforce *e = arg;
    struct matcher **kept;
    size_t n = 0;

    if (node->kind != NODE_VECTOR || is_in_param(node, parents, n_parents))
        return 0;
    kept = arena_array(&e->expr->arena, node->vector.n_matchers + 1, sizeof(struct matcher *));
    for (size_t i = 0; i < node->vector.n_matchers; i++)
        if (!str_eq(node->vector.matchers[i]->name, e->matcher->name))
            kept[n++] = node->vector.matchers[i];
    kept[n++] = e->matcher;
    node->vector.matchers = kept;
    node->vector.n_matchers = n;
    if (str_eq(e->matcher->name, LABEL_NAME))
        node->vector.name = STR_NONE; /* was one of those dropped */
    return 0;
}

int promql_enforce_matcher(struct promql_expr *e, enum matcher_type type, struct str name,
                           struct str value, struct err *err)
{
    struct matcher *m = NULL;
    int r = matcher_new(type, name, value, &m, err);

    if (r < 0)
        return r;
    *VEC_PUSH(e->matchers, e->n_matchers, e->cap_matchers) = m;
    promql_walk(e->root, enforce_in, &(struct enforce){e, m});
    return 0;
}

static int shorten(struct promql_node *node, struct promql_node *const *parents, size_t n_parents,
                   void *arg)
{
    if (node->kind == NODE_NUMBER)
        node->number.is_short = true;
    return 0;
}

void promql_shorten_numbers(struct promql_expr *e)
{
    promql_walk(e->root, shorten, NULL);
}
