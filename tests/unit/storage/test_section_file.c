/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/storage_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "storage/section_file_priv.h"
#include "storage/wire_priv.h"

static const size_t lengths[] = {
    0, 1, 700, SECTION_PAGE, 3 * SECTION_PAGE + 5, 65 * SECTION_PAGE + 9};

static char *write_file(const char *dir)
{
    struct section_writer w;
    struct err err = {0};
    char path[300];
    struct dice d = {1};

    snprintf(path, sizeof path, "%s/00000001", dir);
    assert_int_equal(section_writer_open(&w, &file_ops_system, path, 'T', 3, &err), 0);
    section_write(&w, "own bytes", 9);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        section_begin(&w);
        for (size_t n = 0; n < lengths[i];) {
            uint8_t bytes[100];
            size_t k = 1 + dice_below(&d, sizeof bytes);

            k = k < lengths[i] - n ? k : lengths[i] - n;
            for (size_t j = 0; j < k; j++)
                bytes[j] = (uint8_t)(n + j + i);
            section_write(&w, bytes, k);
            n += k;
        }
        section_end(&w);
    }
    assert_int_equal(section_writer_finish(&w, "meta", 4, &err), 0);
    return mem_strdup(path);
}

static bool section_is_right(const struct section_file *f, unsigned i)
{
    if (section_len(f, i) != lengths[i])
        return false;
    for (size_t n = 0; n < lengths[i]; n++)
        if (section_at(f, i)[n] != (uint8_t)(n + i))
            return false;
    return true;
}

static void flip(const char *path, size_t bit)
{
    int fd = open(path, O_RDWR);
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

static void a_file_gives_back_its_sections(void **state)
{
    char *dir = folder_new(), *path = write_file(dir);
    struct section_damage d = {0};
    struct section_file f;
    struct err err = {0};
    bool damaged;

    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
    assert_false(damaged);
    assert_int_equal(f.frame.n_sections, ARRAY_LEN(lengths));
    assert_memory_equal(f.frame.meta, "meta", 4);
    assert_memory_equal(f.map + FRAME_BYTES, "own bytes", 9);
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        section_check(&f, i, &d);
        assert_true(section_is_right(&f, i));
    }
    assert_int_equal(d.restored + d.lost, 0);
    section_file_close(&f);
    folder_remove(dir);
    free(path);
    free(dir);
}

static void no_single_flipped_bit_costs_anything(void **state)
{
    char *dir = folder_new(), *path = write_file(dir);
    struct section_file f;
    struct err err = {0};
    bool damaged;
    size_t len, restored = 0;

    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
    len = f.len;
    section_file_close(&f);
    for (size_t at = 0; at < len; at += at < 3000 ? 1 : 397) {
        struct section_damage d = {0};

        flip(path, at * 8 + at % 8);
        assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
        for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
            section_check(&f, i, &d);
            assert_true(section_is_right(&f, i));
        }
        assert_int_equal(d.lost, 0);
        if (at < FRAME_BYTES || at >= len - FRAME_BYTES)
            assert_true(damaged);
        restored += d.restored;
        section_file_close(&f);
        flip(path, at * 8 + at % 8);
    }
    assert_true(restored > 1000);
    folder_remove(dir);
    free(path);
    free(dir);
}

static void two_damaged_pages_of_a_group_are_told_as_lost(void **state)
{
    char *dir = folder_new(), *path = write_file(dir);
    struct section_damage d = {0};
    struct section_file f;
    struct err err = {0};
    bool damaged;
    size_t at;

    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
    at = (size_t)f.frame.sections[5].at;
    section_file_close(&f);
    flip(path, (at + 10) * 8);
    flip(path, (at + 5 * SECTION_PAGE) * 8);
    flip(path,
         (at + 64 * SECTION_PAGE + 1) * 8); /* of the second group: that one can be restored */
    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
    section_check(&f, 5, &d);
    assert_int_equal(d.lost, 2);
    assert_int_equal(d.restored, 1);
    section_file_close(&f);
    folder_remove(dir);
    free(path);
    free(dir);
}

static void a_stretch_of_damage_is_restored_from_lanes(void **state)
{
    char *dir = folder_new(), path[300];
    struct section_damage d = {0};
    struct section_writer w;
    struct section_file f;
    struct err err = {0};
    uint8_t *bytes, zeroes[8 * SECTION_PAGE] = {0};
    const size_t pages[] = {600, 300, 129, 65}, may_lose[] = {8, 8, 4, 2};
    bool damaged;
    int fd;

    for (size_t k = 0; k < ARRAY_LEN(pages); k++) {
        size_t len = pages[k] * SECTION_PAGE - 100;

        snprintf(path, sizeof path, "%s/00000001", dir);
        bytes = mem_alloc(len);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * 7 + i / 4096 + 1);
        assert_int_equal(section_writer_open(&w, &file_ops_system, path, 'T', 3, &err), 0);
        section_begin(&w);
        section_write(&w, bytes, len);
        section_end(&w);
        assert_int_equal(section_writer_finish(&w, "", 0, &err), 0);
        fd = open(path, O_RDWR);
        assert_int_equal(
            pwrite(fd, zeroes, may_lose[k] * SECTION_PAGE, FRAME_BYTES + 3 * SECTION_PAGE),
            may_lose[k] * SECTION_PAGE);
        close(fd);
        d = (struct section_damage){0};
        assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), 0);
        section_check(&f, 0, &d);
        assert_int_equal(d.restored, may_lose[k]);
        assert_int_equal(d.lost, 0);
        assert_memory_equal(section_at(&f, 0), bytes, len);
        section_file_close(&f);
        free(bytes);
    }
    folder_remove(dir);
    free(dir);
}

static void a_file_that_is_not_ours_or_cut_off_is_refused(void **state)
{
    char *dir = folder_new(), *path = write_file(dir);
    struct section_file f;
    struct err err = {0};
    bool damaged;

    assert_int_equal(section_file_open(path, 'U', 3, &f, &damaged, &err), -EBADMSG);
    assert_int_equal(section_file_open(path, 'T', 2, &f, &damaged, &err), -EPROTONOSUPPORT);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), -EBADMSG);
    assert_non_null(strstr(err.msg, "bytes long"));
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), -EBADMSG);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(section_file_open(path, 'T', 3, &f, &damaged, &err), -EBADMSG);
    folder_remove(dir);
    free(path);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gives_back_its_sections),
        cmocka_unit_test(no_single_flipped_bit_costs_anything),
        cmocka_unit_test(two_damaged_pages_of_a_group_are_told_as_lost),
        cmocka_unit_test(a_stretch_of_damage_is_restored_from_lanes),
        cmocka_unit_test(a_file_that_is_not_ours_or_cut_off_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
