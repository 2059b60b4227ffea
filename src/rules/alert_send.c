/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_send - telling routing what fires and what was resolved
 *
 * A firing alert is told again and again, each time with an end some runs ahead: when nothing comes
 * any more, routing takes it for resolved then. It is told as well when its query fails, because
 * not knowing is no reason to call it resolved.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/quote.h"
#include "config/config.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

#define END_AHEAD 4 /* resend delays or intervals, whichever is longer: three in a row may fail */

SELFMETRIC(not_taken, METRIC_COUNTER, "tocsin_rule_alerts_not_taken_total", NULL,
           "Alerts that routing could not take (disk); they are told again in the next run.");

/* What was never told was told at UNIX_NS_ZERO, long ago. */
static bool is_due(const struct rules *r, const struct active_alert *a, unix_ns ts)
{
    if (a->state == RULE_PENDING)
        return false;
    if (a->state == RULE_INACTIVE && a->resolved_at > a->last_sent_at)
        return true;
    return a->last_sent_at + r->options.resend_delay * NS_PER_MS < ts;
}

static char *generator_url(const struct rules *r, const struct rule *rule)
{
    struct buf url = {0};

    buf_addf(&url, "%s/graph?g0.expr=", r->external_url);
    quote_add_url(&url, str_c(rule->query));
    buf_add_c(&url, "&g0.tab=1");
    return buf_take(&url);
}

/* External labels do not replace any that the alert has. */
static struct label_set *labels_to_send(const struct rules *r, const struct active_alert *a)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct label_set *external = r->config->external_labels;

    label_builder_init(&b, external);
    for (size_t i = 0; i < label_set_count(a->labels); i++)
        label_builder_set(&b, label_set_at(a->labels, i).name, label_set_at(a->labels, i).value);
    return label_builder_build(&b);
}

static struct alert *make_alert(const struct rules *r, const struct group *g,
                                const struct active_alert *a, unix_ns ts, const char *url)
{
    CLEANUP(label_set_unrefp) const struct label_set *labels = labels_to_send(r, a);
    dur_ms resend = r->options.resend_delay, longer = g->interval > resend ? g->interval : resend;
    unix_ns end = a->state == RULE_INACTIVE ? a->resolved_at : ts + END_AHEAD * longer * NS_PER_MS;

    return alert_new(labels, a->annotations, a->fired_at, end, ts, url);
}

/* Counts as told only what was taken. */
static void post(struct rules *r, struct group *g, struct rule *rule, struct active_alert **due,
                 size_t n, unix_ns ts)
{
    const struct alert_sink *sink = &r->options.alerts;
    CLEANUP(mem_freep) const struct alert **list = mem_array(n, sizeof *list);
    CLEANUP(mem_freep) char *url = generator_url(r, rule);
    struct err err = {0};

    for (size_t i = 0; i < n; i++)
        list[i] = make_alert(r, g, due[i], ts, url);
    if (sink->post(sink->self, list, n, ts, &err) == 0) {
        for (size_t i = 0; i < n; i++)
            due[i]->last_sent_at = ts;
    } else {
        selfmetric_add(&not_taken, (int64_t)n);
        log_event(LOG_ERROR, "alerts_not_taken", "rule", rule->name, "error", err.msg, NULL);
    }
    for (size_t i = 0; i < n; i++)
        alert_unref(list[i]);
}

void alerting_send(struct rules *r, struct group *g, struct rule *rule, unix_ns ts)
{
    CLEANUP(mem_freep) struct active_alert **due = NULL;
    struct active_alert *a;
    size_t n = 0, cap = 0;

    if (!r->options.alerts.post)
        return;
    for (size_t i = 0; (a = map_next(&rule->alerts, &i));)
        if (is_due(r, a, ts))
            *VEC_PUSH(due, n, cap) = a;
    if (n > 0)
        post(r, g, rule, due, n, ts);
}
