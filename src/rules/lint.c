/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint - the table of checks, what is said, and the checks that need no expression
 */
#include "rules/lint.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "rules/lint_priv.h"
#include "rules/load_priv.h"

#define LINT_ARENA_MAX (64u << 20) /* bytes; names of labels of all selectors */

/* In the sentences %1$s is the part of the rule it is about, %2$s the detail. */
static const struct check {
    const char *name;
    enum lint_level level;
    const char *en, *zh, *advice_en, *advice_zh;
} checks[LINT_COUNT] = {
    [LINT_DUPLICATE] = {"duplicate-rules", LINT_WARNING,
                        "%1$s has the name and labels of the rule at %2$s",
                        "%1$s 与 %2$s 处的规则名称和标签相同",
                        "remove one of them, or give one another name or label",
                        "删除其中一条，或改用不同的名称或标签"},
    [LINT_FOR] = {"for-below-interval", LINT_WARNING,
                  "`for: %1$s` is shorter than the interval of the group, %2$s",
                  "`for: %1$s` 短于规则组的评估间隔 %2$s",
                  "it acts like the interval: write at least that, or shorten the interval",
                  "实际效果等同于评估间隔：请写成不小于它，或缩短评估间隔"},
    [LINT_KEEP_FIRING] = {"keep-firing-below-interval", LINT_WARNING,
                          "`keep_firing_for: %1$s` is shorter than the interval of the group, %2$s",
                          "`keep_firing_for: %1$s` 短于规则组的评估间隔 %2$s",
                          "it has no effect: write at least twice the interval, or remove it",
                          "它不起作用：请写成至少两倍间隔，或删除"},
    [LINT_SEVERITY] = {"severity-unknown", LINT_HINT, "severity \"%1$s\" is none of: %2$s",
                       "级别“%1$s”不在已知级别之内：%2$s", "use one of them, or add a route for it",
                       "使用其中之一，或为它添加路由"},
    [LINT_BOOL] = {"bool-comparison", LINT_ERROR,
                   "`%1$s` gives 0 or 1 and never nothing: the alert always fires",
                   "`%1$s` 的结果是 0 或 1，从不为空：告警始终触发", "remove `bool`",
                   "去掉 `bool`"},
    [LINT_NO_COMPARISON] = {"no-comparison", LINT_WARNING,
                            "`%1$s` compares with nothing: the alert fires as long as there are "
                            "such series",
                            "`%1$s` 没有比较：只要有这些序列，告警就会触发",
                            "compare with a threshold: > 0.9", "与阈值比较，例如 > 0.9"},
    [LINT_NEVER_TRUE] = {"never-true", LINT_ERROR, "`%1$s` is never true: its left side is %2$s",
                         "`%1$s` 永远不成立：左侧的取值为 %2$s",
                         "turn the comparison round or take another threshold",
                         "请反转比较方向或改用其他阈值"},
    [LINT_ALWAYS_TRUE] = {"always-true", LINT_WARNING,
                          "`%1$s` is always true: its left side is %2$s",
                          "`%1$s` 始终成立：左侧的取值为 %2$s",
                          "take another threshold, or leave the comparison out",
                          "请改用其他阈值，或去掉该比较"},
    [LINT_COUNTER] = {"counter-compared", LINT_WARNING,
                      "`%1$s` compares a counter that only grows: once true, it stays so until a "
                      "restart of what it counts",
                      "`%1$s` 比较的是只增不减的计数器：一旦成立，直到被监控对象重启才会恢复",
                      "compare rate() or increase() of it", "请比较它的 rate() 或 increase()"},
    [LINT_RANGE] = {"range-too-short", LINT_ERROR,
                    "`%1$s` holds less than two samples at a scrape interval of %2$s",
                    "采集间隔为 %2$s 时，`%1$s` 不足两个样本",
                    "take a range of at least four scrape intervals", "区间至少取四个采集间隔"},
    [LINT_ABSENT] = {"no-absent", LINT_HINT,
                     "`%1$s` says nothing when the series itself is gone, and no rule here has "
                     "absent() of %2$s",
                     "序列本身消失时 `%1$s` 不会触发，且此处没有针对 %2$s 的 absent() 规则",
                     "add a rule with absent() of this selector",
                     "添加一条对该选择器使用 absent() 的规则"},
    [LINT_JOIN] = {"join-never-matches", LINT_WARNING,
                   "the sides of `%1$s` do not find each other: only one has the label %2$s",
                   "`%1$s` 的两侧无法匹配：仅一侧有标签 %2$s",
                   "join with on() and labels that both have, or ignoring() those that one has",
                   "用 on() 指定两侧都有的标签，或用 ignoring() 忽略仅一侧有的标签"},
    [LINT_MANY] = {"many-to-many", LINT_HINT,
                   "several series on a side of `%1$s` may want the same partner: %2$s",
                   "`%1$s` 一侧的多个序列可能匹配到同一个序列：%2$s",
                   "aggregate one side by the labels of on(), or add group_left or group_right",
                   "将一侧按 on() 的标签聚合，或加上 group_left 或 group_right"},
    [LINT_METRIC] = {"metric-unknown", LINT_ERROR, "there is no series of `%1$s` here",
                     "此处没有 `%1$s` 的序列", "look for the name, or add the target that has it",
                     "请检查名称，或添加提供它的采集目标"},
    [LINT_LABEL] = {"label-value-unknown", LINT_ERROR, "`%1$s` selects no series here: %2$s",
                    "`%1$s` 在此处选不到任何序列：%2$s", "correct the matcher", "请更正标签匹配"},
};

/* ---- names of checks ----------------------------------------------------------------------- */

static bool named(struct str name, const struct check *c)
{
    return str_eq(name, STR("all")) || str_eq_c(name, c->name);
}

static bool each_name(const char *list, bool see(struct str name, void *arg), void *arg)
{
    struct str rest = str_c(list);

    while (rest.len > 0)
        if (!see(str_trim(str_cut(&rest, ',')), arg))
            return false;
    return true;
}

static bool is_known(struct str name, void *arg)
{
    /* promtool's for configurations; whoever checks one takes care of it. */
    bool known = str_eq(name, STR("none")) || str_eq(name, STR(LINT_SCRAPE_INTERVAL));

    for (size_t i = 0; i < LINT_COUNT && !known; i++)
        known = named(name, &checks[i]);
    if (!known)
        *(struct str *)arg = name;
    return known;
}

bool lint_knows(const char *list, struct str *ret)
{
    return each_name(list, is_known, ret);
}

static bool switch_on(struct str name, void *arg)
{
    struct lint *l = arg;

    if (str_eq(name, STR("none"))) {
        memset(l->on, 0, sizeof l->on);
        return false;
    }
    for (size_t i = 0; i < LINT_COUNT; i++)
        l->on[i] |= named(name, &checks[i]);
    return true;
}

/* ---- what is said -------------------------------------------------------------------------- */

void lint_found(struct lint *l, enum lint_id id, const char *subject, const char *detail)
{
    const struct check *c = &checks[id];
    CLEANUP(buf_free) struct buf en = {0};
    CLEANUP(buf_free) struct buf zh = {0};

    if (!l->on[id])
        return;
    buf_addf(&en, c->en, subject, detail);
    buf_addf(&zh, c->zh, subject, detail);
    l->found++;
    l->o->found(l->o->self, &(struct lint_finding){.file = l->group->file,
                                                   .line = l->rule->line,
                                                   .column = l->rule->column,
                                                   .group = l->group->name,
                                                   .rule = l->rule->name,
                                                   .check = c->name,
                                                   .level = c->level,
                                                   .en = en.p,
                                                   .zh = zh.p,
                                                   .advice_en = c->advice_en,
                                                   .advice_zh = c->advice_zh});
}

void lint_found_node(struct lint *l, enum lint_id id, const struct promql_node *node,
                     const char *detail)
{
    CLEANUP(buf_free) struct buf text = {0};

    promql_print(node, &text);
    lint_found(l, id, text.p, detail);
}

/* ---- checks of a rule as a whole ----------------------------------------------------------- */

static bool same_rule(const struct rule *a, const struct rule *b)
{
    return a->alerting == b->alerting && strcmp(a->name, b->name) == 0 &&
           label_set_eq(a->label_set, b->label_set);
}

/* Told about the later one. */
static void lint_duplicate(struct lint *l)
{
    for (size_t i = 0; i < l->groups.n; i++) {
        const struct group *g = l->groups.items[i];

        for (size_t k = 0; k < g->n_rules; k++) {
            CLEANUP(buf_free) struct buf at = {0};

            if (&g->rules[k] == l->rule)
                return;
            if (!same_rule(&g->rules[k], l->rule))
                continue;
            buf_addf(&at, "%s:%d:%d", g->file, g->rules[k].line, g->rules[k].column);
            lint_found(l, LINT_DUPLICATE, l->rule->name, at.p);
            return;
        }
    }
}

static void lint_duration(struct lint *l, enum lint_id id, dur_ms d)
{
    CLEANUP(buf_free) struct buf length = {0};
    CLEANUP(buf_free) struct buf interval = {0};

    if (d <= 0 || d >= l->group->interval)
        return;
    duration_print(d, &length);
    duration_print(l->group->interval, &interval);
    lint_found(l, id, length.p, interval.p);
}

static void lint_durations(struct lint *l)
{
    lint_duration(l, LINT_FOR, l->rule->hold);
    lint_duration(l, LINT_KEEP_FIRING, l->rule->keep_firing_for);
}

/* ---- severities ---------------------------------------------------------------------------- */

static const char *const usual_severities[] = {"critical", "error",    "warning", "minor",
                                               "major",    "info",     "page",    "none",
                                               "ticket",   "emergency"};

struct severities {
    struct str wanted;
    bool any, known; /* routes look at severities; one of them wants this one */
    struct buf list;
};

static void ask_routes(const struct config_route *r, struct severities *s)
{
    for (size_t i = 0; i < r->n_matchers; i++) {
        const struct matcher *m = r->matchers[i];

        if (!str_eq(m->name, STR("severity")))
            continue;
        s->any = true;
        s->known |= matcher_matches(m, s->wanted);
        buf_addf(&s->list, "%s%s%.*s", s->list.len ? ", " : "",
                 m->type == MATCH_EQ ? "" : matcher_op(m->type), STR_ARG(m->value));
    }
    for (size_t i = 0; i < r->n_routes; i++)
        ask_routes(&r->routes[i], s);
}

static void lint_severity(struct lint *l)
{
    struct severities s = {.wanted = label_set_get(l->rule->label_set, STR("severity"))};

    if (s.wanted.len == 0 || str_find(s.wanted, STR("{{")) < s.wanted.len)
        return;
    if (l->o->config && l->o->config->route)
        ask_routes(l->o->config->route, &s);
    for (size_t i = 0; !s.any && i < ARRAY_LEN(usual_severities); i++) {
        s.known |= str_eq_c(s.wanted, usual_severities[i]);
        buf_addf(&s.list, "%s%s", s.list.len ? ", " : "", usual_severities[i]);
    }
    if (!s.known) {
        CLEANUP(buf_free) struct buf word = {0};

        buf_add_str(&word, s.wanted);
        lint_found(l, LINT_SEVERITY, word.p, s.list.p);
    }
    buf_free(&s.list);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void lint_rule(struct lint *l)
{
    static void (*const of_all[])(struct lint *) = {lint_duplicate, lint_constant, lint_range,
                                                    lint_join, lint_selectors};
    static void (*const of_alerts[])(struct lint *) = {
        lint_durations, lint_severity, lint_bool, lint_no_comparison, lint_counter, lint_absent};

    for (size_t i = 0; i < ARRAY_LEN(of_all) && l->status == 0; i++)
        of_all[i](l);
    for (size_t i = 0; i < ARRAY_LEN(of_alerts) && l->rule->alerting && l->status == 0; i++)
        of_alerts[i](l);
}

static void lint_groups(struct lint *l)
{
    for (size_t i = 0; i < l->groups.n; i++) {
        l->group = l->groups.items[i];
        for (size_t k = 0; k < l->group->n_rules && l->status == 0; k++) {
            l->rule = &l->group->rules[k];
            lint_rule(l);
        }
    }
}

int rules_lint(const char *const *paths, size_t n, const struct lint_options *o, struct err *err)
{
    struct loading loading = {.templates = template_set_new(&template_prometheus_functions),
                              .features = o->features,
                              .interval = o->config ? o->config->evaluation_interval
                                                    : CHECK_INTERVAL_MS};
    struct lint l = {.o = o, .err = err};

    each_name(o->checks, switch_on, &l);
    arena_init(&l.arena, LINT_ARENA_MAX);
    for (size_t i = 0; i < n; i++)
        load_file(&loading, paths[i]);
    l.status = load_finish(&loading, &l.groups, err);
    if (l.status == 0)
        lint_groups(&l);
    group_list_deinit(&l.groups);
    arena_deinit(&l.arena);
    loading_deinit(&loading);
    template_set_unref(loading.templates);
    return l.status < 0 ? l.status : (int)l.found;
}
