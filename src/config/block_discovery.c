/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery that asks somebody: the *_sd_configs of a job but for files, which are in block_scrape.
 */
#include "config/config_priv.h"

#include <strings.h>

static int check_sd(struct decoder *d, struct config_sd *sd, const struct yaml_node *node)
{
    if (sd->refresh_interval == 0)
        return decoder_fail(d, place_of(node, "refresh_interval"),
                            "refresh_interval cannot be zero");
    sd->settings = decoder_hash(d, node);
    sd->place = arena_printf(&d->config->arena, "%s:%d", yaml_file(d->doc), node->line);
    return 0;
}

/* ---- http_sd_configs ----------------------------------------------------------------------- */

/* In Prometheus' words where it has any. */
static void read_url(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct str url = node->text, rest;
    struct err why = {0};
    size_t scheme;

    if (!is_text(d, node) || url.len == 0)
        return;
    scheme = str_find(url, STR("://"));
    rest = scheme < url.len ? str_n(url.p + scheme + 3, url.len - scheme - 3) : url;
    if (!str_eq(str_n(url.p, scheme), STR("http")) && !str_eq(str_n(url.p, scheme), STR("https")))
        decoder_wrong(d, node, "URL scheme must be 'http' or 'https'");
    else if (str_cut(&rest, '/').len == 0)
        decoder_wrong(d, node, "host is missing in URL");
    else if (!url_is_valid(url, &why))
        decoder_wrong(d, node, "%s", why.msg);
    *(const char **)value = decoder_text(d, url);
}

static int check_http_sd(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_http_sd *s = object;

    if (!is_given(s->url))
        return decoder_fail(d, place_of(node, "url"), "URL is missing");
    return check_sd(d, &s->sd, node);
}

static const struct field http_sd_fields[] = {
    READ("url", struct config_http_sd, url, const char *, read_url),
    DURATION("refresh_interval", struct config_http_sd, sd.refresh_interval),
};
static const struct config_http_sd http_sd_defaults = {
    .sd = {.refresh_interval = 60 * 1000},
    .http = {.follow_redirects = true},
};
const struct block http_sd_block = {
    .name = "http_sd_config",
    FIELDS(http_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_http_sd, http),
    .size = sizeof(struct config_http_sd),
    .defaults = &http_sd_defaults,
    .check = check_http_sd,
};

/* ---- eureka_sd_configs --------------------------------------------------------------------- */

static void read_eureka_server(struct decoder *d, const struct yaml_node *node, void *value,
                               size_t *count)
{
    struct err why = {0};

    if (!is_text(d, node))
        return;
    if (node->text.len && !url_is_valid(node->text, &why))
        decoder_wrong(d, node, "invalid eureka server URL: %s", why.msg);
    *(const char **)value = decoder_text(d, node->text);
}

static int check_eureka_sd(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    struct config_eureka_sd *s = object;

    if (!is_given(s->server))
        return decoder_fail(d, place_of(node, "server"), "eureka_sd: empty or null eureka server");
    return check_sd(d, &s->sd, node);
}

static const struct field eureka_sd_fields[] = {
    READ("server", struct config_eureka_sd, server, const char *, read_eureka_server),
    DURATION("refresh_interval", struct config_eureka_sd, sd.refresh_interval),
};
static const struct config_eureka_sd eureka_sd_defaults = {
    .sd = {.refresh_interval = 30 * 1000},
    .http = {.follow_redirects = true},
};
const struct block eureka_sd_block = {
    .name = "eureka_sd_config",
    FIELDS(eureka_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_eureka_sd, http),
    .size = sizeof(struct config_eureka_sd),
    .defaults = &eureka_sd_defaults,
    .check = check_eureka_sd,
};

/* ---- consul_sd_configs --------------------------------------------------------------------- */

static void read_pairs(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct config_text_pair *pairs;

    if (!is_mapping(d, node))
        return;
    pairs = arena_array(&d->config->arena, node->n + 1, sizeof *pairs);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *v = node->values[i];

        if (!yaml_is_null(v) && !is_text(d, v))
            return;
        pairs[i].name = decoder_text(d, node->keys[i]->text);
        pairs[i].value = yaml_is_null(v) ? "" : decoder_text(d, v->text);
    }
    *(struct config_text_pair **)value = pairs;
    *count = node->n;
}

static int check_consul_sd(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    struct config_consul_sd *s = object;
    const struct http_options *h = &s->http;

    if (!is_given(s->server) || strchr(s->server, '/'))
        return decoder_fail(d, place_of(node, "server"),
                            "consul SD configuration requires a server address, host:port");
    if (strcmp(s->scheme, "http") != 0 && strcmp(s->scheme, "https") != 0)
        return decoder_fail(d, place_of(node, "scheme"), "found \"%s\", expected http or https",
                            s->scheme);
    if (is_given(s->username) || is_given(s->password)) {
        if (h->basic_username || h->basic_username_file)
            return decoder_fail(d, place_of(node, "username"),
                                "at most one of consul SD configuration username and password "
                                "and basic auth can be configured");
        s->http.basic_username = s->username ? s->username : "";
        s->http.basic_password = s->password;
    }
    if (is_given(s->token) && (h->authorization_credentials || h->authorization_credentials_file))
        return decoder_fail(d, place_of(node, "token"),
                            "at most one of consul SD token, authorization, or oauth2 can be "
                            "configured");
    return check_sd(d, &s->sd, node);
}

static const struct field consul_sd_fields[] = {
    TEXT("server", struct config_consul_sd, server),
    TEXT("path_prefix", struct config_consul_sd, path_prefix),
    TEXT("scheme", struct config_consul_sd, scheme),
    SECRET("token", struct config_consul_sd, token),
    TEXT("datacenter", struct config_consul_sd, datacenter),
    TEXT("namespace", struct config_consul_sd, namespace),
    TEXT("partition", struct config_consul_sd, partition),
    TEXT("filter", struct config_consul_sd, filter),
    TEXT("username", struct config_consul_sd, username),
    SECRET("password", struct config_consul_sd, password),
    TEXT("tag_separator", struct config_consul_sd, tag_separator),
    TEXTS("services", struct config_consul_sd, services),
    TEXTS("tags", struct config_consul_sd, tags),
    READ_MANY("node_meta", struct config_consul_sd, node_meta, struct config_text_pair *,
              read_pairs),
    BOOL("allow_stale", struct config_consul_sd, allow_stale),
    DURATION("refresh_interval", struct config_consul_sd, sd.refresh_interval),
};
static const struct config_consul_sd consul_sd_defaults = {
    .sd = {.refresh_interval = 30 * 1000},
    .server = "localhost:8500",
    .scheme = "http",
    .tag_separator = ",",
    .allow_stale = true,
    .http = {.follow_redirects = true},
};
const struct block consul_sd_block = {
    .name = "consul_sd_config",
    FIELDS(consul_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_consul_sd, http),
    .size = sizeof(struct config_consul_sd),
    .defaults = &consul_sd_defaults,
    .check = check_consul_sd,
};

/* ---- nacos_sd_configs ---------------------------------------------------------------------- */

static int check_nacos_sd(struct decoder *d, void *object, const struct yaml_node *node,
                          void *parent)
{
    const struct config_nacos_sd *s = object;

    if (!is_given(s->server))
        return decoder_fail(d, place_of(node, "server"),
                            "server is missing, expected http://HOST:8848/nacos");
    if (is_given(s->password) && !is_given(s->username))
        return decoder_fail(d, place_of(node, "password"), "a password without a username");
    return check_sd(d, object, node);
}

static const struct field nacos_sd_fields[] = {
    READ("server", struct config_nacos_sd, server, const char *, read_url),
    TEXT("namespace", struct config_nacos_sd, namespace),
    TEXT("group", struct config_nacos_sd, group),
    TEXTS("services", struct config_nacos_sd, services),
    TEXT("username", struct config_nacos_sd, username),
    SECRET("password", struct config_nacos_sd, password),
    DURATION("refresh_interval", struct config_nacos_sd, sd.refresh_interval),
};
static const struct config_nacos_sd nacos_sd_defaults = {
    .sd = {.refresh_interval = 30 * 1000},
    .namespace = "",
    .group = "DEFAULT_GROUP",
    .http = {.follow_redirects = true},
};
const struct block nacos_sd_block = {
    .name = "nacos_sd_config",
    FIELDS(nacos_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_nacos_sd, http),
    .size = sizeof(struct config_nacos_sd),
    .defaults = &nacos_sd_defaults,
    .check = check_nacos_sd,
};

/* ---- dns_sd_configs ------------------------------------------------------------------------ */

static void read_dns_type(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    static const struct {
        const char *name;
        enum dns_type type;
    } types[] = {
        {"SRV", DNS_SRV}, {"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"NS", DNS_NS}};

    if (!is_text(d, node))
        return;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcasecmp(types[i].name, node->text.p) == 0) {
            *(enum dns_type *)value = types[i].type;
            return;
        }
    decoder_wrong(d, node,
                  "invalid DNS-SD records type " STR_FMT ", expected SRV, A, AAAA, MX or NS",
                  STR_ARG(str_n(node->text.p, str_utf8_prefix(node->text, CONFIG_QUOTE_MAX))));
}

static int check_dns_sd(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    const struct config_dns_sd *s = object;

    if (s->n_names == 0)
        return decoder_fail(d, place_of(node, "names"),
                            "DNS-SD config must contain at least one SRV record name");
    if (s->port == 0 && s->type != DNS_SRV)
        return decoder_fail(d, place_of(node, "port"),
                            "a port is required in DNS-SD configs for all record types except SRV");
    if (s->port > 65535)
        return decoder_fail(d, place_of(node, "port"), "found %llu, expected a port",
                            (unsigned long long)s->port);
    return check_sd(d, object, node);
}

static const struct field dns_sd_fields[] = {
    TEXTS("names", struct config_dns_sd, names),
    READ("type", struct config_dns_sd, type, enum dns_type, read_dns_type),
    COUNT("port", struct config_dns_sd, port),
    TEXTS("servers", struct config_dns_sd, servers),
    DURATION("refresh_interval", struct config_dns_sd, sd.refresh_interval),
};
static const struct config_dns_sd dns_sd_defaults = {
    .sd = {.refresh_interval = 30 * 1000},
    .type = DNS_SRV,
};
const struct block dns_sd_block = {
    .name = "dns_sd_config",
    FIELDS(dns_sd_fields),
    .size = sizeof(struct config_dns_sd),
    .defaults = &dns_sd_defaults,
    .check = check_dns_sd,
};

/* ---- kubernetes_sd_configs ----------------------------------------------------------------- */

#define KUBE_BIT(role) (1u << KUBE_##role)

static const struct {
    const char *name;
    unsigned selectors; /* of which roles may be chosen */
    const char *selectors_text;
} kube_roles[KUBE_ROLES] = {
    [KUBE_NODE] = {"node", KUBE_BIT(NODE), "node"},
    [KUBE_SERVICE] = {"service", KUBE_BIT(SERVICE), "service"},
    [KUBE_POD] = {"pod", KUBE_BIT(POD), "pod"},
    [KUBE_ENDPOINTS] = {"endpoints", KUBE_BIT(POD) | KUBE_BIT(SERVICE) | KUBE_BIT(ENDPOINTS),
                        "pod, service, endpoints"},
    [KUBE_ENDPOINTSLICE] = {"endpointslice",
                            KUBE_BIT(POD) | KUBE_BIT(SERVICE) | KUBE_BIT(ENDPOINTSLICE),
                            "pod, service, endpointslice"},
    [KUBE_INGRESS] = {"ingress", KUBE_BIT(INGRESS), "ingress"},
};

static void read_kube_role(struct decoder *d, const struct yaml_node *node, void *value,
                           size_t *count)
{
    if (!is_text(d, node))
        return;
    for (int i = 0; i < KUBE_ROLES; i++)
        if (str_eq_c(node->text, kube_roles[i].name)) {
            *(enum kube_role *)value = (enum kube_role)i;
            return;
        }
    decoder_wrong(d, node,
                  "unknown Kubernetes SD role %s, expected node, service, pod, endpoints, "
                  "endpointslice or ingress",
                  shown(d, node->text));
}

static const struct field kube_namespaces_fields[] = {
    BOOL("own_namespace", struct config_kube_sd, own_namespace),
    TEXTS("names", struct config_kube_sd, namespaces),
};
static const struct block kube_namespaces_block = {.name = "namespaces",
                                                   FIELDS(kube_namespaces_fields)};

static const struct field kube_attach_fields[] = {
    BOOL("node", struct config_kube_sd, attach_node),
};
static const struct block kube_attach_block = {.name = "attach_metadata",
                                               FIELDS(kube_attach_fields)};

static const struct field kube_selector_fields[] = {
    READ("role", struct config_kube_selector, role, enum kube_role, read_kube_role),
    TEXT("label", struct config_kube_selector, label),
    TEXT("field", struct config_kube_selector, field),
};
static const struct block kube_selector_block = {
    .name = "selector",
    FIELDS(kube_selector_fields),
    .size = sizeof(struct config_kube_selector),
};

static int check_kube_selectors(struct decoder *d, const struct config_kube_sd *s,
                                const struct yaml_node *node)
{
    unsigned seen = 0;

    for (size_t i = 0; i < s->n_selectors; i++) {
        const struct yaml_node *at = yaml_get(node, "selectors")->values[i];
        unsigned bit = 1u << s->selectors[i].role;

        if (!has_key(at, "role"))
            return decoder_fail(d, at, "a selector needs the role that it chooses from");
        if (seen & bit)
            return decoder_fail(d, at, "duplicated selector role: %s",
                                kube_roles[s->selectors[i].role].name);
        seen |= bit;
        if (!(kube_roles[s->role].selectors & bit))
            return decoder_fail(d, at, "%s role supports only %s selectors",
                                kube_roles[s->role].name, kube_roles[s->role].selectors_text);
    }
    return 0;
}

static int check_kube_sd(struct decoder *d, void *object, const struct yaml_node *node,
                         void *parent)
{
    struct config_kube_sd *s = object;
    int r;

    if (!has_key(node, "role"))
        return decoder_fail(d, node,
                            "role missing (one of: pod, service, endpoints, endpointslice, node, "
                            "ingress)");
    for (size_t i = 0; i < http_block.n_fields && !is_given(s->api_server); i++)
        if (has_key(node, http_block.fields[i].key))
            return decoder_fail(d, place_of(node, http_block.fields[i].key),
                                "to use custom HTTP client configuration please provide the "
                                "'api_server' URL explicitly");
    if (is_given(s->api_server) && s->own_namespace)
        return decoder_fail(d, place_of(node, "namespaces"),
                            "cannot use 'api_server' and 'namespaces.own_namespace' "
                            "simultaneously");
    r = check_kube_selectors(d, s, node);
    return r < 0 ? r : check_sd(d, &s->sd, node);
}

static const struct field kubernetes_sd_fields[] = {
    READ("role", struct config_kube_sd, role, enum kube_role, read_kube_role),
    READ("api_server", struct config_kube_sd, api_server, const char *, read_url),
    MORE_KEYS("namespaces", &kube_namespaces_block),
    BLOCKS("selectors", struct config_kube_sd, selectors, struct config_kube_selector *,
           &kube_selector_block, "empty or null section in selectors"),
    MORE_KEYS("attach_metadata", &kube_attach_block),
};
static const struct config_kube_sd kubernetes_sd_defaults = {
    .sd = {.refresh_interval = 1}, /* it watches */
    .http = {.follow_redirects = true},
};
const struct block kubernetes_sd_block = {
    .name = "kubernetes_sd_config",
    FIELDS(kubernetes_sd_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_kube_sd, http),
    .size = sizeof(struct config_kube_sd),
    .defaults = &kubernetes_sd_defaults,
    .check = check_kube_sd,
};
