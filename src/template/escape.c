/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "template/text_priv.h"
#include "template/unicode.h"

void text_add_html(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.p[i]) {
        case '&': buf_add_c(b, "&amp;"); break;
        case '<': buf_add_c(b, "&lt;"); break;
        case '>': buf_add_c(b, "&gt;"); break;
        case '"': buf_add_c(b, "&#34;"); break;
        case '\'': buf_add_c(b, "&#39;"); break;
        case '\0': buf_add_utf8(b, 0xFFFD); break;
        default: buf_add_byte(b, s.p[i]);
        }
    }
}

void text_add_js(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t c;
        size_t n = str_utf8_next(str_n(s.p + i, s.len - i), &c);

        if (c == '\\' || c == '\'' || c == '"')
            buf_addf(b, "\\%c", (char)c);
        else if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '=' ||
                 (c >= 0x80 && !unicode_is_print(c)))
            buf_addf(b, "\\u%04X", (unsigned)c);
        else
            buf_add(b, s.p + i, n);
        i += n;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_query_unescape(struct str s, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '+') {
            buf_add_byte(out, ' ');
        } else if (s.p[i] != '%') {
            buf_add_byte(out, s.p[i]);
        } else if (i + 2 < s.len && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
            buf_add_byte(out, (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2])));
            i += 2;
        } else {
            size_t n = s.len - i < 3 ? s.len - i : 3;

            return err_set(err, -EINVAL, "invalid URL escape \"%.*s\"", (int)n, s.p + i);
        }
    }
    return 0;
}

static void add_mapped(struct buf *b, struct str s, uint32_t (*map)(uint32_t))
{
    for (size_t i = 0; i < s.len;) {
        uint32_t c;

        i += str_utf8_next(str_n(s.p + i, s.len - i), &c);
        buf_add_utf8(b, map(c));
    }
}

void text_add_upper(struct buf *b, struct str s)
{
    add_mapped(b, s, unicode_upper);
}

void text_add_lower(struct buf *b, struct str s)
{
    add_mapped(b, s, unicode_lower);
}

static bool has_case(uint32_t c)
{
    return unicode_upper(c) != c || unicode_lower(c) != c;
}

/* An apostrophe or full stop between letters does not end a word: don't, www.example. */
static bool joins_letters(uint32_t c)
{
    return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2019;
}

void text_add_title(struct buf *b, struct str s, bool lower_rest)
{
    bool begun = false; /* the word has had its capital */
    uint32_t before = ' ';

    for (size_t i = 0; i < s.len;) {
        uint32_t c, after = ' ';

        i += str_utf8_next(str_n(s.p + i, s.len - i), &c);
        if (i < s.len)
            str_utf8_next(str_n(s.p + i, s.len - i), &after);
        if (!unicode_is_word(c) &&
            !(joins_letters(c) && unicode_is_word(before) && unicode_is_word(after)))
            begun = false;
        if (has_case(c) && !begun) {
            buf_add_utf8(b, unicode_upper(c));
            begun = true;
        } else {
            buf_add_utf8(b, lower_rest ? unicode_lower(c) : c);
        }
        before = c;
    }
}
