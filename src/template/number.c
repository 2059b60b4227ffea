/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of the language: Go's number and character literals. One constant may be an integer, an
 * unsigned one and a float at the same time; 1e3 is an integer too, where one is wanted.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "base/quote.h"
#include "template/ast_priv.h"
#include "template/text_priv.h"

static int fail(struct err *err, const char *words, struct str text)
{
    struct buf b = {0};

    quote_add_go(&b, text);
    err_set(err, -EINVAL, "%s: " STR_FMT, words, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return -EINVAL;
}

static int parse_char(struct str text, struct number *n, struct err *err)
{
    struct str s = str_n(text.p + 1, text.len - 1);
    uint32_t c;
    bool raw_byte;

    if (!text_unquote_char(&s, '\'', &c, &raw_byte))
        return err_set(err, -EINVAL, "invalid syntax");
    if (!str_eq(s, STR("'")))
        return err_set(err, -EINVAL, "malformed character constant: " STR_FMT, STR_ARG(text));
    n->is_int = n->is_uint = n->is_float = true;
    n->i = c;
    n->u = c;
    n->f = c;
    return 0;
}

/* Digits of `base` with single _ between them; *lead: a _ may come first (behind 0x). */
static bool parse_digits(struct str s, unsigned base, bool lead, uint64_t *ret)
{
    uint64_t v = 0;
    bool digit_before = lead;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        unsigned d = c <= '9' ? c - (unsigned)'0' : (c | 32u) - 'a' + 10;

        if (c == '_') {
            if (!digit_before)
                return false;
            digit_before = false;
            continue;
        }
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
        digit_before = true;
    }
    *ret = v;
    return s.len > 0 && digit_before;
}

/* An integer without sign: 12, 1_000, 0x1f, 0b101, 0o17, 017. */
static bool parse_magnitude(struct str s, uint64_t *ret)
{
    if (s.len > 2 && s.p[0] == '0') {
        char kind = (char)(s.p[1] | 32);
        unsigned base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;

        if (base)
            return parse_digits(str_n(s.p + 2, s.len - 2), base, true, ret);
    }
    if (s.len > 1 && s.p[0] == '0')
        return parse_digits(str_n(s.p + 1, s.len - 1), 8, true, ret);
    return parse_digits(s, 10, false, ret);
}

static void parse_integer(struct str text, struct number *n)
{
    struct str s = text;
    bool minus = text.p[0] == '-', sign = minus || text.p[0] == '+';
    uint64_t v;

    if (sign)
        s = str_n(s.p + 1, s.len - 1);
    if (!parse_magnitude(s, &v))
        return;
    if (!sign || v == 0) {
        n->is_uint = !sign || minus;
        n->u = v;
    }
    if (v <= INT64_MAX || (minus && v == (uint64_t)INT64_MAX + 1)) {
        n->is_int = true;
        n->i = (int64_t)(minus ? -v : v);
    }
    n->is_float = n->is_int || n->is_uint;
    n->f = n->is_int ? (double)n->i : (double)v;
}

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Each _ has to stand between digits. */
static bool parse_float(struct str text, double *ret)
{
    struct buf b = {0};
    bool good = true;

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] != '_')
            buf_add_byte(&b, text.p[i]);
        else if (i == 0 || i + 1 == text.len || !is_hex_digit(text.p[i - 1]) ||
                 !is_hex_digit(text.p[i + 1]))
            good = false;
    }
    good = good && text_parse_float(buf_str(&b), ret, NULL) == 0;
    buf_free(&b);
    return good;
}

/* A float that is a whole number serves as an integer too. */
static void take_float(double f, struct number *n)
{
    n->is_float = true;
    n->f = f;
    if (f >= -0x1p63 && f < 0x1p63 && (double)(int64_t)f == f) {
        n->is_int = true;
        n->i = (int64_t)f;
    }
    if (f >= 0 && f < 0x1p64 && (double)(uint64_t)f == f) {
        n->is_uint = true;
        n->u = (uint64_t)f;
    }
}

/* 3i, or 1+2i: the second sign is not the exponent's. */
static bool parse_complex(struct str text, bool pair, struct number *n)
{
    struct str imaginary = str_n(text.p, text.len - 1), real = STR_NONE;
    double parts[2] = {0, 0};

    for (size_t i = 1; pair && i < imaginary.len; i++) {
        char before = (char)(imaginary.p[i - 1] | 32);

        if ((imaginary.p[i] == '+' || imaginary.p[i] == '-') && before != 'e' && before != 'p') {
            real = str_n(imaginary.p, i);
            imaginary = str_n(imaginary.p + i, imaginary.len - i);
            break;
        }
    }
    if (!parse_float(imaginary, &parts[1]) || (real.len > 0 && !parse_float(real, &parts[0])))
        return false;
    if (parts[1] == 0)
        take_float(parts[0], n);
    n->is_complex = true;
    memcpy(n->complex_parts, parts, sizeof parts);
    return true;
}

static bool looks_like_float(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(".eEpP", text.p[i]))
            return true;
    return false;
}

static int parse_number(struct str text, bool is_complex, struct number *n, struct err *err)
{
    double f;

    must(text.len > 0);
    if (text.p[text.len - 1] == 'i' && parse_complex(text, is_complex, n))
        return 0;
    if (is_complex)
        return fail(err, "illegal number syntax", text);
    parse_integer(text, n);
    if (n->is_int || n->is_uint)
        return 0;
    if (!parse_float(text, &f))
        return fail(err, "illegal number syntax", text);
    if (!looks_like_float(text))
        return fail(err, "integer overflow", text);
    take_float(f, n);
    return 0;
}

struct number *number_parse(struct str text, bool is_char, bool is_complex, struct arena *a,
                            struct err *err)
{
    struct number *n = arena_zalloc(a, sizeof *n);
    int r = is_char ? parse_char(text, n, err) : parse_number(text, is_complex, n, err);

    return r < 0 ? NULL : n;
}
