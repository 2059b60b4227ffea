/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

#include "base/json.h"

void take_http(struct decoder *d, const struct yaml_node *node, struct http_options *http)
{
    if (!has_key(node, "http_config") && d->global.has_http)
        *http = d->global.http;
}

const char *with_slash(struct decoder *d, const char *url, bool slash)
{
    size_t len = url ? strlen(url) : 0;

    while (len > 0 && url[len - 1] == '/')
        len--;
    return url ? arena_printf(&d->config->arena, "%.*s%s", (int)len, url, slash ? "/" : "") : NULL;
}

void read_any(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    CLEANUP(buf_free) struct buf json = {0};
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct err why = {0};

    yaml_to_json(node, &json);
    if (json_doc_parse(buf_str(&json), &doc, &why) < 0) /* what reads it later needs no check */
        decoder_wrong(d, node, "cannot be written as JSON: %s", why.msg);
    else
        *(const char **)value = decoder_text(d, buf_str(&json));
}

void read_object(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (is_mapping(d, node))
        read_any(d, node, value, count);
}

/* ---- webhook ------------------------------------------------------------------------------- */

static void read_webhook_url(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    const struct field url = {.key = "url", .kind = FIELD_SECRET_URL};

    /* Whether it is a URL shows when it is sent; whether a template, notify_check(). */
    if (node->kind == YAML_SCALAR && str_find(node->text, STR("{{")) < node->text.len) {
        decoder_secret(d, node);
        *(const char **)value = decoder_text(d, node->text);
    } else {
        decode_field(d, &url, node, value);
    }
}

static void read_method(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "GET", "DELETE"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (node->kind == YAML_SCALAR && str_eq_c(node->text, methods[i])) {
            *(const char **)value = methods[i];
            return;
        }
    decoder_expected(d, node, "POST, PUT, PATCH, GET or DELETE");
}

static void read_format(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (node->kind == YAML_SCALAR && str_eq(node->text, STR("alertmanager")))
        *(enum webhook_format *)value = WEBHOOK_ALERTMANAGER;
    else if (node->kind == YAML_SCALAR && str_eq(node->text, STR("kubesphere")))
        *(enum webhook_format *)value = WEBHOOK_KUBESPHERE;
    else
        decoder_expected(d, node, "alertmanager or kubesphere");
}

/* One body, and headers that are not the client's own business. */
static int check_request(struct decoder *d, const struct config_webhook *w,
                         const struct yaml_node *node)
{
    static const char *const bodies[] = {"payload", "body", "format"};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (size_t k = i + 1; k < ARRAY_LEN(bodies); k++) {
            int status = at_most_one(d, node, bodies[i], bodies[k]);

            if (status < 0)
                return status;
        }
    if (w->n_headers > WEBHOOK_HEADERS_MAX)
        return decoder_fail(d, place_of(node, "headers"), "%zu headers are more than %d",
                            w->n_headers, WEBHOOK_HEADERS_MAX);
    for (size_t i = 0; i < w->n_headers; i++)
        if (http_header_is_reserved(str_c(w->headers[i].name)))
            return decoder_fail(d, place_of(node, "headers"),
                                "setting header \"%s\" is not allowed", w->headers[i].name);
    return 0;
}

static int check_sign(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    const struct config_webhook *w = object;
    const char *const names[] = {w->sign_header, w->sign_timestamp_header};

    if (!is_given(w->sign_secret) && !is_given(w->sign_secret_file))
        return decoder_fail(d, node, "one of secret or secret_file must be configured");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strpbrk(names[i], " :\r\n") || http_header_is_reserved(str_c(names[i])))
            return decoder_fail(d, node, "\"%s\" cannot be the name of a header here", names[i]);
    return at_most_one(d, node, "secret", "secret_file");
}

static const struct field sign_fields[] = {
    SECRET("secret", struct config_webhook, sign_secret),
    PATH("secret_file", struct config_webhook, sign_secret_file),
    TEXT("header", struct config_webhook, sign_header),
    TEXT("timestamp_header", struct config_webhook, sign_timestamp_header),
};
static const struct block sign_block = {.name = "sign", FIELDS(sign_fields), .check = check_sign};

static int check_webhook(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_webhook *w = object;

    w->line = node->line;
    if (!is_given(w->url) && !is_given(w->url_file))
        return decoder_fail(d, node, "one of url or url_file must be configured");
    if (is_given(w->url) && is_given(w->url_file))
        return at_most_one(d, node, "url", "url_file");
    if (has_key(node, "cluster") && w->format != WEBHOOK_KUBESPHERE)
        return decoder_fail(d, place_of(node, "cluster"),
                            "\"cluster\" has a meaning only with \"format: "
                            "kubesphere\"");
    take_http(d, node, &w->http);
    return check_request(d, w, node);
}

static const struct field webhook_fields[] = {
    BOOL("send_resolved", struct config_webhook, send_resolved),
    READ("url", struct config_webhook, url, const char *, read_webhook_url),
    PATH("url_file", struct config_webhook, url_file),
    BLOCK("http_config", struct config_webhook, http, &http_block),
    COUNT("max_alerts", struct config_webhook, max_alerts),
    ONE("timeout", FIELD_GO_DURATION, struct config_webhook, timeout, dur_ms),
    READ("format", struct config_webhook, format, enum webhook_format, read_format),
    TEXT("cluster", struct config_webhook, cluster),
    READ("payload", struct config_webhook, payload, const char *, read_any),
    TEXT("body", struct config_webhook, body),
    TEXT("content_type", struct config_webhook, content_type),
    READ("method", struct config_webhook, method, const char *, read_method),
    READ_MANY("headers", struct config_webhook, headers, const struct http_header *,
              read_header_texts),
    MORE_KEYS("sign", &sign_block),
};
static const struct config_webhook webhook_defaults = {
    .send_resolved = true,
    .format = WEBHOOK_ALERTMANAGER,
    .cluster = "default",
    .method = "POST",
    .content_type = "application/json",
    .sign_header = "X-Signature-256",
    .sign_timestamp_header = "",
    .http = {.follow_redirects = true},
};
static const struct block webhook_block = {
    .name = "webhook",
    FIELDS(webhook_fields),
    .size = sizeof(struct config_webhook),
    .defaults = &webhook_defaults,
    .check = check_webhook,
};

/* ---- robots of chat groups ----------------------------------------------------------------- */

static void read_is_text(struct decoder *d, const struct yaml_node *node, void *value,
                         size_t *count)
{
    bool text = node->kind == YAML_SCALAR && str_eq(node->text, STR("text"));

    *(bool *)value = text;
    if (!text && !(node->kind == YAML_SCALAR && str_eq(node->text, STR("markdown"))))
        decoder_expected(d, node, "markdown or text");
}

static void read_is_english(struct decoder *d, const struct yaml_node *node, void *value,
                            size_t *count)
{
    bool english = node->kind == YAML_SCALAR && str_eq(node->text, STR("en"));

    *(bool *)value = english;
    if (!english && !(node->kind == YAML_SCALAR && str_eq(node->text, STR("zh"))))
        decoder_expected(d, node, "zh or en");
}

static int check_robot(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_robot *r = object;
    int status;

    r->line = node->line;
    if (!is_given(r->webhook_url) && !is_given(r->webhook_url_file))
        return decoder_fail(d, node, "one of webhook_url or webhook_url_file must be configured");
    status = at_most_one(d, node, "webhook_url", "webhook_url_file");
    if (status == 0)
        status = at_most_one(d, node, "secret", "secret_file");
    take_http(d, node, &r->http);
    return status;
}

static const struct field robot_fields[] = {
    BOOL("send_resolved", struct config_robot, send_resolved),
    ONE("webhook_url", FIELD_SECRET_URL, struct config_robot, webhook_url, const char *),
    PATH("webhook_url_file", struct config_robot, webhook_url_file),
    READ("message_type", struct config_robot, text, bool, read_is_text),
    READ("language", struct config_robot, english, bool, read_is_english),
    TEXT("title", struct config_robot, title),
    TEXT("message", struct config_robot, message),
    TEXTS("at_users", struct config_robot, at_users),
    BOOL("at_all", struct config_robot, at_all),
    BLOCK("http_config", struct config_robot, http, &http_block),
};
static const struct field mobile_fields[] = {
    TEXTS("at_mobiles", struct config_robot, at_mobiles),
};
static const struct field signed_fields[] = {
    SECRET("secret", struct config_robot, secret),
    PATH("secret_file", struct config_robot, secret_file),
    TEXT("keyword", struct config_robot, keyword),
};
static const struct config_robot robot_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
#define ROBOT .size = sizeof(struct config_robot), .defaults = &robot_defaults, .check = check_robot

/* WeCom's robots neither sign nor look for a word; Feishu's cannot mention people by number. */
static const struct block robot_block = {.name = "robot", FIELDS(robot_fields)};
static const struct block wecom_robot_block = {
    .name = "wecom_robot", FIELDS(mobile_fields), .also = &robot_block, ROBOT};
static const struct block feishu_block = {
    .name = "feishu", FIELDS(signed_fields), .also = &robot_block, ROBOT};
static const struct block dingtalk_block = {
    .name = "dingtalk", FIELDS(mobile_fields), .also = &feishu_block, ROBOT};

/* ---- receiver ------------------------------------------------------------------------------ */

/* Every kind: its name in records and its block, which stand under the key NAME_configs. */
static const struct kind {
    const char *name;
    const struct block *block;
} kinds[CHANNEL_KINDS] = {
    [CHANNEL_WEBHOOK] = {"webhook", &webhook_block},
    [CHANNEL_WECOM_ROBOT] = {"wecom_robot", &wecom_robot_block},
    [CHANNEL_DINGTALK] = {"dingtalk", &dingtalk_block},
    [CHANNEL_FEISHU] = {"feishu", &feishu_block},
    [CHANNEL_EMAIL] = {"email", &email_block},
    [CHANNEL_SLACK] = {"slack", &slack_block},
    [CHANNEL_MATTERMOST] = {"mattermost", &mattermost_block},
    [CHANNEL_ROCKETCHAT] = {"rocketchat", &rocketchat_block},
    [CHANNEL_TELEGRAM] = {"telegram", &telegram_block},
    [CHANNEL_DISCORD] = {"discord", &discord_block},
    [CHANNEL_MSTEAMS] = {"msteams", &msteams_block},
    [CHANNEL_MSTEAMSV2] = {"msteamsv2", &msteamsv2_block},
    [CHANNEL_PAGERDUTY] = {"pagerduty", &pagerduty_block},
    [CHANNEL_OPSGENIE] = {"opsgenie", &opsgenie_block},
    [CHANNEL_PUSHOVER] = {"pushover", &pushover_block},
    [CHANNEL_WEBEX] = {"webex", &webex_block},
    [CHANNEL_VICTOROPS] = {"victorops", &victorops_block},
    [CHANNEL_WECHAT] = {"wechat", &wechat_block},
    [CHANNEL_JIRA] = {"jira", &jira_block},
};

static void add_channels(struct config_receiver *r, enum channel_kind kind)
{
    const struct config_blocks *blocks = &r->blocks[kind];

    for (size_t i = 0; i < blocks->n; i++) {
        const char *settings = (const char *)blocks->first + i * kinds[kind].block->size;

        r->channels[r->n_channels++] = (struct config_channel){
            .kind = kind,
            .kind_name = kinds[kind].name,
            .id = CHANNEL_ID(kind, i),
            .index = (int)i,
            .send_resolved = *(const bool *)settings,
            .settings = settings};
    }
}

static void list_channels(struct decoder *d, struct config_receiver *r)
{
    size_t n = 0;

    for (size_t kind = 0; kind < CHANNEL_KINDS; kind++)
        n += r->blocks[kind].n;
    r->channels = arena_array(&d->config->arena, n + 1, sizeof *r->channels);
    for (size_t kind = 0; kind < CHANNEL_KINDS && !d->config->arena.overflow; kind++)
        add_channels(r, (enum channel_kind)kind);
}

static int check_receiver(struct decoder *d, void *object, const struct yaml_node *node,
                          void *parent)
{
    CLEANUP(label_builder_deinit)
    struct label_builder b = {0};
    struct config_receiver *r = object;
    struct str name;

    r->line = node->line;
    label_builder_init(&b, r->labels);
    name = label_builder_get(&b, STR("name"));
    if (name.len > 0 && !str_eq_c(name, r->name))
        return decoder_fail(d, place_of(node, "labels"),
                            "receiver label \"name\" must match receiver name \"%s\", "
                            "got \"" STR_FMT "\"",
                            r->name, STR_ARG(name));
    label_builder_set(&b, STR("name"), str_c(r->name));
    r->labels = label_builder_build(&b);
    config_own(d->config, OWNED_LABELS, r->labels);
    list_channels(d, r);
    return 0;
}

#define CHANNELS(key_, kind_, block_, when_null_)                                                  \
    {                                                                                              \
        .key = key_, .kind = FIELD_BLOCKS,                                                         \
        .offset = offsetof(struct config_receiver, blocks[kind_].first),                           \
        .count = offsetof(struct config_receiver, blocks[kind_].n), .block = block_,               \
        .when_null = when_null_                                                                    \
    }
static const struct field receiver_fields[] = {
    TEXT("name", struct config_receiver, name),
    READ("labels", struct config_receiver, labels, const struct label_set *, read_labels),
    CHANNELS("webhook_configs", CHANNEL_WEBHOOK, &webhook_block, "missing webhook config"),
    CHANNELS("wecom_robot_configs", CHANNEL_WECOM_ROBOT, &wecom_robot_block,
             "missing wecom_robot config"),
    CHANNELS("dingtalk_configs", CHANNEL_DINGTALK, &dingtalk_block, "missing dingtalk config"),
    CHANNELS("feishu_configs", CHANNEL_FEISHU, &feishu_block, "missing feishu config"),
    CHANNELS("email_configs", CHANNEL_EMAIL, &email_block, "missing email config"),
    CHANNELS("slack_configs", CHANNEL_SLACK, &slack_block, NULL),
    CHANNELS("mattermost_configs", CHANNEL_MATTERMOST, &mattermost_block,
             "missing mattermost config"),
    CHANNELS("rocketchat_configs", CHANNEL_ROCKETCHAT, &rocketchat_block, NULL),
    CHANNELS("telegram_configs", CHANNEL_TELEGRAM, &telegram_block, "missing telegram config"),
    CHANNELS("discord_configs", CHANNEL_DISCORD, &discord_block, "missing discord config"),
    CHANNELS("msteams_configs", CHANNEL_MSTEAMS, &msteams_block, "missing msteams config"),
    CHANNELS("msteamsv2_configs", CHANNEL_MSTEAMSV2, &msteamsv2_block, "missing msteamsv2 config"),
    CHANNELS("pagerduty_configs", CHANNEL_PAGERDUTY, &pagerduty_block, "missing pagerduty config"),
    CHANNELS("opsgenie_configs", CHANNEL_OPSGENIE, &opsgenie_block, NULL),
    CHANNELS("pushover_configs", CHANNEL_PUSHOVER, &pushover_block, "missing pushover config"),
    CHANNELS("webex_configs", CHANNEL_WEBEX, &webex_block, "missing webex config"),
    CHANNELS("victorops_configs", CHANNEL_VICTOROPS, &victorops_block, "missing victorops config"),
    CHANNELS("wechat_configs", CHANNEL_WECHAT, &wechat_block, NULL),
    CHANNELS("jira_configs", CHANNEL_JIRA, &jira_block, "missing jira config"),
};
const struct block receiver_block = {
    .name = "receiver",
    FIELDS(receiver_fields),
    .size = sizeof(struct config_receiver),
    .check = check_receiver,
};
