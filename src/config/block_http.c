/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to talk HTTP and TLS: the keys that stand in a scrape job itself and in a receiver's
 * http_config.
 */
#include "config/config_priv.h"

#include <strings.h>

/* ---- tls_config ---------------------------------------------------------------------------- */

static void read_tls_version(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    static const struct {
        const char *name;
        int version;
    } versions[] = {{"TLS10", 10}, {"TLS11", 11}, {"TLS12", 12}, {"TLS13", 13}};

    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        if (node->kind == YAML_SCALAR && str_eq_c(node->text, versions[i].name)) {
            *(int *)value = versions[i].version;
            return;
        }
    if (is_text(d, node))
        decoder_wrong(d, node,
                      "unknown TLS version: " STR_FMT ", expected TLS10, TLS11, TLS12 or TLS13",
                      STR_ARG(str_n(node->text.p, str_utf8_prefix(node->text, CONFIG_QUOTE_MAX))));
}

static int check_tls(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    const struct tls_options *t = object;
    bool cert = is_given(t->cert) || is_given(t->cert_file),
         key = is_given(t->key) || is_given(t->key_file);

    if (is_given(t->ca) && is_given(t->ca_file))
        return decoder_fail(d, place_of(node, "ca"),
                            "at most one of ca and ca_file must be configured");
    if (is_given(t->cert) && is_given(t->cert_file))
        return decoder_fail(d, place_of(node, "cert"),
                            "at most one of cert and cert_file must be configured");
    if (is_given(t->key) && is_given(t->key_file))
        return decoder_fail(d, place_of(node, "key"),
                            "at most one of key and key_file must be configured");
    if (cert && !key)
        return decoder_fail(d, node,
                            "exactly one of key or key_file must be configured when a client "
                            "certificate is configured");
    if (key && !cert)
        return decoder_fail(d, node,
                            "exactly one of cert or cert_file must be configured when a client key "
                            "is configured");
    if (t->min_version && t->max_version && t->min_version > t->max_version)
        return decoder_fail(d, place_of(node, "max_version"),
                            "tls_config.max_version must be greater than or "
                            "equal to tls_config.min_version if both are specified");
    return 0;
}

static const struct field tls_fields[] = {
    TEXT("ca", struct tls_options, ca),
    PATH("ca_file", struct tls_options, ca_file),
    TEXT("cert", struct tls_options, cert),
    PATH("cert_file", struct tls_options, cert_file),
    SECRET("key", struct tls_options, key),
    PATH("key_file", struct tls_options, key_file),
    TEXT("server_name", struct tls_options, server_name),
    BOOL("insecure_skip_verify", struct tls_options, insecure_skip_verify),
    READ("min_version", struct tls_options, min_version, int, read_tls_version),
    READ("max_version", struct tls_options, max_version, int, read_tls_version),
};
const struct block tls_block = {.name = "tls_config", FIELDS(tls_fields), .check = check_tls};

/* ---- the parts of an HTTP client ----------------------------------------------------------- */

static const struct field basic_auth_fields[] = {
    TEXT("username", struct http_options, basic_username),
    PATH("username_file", struct http_options, basic_username_file),
    SECRET("password", struct http_options, basic_password),
    PATH("password_file", struct http_options, basic_password_file),
};
static const struct block basic_auth_block = {.name = "basic_auth", FIELDS(basic_auth_fields)};

static const struct field authorization_fields[] = {
    TEXT("type", struct http_options, authorization_type),
    SECRET("credentials", struct http_options, authorization_credentials),
    PATH("credentials_file", struct http_options, authorization_credentials_file),
};
static const struct block authorization_block = {.name = "authorization",
                                                 FIELDS(authorization_fields)};

static void read_proxy_url(struct decoder *d, const struct yaml_node *node, void *value,
                           size_t *count)
{
    if (!is_text(d, node))
        return;
    if (str_find(node->text, STR("@")) < node->text.len)
        decoder_secret(d, node);
    *(const char **)value = decoder_text(d, node->text);
}

struct header_values {
    const char **values, **secrets;
    size_t n_values, n_secrets;
};
static const struct field header_fields[] = {
    TEXTS("values", struct header_values, values),
    TEXTS("secrets", struct header_values, secrets),
};
static const struct block header_block = {.name = "http header", FIELDS(header_fields)};

bool http_header_is_reserved(struct str name)
{
    static const char *const reserved[] = {
        "Authorization",
        "Host",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "User-Agent",
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Www-Authenticate",
        "Accept-Encoding",
        "X-Prometheus-Remote-Write-Version",
        "X-Prometheus-Remote-Read-Version",
        "X-Prometheus-Scrape-Timeout-Seconds",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "X-Amz-Content-Sha256",
    };

    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_eq_nocase(name, str_c(reserved[i])))
            return true;
    return false;
}

/* Letters, digits and !#$%&'*+-.^_`|~ as HTTP has it. */
static bool is_header_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return name.len > 0;
}

static bool has_line_break(const char *value)
{
    return strpbrk(value, "\r\n");
}

/* One header of the mapping; a value that breaks the line would begin another header. */
static size_t read_header(struct decoder *d, const struct yaml_node *key,
                          const struct yaml_node *node, struct http_header *ret)
{
    struct header_values v = {0};
    const char *name = decoder_text(d, key->text);
    size_t n = 0;

    if (!is_header_name(key->text))
        decoder_wrong(d, key, "%s is no name of an HTTP header", shown(d, key->text));
    if (http_header_is_reserved(key->text))
        decoder_wrong(d, key, "setting header \"%s\" is not allowed", name);
    decode_block(d, &header_block, node, &v, NULL);
    for (size_t i = 0; i < v.n_values + v.n_secrets; i++) {
        const char *value = i < v.n_values ? v.values[i] : v.secrets[i - v.n_values];

        if (has_line_break(value))
            decoder_wrong(d, key, "the value of header %s has a line break", shown(d, key->text));
        ret[n++] = (struct http_header){name, value};
    }
    for (size_t i = 0; i < v.n_secrets; i++)
        decoder_secret(d, yaml_get(node, "secrets")->values[i]);
    return n;
}

static void read_http_headers(struct decoder *d, const struct yaml_node *node, void *value,
                              size_t *count)
{
    struct http_header *headers;
    size_t room = 0, n = 0;

    if (!is_mapping(d, node))
        return;
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *values = yaml_get(node->values[i], "values");
        const struct yaml_node *secrets = yaml_get(node->values[i], "secrets");

        room += (values ? values->n : 0) + (secrets ? secrets->n : 0);
    }
    headers = arena_array(&d->config->arena, room + 1, sizeof *headers);
    for (size_t i = 0; i < node->n; i++)
        n += read_header(d, node->keys[i], node->values[i], headers + n);
    *(const struct http_header **)value = headers;
    *count = n;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int check_bearer(struct decoder *d, struct http_options *h, const struct yaml_node *node)
{
    const struct yaml_node *token = yaml_get(node, "bearer_token"),
                           *file = yaml_get(node, "bearer_token_file");

    if (yaml_is_null(token) && yaml_is_null(file))
        return 0;
    if (!yaml_is_null(token) && !yaml_is_null(file))
        return decoder_fail(d, token,
                            "at most one of bearer_token & bearer_token_file must be configured");
    if (has_key(node, "basic_auth"))
        return decoder_fail(d, place_of(node, "basic_auth"),
                            "at most one of basic_auth, oauth2, bearer_token & "
                            "bearer_token_file must be configured");
    if (has_key(node, "authorization"))
        return decoder_fail(d, place_of(node, "authorization"),
                            "authorization is not compatible with "
                            "bearer_token & bearer_token_file");
    h->authorization_type = "Bearer";
    return 0;
}

static int check_authorization(struct decoder *d, struct http_options *h,
                               const struct yaml_node *node)
{
    const struct yaml_node *auth = yaml_get(node, "authorization");

    if (yaml_is_null(auth))
        return 0;
    if (is_given(h->authorization_credentials) && is_given(h->authorization_credentials_file))
        return decoder_fail(d, auth,
                            "at most one of authorization credentials & credentials_file must be "
                            "configured");
    if (!is_given(h->authorization_type))
        h->authorization_type = "Bearer";
    if (strcasecmp(h->authorization_type, "basic") == 0)
        return decoder_fail(d, place_of(auth, "type"),
                            "authorization type cannot be set to \"basic\", use "
                            "\"basic_auth\" instead");
    if (has_key(node, "basic_auth"))
        return decoder_fail(d, auth,
                            "at most one of basic_auth, oauth2 & authorization must be configured");
    return 0;
}

static int check_http(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct http_options *h = object;
    int r;

    r = check_bearer(d, h, node);
    if (r == 0)
        r = check_authorization(d, h, node);
    if (r < 0)
        return r;
    if (is_given(h->basic_username) && is_given(h->basic_username_file))
        return decoder_fail(d, place_of(node, "basic_auth"),
                            "at most one of basic_auth username & "
                            "username_file must be configured");
    if (is_given(h->basic_password) && is_given(h->basic_password_file))
        return decoder_fail(d, place_of(node, "basic_auth"),
                            "at most one of basic_auth password & "
                            "password_file must be configured");
    if (is_given(h->no_proxy) && !is_given(h->proxy_url))
        return decoder_fail(d, place_of(node, "no_proxy"),
                            "if no_proxy is configured, proxy_url must also be "
                            "configured");
    h->tls.enabled = has_key(node, "tls_config");
    return 0;
}

static const struct field http_fields[] = {
    MORE_KEYS("basic_auth", &basic_auth_block),
    MORE_KEYS("authorization", &authorization_block),
    SECRET("bearer_token", struct http_options, authorization_credentials),
    PATH("bearer_token_file", struct http_options, authorization_credentials_file),
    BLOCK("tls_config", struct http_options, tls, &tls_block),
    READ("proxy_url", struct http_options, proxy_url, const char *, read_proxy_url),
    TEXT("no_proxy", struct http_options, no_proxy),
    BOOL("follow_redirects", struct http_options, follow_redirects),
    READ_MANY("http_headers", struct http_options, headers, const struct http_header *,
              read_http_headers),
};
const struct block http_block = {.name = "http client", FIELDS(http_fields), .check = check_http};
