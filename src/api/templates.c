/* SPDX-License-Identifier: Apache-2.0 */
/*
 * templates - ready rules: those that fit what the site measures, and one of them filled in
 *
 *     GET /api/v1/rules/templates?fits=1&component=redis
 *     GET /api/v1/rules/templates/render?id=...&job=...&threshold=200MB&for=1m&severity=...&alert=...
 *         &group=...&lang=zh&set=NAME=VALUE
 *
 * Any other parameter of a template is given by `set`, which may be repeated, as in `tocsin rules
 * new`. The catalogue is read for each answer: a few milliseconds, and nothing to keep.
 */
#include <stdlib.h>

#include "api/api_priv.h"
#include "base/arena.h"
#include "base/mem.h"
#include "rules/rules.h"

#define LATELY_MS  (60 * 60 * 1000) /* metrics that were there count as there */
#define NAMES_MAX  (64u << 20)      /* bytes of names of metrics */
#define VALUES_MAX 32               /* parameters that one request sets */

/* ---- which metrics there are --------------------------------------------------------------- */

struct metrics {
    struct str *names; /* sorted */
    size_t n, cap;
    struct arena arena;
};

static void metrics_deinit(struct metrics *m)
{
    free(m->names);
    arena_deinit(&m->arena);
}

static void add_name(struct str name, void *arg)
{
    struct metrics *m = arg;

    *VEC_PUSH(m->names, m->n, m->cap) = arena_str(&m->arena, name);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool has_metric(struct str name, void *arg)
{
    const struct metrics *m = arg;

    return m->n > 0 && bsearch(&name, m->names, m->n, sizeof *m->names, compare_names);
}

static int read_metrics(const struct request *r, struct metrics *ret, struct answer *a)
{
    const struct series_reader *reader = &r->api->reader;
    unix_ms now = clock_unix_ms(), at;
    struct err err = {0};

    if (api_param_time(r, "time", now, &at, a) < 0)
        return -1;
    arena_init(&ret->arena, NAMES_MAX);
    if (reader->label_values(reader->self, STR("__name__"), NULL, 0, at - LATELY_MS, at, add_name,
                             ret, &err) < 0)
        return api_fail(a, API_INTERNAL, "%s", err.msg);
    return 0;
}

/* ---- the list ------------------------------------------------------------------------------ */

static void add_bilingual(struct json_writer *w, const char *key, const struct bilingual *b)
{
    json_key_c(w, key);
    json_object_begin(w);
    json_kv_str(w, "en", b->en);
    json_kv_str(w, "zh", b->zh);
    json_object_end(w);
}

/* With the values that the template has. */
static void add_text(struct json_writer *w, const char *key, const struct rule_template *t,
                     const struct bilingual *b)
{
    CLEANUP(buf_free) struct buf en = {0}, zh = {0};
    const struct template_choice choice = {0};

    template_fill_text(t, &choice, b->en, &en, NULL);
    template_fill_text(t, &choice, b->zh, &zh, NULL);
    add_bilingual(w, key, &(struct bilingual){buf_str(&en), buf_str(&zh)});
}

static void add_param(struct json_writer *w, const struct template_param *p)
{
    static const char *const types[] = {
        [PARAM_NUMBER] = "number", [PARAM_DURATION] = "duration", [PARAM_MATCHERS] = "matchers"};

    json_object_begin(w);
    json_kv_str(w, "name", p->name);
    json_kv_c(w, "type", types[p->type]);
    json_kv_str(w, "unit", p->unit);
    json_kv_str(w, "default", p->standard);
    add_bilingual(w, "label", &p->label);
    json_object_end(w);
}

static void add_template(struct json_writer *w, const struct rule_template *t, bool fits)
{
    json_object_begin(w);
    json_kv_str(w, "id", t->id);
    json_kv_str(w, "component", t->component);
    add_bilingual(w, "title", &t->title);
    json_kv_bool(w, "fits", fits);
    json_kv_str(w, "alert", t->alert);
    json_kv_str(w, "severity", t->severity);
    json_kv_str(w, "for", t->hold);
    json_kv_str(w, "expr", t->expr);
    add_text(w, "summary", t, &t->summary);
    add_text(w, "message", t, &t->message);
    add_text(w, "action", t, &t->action);
    json_key_c(w, "parameters");
    json_array_begin(w);
    for (size_t i = 0; i < t->n_params; i++)
        add_param(w, &t->params[i]);
    json_array_end(w);
    json_key_c(w, "needs");
    json_array_begin(w);
    for (size_t i = 0; i < t->n_needs; i++)
        json_str(w, t->needs[i]);
    json_array_end(w);
    json_object_end(w);
}

int api_templates(const struct request *r, struct answer *a)
{
    CLEANUP(catalogue_freep) struct catalogue *c = NULL;
    CLEANUP(metrics_deinit) struct metrics metrics = {0};
    struct str component = api_param(r, "component"), fits_only = api_param(r, "fits");

    if (read_metrics(r, &metrics, a) < 0)
        return -1;
    c = catalogue_new();
    json_array_begin(&a->w);
    for (size_t i = 0; i < catalogue_count(c); i++) {
        const struct rule_template *t = catalogue_at(c, i);
        bool fits;

        if (component.len && !str_eq(component, t->component))
            continue;
        fits = template_fits(t, has_metric, &metrics);
        if (fits || !(str_eq(fits_only, STR("1")) || str_eq(fits_only, STR("true"))))
            add_template(&a->w, t, fits);
    }
    json_array_end(&a->w);
    return 0;
}

/* ---- one filled in ------------------------------------------------------------------------- */

/* Values of parameters; `selector` holds the text of that of `job`. */
static int read_values(const struct request *r, struct template_value values[VALUES_MAX],
                       struct buf *selector, struct template_choice *choice, struct answer *a)
{
    struct str job = api_param(r, "job"), threshold = api_param(r, "threshold"), set;

    choice->values = values;
    if (job.len) {
        template_add_job(selector, job);
        values[choice->n_values++] = (struct template_value){STR("selector"), buf_str(selector)};
    }
    if (threshold.len)
        values[choice->n_values++] = (struct template_value){STR("threshold"), threshold};
    for (size_t i = 0; (set = http_param(r->http, "set", i)).p; i++) {
        struct str value = set, name = str_cut(&value, '=');

        if (name.len == set.len || choice->n_values == VALUES_MAX)
            return api_fail(a, API_BAD_DATA, "set: found \"%.*s\", expected NAME=VALUE, %d at most",
                            STR_ARG(set), VALUES_MAX);
        values[choice->n_values++] = (struct template_value){name, value};
    }
    choice->alert = api_param(r, "alert");
    choice->severity = api_param(r, "severity");
    choice->hold = api_param(r, "for");
    choice->chinese = str_eq(api_param(r, "lang"), STR("zh"));
    return 0;
}

int api_render_template(const struct request *r, struct answer *a)
{
    CLEANUP(catalogue_freep) struct catalogue *c = catalogue_new();
    CLEANUP(buf_free) struct buf selector = {0}, yaml = {0}, expr = {0};
    struct template_value values[VALUES_MAX];
    struct template_choice choice = {0};
    struct str id = api_param(r, "id"), group = api_param(r, "group");
    const struct rule_template *t = catalogue_find(c, id);
    struct err err = {0};

    if (!t)
        return api_fail(a, API_BAD_DATA, "invalid parameter \"id\": no template \"%.*s\"",
                        STR_ARG(id));
    if (read_values(r, values, &selector, &choice, a) < 0)
        return -1;
    template_begin_group(group.len ? group : t->component, &yaml);
    if (template_fill_rule(t, &choice, TEMPLATE_RULE_INDENT, &yaml, &err) < 0 ||
        template_fill_expr(t, &choice, &expr, &err) < 0)
        return api_fail(a, API_BAD_DATA, "%s", err.msg);
    json_object_begin(&a->w);
    json_kv_str(&a->w, "id", t->id);
    json_kv_str(&a->w, "expr", buf_str(&expr));
    json_kv_str(&a->w, "yaml", buf_str(&yaml));
    json_object_end(&a->w);
    return 0;
}
