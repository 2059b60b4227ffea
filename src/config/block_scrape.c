/* SPDX-License-Identifier: Apache-2.0 */
#include "config/block_check_priv.h"
#include "config/config_priv.h"

#include <errno.h>

#include "base/hash.h"

/* ---- static_configs ------------------------------------------------------------------------ */

void read_labels(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct label *labels;
    struct label_set *set;

    if (!is_mapping(d, node))
        return;
    if (node->n > LABEL_COUNT_MAX) {
        decoder_wrong(d, node, "%zu labels are more than %d", node->n, LABEL_COUNT_MAX);
        return;
    }
    labels = arena_array(&d->config->arena, node->n + 1, sizeof *labels);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *v = node->values[i];

        if (!label_name_is_valid(node->keys[i]->text))
            decoder_wrong(d, node->keys[i], "%s is not a valid label name",
                          shown(d, node->keys[i]->text));
        if (!yaml_is_null(v) && !is_text(d, v))
            continue;
        labels[i] = (struct label){node->keys[i]->text, yaml_is_null(v) ? STR("") : v->text};
    }
    if (d->failed)
        return;
    set = label_set_new(labels, node->n);
    config_own(d->config, OWNED_LABELS, set);
    *(const struct label_set **)value = set;
}

static const struct field static_fields[] = {
    TEXTS("targets", struct config_static_group, targets),
    READ("labels", struct config_static_group, labels, const struct label_set *, read_labels),
};
static int check_static(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_static_group *g = object;

    if (g->labels)
        return 0;
    g->labels = label_set_empty();
    config_own(d->config, OWNED_LABELS, g->labels);
    return 0;
}
static const struct block static_block = {
    .name = "static group",
    FIELDS(static_fields),
    .size = sizeof(struct config_static_group),
    .check = check_static,
};

/* ---- file_sd_configs ----------------------------------------------------------------------- */

/* A suffix that tells the format, and wildcards in the last part of the path only. */
static bool is_file_sd_glob(struct str path)
{
    static const char *const suffixes[] = {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"};

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_has_suffix(path, str_c(suffixes[i])))
            return glob_is_in_last_part(path);
    return false;
}

static int check_file_sd(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    const struct config_file_sd *sd = object;

    if (sd->n_files == 0)
        return decoder_fail(d, node,
                            "file service discovery config must contain at least one path name");
    for (size_t i = 0; i < sd->n_files; i++) {
        const struct yaml_node *file = yaml_get(node, "files")->values[i];

        if (!is_file_sd_glob(file->text))
            return decoder_fail(d, file, "path name %s is not valid for file discovery",
                                shown(d, file->text));
    }
    if (sd->refresh_interval == 0)
        return decoder_fail(d, place_of(node, "refresh_interval"),
                            "refresh_interval cannot be zero");
    return 0;
}

static const struct field file_sd_fields[] = {
    PATHS("files", struct config_file_sd, files),
    DURATION("refresh_interval", struct config_file_sd, refresh_interval),
};
static const struct config_file_sd file_sd_defaults = {.refresh_interval = 5 * 60 * 1000};
static const struct block file_sd_block = {
    .name = "file_sd_config",
    FIELDS(file_sd_fields),
    .size = sizeof(struct config_file_sd),
    .defaults = &file_sd_defaults,
    .check = check_file_sd,
};

/* ---- redis --------------------------------------------------------------------------------- */

static int check_redis(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_redis *r = object;

    if (is_given(r->password) && is_given(r->password_file))
        return decoder_fail(d, place_of(node, "password_file"),
                            "at most one of password & password_file must be configured");
    if (has_key(node, "tls") && !r->tls.enabled && has_key(node, "tls_config"))
        return decoder_fail(d, place_of(node, "tls"),
                            "tls is false, but there is a tls_config: leave one out");
    r->tls.enabled = r->tls.enabled || has_key(node, "tls_config");
    return 0;
}

static const struct field redis_fields[] = {
    TEXT("username", struct config_redis, username),
    SECRET("password", struct config_redis, password),
    PATH("password_file", struct config_redis, password_file),
    BOOL("tls", struct config_redis, tls.enabled),
    BLOCK("tls_config", struct config_redis, tls, &tls_block),
    DURATION("connect_timeout", struct config_redis, connect_timeout),
    BOOL("config_metrics", struct config_redis, config_metrics),
};
static const struct block redis_block = {
    .name = "redis", FIELDS(redis_fields), .check = check_redis};

/* ---- a job --------------------------------------------------------------------------------- */

static void read_params(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    const struct field values = TEXTS("values", struct config_param, values);
    struct config_param *params;

    if (!is_mapping(d, node))
        return;
    params = arena_array(&d->config->arena, node->n + 1, sizeof *params);
    for (size_t i = 0; i < node->n; i++) {
        params[i].name = decoder_text(d, node->keys[i]->text);
        if (!yaml_is_null(node->values[i]))
            decode_field(d, &values, node->values[i], &params[i]);
    }
    *(struct config_param **)value = params;
    *count = node->n;
}

#define PROTOCOLS_SUPPORTED                                                                        \
    "supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 "   \
    "PrometheusText1.0.0]"

static bool protocol_is_known(struct str name)
{
    static const char *const names[] = {"OpenMetricsText0.0.1", "OpenMetricsText1.0.0",
                                        "PrometheusProto", "PrometheusText0.0.4",
                                        "PrometheusText1.0.0"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

static bool is_twice(const struct yaml_node *list, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(list->values[j]->text, list->values[i]->text))
            return true;
    return false;
}

#define PROTOCOLS_MAX 16 /* names; there are five, and each may stand once */

int check_protocols(struct decoder *d, const struct yaml_node *block, const char *suffix)
{
    const struct yaml_node *list = yaml_get(block, "scrape_protocols");

    if (yaml_is_null(list))
        return 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *name = list->values[i];

        if (!protocol_is_known(name->text))
            return decoder_fail(
                d, name, "scrape_protocols: unknown scrape protocol %s, " PROTOCOLS_SUPPORTED "%s",
                shown(d, name->text), suffix);
        if (is_twice(list, i)) {
            CLEANUP(buf_free)
            struct buf got = {0};

            for (size_t j = 0; j < list->n && j < PROTOCOLS_MAX; j++)
                buf_addf(&got, "%s" STR_FMT, j > 0 ? " " : "", STR_ARG(list->values[j]->text));
            return decoder_fail(d, name, "duplicated protocol in scrape_protocols, got [%s]%s",
                                got.p, suffix);
        }
    }
    return 0;
}

static int check_fallback(struct decoder *d, const struct config_scrape *s,
                          const struct yaml_node *node)
{
    struct str name = str_c(s->fallback_scrape_protocol);

    if (name.len == 0)
        return 0;
    node = place_of(node, "fallback_scrape_protocol");
    if (!protocol_is_known(name))
        return decoder_fail(
            d, node,
            "invalid fallback_scrape_protocol for scrape config with job name \"%s\": "
            "unknown scrape protocol %s, " PROTOCOLS_SUPPORTED,
            s->job_name, name.p);
    return 0;
}

static int check_times(struct decoder *d, struct config_scrape *s, const struct yaml_node *node)
{
    dur_ms standard = d->global.scrape_timeout;

    if (s->scrape_interval == 0)
        s->scrape_interval = d->global.scrape_interval;
    if (s->scrape_timeout == 0)
        s->scrape_timeout = standard < s->scrape_interval ? standard : s->scrape_interval;
    if (s->scrape_timeout > s->scrape_interval)
        return decoder_fail(d, place_of(node, "scrape_timeout"),
                            "scrape timeout greater than scrape interval "
                            "for scrape config with job name \"%s\"",
                            s->job_name);
    return 0;
}

static void inherit(uint64_t *own, uint64_t global)
{
    if (*own == 0)
        *own = global;
}

static void inherit_limits(struct config_scrape *s, const struct global *g)
{
    inherit(&s->body_size_limit, g->body_size_limit);
    inherit(&s->sample_limit, g->sample_limit);
    inherit(&s->target_limit, g->target_limit);
    inherit(&s->label_limit, g->label_limit);
    inherit(&s->label_name_length_limit, g->label_name_length_limit);
    inherit(&s->label_value_length_limit, g->label_value_length_limit);
}

/* Blocks that make a job ask a server itself. */
static const struct {
    const char *key, *server;
    enum job_kind kind;
    size_t offset;        /* of a check: of the pointer to its struct, */
    const void *defaults; /* which points here when nothing stands in the block */
} probes[] = {
    {"redis", "Redis", JOB_REDIS},
    {"mysql", "MySQL", JOB_MYSQL},
    {"http_check", "a web server", JOB_HTTP_CHECK, offsetof(struct config_scrape, http_check),
     &config_http_check_defaults},
    {"tcp_check", "a server", JOB_TCP_CHECK, offsetof(struct config_scrape, tcp_check),
     &config_tcp_check_defaults},
    {"tls_check", "a server", JOB_TCP_CHECK, offsetof(struct config_scrape, tcp_check),
     &config_tls_check_defaults},
    {"dns_check", "a name server", JOB_DNS_CHECK, offsetof(struct config_scrape, dns_check),
     &config_dns_check_defaults},
    {"icmp_check", "a host", JOB_ICMP_CHECK, offsetof(struct config_scrape, icmp_check),
     &config_icmp_check_defaults},
    {"grpc_check", "a gRPC server", JOB_GRPC_CHECK, offsetof(struct config_scrape, grpc_check),
     &config_grpc_check_defaults},
    {"process_check", "this machine", JOB_PROCESS_CHECK,
     offsetof(struct config_scrape, process_check), &config_process_check_defaults},
    {"spring", "an actuator", JOB_SPRING, offsetof(struct config_scrape, spring),
     &config_spring_defaults},
};

static const char *job_probe(const struct yaml_node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        if (yaml_get(node, probes[i].key))
            return probes[i].key;
    return NULL;
}

/* A relabel step may mend an address, so only a job without any is told at once. A Redis or MySQL may
 * be a socket's path or a URL. */
static int check_addresses(struct decoder *d, const struct config_scrape *s,
                           const struct yaml_node *node)
{
    const struct yaml_node *groups = yaml_get(node, "static_configs");

    if (s->n_relabel || job_probe(node))
        return 0;
    for (size_t g = 0; g < s->n_static_groups; g++)
        for (size_t i = 0; i < s->static_groups[g].n_targets; i++)
            if (strchr(s->static_groups[g].targets[i], '/'))
                return decoder_fail(d, yaml_get(groups->values[g], "targets")->values[i],
                                    "\"%s\" is not a valid hostname, expected host:port",
                                    s->static_groups[g].targets[i]);
    return 0;
}

/* Of a job that asks a server itself: `key` is its block, `server` its name. */
static int check_probe_job(struct decoder *d, const struct yaml_node *node, const char *key,
                           const char *server)
{
    static const char *const http_only[] = {
        "metrics_path",
        "params",
        "scheme",
        "basic_auth",
        "authorization",
        "bearer_token",
        "bearer_token_file",
        "tls_config",
        "proxy_url",
        "no_proxy",
        "follow_redirects",
        "http_headers",
        "enable_compression",
        "fallback_scrape_protocol",
    };

    for (size_t i = 0; i < ARRAY_LEN(http_only); i++)
        if (has_key(node, http_only[i]))
            return decoder_fail(d, yaml_get(node, http_only[i]),
                                "\"%s\" speaks of HTTP, but this job asks %s "
                                "itself: user, password and TLS stand inside of %s:",
                                http_only[i], server, key);
    return 0;
}

/* Of a block in which nothing stands. */
static void use_check_defaults(struct config_scrape *s, size_t which)
{
    const void **check = (const void **)((char *)s + probes[which].offset);

    if (probes[which].defaults && !*check)
        *check = probes[which].defaults;
}

static int check_probes(struct decoder *d, struct config_scrape *s, const struct yaml_node *node)
{
    const char *first = job_probe(node);

    for (size_t i = 0; first && i < ARRAY_LEN(probes); i++) {
        const char *key = probes[i].key;

        if (!yaml_get(node, key))
            continue;
        if (strcmp(key, first) != 0)
            return decoder_fail(d, yaml_get(node, key),
                                "a job asks either by %s or by %s: make two jobs of it", first,
                                key);
        s->kind = probes[i].kind;
        s->probe_settings = hash_mix(i, decoder_hash(d, yaml_get(node, key)));
        use_check_defaults(s, i);
        if (check_probe_job(d, node, key, probes[i].server) < 0)
            return -EINVAL;
        if (s->dns_check && !is_given(s->dns_check->query_name))
            return decoder_fail(d, yaml_get(node, key), "query_name must be set for dns_check");
        if (s->process_check == &config_process_check_defaults)
            return decoder_fail(d, yaml_get(node, key), PROCESS_CHECK_NEEDS);
    }
    return 0;
}

static int check_scrape(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_scrape *s = object;
    int r;

    s->line = node->line;
    if (!is_given(s->job_name))
        return decoder_fail(d, place_of(node, "job_name"), "job_name is empty");
    if (!name_add(&d->job_names, s->job_name))
        return decoder_fail(d, place_of(node, "job_name"),
                            "found multiple scrape configs with job name \"%s\"", s->job_name);
    r = check_times(d, s, node);
    if (r == 0)
        r = check_protocols(d, node,
                            arena_printf(&d->config->arena,
                                         " for scrape config with job name \"%s\"", s->job_name));
    if (r == 0)
        r = check_fallback(d, s, node);
    if (r == 0)
        r = check_addresses(d, s, node);
    if (r < 0)
        return r;
    if (strcmp(s->scheme, "http") != 0 && strcmp(s->scheme, "https") != 0)
        return decoder_fail(d, place_of(node, "scheme"),
                            "scheme: found \"%s\", expected http or https", s->scheme);
    if (s->n_probe_allow && !job_probe(node))
        return decoder_fail(d, place_of(node, "probe_allow"),
                            "probe_allow is for jobs that ask a server themselves: redis, mysql, "
                            "http_check, tcp_check ...");
    inherit_limits(s, &d->global);
    if (s->n_scrape_protocols == 0) {
        s->scrape_protocols = d->global.scrape_protocols;
        s->n_scrape_protocols = d->global.n_scrape_protocols;
    }
    if (!has_key(node, "always_scrape_classic_histograms"))
        s->always_scrape_classic_histograms = d->global.always_scrape_classic_histograms;
    return check_probes(d, s, node);
}

static const struct field scrape_fields[] = {
    TEXT("job_name", struct config_scrape, job_name),
    DURATION("scrape_interval", struct config_scrape, scrape_interval),
    DURATION("scrape_timeout", struct config_scrape, scrape_timeout),
    TEXT("metrics_path", struct config_scrape, metrics_path),
    TEXT("scheme", struct config_scrape, scheme),
    READ_MANY("params", struct config_scrape, params, struct config_param *, read_params),
    BOOL("honor_labels", struct config_scrape, honor_labels),
    BOOL("honor_timestamps", struct config_scrape, honor_timestamps),
    BOOL("track_timestamps_staleness", struct config_scrape, track_timestamps_staleness),
    BOOL("enable_compression", struct config_scrape, enable_compression),
    TEXT("fallback_scrape_protocol", struct config_scrape, fallback_scrape_protocol),
    TEXTS("scrape_protocols", struct config_scrape, scrape_protocols),
    BOOL("always_scrape_classic_histograms", struct config_scrape,
         always_scrape_classic_histograms),
    SIZE("body_size_limit", struct config_scrape, body_size_limit),
    COUNT("sample_limit", struct config_scrape, sample_limit),
    COUNT("target_limit", struct config_scrape, target_limit),
    COUNT("label_limit", struct config_scrape, label_limit),
    COUNT("label_name_length_limit", struct config_scrape, label_name_length_limit),
    COUNT("label_value_length_limit", struct config_scrape, label_value_length_limit),
    COUNT("series_budget", struct config_scrape, series_budget),
    BLOCK("redis", struct config_scrape, redis, &redis_block),
    BLOCK("mysql", struct config_scrape, mysql, &mysql_block),
    BLOCK_PTR("http_check", struct config_scrape, http_check, &http_check_block),
    BLOCK_PTR("tcp_check", struct config_scrape, tcp_check, &tcp_check_block),
    BLOCK_PTR("tls_check", struct config_scrape, tcp_check, &tls_check_block),
    BLOCK_PTR("dns_check", struct config_scrape, dns_check, &dns_check_block),
    BLOCK_PTR("icmp_check", struct config_scrape, icmp_check, &icmp_check_block),
    BLOCK_PTR("grpc_check", struct config_scrape, grpc_check, &grpc_check_block),
    BLOCK_PTR("process_check", struct config_scrape, process_check, &process_check_block),
    BLOCK_PTR("spring", struct config_scrape, spring, &spring_block),
    READ_MANY("probe_allow", struct config_scrape, probe_allow, struct config_allow *,
              read_probe_allow),
    BLOCKS("static_configs", struct config_scrape, static_groups, struct config_static_group *,
           &static_block, "empty or null section in static_configs"),
    BLOCKS("file_sd_configs", struct config_scrape, file_sds, struct config_file_sd *,
           &file_sd_block, "empty or null section in file_sd_configs"),
    BLOCKS("http_sd_configs", struct config_scrape, http_sds, struct config_http_sd *,
           &http_sd_block, "empty or null section in http_sd_configs"),
    BLOCKS("dns_sd_configs", struct config_scrape, dns_sds, struct config_dns_sd *, &dns_sd_block,
           "empty or null section in dns_sd_configs"),
    BLOCKS("kubernetes_sd_configs", struct config_scrape, kube_sds, struct config_kube_sd *,
           &kubernetes_sd_block, "empty or null section in kubernetes_sd_configs"),
    BLOCKS("nacos_sd_configs", struct config_scrape, nacos_sds, struct config_nacos_sd *,
           &nacos_sd_block, "empty or null section in nacos_sd_configs"),
    BLOCKS("consul_sd_configs", struct config_scrape, consul_sds, struct config_consul_sd *,
           &consul_sd_block, "empty or null section in consul_sd_configs"),
    BLOCKS("eureka_sd_configs", struct config_scrape, eureka_sds, struct config_eureka_sd *,
           &eureka_sd_block, "empty or null section in eureka_sd_configs"),
    BLOCKS("relabel_configs", struct config_scrape, relabel, struct config_relabel *,
           &relabel_block, "empty or null target relabeling rule in scrape config"),
    BLOCKS("metric_relabel_configs", struct config_scrape, metric_relabel, struct config_relabel *,
           &relabel_block, "empty or null metric relabeling rule in scrape config"),
};
static const struct config_scrape scrape_defaults = {
    .metrics_path = "/metrics",
    .scheme = "http",
    .honor_timestamps = true,
    .enable_compression = true,
    .http = {.follow_redirects = true},
    .redis = {.config_metrics = true},
    .mysql = MYSQL_DEFAULTS,
};
const struct block scrape_block = {
    .name = "scrape job",
    FIELDS(scrape_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_scrape, http),
    .size = sizeof(struct config_scrape),
    .defaults = &scrape_defaults,
    .check = check_scrape,
};
