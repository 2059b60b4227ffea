/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_message_priv - a question and its answer as bytes (RFC 1035)
 *
 *     id:16 flags:16 questions:16 answers:16 authorities:16 additional:16     big endian
 *     question: name type:16 class:16
 *     record:   name type:16 class:16 ttl:32 length:16 data
 *     name:     (length:8 bytes)* 0, or ends with 0b11 and the offset:14 of the rest
 */
#ifndef TOCSIN_NET_DNS_MESSAGE_PRIV_H
#define TOCSIN_NET_DNS_MESSAGE_PRIV_H

#include "base/buf.h"
#include "net/dns.h"

enum dns_code { DNS_OK = 0, DNS_NO_SUCH_NAME = 3 };

struct dns_answer {
    int code;    /* enum dns_code, others are failures */
    bool is_cut; /* ask again by TCP */
    struct dns_record *records;
    size_t n, cap;
};

/* Appends the question. -EINVAL: no name for DNS. */
int dns_question(struct buf *out, uint16_t id, const char *name, enum dns_type type,
                 struct err *err);

/* Reads the answer to that question. *ret is untouched on failure: -EBADMSG when it is an answer to
 * something else, -EPROTO when it is broken. Free with dns_answer_deinit(). */
int dns_answer_read(struct str message, uint16_t id, const char *name, enum dns_type type,
                    struct dns_answer *ret, struct err *err);
void dns_answer_deinit(struct dns_answer *a);

extern const char *dns_resolv_conf; /* the machine's file; tests name another one */

#endif
