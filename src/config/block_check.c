/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_check - the blocks of checks in a scrape job, with the keys of blackbox_exporter's modules
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "config/block_check_priv.h"
#include "config/config_priv.h"
#include "config/decode_priv.h"

#define STATUS_MIN 100
#define STATUS_MAX 999

/* ---- kinds of values ----------------------------------------------------------------------- */

void read_ip_version(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (node->kind == YAML_SCALAR && str_eq(node->text, STR("ip4")))
        *(int *)value = 4;
    else if (node->kind == YAML_SCALAR && str_eq(node->text, STR("ip6")))
        *(int *)value = 6;
    else
        decoder_expected(d, node, "ip4 or ip6");
}

static void read_status_codes(struct decoder *d, const struct yaml_node *node, void *value,
                              size_t *count)
{
    uint64_t *codes;

    if (!is_list(d, node))
        return;
    codes = arena_array(&d->config->arena, node->n + 1, sizeof *codes);
    for (size_t i = 0; i < node->n; i++)
        if (!scalar_count(node->values[i], &codes[i]) || codes[i] < STATUS_MIN ||
            codes[i] > STATUS_MAX)
            decoder_expected(d, node->values[i], "a status code, 100 to 999");
    *(uint64_t **)value = codes;
    *count = node->n;
}

void read_ip_address(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct in6_addr bytes;
    const char *text;

    if (!is_text(d, node))
        return;
    text = decoder_text(d, node->text);
    if (inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1)
        *(const char **)value = text;
    else
        decoder_expected(d, node, "an IP address in digits");
}

/* Patterns are found anywhere in the text, as Go's regexp.Match finds them. */
void read_patterns(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct regex **all;
    size_t n = 0;

    if (!is_list(d, node))
        return;
    all = arena_array(&d->config->arena, node->n + 1, sizeof *all);
    for (size_t i = 0; i < node->n; i++)
        if (is_text(d, node->values[i]))
            all[n++] = decoder_regex(d, node->values[i], node->values[i]->text, REGEX_SEARCH);
    *(struct regex ***)value = all;
    *count = n;
}

void read_pattern(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    if (is_text(d, node))
        *(struct regex **)value = decoder_regex(d, node, node->text, REGEX_SEARCH);
}

bool is_secret_header(struct str name)
{
    static const char *const parts[] = {"auth", "cookie", "token", "key", "secret", "password"};
    CLEANUP(buf_free) struct buf text = {0};

    buf_add_str(&text, name);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strcasestr(text.p ? text.p : "", parts[i]))
            return true;
    return false;
}

static void read_headers(struct decoder *d, const struct yaml_node *node, void *value,
                         size_t *count)
{
    struct http_header *headers;

    if (!is_mapping(d, node))
        return;
    headers = arena_array(&d->config->arena, node->n + 1, sizeof *headers);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *key = node->keys[i], *v = node->values[i];

        headers[i] = (struct http_header){decoder_text(d, key->text), ""};
        if (!key->text.len || strpbrk(headers[i].name, "\r\n: "))
            decoder_wrong(d, key, "%s is no name of an HTTP header", shown(d, key->text));
        if (yaml_is_null(v) || !is_text(d, v))
            continue;
        headers[i].value = decoder_text(d, v->text);
        if (strpbrk(headers[i].value, "\r\n"))
            decoder_wrong(d, v, "the value of header %s has a line break", shown(d, key->text));
        if (is_secret_header(key->text))
            decoder_secret(d, v);
    }
    *(const struct http_header **)value = headers;
    *count = node->n;
}

static void read_compression(struct decoder *d, const struct yaml_node *node, void *value,
                             size_t *count)
{
    struct str t = node->text;

    if (node->kind == YAML_SCALAR && (t.len == 0 || str_eq(t, STR("identity"))))
        *(bool *)value = false;
    else if (node->kind == YAML_SCALAR && str_eq(t, STR("gzip")))
        *(bool *)value = true;
    else
        decoder_expected(d, node, "gzip or identity (br and deflate are not carried out)");
}

/* ---- http_check ---------------------------------------------------------------------------- */

static int check_header_pattern(struct decoder *d, void *object, const struct yaml_node *node,
                                void *parent)
{
    const struct config_header_pattern *p = object;

    if (!is_given(p->header))
        return decoder_fail(d, place_of(node, "header"), "header name must be set");
    if (!p->regex)
        return decoder_fail(d, place_of(node, "regexp"), "regexp must be set");
    return 0;
}

static const struct field header_pattern_fields[] = {
    TEXT("header", struct config_header_pattern, header),
    READ("regexp", struct config_header_pattern, regex, struct regex *, read_pattern),
    BOOL("allow_missing", struct config_header_pattern, allow_missing),
};
static const struct block header_pattern_block = {
    .name = "header pattern",
    FIELDS(header_pattern_fields),
    .size = sizeof(struct config_header_pattern),
    .check = check_header_pattern,
};

static bool is_http_version(const char *v)
{
    return strcmp(v, "HTTP/1.0") == 0 || strcmp(v, "HTTP/1.1") == 0 || strcmp(v, "HTTP/2.0") == 0;
}

static bool is_token(const char *word)
{
    for (const char *c = word; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || *c == '-'))
            return false;
    return *word;
}

static int check_http_check(struct decoder *d, void *object, const struct yaml_node *node,
                            void *parent)
{
    const struct config_http_check *h = object;

    for (size_t i = 0; i < h->n_valid_http_versions; i++)
        if (!is_http_version(h->valid_http_versions[i]))
            return decoder_fail(d, yaml_get(node, "valid_http_versions")->values[i],
                                "valid_http_versions: found \"%s\", expected HTTP/1.0, HTTP/1.1 or "
                                "HTTP/2.0",
                                h->valid_http_versions[i]);
    if (!is_token(h->method))
        return decoder_fail(d, place_of(node, "method"), "method: \"%s\" is no method of HTTP",
                            h->method);
    if (h->fail_if_ssl && h->fail_if_not_ssl)
        return decoder_fail(d, place_of(node, "fail_if_ssl"),
                            "fail_if_ssl and fail_if_not_ssl: then every answer fails");
    return at_most_one(d, node, "body", "body_file");
}

#define H struct config_http_check
static const struct field http_check_fields[] = {
    READ_MANY("valid_status_codes", H, valid_status_codes, uint64_t *, read_status_codes),
    TEXTS("valid_http_versions", H, valid_http_versions),
    READ("preferred_ip_protocol", H, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", H, ip.fallback),
    BOOL("fail_if_ssl", H, fail_if_ssl),
    BOOL("fail_if_not_ssl", H, fail_if_not_ssl),
    BOOL("enable_http2", H, enable_http2),
    TEXT("method", H, method),
    READ_MANY("headers", H, headers, const struct http_header *, read_headers),
    READ_MANY("fail_if_body_matches_regexp", H, body_matches, struct regex **, read_patterns),
    READ_MANY("fail_if_body_not_matches_regexp", H, body_not_matches, struct regex **,
              read_patterns),
    BLOCKS("fail_if_header_matches", H, header_matches, struct config_header_pattern *,
           &header_pattern_block, "empty element in fail_if_header_matches"),
    BLOCKS("fail_if_header_not_matches", H, header_not_matches, struct config_header_pattern *,
           &header_pattern_block, "empty element in fail_if_header_not_matches"),
    TEXT("body", H, body),
    PATH("body_file", H, body_file),
    READ("compression", H, gzip, bool, read_compression),
    SIZE("body_size_limit", H, body_size_limit),
};
#undef H

const struct config_http_check config_http_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
    .method = "GET",
    .enable_http2 = true,
    .http = {.follow_redirects = true},
};
const struct block http_check_block = {
    .name = "http_check",
    FIELDS(http_check_fields),
    .also = &http_block,
    .also_offset = offsetof(struct config_http_check, http),
    .size = sizeof(struct config_http_check),
    .defaults = &config_http_check_defaults,
    .check = check_http_check,
};

/* ---- tcp_check, tls_check ------------------------------------------------------------------ */

static const struct field pair_fields[] = {
    TEXT("name", struct config_text_pair, name),
    TEXT("value", struct config_text_pair, value),
};
static int check_pair(struct decoder *d, void *object, const struct yaml_node *node, void *parent)
{
    struct config_text_pair *p = object;

    if (!is_given(p->name) || !label_name_is_legacy(str_c(p->name)))
        return decoder_fail(d, place_of(node, "name"),
                            "name of a label: letters, digits and _, no digit at the beginning");
    return 0;
}
static const struct config_text_pair pair_defaults = {.value = ""};
static const struct block pair_block = {
    .name = "label of an expectation",
    FIELDS(pair_fields),
    .size = sizeof(struct config_text_pair),
    .defaults = &pair_defaults,
    .check = check_pair,
};

static int check_query_response(struct decoder *d, void *object, const struct yaml_node *node,
                                void *parent)
{
    const struct config_query_response *q = object;

    if (q->n_labels && !q->expect)
        return decoder_fail(d, place_of(node, "labels"), "labels need an expect in the same step");
    if (!q->expect && !is_given(q->expect_bytes) && !q->send && !q->starttls)
        return decoder_fail(d, node, "a step needs one of expect, expect_bytes, send, starttls");
    return at_most_one(d, node, "expect", "expect_bytes");
}

#define Q struct config_query_response
static const struct field query_response_fields[] = {
    READ("expect", Q, expect, struct regex *, read_pattern),
    TEXT("expect_bytes", Q, expect_bytes),
    TEXT("send", Q, send),
    BOOL("starttls", Q, starttls),
    BLOCKS("labels", Q, labels, struct config_text_pair *, &pair_block, "empty element in labels"),
};
#undef Q
static const struct block query_response_block = {
    .name = "query_response",
    FIELDS(query_response_fields),
    .size = sizeof(struct config_query_response),
    .check = check_query_response,
};

static int check_tcp_check(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    const struct config_tcp_check *t = object;
    bool tls = t->tls.enabled;

    for (size_t i = 0; i < t->n_query_response; i++) {
        if (t->query_response[i].starttls && tls)
            return decoder_fail(d, yaml_get(node, "query_response")->values[i],
                                "starttls: the connection has TLS already");
        tls = tls || t->query_response[i].starttls;
    }
    return 0;
}

static const struct field tcp_check_fields[] = {
    READ("preferred_ip_protocol", struct config_tcp_check, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", struct config_tcp_check, ip.fallback),
    READ("source_ip_address", struct config_tcp_check, source_ip_address, const char *,
         read_ip_address),
    BOOL("tls", struct config_tcp_check, tls.enabled),
    BLOCK("tls_config", struct config_tcp_check, tls, &tls_block),
    BLOCKS("query_response", struct config_tcp_check, query_response,
           struct config_query_response *, &query_response_block, "empty step in query_response"),
};
const struct config_tcp_check config_tcp_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
};
const struct block tcp_check_block = {
    .name = "tcp_check",
    FIELDS(tcp_check_fields),
    .size = sizeof(struct config_tcp_check),
    .defaults = &config_tcp_check_defaults,
    .check = check_tcp_check,
};

static const struct field tls_check_fields[] = {
    READ("preferred_ip_protocol", struct config_tcp_check, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", struct config_tcp_check, ip.fallback),
    BLOCK("tls_config", struct config_tcp_check, tls, &tls_block),
};
const struct config_tcp_check config_tls_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
    .tls = {.enabled = true},
};
const struct block tls_check_block = {
    .name = "tls_check",
    FIELDS(tls_check_fields),
    .size = sizeof(struct config_tcp_check),
    .defaults = &config_tls_check_defaults,
};
