/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/must.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct matcher **list = NULL;
    struct err err = {0};
    size_t n = 0;

    if (config_parse_matchers(str_n((const char *)data, size), &list, &n, &err) < 0)
        must(n == 0 && err.msg[0]);
    for (size_t i = 0; i < n; i++) {
        must(str_is_utf8(list[i]->name) && str_is_utf8(list[i]->value));
        matcher_free(list[i]);
    }
    free(list);
    return 0;
}
