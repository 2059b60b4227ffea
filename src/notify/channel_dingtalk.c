/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_dingtalk - a robot in a DingTalk group (alertmanager.md 5.5); signs in its URL
 */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "net/crypto.h"
#include "notify/notify_priv.h"

#define MESSAGE_BYTES_MAX 18000 /* the body takes 20 kB, and JSON adds to what is in it */

/* timestamp and sign; the secret is the key and part of what is signed. */
static void add_signature(struct str secret, unix_ms now, struct buf *url)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf sign = {0};
    uint8_t mac[32];

    buf_addf(&text, "%lld\n%.*s", (long long)now, STR_ARG(secret));
    crypto_hmac_sha256(secret, buf_str(&text), mac);
    crypto_base64(str_n((const char *)mac, sizeof mac), &sign);
    buf_addf(url, "%ctimestamp=%lld&sign=", strchr(url->p, '?') ? '&' : '?', (long long)now);
    quote_add_url(url, buf_str(&sign));
}

static int make_url(const struct render *r, struct buf *url, struct err *err)
{
    const struct config_robot *c = r->settings;
    CLEANUP(buf_free) struct buf secret = {0};
    int status = secret_read(c->webhook_url, c->webhook_url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    status = secret_read(c->secret, c->secret_file, &secret, err);
    if (status < 0)
        return err_in(err, status, "secret_file");
    if (secret.len > 0)
        add_signature(buf_str(&secret), unix_ms_of_ns(r->now), url);
    return 0;
}

/* A mention shows only when the text has it, too. */
static void add_mentions(const struct config_robot *c, struct buf *text)
{
    for (size_t i = 0; i < c->n_at_mobiles; i++)
        buf_addf(text, "%s@%s", i ? " " : "\n", c->at_mobiles[i]);
    for (size_t i = 0; i < c->n_at_users; i++)
        buf_addf(text, "%s@%s", i + c->n_at_mobiles ? " " : "\n", c->at_users[i]);
}

static void add_content(struct json_writer *w, const struct config_robot *c, struct str title,
                        struct str message)
{
    json_kv_c(w, "msgtype", c->text ? "text" : "markdown");
    json_key_c(w, c->text ? "text" : "markdown");
    json_object_begin(w);
    if (!c->text)
        json_kv_str(w, "title", title);
    json_kv_str(w, c->text ? "content" : "text", message);
    json_object_end(w);
    json_key_c(w, "at");
    json_object_begin(w);
    robot_add_names(w, "atMobiles", c->at_mobiles, c->n_at_mobiles, false);
    robot_add_names(w, "atUserIds", c->at_users, c->n_at_users, false);
    json_kv_bool(w, "isAtAll", c->at_all);
    json_object_end(w);
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_robot *c = r->settings;
    CLEANUP(buf_free) struct buf title = {0};
    CLEANUP(buf_free) struct buf message = {0};
    CLEANUP(buf_free) struct buf content = {0};
    struct json_writer w;
    int status = make_url(r, url, err);

    if (status < 0)
        return status;
    robot_texts(r, MESSAGE_BYTES_MAX, &title, &message);
    buf_addf(&content, "%s%s\n\n%s", c->text ? "" : "### ", title.p, message.p);
    add_mentions(c, &content);
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    add_content(&w, c, buf_str(&title), buf_str(&content));
    json_object_end(&w);
    *ret = robot_post(c, url, body);
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    /* busy; too fast, twice */
    static const int64_t retriable[] = {-1, 130101, 410100, 0};

    return robot_judge(a, "errcode", "errmsg", retriable, why);
}

/* One more than 20 blocks the robot for ten minutes. */
const struct channel channel_dingtalk = {
    .name = "dingtalk", .render = render, .judge = judge, .per_minute = 20};
