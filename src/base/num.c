/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of Go's 'f', 'g' and whole numbers. The shortest digits of a double come from
 * num_cxx.cc.
 */
#include "base/num.h"

#include <math.h>

#include "base/num_priv.h"

/* Below this whole numbers are exact and print faster as integers; from here on there are no
 * others. */
#define EXACT_MAX 9007199254740992.0 /* 2^53 */

static size_t copy(char *out, const char *text)
{
    size_t len = strlen(text);

    memcpy(out, text, len);
    return len;
}

static size_t format_special(double v, char *out)
{
    return copy(out, isnan(v) ? "NaN" : v < 0 ? "-Inf" : "+Inf");
}

static size_t format_u64(uint64_t v, char *out)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

static size_t format_whole(double v, char *out)
{
    size_t sign = signbit(v) ? 1 : 0;

    if (sign)
        out[0] = '-';
    return sign + format_u64((uint64_t)fabs(v), out + sign);
}

/* A whole number that is not exact: the shortest digits, then zeroes instead of the rest. */
static size_t format_large(double v, char *out)
{
    struct num_digits d;
    char *p = out;

    num_shortest_digits(v, &d);
    if (d.negative)
        *p++ = '-';
    memcpy(p, d.digits, (size_t)d.n);
    memset(p + d.n, '0', (size_t)(d.exponent + 1 - d.n));
    return (size_t)(p + d.exponent + 1 - out);
}

size_t num_format_f(double v, char *out)
{
    double size = fabs(v);

    if (!isfinite(v))
        return format_special(v, out);
    if (size >= EXACT_MAX)
        return format_large(v, out);
    return v == trunc(v) ? format_whole(v, out) : num_shortest_fixed(v, out);
}

size_t num_format_e(double v, char *out)
{
    return isfinite(v) ? num_shortest_e(v, out) : format_special(v, out);
}

size_t num_format_short(double v, char *out)
{
    double size = fabs(v);

    if (size != 0 && (size < 1e-4 || size >= 1e6))
        return num_format_e(v, out);
    return num_format_f(v, out);
}

size_t num_format_sample(double v, char *out)
{
    double size = fabs(v);

    if (size != 0 && (size < 1e-6 || size >= 1e21))
        return num_format_e(v, out);
    return num_format_f(v, out);
}

static void add(struct buf *b, double v, size_t (*format)(double, char *))
{
    char text[NUM_TEXT_MAX];

    buf_add(b, text, format(v, text));
}

void num_add_f(struct buf *b, double v)
{
    add(b, v, num_format_f);
}

void num_add_short(struct buf *b, double v)
{
    add(b, v, num_format_short);
}

void num_add_sample(struct buf *b, double v)
{
    add(b, v, num_format_sample);
}

void num_add_i64(struct buf *b, int64_t v)
{
    char text[21];
    size_t n = 0;

    if (v < 0)
        text[n++] = '-';
    n += format_u64(v < 0 ? -(uint64_t)v : (uint64_t)v, text + n);
    buf_add(b, text, n);
}

static bool is_word(struct str s, const char *word)
{
    for (size_t i = 0; i < s.len; i++)
        if (word[i] == '\0' || (s.p[i] | 0x20) != word[i])
            return false;
    return word[s.len] == '\0';
}

/* inf and nan. As in Go, a NaN has no sign. */
static bool parse_special(struct str s, bool has_sign, bool negative, double *ret)
{
    const uint64_t go_nan = UINT64_C(0x7ff8000000000001);

    if (is_word(s, "inf") || is_word(s, "infinity")) {
        *ret = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (has_sign || !is_word(s, "nan"))
        return false;
    memcpy(ret, &go_nan, sizeof *ret);
    return true;
}

bool num_parse_double(struct str s, double *ret)
{
    bool has_sign = s.len > 0 && (s.p[0] == '+' || s.p[0] == '-'),
         negative = has_sign && s.p[0] == '-';
    double v;

    if (has_sign)
        s = str_n(s.p + 1, s.len - 1);
    if (s.len == 0)
        return false;
    if (s.p[0] != '.' && (s.p[0] < '0' || s.p[0] > '9'))
        return parse_special(s, has_sign, negative, ret);
    if (!num_parse_magnitude(s.p, s.len, &v))
        return false;
    *ret = negative ? -v : v;
    return true;
}

bool num_parse_u64(struct str s, uint64_t *ret)
{
    size_t i = s.len > 0 && s.p[0] == '+';
    uint64_t v = 0;

    if (i == s.len)
        return false;
    for (; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool num_parse_i64(struct str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.p[0] == '-';
    uint64_t v;

    if (negative) {
        s = str_n(s.p + 1, s.len - 1);
        if (s.len > 0 && s.p[0] == '+')
            return false;
    }
    if (!num_parse_u64(s, &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = (int64_t)(negative ? -v : v);
    return true;
}
