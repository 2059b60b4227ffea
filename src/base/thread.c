/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/must.h"

#define THREAD_NAME_MAX 16 /* bytes with the zero; the kernel keeps no more */

static _Thread_local char name_of_this[THREAD_NAME_MAX];

struct start {
    char name[THREAD_NAME_MAX];
    void (*fn)(void *arg);
    void *arg;
};

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    thread_set_name(start.name);
    start.fn(start.arg);
    return NULL;
}

/* Signals that a thread raises itself by a fault must not be blocked: the rest is for main. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        sigdelset(&set, faults[i]);
    must(pthread_sigmask(SIG_SETMASK, &set, before) == 0);
}

void thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg)
{
    struct start *start = mem_zalloc(sizeof *start);
    sigset_t before;

    snprintf(start->name, sizeof start->name, "%s", name);
    start->fn = fn;
    start->arg = arg;
    block_signals(&before);
    must(pthread_create(&t->id, NULL, run, start) == 0);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

unsigned thread_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void thread_join(struct thread *t)
{
    must(pthread_join(t->id, NULL) == 0);
}

void thread_set_name(const char *name)
{
    snprintf(name_of_this, sizeof name_of_this, "%s", name);
    pthread_setname_np(pthread_self(), name_of_this);
}

const char *thread_name(void)
{
    return name_of_this[0] ? name_of_this : "main";
}

void lock_init(struct lock *l)
{
    must(pthread_mutex_init(&l->m, NULL) == 0);
}

void lock_deinit(struct lock *l)
{
    must(pthread_mutex_destroy(&l->m) == 0);
}

void lock_take(struct lock *l)
{
    must(pthread_mutex_lock(&l->m) == 0);
}

void lock_give(struct lock *l)
{
    must(pthread_mutex_unlock(&l->m) == 0);
}
