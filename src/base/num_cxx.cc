/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num_priv.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#define FIXED_MAX 352 /* NUM_TEXT_MAX of num.h, which is C */

size_t num_shortest_e(double v, char *out)
{
    return static_cast<size_t>(std::to_chars(out, out + 32, v, std::chars_format::scientific).ptr -
                               out);
}

size_t num_shortest_fixed(double v, char *out)
{
    return static_cast<size_t>(
        std::to_chars(out, out + FIXED_MAX, v, std::chars_format::fixed).ptr - out);
}

void num_shortest_digits(double v, num_digits *ret)
{
    char text[32];
    const char *p = text, *end = text + num_shortest_e(v, text);

    ret->negative = *p == '-';
    p += ret->negative;
    ret->n = 0;
    for (; *p != 'e'; p++)
        if (*p != '.')
            ret->digits[ret->n++] = *p;
    p++;
    std::from_chars(p + (*p == '+'), end, ret->exponent);
}

bool num_parse_magnitude(const char *p, size_t len, double *ret)
{
    double v = 0;
    auto [end, code] = std::from_chars(p, p + len, v);

    if (code == std::errc::invalid_argument || end != p + len)
        return false;
    if (code == std::errc::result_out_of_range) /* does not say in which direction */
        v = std::strtod(std::string(p, len).c_str(), nullptr);
    *ret = v;
    return true;
}
