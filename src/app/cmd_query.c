/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/quote.h"
#include "model/label_set.h"

struct query_options {
    const char *url;
    const char *time, *start, *end, *step;
    const char *output;
    dur_ms timeout;
};

#define AT(field) offsetof(struct query_options, field)

static const struct flag flags[] = {
    {"url", FLAG_TEXT, AT(url), "http://127.0.0.1:9090",
     "The server to ask: tocsin or any Prometheus.", "要查询的服务：tocsin 或任何 Prometheus。"},
    {"time", FLAG_TEXT, AT(time), "", "Evaluation time, RFC 3339 or Unix seconds; default now.",
     "评估时刻，RFC 3339 或 Unix 秒；默认现在。"},
    {"start", FLAG_TEXT, AT(start), "", "Begin of a range; with --end and --step.",
     "区间起点，与 --end、--step 一起使用。"},
    {"end", FLAG_TEXT, AT(end), "", "End of a range.", "区间终点。"},
    {"step", FLAG_TEXT, AT(step), "15s", "Distance of the points of a range.", "区间步长。"},
    {"output", FLAG_TEXT, AT(output), "text", "text or json (the answer as it came).",
     "text，或 json（原样输出应答）。"},
    {"timeout", FLAG_DURATION, AT(timeout), "2m", "How long to wait.", "最长等待时间。"},
};

static const struct flag_set query_flags = {
    .usage_en =
        "tocsin query [flags] EXPR\n\nEvaluates a PromQL expression on a running server and prints one\n"
        "line per sample: series => value @[time].",
    .usage_zh =
        "tocsin query [参数] 表达式\n\n在运行中的服务上执行 PromQL，每个样本一行：序列 => 值 @[时间]。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Exit codes: 0 answered, 1 not answered or refused, 2 wrong flags.",
    .tail_zh = "退出码：0 已应答，1 无应答或被拒绝，2 参数有误。",
};

static bool add_label(struct str name, const struct json *value, void *arg)
{
    label_builder_set(arg, name, json_text(value));
    return true;
}

static void print_series(const struct json *metric)
{
    struct label_builder b = {0};
    CLEANUP(buf_free)
    struct buf text = {0};
    struct label_set *ls;

    json_each(metric, add_label, &b);
    ls = label_builder_build(&b);
    label_set_print(ls, &text);
    fwrite(text.p, 1, text.len, stdout);
    label_set_unref(ls);
    label_builder_deinit(&b);
}

static void print_point(const struct json *point)
{
    struct str value = json_text(json_at(point, 1));

    printf("%.*s @[%.14g]\n", STR_ARG(value), json_double(json_at(point, 0)));
}

static void print_result(const struct json *data)
{
    struct str type = json_text(json_get(data, "resultType"));
    const struct json *result = json_get(data, "result");

    if (str_eq(type, STR("scalar")) || str_eq(type, STR("string"))) {
        print_point(result);
        return;
    }
    for (size_t i = 0; i < json_len(result); i++) {
        const struct json *series = json_at(result, i), *values = json_get(series, "values");

        print_series(json_get(series, "metric"));
        fputs(" =>", stdout);
        putchar(values ? '\n' : ' ');
        if (!values)
            print_point(json_get(series, "value"));
        for (size_t k = 0; k < json_len(values); k++)
            print_point(json_at(values, k));
    }
}

int command_query(int argc, char **argv)
{
    struct query_options o = {0};
    CLEANUP(buf_free)
    struct buf url = {0};
    bool range;
    int code, n = command_flags(&query_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n != 1) {
        fputs(say("tocsin: expected one expression; quote it for the shell\n",
                  "tocsin：需要一个表达式，请用引号括起来\n"),
              stderr);
        return EXIT_USAGE;
    }
    range = *o.start || *o.end;
    buf_addf(&url, "%s/api/v1/%s", o.url, range ? "query_range" : "query");
    quote_add_parameter(&url, "query", argv[0]);
    quote_add_parameter(&url, "time", range ? "" : o.time);
    quote_add_parameter(&url, "start", o.start);
    quote_add_parameter(&url, "end", o.end);
    quote_add_parameter(&url, "step", range ? o.step : "");
    return command_ask(url.p, o.timeout, strcmp(o.output, "json") == 0, print_result);
}
