/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"

#define ANY_CORE  (-1)
#define SPINS_MAX 2000 /* some 20 us: less than it takes to sleep and be woken */

struct helper {
    struct crew *crew;
    struct thread thread;
    int core;             /* or ANY_CORE */
    struct crew_job *job; /* under the lock; NULL: idle */
    pthread_cond_t wake;
};

struct crew {
    unsigned most;
    atomic_uint busy;
    struct lock lock;
    pthread_cond_t done; /* some job is */
    bool stop, started;  /* under the lock */
    unsigned n;          /* helpers: one more than may be busy, so that one is on another core */
    struct helper *helpers;
};

/* The i-th of the cores that the process may use, counted round and round. */
static int core_of(unsigned i)
{
    unsigned left = i % thread_cores();
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return ANY_CORE;
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &set) && left-- == 0)
            return core;
    return ANY_CORE;
}

static void bind_to(int core)
{
    cpu_set_t set;

    if (core == ANY_CORE)
        return;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* where it may not, the system chooses */
}

static void help(void *arg)
{
    struct helper *h = arg;
    struct crew *c = h->crew;

    bind_to(h->core);
    lock_take(&c->lock);
    for (;;) {
        while (!h->job && !c->stop)
            pthread_cond_wait(&h->wake, &c->lock.m);
        if (!h->job)
            break;
        lock_give(&c->lock);
        h->job->fn(h->job->arg);
        lock_take(&c->lock);
        /* The job is its owner's again: it may be gone at once. */
        atomic_store(&TAKE(h->job)->done, true);
        pthread_cond_broadcast(&c->done);
    }
    lock_give(&c->lock);
}

struct crew *crew_new(unsigned most)
{
    struct crew *c = mem_zalloc(sizeof *c);

    c->most = most;
    c->n = most + 1;
    lock_init(&c->lock);
    must(pthread_cond_init(&c->done, NULL) == 0);
    c->helpers = mem_zalloc(c->n * sizeof *c->helpers);
    for (unsigned i = 0; i < c->n; i++) {
        c->helpers[i] = (struct helper){.crew = c, .core = core_of(i)};
        must(pthread_cond_init(&c->helpers[i].wake, NULL) == 0);
    }
    return c;
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    must(crew_busy(c) == 0);
    lock_take(&c->lock);
    c->stop = true;
    for (unsigned i = 0; i < c->n; i++)
        pthread_cond_signal(&c->helpers[i].wake);
    lock_give(&c->lock);
    for (unsigned i = 0; i < c->n; i++) {
        if (c->started)
            thread_join(&c->helpers[i].thread);
        pthread_cond_destroy(&c->helpers[i].wake);
    }
    free(c->helpers);
    pthread_cond_destroy(&c->done);
    lock_deinit(&c->lock);
    free(c);
}

unsigned crew_take(struct crew *c, unsigned wanted)
{
    unsigned busy, take;

    if (!c)
        return 0;
    busy = atomic_load(&c->busy);
    do {
        take = busy >= c->most ? 0 : c->most - busy;
        take = take < wanted ? take : wanted;
    } while (take > 0 && !atomic_compare_exchange_weak(&c->busy, &busy, busy + take));
    return take;
}

/* Under the lock. */
static void start_all(struct crew *c)
{
    for (unsigned i = 0; i < c->n && !c->started; i++)
        thread_start(&c->helpers[i].thread, "helper", help, &c->helpers[i]);
    c->started = true;
}

/* Under the lock: an idle one, on another core if there is any. */
static struct helper *idle_helper(struct crew *c)
{
    struct helper *idle = NULL;
    int here = sched_getcpu();

    for (unsigned i = 0; i < c->n; i++) {
        struct helper *h = &c->helpers[i];

        if (!h->job && (!idle || idle->core == here))
            idle = h;
    }
    must(idle);
    return idle;
}

void crew_run(struct crew *c, struct crew_job *job, void (*fn)(void *arg), void *arg)
{
    struct helper *h;

    job->fn = fn;
    job->arg = arg;
    atomic_store(&job->done, false);
    WITH_LOCK(&c->lock);
    start_all(c);
    h = idle_helper(c);
    h->job = job;
    pthread_cond_signal(&h->wake);
}

void crew_join(struct crew *c, struct crew_job *job)
{
    for (int i = 0; i < SPINS_MAX && !atomic_load(&job->done); i++)
        ;
    {
        WITH_LOCK(&c->lock);
        while (!atomic_load(&job->done))
            pthread_cond_wait(&c->done, &c->lock.m);
    }
    must(atomic_fetch_sub(&c->busy, 1) >= 1);
}

unsigned crew_busy(const struct crew *c)
{
    return atomic_load(&c->busy);
}
