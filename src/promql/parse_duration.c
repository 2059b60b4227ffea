/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations in brackets and behind offset: literals, and with the feature arithmetic of them. They
 * are computed at once; the tree stays to be printed.
 */
#include "promql/parse_priv.h"

#include <errno.h>
#include <math.h>

enum precedence { PREC_NONE, PREC_ADD, PREC_MUL, PREC_POW };

#define SECONDS_MAX (0x1p63 / 1e9) /* Go counts nanoseconds in 63 bits */

static double duration_seconds(const struct promql_node *node)
{
    return node->kind == NODE_NUMBER ? node->number.v : node->duration.v;
}

struct promql_node *duration_to_print(struct promql_node *node)
{
    return node && node->kind == NODE_DURATION ? node : NULL;
}

static bool is_in_range(double seconds)
{
    return seconds < SECONDS_MAX && seconds > -SECONDS_MAX;
}

dur_ms duration_ms(const struct promql_node *node)
{
    double seconds = duration_seconds(node);

    return is_in_range(seconds) ? (dur_ms)(llround(seconds * 1e9) / 1000000) : 0;
}

static void check_feature(struct parser *p, const struct promql_node *node)
{
    if (!p->features.duration_expressions)
        parser_fail(p, node->start, "experimental duration expression is not enabled");
}

static struct promql_node *parse_literal(struct parser *p)
{
    struct token t = parser_take(p);
    struct promql_node *node = parser_node(p, NODE_NUMBER, t.start, t.end);

    node->number.v = parser_number(p, t);
    node->number.is_duration = t.kind == TOKEN_DURATION;
    if (!is_in_range(node->number.v))
        parser_fail(p, t.start, "duration out of range");
    return node;
}

static bool is_literal(enum token_kind kind)
{
    return kind == TOKEN_NUMBER || kind == TOKEN_DURATION;
}

static struct promql_node *with_sign(struct parser *p, struct token sign, struct promql_node *arg)
{
    struct promql_node *node;

    if (arg->kind == NODE_NUMBER) {
        if (sign.kind == TOKEN_SUB)
            arg->number.v = -arg->number.v;
        arg->start = sign.start;
        return arg;
    }
    if (sign.kind == TOKEN_ADD)
        return arg;
    node = parser_node(p, NODE_DURATION, sign.start, arg->end);
    node->duration.op = OP_SUB;
    node->duration.rhs = arg;
    node->duration.v = -duration_seconds(arg);
    parser_adopt(p, node, arg);
    return node;
}

static enum precedence duration_operator(enum token_kind kind, enum promql_op *ret)
{
    switch (kind) {
    case TOKEN_ADD: *ret = OP_ADD; return PREC_ADD;
    case TOKEN_SUB: *ret = OP_SUB; return PREC_ADD;
    case TOKEN_MUL: *ret = OP_MUL; return PREC_MUL;
    case TOKEN_DIV: *ret = OP_DIV; return PREC_MUL;
    case TOKEN_MOD: *ret = OP_MOD; return PREC_MUL;
    case TOKEN_POW: *ret = OP_POW; return PREC_POW;
    default: return PREC_NONE;
    }
}

/*
 * A faulty literal is a fault of the text. A faulty result is not: Prometheus computes when it
 * evaluates, so such an expression can be parsed and printed, and is refused by promql_instant()
 * and promql_range().
 */
static void refuse(struct parser *p, size_t byte, const char *words)
{
    unsigned line, col;

    if (p->expr->refusal)
        return;
    promql_position(p->lex.text, byte, &line, &col);
    p->expr->refusal = arena_printf(p->arena, "%u:%u: %s", line, col, words);
}

static void check_result(struct parser *p, const struct promql_node *node)
{
    if (!is_in_range(duration_seconds(node)))
        refuse(p, node->start, "duration out of range");
}

static double divide(struct parser *p, const struct promql_node *node, const char *words,
                     size_t byte)
{
    double a = duration_seconds(node->duration.lhs), b = duration_seconds(node->duration.rhs);

    if (b == 0 && node->duration.rhs->kind == NODE_NUMBER)
        parser_fail(p, byte, "%s", words);
    else if (b == 0)
        refuse(p, byte, words);
    return node->duration.op == OP_DIV ? a / b : fmod(a, b);
}

static double compute(struct parser *p, const struct promql_node *node, size_t byte)
{
    double a = duration_seconds(node->duration.lhs), b = duration_seconds(node->duration.rhs);

    switch (node->duration.op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return divide(p, node, "division by zero", byte);
    case OP_MOD: return divide(p, node, "modulo by zero", byte);
    default: return pow(a, b);
    }
}

static struct promql_node *parse_arithmetic(struct parser *p, int min_precedence,
                                            const char *context, const char *expected);

/*
 * The feature is asked for at the closing parenthesis. A signed number keeps its parentheses when
 * it is printed: (-2)^2 is not -2^2.
 */
static struct promql_node *parse_paren_duration(struct parser *p, const char *context,
                                                const char *expected)
{
    struct promql_node *inner, *node;

    parser_take(p);
    inner = parse_arithmetic(p, PREC_ADD, context, expected);
    if (!parser_expect(p, TOKEN_RIGHT_PAREN, context, expected))
        return NULL;
    check_feature(p, inner);
    node = inner;
    if (inner->kind == NODE_NUMBER) {
        if (inner->number.v >= 0)
            return inner;
        node = parser_node(p, NODE_DURATION, inner->start, inner->end);
        node->duration.op = OP_ADD;
        node->duration.rhs = inner;
        node->duration.v = inner->number.v;
        parser_adopt(p, node, inner);
    }
    node->duration.wrapped = true;
    return node;
}

static struct promql_node *parse_term(struct parser *p, const char *context, const char *expected)
{
    enum token_kind kind = parser_peek(p);
    struct promql_node *arg;
    struct token sign;

    if (is_literal(kind))
        return parse_literal(p);
    if (kind == TOKEN_LEFT_PAREN)
        return parse_paren_duration(p, context, expected);
    if (kind != TOKEN_ADD && kind != TOKEN_SUB) {
        parser_unexpected(p, context, expected);
        return NULL;
    }
    sign = parser_take(p);
    arg = parse_arithmetic(p, PREC_POW, context, expected);
    return p->code ? NULL : with_sign(p, sign, arg);
}

static struct promql_node *parse_arithmetic(struct parser *p, int min_precedence,
                                            const char *context, const char *expected)
{
    struct promql_node *lhs, *node;
    enum promql_op op;
    int precedence;

    if (p->depth >= PROMQL_DEPTH_MAX)
        parser_fail_code(p, -E2BIG, "expression is nested too deep, %d levels at most",
                         PROMQL_DEPTH_MAX);
    p->depth++;
    lhs = parse_term(p, context, expected);
    for (;;) {
        struct token t;

        precedence = duration_operator(parser_peek(p), &op);
        if (precedence == PREC_NONE || precedence < min_precedence)
            break;
        t = parser_take(p);
        node = parser_node(p, NODE_DURATION, lhs->start, 0);
        node->duration.op = op;
        node->duration.lhs = lhs;
        node->duration.rhs = parse_arithmetic(p, op == OP_POW ? precedence : precedence + 1,
                                              context, expected);
        if (p->code)
            break;
        check_feature(p, lhs);
        node->end = node->duration.rhs->end;
        node->duration.v = compute(p, node, t.start);
        parser_adopt(p, node, lhs);
        parser_adopt(p, node, node->duration.rhs);
        lhs = node;
    }
    p->depth--;
    return p->code ? NULL : lhs;
}

/* A range or step: more than zero, at least one millisecond of it. */
struct promql_node *parse_bracket_duration(struct parser *p, const char *expected)
{
    static const char words[] = "duration must be greater than 0";
    struct promql_node *node = parse_arithmetic(p, PREC_ADD, "subquery selector", expected);

    if (p->code)
        return NULL;
    check_result(p, node);
    if (duration_seconds(node) < 0.001) {
        if (node->kind == NODE_NUMBER)
            parser_fail(p, node->start, words);
        else
            refuse(p, node->start, words);
    }
    return p->code ? NULL : node;
}

/*
 * Behind offset stands one literal with its sign, or an expression in parentheses: `foo offset 5m *
 * 2` multiplies the samples, not the duration.
 */
struct promql_node *parse_offset_duration(struct parser *p)
{
    static const char context[] = "offset", expected[] = "number or duration";
    struct promql_node *node;
    struct token sign = {0};

    if (parser_peek(p) == TOKEN_ADD || parser_peek(p) == TOKEN_SUB)
        sign = parser_take(p);
    if (is_literal(parser_peek(p))) {
        node = parse_literal(p);
    } else if (parser_peek(p) == TOKEN_LEFT_PAREN) {
        node = parse_paren_duration(p, context, expected);
    } else {
        parser_unexpected(p, context, expected);
        return NULL;
    }
    if (p->code)
        return NULL;
    if (node->kind == NODE_DURATION && !node->duration.lhs && node->duration.op == OP_ADD)
        node = node->duration.rhs; /* only a number in parentheses */
    if (sign.kind != TOKEN_ERROR)
        node = with_sign(p, sign, node);
    check_result(p, node);
    return p->code ? NULL : node;
}
