/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail - hands one mail to a mail server (SMTP, RFC 5321), over the HTTP client's loop
 *
 * A connection carries one mail: none is kept open at the server. The call is one of
 * net/http_client.h and ends and is cancelled like those. On success the status of the response is
 * the server's 250 and its body the server's last line. On failure err->code is -EBADMSG when the
 * server refused for good (a reply of 5xx); otherwise as the HTTP client has it: another attempt
 * may do better.
 */
#ifndef TOCSIN_NET_MAIL_H
#define TOCSIN_NET_MAIL_H

#include "net/http_client.h"

struct mail_request {
    const struct smtp_options *smtp;
    struct str envelope; /* addresses, one a line: the sender's, then those of the recipients */
    struct str message;  /* header and body; lines end with CRLF. Copied */
    dur_ms timeout;      /* for all of it; > 0 */
};

struct http_call *mail_call_start(struct http_client *c, const struct mail_request *r,
                                  http_done *done, void *arg);

#endif
