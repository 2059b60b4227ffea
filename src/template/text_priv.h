/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - Go's ways of quoting, escaping and reading text
 */
#ifndef TOCSIN_TEMPLATE_TEXT_PRIV_H
#define TOCSIN_TEMPLATE_TEXT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Quoted, nothing above ASCII left as it is (%+q); quote_add_go() is the plain form. */
void text_add_quoted_ascii(struct buf *b, struct str s);
void text_add_quoted_char(struct buf *b, uint32_t c, bool ascii); /* 'x' */
void text_add_code_point(struct buf *b, uint32_t c);              /* %#U: U+0041 'A' */
bool text_can_backquote(struct str s);

/* Reads one character of a quoted string: s is advanced, *raw_byte set when it is one byte of \x or
 * \ooo. False when it is no good. */
bool text_unquote_char(struct str *s, char quote, uint32_t *ret, bool *raw_byte);

/* "..." or `...` to what it stands for; false: bad escapes. */
bool text_unquote(struct str quoted, struct buf *out);

void text_add_html(struct buf *b, struct str s); /* & < > " ' as entities */
void text_add_js(struct buf *b, struct str s);
int text_query_unescape(struct str s, struct buf *out, struct err *err);

void text_add_upper(struct buf *b, struct str s);
void text_add_lower(struct buf *b, struct str s);

/* First letter of each word in upper case, the rest in lower case or as it is. */
void text_add_title(struct buf *b, struct str s, bool lower_rest);

/* strconv.ParseFloat, with its words. */
int text_parse_float(struct str s, double *ret, struct err *err);

/* Length of a Go duration text such as 1h9m30.5s. */
void text_add_duration(struct buf *b, int64_t ns);

#endif
