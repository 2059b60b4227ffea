/* SPDX-License-Identifier: Apache-2.0 */
/*
 * am_alerts - GET /api/v2/alerts and /api/v2/alerts/groups
 *
 * The answer is written on the thread of the alerts, while nothing can change.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/am_priv.h"
#include "base/mem.h"
#include "base/regex.h"

/* What of the alerts is asked for. */
struct alert_filter {
    bool active, silenced, inhibited, muted;
    struct am_matchers matchers;
    const struct config *config;
    bool by_receiver;
    const char **receivers; /* names that pass, when by_receiver */
    size_t n_receivers;
};

static void filter_deinit(struct alert_filter *f)
{
    am_matchers_deinit(&f->matchers);
    free(f->receivers);
    config_unref(f->config);
}

/* Receivers by an anchored pattern of their names and matchers of their labels. */
static bool read_receivers(const struct request *r, struct alert_filter *f)
{
    CLEANUP(am_matchers_deinit)
    struct am_matchers wanted = {0};
    CLEANUP(regex_freep)
    struct regex *name = NULL;
    struct str pattern = api_param(r, "receiver");
    struct err err = {0};

    if (!am_param_matchers(r, "receiver_matchers", "failed to parse receiver_matchers param",
                           &wanted))
        return false;
    if (pattern.len > 0 && regex_new(pattern, REGEX_ANCHORED, &name, &err) < 0) {
        am_error(r->http, 400, "failed to parse receiver param: error parsing regexp: %s", err.msg);
        return false;
    }
    f->by_receiver = name || wanted.n > 0;
    f->receivers = mem_array(f->config->n_receivers + 1, sizeof *f->receivers);
    for (size_t i = 0; f->by_receiver && i < f->config->n_receivers; i++) {
        const struct config_receiver *c = &f->config->receivers[i];

        if ((!name || regex_match(name, str_c(c->name))) &&
            matchers_match((const struct matcher *const *)wanted.ms, wanted.n, c->labels))
            f->receivers[f->n_receivers++] = c->name;
    }
    return true;
}

static bool read_filter(const struct request *r, struct alert_filter *f)
{
    f->active = am_param_bool(r, "active", true);
    f->silenced = am_param_bool(r, "silenced", true);
    f->inhibited = am_param_bool(r, "inhibited", true);
    f->muted = am_param_bool(r, "muted", true);
    f->config = r->api->config(r->api->self);
    return am_param_matchers(r, "filter", NULL, &f->matchers) && read_receivers(r, f);
}

static bool receiver_passes(const struct alert_filter *f, const char *name)
{
    for (size_t i = 0; i < f->n_receivers; i++)
        if (strcmp(f->receivers[i], name) == 0)
            return true;
    return !f->by_receiver;
}

static bool any_receiver_passes(const struct alert_filter *f, const struct alert_view *v)
{
    for (size_t i = 0; i < v->n_receivers; i++)
        if (receiver_passes(f, v->receivers[i]))
            return true;
    return !f->by_receiver;
}

static bool passes(const struct alert_filter *f, const struct alert_view *v)
{
    return (f->active || v->status != ALERT_ACTIVE) && (f->silenced || v->n_silenced_by == 0) &&
           (f->inhibited || v->inhibited_by == 0) &&
           matchers_match((const struct matcher *const *)f->matchers.ms, f->matchers.n,
                          v->alert->labels);
}

/* ---- one alert ----------------------------------------------------------------------------- */

static void kv_fingerprint(struct json_writer *w, const char *key, uint64_t fingerprint)
{
    char text[17];

    snprintf(text, sizeof text, "%016llx", (unsigned long long)fingerprint);
    if (key)
        json_kv_c(w, key, text);
    else
        json_c(w, text);
}

static void add_status(struct json_writer *w, const struct alert_view *v,
                       const struct alert_group_view *g)
{
    json_key_c(w, "status");
    json_object_begin(w);
    json_key_c(w, "inhibitedBy");
    json_array_begin(w);
    if (v->inhibited_by)
        kv_fingerprint(w, NULL, v->inhibited_by);
    json_array_end(w);
    json_key_c(w, "mutedBy");
    json_array_begin(w);
    for (size_t i = 0; g && i < g->n_muted_by; i++)
        json_c(w, g->muted_by[i]);
    json_array_end(w);
    json_key_c(w, "silencedBy");
    json_array_begin(w);
    for (size_t i = 0; i < v->n_silenced_by; i++)
        json_c(w, v->silenced_by[i]->id);
    json_array_end(w);
    json_kv_c(w, "state", v->status == ALERT_SUPPRESSED ? "suppressed" : "active");
    json_object_end(w);
}

static void add_alert(struct json_writer *w, const struct alert_view *v,
                      const struct alert_group_view *g)
{
    json_object_begin(w);
    api_kv_labels(w, "annotations", v->alert->annotations);
    am_kv_time(w, "endsAt", v->alert->ends_at);
    kv_fingerprint(w, "fingerprint", v->fingerprint);
    json_key_c(w, "receivers");
    json_array_begin(w);
    for (size_t i = 0; i < v->n_receivers; i++) {
        json_object_begin(w);
        json_kv_c(w, "name", v->receivers[i]);
        json_object_end(w);
    }
    json_array_end(w);
    am_kv_time(w, "startsAt", v->alert->starts_at);
    add_status(w, v, g);
    am_kv_time(w, "updatedAt", v->alert->updated_at);
    if (*v->alert->generator_url)
        json_kv_c(w, "generatorURL", v->alert->generator_url);
    api_kv_labels(w, "labels", v->alert->labels);
    json_object_end(w);
}

/* ---- both answers -------------------------------------------------------------------------- */

struct listing {
    const struct request *r;
    struct alert_filter filter;
    struct buf body;
    struct json_writer w;
};

static void listing_deinit(struct listing *l)
{
    filter_deinit(&l->filter);
    buf_free(&l->body);
}

static void list_alert(const struct alert_view *v, void *arg)
{
    struct listing *l = arg;

    if (passes(&l->filter, v) && any_receiver_passes(&l->filter, v))
        add_alert(&l->w, v, NULL);
}

static void list_alerts(void *arg)
{
    struct listing *l = arg;

    alerts_each(l->r->api->alerts, clock_unix_ns(), list_alert, l);
}

static void list_group(const struct alert_group_view *g, void *arg)
{
    struct listing *l = arg;
    size_t shown = 0;

    if (!receiver_passes(&l->filter, g->receiver) || (!l->filter.muted && g->n_muted_by > 0))
        return;
    for (size_t i = 0; i < g->n_alerts; i++)
        shown += passes(&l->filter, &g->alerts[i]);
    if (shown == 0)
        return;
    json_object_begin(&l->w);
    json_key_c(&l->w, "alerts");
    json_array_begin(&l->w);
    for (size_t i = 0; i < g->n_alerts; i++)
        if (passes(&l->filter, &g->alerts[i]))
            add_alert(&l->w, &g->alerts[i], g);
    json_array_end(&l->w);
    api_kv_labels(&l->w, "labels", g->labels);
    json_key_c(&l->w, "receiver");
    json_object_begin(&l->w);
    json_kv_c(&l->w, "name", g->receiver);
    json_object_end(&l->w);
    json_object_end(&l->w);
}

static void list_groups(void *arg)
{
    struct listing *l = arg;

    alerts_each_group(l->r->api->alerts, clock_unix_ns(), list_group, l);
}

static void answer_list(const struct request *r, void (*fill)(void *arg))
{
    CLEANUP(listing_deinit)
    struct listing l = {.r = r};

    if (!read_filter(r, &l.filter))
        return;
    json_writer_init(&l.w, &l.body, JSON_HTML_SAFE);
    json_array_begin(&l.w);
    if (!am_run(r, fill, &l))
        return;
    json_array_end(&l.w);
    am_reply(r->http, &l.body);
}

void am_get_alerts(const struct request *r)
{
    answer_list(r, list_alerts);
}

void am_get_groups(const struct request *r)
{
    answer_list(r, list_groups);
}
