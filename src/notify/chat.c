/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat - what the attachments of Slack, Mattermost and Rocket.Chat have in common
 */
#include "notify/notify_priv.h"

void chat_add_fields(struct json_writer *w, const struct render *r,
                     const struct config_attachment *a, bool short_by_default)
{
    if (a->n_fields == 0)
        return;
    json_key_c(w, "fields");
    json_array_begin(w);
    for (size_t i = 0; i < a->n_fields; i++) {
        const struct config_chat_field *f = &a->fields[i];

        json_object_begin(w);
        json_kv_c(w, "title", field_text(r, f->title, NULL, 0));
        json_kv_c(w, "value", field_text(r, f->value, NULL, 0));
        json_kv_bool(w, "short",
                     f->is_short == SHORT_DEFAULT ? short_by_default : f->is_short == SHORT_YES);
        json_object_end(w);
    }
    json_array_end(w);
}

static void add_confirm(struct json_writer *w, const struct render *r,
                        const struct config_chat_confirm *c)
{
    json_key_c(w, "confirm");
    json_object_begin(w);
    field_add(w, r, "title", c->title, NULL);
    field_add(w, r, "text", c->text, NULL);
    field_add(w, r, "ok_text", c->ok_text, NULL);
    field_add(w, r, "dismiss_text", c->dismiss_text, NULL);
    json_object_end(w);
}

void chat_add_actions(struct json_writer *w, const struct render *r,
                      const struct config_attachment *a)
{
    if (a->n_actions == 0)
        return;
    json_key_c(w, "actions");
    json_array_begin(w);
    for (size_t i = 0; i < a->n_actions; i++) {
        const struct config_chat_action *c = &a->actions[i];

        json_object_begin(w);
        field_add(w, r, "type", c->type, NULL);
        field_add(w, r, "text", c->text, NULL);
        field_add(w, r, "url", c->url, NULL);
        field_add(w, r, "style", c->style, NULL);
        field_add(w, r, "name", c->name, NULL);
        field_add(w, r, "value", c->value, NULL);
        field_add(w, r, "msg", c->msg, NULL);
        if (c->confirm)
            add_confirm(w, r, c->confirm);
        json_object_end(w);
    }
    json_array_end(w);
}
