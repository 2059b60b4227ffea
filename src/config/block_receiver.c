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
        return decoder_fail(d, place_of(node, "url_file"),
                            "at most one of url & url_file must be configured");
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

/* ---- receiver ------------------------------------------------------------------------------ */

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
    return 0;
}

static const struct field receiver_fields[] = {
    TEXT("name", struct config_receiver, name),
    READ("labels", struct config_receiver, labels, const struct label_set *, read_labels),
    BLOCKS("webhook_configs", struct config_receiver, webhooks, struct config_webhook *,
           &webhook_block, "missing webhook config"),
};
const struct block receiver_block = {
    .name = "receiver",
    FIELDS(receiver_fields),
    .size = sizeof(struct config_receiver),
    .check = check_receiver,
};
