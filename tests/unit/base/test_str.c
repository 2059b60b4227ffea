/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/quote.h"
#include "base/str.h"

static void order_is_bytewise_and_prefixes_come_first(void **state)
{
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("\xc3"), STR("z")) > 0);
    assert_true(str_cmp(STR(""), STR_NONE) == 0);
    assert_true(str_cmp(STR("same"), STR("same")) == 0);
}

static void affixes_are_recognised(void **state)
{
    assert_true(str_has_prefix(STR("job"), STR("")));
    assert_true(str_has_prefix(STR("job"), STR("jo")));
    assert_false(str_has_prefix(STR("jo"), STR("job")));
    assert_true(str_has_suffix(STR("a_total"), STR("_total")));
    assert_true(str_has_suffix(STR_NONE, STR("")));
    assert_false(str_has_suffix(STR("total"), STR("_total")));
}

static void cutting_leaves_the_rest(void **state)
{
    struct str s = STR("a,b,,c");

    assert_true(str_eq_c(str_cut(&s, ','), "a"));
    assert_true(str_eq_c(str_cut(&s, ','), "b"));
    assert_true(str_eq_c(str_cut(&s, ','), ""));
    assert_true(str_eq_c(str_cut(&s, ','), "c"));
    assert_int_equal(s.len, 0);
    assert_true(str_eq_c(str_cut(&s, ','), ""));
}

static void finding_and_trimming(void **state)
{
    char *copy = str_dup(str_trim(STR(" \t\r\nx y\n ")));

    assert_string_equal(copy, "x y");
    free(copy);
    assert_int_equal(str_trim(STR(" \n")).len, 0);
    assert_int_equal(str_find(STR("hello"), STR("ll")), 2);
    assert_int_equal(str_find(STR("hello"), STR("xx")), 5);
    assert_int_equal(str_find(STR("h"), STR("hh")), 1);
    assert_int_equal(str_find(STR("h"), STR("")), 0);
}

static const struct {
    const char *text;
    bool valid;
} utf8[] = {
    {"", true},
    {"plain ascii, longer than eight bytes", true},
    {"\xe8\xad\xa6\xe9\x92\x9f", true}, /* two Han characters */
    {"\xf0\x9f\x94\x94", true},         /* a bell */
    {"\xf4\x8f\xbf\xbf", true},         /* U+10FFFF */
    {"\xee\x80\x80", true},             /* U+E000, the first behind the surrogates */
    {"\xf4\x90\x80\x80", false},        /* above */
    {"\xed\xa0\x80", false},            /* a surrogate */
    {"\xc0\x80", false},                /* overlong forms of 2, 3 and 4 bytes */
    {"\xe0\x9f\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"12345678\xff", false},
    {"\x80", false},
    {"12345678\xe8\xad", false}, /* cut off */
    {"\xe8\xad\x20", false},
    {"\xf8\x88\x80\x80\x80", false},
};

static void utf8_is_what_rfc_3629_says(void **state)
{
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++)
        if (str_is_utf8(str_c(utf8[i].text)) != utf8[i].valid)
            fail_msg("case %zu", i);
}

static void characters_survive_a_round_trip(void **state)
{
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 57) {
        CLEANUP(buf_free) struct buf b = {0};
        uint32_t back;

        buf_add_utf8(&b, c);
        assert_int_equal(str_utf8_next(buf_str(&b), &back), b.len);
        assert_int_equal(back, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
        assert_true(str_is_utf8(buf_str(&b)));
    }
}

static void an_invalid_byte_is_one_replacement_character(void **state)
{
    uint32_t c;

    assert_int_equal(str_utf8_next(STR("\xe8\xad"), &c), 1);
    assert_int_equal(c, 0xfffd);
}

static void prefixes_cut_no_character(void **state)
{
    struct str s = STR("a\xe8\xad\xa6z");

    assert_int_equal(str_utf8_prefix(s, 0), 0);
    assert_int_equal(str_utf8_prefix(s, 1), 1);
    assert_int_equal(str_utf8_prefix(s, 2), 1);
    assert_int_equal(str_utf8_prefix(s, 3), 1);
    assert_int_equal(str_utf8_prefix(s, 4), 4);
    assert_int_equal(str_utf8_prefix(s, 5), 5);
    assert_int_equal(str_utf8_prefix(s, 99), 5);
    assert_int_equal(str_utf8_prefix(STR("\x80\x80\x80\x80\x80\x80"), 5), 2); /* no text anyhow */
}

static const struct {
    struct str text;
    const char *quoted;
} quotes[] = {
    {{"", 0}, "\"\""},
    {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
    {{"\a\b\f\n\r\t\v", 7}, "\"\\a\\b\\f\\n\\r\\t\\v\""},
    {{"\0\x1f\x7f", 3}, "\"\\x00\\x1f\\x7f\""},
    {{"\xff\xe8", 2}, "\"\\xff\\xe8\""},
    {{"\xe8\xad\xa6", 3}, "\"\xe8\xad\xa6\""},
    {{"\xc2\xa0\xe2\x80\x8b", 5}, "\"\\u00a0\\u200b\""},
    {{"\xf3\xa0\x80\x81", 4}, "\"\\U000e0001\""},
};

static void quotes_are_those_of_go(void **state)
{
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        CLEANUP(buf_free) struct buf b = {0};

        quote_add_go(&b, quotes[i].text);
        assert_string_equal(b.p, quotes[i].quoted);
    }
}

static void urls_are_escaped_as_go_does(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"aZ09-_.~", "aZ09-_.~"},
        {"a b+c", "a+b%2Bc"},
        {"up{job=\"x\"}", "up%7Bjob%3D%22x%22%7D"},
        {"内存", "%E5%86%85%E5%AD%98"},
        {"/?#&=%", "%2F%3F%23%26%3D%25"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free)
        struct buf out = {0};

        quote_add_url(&out, str_c(cases[i].in));
        assert_string_equal(out.p, cases[i].out);
    }
}

static void case_of_letters_can_be_left_aside(void **state)
{
    assert_true(str_eq_nocase(STR("Content-Type"), STR("content-TYPE")));
    assert_true(str_eq_nocase(STR_NONE, STR("")));
    assert_false(str_eq_nocase(STR("inf"), STR("infinity")));
    assert_false(str_eq_nocase(STR("a-b"), STR("a_b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_of_letters_can_be_left_aside),
        cmocka_unit_test(urls_are_escaped_as_go_does),
        cmocka_unit_test(order_is_bytewise_and_prefixes_come_first),
        cmocka_unit_test(affixes_are_recognised),
        cmocka_unit_test(cutting_leaves_the_rest),
        cmocka_unit_test(finding_and_trimming),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
        cmocka_unit_test(characters_survive_a_round_trip),
        cmocka_unit_test(an_invalid_byte_is_one_replacement_character),
        cmocka_unit_test(prefixes_cut_no_character),
        cmocka_unit_test(quotes_are_those_of_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
