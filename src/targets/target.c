/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target - from an address with labels to a target: defaults, relabelling, URL, identity
 */
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/regex.h"
#include "net/crypto.h"
#include "targets/targets_priv.h"

/* ---- defaults and relabelling
 * ---------------------------------------------------------------------- */

static void set_if_absent(struct label_builder *b, struct str name, struct str value)
{
    if (label_builder_get(b, name).len == 0)
        label_builder_set(b, name, value);
}

static void set_duration(struct label_builder *b, struct str name, dur_ms d)
{
    struct buf text = {0};

    duration_print(d, &text);
    set_if_absent(b, name, buf_str(&text));
    buf_free(&text);
}

/* What a target has before relabelling: the group's labels, then the job's settings where they are
 * absent. */
static void set_defaults(struct label_builder *b, const struct config_scrape *job,
                         struct str address, const struct label_set *group)
{
    label_builder_init(b, group);
    label_builder_set(b, STR("__address__"), address);
    set_if_absent(b, STR("job"), str_c(job->job_name));
    set_duration(b, STR("__scrape_interval__"), job->scrape_interval);
    set_duration(b, STR("__scrape_timeout__"), job->scrape_timeout);
    if (job->kind == JOB_HTTP) {
        set_if_absent(b, STR("__metrics_path__"), str_c(job->metrics_path));
        set_if_absent(b, STR("__scheme__"), str_c(job->scheme));
    } else {
        set_if_absent(b, STR("__scheme__"), STR("redis"));
    }
    for (size_t i = 0; i < job->n_params; i++) {
        struct buf name = {0};

        if (job->params[i].n_values) {
            buf_addf(&name, "__param_%s", job->params[i].name);
            set_if_absent(b, buf_str(&name), str_c(job->params[i].values[0]));
        }
        buf_free(&name);
    }
}

/* ---- URL
 * --------------------------------------------------------------------------------------------- */

static void add_param(struct buf *url, bool *any, struct str name, struct str value)
{
    buf_add_byte(url, *any ? '&' : '?');
    *any = true;
    url_escape(name, url);
    buf_add_byte(url, '=');
    url_escape(value, url);
}

static const struct config_param *find_param(const struct config_scrape *job, struct str name)
{
    for (size_t i = 0; i < job->n_params; i++)
        if (str_eq_c(name, job->params[i].name))
            return &job->params[i];
    return NULL;
}

/* __param_x stands in place of the first value of x; further values of the job follow it. */
static void add_params(struct buf *url, const struct config_scrape *job,
                       const struct label_builder *b)
{
    const struct str prefix = STR("__param_");
    struct label_set *all = label_builder_build(b);
    bool any = false;

    for (size_t i = 0; i < label_set_count(all); i++) {
        struct label l = label_set_at(all, i);
        struct str name = str_n(l.name.p + prefix.len, l.name.len - prefix.len);
        const struct config_param *p;

        if (!str_has_prefix(l.name, prefix))
            continue;
        add_param(url, &any, name, l.value);
        p = find_param(job, name);
        for (size_t k = 1; p && k < p->n_values; k++)
            add_param(url, &any, name, str_c(p->values[k]));
    }
    label_set_unref(all);
}

static bool has_port(struct str address)
{
    struct str tail = address;

    if (address.len && address.p[0] == '[')
        str_cut(&tail, ']');
    return tail.len && str_find(tail, STR(":")) < tail.len;
}

static char *make_url(struct target_list *l, const struct config_scrape *job,
                      const struct label_builder *b, const char **ret_address)
{
    struct str address = label_builder_get(b, STR("__address__"));
    struct buf url = {0};
    char *copy;

    if (job->kind == JOB_HTTP) {
        *ret_address = arena_strdup(&l->arena, address);
        buf_add_str(&url, label_builder_get(b, STR("__scheme__")));
        buf_add_c(&url, "://");
        buf_add_str(&url, address);
        buf_add_str(&url, label_builder_get(b, STR("__metrics_path__")));
        add_params(&url, job, b);
    } else {
        bool path = address.len && address.p[0] == '/';

        *ret_address = arena_printf(&l->arena, "%.*s%s", STR_ARG(address),
                                    path || has_port(address) ? "" : ":" DEFAULT_REDIS_PORT);
        buf_addf(&url, "redis://%s", *ret_address);
    }
    copy = arena_strdup(&l->arena, buf_str(&url));
    buf_free(&url);
    return copy;
}

/* ---- identity
 * ---------------------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t h, const char *s)
{
    return hash_mix(h, s ? hash_bytes(s, strlen(s)) : 0);
}

static uint64_t mix_tls(uint64_t h, const struct tls_options *t)
{
    const char *const texts[] = {t->ca,  t->ca_file,  t->cert,       t->cert_file,
                                 t->key, t->key_file, t->server_name};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        h = mix_text(h, texts[i]);
    return hash_mix(h, (uint64_t)t->insecure_skip_verify << 32 | (uint64_t)t->min_version << 8 |
                           (uint64_t)t->max_version);
}

static uint64_t mix_http(uint64_t h, const struct http_options *c)
{
    const char *const texts[] = {c->basic_username,
                                 c->basic_username_file,
                                 c->basic_password,
                                 c->basic_password_file,
                                 c->authorization_type,
                                 c->authorization_credentials,
                                 c->authorization_credentials_file,
                                 c->proxy_url,
                                 c->no_proxy};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        h = mix_text(h, texts[i]);
    for (size_t i = 0; i < c->n_headers; i++)
        h = mix_text(mix_text(h, c->headers[i].name), c->headers[i].value);
    return mix_tls(hash_mix(h, (uint64_t)c->follow_redirects), &c->tls);
}

static uint64_t mix_relabel(uint64_t h, const struct config_relabel *r)
{
    struct str pattern = regex_pattern(r->regex);

    for (size_t i = 0; i < r->n_source_labels; i++)
        h = mix_text(h, r->source_labels[i]);
    h = mix_text(mix_text(mix_text(h, r->separator), r->target_label), r->replacement);
    return hash_mix(hash_mix(h, hash_bytes(pattern.p, pattern.len)),
                    r->modulus << 8 | (uint64_t)r->action);
}

/* All settings of a job that change what a scrape does or stores. */
static uint64_t job_hash(const struct config_scrape *j)
{
    const uint64_t numbers[] = {
        (uint64_t)j->kind,
        (uint64_t)j->honor_labels << 3 | (uint64_t)j->honor_timestamps << 2 |
            (uint64_t)j->track_timestamps_staleness << 1 | j->enable_compression,
        j->body_size_limit,
        j->sample_limit,
        j->label_limit,
        j->label_name_length_limit,
        j->label_value_length_limit,
        (uint64_t)j->redis.connect_timeout,
        (uint64_t)j->redis.tls.enabled << 1 | j->redis.config_metrics};
    uint64_t h = mix_text(mix_text(1, j->job_name), j->fallback_scrape_protocol);

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        h = hash_mix(h, numbers[i]);
    h = mix_http(h, &j->http);
    h = mix_text(mix_text(mix_text(h, j->redis.username), j->redis.password),
                 j->redis.password_file);
    h = mix_tls(h, &j->redis.tls);
    for (size_t i = 0; i < j->n_metric_relabel; i++)
        h = mix_relabel(h, &j->metric_relabel[i]);
    return h;
}

uint64_t target_seed(const struct config *c)
{
    char name[256] = "localhost";
    struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *found = NULL;
    const char *fqdn = name;
    struct buf text = {0};
    uint64_t seed;

    gethostname(name, sizeof name - 1);
    if (getaddrinfo(name, NULL, &hints, &found) == 0 && found->ai_canonname)
        fqdn = found->ai_canonname;
    buf_add_c(&text, fqdn);
    label_set_print(c->external_labels, &text);
    seed = hash_fnv1a_64(FNV64_INIT, text.p, text.len);
    buf_free(&text);
    if (found)
        freeaddrinfo(found);
    return seed;
}

/* Prometheus' spreading of targets over the interval (prometheus.md 4.4). */
static uint64_t spread_hash(const struct label_set *all, const char *url)
{
    char digits[32];
    uint64_t h;

    snprintf(digits, sizeof digits, "%016" PRIu64, label_set_stable_hash(all));
    h = hash_fnv1a_64(FNV64_INIT, digits, strlen(digits));
    return hash_fnv1a_64(h, url, strlen(url));
}

/* ---- the target
 * -------------------------------------------------------------------------------------- */

static const char *read_times(const struct label_builder *b, struct target *t)
{
    struct str interval = label_builder_get(b, STR("__scrape_interval__"));
    struct str timeout = label_builder_get(b, STR("__scrape_timeout__"));

    if (duration_parse(interval.p, interval.len, &t->interval, NULL) < 0 || t->interval <= 0)
        return "__scrape_interval__ is no duration above 0";
    if (duration_parse(timeout.p, timeout.len, &t->timeout, NULL) < 0 || t->timeout <= 0)
        return "__scrape_timeout__ is no duration above 0";
    if (t->timeout > t->interval)
        return "scrape timeout cannot be greater than scrape interval";
    return NULL;
}

/* NULL, or why it cannot be a target. */
static const char *check_address(const struct config_scrape *job, struct str address)
{
    if (address.len == 0)
        return "no address";
    if (job->kind == JOB_HTTP && str_find(address, STR("/")) < address.len)
        return "the address is not a valid hostname: it contains a slash";
    return NULL;
}

/* Labels that samples get: those without two underscores in front. */
static struct label_set *public_labels(const struct label_set *all)
{
    struct label_builder b;
    struct label_set *ls;

    label_builder_init(&b, all);
    for (size_t i = 0; i < label_set_count(all); i++)
        if (str_has_prefix(label_set_at(all, i).name, STR("__")))
            label_builder_del(&b, label_set_at(all, i).name);
    ls = label_builder_build(&b);
    label_builder_deinit(&b);
    return ls;
}

static void drop_meta(struct label_builder *b)
{
    struct label_set *all = label_builder_build(b);

    for (size_t i = 0; i < label_set_count(all); i++)
        if (str_has_prefix(label_set_at(all, i).name, STR("__meta_")))
            label_builder_del(b, label_set_at(all, i).name);
    label_set_unref(all);
}

static bool is_in(const struct target_list *l, const struct target *t)
{
    for (size_t i = l->n_targets; i-- > 0 && l->targets[i].job == t->job;)
        if (l->targets[i].identity == t->identity)
            return true;
    return false;
}

static void add_target(struct target_list *l, struct target *t, const struct label_builder *b,
                       uint64_t seed)
{
    struct label_set *all = label_builder_build(b);

    t->labels = public_labels(all);
    t->hash = spread_hash(all, t->url) ^ seed;
    t->identity = hash_mix(hash_mix(label_set_hash(all), hash_bytes(t->url, strlen(t->url))),
                           job_hash(t->job));
    label_set_unref(all);
    if (is_in(l, t)) {
        label_set_unref(t->labels);
        label_set_unref(t->discovered);
        return;
    }
    *VEC_PUSH(l->targets, l->n_targets, l->cap_targets) = *t;
}

void target_list_add(struct target_list *l, const struct config_scrape *job, struct str address,
                     const struct label_set *group, uint64_t seed)
{
    struct label_builder b;
    struct target t = {.job = job};
    const char *error = NULL;
    int step;

    set_defaults(&b, job, address, group);
    t.discovered = label_builder_build(&b);
    step = relabel(&b, job->relabel, job->n_relabel);
    if (step < 0 && !(error = check_address(job, label_builder_get(&b, STR("__address__")))))
        error = read_times(&b, &t);
    if (step >= 0 || error) {
        *VEC_PUSH(l->dropped, l->n_dropped,
                  l->cap_dropped) = (struct dropped_target){job, t.discovered, step, error};
    } else {
        drop_meta(&b);
        t.url = make_url(l, job, &b, &t.address);
        set_if_absent(&b, STR("instance"), str_c(t.address));
        add_target(l, &t, &b, seed);
    }
    label_builder_deinit(&b);
}
