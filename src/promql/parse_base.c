/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of the parser: look-ahead, errors, numbers, strings, memory. */
#include "promql/parse_priv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/quote.h"
#include "model/duration.h"

/* ---- errors */

void promql_position(struct str text, size_t byte, unsigned *ret_line, unsigned *ret_col)
{
    unsigned line = 1, col = 1;

    for (size_t i = 0; i < byte && i < text.len; i++) {
        if (text.p[i] == '\n') {
            line++;
            col = 1;
        } else {
            col++;
        }
    }
    *ret_line = line;
    *ret_col = col;
}

static void add_position(const struct parser *p, size_t byte, struct buf *out)
{
    unsigned line, col;

    promql_position(p->lex.text, byte, &line, &col);
    if (p->lex.text.len == 0)
        buf_add_c(out, "unknown position");
    else
        buf_addf(out, "%u:%u", line, col);
    buf_add_c(out, ": parse error: ");
}

static void fail_buf(struct parser *p, struct buf *b)
{
    if (p->code == 0)
        p->code = err_set(&p->err, -EINVAL, "%s", b->p);
    buf_free(b);
}

void parser_fail(struct parser *p, size_t byte, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;

    add_position(p, byte, &b);
    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    fail_buf(p, &b);
}

void parser_fail_code(struct parser *p, int code, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&b, fmt, ap);
    va_end(ap);
    if (p->code == 0)
        p->code = err_set(&p->err, code, "%s", b.p);
    buf_free(&b);
}

void parser_fail_quoted(struct parser *p, size_t byte, const char *before, struct str quoted,
                        const char *after)
{
    struct buf b = {0};

    add_position(p, byte, &b);
    buf_add_c(&b, before);
    quote_add_go(&b, quoted);
    buf_add_c(&b, after);
    fail_buf(p, &b);
}

void parser_unexpected(struct parser *p, const char *context, const char *expected)
{
    struct buf b = {0};

    parser_peek(p);
    if (p->code)
        return;
    add_position(p, p->next.start, &b);
    buf_add_c(&b, "unexpected ");
    token_describe(&p->lex, p->next, &b);
    if (context)
        buf_addf(&b, " in %s", context);
    if (expected)
        buf_addf(&b, ", expected %s", expected);
    fail_buf(p, &b);
}

void parser_unexpected_here(struct parser *p)
{
    parser_unexpected(p, p->in_aggregates > 0 ? "aggregation" : NULL, NULL);
}

/* ---- tokens */

enum token_kind parser_peek(struct parser *p)
{
    if (p->code)
        return TOKEN_ERROR;
    if (!p->has_next) {
        p->next = lexer_next(&p->lex);
        p->has_next = true;
        if (p->next.kind == TOKEN_ERROR)
            parser_fail(p, p->next.start, "%s", p->lex.err.msg);
    }
    return p->next.kind;
}

struct token parser_take(struct parser *p)
{
    parser_peek(p);
    if (p->code)
        return (struct token){TOKEN_ERROR, p->next.start, p->next.start};
    p->has_next = false;
    p->last = p->next;
    return p->next;
}

bool parser_accept(struct parser *p, enum token_kind kind)
{
    if (parser_peek(p) != kind)
        return false;
    parser_take(p);
    return true;
}

bool parser_expect(struct parser *p, enum token_kind kind, const char *context,
                   const char *expected)
{
    if (parser_accept(p, kind))
        return true;
    parser_unexpected(p, context, expected);
    return false;
}

/* ---- values */

struct str parser_unquote(struct parser *p, struct token string)
{
    CLEANUP(buf_free) struct buf b = {0};

    if (p->code)
        return STR_NONE;
    token_unquote(token_text(&p->lex, string), &b);
    return arena_str(p->arena, buf_str(&b));
}

static bool is_unit(struct str s)
{
    return s.len > 0 && (s.len == 1 ? strchr("ywdhms", *s.p) != NULL : str_eq_c(s, "ms"));
}

/* Prometheus tells a unit that it does not know from known units in a wrong order. */
static void fail_duration(struct parser *p, size_t byte, struct str text)
{
    struct str rest = text;

    while (rest.len > 0) {
        size_t digits = 0, end;
        struct str unit;

        while (digits < rest.len && lex_is_digit(rest.p[digits]))
            digits++;
        for (end = digits; end < rest.len && !lex_is_digit(rest.p[end]); end++)
            ;
        unit = str_n(rest.p + digits, end - digits);
        if (!is_unit(unit)) {
            struct buf b = {0};

            buf_add_c(&b, " in duration ");
            quote_add_go(&b, text);
            parser_fail_quoted(p, byte, "unknown unit ", unit, b.p);
            buf_free(&b);
            return;
        }
        rest = str_n(rest.p + end, rest.len - end);
    }
    parser_fail_quoted(p, byte, "not a valid duration string: ", text, "");
}

static double duration_value(struct parser *p, struct token t)
{
    struct str text = token_text(&p->lex, t);
    dur_ms ms = 0;
    int r = duration_parse(text.p, text.len, &ms, NULL);

    if (r == -ERANGE)
        parser_fail(p, t.start, "duration out of range");
    else if (r < 0)
        fail_duration(p, t.start, text);
    return (double)ms / 1000;
}

/* Underscores stand between digits, or between a base prefix and a digit. */
static bool underscores_are_right(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char before = i > 0 ? s.p[i - 1] : 0, after = i + 1 < s.len ? s.p[i + 1] : 0;

        if (s.p[i] == '_' && (!isxdigit((unsigned char)after) ||
                              !(isxdigit((unsigned char)before) || before == 'x' || before == 'X')))
            return false;
    }
    return true;
}

/* A whole number as Go writes it: 0x1f hexadecimal, 0755 octal, else decimal. */
static bool parse_integer(const char *s, double *ret)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(s, &end, 0);
    if (errno || *end || end == s)
        return false;
    *ret = (double)v;
    return true;
}

static double number_value(struct parser *p, struct token t)
{
    struct str text = token_text(&p->lex, t);
    CLEANUP(buf_free) struct buf plain = {0};
    bool valid = underscores_are_right(text), hex = text.len > 1 && (text.p[1] | 0x20) == 'x';
    double v = 0;

    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] != '_')
            buf_add_byte(&plain, text.p[i]);
    if (valid && parse_integer(buf_str(&plain).p, &v))
        return v;
    if (!valid || hex || !num_parse_double(buf_str(&plain), &v))
        parser_fail_quoted(p, t.start, "error parsing number: strconv.ParseFloat: parsing ", text,
                           ": invalid syntax");
    else if (isinf(v) && lex_is_digit(text.p[text.len - 1]))
        parser_fail_quoted(p, t.start, "error parsing number: strconv.ParseFloat: parsing ", text,
                           ": value out of range");
    return v;
}

double parser_number(struct parser *p, struct token t)
{
    if (p->code)
        return 0;
    return t.kind == TOKEN_DURATION ? duration_value(p, t) : number_value(p, t);
}

/* ---- memory */

void *parser_grow(struct parser *p, void *items, size_t n, size_t *cap, size_t size)
{
    void *bigger;

    if (n < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 4;
    bigger = arena_array(p->arena, *cap, size);
    if (n > 0)
        memcpy(bigger, items, n * size);
    return bigger;
}

struct promql_node *parser_node(struct parser *p, enum node_kind kind, size_t start, size_t end)
{
    struct promql_node *node = arena_zalloc(p->arena, sizeof *node);

    node->kind = kind;
    node->start = (uint32_t)start;
    node->end = (uint32_t)end;
    node->depth = 1;
    return node;
}

void parser_adopt(struct parser *p, struct promql_node *parent, const struct promql_node *child)
{
    if (child->depth >= parent->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > PROMQL_DEPTH_MAX)
        parser_fail_code(p, -E2BIG, "expression is nested too deep, %d levels at most",
                         PROMQL_DEPTH_MAX);
}
