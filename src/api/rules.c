/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - rules, alerts: what is evaluated and what it found
 *
 * Groups come sorted by file and name. A page of them ends before the group whose token it tells;
 * the next request begins there. Groups of which no rule is asked for are left out.
 */
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/crypto.h"
#include "rules/rules.h"

#define FILTER_MAX 1000         /* values of rule_name[], rule_group[] or file[] in one request */
#define TOKEN_SIZE (2 * 20 + 1) /* SHA-1 in hexadecimal */

/* Values of a repeated parameter; none: everything is asked for. */
struct list {
    struct str *items;
    size_t n, cap;
};

struct page {
    size_t limit;    /* groups; 0: all */
    struct str from; /* token of its first group; .len 0: from the start */
    bool begun;
    size_t shown;
    char next[TOKEN_SIZE]; /* "": this is the last one */
};

struct filter {
    bool alerting, recording, exclude_alerts;
    struct list names, groups, files;
    struct selectors selectors;
    struct page page;
    struct json_writer *w;
};

/* ---- what is asked for --------------------------------------------------------------------- */

static int read_list(const struct request *r, const char *name, struct list *ret, struct answer *a)
{
    struct str value;

    while ((value = http_param(r->http, name, ret->n)).p) {
        if (ret->n == FILTER_MAX)
            return api_fail(a, API_BAD_DATA, "more than %d %s parameters", FILTER_MAX, name);
        *VEC_PUSH(ret->items, ret->n, ret->cap) = value;
    }
    return 0;
}

static bool is_one_of(struct str s, const char *const *words, size_t n)
{
    CLEANUP(buf_free) struct buf lower = {0};

    for (size_t i = 0; i < s.len; i++)
        buf_add_byte(&lower, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i]);
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(buf_str(&lower), words[i]))
            return true;
    return false;
}

static int read_type(const struct request *r, struct filter *f, struct answer *a)
{
    static const char *const alert[] = {"", "alert"}, *const record[] = {"", "record"};
    struct str type = api_param(r, "type");

    f->alerting = is_one_of(type, alert, ARRAY_LEN(alert));
    f->recording = is_one_of(type, record, ARRAY_LEN(record));
    if (!f->alerting && !f->recording)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"type\": not supported value \"%.*s\"",
                        STR_ARG(type));
    return 0;
}

static int read_exclude_alerts(const struct request *r, struct filter *f, struct answer *a)
{
    static const char *const yes[] = {"true", "t", "1"}, *const no[] = {"", "false", "f", "0"};
    struct str s = api_param(r, "exclude_alerts");

    f->exclude_alerts = is_one_of(s, yes, ARRAY_LEN(yes));
    if (!f->exclude_alerts && !is_one_of(s, no, ARRAY_LEN(no)))
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"exclude_alerts\": error converting exclude_alerts: "
                        "found \"%.*s\", expected true or false",
                        STR_ARG(s));
    return 0;
}

static int read_page(const struct request *r, struct page *p, struct answer *a)
{
    struct str limit = api_param(r, "group_limit");
    int64_t n = 0;

    p->from = api_param(r, "group_next_token");
    p->begun = p->from.len == 0;
    if (limit.len == 0 && p->from.len)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"group_next_token\": group_limit needs to be present "
                        "in order to paginate over the groups");
    if (limit.len == 0)
        return 0;
    if (!num_parse_i64(limit, &n))
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"group_limit\": group_limit needs to be a valid "
                        "number: found \"%.*s\"",
                        STR_ARG(limit));
    if (n <= 0)
        return api_fail(
            a, API_BAD_DATA,
            "invalid parameter \"group_limit\": group_limit needs to be greater than 0");
    p->limit = (size_t)n;
    return 0;
}

static int filter_read(const struct request *r, struct filter *f, struct answer *a)
{
    if (read_list(r, "rule_name[]", &f->names, a) < 0 ||
        read_list(r, "rule_group[]", &f->groups, a) < 0 ||
        read_list(r, "file[]", &f->files, a) < 0 || api_param_selectors(r, &f->selectors, a) < 0 ||
        read_type(r, f, a) < 0 || read_exclude_alerts(r, f, a) < 0)
        return -1;
    return read_page(r, &f->page, a);
}

static void filter_deinit(struct filter *f)
{
    free(f->names.items);
    free(f->groups.items);
    free(f->files.items);
    selectors_deinit(&f->selectors);
}

static bool is_asked(const struct list *l, const char *text)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq_c(l->items[i], text))
            return true;
    return l->n == 0;
}

/* match[] looks at the labels that the rule adds, as they are written. */
static bool labels_match(const struct selectors *s, const struct label_set *labels)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t n;
        const struct matcher *const *ms = selectors_get(s, i, &n);

        if (matchers_match(ms, n, labels))
            return true;
    }
    return s->n == 0;
}

static bool rule_is_asked(const struct filter *f, const struct rule_view *v)
{
    return (v->alerting ? f->alerting : f->recording) && is_asked(&f->names, v->name) &&
           labels_match(&f->selectors, v->labels);
}

static bool group_is_asked(const struct filter *f, const struct rule_group_view *g)
{
    if (!is_asked(&f->groups, g->name) || !is_asked(&f->files, g->file))
        return false;
    for (size_t i = 0; i < g->n_rules; i++)
        if (rule_is_asked(f, &g->rules[i]))
            return true;
    return false;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void add_alert(struct json_writer *w, const struct rule_alert_view *a)
{
    char value[NUM_TEXT_MAX];

    json_object_begin(w);
    api_kv_labels(w, "labels", a->labels);
    api_kv_labels(w, "annotations", a->annotations);
    json_kv_c(w, "state", a->state == RULE_FIRING ? "firing" : "pending");
    api_kv_time(w, "activeAt", a->active_at);
    if (a->keep_firing_since != UNIX_NS_ZERO)
        api_kv_time(w, "keepFiringSince", a->keep_firing_since);
    json_kv_str(w, "value", str_n(value, num_format_e(a->value, value)));
    json_object_end(w);
}

static void add_alert_part(struct json_writer *w, const struct rule_view *v, bool exclude_alerts)
{
    static const char *const states[] = {
        [RULE_INACTIVE] = "inactive", [RULE_PENDING] = "pending", [RULE_FIRING] = "firing"};

    json_kv_c(w, "state", states[v->state]);
    json_kv_c(w, "name", v->name);
    json_kv_c(w, "query", v->query);
    api_kv_number(w, "duration", (double)v->hold / 1000);
    api_kv_number(w, "keepFiringFor", (double)v->keep_firing_for / 1000);
    api_kv_labels(w, "labels", v->labels);
    api_kv_labels(w, "annotations", v->annotations);
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
    static const char *const health[] = {
        [RULE_UNKNOWN] = "unknown", [RULE_OK] = "ok", [RULE_ERR] = "err"};

    json_object_begin(w);
    if (v->alerting) {
        add_alert_part(w, v, exclude_alerts);
    } else {
        json_kv_c(w, "name", v->name);
        json_kv_c(w, "query", v->query);
        if (label_set_count(v->labels))
            api_kv_labels(w, "labels", v->labels);
    }
    json_kv_c(w, "health", health[v->health]);
    if (*v->last_error)
        json_kv_c(w, "lastError", v->last_error);
    api_kv_number(w, "evaluationTime", v->evaluation_seconds);
    api_kv_time(w, "lastEvaluation", v->last_evaluation);
    json_kv_c(w, "type", v->alerting ? "alerting" : "recording");
    json_object_end(w);
}

static void add_group(const struct filter *f, const struct rule_group_view *g)
{
    struct json_writer *w = f->w;

    json_object_begin(w);
    json_kv_c(w, "name", g->name);
    json_kv_c(w, "file", g->file);
    json_key_c(w, "rules");
    json_array_begin(w);
    for (size_t i = 0; i < g->n_rules; i++)
        if (rule_is_asked(f, &g->rules[i]))
            add_rule(w, &g->rules[i], f->exclude_alerts);
    json_array_end(w);
    api_kv_number(w, "interval", (double)g->interval / 1000);
    json_kv_i64(w, "limit", g->limit);
    api_kv_number(w, "evaluationTime", g->evaluation_seconds);
    api_kv_time(w, "lastEvaluation", g->last_evaluation);
    json_object_end(w);
}

/* ---- pages --------------------------------------------------------------------------------- */

static void make_token(const struct rule_group_view *g, char ret[TOKEN_SIZE])
{
    CLEANUP(buf_free) struct buf name = {0}, hex = {0};
    uint8_t digest[20];

    buf_addf(&name, "%s;%s", g->file, g->name);
    crypto_sha1(buf_str(&name), digest);
    crypto_hex(digest, sizeof digest, &hex);
    memcpy(ret, hex.p, TOKEN_SIZE);
}

static bool begins_at(const struct page *p, const struct rule_group_view *g)
{
    char token[TOKEN_SIZE];

    make_token(g, token);
    return str_eq_c(p->from, token);
}

static void take_group(const struct rule_group_view *g, void *arg)
{
    struct filter *f = arg;
    struct page *p = &f->page;

    if (p->next[0])
        return;
    p->begun = p->begun || begins_at(p, g);
    if (!p->begun || !group_is_asked(f, g))
        return;
    if (p->limit && p->shown == p->limit) {
        make_token(g, p->next);
        return;
    }
    add_group(f, g);
    p->shown++;
}

/* ---- handlers ------------------------------------------------------------------------------ */

int api_rules(const struct request *r, struct answer *a)
{
    CLEANUP(filter_deinit) struct filter f = {.w = &a->w};

    if (filter_read(r, &f, a) < 0)
        return -1;
    json_object_begin(&a->w);
    json_key_c(&a->w, "groups");
    json_array_begin(&a->w);
    rules_each_group(r->api->rules, take_group, &f);
    json_array_end(&a->w);
    if (f.page.next[0])
        json_kv_c(&a->w, "groupNextToken", f.page.next);
    json_object_end(&a->w);
    if (!f.page.begun)
        return api_fail(a, API_BAD_DATA,
                        "invalid parameter \"group_next_token\": invalid group_next_token '%.*s'. "
                        "were rule groups changed?",
                        STR_ARG(f.page.from));
    return 0;
}

static void add_group_alerts(const struct rule_group_view *g, void *arg)
{
    for (size_t i = 0; i < g->n_rules; i++)
        for (size_t k = 0; k < g->rules[i].n_alerts; k++)
            add_alert(arg, &g->rules[i].alerts[k]);
}

int api_alerts(const struct request *r, struct answer *a)
{
    json_object_begin(&a->w);
    json_key_c(&a->w, "alerts");
    json_array_begin(&a->w);
    rules_each_group(r->api->rules, add_group_alerts, &a->w);
    json_array_end(&a->w);
    json_object_end(&a->w);
    return 0;
}
