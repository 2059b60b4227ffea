/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/thread.h"
#include "net/loop.h"

#define THREADS          4
#define POSTS_PER_THREAD 5000
#define STOPS            300

/* What callbacks leave behind, in the order in which they ran. */
struct trace {
    struct loop *loop;
    char text[64];
    size_t len;
};

struct step {
    struct trace *trace;
    char letter; /* '.' stops the loop */
};

static void leave_letter(void *arg)
{
    struct step *s = arg;

    must(s->trace->len + 1 < sizeof s->trace->text);
    s->trace->text[s->trace->len++] = s->letter;
    if (s->letter == '.')
        loop_stop(s->trace->loop);
}

static void posts_run_in_their_order_and_none_after_a_stop(void **state)
{
    struct trace t = {.loop = loop_new()};
    struct step a = {&t, 'a'}, b = {&t, 'b'}, stop = {&t, '.'}, c = {&t, 'c'};

    loop_post(t.loop, leave_letter, &a);
    loop_post(t.loop, leave_letter, &b);
    loop_post(t.loop, leave_letter, &stop);
    loop_post(t.loop, leave_letter, &c);
    loop_run(t.loop);
    assert_string_equal(t.text, "ab.");
    loop_post(t.loop, leave_letter, &stop);
    loop_run(t.loop); /* what was left over comes first */
    assert_string_equal(t.text, "ab.c.");
    loop_free(t.loop);
}

static void timers_fire_by_their_time_and_not_by_their_making(void **state)
{
    struct trace t = {.loop = loop_new()};
    struct step s[] = {{&t, '.'}, {&t, 'b'}, {&t, 'a'}, {&t, 'x'}, {&t, '0'}};
    static const dur_ms after[] = {40, 20, 10, 5, 0};
    struct loop_timer *timers[ARRAY_LEN(s)];

    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        timers[i] = loop_timer_new(t.loop, leave_letter, &s[i]);
        loop_timer_after(timers[i], after[i]);
    }
    loop_timer_cancel(timers[3]);
    loop_timer_after(timers[1], 5); /* replaces: now before 'a' */
    loop_run(t.loop);
    assert_string_equal(t.text, "0ba.");
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        loop_timer_free(timers[i]);
    loop_timer_free(NULL);
    loop_free(t.loop);
}

static void a_timer_never_fires_early(void **state)
{
    struct trace t = {.loop = loop_new()};
    struct step stop = {&t, '.'};
    struct loop_timer *timer = loop_timer_new(t.loop, leave_letter, &stop);

    for (int i = 0; i < 20; i++) {
        mono_ns start = clock_mono_ns();

        t.len = 0;
        loop_timer_after_ns(timer, 1500001);
        loop_run(t.loop);
        assert_true(clock_mono_ns() - start >= 1500001);
    }
    loop_timer_free(timer);
    loop_free(t.loop);
}

struct late {
    struct loop *loop;
    struct loop_timer *timer;
    mono_ns set, fired;
};

static void stop_late(void *arg)
{
    struct late *l = arg;

    l->fired = clock_mono_ns();
    loop_stop(l->loop);
}

static void set_after_a_nap(void *arg)
{
    struct late *l = arg;

    nanosleep(&(struct timespec){.tv_nsec = 40 * NS_PER_MS}, NULL);
    l->set = clock_mono_ns();
    loop_timer_after(l->timer, 30);
}

static void a_timer_counts_from_when_it_is_set_not_from_when_the_loop_woke(void **state)
{
    struct late l = {.loop = loop_new()};

    l.timer = loop_timer_new(l.loop, stop_late, &l);
    loop_post(l.loop, set_after_a_nap, &l);
    loop_run(l.loop);
    assert_true(l.fired - l.set >= 30 * NS_PER_MS);
    loop_timer_free(l.timer);
    loop_free(l.loop);
}

static void absurd_times_are_taken_for_now_and_for_a_year(void **state)
{
    struct trace t = {.loop = loop_new()};
    struct step never = {&t, 'n'}, stop = {&t, '.'};
    struct loop_timer *far = loop_timer_new(t.loop, leave_letter, &never);
    struct loop_timer *past = loop_timer_new(t.loop, leave_letter, &stop);

    loop_timer_after(far, INT64_MAX);
    loop_timer_after_ns(past, INT64_MIN);
    loop_run(t.loop);
    assert_string_equal(t.text, ".");
    loop_timer_free(far);
    loop_timer_free(past);
    loop_free(t.loop);
}

/* ---- other threads ------------------------------------------------------------------------- */

struct sender {
    struct loop *loop;
    struct thread thread;
    int last;         /* loop's thread: the number that came last */
    atomic_int *left; /* posts that are still to come, of all */
};

struct numbered {
    struct sender *sender;
    int number;
};

static void check_number(void *arg)
{
    struct numbered *n = arg;

    must(loop_is_mine(n->sender->loop));
    must(n->number == n->sender->last + 1);
    n->sender->last = n->number;
    if (atomic_fetch_sub(n->sender->left, 1) == 1)
        loop_stop(n->sender->loop);
    free(n);
}

static void send_numbers(void *arg)
{
    struct sender *s = arg;

    for (int i = 1; i <= POSTS_PER_THREAD; i++) {
        struct numbered *n = mem_alloc(sizeof *n);

        *n = (struct numbered){s, i};
        loop_post(s->loop, check_number, n);
    }
}

static void no_post_of_many_threads_is_lost_or_overtaken(void **state)
{
    struct loop *l = loop_new();
    struct sender senders[THREADS] = {0};
    atomic_int left = THREADS * POSTS_PER_THREAD;

    for (int i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){.loop = l, .left = &left};
        thread_start(&senders[i].thread, "sender", send_numbers, &senders[i]);
    }
    loop_run(l);
    for (int i = 0; i < THREADS; i++) {
        thread_join(&senders[i].thread);
        assert_int_equal(senders[i].last, POSTS_PER_THREAD);
    }
    loop_free(l);
}

static void run_loop(void *arg)
{
    loop_run(arg);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void a_stop_at_any_moment_ends_the_loop(void **state)
{
    for (int i = 0; i < STOPS; i++) {
        struct loop *l = loop_new();
        struct thread t;

        if (i % 3 == 0)
            loop_stop(l);
        thread_start(&t, "runner", run_loop, l);
        if (i % 3 == 1)
            loop_stop(l);
        if (i % 3 == 2)
            loop_post(l, stop, l);
        thread_join(&t);
        loop_free(l);
    }
}

static void tell_whose(void *arg)
{
    struct sender *s = arg;

    s->last = loop_is_mine(s->loop);
}

static void a_loop_belongs_to_whoever_runs_it(void **state)
{
    struct sender s = {.loop = loop_new()};
    struct thread t;

    assert_true(loop_is_mine(s.loop));
    loop_post(s.loop, tell_whose, &s);
    loop_post(s.loop, stop, s.loop);
    thread_start(&t, "runner", run_loop, s.loop);
    thread_join(&t);
    assert_true(s.last);
    assert_true(loop_is_mine(s.loop));
    loop_free(s.loop);
}

static void look_from_aside(void *arg)
{
    struct sender *s = arg;

    s->last = loop_is_mine(s->loop);
}

static void look_and_stop(void *arg)
{
    struct sender *s = arg;
    struct thread t;

    thread_start(&t, "other", look_from_aside, s);
    thread_join(&t);
    loop_stop(s->loop);
}

static void a_running_loop_is_not_anothers(void **state)
{
    struct sender s = {.loop = loop_new(), .last = -1};

    loop_post(s.loop, look_and_stop, &s);
    loop_run(s.loop);
    assert_int_equal(s.last, 0);
    loop_free(s.loop);
}

static void what_is_posted_to_a_loop_that_ends_is_dropped(void **state)
{
    struct trace t = {.loop = loop_new()};
    struct step a = {&t, 'a'};

    loop_post(t.loop, leave_letter, &a);
    loop_post(t.loop, leave_letter, &a);
    loop_free(t.loop);
    assert_int_equal(t.len, 0);
    loop_free(NULL);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void on_signal(int number, void *arg)
{
    struct trace *t = arg;

    t->text[t->len++] = number == SIGHUP ? 'h' : '?';
    loop_stop(t->loop);
}

static void raise_hup(void *arg)
{
    raise(SIGHUP);
}

static void signals_arrive_on_the_loop(void **state)
{
    struct trace t = {.loop = loop_new()};

    loop_on_signal(t.loop, SIGHUP, on_signal, &t);
    loop_on_signal(t.loop, SIGTERM, on_signal, &t);
    loop_post(t.loop, raise_hup, NULL);
    loop_run(t.loop);
    assert_string_equal(t.text, "h");
    loop_free(t.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_run_in_their_order_and_none_after_a_stop),
        cmocka_unit_test(timers_fire_by_their_time_and_not_by_their_making),
        cmocka_unit_test(a_timer_never_fires_early),
        cmocka_unit_test(a_timer_counts_from_when_it_is_set_not_from_when_the_loop_woke),
        cmocka_unit_test(absurd_times_are_taken_for_now_and_for_a_year),
        cmocka_unit_test(no_post_of_many_threads_is_lost_or_overtaken),
        cmocka_unit_test(a_stop_at_any_moment_ends_the_loop),
        cmocka_unit_test(a_loop_belongs_to_whoever_runs_it),
        cmocka_unit_test(a_running_loop_is_not_anothers),
        cmocka_unit_test(what_is_posted_to_a_loop_that_ends_is_dropped),
        cmocka_unit_test(signals_arrive_on_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
