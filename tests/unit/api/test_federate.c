/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "base/num.h"
#include "model/histogram.h"
#include "tests/unit/api/site.h"
#include "tests/unit/conformance.h"

#define MINUTE 60000

/* The present, to the minute: the newest samples have it. */
static unix_ms present(void)
{
    return clock_unix_ms() / MINUTE * MINUTE;
}

static struct reply federate(struct site *s, const char *params, const char *headers)
{
    CLEANUP(buf_free) struct buf target = {0};

    buf_addf(&target, "/federate?%s", params);
    return site_ask(s, "GET", target.p, headers, STR_NONE);
}

static void assert_page(struct site *s, const char *params, const char *headers, int status,
                        struct str body)
{
    struct reply r = federate(s, params, headers);

    if (r.status != status || !str_eq(r.body, body))
        fail_msg("%s: got %d %.*s, expected %.*s", params, r.status, STR_ARG(r.body),
                 STR_ARG(body));
    reply_free(&r);
}

/* ---- the cases of Prometheus' own tests ---------------------------------------------------- */

/* The cases are a hundred minutes old at the epoch: their times are moved to the present. */
static void add_moved(struct str body, dur_ms by, struct buf *out)
{
    while (body.len) {
        struct str line = str_cut(&body, '\n');
        size_t at = line.len;
        int64_t t;

        while (at > 0 && line.p[at - 1] != ' ')
            at--;
        if (line.p[0] != '#' && num_parse_i64(str_n(line.p + at, line.len - at), &t))
            buf_addf(out, "%.*s%lld\n", (int)at, line.p, (long long)(t + by));
        else
            buf_addf(out, "%.*s\n", STR_ARG(line));
    }
}

static bool add_label(struct str name, const struct json *value, void *arg)
{
    buf_addf(arg, "    %.*s: %.*s\n", STR_ARG(name), STR_ARG(json_text(value)));
    return true;
}

static void run_scenario(struct site *s, const struct json *one, dur_ms by)
{
    CLEANUP(buf_free) struct buf yaml = {0}, params = {0}, body = {0};
    const struct json *external = json_get(one, "external_labels");
    struct str code = json_text(json_get(one, "code"));
    bool good = str_eq(code, STR("http.StatusOK"));

    buf_add_c(&yaml, json_len(external) ? "global:\n  external_labels:\n" : "");
    json_each(external, add_label, &yaml);
    site_watch(s, yaml.len ? yaml.p : "");
    buf_add_str(&params, json_text(json_get(one, "params")));
    for (size_t i = 0; i < params.len;
         i++) /* as a URL may not have them, and Go's client minds not */
        must(params.p[i] != ' ');
    add_moved(json_text(json_get(one, "body")), good ? by : 0, &body);
    assert_true(good || str_eq(code, STR("http.StatusBadRequest")));
    assert_page(s, params.p, NULL, good ? 200 : 400, buf_str(&body));
}

static void the_cases_of_prometheus_come_out_the_same(void **state)
{
    CLEANUP(buf_free) struct buf text = {0};
    struct site *s;
    struct json *doc = NULL;
    struct str load;
    struct err err = {0};
    unix_ms start;
    size_t n = 0;

    if (!conformance_read("api/federation.json", &text))
        skip();
    site_must(json_doc_parse(buf_str(&text), &doc, &err), &err);
    s = site_open("", NULL);
    start = present() - json_int(json_get(doc, "now_ms"));
    load = json_text(json_get(doc, "load"));
    str_cut(&load, '\n'); /* load 1m */
    while (load.len) {
        struct str line = str_trim(str_cut(&load, '\n'));
        CLEANUP(series_desc_freep) struct series_desc *d = NULL;

        site_must(series_desc_parse(line, &d, &err), &err);
        for (size_t i = 90; i < d->n; i++) /* what no lookback reaches is out of bounds here */
            site_put_sample(s, d->metric, start + (unix_ms)i * MINUTE, d->values[i].v, NULL);
    }
    for (const struct json *all = json_get(doc, "scenarios"); n < json_len(all); n++)
        run_scenario(s, json_at(all, n), start);
    assert_true(n >= 17);
    site_close(s);
    json_doc_free(doc);
}

/* ---- what they do not have ----------------------------------------------------------------- */

static void families_stand_together_though_another_label_sorts_before_the_name(void **state)
{
    struct site *s = site_open("", NULL);
    CLEANUP(buf_free) struct buf body = {0};
    unix_ms t = present();

    site_put(s, "b{A=\"1\",instance=\"i\"}", t, 1);
    site_put(s, "a{A=\"2\",instance=\"i\"}", t, 2e9);
    site_put(s, "b{A=\"3\",instance=\"i\"}", t, 3);
    buf_addf(&body,
             "# TYPE a untyped\na{A=\"2\",instance=\"i\"} 2e+09 %lld\n"
             "# TYPE b untyped\nb{A=\"1\",instance=\"i\"} 1 %lld\nb{A=\"3\",instance=\"i\"} 3 "
             "%lld\n",
             (long long)t, (long long)t, (long long)t);
    assert_page(s, "match[]={A!=%22%22}", NULL, 200, buf_str(&body));
    site_close(s);
}

static void names_of_utf8_get_underscores_unless_the_scraper_takes_them(void **state)
{
    struct site *s = site_open("global: {external_labels: {instance: me}}", NULL);
    CLEANUP(buf_free) struct buf plain = {0}, whole = {0};
    unix_ms t = present();
    struct reply r;

    site_put(s, "{\"9a.b\",\"host.name\"=\"h\\\"\"}", t, 1);
    buf_addf(&plain, "# TYPE _a_b untyped\n_a_b{host_name=\"h\\\"\",instance=\"me\"} 1 %lld\n",
             (long long)t);
    buf_addf(&whole,
             "# TYPE \"9a.b\" untyped\n{\"9a.b\",\"host.name\"=\"h\\\"\",instance=\"me\"} 1 %lld\n",
             (long long)t);
    assert_page(s, "match[]={%22host.name%22=~%22.%2b%22}", NULL, 200, buf_str(&plain));
    assert_page(s, "match[]={%22host.name%22=~%22.%2b%22}",
                "Accept: text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5\r\n", 200,
                buf_str(&whole));
    r = federate(s, "match[]={%22host.name%22=~%22.%2b%22}", NULL);
    assert_true(str_eq(reply_header(&r, "Content-Type"),
                       STR("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")));
    reply_free(&r);
    site_close(s);
}

static void a_native_histogram_has_no_place_on_the_page(void **state)
{
    static const struct histogram_span span = {0, 1};
    static const double one = 1;
    const struct histogram h = {.count = 1,
                                .sum = 1,
                                .n_positive_spans = 1,
                                .n_positive = 1,
                                .positive_spans = &span,
                                .positive = &one};
    struct site *s = site_open("", NULL);
    struct label l = {LABEL_NAME, STR("h")};
    struct label_set *labels = label_set_new(&l, 1);

    site_put_sample(s, labels, present() - 1000, 1, NULL);
    site_put_sample(s, labels, present(), 0, &h);
    assert_page(s, "match[]=h", NULL, 200, STR(""));
    label_set_unref(labels);
    site_close(s);
}

static void before_it_is_ready_there_is_no_page(void **state)
{
    struct site *s = site_open("", NULL);

    atomic_store(&s->ready, false);
    assert_page(s, "match[]=up", NULL, 503, STR("Service Unavailable"));
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cases_of_prometheus_come_out_the_same),
        cmocka_unit_test(families_stand_together_though_another_label_sorts_before_the_name),
        cmocka_unit_test(names_of_utf8_get_underscores_unless_the_scraper_takes_them),
        cmocka_unit_test(a_native_histogram_has_no_place_on_the_page),
        cmocka_unit_test(before_it_is_ready_there_is_no_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
