/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober - questions on behalf of others, all on one loop
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "probes/probes.h"

#define STOPS "the server stops"

struct question {
    struct prober *prober;
    const struct probe_kind *kind;
    const struct config *config; /* a reference: the job lives in it */
    struct arena arena;
    struct target target; /* texts are in the arena */
    dur_ms timeout;
    page_done *done; /* NULL: it is answered */
    void *arg;
    void *session;
    struct question *prev, *next; /* among those that began */
};

struct prober {
    struct loop *loop;
    struct thread thread;

    struct question *first; /* its loop */

    /* any thread, under lock */
    struct lock lock;
    bool started, closed;
    unsigned n;          /* under way */
    unsigned *n_of_kind; /* by their place in the table of kinds */
};

static size_t place_of_kind(const struct probe_kind *k)
{
    return (size_t)(k - probe_kind_at(0));
}

/* ---- a question, on the loop --------------------------------------------------------------- */

static void free_question(struct question *q)
{
    config_unref(q->config);
    arena_deinit(&q->arena);
    free(q);
}

static void end_question(void *arg)
{
    struct question *q = arg;
    struct prober *p = q->prober;

    *(q->prev ? &q->prev->next : &p->first) = q->next;
    if (q->next)
        q->next->prev = q->prev;
    q->kind->source->close(q->session);
    lock_take(&p->lock);
    p->n--;
    p->n_of_kind[place_of_kind(q->kind)]--;
    lock_give(&p->lock);
    free_question(q);
}

/* The session ends in a stack of its own: not every source may be closed by whom it calls. */
static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct question *q = arg;

    TAKE(q->done)(page, format, err, q->arg);
    loop_post(q->prober->loop, end_question, q);
}

static void begin_question(void *arg)
{
    struct question *q = arg;
    struct prober *p = q->prober;

    q->next = p->first;
    if (q->next)
        q->next->prev = q;
    p->first = q;
    q->session = q->kind->source->open(p->loop, &q->target);
    q->kind->source->fetch(q->session, q->timeout, on_page, q);
}

/* ---- asking -------------------------------------------------------------------------------- */

static void run(void *arg)
{
    loop_run(((struct prober *)arg)->loop);
}

/* Takes q over when there is room for one more. */
static int begin(struct prober *p, struct question *q, struct err *err)
{
    WITH_LOCK(&p->lock);
    unsigned *n = &p->n_of_kind[place_of_kind(q->kind)];

    if (p->closed)
        return err_set(err, -ESHUTDOWN, STOPS);
    if (p->n == PROBER_MOST || *n == q->kind->most)
        return err_set(err, -EBUSY, "%u probes are under way, %u of them of kind %s: try again",
                       p->n, *n, q->kind->name);
    p->n++;
    (*n)++;
    if (!p->started)
        thread_start(&p->thread, "prober", run, p);
    p->started = true;
    loop_post(p->loop, begin_question, q); /* under the lock: never behind the post that closes */
    return 0;
}

int prober_ask(struct prober *p, const struct config *config, const struct target *t,
               dur_ms timeout, page_done *done, void *arg, struct err *err)
{
    struct question *q = mem_zalloc(sizeof *q);
    int r;

    *q = (struct question){.prober = p,
                           .kind = probe_kind_of(t->job),
                           .config = config_ref(config),
                           .target = *t,
                           .timeout = timeout,
                           .done = done,
                           .arg = arg};
    must(q->kind && done);
    q->target.address = arena_strdup(&q->arena, str_c(t->address));
    q->target.url = arena_strdup(&q->arena, str_c(t->url));
    q->target.discovered = q->target.labels = NULL;
    r = begin(p, q, err);
    if (r < 0)
        free_question(q);
    return r;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct prober *prober_new(void)
{
    struct prober *p = mem_zalloc(sizeof *p);
    size_t kinds = 0;

    while (probe_kind_at(kinds))
        kinds++;
    p->n_of_kind = mem_array(kinds, sizeof *p->n_of_kind);
    p->loop = loop_new();
    lock_init(&p->lock);
    return p;
}

/* Ends that are posted already never come to their turn: the loop stops here. */
static void close_all(void *arg)
{
    struct prober *p = arg;
    struct err err = {0};

    err_set(&err, -ESHUTDOWN, STOPS);
    while (p->first) {
        struct question *q = p->first;

        if (q->done)
            TAKE(q->done)(STR_NONE, EXPOSITION_TEXT, &err, q->arg);
        end_question(q);
    }
    loop_stop(p->loop);
}

void prober_close(struct prober *p)
{
    WITH_LOCK(&p->lock);
    p->closed = true;
    if (p->started)
        loop_post(p->loop, close_all, p);
}

void prober_free(struct prober *p)
{
    if (!p)
        return;
    must(p->closed);
    if (p->started)
        thread_join(&p->thread);
    loop_free(p->loop);
    lock_deinit(&p->lock);
    free(p->n_of_kind);
    free(p);
}
