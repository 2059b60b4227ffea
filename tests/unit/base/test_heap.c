/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>

#include "base/heap.h"

#define N 500

static void the_earliest_comes_first_whatever_is_moved_and_removed(void **unused)
{
    static struct heap_node nodes[N];
    struct heap h = {0};
    int64_t last = INT64_MIN;
    size_t left = 0;

    srand(7);
    for (int round = 0; round < 20000; round++) {
        struct heap_node *node = &nodes[rand() % N];

        if (rand() % 3 == 0)
            heap_remove(&h, node);
        else
            heap_set(&h, node, rand() % 1000);
    }
    for (size_t i = 0; i < N; i++)
        left += heap_contains(&nodes[i]);
    assert_int_equal(left, h.n);
    for (struct heap_node *first; (first = heap_first(&h)); left--) {
        assert_true(first->due >= last);
        last = first->due;
        heap_remove(&h, first);
        assert_false(heap_contains(first));
    }
    assert_int_equal(left, 0);
    heap_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first_whatever_is_moved_and_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
