/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chats whose messages have attachments: slack_configs, mattermost_configs, rocketchat_configs.
 */
#include "config/config_priv.h"

#define ROCKETCHAT_URL     "https://open.rocket.chat/"
#define ROCKETCHAT_PATH    "api/v1/chat.postMessage"
#define ATTACHMENT(key, m) TEXT(key, struct config_attachment, m)
#define CHAT(key, m)       TEXT(key, struct config_chat, m)

/* ---- parts --------------------------------------------------------------------------------- */

static void read_short(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    const struct field flag = {.key = "short", .kind = FIELD_BOOL};
    bool yes = false;

    decode_field(d, &flag, node, &yes);
    *(enum config_short *)value = yes ? SHORT_YES : SHORT_NO;
}

static int check_field(struct decoder *d, const struct config_chat_field *f,
                       const struct yaml_node *node, const char *owner)
{
    if (!is_given(f->title))
        return decoder_fail(d, node, "missing title in %s field configuration", owner);
    if (!is_given(f->value))
        return decoder_fail(d, node, "missing value in %s field configuration", owner);
    return 0;
}

static int check_slack_field(struct decoder *d, void *object, const struct yaml_node *node,
                             void *parent)
{
    return check_field(d, object, node, "Slack");
}

static int check_mattermost_field(struct decoder *d, void *object, const struct yaml_node *node,
                                  void *parent)
{
    return check_field(d, object, node, "Mattermost");
}

static const struct field chat_field_fields[] = {
    TEXT("title", struct config_chat_field, title),
    TEXT("value", struct config_chat_field, value),
    READ("short", struct config_chat_field, is_short, enum config_short, read_short),
};
#define CHAT_FIELD FIELDS(chat_field_fields), .size = sizeof(struct config_chat_field)
static const struct block slack_field_block = {
    .name = "slack field", CHAT_FIELD, .check = check_slack_field};
static const struct block mattermost_field_block = {
    .name = "mattermost field", CHAT_FIELD, .check = check_mattermost_field};
static const struct block rocketchat_field_block = {.name = "rocketchat field", CHAT_FIELD};

static int check_confirm(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    const struct config_chat_confirm *c = object;

    if (!is_given(c->text))
        return decoder_fail(d, node, "missing text in Slack confirmation configuration");
    return 0;
}

static const struct field confirm_fields[] = {
    TEXT("title", struct config_chat_confirm, title),
    TEXT("text", struct config_chat_confirm, text),
    TEXT("ok_text", struct config_chat_confirm, ok_text),
    TEXT("dismiss_text", struct config_chat_confirm, dismiss_text),
};
static const struct block confirm_block = {.name = "slack confirm",
                                           FIELDS(confirm_fields),
                                           .size = sizeof(struct config_chat_confirm),
                                           .check = check_confirm};

static int check_slack_action(struct decoder *d, void *object, const struct yaml_node *node,
                              void *parent)
{
    const struct config_chat_action *a = object;

    if (!is_given(a->type))
        return decoder_fail(d, node, "missing type in Slack action configuration");
    if (!is_given(a->text))
        return decoder_fail(d, node, "missing text in Slack action configuration");
    if (!is_given(a->url) && !is_given(a->name))
        return decoder_fail(d, node, "missing name or url in Slack action configuration");
    return 0;
}

static const struct field slack_action_fields[] = {
    TEXT("type", struct config_chat_action, type),
    TEXT("text", struct config_chat_action, text),
    TEXT("url", struct config_chat_action, url),
    TEXT("style", struct config_chat_action, style),
    TEXT("name", struct config_chat_action, name),
    TEXT("value", struct config_chat_action, value),
    BLOCK_PTR("confirm", struct config_chat_action, confirm, &confirm_block),
};
static const struct block slack_action_block = {.name = "slack action",
                                                FIELDS(slack_action_fields),
                                                .size = sizeof(struct config_chat_action),
                                                .check = check_slack_action};

static const struct field rocketchat_action_fields[] = {
    TEXT("type", struct config_chat_action, type),
    TEXT("text", struct config_chat_action, text),
    TEXT("url", struct config_chat_action, url),
    TEXT("msg", struct config_chat_action, msg),
};
static const struct block rocketchat_action_block = {.name = "rocketchat action",
                                                     FIELDS(rocketchat_action_fields),
                                                     .size = sizeof(struct config_chat_action)};

/* What the attachments of all three have. */
static const struct field attachment_fields[] = {
    ATTACHMENT("color", color),           ATTACHMENT("title", title),
    ATTACHMENT("title_link", title_link), ATTACHMENT("text", text),
    ATTACHMENT("image_url", image_url),   ATTACHMENT("thumb_url", thumb_url),
};
static const struct block attachment_block = {.name = "attachment", FIELDS(attachment_fields)};
#define LIST(key, m, type, block, when_null)                                                       \
    BLOCKS(key, struct config_attachment, m, struct type *, block, when_null)

static const struct field slack_attachment_fields[] = {
    ATTACHMENT("pretext", pretext),
    ATTACHMENT("fallback", fallback),
    ATTACHMENT("callback_id", callback_id),
    ATTACHMENT("footer", footer),
    LIST("fields", fields, config_chat_field, &slack_field_block, "missing Slack field"),
    LIST("actions", actions, config_chat_action, &slack_action_block, "missing Slack action"),
};
static const struct block slack_attachment_block = {
    .name = "slack attachment", FIELDS(slack_attachment_fields), .also = &attachment_block};

static const struct field rocketchat_attachment_fields[] = {
    LIST("fields", fields, config_chat_field, &rocketchat_field_block, "missing Rocketchat field"),
    LIST("actions", actions, config_chat_action, &rocketchat_action_block,
         "missing Rocketchat action"),
};
static const struct block rocketchat_attachment_block = {.name = "rocketchat attachment",
                                                         FIELDS(rocketchat_attachment_fields),
                                                         .also = &attachment_block};

static const struct field mattermost_attachment_fields[] = {
    ATTACHMENT("fallback", fallback),
    ATTACHMENT("pretext", pretext),
    ATTACHMENT("author_name", author_name),
    ATTACHMENT("author_link", author_link),
    ATTACHMENT("author_icon", author_icon),
    ATTACHMENT("footer", footer),
    ATTACHMENT("footer_icon", footer_icon),
    LIST("fields", fields, config_chat_field, &mattermost_field_block, "missing Mattermost field"),
};
static const struct block mattermost_attachment_block = {
    .name = "mattermost attachment",
    FIELDS(mattermost_attachment_fields),
    .also = &attachment_block,
    .size = sizeof(struct config_attachment),
};

/* ---- slack --------------------------------------------------------------------------------- */

/* Own token or URL before `global`'s. With a token, or an authorization that does its work, messages
 * are posted to app_url. */
static void take_slack_defaults(struct config_chat *c, const struct channel_defaults *g,
                                bool authorized)
{
    bool own = is_given(c->url) || is_given(c->url_file) || is_given(c->token) ||
               is_given(c->token_file);
    bool token = is_given(g->slack_token) || is_given(g->slack_token_file);

    if (!own && token && !authorized)
        take_secret_default(&c->token, &c->token_file, g->slack_token, g->slack_token_file);
    else if (!own && !token)
        take_secret_default(&c->url, &c->url_file, g->slack_url, g->slack_url_file);
    take_default(&c->app_url, is_given(g->slack_app_url) ? g->slack_app_url : SLACK_POST_URL);
    if (is_given(c->token) || is_given(c->token_file) || (!own && token))
        c->url = c->app_url;
}

static int check_slack(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_chat *c = object;
    bool token = is_given(c->token) || is_given(c->token_file), authorized;
    int status;

    c->line = node->line;
    if (((status = at_most_one(d, node, "api_url", "api_url_file")) < 0) ||
        ((status = at_most_one(d, node, "app_token", "app_token_file")) < 0))
        return status;
    if ((is_given(c->url) || is_given(c->url_file)) && token)
        return decoder_fail(d, node,
                            "at most one of api_url/api_url_file & app_token/app_token_file must "
                            "be configured");
    take_http(d, node, &c->http);
    authorized = c->http.authorization_credentials || c->http.authorization_credentials_file;
    if (token && authorized)
        return decoder_fail(d, node, "http authorization can't be set when using Slack tokens");
    take_slack_defaults(c, &d->global.channels, authorized);
    if (!is_given(c->url) && !is_given(c->url_file))
        return decoder_fail(d, node,
                            "no Slack API URL nor App token set either inline or in a file");
    return 0;
}

static const struct field slack_fields[] = {
    BOOL("send_resolved", struct config_chat, send_resolved),
    SECRET_URL("api_url", struct config_chat, url),
    PATH("api_url_file", struct config_chat, url_file),
    SECRET("app_token", struct config_chat, token),
    PATH("app_token_file", struct config_chat, token_file),
    URL("app_url", struct config_chat, app_url),
    CHAT("channel", channel),
    CHAT("username", username),
    CHAT("icon_emoji", icon_emoji),
    CHAT("icon_url", icon_url),
    CHAT("message_text", message_text),
    BOOL("short_fields", struct config_chat, short_fields),
    BOOL("link_names", struct config_chat, link_names),
    TEXTS("mrkdwn_in", struct config_chat, mrkdwn_in),
    GO_DURATION("timeout", struct config_chat, timeout),
    BLOCK("http_config", struct config_chat, http, &http_block),
};
static const struct config_chat quiet_defaults = {.http = {.follow_redirects = true}};
const struct block slack_block = {
    .name = "slack",
    FIELDS(slack_fields),
    .also = &slack_attachment_block,
    .also_offset = offsetof(struct config_chat, attachment),
    .size = sizeof(struct config_chat),
    .defaults = &quiet_defaults,
    .check = check_slack,
};

/* ---- rocketchat ---------------------------------------------------------------------------- */

static int check_rocketchat(struct decoder *d, void *object, const struct yaml_node *node,
                            void *parent)
{
    struct config_chat *c = object;
    const struct channel_defaults *g = &d->global.channels;
    int status;

    c->line = node->line;
    if (((status = at_most_one(d, node, "token", "token_file")) < 0) ||
        ((status = at_most_one(d, node, "token_id", "token_id_file")) < 0))
        return status;
    take_secret_default(&c->token, &c->token_file, g->rocketchat_token, g->rocketchat_token_file);
    take_secret_default(&c->token_id, &c->token_id_file, g->rocketchat_token_id,
                        g->rocketchat_token_id_file);
    if (!is_given(c->token) && !is_given(c->token_file))
        return decoder_fail(d, node, "no global Rocketchat Token set either inline or in a file");
    if (!is_given(c->token_id) && !is_given(c->token_id_file))
        return decoder_fail(d, node, "no global Rocketchat TokenID set either inline or in a file");
    take_default(&c->url, is_given(g->rocketchat_url) ? g->rocketchat_url : ROCKETCHAT_URL);
    c->url = arena_printf(&d->config->arena, "%s" ROCKETCHAT_PATH, with_slash(d, c->url, true));
    take_http(d, node, &c->http);
    return 0;
}

static const struct field rocketchat_fields[] = {
    BOOL("send_resolved", struct config_chat, send_resolved),
    URL("api_url", struct config_chat, url),
    SECRET("token", struct config_chat, token),
    PATH("token_file", struct config_chat, token_file),
    SECRET("token_id", struct config_chat, token_id),
    PATH("token_id_file", struct config_chat, token_id_file),
    CHAT("channel", channel),
    CHAT("emoji", icon_emoji),
    CHAT("icon_url", icon_url),
    BOOL("short_fields", struct config_chat, short_fields),
    BLOCK("http_config", struct config_chat, http, &http_block),
};
const struct block rocketchat_block = {
    .name = "rocketchat",
    FIELDS(rocketchat_fields),
    .also = &rocketchat_attachment_block,
    .also_offset = offsetof(struct config_chat, attachment),
    .size = sizeof(struct config_chat),
    .defaults = &quiet_defaults,
    .check = check_rocketchat,
};

/* ---- mattermost ---------------------------------------------------------------------------- */

static int check_mattermost(struct decoder *d, void *object, const struct yaml_node *node,
                            void *parent)
{
    struct config_chat *c = object;
    const struct channel_defaults *g = &d->global.channels;
    const struct yaml_node *priority = yaml_get(node, "priority");
    int status = at_most_one(d, node, "webhook_url", "webhook_url_file");

    c->line = node->line;
    if (status < 0)
        return status;
    take_secret_default(&c->url, &c->url_file, g->mattermost_url, g->mattermost_url_file);
    if (!is_given(c->url) && !is_given(c->url_file))
        return decoder_fail(d, node,
                            "missing webhook_url or webhook_url_file on mattermost_config");
    c->has_ack = priority && has_key(priority, "requested_ack");
    c->has_persistent = priority && has_key(priority, "persistent_notifications");
    take_http(d, node, &c->http);
    return 0;
}

static const struct field props_fields[] = {CHAT("card", card)};
static const struct block props_block = {.name = "mattermost props", FIELDS(props_fields)};
static const struct field priority_fields[] = {
    CHAT("priority", priority),
    BOOL("requested_ack", struct config_chat, requested_ack),
    BOOL("persistent_notifications", struct config_chat, persistent_notifications),
};
static const struct block priority_block = {.name = "mattermost priority", FIELDS(priority_fields)};

static const struct field mattermost_fields[] = {
    BOOL("send_resolved", struct config_chat, send_resolved),
    SECRET_URL("webhook_url", struct config_chat, url),
    PATH("webhook_url_file", struct config_chat, url_file),
    CHAT("channel", channel),
    CHAT("username", username),
    CHAT("icon_url", icon_url),
    CHAT("icon_emoji", icon_emoji),
    CHAT("type", type),
    BLOCKS("attachments", struct config_chat, attachments, struct config_attachment *,
           &mattermost_attachment_block, "missing Mattermost attachment"),
    MORE_KEYS("props", &props_block),
    MORE_KEYS("priority", &priority_block),
    BLOCK("http_config", struct config_chat, http, &http_block),
};
static const struct config_chat mattermost_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
const struct block mattermost_block = {
    .name = "mattermost",
    FIELDS(mattermost_fields),
    .also = &mattermost_attachment_block,
    .also_offset = offsetof(struct config_chat, attachment),
    .size = sizeof(struct config_chat),
    .defaults = &mattermost_defaults,
    .check = check_mattermost,
};
