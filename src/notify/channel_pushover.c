/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_pushover - Pushover: all of the message stands in the query (alertmanager.md 5.10)
 */
#include <stdio.h>

#include "base/quote.h"
#include "notify/notify_priv.h"

#define PUSHOVER_URL  "https://api.pushover.net/1/messages.json"
#define TITLE_MAX     250
#define MESSAGE_MAX   1024
#define URL_MAX       512
#define URL_TITLE_MAX 100
#define PRIORITY      "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}"

static void add(struct buf *url, const char *key, const char *value)
{
    if (!*value)
        return;
    buf_addf(url, "%c%s=", strchr(url->p, '?') ? '&' : '?', key);
    quote_add_url(url, str_c(value));
}

static void add_seconds(struct buf *url, const char *key, dur_ms d)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)(d / 1000));
    add(url, key, text);
}

static int add_keys(const struct render *r, struct buf *url, struct err *err)
{
    const struct config_pushover *c = r->settings;
    const char *token, *user;
    int status = field_secret(r, c->token, c->token_file, "token", &token, err);

    if (status == 0)
        status = field_secret(r, c->user_key, c->user_key_file, "user_key", &user, err);
    if (status < 0)
        return status;
    add(url, "token", token);
    add(url, "user", user);
    return 0;
}

static int render(const struct render *in_bytes, struct buf *url, struct buf *body,
                  struct outgoing *ret, struct err *err)
{
    const struct config_pushover *c = in_bytes->settings;
    struct render r = *in_bytes, in_html;
    struct str message;
    bool html = c->html;
    int status;

    buf_add_c(url, PUSHOVER_URL);
    status = add_keys(in_bytes, url, err);
    if (status < 0)
        return status;
    r.characters = true;
    in_html = r;
    in_html.html = html;
    add(url, "title", field_text(&r, c->title, "pushover.default.title", TITLE_MAX));
    message = field_message(&in_html, c->message, "pushover.default.message", MESSAGE_MAX,
                            html ? &html : NULL);
    if (c->html && !html) /* it would end within a tag */
        message = field_message(&r, c->message, "pushover.default.message", MESSAGE_MAX, NULL);
    if (html)
        add(url, "html", "1");
    if (c->monospace)
        add(url, "monospace", "1");
    add(url, "message", str_trim(message).len ? message.p : "(no details)");
    add(url, "url", field_text(&r, c->url, "pushover.default.url", URL_MAX));
    add(url, "url_title", field_text(&r, c->url_title, NULL, URL_TITLE_MAX));
    add(url, "priority", field_text(&r, c->priority ? c->priority : PRIORITY, NULL, 0));
    add_seconds(url, "retry", c->retry);
    add_seconds(url, "expire", c->expire);
    add(url, "device", field_text(&r, c->device, NULL, 0));
    add(url, "sound", field_text(&r, c->sound, NULL, 0));
    if (c->ttl)
        add_seconds(url, "ttl", c->ttl);
    *ret = field_post(url, body, &c->http);
    ret->content_type = "text/plain";
    ret->body = STR("");
    return 0;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct str words;

    if (json_doc_parse(a->body, &doc, NULL) < 0 || !json_get(doc, "status") ||
        json_int(json_get(doc, "status")) == 1)
        return ACCEPTED;
    words = json_text(json_at(json_get(doc, "errors"), 0));
    buf_addf(why, "status %lld: %.*s", (long long)json_int(json_get(doc, "status")),
             (int)str_utf8_prefix(words, 120), words.p ? words.p : "");
    return REFUSED;
}

const struct channel channel_pushover = {.name = "pushover", .render = render, .judge = judge};
