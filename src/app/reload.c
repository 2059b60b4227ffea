/* SPDX-License-Identifier: Apache-2.0 */
#include "app/server.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "alerts/alerts.h"
#include "base/log.h"
#include "model/selfmetrics.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "storage/storage.h"
#include "targets/targets.h"

SELFMETRIC(reload_successful, METRIC_GAUGE, "tocsin_config_last_reload_successful", NULL,
           "Whether the last attempt to load the configuration worked.");
SELFMETRIC(reload_time, METRIC_GAUGE, "tocsin_config_last_reload_success_timestamp_seconds", NULL,
           "When the configuration that is in force was loaded.");

const struct config *server_config(void *self)
{
    struct server *s = self;

    WITH_LOCK(&s->lock);
    return config_ref(s->config);
}

struct target_list *server_targets(void *self)
{
    struct server *s = self;

    WITH_LOCK(&s->lock);
    return target_list_ref(s->target_list);
}

/* ---- targets ------------------------------------------------------------------------------- */

static void complain(const char *words, void *arg)
{
    log_event(LOG_WARN, "targets", "error", words, NULL);
}

static void take_list(void *arg)
{
    struct server *s = arg;
    struct target_list *list = targets_list(s->targets), *old;

    scrape_apply(s->scrape, list);
    lock_take(&s->lock);
    old = s->target_list;
    s->target_list = list;
    lock_give(&s->lock);
    target_list_unref(old);
}

void server_refresh_targets(void *arg)
{
    struct server *s = arg;
    bool changed = false;
    unix_ms now = clock_unix_ms(), next = targets_tick(s->targets, now, &changed);

    if (changed)
        take_list(s);
    if (next != INT64_MAX)
        loop_timer_after(s->targets_timer, next > now ? next - now : 0);
}

static void set_targets(struct server *s)
{
    unix_ms now = clock_unix_ms();
    bool is_first = !s->targets;

    if (!is_first)
        targets_reconfigure(s->targets, s->config, now);
    else
        s->targets = targets_new(s->config, now, complain, s);
    take_list(s);
    if (is_first)
        targets_discover(s->targets, s->loop, take_list, s);
    server_refresh_targets(s);
}

/* ---- reload -------------------------------------------------------------------------------- */

struct takeover {
    struct server *s;
    unix_ns now;
};

static void reconfigure_alerts(void *arg)
{
    struct takeover *t = arg;

    alerts_reconfigure(t->s->alerts, t->s->config, t->now);
}

static void reconfigure_notify(void *arg)
{
    struct takeover *t = arg;

    notify_reconfigure(t->s->notify, t->s->config, t->now);
}

static void note_loaded(struct server *s, bool ok)
{
    unix_ms now = clock_unix_ms();

    lock_take(&s->lock);
    s->loaded = ok;
    s->loaded_since = ok ? now : s->loaded_since;
    lock_give(&s->lock);
    selfmetric_set(&reload_successful, ok);
    if (ok)
        selfmetric_set(&reload_time, now / 1000);
}

void server_loaded(void *self, bool *ret_ok, unix_ms *ret_since)
{
    struct server *s = self;

    WITH_LOCK(&s->lock);
    *ret_ok = s->loaded;
    *ret_since = s->loaded_since;
}

void server_begin(struct server *s)
{
    storage_set_budget(s->storage, s->config);
    set_targets(s);
    note_loaded(s, true);
}

/* All that can be refused comes first; from then on nothing fails. notify learns of new receivers
 * before alerts can name them. */
int server_reload(struct server *s, struct err *err)
{
    struct config *config = NULL, *old;
    struct takeover t = {s, clock_unix_ns()};
    int r = config_load(s->options->config_file, &config, err);

    if (r == 0)
        r = notify_check(config, err);
    if (r == 0)
        r = rules_reload(s->rules, config, t.now, err);
    if (r < 0) {
        config_unref(config);
        note_loaded(s, false);
        return r;
    }
    lock_take(&s->lock);
    old = s->config;
    s->config = config;
    lock_give(&s->lock);

    role_run(s->notify_role, reconfigure_notify, &t);
    role_run(s->alerts_role, reconfigure_alerts, &t);
    for (size_t i = 0; i < RULE_WORKERS; i++)
        role_wake(s->rule_roles[i]);
    storage_set_budget(s->storage, s->config);
    set_targets(s);
    note_loaded(s, true);
    config_unref(old);
    log_event(LOG_INFO, "reloaded", "file", s->options->config_file, NULL);
    return 0;
}

struct question {
    struct server *s;
    struct err *err;
    int result;
    bool answered; /* under lock, with its condition */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static void answer(void *arg)
{
    struct question *q = arg;
    int r = server_reload(q->s, q->err);

    pthread_mutex_lock(&q->lock);
    q->result = r;
    q->answered = true;
    pthread_cond_signal(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

int server_ask_reload(void *self, struct err *err)
{
    struct server *s = self;
    struct question q = {
        .s = s, .err = err, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

    if (!atomic_load(&s->ready))
        return err_set(err, -EAGAIN, "starting or stopping");
    loop_post(s->loop, answer, &q);
    pthread_mutex_lock(&q.lock);
    /* Once `ready` is false main's loop has returned and will not touch q any more. */
    while (!q.answered && atomic_load(&s->ready)) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&q.changed, &q.lock, &until);
    }
    pthread_mutex_unlock(&q.lock);
    return q.answered ? q.result : err_set(err, -ESHUTDOWN, "stopping");
}
