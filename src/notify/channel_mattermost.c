/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_mattermost - an incoming webhook of Mattermost (alertmanager.md 5.11)
 */
#include "base/file.h"
#include "notify/notify_priv.h"

#define TEXT_MAX 16383 /* characters */

static void add_attachment(struct json_writer *w, const struct render *r,
                           const struct config_attachment *a, bool stock)
{
#define STOCK(name) (stock ? "mattermost.default." name : NULL)
    struct str text = field_message(r,
                                    a->text ? a->text
                                    : stock ? NULL
                                            : "",
                                    STOCK("text"), TEXT_MAX, NULL);

    json_object_begin(w);
    json_kv_c(w, "fallback", field_text(r, a->fallback, STOCK("fallback"), 0));
    field_add(w, r, "color", a->color, STOCK("color"));
    field_add(w, r, "pretext", a->pretext, NULL);
    json_kv_str(w, "text", text);
    field_add(w, r, "author_name", a->author_name, NULL);
    field_add(w, r, "author_link", a->author_link, NULL);
    field_add(w, r, "author_icon", a->author_icon, NULL);
    field_add(w, r, "title", a->title, STOCK("title"));
    field_add(w, r, "title_link", a->title_link, STOCK("titlelink"));
    chat_add_fields(w, r, a, false);
    field_add(w, r, "thumb_url", a->thumb_url, NULL);
    field_add(w, r, "footer", a->footer, NULL);
    field_add(w, r, "footer_icon", a->footer_icon, NULL);
    field_add(w, r, "image_url", a->image_url, NULL);
    json_object_end(w);
#undef STOCK
}

static void add_priority(struct json_writer *w, const struct render *r, const struct config_chat *c)
{
    const char *priority = field_text(r, c->priority, NULL, 0);

    if (!c->priority && !c->has_ack && !c->has_persistent)
        return;
    if (strcmp(priority, "urgent") != 0 && strcmp(priority, "important") != 0)
        priority = "standard";
    json_key_c(w, "priority");
    json_object_begin(w);
    json_kv_c(w, "priority", priority);
    if (c->has_ack)
        json_kv_bool(w, "requested_ack", c->requested_ack);
    if (c->has_persistent)
        json_kv_bool(w, "persistent_notifications", c->persistent_notifications);
    json_object_end(w);
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_chat *c = in_bytes->settings;
    struct render r = *in_bytes;
    struct json_writer w;
    int status = secret_read(c->url, c->url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    r.characters = true;
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    field_add(&w, &r, "channel", c->channel, NULL);
    field_add(&w, &r, "username", c->username, "mattermost.default.username");
    field_add(&w, &r, "icon_url", c->icon_url, NULL);
    field_add(&w, &r, "icon_emoji", c->icon_emoji, NULL);
    field_add(&w, &r, "type", c->type, NULL);
    if (c->card) {
        json_key_c(&w, "props");
        json_object_begin(&w);
        json_kv_c(&w, "card", field_text(&r, c->card, NULL, 0));
        json_object_end(&w);
    }
    add_priority(&w, &r, c);
    json_key_c(&w, "attachments");
    json_array_begin(&w);
    for (size_t i = 0; i < c->n_attachments; i++)
        add_attachment(&w, &r, &c->attachments[i], false);
    if (c->n_attachments == 0)
        add_attachment(&w, &r, &c->attachment, true);
    json_array_end(&w);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

const struct channel channel_mattermost = {.name = "mattermost", .render = render};
