/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <stdio.h>

#include "base/json.h"
#include "base/zone.h"
#include "model/label_set.h"
#include "template/template.h"
#include "tests/unit/template/shared.h"

#define VALUES_MAX (32u << 20)
#define OUTPUT_MAX (4u << 20)

struct score {
    int good, bad;
};

static void differs(struct score *s, const char *name, const char *want, struct str got,
                    const struct err *err)
{
    s->bad++;
    print_error("%s\n  want: %s\n  got:  %.*s\n  %s\n", name, want, (int)got.len, got.p, err->msg);
}

/* ---- Alertmanager -------------------------------------------------------------------------- */

static struct label *labels_of(struct arena *a, const struct json *object, size_t *ret_n);

struct label_sink {
    struct arena *a;
    struct label *labels;
    size_t n;
};

static bool add_label(struct str key, const struct json *v, void *arg)
{
    struct label_sink *s = arg;

    s->labels[s->n++] = (struct label){arena_str(s->a, key), json_text(v)};
    return true;
}

static struct label *labels_of(struct arena *a, const struct json *object, size_t *ret_n)
{
    struct label_sink s = {a, arena_array(a, json_len(object) + 1, sizeof(struct label)), 0};

    json_each(object, add_label, &s);
    *ret_n = s.n;
    return s.labels;
}

static struct label_set *set_of(struct arena *a, const struct json *object)
{
    size_t n;
    struct label *labels = labels_of(a, object, &n);

    return label_set_new(labels, n);
}

static struct tmpl_time time_in(struct arena *a, struct str text)
{
    unix_ns t = 0;
    int offset = 0;
    struct tmpl_time ret;

    assert_int_equal(time_parse_rfc3339(text, &t, &offset, NULL), 0);
    ret = tmpl_time_of_ns(t);
    if (offset > 0)
        ret.zone = zone_fixed(a, offset * 60);
    return ret;
}

/* One data set of template_data.json; its label sets live until the test program ends. */
static void read_message(struct arena *a, const struct json *j, struct tmpl_message *ret)
{
    const struct json *alerts = json_get(j, "alerts");
    size_t n = json_len(alerts);
    struct message_alert *out = arena_array(a, n + 1, sizeof *out);

    for (size_t i = 0; i < n; i++) {
        const struct json *alert = json_at(alerts, i);

        out[i] = (struct message_alert){
            .resolved = str_eq_c(json_text(json_get(alert, "status")), "resolved"),
            .labels = set_of(a, json_get(alert, "labels")),
            .annotations = set_of(a, json_get(alert, "annotations")),
            .starts_at = time_in(a, json_text(json_get(alert, "startsAt"))),
            .ends_at = time_in(a, json_text(json_get(alert, "endsAt"))),
            .generator_url = json_text(json_get(alert, "generatorURL")),
            .fingerprint = json_text(json_get(alert, "fingerprint")),
        };
    }
    *ret = (struct tmpl_message){
        .receiver = json_text(json_get(j, "receiver")),
        .status = json_text(json_get(j, "status")),
        .reason = json_text(json_get(j, "notification_reason")),
        .alerts = out,
        .n_alerts = n,
        .group_labels = set_of(a, json_get(j, "groupLabels")),
        .common_labels = set_of(a, json_get(j, "commonLabels")),
        .common_annotations = set_of(a, json_get(j, "commonAnnotations")),
        .external_url = json_text(json_get(j, "externalURL")),
    };
}

static void free_message(struct tmpl_message *m)
{
    for (size_t i = 0; i < m->n_alerts; i++) {
        label_set_unref(m->alerts[i].labels);
        label_set_unref(m->alerts[i].annotations);
    }
    label_set_unref(m->group_labels);
    label_set_unref(m->common_labels);
    label_set_unref(m->common_annotations);
}

static int render_row(const struct json *row, const struct json *data, struct buf *out,
                      struct err *err)
{
    const struct json *defs = json_get(row, "defs");
    struct template_set *set = template_set_new(&template_alertmanager_functions);
    struct tmpl_env env = {.missing_key = TMPL_MISSING_ZERO};
    struct template *t = NULL;
    struct tmpl_message m;
    struct arena a;
    int r = template_set_add(set, STR("default.tmpl"), template_alertmanager_stock, err);

    arena_init(&a, VALUES_MAX);
    env.html = str_eq_c(json_text(json_get(row, "mode")), "html");
    read_message(&a, data, &m);
    for (size_t i = 0; r == 0 && i < json_len(defs); i++)
        r = template_set_add(set, str_c(arena_printf(&a, "defs%zu", i)),
                             json_text(json_at(defs, i)), err);
    if (r == 0)
        r = template_parse(set, STR(""), json_text(json_get(row, "text")), &t, err);
    if (r == 0) {
        struct tmpl_value v = tmpl_alertmanager_data(&a, &m);

        r = template_execute(t, STR_NONE, &v, &env, &a, out, err);
    }
    template_unref(t);
    template_set_unref(set);
    free_message(&m);
    arena_deinit(&a);
    return r;
}

static void check_row(const struct json *row, const struct json *all_data, struct score *score)
{
    struct str name = json_text(json_get(row, "name")), data = json_text(json_get(row, "data"));
    const struct json *want = json_get(row, "out"), *want_err = json_get(row, "err");
    struct buf out = {.max = OUTPUT_MAX};
    char *data_name = str_dup(data), *row_name = str_dup(name);
    struct err err = {0};
    int r = render_row(row, json_get(all_data, data_name), &out, &err);

    if (want_err ? r < 0 : r == 0 && str_eq(json_text(want), buf_str(&out)))
        score->good++;
    else
        differs(score, row_name, json_text(want_err ? want_err : want).p, buf_str(&out), &err);
    if (want_err && r < 0 && getenv("SHOW_ERRORS"))
        print_message("%s\n  %s\n  %s\n", row_name, json_text(want_err).p, err.msg);
    buf_free(&out);
    free(data_name);
    free(row_name);
}

static void renders_what_alertmanager_renders(void **state)
{
    struct buf rows = {0}, data = {0};
    struct json *doc = NULL;
    struct score score = {0};
    struct str rest;

    if (!shared_read("alertmanager/templates.jsonl", &rows) ||
        !shared_read("alertmanager/template_data.json", &data)) {
        print_message("no conformance data at hand\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&data), &doc, NULL), 0);
    for (rest = buf_str(&rows); rest.len > 0;) {
        struct str line = str_cut(&rest, '\n');
        struct json *row = NULL;

        if (line.len == 0)
            continue;
        assert_int_equal(json_doc_parse(line, &row, NULL), 0);
        check_row(row, json_get(doc, "data"), &score);
        json_doc_free(row);
    }
    json_doc_free(doc);
    buf_free(&rows);
    buf_free(&data);
    print_message("alertmanager/templates.jsonl: %d of %d\n", score.good, score.good + score.bad);
    assert_int_equal(score.bad, 0);
}

/* ---- Prometheus ---------------------------------------------------------------------------- */

/* Numbers of the data file come as numbers, as numeric text, or as the name of a Go constant. */
static struct tmpl_value input_of(const struct json *v)
{
    struct str s = json_text(v);

    if (json_type_of(v) == JSON_NUMBER)
        return tmpl_float(json_double(v));
    if (str_eq_c(s, "math.MaxInt64"))
        return tmpl_int(INT64_MAX);
    if (str_eq_c(s, "math.MinInt64"))
        return tmpl_int(INT64_MIN);
    if (str_eq_c(s, "math.MaxUint64"))
        return (struct tmpl_value){.type = &tmpl_type_uint64, .u = UINT64_MAX};
    return tmpl_str(s);
}

static struct tmpl_value input_list(struct arena *a, const struct json *list)
{
    size_t n = json_len(list);
    struct tmpl_value *items = arena_array(a, n + 1, sizeof *items);

    for (size_t i = 0; i < n; i++)
        items[i] = input_of(json_at(list, i));
    return tmpl_list(&tmpl_type_anys, items, n);
}

#define SAMPLES_MAX 8

struct result {
    const struct json *samples;
    struct label_set *sets[SAMPLES_MAX];
    size_t n;
};

static int answer(void *self, struct str expr, struct arena *a, struct tmpl_list *ret,
                  struct err *err)
{
    struct result *q = self;
    size_t n = json_len(q->samples);
    struct tmpl_value *items = arena_array(a, n + 1, sizeof *items);

    for (size_t i = 0; i < n; i++) {
        const struct json *s = json_at(q->samples, i);
        struct label_set *ls = set_of(a, json_get(s, "metric"));

        assert_true(q->n < SAMPLES_MAX);
        q->sets[q->n++] = ls;
        if (json_get(s, "histogram"))
            items[i] = tmpl_sample_histogram(a, ls, STR("{count:3, sum:10}"));
        else
            items[i] = tmpl_sample(a, ls, json_double(json_get(s, "value")));
    }
    *ret = (struct tmpl_list){items, n};
    return 0;
}

/* As Prometheus' expander does it: the template is called "test" and errors say what failed. */
static int expand(const struct json *c, struct buf *out, struct err *err)
{
    struct template_set *set = template_set_new(&template_prometheus_functions);
    const struct json *input = json_get(c, "input");
    struct result q = {.samples = json_get(c, "query_result")};
    struct tmpl_env env = {
        .html = json_is_true(json_get(c, "html")),
        .external_url = STR("http://testhost:9090/path/prefix"),
        .query = answer,
        .query_self = &q,
        .missing_key = TMPL_MISSING_ZERO,
    };
    struct template *t = NULL;
    struct arena a;
    int r = template_parse(set, STR("test"), json_text(json_get(c, "text")), &t, err);

    arena_init(&a, VALUES_MAX);
    if (r < 0) {
        err_in(err, r, "error parsing template test");
    } else {
        struct tmpl_value data = input ? input_list(&a, input) : tmpl_none();

        r = template_execute(t, STR_NONE, &data, &env, &a, out, err);
        if (r < 0)
            err_in(err, r, "error executing template test");
    }
    for (size_t i = 0; i < q.n; i++)
        label_set_unref(q.sets[i]);
    template_unref(t);
    template_set_unref(set);
    arena_deinit(&a);
    return r;
}

static void expands_what_prometheus_expands_with_its_error_texts(void **state)
{
    struct buf text = {0};
    struct json *doc = NULL;
    struct score score = {0};

    if (!shared_read("rules/template_expansion.json", &text)) {
        print_message("no conformance data at hand\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    for (size_t i = 0; i < json_len(doc); i++) {
        const struct json *c = json_at(doc, i), *output = json_get(c, "output");
        bool fails = str_eq_c(json_text(json_get(c, "outcome")), "error");
        struct str want = fails ? json_text(json_get(c, "error")) : json_text(output);
        struct buf out = {.max = OUTPUT_MAX};
        struct err err = {0};
        int r = expand(c, &out, &err);

        if (json_type_of(output) == JSON_OBJECT)
            want = STR("{count:3, sum:10}"); /* a Go expression: the histogram's own text */
        if (fails ? r < 0 && str_eq_c(want, err.msg) : r == 0 && str_eq(want, buf_str(&out)))
            score.good++;
        else
            differs(&score, json_text(json_get(c, "text")).p, want.p, buf_str(&out), &err);
        buf_free(&out);
    }
    json_doc_free(doc);
    buf_free(&text);
    print_message("rules/template_expansion.json: %d of %d\n", score.good, score.good + score.bad);
    assert_int_equal(score.bad, 0);
}

static void expand_value(const char *text, double value, struct buf *out)
{
    struct template_set *set = template_set_new(&template_prometheus_functions);
    struct template *t = NULL;
    struct tmpl_env env = {0};
    struct template_alert alert = {.value = tmpl_float(value)};
    struct arena a;

    arena_init(&a, VALUES_MAX);
    assert_int_equal(template_parse_alert(set, STR("V"), str_c(text), &t, NULL), 0);
    template_expand_alert(t, &alert, &env, &a, out);
    template_unref(t);
    template_set_unref(set);
    arena_deinit(&a);
}

static void writes_numbers_as_promtool_does(void **state)
{
    static const struct {
        const char *key, *text;
    } columns[] = {
        {"$value", "{{ $value }}"},
        {"humanize", "{{ $value | humanize }}"},
        {"printf_4g", "{{ printf \"%.4g\" $value }}"},
        {"humanizeDuration", "{{ $value | humanizeDuration }}"},
        {"humanize1024", "{{ $value | humanize1024 }}"},
        {"humanizePercentage", "{{ $value | humanizePercentage }}"},
        {"humanizeTimestamp", "{{ $value | humanizeTimestamp }}"},
    };
    struct buf text = {0};
    struct json *doc = NULL;
    struct score score = {0};
    const struct json *rows;

    if (!shared_read("rules/template_numbers.json", &text)) {
        print_message("no conformance data at hand\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    rows = json_get(doc, "rows");
    for (size_t i = 0; i < json_len(rows); i++) {
        const struct json *row = json_at(rows, i);
        double v = strtod(json_text(json_get(row, "sample")).p, NULL);

        for (size_t k = 0; k < ARRAY_LEN(columns); k++) {
            struct str want = json_text(json_get(row, columns[k].key));
            struct buf out = {.max = OUTPUT_MAX}, plain = {0};

            /* The recorded texts come from inside a quoted string. */
            for (size_t n = 0; n < want.len; n++)
                if (want.p[n] != '\\')
                    buf_add_byte(&plain, want.p[n]);
            expand_value(columns[k].text, v, &out);
            if (str_eq(buf_str(&plain), buf_str(&out)))
                score.good++;
            else
                differs(&score, columns[k].text, want.p, buf_str(&out), &(struct err){0});
            buf_free(&out);
            buf_free(&plain);
        }
    }
    json_doc_free(doc);
    buf_free(&text);
    print_message("rules/template_numbers.json: %d of %d\n", score.good, score.good + score.bad);
    assert_int_equal(score.bad, 0);
}

/* The texts in quotes on the lines of severity, summary and description. */
static bool rule_texts_parse(struct str rule)
{
    struct template_set *set = template_set_new(&template_prometheus_functions);
    bool good = true;

    while (rule.len > 0) {
        struct str line = str_trim(str_cut(&rule, '\n')), value = line, key = str_cut(&value, ':');
        struct template *t = NULL;

        value = str_trim(value);
        if (value.len < 2 || value.p[0] != '"' || key.len == 0)
            continue;
        good &= template_parse_alert(set, STR("InstanceDown"), str_n(value.p + 1, value.len - 2),
                                     &t, NULL) == 0;
        template_unref(t);
    }
    template_set_unref(set);
    return good;
}

static void refuses_the_rule_texts_that_prometheus_refuses(void **state)
{
    struct buf text = {0};
    struct json *doc = NULL;
    struct score score = {0};

    if (!shared_read("rules/rule_template_parsing.json", &text)) {
        print_message("no conformance data at hand\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    for (size_t i = 0; i < json_len(doc); i++) {
        const struct json *c = json_at(doc, i);

        if (rule_texts_parse(json_text(json_get(c, "ruleString"))) ==
            json_is_true(json_get(c, "shouldPass")))
            score.good++;
        else
            score.bad++;
    }
    json_doc_free(doc);
    buf_free(&text);
    print_message("rules/rule_template_parsing.json: %d of %d\n", score.good,
                  score.good + score.bad);
    assert_int_equal(score.bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_what_alertmanager_renders),
        cmocka_unit_test(expands_what_prometheus_expands_with_its_error_texts),
        cmocka_unit_test(writes_numbers_as_promtool_does),
        cmocka_unit_test(refuses_the_rule_texts_that_prometheus_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
