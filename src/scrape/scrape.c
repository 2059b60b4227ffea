/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape - the machine: loops, timers, sessions
 *
 * A watch is one target being watched. It belongs to one loop; main makes it and hands it over, and
 * from then on only its loop touches it, but for `status`, which is read under the lock. The table
 * of watches belongs to whoever calls scrape_apply() (main) and is read by scrape_each() under the
 * lock.
 */
#include "scrape/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "model/selfmetrics.h"
#include "scrape/scrape_priv.h"

#define TOLERANCE_NS (2 * NS_PER_MS) /* a scrape this near to its tick is stamped with the tick */

SELFMETRIC(scrapes, METRIC_COUNTER, "tocsin_scrapes_total", NULL, "Pages asked for.");
SELFMETRIC(failures, METRIC_COUNTER, "tocsin_scrapes_failed_total", NULL,
           "Pages that did not come or were bad.");
SELFMETRIC(skipped, METRIC_COUNTER, "tocsin_scrapes_skipped_total", NULL,
           "Ticks at which the page of the tick before was still under way.");

struct worker {
    struct scrape *scrape;
    struct loop *loop;
    struct thread thread;
};

struct watch {
    struct scrape *scrape;
    struct worker *worker;
    struct target_list *list; /* a reference: the target lives in it */
    const struct target *target;
    bool begun; /* handed to its loop; of main */

    /* its loop */
    const struct page_source *source;
    void *session;
    struct scraper *scraper;
    struct loop_timer *timer;
    unix_ns tick; /* the one being waited for, or carried out */
    bool under_way;
    unix_ms stamp; /* of the page under way */
    mono_ns started;
    struct watch *heir; /* takes over our memory when we end */

    /* under scrape->lock */
    enum target_health health;
    char *last_error;
    unix_ms last_scrape;
    double last_duration;
};

struct scrape {
    struct scrape_options options;
    struct worker *workers;
    struct lock lock;
    struct watch **watches;
    size_t n;
};

unix_ns scrape_next_tick(unix_ns after, dur_ms interval, uint64_t hash)
{
    int64_t step = interval * NS_PER_MS, offset = (int64_t)(hash % (uint64_t)step);
    int64_t since = (after - offset) % step;

    if (since < 0)
        since += step;
    return after - since + step;
}

/* ---- one watch, on its loop ---------------------------------------------------------------- */

static void note(struct watch *w, const struct scrape_outcome *o, unix_ms now, double duration)
{
    WITH_LOCK(&w->scrape->lock);
    w->health = o->err.code ? TARGET_DOWN : TARGET_UP;
    w->last_scrape = now;
    w->last_duration = duration;
    free(w->last_error);
    w->last_error = mem_strdup(o->err.code ? o->err.msg : "");
    selfmetric_add(&failures, o->err.code != 0);
}

static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct watch *w = arg;
    struct scrape_outcome o;
    int64_t duration = clock_mono_ns() - w->started;

    w->under_way = false;
    if (err && page.len)
        scraper_take_down(w->scraper, page, format, err, w->stamp, duration, &o);
    else if (err)
        scraper_fail(w->scraper, err, w->stamp, duration, &o);
    else
        scraper_take(w->scraper, page, format, w->stamp, duration, &o);
    note(w, &o, w->stamp, (double)duration / 1e9);
}

/* A target that is not to be asked is down all the same: its series say so, alerts see it. */
static void refuse(struct watch *w)
{
    struct err err = {0};

    err_set(&err, -EINVAL, "%s", w->target->refused);
    on_page(STR_NONE, EXPOSITION_TEXT, &err, w);
}

/* Always computed from the wall clock, so that a clock that is set moves the ticks along. A timer
 * that is a little early must not make the same tick twice. */
static void wait_for_tick(struct watch *w)
{
    unix_ns now = clock_unix_ns(),
            next = scrape_next_tick(now, w->target->interval, w->target->hash);

    if (next == w->tick)
        next += w->target->interval * NS_PER_MS;
    w->tick = next;
    loop_timer_after_ns(w->timer, next - now);
}

static void on_tick(void *arg)
{
    struct watch *w = arg;
    unix_ns now = clock_unix_ns();
    int64_t late = now > w->tick ? now - w->tick : w->tick - now;
    int64_t tolerance = w->target->interval * NS_PER_MS / 100;

    if (tolerance > TOLERANCE_NS)
        tolerance = TOLERANCE_NS;
    if (w->under_way) {
        selfmetric_add(&skipped, 1);
    } else {
        w->under_way = true;
        w->stamp = unix_ms_of_ns(late <= tolerance ? w->tick : now);
        w->started = clock_mono_ns();
        if (w->target->refused) {
            refuse(w);
        } else {
            selfmetric_add(&scrapes, 1);
            w->source->fetch(w->session, w->target->timeout, on_page, w);
        }
    }
    wait_for_tick(w);
}

static void watch_begin(void *arg)
{
    struct watch *w = arg;

    w->session = w->source->open(w->worker->loop, w->target);
    w->timer = loop_timer_new(w->worker->loop, on_tick, w);
    wait_for_tick(w);
}

static void watch_free(struct watch *w)
{
    scraper_free(w->scraper);
    target_list_unref(w->list);
    free(w->last_error);
    free(w);
}

static void watch_stop(struct watch *w)
{
    loop_timer_free(w->timer);
    if (w->session)
        w->source->close(w->session);
    w->timer = NULL;
    w->session = NULL;
}

/* The heir, if there is one, was posted to the same loop behind this and has not begun. */
static void watch_end(void *arg)
{
    struct watch *w = arg;

    watch_stop(w);
    if (w->heir)
        scraper_inherit(w->heir->scraper, w->scraper);
    else
        scraper_end(w->scraper, clock_unix_ms());
    watch_free(w);
}

static struct watch *watch_new(struct scrape *s, struct target_list *list, const struct target *t,
                               struct worker *worker)
{
    struct watch *w = mem_zalloc(sizeof *w);

    w->scrape = s;
    w->worker = worker;
    w->list = target_list_ref(list);
    w->target = t;
    w->source = t->job->kind == JOB_REDIS ? s->options.redis : &http_source;
    w->scraper = scraper_new(t, &s->options.sink);
    w->last_error = mem_strdup("");
    return w;
}

/* ---- the machine --------------------------------------------------------------------------- */

static void run_worker(void *arg)
{
    struct worker *worker = arg;

    http_source_begin(worker->loop, worker->scrape->options.user_agent);
    loop_run(worker->loop);
}

struct scrape *scrape_new(const struct scrape_options *o)
{
    struct scrape *s = mem_zalloc(sizeof *s);

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

struct closing {
    struct scrape *scrape;
    struct worker *worker;
};

/* Sessions and clients live on their loop's thread and have to end there. */
static void close_worker(void *arg)
{
    struct closing *c = arg;

    for (size_t i = 0; i < c->scrape->n; i++)
        if (c->scrape->watches[i]->worker == c->worker)
            watch_stop(c->scrape->watches[i]);
    http_source_end();
    loop_stop(c->worker->loop);
}

void scrape_free(struct scrape *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->options.threads; i++) {
        struct closing c = {s, &s->workers[i]};

        loop_post(c.worker->loop, close_worker, &c);
        thread_join(&c.worker->thread);
        loop_free(c.worker->loop);
    }
    for (size_t i = 0; i < s->n; i++)
        watch_free(s->watches[i]);
    free(s->watches);
    free(s->workers);
    lock_deinit(&s->lock);
    free(s);
}

static struct watch *take_equal(struct watch **old, size_t n, const struct target *t)
{
    for (size_t i = 0; i < n; i++)
        if (old[i] && old[i]->target->identity == t->identity)
            return TAKE(old[i]);
    return NULL;
}

/* One with other settings and the same labels writes the same series. */
static struct watch *find_forebear(struct watch **old, size_t n, const struct target *t)
{
    for (size_t i = 0; i < n; i++)
        if (old[i] && !old[i]->heir && label_set_eq(old[i]->target->labels, t->labels))
            return old[i];
    return NULL;
}

void scrape_apply(struct scrape *s, struct target_list *list)
{
    struct watch **old = s->watches, **now = mem_array(list->n_targets, sizeof *now);
    size_t n_old = s->n;

    for (size_t i = 0; i < list->n_targets; i++)
        now[i] = take_equal(old, n_old, &list->targets[i]);
    for (size_t i = 0; i < list->n_targets; i++) {
        const struct target *t = &list->targets[i];
        struct watch *forebear;

        if (now[i])
            continue;
        forebear = find_forebear(old, n_old, t);
        now[i] = watch_new(s, list, t,
                           forebear ? forebear->worker
                                    : &s->workers[t->hash / 7 % (uint64_t)s->options.threads]);
        if (forebear)
            forebear->heir = now[i];
    }
    lock_take(&s->lock);
    s->watches = now;
    s->n = list->n_targets;
    lock_give(&s->lock);
    /* Ends come before beginnings on every loop: an heir finds its inheritance. */
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            loop_post(old[i]->worker->loop, watch_end, old[i]);
    for (size_t i = 0; i < s->n; i++)
        if (!s->watches[i]->begun) {
            s->watches[i]->begun = true;
            loop_post(s->watches[i]->worker->loop, watch_begin, s->watches[i]);
        }
    free(old);
}

void scrape_each(struct scrape *s, void (*cb)(const struct target_status *st, void *arg), void *arg)
{
    WITH_LOCK(&s->lock);
    for (size_t i = 0; i < s->n; i++) {
        const struct watch *w = s->watches[i];

        cb(&(struct target_status){.target = w->target,
                                   .health = w->health,
                                   .last_error = w->last_error,
                                   .last_scrape = w->last_scrape,
                                   .last_duration = w->last_duration},
           arg);
    }
}
