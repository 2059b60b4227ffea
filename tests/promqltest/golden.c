/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares with the answers that a real Prometheus gave: demo.om.gz is what it had stored,
 * results.jsonl.gz has a query a line, with its range and its instant answer as the HTTP API wrote
 * them
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/json.h"
#include "base/num.h"
#include "model/exposition.h"
#include "tests/promqltest/promqltest.h"

#define FILE_MAX (256u << 20)
#define EPSILON  1e-9

static int read_gz(const char *folder, const char *name, struct buf *out, struct err *err)
{
    CLEANUP(buf_free) struct buf path = {0}, packed = {0};
    int r;

    buf_addf(&path, "%s/%s", folder, name);
    r = file_read(path.p, FILE_MAX, &packed, err);
    if (r == 0)
        r = gzip_inflate(buf_str(&packed), FILE_MAX, out, err);
    return r < 0 ? err_in(err, r, "%s", name) : 0;
}

static int load_samples(struct str page, struct memory_reader *store, struct err *err)
{
    struct exposition_reader reader;
    struct exposition_entry entry;
    int r;

    exposition_reader_init(&reader, page, EXPOSITION_OPENMETRICS);
    while ((r = exposition_next(&reader, &entry, err)) == 0 && entry.kind != EXPOSITION_END) {
        struct label_builder b = {0};
        struct label_set *labels;

        if (entry.kind != EXPOSITION_SERIES)
            continue;
        r = exposition_labels(&reader, &entry, &b, err);
        if (r < 0)
            return r;
        labels = label_builder_build(&b);
        memory_reader_add(store, labels, entry.time, entry.value, NULL);
        label_set_unref(labels);
        label_builder_deinit(&b);
    }
    return r;
}

/* ---- comparing with JSON */

static bool add_label(struct str key, const struct json *v, void *arg)
{
    label_builder_set(arg, key, json_text(v));
    return true;
}

static struct label_set *metric_of(const struct json *metric)
{
    struct label_builder b = {0};
    struct label_set *ls;

    json_each(metric, add_label, &b);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static bool same_pair(const struct json *pair, unix_ms t, double v)
{
    double want;

    return llround(json_double(json_at(pair, 0)) * 1000) == t &&
           num_parse_double(json_text(json_at(pair, 1)), &want) && same_float(want, v, EPSILON);
}

static bool same_series(const struct json *want, const struct promql_series *got)
{
    const struct json *value = json_get(want, "value"), *values = json_get(want, "values");
    size_t n = value ? 1 : json_len(values);

    if (n != got->n)
        return false;
    for (size_t k = 0; k < n; k++)
        if (!same_pair(value ? value : json_at(values, k), got->times[k], got->values[k]))
            return false;
    return true;
}

static bool order_counts(struct str query, bool range)
{
    return range || str_has_prefix(query, STR("sort")) || str_has_prefix(query, STR("topk")) ||
           str_has_prefix(query, STR("bottomk"));
}

static bool same_list(const struct json *list, const struct promql_result *result, bool ordered,
                      struct buf *report)
{
    if (json_len(list) != result->n) {
        buf_addf(report, "  expected %zu series, got %zu\n", json_len(list), result->n);
        return false;
    }
    for (size_t i = 0; i < result->n; i++) {
        struct label_set *want = metric_of(json_get(json_at(list, i), "metric"));
        size_t j = ordered ? i : 0;

        while (j < result->n && !label_set_eq(want, result->series[j].labels))
            j += ordered ? result->n : 1;
        if (j < result->n && same_series(json_at(list, i), &result->series[j])) {
            label_set_unref(want);
            continue;
        }
        buf_add_c(report, j < result->n ? "  values differ: " : "  no such series: ");
        label_set_print(want, report);
        buf_add_byte(report, '\n');
        label_set_unref(want);
        return false;
    }
    return true;
}

static bool same_data(const struct json *data, const struct promql_result *result, bool ordered,
                      struct buf *report)
{
    const struct json *list = json_get(data, "result");

    if (!str_eq_c(json_text(json_get(data, "resultType")), promql_type_name(result->type))) {
        buf_addf(report, "  type is %s\n", promql_type_name(result->type));
        return false;
    }
    if (result->type == PROMQL_SCALAR)
        return same_pair(list, result->series[0].times[0], result->series[0].values[0]);
    if (result->type == PROMQL_STRING)
        return str_eq(json_text(json_at(list, 1)), result->text);
    return same_list(list, result, ordered, report);
}

static bool same_notes(const struct json *list, const struct promql_result *result, bool warning,
                       struct buf *report)
{
    size_t seen = 0, met = 0;

    for (size_t i = 0; i < result->n_annotations; i++) {
        const struct promql_annotation *a = &result->annotations[i];
        struct buf text = {0};

        if (a->warning != warning)
            continue;
        seen++;
        buf_addf(&text, "%s (%u:%u)", a->text, a->line, a->col);
        for (size_t j = 0; j < json_len(list); j++)
            met += str_eq(json_text(json_at(list, j)), buf_str(&text));
        buf_free(&text);
    }
    if (seen == json_len(list) && met == seen)
        return true;
    buf_addf(report, "  annotations differ: %zu expected, %zu seen, %zu the same\n", json_len(list),
             seen, met);
    print_result(report, result);
    return false;
}

/* ---- one recorded answer */

static bool failed_alike(const struct json *response, const struct err *err, struct buf *report)
{
    struct str text = json_text(json_get(response, "error"));

    if (text.len && str_has_suffix(text, str_c(err->msg)))
        return true;
    buf_addf(report, "  failed: %s\n  expected: " STR_FMT "\n", err->msg,
             STR_ARG(text.len ? text : STR("a result")));
    return false;
}

static unix_ms time_of(const struct json *v)
{
    return llround(json_double(v) * 1000);
}

static bool check_answer(struct str query, const struct json *recorded, bool range,
                         struct memory_reader *store, struct buf *report)
{
    CLEANUP(promql_expr_freep) struct promql_expr *expr = NULL;
    CLEANUP(promql_result_freep) struct promql_result *result = NULL;
    const struct json *response = json_get(recorded, "response"),
                      *data = json_get(response, "data");
    const struct series_reader *port = memory_reader_port(store);
    struct err err = {0};
    bool same;
    int r = promql_parse(query, NULL, &expr, &err);

    if (r == 0 && range)
        r = promql_range(expr, port, NULL, time_of(json_get(recorded, "start")),
                         time_of(json_get(recorded, "end")), time_of(json_get(recorded, "step")),
                         &result, &err);
    else if (r == 0)
        r = promql_instant(expr, port, NULL, time_of(json_get(recorded, "time")), &result, &err);
    if (r < 0)
        return failed_alike(response, &err, report);
    if (!data) {
        buf_addf(report, "  expected failure: " STR_FMT "\n",
                 STR_ARG(json_text(json_get(response, "error"))));
        return false;
    }
    /* All three report what they find. */
    same = same_data(data, result, order_counts(query, range), report);
    same = same_notes(json_get(response, "warnings"), result, true, report) && same;
    return same_notes(json_get(response, "infos"), result, false, report) && same;
}

static int check_line(struct str line, struct memory_reader *store, struct tally *tally,
                      struct err *err)
{
    static const char *const kinds[] = {"instant", "range"};
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    int r = json_doc_parse(line, &doc, err);

    if (r < 0)
        return r;
    for (int range = 0; range <= 1; range++) {
        const struct json *recorded = json_get(doc, kinds[range]);
        struct str query = json_text(json_get(doc, "query"));
        struct buf report = {0};
        bool passed;

        if (!recorded)
            continue;
        passed = check_answer(query, recorded, range, store, &report);
        tally->passed += passed;
        tally->failed += !passed;
        if (!passed)
            printf("%s: " STR_FMT "\n%s\n", kinds[range], STR_ARG(query), report.p ? report.p : "");
        buf_free(&report);
    }
    return 0;
}

int run_golden(const char *folder, struct tally *tally, struct err *err)
{
    CLEANUP(buf_free) struct buf page = {0}, answers = {0};
    struct memory_reader store = {0};
    struct str rest;
    int r = read_gz(folder, "demo.om.gz", &page, err);

    if (r == 0)
        r = read_gz(folder, "results.jsonl.gz", &answers, err);
    if (r == 0)
        r = load_samples(buf_str(&page), &store, err);
    rest = buf_str(&answers);
    while (r == 0 && rest.len) {
        struct str line = str_cut(&rest, '\n');

        if (line.len)
            r = check_line(line, &store, tally, err);
    }
    memory_reader_clear(&store);
    return r;
}
