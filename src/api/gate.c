/* SPDX-License-Identifier: Apache-2.0 */
#include "api/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "model/selfmetrics.h"

#define LOOK_MS 50 /* between two looks at whether the client is still there */

SELFMETRIC(waited, METRIC_COUNTER, "tocsin_api_queries_queued_total", NULL,
           "Queries that had to wait because --query.max-concurrency others ran.");

struct gate {
    size_t most;
    struct lock lock;
    pthread_cond_t left; /* somebody left; on the monotonic clock */
    size_t inside;       /* under lock */
};

struct gate *gate_new(size_t most)
{
    struct gate *g = mem_zalloc(sizeof *g);
    pthread_condattr_t attr;

    g->most = most;
    lock_init(&g->lock);
    must(pthread_condattr_init(&attr) == 0);
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&g->left, &attr) == 0);
    pthread_condattr_destroy(&attr);
    return g;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    pthread_cond_destroy(&g->left);
    lock_deinit(&g->lock);
    free(g);
}

/* Under the lock. */
static void wait_a_little(struct gate *g, mono_ns until)
{
    struct timespec at = {until / NS_PER_S, until % NS_PER_S};

    pthread_cond_timedwait(&g->left, &g->lock.m, &at);
}

int gate_enter(struct gate *g, dur_ms timeout, const atomic_bool *gone, mono_ns *ret_waited,
               struct err *err)
{
    mono_ns began = clock_mono_ns(), end = began + timeout * NS_PER_MS, now = began;

    WITH_LOCK(&g->lock);
    if (g->most && g->inside >= g->most)
        selfmetric_add(&waited, 1);
    while (g->most && g->inside >= g->most) {
        if (gone && atomic_load(gone))
            return err_set(err, -ECANCELED, "query was canceled in query queue");
        if (now >= end)
            return err_set(err, -ETIMEDOUT, "query timed out in query queue");
        wait_a_little(g, now + LOOK_MS * NS_PER_MS < end ? now + LOOK_MS * NS_PER_MS : end);
        now = clock_mono_ns();
    }
    g->inside++;
    *ret_waited = now - began;
    return 0;
}

void gate_leave(struct gate *g)
{
    WITH_LOCK(&g->lock);
    g->inside--;
    pthread_cond_signal(&g->left);
}
