/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_page - from replies to the page (exporters.md 1.2 to 1.4, 1.7)
 */
#include <stdio.h>

#include "base/num.h"
#include "probes/redis_info_priv.h"
#include "probes/reply_priv.h"

#define DATABASES_DEFAULT 16   /* when CONFIG was not answered */
#define DATABASES_MAX     1024 /* shown as empty; a server may be told to have millions */

/* ---- configuration ------------------------------------------------------------------------- */

static struct str config_value(const struct redis_reply *config, const char *name)
{
    for (size_t i = 0; reply_at(config, i + 1); i += 2)
        if (str_eq_c(reply_text(reply_at(config, i)), name))
            return reply_text(reply_at(config, i + 1));
    return STR_NONE;
}

/* normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60 */
static void add_output_buffer_limits(struct metric_page *p, struct str text)
{
    static const char bytes[] = "redis_config_client_output_buffer_limit_bytes";
    static const char seconds[] = "redis_config_client_output_buffer_limit_overcome_seconds";

    while (text.len) {
        struct str class = str_cut(&text, ' ');
        double hard, soft, overcome;

        if (!num_parse_double(str_cut(&text, ' '), &hard) ||
            !num_parse_double(str_cut(&text, ' '), &soft) ||
            !num_parse_double(str_cut(&text, ' '), &overcome))
            return;
        metric_page_gauge(p, bytes, hard,
                          LABELS({STR("class"), class}, {STR("limit"), STR("hard")}));
        metric_page_gauge(p, bytes, soft,
                          LABELS({STR("class"), class}, {STR("limit"), STR("soft")}));
        metric_page_gauge(p, seconds, overcome,
                          LABELS({STR("class"), class}, {STR("limit"), STR("soft")}));
    }
}

static void add_config(struct metric_page *p, const struct redis_reply *config)
{
    static const struct {
        const char *name, *metric;
    } numbers[] = {
        {"maxclients", "redis_config_maxclients"},
        {"maxmemory", "redis_config_maxmemory"},
        {"io-threads", "redis_config_io_threads"},
        {"repl-backlog-size", "redis_config_repl_backlog_size"},
    };
    double v;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (num_parse_double(config_value(config, numbers[i].name), &v))
            metric_page_gauge(p, numbers[i].metric, v, NO_LABELS);
    add_output_buffer_limits(p, config_value(config, "client-output-buffer-limit"));
}

/* Those that have keys are there already, and the first of a name counts. A Sentinel has none. */
static void add_empty_databases(struct metric_page *p, const struct redis_replies *r)
{
    int64_t n = DATABASES_DEFAULT;

    if (redis_info_is_sentinel(r->info))
        return;
    num_parse_i64(config_value(r->config, "databases"), &n);
    if (redis_info_is_cluster(r->info))
        n = 1;
    for (int64_t i = 0; i < n && i < DATABASES_MAX; i++) {
        struct str db = str_c(arena_printf(&p->arena, "db%d", (int)i));

        metric_page_gauge(p, "redis_db_keys", 0, LABELS({STR("db"), db}));
        metric_page_gauge(p, "redis_db_keys_expiring", 0, LABELS({STR("db"), db}));
    }
}

/* ---- latency and slow log ------------------------------------------------------------------ */

static void add_latency_latest(struct metric_page *p, const struct redis_reply *latest)
{
    const struct redis_reply *event;

    for (size_t i = 0; (event = reply_at(latest, i)); i++) {
        struct str name = reply_text(reply_at(event, 0));
        int64_t time, ms;

        if (!reply_integer(reply_at(event, 1), &time) || !reply_integer(reply_at(event, 2), &ms))
            continue;
        metric_page_gauge(p, "redis_latency_spike_last", (double)time,
                          LABELS({STR("event_name"), name}));
        metric_page_gauge(p, "redis_latency_spike_duration_seconds", (double)ms / 1000,
                          LABELS({STR("event_name"), name}));
    }
}

/* The value that follows a name in a list of names and values. */
static const struct redis_reply *reply_named(const struct redis_reply *list, const char *name)
{
    for (size_t i = 0; reply_at(list, i + 1); i += 2)
        if (str_eq_c(reply_text(reply_at(list, i)), name))
            return reply_at(list, i + 1);
    return NULL;
}

/* calls, n, histogram_usec, [bound, cumulative count, bound, count ...] */
static void add_histogram(struct metric_page *p, struct str cmd, const struct redis_reply *h,
                          double usec)
{
    static const char family[] = "redis_commands_latencies_usec";
    const struct redis_reply *buckets = reply_named(h, "histogram_usec");
    int64_t calls, bound, count;

    if (!reply_integer(reply_named(h, "calls"), &calls))
        return;
    for (size_t i = 0; reply_at(buckets, i + 1); i += 2)
        if (reply_integer(reply_at(buckets, i), &bound) &&
            reply_integer(reply_at(buckets, i + 1), &count))
            metric_page_add(
                p, family, METRIC_HISTOGRAM, "_bucket", (double)count,
                LABELS({STR("cmd"), cmd}, {STR("le"), metric_page_number(p, (double)bound)}));
    metric_page_add(p, family, METRIC_HISTOGRAM, "_bucket", (double)calls,
                    LABELS({STR("cmd"), cmd}, {STR("le"), STR("+Inf")}));
    metric_page_add(p, family, METRIC_HISTOGRAM, "_sum", usec, LABELS({STR("cmd"), cmd}));
    metric_page_add(p, family, METRIC_HISTOGRAM, "_count", (double)calls,
                    LABELS({STR("cmd"), cmd}));
}

static void add_latency_histogram(struct metric_page *p, const struct redis_reply *all,
                                  const struct redis_commands *commands)
{
    for (size_t i = 0; reply_at(all, i + 1); i += 2) {
        struct str cmd = reply_text(reply_at(all, i));

        add_histogram(p, cmd, reply_at(all, i + 1), redis_commands_usec(commands, cmd));
    }
}

static void add_slowlog(struct metric_page *p, const struct redis_reply *len,
                        const struct redis_reply *newest)
{
    const struct redis_reply *entry = reply_at(newest, 0);
    int64_t n, id = 0, usec = 0;

    if (reply_integer(len, &n))
        metric_page_gauge(p, "redis_slowlog_length", (double)n, NO_LABELS);
    if (!reply_is(newest, REPLY_ARRAY))
        return;
    reply_integer(reply_at(entry, 0), &id);
    reply_integer(reply_at(entry, 2), &usec);
    metric_page_gauge(p, "redis_slowlog_last_id", (double)id, NO_LABELS);
    metric_page_gauge(p, "redis_last_slow_execution_duration_seconds", (double)usec / 1e6,
                      NO_LABELS);
}

/* ---- Sentinel ------------------------------------------------------------------------------ */

/* How many of the peers are neither subjectively nor objectively down. */
static size_t count_ok(const struct redis_reply *peers)
{
    size_t n = 0;
    const struct redis_reply *peer;

    for (size_t i = 0; (peer = reply_at(peers, i)); i++) {
        struct str flags = reply_text(reply_named(peer, "flags"));

        n += str_find(flags, STR("s_down")) == flags.len &&
             str_find(flags, STR("o_down")) == flags.len;
    }
    return n;
}

static void add_master_settings(struct metric_page *p, const struct redis_reply *master,
                                const struct label labels[2])
{
    static const struct {
        const char *name, *metric;
        double divisor;
    } numbers[] = {
        {"quorum", "redis_sentinel_master_setting_ckquorum", 1},
        {"failover-timeout", "redis_sentinel_master_setting_failover_timeout", 1},
        {"parallel-syncs", "redis_sentinel_master_setting_parallel_syncs", 1},
        {"down-after-milliseconds", "redis_sentinel_master_setting_down_after_milliseconds", 1},
        {"config-epoch", "redis_sentinel_master_config_epoch", 1},
        {"last-ok-ping-reply", "redis_sentinel_master_last_ok_ping_reply_seconds", 1000},
    };
    double v;

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (num_parse_double(reply_text(reply_named(master, numbers[i].name)), &v))
            metric_page_gauge(p, numbers[i].metric, v / numbers[i].divisor, labels, 2);
}

static void add_master(struct metric_page *p, const struct redis_reply *master,
                       const struct redis_sentinel_replies *about)
{
    struct str name = reply_text(reply_named(master, "name"));
    struct str ip = reply_text(reply_named(master, "ip"));
    struct str port = reply_text(reply_named(master, "port"));
    const char *address = arena_printf(&p->arena, "%.*s:%.*s", STR_ARG(ip), STR_ARG(port));
    const struct label labels[] = {{STR("master_name"), name},
                                   {STR("master_address"), str_c(address)}};

    if (name.len == 0)
        return;
    add_master_settings(p, master, labels);
    if (!about)
        return;
    if (reply_is(about->ckquorum, REPLY_TEXT) || reply_is(about->ckquorum, REPLY_ERROR))
        metric_page_gauge(
            p, "redis_sentinel_master_ckquorum_status", about->ckquorum->type == REPLY_TEXT,
            LABELS({STR("master_name"), name}, {STR("message"), about->ckquorum->text}));
    if (reply_is(about->sentinels, REPLY_ARRAY)) /* the one that is asked does not list itself */
        metric_page_gauge(p, "redis_sentinel_master_ok_sentinels",
                          (double)(1 + count_ok(about->sentinels)), labels, 2);
    if (reply_is(about->slaves, REPLY_ARRAY))
        metric_page_gauge(p, "redis_sentinel_master_ok_slaves", (double)count_ok(about->slaves),
                          labels, 2);
}

static void add_masters(struct metric_page *p, const struct redis_replies *r)
{
    const struct redis_reply *master;

    for (size_t i = 0; (master = reply_at(r->sentinel_masters, i)); i++)
        add_master(p, master, i < r->n_masters ? &r->masters[i] : NULL);
}

/* ---- the page ------------------------------------------------------------------------------ */

/* What the exporter says about its own work. */
static void add_about_probe(struct metric_page *p, const struct redis_replies *r)
{
    metric_page_gauge(p, "redis_up", !r->error, NO_LABELS);
    metric_page_gauge(p, "redis_exporter_last_scrape_error", r->error != NULL,
                      LABELS({STR("err"), r->error ? str_c(r->error) : STR("")}));
    metric_page_gauge(p, "redis_exporter_last_scrape_connect_time_seconds", r->connect_seconds,
                      NO_LABELS);
    metric_page_gauge(p, "redis_exporter_last_scrape_duration_seconds", r->total_seconds,
                      NO_LABELS);
    metric_page_counter(p, "redis_exporter_scrapes_total", (double)r->times, NO_LABELS);
    metric_page_counter(p, "redis_target_scrape_request_errors_total", 0, NO_LABELS);
    metric_page_add(p, "redis_exporter_scrape_duration_seconds", METRIC_SUMMARY, "_sum",
                    r->times_seconds, NO_LABELS);
    metric_page_add(p, "redis_exporter_scrape_duration_seconds", METRIC_SUMMARY, "_count",
                    (double)r->times, NO_LABELS);
}

static void add_about_redis(struct metric_page *p, const struct redis_replies *r,
                            struct redis_commands *commands)
{
    redis_info_add(p, r->info, r->now, commands);
    redis_cluster_info_add(p, r->cluster_info);
    add_config(p, r->config);
    add_empty_databases(p, r);
    add_latency_latest(p, r->latency_latest);
    add_latency_histogram(p, r->latency_histogram, commands);
    add_slowlog(p, r->slowlog_len, r->slowlog_get);
    add_masters(p, r);
    /* Of a check that is off by default; the exporter says 0 then. */
    metric_page_gauge(p, "redis_last_key_groups_scrape_duration_milliseconds", 0, NO_LABELS);
}

size_t redis_page(const struct redis_replies *r, struct buf *out)
{
    struct metric_page page = {0};
    struct redis_commands commands = {0};
    size_t left_out;

    add_about_probe(&page, r);
    if (!r->error)
        add_about_redis(&page, r, &commands);
    metric_page_write(&page, out);
    left_out = page.left_out;
    redis_commands_deinit(&commands);
    metric_page_deinit(&page);
    return left_out;
}
