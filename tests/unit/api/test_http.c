/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "base/gzip.h"
#include "base/thread.h"
#include "model/exposition.h"
#include "net/http_client.h"
#include "tests/unit/api/site.h"

static int set_up(void **state)
{
    struct site *s = site_open("route: {receiver: hook}\n"
                               "receivers: [{name: hook, webhook_configs: [{url: 'http://h/'}]}]\n"
                               "scrape_configs:\n"
                               "- job_name: <j>\n"
                               "  basic_auth: {username: u, password: verysecret}\n",
                               NULL);

    for (int i = 0; i < 100; i++) {
        char metric[64];

        snprintf(metric, sizeof metric, "many{i=\"%d\"}", i);
        site_put(s, metric, T0, i);
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

static void assert_header(const struct reply *r, const char *name, const char *expected)
{
    struct str got = reply_header(r, name);

    if (expected ? !str_eq_c(got, expected) : got.p != NULL)
        fail_msg("%s: got \"%.*s\", expected %s", name, STR_ARG(got), expected ? expected : "none");
}

/* ---- status, content type, allowed methods ------------------------------------------------- */

static const struct {
    const char *method, *target;
    int status;
    const char *type, *allow, *body; /* NULL: not looked at */
} pages[] = {
    {"GET", "/-/healthy", 200, "text/plain; charset=utf-8", NULL, "tocsin is Healthy.\n"},
    {"HEAD", "/-/healthy", 200, NULL, NULL, ""},
    {"GET", "/-/ready", 200, "text/plain; charset=utf-8", NULL, "tocsin is Ready.\n"},
    {"GET", "/version", 200, "application/json", NULL, NULL},
    {"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", NULL, NULL},
    {"GET", "/", 200, "text/html; charset=utf-8", NULL, NULL},
    {"POST", "/", 405, "text/plain; charset=utf-8", "GET, OPTIONS", "Method Not Allowed\n"},
    {"DELETE", "/metrics", 405, "text/plain; charset=utf-8", "GET, OPTIONS",
     "Method Not Allowed\n"},
    {"GET", "/nothing", 404, "text/plain; charset=utf-8", NULL, "404 page not found\n"},
    {"GET", "/api/v1", 404, "text/plain; charset=utf-8", NULL, "404 page not found\n"},
    {"GET", "/api/v1/", 404, "text/plain; charset=utf-8", NULL, "404 page not found\n"},
    {"GET", "/api/v1/nothing", 404, "text/plain; charset=utf-8", NULL, "404 page not found\n"},
    {"GET", "/api/v1/query/", 404, "text/plain; charset=utf-8", NULL, "404 page not found\n"},
    {"GET", "/api/v1/label//values", 404, "text/plain; charset=utf-8", NULL, NULL},
    {"GET", "/api/v1/label/values", 404, "text/plain; charset=utf-8", NULL, NULL},
    {"PUT", "/api/v1/query", 405, "text/plain; charset=utf-8", "GET, OPTIONS, POST",
     "Method Not Allowed\n"},
    {"DELETE", "/api/v1/query_range", 405, NULL, "GET, OPTIONS, POST", NULL},
    {"PUT", "/api/v1/series", 405, NULL, "DELETE, GET, OPTIONS, POST", NULL},
    {"POST", "/api/v1/rules", 405, NULL, "GET, OPTIONS", NULL},
    {"POST", "/api/v1/status/config", 405, NULL, "GET, OPTIONS", NULL},
    {"POST", "/api/v1/label/job/values", 405, NULL, "GET, OPTIONS", NULL},
    {"DELETE", "/api/v1/series", 500, "application/json", NULL,
     "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"not implemented\"}"},
    {"GET", "/api/v1/query?query=%31&time=0", 200, "application/json", NULL,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[0,\"1\"]}}"},
    {"HEAD", "/api/v1/query?query=1&time=0", 200, "application/json", NULL, ""},
    {"GET", "/api/v1/alertmanagers", 200, "application/json", NULL,
     "{\"status\":\"success\",\"data\":{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}}"},
    {"OPTIONS", "/api/v1/query", 204, NULL, NULL, ""},
    {"OPTIONS", "/api/v1/anything", 204, NULL, NULL, ""},
    {"GET", "/api/v1/admin/tsdb/snapshot", 405, "text/plain; charset=utf-8", "OPTIONS, POST, PUT",
     "Method Not Allowed\n"},
    {"POST", "/api/v1/admin/tsdb/snapshot", 500, "application/json", NULL,
     "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"},
    {"PUT", "/api/v1/admin/tsdb/clean_tombstones", 500, "application/json", NULL,
     "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"},
    {"POST", "/api/v1/admin/tsdb/compact", 500, "application/json", NULL,
     "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"},
    {"POST", "/api/v1/admin/tsdb/delete_series", 500, "application/json", NULL,
     "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"},
    {"GET", "/-/reload", 405, "text/plain; charset=utf-8", NULL,
     "Only POST or PUT requests allowed"},
    {"GET", "/federate", 200, NULL, NULL, ""},
    {"POST", "/federate?match[]=up", 405, NULL, "GET, OPTIONS", NULL},
    {"GET", "/-/quit", 405, NULL, NULL, "Only POST or PUT requests allowed"},
    {"POST", "/-/reload", 403, "text/plain; charset=utf-8", NULL, "Lifecycle API is not enabled."},
    {"PUT", "/-/reload", 403, NULL, NULL, "Lifecycle API is not enabled."},
    {"POST", "/-/quit", 403, NULL, NULL, "Lifecycle API is not enabled."},
};

static void paths_and_methods_are_answered_as_by_prometheus(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct reply r = site_ask(*state, pages[i].method, pages[i].target, NULL, STR_NONE);

        if (r.status != pages[i].status || (pages[i].body && !str_eq_c(r.body, pages[i].body)))
            fail_msg("%s %s: %d %.*s", pages[i].method, pages[i].target, r.status, STR_ARG(r.body));
        if (pages[i].type)
            assert_header(&r, "Content-Type", pages[i].type);
        assert_header(&r, "Allow", pages[i].allow);
        reply_free(&r);
    }
}

/* ---- CORS ---------------------------------------------------------------------------------- */

static void any_origin_may_read_the_api(void **state)
{
    static const struct {
        const char *method, *target;
    } asked[] = {
        {"GET", "/api/v1/query?query=1"}, {"GET", "/api/v1/query"}, {"OPTIONS", "/api/v1/query"}};

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct reply r = site_ask(*state, asked[i].method, asked[i].target,
                                  "Origin: http://x.example\r\n", STR_NONE);

        assert_header(&r, "Access-Control-Allow-Origin", "http://x.example");
        assert_header(&r, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
        assert_header(&r, "Access-Control-Allow-Headers",
                      "Accept, Authorization, Content-Type, Origin");
        assert_header(&r, "Access-Control-Expose-Headers", "Date");
        assert_header(&r, "Vary", "Origin");
        reply_free(&r);

        r = site_ask(*state, asked[i].method, asked[i].target, NULL, STR_NONE);
        assert_header(&r, "Access-Control-Allow-Origin", NULL);
        assert_header(&r, "Vary", "Origin");
        reply_free(&r);
    }
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void a_form_comes_before_the_url(void **state)
{
    struct reply r = site_ask(*state, "POST", "/api/v1/query?query=2&time=7",
                              "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n",
                              STR("query=1%2B1%20%2B+3"));

    assert_true(str_eq(r.body, STR("{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\","
                                   "\"result\":[7,\"5\"]}}")));
    reply_free(&r);
}

static void large_answers_are_compressed_for_who_can_read_them(void **state)
{
    CLEANUP(buf_free) struct buf plain = {0};
    struct reply whole = site_ask(*state, "GET", "/api/v1/series?match[]=many", NULL, STR_NONE);
    struct reply r = site_ask(*state, "GET", "/api/v1/series?match[]=many",
                              "Accept-Encoding: deflate;q=0, gzip\r\n", STR_NONE);
    struct http_request fetch = {
        .method = "GET", .timeout = 10000, .max_body = 1 << 20, .accept_gzip = true};
    struct http_response fetched = {0};
    struct err err = {0};
    CLEANUP(buf_free) struct buf url = {0};

    assert_header(&whole, "Content-Encoding", NULL);
    assert_header(&r, "Content-Encoding", "gzip");
    assert_true(r.body.len < whole.body.len / 2);
    site_must(gzip_inflate(r.body, 1 << 20, &plain, &err), &err);
    assert_true(str_eq(buf_str(&plain), whole.body));

    buf_addf(&url, "http://127.0.0.1:%d/api/v1/series?match[]=many",
             api_port(((struct site *)*state)->api, 0));
    fetch.url = url.p;
    site_must(http_fetch(&fetch, &fetched, &err), &err);
    assert_int_equal(fetched.status, 200);
    assert_true(str_eq(buf_str(&fetched.body), whole.body));
    http_response_deinit(&fetched);
    reply_free(&whole);
    reply_free(&r);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void before_it_is_ready_the_api_says_503_and_health_goes_on(void **state)
{
    struct site *s = *state;
    static const char *const closed[] = {"/-/ready", "/api/v1/query?query=1", "/api/v1/targets"};
    struct reply r;

    atomic_store(&s->ready, false);
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        r = site_ask(s, "GET", closed[i], NULL, STR_NONE);
        assert_int_equal(r.status, 503);
        assert_true(str_eq(r.body, STR("Service Unavailable")));
        assert_header(&r, "X-Prometheus-Stopping", "false");
        reply_free(&r);
    }
    r = site_ask(s, "GET", "/-/healthy", NULL, STR_NONE);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    r = site_ask(s, "GET", "/metrics", NULL, STR_NONE);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    atomic_store(&s->ready, true);
}

static void reload_and_quit_do_it_when_they_are_allowed(void **state)
{
    struct site *s = *state;
    struct reply r;

    assert_int_equal(s->reloads, 0);
    s->options.enable_lifecycle = true;
    site_restart_api(s);
    r = site_ask(s, "POST", "/-/reload", NULL, STR(""));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 0);
    assert_int_equal(s->reloads, 1);
    reply_free(&r);

    s->reload_words = "tocsin.yml:3:1: found \"x\", expected y";
    r = site_ask(s, "PUT", "/-/reload", NULL, STR(""));
    assert_int_equal(r.status, 500);
    assert_true(str_eq(r.body, STR("failed to reload config: tocsin.yml:3:1: found \"x\", "
                                   "expected y\n")));
    reply_free(&r);

    r = site_ask(s, "GET", "/-/reload", NULL, STR_NONE);
    assert_int_equal(r.status, 405);
    assert_int_equal(s->reloads, 2);
    reply_free(&r);

    r = site_ask(s, "POST", "/-/quit", NULL, STR(""));
    assert_int_equal(r.status, 200);
    assert_true(str_eq(r.body, STR("Requesting termination... Goodbye!")));
    assert_int_equal(s->quits, 1);
    reply_free(&r);
    s->options.enable_lifecycle = false;
    site_restart_api(s);
}

static void an_address_in_use_is_told(void **state)
{
    struct site *s = *state;
    CLEANUP(buf_free) struct buf address = {0};
    struct api_options o = s->options;
    struct api *second = NULL;
    struct err err = {0};
    const char *addresses[1];

    buf_addf(&address, "127.0.0.1:%d", api_port(s->api, 0));
    addresses[0] = address.p;
    o.listen_addresses = addresses;
    assert_int_equal(api_start(&o, &second, &err), -EADDRINUSE);
    assert_non_null(strstr(err.msg, address.p));
    assert_null(second);
    api_stop(NULL);
}

/* ---- status -------------------------------------------------------------------------------- */

static const struct json *status_of(const struct site *s, const char *what, struct reply *r,
                                    struct json **doc)
{
    CLEANUP(buf_free) struct buf path = {0};

    buf_addf(&path, "/api/v1/status/%s", what);
    *r = site_ask(s, "GET", path.p, NULL, STR_NONE);
    assert_int_equal(r->status, 200);
    return data_of(r, doc);
}

static void status_tells_configuration_flags_and_build(void **state)
{
    struct json *doc = NULL;
    const struct json *data;
    struct reply r;
    struct str yaml;

    data = status_of(*state, "config", &r, &doc);
    yaml = json_text(json_get(data, "yaml"));
    assert_true(str_find(yaml, STR("job_name: <j>")) < yaml.len);
    assert_true(str_find(yaml, STR("<secret>")) < yaml.len);
    assert_true(str_find(yaml, STR("verysecret")) == yaml.len);
    assert_true(str_find(r.body, STR("<")) == r.body.len); /* as a text, escaped */
    json_doc_free(doc);
    reply_free(&r);

    r = site_ask(*state, "GET", "/api/v1/status/flags", NULL, STR_NONE);
    assert_true(str_eq(r.body, STR("{\"status\":\"success\",\"data\":{\"config.file\":\"tocsin."
                                   "yml\",\"storage.tsdb.retention.time\":\"15d\"}}")));
    reply_free(&r);

    data = status_of(*state, "buildinfo", &r, &doc);
    assert_true(str_eq_c(json_text(json_get(data, "version")), TOCSIN_VERSION));
    assert_int_equal(json_len(data), 6);
    json_doc_free(doc);
    reply_free(&r);
}

static void tell_a_failed_reload(void *self, bool *ret_ok, unix_ms *ret_since)
{
    *ret_ok = false;
    *ret_since = T0 + 5000;
}

static void status_tells_what_runs(void **state)
{
    struct site *s = *state;
    struct json *doc = NULL;
    struct reply r;
    const struct json *data = status_of(s, "runtimeinfo", &r, &doc);

    assert_true(str_eq(json_text(json_get(data, "startTime")), STR("2023-11-14T22:13:20Z")));
    assert_true(json_is_true(json_get(data, "reloadConfigSuccess")));
    assert_true(str_eq(json_text(json_get(data, "lastConfigTime")), STR("2023-11-14T22:13:20Z")));
    assert_true(json_text(json_get(data, "CWD")).p[0] == '/');
    assert_true(json_text(json_get(data, "hostname")).len > 0);
    assert_true(json_int(json_get(data, "goroutineCount")) > 3);
    assert_true(json_int(json_get(data, "GOMAXPROCS")) > 0);
    assert_true(str_eq(json_text(json_get(data, "storageRetention")), STR("15d")));
    json_doc_free(doc);
    reply_free(&r);

    api_stop(s->api);
    s->options.loaded = tell_a_failed_reload;
    s->api = NULL;
    site_must(api_start(&s->options, &s->api, NULL), &(struct err){0});
    data = status_of(s, "runtimeinfo", &r, &doc);
    assert_false(json_is_true(json_get(data, "reloadConfigSuccess")));
    assert_true(str_eq(json_text(json_get(data, "lastConfigTime")), STR("2023-11-14T22:13:25Z")));
    json_doc_free(doc);
    reply_free(&r);
}

static void status_tells_what_the_series_are_made_of(void **state)
{
    static const struct exchange bad[] = {
        {"/api/v1/status/tsdb", "limit=0", BAD("limit must be a positive number")},
        {"/api/v1/status/tsdb", "limit=-1", BAD("limit must be a positive number")},
        {"/api/v1/status/tsdb", "limit=x", BAD("limit must be a positive number")},
    };
    struct json *doc = NULL;
    struct reply r;
    const struct json *data = status_of(*state, "tsdb?limit=2", &r, &doc), *top;

    assert_int_equal(json_int(json_get(json_get(data, "headStats"), "numSeries")), 100);
    assert_int_equal(json_int(json_get(json_get(data, "headStats"), "minTime")), T0);
    top = json_get(data, "seriesCountByMetricName");
    assert_int_equal(json_len(top), 1);
    assert_true(str_eq(json_text(json_get(json_at(top, 0), "name")), STR("many")));
    assert_int_equal(json_int(json_get(json_at(top, 0), "value")), 100);
    assert_int_equal(json_len(json_get(data, "labelValueCountByLabelName")), 2);
    assert_int_equal(json_len(json_get(data, "seriesCountByLabelValuePair")), 2);
    json_doc_free(doc);
    reply_free(&r);
    assert_exchanges(*state, bad, ARRAY_LEN(bad), false);
}

/* ---- /metrics and / ------------------------------------------------------------------------ */

static void put_message(struct site *s)
{
    CLEANUP(label_set_unrefp) const struct label_set *empty = label_set_empty();
    struct alert *alert = alert_new(empty, empty, 1, UNIX_NS_ZERO, 1, NULL);
    const struct alert *const alerts[] = {alert};
    struct notification n = {.receiver = "hook",
                             .group_key = "{}:{}",
                             .group_labels = empty,
                             .alerts = alerts,
                             .n_alerts = 1,
                             .now = 1,
                             .reason = "first notification"};
    struct err err = {0};

    site_must(notify_put(s->notify, &n, 1, &err), &err);
    notify_tick(s->notify, 1);
    alert_unref(alert);
}

static void own_metrics_are_an_exposition_page(void **state)
{
    static const char *const expected[] = {
        "tocsin_storage_series",
        "tocsin_storage_head_bytes",
        "tocsin_storage_blocks",
        "tocsin_storage_block_bytes",
        "tocsin_storage_log_bytes",
        "tocsin_storage_samples_appended_total",
        "tocsin_storage_samples_refused_total",
        "tocsin_storage_log_failures_total",
        "tocsin_storage_damaged_total",
        "tocsin_storage_merges_total",
        "tocsin_storage_deletes_total",
        "tocsin_storage_problem",
        "tocsin_http_requests_total",
        "tocsin_channel_failures{receiver=\"hook\",integration=\"webhook[0]\"}",
        "tocsin_channel_waiting{receiver=\"hook\",integration=\"webhook[0]\"}",
        "tocsin_build_info{version=\"" TOCSIN_VERSION "\"}"};
    struct exposition_reader reader;
    struct exposition_entry e = {.kind = EXPOSITION_COMMENT};
    bool seen[ARRAY_LEN(expected)] = {false};
    struct err err = {0};
    struct reply r;

    put_message(*state);
    r = site_ask(*state, "GET", "/metrics", NULL, STR_NONE);
    exposition_reader_init(&reader, r.body, EXPOSITION_TEXT);
    while (e.kind != EXPOSITION_END) {
        struct label_builder b = {0};

        site_must(exposition_next(&reader, &e, &err), &err);
        if (e.kind != EXPOSITION_SERIES)
            continue;
        site_must(exposition_labels(&reader, &e, &b, &err), &err);
        label_builder_deinit(&b);
        for (size_t i = 0; i < ARRAY_LEN(expected); i++)
            seen[i] = seen[i] || str_eq_c(e.raw, expected[i]);
        if (str_eq(e.raw, STR("tocsin_storage_series")))
            assert_true(e.value == 100);
        if (str_has_prefix(e.raw, STR("tocsin_channel_waiting")))
            assert_true(e.value == 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (!seen[i])
            fail_msg("%s is not on the page", expected[i]);
    reply_free(&r);
}

static void every_link_of_the_first_page_leads_somewhere(void **state)
{
    struct reply r = site_ask(*state, "GET", "/", NULL, STR_NONE);
    struct str rest = r.body, mark = STR("href=\"");
    size_t links = 0, at;

    assert_true(str_is_utf8(r.body));
    while ((at = str_find(rest, mark)) < rest.len) {
        struct str tail = str_n(rest.p + at + mark.len, rest.len - at - mark.len);
        CLEANUP(mem_freep) char *link = str_dup(str_cut(&tail, '"'));
        struct reply there = site_ask(*state, "GET", link, NULL, STR_NONE);

        if (there.status != 200)
            fail_msg("%s: %d", link, there.status);
        reply_free(&there);
        links++;
        rest = tail;
    }
    assert_true(links > 5);
    reply_free(&r);
}

/* ---- many at once -------------------------------------------------------------------------- */

#define CLIENTS 8

struct client {
    struct thread thread;
    const struct site *site;
    int good;
};

static void ask_often(void *arg)
{
    static const char *const targets[] = {"/api/v1/query?query=sum(many)&time=1700000000",
                                          "/api/v1/series?match[]=many",
                                          "/api/v1/targets",
                                          "/api/v1/rules",
                                          "/api/v1/status/runtimeinfo",
                                          "/metrics",
                                          "/-/ready"};
    struct client *c = arg;

    for (size_t i = 0; i < 3 * ARRAY_LEN(targets); i++) {
        struct reply r = site_ask(c->site, "GET", targets[i % ARRAY_LEN(targets)], NULL, STR_NONE);

        c->good += r.status == 200;
        reply_free(&r);
    }
}

static void clients_that_ask_at_once_all_get_their_answer(void **state)
{
    struct client clients[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.site = *state};
        thread_start(&clients[i].thread, "client", ask_often, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        thread_join(&clients[i].thread);
        assert_int_equal(clients[i].good, 21);
    }
}

/* ---- admin --------------------------------------------------------------------------------- */

static void compact_has_written_the_blocks_that_are_due_when_it_answers(void **state)
{
    struct site *s = site_open("", NULL);
    struct storage_stats stats;
    struct reply r;

    for (int i = 0; i < 20 * 60; i++)
        site_put(s, "up", T0 + i * INT64_C(60000), i);
    s->options.enable_admin = true;
    site_restart_api(s);
    r = site_ask(s, "POST", "/api/v1/admin/tsdb/compact", NULL, STR_NONE);
    assert_int_equal(r.status, 204);
    assert_int_equal(r.body.len, 0);
    reply_free(&r);
    storage_stats(s->storage, &stats);
    assert_true(stats.cuts > 5);
    assert_true(stats.merges > 0);
    assert_true(stats.blocks < stats.cuts);
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_methods_are_answered_as_by_prometheus),
        cmocka_unit_test(any_origin_may_read_the_api),
        cmocka_unit_test(a_form_comes_before_the_url),
        cmocka_unit_test(large_answers_are_compressed_for_who_can_read_them),
        cmocka_unit_test(before_it_is_ready_the_api_says_503_and_health_goes_on),
        cmocka_unit_test(reload_and_quit_do_it_when_they_are_allowed),
        cmocka_unit_test(an_address_in_use_is_told),
        cmocka_unit_test(status_tells_configuration_flags_and_build),
        cmocka_unit_test(status_tells_what_runs),
        cmocka_unit_test(status_tells_what_the_series_are_made_of),
        cmocka_unit_test(own_metrics_are_an_exposition_page),
        cmocka_unit_test(every_link_of_the_first_page_leads_somewhere),
        cmocka_unit_test(compact_has_written_the_blocks_that_are_due_when_it_answers),
        cmocka_unit_test(clients_that_ask_at_once_all_get_their_answer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
