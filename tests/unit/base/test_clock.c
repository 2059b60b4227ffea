/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void civil_time_agrees_with_libc(void **state)
{
    for (int64_t t = -INT64_C(70000000000); t < INT64_C(260000000000); t += 86399 * 333 + 7) {
        time_t libc_t = t;
        struct civil c;
        struct tm tm;

        gmtime_r(&libc_t, &tm);
        civil_of_unix(t, 5, &c);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(c.weekday, tm.tm_wday);
        assert_int_equal(c.yearday, tm.tm_yday + 1);
        assert_int_equal(c.nanosecond, 5);
        assert_int_equal(civil_to_unix(&c), t);
    }
}

static void fields_beyond_their_range_are_carried_over(void **state)
{
    const struct civil odd = {.year = 2025, .month = 14, .day = 30, .hour = 25, .second = -1};
    const struct civil past = {.year = 2026, .month = -11, .day = 1};
    struct civil c;

    civil_of_unix(civil_to_unix(&odd), 0, &c);
    assert_int_equal(c.year, 2026);
    assert_int_equal(c.month, 3);
    assert_int_equal(c.day, 3);
    assert_int_equal(c.hour, 0);
    assert_int_equal(c.minute, 59);
    assert_int_equal(c.second, 59);
    civil_of_unix(civil_to_unix(&past), 0, &c);
    assert_int_equal(c.year, 2025);
    assert_int_equal(c.month, 1);
}

static void milliseconds_round_towards_the_past(void **state)
{
    assert_int_equal(unix_ms_of_ns(1999999), 1);
    assert_int_equal(unix_ms_of_ns(-1), -1);
    assert_int_equal(unix_ms_of_ns(-1000000), -1);
}

static const struct {
    const char *text; /* what is read */
    const char *back; /* what is written, NULL: the same */
    int code;
    int offset_min;
} times[] = {
    {"2026-02-04T08:11:28.817147387Z", NULL, 0, -1},
    {"2026-02-04T08:11:28Z", NULL, 0, -1},
    {"2026-02-04T08:11:28.100Z", "2026-02-04T08:11:28.1Z", 0, -1},
    {"2026-02-04T08:11:28.0000000019Z", "2026-02-04T08:11:28.000000001Z", 0, -1},
    {"2026-02-04T08:11:28+08:00", "2026-02-04T00:11:28Z", 0, 480},
    {"2026-02-04T08:11:28-00:30", "2026-02-04T08:41:28Z", 0, -30},
    {"0001-01-01T00:00:00Z", NULL, 0, -1},
    {"0001-01-01T08:00:00+08:00", "0001-01-01T00:00:00Z", 0, 480},
    {"2024-02-29T00:00:00Z", NULL, 0, -1},
    {"1969-12-31T23:59:59.5Z", NULL, 0, -1},
    {"1677-09-21T00:12:43.145224193Z", NULL, 0, -1},
    {"2262-04-11T23:47:16.854775807Z", NULL, 0, -1},
    {"1677-09-21T00:12:43.145224192Z", NULL, -ERANGE, 0}, /* the bits that stand for Go's zero */
    {"1677-09-21T00:12:43Z", NULL, -ERANGE, 0},
    {"2262-04-11T23:47:16.854775808Z", NULL, -ERANGE, 0},
    {"9999-01-01T00:00:00Z", NULL, -ERANGE, 0},
    {"0001-01-01T00:00:00.5Z", NULL, -ERANGE, 0},
    {"2025-02-29T00:00:00Z", NULL, -EINVAL, 0},
    {"2026-13-01T00:00:00Z", NULL, -EINVAL, 0},
    {"2026-00-01T00:00:00Z", NULL, -EINVAL, 0},
    {"2026-01-00T00:00:00Z", NULL, -EINVAL, 0},
    {"2026-01-01T24:00:00Z", NULL, -EINVAL, 0},
    {"2026-01-01T00:00:60Z", NULL, -EINVAL, 0},
    {"2026-01-01T00:00:00", NULL, -EINVAL, 0},
    {"2026-01-01T00:00:00.Z", NULL, -EINVAL, 0},
    {"2026-01-01 00:00:00Z", NULL, -EINVAL, 0},
    {"2026-01-01T00:00:00Zx", NULL, -EINVAL, 0},
    {"2026-01-01T00:00:00+0800", NULL, -EINVAL, 0},
    {"2026-1-01T00:00:00Z", NULL, -EINVAL, 0},
    {"-026-01-01T00:00:00Z", NULL, -EINVAL, 0},
    {"", NULL, -EINVAL, 0},
};

static void rfc3339_is_read_and_written(void **state)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        CLEANUP(buf_free) struct buf b = {0};
        int offset_min = 77;
        unix_ns t = 12345;
        struct err err = {0};

        if (time_parse_rfc3339(str_c(times[i].text), &t, &offset_min, &err) != times[i].code)
            fail_msg("%s: %s", times[i].text, err.msg);
        if (times[i].code < 0) {
            assert_int_equal(t, 12345);
            assert_int_equal(offset_min, 77);
            assert_true(strlen(err.msg) > 10);
            continue;
        }
        time_add_rfc3339(&b, t);
        assert_string_equal(b.p, times[i].back ? times[i].back : times[i].text);
        assert_int_equal(offset_min, times[i].offset_min);
    }
}

static void milliseconds_are_written_with_three_decimals(void **state)
{
    CLEANUP(buf_free) struct buf b = {0};

    time_add_rfc3339_ms(&b, 1770192688817);
    buf_add_byte(&b, ' ');
    time_add_rfc3339_ms(&b, -1);
    assert_string_equal(b.p, "2026-02-04T08:11:28.817Z 1969-12-31T23:59:59.999Z");
}

static void clocks_run(void **state)
{
    mono_ns before = clock_mono_ns();

    assert_true(clock_unix_ms() > 1700000000000);
    assert_true(clock_unix_ns() / NS_PER_MS - clock_unix_ms() < 1000);
    assert_true(clock_mono_ns() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(civil_time_agrees_with_libc),
        cmocka_unit_test(fields_beyond_their_range_are_carried_over),
        cmocka_unit_test(milliseconds_round_towards_the_past),
        cmocka_unit_test(rfc3339_is_read_and_written),
        cmocka_unit_test(milliseconds_are_written_with_three_decimals),
        cmocka_unit_test(clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
