/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_grpc_check - the block grpc_check in a scrape job
 */
#include <string.h>

#include "config/block_check_priv.h"
#include "config/config_priv.h"

/* gRPC knows names in small letters, digits and "-_."; those in "grpc-" are its own. */
static bool is_metadata_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(name.p[i] >= 'a' && name.p[i] <= 'z') && !(name.p[i] >= '0' && name.p[i] <= '9') &&
            !strchr("-_.", name.p[i]))
            return false;
    return name.len && !str_has_prefix(name, STR("grpc-"));
}

static size_t count_values(const struct yaml_node *node)
{
    size_t n = 0;

    for (size_t i = 0; i < node->n; i++)
        n += node->values[i]->kind == YAML_SCALAR ? 1 : node->values[i]->n;
    return n;
}

static void read_value(struct decoder *d, const struct yaml_node *key, const struct yaml_node *v,
                       struct http_header *ret)
{
    *ret = (struct http_header){decoder_text(d, key->text), ""};
    if (!is_text(d, v))
        return;
    ret->value = decoder_text(d, v->text);
    if (strpbrk(ret->value, "\r\n"))
        decoder_wrong(d, v, "the value of metadata %s has a line break", shown(d, key->text));
    if (is_secret_header(key->text))
        decoder_secret(d, v);
}

/* name: text, or name: [text, ...] */
static void read_metadata(struct decoder *d, const struct yaml_node *node, void *value,
                          size_t *count)
{
    struct http_header *all;
    size_t n = 0;

    if (!is_mapping(d, node))
        return;
    all = arena_array(&d->config->arena, count_values(node) + 1, sizeof *all);
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *key = node->keys[i], *v = node->values[i];

        if (!is_metadata_name(key->text))
            decoder_wrong(d, key, "%s is no name of metadata: small letters, digits, -_.",
                          shown(d, key->text));
        else if (v->kind == YAML_SCALAR)
            read_value(d, key, v, &all[n++]);
        else if (is_list(d, v))
            for (size_t k = 0; k < v->n; k++)
                read_value(d, key, v->values[k], &all[n++]);
    }
    *(const struct http_header **)value = all;
    *count = n;
}

#define C struct config_grpc_check
static const struct field grpc_check_fields[] = {
    READ("preferred_ip_protocol", C, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", C, ip.fallback),
    TEXT("service", C, service),
    BOOL("tls", C, tls.enabled),
    BLOCK("tls_config", C, tls, &tls_block),
    READ_MANY("metadata", C, metadata, const struct http_header *, read_metadata),
};
#undef C

const struct config_grpc_check config_grpc_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
};
const struct block grpc_check_block = {
    .name = "grpc_check",
    FIELDS(grpc_check_fields),
    .size = sizeof(struct config_grpc_check),
    .defaults = &config_grpc_check_defaults,
};
