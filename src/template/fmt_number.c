/* SPDX-License-Identifier: Apache-2.0 */
#include "template/fmt_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "template/text_priv.h"

#define SHORTEST (-1) /* precision: as many digits as read back equal */

/* Digits of v in `base`, at least `least` of them (Go: both %.5d and %05d ask for zeroes). */
static void add_digits(struct buf *b, uint64_t v, unsigned base, bool upper, int least)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[64];
    int n = 0;

    do
        digits[n++] = set[v % base];
    while ((v /= base) > 0);
    for (int i = n; i < least; i++)
        buf_add_byte(b, '0');
    while (n > 0)
        buf_add_byte(b, digits[--n]);
}

static void add_in_base(struct fmt *f, uint64_t v, bool is_signed, unsigned base, uint32_t verb)
{
    struct buf digits = {0}, all = {0};
    bool negative = is_signed && (int64_t)v < 0, zero = f->zero;
    int least = 0;

    if (negative)
        v = -v;
    if (f->has_prec) {
        least = f->prec;
        if (least == 0 && v == 0) {
            f->zero = false;
            fmt_padding(f, f->width);
            f->zero = zero;
            return;
        }
    } else if (f->zero && !f->minus && f->has_width) {
        least = f->width - (negative || f->plus || f->space);
    }
    add_digits(&digits, v, base, verb == 'X', least);
    if (negative || f->plus || f->space)
        buf_add_byte(&all, negative ? '-' : f->plus ? '+' : ' ');
    if (verb == 'O')
        buf_add_c(&all, "0o");
    else if (f->sharp && base == 2)
        buf_add_c(&all, "0b");
    else if (f->sharp && base == 8 && digits.p[0] != '0')
        buf_add_c(&all, "0");
    else if (f->sharp && base == 16)
        buf_add_c(&all, verb == 'X' ? "0X" : "0x");
    buf_add_str(&all, buf_str(&digits));
    f->zero = false; /* the zeroes are there already */
    fmt_pad(f, buf_str(&all));
    f->zero = zero;
    buf_free(&digits);
    buf_free(&all);
}

static void add_character(struct fmt *f, uint64_t v, uint32_t verb)
{
    struct buf b = {0};
    uint32_t c = v > 0x10FFFF ? 0xFFFD : (uint32_t)v;

    if (verb == 'q') {
        text_add_quoted_char(&b, c, f->plus);
    } else if (verb == 'c') {
        buf_add_utf8(&b, c);
    } else {
        buf_add_c(&b, "U+");
        add_digits(&b, v, 16, true, f->has_prec && f->prec > 4 ? f->prec : 4);
        if (f->sharp && v <= 0x10FFFF) {
            struct buf shown = {0};

            text_add_code_point(&shown, c);
            if (shown.p[shown.len - 1] == '\'') {
                buf_add_c(&b, " '");
                buf_add_utf8(&b, c);
                buf_add_byte(&b, '\'');
            }
            buf_free(&shown);
        }
    }
    fmt_pad(f, buf_str(&b));
    buf_free(&b);
}

bool fmt_integer(struct fmt *f, uint64_t v, bool is_signed, uint32_t verb)
{
    bool sharp = f->sharp;

    switch (verb) {
    case 'v':
        f->sharp = f->sharp_v && !is_signed;
        add_in_base(f, v, is_signed, f->sharp ? 16 : 10, verb);
        f->sharp = sharp;
        return true;
    case 'd': add_in_base(f, v, is_signed, 10, verb); return true;
    case 'b': add_in_base(f, v, is_signed, 2, verb); return true;
    case 'o':
    case 'O': add_in_base(f, v, is_signed, 8, verb); return true;
    case 'x':
    case 'X': add_in_base(f, v, is_signed, 16, verb); return true;
    case 'c':
    case 'q':
    case 'U': add_character(f, v, verb); return true;
    default: return false;
    }
}

/* C writes one exponent digit in hexadecimal floats, Go at least two; C has no -1 for "as many as
 * needed" there either, but leaving the precision out means just that. */
static void add_hex_float(struct buf *b, double v, bool upper, int prec)
{
    struct buf c = {0};
    size_t p;

    if (prec < 0)
        buf_addf(&c, upper ? "%A" : "%a", v);
    else
        buf_addf(&c, upper ? "%.*A" : "%.*a", prec, v);
    p = str_find(buf_str(&c), upper ? STR("P") : STR("p")) + 2;
    buf_add(b, c.p, p);
    if (c.len - p < 2)
        buf_add_byte(b, '0');
    buf_add(b, c.p + p, c.len - p);
    buf_free(&c);
}

/* %b: the mantissa as an integer, p, a power of two. */
static void add_binary_float(struct buf *b, double v)
{
    int exp;
    double m = frexp(v, &exp);

    if (exp < -1021) { /* denormals keep the smallest exponent */
        m = ldexp(m, exp + 1021);
        exp = -1021;
    }
    if (v == 0)
        exp = -1021;
    buf_addf(b, "%.0fp%+d", ldexp(m, 53), exp - 53);
}

static void add_shortest(struct buf *b, double v, uint32_t verb)
{
    char text[NUM_TEXT_MAX];
    size_t n = verb == 'e' || verb == 'E'   ? num_format_e(v, text)
               : verb == 'f' || verb == 'F' ? num_format_f(v, text)
                                            : num_format_short(v, text);

    for (size_t i = 0; i < n; i++)
        buf_add_byte(b, text[i] == 'e' && (verb == 'E' || verb == 'G') ? 'E' : text[i]);
}

/* strconv.FormatFloat of a finite number. */
static void add_float(struct buf *b, double v, uint32_t verb, int prec)
{
    switch (verb) {
    case 'b': add_binary_float(b, v); break;
    case 'x':
    case 'X': add_hex_float(b, v, verb == 'X', prec); break;
    default:
        if (prec == SHORTEST)
            add_shortest(b, v, verb);
        else if (verb == 'e' || verb == 'E')
            buf_addf(b, verb == 'e' ? "%.*e" : "%.*E", prec, v);
        else if (verb == 'f' || verb == 'F')
            buf_addf(b, "%.*f", prec, v);
        else
            buf_addf(b, verb == 'G' ? "%.*G" : "%.*g", prec, v);
    }
}

/* %#: a decimal point always, and for %g the zeroes that fill up the precision. */
static void make_sharp(struct buf *num, uint32_t verb, int prec)
{
    struct buf out = {0};
    bool keep = verb == 'v' || verb == 'g' || verb == 'G';
    int digits = prec == SHORTEST ? 6 : prec;
    size_t tail = 1;
    bool point = false, seen = false;

    while (tail < num->len && num->p[tail] != 'e' && num->p[tail] != 'E')
        tail++;
    for (size_t i = 0; i < tail; i++) {
        char c = num->p[i];

        point = point || c == '.';
        seen = seen || (c >= '1' && c <= '9');
        digits -= c >= '0' && c <= '9' && seen;
        buf_add_byte(&out, c);
    }
    if (!seen)
        digits--; /* the zero itself */
    if (!point)
        buf_add_byte(&out, '.');
    for (; keep && digits > 0; digits--)
        buf_add_byte(&out, '0');
    buf_add(&out, num->p + tail, num->len - tail);
    buf_free(num);
    *num = out;
}

/* `num` begins with a sign. */
static void pad_signed(struct fmt *f, struct str num)
{
    int len = (int)num.len;

    if (!f->plus && num.p[0] == '+') {
        fmt_pad(f, str_n(num.p + 1, num.len - 1));
    } else if (f->zero && !f->minus && f->has_width && f->width > len) {
        buf_add_byte(f->out, num.p[0]); /* the sign stands before the zeroes */
        fmt_padding(f, f->width - len);
        buf_add(f->out, num.p + 1, num.len - 1);
    } else {
        fmt_pad(f, num);
    }
}

static void add_signed_float(struct fmt *f, double v, uint32_t verb, int prec)
{
    struct buf num = {0};
    bool zero = f->zero;

    if (f->has_prec)
        prec = f->prec;
    if (!signbit(v) || isnan(v))
        buf_add_byte(&num, '+');
    if (isfinite(v))
        add_float(&num, v, verb, prec);
    else
        buf_add_c(&num, isnan(v) ? "NaN" : v < 0 ? "-Inf" : "Inf");
    if (f->space && num.p[0] == '+' && !f->plus)
        num.p[0] = ' ';
    if (!isfinite(v)) {
        struct str s = buf_str(&num);

        f->zero = false;
        if (isnan(v) && !f->space && !f->plus)
            s = str_n(s.p + 1, s.len - 1);
        fmt_pad(f, s);
        f->zero = zero;
    } else {
        if (f->sharp && verb != 'b' && verb != 'x' && verb != 'X')
            make_sharp(&num, verb, prec);
        pad_signed(f, buf_str(&num));
    }
    buf_free(&num);
}

bool fmt_float(struct fmt *f, double v, uint32_t verb)
{
    switch (verb) {
    case 'v': add_signed_float(f, v, 'g', SHORTEST); return true;
    case 'b':
    case 'g':
    case 'G':
    case 'x':
    case 'X': add_signed_float(f, v, verb, SHORTEST); return true;
    case 'f':
    case 'e':
    case 'E': add_signed_float(f, v, verb, 6); return true;
    case 'F': add_signed_float(f, v, 'f', 6); return true;
    default: return false;
    }
}

bool fmt_complex(struct fmt *f, const double parts[2], uint32_t verb)
{
    bool plus = f->plus;

    if (verb == 0 || verb > 'z' || !strchr("vbgGxXfFeE", (int)verb))
        return false;
    buf_add_byte(f->out, '(');
    fmt_float(f, parts[0], verb);
    f->plus = true;
    fmt_float(f, parts[1], verb);
    f->plus = plus;
    buf_add_c(f->out, "i)");
    return true;
}
