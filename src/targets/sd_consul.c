/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_consul - instances of services that are registered with Consul
 *
 * Unless services are named, the catalog says which there are; each of them is then watched on its
 * own. Every question waits at Consul until the answer is another one (a blocking query): it names
 * the index of the answer before. Answers are taken at most once in a refresh_interval.
 *
 *     /v1/catalog/services        {"shop": ["v1", "canary"], ...}
 *     /v1/health/service/NAME     [{"Node": {...}, "Service": {...}, "Checks": [...]}, ...]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/quote.h"
#include "targets/sd_priv.h"

#define PREFIX           "__meta_consul_"
#define WAIT_MS          (2 * 60 * 1000) /* how long a question waits at Consul, as Prometheus has it */
#define PATIENCE_MS      (WAIT_MS + 15 * 1000) /* Consul adds up to a sixteenth */
#define RETRY_MS         15000
#define SERVICES_MAX     5000 /* each has a question of its own under way */
#define CONSUL_BYTES_MAX ((size_t)32 << 20)

/* One question that is asked again and again. */
struct watch {
    struct sd_consul *all;
    char *service; /* NULL: the catalog */
    struct http_call *call;
    struct loop_timer *timer;
    int64_t index; /* of the answer before; 0: there is none */
    struct found found;
    bool is_there; /* in the catalog's answer at hand */
};

struct sd_consul {
    struct sd *sd;
    const struct config_consul_sd *c;
    struct watch *catalog; /* NULL: the services are named */
    struct watch **watches;
    size_t n, cap;
};

/* ---- answers ------------------------------------------------------------------------------- */

/* The worst of its checks; maintenance of the node or the service is one, too. */
static const char *health_of(const struct json *checks)
{
    const char *worst = "passing";

    for (size_t i = 0; i < json_len(checks); i++) {
        const struct json *check = json_at(checks, i);
        struct str id = json_text(json_get(check, "CheckID"));
        struct str status = json_text(json_get(check, "Status"));

        if (str_eq(id, STR("_node_maintenance")) ||
            str_has_prefix(id, STR("_service_maintenance:")))
            return "maintenance";
        if (str_eq(status, STR("critical")))
            worst = "critical";
        else if (str_eq(status, STR("warning")) && strcmp(worst, "passing") == 0)
            worst = "warning";
    }
    return worst;
}

/* With the separator at both ends, so that a pattern can look for ",a,". */
static void put_tags(struct label_builder *b, const char *separator, const struct json *tags)
{
    CLEANUP(buf_free) struct buf text = {0};

    buf_add_c(&text, separator);
    for (size_t i = 0; i < json_len(tags); i++) {
        buf_add_str(&text, json_text(json_at(tags, i)));
        buf_add_c(&text, separator);
    }
    if (json_len(tags) == 0)
        buf_add_c(&text, separator);
    found_put(b, PREFIX "tags", buf_str(&text));
}

static void add_instance(const struct json *entry, const char *service, const char *separator,
                         struct found_group *ret)
{
    CLEANUP(label_builder_deinit) struct label_builder b = {0};
    const struct json *node = json_get(entry, "Node"), *s = json_get(entry, "Service");
    struct str host = json_text(json_get(s, "Address"));
    struct buf address = {0};
    char port[24];

    snprintf(port, sizeof port, "%lld", (long long)json_int(json_get(s, "Port")));
    found_put(&b, PREFIX "address", json_text(json_get(node, "Address")));
    found_put(&b, PREFIX "dc", json_text(json_get(node, "Datacenter")));
    found_put(&b, PREFIX "health", str_c(health_of(json_get(entry, "Checks"))));
    found_put(&b, PREFIX "namespace", json_text(json_get(s, "Namespace")));
    found_put(&b, PREFIX "node", json_text(json_get(node, "Node")));
    found_put(&b, PREFIX "partition", json_text(json_get(s, "Partition")));
    found_put(&b, PREFIX "service", str_c(service));
    found_put(&b, PREFIX "service_address", host);
    found_put(&b, PREFIX "service_id", json_text(json_get(s, "ID")));
    found_put(&b, PREFIX "service_port", str_c(port));
    put_tags(&b, separator, json_get(s, "Tags"));
    found_put_members(&b, PREFIX "metadata_", json_get(node, "Meta"), found_put_text);
    found_put_members(&b, PREFIX "service_metadata_", json_get(s, "Meta"), found_put_text);
    found_put_members(&b, PREFIX "tagged_address_", json_get(node, "TaggedAddresses"),
                      found_put_text);
    found_add_host(&address, host.len > 0 ? host : json_text(json_get(node, "Address")));
    buf_addf(&address, ":%s", port);
    *ret = found_group_of_one(buf_take(&address), &b);
}

int sd_consul_parse(struct str body, const char *service, const char *separator,
                    struct found_group **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    struct found_group *groups = NULL;
    size_t n = 0, cap = 0;
    int r = json_doc_parse(body, &doc, err);

    if (r < 0)
        return err_in(err, r, "answer");
    if (json_type_of(doc) != JSON_ARRAY)
        return err_set(err, -EPROTO, "answer: expected a list of instances");
    for (size_t i = 0; i < json_len(doc); i++)
        add_instance(json_at(doc, i), service, separator, VEC_PUSH(groups, n, cap));
    *ret = groups;
    *ret_n = n;
    return 0;
}

/* ---- questions ----------------------------------------------------------------------------- */

static void add_url(const struct watch *w, struct buf *url)
{
    const struct config_consul_sd *c = w->all->c;
    char index[24], wait[24];

    buf_addf(url, "%s://%s%s", c->scheme, c->server, c->path_prefix ? c->path_prefix : "");
    if (w->service) {
        buf_add_c(url, "/v1/health/service/");
        quote_add_url(url, str_c(w->service));
        for (size_t i = 0; i < c->n_tags; i++)
            quote_add_parameter(url, "tag", c->tags[i]);
    } else {
        buf_add_c(url, "/v1/catalog/services");
        quote_add_parameter(url, "filter", c->filter);
    }
    quote_add_parameter(url, "dc", c->datacenter);
    quote_add_parameter(url, "ns", c->namespace);
    quote_add_parameter(url, "partition", c->partition);
    for (size_t i = 0; i < c->n_node_meta; i++) {
        CLEANUP(buf_free) struct buf pair = {0};

        buf_addf(&pair, "%s:%s", c->node_meta[i].name, c->node_meta[i].value);
        quote_add_parameter(url, "node-meta", pair.p);
    }
    if (c->allow_stale)
        quote_add_parameter(url, "stale", "true");
    snprintf(index, sizeof index, "%lld", (long long)w->index);
    if (w->index > 0)
        quote_add_parameter(url, "index", index);
    snprintf(wait, sizeof wait, "%dms", WAIT_MS);
    quote_add_parameter(url, "wait", wait);
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg);

static void ask(void *arg)
{
    struct watch *w = arg;
    const struct config_consul_sd *c = w->all->c;
    CLEANUP(buf_free) struct buf url = {0};
    const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"User-Agent", "tocsin/" TOCSIN_VERSION},
        {"X-Consul-Token", c->token},
    };

    add_url(w, &url);
    w->call = http_call_start(w->all->sd->all->http,
                              &(struct http_request){
                                  .method = "GET",
                                  .url = url.p,
                                  .options = &c->http,
                                  .headers = headers,
                                  .n_headers = ARRAY_LEN(headers) - !(c->token && *c->token),
                                  .timeout = PATIENCE_MS,
                                  .max_body = CONSUL_BYTES_MAX,
                                  .accept_gzip = true,
                                  .wanted_header = "X-Consul-Index",
                              },
                              on_answer, w);
}

static struct watch *watch_new(struct sd_consul *all, const char *service)
{
    struct watch *w = mem_zalloc(sizeof *w);

    w->all = all;
    w->service = service ? mem_strdup(service) : NULL;
    w->timer = loop_timer_new(all->sd->all->loop, ask, w);
    ask(w);
    return w;
}

static void watch_free(struct watch *w)
{
    if (!w)
        return;
    if (w->call)
        http_call_cancel(w->call);
    loop_timer_free(w->timer);
    found_deinit(&w->found);
    free(w->service);
    free(w);
}

/* ---- the catalog --------------------------------------------------------------------------- */

static bool has_text(const struct json *list, const char *text)
{
    for (size_t i = 0; i < json_len(list); i++)
        if (str_eq_c(json_text(json_at(list, i)), text))
            return true;
    return false;
}

static bool is_wanted(const struct config_consul_sd *c, struct str name, const struct json *tags)
{
    bool named = c->n_services == 0;

    for (size_t i = 0; i < c->n_services; i++)
        named |= str_eq_c(name, c->services[i]);
    for (size_t i = 0; i < c->n_tags && named; i++)
        named = has_text(tags, c->tags[i]);
    return named;
}

static bool want_service(struct str name, const struct json *tags, void *arg)
{
    struct sd_consul *s = arg;
    CLEANUP(mem_freep) char *text = NULL;
    struct watch *w = NULL;

    if (!is_wanted(s->c, name, tags))
        return true;
    for (size_t i = 0; i < s->n && !w; i++)
        if (str_eq_c(name, s->watches[i]->service))
            w = s->watches[i];
    if (!w && s->n >= SERVICES_MAX)
        return false;
    if (!w) {
        text = str_dup(name);
        w = *VEC_PUSH(s->watches, s->n, s->cap) = watch_new(s, text);
    }
    w->is_there = true;
    return true;
}

static int take_catalog(struct sd_consul *s, struct str body, struct err *err)
{
    CLEANUP(json_doc_freep) struct json *doc = NULL;
    size_t kept = 0, before = s->n;
    bool all;
    int r = json_doc_parse(body, &doc, err);

    if (r < 0)
        return err_in(err, r, "answer");
    if (json_type_of(doc) != JSON_OBJECT)
        return err_set(err, -EPROTO, "answer: expected an object of services");
    for (size_t i = 0; i < s->n; i++)
        s->watches[i]->is_there = false;
    all = json_each(doc, want_service, s);
    for (size_t i = 0; i < s->n; i++)
        if (s->watches[i]->is_there || !all)
            s->watches[kept++] = s->watches[i];
        else
            watch_free(s->watches[i]);
    s->n = kept;
    if (kept < before)
        sd_found_news(s->sd);
    return all ? 0 : err_set(err, -E2BIG, "more than %d services", SERVICES_MAX);
}

/* ---- answers to questions ------------------------------------------------------------------ */

static int take(struct watch *w, struct str body, struct err *err)
{
    struct found_group *groups = NULL;
    size_t n = 0;
    int r;

    if (!w->service)
        return take_catalog(w->all, body, err);
    r = sd_consul_parse(body, w->service, w->all->c->tag_separator, &groups, &n, err);
    if (r == 0 && found_take(&w->found, groups, n))
        sd_found_news(w->all->sd);
    return r;
}

/* An index that went back means that Consul began anew. */
static void note_index(struct watch *w, struct str header)
{
    int64_t index = 0;

    if (!num_parse_i64(header, &index) || index < w->index || index < 0)
        index = 0;
    w->index = index;
}

static void on_answer(struct http_response *response, const struct err *failure, void *arg)
{
    struct watch *w = arg;
    struct sd *sd = w->all->sd;
    struct err err = {0};
    int64_t before = w->index;
    int r = 0;

    w->call = NULL;
    if (!response)
        r = err_set(&err, failure->code, "%s", failure->msg);
    else if (response->status != 200)
        r = err_set(&err, -EPROTO, "server returned HTTP status %d, expected 200",
                    response->status);
    if (r == 0) {
        note_index(w, response->wanted_header);
        if (before == 0 || w->index != before) /* else nothing changed while it waited */
            r = take(w, buf_str(&response->body), &err);
    }
    if (r < 0) {
        w->index = 0;
        sd_failed(sd, &err);
    } else {
        sd_worked(sd);
    }
    loop_timer_after(w->timer, r < 0 ? RETRY_MS : sd->settings->refresh_interval);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void *open_consul(struct sd *sd)
{
    struct sd_consul *s = mem_zalloc(sizeof *s);

    s->sd = sd;
    s->c = (const struct config_consul_sd *)sd->settings;
    /* Of named services with tags the catalog tells which have the tags, as Prometheus does it. */
    if (s->c->n_services == 0 || s->c->n_tags > 0)
        s->catalog = watch_new(s, NULL);
    else
        for (size_t i = 0; i < s->c->n_services; i++)
            *VEC_PUSH(s->watches, s->n, s->cap) = watch_new(s, s->c->services[i]);
    return s;
}

static void close_consul(void *self)
{
    struct sd_consul *s = self;

    watch_free(s->catalog);
    for (size_t i = 0; i < s->n; i++)
        watch_free(s->watches[i]);
    free(s->watches);
    free(s);
}

static void each(void *self, void (*cb)(const struct found_group *g, void *arg), void *arg)
{
    const struct sd_consul *s = self;

    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->watches[i]->found.n; k++)
            cb(&s->watches[i]->found.groups[k], arg);
}

const struct sd_kind sd_consul = {
    .key = "consul_sd_configs",
    .open = open_consul,
    .close = close_consul,
    .each = each,
    .list = offsetof(struct config_scrape, consul_sds),
    .count = offsetof(struct config_scrape, n_consul_sds),
    .size = sizeof(struct config_consul_sd),
};
