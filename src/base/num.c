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

/* A decimal of no more than 15 digits is told from its neighbours by a double. */
#define DECIMAL_MAX 1e15

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

/* The digits of 00 ... 99. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* The last n digits of v, with zeroes in front, n > 0. */
static void put_digits(uint64_t v, size_t n, char *out)
{
    for (; n >= 2; n -= 2, v /= 100)
        memcpy(out + n - 2, pairs + v % 100 * 2, 2);
    if (n > 0)
        out[0] = (char)('0' + v % 10);
}

static size_t digit_count(uint64_t v)
{
    size_t n = 1;

    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

static size_t format_u64(uint64_t v, char *out)
{
    size_t n = digit_count(v);

    put_digits(v, n, out);
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

/* Whether size is whole / scale, of no more than 15 digits. */
static bool is_decimal(double size, double scale, uint64_t *ret_whole)
{
    double scaled = size * scale;

    if (!(scaled < DECIMAL_MAX))
        return false;
    *ret_whole = (uint64_t)(scaled + 0.5);
    return (double)*ret_whole / scale == size;
}

/*
 * A short decimal, as most measured values are: returns 0 when v is none. Whole and scale are exact
 * as doubles, so their quotient is the double nearest to the decimal: the decimal reads back equal.
 * Decimals of 15 digits and less are all different doubles, so no other one that is as short does.
 */
static size_t format_decimal(double v, char *out)
{
    size_t places = 3, n = signbit(v) ? 1 : 0;
    double size = fabs(v);
    uint64_t m, scale = 1000;

    if (!is_decimal(size, 1e3, &m)) {
        if (!is_decimal(size, 1e6, &m))
            return 0;
        places = 6;
        scale = 1000000;
    }
    out[0] = '-'; /* or what comes next, when there is no sign */
    n += format_u64(m / scale, out + n);
    out[n++] = '.';
    put_digits(m % scale, places, out + n);
    n += places;
    while (out[n - 1] == '0')
        n--;
    return n;
}

size_t num_format_f(double v, char *out)
{
    size_t n;

    double size = fabs(v);

    if (!isfinite(v))
        return format_special(v, out);
    if (size >= EXACT_MAX)
        return format_large(v, out);
    if (v == trunc(v))
        return format_whole(v, out);
    n = format_decimal(v, out);
    return n ? n : num_shortest_fixed(v, out);
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
