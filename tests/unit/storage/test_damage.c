/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bit of a block or of the image of the head flips: at most the chunk that it is in is lost,
 * everything else is answered, and what happened is told.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SERIES  6
#define SAMPLES 400

struct damaged {
    char *dir, *copy;
    struct storage_options o;
    struct buf told;
};

static void hear(void *arg, enum storage_event what, const char *text)
{
    struct damaged *w = arg;

    if (what == STORAGE_DAMAGED)
        buf_addf(&w->told, "%s\n", text);
}

static double value_of(int series, int sample)
{
    return series == 0   ? 1
           : series == 1 ? sample * 3
                         : series * 1000 + (sample * 7919) % 1000 / 8.0;
}

/* Series are without rhythm, so that their columns of times are in the shared section too. */
static void setup(struct damaged *w)
{
    struct storage *st;

    *w = (struct damaged){.dir = folder_new(), .copy = folder_new(), .o = manual_options()};
    w->o.on_event = hear;
    w->o.on_event_arg = w;
    st = must_open(w->dir, &w->o, NULL);
    for (int k = 0; k < SAMPLES; k++)
        for (int i = 0; i < SERIES; i++) {
            char text[2] = {(char)('0' + i), '\0'};
            CLEANUP(label_set_unrefp)
            const struct label_set *labels = labels_of("__name__", "m", "i", text, NULL);

            assert_int_equal(
                put(st, ref_of(st, labels), T0 + k * MINUTE / 2 + k * k % 7, value_of(i, k)),
                SAMPLE_STORED);
        }
    must_tick(st);
    must_close(st);
}

static void teardown(struct damaged *w)
{
    folder_remove(w->dir);
    folder_remove(w->copy);
    free(w->dir);
    free(w->copy);
    buf_free(&w->told);
}

/* The path of the only file in a folder of the copy. */
static char *file_in(const char *dir, const char *folder)
{
    struct buf path = {0};
    struct dirent *e;
    DIR *d;

    buf_addf(&path, "%s/%s", dir, folder);
    d = opendir(path.p);
    assert_non_null(d);
    while ((e = readdir(d)) && e->d_name[0] == '.')
        ;
    assert_non_null(e);
    buf_addf(&path, "/%s", e->d_name);
    closedir(d);
    return buf_take(&path);
}

static void flip(const char *path, size_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= (uint8_t)(1 << at % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/* Returns how many series miss samples; what is there is right. */
static int look(struct storage *st)
{
    struct selection *s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    int missing = 0;

    assert_int_equal(s->n, SERIES);
    for (int i = 0; i < SERIES; i++) {
        size_t k = 0;

        assert_int_equal(label_set_get(s->labels[i], STR("i")).p[0], '0' + i);
        read_series(s, (size_t)i, INT64_MIN, INT64_MAX, &c);
        for (int sample = 0; sample < SAMPLES; sample++)
            if (k < c.n && c.times[k] == T0 + sample * MINUTE / 2 + sample * sample % 7) {
                assert_true(c.values[k] == value_of(i, sample));
                k++;
            }
        assert_int_equal(k, c.n);
        missing += c.n < SAMPLES;
    }
    columns_deinit(&c);
    s->reader->release(s);
    return missing;
}

static void flip_all(const char *folder, int may_miss, bool all_are_told)
{
    struct damaged w;
    struct stat st;
    char *path;
    unsigned lost = 0, told = 0, all = 0;

    setup(&w);
    folder_copy(w.dir, w.copy);
    path = file_in(w.copy, folder);
    assert_int_equal(stat(path, &st), 0);
    for (size_t at = 0; at < (size_t)st.st_size; at++, all++) {
        struct buf report = {0};
        struct storage *storage;
        int missing;

        buf_reset(&w.told);
        flip(path, at);
        storage = must_open(w.copy, &w.o, &report);
        missing = look(storage);
        if (missing > may_miss)
            fail_msg("byte %zu: %d series miss samples", at, missing);
        if (missing > 0 && report.len + w.told.len == 0)
            fail_msg("byte %zu: samples are lost and nobody is told", at);
        lost += missing > 0;
        told += report.len + w.told.len > 0;
        buf_free(&report);
        /* Closing must not write anything: nothing was appended. */
        must_close(storage);
        flip(path, at);
    }
    assert_true(!all_are_told || told == all);
    assert_true(told > all / 2);
    assert_true(may_miss > 0 ? lost > 0 : lost == 0);
    free(path);
    teardown(&w);
}

static void a_flipped_bit_in_a_block_costs_one_chunk_at_most(void **state)
{
    flip_all("blocks", 1, false);
}

static void a_flipped_bit_in_the_image_of_the_head_costs_nothing(void **state)
{
    flip_all("head", 0, false);
}

static void a_block_that_cannot_be_read_at_all_is_left_out_and_told(void **state)
{
    struct damaged w;
    struct buf report = {0}, told = {0};
    struct storage *st;
    char *path;

    setup(&w);
    path = file_in(w.dir, "blocks");
    assert_int_equal(truncate(path, 1000), 0);
    st = must_open(w.dir, &w.o, &report);
    buf_addf(&told, "block %s: it cannot be used and is left out", strrchr(path, '/') + 1);
    assert_non_null(strstr(report.p, told.p));
    assert_int_equal(look(st), SERIES); /* they have what the head has */
    must_close(st);
    assert_int_equal(access(path, F_OK), 0); /* nobody removes it */
    buf_free(&told);
    buf_free(&report);
    free(path);
    teardown(&w);
}

static void an_image_that_cannot_be_read_at_all_is_left_out_and_told(void **state)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("__name__", "n", NULL);
    struct damaged w;
    struct buf report = {0};
    struct storage *st;
    struct selection *s;
    char *path;

    setup(&w);
    path = file_in(w.dir, "head");
    assert_int_equal(truncate(path, 1000), 0);
    st = must_open(w.dir, &w.o, &report);
    assert_non_null(strstr(report.p, "image of the head"));
    s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    assert_int_equal(s->n, SERIES); /* from the block */
    s->reader->release(s);
    /* Nothing goes into the time of the block, though the head is empty. */
    assert_int_equal(put(st, ref_of(st, labels), T0 + HOUR, 1), SAMPLE_OUT_OF_BOUNDS);
    assert_int_equal(put(st, ref_of(st, labels), T0 + 3 * HOUR, 1), SAMPLE_STORED);
    must_close(st);
    buf_free(&report);
    free(path);
    teardown(&w);
}

static void temporary_files_of_a_crash_are_removed(void **state)
{
    static const char *const names[] = {"blocks/00000009.tmp", "head/00000009.tmp"};
    struct damaged w;
    struct storage *st;
    struct buf report = {0};
    char path[512];

    setup(&w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", w.dir, names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    st = must_open(w.dir, &w.o, &report);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", w.dir, names[i]);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_int_equal(look(st), 0);
    assert_int_equal(report.len, 0);
    must_close(st);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_in_a_block_costs_one_chunk_at_most),
        cmocka_unit_test(a_flipped_bit_in_the_image_of_the_head_costs_nothing),
        cmocka_unit_test(a_block_that_cannot_be_read_at_all_is_left_out_and_told),
        cmocka_unit_test(an_image_that_cannot_be_read_at_all_is_left_out_and_told),
        cmocka_unit_test(temporary_files_of_a_crash_are_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
