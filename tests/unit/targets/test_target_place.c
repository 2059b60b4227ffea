/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/targets/setup.h"

/* host NULL: it has no place. */
static const struct {
    enum job_kind kind;
    const char *address, *url, *host;
    unsigned port;
} cases[] = {
    {JOB_REDIS, "cache-1", "redis://cache-1:6379", "cache-1", 6379},
    {JOB_REDIS, "cache-1:7", "redis://cache-1:7", "cache-1", 7},
    {JOB_REDIS, "rediss://cache-1", "rediss://cache-1", "cache-1", 6379},
    {JOB_REDIS, "valkeys://cache-1:7/0", "valkeys://cache-1:7/0", "cache-1", 7},
    {JOB_REDIS, "[fd00::1]:7", "redis://[fd00::1]:7", "fd00::1", 7},
    {JOB_REDIS, "[fd00::1]", "redis://[fd00::1]:6379", "fd00::1", 6379},
    {JOB_REDIS, "/run/redis.sock", "unix:///run/redis.sock", NULL, 0},
    {JOB_REDIS, "http://a:80", "http://a:80", NULL, 0},
    {JOB_REDIS, "a:x", "redis://a:x", NULL, 0},
    {JOB_REDIS, "a:0", "redis://a:0", NULL, 0},
    {JOB_REDIS, "a:65536", "redis://a:65536", NULL, 0},
    {JOB_REDIS, "[::1", "redis://[::1:6379", NULL, 0},
    {JOB_REDIS, "[::1]x", "redis://[::1]x:6379", NULL, 0},
    /* the host is what the probe would take for it */
    {JOB_REDIS, "a?b:1", "redis://a?b:1", "a?b", 1},
    {JOB_REDIS, "u@a:1", "redis://u@a:1", "u@a", 1},
    {JOB_MYSQL, "db", "mysql://db:3306", "db", 3306},
    {JOB_MYSQL, "mariadb://db", "mariadb://db", "db", 3306},
    {JOB_TCP_CHECK, "a:22", "tcp://a:22", "a", 22},
    {JOB_TCP_CHECK, "a", "tcp://a", NULL, 0},
    {JOB_HTTP_CHECK, "a/x", "http://a/x", "a", 80},
    {JOB_HTTP_CHECK, "https://a?x=y:1", "https://a?x=y:1", "a", 443},
    {JOB_HTTP_CHECK, "http://[::1]:8/", "http://[::1]:8/", "::1", 8},
    {JOB_HTTP_CHECK, "http://good:80@evil/", "http://good:80@evil/", NULL, 0},
    {JOB_HTTP_CHECK, "http://good@evil/", "http://good@evil/", "good@evil", 80},
    {JOB_HTTP_CHECK, "file:///etc/passwd", "file:///etc/passwd", NULL, 0},
    {JOB_HTTP_CHECK, "http:///x", "http:///x", NULL, 0},
    {JOB_SPRING, "shop:8080", "https://shop:8080/manage", "shop", 8080},
    {JOB_SPRING, "shop", "https://shop/manage", "shop", 443},
    {JOB_SPRING, "http://shop/", "http://shop/manage", "shop", 80},
    {JOB_SPRING, "shop@evil", "https://shop@evil/manage", "shop@evil", 443},
    {JOB_SPRING, "shop#@evil", "https://shop#@evil/manage", "shop", 443},
    {JOB_HTTP_CHECK, "gopher://a:1/", "gopher://a:1/", NULL, 0},
};

static void a_probe_outside_of_any_list_knows_host_and_port(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_spring spring = {.scheme = "https", .base_path = "/manage/"};
        const struct config_scrape job = {.kind = cases[i].kind,
                                          .spring = &spring,
                                          .scrape_interval = 9000,
                                          .scrape_timeout = 3000};
        CLEANUP(arena_deinit) struct arena a = {0};
        struct target t;
        struct str host = STR("untouched");
        unsigned port = 0;
        bool found;

        target_of_address(&a, &job, str_c(cases[i].address), &t);
        assert_string_equal(t.url, cases[i].url);
        assert_ptr_equal(t.job, &job);
        assert_int_equal(t.interval, 9000);
        assert_int_equal(t.timeout, 3000);
        found = target_place(&t, &host, &port);
        if (found != (cases[i].host != NULL) ||
            (found && (!str_eq_c(host, cases[i].host) || port != cases[i].port)))
            fail_msg("%s: %d %.*s %u", cases[i].address, found, STR_ARG(host), port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_probe_outside_of_any_list_knows_host_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
