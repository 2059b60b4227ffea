/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - the other end of a connection, for tests: blocking sockets, scripted by a function
 */
#ifndef TOCSIN_TESTS_UNIT_NET_PEER_H
#define TOCSIN_TESTS_UNIT_NET_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/num.h"
#include "base/thread.h"

#define PEER_PATIENCE_S 20 /* no read or write of a test takes longer */

struct peer {
    int fd, port;
    struct thread thread;
    atomic_int accepted;
    struct lock lock;
    int connection;                   /* under lock: what is being served, -1: none */
    bool stopping;                    /* under lock */
    void (*serve)(int fd, void *arg); /* one connection after the other; fd is closed behind it */
    void *arg;
};

static inline void peer_patience(int fd)
{
    struct timeval tv = {.tv_sec = PEER_PATIENCE_S};

    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
}

/* A socket that is bound to a free port of 127.0.0.1 and does not listen: connections are refused.
 */
static inline int peer_bind(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;

    must(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
    must(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
    *ret_port = ntohs(sa.sin_port);
    return fd;
}

static inline bool peer_serves(struct peer *p, int fd)
{
    WITH_LOCK(&p->lock);
    p->connection = fd;
    return !p->stopping;
}

static inline void peer_run(void *arg)
{
    struct peer *p = arg;
    int fd;

    while ((fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        atomic_fetch_add(&p->accepted, 1);
        peer_patience(fd);
        if (peer_serves(p, fd))
            p->serve(fd, p->arg);
        peer_serves(p, -1);
        close(fd);
    }
}

static inline void peer_start(struct peer *p, void (*serve)(int fd, void *arg), void *arg)
{
    *p = (struct peer){.serve = serve, .arg = arg, .connection = -1};
    lock_init(&p->lock);
    p->fd = peer_bind(&p->port);
    must(listen(p->fd, 64) == 0);
    thread_start(&p->thread, "peer", peer_run, p);
}

static inline void peer_stop(struct peer *p)
{
    lock_take(&p->lock);
    p->stopping = true;
    if (p->connection >= 0)
        shutdown(p->connection, SHUT_RDWR);
    lock_give(&p->lock);
    shutdown(p->fd, SHUT_RDWR); /* accept() returns */
    thread_join(&p->thread);
    lock_deinit(&p->lock);
    close(p->fd);
}

static inline int peer_dial(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    must(fd >= 0);
    peer_patience(fd);
    must(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
    return fd;
}

static inline void peer_send(int fd, const char *text)
{
    size_t left = strlen(text);
    ssize_t n;

    for (; left > 0; left -= (size_t)n, text += n)
        if ((n = send(fd, text, left, MSG_NOSIGNAL)) <= 0)
            return; /* the test will see it by what it reads */
}

/* Appends what comes until `end` is in it or the other end closes; false when that or a time-out
 * came. */
static inline bool peer_read_to(int fd, struct buf *in, const char *end)
{
    while (str_find(buf_str(in), str_c(end)) == in->len) {
        ssize_t n = recv(fd, buf_room(in, 65536), 65536, 0);

        if (n <= 0)
            return false;
        in->len += (size_t)n;
        in->p[in->len] = '\0';
    }
    return true;
}

static inline void peer_read_all(int fd, struct buf *in)
{
    while (peer_read_to(fd, in, "\1no text has this\1"))
        ;
}

/* Reads one answer with its body, by its Content-Length; false when the connection ended first. */
static inline bool peer_read_answer(int fd, struct buf *in)
{
    size_t body, length;
    const char *at;

    if (!peer_read_to(fd, in, "\r\n\r\n"))
        return false;
    body = str_find(buf_str(in), STR("\r\n\r\n")) + 4;
    at = strstr(in->p, "Content-Length: ");
    length = at ? strtoul(at + 16, NULL, 10) : 0;
    while (in->len < body + length) {
        ssize_t n = recv(fd, buf_room(in, 65536), 65536, 0);

        if (n <= 0)
            return false;
        in->len += (size_t)n;
        in->p[in->len] = '\0';
    }
    return true;
}

/* True when the other end closes within its patience, after whatever it still sends. */
static inline bool peer_sees_end(int fd)
{
    char rest[4096];
    ssize_t n;

    while ((n = recv(fd, rest, sizeof rest, 0)) > 0)
        ;
    return n == 0 || errno == ECONNRESET;
}

static inline void peer_nap(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

#endif
