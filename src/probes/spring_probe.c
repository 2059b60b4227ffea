/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spring_probe - the metrics and the health of a Spring Boot service, from its actuator
 *
 *     fetch ─┬▶ GET .../prometheus ─┬▶ page and health together ─▶ timer ─▶ done
 *            └▶ GET .../health ─────┘
 *
 * A health that is DOWN is an answer: the target is up, failure() names what is not. The target is
 * down when its metrics do not come, or its health where only that is asked.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_client.h"
#include "probes/probes.h"
#include "probes/spring_priv.h"

#define METRICS_MAX       (64u << 20) /* bytes of a page whose job sets no body_size_limit */
#define HEALTH_MAX        (1u << 20)
#define HEALTH_MEMORY_MAX (4u << 20) /* of its series in the making */

struct session;

enum part { METRICS, HEALTH };
#define PARTS 2

static const struct {
    const char *endpoint, *accept;
} parts[PARTS] = {
    [METRICS] = {"prometheus",
                 "text/plain;version=0.0.4,application/openmetrics-text;q=0.5,*/*;q=0.1"},
    [HEALTH] = {"health", "application/vnd.spring-boot.actuator.v3+json,application/json;q=0.9"},
};

/* One of the two questions. */
struct question {
    struct session *session;
    struct http_call *call; /* under way, or NULL */
    struct buf body;
    struct err err; /* code 0: the body is good */
};

struct session {
    const struct target *target;
    const struct config_spring *config;
    struct http_client *client;
    struct loop_timer *timer; /* delivers, in a stack of its own: the session may be closed there */
    struct page_trace *trace; /* or NULL */
    page_done *done;
    void *arg;
    struct question questions[PARTS];
    enum exposition_format format; /* of the metrics */
    struct buf failed;             /* why it is not well though it was asked; empty: it is */
};

static bool is_asked(const struct session *s, enum part part)
{
    return part == METRICS ? s->config->metrics : s->config->health;
}

/* ---- answers ------------------------------------------------------------------------------- */

static int refuse_status(const struct session *s, enum part part, int status, struct err *err)
{
    if (status == 401 || status == 403)
        return err_set(err, -EACCES,
                       "status %d: the actuator wants another login, see basic_auth and "
                       "authorization of the spring block",
                       status);
    if (status == 404 && part == METRICS)
        return err_set(err, -ENOENT,
                       "status 404: is base_path \"%s\" right, is \"prometheus\" in the service's "
                       "management.endpoints.web.exposure.include?",
                       s->config->base_path);
    if (status / 100 == 3)
        return err_set(err, -EPROTO, "status %d: a redirect, as to a login page", status);
    return err_set(err, -EPROTO, "status %d, expected 200", status);
}

static int take_metrics(struct session *s, const struct http_response *r, struct err *err)
{
    struct str rest = r->content_type, type = str_trim(str_cut(&rest, ';'));

    if (r->status != 200)
        return refuse_status(s, METRICS, r->status, err);
    if (str_eq_nocase(type, STR("application/openmetrics-text")))
        s->format = EXPOSITION_OPENMETRICS;
    else if (str_eq_nocase(type, STR("text/plain")))
        s->format = EXPOSITION_TEXT;
    else
        return err_set(err, -EPROTO,
                       "the answer is of type \"" STR_FMT "\", expected text/plain: is this the "
                       "port of the actuator?",
                       STR_ARG(type));
    return 0;
}

/* A service that is DOWN or OUT_OF_SERVICE says so with status 503, or with another that it was told
 * to: the body decides. */
static int take_health(struct session *s, const struct http_response *r, struct err *err)
{
    bool is_refusal = r->status == 401 || r->status == 403 || r->status == 404 ||
                      r->status / 100 == 3;

    return is_refusal ? refuse_status(s, HEALTH, r->status, err) : 0;
}

static void on_answer(struct http_response *response, const struct err *err, void *arg)
{
    struct question *q = arg;
    struct session *s = q->session;
    enum part part = (enum part)(q - s->questions);
    CLEANUP(buf_free) struct buf words = {0};
    int r;

    q->call = NULL;
    buf_addf(&words, "GET %s/%s", s->config->base_path, parts[part].endpoint);
    if (!response)
        q->err = *err;
    else if ((r = part == METRICS ? take_metrics(s, response, &q->err)
                                  : take_health(s, response, &q->err)) < 0)
        err_in(&q->err, r, "%s", words.p);
    else
        buf_add_str(&q->body, buf_str(&response->body));
    page_trace_add(s->trace, words.p, q->err.msg);
    if (!s->questions[METRICS].call && !s->questions[HEALTH].call)
        loop_timer_after(s->timer, 0);
}

/* ---- the page ------------------------------------------------------------------------------ */

static void note_health(struct session *s, struct metric_page *page)
{
    struct question *q = &s->questions[HEALTH];
    int r;

    if (q->err.code)
        return;
    r = spring_health_read(buf_str(&q->body), page, &s->failed, &q->err);
    if (r < 0)
        err_in(&q->err, r, "GET %s/health", s->config->base_path);
}

/* Its page without what ends it. */
static void add_metrics(const struct session *s, struct buf *out)
{
    struct str page = buf_str(&s->questions[METRICS].body), end = STR("# EOF");

    if (s->format == EXPOSITION_OPENMETRICS) {
        page = str_trim(page);
        if (str_has_suffix(page, end))
            page.len -= end.len;
    }
    buf_add_str(out, page);
    if (out->len && out->p[out->len - 1] != '\n')
        buf_add_byte(out, '\n');
}

static void write_page(struct session *s, struct buf *out)
{
    struct metric_page page = {0};

    arena_init(&page.arena, HEALTH_MEMORY_MAX);
    if (is_asked(s, HEALTH))
        note_health(s, &page);
    for (enum part i = 0; i < PARTS; i++)
        if (is_asked(s, i))
            metric_page_gauge(&page, "spring_actuator_success", s->questions[i].err.code == 0,
                              LABELS({STR("endpoint"), str_c(parts[i].endpoint)}));
    if (is_asked(s, METRICS) && s->questions[METRICS].err.code == 0)
        add_metrics(s, out);
    metric_page_write(&page, out);
    if (s->format == EXPOSITION_OPENMETRICS)
        buf_add_c(out, "# EOF\n");
    metric_page_deinit(&page);
}

static void deliver(void *arg)
{
    struct session *s = arg;
    const struct err *metrics = &s->questions[METRICS].err, *health = &s->questions[HEALTH].err;
    CLEANUP(buf_free) struct buf page = {0};
    const struct err *down;

    write_page(s, &page);
    down = s->config->metrics ? metrics : health;
    if (health->code && down != health)
        buf_add_c(&s->failed, health->msg);
    for (int i = 0; i < PARTS; i++)
        buf_free(&s->questions[i].body);
    TAKE(s->done)(buf_str(&page), s->format, down->code ? down : NULL, s->arg);
}

/* ---- a session ----------------------------------------------------------------------------- */

static void ask(struct session *s, enum part part, dur_ms timeout)
{
    CLEANUP(buf_free) struct buf url = {0};
    const struct http_header headers[] = {{"Accept", parts[part].accept}, {"User-Agent", "tocsin"}};
    uint64_t limit = part == METRICS ? s->target->job->body_size_limit : HEALTH_MAX;

    buf_addf(&url, "%s/%s", s->target->url, parts[part].endpoint);
    s->questions[part].call = http_call_start(s->client,
                                              &(struct http_request){
                                                  .method = "GET",
                                                  .url = url.p,
                                                  .options = &s->config->http,
                                                  .headers = headers,
                                                  .n_headers = ARRAY_LEN(headers),
                                                  .timeout = timeout,
                                                  .max_body = limit ? (size_t)limit : METRICS_MAX,
                                                  .accept_gzip = true,
                                              },
                                              on_answer, &s->questions[part]);
}

static void *spring_open(struct loop *l, const struct target *t)
{
    struct session *s = mem_zalloc(sizeof *s);

    s->target = t;
    s->config = t->job->spring;
    s->client = http_client_new(l);
    s->timer = loop_timer_new(l, deliver, s);
    for (int i = 0; i < PARTS; i++)
        s->questions[i].session = s;
    return s;
}

static void spring_fetch(void *session, dur_ms timeout, page_done *done, void *arg)
{
    struct session *s = session;

    must(!s->done);
    s->done = done;
    s->arg = arg;
    s->format = EXPOSITION_TEXT;
    buf_reset(&s->failed);
    if (s->trace)
        *s->trace = (struct page_trace){.last = clock_mono_ns()};
    for (enum part i = 0; i < PARTS; i++) {
        s->questions[i].err = (struct err){0};
        if (is_asked(s, i))
            ask(s, i, timeout);
    }
}

static void spring_close(void *session)
{
    struct session *s = session;

    http_client_free(s->client); /* and with it the calls */
    loop_timer_free(s->timer);
    for (int i = 0; i < PARTS; i++)
        buf_free(&s->questions[i].body);
    buf_free(&s->failed);
    free(s);
}

static void spring_trace(void *session, struct page_trace *t)
{
    ((struct session *)session)->trace = t;
}

static void spring_failure(const void *session, struct buf *out)
{
    buf_add_str(out, buf_str(&((const struct session *)session)->failed));
}

const struct page_source probe_spring_source = {.open = spring_open,
                                                .fetch = spring_fetch,
                                                .close = spring_close,
                                                .trace = spring_trace,
                                                .failure = spring_failure};
