/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "tests/unit/api/site.h"

#define T "/api/v1/targets"

/* Intervals so long that nothing is asked while a test runs. */
static const char config[] =
    "global: {scrape_interval: 1000d}\n"
    "scrape_configs:\n"
    "- job_name: zebra\n"
    "  metrics_path: /m\n"
    "  static_configs: [{targets: ['localhost:8080'], labels: {__meta_a: <b>}}]\n"
    "- job_name: ape\n"
    "  static_configs: [{targets: ['h:1', 'h:2', 'h:3'], labels: {team: pay}}]\n"
    "  relabel_configs:\n"
    "  - {source_labels: [__address__], regex: 'h:2', action: drop}\n"
    "  - {source_labels: [__address__], regex: 'h:3', target_label: __address__, replacement: ''}\n"
    "- job_name: empty\n";

static int set_up(void **state)
{
    *state = site_open(config, NULL);
    return 0;
}

static int tear_down(void **state)
{
    site_close(*state);
    return 0;
}

#define DISCOVERED(job, address, path, more)                                                       \
    "{\"__address__\":\"" address "\"," more "\"__metrics_path__\":\"" path                        \
    "\",\"__scheme__\":\"http\",\"__scrape_interval__\":\"1000d\","                                \
    "\"__scrape_timeout__\":\"10s\",\"job\":\"" job "\""
#define NEVER                                                                                      \
    "\"lastError\":\"\",\"lastScrape\":\"0001-01-01T00:00:00Z\",\"lastScrapeDuration\":0,"         \
    "\"health\":\"unknown\",\"scrapeInterval\":\"1000d\",\"scrapeTimeout\":\"10s\"}"
#define ZEBRA                                                                                                               \
    "{\"discoveredLabels\":" DISCOVERED(                                                                                    \
        "zebra", "localhost:8080", "/m",                                                                                    \
        "\"__meta_a\":\"<b>\",") "},"                                                                                       \
                                 "\"labels\":{\"instance\":\"localhost:8080\",\"job\":\"zebra\"},\"scrapePool\":\"zebra\"," \
                                 "\"scrapeUrl\":\"http://localhost:8080/m\",\"globalUrl\":\"http://tocsin.example:8080/m\"," NEVER
#define APE                                                                                              \
    "{\"discoveredLabels\":" DISCOVERED(                                                                 \
        "ape", "h:1", "/metrics",                                                                        \
        "") ",\"team\":\"pay\"},"                                                                        \
            "\"labels\":{\"instance\":\"h:1\",\"job\":\"ape\",\"team\":\"pay\"},\"scrapePool\":\"ape\"," \
            "\"scrapeUrl\":\"http://h:1/metrics\",\"globalUrl\":\"http://h:1/metrics\"," NEVER
#define DROPPED                                                                                    \
    "{\"discoveredLabels\":" DISCOVERED(                                                           \
        "ape", "h:2", "/metrics", "") ",\"team\":\"pay\"},"                                        \
                                      "\"scrapePool\":\"ape\"},"                                   \
                                      "{\"discoveredLabels\":" DISCOVERED(                         \
                                          "ape", "h:3", "/metrics",                                \
                                          "") ",\"team\":\"pay\"},"                                \
                                              "\"scrapePool\":\"ape\",\"error\":\"no address\"}"
#define COUNTS "{\"ape\":2,\"empty\":0,\"zebra\":0}"

#define ANSWER(active, dropped, counts)                                                            \
    OK("{\"activeTargets\":[" active "],\"droppedTargets\":[" dropped                              \
       "],\"droppedTargetCounts\":" counts "}")

static const struct exchange answers[] = {
    {T, "", ANSWER(APE "," ZEBRA, DROPPED, COUNTS)},
    {T, "state=any", ANSWER(APE "," ZEBRA, DROPPED, COUNTS)},
    {T, "state=Active", ANSWER(APE "," ZEBRA, "", "null")},
    {T, "state=dropped", ANSWER("", DROPPED, COUNTS)},
    {T, "state=what", ANSWER("", "", "null")},
    {T, "scrapePool=zebra", ANSWER(ZEBRA, "", COUNTS)},
    {T, "scrapePool=ape;state=active", ANSWER(APE, "", "null")},
    {T, "scrapePool=nothing", ANSWER("", "", COUNTS)},
    {"/api/v1/scrape_pools", "", OK("{\"scrapePools\":[\"ape\",\"empty\",\"zebra\"]}")},
};

static void targets_are_told_by_pool_and_state(void **state)
{
    assert_exchanges(*state, answers, ARRAY_LEN(answers), false);
}

/* ---- relabel steps ------------------------------------------------------------------------- */

#define S "/api/v1/targets/relabel_steps"
#define STEP(rule, output, keep)                                                                   \
    "{\"rule\":{\"sourceLabels\":[\"__address__\"],\"separator\":\";\"," rule                      \
    "},\"output\":" output ",\"keep\":" keep "}"
#define DROP "\"regex\":\"h:2\",\"replacement\":\"$1\",\"action\":\"drop\",\"line\":9"
#define REPLACE                                                                                    \
    "\"regex\":\"h:3\",\"targetLabel\":\"__address__\",\"action\":\"replace\",\"line\":10"

static const struct exchange step_answers[] = {
    {S, "scrapePool=ape;labels={\"__address__\":\"h:3\",\"a\":\"<b>\"}",
     OK("{\"steps\":[" STEP(DROP, "{\"__address__\":\"h:3\",\"a\":\"<b>\"}",
                            "true") "," STEP(REPLACE, "{\"a\":\"<b>\"}", "true") "]}")},
    /* behind the step that drops it there are no labels any more */
    {S, "scrapePool=ape;labels={\"__address__\":\"h:2\"}",
     OK("{\"steps\":[" STEP(DROP, "{}", "false") "," STEP(REPLACE, "{}", "false") "]}")},
    {S, "scrapePool=zebra;labels={}", OK("{\"steps\":[]}")},
    {S, "labels={}", BAD("no scrapePool parameter provided")},
    {S, "scrapePool=ape", BAD("no labels parameter provided")},
    {S, "scrapePool=none;labels={}", BAD("scrape pool \\\"none\\\" not found")},
    {S, "scrapePool=ape;labels=[]", BAD("error parsing labels: expected an object of texts")},
    {S, "scrapePool=ape;labels={\"a\":1}",
     BAD("error parsing labels: expected an object of texts")},
    {S, "scrapePool=ape;labels={\"\":\"1\"}",
     BAD("error parsing labels: expected an object of texts")},
};

static void each_step_tells_what_it_makes_of_the_labels(void **state)
{
    assert_exchanges(*state, step_answers, ARRAY_LEN(step_answers), false);
}

/* ---- metadata ------------------------------------------------------------------------------ */

#define OWN_TARGET "\"target\":{\"instance\":\"me\",\"job\":\"own\"}"
#define SCRAPES    "\"type\":\"counter\",\"help\":\"Pages asked for.\",\"unit\":\"\""
#define OLD        "\"old_seconds\":[{\"type\":\"gauge\",\"unit\":\"seconds\",\"help\":\"Gone.\"}]"
#define TM         "/api/v1/targets/metadata"
#define MM         "/api/v1/metadata"

static const struct exchange metadata_answers[] = {
    {TM, "metric=tocsin_scrapes_total", OK("[{" OWN_TARGET "," SCRAPES "}]")},
    {TM, "metric=tocsin_scrapes_total;match_target={job=\"own\"}",
     OK("[{" OWN_TARGET "," SCRAPES "}]")},
    {TM, "match_target={job=\"other\"}", OK("[]")},
    {TM, "limit=0", OK("[]")},
    {TM, "limit=x", BAD("limit must be a number")},
    {TM, "metric=nothing", OK("[]")},
    {MM, "metric=tocsin_scrapes_total",
     OK("{\"tocsin_scrapes_total\":[{\"type\":\"counter\",\"unit\":\"\",\"help\":\"Pages asked "
        "for.\"}]}")},
    {MM, "metric=old_seconds", OK("{" OLD "}")}, /* what storage remembers */
    {MM, "limit=1;limit_per_metric=1",
     OK("{\"a_metric\":[{\"type\":\"unknown\",\"unit\":\"\","
        "\"help\":\"\"}]}")},
    {MM, "limit_per_metric=x", BAD("limit_per_metric must be a number")},
    {MM, "limit=0", OK("{}")},
    {MM, "metric=nothing", OK("{}")},
};

static void put_old_metadata(struct site *s)
{
    const struct metric_metadata old[] = {
        {STR("old_seconds"), METRIC_GAUGE, STR("Gone."), STR("seconds")},
        {STR("a_metric"), METRIC_UNKNOWN, STR(""), STR("")},
        /* a target tells it otherwise: that counts */
        {STR("tocsin_scrapes_total"), METRIC_GAUGE, STR("Once it was."), STR("")},
    };
    const struct sample_batch b = {.metadata = old, .n_metadata = ARRAY_LEN(old)};
    struct err err = {0};

    site_must(
        sample_sink_commit_batch(storage_sink(s->storage), &b, COMMIT_SKIP_BAD, NULL, NULL, &err),
        &err);
}

static void note_up(const struct target_status *st, void *arg)
{
    *(bool *)arg |= st->health == TARGET_UP;
}

static void metadata_comes_from_targets_and_what_none_has_from_storage(void **state)
{
    struct site *s = *state;
    CLEANUP(buf_free) struct buf yaml = {0};
    bool up = false;

    put_old_metadata(s);
    buf_addf(&yaml,
             "scrape_configs:\n"
             "- job_name: own\n"
             "  scrape_interval: 100ms\n"
             "  scrape_timeout: 90ms\n"
             "  static_configs: [{targets: ['127.0.0.1:%d'], labels: {instance: me}}]\n",
             api_port(s->api, 0));
    site_watch(s, yaml.p);
    for (int i = 0; i < 200 && !up; i++) {
        usleep(50000);
        scrape_each(s->scrape, note_up, &up);
    }
    assert_true(up);
    assert_exchanges(s, metadata_answers, ARRAY_LEN(metadata_answers), false);
}

/* ---- globalUrl ----------------------------------------------------------------------------- */

/* OWN stands for the port that we listen on. */
static const struct {
    const char *external, *target, *scheme, *expected;
} urls[] = {
    {"http://127.0.0.1:9090", "127.0.0.1:OWN", "http", "http://127.0.0.1:9090/metrics"},
    {"https://p.io", "127.0.0.1:OWN", "http", "https://p.io/metrics"},
    {"https://p.io/prefix", "localhost:OWN", "http", "https://p.io/metrics"},
    {"https://p.io", "h.example:OWN", "http", "http://h.example:OWN/metrics"},
    {"https://p.io:9090", "localhost:8080", "http", "http://p.io:8080/metrics"},
    {"https://p.io", "[::1]:8080", "https", "https://p.io:8080/metrics"},
    {"https://p.io:9090", "localhost", "http", "http://p.io/metrics"},
    {"https://[::1]", "localhost:9091", "http", "http://[::1]:9091/metrics"},
    {"https://[::1]:9090", "localhost:9091", "http", "http://[::1]:9091/metrics"},
    {"https://p.io", "localhost.example:8080", "http", "http://localhost.example:8080/metrics"},
};

static void put_own_port(const struct site *s, const char *text, struct buf *out)
{
    struct str t = str_c(text), own = STR("OWN");
    size_t at = str_find(t, own);

    buf_add_str(out, str_n(t.p, at));
    if (at < t.len)
        buf_addf(out, "%d%s", api_port(s->api, 0), t.p + at + own.len);
}

static void a_loopback_url_is_told_as_others_reach_it(void **state)
{
    struct site *s = *state;

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(buf_free) struct buf target = {0}, expected = {0}, yaml = {0};
        struct json *doc = NULL;
        struct str got;
        struct reply r;

        s->options.external_url = urls[i].external;
        site_restart_api(s);
        put_own_port(s, urls[i].target, &target);
        put_own_port(s, urls[i].expected, &expected);
        buf_addf(&yaml,
                 "global: {scrape_interval: 1000d}\n"
                 "scrape_configs:\n"
                 "- job_name: j\n"
                 "  scheme: %s\n"
                 "  static_configs: [{targets: ['%s']}]\n",
                 urls[i].scheme, target.p);
        site_watch(s, yaml.p);
        r = site_get(s, T, "state=active");
        got = json_text(
            json_get(json_at(json_get(data_of(&r, &doc), "activeTargets"), 0), "globalUrl"));
        if (!str_eq(got, buf_str(&expected)))
            fail_msg("%s seen from %s: got %.*s", urls[i].target, urls[i].external, STR_ARG(got));
        json_doc_free(doc);
        reply_free(&r);
    }
    s->options.external_url = NULL;
    site_restart_api(s);
    site_watch(s, config);
}

/* ---- a target that is asked ---------------------------------------------------------------- */

static const struct json *target_of(struct site *s, const char *pool, struct reply *r,
                                    struct json **doc)
{
    CLEANUP(buf_free) struct buf params = {0};

    buf_addf(&params, "state=active;scrapePool=%s", pool);
    *r = site_get(s, T, params.p);
    return json_at(json_get(data_of(r, doc), "activeTargets"), 0);
}

/* Asks until the target's health is known; fails when that takes too long. */
static void await_health(struct site *s, const char *pool, const char *health, const char *error)
{
    for (int i = 0; i < 200; i++) {
        struct json *doc = NULL;
        struct reply r;
        const struct json *t = target_of(s, pool, &r, &doc);
        bool known = !str_eq(json_text(json_get(t, "health")), STR("unknown"));

        if (known) {
            assert_true(str_eq_c(json_text(json_get(t, "health")), health));
            assert_true(str_has_prefix(json_text(json_get(t, "lastError")), str_c(error)));
            assert_true(json_double(json_get(t, "lastScrapeDuration")) >= 0);
            assert_false(str_has_prefix(json_text(json_get(t, "lastScrape")), STR("0001")));
        }
        json_doc_free(doc);
        reply_free(&r);
        if (known)
            return;
        usleep(50000);
    }
    fail_msg("%s was never asked", pool);
}

static void health_and_error_come_from_the_last_scrape(void **state)
{
    struct site *s = *state;
    CLEANUP(buf_free) struct buf yaml = {0};

    buf_addf(&yaml,
             "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
             "scrape_configs:\n"
             "- job_name: self\n"
             "  scrape_timeout: 2s\n"
             "  scrape_interval: 2s\n"
             "  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
             "- job_name: wrong\n"
             "  metrics_path: /nothing\n"
             "  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
             "- job_name: many\n"
             "  target_limit: 1\n"
             "  static_configs: [{targets: ['127.0.0.1:1', '127.0.0.1:2']}]\n",
             api_port(s->api, 0), api_port(s->api, 0));
    site_watch(s, yaml.p);
    await_health(s, "self", "up", "");
    await_health(s, "wrong", "down", "server returned HTTP status 404");
    await_health(s, "many", "down", "target_limit exceeded (number of targets: 2, limit: 1)");
    site_watch(s, config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_told_by_pool_and_state),
        cmocka_unit_test(each_step_tells_what_it_makes_of_the_labels),
        cmocka_unit_test(a_loopback_url_is_told_as_others_reach_it),
        cmocka_unit_test(health_and_error_come_from_the_last_scrape),
        cmocka_unit_test(metadata_comes_from_targets_and_what_none_has_from_storage),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
