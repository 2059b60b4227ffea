/* SPDX-License-Identifier: Apache-2.0 */
/* What message_decode() accepts, message_encode() writes so that it is read back the same. */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "notify/notify_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message *m, *again;
    struct buf first = {0}, second = {0};

    if (message_decode(STR("00000000000000000001"), str_n((const char *)data, size), &m, NULL) < 0)
        return 0;
    message_encode(m, &first);
    must(message_decode(STR("00000000000000000001"), buf_str(&first), &again, NULL) == 0);
    message_encode(again, &second);
    must(str_eq(buf_str(&first), buf_str(&second)));
    buf_free(&first);
    buf_free(&second);
    message_free(m);
    message_free(again);
    return 0;
}
