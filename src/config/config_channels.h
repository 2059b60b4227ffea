/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_channels - what Alertmanager's integrations of a receiver are told, one struct a kind
 *
 * Part of config.h. A text is a template unless something else is said; NULL: not configured, and the
 * stock text of the kind stands in its place; "": nothing. `global`'s defaults are taken over
 * already. What may be any YAML is kept as JSON text, in which every string is a template.
 */
#ifndef TOCSIN_CONFIG_CONFIG_CHANNELS_H
#define TOCSIN_CONFIG_CONFIG_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/duration.h"
#include "model/peer.h"

/* ---- chats with attachments: Slack, Rocket.Chat, Mattermost -------------------------------- */

enum config_short { SHORT_DEFAULT, SHORT_NO, SHORT_YES };

struct config_chat_field {
    const char *title, *value;
    enum config_short is_short;
};

struct config_chat_confirm {
    const char *title, *text, *ok_text, *dismiss_text;
};

struct config_chat_action {
    const char *type, *text, *url, *style, *name, *value, *msg;
    struct config_chat_confirm *confirm; /* NULL: none */
};

struct config_attachment {
    const char *fallback, *color, *pretext, *title, *title_link, *text;
    const char *author_name, *author_link, *author_icon;
    const char *image_url, *thumb_url, *footer, *footer_icon, *callback_id;
    struct config_chat_field *fields;
    struct config_chat_action *actions;
    size_t n_fields, n_actions;
};

struct config_chat {
    bool send_resolved;             /* Slack, Rocket.Chat: false; Mattermost: true */
    const char *url, *url_file;     /* no template: a webhook, or where messages are posted */
    const char *token, *token_file; /* Slack's application, Rocket.Chat's user; NULL: none */
    const char *token_id, *token_id_file;
    const char *app_url;
    const char *channel, *username, *icon_emoji, *icon_url;
    const char *message_text; /* outside the attachment */
    struct config_attachment attachment;
    struct config_attachment *attachments; /* Mattermost: in place of the one */
    size_t n_attachments;
    const char **mrkdwn_in; /* no templates */
    size_t n_mrkdwn_in;
    bool short_fields, link_names;
    const char *type, *card; /* Mattermost */
    const char *priority;
    bool requested_ack, persistent_notifications, has_ack, has_persistent;
    dur_ms timeout; /* 0: NOTIFY's own limit */
    struct http_options http;
    int line;
};

/* ---- messages to a webhook or a room: Discord, Teams, Webex -------------------------------- */

struct config_card {
    bool send_resolved;                         /* true */
    const char *webhook_url, *webhook_url_file; /* no templates */
    const char *title, *summary, *text, *content;
    const char *username, *avatar_url; /* no templates */
    const char *room_id;
    struct http_options http;
    int line;
};

struct config_telegram {
    bool send_resolved; /* true */
    const char *api_url;
    const char *token, *token_file, *chat_id, *chat_id_file; /* no templates */
    uint64_t thread_id;                                      /* 0: none */
    const char *message;
    const char *parse_mode; /* "HTML", "Markdown", "MarkdownV2" or "" */
    bool silent;
    struct http_options http;
    int line;
};

struct config_pushover {
    bool send_resolved;                                        /* true */
    const char *user_key, *user_key_file, *token, *token_file; /* no templates */
    const char *title, *message, *url, *url_title, *device, *sound, *priority;
    dur_ms retry, expire, ttl; /* 1m, 1h, 0: none */
    bool html, monospace;
    struct http_options http;
    int line;
};

/* An application of WeCom, to members, departments and tags. */
struct config_wechat {
    bool send_resolved;                         /* false */
    const char *secret, *secret_file, *corp_id; /* corp_id: a template */
    const char *api_url;
    bool markdown;
    const char *message, *to_user, *to_party, *to_tag, *agent_id;
    struct http_options http;
    int line;
};

/* ---- who is on call ------------------------------------------------------------------------ */

struct config_image {
    const char *src, *alt, *href;
};

struct config_link {
    const char *href, *text;
};

struct config_pagerduty {
    bool send_resolved; /* true */
    const char *routing_key, *routing_key_file, *service_key, *service_key_file;
    const char *url; /* no template */
    const char *client, *client_url, *description, *severity, *source;
    const char *class, *component, *group;
    const char *details; /* JSON; NULL: none */
    struct config_image *images;
    struct config_link *links;
    size_t n_images, n_links;
    dur_ms timeout;
    struct http_options http;
    int line;
};

struct config_responder {
    const char *id, *name, *username, *type;
};

struct config_opsgenie {
    bool send_resolved; /* true */
    const char *api_key, *api_key_file;
    const char *api_url; /* no template; ends with a slash */
    const char *message, *description, *source, *entity, *actions, *tags, *note, *priority;
    const char *details; /* JSON of an object; NULL: none */
    struct config_responder *responders;
    size_t n_responders;
    bool update_alerts;
    struct http_options http;
    int line;
};

struct config_victorops {
    bool send_resolved; /* true */
    const char *api_key, *api_key_file;
    const char *api_url; /* no template; ends with a slash */
    const char *routing_key, *message_type, *state_message, *entity_display_name, *monitoring_tool;
    const char *custom_fields; /* JSON of an object; NULL: none */
    struct http_options http;
    int line;
};

enum jira_api { JIRA_AUTO, JIRA_CLOUD, JIRA_DATACENTER };

/* A text that may be left as it is when the issue is there already. */
struct config_jira_text {
    const char *text;
    bool keep; /* what the issue has is not overwritten */
};

struct config_jira {
    bool send_resolved;  /* true */
    const char *api_url; /* no template; ends without a slash */
    enum jira_api api;
    const char *project, *issue_type, *priority;
    struct config_jira_text summary, description;
    const char **labels;
    size_t n_labels;
    const char *reopen_transition, *resolve_transition, *wont_fix_resolution;
    dur_ms reopen_duration; /* 0: for ever */
    const char *fields;     /* JSON of an object; NULL: none */
    struct http_options http;
    int line;
};

#endif
