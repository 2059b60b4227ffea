/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_slack - a Slack webhook, or chat.postMessage with an application's token (alertmanager.md
 * 5.7)
 */
#include "base/file.h"
#include "notify/notify_priv.h"

#define TITLE_MAX 1024
#define TEXT_MAX  40000 /* characters; Slack cuts longer messages itself, without saying so */

static void add_mrkdwn_in(struct json_writer *w, const struct config_chat *c)
{
    static const char *const standard[] = {"fallback", "pretext", "text"};
    const char *const *names = c->n_mrkdwn_in ? c->mrkdwn_in : standard;
    size_t n = c->n_mrkdwn_in ? c->n_mrkdwn_in : ARRAY_LEN(standard);

    json_key_c(w, "mrkdwn_in");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        json_c(w, names[i]);
    json_array_end(w);
}

static void add_attachment(struct json_writer *w, const struct render *r,
                           const struct config_chat *c)
{
    const struct config_attachment *a = &c->attachment;

    json_object_begin(w);
    json_kv_c(w, "title", field_text(r, a->title, "slack.default.title", TITLE_MAX));
    field_add(w, r, "title_link", a->title_link, "slack.default.titlelink");
    field_add(w, r, "pretext", a->pretext, "slack.default.pretext");
    json_kv_str(w, "text", field_message(r, a->text, "slack.default.text", TEXT_MAX, NULL));
    json_kv_c(w, "fallback", field_text(r, a->fallback, "slack.default.fallback", 0));
    json_kv_c(w, "callback_id", field_text(r, a->callback_id, "slack.default.callbackid", 0));
    field_add(w, r, "image_url", a->image_url, NULL);
    field_add(w, r, "thumb_url", a->thumb_url, NULL);
    json_kv_c(w, "footer", field_text(r, a->footer, "slack.default.footer", 0));
    field_add(w, r, "color", a->color, "slack.default.color");
    chat_add_fields(w, r, a, c->short_fields);
    chat_add_actions(w, r, a);
    add_mrkdwn_in(w, c);
    json_object_end(w);
}

static int add_token(const struct render *r, struct outgoing *o, struct err *err)
{
    const struct config_chat *c = r->settings;
    struct http_header *bearer = arena_array(r->arena, 1, sizeof *bearer);
    const char *token;
    int status = field_secret(r, c->token, c->token_file, "app_token", &token, err);

    if (status < 0 || !*token)
        return status;
    *bearer = (struct http_header){"Authorization", arena_printf(r->arena, "Bearer %s", token)};
    o->headers = bearer;
    o->n_headers = 1;
    return 0;
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_chat *c = r->settings;
    struct render in_characters = *r;
    struct json_writer w;
    int status = secret_read(c->url, c->url_file, url, err);

    if (status < 0)
        return err_in(err, status, "api_url_file");
    in_characters.characters = true;
    r = &in_characters;
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    field_add(&w, r, "channel", c->channel, NULL);
    field_add(&w, r, "username", c->username, "slack.default.username");
    field_add(&w, r, "icon_emoji", c->icon_emoji, "slack.default.iconemoji");
    field_add(&w, r, "icon_url", c->icon_url, "slack.default.iconurl");
    field_add(&w, r, "text", c->message_text, NULL);
    if (c->link_names)
        json_kv_bool(&w, "link_names", true);
    json_key_c(&w, "attachments");
    json_array_begin(&w);
    add_attachment(&w, r, c);
    json_array_end(&w);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    if (c->timeout)
        ret->timeout = c->timeout;
    return add_token(r, ret, err);
}

/* Errors of Slack that pass by themselves. */
static bool passes(struct str error)
{
    static const char *const errors[] = {
        "ratelimited",         "rate_limited",      "message_limit_exceeded", "request_timeout",
        "service_unavailable", "team_added_to_org", "internal_error",         "fatal_error"};

    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (str_eq_c(error, errors[i]))
            return true;
    return false;
}

/* A webhook answers "ok", the API JSON. */
static enum verdict judge(const struct answer *a, struct buf *why)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct str text = str_trim(a->body);
    enum verdict v;

    if (str_eq(text, STR("ok")))
        return ACCEPTED;
    if (json_doc_parse(a->body, &doc, NULL) < 0) {
        buf_addf(why, "the answer is not \"ok\": %.*s", (int)str_utf8_prefix(text, 120),
                 text.p ? text.p : "");
        return REFUSED;
    }
    v = field_judge_flag(a, "ok", "error", why);
    return v == REFUSED && passes(json_text(json_get(doc, "error"))) ? RETRIABLE : v;
}

/* One a second for a channel. */
const struct channel channel_slack = {
    .name = "slack", .render = render, .judge = judge, .per_minute = 60};
