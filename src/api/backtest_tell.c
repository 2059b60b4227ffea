/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backtest_tell - the alerts of a backtest through routes, groups, inhibition and times
 *
 * Each alert is posted when it fires, without an end, and once more when it is over; between these
 * the clock jumps to where routing next wants to be called.
 */
#include <stdlib.h>

#include "alerts/alerts.h"
#include "api/backtest_priv.h"
#include "base/mem.h"
#include "config/config.h"

#define NO_END (24 * 3600 * NS_PER_S) /* behind the span */

static const char default_routes[] =
    "route: {receiver: all, group_by: [alertname]}\n"
    "receivers: [{name: all, webhook_configs: [{url: 'http://127.0.0.1/'}]}]\n";

/* ---- the ports ----------------------------------------------------------------------------- */

static int forget(void *self, const struct keeper_op *ops, size_t n, struct err *err)
{
    return 0;
}

static int no_records(void *self, const char *table,
                      int (*cb)(struct str key, struct str value, void *arg), void *arg,
                      struct err *err)
{
    return 0;
}

static void count(struct told *t, const struct notification *n)
{
    bool firing = false;
    size_t i = 0;

    for (size_t k = 0; k < n->n_alerts; k++)
        firing = firing || !alert_is_resolved(n->alerts[k], n->now);
    t->messages++;
    t->resolved += !firing;
    while (i < t->n && strcmp(t->receivers[i].name, n->receiver) != 0)
        i++;
    if (i == t->n)
        *VEC_PUSH(t->receivers, t->n,
                  t->cap) = (struct told_receiver){.name = mem_strdup(n->receiver)};
    t->receivers[i].messages++;
}

static int count_all(void *self, const struct notification *ns, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        count(self, &ns[i]);
    return 0;
}

/* ---- what happened, in order --------------------------------------------------------------- */

struct event {
    unix_ns at;
    const struct backtest_alert *alert;
    bool ends;
};

struct event_list {
    struct event *items;
    size_t n, cap;
};

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at ? 1 : x->ends - y->ends;
}

static void list_events(const struct backtest *b, struct event_list *l)
{
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->rules[i].n_alerts; k++) {
            const struct backtest_alert *a = &b->rules[i].alerts[k];

            *VEC_PUSH(l->items, l->n, l->cap) = (struct event){a->fired_at, a, false};
            if (a->ended_at != UNIX_NS_ZERO)
                *VEC_PUSH(l->items, l->n, l->cap) = (struct event){a->ended_at, a, true};
        }
    if (l->n > 0)
        qsort(l->items, l->n, sizeof *l->items, compare_events);
}

/* As rules tell it: external labels do not replace any that the alert has. */
static struct alert *make_alert(const struct backtest_options *o, const struct event *e)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    CLEANUP(label_set_unrefp) const struct label_set *none = label_set_empty(), *labels = NULL;
    const struct label_set *own = e->alert->labels;

    label_builder_init(&b, o->config->external_labels);
    for (size_t i = 0; i < label_set_count(own); i++)
        label_builder_set(&b, label_set_at(own, i).name, label_set_at(own, i).value);
    labels = label_builder_build(&b);
    return alert_new(labels, none, e->alert->fired_at,
                     e->ends ? e->at : unix_ns_of_ms(o->to) + NO_END, e->at, NULL);
}

static int post(struct alerts *a, const struct backtest_options *o, const struct event *events,
                size_t n, struct err *err)
{
    CLEANUP(mem_freep) const struct alert **list = mem_array(n, sizeof *list);
    int status;

    for (size_t i = 0; i < n; i++)
        list[i] = make_alert(o, &events[i]);
    status = alerts_post(a, list, n, events[0].at, err);
    for (size_t i = 0; i < n; i++)
        alert_unref(list[i]);
    return status;
}

/* ---- the clock ----------------------------------------------------------------------------- */

static bool may_go_on(const struct backtest_options *o, mono_ns deadline)
{
    return clock_mono_ns() < deadline &&
           !(o->promql.cancel && atomic_load_explicit(o->promql.cancel, memory_order_relaxed));
}

/* Ticks up to and with `until`. False: there is no time for all of it. */
static bool pass_time(struct alerts *a, const struct backtest_options *o, mono_ns deadline,
                      unix_ns *wake, unix_ns until)
{
    while (*wake <= until) {
        if (!may_go_on(o, deadline))
            return false;
        *wake = alerts_tick(a, *wake);
    }
    return true;
}

static int play(struct alerts *a, const struct backtest_options *o, const struct event_list *l,
                mono_ns deadline, struct told *t, struct err *err)
{
    unix_ns wake = alerts_tick(a, unix_ns_of_ms(o->from));
    int status = 0;

    for (size_t i = 0, n; i < l->n && status == 0; i += n) {
        const struct event *e = &l->items[i];

        for (n = 1; i + n < l->n && e[n].at == e->at && e[n].ends == e->ends;)
            n++;
        if (!pass_time(a, o, deadline, &wake, e->at - 1))
            return 0;
        status = post(a, o, e, n, err);
        wake = alerts_tick(a, e->at);
    }
    t->complete = status == 0 && pass_time(a, o, deadline, &wake, unix_ns_of_ms(o->to));
    return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

void told_deinit(struct told *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->receivers[i].name);
    free(t->receivers);
}

int backtest_tell(const struct backtest *b, const struct backtest_options *o, mono_ns deadline,
                  struct told *ret, struct err *err)
{
    const struct keeper keeper = {NULL, forget, no_records};
    const struct message_sink sink = {ret, count_all};
    CLEANUP(config_unrefp) struct config *config = NULL;
    struct event_list events = {0};
    struct alerts *alerts;
    int status = 0;

    *ret = (struct told){.configured = o->config->route != NULL};
    if (ret->configured)
        config = config_ref(o->config);
    else
        status = config_parse("default routes", str_c(default_routes), &config, err);
    if (status == 0)
        status = alerts_new(config, &keeper, &sink, unix_ns_of_ms(o->from), &alerts, err);
    if (status < 0)
        return status;
    alerts_rehearse(alerts);
    list_events(b, &events);
    status = play(alerts, o, &events, deadline, ret, err);
    alerts_free(alerts);
    free(events.items);
    return status;
}
