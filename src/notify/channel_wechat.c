/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_wechat - an application of WeCom (alertmanager.md 5.3)
 *
 * The secret buys a token of two hours, which the queue keeps; the message follows with that. A token
 * that is not accepted is thrown away, and the next attempt asks for another one.
 */
#include <errno.h>

#include "base/quote.h"
#include "notify/notify_priv.h"

#define TEXT_BYTES_MAX     2048
#define MARKDOWN_BYTES_MAX 4096
#define EARLIER            (300 * NS_PER_S) /* that a token is thought to end */

static int ask_for_token(const struct render *r, struct buf *url, struct buf *body,
                         struct outgoing *ret, struct err *err)
{
    const struct config_wechat *c = r->settings;
    const char *secret;
    int status = field_secret(r, c->secret, c->secret_file, "api_secret", &secret, err);

    if (status < 0)
        return status;
    buf_addf(url, "%sgettoken?corpid=", c->api_url);
    quote_add_url(url, str_c(field_text(r, c->corp_id, NULL, 0)));
    buf_add_c(url, "&corpsecret=");
    quote_add_url(url, str_c(secret));
    *ret = field_post(url, body, &c->http);
    ret->method = "GET";
    ret->body = STR_NONE;
    ret->content_type = NULL;
    r->x->more = true;
    return 0;
}

static void add_content(struct json_writer *w, const char *type, struct str content)
{
    json_key_c(w, type);
    json_object_begin(w);
    json_kv_str(w, "content", content);
    json_object_end(w);
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    const struct config_wechat *c = r->settings;
    const struct token *token = r->x->token;
    struct json_writer w;
    struct str message;

    if (r->x->step == 0 && (token->text.len == 0 || token->until <= r->now))
        return ask_for_token(r, url, body, ret, err);
    if (token->text.len == 0)
        return err_set(err, -EAGAIN, "the configuration changed while a token was asked for");
    message = field_message(r, c->message, "wechat.default.message",
                            c->markdown ? MARKDOWN_BYTES_MAX : TEXT_BYTES_MAX, NULL);
    buf_addf(url, "%smessage/send?access_token=", c->api_url);
    quote_add_url(url, buf_str(&token->text));
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    field_add(&w, r, "touser", c->to_user, "wechat.default.to_user");
    field_add(&w, r, "toparty", c->to_party, "wechat.default.to_party");
    field_add(&w, r, "totag", c->to_tag, "wechat.default.to_tag");
    field_add(&w, r, "agentid", c->agent_id, "wechat.default.agent_id");
    json_kv_c(&w, "safe", "0");
    json_kv_c(&w, "msgtype", c->markdown ? "markdown" : "text");
    add_content(&w, "text", c->markdown ? STR("") : message);
    add_content(&w, "markdown", c->markdown ? message : STR(""));
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

static void keep_token(const struct answer *a, const struct json *doc)
{
    struct token *token = a->x->token;
    int64_t lives = json_int(json_get(doc, "expires_in"));

    buf_reset(&token->text);
    buf_add_str(&token->text, json_text(json_get(doc, "access_token")));
    token->until = a->x->now + lives * NS_PER_S - EARLIER;
}

static enum verdict judge(const struct answer *a, struct buf *why)
{
    /* busy; too many a minute; too many at once; token not valid, ended, of another secret */
    static const int64_t retriable[] = {-1, 45009, 45033, 40014, 42001, 40001, 0};
    const int64_t *passing_by = retriable;
    static const int64_t busy[] = {-1, 45009, 45033, 0};
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    enum verdict v;
    int64_t code;

    if (a->x->more)
        passing_by = busy; /* the secret itself was refused */
    v = robot_judge(a, "errcode", "errmsg", passing_by, why);
    if (json_doc_parse(a->body, &doc, NULL) < 0)
        return v;
    code = json_int(json_get(doc, "errcode"));
    if (v == ACCEPTED && a->x->more)
        keep_token(a, doc);
    else if (code == 40014 || code == 42001 || code == 40001)
        buf_reset(&a->x->token->text);
    return v;
}

const struct channel channel_wechat = {.name = "wechat", .render = render, .judge = judge};
