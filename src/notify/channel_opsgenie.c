/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_opsgenie - alerts of OpsGenie (alertmanager.md 5.9)
 *
 *     firing    0 create; with update_alerts also 1 its message, 2 its description
 *     resolved  0 close
 */
#include <ctype.h>

#include "base/mem.h"
#include "notify/notify_priv.h"

#define MESSAGE_MAX     130   /* characters */
#define DESCRIPTION_MAX 15000 /* characters */

/* The parts of a comma list, without blanks around them. */
static void add_list(struct json_writer *w, const char *key, const char *list)
{
    struct str rest = str_c(list);

    if (!*list)
        return;
    json_key_c(w, key);
    json_array_begin(w);
    while (rest.len > 0)
        json_str(w, str_trim(str_cut(&rest, ',')));
    json_array_end(w);
}

static void add_responder(struct json_writer *w, const char *type, const char *key, struct str who)
{
    if (who.len == 0)
        return;
    json_object_begin(w);
    json_kv_str(w, key, who);
    json_kv_c(w, "type", type);
    json_object_end(w);
}

static void add_one_responder(struct json_writer *w, const struct render *r,
                              const struct config_responder *c)
{
    const char *texts[] = {field_text(r, c->id, NULL, 0), field_text(r, c->name, NULL, 0),
                           field_text(r, c->username, NULL, 0)};
    static const char *const keys[] = {"id", "name", "username"};
    char *type = arena_strdup(r->arena, str_c(field_text(r, c->type, NULL, 0)));

    for (char *p = type; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (strcmp(type, "teams") == 0) {
        struct str rest = str_c(texts[1]);

        while (rest.len > 0)
            add_responder(w, "team", "name", str_trim(str_cut(&rest, ',')));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (*texts[i]) {
            add_responder(w, type, keys[i], str_c(texts[i]));
            return;
        }
}

static void add_responders(struct json_writer *w, const struct render *r)
{
    const struct config_opsgenie *c = r->settings;

    if (c->n_responders == 0)
        return;
    json_key_c(w, "responders");
    json_array_begin(w);
    for (size_t i = 0; i < c->n_responders; i++)
        add_one_responder(w, r, &c->responders[i]);
    json_array_end(w);
}

static const char *message(const struct render *r)
{
    const struct config_opsgenie *c = r->settings;

    return field_text(r, c->message, "opsgenie.default.message", MESSAGE_MAX);
}

static const char *description(const struct render *r)
{
    const struct config_opsgenie *c = r->settings;

    return field_message(r, c->description, "opsgenie.default.description", DESCRIPTION_MAX, NULL)
        .p;
}

static const char *source(const struct render *r)
{
    const struct config_opsgenie *c = r->settings;

    return field_text(r, c->source, "opsgenie.default.source", 0);
}

#define COMMON_LABELS "{{ toJson .CommonLabels }}"

struct common {
    struct json_writer *w;
    const struct json *own;
};

/* What all alerts share, and the configured ones, which win. */
static bool add_common(struct str key, const struct json *v, void *arg)
{
    const struct common *c = arg;
    CLEANUP(mem_freep) char *name = str_dup(key);

    if (!json_get(c->own, name))
        json_kv_str(c->w, name, json_text(v));
    return true;
}

static void add_details(struct json_writer *w, const struct render *r)
{
    const struct config_opsgenie *c = r->settings;
    CLEANUP(json_doc_freep) struct json *own = NULL;
    CLEANUP(json_doc_freep) struct json *common = NULL;

    if (c->details)
        json_doc_parse(str_c(c->details), &own, NULL);
    json_doc_parse(str_c(field_text(r, COMMON_LABELS, NULL, 0)), &common, NULL);
    json_key_c(w, "details");
    json_object_begin(w);
    json_each(common, add_common, &(struct common){w, own});
    field_add_members(w, r, c->details, true);
    json_object_end(w);
}

static void add_creation(struct json_writer *w, const struct render *r)
{
    const struct config_opsgenie *c = r->settings;

    json_kv_c(w, "alias", field_group_hash(r));
    json_kv_c(w, "message", message(r));
    json_kv_c(w, "description", description(r));
    add_details(w, r);
    json_kv_c(w, "source", source(r));
    add_responders(w, r);
    add_list(w, "tags", field_text(r, c->tags, NULL, 0));
    field_add(w, r, "note", c->note, NULL);
    field_add(w, r, "priority", c->priority, NULL);
    field_add(w, r, "entity", c->entity, NULL);
    add_list(w, "actions", field_text(r, c->actions, NULL, 0));
}

static int authorize(const struct render *r, struct outgoing *o, struct err *err)
{
    const struct config_opsgenie *c = r->settings;
    struct http_header *header = arena_array(r->arena, 1, sizeof *header);
    const char *key;
    int status = field_secret(r, c->api_key, c->api_key_file, "api_key", &key, err);

    if (status < 0)
        return status;
    *header = (struct http_header){"Authorization", arena_printf(r->arena, "GenieKey %s", key)};
    o->headers = header;
    o->n_headers = 1;
    return 0;
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_opsgenie *c = in_bytes->settings;
    struct render r = *in_bytes;
    bool firing = field_firing(&r);
    struct json_writer w;

    r.characters = true;
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    buf_addf(url, "%sv2/alerts", c->api_url);
    if (!firing) {
        buf_addf(url, "/%s/close?identifierType=alias", field_group_hash(&r));
        json_kv_c(&w, "source", source(&r));
    } else if (r.x->step == 0) {
        add_creation(&w, &r);
    } else {
        bool first = r.x->step == 1;

        buf_addf(url, "/%s/%s?identifierType=alias", field_group_hash(&r),
                 first ? "message" : "description");
        json_kv_c(&w, first ? "message" : "description", first ? message(&r) : description(&r));
    }
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    if (r.x->step > 0)
        ret->method = "PUT";
    r.x->more = firing && c->update_alerts && r.x->step < 2;
    return authorize(&r, ret, err);
}

const struct channel channel_opsgenie = {.name = "opsgenie", .render = render};
