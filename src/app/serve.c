/* SPDX-License-Identifier: Apache-2.0 */
#include "app/serve.h"
#include "app/leap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alerts/alerts.h"
#include "app/commands.h"
#include "app/leap.h"
#include "app/own_alerts.h"
#include "app/pushed.h"
#include "app/server.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "probes/probes.h"
#include "remote/remote.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "state/state.h"
#include "storage/storage.h"
#include "targets/targets.h"

#define SCRAPE_THREADS    2
#define API_WORKERS       4 /* besides those of queries */
#define QUERY_WORKERS_MAX 64
#define LOG_TICK_MS       10000
#define TELL_WITHIN       20 /* ms that an alert may wait for others */

/* Of the disk, kept from samples so that alerts and their messages can still be written. */
#define DISK_KEPT_FREE ((uint64_t)16 << 20)

/* ---- what joins the rooms ------------------------------------------------------------------ */

static void wake_notify(void *arg)
{
    struct server *s = arg;

    role_wake(s->notify_role);
}

static unix_ns tick_notify(void *arg, unix_ns now)
{
    struct server *s = arg;

    return notify_tick(s->notify, now);
}

static unix_ns tick_alerts(void *arg, unix_ns now)
{
    struct server *s = arg;

    return alerts_tick(s->alerts, now);
}

static unix_ns tick_rules(void *arg, unix_ns now)
{
    struct server *s = arg;

    return rules_tick(s->rules, now);
}

static unix_ns tick_pushed(void *arg, unix_ns now)
{
    struct server *s = arg;
    const struct config *config = server_config(s);
    unix_ns next = pushed_tick(s->pushed, config->scrape_interval, now);

    config_unref(config);
    return next;
}

static int64_t hold_rules(void *arg)
{
    const struct config *config = server_config(arg);
    int64_t hold = leap_hold_rules_ns(config);

    config_unref(config);
    return hold;
}

static int64_t hold_alerts(void *arg)
{
    const struct config *config = server_config(arg);
    int64_t hold = leap_hold_alerts_ns(config);

    config_unref(config);
    return hold;
}

struct post {
    struct server *s;
    const struct alert *const *alerts;
    size_t n;
    unix_ns now;
    int result;
    struct err *err;
};

static void do_post(void *arg)
{
    struct post *p = arg;

    p->result = alerts_post(p->s->alerts, p->alerts, p->n, p->now, p->err);
}

static int post_alerts(void *self, const struct alert *const *alerts, size_t n, unix_ns now,
                       struct err *err)
{
    struct server *s = self;
    struct post p = {s, alerts, n, now, 0, err};

    if (role_run(s->alerts_role, do_post, &p) < 0)
        return err_set(err, -ESHUTDOWN, "stopping");
    return p.result;
}

static int run_on_alerts(void *self, void (*fn)(void *arg), void *arg)
{
    return role_run(((struct server *)self)->alerts_role, fn, arg);
}

static int run_on_notify(void *self, void (*fn)(void *arg), void *arg)
{
    return role_run(((struct server *)self)->notify_role, fn, arg);
}

static void log_storage_event(void *arg, enum storage_event what, const char *text)
{
    log_event(what == STORAGE_INFO ? LOG_INFO : LOG_ERROR, "storage", "what", text, NULL);
}

/* ---- building ------------------------------------------------------------------------------ */

static void log_lines(const char *event, struct str text)
{
    while (text.len) {
        struct str line = str_cut(&text, '\n');
        CLEANUP(mem_freep)
        char *words = str_dup(line);

        log_event(LOG_WARN, event, "what", words, NULL);
    }
}

static void log_feature(const char *name, const char *words, void *arg)
{
    log_event(LOG_WARN, "feature", "name", name, "what", words, NULL);
}

static int open_storage(struct server *s, struct err *err)
{
    struct storage_options o;
    CLEANUP(buf_free)
    struct buf report = {0}, path = {0};
    int r;

    storage_options_default(&o);
    o.retention_time = s->options->retention_time;
    o.retention_bytes = s->options->retention_size;
    o.fsync_interval = s->options->fsync_interval;
    o.kept_free = DISK_KEPT_FREE;
    o.out_of_order_window = s->config->out_of_order_time_window;
    o.exemplars_max = s->features.exemplar_storage ? s->config->max_exemplars : 0;
    o.on_event = log_storage_event;
    buf_addf(&path, "%s/tsdb", s->options->data_path);
    r = storage_open(path.p, &o, &s->storage, &report, err);
    log_lines("storage_repaired", buf_str(&report));
    return r;
}

static int open_state(struct server *s, struct err *err)
{
    CLEANUP(buf_free)
    struct buf path = {0};
    CLEANUP(mem_freep)
    char *report = NULL;
    int r = file_make_dirs(s->options->data_path, err);

    if (r < 0)
        return err_in(err, r, "--storage.tsdb.path %s", s->options->data_path);
    buf_addf(&path, "%s/state.db", s->options->data_path);
    r = state_open(path.p, &s->state, &report, err);
    if (report)
        log_event(LOG_ERROR, "state_damaged", "what", report, NULL);
    return r;
}

static int build_notify(struct server *s, unix_ns now, struct err *err)
{
    struct notify_options o = {.external_url = s->external_url.p,
                               .keeper = state_keeper(s->state),
                               .wake = wake_notify,
                               .wake_arg = s,
                               .seed = (uint64_t)now};

    s->notify_role = role_new("notify", tick_notify, s);
    s->http = http_client_new(role_loop(s->notify_role));
    s->transport = notify_http_transport_new(s->http);
    o.transport = s->transport;
    return notify_new(&o, s->config, now, &s->notify, err);
}

static int build_alerts(struct server *s, unix_ns now, struct err *err)
{
    struct keeper keeper = state_keeper(s->state);
    struct message_sink messages = notify_sink(s->notify);
    int r;

    s->alerts_role = role_new("alerts", tick_alerts, s);
    role_hold_after_leap(s->alerts_role, hold_alerts);
    r = alerts_new(s->config, &keeper, &messages, now, &s->alerts, err);
    if (r == 0)
        alerts_hold(s->alerts, now + unix_ns_of_ms(s->options->start_delay));
    return r;
}

static int build_rules(struct server *s, unix_ns now, struct err *err)
{
    const struct serve_options *f = s->options;
    struct rules_options o = {
        .reader = *storage_reader(s->storage),
        .samples = *storage_sink(s->storage),
        .alerts = {.self = s, .post = post_alerts},
        .external_url = s->external_url.p,
        .lookback = f->lookback,
        .query_timeout = f->query_timeout,
        .query_max_samples = (size_t)f->query_max_samples,
        .query_max_memory = f->query_max_memory,
        .features = s->features.promql,
        .delayed_name_removal = s->features.delayed_name_removal,
        .type_and_unit_labels = s->features.type_and_unit_labels,
        .strict = f->rules_strict,
        .resend_delay = f->resend_delay,
        .tell_within = TELL_WITHIN,
        .for_grace_period = f->for_grace_period,
        .for_outage_tolerance = f->for_outage_tolerance,
    };
    static const char *const names[RULE_WORKERS] = {"rules-0", "rules-1"};

    for (size_t i = 0; i < RULE_WORKERS; i++) {
        s->rule_roles[i] = role_new(names[i], tick_rules, s);
        role_hold_after_leap(s->rule_roles[i], hold_rules);
    }
    return rules_new(&o, s->config, now, &s->rules, err);
}

static void build_scrape(struct server *s)
{
    struct scrape_options o = {.threads = SCRAPE_THREADS,
                               .sink = *storage_sink(s->storage),
                               .sources = {[JOB_REDIS] = &probe_redis_source,
                                           [JOB_MYSQL] = &probe_mysql_source,
                                           [JOB_HTTP_CHECK] = &probe_http_check_source,
                                           [JOB_TCP_CHECK] = &probe_tcp_check_source,
                                           [JOB_DNS_CHECK] = &probe_dns_check_source,
                                           [JOB_ICMP_CHECK] = &probe_icmp_check_source,
                                           [JOB_GRPC_CHECK] = &probe_grpc_check_source,
                                           [JOB_PROCESS_CHECK] = &probe_process_check_source,
                                           [JOB_SPRING] = &probe_spring_source},
                               .native_histograms = s->features.native_histograms,
                               .user_agent = "tocsin/" TOCSIN_VERSION};

    s->scrape = scrape_new(&o);
}

static bool is_ready(void *self)
{
    return atomic_load(&((struct server *)self)->ready);
}

static void quit(void *self)
{
    loop_stop(((struct server *)self)->loop);
}

/* The texts of all flags, for status/flags. They are collected first, since the buffer moves as it
 * grows. */
static void describe_flags(struct server *s)
{
    size_t at = 0;

    s->flags = mem_array(serve_flags.n_flags, sizeof *s->flags);
    for (size_t i = 0; i < serve_flags.n_flags; i++) {
        flags_value(&serve_flags.flags[i], s->options, &s->flag_texts);
        buf_add_byte(&s->flag_texts, '\0');
    }
    for (size_t i = 0; i < serve_flags.n_flags; i++) {
        s->flags[i] = (struct api_flag){serve_flags.flags[i].name, s->flag_texts.p + at};
        at += strlen(s->flag_texts.p + at) + 1;
    }
}

/* Each query that runs has a worker; they are started when they are needed. */
static int workers_for_queries(int64_t most)
{
    return most > 0 && most < QUERY_WORKERS_MAX ? (int)most : QUERY_WORKERS_MAX;
}

static void build_own_alerts(struct server *s)
{
    const struct alert_sink sink = {s, post_alerts};

    s->own_alerts = own_alerts_new(s->storage, &sink, s->external_url.p);
}

static int start_api(struct server *s, struct err *err)
{
    const struct serve_options *f = s->options;
    struct api_options o = {
        .listen_addresses = f->listen_addresses.items,
        .n_listen_addresses = f->listen_addresses.n,
        .workers = API_WORKERS + workers_for_queries(f->query_max_concurrency),
        .external_url = s->external_url.p,
        .enable_lifecycle = f->enable_lifecycle,
        .enable_admin = f->enable_admin_api,
        .lookback = f->lookback,
        .query_timeout = f->query_timeout,
        .query_max_samples = f->query_max_samples,
        .query_max_concurrency = f->query_max_concurrency,
        .query_max_memory = f->query_max_memory,
        .features = s->features.promql,
        .delayed_name_removal = s->features.delayed_name_removal,
        .type_and_unit_labels = s->features.type_and_unit_labels,
        .per_step_stats = s->features.per_step_stats,
        .reader = *storage_reader(s->storage),
        .storage = s->storage,
        .remote_write = s->remote_write,
        .push = s->push,
        .rules = s->rules,
        .scrape = s->scrape,
        .alerts = s->alerts,
        .alerts_door = {s, run_on_alerts},
        .notify = s->notify,
        .notify_door = {s, run_on_notify},
        .self = s,
        .config = server_config,
        .targets = server_targets,
        .ready = is_ready,
        .reload = server_ask_reload,
        .quit = quit,
        .loaded = server_loaded,
        .flags = s->flags,
        .started = s->started,
    };

    for (size_t i = 0; i < serve_flags.n_flags; i++)
        o.n_flags += serve_flags.flags[i].kind != FLAG_REFUSED; /* those stand at the end */
    return api_start(&o, &s->api, err);
}

static void set_external_url(struct server *s)
{
    const char *url = s->options->external_url;

    if (*url) {
        buf_add_c(&s->external_url, url);
        while (s->external_url.len && s->external_url.p[s->external_url.len - 1] == '/')
            s->external_url.p[--s->external_url.len] = '\0';
    } else {
        const char *address = s->options->listen_addresses.items[0];
        const char *colon = strrchr(address, ':');
        char host[256] = "localhost";

        gethostname(host, sizeof host - 1);
        buf_addf(&s->external_url, "http://%s%s", host, colon ? colon : "");
    }
}

static int build_push(struct server *s, struct err *err)
{
    struct keeper keeper = state_keeper(s->state);
    CLEANUP(buf_free)
    struct buf report = {0};
    int r = push_gateway_open(&keeper, &s->push, &report, err);

    log_lines("push_damaged", buf_str(&report));
    if (r < 0)
        return r;
    s->pushed = pushed_new(s->push, storage_sink(s->storage));
    s->push_role = role_new("push", tick_pushed, s);
    return 0;
}

static int build(struct server *s, struct err *err)
{
    unix_ns now = clock_unix_ns();
    int r;

    s->loop = loop_new();
    set_external_url(s);
    describe_flags(s);
    if ((r = open_state(s, err)) < 0 || (r = open_storage(s, err)) < 0 ||
        (r = build_notify(s, now, err)) < 0 || (r = build_alerts(s, now, err)) < 0 ||
        (r = build_rules(s, now, err)) < 0)
        return r;
    build_scrape(s);
    build_own_alerts(s);
    if (s->options->enable_remote_write_receiver)
        s->remote_write = remote_write_new(storage_sink(s->storage));
    if (s->options->enable_push_receiver && (r = build_push(s, err)) < 0)
        return r;
    return start_api(s, err);
}

/* ---- running ------------------------------------------------------------------------------- */

static void on_signal(int signal, void *arg)
{
    struct server *s = arg;
    struct err err = {0};

    if (signal != SIGHUP)
        loop_stop(s->loop);
    else if (server_reload(s, &err) < 0)
        log_event(LOG_ERROR, "reload_refused", "error", err.msg, NULL);
}

static void tick_log(void *arg)
{
    struct server *s = arg;

    log_tick();
    loop_timer_after(s->log_timer, LOG_TICK_MS);
}

static void tick_own_alerts(void *arg)
{
    struct server *s = arg;
    const struct config *config = server_config(s);

    own_alerts_tick(s->own_alerts, config->external_labels, clock_unix_ns());
    config_unref(config);
    loop_timer_after(s->own_alerts_timer, OWN_ALERTS_EVERY_MS);
}

static void run(struct server *s)
{
    s->targets_timer = loop_timer_new(s->loop, server_refresh_targets, s);
    s->log_timer = loop_timer_new(s->loop, tick_log, s);
    s->own_alerts_timer = loop_timer_new(s->loop, tick_own_alerts, s);
    tick_log(s);
    server_begin(s);
    loop_on_signal(s->loop, SIGHUP, on_signal, s);
    loop_on_signal(s->loop, SIGTERM, on_signal, s);
    loop_on_signal(s->loop, SIGINT, on_signal, s);

    role_start(s->notify_role);
    role_start(s->alerts_role);
    for (size_t i = 0; i < RULE_WORKERS; i++)
        role_start(s->rule_roles[i]);
    if (s->push_role)
        role_start(s->push_role);
    atomic_store(&s->ready, true);
    tick_own_alerts(s);
    log_event(LOG_INFO, "ready", "url", s->external_url.p, "listen",
              s->options->listen_addresses.items[0], "data", s->options->data_path, "version",
              TOCSIN_VERSION, NULL);
    loop_run(s->loop);
    atomic_store(&s->ready, false);
    log_event(LOG_INFO, "stopping", NULL);
}

/* From the sources of samples and alerts to their ends, so that what is under way still arrives. */
static void tear_down(struct server *s)
{
    struct err err = {0};

    api_stop(s->api);
    remote_write_free(s->remote_write);
    role_stop(s->push_role);
    role_free(s->push_role);
    pushed_free(s->pushed);
    push_gateway_free(s->push);
    scrape_free(s->scrape);
    for (size_t i = 0; i < RULE_WORKERS; i++)
        role_stop(s->rule_roles[i]);
    role_stop(s->alerts_role);
    role_stop(s->notify_role);

    own_alerts_free(s->own_alerts);
    rules_free(s->rules);
    alerts_free(s->alerts);
    notify_free(s->notify);
    notify_http_transport_free(&s->transport);
    http_client_free(s->http);
    for (size_t i = 0; i < RULE_WORKERS; i++)
        role_free(s->rule_roles[i]);
    role_free(s->alerts_role);
    role_free(s->notify_role);
    if (s->storage && storage_close(s->storage, &err) < 0)
        log_event(LOG_WARN, "storage_closed", "error", err.msg, NULL);
    state_close(s->state);

    loop_timer_free(s->targets_timer);
    loop_timer_free(s->log_timer);
    loop_timer_free(s->own_alerts_timer);
    targets_free(s->targets);
    target_list_unref(s->target_list);
    loop_free(s->loop);
    free(s->flags);
    buf_free(&s->flag_texts);
    buf_free(&s->external_url);
    lock_deinit(&s->lock);
    config_unref(s->config);
}

int serve(const struct serve_options *o, struct err *err)
{
    struct server s = {.options = o, .started = clock_unix_ms()};
    int r;

    lock_init(&s.lock);
    features_read(&o->features, &s.features, log_feature, NULL);
    r = config_load(o->config_file, &s.config, err);
    if (r == 0)
        r = build(&s, err);
    if (r == 0)
        run(&s);
    tear_down(&s);
    /* What the user wrote is wrong, in a file or a flag: starting again does not help. */
    return r == 0 ? EXIT_OK : r == -EINVAL || r == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
}
