/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew - helpers that share short pieces of work with whoever asks
 *
 *     struct crew_job job;
 *     if (crew_take(crew, 1) == 1)
 *         crew_run(crew, &job, read_second_half, arg);
 *     ... the first half ...
 *     crew_join(crew, &job);
 *
 * Any thread. One crew serves all requests, so that many at once do not keep more threads busy than
 * there are cores; whoever gets nobody works alone. The threads begin with the first job and stay:
 * a new one would come too late for work of a few milliseconds. Each is bound to a core and a job
 * goes to one that is not the caller's, because schedulers may wake a thread where its waker runs,
 * to wait there until the waker is done.
 */
#ifndef TOCSIN_BASE_CREW_H
#define TOCSIN_BASE_CREW_H

#include <stdatomic.h>

struct crew;

/* Of crew_run(); lives until crew_join(). */
struct crew_job {
    void (*fn)(void *arg);
    void *arg;
    atomic_bool done;
};

struct crew *crew_new(unsigned most); /* helpers that are busy at a time; 0: nobody ever helps */
void crew_free(struct crew *c);       /* nobody may be busy; NULL is fine */

/* As many helpers as are wanted and free; 0 for a crew that is NULL. Each is then given a job. */
unsigned crew_take(struct crew *c, unsigned wanted);
void crew_run(struct crew *c, struct crew_job *job, void (*fn)(void *arg), void *arg);
void crew_join(struct crew *c, struct crew_job *job); /* waits for the end of fn */

unsigned crew_busy(const struct crew *c); /* how many are taken */

#endif
