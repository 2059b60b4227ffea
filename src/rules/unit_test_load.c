/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_test_load - reads a file of rule unit tests, strict about every key
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "rules/load_priv.h"
#include "rules/unit_test_priv.h"

#define DEFAULT_INTERVAL_MS (60 * 1000)

static const char *const file_keys[] = {
    "rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests", NULL};
static const char *const test_keys[] = {"name",
                                        "interval",
                                        "input_series",
                                        "promql_expr_test",
                                        "alert_rule_test",
                                        "external_labels",
                                        "external_url",
                                        NULL};
static const char *const series_keys[] = {"series", "values", NULL};
static const char *const expr_keys[] = {"expr", "eval_time", "exp_samples", NULL};
static const char *const sample_keys[] = {"labels", "value", "histogram", NULL};
static const char *const alert_test_keys[] = {"eval_time", "alertname", "exp_alerts", NULL};
static const char *const alert_keys[] = {"exp_labels", "exp_annotations", NULL};

struct reading {
    struct loading l;
    const struct yaml_doc *doc;
    struct rule_test_file *file;
    bool ignore_unknown_fields;
};

/* ---- pieces */

static bool is_mapping(struct reading *rd, const struct yaml_node *node, const char *const *known,
                       const char *what)
{
    if (node->kind != YAML_MAPPING) {
        load_problem(&rd->l, rd->doc, node, "expected %s", what);
        return false;
    }
    if (!rd->ignore_unknown_fields)
        load_check_keys(&rd->l, rd->doc, node, known, what);
    return true;
}

/* The elements of a list; none of null. */
static size_t list_of(struct reading *rd, const struct yaml_node *node, const char *what)
{
    if (yaml_is_null(node))
        return 0;
    if (node->kind == YAML_SEQUENCE)
        return node->n;
    load_problem(&rd->l, rd->doc, node, "expected a list of %s", what);
    return 0;
}

static struct str text_of(struct reading *rd, const struct yaml_node *mapping, const char *key)
{
    return load_text(&rd->l, rd->doc, yaml_get(mapping, key));
}

static dur_ms time_of(struct reading *rd, const struct yaml_node *mapping)
{
    const struct yaml_node *node = yaml_get(mapping, "eval_time");
    dur_ms at = 0;

    load_duration(&rd->l, rd->doc, node, &at);
    return at;
}

static dur_ms interval_of(struct reading *rd, const struct yaml_node *node, dur_ms standard)
{
    dur_ms interval = 0;

    load_duration(&rd->l, rd->doc, node, &interval);
    return interval > 0 ? interval : standard;
}

static bool flag_of(struct reading *rd, const struct yaml_node *node)
{
    struct str text = load_text(&rd->l, rd->doc, node);

    if (text.len > 0 && !str_eq(text, STR("true")) && !str_eq(text, STR("false")))
        load_problem(&rd->l, rd->doc, node, "found \"%.*s\", expected true or false",
                     STR_ARG(text));
    return str_eq(text, STR("true"));
}

static void texts_of(struct reading *rd, const struct yaml_node *node, const char *what,
                     struct name_texts *ret)
{
    struct spec_texts texts = {0};

    load_texts(&rd->l, rd->doc, node, what, &texts);
    for (size_t i = 0; i < texts.n; i++)
        *VEC_PUSH(ret->items, ret->n, ret->cap) = (struct name_text){texts.items[i].name,
                                                                     texts.items[i].value};
    spec_texts_deinit(&texts);
}

static const struct label_set *labels_of(struct reading *rd, const struct yaml_node *node,
                                         const char *what, struct str alertname)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    struct name_texts texts = {0};

    texts_of(rd, node, what, &texts);
    for (size_t i = 0; i < texts.n; i++)
        label_builder_set(&b, texts.items[i].name, texts.items[i].value);
    if (alertname.len > 0)
        label_builder_set(&b, STR("alertname"), alertname);
    free(texts.items);
    return label_builder_build(&b);
}

/* ---- input */

static void load_series(struct reading *rd, const struct yaml_node *node, struct rule_test *t)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str series, values;
    struct series_desc *desc;
    struct err err = {0};

    if (!is_mapping(rd, node, series_keys, "a series with its values"))
        return;
    series = text_of(rd, node, "series");
    values = text_of(rd, node, "values");
    buf_addf(&text, "%.*s %.*s", STR_ARG(series), STR_ARG(values));
    if (series_desc_parse(buf_str(&text), &desc, &err) < 0)
        load_problem(&rd->l, rd->doc, node, "\"%.*s\": %s", STR_ARG(series), err.msg);
    else
        *VEC_PUSH(t->input, t->n_input, t->cap_input) = desc;
}

/* ---- expectations */

static void load_value(struct reading *rd, const struct yaml_node *node, struct expected_sample *s)
{
    const struct yaml_node *value = yaml_get(node, "value");
    struct str number = load_text(&rd->l, rd->doc, value), h = text_of(rd, node, "histogram");
    CLEANUP(buf_free) struct buf text = {0};
    struct err err = {0};

    if (number.len > 0 && !num_parse_double(number, &s->value))
        load_problem(&rd->l, rd->doc, value, "found \"%.*s\", expected a number", STR_ARG(number));
    if (h.len == 0)
        return;
    buf_addf(&text, "{} %.*s", STR_ARG(h));
    if (series_desc_parse(buf_str(&text), &s->histogram, &err) < 0)
        load_problem(&rd->l, rd->doc, yaml_get(node, "histogram"), "%s", err.msg);
    else if (s->histogram->n != 1 || !s->histogram->values[0].histogram)
        load_problem(&rd->l, rd->doc, yaml_get(node, "histogram"),
                     "expected one histogram like {{count:1 sum:2 buckets:[1]}}");
}

static void load_sample(struct reading *rd, const struct yaml_node *node, struct expectation *e)
{
    struct expected_sample *s = VEC_PUSH(e->samples, e->n, e->cap);
    const struct yaml_node *labels = yaml_get(node, "labels");
    struct err err = {0};
    struct str text;

    if (!is_mapping(rd, node, sample_keys, "a sample with labels and value"))
        return;
    text = load_text(&rd->l, rd->doc, labels);
    if (text.len == 0)
        s->labels = label_set_empty();
    else if (promql_parse_metric(text, &s->labels, &err) < 0)
        load_problem(&rd->l, rd->doc, labels, "labels \"%.*s\": %s", STR_ARG(text), err.msg);
    load_value(rd, node, s);
}

static void load_alert(struct reading *rd, const struct yaml_node *node, struct expectation *e)
{
    struct expected_alert *a = VEC_PUSH(e->alerts, e->n, e->cap);

    if (!is_mapping(rd, node, alert_keys, "an alert with exp_labels and exp_annotations"))
        return;
    a->labels = labels_of(rd, yaml_get(node, "exp_labels"), "labels", e->subject);
    a->annotations = labels_of(rd, yaml_get(node, "exp_annotations"), "annotations", STR_NONE);
}

static struct expectation *begin(struct reading *rd, const struct yaml_node *node,
                                 struct expectations *list, const char *subject)
{
    struct expectation *e = VEC_PUSH(list->items, list->n, list->cap);

    e->line = node->line;
    e->column = node->column;
    e->subject = text_of(rd, node, subject);
    e->at = time_of(rd, node);
    if (e->subject.len == 0)
        load_problem(&rd->l, rd->doc, node, "expected %s", subject);
    return e;
}

static void load_expr_test(struct reading *rd, const struct yaml_node *node, struct rule_test *t)
{
    const struct yaml_node *samples = yaml_get(node, "exp_samples");
    struct expectation *e;

    if (!is_mapping(rd, node, expr_keys, "a test of an expression"))
        return;
    e = begin(rd, node, &t->exprs, "expr");
    for (size_t i = 0, n = list_of(rd, samples, "samples"); i < n; i++)
        load_sample(rd, samples->values[i], e);
}

static void load_alert_test(struct reading *rd, const struct yaml_node *node, struct rule_test *t)
{
    const struct yaml_node *alerts = yaml_get(node, "exp_alerts");
    struct expectation *e;

    if (!is_mapping(rd, node, alert_test_keys, "a test of an alert"))
        return;
    e = begin(rd, node, &t->alerts, "alertname");
    for (size_t i = 0, n = list_of(rd, alerts, "alerts"); i < n; i++)
        load_alert(rd, alerts->values[i], e);
}

/* ---- tests and file */

static int compare_times(const void *a, const void *b)
{
    const struct expectation *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->line != y->line ? (x->line < y->line ? -1 : 1) : x->column - y->column;
}

static void load_test(struct reading *rd, const struct yaml_node *node)
{
    static const struct {
        const char *key;
        void (*load)(struct reading *rd, const struct yaml_node *node, struct rule_test *t);
    } lists[] = {{"input_series", load_series},
                 {"promql_expr_test", load_expr_test},
                 {"alert_rule_test", load_alert_test}};
    struct rule_test_file *f = rd->file;
    struct rule_test *t = VEC_PUSH(f->tests, f->n_tests, f->cap_tests);

    if (!is_mapping(rd, node, test_keys, "a test"))
        return;
    t->name = text_of(rd, node, "name");
    t->interval = interval_of(rd, yaml_get(node, "interval"), f->interval);
    t->external_url = text_of(rd, node, "external_url");
    texts_of(rd, yaml_get(node, "external_labels"), "labels", &t->external_labels);
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        const struct yaml_node *list = yaml_get(node, lists[k].key);

        for (size_t i = 0, n = list_of(rd, list, "mappings"); i < n; i++)
            lists[k].load(rd, list->values[i], t);
    }
    if (t->alerts.n > 0)
        qsort(t->alerts.items, t->alerts.n, sizeof *t->alerts.items, compare_times);
}

static void load_names(struct reading *rd, const struct yaml_node *node, struct str **items,
                       size_t *n, size_t *cap)
{
    for (size_t i = 0, count = list_of(rd, node, "names"); i < count; i++)
        *VEC_PUSH(*items, *n, *cap) = load_text(&rd->l, rd->doc, node->values[i]);
}

static void load_root(struct reading *rd, const struct yaml_node *root)
{
    struct rule_test_file *f = rd->file;
    const struct yaml_node *tests;

    if (!is_mapping(rd, root, file_keys, "a file of rule tests"))
        return;
    load_names(rd, yaml_get(root, "rule_files"), &f->rule_files, &f->n_rule_files,
               &f->cap_rule_files);
    load_names(rd, yaml_get(root, "group_eval_order"), &f->order, &f->n_order, &f->cap_order);
    f->interval = interval_of(rd, yaml_get(root, "evaluation_interval"), DEFAULT_INTERVAL_MS);
    f->fuzzy = flag_of(rd, yaml_get(root, "fuzzy_compare"));
    tests = yaml_get(root, "tests");
    for (size_t i = 0, n = list_of(rd, tests, "tests"); i < n; i++)
        load_test(rd, tests->values[i]);
}

int rule_test_file_load(const char *path, bool ignore_unknown_fields, struct rule_test_file *ret,
                        struct err *err)
{
    struct reading rd = {.file = ret, .ignore_unknown_fields = ignore_unknown_fields};
    struct group_list none = {0};
    int status = yaml_parse_file(path, &ret->doc, err);

    if (status < 0)
        return status;
    rd.doc = ret->doc;
    if (yaml_count(ret->doc) > 0 && !yaml_is_null(yaml_root(ret->doc, 0)))
        load_root(&rd, yaml_root(ret->doc, 0));
    status = load_finish(&rd.l, &none, err);
    loading_deinit(&rd.l);
    return status;
}

static void expectations_deinit(struct expectations *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct expectation *e = &list->items[i];

        for (size_t k = 0; k < e->n && e->samples; k++) {
            label_set_unref(e->samples[k].labels);
            series_desc_free(e->samples[k].histogram);
        }
        for (size_t k = 0; k < e->n && e->alerts; k++) {
            label_set_unref(e->alerts[k].labels);
            label_set_unref(e->alerts[k].annotations);
        }
        free(e->samples);
        free(e->alerts);
    }
    free(list->items);
}

void rule_test_file_deinit(struct rule_test_file *f)
{
    for (size_t i = 0; i < f->n_tests; i++) {
        struct rule_test *t = &f->tests[i];

        for (size_t k = 0; k < t->n_input; k++)
            series_desc_free(t->input[k]);
        free(t->input);
        free(t->external_labels.items);
        expectations_deinit(&t->exprs);
        expectations_deinit(&t->alerts);
    }
    free(f->tests);
    free(f->rule_files);
    free(f->order);
    yaml_doc_free(f->doc);
}
