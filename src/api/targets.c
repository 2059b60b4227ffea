/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets - targets, scrape_pools
 */
#include <string.h>

#include "api/api_priv.h"
#include "scrape/scrape.h"
#include "targets/targets.h"

struct writing {
    struct json_writer w;
    const struct api_options *api;
    struct str pool; /* .p NULL: all */
};

static bool pool_is_asked(const struct writing *wr, const char *job)
{
    return wr->pool.len == 0 || str_eq_c(wr->pool, job);
}

/* The URL as others reach it: a loopback host is replaced by that of the external URL. */
static void add_global_url(struct json_writer *w, const struct target *t, const char *external_url)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *scheme_end = strstr(t->url, "://"), *host = scheme_end ? scheme_end + 3 : t->url;
    const char *outer = strstr(external_url, "://");
    struct buf url = {0};

    outer = outer ? outer + 3 : external_url;
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        size_t len = strlen(local[i]);

        if (strncmp(host, local[i], len) == 0 &&
            (host[len] == ':' || host[len] == '/' || host[len] == '\0')) {
            buf_add(&url, t->url, (size_t)(host - t->url));
            buf_add(&url, outer, strcspn(outer, ":/"));
            buf_add_c(&url, host + len);
        }
    }
    if (url.len == 0)
        buf_add_c(&url, t->url);
    json_kv_str(w, "globalUrl", buf_str(&url));
    buf_free(&url);
}

static void add_duration(struct json_writer *w, const char *key, dur_ms d)
{
    struct buf text = {0};

    duration_print(d, &text);
    json_kv_str(w, key, buf_str(&text));
    buf_free(&text);
}

static void add_active(const struct target_status *st, void *arg)
{
    static const char *const health[] = {"unknown", "up", "down"};
    struct writing *wr = arg;
    struct json_writer *w = &wr->w;
    const struct target *t = st->target;
    struct buf number = {0};

    if (!pool_is_asked(wr, t->job->job_name))
        return;
    json_object_begin(w);
    json_key_c(w, "discoveredLabels");
    api_add_labels(w, t->discovered);
    json_key_c(w, "labels");
    api_add_labels(w, t->labels);
    json_kv_c(w, "scrapePool", t->job->job_name);
    json_kv_c(w, "scrapeUrl", t->url);
    add_global_url(w, t, wr->api->external_url);
    json_kv_c(w, "lastError", st->last_error);
    json_key_c(w, "lastScrape");
    api_add_time(w, st->last_scrape ? unix_ns_of_ms(st->last_scrape) : UNIX_NS_ZERO);
    buf_addf(&number, "%.9g", st->last_duration);
    json_key_c(w, "lastScrapeDuration");
    json_raw(w, buf_str(&number));
    json_kv_c(w, "health", health[st->health]);
    add_duration(w, "scrapeInterval", t->interval);
    add_duration(w, "scrapeTimeout", t->timeout);
    json_object_end(w);
    buf_free(&number);
}

static void add_dropped(struct writing *wr, const struct target_list *l)
{
    struct json_writer *w = &wr->w;

    json_key_c(w, "droppedTargets");
    json_array_begin(w);
    for (size_t i = 0; i < l->n_dropped; i++) {
        if (!pool_is_asked(wr, l->dropped[i].job->job_name))
            continue;
        json_object_begin(w);
        json_key_c(w, "discoveredLabels");
        api_add_labels(w, l->dropped[i].discovered);
        json_kv_c(w, "scrapePool", l->dropped[i].job->job_name);
        json_object_end(w);
    }
    json_array_end(w);
    json_key_c(w, "droppedTargetCounts");
    json_object_begin(w);
    for (size_t j = 0; j < l->config->n_scrapes; j++) {
        int64_t n = 0;

        for (size_t i = 0; i < l->n_dropped; i++)
            n += l->dropped[i].job == &l->config->scrapes[j];
        json_kv_i64(w, l->config->scrapes[j].job_name, n);
    }
    json_object_end(w);
}

int api_targets(const struct request *r, struct answer *a)
{
    struct str state = api_param(r, "state");
    bool active = !state.len || str_eq(state, STR("active")) || str_eq(state, STR("any"));
    bool dropped = !state.len || str_eq(state, STR("dropped")) || str_eq(state, STR("any"));
    struct writing wr = {.api = r->api, .pool = api_param(r, "scrapePool")};
    struct target_list *list = r->api->targets(r->api->self);

    json_writer_init(&wr.w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&wr.w);
    json_key_c(&wr.w, "activeTargets");
    json_array_begin(&wr.w);
    if (active)
        scrape_each(r->api->scrape, add_active, &wr);
    json_array_end(&wr.w);
    if (dropped) {
        add_dropped(&wr, list);
    } else {
        json_key_c(&wr.w, "droppedTargets");
        json_array_begin(&wr.w);
        json_array_end(&wr.w);
        json_key_c(&wr.w, "droppedTargetCounts");
        json_null_value(&wr.w);
    }
    json_object_end(&wr.w);
    target_list_unref(list);
    return 0;
}

int api_scrape_pools(const struct request *r, struct answer *a)
{
    const struct config *c = r->api->config(r->api->self);
    const char *last = "";
    struct json_writer w;

    json_writer_init(&w, &a->data, JSON_HTML_SAFE);
    json_object_begin(&w);
    json_key_c(&w, "scrapePools");
    json_array_begin(&w);
    /* Sorted by taking the least name above the last one: names are unique and few. */
    for (size_t n = 0; n < c->n_scrapes; n++) {
        const char *least = NULL;

        for (size_t i = 0; i < c->n_scrapes; i++)
            if (strcmp(c->scrapes[i].job_name, last) > 0 &&
                (!least || strcmp(c->scrapes[i].job_name, least) < 0))
                least = c->scrapes[i].job_name;
        json_c(&w, least);
        last = least;
    }
    json_array_end(&w);
    json_object_end(&w);
    config_unref(c);
    return 0;
}
