/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include "model/selfmetrics.h"
#include "tests/unit/api/site.h"

#define PATH "/api/v1/rules/backtest"
#define SPAN "?since=1h&until=1700002800&step=60" /* T0 - 800 s to T0 + 2800 s */

static const char rule[] = "{alert: Hot, expr: temp > 20, for: 2m}";

/* Twice hot for ten minutes on each of two jobs, an hour and more apart from now. */
static void fill(struct site *s)
{
    for (int i = 0; i < 46; i++) {
        unix_ms t = T0 + i * 60000;
        double v = (i / 10) % 2 ? 25 : 15;

        site_put(s, "temp{job=\"a\"}", t, v);
        site_put(s, "temp{job=\"b\"}", t, v);
    }
}

static struct site *open_site(const char *config)
{
    struct site *s = site_open(config, NULL);

    fill(s);
    return s;
}

static void expect(const struct site *s, const char *query, const char *body, int status,
                   const char *const *parts)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct reply r;

    buf_addf(&path, PATH "%s", query);
    r = site_ask(s, "POST", path.p, "Content-Type: application/yaml\r\n", str_c(body));
    assert_int_equal(r.status, status);
    for (; *parts; parts++)
        if (str_find(r.body, str_c(*parts)) >= r.body.len)
            fail_msg("no %s in " STR_FMT, *parts, STR_ARG(r.body));
    reply_free(&r);
}

#define EXPECT(s, query, body, status, ...)                                                        \
    expect(s, query, body, status, (const char *const[]){__VA_ARGS__, NULL})

static void it_tells_alerts_thresholds_and_messages(void **state)
{
    struct site *s = open_site("");

    EXPECT(
        s, SPAN, rule, 200, "\"name\":\"Hot\"", "\"group\":\"rule\"", "\"fired\":4",
        "\"labels\":{\"alertname\":\"Hot\",\"job\":\"a\"}", "\"peak\":25",
        "\"pendingAt\":\"2023-11-14T22:24:", "\"measured\":\"temp\"", "\"operator\":\"\\u003e\"",
        "\"thresholds\":[{\"threshold\":20,\"fired\":4,\"own\":true},{\"threshold\":25,"
        "\"fired\":0,\"own\":false}]",
        /* both jobs are one group: it fires, then it is over, twice */
        "\"notifications\":{\"total\":4,\"resolved\":2,\"routes\":\"default\",\"complete\":true");
    EXPECT(s, SPAN "&thresholds=10,1KB", rule, 200, "{\"threshold\":10,\"fired\":2,\"own\":false}",
           "{\"threshold\":1024,\"fired\":0,\"own\":false}");
    site_close(s);
}

static void configured_routes_group_and_mute(void **state)
{
    struct site *s = open_site("route: {receiver: ops, group_by: [job], routes: [{matchers: "
                               "['job=b'], receiver: quiet}]}\n"
                               "receivers: [{name: ops, webhook_configs: [{url: "
                               "'http://127.0.0.1:1/'}]}, {name: quiet, webhook_configs: [{url: "
                               "'http://127.0.0.1:1/', send_resolved: false}]}]\n");
    CLEANUP(buf_free) struct buf metrics = {0};

    EXPECT(s, SPAN, rule, 200, "\"routes\":\"configured\"", "\"total\":6",
           "{\"name\":\"ops\",\"total\":4}", "{\"name\":\"quiet\",\"total\":2}");
    selfmetrics_write(&metrics); /* it was a trial */
    assert_non_null(strstr(metrics.p, "tocsin_alerts_received_total{status=\"firing\"} 0"));
    site_close(s);
}

static void what_is_wrong_is_told(void **state)
{
    struct site *s = open_site("");

    EXPECT(s, SPAN, "{alert: Hot, expr: 'temp >'}", 400, "\"errorType\":\"bad_data\"", "rules:1:");
    EXPECT(s, "?since=0", rule, 400, "since must be positive");
    EXPECT(s, "?thresholds=high", rule, 400, "expected a number");
    EXPECT(s, "?since=7d&step=1ms", rule, 422, "take a larger step");
    EXPECT(s, SPAN, "groups: [{name: g, rules: [{record: r, expr: temp}]}]", 200,
           "\"rules\":[],\"recordingRules\":1");
    site_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_alerts_thresholds_and_messages),
        cmocka_unit_test(configured_routes_group_and_mute),
        cmocka_unit_test(what_is_wrong_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
