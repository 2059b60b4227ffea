/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - /metrics: what tocsin says about itself, in Prometheus' text format
 */
#include <stdio.h>

#include "api/api_priv.h"
#include "model/selfmetrics.h"
#include "notify/notify.h"
#include "storage/storage.h"

static void add(struct buf *out, const char *name, enum metric_type type, const char *help,
                uint64_t v)
{
    exposition_family(out, name, type, help);
    exposition_sample(out, name, (double)v, NULL);
}

static void add_storage(struct buf *out, struct storage *storage)
{
    struct storage_stats st;

    storage_stats(storage, &st);
    add(out, "tocsin_storage_series", METRIC_GAUGE, "Series in memory.", st.series);
    add(out, "tocsin_storage_head_bytes", METRIC_GAUGE,
        "Memory of the series and their newest samples.", st.head_bytes);
    add(out, "tocsin_storage_blocks", METRIC_GAUGE, "Blocks on disk.", st.blocks);
    add(out, "tocsin_storage_block_bytes", METRIC_GAUGE, "Bytes of blocks on disk.",
        st.block_bytes);
    add(out, "tocsin_storage_log_bytes", METRIC_GAUGE, "Bytes of the log on disk.", st.log_bytes);
    add(out, "tocsin_storage_samples_appended_total", METRIC_COUNTER, "Samples stored.",
        st.appended);
    add(out, "tocsin_storage_samples_refused_total", METRIC_COUNTER,
        "Samples not stored: out of order, double, too old, too new.",
        st.out_of_order + st.duplicate + st.out_of_bounds + st.too_old + st.too_new);
    add(out, "tocsin_storage_merges_total", METRIC_COUNTER, "Blocks made of others.", st.merges);
    add(out, "tocsin_storage_merges_failed_total", METRIC_COUNTER,
        "Merges of blocks that failed and are tried again.", st.merges_failed);
    add(out, "tocsin_storage_deletes_total", METRIC_COUNTER, "Deletes of series carried out.",
        st.deletes);
    add(out, "tocsin_storage_log_failures_total", METRIC_COUNTER,
        "Commits refused because the log could not be written.", st.log_failed);
    add(out, "tocsin_storage_damaged_total", METRIC_COUNTER,
        "Records and chunks whose checksum differed.", st.damaged);
    add(out, "tocsin_storage_stopped", METRIC_GAUGE,
        "1 while samples are refused because the disk is full or cannot be written.", st.stopped);
    add(out, "tocsin_storage_problem", METRIC_GAUGE,
        "1 while something cannot be written, see the log.", st.problem[0] != '\0');
}

/* ---- budgets of series --------------------------------------------------------------------- */

static void add_jobs(struct buf *out, const struct storage_budget *b)
{
    if (b->n_jobs == 0)
        return;
    exposition_family(out, "tocsin_job_series_budget", METRIC_GAUGE,
                      "Series that a job may have in memory.");
    for (size_t i = 0; i < b->n_jobs; i++)
        exposition_sample(out, "tocsin_job_series_budget", (double)b->jobs[i].limit, "scrape_job",
                          b->jobs[i].job, NULL);
    exposition_family(out, "tocsin_job_series", METRIC_GAUGE,
                      "Series in memory of the jobs that have a budget.");
    for (size_t i = 0; i < b->n_jobs; i++)
        exposition_sample(out, "tocsin_job_series", (double)b->jobs[i].used, "scrape_job",
                          b->jobs[i].job, NULL);
}

static void add_budgets(struct buf *out, struct storage *storage)
{
    struct storage_budget b;

    storage_budget(storage, &b);
    add(out, "tocsin_storage_series_budget", METRIC_GAUGE,
        "Series that may be in memory, 0 when there is no limit.", b.limit);
    add(out, "tocsin_storage_series_refused_total", METRIC_COUNTER,
        "New series refused because a budget of series was used up.", b.refused);
    add_jobs(out, &b);
    if (b.n_refusals > 0)
        exposition_family(out, "tocsin_target_series_refused_total", METRIC_COUNTER,
                          "The same by target, with a metric and the label that seems to be the "
                          "cause; the targets refused last.");
    for (size_t i = 0; i < b.n_refusals; i++) {
        const struct storage_refusal *r = &b.refusals[i];

        exposition_sample(out, "tocsin_target_series_refused_total", (double)r->refused,
                          "scrape_job", r->job, "target", r->instance, "metric", r->metric,
                          "by_label", r->label, NULL);
    }
    storage_budget_free(&b);
}

/* ---- channels: notify is asked on its own thread ------------------------------------------- */

struct channels {
    struct notify *notify;
    struct buf failures, waiting;
};

static void add_channel(const struct notify_queue_view *v, void *arg)
{
    struct channels *c = arg;
    char name[64];

    snprintf(name, sizeof name, "%s[%d]", v->kind, v->index);
    exposition_sample(&c->failures, "tocsin_channel_failures", v->failures, "receiver", v->receiver,
                      "integration", name, NULL);
    exposition_sample(&c->waiting, "tocsin_channel_waiting", (double)v->waiting, "receiver",
                      v->receiver, "integration", name, NULL);
}

static void ask_channels(void *arg)
{
    struct channels *c = arg;

    notify_each_queue(c->notify, add_channel, c);
}

/* Nothing when notify has stopped: the door says so, and there is nobody to count for. */
static void add_channels(struct buf *out, const struct api_options *o)
{
    struct channels c = {.notify = o->notify};

    exposition_family(&c.failures, "tocsin_channel_failures", METRIC_GAUGE,
                      "Failed attempts in a row of a channel.");
    exposition_family(&c.waiting, "tocsin_channel_waiting", METRIC_GAUGE,
                      "Messages in the outbox for a channel.");
    o->notify_door.run(o->notify_door.self, ask_channels, &c);
    buf_add_str(out, buf_str(&c.failures));
    buf_add_str(out, buf_str(&c.waiting));
    buf_free(&c.failures);
    buf_free(&c.waiting);
}

void metrics_answer(const struct request *r)
{
    struct buf page = {0};

    selfmetrics_write(&page);
    add_storage(&page, r->api->storage);
    add_budgets(&page, r->api->storage);
    if (r->api->ready(r->api->self))
        add_channels(&page, r->api);
    exposition_family(&page, "tocsin_build_info", METRIC_GAUGE, "Version of this tocsin.");
    exposition_sample(&page, "tocsin_build_info", 1, "version", TOCSIN_VERSION, NULL);
    http_reply(r->http, 200, "text/plain; version=0.0.4; charset=utf-8", &page);
}
