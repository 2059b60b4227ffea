/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - rules, alerts: what is evaluated and what it found
 */
#include <errno.h>
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/num.h"
#include "promql/promql.h"
#include "rules/rules.h"

#define LIST_MAX 256 /* rule_name[], rule_group[], file[] or match[] parameters of one request */

struct list {
    const char *name;
    size_t n;
};

struct filter {
    const struct request *r;
    bool alerting, recording, exclude_alerts;
    struct list names, groups, files;
    struct promql_expr *matches[LIST_MAX];
    size_t n_matches;
    struct json_writer w;
};

/* True when the parameter was not given or has the text among its values. */
static bool is_asked(const struct filter *f, const struct list *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq_c(http_param(f->r->http, l->name, i), text))
            return true;
    return l->n == 0;
}

static struct list list_of(const struct request *r, const char *name)
{
    struct list l = {name, 0};

    while (l.n < LIST_MAX && http_param(r->http, name, l.n).p)
        l.n++;
    return l;
}

static bool labels_match(const struct filter *f, const struct label_set *labels)
{
    for (size_t i = 0; i < f->n_matches; i++) {
        const struct promql_node *v = f->matches[i]->root;

        if (matchers_match((const struct matcher *const *)v->vector.matchers, v->vector.n_matchers,
                           labels))
            return true;
    }
    return f->n_matches == 0;
}

/* ---- writing
 * ----------------------------------------------------------------------------------------------------------
 */

static void add_seconds(struct json_writer *w, const char *key, double seconds)
{
    char text[NUM_TEXT_MAX];

    json_key_c(w, key);
    json_raw(w, str_n(text, num_format_short(seconds, text)));
}

static void add_alert(struct json_writer *w, const struct rule_alert_view *a)
{
    char value[NUM_TEXT_MAX];

    json_object_begin(w);
    json_key_c(w, "labels");
    api_add_labels(w, a->labels);
    json_key_c(w, "annotations");
    api_add_labels(w, a->annotations);
    json_kv_c(w, "state", a->state == RULE_FIRING ? "firing" : "pending");
    json_key_c(w, "activeAt");
    api_add_time(w, a->active_at);
    if (a->keep_firing_since != UNIX_NS_ZERO) {
        json_key_c(w, "keepFiringSince");
        api_add_time(w, a->keep_firing_since);
    }
    json_kv_str(w, "value", str_n(value, num_format_e(a->value, value)));
    json_object_end(w);
}

static void add_alert_part(struct json_writer *w, const struct rule_view *v, bool exclude_alerts)
{
    static const char *const states[] = {"inactive", "pending", "firing"};

    json_kv_c(w, "state", states[v->state]);
    json_kv_c(w, "name", v->name);
    json_kv_c(w, "query", v->query);
    add_seconds(w, "duration", (double)v->hold / 1000);
    add_seconds(w, "keepFiringFor", (double)v->keep_firing_for / 1000);
    json_key_c(w, "labels");
    api_add_labels(w, v->labels);
    json_key_c(w, "annotations");
    api_add_labels(w, v->annotations);
    json_key_c(w, "alerts");
    if (exclude_alerts) {
        json_null_value(w);
        return;
    }
    json_array_begin(w);
    for (size_t i = 0; i < v->n_alerts; i++)
        add_alert(w, &v->alerts[i]);
    json_array_end(w);
}

static void add_rule(struct json_writer *w, const struct rule_view *v, bool exclude_alerts)
{
    static const char *const health[] = {"unknown", "ok", "err"};

    json_object_begin(w);
    if (v->alerting) {
        add_alert_part(w, v, exclude_alerts);
    } else {
        json_kv_c(w, "name", v->name);
        json_kv_c(w, "query", v->query);
        if (label_set_count(v->labels)) {
            json_key_c(w, "labels");
            api_add_labels(w, v->labels);
        }
    }
    json_kv_c(w, "health", health[v->health]);
    if (*v->last_error)
        json_kv_c(w, "lastError", v->last_error);
    add_seconds(w, "evaluationTime", v->evaluation_seconds);
    json_key_c(w, "lastEvaluation");
    api_add_time(w, v->last_evaluation);
    json_kv_c(w, "type", v->alerting ? "alerting" : "recording");
    json_object_end(w);
}

static bool rule_is_asked(const struct filter *f, const struct rule_view *v)
{
    return (v->alerting ? f->alerting : f->recording) && is_asked(f, &f->names, v->name) &&
           labels_match(f, v->labels);
}

/* KubeSphere's reading of match[] filters rules and leaves the group; Prometheus leaves empty
 * groups out. */
static void add_group(const struct rule_group_view *g, void *arg)
{
    struct filter *f = arg;
    struct json_writer *w = &f->w;
    bool any = false;

    if (!is_asked(f, &f->groups, g->name) || !is_asked(f, &f->files, g->file))
        return;
    for (size_t i = 0; i < g->n_rules; i++)
        any = any || rule_is_asked(f, &g->rules[i]);
    if (!any)
        return;
    json_object_begin(w);
    json_kv_c(w, "name", g->name);
    json_kv_c(w, "file", g->file);
    json_key_c(w, "rules");
    json_array_begin(w);
    for (size_t i = 0; i < g->n_rules; i++)
        if (rule_is_asked(f, &g->rules[i]))
            add_rule(w, &g->rules[i], f->exclude_alerts);
    json_array_end(w);
    add_seconds(w, "interval", (double)g->interval / 1000);
    json_kv_i64(w, "limit", g->limit);
    add_seconds(w, "evaluationTime", g->evaluation_seconds);
    json_key_c(w, "lastEvaluation");
    api_add_time(w, g->last_evaluation);
    json_object_end(w);
}

/* ---- handlers
 * ---------------------------------------------------------------------------------------------------------
 */

static int read_matches(const struct request *r, struct filter *f, struct answer *a)
{
    struct str text;

    while ((text = http_param(r->http, "match[]", f->n_matches)).p) {
        struct err err = {0};

        if (f->n_matches == LIST_MAX)
            return api_fail(a, API_BAD_DATA, "more than %d match[] parameters", LIST_MAX);
        if (promql_parse_selector(text, &f->matches[f->n_matches], &err) < 0)
            return api_fail(a, API_BAD_DATA, "invalid parameter \"match[]\": %s", err.msg);
        f->n_matches++;
    }
    return 0;
}

static bool is_true(struct str s)
{
    return str_eq(s, STR("true")) || str_eq(s, STR("1")) || str_eq(s, STR("t"));
}

int api_rules(const struct request *r, struct answer *a)
{
    struct str type = api_param(r, "type");
    struct filter f = {.r = r,
                       .alerting = !type.len || str_eq(type, STR("alert")),
                       .recording = !type.len || str_eq(type, STR("record")),
                       .exclude_alerts = is_true(api_param(r, "exclude_alerts")),
                       .names = list_of(r, "rule_name[]"),
                       .groups = list_of(r, "rule_group[]"),
                       .files = list_of(r, "file[]")};
    int result = 0;

    if (!f.alerting && !f.recording)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"type\": not supported value \"%.*s\"",
                        STR_ARG(type));
    result = read_matches(r, &f, a);
    if (result == 0) {
        json_writer_init(&f.w, &a->data, JSON_HTML_SAFE);
        json_object_begin(&f.w);
        json_key_c(&f.w, "groups");
        json_array_begin(&f.w);
        rules_each_group(r->api->rules, add_group, &f);
        json_array_end(&f.w);
        json_object_end(&f.w);
    }
    for (size_t i = 0; i < f.n_matches; i++)
        promql_expr_free(f.matches[i]);
    return result;
}

static void add_group_alerts(const struct rule_group_view *g, void *arg)
{
    for (size_t i = 0; i < g->n_rules; i++)
        for (size_t k = 0; k < g->rules[i].n_alerts; k++)
            add_alert(arg, &g->rules[i].alerts[k]);
}

int api_alerts(const struct request *r, struct answer *a)
{
    struct json_writer w;

    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "alerts");
    json_array_begin(&w);
    rules_each_group(r->api->rules, add_group_alerts, &w);
    json_array_end(&w);
    json_object_end(&w);
    return 0;
}
