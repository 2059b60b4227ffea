/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "config/config.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

#define RESTORE_RUNS  2
#define PAUSE_LOOK_NS (10 * NS_PER_MS) /* how often a worker looks whether a reload is over */

SELFMETRIC(missed, METRIC_COUNTER, "prometheus_rule_group_iterations_missed_total", NULL,
           "Runs of groups that were left out because the one before took too long.");
SELFMETRIC(iterations, METRIC_COUNTER, "prometheus_rule_group_iterations_total", NULL, "Runs of groups.");

/* ---- the clock --------------------------------------------------------------------------------------------------- */

/* Runs are at a distance from multiples of the interval that depends on file and name: groups spread. */
static int64_t offset_of(const struct group *g)
{
    struct label labels[] = {{STR("file"), str_c(g->file)}, {STR("name"), str_c(g->name)}};
    struct label_set *ls = label_set_new(labels, 2);
    uint64_t hash = label_set_stable_hash(ls);

    label_set_unref(ls);
    return (int64_t)(hash % (uint64_t)(g->interval * NS_PER_MS));
}

/* The last run time at or before now. */
static unix_ns last_run_time(const struct group *g, unix_ns now)
{
    int64_t step = g->interval * NS_PER_MS, since = (now - offset_of(g)) % step;

    return now - (since < 0 ? since + step : since);
}

static void schedule(struct rules *r, struct group *g, unix_ns now)
{
    heap_set(&r->due, &g->due, last_run_time(g, now) + g->interval * NS_PER_MS);
}

/* A clock that was set back would have the groups wait for it to come round again. */
static void look_at_clock(struct rules *r, unix_ns now)
{
    if (now < r->last_now)
        for (size_t i = 0; i < r->groups.n; i++)
            if (heap_contains(&r->groups.items[i]->due))
                schedule(r, r->groups.items[i], now);
    r->last_now = now;
}

unix_ns rules_tick(struct rules *r, unix_ns now)
{
    struct heap_node *first;
    unix_ns next;

    pthread_mutex_lock(&r->lock);
    look_at_clock(r, now);
    while (!r->paused && (first = heap_first(&r->due)) && first->due <= now) {
        struct group *g = CONTAINER_OF(first, struct group, due);
        int64_t step = g->interval * NS_PER_MS, late = (now - first->due) / step;
        unix_ns ts = first->due + late * step;

        selfmetric_add(&missed, late);
        selfmetric_add(&iterations, 1);
        heap_remove(&r->due, first);
        r->running++;
        pthread_mutex_unlock(&r->lock);
        group_evaluate(r, g, ts);
        pthread_mutex_lock(&r->lock);
        r->running--;
        heap_set(&r->due, &g->due, ts + step);
        pthread_cond_broadcast(&r->idle);
    }
    first = heap_first(&r->due);
    next = r->paused ? now + PAUSE_LOOK_NS : first ? first->due : INT64_MAX;
    pthread_mutex_unlock(&r->lock);
    return next;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static int load_all(struct rules *r, const struct config *config, struct group_list *ret, struct err *err)
{
    struct loading l = {.templates = r->templates,
                        .interval = config->evaluation_interval,
                        .query_offset = config->rule_query_offset};
    int status;

    for (size_t i = 0; i < config->n_rule_files; i++)
        load_glob(&l, config->rule_files[i]);
    status = load_finish(&l, err);
    if (status < 0)
        group_list_deinit(&l.groups);
    else
        *ret = l.groups;
    buf_free(&l.problems);
    return status;
}

int rules_new(const struct rules_options *o, const struct config *config, unix_ns now, struct rules **ret,
              struct err *err)
{
    struct rules *r = mem_zalloc(sizeof *r);
    int status;

    r->options = *o;
    r->external_url = mem_strdup(o->external_url);
    r->templates = template_set_new(&template_prometheus_functions);
    r->config = config_ref(config);
    r->last_now = now;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->idle, NULL);
    status = load_all(r, config, &r->groups, err);
    if (status < 0) {
        rules_free(r);
        return status;
    }
    for (size_t i = 0; i < r->groups.n; i++) {
        struct group *g = r->groups.items[i];

        g->restore_after = RESTORE_RUNS;
        for (size_t k = 0; k < g->n_rules; k++)
            g->rules[k].writes = !g->rules[k].alerting;
        schedule(r, g, now);
    }
    *ret = r;
    return 0;
}

void rules_free(struct rules *r)
{
    if (!r)
        return;
    heap_deinit(&r->due);
    group_list_deinit(&r->groups);
    template_set_unref(r->templates);
    config_unref(r->config);
    pthread_cond_destroy(&r->idle);
    pthread_mutex_destroy(&r->lock);
    free(r->external_url);
    free(r);
}

/* ---- reload -------------------------------------------------------------------------------------------------------- */

static struct group *find_group(const struct group_list *l, const struct group *like)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i] && strcmp(l->items[i]->file, like->file) == 0 && strcmp(l->items[i]->name, like->name) == 0)
            return l->items[i];
    return NULL;
}

static void swap_maps(struct map *a, struct map *b)
{
    struct map t = *a;

    *a = *b;
    *b = t;
}

/* What the rule remembers goes on under its new text. */
static void inherit(struct rule *rule, struct rule *from)
{
    swap_maps(&rule->alerts, &from->alerts);
    swap_maps(&rule->outputs, &from->outputs);
    rule->run = from->run;
    rule->writes = from->writes;
    rule->health = from->health;
    rule->evaluation_seconds = from->evaluation_seconds;
    rule->last_evaluation = from->last_evaluation;
    free(rule->last_error);
    rule->last_error = from->last_error;
    from->last_error = NULL;
}

/* Rules of equal kind, name and labels are the same rule; of several the first with the first. */
static void inherit_group(struct group *g, struct group *from)
{
    bool *taken = mem_array(from->n_rules, sizeof *taken);

    g->restore_after = from->restore_after;
    g->last_evaluation = from->last_evaluation;
    for (size_t i = 0; i < g->n_rules; i++)
        for (size_t k = 0; k < from->n_rules; k++) {
            struct rule *a = &g->rules[i], *b = &from->rules[k];

            if (taken[k] || a->alerting != b->alerting || strcmp(a->name, b->name) != 0 ||
                !label_set_eq(a->label_set, b->label_set))
                continue;
            taken[k] = true;
            inherit(a, b);
            break;
        }
    free(taken);
}

static void end_group(struct rules *r, struct group *g, unix_ns now)
{
    for (size_t i = 0; i < g->n_rules; i++)
        output_end_all(r, &g->rules[i], unix_ms_of_ns(now));
}

/* With the lock held and nothing running. */
static void take_over(struct rules *r, struct group_list *new_groups, unix_ns now)
{
    struct group_list old = r->groups;

    for (size_t i = 0; i < new_groups->n; i++) {
        struct group *g = new_groups->items[i], *before = find_group(&old, g);

        if (before && strcmp(before->text, g->text) == 0) {
            for (size_t k = 0; k < old.n; k++)
                if (old.items[k] == before)
                    old.items[k] = NULL;
            new_groups->items[i] = before;
            group_free(g);
        } else {
            if (before)
                inherit_group(g, before);
            schedule(r, g, now);
        }
    }
    for (size_t i = 0; i < old.n; i++)
        if (old.items[i]) {
            heap_remove(&r->due, &old.items[i]->due);
            end_group(r, old.items[i], now);
        }
    r->groups = *new_groups;
    group_list_deinit(&old);
}

int rules_reload(struct rules *r, const struct config *config, unix_ns now, struct err *err)
{
    struct group_list groups = {0};
    struct config *old;
    int status = load_all(r, config, &groups, err);

    if (status < 0)
        return status;
    pthread_mutex_lock(&r->lock);
    r->paused = true;
    while (r->running)
        pthread_cond_wait(&r->idle, &r->lock);
    old = r->config;
    r->config = config_ref(config);
    take_over(r, &groups, now);
    r->paused = false;
    pthread_mutex_unlock(&r->lock);
    config_unref(old);
    return 0;
}

/* ---- looking in ---------------------------------------------------------------------------------------------------- */

static int compare_alerts(const void *a, const void *b)
{
    return label_set_cmp(((const struct rule_alert_view *)a)->labels, ((const struct rule_alert_view *)b)->labels);
}

static void view_alerts(const struct rule *rule, struct rule_view *v)
{
    struct rule_alert_view *views = mem_array(rule->alerts.n, sizeof *views);
    struct active_alert *a;

    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        if (a->state == RULE_INACTIVE)
            continue;
        if (a->state > v->state)
            v->state = a->state;
        views[v->n_alerts++] = (struct rule_alert_view){.labels = a->labels,
                                                        .annotations = a->annotations,
                                                        .state = a->state,
                                                        .active_at = a->active_at,
                                                        .keep_firing_since = a->keep_firing_since,
                                                        .value = a->value};
    }
    qsort(views, v->n_alerts, sizeof *views, compare_alerts);
    v->alerts = views;
}

static void view_rule(const struct rule *rule, struct rule_view *v)
{
    *v = (struct rule_view){.alerting = rule->alerting,
                            .name = rule->name,
                            .query = rule->query,
                            .hold = rule->hold,
                            .keep_firing_for = rule->keep_firing_for,
                            .labels = rule->label_set,
                            .annotations = rule->annotation_set,
                            .health = rule->health,
                            .last_error = rule->last_error ? rule->last_error : "",
                            .evaluation_seconds = rule->evaluation_seconds,
                            .last_evaluation = rule->last_evaluation};
    view_alerts(rule, v);
}

static void view_group(struct group *g, void (*cb)(const struct rule_group_view *g, void *arg), void *arg)
{
    struct rule_view *rules = mem_array(g->n_rules, sizeof *rules);
    struct rule_group_view v = {.name = g->name,
                                .file = g->file,
                                .interval = g->interval,
                                .limit = g->limit,
                                .rules = rules,
                                .n_rules = g->n_rules};

    lock_take(&g->lock);
    v.evaluation_seconds = g->evaluation_seconds;
    v.last_evaluation = g->last_evaluation;
    for (size_t i = 0; i < g->n_rules; i++)
        view_rule(&g->rules[i], &rules[i]);
    cb(&v, arg);
    lock_give(&g->lock);
    for (size_t i = 0; i < g->n_rules; i++)
        free((void *)rules[i].alerts);
    free(rules);
}

void rules_each_group(struct rules *r, void (*cb)(const struct rule_group_view *g, void *arg), void *arg)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->groups.n; i++)
        view_group(r->groups.items[i], cb, arg);
    pthread_mutex_unlock(&r->lock);
}

int rules_check_file(const char *path, struct err *err)
{
    struct loading l = {.templates = template_set_new(&template_prometheus_functions), .interval = 60000};
    int n = 0, status;

    load_file(&l, path);
    status = load_finish(&l, err);
    for (size_t i = 0; i < l.groups.n; i++)
        n += (int)l.groups.items[i]->n_rules;
    group_list_deinit(&l.groups);
    buf_free(&l.problems);
    template_set_unref(l.templates);
    return status < 0 ? status : n;
}
