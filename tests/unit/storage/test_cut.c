/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cut puts into which block: late samples of older ranges go to blocks of their own, and
 * these end where the range of the cut begins, also when it begins amid their two hours. Else what
 * came late into the range would be in two blocks, and one of late samples would reach to where
 * the head goes on.
 */
#include "tests/unit/storage/storage_fixture.h"

#include "storage/storage_priv.h"

struct expected {
    unix_ms from, to; /* of its samples */
    uint64_t samples;
    bool late;
};

/* One cut, without the merging that a turn does besides. */
static void cut(struct storage *st)
{
    struct err err = {0};

    WITH_LOCK(&st->turn);
    if (storage_cut(st, &err) < 0)
        fail_msg("cut: %s", err.msg);
}

static void expect_blocks(struct storage *st, const struct expected *e, size_t n)
{
    struct view *v = view_take(&st->views);

    assert_int_equal(v->n_blocks, n);
    for (size_t i = 0; i < n; i++) {
        const struct block_info *found = NULL;

        for (size_t k = 0; k < n; k++)
            if (v->blocks[k]->info.min_time == e[i].from)
                found = &v->blocks[k]->info;
        if (!found)
            fail_msg("no block begins at %lld", (long long)(e[i].from - T0));
        assert_int_equal(found->max_time, e[i].to);
        assert_int_equal(found->samples, e[i].samples);
        assert_int_equal(found->flags & BLOCK_LATE, e[i].late ? BLOCK_LATE : 0);
    }
    view_give(v);
}

static void blocks_of_late_samples_end_where_the_range_of_the_cut_begins(void **state)
{
    static const unix_ms late[] = {
        T0 + 5,         /* of two hours of which the second one is cut now */
        T0 + HOUR - 1,  /* the last one before it */
        T0 + HOUR,      /* the first one in it: goes to its block */
        T0 + HOUR + 70, /* the same */
        T0 - HOUR,      /* of the two hours before */
    };
    static const struct expected blocks[] = {
        {T0 + HOUR, T0 + HOUR + 100, 3, false},
        {T0 + 5, T0 + HOUR - 1, 2, true},
        {T0 - HOUR, T0 - HOUR, 1, true},
    };
    struct storage_options o = manual_options();
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("__name__", "a", NULL);
    char *dir = folder_new();
    struct storage *st;

    o.out_of_order_window = 10 * HOUR;
    st = must_open(dir, &o, NULL);
    assert_int_equal(put(st, ref_of(st, labels), T0 + HOUR + 100, 1), SAMPLE_STORED);
    assert_int_equal(put(st, ref_of(st, labels), T0 + 4 * HOUR, 1), SAMPLE_STORED);
    for (size_t i = 0; i < ARRAY_LEN(late); i++)
        assert_int_equal(put(st, ref_of(st, labels), late[i], 2), SAMPLE_STORED);
    cut(st);
    expect_blocks(st, blocks, ARRAY_LEN(blocks));
    must_close(st);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_late_samples_end_where_the_range_of_the_cut_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
