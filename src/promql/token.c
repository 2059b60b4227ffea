/* SPDX-License-Identifier: Apache-2.0 */
/* What tokens are, what messages call them, and what strings stand for. */
#include "promql/lex.h"

#include "base/must.h"
#include "base/quote.h"

enum token_class { NO_CLASS, PUNCTUATION, OPERATOR, AGGREGATOR, KEYWORD, PLACEHOLDER };

/* How a kind is written, and to which family it belongs; no text: many ways to write it. */
static const struct {
    const char *text;
    enum token_class class;
} kinds[TOKEN_KINDS] = {
    [TOKEN_LEFT_PAREN] = {"(", PUNCTUATION},
    [TOKEN_RIGHT_PAREN] = {")", PUNCTUATION},
    [TOKEN_LEFT_BRACE] = {"{", PUNCTUATION},
    [TOKEN_RIGHT_BRACE] = {"}", PUNCTUATION},
    [TOKEN_LEFT_BRACKET] = {"[", PUNCTUATION},
    [TOKEN_RIGHT_BRACKET] = {"]", PUNCTUATION},
    [TOKEN_COMMA] = {",", PUNCTUATION},
    [TOKEN_COLON] = {":", PUNCTUATION},
    [TOKEN_EQL] = {"=", PUNCTUATION},
    [TOKEN_SPACE] = {"<space>", PUNCTUATION},
    [TOKEN_BLANK] = {"_", PUNCTUATION},
    [TOKEN_TIMES] = {"x", PUNCTUATION},
    [TOKEN_OPEN_HIST] = {"{{", PUNCTUATION},
    [TOKEN_CLOSE_HIST] = {"}}", PUNCTUATION},
    [TOKEN_ADD] = {"+", OPERATOR},
    [TOKEN_SUB] = {"-", OPERATOR},
    [TOKEN_MUL] = {"*", OPERATOR},
    [TOKEN_DIV] = {"/", OPERATOR},
    [TOKEN_MOD] = {"%", OPERATOR},
    [TOKEN_POW] = {"^", OPERATOR},
    [TOKEN_ATAN2] = {"atan2", OPERATOR},
    [TOKEN_EQLC] = {"==", OPERATOR},
    [TOKEN_NEQ] = {"!=", OPERATOR},
    [TOKEN_LTE] = {"<=", OPERATOR},
    [TOKEN_LSS] = {"<", OPERATOR},
    [TOKEN_GTE] = {">=", OPERATOR},
    [TOKEN_GTR] = {">", OPERATOR},
    [TOKEN_AND] = {"and", OPERATOR},
    [TOKEN_OR] = {"or", OPERATOR},
    [TOKEN_UNLESS] = {"unless", OPERATOR},
    [TOKEN_EQL_REGEX] = {"=~", OPERATOR},
    [TOKEN_NEQ_REGEX] = {"!~", OPERATOR},
    [TOKEN_AT] = {"@", OPERATOR},
    [TOKEN_SUM] = {"sum", AGGREGATOR},
    [TOKEN_AVG] = {"avg", AGGREGATOR},
    [TOKEN_COUNT] = {"count", AGGREGATOR},
    [TOKEN_MIN] = {"min", AGGREGATOR},
    [TOKEN_MAX] = {"max", AGGREGATOR},
    [TOKEN_GROUP] = {"group", AGGREGATOR},
    [TOKEN_STDDEV] = {"stddev", AGGREGATOR},
    [TOKEN_STDVAR] = {"stdvar", AGGREGATOR},
    [TOKEN_TOPK] = {"topk", AGGREGATOR},
    [TOKEN_BOTTOMK] = {"bottomk", AGGREGATOR},
    [TOKEN_COUNT_VALUES] = {"count_values", AGGREGATOR},
    [TOKEN_QUANTILE] = {"quantile", AGGREGATOR},
    [TOKEN_LIMITK] = {"limitk", AGGREGATOR},
    [TOKEN_LIMIT_RATIO] = {"limit_ratio", AGGREGATOR},
    [TOKEN_OFFSET] = {"offset", KEYWORD},
    [TOKEN_BY] = {"by", KEYWORD},
    [TOKEN_WITHOUT] = {"without", KEYWORD},
    [TOKEN_ON] = {"on", KEYWORD},
    [TOKEN_IGNORING] = {"ignoring", KEYWORD},
    [TOKEN_GROUP_LEFT] = {"group_left", KEYWORD},
    [TOKEN_GROUP_RIGHT] = {"group_right", KEYWORD},
    [TOKEN_BOOL] = {"bool", KEYWORD},
    [TOKEN_START] = {"start", PLACEHOLDER},
    [TOKEN_END] = {"end", PLACEHOLDER},
};

enum token_kind lexer_keyword(struct str word)
{
    if (str_eq_nocase(word, STR("inf")) || str_eq_nocase(word, STR("nan")))
        return TOKEN_NUMBER;
    for (int k = 0; k < TOKEN_KINDS; k++) {
        const char *text = kinds[k].text;

        if (text && lex_is_alpha(*text) && kinds[k].class != PUNCTUATION &&
            str_eq_nocase(word, str_c(text)))
            return (enum token_kind)k;
    }
    return TOKEN_ERROR;
}

bool token_is_operator(enum token_kind kind)
{
    return kinds[kind].class == OPERATOR;
}

bool token_is_aggregator(enum token_kind kind)
{
    return kinds[kind].class == AGGREGATOR;
}

bool token_is_keyword(enum token_kind kind)
{
    return kinds[kind].text && lex_is_alpha(*kinds[kind].text) && kinds[kind].class != PUNCTUATION;
}

#define DESCRIBED_MAX 10 /* characters of a token that messages show */

static void describe_text(struct str text, bool shorten, struct buf *out)
{
    size_t len = 0, chars = 0;

    while (len < text.len && chars < DESCRIBED_MAX) {
        uint32_t c;

        len += str_utf8_next(str_n(text.p + len, text.len - len), &c);
        chars++;
    }
    if (!shorten || text.len <= DESCRIBED_MAX)
        len = text.len;
    quote_add_go(out, str_n(text.p, len));
    if (shorten && text.len > DESCRIBED_MAX)
        buf_add_c(out, "...");
}

void token_describe(const struct lexer *l, struct token t, struct buf *out)
{
    struct str text = token_text(l, t);

    switch (kinds[t.kind].class) {
    case OPERATOR: buf_addf(out, "<op:" STR_FMT ">", STR_ARG(text)); return;
    case AGGREGATOR: buf_addf(out, "<aggr:" STR_FMT ">", STR_ARG(text)); return;
    case KEYWORD: buf_addf(out, "<" STR_FMT ">", STR_ARG(text)); return;
    case PUNCTUATION:
    case PLACEHOLDER: describe_text(text, true, out); return;
    case NO_CLASS: break;
    }
    switch (t.kind) {
    case TOKEN_EOF: buf_add_c(out, "end of input"); return;
    case TOKEN_IDENTIFIER: buf_add_c(out, "identifier "); break;
    case TOKEN_METRIC_IDENTIFIER: buf_add_c(out, "metric identifier "); break;
    case TOKEN_STRING: buf_add_c(out, "string "); break;
    case TOKEN_NUMBER: buf_add_c(out, "number "); break;
    case TOKEN_DURATION: buf_add_c(out, "duration "); break;
    default:
        must(t.kind >= TOKEN_KEY_SUM);
        /* Prometheus names the words of histograms by their number in its grammar. */
        buf_addf(out, "\"<Item %d>\" ",
                 t.kind < TOKEN_HINT_UNKNOWN ? 57370 + (t.kind - TOKEN_KEY_SUM)
                                             : 57434 + (t.kind - TOKEN_HINT_UNKNOWN));
    }
    describe_text(text, t.kind != TOKEN_IDENTIFIER && t.kind != TOKEN_METRIC_IDENTIFIER, out);
}

static uint32_t unquote_number(struct str *s, size_t digits, unsigned base)
{
    uint32_t v = 0;

    for (size_t i = 0; i < digits; i++)
        v = v * base + (uint32_t)lex_hex_value(s->p[i]);
    *s = str_n(s->p + digits, s->len - digits);
    return v;
}

void token_unquote(struct str s, struct buf *out)
{
    static const char letters[] = "abtnvfr"; /* for 7 ... 13 */
    bool raw = *s.p == '`';

    s = str_n(s.p + 1, s.len - 2);
    while (s.len > 0) {
        char c = *s.p;
        const char *at;

        s = str_n(s.p + 1, s.len - 1);
        if (raw || c != '\\') {
            buf_add_byte(out, c);
            continue;
        }
        c = *s.p;
        if (c >= '0' && c <= '7') {
            buf_add_byte(out, (char)unquote_number(&s, 3, 8));
            continue;
        }
        s = str_n(s.p + 1, s.len - 1);
        if (c == 'x')
            buf_add_byte(out, (char)unquote_number(&s, 2, 16));
        else if (c == 'u' || c == 'U')
            buf_add_utf8(out, unquote_number(&s, c == 'u' ? 4 : 8, 16));
        else if ((at = strchr(letters, c)))
            buf_add_byte(out, (char)(7 + (at - letters)));
        else
            buf_add_byte(out, c);
    }
}
