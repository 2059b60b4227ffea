/* SPDX-License-Identifier: Apache-2.0 */
#include "app/role.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "app/leap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* Wall time may jump, timers run on the monotonic clock: never sleep so long that a jump goes
 * unnoticed. */
#define LONGEST_SLEEP_MS 5000

/* What other threads wait for. Each lives on the stack of its thread. */
struct errand {
    void (*fn)(void *arg);
    void *arg;
    enum { ERRAND_WAITS, ERRAND_DONE, ERRAND_REFUSED } state;
    struct errand *next;
};

static _Thread_local struct role *current; /* the role whose thread this is */

struct role {
    const char *name;
    role_tick *tick;
    void *arg;
    struct loop *loop;
    struct loop_timer *timer; /* role's thread */
    struct thread thread;
    int64_t (*hold)(void *arg); /* NULL: a leap is no matter */
    struct leap_watch watch;    /* role's thread */
    mono_ns held_until;         /* role's thread */
    bool running;      /* started and not yet joined; of the thread that starts and stops it */
    atomic_bool woken; /* a wake-up is posted and not yet carried out */

    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct errand *first, **last;
    bool closed;
};

/* How long the role still has to wait because of a leap; 0: it may tick. */
static int64_t held(struct role *r, unix_ns now)
{
    mono_ns mono = clock_mono_ns();

    if (r->hold && leap_seen(&r->watch, now, mono)) {
        r->held_until = mono + r->hold(r->arg);
        log_event(LOG_WARN, "clock_leapt", "thread", r->name, NULL);
    }
    return r->held_until > mono ? r->held_until - mono : 0;
}

static void do_tick(void *arg)
{
    struct role *r = arg;
    unix_ns now = clock_unix_ns(), next;
    int64_t wait = held(r, now);

    if (wait == 0) {
        next = r->tick(r->arg, now);
        wait = next == INT64_MAX ? LONGEST_SLEEP_MS * NS_PER_MS : next - now;
    }
    if (wait > LONGEST_SLEEP_MS * NS_PER_MS)
        wait = LONGEST_SLEEP_MS * NS_PER_MS;
    loop_timer_after_ns(r->timer, wait > 0 ? wait : 0);
}

static void wake_up(void *arg)
{
    struct role *r = arg;

    atomic_store(&r->woken, false);
    do_tick(r);
}

static void run_errands(void *arg)
{
    struct role *r = arg;
    struct errand *e;

    pthread_mutex_lock(&r->lock);
    while ((e = r->first)) {
        r->first = e->next;
        if (!r->first)
            r->last = &r->first;
        pthread_mutex_unlock(&r->lock);
        e->fn(e->arg);
        pthread_mutex_lock(&r->lock);
        e->state = ERRAND_DONE;
        pthread_cond_broadcast(&r->done);
    }
    pthread_mutex_unlock(&r->lock);
    do_tick(r);
}

struct role *role_new(const char *name, role_tick *tick, void *arg)
{
    struct role *r = mem_zalloc(sizeof *r);

    r->name = name;
    r->tick = tick;
    r->arg = arg;
    r->loop = loop_new();
    r->last = &r->first;
    r->closed = true;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->done, NULL);
    return r;
}

struct loop *role_loop(struct role *r)
{
    return r->loop;
}

static void run_loop(void *arg)
{
    struct role *r = arg;

    current = r;
    r->timer = loop_timer_new(r->loop, do_tick, r);
    do_tick(r);
    loop_run(r->loop);
    loop_timer_free(r->timer);
}

void role_hold_after_leap(struct role *r, int64_t (*hold)(void *arg))
{
    r->hold = hold;
}

void role_start(struct role *r)
{
    r->closed = false;
    r->running = true;
    thread_start(&r->thread, r->name, run_loop, r);
}

void role_stop(struct role *r)
{
    if (!r || !r->running)
        return;
    loop_stop(r->loop);
    thread_join(&r->thread);
    r->running = false;
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    for (struct errand *e = r->first; e; e = e->next)
        e->state = ERRAND_REFUSED;
    r->first = NULL;
    r->last = &r->first;
    pthread_cond_broadcast(&r->done);
    pthread_mutex_unlock(&r->lock);
}

void role_free(struct role *r)
{
    if (!r)
        return;
    role_stop(r);
    loop_free(r->loop);
    pthread_cond_destroy(&r->done);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void role_wake(struct role *r)
{
    if (!atomic_exchange(&r->woken, true))
        loop_post(r->loop, wake_up, r);
}

int role_run(struct role *r, void (*fn)(void *arg), void *arg)
{
    struct errand mine = {.fn = fn, .arg = arg};

    if (current == r) {
        fn(arg);
        return 0;
    }
    pthread_mutex_lock(&r->lock);
    if (!r->closed) {
        bool post = !r->first;

        *r->last = &mine;
        r->last = &mine.next;
        if (post)
            loop_post(r->loop, run_errands, r);
        while (mine.state == ERRAND_WAITS)
            pthread_cond_wait(&r->done, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return mine.state == ERRAND_DONE ? 0 : -ESHUTDOWN;
}
