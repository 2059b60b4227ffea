/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/thread.h"
#include "state/state.h"

static char folder[64], path[96];

static int fresh_folder(void **unused)
{
    strcpy(folder, "/tmp/tocsin-state-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state.db", folder);
    return 0;
}

static int remove_folder(void **unused)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static struct state *open_state(void)
{
    struct state *s = NULL;
    char *report = NULL;
    struct err err = {0};

    assert_int_equal(state_open(path, &s, &report, &err), 0);
    assert_null(report);
    return s;
}

static int put(struct state *s, const char *table, const char *key, const char *value)
{
    struct keeper k = state_keeper(s);
    struct keeper_op op = {table, str_c(key), str_c(value)};

    return k.write(k.self, &op, 1, NULL);
}

static int add_record(struct str key, struct str value, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%.*s=%.*s;", STR_ARG(key), STR_ARG(value));
    return 0;
}

/* "key=value;" of all records of a table, valid until the next call */
static const char *contents(struct state *s, const char *table)
{
    static struct buf out;
    struct keeper k = state_keeper(s);

    buf_reset(&out);
    buf_add_c(&out, "");
    assert_int_equal(k.each(k.self, table, add_record, &out, NULL), 0);
    return out.len ? out.p : "";
}

static void a_table_is_read_in_order_of_keys_and_survives_a_restart(void **unused)
{
    struct state *s = open_state();

    assert_int_equal(put(s, "alert", "b", "2"), 0);
    assert_int_equal(put(s, "alert", "a", "1"), 0);
    assert_int_equal(put(s, "outbox", "a", "other"), 0);
    assert_int_equal(put(s, "alert", "b", "22"), 0);
    assert_string_equal(contents(s, "alert"), "a=1;b=22;");
    assert_int_equal(put(s, "alert", "a", NULL), 0);
    state_close(s);
    s = open_state();
    assert_string_equal(contents(s, "alert"), "b=22;");
    assert_string_equal(contents(s, "outbox"), "a=other;");
    state_close(s);
}

static void an_empty_value_is_a_record_and_not_a_deletion(void **unused)
{
    struct state *s = open_state();

    assert_int_equal(put(s, "t", "k", ""), 0);
    assert_string_equal(contents(s, "t"), "k=;");
    state_close(s);
}

static int stop_at_first(struct str key, struct str value, void *arg)
{
    return 7;
}

static void each_stops_when_told_and_hands_the_answer_back(void **unused)
{
    struct state *s = open_state();
    struct keeper k = state_keeper(s);

    put(s, "t", "a", "1");
    assert_int_equal(k.each(k.self, "t", stop_at_first, NULL, NULL), 7);
    assert_int_equal(put(s, "t", "b", "2"), 0); /* the database was given back */
    state_close(s);
}

/* Every acknowledged pair has to be there after kill -9, and both halves of it. */
static void what_was_acknowledged_survives_kill_and_is_never_half_there(void **unused)
{
    for (int round = 0; round < 5; round++) {
        int ack[2], last = -1, n;
        pid_t child;
        struct state *s;

        assert_int_equal(pipe(ack), 0);
        child = fork();
        if (child == 0) {
            char *report;

            if (state_open(path, &s, &report, NULL) < 0)
                _exit(1);
            for (int i = 0;; i++) {
                char key[16];
                struct keeper k = state_keeper(s);
                struct keeper_op ops[2] = {{"left", STR_NONE, STR("x")},
                                           {"right", STR_NONE, STR("x")}};

                ops[0].key = ops[1].key = str_n(key, (size_t)snprintf(key, sizeof key, "%08d", i));
                if (k.write(k.self, ops, 2, NULL) < 0 || write(ack[1], &i, sizeof i) < 0)
                    _exit(1);
            }
        }
        close(ack[1]);
        for (int i = 0; i < 20 + 13 * round && read(ack[0], &n, sizeof n) == sizeof n; i++)
            last = n;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(ack[0], &n, sizeof n) == sizeof n)
            last = n;
        close(ack[0]);
        assert_true(last >= 19);

        s = open_state();
        for (int i = 0; i <= last; i++) {
            char record[16];

            snprintf(record, sizeof record, "%08d=x;", i);
            assert_non_null(strstr(contents(s, "left"), record));
        }
        char *left = strdup(contents(s, "left"));
        assert_string_equal(left, contents(s, "right"));
        free(left);
        state_close(s);
    }
}

struct writer {
    struct state *s;
    int number;
    struct thread thread;
};

static void write_fifty(void *arg)
{
    struct writer *w = arg;

    for (int i = 0; i < 50; i++) {
        char key[16];

        snprintf(key, sizeof key, "%02d-%02d", w->number, i);
        must(put(w->s, "many", key, "v") == 0);
    }
}

static void threads_share_transactions_and_lose_nothing(void **unused)
{
    struct writer writers[8];
    struct state *s = open_state();

    for (int i = 0; i < 8; i++) {
        writers[i] = (struct writer){.s = s, .number = i};
        thread_start(&writers[i].thread, "writer", write_fifty, &writers[i]);
    }
    for (int i = 0; i < 8; i++)
        thread_join(&writers[i].thread);
    assert_int_equal(strlen(contents(s, "many")), 8 * 50 * strlen("00-00=v;"));
    state_close(s);
}

static void a_second_process_is_refused_with_words(void **unused)
{
    struct state *s = open_state(), *second = NULL;
    char *report = NULL;
    struct err err = {0};

    assert_true(state_open(path, &second, &report, &err) < 0);
    assert_non_null(strstr(err.msg, "in use by another process"));
    assert_non_null(strstr(err.msg, path));
    state_close(s);
}

static void others_cannot_read_the_file(void **unused)
{
    struct state *s = open_state();
    struct stat st;

    put(s, "t", "k", "v");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0);
    state_close(s);
}

static void a_damaged_file_is_kept_aside_and_a_new_one_begun(void **unused)
{
    struct state *s = open_state();
    char *report = NULL;
    struct err err = {0};
    int fd;

    for (int i = 0; i < 200; i++) {
        char key[16];

        snprintf(key, sizeof key, "%d", i);
        put(s, "t", key,
            "some text that fills the pages of the file with something to be found damaged");
    }
    state_close(s);
    fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < 16384; at += 64)
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, at), 4);
    close(fd);
    assert_int_equal(state_open(path, &s, &report, &err), 0);
    assert_non_null(report);
    assert_non_null(strstr(report, "damaged"));
    assert_string_equal(contents(s, "t"), "");
    assert_int_equal(put(s, "t", "k", "v"), 0);
    state_close(s);
    free(report);
}

static void a_file_that_is_no_database_is_kept_aside_too(void **unused)
{
    struct state *s = NULL;
    char *report = NULL;
    FILE *f = fopen(path, "w");

    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", f);
    fclose(f);
    assert_int_equal(state_open(path, &s, &report, NULL), 0);
    assert_non_null(report);
    state_close(s);
    free(report);
}

static void a_newer_schema_is_refused_and_left_alone(void **unused)
{
    struct state *s = open_state();
    char *report = NULL, command[256];
    struct err err = {0};

    state_close(s);
    /* user_version is the big-endian number at byte 60 of the file */
    snprintf(command, sizeof command,
             "printf '\\000\\000\\000\\011' | dd of=%s bs=1 seek=60 conv=notrunc 2>/dev/null",
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(state_open(path, &s, &report, &err), -EPROTO);
    assert_non_null(strstr(err.msg, "schema 9"));
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_folder, remove_folder)
        T(a_table_is_read_in_order_of_keys_and_survives_a_restart),
        T(an_empty_value_is_a_record_and_not_a_deletion),
        T(each_stops_when_told_and_hands_the_answer_back),
        T(what_was_acknowledged_survives_kill_and_is_never_half_there),
        T(threads_share_transactions_and_lose_nothing),
        T(a_second_process_is_refused_with_words),
        T(others_cannot_read_the_file),
        T(a_damaged_file_is_kept_aside_and_a_new_one_begun),
        T(a_file_that_is_no_database_is_kept_aside_too),
        T(a_newer_schema_is_refused_and_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
