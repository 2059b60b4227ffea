/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "net/http_server_priv.h"

#define BACKLOG                                                                                    \
    511              /* connections that the kernel keeps for us; it cuts this to its own maximum  \
                      */
#define HOST_MAX 256 /* bytes with the zero; names are at most 253 long */

/* HOST:PORT with HOST empty, a name, an IPv4 address or an IPv6 address in brackets. */
static int split(const char *address, char host[HOST_MAX], uint16_t *ret_port, struct err *err)
{
    const char *colon = strrchr(address, ':');
    struct str name = str_n(address, colon ? (size_t)(colon - address) : 0);
    uint64_t port;

    if (name.len > 1 && name.p[0] == '[' && name.p[name.len - 1] == ']')
        name = str_n(name.p + 1, name.len - 2);
    else if (name.len > 0 && memchr(name.p, ':', name.len))
        return err_set(err, -EINVAL, "an IPv6 address must stand in brackets: [::1]:9090");
    if (!colon || name.len >= HOST_MAX || !num_parse_u64(str_c(colon + 1), &port) ||
        port > UINT16_MAX)
        return err_set(err, -EINVAL, "expected HOST:PORT, something like 127.0.0.1:9090");
    memcpy(host, name.p, name.len);
    host[name.len] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

static int bind_and_listen(const struct sockaddr *sa, socklen_t len, int *ret_fd, struct err *err)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1,
        zero = 0;
    int r;

    if (fd < 0)
        return err_set(err, -errno, "%m");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (sa->sa_family == AF_INET6) /* the unspecified address is to take IPv4 as well */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, sa, len) < 0 || listen(fd, BACKLOG) < 0) {
        r = err_set(err, -errno, "%m");
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* All addresses of the machine: one socket for both families, IPv4 alone where there is no IPv6. */
static int listen_on_all(uint16_t port, int *ret_fd, struct err *err)
{
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int r = bind_and_listen((const struct sockaddr *)&six, sizeof six, ret_fd, err);

    if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
        r = bind_and_listen((const struct sockaddr *)&four, sizeof four, ret_fd, err);
    return r;
}

/* A name that stands for several addresses gives its first one, IPv4 if there is any, as Go does.
 */
static int listen_on_name(const char *host, uint16_t port, int *ret_fd, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *all, *best;
    char text[6];
    int r;

    snprintf(text, sizeof text, "%u", port);
    r = getaddrinfo(host, text, &hints, &all);
    if (r != 0)
        return err_set(err, -EADDRNOTAVAIL, "%s", gai_strerror(r));
    for (best = all; best && best->ai_family != AF_INET; best = best->ai_next)
        ;
    if (!best)
        best = all;
    r = bind_and_listen(best->ai_addr, best->ai_addrlen, ret_fd, err);
    freeaddrinfo(all);
    return r;
}

static int port_of(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    must(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
                                          : ((struct sockaddr_in *)&sa)->sin_port);
}

int http_listen(const char *address, int *ret_fd, int *ret_port, struct err *err)
{
    char host[HOST_MAX];
    uint16_t port = 0;
    int fd = -1, r;

    r = split(address, host, &port, err);
    if (r == 0)
        r = host[0] ? listen_on_name(host, port, &fd, err) : listen_on_all(port, &fd, err);
    if (r < 0)
        return err_in(err, r, "listen on %s", address);
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return 0;
}
