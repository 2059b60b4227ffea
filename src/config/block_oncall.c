/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever keeps count of incidents: pagerduty, opsgenie, victorops, jira.
 */
#include "config/config_priv.h"

#include "base/json.h"

#define PAGERDUTY_URL    "https://events.pagerduty.com/v2/enqueue"
#define PAGERDUTY_V1_URL "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
#define OPSGENIE_URL     "https://api.opsgenie.com/"
#define VICTOROPS_URL    "https://alert.victorops.com/integrations/generic/20131114/alert/"

/* ---- pagerduty ----------------------------------------------------------------------------- */

static int check_pagerduty(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    struct config_pagerduty *p = object;
    bool v2 = is_given(p->routing_key) || is_given(p->routing_key_file);
    const char *url = d->global.channels.pagerduty_url;
    int status;

    p->line = node->line;
    if (!v2 && !is_given(p->service_key) && !is_given(p->service_key_file))
        return decoder_fail(d, node, "missing service or routing key in PagerDuty config");
    if (((status = at_most_one(d, node, "routing_key", "routing_key_file")) < 0) ||
        ((status = at_most_one(d, node, "service_key", "service_key_file")) < 0))
        return status;
    if (!v2)
        take_default(&p->url, PAGERDUTY_V1_URL);
    take_default(&p->url, is_given(url) ? url : PAGERDUTY_URL);
    take_http(d, node, &p->http);
    return 0;
}

static const struct field image_fields[] = {
    TEXT("src", struct config_image, src),
    TEXT("alt", struct config_image, alt),
    TEXT("href", struct config_image, href),
};
static const struct block image_block = {
    .name = "pagerduty image", FIELDS(image_fields), .size = sizeof(struct config_image)};
static const struct field link_fields[] = {
    TEXT("href", struct config_link, href),
    TEXT("text", struct config_link, text),
};
static const struct block link_block = {
    .name = "pagerduty link", FIELDS(link_fields), .size = sizeof(struct config_link)};

static const struct field pagerduty_fields[] = {
    BOOL("send_resolved", struct config_pagerduty, send_resolved),
    SECRET("routing_key", struct config_pagerduty, routing_key),
    PATH("routing_key_file", struct config_pagerduty, routing_key_file),
    SECRET("service_key", struct config_pagerduty, service_key),
    PATH("service_key_file", struct config_pagerduty, service_key_file),
    URL("url", struct config_pagerduty, url),
    TEXT("client", struct config_pagerduty, client),
    TEXT("client_url", struct config_pagerduty, client_url),
    TEXT("description", struct config_pagerduty, description),
    TEXT("severity", struct config_pagerduty, severity),
    TEXT("source", struct config_pagerduty, source),
    TEXT("class", struct config_pagerduty, class),
    TEXT("component", struct config_pagerduty, component),
    TEXT("group", struct config_pagerduty, group),
    READ("details", struct config_pagerduty, details, const char *, read_object),
    BLOCKS("images", struct config_pagerduty, images, struct config_image *, &image_block,
           "missing PagerDuty image"),
    BLOCKS("links", struct config_pagerduty, links, struct config_link *, &link_block,
           "missing PagerDuty link"),
    GO_DURATION("timeout", struct config_pagerduty, timeout),
    BLOCK("http_config", struct config_pagerduty, http, &http_block),
};
static const struct config_pagerduty pagerduty_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
const struct block pagerduty_block = {
    .name = "pagerduty",
    FIELDS(pagerduty_fields),
    .size = sizeof(struct config_pagerduty),
    .defaults = &pagerduty_defaults,
    .check = check_pagerduty,
};

/* ---- opsgenie ------------------------------------------------------------------------------ */

static bool is_responder_type(struct str type)
{
    static const char *const types[] = {"team", "teams", "user", "escalation", "schedule"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq_nocase(type, str_c(types[i])))
            return true;
    return false;
}

static int check_responder(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    const struct config_responder *r = object;
    struct str type = str_c(r->type ? r->type : "");

    if (!is_given(r->id) && !is_given(r->name) && !is_given(r->username))
        return decoder_fail(d, node,
                            "opsGenieConfig responder has to have at least one of id, "
                            "username or name specified");
    if (str_find(type, STR("{{")) == type.len && !is_responder_type(type))
        return decoder_fail(d, node,
                            "opsGenieConfig responder type %s does not match valid options team, "
                            "teams, user, escalation, schedule",
                            shown(d, type));
    /* Whether it is a template can be told without the language: it has as many ends as beginnings. */
    if (str_find(type, STR("{{")) < type.len && str_find(type, STR("}}")) == type.len)
        return decoder_fail(d, place_of(node, "type"),
                            "opsGenieConfig responder {%s %s %s " STR_FMT
                            "} type contains invalid template syntax: template: :1: unclosed "
                            "action",
                            r->id ? r->id : "", r->name ? r->name : "",
                            r->username ? r->username : "", STR_ARG(type));
    return 0;
}

static const struct field responder_fields[] = {
    TEXT("id", struct config_responder, id),
    TEXT("name", struct config_responder, name),
    TEXT("username", struct config_responder, username),
    TEXT("type", struct config_responder, type),
};
static const struct block responder_block = {.name = "opsgenie responder",
                                             FIELDS(responder_fields),
                                             .size = sizeof(struct config_responder),
                                             .check = check_responder};

static int check_opsgenie(struct decoder *d, void *object, const struct yaml_node *node,
                          void *parent)
{
    struct config_opsgenie *o = object;
    const struct channel_defaults *g = &d->global.channels;
    int status = at_most_one(d, node, "api_key", "api_key_file");

    if (status < 0)
        return status;
    o->line = node->line;
    take_secret_default(&o->api_key, &o->api_key_file, g->opsgenie_key, g->opsgenie_key_file);
    if (!is_given(o->api_key) && !is_given(o->api_key_file))
        return decoder_fail(d, node, "no global OpsGenie API Key set either inline or in a file");
    take_default(&o->api_url, is_given(g->opsgenie_url) ? g->opsgenie_url : OPSGENIE_URL);
    o->api_url = with_slash(d, o->api_url, true);
    take_http(d, node, &o->http);
    return 0;
}

static const struct field opsgenie_fields[] = {
    BOOL("send_resolved", struct config_opsgenie, send_resolved),
    SECRET("api_key", struct config_opsgenie, api_key),
    PATH("api_key_file", struct config_opsgenie, api_key_file),
    URL("api_url", struct config_opsgenie, api_url),
    TEXT("message", struct config_opsgenie, message),
    TEXT("description", struct config_opsgenie, description),
    TEXT("source", struct config_opsgenie, source),
    TEXT("entity", struct config_opsgenie, entity),
    TEXT("actions", struct config_opsgenie, actions),
    TEXT("tags", struct config_opsgenie, tags),
    TEXT("note", struct config_opsgenie, note),
    TEXT("priority", struct config_opsgenie, priority),
    READ("details", struct config_opsgenie, details, const char *, read_object),
    BLOCKS("responders", struct config_opsgenie, responders, struct config_responder *,
           &responder_block, "missing OpsGenie responder"),
    BOOL("update_alerts", struct config_opsgenie, update_alerts),
    BLOCK("http_config", struct config_opsgenie, http, &http_block),
};
static const struct config_opsgenie opsgenie_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
const struct block opsgenie_block = {
    .name = "opsgenie",
    FIELDS(opsgenie_fields),
    .size = sizeof(struct config_opsgenie),
    .defaults = &opsgenie_defaults,
    .check = check_opsgenie,
};

/* ---- victorops ----------------------------------------------------------------------------- */

static int check_custom_fields(struct decoder *d, const struct yaml_node *node)
{
    static const char *const fixed[] = {"routing_key",         "message_type",    "state_message",
                                        "entity_display_name", "monitoring_tool", "entity_id",
                                        "entity_state"};
    const struct yaml_node *custom = yaml_get(node, "custom_fields");

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!yaml_is_null(custom) && yaml_get(custom, fixed[i]))
            return decoder_fail(d, custom,
                                "victorOps config contains custom field %s which cannot be used as "
                                "it conflicts with the fixed/static fields",
                                fixed[i]);
    return 0;
}

static int check_victorops(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    struct config_victorops *v = object;
    const struct channel_defaults *g = &d->global.channels;
    int status;

    v->line = node->line;
    if (!is_given(v->routing_key))
        return decoder_fail(d, node, "missing Routing key in VictorOps config");
    if (((status = at_most_one(d, node, "api_key", "api_key_file")) < 0) ||
        ((status = check_custom_fields(d, node)) < 0))
        return status;
    take_secret_default(&v->api_key, &v->api_key_file, g->victorops_key, g->victorops_key_file);
    if (!is_given(v->api_key) && !is_given(v->api_key_file))
        return decoder_fail(d, node, "no global VictorOps API Key set");
    take_default(&v->api_url, is_given(g->victorops_url) ? g->victorops_url : VICTOROPS_URL);
    v->api_url = with_slash(d, v->api_url, true);
    take_http(d, node, &v->http);
    return 0;
}

static const struct field victorops_fields[] = {
    BOOL("send_resolved", struct config_victorops, send_resolved),
    SECRET("api_key", struct config_victorops, api_key),
    PATH("api_key_file", struct config_victorops, api_key_file),
    URL("api_url", struct config_victorops, api_url),
    TEXT("routing_key", struct config_victorops, routing_key),
    TEXT("message_type", struct config_victorops, message_type),
    TEXT("state_message", struct config_victorops, state_message),
    TEXT("entity_display_name", struct config_victorops, entity_display_name),
    TEXT("monitoring_tool", struct config_victorops, monitoring_tool),
    READ("custom_fields", struct config_victorops, custom_fields, const char *, read_object),
    BLOCK("http_config", struct config_victorops, http, &http_block),
};
static const struct config_victorops victorops_defaults = {
    .send_resolved = true,
    .message_type = "CRITICAL",
    .http = {.follow_redirects = true},
};
const struct block victorops_block = {
    .name = "victorops",
    FIELDS(victorops_fields),
    .size = sizeof(struct config_victorops),
    .defaults = &victorops_defaults,
    .check = check_victorops,
};

/* ---- jira ---------------------------------------------------------------------------------- */

static void read_jira_api(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    static const char *const names[] = {"auto", "cloud", "datacenter"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (node->kind == YAML_SCALAR && str_eq_c(node->text, names[i])) {
            *(enum jira_api *)value = (enum jira_api)i;
            return;
        }
    if (is_text(d, node))
        decoder_wrong_bare(d, node,
                           "unknown api_type on jira_config, must be auto, cloud or datacenter");
}

static void read_update(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    const struct field flag = {.key = "enable_update", .kind = FIELD_BOOL};
    bool update = true;

    decode_field(d, &flag, node, &update);
    *(bool *)value = !update;
}

static const struct field jira_text_fields[] = {
    TEXT("template", struct config_jira_text, text),
    READ("enable_update", struct config_jira_text, keep, bool, read_update),
};
static const struct block jira_text_block = {.name = "jira text", FIELDS(jira_text_fields)};

/* A text, or a block with one. */
static void read_jira_text(struct decoder *d, const struct yaml_node *node, void *value,
                           size_t *count)
{
    struct config_jira_text *t = value;

    if (node->kind == YAML_MAPPING)
        decode_block(d, &jira_text_block, node, t, NULL);
    else if (is_text(d, node))
        t->text = decoder_text(d, node->text);
}

static int check_jira(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_jira *j = object;

    j->line = node->line;
    if (!is_given(j->project))
        return decoder_fail(d, node, "missing project in jira_config");
    if (!is_given(j->issue_type))
        return decoder_fail(d, node, "missing issue_type in jira_config");
    take_default(&j->api_url, d->global.channels.jira_url);
    if (!is_given(j->api_url))
        return decoder_fail(d, node, "no global Jira Cloud URL set");
    j->api_url = with_slash(d, j->api_url, false);
    take_http(d, node, &j->http);
    return 0;
}

static const struct field jira_fields[] = {
    BOOL("send_resolved", struct config_jira, send_resolved),
    URL("api_url", struct config_jira, api_url),
    READ("api_type", struct config_jira, api, enum jira_api, read_jira_api),
    TEXT("project", struct config_jira, project),
    TEXT("issue_type", struct config_jira, issue_type),
    TEXT("priority", struct config_jira, priority),
    READ("summary", struct config_jira, summary, struct config_jira_text, read_jira_text),
    READ("description", struct config_jira, description, struct config_jira_text, read_jira_text),
    TEXTS("labels", struct config_jira, labels),
    TEXT("reopen_transition", struct config_jira, reopen_transition),
    TEXT("resolve_transition", struct config_jira, resolve_transition),
    TEXT("wont_fix_resolution", struct config_jira, wont_fix_resolution),
    DURATION("reopen_duration", struct config_jira, reopen_duration),
    READ("fields", struct config_jira, fields, const char *, read_object),
    BLOCK("http_config", struct config_jira, http, &http_block),
};
static const struct config_jira jira_defaults = {
    .send_resolved = true,
    .http = {.follow_redirects = true},
};
const struct block jira_block = {
    .name = "jira",
    FIELDS(jira_fields),
    .size = sizeof(struct config_jira),
    .defaults = &jira_defaults,
    .check = check_jira,
};
