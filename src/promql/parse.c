/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions by recursive descent; binary operators by precedence climbing. Selectors with their
 * ranges and shifts are in parse_selector.c, types in check.c.
 */
#include "promql/ast.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/label_set.h"
#include "promql/functions_table.h"
#include "promql/parse_priv.h"

enum precedence { PREC_NONE, PREC_OR, PREC_AND, PREC_COMPARE, PREC_ADD, PREC_MUL, PREC_POW };

/* The operator that a token is, and how tight it binds; PREC_NONE: none. */
static enum precedence binary_operator(enum token_kind kind, enum promql_op *ret)
{
    static const struct {
        enum token_kind kind;
        enum promql_op op;
        enum precedence precedence;
    } operators[] = {
        {TOKEN_ADD, OP_ADD, PREC_ADD},       {TOKEN_SUB, OP_SUB, PREC_ADD},
        {TOKEN_MUL, OP_MUL, PREC_MUL},       {TOKEN_DIV, OP_DIV, PREC_MUL},
        {TOKEN_MOD, OP_MOD, PREC_MUL},       {TOKEN_ATAN2, OP_ATAN2, PREC_MUL},
        {TOKEN_POW, OP_POW, PREC_POW},       {TOKEN_EQLC, OP_EQ, PREC_COMPARE},
        {TOKEN_NEQ, OP_NE, PREC_COMPARE},    {TOKEN_LTE, OP_LE, PREC_COMPARE},
        {TOKEN_LSS, OP_LT, PREC_COMPARE},    {TOKEN_GTE, OP_GE, PREC_COMPARE},
        {TOKEN_GTR, OP_GT, PREC_COMPARE},    {TOKEN_AND, OP_AND, PREC_AND},
        {TOKEN_UNLESS, OP_UNLESS, PREC_AND}, {TOKEN_OR, OP_OR, PREC_OR},
    };

    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (operators[i].kind == kind) {
            *ret = operators[i].op;
            return operators[i].precedence;
        }
    return PREC_NONE;
}

/* ---- lists of labels: by (a, "b c"), on (), group_left (d) */

static void parse_label(struct parser *p, struct str *ret)
{
    enum token_kind kind = parser_peek(p);
    struct token t;

    if (kind != TOKEN_IDENTIFIER && kind != TOKEN_METRIC_IDENTIFIER && kind != TOKEN_STRING &&
        !token_is_keyword(kind)) {
        parser_unexpected(p, "grouping opts", "label");
        return;
    }
    t = parser_take(p);
    if (kind == TOKEN_STRING)
        *ret = parser_unquote(p, t);
    else
        *ret = token_text(&p->lex, t);
    if (p->code == 0 && !label_name_is_valid(*ret))
        parser_fail_quoted(p, t.start, "invalid label name for grouping: ", *ret, "");
}

static void parse_labels(struct parser *p, struct promql_labels *ret)
{
    size_t cap = 0;

    if (!parser_expect(p, TOKEN_LEFT_PAREN, "grouping opts", "\"(\""))
        return;
    while (!parser_accept(p, TOKEN_RIGHT_PAREN) && !p->code) {
        ret->names = parser_grow(p, ret->names, ret->n, &cap, sizeof *ret->names);
        parse_label(p, &ret->names[ret->n++]);
        if (parser_peek(p) != TOKEN_RIGHT_PAREN)
            parser_expect(p, TOKEN_COMMA, "grouping opts", "\",\" or \")\"");
    }
}

/* ---- calls and aggregations */

bool parser_is_metric_name(enum token_kind kind)
{
    switch (kind) {
    case TOKEN_IDENTIFIER:
    case TOKEN_METRIC_IDENTIFIER:
    case TOKEN_AND:
    case TOKEN_OR:
    case TOKEN_UNLESS:
    case TOKEN_OFFSET:
    case TOKEN_BY:
    case TOKEN_WITHOUT:
    case TOKEN_START:
    case TOKEN_END: return true;
    default: return token_is_aggregator(kind);
    }
}

static bool begins_expression(enum token_kind kind)
{
    switch (kind) {
    case TOKEN_NUMBER:
    case TOKEN_DURATION:
    case TOKEN_STRING:
    case TOKEN_LEFT_PAREN:
    case TOKEN_LEFT_BRACE:
    case TOKEN_ADD:
    case TOKEN_SUB: return true;
    default: return parser_is_metric_name(kind);
    }
}

struct args {
    struct promql_node **nodes;
    size_t n, cap;
    size_t end; /* behind the ) */
};

static void parse_args(struct parser *p, struct args *ret)
{
    struct token t;

    if (!parser_accept(p, TOKEN_LEFT_PAREN)) {
        parser_unexpected_here(p);
        return;
    }
    while (!p->code && (ret->n > 0 || parser_peek(p) != TOKEN_RIGHT_PAREN)) {
        ret->nodes = parser_grow(p, ret->nodes, ret->n, &ret->cap, sizeof *ret->nodes);
        ret->nodes[ret->n++] = parse_expr(p, PREC_OR);
        if (parser_peek(p) != TOKEN_COMMA)
            break;
        t = parser_take(p);
        if (parser_peek(p) != TOKEN_ERROR && !begins_expression(parser_peek(p)))
            parser_fail(p, t.start, "trailing commas not allowed in function call args");
    }
    if (parser_peek(p) != TOKEN_RIGHT_PAREN)
        parser_unexpected_here(p);
    ret->end = parser_take(p).end;
}

static struct promql_node *parse_call(struct parser *p, struct token name)
{
    struct str text = token_text(&p->lex, name);
    struct args args = {0};
    struct promql_node *node;

    parse_args(p, &args);
    node = parser_node(p, NODE_CALL, name.start, args.end);
    if (p->code)
        return node;
    node->call.fn = promql_function_find(text);
    node->call.args = args.nodes;
    node->call.n_args = args.n;
    if (!node->call.fn)
        parser_fail_quoted(p, name.start, "unknown function with name ", text, "");
    else if (node->call.fn->experimental && !p->features.experimental_functions)
        parser_fail_quoted(p, name.start, "function ", text, " is not enabled");
    for (size_t i = 0; i < args.n && !p->code; i++)
        parser_adopt(p, node, args.nodes[i]);
    return node;
}

static bool has_param(enum promql_aggregate op)
{
    return op >= AGG_TOPK;
}

static void take_args(struct parser *p, struct promql_node *node, const struct args *args)
{
    enum promql_aggregate op = node->aggregate.op;
    size_t wanted = has_param(op) ? 2 : 1;

    if (args->n == 0)
        parser_fail(p, node->start, "no arguments for aggregate expression provided");
    else if ((op == AGG_LIMITK || op == AGG_LIMIT_RATIO) && !p->features.experimental_functions)
        parser_fail(p, node->start,
                    "%s() is experimental and must be enabled with "
                    "--enable-feature=promql-experimental-functions",
                    promql_aggregate_text(op));
    else if (args->n != wanted)
        parser_fail(p, node->start,
                    "wrong number of arguments for aggregate expression provided, "
                    "expected %zu, got %zu",
                    wanted, args->n);
    if (p->code)
        return;
    node->aggregate.arg = args->nodes[wanted - 1];
    if (wanted > 1)
        node->aggregate.param = args->nodes[0];
    for (size_t i = 0; i < wanted; i++)
        parser_adopt(p, node, args->nodes[i]);
}

static bool parse_grouping(struct parser *p, struct promql_node *node)
{
    enum token_kind kind = parser_peek(p);

    if (kind != TOKEN_BY && kind != TOKEN_WITHOUT)
        return false;
    parser_take(p);
    node->aggregate.without = kind == TOKEN_WITHOUT;
    parse_labels(p, &node->aggregate.grouping);
    return true;
}

static struct promql_node *parse_aggregation(struct parser *p, struct token name)
{
    struct promql_node *node = parser_node(p, NODE_AGGREGATE, name.start, name.end);
    struct args args = {0};
    bool grouped;

    node->aggregate.op = (enum promql_aggregate)(name.kind - TOKEN_SUM);
    p->in_aggregates++;
    grouped = parse_grouping(p, node);
    parse_args(p, &args);
    node->end = (uint32_t)args.end;
    if (!grouped && parse_grouping(p, node))
        node->end = p->last.end;
    p->in_aggregates--;
    if (!p->code)
        take_args(p, node, &args);
    return node;
}

/* ---- operands */

static struct promql_node *parse_number(struct parser *p)
{
    struct token t = parser_take(p);
    struct promql_node *node = parser_node(p, NODE_NUMBER, t.start, t.end);

    node->number.v = parser_number(p, t);
    node->number.is_duration = t.kind == TOKEN_DURATION;
    return node;
}

static struct promql_node *parse_string(struct parser *p)
{
    struct token t = parser_take(p);
    struct promql_node *node = parser_node(p, NODE_STRING, t.start, t.end);

    node->string = parser_unquote(p, t);
    return node;
}

static struct promql_node *parse_paren(struct parser *p)
{
    struct token open = parser_take(p);
    struct promql_node *node = parser_node(p, NODE_PAREN, open.start, open.end);

    node->paren = parse_expr(p, PREC_OR);
    if (parser_peek(p) != TOKEN_RIGHT_PAREN)
        parser_unexpected_here(p);
    node->end = parser_take(p).end;
    if (!p->code)
        parser_adopt(p, node, node->paren);
    return node;
}

/* A metric's name, a function or an aggregation: the token behind the word decides. */
static struct promql_node *parse_word(struct parser *p)
{
    struct token name = parser_take(p);
    enum token_kind next = parser_peek(p);

    if (name.kind == TOKEN_IDENTIFIER && next == TOKEN_LEFT_PAREN)
        return parse_call(p, name);
    if (token_is_aggregator(name.kind) &&
        (next == TOKEN_LEFT_PAREN || next == TOKEN_BY || next == TOKEN_WITHOUT))
        return parse_aggregation(p, name);
    return parse_vector_selector(p, &name);
}

/* A sign binds looser than ^ and tighter than *. A signed number is a number. */
static struct promql_node *parse_signed(struct parser *p)
{
    struct token sign = parser_take(p);
    struct promql_node *arg = parse_expr(p, PREC_POW), *node;

    if (p->code)
        return arg;
    if (arg->kind == NODE_NUMBER) {
        arg->number.v = sign.kind == TOKEN_SUB ? -arg->number.v : arg->number.v;
        arg->start = sign.start;
        return arg;
    }
    node = parser_node(p, NODE_UNARY, sign.start, arg->end);
    node->unary.op = sign.kind == TOKEN_SUB ? OP_SUB : OP_ADD;
    node->unary.arg = arg;
    parser_adopt(p, node, arg);
    return node;
}

static struct promql_node *parse_operand(struct parser *p)
{
    enum token_kind kind = parser_peek(p);
    struct promql_node *node;

    switch (kind) {
    case TOKEN_ADD:
    case TOKEN_SUB: return parse_signed(p);
    case TOKEN_NUMBER:
    case TOKEN_DURATION: node = parse_number(p); break;
    case TOKEN_STRING: node = parse_string(p); break;
    case TOKEN_LEFT_PAREN: node = parse_paren(p); break;
    case TOKEN_LEFT_BRACE: node = parse_vector_selector(p, NULL); break;
    default:
        if (begins_expression(kind)) {
            node = parse_word(p);
            break;
        }
        parser_unexpected_here(p);
        return NULL;
    }
    return p->code ? NULL : parse_suffixes(p, node);
}

/* ---- binary operations */

static void parse_matching(struct parser *p, struct promql_node *node)
{
    struct promql_matching *m = &node->binary.matching;
    enum token_kind kind;

    node->binary.return_bool = parser_accept(p, TOKEN_BOOL);
    kind = parser_peek(p);
    if (kind != TOKEN_ON && kind != TOKEN_IGNORING)
        return;
    parser_take(p);
    m->on = kind == TOKEN_ON;
    parse_labels(p, &m->labels);
    kind = parser_peek(p);
    if (kind != TOKEN_GROUP_LEFT && kind != TOKEN_GROUP_RIGHT)
        return;
    parser_take(p);
    m->card = kind == TOKEN_GROUP_LEFT ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
    if (parser_peek(p) == TOKEN_LEFT_PAREN)
        parse_labels(p, &m->include);
}

struct promql_node *parse_expr(struct parser *p, int min_precedence)
{
    struct promql_node *lhs, *node;
    enum promql_op op;
    int precedence;

    if (p->depth >= PROMQL_DEPTH_MAX)
        parser_fail_code(p, -E2BIG, "expression is nested too deep, %d levels at most",
                         PROMQL_DEPTH_MAX);
    p->depth++;
    lhs = parse_operand(p);
    for (;;) {
        precedence = binary_operator(parser_peek(p), &op);
        if (precedence == PREC_NONE || precedence < min_precedence)
            break;
        parser_take(p);
        node = parser_node(p, NODE_BINARY, lhs->start, 0);
        node->binary.op = op;
        node->binary.lhs = lhs;
        parse_matching(p, node);
        /* ^ is the only one that groups to the right */
        node->binary.rhs = parse_expr(p, op == OP_POW ? precedence : precedence + 1);
        if (p->code)
            break;
        node->end = node->binary.rhs->end;
        parser_adopt(p, node, node->binary.lhs);
        parser_adopt(p, node, node->binary.rhs);
        lhs = node;
    }
    p->depth--;
    return p->code ? NULL : lhs;
}

/* ---- the front door */

static void parse_text(struct parser *p)
{
    if (parser_peek(p) == TOKEN_EOF) {
        parser_fail(p, 0, "no expression found in input");
        return;
    }
    p->expr->root = parse_expr(p, PREC_OR);
    if (parser_peek(p) != TOKEN_EOF)
        parser_unexpected_here(p);
    if (!p->code)
        check_types(p, p->expr->root);
}

static void parse_selector_text(struct parser *p)
{
    struct token name;

    if (parser_peek(p) == TOKEN_LEFT_BRACE) {
        p->expr->root = parse_vector_selector(p, NULL);
    } else if (parser_is_metric_name(parser_peek(p))) {
        name = parser_take(p);
        p->expr->root = parse_vector_selector(p, &name);
    }
    if (parser_peek(p) != TOKEN_EOF || !p->expr->root)
        parser_unexpected(p, NULL, NULL);
    if (!p->code)
        p->expr->root->type = PROMQL_VECTOR;
}

static int parse_with(struct str text, const struct promql_features *features,
                      void (*parse)(struct parser *p), struct promql_expr **ret, struct err *err)
{
    CLEANUP(promql_expr_freep) struct promql_expr *e = NULL;
    struct parser p = {0};

    if (text.len > PROMQL_TEXT_MAX)
        return err_set(err, -E2BIG, "expression has %zu bytes, %u at most", text.len,
                       PROMQL_TEXT_MAX);
    e = mem_zalloc(sizeof *e);
    arena_init(&e->arena, 0);
    e->text = arena_str(&e->arena, text);
    p.arena = &e->arena;
    p.expr = e;
    if (features)
        p.features = *features;
    lexer_init(&p.lex, e->text, false);
    parse(&p);
    if (p.code)
        return err_set(err, p.code, "%s", p.err.msg);
    mark_twins(e);
    *ret = TAKE(e);
    return 0;
}

int promql_parse(struct str text, const struct promql_features *features, struct promql_expr **ret,
                 struct err *err)
{
    return parse_with(text, features, parse_text, ret, err);
}

int promql_parse_selector(struct str text, struct promql_expr **ret, struct err *err)
{
    return parse_with(text, NULL, parse_selector_text, ret, err);
}

void promql_expr_free(struct promql_expr *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_matchers; i++)
        matcher_free(e->matchers[i]);
    free(e->matchers);
    arena_deinit(&e->arena);
    free(e);
}
