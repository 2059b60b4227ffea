/* SPDX-License-Identifier: Apache-2.0 */
#include "app/commands.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "app/features.h"
#include "app/flags.h"
#include "config/config.h"
#include "notify/notify.h"
#include "rules/rules.h"

struct check_options {
    struct flag_list features;
};

static const struct flag flags[] = {FEATURES_FLAG(offsetof(struct check_options, features))};

static const struct flag_set check_flags = {
    .usage_en =
        "tocsin check config FILE...\ntocsin check rules FILE...\n\n"
        "Reads configuration files (with the rule files they name) or rule files and rule group\n"
        "manifests, and says what is wrong as FILE:LINE:COLUMN. Nothing is started or changed.",
    .usage_zh = "tocsin check config 文件...\ntocsin check rules 文件...\n\n"
                "检查配置文件（及其引用的规则文件），或规则文件与规则组清单；\n"
                "以 文件:行:列 指出错误。不启动也不修改任何东西。",
    .flags = flags,
    .n_flags = ARRAY_LEN(flags),
    .tail_en = "Exit codes: 0 all is well, 1 something is wrong, 2 wrong flags.",
    .tail_zh = "退出码：0 全部正确，1 有错误，2 参数有误。",
};

static bool check_rules(const char *path, const struct features *f)
{
    struct err err = {0};
    int n = rules_check_file(path, &f->promql, &err);

    if (n < 0) {
        fprintf(stderr, "  %s\n%s\n", say("FAILED:", "错误："), err.msg);
        return false;
    }
    printf(say("  OK: %s: %d rules\n", "  正确：%s：%d 条规则\n"), path, n);
    return true;
}

static bool check_rule_glob(const char *pattern, const struct features *f)
{
    glob_t found;
    bool ok = true;
    int r = glob(pattern, 0, NULL, &found);

    if (r == GLOB_NOMATCH && !strpbrk(pattern, "*?[")) {
        fprintf(stderr, say("  FAILED: %s: no such file\n", "  错误：%s：没有此文件\n"), pattern);
        return false;
    }
    if (r == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            ok = check_rules(found.gl_pathv[i], f) && ok;
        globfree(&found);
    }
    return ok;
}

static bool check_config(const char *path, const struct features *f)
{
    CLEANUP(config_unrefp)
    struct config *c = NULL;
    struct err err = {0};
    bool ok = true;

    if (config_load(path, &c, &err) < 0 || notify_check(c, &err) < 0) {
        fprintf(stderr, "  %s\n%s\n", say("FAILED:", "错误："), err.msg);
        return false;
    }
    printf(say("  OK: %s: %zu scrape jobs, %zu receivers\n",
               "  正确：%s：%zu 个采集任务，%zu 个接收者\n"),
           path, c->n_scrapes, c->n_receivers);
    for (size_t i = 0; i < c->n_rule_files; i++)
        ok = check_rule_glob(c->rule_files[i], f) && ok;
    return ok;
}

int command_check(int argc, char **argv)
{
    bool (*check)(const char *path, const struct features *f);
    struct check_options o = {0};
    struct features features;
    bool ok = true;
    int code, n = command_flags(&check_flags, argc, argv, &o, &code);

    if (n < 0)
        return code;
    if (n >= 2 && strcmp(argv[0], "config") == 0)
        check = check_config;
    else if (n >= 2 && strcmp(argv[0], "rules") == 0)
        check = check_rules;
    else {
        fputs(say("tocsin: expected `check config FILE...` or `check rules FILE...`\n",
                  "tocsin：用法是 `check config 文件...` 或 `check rules 文件...`\n"),
              stderr);
        return EXIT_USAGE;
    }
    features_read(&o.features, &features, features_complain, NULL);
    for (int i = 1; i < n; i++) {
        printf(say("Checking %s\n", "检查 %s\n"), argv[i]);
        fflush(stdout);
        ok = check(argv[i], &features) && ok;
    }
    return ok ? EXIT_OK : EXIT_FAILED;
}
