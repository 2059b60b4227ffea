/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child appends and tells through a pipe what was acknowledged; it is killed at a random moment,
 * among others while it cuts a block or writes an image. Every acknowledged sample is there, no
 * commit is there in part, and nothing has to be repaired but the torn end of the log.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define SERIES 40
#define ROUNDS 60

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

/* Returns the newest step that is there, which all series have. */
static int64_t look(const char *dir, int64_t acknowledged)
{
    struct storage_options o = manual_options();
    struct buf report = {0};
    struct storage *st = must_open(dir, &o, &report);
    struct selection *s = pick(st, MATCH_EQ, "__name__", "m", INT64_MIN, INT64_MAX);
    struct columns c = {0};
    size_t n = 0;

    if (report.len > 0 && !strstr(report.p, "cut off"))
        fail_msg("the report says: %s", report.p);
    assert_int_equal(s->n, SERIES);
    for (size_t i = 0; i < s->n; i++) {
        struct str text = label_set_get(s->labels[i], STR("i"));
        int series = text.len == 1 ? text.p[0] - '0' : 10 * (text.p[0] - '0') + text.p[1] - '0';

        read_series(s, i, INT64_MIN, INT64_MAX, &c);
        if (i == 0)
            n = c.n;
        assert_int_equal(c.n, n); /* no commit in part */
        assert_true((int64_t)c.n > acknowledged);
        for (size_t k = 0; k < c.n; k++)
            if (c.times[k] != T0 + (unix_ms)k * MINUTE / 2 ||
                c.values[k] != value_of((int64_t)k, series))
                fail_msg("series %d: sample %zu is not what was put there", series, k);
    }
    columns_deinit(&c);
    s->reader->release(s);
    must_close(st);
    buf_free(&report);
    return (int64_t)n - 1;
}

static void every_acknowledged_sample_survives_kill_9(void **state)
{
    char *dir = folder_new();
    struct dice d = {(uint64_t)getpid()};
    int64_t last = -1, cuts = 0;

    make_labels();
    for (int round = 0; round < ROUNDS; round++) {
        int64_t acknowledged = live_and_kill(dir, last + 1, (int)dice_below(&d, 40000));

        if (round % 3 == 2) /* else the next child finds what this one left */
            last = look(dir, acknowledged);
        else
            last = acknowledged; /* commits the same once more what may have come after it: that is
                                    no fault */
        cuts = last / 240;
    }
    last = look(dir, last);
    print_message("%lld steps, about %lld cuts\n", (long long)last, (long long)cuts);
    folder_remove(dir);
    free(dir);
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
