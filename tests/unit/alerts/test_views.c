/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerts/world.h"

#include <inttypes.h>

#include "model/selfmetrics.h"

#define LONG " @end=999999"

static const char config[] =
    "route: {receiver: d, group_by: [job], group_wait: 30s, group_interval: 5m, routes: [\n"
    "  {receiver: log, matchers: ['sev=~\".+\"'], continue: true},\n"
    "  {receiver: night, matchers: ['sev=crit'], group_wait: 1s}]}\n"
    "receivers: [{name: d, webhook_configs: [{url: 'http://192.0.2.1/d'}]}, {name: log}, {name: night}]\n"
    "inhibit_rules: [{source_matchers: ['sev=crit'], target_matchers: ['sev=warn']}]\n";

static void add_alert(const struct alert_view *v, void *arg)
{
    struct buf *out = arg;

    label_set_print(v->alert->labels, out);
    buf_addf(out, " %s %016" PRIx64, v->status == ALERT_ACTIVE ? "active" : "suppressed",
             v->inhibited_by);
    for (size_t i = 0; i < v->n_receivers; i++)
        buf_addf(out, " %s", v->receivers[i]);
    buf_add_byte(out, '\n');
}

static void alerts_are_shown_in_order_of_fingerprints_with_state_and_receivers(void **state)
{
    struct buf out = {0};
    struct world w;

    world_init(&w, config);
    world_post(&w, "alertname=A sev=crit" LONG "; alertname=B sev=warn" LONG "; alertname=C" LONG
                   "; alertname=D @start=-9 @end=-1");
    alerts_each(w.alerts, w.now, add_alert, &out);
    assert_string_equal(out.p, "{alertname=\"B\", sev=\"warn\"} suppressed c321e5f66e501299 log\n"
                               "{alertname=\"A\", sev=\"crit\"} active 0000000000000000 log night\n"
                               "{alertname=\"C\"} active 0000000000000000 d\n");
    buf_free(&out);
    world_deinit(&w);
}

static void add_group(const struct alert_group_view *v, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%s %s %lld:", v->receiver, v->group_key,
             (long long)((v->next_flush - T0) / NS_PER_S));
    for (size_t i = 0; i < v->n_alerts; i++) {
        struct str name = alert_name(v->alerts[i].alert);

        buf_addf(out, " " STR_FMT, STR_ARG(name));
    }
    buf_add_byte(out, '\n');
}

static void groups_are_shown_in_order_of_labels_and_receivers(void **state)
{
    struct buf out = {0};
    struct world w;

    world_init(&w, config);
    world_post(&w, "alertname=B job=y sev=crit" LONG "; alertname=A job=y sev=warn" LONG
                   "; alertname=D job=x" LONG "; alertname=C job=x" LONG "; alertname=E" LONG
                   "; alertname=F job=z @start=-9 @end=-1");
    alerts_each_group(w.alerts, w.now, add_group, &out);
    assert_string_equal(out.p, "d {}:{} 30: E\n"
                               "d {}:{job=\"x\"} 30: C D\n"
                               "log {}/{sev=~\".+\"}:{job=\"y\"} 30: A B\n"
                               "night {}/{sev=\"crit\"}:{job=\"y\"} 1: B\n");
    buf_free(&out);
    world_deinit(&w);
}

static double metric(const char *line)
{
    struct buf out = {0};
    const char *at;
    double v = -1;

    selfmetrics_write(&out);
    at = strstr(out.p, line);
    if (at)
        v = atof(at + strlen(line));
    buf_free(&out);
    return v;
}

static void what_happens_is_counted(void **state)
{
    static const char *const counters[] = {
        "\ntocsin_alerts_received_total{status=\"firing\"} ",
        "\nalertmanager_alerts_received_total{status=\"resolved\",version=\"v2\"} ",
        "\ntocsin_notifications_suppressed_total{reason=\"inhibition\"} ",
        "\nalertmanager_notifications_suppressed_total{reason=\"inhibition\"} ",
        "\ntocsin_alerts_notifications_handed_over_total ",
        "\ntocsin_alerts_write_failures_total{to=\"outbox\"} ",
        "\ntocsin_alerts_write_failures_total{to=\"state\"} ",
        "\ntocsin_alerts_clock_steps_total ",
    };
    static const double grows_by[] = {4, 1, 1, 1, 1, 2, 1, 1};
    double before[ARRAY_LEN(counters)];
    struct world w;

    world_init(&w, config);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        assert_true((before[i] = metric(counters[i])) >= 0); /* shown from the start */
    world_post(&w, "alertname=A sev=crit" LONG "; alertname=B sev=warn" LONG "; alertname=C" LONG
                   "; alertname=D @start=-9 @end=-1");
    w.fail_writes = 1;
    assert_true(world_post(&w, "alertname=E" LONG) < 0);
    world_run(&w, world_time(6)); /* the gauges are not counted more often than every 5 s */
    assert_true(metric("\ntocsin_alerts{state=\"active\"} ") == 2);
    assert_true(metric("\nalertmanager_alerts{state=\"suppressed\"} ") == 1);
    assert_true(metric("\nalertmanager_dispatcher_aggregation_groups ") == 3);
    w.fail_puts = 2; /* all at once, then the group alone */
    world_run(&w, world_time(30));
    assert_true(metric("\ntocsin_alert_groups_failing ") == 1);
    world_run(&w, world_time(40));
    assert_true(metric("\ntocsin_alert_groups_failing ") == 0);
    w.now -= 100 * NS_PER_S;
    world_tick(&w);
    world_post(&w, "alertname=C @start=0" LONG);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        if (metric(counters[i]) - before[i] != grows_by[i])
            fail_msg("%s grew by %g", counters[i] + 1, metric(counters[i]) - before[i]);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_are_shown_in_order_of_fingerprints_with_state_and_receivers),
        cmocka_unit_test(groups_are_shown_in_order_of_labels_and_receivers),
        cmocka_unit_test(what_happens_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
