/* SPDX-License-Identifier: Apache-2.0 */
#include "template/text_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/quote.h"
#include "template/unicode.h"

#define MAX_CODE_POINT 0x10FFFF
#define REPLACEMENT    0xFFFD
#define FLOAT_TEXT_MAX                                                                             \
    512 /* bytes of a number text that is looked at; longer ones are no numbers */

static bool is_surrogate(uint32_t c)
{
    return c >= 0xD800 && c <= 0xDFFF;
}

static void add_escaped(struct buf *b, uint32_t c)
{
    static const char letters[] = "abtnvfr"; /* of \a, which is 7, to \r, which is 13 */

    if (c >= 7 && c <= 13)
        buf_addf(b, "\\%c", letters[c - 7]);
    else if (c < ' ' || c == 0x7f)
        buf_addf(b, "\\x%02x", (unsigned)c);
    else if (c > MAX_CODE_POINT || is_surrogate(c))
        buf_addf(b, "\\u%04x", REPLACEMENT);
    else if (c < 0x10000)
        buf_addf(b, "\\u%04x", (unsigned)c);
    else
        buf_addf(b, "\\U%08x", (unsigned)c);
}

static void add_in_quotes(struct buf *b, uint32_t c, char quote, bool ascii)
{
    if (c == (unsigned char)quote || c == '\\') {
        buf_add_byte(b, '\\');
        buf_add_byte(b, (char)c);
    } else if (unicode_is_print(c) && (!ascii || c < 0x80)) {
        buf_add_utf8(b, c);
    } else {
        add_escaped(b, c);
    }
}

void text_add_quoted_ascii(struct buf *b, struct str s)
{
    buf_add_byte(b, '"');
    for (size_t i = 0; i < s.len;) {
        uint32_t c;
        size_t n = str_utf8_next(str_n(s.p + i, s.len - i), &c);

        if (n == 1 && c == REPLACEMENT)
            buf_addf(b, "\\x%02x", (unsigned)(unsigned char)s.p[i]);
        else
            add_in_quotes(b, c, '"', true);
        i += n;
    }
    buf_add_byte(b, '"');
}

void text_add_quoted_char(struct buf *b, uint32_t c, bool ascii)
{
    if (c > MAX_CODE_POINT || is_surrogate(c))
        c = REPLACEMENT;
    buf_add_byte(b, '\'');
    add_in_quotes(b, c, '\'', ascii);
    buf_add_byte(b, '\'');
}

void text_add_code_point(struct buf *b, uint32_t c)
{
    buf_addf(b, "U+%04X", (unsigned)c);
    if (c <= MAX_CODE_POINT && unicode_is_print(c)) {
        buf_add_c(b, " '");
        buf_add_utf8(b, c);
        buf_add_c(b, "'");
    }
}

bool text_can_backquote(struct str s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t c;
        size_t n = str_utf8_next(str_n(s.p + i, s.len - i), &c);

        if ((n == 1 && c == REPLACEMENT) || c == 0xFEFF || (c < ' ' && c != '\t') || c == '`' ||
            c == 0x7f)
            return false;
        i += n;
    }
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

static bool take_digits(struct str *s, int base, size_t n, uint32_t *ret)
{
    uint64_t v = 0;

    if (s->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int d = digit_of(s->p[i]);

        if (d >= base)
            return false;
        v = v * (unsigned)base + (unsigned)d;
    }
    *s = str_n(s->p + n, s->len - n);
    *ret = (uint32_t)v;
    return true;
}

/* Behind a backslash. */
static bool unquote_escape(struct str *s, char quote, uint32_t *ret, bool *raw_byte)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    const char *simple;
    char c;

    if (s->len == 0)
        return false;
    c = s->p[0];
    simple = c ? strchr(from, c) : NULL;
    if (simple || c == quote) {
        *ret = simple ? (unsigned char)to[simple - from] : (unsigned char)c;
        *s = str_n(s->p + 1, s->len - 1);
        return true;
    }
    if (c >= '0' && c <= '7') {
        *raw_byte = true;
        return take_digits(s, 8, 3, ret) && *ret <= 255;
    }
    *s = str_n(s->p + 1, s->len - 1);
    switch (c) {
    case 'x': *raw_byte = true; return take_digits(s, 16, 2, ret);
    case 'u': return take_digits(s, 16, 4, ret) && !is_surrogate(*ret);
    case 'U': return take_digits(s, 16, 8, ret) && *ret <= MAX_CODE_POINT && !is_surrogate(*ret);
    default: return false;
    }
}

bool text_unquote_char(struct str *s, char quote, uint32_t *ret, bool *raw_byte)
{
    *raw_byte = false;
    if (s->len == 0 || s->p[0] == quote)
        return false;
    if (s->p[0] != '\\') {
        size_t n = str_utf8_next(*s, ret);

        *raw_byte = n == 1 && *ret == REPLACEMENT;
        if (*raw_byte)
            *ret = (unsigned char)s->p[0];
        *s = str_n(s->p + n, s->len - n);
        return true;
    }
    *s = str_n(s->p + 1, s->len - 1);
    return unquote_escape(s, quote, ret, raw_byte);
}

bool text_unquote(struct str quoted, struct buf *out)
{
    struct str s;

    if (quoted.len < 2 || quoted.p[0] != quoted.p[quoted.len - 1])
        return false;
    s = str_n(quoted.p + 1, quoted.len - 2);
    if (quoted.p[0] == '`') {
        for (size_t i = 0; i < s.len; i++)
            if (s.p[i] != '\r')
                buf_add_byte(out, s.p[i]);
        return true;
    }
    while (s.len > 0) {
        uint32_t c;
        bool raw_byte;

        if (!text_unquote_char(&s, '"', &c, &raw_byte))
            return false;
        if (raw_byte)
            buf_add_byte(out, (char)c);
        else
            buf_add_utf8(out, c);
    }
    return true;
}

/* Hexadecimal floats, which must have a p. The text has no more than FLOAT_TEXT_MAX bytes. */
static bool parse_hex_float(struct str s, double *ret)
{
    char text[FLOAT_TEXT_MAX + 1], *end;

    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    if (memchr(s.p, 'p', s.len) == NULL && memchr(s.p, 'P', s.len) == NULL)
        return false;
    *ret = strtod(text, &end);
    return end == text + s.len;
}

int text_parse_float(struct str s, double *ret, struct err *err)
{
    struct str digits = s;
    bool hex, good;
    double v;

    if (s.len > 0 && (s.p[0] == '+' || s.p[0] == '-'))
        digits = str_n(s.p + 1, s.len - 1);
    hex = digits.len > 2 && digits.p[0] == '0' && (digits.p[1] | 32) == 'x';
    good = s.len > 0 && s.len <= FLOAT_TEXT_MAX &&
           (hex ? parse_hex_float(s, &v) : num_parse_double(s, &v));
    if (!good || (isinf(v) && (digits.p[0] | 32) != 'i')) {
        struct buf b = {0};

        quote_add_go(&b, s);
        err_set(err, -EINVAL, "strconv.ParseFloat: parsing " STR_FMT ": %s", STR_ARG(buf_str(&b)),
                good ? "value out of range" : "invalid syntax");
        buf_free(&b);
        return -EINVAL;
    }
    *ret = v;
    return 0;
}

/* v / unit with as many decimals as it has. */
static void add_fraction(struct buf *b, uint64_t v, uint64_t unit)
{
    uint64_t rest = v % unit;

    buf_addf(b, "%llu", (unsigned long long)(v / unit));
    if (rest == 0)
        return;
    buf_add_byte(b, '.');
    for (; rest > 0; rest = rest * 10 % unit)
        buf_addf(b, "%llu", (unsigned long long)(rest * 10 / unit));
}

void text_add_duration(struct buf *b, int64_t ns)
{
    uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, second = 1000000000, seconds = v / second;

    if (ns < 0)
        buf_add_byte(b, '-');
    if (v == 0) {
        buf_add_c(b, "0s");
    } else if (v < 1000) {
        buf_addf(b, "%lluns", (unsigned long long)v);
    } else if (v < second) {
        add_fraction(b, v, v < 1000000 ? 1000 : 1000000);
        buf_add_c(b, v < 1000000 ? "µs" : "ms");
    } else {
        if (seconds >= 3600)
            buf_addf(b, "%lluh", (unsigned long long)(seconds / 3600));
        if (seconds >= 60)
            buf_addf(b, "%llum", (unsigned long long)(seconds / 60 % 60));
        add_fraction(b, v % (60 * second), second);
        buf_add_byte(b, 's');
    }
}
