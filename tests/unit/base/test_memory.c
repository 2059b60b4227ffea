/* SPDX-License-Identifier: Apache-2.0 */
/* mem, buf, arena and map: what holds everything else */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

static void a_growing_array_keeps_its_elements(void **state)
{
    struct {
        int *items;
        size_t n, cap;
    } v = {0};

    for (int i = 0; i < 1000; i++) {
        int *last = VEC_PUSH(v.items, v.n, v.cap);

        assert_int_equal(*last, 0);
        *last = i;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.items[i], i);
    free(v.items);
}

static void a_buf_grows_and_stays_terminated(void **state)
{
    CLEANUP(buf_free) struct buf b = {0};

    assert_string_equal(buf_str(&b).p, "");
    buf_add_byte(&b, 'a');
    buf_add_c(&b, "bc");
    buf_addf(&b, "%d", 42);
    assert_string_equal(b.p, "abc42");
    for (int i = 0; i < 500; i++)
        buf_add_str(&b, STR("0123456789"));
    assert_int_equal(b.len, 5005);
    assert_int_equal(strlen(b.p), 5005);
    buf_reset(&b);
    assert_string_equal(b.p, "");
    buf_addf(&b, "%0*d", 1000, 7); /* longer than what is formatted at once */
    assert_int_equal(b.len, 1000);
    assert_int_equal(b.p[999], '7');
}

static void a_buf_stops_at_its_limit_and_says_so(void **state)
{
    CLEANUP(buf_free) struct buf b = {.max = 5};

    buf_add_c(&b, "12345");
    assert_false(b.overflow);
    buf_add_byte(&b, '6');
    assert_true(b.overflow);
    assert_string_equal(b.p, "12345");
    buf_reset(&b);
    assert_false(b.overflow);
    buf_add_c(&b, "1234567");
    assert_string_equal(b.p, "12345");
    assert_true(b.overflow);
    buf_free(&b);
    assert_int_equal(b.max, 5);
}

static void a_buf_can_be_taken(void **state)
{
    struct buf b = {0};
    char *p = buf_take(&b);

    assert_string_equal(p, "");
    free(p);
    buf_add_c(&b, "x");
    p = buf_take(&b);
    assert_string_equal(p, "x");
    assert_null(b.p);
    free(p);
}

static void arena_pieces_are_aligned_and_do_not_overlap(void **state)
{
    struct arena a;
    char *pieces[300];

    arena_init(&a, 0);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
            pieces[i] = arena_alloc(&a, i);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)(i % 251), i);
        }
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
            for (size_t k = 0; k < i; k++)
                assert_int_equal((unsigned char)pieces[i][k], i % 251);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_deinit(&a);
    arena_deinit(&a);
}

static void an_arena_past_its_maximum_is_marked_and_still_gives(void **state)
{
    CLEANUP(arena_deinit) struct arena a;

    arena_init(&a, 1000);
    arena_alloc(&a, 900);
    assert_false(a.overflow);
    memset(arena_alloc(&a, 100000), 1, 100000);
    assert_true(a.overflow);
    arena_reset(&a);
    assert_false(a.overflow);
}

static void an_arena_copies_text(void **state)
{
    CLEANUP(arena_deinit) struct arena a = {0};
    struct str s = arena_str(&a, STR("a\0b"));
    int *zeroes = arena_array(&a, 100, sizeof *zeroes);

    assert_int_equal(s.len, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(arena_strdup(&a, STR_NONE), "");
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 5), "x-5");
    assert_int_equal(strlen(arena_printf(&a, "%0256d", 5)), 256);
    assert_int_equal(strlen(arena_printf(&a, "%0255d", 5)), 255);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroes[i], 0);
}

struct number {
    int v;
};

static bool number_eq(const void *key, const void *value)
{
    return *(const int *)key == ((const struct number *)value)->v;
}

/* Few hashes, so that runs of full slots are long and wrap around. */
static uint64_t poor_hash(int v)
{
    return (uint64_t)(v % 7);
}

static void a_map_finds_what_is_in_it_and_nothing_else(void **state)
{
    static struct number numbers[500];
    struct map m = {0};
    size_t seen = 0;
    int absent = 1;

    assert_null(map_get(&m, 0, number_eq, &absent));
    assert_null(map_remove(&m, 0, number_eq, &absent));
    for (int i = 0; i < 500; i++) {
        numbers[i].v = 2 * i;
        map_add(&m, poor_hash(2 * i), &numbers[i]);
    }
    for (int i = 0; i < 500; i += 3) {
        int key = 2 * i;

        assert_ptr_equal(map_remove(&m, poor_hash(key), number_eq, &key), &numbers[i]);
    }
    for (int key = 0; key < 1000; key++) {
        struct number *want = key % 2 == 0 && key / 2 % 3 != 0 ? &numbers[key / 2] : NULL;

        assert_ptr_equal(map_get(&m, poor_hash(key), number_eq, &key), want);
    }
    for (size_t i = 0; map_next(&m, &i);)
        seen++;
    assert_int_equal(seen, m.n);
    assert_int_equal(seen, 500 - 167);
    map_deinit(&m);
}

static void hashes_are_those_of_their_formats(void **state)
{
    unsigned char zeroes[32] = {0}, many[300];

    assert_int_equal(hash_xxh64("", 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(hash_fnv1a_64(FNV64_INIT, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    assert_int_equal(hash_fnv1_64(FNV64_INIT, "a", 1), UINT64_C(0xaf63bd4c8601b7be));
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(hash_crc32c(0, zeroes, sizeof zeroes), 0x8a9136aau); /* RFC 3720, B.4 */
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = (unsigned char)(i * 7);
    for (size_t cut = 0; cut < sizeof many; cut++)
        assert_int_equal(hash_crc32c(hash_crc32c(0, many, cut), many + cut, sizeof many - cut),
                         hash_crc32c(0, many, sizeof many));
    assert_int_equal(hash_bytes("x", 1), hash_bytes("x", 1));
    assert_int_not_equal(hash_mix(1, 2), hash_mix(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_growing_array_keeps_its_elements),
        cmocka_unit_test(a_buf_grows_and_stays_terminated),
        cmocka_unit_test(a_buf_stops_at_its_limit_and_says_so),
        cmocka_unit_test(a_buf_can_be_taken),
        cmocka_unit_test(arena_pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(an_arena_past_its_maximum_is_marked_and_still_gives),
        cmocka_unit_test(an_arena_copies_text),
        cmocka_unit_test(a_map_finds_what_is_in_it_and_nothing_else),
        cmocka_unit_test(hashes_are_those_of_their_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
