/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second look at a tree that is complete: types, numbers of arguments, what may be combined.
 * Children are checked before their parent speaks, so that the innermost fault is told.
 */
#include "promql/parse_priv.h"

#include <stdio.h>

#include "base/quote.h"
#include "promql/functions_table.h"

static enum promql_type check(struct parser *p, struct promql_node *node);

const char *promql_type_name(enum promql_type t)
{
    static const char *const names[] = {"none", "scalar", "vector", "matrix", "string"};

    return names[t];
}

const char *promql_type_text(enum promql_type t)
{
    if (t == PROMQL_VECTOR)
        return "instant vector";
    if (t == PROMQL_MATRIX)
        return "range vector";
    return promql_type_name(t);
}

static bool is_number_or_vector(enum promql_type t)
{
    return t == PROMQL_SCALAR || t == PROMQL_VECTOR;
}

/* ---- selectors */

/* Without this rule a typing error would select every series that there is. */
static void check_not_everything(struct parser *p, const struct promql_node *node)
{
    for (size_t i = 0; i < node->vector.n_matchers; i++)
        if (!matcher_matches(node->vector.matchers[i], STR("")))
            return;
    parser_fail(p, node->start, "vector selector must contain at least one non-empty matcher");
}

static void check_vector(struct parser *p, struct promql_node *node, bool may_be_everything)
{
    struct buf twice = {0};

    node->type = PROMQL_VECTOR;
    node->step_invariant = node->vector.shift.at != AT_NONE;
    if (node->vector.name.len == 0) {
        if (!may_be_everything)
            check_not_everything(p, node);
        return;
    }
    /* The matcher of the written name is the last one. */
    for (size_t i = 0; i + 1 < node->vector.n_matchers; i++) {
        const struct matcher *m = node->vector.matchers[i];

        if (!str_eq_c(m->name, "__name__"))
            continue;
        quote_add_go(&twice, node->vector.name);
        buf_add_c(&twice, " or ");
        quote_add_go(&twice, m->value);
        parser_fail(p, node->start, "metric name must not be set twice: %s", twice.p);
        buf_free(&twice);
    }
}

static void check_subquery(struct parser *p, struct promql_node *node)
{
    enum promql_type arg = check(p, node->subquery.arg);

    node->type = PROMQL_MATRIX;
    /* The samples of an invariant argument still move through the window. */
    node->step_invariant = node->subquery.shift.at != AT_NONE;
    if (arg != PROMQL_VECTOR)
        parser_fail(p, node->start, "subquery is only allowed on instant vector, got %s instead",
                    promql_type_name(arg));
}

/* ---- operations */

static void check_unary(struct parser *p, struct promql_node *node)
{
    node->type = check(p, node->unary.arg);
    node->step_invariant = node->unary.arg->step_invariant;
    if (!is_number_or_vector(node->type))
        parser_fail_quoted(p, node->start,
                           "unary expression only allowed on expressions of type scalar or "
                           "instant vector, got ",
                           str_c(promql_type_text(node->type)), "");
}

/* Where the operator stands: behind the left side and the blanks after it. */
static size_t operator_position(const struct parser *p, const struct promql_node *node)
{
    size_t at = node->binary.lhs->end;

    while (at < p->lex.text.len && lex_is_blank(p->lex.text.p[at]))
        at++;
    return at;
}

static void check_matching_labels(struct parser *p, const struct promql_node *node)
{
    const struct promql_matching *m = &node->binary.matching;

    if (!m->on)
        return;
    for (size_t i = 0; i < m->labels.n; i++)
        for (size_t k = 0; k < m->include.n; k++)
            if (str_eq(m->labels.names[i], m->include.names[k]))
                parser_fail_quoted(p, operator_position(p, node), "label ", m->labels.names[i],
                                   " must not occur in ON and GROUP clause at once");
}

static void check_sides(struct parser *p, struct promql_node *node, enum promql_type lhs,
                        enum promql_type rhs)
{
    static const char only[] =
        "binary expression must contain only scalar and instant vector types";
    struct promql_matching *m = &node->binary.matching;
    struct str op = str_c(promql_op_text(node->binary.op));
    bool is_set = promql_op_is_set(node->binary.op);

    if (!is_number_or_vector(lhs))
        parser_fail(p, node->binary.lhs->start, only);
    if (!is_number_or_vector(rhs))
        parser_fail(p, node->binary.rhs->start, only);
    node->binary.has_matching = lhs == PROMQL_VECTOR && rhs == PROMQL_VECTOR;
    if (node->binary.has_matching) {
        if (is_set && m->card != CARD_ONE_TO_ONE)
            parser_fail_quoted(p, node->start, "no grouping allowed for ", op, " operation");
        if (is_set)
            m->card = CARD_MANY_TO_MANY;
        return;
    }
    if (m->labels.n > 0)
        parser_fail(p, node->start, "vector matching only allowed between instant vectors");
    if (is_set)
        parser_fail_quoted(p, node->start, "set operator ", op,
                           " not allowed in binary scalar expression");
}

static void check_binary(struct parser *p, struct promql_node *node)
{
    enum promql_type lhs = check(p, node->binary.lhs), rhs = check(p, node->binary.rhs);
    bool compares = promql_op_is_comparison(node->binary.op);
    bool scalars = lhs == PROMQL_SCALAR && rhs == PROMQL_SCALAR;

    node->type = scalars ? PROMQL_SCALAR : PROMQL_VECTOR;
    node->step_invariant = node->binary.lhs->step_invariant && node->binary.rhs->step_invariant;
    if (node->binary.return_bool && !compares)
        parser_fail(p, operator_position(p, node),
                    "bool modifier can only be used on comparison operators");
    if (compares && scalars && !node->binary.return_bool)
        parser_fail(p, operator_position(p, node),
                    "comparisons between scalars must use BOOL modifier");
    check_matching_labels(p, node);
    check_sides(p, node, lhs, rhs);
}

/* ---- aggregations and calls */

static void expect_type(struct parser *p, const struct promql_node *node, enum promql_type wanted,
                        const char *context)
{
    if (node->type != wanted)
        parser_fail(p, node->start, "expected type %s in %s, got %s", promql_type_text(wanted),
                    context, promql_type_text(node->type));
}

static void check_aggregation(struct parser *p, struct promql_node *node)
{
    struct promql_node *param = node->aggregate.param;
    bool takes_string = node->aggregate.op == AGG_COUNT_VALUES;

    node->type = PROMQL_VECTOR;
    check(p, node->aggregate.arg);
    expect_type(p, node->aggregate.arg, PROMQL_VECTOR, "aggregation expression");
    node->step_invariant = node->aggregate.arg->step_invariant;
    if (!param)
        return;
    check(p, param);
    expect_type(p, param, takes_string ? PROMQL_STRING : PROMQL_SCALAR, "aggregation parameter");
    node->step_invariant = node->step_invariant && param->step_invariant;
}

static void check_arg_count(struct parser *p, const struct promql_node *node)
{
    const struct promql_function *fn = node->call.fn;
    size_t least = fn->variadic ? fn->n_args - 1 : fn->n_args;
    const char *bound = NULL;
    size_t wanted = least;

    if (fn->variadic == 0 && node->call.n_args != fn->n_args)
        bound = "";
    else if (node->call.n_args < least)
        bound = "at least ";
    else if (fn->variadic > 0 && node->call.n_args > least + (size_t)fn->variadic)
        bound = "at most ", wanted = least + (size_t)fn->variadic;
    if (bound)
        parser_fail(p, node->start, "expected %s%zu argument(s) in call to \"%s\", got %zu", bound,
                    wanted, fn->name, node->call.n_args);
}

/* The second argument of info() is no query but a list of conditions. */
static void check_info_selector(struct parser *p, struct promql_node *arg)
{
    if (arg->kind != NODE_VECTOR)
        parser_fail(p, arg->start, "expected label selectors only");
    else if (arg->vector.name.len > 0)
        parser_fail(p, arg->start, "expected label selectors only, got vector selector instead");
    else
        check_vector(p, arg, true);
}

/* Their value changes from step to step whatever their arguments are. */
static bool depends_on_step(enum promql_function_id id)
{
    switch (id) {
    case FN_DAY_OF_MONTH:
    case FN_DAY_OF_WEEK:
    case FN_DAY_OF_YEAR:
    case FN_DAYS_IN_MONTH:
    case FN_HOUR:
    case FN_INFO: /* reads series of its own at each step */
    case FN_MINUTE:
    case FN_MONTH:
    case FN_PREDICT_LINEAR:
    case FN_TIME:
    case FN_TIMESTAMP:
    case FN_YEAR: return true;
    default: return false;
    }
}

static void check_call(struct parser *p, struct promql_node *node)
{
    const struct promql_function *fn = node->call.fn;
    struct promql_node *arg;
    char context[64];

    node->type = fn->ret;
    node->step_invariant = !depends_on_step(fn->id);
    check_arg_count(p, node);
    snprintf(context, sizeof context, "call to function \"%s\"", fn->name);
    for (size_t i = 0; i < node->call.n_args && !p->code; i++) {
        arg = node->call.args[i];
        if (fn->id == FN_INFO && i == 1)
            check_info_selector(p, arg);
        else
            check(p, arg);
        if (!p->code)
            expect_type(p, arg, fn->args[i < fn->n_args ? i : fn->n_args - 1], context);
        node->step_invariant = node->step_invariant && arg->step_invariant;
    }
}

static enum promql_type check(struct parser *p, struct promql_node *node)
{
    if (p->code)
        return PROMQL_NONE;
    switch (node->kind) {
    case NODE_NUMBER:
    case NODE_STRING:
        node->type = node->kind == NODE_NUMBER ? PROMQL_SCALAR : PROMQL_STRING;
        node->step_invariant = true;
        break;
    case NODE_PAREN:
        node->type = check(p, node->paren);
        node->step_invariant = node->paren->step_invariant;
        break;
    case NODE_UNARY: check_unary(p, node); break;
    case NODE_BINARY: check_binary(p, node); break;
    case NODE_AGGREGATE: check_aggregation(p, node); break;
    case NODE_CALL: check_call(p, node); break;
    case NODE_VECTOR: check_vector(p, node, false); break;
    case NODE_MATRIX:
        check(p, node->matrix.vector);
        node->type = PROMQL_MATRIX;
        node->step_invariant = node->matrix.vector->step_invariant;
        break;
    case NODE_SUBQUERY: check_subquery(p, node); break;
    case NODE_DURATION: break; /* has no type of its own */
    }
    return node->type;
}

void check_types(struct parser *p, struct promql_node *root)
{
    check(p, root);
}
