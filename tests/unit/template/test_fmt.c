/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>

#include "template/fmt_priv.h"
#include "tests/unit/template/run.h"

static const struct tmpl_env env = {.missing_key = TMPL_MISSING_ZERO};

#define RUN(cases) run_cases(&template_alertmanager_functions, &env, cases, ARRAY_LEN(cases))

static void prints_integers_in_all_bases_with_flags(void **state)
{
    static const struct run_case cases[] = {
        {"{{ printf \"%d|%5d|%-5d|%05d|%+d|% d\" 42 42 42 42 42 42 }}",
         "42|   42|42   |00042|+42| 42", NULL},
        {"{{ printf \"%x|%X|%#x|%o|%#o|%O|%b|%#b\" 42 42 42 42 42 42 42 42 }}",
         "2a|2A|0x2a|52|052|0o52|101010|0b101010", NULL},
        {"{{ printf \"%c|%q|%+q|%U|%#U|%#.6U\" 42 42 20013 42 42 42 }}",
         "*|'*'|'\\u4e2d'|U+002A|U+002A '*'|U+00002A '*'", NULL},
        {"{{ printf \"%.3d|%6.3d|%06.3d|%+06d|%-06d|%.0d|\" 7 7 7 7 7 0 }}",
         "007|   007|   007|+00007|7     ||", NULL},
        {"{{ printf \"%d %x %05d %v\" -5 -255 -5 -5 }}", "-5 -ff -0005 -5", NULL},
        {"{{ printf \"%d %#v %v\" (index \"a\" 0) (index \"a\" 0) (index \"a\" 0) }}", "97 0x61 97",
         NULL},
    };

    RUN(cases);
}

static void prints_floats_as_go_does(void **state)
{
    static const struct run_case cases[] = {
        {"{{ printf \"%f|%.2f|%8.2f|%-8.2f|%08.2f|%+.1f\" 1.5 1.5 1.5 1.5 -1.5 1.5 }}",
         "1.500000|1.50|    1.50|1.50    |-0001.50|+1.5", NULL},
        {"{{ printf \"%e|%.1e|%E|%g|%G|%.3g|%F\" 1.5 12345.678 0.0 1e6 1e-7 1234.5 1.5 }}",
         "1.500000e+00|1.2e+04|0.000000E+00|1e+06|1E-07|1.23e+03|1.500000", NULL},
        {"{{ printf \"%v %v %v %v %v\" 100000.0 1e20 1e21 0.0001 0.00001 }}",
         "100000 1e+20 1e+21 0.0001 1e-05", NULL},
        {"{{ printf \"%x|%X|%.1x|%b\" 1.5 1.5 1.5 1.0 }}",
         "0x1.8p+00|0X1.8P+00|0x1.8p+00|4503599627370496p-52", NULL},
        {"{{ printf \"%#g|%#.3g|%#.0f|%#v\" 1.0 1.0 1.0 1.0 }}", "1.00000|1.00|1.|1", NULL},
        {"{{ printf \"%v|%.1f|%+g\" 1i 1.25i 3i }}", "(0+1i)|(0.0+1.2i)|(+0+3i)", NULL},
        {"{{ print 1e6 123456789.0 -0.5 }}", "1e+06 1.23456789e+08 -0.5", NULL},
    };

    RUN(cases);
}

static void prints_what_is_no_finite_number(void **state)
{
    const struct tmpl_value v[] = {tmpl_float(NAN), tmpl_float(INFINITY), tmpl_float(-INFINITY)};
    struct buf out = {0};

    assert_int_equal(fmt_printf(STR("%v %v %v"), v, 3, &out, NULL), 0);
    assert_string_equal(out.p, "NaN +Inf -Inf");
    buf_reset(&out);
    assert_int_equal(fmt_printf(STR("%5.1f|%+.1f|%05.1f|% f"),
                                (struct tmpl_value[]){v[0], v[0], v[2], v[1]}, 4, &out, NULL),
                     0);
    assert_string_equal(out.p, "  NaN|+NaN| -Inf| Inf");
    buf_free(&out);
}

static void prints_strings_quoted_cut_and_in_hex(void **state)
{
    static const struct run_case cases[] = {
        {"{{ printf \"%s|%6s|%-6s|%.2s|%05s\" \"中文字\" \"中文字\" \"ab\" \"中文字\" \"ab\" }}",
         "中文字|   中文字|ab    |中文|000ab", NULL},
        {"{{ printf \"%q %#q %+q %#q\" \"a\\\"b\\n\" \"a\\\"b\" \"中\\U0001F600\" \"a`b\" }}",
         "\"a\\\"b\\n\" `a\"b` \"\\u4e2d\\U0001f600\" \"a`b\"", NULL},
        {"{{ printf \"%x|%X|% x|%#x|%# x|%.1x|%6q\" \"hi\" \"hj\" \"hi\" \"hi\" \"hi\" \"hi\" \"a\" }}",
         "6869|686A|68 69|0x6869|0x68 0x69|68|   \"a\"", NULL},
        {"{{ printf \"%q\" \"\\xff\\x00\\u200b\" }}", "\"\\xff\\x00\\u200b\"", NULL},
    };

    RUN(cases);
}

static void prints_lists_maps_and_nil(void **state)
{
    static const struct run_case cases[] = {
        {"{{ .list }} {{ .m }} {{ .nums }} {{ stringSlice }}", "[a b c] map[k:v] [1 2 3] []", NULL},
        {"{{ printf \"%q %#v %#v %03d\" .list .list .m .nums }}",
         "[\"a\" \"b\" \"c\"] []string{\"a\", \"b\", \"c\"} map[string]string{\"k\":\"v\"} [001 002 003]",
         NULL},
        {"{{ printf \"%T %T %T %T %T\" .list .m .nums nil true }}",
         "[]string map[string]string []interface {} <nil> bool", NULL},
        {"{{ printf \"%v %d %s\" nil nil nil }}", "<nil> %!d(<nil>) %!s(<nil>)", NULL},
        {"{{ printf \"%#v\" (stringSlice) }}", "[]string(nil)", NULL},
        {"{{ list 1 nil \"a\" }} {{ dict \"b\" 1 \"a\" nil }}", "[1 <nil> a] map[a:<nil> b:1]",
         NULL},
        {"{{ printf \"%t|%6t|%v\" true true false }}", "true|  true|false", NULL},
    };

    RUN(cases);
}

static void says_inside_the_text_what_was_wrong(void **state)
{
    static const struct run_case cases[] = {
        {"{{ printf \"%d\" \"x\" }}", "%!d(string=x)", NULL},
        {"{{ printf \"%z %t %s %d\" 1 1 1 true }}",
         "%!z(int=1) %!t(int=1) %!s(int=1) %!d(bool=true)", NULL},
        {"{{ printf \"%d\" .list }}", "[%!d(string=a) %!d(string=b) %!d(string=c)]", NULL},
        {"{{ printf \"a%d\" }}", "a%!d(MISSING)", NULL},
        {"{{ printf \"%d\" 1 2 nil \"x\" }}", "1%!(EXTRA int=2, <nil>, string=x)", NULL},
        {"{{ printf \"50%\" }}{{ printf \"%-\" }}", "50%!(NOVERB)%!(NOVERB)", NULL},
        {"{{ printf \"%%|%5%|\" }}", "%|%|", NULL},
        {"{{ printf \"%[2]d %[1]d\" 1 2 }}", "2 1", NULL},
        {"{{ printf \"%[1]d %d\" 1 2 }}", "1 2", NULL},
        {"{{ printf \"%[3]d %[x]d %[1]\" 1 2 }}", "%!d(BADINDEX) %!d(BADINDEX) %!(NOVERB)", NULL},
        {"{{ printf \"%[1]2d|%[1].2d\" 1 }}", "%!d(BADINDEX)|%!d(BADINDEX)", NULL},
        {"{{ printf \"%*d|%-*d|%*d|\" 5 42 5 42 -5 42 }}", "   42|42   |42   |", NULL},
        {"{{ printf \"%.*f|%[2]*[1]d|\" 2 3.14159 }}", "3.14|%!(BADWIDTH)2|", NULL},
        {"{{ printf \"%*d\" \"a\" 1 }}", "%!(BADWIDTH)1", NULL},
        {"{{ printf \"%.*d\" 20000000 1 }}", "%!(BADPREC)1", NULL},
    };

    RUN(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_integers_in_all_bases_with_flags),
        cmocka_unit_test(prints_floats_as_go_does),
        cmocka_unit_test(prints_what_is_no_finite_number),
        cmocka_unit_test(prints_strings_quoted_cut_and_in_hex),
        cmocka_unit_test(prints_lists_maps_and_nil),
        cmocka_unit_test(says_inside_the_text_what_was_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
