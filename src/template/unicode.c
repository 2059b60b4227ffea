/* SPDX-License-Identifier: Apache-2.0 */
#include "template/unicode.h"

#include <stddef.h>

#include "base/defs.h"
#include "template/unicode_tables.h"

static bool in_ranges(const struct range *r, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (c > r[mid].last)
            lo = mid + 1;
        else if (c < r[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}

static uint32_t mapped(const struct case_range *r, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (c > r[mid].last)
            lo = mid + 1;
        else if (c < r[mid].first)
            hi = mid;
        else
            return (c - r[mid].first) % r[mid].step ? c : (uint32_t)((int32_t)c + r[mid].delta);
    }
    return c;
}

bool unicode_is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '_';
    return in_ranges(words, ARRAY_LEN(words), c);
}

bool unicode_is_print(uint32_t c)
{
    if (c < 0x80)
        return c >= ' ' && c < 0x7f;
    return in_ranges(printable, ARRAY_LEN(printable), c);
}

bool unicode_is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

uint32_t unicode_upper(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return mapped(to_upper, ARRAY_LEN(to_upper), c);
}

uint32_t unicode_lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return mapped(to_lower, ARRAY_LEN(to_lower), c);
}
