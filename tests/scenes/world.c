/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenes/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts.h"
#include "app/leap.h"
#include "app/own_alerts.h"
#include "base/mem.h"
#include "base/must.h"
#include "config/config.h"
#include "notify/notify.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "scrape/scrape_priv.h"
#include "state/state.h"
#include "storage/storage.h"
#include "targets/targets.h"

#define SCRAPE_NS       (2 * NS_PER_MS) /* what a played scrape takes */
#define STORAGE_TICK_NS (60 * NS_PER_S) /* how often storage does what its threads would do */

struct played_target {
    char *address, *page; /* page NULL: down */
};

struct played_webhook {
    char *url;
    enum webhook_mood mood;
    int status;
};

struct watched {
    const struct target *target;
    struct scraper *scraper;
    unix_ns tick;
};

struct hanging {
    outgoing_done *done;
    void *arg;
    unix_ns until;
};

struct world {
    char *folder;
    char data[256];
    unsigned lives; /* starts so far; each crash makes a new data folder */
    unix_ns now;
    bool up;

    struct played_target *played;
    size_t n_played, cap_played;
    struct played_webhook *webhooks;
    size_t n_webhooks, cap_webhooks;
    struct world_request *requests;
    size_t n_requests, cap_requests;
    struct hanging *hanging;
    size_t n_hanging, cap_hanging;

    struct config *config;
    struct state *state;
    struct storage *storage;
    struct notify *notify;
    struct alerts *alerts;
    struct rules *rules;
    struct targets *targets;
    struct target_list *list;
    struct watched *watched;
    size_t n_watched;
    struct own_alerts *own_alerts;
    unix_ns rules_due, alerts_due, notify_due, storage_due, own_alerts_due;
    unix_ns alerts_held; /* after a leap of the clock */
};

/* ---- what is played ------------------------------------------------------------------------ */

void world_target_serves(struct world *w, struct str address, struct str page)
{
    struct played_target *t = NULL;

    for (size_t i = 0; i < w->n_played; i++)
        if (str_eq_c(address, w->played[i].address))
            t = &w->played[i];
    if (!t) {
        t = VEC_PUSH(w->played, w->n_played, w->cap_played);
        t->address = str_dup(address);
    }
    free(t->page);
    t->page = page.p ? str_dup(page) : NULL;
}

static struct played_webhook *find_webhook(struct world *w, struct str url)
{
    for (size_t i = 0; i < w->n_webhooks; i++)
        if (str_eq_c(url, w->webhooks[i].url))
            return &w->webhooks[i];
    return NULL;
}

void world_webhook(struct world *w, struct str url, enum webhook_mood mood, int status)
{
    struct played_webhook *h = find_webhook(w, url);

    if (!h) {
        h = VEC_PUSH(w->webhooks, w->n_webhooks, w->cap_webhooks);
        h->url = str_dup(url);
    }
    h->mood = mood;
    h->status = status;
}

static void play_request(void *self, const struct outgoing *o, outgoing_done *done, void *arg)
{
    struct world *w = self;
    struct played_webhook *h = find_webhook(w, str_c(o->url));
    struct world_request *r = VEC_PUSH(w->requests, w->n_requests, w->cap_requests);
    struct err err = {0};

    *r = (struct world_request){
        .url = mem_strdup(o->url), .body = str_dup(o->body), .when = w->now};
    if (h && h->mood == WEBHOOK_HANGS) {
        *VEC_PUSH(w->hanging, w->n_hanging,
                  w->cap_hanging) = (struct hanging){done, arg, w->now + o->timeout * NS_PER_MS};
    } else if (h && h->mood == WEBHOOK_REFUSES) {
        err_set(&err, -ECONNREFUSED, "connect to %s: Connection refused", o->url);
        done(0, STR_NONE, &err, arg);
    } else {
        r->answered = h ? h->status : 200;
        done(r->answered, STR("played"), NULL, arg);
    }
}

static void end_hanging(struct world *w, bool all)
{
    struct err err = {0};
    size_t kept = 0;

    err_set(&err, -ETIMEDOUT, "no answer in time");
    for (size_t i = 0; i < w->n_hanging; i++) {
        if (all || w->hanging[i].until <= w->now)
            w->hanging[i].done(0, STR_NONE, &err, w->hanging[i].arg);
        else
            w->hanging[kept++] = w->hanging[i];
    }
    w->n_hanging = kept;
}

struct world_request *world_requests(struct world *w, size_t *ret_n)
{
    *ret_n = w->n_requests;
    return w->requests;
}

/* ---- building ------------------------------------------------------------------------------ */

static unix_ms storage_now(void *arg)
{
    return unix_ms_of_ns(((struct world *)arg)->now);
}

static int post_alerts(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                       struct err *err)
{
    struct world *w = self;
    int r = alerts_post(w->alerts, alerts, n, now, err);

    w->alerts_due = now > w->alerts_held ? now : w->alerts_held;
    return r;
}

static void wake_notify(void *arg)
{
    struct world *w = arg;

    w->notify_due = w->now;
}

static int open_disk(struct world *w, struct err *err)
{
    struct storage_options o;
    char path[300], *report = NULL;
    struct buf lines = {0};
    int r;

    snprintf(path, sizeof path, "%s/state.db", w->data);
    r = state_open(path, &w->state, &report, err);
    must(!report);
    if (r < 0)
        return r;
    storage_options_default(&o);
    o.manual = true;
    o.now = storage_now;
    o.now_arg = w;
    snprintf(path, sizeof path, "%s/tsdb", w->data);
    r = storage_open(path, &o, &w->storage, &lines, err);
    buf_free(&lines);
    return r;
}

static void set_targets(struct world *w)
{
    storage_set_budget(w->storage, w->config);
    targets_free(w->targets);
    w->targets = targets_new(w->config, unix_ms_of_ns(w->now), NULL, NULL);
    target_list_unref(w->list);
    w->list = targets_list(w->targets);
    for (size_t i = 0; i < w->n_watched; i++)
        scraper_free(w->watched[i].scraper);
    free(w->watched);
    w->n_watched = w->list->n_targets;
    w->watched = mem_array(w->n_watched, sizeof *w->watched);
    for (size_t i = 0; i < w->n_watched; i++) {
        const struct target *t = &w->list->targets[i];

        w->watched[i] = (struct watched){t, scraper_new(t, storage_sink(w->storage)),
                                         scrape_next_tick(w->now, t->interval, 0)};
    }
}

int world_start(struct world *w, struct err *err)
{
    struct notify_options n = {.external_url = "http://tocsin.example",
                               .transport = {w, play_request},
                               .wake = wake_notify,
                               .wake_arg = w,
                               .seed = 42};
    struct rules_options ro = {.alerts = {w, post_alerts},
                               .external_url = "http://tocsin.example",
                               .lookback = 5 * 60 * 1000,
                               .resend_delay = 60 * 1000,
                               .tell_within = 60 * 60 * 1000,
                               .for_grace_period = 10 * 60 * 1000,
                               .for_outage_tolerance = 60 * 60 * 1000};
    struct keeper keeper;
    struct message_sink messages;
    char path[300];
    int r;

    snprintf(path, sizeof path, "%s/tocsin.yml", w->folder);
    w->up = true;
    if ((r = config_load(path, &w->config, err)) < 0 || (r = open_disk(w, err)) < 0)
        return r;
    n.keeper = keeper = state_keeper(w->state);
    if ((r = notify_new(&n, w->config, w->now, &w->notify, err)) < 0)
        return r;
    messages = notify_sink(w->notify);
    if ((r = alerts_new(w->config, &keeper, &messages, w->now, &w->alerts, err)) < 0)
        return r;
    ro.reader = *storage_reader(w->storage);
    ro.samples = *storage_sink(w->storage);
    if ((r = rules_new(&ro, w->config, w->now, &w->rules, err)) < 0)
        return r;
    w->own_alerts = own_alerts_new(w->storage, &ro.alerts, ro.external_url);
    set_targets(w);
    w->rules_due = w->alerts_due = w->notify_due = w->own_alerts_due = w->now;
    w->lives++;
    return 0;
}

int world_reload(struct world *w, struct err *err)
{
    struct config *config = NULL;
    char path[300];
    int r;

    snprintf(path, sizeof path, "%s/tocsin.yml", w->folder);
    if ((r = config_load(path, &config, err)) < 0 ||
        (r = rules_reload(w->rules, config, w->now, err)) < 0) {
        config_unref(config);
        return r;
    }
    notify_reconfigure(w->notify, config, w->now);
    alerts_reconfigure(w->alerts, config, w->now);
    config_unref(w->config);
    w->config = config;
    set_targets(w);
    w->rules_due = w->alerts_due = w->notify_due = w->now;
    return 0;
}

void world_stop(struct world *w)
{
    if (!w->up)
        return;
    w->up = false;
    for (size_t i = 0; i < w->n_watched; i++)
        scraper_free(w->watched[i].scraper);
    free(TAKE(w->watched));
    w->n_watched = 0;
    own_alerts_free(TAKE(w->own_alerts));
    rules_free(TAKE(w->rules));
    alerts_free(TAKE(w->alerts));
    notify_free(TAKE(w->notify));
    end_hanging(w, true);
    if (w->storage)
        storage_close(TAKE(w->storage), NULL);
    state_close(TAKE(w->state));
    target_list_unref(TAKE(w->list));
    targets_free(TAKE(w->targets));
    config_unref(TAKE(w->config));
}

int world_crash(struct world *w, struct err *err)
{
    char command[700], next[256];

    snprintf(next, sizeof next, "%s/data-%u", w->folder, w->lives);
    snprintf(command, sizeof command, "cp -a %s %s", w->data, next);
    if (system(command) != 0)
        return err_set(err, -EIO, "%s failed", command);
    world_stop(w);
    snprintf(w->data, sizeof w->data, "%s", next);
    return 0;
}

/* ---- the clock ----------------------------------------------------------------------------- */

static void scrape_one(struct world *w, struct watched *t)
{
    const struct played_target *played = NULL;
    struct scrape_outcome o;
    struct err err = {0};

    for (size_t i = 0; i < w->n_played; i++)
        if (strcmp(w->played[i].address, t->target->address) == 0)
            played = &w->played[i];
    if (played && played->page) {
        scraper_take(t->scraper, str_c(played->page), EXPOSITION_TEXT, unix_ms_of_ns(w->now),
                     SCRAPE_NS, &o);
    } else {
        err_set(&err, -ECONNREFUSED, "connect to %s: Connection refused", t->target->address);
        scraper_fail(t->scraper, &err, unix_ms_of_ns(w->now), SCRAPE_NS, &o);
    }
    t->tick = scrape_next_tick(w->now, t->target->interval, 0);
}

static unix_ns next_event(const struct world *w)
{
    unix_ns next = w->rules_due;

    if (w->alerts_due < next)
        next = w->alerts_due;
    if (w->notify_due < next)
        next = w->notify_due;
    if (w->own_alerts_due < next)
        next = w->own_alerts_due;
    for (size_t i = 0; i < w->n_watched; i++)
        if (w->watched[i].tick < next)
            next = w->watched[i].tick;
    for (size_t i = 0; i < w->n_hanging; i++)
        if (w->hanging[i].until < next)
            next = w->hanging[i].until;
    return next;
}

/* Scrapes first, then what looks at them: at the same moment the samples are there. */
static void do_what_is_due(struct world *w)
{
    for (size_t i = 0; i < w->n_watched; i++)
        if (w->watched[i].tick <= w->now)
            scrape_one(w, &w->watched[i]);
    end_hanging(w, false);
    if (w->rules_due <= w->now)
        w->rules_due = rules_tick(w->rules, w->now);
    if (w->alerts_due <= w->now)
        w->alerts_due = alerts_tick(w->alerts, w->now);
    if (w->notify_due <= w->now) {
        w->notify_due = INT64_MAX;
        unix_ns due = notify_tick(w->notify, w->now);
        if (due < w->notify_due)
            w->notify_due = due;
    }
    if (w->own_alerts_due <= w->now) {
        own_alerts_tick(w->own_alerts, w->config->external_labels, w->now);
        w->own_alerts_due = w->now + OWN_ALERTS_EVERY_MS * NS_PER_MS;
    }
    if (w->storage_due <= w->now) {
        storage_tick(w->storage, NULL);
        w->storage_due = w->now + STORAGE_TICK_NS;
    }
}

void world_run_until(struct world *w, unix_ns when)
{
    unix_ns next;

    while (w->up && (next = next_event(w)) <= when) {
        if (next > w->now)
            w->now = next;
        do_what_is_due(w);
    }
    if (when > w->now)
        w->now = when;
}

unix_ns world_now(const struct world *w)
{
    return w->now;
}

/* As on a real machine: waits are on the monotonic clock, so what was due in a minute is looked at
 * again soon. */
void world_jump(struct world *w, int64_t ns)
{
    w->now += ns;
    w->rules_due = w->alerts_due = w->notify_due = w->now;
    if (ns >= LEAP_NS) {
        w->rules_due = w->now + leap_hold_rules_ns(w->config);
        w->alerts_due = w->alerts_held = w->now + leap_hold_alerts_ns(w->config);
    }
    for (size_t i = 0; i < w->n_watched; i++)
        w->watched[i].tick = scrape_next_tick(w->now, w->watched[i].target->interval, 0);
}

struct world *world_new(const char *folder)
{
    struct world *w = mem_zalloc(sizeof *w);
    char command[300];

    w->folder = mem_strdup(folder);
    w->now = WORLD_BEGIN;
    snprintf(w->data, sizeof w->data, "%s/data", folder);
    snprintf(command, sizeof command, "mkdir -p %s", w->data);
    must(system(command) == 0);
    return w;
}

void world_free(struct world *w)
{
    world_stop(w);
    for (size_t i = 0; i < w->n_played; i++) {
        free(w->played[i].address);
        free(w->played[i].page);
    }
    for (size_t i = 0; i < w->n_webhooks; i++)
        free(w->webhooks[i].url);
    for (size_t i = 0; i < w->n_requests; i++) {
        free(w->requests[i].url);
        free(w->requests[i].body);
    }
    free(w->played);
    free(w->webhooks);
    free(w->requests);
    free(w->hanging);
    free(w->folder);
    free(w);
}

const struct series_reader *world_reader(struct world *w)
{
    return storage_reader(w->storage);
}

struct rules *world_rules(struct world *w)
{
    return w->rules;
}
