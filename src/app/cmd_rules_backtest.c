/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tocsin rules backtest` tries the alerting rules of a file on stored history: on a running
 * server, which has the data and the routes, or on the data directory of one that does not run.
 */
#include "app/commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "app/cmd_tsdb_priv.h"
#include "app/features.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/crew.h"
#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "base/quote.h"
#include "base/thread.h"
#include "config/config.h"
#include "storage/storage.h"

#define FILE_MAX (16u << 20) /* bytes of a rule file */
#define SHOWN    50          /* alerts of one rule in the text; --json has more */

struct backtest_command {
    const char *url, *data_path, *config_file, *until, *thresholds;
    dur_ms since, step, timeout;
    struct flag_list features;
    bool json;
};

#define AT(field) offsetof(struct backtest_command, field)

static const struct flag flags[] = {
    {"since", FLAG_DURATION, AT(since), "7d", "How far back the history reaches.",
     "回溯多久的历史。"},
    {"until", FLAG_TEXT, AT(until), "", "Where it ends, RFC 3339 or Unix seconds; default now.",
     "历史的结束时刻，RFC 3339 或 Unix 秒；默认现在。"},
    {"step", FLAG_DURATION, AT(step), "0s",
     "Distance of the evaluations; 0s: the interval of each group.",
     "评估间隔；0s 表示各规则组自己的间隔。"},
    {"thresholds", FLAG_TEXT, AT(thresholds), "",
     "Thresholds to compare, such as 150MB,200MB; default: chosen by the values that were seen.",
     "要比较的阈值，例如 150MB,200MB；默认按历史取值自动选取。"},
    {"url", FLAG_TEXT, AT(url), "http://127.0.0.1:9090", "The tocsin to ask.", "要询问的 tocsin。"},
    {"storage.tsdb.path", FLAG_TEXT, AT(data_path), "",
     "Instead of --url: the data directory of a tocsin that does not run.",
     "代替 --url：已停止的 tocsin 的数据目录。"},
    {"config.file", FLAG_TEXT, AT(config_file), "",
     "With --storage.tsdb.path: the configuration whose routes and external labels count.",
     "与 --storage.tsdb.path 一起：采用其路由与外部标签的配置文件。"},
    {"timeout", FLAG_DURATION, AT(timeout), "2m", "How long it may take.", "最长用时。"},
    {"json", FLAG_SWITCH, AT(json), NULL, "Print the answer of the API.", "输出 API 的应答。"},
    FEATURES_FLAG(AT(features)),
};

static const struct flag_set backtest_set = {
    .usage_en =
        "tocsin rules backtest [flags] FILE\n\n"
        "Runs the alerting rules of a file over stored history as if they had been there, and tells\n"
        "which alerts would have fired, how many messages that had made, and how often other\n"
        "thresholds would have fired. FILE is a rule file or one rule, - for standard input.",
    .usage_zh = "tocsin rules backtest [参数] 文件\n\n"
                "用已存储的历史数据试算文件中的告警规则：哪些告警会触发、会发出多少条通知，\n"
                "以及改用其他阈值会触发多少次。文件可以是规则文件或单条规则，- 表示标准输入。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Example: tocsin rules backtest --since=7d rules/redis.yml\n"
               "Exit codes: 0 done, 1 not done or refused, 2 wrong flags.",
    .tail_zh = "示例：tocsin rules backtest --since=7d rules/redis.yml\n"
               "退出码：0 完成，1 未完成或被拒绝，2 参数有误。",
};

/* ---- texts --------------------------------------------------------------------------------- */

static void print_value(double v, bool bytes)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB", " TiB", " PiB"};
    size_t u = 0;

    while (bytes && fabs(v) >= 1024 && u + 1 < ARRAY_LEN(units)) {
        v /= 1024;
        u++;
    }
    printf("%.4g%s", v, units[u]);
}

static double number_of(const struct json *o, const char *key)
{
    return json_double(json_get(o, key));
}

static long long count_of(const struct json *o, const char *key)
{
    return (long long)json_int(json_get(o, key));
}

static void print_seconds(double s)
{
    CLEANUP(buf_free) struct buf text = {0};

    duration_print((dur_ms)llround(s * 1000), &text);
    fputs(text.p, stdout);
}

/* To the second: what is finer is of the schedule. */
static void print_time(const struct json *o, const char *key)
{
    struct str s = json_text(json_get(o, key));

    printf("%.*sZ", s.len > 19 ? 19 : (int)s.len, s.len ? s.p : "");
}

static void print_alert(const struct json *a, bool bytes)
{
    fputs("    ", stdout);
    print_time(a, "firingAt");
    fputs(say("  pending since ", "  待定始于 "), stdout);
    print_time(a, "pendingAt");
    fputs(say("  until ", "  结束于 "), stdout);
    if (json_get(a, "endedAt"))
        print_time(a, "endedAt");
    else
        fputs(say("the end of the span", "区间末尾"), stdout);
    fputs(say("  peak ", "  峰值 "), stdout);
    print_value(number_of(a, "peak"), bytes);
    fputs("  ", stdout);
    command_print_labels(json_get(a, "labels"));
    putchar('\n');
}

static void print_seen(const struct json *r, bool bytes)
{
    const struct json *quantiles = json_get(r, "quantiles");

    fputs(say("  seen: ", "  历史取值："), stdout);
    fwrite(json_text(json_get(r, "measured")).p, 1, json_text(json_get(r, "measured")).len, stdout);
    for (size_t i = 0; i < json_len(quantiles); i++) {
        const struct json *q = json_at(quantiles, i);
        double share = number_of(q, "quantile");

        fputs(i ? ", " : ": ", stdout);
        if (share <= 0)
            fputs(say("least ", "最小 "), stdout);
        else if (share >= 1)
            fputs(say("greatest ", "最大 "), stdout);
        else
            printf(say("%.4g %% below ", "%.4g%% 低于 "), share * 100);
        print_value(number_of(q, "value"), bytes);
    }
    putchar('\n');
}

static void print_thresholds(const struct json *r, bool bytes)
{
    const struct json *list = json_get(r, "thresholds");

    for (size_t i = 0; i < json_len(list); i++) {
        const struct json *t = json_at(list, i);

        fputs(say("  at ", "  阈值 "), stdout);
        print_value(number_of(t, "threshold"), bytes);
        printf(
            say(" it would have fired %lld times%s\n", " 会触发 %lld 次%s\n"), count_of(t, "fired"),
            json_is_true(json_get(t, "own")) ? say(" (as the rule has it)", "（规则当前值）") : "");
    }
}

static void print_rule(const struct json *r)
{
    const struct json *alerts = json_get(r, "alerts");
    bool bytes = str_eq(json_text(json_get(r, "unit")), STR("bytes"));

    printf(STR_FMT " (" STR_FMT "): " STR_FMT, STR_ARG(json_text(json_get(r, "name"))),
           STR_ARG(json_text(json_get(r, "group"))), STR_ARG(json_text(json_get(r, "query"))));
    fputs(say(", for ", "，持续 "), stdout);
    print_seconds(number_of(r, "duration"));
    fputs(say(", evaluated every ", "，评估间隔 "), stdout);
    print_seconds(number_of(r, "step"));
    printf(say("\n  would have fired %lld times; %lld more times pending only; %lld runs\n",
               "\n  会触发 %lld 次；另有 %lld 次仅待定；共评估 %lld 次\n"),
           count_of(r, "fired"), count_of(r, "pendingOnly"), count_of(r, "runs"));
    if (count_of(r, "failedRuns"))
        printf(say("  %lld runs failed, the first with: " STR_FMT "\n",
                   "  %lld 次评估失败，首个错误：" STR_FMT "\n"),
               count_of(r, "failedRuns"), STR_ARG(json_text(json_get(r, "error"))));
    for (size_t i = 0; i < json_len(alerts) && i < SHOWN; i++)
        print_alert(json_at(alerts, i), bytes);
    if (count_of(r, "fired") > SHOWN)
        printf(say("    and %lld more\n", "    另有 %lld 次\n"), count_of(r, "fired") - SHOWN);
    if (!json_get(r, "measured"))
        return;
    print_seen(r, bytes);
    print_thresholds(r, bytes);
}

static void print_told(const struct json *n)
{
    const struct json *receivers = json_get(n, "receivers");
    bool configured = str_eq(json_text(json_get(n, "routes")), STR("configured"));

    printf(say("notifications: %lld, of these %lld that all is over; grouped %s\n",
               "通知：%lld 条，其中 %lld 条为恢复通知；%s\n"),
           count_of(n, "total"), count_of(n, "resolved"),
           configured ? say("by the configured routes", "按配置的路由分组")
                      : say("by alertname, as there are no routes", "无路由，按 alertname 分组"));
    for (size_t i = 0; i < json_len(receivers); i++)
        printf("  " STR_FMT ": %lld\n", STR_ARG(json_text(json_get(json_at(receivers, i), "name"))),
               count_of(json_at(receivers, i), "total"));
    if (!json_is_true(json_get(n, "complete")))
        fputs(say("  counted in part only: it took too long\n", "  用时过长，仅统计了一部分\n"),
              stdout);
}

static void print_answer(const struct json *data)
{
    const struct json *rules = json_get(data, "rules");

    for (size_t i = 0; i < json_len(rules); i++) {
        print_rule(json_at(rules, i));
        putchar('\n');
    }
    print_told(json_get(data, "notifications"));
    if (count_of(data, "recordingRules"))
        printf(say("%lld recording rules were not run: alerts see of them what is stored\n",
                   "%lld 条记录规则未试算：告警只能看到其已存储的结果\n"),
               count_of(data, "recordingRules"));
}

/* ---- a running server ---------------------------------------------------------------------- */

static int ask_server(const struct backtest_command *o, struct str rules)
{
    CLEANUP(buf_free) struct buf url = {0}, since = {0}, step = {0}, timeout = {0};

    duration_print(o->since, &since);
    duration_print(o->step, &step);
    duration_print(o->timeout, &timeout);
    buf_addf(&url, "%s/api/v1/rules/backtest", o->url);
    quote_add_parameter(&url, "since", since.p);
    quote_add_parameter(&url, "until", o->until);
    quote_add_parameter(&url, "step", o->step ? step.p : "");
    quote_add_parameter(&url, "thresholds", o->thresholds);
    quote_add_parameter(&url, "timeout", timeout.p);
    return command_post(url.p, rules, o->timeout, o->json, print_answer);
}

/* ---- a data directory ---------------------------------------------------------------------- */

static int load_config(const struct backtest_command *o, struct config **ret, struct err *err)
{
    return *o->config_file ? config_load(o->config_file, ret, err)
                           : config_parse("no configuration", STR("global: {}\n"), ret, err);
}

static int run_here(const struct backtest_command *o, const char *file, struct str rules,
                    struct backtest_options *b, struct buf *out, struct err *err)
{
    CLEANUP(config_unrefp) struct config *config = NULL;
    struct storage *st = tsdb_open(o->data_path, true, err);
    struct json_writer w;
    int status;

    if (!st)
        return err->code;
    json_writer_init(&w, out, JSON_PLAIN);
    status = load_config(o, &config, err);
    b->config = config;
    b->reader = *storage_reader(st);
    b->promql.crew = crew_new(thread_cores() - 1);
    if (status == 0)
        status = backtest_write(file, rules, b, &w, err);
    crew_free(b->promql.crew);
    storage_close(st, NULL);
    return status;
}

static int ask_directory(const struct backtest_command *o, const char *file, struct str rules)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    CLEANUP(buf_free) struct buf out = {0};
    double thresholds[BACKTEST_THRESHOLDS_MAX];
    struct features features = {0};
    struct backtest_options b = {.external_url = "",
                                 .step = o->step,
                                 .to = clock_unix_ms(),
                                 .promql = {.timeout = o->timeout},
                                 .thresholds = thresholds};
    struct err err = {0};
    int n = backtest_parse_thresholds(str_c(o->thresholds), thresholds, &err);

    features_read(&o->features, &features, features_complain, NULL);
    b.features = features.promql;
    b.promql.delayed_name_removal = features.delayed_name_removal;
    b.promql.type_and_unit_labels = features.type_and_unit_labels;
    if (n < 0 || command_parse_time("until", o->until, &b.to, &err) < 0) {
        command_complain(&err);
        return EXIT_USAGE;
    }
    b.n_thresholds = (size_t)n;
    b.from = b.to - o->since;
    if (run_here(o, file, rules, &b, &out, &err) < 0 ||
        json_doc_parse(buf_str(&out), &doc, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    if (o->json)
        printf("{\"status\":\"success\",\"data\":" STR_FMT "}\n", STR_ARG(buf_str(&out)));
    else
        print_answer(doc);
    return EXIT_OK;
}

int command_rules_backtest(int argc, char **argv)
{
    CLEANUP(buf_free) struct buf rules = {0};
    struct backtest_command o = {0};
    struct err err = {0};
    int code, n = command_flags(&backtest_set, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n != 1 || o.since <= 0 || o.timeout <= 0) {
        fputs(say("tocsin: expected `rules backtest FILE`, with --since and --timeout above 0\n",
                  "tocsin：用法是 `rules backtest 文件`，且 --since 与 --timeout 大于 0\n"),
              stderr);
        return EXIT_USAGE;
    }
    if (file_read(strcmp(argv[0], "-") == 0 ? "/dev/stdin" : argv[0], FILE_MAX, &rules, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    return *o.data_path ? ask_directory(&o, argv[0], buf_str(&rules))
                        : ask_server(&o, buf_str(&rules));
}
