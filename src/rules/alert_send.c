/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_send - telling routing what fires and what was resolved
 *
 * A firing alert is told again and again, each time with an end some runs ahead: when nothing comes
 * any more, routing takes it for resolved then. It is told as well when its query fails, because
 * not knowing is no reason to call it resolved.
 *
 * Routing writes what it takes to disk before it says so. What the rules of a run have to tell
 * therefore goes in one piece, unless a rule takes long.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/quote.h"
#include "config/config.h"
#include "model/selfmetrics.h"
#include "rules/rules_priv.h"

#define END_AHEAD    4 /* resend delays or intervals, whichever is longer: three in a row may fail */
#define TELL_AT_ONCE 1000 /* alerts, when there are as many */

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
static void hand_over(struct rules *r, const struct group *g, struct telling *t, unix_ns ts)
{
    const struct alert_sink *sink = &r->options.alerts;
    struct err err = {0};

    if (t->n == 0)
        return;
    if (sink->post(sink->self, t->alerts, t->n, ts, &err) == 0) {
        for (size_t i = 0; i < t->n; i++)
            t->of[i]->last_sent_at = ts;
    } else {
        selfmetric_add(&not_taken, (int64_t)t->n);
        log_event(LOG_ERROR, "alerts_not_taken", "group", g->name, "error", err.msg, NULL);
    }
    for (size_t i = 0; i < t->n; i++)
        alert_unref(t->alerts[i]);
    t->n = 0;
}

void alerting_tell(struct rules *r, const struct group *g, struct rule *rule, unix_ns ts,
                   struct telling *t)
{
    CLEANUP(mem_freep) char *url = NULL;
    struct active_alert *a;

    if (!r->options.alerts.post)
        return;
    for (size_t i = 0; (a = map_next(&rule->alerts, &i));) {
        size_t n = t->n;

        if (!is_due(r, a, ts))
            continue;
        if (n == 0)
            t->since = clock_mono_ns();
        if (!url)
            url = generator_url(r, rule);
        *VEC_PUSH(t->of, n, t->cap_of) = a;
        *VEC_PUSH(t->alerts, t->n, t->cap) = make_alert(r, g, a, ts, url);
    }
    if (t->n >= TELL_AT_ONCE ||
        (t->n > 0 && clock_mono_ns() - t->since >= r->options.tell_within * NS_PER_MS))
        hand_over(r, g, t, ts);
}

void alerting_tell_end(struct rules *r, const struct group *g, unix_ns ts, struct telling *t)
{
    hand_over(r, g, t, ts);
    free(t->alerts);
    free(t->of);
}
