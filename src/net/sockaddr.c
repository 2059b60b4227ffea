/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "net/sockaddr_priv.h"

bool socket_address_set(struct socket_address *a, const char *digits, int port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&a->sa;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&a->sa;

    *a = (struct socket_address){0};
    if (inet_pton(AF_INET, digits, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        a->len = sizeof *four;
    } else if (inet_pton(AF_INET6, digits, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        a->len = sizeof *six;
    }
    return a->len > 0;
}

int socket_open(const struct socket_address *to, int type, const struct socket_address *source)
{
    int fd = socket(to->sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    if (source && source->len && bind(fd, (const struct sockaddr *)&source->sa, source->len) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}
