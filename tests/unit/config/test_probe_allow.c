/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "config/config.h"

#define PARSE(pattern) "scrape_configs: [{job_name: a, redis: {}, probe_allow: ['" pattern "']}]"

static const struct {
    const char *yaml, *host;
    unsigned port;
    bool allowed;
} cases[] = {
    {PARSE("192.0.2.7:6379"), "192.0.2.7", 6379, true},
    {PARSE("192.0.2.7:6379"), "192.0.2.7", 6380, false},
    {PARSE("192.0.2.7:6379"), "192.0.2.70", 6379, false},
    {PARSE("192.0.2.7:6379-6381"), "192.0.2.7", 6381, true},
    {PARSE("192.0.2.7:6379-6381"), "192.0.2.7", 6382, false},
    {PARSE("192.0.2.7:*"), "192.0.2.7", 1, true},
    {PARSE("192.0.2.7:*"), "192.0.2.7", 65535, true},
    {PARSE("10.16.0.0/12:*"), "10.31.255.255", 1, true},
    {PARSE("10.16.0.0/12:*"), "10.32.0.0", 1, false},
    {PARSE("10.16.0.0/12:*"), "10.15.255.255", 1, false},
    {PARSE("0.0.0.0/0:*"), "203.0.113.9", 1, true},
    {PARSE("0.0.0.0/0:*"), "::1", 1, false},
    {PARSE("10.0.0.1/32:*"), "10.0.0.1", 1, true},
    {PARSE("10.0.0.1/32:*"), "10.0.0.0", 1, false},
    {PARSE("[fd00::/8]:443"), "fdab::1", 443, true},
    {PARSE("[fd00::/8]:443"), "fe80::1", 443, false},
    {PARSE("[fd00::1]:443"), "fd00:0::0:1", 443, true},
    {PARSE("[fd00::1]:443"), "10.0.0.1", 443, false},
    {PARSE("db-1.site.example:3306"), "DB-1.Site.Example", 3306, true},
    {PARSE("db-1.site.example:3306"), "db-2.site.example", 3306, false},
    {PARSE("*.site.example:3306"), "db-1.site.example", 3306, true},
    {PARSE("*.site.example:3306"), "a.b.site.example", 3306, true},
    {PARSE("*.site.example:3306"), "site.example", 3306, false},
    {PARSE("*.site.example:3306"), ".site.example", 3306, false},
    {PARSE("*.site.example:3306"), "evilsite.example", 3306, false},
    {PARSE("*.site.example:3306"), "db.site.example.evil", 3306, false},
    {PARSE("*:443"), "anything", 443, true},
    {PARSE("*:443"), "192.0.2.1", 443, true},
    {PARSE("*:443"), "::1", 443, true},
    {PARSE("*:443"), "a@b", 443, false},
    {PARSE("*:443"), "a b", 443, false},
    {PARSE("*:443"), "", 443, false},
    /* other ways to write an address are names, and no network has a name */
    {PARSE("127.0.0.0/8:*"), "0x7f.1", 1, false},
    {PARSE("127.0.0.0/8:*"), "localhost", 1, false},
    {"scrape_configs: [{job_name: a, redis: {}}]", "192.0.2.7", 6379, false},
};

static struct config *parse(const char *yaml, struct err *err)
{
    struct config *c = NULL;

    return config_parse("f", str_c(yaml), &c, err) < 0 ? NULL : c;
}

static void a_pattern_allows_hosts_and_ports(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct config *c = parse(cases[i].yaml, &err);

        if (!c)
            fail_msg("%s", err.msg);
        if (config_allows(&c->scrapes[0], str_c(cases[i].host), cases[i].port) != cases[i].allowed)
            fail_msg("%s: %s:%u", cases[i].yaml, cases[i].host, cases[i].port);
        config_unref(c);
    }
}

static void one_of_several_patterns_is_enough(void **state)
{
    struct err err = {0};
    struct config *c = parse("scrape_configs:\n- job_name: a\n  redis: {}\n"
                             "  probe_allow: ['10.0.0.0/8:6379', 'r:*', '[::1]:1']\n",
                             &err);

    assert_non_null(c);
    assert_true(config_allows(&c->scrapes[0], STR("r"), 7));
    assert_true(config_allows(&c->scrapes[0], STR("::1"), 1));
    assert_false(config_allows(&c->scrapes[0], STR("::1"), 7));
    config_unref(c);
}

static void what_is_no_pattern_is_told_at_its_place(void **state)
{
    static const char *const bad[] = {
        PARSE("192.0.2.7"),
        PARSE("192.0.2.7:"),
        PARSE("192.0.2.7:0"),
        PARSE("a:65536"),
        PARSE("a:9-8"),
        PARSE("a:1-*"),
        PARSE(":80"),
        PARSE("10.0.0.0/33:1"),
        PARSE("10.0.0.0/x:1"),
        PARSE("10.0.0.0/:1"),
        PARSE("[fd00::/129]:1"),
        PARSE("[fd00::1:1"),
        PARSE("fd00::1:1"),
        PARSE("a/8:1"),
        PARSE("*a:1"),
        PARSE("a.*:1"),
        PARSE("http://a:1"),
        PARSE("a b:1"),
        PARSE("*.:1"),
        "scrape_configs: [{job_name: a, redis: {}, probe_allow: [[]]}]",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};

        if (parse(bad[i], &err))
            fail_msg("taken: %s", bad[i]);
        if (!strstr(err.msg, "probe_allow: found ") || !strstr(err.msg, "expected HOST:PORT"))
            fail_msg("%s: %s", bad[i], err.msg);
    }
}

static void a_job_that_scrapes_has_nobody_to_ask(void **state)
{
    struct err err = {0};

    assert_null(parse("scrape_configs: [{job_name: a, probe_allow: ['a:1']}]", &err));
    assert_non_null(strstr(err.msg, "f:1:"));
    assert_non_null(strstr(err.msg, "probe_allow is for jobs that ask a server themselves"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_allows_hosts_and_ports),
        cmocka_unit_test(one_of_several_patterns_is_enough),
        cmocka_unit_test(what_is_no_pattern_is_told_at_its_place),
        cmocka_unit_test(a_job_that_scrapes_has_nobody_to_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
