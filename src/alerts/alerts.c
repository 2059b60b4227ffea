/* SPDX-License-Identifier: Apache-2.0 */
#include "alerts/alerts.h"

#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/mem.h"

DEFINE_FREEP(alerts, struct alerts)

/* ---- groups from what is held -------------------------------------------------------------- */

static void take_seats(struct alerts *a, struct held *h)
{
    route_match(route_root(a->config), h->labels, &h->seats, &h->n_seats);
    inhibit_enter(a, h);
}

static void join_groups(struct alerts *a, struct held *h, unix_ns now)
{
    for (size_t i = 0; i < h->n_seats; i++)
        if (!h->seats[i].group && !h->seats[i].told)
            group_join(a, &h->seats[i], h, now);
}

static bool all_told(const struct held *h)
{
    for (size_t i = 0; i < h->n_seats; i++)
        if (!h->seats[i].told)
            return false;
    return true;
}

/* In no particular order, so an old alert hastens its group also when it is not the one that opened
 * it. */
static void rebuild_groups(struct alerts *a, unix_ns now)
{
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));) {
        bool over = h->gone && all_told(h);

        free(h->seats);
        h->seats = NULL;
        h->n_seats = 0;
        take_seats(a, h);
        for (size_t k = 0; k < h->n_seats; k++)
            h->seats[k].told = over;
        if (h->gone)
            continue;
        join_groups(a, h, now);
        for (size_t k = 0; k < h->n_seats; k++)
            if (later(h->alert->starts_at, h->seats[k].route->group_wait) < now)
                group_hasten(a, h->seats[k].group, now);
    }
    a->generation++;
    a->gauges_stale = true;
}

static unix_ns earliest(unix_ns x, unix_ns y)
{
    return x < y ? x : y;
}

/* ---- life ---------------------------------------------------------------------------------- */

int alerts_new(const struct config *config, const struct keeper *keeper,
               const struct message_sink *messages, unix_ns now, struct alerts **ret,
               struct err *err)
{
    CLEANUP(alerts_freep)
    struct alerts *a = mem_zalloc(sizeof *a);
    int r;

    a->config = config_ref(config);
    a->keeper = *keeper;
    a->messages = *messages;
    a->generation = 1;
    a->last_now = a->blocked_until = a->gauges_at = now;
    a->next_sweep = now + SWEEP_INTERVAL;
    a->texts_due = INT64_MAX;
    inhibit_init(a);
    metrics_init();
    r = journal_load(a, now, err);
    if (r < 0)
        return err_in(err, r, "alerts");
    rebuild_groups(a, now);
    *ret = TAKE(a);
    return 0;
}

void alerts_free(struct alerts *a)
{
    if (!a)
        return;
    groups_clear(a);
    store_deinit(a);
    silences_deinit(a);
    inhibit_deinit(a);
    nflog_deinit(a);
    free(a->posted);
    free(a->dirty_alerts);
    free(a->dirty_entries);
    config_unref(a->config);
    free(a);
}

void alerts_hold(struct alerts *a, unix_ns until)
{
    a->held_until = until;
}

void alerts_rehearse(struct alerts *a)
{
    a->rehearses = true;
}

void alerts_reconfigure(struct alerts *a, const struct config *config, unix_ns now)
{
    const struct config *old = a->config;
    struct held *h;

    groups_clear(a);
    for (size_t i = 0; (h = map_next(&a->held, &i));)
        inhibit_leave(a, h);
    inhibit_deinit(a);
    a->config = config_ref(config);
    inhibit_init(a);
    rebuild_groups(a, now);
    config_unref(old);
}

/* ---- the clock ----------------------------------------------------------------------------- */

/* What was over stays over: an end that now lies ahead would bring the alert back. */
static void pull_ends(struct alerts *a, unix_ns before, unix_ns now)
{
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));) {
        const struct alert *old = h->alert;

        if (!alert_is_resolved(old, before) || alert_is_resolved(old, now))
            continue;
        h->alert = alert_with_end(old, now, old->timed_out);
        alert_unref(old);
    }
}

/*
 * When the clock went back all timers go back with it. How long ago it did so is not known, only
 * that the caller would have come at the first flush at the latest: that one is due now, so that no
 * wait becomes longer.
 */
static void see_clock(struct alerts *a, unix_ns now)
{
    const struct heap_node *first = heap_first(&a->timers);
    int64_t back = a->last_now > now ? a->last_now - now : 0;

    if (back >= CLOCK_NOISE) {
        pull_ends(a, a->last_now, now);
        silences_pull(a, a->last_now, now);
        groups_shift(a, first && first->due - now > back ? first->due - now : back);
        nflog_shift(a, back);
        a->blocked_until = now;
        a->held_until = earlier(a->held_until, back);
        a->next_sweep -= back;
        a->texts_due = a->texts_due == INT64_MAX ? INT64_MAX : earlier(a->texts_due, back);
        a->gauges_at -= back;
        a->generation++;
        metrics_clock_step();
    }
    a->last_now = now;
}

/* ---- posting ------------------------------------------------------------------------------- */

static void stage(struct alerts *a, const struct alert *report, unix_ns now)
{
    struct held *h = store_get(a, report->labels);
    const struct alert *old, *merged;

    if (!h)
        h = store_add(a, report->labels);
    old = h->posted ? h->posted : h->alert;
    merged = old ? alert_merge(old, report, now) : alert_ref(report);
    if (!h->posted)
        *VEC_PUSH(a->posted, a->n_posted, a->posted_cap) = h;
    alert_unref(h->posted);
    h->posted = merged;
}

/* The end that is reported again of an alert that is over is no news. */
static bool repeats_end(const struct held *h, unix_ns now)
{
    return h->alert && alert_same_end(h->alert, h->posted, now);
}

static bool stays_gone(const struct held *h, unix_ns now)
{
    return h->gone && repeats_end(h, now) && all_told(h);
}

/* A refresh that only moves the end of a firing alert, or tells its value in other words, stays in
 * memory: at a start every firing alert gets time to be reported anyway. */
static bool needs_disk(const struct held *h, unix_ns now)
{
    bool resolved = alert_is_resolved(h->posted, now);

    if (stays_gone(h, now))
        return false;
    return !h->alert || h->gone || h->dirty || h->saved_end != resolved ||
           h->alert->starts_at != h->posted->starts_at ||
           (resolved && !alert_same_texts(h->alert, h->posted)) ||
           (resolved && h->alert->ends_at != h->posted->ends_at);
}

/* What is not written now has to be written some time. */
static void see_texts(struct alerts *a, struct held *h, unix_ns now)
{
    if (h->write_posted || !h->alert || h->gone || alert_same_texts(h->alert, h->posted))
        return;
    h->old_texts = true;
    a->texts_due = earliest(a->texts_due, now + TEXTS_INTERVAL);
}

static void take_posted(struct alerts *a, struct held *h, unix_ns now)
{
    bool news = !repeats_end(h, now), over = stays_gone(h, now);

    see_texts(a, h, now);
    if (!h->alert)
        take_seats(a, h);
    if (!over && (!h->alert || h->gone))
        a->n_present++;
    alert_unref(h->alert);
    h->alert = TAKE(h->posted);
    if (over)
        return;
    h->gone = false;
    for (size_t i = 0; news && i < h->n_seats; i++)
        h->seats[i].told = false;
    join_groups(a, h, now);
}

static void refuse_posted(struct alerts *a, struct held *h)
{
    alert_unref(h->posted);
    h->posted = NULL;
    if (!h->alert)
        store_remove(a, h);
}

int alerts_post(struct alerts *a, const struct alert *const *alerts, size_t n, unix_ns now,
                struct err *err)
{
    bool write = false;
    int r = 0;

    see_clock(a, now);
    if (!a->ticked)
        alerts_tick(a, now); /* what was told before a crash is found out before anything can end */
    for (size_t i = 0; i < n; i++)
        stage(a, alerts[i], now);
    for (size_t i = 0; i < a->n_posted; i++)
        write |= a->posted[i]->write_posted = needs_disk(a->posted[i], now);
    if (write)
        r = journal_write(a, now, err);
    for (size_t i = 0; i < a->n_posted; i++) {
        if (r < 0)
            refuse_posted(a, a->posted[i]);
        else
            take_posted(a, a->posted[i], now);
    }
    a->n_posted = 0;
    if (r < 0)
        return err_in(err, r, "alerts: keeping %zu alerts", n);
    for (size_t i = 0; i < n; i++)
        metrics_received(a, alerts[i], now);
    a->generation++;
    a->gauges_stale = true;
    return 0;
}

/* ---- time ---------------------------------------------------------------------------------- */

static void sweep(struct alerts *a, unix_ns now)
{
    CLEANUP(mem_freep)
    struct held **forgotten = NULL;
    size_t n = 0, cap = 0;
    struct held *h;

    if (now < a->next_sweep)
        return;
    a->next_sweep = now + SWEEP_INTERVAL;
    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (h->gone && !h->dirty && now - h->gone_at >= GONE_REMEMBERED)
            *VEC_PUSH(forgotten, n, cap) = h;
    for (size_t i = 0; i < n; i++)
        store_remove(a, forgotten[i]);
    nflog_sweep(a, now);
    silences_sweep(a, now);
}

static unix_ns next_call(const struct alerts *a, unix_ns now)
{
    const struct heap_node *first = heap_first(&a->timers);
    unix_ns next = first ? first->due : INT64_MAX;

    if (a->n_dirty_alerts + a->n_dirty_entries > 0)
        next = earliest(next, a->blocked_until);
    next = earliest(next, a->texts_due);
    if (next < a->blocked_until)
        next = a->blocked_until;
    if (next < a->held_until)
        next = a->held_until;
    if (a->log.n > 0 || a->held.n > a->n_present || a->silences.n > 0)
        next = earliest(next, a->next_sweep);
    if (a->gauges_stale)
        next = earliest(next, a->gauges_at);
    return next > now ? next : now + 1;
}

unix_ns alerts_tick(struct alerts *a, unix_ns now)
{
    see_clock(a, now);
    a->ticked = true;
    sweep(a, now);
    flush_tick(a, now);
    metrics_gauges(a, now);
    return next_call(a, now);
}
