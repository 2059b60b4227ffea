/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/thread.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/loop_priv.h"

#define NS_PER_US    INT64_C(1000)
#define TIMER_MAX_NS (INT64_C(366) * 24 * 3600 * NS_PER_S) /* libevent adds it to its clock */
#define TIMER_MAX_MS (TIMER_MAX_NS / NS_PER_MS)

struct post {
    void (*fn)(void *arg);
    void *arg;
    struct post *next;
};

struct watched_signal {
    struct event *event;
    void (*fn)(int signal, void *arg);
    void *arg;
    struct watched_signal *next;
};

struct loop {
    struct event_base *base;
    struct watched_signal *signals; /* loop's thread */
    struct event *wake;             /* made active by any thread */
    atomic_bool runs;               /* some thread is in loop_run() */
    atomic_bool stopping;           /* asked for; taken back when loop_run() returns */

    /* any thread, under lock */
    struct lock lock;
    struct post *first, **last;
};

struct loop_timer {
    struct event *event;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

static _Thread_local struct loop *running_here; /* what the calling thread runs */

/* ---- once in a process --------------------------------------------------------------------- */

static void pass_on_words(int severity, const char *words)
{
    log_event(LOG_DEBUG, "libevent", "words", words, NULL);
}

static void init_libraries(void)
{
    must(evthread_use_pthreads() == 0);
    event_set_log_callback(pass_on_words);
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    must(signal(SIGPIPE, SIG_IGN) !=
         SIG_ERR); /* a peer that hangs up is an error code, no signal */
}

void net_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    must(pthread_once(&once, init_libraries) == 0);
}

/* ---- posts --------------------------------------------------------------------------------- */

static struct post *take_posts(struct loop *l)
{
    WITH_LOCK(&l->lock);
    struct post *first = l->first;

    l->first = NULL;
    l->last = &l->first;
    return first;
}

/* Puts back what a stop left over, before what came meanwhile: the loop may run again. */
static void return_posts(struct loop *l, struct post *first)
{
    struct post **end = &first;

    WITH_LOCK(&l->lock);
    while (*end)
        end = &(*end)->next;
    *end = l->first;
    if (!l->first)
        l->last = end;
    l->first = first;
}

static void run_posts(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    struct post *p = take_posts(l), *next;

    for (; p && !atomic_load(&l->stopping); p = next) {
        next = p->next;
        p->fn(p->arg);
        free(p);
    }
    if (p)
        return_posts(l, p);
    if (atomic_load(&l->stopping))
        event_base_loopbreak(l->base);
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct post *p = mem_zalloc(sizeof *p);
    bool wake;

    p->fn = fn;
    p->arg = arg;
    WITH_LOCK(&l->lock);
    wake = !l->first; /* else the one before has woken it, and all are taken together */
    *l->last = p;
    l->last = &p->next;
    /* Under the lock: whoever sees this post run may free the loop at once. */
    if (wake)
        event_active(l->wake, EV_READ, 0);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof *l);
    struct event_config *c;

    net_init();
    must((c = event_config_new()));
    /* Else libevent may count a timer from when the loop last woke, and by the coarse clock, which is up to 4 ms
     * behind clock_mono_ns(). */
    must(event_config_set_flag(c, EVENT_BASE_FLAG_NO_CACHE_TIME | EVENT_BASE_FLAG_PRECISE_TIMER) ==
         0);
    must((l->base = event_base_new_with_config(c)));
    event_config_free(c);
    lock_init(&l->lock);
    l->last = &l->first;
    must((l->wake = event_new(l->base, -1, 0, run_posts, l)));
    return l;
}

void loop_free(struct loop *l)
{
    struct watched_signal *s;
    struct post *p;

    if (!l)
        return;
    must(!atomic_load(&l->runs));
    while ((p = l->first)) {
        l->first = p->next;
        free(p);
    }
    while ((s = l->signals)) {
        l->signals = s->next;
        event_free(s->event);
        free(s);
    }
    event_free(l->wake);
    event_base_free(l->base);
    lock_deinit(&l->lock);
    free(l);
}

void loop_run(struct loop *l)
{
    must(!running_here && !atomic_exchange(&l->runs, true));
    running_here = l;
    event_active(l->wake, EV_READ, 0); /* posts may be left over from a run before */
    while (!atomic_load(&l->stopping))
        must(event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
    atomic_store(&l->stopping, false);
    running_here = NULL;
    atomic_store(&l->runs, false);
}

/* The break ends the round of events in which a callback calls this. libevent forgets it when a
 * loop is just being entered; then it is the wake-up that breaks. */
void loop_stop(struct loop *l)
{
    atomic_store(&l->stopping, true);
    event_base_loopbreak(l->base);
    event_active(l->wake, EV_READ, 0);
}

bool loop_is_mine(const struct loop *l)
{
    return running_here == l || !atomic_load(&l->runs);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

/* ---- timers -------------------------------------------------------------------------------- */

struct timeval timeval_of_ns(int64_t ns)
{
    if (ns < 0)
        ns = 0;
    if (ns > TIMER_MAX_NS)
        ns = TIMER_MAX_NS;
    ns += NS_PER_US - 1;
    return (struct timeval){.tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / NS_PER_US};
}

static void fire(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;

    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = mem_zalloc(sizeof *t);

    MUST_BE_ON(l);
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    must((t->event = evtimer_new(l->base, fire, t)));
    return t;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    MUST_BE_ON(t->loop);
    event_free(t->event);
    free(t);
}

void loop_timer_after_ns(struct loop_timer *t, int64_t ns)
{
    struct timeval tv = timeval_of_ns(ns);

    MUST_BE_ON(t->loop);
    must(evtimer_add(t->event, &tv) == 0);
}

void loop_timer_after(struct loop_timer *t, dur_ms d)
{
    loop_timer_after_ns(t, d < TIMER_MAX_MS ? d * NS_PER_MS : TIMER_MAX_NS);
}

void loop_timer_cancel(struct loop_timer *t)
{
    MUST_BE_ON(t->loop);
    event_del(t->event);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void pass_on_signal(evutil_socket_t number, short what, void *arg)
{
    struct watched_signal *s = arg;

    s->fn(number, s->arg);
}

void loop_on_signal(struct loop *l, int signal, void (*fn)(int signal, void *arg), void *arg)
{
    struct watched_signal *s = mem_zalloc(sizeof *s);

    MUST_BE_ON(l);
    s->fn = fn;
    s->arg = arg;
    s->next = l->signals;
    l->signals = s;
    must((s->event = evsignal_new(l->base, signal, pass_on_signal, s)));
    must(event_add(s->event, NULL) == 0);
}
