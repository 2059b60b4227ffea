/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_fixture - a small data directory that has everything: blocks of two hours, a merged one,
 * histograms, tombstones, an image of the head, a log behind it
 */
#ifndef TOCSIN_TESTS_UNIT_VERIFY_FIXTURE_H
#define TOCSIN_TESTS_UNIT_VERIFY_FIXTURE_H

#include "tests/unit/storage/storage_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "model/histogram.h"

#define FLOAT_SERIES 3
#define HOURS        11

static inline unix_ms sample_time(int k)
{
    return T0 + k * 4 * MINUTE + k * k % 7;
}

static inline double sample_value(int series, int k)
{
    return series == 0 ? 1 : series == 1 ? k * 3 : series * 1000 + (k * 7919) % 1000 / 8.0;
}

static inline series_ref float_series(struct storage *st, int i)
{
    char text[2] = {(char)('0' + i), '\0'};
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = labels_of("__name__", "m", "i", text, NULL);

    return ref_of(st, labels);
}

static inline void put_histogram(struct storage *st, int k)
{
    static const struct histogram_span span = {0, 2};
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = labels_of("__name__", "h", NULL);
    double buckets[2] = {k, 2 * k};
    struct histogram h = {.schema = 2,
                          .zero_threshold = 0.001,
                          .count = 3.0 * k,
                          .sum = k * 0.5,
                          .positive_spans = &span,
                          .n_positive_spans = 1,
                          .positive = buckets,
                          .n_positive = 2};
    struct sample_row row = {.ref = ref_of(st, labels), .t = sample_time(k), .h = &h};
    enum sample_verdict verdict;
    struct err err = {0};

    assert_int_equal(commit(st, &row, 1, COMMIT_SKIP_BAD, &verdict, &err), 0);
    assert_int_equal(verdict, SAMPLE_STORED);
}

static inline void put_all(struct storage *st, int from, int to)
{
    for (int k = from; k < to; k++) {
        for (int i = 0; i < FLOAT_SERIES; i++)
            assert_int_equal(put(st, float_series(st, i), sample_time(k), sample_value(i, k)),
                             SAMPLE_STORED);
        put_histogram(st, k);
        if (k % 15 == 14)
            must_tick(st);
    }
}

static inline void delete_some(struct storage *st, int from, int to)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    const struct matcher *ms[1];
    struct err err = {0};

    assert_int_equal(matcher_new(MATCH_EQ, STR("i"), STR("1"), &m, &err), 0);
    ms[0] = m;
    assert_int_equal(storage_delete(st, ms, 1, sample_time(from), sample_time(to), &err), 0);
}

/* `copy` is what a process leaves that is killed. */
static inline void make_directory(const char *copy)
{
    struct storage_options o = manual_options();
    char *dir = folder_new();
    struct storage *st = must_open(dir, &o, NULL);
    int all = HOURS * 15;

    put_all(st, 0, all);
    delete_some(st, 10, 12);
    must_close(st); /* makes an image */
    st = must_open(dir, &o, NULL);
    put_all(st, all, all + 4);
    delete_some(st, all + 1, all + 1);
    folder_copy(dir, copy);
    must_close(st);
    folder_remove(dir);
    free(dir);
}

struct file_list {
    char **v;
    size_t n, cap;
};

static inline void list_folder_files(const char *dir, const char *folder, struct file_list *out)
{
    struct buf path = {0};
    struct dirent *e;
    DIR *d;

    buf_addf(&path, "%s/%s", dir, folder);
    d = opendir(path.p);
    assert_non_null(d);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') {
            struct buf name = {0};

            buf_addf(&name, "%s/%s", folder, e->d_name);
            *VEC_PUSH(out->v, out->n, out->cap) = buf_take(&name);
        }
    closedir(d);
    buf_free(&path);
}

static inline struct file_list list_files(const char *dir)
{
    static const char *const folders[] = {"blocks", "head", "log", "tombstones"};
    struct file_list l = {0};

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        list_folder_files(dir, folders[i], &l);
    return l;
}

static inline void file_list_deinit(struct file_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
}

static inline char *path_in(const char *dir, const char *file)
{
    struct buf path = {0};

    buf_addf(&path, "%s/%s", dir, file);
    return buf_take(&path);
}

/* One bit, another one at each place; the same once more puts it right. */
static inline void flip_bit(const char *path, size_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= (uint8_t)(1 << at % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

static inline size_t file_size(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

#endif
