/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/exposition.h"
#include "model/sample.h"
#include "tests/unit/conformance.h"

/* ---- the corpus ---------------------------------------------------------------------------- */

static bool labels_are(const struct label_builder *b, const struct json *want)
{
    if (b->n != json_len(want))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        CLEANUP(mem_freep) char *name = str_dup(b->labels[i].name);

        if (!str_eq(b->labels[i].value, json_text(json_get(want, name))))
            return false;
    }
    return true;
}

static bool value_is(double got, const struct json *want)
{
    double v = NAN;

    if (json_type_of(want) == JSON_STRING)
        return num_parse_double(json_text(want), &v) && (isnan(v) ? isnan(got) : v == got);
    return got == json_double(want);
}

static bool exemplar_is(const struct exposition_reader *r, const struct exposition_entry *e,
                        const struct json *want)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    if (e->has_exemplar != (json_len(want) == 1))
        return false;
    if (!e->has_exemplar)
        return true;
    want = json_at(want, 0);
    return exposition_exemplar_labels(r, e, &b, NULL) == 0 &&
           labels_are(&b, json_get(want, "labels")) &&
           value_is(e->exemplar_value, json_get(want, "value")) &&
           e->exemplar_has_time == json_is_true(json_get(want, "hasts")) &&
           e->exemplar_time == json_int(json_get(want, "ts"));
}

static bool series_is(const struct exposition_reader *r, const struct exposition_entry *e,
                      const struct json *want)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct json *time = json_get(want, "timestamp_ms");

    return e->kind == EXPOSITION_SERIES && str_eq(e->raw, json_text(json_get(want, "series"))) &&
           exposition_labels(r, e, &b, NULL) == 0 && labels_are(&b, json_get(want, "labels")) &&
           value_is(e->value, json_get(want, "value")) && e->has_time == (time != NULL) &&
           e->time == json_int(time) && exemplar_is(r, e, json_get(want, "exemplars"));
}

static bool meta_is(const struct exposition_entry *e, const struct json *want, const char *kind)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct str name = json_text(json_get(want, "series"));

    exposition_unescape(e->text, &text);
    if (e->kind == EXPOSITION_COMMENT)
        return strcmp(kind, "comment") == 0 &&
               str_eq(e->text, json_text(json_get(want, "comment")));
    if (e->kind == EXPOSITION_TYPE)
        return strcmp(kind, "type") == 0 && str_eq(e->name, name) &&
               str_eq_c(json_text(json_get(want, "type")), metric_type_name(e->type));
    if (e->kind == EXPOSITION_UNIT)
        return strcmp(kind, "unit") == 0 && str_eq(e->name, name) &&
               str_eq(e->text, json_text(json_get(want, "unit")));
    return e->kind == EXPOSITION_HELP && strcmp(kind, "help") == 0 && str_eq(e->name, name) &&
           str_eq(buf_str(&text), json_text(json_get(want, "help")));
}

/* The expectations were made by a reader that turns `_created` lines into something else. */
static bool is_created_line(const struct exposition_reader *r, const struct exposition_entry *e,
                            const struct json *want)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};

    return e->kind == EXPOSITION_SERIES && !series_is(r, e, want) &&
           exposition_labels(r, e, &b, NULL) == 0 &&
           str_has_suffix(label_builder_get(&b, LABEL_NAME), STR("_created"));
}

static void check_expectations(const char *file, struct exposition_reader *r,
                               const struct json *expected)
{
    struct exposition_entry e;
    struct err err = {0};
    size_t i = 0;

    for (;;) {
        const struct json *want = json_at(expected, i);
        const char *kind = json_text(json_get(want, "kind")).p;

        if (exposition_next(r, &e, &err) < 0)
            fail_msg("%s: %s", file, err.msg);
        if (e.kind == EXPOSITION_END)
            break;
        if (is_created_line(r, &e, want))
            continue;
        if (!want ||
            (strcmp(kind, "series") == 0 ? !series_is(r, &e, want) : !meta_is(&e, want, kind)))
            fail_msg("%s line %zu: not expectation %zu", file, r->line, i);
        i++;
    }
    if (i != json_len(expected))
        fail_msg("%s: %zu entries of %zu", file, i, json_len(expected));
}

/* Reads all, labels too. */
static int read_page(struct str page, enum exposition_format format, size_t *ret_series,
                     struct err *err)
{
    struct exposition_reader r;
    struct exposition_entry e;
    int code;

    exposition_reader_init(&r, page, format);
    *ret_series = 0;
    for (;;) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};

        code = exposition_next(&r, &e, err);
        if (code < 0 || e.kind == EXPOSITION_END)
            return code;
        if (e.kind != EXPOSITION_SERIES)
            continue;
        code = exposition_labels(&r, &e, &b, err);
        if (code < 0)
            return code;
        ++*ret_series;
    }
}

static void check_case(const struct json *c)
{
    CLEANUP(buf_free) struct buf path = {0}, page = {0}, expected_text = {0};
    struct str file = json_text(json_get(c, "file")), expected = json_text(json_get(c, "expected"));
    bool plain = str_eq_c(json_text(json_get(c, "parser")), "plain");
    bool good = str_eq_c(json_text(json_get(c, "outcome")), "ok");
    enum exposition_format format = str_eq_c(json_text(json_get(c, "format")), "text-0.0.4")
                                        ? EXPOSITION_TEXT
                                        : EXPOSITION_OPENMETRICS;
    struct exposition_reader r;
    struct err err = {0};
    size_t series;

    buf_addf(&path, "textformat/" STR_FMT, STR_ARG(file));
    assert_true(conformance_read(path.p, &page));
    if ((read_page(buf_str(&page), format, &series, &err) == 0) != good)
        fail_msg("%s: %s", path.p, good ? err.msg : "was taken");
    if (!good)
        assert_memory_equal(err.msg, "line ", 5);
    if (!expected.p || !plain)
        return;
    buf_reset(&path);
    buf_addf(&path, "textformat/" STR_FMT, STR_ARG(expected));
    assert_true(conformance_read(path.p, &expected_text));
    {
        CLEANUP(json_doc_freep) struct json *list = NULL;

        assert_int_equal(json_doc_parse(buf_str(&expected_text), &list, &err), 0);
        exposition_reader_init(&r, buf_str(&page), format);
        check_expectations(path.p, &r, list);
    }
}

static void the_corpus_is_read_as_prometheus_reads_it(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    CLEANUP(json_doc_freep) struct json *index = NULL;

    if (!conformance_read("textformat/index.json", &text))
        skip();
    assert_int_equal(json_doc_parse(buf_str(&text), &index, NULL), 0);
    for (size_t i = 0; i < json_len(index); i++)
        check_case(json_at(index, i));
    print_message("# %zu cases of the corpus\n", json_len(index));
    assert_true(json_len(index) > 50);
}

static void speed_of_a_realistic_page(void **state)
{
    CLEANUP(buf_free) struct buf page = {0};
    struct exposition_reader r;
    struct exposition_entry e;
    mono_ns start;
    size_t series = 0;

    if (!conformance_read("textformat/real_alltypes.237mfs.prom.txt", &page))
        skip();
    start = clock_mono_ns();
    for (int round = 0; round < 10; round++) {
        exposition_reader_init(&r, buf_str(&page), EXPOSITION_TEXT);
        do {
            assert_int_equal(exposition_next(&r, &e, NULL), 0);
            series += e.kind == EXPOSITION_SERIES;
        } while (e.kind != EXPOSITION_END);
    }
    print_message("# %zu series, %.0f ns each\n", series / 10,
                  (double)(clock_mono_ns() - start) / (double)series);
}

/* ---- our own cases ------------------------------------------------------------------------- */

static const struct {
    enum exposition_format format;
    const char *page;
    const char *why; /* NULL: good */
} pages[] = {
    {EXPOSITION_TEXT, "", NULL},
    {EXPOSITION_TEXT, "\n\n  \n# just this\n", NULL},
    {EXPOSITION_TEXT, "  a 1\n", NULL},
    {EXPOSITION_TEXT, "a 1 -5\n", NULL},
    {EXPOSITION_TEXT, "{\"a\",b=\"c\"} 1\n", NULL},
    {EXPOSITION_TEXT, "{b=\"c\",\"a\"} 1\n", NULL},
    {EXPOSITION_TEXT, "a{b=\"}\\\"{\"} 1\n", NULL},
    {EXPOSITION_TEXT, "a{b=\"\\\\\"} 1\n", NULL},
    {EXPOSITION_TEXT, "a{b=\"x\ny\"} 1\nc x\n",
     "line 3: value \"x\""}, /* a line break within quotes */
    {EXPOSITION_TEXT, "a 1\nb{c=\"d\"\n", "line 2: labels are not closed"},
    {EXPOSITION_TEXT, "a{b=\"c} 1\n", "line 1: labels are not closed"},
    {EXPOSITION_TEXT, "a{b=\"c\",b=\"d\"} 1\n", "line 1: label \"b\" occurs twice"},
    {EXPOSITION_TEXT, "a{__name__=\"b\"} 1\n", "label \"__name__\" occurs twice"},
    {EXPOSITION_TEXT, "{__name__=\"b\"} 1\n", "metric has no name"},
    {EXPOSITION_TEXT, "a{\"b\"} 1\n", "metric has two names"},
    {EXPOSITION_TEXT, "{\"a\",\"b\"} 1\n", "metric has two names"},
    {EXPOSITION_TEXT, "{\"\"} 1\n", "expected a label name"},
    {EXPOSITION_TEXT, "{\"\xff\"} 1\n", "expected a label name"},
    {EXPOSITION_TEXT, "a{b} 1\n", "expected ="},
    {EXPOSITION_TEXT, "a{b=c} 1\n", "expected a label value in quotes"},
    {EXPOSITION_TEXT, "a{b=\"c\",,} 1\n", "expected a label name"},
    {EXPOSITION_TEXT, "a{b=\"c\"} } 1\n", "value \"}\" is no number"},
    {EXPOSITION_TEXT, "a 1\r\n", "is no number"},
    {EXPOSITION_TEXT, "a 1 2 3\n", "expected the end of the line"},
    {EXPOSITION_TEXT, "a 1 2.5\n", "is no whole number"},
    {EXPOSITION_TEXT, "a\n", "expected a value"},
    {EXPOSITION_TEXT, "5 1\n", "expected a metric name"},
    {EXPOSITION_TEXT, "# TYPE a info\n", "\"info\" is no metric type"},
    {EXPOSITION_TEXT, "# HELP a \xff\n", "not valid UTF-8"},
    {EXPOSITION_TEXT, "# HELP \"a b\" x\n# TYPE \"a b\" gauge\n{\"a b\"} 1\n", NULL},
    {EXPOSITION_TEXT, "# HELP \"a\n", "quote is not closed"},
    {EXPOSITION_OPENMETRICS, "a 1\n# EOF\n", NULL},
    {EXPOSITION_OPENMETRICS, "a 1 1.5\n# EOF", NULL},
    {EXPOSITION_OPENMETRICS, "a 1", "does not end with # EOF"},
    {EXPOSITION_OPENMETRICS, "", "does not end with # EOF"},
    {EXPOSITION_OPENMETRICS, "a  1\n# EOF\n", "expected a value"},
    {EXPOSITION_OPENMETRICS, "\na 1\n\n# EOF\n", NULL},
    {EXPOSITION_OPENMETRICS, " \na 1\n# EOF\n", "expected a metric name"},
    {EXPOSITION_OPENMETRICS, "a 1\n# EOF\n\n", "there is more"},
    {EXPOSITION_OPENMETRICS, "a{b=\"c\" ,d=\"e\"} 1\n# EOF\n", "expected a comma or }"},
    {EXPOSITION_OPENMETRICS, "a{ b=\"c\"} 1\n# EOF\n", "expected a label name"},
    {EXPOSITION_OPENMETRICS, "a{b=\"c\"d=\"e\"} 1\n# EOF\n", "expected a comma or }"},
    {EXPOSITION_OPENMETRICS, "a{b=\"x\ny\"} 1\n# EOF\n", "over the end of its line"},
    {EXPOSITION_OPENMETRICS, "a 1 1e300\n# EOF\n", "outside of all times"},
    {EXPOSITION_OPENMETRICS, "a 1 # {} 2\n# EOF\n", NULL},
    {EXPOSITION_OPENMETRICS, "a 1 # {b=\"c\"}\n# EOF\n", "expected a value after the labels"},
    {EXPOSITION_OPENMETRICS, "a 1 # {b=\"c\"} 2 3 4\n# EOF\n", "expected the end of the line"},
    {EXPOSITION_OPENMETRICS, "a 1 # {\"b\"} 2\n# EOF\n", "expected ="},
    {EXPOSITION_OPENMETRICS, "# UNIT a_seconds seconds\n# EOF\n", NULL},
    {EXPOSITION_OPENMETRICS, "# comment\n# EOF\n", "expected # HELP"},
};

static void bad_pages_are_refused_with_line_and_reason(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct err err = {0};
        size_t series;
        int r = read_page(str_c(pages[i].page), pages[i].format, &series, &err);

        if (r != (pages[i].why ? -EINVAL : 0) || (pages[i].why && !strstr(err.msg, pages[i].why)))
            fail_msg("case %zu: %s: \"%s\"", i, pages[i].page, err.msg);
    }
}

static const struct {
    const char *type, *labels, *want;
} bounds[] = {
    {"histogram", "h_bucket{le=\"1\"}", "1.0"},
    {"histogram", "h_bucket{le=\"1e3\"}", "1000.0"},
    {"histogram", "h_bucket{le=\"1e6\"}", "1e+06"},
    {"histogram", "h_bucket{le=\"0.5000\"}", "0.5"},
    {"histogram", "h_bucket{le=\"+Inf\"}", "+Inf"},
    {"histogram", "h_bucket{le=\"inf\"}", "+Inf"},
    {"histogram", "h_bucket{le=\"-1\"}", "-1.0"},
    {"histogram", "h_bucket{le=\"many\"}", "many"},
    {"histogram", "{le=\"1\",\"h_bucket\"}", "1.0"}, /* the name comes behind */
    {"histogram", "other{le=\"1\"}", "1"},           /* of no family */
    {"counter", "h_bucket{le=\"1\"}", "1"},
    {"summary", "h{quantile=\"1\"}", "1.0"},
    {"summary", "h{le=\"1\"}", "1"},
    {"histogram", "h{quantile=\"1\"}", "1"},
};

static void bounds_have_one_form(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        CLEANUP(buf_free) struct buf page = {0};
        struct exposition_reader r;
        struct exposition_entry e;
        struct str got;

        buf_addf(&page, "# TYPE h %s\n%s 1\n", bounds[i].type, bounds[i].labels);
        exposition_reader_init(&r, buf_str(&page), EXPOSITION_TEXT);
        assert_int_equal(exposition_next(&r, &e, NULL), 0);
        assert_int_equal(exposition_next(&r, &e, NULL), 0);
        assert_int_equal(exposition_labels(&r, &e, &b, NULL), 0);
        got = label_builder_get(&b, STR("le"));
        if (got.len == 0)
            got = label_builder_get(&b, STR("quantile"));
        if (!str_eq_c(got, bounds[i].want))
            fail_msg("%s: " STR_FMT, bounds[i].labels, STR_ARG(got));
    }
}

static void a_nan_is_the_normal_one(void **state)
{
    struct exposition_reader r;
    struct exposition_entry e;

    exposition_reader_init(&r, STR("a NaN\n"), EXPOSITION_TEXT);
    assert_int_equal(exposition_next(&r, &e, NULL), 0);
    assert_int_equal(double_bits(e.value), NORMAL_NAN_BITS);
}

static void the_writer_writes_text_0_0_4(void **state)
{
    CLEANUP(buf_free) struct buf out = {0};
    const struct label labels[] = {{STR("a.b"), STR("c")}, {STR("d"), STR("e")}};

    exposition_family(&out, "m_total", METRIC_COUNTER, "Back\\slash and\nnewline and \"quote\".");
    exposition_sample(&out, "m_total", 1e9, "l", "x\"y\\z\n", "k", "v", NULL);
    exposition_sample(&out, "m_total", NAN, NULL);
    exposition_family(&out, "my.metric", METRIC_UNKNOWN, NULL);
    exposition_sample(&out, "my.metric", -INFINITY, NULL);
    exposition_sample_labels(&out, STR("my.metric"), labels, 2, 0.5);
    exposition_sample_labels(&out, STR("m"), labels, 2, 1);
    exposition_family(&out, "i", METRIC_INFO, "");
    assert_string_equal(out.p, "# HELP m_total Back\\\\slash and\\nnewline and \"quote\".\n"
                               "# TYPE m_total counter\n"
                               "m_total{l=\"x\\\"y\\\\z\\n\",k=\"v\"} 1e+09\n"
                               "m_total NaN\n"
                               "# TYPE \"my.metric\" untyped\n"
                               "{\"my.metric\"} -Inf\n"
                               "{\"my.metric\",\"a.b\"=\"c\",d=\"e\"} 0.5\n"
                               "m{\"a.b\"=\"c\",d=\"e\"} 1\n"
                               "# TYPE i gauge\n");
}

static void what_is_written_is_read(void **state)
{
    static const char *const values[] = {"plain",     "quote\"", "back\\slash",
                                         "new\nline", "\\n",     "\\\\\"\n{}"};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(label_builder_deinit) struct label_builder b = {0};
        CLEANUP(buf_free) struct buf out = {0};
        struct exposition_reader r;
        struct exposition_entry e;

        exposition_sample(&out, values[i], 2.5, values[i], values[i], NULL);
        exposition_reader_init(&r, buf_str(&out), EXPOSITION_TEXT);
        assert_int_equal(exposition_next(&r, &e, NULL), 0);
        assert_int_equal(exposition_labels(&r, &e, &b, NULL), 0);
        assert_true(str_eq_c(label_builder_get(&b, str_c(values[i])), values[i]));
        assert_true(str_eq_c(label_builder_get(&b, LABEL_NAME), values[i]));
        assert_true(e.value == 2.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_is_read_as_prometheus_reads_it),
        cmocka_unit_test(speed_of_a_realistic_page),
        cmocka_unit_test(bad_pages_are_refused_with_line_and_reason),
        cmocka_unit_test(bounds_have_one_form),
        cmocka_unit_test(a_nan_is_the_normal_one),
        cmocka_unit_test(the_writer_writes_text_0_0_4),
        cmocka_unit_test(what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
