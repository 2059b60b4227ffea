/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_dns_check - the block dns_check in a scrape job
 */
#include "config/block_check_priv.h"
#include "config/config_priv.h"
#include "model/dns_names.h"

/* ---- words of DNS -------------------------------------------------------------------------- */

static void read_word(struct decoder *d, const struct yaml_node *node, enum dns_words which,
                      const char *expected, int *ret)
{
    int number = node->kind == YAML_SCALAR ? dns_number(which, node->text) : -1;

    if (number < 0)
        decoder_expected(d, node, expected);
    else
        *ret = number;
}

static void read_type(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    read_word(d, node, DNS_TYPES, "a type of records: A, AAAA, SOA, MX, TXT ...", value);
}

static void read_class(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    read_word(d, node, DNS_CLASSES, "a class of records: IN, CH ...", value);
}

static void read_codes(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    uint64_t *codes;

    if (!is_list(d, node))
        return;
    codes = arena_array(&d->config->arena, node->n + 1, sizeof *codes);
    for (size_t i = 0; i < node->n; i++) {
        int code = -1;

        read_word(d, node->values[i], DNS_CODES,
                  "a code of an answer: NOERROR, NXDOMAIN, REFUSED ...", &code);
        codes[i] = code < 0 ? 0 : (uint64_t)code;
    }
    *(uint64_t **)value = codes;
    *count = node->n;
}

static void read_transport(struct decoder *d, const struct yaml_node *node, void *value,
                           size_t *count)
{
    if (node->kind == YAML_SCALAR && str_eq(node->text, STR("udp")))
        *(bool *)value = false;
    else if (node->kind == YAML_SCALAR && str_eq(node->text, STR("tcp")))
        *(bool *)value = true;
    else
        decoder_expected(d, node, "udp or tcp");
}

/* ---- the block ----------------------------------------------------------------------------- */

#define R struct config_record_rules
static const struct field rules_fields[] = {
    READ_MANY("fail_if_matches_regexp", R, matches, struct regex **, read_patterns),
    READ_MANY("fail_if_all_match_regexp", R, all_match, struct regex **, read_patterns),
    READ_MANY("fail_if_not_matches_regexp", R, not_matches, struct regex **, read_patterns),
    READ_MANY("fail_if_none_matches_regexp", R, none_matches, struct regex **, read_patterns),
};
#undef R
static const struct block rules_block = {
    .name = "validation of records",
    FIELDS(rules_fields),
    .size = sizeof(struct config_record_rules),
};

static int check_dns_check(struct decoder *d, void *object, const struct yaml_node *node,
                           void *parent)
{
    const struct config_dns_check *c = object;

    if (!is_given(c->query_name))
        return decoder_fail(d, place_of(node, "query_name"),
                            "query_name must be set for dns_check");
    if (c->tls.enabled && !c->tcp)
        return decoder_fail(d, place_of(node, "dns_over_tls"),
                            "dns_over_tls needs transport_protocol: tcp");
    return 0;
}

#define C struct config_dns_check
static const struct field dns_check_fields[] = {
    READ("preferred_ip_protocol", C, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", C, ip.fallback),
    READ("source_ip_address", C, source_ip_address, const char *, read_ip_address),
    READ("transport_protocol", C, tcp, bool, read_transport),
    BOOL("dns_over_tls", C, tls.enabled),
    BLOCK("tls_config", C, tls, &tls_block),
    TEXT("query_name", C, query_name),
    READ("query_type", C, query_type, int, read_type),
    READ("query_class", C, query_class, int, read_class),
    BOOL("recursion_desired", C, recursion_desired),
    READ_MANY("valid_rcodes", C, valid_rcodes, uint64_t *, read_codes),
    BLOCK("validate_answer_rrs", C, answer, &rules_block),
    BLOCK("validate_authority_rrs", C, authority, &rules_block),
    BLOCK("validate_additional_rrs", C, additional, &rules_block),
};
#undef C

const struct config_dns_check config_dns_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
    .query_type = 255,
    .query_class = 1,
    .recursion_desired = true,
};
const struct block dns_check_block = {
    .name = "dns_check",
    FIELDS(dns_check_fields),
    .size = sizeof(struct config_dns_check),
    .defaults = &config_dns_check_defaults,
    .check = check_dns_check,
};
