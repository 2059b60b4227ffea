/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "probes/process_scan_priv.h"
#include "tests/unit/probes/checking.h"

#define PATIENCE 5000
#define BOOT     1000000 /* Unix time at which the machine of the folder began */

static char folder[64]; /* stands for /proc */

/* ---- a /proc of our own -------------------------------------------------------------------- */

static void put_file(const char *name, struct str text)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path.p, text, NULL), 0);
}

/* fds < 0: we may not see them. Counts are 10 and 20 ticks of CPU, 3 threads, 4096 bytes, 2 pages. */
static void put_process(int pid, const char *name, char state, int start_ticks, const char *command,
                        size_t command_len, int fds)
{
    char path[128], text[256];

    snprintf(path, sizeof path, "%s/%d", folder, pid);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%d/stat", pid);
    snprintf(
        text, sizeof text,
        "%d (%s) %c 1 2 3 4 5 6 7 8 9 10 10 20 0 0 20 0 3 0 %d 4096 2 18446744073709551615 1 2\n",
        pid, name, state, start_ticks);
    put_file(path, str_c(text));
    snprintf(path, sizeof path, "%d/cmdline", pid);
    put_file(path, str_n(command, command_len));
    snprintf(path, sizeof path, "%d/limits", pid);
    snprintf(text, sizeof text,
             "Limit      Soft Limit   Hard Limit  Units\nMax open files   %d   4096   files\n",
             1000 + start_ticks);
    put_file(path, str_c(text));
    if (fds < 0)
        return;
    snprintf(path, sizeof path, "%s/%d/fd", folder, pid);
    assert_int_equal(mkdir(path, 0700), 0);
    for (int i = 0; i < fds; i++) {
        snprintf(path, sizeof path, "%d/fd/%d", pid, i);
        put_file(path, STR(""));
    }
}

static int make_folder(void **state)
{
    char text[64];

    snprintf(folder, sizeof folder, "/tmp/tocsin-test-proc-%d", (int)getpid());
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(text, sizeof text, "cpu 1 2 3\nbtime %d\nprocesses 9\n", BOOT);
    put_file("stat", str_c(text));
    put_process(10, "nginx", 'S', 500, "nginx: master\0", 14, 3);
    put_process(11, "nginx", 'S', 200, "nginx: worker\0", 14, 2);
    put_process(12, "nginx", 'Z', 100, "", 0, 0);
    put_process(20, "odd) (x y", 'S', 1, "/opt/a b/odd\0--x\0", 17, 1);
    put_process(30, "a-very-long-nam", 'S', 1, "/bin/a-very-long-name\0-v\0", 25, 1);
    put_process(31, "a-very-long-nam", 'S', 1, "/bin/a-very-long-names\0", 23, 1);
    put_process(60, "three", 'S', 300, "", 0, 1); /* the oldest is neither first nor last */
    put_process(61, "three", 'S', 100, "", 0, 1);
    put_process(62, "three", 'S', 200, "", 0, 1);
    put_process(40, "java", 'R', 1, "java\0-jar\0orders.jar\0", 21, -1);
    return 0;
}

static int drop_folder(void **state)
{
    file_remove_tree(folder);
    buf_free(&page);
    return 0;
}

static struct regex *pattern(const char *text)
{
    struct regex *r;

    assert_int_equal(regex_new(str_c(text), REGEX_SEARCH, &r, NULL), 0);
    return r;
}

static void processes_are_found_by_name_and_command_line(void **state)
{
    static const struct {
        const char *name, *command_line;
        size_t count;
    } cases[] = {
        {"nginx", NULL, 2},            /* the zombie does not count */
        {"odd) (x y", NULL, 1},        /* as the kernel has it */
        {"odd", NULL, 1},              /* as it was called */
        {"a-very-long-name", NULL, 1}, /* longer than the kernel keeps */
        {"a-very-long-nam", NULL, 2},
        {"ngin", NULL, 0},
        {"orders.jar", NULL, 0},
        {NULL, "java -jar orders[.]jar$", 1}, /* words with blanks between */
        {NULL, "worker", 1},
        {"nginx", "worker|java", 1},
        {"java", "worker", 0},
        {NULL, "^nothing$", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(regex_freep)
        struct regex *re = cases[i].command_line ? pattern(cases[i].command_line) : NULL;
        const struct process_filter f = {.name = cases[i].name, .command_line = re};
        struct process_facts facts;
        struct err why = {0};

        assert_int_equal(process_scan(folder, &f, &facts, &why), 0);
        if (facts.count != cases[i].count)
            fail_msg("case %zu: %zu", i, facts.count);
        assert_int_equal(facts.count == 0, why.code == -ESRCH);
    }
}

static void facts_are_those_of_all_together(void **state)
{
    const struct process_filter nginx = {.name = "nginx"}, java = {.name = "java"},
                                three = {.name = "three"};
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    struct process_facts f;

    assert_int_equal(process_scan(folder, &nginx, &f, NULL), 0);
    assert_true(fabs(f.start_seconds - (BOOT + 200 * tick)) < 1e-6); /* of the oldest */
    assert_true(fabs(f.cpu_seconds - 60 * tick) < 1e-9);
    assert_true(f.virtual_bytes == 8192);
    assert_true(f.resident_bytes == 4.0 * (double)sysconf(_SC_PAGESIZE));
    assert_int_equal(f.threads, 6);
    assert_int_equal(f.n_fds, 2);
    assert_int_equal(f.open_fds, 5);
    assert_true(f.max_fds == 1200); /* of the one that may have fewer */
    assert_int_equal(process_scan(folder, &three, &f, NULL), 0);
    assert_true(fabs(f.start_seconds - (BOOT + 100 * tick)) < 1e-6);
    assert_true(f.max_fds == 1100);
    assert_int_equal(process_scan(folder, &java, &f, NULL), 0);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.n_fds, 0);
}

static void a_stat_that_is_cut_or_garbled_is_no_process(void **state)
{
    static const char *const bad[] = {
        "",
        "50",
        "50 (x",
        "50 )x( S",
        "50 (x)",
        "50 (x) S 1 2 3",
        "50 (x) S 1 2 3 4 5 6 7 8 9 10 a 20 0 0 20 0 3 0 1 4096 2\n",
    };
    const struct process_filter f = {.name = "x"};
    struct process_facts facts;

    put_process(50, "x", 'S', 1, "x\0", 2, 0);
    assert_int_equal(process_scan(folder, &f, &facts, NULL), 0);
    assert_int_equal(facts.count, 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put_file("50/stat", str_c(bad[i]));
        assert_int_equal(process_scan(folder, &f, &facts, NULL), 0);
        if (facts.count)
            fail_msg("\"%s\" is a process", bad[i]);
    }
}

/* ---- pid files ----------------------------------------------------------------------------- */

static void pid_file_says(char *path, size_t size, const char *text)
{
    snprintf(path, size, "%s/pid", folder);
    put_file("pid", str_c(text));
}

static void a_pid_file_may_be_missing_garbage_or_stale(void **state)
{
    static const struct {
        const char *text, *words; /* words NULL: there is one */
    } cases[] = {
        {"10\n", NULL},
        {" 10 \nmore\n", NULL},
        {"", "no number of a process in it"},
        {"nginx\n", "no number of a process in it"},
        {"0\n", "no number of a process in it"},
        {"-10\n", "no number of a process in it"},
        {"99999999999\n", "no number of a process in it"},
        {"13\n", "there is no process 13"},
        {"12\n", "there is no process 12"}, /* a zombie */
    };
    char path[80];
    struct process_filter f = {.pid_file = path};
    struct process_facts facts;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err why = {0};

        pid_file_says(path, sizeof path, cases[i].text);
        assert_int_equal(process_scan(folder, &f, &facts, &why), 0);
        assert_int_equal(facts.count, cases[i].words == NULL);
        if (cases[i].words && !strstr(why.msg, cases[i].words))
            fail_msg("\"%s\": %s", cases[i].text, why.msg);
    }
    f.name = "java"; /* the number is that of another one */
    pid_file_says(path, sizeof path, "10\n");
    assert_int_equal(process_scan(folder, &f, &facts, NULL), 0);
    assert_int_equal(facts.count, 0);
    unlink(path);
    assert_int_equal(process_scan(folder, &f, &facts, NULL), 0);
    assert_int_equal(facts.count, 0);
}

static void without_a_proc_nothing_is_known(void **state)
{
    const struct process_filter f = {.name = "x"};
    struct process_facts facts = {.count = 7};
    struct err why = {0};

    assert_int_equal(process_scan("/nonexistent", &f, &facts, &why), -ENOENT);
    assert_int_equal(facts.count, 7);
}

/* ---- real processes ------------------------------------------------------------------------ */

/* A child that waits until it is killed, under a name of its own. */
static pid_t begin_child(const char *name)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        if (write(ready[1], "", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void check(const struct config_process_check *c, const char *address)
{
    const struct config_scrape job = {.kind = JOB_PROCESS_CHECK, .process_check = c};

    check_target(&probe_process_check_source, &job, address, PATIENCE);
}

#ifdef __SANITIZE_THREAD__
#define CHILD_THREADS 2 /* one is the sanitizer's */
#else
#define CHILD_THREADS 1
#endif

static void a_child_is_up_until_it_ends(void **state)
{
    const struct config_process_check c = {.name = "tocsin-child-x"};
    pid_t first = begin_child("tocsin-child-x"), second = begin_child("tocsin-child-x");
    double start, value;

    check(&c, "localhost");
    assert_value("probe_success", 1);
    assert_value("process_up", 1);
    assert_value("process_count", 2);
    assert_value("process_threads", 2 * CHILD_THREADS);
    assert_true(page_value(buf_str(&page), "process_start_time_seconds", &start));
    assert_true(fabs(start - (double)time(NULL)) < 60);
    assert_true(page_value(buf_str(&page), "process_resident_memory_bytes", &value) && value > 0);
    assert_true(page_value(buf_str(&page), "process_virtual_memory_bytes", &value) && value > 0);
    assert_true(page_value(buf_str(&page), "process_cpu_seconds_total", &value));
    assert_true(page_value(buf_str(&page), "process_open_fds", &value) && value > 2);
    assert_true(page_value(buf_str(&page), "process_max_fds", &value) && value > 2);
    end_child(first);
    check(&c, "localhost");
    assert_value("process_count", 1);
    end_child(second);
    check(&c, "localhost");
    assert_failed_at("process", "no process is the one that is looked for");
    assert_value("process_up", 0);
    assert_value("process_count", 0);
}

static void a_number_that_went_to_another_process_is_told(void **state)
{
    pid_t child = begin_child("tocsin-child-y");
    char path[80], text[16];
    const struct config_process_check c = {.pid_file = path},
                                      named = {.pid_file = path, .name = "tocsin-child-y"};
    struct timespec long_ago[2] = {{.tv_sec = time(NULL) - 600}, {.tv_sec = time(NULL) - 600}};

    snprintf(text, sizeof text, "%d\n", (int)child);
    pid_file_says(path, sizeof path, text);
    check(&c, "localhost");
    assert_value("process_up", 1);
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    check(&c, "localhost");
    assert_failed_at("process", "the number went to another process");
    assert_value("process_up", 0);
    check(&named, "localhost"); /* the name tells it better */
    assert_value("process_up", 1);
    end_child(child);
    check(&named, "localhost");
    assert_value("process_up", 0);
    unlink(path);
    check(&c, "localhost");
    assert_failed_at("process", "pid_file");
    assert_value("process_up", 0);
}

static void another_machine_is_not_looked_at(void **state)
{
    const struct config_process_check c = {.name = "x"};

    check(&c, "192.0.2.1");
    assert_failed_at("address", "is not this machine");
    check(&c, "127.0.0.1:9100");
    assert_value("process_up", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_found_by_name_and_command_line),
        cmocka_unit_test(facts_are_those_of_all_together),
        cmocka_unit_test(a_stat_that_is_cut_or_garbled_is_no_process),
        cmocka_unit_test(a_pid_file_may_be_missing_garbage_or_stale),
        cmocka_unit_test(without_a_proc_nothing_is_known),
        cmocka_unit_test(a_child_is_up_until_it_ends),
        cmocka_unit_test(a_number_that_went_to_another_process_is_told),
        cmocka_unit_test(another_machine_is_not_looked_at),
    };

    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
