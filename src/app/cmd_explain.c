/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tocsin explain` asks a running server why alerts are told or are not; `tocsin route test` shows
 * the way of a label set through the routes of a file. Both print what docs/formats/explain.md
 * describes, as text or as it is.
 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

#include "alerts/alerts.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/quote.h"
#include "config/config.h"
#include "model/label_set.h"
#include "net/http_client.h"

#define ANSWER_MAX (64u << 20) /* bytes */

static const char exit_codes_en[] =
    "Exit codes: 0 answered, 1 not answered or refused, 2 wrong flags.";
static const char exit_codes_zh[] = "退出码：0 已应答，1 无应答或被拒绝，2 参数有误。";

/* ---- texts --------------------------------------------------------------------------------- */

static struct str text_of(const struct json *o, const char *key)
{
    struct str s = json_text(json_get(o, key));

    return str_n(s.p ? s.p : "", s.len);
}

static bool is_time(struct str s)
{
    return s.len > 0 && !str_has_prefix(s, STR("0001-"));
}

static void print_names(const struct json *names)
{
    for (size_t i = 0; i < json_len(names); i++)
        printf("%s" STR_FMT, i > 0 ? ", " : "", STR_ARG(json_text(json_at(names, i))));
}

/* ---- routes -------------------------------------------------------------------------------- */

static void print_timers(const struct json *r, int indent)
{
    const struct json *mute = json_get(r, "muteTimeIntervals"),
                      *active = json_get(r, "activeTimeIntervals");

    printf(say("%*sgroup by [", "%*s分组 ["), indent, "");
    print_names(json_get(r, "groupBy"));
    printf(say("], wait " STR_FMT ", interval " STR_FMT ", repeat " STR_FMT,
               "]，等待 " STR_FMT "，间隔 " STR_FMT "，重复 " STR_FMT),
           STR_ARG(text_of(r, "groupWait")), STR_ARG(text_of(r, "groupInterval")),
           STR_ARG(text_of(r, "repeatInterval")));
    if (json_len(mute) > 0) {
        fputs(say(", muted in ", "，屏蔽时段 "), stdout);
        print_names(mute);
    }
    if (json_len(active) > 0) {
        fputs(say(", active in ", "，生效时段 "), stdout);
        print_names(active);
    }
    putchar('\n');
}

static void print_route(const struct json *r)
{
    int indent = 2 + 2 * (int)json_int(json_get(r, "depth"));
    struct str verdict = text_of(r, "verdict"), route = text_of(r, "route");

    printf(say("%*s" STR_FMT " (line %lld): ", "%*s" STR_FMT "（第 %lld 行）："), indent, "",
           STR_ARG(route), (long long)json_int(json_get(r, "line")));
    if (str_eq(verdict, STR("taken"))) {
        printf(say("taken, receiver " STR_FMT "\n", "由它接收，接收者 " STR_FMT "\n"),
               STR_ARG(text_of(r, "receiver")));
        print_timers(r, indent + 4);
    } else if (str_eq(verdict, STR("refused"))) {
        printf(say(STR_FMT " does not match, it is \"" STR_FMT "\"\n",
                   STR_FMT " 不匹配，实际值是 \"" STR_FMT "\"\n"),
               STR_ARG(text_of(r, "matcher")), STR_ARG(text_of(r, "value")));
    } else if (str_eq(verdict, STR("skipped"))) {
        puts(say("not looked at, one before it matched without continue",
                 "未查看：前面的路由已匹配且没有 continue"));
    } else {
        puts(say("matches, a route below takes it", "匹配，由下级路由接收"));
    }
}

static void print_routes(const struct json *routes)
{
    for (size_t i = 0; i < json_len(routes); i++)
        print_route(json_at(routes, i));
}

/* ---- stories ------------------------------------------------------------------------------- */

static void print_integration(const struct json *g)
{
    struct str told = text_of(g, "lastTold"), news = text_of(g, "news");

    printf("      " STR_FMT "/%lld: ", STR_ARG(text_of(g, "integration")),
           (long long)json_int(json_get(g, "number")));
    if (is_time(told))
        printf(say("last told at " STR_FMT "%s; ", "上次通知 " STR_FMT "%s；"), STR_ARG(told),
               json_is_true(json_get(g, "toldFiring")) ? say(" that it fires", "（触发）")
               : json_is_true(json_get(g, "toldResolved"))
                   ? say(" that it is over", "（恢复）")
                   : say(", not this alert", "（不含此告警）"));
    else
        fputs(say("never told; ", "从未通知；"), stdout);
    if (news.len > 0)
        printf(say("the next flush tells: " STR_FMT "\n", "下次将通知：" STR_FMT "\n"),
               STR_ARG(news));
    else
        puts(say("no news now", "目前没有变化"));
}

static void print_group(const struct json *g)
{
    const struct json *muted_by = json_get(g, "mutedBy"),
                      *integrations = json_get(g, "integrations");

    printf("    " STR_FMT, STR_ARG(text_of(g, "receiver")));
    if (!json_get(g, "groupKey")) {
        puts(json_is_true(json_get(g, "endTold"))
                 ? say(": its end was told", "：已通知恢复")
                 : say(": it ended while it was muted", "：在屏蔽期间恢复，未通知"));
        return;
    }
    printf(say(": group " STR_FMT ", %lld alerts, %lld of them muted, next flush " STR_FMT "\n",
               "：分组 " STR_FMT "，%lld 条告警，其中 %lld 条被屏蔽，下次处理 " STR_FMT "\n"),
           STR_ARG(text_of(g, "groupKey")), (long long)json_int(json_get(g, "alerts")),
           (long long)json_int(json_get(g, "muted")), STR_ARG(text_of(g, "nextFlush")));
    if (json_len(muted_by) > 0) {
        fputs(say("      muted by time interval ", "      被时间段屏蔽："), stdout);
        print_names(muted_by);
        putchar('\n');
    }
    if (json_len(integrations) == 0)
        puts(say("      nobody: the receiver has no integration", "      无人：接收者没有渠道"));
    for (size_t i = 0; i < json_len(integrations); i++)
        print_integration(json_at(integrations, i));
}

static void print_muting(const struct json *a)
{
    const struct json *source = json_get(a, "inhibitedBy"), *silences = json_get(a, "silencedBy");

    if (source) {
        fputs(say("  inhibited by ", "  被抑制，来源 "), stdout);
        command_print_labels(json_get(source, "labels"));
        putchar('\n');
    }
    for (size_t i = 0; i < json_len(silences); i++) {
        const struct json *s = json_at(silences, i);

        printf(say("  silenced until " STR_FMT " by " STR_FMT ": " STR_FMT " (" STR_FMT ")\n",
                   "  静默至 " STR_FMT "，创建者 " STR_FMT "：" STR_FMT "（" STR_FMT "）\n"),
               STR_ARG(text_of(s, "endsAt")), STR_ARG(text_of(s, "createdBy")),
               STR_ARG(text_of(s, "comment")), STR_ARG(text_of(s, "id")));
    }
}

static void print_story(const struct json *a)
{
    const struct json *groups = json_get(a, "groups");
    bool firing = str_eq(text_of(a, "state"), STR("firing"));
    struct str end = text_of(a, "endsAt");

    command_print_labels(json_get(a, "labels"));
    printf(say("\n  %s since " STR_FMT ", last reported " STR_FMT,
               "\n  %s，开始于 " STR_FMT "，最近上报 " STR_FMT),
           firing ? say("fires", "触发中") : say("over", "已恢复"), STR_ARG(text_of(a, "startsAt")),
           STR_ARG(text_of(a, "updatedAt")));
    if (is_time(end))
        printf(say(", %s " STR_FMT, "，%s " STR_FMT),
               firing ? say("ends unless it is reported again at", "若不再上报则结束于")
                      : say("ended", "结束于"),
               STR_ARG(end));
    putchar('\n');
    print_muting(a);
    puts(say("  routes", "  路由"));
    print_routes(json_get(a, "routes"));
    puts(say("  groups", "  分组"));
    for (size_t i = 0; i < json_len(groups); i++)
        print_group(json_at(groups, i));
}

/* ---- tocsin explain ------------------------------------------------------------------------ */

struct explain_options {
    const char *url, *output;
    dur_ms timeout;
};

#define AT(field) offsetof(struct explain_options, field)

static const struct flag explain_flag_list[] = {
    {"url", FLAG_TEXT, AT(url), "http://127.0.0.1:9090", "The tocsin to ask.", "要询问的 tocsin。"},
    {"output", FLAG_TEXT, AT(output), "text", "text or json (the answer as it came).",
     "text，或 json（原样输出应答）。"},
    {"timeout", FLAG_DURATION, AT(timeout), "30s", "How long to wait.", "最长等待时间。"},
};

static const struct flag_set explain_flags = {
    .usage_en =
        "tocsin explain [flags] ALERT|MATCHER...\n\nSays why alerts are told, or are not: what "
        "mutes them, which routes took them and why\nthe others did not, what was told and what "
        "comes next. A word without an operator is\nan alert's name; matchers are as in routes: "
        "instance=\"a\", team=~\"db|web\".",
    .usage_zh =
        "tocsin explain [参数] 告警名|条件...\n\n说明告警为什么通知了，或没有通知：被什么屏蔽、"
        "哪些路由接收、其他路由为何不接收、\n通知过什么、接下来会怎样。不带运算符的词是告警名；"
        "条件的写法与路由相同：\ninstance=\"a\"、team=~\"db|web\"。",
    .flags = explain_flag_list,
    .n_flags = ARRAY_LEN(explain_flag_list),
    .tail_en = exit_codes_en,
    .tail_zh = exit_codes_zh,
};

static void add_filter(struct buf *url, const char *word)
{
    CLEANUP(buf_free)
    struct buf filter = {0};

    if (!strpbrk(word, "=~"))
        buf_add_c(&filter, "alertname=");
    buf_add_c(&filter, word);
    buf_addf(url, "%cfilter=", strchr(url->p, '?') ? '&' : '?');
    quote_add_url(url, buf_str(&filter));
}

static int print_stories(const struct http_response *answer, bool raw)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    const struct json *stories;
    struct str body = buf_str(&answer->body);
    int64_t n;

    if (answer->status != 200 || (!raw && json_doc_parse(body, &doc, NULL) < 0)) {
        fprintf(stderr,
                say("tocsin: HTTP status %d: " STR_FMT "\n", "tocsin：HTTP 状态 %d：" STR_FMT "\n"),
                answer->status, STR_ARG(body));
        return EXIT_FAILED;
    }
    if (raw) {
        fwrite(body.p, 1, body.len, stdout);
        return EXIT_OK;
    }
    stories = json_get(doc, "alerts");
    n = json_int(json_get(doc, "matching"));
    for (size_t i = 0; i < json_len(stories); i++)
        print_story(json_at(stories, i));
    if (n == 0)
        puts(say("No alert matches. One that is pending has not come to routing yet: tocsin query "
                 "ALERTS",
                 "没有匹配的告警。pending 的告警还没有进入路由：tocsin query ALERTS"));
    else if ((size_t)n > json_len(stories))
        printf(say("%lld more match\n", "另有 %lld 条匹配\n"),
               (long long)n - (long long)json_len(stories));
    return EXIT_OK;
}

int command_explain(int argc, char **argv)
{
    struct explain_options o = {0};
    CLEANUP(buf_free)
    struct buf url = {0};
    struct http_response answer = {0};
    struct err err = {0};
    int code, n = command_flags(&explain_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n == 0) {
        fputs(say("tocsin: expected the name of an alert or a matcher\n",
                  "tocsin：需要告警名或条件\n"),
              stderr);
        return EXIT_USAGE;
    }
    buf_addf(&url, "%s/api/tocsin/v1/alerts/explain", o.url);
    for (int i = 0; i < n; i++)
        add_filter(&url, argv[i]);
    if (http_fetch(&(struct http_request){.method = "GET",
                                          .url = url.p,
                                          .timeout = o.timeout,
                                          .max_body = ANSWER_MAX,
                                          .accept_gzip = true},
                   &answer, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = print_stories(&answer, strcmp(o.output, "json") == 0);
    http_response_deinit(&answer);
    return code;
}

/* ---- tocsin route test --------------------------------------------------------------------- */

struct route_options {
    const char *config_file;
    bool json;
};

static const struct flag route_flag_list[] = {
    {"config.file", FLAG_TEXT, offsetof(struct route_options, config_file), "tocsin.yml",
     "The configuration.", "配置文件。"},
    {"json", FLAG_SWITCH, offsetof(struct route_options, json), NULL,
     "The way through the tree as JSON.", "以 JSON 输出经过的路由。"},
};

static const struct flag_set route_flags = {
    .usage_en =
        "tocsin route test [flags] LABEL=VALUE...\n\nShows the way of an alert with these "
        "labels through the route tree: which routes take it,\nwith their timers, and why the "
        "others do not. Nothing is sent.",
    .usage_zh =
        "tocsin route test [参数] 标签=值...\n\n显示带有这些标签的告警经过哪些路由：由谁接收、各项"
        "时间，以及其他路由为何不接收。\n不发送任何东西。",
    .flags = route_flag_list,
    .n_flags = ARRAY_LEN(route_flag_list),
    .tail_en = "Exit codes: 0 shown, 1 the configuration is wrong, 2 wrong flags.",
    .tail_zh = "退出码：0 已显示，1 配置有误，2 参数有误。",
};

static const struct label_set *labels_of(char **words, int n)
{
    struct label_builder b = {0};
    const struct label_set *labels = NULL;

    for (int i = 0; i < n; i++) {
        struct str value = str_c(words[i]), name;

        if (!strchr(words[i], '=')) {
            label_builder_deinit(&b);
            return NULL;
        }
        name = str_cut(&value, '=');
        label_builder_set(&b, name, value);
    }
    labels = label_builder_build(&b);
    label_builder_deinit(&b);
    return labels;
}

static int show_routes(const struct config *c, const struct label_set *labels, bool raw)
{
    CLEANUP(json_doc_freep)
    struct json *doc = NULL;
    CLEANUP(buf_free)
    struct buf text = {0};
    struct json_writer w;

    json_writer_init(&w, &text, JSON_PLAIN);
    alerts_explain_routes(c, labels, &w);
    if (raw)
        puts(text.p);
    else if (json_doc_parse(buf_str(&text), &doc, NULL) == 0)
        print_routes(doc);
    return EXIT_OK;
}

int command_route(int argc, char **argv)
{
    CLEANUP(config_unrefp)
    struct config *c = NULL;
    CLEANUP(label_set_unrefp)
    const struct label_set *labels = NULL;
    struct route_options o = {0};
    struct err err = {0};
    int code, n = command_flags(&route_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n >= 1 && strcmp(argv[0], "test") == 0)
        labels = labels_of(argv + 1, n - 1);
    if (!labels) {
        fputs(say("tocsin: expected `route test LABEL=VALUE...`\n",
                  "tocsin：用法是 `route test 标签=值...`\n"),
              stderr);
        return EXIT_USAGE;
    }
    if (config_load(o.config_file, &c, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    return show_routes(c, labels, o.json);
}
