/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/api/site.h"
#include "tests/unit/conformance.h"

#define W "/api/v1/write"

static int set_up(void **state)
{
    struct site *s = site_open("", NULL);

    s->remote_write = remote_write_new(storage_sink(s->storage));
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

/* What it says in detail is a matter of remote's tests. */
static void assert_refused(const struct site *s, const char *headers, struct str body, int status,
                           const char *words)
{
    struct reply r = site_ask(s, "POST", W, headers, body);

    if (r.status != status || (words && !str_eq_c(r.body, words)))
        fail_msg("%d %.*s", r.status, STR_ARG(r.body));
    assert_true(str_has_suffix(r.body, STR("\n")) || status == 503);
    reply_free(&r);
}

static void without_a_receiver_it_is_told_how_to_get_one(void **state)
{
    assert_refused(*state, NULL, STR("x"), 404,
                   "remote write receiver needs to be enabled with "
                   "--web.enable-remote-write-receiver\n");
}

static void what_is_no_write_request_is_refused(void **state)
{
    struct site *s = *state;
    struct reply r;

    site_restart_api(s); /* with the receiver */
    r = site_ask(s, "GET", W, NULL, STR_NONE);
    assert_int_equal(r.status, 405);
    assert_true(str_eq(reply_header(&r, "Allow"), STR("OPTIONS, POST")));
    reply_free(&r);

    r = site_ask(s, "OPTIONS", W, NULL, STR_NONE);
    assert_int_equal(r.status, 204);
    reply_free(&r);

    assert_refused(s, NULL, STR(""), 400, NULL);
    assert_refused(s, "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n",
                   STR("x"), 400, NULL);
    assert_refused(s, "Content-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\n",
                   STR("x"), 415, NULL);
    assert_refused(s, "Content-Type: application/json\r\n", STR("{}"), 415, NULL);

    atomic_store(&s->ready, false);
    assert_refused(s, NULL, STR("x"), 503, "Service Unavailable");
    atomic_store(&s->ready, true);
}

/* ---- recorded requests --------------------------------------------------------------------- */

static bool add_header(struct str key, const struct json *v, void *arg)
{
    buf_addf(arg, "%.*s: %.*s\r\n", STR_ARG(key), STR_ARG(json_text(v)));
    return true;
}

static void assert_count(const struct reply *r, const char *header, const struct json *expected)
{
    CLEANUP(buf_free) struct buf number = {0};

    buf_addf(&number, "%lld", (long long)json_int(expected));
    if (!str_eq(reply_header(r, header), buf_str(&number)))
        fail_msg("%s: %.*s", header, STR_ARG(reply_header(r, header)));
}

static void run_recorded(const struct site *s, const struct json *c)
{
    CLEANUP(buf_free) struct buf name = {0}, body = {0}, headers = {0};
    const struct json *written = json_get(c, "written");
    int64_t status = json_int(json_get(c, "status"));
    struct reply r;

    buf_addf(&name, "api/remote_write/%.*s", STR_ARG(json_text(json_get(c, "file"))));
    assert_true(conformance_read(name.p, &body));
    json_each(json_get(c, "headers"), add_header, &headers);
    r = site_ask(s, "POST", W, headers.p, buf_str(&body));
    if (r.status != (status ? status : 400)) /* 0: Prometheus died of it */
        fail_msg("%s: %d %.*s", name.p, r.status, STR_ARG(r.body));
    if (r.status != 204)
        assert_true(str_eq(reply_header(&r, "Content-Type"), STR("text/plain; charset=utf-8")));
    if (written) {
        assert_count(&r, "X-Prometheus-Remote-Write-Samples-Written", json_get(written, "Samples"));
        assert_count(&r, "X-Prometheus-Remote-Write-Histograms-Written",
                     json_get(written, "Histograms"));
    }
    reply_free(&r);
}

static void recorded_requests_get_the_recorded_answers(void **state)
{
    struct site *s = *state;
    CLEANUP(buf_free) struct buf text = {0};
    struct json *doc = NULL;
    const struct json *requests;

    if (!conformance_read("api/remote_write/index.json", &text)) {
        print_message("# conformance/api/remote_write is not here\n");
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    s->now = json_int(json_get(doc, "now_ms"));
    requests = json_get(doc, "requests");
    for (size_t i = 0; i < json_len(requests); i++)
        run_recorded(s, json_at(requests, i));
    print_message("# remote_write: %zu requests\n", json_len(requests));
    s->now = 0;
    json_doc_free(doc);
}

static void what_was_written_can_be_asked_for(void **state)
{
    static const struct exchange names[] = {
        {"/api/v1/label/__name__/values", "match[]={__name__=~\"rw2.*\"}", 200,
         "{\"status\":\"success\",\"data\":[\"rw2..."},
    };
    CLEANUP(buf_free) struct buf text = {0};

    if (!conformance_read("api/remote_write/index.json", &text))
        skip();
    assert_exchanges(*state, names, ARRAY_LEN(names), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_receiver_it_is_told_how_to_get_one),
        cmocka_unit_test(what_is_no_write_request_is_refused),
        cmocka_unit_test(recorded_requests_get_the_recorded_answers),
        cmocka_unit_test(what_was_written_can_be_asked_for),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
