/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quote.h"

/*
 * Characters from U+0080 on that do not show: controls, blanks other than U+0020, format
 * characters, surrogates, private use, and the ends of the planes. Code points that Unicode has not
 * given out yet are taken as visible: the list of those changes every year.
 */
static const struct range {
    uint32_t first, last;
} unseen[] = {
    {0x80, 0xa0},        {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
    {0x1680, 0x1680},    {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
    {0x205f, 0x206f},    {0x3000, 0x3000},   {0xd800, 0xf8ff},   {0xfeff, 0xfeff},
    {0xfff0, 0xfffb},    {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f},  {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff},
    {0xe01f0, 0x10ffff},
};

static bool is_visible(uint32_t c)
{
    if (c < 0x80)
        return c >= 0x20 && c < 0x7f;
    for (size_t i = 0; i < ARRAY_LEN(unseen); i++)
        if (c >= unseen[i].first && c <= unseen[i].last)
            return false;
    return true;
}

/* Of ASCII: a short escape, or \xXX. */
static void add_short(struct buf *out, unsigned char c)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        buf_addf(out, "\\%c", to[at - from]);
    else
        buf_addf(out, "\\x%02x", c);
}

void quote_add_go(struct buf *out, struct str s)
{
    size_t from = 0, i = 0; /* [from, i) goes out as it is */

    buf_add_byte(out, '"');
    while (i < s.len) {
        unsigned char first = (unsigned char)s.p[i];
        uint32_t c;
        size_t len = str_utf8_next(str_n(s.p + i, s.len - i), &c);
        bool invalid = len == 1 && first >= 0x80;

        if (!invalid && is_visible(c) && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        buf_add(out, s.p + from, i - from);
        if (first < 0x80 || invalid)
            add_short(out, first);
        else
            buf_addf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        i += len;
        from = i;
    }
    if (i > from) /* s.p may be NULL when it is empty */
        buf_add(out, s.p + from, i - from);
    buf_add_byte(out, '"');
}

static bool is_plain_in_url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void quote_add_url(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (is_plain_in_url(s.p[i]))
            buf_add_byte(out, s.p[i]);
        else if (s.p[i] == ' ')
            buf_add_byte(out, '+');
        else
            buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
    }
}

void quote_add_parameter(struct buf *url, const char *name, const char *value)
{
    bool is_first = str_find(buf_str(url), STR("?")) == url->len;

    if (!value || !*value)
        return;
    buf_addf(url, "%c%s=", is_first ? '?' : '&', name);
    quote_add_url(url, str_c(value));
}
