/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "probes/address_priv.h"

static const struct {
    const char *text, *host;
    int port;
    const char *path;
    bool tls;
    const char *why; /* it is refused */
} cases[] = {
    {"192.0.2.7:6380", "192.0.2.7", 6380},
    {"redis-dev", "redis-dev", 6379},
    {"[2001:db8::1]:7000", "2001:db8::1", 7000},
    {"[::1]", "::1", 6379},
    {"redis://h", "h", 6379},
    {"redis://h:1/3", "h", 1}, /* the number of a database does not matter */
    {"valkey://h:65535", "h", 65535},
    {"rediss://h:1", "h", 1, .tls = true},
    {"valkeys://[::1]:1", "::1", 1, .tls = true},
    {"/run/redis.sock", .path = "/run/redis.sock"},
    {"unix:///run/redis.sock", .path = "/run/redis.sock"},
    {"", .why = "expected a host"},
    {":1", .why = "expected a host"},
    {"redis://", .why = "expected a host"},
    {"[]:1", .why = "expected a host"},
    {"rediss:///run/redis.sock", .why = "expected a host"},
    {"h:", .why = "expected a port"},
    {"h:0", .why = "expected a port"},
    {"h:65536", .why = "expected a port"},
    {"h:x", .why = "expected a port"},
    {"2001:db8::1", .why = "expected a port"}, /* without brackets it is a host with an odd port */
    {"[::1]x", .why = "expected a port"},
    {"[::1", .why = "expected a ]"},
    {"unix://run/redis.sock", .why = "expected an absolute path"},
    {"redis://u:p@h:1", .why = "a user or a password"},
};

static void addresses_are_read_as_people_write_them(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(server_address_deinit) struct server_address a = {0};
        struct err err = {0};
        int r = server_address_parse(SERVER_REDIS, str_c(cases[i].text), &a, &err);

        assert_int_equal(r, cases[i].why ? -EINVAL : 0);
        if (cases[i].why && !strstr(err.msg, cases[i].why))
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(a.port, cases[i].port);
        assert_int_equal(a.tls, cases[i].tls);
        assert_string_equal(a.host ? a.host : "-", cases[i].host ? cases[i].host : "-");
        assert_string_equal(a.unix_path ? a.unix_path : "-", cases[i].path ? cases[i].path : "-");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_people_write_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
