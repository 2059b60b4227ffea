/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/address_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"

#define PORT_MAX 65535

static const struct {
    int port; /* when none is written */
    const char *block;
} kinds[] = {[SERVER_REDIS] = {6379, "redis"}, [SERVER_MYSQL] = {3306, "mysql"}};

#define BIT(kind) (1u << (kind))
static const struct {
    struct str prefix;
    unsigned of; /* kinds */
    bool tls, is_path;
} schemes[] = {
    {{"redis://", 8}, BIT(SERVER_REDIS), false, false},
    {{"valkey://", 9}, BIT(SERVER_REDIS), false, false},
    {{"rediss://", 9}, BIT(SERVER_REDIS), true, false},
    {{"valkeys://", 10}, BIT(SERVER_REDIS), true, false},
    {{"mysql://", 8}, BIT(SERVER_MYSQL), false, false},
    {{"mariadb://", 10}, BIT(SERVER_MYSQL), false, false},
    {{"unix://", 7}, BIT(SERVER_REDIS) | BIT(SERVER_MYSQL), false, true},
};

static struct str without(struct str s, size_t first)
{
    return str_n(s.p + first, s.len - first);
}

/* Takes the host off the front of *s: a name, an IPv4 address, or an IPv6 address in brackets. */
static int cut_host(struct str *s, struct str *ret, struct err *err)
{
    struct str rest = *s;

    if (rest.len == 0 || rest.p[0] != '[') {
        *ret = str_n(rest.p, str_find(rest, STR(":")));
        *s = without(rest, ret->len);
    } else if (str_find(rest, STR("]")) == rest.len) {
        return err_set(err, -EINVAL, "\"%.*s\": expected a ] behind the IPv6 address",
                       STR_ARG(rest));
    } else {
        *ret = str_n(rest.p + 1, str_find(rest, STR("]")) - 1);
        *s = without(rest, ret->len + 2);
    }
    return 0;
}

static int parse_host_port(enum server_kind kind, struct str text, bool tls,
                           struct server_address *ret, struct err *err)
{
    struct str rest = str_n(text.p, str_find(text, STR("/"))), host; /* a database may follow */
    int64_t port = kinds[kind].port;

    if (str_find(rest, STR("@")) < rest.len)
        return err_set(err, -EINVAL,
                       "the address holds a user or a password: give them as username and password "
                       "of the job's %s block",
                       kinds[kind].block);
    if (cut_host(&rest, &host, err) < 0)
        return -EINVAL;
    if (host.len == 0)
        return err_set(err, -EINVAL, "\"%.*s\": expected a host, host:port or /path of a socket",
                       STR_ARG(text));
    if (rest.len && (rest.p[0] != ':' || !num_parse_i64(without(rest, 1), &port) || port < 1 ||
                     port > PORT_MAX))
        return err_set(err, -EINVAL, "\"%.*s\": expected a port from 1 to 65535 behind the host",
                       STR_ARG(text));
    *ret = (struct server_address){.host = str_dup(host), .port = (int)port, .tls = tls};
    return 0;
}

int server_address_parse(enum server_kind kind, struct str text, struct server_address *ret,
                         struct err *err)
{
    bool tls = false, is_path = false;

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if ((schemes[i].of & BIT(kind)) && str_has_prefix(text, schemes[i].prefix)) {
            text = without(text, schemes[i].prefix.len);
            tls = schemes[i].tls;
            is_path = schemes[i].is_path;
            break;
        }
    if (text.len && text.p[0] == '/' && !tls) {
        *ret = (struct server_address){.unix_path = str_dup(text)};
        return 0;
    }
    if (is_path)
        return err_set(err, -EINVAL, "\"%.*s\": expected an absolute path behind unix://",
                       STR_ARG(text));
    return parse_host_port(kind, text, tls, ret, err);
}

void server_address_deinit(struct server_address *a)
{
    free(a->host);
    free(a->unix_path);
    *a = (struct server_address){0};
}
