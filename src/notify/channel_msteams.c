/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_msteams - a connector (msteams) or a workflow (msteamsv2) of Microsoft Teams
 * (alertmanager.md 5.10)
 */
#include "base/file.h"
#include "notify/notify_priv.h"

#define TEXT_MAX 20000 /* bytes; a message of Teams takes 28 KB with all that is around its text */

static void add_message_card(struct json_writer *w, const struct render *r,
                             const struct config_card *c)
{
    json_kv_c(w, "@context", "http://schema.org/extensions");
    json_kv_c(w, "@type", "MessageCard"); /* as the connector's format has it, */
    json_kv_c(w, "type", "MessageCard");  /* and as Alertmanager writes it */
    json_kv_c(w, "title", field_text(r, c->title, "msteams.default.title", 0));
    json_kv_c(w, "summary", field_text(r, c->summary, "msteams.default.summary", 0));
    json_kv_str(w, "text", field_message(r, c->text, "msteams.default.text", TEXT_MAX, NULL));
    json_kv_c(w, "themeColor", field_firing(r) ? "8C1A1A" : "2DC72D");
}

static void add_text_block(struct json_writer *w, const char *text, const char *colour)
{
    json_object_begin(w);
    json_kv_c(w, "type", "TextBlock");
    json_kv_c(w, "text", text);
    if (colour) {
        json_kv_c(w, "weight", "Bolder");
        json_kv_c(w, "size", "Medium");
        json_kv_c(w, "style", "heading");
        json_kv_c(w, "color", colour);
    }
    json_kv_bool(w, "wrap", true);
    json_object_end(w);
}

static void add_adaptive_card(struct json_writer *w, const struct render *r,
                              const struct config_card *c)
{
    json_kv_c(w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    json_kv_c(w, "type", "AdaptiveCard");
    json_kv_c(w, "version", "1.2");
    json_key_c(w, "body");
    json_array_begin(w);
    add_text_block(w, field_text(r, c->title, "msteamsv2.default.title", 0),
                   field_firing(r) ? "Attention" : "Good");
    add_text_block(w, field_message(r, c->text, "msteamsv2.default.text", TEXT_MAX, NULL).p, NULL);
    json_array_end(w);
    json_key_c(w, "msteams");
    json_object_begin(w);
    json_kv_c(w, "width", "full");
    json_object_end(w);
}

static void add_workflow_message(struct json_writer *w, const struct render *r,
                                 const struct config_card *c)
{
    json_kv_c(w, "type", "message");
    json_key_c(w, "attachments");
    json_array_begin(w);
    json_object_begin(w);
    json_kv_c(w, "contentType", "application/vnd.microsoft.card.adaptive");
    json_key_c(w, "contentUrl");
    json_null_value(w);
    json_key_c(w, "content");
    json_object_begin(w);
    add_adaptive_card(w, r, c);
    json_object_end(w);
    json_object_end(w);
    json_array_end(w);
}

static int render_as(const struct render *r, bool workflow, struct buf *url, struct buf *body,
                     struct outgoing *ret, struct err *err)
{
    const struct config_card *c = r->settings;
    struct json_writer w;
    int status = secret_read(c->webhook_url, c->webhook_url_file, url, err);

    if (status < 0)
        return err_in(err, status, "webhook_url_file");
    json_writer_init(&w, body, JSON_PLAIN);
    json_object_begin(&w);
    if (workflow)
        add_workflow_message(&w, r, c);
    else
        add_message_card(&w, r, c);
    json_object_end(&w);
    *ret = field_post(url, body, &c->http);
    return 0;
}

static int render(const struct render *r, struct buf *url, struct buf *body, struct outgoing *ret,
                  struct err *err)
{
    return render_as(r, false, url, body, ret, err);
}

static int render_v2(const struct render *r, struct buf *url, struct buf *body,
                     struct outgoing *ret, struct err *err)
{
    return render_as(r, true, url, body, ret, err);
}

/* A connector hides what went wrong behind it in a text with status 200. */
static enum verdict judge(const struct answer *a, struct buf *why)
{
    static const struct str mark = {"returned HTTP error ", sizeof "returned HTTP error " - 1};
    size_t at = str_find(a->body, mark);
    struct str code = str_n(a->body.p + at, a->body.len - at);

    if (at == a->body.len)
        return ACCEPTED;
    code = str_n(code.p + mark.len, code.len - mark.len);
    buf_addf(why, "the answer says HTTP error %.*s", (int)str_utf8_prefix(code, 80), code.p);
    return str_has_prefix(code, STR("429")) || str_has_prefix(code, STR("5")) ? RETRIABLE : REFUSED;
}

const struct channel channel_msteams = {.name = "msteams", .render = render, .judge = judge};
const struct channel channel_msteamsv2 = {.name = "msteamsv2", .render = render_v2};
