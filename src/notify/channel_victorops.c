/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_victorops - the REST integration of VictorOps, now Splunk On-Call (alertmanager.md 5.10)
 */
#include "base/quote.h"
#include "notify/notify_priv.h"

#define STATE_MESSAGE_MAX 20480 /* characters */

static const char *message_type(const struct render *r)
{
    const struct config_victorops *c = r->settings;
    static const char *const types[] = {"INFO", "WARNING"};
    const char *text = field_text(r, c->message_type, NULL, 0);

    if (!field_firing(r))
        return "RECOVERY";
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(text, types[i]) == 0)
            return types[i];
    return "CRITICAL";
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_victorops *c = in_bytes->settings;
    struct render r = *in_bytes;
    struct json_writer w;
    const char *key;
    int status = field_secret(&r, c->api_key, c->api_key_file, "api_key", &key, err);

    if (status < 0)
        return status;
    r.characters = true;
    buf_addf(url, "%s%s/", c->api_url, key);
    buf_add_c(url, field_text(&r, c->routing_key, NULL, 0));
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_c(&w, "message_type", message_type(&r));
    json_kv_c(&w, "entity_id", field_group_hash(&r));
    json_kv_c(&w, "entity_display_name",
              field_text(&r, c->entity_display_name, "victorops.default.entity_display_name", 0));
    json_kv_str(&w, "state_message",
                field_message(&r, c->state_message, "victorops.default.state_message",
                              STATE_MESSAGE_MAX, NULL));
    json_kv_c(&w, "monitoring_tool",
              field_text(&r, c->monitoring_tool, "victorops.default.monitoring_tool", 0));
    field_add_members(&w, &r, c->custom_fields, true);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct str words;

    if (json_doc_parse(a->body, &doc, NULL) < 0 ||
        !str_eq(json_text(json_get(doc, "result")), STR("failure")))
        return ACCEPTED;
    words = json_text(json_get(doc, "messages"));
    buf_addf(why, "result failure: %.*s", (int)str_utf8_prefix(words, 120), words.p ? words.p : "");
    return REFUSED;
}

const struct channel channel_victorops = {.name = "victorops", .render = render, .judge = judge};
