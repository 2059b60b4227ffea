/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plain - what is not JSON: health, reload, own metrics
 */
#include <stdio.h>

#include "api/api_priv.h"
#include "model/selfmetrics.h"
#include "notify/notify.h"
#include "storage/storage.h"

bool plain_quick(const struct request *r)
{
    struct str path = http_path(r->http);

    if (str_eq(path, STR("/-/healthy"))) {
        http_reply_text(r->http, 200, "tocsin is healthy.\n");
        return true;
    }
    if (str_eq(path, STR("/-/ready"))) {
        bool ready = r->api->ready(r->api->self);

        http_reply_text(r->http, ready ? 200 : 503,
                        ready ? "tocsin is ready.\n" : "Service Unavailable");
        return true;
    }
    return false;
}

/* ---- /metrics
 * --------------------------------------------------------------------------------------------------------
 */

static void add_gauge(struct buf *out, const char *name, const char *help, double v)
{
    exposition_family(out, name, METRIC_GAUGE, help);
    exposition_sample(out, name, v, NULL);
}

static void add_counter(struct buf *out, const char *name, const char *help, double v)
{
    exposition_family(out, name, METRIC_COUNTER, help);
    exposition_sample(out, name, v, NULL);
}

static void add_storage(struct buf *out, struct storage *storage)
{
    struct storage_stats st;

    storage_stats(storage, &st);
    add_gauge(out, "tocsin_storage_series", "Series in memory.", (double)st.series);
    add_gauge(out, "tocsin_storage_head_bytes", "Memory of the series and their newest samples.",
              (double)st.head_bytes);
    add_gauge(out, "tocsin_storage_blocks", "Blocks on disk.", (double)st.blocks);
    add_gauge(out, "tocsin_storage_block_bytes", "Bytes of blocks on disk.",
              (double)st.block_bytes);
    add_gauge(out, "tocsin_storage_log_bytes", "Bytes of the log on disk.", (double)st.log_bytes);
    add_counter(out, "tocsin_storage_samples_appended_total", "Samples stored.",
                (double)st.appended);
    add_counter(
        out, "tocsin_storage_samples_refused_total",
        "Samples not stored: out of order, double, too old, too new.",
        (double)(st.out_of_order + st.duplicate + st.out_of_bounds + st.too_old + st.too_new));
    add_counter(out, "tocsin_storage_log_failures_total",
                "Commits refused because the log could not be written.", (double)st.log_failed);
    add_counter(out, "tocsin_storage_damaged_total", "Records and chunks whose checksum differed.",
                (double)st.damaged);
    add_gauge(out, "tocsin_storage_problem", "1 while something cannot be written, see the log.",
              st.problem[0] != '\0');
}

static void add_queue(const struct notify_queue_view *v, void *arg)
{
    char number[16];

    snprintf(number, sizeof number, "%d", v->integration);
    exposition_sample(arg, "tocsin_channel_failures", v->failures, "receiver", v->receiver,
                      "integration", number, NULL);
}

struct queues {
    struct notify *notify;
    struct buf *out;
};

static void add_queues(void *arg)
{
    struct queues *q = arg;

    notify_each_queue(q->notify, add_queue, q->out);
}

static void answer_metrics(const struct request *r)
{
    struct buf page = {0};
    struct queues q = {r->api->notify, &page};

    selfmetrics_write(&page);
    add_storage(&page, r->api->storage);
    if (r->api->ready(r->api->self)) {
        exposition_family(&page, "tocsin_channel_failures", METRIC_GAUGE,
                          "Failed attempts in a row of a channel.");
        r->api->notify_door.run(r->api->notify_door.self, add_queues, &q);
    }
    exposition_family(&page, "tocsin_build_info", METRIC_GAUGE, "Version of this tocsin.");
    exposition_sample(&page, "tocsin_build_info", 1, "version", TOCSIN_VERSION, NULL);
    http_reply(r->http, 200, "text/plain; version=0.0.4; charset=utf-8", &page);
}

/* ---- lifecycle
 * -------------------------------------------------------------------------------------------------------
 */

static bool may_act(const struct request *r)
{
    struct str method = http_method(r->http);

    if (!str_eq(method, STR("POST")) && !str_eq(method, STR("PUT")))
        http_reply_text(r->http, 405, "Only POST or PUT requests allowed");
    else if (!r->api->enable_lifecycle)
        http_reply_text(r->http, 403, "Lifecycle API is not enabled.");
    else
        return true;
    return false;
}

static void answer_reload(const struct request *r)
{
    struct err err = {0};
    char text[ERR_MSG_MAX + 64];

    if (!may_act(r))
        return;
    if (r->api->reload(r->api->self, &err) == 0) {
        http_reply_text(r->http, 200, "");
        return;
    }
    snprintf(text, sizeof text, "failed to reload config: %s\n", err.msg);
    http_reply_text(r->http, 500, text);
}

static void answer_quit(const struct request *r)
{
    if (!may_act(r))
        return;
    http_reply_text(r->http, 200, "Requesting termination... Goodbye!");
    r->api->quit(r->api->self);
}

static void answer_root(const struct request *r)
{
    http_reply_text(r->http, 200,
                    "tocsin " TOCSIN_VERSION
                    "\n\n/api/v1/query?query=up\n/api/v1/targets\n/api/v1/rules\n/api/v1/alerts\n"
                    "/metrics\n/-/healthy\n/-/ready\n");
}

bool plain_answer(const struct request *r)
{
    static const struct {
        const char *path;
        void (*answer)(const struct request *r);
    } pages[] = {
        {"/", answer_root},
        {"/metrics", answer_metrics},
        {"/-/reload", answer_reload},
        {"/-/quit", answer_quit},
    };

    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (str_eq_c(http_path(r->http), pages[i].path)) {
            pages[i].answer(r);
            return true;
        }
    return false;
}
