/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockaddr_priv - an address in digits and a port, as the kernel wants them
 */
#ifndef TOCSIN_NET_SOCKADDR_PRIV_H
#define TOCSIN_NET_SOCKADDR_PRIV_H

#include <stdbool.h>
#include <sys/socket.h>

struct socket_address {
    struct sockaddr_storage sa;
    socklen_t len; /* 0: none */
};

bool socket_address_set(struct socket_address *a, const char *digits, int port);

/* socket() for talking to `to`; with a source that is set also bind(). The descriptor, which does not
 * block, or negative errno. */
int socket_open(const struct socket_address *to, int type, const struct socket_address *source);

#endif
