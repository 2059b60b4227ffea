/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static const struct {
    double v;
    const char *f, *e, *shortest, *sample;
} forms[] = {
    {0, "0", "0e+00", "0", "0"},
    {-0.0, "-0", "-0e+00", "-0", "-0"},
    {1, "1", "1e+00", "1", "1"},
    {-21.5, "-21.5", "-2.15e+01", "-21.5", "-21.5"},
    {0.1, "0.1", "1e-01", "0.1", "0.1"},
    {123456, "123456", "1.23456e+05", "123456", "123456"},
    {1e6, "1000000", "1e+06", "1e+06", "1000000"},
    {1234567.5, "1234567.5", "1.2345675e+06", "1.2345675e+06", "1234567.5"},
    {0.0001, "0.0001", "1e-04", "0.0001", "0.0001"},
    {0.00001, "0.00001", "1e-05", "1e-05", "0.00001"},
    {0.0000012345678, "0.0000012345678", "1.2345678e-06", "1.2345678e-06", "0.0000012345678"},
    {1e-7, "0.0000001", "1e-07", "1e-07", "1e-07"},
    {1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21"},
    {1e20, "100000000000000000000", "1e+20", "1e+20", "100000000000000000000"},
    {1e23, "100000000000000000000000", "1e+23", "1e+23",
     "1e+23"}, /* not the exact value's digits */
    {9007199254740993.0, "9007199254740992", "9.007199254740992e+15", "9.007199254740992e+15",
     "9007199254740992"},
    {1795448226, "1795448226", "1.795448226e+09", "1.795448226e+09", "1795448226"},
    {NAN, "NaN", "NaN", "NaN", "NaN"},
    {INFINITY, "+Inf", "+Inf", "+Inf", "+Inf"},
    {-INFINITY, "-Inf", "-Inf", "-Inf", "-Inf"},
};

static void check(size_t (*format)(double, char *), double v, const char *want)
{
    char out[NUM_TEXT_MAX + 1];

    out[format(v, out)] = '\0';
    assert_string_equal(out, want);
}

static void numbers_are_written_as_go_does(void **state)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        check(num_format_f, forms[i].v, forms[i].f);
        check(num_format_e, forms[i].v, forms[i].e);
        check(num_format_short, forms[i].v, forms[i].shortest);
        check(num_format_sample, forms[i].v, forms[i].sample);
    }
}

static void every_form_reads_back_equal(void **state)
{
    size_t (*const formats[])(double, char *) = {num_format_f, num_format_e, num_format_short,
                                                 num_format_sample};
    uint64_t bits = 1;

    for (int i = 0; i < 20000; i++) {
        double v, back;

        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&v, &bits, sizeof v);
        if (isnan(v))
            continue;
        for (size_t k = 0; k < 4; k++) {
            char out[NUM_TEXT_MAX];

            assert_true(num_parse_double(str_n(out, formats[k](v, out)), &back));
            assert_true(back == v);
        }
    }
}

/* The fewest places after the point that read back equal, found by trying. */
static void check_places(double v)
{
    char want[NUM_TEXT_MAX + 1], got[NUM_TEXT_MAX + 1];

    for (int places = 0; places < 30; places++) {
        snprintf(want, sizeof want, "%.*f", places, v);
        if (strtod(want, NULL) == v)
            break;
    }
    got[num_format_f(v, got)] = '\0';
    assert_string_equal(got, want);
    got[num_format_sample(v, got)] = '\0';
    assert_string_equal(got, want);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

/* Decimals of all lengths with their neighbours, which are as near as a double comes. */
static void short_decimals_and_their_neighbours_have_the_fewest_digits(void **state)
{
    static const double scales[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e9, 1024};
    uint64_t random = 1;

    for (int i = 0; i < 20000; i++) {
        uint64_t m = next_random(&random) >> (random >> 20) % 53;
        double v = (double)m / scales[i % (int)ARRAY_LEN(scales)];

        if (v < 1e-5)
            continue;
        check_places(v);
        check_places(-v);
        check_places(nextafter(v, 0));
        check_places(nextafter(v, INFINITY));
    }
    for (int k = 0; k < 16; k++) { /* about where 15 digits end */
        double edge = pow(10, k);

        for (int d = -3; d <= 3; d++)
            for (size_t i = 0; i < ARRAY_LEN(scales); i++)
                if (edge + d > 0)
                    check_places((edge + d) / scales[i] > 1e-5 ? (edge + d) / scales[i] : 1);
    }
    check_places(999999999999.9999);
    check_places(999999999999.999);
    check_places(999999999.9999999);
    check_places(0.1 + 0.2);
    check_places(4503599627370495.5);
}

static void whole_numbers_of_every_length_are_written(void **state)
{
    uint64_t random = 7;

    for (int i = 0; i < 20000; i++) {
        uint64_t v = next_random(&random) >> i % 54;
        char want[32], got[NUM_TEXT_MAX + 1];

        snprintf(want, sizeof want, "%llu", (unsigned long long)v);
        got[num_format_f((double)v, got)] = '\0';
        assert_string_equal(got, want);
    }
}

static void a_sample_fits_its_room(void **state)
{
    static const double long_ones[] = {
        -1.2345678901234567e-6, -DBL_TRUE_MIN,          -DBL_MAX, -9.999999999999998e20,
        -123456.78901234567,    -1.2345678901234567e-7, -1e-6};
    char out[NUM_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(long_ones); i++)
        assert_in_range(num_format_sample(long_ones[i], out), 1, NUM_SAMPLE_MAX);
}

static void the_longest_forms_fit(void **state)
{
    char out[NUM_TEXT_MAX];

    assert_in_range(num_format_f(-DBL_TRUE_MIN, out), 300, NUM_TEXT_MAX);
    assert_in_range(num_format_f(-2.2250738585072011e-308, out), 300, NUM_TEXT_MAX);
    assert_in_range(num_format_f(-DBL_MAX, out), 300, NUM_TEXT_MAX);
}

static const struct {
    const char *text;
    double v; /* 12345: refused */
} texts[] = {
    {"0", 0},
    {"1", 1},
    {"+1.5", 1.5},
    {"-1.5", -1.5},
    {".5", 0.5},
    {"5.", 5},
    {"1e3", 1000},
    {"1E+3", 1000},
    {"1e-2", 0.01},
    {"00012", 12},
    {"inf", INFINITY},
    {"+Inf", INFINITY},
    {"-INF", -INFINITY},
    {"infinity", INFINITY},
    {"-Infinity", -INFINITY},
    {"1e309", INFINITY},
    {"-1e400", -INFINITY},
    {"1e-400", 0},
    {"4.9406564584124654e-324", DBL_TRUE_MIN},
    {"1.7976931348623157e308", DBL_MAX},
    {"9007199254740993", 9007199254740992.0},
    {"", 12345},
    {"+", 12345},
    {"-", 12345},
    {".", 12345},
    {"+-1", 12345},
    {"--1", 12345},
    {" 1", 12345},
    {"1 ", 12345},
    {"0x1", 12345},
    {"1_0", 12345},
    {"1e", 12345},
    {"1e+", 12345},
    {"e5", 12345},
    {"1.2.3", 12345},
    {"infin", 12345},
    {"infinityy", 12345},
    {"nano", 12345},
    {"-nan", 12345},
    {"+NaN", 12345},
    {"nan(1)", 12345},
    {"1f", 12345},
    {"true", 12345},
};

static void numbers_are_read_as_go_does(void **state)
{
    double nan;
    uint64_t bits;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double v = 12345;
        bool ok = num_parse_double(str_c(texts[i].text), &v);

        if (ok != (texts[i].v != 12345) || v != texts[i].v)
            fail_msg("%s gave %.17g", texts[i].text, v);
    }
    assert_true(num_parse_double(STR("-0"), &nan) && signbit(nan));
    assert_true(num_parse_double(STR("nAn"), &nan) && isnan(nan));
    memcpy(&bits, &nan, sizeof bits);
    assert_int_equal(bits, UINT64_C(0x7ff8000000000001));
}

static void integers_are_range_checked(void **state)
{
    int64_t i = 7;
    uint64_t u = 7;

    assert_true(num_parse_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(num_parse_i64(STR("+9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(num_parse_i64(STR("9223372036854775808"), &i));
    assert_false(num_parse_i64(STR("-9223372036854775809"), &i));
    assert_false(num_parse_i64(STR("-+1"), &i));
    assert_false(num_parse_i64(STR("-"), &i));
    assert_false(num_parse_i64(STR(""), &i));
    assert_false(num_parse_i64(STR("1 "), &i));
    assert_int_equal(i, INT64_MAX);
    assert_true(num_parse_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(num_parse_u64(STR("18446744073709551616"), &u));
    assert_false(num_parse_u64(STR("-1"), &u));
}

static void integers_are_written(void **state)
{
    CLEANUP(buf_free) struct buf b = {0};

    num_add_i64(&b, INT64_MIN);
    num_add_i64(&b, 0);
    num_add_i64(&b, INT64_MAX);
    num_add_f(&b, 0.5);
    num_add_short(&b, 1e9);
    num_add_sample(&b, 1e9);
    assert_string_equal(b.p, "-9223372036854775808092233720368547758070.51e+091000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_go_does),
        cmocka_unit_test(every_form_reads_back_equal),
        cmocka_unit_test(short_decimals_and_their_neighbours_have_the_fewest_digits),
        cmocka_unit_test(whole_numbers_of_every_length_are_written),
        cmocka_unit_test(a_sample_fits_its_room),
        cmocka_unit_test(the_longest_forms_fit),
        cmocka_unit_test(numbers_are_read_as_go_does),
        cmocka_unit_test(integers_are_range_checked),
        cmocka_unit_test(integers_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
