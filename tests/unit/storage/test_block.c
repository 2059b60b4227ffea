/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "model/histogram.h"
#include "storage/block_priv.h"
#include "storage/block_writer_priv.h"
#include "storage/samples_priv.h"

static void hear(void *self, const char *text)
{
    fail_msg("%s", text);
}

static const struct damage_face no_damage = {NULL, hear};

static const struct label pairs[] = {
    {STR("__name__"), STR("a")},
    {STR("__name__"), STR("b")},
    {STR("job"), STR("x")},
    {STR("zone"), STR("x")}, /* a text that is a value twice is one symbol */
};

static void write_one(struct block_writer *w, const uint32_t *numbers, size_t n,
                      const struct columns *c)
{
    struct label labels[4];
    struct label_set *set;

    for (size_t i = 0; i < n; i++)
        labels[i] = pairs[numbers[i]];
    set = label_set_new(labels, n);
    block_writer_series(w, label_set_stable_hash(set), numbers, n);
    block_writer_samples(w, c);
    block_writer_series_end(w);
    label_set_unref(set);
}

static void write_block(const char *path, const struct columns *c, const struct block_info *info)
{
    static const uint32_t first[] = {0, 2}, second[] = {1, 2, 3}, third[] = {1, 3};
    struct block_writer w;
    struct err err = {0};

    assert_int_equal(block_writer_open(&w, &file_ops_system, path, pairs, ARRAY_LEN(pairs), &err),
                     0);
    write_one(&w, first, 2, c);
    write_one(&w, second, 3, c);
    write_one(&w, third, 2, c);
    if (block_writer_finish(&w, info, &err) < 0)
        fail_msg("%s", err.msg);
}

/* n floats without rhythm, with a histogram at every place that `every` divides. */
static void fill(struct columns *c, size_t n, size_t every)
{
    static const struct histogram_span span = {0, 2};
    static const double buckets[] = {3, 4};
    struct histogram h = {.schema = 2,
                          .n_positive_spans = 1,
                          .positive_spans = &span,
                          .n_positive = 2,
                          .positive = buckets};

    samples_begin(c);
    for (size_t i = 0; i < n; i++) {
        h.sum = (double)i;
        samples_add(c, T0 + (unix_ms)i * 15 * SECOND + (unix_ms)(i * i % 11),
                    (double)(i * i % 1000), every && i % every == 0 ? &h : NULL);
    }
}

static void what_is_written_is_read(void **state)
{
    static const size_t sizes[] = {1, 2, 129, 1024, 1025, 5000};
    char *dir = folder_new(), path[300];
    const struct block_info info = {.level = 1};

    snprintf(path, sizeof path, "%s/00000001", dir);
    for (size_t k = 0; k < 2 * ARRAY_LEN(sizes); k++) {
        struct columns in = {0}, out = {0};
        struct err err = {0};
        struct block *b;
        size_t n = sizes[k / 2];

        fill(&in, n, k % 2 ? 50 : 0);
        write_block(path, &in, &info);
        assert_int_equal(block_open(path, 1, &no_damage, &b, &err), 0);
        block_prepare(b);
        assert_int_equal(b->info.series, 3);
        assert_int_equal(b->info.samples, 3 * n);
        assert_int_equal(b->info.min_time, T0);
        assert_int_equal(b->info.max_time, in.times[n - 1]);
        for (uint32_t i = 0; i < 3; i++) {
            samples_begin(&out);
            block_read(b, i, INT64_MIN, INT64_MAX, &out);
            assert_int_equal(out.n, n);
            assert_memory_equal(out.times, in.times, n * sizeof *in.times);
            for (size_t j = 0; j < n; j++) {
                bool histogram = in.histograms && in.histograms[j];

                assert_int_equal(out.histograms && out.histograms[j], histogram);
                if (histogram)
                    assert_true(out.histograms[j]->sum == (double)j);
                else
                    assert_true(out.values[j] == in.values[j]);
            }
        }
        assert_true(block_has_samples(b, 0, T0, T0));
        assert_false(block_has_samples(b, 0, T0 - 9, T0 - 1));
        block_unref(b);
        columns_deinit(&in);
        columns_deinit(&out);
    }
    folder_remove(dir);
    free(dir);
}

static void series_with_the_same_rhythm_share_their_times(void **state)
{
    char *dir = folder_new(), path[300];
    const struct block_info info = {.level = 1};
    struct columns c = {0};
    struct err err = {0};
    struct block *b;

    snprintf(path, sizeof path, "%s/00000001", dir);
    fill(&c, 500, 0);
    write_block(path, &c, &info);
    assert_int_equal(block_open(path, 1, &no_damage, &b, &err), 0);
    assert_true(section_len(&b->file, BLOCK_TIMES) > 100);
    assert_true(section_len(&b->file, BLOCK_TIMES) < 500); /* once, not three times */
    block_unref(b);
    columns_deinit(&c);
    folder_remove(dir);
    free(dir);
}

static void labels_come_back_and_are_found(void **state)
{
    char *dir = folder_new(), path[300];
    const struct block_info info = {.level = 1};
    struct columns c = {0};
    struct err err = {0};
    struct index_face face;
    struct block *b;
    struct ids ids = {0};
    uint64_t hash;

    snprintf(path, sizeof path, "%s/00000001", dir);
    fill(&c, 1, 0);
    write_block(path, &c, &info);
    assert_int_equal(block_open(path, 1, &no_damage, &b, &err), 0);
    block_prepare(b);
    block_index_face(b, &face);
    for (uint32_t i = 0; i < 3; i++) {
        CLEANUP(label_set_unrefp) const struct label_set *set = NULL;
        struct label_set *got;

        assert_true(block_label_set(b, i, &hash, &got));
        set = got;
        assert_int_equal(label_set_count(set), i == 1 ? 3 : 2);
        assert_int_equal(hash, label_set_stable_hash(set));
    }
    assert_false(block_label_set(b, 3, &hash, NULL));
    face.pair_ids(b, face.find(b, STR("job"), STR("x")), &ids);
    assert_int_equal(ids.n, 2);
    assert_int_equal(face.find(b, STR("job"), STR("y")), PAIR_NONE);
    assert_int_equal(face.find(b, STR("jo"), STR("x")), PAIR_NONE);
    assert_int_equal(face.value_count(b, STR("__name__")), 2);
    assert_int_equal(face.value_count(b, STR("nothing")), 0);
    ids_deinit(&ids);
    block_unref(b);
    columns_deinit(&c);
    folder_remove(dir);
    free(dir);
}

static void blocks_that_another_one_replaces_go_at_the_start(void **state)
{
    char *dir = folder_new(), path[300];
    struct storage_options o = manual_options();
    struct block_info info = {.level = 1};
    struct storage *st = must_open(dir, &o, NULL);
    struct storage_stats stats;
    struct columns c = {0};
    struct stat file;

    must_close(st);
    fill(&c, 10, 0);
    for (int i = 1; i <= 3; i++) {
        if (i == 3)
            info = (struct block_info){.level = 2, .n_parents = 2, .parents = {1, 2}};
        snprintf(path, sizeof path, "%s/blocks/%08d", dir, i);
        write_block(path, &c, &info);
    }
    st = must_open(dir, &o, NULL);
    storage_stats(st, &stats);
    assert_int_equal(stats.blocks, 1);
    for (int i = 1; i <= 3; i++) {
        snprintf(path, sizeof path, "%s/blocks/%08d", dir, i);
        assert_int_equal(stat(path, &file), i == 3 ? 0 : -1);
    }
    must_close(st);
    columns_deinit(&c);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(series_with_the_same_rhythm_share_their_times),
        cmocka_unit_test(labels_come_back_and_are_found),
        cmocka_unit_test(blocks_that_another_one_replaces_go_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
