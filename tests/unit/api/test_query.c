/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/api/site.h"

#define Q  "/api/v1/query"
#define QR "/api/v1/query_range"

static int set_up(void **state)
{
    struct site *s = site_open("global: {evaluation_interval: 20s}\n", NULL);

    site_put(s, "temp{room=\"a\"}", T0, 20);
    site_put(s, "temp{room=\"a\"}", T0 + 60000, 21.5);
    site_put(s, "temp{room=\"a\"}", T0 + 120000, 22);
    site_put(s, "temp{room=\"<b>&\"}", T0 + 500, 1e-7);
    site_put(s, "temp{room=\"<b>&\"}", T0 + 60500, 1e21);
    site_load(s,
              STR("h{} {{schema:0 count:10 sum:18.4 z_bucket:2 z_bucket_w:0.001 buckets:[1 2 0 1] "
                  "n_buckets:[3 1]}}"),
              T0, 60000);
    site_load(s, STR("h{kind=\"none\"} {{}}"), T0, 60000);
    site_load(s, STR("mixed 1 {{schema:0 count:1 sum:3 buckets:[1]}} 2"), T0, 60000);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------- */

#define A "{\"__name__\":\"temp\",\"room\":\"a\"}"
#define B "{\"__name__\":\"temp\",\"room\":\"<b>&\"}"
#define H                                                                                          \
    "{\"count\":\"10\",\"sum\":\"18.4\",\"buckets\":["                                             \
    "[1,\"-2\",\"-1\",\"1\"],[1,\"-1\",\"-0.5\",\"3\"],[3,\"-0.001\",\"0.001\",\"2\"],"            \
    "[0,\"0.5\",\"1\",\"1\"],[0,\"1\",\"2\",\"2\"],[0,\"4\",\"8\",\"1\"]]}"

static const struct exchange answers[] = {
    /* scalar, string */
    {Q, "query=1;time=1700000000", OK("{\"resultType\":\"scalar\",\"result\":[1700000000,\"1\"]}")},
    {Q, "query=1;time=2023-11-14T22:13:20.5Z",
     OK("{\"resultType\":\"scalar\",\"result\":[1700000000.500,\"1\"]}")},
    {Q, "query=\"a<b>&\\n\";time=0.001",
     OK("{\"resultType\":\"string\",\"result\":[0.001,\"a\\u003cb\\u003e\\u0026\\n\"]}")},
    /* numbers */
    {Q, "query=-0;time=-1.5", OK("{\"resultType\":\"scalar\",\"result\":[-1.500,\"-0\"]}")},
    {Q, "query=1/0;time=-0.001", OK("{\"resultType\":\"scalar\",\"result\":[-0.001,\"+Inf\"]}")},
    {Q, "query=0/0;time=0", OK("{\"resultType\":\"scalar\",\"result\":[0,\"NaN\"]}")},
    {Q, "query=0.000001;time=0", OK("{\"resultType\":\"scalar\",\"result\":[0,\"0.000001\"]}")},
    {Q, "query=0.00000099;time=0", OK("{\"resultType\":\"scalar\",\"result\":[0,\"9.9e-07\"]}")},
    {Q, "query=1e20;time=0",
     OK("{\"resultType\":\"scalar\",\"result\":[0,\"100000000000000000000\"]}")},
    {Q, "query=1e21;time=0", OK("{\"resultType\":\"scalar\",\"result\":[0,\"1e+21\"]}")},
    {Q, "query=0.1 + 0.2;time=0",
     OK("{\"resultType\":\"scalar\",\"result\":[0,\"0.30000000000000004\"]}")},
    /* vector; labels are not escaped for HTML */
    {Q, "query=sort(temp);time=1700000060.500",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" A
        ",\"value\":[1700000060.500,\"21.5\"]},{\"metric\":" B
        ",\"value\":[1700000060.500,\"1e+21\"]}]}")},
    {Q, "query=temp{room=\"a\"} > 100;time=1700000000",
     OK("{\"resultType\":\"vector\",\"result\":[]}")},
    {Q, "query=vector(3);time=0",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[0,\"3\"]}]}")},
    {Q, "query=h{kind=\"\"};time=1700000001",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"h\"},"
        "\"histogram\":[1700000001," H "]}]}")},
    {Q, "query=h{kind=\"none\"};time=1700000001",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"__name__\":\"h\",\"kind\":\"none\"},"
        "\"histogram\":[1700000001,{\"count\":\"0\",\"sum\":\"0\"}]}]}")},
    /* matrix */
    {Q, "query=temp[1m];time=1700000060.500",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" B
        ",\"values\":[[1700000060.500,\"1e+21\"]]},{\"metric\":" A
        ",\"values\":[[1700000060,\"21.5\"]]}]}")},
    {Q, "query=mixed[5m];time=1700000120",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"mixed\"},"
        "\"values\":[[1700000000,\"1\"],[1700000120,\"2\"]],"
        "\"histograms\":[[1700000060,{\"count\":\"1\",\"sum\":\"3\","
        "\"buckets\":[[0,\"0.5\",\"1\",\"1\"]]}]]}]}")},
    /* the default step of a subquery is the evaluation interval */
    {Q, "query=count_over_time(vector(1)[1m:]);time=1700000000",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1700000000,\"3\"]}]}")},
    /* lookback */
    {Q, "query=temp{room=\"a\"};time=1700000420", OK("{\"resultType\":\"vector\",\"result\":[]}")},
    {Q, "query=temp{room=\"a\"};time=1700000420;lookback_delta=301",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" A
        ",\"value\":[1700000420,\"22\"]}]}")},
    {Q, "query=temp{room=\"a\"};time=1700000130;lookback_delta=10s",
     OK("{\"resultType\":\"vector\",\"result\":[]}")},
    {Q, "query=temp{room=\"a\"};time=1700000420;lookback_delta=0",
     OK("{\"resultType\":\"vector\",\"result\":[]}")}, /* the server's own */
    /* ranges */
    {QR, "query=time();start=0;end=2;step=1",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},"
        "\"values\":[[0,\"0\"],[1,\"1\"],[2,\"2\"]]}]}")},
    {QR, "query=temp;start=1700000000;end=1700000120.5;step=60s",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" B
        ",\"values\":[[1700000060,\"1e-07\"],[1700000120,\"1e+21\"]]},{\"metric\":" A
        ",\"values\":[[1700000000,\"20\"],[1700000060,\"21.5\"],[1700000120,\"22\"]]}]}")},
    {QR, "query=1;start=1.5;end=1.5;step=0.5",
     OK("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1.500,\"1\"]]}]}")},
    {QR, "query=nothing;start=0;end=2;step=1", OK("{\"resultType\":\"matrix\",\"result\":[]}")},
    {QR, "query=1;start=0;end=11000;step=1", 200,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\"..."},
    /* limit */
    {Q, "query=sort(temp);time=1700000060.500;limit=1", 200,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":" A
     ",\"value\":[1700000060.500,\"21.5\"]}]},\"warnings\":[\"results truncated due to limit\"]}"},
    {Q, "query=sort(temp);time=1700000000;limit=2",
     OK("{\"resultType\":\"vector\",\"result\":[{\"metric\":" A
        ",\"value\":[1700000000,\"20\"]}]}")},
    {Q, "query=1;time=0;limit=1", OK("{\"resultType\":\"scalar\",\"result\":[0,\"1\"]}")},
    {Q, "query=\"x\";time=0;limit=1", OK("{\"resultType\":\"string\",\"result\":[0,\"x\"]}")},
    {QR, "query=temp;start=1700000060;end=1700000060;step=1;limit=1", 200,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":" B
     ",\"values\":[[1700000060,\"1e-07\"]]}]},\"warnings\":[\"results truncated due to limit\"]}"},
    /* what the engine says besides */
    {Q, "query=rate(temp{room=\"a\"}[2m]);time=1700000120", 200,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":"
     "{\"room\":\"a\"},\"value\":[1700000120,\"0.008333333333333333\"]}]},\"infos\":[\"PromQL info: "
     "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \\\"temp\\\" "
     "(1:6)\"]}"},
    {Q, "query=quantile(2, vector(1));time=0", 200,
     "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},"
     "\"value\":[0,\"+Inf\"]}]},\"warnings\":[\"PromQL warning: quantile value should be between 0 "
     "and 1, got 2 (1:10)\"]}"},
    /* exemplars are not kept */
    {"/api/v1/query_exemplars", "query=up{a=\"b\"};start=1;end=1", OK("[]")},
    /* printing */
    {"/api/v1/format_query", "query=sum(rate(up[5m]))by(job)/on(job)group_left()foo",
     OK("\"sum by (job) (rate(up[5m])) / on (job) group_left () foo\"")},
    {"/api/v1/format_query", "query=foo<bar", OK("\"foo \\u003c bar\"")},
    {"/api/v1/parse_query", "query=1", OK("{\"type\":\"numberLiteral\",\"val\":\"1\"}")},
};

static void answers_are_prometheus_to_the_byte(void **state)
{
    assert_exchanges(*state, answers, ARRAY_LEN(answers), true);
}

/* ---- refusals ------------------------------------------------------------------------------ */

#define NO_STEP                                                                                    \
    "invalid parameter \\\"step\\\": zero or negative query resolution step widths are not "       \
    "accepted. Try a positive integer"

static const struct exchange refusals[] = {
    {Q, "",
     BAD("invalid parameter \\\"query\\\": unknown position: parse error: no expression "
         "found in input")},
    {Q, "query=up{",
     BAD("invalid parameter \\\"query\\\": 1:4: parse error: unexpected end of "
         "input inside braces")},
    {Q, "query=1;time=<x>",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': "
         "cannot parse \\\"\\u003cx\\u003e\\\" to a valid timestamp")},
    {Q, "query=1;time=30s",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': "
         "cannot parse \\\"30s\\\" to a valid timestamp")},
    {Q, "query=1;time=NaN",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': "
         "cannot parse \\\"NaN\\\" to a valid timestamp")},
    {Q, "query=1;time=1e300",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': "
         "cannot parse \\\"1e300\\\" to a valid timestamp")},
    {Q, "query=1;timeout=soon",
     BAD("invalid parameter \\\"timeout\\\": cannot parse \\\"soon\\\" "
         "to a valid duration")},
    {Q, "query=1;timeout=0", BAD("invalid parameter \\\"query\\\": context deadline exceeded")},
    {Q, "query=1;timeout=-1", BAD("invalid parameter \\\"query\\\": context deadline exceeded")},
    {Q, "query=(;timeout=0", BAD("invalid parameter \\\"query\\\": context deadline exceeded")},
    {Q, "query=1;lookback_delta=x",
     BAD("error parsing lookback delta duration: cannot parse "
         "\\\"x\\\" to a valid duration")},
    {Q, "query=1;lookback_delta=1e30",
     BAD("error parsing lookback delta duration: cannot parse "
         "\\\"1e30\\\" to a valid duration. It overflows int64")},
    {Q, "query=1;lookback_delta=NaN",
     BAD("error parsing lookback delta duration: cannot parse "
         "\\\"NaN\\\" to a valid duration")},
    {Q, "query=1;limit=x", BAD("invalid parameter \\\"limit\\\": limit must be a number")},
    {Q, "query=1;limit=-1", BAD("invalid parameter \\\"limit\\\": limit must be non-negative")},
    /* of several faults the one that Prometheus sees first */
    {Q, "query=(;limit=x;time=x;timeout=x;lookback_delta=x",
     BAD("invalid parameter \\\"limit\\\": limit must be a number")},
    {Q, "query=(;time=x;timeout=x;lookback_delta=x",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"x\\\" to "
         "a valid timestamp")},
    {Q, "query=(;timeout=x;lookback_delta=x",
     BAD("invalid parameter \\\"timeout\\\": cannot parse \\\"x\\\" to a valid duration")},
    /* ranges */
    {QR, "query=1;end=1;step=1",
     BAD("invalid parameter \\\"start\\\": cannot parse \\\"\\\" to a valid timestamp")},
    {QR, "query=1;start=1;step=1",
     BAD("invalid parameter \\\"end\\\": cannot parse \\\"\\\" to a valid timestamp")},
    {QR, "query=1;start=1;end=2",
     BAD("invalid parameter \\\"step\\\": cannot parse \\\"\\\" to a valid duration")},
    {QR, "query=1;start=2;end=1;step=1",
     BAD("invalid parameter \\\"end\\\": end timestamp must not be before start time")},
    {QR, "query=1;start=1;end=2;step=0", BAD(NO_STEP)},
    {QR, "query=1;start=1;end=2;step=-5", BAD(NO_STEP)},
    {QR, "query=1;start=1;end=2;step=0.0001", BAD(NO_STEP)}, /* less than we can count */
    {QR, "query=1;start=1;end=2;step=-5m",
     BAD("invalid parameter \\\"step\\\": cannot parse \\\"-5m\\\" to a valid duration")},
    {QR, "query=1;start=0;end=11001;step=1",
     BAD("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
         "resolution (?step=XX)")},
    {QR, "query=1;start=-292273086-05-16T16:47:06Z;end=292277025-08-18T07:12:54.999999999Z;step=1",
     BAD("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
         "resolution (?step=XX)")},
    {QR, "query=up[5m];start=0;end=1;step=1",
     BAD("invalid parameter \\\"query\\\": invalid expression type \\\"range vector\\\" for range "
         "query, must be Scalar or instant Vector")},
    {QR, "query=\"x\";start=0;end=1;step=1",
     BAD("invalid parameter \\\"query\\\": invalid expression type \\\"string\\\" for range query, "
         "must be Scalar or instant Vector")},
    {QR, "query=1;start=0;end=1;step=1;limit=-1",
     BAD("invalid parameter \\\"limit\\\": limit must be non-negative")},
    /* exemplars */
    {"/api/v1/query_exemplars", "query=(", BAD("1:2: parse error: unclosed left parenthesis")},
    {"/api/v1/query_exemplars", "query=up;start=2;end=1",
     BAD("end timestamp must not be before start timestamp")},
    {"/api/v1/query_exemplars", "query=up;start=x",
     BAD("invalid parameter \\\"start\\\": invalid time value for 'start': cannot parse "
         "\\\"x\\\" to a valid timestamp")},
    /* what it costs */
    {"/api/tocsin/v1/explain", "query=up + (",
     BAD("invalid parameter \\\"query\\\": 1:7: parse error: unclosed left parenthesis")},
    {"/api/tocsin/v1/explain", "query=up;time=x",
     BAD("invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"x\\\" to "
         "a valid timestamp")},
    {"/api/tocsin/v1/explain", "query=up;end=1;step=1",
     BAD("invalid parameter \\\"start\\\": cannot parse \\\"\\\" to a valid timestamp")},
    /* evaluation */
    {Q, "query=label_replace(temp, \"room\", \"x\", \"\", \"\");time=1700000060.500", 422,
     "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"vector cannot contain metrics "
     "with the same labelset\"}"},
    {Q, "query=count_over_time(vector(1)[1000001s:1s]);time=1700000000", 422,
     "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"query processing would load too "
     "many samples into memory in query execution\"}"},
    {"/api/v1/format_query", "query=sum(",
     BAD("invalid parameter \\\"query\\\": 1:5: parse error: unclosed left parenthesis")},
    {"/api/v1/parse_query", "",
     BAD("invalid parameter \\\"query\\\": unknown position: parse error: no expression found in "
         "input")},
};

static void refusals_have_prometheus_words(void **state)
{
    assert_exchanges(*state, refusals, ARRAY_LEN(refusals), true);
}

/* Takes minutes, in little memory. */
#define SLOW "sum_over_time((sum_over_time(vector(1)[50h:1s]))[50h:1s])"

/* ---- single matters ------------------------------------------------------------------------ */

static void without_a_time_it_is_now(void **state)
{
    struct reply r = site_get(*state, Q, "query=1");
    struct json *doc = NULL;
    const struct json *result = json_get(data_of(&r, &doc), "result");
    double now = (double)clock_unix_ms() / 1000;

    assert_true(json_double(json_at(result, 0)) > now - 60);
    assert_true(json_double(json_at(result, 0)) <= now);
    json_doc_free(doc);
    reply_free(&r);
}

static void statistics_come_when_asked_for(void **state)
{
    static const char *const timings[] = {"evalTotalTime", "resultSortTime", "queryPreparationTime",
                                          "innerEvalTime", "execQueueTime",  "execTotalTime"};
    struct reply r = site_get(*state, Q, "query=sort(temp);time=1700000060.500;stats=all");
    struct json *doc = NULL;
    const struct json *stats = json_get(data_of(&r, &doc), "stats");

    assert_int_equal(json_len(json_get(stats, "timings")), ARRAY_LEN(timings));
    for (size_t i = 0; i < ARRAY_LEN(timings); i++) {
        const struct json *t = json_get(json_get(stats, "timings"), timings[i]);

        assert_int_equal(json_type_of(t), JSON_NUMBER);
        assert_true(json_double(t) >= 0 && json_double(t) < 10);
    }
    assert_int_equal(json_int(json_get(json_get(stats, "samples"), "totalQueryableSamples")), 2);
    assert_true(json_int(json_get(json_get(stats, "samples"), "peakSamples")) >= 2);
    json_doc_free(doc);
    reply_free(&r);
}

static void ten_warnings_are_shown_the_others_counted(void **state)
{
    CLEANUP(buf_free) struct buf query = {0};
    struct json *doc = NULL;
    const struct json *warnings;
    struct reply r;

    buf_add_c(&query, "limit=1;time=0;query=");
    for (int i = 0; i < 13; i++)
        buf_addf(&query, "%slabel_replace(quantile(%d, vector(1)), \"i\", \"%d\", \"\", \"\")",
                 i ? " or " : "", i + 2, i);
    r = site_post(*state, Q, query.p);
    data_of(&r, &doc);
    warnings = json_get(doc, "warnings");
    assert_int_equal(json_len(warnings), 12);
    assert_true(
        str_eq(json_text(json_at(warnings, 10)), STR("3 more warning annotations omitted")));
    assert_true(str_eq(json_text(json_at(warnings, 11)), STR("results truncated due to limit")));
    json_doc_free(doc);
    reply_free(&r);
}

static void a_query_that_takes_too_long_is_a_timeout(void **state)
{
    struct exchange e = {Q, "", 503,
                         "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed "
                         "out in expression evaluation\"}"};
    struct reply r = site_get(*state, Q, "timeout=0.01;query=" SLOW);

    assert_answer(&r, &e, "GET");
    reply_free(&r);
}

static void a_query_of_a_client_that_went_away_is_stopped(void **state)
{
    const struct site *s = *state;
    CLEANUP(buf_free) struct buf form = {0}, request = {0};
    struct reply r;

    /* as many as there are workers; each would take all of its ten seconds */
    site_encode("query=" SLOW, &form);
    buf_addf(&request, "GET " Q "?%s HTTP/1.1\r\nHost: t\r\n\r\n", form.p);
    for (int i = 0; i < s->options.workers; i++) {
        int fd = site_connect(s);

        site_send_all(fd, buf_str(&request));
        usleep(100000);
        close(fd);
    }
    mono_ns began = clock_mono_ns();
    r = site_get(s, Q, "query=1;time=0");
    assert_int_equal(r.status, 200);
    assert_true(clock_mono_ns() - began < 5 * NS_PER_S);
    reply_free(&r);
}

/* ---- exemplars ----------------------------------------------------------------------------- */

#define QE "/api/v1/query_exemplars"
#define X1 "{\"labels\":{\"id\":\"<1>\"},\"value\":\"20\",\"timestamp\":1700000000}"
#define X2 "{\"labels\":{\"id\":\"2\"},\"value\":\"1e+21\",\"timestamp\":1700000060.005}"
#define XA "{\"seriesLabels\":" A ",\"exemplars\":["
#define XB "{\"seriesLabels\":" B ",\"exemplars\":["

static const struct exchange exemplar_answers[] = {
    {QE, "query=rate(temp{room=\"a\"}[5m])", OK("[" XA X1 "]}]")},
    {QE, "query=temp{room=\"a\"} > on() nothing", OK("[" XA X1 "]}]")},
    {QE, "query=temp{room!=\"a\"};start=1700000060", OK("[" XB X2 "]}]")},
    {QE, "query=temp;start=1700000060.006", OK("[]")},
    {QE, "query=1", OK("[]")},
    {QE, "query=up", OK("[]")},
    {QE, "query=up;start=2;end=1", BAD("end timestamp must not be before start timestamp")},
};

static void put_exemplar(struct site *s, const char *room, const char *id, unix_ms t, double v)
{
    const struct sample_sink *sink = storage_sink(s->storage);
    const struct label ls[] = {{STR("__name__"), STR("temp")}, {STR("room"), str_c(room)}};
    const struct label of[] = {{STR("id"), str_c(id)}};
    CLEANUP(label_set_unrefp) const struct label_set *series = label_set_new(ls, 2);
    CLEANUP(label_set_unrefp) const struct label_set *labels = label_set_new(of, 1);
    struct exemplar_row e = {.labels = labels, .t = t, .has_time = true, .v = v};
    const struct sample_batch b = {.exemplars = &e, .n_exemplars = 1};
    struct err err = {0};

    site_must(sink->series(sink->self, series, &e.ref, &err), &err);
    site_must(sample_sink_commit_batch(sink, &b, COMMIT_SKIP_BAD, NULL, NULL, &err), &err);
}

static void exemplars_are_those_of_all_selectors_of_an_expression(void **state)
{
    put_exemplar(*state, "a", "<1>", T0, 20);
    put_exemplar(*state, "<b>&", "2", T0 + 60005, 1e21);
    assert_exchanges(*state, exemplar_answers, ARRAY_LEN(exemplar_answers), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_prometheus_to_the_byte),
        cmocka_unit_test(refusals_have_prometheus_words),
        cmocka_unit_test(without_a_time_it_is_now),
        cmocka_unit_test(exemplars_are_those_of_all_selectors_of_an_expression),
        cmocka_unit_test(statistics_come_when_asked_for),
        cmocka_unit_test(ten_warnings_are_shown_the_others_counted),
        cmocka_unit_test(a_query_that_takes_too_long_is_a_timeout),
        cmocka_unit_test(a_query_of_a_client_that_went_away_is_stopped),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
