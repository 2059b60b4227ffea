/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "model/duration.h"

static const struct {
    const char *text;
    int code;
    dur_ms ms;
    const char *why;
} cases[] = {
    {"0", 0, 0, NULL},
    {"0s", 0, 0, NULL},
    {"15s", 0, 15000, NULL},
    {"1h500ms", 0, 3600500, NULL}, /* units may be left out in between */
    {"1y1w1d1h1m1s1ms", 0, 32230861001, NULL},
    {"90d", 0, 7776000000, NULL},
    {"292y", 0, 9208512000000, NULL},
    {"", -EINVAL, -1, "empty"},
    {"1h5", -EINVAL, -1, "byte 3"}, /* a number alone is no duration */
    {"00", -EINVAL, -1, "byte 1"},
    {"-5s", -EINVAL, -1, "byte 1"},
    {"3 s", -EINVAL, -1, "byte 1"},
    {"1.5s", -EINVAL, -1, "byte 1"},
    {"1m1h", -EINVAL, -1, "\"h\""}, /* wrong order */
    {"1s1s", -EINVAL, -1, "\"s\""}, /* twice */
    {"5us", -EINVAL, -1, "\"us\""},
    {"293y", -ERANGE, -1, "292 years"},
    {"9223372036855ms", -ERANGE, -1, "292 years"},
    {"99999999999999999999s", -ERANGE, -1, "292 years"},
};

static void reads_what_prometheus_reads_and_says_why_not(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        dur_ms got = -1; /* must survive a failure */

        assert_int_equal(duration_parse(cases[i].text, strlen(cases[i].text), &got, &err),
                         cases[i].code);
        assert_int_equal(got, cases[i].ms);
        if (cases[i].why)
            assert_non_null(strstr(err.msg, cases[i].why));
    }
}

static const struct {
    dur_ms ms;
    const char *text;
} prints[] = {
    {0, "0s"},
    {1, "1ms"},
    {1500, "1s500ms"},
    {90000, "1m30s"},
    {86400000, "1d"},
    {7 * 86400000, "1w"},
    {8 * 86400000, "8d"}, /* weeks and years only when nothing is left */
    {90 * INT64_C(86400000), "90d"},
    {365 * INT64_C(86400000), "1y"},
    {372 * INT64_C(86400000), "372d"},
    {3661000, "1h1m1s"},
    {DURATION_MAX_MS, "106751d23h47m16s854ms"},
};

static void prints_the_canonical_form(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
        CLEANUP(buf_free) struct buf out = {0};
        dur_ms back;

        duration_print(prints[i].ms, &out);
        assert_string_equal(out.p, prints[i].text);
        assert_int_equal(duration_parse(out.p, out.len, &back, NULL), 0);
        assert_int_equal(back, prints[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_prometheus_reads_and_says_why_not),
        cmocka_unit_test(prints_the_canonical_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
