/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html - contextual escaping, as html/template does it
 *
 * The output of a template is followed by a small state machine that knows what an HTML parser
 * would make of the next byte: text, an attribute's value, a URL, a script's string ... Literal
 * text moves the machine along; a printed value is escaped for the state it falls into. Before an
 * execution html_check.c goes through the template once without values, so that one whose branches
 * end in different states is refused even when this execution would not notice.
 */
#ifndef TOCSIN_TEMPLATE_HTML_PRIV_H
#define TOCSIN_TEMPLATE_HTML_PRIV_H

#include <stdbool.h>

#include "template/value.h"

struct node;
struct template;

enum html_state {
    HTML_TEXT,
    HTML_TAG, /* inside < >, before an attribute's name */
    HTML_ATTR_NAME,
    HTML_AFTER_NAME,
    HTML_BEFORE_VALUE, /* behind = */
    HTML_COMMENT,
    HTML_RCDATA, /* inside textarea and title */
    HTML_ATTR,   /* a value without meaning of its own */
    HTML_URL,
    HTML_SRCSET,
    HTML_JS,
    HTML_JS_DQ_STR,
    HTML_JS_SQ_STR,
    HTML_JS_TEMPLATE, /* `...`: nothing may be printed into it */
    HTML_JS_REGEXP,
    HTML_JS_BLOCK_COMMENT,
    HTML_JS_LINE_COMMENT,
    HTML_CSS,
    HTML_CSS_DQ_STR,
    HTML_CSS_SQ_STR,
    HTML_CSS_DQ_URL,
    HTML_CSS_SQ_URL,
    HTML_CSS_URL,
    HTML_CSS_BLOCK_COMMENT,
    HTML_CSS_LINE_COMMENT,
    HTML_DEAD, /* behind {{break}} and {{continue}} */
};

enum html_delim { DELIM_NONE, DELIM_DOUBLE, DELIM_SINGLE, DELIM_SPACE };
enum html_url_part { URL_NONE, URL_PRE_QUERY, URL_QUERY, URL_UNKNOWN };
enum html_js_slash { SLASH_REGEXP, SLASH_DIVISION, SLASH_UNKNOWN }; /* what / would begin */
enum html_attr { ATTR_NONE, ATTR_SCRIPT, ATTR_SCRIPT_TYPE, ATTR_STYLE, ATTR_URL, ATTR_SRCSET };
enum html_element { ELEMENT_NONE, ELEMENT_SCRIPT, ELEMENT_STYLE, ELEMENT_TEXTAREA, ELEMENT_TITLE };

struct html_context {
    enum html_state state;
    enum html_delim delim;
    enum html_url_part url_part;
    enum html_js_slash slash;
    enum html_attr attr;
    enum html_element element;
};

bool html_context_eq(const struct html_context *a, const struct html_context *b);

/* Moves c along the literal text and writes it to out (NULL: does not), comments and stray < dealt
 * with. */
int html_text(struct html_context *c, struct str text, struct buf *out, struct err *err);

/* What c becomes when a value is about to be printed: a value may begin an attribute. */
struct html_context html_nudge(struct html_context c);

/* Whether `pipe` may be printed in c (nudged); moves c behind the value. */
int html_check_action(struct html_context *c, const struct node *pipe, struct err *err);

/* Writes v escaped for c (nudged, checked). `pipe` tells whether it is escaped already. */
int html_add_value(const struct html_context *c, const struct node *pipe,
                   const struct tmpl_value *v, struct buf *out, struct err *err);

/* Goes through the definition that is to be executed; -EINVAL with html/template's words. */
int html_check_template(const struct template *t, struct str name, struct err *err);

/* Between the files of html. */
int html_step(struct html_context *c, struct str s, size_t *ret_used, struct err *err);
int html_step_script(struct html_context *c, struct str s, size_t *ret_used, struct err *err);
size_t html_url_text(struct html_context *c, struct str s);
enum html_attr html_attr_type(struct str name, enum html_element element);

#endif
