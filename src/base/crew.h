/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew - how many threads those may start who want to share a piece of work
 *
 * Any thread. One crew serves all requests, so that many of them at once do not start more threads
 * than there are cores; whoever gets nobody works alone.
 */
#ifndef TOCSIN_BASE_CREW_H
#define TOCSIN_BASE_CREW_H

#include <stdatomic.h>

struct crew {
    unsigned most;
    atomic_uint busy;
};

/* As many as are wanted and free; 0 for a crew that is NULL. They are given back when their work
 * is done. */
unsigned crew_take(struct crew *c, unsigned wanted);
void crew_give(struct crew *c, unsigned n);

#endif
