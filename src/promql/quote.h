/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote - text between double quotes as Prometheus' messages and printed expressions have it
 *
 * Printable characters of any script stay as they are; control characters, odd blanks and invalid
 * UTF-8 become escapes, so that the quoted form reads back as the same bytes.
 */
#ifndef TOCSIN_PROMQL_QUOTE_H
#define TOCSIN_PROMQL_QUOTE_H

#include "base/buf.h"
#include "base/str.h"

void quote_add(struct buf *out, struct str s);             /* "abc" */
void quote_add_char(struct buf *out, uint32_t code_point); /* 'a' */
bool quote_is_printable(uint32_t code_point);

#endif
