/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tocsin promql format` prints an expression for people; `tocsin promql explain` asks a running
 * server what each part of an expression touches and how long that takes.
 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/features.h"
#include "app/flags.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "promql/promql.h"

struct promql_command_options {
    struct flag_list features;
    bool check;
    const char *url, *time, *start, *end, *step, *output;
    dur_ms timeout;
};

#define AT(field) offsetof(struct promql_command_options, field)

static const struct flag flags[] = {
    {"check", FLAG_SWITCH, AT(check), NULL,
     "format: print nothing; exit code 1 when the text is not formatted so.",
     "format：不输出；若格式不同则退出码为 1。"},
    FEATURES_FLAG(AT(features)),
    {"url", FLAG_TEXT, AT(url), "http://127.0.0.1:9090", "explain: the tocsin to ask.",
     "explain：要询问的 tocsin。"},
    {"time", FLAG_TEXT, AT(time), "",
     "explain: evaluation time, RFC 3339 or Unix seconds; default now.",
     "explain：评估时刻，RFC 3339 或 Unix 秒；默认现在。"},
    {"start", FLAG_TEXT, AT(start), "", "explain: begin of a range; with --end and --step.",
     "explain：区间起点，与 --end、--step 一起使用。"},
    {"end", FLAG_TEXT, AT(end), "", "explain: end of a range.", "explain：区间终点。"},
    {"step", FLAG_TEXT, AT(step), "15s", "explain: distance of the points of a range.",
     "explain：区间步长。"},
    {"output", FLAG_TEXT, AT(output), "text", "explain: text or json (the answer as it came).",
     "explain：text，或 json（原样输出应答）。"},
    {"timeout", FLAG_DURATION, AT(timeout), "2m", "explain: how long to wait.",
     "explain：最长等待时间。"},
};

static const struct flag_set promql_flags = {
    .usage_en =
        "tocsin promql format [flags] EXPR|FILE\ntocsin promql explain [flags] EXPR\n\n"
        "format prints an expression, or that of a file, broken into lines where it is long.\n"
        "explain has a running server evaluate it and prints, instead of the result, each part "
        "with\nthe series and values that came out of it, the number of steps, and the time.",
    .usage_zh = "tocsin promql format [参数] 表达式|文件\ntocsin promql explain [参数] 表达式\n\n"
                "format 打印表达式（或文件中的表达式），过长时分行。\n"
                "explain 让运行中的服务执行表达式，不输出结果，而是输出每个部分产生的序列数、"
                "值的个数、步数与耗时。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Exit codes: 0 done, 1 not formatted so, not answered or refused, 2 wrong flags, "
               "or for format\na wrong expression.",
    .tail_zh = "退出码：0 完成，1 格式不同、无应答或被拒绝，2 参数有误，或 format 的表达式有误。",
};

/* ---- format -------------------------------------------------------------------------------- */

static int format(const struct promql_command_options *o, const char *arg)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(buf_free) struct buf pretty = {0};
    struct features features = {0};
    struct err err = {0};
    int r = 0;

    features_read(&o->features, &features, features_complain, NULL);
    if (access(arg, F_OK) == 0)
        r = file_read(arg, PROMQL_TEXT_MAX, &text, &err);
    else
        buf_add_c(&text, arg);
    if (r == 0)
        r = promql_parse(buf_str(&text), &features.promql, &expr, &err);
    if (r < 0) {
        command_complain(&err);
        return EXIT_USAGE;
    }
    promql_print_pretty(expr->root, PROMQL_PRETTY_WIDTH, &pretty);
    if (!o->check) {
        printf(STR_FMT "\n", STR_ARG(buf_str(&pretty)));
        return EXIT_OK;
    }
    if (str_has_suffix(buf_str(&text), STR("\n")))
        buf_add_byte(&pretty, '\n');
    return str_eq(buf_str(&text), buf_str(&pretty)) ? EXIT_OK : EXIT_FAILED;
}

/* ---- explain ------------------------------------------------------------------------------- */

static const char *kind_in_words(struct str kind)
{
    static const struct {
        const char *en, *zh;
    } kinds[] = {{"number", "数值"},      {"string", "字符串"},
                 {"sign", "正负号"},      {"operator", "运算"},
                 {"aggregation", "聚合"}, {"function", "函数"},
                 {"selector", "选择器"},  {"range selector", "区间选择器"},
                 {"subquery", "子查询"}};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq_c(kind, kinds[i].en))
            return say(kinds[i].en, kinds[i].zh);
    return "";
}

static double ms_of(const struct json *o, const char *key)
{
    return json_double(json_get(o, key)) * 1000;
}

static void print_node(const struct json *node)
{
    int indent = 2 * (int)json_int(json_get(node, "depth"));
    struct str expr = json_text(json_get(node, "expr"));

    printf(say("%*s%s: " STR_FMT "\n", "%*s%s：" STR_FMT "\n"), indent, "",
           kind_in_words(json_text(json_get(node, "kind"))), STR_ARG(expr));
    printf(say("%*s%lld series, %lld values, %lld steps, %.3f ms, of these %.3f ms itself\n",
               "%*s%lld 条序列，%lld 个值，%lld 步，%.3f 毫秒，其中自身 %.3f 毫秒\n"),
           indent + 4, "", (long long)json_int(json_get(node, "series")),
           (long long)json_int(json_get(node, "values")),
           (long long)json_int(json_get(node, "steps")), ms_of(node, "seconds"),
           ms_of(node, "ownSeconds"));
    if (json_get(node, "shared"))
        printf(say("%*staken from the same expression above\n", "%*s取自上文相同的表达式\n"),
               indent + 4, "");
}

static void print_plan(const struct json *plan)
{
    const struct json *nodes = json_get(plan, "nodes");

    for (size_t i = 0; i < json_len(nodes); i++)
        print_node(json_at(nodes, i));
    printf(say("in all: %lld series and %lld samples read, %lld series in the result, %.3f ms, "
               "%lld bytes of memory\n",
               "合计：读取 %lld 条序列、%lld 个样本，结果 %lld 条序列，%.3f 毫秒，内存 %lld "
               "字节\n"),
           (long long)json_int(json_get(plan, "series")),
           (long long)json_int(json_get(plan, "samples")),
           (long long)json_int(json_get(plan, "resultSeries")), ms_of(plan, "seconds"),
           (long long)json_int(json_get(plan, "peakBytes")));
}

static int explain(const struct promql_command_options *o, const char *query)
{
    CLEANUP(buf_free) struct buf url = {0};
    bool range = *o->start || *o->end;

    buf_addf(&url, "%s/api/tocsin/v1/explain", o->url);
    quote_add_parameter(&url, "query", query);
    quote_add_parameter(&url, "time", range ? "" : o->time);
    quote_add_parameter(&url, "start", o->start);
    quote_add_parameter(&url, "end", o->end);
    quote_add_parameter(&url, "step", range ? o->step : "");
    return command_ask(url.p, o->timeout, strcmp(o->output, "json") == 0, print_plan);
}

int command_promql(int argc, char **argv)
{
    struct promql_command_options o = {0};
    int code, n = command_flags(&promql_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n == 2 && strcmp(argv[0], "format") == 0)
        return format(&o, argv[1]);
    if (n == 2 && strcmp(argv[0], "explain") == 0)
        return explain(&o, argv[1]);
    fputs(say("tocsin: expected `promql format EXPR|FILE` or `promql explain EXPR`\n",
              "tocsin：用法是 `promql format 表达式|文件` 或 `promql explain 表达式`\n"),
          stderr);
    return EXIT_USAGE;
}
