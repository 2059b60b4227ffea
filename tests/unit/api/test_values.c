/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <string.h>

#include "api/api_priv.h"

static const struct {
    double v;
    const char *text;
} numbers[] = {
    {0, "0"},
    {1, "1"},
    {-2.5, "-2.5"},
    {123456789, "123456789"},
    {0.000001, "0.000001"},
    {0.00000099, "9.9e-7"},
    {-1e-9, "-1e-9"},
    {1e-10, "1e-10"},
    {2.5e-17, "2.5e-17"},
    {1e-100, "1e-100"},
    {1e20, "100000000000000000000"},
    {1e21, "1e+21"},
    {1.5e300, "1.5e+300"},
};

static void numbers_look_as_go_writes_them_in_json(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        CLEANUP(buf_free) struct buf got = {0}, expected = {0};
        struct json_writer w;

        json_writer_init(&w, &got, JSON_HTML_SAFE);
        json_object_begin(&w);
        api_kv_number(&w, "n", numbers[i].v);
        api_kv_number(&w, "m", 1);
        json_object_end(&w);
        buf_addf(&expected, "{\"n\":%s,\"m\":1}", numbers[i].text);
        assert_string_equal(got.p, expected.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_look_as_go_writes_them_in_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
