/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_priv - threads for calls that block: pool-0, pool-1 ...
 *
 * One is started when none is idle, up to POOL_THREADS_MAX; then work waits for its turn. An idle
 * one ends after a while. So a server that hangs holds one thread and nobody else.
 */
#ifndef TOCSIN_PROBES_POOL_PRIV_H
#define TOCSIN_PROBES_POOL_PRIV_H

#define POOL_THREADS_MAX 32 /* servers that are asked, or hang, at the same time */

struct pool_work {
    void (*run)(struct pool_work *w); /* the last that the pool knows of it */
    struct pool_work *next;
};

void pool_run(struct pool_work *w); /* any thread; w belongs to the pool until it runs */

#endif
