/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <signal.h>
#include <string.h>

#include "base/thread.h"

static struct lock lock = LOCK_INIT;
static int counter;

static void count(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        WITH_LOCK(&lock);
        counter++;
    }
}

static void a_lock_keeps_threads_apart(void **state)
{
    struct thread threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_start(&threads[i], "count", count, NULL);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(&threads[i]);
    assert_int_equal(counter, 40000);
}

struct seen {
    char name[32];
    sigset_t blocked;
};

static void look(void *arg)
{
    struct seen *seen = arg;

    strcpy(seen->name, thread_name());
    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
}

static void a_thread_has_its_name_and_no_signals(void **state)
{
    struct seen seen;
    struct thread t;
    sigset_t here;

    thread_start(&t, "scrape-1", look, &seen);
    thread_join(&t);
    assert_string_equal(seen.name, "scrape-1");
    assert_true(sigismember(&seen.blocked, SIGTERM));
    assert_true(sigismember(&seen.blocked, SIGHUP));
    assert_false(sigismember(&seen.blocked, SIGSEGV));
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    assert_false(sigismember(&here, SIGTERM));
    assert_string_equal(thread_name(), "main");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_keeps_threads_apart),
        cmocka_unit_test(a_thread_has_its_name_and_no_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
