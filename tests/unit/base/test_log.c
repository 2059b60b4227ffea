/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

/* Standard error goes to a file while `say` runs; what was written is left in `out`. */
static void capture(void (*say)(void), struct buf *out)
{
    char path[] = "/tmp/tocsin-test-log.XXXXXX";
    int file = mkstemp(path), before = dup(STDERR_FILENO);

    assert_true(file >= 0);
    dup2(file, STDERR_FILENO);
    say();
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    assert_int_equal(file_read(path, 1 << 20, out, NULL), 0);
    unlink(path);
}

static size_t lines_of(const struct buf *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->p[i] == '\n';
    return n;
}

static void say_one(void)
{
    log_configure(LOG_INFO, LOG_LOGFMT);
    log_event(LOG_WARN, "target_down", "target", "192.0.2.7:6379", "error",
              "connection \"refused\"\n", "empty", "", NULL);
    log_event(LOG_DEBUG, "unheard", NULL);
}

static void a_line_has_time_level_role_event_and_pairs(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    capture(say_one, &out);
    assert_int_equal(lines_of(&out), 1);
    assert_int_equal(out.p[10], 'T');
    assert_string_equal(out.p + 24, " warn  main    target_down target=192.0.2.7:6379 "
                                    "error=\"connection \\\"refused\\\"\\n\" empty=\"\"\n");
}

static void say_json(void)
{
    log_configure(LOG_DEBUG, LOG_JSON);
    log_eventf(LOG_DEBUG, "started", "url", "http://%s:%d", "::1", 9090);
    log_configure(LOG_INFO, LOG_LOGFMT);
}

static void the_same_as_json(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    capture(say_json, &out);
    assert_memory_equal(out.p, "{\"time\":\"", 9);
    assert_string_equal(strstr(out.p, "\",\"level\""),
                        "\",\"level\":\"debug\",\"role\":\"main\",\"event\":"
                        "\"started\",\"url\":\"http://::1:9090\"}\n");
}

static void say_often(void)
{
    for (int i = 0; i < 1000; i++) {
        log_event(LOG_INFO, "again", "same", "value", NULL);
        log_eventf(LOG_INFO, "other", "number", "%d", i % 3);
    }
    log_tick();
}

static void what_repeats_within_a_minute_is_folded(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    capture(say_often, &out);
    assert_int_equal(lines_of(&out), 4);
}

static void say_many_different(void)
{
    for (int i = 0; i < 70; i++) {
        log_eventf(LOG_INFO, "many", "number", "%d", i);
        log_eventf(LOG_INFO, "many", "number", "%d", i);
    }
}

static void a_count_is_told_when_its_line_is_forgotten(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    capture(say_many_different, &out);
    assert_non_null(strstr(out.p, "many number=0 repeated=1 within=60s\n"));
}

static void say_from_thread(void *arg)
{
    log_event(LOG_ERROR, "from_thread", NULL);
}

static void start_and_join(void)
{
    struct thread t;

    thread_start(&t, "a-name-that-is-too-long", say_from_thread, NULL);
    thread_join(&t);
}

static void the_role_is_the_thread(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};

    capture(start_and_join, &out);
    assert_non_null(strstr(out.p, " error a-name-that-is- from_thread\n"));
}

static void levels_have_names(void **state)
{
    enum log_level level = LOG_DEBUG;

    assert_true(log_level_parse(STR("error"), &level) && level == LOG_ERROR);
    assert_true(log_level_parse(STR("debug"), &level) && level == LOG_DEBUG);
    assert_false(log_level_parse(STR("warning"), &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_role_event_and_pairs),
        cmocka_unit_test(the_same_as_json),
        cmocka_unit_test(what_repeats_within_a_minute_is_folded),
        cmocka_unit_test(a_count_is_told_when_its_line_is_forgotten),
        cmocka_unit_test(the_role_is_the_thread),
        cmocka_unit_test(levels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
