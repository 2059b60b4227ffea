/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relabel_steps - what each relabel step of a job makes of a label set
 *
 * The history of a target: its discovered labels are asked with, the labels after each step come
 * back. From the step that drops it on there are none. Prometheus (from 3.6 on) tells the same;
 * `line`, where the step stands in the file, is ours.
 */
#include <string.h>

#include "api/api_priv.h"
#include "base/json.h"
#include "base/regex.h"
#include "targets/targets.h"

static void kv_given(struct json_writer *w, const char *key, const char *text)
{
    if (text && *text)
        json_kv_c(w, key, text);
}

static void add_rule(struct json_writer *w, const struct config_relabel *s)
{
    json_key_c(w, "rule");
    json_object_begin(w);
    if (s->n_source_labels) {
        json_key_c(w, "sourceLabels");
        json_array_begin(w);
        for (size_t i = 0; i < s->n_source_labels; i++)
            json_c(w, s->source_labels[i]);
        json_array_end(w);
    }
    kv_given(w, "separator", s->separator);
    json_kv_str(w, "regex", regex_pattern(s->regex));
    if (s->modulus) {
        json_key_c(w, "modulus");
        json_u64(w, s->modulus);
    }
    kv_given(w, "targetLabel", s->target_label);
    kv_given(w, "replacement", s->replacement);
    json_kv_c(w, "action", relabel_action_names[s->action]);
    json_kv_i64(w, "line", s->line);
    json_object_end(w);
}

static void add_steps(struct json_writer *w, const struct config_scrape *job,
                      struct label_builder *b)
{
    bool keep = true;

    for (size_t i = 0; i < job->n_relabel; i++) {
        struct label_set *output;

        keep = keep && relabel(b, &job->relabel[i], 1) < 0;
        output = keep ? label_builder_build(b) : label_set_empty();
        json_object_begin(w);
        add_rule(w, &job->relabel[i]);
        api_kv_labels(w, "output", output);
        json_kv_bool(w, "keep", keep);
        json_object_end(w);
        label_set_unref(output);
    }
}

static bool take_label(struct str name, const struct json *value, void *arg)
{
    if (!label_name_is_valid(name) || json_type_of(value) != JSON_STRING)
        return false;
    label_builder_set(arg, name, json_text(value));
    return true;
}

static int read_labels(struct str text, struct label_builder *ret, struct answer *a)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct err err = {0};

    if (json_doc_parse(text, &doc, &err) < 0)
        return api_fail(a, API_BAD_DATA, "error parsing labels: %s", err.msg);
    if (json_type_of(doc) != JSON_OBJECT || json_len(doc) > LABEL_COUNT_MAX ||
        !json_each(doc, take_label, ret))
        return api_fail(a, API_BAD_DATA, "error parsing labels: expected an object of texts");
    return 0;
}

static const struct config_scrape *find_job(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->n_scrapes; i++)
        if (str_eq_c(name, c->scrapes[i].job_name))
            return &c->scrapes[i];
    return NULL;
}

static int answer_of(const struct config *c, const struct request *r, struct answer *a)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    struct str pool = api_param(r, "scrapePool"), labels = api_param(r, "labels");
    const struct config_scrape *job = find_job(c, pool);
    int e;

    if (pool.len == 0)
        return api_fail(a, API_BAD_DATA, "no scrapePool parameter provided");
    if (labels.len == 0)
        return api_fail(a, API_BAD_DATA, "no labels parameter provided");
    e = read_labels(labels, &b, a);
    if (e < 0)
        return e;
    if (!job)
        return api_fail(a, API_BAD_DATA, "scrape pool \"%.*s\" not found", STR_ARG(pool));
    json_object_begin(&a->w);
    json_key_c(&a->w, "steps");
    json_array_begin(&a->w);
    add_steps(&a->w, job, &b);
    json_array_end(&a->w);
    json_object_end(&a->w);
    return 0;
}

int api_relabel_steps(const struct request *r, struct answer *a)
{
    const struct config *c = r->api->config(r->api->self);
    int e = answer_of(c, r, a);

    config_unref(c);
    return e;
}
