/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_priv.h"

#include <stdlib.h>

#define SECOND 1000
#define MINUTE (60 * SECOND)

/* ---- external_labels: the only place where the environment is read ------------------------- */

static bool is_word_byte(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The name behind a $, as a shell has it: {name}, a word, or one of the signs *#$@!?- and digits.
 * Sets *used to the bytes it takes; nothing is used when no name follows. */
static struct str variable_at(struct str s, size_t *used)
{
    size_t n = 0;

    *used = 0;
    if (s.len == 0)
        return STR("");
    if (s.p[0] == '{') {
        n = str_find(s, STR("}"));
        *used = n < s.len ? n + 1 : 1;
        return n < s.len ? str_n(s.p + 1, n - 1) : STR("");
    }
    if (s.p[0] != '\0' && strchr("*#$@!?-0123456789", s.p[0])) {
        *used = 1;
        return str_n(s.p, 1);
    }
    while (n < s.len && is_word_byte(s.p[n]))
        n++;
    *used = n;
    return str_n(s.p, n);
}

static void add_variable(struct decoder *d, struct str name, struct buf *out)
{
    const char *value;

    if (str_eq(name, STR("$"))) {
        buf_add_byte(out, '$');
        return;
    }
    value = name.len > 0 ? getenv(decoder_text(d, name)) : NULL;
    buf_add_c(out, value ? value : "");
}

/* A variable that is not set stands for nothing, as in Prometheus. */
static struct str expand(struct decoder *d, struct str s)
{
    CLEANUP(buf_free)
    struct buf out = {0};

    while (s.len > 0) {
        size_t dollar = str_find(s, STR("$")), used;
        struct str name;

        buf_add(&out, s.p, dollar);
        if (dollar == s.len)
            break;
        s = str_n(s.p + dollar + 1, s.len - dollar - 1);
        name = variable_at(s, &used);
        if (used == 0)
            buf_add_byte(&out, '$');
        else
            add_variable(d, name, &out);
        s = str_n(s.p + used, s.len - used);
    }
    return arena_str(&d->config->arena, buf_str(&out));
}

static void read_external_labels(struct decoder *d, const struct yaml_node *node, void *value,
                                 size_t *count)
{
    CLEANUP(label_builder_deinit)
    struct label_builder b = {0};
    const struct label_set *written = NULL;

    read_labels(d, node, &written, NULL);
    if (!written)
        return;
    for (size_t i = 0; i < label_set_count(written); i++) {
        struct label l = label_set_at(written, i);

        label_builder_set(&b, l.name, expand(d, l.value));
    }
    written = label_builder_build(&b);
    config_own(d->config, OWNED_LABELS, written);
    *(const struct label_set **)value = written;
}

/* ---- global -------------------------------------------------------------------------------- */

static int check_pairs(struct decoder *d, const struct yaml_node *node)
{
    static const char *const pairs[][2] = {
        {"smtp_auth_password", "smtp_auth_password_file"},
        {"smtp_auth_secret", "smtp_auth_secret_file"},
        {"slack_api_url", "slack_api_url_file"},
        {"slack_app_token", "slack_app_token_file"},
        {"opsgenie_api_key", "opsgenie_api_key_file"},
        {"wechat_api_secret", "wechat_api_secret_file"},
        {"victorops_api_key", "victorops_api_key_file"},
        {"telegram_bot_token", "telegram_bot_token_file"},
        {"rocketchat_token", "rocketchat_token_file"},
        {"rocketchat_token_id", "rocketchat_token_id_file"},
        {"mattermost_webhook_url", "mattermost_webhook_url_file"},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        int r = at_most_one(d, node, pairs[i][0], pairs[i][1]);

        if (r < 0)
            return r;
    }
    return 0;
}

static int check_slack(struct decoder *d, const struct yaml_node *node)
{
    const struct yaml_node *url = yaml_get(node, "slack_api_url"),
                           *app_url = yaml_get(node, "slack_app_url");
    bool token = has_key(node, "slack_app_token") || has_key(node, "slack_app_token_file");

    if (!token || (yaml_is_null(url) && !has_key(node, "slack_api_url_file")))
        return 0;
    if (!yaml_is_null(url) &&
        str_eq(url->text, yaml_is_null(app_url) ? STR(SLACK_POST_URL) : app_url->text))
        return 0;
    return decoder_fail(d, node,
                        "at most one of slack_app_token/slack_app_token_file & "
                        "slack_api_url/slack_api_url_file must be configured");
}

static void set_default(dur_ms *value, dur_ms standard)
{
    if (*value == 0)
        *value = standard;
}

static int check_global(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct global *g = object;
    struct config *c = d->config;
    int r;

    set_default(&g->scrape_interval, 1 * MINUTE);
    set_default(&g->evaluation_interval, 1 * MINUTE);
    set_default(&g->scrape_timeout,
                g->scrape_interval < 10 * SECOND ? g->scrape_interval : 10 * SECOND);
    if (g->scrape_timeout > g->scrape_interval)
        return decoder_fail(d, place_of(node, "scrape_timeout"),
                            "global scrape timeout greater than scrape interval");
    r = check_protocols(d, node, " for global config");
    if (r == 0)
        r = check_pairs(d, node);
    if (r == 0)
        r = check_slack(d, node);
    if (r < 0)
        return r;
    g->has_http = has_key(node, "http_config");
    c->scrape_interval = g->scrape_interval;
    c->scrape_timeout = g->scrape_timeout;
    c->evaluation_interval = g->evaluation_interval;
    c->rule_query_offset = g->rule_query_offset;
    c->resolve_timeout = g->resolve_timeout;
    c->external_labels = g->external_labels;
    if (!c->external_labels) {
        c->external_labels = label_set_empty();
        config_own(c, OWNED_LABELS, c->external_labels);
    }
    return 0;
}

static const struct field global_fields[] = {
    DURATION("scrape_interval", struct global, scrape_interval),
    DURATION("scrape_timeout", struct global, scrape_timeout),
    DURATION("evaluation_interval", struct global, evaluation_interval),
    DURATION("rule_query_offset", struct global, rule_query_offset),
    READ("external_labels", struct global, external_labels, const struct label_set *,
         read_external_labels),
    SIZE("body_size_limit", struct global, body_size_limit),
    COUNT("sample_limit", struct global, sample_limit),
    COUNT("target_limit", struct global, target_limit),
    COUNT("label_limit", struct global, label_limit),
    COUNT("label_name_length_limit", struct global, label_name_length_limit),
    COUNT("label_value_length_limit", struct global, label_value_length_limit),
    TEXTS("scrape_protocols", struct global, scrape_protocols),
    BOOL("always_scrape_classic_histograms", struct global, always_scrape_classic_histograms),
    DURATION("resolve_timeout", struct global, resolve_timeout),
    BLOCK("http_config", struct global, http, &http_block),
    SECRET_URL("slack_api_url", struct global, channels.slack_url),
    PATH("slack_api_url_file", struct global, channels.slack_url_file),
    SECRET("slack_app_token", struct global, channels.slack_token),
    PATH("slack_app_token_file", struct global, channels.slack_token_file),
    URL("slack_app_url", struct global, channels.slack_app_url),
    URL("pagerduty_url", struct global, channels.pagerduty_url),
    URL("opsgenie_api_url", struct global, channels.opsgenie_url),
    SECRET("opsgenie_api_key", struct global, channels.opsgenie_key),
    PATH("opsgenie_api_key_file", struct global, channels.opsgenie_key_file),
    URL("wechat_api_url", struct global, channels.wechat_url),
    SECRET("wechat_api_secret", struct global, channels.wechat_secret),
    PATH("wechat_api_secret_file", struct global, channels.wechat_secret_file),
    TEXT("wechat_api_corp_id", struct global, channels.wechat_corp_id),
    URL("victorops_api_url", struct global, channels.victorops_url),
    SECRET("victorops_api_key", struct global, channels.victorops_key),
    PATH("victorops_api_key_file", struct global, channels.victorops_key_file),
    URL("telegram_api_url", struct global, channels.telegram_url),
    SECRET("telegram_bot_token", struct global, channels.telegram_token),
    PATH("telegram_bot_token_file", struct global, channels.telegram_token_file),
    URL("webex_api_url", struct global, channels.webex_url),
    URL("rocketchat_api_url", struct global, channels.rocketchat_url),
    SECRET("rocketchat_token", struct global, channels.rocketchat_token),
    PATH("rocketchat_token_file", struct global, channels.rocketchat_token_file),
    SECRET("rocketchat_token_id", struct global, channels.rocketchat_token_id),
    PATH("rocketchat_token_id_file", struct global, channels.rocketchat_token_id_file),
    SECRET_URL("mattermost_webhook_url", struct global, channels.mattermost_url),
    PATH("mattermost_webhook_url_file", struct global, channels.mattermost_url_file),
    URL("jira_api_url", struct global, channels.jira_url),
};
const struct block global_block = {.name = "global",
                                   FIELDS(global_fields),
                                   .also = &global_smtp_block,
                                   .also_offset = offsetof(struct global, email),
                                   .check = check_global};
