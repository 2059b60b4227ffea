/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_discord - a webhook of Discord: one embed with the colour of the state (alertmanager.md
 * 5.10)
 */
#include "base/file.h"
#include "notify/notify_priv.h"

#define TITLE_MAX       256
#define DESCRIPTION_MAX 4096
#define CONTENT_MAX     2000
#define RED             0x992D22
#define GREEN           0x2ECC71

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_card *c = in_bytes->settings;
    struct render r = *in_bytes;
    struct json_writer w;
    int status = secret_read(c->webhook_url, c->webhook_url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    r.characters = true;
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_c(&w, "content", field_text(&r, c->content, "discord.default.content", CONTENT_MAX));
    json_key_c(&w, "embeds");
    json_array_begin(&w);
    json_object_begin(&w);
    json_kv_c(&w, "title", field_text(&r, c->title, "discord.default.title", TITLE_MAX));
    json_kv_str(&w, "description",
                field_message(&r, c->text, "discord.default.message", DESCRIPTION_MAX, NULL));
    json_kv_i64(&w, "color", field_firing(&r) ? RED : GREEN);
    json_object_end(&w);
    json_array_end(&w);
    if (c->username && *c->username)
        json_kv_c(&w, "username", c->username);
    if (c->avatar_url && *c->avatar_url)
        json_kv_c(&w, "avatar_url", c->avatar_url);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

const struct channel channel_discord = {.name = "discord", .render = render, .per_minute = 30};
