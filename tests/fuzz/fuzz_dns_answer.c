/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of name servers. What is accepted has records of the type that was asked for, with text. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/must.h"
#include "net/dns_message_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_NS, DNS_MX, DNS_AAAA, DNS_SRV};

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
