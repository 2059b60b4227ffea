/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A life of storage is carried out again and again, and each time another one of its writing system
 * calls fails. What was acknowledged is there afterwards; what was refused is not; and it goes on.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/file_ops_priv.h"

/* ---- file calls that fail ------------------------------------------------------------------ */

enum fault_kind { FAIL_ONCE, FAIL_ONCE_HALF_WRITTEN, FAIL_FROM_THEN_ON, FAULT_KINDS };

struct faulty {
    unsigned calls;
    unsigned fail_at; /* 0: never */
    enum fault_kind kind;
    int error;
};

static bool fails(struct faulty *f)
{
    f->calls++;
    return f->fail_at > 0 &&
           (f->kind == FAIL_FROM_THEN_ON ? f->calls >= f->fail_at : f->calls == f->fail_at);
}

static int faulty_create(void *self, const char *path)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.create(NULL, path);
}

static int faulty_write(void *self, int fd, const void *p, size_t n, uint64_t at)
{
    struct faulty *f = self;

    if (!fails(f))
        return file_ops_system.write(NULL, fd, p, n, at);
    if (f->kind == FAIL_ONCE_HALF_WRITTEN)
        file_ops_system.write(NULL, fd, p, n / 2, at);
    return f->error;
}

static int faulty_truncate(void *self, int fd, uint64_t len)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.truncate(NULL, fd, len);
}

static int faulty_sync(void *self, int fd)
{
    struct faulty *f = self;

    return fails(f) ? f->error : 0; /* no power is lost here: it need not wait for the disk */
}

static int faulty_close(void *self, int fd)
{
    struct faulty *f = self;
    bool failed = fails(f);
    int r = file_ops_system.close(NULL, fd);

    return failed ? f->error : r;
}

static int faulty_rename(void *self, const char *from, const char *to)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.rename(NULL, from, to);
}

static int faulty_unlink(void *self, const char *path)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.unlink(NULL, path);
}

static int faulty_make_dir(void *self, const char *path)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.make_dir(NULL, path);
}

static int faulty_sync_dir(void *self, const char *path)
{
    struct faulty *f = self;

    return fails(f) ? f->error : 0;
}

static int faulty_link(void *self, const char *from, const char *to)
{
    struct faulty *f = self;

    return fails(f) ? f->error : file_ops_system.link(NULL, from, to);
}

/* ---- the life ------------------------------------------------------------------------------ */

#define SERIES 5
#define STEPS  (4 * 60)
#define STEP   (3 * MINUTE) /* twelve hours: enough for cuts, and for blocks to be merged */

/* After these steps the series that is deleted from loses what it has from `from` steps on; the
 * second delete is one of blocks and head. */
#define DELETES       2
#define DELETE_SERIES 4
#define CLEAN_AT      230
#define SNAPSHOT_AT   (STEPS - 1)
static const struct {
    int step, from, to;
} delete_at[DELETES] = {{40, 10, 20}, {225, 30, 210}};

struct life {
    char *root, *dir; /* snapshots are made beside dir */
    struct faulty faulty;
    struct file_ops ops;
    struct storage_options o;
    struct storage *st; /* NULL: it could not be opened */
    struct label_set *labels[SERIES];
    bool acknowledged[STEPS + 1]; /* and one step when the disk works again */
    unsigned refused;
    struct buf snapshot;                            /* name of the one that was made, if it was */
    bool deleted[DELETES], may_be_deleted[DELETES]; /* of series DELETE_SERIES, see delete_at */
};

static void life_init(struct life *l, unsigned fail_at, enum fault_kind kind, int error,
                      dur_ms fsync_interval)
{
    struct buf dir = {0};

    *l = (struct life){
        .root = folder_new(), .faulty = {0, fail_at, kind, error}, .o = manual_options()};
    buf_addf(&dir, "%s/tsdb", l->root);
    l->dir = buf_take(&dir);
    l->ops = (struct file_ops){&l->faulty,      faulty_create,   faulty_write,  faulty_truncate,
                               faulty_sync,     faulty_close,    faulty_rename, faulty_unlink,
                               faulty_make_dir, faulty_sync_dir, faulty_link};
    l->o.files = &l->ops;
    l->o.fsync_interval = fsync_interval;
    for (int i = 0; i < SERIES; i++) {
        char text[2] = {(char)('0' + i), '\0'};

        l->labels[i] = labels_of("__name__", "m", "i", text, NULL);
    }
}

static void life_deinit(struct life *l)
{
    for (int i = 0; i < SERIES; i++)
        label_set_unref(l->labels[i]);
    folder_remove(l->root);
    buf_free(&l->snapshot);
    free(l->root);
    free(l->dir);
}

static void life_open(struct life *l)
{
    struct err err = {0};

    /* Making folders may fail; nothing else keeps it from opening. */
    for (int i = 0; i < 3 && storage_open(l->dir, &l->o, &l->st, NULL, &err) < 0; i++) {
        assert_non_null(strstr(err.msg, "folder"));
        l->st = NULL;
    }
}

static void life_step(struct life *l, int step)
{
    struct sample_row rows[SERIES];
    struct err err = {0};
    int r;

    for (int i = 0; i < SERIES; i++)
        rows[i] = (struct sample_row){ref_of(l->st, l->labels[i]), T0 + step * STEP, step + i,
                                      NULL};
    r = commit(l->st, rows, SERIES, COMMIT_ALL_OR_NOTHING, NULL, &err);
    if (r < 0) {
        struct storage_stats s;

        assert_int_equal(r, l->faulty.error);
        storage_stats(l->st, &s);
        assert_string_not_equal(s.problem, "");
        l->refused++;
    }
    l->acknowledged[step] = r == 0;
}

static void life_delete(struct life *l, int k)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    struct err err = {0};

    assert_int_equal(matcher_new(MATCH_EQ, STR("i"), STR("4"), &m, NULL), 0);
    l->deleted[k] = storage_delete(l->st, (const struct matcher *const *)&m, 1,
                                   T0 + delete_at[k].from * STEP, T0 + delete_at[k].to * STEP,
                                   &err) == 0;
    l->may_be_deleted[k] = true;
}

/* Whether the sample of a step must not, or may not, be there. */
static bool is_deleted(const bool *deletes, size_t series, int step)
{
    for (int k = 0; k < DELETES; k++)
        if (deletes[k] && series == DELETE_SERIES && step >= delete_at[k].from &&
            step <= delete_at[k].to)
            return true;
    return false;
}

static void live(struct life *l)
{
    struct err err = {0};

    life_open(l);
    for (int step = 0; l->st && step < STEPS; step++) {
        life_step(l, step);
        if (step % 30 == 29)
            (void)storage_tick(l->st, &err);
        for (int k = 0; k < DELETES; k++)
            if (step == delete_at[k].step)
                life_delete(l, k);
        if (step == CLEAN_AT)
            (void)storage_clean_tombstones(l->st, &err);
        if (step == SNAPSHOT_AT)
            (void)storage_snapshot(l->st, false, &l->snapshot, &err);
        if (step == STEPS / 2) {
            (void)storage_close(l->st, &err);
            life_open(l);
        }
    }
}

/* Every acknowledged step is there with all its series, and no other one, unless `more_allowed`. */
static void look(struct life *l, struct storage *st, bool more_allowed)
{
    struct selection *s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    unsigned found = 0;
    bool any = false;

    for (int step = 0; step <= STEPS; step++)
        any = any || l->acknowledged[step];
    if (any)
        assert_int_equal(s->n, SERIES);
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;

        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        for (int step = 0; step <= STEPS; step++) {
            bool there = k < c.n && c.times[k] == T0 + step * STEP;

            if (there && is_deleted(l->deleted, i, step))
                fail_msg("call %u: step %d is deleted and is there", l->faulty.fail_at, step);
            if (l->acknowledged[step] && !there && !is_deleted(l->may_be_deleted, i, step))
                fail_msg("call %u: step %d of series %zu is lost", l->faulty.fail_at, step, i);
            if (there && !l->acknowledged[step] && !more_allowed)
                fail_msg("call %u: step %d was refused and is there", l->faulty.fail_at, step);
            if (there)
                assert_true(c.values[k] == step + (double)i);
            k += there;
            found += there;
        }
        assert_int_equal(k, c.n);
    }
    assert_true(found > 0 || !any);
    columns_deinit(&c);
    s->reader->release(s);
}

/* What a kill -9 at this moment would leave. */
static void look_at_copy(struct life *l, bool more_allowed)
{
    struct storage_options o = l->o;
    char *copy = folder_new();
    struct storage *st;

    o.files = NULL;
    folder_copy(l->dir, copy);
    st = must_open(copy, &o, NULL);
    look(l, st, more_allowed);
    must_close(st);
    folder_remove(copy);
    free(copy);
}

/* It has what the storage had at that moment, which was its last one. */
static void look_at_snapshot(struct life *l, bool more_allowed)
{
    struct storage_options o = l->o;
    struct buf dir = {0};
    struct storage *st;

    if (l->snapshot.len == 0)
        return;
    o.files = NULL;
    buf_addf(&dir, "%s/snapshots/%s/tsdb", l->root, l->snapshot.p);
    st = must_open(dir.p, &o, NULL);
    look(l, st, more_allowed);
    must_close(st);
    buf_free(&dir);
}

/* Carries a life out with the n-th call failing; returns how many calls there were. */
static unsigned live_and_look(unsigned n, enum fault_kind kind, int error, dur_ms fsync_interval)
{
    struct life l;
    struct storage *st;
    struct storage_stats stats;
    struct err err = {0};
    unsigned calls;
    bool forever = kind == FAIL_FROM_THEN_ON;

    life_init(&l, n, kind, error, fsync_interval);
    live(&l);
    calls = l.faulty.calls;
    if (l.st) {
        storage_stats(l.st, &stats);
        assert_true(n > 0 || stats.merges > 0);
        look(&l, l.st, false); /* while it lives */
        look_at_snapshot(&l, forever);
        assert_true(forever || l.refused <= 1);
        if (l.refused > 0)
            look_at_copy(&l, forever);
        if (forever) { /* there is room again: it goes on */
            l.faulty.fail_at = 0;
            life_step(&l, STEPS);
            must_tick(l.st);
            storage_stats(l.st, &stats);
            assert_true(l.acknowledged[STEPS]);
            assert_string_equal(stats.problem, "");
            l.faulty.fail_at = 1;
        }
        (void)storage_close(l.st, &err);
    }
    l.o.files = NULL;
    st = must_open(l.dir, &l.o, NULL);
    /* When not even cutting off what was half written was possible, a refused commit may be there.
     */
    look(&l, st, forever);
    must_close(st);
    life_deinit(&l);
    return calls;
}

static void fail_every_call(enum fault_kind kind, int error, dur_ms fsync_interval)
{
    unsigned all = live_and_look(0, FAIL_ONCE, error, fsync_interval);

    assert_true(all > 100);
    /* The calls after the first hundred are much alike: every ninth of them. */
    for (unsigned n = 1; n <= all; n += n < 100 ? 1 : 9)
        live_and_look(n, kind, error, fsync_interval);
}

static void a_call_that_fails_once_loses_nothing(void **state)
{
    fail_every_call(FAIL_ONCE, -EIO, SECOND);
}

static void a_disk_that_is_full_for_a_moment_loses_nothing(void **state)
{
    fail_every_call(FAIL_ONCE_HALF_WRITTEN, -ENOSPC, SECOND);
}

static void a_disk_that_stays_full_refuses_and_goes_on_when_there_is_room(void **state)
{
    fail_every_call(FAIL_FROM_THEN_ON, -ENOSPC, SECOND);
}

static void a_commit_whose_sync_fails_is_refused_as_a_whole(void **state)
{
    fail_every_call(FAIL_ONCE, -EIO, 0);
}

static void a_record_half_written_is_cut_off_at_once(void **state)
{
    struct sample_row row = {0, T0, 1, NULL};
    struct buf path = {0};
    struct err err = {0};
    struct life l;
    struct stat st;
    off_t before;

    life_init(&l, 0, FAIL_ONCE_HALF_WRITTEN, -ENOSPC, SECOND);
    life_open(&l);
    row.ref = ref_of(l.st, l.labels[0]);
    assert_int_equal(put(l.st, row.ref, T0, 1), SAMPLE_STORED);
    buf_addf(&path, "%s/log/00000001", l.dir);
    assert_int_equal(stat(path.p, &st), 0);
    before = st.st_size;
    row.t = T0 + 1;
    l.faulty.fail_at = l.faulty.calls + 1;
    assert_int_equal(commit(l.st, &row, 1, COMMIT_SKIP_BAD, NULL, &err), -ENOSPC);
    assert_int_equal(stat(path.p, &st), 0);
    assert_int_equal(st.st_size, before);
    must_close(l.st);
    buf_free(&path);
    life_deinit(&l);
}

static int64_t room;

static int64_t room_left(void *self, const char *path)
{
    return room;
}

static void commits_are_refused_while_less_is_free_than_is_kept_for_others(void **state)
{
    struct storage_stats stats;
    struct err err = {0};
    struct sample_row row;
    struct life l;

    life_init(&l, 0, FAIL_ONCE, -ENOSPC, SECOND);
    l.ops.free_bytes = room_left;
    l.o.kept_free = 1000;
    room = 1000;
    life_open(&l);
    row = (struct sample_row){ref_of(l.st, l.labels[0]), T0, 1, NULL};
    assert_int_equal(commit(l.st, &row, 1, COMMIT_SKIP_BAD, NULL, &err), 0);
    room = 999;
    row.t++;
    assert_int_equal(commit(l.st, &row, 1, COMMIT_SKIP_BAD, NULL, &err), -ENOSPC);
    assert_non_null(strstr(err.msg, "is full"));
    storage_stats(l.st, &stats);
    assert_true(stats.stopped);
    room = -EIO; /* not known: then it is tried */
    assert_int_equal(commit(l.st, &row, 1, COMMIT_SKIP_BAD, NULL, &err), 0);
    storage_stats(l.st, &stats);
    assert_false(stats.stopped);
    must_close(l.st);
    life_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_fails_once_loses_nothing),
        cmocka_unit_test(a_disk_that_is_full_for_a_moment_loses_nothing),
        cmocka_unit_test(a_disk_that_stays_full_refuses_and_goes_on_when_there_is_room),
        cmocka_unit_test(a_record_half_written_is_cut_off_at_once),
        cmocka_unit_test(a_commit_whose_sync_fails_is_refused_as_a_whole),
        cmocka_unit_test(commits_are_refused_while_less_is_free_than_is_kept_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
