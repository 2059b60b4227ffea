/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <stdio.h>

#include "storage/order_priv.h"

#define SERIES_MAX 600

/* A label set whose names and values are often those of others, and often the beginning of another
 * set. */
static struct label_set *roll_labels(struct dice *d, char texts[6][24])
{
    static const char *const names[] = {"__name__", "a", "b", "code", "instance", "z"};
    struct label labels[6];
    size_t n = 0;

    for (size_t i = 0; i < 6; i++) {
        if (dice_below(d, 4) == 0)
            continue;
        snprintf(texts[i], sizeof texts[i], "v%u", (unsigned)dice_below(d, i < 4 ? 4 : 30));
        labels[n++] = (struct label){str_c(names[i]), str_c(texts[i])};
    }
    return label_set_new(labels, n);
}

static void series_come_in_the_order_of_comparing_them(void **state)
{
    struct dice d = {1};

    for (int round = 0; round < 20; round++) {
        size_t n = 0, want = dice_below(&d, round % 2 ? SERIES_MAX : 20);
        series_id ids[SERIES_MAX];
        struct head h;

        head_init(&h);
        for (size_t i = 0; i < want; i++) {
            char texts[6][24];
            CLEANUP(label_set_unrefp) const struct label_set *ls = roll_labels(&d, texts);

            if (label_set_count(ls) > 0 && !head_find(&h, ls, label_set_hash(ls)))
                ids[n++] = head_add(&h, 0, ls, label_set_hash(ls));
        }
        for (size_t i = n; i > 1; i--) { /* in no order */
            size_t k = dice_below(&d, i);
            series_id other = ids[k];

            ids[k] = ids[i - 1];
            ids[i - 1] = other;
        }
        order_by_labels(&h, ids, n);
        for (size_t i = 1; i < n; i++)
            assert_true(head_compare_labels(&h, ids[i - 1], ids[i]) < 0);
        head_deinit(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_come_in_the_order_of_comparing_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
