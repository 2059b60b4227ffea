/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/defs.h"
#include "base/quote.h"

void lexer_init(struct lexer *l, struct str text, bool series)
{
    memset(l, 0, sizeof *l);
    l->text = text;
    l->series = series;
}

/* ---- characters and tokens */

static int32_t char_at(const struct lexer *l, size_t *ret_len)
{
    struct str rest = str_n(l->text.p + l->pos, l->text.len - l->pos);
    uint32_t c;

    *ret_len = 0;
    if (rest.len == 0)
        return -1;
    *ret_len = str_utf8_next(rest, &c);
    return (int32_t)c;
}

int32_t lexer_peek(const struct lexer *l)
{
    size_t len;

    return char_at(l, &len);
}

int32_t lexer_read(struct lexer *l)
{
    size_t len;
    int32_t c = char_at(l, &len);

    l->pos += len;
    return c;
}

/* Reads the next character if it is one of these. */
static bool accept(struct lexer *l, const char *set)
{
    int32_t c = lexer_peek(l);

    if (c <= 0 || c > 0x7f || !strchr(set, c))
        return false;
    l->pos++;
    return true;
}

static void accept_all(struct lexer *l, const char *set)
{
    while (accept(l, set))
        ;
}

static bool next_is_alphanumeric(const struct lexer *l)
{
    int32_t c = lexer_peek(l);

    return lex_is_alpha(c) || lex_is_digit(c);
}

struct token lexer_emit(struct lexer *l, enum token_kind kind)
{
    struct token t = {kind, (uint32_t)l->start, (uint32_t)l->pos};

    l->start = l->pos;
    return t;
}

struct token lexer_fail(struct lexer *l, const char *fmt, ...)
{
    struct token t = {TOKEN_ERROR, (uint32_t)l->start, (uint32_t)l->pos};
    va_list ap;

    l->err.code = -EINVAL;
    va_start(ap, fmt);
    vsnprintf(l->err.msg, sizeof l->err.msg, fmt, ap);
    va_end(ap);
    return t;
}

/* 'a' between single quotes. The end of the text shows as U+FFFD, as Go prints it. */
static void add_char(struct buf *out, int32_t c)
{
    CLEANUP(buf_free) struct buf raw = {0};
    CLEANUP(buf_free) struct buf quoted = {0};

    buf_add_utf8(&raw, c < 0 ? 0xfffd : (uint32_t)c);
    quote_add_go(&quoted, buf_str(&raw));
    buf_add_byte(out, '\'');
    if (c == '\'' || c == '"')
        buf_add_c(out, c == '"' ? "\"" : "\\'");
    else
        buf_add(out, quoted.p + 1, quoted.len - 2);
    buf_add_byte(out, '\'');
}

struct token lexer_fail_char(struct lexer *l, const char *words, int32_t c)
{
    CLEANUP(buf_free) struct buf b = {0};

    add_char(&b, c);
    return lexer_fail(l, "%s %s", words, b.p);
}

struct token lexer_fail_text(struct lexer *l, const char *words)
{
    CLEANUP(buf_free) struct buf b = {0};

    quote_add_go(&b, str_n(l->text.p + l->start, l->pos - l->start));
    return lexer_fail(l, "%s: %s", words, b.p);
}

/* ---- numbers and durations */

#define DIGITS     "0123456789"
#define HEX_DIGITS "0123456789abcdefABCDEF"

/*
 * Reads what may be a number: digits, at most one point, at most one exponent, underscores between
 * digits. Whether it is one is found out when its value is needed. False when it ends in the middle
 * or runs into a letter; what was read until then is part of the message.
 */
bool lexer_scan_number(struct lexer *l)
{
    size_t begin = l->pos;
    const char *digits = DIGITS;
    bool hex = false, point = false, exponent = false;

    /* In a series 0x4 is four repetitions of 0. */
    if (!l->series && accept(l, "0") && accept(l, "xX")) {
        accept(l, "_");
        hex = true;
        digits = HEX_DIGITS;
    }
    accept(l, ".");
    accept(l, digits);
    for (;;) {
        if (accept(l, ".")) {
            if (point || accept(l, "_.") || hex)
                return false;
            point = true;
        } else if (accept(l, "eE")) {
            if (exponent)
                return false;
            exponent = true;
            accept(l, "+-");
            if (accept(l, "._eE") || lexer_peek(l) < 0)
                return false;
        } else if (accept(l, "_")) {
            if (accept(l, "._eE") || lexer_peek(l) < 0)
                return false;
        } else if (accept(l, digits)) {
            accept_all(l, digits);
        } else {
            break;
        }
    }
    if (l->pos == begin)
        return false;
    return (l->series && lexer_peek(l) == 'x') || !next_is_alphanumeric(l);
}

/* Goes on behind the first number of a duration: a unit, then numbers with units. */
static bool scan_duration(struct lexer *l)
{
    if (!accept(l, "smhdwy"))
        return false;
    accept(l, "s"); /* ms; other pairs are refused when the value is needed */
    while (accept(l, DIGITS)) {
        accept_all(l, DIGITS);
        if (!accept(l, "smhdw"))
            return false;
        accept(l, "s");
    }
    if (!next_is_alphanumeric(l))
        return true;
    lexer_read(l); /* the message shows the character that is too much */
    return false;
}

struct token lexer_number_or_duration(struct lexer *l)
{
    if (lexer_scan_number(l))
        return lexer_emit(l, TOKEN_NUMBER);
    if (scan_duration(l))
        return lexer_emit(l, TOKEN_DURATION);
    return lexer_fail_text(l, "bad number or duration syntax");
}

/* ---- strings */

/* Names the character as U+0041 'A', or U+0007 alone when one cannot see it. */
static struct token fail_escape(struct lexer *l, const char *before, int32_t c, const char *after)
{
    CLEANUP(buf_free) struct buf shown = {0};
    bool hidden;

    add_char(&shown, c);
    hidden = shown.p[1] == '\\' && c != '\\' && c != '\'';
    return lexer_fail(l, "%sU+%04X%s%s%s", before, (unsigned)c, hidden ? "" : " ",
                      hidden ? "" : shown.p, after);
}

/* Checks the escape behind a backslash. Yields TOKEN_STRING when it is good. */
static struct token scan_escape(struct lexer *l, int32_t quote)
{
    static const struct token good = {TOKEN_STRING, 0, 0};
    int32_t c = lexer_read(l);
    int digits, base;
    uint32_t most, value = 0;

    if (c < 0)
        return lexer_fail(l, "escape sequence not terminated");
    if (c == quote || (c != 0 && c < 0x80 && strchr("abfnrtv\\", c)))
        return good;
    if (c >= '0' && c <= '7') {
        digits = 3, base = 8, most = 255;
    } else if (c == 'x' || c == 'u' || c == 'U') {
        digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        base = 16, most = c == 'x' ? 255 : 0x10ffff;
        c = lexer_read(l);
    } else {
        return fail_escape(l, "unknown escape sequence ", c, "");
    }
    for (;;) {
        if (c < 0)
            return lexer_fail(l, "escape sequence not terminated");
        if (lex_hex_value(c) >= base)
            return fail_escape(l, "illegal character ", c, " in escape sequence");
        value = value * (uint32_t)base + (uint32_t)lex_hex_value(c);
        if (--digits == 0)
            break;
        c = lexer_read(l);
    }
    if (value > most || (value >= 0xd800 && value < 0xe000))
        return lexer_fail(l, "escape sequence is an invalid Unicode code point");
    return good;
}

/* The opening quote has been read. */
static struct token lex_string(struct lexer *l, int32_t quote)
{
    for (;;) {
        size_t before = l->pos;
        int32_t c = lexer_read(l);

        if (c == quote)
            return lexer_emit(l, TOKEN_STRING);
        if (c == 0xfffd && l->pos - before == 1)
            return lexer_fail(l, "invalid UTF-8 rune");
        if (quote == '`') {
            if (c < 0)
                return lexer_fail(l, "unterminated raw string");
        } else if (c < 0 || c == '\n') {
            return lexer_fail(l, "unterminated quoted string");
        } else if (c == '\\') {
            struct token t = scan_escape(l, quote);

            if (t.kind == TOKEN_ERROR)
                return t;
        }
    }
}

/* ---- words */

/* A label name; or, when keywords count, whatever a word can be there. */
struct token lexer_word(struct lexer *l, bool keywords)
{
    enum token_kind kind = TOKEN_IDENTIFIER, keyword;

    while (next_is_alphanumeric(l) || (keywords && lexer_peek(l) == ':'))
        if (lexer_read(l) == ':')
            kind = TOKEN_METRIC_IDENTIFIER;
    if (keywords) {
        keyword = lexer_keyword(str_n(l->text.p + l->start, l->pos - l->start));
        if (keyword != TOKEN_ERROR)
            kind = keyword;
    }
    if (l->series && keywords)
        l->mode = lexer_peek(l) == '{' ? LEX_STATEMENT : LEX_VALUES;
    return lexer_emit(l, kind);
}

/* ---- the modes of expressions */

static void skip_blanks_and_comments(struct lexer *l)
{
    for (;;) {
        int32_t c = lexer_peek(l);

        if (c == '#')
            while (c >= 0 && c != '\n' && c != '\r') {
                lexer_read(l);
                c = lexer_peek(l);
            }
        if (!lex_is_blank(c))
            break;
        l->pos++;
    }
    l->start = l->pos;
}

static struct token close_paren(struct lexer *l)
{
    struct token t = lexer_emit(l, TOKEN_RIGHT_PAREN);

    if (l->parens == 0)
        return lexer_fail_char(l, "unexpected right parenthesis", ')');
    l->parens--;
    return t;
}

static struct token lex_end(struct lexer *l)
{
    if (l->parens > 0)
        return lexer_fail(l, "unclosed left parenthesis");
    if (l->in_bracket)
        return lexer_fail(l, "unclosed left bracket");
    return lexer_emit(l, TOKEN_EOF);
}

static struct token open_bracket(struct lexer *l)
{
    if (l->in_bracket)
        return lexer_fail_char(l, "unexpected left bracket", '[');
    l->in_bracket = true;
    l->saw_colon = false;
    l->mode = LEX_DURATION;
    return lexer_emit(l, TOKEN_LEFT_BRACKET);
}

static struct token close_bracket(struct lexer *l)
{
    if (!l->in_bracket)
        return lexer_fail_char(l, "unexpected right bracket", ']');
    l->in_bracket = false;
    l->mode = LEX_STATEMENT;
    return lexer_emit(l, TOKEN_RIGHT_BRACKET);
}

/* A letter or colon within brackets, where words have no place. */
static struct token lex_word_in_bracket(struct lexer *l, int32_t c)
{
    if (c == ':' && !l->saw_colon) {
        l->saw_colon = true;
        return lexer_emit(l, TOKEN_COLON);
    }
    if (c == ':')
        return lexer_fail(l, "unexpected colon ':'");
    return lexer_fail(l, "unexpected character: '%c', expected ':'", (char)c);
}

/* = == ! != < <= > >= have been read to their first character. */
static struct token lex_comparison(struct lexer *l, int32_t first)
{
    int32_t c;

    if (accept(l, "="))
        return lexer_emit(l, first == '='   ? TOKEN_EQLC
                             : first == '!' ? TOKEN_NEQ
                             : first == '<' ? TOKEN_LTE
                                            : TOKEN_GTE);
    c = lexer_peek(l);
    if (first == '!')
        return lexer_fail_char(l, "unexpected character after '!':", c);
    if (first == '=' && c == '~')
        return lexer_fail_char(l, "unexpected character after '=':", c);
    return lexer_emit(l, first == '=' ? TOKEN_EQL : first == '<' ? TOKEN_LSS : TOKEN_GTR);
}

static enum token_kind arithmetic_operator(int32_t c)
{
    switch (c) {
    case '+': return TOKEN_ADD;
    case '-': return TOKEN_SUB;
    case '*': return TOKEN_MUL;
    case '/': return TOKEN_DIV;
    case '%': return TOKEN_MOD;
    case '^': return TOKEN_POW;
    default: return TOKEN_ERROR;
    }
}

static struct token lex_statement(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (c < 0)
        return lex_end(l);
    if (arithmetic_operator(c) != TOKEN_ERROR)
        return lexer_emit(l, arithmetic_operator(c));
    if (lex_is_digit(c) || (c == '.' && lex_is_digit(lexer_peek(l)))) {
        l->pos = l->start;
        return lexer_number_or_duration(l);
    }
    if (lex_is_alpha(c) || c == ':') {
        if (l->in_bracket)
            return lex_word_in_bracket(l, c);
        l->pos = l->start;
        return lexer_word(l, true);
    }
    switch (c) {
    case ',': return lexer_emit(l, TOKEN_COMMA);
    case '@': return lexer_emit(l, TOKEN_AT);
    case '=':
    case '!':
    case '<':
    case '>': return lex_comparison(l, c);
    case '"':
    case '\'':
    case '`': return lex_string(l, c);
    case '(': l->parens++; return lexer_emit(l, TOKEN_LEFT_PAREN);
    case ')': return close_paren(l);
    case '{': l->mode = LEX_BRACES; return lexer_emit(l, TOKEN_LEFT_BRACE);
    case '[': return open_bracket(l);
    case ']': return close_bracket(l);
    default: return lexer_fail_char(l, "unexpected character:", c);
    }
}

static struct token lex_in_braces(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (c < 0)
        return lexer_fail(l, "unexpected end of input inside braces");
    if (lex_is_alpha(c))
        return lexer_word(l, false);
    switch (c) {
    case ',': return lexer_emit(l, TOKEN_COMMA);
    case '"':
    case '\'':
    case '`': return lex_string(l, c);
    case '=': return lexer_emit(l, accept(l, "~") ? TOKEN_EQL_REGEX : TOKEN_EQL);
    case '!':
        if (accept(l, "~"))
            return lexer_emit(l, TOKEN_NEQ_REGEX);
        if (accept(l, "="))
            return lexer_emit(l, TOKEN_NEQ);
        return lexer_fail_char(l, "unexpected character after '!' inside braces:", lexer_peek(l));
    case '{': return lexer_fail_char(l, "unexpected left brace", c);
    case '}':
        l->mode = l->series ? LEX_VALUES : LEX_STATEMENT;
        return lexer_emit(l, TOKEN_RIGHT_BRACE);
    default: return lexer_fail_char(l, "unexpected character inside braces:", c);
    }
}

/* Behind [ until the first number; then the rules of statements hold, with in_bracket. */
static struct token lex_duration(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (c < 0)
        return lexer_fail(l, "unexpected end of input in duration expression");
    if (lex_is_digit(c) || (c == '.' && lex_is_digit(lexer_peek(l)))) {
        l->pos = l->start;
        l->mode = LEX_STATEMENT;
        return lexer_number_or_duration(l);
    }
    if (arithmetic_operator(c) != TOKEN_ERROR)
        return lexer_emit(l, arithmetic_operator(c));
    switch (c) {
    case ']': return close_bracket(l);
    case '(': l->parens++; return lexer_emit(l, TOKEN_LEFT_PAREN);
    case ')': return close_paren(l);
    case ':':
        lexer_emit(l, TOKEN_COLON);
        return lexer_fail(l, "unexpected colon before duration in duration expression");
    default: return lexer_fail_char(l, "unexpected character in duration expression:", c);
    }
}

struct token lexer_next(struct lexer *l)
{
    if (l->err.code)
        return (struct token){TOKEN_ERROR, (uint32_t)l->start, (uint32_t)l->pos};
    if (l->mode >= LEX_VALUES)
        return lexer_next_value(l);
    skip_blanks_and_comments(l);
    if (l->mode == LEX_BRACES)
        return lex_in_braces(l);
    if (l->mode == LEX_DURATION)
        return lex_duration(l);
    return lex_statement(l);
}
