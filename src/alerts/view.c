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
    return (*hx)->number < (*hy)->number ? -1 : (*hx)->number > (*hy)->number;
}

/* Arrays that one view after the other uses. */
struct scratch {
    const char **receivers;
    size_t receivers_cap;
    const struct silence **silences;
    size_t silences_cap;
};

static void scratch_deinit(struct scratch *s)
{
    free(s->receivers);
    free(s->silences);
}

static int by_id(const void *x, const void *y)
{
    const struct silence *const *sx = x, *const *sy = y;

    return strcmp((*sx)->id, (*sy)->id);
}

/* Sets v but for its arrays, and appends to them. */
static void look(const struct alerts *a, struct held *h, unix_ns now, struct scratch *s,
                 size_t *n_receivers, size_t *n_silences, struct alert_view *v)
{
    const struct held *source = inhibit_source(a, h, now);
    size_t first = *n_silences;

    *v = (struct alert_view){.alert = h->alert, .fingerprint = h->fingerprint};
    v->inhibited_by = source ? source->fingerprint : 0;
    for (size_t i = 0; i < h->n_seats && a->config->route; i++, v->n_receivers++)
        *VEC_PUSH(s->receivers, *n_receivers, s->receivers_cap) = h->seats[i].route->receiver;
    silence_index_look(a, h);
    for (size_t i = 0; i < h->n_silences; i++)
        if (silence_state(&h->silences[i]->s, now) == SILENCE_ACTIVE)
            *VEC_PUSH(s->silences, *n_silences, s->silences_cap) = &h->silences[i]->s;
    v->n_silenced_by = *n_silences - first;
    if (v->n_silenced_by > 1)
        qsort(s->silences + first, v->n_silenced_by, sizeof *s->silences, by_id);
    v->status = source || v->n_silenced_by > 0 ? ALERT_SUPPRESSED : ALERT_ACTIVE;
}

void alerts_each(struct alerts *a, unix_ns now, void (*cb)(const struct alert_view *v, void *arg),
                 void *arg)
{
    CLEANUP(mem_freep)
    struct held **firing = mem_array(a->held.n + 1, sizeof(struct held *));
    CLEANUP(scratch_deinit)
    struct scratch s = {0};
    size_t n = 0;
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (!held_is_resolved(h, now))
            firing[n++] = h;
    qsort(firing, n, sizeof *firing, by_fingerprint);
    for (size_t i = 0; i < n; i++) {
        size_t n_receivers = 0, n_silences = 0;
        struct alert_view v;

        look(a, firing[i], now, &s, &n_receivers, &n_silences, &v);
        v.receivers = s.receivers;
        v.silenced_by = s.silences;
        cb(&v, arg);
    }
}

static int by_labels_and_receiver(const void *x, const void *y)
{
    const struct group *const *gx = x, *const *gy = y;
    int c = label_set_order((*gx)->labels, (*gy)->labels);

    if (c == 0)
        c = strcmp((*gx)->receiver->name, (*gy)->receiver->name);
    return c ? c : strcmp((*gx)->key, (*gy)->key);
}

/* The arrays get their place when all alerts have been looked at. */
static void place_arrays(const struct scratch *s, struct alert_view *views, size_t n)
{
    size_t receivers = 0, silences = 0;

    for (size_t i = 0; i < n; i++) {
        views[i].receivers = s->receivers + receivers;
        views[i].silenced_by = s->silences + silences;
        receivers += views[i].n_receivers;
        silences += views[i].n_silenced_by;
    }
}

static void show_group(const struct alerts *a, struct group *g, unix_ns now, struct scratch *s,
                       void (*cb)(const struct alert_group_view *v, void *arg), void *arg)
{
    CLEANUP(mem_freep)
    struct alert_view *views = mem_array(g->n + 1, sizeof *views);
    CLEANUP(mem_freep)
    const char **names = mem_array(g->route->mute.n_names + g->route->active.n_names + 1,
                                   sizeof *names);
    size_t n_receivers = 0, n_silences = 0;
    struct alert_group_view v = {
        .labels = g->labels,
        .receiver_config = g->receiver,
        .receiver = g->receiver->name,
        .group_key = g->key,
        .route_id = g->route->id,
        .muted_by = names,
        .n_muted_by = mute_names(g->route, now, names),
        .next_flush = g->timer.due,
        .alerts = views,
    };

    group_sort(g);
    for (size_t i = 0; i < g->n; i++) {
        struct alert_view *one = &views[v.n_alerts];

        if (alert_is_resolved(g->members[i]->alert, now))
            continue;
        look(a, g->members[i], now, s, &n_receivers, &n_silences, one);
        if (v.n_muted_by > 0)
            one->status = ALERT_SUPPRESSED;
        v.n_alerts++;
    }
    place_arrays(s, views, v.n_alerts);
    if (v.n_alerts > 0)
        cb(&v, arg);
}

void alerts_each_group(struct alerts *a, unix_ns now,
                       void (*cb)(const struct alert_group_view *v, void *arg), void *arg)
{
    CLEANUP(mem_freep)
    struct group **groups = mem_array(a->groups.n + 1, sizeof(struct group *));
    CLEANUP(scratch_deinit)
    struct scratch s = {0};
    size_t n = 0;
    struct group *g;

    for (size_t i = 0; (g = map_next(&a->groups, &i));)
        if (g->receiver)
            groups[n++] = g;
    qsort(groups, n, sizeof *groups, by_labels_and_receiver);
    for (size_t i = 0; i < n; i++)
        show_group(a, groups[i], now, &s, cb, arg);
}
