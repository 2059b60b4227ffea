/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child appends, deletes and tells through a pipe what was acknowledged; it is killed at a random
 * moment, among others while it cuts, merges or cleans blocks, writes an image or makes a snapshot.
 * Every acknowledged sample is there and none that was deleted, no commit is there in part, and
 * nothing has to be repaired but the torn end of the log. What a snapshot has is whole, too.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "storage/storage_priv.h"

#define SERIES 40
#define ROUNDS 60

/* Every so many steps a few of one series, some hours back, are deleted; all are cleaned; a snapshot
 * is made. */
#define DELETED_SERIES 4
#define DELETE_EVERY   90
#define DELETE_FROM    400 /* steps back */
#define DELETE_STEPS   40
#define CLEAN_EVERY    700
#define SNAPSHOT_EVERY 1200

static struct label_set *labels[SERIES];

static void make_labels(void)
{
    for (int i = 0; i < SERIES; i++) {
        char text[8];

        snprintf(text, sizeof text, "%d", i);
        labels[i] = labels_of("__name__", "m", "i", text, NULL);
    }
}

static double value_of(int64_t step, int series)
{
    return series % 3 == 0   ? 1
           : series % 3 == 1 ? (double)step * series
                             : (double)(step * 7 % 1000) / 10;
}

/* Whether step `at` is deleted by what is done up to `step`. */
static bool is_deleted(int series, int64_t at, int64_t step)
{
    if (series != DELETED_SERIES)
        return false;
    for (int64_t s = at; s <= step && s <= at + DELETE_FROM; s++)
        if (s % DELETE_EVERY == DELETE_EVERY - 1 && at >= s - DELETE_FROM &&
            at < s - DELETE_FROM + DELETE_STEPS)
            return true;
    return false;
}

static void delete_some(struct storage *st, int64_t step)
{
    CLEANUP(matcher_freep) struct matcher *m = NULL;
    unix_ms from = T0 + (step - DELETE_FROM) * MINUTE / 2;
    struct err err = {0};

    if (matcher_new(MATCH_EQ, STR("i"), STR("4"), &m, &err) < 0 ||
        storage_delete(st, (const struct matcher *const *)&m, 1, from,
                       from + DELETE_STEPS * MINUTE / 2 - 1, &err) < 0)
        _exit(6);
}

/* Deletes before the step is acknowledged; the rest is not waited for. */
static void other_works(struct storage *st, int64_t step)
{
    struct buf name = {0};
    struct err err = {0};

    if (step % DELETE_EVERY == DELETE_EVERY - 1)
        delete_some(st, step);
    if (step % CLEAN_EVERY == CLEAN_EVERY - 1 && storage_clean_tombstones(st, &err) < 0)
        _exit(7);
    if (step % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1 && storage_snapshot(st, false, &name, &err) < 0)
        _exit(8);
    buf_free(&name);
}

/* Steps are half a minute. Commits of all series; from time to time a turn of the background work,
 * in the same thread so that a kill meets it. Never returns. */
static void child(const char *dir, int pipe_fd, int64_t step)
{
    struct storage_options o = manual_options();
    struct storage *st = must_open(dir, &o, NULL);

    for (;; step++) {
        struct sample_row rows[SERIES];
        enum sample_verdict verdicts[SERIES];
        struct err err = {0};

        for (int i = 0; i < SERIES; i++)
            rows[i] = (struct sample_row){ref_of(st, labels[i]), T0 + step * MINUTE / 2,
                                          value_of(step, i), NULL};
        if (commit(st, rows, SERIES, COMMIT_SKIP_BAD, verdicts, &err) < 0)
            _exit(3);
        for (int i = 0; i < SERIES; i++)
            if (verdicts[i] != SAMPLE_STORED && verdicts[i] != SAMPLE_SAME)
                _exit(4);
        other_works(st, step);
        if (write(pipe_fd, &step, sizeof step) != sizeof step)
            _exit(5);
        if (step % 50 == 49)
            (void)storage_tick(st, &err);
    }
}

/* Lets the child live for so long; returns the last step that it was told was stored. */
static int64_t live_and_kill(const char *dir, int64_t next, int micros)
{
    int64_t step, last = next - 1;
    int fds[2], status;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child(dir, fds[1], next);
    }
    close(fds[1]);
    if (read(fds[0], &step, sizeof step) == sizeof step) { /* it is open and at work */
        last = step;
        usleep((useconds_t)micros);
    }
    kill(pid, SIGKILL);
    while (read(fds[0], &step, sizeof step) == sizeof step)
        last = step;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

/* Steps of one series, in order, without those that are deleted. Returns how many steps there are. */
static int64_t look_at_series(const struct columns *c, int series, int64_t acknowledged)
{
    int64_t step = 0;

    for (size_t k = 0; k < c->n; k++, step++) {
        while (c->times[k] != T0 + step * MINUTE / 2) {
            /* a delete of the step that was not acknowledged may have been carried out */
            if (!is_deleted(series, step, acknowledged + 1))
                fail_msg("series %d: step %lld is missing or doubled", series, (long long)step);
            step++;
        }
        if (is_deleted(series, step, acknowledged))
            fail_msg("series %d: step %lld is deleted and is there", series, (long long)step);
        if (c->values[k] != value_of(step, series))
            fail_msg("series %d: step %lld is not what was put there", series, (long long)step);
    }
    return step;
}

/* Returns the newest step that is there, which all series have. A commit that was not acknowledged
 * may be there. Less than -1: what is there was acknowledged. */
static int64_t look(const char *dir, int64_t acknowledged, int64_t *ret_merges)
{
    struct storage_options o = manual_options();
    struct buf report = {0};
    struct storage *st = must_open(dir, &o, &report);
    struct selection *s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    int64_t n = 0;

    if (report.len > 0 && !strstr(report.p, "cut off"))
        fail_msg("the report says: %s", report.p);
    assert_int_equal(s->n, SERIES);
    for (size_t i = 0; i < s->n; i++) {
        struct str text = label_set_get(s->labels[i], STR("i"));
        int series = text.len == 1 ? text.p[0] - '0' : 10 * (text.p[0] - '0') + text.p[1] - '0';
        int64_t steps;

        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        if (acknowledged < -1)
            acknowledged = (c.times[c.n - 1] - T0) / (MINUTE / 2);
        steps = look_at_series(&c, series, acknowledged);
        n = i == 0 ? steps : n;
        assert_int_equal(steps, n); /* no commit in part */
        assert_true(steps > acknowledged);
    }
    for (size_t i = 0; ret_merges && i < st->views.current->n_blocks; i++)
        *ret_merges += st->views.current->blocks[i]->info.level > 1;
    columns_deinit(&c);
    s->reader->release(s);
    must_close(st);
    buf_free(&report);
    return n - 1;
}

/* Each is a storage of its own that ends with the step before the one at which it was made. */
static int look_at_snapshots(const char *root)
{
    struct buf path = {0};
    const struct dirent *e;
    int n = 0;
    DIR *d;

    buf_addf(&path, "%s/snapshots", root);
    d = opendir(path.p);
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        if (str_has_suffix(str_c(e->d_name), STR(".tmp")))
            fail_msg("%s was not removed at the start", e->d_name);
        buf_reset(&path);
        buf_addf(&path, "%s/snapshots/%s/tsdb", root, e->d_name);
        assert_int_equal((look(path.p, -2, NULL) + 1) % SNAPSHOT_EVERY, 0);
        n++;
    }
    if (d)
        closedir(d);
    buf_free(&path);
    return n;
}

static void every_acknowledged_sample_survives_kill_9(void **state)
{
    char *root = folder_new();
    struct dice d = {(uint64_t)getpid()};
    int64_t done = -1, next = 0, merges = 0, last;
    struct buf dir = {0};
    int snapshots;

    buf_addf(&dir, "%s/tsdb", root);
    make_labels();
    for (int round = 0; round < ROUNDS; round++) {
        done = live_and_kill(dir.p, next, (int)dice_below(&d, 40000));
        next = done + 1;    /* commits the same once more what may have come after it */
        if (round % 3 == 2) /* else the next child finds what this one left */
            next = look(dir.p, done, NULL);
    }
    last = look(dir.p, done, &merges);
    snapshots = look_at_snapshots(root);
    print_message("%lld steps, %lld blocks of merges, %d snapshots\n", (long long)last,
                  (long long)merges, snapshots);
    folder_remove(root);
    free(root);
    buf_free(&dir);
    for (int i = 0; i < SERIES; i++)
        label_set_unref(labels[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_acknowledged_sample_survives_kill_9),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
