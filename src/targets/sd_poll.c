/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_poll - discovery that asks one URL, again after refresh_interval
 *
 * 200 with application/json counts; all else is a failure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "targets/sd_priv.h"

#define PATIENCE_MS 30000 /* for an answer; with a shorter refresh_interval that */

struct sd_poll {
    struct sd *sd;
    char *url;
    const struct http_options *options;
    sd_parse *parse;
    struct loop_timer *timer;
    struct http_call *call;
    struct found found;
};

static bool is_json(struct str content_type)
{
    struct str rest = content_type, type = str_trim(str_cut(&rest, ';'));

    return str_eq_nocase(type, STR("application/json"));
}

static int check_answer(const struct http_response *r, struct err *err)
{
    if (r->status != 200)
        return err_set(err, -EPROTO, "server returned HTTP status %d, expected 200", r->status);
    if (!is_json(r->content_type))
        return err_set(err, -EPROTO, "unsupported content type \"%.*s\", expected application/json",
                       STR_ARG(r->content_type));
    return 0;
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg)
{
    struct sd_poll *p = arg;
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;
    int r;

    p->call = NULL;
    loop_timer_after(p->timer, p->sd->settings->refresh_interval);
    if (!response) {
        sd_failed(p->sd, failure);
        return;
    }
    r = check_answer(response, &err);
    if (r == 0)
        r = p->parse(p->sd, buf_str(&response->body), &groups, &n, &err);
    if (r < 0) {
        sd_failed(p->sd, &err);
        return;
    }
    sd_worked(p->sd);
    if (found_take(&p->found, groups, n))
        sd_found_news(p->sd);
}

/* Prometheus' header tells the other side how often it will be asked. */
static void ask(void *arg)
{
    struct sd_poll *p = arg;
    dur_ms interval = p->sd->settings->refresh_interval;
    char seconds[32];
    const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"User-Agent", "tocsin/" TOCSIN_VERSION},
        {"X-Prometheus-Refresh-Interval-Seconds", seconds},
    };

    snprintf(seconds, sizeof seconds, "%.15g", (double)interval / 1000);
    p->call = http_call_start(p->sd->all->http,
                              &(struct http_request){
                                  .method = "GET",
                                  .url = p->url,
                                  .options = p->options,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers),
                                  .timeout = interval < PATIENCE_MS ? interval : PATIENCE_MS,
                                  .max_body = YAML_BYTES_MAX,
                                  .accept_gzip = true,
                              },
                              on_answer, p);
}

struct sd_poll *sd_poll_start(struct sd *sd, const char *url, const struct http_options *options,
                              sd_parse *parse)
{
    struct sd_poll *p = mem_zalloc(sizeof *p);

    *p = (struct sd_poll){.sd = sd, .url = mem_strdup(url), .options = options, .parse = parse};
    p->timer = loop_timer_new(sd->all->loop, ask, p);
    ask(p);
    return p;
}

void sd_poll_stop(void *poll)
{
    struct sd_poll *p = poll;

    if (p->call)
        http_call_cancel(p->call);
    loop_timer_free(p->timer);
    found_deinit(&p->found);
    free(p->url);
    free(p);
}

void sd_poll_each(void *poll, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct sd_poll *p = poll;

    for (size_t i = 0; i < p->found.n; i++)
        cb(&p->found.groups[i], arg);
}
