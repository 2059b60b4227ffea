/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the seed of a random expression: the evaluator and the reference must agree about it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/promql_versus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory_reader store;
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf report = {0};
    struct promql_random r = {.state = UINT64_C(0xcbf29ce484222325)};
    struct versus_tally tally = {0};

    if (store.n == 0)
        versus_load(&store);
    for (size_t i = 0; i < size; i++)
        r.state = (r.state ^ data[i]) * UINT64_C(0x100000001b3);
    r.state |= 1;
    promql_random_query(&r, &text);
    if (!versus(&store, buf_str(&text), 90000, 75000, 4, &tally, &report)) {
        fprintf(stderr, STR_FMT "\n" STR_FMT "\n", STR_ARG(buf_str(&text)),
                STR_ARG(buf_str(&report)));
        abort();
    }
    return 0;
}
