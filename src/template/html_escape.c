/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printed values in HTML mode: which escapers a place asks for, and the escapers. An unsafe value
 * is replaced by the word ZgotmplZ, as html/template has it, so that people who search for it find
 * the cause.
 */
#include <errno.h>

#include "template/ast_priv.h"
#include "template/exec_priv.h"
#include "template/text_priv.h"
#include "template/unicode.h"

#define FAILSAFE "ZgotmplZ"

enum content { CONTENT_PLAIN, CONTENT_HTML, CONTENT_URL };

/* A value on its way through the escapers. */
struct printed {
    struct buf text;
    enum content content;
};

static void replace_text(struct printed *p, struct buf *with)
{
    buf_free(&p->text);
    p->text = *with;
    p->content = CONTENT_PLAIN;
}

static void set_failsafe(struct printed *p, const char *text)
{
    buf_reset(&p->text);
    buf_add_c(&p->text, text);
    p->content = CONTENT_PLAIN;
}

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* ---- HTML ---------------------------------------------------------------------------------- */

/* Characters of `special` become &#NN;, & becomes &amp; unless the text is HTML already. */
static void escape_html(struct printed *p, const char *special)
{
    struct buf out = {.max = TMPL_STRING_MAX};
    bool keep_amp = p->content == CONTENT_HTML;

    for (size_t i = 0; i < p->text.len; i++) {
        char c = p->text.p[i];

        if (c == '\0')
            buf_add_c(&out, "\xEF\xBF\xBD");
        else if (c == '&' && !keep_amp)
            buf_add_c(&out, "&amp;");
        else if (c == '<')
            buf_add_c(&out, "&lt;");
        else if (c == '>')
            buf_add_c(&out, "&gt;");
        else if (strchr(special, c))
            buf_addf(&out, "&#%d;", c);
        else
            buf_add_byte(&out, c);
    }
    replace_text(p, &out);
}

/* Only the text of HTML may go into an attribute. */
static void strip_tags(struct printed *p)
{
    struct buf out = {.max = TMPL_STRING_MAX};
    bool inside = false;

    for (size_t i = 0; i < p->text.len; i++) {
        char at = p->text.p[i];

        if (!inside && at == '<' && i + 1 < p->text.len &&
            (is_alnum((unsigned char)p->text.p[i + 1]) || p->text.p[i + 1] == '/' ||
             p->text.p[i + 1] == '!'))
            inside = true;
        else if (inside && at == '>')
            inside = false;
        else if (!inside)
            buf_add_byte(&out, at);
    }
    replace_text(p, &out);
    p->content = CONTENT_HTML;
}

static void escape_text(struct printed *p)
{
    if (p->content != CONTENT_HTML)
        escape_html(p, "\"'+");
}

static void escape_rcdata(struct printed *p)
{
    escape_html(p, "\"'+");
}

static void escape_attr(struct printed *p)
{
    if (p->content == CONTENT_HTML)
        strip_tags(p);
    escape_html(p, "\"'+");
}

static void escape_unquoted(struct printed *p)
{
    if (p->text.len == 0) {
        set_failsafe(p, FAILSAFE); /* nothing would swallow what follows */
        return;
    }
    if (p->content == CONTENT_HTML)
        strip_tags(p);
    escape_html(p, "\t\n\v\f\r \"'+=`");
}

static void filter_attr_name(struct printed *p)
{
    static const char *const refused[] = {
        "accept-charset", "async",          "challenge",  "charset", "content",
        "crossorigin",    "defer",          "enctype",    "form",    "formmethod",
        "formenctype",    "formnovalidate", "http-equiv", "keytype", "language",
        "method",         "novalidate",     "pattern",    "rel",     "sandbox",
        "srcdoc",         "type",           "value",
    };
    struct buf lower = {0};
    bool good = p->text.len > 0;

    text_add_lower(&lower, buf_str(&p->text));
    for (size_t i = 0; i < lower.len; i++)
        good &= is_alnum((unsigned char)lower.p[i]);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        good &= !str_eq_c(buf_str(&lower), refused[i]);
    good = good && html_attr_type(buf_str(&lower), ELEMENT_NONE) == ATTR_NONE;
    replace_text(p, &lower);
    if (!good)
        set_failsafe(p, FAILSAFE);
}

/* ---- URLs ---------------------------------------------------------------------------------- */

static bool is_safe_url(struct str s)
{
    struct str rest = s, scheme = str_cut(&rest, ':');

    if (scheme.len == s.len || memchr(scheme.p, '/', scheme.len))
        return true; /* no scheme */
    return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https")) ||
           str_eq_nocase(scheme, STR("mailto"));
}

static void filter_url(struct printed *p)
{
    if (p->content != CONTENT_URL && !is_safe_url(buf_str(&p->text)))
        set_failsafe(p, "#" FAILSAFE);
}

/* normalize: what has a meaning in a URL stays as it is. */
static void add_url(struct buf *out, struct str s, bool normalize)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool keep = is_alnum(c) || (c && strchr("-._~", c));

        if (normalize && c && strchr("!#$&*+,/:;=?@[]", c))
            keep = true;
        if (normalize && c == '%' && i + 2 < s.len && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]))
            keep = true;
        if (keep)
            buf_add_byte(out, (char)c);
        else
            buf_addf(out, "%%%02x", c);
    }
}

static void escape_url(struct printed *p, bool normalize)
{
    struct buf out = {.max = TMPL_STRING_MAX};

    add_url(&out, buf_str(&p->text), normalize || p->content == CONTENT_URL);
    replace_text(p, &out);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* One picture of a srcset: a URL and perhaps its size. */
static void add_srcset_element(struct buf *out, struct str s)
{
    size_t from = 0, to;
    bool good = true;

    while (from < s.len && is_space(s.p[from]))
        from++;
    for (to = from; to < s.len && !is_space(s.p[to]);)
        to++;
    for (size_t i = to; i < s.len; i++)
        good &= is_space(s.p[i]) || is_alnum((unsigned char)s.p[i]) || s.p[i] == '.' ||
                s.p[i] == '-';
    if (!good || !is_safe_url(str_n(s.p + from, to - from))) {
        buf_add_c(out, "#" FAILSAFE);
        return;
    }
    buf_add(out, s.p, from);
    add_url(out, str_n(s.p + from, to - from), true);
    buf_add(out, s.p + to, s.len - to);
}

static void escape_srcset(struct printed *p)
{
    struct buf out = {.max = TMPL_STRING_MAX};
    struct str rest = buf_str(&p->text);

    if (p->content == CONTENT_URL) {
        add_url(&out, rest, true);
        replace_text(p, &out);
        return;
    }
    while (rest.len > 0) {
        if (out.len > 0)
            buf_add_byte(&out, ',');
        add_srcset_element(&out, str_cut(&rest, ','));
    }
    replace_text(p, &out);
}

/* ---- scripts and styles -------------------------------------------------------------------- */

/* A JavaScript literal: strings quoted, the rest as JSON, blanks around what could grow together.
 */
static void js_value(const struct tmpl_value *v, struct printed *p)
{
    struct arena a = {0};
    struct buf json = {.max = TMPL_STRING_MAX}, text = {0};
    struct tmpl_value shown = *v;
    bool pad;

    if (v->type && v->type->print && !v->type->json) {
        v->type->print(v, &text);
        shown = tmpl_str(buf_str(&text));
    }
    if (tmpl_add_json(&shown, &a, &json, NULL) < 0) {
        buf_reset(&json);
        buf_add_c(&json, " null "); /* Go writes the error's text as a comment before it */
    }
    pad = json.len > 0 && (is_alnum((unsigned char)json.p[0]) || json.p[0] == '-');
    if (pad) {
        struct buf padded = {.max = TMPL_STRING_MAX};

        buf_addf(&padded, " " STR_FMT " ", STR_ARG(buf_str(&json)));
        buf_free(&json);
        json = padded;
    }
    replace_text(p, &json);
    buf_free(&text);
    arena_deinit(&a);
}

static void escape_js(struct printed *p, bool regexp)
{
    struct buf out = {.max = TMPL_STRING_MAX};
    struct str s = buf_str(&p->text);

    for (size_t i = 0; i < s.len;) {
        uint32_t c;
        size_t n = str_utf8_next(str_n(s.p + i, s.len - i), &c);
        static const char from[] = "\t\n\f\r\\/", to[] = "tnfr\\/";
        const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;

        if (simple)
            buf_addf(&out, "\\%c", to[simple - from]);
        else if (regexp && c && c < 0x80 && strchr("$()*-.?[]^{|}", (int)c))
            buf_addf(&out, "\\%c", (char)c);
        else if (c < ' ' || (c < 0x80 && strchr("\"`&'+<>", (int)c)) || c == 0x2028 || c == 0x2029)
            buf_addf(&out, "\\u%04x", (unsigned)c);
        else
            buf_add(&out, s.p + i, n);
        i += n;
    }
    if (regexp && out.len == 0)
        buf_add_c(&out, "(?:)"); /* // would be a comment */
    replace_text(p, &out);
}

static void escape_css(struct printed *p)
{
    struct buf out = {.max = TMPL_STRING_MAX};

    for (size_t i = 0; i < p->text.len; i++) {
        char c = p->text.p[i];
        bool more = i + 1 < p->text.len;
        char next = more ? p->text.p[i + 1] : ' ';

        if (c == '\\') {
            buf_add_c(&out, "\\\\");
        } else if (c == '\0' || strchr("\t\n\f\r\"&'()+/:;<>{}", c)) {
            buf_addf(&out, "\\%x", (unsigned)c);
            if (is_hex(next) || is_space(next))
                buf_add_byte(&out, ' '); /* or the number would go on */
        } else {
            buf_add_byte(&out, c);
        }
    }
    replace_text(p, &out);
}

static bool css_value_is_safe(struct str s)
{
    struct buf word = {0};
    bool good = true;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (c == '\0' || strchr("\"'()/;@[\\]`{}<>", c) || (c == '-' && i > 0 && s.p[i - 1] == '-'))
            good = false;
        if (is_alnum((unsigned char)c))
            buf_add_byte(&word, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
    /* Old browsers ran these as scripts. */
    if (str_find(buf_str(&word), STR("expression")) < word.len ||
        str_find(buf_str(&word), STR("mozbinding")) < word.len)
        good = false;
    buf_free(&word);
    return good;
}

/* ---- which of them ------------------------------------------------------------------------- */

static void escape_for_state(const struct html_context *c, const struct tmpl_value *v,
                             struct printed *p, bool query_done)
{
    switch (c->state) {
    case HTML_URL:
    case HTML_CSS_DQ_STR:
    case HTML_CSS_SQ_STR:
    case HTML_CSS_DQ_URL:
    case HTML_CSS_SQ_URL:
    case HTML_CSS_URL:
        if (c->url_part == URL_NONE)
            filter_url(p);
        if (query_done)
            break;
        if (c->url_part == URL_QUERY)
            escape_url(p, false);
        else if (c->state == HTML_CSS_DQ_STR || c->state == HTML_CSS_SQ_STR)
            escape_css(p);
        else
            escape_url(p, true);
        break;
    case HTML_SRCSET: escape_srcset(p); break;
    case HTML_JS: js_value(v, p); break;
    case HTML_JS_DQ_STR:
    case HTML_JS_SQ_STR: escape_js(p, false); break;
    case HTML_JS_REGEXP: escape_js(p, true); break;
    case HTML_CSS:
        if (!css_value_is_safe(buf_str(&p->text)))
            set_failsafe(p, FAILSAFE);
        break;
    case HTML_TEXT: escape_text(p); break;
    case HTML_RCDATA: escape_rcdata(p); break;
    case HTML_ATTR_NAME: filter_attr_name(p); break;
    case HTML_COMMENT:
    case HTML_JS_BLOCK_COMMENT:
    case HTML_JS_LINE_COMMENT:
    case HTML_CSS_BLOCK_COMMENT:
    case HTML_CSS_LINE_COMMENT: buf_reset(&p->text); break;
    default: break;
    }
}

/* The html or urlquery that a pipeline ends with; "" when neither. */
static struct str last_function(const struct node *pipe)
{
    const struct node *first = pipe->items[pipe->n - 1]->items[0];

    return first->kind == NODE_IDENTIFIER ? first->text : STR("");
}

int html_add_value(const struct html_context *c, const struct node *pipe,
                   const struct tmpl_value *v, struct buf *out, struct err *err)
{
    struct printed p = {.text = {.max = TMPL_STRING_MAX}};
    struct str last = last_function(pipe);
    bool html_done = str_eq_c(last, "html") &&
                     (c->state == HTML_TEXT || c->state == HTML_RCDATA ||
                      c->delim == DELIM_DOUBLE || c->delim == DELIM_SINGLE);
    int r = 0;

    if (v->type == &tmpl_type_html)
        p.content = CONTENT_HTML;
    else if (v->type == &tmpl_type_url)
        p.content = CONTENT_URL;
    if (v->type)
        r = tmpl_print(v, &p.text, err);
    if (r == 0 && !(html_done && c->delim == DELIM_NONE))
        escape_for_state(c, v, &p, str_eq_c(last, "urlquery"));
    if (c->delim == DELIM_SPACE)
        escape_unquoted(&p);
    else if (c->delim != DELIM_NONE && !html_done)
        escape_attr(&p);
    if (r == 0)
        buf_add_str(out, buf_str(&p.text));
    if (r == 0 && p.text.overflow)
        r = err_set(err, -E2BIG, "string longer than %u bytes", TMPL_STRING_MAX);
    buf_free(&p.text);
    return r;
}

static int check_escapers(const struct html_context *c, const struct node *pipe, struct err *err)
{
    for (size_t i = 0; i < pipe->n; i++) {
        const struct node *first = pipe->items[i]->items[0];
        bool html = first->kind == NODE_IDENTIFIER && str_eq_c(first->text, "html");
        bool query = first->kind == NODE_IDENTIFIER && str_eq_c(first->text, "urlquery");

        if ((html || query) &&
            (i + 1 < pipe->n || (html && c->state == HTML_ATTR && c->delim == DELIM_SPACE)))
            return err_set(err, -EINVAL, "predefined escaper \"%s\" disallowed in template",
                           html ? "html" : "urlquery");
    }
    return 0;
}

int html_check_action(struct html_context *c, const struct node *pipe, struct err *err)
{
    int r = check_escapers(c, pipe, err);

    if (r < 0)
        return r;
    switch (c->state) {
    case HTML_URL:
    case HTML_CSS_DQ_STR:
    case HTML_CSS_SQ_STR:
    case HTML_CSS_DQ_URL:
    case HTML_CSS_SQ_URL:
    case HTML_CSS_URL:
        if (c->url_part == URL_UNKNOWN)
            return err_set(err, -EINVAL, "value appears in an ambiguous context within a URL");
        break;
    case HTML_JS: c->slash = SLASH_DIVISION; break;
    case HTML_JS_TEMPLATE: return err_set(err, -EINVAL, "value appears in a JS template literal");
    default: break;
    }
    return 0;
}
