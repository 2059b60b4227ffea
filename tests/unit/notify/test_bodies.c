/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tocsin_cmocka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/label_set.h"
#include "notify/notify.h"

static bool set_label(struct str name, const struct json *v, void *arg)
{
    label_builder_set(arg, name, json_text(v));
    return true;
}

static struct label_set *labels_of(const struct json *object)
{
    struct label_builder b = {0};
    struct label_set *ls;

    json_each(object, set_label, &b);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static struct label_set *labels_of_text(const char *json)
{
    struct json *doc = NULL;
    struct label_set *ls;

    assert_int_equal(json_doc_parse(str_c(json), &doc, NULL), 0);
    ls = labels_of(doc);
    json_doc_free(doc);
    return ls;
}

/* The alert of the founding document; its id there is 13756484288041546268. */
static const char seed_labels[] =
    "{\"rule_level\":\"cluster\",\"rule_type\":\"custom\",\"severity\":\"critical\",\"environment\":\"prod\","
    "\"rule_group\":\"redisdev-memory-over250\",\"rule_id\":\"c2a7251d-ecd5-495c-bea4-7df383bd26e9\","
    "\"job\":\"redis-dev\",\"alertname\":\"redis内存超过250MB\",\"alerttype\":\"metric\",\"instance\":\"redis-dev\"}";
static const char seed_annotations[] =
    "{\"message\":\"详情_redis内存超过200MB\",\"summary\":\"概要_redis内存超过200MB\"}";

static unix_ns at(const char *text)
{
    unix_ns t = 0;

    assert_int_equal(time_parse_rfc3339(str_c(text), &t, NULL, NULL), 0);
    return t;
}

static struct alert *seed_alert(unix_ns ends_at)
{
    struct label_set *labels = labels_of_text(seed_labels),
                     *annotations = labels_of_text(seed_annotations);
    struct alert *a = alert_new(labels, annotations, at("2026-02-04T08:11:28.817147387Z"), ends_at,
                                at("2026-02-04T08:11:28.817147387Z"),
                                "http://tocsin/graph?a=1&b=<2>");

    label_set_unref(labels);
    label_set_unref(annotations);
    return a;
}

static struct str by[] = {{"alertname", 9}, {"namespace", 9}};

static char *body_of(const struct alert *const *alerts, size_t n, unix_ns now, bool kubesphere,
                     uint64_t max)
{
    struct label l[] = {{STR("alertname"), label_set_get(alerts[0]->labels, STR("alertname"))}};
    struct label_set *group = label_set_new(l, 1);
    struct notification m = {.receiver = "web.ops",
                             .group_key = "{}:{alertname=\"x\"}",
                             .group_labels = group,
                             .group_by = by,
                             .n_group_by = 2,
                             .alerts = alerts,
                             .n_alerts = n,
                             .now = now,
                             .reason = "first notification"};
    struct buf out = {0};

    if (kubesphere)
        webhook_body_kubesphere(&m, "default", &out);
    else
        webhook_body_alertmanager(&m, "http://tocsin", max, &out);
    label_set_unref(group);
    return buf_take(&out);
}

static void the_founding_alert_gives_the_founding_body(void **unused)
{
    struct alert *a = seed_alert(UNIX_NS_ZERO);
    const struct alert *list[] = {a};
    char *body = body_of(list, 1, at("2026-02-04T08:12:00Z"), true, 0);

    assert_string_equal(
        body,
        "{\"alerts\":[{\"id\":\"13756484288041546268\",\"status\":\"firing\",\"labels\":{"
        "\"alertname\":\"redis内存超过250MB\",\"alerttype\":\"metric\",\"cluster\":\"default\",\"environment\":\"prod\","
        "\"instance\":\"redis-dev\",\"job\":\"redis-dev\",\"rule_group\":\"redisdev-memory-over250\","
        "\"rule_id\":\"c2a7251d-ecd5-495c-bea4-7df383bd26e9\",\"rule_level\":\"cluster\",\"rule_type\":\"custom\","
        "\"severity\":\"critical\"},\"annotations\":{\"message\":\"详情_redis内存超过200MB\","
        "\"summary\":\"概要_redis内存超过200MB\"},\"startsAt\":\"2026-02-04T08:11:28.817147387Z\","
        "\"endsAt\":\"0001-01-01T00:00:00Z\",\"NotifySuccessful\":false}],"
        "\"groupLabels\":{\"alertname\":\"redis内存超过250MB\",\"namespace\":\"\"},"
        "\"commonLabels\":{\"alertname\":\"redis内存超过250MB\",\"alerttype\":\"metric\",\"cluster\":\"default\","
        "\"environment\":\"prod\",\"instance\":\"redis-dev\",\"job\":\"redis-dev\","
        "\"rule_group\":\"redisdev-memory-over250\",\"rule_id\":\"c2a7251d-ecd5-495c-bea4-7df383bd26e9\","
        "\"rule_level\":\"cluster\",\"rule_type\":\"custom\",\"severity\":\"critical\"},"
        "\"commonAnnotations\":{\"message\":\"详情_redis内存超过200MB\",\"summary\":\"概要_redis内存超过200MB\"}}\n");
    free(body);
    alert_unref(a);
}

static void a_resolved_alert_shows_its_end_and_another_id(void **unused)
{
    struct alert *a = seed_alert(at("2026-02-04T08:20:28.817147387Z"));
    const struct alert *list[] = {a};
    char *body = body_of(list, 1, at("2026-02-04T08:21:00Z"), true, 0);

    assert_non_null(strstr(body, "\"status\":\"resolved\""));
    assert_non_null(strstr(body, "\"endsAt\":\"2026-02-04T08:20:28.817147387Z\""));
    assert_null(strstr(body, "13756484288041546268"));
    free(body);

    /* before its end it fires, and says no end */
    body = body_of(list, 1, at("2026-02-04T08:20:00Z"), true, 0);
    assert_non_null(strstr(body, "\"id\":\"13756484288041546268\",\"status\":\"firing\""));
    assert_non_null(strstr(body, "\"endsAt\":\"0001-01-01T00:00:00Z\""));
    free(body);
    alert_unref(a);
}

static void html_is_escaped_and_an_own_cluster_label_kept(void **unused)
{
    struct label_set *labels = labels_of_text("{\"alertname\":\"a<b>&c\",\"cluster\":\"host\"}");
    struct label_set *annotations = labels_of_text("{}");
    struct alert *a = alert_new(labels, annotations, at("2026-02-04T08:11:28Z"), UNIX_NS_ZERO, 0,
                                NULL);
    const struct alert *list[] = {a};
    char *body = body_of(list, 1, at("2026-02-04T08:12:00Z"), true, 0);

    assert_non_null(
        strstr(body, "\"alertname\":\"a\\u003cb\\u003e\\u0026c\",\"cluster\":\"host\""));
    assert_non_null(strstr(body, "\"annotations\":{}"));
    free(body);
    alert_unref(a);
    label_set_unref(labels);
    label_set_unref(annotations);
}

static void alertmanagers_body_has_its_keys_in_order_and_cuts_at_max_alerts(void **unused)
{
    struct alert *a = seed_alert(UNIX_NS_ZERO), *b = seed_alert(at("2026-02-04T08:11:29Z"));
    const struct alert *list[] = {b, a};
    char *body = body_of(list, 2, at("2026-02-04T08:12:00Z"), false, 1);
    static const char *const keys[] = {
        "{\"receiver\":\"web\\\\.ops\"",
        "\"status\":\"resolved\"",
        "\"alerts\":[{\"status\":",
        "\"labels\":",
        "\"annotations\":",
        "\"startsAt\":",
        "\"endsAt\":\"2026-",
        "\"generatorURL\":\"http://tocsin/graph?a=1\\u0026b=\\u003c2\\u003e\"",
        "\"fingerprint\":\"",
        "}],\"notification_reason\":\"first notification\"",
        "\"groupLabels\":{\"alertname\":\"redis内存超过250MB\"}",
        "\"commonLabels\":",
        "\"commonAnnotations\":",
        "\"externalURL\":\"http://tocsin\"",
        "\"version\":\"4\"",
        "\"groupKey\":\"{}:{alertname=\\\"x\\\"}\"",
        "\"truncatedAlerts\":1}\n"};
    const char *p = body;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *found = strstr(p, keys[i]);

        if (!found)
            fail_msg("%s is missing or out of place in %s", keys[i], body);
        p = found + 1;
    }
    free(body);
    alert_unref(a);
    alert_unref(b);
}

static void common_labels_are_those_that_all_alerts_share(void **unused)
{
    struct label_set *one = labels_of_text("{\"alertname\":\"x\",\"job\":\"a\",\"zone\":\"1\"}");
    struct label_set *two = labels_of_text("{\"alertname\":\"x\",\"job\":\"b\"}");
    struct label_set *none = labels_of_text("{}");
    struct alert *a = alert_new(one, none, 1, UNIX_NS_ZERO, 0, NULL),
                 *b = alert_new(two, none, 1, UNIX_NS_ZERO, 0, NULL);
    const struct alert *list[] = {a, b};
    char *body = body_of(list, 2, 2, false, 0);

    assert_non_null(strstr(body, "\"commonLabels\":{\"alertname\":\"x\"}"));
    free(body);
    alert_unref(a);
    alert_unref(b);
    label_set_unref(one);
    label_set_unref(two);
    label_set_unref(none);
}

/* Vectors recorded from notification-manager's own hash. */
static void ids_are_those_of_notification_manager(void **unused)
{
    const char *shared = getenv("TOCSIN_SHARED");
    char path[512];
    struct buf text = {0};
    struct json *doc = NULL;
    size_t ran = 0;

    snprintf(path, sizeof path, "%s/spec/kubesphere/payloads/alert-id-vectors.json",
             shared ? shared : "../shared");
    if (file_read(path, 1 << 20, &text, NULL) < 0) {
        print_message("# vectors are not here: %s\n", path);
        skip();
    }
    assert_int_equal(json_doc_parse(buf_str(&text), &doc, NULL), 0);
    for (size_t i = 0; i < json_len(doc); i++) {
        const struct json *c = json_at(doc, i), *in = json_get(c, "input");
        struct label_set *labels = labels_of(json_get(in, "labels"));
        struct label_set *annotations = labels_of(json_get(in, "annotations"));
        char *status = str_dup(json_text(json_get(in, "status"))), got[24];
        unix_ns starts = 0, ends = 0;
        int starts_zone = 0, ends_zone = 0;

        if (json_text(json_get(in, "id")).len == 0 &&
            !json_is_true(json_get(in, "NotifySuccessful")) &&
            time_parse_rfc3339(json_text(json_get(in, "startsAt")), &starts, &starts_zone, NULL) ==
                0 &&
            time_parse_rfc3339(json_text(json_get(in, "endsAt")), &ends, &ends_zone, NULL) == 0) {
            snprintf(got, sizeof got, "%" PRIu64,
                     kubesphere_alert_id(status, labels, annotations, starts, starts_zone, ends,
                                         ends_zone));
            if (!str_eq_c(json_text(json_get(c, "id")), got))
                fail_msg("%.*s: got %s, expected %.*s", STR_ARG(json_text(json_get(c, "name"))),
                         got, STR_ARG(json_text(json_get(c, "id"))));
            ran++;
        } else {
            print_message("# left out: %.*s\n", STR_ARG(json_text(json_get(c, "name"))));
        }
        free(status);
        label_set_unref(labels);
        label_set_unref(annotations);
    }
    print_message("# %zu of %zu vectors\n", ran, json_len(doc));
    assert_true(ran >= 3);
    json_doc_free(doc);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_founding_alert_gives_the_founding_body),
        cmocka_unit_test(a_resolved_alert_shows_its_end_and_another_id),
        cmocka_unit_test(html_is_escaped_and_an_own_cluster_label_kept),
        cmocka_unit_test(alertmanagers_body_has_its_keys_in_order_and_cuts_at_max_alerts),
        cmocka_unit_test(common_labels_are_those_that_all_alerts_share),
        cmocka_unit_test(ids_are_those_of_notification_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
