/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group - a group's life: its schedule, what a changed one keeps of the one before, its end
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

/* ---- the end */

static void texts_free(struct rule_texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->items[i].name);
        free(t->items[i].text);
        template_unref(t->items[i].template);
    }
    free(t->items);
}

static void rule_deinit(struct rule *rule)
{
    alerts_clear(rule);
    outputs_clear(rule);
    measured_clear(rule);
    promql_query_free(rule->prepared);
    promql_expr_free(rule->expr);
    promql_expr_free(rule->threshold.measured);
    texts_free(&rule->labels);
    texts_free(&rule->annotations);
    label_set_unref(rule->label_set);
    label_set_unref(rule->annotation_set);
    free(rule->last_error);
    free(rule->query);
    free(rule->name);
}

void group_free(struct group *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_rules; i++)
        rule_deinit(&g->rules[i]);
    free(g->rules);
    free(g->text);
    free(g->file);
    free(g->name);
    lock_deinit(&g->lock);
    free(g);
}

void group_list_deinit(struct group_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        group_free(l->items[i]);
    free(l->items);
    *l = (struct group_list){0};
}

/* ---- order and time */

int compare_groups(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    int c = strcmp(x->file, y->file);

    return c ? c : strcmp(x->name, y->name);
}

/* Runs are at a distance from multiples of the interval that depends on file and name: groups
 * spread. */
static int64_t offset_of(const struct group *g)
{
    struct label labels[] = {{STR("file"), str_c(g->file)}, {STR("name"), str_c(g->name)}};
    struct label_set *ls = label_set_new(labels, ARRAY_LEN(labels));
    uint64_t hash = label_set_stable_hash(ls);

    label_set_unref(ls);
    return (int64_t)(hash % (uint64_t)(g->interval * NS_PER_MS));
}

unix_ns group_last_run_time(const struct group *g, unix_ns now)
{
    int64_t step = g->interval * NS_PER_MS, since = (now - offset_of(g)) % step;

    return now - (since < 0 ? since + step : since);
}

/* ---- its own metrics */

void group_count(struct group *g)
{
    CLEANUP(buf_free) struct buf label = {0};
    const struct {
        struct selfmetric **metric;
        const char *name, *help;
    } metrics[] = {
        {&g->evaluations, "prometheus_rule_evaluations_total", "Rules evaluated."},
        {&g->failures, "prometheus_rule_evaluation_failures_total", "Rules that were in error."},
        {&g->iterations, "prometheus_rule_group_iterations_total", "Runs of the group."},
        {&g->missed, "prometheus_rule_group_iterations_missed_total",
         "Runs that were left out because the one before took too long."},
    };
    const char *parts[] = {g->file, ";", g->name};

    buf_add_c(&label, "rule_group=\"");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (const char *p = parts[i]; *p; p++) {
            if (*p == '"' || *p == '\\' || *p == '\n')
                buf_add_byte(&label, '\\');
            buf_add_byte(&label, *p == '\n' ? 'n' : *p);
        }
    buf_add_byte(&label, '"');
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        *metrics[i].metric = selfmetric_labelled(metrics[i].name, label.p, METRIC_COUNTER,
                                                 metrics[i].help);
}

/* ---- reload */

static void swap_maps(struct map *a, struct map *b)
{
    struct map t = *a;

    *a = *b;
    *b = t;
}

static void inherit_rule(struct rule *rule, struct rule *from)
{
    char *no_error = rule->last_error;

    swap_maps(&rule->alerts, &from->alerts);
    swap_maps(&rule->outputs, &from->outputs);
    swap_maps(&rule->measured, &from->measured);
    rule->run = from->run;
    rule->writes = from->writes;
    rule->health = from->health;
    rule->evaluation_seconds = from->evaluation_seconds;
    rule->last_evaluation = from->last_evaluation;
    rule->last_error = from->last_error;
    from->last_error = no_error;
}

static bool is_same_rule(const struct rule *a, const struct rule *b)
{
    return a->alerting == b->alerting && strcmp(a->name, b->name) == 0 &&
           label_set_eq(a->label_set, b->label_set);
}

/* Rules of equal kind, name and labels are the same rule; of several the first with the first. */
void group_inherit(struct group *g, struct group *from)
{
    CLEANUP(mem_freep) bool *taken = mem_array(from->n_rules, sizeof *taken);

    g->restore_after = from->restore_after;
    g->evaluation_seconds = from->evaluation_seconds;
    g->last_evaluation = from->last_evaluation;
    for (size_t i = 0; i < g->n_rules; i++)
        for (size_t k = 0; k < from->n_rules; k++)
            if (!taken[k] && is_same_rule(&g->rules[i], &from->rules[k])) {
                taken[k] = true;
                inherit_rule(&g->rules[i], &from->rules[k]);
                break;
            }
}
