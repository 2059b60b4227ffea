/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever bit of a data directory flips, wherever a file is cut: verify tells it, with the place;
 * and verify changes nothing.
 */
#include "tests/unit/storage/verify_fixture.h"

#include <errno.h>

#include "storage/section_file_priv.h"

struct finds {
    const char *file; /* in which something is amiss */
    size_t at;
    unsigned all, here; /* finds; those in that file that have the place in them */
    enum storage_part part;
    struct buf told;
};

static void hear(void *arg, const struct storage_find *f)
{
    struct finds *k = arg;

    k->all++;
    k->part = f->part;
    buf_addf(&k->told, "%s at %llu, %llu bytes: part %d %s\n", f->file, (unsigned long long)f->at,
             (unsigned long long)f->len, (int)f->part, f->detail);
    if (k->file && strcmp(f->file, k->file) == 0 && storage_part_is_damage(f->part) &&
        (f->part == PART_FILE || (f->at <= k->at && k->at < f->at + f->len)))
        k->here++;
}

static struct storage_verified verify(const char *dir, struct finds *f)
{
    struct storage_verified v;
    struct err err = {0};

    f->all = f->here = 0;
    buf_reset(&f->told);
    if (storage_verify(dir, hear, f, &v, &err) < 0)
        fail_msg("verify: %s", err.msg);
    return v;
}

static void expect_clean(const char *dir)
{
    struct finds f = {0};
    struct storage_verified v = verify(dir, &f);

    if (v.damaged > 0 || v.notes > 0)
        fail_msg("%s", f.told.p);
    buf_free(&f.told);
}

/* A folder that has only this file, so that each look is quick. */
static char *alone(const char *dir, const char *file)
{
    char *own = folder_new(), *from = path_in(dir, file), *to = path_in(own, file);
    struct buf command = {0};

    buf_addf(&command, "mkdir -p '%s' && rmdir '%s' && cp '%s' '%s'", to, to, from, to);
    assert_int_equal(system(command.p), 0);
    buf_free(&command);
    free(from);
    free(to);
    return own;
}

static void flip_all(const char *dir, const char *file)
{
    char *own = alone(dir, file), *path = path_in(own, file);
    size_t len = file_size(path);
    struct finds f = {.file = file};

    for (f.at = 0; f.at < len; f.at++) {
        flip_bit(path, f.at);
        verify(own, &f);
        flip_bit(path, f.at);
        if (f.here == 0)
            fail_msg("%s: a flipped bit at %zu of %zu is not found", file, f.at, len);
    }
    buf_free(&f.told);
    folder_remove(own);
    free(own);
    free(path);
}

static void cut_all(const char *dir, const char *file)
{
    char *own = alone(dir, file), *path = path_in(own, file);
    size_t len = file_size(path);
    struct finds f = {0};

    for (size_t n = len; n-- > 0;) {
        struct storage_verified v;

        assert_int_equal(truncate(path, (off_t)n), 0);
        v = verify(own, &f);
        /* A segment that ends behind a record is what a segment is. */
        if (v.damaged == 0 && strncmp(file, "log/", 4) != 0)
            fail_msg("%s: cut to %zu of %zu bytes is not found", file, n, len);
    }
    buf_free(&f.told);
    folder_remove(own);
    free(own);
    free(path);
}

static void each_file(void (*check)(const char *dir, const char *file))
{
    char *dir = folder_new();
    struct file_list files;

    make_directory(dir);
    files = list_files(dir);
    for (size_t i = 0; i < files.n; i++)
        check(dir, files.v[i]);
    file_list_deinit(&files);
    folder_remove(dir);
    free(dir);
}

static void what_nothing_is_amiss_with_is_clean(void **state)
{
    char *dir = folder_new();
    struct finds f = {0};
    struct storage_verified v;

    make_directory(dir);
    expect_clean(dir);
    v = verify(dir, &f);
    assert_true(v.chunks >= 8);
    assert_true(v.records > 10);
    assert_int_equal(v.files, 7);
    buf_free(&f.told);
    folder_remove(dir);
    free(dir);
}

static void every_flipped_bit_is_found(void **state)
{
    each_file(flip_all);
}

static void every_cut_file_is_found(void **state)
{
    each_file(cut_all);
}

/* ---- large sections ------------------------------------------------------------------------ */

#define LARGE_PAGES (SECTION_STRETCH + 100) /* a full stretch, and one with two lanes */

struct scanned {
    size_t at;
    unsigned all, here;
    unsigned parts[SECTION_PARITY_SUM + 1];
};

static void scan_found(void *arg, enum section_part part, uint64_t at, size_t len)
{
    struct scanned *k = arg;

    k->all++;
    k->parts[part]++;
    k->here += at <= k->at && k->at < at + len;
}

static void write_large(const char *path)
{
    struct section_writer w;
    struct dice dice = {1};
    struct err err = {0};

    assert_int_equal(section_writer_open(&w, &file_ops_system, path, 'X', 1, &err), 0);
    section_begin(&w);
    for (size_t i = 0; i < LARGE_PAGES * SECTION_PAGE / 8; i++) {
        uint64_t v = dice_roll(&dice);

        section_write(&w, &v, sizeof v);
    }
    section_end(&w);
    assert_int_equal(section_writer_finish(&w, "", 0, &err), 0);
}

static void a_flip_in_a_large_section_is_told_once_and_as_what_it_is(void **state)
{
    char *dir = folder_new(), *path = path_in(dir, "x");
    struct section_file f;
    struct scanned k = {0};
    struct err err = {0};
    bool damaged;
    size_t end;

    write_large(path);
    assert_int_equal(section_file_open(path, 'X', 1, &f, &damaged, &err), 0);
    end = (size_t)section_end_at(&f, 0);
    for (k.at = FRAME_BYTES; k.at<end; k.at += k.at> end - 4096 ? 3 : 4099) {
        k.all = k.here = 0;
        flip_bit(path, k.at);
        section_scan(&f, 0, scan_found, &k);
        flip_bit(path, k.at);
        assert_int_equal(k.all, 1);
        assert_int_equal(k.here, 1);
    }
    assert_int_equal(k.parts[SECTION_PAGE_LOST], 0);
    for (size_t i = SECTION_PAGE_HELD; i <= SECTION_PARITY_SUM; i++)
        assert_true(k.parts[i] > 0);
    section_file_close(&f);
    folder_remove(dir);
    free(dir);
    free(path);
}

/* ---- single finds -------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *file, const char *text)
{
    char *path = path_in(dir, file);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
}

static void remove_file(const char *dir, const char *file)
{
    char *path = path_in(dir, file);

    assert_int_equal(unlink(path), 0);
    free(path);
}

static void files_that_do_not_belong_are_told(void **state)
{
    static const struct {
        const char *file;
        enum storage_part part;
        unsigned damaged;
    } table[] = {
        {"lock", PART_LOCK, 1},        {"notes.txt", PART_UNKNOWN, 0},
        {"blocks/7", PART_UNKNOWN, 0}, {"blocks/00000099.tmp", PART_TEMPORARY, 0},
        {"head/x", PART_UNKNOWN, 0},   {"blocks/00000099", PART_FILE, 1},
    };
    char *dir = folder_new();

    make_directory(dir);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct finds f = {0};
        struct storage_verified v;

        write_file(dir, table[i].file, "abc");
        v = verify(dir, &f);
        assert_int_equal(f.all, 1);
        assert_int_equal(f.part, table[i].part);
        assert_int_equal(v.damaged, table[i].damaged);
        remove_file(dir, table[i].file);
        buf_free(&f.told);
    }
    folder_remove(dir);
    free(dir);
}

static void a_missing_image_is_told_by_the_log_that_needs_it(void **state)
{
    char *dir = folder_new();
    struct file_list images = {0};
    struct finds f = {0};

    make_directory(dir);
    list_folder_files(dir, "head", &images);
    assert_int_equal(images.n, 1);
    remove_file(dir, images.v[0]);
    assert_int_equal(verify(dir, &f).damaged, 1);
    assert_int_equal(f.part, PART_MISSING);
    buf_free(&f.told);
    file_list_deinit(&images);
    folder_remove(dir);
    free(dir);
}

static void a_directory_in_use_is_refused(void **state)
{
    struct storage_options o = manual_options();
    char *dir = folder_new();
    struct storage *st = must_open(dir, &o, NULL);
    struct storage_verified v;
    struct finds f = {0};
    struct err err = {0};

    assert_int_equal(storage_verify(dir, hear, &f, &v, &err), -EBUSY);
    assert_non_null(strstr(err.msg, "in use"));
    must_close(st);
    expect_clean(dir);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nothing_is_amiss_with_is_clean),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(every_cut_file_is_found),
        cmocka_unit_test(a_flip_in_a_large_section_is_told_once_and_as_what_it_is),
        cmocka_unit_test(files_that_do_not_belong_are_told),
        cmocka_unit_test(a_missing_image_is_told_by_the_log_that_needs_it),
        cmocka_unit_test(a_directory_in_use_is_refused),
    };

    /* What is proved is about bytes, not about the disk. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
