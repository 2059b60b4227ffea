/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' own cases: what is an expression, what is not and why, how it is printed. */
#include "tests/unit/promql/corpus.h"

#include "promql/ast.h"
#include "promql/series_desc.h"

#include "base/num.h"
#include "model/histogram.h"
#include "model/label_set.h"
#include "model/sample.h"

static const struct promql_features all = {true, true};

/* ---- expressions */

static void repeat(struct buf *out, const char *s, int times)
{
    for (int i = 0; i < times; i++)
        buf_add_c(out, s);
}

/*
 * Two cases of the corpus are Go expressions instead of texts; they are written out here. The first
 * has fewer repetitions than there: 10000 would end at PROMQL_DEPTH_MAX.
 */
static bool unfold(const char *input, struct buf *text, const char **why)
{
    if (strstr(input, "strings.Repeat")) {
        buf_add_c(text, "(");
        repeat(text, "-{}-1", 100);
        buf_add_c(text, ")");
        repeat(text, "[1m:]", 100);
        return true;
    }
    if (strstr(input, "fmt.Sprintf")) {
        buf_addf(text, "foo @ %f", 0x1p63);
        *why =
            "1:1: parse error: timestamp out of bounds for @ modifier: 9223372036854775808.000000";
        return true;
    }
    return false;
}

static void input_of(const struct json *item, struct buf *text, const char **why)
{
    const struct json *input = json_get(item, "input");
    struct str latin1 = json_text(json_get(input, "latin1_bytes"));
    struct buf plain = {0};

    buf_add_str(&plain, json_text(input));
    if (latin1.len == 0 && !unfold(buf_str(&plain).p, text, why))
        buf_add_str(text, buf_str(&plain));
    while (latin1.len > 0) {
        uint32_t c;
        size_t n = str_utf8_next(latin1, &c);

        buf_add_byte(text, (char)c);
        latin1 = str_n(latin1.p + n, latin1.len - n);
    }
    buf_free(&plain);
}

static bool parses_as_told(const struct json *item)
{
    bool ok = str_eq_c(json_text(json_get(item, "outcome")), "ok"), good;
    struct buf text = {0}, error = {0};
    struct promql_expr *e = NULL;
    struct err err = {0};
    const char *why = NULL;
    int r;

    input_of(item, &text, &why);
    buf_add_str(&error, json_text(json_get(item, "error")));
    if (!why)
        why = buf_str(&error).p;
    r = promql_parse(buf_str(&text), &all, &e, &err);
    good = ok ? r == 0 : r < 0 && strstr(err.msg, why);
    if (!good)
        print_error("%s\n  got %d %s\n  want %s\n", buf_str(&text).p, r, err.msg, why);
    promql_expr_free(e);
    buf_free(&text);
    buf_free(&error);
    return good;
}

static void every_expression_parses_or_fails_with_its_words(void **state)
{
    struct json *doc = corpus_open("parse_expr.json");
    size_t good = 0;

    for (size_t i = 0; i < json_len(doc); i++)
        good += parses_as_told(json_at(doc, i));
    print_message("# parse_expr.json: %zu of %zu\n", good, json_len(doc));
    assert_int_equal(good, json_len(doc));
    json_doc_free(doc);
}

/* ---- printing */

static void print_in(struct str text, size_t width, struct buf *out)
{
    struct promql_expr *e = NULL;
    struct err err = {0};

    if (promql_parse(text, &all, &e, &err) < 0)
        buf_add_c(out, err.msg);
    else if (width > 0)
        promql_print_pretty(e->root, width, out);
    else
        promql_print(e->root, out);
    promql_expr_free(e);
}

static void prints_all(const char *file, size_t width)
{
    struct json *doc = corpus_open(file);
    size_t good = 0;

    for (size_t i = 0; i < json_len(doc); i++) {
        struct str want = json_text(json_get(json_at(doc, i), "out"));
        struct buf got = {0};

        print_in(json_text(json_get(json_at(doc, i), "in")), width, &got);
        if (str_eq(buf_str(&got), want))
            good++;
        else
            print_error("got  " STR_FMT "\nwant " STR_FMT "\n", STR_ARG(buf_str(&got)),
                        STR_ARG(want));
        buf_free(&got);
    }
    print_message("# %s: %zu of %zu\n", file, good, json_len(doc));
    assert_int_equal(good, json_len(doc));
    json_doc_free(doc);
}

static void every_expression_has_its_canonical_text(void **state)
{
    prints_all("print_expr.json", 0);
}

static void every_expression_has_its_pretty_text(void **state)
{
    prints_all("pretty_expr.json", 10); /* the width of those cases */
}

/* ---- series descriptions */

struct metric_check {
    const struct label_set *metric;
    bool same;
};

static bool has_label(struct str key, const struct json *v, void *arg)
{
    struct metric_check *c = arg;

    c->same = c->same && str_eq(label_set_get(c->metric, key), json_text(v));
    return true;
}

static bool is_value(const struct series_value *v, const struct json *want)
{
    if (json_type_of(want) == JSON_STRING)
        return str_eq_c(json_text(want), "omitted") ? v->omitted : is_stale(v->v);
    return !v->omitted && v->v == json_double(want);
}

static bool is_series(const struct series_desc *d, const struct json *item)
{
    const struct json *metric = json_get(item, "metric"), *values = json_get(item, "values");
    struct metric_check c = {d->metric, label_set_count(d->metric) == json_len(metric)};

    json_each(metric, has_label, &c);
    if (!c.same || d->n != json_len(values))
        return false;
    for (size_t i = 0; i < d->n; i++)
        if (!is_value(&d->values[i], json_at(values, i)))
            return false;
    return true;
}

static bool are_buckets(const double *got, size_t n, const struct json *want)
{
    if (json_len(want) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (got[i] != json_double(json_at(want, i)))
            return false;
    return true;
}

static bool are_spans(const struct histogram_span *got, size_t n, const struct json *want)
{
    if (json_len(want) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (got[i].offset != json_int(json_get(json_at(want, i), "Offset")) ||
            got[i].length != json_int(json_get(json_at(want, i), "Length")))
            return false;
    return true;
}

static bool is_hint(enum counter_reset_hint hint, struct str want)
{
    static const char *const names[] = {"histogram.UnknownCounterReset", "histogram.CounterReset",
                                        "histogram.NotCounterReset", "histogram.GaugeType"};

    return want.len == 0 ? hint == RESET_UNKNOWN : str_eq_c(want, names[hint]);
}

static bool is_histogram(const struct series_value *v, const struct json *want)
{
    const struct histogram *h = v->histogram;

    return h && h->schema == json_int(json_get(want, "Schema")) &&
           h->sum == json_double(json_get(want, "Sum")) &&
           h->count == json_double(json_get(want, "Count")) &&
           h->zero_count == json_double(json_get(want, "ZeroCount")) &&
           h->zero_threshold == json_double(json_get(want, "ZeroThreshold")) &&
           are_buckets(h->positive, h->n_positive, json_get(want, "PositiveBuckets")) &&
           are_buckets(h->negative, h->n_negative, json_get(want, "NegativeBuckets")) &&
           are_spans(h->positive_spans, h->n_positive_spans, json_get(want, "PositiveSpans")) &&
           are_spans(h->negative_spans, h->n_negative_spans, json_get(want, "NegativeSpans")) &&
           is_hint(h->hint, json_text(json_get(want, "CounterResetHint")));
}

static bool are_histograms(const struct series_desc *d, const struct json *item)
{
    const struct json *want = json_get(item, "expected");

    if (d->n != json_len(want))
        return false;
    for (size_t i = 0; i < d->n; i++)
        if (!is_histogram(&d->values[i], json_at(want, i)))
            return false;
    return true;
}

static void reads_all_series(const char *file,
                             bool (*is_right)(const struct series_desc *d, const struct json *item))
{
    struct json *doc = corpus_open(file);
    size_t good = 0;

    for (size_t i = 0; i < json_len(doc); i++) {
        const struct json *item = json_at(doc, i);
        bool ok = str_eq_c(json_text(json_get(item, "outcome")), "ok"), right;
        struct str input = json_text(json_get(item, "input")),
                   why = json_text(json_get(item, "error"));
        struct series_desc *d = NULL;
        struct err err = {0};
        int r = series_desc_parse(input, &d, &err);

        right = ok ? r == 0 && is_right(d, item)
                   : r < 0 && str_find(str_c(err.msg), why) < sizeof err.msg;
        if (right && !ok && why.len > 0)
            right = strstr(err.msg, "parse error") && str_eq(str_c(err.msg), why);
        if (right)
            good++;
        else
            print_error(STR_FMT "\n  got %d %s\n", STR_ARG(input), r, err.msg);
        series_desc_free(d);
    }
    print_message("# %s: %zu of %zu\n", file, good, json_len(doc));
    assert_int_equal(good, json_len(doc));
    json_doc_free(doc);
}

static void every_series_description_is_read(void **state)
{
    reads_all_series("parse_series.json", is_series);
}

static void every_series_of_histograms_is_read(void **state)
{
    reads_all_series("parse_histogram_series.json", are_histograms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_expression_parses_or_fails_with_its_words),
        cmocka_unit_test(every_expression_has_its_canonical_text),
        cmocka_unit_test(every_expression_has_its_pretty_text),
        cmocka_unit_test(every_series_description_is_read),
        cmocka_unit_test(every_series_of_histograms_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
