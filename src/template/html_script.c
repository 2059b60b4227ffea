/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Literal text inside scripts and styles: strings, comments, regular expressions, URLs.
 */
#include <errno.h>

#include "template/html_priv.h"

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

static bool is_js_word(char c)
{
    return c == '$' || c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static struct str last_word(struct str s)
{
    size_t from = s.len;

    while (from > 0 && is_js_word(s.p[from - 1]))
        from--;
    return tail(s, from);
}

/* What a slash behind the script text s means. */
static enum html_js_slash slash_behind(struct str s, enum html_js_slash before)
{
    static const char *const keywords[] = {"break", "case",    "continue", "delete",     "do",
                                           "else",  "finally", "in",       "instanceof", "return",
                                           "throw", "try",     "typeof",   "void"};
    size_t same = 0;
    char c;

    while (s.len > 0 && is_one_of(s.p[s.len - 1], "\t\n\f\r "))
        s.len--;
    if (s.len == 0)
        return before;
    c = s.p[s.len - 1];
    if (c == '+' || c == '-') { /* x++ / 2, but x + /re/ */
        while (same < s.len && s.p[s.len - 1 - same] == c)
            same++;
        return same % 2 ? SLASH_REGEXP : SLASH_DIVISION;
    }
    if (c == '.')
        return s.len > 1 && s.p[s.len - 2] >= '0' && s.p[s.len - 2] <= '9' ? SLASH_DIVISION
                                                                           : SLASH_REGEXP;
    if (is_one_of(c, ",<>=*%&|^?!~([:;{}"))
        return SLASH_REGEXP;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (str_eq_c(last_word(s), keywords[i]))
            return SLASH_REGEXP;
    return SLASH_DIVISION;
}

static void enter_string(struct html_context *c, enum html_state state)
{
    c->state = state;
    c->slash = SLASH_REGEXP;
}

/* A slash at s[0]. Returns its bytes. */
static int step_slash(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    *ret_used = 1;
    if (str_has_prefix(s, STR("//")) || str_has_prefix(s, STR("/*"))) {
        c->state = s.p[1] == '/' ? HTML_JS_LINE_COMMENT : HTML_JS_BLOCK_COMMENT;
        *ret_used = 2;
    } else if (c->slash == SLASH_REGEXP) {
        c->state = HTML_JS_REGEXP;
    } else if (c->slash == SLASH_DIVISION) {
        c->slash = SLASH_REGEXP;
    } else {
        return err_set(err, -EINVAL, "'/' could start a division or regexp");
    }
    return 0;
}

static int step_js(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    size_t i = find_one_of(s, "\"`'/<-#"), n = 1;
    struct str rest = tail(s, i);
    int r = 0;

    c->slash = slash_behind(str_n(s.p, i), c->slash);
    *ret_used = s.len;
    if (rest.len == 0)
        return 0;
    switch (rest.p[0]) {
    case '"': enter_string(c, HTML_JS_DQ_STR); break;
    case '\'': enter_string(c, HTML_JS_SQ_STR); break;
    case '`': enter_string(c, HTML_JS_TEMPLATE); break;
    case '/': r = step_slash(c, rest, &n, err); break;
    default: /* scripts know comments in the manner of HTML and of Unix, up to the line's end */
        if (str_has_prefix(rest, STR("<!--")) || str_has_prefix(rest, STR("-->")) ||
            str_has_prefix(rest, STR("#!"))) {
            c->state = HTML_JS_LINE_COMMENT;
            n = rest.p[0] == '<' ? 4 : rest.p[0] == '-' ? 3 : 2;
        } else {
            c->slash = slash_behind(str_n(s.p, i + 1), c->slash);
        }
    }
    *ret_used = i + n;
    return r;
}

/* Inside a string or regular expression, up to its end. */
static int step_js_string(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    const char *special = c->state == HTML_JS_DQ_STR   ? "\\\""
                          : c->state == HTML_JS_SQ_STR ? "\\'"
                          : c->state == HTML_JS_REGEXP ? "\\/[]"
                                                       : "\\`";
    bool in_set = false;

    for (size_t i = 0;; i++) {
        i += find_one_of(tail(s, i), special);
        if (i >= s.len)
            break;
        if (s.p[i] == '\\') {
            if (++i == s.len)
                return err_set(err, -EINVAL, "unfinished escape sequence in JS string");
        } else if (s.p[i] == '[') {
            in_set = true;
        } else if (s.p[i] == ']') {
            in_set = false;
        } else if (!in_set) {
            c->state = HTML_JS;
            c->slash = SLASH_DIVISION;
            *ret_used = i + 1;
            return 0;
        }
    }
    if (in_set)
        return err_set(err, -EINVAL, "unfinished JS regexp charset");
    *ret_used = s.len;
    return 0;
}

static size_t step_block_comment(struct html_context *c, struct str s)
{
    size_t i = str_find(s, STR("*/"));

    if (i == s.len)
        return i;
    c->state = c->state == HTML_JS_BLOCK_COMMENT ? HTML_JS : HTML_CSS;
    return i + 2;
}

/* The line's end itself belongs to what follows. */
static size_t step_line_comment(struct html_context *c, struct str s)
{
    bool js = c->state == HTML_JS_LINE_COMMENT;
    size_t i = find_one_of(s, js ? "\n\r" : "\n\f\r");

    if (i < s.len)
        c->state = js ? HTML_JS : HTML_CSS;
    return i;
}

/* Whether what stands before a parenthesis is the word url. */
static bool ends_with_url(struct str s)
{
    while (s.len > 0 && is_one_of(s.p[s.len - 1], "\t\n\f\r "))
        s.len--;
    return s.len >= 3 && strncasecmp(s.p + s.len - 3, "url", 3) == 0 &&
           (s.len == 3 || (!is_js_word(s.p[s.len - 4]) && s.p[s.len - 4] != '-'));
}

static size_t step_css(struct html_context *c, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        i += find_one_of(tail(s, i), "(\"'/");
        if (i >= s.len)
            break;
        if (s.p[i] == '"' || s.p[i] == '\'') {
            c->state = s.p[i] == '"' ? HTML_CSS_DQ_STR : HTML_CSS_SQ_STR;
            return i + 1;
        }
        if (s.p[i] == '/' && i + 1 < s.len && is_one_of(s.p[i + 1], "/*")) {
            c->state = s.p[i + 1] == '/' ? HTML_CSS_LINE_COMMENT : HTML_CSS_BLOCK_COMMENT;
            return i + 2;
        }
        if (s.p[i] == '(' && ends_with_url(str_n(s.p, i))) {
            size_t j = i + 1;

            while (j < s.len && is_one_of(s.p[j], "\t\n\f\r "))
                j++;
            c->state = j < s.len && s.p[j] == '"'    ? HTML_CSS_DQ_URL
                       : j < s.len && s.p[j] == '\'' ? HTML_CSS_SQ_URL
                                                     : HTML_CSS_URL;
            return j + (c->state != HTML_CSS_URL);
        }
    }
    return s.len;
}

static int step_css_string(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    const char *special = c->state == HTML_CSS_DQ_STR || c->state == HTML_CSS_DQ_URL ? "\\\""
                          : c->state == HTML_CSS_SQ_STR || c->state == HTML_CSS_SQ_URL
                              ? "\\'"
                              : "\\\t\n\f\r )";

    for (size_t i = 0;; i++) {
        i += find_one_of(tail(s, i), special);
        if (i >= s.len)
            break;
        if (s.p[i] != '\\') {
            c->state = HTML_CSS;
            c->url_part = URL_NONE;
            *ret_used = i + 1;
            return 0;
        }
        if (++i == s.len)
            return err_set(err, -EINVAL, "unfinished escape sequence in CSS string");
    }
    *ret_used = html_url_text(c, s);
    return 0;
}

int html_step_script(struct html_context *c, struct str s, size_t *ret_used, struct err *err)
{
    switch (c->state) {
    case HTML_JS: return step_js(c, s, ret_used, err);
    case HTML_JS_DQ_STR:
    case HTML_JS_SQ_STR:
    case HTML_JS_TEMPLATE:
    case HTML_JS_REGEXP: return step_js_string(c, s, ret_used, err);
    case HTML_JS_BLOCK_COMMENT:
    case HTML_CSS_BLOCK_COMMENT: *ret_used = step_block_comment(c, s); return 0;
    case HTML_JS_LINE_COMMENT:
    case HTML_CSS_LINE_COMMENT: *ret_used = step_line_comment(c, s); return 0;
    case HTML_CSS: *ret_used = step_css(c, s); return 0;
    default: return step_css_string(c, s, ret_used, err);
    }
}
