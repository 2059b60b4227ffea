/* SPDX-License-Identifier: Apache-2.0 */
/* The story of an alert: each sentence is there when it is true, and only then. */
#include "tests/unit/alerts/world.h"

#include "base/json.h"

static const char config[] =
    "route:\n"
    "  receiver: d\n"
    "  group_by: [alertname]\n"
    "  group_wait: 10s\n"
    "  group_interval: 1m\n"
    "  routes:\n"
    "  - {matchers: ['sev=\"crit\"'], receiver: night}\n"
    "  - {matchers: ['team=\"db\"'], receiver: db, continue: true, mute_time_intervals: [always]}\n"
    "  - {matchers: ['team=~\".+\"'], receiver: log, group_by: ['...']}\n"
    "  - {matchers: ['x=\"y\"'], receiver: d}\n"
    "receivers:\n"
    "- {name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}\n"
    "- {name: night}\n"
    "- {name: db}\n"
    "- {name: log, webhook_configs: [{url: 'http://192.0.2.1/l'}]}\n"
    "inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [alertname=Slow]}]\n"
    "time_intervals: [{name: always, time_intervals: [{}]}]\n";

static char *story(struct world *w, const char *name, size_t *ret_n)
{
    struct matcher *m = NULL;
    struct buf out = {0};
    struct json_writer jw;

    assert_int_equal(matcher_new(MATCH_EQ, STR("alertname"), str_c(name), &m, NULL), 0);
    json_writer_init(&jw, &out, JSON_PLAIN);
    *ret_n = alerts_explain(w->alerts, (const struct matcher *const *)&m, 1, w->now, 1, &jw);
    matcher_free(m);
    return buf_take(&out);
}

static void tells(struct world *w, const char *name, const char *words, bool yes)
{
    size_t n;
    char *text = story(w, name, &n);

    if (!strstr(text, words) == yes)
        fail_msg("%s: %s\n%s", yes ? "missing" : "must not be there", words, text);
    free(text);
}

static void the_way_through_the_tree_says_why_each_route_took_it_or_not(void **state)
{
    struct world w;

    world_init(&w, config);
    world_post(&w, "alertname=A team=db @end=999");
    tells(&w, "A", "\"route\":\"{}\",\"depth\":0,\"line\":2,\"verdict\":\"passed\"", true);
    tells(&w, "A",
          "\"line\":7,\"verdict\":\"refused\",\"matcher\":\"sev=\\\"crit\\\"\",\"value\":\"\"}",
          true);
    tells(&w, "A",
          "\"line\":8,\"verdict\":\"taken\",\"receiver\":\"db\",\"groupBy\":[\"alertname\"]", true);
    tells(&w, "A", "\"line\":9,\"verdict\":\"taken\",\"receiver\":\"log\",\"groupBy\":[\"...\"]",
          true);
    tells(&w, "A", "\"line\":10,\"verdict\":\"skipped\"", true);
    tells(&w, "A", "\"mutedBy\":[\"always\"]", true);
    world_deinit(&w);
}

static void what_mutes_and_what_was_told_is_told(void **state)
{
    struct silence_matcher matcher = {STR("alertname"), STR("Quiet"), false, true};
    struct silence_wanted wanted = {.matchers = &matcher,
                                    .n_matchers = 1,
                                    .starts_at = T0,
                                    .ends_at = world_time(100),
                                    .created_by = STR("me"),
                                    .comment = STR("disk")};
    char id[SILENCE_ID_LEN + 1];
    struct world w;

    world_init(&w, config);
    assert_int_equal(alerts_set_silence(w.alerts, &wanted, w.now, id, NULL), 0);
    world_post(&w, "alertname=Down; alertname=Slow @end=999; alertname=Quiet @end=999; "
                   "alertname=Loud @end=999");
    tells(&w, "Loud", "\"nextFlush\":\"2026-02-04T08:11:38Z\"", true);
    tells(&w, "Loud", "\"lastTold\":\"0001-01-01T00:00:00Z\",\"toldFiring\":false", true);
    tells(&w, "Loud", "\"news\":\"first notification\"", true);
    tells(&w, "Quiet", "\"comment\":\"disk\"", true);
    tells(&w, "Quiet", "\"news\":\"\"", true);
    tells(&w, "Slow", "\"inhibitedBy\":{\"fingerprint\"", true);
    tells(&w, "Loud", "inhibitedBy", false);
    world_run(&w, world_time(20));
    tells(&w, "Loud", "\"lastTold\":\"2026-02-04T08:11:38Z\",\"toldFiring\":true", true);
    tells(&w, "Loud", "\"news\":\"\"", true);
    tells(&w, "Slow", "\"toldFiring\":false", true);
    world_run(&w, world_time(101));
    tells(&w, "Quiet", "\"silencedBy\":[]", true);
    world_post(&w, "alertname=Loud @end=101");
    tells(&w, "Loud", "\"news\":\"all alerts resolved\"", true);
    world_run(&w, world_time(200));
    tells(&w, "Loud", "\"state\":\"resolved\"", true);
    tells(&w, "Loud", "\"endTold\":true", true);
    world_deinit(&w);
}

static void no_more_are_told_than_were_asked_for(void **state)
{
    struct world w;
    size_t n;
    char *text;

    world_init(&w, config);
    world_post(&w, "alertname=A i=1; alertname=A i=2; alertname=A i=3");
    text = story(&w, "A", &n);
    assert_int_equal(n, 3);
    assert_non_null(strstr(text, "\"i\":\"1\""));
    assert_null(strstr(text, "\"i\":\"2\""));
    free(text);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_through_the_tree_says_why_each_route_took_it_or_not),
        cmocka_unit_test(what_mutes_and_what_was_told_is_told),
        cmocka_unit_test(no_more_are_told_than_were_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
