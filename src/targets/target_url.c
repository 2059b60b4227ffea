/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target_url - the address and the URL under which a target is asked
 *
 * The text of the URL is an input of the spreading hash: it has to be, byte by byte, what Go's
 * net/url makes of the same parts.
 */
#include <ctype.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/quote.h"
#include "targets/targets_priv.h"

#define PORT_MAX 65535

/* Of jobs that ask a server itself: the scheme of their URLs and the port of a bare host. */
static const struct {
    const char *scheme, *port;
} probes[] = {
    [JOB_REDIS] = {"redis", "6379"},
    [JOB_MYSQL] = {"mysql", "3306"},
    [JOB_TCP_CHECK] = {"tcp", NULL},
    [JOB_DNS_CHECK] = {"dns", NULL}, /* 53 or 853, which the check knows */
    [JOB_ICMP_CHECK] = {"icmp", NULL},
    [JOB_GRPC_CHECK] = {"grpc", NULL},
    [JOB_PROCESS_CHECK] = {"process", NULL},
    [JOB_SPRING] = {"http", NULL},     /* or as its block says */
    [JOB_HTTP_CHECK] = {"http", NULL}, /* the address is a URL, or one without its scheme */
};

static const struct str param_prefix = {"__param_", 8};

/* ---- HTTP ---------------------------------------------------------------------------------- */

/* What Go's EscapedPath() leaves as it is. A "?" would begin the query. */
static bool is_plain_in_path(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-_.~$&+,/:;=@", c));
}

static void add_path(struct buf *url, struct str path)
{
    if (path.len && path.p[0] != '/')
        buf_add_byte(url, '/');
    for (size_t i = 0; i < path.len; i++)
        if (is_plain_in_path(path.p[i]))
            buf_add_byte(url, path.p[i]);
        else
            buf_addf(url, "%%%02X", (unsigned char)path.p[i]);
}

static const struct config_param *find_param(const struct config_scrape *job, struct str name)
{
    for (size_t i = 0; i < job->n_params; i++)
        if (str_eq_c(name, job->params[i].name))
            return &job->params[i];
    return NULL;
}

static void add_param(struct buf *url, bool *any, struct str name, struct str value)
{
    buf_add_byte(url, *any ? '&' : '?');
    *any = true;
    quote_add_url(url, name);
    buf_add_byte(url, '=');
    quote_add_url(url, value);
}

/* The label __param_x stands in place of the job's first value of x, or for x alone. */
static void add_values(struct buf *url, bool *any, const struct config_scrape *job, struct str name,
                       struct str from_label)
{
    const struct config_param *p = find_param(job, name);
    size_t n = p ? p->n_values : 0;

    if (from_label.len)
        add_param(url, any, name, from_label);
    for (size_t i = from_label.len > 0; i < n; i++)
        add_param(url, any, name, str_c(p->values[i]));
}

/* Sorted by name: those of the job, also where relabelling removed the label, and those that only
 * relabelling made. */
static void add_params(struct buf *url, const struct config_scrape *job,
                       const struct label_builder *b)
{
    struct label_set *all = label_builder_build(b), *names;
    struct label_builder nb = {0};
    bool any = false;

    for (size_t i = 0; i < job->n_params; i++)
        label_builder_set(&nb, str_c(job->params[i].name), STR("is there"));
    for (size_t i = 0; i < label_set_count(all); i++) {
        struct str name = label_set_at(all, i).name;

        if (str_has_prefix(name, param_prefix))
            label_builder_set(&nb, str_n(name.p + param_prefix.len, name.len - param_prefix.len),
                              STR("is there"));
    }
    names = label_builder_build(&nb);
    for (size_t i = 0; i < label_set_count(names); i++) {
        struct str name = label_set_at(names, i).name;
        CLEANUP(buf_free) struct buf label = {0};

        buf_add_str(&label, param_prefix);
        buf_add_str(&label, name);
        add_values(url, &any, job, name, label_set_get(all, buf_str(&label)));
    }
    label_set_unref(names);
    label_builder_deinit(&nb);
    label_set_unref(all);
}

static void add_http_url(struct buf *url, const struct config_scrape *job,
                         const struct label_builder *b, const char *address)
{
    buf_add_str(url, label_builder_get(b, STR("__scheme__")));
    buf_add_c(url, "://");
    buf_add_c(url, address);
    add_path(url, label_builder_get(b, STR("__metrics_path__")));
    add_params(url, job, b);
}

/* ---- probes -------------------------------------------------------------------------------- */

const char *job_scheme(enum job_kind kind)
{
    return probes[kind].scheme;
}

static bool has_scheme(struct str address)
{
    return str_find(address, STR("://")) < address.len;
}

static bool has_port(struct str address)
{
    struct str tail = address;

    if (address.p[0] == '[')
        str_cut(&tail, ']');
    return str_find(tail, STR(":")) < tail.len;
}

/* Schemes that probes take, and the port where none is written; 0: one has to be. */
static const struct {
    struct str begin;
    enum job_kind kind;
    unsigned port;
} schemes[] = {
    {{"redis://", 8}, JOB_REDIS, 6379},   {{"rediss://", 9}, JOB_REDIS, 6379},
    {{"valkey://", 9}, JOB_REDIS, 6379},  {{"valkeys://", 10}, JOB_REDIS, 6379},
    {{"mysql://", 8}, JOB_MYSQL, 3306},   {{"mariadb://", 10}, JOB_MYSQL, 3306},
    {{"http://", 7}, JOB_HTTP_CHECK, 80}, {{"https://", 8}, JOB_HTTP_CHECK, 443},
    {{"tcp://", 6}, JOB_TCP_CHECK, 0},    {{"http://", 7}, JOB_SPRING, 80},
    {{"https://", 8}, JOB_SPRING, 443},
};

static struct str without(struct str s, size_t first)
{
    return str_n(s.p + first, s.len - first);
}

/* host, host:port, [v6]:port, and nothing else. */
static bool read_place(struct str text, struct str *ret_host, unsigned *ret_port)
{
    uint64_t port = *ret_port;
    size_t end = str_find(text, STR(":"));

    if (text.len && text.p[0] == '[') {
        end = str_find(text, STR("]"));
        if (end == text.len)
            return false;
        *ret_host = str_n(text.p + 1, end - 1);
        end++;
    } else {
        *ret_host = str_n(text.p, end);
    }
    if (end < text.len && (text.p[end] != ':' || !num_parse_u64(without(text, end + 1), &port)))
        return false;
    *ret_port = (unsigned)port;
    return ret_host->len > 0 && port > 0 && port <= PORT_MAX;
}

bool target_place(const struct target *t, struct str *ret_host, unsigned *ret_port)
{
    struct str url = str_c(t->url);

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (schemes[i].kind != t->job->kind || !str_has_prefix(url, schemes[i].begin))
            continue;
        url = without(url, schemes[i].begin.len);
        /* where the probe itself ends the host: what it would take for one has to be compared */
        url.len = strcspn(
            url.p, t->job->kind == JOB_HTTP_CHECK || t->job->kind == JOB_SPRING ? "/?#" : "/");
        *ret_port = schemes[i].port;
        return read_place(url, ret_host, ret_port);
    }
    return false;
}

/* ---- both ---------------------------------------------------------------------------------- */

const char *target_address(struct arena *a, const struct config_scrape *job, struct str address)
{
    bool is_host = address.len && address.p[0] != '/' && !has_scheme(address);

    if (job->kind != JOB_HTTP && probes[job->kind].port && is_host && !has_port(address))
        return arena_printf(a, "%.*s:%s", STR_ARG(address), probes[job->kind].port);
    return arena_strdup(a, address);
}

static void drop_slashes(struct buf *url)
{
    while (url->len && url->p[url->len - 1] == '/')
        url->p[--url->len] = '\0';
}

/* The base of an actuator: that of the block, behind what may be a URL. */
static void add_actuator(struct buf *url, const struct config_spring *spring, const char *address)
{
    if (!has_scheme(str_c(address)))
        buf_addf(url, "%s://", spring->scheme);
    buf_add_c(url, address);
    drop_slashes(url);
    buf_add_c(url, spring->base_path);
    drop_slashes(url);
}

static const char *probe_url(struct arena *a, const struct config_scrape *job, const char *address)
{
    CLEANUP(buf_free) struct buf url = {0};

    if (job->kind == JOB_SPRING)
        add_actuator(&url, job->spring, address);
    else if (has_scheme(str_c(address)))
        buf_add_c(&url, address);
    else
        buf_addf(&url, "%s://%s", address[0] == '/' ? "unix" : job_scheme(job->kind), address);
    return arena_strdup(a, buf_str(&url));
}

const char *target_url(struct arena *a, const struct config_scrape *job,
                       const struct label_builder *b, const char *address)
{
    CLEANUP(buf_free) struct buf url = {0};

    if (job->kind != JOB_HTTP)
        return probe_url(a, job, address);
    add_http_url(&url, job, b, address);
    return arena_strdup(a, buf_str(&url));
}

void target_of_address(struct arena *a, const struct config_scrape *job, struct str address,
                       struct target *ret)
{
    must(job->kind != JOB_HTTP);
    *ret = (struct target){.job = job,
                           .address = target_address(a, job, address),
                           .interval = job->scrape_interval,
                           .timeout = job->scrape_timeout};
    ret->url = probe_url(a, job, ret->address);
}
