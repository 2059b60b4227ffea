/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "alerts/alerts_priv.h"
#include "base/mem.h"

static int by_fingerprint(const void *x, const void *y)
{
    const struct held *const *hx = x, *const *hy = y;

    if ((*hx)->fingerprint != (*hy)->fingerprint)
        return (*hx)->fingerprint < (*hy)->fingerprint ? -1 : 1;
    return (*hx)->twin < (*hy)->twin ? -1 : (*hx)->twin > (*hy)->twin;
}

static void show(const struct alerts *a, const struct held *h, unix_ns now, const char **receivers,
                 void (*cb)(const struct alert_view *v, void *arg), void *arg)
{
    const struct held *source = inhibit_source(a, h, now);
    struct alert_view v = {
        .alert = h->alert,
        .status = source ? ALERT_SUPPRESSED : ALERT_ACTIVE,
        .inhibited_by = source ? source->fingerprint : 0,
        .receivers = receivers,
    };

    for (size_t i = 0; i < h->n_seats && a->config->route; i++)
        receivers[v.n_receivers++] = h->seats[i].route->receiver;
    cb(&v, arg);
}

void alerts_each(struct alerts *a, unix_ns now, void (*cb)(const struct alert_view *v, void *arg),
                 void *arg)
{
    CLEANUP(mem_freep)
    struct held **firing = mem_array(a->held.n + 1, sizeof(struct held *));
    CLEANUP(mem_freep)
    const char **receivers = NULL;
    size_t n = 0, most = 1;
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));) {
        if (held_is_resolved(h, now))
            continue;
        firing[n++] = h;
        most = h->n_seats > most ? h->n_seats : most;
    }
    qsort(firing, n, sizeof *firing, by_fingerprint);
    receivers = mem_array(most, sizeof *receivers);
    for (size_t i = 0; i < n; i++)
        show(a, firing[i], now, receivers, cb, arg);
}

static int by_labels_and_receiver(const void *x, const void *y)
{
    const struct group *const *gx = x, *const *gy = y;
    int c = label_set_order((*gx)->labels, (*gy)->labels);

    if (c == 0)
        c = strcmp((*gx)->receiver->name, (*gy)->receiver->name);
    return c ? c : strcmp((*gx)->key, (*gy)->key);
}

static void show_group(struct group *g, unix_ns now,
                       void (*cb)(const struct alert_group_view *v, void *arg), void *arg)
{
    CLEANUP(mem_freep)
    const struct alert **alerts = mem_array(g->n, sizeof(struct alert *));
    struct alert_group_view v = {
        .labels = g->labels,
        .receiver = g->receiver->name,
        .group_key = g->key,
        .next_flush = g->timer.due,
        .alerts = alerts,
    };

    group_sort(g);
    for (size_t i = 0; i < g->n; i++)
        if (!alert_is_resolved(g->members[i]->alert, now))
            alerts[v.n_alerts++] = g->members[i]->alert;
    if (v.n_alerts > 0)
        cb(&v, arg);
}

void alerts_each_group(struct alerts *a, unix_ns now,
                       void (*cb)(const struct alert_group_view *v, void *arg), void *arg)
{
    CLEANUP(mem_freep)
    struct group **groups = mem_array(a->groups.n + 1, sizeof(struct group *));
    size_t n = 0;
    struct group *g;

    for (size_t i = 0; (g = map_next(&a->groups, &i));)
        if (g->receiver)
            groups[n++] = g;
    qsort(groups, n, sizeof *groups, by_labels_and_receiver);
    for (size_t i = 0; i < n; i++)
        show_group(groups[i], now, cb, arg);
}
