/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literal text in HTML mode: where it leads, and what of it is written.
 */
#include <errno.h>

#include "template/html_priv.h"
#include "template/text_priv.h"

#define SHOWN_MAX    32 /* bytes of a text that a message quotes */
#define SPACES       " \t\n\f\r"
#define TAG_ENDS     "> \t\n\f/" /* what may stand behind </script */
#define UNQUOTED_BAD "\"'<=`"    /* browsers differ on these in a value without quotes */

static const char *const element_names[] = {
    [ELEMENT_SCRIPT] = "script",
    [ELEMENT_STYLE] = "style",
    [ELEMENT_TEXTAREA] = "textarea",
    [ELEMENT_TITLE] = "title",
};

static const enum html_state element_content[] = {
    [ELEMENT_NONE] = HTML_TEXT,       [ELEMENT_SCRIPT] = HTML_JS,    [ELEMENT_STYLE] = HTML_CSS,
    [ELEMENT_TEXTAREA] = HTML_RCDATA, [ELEMENT_TITLE] = HTML_RCDATA,
};

static const enum html_state attr_start[] = {
    [ATTR_NONE] = HTML_ATTR, [ATTR_SCRIPT] = HTML_JS, [ATTR_SCRIPT_TYPE] = HTML_ATTR,
    [ATTR_STYLE] = HTML_CSS, [ATTR_URL] = HTML_URL,   [ATTR_SRCSET] = HTML_SRCSET,
};

bool html_context_eq(const struct html_context *a, const struct html_context *b)
{
    return a->state == b->state && a->delim == b->delim && a->url_part == b->url_part &&
           a->slash == b->slash && a->attr == b->attr && a->element == b->element;
}

static struct str tail(struct str s, size_t from)
{
    return str_n(s.p + from, s.len - from);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static size_t find_one_of(struct str s, const char *set)
{
    size_t i = 0;

    while (i < s.len && !is_one_of(s.p[i], set))
        i++;
    return i;
}

static size_t count_spaces(struct str s)
{
    size_t i = 0;

    while (i < s.len && is_one_of(s.p[i], SPACES))
        i++;
    return i;
}

static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_alnum(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

static bool is_comment(enum html_state s)
{
    return s == HTML_COMMENT || s == HTML_JS_BLOCK_COMMENT || s == HTML_JS_LINE_COMMENT ||
           s == HTML_CSS_BLOCK_COMMENT || s == HTML_CSS_LINE_COMMENT;
}

/* ---- where text leads ---------------------------------------------------------------------- */

/* Bytes of a tag's name at the start of s, 0 when there is none. */
static size_t tag_name(struct str s, enum html_element *ret)
{
    size_t n = 0;

    *ret = ELEMENT_NONE;
    if (s.len == 0 || !is_alpha(s.p[0]))
        return 0;
    while (n < s.len) {
        if (is_alnum(s.p[n]))
            n++;
        else if ((s.p[n] == ':' || s.p[n] == '-') && n + 1 < s.len && is_alnum(s.p[n + 1]))
            n += 2;
        else
            break;
    }
    for (size_t i = ELEMENT_SCRIPT; i < ARRAY_LEN(element_names); i++)
        if (str_eq_nocase(str_n(s.p, n), str_c(element_names[i])))
            *ret = (enum html_element)i;
    return n;
}

static size_t step_text(struct html_context *c, struct str s)
{
    size_t at = 0;

    for (;;) {
        enum html_element element;
        bool closing;
        size_t n;

        at += str_find(tail(s, at), STR("<"));
        if (at + 1 >= s.len)
            return s.len;
        if (str_has_prefix(tail(s, at), STR("<!--"))) {
            *c = (struct html_context){.state = HTML_COMMENT};
            return at + 4;
        }
        at++;
        closing = s.p[at] == '/';
        if (closing && ++at == s.len)
            return s.len;
        n = tag_name(tail(s, at), &element);
        if (n > 0) {
            *c = (struct html_context){.state = HTML_TAG,
                                       .element = closing ? ELEMENT_NONE : element};
            return at + n;
        }
    }
}

static int attr_name_len(struct str s, size_t *ret, struct err *err)
{
    size_t n = find_one_of(s, SPACES "=>'\"<");

    if (n < s.len && is_one_of(s.p[n], "'\"<"))
        return err_set(err, -EINVAL, "'%c' in attribute name: \"%.*s\"", s.p[n],
                       (int)(s.len < SHOWN_MAX ? s.len : SHOWN_MAX), s.p);
    *ret = n;
    return 0;
}

static int step_tag(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    size_t i = count_spaces(s), n = 0;
    int r;

    *ret_used = s.len;
    if (i == s.len)
        return 0;
    if (s.p[i] == '>') {
        *c = (struct html_context){.state = element_content[c->element], .element = c->element};
        *ret_used = i + 1;
        return 0;
    }
    r = attr_name_len(tail(s, i), &n, err);
    if (r < 0)
        return r;
    if (n == 0)
        return err_set(err, -EINVAL, "expected space, attr name, or end of tag, but got '%c'",
                       s.p[i]);
    *c = (struct html_context){.state = i + n == s.len ? HTML_ATTR_NAME : HTML_AFTER_NAME,
                               .element = c->element,
                               .attr = html_attr_type(str_n(s.p + i, n), c->element)};
    *ret_used = i + n;
    return 0;
}

static int step_attr_name(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    int r = attr_name_len(s, ret_used, err);

    if (r == 0 && *ret_used < s.len)
        c->state = HTML_AFTER_NAME;
    return r;
}

static size_t step_after_name(struct html_context *c, struct str s)
{
    size_t i = count_spaces(s);

    if (i == s.len)
        return i;
    c->state = s.p[i] == '=' ? HTML_BEFORE_VALUE : HTML_TAG; /* else an attribute without a value */
    return i + (s.p[i] == '=');
}

static size_t step_before_value(struct html_context *c, struct str s)
{
    size_t i = count_spaces(s);

    if (i == s.len)
        return i;
    c->delim = s.p[i] == '"' ? DELIM_DOUBLE : s.p[i] == '\'' ? DELIM_SINGLE : DELIM_SPACE;
    c->state = attr_start[c->attr];
    return i + (c->delim != DELIM_SPACE);
}

static size_t step_comment(struct html_context *c, struct str s)
{
    size_t i = str_find(s, STR("-->"));

    if (i == s.len)
        return i;
    *c = (struct html_context){0};
    return i + 3;
}

size_t html_url_text(struct html_context *c, struct str s)
{
    if (find_one_of(s, "#?") < s.len)
        c->url_part = URL_QUERY;
    else if (count_spaces(s) < s.len && c->url_part == URL_NONE)
        c->url_part = URL_PRE_QUERY;
    return s.len;
}

int html_step(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    switch (c->state) {
    case HTML_TEXT: *ret_used = step_text(c, s); return 0;
    case HTML_TAG: return step_tag(c, s, ret_used, err);
    case HTML_ATTR_NAME: return step_attr_name(c, s, ret_used, err);
    case HTML_AFTER_NAME: *ret_used = step_after_name(c, s); return 0;
    case HTML_BEFORE_VALUE: *ret_used = step_before_value(c, s); return 0;
    case HTML_COMMENT: *ret_used = step_comment(c, s); return 0;
    case HTML_URL:
    case HTML_SRCSET: *ret_used = html_url_text(c, s); return 0;
    case HTML_RCDATA:
    case HTML_ATTR:
    case HTML_DEAD: *ret_used = s.len; return 0;
    default: return html_step_script(c, s, ret_used, err);
    }
}

/* Where </script> and the like begin, or s.len. */
static size_t find_element_end(const struct html_context *c, struct str s)
{
    const char *name;

    if (c->element == ELEMENT_NONE)
        return s.len;
    /* Inside a script's string or comment it does not count: values there are escaped. */
    if (c->element == ELEMENT_SCRIPT && c->state >= HTML_JS_DQ_STR &&
        c->state <= HTML_JS_LINE_COMMENT)
        return s.len;
    name = element_names[c->element];
    for (size_t at = 0; at < s.len; at += 2) {
        struct str rest;

        at += str_find(tail(s, at), STR("</"));
        if (at >= s.len)
            break;
        rest = tail(s, at + 2);
        if (rest.len > strlen(name) && str_eq_nocase(str_n(rest.p, strlen(name)), str_c(name)) &&
            is_one_of(rest.p[strlen(name)], TAG_ENDS))
            return at;
    }
    return s.len;
}

/* Entities of an attribute's value, so that onclick="f(&quot;" is seen as f(" */
static void decode_entities(struct str s, struct buf *out)
{
    static const struct entity {
        const char *text;
        char c;
    } entities[] = {{"&quot;", '"'}, {"&#34;", '"'}, {"&apos;", '\''}, {"&#39;", '\''},
                    {"&amp;", '&'},  {"&lt;", '<'},  {"&gt;", '>'}};

    for (size_t i = 0; i < s.len;) {
        size_t n = 0;

        for (size_t e = 0; s.p[i] == '&' && e < ARRAY_LEN(entities) && n == 0; e++)
            if (str_has_prefix(tail(s, i), str_c(entities[e].text))) {
                buf_add_byte(out, entities[e].c);
                n = strlen(entities[e].text);
            }
        if (n == 0)
            buf_add_byte(out, s.p[i]);
        i += n ? n : 1;
    }
}

static int walk_value(struct html_context *c, struct str s, struct err *err)
{
    struct buf b = {0};
    struct str rest;
    int r = 0;

    decode_entities(s, &b);
    for (rest = buf_str(&b); rest.len > 0 && r == 0;) {
        size_t used = 0;

        r = html_step(c, rest, &used, err);
        rest = tail(rest, used);
    }
    buf_free(&b);
    return r;
}

/* A script whose type is no JavaScript is left alone. */
static bool is_js_type(struct str s)
{
    static const char *const types[] = {"module",
                                        "text/javascript",
                                        "application/javascript",
                                        "application/json",
                                        "application/ecmascript",
                                        "text/ecmascript",
                                        "application/ld+json"};

    s = str_trim(str_cut(&s, ';'));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_nocase(s, str_c(types[i])))
            return true;
    return s.len == 0;
}

/* Text inside an attribute's value: it goes on, or ends with its delimiter. */
static int step_value(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    const char *ends = c->delim == DELIM_DOUBLE   ? "\""
                       : c->delim == DELIM_SINGLE ? "'"
                                                  : SPACES ">";
    size_t n = find_one_of(s, ends), bad;
    enum html_element element = c->element;

    if (c->delim == DELIM_SPACE) {
        bad = find_one_of(str_n(s.p, n), UNQUOTED_BAD);
        if (bad < n)
            return err_set(err, -EINVAL, "'%c' in unquoted attr", s.p[bad]);
    }
    if (n == s.len) {
        *ret_used = n;
        return walk_value(c, s, err);
    }
    if (c->state == HTML_ATTR && c->attr == ATTR_SCRIPT_TYPE && !is_js_type(str_n(s.p, n)))
        element = ELEMENT_NONE;
    *ret_used = n + (c->delim != DELIM_SPACE);
    *c = (struct html_context){.state = HTML_TAG, .element = element};
    return 0;
}

/* ---- what of it is written ----------------------------------------------------------------- */

/* A < that begins no tag becomes &lt;. */
static void add_text(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '<' && !(s.len - i >= 9 && strncasecmp(s.p + i, "<!doctype", 9) == 0))
            buf_add_c(out, "&lt;");
        else
            buf_add_byte(out, s.p[i]);
    }
}

/* Bytes of the sign at the end of s that began a comment. */
static size_t comment_sign_len(struct str s)
{
    return str_has_suffix(s, STR("<!--")) ? 4 : str_has_suffix(s, STR("-->")) ? 3 : 2;
}

/* Comments are left out; in scripts and styles white space stays in their place. */
static void add_segment(const struct html_context *from, const struct html_context *to,
                        struct str s, struct buf *out)
{
    if (is_comment(from->state) && from->delim == DELIM_NONE) {
        bool lines = find_one_of(s, "\n\r") < s.len;

        if (from->state == HTML_JS_BLOCK_COMMENT || from->state == HTML_CSS_BLOCK_COMMENT)
            buf_add_byte(out, lines && from->state == HTML_JS_BLOCK_COMMENT ? '\n' : ' ');
        return;
    }
    if (is_comment(to->state) && to->delim == DELIM_NONE && from->state != to->state)
        s.len -= comment_sign_len(s);
    if (from->state == HTML_TEXT || from->state == HTML_RCDATA) {
        size_t end = s.len;

        if (to->state == HTML_TAG)
            while (end > 0 && s.p[--end] != '<')
                continue;
        add_text(str_n(s.p, end), out);
        s = tail(s, end);
    }
    buf_add_str(out, s);
}

int html_text(struct html_context *c, struct str s, struct buf *out, struct err *err)
{
    while (s.len > 0) {
        struct html_context before = *c;
        size_t used = 0;
        int r = 0;

        if (c->delim != DELIM_NONE) {
            r = step_value(c, s, &used, err);
        } else {
            size_t end = find_element_end(c, s);

            if (end == 0)
                *c = (struct html_context){0}; /* the rest begins with the closing tag */
            else
                r = html_step(c, str_n(s.p, end), &used, err);
        }
        if (r < 0)
            return r;
        if (out)
            add_segment(&before, c, str_n(s.p, used), out);
        s = tail(s, used);
    }
    return 0;
}

struct html_context html_nudge(struct html_context c)
{
    switch (c.state) {
    case HTML_TAG: c.state = HTML_ATTR_NAME; break;
    case HTML_BEFORE_VALUE:
        c.state = attr_start[c.attr];
        c.delim = DELIM_SPACE;
        c.attr = ATTR_NONE;
        break;
    case HTML_AFTER_NAME:
        c.state = HTML_ATTR_NAME;
        c.attr = ATTR_NONE;
        break;
    default: break;
    }
    return c;
}
