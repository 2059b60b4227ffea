/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a real Prometheus answered, and the cases of its own tests, asked of us.
 */
#include "tests/unit/tocsin_cmocka.h"

#include <math.h>

#include "base/num.h"
#include "net/crypto.h"
#include "tests/unit/api/site.h"
#include "tests/unit/conformance.h"

static struct json *read_json(const char *name)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct json *doc = NULL;
    struct err err = {0};

    if (!conformance_read(name, &text)) {
        print_message("# conformance/%s is not here\n", name);
        skip();
    }
    site_must(json_doc_parse(buf_str(&text), &doc, &err), &err);
    return doc;
}

/* ---- shapes of recorded answers ------------------------------------------------------------ */

/* The site that was recorded, without its Alertmanager, and without the port that tests may not
 * use: nothing is scraped in time. */
static const char golden_config[] =
    "global:\n"
    "  scrape_interval: 1000d\n"
    "  evaluation_interval: 5s\n"
    "  external_labels: {cluster: demo, replica: '0'}\n"
    "rule_files: [rules.yml]\n"
    "scrape_configs:\n"
    "- job_name: app\n"
    "  static_configs: [{targets: ['127.0.0.1:19199'], labels: {team: pay}}]\n"
    "- job_name: broken\n"
    "  metrics_path: /bad\n"
    "  static_configs: [{targets: ['127.0.0.1:19199']}]\n"
    "- job_name: err500\n"
    "  metrics_path: /500\n"
    "  static_configs: [{targets: ['127.0.0.1:19199']}]\n"
    "- job_name: dropped\n"
    "  scrape_interval: 3s\n"
    "  scrape_timeout: 2s\n"
    "  static_configs: [{targets: ['127.0.0.1:1']}]\n"
    "  relabel_configs: [{action: drop, source_labels: [job], regex: dropped}]\n";

#define APP "instance=\"127.0.0.1:19199\",job=\"app\",team=\"pay\"}"

static const struct {
    const char *metric;
    double v;
} golden_samples[] = {
    {"up{instance=\"127.0.0.1:19199\",job=\"broken\"}", 0},
    {"up{" APP, 1},
    {"up{instance=\"127.0.0.1:19199\",job=\"err500\"}", 0},
    {"app_temp{" APP, 21.5},
    {"app_requests_total{code=\"200\",path=\"/a b\"," APP, 237},
    {"app_requests_total{code=\"500\",path=\"/a b\"," APP, 79},
    {"lat_bucket{le=\"0.1\"," APP, 3},
    {"lat_bucket{le=\"+Inf\"," APP, 4},
    {"lat_count{" APP, 4},
    {"lat_sum{" APP, 1.5},
};

/* Paths that this version does not have, and answers that are meant to be others. */
static const struct {
    const char *name, *why;
} left_out[] = {
    {"targets_metadata", "nothing is scraped here; test_targets does"},
    {"metadata", "nothing is scraped here; test_targets does"},
    {"alertmanagers", "there are none, alerts go to our own routing"},
    {"federate", "no envelope, is in test_federate"},
    {"root", "our own first page"},
    {"healthy", "our own name in the text"},
    {"version_metrics", "our own version, and as JSON by name"},
    {"remote_write_empty", "other words, status and headers are in test_write"},
    {"remote_write_badbody", "other words, status and headers are in test_write"},
    {"remote_write_badenc", "other words, status and headers are in test_write"},
    {"admin_delete", "needs a switch, is in tests/e2e/test_admin.py"},
    {"admin_delete_nomatch", "needs a switch, is in tests/e2e/test_admin.py"},
    {"admin_snapshot", "needs a switch, is in tests/e2e/test_admin.py"},
    {"status_flags", "our own flags"},
    {"gzip", "answers below 1 KiB are not compressed"},
};

static const char *why_left_out(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        if (str_eq_c(name, left_out[i].name))
            return left_out[i].why;
    return NULL;
}

/* Objects whose keys are data. */
static bool is_free_form(struct str key)
{
    static const char *const names[] = {"metric", "labels", "annotations", "discoveredLabels",
                                        "droppedTargetCounts"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(key, names[i]))
            return true;
    return false;
}

struct shape {
    const char *name; /* of the recorded answer */
    const struct json *got;
    struct buf path;
};

static void compare_shape(struct shape *s, const struct json *got, const struct json *want,
                          struct str key);

static bool compare_member(struct str key, const struct json *want, void *arg)
{
    struct shape *s = arg;
    CLEANUP(mem_freep) char *name = str_dup(key);
    const struct json *outer = s->got, *got = json_get(outer, name);
    size_t len = s->path.len;

    buf_addf(&s->path, ".%s", name);
    if (!got)
        fail_msg("%s: %s is missing", s->name, s->path.p);
    compare_shape(s, got, want, key);
    s->path.len = len;
    s->path.p[len] = '\0';
    s->got = outer;
    return true;
}

static void compare_shape(struct shape *s, const struct json *got, const struct json *want,
                          struct str key)
{
    if (json_type_of(got) != json_type_of(want))
        fail_msg("%s: %s has type %d, expected %d", s->name, s->path.p, json_type_of(got),
                 json_type_of(want));
    if (json_type_of(want) == JSON_ARRAY && json_len(want)) {
        if (json_len(got) == 0)
            fail_msg("%s: %s is empty", s->name, s->path.p);
        compare_shape(s, json_at(got, 0), json_at(want, 0), key);
    }
    if (json_type_of(want) == JSON_OBJECT && !is_free_form(key)) {
        if (json_len(got) != json_len(want))
            fail_msg("%s: %s has %zu keys, expected %zu", s->name, s->path.p, json_len(got),
                     json_len(want));
        s->got = got;
        json_each(want, compare_member, s);
    }
}

static bool add_header(struct str key, const struct json *v, void *arg)
{
    buf_addf(arg, "%.*s: %.*s\r\n", STR_ARG(key), STR_ARG(json_text(v)));
    return true;
}

static bool compare_header(struct str key, const struct json *v, void *arg)
{
    const struct reply *r = arg;
    CLEANUP(mem_freep) char *name = str_dup(key);
    struct str got = reply_header(r, name);

    if (str_eq(key, STR("Date")) || str_eq(key, STR("Content-Length")) ||
        str_eq(key, STR("Transfer-Encoding")))
        return true;
    if (!str_eq(got, json_text(v)))
        fail_msg("%s: got \"%.*s\", expected \"%.*s\"", name, STR_ARG(got), STR_ARG(json_text(v)));
    return true;
}

/* Whole answers that must be ours to the byte. */
static bool is_exact(struct str name)
{
    static const char *const names[] = {"query_bad",         "query_empty",     "query_timeout",
                                        "range_nostep",      "range_endbefore", "series_nomatch",
                                        "series_emptymatch", "series_delete",   "label_values_bad",
                                        "targets_dropped",   "scrape_pools",    "rules_bad",
                                        "format_query",      "format_query2",   "label_values",
                                        "status_walreplay",  "query_exemplars"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

static void add_json(const struct json *j, struct buf *out);

struct members {
    struct buf *out;
    bool any;
};

static bool add_member(struct str key, const struct json *v, void *arg)
{
    struct members *m = arg;

    if (m->any)
        buf_add_byte(m->out, ',');
    m->any = true;
    json_add_string(m->out, key, JSON_PLAIN);
    buf_add_byte(m->out, ':');
    add_json(v, m->out);
    return true;
}

/* Any two texts of the same value become one. */
static void add_json(const struct json *j, struct buf *out)
{
    struct members m = {out, false};

    switch (json_type_of(j)) {
    case JSON_NULL: buf_add_c(out, "null"); break;
    case JSON_BOOL: buf_add_c(out, json_is_true(j) ? "true" : "false"); break;
    case JSON_NUMBER: buf_addf(out, "%.17g", json_double(j)); break;
    case JSON_STRING: json_add_string(out, json_text(j), JSON_PLAIN); break;
    case JSON_ARRAY:
        buf_add_byte(out, '[');
        for (size_t i = 0; i < json_len(j); i++) {
            if (i)
                buf_add_byte(out, ',');
            add_json(json_at(j, i), out);
        }
        buf_add_byte(out, ']');
        break;
    case JSON_OBJECT:
        buf_add_byte(out, '{');
        json_each(j, add_member, &m);
        buf_add_byte(out, '}');
        break;
    }
}

static void assert_same_json(const char *name, const struct json *got, const struct json *want)
{
    CLEANUP(buf_free) struct buf a = {0}, b = {0};

    add_json(got, &a);
    add_json(want, &b);
    if (!str_eq(buf_str(&a), buf_str(&b)))
        fail_msg("%s: got\n%s\nexpected\n%s", name, a.p, b.p);
}

static void compare_body(const struct json *recorded, const struct reply *r)
{
    CLEANUP(mem_freep) char *name = str_dup(json_text(json_get(recorded, "name")));
    const struct json *want = json_get(recorded, "json");
    struct shape s = {.name = name};
    struct json *doc = NULL;

    if (!want) {
        if (!str_eq(r->body, json_text(json_get(recorded, "body"))))
            fail_msg("%s: %.*s", name, STR_ARG(r->body));
        return;
    }
    data_of(r, &doc);
    buf_add_c(&s.path, "$");
    compare_shape(&s, doc, want, STR(""));
    if (is_exact(str_c(name)))
        assert_same_json(name, doc, want);
    buf_free(&s.path);
    json_doc_free(doc);
}

static void run_recorded(struct site *s, const struct json *recorded)
{
    CLEANUP(buf_free) struct buf headers = {0};
    CLEANUP(mem_freep) char *method = str_dup(json_text(json_get(recorded, "method")));
    CLEANUP(mem_freep) char *path = str_dup(json_text(json_get(recorded, "path")));
    CLEANUP(buf_free) struct buf target = {0};
    struct reply r;

    /* what was "now" then is when our samples are */
    buf_add_c(&target, path);
    if (strncmp(path, "/api/v1/query?", 14) == 0 && !strstr(path, "time=17"))
        buf_addf(&target, "&time=%lld", (long long)(T0 / 1000 + 60));
    json_each(json_get(recorded, "request_headers"), add_header, &headers);
    r = site_ask(s, method, target.p, headers.len ? headers.p : NULL,
                 json_text(json_get(recorded, "request_body")));
    if (r.status != json_int(json_get(recorded, "status")))
        fail_msg("%s %s: %d %.*s", method, path, r.status, STR_ARG(r.body));
    if (!str_eq(json_text(json_get(recorded, "name")), STR("reload")))
        json_each(json_get(recorded, "headers"), compare_header, &r);
    compare_body(recorded, &r);
    reply_free(&r);
}

static struct site *golden_site(const char *rules)
{
    struct site *s = site_open(golden_config, rules);
    unix_ns now = unix_ns_of_ms(T0);

    for (size_t i = 0; i < ARRAY_LEN(golden_samples); i++) {
        site_put(s, golden_samples[i].metric, T0, golden_samples[i].v);
        site_put(s, golden_samples[i].metric, T0 + 30000, golden_samples[i].v);
        site_put(s, golden_samples[i].metric, T0 + 60000, golden_samples[i].v);
    }
    while (now < unix_ns_of_ms(T0 + 60000))
        now = rules_tick(s->rules, now);
    return s;
}

static void recorded_answers_have_the_same_shape(void **state)
{
    CLEANUP(buf_free) struct buf text = {0}, rules = {0};
    size_t same = 0, out = 0;
    struct site *s;
    struct str rest;

    if (!conformance_read("api/golden/responses.jsonl", &text) ||
        !conformance_read("api/golden/rules.yml", &rules)) {
        print_message("# conformance/api/golden is not here\n");
        skip();
    }
    s = golden_site(rules.p);
    for (rest = buf_str(&text); rest.len;) {
        struct str line = str_cut(&rest, '\n'), name;
        struct json *recorded = NULL;
        struct err err = {0};

        site_must(json_doc_parse(line, &recorded, &err), &err);
        name = json_text(json_get(recorded, "name"));
        if (why_left_out(name)) {
            print_message("#   left out: %.*s: %s\n", STR_ARG(name), why_left_out(name));
            out++;
        } else {
            bool allowed = !str_eq(name, STR("reload_disabled"));

            if (s->options.enable_lifecycle != allowed) {
                s->options.enable_lifecycle = allowed;
                site_restart_api(s);
            }
            run_recorded(s, recorded);
            same++;
        }
        json_doc_free(recorded);
    }
    print_message("# responses.jsonl: %zu the same, %zu left out\n", same, out);
    assert_int_equal(out, ARRAY_LEN(left_out));
    site_close(s);
}

/* ---- the cases of Prometheus' API tests ---------------------------------------------------- */

static const struct {
    const char *name, *path;
} endpoints[] = {
    {"query", "/api/v1/query"},
    {"queryRange", "/api/v1/query_range"},
    {"formatQuery", "/api/v1/format_query"},
    {"series", "/api/v1/series"},
    {"dropSeries", "/api/v1/series"},
    {"labelNames", "/api/v1/labels"},
    {"rules", "/api/v1/rules"},
};

static const char endpoint_rules[] =
    "groups:\n"
    "- name: grp\n"
    "  interval: 1s\n"
    "  rules:\n"
    "  - {alert: test_metric3, expr: absent(test_metric3) != 1, for: 1s}\n"
    "  - {alert: test_metric4, expr: up == 1, for: 1s}\n"
    "  - {alert: test_metric5, expr: vector(1), for: 1s, labels: {name: tm5}}\n"
    "  - {alert: test_metric6, expr: up == 1, for: 1s, labels: {testlabel: rule}}\n"
    "  - {alert: test_metric7, expr: up == 1, for: 1s, labels: {templatedlabel: '{{ $externalURL }}'}}\n"
    "  - {record: recording-rule-1, expr: vector(1)}\n"
    "  - {record: recording-rule-2, expr: vector(1), labels: {testlabel: rule}}\n"
    "- name: grp2\n"
    "  interval: 1s\n"
    "  rules:\n"
    "  - {alert: test_metric3, expr: absent(test_metric3) != 1, for: 1s}\n";

struct tally {
    size_t same, out;
};

/* %XX of every byte, of text in which code points below 256 may stand for bytes. */
static void add_path_part(struct str s, bool latin1, struct buf *out)
{
    while (s.len) {
        uint32_t code;
        size_t len = str_utf8_next(s, &code);

        if (latin1)
            buf_addf(out, "%%%02X", (unsigned)code);
        for (size_t i = 0; !latin1 && i < len; i++)
            buf_addf(out, "%%%02X", (unsigned char)s.p[i]);
        s = str_n(s.p + len, s.len - len);
    }
}

/* The path of a case; false: there is none here. */
static bool make_path(const struct json *one, struct buf *out)
{
    struct str endpoint = json_text(json_get(one, "endpoint"));
    const struct json *name = json_get(json_get(one, "path_params"), "name");

    if (str_eq(endpoint, STR("labelValues"))) {
        bool latin1 = json_type_of(name) == JSON_OBJECT;

        buf_add_c(out, "/api/v1/label/");
        add_path_part(json_text(latin1 ? json_get(name, "latin1_bytes") : name), latin1, out);
        buf_add_c(out, "/values");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++)
        if (str_eq_c(endpoint, endpoints[i].name)) {
            buf_add_c(out, endpoints[i].path);
            return true;
        }
    return false;
}

struct query {
    struct buf text;
    const char *file;
};

/* The mocked rule file has another path than ours, and so have its tokens. */
static void add_value(struct query *q, struct str v)
{
    CLEANUP(buf_free) struct buf name = {0}, token = {0};
    uint8_t digest[20];

    if (str_has_prefix(v, STR("getRuleGroupNextToken("))) {
        buf_addf(&name, "%s;grp2", q->file);
        crypto_sha1(buf_str(&name), digest);
        crypto_hex(digest, sizeof digest, &token);
        buf_add_str(&q->text, buf_str(&token));
    } else if (str_eq(v, STR("/path/to/file"))) {
        quote_add_url(&q->text, str_c(q->file));
    } else {
        quote_add_url(&q->text, v);
    }
}

static bool add_query(struct str key, const struct json *v, void *arg)
{
    struct query *q = arg;

    for (size_t i = 0; i < json_len(v); i++) {
        buf_add_byte(&q->text, q->text.len ? '&' : '?');
        quote_add_url(&q->text, key);
        buf_add_byte(&q->text, '=');
        add_value(q, json_text(json_at(v, i)));
    }
    return true;
}

/* ---- what a case expects ------------------------------------------------------------------- */

/* Empty Go maps and slices were written down as {}. */
static bool is_nothing(const struct json *j)
{
    return json_type_of(j) == JSON_OBJECT && json_len(j) == 0;
}

static void compare_rule(const struct json *got, const struct json *want, const char *what)
{
    static const struct {
        const char *go, *ours;
    } fields[] = {{"State", "state"},
                  {"Name", "name"},
                  {"Query", "query"},
                  {"Type", "type"},
                  {"Health", "health"}};
    const struct json *alerts = json_get(want, "Alerts"), *labels = json_get(want, "Labels");

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct str a = json_text(json_get(got, fields[i].ours));
        struct str b = json_text(json_get(want, fields[i].go));

        if (!str_eq(a, b))
            fail_msg("%s: %s: got %.*s, expected %.*s", what, fields[i].ours, STR_ARG(a),
                     STR_ARG(b));
    }
    if (json_len(labels) || json_get(got, "labels"))
        assert_same_json(what, json_get(got, "labels"), labels);
    if (!alerts)
        return;
    if (json_type_of(alerts) == JSON_NULL) {
        assert_int_equal(json_type_of(json_get(got, "alerts")), JSON_NULL);
        return;
    }
    assert_int_equal(json_len(json_get(got, "alerts")), json_len(alerts));
    for (size_t i = 0; i < json_len(alerts); i++) {
        const struct json *g = json_at(json_get(got, "alerts"), i), *w = json_at(alerts, i);

        assert_same_json(what, json_get(g, "labels"), json_get(w, "Labels"));
        assert_true(str_eq(json_text(json_get(g, "state")), json_text(json_get(w, "State"))));
        assert_true(str_eq(json_text(json_get(g, "value")), json_text(json_get(w, "Value"))));
    }
}

static void compare_groups(const struct json *data, const struct json *want, const char *file,
                           const char *what)
{
    const struct json *groups = json_get(data, "groups"), *wanted = json_get(want, "RuleGroups");
    CLEANUP(buf_free) struct buf name = {0}, token = {0};
    uint8_t digest[20];

    assert_int_equal(json_len(groups), json_len(wanted));
    for (size_t i = 0; i < json_len(groups); i++) {
        const struct json *g = json_at(groups, i), *w = json_at(wanted, i);
        const struct json *rules = json_get(w, "Rules");

        assert_true(str_eq(json_text(json_get(g, "name")), json_text(json_get(w, "Name"))));
        assert_true(json_double(json_get(g, "interval")) == json_double(json_get(w, "Interval")));
        assert_int_equal(json_len(json_get(g, "rules")), json_len(rules));
        for (size_t k = 0; k < json_len(rules); k++)
            compare_rule(json_at(json_get(g, "rules"), k), json_at(rules, k), what);
    }
    if (json_get(want, "GroupNextToken")) {
        buf_addf(&name, "%s;grp2", file);
        crypto_sha1(buf_str(&name), digest);
        crypto_hex(digest, sizeof digest, &token);
        assert_true(str_eq(json_text(json_get(data, "groupNextToken")), buf_str(&token)));
    } else {
        assert_null(json_get(data, "groupNextToken"));
    }
}

static double number_of(const struct json *j)
{
    double v = NAN;

    return json_type_of(j) == JSON_NUMBER ? json_double(j)
                                          : (num_parse_double(json_text(j), &v) ? v : NAN);
}

/* A scalar, or a matrix of floats: values, not times, which are Go there. */
static void compare_result(const struct json *data, const struct json *want, const char *what)
{
    struct str type = json_text(json_get(want, "ResultType"));
    const struct json *result = json_get(data, "result"), *wanted = json_get(want, "Result");
    struct buf expected = {0};

    buf_addf(&expected, "parser.ValueType%c",
             json_text(json_get(data, "resultType")).p[0] + 'A' - 'a');
    assert_true(str_has_prefix(type, buf_str(&expected)));
    buf_free(&expected);
    if (json_get(wanted, "V")) {
        assert_true(number_of(json_at(result, 1)) == json_double(json_get(wanted, "V")));
        return;
    }
    assert_int_equal(json_len(result), json_len(wanted));
    for (size_t i = 0; i < json_len(wanted); i++) {
        const struct json *floats = json_get(json_at(wanted, i), "Floats");
        const struct json *values = json_get(json_at(result, i), "values");
        const struct json *metric = json_get(json_at(wanted, i), "Metric");

        if (metric)
            assert_same_json(what, json_get(json_at(result, i), "metric"), metric);
        assert_int_equal(json_len(values), json_len(floats));
        for (size_t k = 0; k < json_len(floats); k++)
            assert_true(number_of(json_at(json_at(values, k), 1)) ==
                        json_double(json_get(json_at(floats, k), "F")));
    }
}

static void compare_data(const struct json *one, const struct json *data, const char *file,
                         const char *what)
{
    const struct json *fields = json_get(one, "response_fields");
    const struct json *exact = json_get(one, "response_json"), *len = json_get(one, "response_len");

    if (exact)
        assert_same_json(what, data, exact);
    if (len)
        assert_int_equal(json_len(data), json_int(len));
    if (!fields)
        return;
    if (is_nothing(fields) && json_len(data))
        fail_msg("%s: got %zu, expected none", what, json_len(data));
    if (is_nothing(fields))
        return;
    if (json_get(fields, "RuleGroups"))
        compare_groups(data, fields, file, what);
    else if (json_get(fields, "ResultType"))
        compare_result(data, fields, what);
    else
        assert_same_json(what, data, fields);
}

static void run_case(const struct site *s, const struct json *one, const char *file,
                     struct tally *tally)
{
    CLEANUP(buf_free) struct buf target = {0};
    struct query q = {.file = file};
    struct str endpoint = json_text(json_get(one, "endpoint"));
    const struct json *warnings = json_get(one, "warnings_count");
    struct json *doc = NULL;
    const struct json *data;
    struct reply r;

    if (!make_path(one, &target)) {
        tally->out++;
        return;
    }
    json_each(json_get(one, "query"), add_query, &q);
    buf_add_str(&target, buf_str(&q.text));
    buf_free(&q.text);
    r = site_ask(s, str_eq(endpoint, STR("dropSeries")) ? "DELETE" : "GET", target.p, NULL,
                 STR_NONE);
    data = data_of(&r, &doc);
    if (!str_eq(json_text(json_get(doc, "errorType")), json_text(json_get(one, "error_type"))))
        fail_msg("%s: %.*s", target.p, STR_ARG(r.body));
    if (warnings)
        assert_int_equal(json_len(json_get(doc, "warnings")), json_int(warnings));
    compare_data(one, data, file, target.p);
    tally->same++;
    json_doc_free(doc);
    reply_free(&r);
}

#define LINES_MAX 16 /* of the load block */

/* Step by step: what comes after an hour of others would be out of bounds. */
static struct site *endpoint_site(struct str load)
{
    struct site *s = site_open("", NULL);
    struct series_desc *lines[LINES_MAX] = {NULL};
    struct err err = {0};
    size_t n = 0;

    str_cut(&load, '\n'); /* load 1m */
    for (; load.len; n++) {
        assert_true(n < LINES_MAX);
        site_must(series_desc_parse(str_trim(str_cut(&load, '\n')), &lines[n], &err), &err);
    }
    for (size_t k = 0; k < lines[0]->n; k++)
        for (size_t i = 0; i < n; i++)
            site_put_sample(s, lines[i]->metric, (unix_ms)k * 60000, lines[i]->values[k].v, NULL);
    for (size_t i = 0; i < n; i++)
        series_desc_free(lines[i]);
    return s;
}

/* Runs each group once, so that the alert of vector(1) is pending. */
static struct site *rules_site(void)
{
    struct site *s = site_open("rule_files: [rules.yml]\n", endpoint_rules);
    unix_ns next = rules_tick(s->rules, unix_ns_of_ms(T0));

    while (next <= unix_ns_of_ms(T0 + 1000))
        next = rules_tick(s->rules, next);
    return s;
}

static void cases_of_prometheus_api_tests_come_out_the_same(void **state)
{
    struct json *doc = read_json("api/endpoints.json");
    const struct json *cases = json_get(doc, "cases");
    struct site *data = endpoint_site(json_text(json_get(json_get(doc, "setup"), "load")));
    struct site *rules = rules_site();
    CLEANUP(buf_free) struct buf file = {0};
    struct tally tally = {0};

    buf_addf(&file, "%s/rules.yml", rules->folder);
    for (size_t i = 0; i < json_len(cases); i++) {
        const struct json *one = json_at(cases, i);
        bool of_rules = str_eq(json_text(json_get(one, "endpoint")), STR("rules"));

        run_case(of_rules ? rules : data, one, file.p, &tally);
    }
    print_message("# endpoints.json: %zu the same, %zu left out (targets are mocked there; "
                  "those of metadata too; alertmanagers are not carried out; config and flags are "
                  "Go expressions)\n",
                  tally.same, tally.out);
    assert_true(tally.same > 60);
    site_close(data);
    site_close(rules);
    json_doc_free(doc);
}

/* ---- numbers and times --------------------------------------------------------------------- */

/* One sample as the recorded JSON has it, asked for as a scalar at that time. */
static void check_point(const struct site *s, const struct json *fields, struct str expected)
{
    CLEANUP(buf_free) struct buf params = {0}, body = {0};
    const struct json *v = json_get(fields, "F");
    struct reply r;

    buf_add_c(&params, "query=");
    if (json_type_of(v) == JSON_STRING)
        buf_add_str(&params, json_text(v));
    else
        buf_addf(&params, "%.17g", json_double(v));
    buf_addf(&params, ";time=%.3f", json_double(json_get(fields, "T")) / 1000);
    r = site_get(s, "/api/v1/query", params.p);
    buf_addf(&body, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":%.*s}}",
             STR_ARG(expected));
    if (!str_eq(r.body, buf_str(&body)))
        fail_msg("%s: got %.*s, expected %s", params.p, STR_ARG(r.body), body.p);
    reply_free(&r);
}

/* Elements of a vector or matrix, one after the other: each is asked for alone, at its own time. */
static void check_elements(struct site *s, const struct json *fields, struct str expected)
{
    const struct str begin = STR("\"result\":["), between = STR("},{\"metric\"");
    const struct json *result = json_get(fields, "Result");
    bool matrix = str_eq(json_text(json_get(fields, "ResultType")), STR("parser.ValueTypeMatrix"));
    size_t at = str_find(expected, begin) + begin.len;
    struct str rest = str_n(expected.p + at, expected.len - at - 3); /* ]}} */

    for (size_t i = 0; i < json_len(result); i++) {
        CLEANUP(buf_free) struct buf params = {0}, body = {0};
        struct str name = json_text(json_get(json_get(json_at(result, i), "Metric"), "__name__"));
        size_t end = str_find(rest, between);
        struct str element = str_n(rest.p, end < rest.len ? end + 1 : rest.len);
        struct reply r;

        buf_addf(&params, "query=%.*s%s;time=%zu", STR_ARG(name), matrix ? "[1h]" : "",
                 matrix ? 10 : i + 1);
        buf_addf(&body,
                 "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":[%.*s]}}",
                 matrix ? "matrix" : "vector", STR_ARG(element));
        r = site_get(s, "/api/v1/query", params.p);
        if (!str_eq(r.body, buf_str(&body)))
            fail_msg("%s: got %.*s, expected %s", params.p, STR_ARG(r.body), body.p);
        reply_free(&r);
        if (end < rest.len)
            rest = str_n(rest.p + end + 2, rest.len - end - 2);
    }
}

/* The histogram of the case, as it is: its count is not the sum of its buckets. */
static void put_histogram(struct site *s)
{
    static const struct histogram_span positive[] = {{3, 2}, {1, 3}}, negative[] = {{2, 2}};
    static const double up[] = {1, 2, 2, 1, 1}, down[] = {2, 1};
    const struct histogram h = {.schema = 2,
                                .zero_threshold = 0.001,
                                .zero_count = 12,
                                .count = 10,
                                .sum = 20,
                                .n_positive_spans = 2,
                                .n_negative_spans = 1,
                                .n_positive = 5,
                                .n_negative = 2,
                                .positive_spans = positive,
                                .negative_spans = negative,
                                .positive = up,
                                .negative = down};
    const struct label labels[] = {{STR("__name__"), STR("foo")}};
    struct label_set *metric = label_set_new(labels, 1);

    site_put_sample(s, metric, 1000, 0, &h);
    label_set_unref(metric);
}

static void numbers_times_and_histograms_are_encoded_the_same(void **state)
{
    struct json *all = read_json("api/json_encoding.json");
    const struct str head = STR("{\"status\":\"success\",\"data\":");
    struct site *floats = site_open("", NULL), *histograms = site_open("", NULL);
    size_t same = 0, out = 0;

    site_put(floats, "foo", 1000, 1);
    site_put(floats, "bar", 2000, 2);
    put_histogram(histograms);
    for (size_t i = 0; i < json_len(all); i++) {
        const struct json *fields = json_get(json_at(all, i), "response_fields");
        struct str body = json_text(json_get(json_at(all, i), "expected_body"));

        if (json_type_of(fields) == JSON_ARRAY) {
            out++; /* exemplars */
            continue;
        }
        if (json_get(fields, "Result"))
            check_elements(json_get(json_at(json_get(fields, "Result"), 0), "Histograms")
                               ? histograms
                               : floats,
                           fields, body);
        else
            check_point(floats, fields, str_n(body.p + head.len, body.len - head.len - 1));
        same++;
    }
    print_message("# json_encoding.json: %zu the same, %zu left out (exemplars)\n", same, out);
    site_close(floats);
    site_close(histograms);
    json_doc_free(all);
}

/* A time as the start, a duration as the step of a range of one point. */
static int64_t time_of(const struct site *s, struct str input, bool *ret_ok)
{
    CLEANUP(buf_free) struct buf params = {0};
    struct json *doc = NULL;
    const struct json *values;
    int64_t ms;
    struct reply r;

    buf_addf(&params, "query=1;step=1;start=%.*s;end=%.*s", STR_ARG(input), STR_ARG(input));
    r = site_get(s, "/api/v1/query_range", params.p);
    values = json_get(json_at(json_get(data_of(&r, &doc), "result"), 0), "values");
    *ret_ok = r.status == 200;
    ms = llround(json_double(json_at(json_at(values, 0), 0)) * 1000);
    json_doc_free(doc);
    reply_free(&r);
    return ms;
}

static int64_t duration_of(const struct site *s, struct str input, bool *ret_ok)
{
    CLEANUP(buf_free) struct buf params = {0};
    struct json *doc = NULL;
    const struct json *values;
    int64_t ms;
    struct reply r;

    buf_addf(&params, "query=1;start=0;end=1000;step=%.*s", STR_ARG(input));
    r = site_get(s, "/api/v1/query_range", params.p);
    values = json_get(json_at(json_get(data_of(&r, &doc), "result"), 0), "values");
    *ret_ok = r.status == 200;
    ms = llround(json_double(json_at(json_at(values, 1), 0)) * 1000);
    json_doc_free(doc);
    reply_free(&r);
    return ms;
}

static size_t check_inputs(const struct site *s, const struct json *cases, const char *key,
                           int64_t (*ask)(const struct site *s, struct str input, bool *ret_ok))
{
    for (size_t i = 0; i < json_len(cases); i++) {
        struct str input = json_text(json_get(json_at(cases, i), "input"));
        const struct json *ms = json_get(json_at(cases, i), key);
        bool ok = false;
        int64_t got = ask(s, input, &ok);

        if (ok == json_is_true(json_get(json_at(cases, i), "error")))
            fail_msg("%s of \"%.*s\": %s", key, STR_ARG(input), ok ? "taken" : "refused");
        if (ms && got != json_int(ms))
            fail_msg("%s of \"%.*s\": got %lld", key, STR_ARG(input), (long long)got);
    }
    return json_len(cases);
}

static void times_and_durations_are_read_the_same(void **state)
{
    struct json *doc = read_json("api/time_duration.json");
    struct site *s = site_open("", NULL);
    size_t times = check_inputs(s, json_get(doc, "parse_time"), "unix_ms", time_of);
    size_t durations = check_inputs(s, json_get(doc, "parse_duration"), "ms", duration_of);

    print_message("# time_duration.json: %zu times, %zu durations\n", times, durations);
    assert_true(times > 0 && durations > 0);
    site_close(s);
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_answers_have_the_same_shape),
        cmocka_unit_test(cases_of_prometheus_api_tests_come_out_the_same),
        cmocka_unit_test(numbers_times_and_histograms_are_encoded_the_same),
        cmocka_unit_test(times_and_durations_are_read_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
