/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "model/selfmetrics.h"
#include "rules/load_priv.h"

#define RESTORE_RUNS  2
#define PAUSE_LOOK_NS (10 * NS_PER_MS) /* how often a worker looks whether a reload is over */

/* ---- the clock */

static int64_t step_of(const struct group *g)
{
    return g->interval * NS_PER_MS;
}

static void schedule(struct rules *r, struct group *g, unix_ns now)
{
    heap_set(&r->due, &g->due, group_last_run_time(g, now) + step_of(g));
}

/* Without a change of the clock no group waits for more than one interval; workers that come with
 * slightly different times make it a little more. */
static bool waits_too_long(const struct rules *r, const struct group *g, unix_ns due)
{
    return due - r->last_now > 2 * step_of(g);
}

/* When the clock was set back the groups do not wait for it to come round again. */
static void look_at_clock(struct rules *r, unix_ns now)
{
    bool back = now < r->last_now;

    r->last_now = now;
    for (size_t i = 0; back && i < r->groups.n; i++) {
        struct group *g = r->groups.items[i];

        if (heap_contains(&g->due) && waits_too_long(r, g, g->due.due))
            schedule(r, g, now);
    }
}

/* Runs the group with the lock released. */
static void run(struct rules *r, struct group *g, unix_ns now)
{
    int64_t step = step_of(g), late = (now - g->due.due) / step;
    unix_ns ts = g->due.due + late * step;

    selfmetric_add(g->missed, late);
    heap_remove(&r->due, &g->due);
    r->running++;
    pthread_mutex_unlock(&r->lock);
    group_evaluate(r, g, ts);
    pthread_mutex_lock(&r->lock);
    r->running--;
    if (waits_too_long(r, g, ts + step))
        schedule(r, g, r->last_now);
    else
        heap_set(&r->due, &g->due, ts + step);
    pthread_cond_broadcast(&r->idle);
}

unix_ns rules_tick(struct rules *r, unix_ns now)
{
    struct heap_node *first;
    unix_ns next;

    pthread_mutex_lock(&r->lock);
    look_at_clock(r, now);
    while (!r->paused && (first = heap_first(&r->due)) && first->due <= now)
        run(r, CONTAINER_OF(first, struct group, due), now);
    first = heap_first(&r->due);
    next = r->paused ? now + PAUSE_LOOK_NS : first ? first->due : INT64_MAX;
    pthread_mutex_unlock(&r->lock);
    return next;
}

/* ---- life */

static int load_all(struct rules *r, const struct config *config, struct group_list *ret,
                    struct err *err)
{
    struct loading l = {.templates = r->templates,
                        .features = r->options.features,
                        .strict = r->options.strict,
                        .interval = config->evaluation_interval,
                        .query_offset = config->rule_query_offset};
    int status;

    for (size_t i = 0; i < config->n_rule_files; i++)
        load_glob(&l, config->rule_files[i]);
    status = load_finish(&l, ret, err);
    loading_deinit(&l);
    return status;
}

static void start(struct rules *r, struct group *g, unix_ns now)
{
    g->restore_after = RESTORE_RUNS;
    for (size_t i = 0; i < g->n_rules; i++)
        g->rules[i].writes = !g->rules[i].alerting;
    group_count(g);
    schedule(r, g, now);
}

int rules_new(const struct rules_options *o, const struct config *config, unix_ns now,
              struct rules **ret, struct err *err)
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
    for (size_t i = 0; i < r->groups.n; i++)
        start(r, r->groups.items[i], now);
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

/* ---- reload */

/* The place of the old group with the file and name of g, or NULL. */
static struct group **find_group(const struct group_list *old, struct group *g)
{
    if (old->n == 0)
        return NULL;
    return bsearch(&g, old->items, old->n, sizeof *old->items, compare_groups);
}

/* Series that nobody goes on with end now; or just behind the last run, when the clock was set back
 * since. */
static void end_group(struct rules *r, struct group *g, unix_ns now)
{
    unix_ms t = unix_ms_of_ns(now);

    if (g->last_evaluation != UNIX_NS_ZERO && unix_ms_of_ns(g->last_evaluation) >= t)
        t = unix_ms_of_ns(g->last_evaluation) + 1;
    for (size_t i = 0; i < g->n_rules; i++)
        output_end_all(r, &g->rules[i], t);
}

/* With the lock held and nothing running. */
static void take_over(struct rules *r, struct group_list *groups, unix_ns now)
{
    struct group_list old = r->groups;
    CLEANUP(mem_freep) bool *stays = mem_array(old.n, sizeof *stays);

    for (size_t i = 0; i < groups->n; i++) {
        struct group *g = groups->items[i], **before = find_group(&old, g);

        if (before && strcmp((*before)->text, g->text) == 0) {
            stays[before - old.items] = true;
            groups->items[i] = *before;
            group_free(g);
            continue;
        }
        if (before)
            group_inherit(g, *before);
        group_count(g);
        if (before && (*before)->interval == g->interval)
            heap_set(&r->due, &g->due, (*before)->due.due); /* a run may be due already */
        else
            schedule(r, g, now);
    }
    for (size_t i = 0; i < old.n; i++) {
        if (stays[i])
            continue;
        heap_remove(&r->due, &old.items[i]->due);
        end_group(r, old.items[i], now);
        group_free(old.items[i]);
    }
    free(old.items);
    r->groups = *groups;
}

int rules_reload(struct rules *r, const struct config *config, unix_ns now, struct err *err)
{
    struct group_list groups = {0};
    const struct config *old;
    int status = load_all(r, config, &groups, err);

    if (status < 0)
        return status;
    pthread_mutex_lock(&r->lock);
    r->paused = true;
    while (r->running > 0)
        pthread_cond_wait(&r->idle, &r->lock);
    old = r->config;
    r->config = config_ref(config);
    take_over(r, &groups, now);
    r->paused = false;
    pthread_mutex_unlock(&r->lock);
    config_unref(old);
    return 0;
}

/* ---- looking in */

static int compare_alerts(const void *a, const void *b)
{
    return label_set_cmp(((const struct rule_alert_view *)a)->labels,
                         ((const struct rule_alert_view *)b)->labels);
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
    if (v->n_alerts > 0)
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
                            .last_error = rule->last_error,
                            .evaluation_seconds = rule->evaluation_seconds,
                            .last_evaluation = rule->last_evaluation};
    view_alerts(rule, v);
}

static void view_group(struct group *g, void (*cb)(const struct rule_group_view *g, void *arg),
                       void *arg)
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

void rules_each_group(struct rules *r, void (*cb)(const struct rule_group_view *g, void *arg),
                      void *arg)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->groups.n; i++)
        view_group(r->groups.items[i], cb, arg);
    pthread_mutex_unlock(&r->lock);
}

/* ---- checking */

int rules_check_file(const char *path, const struct promql_features *features, struct err *err)
{
    struct loading l = {.templates = template_set_new(&template_prometheus_functions),
                        .interval = CHECK_INTERVAL_MS};
    struct group_list groups = {0};
    int n = 0, status;

    if (features)
        l.features = *features;
    load_file(&l, path);
    status = load_finish(&l, &groups, err);
    for (size_t i = 0; i < groups.n; i++)
        n += (int)groups.items[i]->n_rules;
    group_list_deinit(&groups);
    loading_deinit(&l);
    template_set_unref(l.templates);
    return status < 0 ? status : n;
}
