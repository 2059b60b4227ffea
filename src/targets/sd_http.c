/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_http - target groups from a URL, asked again after refresh_interval
 *
 * 200 with application/json and a list of groups counts; all else is a failure. Prometheus' header
 * tells the other side how often it will be asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "targets/sd_priv.h"

#define PATIENCE_MS 30000 /* for an answer; with a shorter refresh_interval that */

struct asking {
    struct sd *sd;
    const struct config_http_sd *settings;
    struct loop_timer *timer;
    struct http_call *call;
    struct found found;
};

static bool is_json(struct str content_type)
{
    struct str rest = content_type, type = str_trim(str_cut(&rest, ';'));
    struct str json = STR("application/json");

    return type.len == json.len && strncasecmp(type.p, json.p, json.len) == 0;
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
    struct asking *a = arg;
    struct label source = {STR("__meta_url"), str_c(a->settings->url)};
    struct found_group *groups = NULL;
    struct err err = {0};
    size_t n = 0;
    int r;

    a->call = NULL;
    loop_timer_after(a->timer, a->settings->sd.refresh_interval);
    if (!response) {
        sd_failed(a->sd, failure);
        return;
    }
    r = check_answer(response, &err);
    if (r == 0)
        r = found_groups_parse("answer", source, buf_str(&response->body), &groups, &n, &err);
    if (r < 0) {
        sd_failed(a->sd, &err);
        return;
    }
    sd_worked(a->sd);
    if (found_take(&a->found, groups, n))
        sd_found_news(a->sd);
}

static void ask(void *arg)
{
    struct asking *a = arg;
    dur_ms interval = a->settings->sd.refresh_interval;
    char seconds[32];
    const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"User-Agent", "tocsin/" TOCSIN_VERSION},
        {"X-Prometheus-Refresh-Interval-Seconds", seconds},
    };

    snprintf(seconds, sizeof seconds, "%.15g", (double)interval / 1000);
    a->call = http_call_start(a->sd->all->http,
                              &(struct http_request){
                                  .method = "GET",
                                  .url = a->settings->url,
                                  .options = &a->settings->http,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers),
                                  .timeout = interval < PATIENCE_MS ? interval : PATIENCE_MS,
                                  .max_body = YAML_BYTES_MAX,
                                  .accept_gzip = true,
                              },
                              on_answer, a);
}

static void *open_http(struct sd *sd)
{
    struct asking *a = mem_zalloc(sizeof *a);

    a->sd = sd;
    a->settings = (const struct config_http_sd *)sd->settings;
    a->timer = loop_timer_new(sd->all->loop, ask, a);
    ask(a);
    return a;
}

static void close_http(void *self)
{
    struct asking *a = self;

    if (a->call)
        http_call_cancel(a->call);
    loop_timer_free(a->timer);
    found_deinit(&a->found);
    free(a);
}

static void each_of_http(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct asking *a = self;

    for (size_t i = 0; i < a->found.n; i++)
        cb(&a->found.groups[i], arg);
}

const struct sd_kind sd_http = {
    .key = "http_sd_configs",
    .open = open_http,
    .close = close_http,
    .each = each_of_http,
    .list = offsetof(struct config_scrape, http_sds),
    .count = offsetof(struct config_scrape, n_http_sds),
    .size = sizeof(struct config_http_sd),
};
