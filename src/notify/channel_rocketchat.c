/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_rocketchat - chat.postMessage of Rocket.Chat, as a user with a token (alertmanager.md 5.11)
 */
#include "notify/notify_priv.h"

#define TITLE_MAX 1024
#define TEXT_MAX  5000 /* characters; what a Rocket.Chat takes unless it was told otherwise */
#define COLOUR    "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}"

static int add_user(const struct render *r, struct outgoing *o, struct err *err)
{
    const struct config_chat *c = r->settings;
    struct http_header *headers = arena_array(r->arena, 2, sizeof *headers);
    const char *token, *id;
    int status = field_secret(r, c->token, c->token_file, "token", &token, err);

    if (status == 0)
        status = field_secret(r, c->token_id, c->token_id_file, "token_id", &id, err);
    if (status < 0)
        return status;
    headers[0] = (struct http_header){"X-Auth-Token", token};
    headers[1] = (struct http_header){"X-User-Id", id};
    o->headers = headers;
    o->n_headers = 2;
    return 0;
}

static void add_attachment(struct json_writer *w, const struct render *r,
                           const struct config_chat *c)
{
    const struct config_attachment *a = &c->attachment;

    json_object_begin(w);
    json_kv_c(w, "title", field_text(r, a->title, "rocketchat.default.title", TITLE_MAX));
    field_add(w, r, "title_link", a->title_link, "rocketchat.default.titlelink");
    json_kv_str(w, "text", field_message(r, a->text, "rocketchat.default.text", TEXT_MAX, NULL));
    field_add(w, r, "image_url", a->image_url, NULL);
    field_add(w, r, "thumb_url", a->thumb_url, NULL);
    field_add(w, r, "color", a->color ? a->color : COLOUR, NULL);
    chat_add_fields(w, r, a, c->short_fields);
    chat_add_actions(w, r, a);
    json_object_end(w);
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_chat *c = in_bytes->settings;
    struct render r = *in_bytes;
    struct json_writer w;

    r.characters = true;
    buf_add_c(url, c->url);
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    field_add(&w, &r, "channel", c->channel, NULL);
    field_add(&w, &r, "emoji", c->icon_emoji, "rocketchat.default.emoji");
    field_add(&w, &r, "avatar", c->icon_url, "rocketchat.default.iconurl");
    json_key_c(&w, "attachments");
    json_array_begin(&w);
    add_attachment(&w, &r, c);
    json_array_end(&w);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return add_user(&r, ret, err);
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    return field_judge_flag(a, "success", "error", why);
}

const struct channel channel_rocketchat = {.name = "rocketchat", .render = render, .judge = judge};
