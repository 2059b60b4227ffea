/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to a room or a person: telegram, discord, msteams, msteamsv2, webex, pushover, wechat.
 */
#include "config/config_priv.h"

#include "base/num.h"

#define TELEGRAM_URL "https://api.telegram.org"
#define WEBEX_URL    "https://webexapis.com/v1/messages"
#define WECHAT_URL   "https://qyapi.weixin.qq.com/cgi-bin/"

/* ---- discord, msteams, msteamsv2, webex ---------------------------------------------------- */

static int check_card(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_card *c = object;

    c->line = node->line;
    if (!is_given(c->webhook_url) && !is_given(c->webhook_url_file))
        return decoder_fail(d, node, "one of webhook_url or webhook_url_file must be configured");
    take_http(d, node, &c->http);
    return at_most_one(d, node, "webhook_url", "webhook_url_file");
}

static int check_webex(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_card *c = object;
    const struct yaml_node *http = yaml_get(node, "http_config");
    const char *url = d->global.channels.webex_url;

    c->line = node->line;
    if (!is_given(c->room_id))
        return decoder_fail(d, node, "missing room_id on webex_config");
    if (!http || !has_key(http, "authorization"))
        return decoder_fail(d, node, "missing webex_configs.http_config.authorization");
    take_default(&c->webhook_url, is_given(url) ? url : WEBEX_URL);
    return 0;
}

static const struct field card_fields[] = {
    BOOL("send_resolved", struct config_card, send_resolved),
    SECRET_URL("webhook_url", struct config_card, webhook_url),
    PATH("webhook_url_file", struct config_card, webhook_url_file),
    TEXT("title", struct config_card, title),
    BLOCK("http_config", struct config_card, http, &http_block),
};
static const struct field discord_fields[] = {
    TEXT("content", struct config_card, content),
    TEXT("message", struct config_card, text),
    TEXT("username", struct config_card, username),
    TEXT("avatar_url", struct config_card, avatar_url),
};
static const struct field msteamsv2_fields[] = {TEXT("text", struct config_card, text)};
static const struct field msteams_fields[] = {TEXT("summary", struct config_card, summary)};
static const struct field webex_fields[] = {
    BOOL("send_resolved", struct config_card, send_resolved),
    URL("api_url", struct config_card, webhook_url),
    TEXT("room_id", struct config_card, room_id),
    TEXT("message", struct config_card, text),
    BLOCK("http_config", struct config_card, http, &http_block),
};
static const struct config_card card_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
#define CARD .size = sizeof(struct config_card), .defaults = &card_defaults

static const struct block card_block = {.name = "card", FIELDS(card_fields)};
const struct block discord_block = {
    .name = "discord", FIELDS(discord_fields), .also = &card_block, CARD, .check = check_card};
const struct block msteamsv2_block = {
    .name = "msteamsv2", FIELDS(msteamsv2_fields), .also = &card_block, CARD, .check = check_card};
static const struct block teams_text_block = {
    .name = "msteams text", FIELDS(msteamsv2_fields), .also = &card_block};
const struct block msteams_block = {.name = "msteams",
                                    FIELDS(msteams_fields),
                                    .also = &teams_text_block,
                                    CARD,
                                    .check = check_card};
const struct block webex_block = {
    .name = "webex", FIELDS(webex_fields), CARD, .check = check_webex};

/* ---- telegram ------------------------------------------------------------------------------ */

/* A number, negative for groups; kept as text. */
static void read_chat_id(struct decoder *d, const struct yaml_node *node, void *value,
                         size_t *count)
{
    int64_t number;

    if (!is_text(d, node))
        return;
    if (node->quoted || !num_parse_i64(node->text, &number))
        decoder_expected(d, node, "a whole number");
    else if (number != 0)
        *(const char **)value = decoder_text(d, node->text);
}

static bool is_parse_mode(const char *mode)
{
    static const char *const modes[] = {"", "Markdown", "MarkdownV2", "HTML"};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            return true;
    return false;
}

static int check_telegram(struct decoder *d, void *object, const struct yaml_node *node,
                          void *parent)
{
    struct config_telegram *t = object;
    const struct channel_defaults *g = &d->global.channels;
    int status;

    t->line = node->line;
    if (((status = at_most_one(d, node, "bot_token", "bot_token_file")) < 0) ||
        ((status = at_most_one(d, node, "chat_id", "chat_id_file")) < 0))
        return status;
    if (!is_given(t->chat_id) && !is_given(t->chat_id_file))
        return decoder_fail(d, node, "missing chat_id or chat_id_file on telegram_config");
    if (!is_parse_mode(t->parse_mode))
        return decoder_fail(d, place_of(node, "parse_mode"),
                            "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, "
                            "HTML or empty string");
    take_secret_default(&t->token, &t->token_file, g->telegram_token, g->telegram_token_file);
    if (!is_given(t->token) && !is_given(t->token_file))
        return decoder_fail(d, node, "missing bot_token or bot_token_file on telegram_config");
    take_default(&t->api_url, is_given(g->telegram_url) ? g->telegram_url : TELEGRAM_URL);
    t->api_url = with_slash(d, t->api_url, true);
    take_http(d, node, &t->http);
    return 0;
}

static const struct field telegram_fields[] = {
    BOOL("send_resolved", struct config_telegram, send_resolved),
    URL("api_url", struct config_telegram, api_url),
    SECRET("bot_token", struct config_telegram, token),
    PATH("bot_token_file", struct config_telegram, token_file),
    READ("chat_id", struct config_telegram, chat_id, const char *, read_chat_id),
    PATH("chat_id_file", struct config_telegram, chat_id_file),
    COUNT("message_thread_id", struct config_telegram, thread_id),
    TEXT("message", struct config_telegram, message),
    TEXT("parse_mode", struct config_telegram, parse_mode),
    BOOL("disable_notifications", struct config_telegram, silent),
    BLOCK("http_config", struct config_telegram, http, &http_block),
};
static const struct config_telegram telegram_defaults = {
    .send_resolved = true,
    .parse_mode = "HTML",
    .http = {.follow_redirects = true},
};
const struct block telegram_block = {
    .name = "telegram",
    FIELDS(telegram_fields),
    .size = sizeof(struct config_telegram),
    .defaults = &telegram_defaults,
    .check = check_telegram,
};

/* ---- pushover ------------------------------------------------------------------------------ */

static int check_pushover(struct decoder *d, void *object, const struct yaml_node *node,
                          void *parent)
{
    struct config_pushover *p = object;
    int status;

    p->line = node->line;
    if (!is_given(p->user_key) && !is_given(p->user_key_file))
        return decoder_fail(d, node, "one of user_key or user_key_file must be configured");
    if ((status = at_most_one(d, node, "user_key", "user_key_file")) < 0)
        return status;
    if (!is_given(p->token) && !is_given(p->token_file))
        return decoder_fail(d, node, "one of token or token_file must be configured");
    if ((status = at_most_one(d, node, "token", "token_file")) < 0)
        return status;
    if (p->html && p->monospace)
        return decoder_fail(d, node, "at most one of monospace & html must be configured");
    take_http(d, node, &p->http);
    return 0;
}

static const struct field pushover_fields[] = {
    BOOL("send_resolved", struct config_pushover, send_resolved),
    SECRET("user_key", struct config_pushover, user_key),
    PATH("user_key_file", struct config_pushover, user_key_file),
    SECRET("token", struct config_pushover, token),
    PATH("token_file", struct config_pushover, token_file),
    TEXT("title", struct config_pushover, title),
    TEXT("message", struct config_pushover, message),
    TEXT("url", struct config_pushover, url),
    TEXT("url_title", struct config_pushover, url_title),
    TEXT("device", struct config_pushover, device),
    TEXT("sound", struct config_pushover, sound),
    TEXT("priority", struct config_pushover, priority),
    GO_DURATION("retry", struct config_pushover, retry),
    GO_DURATION("expire", struct config_pushover, expire),
    GO_DURATION("ttl", struct config_pushover, ttl),
    BOOL("html", struct config_pushover, html),
    BOOL("monospace", struct config_pushover, monospace),
    BLOCK("http_config", struct config_pushover, http, &http_block),
};
static const struct config_pushover pushover_defaults = {
    .send_resolved = true,
    .retry = 60 * 1000,
    .expire = 3600 * 1000,
    .http = {.follow_redirects = true},
};
const struct block pushover_block = {
    .name = "pushover",
    FIELDS(pushover_fields),
    .size = sizeof(struct config_pushover),
    .defaults = &pushover_defaults,
    .check = check_pushover,
};

/* ---- wechat -------------------------------------------------------------------------------- */

static void read_is_markdown(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    *(bool *)value = node->kind == YAML_SCALAR && str_eq(node->text, STR("markdown"));
    if (node->kind == YAML_SCALAR && !*(bool *)value && !str_eq(node->text, STR("text")))
        decoder_wrong_bare(
            d, node,
            "weChat message type \"" STR_FMT "\" does not match valid options ^(text|markdown)$",
            STR_ARG(str_n(node->text.p, str_utf8_prefix(node->text, CONFIG_QUOTE_MAX))));
}

static int check_wechat(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_wechat *w = object;
    const struct channel_defaults *g = &d->global.channels;
    int status = at_most_one(d, node, "api_secret", "api_secret_file");

    w->line = node->line;
    if (status < 0)
        return status;
    take_secret_default(&w->secret, &w->secret_file, g->wechat_secret, g->wechat_secret_file);
    if (!is_given(w->secret) && !is_given(w->secret_file))
        return decoder_fail(d, node, "no global Wechat Api Secret set either inline or in a file");
    take_default(&w->corp_id, g->wechat_corp_id);
    if (!is_given(w->corp_id))
        return decoder_fail(d, node, "no global Wechat CorpID set");
    take_default(&w->api_url, is_given(g->wechat_url) ? g->wechat_url : WECHAT_URL);
    w->api_url = with_slash(d, w->api_url, true);
    take_http(d, node, &w->http);
    return 0;
}

static const struct field wechat_fields[] = {
    BOOL("send_resolved", struct config_wechat, send_resolved),
    SECRET("api_secret", struct config_wechat, secret),
    PATH("api_secret_file", struct config_wechat, secret_file),
    TEXT("corp_id", struct config_wechat, corp_id),
    URL("api_url", struct config_wechat, api_url),
    TEXT("message", struct config_wechat, message),
    READ("message_type", struct config_wechat, markdown, bool, read_is_markdown),
    TEXT("to_user", struct config_wechat, to_user),
    TEXT("to_party", struct config_wechat, to_party),
    TEXT("to_tag", struct config_wechat, to_tag),
    TEXT("agent_id", struct config_wechat, agent_id),
    BLOCK("http_config", struct config_wechat, http, &http_block),
};
static const struct config_wechat wechat_defaults = {.http = {.follow_redirects = true}};
const struct block wechat_block = {
    .name = "wechat",
    FIELDS(wechat_fields),
    .size = sizeof(struct config_wechat),
    .defaults = &wechat_defaults,
    .check = check_wechat,
};
