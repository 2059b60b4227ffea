/* SPDX-License-Identifier: Apache-2.0 */
#include "app/leap.h"
#include "base/defs.h"
#include "config/config.h"
#include "tests/unit/tocsin_cmocka.h"

static void a_leap_is_what_the_monotonic_clock_did_not_see(void **state)
{
    static const struct {
        int64_t wall, mono; /* seconds that pass */
        bool leapt;
    } steps[] = {
        {0, 0, false}, /* the first look knows nothing */
        {3600, 3600, false} /* a thread that slept for an hour */,
        {5, 4, false},     /* adjusted */
        {34, 4, true},     /* the limit */
        {33, 4, false},    /* just below */
        {7200, 1, true},   /* set two hours ahead */
        {1, 1, false},     /* told once */
        {-3600, 1, false}, /* set back */
        {3602, 1, true},   /* and ahead again */
    };
    struct leap_watch w = {0};
    unix_ns wall = 1000 * NS_PER_S;
    mono_ns mono = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        wall += steps[i].wall * NS_PER_S;
        mono += steps[i].mono * NS_PER_S;
        if (leap_seen(&w, wall, mono) != steps[i].leapt)
            fail_msg("step %zu", i);
    }
}

static void every_target_is_scraped_twice_before_rules_go_on(void **state)
{
    static const struct {
        const char *yaml;
        int64_t seconds;
    } cases[] = {
        {"global: {scrape_interval: 15s}", 30},
        {"global: {scrape_interval: 1s, scrape_timeout: 1s}", 10}, /* at least */
        {"global: {scrape_interval: 15s}\nscrape_configs: [{job_name: a}, {job_name: b, scrape_interval: 1m}]",
         120},
        {"global: {scrape_interval: 1h}", 300}, /* at most */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(config_unrefp) struct config *c = NULL;

        assert_int_equal(config_parse("t.yml", str_c(cases[i].yaml), &c, NULL), 0);
        assert_int_equal(leap_hold_rules_ns(c), cases[i].seconds * NS_PER_S);
        assert_true(leap_hold_alerts_ns(c) > leap_hold_rules_ns(c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leap_is_what_the_monotonic_clock_did_not_see),
        cmocka_unit_test(every_target_is_scraped_twice_before_rules_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
