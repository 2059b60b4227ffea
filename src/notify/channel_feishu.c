/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_feishu - a robot in a Feishu or Lark group (alertmanager.md 5.6); signs in the body
 */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "net/crypto.h"
#include "notify/notify_priv.h"

#define MESSAGE_BYTES_MAX 15000 /* the body takes 20 KB, and JSON adds to what is in it */

/* Here the secret is part of the key, and nothing is signed with it. */
static void add_signature(struct json_writer *w, struct str secret, int64_t seconds)
{
    CLEANUP(buf_free) struct buf key = {0};
    CLEANUP(buf_free) struct buf sign = {0};
    uint8_t mac[32];
    char timestamp[24];

    snprintf(timestamp, sizeof timestamp, "%lld", (long long)seconds);
    buf_addf(&key, "%s\n%.*s", timestamp, STR_ARG(secret));
    crypto_hmac_sha256(buf_str(&key), STR(""), mac);
    crypto_base64(str_n((const char *)mac, sizeof mac), &sign);
    json_kv_c(w, "timestamp", timestamp);
    json_kv_str(w, "sign", buf_str(&sign));
}

static const char *colour(const struct notification *n)
{
    size_t resolved = 0;

    for (size_t i = 0; i < n->n_alerts; i++)
        resolved += alert_is_resolved(n->alerts[i], n->now);
    return resolved == 0 ? "red" : resolved == n->n_alerts ? "green" : "orange";
}

static void add_card(struct json_writer *w, const struct notification *n, struct str title,
                     struct str message)
{
    json_kv_c(w, "msg_type", "interactive");
    json_key_c(w, "card");
    json_object_begin(w);
    json_key_c(w, "config");
    json_object_begin(w);
    json_kv_bool(w, "wide_screen_mode", true);
    json_kv_bool(w, "enable_forward", true);
    json_object_end(w);
    json_key_c(w, "header");
    json_object_begin(w);
    json_kv_c(w, "template", colour(n));
    json_key_c(w, "title");
    json_object_begin(w);
    json_kv_c(w, "tag", "plain_text");
    json_kv_str(w, "content", title);
    json_object_end(w);
    json_object_end(w);
    json_key_c(w, "elements");
    json_array_begin(w);
    json_object_begin(w);
    json_kv_c(w, "tag", "markdown");
    json_kv_str(w, "content", message);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
}

static void add_text(struct json_writer *w, struct str title, struct str message)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_addf(&text, "%.*s\n%.*s", STR_ARG(title), STR_ARG(message));
    json_kv_c(w, "msg_type", "text");
    json_key_c(w, "content");
    json_object_begin(w);
    json_kv_str(w, "text", buf_str(&text));
    json_object_end(w);
}

static void add_mentions(const struct config_robot *c, struct buf *message)
{
    const char *form = c->text ? "<at user_id=\"%s\"></at>" : "<at id=%s></at>";

    for (size_t i = 0; i < c->n_at_users; i++)
        buf_addf(message, form, c->at_users[i]);
    if (c->at_all)
        buf_addf(message, form, "all");
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_robot *c = r->settings;
    CLEANUP(buf_free) struct buf secret = {0};
    CLEANUP(buf_free) struct buf title = {0};
    CLEANUP(buf_free) struct buf message = {0};
    struct json_writer w;
    int status = secret_read(c->webhook_url, c->webhook_url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    status = secret_read(c->secret, c->secret_file, &secret, err);
    if (status < 0)
        return err_in(err, status, "secret_file");
    robot_texts(r, MESSAGE_BYTES_MAX, &title, &message);
    add_mentions(c, &message);
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    if (secret.len > 0)
        add_signature(&w, buf_str(&secret), unix_ms_of_ns(r->now) / 1000);
    if (c->text)
        add_text(&w, buf_str(&title), buf_str(&message));
    else
        add_card(&w, r->n, buf_str(&title), buf_str(&message));
    json_object_end(&w);
    *ret = robot_post(c, url, body);
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    /* too many, twice */
    static const int64_t retriable[] = {11232, 9499, 0};
    CLEANUP(json_doc_freep) struct json *doc = NULL;

    if (json_doc_parse(a->body, &doc, NULL) == 0 && !json_get(doc, "code"))
        return robot_judge(a, "StatusCode", "StatusMessage", retriable, why); /* the old form */
    return robot_judge(a, "code", "msg", retriable, why);
}

const struct channel channel_feishu = {
    .name = "feishu", .render = render, .judge = judge, .per_minute = 100};
