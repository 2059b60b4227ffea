/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime - the forms of text in a mail: encoded words, quoted-printable, lists of addresses
 *
 * Pure functions of their arguments.
 */
#ifndef TOCSIN_NOTIFY_MIME_H
#define TOCSIN_NOTIFY_MIME_H

#include "base/buf.h"
#include "base/err.h"

/* The value of a header: as it is when it is printable ASCII, else as encoded words (RFC 2047, Q,
 * UTF-8) of at most 75 bytes, a line each, none of which cuts a character in two. */
void mime_add_words(struct buf *out, struct str text);

/* RFC 2045 6.7: lines of at most 76 bytes, ended by CRLF wherever the text has a line's end. */
void mime_add_quoted_printable(struct buf *out, struct str text);

/*
 * Reads a list of addresses as RFC 5322 has it: a@b, "Name, with comma" <c@d>, 名字 <e@f>.
 * Appends the addresses to `envelope`, one a line, and the list as a header has it to `header`; *ret_n is how
 * many there are, at least one. -EINVAL with words.
 */
int mime_read_addresses(struct str list, struct buf *envelope, struct buf *header, size_t *ret_n,
                        struct err *err);

#endif
