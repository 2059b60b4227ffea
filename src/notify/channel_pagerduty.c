/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_pagerduty - events of PagerDuty, version 2 with a routing key, 1 with a service key
 * (alertmanager.md 5.8)
 */
#include "notify/notify_priv.h"

#define SUMMARY_MAX 1024   /* characters */
#define EVENT_MAX   512000 /* bytes */

#define INSTANCES(which) "{{ template \"pagerduty.default.instances\" .Alerts." which " }}"

/* What tells about all alerts, unless the configuration gives its own. */
static const struct detail {
    const char *key, *text;
    bool is_number;
} standard[] = {
    {"firing", INSTANCES("Firing"), false},
    {"resolved", INSTANCES("Resolved"), false},
    {"num_firing", "{{ .Alerts.Firing | len }}", true},
    {"num_resolved", "{{ .Alerts.Resolved | len }}", true},
};

static void add_details(struct json_writer *w, const struct render *r, bool fit)
{
    const struct config_pagerduty *c = r->settings;
    CLEANUP(json_doc_freep) struct json *own = NULL;

    json_object_begin(w);
    if (!fit)
        json_kv_c(w, "error", "the details were left out: the event was larger than 512000 bytes");
    else if (c->details)
        json_doc_parse(str_c(c->details), &own, NULL);
    for (size_t i = 0; fit && i < ARRAY_LEN(standard); i++) {
        const char *text;

        if (own && json_get(own, standard[i].key))
            continue;
        text = field_text(r, standard[i].text, NULL, 0);
        json_key_c(w, standard[i].key);
        if (standard[i].is_number)
            json_raw(w, str_c(text));
        else
            json_c(w, text);
    }
    if (fit)
        field_add_members(w, r, c->details, false);
    json_object_end(w);
}

static void add_images(struct json_writer *w, const struct render *r)
{
    const struct config_pagerduty *c = r->settings;

    json_key_c(w, "images");
    json_array_begin(w);
    for (size_t i = 0; i < c->n_images; i++) {
        json_object_begin(w);
        field_add(w, r, "src", c->images[i].src, NULL);
        field_add(w, r, "alt", c->images[i].alt, NULL);
        field_add(w, r, "href", c->images[i].href, NULL);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_links(struct json_writer *w, const struct render *r)
{
    const struct config_pagerduty *c = r->settings;

    json_key_c(w, "links");
    json_array_begin(w);
    for (size_t i = 0; i < c->n_links; i++) {
        json_object_begin(w);
        field_add(w, r, "href", c->links[i].href, NULL);
        field_add(w, r, "text", c->links[i].text, NULL);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_client(struct json_writer *w, const struct render *r)
{
    const struct config_pagerduty *c = r->settings;

    field_add(w, r, "client", c->client, "pagerduty.default.client");
    field_add(w, r, "client_url", c->client_url, "pagerduty.default.clientURL");
}

static const char *summary(const struct render *r)
{
    const struct config_pagerduty *c = r->settings;

    return field_text(r, c->description, "pagerduty.default.description", SUMMARY_MAX);
}

static void add_payload(struct json_writer *w, const struct render *r, bool fit)
{
    const struct config_pagerduty *c = r->settings;
    const char *severity = field_text(r, c->severity, NULL, 0);

    json_key_c(w, "payload");
    json_object_begin(w);
    json_kv_c(w, "summary", summary(r));
    json_kv_c(w, "source",
              c->source ? field_text(r, c->source, NULL, 0)
                        : field_text(r, c->client, "pagerduty.default.client", 0));
    json_kv_c(w, "severity", *severity ? severity : "error");
    field_add(w, r, "class", c->class, NULL);
    field_add(w, r, "component", c->component, NULL);
    field_add(w, r, "group", c->group, NULL);
    json_key_c(w, "custom_details");
    add_details(w, r, fit);
    json_object_end(w);
}

static void add_v2(struct json_writer *w, const struct render *r, const char *key, bool fit)
{
    json_kv_c(w, "routing_key", key);
    json_kv_c(w, "dedup_key", field_group_hash(r));
    json_kv_c(w, "event_action", field_firing(r) ? "trigger" : "resolve");
    add_client(w, r);
    add_payload(w, r, fit);
    add_images(w, r);
    add_links(w, r);
}

static void add_v1(struct json_writer *w, const struct render *r, const char *key, bool fit)
{
    json_kv_c(w, "service_key", key);
    json_kv_c(w, "incident_key", field_group_hash(r));
    json_kv_c(w, "event_type", field_firing(r) ? "trigger" : "resolve");
    json_kv_c(w, "description", summary(r));
    add_client(w, r);
    json_key_c(w, "details");
    add_details(w, r, fit);
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_pagerduty *c = in_bytes->settings;
    struct render r = *in_bytes;
    bool fit = true;
    const char *routing, *service;
    int status = field_secret(&r, c->routing_key, c->routing_key_file, "routing_key", &routing,
                              err);

    if (status == 0)
        status = field_secret(&r, c->service_key, c->service_key_file, "service_key", &service,
                              err);
    if (status < 0)
        return status;
    r.characters = true;
    buf_add_c(url, c->url);
    for (int tries = 0; tries < 2; tries++, fit = false) {
        struct json_writer w;

        buf_reset(body);
        json_writer_init(&w, body, JSON_PLAIN);
        json_object_begin(&w);
        if (*routing)
            add_v2(&w, &r, routing, fit);
        else
            add_v1(&w, &r, service, fit);
        json_object_end(&w);
        if (body->len <= EVENT_MAX)
            break;
    }
    *ret = field_post(url, body, &c->http);
    if (c->timeout)
        ret->timeout = c->timeout;
    return 0;
}

/* 403 is version 1's way to say that too many events come. */
const struct channel channel_pagerduty = {
    .name = "pagerduty", .render = render, .busy_status = 403};
