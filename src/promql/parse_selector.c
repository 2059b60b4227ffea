/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors, and what may stand behind an operand: [range], [range:step], offset, @. */
#include "promql/parse_priv.h"

#include <math.h>

#include "base/defs.h"
#include "base/mem.h"
#include "model/label_set.h"

/* ---- matchers */

/*
 * RE2's reason in the words of Go's regexp, which people search for. Go sees the pattern within
 * ^(?s: and )$, and quotes all of that when it misses a parenthesis.
 */
static void fail_regex(struct parser *p, size_t byte, struct str pattern, const char *reason)
{
    static const struct {
        const char *re2, *go;
    } words[] = {
        {"missing ]", "missing closing ]"},
        {"no argument for repetition operator", "missing argument to repetition operator"},
        {"bad repetition operator", "invalid nested repetition operator"},
        {"invalid repetition size", "invalid repeat count"},
        {"invalid perl operator", "invalid or unsupported Perl syntax"},
        {"invalid named capture group", "invalid named capture"},
    };
    struct str about = str_c(reason), what = str_cut(&about, ':');

    about = str_trim(about);
    if (str_eq_c(what, "missing )") || str_has_prefix(what, STR("trailing \\")))
        what = STR("missing closing )");
    if (str_eq_c(what, "missing closing )") || str_eq_c(what, "unexpected )")) {
        parser_fail(p, byte, "error parsing regexp: " STR_FMT ": `^(?s:" STR_FMT ")$`",
                    STR_ARG(what), STR_ARG(pattern));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(what, words[i].re2))
            what = str_c(words[i].go);
    parser_fail(p, byte, "error parsing regexp: " STR_FMT ": `" STR_FMT "%s`", STR_ARG(what),
                STR_ARG(about), str_eq_c(what, "missing closing ]") ? ")$" : "");
}

static void add_matcher(struct parser *p, struct promql_node *node, size_t *cap,
                        enum matcher_type type, struct str name, struct str value, size_t byte)
{
    struct matcher *m = NULL;
    struct err err = {0};

    if (p->code)
        return;
    if (matcher_new(type, name, value, &m, &err) < 0) {
        fail_regex(p, byte, value, err.msg);
        return;
    }
    *VEC_PUSH(p->expr->matchers, p->expr->n_matchers, p->expr->cap_matchers) = m;
    node->vector.matchers = parser_grow(p, node->vector.matchers, node->vector.n_matchers, cap,
                                        sizeof(struct matcher *));
    node->vector.matchers[node->vector.n_matchers++] = m;
}

static bool match_operator(enum token_kind kind, enum matcher_type *ret)
{
    switch (kind) {
    case TOKEN_EQL: *ret = MATCH_EQ; return true;
    case TOKEN_NEQ: *ret = MATCH_NE; return true;
    case TOKEN_EQL_REGEX: *ret = MATCH_RE; return true;
    case TOKEN_NEQ_REGEX: *ret = MATCH_NRE; return true;
    default: return false;
    }
}

/* name="value", or "name" alone: the name of the metric */
static void parse_matcher(struct parser *p, struct promql_node *node, size_t *cap)
{
    enum token_kind kind = parser_peek(p);
    enum matcher_type type;
    struct token label, value;
    struct str name;

    if (kind != TOKEN_IDENTIFIER && kind != TOKEN_STRING) {
        parser_unexpected(p, "label matching", "identifier or \"}\"");
        return;
    }
    label = parser_take(p);
    name = kind == TOKEN_STRING ? parser_unquote(p, label) : token_text(&p->lex, label);
    if (!match_operator(parser_peek(p), &type)) {
        if (kind == TOKEN_STRING)
            add_matcher(p, node, cap, MATCH_EQ, LABEL_NAME, name, label.start);
        else
            parser_unexpected(p, "label matching", "label matching operator");
        return;
    }
    parser_take(p);
    if (parser_peek(p) != TOKEN_STRING) {
        parser_unexpected(p, "label matching", "string");
        return;
    }
    value = parser_take(p);
    add_matcher(p, node, cap, type, name, parser_unquote(p, value), label.start);
}

static void parse_matchers(struct parser *p, struct promql_node *node, size_t *cap)
{
    parser_take(p); /* { */
    while (!parser_accept(p, TOKEN_RIGHT_BRACE) && !p->code) {
        parse_matcher(p, node, cap);
        if (parser_peek(p) != TOKEN_RIGHT_BRACE)
            parser_expect(p, TOKEN_COMMA, "label matching", "\",\" or \"}\"");
    }
    node->end = p->last.end;
}

struct promql_node *parse_vector_selector(struct parser *p, const struct token *name)
{
    size_t start = name ? name->start : p->next.start, cap = 0;
    struct promql_node *node = parser_node(p, NODE_VECTOR, start, name ? name->end : start);

    if (parser_peek(p) == TOKEN_LEFT_BRACE)
        parse_matchers(p, node, &cap);
    if (name) {
        node->vector.name = token_text(&p->lex, *name);
        add_matcher(p, node, &cap, MATCH_EQ, LABEL_NAME, node->vector.name, start);
    }
    return node;
}

/* ---- ranges */

static void fail_range(struct parser *p, const struct promql_node *node, size_t byte)
{
    if (node->kind != NODE_VECTOR)
        parser_fail(p, byte, "ranges only allowed for vector selectors");
    else if (node->vector.shift.offset != 0 || node->vector.shift.offset_expr)
        parser_fail(p, byte, "no offset modifiers allowed before range");
    else if (node->vector.shift.at == AT_TIME)
        parser_fail(p, byte, "no @ modifiers allowed before range");
}

static struct promql_node *new_matrix(struct parser *p, struct promql_node *vector, size_t bracket,
                                      struct promql_node *range)
{
    struct promql_node *node = parser_node(p, NODE_MATRIX, vector->start, p->last.end);

    fail_range(p, vector, bracket);
    node->matrix.vector = vector;
    node->matrix.range = duration_ms(range);
    node->matrix.range_expr = duration_to_print(range);
    parser_adopt(p, node, vector);
    return node;
}

static struct promql_node *new_subquery(struct parser *p, struct promql_node *arg,
                                        struct promql_node *range, struct promql_node *step)
{
    struct promql_node *node = parser_node(p, NODE_SUBQUERY, arg->start, p->last.end);

    node->subquery.arg = arg;
    node->subquery.range = duration_ms(range);
    node->subquery.range_expr = duration_to_print(range);
    node->subquery.step = step ? duration_ms(step) : 0;
    node->subquery.step_expr = duration_to_print(step);
    parser_adopt(p, node, arg);
    return node;
}

static struct promql_node *parse_range(struct parser *p, struct promql_node *node)
{
    struct token bracket = parser_take(p);
    struct promql_node *range = parse_bracket_duration(p, "number or duration"), *step = NULL;

    if (parser_accept(p, TOKEN_RIGHT_BRACKET))
        return new_matrix(p, node, bracket.start, range);
    if (!parser_expect(p, TOKEN_COLON, "subquery or range", "\":\" or \"]\""))
        return NULL;
    if (!parser_accept(p, TOKEN_RIGHT_BRACKET)) {
        step = parse_bracket_duration(p, "number or duration or \"]\"");
        if (!parser_expect(p, TOKEN_RIGHT_BRACKET, "subquery selector", "\"]\""))
            return NULL;
    }
    return new_subquery(p, node, range, step);
}

/* ---- offset and @ */

static struct promql_time_shift *shift_of(struct promql_node *node)
{
    switch (node->kind) {
    case NODE_VECTOR: return &node->vector.shift;
    case NODE_MATRIX: return &node->matrix.vector->vector.shift;
    case NODE_SUBQUERY: return &node->subquery.shift;
    default: return NULL;
    }
}

static void parse_offset(struct parser *p, struct promql_node *node)
{
    struct promql_time_shift *shift = shift_of(node);
    struct promql_node *duration;

    parser_take(p);
    duration = parse_offset_duration(p);
    if (p->code)
        return;
    if (!shift) {
        parser_fail(p, node->start,
                    "offset modifier must be preceded by an instant vector selector or range "
                    "vector selector or a subquery");
        return;
    }
    if (shift->offset != 0 || shift->offset_expr)
        parser_fail(p, node->start, "offset may not be set multiple times");
    shift->offset = duration_ms(duration);
    shift->offset_expr = duration_to_print(duration);
    node->end = p->last.end;
}

/* start() or end() */
static bool parse_at_word(struct parser *p, enum promql_at *ret)
{
    enum token_kind kind = parser_peek(p);

    if (kind != TOKEN_START && kind != TOKEN_END)
        return false;
    parser_take(p);
    if (!parser_expect(p, TOKEN_LEFT_PAREN, "@", "timestamp") ||
        !parser_expect(p, TOKEN_RIGHT_PAREN, "@", "timestamp"))
        return false;
    *ret = kind == TOKEN_START ? AT_START : AT_END;
    return true;
}

static double parse_at_time(struct parser *p)
{
    bool minus = parser_peek(p) == TOKEN_SUB;
    double seconds;

    if (minus || parser_peek(p) == TOKEN_ADD)
        parser_take(p);
    if (parser_peek(p) != TOKEN_NUMBER && parser_peek(p) != TOKEN_DURATION)
        parser_unexpected(p, "@", "timestamp");
    seconds = parser_number(p, parser_take(p));
    return minus ? -seconds : seconds;
}

/* Go's %f, which spells the special values differently than C. */
static void fail_at_time(struct parser *p, size_t byte, double seconds)
{
    static const char words[] = "timestamp out of bounds for @ modifier: ";

    if (isnan(seconds))
        parser_fail(p, byte, "%sNaN", words);
    else if (isinf(seconds))
        parser_fail(p, byte, "%s%cInf", words, seconds < 0 ? '-' : '+');
    else
        parser_fail(p, byte, "%s%f", words, seconds);
}

static void parse_at(struct parser *p, struct promql_node *node)
{
    struct promql_time_shift *shift = shift_of(node);
    enum promql_at at = AT_TIME;
    double seconds = 0, limit = 0x1p63 / 1000; /* milliseconds of an int64 */

    parser_take(p);
    if (!parse_at_word(p, &at))
        seconds = parse_at_time(p);
    if (p->code)
        return;
    if (!(seconds < limit && seconds > -limit))
        fail_at_time(p, node->start, seconds);
    else if (!shift)
        parser_fail(p, node->start,
                    "@ modifier must be preceded by an instant vector selector or range vector "
                    "selector or a subquery");
    else if (shift->at != AT_NONE)
        parser_fail(p, node->start, "@ <timestamp> may not be set multiple times");
    if (p->code)
        return;
    shift->at = at;
    shift->at_ms = llround(seconds * 1000);
    node->end = p->last.end;
}

struct promql_node *parse_suffixes(struct parser *p, struct promql_node *node)
{
    while (!p->code) {
        switch (parser_peek(p)) {
        case TOKEN_LEFT_BRACKET: node = parse_range(p, node); break;
        case TOKEN_OFFSET: parse_offset(p, node); break;
        case TOKEN_AT: parse_at(p, node); break;
        default: return node;
        }
    }
    return NULL;
}
