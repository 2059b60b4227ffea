/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/redis_page.h"

/* INFO and CLUSTER INFO may say anything. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = str_n((const char *)data, size);

    check_redis_page(
        &(struct redis_replies){.info = text, .cluster_info = text, .now = 1770192688000});
    return 0;
}
