/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From due groups to the message sink and the notification log.
 *
 * Groups are taken in batches. Of a batch it is first decided what has to be told (prepare), then
 * the ends that only time brought are saved, then all notifications go to the sink in one put, and
 * only then log and groups move on (told). The log reaches the disk in one write after the last
 * batch. Whatever fails leaves its groups as they were.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"

#define BATCH_NOTIFICATIONS 512   /* one put; a batch ends with the group that reaches a limit */
#define BATCH_ALERTS        20000 /* in all of its notifications: some ten MB in the outbox */
#define SINK_DOWN_AFTER     3 /* groups refused one after the other: it is the sink, not the group */

/* What the flush of one group found. Arrays are in the arena of the batch. */
struct flush {
    struct group *group;
    bool *muted; /* of each member */
    struct held **shown;
    size_t n_shown; /* members that no stage muted */
    struct hashes hashes;
    struct str *log_keys; /* of the integrations for which there is news */
    size_t n_log_keys;
    size_t first, n; /* its notifications in the batch */
};

struct batch {
    struct arena arena;
    struct flush *flushes;
    size_t n, cap;
    struct notification *notes;
    size_t n_notes, notes_cap;
    const struct alert **copies; /* references that the notifications show */
    size_t n_copies, copies_cap;
};

static void batch_reset(struct batch *b)
{
    for (size_t i = 0; i < b->n_copies; i++)
        alert_unref(b->copies[i]);
    b->n = b->n_notes = b->n_copies = 0;
    arena_reset(&b->arena);
}

static void batch_deinit(struct batch *b)
{
    batch_reset(b);
    free(b->flushes);
    free(b->notes);
    free(b->copies);
    arena_deinit(&b->arena);
}

/* ---- what has to be told ------------------------------------------------------------------- */

static void run_muting_stages(const struct alerts *a, struct batch *b, struct flush *f, unix_ns now)
{
    const struct group *g = f->group;
    enum mute_stage by_time = mute_by_time(g->route, now);

    f->muted = arena_array(&b->arena, g->n, sizeof *f->muted);
    f->shown = arena_array(&b->arena, g->n, sizeof(struct held *));
    for (size_t i = 0; i < g->n; i++) {
        enum mute_stage stage = mute_stage_of(a, g->members[i], by_time, now);

        metrics_suppressed(a, stage);
        f->muted[i] = stage != NOT_MUTED;
        if (!f->muted[i])
            f->shown[f->n_shown++] = g->members[i];
    }
}

static int ascending(const void *x, const void *y)
{
    const uint64_t *hx = x, *hy = y;

    return (*hx > *hy) - (*hx < *hy);
}

static void hash_shown(struct batch *b, struct flush *f, unix_ns now)
{
    struct hashes *h = &f->hashes;

    h->firing = arena_array(&b->arena, f->n_shown, sizeof *h->firing);
    h->resolved = arena_array(&b->arena, f->n_shown, sizeof *h->resolved);
    for (size_t i = 0; i < f->n_shown; i++) {
        if (alert_is_resolved(f->shown[i]->alert, now))
            h->resolved[h->n_resolved++] = f->shown[i]->log_hash;
        else
            h->firing[h->n_firing++] = f->shown[i]->log_hash;
    }
    qsort(h->firing, h->n_firing, sizeof *h->firing, ascending);
    qsort(h->resolved, h->n_resolved, sizeof *h->resolved, ascending);
}

/* The alerts of a notification. One that fires has no end in it, so that it cannot end on its way.
 */
static void show_alerts(struct batch *b, const struct flush *f, bool with_resolved,
                        struct notification *n)
{
    const struct alert **alerts = arena_array(&b->arena, f->n_shown, sizeof(struct alert *));

    n->alerts = alerts;
    for (size_t i = 0; i < f->n_shown; i++) {
        const struct alert *al = f->shown[i]->alert;
        bool resolved = alert_is_resolved(al, n->now);

        if (resolved && !with_resolved)
            continue;
        al = resolved ? alert_ref(al) : alert_with_end(al, UNIX_NS_ZERO, al->timed_out);
        *VEC_PUSH(b->copies, b->n_copies, b->copies_cap) = al;
        alerts[n->n_alerts++] = al;
    }
}

static void show_group_by(struct batch *b, const struct group *g, struct notification *n)
{
    const struct config_route *r = g->route;
    size_t n_names = r->group_by_all ? label_set_count(g->labels) : r->n_group_by;
    struct str *names = arena_array(&b->arena, n_names, sizeof *names);

    for (size_t i = 0; i < n_names; i++)
        names[i] = r->group_by_all ? label_set_at(g->labels, i).name : str_c(r->group_by[i]);
    n->group_by = names;
    n->n_group_by = n_names;
}

static void note(struct batch *b, const struct flush *f, const struct config_channel *c,
                 const char *reason, unix_ns now)
{
    const struct group *g = f->group;
    struct notification n = {
        .receiver = g->receiver->name,
        .integration = c->id,
        .group_key = g->key,
        .group_labels = g->labels,
        .now = now,
        .reason = reason,
    };

    show_group_by(b, g, &n);
    show_alerts(b, f, c->send_resolved, &n);
    *VEC_PUSH(b->notes, b->n_notes, b->notes_cap) = n;
}

/* A receiver that wants no ends is not called when nothing fires any more; the log takes note all
 * the same. */
static void prepare_integration(const struct alerts *a, struct batch *b, struct flush *f,
                                const struct config_channel *c, unix_ns now)
{
    struct buf key = {0};
    const char *reason;

    nflog_key(f->group, c, &key);
    reason = nflog_news(nflog_get(a, buf_str(&key)), &f->hashes, c->send_resolved,
                        f->group->route->repeat_interval, now);
    if (reason) {
        f->log_keys[f->n_log_keys++] = arena_str(&b->arena, buf_str(&key));
        if (f->hashes.n_firing > 0 || c->send_resolved)
            note(b, f, c, reason, now);
    }
    buf_free(&key);
}

static void prepare(struct alerts *a, struct batch *b, struct group *g, unix_ns now)
{
    struct flush *f = VEC_PUSH(b->flushes, b->n, b->cap);
    size_t n = g->receiver ? g->receiver->n_channels : 0;

    f->group = g;
    f->first = b->n_notes;
    group_sort(g);
    run_muting_stages(a, b, f, now);
    if (f->n_shown == 0)
        return;
    hash_shown(b, f, now);
    f->log_keys = arena_array(&b->arena, n, sizeof *f->log_keys);
    for (size_t i = 0; i < n; i++)
        prepare_integration(a, b, f, &g->receiver->channels[i], now);
    f->n = b->n_notes - f->first;
}

static void gather(struct alerts *a, struct batch *b, unix_ns now)
{
    struct group *g;

    while (b->n_notes < BATCH_NOTIFICATIONS && b->n_copies < BATCH_ALERTS &&
           (g = group_due(a, now)))
        prepare(a, b, g, now);
}

/* ---- handing over -------------------------------------------------------------------------- */

static int64_t backoff(unsigned failures)
{
    int64_t wait = BACKOFF_LEAST;

    for (; failures > 1 && wait < BACKOFF_MOST; failures--)
        wait *= 2;
    return wait < BACKOFF_MOST ? wait : BACKOFF_MOST;
}

/* Of the whole time in which something fails one line tells the beginning and one the end. */
static void report(struct alerts *a, const struct err *err)
{
    char groups[32];

    if (a->reported)
        return;
    a->reported = true;
    snprintf(groups, sizeof groups, "%zu", a->groups.n);
    log_event(LOG_ERROR, "alerts_write_failed", "error", err->msg, "groups", groups, "consequence",
              "alerts and groups are kept and tried again", NULL);
}

/* Nothing more is tried for a while. */
static void block(struct alerts *a, unix_ns now, const struct err *err)
{
    a->failures++;
    a->blocked_until = now + backoff(a->failures);
    report(a, err);
}

static void told(struct alerts *a, const struct flush *f, unix_ns now)
{
    const struct config_route *r = f->group->route;

    for (size_t i = 0; i < f->n_log_keys; i++)
        nflog_set(a, f->log_keys[i], &f->hashes, r->repeat_interval, now);
    group_settle(a, f->group, f->muted, now, later(now, r->group_interval));
}

static void refused(struct alerts *a, struct group *g, unix_ns now, const struct err *err)
{
    if (g->failures++ == 0)
        a->n_failing++;
    group_put_back(a, g, now + backoff(g->failures));
    report(a, err);
}

/*
 * An end that time brought is not in the record of its alert, and at a start such an alert gets
 * more time to be reported. Once its end may have been told it must not come back to life, so the
 * end is saved before.
 */
static int save_ends(struct alerts *a, const struct batch *b, unix_ns now, struct err *err)
{
    size_t unsaved = 0;

    for (size_t i = 0; i < b->n; i++) {
        const struct flush *f = &b->flushes[i];

        for (size_t k = 0; f->n > 0 && k < f->n_shown; k++) {
            struct held *h = f->shown[k];

            if (h->saved_end || !alert_is_resolved(h->alert, now))
                continue;
            journal_alert(a, h);
            unsaved++;
        }
    }
    return unsaved > 0 ? journal_write(a, now, err) : 0;
}

static int put(struct alerts *a, const struct batch *b, size_t first, size_t n, struct err *err)
{
    int r = n > 0 ? a->messages.put(a->messages.self, b->notes + first, n, err) : 0;

    if (r < 0) {
        metrics_sink_failed();
        return err_in(err, r, "outbox");
    }
    metrics_handed_over(a, n);
    return 0;
}

/* After a refused put: each group alone, so that one that the sink does not take holds up no other.
 * Returns how the sink itself is: negative when it refused several in a row. */
static int put_one_by_one(struct alerts *a, const struct batch *b, unix_ns now, struct err *err)
{
    unsigned in_a_row = 0;
    int r = 0;

    for (size_t i = 0; i < b->n; i++) {
        const struct flush *f = &b->flushes[i];

        if (in_a_row == SINK_DOWN_AFTER) {
            group_put_back(a, f->group, f->group->timer.due);
            continue;
        }
        r = put(a, b, f->first, f->n, err);
        if (r < 0) {
            refused(a, f->group, now, err);
            in_a_row++;
            continue;
        }
        if (f->n > 0)
            in_a_row = 0;
        told(a, f, now);
    }
    return in_a_row == SINK_DOWN_AFTER ? r : 0;
}

/* Returns negative when nothing more should be tried now. */
static int hand_over(struct alerts *a, const struct batch *b, unix_ns now, struct err *err)
{
    int r = save_ends(a, b, now, err);

    if (r < 0) {
        for (size_t i = 0; i < b->n; i++)
            group_put_back(a, b->flushes[i].group, b->flushes[i].group->timer.due);
        return r;
    }
    if (b->n == 1 || put(a, b, 0, b->n_notes, err) < 0)
        return put_one_by_one(a, b, now, err);
    for (size_t i = 0; i < b->n; i++)
        told(a, &b->flushes[i], now);
    return 0;
}

void flush_tick(struct alerts *a, unix_ns now)
{
    CLEANUP(batch_deinit)
    struct batch b = {0};
    struct err err = {0};
    int r = 0;

    if (now < a->blocked_until || now < a->held_until)
        return;
    arena_init(&b.arena, 0);
    for (;;) {
        gather(a, &b, now);
        if (b.n == 0)
            break;
        a->gauges_stale = true;
        r = hand_over(a, &b, now, &err);
        batch_reset(&b);
        if (r < 0)
            break;
    }
    if (r >= 0)
        r = journal_write(a, now, &err);
    if (r < 0) {
        block(a, now, &err);
        return;
    }
    a->failures = 0;
    if (a->reported && a->n_failing == 0) {
        a->reported = false;
        log_event(LOG_INFO, "alerts_write_works_again", NULL);
    }
}
