/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread - named threads and locks that cannot fail
 */
#ifndef TOCSIN_BASE_THREAD_H
#define TOCSIN_BASE_THREAD_H

#include <pthread.h>

#include "base/defs.h"

struct thread {
    pthread_t id;
};

/* Starts fn(arg) as a thread named `name` (15 bytes at most are kept); signals stay with main. */
void thread_start(struct thread *t, const char *name, void (*fn)(void *arg), void *arg);
void thread_join(struct thread *t);
void thread_set_name(const char *name); /* of the calling thread */
unsigned thread_cores(void);            /* that this process may use, at least 1 */
const char *thread_name(void);          /* of the calling thread, "main" when it was never named */

struct lock {
    pthread_mutex_t m;
};

#define LOCK_INIT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER                                                                  \
    }

void lock_init(struct lock *l);
void lock_deinit(struct lock *l);
void lock_take(struct lock *l);
void lock_give(struct lock *l);

/* WITH_LOCK(&x->lock); holds it until the end of the enclosing block. */
static inline void lock_give_p(struct lock **l)
{
    lock_give(*l);
}
#define WITH_LOCK_2(l, line)                                                                       \
    CLEANUP(lock_give_p) struct lock *with_lock_##line = (l);                                      \
    lock_take(with_lock_##line)
#define WITH_LOCK_1(l, line) WITH_LOCK_2(l, line)
#define WITH_LOCK(l)         WITH_LOCK_1(l, __LINE__)

#endif
