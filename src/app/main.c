/* SPDX-License-Identifier: Apache-2.0 */
#include "app/main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/flags.h"
#include "base/defs.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *en, *zh;
} commands[] = {
    {"serve", command_serve, "watch, store, evaluate, notify", "运行：采集、存储、评估、通知"},
    {"check", command_check, "check configuration and rule files", "检查配置与规则文件"},
    {"probe", command_probe, "ask a Redis, MySQL, web page or port now, and say what is wrong",
     "立即探测一个 Redis、MySQL、网页或端口，并指出问题所在"},
    {"promql", command_promql, "format an expression, or tell what it costs",
     "格式化 PromQL 表达式，或说明其开销"},
    {"query", command_query, "ask a running server a PromQL expression",
     "向运行中的服务查询 PromQL 表达式"},
    {"explain", command_explain, "why an alert is told or is not", "一条告警为什么通知或没有通知"},
    {"route", command_route, "the way of an alert through the routes", "一条告警经过的路由"},
    {"rules", command_rules, "ready alert rules to choose from", "现成的告警规则"},
    {"test", command_test, "run unit tests of rules", "运行规则的单元测试"},
    {"tsdb", command_tsdb, "check stored samples, exchange them with Prometheus",
     "检查已存储的样本，与 Prometheus 交换样本"},
    {"version", command_version, "print the version", "显示版本"},
};

static void help(FILE *out)
{
    fprintf(out, "%s",
            say("tocsin - alerting for sites on their own\n\nUsage: tocsin COMMAND [flags]\n\n",
                "tocsin（警钟）：离线站点的告警系统\n\n用法：tocsin 命令 [参数]\n\n"));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, say(commands[i].en, commands[i].zh));
    fprintf(out, "%s",
            say("\n`tocsin COMMAND --help` explains a command and its exit codes.\n",
                "\n`tocsin 命令 --help` 显示该命令的说明与退出码。\n"));
}

int tocsin_main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0)
        return command_version(0, NULL);
    fprintf(stderr,
            say("tocsin: no command \"%s\"; see tocsin --help\n",
                "tocsin：没有命令“%s”，见 tocsin --help\n"),
            argv[1]);
    return EXIT_USAGE;
}
