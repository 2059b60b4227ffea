/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of name servers. What is accepted has records of the type that was asked for, with text; as lines
 * of a zone file it is text without control characters. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/must.h"
#include "net/dns_message_priv.h"

static void read_lines(struct str message)
{
    const struct dns_question q = {.name = "a.test", .type = 1, .class = 1};
    struct arena arena;
    struct dns_reply reply = {.code = 99};
    struct err err = {0};

    arena_init(&arena, 1 << 20);
    if (dns_reply_read(message, 0x4142, &q, &arena, &reply, &err) < 0)
        must(err.code < 0 && err.msg[0] && reply.code == 99);
    for (size_t s = 0; s < DNS_SECTIONS; s++)
        for (size_t i = 0; i < reply.n[s]; i++)
            for (size_t k = 0; k < reply.records[s][i].len; k++)
                must(reply.records[s][i].p[k] >= ' ' || reply.records[s][i].p[k] == '\t');
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_MX, DNS_AAAA, DNS_SRV};

    read_lines(str_n((const char *)data, size));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct dns_answer a = {.n = 99};
        struct err err = {0};

        if (dns_answer_read(str_n((const char *)data, size), 0x4142, "a.test", types[i], &a, &err) <
            0) {
            must(err.code < 0 && err.msg[0] && a.n == 99);
            continue;
        }
        for (size_t k = 0; k < a.n; k++)
            must(a.records[k].type == types[i] && a.records[k].name[0] &&
                 strlen(a.records[k].name) < DNS_NAME_SIZE);
        dns_answer_deinit(&a);
    }
    return 0;
}
