/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_message_priv - the bytes of questions and answers (RFC 1035)
 *
 *     id:16 flags:16 questions:16 answers:16 authorities:16 additional:16     big endian
 *     question: name type:16 class:16
 *     record:   name type:16 class:16 ttl:32 length:16 data
 *     name:     (length:8 bytes)* 0, or ends with 0b11 and the offset:14 of the rest
 */
#ifndef TOCSIN_NET_DNS_MESSAGE_PRIV_H
#define TOCSIN_NET_DNS_MESSAGE_PRIV_H

#include "net/dns.h"
#include "net/dns_message.h"

#define DNS_IN 1 /* the class of the internet */

enum dns_code { DNS_OK = 0, DNS_NO_SUCH_NAME = 3 };

struct dns_answer {
    int code;    /* enum dns_code, others are failures */
    bool is_cut; /* ask again by TCP */
    struct dns_record *records;
    size_t n, cap;
};

/* Reads the answer to that question. *ret is untouched on failure: -EBADMSG when it is an answer to
 * something else, -EPROTO when it is broken. Free with dns_answer_deinit(). */
int dns_answer_read(struct str message, uint16_t id, const char *name, enum dns_type type,
                    struct dns_answer *ret, struct err *err);
void dns_answer_deinit(struct dns_answer *a);

/* ---- a message from front to back ---------------------------------------------------------- */

/* What is left of it; every read checks, and after the first that fails all do. */
struct dns_reader {
    struct str all;
    size_t at;
    bool failed;
};

struct dns_record_head {
    unsigned type, class, size; /* size: bytes of the data, which are there */
    uint32_t ttl;
};

unsigned dns_read_16(struct dns_reader *r);
uint32_t dns_read_32(struct dns_reader *r);
struct str dns_read_bytes(struct dns_reader *r, size_t n);
void dns_read_name(struct dns_reader *r, struct buf *out); /* appends, with a dot behind */
void dns_read_record_head(struct dns_reader *r, struct buf *name, struct dns_record_head *ret);

/* Header and question. counts: of the sections. -EBADMSG: it answers something else. */
int dns_read_head(struct dns_reader *r, uint16_t id, const char *name, unsigned type,
                  unsigned *ret_flags, unsigned counts[DNS_SECTIONS], struct err *err);

/* Appends the data of a record, r->at .. r->at + size, and moves behind it. */
void dns_data_as_text(struct dns_reader *r, const struct dns_record_head *head, struct buf *out);

extern const char *dns_resolv_conf; /* the machine's file; tests name another one */

#endif
