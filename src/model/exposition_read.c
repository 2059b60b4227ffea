/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of both formats. Text 0.0.4 takes any blanks between its parts and any comment; OpenMetrics
 * takes one blank, only its own comments, and wants "# EOF" at the end. Both may have empty lines.
 *
 *     # HELP name text            # TYPE name type            # UNIT name unit (OpenMetrics)
 *     name{label="value",...} value [time] [# {label="value"} value [time]]     (# ...:
 * OpenMetrics)
 *
 * A series' labels are only skipped here: exposition_labels() reads them when somebody has to know.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "model/exposition_priv.h"

#define F (BYTE_LABEL_FIRST | BYTE_LABEL | BYTE_NAME_FIRST | BYTE_NAME)
#define D (BYTE_LABEL | BYTE_NAME)
#define C (BYTE_NAME_FIRST | BYTE_NAME)
const unsigned char exposition_bytes[256] = {
    ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D,
    ['8'] = D, ['9'] = D, [':'] = C, ['_'] = F, ['A'] = F, ['B'] = F, ['C'] = F, ['D'] = F,
    ['E'] = F, ['F'] = F, ['G'] = F, ['H'] = F, ['I'] = F, ['J'] = F, ['K'] = F, ['L'] = F,
    ['M'] = F, ['N'] = F, ['O'] = F, ['P'] = F, ['Q'] = F, ['R'] = F, ['S'] = F, ['T'] = F,
    ['U'] = F, ['V'] = F, ['W'] = F, ['X'] = F, ['Y'] = F, ['Z'] = F, ['a'] = F, ['b'] = F,
    ['c'] = F, ['d'] = F, ['e'] = F, ['f'] = F, ['g'] = F, ['h'] = F, ['i'] = F, ['j'] = F,
    ['k'] = F, ['l'] = F, ['m'] = F, ['n'] = F, ['o'] = F, ['p'] = F, ['q'] = F, ['r'] = F,
    ['s'] = F, ['t'] = F, ['u'] = F, ['v'] = F, ['w'] = F, ['x'] = F, ['y'] = F, ['z'] = F,
};
#undef F
#undef D
#undef C

static const struct {
    const char *name;
    enum metric_type type;
    bool in_text, in_openmetrics;
} type_words[] = {
    {"counter", METRIC_COUNTER, true, true},
    {"gauge", METRIC_GAUGE, true, true},
    {"histogram", METRIC_HISTOGRAM, true, true},
    {"gaugehistogram", METRIC_GAUGEHISTOGRAM, false, true},
    {"summary", METRIC_SUMMARY, true, true},
    {"info", METRIC_INFO, false, true},
    {"stateset", METRIC_STATESET, false, true},
    {"unknown", METRIC_UNKNOWN, false, true},
    {"untyped", METRIC_UNKNOWN, true, false},
};

struct str metric_family_of(struct str name, enum metric_type type)
{
    const struct str parts[] = {STR("_bucket"), STR("_count"), STR("_sum")};
    bool has_parts = type == METRIC_HISTOGRAM || type == METRIC_GAUGEHISTOGRAM ||
                     type == METRIC_SUMMARY;

    for (size_t i = type == METRIC_SUMMARY; has_parts && i < ARRAY_LEN(parts); i++)
        if (name.len > parts[i].len && str_has_suffix(name, parts[i]))
            return str_n(name.p, name.len - parts[i].len);
    return name;
}

const char *metric_type_name(enum metric_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(type_words); i++)
        if (type_words[i].type == t)
            return type_words[i].name;
    return "unknown";
}

int exposition_error(const struct exposition_reader *r, struct err *err, const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf words = {.max = ERR_MSG_MAX};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&words, fmt, ap);
    va_end(ap);
    return err_set(err, -EINVAL, "line %zu: " STR_FMT, r->line, STR_ARG(buf_str(&words)));
}

/* ---- a cursor over the page ---------------------------------------------------------------- */

/* Inside a line. The page's end counts as the end of its last line. */
struct cursor {
    const char *p, *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool at_line_end(const struct cursor *c)
{
    return c->p == c->end || *c->p == '\n';
}

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && is_blank(*c->p))
        c->p++;
}

static struct str rest_of_line(struct cursor *c)
{
    const char *at = c->p, *newline = at < c->end ? memchr(at, '\n', (size_t)(c->end - at)) : NULL;

    c->p = newline ? newline : c->end;
    return str_n(at, (size_t)(c->p - at));
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(c->end - c->p) < len || memcmp(c->p, word, len) != 0)
        return false;
    c->p += len;
    return true;
}

/* Up to a blank or the end of the line. In OpenMetrics a tab is no blank. */
static struct str take_token(const struct exposition_reader *r, struct cursor *c)
{
    const char *at = c->p;

    while (!at_line_end(c) && *c->p != ' ' && !(*c->p == '\t' && r->format == EXPOSITION_TEXT))
        c->p++;
    return str_n(at, (size_t)(c->p - at));
}

static bool take_name(struct cursor *c)
{
    if (c->p == c->end || !(exposition_bytes[(unsigned char)*c->p] & BYTE_NAME_FIRST))
        return false;
    while (c->p < c->end && exposition_bytes[(unsigned char)*c->p] & BYTE_NAME)
        c->p++;
    return true;
}

const char *exposition_quoted_end(const char *p, const char *end)
{
    while (++p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p)), *back = quote;

        if (!quote)
            return NULL;
        while (back > p && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote + 1;
        p = quote;
    }
    return NULL;
}

/* From '{' to behind its '}'. False when there is none. */
static bool skip_braces(struct cursor *c)
{
    const char *p = c->p + 1;

    while (p && p < c->end && *p != '}')
        p = *p == '"' ? exposition_quoted_end(p, c->end) : p + 1;
    if (!p || p == c->end)
        return false;
    c->p = p + 1;
    return true;
}

/* ---- HELP, TYPE, UNIT ---------------------------------------------------------------------- */

static bool find_type(const struct exposition_reader *r, struct str word, enum metric_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(type_words); i++) {
        bool known = r->format == EXPOSITION_TEXT ? type_words[i].in_text
                                                  : type_words[i].in_openmetrics;

        if (known && str_eq_c(word, type_words[i].name)) {
            *ret = type_words[i].type;
            return true;
        }
    }
    return false;
}

static bool is_unit_of(struct str unit, struct str name)
{
    return unit.len == 0 || (str_has_suffix(name, unit) && name.len > unit.len &&
                             name.p[name.len - unit.len - 1] == '_');
}

/* UTF-8 names may end in the unit after any character, as their writers put it. */
static int check_meta(struct exposition_reader *r, struct exposition_entry *ret, struct err *err)
{
    int len = (int)str_utf8_prefix(ret->text, 64);

    switch (ret->kind) {
    case EXPOSITION_TYPE:
        if (!find_type(r, ret->text, &ret->type))
            return exposition_error(r, err, "\"%.*s\" is no metric type", len, ret->text.p);
        r->family_type = ret->type;
        r->family_name = ret->name;
        return 0;
    case EXPOSITION_HELP:
        if (!str_is_utf8(ret->text))
            return exposition_error(r, err, "help text is not valid UTF-8");
        return 0;
    default:
        if (!is_unit_of(ret->text, ret->name))
            return exposition_error(r, err, "unit \"%.*s\" does not end the name of its metric",
                                    len, ret->text.p);
        return 0;
    }
}

/* Behind "# HELP " and the like. */
static int read_meta(struct exposition_reader *r, struct cursor *c, const char *word,
                     struct exposition_entry *ret, struct err *err)
{
    const char *at = c->p;

    if (c->p < c->end && *c->p == '"') {
        c->p = exposition_quoted_end(at, c->end);
        if (!c->p)
            return exposition_error(r, err, "quote is not closed");
        ret->name = str_n(at + 1, (size_t)(c->p - at) - 2);
    } else {
        if (!take_name(c))
            return exposition_error(r, err, "expected a metric name after %s", word);
        ret->name = str_n(at, (size_t)(c->p - at));
    }
    if (r->format == EXPOSITION_OPENMETRICS && (c->p == c->end || *c->p != ' '))
        return exposition_error(r, err, "expected text after the name of %s", word);
    ret->text = rest_of_line(c);
    if (ret->text.len > 0) /* what parts it from the name */
        ret->text = str_n(ret->text.p + 1, ret->text.len - 1);
    return check_meta(r, ret, err);
}

static const struct {
    const char *word;
    enum exposition_kind kind;
    bool in_text;
} meta_words[] = {
    {"HELP", EXPOSITION_HELP, true},
    {"TYPE", EXPOSITION_TYPE, true},
    {"UNIT", EXPOSITION_UNIT, false},
};

/* A line of text 0.0.4 that begins with '#': what is no HELP or TYPE is a comment. */
static int read_text_comment(struct exposition_reader *r, struct cursor *c,
                             struct exposition_entry *ret, struct err *err)
{
    const char *at = c->p++;
    bool parted = c->p < c->end && is_blank(*c->p);

    skip_blanks(c);
    for (size_t i = 0; parted && i < ARRAY_LEN(meta_words); i++) {
        struct cursor behind = *c;

        if (!meta_words[i].in_text || !take_word(&behind, meta_words[i].word) ||
            behind.p == behind.end || !is_blank(*behind.p))
            continue;
        skip_blanks(&behind);
        *c = behind;
        ret->kind = meta_words[i].kind;
        return read_meta(r, c, meta_words[i].word, ret, err);
    }
    ret->kind = EXPOSITION_COMMENT;
    rest_of_line(c);
    ret->text = str_n(at, (size_t)(c->p - at));
    return 0;
}

static int read_openmetrics_comment(struct exposition_reader *r, struct cursor *c,
                                    struct exposition_entry *ret, struct err *err)
{
    if (take_word(c, "# EOF")) {
        if (c->p < c->end && *c->p == '\n')
            c->p++;
        if (c->p != c->end)
            return exposition_error(r, err, "there is more after # EOF");
        r->seen_eof = true;
        ret->kind = EXPOSITION_END;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(meta_words); i++) {
        struct cursor behind = *c;

        if (!take_word(&behind, "# ") || !take_word(&behind, meta_words[i].word) ||
            !take_word(&behind, " "))
            continue;
        *c = behind;
        ret->kind = meta_words[i].kind;
        return read_meta(r, c, meta_words[i].word, ret, err);
    }
    return exposition_error(r, err, "expected # HELP, # TYPE, # UNIT or # EOF");
}

/* ---- series -------------------------------------------------------------------------------- */

static int read_number(const struct exposition_reader *r, struct str token, const char *what,
                       double *ret, struct err *err)
{
    if (!num_parse_double(token, ret))
        return exposition_error(r, err, "%s \"%.*s\" is no number", what,
                                (int)str_utf8_prefix(token, 64), token.p);
    return 0;
}

/* OpenMetrics writes seconds, with a fraction or not. */
static int read_seconds(const struct exposition_reader *r, struct str token, const char *what,
                        unix_ms *ret, struct err *err)
{
    double seconds;
    int e = read_number(r, token, what, &seconds, err);

    if (e < 0)
        return e;
    if (!(fabs(seconds * 1000) < 9.2e18)) /* also NaN */
        return exposition_error(r, err, "%s %.*s is outside of all times", what, (int)token.len,
                                token.p);
    *ret = (unix_ms)(seconds * 1000);
    return 0;
}

/* Behind " # ", at '{'. */
static int read_exemplar(const struct exposition_reader *r, struct cursor *c,
                         struct exposition_entry *ret, struct err *err)
{
    const char *at = c->p;
    int e;

    if (!skip_braces(c))
        return exposition_error(r, err, "labels of the exemplar are not closed with }");
    ret->exemplar_raw = str_n(at, (size_t)(c->p - at));
    e = exposition_parse_labels(r, ret->exemplar_raw, true, NULL, err);
    if (e < 0)
        return e;
    if (!take_word(c, " "))
        return exposition_error(r, err, "expected a value after the labels of the exemplar");
    e = read_number(r, take_token(r, c), "value of the exemplar", &ret->exemplar_value, err);
    if (e < 0)
        return e;
    ret->has_exemplar = true;
    if (!take_word(c, " "))
        return 0;
    ret->exemplar_has_time = true;
    return read_seconds(r, take_token(r, c), "time of the exemplar", &ret->exemplar_time, err);
}

/* Behind the value. */
static int read_openmetrics_tail(const struct exposition_reader *r, struct cursor *c,
                                 struct exposition_entry *ret, struct err *err)
{
    if (!take_word(c, " # {") && take_word(c, " ")) {
        int e = read_seconds(r, take_token(r, c), "time", &ret->time, err);

        if (e < 0)
            return e;
        ret->has_time = true;
        if (!take_word(c, " # {"))
            return 0;
    }
    if (c->p[-1] != '{') /* no exemplar was begun */
        return 0;
    c->p--;
    return read_exemplar(r, c, ret, err);
}

static int read_text_tail(const struct exposition_reader *r, struct cursor *c,
                          struct exposition_entry *ret, struct err *err)
{
    struct str token;

    skip_blanks(c);
    if (at_line_end(c))
        return 0;
    token = take_token(r, c);
    if (!num_parse_i64(token, &ret->time))
        return exposition_error(r, err, "time \"%.*s\" is no whole number of milliseconds",
                                (int)str_utf8_prefix(token, 64), token.p);
    ret->has_time = true;
    skip_blanks(c);
    return 0;
}

static size_t count_newlines(struct str s)
{
    size_t n = 0;

    for (const char *p = s.p; (p = memchr(p, '\n', (size_t)(s.p + s.len - p))); p++)
        n++;
    return n;
}

/* Name and labels, into ret->raw. Afterwards the cursor is at the blank before the value. */
static int read_raw(struct exposition_reader *r, struct cursor *c, struct exposition_entry *ret,
                    struct err *err)
{
    const char *at = c->p, *behind;
    bool named = take_name(c);
    size_t newlines;

    behind = c->p;
    if (r->format == EXPOSITION_TEXT)
        skip_blanks(c);
    if (c->p < c->end && *c->p == '{') {
        if (!skip_braces(c))
            return exposition_error(r, err, "labels are not closed with }");
        behind = c->p;
    } else if (!named) {
        return exposition_error(r, err, "expected a metric name or a comment");
    }
    ret->raw = str_n(at, (size_t)(behind - at));
    newlines = count_newlines(ret->raw);
    r->line += newlines;
    if (newlines > 0 && r->format == EXPOSITION_OPENMETRICS)
        return exposition_error(r, err, "label value goes over the end of its line");
    return 0;
}

static int read_series(struct exposition_reader *r, struct cursor *c, struct exposition_entry *ret,
                       struct err *err)
{
    bool text = r->format == EXPOSITION_TEXT;
    struct str token;
    int e;

    ret->kind = EXPOSITION_SERIES;
    e = read_raw(r, c, ret, err);
    if (e < 0)
        return e;
    if (text)
        skip_blanks(c);
    else if (!take_word(c, " "))
        return exposition_error(r, err, "expected one blank and a value after the metric");
    token = take_token(r, c);
    if (token.len == 0)
        return exposition_error(r, err, "expected a value after the metric");
    e = read_number(r, token, "value", &ret->value, err);
    if (e < 0)
        return e;
    return text ? read_text_tail(r, c, ret, err) : read_openmetrics_tail(r, c, ret, err);
}

/* ---- the page ------------------------------------------------------------------------------ */

void exposition_reader_init(struct exposition_reader *r, struct str page,
                            enum exposition_format format)
{
    *r = (struct exposition_reader){.page = page, .format = format};
    if (!page.p)
        r->page.p = "";
}

/* The line at the cursor; it is left at the line's end. */
static int read_line(struct exposition_reader *r, struct cursor *c, struct exposition_entry *ret,
                     struct err *err)
{
    if (*c->p != '#')
        return read_series(r, c, ret, err);
    if (r->format == EXPOSITION_TEXT)
        return read_text_comment(r, c, ret, err);
    return read_openmetrics_comment(r, c, ret, err);
}

/* To the first line that says something. In OpenMetrics empty lines do no harm, but blanks do. */
static void skip_empty_lines(struct exposition_reader *r, struct cursor *c)
{
    for (;;) {
        if (r->format == EXPOSITION_TEXT)
            skip_blanks(c);
        if (c->p == c->end || *c->p != '\n')
            return;
        c->p++;
        r->line++;
    }
}

int exposition_next(struct exposition_reader *r, struct exposition_entry *ret, struct err *err)
{
    struct cursor c = {r->page.p + r->pos, r->page.p + r->page.len};
    bool text = r->format == EXPOSITION_TEXT;
    int e;

    *ret = (struct exposition_entry){.kind = EXPOSITION_END};
    skip_empty_lines(r, &c);
    if (c.p == c.end) {
        r->pos = r->page.len;
        return text || r->seen_eof || r->more
                   ? 0
                   : exposition_error(r, err, "page does not end with # EOF");
    }
    r->line++;
    e = read_line(r, &c, ret, err);
    if (e < 0)
        return e;
    if (!at_line_end(&c))
        return exposition_error(r, err, "expected the end of the line at byte %td of the page",
                                c.p - r->page.p + 1);
    if (!text && c.p == c.end && !r->seen_eof)
        return exposition_error(r, err, "page does not end with # EOF");
    r->pos = (size_t)(c.p - r->page.p) + (c.p < c.end);
    return 0;
}
