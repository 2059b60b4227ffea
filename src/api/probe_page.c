/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_page - /probe/KIND?target=ADDRESS: the page that an exporter would serve for a target
 *
 *     /probe/redis?target=192.0.2.7:6379            as redis_exporter's /scrape, which is taken, too
 *     /probe/http?target=https://a.example&module=web
 *     /probe?target=ADDRESS&module=JOB              of whatever kind the job is
 *
 * `module` names the job whose settings count. Nobody is asked whom the configuration does not name:
 * a target of that job, or what its probe_allow has. Without a module the first job of the kind
 * that names the target counts. The answer comes from the prober; no worker waits for it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/selfmetrics.h"
#include "probes/probes.h"
#include "targets/targets.h"

#define MARGIN_MS      500 /* of the scraper's timeout, for the way back */
#define HEADER_S_MAX   86400
#define TIMEOUT_HEADER "X-Prometheus-Scrape-Timeout-Seconds"
#define MODULE_DEFAULT "http_2xx" /* of /probe, as blackbox_exporter has it */

SELFMETRIC(asked, METRIC_COUNTER, "tocsin_probe_pages_total", NULL,
           "Targets asked on behalf of others by /probe.");
SELFMETRIC(refused, METRIC_COUNTER, "tocsin_probe_pages_refused_total", NULL,
           "Requests for /probe that were refused: not allowed, bad, or too many at a time.");

/* ---- what is asked for --------------------------------------------------------------------- */

struct question {
    const struct probe_kind *kind; /* NULL: any */
    struct str target, module;
};

static void refuse(const struct request *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void refuse(const struct request *r, int status, const char *fmt, ...)
{
    CLEANUP(buf_free) struct buf text = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    buf_add_c(&text, "\n");
    selfmetric_add(&refused, 1);
    http_header_out(r->http, "X-Content-Type-Options", "nosniff");
    http_reply_text(r->http, status, text.p);
}

static bool read_kind(const struct request *r, struct str path, struct question *q)
{
    CLEANUP(buf_free) struct buf names = {0};
    const struct probe_kind *k;

    if (path.len == 0)
        return true;
    q->kind = probe_kind_find(path);
    for (size_t i = 0; !q->kind && (k = probe_kind_at(i)); i++)
        buf_addf(&names, "%s%s", i ? ", " : "", k->name);
    if (!q->kind)
        refuse(r, 404, "there is no probe \"" STR_FMT "\", expected one of %s", STR_ARG(path),
               names.p);
    return q->kind != NULL;
}

static bool read_question(const struct request *r, struct str path, struct question *q)
{
    if (!read_kind(r, path, q))
        return false;
    q->target = api_param(r, "target");
    q->module = api_param(r, "module");
    if (!q->module.len)
        q->module = api_param(r, "auth_module"); /* of mysqld_exporter */
    if (!q->module.len && !q->kind)
        q->module = STR(MODULE_DEFAULT);
    if (q->target.len)
        return true;
    refuse(r, 400, "the parameter target is missing");
    return false;
}

/* ---- who may be asked ---------------------------------------------------------------------- */

static bool is_target(const struct target_list *l, const struct target *asked_for)
{
    for (size_t i = 0; i < l->n_targets; i++)
        if (l->targets[i].job == asked_for->job && !l->targets[i].refused &&
            strcmp(l->targets[i].url, asked_for->url) == 0)
            return true;
    return false;
}

static bool may_be_asked(const struct target_list *l, const struct target *t)
{
    struct str host;
    unsigned port;

    return is_target(l, t) || (target_place(t, &host, &port) && config_allows(t->job, host, port));
}

static bool is_module(const struct question *q, const struct config_scrape *job)
{
    if (q->kind ? !probe_kind_has(q->kind, job) : !probe_kind_of(job))
        return false;
    return q->module.len == 0 || str_eq_c(q->module, job->job_name);
}

/* Answers when there is no job that allows it. */
static bool find_target(const struct request *r, const struct target_list *l,
                        const struct question *q, struct arena *a, struct target *ret)
{
    bool known = false;

    for (size_t i = 0; i < l->config->n_scrapes; i++) {
        if (!is_module(q, &l->config->scrapes[i]))
            continue;
        known = true;
        target_of_address(a, &l->config->scrapes[i], q->target, ret);
        if (may_be_asked(l, ret))
            return true;
    }
    if (q->module.len && !known)
        refuse(r, 400, "Unknown module \"" STR_FMT "\"", STR_ARG(q->module));
    else
        refuse(r, 403,
               "\"" STR_FMT "\" is not to be asked: it is no target of %s" STR_FMT
               ", nor is it in probe_allow there",
               STR_ARG(q->target), q->module.len ? "the job " : "a job with this kind of probe",
               STR_ARG(q->module));
    return false;
}

/* ---- how long ------------------------------------------------------------------------------ */

/* The job's timeout, or what the scraper waits if that is less, with a margin. */
static dur_ms time_for(const struct request *r, dur_ms timeout)
{
    struct str text = str_trim(http_header_in(r->http, TIMEOUT_HEADER));
    double seconds;
    dur_ms most;

    if (!num_parse_double(text, &seconds) || !(seconds > 0) || seconds > HEADER_S_MAX)
        return timeout;
    most = (dur_ms)(seconds * 1e3);
    most -= most > 2 * MARGIN_MS ? MARGIN_MS : most / 2;
    if (most < 1)
        most = 1;
    return most < timeout ? most : timeout;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* The highest q of the media types in Accept that begin so; 0: none. */
static double weight_of(struct str accept, struct str type)
{
    double highest = 0;

    while (accept.len) {
        struct str rest = str_cut(&accept, ','), name = str_trim(str_cut(&rest, ';'));
        double q = 1, given;

        while (rest.len) {
            struct str value = str_cut(&rest, ';'), key = str_trim(str_cut(&value, '='));

            if (str_eq(key, STR("q")) && num_parse_double(str_trim(value), &given))
                q = given;
        }
        if (str_eq_nocase(name, type))
            highest = fmax(highest, q);
    }
    return highest;
}

/* As exporters choose: OpenMetrics for who prefers it, text for all others. */
static bool wants_openmetrics(struct str accept)
{
    double open = weight_of(accept, STR("application/openmetrics-text"));

    return open > 0 && open >= weight_of(accept, STR("text/plain"));
}

struct asker {
    struct http_exchange *http;
    bool openmetrics;
};

static void reply_page(struct http_exchange *x, struct str page, bool openmetrics)
{
    struct buf body = {0};

    if (openmetrics && exposition_openmetrics(page, &body, NULL) == 0) {
        http_reply(x, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", &body);
        return;
    }
    buf_reset(&body);
    buf_add_str(&body, page);
    http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

/* A target that is down has a page that says so, and that is an answer. */
static void on_page(struct str page, enum exposition_format format, const struct err *err,
                    void *arg)
{
    struct asker *a = arg;
    CLEANUP(buf_free) struct buf text = {0};

    if (page.len) {
        reply_page(a->http, page, a->openmetrics);
    } else {
        buf_addf(&text, "%s\n", err ? err->msg : "no answer");
        http_reply_text(a->http, 503, text.p);
    }
    http_release(a->http);
    free(a);
}

static void ask(const struct request *r, const struct config *config, const struct target *t)
{
    struct asker *a = mem_zalloc(sizeof *a);
    struct err err = {0};

    *a = (struct asker){r->http, wants_openmetrics(http_header_in(r->http, "Accept"))};
    http_defer(r->http);
    if (prober_ask(r->prober, config, t, time_for(r, t->timeout), on_page, a, &err) == 0) {
        selfmetric_add(&asked, 1);
        return;
    }
    http_header_out(r->http, "Retry-After", "1");
    refuse(r, 503, "%s", err.msg);
    http_release(r->http);
    free(a);
}

void probe_page_answer(const struct request *r, struct str path)
{
    CLEANUP(arena_deinit) struct arena arena = {0};
    struct question q = {0};
    struct target_list *list;
    struct target t;

    if (!r->api->ready(r->api->self)) {
        api_not_ready(r->http);
        return;
    }
    if (!read_question(r, path, &q))
        return;
    list = r->api->targets(r->api->self);
    if (find_target(r, list, &q, &arena, &t))
        ask(r, list->config, &t);
    target_list_unref(list);
}
