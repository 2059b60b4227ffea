/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of a series description behind its metric: values, repetitions and histograms. */
#include "promql/lex.h"

#include "base/defs.h"

static const struct {
    const char *name;
    enum token_kind kind;
} keys[] =
    {
        {"sum", TOKEN_KEY_SUM},
        {"count", TOKEN_KEY_COUNT},
        {"schema", TOKEN_KEY_SCHEMA},
        {"offset", TOKEN_KEY_OFFSET},
        {"n_offset", TOKEN_KEY_N_OFFSET},
        {"buckets", TOKEN_KEY_BUCKETS},
        {"n_buckets", TOKEN_KEY_N_BUCKETS},
        {"z_bucket", TOKEN_KEY_Z_BUCKET},
        {"z_bucket_w", TOKEN_KEY_Z_BUCKET_W},
        {"custom_values", TOKEN_KEY_CUSTOM_VALUES},
        {"counter_reset_hint", TOKEN_KEY_COUNTER_RESET_HINT},
},
  hints[] = {
      {"unknown", TOKEN_HINT_UNKNOWN},
      {"reset", TOKEN_HINT_RESET},
      {"not_reset", TOKEN_HINT_NOT_RESET},
      {"gauge", TOKEN_HINT_GAUGE},
};

static struct str scan_word(struct lexer *l)
{
    while (lex_is_alpha(lexer_peek(l)))
        l->pos++;
    return str_n(l->text.p + l->start, l->pos - l->start);
}

/* Blanks separate values and are tokens; several count as one. */
static struct token lex_space(struct lexer *l)
{
    struct token t = lexer_emit(l, TOKEN_SPACE);

    while (lex_is_blank(lexer_peek(l)))
        l->pos++;
    l->start = l->pos;
    return t;
}

static struct token lex_number(struct lexer *l)
{
    if (!lexer_scan_number(l))
        return lexer_fail_text(l, "bad number syntax");
    return lexer_emit(l, TOKEN_NUMBER);
}

static struct token lex_value(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (c < 0)
        return lexer_emit(l, TOKEN_EOF);
    if (lex_is_blank(c))
        return lex_space(l);
    if (lex_is_digit(c) || (c == '.' && lex_is_digit(lexer_peek(l)))) {
        l->pos = l->start;
        return lexer_number_or_duration(l);
    }
    switch (c) {
    case '+': return lexer_emit(l, TOKEN_ADD);
    case '-': return lexer_emit(l, TOKEN_SUB);
    case 'x': return lexer_emit(l, TOKEN_TIMES);
    case '_': return lexer_emit(l, TOKEN_BLANK);
    case '{':
        if (lexer_peek(l) != '{')
            break;
        l->pos++;
        l->mode = LEX_HISTOGRAM;
        return lexer_emit(l, TOKEN_OPEN_HIST);
    default: break;
    }
    if (lex_is_alpha(c)) {
        l->pos = l->start;
        return lexer_word(l, true);
    }
    return lexer_fail_char(l, "unexpected character in series sequence:", c);
}

static struct token lex_histogram_word(struct lexer *l)
{
    struct str word = scan_word(l);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!str_eq_nocase(word, str_c(keys[i].name)))
            continue;
        if (lexer_peek(l) != ':')
            return lexer_fail(l, "missing `:` for histogram descriptor");
        return lexer_emit(l, keys[i].kind);
    }
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (str_eq_nocase(word, str_c(hints[i].name)))
            return lexer_emit(l, hints[i].kind);
    if (lexer_keyword(word) == TOKEN_NUMBER)
        return lexer_emit(l, TOKEN_NUMBER);
    return lexer_fail_text(l, "bad histogram descriptor found");
}

static struct token lex_histogram(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (lex_is_blank(c))
        return lex_space(l);
    if (lex_is_alpha(c))
        return lex_histogram_word(l);
    if (lex_is_digit(c)) {
        l->pos = l->start;
        return lex_number(l);
    }
    switch (c) {
    case ':': return lexer_emit(l, TOKEN_COLON);
    case '-': return lexer_emit(l, TOKEN_SUB);
    case '[': l->mode = LEX_BUCKETS; return lexer_emit(l, TOKEN_LEFT_BRACKET);
    case '}':
        if (lexer_peek(l) != '}')
            break;
        l->pos++;
        l->mode = LEX_VALUES;
        return lexer_emit(l, TOKEN_CLOSE_HIST);
    default: break;
    }
    return lexer_fail_char(l, "histogram description incomplete unexpected:", c);
}

static struct token lex_bucket(struct lexer *l)
{
    int32_t c = lexer_read(l);

    if (lex_is_blank(c))
        return lex_space(l);
    if (c == '-')
        return lexer_emit(l, TOKEN_SUB);
    if (c == ']') {
        l->mode = LEX_HISTOGRAM;
        return lexer_emit(l, TOKEN_RIGHT_BRACKET);
    }
    if (lex_is_digit(c)) {
        l->pos = l->start;
        return lex_number(l);
    }
    if (lex_is_alpha(c) && lexer_keyword(scan_word(l)) == TOKEN_NUMBER)
        return lexer_emit(l, TOKEN_NUMBER);
    return lexer_fail_char(l, "invalid character in buckets description:", c);
}

struct token lexer_next_value(struct lexer *l)
{
    if (l->mode == LEX_HISTOGRAM)
        return lex_histogram(l);
    if (l->mode == LEX_BUCKETS)
        return lex_bucket(l);
    return lex_value(l);
}
