/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - a whole site behind the HTTP API, for tests, and a client that shows all of an answer
 *
 *     struct site *s = site_open("global: ...", "groups: ...");
 *     site_put(s, "up{job=\"a\"}", 1700000000000, 1);
 *     struct reply r = site_get(s, "/api/v1/query", "query=up;time=1700000000");
 *     ... r.status, r.headers, r.body ...
 *     reply_free(&r);
 *     site_close(s);
 *
 * Parameters are NAME=VALUE with a ";" between them, not encoded. A real server, storage, rules and
 * scrape; nothing is scraped unless the configuration has targets with short intervals.
 */
#ifndef TOCSIN_TESTS_UNIT_API_SITE_H
#define TOCSIN_TESTS_UNIT_API_SITE_H

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/quote.h"
#include "notify/notify.h"
#include "probes/probes.h"
#include "promql/promql.h"
#include "remote/remote.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "storage/storage.h"
#include "targets/targets.h"
#include "tests/support/memory_keeper.h"

#define T0          INT64_C(1700000000000) /* when most samples of these tests are */
#define PATIENCE_S  20
#define unused_here __attribute__((unused))

struct site {
    char folder[64];
    unix_ms now; /* what storage takes for the present; 0: the clock's */
    struct config *config;
    struct storage *storage;
    struct rules *rules;
    struct targets *targets;
    struct target_list *list;
    struct scrape *scrape;
    struct remote_write *remote_write;
    struct memory_keeper keeper;
    struct notify *notify;
    outgoing_done *done; /* of a message under way: nobody answers it before the end */
    void *done_arg;
    struct api_options options;
    struct api *api;
    atomic_bool ready;
    const char *reload_words; /* NULL: a reload works */
    atomic_int reloads, quits;
};

/* ---- what the program would do ------------------------------------------------------------- */

unused_here static const struct config *site_config(void *self)
{
    return config_ref(((struct site *)self)->config);
}

unused_here static struct target_list *site_targets(void *self)
{
    return target_list_ref(((struct site *)self)->list);
}

unused_here static bool site_ready(void *self)
{
    return atomic_load(&((struct site *)self)->ready);
}

unused_here static int site_reload(void *self, struct err *err)
{
    struct site *s = self;

    s->reloads++;
    return s->reload_words ? err_set(err, -EINVAL, "%s", s->reload_words) : 0;
}

unused_here static void site_quit(void *self)
{
    ((struct site *)self)->quits++;
}

unused_here static int site_take_alerts(void *self, const struct alert *const *alerts, size_t n,
                                        unix_ns now, struct err *err)
{
    return 0;
}

unused_here static int site_run(void *self, void (*fn)(void *arg), void *arg)
{
    fn(arg);
    return 0;
}

unused_here static void site_send(void *self, const struct outgoing *o, outgoing_done *done,
                                  void *arg)
{
    struct site *s = self;

    s->done = done;
    s->done_arg = arg;
}

/* ---- building ------------------------------------------------------------------------------ */

unused_here static void site_must(int r, const struct err *err)
{
    if (r < 0)
        fail_msg("%s", err->msg);
}

unused_here static void site_write(const struct site *s, const char *name, const char *text)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct err err = {0};

    buf_addf(&path, "%s/%s", s->folder, name);
    site_must(file_write_atomic(path.p, str_c(text), &err), &err);
}

unused_here static unix_ms site_now(void *arg)
{
    const struct site *s = arg;

    return s->now ? s->now : clock_unix_ms();
}

unused_here static void site_start_storage(struct site *s)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct storage_options o;
    struct err err = {0};

    storage_options_default(&o);
    o.exemplars_max = 100;
    o.manual = true;
    o.retention_time = 0;
    o.now = site_now;
    o.now_arg = s;
    buf_addf(&path, "%s/tsdb", s->folder);
    site_must(storage_open(path.p, &o, &s->storage, NULL, &err), &err);
}

unused_here static void site_start_rules(struct site *s)
{
    struct rules_options o = {.reader = *storage_reader(s->storage),
                              .samples = *storage_sink(s->storage),
                              .alerts = {.self = s, .post = site_take_alerts},
                              .external_url = "http://tocsin.example",
                              .lookback = PROMQL_LOOKBACK_MS,
                              .resend_delay = 60000,
                              .for_grace_period = 600000,
                              .for_outage_tolerance = 3600000};
    struct err err = {0};

    site_must(rules_new(&o, s->config, unix_ns_of_ms(T0), &s->rules, &err), &err);
}

unused_here static void site_start_notify(struct site *s)
{
    struct notify_options o = {.external_url = "http://tocsin.example",
                               .keeper = memory_keeper_port(&s->keeper),
                               .transport = {s, site_send}};
    struct err err = {0};

    site_must(notify_new(&o, s->config, unix_ns_of_ms(T0), &s->notify, &err), &err);
}

unused_here static void site_start_api(struct site *s)
{
    static const char *const addresses[] = {"127.0.0.1:0"};
    static const struct api_flag flags[] = {{"config.file", "tocsin.yml"},
                                            {"storage.tsdb.retention.time", "15d"}};
    struct err err = {0};

    s->options = (struct api_options){.listen_addresses = addresses,
                                      .n_listen_addresses = 1,
                                      .workers = 2,
                                      .external_url = s->options.external_url
                                                          ? s->options.external_url
                                                          : "http://tocsin.example:9090",
                                      .enable_lifecycle = s->options.enable_lifecycle,
                                      .enable_admin = s->options.enable_admin,
                                      .remote_write = s->remote_write,
                                      .lookback = PROMQL_LOOKBACK_MS,
                                      .query_timeout = 10000,
                                      .query_max_samples = 1000000,
                                      .reader = *storage_reader(s->storage),
                                      .storage = s->storage,
                                      .rules = s->rules,
                                      .scrape = s->scrape,
                                      .notify = s->notify,
                                      .notify_door = {s, site_run},
                                      .self = s,
                                      .config = site_config,
                                      .targets = site_targets,
                                      .ready = site_ready,
                                      .reload = site_reload,
                                      .quit = site_quit,
                                      .flags = flags,
                                      .n_flags = ARRAY_LEN(flags),
                                      .started = T0};
    site_must(api_start(&s->options, &s->api, &err), &err);
}

/* The API with other options, on the same rooms: change s->options before. */
unused_here static void site_restart_api(struct site *s)
{
    api_stop(s->api);
    site_start_api(s);
}

/* Takes a configuration as its targets. */
unused_here static void site_watch(struct site *s, const char *yaml)
{
    CLEANUP(buf_free) struct buf path = {0};
    struct config *c = NULL;
    struct err err = {0};

    buf_addf(&path, "%s/tocsin.yml", s->folder);
    site_must(config_parse(path.p, str_c(yaml), &c, &err), &err);
    config_unref(s->config);
    target_list_unref(s->list);
    s->config = c;
    if (s->targets)
        targets_reconfigure(s->targets, c, T0);
    else
        s->targets = targets_new(c, T0, NULL, NULL);
    s->list = targets_list(s->targets);
    scrape_apply(s->scrape, s->list);
}

/* rules_yaml NULL: none. The configuration names them as rules.yml. */
unused_here static struct site *site_open(const char *config_yaml, const char *rules_yaml)
{
    struct site *s = mem_zalloc(sizeof *s);

    snprintf(s->folder, sizeof s->folder, "/tmp/tocsin-api-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    if (rules_yaml)
        site_write(s, "rules.yml", rules_yaml);
    site_start_storage(s);
    s->scrape = scrape_new(
        &(struct scrape_options){.threads = 1,
                                 .sink = *storage_sink(s->storage),
                                 .sources = {[JOB_REDIS] = &probe_redis_source,
                                             [JOB_MYSQL] = &probe_mysql_source,
                                             [JOB_HTTP_CHECK] = &probe_http_check_source,
                                             [JOB_TCP_CHECK] = &probe_tcp_check_source,
                                             [JOB_SPRING] = &probe_spring_source},
                                 .user_agent = "tocsin/test"});
    site_watch(s, config_yaml);
    site_start_rules(s);
    site_start_notify(s);
    site_start_api(s);
    atomic_store(&s->ready, true);
    return s;
}

unused_here static int site_remove(const char *path, const struct stat *st, int type, struct FTW *f)
{
    return remove(path);
}

unused_here static void site_close(struct site *s)
{
    struct err err = {0};

    api_stop(s->api);
    scrape_free(s->scrape);
    rules_free(s->rules);
    remote_write_free(s->remote_write);
    if (s->done)
        s->done(200, STR(""), NULL, s->done_arg);
    notify_free(s->notify);
    memory_keeper_deinit(&s->keeper);
    site_must(storage_close(s->storage, &err), &err);
    targets_free(s->targets);
    target_list_unref(s->list);
    config_unref(s->config);
    nftw(s->folder, site_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

/* ---- samples ------------------------------------------------------------------------------- */

unused_here static void site_put_sample(struct site *s, const struct label_set *metric, unix_ms t,
                                        double v, const struct histogram *h)
{
    const struct sample_sink *sink = storage_sink(s->storage);
    struct sample_row row = {.t = t, .v = v, .h = h};
    struct err err = {0};

    site_must(sink->series(sink->self, metric, &row.ref, &err), &err);
    site_must(sink->commit(sink->self, &row, 1, COMMIT_ALL_OR_NOTHING, NULL, &err), &err);
}

unused_here static void site_put(struct site *s, const char *metric, unix_ms t, double v)
{
    const struct label_set *labels = NULL;
    struct err err = {0};

    site_must(promql_parse_metric(str_c(metric), &labels, &err), &err);
    site_put_sample(s, labels, t, v, NULL);
    label_set_unref(labels);
}

/* A line of the notation of load blocks; its values are `step` apart, from `start` on. */
unused_here static void site_load(struct site *s, struct str line, unix_ms start, dur_ms step)
{
    CLEANUP(series_desc_freep) struct series_desc *d = NULL;
    struct err err = {0};

    site_must(series_desc_parse(line, &d, &err), &err);
    for (size_t i = 0; i < d->n; i++)
        if (!d->values[i].omitted)
            site_put_sample(s, d->metric, start + (unix_ms)i * step, d->values[i].v,
                            d->values[i].histogram);
}

/* ---- the client ---------------------------------------------------------------------------- */

struct reply {
    int status;
    struct buf raw;     /* owns the rest */
    struct str headers; /* lines behind the status */
    struct str body;
};

unused_here static void reply_free(struct reply *r)
{
    buf_free(&r->raw);
}

/* The value of a header; STR_NONE: it is not there. */
unused_here static struct str reply_header(const struct reply *r, const char *name)
{
    struct str rest = r->headers;

    while (rest.len) {
        struct str value = str_cut(&rest, '\n'), key = str_cut(&value, ':');

        if (key.len == strlen(name) && strncasecmp(key.p, name, key.len) == 0)
            return str_trim(value);
    }
    return STR_NONE;
}

unused_here static int site_connect(const struct site *s)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)api_port(s->api, 0))};
    struct timeval tv = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

unused_here static void site_send_all(int fd, struct str s)
{
    while (s.len) {
        ssize_t n = send(fd, s.p, s.len, MSG_NOSIGNAL);

        assert_true(n > 0);
        s = str_n(s.p + n, s.len - (size_t)n);
    }
}

/* target is encoded already; headers are whole lines with CR LF. */
unused_here static struct reply site_ask(const struct site *s, const char *method,
                                         const char *target, const char *headers, struct str body)
{
    CLEANUP(buf_free) struct buf request = {0};
    struct reply r = {0};
    int fd = site_connect(s);
    ssize_t n;
    size_t end;

    buf_addf(&request, "%s %s HTTP/1.1\r\nHost: tocsin\r\nConnection: close\r\n%s", method, target,
             headers ? headers : "");
    if (body.p)
        buf_addf(&request, "Content-Length: %zu\r\n", body.len);
    buf_add_c(&request, "\r\n");
    buf_add_str(&request, body);
    site_send_all(fd, buf_str(&request));
    while ((n = recv(fd, buf_room(&r.raw, 65536), 65536, 0)) > 0)
        r.raw.len += (size_t)n;
    assert_int_equal(n, 0);
    close(fd);
    end = str_find(buf_str(&r.raw), STR("\r\n\r\n"));
    assert_true(end < r.raw.len);
    assert_int_equal(sscanf(r.raw.p, "HTTP/1.1 %d", &r.status), 1);
    r.headers = str_n(r.raw.p, end);
    str_cut(&r.headers, '\n');
    r.body = str_n(r.raw.p + end + 4, r.raw.len - end - 4);
    return r;
}

/* NAME=VALUE;NAME=VALUE to a form. */
unused_here static void site_encode(const char *params, struct buf *out)
{
    struct str rest = str_c(params);

    while (rest.len) {
        struct str value = str_cut(&rest, ';'), name = str_cut(&value, '=');

        if (out->len)
            buf_add_byte(out, '&');
        quote_add_url(out, name);
        buf_add_byte(out, '=');
        quote_add_url(out, value);
    }
}

unused_here static struct reply site_get(const struct site *s, const char *path, const char *params)
{
    CLEANUP(buf_free) struct buf form = {0}, target = {0};

    site_encode(params, &form);
    buf_addf(&target, "%s%s%s", path, form.len ? "?" : "", form.len ? form.p : "");
    return site_ask(s, "GET", target.p, NULL, STR_NONE);
}

unused_here static struct reply site_post(const struct site *s, const char *path,
                                          const char *params)
{
    CLEANUP(buf_free) struct buf form = {0};

    site_encode(params, &form);
    return site_ask(s, "POST", path, "Content-Type: application/x-www-form-urlencoded\r\n",
                    buf_str(&form));
}

/* ---- tables -------------------------------------------------------------------------------- */

/* One request and all of its answer. A body that ends with "..." is only the beginning of it. */
struct exchange {
    const char *path, *params;
    int status;
    const char *body;
};

#define OK(data)   200, "{\"status\":\"success\",\"data\":" data "}"
#define BAD(words) 400, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"" words "\"}"

unused_here static void assert_answer(const struct reply *got, const struct exchange *e,
                                      const char *how)
{
    struct str expected = str_c(e->body), body = got->body;

    if (str_has_suffix(expected, STR("..."))) {
        expected.len -= 3;
        body.len = body.len > expected.len ? expected.len : body.len;
    }
    if (got->status != e->status || !str_eq(body, expected))
        fail_msg("%s %s %s:\n%d %.*s\nexpected\n%d %s", how, e->path, e->params, got->status,
                 STR_ARG(got->body), e->status, e->body);
}

unused_here static void assert_exchanges(const struct site *s, const struct exchange *e, size_t n,
                                         bool also_post)
{
    for (size_t i = 0; i < n; i++) {
        struct reply r = site_get(s, e[i].path, e[i].params);

        assert_answer(&r, &e[i], "GET");
        reply_free(&r);
        if (!also_post)
            continue;
        r = site_post(s, e[i].path, e[i].params);
        assert_answer(&r, &e[i], "POST");
        reply_free(&r);
    }
}

/* The answer's "data"; free the whole with json_doc_free(). */
unused_here static const struct json *data_of(const struct reply *r, struct json **ret_doc)
{
    struct err err = {0};

    if (json_doc_parse(r->body, ret_doc, &err) < 0)
        fail_msg("%s: %.*s", err.msg, STR_ARG(r->body));
    return json_get(*ret_doc, "data");
}

#endif
