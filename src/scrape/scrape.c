/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape - the machine: threads with loops, and which targets are watched on them
 *
 * The table of watches belongs to whoever calls scrape_apply() (main) and is read by scrape_each()
 * under the lock. A target's loop follows from its labels: watches that write the same series, the
 * one before a reload and the one after, are on one loop, and what is posted there runs in order.
 */
#include "scrape/scrape.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "scrape/scrape_priv.h"

struct worker {
    struct scrape *scrape;
    struct loop *loop;
    struct thread thread;
};

struct scrape {
    struct scrape_options options;
    struct worker *workers;
    struct lock lock; /* of the table, and of the status of every watch */
    struct watch **watches;
    size_t n;
};

/* ---- threads ------------------------------------------------------------------------------- */

static void run_worker(void *arg)
{
    struct worker *worker = arg;

    http_source_begin(worker->loop, worker->scrape->options.user_agent,
                      worker->scrape->options.native_histograms);
    loop_run(worker->loop);
}

struct scrape *scrape_new(const struct scrape_options *o)
{
    struct scrape *s = mem_zalloc(sizeof *s);

    must(o->threads > 0);
    s->options = *o;
    lock_init(&s->lock);
    s->workers = mem_array((size_t)o->threads, sizeof *s->workers);
    for (int i = 0; i < o->threads; i++) {
        char name[24];

        snprintf(name, sizeof name, "scrape-%d", i);
        s->workers[i] = (struct worker){.scrape = s, .loop = loop_new()};
        thread_start(&s->workers[i].thread, name, run_worker, &s->workers[i]);
    }
    return s;
}

/* Sessions and clients live on their loop's thread and have to end there. */
static void close_worker(void *arg)
{
    struct worker *worker = arg;
    const struct scrape *s = worker->scrape;

    for (size_t i = 0; i < s->n; i++)
        if (s->watches[i]->loop == worker->loop)
            watch_stop(s->watches[i]);
    http_source_end();
    loop_stop(worker->loop);
}

void scrape_free(struct scrape *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->options.threads; i++)
        loop_post(s->workers[i].loop, close_worker, &s->workers[i]);
    for (int i = 0; i < s->options.threads; i++) {
        thread_join(&s->workers[i].thread);
        loop_free(s->workers[i].loop);
    }
    for (size_t i = 0; i < s->n; i++)
        watch_free(s->watches[i]);
    free(s->watches);
    free(s->workers);
    lock_deinit(&s->lock);
    free(s);
}

/* ---- a new list ---------------------------------------------------------------------------- */

/* The map compares hashes before it asks, and identities are hashes. */
static bool is_same(const void *key, const void *value)
{
    return true;
}

static bool has_labels(const void *key, const void *value)
{
    return label_set_eq(key, ((const struct watch *)value)->target->target.labels);
}

/* What goes on unchanged may have been discovered with other labels: they are only shown. */
static void show(struct scrape *s, struct watch *w, const struct target *t,
                 const struct config *config)
{
    struct watched_target *before;

    if (label_set_eq(w->shown->target.discovered, t->discovered))
        return;
    before = w->shown;
    lock_take(&s->lock);
    w->shown = watched_target_new(t, config);
    lock_give(&s->lock);
    watched_target_unref(before);
}

static const struct page_source *source_of(const struct scrape *s, enum job_kind kind)
{
    return kind == JOB_HTTP ? &http_source : s->options.sources[kind];
}

static struct watch *begin(struct scrape *s, const struct target *t, const struct config *config)
{
    uint64_t worker = label_set_hash(t->labels) % (uint64_t)s->options.threads;

    return watch_new(watched_target_new(t, config), s->workers[worker].loop, &s->lock,
                     source_of(s, t->job->kind), &s->options.sink, s->options.native_histograms);
}

/* Fills `now` with those of `old` (by identity, which are taken out of it) that the list has too. */
static void keep_equal(struct scrape *s, struct map *old, const struct target_list *list,
                       struct watch **now)
{
    for (size_t i = 0; i < list->n_targets; i++) {
        const struct target *t = &list->targets[i];

        now[i] = map_remove(old, t->identity, is_same, NULL);
        if (now[i])
            show(s, now[i], t, list->config);
    }
}

/* Fills the gaps of `now`. One with the same labels as one of `ending` writes the same series and
 * becomes its heir; where several have the same labels, one inherits. */
static void begin_new(struct scrape *s, const struct map *ending, const struct target_list *list,
                      struct watch **now)
{
    struct map forebears = {0}; /* by labels */
    struct watch *w;

    for (size_t i = 0; (w = map_next(ending, &i));) {
        const struct label_set *labels = w->target->target.labels;

        if (!map_get(&forebears, label_set_hash(labels), has_labels, labels))
            map_add(&forebears, label_set_hash(labels), w);
    }
    for (size_t i = 0; i < list->n_targets; i++) {
        const struct label_set *labels = list->targets[i].labels;

        if (now[i])
            continue;
        now[i] = begin(s, &list->targets[i], list->config);
        w = map_remove(&forebears, label_set_hash(labels), has_labels, labels);
        if (w)
            w->heir = now[i];
    }
    map_deinit(&forebears);
}

void scrape_apply(struct scrape *s, struct target_list *list)
{
    struct map ending = {0};
    struct watch **now = mem_array(list->n_targets, sizeof(struct watch *)), **old = s->watches, *w;

    for (size_t i = 0; i < s->n; i++)
        map_add(&ending, old[i]->target->target.identity, old[i]);
    keep_equal(s, &ending, list, now);
    begin_new(s, &ending, list, now);
    lock_take(&s->lock);
    s->watches = now;
    s->n = list->n_targets;
    lock_give(&s->lock);
    free(old);
    /* Ends come before beginnings on every loop: an heir finds its inheritance, and a marker does
     * not follow the first sample of what begins. */
    for (size_t i = 0; (w = map_next(&ending, &i));)
        loop_post(w->loop, watch_end, w);
    for (size_t i = 0; i < s->n; i++)
        if (!now[i]->begun) {
            now[i]->begun = true;
            loop_post(now[i]->loop, watch_begin, now[i]);
        }
    map_deinit(&ending);
}

/* ---- what others see ----------------------------------------------------------------------- */

struct seen {
    struct watched_target *target;
    struct watch_status status;
};

static struct seen *look(struct scrape *s, size_t *ret_n)
{
    WITH_LOCK(&s->lock);
    struct seen *all = mem_array(s->n, sizeof *all);

    for (size_t i = 0; i < s->n; i++) {
        const struct watch *w = s->watches[i];

        all[i] = (struct seen){watched_target_ref(w->shown), w->status};
        if (w->status.last_error)
            all[i].status.last_error = mem_strdup(w->status.last_error);
        page_metadata_ref(all[i].status.metadata);
    }
    *ret_n = s->n;
    return all;
}

/* The callbacks come when the lock is given back: what they write for thousands of targets takes
 * time, and loops that wait for the lock miss their ticks. */
void scrape_each(struct scrape *s, void (*cb)(const struct target_status *st, void *arg), void *arg)
{
    size_t n;
    struct seen *all = look(s, &n);

    for (size_t i = 0; i < n; i++) {
        const struct watch_status *st = &all[i].status;

        cb(&(struct target_status){.target = &all[i].target->target,
                                   .health = st->health,
                                   .last_error = st->last_error ? st->last_error : "",
                                   .last_scrape = st->last_scrape,
                                   .last_duration = st->last_duration,
                                   .metadata = st->metadata ? st->metadata->v : NULL,
                                   .n_metadata = st->metadata ? st->metadata->n : 0},
           arg);
        watched_target_unref(all[i].target);
        page_metadata_unref(st->metadata);
        free(st->last_error);
    }
    free(all);
}
