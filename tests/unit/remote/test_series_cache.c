/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/mem.h"
#include "remote/series_cache_priv.h"

static struct write_series series(uint64_t n)
{
    return (struct write_series){
        .key = hash_bytes_128(&n, sizeof n), .ref = n + 1, .fresh = true, .n_rows = 1};
}

static void put(struct series_cache *c, uint64_t n)
{
    struct write_series s = series(n);

    series_cache_put(c, &s, 1);
}

static series_ref get(struct series_cache *c, uint64_t n)
{
    struct write_series s = series(n);

    s.ref = 77;
    series_cache_get(c, &s, 1);
    return s.ref;
}

static void what_was_put_is_found_and_nothing_else(void **state)
{
    struct series_cache c;

    series_cache_init(&c, SERIES_CACHE_MAX);
    assert_int_equal(get(&c, 0), 0);
    for (uint64_t n = 0; n < 5000; n++)
        put(&c, n);
    for (uint64_t n = 0; n < 5000; n++)
        assert_int_equal(get(&c, n), n + 1);
    assert_int_equal(get(&c, 5000), 0);
    assert_int_equal(c.n, 5000);
    series_cache_deinit(&c);
}

static void a_batch_is_told_how_many_are_unknown(void **state)
{
    struct write_series all[100];
    struct series_cache c;

    series_cache_init(&c, SERIES_CACHE_MAX);
    for (size_t i = 0; i < 100; i++)
        all[i] = series(i);
    assert_int_equal(series_cache_get(&c, all, 100), 100);
    for (size_t i = 0; i < 100; i++)
        all[i].ref = i % 2 ? i + 1 : 0; /* those without a reference are not learnt */
    series_cache_put(&c, all, 100);
    assert_int_equal(series_cache_get(&c, all, 100), 50);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(all[i].ref, i % 2 ? i + 1 : 0);
    series_cache_deinit(&c);
}

static void a_new_reference_takes_the_place_of_the_old_one(void **state)
{
    struct write_series s = series(7);
    struct series_cache c;

    series_cache_init(&c, SERIES_CACHE_MAX);
    put(&c, 7);
    s.ref = 1000;
    s.fresh = false; /* nobody asked storage: it is not looked at */
    series_cache_put(&c, &s, 1);
    assert_int_equal(get(&c, 7), 8);
    s.fresh = true;
    series_cache_put(&c, &s, 1);
    assert_int_equal(get(&c, 7), 1000);
    assert_int_equal(c.n, 1);
    series_cache_deinit(&c);
}

static void a_hash_that_differs_in_one_half_is_another_series(void **state)
{
    struct write_series a = {.key = {5, 1}, .ref = 1, .fresh = true};
    struct write_series b = {.key = {5, 2}, .ref = 2, .fresh = true};
    struct series_cache c;

    series_cache_init(&c, SERIES_CACHE_MAX);
    series_cache_put(&c, &a, 1);
    assert_int_equal(series_cache_get(&c, &b, 1), 1);
    b.ref = 2;
    series_cache_put(&c, &b, 1);
    series_cache_get(&c, &a, 1);
    series_cache_get(&c, &b, 1);
    assert_int_equal(a.ref, 1);
    assert_int_equal(b.ref, 2);
    series_cache_deinit(&c);
}

static void a_full_table_is_emptied(void **state)
{
    struct series_cache c;

    series_cache_init(&c, 100);
    for (uint64_t n = 0; n < 100; n++)
        put(&c, n);
    assert_int_equal(get(&c, 0), 1);
    put(&c, 100);
    assert_int_equal(c.n, 1);
    assert_int_equal(get(&c, 0), 0);
    assert_int_equal(get(&c, 100), 101);
    series_cache_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(a_batch_is_told_how_many_are_unknown),
        cmocka_unit_test(a_new_reference_takes_the_place_of_the_old_one),
        cmocka_unit_test(a_hash_that_differs_in_one_half_is_another_series),
        cmocka_unit_test(a_full_table_is_emptied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
