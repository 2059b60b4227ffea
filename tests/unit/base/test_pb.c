/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/defs.h"
#include "base/pb.h"

static void fields_of_each_type_are_read_where_they_lie(void **state)
{
    struct str message = STR("\x08\x96\x01"                         /* 1: 150 */
                             "\x12\x02hi"                           /* 2: "hi" */
                             "\x19\x00\x00\x00\x00\x00\x00\xf0\x3f" /* 3: 1.0 */
                             "\x25\x01\x02\x03\x04"                 /* 4: four bytes */
                             "\x12\x00"                             /* 2: "" */
                             "\xaa\x06\x01x");                      /* 101: "x" */
    struct pb p = pb_of(message);
    struct pb_field f;

    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(1, PB_VARINT));
    assert_int_equal(f.value, 150);
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(2, PB_BYTES));
    assert_true(str_eq(f.bytes, STR("hi")));
    assert_ptr_equal(f.bytes.p, message.p + 5);
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(3, PB_FIXED64));
    assert_true(f.value == UINT64_C(0x3ff0000000000000)); /* 1.0 */
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(4, PB_FIXED32));
    assert_int_equal(f.value, 0x04030201);
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.bytes.len, 0);
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(101, PB_BYTES));
    assert_false(pb_next(&p, &f));
    assert_false(p.broken);
}

static void a_long_text_is_read_too(void **state)
{
    char message[3 + 300] = "\x0a\xac\x02"; /* 1: 300 bytes */
    struct pb p = pb_of(str_n(message, sizeof message));
    struct pb_field f;

    assert_true(pb_next(&p, &f));
    assert_int_equal(f.bytes.len, 300);
    assert_false(pb_next(&p, &f));
    p = pb_of(str_n(message, sizeof message - 1));
    assert_false(pb_next(&p, &f));
    assert_true(p.broken);
}

static void what_is_no_field_breaks_the_message(void **state)
{
    static const struct {
        struct str bytes;
        const char *why;
    } cases[] = {
        {STR("\x08"), "a key and nothing behind it"},
        {STR("\x0a"), "a text without its length"},
        {STR("\x0a\x02x"), "a text longer than what is left"},
        {STR("\x0a\x80"), "a length that does not end"},
        {STR("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), "a length of 2^64 - 1"},
        {STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "a varint of eleven bytes"},
        {STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "a varint above 64 bits"},
        {STR("\x09\x01\x02\x03\x04\x05\x06\x07"), "seven bytes of eight"},
        {STR("\x0d\x01\x02\x03"), "three bytes of four"},
        {STR("\x02\x00"), "field 0"},
        {STR("\x00\x00"), "field 0"},
        {STR("\x82\x80\x80\x80\x10\x00"), "a number of 30 bits"},
        {STR("\x0b\x0c"), "a group"},
        {STR("\x0f\x00"), "type 7"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pb p = pb_of(cases[i].bytes);
        struct pb_field f;

        if (pb_next(&p, &f) || !p.broken)
            fail_msg("taken: %s", cases[i].why);
        assert_false(pb_next(&p, &f)); /* and it stays broken */
        assert_true(p.broken);
    }
}

static void the_largest_varint_and_number_are_read(void **state)
{
    struct pb p = pb_of(STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                            "\xfa\xff\xff\xff\x0f\x00"));
    struct pb_field f;

    assert_true(pb_next(&p, &f));
    assert_true(f.value == UINT64_MAX);
    assert_true(pb_next(&p, &f));
    assert_int_equal(f.key, PB_KEY(PB_NUMBER_MAX, PB_BYTES));
}

static void unknown_fields_are_passed_over_and_known_ones_of_a_wrong_type_are_not(void **state)
{
    struct pb p = pb_of(STR("\x1a\x01x\x10\x05"));
    struct pb_field f;

    assert_true(pb_next(&p, &f));
    pb_skip(&p, &f, 2);
    assert_false(p.broken);
    assert_true(pb_next(&p, &f)); /* number 2 as a varint, where the caller knows it as a text */
    pb_skip(&p, &f, 2);
    assert_true(p.broken);
    assert_false(pb_next(&p, &f));
}

static void packed_numbers_end_with_their_text(void **state)
{
    struct pb p = pb_of(STR("\x01\xac\x02\x80"));
    uint64_t v;

    assert_true(pb_read_varint(&p, &v));
    assert_int_equal(v, 1);
    assert_true(pb_read_varint(&p, &v));
    assert_int_equal(v, 300);
    assert_false(pb_read_varint(&p, &v)); /* cut off */
    assert_true(p.broken);
    p = pb_of(STR("\x00\x00\x00\x00\x00\x00\xf0\x3f\x01"));
    assert_true(pb_read_fixed64(&p, &v));
    assert_true(v == UINT64_C(0x3ff0000000000000));
    assert_false(p.broken);
    assert_false(pb_read_fixed64(&p, &v));
    assert_true(p.broken);
}

static void signs_are_in_the_lowest_bit(void **state)
{
    assert_int_equal(pb_zigzag(0), 0);
    assert_int_equal(pb_zigzag(1), -1);
    assert_int_equal(pb_zigzag(2), 1);
    assert_true(pb_zigzag(UINT64_MAX) == INT64_MIN);
    assert_true(pb_zigzag(UINT64_MAX - 1) == INT64_MAX);
}

static void nothing_is_an_empty_message(void **state)
{
    struct pb p = pb_of(STR_NONE);
    struct pb_field f;

    assert_false(pb_next(&p, &f));
    assert_false(p.broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_of_each_type_are_read_where_they_lie),
        cmocka_unit_test(a_long_text_is_read_too),
        cmocka_unit_test(what_is_no_field_breaks_the_message),
        cmocka_unit_test(the_largest_varint_and_number_are_read),
        cmocka_unit_test(unknown_fields_are_passed_over_and_known_ones_of_a_wrong_type_are_not),
        cmocka_unit_test(packed_numbers_end_with_their_text),
        cmocka_unit_test(signs_are_in_the_lowest_bit),
        cmocka_unit_test(nothing_is_an_empty_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
