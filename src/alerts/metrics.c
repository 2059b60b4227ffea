/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each number has our name, and Alertmanager's where it means the same, so that dashboards made for
 * Alertmanager go on working.
 */
#include "alerts/alerts_priv.h"
#include "model/selfmetrics.h"

#define COUNTER(var, name, label, help) SELFMETRIC(var, METRIC_COUNTER, name, label, help)
#define GAUGE(var, name, label, help)   SELFMETRIC(var, METRIC_GAUGE, name, label, help)

#define HELP_RECEIVED   "Alerts that were reported, refreshes included."
#define HELP_SUPPRESSED "Alerts that a flush left out of its messages, by the reason."
#define HELP_ALERTS     "Alerts that fire, by state."
#define HELP_GROUPS     "Groups of alerts."
#define HELP_FAILURES   "Writes of the alerts room that failed; what they carried is tried again."

COUNTER(received_firing, "tocsin_alerts_received_total", "status=\"firing\"", HELP_RECEIVED);
COUNTER(received_resolved, "tocsin_alerts_received_total", "status=\"resolved\"", HELP_RECEIVED);
COUNTER(am_received_firing, "alertmanager_alerts_received_total",
        "status=\"firing\",version=\"v2\"", HELP_RECEIVED);
COUNTER(am_received_resolved, "alertmanager_alerts_received_total",
        "status=\"resolved\",version=\"v2\"", HELP_RECEIVED);

COUNTER(suppressed_inhibition, "tocsin_notifications_suppressed_total", "reason=\"inhibition\"",
        HELP_SUPPRESSED);
COUNTER(am_suppressed_inhibition, "alertmanager_notifications_suppressed_total",
        "reason=\"inhibition\"", HELP_SUPPRESSED);

GAUGE(alerts_active, "tocsin_alerts", "state=\"active\"", HELP_ALERTS);
GAUGE(alerts_suppressed, "tocsin_alerts", "state=\"suppressed\"", HELP_ALERTS);
GAUGE(am_alerts_active, "alertmanager_alerts", "state=\"active\"", HELP_ALERTS);
GAUGE(am_alerts_suppressed, "alertmanager_alerts", "state=\"suppressed\"", HELP_ALERTS);
GAUGE(groups, "tocsin_alert_groups", NULL, HELP_GROUPS);
GAUGE(am_groups, "alertmanager_dispatcher_aggregation_groups", NULL, HELP_GROUPS);

COUNTER(handed_over, "tocsin_alerts_notifications_handed_over_total", NULL,
        "Notifications that are in the outbox for good.");
COUNTER(failures_sink, "tocsin_alerts_write_failures_total", "to=\"outbox\"", HELP_FAILURES);
COUNTER(failures_keeper, "tocsin_alerts_write_failures_total", "to=\"state\"", HELP_FAILURES);
GAUGE(groups_failing, "tocsin_alert_groups_failing", NULL, "Groups whose last hand-over failed.");
COUNTER(records_damaged, "tocsin_alerts_records_damaged_total", NULL,
        "Stored alerts and log entries that could not be read at the start.");
COUNTER(clock_steps, "tocsin_alerts_clock_steps_total", NULL,
        "Times that the clock went back and the timers were moved with it.");

void metrics_init(void)
{
    static struct selfmetric *const all[] = {
        &received_firing,
        &received_resolved,
        &am_received_firing,
        &am_received_resolved,
        &suppressed_inhibition,
        &am_suppressed_inhibition,
        &alerts_active,
        &alerts_suppressed,
        &am_alerts_active,
        &am_alerts_suppressed,
        &groups,
        &am_groups,
        &handed_over,
        &failures_sink,
        &failures_keeper,
        &groups_failing,
        &records_damaged,
        &clock_steps,
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        selfmetric_add(all[i], 0);
}

void metrics_received(const struct alert *al, unix_ns now)
{
    bool resolved = alert_is_resolved(al, now);

    selfmetric_add(resolved ? &received_resolved : &received_firing, 1);
    selfmetric_add(resolved ? &am_received_resolved : &am_received_firing, 1);
}

void metrics_suppressed(enum mute_stage stage)
{
    if (stage != MUTED_BY_INHIBITION)
        return;
    selfmetric_add(&suppressed_inhibition, 1);
    selfmetric_add(&am_suppressed_inhibition, 1);
}

void metrics_handed_over(size_t notifications)
{
    selfmetric_add(&handed_over, (int64_t)notifications);
}

void metrics_sink_failed(void)
{
    selfmetric_add(&failures_sink, 1);
}

void metrics_keeper_failed(void)
{
    selfmetric_add(&failures_keeper, 1);
}

void metrics_record_damaged(void)
{
    selfmetric_add(&records_damaged, 1);
}

void metrics_clock_step(void)
{
    selfmetric_add(&clock_steps, 1);
}

void metrics_gauges(struct alerts *a, unix_ns now)
{
    int64_t active = 0, suppressed = 0;
    struct held *h;

    if (!a->gauges_stale || now < a->gauges_at)
        return;
    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (!held_is_resolved(h, now))
            *(inhibit_source(a, h, now) ? &suppressed : &active) += 1;
    selfmetric_set(&alerts_active, active);
    selfmetric_set(&am_alerts_active, active);
    selfmetric_set(&alerts_suppressed, suppressed);
    selfmetric_set(&am_alerts_suppressed, suppressed);
    selfmetric_set(&groups, (int64_t)a->groups.n);
    selfmetric_set(&am_groups, (int64_t)a->groups.n);
    selfmetric_set(&groups_failing, (int64_t)a->n_failing);
    a->gauges_stale = false;
    a->gauges_at = now + GAUGE_INTERVAL;
}
