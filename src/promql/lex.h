/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lex - PromQL's words: from bytes to tokens, one at a call
 *
 * What a byte means depends on where it stands: between braces nothing is a keyword, between
 * brackets only durations are expected, and the values of a series description (LEX_SERIES) have
 * rules of their own. The lexer keeps that in its mode and changes it by itself at braces, brackets
 * and {{ }}.
 *
 * An error ends the text: its token is TOKEN_ERROR, `err` holds the words and `start` the place.
 */
#ifndef TOCSIN_PROMQL_LEX_H
#define TOCSIN_PROMQL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum token_kind {
    TOKEN_ERROR,
    TOKEN_EOF,
    TOKEN_IDENTIFIER,
    TOKEN_METRIC_IDENTIFIER, /* has a colon */
    TOKEN_NUMBER,
    TOKEN_DURATION,
    TOKEN_STRING,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_EQL,
    /* operators */
    TOKEN_ADD,
    TOKEN_SUB,
    TOKEN_MUL,
    TOKEN_DIV,
    TOKEN_MOD,
    TOKEN_POW,
    TOKEN_ATAN2,
    TOKEN_EQLC,
    TOKEN_NEQ,
    TOKEN_LTE,
    TOKEN_LSS,
    TOKEN_GTE,
    TOKEN_GTR,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_UNLESS,
    TOKEN_EQL_REGEX,
    TOKEN_NEQ_REGEX,
    TOKEN_AT,
    /* aggregators, in the order of enum promql_aggregate */
    TOKEN_SUM,
    TOKEN_AVG,
    TOKEN_COUNT,
    TOKEN_MIN,
    TOKEN_MAX,
    TOKEN_GROUP,
    TOKEN_STDDEV,
    TOKEN_STDVAR,
    TOKEN_TOPK,
    TOKEN_BOTTOMK,
    TOKEN_COUNT_VALUES,
    TOKEN_QUANTILE,
    TOKEN_LIMITK,
    TOKEN_LIMIT_RATIO,
    /* keywords */
    TOKEN_OFFSET,
    TOKEN_BY,
    TOKEN_WITHOUT,
    TOKEN_ON,
    TOKEN_IGNORING,
    TOKEN_GROUP_LEFT,
    TOKEN_GROUP_RIGHT,
    TOKEN_BOOL,
    TOKEN_START,
    TOKEN_END,
    /* series descriptions only */
    TOKEN_SPACE,
    TOKEN_BLANK, /* _ */
    TOKEN_TIMES, /* x */
    TOKEN_OPEN_HIST,
    TOKEN_CLOSE_HIST,
    TOKEN_KEY_SUM, /* the keys of a histogram */
    TOKEN_KEY_COUNT,
    TOKEN_KEY_SCHEMA,
    TOKEN_KEY_OFFSET,
    TOKEN_KEY_N_OFFSET,
    TOKEN_KEY_BUCKETS,
    TOKEN_KEY_N_BUCKETS,
    TOKEN_KEY_Z_BUCKET,
    TOKEN_KEY_Z_BUCKET_W,
    TOKEN_KEY_CUSTOM_VALUES,
    TOKEN_KEY_COUNTER_RESET_HINT,
    TOKEN_HINT_UNKNOWN, /* in the order of enum counter_reset_hint */
    TOKEN_HINT_RESET,
    TOKEN_HINT_NOT_RESET,
    TOKEN_HINT_GAUGE,
    TOKEN_KINDS,
};

struct token {
    enum token_kind kind;
    uint32_t start, end; /* bytes of the text */
};

enum lex_mode {
    LEX_STATEMENT,
    LEX_BRACES,    /* { to } */
    LEX_DURATION,  /* [ to the first number */
    LEX_VALUES,    /* of a series description */
    LEX_HISTOGRAM, /* {{ to }} */
    LEX_BUCKETS,   /* [ to ] within {{ }} */
};

struct lexer {
    struct str text;
    size_t pos;   /* next byte to be read */
    size_t start; /* where the current token begins */
    enum lex_mode mode;
    bool series;     /* reads a series description */
    bool in_bracket; /* [ is open */
    bool saw_colon;  /* since [ */
    unsigned parens; /* open ones */
    struct err err;  /* of TOKEN_ERROR */
};

/* text must stay while the lexer is used; at most UINT32_MAX bytes. */
void lexer_init(struct lexer *l, struct str text, bool series);
struct token lexer_next(struct lexer *l);

static inline struct str token_text(const struct lexer *l, struct token t)
{
    return str_n(l->text.p + t.start, t.end - t.start);
}

bool token_is_operator(enum token_kind kind);
bool token_is_aggregator(enum token_kind kind);
bool token_is_keyword(enum token_kind kind); /* also aggregators, word operators, start and end */

/* As messages name it: `<op:+>`, `identifier "foo"`, `end of input`. */
void token_describe(const struct lexer *l, struct token t, struct buf *out);

/*
 * The value of a TOKEN_STRING (without quotes, escapes resolved) appended to out. The lexer has
 * checked the escapes.
 */
void token_unquote(struct str quoted, struct buf *out);

/* ---- between lex.c, lex_series.c and token.c */

int32_t lexer_peek(const struct lexer *l); /* -1: end of text; the code point otherwise */
int32_t lexer_read(struct lexer *l);       /* the same, and goes on behind it */
struct token lexer_emit(struct lexer *l, enum token_kind kind);
struct token lexer_fail(struct lexer *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct token lexer_fail_char(struct lexer *l, const char *words, int32_t c); /* words 'c' */
struct token lexer_fail_text(struct lexer *l, const char *words); /* words: "the token so far" */
bool lexer_scan_number(struct lexer *l);
struct token lexer_word(struct lexer *l, bool keywords);
struct token lexer_number_or_duration(struct lexer *l);
enum token_kind lexer_keyword(struct str word); /* TOKEN_ERROR: none */
struct token lexer_next_value(struct lexer *l); /* in the modes from LEX_VALUES on */

static inline bool lex_is_digit(int32_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool lex_is_alpha(int32_t c)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* 16: is none */
static inline int lex_hex_value(int32_t c)
{
    if (lex_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

static inline bool lex_is_blank(int32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif
