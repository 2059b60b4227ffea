/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_webex - a message to a room of Webex (alertmanager.md 5.10); the bot's token stands in
 * http_config
 */
#include "notify/notify_priv.h"

#define TEXT_MAX 7439 /* bytes */

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_card *c = r->settings;
    struct json_writer w;

    buf_add_c(url, c->webhook_url);
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    json_kv_str(&w, "markdown", field_message(r, c->text, "webex.default.message", TEXT_MAX, NULL));
    json_kv_c(&w, "roomId", field_text(r, c->room_id, NULL, 0));
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

const struct channel channel_webex = {.name = "webex", .render = render};
