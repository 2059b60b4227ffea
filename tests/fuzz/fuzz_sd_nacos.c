/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of Nacos about a service. What is accepted has addresses and labels; a refusal has words. */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "targets/sd_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_nacos_sd c = {.namespace = "n", .group = "g"};
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;

    if (sd_nacos_parse(str_n((const char *)data, size), &c, "shop", &groups, &n, &err) < 0) {
        must(err.code < 0 && err.msg[0] && !groups);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        must(groups[i].n == 1 && groups[i].addresses[0][0] && groups[i].labels);
    found_groups_free(groups, n);
    return 0;
}
