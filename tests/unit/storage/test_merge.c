/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks are merged, cleaned of what is deleted, and linked into snapshots: the samples shown are
 * the same before and after, also when a file could not be removed and the process died.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "storage/file_ops_priv.h"

#define SERIES 3

struct world {
    char *dir; /* <folder>/tsdb */
    char *folder;
    struct storage_options o;
    struct storage *st;
    struct label_set *labels[SERIES];
    struct file_ops ops;
    bool keeps_blocks; /* removing one fails */

    bool watched; /* before each call that changes a file it is looked what a kill would leave */
    int hours, gap_from, gap_to;
    unsigned moments;
    bool no_images;    /* making one fails */
    bool deletes_next; /* when the next block is begun */
    unsigned syncs;
    uint64_t blocks; /* there are no more of them at any moment */
};

static void look_at_copy(struct world *w);
static void delete_minutes(struct world *w, int from, int to);

static int unlink_or_fail(void *self, const char *path)
{
    struct world *w = self;

    look_at_copy(w);
    return w->keeps_blocks && strstr(path, "/blocks/") ? -EIO : file_ops_system.unlink(NULL, path);
}

static int watched_create(void *self, const char *path)
{
    struct world *w = self;

    look_at_copy(w);
    if (w->no_images && strstr(path, "/head/"))
        return -EIO;
    if (w->deletes_next && strstr(path, "/blocks/")) {
        w->deletes_next = false;
        delete_minutes(w, 30, 200);
    }
    return file_ops_system.create(NULL, path);
}

static int watched_write(void *self, int fd, const void *p, size_t n, uint64_t at)
{
    look_at_copy(self);
    return file_ops_system.write(NULL, fd, p, n, at);
}

static int counted_sync(void *self, int fd)
{
    ((struct world *)self)->syncs++;
    return file_ops_system.sync(NULL, fd);
}

static int watched_rename(void *self, const char *from, const char *to)
{
    look_at_copy(self);
    return file_ops_system.rename(NULL, from, to);
}

static int watched_sync_dir(void *self, const char *path)
{
    look_at_copy(self);
    return file_ops_system.sync_dir(NULL, path);
}

static void world_init(struct world *w)
{
    struct buf dir = {0};

    *w = (struct world){.folder = folder_new(), .o = manual_options(), .ops = file_ops_system};
    buf_addf(&dir, "%s/tsdb", w->folder);
    w->dir = buf_take(&dir);
    w->ops.self = w;
    w->ops.unlink = unlink_or_fail;
    w->ops.create = watched_create;
    w->ops.write = watched_write;
    w->ops.sync = counted_sync;
    w->ops.rename = watched_rename;
    w->ops.sync_dir = watched_sync_dir;
    w->o.files = &w->ops;
    for (int i = 0; i < SERIES; i++) {
        char text[2] = {(char)('0' + i), '\0'};

        w->labels[i] = labels_of("__name__", "m", "i", text, NULL);
    }
    w->st = must_open(w->dir, &w->o, NULL);
}

static void world_deinit(struct world *w)
{
    must_close(w->st);
    for (int i = 0; i < SERIES; i++)
        label_set_unref(w->labels[i]);
    folder_remove(w->folder);
    free(w->folder);
    free(w->dir);
}

/* A sample a minute of each series, whose value says which it is. */
static void fill(struct world *w, int from_hour, int to_hour)
{
    for (int m = from_hour * 60; m < to_hour * 60; m++) {
        for (int i = 0; i < SERIES; i++)
            assert_int_equal(put(w->st, ref_of(w->st, w->labels[i]), T0 + m * MINUTE, m * 10 + i),
                             SAMPLE_STORED);
        if (m % 60 == 59)
            must_tick(w->st);
    }
}

/* Samples of all series in hours [from, to) that are not in minutes [gap_from, gap_to) of series 1. */
static void expect(struct storage *st, int hours, int gap_from, int gap_to)
{
    struct selection *s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    struct columns c = {0};

    assert_int_equal(s->n, SERIES);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;

        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        for (int m = 0; m < hours * 60; m++) {
            if (i == 1 && m >= gap_from && m < gap_to)
                continue;
            assert_true(k < c.n);
            assert_int_equal(c.times[k], T0 + m * MINUTE);
            assert_true(c.values[k] == m * 10 + (double)i);
            k++;
        }
        assert_int_equal(k, c.n);
    }
    columns_deinit(&c);
    s->reader->release(s);
}

static struct storage_stats stats_of(struct storage *st)
{
    struct storage_stats s;

    storage_stats(st, &s);
    return s;
}

static void watch(struct world *w, int hours, int gap_from, int gap_to)
{
    w->watched = true;
    w->hours = hours;
    w->gap_from = gap_from;
    w->gap_to = gap_to;
    w->blocks = stats_of(w->st).blocks;
}

static void look_at_copy(struct world *w)
{
    struct storage_options o = w->o;
    struct buf report = {0};
    struct storage *st;
    char *copy;

    if (!w->watched)
        return;
    w->moments++;
    o.files = NULL;
    copy = folder_new();
    folder_copy(w->dir, copy);
    for (int i = 0; i < 2; i++) {
        st = must_open(copy, &o, &report);
        expect(st, w->hours, w->gap_from, w->gap_to);
        assert_true(stats_of(st).blocks <= w->blocks);
        must_close(st);
    }
    assert_int_equal(report.len, 0);
    folder_remove(copy);
    free(copy);
}

static int try_delete(struct world *w, int from, int to, struct err *err)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;

    assert_int_equal(matcher_new(MATCH_EQ, STR("i"), STR("1"), &m, NULL), 0);
    return storage_delete(w->st, (const struct matcher *const *)&m, 1, T0 + from * MINUTE,
                          T0 + to * MINUTE - 1, err);
}

static void delete_minutes(struct world *w, int from, int to)
{
    struct err err = {0};

    if (try_delete(w, from, to, &err) < 0)
        fail_msg("delete: %s", err.msg);
}

static void must_clean(struct world *w)
{
    struct err err = {0};

    if (storage_clean_tombstones(w->st, &err) < 0)
        fail_msg("clean: %s", err.msg);
}

static void small_blocks_become_larger_ones_that_take_less(void **state)
{
    struct world w;
    struct storage_stats before, after;

    world_init(&w);
    storage_set_retention(w.st, 20 * HOUR + 19, 0); /* no range but that of two hours */
    fill(&w, 0, 20);
    before = stats_of(w.st);
    assert_int_equal(before.merges, 9); /* of two hours each, as they were cut */
    assert_int_equal(before.blocks, 9);
    storage_set_retention(w.st, 0, 0);
    must_tick(w.st);
    after = stats_of(w.st);
    assert_true(after.merges >= before.merges + 2);
    assert_true(after.blocks <= before.blocks / 2);
    assert_true(after.block_bytes < before.block_bytes);
    expect(w.st, 20, 0, 0);
    world_deinit(&w);
}

static void a_kill_at_any_moment_of_a_merge_loses_and_doubles_nothing(void **state)
{
    struct world w;
    uint64_t merges;

    world_init(&w);
    storage_set_retention(w.st, 20 * HOUR + 19, 0);
    fill(&w, 0, 11);
    delete_minutes(&w, 30, 200);
    storage_set_retention(w.st, 0, 0);
    watch(&w, 11, 30, 200);
    merges = stats_of(w.st).merges;
    must_tick(w.st);
    assert_true(stats_of(w.st).merges > merges);
    assert_true(w.moments > 6); /* file, its name, folder, parents */
    must_clean(&w);
    w.watched = false;
    expect(w.st, 11, 30, 200);
    world_deinit(&w);
}

static void a_kill_at_any_moment_of_cleaning_brings_nothing_back(void **state)
{
    struct world w;

    world_init(&w);
    storage_set_retention(w.st, 20 * HOUR + 19, 0);
    fill(&w, 0, 11);
    delete_minutes(&w, 30, 200);
    watch(&w, 11, 30, 200);
    must_clean(&w);
    assert_true(w.moments > 8);
    w.watched = false;
    expect(w.st, 11, 30, 200);
    world_deinit(&w);
}

static void parents_that_cannot_be_removed_are_not_seen_twice(void **state)
{
    struct world w;
    struct storage_stats stats;
    struct err err = {0};
    uint64_t merges;

    world_init(&w);
    storage_set_retention(w.st, 20 * HOUR + 19, 0);
    fill(&w, 0, 20);
    merges = stats_of(w.st).merges;
    storage_set_retention(w.st, 0, 0);
    delete_minutes(&w, 30, 200);
    w.keeps_blocks = true;
    assert_int_equal(storage_tick(w.st, &err), -EIO);
    assert_int_equal(stats_of(w.st).merges, merges + 1); /* no further one until they are gone */
    assert_int_equal(storage_tick(w.st, &err), -EIO);
    assert_int_equal(stats_of(w.st).merges, merges + 1);
    assert_string_not_equal(stats_of(w.st).problem, "");
    expect(w.st, 20, 30, 200);
    for (int round = 0; round < 2;
         round++) { /* a start finds both, and may not remove them either */
        must_close(w.st);
        w.st = must_open(w.dir, &w.o, NULL);
        expect(w.st, 20, 30, 200);
        if (round == 0)
            assert_int_equal(storage_tick(w.st, &err), -EIO);
    }
    w.keeps_blocks = false;
    must_tick(w.st);
    stats = stats_of(w.st);
    assert_string_equal(stats.problem, "");
    assert_true(stats.merges > 0);
    expect(w.st, 20, 30, 200);
    world_deinit(&w);
}

static void what_is_deleted_during_a_merge_does_not_come_back(void **state)
{
    struct world w;
    uint64_t merges;

    world_init(&w);
    storage_set_retention(w.st, 20 * HOUR + 19, 0);
    fill(&w, 0, 11);
    storage_set_retention(w.st, 0, 0);
    merges = stats_of(w.st).merges;
    w.deletes_next = true;
    must_tick(w.st);
    assert_false(w.deletes_next);
    assert_true(stats_of(w.st).merges > merges); /* it was begun once more */
    expect(w.st, 11, 30, 200);
    must_clean(&w);
    expect(w.st, 11, 30, 200);
    world_deinit(&w);
}

static void a_delete_is_on_the_disk_before_it_returns(void **state)
{
    struct world w;
    unsigned before;

    world_init(&w);
    fill(&w, 0, 1);
    before = w.syncs;
    delete_minutes(&w, 0, 10); /* of the head: in the log */
    assert_int_equal(w.syncs, before + 1);
    world_deinit(&w);
}

/* Replay tells late samples that are in blocks by the image: without it a delete would not hold. */
static void nothing_is_deleted_while_an_image_is_due_and_cannot_be_written(void **state)
{
    struct world w;
    struct err err = {0};

    world_init(&w);
    fill(&w, 0, 2);
    for (int m = 120; m < 300; m++)
        for (int i = 0; i < SERIES; i++)
            put(w.st, ref_of(w.st, w.labels[i]), T0 + m * MINUTE, m * 10 + i);
    w.no_images = true;
    assert_int_equal(storage_tick(w.st, &err), -EIO); /* it has cut, though */
    assert_int_equal(try_delete(&w, 30, 60, &err), -EIO);
    expect(w.st, 5, 0, 0);
    w.no_images = false;
    delete_minutes(&w, 30, 60);
    expect(w.st, 5, 30, 60);
    world_deinit(&w);
}

static void a_second_delete_covers_what_came_late_after_the_first(void **state)
{
    struct world w;

    world_init(&w);
    w.o.out_of_order_window = 10 * HOUR;
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    fill(&w, 0, 1);
    for (int k = 0; k < 3; k++) {
        delete_minutes(&w, 5 * k, 600); /* none of them makes a later one needless */
        for (int m = 20; m < 59; m++)
            put(w.st, ref_of(w.st, w.labels[1]), T0 + m * MINUTE, m * 10 + 1);
    }
    delete_minutes(&w, 15, 600);
    fill(&w, 1, 2);
    expect(w.st, 2, 0, 60);
    world_deinit(&w);
}

/* Its number is not given to another block, of which the same would be deleted. */
static void what_was_deleted_of_a_block_goes_with_it(void **state)
{
    struct selection *s;
    struct columns c = {0};
    struct world w;

    world_init(&w);
    fill(&w, 0, 10);
    delete_minutes(&w, 0, 6000);
    storage_set_retention(w.st, 0, 1);
    must_tick(w.st);
    assert_int_equal(stats_of(w.st).blocks, 0);
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    fill(&w, 10, 20);
    assert_true(stats_of(w.st).blocks > 0);
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    s = pick(w.st, MATCH_EQ, "i", "1", T0 + 10 * HOUR, INT64_MAX);
    assert_int_equal(s->n, 1);
    read_series(s, 0, T0 + 10 * HOUR, INT64_MAX, &c);
    assert_int_equal(c.n, 10 * 60);
    columns_deinit(&c);
    s->reader->release(s);
    world_deinit(&w);
}

static void cleaning_makes_blocks_without_what_is_deleted(void **state)
{
    struct world w;
    uint64_t before;

    world_init(&w);
    fill(&w, 0, 10);
    before = stats_of(w.st).block_bytes;
    delete_minutes(&w, 0, 8 * 60);
    assert_int_equal(stats_of(w.st).block_bytes, before);
    expect(w.st, 10, 0, 8 * 60);
    must_clean(&w);
    assert_true(stats_of(w.st).block_bytes < before);
    expect(w.st, 10, 0, 8 * 60);
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    expect(w.st, 10, 0, 8 * 60);
    world_deinit(&w);
}

static void a_sample_that_comes_after_the_delete_is_shown(void **state)
{
    struct world w;

    world_init(&w);
    w.o.out_of_order_window = 10 * HOUR;
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    fill(&w, 0, 1);
    delete_minutes(&w, 0, 600); /* an end in the future means: until now */
    fill(&w, 1, 2);
    expect(w.st, 2, 0, 60);
    for (int m = 20; m < 60; m++) /* late ones, inside of what was deleted */
        put(w.st, ref_of(w.st, w.labels[1]), T0 + m * MINUTE, m * 10 + 1);
    expect(w.st, 2, 0, 20);
    for (int i = 0; i < 2; i++) {
        must_close(w.st);
        w.st = must_open(w.dir, &w.o, NULL);
        expect(w.st, 2, 0, 20);
    }
    fill(&w, 2, 9); /* it all goes to blocks */
    expect(w.st, 9, 0, 20);
    world_deinit(&w);
}

/* ---- imports ------------------------------------------------------------------------------- */

static void import(struct storage *from, struct storage *to)
{
    char *out = folder_new();
    struct prom_counts exported = {0}, imported = {0};
    struct buf names = {0};
    struct err err = {0};
    struct str rest;

    if (prom_export(from,
                    &(struct prom_export_options){.out = out, .from = INT64_MIN, .to = INT64_MAX},
                    &exported, &names, &err) < 0)
        fail_msg("export: %s", err.msg);
    for (rest = buf_str(&names); rest.len > 0;) {
        struct str name = str_cut(&rest, '\n');
        char path[512];

        snprintf(path, sizeof path, "%s/%.*s", out, STR_ARG(name));
        if (prom_import_block(to, path, &(struct prom_import_options){0}, &imported, &err) < 0)
            fail_msg("import: %s", err.msg);
    }
    buf_free(&names);
    folder_remove(out);
    free(out);
}

/* All of one storage, and over it other values of series 0. */
static void import_twice(struct storage *to)
{
    struct world first, second;

    world_init(&first);
    fill(&first, 0, 10);
    import(first.st, to);
    world_deinit(&first);
    world_init(&second);
    for (int m = 0; m < 10 * 60; m++)
        put(second.st, ref_of(second.st, second.labels[0]), T0 + m * MINUTE, -m);
    import(second.st, to);
    world_deinit(&second);
}

static void imports_that_overlap_become_one_also_without_anything_else(void **state)
{
    struct storage_stats before, after;
    struct world w;

    world_init(&w);
    import_twice(w.st);
    before = stats_of(w.st);
    expect(w.st, 10, 0, 0);
    must_tick(w.st);
    after = stats_of(w.st);
    assert_true(after.merges > 0);
    assert_true(after.blocks < before.blocks);
    expect(w.st, 10, 0, 0);
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    expect(w.st, 10, 0, 0);
    must_tick(w.st);
    assert_int_equal(put(w.st, ref_of(w.st, w.labels[0]), T0 + 1, 1), SAMPLE_STORED); /* no cut */
    world_deinit(&w);
}

static void cleaning_leaves_blocks_that_overlap_in_their_order(void **state)
{
    struct world w;

    world_init(&w);
    import_twice(w.st);
    for (int i = 0; i < 2; i++) { /* of the first import only; what is seen of series 0 is its */
        delete_minutes(&w, 20 * i, 20 * i + 20);
        must_clean(&w);
        expect(w.st, 10, 0, 20 * i + 20);
    }
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    expect(w.st, 10, 0, 40);
    must_tick(w.st);
    expect(w.st, 10, 0, 40);
    world_deinit(&w);
}

/* ---- snapshots ----------------------------------------------------------------------------- */

static void remains_of_a_snapshot_go_at_the_start(void **state)
{
    struct buf path = {0}, whole = {0};
    struct err err = {0};
    struct world w;

    world_init(&w);
    fill(&w, 0, 1);
    if (storage_snapshot(w.st, false, &whole, &err) < 0)
        fail_msg("snapshot: %s", err.msg);
    buf_addf(&path, "%s/snapshots/20060102T150405Z-0123456789abcdef.tmp/tsdb/log", w.folder);
    assert_int_equal(file_make_dirs(path.p, &err), 0);
    must_close(w.st);
    w.st = must_open(w.dir, &w.o, NULL);
    buf_reset(&path);
    buf_addf(&path, "%s/snapshots/20060102T150405Z-0123456789abcdef.tmp", w.folder);
    assert_int_equal(access(path.p, F_OK), -1);
    buf_reset(&path);
    buf_addf(&path, "%s/snapshots/%s/tsdb", w.folder, whole.p);
    assert_int_equal(access(path.p, F_OK), 0);
    buf_free(&path);
    buf_free(&whole);
    world_deinit(&w);
}

static void expect_snapshot(struct world *w, const char *name, int hours, int gap_from, int gap_to,
                            bool with_head)
{
    struct storage_options o = manual_options();
    struct buf dir = {0}, report = {0};
    struct storage *st;

    buf_addf(&dir, "%s/snapshots/%s/tsdb", w->folder, name);
    st = must_open(dir.p, &o, &report);
    assert_int_equal(report.len, 0);
    if (with_head)
        expect(st, hours, gap_from, gap_to);
    else
        assert_int_equal(stats_of(st).samples, 0);
    must_close(st);
    buf_free(&dir);
    buf_free(&report);
}

static void a_snapshot_is_a_storage_of_its_own(void **state)
{
    struct buf whole = {0}, blocks = {0};
    struct err err = {0};
    struct world w;

    world_init(&w);
    fill(&w, 0, 10);
    delete_minutes(&w, 60, 90);
    if (storage_snapshot(w.st, false, &whole, &err) < 0 ||
        storage_snapshot(w.st, true, &blocks, &err) < 0)
        fail_msg("snapshot: %s", err.msg);
    assert_int_equal(whole.len, strlen("20060102T150405Z-0123456789abcdef"));
    for (int m = 600; m < 20 * 60; m++) /* life goes on */
        for (int i = 0; i < SERIES; i++)
            put(w.st, ref_of(w.st, w.labels[i]), T0 + m * MINUTE, m * 10 + i);
    delete_minutes(&w, 0, 11 * 60);
    must_tick(w.st);
    must_clean(&w);
    for (int i = 0; i < 2; i++)
        expect_snapshot(&w, whole.p, 10, 60, 90, true);
    expect_snapshot(&w, blocks.p, 10, 60, 90, false);
    buf_free(&whole);
    buf_free(&blocks);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_blocks_become_larger_ones_that_take_less),
        cmocka_unit_test(a_kill_at_any_moment_of_a_merge_loses_and_doubles_nothing),
        cmocka_unit_test(a_kill_at_any_moment_of_cleaning_brings_nothing_back),
        cmocka_unit_test(parents_that_cannot_be_removed_are_not_seen_twice),
        cmocka_unit_test(what_is_deleted_during_a_merge_does_not_come_back),
        cmocka_unit_test(a_delete_is_on_the_disk_before_it_returns),
        cmocka_unit_test(nothing_is_deleted_while_an_image_is_due_and_cannot_be_written),
        cmocka_unit_test(a_second_delete_covers_what_came_late_after_the_first),
        cmocka_unit_test(what_was_deleted_of_a_block_goes_with_it),
        cmocka_unit_test(cleaning_makes_blocks_without_what_is_deleted),
        cmocka_unit_test(a_sample_that_comes_after_the_delete_is_shown),
        cmocka_unit_test(imports_that_overlap_become_one_also_without_anything_else),
        cmocka_unit_test(cleaning_leaves_blocks_that_overlap_in_their_order),
        cmocka_unit_test(remains_of_a_snapshot_go_at_the_start),
        cmocka_unit_test(a_snapshot_is_a_storage_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
