/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/pool_priv.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/must.h"
#include "base/thread.h"

#define IDLE_S 30 /* until an idle thread ends */

/* All of the process, under lock. */
static struct {
    struct lock lock;
    pthread_cond_t more;
    struct pool_work *first, **last;
    int threads, idle;
} pool = {.lock = LOCK_INIT, .more = PTHREAD_COND_INITIALIZER, .last = &pool.first};

static struct pool_work *take_work(void)
{
    struct pool_work *w = pool.first;

    if (!w)
        return NULL;
    pool.first = w->next;
    if (!pool.first)
        pool.last = &pool.first;
    return w;
}

/* Waits for work; NULL: there was none for a while. */
static struct pool_work *await_work(void)
{
    struct pool_work *w = take_work();
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IDLE_S;
    pool.idle++;
    while (!w && r == 0) {
        r = pthread_cond_timedwait(&pool.more, &pool.lock.m, &until);
        w = take_work();
    }
    pool.idle--;
    return w;
}

static void work(void *arg)
{
    struct pool_work *w;

    lock_take(&pool.lock);
    while ((w = await_work())) {
        lock_give(&pool.lock);
        w->run(w);
        lock_take(&pool.lock);
    }
    pool.threads--;
    lock_give(&pool.lock);
}

void pool_run(struct pool_work *w)
{
    char name[16];
    struct thread t;
    WITH_LOCK(&pool.lock);

    w->next = NULL;
    *pool.last = w;
    pool.last = &w->next;
    if (pool.idle > 0 || pool.threads == POOL_THREADS_MAX) {
        pthread_cond_signal(&pool.more);
        return;
    }
    snprintf(name, sizeof name, "pool-%d", pool.threads++);
    thread_start(&t, name, work, NULL);
    must(pthread_detach(t.id) == 0);
}
