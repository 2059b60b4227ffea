/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of the HTTP API that we read ourselves: times, durations, escaped label names. What is
 * taken can be reckoned with, what is not taken leaves the result alone.
 */
#include "tests/fuzz/fuzz.h"

#include "api/api_priv.h"
#include "base/must.h"

#define UNTOUCHED INT64_C(0x5ca1ab1e)

static void read_number(int r, int64_t got, const struct err *err)
{
    must(r == 0 || (r < 0 && err->code == r && err->msg[0] && got == UNTOUCHED));
    must(r < 0 || (got >= API_TIME_MIN && got <= API_TIME_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);
    struct err err = {0};
    int64_t n = UNTOUCHED;
    CLEANUP(buf_free) struct buf name = {0};

    read_number(api_parse_time(text, &n, &err), n, &err);
    n = UNTOUCHED;
    read_number(api_parse_duration(text, &n, &err), n, &err);
    if (api_unescape_name(text, &name))
        must(name.len <= size && (str_is_utf8(buf_str(&name)) || !str_is_utf8(text)));
    else
        must(name.len == 0);
    return 0;
}
