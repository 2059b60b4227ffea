/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alertmanager's channels over HTTP: what goes out for which configuration, and what an answer means. The
 * stand-in knows of each channel what the specification (alertmanager.md 5.7 to 5.12) says.
 */
#include "tests/unit/notify/far_end.h"

#define GROUP_HASH "cd0aa9856147b6c5b4ff2b7dfee5da20aa38253099ef1b4a64aced233c9afe29" /* of "g" */
#define SUBJECT    "[FIRING:1] RedisMemory (redis-0 critical)"
#define LINK       "http://tocsin/#/alerts?receiver=r"

/* ---- what goes out ------------------------------------------------------------------------- */

#define PATHS_MAX 16

static const struct sending {
    enum channel_kind kind;
    const char *config; /* of the receiver */
    int firing, resolved;
    const char *answer;
    const char *method, *url, *headers; /* headers: "": none besides the type of the body */
    struct {
        const char *path, *want;
    } paths[PATHS_MAX];
} sendings[] = {
    {CHANNEL_SLACK,
     "slack_configs: [{api_url: 'http://s/hook', channel: '#ops', short_fields: yes, "
     "fields: [{title: T, value: '{{ .Status }}'}, {title: U, value: v, short: no}], "
     "actions: [{type: button, text: Go, url: 'http://x', style: danger, confirm: {text: sure}}]}]",
     1,
     0,
     "ok",
     "POST",
     "http://s/hook",
     "",
     {{"channel", "#ops"},
      {"username", "Alertmanager"},
      {"attachments.0.title", SUBJECT},
      {"attachments.0.title_link", LINK},
      {"attachments.0.color", "danger"},
      {"attachments.0.fallback", SUBJECT " | " LINK},
      {"attachments.0.fields.0.value", "firing"},
      {"attachments.0.fields.0.short", "true"},
      {"attachments.0.fields.1.short", "false"},
      {"attachments.0.actions.0.url", "http://x"},
      {"attachments.0.actions.0.confirm.text", "sure"},
      {"attachments.0.mrkdwn_in.1", "pretext"}}},
    {CHANNEL_SLACK,
     "slack_configs: [{app_token: xoxb-1, channel: C1, link_names: yes, message_text: hello, "
     "mrkdwn_in: [text]}]",
     0,
     1,
     "{\"ok\":true}",
     "POST",
     "https://slack.com/api/chat.postMessage",
     "Authorization: Bearer xoxb-1\n",
     {{"text", "hello"},
      {"link_names", "true"},
      {"attachments.0.color", "good"},
      {"attachments.0.mrkdwn_in.0", "text"}}},
    {CHANNEL_MATTERMOST,
     "mattermost_configs: [{webhook_url: 'http://m/hooks/K', channel: town, author_name: a, "
     "fields: [{title: T, value: V, short: yes}], props: {card: '# {{ .Status }}'}, "
     "priority: {priority: urgent, requested_ack: yes}}]",
     1,
     0,
     "ok",
     "POST",
     "http://m/hooks/K",
     "",
     {{"channel", "town"},
      {"username", "Alertmanager"},
      {"attachments.0.title", SUBJECT},
      {"attachments.0.text", "# Alerts Firing:"},
      {"attachments.0.color", "danger"},
      {"attachments.0.author_name", "a"},
      {"attachments.0.fields.0.short", "true"},
      {"props.card", "# firing"},
      {"priority.priority", "urgent"},
      {"priority.requested_ack", "true"}}},
    {CHANNEL_MATTERMOST,
     "mattermost_configs: [{webhook_url: 'http://m/', attachments: [{text: own}, {text: two}], "
     "priority: {priority: high}}]",
     1,
     0,
     "ok",
     "POST",
     "http://m/",
     "",
     {{"attachments.0.text", "own"},
      {"attachments.1.text", "two"},
      {"priority.priority", "standard"}}},
    {CHANNEL_ROCKETCHAT,
     "rocketchat_configs: [{api_url: 'http://rc', token: T, token_id: U, channel: '#c', emoji: ':x:', "
     "send_resolved: true, fields: [{title: t, value: v}], "
     "actions: [{type: button, text: b, msg: m}]}]",
     0,
     1,
     "{\"success\":true}",
     "POST",
     "http://rc/api/v1/chat.postMessage",
     "X-Auth-Token: T\nX-User-Id: U\n",
     {{"channel", "#c"},
      {"emoji", ":x:"},
      {"attachments.0.color", "green"},
      {"attachments.0.title", "[RESOLVED] RedisMemory"},
      {"attachments.0.fields.0.short", "false"},
      {"attachments.0.actions.0.msg", "m"}}},
    {CHANNEL_TELEGRAM,
     "telegram_configs: [{api_url: 'http://t', bot_token: '1:A', chat_id: -100123, "
     "message_thread_id: 7, disable_notifications: yes, message: '<b>{{ .Status }}</b> & {{ "
     "\"<x>\" }}'}]",
     1,
     0,
     "{\"ok\":true}",
     "POST",
     "http://t/bot1:A/sendMessage",
     "",
     {{"chat_id", "-100123"},
      {"text", "<b>firing</b> & &lt;x&gt;"},
      {"parse_mode", "HTML"},
      {"disable_notification", "true"},
      {"disable_web_page_preview", "true"},
      {"message_thread_id", "7"}}},
    {CHANNEL_DISCORD,
     "discord_configs: [{webhook_url: 'http://d/w', username: u, avatar_url: 'http://a', "
     "content: '@here'}]",
     1,
     0,
     "",
     "POST",
     "http://d/w",
     "",
     {{"content", "@here"},
      {"embeds.0.title", SUBJECT},
      {"embeds.0.description", "Alerts Firing:"},
      {"embeds.0.color", "1.0038562e+07"},
      {"username", "u"},
      {"avatar_url", "http://a"}}},
    {CHANNEL_DISCORD,
     "discord_configs: [{webhook_url: 'http://d/w'}]",
     0,
     1,
     "",
     "POST",
     "http://d/w",
     "",
     {{"embeds.0.color", "3.066993e+06"}}},
    {CHANNEL_MSTEAMS,
     "msteams_configs: [{webhook_url: 'http://ms/w'}]",
     1,
     0,
     "1",
     "POST",
     "http://ms/w",
     "",
     {{"@type", "MessageCard"},
      {"@context", "http://schema.org/extensions"},
      {"title", SUBJECT},
      {"summary", SUBJECT},
      {"text", "# Alerts Firing:"},
      {"themeColor", "8C1A1A"}}},
    {CHANNEL_MSTEAMSV2,
     "msteamsv2_configs: [{webhook_url: 'http://ms/w', text: 'T {{ .Status }}'}]",
     0,
     1,
     "",
     "POST",
     "http://ms/w",
     "",
     {{"type", "message"},
      {"attachments.0.contentType", "application/vnd.microsoft.card.adaptive"},
      {"attachments.0.content.version", "1.2"},
      {"attachments.0.content.body.0.text", "[RESOLVED] RedisMemory"},
      {"attachments.0.content.body.0.color", "Good"},
      {"attachments.0.content.body.1.text", "T resolved"},
      {"attachments.0.content.msteams.width", "full"}}},
    {CHANNEL_WEBEX,
     "webex_configs: [{api_url: 'http://wx/', room_id: R, http_config: {authorization: "
     "{credentials: c}}}]",
     1,
     0,
     "{}",
     "POST",
     "http://wx/",
     "",
     {{"roomId", "R"}, {"markdown", "Alerts Firing:"}}},
    {CHANNEL_VICTOROPS,
     "victorops_configs: [{api_url: 'http://vo/alert', api_key: K, routing_key: '{{ .Receiver }}1', "
     "message_type: '{{ \"WARNING\" }}', custom_fields: {a: '{{ .Status }}', n: 5}}]",
     1,
     0,
     "{\"result\":\"success\"}",
     "POST",
     "http://vo/alert/K/r1",
     "",
     {{"message_type", "WARNING"},
      {"entity_id", GROUP_HASH},
      {"entity_display_name", SUBJECT},
      {"state_message", "Alerts Firing:"},
      {"monitoring_tool", "Alertmanager"},
      {"a", "firing"},
      {"n", "5"}}},
    {CHANNEL_VICTOROPS,
     "victorops_configs: [{api_url: 'http://vo/', api_key: K, routing_key: x, message_type: odd}]",
     0,
     1,
     "",
     "POST",
     "http://vo/K/x",
     "",
     {{"message_type", "RECOVERY"}}},
    {CHANNEL_PAGERDUTY,
     "pagerduty_configs: [{url: 'http://pd/v2', routing_key: K, severity: '{{ .CommonLabels.severity "
     "}}', class: c, details: {num_firing: own, n: '{{ len .Alerts }}', deep: {l: [1, '{{ "
     ".Status }}']}}, images: [{src: s, alt: a}], links: [{href: h, text: t}]}]",
     1,
     0,
     "{\"status\":\"success\"}",
     "POST",
     "http://pd/v2",
     "",
     {{"routing_key", "K"},
      {"dedup_key", GROUP_HASH},
      {"event_action", "trigger"},
      {"client", "Alertmanager"},
      {"client_url", LINK},
      {"payload.summary", SUBJECT},
      {"payload.source", "Alertmanager"},
      {"payload.severity", "critical"},
      {"payload.class", "c"},
      {"payload.custom_details.firing", "alertname = RedisMemory"},
      {"payload.custom_details.num_firing", "own"},
      {"payload.custom_details.num_resolved", "0"},
      {"payload.custom_details.n", "1"},
      {"payload.custom_details.deep.l.1", "firing"},
      {"images.0.src", "s"},
      {"links.0.text", "t"}}},
    {CHANNEL_PAGERDUTY,
     "pagerduty_configs: [{service_key: K}]",
     0,
     1,
     "",
     "POST",
     "https://events.pagerduty.com/generic/2010-04-15/create_event.json",
     "",
     {{"service_key", "K"},
      {"incident_key", GROUP_HASH},
      {"event_type", "resolve"},
      {"description", "[RESOLVED]"},
      {"details.num_resolved", "1"}}},
    {CHANNEL_OPSGENIE,
     "opsgenie_configs: [{api_url: 'http://og', api_key: K, tags: 'a, b', priority: P1, "
     "details: {severity: own, x: '{{ .Status }}'}, responders: [{name: 'n1, n2', type: Teams}, "
     "{username: u, type: user}]}]",
     1,
     0,
     "{}",
     "POST",
     "http://og/v2/alerts",
     "Authorization: GenieKey K\n",
     {{"alias", GROUP_HASH},
      {"message", SUBJECT},
      {"description", "Alerts Firing:"},
      {"details.alertname", "RedisMemory"},
      {"details.severity", "own"},
      {"details.x", "firing"},
      {"source", LINK},
      {"responders.0.name", "n1"},
      {"responders.0.type", "team"},
      {"responders.1.name", "n2"},
      {"responders.2.username", "u"},
      {"tags.1", "b"},
      {"priority", "P1"}}},
    {CHANNEL_OPSGENIE,
     "opsgenie_configs: [{api_url: 'http://og', api_key: K}]",
     0,
     1,
     "{}",
     "POST",
     "http://og/v2/alerts/" GROUP_HASH "/close?identifierType=alias",
     "Authorization: GenieKey K\n",
     {{"source", LINK}}},
};

static void every_channel_says_what_its_far_end_wants_to_hear(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sendings); i++) {
        const struct sending *s = &sendings[i];
        CLEANUP(buf_free) struct buf yaml = {0};
        CLEANUP(buf_free) struct buf headers = {0};
        struct fixture f;

        buf_addf(&yaml, ROUTE "  %s\n", s->config);
        begin(&f, yaml.p, s->answer);
        put(&f, s->kind, s->firing, s->resolved, "m", "g");
        notify_tick(f.n, T0);
        if (f.n_requests != 1 || memory_keeper_count(&f.disk, "outbox") != 0)
            fail_msg("case %zu: %d requests", i, f.n_requests);
        assert_string_equal(f.requests[0].method, s->method);
        assert_string_equal(f.requests[0].url, s->url);
        buf_addf(&headers, "Content-Type: application/json\n%s", s->headers);
        assert_string_equal(f.requests[0].headers, headers.p);
        for (size_t k = 0; k < PATHS_MAX && s->paths[k].path; k++)
            assert_text(f.body, s->paths[k].path, s->paths[k].want);
        end(&f);
    }
}

static void pushover_says_all_in_its_query(void **state)
{
    static const char config[] = ROUTE
        "  pushover_configs: [{token: T, user_key: U, html: yes, message: '<b>{{ \"a&b\" "
        "}}</b>', ttl: 30s, device: d}]\n";
    struct fixture f;

    begin(&f, config, "{\"status\":1}");
    put(&f, CHANNEL_PUSHOVER, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_string_equal(
        f.url, "https://api.pushover.net/1/messages.json?token=T&user=U&title=%5BFIRING%3A1%5D+"
               "RedisMemory+%28redis-0+critical%29&html=1&message=%3Cb%3Ea%26amp%3Bb%3C%2Fb%3E&url="
               "http%3A%2F%2Ftocsin%2F%23%2Falerts%3Freceiver%3Dr&priority=2&retry=60&expire=3600&"
               "device=d&ttl=30");
    assert_string_equal(f.requests[0].headers, "Content-Type: text/plain\n");
    assert_string_equal(f.body, "");
    end(&f);

    begin(&f, ROUTE "  pushover_configs: [{token: T, user_key: U, message: ' '}]\n", "{}");
    put(&f, CHANNEL_PUSHOVER, 0, 1, "m", "g");
    notify_tick(f.n, T0);
    assert_non_null(strstr(f.url, "&message=%28no+details%29&"));
    assert_non_null(strstr(f.url, "&priority=0&"));
    end(&f);
}

static const char of_global[] =
    "global: {slack_app_token: A, slack_app_url: 'http://sl/post', pagerduty_url: 'http://pd', "
    "opsgenie_api_url: 'http://og', opsgenie_api_key: B, wechat_api_url: 'http://we', "
    "wechat_api_secret: C, wechat_api_corp_id: D, victorops_api_url: 'http://vo', "
    "victorops_api_key: E, telegram_api_url: 'http://te', telegram_bot_token: F, webex_api_url: "
    "'http://wx', rocketchat_api_url: 'http://ro', rocketchat_token: G, rocketchat_token_id: H, "
    "mattermost_webhook_url: 'http://ma', jira_api_url: 'http://ji'}\n" ROUTE
    "  slack_configs: [{}, {api_url: 'http://own'}]\n"
    "  pagerduty_configs: [{routing_key: k}]\n"
    "  opsgenie_configs: [{}]\n  wechat_configs: [{}]\n  victorops_configs: [{routing_key: r}]\n"
    "  telegram_configs: [{chat_id: 1}]\n"
    "  webex_configs: [{room_id: r, http_config: {authorization: {credentials: c}}}]\n"
    "  rocketchat_configs: [{}]\n  mattermost_configs: [{}]\n"
    "  jira_configs: [{project: P, issue_type: T}]\n";

static void what_a_receiver_does_not_say_global_says(void **state)
{
    static const struct {
        enum channel_kind kind;
        const char *url, *headers;
    } cases[] = {
        {CHANNEL_SLACK, "http://sl/post", "Authorization: Bearer A\n"},
        {CHANNEL_PAGERDUTY, "http://pd", ""},
        {CHANNEL_OPSGENIE, "http://og/v2/alerts", "Authorization: GenieKey B\n"},
        {CHANNEL_WECHAT, "http://we/gettoken?corpid=D&corpsecret=C", ""},
        {CHANNEL_VICTOROPS, "http://vo/E/r", ""},
        {CHANNEL_TELEGRAM, "http://te/botF/sendMessage", ""},
        {CHANNEL_WEBEX, "http://wx", ""},
        {CHANNEL_ROCKETCHAT, "http://ro/api/v1/chat.postMessage",
         "X-Auth-Token: G\nX-User-Id: H\n"},
        {CHANNEL_MATTERMOST, "http://ma", ""},
        {CHANNEL_JIRA, "http://ji/search", "Accept-Language: en\n"},
    };
    static const struct far_answer answer = {500, ""};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        begin_with(&f, of_global, &answer, 1);
        put(&f, cases[i].kind, 1, 0, "m", "g");
        notify_tick(f.n, T0);
        assert_string_equal(f.url, cases[i].url);
        assert_non_null(strstr(f.requests[0].headers, cases[i].headers));
        end(&f);
    }
}

/* ---- limits -------------------------------------------------------------------------------- */

static void limits_count_characters_and_cut_none(void **state)
{
    static const struct {
        enum channel_kind kind;
        const char *config, *path;
        size_t max;
        bool bytes;
    } cases[] = {
        {CHANNEL_SLACK, "slack_configs: [{api_url: 'http://s', title: '%s'}]",
         "attachments.0.title", 1024, false},
        {CHANNEL_DISCORD, "discord_configs: [{webhook_url: 'http://d', title: '%s'}]",
         "embeds.0.title", 256, false},
        {CHANNEL_DISCORD, "discord_configs: [{webhook_url: 'http://d', message: '%s'}]",
         "embeds.0.description", 4096, false},
        {CHANNEL_DISCORD, "discord_configs: [{webhook_url: 'http://d', content: '%s'}]", "content",
         2000, false},
        {CHANNEL_TELEGRAM,
         "telegram_configs: [{bot_token: t, chat_id: 1, parse_mode: '', message: '%s'}]", "text",
         4096, false},
        {CHANNEL_MATTERMOST, "mattermost_configs: [{webhook_url: 'http://m', text: '%s'}]",
         "attachments.0.text", 16383, false},
        {CHANNEL_VICTOROPS,
         "victorops_configs: [{api_key: k, routing_key: r, state_message: '%s'}]", "state_message",
         20480, false},
        {CHANNEL_PAGERDUTY, "pagerduty_configs: [{routing_key: r, description: '%s'}]",
         "payload.summary", 1024, false},
        {CHANNEL_OPSGENIE, "opsgenie_configs: [{api_key: r, message: '%s'}]", "message", 130,
         false},
        {CHANNEL_JIRA,
         "jira_configs: [{api_url: 'http://j', project: P, issue_type: T, summary: '%s'}]",
         "fields.summary", 255, false},
        {CHANNEL_WEBEX,
         "webex_configs: [{room_id: r, message: '%s', http_config: {authorization: {credentials: "
         "c}}}]",
         "markdown", 7439, true},
        {CHANNEL_WECHAT, "wechat_configs: [{api_secret: s, corp_id: c, message: '%s'}]",
         "text.content", 2048, true},
    };
    static const struct far_answer answers[] = {
        {200, "{\"issues\":[],\"errcode\":0,\"access_token\":\"t\",\"expires_in\":7200}"},
        {200, "{}"}};
    static const char *const characters[] = {"存", "🔔"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t c = 0; c < ARRAY_LEN(characters); c++) {
            CLEANUP(buf_free) struct buf text = {0};
            CLEANUP(buf_free) struct buf yaml = {0};
            CLEANUP(mem_freep) char *sent = NULL;
            size_t units = 0, astral = strlen(characters[c]) == 4, length;
            struct fixture f;

            for (int k = 0; k < 21000; k++)
                buf_add_c(&text, characters[c]);
            buf_add_c(&yaml, ROUTE "  ");
            buf_addf(&yaml, cases[i].config, text.p);
            begin_with(&f, yaml.p, answers, 2);
            put(&f, cases[i].kind, 1, 0, "m", "g");
            notify_tick(f.n, T0);
            sent = text_at(f.body, cases[i].path);
            assert_true(str_is_utf8(str_c(sent)));
            length = strlen(sent);
            assert_true(length > 3 && strcmp(sent + length - 3, "…") == 0);
            units = (length - 3) / strlen(characters[c]) * (astral ? 2 : 1) + 1;
            if (cases[i].bytes)
                units = length;
            if (units > cases[i].max || units + (cases[i].bytes ? 4 : 2) <= cases[i].max)
                fail_msg("%s: %zu, limit %zu", cases[i].config, units, cases[i].max);
            end(&f);
        }
}

static void html_that_does_not_fit_goes_as_plain_text(void **state)
{
    CLEANUP(buf_free) struct buf yaml = {0};
    CLEANUP(mem_freep) char *text = NULL;
    struct fixture f;

    buf_add_c(&yaml, ROUTE "  telegram_configs: [{bot_token: t, chat_id: 1, message: '<b>");
    for (int k = 0; k < 5000; k++)
        buf_add_c(&yaml, "x");
    buf_add_c(&yaml, "</b>'}]\n");
    begin(&f, yaml.p, "{\"ok\":true}");
    put(&f, CHANNEL_TELEGRAM, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_null(strstr(f.body, "parse_mode"));
    text = text_at(f.body, "text");
    assert_int_equal(strlen(text), 4095 + strlen("…"));
    end(&f);
}

static void many_alerts_are_counted_where_they_do_not_fit(void **state)
{
    CLEANUP(mem_freep) char *text = NULL;
    struct fixture f;

    begin(&f, ROUTE "  discord_configs: [{webhook_url: 'http://d'}]\n", "");
    put(&f, CHANNEL_DISCORD, 150, 0, "内存超过限制", "g");
    notify_tick(f.n, T0);
    text = text_at(f.body, "embeds.0.description");
    assert_non_null(strstr(text, "more alerts"));
    assert_true(strlen(text) > 2000);
    end(&f);
}

static void details_that_make_an_event_too_large_are_left_out(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE "  pagerduty_configs: [{routing_key: K, details: {a: &a '{{ range .Alerts }}{{ "
                ".Annotations.message }}{{ end }}', b: *a, c: *a, d: *a, e: *a, f: *a, g: *a, h: "
                "*a, i: *a, j: *a, k: *a}}]\n",
          "");
    {
        char message[1000];

        memset(message, 'x', sizeof message - 1);
        message[sizeof message - 1] = '\0';
        put(&f, CHANNEL_PAGERDUTY, 60, 0, message, "g");
    }
    notify_tick(f.n, T0);
    assert_true(strlen(f.body) < 512000);
    assert_text(f.body, "payload.custom_details.error", "larger than 512000 bytes");
    end(&f);
}

/* ---- what an answer means ------------------------------------------------------------------ */

#define ALL_CHANNELS                                                                               \
    ROUTE "  slack_configs: [{api_url: 'http://s'}]\n"                                             \
          "  mattermost_configs: [{webhook_url: 'http://m'}]\n"                                    \
          "  rocketchat_configs: [{token: t, token_id: i}]\n"                                      \
          "  telegram_configs: [{bot_token: t, chat_id: 1}]\n"                                     \
          "  discord_configs: [{webhook_url: 'http://d'}]\n"                                       \
          "  msteams_configs: [{webhook_url: 'http://t'}]\n"                                       \
          "  msteamsv2_configs: [{webhook_url: 'http://t'}]\n"                                     \
          "  pagerduty_configs: [{routing_key: k}]\n"                                              \
          "  opsgenie_configs: [{api_key: k}]\n"                                                   \
          "  pushover_configs: [{token: t, user_key: k}]\n"                                        \
          "  webex_configs: [{room_id: r, http_config: {authorization: {credentials: c}}}]\n"      \
          "  victorops_configs: [{api_key: k, routing_key: r}]\n"                                  \
          "  wechat_configs: [{api_secret: s, corp_id: c}]\n"                                      \
          "  jira_configs: [{api_url: 'http://j', project: P, issue_type: T}]\n"

enum outcome { TAKEN, SOON, LATER }; /* tried again within two seconds, or after half a minute */

static const struct {
    enum channel_kind kind;
    struct far_answer answer;
    enum outcome outcome;
} meanings[] = {
    {CHANNEL_SLACK, {200, "ok"}, TAKEN},
    {CHANNEL_SLACK, {200, "{\"ok\":true,\"ts\":\"1\"}"}, TAKEN},
    {CHANNEL_SLACK, {200, "{\"ok\":false,\"error\":\"channel_not_found\"}"}, LATER},
    {CHANNEL_SLACK, {200, "{\"ok\":false,\"error\":\"ratelimited\"}"}, SOON},
    {CHANNEL_SLACK, {200, "no_text"}, LATER},
    {CHANNEL_SLACK, {404, "no_service"}, LATER},
    {CHANNEL_SLACK, {500, ""}, SOON},
    {CHANNEL_SLACK, {-1, ""}, SOON},
    {CHANNEL_MATTERMOST, {200, "ok"}, TAKEN},
    {CHANNEL_MATTERMOST, {400, "{\"id\":\"x\"}"}, LATER},
    {CHANNEL_MATTERMOST, {503, ""}, SOON},
    {CHANNEL_ROCKETCHAT, {200, "{\"success\":true}"}, TAKEN},
    {CHANNEL_ROCKETCHAT, {200, "{\"success\":false,\"error\":\"invalid-channel\"}"}, LATER},
    {CHANNEL_ROCKETCHAT, {200, "<html>"}, SOON},
    {CHANNEL_ROCKETCHAT, {401, ""}, LATER},
    {CHANNEL_TELEGRAM, {200, "{\"ok\":true}"}, TAKEN},
    {CHANNEL_TELEGRAM, {200, "{\"ok\":false,\"description\":\"chat not found\"}"}, LATER},
    {CHANNEL_TELEGRAM, {403, "{\"ok\":false,\"description\":\"bot was kicked\"}"}, LATER},
    {CHANNEL_DISCORD, {204, ""}, TAKEN},
    {CHANNEL_DISCORD, {404, "{\"message\":\"Unknown Webhook\"}"}, LATER},
    {CHANNEL_MSTEAMS, {200, "1"}, TAKEN},
    {CHANNEL_MSTEAMS,
     {200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP "
           "error 429 with ContextId x"},
     SOON},
    {CHANNEL_MSTEAMS, {200, "Microsoft Teams endpoint returned HTTP error 403 with"}, LATER},
    {CHANNEL_MSTEAMSV2, {202, ""}, TAKEN},
    {CHANNEL_MSTEAMSV2, {400, ""}, LATER},
    {CHANNEL_PAGERDUTY, {202, "{\"status\":\"success\"}"}, TAKEN},
    {CHANNEL_PAGERDUTY, {400, "{\"status\":\"invalid event\"}"}, LATER},
    {CHANNEL_PAGERDUTY, {403, ""}, SOON},
    {CHANNEL_PAGERDUTY, {429, ""}, SOON},
    {CHANNEL_OPSGENIE, {202, "{}"}, TAKEN},
    {CHANNEL_OPSGENIE, {422, "{}"}, LATER},
    {CHANNEL_OPSGENIE, {429, "{}"}, SOON},
    {CHANNEL_PUSHOVER, {200, "{\"status\":1}"}, TAKEN},
    {CHANNEL_PUSHOVER, {200, "{\"status\":0,\"errors\":[\"user key is invalid\"]}"}, LATER},
    {CHANNEL_PUSHOVER, {400, "{\"status\":0}"}, LATER},
    {CHANNEL_WEBEX, {200, "{}"}, TAKEN},
    {CHANNEL_WEBEX, {401, ""}, LATER},
    {CHANNEL_WEBEX, {502, ""}, SOON},
    {CHANNEL_VICTOROPS, {200, "{\"result\":\"success\"}"}, TAKEN},
    {CHANNEL_VICTOROPS, {200, "{\"result\":\"failure\",\"messages\":\"no\"}"}, LATER},
    {CHANNEL_VICTOROPS, {500, ""}, SOON},
    {CHANNEL_WECHAT, {200, "{\"errcode\":40013,\"errmsg\":\"invalid corpid\"}"}, LATER},
    {CHANNEL_WECHAT, {200, "{\"errcode\":40001,\"errmsg\":\"invalid secret\"}"}, LATER},
    {CHANNEL_WECHAT, {200, "{\"errcode\":-1,\"errmsg\":\"busy\"}"}, SOON},
    {CHANNEL_JIRA, {200, "<html>"}, SOON},
    {CHANNEL_JIRA, {200, "{\"errorMessages\":[]}"}, SOON},
    {CHANNEL_JIRA, {400, "{}"}, LATER},
    {CHANNEL_JIRA, {429, "{}"}, SOON},
};

static void every_answer_is_taken_for_what_it_means(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        struct fixture f;
        unix_ns next;
        enum outcome got;

        begin_with(&f, ALL_CHANNELS, &meanings[i].answer, 1);
        put(&f, meanings[i].kind, 1, 0, "m", "g");
        next = notify_tick(f.n, T0);
        got = next == INT64_MAX ? TAKEN : next < T0 + 2 * SECOND ? SOON : LATER;
        if (got != meanings[i].outcome ||
            memory_keeper_count(&f.disk, "outbox") != (got == TAKEN ? 0 : 1))
            fail_msg("%d %s: %d", meanings[i].answer.status, meanings[i].answer.body, got);
        end(&f);
    }
}

static void who_is_told_to_wait_waits(void **state)
{
    static const struct {
        enum channel_kind kind;
        const char *body;
        unix_ns least, most;
    } cases[] = {
        {CHANNEL_TELEGRAM, "{\"ok\":false,\"parameters\":{\"retry_after\":35}}", 35 * SECOND,
         36 * SECOND},
        {CHANNEL_DISCORD, "{\"retry_after\":64.5,\"global\":false}", 64 * SECOND, 65 * SECOND},
        {CHANNEL_DISCORD, "{\"retry_after\":1e300}", 900 * SECOND, 900 * SECOND},
        {CHANNEL_DISCORD, "{\"retry_after\":-5}", 0, 2 * SECOND},
        {CHANNEL_DISCORD, "{\"retry_after\":\"x\"}", 0, 2 * SECOND},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct far_answer answer = {429, cases[i].body};
        struct fixture f;
        unix_ns next;

        begin_with(&f, ALL_CHANNELS, &answer, 1);
        put(&f, cases[i].kind, 1, 0, "m", "g");
        next = notify_tick(f.n, T0);
        assert_true(next >= T0 + cases[i].least && next <= T0 + cases[i].most);
        end(&f);
    }
}

/* ---- messages of several requests ---------------------------------------------------------- */

static void opsgenie_brings_an_alert_up_to_date(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE "  opsgenie_configs: [{api_url: 'http://og', api_key: K, update_alerts: yes}]\n",
          "{}");
    put(&f, CHANNEL_OPSGENIE, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_int_equal(f.n_requests, 3);
    assert_string_equal(f.requests[1].method, "PUT");
    assert_string_equal(f.requests[1].url,
                        "http://og/v2/alerts/" GROUP_HASH "/message?identifierType=alias");
    assert_text(f.requests[1].body, "message", SUBJECT);
    assert_string_equal(f.requests[2].url,
                        "http://og/v2/alerts/" GROUP_HASH "/description?identifierType=alias");
    assert_text(f.requests[2].body, "description", "Alerts Firing:");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

static void a_message_whose_second_request_fails_stays(void **state)
{
    static const struct far_answer answers[] = {{202, "{}"}, {500, ""}, {202, "{}"}};
    struct fixture f;
    unix_ns next;

    begin_with(&f,
               ROUTE "  opsgenie_configs: [{api_url: 'http://og', api_key: K, update_alerts: "
                     "yes}]\n",
               answers, 3);
    put(&f, CHANNEL_OPSGENIE, 1, 0, "m", "g");
    next = notify_tick(f.n, T0);
    assert_int_equal(f.n_requests, 2);
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 1);
    assert_int_equal(notify_tick(f.n, next), INT64_MAX);
    assert_int_equal(f.n_requests, 5); /* from its beginning */
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

#define WECHAT                                                                                     \
    ROUTE "  wechat_configs: [{api_url: 'http://w/cgi-bin', api_secret: 's+1', corp_id: c, "       \
          "agent_id: 7, to_user: 'a|b', message_type: markdown, message: '{{ .Status }}', "        \
          "send_resolved: yes}]\n"
#define TOKEN(name)                                                                                \
    {                                                                                              \
        200, "{\"errcode\":0,\"access_token\":\"" name "\",\"expires_in\":7200}"                   \
    }
#define OK                                                                                         \
    {                                                                                              \
        200, "{\"errcode\":0,\"errmsg\":\"ok\"}"                                                   \
    }

static void wechat_buys_a_token_and_keeps_it_until_shortly_before_its_end(void **state)
{
    static const struct far_answer answers[] = {TOKEN("t&1"), OK, OK, TOKEN("t2"), OK};
    struct fixture f;

    begin_with(&f, WECHAT, answers, ARRAY_LEN(answers));
    put(&f, CHANNEL_WECHAT, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_int_equal(f.n_requests, 2);
    assert_string_equal(f.requests[0].method, "GET");
    assert_string_equal(f.requests[0].url, "http://w/cgi-bin/gettoken?corpid=c&corpsecret=s%2B1");
    assert_string_equal(f.requests[0].headers, "");
    assert_string_equal(f.requests[1].url, "http://w/cgi-bin/message/send?access_token=t%261");
    assert_text(f.body, "msgtype", "markdown");
    assert_text(f.body, "markdown.content", "firing");
    assert_text(f.body, "touser", "a|b");
    assert_text(f.body, "agentid", "7");
    assert_text(f.body, "safe", "0");
    put(&f, CHANNEL_WECHAT, 0, 1, "m", "g");
    notify_tick(f.n, T0 + 6899 * SECOND);
    assert_int_equal(f.n_requests, 3);
    put(&f, CHANNEL_WECHAT, 1, 0, "m", "g");
    notify_tick(f.n, T0 + 6900 * SECOND);
    assert_int_equal(f.n_requests, 5);
    assert_string_equal(f.url, "http://w/cgi-bin/message/send?access_token=t2");
    end(&f);
}

static void a_token_that_is_refused_is_thrown_away(void **state)
{
    static const struct far_answer answers[] = {
        TOKEN("t1"), {200, "{\"errcode\":42001,\"errmsg\":\"expired\"}"}, TOKEN("t2"), OK, OK};
    struct fixture f;
    unix_ns next;

    begin_with(&f, WECHAT, answers, ARRAY_LEN(answers));
    put(&f, CHANNEL_WECHAT, 1, 0, "m", "g");
    next = notify_tick(f.n, T0);
    assert_true(next < T0 + 2 * SECOND);
    notify_tick(f.n, next);
    assert_int_equal(f.n_requests, 4);
    assert_string_equal(f.url, "http://w/cgi-bin/message/send?access_token=t2");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

#define JIRA(more)                                                                                 \
    ROUTE "  jira_configs: [{api_url: '%s', project: P, issue_type: Bug, labels: [z, a], "         \
          "reopen_transition: Reopen, resolve_transition: Done, " more "}]\n"
#define FOUND(state)                                                                               \
    {                                                                                              \
        200, "{\"issues\":[{\"key\":\"P-7\",\"fields\":{\"status\":{\"statusCategory\":{\"key\":"  \
             "\"" state "\"}}}}]}"                                                                 \
    }
#define TRANSITIONS                                                                                \
    {                                                                                              \
        200, "{\"transitions\":[{\"id\":\"11\",\"name\":\"Done\"},{\"id\":\"21\",\"name\":"        \
             "\"Reopen\"}]}"                                                                       \
    }

static void begin_jira(struct fixture *f, const char *api, const struct far_answer *answers,
                       size_t n, bool firing)
{
    CLEANUP(buf_free) struct buf yaml = {0};

    buf_addf(
        &yaml,
        JIRA("reopen_duration: 1h, wont_fix_resolution: \"Won't \\\"do\\\"\", "
             "description: {template: 'D', enable_update: no}, fields: {customfield_1: '{{ len "
             ".Alerts }}'}"),
        api);
    begin_with(f, yaml.p, answers, n);
    put(f, CHANNEL_JIRA, firing, !firing, "m", "g");
    notify_tick(f->n, T0);
}

static void jira_creates_an_issue_when_there_is_none(void **state)
{
    static const struct far_answer answers[] = {{200, "{\"issues\":[]}"}, {201, "{}"}};
    struct fixture f;

    begin_jira(&f, "https://x.atlassian.net/rest/api/2", answers, 2, true);
    assert_int_equal(f.n_requests, 2);
    assert_string_equal(f.requests[0].url, "https://x.atlassian.net/rest/api/3/search/jql");
    assert_text(
        f.requests[0].body, "jql",
        "(resolution is EMPTY or resolution != \"Won't \\\"do\\\"\") and (resolutiondate is "
        "EMPTY OR resolutiondate >= -60m) and project=\"P\" and labels=\"ALERT{" GROUP_HASH
        "}\" order by status ASC,resolutiondate DESC");
    assert_text(f.requests[0].body, "maxResults", "2");
    assert_string_equal(f.requests[1].method, "POST");
    assert_string_equal(f.url, "https://x.atlassian.net/rest/api/2/issue");
    assert_text(f.body, "fields.project.key", "P");
    assert_text(f.body, "fields.issuetype.name", "Bug");
    assert_text(f.body, "fields.summary", SUBJECT);
    assert_text(f.body, "fields.description", "D");
    assert_text(f.body, "fields.labels.0", "ALERT{" GROUP_HASH "}");
    assert_text(f.body, "fields.labels.2", "z");
    assert_text(f.body, "fields.priority.name", "High");
    assert_text(f.body, "fields.customfield_1", "1");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);

    begin_jira(&f, "http://j/rest/api/3", answers, 2, true);
    assert_string_equal(f.requests[0].url, "http://j/rest/api/3/search");
    assert_text(f.body, "fields.description.content.0.content.0.text", "D");
    end(&f);
}

static void jira_has_nothing_to_do_for_what_is_over_and_was_never_there(void **state)
{
    static const struct far_answer answers[] = {{200, "{\"issues\":[]}"}, {500, ""}};
    struct fixture f;

    begin_jira(&f, "http://j/", answers, 2, false);
    assert_int_equal(f.n_requests, 1);
    assert_text(f.requests[0].body, "jql", "statusCategory != Done and project");
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

static void jira_moves_an_issue_to_the_state_of_its_group(void **state)
{
    static const struct {
        bool firing;
        struct far_answer found;
        const char *transition; /* NULL: none */
    } cases[] = {
        {true, FOUND("new"), NULL},
        {true, FOUND("done"), "21"},
        {false, FOUND("indeterminate"), "11"},
        {false, FOUND("done"), NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct far_answer answers[] = {cases[i].found, {204, ""}, TRANSITIONS, {204, ""}};
        struct fixture f;

        begin_jira(&f, "http://j", answers, ARRAY_LEN(answers), cases[i].firing);
        assert_int_equal(f.n_requests, cases[i].transition ? 4 : 2);
        assert_string_equal(f.requests[1].method, "PUT");
        assert_string_equal(f.requests[1].url, "http://j/issue/P-7");
        assert_null(strstr(f.requests[1].body, "description"));
        if (cases[i].transition) {
            assert_string_equal(f.requests[2].method, "GET");
            assert_string_equal(f.url, "http://j/issue/P-7/transitions");
            assert_text(f.body, "transition.id", cases[i].transition);
        }
        assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
        end(&f);
    }
}

static void jira_says_when_a_transition_cannot_be_taken(void **state)
{
    static const struct far_answer answers[] = {
        FOUND("done"), {204, ""}, {200, "{\"transitions\":[]}"}};
    struct fixture f;

    begin_jira(&f, "http://j", answers, 3, true);
    assert_int_equal(f.n_requests, 3);
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 1);
    end(&f);
}

/* ---- templates and secrets ----------------------------------------------------------------- */

static void a_broken_template_of_a_field_loses_the_field_only(void **state)
{
    struct fixture f;

    begin(&f,
          ROUTE
          "  slack_configs: [{api_url: 'http://s', title: '{{ .NoSuch.Thing }}', channel: '{{ "
          "nonsense }}', color: '#123'}]\n",
          "ok");
    put(&f, CHANNEL_SLACK, 1, 0, "m", "g");
    notify_tick(f.n, T0);
    assert_text(f.body, "attachments.0.title", SUBJECT);
    assert_text(f.body, "attachments.0.color", "#123");
    assert_null(strstr(f.body, "channel"));
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 0);
    end(&f);
}

static void a_secret_file_that_cannot_be_read_delays_the_message(void **state)
{
    struct fixture f;
    unix_ns next;

    begin(&f, ROUTE "  telegram_configs: [{bot_token_file: /nonexistent/token, chat_id: 1}]\n",
          "{\"ok\":true}");
    put(&f, CHANNEL_TELEGRAM, 1, 0, "m", "g");
    next = notify_tick(f.n, T0);
    assert_int_equal(f.n_requests, 0);
    assert_true(next < T0 + 2 * SECOND);
    assert_int_equal(memory_keeper_count(&f.disk, "outbox"), 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_channel_says_what_its_far_end_wants_to_hear),
        cmocka_unit_test(pushover_says_all_in_its_query),
        cmocka_unit_test(what_a_receiver_does_not_say_global_says),
        cmocka_unit_test(limits_count_characters_and_cut_none),
        cmocka_unit_test(html_that_does_not_fit_goes_as_plain_text),
        cmocka_unit_test(many_alerts_are_counted_where_they_do_not_fit),
        cmocka_unit_test(details_that_make_an_event_too_large_are_left_out),
        cmocka_unit_test(every_answer_is_taken_for_what_it_means),
        cmocka_unit_test(who_is_told_to_wait_waits),
        cmocka_unit_test(opsgenie_brings_an_alert_up_to_date),
        cmocka_unit_test(a_message_whose_second_request_fails_stays),
        cmocka_unit_test(wechat_buys_a_token_and_keeps_it_until_shortly_before_its_end),
        cmocka_unit_test(a_token_that_is_refused_is_thrown_away),
        cmocka_unit_test(jira_creates_an_issue_when_there_is_none),
        cmocka_unit_test(jira_has_nothing_to_do_for_what_is_over_and_was_never_there),
        cmocka_unit_test(jira_moves_an_issue_to_the_state_of_its_group),
        cmocka_unit_test(jira_says_when_a_transition_cannot_be_taken),
        cmocka_unit_test(a_broken_template_of_a_field_loses_the_field_only),
        cmocka_unit_test(a_secret_file_that_cannot_be_read_delays_the_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
