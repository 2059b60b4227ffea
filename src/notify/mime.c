/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mime.h"

#include <errno.h>
#include <string.h>

#define WORD_BEGIN  "=?utf-8?q?"
#define WORD_END    "?="
#define WORD_MAX    75  /* bytes of an encoded word, RFC 2047 2 */
#define LINE_MAX_QP 76  /* bytes of a line, RFC 2045 6.7, without CRLF */
#define ADDRESS_MAX 320 /* bytes: 64 before the @, 255 behind it (RFC 5321 4.5.3.1) */

static const char hex[] = "0123456789ABCDEF";

static bool is_printable(unsigned char c)
{
    return c >= ' ' && c <= '~';
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_printable((unsigned char)s.p[i]) && s.p[i] != '\t')
            return false;
    return true;
}

static void add_hex(struct buf *out, unsigned char c)
{
    buf_add_byte(out, '=');
    buf_add_byte(out, hex[c >> 4]);
    buf_add_byte(out, hex[c & 15]);
}

/* ---- encoded words ------------------------------------------------------------------------- */

/* One character within a word. */
static void add_q(struct buf *out, struct str character)
{
    for (size_t i = 0; i < character.len; i++) {
        unsigned char c = (unsigned char)character.p[i];

        if (c == ' ')
            buf_add_byte(out, '_');
        else if (is_printable(c) && !strchr("=?_\"(),.:;<>@[\\]", c))
            buf_add_byte(out, (char)c);
        else
            add_hex(out, c);
    }
}

void mime_add_words(struct buf *out, struct str text)
{
    size_t begin = out->len;

    if (is_plain(text)) {
        buf_add_str(out, text);
        return;
    }
    buf_add_c(out, WORD_BEGIN);
    while (text.len > 0) {
        CLEANUP(buf_free) struct buf next = {0};
        uint32_t code_point;
        size_t n = str_utf8_next(text, &code_point);

        add_q(&next, str_n(text.p, n));
        if (out->len - begin + next.len + sizeof WORD_END - 1 > WORD_MAX) {
            buf_add_c(out, WORD_END "\r\n ");
            begin = out->len;
            buf_add_c(out, WORD_BEGIN);
        }
        buf_add_str(out, buf_str(&next));
        text = str_n(text.p + n, text.len - n);
    }
    buf_add_c(out, WORD_END);
}

/* ---- quoted-printable ---------------------------------------------------------------------- */

/* A blank at the end of a line would be lost on the way. */
static bool is_literal(struct str rest)
{
    unsigned char c = (unsigned char)rest.p[0];
    bool ends = rest.len == 1 || rest.p[1] == '\n' || rest.p[1] == '\r';

    if (c == ' ' || c == '\t')
        return !ends;
    return is_printable(c) && c != '=';
}

/* Bytes of the line's end that the text begins with. */
static size_t line_end(struct str s)
{
    return s.p[0] == '\n' ? 1 : s.len > 1 && s.p[0] == '\r' && s.p[1] == '\n' ? 2 : 0;
}

void mime_add_quoted_printable(struct buf *out, struct str text)
{
    size_t column = 0;

    while (text.len > 0) {
        size_t end = line_end(text), width = is_literal(text) ? 1 : 3;

        if (end > 0) {
            buf_add_c(out, "\r\n");
            column = 0;
            text = str_n(text.p + end, text.len - end);
            continue;
        }
        if (column + width > LINE_MAX_QP - 1) { /* one is for the = of a line that goes on */
            buf_add_c(out, "=\r\n");
            column = 0;
        }
        if (width == 1)
            buf_add_byte(out, text.p[0]);
        else
            add_hex(out, (unsigned char)text.p[0]);
        column += width;
        text = str_n(text.p + 1, text.len - 1);
    }
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* Cuts the next element off the list, at a comma that stands in no quotes and no <>. */
static struct str cut_address(struct str *list)
{
    bool quoted = false, angled = false;
    struct str one;
    size_t i;

    for (i = 0; i < list->len; i++) {
        char c = list->p[i];

        if (quoted && c == '\\' && i + 1 < list->len)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '<' || c == '>'))
            angled = c == '<';
        else if (!quoted && !angled && c == ',')
            break;
    }
    one = str_n(list->p, i);
    *list = i < list->len ? str_n(list->p + i + 1, list->len - i - 1) : STR("");
    return str_trim(one);
}

/* "Name" <a@b> into its two parts; the name may be empty. */
static struct str cut_name(struct str *one)
{
    struct str name = STR("");
    size_t open = one->len;

    if (one->len == 0 || one->p[one->len - 1] != '>')
        return name;
    while (open > 0 && one->p[open - 1] != '<')
        open--;
    if (open == 0)
        return name;
    name = str_trim(str_n(one->p, open - 1));
    *one = str_n(one->p + open, one->len - open - 1);
    if (name.len >= 2 && name.p[0] == '"' && name.p[name.len - 1] == '"')
        name = str_n(name.p + 1, name.len - 2);
    return name;
}

/* What stands here goes into commands of SMTP: nothing in it may end one. */
static bool is_address(struct str s)
{
    size_t at = str_find(s, STR("@"));

    if (at == 0 || at + 1 >= s.len || s.len > ADDRESS_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("<>,;:\"()", s.p[i]))
            return false;
    return true;
}

static void add_name(struct buf *out, struct str name)
{
    if (is_plain(name))
        buf_addf(out, "\"%.*s\"", STR_ARG(name)); /* what needed a backslash still has it */
    else
        mime_add_words(out, name);
}

int mime_read_addresses(struct str list, struct buf *envelope, struct buf *header, size_t *ret_n,
                        struct err *err)
{
    size_t n = 0;

    list = str_trim(list);
    do {
        struct str one = cut_address(&list), name = cut_name(&one);

        if (!is_address(one))
            return err_set(err, -EINVAL, "\"%.*s\" is no address, expected name@host",
                           (int)str_utf8_prefix(one, ADDRESS_MAX / 4), one.p);
        buf_addf(envelope, "%s%.*s", envelope->len > 0 ? "\n" : "", STR_ARG(one));
        if (n++ > 0)
            buf_add_c(header, ",\r\n "); /* a line each: a header's lines have an end */
        if (name.len > 0) {
            add_name(header, name);
            buf_addf(header, " <%.*s>", STR_ARG(one));
        } else {
            buf_add_str(header, one);
        }
    } while (list.len > 0);
    *ret_n = n;
    return 0;
}
