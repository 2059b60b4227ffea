/* SPDX-License-Identifier: Apache-2.0 */
#include "template/lex_priv.h"

#include <stdint.h>

#include "base/buf.h"
#include "base/defs.h"
#include "base/quote.h"
#include "template/text_priv.h"
#include "template/unicode.h"

#define END_OF_TEXT UINT32_MAX
#define TRIM_MARKER 2 /* bytes of "- " and " -" */

static const struct keyword {
    const char *word;
    enum token_kind kind;
} keywords[] = {
    {"block", TOKEN_BLOCK},       {"break", TOKEN_BREAK},
    {"continue", TOKEN_CONTINUE}, {"define", TOKEN_DEFINE},
    {"else", TOKEN_ELSE},         {"end", TOKEN_END},
    {"false", TOKEN_BOOL},        {"if", TOKEN_IF},
    {"nil", TOKEN_NIL},           {"range", TOKEN_RANGE},
    {"template", TOKEN_TEMPLATE}, {"true", TOKEN_BOOL},
    {"with", TOKEN_WITH},
};

void tmpl_lexer_init(struct lexer *l, struct str text, struct arena *arena)
{
    *l = (struct lexer){.in = text, .line = 1, .arena = arena};
}

static bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool at(const struct lexer *l, size_t pos, const char *what)
{
    return pos <= l->in.len && str_has_prefix(str_n(l->in.p + pos, l->in.len - pos), str_c(what));
}

static uint32_t peek(const struct lexer *l, size_t *width)
{
    uint32_t c;

    *width = 0;
    if (l->pos >= l->in.len)
        return END_OF_TEXT;
    *width = str_utf8_next(str_n(l->in.p + l->pos, l->in.len - l->pos), &c);
    return c;
}

static uint32_t next(struct lexer *l)
{
    size_t width;
    uint32_t c = peek(l, &width);

    l->pos += width;
    return c;
}

/* Begins a new token at pos. */
static void ignore(struct lexer *l)
{
    for (; l->start < l->pos; l->start++)
        l->line += l->in.p[l->start] == '\n';
}

static struct token emit(struct lexer *l, enum token_kind kind)
{
    struct token t = {kind, l->start, l->line, str_n(l->in.p + l->start, l->pos - l->start)};

    ignore(l);
    return t;
}

static struct token fail(struct lexer *l, const char *message)
{
    struct token t = {TOKEN_ERROR, l->start, l->line, str_c(message)};

    l->pos = l->in.len;
    l->inside = false;
    ignore(l);
    return t;
}

static struct token fail_char(struct lexer *l, const char *message, uint32_t c)
{
    struct buf b = {0};
    struct token t;

    buf_add_c(&b, message);
    text_add_code_point(&b, c == END_OF_TEXT ? UINT32_C(0xFFFFFFFF) : c);
    t = fail(l, arena_strdup(l->arena, buf_str(&b)));
    buf_free(&b);
    return t;
}

/* Whether }} or " -}}" stands at pos. */
static bool at_right_delim(const struct lexer *l, bool *trim)
{
    *trim = l->pos + 1 < l->in.len && is_space((unsigned char)l->in.p[l->pos]) &&
            at(l, l->pos + 1, "-}}");
    return *trim || at(l, l->pos, "}}");
}

static void skip_spaces(struct lexer *l)
{
    while (l->pos < l->in.len && is_space((unsigned char)l->in.p[l->pos]))
        l->pos++;
}

/* pos is behind a slash and star. False and a message when the comment is bad. */
static const char *skip_comment(struct lexer *l)
{
    bool trim;

    l->pos += 2;
    l->pos += str_find(str_n(l->in.p + l->pos, l->in.len - l->pos), STR("*/"));
    if (l->pos >= l->in.len)
        return "unclosed comment";
    l->pos += 2;
    if (!at_right_delim(l, &trim))
        return "comment ends before closing delimiter";
    l->pos += 2 + (trim ? TRIM_MARKER : 0);
    if (trim)
        skip_spaces(l);
    ignore(l);
    return NULL;
}

/* Outside actions: text up to the next {{ that is not a comment, or {{ itself. */
static struct token lex_outside(struct lexer *l)
{
    for (;;) {
        struct str rest = str_n(l->in.p + l->start, l->in.len - l->start);
        size_t text = str_find(rest, STR("{{")), keep = text;
        const char *wrong;
        bool trim;

        l->pos = l->start + text;
        if (text == rest.len)
            return emit(l, text ? TOKEN_TEXT : TOKEN_EOF);
        trim = at(l, l->pos + 2, "-") && l->pos + 3 < l->in.len &&
               is_space((unsigned char)l->in.p[l->pos + 3]);
        while (trim && keep > 0 && is_space((unsigned char)rest.p[keep - 1]))
            keep--;
        if (keep > 0) {
            struct token t = {TOKEN_TEXT, l->start, l->line, str_n(rest.p, keep)};

            ignore(l);
            return t;
        }
        ignore(l);
        l->pos += 2;
        if (!at(l, l->pos + (trim ? TRIM_MARKER : 0), "/*")) {
            struct token t = emit(l, TOKEN_LEFT_DELIM);

            l->pos += trim ? TRIM_MARKER : 0;
            ignore(l);
            l->inside = true;
            l->parens = 0;
            return t;
        }
        l->pos += trim ? TRIM_MARKER : 0;
        ignore(l);
        wrong = skip_comment(l);
        if (wrong)
            return fail(l, wrong);
    }
}

static struct token lex_right_delim(struct lexer *l, bool trim)
{
    struct token t;

    if (trim) {
        l->pos += TRIM_MARKER;
        ignore(l);
    }
    l->pos += 2;
    t = emit(l, TOKEN_RIGHT_DELIM);
    if (trim) {
        skip_spaces(l);
        ignore(l);
    }
    l->inside = false;
    return t;
}

/* A run of white space; its last one may belong to " -}}". */
static struct token lex_space(struct lexer *l)
{
    bool trim;

    skip_spaces(l);
    l->pos--;
    if (at_right_delim(l, &trim) && trim) {
        if (l->pos == l->start)
            return lex_right_delim(l, true);
        return emit(l, TOKEN_SPACE);
    }
    l->pos++;
    return emit(l, TOKEN_SPACE);
}

/* Whether what follows may end an identifier, field or variable. */
static bool at_terminator(const struct lexer *l)
{
    size_t width;
    uint32_t c = peek(l, &width);

    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
    case END_OF_TEXT:
    case '.':
    case ',':
    case '|':
    case ':':
    case ')':
    case '(': return true;
    default: return at(l, l->pos, "}}");
    }
}

static void skip_word(struct lexer *l)
{
    size_t width;

    for (uint32_t c; (c = peek(l, &width)) != END_OF_TEXT && unicode_is_word(c);)
        l->pos += width;
}

static struct token bad_character(struct lexer *l)
{
    size_t width;

    return fail_char(l, "bad character ", peek(l, &width));
}

static struct token lex_identifier(struct lexer *l)
{
    struct str word;

    skip_word(l);
    if (!at_terminator(l))
        return bad_character(l);
    word = str_n(l->in.p + l->start, l->pos - l->start);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (str_eq_c(word, keywords[i].word))
            return emit(l, keywords[i].kind);
    return emit(l, TOKEN_IDENTIFIER);
}

/* .name or $name; the sign is read already. Alone they are the dot and the data of the whole
 * template. */
static struct token lex_field_or_variable(struct lexer *l, enum token_kind kind)
{
    if (at_terminator(l))
        return emit(l, kind == TOKEN_FIELD ? TOKEN_DOT : kind);
    skip_word(l);
    if (!at_terminator(l))
        return bad_character(l);
    return emit(l, kind);
}

static bool accept_one(struct lexer *l, const char *set)
{
    if (l->pos >= l->in.len || !l->in.p[l->pos] || !strchr(set, l->in.p[l->pos]))
        return false;
    l->pos++;
    return true;
}

static void accept_run(struct lexer *l, const char *set)
{
    while (accept_one(l, set))
        continue;
}

/* Takes what may be a number; whether it is one is found when its value is computed. */
static bool scan_number(struct lexer *l)
{
    const char *digits = "0123456789_";
    bool decimal = true, hex = false;
    size_t width;
    uint32_t c;

    accept_one(l, "+-");
    if (accept_one(l, "0")) {
        hex = accept_one(l, "xX");
        if (hex)
            digits = "0123456789abcdefABCDEF_";
        else if (accept_one(l, "oO"))
            digits = "01234567_";
        else if (accept_one(l, "bB"))
            digits = "01_";
        decimal = strlen(digits) == 11;
    }
    accept_run(l, digits);
    if (accept_one(l, "."))
        accept_run(l, digits);
    if ((decimal && accept_one(l, "eE")) || (hex && accept_one(l, "pP"))) {
        accept_one(l, "+-");
        accept_run(l, "0123456789_");
    }
    accept_one(l, "i");
    c = peek(l, &width);
    if (c == END_OF_TEXT || !unicode_is_word(c))
        return true;
    l->pos += width;
    return false;
}

static struct token lex_number(struct lexer *l)
{
    bool good = scan_number(l), is_complex = false;

    if (good && l->pos < l->in.len && (l->in.p[l->pos] == '+' || l->in.p[l->pos] == '-')) {
        is_complex = true;
        good = scan_number(l) && l->in.p[l->pos - 1] == 'i';
    }
    if (!good) {
        struct buf b = {0};
        struct token t;

        buf_add_c(&b, "bad number syntax: ");
        quote_add_go(&b, str_n(l->in.p + l->start, l->pos - l->start));
        t = fail(l, arena_strdup(l->arena, buf_str(&b)));
        buf_free(&b);
        return t;
    }
    return emit(l, is_complex ? TOKEN_COMPLEX : TOKEN_NUMBER);
}

/* A string or character up to its closing quote, on one line. */
static struct token lex_quoted(struct lexer *l, char quote, enum token_kind kind,
                               const char *unclosed)
{
    for (;;) {
        uint32_t c = next(l);

        if (c == '\\')
            c = next(l) == '\n' ? '\n' : 0;
        if (c == END_OF_TEXT || c == '\n' || l->pos > l->in.len)
            return fail(l, unclosed);
        if (c == (unsigned char)quote)
            return emit(l, kind);
    }
}

static struct token lex_raw_string(struct lexer *l)
{
    size_t n = str_find(str_n(l->in.p + l->pos, l->in.len - l->pos), STR("`"));

    l->pos += n;
    if (l->pos >= l->in.len)
        return fail(l, "unterminated raw quoted string");
    l->pos++;
    return emit(l, TOKEN_RAW_STRING);
}

/* The token that begins with c; c is read already and is no white space. */
static struct token lex_sign(struct lexer *l, uint32_t c)
{
    switch (c) {
    case END_OF_TEXT: return fail(l, "unclosed action");
    case '=': return emit(l, TOKEN_ASSIGN);
    case ':':
        if (next(l) != '=')
            return fail(l, "expected :=");
        return emit(l, TOKEN_DECLARE);
    case '|': return emit(l, TOKEN_PIPE);
    case '"': return lex_quoted(l, '"', TOKEN_STRING, "unterminated quoted string");
    case '\'': return lex_quoted(l, '\'', TOKEN_CHAR_CONSTANT, "unterminated character constant");
    case '`': return lex_raw_string(l);
    case '$': return lex_field_or_variable(l, TOKEN_VARIABLE);
    case '(': l->parens++; return emit(l, TOKEN_LEFT_PAREN);
    case ')':
        if (--l->parens < 0)
            return fail(l, "unexpected right paren");
        return emit(l, TOKEN_RIGHT_PAREN);
    default:
        if (c < 0x80 && unicode_is_print(c))
            return emit(l, TOKEN_CHAR);
        return fail_char(l, "unrecognized character in action: ", c);
    }
}

static struct token lex_inside(struct lexer *l)
{
    size_t width;
    uint32_t c;
    bool trim;

    if (at_right_delim(l, &trim)) {
        if (l->parens > 0)
            return fail(l, "unclosed left paren");
        return lex_right_delim(l, trim);
    }
    c = peek(l, &width);
    if (c != END_OF_TEXT && is_space(c))
        return lex_space(l);
    if (c == '.') {
        l->pos++;
        if (l->pos < l->in.len && (l->in.p[l->pos] < '0' || l->in.p[l->pos] > '9'))
            return lex_field_or_variable(l, TOKEN_FIELD);
        l->pos--;
        return lex_number(l);
    }
    if (c == '+' || c == '-' || (c >= '0' && c <= '9'))
        return lex_number(l);
    if (c != END_OF_TEXT && unicode_is_word(c))
        return lex_identifier(l);
    l->pos += width;
    return lex_sign(l, c);
}

struct token tmpl_lexer_next(struct lexer *l)
{
    return l->inside ? lex_inside(l) : lex_outside(l);
}
