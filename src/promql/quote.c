/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/quote.h"

#define REPLACEMENT 0xfffdu /* what str_utf8_next() gives for an invalid byte */

/* Controls, format characters, blanks but U+0020, surrogates, private use and noncharacters. Below
 * U+10000 the table is complete; unassigned characters count as printable. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x0, 0x1f},         {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},
    {0x61c, 0x61c},      {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},
    {0x8e2, 0x8e2},      {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f},    {0x205f, 0x2064},   {0x2066, 0x206f},   {0x3000, 0x3000},
    {0xd800, 0xf8ff},    {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},
    {0xfffe, 0xffff},    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x13438},
    {0x1bca0, 0x1bca3},  {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
    {0xf0000, 0x10ffff},
};

bool quote_is_printable(uint32_t c)
{
    if (c < 0x7f)
        return c >= 0x20;
    for (size_t i = 0; i < ARRAY_LEN(unprintable); i++)
        if (c <= unprintable[i].last)
            return c < unprintable[i].first;
    return false;
}

static void add_escaped(struct buf *out, uint32_t c)
{
    static const char letters[] = "abtnvfr"; /* of 7 ... 13 */

    if (c >= 7 && c <= 13)
        buf_addf(out, "\\%c", letters[c - 7]);
    else if (c < 0x20 || c == 0x7f)
        buf_addf(out, "\\x%02x", (unsigned)c);
    else if (c < 0x10000)
        buf_addf(out, "\\u%04x", (unsigned)c);
    else
        buf_addf(out, "\\U%08x", (unsigned)c);
}

static void add_char(struct buf *out, uint32_t c, char delimiter)
{
    if (c == (unsigned char)delimiter || c == '\\')
        buf_addf(out, "\\%c", (char)c);
    else if (quote_is_printable(c))
        buf_add_utf8(out, c);
    else
        add_escaped(out, c);
}

void quote_add(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    while (s.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(s, &c);

        if (c == REPLACEMENT && n == 1)
            buf_addf(out, "\\x%02x", (unsigned char)*s.p);
        else
            add_char(out, c, '"');
        s = str_n(s.p + n, s.len - n);
    }
    buf_add_byte(out, '"');
}

void quote_add_char(struct buf *out, uint32_t c)
{
    buf_add_byte(out, '\'');
    add_char(out, c, '\'');
    buf_add_byte(out, '\'');
}
