/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_rules - `tocsin rules`: the catalogue of ready rules; `backtest` has a file of its own
 */
#include "app/commands.h"

#include <stdio.h>
#include <string.h>

#include "app/flags.h"
#include "base/buf.h"
#include "rules/rules.h"

#define VALUES_MAX 32 /* parameters that one command line sets */

struct rules_options_line {
    const char *job, *threshold, *hold, *severity, *alert, *group, *output;
    struct flag_list set;
};

#define AT(field) offsetof(struct rules_options_line, field)

static const struct flag new_flags[] = {
    {"job", FLAG_TEXT, AT(job), "",
     "Only series of this job; the same as --set=selector='job=\"JOB\"'.",
     "只看该任务的序列；等同于 --set=selector='job=\"任务\"'。"},
    {"threshold", FLAG_TEXT, AT(threshold), "",
     "The threshold, with its unit or without: 200MB, 85%, 10.",
     "阈值，可带单位：200MB、85%、10。"},
    {"for", FLAG_TEXT, AT(hold), "", "How long it must last, such as 1m.",
     "持续多久才触发，例如 1m。"},
    {"severity", FLAG_TEXT, AT(severity), "", "critical, warning or minor.",
     "critical、warning 或 minor。"},
    {"alert", FLAG_TEXT, AT(alert), "", "Another name for the alert.", "另起告警名称。"},
    {"group", FLAG_TEXT, AT(group), "", "Name of the group; default: the component.",
     "规则组名称；默认为组件名。"},
    {"set", FLAG_LIST, AT(set), NULL, "NAME=VALUE of any parameter; may be repeated.",
     "任一参数的 名称=值；可重复。"},
};

static const struct flag_set rules_set = {
    .usage_en =
        "tocsin rules list [COMPONENT]\ntocsin rules show ID\ntocsin rules new [flags] ID...\n"
        "tocsin rules backtest [flags] FILE\n\n"
        "Ready alert rules. `list` names them, `show` tells of one with its parameters, `new`\n"
        "prints a rule group that is ready to be put into a file of rule_files. `backtest`\n"
        "tries rules on what is stored (tocsin rules backtest --help).",
    .usage_zh =
        "tocsin rules list [组件]\ntocsin rules show 标识\ntocsin rules new [参数] 标识...\n"
        "tocsin rules backtest [参数] 文件\n\n"
        "现成的告警规则。`list` 列出，`show` 显示其参数，`new` 输出可直接放入规则文件的规则组。\n"
        "`backtest` 用已存储的历史数据试算规则（见 tocsin rules backtest --help）。",
    .flags = new_flags,
    .n_flags = ARRAY_LEN(new_flags),
    .tail_en =
        "Example: tocsin rules new redis-memory-absolute --job=redis-dev --threshold=200MB --for=1m\n"
        "Exit codes: 0 done, 1 no such rule or a value does not fit, 2 wrong flags.",
    .tail_zh =
        "示例：tocsin rules new redis-memory-absolute --job=redis-dev --threshold=200MB --for=1m\n"
        "退出码：0 完成，1 没有此规则或取值不合适，2 参数有误。",
};

static struct str spoken(const struct bilingual *b)
{
    return language_is_chinese() ? b->zh : b->en;
}

/* In the user's language, with the values that the template has. */
static void print_text(const struct rule_template *t, const struct bilingual *text)
{
    CLEANUP(buf_free) struct buf out = {0};

    template_fill_text(t, &(struct template_choice){0}, spoken(text), &out, NULL);
    printf("%s\n", out.p);
}

/* ---- list and show ------------------------------------------------------------------------- */

static int list(const struct catalogue *c, const char *component)
{
    struct str last = STR_NONE;
    bool any = false;

    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct rule_template *t = catalogue_at(c, i);

        if (component && !str_eq_c(t->component, component))
            continue;
        if (!str_eq(t->component, last)) {
            struct str title = spoken(&t->title);

            printf("%s%.*s: %.*s\n", any ? "\n" : "", STR_ARG(t->component), STR_ARG(title));
            last = t->component;
        }
        printf("  %-34.*s %-8.*s ", STR_ARG(t->id), STR_ARG(t->severity));
        print_text(t, &t->summary);
        any = true;
    }
    if (!any)
        fprintf(stderr, say("tocsin: no component \"%s\"\n", "tocsin：没有组件“%s”\n"), component);
    return any ? EXIT_OK : EXIT_FAILED;
}

static const struct rule_template *find(const struct catalogue *c, const char *id)
{
    const struct rule_template *t = catalogue_find(c, str_c(id));

    if (!t)
        fprintf(stderr,
                say("tocsin: no rule \"%s\"; see tocsin rules list\n",
                    "tocsin：没有规则“%s”，见 tocsin rules list\n"),
                id);
    return t;
}

static int show(const struct catalogue *c, const char *id)
{
    const struct rule_template *t = find(c, id);

    if (!t)
        return EXIT_FAILED;
    printf("%.*s (%.*s)\n\n", STR_ARG(t->id), STR_ARG(t->component));
    print_text(t, &t->summary);
    print_text(t, &t->message);
    print_text(t, &t->action);
    printf("\nalert: %.*s\nexpr: %.*s\nfor: %.*s\nseverity: %.*s\n\n", STR_ARG(t->alert),
           STR_ARG(t->expr), STR_ARG(t->hold), STR_ARG(t->severity));
    for (size_t i = 0; i < t->n_params; i++) {
        const struct template_param *p = &t->params[i];
        struct str label = spoken(&p->label);

        printf("  %.*s=%.*s  %.*s (%.*s)\n", STR_ARG(p->name), STR_ARG(p->standard), STR_ARG(label),
               STR_ARG(p->unit));
    }
    for (size_t i = 0; i < t->n_needs; i++)
        printf(say("  needs: %.*s\n", "  需要：%.*s\n"), STR_ARG(t->needs[i]));
    return EXIT_OK;
}

/* ---- new ----------------------------------------------------------------------------------- */

struct values {
    struct template_value v[VALUES_MAX];
    size_t n;
    struct buf selector;
};

static bool collect(const struct rules_options_line *o, struct values *vs)
{
    if (*o->job) {
        template_add_job(&vs->selector, str_c(o->job));
        vs->v[vs->n++] = (struct template_value){STR("selector"), buf_str(&vs->selector)};
    }
    if (*o->threshold)
        vs->v[vs->n++] = (struct template_value){STR("threshold"), str_c(o->threshold)};
    for (size_t i = 0; i < o->set.n; i++) {
        struct str value = str_c(o->set.items[i]), name;

        if (!strchr(o->set.items[i], '=')) {
            fprintf(stderr,
                    say("tocsin: --set: found \"%s\", expected NAME=VALUE\n",
                        "tocsin：--set 的值“%s”应为 名称=值\n"),
                    o->set.items[i]);
            return false;
        }
        name = str_cut(&value, '=');
        vs->v[vs->n++] = (struct template_value){name, value};
    }
    return true;
}

static int print_new(const struct catalogue *c, const struct rules_options_line *o, char **ids,
                     int n)
{
    CLEANUP(buf_free) struct buf out = {0};
    struct values vs = {0};
    struct template_choice choice = {.alert = str_c(o->alert),
                                     .severity = str_c(o->severity),
                                     .hold = str_c(o->hold),
                                     .chinese = language_is_chinese()};
    struct err err = {0};
    int code = EXIT_OK;

    if (!collect(o, &vs))
        code = EXIT_USAGE;
    choice.values = vs.v;
    choice.n_values = vs.n;
    for (int i = 0; i < n && code == EXIT_OK; i++) {
        const struct rule_template *t = find(c, ids[i]);

        if (!t) {
            code = EXIT_FAILED;
            break;
        }
        if (i == 0)
            template_begin_group(*o->group ? str_c(o->group) : t->component, &out);
        if (template_fill_rule(t, &choice, TEMPLATE_RULE_INDENT, &out, &err) < 0) {
            command_complain(&err);
            code = EXIT_FAILED;
        }
    }
    if (code == EXIT_OK)
        fputs(out.p, stdout);
    buf_free(&vs.selector);
    return code;
}

int command_rules(int argc, char **argv)
{
    CLEANUP(catalogue_freep) struct catalogue *c = NULL;
    struct rules_options_line o = {0};
    int code, n;

    if (argc > 0 && strcmp(argv[0], "backtest") == 0)
        return command_rules_backtest(argc - 1, argv + 1);
    n = command_flags(&rules_set, argc, argv, &o, &code);
    if (n < 0)
        return code;
    c = catalogue_new();
    if (n >= 1 && n <= 2 && strcmp(argv[0], "list") == 0)
        return list(c, n == 2 ? argv[1] : NULL);
    if (n == 2 && strcmp(argv[0], "show") == 0)
        return show(c, argv[1]);
    if (n >= 2 && strcmp(argv[0], "new") == 0)
        return print_new(c, &o, argv + 1, n - 1);
    fputs(
        say("tocsin: expected `rules list`, `rules show ID`, `rules new ID` or `rules backtest FILE`\n",
            "tocsin：用法是 `rules list`、`rules show 标识`、`rules new 标识` 或 `rules backtest 文件`\n"),
        stderr);
    return EXIT_USAGE;
}
