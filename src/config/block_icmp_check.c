/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_icmp_check - the block icmp_check in a scrape job
 */
#include "config/block_check_priv.h"
#include "config/config_priv.h"

#define PAYLOAD_MAX 65507 /* bytes: a packet of IPv4 without its headers */
#define TTL_MAX     255

static int check_icmp_check(struct decoder *d, void *object, const struct yaml_node *node,
                            void *parent)
{
    const struct config_icmp_check *c = object;

    if (c->payload_size > PAYLOAD_MAX)
        return decoder_fail(d, place_of(node, "payload_size"),
                            "payload_size: at most %d bytes go into a packet", PAYLOAD_MAX);
    if (c->ttl > TTL_MAX)
        return decoder_fail(d, place_of(node, "ttl"), "ttl: at most %d", TTL_MAX);
    return 0;
}

#define C struct config_icmp_check
static const struct field icmp_check_fields[] = {
    READ("preferred_ip_protocol", C, ip.preferred, int, read_ip_version),
    BOOL("ip_protocol_fallback", C, ip.fallback),
    READ("source_ip_address", C, source_ip_address, const char *, read_ip_address),
    BOOL("dont_fragment", C, dont_fragment),
    COUNT("payload_size", C, payload_size),
    COUNT("ttl", C, ttl),
};
#undef C

const struct config_icmp_check config_icmp_check_defaults = {
    .ip = {.preferred = 6, .fallback = true},
};
const struct block icmp_check_block = {
    .name = "icmp_check",
    FIELDS(icmp_check_fields),
    .size = sizeof(struct config_icmp_check),
    .defaults = &config_icmp_check_defaults,
    .check = check_icmp_check,
};
