/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers, readers and the background work at the same time: nobody sees half a commit, and a
 * selection shows the same however long it is kept. Worth most in a build with the thread
 * sanitizer.
 */
#include "tests/unit/storage/storage_fixture.h"

#include <stdatomic.h>
#include <string.h>

#include "base/thread.h"

#define WRITERS 3
#define READERS 2
#define SERIES  20   /* of each writer */
#define STEPS   1500 /* minutes */

/* In threads, where cmocka's own would jump into another thread's stack. */
#define check(x) ((x) ? (void)0 : (fprintf(stderr, "line %d: %s\n", __LINE__, #x), abort()))

struct shared {
    struct storage *st;
    struct label_set *labels[WRITERS][SERIES];
    _Atomic int64_t at[WRITERS]; /* never far apart: else samples would be out of bounds */
    atomic_int writing;
    atomic_int next_writer;
};

static void write_steps(void *arg)
{
    struct shared *sh = arg;
    int w = sh->next_writer++;

    for (int64_t step = 0; step < STEPS; step++) {
        struct sample_row rows[SERIES];
        enum sample_verdict verdicts[SERIES];
        struct err err = {0};

        sh->at[w] = step;
        for (int other = 0; other < WRITERS; other++)
            while (step > sh->at[other] + 30)
                usleep(100);
        for (int i = 0; i < SERIES; i++)
            rows[i] = (struct sample_row){ref_of(sh->st, sh->labels[w][i]), T0 + step * MINUTE,
                                          (double)step, NULL};
        check(commit(sh->st, rows, SERIES, COMMIT_SKIP_BAD, verdicts, &err) == 0);
        for (int i = 0; i < SERIES; i++)
            check(verdicts[i] == SAMPLE_STORED);
    }
    sh->at[w] = STEPS;
    sh->writing--;
}

/* All series of a writer end at the same sample. */
static void look(struct shared *sh, int w, struct columns *c)
{
    char name[16];
    struct selection *s;
    double last = -1;

    snprintf(name, sizeof name, "m%d", w);
    s = pick(sh->st, MATCH_EQ, "__name__", name, INT64_MIN, INT64_MAX);
    for (int twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < s->n; i++) {
            read_series(s, i, INT64_MIN, INT64_MAX, c);
            check(c->n > 0);
            if (i == 0 && twice == 0)
                last = c->values[c->n - 1];
            check(c->values[c->n - 1] == last);
            check(c->n == (size_t)last + 1);
            for (size_t k = 0; k < c->n; k++)
                check(c->values[k] == (double)k && c->times[k] == T0 + (unix_ms)k * MINUTE);
        }
    check(s->n == SERIES || s->n == 0);
    s->reader->release(s);
}

static void read_steps(void *arg)
{
    struct shared *sh = arg;
    struct columns c = {0};

    while (sh->writing > 0) {
        for (int w = 0; w < WRITERS; w++)
            look(sh, w, &c);
        usleep(500);
    }
    columns_deinit(&c);
}

static void nobody_sees_half_a_commit(void **state)
{
    char *dir = folder_new();
    struct storage_options o = manual_options();
    struct thread writers[WRITERS], readers[READERS];
    struct shared sh = {.st = must_open(dir, &o, NULL), .writing = WRITERS};
    struct columns c = {0};
    struct storage_stats stats;

    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < SERIES; i++) {
            char name[16], text[16];

            snprintf(name, sizeof name, "m%d", w);
            snprintf(text, sizeof text, "%d", i);
            sh.labels[w][i] = labels_of("__name__", name, "i", text, NULL);
        }
    for (int i = 0; i < WRITERS; i++)
        thread_start(&writers[i], "writer", write_steps, &sh);
    for (int i = 0; i < READERS; i++)
        thread_start(&readers[i], "reader", read_steps, &sh);
    while (sh.writing > 0) {
        must_tick(sh.st);
        usleep(2000);
    }
    for (int i = 0; i < WRITERS; i++)
        thread_join(&writers[i]);
    for (int i = 0; i < READERS; i++)
        thread_join(&readers[i]);
    must_tick(sh.st);
    for (int w = 0; w < WRITERS; w++) {
        look(&sh, w, &c);
        assert_int_equal(c.n, STEPS);
    }
    storage_stats(sh.st, &stats);
    assert_true(stats.cuts > 5);
    columns_deinit(&c);
    must_close(sh.st);
    for (int w = 0; w < WRITERS; w++)
        for (int i = 0; i < SERIES; i++)
            label_set_unref(sh.labels[w][i]);
    folder_remove(dir);
    free(dir);
}

static void its_own_threads_sync_and_stop(void **state)
{
    char *dir = folder_new();
    struct storage_options o = manual_options();
    struct storage_stats stats = {0};
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_of("__name__", "m", NULL);
    struct storage *st;

    o.manual = false;
    o.fsync_interval = 10;
    st = must_open(dir, &o, NULL);
    assert_int_equal(put(st, ref_of(st, labels), T0, 1), SAMPLE_STORED);
    for (int i = 0; i < 500 && stats.fsyncs == 0; i++) {
        usleep(10000);
        storage_stats(st, &stats);
    }
    assert_true(stats.fsyncs > 0);
    must_close(st);
    folder_remove(dir);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_sees_half_a_commit),
        cmocka_unit_test(its_own_threads_sync_and_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
