/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alertmanager has two notations for matchers.
 *
 *   classic   [{] name op value {, name op value} [,] [}]
 *             name is [a-zA-Z_:][a-zA-Z0-9_:]*; value is bare or in double quotes, and knows \n \"
 * \\ only UTF-8     [{] text op text {, text op text} [,] [}]     braces pair text is a Go string
 * in double quotes, or a run of anything but blanks and {}!=~,\"'`
 *
 * Where both can read a text, the classic meaning counts; where only one can, that one. Nothing but
 * the classic error is shown: it is the notation that people know.
 */
#include "config/config_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/quote.h"

#define CONFIG_MATCHERS_MAX 1000 /* of one text */

struct reader {
    struct str rest;
    struct matcher **found; /* owned */
    size_t n, cap;
    struct err *err;
};

static void reader_deinit(struct reader *r)
{
    for (size_t i = 0; i < r->n; i++)
        matcher_free(r->found[i]);
    free(r->found);
}

static int add_matcher(struct reader *r, enum matcher_type type, struct str name, struct str value)
{
    struct matcher *m;
    int ret;

    if (r->n == CONFIG_MATCHERS_MAX)
        return err_set(r->err, -E2BIG, "more than %d matchers", CONFIG_MATCHERS_MAX);
    ret = matcher_new(type, name, value, &m, r->err);
    if (ret < 0)
        return err_in(r->err, ret, "error parsing regexp");
    *VEC_PUSH(r->found, r->n, r->cap) = m;
    return 0;
}

static struct str skip(struct str s, size_t n)
{
    return str_n(s.p + n, s.len - n);
}

/* The operator at the start of s: longest first, "=~" is no "=". Returns its length, 0 when there
 * is none. */
static size_t operator_at(struct str s, enum matcher_type *ret)
{
    static const struct {
        struct str text;
        enum matcher_type type;
    } ops[] = {
        {{"=~", 2}, MATCH_RE}, {{"!~", 2}, MATCH_NRE}, {{"!=", 2}, MATCH_NE}, {{"=", 1}, MATCH_EQ}};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (str_has_prefix(s, ops[i].text)) {
            *ret = ops[i].type;
            return ops[i].text.len;
        }
    return 0;
}

/* ---- classic ------------------------------------------------------------------------------- */

static bool is_classic_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static struct str trim_classic(struct str s)
{
    while (s.len > 0 && is_classic_blank(s.p[0]))
        s = skip(s, 1);
    while (s.len > 0 && is_classic_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

/* What `raw` means. An unescaped quote may only stand at both ends; a backslash before anything but
 * n, " and \ is one. */
static int classic_value(struct reader *r, struct str raw, struct buf *out)
{
    bool quoted = raw.len > 0 && raw.p[0] == '"';

    for (size_t i = quoted ? 1 : 0; i < raw.len; i++) {
        char c = raw.p[i], next = i + 1 < raw.len ? raw.p[i + 1] : '\0';

        if (c == '\\' && i + 1 < raw.len) {
            if (next == 'n')
                next = '\n';
            else if (next != '"' && next != '\\')
                buf_add_byte(out, '\\');
            buf_add_byte(out, next);
            i++;
        } else if (c == '"') {
            if (!quoted || i + 1 < raw.len)
                goto unescaped;
            return 0;
        } else {
            buf_add_byte(out, c);
        }
    }
    if (!quoted)
        return 0;
unescaped:
    return err_set(r->err, -EINVAL, "matcher value contains unescaped double quote: " STR_FMT,
                   STR_ARG(raw));
}

static int classic_matcher(struct reader *r, struct str piece)
{
    CLEANUP(buf_free)
    struct buf value = {0};
    struct str s = trim_classic(piece), name;
    enum matcher_type type;
    size_t n = 0;
    int ret;

    while (n < s.len && is_name_byte(s.p[n], n == 0))
        n++;
    name = str_n(s.p, n);
    s = trim_classic(skip(s, n));
    n = operator_at(s, &type);
    if (name.len == 0 || n == 0)
        return err_set(r->err, -EINVAL, "bad matcher format: " STR_FMT, STR_ARG(piece));
    ret = classic_value(r, trim_classic(skip(s, n)), &value);
    return ret < 0 ? ret : add_matcher(r, type, name, buf_str(&value));
}

/* Bytes up to the next comma that is not between quotes. A quote behind a backslash does not count,
 * and a comma may stand between the two. */
static size_t classic_piece(struct str s, bool *escaped)
{
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == ',' && !quoted)
            return i;
        if (s.p[i] == '"' && !*escaped)
            quoted = !quoted;
        if (s.p[i] == '\\')
            *escaped = !*escaped;
        else if (s.p[i] != ',')
            *escaped = false;
    }
    return s.len;
}

static int read_classic(struct reader *r)
{
    bool escaped = false;

    if (r->rest.len > 0 && r->rest.p[0] == '{')
        r->rest = skip(r->rest, 1);
    if (r->rest.len > 0 && r->rest.p[r->rest.len - 1] == '}')
        r->rest.len--;
    for (;;) {
        size_t n = classic_piece(r->rest, &escaped);
        bool last = n == r->rest.len;
        int ret;

        /* What follows the last comma may be nothing. */
        if (last && trim_classic(r->rest).len == 0)
            return 0;
        ret = classic_matcher(r, str_n(r->rest.p, n));
        if (ret < 0 || last)
            return ret;
        r->rest = skip(r->rest, n + 1);
    }
}

/* ---- UTF-8 --------------------------------------------------------------------------------- */

static bool is_blank(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_reserved(uint32_t c)
{
    return c < 0x80 && c > 0 && strchr("{}!=~,\\\"'`", (int)c);
}

static struct str skip_blanks(struct str s)
{
    while (s.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(s, &c);

        if (!is_blank(c))
            break;
        s = skip(s, n);
    }
    return s;
}

static int digit_of(char c, int base)
{
    int v = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : 99;

    return v < base ? v : -1;
}

/* n digits at *s. False when there are fewer. */
static bool digits(struct str *s, int n, int base, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < n; i++) {
        int v = s->len > 0 ? digit_of(s->p[0], base) : -1;

        if (v < 0)
            return false;
        *ret = *ret * (uint32_t)base + (uint32_t)v;
        *s = skip(*s, 1);
    }
    return true;
}

/* What stands behind a backslash in a Go string. */
static bool go_escape(struct str *s, struct buf *out)
{
    static const char letters[] = "abfnrtv\\\"", means[] = "\a\b\f\n\r\t\v\\\"";
    char c = s->len > 0 ? s->p[0] : '\0';
    const char *at = c ? strchr(letters, c) : NULL;
    uint32_t v;

    if (at) {
        buf_add_byte(out, means[at - letters]);
        *s = skip(*s, 1);
        return true;
    }
    if (c >= '0' && c <= '7') {
        if (!digits(s, 3, 8, &v) || v > 255)
            return false;
        buf_add_byte(out, (char)v);
        return true;
    }
    if (c != 'x' && c != 'u' && c != 'U')
        return false;
    *s = skip(*s, 1);
    if (!digits(s, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &v))
        return false;
    if (c == 'x') {
        buf_add_byte(out, (char)v);
        return true;
    }
    if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return false;
    buf_add_utf8(out, v);
    return true;
}

/* A quoted or bare text at the start of r->rest. */
static bool utf8_text(struct reader *r, struct buf *out)
{
    struct str s = skip_blanks(r->rest);
    bool bare = s.len == 0 || s.p[0] != '"';

    if (bare) {
        while (s.len > 0) {
            uint32_t c;
            size_t n = str_utf8_next(s, &c);

            if (is_blank(c) || is_reserved(c))
                break;
            buf_add(out, s.p, n);
            s = skip(s, n);
        }
        r->rest = s;
        return out->len > 0;
    }
    for (s = skip(s, 1); s.len > 0 && s.p[0] != '"';) {
        char c = s.p[0];

        s = skip(s, 1);
        if (c == '\n' || (c == '\\' && !go_escape(&s, out)))
            return false;
        if (c != '\\')
            buf_add_byte(out, c);
    }
    if (s.len == 0)
        return false;
    r->rest = skip(s, 1);
    return str_is_utf8(buf_str(out));
}

static bool take(struct reader *r, char c)
{
    r->rest = skip_blanks(r->rest);
    if (r->rest.len == 0 || r->rest.p[0] != c)
        return false;
    r->rest = skip(r->rest, 1);
    return true;
}

static bool utf8_matcher(struct reader *r)
{
    CLEANUP(buf_free)
    struct buf name = {0}, value = {0};
    enum matcher_type type;
    size_t n;

    if (!utf8_text(r, &name))
        return false;
    r->rest = skip_blanks(r->rest);
    n = operator_at(r->rest, &type);
    if (n == 0)
        return false;
    r->rest = skip(r->rest, n);
    return utf8_text(r, &value) && add_matcher(r, type, buf_str(&name), buf_str(&value)) == 0;
}

static bool read_utf8(struct reader *r)
{
    bool braces = take(r, '{');

    while (skip_blanks(r->rest).len > 0 && skip_blanks(r->rest).p[0] != '}') {
        if (!utf8_matcher(r))
            return false;
        if (!take(r, ','))
            break;
    }
    return take(r, '}') == braces && skip_blanks(r->rest).len == 0;
}

/* ---- the door ------------------------------------------------------------------------------ */

int config_parse_matchers(struct str text, struct matcher ***list, size_t *n, struct err *err)
{
    struct err classic_err = {0};
    CLEANUP(reader_deinit)
    struct reader classic = {.rest = text, .err = &classic_err};
    CLEANUP(reader_deinit)
    struct reader utf8 = {.rest = text};
    struct reader *won = &classic;
    int r;

    if (!str_is_utf8(text))
        return err_set(err, -EINVAL, "matchers are not valid UTF-8");
    r = read_classic(&classic);
    if (r < 0) {
        if (r == -E2BIG || !read_utf8(&utf8))
            return err_set(err, r, "%s", classic_err.msg);
        won = &utf8;
    }
    if (won->n == 0)
        return 0;
    *list = mem_resize(*list, *n + won->n, sizeof **list);
    memcpy(*list + *n, won->found, won->n * sizeof **list);
    *n += won->n;
    won->n = 0;
    return 0;
}

int config_parse_matcher(struct str text, struct matcher **ret, struct err *err)
{
    struct err classic_err = {0};
    CLEANUP(reader_deinit)
    struct reader classic = {.rest = text, .err = &classic_err};
    CLEANUP(reader_deinit)
    struct reader utf8 = {.rest = text};
    struct reader *won = &classic;

    if (!str_is_utf8(text))
        return err_set(err, -EINVAL, "matchers are not valid UTF-8");
    if (text.len > 0 && (text.p[0] == '{' || text.p[text.len - 1] == '}'))
        return err_set(err, -EINVAL, "unexpected open or close brace: " STR_FMT,
                       STR_ARG(str_n(text.p, str_utf8_prefix(text, CONFIG_QUOTE_MAX))));
    if (classic_matcher(&classic, text) < 0) {
        if (!utf8_matcher(&utf8) || skip_blanks(utf8.rest).len > 0)
            return err_set(err, -EINVAL, "%s", classic_err.msg);
        won = &utf8;
    }
    *ret = won->found[0];
    won->n = 0;
    return 0;
}

static int cmp_matchers(const void *a, const void *b)
{
    const struct matcher *x = *(struct matcher *const *)a, *y = *(struct matcher *const *)b;
    int r = str_cmp(x->name, y->name);

    if (r == 0)
        r = str_cmp(x->value, y->value);
    return r != 0 ? r : (int)x->type - (int)y->type;
}

void matchers_sort(struct matcher **ms, size_t n)
{
    if (n > 1)
        qsort(ms, n, sizeof *ms, cmp_matchers);
}

static bool needs_quotes(struct str name)
{
    while (name.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(name, &c);

        if (is_blank(c) || is_reserved(c))
            return true;
        name = skip(name, n);
    }
    return false;
}

static void print_plainly(struct buf *out, struct str s)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\n') {
            buf_add_c(out, "\\n");
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, s.p[i]);
    }
    buf_add_byte(out, '"');
}

void matchers_print(struct matcher *const *ms, size_t n, struct buf *out)
{
    buf_add_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        const struct matcher *m = ms[i];
        bool quoted = needs_quotes(m->name);

        if (i > 0)
            buf_add_byte(out, ',');
        if (quoted)
            quote_add_go(out, m->name);
        else
            buf_add_str(out, m->name);
        buf_add_c(out, matcher_op(m->type));
        if (quoted)
            quote_add_go(out, m->value);
        else
            print_plainly(out, m->value);
    }
    buf_add_byte(out, '}');
}
