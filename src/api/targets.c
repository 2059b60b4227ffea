/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets - targets, scrape_pools
 *
 * Pools are jobs; Prometheus shows them sorted by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/mem.h"
#include "scrape/scrape.h"
#include "targets/targets.h"

/* ---- the URL as others reach it ------------------------------------------------------------ */

/* Of SCHEME://HOST:PORT/...: the brackets of IPv6 stay with the host. */
struct url_parts {
    struct str scheme, host, port, rest; /* with "://", without ":", from the path on */
};

static struct url_parts split_url(const char *url)
{
    struct str s = str_c(url);
    size_t at = str_find(s, STR("://"));
    struct url_parts u = {.scheme = str_n(s.p, at < s.len ? at + 3 : 0)};
    const char *authority = s.p + u.scheme.len;
    size_t len = strcspn(authority, "/?#"), host = 0;

    if (authority[0] == '[')
        host = strcspn(authority, "]");
    while (host < len && authority[host] != ':')
        host++;
    u.host = str_n(authority, host);
    u.port = host < len ? str_n(authority + host + 1, len - host - 1) : STR("");
    u.rest = str_c(authority + len);
    return u;
}

static bool is_local(struct str host)
{
    return str_eq(host, STR("localhost")) || str_eq(host, STR("127.0.0.1")) ||
           str_eq(host, STR("[::1]"));
}

static bool is_own_port(const struct request *r, struct str port)
{
    for (size_t i = 0; i < r->api->n_listen_addresses; i++) {
        char own[16];

        snprintf(own, sizeof own, "%d", api_port(r->whole, i));
        if (str_eq_c(port, own))
            return true;
    }
    return false;
}

static void add_host_port(struct buf *out, struct str host, struct str port)
{
    buf_add_str(out, host);
    if (port.len) {
        buf_add_byte(out, ':');
        buf_add_str(out, port);
    }
}

/* A loopback host means nothing to others: it is replaced by that of the external URL. Our own port
 * is the whole of it; any other one is probably open on the same host. */
static void add_global_url(struct json_writer *w, const struct request *r, const char *url)
{
    struct url_parts u = split_url(url), outer = split_url(r->api->external_url);
    CLEANUP(buf_free) struct buf text = {0};

    if (!is_local(u.host)) {
        buf_add_c(&text, url);
    } else if (is_own_port(r, u.port)) {
        buf_add_str(&text, outer.scheme);
        add_host_port(&text, outer.host, outer.port);
        buf_add_str(&text, u.rest);
    } else {
        buf_add_str(&text, u.scheme);
        add_host_port(&text, outer.host, u.port);
        buf_add_str(&text, u.rest);
    }
    json_kv_str(w, "globalUrl", buf_str(&text));
}

/* ---- targets ------------------------------------------------------------------------------- */

/* Where a pool's targets are to be written; filled for all pools in one walk of scrape. */
struct pool {
    const char *name;
    struct buf active; /* objects, each with a comma in front */
};

struct writing {
    const struct request *request;
    struct pool *pools; /* sorted by name */
    size_t n;
};

static int compare_pools(const void *a, const void *b)
{
    return strcmp(((const struct pool *)a)->name, ((const struct pool *)b)->name);
}

static void writing_init(struct writing *wr, const struct request *r, const struct config *c)
{
    *wr = (struct writing){.request = r};
    wr->pools = mem_array(c->n_scrapes, sizeof *wr->pools);
    for (size_t i = 0; i < c->n_scrapes; i++)
        wr->pools[wr->n++].name = c->scrapes[i].job_name;
    if (wr->n)
        qsort(wr->pools, wr->n, sizeof *wr->pools, compare_pools);
}

static void writing_deinit(struct writing *wr)
{
    for (size_t i = 0; i < wr->n; i++)
        buf_free(&wr->pools[i].active);
    free(wr->pools);
}

static struct pool *find_pool(const struct writing *wr, const char *name)
{
    struct pool key = {.name = name};

    return wr->n ? bsearch(&key, wr->pools, wr->n, sizeof *wr->pools, compare_pools) : NULL;
}

static bool is_asked(const struct request *r, const char *pool)
{
    struct str asked = api_param(r, "scrapePool");

    return asked.len == 0 || str_eq_c(asked, pool);
}

static void add_target(struct json_writer *w, const struct request *r,
                       const struct target_status *st)
{
    static const char *const health[] = {
        [TARGET_UNKNOWN] = "unknown", [TARGET_UP] = "up", [TARGET_DOWN] = "down"};
    const struct target *t = st->target;

    json_object_begin(w);
    api_kv_labels(w, "discoveredLabels", t->discovered);
    api_kv_labels(w, "labels", t->labels);
    json_kv_c(w, "scrapePool", t->job->job_name);
    json_kv_c(w, "scrapeUrl", t->url);
    add_global_url(w, r, t->url);
    json_kv_c(w, "lastError", st->last_error);
    api_kv_time(w, "lastScrape", st->last_scrape ? unix_ns_of_ms(st->last_scrape) : UNIX_NS_ZERO);
    api_kv_number(w, "lastScrapeDuration", st->last_duration);
    json_kv_c(w, "health", health[st->health]);
    api_kv_duration(w, "scrapeInterval", t->interval);
    api_kv_duration(w, "scrapeTimeout", t->timeout);
    json_object_end(w);
}

/* A target of a job that a reload has just removed or added has no pool yet or any more. */
static void take_active(const struct target_status *st, void *arg)
{
    struct writing *wr = arg;
    struct pool *pool = find_pool(wr, st->target->job->job_name);
    struct json_writer w;

    if (!pool || !is_asked(wr->request, pool->name))
        return;
    json_writer_init(&w, &pool->active, JSON_HTML_SAFE);
    w.comma = true;
    add_target(&w, wr->request, st);
}

static void add_active(struct json_writer *w, struct writing *wr, bool asked)
{
    json_key_c(w, "activeTargets");
    json_array_begin(w);
    if (asked)
        scrape_each(wr->request->api->scrape, take_active, wr);
    for (size_t i = 0; i < wr->n; i++) {
        struct str objects = buf_str(&wr->pools[i].active);

        if (objects.len)
            json_raw(w, str_n(objects.p + 1, objects.len - 1));
    }
    json_array_end(w);
}

static void add_dropped_of(struct json_writer *w, const struct target_list *l, const char *pool)
{
    for (size_t i = 0; i < l->n_dropped; i++) {
        const struct dropped_target *d = &l->dropped[i];

        if (strcmp(d->job->job_name, pool) != 0)
            continue;
        json_object_begin(w);
        api_kv_labels(w, "discoveredLabels", d->discovered);
        json_kv_c(w, "scrapePool", pool);
        if (d->error) /* not in Prometheus, which tells this in its log only */
            json_kv_c(w, "error", d->error);
        json_object_end(w);
    }
}

static int64_t count_dropped(const struct target_list *l, const char *pool)
{
    int64_t n = 0;

    for (size_t i = 0; i < l->n_dropped; i++)
        n += strcmp(l->dropped[i].job->job_name, pool) == 0;
    return n;
}

static void add_dropped(struct json_writer *w, const struct writing *wr,
                        const struct target_list *l, bool asked)
{
    json_key_c(w, "droppedTargets");
    json_array_begin(w);
    for (size_t i = 0; asked && i < wr->n; i++)
        if (is_asked(wr->request, wr->pools[i].name))
            add_dropped_of(w, l, wr->pools[i].name);
    json_array_end(w);
    json_key_c(w, "droppedTargetCounts");
    if (!asked) {
        json_null_value(w);
        return;
    }
    json_object_begin(w);
    for (size_t i = 0; i < wr->n; i++)
        json_kv_i64(w, wr->pools[i].name, count_dropped(l, wr->pools[i].name));
    json_object_end(w);
}

int api_targets(const struct request *r, struct answer *a)
{
    struct str state = api_param(r, "state");
    bool any = state.len == 0 || str_eq_nocase(state, STR("any"));
    struct target_list *list = r->api->targets(r->api->self);
    struct writing wr;

    writing_init(&wr, r, list->config);
    json_object_begin(&a->w);
    add_active(&a->w, &wr, any || str_eq_nocase(state, STR("active")));
    add_dropped(&a->w, &wr, list, any || str_eq_nocase(state, STR("dropped")));
    json_object_end(&a->w);
    writing_deinit(&wr);
    target_list_unref(list);
    return 0;
}

int api_scrape_pools(const struct request *r, struct answer *a)
{
    const struct config *c = r->api->config(r->api->self);
    struct writing wr;

    writing_init(&wr, r, c);
    json_object_begin(&a->w);
    json_key_c(&a->w, "scrapePools");
    json_array_begin(&a->w);
    for (size_t i = 0; i < wr.n; i++)
        json_c(&a->w, wr.pools[i].name);
    json_array_end(&a->w);
    json_object_end(&a->w);
    writing_deinit(&wr);
    config_unref(c);
    return 0;
}
