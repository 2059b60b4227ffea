/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - GET /api/tocsin/v1/alerts/explain: why an alert is told, or is not
 *
 * `filter` is repeatable, as in /api/v2/alerts. The answer is {"matching": N, "alerts": [...]}
 * (docs/formats/explain.md).
 */
#include "api/am_priv.h"

#define STORIES_MAX 50 /* of one answer; each may list hundreds of routes */

struct explaining {
    const struct request *r;
    const struct am_matchers *matchers;
    struct buf stories;
    size_t n;
};

static void tell(void *arg)
{
    struct explaining *e = arg;
    struct json_writer w;

    json_writer_init(&w, &e->stories, JSON_HTML_SAFE);
    e->n = alerts_explain(e->r->api->alerts, (const struct matcher *const *)e->matchers->ms,
                          e->matchers->n, clock_unix_ns(), STORIES_MAX, &w);
}

void explain_answer(const struct request *r)
{
    CLEANUP(am_matchers_deinit)
    struct am_matchers matchers = {0};
    struct explaining e = {.r = r, .matchers = &matchers};
    struct str method = http_method(r->http);
    struct buf body = {0};

    if (!str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD")))
        api_refuse_method(r->http, "GET, OPTIONS");
    else if (!r->api->ready(r->api->self))
        api_not_ready(r->http);
    else if (am_param_matchers(r, "filter", NULL, &matchers) && am_run(r, tell, &e)) {
        buf_addf(&body, "{\"matching\":%zu,\"alerts\":", e.n);
        buf_add_str(&body, buf_str(&e.stories));
        buf_add_byte(&body, '}');
        am_reply(r->http, &body);
    }
    buf_free(&e.stories);
}
