/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote - text in double quotes as Go's strconv.Quote writes it
 *
 * \a \b \f \n \r \t \v \\ \" for those, \x07 for other control characters and for bytes that are no
 * UTF-8, \u200b or \U000e0001 for characters that one cannot see; all else as it is.
 */
#ifndef TOCSIN_BASE_QUOTE_H
#define TOCSIN_BASE_QUOTE_H

#include "base/buf.h"

void quote_add_go(struct buf *out, struct str s);

/* Go's url.QueryEscape: letters, digits and -_.~ as they are, a blank as +, all else as %XX. */
void quote_add_url(struct buf *out, struct str s);

/* Adds ?NAME=VALUE, or &NAME=VALUE when there is a ? already. None for NULL and "". */
void quote_add_parameter(struct buf *url, const char *name, const char *value);

#endif
