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
#define HELP_SILENCES   "Silences that are kept, by state."
#define HELP_ALERTS     "Alerts that fire, by state."
#define HELP_GROUPS     "Groups of alerts."
#define HELP_FAILURES   "Writes of the alerts room that failed; what they carried is tried again."

COUNTER(received_firing, "tocsin_alerts_received_total", "status=\"firing\"", HELP_RECEIVED);
COUNTER(received_resolved, "tocsin_alerts_received_total", "status=\"resolved\"", HELP_RECEIVED);
COUNTER(am_received_firing, "alertmanager_alerts_received_total",
        "status=\"firing\",version=\"v2\"", HELP_RECEIVED);
COUNTER(am_received_resolved, "alertmanager_alerts_received_total",
        "status=\"resolved\",version=\"v2\"", HELP_RECEIVED);

#define SUPPRESSED(var, reason)                                                                    \
    COUNTER(var, "tocsin_notifications_suppressed_total", "reason=\"" reason "\"",                 \
            HELP_SUPPRESSED);                                                                      \
    COUNTER(am_##var, "alertmanager_notifications_suppressed_total", "reason=\"" reason "\"",      \
            HELP_SUPPRESSED)

SUPPRESSED(suppressed_inhibition, "inhibition");
SUPPRESSED(suppressed_active, "active_time_interval");
SUPPRESSED(suppressed_mute, "mute_time_interval");
SUPPRESSED(suppressed_silence, "silence");

static struct selfmetric *const suppressed[MUTE_STAGES][2] = {
    [MUTED_BY_INHIBITION] = {&suppressed_inhibition, &am_suppressed_inhibition},
    [MUTED_BY_ACTIVE_TIME] = {&suppressed_active, &am_suppressed_active},
    [MUTED_BY_MUTE_TIME] = {&suppressed_mute, &am_suppressed_mute},
    [MUTED_BY_SILENCE] = {&suppressed_silence, &am_suppressed_silence},
};

#define SILENCES(var, state)                                                                       \
    GAUGE(var, "tocsin_silences", "state=\"" state "\"", HELP_SILENCES);                           \
    GAUGE(am_##var, "alertmanager_silences", "state=\"" state "\"", HELP_SILENCES)

SILENCES(silences_pending, "pending");
SILENCES(silences_active, "active");
SILENCES(silences_expired, "expired");

static struct selfmetric *const silences[][2] = {
    [SILENCE_PENDING] = {&silences_pending, &am_silences_pending},
    [SILENCE_ACTIVE] = {&silences_active, &am_silences_active},
    [SILENCE_EXPIRED] = {&silences_expired, &am_silences_expired},
};

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
        &received_firing, &received_resolved, &am_received_firing, &am_received_resolved,
        &alerts_active,   &alerts_suppressed, &am_alerts_active,   &am_alerts_suppressed,
        &groups,          &am_groups,         &handed_over,        &failures_sink,
        &failures_keeper, &groups_failing,    &records_damaged,    &clock_steps,
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        selfmetric_add(all[i], 0);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = NOT_MUTED + 1; k < MUTE_STAGES; k++)
            selfmetric_add(suppressed[k][i], 0);
        for (size_t k = 0; k < ARRAY_LEN(silences); k++)
            selfmetric_add(silences[k][i], 0);
    }
}

void metrics_received(const struct alerts *a, const struct alert *al, unix_ns now)
{
    bool resolved = alert_is_resolved(al, now);

    if (a->rehearses)
        return;
    selfmetric_add(resolved ? &received_resolved : &received_firing, 1);
    selfmetric_add(resolved ? &am_received_resolved : &am_received_firing, 1);
}

void metrics_suppressed(const struct alerts *a, enum mute_stage stage)
{
    if (stage == NOT_MUTED || a->rehearses)
        return;
    selfmetric_add(suppressed[stage][0], 1);
    selfmetric_add(suppressed[stage][1], 1);
}

void metrics_handed_over(const struct alerts *a, size_t notifications)
{
    if (!a->rehearses)
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

static void gauge_silences(const struct alerts *a, unix_ns now)
{
    int64_t n[ARRAY_LEN(silences)] = {0};
    const struct held_silence *s;

    for (size_t i = 0; (s = map_next(&a->silences, &i));)
        n[silence_state(&s->s, now)]++;
    for (size_t k = 0; k < ARRAY_LEN(silences); k++)
        for (size_t i = 0; i < 2; i++)
            selfmetric_set(silences[k][i], n[k]);
}

void metrics_gauges(struct alerts *a, unix_ns now)
{
    int64_t active = 0, n_suppressed = 0;
    struct held *h;

    if (a->rehearses)
        a->gauges_stale = false;
    if (!a->gauges_stale || now < a->gauges_at)
        return;
    for (size_t i = 0; (h = map_next(&a->held, &i));)
        if (!held_is_resolved(h, now))
            *(mute_stage_of(a, h, NOT_MUTED, now) ? &n_suppressed : &active) += 1;
    gauge_silences(a, now);
    selfmetric_set(&alerts_active, active);
    selfmetric_set(&am_alerts_active, active);
    selfmetric_set(&alerts_suppressed, n_suppressed);
    selfmetric_set(&am_alerts_suppressed, n_suppressed);
    selfmetric_set(&groups, (int64_t)a->groups.n);
    selfmetric_set(&am_groups, (int64_t)a->groups.n);
    selfmetric_set(&groups_failing, (int64_t)a->n_failing);
    a->gauges_stale = false;
    a->gauges_at = now + GAUGE_INTERVAL;
}
