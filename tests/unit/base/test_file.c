/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/gzip.h"

static char folder[] = "/tmp/tocsin-test-file.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static size_t files_in_folder(void)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void what_is_written_is_read(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    buf_add_c(&out, ">");
    assert_int_equal(file_write_atomic(path_of("f"), STR("old"), &err), 0);
    assert_int_equal(file_write_atomic(path_of("f"), STR("new content"), &err), 0);
    assert_int_equal(file_read(path_of("f"), 11, &out, &err), 0);
    assert_string_equal(out.p, ">new content");
    assert_int_equal(files_in_folder(), 1); /* nothing is left beside it */
}

static void a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
    struct err err = {0};

    assert_int_equal(mkdir(path_of("d"), 0700), 0);
    assert_true(file_write_atomic(path_of("d"), STR("x"), &err) < 0);
    assert_non_null(strstr(err.msg, "/d: "));
    assert_true(file_write_atomic(path_of("none/f"), STR("x"), &err) == -ENOENT);
    assert_int_equal(files_in_folder(), 2);
}

static void too_large_a_file_is_refused(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    assert_int_equal(file_read(path_of("f"), 10, &out, &err), -E2BIG);
    assert_int_equal(out.len, 0);
    assert_non_null(strstr(err.msg, "larger than 10 bytes"));
    assert_int_equal(file_read(path_of("absent"), 10, &out, &err), -ENOENT);
    assert_non_null(strstr(err.msg, "No such file"));
}

static void a_file_without_a_size_is_read(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    assert_int_equal(file_read("/proc/self/status", 1 << 20, &out, NULL), 0);
    assert_true(out.len > 100);
}

static void folders_are_made_down_to_the_last(void **state)
{
    struct err err = {0};
    struct stat st;

    assert_int_equal(file_make_dirs(path_of("a/b//c/"), &err), 0);
    assert_int_equal(file_make_dirs(path_of("a/b/c"), &err), 0);
    assert_int_equal(stat(path_of("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0750, 0);
    assert_int_equal(file_make_dirs(path_of("f"), &err), -ENOTDIR);
    assert_true(file_make_dirs(path_of("f/g"), &err) < 0);
}

static void gzip_gives_back_what_it_got(void **state)
{
    for (size_t size = 0; size < 400000; size = size * 3 + 1) {
        CLEANUP(buf_free) struct buf in = {0}, packed = {0}, out = {0};
        struct err err = {0};

        for (size_t i = 0; in.len < size; i++)
            buf_addf(&in, "%zu,", i * i % 1001);
        gzip_deflate(buf_str(&in), &packed);
        assert_int_equal(gzip_inflate(buf_str(&packed), in.len, &out, &err), 0);
        assert_true(str_eq(buf_str(&in), buf_str(&out)));
        buf_reset(&out);
        if (in.len > 0)
            assert_int_equal(gzip_inflate(buf_str(&packed), in.len - 1, &out, &err), -E2BIG);
        assert_int_equal(out.len, 0);
        packed.len -= 1;
        assert_int_equal(gzip_inflate(buf_str(&packed), 1 << 20, &out, &err), -EINVAL);
        assert_int_equal(out.len, 0);
    }
}

static void two_gzip_members_are_one_body(void **state)
{
    CLEANUP(buf_free) struct buf packed = {0}, out = {0};

    gzip_deflate(STR("first, "), &packed);
    gzip_deflate(STR("second"), &packed);
    assert_int_equal(gzip_inflate(buf_str(&packed), 100, &out, NULL), 0);
    assert_string_equal(out.p, "first, second");
}

static void what_is_no_gzip_is_refused(void **state)
{
    static const char zlib_x[] = "\x78\x9c\xab\x00\x00\x00\x79\x00\x79";
    CLEANUP(buf_free) struct buf out = {0};
    struct err err = {0};

    assert_int_equal(gzip_inflate(STR("plain text"), 100, &out, &err), -EINVAL);
    assert_true(strlen(err.msg) > 10);
    assert_int_equal(gzip_inflate(STR(""), 100, &out, &err), -EINVAL);
    assert_int_equal(gzip_inflate(str_n(zlib_x, sizeof zlib_x - 1), 100, &out, &err), 0);
    assert_string_equal(out.p, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_failed_write_leaves_the_old_file_and_no_other),
        cmocka_unit_test(too_large_a_file_is_refused),
        cmocka_unit_test(a_file_without_a_size_is_read),
        cmocka_unit_test(folders_are_made_down_to_the_last),
        cmocka_unit_test(gzip_gives_back_what_it_got),
        cmocka_unit_test(two_gzip_members_are_one_body),
        cmocka_unit_test(what_is_no_gzip_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
