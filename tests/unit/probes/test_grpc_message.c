/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "probes/grpc_message_priv.h"

static void a_request_names_its_service(void **state)
{
    CLEANUP(buf_free) struct buf out = {0}, name = {0};

    grpc_health_request_add(&out, NULL);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.p, "\0\0\0\0\0", 5);
    buf_reset(&out);
    grpc_health_request_add(&out, "shop.Orders");
    assert_int_equal(out.len, 18);
    assert_memory_equal(out.p, "\0\0\0\0\x0d\x0a\x0bshop.Orders", 18);
    buf_reset(&out);
    for (int i = 0; i < 300; i++)
        buf_add_byte(&name, 'a');
    grpc_health_request_add(&out, name.p);
    assert_int_equal(out.len, 308);
    assert_memory_equal(out.p,
                        "\0\0\0\x01\x2f\x0a\xac\x02"
                        "aaa",
                        11);
}

static void a_reply_is_a_status_or_nothing(void **state)
{
    static const struct {
        struct str body;
        int status;
        const char *words;
    } cases[] = {
        {{"\0\0\0\0\2\x08\1", 7}, HEALTH_SERVING, NULL},
        {{"\0\0\0\0\2\x08\3", 7}, HEALTH_SERVICE_UNKNOWN, NULL},
        {{"\0\0\0\0\0", 5}, HEALTH_UNKNOWN, NULL},                   /* zeroes are not sent */
        {{"\0\0\0\0\5\x08\2\x12\1a", 10}, HEALTH_NOT_SERVING, NULL}, /* a field that came later */
        {{"\0\0\0\0\2\x08\4", 7}, -EPROTO, "no HealthCheckResponse"},
        {{"\0\0\0\0\2\x0a\0", 7}, -EPROTO, "no HealthCheckResponse"},
        {{"\0\0\0\0\1\x08", 6}, -EPROTO, "no HealthCheckResponse"},
        {{"\0\0\0\0\3\x08\1", 7}, -EPROTO, "has 2 bytes, not 3"},
        {{"\0\0\0\0\1\x08\1", 7}, -EPROTO, "has 2 bytes, not 1"},
        {{"\1\0\0\0\2\x08\1", 7}, -EPROTO, "compressed"},
        {{"\0\0\0\0", 4}, -EPROTO, "no message"},
        {{"", 0}, -EPROTO, "no message"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};

        if (grpc_health_reply_read(cases[i].body, &err) != cases[i].status)
            fail_msg("case %zu: %s", i, err.msg);
        if (cases[i].words && !strstr(err.msg, cases[i].words))
            fail_msg("case %zu: %s", i, err.msg);
    }
}

static void a_call_ends_with_a_code_and_words(void **state)
{
    static const struct {
        const char *headers;
        int http, code;
        const char *words;
    } cases[] = {
        {"content-type: application/grpc\ngrpc-status: 0\n", 200, 0, ""},
        {"Grpc-Status: 5\ngrpc-message: unknown service\n", 200, 5, "unknown service"},
        {"grpc-status:14\ngrpc-message: 50%25 %e4%BD%a0 %zz%4\n", 200, 14,
         "50% \xe4\xbd\xa0 %zz%4"},
        {"grpc-status: 2\ngrpc-message: %ff\n", 200, 2, ""},
        {"grpc-status: -1\n", 200, 2, "status 200 of HTTP and no grpc-status"},
        {"grpc-status: 99999999999\n", 503, 14, "status 503 of HTTP and no grpc-status"},
        {"", 401, 16, "status 401 of HTTP and no grpc-status"},
        {"", 403, 7, "status 403 of HTTP and no grpc-status"},
        {"", 404, 12, "status 404 of HTTP and no grpc-status"},
        {"", 400, 13, "status 400 of HTTP and no grpc-status"},
        {"", 418, 2, "status 418 of HTTP and no grpc-status"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf words = {0};
        int code = grpc_status_read(str_c(cases[i].headers), cases[i].http, &words);

        assert_int_equal(code, cases[i].code);
        if (!str_eq_c(buf_str(&words), cases[i].words))
            fail_msg("case %zu: %s", i, words.p);
    }
    assert_string_equal(grpc_code_name(14), "UNAVAILABLE");
    assert_string_equal(grpc_code_name(16), "UNAUTHENTICATED");
    assert_string_equal(grpc_code_name(17), "a code of its own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_its_service),
        cmocka_unit_test(a_reply_is_a_status_or_nothing),
        cmocka_unit_test(a_call_ends_with_a_code_and_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
