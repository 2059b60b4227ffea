/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an alert is told to whom, and when: the same functions that decide are asked, so that the
 * answer cannot differ from what happens.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alerts/alerts_priv.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/alert_json.h"

#define ROUTES_SHOWN_MAX 500 /* nodes of the tree that one story lists */

static void kv_duration(struct json_writer *w, const char *key, dur_ms d)
{
    CLEANUP(buf_free)
    struct buf text = {0};

    duration_print(d, &text);
    json_kv_str(w, key, buf_str(&text));
}

static void kv_fingerprint(struct json_writer *w, const char *key, uint64_t fingerprint)
{
    char text[17];

    snprintf(text, sizeof text, "%016llx", (unsigned long long)fingerprint);
    json_kv_c(w, key, text);
}

static void kv_names(struct json_writer *w, const char *key, const char *const *names, size_t n)
{
    json_key_c(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        json_c(w, names[i]);
    json_array_end(w);
}

/* ---- the way through the tree -------------------------------------------------------------- */

struct walk {
    struct json_writer *w;
    const struct label_set *labels;
    const struct seat *seats; /* of the routes that take the alert */
    size_t n_seats, shown;
};

static bool takes(const struct walk *k, const struct config_route *r)
{
    for (size_t i = 0; i < k->n_seats; i++)
        if (k->seats[i].route == r)
            return true;
    return false;
}

static const struct matcher *first_failing(const struct config_route *r,
                                           const struct label_set *labels)
{
    for (size_t i = 0; i < r->n_matchers; i++)
        if (!matcher_matches_set(r->matchers[i], labels))
            return r->matchers[i];
    return NULL;
}

static void add_failing(const struct walk *k, const struct matcher *m)
{
    CLEANUP(buf_free)
    struct buf text = {0};

    buf_addf(&text, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(m->name), matcher_op(m->type),
             STR_ARG(m->value));
    json_kv_str(k->w, "matcher", buf_str(&text));
    json_kv_str(k->w, "value", label_set_get(k->labels, m->name));
}

static void add_timers(struct json_writer *w, const struct config_route *r)
{
    if (r->group_by_all)
        kv_names(w, "groupBy", (const char *const[]){"..."}, 1);
    else
        kv_names(w, "groupBy", r->group_by, r->n_group_by);
    kv_duration(w, "groupWait", r->group_wait);
    kv_duration(w, "groupInterval", r->group_interval);
    kv_duration(w, "repeatInterval", r->repeat_interval);
    kv_names(w, "muteTimeIntervals", r->mute.names, r->mute.n_names);
    kv_names(w, "activeTimeIntervals", r->active.names, r->active.n_names);
}

/* One node of the tree, without its children. */
static void add_node(struct walk *k, const struct config_route *r, size_t depth,
                     const char *verdict, const struct matcher *failing)
{
    json_object_begin(k->w);
    json_kv_c(k->w, "route", r->id);
    json_kv_i64(k->w, "depth", (int64_t)depth);
    json_kv_i64(k->w, "line", r->line);
    json_kv_c(k->w, "verdict", verdict);
    if (failing)
        add_failing(k, failing);
    if (!failing)
        json_kv_c(k->w, "receiver", r->receiver);
    if (takes(k, r))
        add_timers(k->w, r);
    json_object_end(k->w);
    k->shown++;
}

static void walk(struct walk *k, const struct config_route *r, size_t depth)
{
    bool over = false; /* a child matched and does not say `continue` */

    add_node(k, r, depth, takes(k, r) ? "taken" : "passed", NULL);
    for (size_t i = 0; i < r->n_routes && k->shown < ROUTES_SHOWN_MAX; i++) {
        const struct config_route *child = &r->routes[i];
        const struct matcher *failing = first_failing(child, k->labels);

        if (over) {
            add_node(k, child, depth + 1, "skipped", NULL);
        } else if (failing) {
            add_node(k, child, depth + 1, "refused", failing);
        } else {
            walk(k, child, depth + 1);
            over = !child->continues;
        }
    }
}

void alerts_explain_routes(const struct config *config, const struct label_set *labels,
                           struct json_writer *w)
{
    const struct config_route *root = route_root(config);
    struct seat *seats = NULL;
    struct walk k = {.w = w, .labels = labels};

    route_match(root, labels, &seats, &k.n_seats);
    k.seats = seats;
    json_array_begin(w);
    walk(&k, root, 0);
    json_array_end(w);
    free(seats);
}

/* ---- what becomes of it in its groups ------------------------------------------------------ */

/* What a flush now would do with the members that no stage mutes. */
struct outlook {
    struct hashes hashes;
    size_t n_muted;
};

static int ascending(const void *x, const void *y)
{
    const uint64_t *hx = x, *hy = y;

    return (*hx > *hy) - (*hx < *hy);
}

static void look_ahead(const struct alerts *a, const struct group *g, unix_ns now,
                       struct outlook *ret)
{
    enum mute_stage by_time = mute_by_time(g->route, now);
    struct hashes *h = &ret->hashes;

    *ret = (struct outlook){0};
    h->firing = mem_array(g->n + 1, sizeof *h->firing);
    h->resolved = mem_array(g->n + 1, sizeof *h->resolved);
    for (size_t i = 0; i < g->n; i++) {
        struct held *m = g->members[i];

        if (mute_stage_of(a, m, by_time, now) != NOT_MUTED)
            ret->n_muted++;
        else if (alert_is_resolved(m->alert, now))
            h->resolved[h->n_resolved++] = m->log_hash;
        else
            h->firing[h->n_firing++] = m->log_hash;
    }
    qsort(h->firing, h->n_firing, sizeof *h->firing, ascending);
    qsort(h->resolved, h->n_resolved, sizeof *h->resolved, ascending);
}

static bool is_in(const uint64_t *hashes, size_t n, uint64_t hash)
{
    return n > 0 && bsearch(&hash, hashes, n, sizeof hash, ascending);
}

static void add_integration(const struct alerts *a, const struct group *g,
                            const struct config_channel *c, const struct held *h,
                            const struct outlook *o, unix_ns now, struct json_writer *w)
{
    CLEANUP(buf_free)
    struct buf key = {0};
    const struct log_entry *e;
    const char *news = NULL;

    nflog_key(g, c, &key);
    e = nflog_get(a, buf_str(&key));
    if (o->hashes.n_firing + o->hashes.n_resolved > 0)
        news = nflog_news(e, &o->hashes, c->send_resolved, g->route->repeat_interval, now);
    json_object_begin(w);
    json_kv_c(w, "integration", c->kind_name);
    json_kv_i64(w, "number", c->index);
    json_kv_time(w, "lastTold", e ? e->time : UNIX_NS_ZERO);
    json_kv_bool(w, "toldFiring", e && is_in(e->firing, e->n_firing, h->log_hash));
    json_kv_bool(w, "toldResolved", e && is_in(e->resolved, e->n_resolved, h->log_hash));
    json_kv_c(w, "news", news ? news : "");
    json_object_end(w);
}

static void add_group(const struct alerts *a, const struct seat *seat, const struct held *h,
                      unix_ns now, struct json_writer *w)
{
    const struct group *g = seat->group;
    CLEANUP(mem_freep)
    const char **names = mem_array(g->route->mute.n_names + g->route->active.n_names + 1,
                                   sizeof *names);
    struct outlook o;

    look_ahead(a, g, now, &o);
    json_kv_c(w, "groupKey", g->key);
    json_kv_i64(w, "alerts", (int64_t)g->n);
    json_kv_i64(w, "muted", (int64_t)o.n_muted);
    json_kv_time(w, "nextFlush", g->timer.due);
    json_kv_i64(w, "failures", g->failures);
    kv_names(w, "mutedBy", names, mute_names(g->route, now, names));
    json_key_c(w, "integrations");
    json_array_begin(w);
    for (size_t i = 0; g->receiver && i < g->receiver->n_channels; i++)
        add_integration(a, g, &g->receiver->channels[i], h, &o, now, w);
    json_array_end(w);
    free(o.hashes.firing);
    free(o.hashes.resolved);
}

static void add_groups(const struct alerts *a, const struct held *h, unix_ns now,
                       struct json_writer *w)
{
    json_key_c(w, "groups");
    json_array_begin(w);
    for (size_t i = 0; i < h->n_seats; i++) {
        json_object_begin(w);
        json_kv_c(w, "route", h->seats[i].route->id);
        json_kv_c(w, "receiver", h->seats[i].route->receiver);
        if (h->seats[i].group)
            add_group(a, &h->seats[i], h, now, w);
        else
            json_kv_bool(w, "endTold", h->seats[i].told);
        json_object_end(w);
    }
    json_array_end(w);
}

/* ---- the story ----------------------------------------------------------------------------- */

static void add_muting(const struct alerts *a, struct held *h, unix_ns now, struct json_writer *w)
{
    const struct held *source = inhibit_source(a, h, now);

    if (source) {
        json_key_c(w, "inhibitedBy");
        json_object_begin(w);
        kv_fingerprint(w, "fingerprint", source->fingerprint);
        json_kv_labels(w, "labels", source->labels);
        json_object_end(w);
    }
    silence_index_look(a, h);
    json_key_c(w, "silencedBy");
    json_array_begin(w);
    for (size_t i = 0; i < h->n_silences; i++) {
        const struct silence *s = &h->silences[i]->s;

        if (silence_state(s, now) != SILENCE_ACTIVE)
            continue;
        json_object_begin(w);
        json_kv_c(w, "id", s->id);
        json_kv_c(w, "createdBy", s->created_by);
        json_kv_c(w, "comment", s->comment);
        json_kv_time(w, "endsAt", s->ends_at);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_story(const struct alerts *a, struct held *h, unix_ns now, struct json_writer *w)
{
    bool resolved = held_is_resolved(h, now);

    json_object_begin(w);
    kv_fingerprint(w, "fingerprint", h->fingerprint);
    json_kv_labels(w, "labels", h->labels);
    json_kv_c(w, "state", resolved ? "resolved" : "firing");
    json_kv_time(w, "startsAt", h->alert->starts_at);
    json_kv_time(w, "endsAt", h->alert->ends_at);
    json_kv_time(w, "updatedAt", h->alert->updated_at);
    json_kv_bool(w, "timedOut", h->alert->timed_out);
    add_muting(a, h, now, w);
    json_key_c(w, "routes");
    alerts_explain_routes(a->config, h->labels, w);
    add_groups(a, h, now, w);
    json_object_end(w);
}

static int by_number(const void *x, const void *y)
{
    const struct held *const *hx = x, *const *hy = y;

    return ((*hx)->number > (*hy)->number) - ((*hx)->number < (*hy)->number);
}

size_t alerts_explain(struct alerts *a, const struct matcher *const *matchers, size_t n_matchers,
                      unix_ns now, size_t most, struct json_writer *w)
{
    CLEANUP(mem_freep)
    struct held **found = NULL;
    size_t n = 0, cap = 0;
    struct held *h;

    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (h->alert && matchers_match(matchers, n_matchers, h->labels))
            *VEC_PUSH(found, n, cap) = h;
    if (n > 1)
        qsort(found, n, sizeof *found, by_number);
    json_array_begin(w);
    for (size_t i = 0; i < n && i < most; i++)
        add_story(a, found[i], now, w);
    json_array_end(w);
    return n;
}
