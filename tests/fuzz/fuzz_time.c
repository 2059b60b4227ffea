/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "base/must.h"
#include "base/num.h"
#include "model/duration.h"

static void check_time(struct str text)
{
    CLEANUP(buf_free) struct buf out = {0};
    unix_ns t, back;
    int offset_min;

    if (time_parse_rfc3339(text, &t, &offset_min, NULL) < 0)
        return;
    must(offset_min > -24 * 60 && offset_min < 24 * 60);
    time_add_rfc3339(&out, t);
    must(time_parse_rfc3339(buf_str(&out), &back, NULL, NULL) == 0 && back == t);
}

static void check_duration(struct str text)
{
    CLEANUP(buf_free) struct buf out = {0};
    dur_ms d, back;

    if (duration_parse(text.p, text.len, &d, NULL) < 0)
        return;
    must(d >= 0 && d <= DURATION_MAX_MS);
    duration_print(d, &out);
    must(duration_parse(out.p, out.len, &back, NULL) == 0 && back == d);
}

static void check_number(struct str text)
{
    CLEANUP(buf_free) struct buf out = {0};
    double v, back;

    if (!num_parse_double(text, &v))
        return;
    num_add_sample(&out, v);
    must(num_parse_double(buf_str(&out), &back) && (back == v || v != v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n((const char *)data, size);

    check_time(text);
    check_duration(text);
    check_number(text);
    return 0;
}
