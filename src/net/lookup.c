/* SPDX-License-Identifier: Apache-2.0 */
#include "net/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/resolve_priv.h"

struct lookup {
    struct resolve *resolve;
    char *host;
    int preferred;
    bool fallback;
    lookup_done *done;
    void *arg;
};

static void free_lookup(struct lookup *k)
{
    free(k->host);
    free(k);
}

static bool read_address(const struct addrinfo *a, struct ip_address *ret)
{
    const void *bytes;

    if (a->ai_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
    else if (a->ai_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;
    else
        return false;
    *ret = (struct ip_address){.version = a->ai_family == AF_INET ? 4 : 6};
    memcpy(ret->bytes, bytes, (size_t)ip_address_length(ret));
    return inet_ntop(a->ai_family, bytes, ret->text, sizeof ret->text);
}

static bool choose(const struct lookup *k, const struct addrinfo *all, struct ip_address *ret)
{
    struct ip_address other, a;
    bool has_other = false;

    for (; all; all = all->ai_next) {
        if (!read_address(all, &a))
            continue;
        if (a.version == k->preferred) {
            *ret = a;
            return true;
        }
        if (!has_other)
            other = a;
        has_other = true;
    }
    if (!has_other || !k->fallback)
        return false;
    *ret = other;
    return true;
}

static void on_addresses(const struct addrinfo *addresses, const struct err *failed, void *arg)
{
    struct lookup *k = arg;
    struct ip_address a = {0};
    struct err err = {0};

    if (!addresses)
        err = *failed;
    else if (!choose(k, addresses, &a))
        err_set(&err, -EHOSTUNREACH, "resolve %s: it has no IPv%d address", k->host, k->preferred);
    k->done(err.code ? NULL : &a, err.code ? &err : NULL, k->arg);
    free_lookup(k);
}

struct lookup *lookup_start(struct loop *l, const char *host, int preferred, bool fallback,
                            lookup_done *done, void *arg)
{
    struct lookup *k = mem_zalloc(sizeof *k);

    k->host = mem_strdup(host);
    k->preferred = preferred;
    k->fallback = fallback;
    k->done = done;
    k->arg = arg;
    k->resolve = resolve_start(l, host, 0, on_addresses, k);
    return k;
}

void lookup_cancel(struct lookup *k)
{
    if (!k)
        return;
    resolve_cancel(k->resolve);
    free_lookup(k);
}
