/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_telegram - a bot's sendMessage (alertmanager.md 5.10)
 */
#include "base/num.h"
#include "notify/notify_priv.h"

#define TEXT_MAX 4096 /* UTF-16 units */
#define STOCK    "telegram.default.message"

/* A text in HTML that has to be cut would end within a tag: it goes as plain text instead. */
static struct str message_text(const struct render *in_bytes, const char **mode)
{
    const struct config_telegram *c = in_bytes->settings;
    struct render r = *in_bytes;
    struct str text;
    bool whole;

    r.characters = true;
    r.html = strcmp(c->parse_mode, "HTML") == 0;
    *mode = c->parse_mode;
    text = field_message(&r, c->message, STOCK, TEXT_MAX, &whole);
    if (whole || !r.html)
        return text;
    *mode = "";
    r.html = false;
    return field_message(&r, c->message, STOCK, TEXT_MAX, NULL);
}

static int add_chat_id(struct json_writer *w, const struct render *r, struct err *err)
{
    const struct config_telegram *c = r->settings;
    const char *id;
    int64_t number;
    int status = field_secret(r, c->chat_id, c->chat_id_file, "chat_id", &id, err);

    if (status < 0)
        return status;
    if (num_parse_i64(str_c(id), &number))
        json_kv_i64(w, "chat_id", number);
    else
        json_kv_c(w, "chat_id", id);
    return 0;
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_telegram *c = r->settings;
    const char *token, *mode;
    struct json_writer w;
    struct str text;
    int status = field_secret(r, c->token, c->token_file, "bot_token", &token, err);

    if (status < 0)
        return status;
    buf_addf(url, "%sbot%s/sendMessage", c->api_url, token);
    text = message_text(r, &mode);
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    status = add_chat_id(&w, r, err);
    if (status < 0)
        return status;
    json_kv_str(&w, "text", text);
    if (*mode)
        json_kv_c(&w, "parse_mode", mode);
    json_kv_bool(&w, "disable_notification", c->silent);
    json_kv_bool(&w, "disable_web_page_preview", true);
    if (c->thread_id)
        json_kv_i64(&w, "message_thread_id", (int64_t)c->thread_id);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    return field_judge_flag(a, "ok", "description", why);
}

/* To a group. */
const struct channel channel_telegram = {
    .name = "telegram", .render = render, .judge = judge, .per_minute = 20};
