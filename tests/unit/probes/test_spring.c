/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <errno.h>

#include "base/mem.h"
#include "config/config.h"
#include "probes/probes.h"
#include "probes/spring_priv.h"
#include "tests/unit/net/peer.h"

#define PATIENCE 20000

/* ---- what health says ---------------------------------------------------------------------- */

#define STATUS(component, word)                                                                    \
    "spring_health_status{component=\"" component "\",status=\"" word "\"} 1\n"
#define TYPES_UP           "# TYPE spring_health_up gauge\n"
#define TYPES_STATUS       "# TYPE spring_health_status gauge\n"
#define COMPONENT(name, v) "spring_health_component_up{component=\"" name "\"} " v "\n"
#define TYPES_COMPONENT    "# TYPE spring_health_component_up gauge\n"

static const struct {
    const char *body, *page, *failed; /* page NULL: failed is the error */
} healths[] = {
    {"{\"status\":\"UP\"}", TYPES_STATUS STATUS("", "UP") TYPES_UP "spring_health_up 1\n", ""},
    {"{\"status\":\"UP\",\"groups\":[\"liveness\"]}",
     TYPES_STATUS STATUS("", "UP") TYPES_UP "spring_health_up 1\n", ""},
    {"{\"status\":\"UNKNOWN\"}", TYPES_STATUS STATUS("", "UNKNOWN") TYPES_UP "spring_health_up 1\n",
     ""},
    {"{\"status\":\"OUT_OF_SERVICE\"}",
     TYPES_STATUS STATUS("", "OUT_OF_SERVICE") TYPES_UP "spring_health_up 0\n",
     "health is OUT_OF_SERVICE"},
    {"{\"status\":\"FATIGUED\"}",
     TYPES_STATUS STATUS("", "FATIGUED") TYPES_UP "spring_health_up 0\n", "health is FATIGUED"},
    {"{\"status\":\"DOWN\",\"components\":{"
     "\"db\":{\"status\":\"DOWN\",\"components\":{"
     "\"main\":{\"status\":\"DOWN\",\"details\":{\"error\":\"java.sql: \\\"no\\\"\"}},"
     "\"log\":{\"status\":\"UP\",\"details\":{\"node\":{\"status\":\"green\"}}}}},"
     "\"a\\\"b\":{\"status\":\"UP\"},\"odd\":3,\"mute\":{}}}",
     TYPES_COMPONENT COMPONENT("a\\\"b", "1") COMPONENT("db", "0") COMPONENT("db/log", "1")
         COMPONENT("db/main", "0") TYPES_STATUS STATUS("", "DOWN") STATUS("a\\\"b", "UP")
             STATUS("db", "DOWN") STATUS("db/log", "UP") STATUS("db/main", "DOWN") TYPES_UP
     "spring_health_up 0\n",
     "health is DOWN: db, db/main"},
    /* a component that is down does not make the whole so, where the service says it is up */
    {"{\"status\":\"UP\",\"components\":{\"x\":{\"status\":\"DOWN\"}}}",
     TYPES_COMPONENT COMPONENT("x", "0") TYPES_STATUS STATUS("", "UP") STATUS("x", "DOWN") TYPES_UP
     "spring_health_up 1\n",
     ""},
    /* before Spring Boot 2.2 */
    {"{\"status\":\"DOWN\",\"details\":{\"db\":{\"status\":\"DOWN\",\"details\":{\"main\":"
     "{\"status\":\"DOWN\",\"details\":{\"database\":\"H2\"}}}}}}",
     TYPES_COMPONENT COMPONENT("db", "0") COMPONENT("db/main", "0") TYPES_STATUS STATUS("", "DOWN")
         STATUS("db", "DOWN") STATUS("db/main", "DOWN") TYPES_UP "spring_health_up 0\n",
     "health is DOWN: db, db/main"},
    {"", NULL, "no JSON"},
    {"<html>", NULL, "no JSON"},
    {"[]", NULL, "JSON without a status"},
    {"{\"status\":{\"code\":\"UP\"}}", NULL, "JSON without a status"},
    {"{\"timestamp\":1,\"status\":500,\"error\":\"Internal Server Error\"}", NULL,
     "JSON without a status"},
};

static void health_becomes_series_of_the_whole_and_of_components(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(healths); i++) {
        CLEANUP(buf_free) struct buf failed = {0}, text = {0};
        struct metric_page page = {0};
        struct err err = {0};
        int r = spring_health_read(str_c(healths[i].body), &page, &failed, &err);

        metric_page_write(&page, &text);
        assert_int_equal(r, healths[i].page ? 0 : -EPROTO);
        assert_string_equal(text.p ? text.p : "", healths[i].page ? healths[i].page : "");
        if (r == 0)
            assert_string_equal(failed.p ? failed.p : "", healths[i].failed);
        else
            assert_non_null(strstr(err.msg, healths[i].failed));
        metric_page_deinit(&page);
    }
}

static void components_without_number_and_depth_are_bounded(void **state)
{
    CLEANUP(buf_free) struct buf body = {0}, failed = {0};
    struct metric_page page = {0};

    buf_add_c(&body, "{\"status\":\"DOWN\",\"components\":{");
    for (int i = 0; i < 2000; i++)
        buf_addf(&body, "\"c%d\":{\"status\":\"DOWN\"},", i);
    buf_add_c(&body, "\"z\":{}}}");
    assert_int_equal(spring_health_read(buf_str(&body), &page, &failed, NULL), 0);
    assert_int_equal(page.n, 2 * (HEALTH_COMPONENTS_MAX + 1));
    assert_true(str_has_suffix(buf_str(&failed), STR(", c9 ...")));
    metric_page_deinit(&page);
    buf_reset(&body);
    buf_reset(&failed);
    for (int i = 0; i < 30; i++)
        buf_add_c(&body, "{\"status\":\"UP\",\"components\":{\"a\":");
    buf_add_c(&body, "1");
    for (int i = 0; i < 30; i++)
        buf_add_c(&body, "}}");
    assert_int_equal(spring_health_read(buf_str(&body), &page, &failed, NULL), 0);
    assert_int_equal(page.n, 2 * (HEALTH_DEPTH_MAX + 1));
    metric_page_deinit(&page);
}

/* ---- a service that answers ---------------------------------------------------------------- */

/* Under lock: the test changes and reads what the service's thread uses. */
static struct lock service_lock = LOCK_INIT;
static const char *texts[2]; /* answers of metrics and of health; NULL: it says nothing */
static char asked[2][2048];  /* the last requests */
static int silent[8];        /* connections that got no answer */
static size_t n_silent;
static struct peer service;

static void answer_with(const char *metrics, const char *health)
{
    WITH_LOCK(&service_lock);
    texts[0] = metrics;
    texts[1] = health;
}

static bool was_asked(bool health, const char *words)
{
    WITH_LOCK(&service_lock);
    return strstr(asked[health], words) != NULL;
}

#define ANSWER(status, type, body)                                                                 \
    "HTTP/1.1 " status " X\r\nContent-Type: " type "\r\nConnection: close\r\n\r\n" body
#define PAGE        "# TYPE jvm_x gauge\njvm_x{id=\"a\",} 1.5E3\n"
#define GOOD_PAGE   ANSWER("200", "text/plain;version=0.0.4;charset=utf-8", PAGE)
#define HEALTH_TYPE "application/vnd.spring-boot.actuator.v3+json"
#define GOOD_HEALTH ANSWER("200", HEALTH_TYPE, "{\"status\":\"UP\"}")
#define BAD_HEALTH                                                                                 \
    ANSWER("503", HEALTH_TYPE,                                                                     \
           "{\"status\":\"DOWN\",\"components\":{\"db\":{\"status\":\"DOWN\"}}}")

/* One connection after the other: one without an answer must not keep the next one from its own. */
static void serve(int fd, void *arg)
{
    CLEANUP(buf_free) struct buf head = {0};
    bool health;

    if (!peer_read_to(fd, &head, "\r\n\r\n"))
        return;
    health = strstr(head.p, "/health HTTP") != NULL;
    WITH_LOCK(&service_lock);
    snprintf(asked[health], sizeof asked[health], "%s", head.p);
    if (texts[health])
        dprintf(fd, "%s", texts[health]);
    else
        silent[n_silent++] = dup(fd);
}

static int start_service(void **state)
{
    peer_start(&service, serve, NULL);
    return 0;
}

static int stop_service(void **state)
{
    peer_stop(&service);
    while (n_silent)
        close(silent[--n_silent]);
    return 0;
}

/* ---- asking it ----------------------------------------------------------------------------- */

struct seen {
    struct loop *loop;
    struct buf page, failure;
    enum exposition_format format;
    struct err err;
};

static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct seen *s = arg;

    buf_add_str(&s->page, page);
    s->format = format;
    if (err)
        s->err = *err;
    loop_stop(s->loop);
}

static void seen_deinit(struct seen *s)
{
    buf_free(&s->page);
    buf_free(&s->failure);
}

static struct seen look(const char *block, const char *address, dur_ms timeout)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    CLEANUP(buf_free) struct buf yaml = {0};
    struct seen seen = {.loop = loop_new()};
    struct config *c = NULL;
    struct target t;
    struct err err = {0};
    void *session;

    buf_addf(&yaml, "scrape_configs: [{job_name: a, spring: {%s}}]", block);
    if (config_parse("f", buf_str(&yaml), &c, &err) < 0)
        fail_msg("%s", err.msg);
    target_of_address(&arena, &c->scrapes[0], str_c(address), &t);
    session = probe_spring_source.open(seen.loop, &t);
    probe_spring_source.fetch(session, timeout, on_page, &seen);
    loop_run(seen.loop);
    probe_spring_source.failure(session, &seen.failure);
    probe_spring_source.close(session);
    loop_free(seen.loop);
    config_unref(c);
    buf_add_c(&seen.page, "");
    return seen;
}

static struct seen look_here(const char *block, dur_ms timeout)
{
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", service.port);
    return look(block, address, timeout);
}

static const struct {
    const char *metrics, *health;
    const char *up;        /* of the page: what has to stand there */
    const char *err, *why; /* NULL: none */
} answers[] = {
    {GOOD_PAGE, GOOD_HEALTH, "\nspring_health_up 1\n", NULL, NULL},
    {GOOD_PAGE, GOOD_HEALTH, "jvm_x{id=\"a\",} 1.5E3\n", NULL, NULL},
    {GOOD_PAGE, BAD_HEALTH, "\nspring_health_component_up{component=\"db\"} 0\n", NULL,
     "health is DOWN: db"},
    {GOOD_PAGE, ANSWER("503", HEALTH_TYPE, "{\"status\":\"OUT_OF_SERVICE\"}"),
     "status=\"OUT_OF_SERVICE\"} 1\n", NULL, "health is OUT_OF_SERVICE"},
    {GOOD_PAGE, ANSWER("401", "text/html", ""),
     "\nspring_actuator_success{endpoint=\"health\"} 0\n", NULL,
     "GET /actuator/health: status 401: the actuator wants another login"},
    {GOOD_PAGE, ANSWER("404", "application/json", "{\"status\":404}"), "{endpoint=\"health\"} 0\n",
     NULL, "GET /actuator/health: status 404, expected 200"},
    {GOOD_PAGE, ANSWER("302", "text/html", ""), "{endpoint=\"prometheus\"} 1\n", NULL,
     "GET /actuator/health: status 302: a redirect, as to a login page"},
    {GOOD_PAGE, ANSWER("200", "text/html", "<html>"), "{endpoint=\"health\"} 0\n", NULL,
     "GET /actuator/health: no JSON"},
    {GOOD_PAGE, ANSWER("500", "application/json", "{\"status\":500}"), "{endpoint=\"health\"} 0\n",
     NULL, "GET /actuator/health: JSON without a status"},
    /* without metrics it is down, with the health that it has */
    {ANSWER("404", "application/json", "{}"), BAD_HEALTH, "spring_health_up 0\n",
     "GET /actuator/prometheus: status 404: is base_path \"/actuator\" right",
     "health is DOWN: db"},
    {ANSWER("401", "text/html", ""), GOOD_HEALTH, "{endpoint=\"prometheus\"} 0\n",
     "GET /actuator/prometheus: status 401", NULL},
    {ANSWER("200", "text/html;charset=UTF-8", "<html>"), GOOD_HEALTH, "spring_health_up 1\n",
     "the answer is of type \"text/html\"", NULL},
    {ANSWER("500", "text/plain", "x"), GOOD_HEALTH, "spring_health_up 1\n", "status 500", NULL},
};

static void each_answer_has_its_words(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        CLEANUP(seen_deinit) struct seen seen = {0};

        answer_with(answers[i].metrics, answers[i].health);
        seen = look_here("", PATIENCE);
        if (!strstr(seen.page.p, answers[i].up))
            fail_msg("%zu: no %s in %s", i, answers[i].up, seen.page.p);
        if ((seen.err.code != 0) != (answers[i].err != NULL) ||
            (answers[i].err && !strstr(seen.err.msg, answers[i].err)))
            fail_msg("%zu: %s", i, seen.err.msg);
        if ((seen.failure.len != 0) != (answers[i].why != NULL) ||
            (answers[i].why && !strstr(seen.failure.p, answers[i].why)))
            fail_msg("%zu: %s", i, seen.failure.p ? seen.failure.p : "no failure");
    }
}

static void a_page_of_openmetrics_stays_one(void **state)
{
    CLEANUP(seen_deinit) struct seen seen = {0};

    answer_with(ANSWER("200", "application/openmetrics-text; version=1.0.0", "a 1\n# EOF\n"),
                GOOD_HEALTH);
    seen = look_here("", PATIENCE);
    assert_int_equal(seen.format, EXPOSITION_OPENMETRICS);
    assert_memory_equal(seen.page.p, "a 1\n# TYPE spring", 17);
    assert_true(str_has_suffix(buf_str(&seen.page), STR("spring_health_up 1\n# EOF\n")));
}

static void path_and_credentials_are_those_of_the_block(void **state)
{
    CLEANUP(seen_deinit) struct seen seen = {0};

    answer_with(GOOD_PAGE, GOOD_HEALTH);
    seen = look_here("base_path: /shop/manage/, basic_auth: {username: u, password: p}", PATIENCE);
    assert_int_equal(seen.err.code, 0);
    for (int i = 0; i < 2; i++) {
        assert_true(was_asked(i, i ? "GET /shop/manage/health HTTP/1.1\r\n"
                                   : "GET /shop/manage/prometheus HTTP/1.1\r\n"));
        assert_true(was_asked(i, "Authorization: Basic dTpw\r\n"));
    }
}

static void either_part_may_be_left_out(void **state)
{
    CLEANUP(seen_deinit) struct seen seen = {0}, only = {0}, bad = {0};

    answer_with(ANSWER("500", "text/plain", ""), GOOD_HEALTH);
    seen = look_here("metrics: false", PATIENCE);
    assert_int_equal(seen.err.code, 0);
    assert_null(strstr(seen.page.p, "prometheus"));
    answer_with(NULL, ANSWER("401", "text/html", ""));
    bad = look_here("metrics: false", PATIENCE);
    assert_non_null(strstr(bad.err.msg, "GET /actuator/health: status 401"));
    assert_int_equal(bad.failure.len, 0);
    answer_with(GOOD_PAGE, NULL);
    only = look_here("health: false", PATIENCE);
    assert_int_equal(only.err.code, 0);
    assert_null(strstr(only.page.p, "health"));
}

static void who_hangs_or_is_gone_is_down(void **state)
{
    CLEANUP(seen_deinit) struct seen seen = {0}, gone = {0};

    answer_with(NULL, GOOD_HEALTH);
    seen = look_here("", 300);
    assert_non_null(strstr(seen.err.msg, "no answer within 300ms"));
    assert_non_null(strstr(seen.page.p, "spring_health_up 1\n"));
    gone = look("", "http://127.0.0.1:1", PATIENCE);
    assert_non_null(strstr(gone.err.msg, "Connection refused"));
    assert_non_null(strstr(gone.page.p, "{endpoint=\"health\"} 0\n"));
}

/* A session that is closed in the middle takes its questions along. */
static void a_question_can_be_dropped_while_it_waits(void **state)
{
    const struct config_scrape job = {.kind = JOB_SPRING, .spring = &config_spring_defaults};
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct seen seen = {.loop = loop_new()};
    char address[32];
    struct target t;
    void *session;

    answer_with(NULL, NULL);
    snprintf(address, sizeof address, "127.0.0.1:%d", service.port);
    target_of_address(&arena, &job, str_c(address), &t);
    session = probe_spring_source.open(seen.loop, &t);
    probe_spring_source.fetch(session, PATIENCE, on_page, &seen);
    probe_spring_source.close(session);
    loop_free(seen.loop);
    assert_int_equal(seen.page.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_becomes_series_of_the_whole_and_of_components),
        cmocka_unit_test(components_without_number_and_depth_are_bounded),
        cmocka_unit_test(each_answer_has_its_words),
        cmocka_unit_test(a_page_of_openmetrics_stays_one),
        cmocka_unit_test(path_and_credentials_are_those_of_the_block),
        cmocka_unit_test(either_part_may_be_left_out),
        cmocka_unit_test(who_hangs_or_is_gone_is_down),
        cmocka_unit_test(a_question_can_be_dropped_while_it_waits),
    };

    return cmocka_run_group_tests(tests, start_service, stop_service);
}
