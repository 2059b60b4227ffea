/* SPDX-License-Identifier: Apache-2.0 */
/* A push: its path up to the first newline, then its page. What was taken is read back from what was kept. */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "remote/remote.h"
#include "tests/support/memory_keeper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_keeper disk = {0};
    struct keeper k = memory_keeper_port(&disk);
    struct str rest = str_n((const char *)data, size);
    struct push_request q = {.path = str_cut(&rest, '\n')};
    struct push_gateway *g = NULL, *again = NULL;
    struct buf text = {0}, before = {0}, after = {0}, report = {0};
    int status;

    q.body = rest;
    must(push_gateway_open(&k, &g, &report, NULL) == 0);
    status = push_gateway_take(g, &q, 1, &text);
    must(status == 200 || (text.len > 0 && (status == 400 || status == 413)));
    must(push_gateway_open(&k, &again, &report, NULL) == 0);
    must(report.len == 0);
    must(push_gateway_page(g, &before) == push_gateway_page(again, &after));
    must(str_eq(buf_str(&before), buf_str(&after)));
    push_gateway_free(g);
    push_gateway_free(again);
    memory_keeper_deinit(&disk);
    buf_free(&text);
    buf_free(&before);
    buf_free(&after);
    buf_free(&report);
    return 0;
}
