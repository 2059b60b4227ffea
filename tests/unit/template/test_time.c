/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "base/zone.h"
#include "base/zone_rule_priv.h"
#include "template/text_priv.h"
#include "template/time_priv.h"
#include "tests/unit/template/run.h"

/* 2026-02-04T08:11:28.817147387Z, a Wednesday */
#define THEN INT64_C(1770192688817147387)

static void formats_by_layout(void **state)
{
    static const struct {
        const char *layout, *want;
    } cases[] = {
        {"2006-01-02 15:04:05", "2026-02-04 08:11:28"},
        {"06/1/2 3:4:5 PM pm", "26/2/4 8:11:28 AM am"},
        {"Mon Monday Jan January _2 002 __2", "Wed Wednesday Feb February  4 035  35"},
        {"Monkey Janitor", "Monkey Janitor"}, /* a lower-case letter follows: no element */
        {".000 .000000 .999 ,999999999 .99", ".817 .817147 .817 ,817147387 .81"},
        {"05.000", "28.817"},
        {"MST -0700 -07:00 -07 Z0700 Z07:00 Z07", "UTC +0000 +00:00 +00 Z Z Z"},
        {"-070000 -07:00:00", "+000000 +00:00:00"},
        {"2006年01月02日 15时", "2026年02月04日 08时"},
        {"_2006 .0001", "_2026 .0002"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tmpl_time t = tmpl_time_of_ns(THEN);
        struct buf b = {0};

        time_add_layout(&b, &t, str_c(cases[i].layout));
        assert_string_equal(b.p ? b.p : "", cases[i].want);
        buf_free(&b);
    }
}

static void shows_go_zero_time_and_fractions_without_zeroes(void **state)
{
    static const struct {
        unix_ns ns;
        const char *want;
    } cases[] = {
        {UNIX_NS_ZERO, "0001-01-01 00:00:00 +0000 UTC"},
        {THEN, "2026-02-04 08:11:28.817147387 +0000 UTC"},
        {-1, "1969-12-31 23:59:59.999999999 +0000 UTC"},
        {1500000000, "1970-01-01 00:00:01.5 +0000 UTC"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tmpl_time t = tmpl_time_of_ns(cases[i].ns);
        struct buf b = {0};

        time_add_string(&b, &t);
        assert_string_equal(b.p, cases[i].want);
        buf_free(&b);
    }
}

static void knows_zones_with_their_summers(void **state)
{
    static const struct {
        const char *zone, *utc, *want;
    } cases[] = {
        {"Asia/Shanghai", "2026-02-04T08:00:00Z", "2026-02-04 16:00:00 CST +0800"},
        {"Asia/Shanghai", "1988-07-01T00:00:00Z", "1988-07-01 09:00:00 CDT +0900"},
        {"America/New_York", "2026-01-15T12:00:00Z", "2026-01-15 07:00:00 EST -0500"},
        {"America/New_York", "2026-07-15T12:00:00Z", "2026-07-15 08:00:00 EDT -0400"},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59:59 CET +0100"},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00:00 CEST +0200"},
        {"Europe/Berlin", "2150-07-01T00:00:00Z", "2150-07-01 02:00:00 CEST +0200"}, /* by rule */
        {"Australia/Sydney", "2150-01-01T00:00:00Z", "2150-01-01 11:00:00 AEDT +1100"},
        {"Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01 05:30:00 IST +0530"},
        {"UTC", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00 UTC +0000"},
    };
    const struct zone *z;
    struct err err = {0};

    if (zone_find(STR("America/New_York"), &z, NULL) < 0) {
        print_message("no zoneinfo files on this host\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tmpl_time t;
        struct buf b = {0};
        unix_ns ns;

        assert_int_equal(time_parse_rfc3339(str_c(cases[i].utc), &ns, NULL, NULL), 0);
        t = tmpl_time_of_ns(ns);
        assert_int_equal(zone_find(str_c(cases[i].zone), &t.zone, NULL), 0);
        time_add_layout(&b, &t, STR("2006-01-02 15:04:05 MST -0700"));
        assert_string_equal(b.p, cases[i].want);
        buf_free(&b);
    }
    assert_int_equal(zone_find(STR("Mars/Olympus"), &z, &err), -ENOENT);
    assert_string_equal(err.msg, "unknown time zone Mars/Olympus");
    assert_int_equal(zone_find(STR("../../etc/passwd"), &z, NULL), -ENOENT);
    assert_int_equal(zone_find(STR("/etc/localtime"), &z, NULL), -ENOENT);
}

static void reads_the_rules_of_posix(void **state)
{
    static const struct {
        const char *rule;
        int64_t at;
        int offset; /* -1: no rule */
        bool dst;
    } cases[] = {
        {"CST-8", 0, 28800, false},
        {"<+0530>-5:30", 0, 19800, false},
        {"EST5EDT", 1784116800, -14400, true},                 /* the rule of the USA: 2026-07-15 */
        {"EST5EDT,M3.2.0,M11.1.0", 1768478400, -18000, false}, /* 2026-01-15 */
        {"EST5EDT,M3.2.0,M11.1.0", 1772953199, -18000, false}, /* 2026-03-08T06:59:59Z */
        {"EST5EDT,M3.2.0,M11.1.0", 1772953200, -14400, true},
        {"EST5EDT,M3.2.0,M11.1.0", 1793512799, -14400, true}, /* 2026-11-01T05:59:59Z */
        {"EST5EDT,M3.2.0,M11.1.0", 1793512800, -18000, false},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", 1767225600, 39600, true}, /* 2026-01-01, the south */
        {"X5Y,J60,J300", 0, -1, false},
        {"XXX5YYY,J60/0,J300/0", 1772341200, -14400, true}, /* 2026-03-01T05:00Z is day 60 */
        {"XXX5YYY,59/0,299/0", 1772341200, -14400, true},
        {"", 0, -1, false},
        {"CST", 0, -1, false},
        {"CST-8x", 0, -1, false},
        {"EST5EDT,M13.1.0,M11.1.0", 0, -1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone_rule rule;
        struct zone_moment m;

        assert_int_equal(zone_rule_parse(str_c(cases[i].rule), &rule), cases[i].offset != -1);
        if (cases[i].offset == -1)
            continue;
        m = zone_rule_at(&rule, cases[i].at);
        assert_int_equal(m.offset, cases[i].offset);
        assert_int_equal(m.dst, cases[i].dst);
    }
}

static void refuses_broken_zone_files(void **state)
{
    struct zone *z = NULL;
    char huge[44] = "TZif2";

    assert_int_equal(zone_parse(STR("x"), STR(""), &z, NULL), -EINVAL);
    assert_int_equal(zone_parse(STR("x"), STR("TZif2"), &z, NULL), -EINVAL);
    memset(huge + 20, 0xff, 24); /* counts that no file can hold */
    assert_int_equal(zone_parse(STR("x"), str_n(huge, sizeof huge), &z, NULL), -EINVAL);
    assert_null(z);
}

static void prints_durations(void **state)
{
    static const struct {
        int64_t ns;
        const char *want;
    } cases[] = {
        {0, "0s"},
        {1, "1ns"},
        {1100, "1.1µs"},
        {2200000, "2.2ms"},
        {3300000000, "3.3s"},
        {4170500000000, "1h9m30.5s"},
        {-60000000000, "-1m0s"},
        {3600000000000, "1h0m0s"},
        {INT64_MAX, "2562047h47m16.854775807s"},
        {INT64_MIN, "-2562047h47m16.854775808s"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};

        text_add_duration(&b, cases[i].ns);
        assert_string_equal(b.p, cases[i].want);
        buf_free(&b);
    }
}

static void has_the_methods_of_times_and_durations(void **state)
{
    static const struct tmpl_env env = {.now = THEN, .missing_key = TMPL_MISSING_ZERO};
    static const struct run_case cases[] = {
        {"{{ $t := now.UTC }}{{ $t.Year }} {{ $t.Month }} {{ printf \"%d\" $t.Month }} {{ $t.Day }} {{ $t.Hour }}:{{ $t.Minute }}:{{ $t.Second }}.{{ $t.Nanosecond }}",
         "2026 February 2 4 8:11:28.817147387", NULL},
        {"{{ $t := now.UTC }}{{ $t.Weekday }} {{ $t.YearDay }} {{ $t.Unix }} {{ $t.UnixMilli }} {{ $t.UnixMicro }} {{ $t.UnixNano }}",
         "Wednesday 35 1770192688 1770192688817 1770192688817147 1770192688817147387", NULL},
        {"{{ $t := now.UTC }}{{ ($t.Add 28800e9).Format \"15:04\" }} {{ ($t.AddDate 0 1 25).Format \"2006-01-02\" }}",
         "16:11 2026-03-29", NULL},
        {"{{ $t := now.UTC }}{{ $u := $t.Add 1500000000 }}{{ $u.Sub $t }} {{ $t.Before $u }} {{ $t.After $u }} {{ $t.Equal $t }} {{ $t.Compare $u }} {{ $t.IsZero }}",
         "1.5s true false true -1 false", NULL},
        {"{{ $t := now.UTC }}{{ ($t.Truncate 3600000000000).Format \"15:04:05\" }} {{ ($t.Round 60000000000).Format \"15:04:05\" }}",
         "08:00:00 08:11:00", NULL},
        {"{{ $t := tz \"Asia/Shanghai\" now }}{{ $t.Location }} {{ $t.Hour }} {{ (now.In $t.Location).Hour }} {{ $t.UTC.Hour }} {{ $t.IsDST }}",
         "Asia/Shanghai 16 16 8 false", NULL},
        {"{{ $d := since (now.Add -5400500000000) }}{{ $d }} {{ $d.Hours }} {{ $d.Minutes }} {{ $d.Seconds }} {{ $d.Milliseconds }}",
         "1h30m0.5s 1.500138888888889 90.00833333333334 5400.5 5400500", NULL},
        {"{{ $d := since (now.Add -5400500000000) }}{{ $d.Round 1000000000 }} {{ $d.Truncate 60000000000 }} {{ $d.Abs }} {{ $d.String }} {{ printf \"%d %s\" $d $d }}",
         "1h30m1s 1h30m0s 1h30m0.5s 1h30m0.5s 5400500000000 1h30m0.5s", NULL},
        {"{{ eq now now }} {{ if now.IsZero }}a{{ end }}{{ if now }}b{{ end }}", "true b", NULL},
        {"{{ now.Format 1 }}", NULL, "expected string; found 1"},
        {"{{ now.Nope }}", NULL, "can't evaluate field Nope in type time.Time"},
        {"{{ now.Add \"1h\" }}", NULL, "expected integer; found \"1h\""},
        {"{{ tz \"No/Where\" now }}", NULL, "error calling tz: unknown time zone No/Where"},
        {"{{ $t := now }}{{ range 100000 }}{{ $t = $t.AddDate 100000 0 0 }}{{ end }}", NULL,
         "time out of range"},
    };

    run_cases(&template_alertmanager_functions, &env, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_by_layout),
        cmocka_unit_test(shows_go_zero_time_and_fractions_without_zeroes),
        cmocka_unit_test(knows_zones_with_their_summers),
        cmocka_unit_test(reads_the_rules_of_posix),
        cmocka_unit_test(refuses_broken_zone_files),
        cmocka_unit_test(prints_durations),
        cmocka_unit_test(has_the_methods_of_times_and_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
