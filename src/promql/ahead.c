/* SPDX-License-Identifier: Apache-2.0 */
#include "promql/ahead_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "model/ports.h"

#define SERIES_MIN     512               /* fewer are read sooner than a helper is awake */
#define SERIES_AT_ONCE 64                /* a lot: what one of both reads before it looks again */
#define SAMPLES_MAX    ((size_t)1 << 19) /* 8 MiB that no limit of the query knows of */
#define NOT_READ       UINT32_MAX

enum lot_state { FREE, OF_QUERY, OF_HELPER, READ };

struct lot {
    enum lot_state state; /* under the lock */
    struct columns samples;
    uint32_t ends[SERIES_AT_ONCE]; /* in `samples`; or NOT_READ */
};

struct ahead {
    struct crew *crew;
    const struct selection *selection;
    unix_ms from, to;
    size_t n_lots;
    struct lot *lots;
    size_t here; /* of the query: the lot it is in, and whether it has that from the helper */
    bool here_read;
    struct lock lock;
    pthread_cond_t read;
    bool stop; /* under the lock */
    struct crew_job job;
};

/* ---- the helper ---------------------------------------------------------------------------- */

/* From the end on, as long as the query has not come there. */
static struct lot *claim(struct ahead *a, size_t *next)
{
    WITH_LOCK(&a->lock);
    if (a->stop || *next == 0 || a->lots[*next - 1].state != FREE)
        return NULL;
    a->lots[--*next].state = OF_HELPER;
    return &a->lots[*next];
}

/* Histograms are left to the query: their memory belongs to the columns they were read into. */
static uint32_t keep(struct columns *all, const struct columns *one)
{
    if (one->histograms || all->n + one->n >= NOT_READ)
        return NOT_READ;
    if (one->n == 0)
        return (uint32_t)all->n;
    columns_reserve(all, all->n + one->n);
    memcpy(all->times + all->n, one->times, one->n * sizeof *one->times);
    memcpy(all->values + all->n, one->values, one->n * sizeof *one->values);
    all->n += one->n;
    return (uint32_t)all->n;
}

static void read_lot(const struct ahead *a, struct lot *l, struct columns *one)
{
    const struct selection *s = a->selection;
    size_t first = (size_t)(l - a->lots) * SERIES_AT_ONCE;
    struct err err; /* the query comes upon it again */

    for (size_t i = 0; i < SERIES_AT_ONCE && first + i < s->n; i++)
        l->ends[i] = s->reader->read(s, first + i, a->from, a->to, one, &err) < 0
                         ? NOT_READ
                         : keep(&l->samples, one);
}

static void help(void *arg)
{
    struct ahead *a = arg;
    struct columns one = {0};
    size_t next = a->n_lots, samples = 0;
    struct lot *l;

    while (samples < SAMPLES_MAX && (l = claim(a, &next))) {
        read_lot(a, l, &one);
        samples += l->samples.n;
        WITH_LOCK(&a->lock);
        l->state = READ;
        pthread_cond_signal(&a->read);
    }
    columns_deinit(&one);
}

/* ---- the query ----------------------------------------------------------------------------- */

struct ahead *ahead_begin(struct crew *crew, const struct selection *s, unix_ms from, unix_ms to)
{
    struct ahead *a;

    if (s->n < SERIES_MIN || crew_take(crew, 1) == 0)
        return NULL;
    a = mem_zalloc(sizeof *a);
    *a = (struct ahead){.crew = crew, .selection = s, .from = from, .to = to, .here = SIZE_MAX};
    a->n_lots = (s->n + SERIES_AT_ONCE - 1) / SERIES_AT_ONCE;
    a->lots = mem_zalloc(a->n_lots * sizeof *a->lots);
    lock_init(&a->lock);
    must(pthread_cond_init(&a->read, NULL) == 0);
    crew_run(crew, &a->job, help, a);
    return a;
}

void ahead_end(struct ahead *a)
{
    if (!a)
        return;
    lock_take(&a->lock);
    a->stop = true;
    lock_give(&a->lock);
    crew_join(a->crew, &a->job);
    for (size_t i = 0; i < a->n_lots; i++)
        columns_deinit(&a->lots[i].samples);
    pthread_cond_destroy(&a->read);
    lock_deinit(&a->lock);
    free(a->lots);
    free(a);
}

bool ahead_is_of(const struct ahead *a, const struct selection *s, unix_ms from, unix_ms to)
{
    return a && a->selection == s && a->from == from && a->to == to;
}

/* Whether the helper has it; if nobody has, it is the query's from now on. */
static bool helper_has(struct ahead *a, struct lot *l)
{
    WITH_LOCK(&a->lock);
    while (l->state == OF_HELPER)
        pthread_cond_wait(&a->read, &a->lock.m);
    if (l->state == FREE)
        l->state = OF_QUERY;
    return l->state == READ;
}

bool ahead_take(struct ahead *a, size_t i, struct columns *ret)
{
    struct lot *l = &a->lots[i / SERIES_AT_ONCE];
    size_t k = i % SERIES_AT_ONCE, begin = 0, n;

    if (a->here != i / SERIES_AT_ONCE) {
        a->here = i / SERIES_AT_ONCE;
        a->here_read = helper_has(a, l);
    }
    if (!a->here_read || l->ends[k] == NOT_READ)
        return false;
    for (size_t before = k; before > 0 && begin == 0; before--)
        if (l->ends[before - 1] != NOT_READ)
            begin = l->ends[before - 1];
    n = l->ends[k] - begin;
    ret->n = n;
    ret->histograms = NULL;
    if (n == 0)
        return true;
    columns_reserve(ret, n);
    memcpy(ret->times, l->samples.times + begin, n * sizeof *ret->times);
    memcpy(ret->values, l->samples.values + begin, n * sizeof *ret->values);
    return true;
}
