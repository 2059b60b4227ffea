/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

/* ---- webhook ------------------------------------------------------------------------------- */

static void read_webhook_url(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    const struct field url = {.key = "url", .kind = FIELD_SECRET_URL};

    if (node->kind == YAML_SCALAR && str_find(node->text, STR("{{")) < node->text.len)
        decoder_wrong_bare(
            d, node,
            "a template in \"url\" is known to Alertmanager but not carried out by this "
            "version");
    else
        decode_field(d, &url, node, value);
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
    if (!has_key(node, "http_config") && d->global.has_http)
        w->http = d->global.http;
    return 0;
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
};
static const struct config_webhook webhook_defaults = {
    .send_resolved = true,
    .format = WEBHOOK_ALERTMANAGER,
    .cluster = "default",
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
    if (!has_key(node, "http_config") && d->global.has_http)
        r->http = d->global.http;
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

/* The blocks of one kind, wherever they are. */
struct channels_of {
    enum channel_kind kind;
    const char *name;
    const void *first;
    size_t n, size, send_resolved; /* number and size of the blocks, offset of the switch */
};

static void add_channels(struct config_receiver *r, const struct channels_of *of)
{
    for (size_t i = 0; i < of->n; i++) {
        const char *settings = (const char *)of->first + i * of->size;

        r->channels[r->n_channels++] = (struct config_channel){
            .kind = of->kind,
            .kind_name = of->name,
            .id = CHANNEL_ID(of->kind, i),
            .index = (int)i,
            .send_resolved = *(const bool *)(settings + of->send_resolved),
            .settings = settings};
    }
}

static void list_channels(struct decoder *d, struct config_receiver *r)
{
    const size_t robot = sizeof(struct config_robot),
                 robot_ends = offsetof(struct config_robot, send_resolved);
    const struct channels_of kinds[] = {
        {CHANNEL_WEBHOOK, "webhook", r->webhooks, r->n_webhooks, sizeof(struct config_webhook),
         offsetof(struct config_webhook, send_resolved)},
        {CHANNEL_WECOM_ROBOT, "wecom_robot", r->wecom_robots, r->n_wecom_robots, robot, robot_ends},
        {CHANNEL_DINGTALK, "dingtalk", r->dingtalks, r->n_dingtalks, robot, robot_ends},
        {CHANNEL_FEISHU, "feishu", r->feishus, r->n_feishus, robot, robot_ends},
        {CHANNEL_EMAIL, "email", r->emails, r->n_emails, sizeof(struct config_email),
         offsetof(struct config_email, send_resolved)},
    };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        n += kinds[i].n;
    r->channels = arena_array(&d->config->arena, n + 1, sizeof *r->channels);
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !d->config->arena.overflow; i++)
        add_channels(r, &kinds[i]);
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

static const struct field receiver_fields[] = {
    TEXT("name", struct config_receiver, name),
    READ("labels", struct config_receiver, labels, const struct label_set *, read_labels),
    BLOCKS("webhook_configs", struct config_receiver, webhooks, struct config_webhook *,
           &webhook_block, "missing webhook config"),
    BLOCKS("wecom_robot_configs", struct config_receiver, wecom_robots, struct config_robot *,
           &wecom_robot_block, "missing wecom_robot config"),
    BLOCKS("dingtalk_configs", struct config_receiver, dingtalks, struct config_robot *,
           &dingtalk_block, "missing dingtalk config"),
    BLOCKS("feishu_configs", struct config_receiver, feishus, struct config_robot *, &feishu_block,
           "missing feishu config"),
    BLOCKS("email_configs", struct config_receiver, emails, struct config_email *, &email_block,
           "missing email config"),
};
const struct block receiver_block = {
    .name = "receiver",
    FIELDS(receiver_fields),
    .size = sizeof(struct config_receiver),
    .check = check_receiver,
};
