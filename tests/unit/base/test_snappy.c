/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include <snappy-c.h>

#include "base/defs.h"
#include "base/snappy.h"

static void put_varint(struct buf *out, size_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_byte(out, (char)(v | 0x80));
    buf_add_byte(out, (char)v);
}

static void compress(struct buf *in)
{
    struct buf out = {0};
    size_t n = snappy_max_compressed_length(in->len);

    assert_int_equal(snappy_compress(in->p, in->len, buf_room(&out, n), &n), SNAPPY_OK);
    out.len = n;
    buf_free(in);
    *in = out;
}

static void a_block_becomes_what_it_was_and_memory_is_used_again(void **state)
{
    CLEANUP(buf_free) struct buf in = {0}, out = {0};
    const char *memory;

    for (int i = 0; i < 1000; i++)
        buf_addf(&in, "line %d\n", i % 7);
    compress(&in);
    assert_int_equal(snappy_block_read(buf_str(&in), 1 << 20, &out, NULL), 0);
    assert_int_equal(out.len, 7000);
    assert_memory_equal(out.p, "line 0\nline 1\n", 14);
    memory = out.p;
    assert_int_equal(snappy_block_read(STR("\x02\x04hi"), 1 << 20, &out, NULL), 0);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.p, "hi", 2);
    assert_ptr_equal(out.p, memory);
}

static void a_size_that_cannot_be_takes_no_memory(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    assert_int_equal(snappy_block_read(STR("\x81\x08x"), 1024, &out, NULL), -E2BIG); /* 1025 */
    assert_int_equal(snappy_block_read(STR("\x80\x08x"), 1024, &out, NULL), -EBADMSG);
    assert_int_equal(out.cap, 0);
}

static void the_densest_block_there_can_be_is_taken(void **state)
{
    CLEANUP(buf_free) struct buf in = {0}, out = {0};
    const size_t copies = 10000;

    put_varint(&in, 64 + 64 * copies);
    buf_add(&in, "\xf0\x3f", 2); /* a literal of 64 */
    for (int i = 0; i < 64; i++)
        buf_add_byte(&in, 'x');
    for (size_t i = 0; i < copies; i++)
        buf_add(&in, "\xfe\x40\x00", 3); /* 64 bytes from 64 bytes before */
    assert_int_equal(snappy_block_read(buf_str(&in), 1 << 20, &out, NULL), 0);
    assert_int_equal(out.len, 64 + 64 * copies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_becomes_what_it_was_and_memory_is_used_again),
        cmocka_unit_test(a_size_that_cannot_be_takes_no_memory),
        cmocka_unit_test(the_densest_block_there_can_be_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
