/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"

/* ---- timers -------------------------------------------------------------------------------- */

void group_put_back(struct alerts *a, struct group *g, unix_ns due)
{
    heap_set(&a->timers, &g->timer, due);
}

struct group *group_due(struct alerts *a, unix_ns now)
{
    struct heap_node *first = heap_first(&a->timers);

    if (!first || first->due > now)
        return NULL;
    heap_remove(&a->timers, first);
    return CONTAINER_OF(first, struct group, timer);
}

void group_hasten(struct alerts *a, struct group *g, unix_ns due)
{
    if (due < g->timer.due)
        heap_set(&a->timers, &g->timer, due);
}

/* All by the same length, so the heap stays one. */
void groups_shift(struct alerts *a, int64_t back_ns)
{
    for (size_t i = 0; i < a->timers.n; i++)
        if (a->timers.nodes[i]->due != INT64_MAX)
            a->timers.nodes[i]->due = earlier(a->timers.nodes[i]->due, back_ns);
}

/* ---- groups -------------------------------------------------------------------------------- */

struct group_id {
    const struct config_route *route;
    const struct label_set *labels;
};

static bool has_id(const void *key, const void *value)
{
    const struct group_id *id = key;
    const struct group *g = value;

    return g->route == id->route && label_set_eq(g->labels, id->labels);
}

static uint64_t id_hash(struct group_id id)
{
    return hash_mix((uint64_t)(uintptr_t)id.route, label_set_hash(id.labels));
}

static void group_free(struct group *g)
{
    label_set_unref(g->labels);
    free(g->key);
    free(g->members);
    free(g);
}

/* The alert that opens a group decides whether there is anything to wait for. */
static unix_ns first_flush(const struct config_route *r, const struct held *h, unix_ns now)
{
    return later(h->alert->starts_at, r->group_wait) < now ? now : later(now, r->group_wait);
}

void group_join(struct alerts *a, struct seat *seat, struct held *h, unix_ns now)
{
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = route_group_labels(seat->route, h->labels);
    struct group_id id = {seat->route, labels};
    struct group *g = map_get(&a->groups, id_hash(id), has_id, &id);

    must(!seat->group);
    if (!g) {
        g = mem_zalloc(sizeof *g);
        g->route = seat->route;
        g->receiver = route_receiver(a->config, seat->route);
        g->labels = label_set_ref(labels);
        g->key = route_group_key(seat->route, labels);
        map_add(&a->groups, id_hash(id), g);
        group_put_back(a, g, first_flush(seat->route, h, now));
    }
    *VEC_PUSH(g->members, g->n, g->cap) = h;
    g->sorted = false;
    seat->group = g;
    seat->told = false;
}

static int in_order_of_messages(const void *x, const void *y)
{
    const struct held *const *hx = x, *const *hy = y;

    return alert_order((*hx)->alert, (*hy)->alert);
}

void group_sort(struct group *g)
{
    if (!g->sorted)
        qsort(g->members, g->n, sizeof *g->members, in_order_of_messages);
    g->sorted = true;
}

/* Takes the alert's seat in the group away; when it was the last one the alert is gone. */
static void leave(struct alerts *a, struct held *h, struct group *g, bool told, unix_ns now)
{
    bool seated = false;

    for (size_t i = 0; i < h->n_seats; i++) {
        if (h->seats[i].group == g) {
            h->seats[i].group = NULL;
            h->seats[i].told = told;
        }
        seated |= h->seats[i].group != NULL;
    }
    if (seated)
        return;
    h->gone = true;
    h->gone_at = now;
    a->n_present--;
    journal_alert(a, h);
}

void group_settle(struct alerts *a, struct group *g, const bool *muted, unix_ns now, unix_ns next)
{
    struct group_id id = {g->route, g->labels};
    size_t kept = 0;

    for (size_t i = 0; i < g->n; i++) {
        struct held *h = g->members[i];

        if (alert_is_resolved(h->alert, now))
            leave(a, h, g, !muted[i], now);
        else
            g->members[kept++] = h;
    }
    g->n = kept;
    if (g->failures > 0)
        a->n_failing--;
    g->failures = 0;
    if (kept > 0) {
        group_put_back(a, g, next);
        return;
    }
    must(map_remove(&a->groups, id_hash(id), has_id, &id) == g);
    group_free(g);
}

void groups_clear(struct alerts *a)
{
    struct group *g;

    for (size_t i = 0; (g = map_next(&a->groups, &i));)
        group_free(g);
    map_deinit(&a->groups);
    heap_deinit(&a->timers);
    a->timers = (struct heap){0};
    a->n_failing = 0;
}
