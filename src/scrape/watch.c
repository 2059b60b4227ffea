/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - one target being watched, on its loop
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/selfmetrics.h"
#include "scrape/scrape_priv.h"

#define TOLERANCE_NS (2 * NS_PER_MS) /* a scrape this near to its tick is stamped with the tick */
#define INTERVAL_MAX_MS                                                                            \
    (INT64_C(36525) * 24 * 3600 * 1000) /* 100 years: sums of ns stay in range */

SELFMETRIC(scrapes, METRIC_COUNTER, "tocsin_scrapes_total", NULL, "Pages asked for.");
SELFMETRIC(failures, METRIC_COUNTER, "tocsin_scrapes_failed_total", NULL,
           "Pages that did not come or were bad.");
SELFMETRIC(skipped, METRIC_COUNTER, "tocsin_scrapes_skipped_total", NULL,
           "Ticks at which the page of the tick before was still under way.");

/* ---- a target of its own ------------------------------------------------------------------- */

static const char *copy_or_null(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

struct watched_target *watched_target_new(const struct target *t, const struct config *config)
{
    struct watched_target *w = mem_zalloc(sizeof *w);

    atomic_init(&w->refs, 1);
    w->config = config_ref(config);
    w->target = *t;
    w->target.discovered = label_set_ref(t->discovered);
    w->target.labels = label_set_ref(t->labels);
    w->target.address = copy_or_null(t->address);
    w->target.url = copy_or_null(t->url);
    w->target.refused = copy_or_null(t->refused);
    return w;
}

struct watched_target *watched_target_ref(struct watched_target *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

static void free_text(const char *s)
{
    free((char *)(uintptr_t)s);
}

void watched_target_unref(struct watched_target *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    label_set_unref(t->target.discovered);
    label_set_unref(t->target.labels);
    free_text(t->target.address);
    free_text(t->target.url);
    free_text(t->target.refused);
    config_unref(t->config);
    free(t);
}

/* ---- state --------------------------------------------------------------------------------- */

/* `failed`: why its check failed, though it was asked; NULL: it did not. Returns what the status was,
 * without metadata; its last_error is the caller's. */
static struct watch_status set_status(struct watch *w, const struct scrape_outcome *o,
                                      const char *failed, double duration)
{
    WITH_LOCK(w->lock);
    struct watch_status before = w->status;
    const char *error = o->err.code ? o->err.msg : failed;

    page_metadata_unref(TAKE(before.metadata));
    w->status = (struct watch_status){
        .health = o->err.code ? TARGET_DOWN : TARGET_UP,
        .last_error = error ? mem_strdup(error) : NULL,
        .last_scrape = w->stamp,
        .last_duration = duration,
        .metadata = page_metadata_ref(scraper_metadata(w->scraper)),
    };
    return before;
}

/* Told once when it changes, not at every scrape. */
static void tell_health(const struct target *t, enum target_health before, const struct err *err)
{
    if (err->code && before != TARGET_DOWN)
        log_event(LOG_WARN, "target_down", "job", t->job->job_name, "target", t->url, "error",
                  err->msg, NULL);
    else if (!err->code && before == TARGET_DOWN)
        log_event(LOG_INFO, "target_up", "job", t->job->job_name, "target", t->url, NULL);
}

/* The same of a check on a target that is up; another reason is a change. */
static void tell_check(const struct target *t, const struct watch_status *before,
                       const char *failed)
{
    const char *was = before->health == TARGET_UP ? before->last_error : NULL;

    if (failed && (!was || strcmp(failed, was) != 0))
        log_event(LOG_WARN, "check_failed", "job", t->job->job_name, "target", t->url, "reason",
                  failed, NULL);
    else if (!failed && was)
        log_event(LOG_INFO, "check_passed", "job", t->job->job_name, "target", t->url, NULL);
}

static void note_outcome(struct watch *w, const struct scrape_outcome *o, double duration)
{
    CLEANUP(buf_free) struct buf failed = {0};
    struct watch_status before;

    if (w->source->failure && w->session && !o->err.code)
        w->source->failure(w->session, &failed);
    before = set_status(w, o, failed.p, duration);
    tell_health(&w->target->target, before.health, &o->err);
    tell_check(&w->target->target, &before, failed.p);
    free(before.last_error);
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
    selfmetric_add(&failures, o.err.code != 0);
    note_outcome(w, &o, (double)duration / NS_PER_S);
}

/* A target that is not to be asked is down all the same: its series say so, alerts see it. */
static void refuse(struct watch *w)
{
    struct err err = {0};

    err_set(&err, -EINVAL, "%s", w->target->target.refused);
    on_page(STR_NONE, EXPOSITION_TEXT, &err, w);
}

/* ---- ticks --------------------------------------------------------------------------------- */

static int64_t step_ns(dur_ms interval)
{
    return (interval < INTERVAL_MAX_MS ? interval : INTERVAL_MAX_MS) * NS_PER_MS;
}

unix_ns scrape_next_tick(unix_ns after, dur_ms interval, uint64_t hash)
{
    int64_t step = step_ns(interval), offset = (int64_t)(hash % (uint64_t)step);
    int64_t since = (after - offset) % step;

    if (since < 0)
        since += step;
    return after - since + step;
}

/* Always computed from the wall clock, so that a clock that is set moves the ticks along. A timer
 * that is a little early must not make the same tick twice. */
static void wait_for_tick(struct watch *w)
{
    const struct target *t = &w->target->target;
    unix_ns now = clock_unix_ns(), next = scrape_next_tick(now, t->interval, t->hash);

    if (next == w->tick)
        next += step_ns(t->interval);
    w->tick = next;
    loop_timer_after_ns(w->timer, next - now);
}

static unix_ms stamp_of(const struct watch *w, unix_ns now)
{
    int64_t off = now > w->tick ? now - w->tick : w->tick - now;
    int64_t tolerance = step_ns(w->target->target.interval) / 100;

    if (tolerance > TOLERANCE_NS)
        tolerance = TOLERANCE_NS;
    return unix_ms_of_ns(off <= tolerance ? w->tick : now);
}

/* A page that may take its whole interval would still be under way at the next tick, and a target
 * that hangs would get its up = 0 only at every second one. */
static dur_ms time_allowed(const struct target *t)
{
    dur_ms most = t->interval - t->interval / 50;

    return t->timeout < most ? t->timeout : most;
}

static void ask(struct watch *w)
{
    const struct target *t = &w->target->target;

    w->under_way = true;
    w->stamp = stamp_of(w, clock_unix_ns());
    w->started = clock_mono_ns();
    if (t->refused) {
        refuse(w);
        return;
    }
    selfmetric_add(&scrapes, 1);
    w->source->fetch(w->session, time_allowed(t), on_page, w);
}

static void on_tick(void *arg)
{
    struct watch *w = arg;

    if (w->under_way)
        selfmetric_add(&skipped, 1);
    else
        ask(w);
    wait_for_tick(w);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct watch *watch_new(struct watched_target *take_target, struct loop *loop, struct lock *lock,
                        const struct page_source *source, const struct sample_sink *sink,
                        bool wants_native)
{
    struct watch *w = mem_zalloc(sizeof *w);

    must(source);
    w->loop = loop;
    w->lock = lock;
    w->source = source;
    w->target = take_target;
    w->shown = watched_target_ref(take_target);
    w->scraper = scraper_new(&w->target->target, sink);
    if (wants_native)
        scraper_take_native(w->scraper);
    return w;
}

void watch_free(struct watch *w)
{
    must(!w->session);
    scraper_free(w->scraper);
    watched_target_unref(w->target);
    watched_target_unref(w->shown);
    page_metadata_unref(w->status.metadata);
    free(w->status.last_error);
    free(w);
}

void watch_begin(void *watch)
{
    struct watch *w = watch;

    MUST_BE_ON(w->loop);
    w->session = w->source->open(w->loop, &w->target->target);
    w->timer = loop_timer_new(w->loop, on_tick, w);
    wait_for_tick(w);
}

void watch_stop(struct watch *w)
{
    MUST_BE_ON(w->loop);
    loop_timer_free(TAKE(w->timer));
    if (w->session)
        w->source->close(TAKE(w->session));
}

/* The heir's beginning was posted to the same loop behind our end, so nobody has touched it yet. */
static void bequeath(struct watch *w)
{
    struct watch *heir = w->heir;

    must(heir->loop == w->loop && !heir->timer);
    scraper_inherit(heir->scraper, w->scraper);
    WITH_LOCK(w->lock);
    heir->status = w->status;
    w->status = (struct watch_status){0};
}

void watch_end(void *watch)
{
    struct watch *w = watch;
    unix_ms now = clock_unix_ms();

    watch_stop(w);
    /* A marker that is not newer than the last sample would be refused, and the series would look
     * alive. */
    if (w->heir)
        bequeath(w);
    else
        scraper_end(w->scraper, now > w->status.last_scrape ? now : w->status.last_scrape + 1);
    watch_free(w);
}
