/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_check_lint - `tocsin check --lint`: what is odd about files that are right
 */
#include <stdio.h>
#include <string.h>

#include "app/api_reader.h"
#include "app/cmd_check_priv.h"
#include "app/cmd_tsdb_priv.h"
#include "app/commands.h"
#include "config/config.h"
#include "rules/rules.h"
#include "storage/storage.h"

#define ASK_TIMEOUT_MS 30000

struct telling {
    unsigned findings, serious; /* all; without hints */
};

static void tell(void *self, const struct lint_finding *f)
{
    static const char *const levels[][2] = {
        [LINT_HINT] = {"hint", "提示"},
        [LINT_WARNING] = {"warning", "警告"},
        [LINT_ERROR] = {"error", "错误"},
    };
    struct telling *t = self;

    t->findings++;
    t->serious += f->level != LINT_HINT;
    printf(say("  %s:%d:%d: %s: %s: rule \"%s\": %s\n", "  %s:%d:%d: %s: %s: 规则“%s”：%s\n"),
           f->file, f->line, f->column, say(levels[f->level][0], levels[f->level][1]), f->check,
           f->rule, say(f->en, f->zh));
    printf("    -> %s\n", say(f->advice_en, f->advice_zh));
}

static bool list_names(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ',' || p[-1] == ' ') && (p[n] == 0 || p[n] == ','))
            return true;
    return false;
}

/* Between two scrapes an instant selector sees nothing for a while. */
static void lint_config(const struct checking *c, const char *path, struct telling *t)
{
    const char *list = c->o->lint;

    if (list_names(list, "none") ||
        !(list_names(list, "all") || list_names(list, LINT_SCRAPE_INTERVAL)))
        return;
    for (size_t i = 0; i < c->config->n_scrapes; i++) {
        const struct config_scrape *s = &c->config->scrapes[i];

        if (s->scrape_interval <= c->o->lookback)
            continue;
        t->findings++;
        t->serious++;
        printf(say("  %s: warning: " LINT_SCRAPE_INTERVAL
                   ": job \"%s\" is scraped every %g seconds, and a sample counts for %g only\n",
                   "  %s: 警告: " LINT_SCRAPE_INTERVAL
                   ": 任务“%s”每 %g 秒采集一次，而一个样本只在 %g 秒内有效\n"),
               path, s->job_name, (double)s->scrape_interval / 1000, (double)c->o->lookback / 1000);
    }
}

static int lint_rules(const struct checking *c, const struct series_reader *reader,
                      struct telling *t)
{
    unix_ms now = unix_ms_of_ns(clock_unix_ns());
    struct err err = {0};
    struct lint_options o = {.features = c->features.promql,
                             .checks = c->o->lint,
                             .config = c->config,
                             .reader = reader,
                             .from = now - c->o->since,
                             .to = now,
                             .found = tell,
                             .self = t};

    if (rules_lint((const char *const *)c->paths, c->n_paths, &o, &err) >= 0)
        return EXIT_OK;
    command_complain(&err);
    return EXIT_FAILED;
}

static int lint_with_data(const struct checking *c, struct telling *t)
{
    struct api_reader remote = {.url = c->o->url, .timeout = ASK_TIMEOUT_MS};
    struct storage *st;
    struct err err = {0};
    int code;

    if (*c->o->url)
        return lint_rules(c, api_reader_port(&remote), t);
    if (!*c->o->data_path) {
        if (list_names(c->o->lint, "all"))
            puts(say("  (metrics and labels are not compared with a site: no --url and no "
                     "--storage.tsdb.path)",
                     "  （未与现场数据核对指标和标签：没有给出 --url 或 --storage.tsdb.path）"));
        return lint_rules(c, NULL, t);
    }
    st = tsdb_open(c->o->data_path, true, &err);
    if (!st) {
        command_complain(&err);
        return EXIT_FAILED;
    }
    code = lint_rules(c, storage_reader(st), t);
    storage_close(st, NULL);
    return code;
}

int check_lint(struct checking *c, const char *config_path)
{
    struct telling t = {0};
    int code;

    if (config_path)
        lint_config(c, config_path, &t);
    code = lint_with_data(c, &t);
    if (t.findings > 0)
        printf(say("  %u findings, %u of them hints\n", "  发现 %u 处，其中提示 %u 处\n"),
               t.findings, t.findings - t.serious);
    if (code == EXIT_OK && t.serious > 0 && c->o->lint_fatal)
        code = EXIT_LINT;
    return code;
}
