/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd_check_priv.h"
#include "base/mem.h"
#include "config/config.h"
#include "notify/notify.h"
#include "rules/rules.h"

#define AT(field) offsetof(struct check_options, field)

static const struct flag flags[] = {
    FEATURES_FLAG(AT(features)),
    {"lint", FLAG_TEXT, AT(lint), "duplicate-rules",
     "What to look for beyond errors: all, none, or names of findings with commas between them.",
     "除错误外还要检查什么：all、none，或以逗号分隔的检查名称。"},
    {"lint-fatal", FLAG_SWITCH, AT(lint_fatal), NULL,
     "Exit code 3 when that found something; hints do not count.",
     "发现问题时退出码为 3；提示不计。"},
    {"config.file", FLAG_TEXT, AT(config), "",
     "rules: the configuration they belong to, for scrape intervals and severities.",
     "rules：规则所属的配置文件，用于采集间隔和级别。"},
    {"storage.tsdb.path", FLAG_TEXT, AT(data_path), "",
     "Look whether this data directory, of a tocsin that does not run, has what the rules select.",
     "检查该数据目录（tocsin 须已停止）中是否有规则选择的序列。"},
    {"url", FLAG_TEXT, AT(url), "",
     "The same, asking a running tocsin or Prometheus: http://127.0.0.1:9090.",
     "同上，改为询问运行中的 tocsin 或 Prometheus，例如 http://127.0.0.1:9090。"},
    {"since", FLAG_DURATION, AT(since), "7d", "How far back a series counts as there.",
     "多久以内有样本的序列算作存在。"},
    {"query.lookback-delta", FLAG_DURATION, AT(lookback), "5m",
     "config: the longest scrape interval that is not found too long.",
     "config：不被视为过长的最大采集间隔。"},
    {"syntax-only", FLAG_SWITCH, AT(syntax_only), NULL,
     "config: only the file itself, not the files that it names.",
     "config：只检查文件本身，不检查它引用的文件。"},
};

static const struct flag_set check_flags = {
    .usage_en =
        "tocsin check config [flags] FILE...\ntocsin check rules [flags] FILE...\n\n"
        "Reads configuration files (with the rule files they name) or rule files and rule group\n"
        "manifests, and says what is wrong as FILE:LINE:COLUMN. Nothing is started or changed.\n"
        "--lint=all also tells of rules that can never fire, never resolve, or tell less than they\n"
        "seem to.",
    .usage_zh = "tocsin check config [参数] 文件...\ntocsin check rules [参数] 文件...\n\n"
                "检查配置文件（及其引用的规则文件），或规则文件与规则组清单；\n"
                "以 文件:行:列 指出错误。不启动也不修改任何东西。\n"
                "--lint=all 还会指出永远不会触发、不会恢复或名不副实的规则。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en =
        "Exit codes: 0 all is well, 1 something is wrong, 2 wrong flags, 3 --lint-fatal and\n"
        "something was found.",
    .tail_zh = "退出码：0 全部正确，1 有错误，2 参数有误，3 使用了 --lint-fatal 且有发现。",
};

/* Reads the file and remembers it for the findings. */
static bool check_rules(struct checking *c, const char *path)
{
    struct err err = {0};
    int n = rules_check_file(path, &c->features.promql, &err);

    if (n < 0) {
        fprintf(stderr, "  %s\n%s\n", say("FAILED:", "错误："), err.msg);
        return false;
    }
    printf(say("  OK: %s: %d rules\n", "  正确：%s：%d 条规则\n"), path, n);
    *VEC_PUSH(c->paths, c->n_paths, c->cap_paths) = mem_strdup(path);
    return true;
}

static bool check_rule_glob(struct checking *c, const char *pattern)
{
    glob_t found;
    bool ok = true;
    int r = glob(pattern, 0, NULL, &found);

    if (r == GLOB_NOMATCH && !strpbrk(pattern, "*?[")) {
        fprintf(
            stderr,
            say("  FAILED: %s: does not point to an existing file\n", "  错误：%s：没有此文件\n"),
            pattern);
        return false;
    }
    if (r == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            ok = check_rules(c, found.gl_pathv[i]) && ok;
        globfree(&found);
    }
    return ok;
}

static bool check_config(struct checking *c, const char *path)
{
    struct config *config = NULL;
    struct err err = {0};
    bool ok = true;

    if (config_load(path, &config, &err) < 0 || notify_check(config, &err) < 0) {
        fprintf(stderr, "  %s\n%s\n", say("FAILED:", "错误："), err.msg);
        config_unref(config);
        return false;
    }
    config_unref(c->config);
    c->config = config;
    printf(say("  OK: %s: %zu scrape jobs, %zu receivers\n",
               "  正确：%s：%zu 个采集任务，%zu 个接收者\n"),
           path, config->n_scrapes, config->n_receivers);
    if (c->o->syntax_only)
        return true;
    for (size_t i = 0; i < config->n_rule_files; i++)
        ok = check_rule_glob(c, config->rule_files[i]) && ok;
    return ok;
}

static void forget_paths(struct checking *c)
{
    for (size_t i = 0; i < c->n_paths; i++)
        free(c->paths[i]);
    c->n_paths = 0;
}

/* A configuration with its rules is looked at as one; rule files all together. */
static int check_all(struct checking *c, bool config, char **argv, int n)
{
    int code = EXIT_OK, worst = EXIT_OK;

    for (int i = 0; i < n; i++) {
        printf(say("Checking %s\n", "检查 %s\n"), argv[i]);
        fflush(stdout);
        if (!(config ? check_config : check_rules)(c, argv[i]))
            worst = EXIT_FAILED;
        if (worst == EXIT_FAILED || (!config && i < n - 1) || c->o->syntax_only)
            continue;
        code = check_lint(c, config ? argv[i] : NULL);
        worst = worst == EXIT_OK || code == EXIT_FAILED ? code : worst;
        forget_paths(c);
    }
    return worst;
}

int command_check(int argc, char **argv)
{
    struct check_options o = {0};
    struct checking c = {.o = &o};
    struct str word;
    struct err err = {0};
    bool config;
    int code, n = command_flags(&check_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    config = n >= 2 && strcmp(argv[0], "config") == 0;
    if (!config && !(n >= 2 && strcmp(argv[0], "rules") == 0)) {
        fputs(say("tocsin: expected `check config FILE...` or `check rules FILE...`\n",
                  "tocsin：用法是 `check config 文件...` 或 `check rules 文件...`\n"),
              stderr);
        return EXIT_USAGE;
    }
    if (!lint_knows(o.lint, &word)) {
        fprintf(stderr,
                say("tocsin: --lint: nothing is called \"" STR_FMT "\"\n",
                    "tocsin：--lint：没有名为“" STR_FMT "”的检查\n"),
                STR_ARG(word));
        return EXIT_USAGE;
    }
    features_read(&o.features, &c.features, features_complain, NULL);
    if (*o.config && config_load(o.config, &c.config, &err) < 0) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = check_all(&c, config, argv + 1, n - 1);
    forget_paths(&c);
    free(c.paths);
    config_unref(c.config);
    return code;
}
