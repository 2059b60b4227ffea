/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_allow - patterns of what /probe may ask besides the targets of a job
 *
 *     10.0.0.0/8:6379   [fd00::/8]:6379   192.0.2.7:*   *.site.example:443   db-1:3306-3310   *:443
 *
 * A name is never looked up to compare it with addresses: who answers for the name could then
 * choose what is asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "config/config_priv.h"

#define PORT_MAX 65535
#define EXPECTED                                                                                   \
    "HOST:PORT: an address, a network such as 10.0.0.0/8 ([fd00::/8] of IPv6), a name, *.NAME or " \
    "*, and a port, FIRST-LAST or *"

static struct str without(struct str s, size_t first)
{
    return str_n(s.p + first, s.len - first);
}

/* An address of IPv4 or IPv6: sets version and bytes. */
static bool read_address(struct str text, struct config_allow *a)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    a->version = inet_pton(AF_INET, copy, a->address) == 1    ? 4
                 : inet_pton(AF_INET6, copy, a->address) == 1 ? 6
                                                              : 0;
    return a->version != 0;
}

static unsigned bits_of(int version)
{
    return version == 4 ? 32 : 128;
}

/* Letters as they stand in names of hosts, and in those of containers. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((!s.p[i] || !strchr("-._", s.p[i])) && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            !((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z'))
            return false;
    return s.len > 0;
}

/* Takes what stands before the last colon off the front of *s, without brackets. */
static bool cut_host(struct str *s, struct str *ret)
{
    size_t end = 0;

    if (s->len && s->p[0] == '[') {
        end = str_find(*s, STR("]:"));
        *ret = str_n(s->p + 1, end - 1);
        if (end == s->len)
            return false;
        *s = without(*s, end + 2);
        return true;
    }
    end = str_find(*s, STR(":"));
    if (end == s->len)
        return false;
    *ret = str_n(s->p, end);
    *s = without(*s, end + 1);
    return true;
}

static bool read_host(struct str host, struct config_allow *a)
{
    struct str rest = host, address = str_cut(&rest, '/');
    uint64_t bits;

    if (read_address(address, a)) {
        bits = bits_of(a->version);
        if (address.len < host.len && (!num_parse_u64(rest, &bits) || bits > bits_of(a->version)))
            return false;
        a->bits = (unsigned)bits;
        return true;
    }
    a->host = host;
    return str_eq(host, STR("*")) ||
           is_name(str_has_prefix(host, STR("*.")) ? without(host, 2) : host);
}

static bool read_ports(struct str text, struct config_allow *a)
{
    uint64_t first, last;
    struct str low = str_cut(&text, '-');

    if (str_eq(low, STR("*")) && !text.len) {
        a->last_port = PORT_MAX;
        return true;
    }
    if (!num_parse_u64(low, &first))
        return false;
    last = first;
    if ((text.len && !num_parse_u64(text, &last)) || first < 1 || first > last || last > PORT_MAX)
        return false;
    a->first_port = (unsigned)first;
    a->last_port = (unsigned)last;
    return true;
}

void read_probe_allow(struct decoder *d, const struct yaml_node *node, void *value, size_t *count)
{
    struct config_allow *all;

    if (!is_list(d, node))
        return;
    all = arena_array(&d->config->arena, node->n + 1, sizeof *all);
    for (size_t i = 0; i < node->n; i++) {
        struct str rest = node->values[i]->text, host;

        if (node->values[i]->kind != YAML_SCALAR || !cut_host(&rest, &host) ||
            !read_host(host, &all[i]) || !read_ports(rest, &all[i]))
            decoder_expected(d, node->values[i], EXPECTED);
        else if (!all[i].version)
            all[i].host = str_c(decoder_text(d, host));
    }
    *(struct config_allow **)value = all;
    *count = node->n;
}

/* ---- matching ------------------------------------------------------------------------------ */

static bool has_prefix_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, more = bits % 8;

    return memcmp(a, b, whole) == 0 && (more == 0 || ((a[whole] ^ b[whole]) >> (8 - more)) == 0);
}

static bool is_host(const struct config_allow *a, struct str host, const struct config_allow *asked)
{
    if (a->version)
        return asked->version == a->version && has_prefix_bits(a->address, asked->address, a->bits);
    if (str_eq(a->host, STR("*")))
        return true;
    if (!str_has_prefix(a->host, STR("*.")))
        return str_eq_nocase(a->host, host);
    return host.len > a->host.len - 1 &&
           str_eq_nocase(without(host, host.len - (a->host.len - 1)), without(a->host, 1));
}

bool config_allows(const struct config_scrape *job, struct str host, unsigned port)
{
    struct config_allow asked = {0};
    bool good = read_address(host, &asked) || is_name(host);

    for (size_t i = 0; good && i < job->n_probe_allow; i++) {
        const struct config_allow *a = &job->probe_allow[i];

        if (port >= a->first_port && port <= a->last_port && is_host(a, host, &asked))
            return true;
    }
    return false;
}
