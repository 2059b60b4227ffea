/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks are merged, and which are let alone: views of blocks that are nothing but numbers.
 */
#include "tests/unit/storage/storage_fixture.h"

#include "storage/merge_priv.h"

#define BLOCKS_MAX 40
#define H          HOUR
#define DAY        (24 * HOUR)
#define LATE       BLOCK_LATE

/* From and to in hours; the last millisecond of `to` does not belong to it. */
struct plan_block {
    int from, to;
    uint32_t flags;
    bool unmergeable;
};

/* Chosen: a digit or letter for each, in the order of time. */
static void choose(const struct plan_block *blocks, size_t n, unix_ms cut, dur_ms retention,
                   char *ret)
{
    struct block made[BLOCKS_MAX] = {0}, *places[BLOCKS_MAX], *chosen[MERGE_BLOCKS_MAX];
    struct stones *stones[BLOCKS_MAX] = {0};
    struct view v = {.blocks = places, .n_blocks = n, .stones = stones, .cut = cut};
    size_t k;

    for (size_t i = 0; i < n; i++) {
        made[i].number = i + 1;
        made[i].info = (struct block_info){.min_time = blocks[i].from * H,
                                           .max_time = blocks[i].to * H - 1,
                                           .series = 100,
                                           .flags = blocks[i].flags};
        made[i].unmergeable = blocks[i].unmergeable;
        places[i] = &made[i];
    }
    k = merge_choose(&v, retention, chosen);
    for (size_t i = 0; i < k; i++)
        *ret++ = (char)('a' + chosen[i] - made);
    *ret = '\0';
}

static void blocks_are_chosen_as_the_plan_says(void **state)
{
    static const struct {
        const char *why, *chosen;
        unix_ms cut;
        dur_ms retention;
        struct plan_block blocks[8];
    } cases[] = {
        {"two hours of one hour each", "ab", 3 * H, 1, {{0, 1}, {1, 2}, {2, 3}}},
        {"but not hours of two ranges", "", 3 * H, 1, {{1, 2}, {2, 3}}},
        {"an hour that ends a larger range", "bc", 6 * H, 0, {{2, 4}, {4, 5}, {5, 6}}},
        {"a range that is full but for its last hour", "", 5 * H, 0, {{0, 2}, {2, 4}, {4, 5}}},
        {"a range that is full", "abc", 6 * H, 0, {{0, 2}, {2, 4}, {4, 6}}},
        {"one that is not, with nothing behind it", "", 4 * H, 0, {{0, 2}, {2, 4}}},
        {"one that has a gap, with a block behind it", "ab", 8 * H, 0, {{0, 2}, {4, 6}, {6, 8}}},
        {"ranges are aligned", "", 8 * H, 0, {{2, 4}, {6, 8}}},
        {"the larger range, when the smaller ones are done",
         "abc",
         18 * H,
         0,
         {{0, 6}, {6, 12}, {12, 18}}},
        {"before our era, too", "abc", 0, 0, {{-6, -4}, {-4, -2}, {-2, 0}}},
        {"up to a tenth of the retention", "", 18 * H, 170 * H, {{0, 6}, {6, 12}, {12, 18}}},
        {"which is long enough here", "abc", 18 * H, 180 * H, {{0, 6}, {6, 12}, {12, 18}}},
        {"no block that the head reaches into", "", 6 * H - 1, 0, {{0, 2}, {2, 4}, {4, 6}}},
        {"none that is damaged", "", 8 * H, 0, {{0, 2}, {2, 4, 0, true}, {4, 6}, {6, 8}}},
        {"what overlaps comes first", "cd", 10 * H, 0, {{0, 2}, {2, 4}, {6, 8}, {7, 8, LATE}}},
        {"one over the other", "abc", 10 * H, 0, {{0, 3}, {2, 5, LATE}, {4, 6, LATE}}},
        {"a range does not split what overlaps",
         "",
         20 * H,
         1,
         {{0, 2}, {2, 4}, {3, 30, LATE}, {8, 10}}},
        {"nor from one before it", "", 60 * H, 1, {{-9, 3}, {0, 2, LATE}, {2, 4}, {6, 8}}},
        {"late ones may reach anywhere", "ab", INT64_MIN, 0, {{0, 2, LATE}, {1, 3, LATE}}},
        {"also side by side", "abc", INT64_MIN, 0, {{0, 2, LATE}, {2, 4, LATE}, {4, 6, LATE}}},
        {"but not with others", "", 2 * H, 0, {{0, 2}, {1, 3, LATE}}},
        {"longer than the longest range: it stays",
         "",
         60 * DAY,
         0,
         {{0, 31 * 24, LATE}, {31 * 24 - 1, 31 * 24 + 1, LATE}}},
        {"as long as that: it does not",
         "ab",
         60 * DAY,
         0,
         {{0, 31 * 24 - 1, LATE}, {31 * 24 - 2, 31 * 24, LATE}}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[BLOCKS_MAX + 1];
        size_t n = 0;

        while (n < ARRAY_LEN(cases[i].blocks) && cases[i].blocks[n].to != cases[i].blocks[n].from)
            n++;
        choose(cases[i].blocks, n, cases[i].cut, cases[i].retention, got);
        if (strcmp(got, cases[i].chosen) != 0)
            fail_msg("%s: \"%s\", should be \"%s\"", cases[i].why, got, cases[i].chosen);
    }
}

static void no_more_blocks_than_a_block_can_name(void **state)
{
    struct plan_block blocks[BLOCKS_MAX];
    char got[BLOCKS_MAX + 1];

    for (int i = 0; i < BLOCKS_MAX; i++)
        blocks[i] = (struct plan_block){0, 2, LATE, false};
    choose(blocks, MERGE_BLOCKS_MAX, 10 * H, 0, got);
    assert_int_equal(strlen(got), MERGE_BLOCKS_MAX);
    choose(blocks, MERGE_BLOCKS_MAX + 1, 10 * H, 0, got);
    assert_string_equal(got, "");
}

static void a_block_that_lost_one_series_in_twenty_is_written_anew(void **state)
{
    static const struct {
        size_t deleted; /* of 100 series */
        int hours;
        size_t chosen;
    } cases[] = {{5, 54, 0}, {6, 54, 1}, {6, 2, 0}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct block b = {.number = 1}, *place = &b, *chosen[MERGE_BLOCKS_MAX];
        struct stone stones[12];
        struct stones *s;
        struct view v = {.blocks = &place, .n_blocks = 1, .stones = &s, .cut = 100 * DAY};

        b.info = (struct block_info){.max_time = cases[i].hours * H - 1, .series = 100};
        for (size_t k = 0; k < 2 * cases[i].deleted; k++) /* two pieces of each */
            stones[k] = (struct stone){(uint32_t)k / 2, (int64_t)(k % 2) * H, (int64_t)(k % 2) * H,
                                       INT64_MAX, 0};
        s = stones_join(NULL, stones, 2 * cases[i].deleted);
        assert_int_equal(merge_choose(&v, 30 * DAY, chosen), cases[i].chosen);
        stones_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_chosen_as_the_plan_says),
        cmocka_unit_test(no_more_blocks_than_a_block_can_name),
        cmocka_unit_test(a_block_that_lost_one_series_in_twenty_is_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
