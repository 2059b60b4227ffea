/* SPDX-License-Identifier: Apache-2.0 */
/* What a gRPC server answers: the message, or headers and trailers. The words that are shown are UTF-8 and
 * short; a status that is read is one that there is. */
#include "tests/fuzz/fuzz.h"

#include "base/must.h"
#include "probes/grpc_message_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_free) struct buf words = {0};
    struct str all = str_n((const char *)data, size);
    struct err err = {0};
    int status = grpc_health_reply_read(all, &err);

    must(status < 0 ? err.code == status && err.msg[0] : status < GRPC_HEALTHS);
    must(grpc_status_read(all, 200, &words) >= 0);
    must(words.len <= 200 && str_is_utf8(buf_str(&words)));
    return 0;
}
