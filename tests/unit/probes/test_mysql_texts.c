/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "probes/mysql_cnf_priv.h"
#include "probes/mysql_priv.h"

static void values_are_read_as_the_exporter_reads_them(void **state)
{
    static const struct {
        const char *text;
        bool there;
        double value;
    } cases[] = {
        {"12", true, 12},
        {"0.5", true, 0.5},
        {"Yes", true, 1},
        {"ON", true, 1},
        {"Primary", true, 1},
        {"No", true, 0},
        {"Connecting", true, 0},
        {"DISABLED", true, 0},
        {"1970-01-02 00:00:01", true, 86401},
        {"Jan  2 00:00:01 1970 GMT", true, 86401},
        {"Jan  2 00:00:01 1970 CET", false},
        {"1970-13-02 00:00:01", false},
        {"", false},
        {"utf8mb4", false},
        {"12 rows", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double v = 0;

        if (mysql_value(str_c(cases[i].text), &v) != cases[i].there || v != cases[i].value)
            fail_msg("%s: %g", cases[i].text, v);
    }
}

static void versions_tell_the_kind_of_server(void **state)
{
    static const struct {
        const char *text;
        int version;
        bool mariadb;
    } cases[] = {
        {"5.7.44-log", 50744, false},
        {"8.0.28", 80028, false},
        {"9.7.4-2", 90704, false},
        {"10.11.18-MariaDB-0+deb12u1-log", 101118, true},
        {"5.5.5-10.11.18-MariaDB-0+deb12u1", 101118, true},
        {"11.4.2-mariadb", 110402, true},
        {"nonsense", 0, false},
        {"", 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mysql_server s = mysql_server_of(str_c(cases[i].text));

        assert_int_equal(s.version, cases[i].version);
        assert_int_equal(s.mariadb, cases[i].mariadb);
    }
}

static void a_section_inherits_from_its_parent(void **state)
{
    static const char text[] = "# comment\n[mysqld]\nuser=other\n[client]\nuser = probe\n"
                               "password=\"a#b\\\"c\" \nssl_ca=/ca.pem\n"
                               "[client.shop]\npassword=two # words\nssl-skip-verfication\n";
    CLEANUP(arena_deinit) struct arena a = {0};
    struct mysql_cnf cnf = {0};
    struct err err = {0};

    assert_int_equal(mysql_cnf_parse(str_c(text), "client", &a, &cnf, &err), 0);
    assert_string_equal(cnf.user, "probe");
    assert_string_equal(cnf.password, "a#b\"c");
    assert_string_equal(cnf.ssl_ca, "/ca.pem");
    assert_false(cnf.ssl_skip_verify);
    assert_int_equal(mysql_cnf_parse(str_c(text), "client.shop", &a, &cnf, &err), 0);
    assert_string_equal(cnf.user, "probe");
    assert_string_equal(cnf.password, "two");
    assert_true(cnf.ssl_skip_verify);
    assert_int_equal(mysql_cnf_parse(str_c(text), "client.nope", &a, &cnf, &err), -ENOENT);
    assert_string_equal(err.msg, "it has no section [client.nope]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_as_the_exporter_reads_them),
        cmocka_unit_test(versions_tell_the_kind_of_server),
        cmocka_unit_test(a_section_inherits_from_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
