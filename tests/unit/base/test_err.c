/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/must.h"
#include "base/str.h"

static void set_fills_code_and_words(void **state)
{
    struct err err = {0};

    assert_int_equal(err_set(&err, -EINVAL, "byte %d", 7), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.msg, "byte 7");
}

static void percent_m_is_the_text_of_the_code_and_not_of_errno(void **state)
{
    struct err err = {0};

    errno = EIO;
    err_set(&err, -ENOENT, "open: %m");
    assert_string_equal(err.msg, "open: No such file or directory");
    assert_int_equal(errno, EIO);
}

static void in_puts_the_place_before_the_words(void **state)
{
    struct err err = {0};

    err_set(&err, -EINVAL, "checksum differs");
    assert_int_equal(err_in(&err, -EBADMSG, "segment %d", 17), -EBADMSG);
    assert_string_equal(err.msg, "segment 17: checksum differs");
    assert_int_equal(err.code, -EBADMSG);
}

static void in_without_words_is_the_place_alone(void **state)
{
    struct err err = {0};

    err_in(&err, -EIO, "header");
    assert_string_equal(err.msg, "header");
}

static void its_own_words_may_be_an_argument(void **state)
{
    struct err err = {0};

    err_set(&err, -EINVAL, "first");
    err_set(&err, -EINVAL, "second after %s", err.msg);
    assert_string_equal(err.msg, "second after first");
}

static void nobody_has_to_listen(void **state)
{
    assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(err_in(NULL, -EIO, "x"), -EIO);
}

static void long_words_end_at_a_whole_character(void **state)
{
    char text[3 * ERR_MSG_MAX];

    for (size_t shift = 0; shift < 4; shift++) {
        struct err err = {0};

        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe5\x86\x85", 4);
        err_set(&err, -EINVAL, "%s", text);
        assert_in_range(strlen(err.msg), ERR_MSG_MAX - 5, ERR_MSG_MAX - 1);
        assert_true(str_is_utf8(str_c(err.msg)));
    }
}

static void must_aborts_and_says_what_failed(void **state)
{
    char text[256] = "";
    int pipe_fds[2], status;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        dup2(pipe_fds[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        must(1 + 1 == 3);
        _exit(0);
    }
    close(pipe_fds[1]);
    assert_true(read(pipe_fds[0], text, sizeof text - 1) > 0);
    while (read(pipe_fds[0], text + 200, 50) > 0)
        ;
    close(pipe_fds[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(text, "must(1 + 1 == 3)"));
    assert_non_null(strstr(text, "test_err.c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_code_and_words),
        cmocka_unit_test(percent_m_is_the_text_of_the_code_and_not_of_errno),
        cmocka_unit_test(in_puts_the_place_before_the_words),
        cmocka_unit_test(in_without_words_is_the_place_alone),
        cmocka_unit_test(its_own_words_may_be_an_argument),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(long_words_end_at_a_whole_character),
        cmocka_unit_test(must_aborts_and_says_what_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
