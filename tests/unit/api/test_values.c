/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/crew.h"
#include "base/mem.h"

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

/* Two write it when it is large: nobody can tell. */
static void half_of_a_large_result_may_be_written_by_a_helper(void **state)
{
    enum { SERIES = 40, POINTS = 300 };
    struct promql_result r = {.type = PROMQL_MATRIX, .n = SERIES};
    struct crew *crew = crew_new(1);
    unix_ms times[POINTS];
    double values[POINTS];

    r.series = mem_array(SERIES, sizeof *r.series);
    for (size_t k = 0; k < POINTS; k++) {
        times[k] = (unix_ms)k * 1500;
        values[k] = (double)k / 7;
    }
    for (size_t i = 0; i < SERIES; i++) {
        struct label l = {STR("a"), {(const char[]){(char)('0' + i), 0}, 1}};

        r.series[i] = (struct promql_series){label_set_new(&l, 1), POINTS - i, times, values, NULL};
    }
    for (size_t n = 1; n <= SERIES; n++) {
        CLEANUP(buf_free) struct buf alone = {0}, helped = {0};

        api_add_result(&alone, &r, n, NULL);
        api_add_result(&helped, &r, n, crew);
        assert_string_equal(alone.p, helped.p);
        assert_int_equal(crew_busy(crew), 0);
    }
    for (size_t i = 0; i < SERIES; i++)
        label_set_unref(r.series[i].labels);
    free(r.series);
    crew_free(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_look_as_go_writes_them_in_json),
        cmocka_unit_test(half_of_a_large_result_may_be_written_by_a_helper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
